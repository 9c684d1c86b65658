//! Loops over single numbers: activations and their derivatives, and sums over rows.

use super::transcendental;
use super::{Arith, dispatch};

dispatch! {
    /// `z = max(z, 0)`; NaN stays NaN, so that a diverged model cannot look well.
    pub fn relu(z: &mut [f64]) => relu_body
}

#[inline(always)]
fn relu_body<S: Arith>(z: &mut [f64]) {
    for i in 0..z.len() {
        z[i] = if z[i] < 0.0 { 0.0 } else { z[i] };
    }
}

dispatch! {
    /// `d = 0` where the output `h` of the rectifier is not above 0.
    ///
    /// # Panics
    /// When `h` is shorter than `d`.
    pub fn relu_backward(d: &mut [f64], h: &[f64]) => relu_backward_body
}

#[inline(always)]
fn relu_backward_body<S: Arith>(d: &mut [f64], h: &[f64]) {
    let h = &h[..d.len()];
    for i in 0..d.len() {
        d[i] = if h[i] > 0.0 { d[i] } else { 0.0 };
    }
}

dispatch! {
    /// `z = tanh z`.
    pub fn tanh(z: &mut [f64]) => tanh_body
}

#[inline(always)]
fn tanh_body<S: Arith>(z: &mut [f64]) {
    for i in 0..z.len() {
        z[i] = transcendental::tanh::<S>(z[i]);
    }
}

dispatch! {
    /// `d *= 1 - h^2`, with `h` the output of tanh.
    ///
    /// # Panics
    /// When `h` is shorter than `d`.
    pub fn tanh_backward(d: &mut [f64], h: &[f64]) => tanh_backward_body
}

#[inline(always)]
fn tanh_backward_body<S: Arith>(d: &mut [f64], h: &[f64]) {
    let h = &h[..d.len()];
    for i in 0..d.len() {
        d[i] *= S::madd(-h[i], h[i], 1.0);
    }
}

dispatch! {
    /// `sum += row` over the rows of `x`, each of `sum.len()` numbers.
    pub fn add_column_sums(sum: &mut [f64], x: &[f64]) => add_column_sums_body
}

#[inline(always)]
fn add_column_sums_body<S: Arith>(sum: &mut [f64], x: &[f64]) {
    let width = sum.len();
    let rows = x.len() / width.max(1);
    let mut j = 0;
    // Strips of columns whose sums stay in registers.
    while j < width {
        j += match width - j {
            16.. => column_strip::<16>(sum, x, rows, j),
            12.. => column_strip::<12>(sum, x, rows, j),
            8.. => column_strip::<8>(sum, x, rows, j),
            4.. => column_strip::<4>(sum, x, rows, j),
            _ => column_strip::<1>(sum, x, rows, j),
        };
    }
}

/// The sums of columns `j..j + N`; returns `N`.
#[inline(always)]
fn column_strip<const N: usize>(sum: &mut [f64], x: &[f64], rows: usize, j: usize) -> usize {
    let width = sum.len();
    let mut sums = [0.0; N];
    sums.copy_from_slice(&sum[j..j + N]);
    for i in 0..rows {
        let row = &x[i * width + j..i * width + j + N];
        for s in 0..N {
            sums[s] += row[s];
        }
    }
    sum[j..j + N].copy_from_slice(&sums);
    N
}

#[cfg(test)]
mod tests {
    use super::super::Baseline;
    use super::*;
    use crate::space::seed::Rng;

    #[test]
    fn activations_and_derivatives_agree_with_the_standard_library() {
        let mut rng = Rng::new(31);
        for len in [0, 1, 5, 8, 100] {
            let z: Vec<f64> = (0..len).map(|_| 3.0 * rng.normal()).collect();
            let run = |f: fn(&mut [f64])| {
                let mut z = z.clone();
                f(&mut z);
                z
            };
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-15);
            let exact: Vec<f64> = z.iter().map(|z| z.tanh()).collect();
            assert!(close(&run(tanh), &exact) && close(&run(tanh_body::<Baseline>), &exact));
            assert_eq!(run(relu), z.iter().map(|z| z.max(0.0)).collect::<Vec<_>>());
            let mut d = vec![2.0; len];
            tanh_backward(&mut d, &exact);
            assert!(close(&d, &exact.iter().map(|h| 2.0 * (1.0 - h * h)).collect::<Vec<_>>()));
            let mut d = vec![2.0; len];
            relu_backward(&mut d, &z);
            assert_eq!(d, z.iter().map(|z| if *z > 0.0 { 2.0 } else { 0.0 }).collect::<Vec<_>>());
        }
        let mut z = [f64::NAN, -1.0];
        relu(&mut z);
        assert!(z[0].is_nan() && z[1] == 0.0);
    }

    #[test]
    fn column_sums_agree_with_a_loop() {
        for width in 1..40 {
            for rows in [0, 1, 6] {
                let x: Vec<f64> = (0..width * rows).map(|i| (i * i % 17) as f64).collect();
                let mut sum = vec![1.0; width];
                add_column_sums(&mut sum, &x);
                for j in 0..width {
                    assert_eq!(sum[j], 1.0 + (0..rows).map(|i| x[i * width + j]).sum::<f64>());
                }
            }
        }
    }
}
