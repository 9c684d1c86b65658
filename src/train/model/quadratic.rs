//! The quadratic: `J(theta) = mean_i c_i theta_i^2`, the test function of the methods.
//!
//! Its coordinates stand for the rows of a data set: a batch is a set of coordinates, and the gradient of a batch is
//! `2 c_i theta_i / |batch|` on its coordinates and 0 elsewhere, whose mean over all batches is the full gradient.
//! Under gradient descent at rate `lr` a coordinate shrinks by the factor `1 - 2 lr c_i / dim` in every step.

use super::objective::Batch;
use super::penalty::Penalty;
use crate::numeric;

/// The objective and its workspace.
pub(super) struct Quadratic {
    /// The curvature of each coordinate.
    curvatures: Vec<f64>,
    /// `2 / dim`.
    twice_share: f64,
    /// Whether they are all 1.
    even: bool,
    /// The gradient, where it cannot be fused with the update.
    scratch: Vec<f64>,
}

impl Quadratic {
    /// `dim` coordinates whose curvatures run from 1 down to `1 / condition`, evenly in the logarithm.
    pub fn new(dim: usize, condition: f64) -> Self {
        let last = dim.saturating_sub(1).max(1) as f64;
        let curvatures = (0..dim).map(|i| condition.powf(-(i as f64) / last)).collect();
        Self { curvatures, twice_share: 2.0 / dim as f64, even: condition == 1.0, scratch: vec![0.0; dim] }
    }

    /// The number of coordinates.
    pub fn dim(&self) -> usize {
        self.curvatures.len()
    }

    /// `J` without the penalty.
    pub fn loss(&self, theta: &[f64]) -> f64 {
        let sum: f64 = self.curvatures.iter().zip(theta).map(|(c, t)| c * t * t).sum();
        sum / self.dim() as f64
    }

    /// The gradient over `batch`, penalty included.
    pub fn gradient(&self, theta: &[f64], batch: Batch<'_>, penalty: Penalty, grad: &mut [f64]) {
        match batch {
            Batch::Full => {
                let factor = self.twice_share;
                for ((grad, c), t) in grad.iter_mut().zip(&self.curvatures).zip(theta) {
                    *grad = factor * c * t;
                }
            }
            Batch::Rows(rows) => {
                let factor = 2.0 / rows.len() as f64;
                grad.fill(0.0);
                for &row in rows {
                    let i = row as usize;
                    grad[i] = factor * self.curvatures[i] * theta[i];
                }
            }
        }
        if !penalty.is_zero() {
            for (grad, t) in grad.iter_mut().zip(theta) {
                let sign = if *t == 0.0 { 0.0 } else { t.signum() };
                *grad += penalty.l1 * sign + penalty.l2 * t;
            }
        }
    }

    /// `theta -= lr * gradient`, in one pass where there is no penalty.
    pub fn descend(&mut self, theta: &mut [f64], batch: Batch<'_>, penalty: Penalty, lr: f64) {
        match batch {
            Batch::Full if penalty.is_zero() && self.even => numeric::scale(1.0 - lr * self.twice_share, theta),
            Batch::Full if penalty.is_zero() => {
                numeric::scale_by(lr * self.twice_share, &self.curvatures, theta);
            }
            Batch::Rows(rows) if penalty.is_zero() => {
                let factor = 2.0 * lr / rows.len() as f64;
                for &row in rows {
                    let i = row as usize;
                    theta[i] -= factor * self.curvatures[i] * theta[i];
                }
            }
            _ => {
                let mut scratch = std::mem::take(&mut self.scratch);
                self.gradient(theta, batch, penalty, &mut scratch);
                numeric::axpy(-lr, &scratch, theta);
                self.scratch = scratch;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curvatures_are_even_in_the_logarithm() {
        let c = Quadratic::new(3, 100.0).curvatures;
        assert!(c.iter().zip([1.0, 0.1, 0.01]).all(|(c, e)| (c - e).abs() < 1e-15), "{c:?}");
        assert_eq!(Quadratic::new(1, 5.0).curvatures, [1.0]);
        assert_eq!(Quadratic::new(4, 1.0).curvatures, [1.0; 4]);
    }

    #[test]
    fn batches_are_unbiased_and_descend_agrees_with_the_gradient() {
        let mut q = Quadratic::new(6, 10.0);
        let theta = [1.0, -2.0, 3.0, 0.0, 0.5, -0.1];
        let (mut full, mut sum, mut part) = ([0.0; 6], [0.0; 6], [0.0; 6]);
        q.gradient(&theta, Batch::Full, Penalty::default(), &mut full);
        for rows in [[0, 1], [2, 3], [4, 5]] {
            q.gradient(&theta, Batch::Rows(&rows), Penalty::default(), &mut part);
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part / 3.0);
        }
        assert!(full.iter().zip(sum).all(|(a, b)| (a - b).abs() < 1e-15), "{full:?} {sum:?}");
        for penalty in [Penalty::default(), Penalty { l1: 0.1, l2: 0.3 }] {
            for batch in [Batch::Full, Batch::Rows(&[1, 4])] {
                let (mut moved, mut grad) = (theta, [0.0; 6]);
                q.gradient(&theta, batch, penalty, &mut grad);
                q.descend(&mut moved, batch, penalty, 0.5);
                for i in 0..6 {
                    assert!((moved[i] - (theta[i] - 0.5 * grad[i])).abs() < 1e-15);
                }
            }
        }
    }
}
