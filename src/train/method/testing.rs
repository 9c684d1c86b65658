//! What the tests of the methods share: a small problem, monitors, and a loop that applies a formula by hand.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Batches, Control, MethodSpec, Monitor, Outcome, train};
use crate::space::seed::Rng;
use crate::train::matrix::{Matrix, Part, Targets};
use crate::train::model::{Activation, Batch, ModelSpec, Objective};

/// Keeps every report.
#[derive(Default)]
pub struct Recorder {
    /// The step and the parameters of each report.
    pub reports: Vec<(u64, Vec<f64>)>,
    /// Where to stop.
    pub stop_at: Option<u64>,
}

impl Monitor for Recorder {
    fn report(&mut self, step: u64, theta: &[f64], _objective: &mut Objective) -> Control {
        self.reports.push((step, theta.to_vec()));
        if self.stop_at == Some(step) { Control::Stop } else { Control::Continue }
    }
}

/// 50 rows of 4 random features, with 3 classes or with values.
pub fn part(classes: bool) -> Arc<Part> {
    let mut rng = Rng::new(41);
    let x = Matrix::new(50, 4, (0..200).map(|_| rng.normal()).collect());
    let y = if classes {
        Targets::Classes { ids: (0..50).map(|_| rng.below(3) as u32).collect(), count: 3 }
    } else {
        Targets::Values((0..50).map(|i| x.row(i)[0] - 2.0 * x.row(i)[3] + 0.5 + 0.1 * rng.normal()).collect())
    };
    Arc::new(Part { x, y })
}

/// A penalised softmax regression on [`part`].
pub fn softmax() -> Objective {
    Objective::new(&ModelSpec::Softmax, Activation::Tanh, 0.001, 0.01, part(true)).expect("the model fits the part")
}

/// Parameters that are nowhere special.
pub fn start(objective: &Objective) -> Vec<f64> {
    objective.initial(Some(0.7), &mut Rng::new(42))
}

/// Trains from `theta` with seed 5.
pub fn run(objective: &mut Objective, theta: Vec<f64>, spec: &MethodSpec, monitor: &mut dyn Monitor) -> Outcome {
    train(objective, theta, spec, 10, 5, &AtomicBool::new(false), monitor)
}

/// Checks `spec`, on the softmax problem, against `update(t, theta, gradient, lr)` with `t` from 1.
pub fn assert_follows(spec: &MethodSpec, mut update: impl FnMut(i32, &mut [f64], &[f64], f64)) {
    let mut objective = softmax();
    let mut theta = start(&objective);
    let outcome = run(&mut objective, theta.clone(), spec, &mut Recorder::default());
    let size = spec.batch.unwrap_or(objective.rows());
    let mut batches = Batches::new(objective.rows(), size, Rng::for_purpose(5, "batches", 0));
    let mut gradient = theta.clone();
    for t in 0..spec.steps {
        let batch = if spec.batch.is_some() { Batch::Rows(batches.next_batch()) } else { Batch::Full };
        objective.gradient(&theta, batch, &mut gradient);
        update(t as i32 + 1, &mut theta, &gradient, spec.lr * spec.schedule.factor(t, spec.steps, spec.warmup));
    }
    assert_eq!(outcome.steps, spec.steps);
    for (got, expected) in outcome.theta.iter().zip(&theta) {
        assert!((got - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{}: {got} {expected}", spec.kind);
    }
}
