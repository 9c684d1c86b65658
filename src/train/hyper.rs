//! Hyperparameters: their names, defaults and meaning. The same names stand in `train` (a constant) and in `params`
//! (searched).

use super::method::{MethodKind, Schedule, default_lr};
use super::model::{Activation, ModelSpec};
use crate::space::Value;

/// The hyperparameters of one trial, all settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyper {
    /// How the parameters are updated.
    pub method: MethodKind,
    /// The learning rate alpha.
    pub lr: f64,
    /// The pull of `transfer`, the strength of `l2sp`.
    pub beta: f64,
    /// The momentum of `momentum` and `nesterov`.
    pub momentum: f64,
    /// The decay of Adam's first moment.
    pub beta1: f64,
    /// The decay of Adam's second moment.
    pub beta2: f64,
    /// Adam's guard against division by zero.
    pub eps: f64,
    /// Rows per step; none takes all.
    pub batch: Option<usize>,
    /// How long to train.
    pub length: Length,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// How the learning rate starts.
    pub warmup: Warmup,
    /// Strength of the L1 penalty.
    pub l1: f64,
    /// Strength of the L2 penalty.
    pub l2: f64,
    /// Decoupled weight decay of `adamw`.
    pub weight_decay: f64,
    /// Stop after so many epochs (steps, where the length is in steps) without a better validation loss.
    pub patience: Option<u64>,
    /// The scale of the random start; none takes the model's default.
    pub init: Option<f64>,
    /// Whether to start at the pre-trained parameters.
    pub warm: bool,
    /// The activation of hidden layers.
    pub activation: Activation,
    /// The model.
    pub model: ModelSpec,
}

/// How long to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Passes over the training rows.
    Epochs(f64),
    /// Updates.
    Steps(u64),
}

impl Length {
    /// The number of updates over `rows` rows in batches of `batch`.
    pub fn steps(self, rows: usize, batch: Option<usize>) -> u64 {
        match self {
            Self::Steps(steps) => steps,
            Self::Epochs(epochs) => {
                let per_epoch = rows.div_ceil(batch.unwrap_or(rows).max(1)).max(1);
                (epochs * per_epoch as f64).round() as u64
            }
        }
    }
}

/// How the learning rate starts: linearly from 0 over the first steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warmup {
    /// So many steps.
    Steps(u64),
    /// This share of all steps.
    Share(f64),
}

impl Warmup {
    /// The number of warm-up steps among `steps`.
    pub fn steps(self, steps: u64) -> u64 {
        match self {
            Self::Steps(warmup) => warmup.min(steps),
            Self::Share(share) => (share * steps as f64).round() as u64,
        }
    }
}

/// What is wrong with the hyperparameters of a trial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` {message}")]
pub struct HyperError {
    /// Which hyperparameter.
    pub name: String,
    /// What is wrong with it.
    pub message: String,
}

/// A hyperparameter: its name, the default as text, and what it does.
pub struct HyperInfo {
    /// The name in specs.
    pub name: &'static str,
    /// The default, as `sweep plan` shows it.
    pub default: &'static str,
    /// One line.
    pub about: &'static str,
}

