//! The updates of a parameter vector: one pass each. All slices of a call have one length, or it panics.

use super::{Arith, dispatch};

dispatch! {
    /// `y += a x`.
    pub fn axpy(a: f64, x: &[f64], y: &mut [f64]) => axpy_body
}

#[inline(always)]
fn axpy_body<S: Arith>(a: f64, x: &[f64], y: &mut [f64]) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        y[i] = S::madd(a, x[i], y[i]);
    }
}

dispatch! {
    /// `y += a (x - z)`.
    pub fn pull(a: f64, x: &[f64], z: &[f64], y: &mut [f64]) => pull_body
}

#[inline(always)]
fn pull_body<S: Arith>(a: f64, x: &[f64], z: &[f64], y: &mut [f64]) {
    let (x, z) = (&x[..y.len()], &z[..y.len()]);
    for i in 0..y.len() {
        y[i] = S::madd(a, x[i] - z[i], y[i]);
    }
}

dispatch! {
    /// `y[i] -= a c[i] y[i]`: gradient descent on a separable quadratic.
    pub fn scale_by(a: f64, c: &[f64], y: &mut [f64]) => scale_by_body
}

#[inline(always)]
fn scale_by_body<S: Arith>(a: f64, c: &[f64], y: &mut [f64]) {
    let c = &c[..y.len()];
    for i in 0..y.len() {
        y[i] = S::madd(-(a * c[i]), y[i], y[i]);
    }
}

dispatch! {
    /// `y *= a`.
    pub fn scale(a: f64, y: &mut [f64]) => scale_body
}

#[inline(always)]
fn scale_body<S: Arith>(a: f64, y: &mut [f64]) {
    // Stores that straddle two cache lines cost twice as much: the main loop starts on a line.
    let (head, body) = y.split_at_mut(y.as_ptr().align_offset(64).min(y.len()));
    for i in 0..head.len() {
        head[i] *= a;
    }
    for i in 0..body.len() {
        body[i] *= a;
    }
}

dispatch! {
    /// `v = m v + g`, then `theta -= lr v`.
    pub fn momentum(theta: &mut [f64], v: &mut [f64], g: &[f64], lr: f64, m: f64) => momentum_body
}

#[inline(always)]
fn momentum_body<S: Arith>(theta: &mut [f64], v: &mut [f64], g: &[f64], lr: f64, m: f64) {
    let (v, g) = (&mut v[..theta.len()], &g[..theta.len()]);
    for i in 0..theta.len() {
        v[i] = S::madd(m, v[i], g[i]);
        theta[i] = S::madd(-lr, v[i], theta[i]);
    }
}

dispatch! {
    /// `v = m v + g`, then `theta -= lr (g + m v)`.
    pub fn nesterov(theta: &mut [f64], v: &mut [f64], g: &[f64], lr: f64, m: f64) => nesterov_body
}

#[inline(always)]
fn nesterov_body<S: Arith>(theta: &mut [f64], v: &mut [f64], g: &[f64], lr: f64, m: f64) {
    let (v, g) = (&mut v[..theta.len()], &g[..theta.len()]);
    for i in 0..theta.len() {
        v[i] = S::madd(m, v[i], g[i]);
        theta[i] = S::madd(-lr, S::madd(m, v[i], g[i]), theta[i]);
    }
}

/// The constants of one step of Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// The decay of the mean.
    pub beta1: f64,
    /// The decay of the mean square.
    pub beta2: f64,
    /// What is added to the root.
    pub eps: f64,
    /// The learning rate over `1 - beta1^t`.
    pub rate: f64,
    /// `1 / (1 - beta2^t)`.
    pub correction: f64,
}

dispatch! {
    /// `m = beta1 m + (1 - beta1) g`, `s = beta2 s + (1 - beta2) g^2`,
    /// `theta -= rate m / (sqrt(correction s) + eps)`.
    pub fn adam(theta: &mut [f64], m: &mut [f64], s: &mut [f64], g: &[f64], step: AdamStep) => adam_body
}

#[inline(always)]
fn adam_body<S: Arith>(theta: &mut [f64], m: &mut [f64], s: &mut [f64], g: &[f64], step: AdamStep) {
    let AdamStep { beta1, beta2, eps, rate, correction } = step;
    let (m, s, g) = (&mut m[..theta.len()], &mut s[..theta.len()], &g[..theta.len()]);
    for i in 0..theta.len() {
        m[i] = S::madd(beta1, m[i], (1.0 - beta1) * g[i]);
        s[i] = S::madd(beta2, s[i], (1.0 - beta2) * g[i] * g[i]);
        theta[i] -= rate * m[i] / ((correction * s[i]).sqrt() + eps);
    }
}
