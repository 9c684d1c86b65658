//! Filters over trials: `lr > 1e-4 and state = done and val_loss < 0.3`.
//!
//! Names are params and metrics (`param.x` and `metric.x` say which), and `state reason trial sweep repeat seed attempts
//! config took objective`. What is missing makes a comparison unknown, and a filter rejects the unknown.

use std::collections::BTreeMap;

use crate::expr::{Expr, ExprError, Kind, Names, Operand, parse};
use crate::space::{State, Value};
use crate::store::TrialRow;

/// Names that every trial has.
const FIXED: [(&str, Kind); 10] = [
    ("state", Kind::Text),
    ("reason", Kind::Text),
    ("config", Kind::Text),
    ("trial", Kind::Number),
    ("sweep", Kind::Number),
    ("repeat", Kind::Number),
    ("seed", Kind::Number),
    ("attempts", Kind::Number),
    ("took", Kind::Number),
    ("objective", Kind::Number),
];

/// The names that the trials at hand have.
#[derive(Clone, Debug, Default)]
pub struct TrialNames {
    params: BTreeMap<String, Kind>,
    metrics: BTreeMap<String, Kind>,
}

impl TrialNames {
    /// The params and metrics of `trials`.
    pub fn of(trials: &[TrialRow]) -> Self {
        let mut names = Self::default();
        for trial in trials {
            for setting in &trial.config.settings {
                let kind = match (&setting.label, &setting.value) {
                    (None, Value::Text(_)) => Kind::Text,
                    (None, Value::Int(_) | Value::Float(_)) => Kind::Number,
                    (None, Value::Bool(_)) => Kind::Bool,
                    _ => Kind::Any,
                };
                match names.params.get_mut(&*setting.name) {
                    Some(known) if *known != kind => *known = Kind::Any,
                    Some(_) => {}
                    None => {
                        names.params.insert(setting.name.to_string(), kind);
                    }
                }
            }
            for (metric, _) in &trial.metrics {
                if !names.metrics.contains_key(&**metric) {
                    names.metrics.insert(metric.to_string(), Kind::Number);
                }
            }
        }
        names
    }

    /// The names of params.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.params.keys().map(String::as_str)
    }

    /// The names of metrics.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.metrics.keys().map(String::as_str)
    }
}

impl Names for TrialNames {
    fn kind(&self, name: &str) -> Option<Kind> {
        if let Some(param) = name.strip_prefix("param.") {
            return self.params.get(param).copied();
        }
        if let Some(metric) = name.strip_prefix("metric.") {
            return self.metrics.get(metric).copied();
        }
        let fixed = || FIXED.iter().find(|(fixed, _)| *fixed == name).map(|(_, kind)| *kind);
        self.params.get(name).copied().or_else(|| self.metrics.get(name).copied()).or_else(fixed)
    }

    fn known(&self) -> Vec<&str> {
        self.params().chain(self.metrics()).chain(FIXED.iter().map(|(name, _)| *name)).collect()
    }

    fn noun(&self) -> &'static str {
        "param, metric or field"
    }
}

/// A checked filter.
#[derive(Clone, Debug)]
pub struct Filter(Expr);

impl Filter {
    /// Reads `text` against the names that the trials have.
    ///
    /// # Errors
    /// The place and the nearest known name.
    pub fn new(text: &str, names: &TrialNames) -> Result<Self, ExprError> {
        let expr = parse(text)?.check_condition(names)?;
        Ok(Self(expr))
    }

    /// Whether the trial is wanted.
    pub fn accepts(&self, trial: &TrialRow) -> bool {
        self.0.truth(&|name| operand(trial, name)) == Some(true)
    }
}

/// The value that `name` has in a trial.
pub(super) fn operand<'a>(trial: &'a TrialRow, name: &str) -> Operand<'a> {
    let param = |name: &str| {
        trial.config.setting(name).map(|setting| match &setting.label {
            Some(label) => {
                let value = match setting.value.operand() {
                    Operand::Missing => Operand::Opaque,
                    value => value,
                };
                Operand::Labelled(label.as_ref().into(), Box::new(value))
            }
            None => setting.value.operand(),
        })
    };
    let metric =
        |name: &str| trial.metrics.iter().find(|(known, _)| **known == *name).map(|(_, value)| Operand::Float(*value));
    if let Some(name) = name.strip_prefix("param.") {
        return param(name).unwrap_or(Operand::Missing);
    }
    if let Some(name) = name.strip_prefix("metric.") {
        return metric(name).unwrap_or(Operand::Missing);
    }
    if let Some(found) = param(name).or_else(|| metric(name)) {
        return found;
    }
    match name {
        "state" => Operand::Text(trial.state.word().into()),
        "reason" => Operand::Text(trial.reason.as_str().into()),
        "config" => Operand::Text(trial.config_id.as_str().into()),
        "trial" => Operand::Int(trial.number),
        "sweep" => Operand::Int(trial.sweep),
        "repeat" => Operand::Int(i64::from(trial.repeat)),
        "seed" => Operand::Int(trial.seed as i64),
        "attempts" => Operand::Int(trial.attempts),
        "took" => trial.seconds().map_or(Operand::Missing, Operand::Float),
        "objective" if trial.state == State::Done => trial.objective.map_or(Operand::Missing, Operand::Float),
        _ => Operand::Missing,
    }
}

impl TrialRow {
    /// How long its last attempt took; none where it has not ended.
    pub fn seconds(&self) -> Option<f64> {
        Some((self.ended? - self.started?) as f64 / 1e6)
    }

    /// The number that `name` (a metric, a numeric param or field) has here.
    pub fn number_of(&self, name: &str) -> Option<f64> {
        operand(self, name).number()
    }

    /// What `name` has here, for sorting texts.
    pub fn text_of(&self, name: &str) -> Option<String> {
        match operand(self, name) {
            Operand::Text(text) | Operand::Labelled(text, _) => Some(text.into_owned()),
            Operand::Bool(bool) => Some(bool.to_string()),
            _ => None,
        }
    }
}
