//! Symmetric positive definite matrices: the factor, its inverse, and the inverse of the whole.
//!
//! All matrices are row-major and square with `ld` numbers from row to row; only lower triangles are read and written.
//! Every loop runs along rows, and the terms of one element are added in an order that depends on the shape only.

use super::{Arith, dispatch};

/// The sum of the products of two rows, in chains that do not wait for each other.
#[inline(always)]
fn dot<S: Arith>(a: &[f64], b: &[f64]) -> f64 {
    const CHAINS: usize = 16;
    let mut sums = [0.0; CHAINS];
    let whole = a.len() / CHAINS * CHAINS;
    let mut i = 0;
    while i < whole {
        for c in 0..CHAINS {
            sums[c] = S::madd(a[i + c], b[i + c], sums[c]);
        }
        i += CHAINS;
    }
    for (c, j) in (whole..a.len()).enumerate() {
        sums[c] = S::madd(a[j], b[j], sums[c]);
    }
    let mut width = CHAINS / 2;
    while width > 0 {
        for c in 0..width {
            sums[c] += sums[c + width];
        }
        width /= 2;
    }
    sums[0]
}

/// `row += scale * other`.
#[inline(always)]
fn add_scaled<S: Arith>(row: &mut [f64], scale: f64, other: &[f64]) {
    for j in 0..row.len() {
        row[j] = S::madd(scale, other[j], row[j]);
    }
}

dispatch! {
    /// Replaces the lower triangle of the `n` x `n` matrix `a` by its Cholesky factor `L` with `a = L L'`, from column
    /// `from` on, where the rows above it hold a factor already. False where `a` is not positive definite to working
    /// precision; then `a` is spoilt.
    ///
    /// # Panics
    /// When `a` is too short.
    pub fn cholesky(a: &mut [f64], n: usize, ld: usize, from: usize) -> bool => cholesky_body
}

/// The body of [`cholesky`].
#[inline(always)]
fn cholesky_body<S: Arith>(a: &mut [f64], n: usize, ld: usize, from: usize) -> bool {
    for i in from..n {
        let (above, below) = a.split_at_mut(i * ld);
        let row = &mut below[..n];
        for j in 0..i {
            let other = &above[(j * ld)..=(j * ld + j)];
            row[j] = (row[j] - dot::<S>(&row[..j], &other[..j])) / other[j];
        }
        let pivot = row[i] - dot::<S>(&row[..i], &row[..i]);
        // A comparison with NaN is false.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return false;
        }
        row[i] = pivot.sqrt();
    }
    true
}

dispatch! {
    /// The inverse of the factor `l`, into the lower triangle of `out`; what is above the diagonal of `out` becomes 0.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn invert_factor(l: &[f64], n: usize, ld: usize, out: &mut [f64]) => invert_factor_body
}

/// The body of [`invert_factor`].
#[inline(always)]
fn invert_factor_body<S: Arith>(l: &[f64], n: usize, ld: usize, out: &mut [f64]) {
    for i in 0..n {
        let (above, below) = out.split_at_mut(i * ld);
        let row = &mut below[..n];
        row.fill(0.0);
        let factors = &l[(i * ld)..=(i * ld + i)];
        for k in 0..i {
            add_scaled::<S>(&mut row[..=k], -factors[k], &above[(k * ld)..=(k * ld + k)]);
        }
        let scale = 1.0 / factors[i];
        for j in 0..i {
            row[j] *= scale;
        }
        row[i] = scale;
    }
}

dispatch! {
    /// `inverse' inverse`, the inverse of the matrix whose factor has the inverse `inverse`: the lower triangle of `out`.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn square_inverse(inverse: &[f64], n: usize, ld: usize, out: &mut [f64]) => square_inverse_body
}

/// The body of [`square_inverse`].
#[inline(always)]
fn square_inverse_body<S: Arith>(inverse: &[f64], n: usize, ld: usize, out: &mut [f64]) {
    for i in 0..n {
        out[(i * ld)..=(i * ld + i)].fill(0.0);
    }
    for k in 0..n {
        let row = &inverse[(k * ld)..=(k * ld + k)];
        for i in 0..=k {
            add_scaled::<S>(&mut out[(i * ld)..=(i * ld + i)], row[i], &row[..=i]);
        }
    }
}

