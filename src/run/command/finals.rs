//! The finals of a trial whose metrics come one by one: the last value of each, and the compared value.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::spec::{At, Objective};
use crate::store::Series;

/// Gathers the finals.
pub struct Finals {
    objective: Objective,
    last: Vec<(Arc<str>, f64)>,
    compared: Option<f64>,
    /// The last values of what is compared, where their mean is wanted.
    window: VecDeque<f64>,
}

impl Finals {
    /// Finals for what `objective` compares.
    pub fn new(objective: &Objective) -> Self {
        Self { objective: objective.clone(), last: Vec::new(), compared: None, window: VecDeque::new() }
    }

    /// Takes points in the order in which they came.
    pub fn add(&mut self, points: &[(Arc<str>, Series)]) {
        for (name, series) in points {
            let Some(last) = series.values.last() else { continue };
            match self.last.iter_mut().find(|(other, _)| other == name) {
                Some((_, value)) => *value = *last,
                None => self.last.push((name.clone(), *last)),
            }
            if **name == *self.objective.metric {
                series.steps.iter().zip(&series.values).for_each(|(step, value)| self.compare(*step, *value));
            }
        }
    }

    fn compare(&mut self, step: u64, value: f64) {
        match self.objective.at {
            At::Last => self.compared = Some(value),
            // A loss that is no number any more leaves the best one as it was.
            At::Best => {
                if self.compared.is_none_or(|best| !best.is_finite() || self.objective.goal.is_better(value, best)) {
                    self.compared = Some(value);
                }
            }
            At::Step(wanted) => {
                if step <= wanted {
                    self.compared = Some(value);
                }
            }
            At::Mean(count) => {
                if self.window.len() as u64 == count {
                    self.window.pop_front();
                }
                self.window.push_back(value);
                self.compared = Some(self.window.iter().sum::<f64>() / self.window.len() as f64);
            }
        }
    }

    /// Adds a metric that was measured here, unless the program reported one of that name.
    pub fn measured(&mut self, name: &str, value: f64) {
        if self.last.iter().any(|(other, _)| **other == *name) {
            return;
        }
        self.last.push((name.into(), value));
        if name == self.objective.metric {
            self.compared = Some(value);
        }
    }

    /// The metrics, what is compared with the value that counts, and that value.
    pub fn finish(mut self) -> (Vec<(Arc<str>, f64)>, Option<f64>) {
        if let (Some(compared), Some((_, value))) =
            (self.compared, self.last.iter_mut().find(|(name, _)| **name == *self.objective.metric))
        {
            *value = compared;
        }
        (self.last, self.compared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Goal;

    fn compared(goal: Goal, at: At, values: &[f64]) -> Option<f64> {
        let mut finals = Finals::new(&Objective { metric: "m".into(), goal, at });
        // In pieces, as they come.
        for (i, value) in values.iter().enumerate() {
            let series = Series { steps: vec![i as u64 + 1], values: vec![*value] };
            finals.add(&[("other".into(), series.clone()), ("m".into(), series)]);
        }
        finals.measured("m", 99.0);
        let (metrics, compared) = finals.finish();
        assert!(
            values.is_empty()
                || metrics
                    .iter()
                    .any(|(name, value)| &**name == "other" && value.to_bits() == values[values.len() - 1].to_bits())
        );
        compared
    }

    #[test]
    fn the_point_that_counts() {
        let nan = f64::NAN;
        assert_eq!(compared(Goal::Min, At::Last, &[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(compared(Goal::Min, At::Best, &[3.0, 1.0, 2.0]), Some(1.0));
        assert_eq!(compared(Goal::Max, At::Best, &[nan, 3.0, nan, 1.0]), Some(3.0));
        assert_eq!(compared(Goal::Max, At::Step(2), &[3.0, 1.0, 2.0]), Some(1.0));
        assert_eq!(compared(Goal::Max, At::Mean(2), &[3.0, 1.0, 2.0]), Some(1.5));
        assert_eq!(compared(Goal::Max, At::Mean(9), &[3.0, 1.0, 2.0]), Some(2.0));
        assert!(compared(Goal::Min, At::Last, &[1.0, nan]).unwrap().is_nan());
        assert!(compared(Goal::Min, At::Best, &[nan, nan]).unwrap().is_nan());
        assert_eq!(compared(Goal::Min, At::Last, &[]), Some(99.0));
    }
}
