//! Which config leads while a sweep runs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::space::{Config, ConfigId, State};
use crate::spec::Goal;

/// The configs by the mean of their compared values; one bad seed ranks a config last.
pub(super) struct Leader {
    pub(super) goal: Goal,
    pub(super) sums: HashMap<ConfigId, Sum>,
    pub(super) best: Option<(ConfigId, f64)>,
    pub(super) config: Option<Arc<Config>>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) total: f64,
    pub(super) seeds: u64,
    pub(super) bad: bool,
}

impl Leader {
    pub(super) fn clear(&mut self) {
        self.sums.clear();
        self.best = None;
        self.config = None;
    }

    pub(super) fn add(&mut self, id: ConfigId, state: State, value: Option<f64>, config: Option<&Arc<Config>>) {
        let sum = self.sums.entry(id).or_default();
        match (state, value) {
            (State::Done | State::Pruned, Some(value)) => {
                sum.total += value;
                sum.seeds += 1;
            }
            _ => sum.bad = true,
        }
        let mean = if sum.bad { f64::NAN } else { sum.total / sum.seeds as f64 };
        let is_better = |a: f64, b: f64| self.goal.is_better(a, b);
        match self.best {
            // The best one has got worse: another may be better now.
            Some((best, before)) if best == id && !(is_better(mean, before) || mean == before) => self.rank_again(),
            Some((_, before)) if !is_better(mean, before) => {}
            _ if mean.is_nan() => {}
            _ => {
                self.best = Some((id, mean));
                self.config = config.cloned();
            }
        }
    }

    pub(super) fn rank_again(&mut self) {
        let means = self.sums.iter().filter(|(_, sum)| !sum.bad && sum.seeds > 0);
        let means = means.map(|(id, sum)| (*id, sum.total / sum.seeds as f64));
        let best = match self.goal {
            Goal::Min => means.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))),
            Goal::Max => means.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))),
        };
        if best.map(|(id, _)| id) != self.best.map(|(id, _)| id) {
            self.config = None;
        }
        self.best = best;
    }
}
