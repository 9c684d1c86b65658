//! The matrix product of the dense layers: register tiles over a strided left side and a row-major right side.
//!
//! The left side has a stride for rows and one for columns, so that the same loop serves `X W` (rows of `X`) and
//! `X' D` (columns of `X`). The width of the product is a multiple of [`LANES`]: layers pad their columns.
//!
//! Invariant: for one element the terms are added in the order of the inner index, whatever the tile.

use super::lanes::{LANES, Vector};
use super::{Arith, dispatch};

/// The shape of a product: `m` x `n` from `m` x `k` and `k` x `n`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Rows of the left side and of the product.
    pub m: usize,
    /// Columns of the right side and of the product, a multiple of [`LANES`].
    pub n: usize,
    /// Columns of the left side, rows of the right side.
    pub k: usize,
}

/// A matrix whose element (i, p) is `data[i * row + p * col]`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a> {
    /// The numbers.
    pub data: &'a [f64],
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub col: usize,
}

/// What the product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Init<'a> {
    /// Nothing.
    Zero,
    /// What the result holds already.
    Add,
    /// The same row of `n` numbers in every row: a bias.
    Row(&'a [f64]),
}

dispatch! {
    /// `c = init + a b`, with `b` row-major (`ldb` from row to row) and `c` row-major (`ldc` from row to row).
    ///
    /// # Panics
    /// When `n` is not a multiple of [`LANES`] or a slice is too short for the shape.
    pub fn gemm(shape: Shape, a: Strided<'_>, b: &[f64], ldb: usize, c: &mut [f64], ldc: usize, init: Init<'_>) => gemm_body
}

/// The body of [`gemm`].
#[inline(always)]
fn gemm_body<S: Arith>(shape: Shape, a: Strided<'_>, b: &[f64], ldb: usize, c: &mut [f64], ldc: usize, init: Init<'_>) {
    let Shape { m, n, k } = shape;
    if m == 0 || n == 0 {
        return;
    }
    assert!(a.col > 0, "columns of the left side do not coincide");
    assert!(n.is_multiple_of(LANES) && n <= ldc, "the width is padded");
    assert!(c.len() >= (m - 1) * ldc + n, "the result is too short");
    if k > 0 {
        assert!(a.data.len() > (m - 1) * a.row + (k - 1) * a.col, "the left side is too short");
        assert!(b.len() >= (k - 1) * ldb + n, "the right side is too short");
    }
    if let Init::Row(row) = init {
        assert!(row.len() >= n, "the bias is too short");
    }
    let mut operands = Operands { a, b, ldb, c, ldc, k, init };
    let mut j = 0;
    while j < n {
        let vectors = (n - j) / LANES;
        j += if S::Wide::COUNT == LANES {
            match vectors {
                3 | 5 | 6.. => panel::<S, S::Narrow, 3>(&mut operands, m, j),
                2.. => panel::<S, S::Narrow, 2>(&mut operands, m, j),
                _ => panel::<S, S::Narrow, 1>(&mut operands, m, j),
            }
        } else {
            match vectors {
                3 => panel::<S, S::Narrow, 3>(&mut operands, m, j),
                1 => panel::<S, S::Narrow, 1>(&mut operands, m, j),
                6.. => panel::<S, S::Wide, 3>(&mut operands, m, j),
                4.. => panel::<S, S::Wide, 2>(&mut operands, m, j),
                _ => panel::<S, S::Wide, 1>(&mut operands, m, j),
            }
        };
    }
}

/// The operands of a product, wide and long enough for its shape.
struct Operands<'a, 'c> {
    a: Strided<'a>,
    b: &'a [f64],
    ldb: usize,
    c: &'c mut [f64],
    ldc: usize,
    k: usize,
    init: Init<'a>,
}

