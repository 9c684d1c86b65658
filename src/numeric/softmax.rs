//! Softmax and the logistic function over rows of scores, in place, with their log-likelihood terms.

use super::transcendental::exp;
use super::{Arith, LANES, dispatch};

dispatch! {
    /// Turns each row of `z` (`width` numbers, a multiple of 4; padding is minus infinity) into `scale` times its
    /// softmax. With `log_sums`, one for each row, it also gives `ln sum exp(z)`, stable: the row's greatest score is
    /// taken out first.
    ///
    /// # Panics
    /// When `width` is not a multiple of 4, or `log_sums` is shorter than the rows.
    pub fn softmax(z: &mut [f64], width: usize, scale: f64, log_sums: Option<&mut [f64]>) => softmax_body
}

/// The body of [`softmax`]: the usual widths are constants, so that a row stays in registers.
#[inline(always)]
fn softmax_body<S: Arith>(z: &mut [f64], width: usize, scale: f64, log_sums: Option<&mut [f64]>) {
    let log_sums = log_sums.unwrap_or_default();
    match width {
        4 => softmax_of_width::<S>(z, 4, scale, log_sums),
        8 => softmax_of_width::<S>(z, 8, scale, log_sums),
        12 => softmax_of_width::<S>(z, 12, scale, log_sums),
        16 => softmax_of_width::<S>(z, 16, scale, log_sums),
        _ => softmax_of_width::<S>(z, width, scale, log_sums),
    }
}

/// Softmax in three passes; no logarithms where there is no room for them.
#[inline(always)]
fn softmax_of_width<S: Arith>(z: &mut [f64], width: usize, scale: f64, log_sums: &mut [f64]) {
    assert!(width > 0 && width.is_multiple_of(LANES), "the width is padded");
    let rows = z.len() / width;
    for i in 0..rows {
        let row = &mut z[i * width..][..width];
        let greatest = subtract_greatest(row);
        if !log_sums.is_empty() {
            log_sums[i] = greatest;
        }
    }
    for i in 0..z.len() {
        z[i] = exp::<S>(z[i]);
    }
    for i in 0..rows {
        let row = &mut z[i * width..][..width];
        let sum = normalise(row, scale);
        if !log_sums.is_empty() {
            log_sums[i] += sum.ln();
        }
    }
}

/// Four numbers of a row from `j` on.
#[inline(always)]
fn lane(row: &[f64], j: usize) -> [f64; LANES] {
    [row[j], row[j + 1], row[j + 2], row[j + 3]]
}

/// Subtracts from a row its greatest number, and returns that.
#[inline(always)]
fn subtract_greatest(row: &mut [f64]) -> f64 {
    let greater = |a: f64, b: f64| if a > b { a } else { b };
    let (width, mut top) = (row.len(), lane(row, 0));
    for j in (LANES..width).step_by(LANES) {
        let next = lane(row, j);
        for l in 0..LANES {
            top[l] = greater(next[l], top[l]);
        }
    }
    let top = greater(greater(top[0], top[2]), greater(top[1], top[3]));
    for j in 0..width {
        row[j] -= top;
    }
    top
}

/// Divides a row by its sum and multiplies it by `scale`; returns the sum.
#[inline(always)]
fn normalise(row: &mut [f64], scale: f64) -> f64 {
    let (width, mut sums) = (row.len(), lane(row, 0));
    for j in (LANES..width).step_by(LANES) {
        let next = lane(row, j);
        for l in 0..LANES {
            sums[l] += next[l];
        }
    }
    let sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    let factor = scale / sum;
    for j in 0..width {
        row[j] *= factor;
    }
    sum
}

dispatch! {
    /// Turns each score of `z` into `1 / (1 + e^-z)`.
    pub fn logistic(z: &mut [f64]) => logistic_body
}

/// The body of [`logistic`].
#[inline(always)]
fn logistic_body<S: Arith>(z: &mut [f64]) {
    for i in 0..z.len() {
        let e = exp::<S>(-z[i].abs());
        z[i] = if z[i] < 0.0 { e } else { 1.0 } / (1.0 + e);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Baseline;
    use super::*;

    #[test]
    fn softmax_of_known_rows() {
        let rows =
            [1000.0, 1000.0, f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0, (3.0f64).ln(), -2000.0, f64::NEG_INFINITY];
        for run in [softmax, softmax_body::<Baseline>] {
            let (mut z, mut logs) = (rows, [0.0; 2]);
            run(&mut z, 4, 2.0, Some(&mut logs));
            for (z, expected) in z.iter().zip([1.0, 1.0, 0.0, 0.0, 0.5, 1.5, 0.0, 0.0]) {
                assert!((z - expected).abs() < 1e-15, "{z} {expected}");
            }
            assert!((logs[0] - (1000.0 + (2.0f64).ln())).abs() < 1e-12 && (logs[1] - (4.0f64).ln()).abs() < 1e-15);
            let mut again = rows;
            run(&mut again, 4, 2.0, None);
            assert_eq!(again, z);
        }
    }

    #[test]
    fn a_score_that_is_not_finite_spoils_its_row_only() {
        let mut z = [f64::NAN, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, f64::INFINITY, 0.0, 0.0, 0.0];
        softmax(&mut z, 4, 1.0, None);
        assert!(z[..4].iter().all(|z| z.is_nan()) && z[4..8] == [0.25; 4] && z[8].is_nan());
    }

    #[test]
    fn logistic_of_known_scores() {
        let mut z = [0.0, (3.0f64).ln(), -1000.0, 1000.0, f64::NAN];
        logistic(&mut z);
        assert_eq!((z[0], z[2], z[3]), (0.5, 0.0, 1.0));
        assert!((z[1] - 0.75).abs() < 1e-15 && z[4].is_nan());
    }
}
