//! Runs a method: the loop, its reports, and the way it ends, as an `argmin` solver.
//!
//! `argmin`'s executor moves the state from iteration to iteration; the state here (`Progress`) keeps no copies of
//! the parameters, and one iteration takes all steps up to the next report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use argmin::core::{Error, Executor, KV, Problem, Solver};

use super::adam::Adam;
use super::batches::Batches;
use super::descent::Descent;
use super::kind::{MethodKind, MethodSpec};
use super::lbfgs;
use super::momentum::Momentum;
use super::progress::Progress;
use super::transfer::{L2sp, Transfer};
use crate::space::seed::Rng;
use crate::train::model::{Batch, Objective};

/// What a monitor wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// End here: the run has diverged, has been pruned or is out of patience.
    Stop,
}

/// Looks at a run while it goes on.
pub trait Monitor {
    /// Called before the first step (`step` 0), after every reporting interval, and after the last step. The objective
    /// is lent for evaluations; its time is not counted as training.
    fn report(&mut self, step: u64, theta: &[f64], objective: &mut Objective) -> Control;
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All steps were taken.
    Budget,
    /// The monitor said so.
    Monitor,
    /// The cancel flag was set.
    Cancelled,
    /// The method cannot improve (L-BFGS: the gradient or the change of the loss is negligible, or the line search
    /// finds no further descent).
    Converged,
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The parameters after the last step.
    pub theta: Vec<f64>,
    /// The steps that were taken.
    pub steps: u64,
    /// Why it ended.
    pub ended: Ended,
    /// Wall-clock seconds of training, reports not counted.
    pub seconds: f64,
}

/// One step of a method.
pub(super) trait Rule {
    /// Moves `theta` by one step at the learning rate `lr`, with the gradient over `batch`.
    fn step(&mut self, objective: &mut Objective, theta: &mut [f64], batch: Batch<'_>, lr: f64);
}

/// What a run works on: `argmin`'s problem.
pub(super) struct Task<'a> {
    pub objective: &'a mut Objective,
    pub monitor: &'a mut dyn Monitor,
    pub cancel: &'a AtomicBool,
    /// The time spent in reports.
    pub reporting: Duration,
}

impl Task<'_> {
    /// Reports; tells whether the monitor wants an end.
    pub fn report(&mut self, step: u64, theta: &[f64]) -> Control {
        let start = Instant::now();
        let control = self.monitor.report(step, theta, self.objective);
        self.reporting += start.elapsed();
        control
    }
}

/// Trains `objective` from `theta` with the method of `spec`.
///
/// `report_every` is the number of steps (at least 1) between reports. The mini-batches are those of `seed`. The cancel
/// flag is looked at before every step; once it is set, the run ends without a further report.
///
/// # Panics
/// When `theta` or the anchor has not [`Objective::dim`] numbers.
pub fn train(
    objective: &mut Objective,
    theta: Vec<f64>,
    spec: &MethodSpec,
    report_every: u64,
    seed: u64,
    cancel: &AtomicBool,
    monitor: &mut dyn Monitor,
) -> Outcome {
    let dim = objective.dim();
    assert_eq!(theta.len(), dim, "the parameters of another model");
    let start = Instant::now();
    let anchor = || spec.anchor.clone().unwrap_or_else(|| Arc::from(&theta[..]));
    let kind = spec.kind;
    let mut run = Run { spec, report_every: report_every.max(1), seed, cancel, monitor };
    let (mut outcome, reporting) = match kind {
        MethodKind::Gd | MethodKind::Sgd => run.rule(objective, theta, Descent),
        MethodKind::Momentum | MethodKind::Nesterov => {
            let rule = Momentum::new(spec.momentum, kind == MethodKind::Nesterov, dim);
            run.rule(objective, theta, rule)
        }
        MethodKind::Adam | MethodKind::Adamw => {
            let decay = if kind == MethodKind::Adamw { spec.weight_decay } else { 0.0 };
            let rule = Adam::new(spec.beta1, spec.beta2, spec.eps, decay, objective);
            run.rule(objective, theta, rule)
        }
        MethodKind::Transfer => {
            let rule = Transfer::new(spec.beta, &anchor(), objective);
            run.rule(objective, theta, rule)
        }
        MethodKind::L2sp => {
            let anchor = anchor();
            assert_eq!(anchor.len(), dim, "the anchor of another model");
            run.rule(objective, theta, L2sp::new(spec.beta, anchor))
        }
        MethodKind::Lbfgs => {
            let task = Task { objective, monitor: run.monitor, cancel, reporting: Duration::ZERO };
            lbfgs::minimise(task, theta, spec.steps, run.report_every)
        }
    };
    outcome.seconds = start.elapsed().saturating_sub(reporting).as_secs_f64();
    outcome
}