/// The columns of `N` vectors from `j` on, of all rows; returns their number.
#[inline(always)]
fn panel<S: Arith, V: Vector, const N: usize>(operands: &mut Operands<'_, '_>, m: usize, j: usize) -> usize {
    let mut i = 0;
    if S::TILE_ROWS == 8 {
        while i + 8 <= m {
            tile::<V, 8, N>(operands, i, j);
            i += 8;
        }
        while i + 4 <= m {
            tile::<V, 4, N>(operands, i, j);
            i += 4;
        }
    }
    if S::TILE_ROWS == 3 {
        while i + 3 <= m {
            tile::<V, 3, N>(operands, i, j);
            i += 3;
        }
    }
    while i + 2 <= m {
        tile::<V, 2, N>(operands, i, j);
        i += 2;
    }
    if i < m {
        tile::<V, 1, N>(operands, i, j);
    }
    N * V::COUNT
}

/// Rows `i..i + M`, the columns of `N` vectors from `j` on: the sums stay in registers over the whole inner index.
#[inline(always)]
fn tile<V: Vector, const M: usize, const N: usize>(operands: &mut Operands<'_, '_>, i: usize, j: usize) {
    let &mut Operands { a, b, ldb, ref mut c, ldc, k, init } = operands;
    let width = N * V::COUNT;
    // Where each row starts. Nothing here overflows, as the operands are long enough; checks for it, with their ways out
    // of the loops, would keep the sums out of the registers.
    let row = |r: usize| i.wrapping_add(r).wrapping_mul(ldc).wrapping_add(j);
    let mut sums = [[V::splat(0.0); N]; M];
    match init {
        Init::Zero => {}
        Init::Add => {
            for r in 0..M {
                let from = &c[row(r)..][..width];
                for s in 0..N {
                    sums[r][s] = V::load(from, s * V::COUNT);
                }
            }
        }
        Init::Row(bias) => {
            let from = &bias[j..][..width];
            for s in 0..N {
                sums[0][s] = V::load(from, s * V::COUNT);
            }
            for r in 1..M {
                sums[r] = sums[0];
            }
        }
    }
    if k > 0 {
        // Slices of one length, so that one comparison serves all rows.
        let reach = (k - 1).wrapping_mul(a.col).wrapping_add(1);
        let mut left: [&[f64]; M] = [&[]; M];
        for r in 0..M {
            left[r] = &a.data[i.wrapping_add(r).wrapping_mul(a.row)..][..reach];
        }
        let (mut p, mut q) = (0, j);
        while p < reach {
            let right = &b[q..][..width];
            let mut y = [V::splat(0.0); N];
            for s in 0..N {
                y[s] = V::load(right, s * V::COUNT);
            }
            for r in 0..M {
                let x = V::splat(left[r][p]);
                for s in 0..N {
                    sums[r][s] = x.madd(y[s], sums[r][s]);
                }
            }
            p = p.wrapping_add(a.col);
            q = q.wrapping_add(ldb);
        }
    }
    for r in 0..M {
        let to = &mut c[row(r)..][..width];
        for s in 0..N {
            sums[r][s].store(to, s * V::COUNT);
        }
    }
}

dispatch! {
    /// `b[j * ldb + i] = a[i * lda + j]` for `rows` x `cols` of `a`: a transposed copy.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn transpose(a: &[f64], lda: usize, rows: usize, cols: usize, b: &mut [f64], ldb: usize) => transpose_body
}

