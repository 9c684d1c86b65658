//! What a running sweep tells those who watch it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::space::{Config, State};
use crate::store::Counts;

/// Shows a running sweep; called by the coordinator, in its thread.
pub trait Watcher {
    /// A trial has ended, and its result has been committed.
    fn ended(&mut self, trial: &EndedTrial<'_>, progress: &Progress);

    /// Called several times a second.
    fn tick(&mut self, progress: &Progress);

    /// Something that the user should know.
    fn note(&mut self, text: &str);
}

/// A trial whose result has been committed.
#[derive(Clone, Debug)]
pub struct EndedTrial<'a> {
    /// Its number.
    pub number: i64,
    /// Its config.
    pub config: &'a Config,
    /// The index of its seed.
    pub repeat: u32,
    /// How it ended.
    pub state: State,
    /// Why.
    pub reason: &'a str,
    /// The compared value.
    pub objective: Option<f64>,
    /// How long it took.
    pub seconds: f64,
}

/// Where a running sweep stands.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Trials in all; none where nobody knows.
    pub planned: Option<u64>,
    /// Trials by state, those of earlier runs included.
    pub counts: Counts,
    /// Trials that were final when this run began.
    pub before: u64,
    /// The trials that run now, the oldest first.
    pub running: Vec<RunningTrial>,
    /// The best config so far.
    pub best: Option<BestSoFar>,
    /// The best value after each trial that ended in this run; NaN while there is none.
    pub best_over_trials: Vec<f64>,
    /// Time since this run began.
    pub elapsed: Duration,
    /// Whether no more trials are started.
    pub draining: bool,
}

/// A trial that runs.
#[derive(Clone, Debug)]
pub struct RunningTrial {
    /// Its number.
    pub number: u64,
    /// Its config.
    pub config: Arc<Config>,
    /// The index of its seed.
    pub repeat: u32,
    /// How long it has been running.
    pub elapsed: Duration,
    /// The newest point of what is compared, or of another metric where that has not come: name, step, value.
    pub last: Option<(Cow<'static, str>, u64, f64)>,
}

/// The best config so far, by the mean over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct BestSoFar {
    /// The mean.
    pub mean: f64,
    /// How many seeds.
    pub seeds: u64,
    /// The config.
    pub config: Arc<Config>,
}

impl Progress {
    /// Trials that ended in this run, each second.
    pub fn rate(&self) -> f64 {
        (self.counts.finished() - self.before.min(self.counts.finished())) as f64 / self.elapsed.as_secs_f64().max(1e-3)
    }

    /// The time left, where it can be told.
    pub fn left(&self) -> Option<Duration> {
        let left = self.planned?.saturating_sub(self.counts.finished());
        let rate = self.rate();
        (rate > 0.0 && self.elapsed.as_secs_f64() > 1.0).then(|| Duration::from_secs_f64((left as f64 / rate).min(1e9)))
    }
}
