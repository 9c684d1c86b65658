//! The state of a run as `argmin`'s executor carries it.
//!
//! Invariant: nothing is copied from iteration to iteration; a loss is not kept either, as the monitor computes it.

use std::collections::HashMap;
use std::time::Duration;

use argmin::core::{Problem, State, TerminationReason, TerminationStatus};

use super::driver::Ended;

/// Where a run stands: `argmin`'s state, without costs and without copies.
pub(super) struct Progress {
    /// The parameters.
    pub theta: Vec<f64>,
    /// The steps taken.
    pub step: u64,
    /// Set at the end.
    pub ended: Option<Ended>,
    /// `argmin`'s iterations: the intervals.
    iterations: u64,
    status: TerminationStatus,
    counts: HashMap<String, u64>,
}

impl Progress {
    /// The state, at `theta`.
    pub fn starting(mut self, theta: Vec<f64>) -> Self {
        self.theta = theta;
        self
    }

    /// The state, ended if there is a reason.
    pub fn ending(mut self, ended: Option<Ended>) -> Self {
        self.ended = ended;
        let reason = match ended {
            None => return self,
            Some(Ended::Budget) => TerminationReason::MaxItersReached,
            Some(Ended::Monitor | Ended::Cancelled) => TerminationReason::Interrupt,
            Some(Ended::Converged) => TerminationReason::SolverConverged,
        };
        self.terminate_with(reason)
    }
}

impl State for Progress {
    type Param = Vec<f64>;
    type Float = f64;

    fn new() -> Self {
        let status = TerminationStatus::NotTerminated;
        Self { theta: Vec::new(), step: 0, ended: None, iterations: 0, status, counts: HashMap::new() }
    }

    fn update(&mut self) {}

    fn get_param(&self) -> Option<&Vec<f64>> {
        Some(&self.theta)
    }

    fn get_best_param(&self) -> Option<&Vec<f64>> {
        Some(&self.theta)
    }

    fn get_max_iters(&self) -> u64 {
        u64::MAX
    }

    fn increment_iter(&mut self) {
        self.iterations += 1;
    }

    fn get_iter(&self) -> u64 {
        self.iterations
    }

    fn get_cost(&self) -> f64 {
        f64::INFINITY
    }

    fn get_best_cost(&self) -> f64 {
        f64::INFINITY
    }

    fn get_target_cost(&self) -> f64 {
        f64::NEG_INFINITY
    }

    fn func_counts<O>(&mut self, _problem: &Problem<O>) {}

    fn get_func_counts(&self) -> &HashMap<String, u64> {
        &self.counts
    }

    fn time(&mut self, _time: Option<Duration>) -> &mut Self {
        self
    }

    fn get_time(&self) -> Option<Duration> {
        None
    }

    fn get_last_best_iter(&self) -> u64 {
        self.iterations
    }

    fn is_best(&self) -> bool {
        false
    }

    fn terminate_with(mut self, reason: TerminationReason) -> Self {
        self.status = TerminationStatus::Terminated(reason);
        self
    }

    fn get_termination_status(&self) -> &TerminationStatus {
        &self.status
    }

    fn get_termination_reason(&self) -> Option<&TerminationReason> {
        match &self.status {
            TerminationStatus::Terminated(reason) => Some(reason),
            TerminationStatus::NotTerminated => None,
        }
    }
}
