//! L-BFGS: `argmin`'s solver with the line search of Moré and Thuente, over all rows.
//!
//! The direction is `-H grad J`, `H` from the last ten moves and changes of the gradient (J. Nocedal and S. J. Wright,
//! "Numerical optimization", 2006, algorithm 7.4). The step length satisfies the strong Wolfe conditions (J. J. Moré and
//! D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease", 1994); it needs no learning rate.
//!
//! A wrapper around the solver reports, counts evaluations and keeps the last parameters that a line search accepted,
//! so that a search that fails (no descent left at this precision, or a loss that is not finite) ends the run there.
//! With an `l1` penalty the subgradient is used, and the run may end at a kink.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use argmin::core::{
    CostFunction, Error, Executor, Gradient, IterState, KV, Problem, Solver, State, TerminationReason,
    TerminationStatus,
};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::driver::{Control, Ended, Outcome, Task};

/// The moves that the curvature is estimated from.
const MEMORY: usize = 10;
/// The evaluations after which a line search is given up.
const SEARCH_LIMIT: u32 = 60;

/// `argmin`'s state of the solver.
type Progress = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

/// The solver that is wrapped.
type Inner = LBFGS<MoreThuenteLineSearch<Vec<f64>, Vec<f64>, f64>, Vec<f64>, Vec<f64>, f64>;

/// The task behind the shared references that `argmin` evaluates through, and the last evaluation.
struct Shared<'a> {
    task: Task<'a>,
    /// The parameters of the last evaluation, with its loss and gradient: a line search asks for both in turn.
    at: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
    evaluated: bool,
    /// The evaluations of this iteration.
    evaluations: u32,
}

impl Shared<'_> {
    /// Evaluates at `theta`, unless that was done last.
    fn evaluate(&mut self, theta: &[f64]) -> Result<(), Error> {
        if self.evaluated && self.at == theta {
            return Ok(());
        }
        self.evaluations += 1;
        if self.task.cancel.load(Ordering::Relaxed) || self.evaluations > SEARCH_LIMIT {
            return Err(Error::msg("the line search was given up"));
        }
        self.at.copy_from_slice(theta);
        self.loss = self.task.objective.loss_and_gradient(theta, &mut self.gradient);
        self.evaluated = true;
        if self.loss.is_finite() { Ok(()) } else { Err(Error::msg("the loss is not finite")) }
    }
}

/// The problem that `argmin` sees. It is handed to the line search by value, and lost when that fails: hence a
/// reference.
#[derive(Clone, Copy)]
struct View<'a, 'b>(&'b RefCell<Shared<'a>>);

impl CostFunction for View<'_, '_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, Error> {
        let mut shared = self.0.borrow_mut();
        shared.evaluate(theta)?;
        Ok(shared.loss)
    }
}

impl Gradient for View<'_, '_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let mut shared = self.0.borrow_mut();
        shared.evaluate(theta)?;
        Ok(shared.gradient.clone())
    }
}

/// The solver with reports.
struct Reporting<'a, 'b> {
    inner: Inner,
    shared: &'b RefCell<Shared<'a>>,
    steps: u64,
    report_every: u64,
    last: &'b RefCell<Last>,
}

/// Where the run stands, whatever becomes of `argmin`'s state.
struct Last {
    theta: Vec<f64>,
    step: u64,
    reported: u64,
    ended: Option<Ended>,
}

impl<'a, 'b> Solver<View<'a, 'b>, Progress> for Reporting<'a, 'b> {
    fn name(&self) -> &str {
        Solver::<View<'a, 'b>, Progress>::name(&self.inner)
    }

    fn init(&mut self, problem: &mut Problem<View<'a, 'b>>, state: Progress) -> Result<(Progress, Option<KV>), Error> {
        self.inner.init(problem, state)
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<View<'a, 'b>>,
        state: Progress,
    ) -> Result<(Progress, Option<KV>), Error> {
        self.shared.borrow_mut().evaluations = 0;
        let (state, kv) = self.inner.next_iter(problem, state)?;
        let Some(theta) = state.get_param().filter(|_| !state.terminated()) else {
            return Ok((state, kv));
        };
        let mut last = self.last.borrow_mut();
        last.theta.copy_from_slice(theta);
        last.step += 1;
        if last.step.is_multiple_of(self.report_every) || last.step == self.steps {
            last.reported = last.step;
            if self.shared.borrow_mut().task.report(last.step, &last.theta) == Control::Stop {
                last.ended = Some(Ended::Monitor);
                return Ok((state.terminate_with(TerminationReason::Interrupt), kv));
            }
        }
        Ok((state, kv))
    }

