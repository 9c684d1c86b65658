//! What bounds a run, and what it came to.

use std::time::Duration;

use super::watch::Progress;
use crate::space::{ConfigId, State};
use crate::spec::{Objective, Target};
use crate::store::{Counts, StoreError};

/// What bounds a run.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A trial that runs longer fails.
    pub timeout: Option<Duration>,
    /// How often a failed trial is run again.
    pub retries: u32,
    /// No trial is started after this long.
    pub time: Option<Duration>,
    /// Good enough.
    pub target: Option<Target>,
    /// The run ends once so many trials have failed in it; none ends it where the first ones all fail at once.
    pub max_failures: Option<u64>,
    /// What is compared.
    pub objective: Objective,
    /// A mark on every result, such as that the data have changed; may be empty.
    pub mark: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Nothing is left to run.
    Complete,
    /// The target was reached.
    Target,
    /// The search expects no more improvement; why.
    Converged(String),
    /// The time was up.
    TimeUp,
    /// Too many trials failed, or none can start; why.
    Failing(String),
    /// `sweep stop` drained the sweep.
    Asked,
    /// A signal drained the sweep.
    Drained(i32),
    /// A second signal stopped it at once.
    Interrupted(i32),
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// Where the sweep stands.
    pub progress: Progress,
    /// Why the search gave up before its budget, if it did.
    pub stuck: Option<String>,
}

/// Why a run broke off.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of a trial could not be written.
    #[error("cannot write `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// All launcher threads are gone.
    #[error("the trials' threads have ended unexpectedly")]
    Launcher,
}

/// Where a sweep stood before this run.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Trials by state.
    pub counts: Counts,
    /// Compared values by config, in the order of the trials.
    pub values: Vec<(ConfigId, State, Option<f64>)>,
}
