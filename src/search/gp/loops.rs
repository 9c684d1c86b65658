//! The loops of the Gaussian process that run over many numbers.

use crate::numeric::{Arith, dispatch, exponential};

/// `sqrt 5`.
const SQRT_5: f64 = 2.236_067_977_499_79;

/// The Matern 5/2 correlation at the squared distance `r2`, and its derivative by `r2`.
///
/// Source: C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning", 2006, equation 4.17.
#[inline(always)]
fn matern_at<S: Arith>(r2: f64) -> (f64, f64) {
    let s = SQRT_5 * r2.sqrt();
    let e = exponential::<S>(-s);
    (e * S::madd(5.0 / 3.0, r2, 1.0 + s), (-5.0 / 6.0) * (1.0 + s) * e)
}

dispatch! {
    /// Replaces squared distances by Matern 5/2 correlations; their derivatives by the squared distance go to `slope`.
    pub(super) fn matern(r2: &mut [f64], slope: &mut [f64]) => matern_body
}

#[inline(always)]
fn matern_body<S: Arith>(r2: &mut [f64], slope: &mut [f64]) {
    let slope = &mut slope[..r2.len()];
    for i in 0..r2.len() {
        let (value, derivative) = matern_at::<S>(r2[i]);
        r2[i] = value;
        slope[i] = derivative;
    }
}

dispatch! {
    /// `out[i] += weight * (x - column[i])^2`.
    pub(super) fn add_squares(out: &mut [f64], weight: f64, x: f64, column: &[f64]) => add_squares_body
}

#[inline(always)]
fn add_squares_body<S: Arith>(out: &mut [f64], weight: f64, x: f64, column: &[f64]) {
    let column = &column[..out.len()];
    for i in 0..out.len() {
        let difference = x - column[i];
        out[i] = S::madd(weight * difference, difference, out[i]);
    }
}

dispatch! {
    /// `out[i] += weight * other[i]`.
    pub(super) fn add_scaled(out: &mut [f64], weight: f64, other: &[f64]) => add_scaled_body
}

#[inline(always)]
fn add_scaled_body<S: Arith>(out: &mut [f64], weight: f64, other: &[f64]) {
    let other = &other[..out.len()];
    for i in 0..out.len() {
        out[i] = S::madd(weight, other[i], out[i]);
    }
}

dispatch! {
    /// `out[i] += weight * m(|x - column[i]| / length)` with the Matern 5/2 correlation in one dimension, from the
    /// exponentials `e^(+-sqrt 5 u / length)` of all numbers, so that none is taken here.
    pub(super) fn add_matern_1d(out: &mut [f64], weight: f64, length: f64, x: (f64, f64, f64), column: &[f64], up: &[f64], down: &[f64]) => add_matern_1d_body
}

#[inline(always)]
fn add_matern_1d_body<S: Arith>(
    out: &mut [f64],
    weight: f64,
    length: f64,
    x: (f64, f64, f64),
    column: &[f64],
    up: &[f64],
    down: &[f64],
) {
    let n = out.len();
    let (column, up, down) = (&column[..n], &up[..n], &down[..n]);
    let scale = SQRT_5 / length;
    for i in 0..n {
        let s = scale * (x.0 - column[i]).abs();
        let (a, b) = (x.1 * down[i], x.2 * up[i]);
        let e = if a < b { a } else { b };
        out[i] = S::madd(weight * e, S::madd(s * s, 1.0 / 3.0, 1.0 + s), out[i]);
    }
}

/// A number with `e^(sqrt 5 u / length)` and `e^(-sqrt 5 u / length)`, for [`add_matern_1d`].
pub(super) fn exponentials(u: f64, length: f64) -> (f64, f64, f64) {
    let e = (SQRT_5 / length * u).exp();
    (u, e, 1.0 / e)
}

dispatch! {
    /// The sums of `a[i]` and of `b[i]` times the derivative by `x` of the one-dimensional Matern 5/2 correlation with
    /// `column[i]`; see [`add_matern_1d`].
    pub(super) fn sum_slopes(length: f64, x: (f64, f64, f64), column: &[f64], up: &[f64], down: &[f64], a: &[f64], b: &[f64]) -> (f64, f64) => sum_slopes_body
}

