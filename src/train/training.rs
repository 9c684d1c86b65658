//! One training run over given parts: its points, the parameters that count, the final metrics.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::hyper::Length;
use super::matrix::{Part, Targets};
use super::method::{self, Control, Ended, MethodSpec, Monitor};
use super::model::{ModelSpec, Objective, predict};
use super::trainer::{DIVERGED_ABOVE, Observer, Point, Selection, TrainError, Verdict};
use super::{Hyper, score};
use crate::space::seed::Rng;

pub(super) struct Parts {
    pub(super) train: Arc<Part>,
    pub(super) validation: Arc<Part>,
    pub(super) test: Option<Arc<Part>>,
    pub(super) outputs: usize,
}

/// One training run over given parts.
pub(super) struct Run<'a> {
    pub(super) selection: &'a Selection,
    pub(super) parts: Parts,
    pub(super) objective: Objective,
    pub(super) watch: Watch,
}

pub(super) struct RunOutcome {
    pub(super) verdict: Verdict,
    /// The chosen parameters.
    pub(super) theta: Vec<f64>,
    pub(super) steps: u64,
    pub(super) seconds: f64,
    pub(super) loss: f64,
    /// The compared value, where it is a mean over points.
    pub(super) mean: Option<f64>,
}

impl<'a> Run<'a> {
    pub(super) fn new(hyper: &Hyper, selection: &'a Selection, parts: Parts) -> Result<Self, TrainError> {
        let objective = Objective::new(&hyper.model, hyper.activation, hyper.l1, hyper.l2, parts.train.clone())?;
        let watch = Watch {
            model: hyper.model.clone(),
            activation: hyper.activation,
            outputs: parts.outputs,
            loss: if parts.validation.y.is_empty() {
                None
            } else {
                Some(Objective::new(&hyper.model, hyper.activation, 0.0, 0.0, parts.validation.clone())?)
            },
            part: parts.validation.clone(),
        };
        Ok(Self { selection, parts, objective, watch })
    }

    pub(super) fn steps(&self, hyper: &Hyper) -> u64 {
        hyper.length.steps(self.objective.rows(), hyper.batch)
    }

