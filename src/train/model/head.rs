//! The head of a network: from scores to the loss and to its derivative by the scores.
//!
//! | head | scores | loss of a row |
//! |---|---|---|
//! | squared | 1 | `(z - y)^2` |
//! | logistic | 1 | `ln(1 + e^z) - y z` |
//! | softmax | one for each class | `ln sum exp(z) - z_y` |
//!
//! Both logarithms are computed without overflow. Padded scores are minus infinity, so that they count as 0.

use std::ops::Range;

use crate::numeric;
use crate::train::matrix::Targets;

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Squared,
    Logistic,
    Softmax,
}

/// Which rows of a part a block holds, in its order.
#[derive(Clone, Debug)]
pub(super) enum Rows<'a> {
    /// Neighbours.
    Range(Range<usize>),
    /// Any.
    Ids(&'a [u32]),
}

impl Rows<'_> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Ids(ids) => ids.len(),
        }
    }

    /// Calls `visit(place in the block, row of the part)` for each row.
    fn each(&self, mut visit: impl FnMut(usize, usize)) {
        match self {
            Self::Range(range) => range.clone().enumerate().for_each(|(i, row)| visit(i, row)),
            Self::Ids(ids) => ids.iter().enumerate().for_each(|(i, row)| visit(i, *row as usize)),
        }
    }
}

impl Head {
    /// What the padding of the bias must be for the padded scores not to count.
    pub fn padding(self) -> f64 {
        if self == Self::Softmax { f64::NEG_INFINITY } else { 0.0 }
    }

    /// Turns the scores of a block (`width` a row) into what the model predicts: values or probabilities.
    pub fn predict(self, scores: &mut [f64], width: usize) {
        match self {
            Self::Squared => {}
            Self::Logistic => numeric::logistic(scores),
            Self::Softmax => numeric::softmax(scores, width, 1.0, None),
        }
    }

    /// Turns the scores of a block into `scale` times the derivative of its summed loss by them.
    pub fn derive(self, scores: &mut [f64], width: usize, y: &Targets, rows: &Rows<'_>, scale: f64) {
        match (self, y) {
            (Self::Squared, Targets::Values(values)) => {
                rows.each(|i, row| scores[i] = 2.0 * scale * (scores[i] - values[row]));
            }
            (Self::Logistic, Targets::Classes { ids, .. }) => {
                numeric::logistic(scores);
                rows.each(|i, row| scores[i] = scale * (scores[i] - f64::from(ids[row])));
            }
            (Self::Softmax, Targets::Classes { ids, .. }) => {
                numeric::softmax(scores, width, scale, None);
                rows.each(|i, row| scores[i * width + ids[row] as usize] -= scale);
            }
            _ => unreachable!("the head was chosen for these targets"),
        }
    }

    /// The summed loss of a block from its scores. `log_sums` is a workspace of one number a row.
    pub fn loss(self, scores: &[f64], width: usize, y: &Targets, rows: &Rows<'_>, workspace: &mut Workspace) -> f64 {
        let mut sum = 0.0;
        match (self, y) {
            (Self::Squared, Targets::Values(values)) => rows.each(|i, row| sum += (scores[i] - values[row]).powi(2)),
            (Self::Logistic, Targets::Classes { ids, .. }) => rows.each(|i, row| {
                let z = scores[i];
                let positive = if z < 0.0 { 0.0 } else { z };
                sum += positive - z * f64::from(ids[row]) + (-z.abs()).exp().ln_1p();
            }),
            (Self::Softmax, Targets::Classes { ids, .. }) => {
                let log_sums = &mut workspace.log_sums[..rows.len()];
                let copy = &mut workspace.scores[..scores.len()];
                copy.copy_from_slice(scores);
                numeric::softmax(copy, width, 1.0, Some(log_sums));
                rows.each(|i, row| sum += log_sums[i] - scores[i * width + ids[row] as usize]);
            }
            _ => unreachable!("the head was chosen for these targets"),
        }
        sum
    }
}

/// Room for the loss of a block.
pub(super) struct Workspace {
    scores: Vec<f64>,
    log_sums: Vec<f64>,
}

impl Workspace {
    /// Room for blocks of `rows` rows of `width` scores.
    pub fn new(rows: usize, width: usize) -> Self {
        Self { scores: vec![0.0; rows * width], log_sums: vec![0.0; rows] }
    }
}