/// The arguments of a run that do not depend on the method.
struct Run<'a> {
    spec: &'a MethodSpec,
    report_every: u64,
    seed: u64,
    cancel: &'a AtomicBool,
    monitor: &'a mut dyn Monitor,
}

impl Run<'_> {
    /// Runs `rule`; returns what it leaves and the time spent in reports.
    fn rule<R: Rule>(&mut self, objective: &mut Objective, theta: Vec<f64>, rule: R) -> (Outcome, Duration) {
        let rows = objective.rows();
        let batch = self.spec.batch.filter(|size| self.spec.kind.uses_batches() && *size < rows);
        let batches = batch.map(|size| Batches::new(rows, size, Rng::for_purpose(self.seed, "batches", 0)));
        let solver = Stepper { rule, batches, spec: self.spec, report_every: self.report_every };
        let task = Task { objective, monitor: self.monitor, cancel: self.cancel, reporting: Duration::ZERO };
        let start = |state: Progress| state.starting(theta);
        let result = Executor::new(task, solver).configure(start).ctrlc(false).timer(false).run();
        let result = result.expect("a stepper returns no errors");
        let reporting = result.problem.problem.map_or(Duration::ZERO, |task| task.reporting);
        let Progress { theta, step, ended, .. } = result.state;
        (Outcome { theta, steps: step, ended: ended.unwrap_or(Ended::Budget), seconds: 0.0 }, reporting)
    }
}

/// A rule as an `argmin` solver.
struct Stepper<'a, R> {
    rule: R,
    /// Mini-batches; all rows where there are none.
    batches: Option<Batches>,
    spec: &'a MethodSpec,
    report_every: u64,
}

impl<R: Rule> Stepper<'_, R> {
    /// Takes the steps from `state.step` up to `until`; false when it was cancelled.
    fn advance(&mut self, task: &mut Task<'_>, state: &mut Progress, until: u64) -> bool {
        let &MethodSpec { lr, steps, schedule, warmup, .. } = self.spec;
        while state.step < until {
            if task.cancel.load(Ordering::Relaxed) {
                return false;
            }
            let rate = lr * schedule.factor(state.step, steps, warmup);
            let batch = self.batches.as_mut().map_or(Batch::Full, |batches| Batch::Rows(batches.next_batch()));
            self.rule.step(task.objective, &mut state.theta, batch, rate);
            state.step += 1;
        }
        true
    }
}

impl<R: Rule> Solver<Task<'_>, Progress> for Stepper<'_, R> {
    fn name(&self) -> &str {
        self.spec.kind.name()
    }

    fn init(&mut self, problem: &mut Problem<Task<'_>>, state: Progress) -> Result<(Progress, Option<KV>), Error> {
        let task = problem.problem.as_mut().expect("the problem is only lent");
        let ended = match task.report(0, &state.theta) {
            Control::Stop => Some(Ended::Monitor),
            Control::Continue => (self.spec.steps == 0).then_some(Ended::Budget),
        };
        Ok((state.ending(ended), None))
    }

    /// All steps of one reporting interval, and the report.
    fn next_iter(&mut self, problem: &mut Problem<Task<'_>>, state: Progress) -> Result<(Progress, Option<KV>), Error> {
        let task = problem.problem.as_mut().expect("the problem is only lent");
        let (mut state, steps) = (state, self.spec.steps);
        let until = steps.min(state.step.saturating_add(self.report_every));
        let ended = if !self.advance(task, &mut state, until) {
            Some(Ended::Cancelled)
        } else if task.report(state.step, &state.theta) == Control::Stop {
            Some(Ended::Monitor)
        } else {
            (state.step >= steps).then_some(Ended::Budget)
        };
        Ok((state.ending(ended), None))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Recorder, part, run, softmax, start};
    use super::*;
    use crate::train::model::{Activation, ModelSpec};

