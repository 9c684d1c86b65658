//! The products of a layer with one output: rows times a vector, and a weighted sum of rows.
//!
//! A padded matrix product would do four times the work here. Rows are contiguous with `ld` from one to the next.

use super::{Arith, dispatch};

/// Independent partial sums of a dot product; they hide the latency of the additions.
const PARTS: usize = 16;

dispatch! {
    /// `out[i] = bias + x[i] . w` for each of `out.len()` rows of `w.len()` numbers.
    ///
    /// # Panics
    /// When `x` is too short.
    pub fn dot_rows(x: &[f64], ld: usize, w: &[f64], bias: f64, out: &mut [f64]) => dot_rows_body
}

/// The body of [`dot_rows`].
#[inline(always)]
fn dot_rows_body<S: Arith>(x: &[f64], ld: usize, w: &[f64], bias: f64, out: &mut [f64]) {
    for i in 0..out.len() {
        out[i] = bias + dot::<S>(&x[i * ld..i * ld + w.len()], w);
    }
}

/// The dot product of two slices of one length.
#[inline(always)]
fn dot<S: Arith>(a: &[f64], b: &[f64]) -> f64 {
    let b = &b[..a.len()];
    let mut parts = [0.0; PARTS];
    let mut i = 0;
    while i + PARTS <= a.len() {
        let (a, b) = (&a[i..i + PARTS], &b[i..i + PARTS]);
        for l in 0..PARTS {
            parts[l] = S::madd(a[l], b[l], parts[l]);
        }
        i += PARTS;
    }
    let mut rest = 0.0;
    while i < a.len() {
        rest = S::madd(a[i], b[i], rest);
        i += 1;
    }
    let mut half = PARTS / 2;
    while half > 0 {
        for l in 0..half {
            parts[l] += parts[l + half];
        }
        half /= 2;
    }
    parts[0] + rest
}

dispatch! {
    /// `sum += d[i] * x[i]` over the `d.len()` rows of `sum.len()` numbers.
    ///
    /// # Panics
    /// When `x` is too short.
    pub fn add_weighted_rows(sum: &mut [f64], x: &[f64], ld: usize, d: &[f64]) => add_weighted_rows_body
}

/// The body of [`add_weighted_rows`].
#[inline(always)]
fn add_weighted_rows_body<S: Arith>(sum: &mut [f64], x: &[f64], ld: usize, d: &[f64]) {
    let cols = sum.len();
    let row = |i: usize| &x[i * ld..i * ld + cols];
    let mut i = 0;
    while i + 4 <= d.len() {
        let (d0, d1, d2, d3) = (d[i], d[i + 1], d[i + 2], d[i + 3]);
        let (x0, x1, x2, x3) = (row(i), row(i + 1), row(i + 2), row(i + 3));
        for j in 0..cols {
            sum[j] = S::madd(d3, x3[j], S::madd(d2, x2[j], S::madd(d1, x1[j], S::madd(d0, x0[j], sum[j]))));
        }
        i += 4;
    }
    while i < d.len() {
        let (d, x) = (d[i], row(i));
        for j in 0..cols {
            sum[j] = S::madd(d, x[j], sum[j]);
        }
        i += 1;
    }
}

dispatch! {
    /// `out[i * ld + j] = d[i] * w[j]`; what lies between `w.len()` and `ld` is set to 0.
    ///
    /// # Panics
    /// When `out` is too short or `ld` shorter than `w`.
    pub fn outer(d: &[f64], w: &[f64], out: &mut [f64], ld: usize) => outer_body
}

/// The body of [`outer`].
#[inline(always)]
fn outer_body<S: Arith>(d: &[f64], w: &[f64], out: &mut [f64], ld: usize) {
    for i in 0..d.len() {
        let (head, tail) = out[i * ld..(i + 1) * ld].split_at_mut(w.len());
        for j in 0..w.len() {
            head[j] = d[i] * w[j];
        }
        tail.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Baseline;
    use super::*;
    use crate::space::seed::Rng;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vector_products_agree_with_loops(rows in 0usize..12, cols in 1usize..40, extra in 0usize..4, seed: u64) {
            let (ld, mut rng) = (cols + extra, Rng::new(seed));
            let mut random = |len: usize| (0..len).map(|_| rng.normal()).collect::<Vec<_>>();
            let (x, w, d, start) = (random(rows * ld), random(cols), random(rows), random(cols));
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-13 * (1.0 + b.abs());
            for run in [dot_rows, dot_rows_body::<Baseline>] {
                let mut out = vec![0.0; rows];
                run(&x, ld, &w, 0.5, &mut out);
                for i in 0..rows {
                    let expected = 0.5 + (0..cols).map(|j| x[i * ld + j] * w[j]).sum::<f64>();
                    prop_assert!(close(out[i], expected));
                }
            }
            for run in [add_weighted_rows, add_weighted_rows_body::<Baseline>] {
                let mut sum = start.clone();
                run(&mut sum, &x, ld, &d);
                for j in 0..cols {
                    let expected = start[j] + (0..rows).map(|i| x[i * ld + j] * d[i]).sum::<f64>();
                    prop_assert!(close(sum[j], expected));
                }
            }
            let mut product = vec![7.0; rows * ld];
            outer(&d, &w, &mut product, ld);
            for i in 0..rows {
                for j in 0..ld {
                    prop_assert_eq!(product[i * ld + j], if j < cols { d[i] * w[j] } else { 0.0 });
                }
            }
        }
    }
}
