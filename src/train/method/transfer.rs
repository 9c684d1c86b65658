//! The two methods that start from pre-trained parameters `theta[0]`, the anchor.
//!
//! **`transfer`**: `theta[t+1] = theta[t] - alpha[t] grad J(theta[t]) + beta grad J(theta[0])`. `J` is the training
//! objective (of the target's rows), `alpha` the scheduled learning rate; the gradient at `theta[t]` is taken over the
//! mini-batch, that at the anchor over all rows, once, before the first step; `beta` is not scheduled.
//!
//! The second term is the same push in every step: as the gradient points uphill, it undoes a part of the way down
//! that the source model would take at once. With a constant `alpha` the iteration rests where
//! `grad J(theta*) = (beta / alpha) grad J(theta[0])`: that is where the tilted objective
//! `J(theta) - (beta / alpha) grad J(theta[0]) . theta` has its minimum. With `beta = 0` it is plain descent to the
//! minimum of `J`; with `beta = alpha` it stays at the anchor. When `alpha` falls towards 0 and `beta` does not, the
//! push wins in the end, and parameters can run away.
//!
//! **`l2sp`**: descent on `J(theta) + beta/2 ||theta - theta[0]||^2` (X. Li, Y. Grandvalet and F. Davoine, "Explicit
//! inductive bias for transfer learning with convolutional networks", ICML 2018, eq. 2, with one strength for all
//! parameters, biases too): `theta[t+1] = theta[t] - lr[t] (g + beta (theta[t] - theta[0]))`. The loss that is reported
//! is `J` alone, so that methods compare.

use std::sync::Arc;

use super::driver::Rule;
use crate::numeric;
use crate::train::model::{Batch, Objective};

/// The step of `transfer`.
pub(super) struct Transfer {
    beta: f64,
    /// `grad J(theta[0])` over all rows.
    anchor_gradient: Vec<f64>,
}

impl Transfer {
    /// Takes the gradient at `anchor`.
    pub fn new(beta: f64, anchor: &[f64], objective: &mut Objective) -> Self {
        let mut anchor_gradient = vec![0.0; objective.dim()];
        objective.gradient(anchor, Batch::Full, &mut anchor_gradient);
        Self { beta, anchor_gradient }
    }
}

impl Rule for Transfer {
    fn step(&mut self, objective: &mut Objective, theta: &mut [f64], batch: Batch<'_>, lr: f64) {
        objective.descend(theta, batch, lr);
        numeric::axpy(self.beta, &self.anchor_gradient, theta);
    }
}

/// The step of `l2sp`.
pub(super) struct L2sp {
    beta: f64,
    anchor: Arc<[f64]>,
    gradient: Vec<f64>,
}

impl L2sp {
    /// With a pull of strength `beta` towards `anchor`.
    pub fn new(beta: f64, anchor: Arc<[f64]>) -> Self {
        Self { beta, gradient: vec![0.0; anchor.len()], anchor }
    }
}

impl Rule for L2sp {
    fn step(&mut self, objective: &mut Objective, theta: &mut [f64], batch: Batch<'_>, lr: f64) {
        objective.gradient(theta, batch, &mut self.gradient);
        numeric::pull(self.beta, theta, &self.anchor, &mut self.gradient);
        numeric::axpy(-lr, &self.gradient, theta);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Recorder, assert_follows, part, run, softmax, start};
    use super::super::{MethodKind, MethodSpec};
    use super::*;
    use crate::train::model::{Activation, ModelSpec};

    /// The full gradient of the test problem.
    fn gradient(theta: &[f64]) -> Vec<f64> {
        let mut g = theta.to_vec();
        softmax().gradient(theta, Batch::Full, &mut g);
        g
    }

    #[test]
    fn transfer_follows_the_formula() {
        let anchor: Vec<f64> = start(&softmax()).iter().map(|t| 0.5 - t).collect();
        let pushed = gradient(&anchor);
        for batch in [None, Some(8)] {
            let spec = MethodSpec { batch, lr: 0.3, beta: 0.07, ..MethodSpec::new(MethodKind::Transfer, 25) };
            let spec = MethodSpec { warmup: 5, anchor: Some(Arc::from(&anchor[..])), ..spec };
            assert_follows(&spec, |_, theta, g, lr| {
                (0..theta.len()).for_each(|i| theta[i] = theta[i] - lr * g[i] + 0.07 * pushed[i]);
            });
        }
    }

    #[test]
    fn l2sp_follows_the_formula() {
        let anchor: Vec<f64> = start(&softmax()).iter().map(|t| 0.5 - t).collect();
        let spec = MethodSpec { batch: Some(8), lr: 0.3, beta: 0.4, ..MethodSpec::new(MethodKind::L2sp, 25) };
        let spec = MethodSpec { anchor: Some(Arc::from(&anchor[..])), ..spec };
        assert_follows(&spec, |_, theta, g, lr| {
            (0..theta.len()).for_each(|i| theta[i] -= lr * (g[i] + 0.4 * (theta[i] - anchor[i])));
        });
    }

    #[test]
    fn transfer_rests_where_its_docs_say() {
        // Without an l1 penalty, at whose kinks the iteration would go to and fro.
        let mut objective = Objective::new(&ModelSpec::Softmax, Activation::Tanh, 0.0, 0.05, part(true)).unwrap();
        let anchor = start(&objective);
        let (mut at_anchor, mut at_rest) = (anchor.clone(), anchor.clone());
        objective.gradient(&anchor, Batch::Full, &mut at_anchor);
        for beta in [0.0, 0.1, 0.5] {
            let spec = MethodSpec { lr: 0.5, beta, ..MethodSpec::new(MethodKind::Transfer, 5000) };
            let theta = run(&mut objective, anchor.clone(), &spec, &mut Recorder::default()).theta;
            objective.gradient(&theta, Batch::Full, &mut at_rest);
            for (rest, start) in at_rest.iter().zip(&at_anchor) {
                assert!((rest - beta / 0.5 * start).abs() < 1e-12, "beta {beta}: {rest} {start}");
            }
            let moved = theta.iter().zip(&anchor).any(|(t, a)| (t - a).abs() > 1e-9);
            assert_eq!(moved, beta != 0.5, "alpha = beta stays at the anchor");
        }
    }
}
