//! The penalty on the weights: `l1 sum |w| + l2/2 sum w^2`.
//!
//! Biases are not penalised; every coordinate of the quadratic is a weight. The subgradient of `|w|` at 0 is 0.

use std::ops::Range;

use crate::numeric;

/// The strengths of the penalty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Penalty {
    /// The strength of `sum |w|`.
    pub l1: f64,
    /// The strength of `1/2 sum w^2`.
    pub l2: f64,
}

impl Penalty {
    /// Whether there is none.
    pub fn is_zero(&self) -> bool {
        self.l1 == 0.0 && self.l2 == 0.0
    }

    /// The penalty of the weights of `theta`; 0 without looking at them when there is none.
    pub fn value(&self, theta: &[f64], weights: &[Range<usize>]) -> f64 {
        if self.is_zero() {
            return 0.0;
        }
        let weights = || weights.iter().flat_map(|range| &theta[range.clone()]);
        let mut value = 0.0;
        // A strength of 0 is left out, so that 0 times an overflow is not NaN.
        if self.l1 != 0.0 {
            value += self.l1 * weights().map(|w| w.abs()).sum::<f64>();
        }
        if self.l2 != 0.0 {
            value += 0.5 * self.l2 * weights().map(|w| w * w).sum::<f64>();
        }
        value
    }

    /// Writes `gradient + penalty'(w)` over rows of `cols` weights; `padded` has rows of `width`.
    pub(super) fn gradient(&self, w: &[f64], cols: usize, padded: &[f64], width: usize, gradient: &mut [f64]) {
        numeric::unpack_gradient(w, cols, padded, width, self.l1, self.l2, gradient);
    }

    /// `w -= lr (padded + penalty'(w))` over rows of `cols` weights; `padded` has rows of `width`.
    pub(super) fn descend(&self, w: &mut [f64], cols: usize, padded: &[f64], width: usize, lr: f64) {
        numeric::descend_padded(w, cols, padded, width, lr, self.l1, self.l2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_that_of_the_weights_alone() {
        let (theta, weights) = ([1.0, -2.0, 100.0, 3.0], [0..2, 3..4]);
        assert_eq!(Penalty { l1: 0.5, l2: 0.1 }.value(&theta, &weights), 0.5 * 6.0 + 0.05 * 14.0);
        assert_eq!(Penalty { l1: 1.0, l2: 0.0 }.value(&[f64::MAX, 0.0, 0.0, 0.0], &weights), f64::MAX);
        assert_eq!(Penalty::default().value(&[f64::NAN], &weights), 0.0);
    }
}
