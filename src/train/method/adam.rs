//! Adam, and AdamW with decoupled weight decay.
//!
//! With the gradient `g` of step `t = 1, 2, ...` and `m`, `v` starting at 0:
//! `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
//! `theta -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)`
//! (D. P. Kingma and J. Ba, "Adam", ICLR 2015, algorithm 1). AdamW first takes `lr * weight_decay * w` off every weight
//! (I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2, with the schedule in
//! `lr`); biases do not decay, as they are not penalised.

use std::ops::Range;

use super::driver::Rule;
use crate::numeric::{self, AdamStep};
use crate::train::model::{Batch, Objective};

/// The step of `adam` and `adamw`.
pub(super) struct Adam {
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    /// `beta1^t` and `beta2^t`.
    powers: [f64; 2],
    weights: Vec<Range<usize>>,
    gradient: Vec<f64>,
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl Adam {
    /// Before the first step; without decay when `weight_decay` is 0.
    pub fn new(beta1: f64, beta2: f64, eps: f64, weight_decay: f64, objective: &Objective) -> Self {
        let zeros = || vec![0.0; objective.dim()];
        let weights = objective.weight_ranges().to_vec();
        let (gradient, mean, square) = (zeros(), zeros(), zeros());
        Self { beta1, beta2, eps, weight_decay, powers: [1.0; 2], weights, gradient, mean, square }
    }
}

impl Rule for Adam {
    fn step(&mut self, objective: &mut Objective, theta: &mut [f64], batch: Batch<'_>, lr: f64) {
        objective.gradient(theta, batch, &mut self.gradient);
        if self.weight_decay != 0.0 {
            for range in &self.weights {
                numeric::scale(1.0 - lr * self.weight_decay, &mut theta[range.clone()]);
            }
        }
        self.powers[0] *= self.beta1;
        self.powers[1] *= self.beta2;
        let step = AdamStep {
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            rate: lr / (1.0 - self.powers[0]),
            correction: 1.0 / (1.0 - self.powers[1]),
        };
        numeric::adam(theta, &mut self.mean, &mut self.square, &self.gradient, step);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_follows;
    use super::super::{MethodKind, MethodSpec, Schedule};

    #[test]
    fn both_follow_their_formulas() {
        for (kind, decay) in [(MethodKind::Adam, 0.0), (MethodKind::Adamw, 0.2)] {
            let spec = MethodSpec { batch: Some(9), lr: 0.05, beta1: 0.8, beta2: 0.95, ..MethodSpec::new(kind, 30) };
            let spec = MethodSpec { eps: 1e-6, weight_decay: 0.2, schedule: Schedule::Cosine, ..spec };
            let (mut m, mut v) = (vec![0.0; 15], vec![0.0; 15]);
            assert_follows(&spec, |t, theta, g, lr| {
                for i in 0..theta.len() {
                    // Twelve weights, then three biases.
                    theta[i] -= if i < 12 { lr * decay * theta[i] } else { 0.0 };
                    m[i] = 0.8 * m[i] + 0.2 * g[i];
                    v[i] = 0.95 * v[i] + 0.05 * g[i] * g[i];
                    let (mean, square) = (m[i] / (1.0 - 0.8f64.powi(t)), v[i] / (1.0 - 0.95f64.powi(t)));
                    theta[i] -= lr * mean / (square.sqrt() + 1e-6);
                }
            });
        }
    }
}
