//! The methods by name, their hyperparameters, and the defaults of these.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::schedule::Schedule;

/// A training method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// Gradient descent over all rows.
    Gd,
    /// Stochastic gradient descent over mini-batches.
    Sgd,
    /// Stochastic gradient descent with heavy-ball momentum.
    Momentum,
    /// Stochastic gradient descent with Nesterov's momentum.
    Nesterov,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    Adamw,
    /// Limited-memory BFGS with a line search, over all rows.
    Lbfgs,
    /// Descent with a constant push along the gradient at the pre-trained parameters.
    Transfer,
    /// Descent with a quadratic pull towards the pre-trained parameters.
    L2sp,
}

impl MethodKind {
    /// All methods.
    pub const ALL: [Self; 9] = [
        Self::Gd,
        Self::Sgd,
        Self::Momentum,
        Self::Nesterov,
        Self::Adam,
        Self::Adamw,
        Self::Lbfgs,
        Self::Transfer,
        Self::L2sp,
    ];

    /// The name in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gd => "gd",
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Nesterov => "nesterov",
            Self::Adam => "adam",
            Self::Adamw => "adamw",
            Self::Lbfgs => "lbfgs",
            Self::Transfer => "transfer",
            Self::L2sp => "l2sp",
        }
    }

    /// Whether the method is defined by pre-trained parameters, its anchor.
    pub fn needs_anchor(self) -> bool {
        matches!(self, Self::Transfer | Self::L2sp)
    }

    /// Whether the method draws mini-batches.
    pub fn uses_batches(self) -> bool {
        !matches!(self, Self::Gd | Self::Lbfgs)
    }
}

impl fmt::Display for MethodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MethodKind {
    type Err = String;

    /// The method of a name.
    ///
    /// # Errors
    /// The names there are, when `name` is none of them.
    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| format!("`{name}` is not one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// The names of the hyperparameters that a method reads.
pub fn uses(kind: MethodKind) -> &'static [&'static str] {
    match kind {
        MethodKind::Gd => &["lr", "schedule", "warmup"],
        MethodKind::Sgd => &["lr", "batch", "schedule", "warmup"],
        MethodKind::Momentum | MethodKind::Nesterov => &["lr", "momentum", "batch", "schedule", "warmup"],
        MethodKind::Adam => &["lr", "beta1", "beta2", "eps", "batch", "schedule", "warmup"],
        MethodKind::Adamw => &["lr", "beta1", "beta2", "eps", "weight_decay", "batch", "schedule", "warmup"],
        MethodKind::Lbfgs => &[],
        MethodKind::Transfer | MethodKind::L2sp => &["lr", "beta", "batch", "schedule", "warmup"],
    }
}

/// The learning rate of a method when the spec gives none: 0.001 for Adam and AdamW (as in its paper), 0.1 for the
/// others on standardised features, 0.01 with momentum (which multiplies a rate by about ten). L-BFGS has no rate; its
/// line search starts from 1.
pub fn default_lr(kind: MethodKind) -> f64 {
    match kind {
        MethodKind::Adam | MethodKind::Adamw => 0.001,
        MethodKind::Momentum | MethodKind::Nesterov => 0.01,
        MethodKind::Lbfgs => 1.0,
        MethodKind::Gd | MethodKind::Sgd | MethodKind::Transfer | MethodKind::L2sp => 0.1,
    }
}

/// A method and its hyperparameters. A method reads those that [`uses`] names and ignores the others.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodSpec {
    /// The method.
    pub kind: MethodKind,
    /// The learning rate (`alpha` in the formula of transfer), at least 0.
    pub lr: f64,
    /// The push of transfer, or the strength of the pull of l2sp, at least 0. Default 0.
    pub beta: f64,
    /// The share of the last move that is kept, in `[0, 1)`. Default 0.9.
    pub momentum: f64,
    /// Adam's decay of the mean of the gradient, in `[0, 1)`. Default 0.9.
    pub beta1: f64,
    /// Adam's decay of the mean of its square, in `[0, 1)`. Default 0.999.
    pub beta2: f64,
    /// What Adam adds to the root of that mean, above 0. Default 1e-8.
    pub eps: f64,
    /// AdamW's decoupled decay of the weights, at least 0. Default 0.01.
    pub weight_decay: f64,
    /// The rows of a mini-batch; all rows when there is none. Default none.
    pub batch: Option<usize>,
    /// The steps of the run (iterations for L-BFGS).
    pub steps: u64,
    /// The course of the learning rate. Default constant.
    pub schedule: Schedule,
    /// The steps of linear warm-up. Default 0.
    pub warmup: u64,
    /// The pre-trained parameters, `theta[0]` of transfer and l2sp. None stands for the start of the run.
    pub anchor: Option<Arc<[f64]>>,
}

impl MethodSpec {
    /// `kind` for `steps` steps, with the documented defaults.
    pub fn new(kind: MethodKind, steps: u64) -> Self {
        Self {
            kind,
            lr: default_lr(kind),
            beta: 0.0,
            momentum: 0.9,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            batch: None,
            steps,
            schedule: Schedule::Constant,
            warmup: 0,
            anchor: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for kind in MethodKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(kind.uses_batches(), uses(kind).contains(&"batch"));
            assert_eq!(kind.needs_anchor(), uses(kind).contains(&"beta"));
        }
        assert!("adamax".parse::<MethodKind>().is_err_and(|error| error.contains("lbfgs")));
    }
}