    #[test]
    fn reports_come_at_0_at_every_interval_and_at_the_end() {
        let mut objective = softmax();
        let reports = |steps: u64, stop_at: Option<u64>, objective: &mut Objective| {
            let mut monitor = Recorder { stop_at, ..Recorder::default() };
            let theta = start(objective);
            let outcome = run(objective, theta.clone(), &MethodSpec::new(MethodKind::Gd, steps), &mut monitor);
            assert_eq!(monitor.reports[0], (0, theta));
            assert_eq!(monitor.reports.last(), Some(&(outcome.steps, outcome.theta.clone())));
            assert!(outcome.seconds >= 0.0);
            (monitor.reports.iter().map(|report| report.0).collect::<Vec<_>>(), outcome.ended)
        };
        assert_eq!(reports(25, None, &mut objective), (vec![0, 10, 20, 25], Ended::Budget));
        assert_eq!(reports(20, None, &mut objective), (vec![0, 10, 20], Ended::Budget));
        assert_eq!(reports(0, None, &mut objective), (vec![0], Ended::Budget));
        assert_eq!(reports(25, Some(10), &mut objective), (vec![0, 10], Ended::Monitor));
        assert_eq!(reports(25, Some(0), &mut objective), (vec![0], Ended::Monitor));
    }

    /// Sets the flag at its second report.
    struct Canceller<'a>(&'a AtomicBool);

    impl Monitor for Canceller<'_> {
        fn report(&mut self, step: u64, _theta: &[f64], _objective: &mut Objective) -> Control {
            self.0.store(step > 0, Ordering::Relaxed);
            Control::Continue
        }
    }

    #[test]
    fn the_cancel_flag_ends_a_run() {
        for kind in MethodKind::ALL {
            let (mut objective, cancel) = (softmax(), AtomicBool::new(false));
            let theta = start(&objective);
            let spec = MethodSpec::new(kind, u64::MAX);
            let outcome = train(&mut objective, theta, &spec, 2, 5, &cancel, &mut Canceller(&cancel));
            assert_eq!((outcome.ended, outcome.steps), (Ended::Cancelled, 2), "{kind}");
        }
    }

    #[test]
    fn a_run_is_the_same_bits_again_and_beside_others() {
        let shared = part(true);
        let once = |seed: u64| {
            let model = ModelSpec::Mlp { hidden: vec![9] };
            let mut objective = Objective::new(&model, Activation::Tanh, 0.0, 0.01, Arc::clone(&shared)).unwrap();
            let theta = objective.initial(None, &mut Rng::new(seed));
            let spec = MethodSpec { batch: Some(7), ..MethodSpec::new(MethodKind::Adam, 200) };
            train(&mut objective, theta, &spec, 50, seed, &AtomicBool::new(false), &mut Recorder::default()).theta
        };
        let alone = once(3);
        let beside: Vec<Vec<f64>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| once(3))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(beside.iter().all(|theta| *theta == alone));
        assert_ne!(alone, once(4));
    }

    #[test]
    fn a_batch_of_all_rows_is_the_full_batch() {
        let mut objective = softmax();
        let theta = start(&objective);
        let mut with = |batch| {
            let spec = MethodSpec { batch, ..MethodSpec::new(MethodKind::Sgd, 10) };
            run(&mut objective, theta.clone(), &spec, &mut Recorder::default()).theta
        };
        assert_eq!(with(None), with(Some(50)));
        assert_eq!(with(None), with(Some(1000)));
    }

    #[test]
    fn divergence_goes_on_without_panic() {
        let models =
            [ModelSpec::Quadratic { dim: 20, condition: 3.0 }, ModelSpec::Softmax, ModelSpec::Mlp { hidden: vec![5] }];
        for model in models {
            for kind in MethodKind::ALL {
                for (lr, batch) in [(1e10, None), (1e300, Some(7)), (f64::INFINITY, Some(1))] {
                    let mut objective = Objective::new(&model, Activation::Relu, 0.0, 0.1, part(true)).unwrap();
                    let spec = MethodSpec { lr, batch, beta: lr, ..MethodSpec::new(kind, 60) };
                    let theta = start(&objective);
                    let outcome = run(&mut objective, theta, &spec, &mut Recorder::default());
                    assert!(kind == MethodKind::Lbfgs || outcome.ended == Ended::Budget && outcome.steps == 60);
                }
            }
        }
    }
}