#[inline(always)]
fn sum_slopes_body<S: Arith>(
    length: f64,
    x: (f64, f64, f64),
    column: &[f64],
    up: &[f64],
    down: &[f64],
    a: &[f64],
    b: &[f64],
) -> (f64, f64) {
    const CHAINS: usize = 8;
    let n = column.len();
    let (up, down, a, b) = (&up[..n], &down[..n], &a[..n], &b[..n]);
    let scale = SQRT_5 / length;
    let (mut by_a, mut by_b) = ([0.0; CHAINS], [0.0; CHAINS]);
    let slope = |i: usize| {
        let difference = x.0 - column[i];
        let s = scale * difference.abs();
        let (rising, falling) = (x.1 * down[i], x.2 * up[i]);
        let e = if rising < falling { rising } else { falling };
        -scale * scale / 3.0 * difference * (1.0 + s) * e
    };
    let whole = n / CHAINS * CHAINS;
    let mut i = 0;
    while i < whole {
        for c in 0..CHAINS {
            let slope = slope(i + c);
            by_a[c] = S::madd(a[i + c], slope, by_a[c]);
            by_b[c] = S::madd(b[i + c], slope, by_b[c]);
        }
        i += CHAINS;
    }
    for (c, i) in (whole..n).enumerate() {
        let slope = slope(i);
        by_a[c] = S::madd(a[i], slope, by_a[c]);
        by_b[c] = S::madd(b[i], slope, by_b[c]);
    }
    (by_a.iter().sum(), by_b.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_meet_known_values() {
        let mut r2 = [0.0, 0.01, 0.25, 1.0, 4.0, 25.0];
        let mut slope = [0.0; 6];
        matern(&mut r2, &mut slope);
        let values = [
            1.0,
            0.9917592361711776,
            0.8286491424181253,
            0.5239941088318203,
            0.13866021913850426,
            0.0007509337888737546,
        ];
        let slopes = [
            -0.8333333333333334,
            -0.8153600650221337,
            -0.5770264050179663,
            -0.2882201939426478,
            -0.05208967709615943,
            -0.00014155272760750653,
        ];
        for i in 0..6 {
            assert!(
                (r2[i] - values[i]).abs() < 1e-14 && (slope[i] - slopes[i]).abs() < 1e-14,
                "{i}: {} {}",
                r2[i],
                slope[i]
            );
        }
    }

    #[test]
    fn the_kernel_of_one_dimension_is_the_same_without_exponentials() {
        let column = [0.0, 0.3, 0.31, 0.9, 1.0];
        let ends: Vec<(f64, f64, f64)> = column.iter().map(|&u| exponentials(u, 0.3)).collect();
        let (up, down): (Vec<f64>, Vec<f64>) = ends.iter().map(|&(_, up, down)| (up, down)).unzip();
        let mut out = [1.0; 5];
        add_matern_1d(&mut out, 2.0, 0.3, exponentials(0.31, 0.3), &column, &up, &down);
        for i in 0..5 {
            let mut r2 = [((0.31 - column[i]) / 0.3f64).powi(2)];
            matern(&mut r2, &mut [0.0]);
            assert!((out[i] - 1.0 - 2.0 * r2[0]).abs() < 1e-13);
            let step = 1e-6;
            let at = |u: f64| {
                let mut r2 = [((u - column[i]) / 0.3f64).powi(2)];
                matern(&mut r2, &mut [0.0]);
                r2[0]
            };
            let slope = (at(0.31 + step) - at(0.31 - step)) / (2.0 * step);
            let picked: Vec<f64> = (0..5).map(|k| f64::from(u8::from(k == i))).collect();
            let found = sum_slopes(0.3, exponentials(0.31, 0.3), &column, &up, &down, &picked, &[2.0; 5]);
            assert!((slope - found.0).abs() < 1e-7);
        }
    }
}