    pub(super) fn train(
        &mut self,
        hyper: &Hyper,
        anchor: Option<Arc<[f64]>>,
        seed: u64,
        interval: u64,
        cancel: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<RunOutcome, TrainError> {
        let steps = self.steps(hyper);
        let own_start = || self.objective.initial(hyper.init, &mut Rng::for_purpose(seed, "start", 0));
        let start = match &anchor {
            Some(anchor) if hyper.needs_source() => anchor.to_vec(),
            _ => own_start(),
        };
        let spec = MethodSpec {
            lr: hyper.lr,
            beta: hyper.beta,
            momentum: hyper.momentum,
            beta1: hyper.beta1,
            beta2: hyper.beta2,
            eps: hyper.eps,
            weight_decay: hyper.weight_decay,
            batch: hyper.batch,
            schedule: hyper.schedule,
            warmup: hyper.warmup.steps(steps),
            anchor,
            ..MethodSpec::new(hyper.method, steps)
        };
        let per_epoch = Length::Epochs(1.0).steps(self.objective.rows(), hyper.batch);
        let patience = hyper.patience.map(|patience| match hyper.length {
            Length::Epochs(_) => patience * per_epoch,
            Length::Steps(_) => patience,
        });
        let mut reporter = Reporter {
            selection: self.selection,
            watch: &mut self.watch,
            observer,
            patience,
            limit: f64::INFINITY,
            diverged: None,
            loss: f64::NAN,
            best: None,
            least: None,
            chosen: Vec::new(),
            tail: Vec::new(),
        };
        let seed = crate::space::seed::derive(seed, "batches", 0);
        let outcome = method::train(&mut self.objective, start, &spec, interval, seed, cancel, &mut reporter);
        let verdict = match (outcome.ended, &reporter.diverged) {
            (Ended::Cancelled, _) => Verdict::Cancelled,
            (_, Some(why)) => Verdict::Diverged(why.clone()),
            _ => Verdict::Done,
        };
        let mean = match self.selection.point {
            Point::Mean(_) if !reporter.tail.is_empty() => {
                Some(reporter.tail.iter().sum::<f64>() / reporter.tail.len() as f64)
            }
            _ => None,
        };
        let theta = if reporter.chosen.is_empty() { outcome.theta } else { std::mem::take(&mut reporter.chosen) };
        let loss = reporter.loss;
        Ok(RunOutcome { verdict, theta, steps: outcome.steps, seconds: outcome.seconds, loss, mean })
    }

    /// All final metrics, of the chosen parameters.
    pub(super) fn metrics(&mut self, hyper: &Hyper, outcome: &RunOutcome) -> Vec<(&'static str, f64)> {
        let theta = &outcome.theta;
        let mut grad = vec![0.0; theta.len()];
        let loss = self.objective.loss_and_gradient(theta, &mut grad);
        let norm = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
        let mut out = vec![("loss", loss), ("train_loss", loss - self.objective.penalty(theta))];
        if let Some(validation) = &mut self.watch.loss {
            out.push(("val_loss", validation.loss(theta)));
            let names = ["val_accuracy", "val_f1", "val_auc", "val_rmse", "val_mae", "val_r2"];
            out.extend(scores(hyper, theta, &self.parts.validation, self.parts.outputs, names));
        }
        if let Some(test) = &self.parts.test {
            if let Ok(mut loss) = Objective::new(&hyper.model, hyper.activation, 0.0, 0.0, test.clone()) {
                out.push(("test_loss", loss.loss(theta)));
            }
            let names = ["test_accuracy", "test_f1", "test_auc", "test_rmse", "test_mae", "test_r2"];
            out.extend(scores(hyper, theta, test, self.parts.outputs, names));
        }
        out.push(("grad_norm", norm));
        out.push(("steps", outcome.steps as f64));
        out.push(("seconds", outcome.seconds));
        if outcome.seconds > 0.0 {
            out.push(("steps_per_second", outcome.steps as f64 / outcome.seconds));
        }
        out
    }
}

fn scores(
    hyper: &Hyper,
    theta: &[f64],
    part: &Part,
    outputs: usize,
    names: [&'static str; 6],
) -> Vec<(&'static str, f64)> {
    let predicted = predict(&hyper.model, hyper.activation, theta, &part.x, outputs);
    match &part.y {
        Targets::Classes { ids, .. } => vec![
            (names[0], score::accuracy(&predicted, ids)),
            (names[1], score::macro_f1(&predicted, ids)),
            (names[2], score::auc(&predicted, ids)),
        ],
        Targets::Values(values) => vec![
            (names[3], score::rmse(&predicted, values)),
            (names[4], score::mae(&predicted, values)),
            (names[5], score::r2(&predicted, values)),
        ],
    }
}

/// Validation at the points of a series.
pub(super) struct Watch {
    pub(super) model: ModelSpec,
    pub(super) activation: super::model::Activation,
    pub(super) outputs: usize,
    pub(super) loss: Option<Objective>,
    pub(super) part: Arc<Part>,
}

/// Reports points, keeps the chosen parameters, and ends what diverges or does not improve.
pub(super) struct Reporter<'a> {
    pub(super) selection: &'a Selection,
    pub(super) watch: &'a mut Watch,
    pub(super) observer: &'a mut dyn Observer,
    /// Steps without a better validation loss.
    pub(super) patience: Option<u64>,
    /// The loss beyond which a run has diverged.
    pub(super) limit: f64,
    pub(super) diverged: Option<String>,
    pub(super) loss: f64,
    /// The best value of the selection's metric.
    pub(super) best: Option<f64>,
    /// The least validation loss (training loss without validation), and its step.
    pub(super) least: Option<(f64, u64)>,
    pub(super) chosen: Vec<f64>,
    /// The last values of the metric, for a mean.
    pub(super) tail: Vec<f64>,
}

impl Monitor for Reporter<'_> {
    fn report(&mut self, step: u64, theta: &[f64], objective: &mut Objective) -> Control {
        let loss = objective.loss(theta);
        self.loss = loss;
        if step == 0 {
            self.limit = DIVERGED_ABOVE * loss.max(1.0);
        }
        let mut values = [("loss", loss), ("val_loss", f64::NAN), ("val_accuracy", f64::NAN)];
        let mut count = 1;
        if let Some(validation) = &mut self.watch.loss {
            values[1].1 = validation.loss(theta);
            let watch = &*self.watch;
            let predicted = predict(&watch.model, watch.activation, theta, &watch.part.x, watch.outputs);
            values[2] = match &watch.part.y {
                Targets::Classes { ids, .. } => ("val_accuracy", score::accuracy(&predicted, ids)),
                Targets::Values(actual) => ("val_rmse", score::rmse(&predicted, actual)),
            };
            count = 3;
        }
        let values = &values[..count];
        self.observer.point(step, values);
        if !loss.is_finite() || loss > self.limit {
            self.diverged = Some(format!("loss {loss:.3e} at step {step}"));
            return Control::Stop;
        }
        self.choose(step, theta, values);
        let watched = if count > 1 { values[1].1 } else { loss };
        if self.least.is_none_or(|(least, _)| watched < least) {
            self.least = Some((watched, step));
        }
        match (self.patience, self.least) {
            (Some(patience), Some((_, at))) if step - at >= patience => Control::Stop,
            _ => Control::Continue,
        }
    }
}

impl Reporter<'_> {
    pub(super) fn choose(&mut self, step: u64, theta: &[f64], values: &[(&'static str, f64)]) {
        let find = |name: &str| values.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        let (value, maximize) = match find(&self.selection.metric) {
            Some(value) => (value, self.selection.maximize),
            None => (find("val_loss").unwrap_or(values[0].1), false),
        };
        match self.selection.point {
            Point::Last => {}
            Point::Best => {
                if self.best.is_none_or(|best| if maximize { value > best } else { value < best }) {
                    self.best = Some(value);
                    self.chosen.clear();
                    self.chosen.extend_from_slice(theta);
                }
            }
            Point::Step(wanted) => {
                if step <= wanted {
                    self.chosen.clear();
                    self.chosen.extend_from_slice(theta);
                }
            }
            Point::Mean(count) => {
                if self.tail.len() as u64 >= count {
                    self.tail.remove(0);
                }
                self.tail.push(value);
            }
        }
    }
}