/// The body of [`transpose`].
#[inline(always)]
fn transpose_body<S: Arith>(a: &[f64], lda: usize, rows: usize, cols: usize, b: &mut [f64], ldb: usize) {
    if rows == 0 || cols == 0 {
        return;
    }
    assert!(a.len() >= (rows - 1) * lda + cols && b.len() >= (cols - 1) * ldb + rows, "a side is too short");
    let (blocks, whole) = (rows / 4 * 4, cols / 4 * 4);
    for i in (0..blocks).step_by(4) {
        for j in (0..whole).step_by(4) {
            let block: [[f64; 4]; 4] = std::array::from_fn(|r| std::array::from_fn(|s| a[(i + r) * lda + j + s]));
            for s in 0..4 {
                for r in 0..4 {
                    b[(j + s) * ldb + i + r] = block[r][s];
                }
            }
        }
        for j in whole..cols {
            for r in i..i + 4 {
                b[j * ldb + r] = a[r * lda + j];
            }
        }
    }
    for i in blocks..rows {
        for j in 0..cols {
            b[j * ldb + i] = a[i * lda + j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Baseline;
    use super::*;
    use crate::space::seed::Rng;
    use proptest::prelude::*;

    /// `init + a b` by three loops.
    fn naive(shape: Shape, a: Strided<'_>, b: &[f64], ldb: usize, c: &mut [f64], ldc: usize, init: Init<'_>) {
        for i in 0..shape.m {
            for j in 0..shape.n {
                let start = match init {
                    Init::Zero => 0.0,
                    Init::Add => c[i * ldc + j],
                    Init::Row(row) => row[j],
                };
                c[i * ldc + j] =
                    (0..shape.k).fold(start, |sum, p| sum + a.data[i * a.row + p * a.col] * b[p * ldb + j]);
            }
        }
    }

    /// The compilation for AVX2 where there is one, also on processors that have better.
    fn avx2(shape: Shape, a: Strided<'_>, b: &[f64], ldb: usize, c: &mut [f64], ldc: usize, init: Init<'_>) {
        #[cfg(target_arch = "x86_64")]
        {
            use super::super::{Avx2, Instructions, instructions};

            #[target_feature(enable = "avx2,fma")]
            fn wide(shape: Shape, a: Strided<'_>, b: &[f64], ldb: usize, c: &mut [f64], ldc: usize, init: Init<'_>) {
                gemm_body::<Avx2>(shape, a, b, ldb, c, ldc, init);
            }

            if instructions() != Instructions::Baseline {
                // SAFETY: the processor has the features that the function is compiled for.
                return unsafe { wide(shape, a, b, ldb, c, ldc, init) };
            }
        }
        gemm_body::<Baseline>(shape, a, b, ldb, c, ldc, init);
    }

    proptest! {
        #[test]
        fn products_agree_with_three_loops(
            m in 0usize..15, lanes in 0usize..11, k in 0usize..20, across: bool, extra in 0usize..5, init in 0..3, seed: u64,
        ) {
            let (n, mut rng) = (lanes * LANES, Rng::new(seed));
            let mut random = |len: usize| (0..len).map(|_| rng.normal()).collect::<Vec<_>>();
            let shape = Shape { m, n, k };
            let data = random((m + extra) * (k + extra) + 1);
            let a = if across {
                Strided { data: &data, row: 1, col: m + extra }
            } else {
                Strided { data: &data, row: k + extra, col: 1 }
            };
            let (ldb, ldc) = (n + extra, n + 1);
            let (b, row, start) = (random(k * ldb + n), random(n), random(m * ldc));
            let init = [Init::Zero, Init::Add, Init::Row(&row)][init as usize];
            let mut expected = start.clone();
            naive(shape, a, &b, ldb, &mut expected, ldc, init);
            for run in [gemm, avx2, gemm_body::<Baseline>] {
                let mut c = start.clone();
                run(shape, a, &b, ldb, &mut c, ldc, init);
                for (c, e) in c.iter().zip(&expected) {
                    prop_assert!((c - e).abs() <= 1e-13 * (1.0 + e.abs()), "{c} {e}");
                }
            }
        }

        #[test]
        fn transposes_agree_with_indexing(rows in 0usize..13, cols in 0usize..13, extra in 0usize..3) {
            let a: Vec<f64> = (0..rows * (cols + extra)).map(|i| i as f64).collect();
            let mut b = vec![-1.0; cols * (rows + extra)];
            transpose(&a, cols + extra, rows, cols, &mut b, rows + extra);
            for i in 0..rows {
                for j in 0..cols {
                    prop_assert_eq!(b[j * (rows + extra) + i], a[i * (cols + extra) + j]);
                }
            }
        }
    }

    #[test]
    fn nan_stays_in_its_row() {
        let a = [f64::NAN, 1.0];
        let mut c = [0.0; 8];
        let shape = Shape { m: 2, n: 4, k: 1 };
        gemm(shape, Strided { data: &a, row: 1, col: 1 }, &[1.0, 2.0, 3.0, f64::INFINITY], 4, &mut c, 4, Init::Zero);
        assert!(c[..4].iter().all(|c| c.is_nan()));
        assert_eq!(c[4..], [1.0, 2.0, 3.0, f64::INFINITY]);
    }
}
