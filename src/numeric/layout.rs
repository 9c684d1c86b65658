//! Between the public layout of a weight matrix (rows of `cols` numbers, nothing between them) and the padded one of
//! the products (rows of `width` numbers), with the penalty's gradient on the way; and rows copied together for a mini-batch.
//!
//! The gradient of `l1 |w| + l2/2 w^2` is `l1 sign(w) + l2 w`, with `sign(0) = 0`.

use super::lanes::Vector;
use super::{Arith, LANES, dispatch};

/// The sign of `w`, 0 at 0; NaN stays NaN.
#[inline(always)]
fn sign(w: f64) -> f64 {
    if w > 0.0 {
        1.0
    } else if w < 0.0 {
        -1.0
    } else {
        w
    }
}

dispatch! {
    /// `gradient = padded + l1 sign(w) + l2 w` over weights `w` in rows of `cols`.
    pub fn unpack_gradient(
        w: &[f64], cols: usize, padded: &[f64], width: usize, l1: f64, l2: f64, gradient: &mut [f64],
    ) => unpack_gradient_body
}

/// The body of [`unpack_gradient`].
#[inline(always)]
fn unpack_gradient_body<S: Arith>(
    w: &[f64],
    cols: usize,
    padded: &[f64],
    width: usize,
    l1: f64,
    l2: f64,
    gradient: &mut [f64],
) {
    for row in 0..w.len() / cols.max(1) {
        let (w, padded) = (&w[row * cols..][..cols], &padded[row * width..][..cols]);
        let gradient = &mut gradient[row * cols..][..cols];
        if l1 == 0.0 && l2 == 0.0 {
            for i in 0..cols {
                gradient[i] = padded[i];
            }
        } else {
            for i in 0..cols {
                gradient[i] = S::madd(l1, sign(w[i]), S::madd(l2, w[i], padded[i]));
            }
        }
    }
}

dispatch! {
    /// `w -= lr (padded + l1 sign(w) + l2 w)` over weights `w` in rows of `cols`.
    pub fn descend_padded(
        w: &mut [f64], cols: usize, padded: &[f64], width: usize, lr: f64, l1: f64, l2: f64,
    ) => descend_padded_body
}

/// The body of [`descend_padded`].
#[inline(always)]
fn descend_padded_body<S: Arith>(w: &mut [f64], cols: usize, padded: &[f64], width: usize, lr: f64, l1: f64, l2: f64) {
    for row in 0..w.len() / cols.max(1) {
        let (w, padded) = (&mut w[row * cols..][..cols], &padded[row * width..][..cols]);
        if l1 == 0.0 && l2 == 0.0 {
            if cols >= LANES {
                descend_row::<S::Narrow>(w, padded, S::Narrow::splat(-lr));
            } else {
                for i in 0..cols {
                    w[i] = S::madd(-lr, padded[i], w[i]);
                }
            }
        } else {
            for i in 0..cols {
                w[i] = S::madd(-lr, S::madd(l1, sign(w[i]), S::madd(l2, w[i], padded[i])), w[i]);
            }
        }
    }
}

/// `w += step padded` for rows of one length, four numbers or more, in whole vectors: the last one overlaps the one
/// before it, and is computed before anything is written.
#[inline(always)]
fn descend_row<V: Vector>(w: &mut [f64], padded: &[f64], step: V) {
    assert!(w.len() >= V::COUNT && padded.len() == w.len(), "the rows are long enough");
    let tail = w.len() - V::COUNT;
    let last = step.madd(V::load(padded, tail), V::load(w, tail));
    let mut i = 0;
    while i < tail {
        step.madd(V::load(padded, i), V::load(w, i)).store(w, i);
        i += V::COUNT;
    }
    last.store(w, tail);
}

dispatch! {
    /// Copies rows `ids` of `x` (`cols` numbers a row) to `to`, one after another.
    ///
    /// # Panics
    /// When there is no such row, or `to` is too short.
    pub fn gather(x: &[f64], cols: usize, ids: &[u32], to: &mut [f64]) => gather_body
}

/// The body of [`gather`].
#[inline(always)]
fn gather_body<S: Arith>(x: &[f64], cols: usize, ids: &[u32], to: &mut [f64]) {
    for i in 0..ids.len() {
        let from = &x[ids[i] as usize * cols..][..cols];
        let to = &mut to[i * cols..][..cols];
        let mut j = 0;
        while j + S::Wide::COUNT <= cols {
            S::Wide::load(from, j).store(to, j);
            j += S::Wide::COUNT;
        }
        while j < cols {
            to[j] = from[j];
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Baseline;
    use super::*;

    #[test]
    fn rows_are_copied_in_the_order_of_the_ids() {
        for cols in 1..20 {
            let x: Vec<f64> = (0..5 * cols).map(|i| i as f64).collect();
            for run in [gather, gather_body::<Baseline>] {
                let mut to = vec![-1.0; 3 * cols];
                run(&x, cols, &[4, 0, 2], &mut to);
                assert_eq!(to, [&x[4 * cols..], &x[..cols], &x[2 * cols..3 * cols]].concat());
            }
        }
    }

    #[test]
    fn the_penalty_is_added_and_its_kink_has_gradient_0() {
        let (w, padded) = ([1.0, -2.0, 0.0, -0.0], [10.0, 20.0, 7.0, 7.0, 30.0, 40.0, 7.0, 7.0]);
        let mut gradient = [0.0; 4];
        unpack_gradient(&w, 2, &padded, 4, 0.5, 0.25, &mut gradient);
        assert_eq!(gradient, [10.75, 19.0, 30.0, 40.0]);
        let mut moved = w;
        descend_padded(&mut moved, 2, &padded, 4, 0.5, 0.5, 0.25);
        assert_eq!(moved, [1.0 - 0.5 * 10.75, -2.0 - 0.5 * 19.0, -15.0, -20.0]);
        unpack_gradient(&w, 2, &padded, 4, 0.0, 0.0, &mut gradient);
        assert_eq!(gradient, [10.0, 20.0, 30.0, 40.0]);
    }
}
