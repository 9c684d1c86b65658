//! One trial of built-in training, from a config and a seed to its metrics.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::data::{Dataset, Prepared};
use super::matrix::{Matrix, Part, Targets};
use super::model::ModelSpec;
use super::training::{Parts, Run};
use super::{DataError, Hyper, SourceFrom, SourceSpec, TrainSpec};
use crate::space::{Config, Value};

/// A loss above so many times its start (of at least 1) has diverged.
pub const DIVERGED_ABOVE: f64 = 1_000.0;

/// How many prepared splits are kept: repeats run one after another, so that few are in use at a time.
const KEPT_SPLITS: usize = 4;

/// Which point of a run counts, and by which metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The metric that is compared.
    pub metric: String,
    /// Whether more is better.
    pub maximize: bool,
    /// Which point counts.
    pub point: Point,
}

/// Which point of a run counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The last.
    Last,
    /// The best by the metric, or by the validation loss where the metric has no series.
    Best,
    /// The last reported one not after this step.
    Step(u64),
    /// The last one; the compared value is the mean of the last so many.
    Mean(u64),
}

/// Gets the points of the series while a trial runs.
pub trait Observer {
    /// The values of all series at `step`.
    fn point(&mut self, step: u64, values: &[(&'static str, f64)]);
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// With a result.
    Done,
    /// The loss went beyond all bounds; says how.
    Diverged(String),
    /// The cancel flag was set.
    Cancelled,
}

/// What a trial leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// How it ended.
    pub verdict: Verdict,
    /// Final metrics, all of the same parameters.
    pub metrics: Vec<(&'static str, f64)>,
    /// The compared value.
    pub objective: Option<f64>,
    /// The model, if it was asked for.
    pub model: Option<Checkpoint>,
}

/// Why a trial could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The hyperparameters of this config contradict each other.
    #[error(transparent)]
    Hyper(#[from] super::HyperError),
    /// The data do not do.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model does not fit the data.
    #[error(transparent)]
    Model(#[from] super::model::ModelError),
    /// The saved model does not fit the trial.
    #[error("the saved model is {saved}, the trial's is {wanted}")]
    OtherModel {
        /// What was saved.
        saved: String,
        /// What the trial has.
        wanted: String,
    },
    /// Pre-training failed.
    #[error("pre-training: {0}")]
    Source(String),
}

/// Everything that the trials of a sweep share.
pub struct Trainer {
    spec: TrainSpec,
    selection: Selection,
    data: Option<Dataset>,
    saved: Option<Checkpoint>,
    prepared: Mutex<Vec<(u64, Arc<Prepared>)>>,
}

/// Identifies a pre-training: its hyperparameters and seed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceKey(String);

impl SourceKey {
    /// The key of a pre-training that `words` describe.
    pub fn of(words: &str) -> Self {
        Self(words.to_owned())
    }
}

impl Trainer {
    /// Reads the data; relative paths are relative to `folder`. `saved` is the file of a checkpoint source.
    ///
    /// # Errors
    /// As [`Dataset::load`] and [`Checkpoint::open`].
    pub fn new(spec: &TrainSpec, selection: Selection, folder: &Path, saved: Option<&Path>) -> Result<Self, DataError> {
        let data = spec.data.as_ref().map(|data| Dataset::load(data, spec.source.as_ref(), folder)).transpose()?;
        let saved = saved.map(Checkpoint::open).transpose().map_err(|error: CheckpointError| DataError {
            key: "source.checkpoint".into(),
            message: error.to_string(),
            help: None,
            expr: None,
        })?;
        let trainer = Self { spec: spec.clone(), selection, data, saved, prepared: Mutex::default() };
        trainer.check_metric()?;
        trainer.check_model()?;
        Ok(trainer)
    }

    /// A model that is the same for every trial must fit the target.
    fn check_model(&self) -> Result<(), DataError> {
        let (Some(data), Some(model)) = (&self.data, self.spec.constant("model").and_then(Value::text)) else {
            return Ok(());
        };
        let classes = data.classes().len();
        let (message, help) = match (model, data.task()) {
            ("linear", super::Task::Classification) => (
                "`linear` needs a target of numbers, and this one has classes".to_owned(),
                "take `softmax`, or `task: regression`",
            ),
            ("softmax" | "logistic", super::Task::Regression) => (
                format!("`{model}` needs a target of classes, and this one has numbers"),
                "take `linear`, or `task: classification`",
            ),
            ("logistic", super::Task::Classification) if classes > 2 => {
                (format!("`logistic` tells two classes apart, and the target has {classes}"), "take `softmax`")
            }
            _ => return Ok(()),
        };
        Err(DataError { key: "model".into(), message, help: Some(help.into()), expr: None })
    }

    /// The metric must be one that this task and these parts give.
    fn check_metric(&self) -> Result<(), DataError> {
        let metric = self.selection.metric.as_str();
        let fail = |message: String, help: &str| DataError {
            key: "data".into(),
            message,
            help: Some(help.into()),
            expr: None,
        };
        let Some(data) = &self.data else {
            if metric.starts_with("val_") || metric.starts_with("test_") {
                return Err(fail(format!("`quadratic` has no `{metric}`"), "take `metric: min loss`"));
            }
            return Ok(());
        };
        let (validation, test) = data.has_validation_and_test();
        if metric.starts_with("val_") && !validation {
            return Err(fail(
                format!("there are no validation rows for `{metric}`"),
                "give `split` a share for validation",
            ));
        }
        if metric.starts_with("test_") && !test {
            return Err(fail(format!("there are no test rows for `{metric}`"), "give `split` a share for the test"));
        }
        let of_classes = ["accuracy", "f1", "auc"].iter().any(|end| metric.ends_with(end));
        let of_values = ["rmse", "mae", "r2"].iter().any(|end| metric.ends_with(end));
        match data.task() {
            super::Task::Regression if of_classes => Err(fail(
                format!("`{metric}` is for classes, and this is a regression"),
                "take `val_rmse`, or `task: classification`",
            )),
            super::Task::Classification if of_values => Err(fail(
                format!("`{metric}` is for regressions, and the target has classes"),
                "take `val_accuracy`, or `task: regression`",
            )),
            _ => Ok(()),
        }
    }

    /// The data, if the model has any.
    pub fn data(&self) -> Option<&Dataset> {
        self.data.as_ref()
    }

    /// The hyperparameters of a config.
    ///
    /// # Errors
    /// The first that is out of range or contradicts another.
    pub fn hyper(&self, config: &Config) -> Result<Hyper, super::HyperError> {
        Hyper::settle(&mut |name| config.get(name).or_else(|| self.spec.constant(name)).cloned())
    }

    /// How many updates a trial of this config takes; none where the config cannot be trained.
    pub fn total_steps(&self, config: &Config, seed: u64) -> Option<u64> {
        let hyper = self.hyper(config).ok()?;
        let rows = match (&hyper.model, &self.data) {
            (ModelSpec::Quadratic { dim, .. }, _) => *dim,
            (_, Some(data)) => data.counts(seed).0,
            (_, None) => return None,
        };
        Some(hyper.length.steps(rows, hyper.batch))
    }

    /// Which pre-training a trial needs; none where it starts on its own or from a saved model.
    ///
    /// # Errors
    /// As [`Trainer::hyper`].
    pub fn source_key(&self, config: &Config, seed: u64) -> Result<Option<SourceKey>, TrainError> {
        let hyper = self.hyper(config)?;
        match &self.spec.source {
            Some(source) if hyper.needs_source() && !matches!(source.from, SourceFrom::Checkpoint(_)) => {
                let own = source_hyper(source, &hyper)?;
                Ok(Some(SourceKey(format!("{seed} {own:?}"))))
            }
            _ => Ok(None),
        }
    }

    /// Pre-trains for the trials with the source key of this config and seed; none where it was cancelled.
    ///
    /// # Errors
    /// As for a trial, and a pre-training that diverges.
    pub fn pretrain(&self, config: &Config, seed: u64, cancel: &AtomicBool) -> Result<Option<Arc<[f64]>>, TrainError> {
        let hyper = self.hyper(config)?;
        let Some(source) = &self.spec.source else { return Ok(None) };
        let own = source_hyper(source, &hyper)?;
        let prepared = self.prepared(seed)?;
        let Some((train, validation)) = prepared.source.clone() else { return Ok(None) };
        let parts = Parts { train, validation, test: None, outputs: self.outputs() };
        let selection = Selection {
            metric: "val_loss".into(),
            maximize: false,
            point: if own.patience.is_some() { Point::Best } else { Point::Last },
        };
        let mut run = Run::new(&own, &selection, parts)?;
        let outcome = run.train(&own, None, seed, self.spec.report.interval(run.steps(&own)), cancel, &mut Deaf)?;
        match outcome.verdict {
            Verdict::Done => Ok(Some(outcome.theta.into())),
            Verdict::Diverged(why) => Err(TrainError::Source(format!("diverged: {why}"))),
            Verdict::Cancelled => Ok(None),
        }
    }

    /// Trains one trial; `anchor` is what [`Trainer::pretrain`] gave for its source key.
    ///
    /// # Errors
    /// Hyperparameters, data or a model that do not fit together.
    pub fn run(
        &self,
        config: &Config,
        seed: u64,
        anchor: Option<Arc<[f64]>>,
        keep_model: bool,
        cancel: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Finish, TrainError> {
        let hyper = self.hyper(config)?;
        let anchor = match (&self.saved, anchor) {
            (Some(saved), None) if hyper.needs_source() => {
                if saved.model() != hyper.model {
                    let (saved, wanted) = (format!("{:?}", saved.model()), format!("{:?}", hyper.model));
                    return Err(TrainError::OtherModel { saved, wanted });
                }
                Some(Arc::from(saved.theta.as_slice()))
            }
            (_, anchor) => anchor,
        };
        let prepared = if self.data.is_some() { Some(self.prepared(seed)?) } else { None };
        let parts = match &prepared {
            Some(p) => {
                let test = (!p.test.y.is_empty()).then(|| p.test.clone());
                Parts { train: p.train.clone(), validation: p.validation.clone(), test, outputs: self.outputs() }
            }
            None => {
                let empty = Arc::new(Part { x: Matrix::zeros(0, 0), y: Targets::Values(Vec::new()) });
                Parts { train: empty.clone(), validation: empty, test: None, outputs: 1 }
            }
        };
        let mut run = Run::new(&hyper, &self.selection, parts)?;
        let interval = self.spec.report.interval(run.steps(&hyper));
        let outcome = run.train(&hyper, anchor, seed, interval, cancel, observer)?;
        let metrics = match outcome.verdict {
            Verdict::Done => run.metrics(&hyper, &outcome),
            _ => vec![("loss", outcome.loss), ("steps", outcome.steps as f64), ("seconds", outcome.seconds)],
        };
        let objective = match (&outcome.verdict, outcome.mean) {
            (Verdict::Done, Some(mean)) => Some(mean),
            (Verdict::Done, None) => metrics.iter().find(|(n, _)| *n == self.selection.metric).map(|(_, value)| *value),
            _ => None,
        };
        let model = match (&prepared, &self.spec.data) {
            (Some(prepared), Some(data)) if keep_model && outcome.verdict == Verdict::Done => {
                let classes = self.classes();
                let about = Checkpoint::about(&hyper.model, hyper.activation, &data.target, classes, &prepared.encoder);
                about.map(|about| Checkpoint { about, theta: outcome.theta })
            }
            _ => None,
        };
        Ok(Finish { verdict: outcome.verdict, metrics, objective, model })
    }

    fn classes(&self) -> &[String] {
        match (&self.saved, &self.data) {
            (Some(saved), _) => &saved.about.classes,
            (None, Some(data)) => data.classes(),
            (None, None) => &[],
        }
    }

    fn outputs(&self) -> usize {
        self.classes().len().max(1)
    }

    /// The parts for a trial seed, made once and shared.
    fn prepared(&self, seed: u64) -> Result<Arc<Prepared>, TrainError> {
        let data = self.data.as_ref().expect("only models with data are prepared");
        let mut kept = self.prepared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, prepared)) = kept.iter().find(|(other, _)| *other == seed) {
            return Ok(prepared.clone());
        }
        let prepared = Arc::new(match &self.saved {
            Some(saved) => data.prepare_with(seed, &saved.about.encoder, &saved.about.classes)?,
            None => data.prepare(seed)?,
        });
        if kept.len() == KEPT_SPLITS {
            kept.remove(0);
        }
        kept.push((seed, prepared.clone()));
        Ok(prepared)
    }
}

/// The hyperparameters of a pre-training: the source's own, with the model and the start of the trial.
fn source_hyper(source: &SourceSpec, trial: &Hyper) -> Result<Hyper, super::HyperError> {
    let own: HashMap<&str, &Value> = source.constants.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let mut hyper = Hyper::settle(&mut |name| match name {
        // Any model does here; the trial's takes its place below.
        "model" => Some(Value::from("linear")),
        _ => own.get(name).map(|value| (*value).clone()),
    })?;
    hyper.model = trial.model.clone();
    hyper.init = trial.init;
    hyper.activation = trial.activation;
    hyper.warm = false;
    Ok(hyper)
}

struct Deaf;

impl Observer for Deaf {
    fn point(&mut self, _: u64, _: &[(&'static str, f64)]) {}
}