/// Every hyperparameter, in the order in which defaults are shown.
pub const HYPERPARAMETERS: [HyperInfo; 20] = [
    HyperInfo { name: "method", default: "sgd", about: "gd sgd momentum nesterov adam adamw lbfgs transfer l2sp" },
    HyperInfo { name: "lr", default: "0.1; 0.01 with momentum, 0.001 for adam", about: "the learning rate" },
    HyperInfo { name: "beta", default: "0.01", about: "the pull of transfer, the strength of l2sp" },
    HyperInfo { name: "momentum", default: "0.9", about: "for momentum and nesterov" },
    HyperInfo { name: "beta1", default: "0.9", about: "adam's first moment" },
    HyperInfo { name: "beta2", default: "0.999", about: "adam's second moment" },
    HyperInfo { name: "eps", default: "1e-8", about: "adam's guard against division by zero" },
    HyperInfo { name: "batch", default: "32", about: "rows a step, or `full`" },
    HyperInfo { name: "epochs", default: "20", about: "passes over the training rows" },
    HyperInfo { name: "steps", default: "from epochs; 1000 for quadratic", about: "updates, instead of epochs" },
    HyperInfo { name: "schedule", default: "constant", about: "constant cosine exponential" },
    HyperInfo { name: "warmup", default: "0", about: "steps, or a share below 1, of linear warm-up" },
    HyperInfo { name: "l1", default: "0", about: "l1 * sum |w|, biases excluded" },
    HyperInfo { name: "l2", default: "0", about: "l2/2 * sum w^2, biases excluded" },
    HyperInfo { name: "weight_decay", default: "0.01 for adamw", about: "decoupled decay of adamw" },
    HyperInfo { name: "patience", default: "none", about: "epochs (or steps) without a better validation loss" },
    HyperInfo { name: "init", default: "the model's own", about: "scale of the random start" },
    HyperInfo { name: "warm", default: "false", about: "start at the pre-trained parameters" },
    HyperInfo { name: "activation", default: "relu", about: "relu tanh, for mlp" },
    HyperInfo { name: "model", default: "none", about: "quadratic linear logistic softmax {mlp: [widths]}" },
];

/// Whether there is a hyperparameter of this name.
pub fn is_hyperparameter(name: &str) -> bool {
    HYPERPARAMETERS.iter().any(|info| info.name == name)
}

/// Checks one value on its own.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that starts with its name.
pub fn check(name: &str, value: &Value) -> Result<(), String> {
    let mut single = |asked: &str| (asked == name).then(|| value.clone());
    match Hyper::settle_with(&mut single, false) {
        Err(error) if error.name == name => Err(error.message),
        _ => Ok(()),
    }
}

impl Hyper {
    /// The hyperparameters that `get` gives, the rest by default.
    ///
    /// # Errors
    /// The first one that is out of its range or contradicts another.
    pub fn settle(get: &mut dyn FnMut(&str) -> Option<Value>) -> Result<Self, HyperError> {
        Self::settle_with(get, true)
    }

