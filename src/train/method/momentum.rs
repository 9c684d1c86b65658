//! Descent with momentum, `m` the share of the last move that is kept; the velocity `v` starts at 0.
//!
//! - `momentum`: `v = m v + g`, `theta -= lr v` (B. T. Polyak, "Some methods of speeding up the convergence of iteration
//!   methods", 1964, in the form without a factor `1 - m`).
//! - `nesterov`: `v = m v + g`, `theta -= lr (g + m v)`: the move of I. Sutskever et al., "On the importance of
//!   initialization and momentum in deep learning", ICML 2013, eq. 3-4, written for the parameters at which the
//!   gradient is taken.

use super::driver::Rule;
use crate::numeric;
use crate::train::model::{Batch, Objective};

/// The step of `momentum` and `nesterov`.
pub(super) struct Momentum {
    momentum: f64,
    nesterov: bool,
    gradient: Vec<f64>,
    velocity: Vec<f64>,
}

impl Momentum {
    /// At rest, over `dim` parameters.
    pub fn new(momentum: f64, nesterov: bool, dim: usize) -> Self {
        Self { momentum, nesterov, gradient: vec![0.0; dim], velocity: vec![0.0; dim] }
    }
}

impl Rule for Momentum {
    fn step(&mut self, objective: &mut Objective, theta: &mut [f64], batch: Batch<'_>, lr: f64) {
        objective.gradient(theta, batch, &mut self.gradient);
        if self.nesterov {
            numeric::nesterov(theta, &mut self.velocity, &self.gradient, lr, self.momentum);
        } else {
            numeric::momentum(theta, &mut self.velocity, &self.gradient, lr, self.momentum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_follows;
    use super::super::{MethodKind, MethodSpec};

    #[test]
    fn both_follow_their_formulas() {
        for (kind, nesterov) in [(MethodKind::Momentum, false), (MethodKind::Nesterov, true)] {
            let spec = MethodSpec { batch: Some(9), lr: 0.05, momentum: 0.8, ..MethodSpec::new(kind, 30) };
            let mut velocity = [0.0; 15];
            assert_follows(&spec, |_, theta, g, lr| {
                for i in 0..theta.len() {
                    velocity[i] = 0.8 * velocity[i] + g[i];
                    theta[i] -= lr * if nesterov { g[i] + 0.8 * velocity[i] } else { velocity[i] };
                }
            });
        }
    }

    /// Nesterov's own form: the gradient is taken at the parameters moved on by `m` times the last move.
    #[test]
    fn nesterov_is_the_look_ahead_method_in_other_variables() {
        let curvature = [1.0, 0.3];
        let (mut theta, mut v) = ([1.0, -2.0], [0.0; 2]);
        let (mut ahead, mut velocity) = (theta, [0.0; 2]);
        for _ in 0..20 {
            for i in 0..2 {
                let g = curvature[i] * (theta[i] + 0.9 * v[i]);
                v[i] = 0.9 * v[i] - 0.1 * g;
                theta[i] += v[i];
            }
            let g: Vec<f64> = (0..2).map(|i| curvature[i] * ahead[i]).collect();
            crate::numeric::nesterov(&mut ahead, &mut velocity, &g, 0.1, 0.9);
        }
        for i in 0..2 {
            assert!((ahead[i] - (theta[i] + 0.9 * v[i])).abs() < 1e-12);
        }
    }
}
