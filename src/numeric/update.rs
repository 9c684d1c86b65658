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

#[cfg(test)]
mod tests {
    use super::super::Baseline;
    use super::*;
    use crate::space::seed::Rng;

    #[test]
    fn compilations_agree_with_the_baseline() {
        let step = AdamStep { beta1: 0.9, beta2: 0.99, eps: 1e-8, rate: 0.1, correction: 1.5 };
        let mut rng = Rng::new(51);
        for len in [0, 1, 3, 4, 9, 64, 101] {
            let mut random = || (0..len).map(|_| rng.normal()).collect::<Vec<f64>>();
            let (x, z, start) = (random(), random(), random());
            let squares: Vec<f64> = random().iter().map(|v| v * v).collect();
            let check = |name: &str, best: &dyn Fn(&mut [f64]), baseline: &dyn Fn(&mut [f64])| {
                let (mut a, mut b) = (start.clone(), start.clone());
                best(&mut a);
                baseline(&mut b);
                assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-14 * (1.0 + b.abs())), "{name} {len}");
            };
            check("axpy", &|y| axpy(0.3, &x, y), &|y| axpy_body::<Baseline>(0.3, &x, y));
            check("pull", &|y| pull(0.3, &x, &z, y), &|y| pull_body::<Baseline>(0.3, &x, &z, y));
            check("scale_by", &|y| scale_by(0.3, &x, y), &|y| scale_by_body::<Baseline>(0.3, &x, y));
            check("scale", &|y| scale(0.3, y), &|y| scale_body::<Baseline>(0.3, y));
            check("momentum", &|y| momentum(y, &mut x.clone(), &z, 0.1, 0.9), &|y| {
                momentum_body::<Baseline>(y, &mut x.clone(), &z, 0.1, 0.9);
            });
            check("nesterov", &|y| nesterov(y, &mut x.clone(), &z, 0.1, 0.9), &|y| {
                nesterov_body::<Baseline>(y, &mut x.clone(), &z, 0.1, 0.9);
            });
            check("adam", &|y| adam(y, &mut x.clone(), &mut squares.clone(), &z, step), &|y| {
                adam_body::<Baseline>(y, &mut x.clone(), &mut squares.clone(), &z, step);
            });
        }
    }
}