    fn settle_with(get: &mut dyn FnMut(&str) -> Option<Value>, whole: bool) -> Result<Self, HyperError> {
        let fail = |name: &str, message: String| HyperError { name: name.to_owned(), message };
        let mut word = |name: &'static str| -> Result<Option<String>, HyperError> {
            match get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::Text(text)) => Ok(Some(text)),
                Some(other) => Err(fail(name, format!("is a word, not `{other}`"))),
            }
        };
        let method = match word("method")? {
            None => MethodKind::Sgd,
            Some(text) => MethodKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
                let names: Vec<&str> = MethodKind::ALL.iter().map(|kind| kind.name()).collect();
                fail("method", unknown_word(&text, &names))
            })?,
        };
        let schedule = match word("schedule")? {
            None => Schedule::Constant,
            Some(text) => match text.as_str() {
                "constant" => Schedule::Constant,
                "cosine" => Schedule::Cosine,
                "exponential" => Schedule::Exponential,
                _ => return Err(fail("schedule", unknown_word(&text, &["constant", "cosine", "exponential"]))),
            },
        };
        let activation = match word("activation")? {
            None => Activation::Relu,
            Some(text) => match text.as_str() {
                "relu" => Activation::Relu,
                "tanh" => Activation::Tanh,
                _ => return Err(fail("activation", unknown_word(&text, &["relu", "tanh"]))),
            },
        };
        let model = match get("model") {
            None | Some(Value::Null) if whole => return Err(fail("model", "is not given".into())),
            None | Some(Value::Null) => ModelSpec::Linear,
            Some(value) => model(&value).map_err(|message| fail("model", message))?,
        };
        let mut number = |name: &'static str, least: f64, most: f64| -> Result<Option<f64>, HyperError> {
            match get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => match value.number() {
                    Some(x) if x >= least && x <= most => Ok(Some(x)),
                    Some(x) if x.is_nan() => Err(fail(name, "is NaN".into())),
                    Some(_) if most == f64::MAX => Err(fail(name, format!("is at least {least}, not {value}"))),
                    Some(_) => Err(fail(name, format!("lies between {least} and {most}, not {value}"))),
                    None => Err(fail(name, format!("is a number, not `{value}`"))),
                },
            }
        };
        const MOST: f64 = f64::MAX;
        let lr = number("lr", 0.0, MOST)?.unwrap_or_else(|| default_lr(method));
        let beta = number("beta", 0.0, MOST)?.unwrap_or(0.01);
        let momentum = number("momentum", 0.0, 1.0)?.unwrap_or(0.9);
        let beta1 = number("beta1", 0.0, 1.0)?.unwrap_or(0.9);
        let beta2 = number("beta2", 0.0, 1.0)?.unwrap_or(0.999);
        let eps = number("eps", 0.0, MOST)?.unwrap_or(1e-8);
        let l1 = number("l1", 0.0, MOST)?.unwrap_or(0.0);
        let l2 = number("l2", 0.0, MOST)?.unwrap_or(0.0);
        let default_decay = if method == MethodKind::Adamw { 0.01 } else { 0.0 };
        let weight_decay = number("weight_decay", 0.0, MOST)?.unwrap_or(default_decay);
        let init = number("init", 0.0, MOST)?;
        let epochs = number("epochs", 0.0, 1e12)?;
        let steps = number("steps", 0.0, 1e15)?.map(|steps| whole_number("steps", steps)).transpose()?;
        let patience = number("patience", 1.0, 1e15)?.map(|p| whole_number("patience", p)).transpose()?;
        let warmup = match number("warmup", 0.0, 1e15)? {
            None => Warmup::Steps(0),
            Some(share) if share > 0.0 && share < 1.0 => Warmup::Share(share),
            Some(steps) => Warmup::Steps(whole_number("warmup", steps)?),
        };
        let length = match (epochs, steps) {
            (Some(_), Some(_)) => return Err(fail("steps", "and `epochs` are both given: take one of them".into())),
            (Some(epochs), None) => Length::Epochs(epochs),
            (None, Some(steps)) => Length::Steps(steps),
            (None, None) if matches!(model, ModelSpec::Quadratic { .. }) => Length::Steps(1000),
            (None, None) => Length::Epochs(20.0),
        };
        let batch = match get("batch") {
            None | Some(Value::Null) => Some(32),
            Some(Value::Text(text)) if text == "full" => None,
            Some(value) => match value.number() {
                Some(x) if (1.0..=1e12).contains(&x) => Some(whole_number("batch", x)? as usize),
                _ => return Err(fail("batch", format!("is a number of rows (at least 1) or `full`, not `{value}`"))),
            },
        };
        let batch = if matches!(method, MethodKind::Gd | MethodKind::Lbfgs) { None } else { batch };
        let warm = match get("warm") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(warm)) => warm,
            Some(other) => return Err(fail("warm", format!("is true or false, not `{other}`"))),
        };
        Ok(Self {
            method,
            lr,
            beta,
            momentum,
            beta1,
            beta2,
            eps,
            batch,
            length,
            schedule,
            warmup,
            l1,
            l2,
            weight_decay,
            patience,
            init,
            warm,
            activation,
            model,
        })
    }

    /// Whether training starts from, or is pulled by, pre-trained parameters.
    pub fn needs_source(&self) -> bool {
        self.warm || matches!(self.method, MethodKind::Transfer | MethodKind::L2sp)
    }
}

fn whole_number(name: &str, x: f64) -> Result<u64, HyperError> {
    if x.fract() == 0.0 {
        Ok(x as u64)
    } else {
        Err(HyperError { name: name.to_owned(), message: format!("is a whole number, not {x}") })
    }
}

fn unknown_word(word: &str, known: &[&str]) -> String {
    let near = crate::expr::nearest(word, known.iter().copied());
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("is one of {}, not `{word}`{near}", known.join(", "))
}

