//! Plain descent: `theta[t+1] = theta[t] - lr[t] g(theta[t])`.
//!
//! `gd` takes the gradient `g` over all rows (A. Cauchy, 1847); `sgd` over a mini-batch (H. Robbins and S. Monro, "A
//! stochastic approximation method", 1951, eq. 6).

use super::driver::Rule;
use crate::train::model::{Batch, Objective};

/// The step of `gd` and `sgd`.
pub(super) struct Descent;

impl Rule for Descent {
    #[inline]
    fn step(&mut self, objective: &mut Objective, theta: &mut [f64], batch: Batch<'_>, lr: f64) {
        objective.descend(theta, batch, lr);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Recorder, assert_follows, run};
    use super::super::{MethodKind, MethodSpec, Schedule};
    use crate::train::matrix::Part;
    use crate::train::model::{Activation, ModelSpec, Objective};
    use std::sync::Arc;

    #[test]
    fn both_follow_the_formula() {
        for (kind, batch) in [(MethodKind::Gd, None), (MethodKind::Sgd, Some(8)), (MethodKind::Sgd, None)] {
            for schedule in Schedule::ALL {
                let spec = MethodSpec { batch, schedule, warmup: 3, lr: 0.3, ..MethodSpec::new(kind, 25) };
                assert_follows(&spec, |_, theta, g, lr| theta.iter_mut().zip(g).for_each(|(t, g)| *t -= lr * g));
            }
        }
    }

    #[test]
    fn the_quadratic_shrinks_by_its_known_factor() {
        let model = ModelSpec::Quadratic { dim: 1000, condition: 1.0 };
        let mut objective = Objective::new(&model, Activation::Tanh, 0.0, 0.0, Arc::new(Part::default())).unwrap();
        let theta = objective.initial(None, &mut crate::space::seed::Rng::new(1));
        let first = objective.loss(&theta);
        let spec = MethodSpec { lr: 0.01, batch: Some(3), ..MethodSpec::new(MethodKind::Gd, 1000) };
        let outcome = run(&mut objective, theta, &spec, &mut Recorder::default());
        let ratio = objective.loss(&outcome.theta) / first;
        assert!((ratio - 0.960_789).abs() < 1e-6, "{ratio}");
        assert!((ratio - (1.0 - 2.0 * 0.01 / 1000.0f64).powi(2000)).abs() < 1e-12);
    }
}