    fn terminate(&mut self, state: &Progress) -> TerminationStatus {
        if self.last.borrow().step >= self.steps {
            return TerminationStatus::Terminated(TerminationReason::MaxItersReached);
        }
        Solver::<View<'a, 'b>, Progress>::terminate(&mut self.inner, state)
    }
}

/// Minimises the objective of `task` from `theta` in at most `steps` iterations; returns what is left and the time spent
/// in reports. The seconds are for the caller to fill in.
pub(super) fn minimise(mut task: Task<'_>, theta: Vec<f64>, steps: u64, report_every: u64) -> (Outcome, Duration) {
    let stop = task.report(0, &theta) == Control::Stop;
    let ended = if stop { Some(Ended::Monitor) } else { (steps == 0).then_some(Ended::Budget) };
    let dim = theta.len();
    let last = RefCell::new(Last { theta: theta.clone(), step: 0, reported: 0, ended });
    let (at, gradient) = (vec![0.0; dim], vec![0.0; dim]);
    let shared = RefCell::new(Shared { task, at, loss: 0.0, gradient, evaluated: false, evaluations: 0 });
    if ended.is_none() {
        let inner = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY);
        let solver = Reporting { inner, shared: &shared, steps, report_every, last: &last };
        // An error is an evaluation that was given up: `last` has what was reached before it.
        let _ =
            Executor::new(View(&shared), solver).configure(|state| state.param(theta)).ctrlc(false).timer(false).run();
    }
    let (mut last, mut task) = (last.into_inner(), shared.into_inner().task);
    let cancelled = task.cancel.load(Ordering::Relaxed);
    if last.ended.is_none() {
        last.ended = Some(match () {
            () if last.step >= steps => Ended::Budget,
            () if cancelled => Ended::Cancelled,
            () => Ended::Converged,
        });
        if last.ended == Some(Ended::Converged) && (last.reported < last.step) {
            task.report(last.step, &last.theta);
        }
    }
    let ended = last.ended.unwrap_or(Ended::Converged);
    (Outcome { theta: last.theta, steps: last.step, ended, seconds: 0.0 }, task.reporting)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Recorder, part, run, softmax, start};
    use super::super::{MethodKind, MethodSpec};
    use super::*;
    use crate::train::model::{Activation, Batch, ModelSpec, Objective};

    #[test]
    fn least_squares_are_solved() {
        let mut objective = Objective::new(&ModelSpec::Linear, Activation::Tanh, 0.0, 0.0, part(false)).unwrap();
        let mut monitor = Recorder::default();
        let theta = start(&objective);
        let outcome = run(&mut objective, theta, &MethodSpec::new(MethodKind::Lbfgs, 200), &mut monitor);
        assert_eq!(outcome.ended, Ended::Converged);
        assert!(outcome.steps < 50, "{}", outcome.steps);
        let mut gradient = outcome.theta.clone();
        objective.gradient(&outcome.theta, Batch::Full, &mut gradient);
        assert!(gradient.iter().all(|g| g.abs() < 1e-6), "{gradient:?}");
        assert_eq!(monitor.reports.first().map(|report| report.0), Some(0));
        assert_eq!(monitor.reports.last(), Some(&(outcome.steps, outcome.theta)));
    }

    #[test]
    fn the_budget_and_the_monitor_end_it() {
        let mut objective = softmax();
        for (steps, stop_at, ended, taken) in [
            (5, None, Ended::Budget, 5),
            (30, Some(10), Ended::Monitor, 10),
            (30, Some(0), Ended::Monitor, 0),
            (0, None, Ended::Budget, 0),
        ] {
            let mut monitor = Recorder { stop_at, ..Recorder::default() };
            let theta = start(&objective);
            let outcome = run(&mut objective, theta, &MethodSpec::new(MethodKind::Lbfgs, steps), &mut monitor);
            assert_eq!((outcome.ended, outcome.steps), (ended, taken));
            assert_eq!(monitor.reports.last().map(|report| report.0), Some(taken));
        }
    }

    #[test]
    fn what_is_not_finite_ends_it() {
        for value in [f64::NAN, f64::INFINITY, 1e200] {
            let mut objective = Objective::new(&ModelSpec::Linear, Activation::Tanh, 0.0, 0.0, part(false)).unwrap();
            let theta = vec![value; objective.dim()];
            let outcome = run(&mut objective, theta, &MethodSpec::new(MethodKind::Lbfgs, 50), &mut Recorder::default());
            assert!(outcome.ended == Ended::Converged && outcome.steps == 0, "{value}: {outcome:?}");
        }
    }
}