/// A model from `softmax`, `{mlp: [32]}`, `{quadratic: {dim: 1000, condition: 1}}`.
fn model(value: &Value) -> Result<ModelSpec, String> {
    const KNOWN: [&str; 5] = ["quadratic", "linear", "logistic", "softmax", "mlp"];
    let quadratic = |dim: usize, condition: f64| ModelSpec::Quadratic { dim, condition };
    match value {
        Value::Text(word) => match word.as_str() {
            "quadratic" => Ok(quadratic(1000, 1.0)),
            "linear" => Ok(ModelSpec::Linear),
            "logistic" => Ok(ModelSpec::Logistic),
            "softmax" => Ok(ModelSpec::Softmax),
            "mlp" => Err("needs the widths of its hidden layers: `model: {mlp: [32]}`".into()),
            _ => Err(unknown_word(word, &KNOWN)),
        },
        Value::Map(entries) if entries.len() == 1 => {
            let (word, options) = &entries[0];
            match (word.as_str(), options) {
                ("mlp", Value::List(widths)) if !widths.is_empty() => {
                    let hidden: Option<Vec<usize>> = widths
                        .iter()
                        .map(|width| match width {
                            Value::Int(int) if (1..=1_000_000).contains(int) => Some(*int as usize),
                            _ => None,
                        })
                        .collect();
                    Ok(ModelSpec::Mlp { hidden: hidden.ok_or("has widths that are whole numbers of at least 1")? })
                }
                ("mlp", Value::Int(width)) if *width >= 1 => Ok(ModelSpec::Mlp { hidden: vec![*width as usize] }),
                ("mlp", _) => Err("needs a list of widths: `model: {mlp: [32]}`".into()),
                ("quadratic", Value::Map(options)) => {
                    let (mut dim, mut condition) = (1000, 1.0);
                    for (key, value) in options {
                        match (key.as_str(), value.number()) {
                            ("dim", Some(x)) if (1.0..=1e8).contains(&x) && x.fract() == 0.0 => dim = x as usize,
                            ("condition", Some(x)) if x >= 1.0 && x.is_finite() => condition = x,
                            ("dim" | "condition", _) => {
                                return Err(format!("has a `{key}` of at least 1, not `{value}`"));
                            }
                            _ => return Err(format!("`quadratic` has `dim` and `condition`, not `{key}`")),
                        }
                    }
                    Ok(quadratic(dim, condition))
                }
                ("linear" | "logistic" | "softmax", _) => Err(format!("`{word}` takes no options")),
                _ => Err(unknown_word(word, &KNOWN)),
            }
        }
        other => Err(format!("is a word or `{{mlp: [32]}}`, not `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(pairs: &[(&str, Value)]) -> Result<Hyper, String> {
        Hyper::settle(&mut |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_follow_method_and_model() {
        let hyper = settle(&[("model", "softmax".into()), ("method", "adam".into())]).unwrap();
        assert_eq!((hyper.lr, hyper.batch, hyper.length), (0.001, Some(32), Length::Epochs(20.0)));
        let hyper = settle(&[("model", "quadratic".into()), ("method", "gd".into())]).unwrap();
        assert_eq!((hyper.lr, hyper.batch, hyper.length), (0.1, None, Length::Steps(1000)));
    }

    #[test]
    fn mistakes_name_the_hyperparameter() {
        let model = ("model", Value::from("softmax"));
        for (name, value, message) in [
            (
                "method",
                Value::from("sdg"),
                "`method` is one of gd, sgd, momentum, nesterov, adam, adamw, lbfgs, transfer, l2sp, not `sdg`; did you mean `sgd`?",
            ),
            ("lr", (-1.0).into(), "`lr` is at least 0, not -1.0"),
            ("lr", "fast".into(), "`lr` is a number, not `fast`"),
            ("momentum", 1.5.into(), "`momentum` lies between 0 and 1, not 1.5"),
            ("batch", 0.into(), "`batch` is a number of rows (at least 1) or `full`, not `0`"),
            ("steps", 1.5.into(), "`steps` is a whole number, not 1.5"),
            ("model", "mlp".into(), "`model` needs the widths of its hidden layers: `model: {mlp: [32]}`"),
        ] {
            let pairs = if name == "model" { vec![(name, value)] } else { vec![model.clone(), (name, value)] };
            assert_eq!(settle(&pairs).unwrap_err(), message);
        }
    }

    #[test]
    fn lengths() {
        assert_eq!(Length::Epochs(2.0).steps(100, Some(32)), 8);
        assert_eq!(Length::Epochs(2.0).steps(100, None), 2);
        assert_eq!(Warmup::Share(0.1).steps(1000), 100);
    }
}