dispatch! {
    /// `out[i] = sum over j <= i of l[i][j] x[j]`: a lower triangle times a vector.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn lower_times(l: &[f64], n: usize, ld: usize, x: &[f64], out: &mut [f64]) => lower_times_body
}

/// The body of [`lower_times`].
#[inline(always)]
fn lower_times_body<S: Arith>(l: &[f64], n: usize, ld: usize, x: &[f64], out: &mut [f64]) {
    for i in 0..n {
        out[i] = dot::<S>(&l[(i * ld)..=(i * ld + i)], &x[..=i]);
    }
}

dispatch! {
    /// `out[j] = sum over i >= j of l[i][j] x[i]`: the transpose of a lower triangle times a vector.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn upper_times(l: &[f64], n: usize, ld: usize, x: &[f64], out: &mut [f64]) => upper_times_body
}

/// The body of [`upper_times`].
#[inline(always)]
fn upper_times_body<S: Arith>(l: &[f64], n: usize, ld: usize, x: &[f64], out: &mut [f64]) {
    out[..n].fill(0.0);
    for i in 0..n {
        add_scaled::<S>(&mut out[..=i], x[i], &l[(i * ld)..=(i * ld + i)]);
    }
}

dispatch! {
    /// The sum of the products of two slices.
    ///
    /// # Panics
    /// When `b` is shorter than `a`.
    pub fn product(a: &[f64], b: &[f64]) -> f64 => dot
}

dispatch! {
    /// `e^x` of every number, for numbers up to 709; 0 below -708.
    pub fn exp(x: &mut [f64]) => exp_body
}

/// The body of [`exp`].
#[inline(always)]
fn exp_body<S: Arith>(x: &mut [f64]) {
    for value in x {
        *value = super::transcendental::exp::<S>(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::seed::Rng;

    #[test]
    fn a_matrix_is_factored_and_inverted() {
        for n in [1, 2, 3, 17, 40, 65] {
            let ld = n + 3;
            let mut rng = Rng::new(n as u64);
            let basis: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
            let entry = |i: usize, j: usize| {
                (0..n).map(|k| basis[i * n + k] * basis[j * n + k]).sum::<f64>() + if i == j { 1.0 } else { 0.0 }
            };
            let mut l = vec![f64::NAN; n * ld];
            (0..n).for_each(|i| (0..=i).for_each(|j| l[i * ld + j] = entry(i, j)));
            assert!(cholesky(&mut l, n, ld, 0));
            let mut inverse = vec![f64::NAN; n * ld];
            invert_factor(&l, n, ld, &mut inverse);
            let mut whole = vec![f64::NAN; n * ld];
            square_inverse(&inverse, n, ld, &mut whole);
            let at = |i: usize, j: usize| whole[i.max(j) * ld + i.min(j)];
            for i in 0..n {
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| entry(i, k) * at(k, j)).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-8, "{n}: {i} {j} {product}");
                }
            }
            let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let (mut lower, mut back) = (vec![0.0; n], vec![0.0; n]);
            lower_times(&inverse, n, ld, &x, &mut lower);
            upper_times(&inverse, n, ld, &lower, &mut back);
            for i in 0..n {
                let sum: f64 = (0..n).map(|j| entry(i, j) * back[j]).sum();
                assert!((sum - x[i]).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn rows_can_be_added_to_a_factor() {
        let whole = [4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.6, 1.0, 3.0];
        let mut at_once = whole;
        assert!(cholesky(&mut at_once, 3, 3, 0));
        let mut in_steps = whole;
        assert!(cholesky(&mut in_steps, 2, 3, 0) && cholesky(&mut in_steps, 3, 3, 2));
        assert_eq!(at_once, in_steps);
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        for bad in [[1.0, 0.0, 2.0, 1.0], [0.0, 0.0, 0.0, 1.0], [f64::NAN, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0]] {
            let mut matrix = bad;
            assert!(!cholesky(&mut matrix, 2, 2, 0), "{bad:?}");
        }
    }
}
