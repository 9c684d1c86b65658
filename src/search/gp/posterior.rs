//! What the process says of other points.

use super::loops;
use super::process::{ADDITIVE_LENGTH, Amplitudes, Data, Factor, Layout, Term};
use crate::numeric::{self, Init, LANES, Shape, Strided};
use crate::search::encode::Point;

/// Columns that are multiplied at once.
const BLOCK: usize = 6 * LANES;

/// A fitted process that predicts.
pub(super) struct Posterior<'a> {
    layout: &'a Layout,
    data: &'a Data,
    factor: Factor,
    alpha: Vec<f64>,
    /// The inverse of the factor, transposed: the right side of a product.
    transposed: Vec<f64>,
    amplitudes: Amplitudes,
    /// `features' alpha`.
    trend: Vec<f64>,
}

/// A prediction at one point: the mean, the standard deviation, and their gradients by the numeric coordinates.
#[derive(Clone, Debug)]
pub(super) struct Prediction {
    pub(super) mean: f64,
    pub(super) sd: f64,
    pub(super) mean_slope: Vec<f64>,
    pub(super) sd_slope: Vec<f64>,
}

impl<'a> Posterior<'a> {
    pub(super) fn new(layout: &'a Layout, data: &'a Data, theta: &[f64], y: &[f64]) -> Option<Self> {
        let factor = Factor::new(layout, data, theta)?;
        let alpha = factor.solve(y);
        let (n, ld) = (data.n, factor.ld);
        let mut transposed = vec![0.0; n * ld];
        for i in 0..n {
            for j in 0..=i {
                transposed[j * ld + i] = factor.inverse[i * ld + j];
            }
        }
        let amplitudes = layout.amplitudes(&factor.theta);
        let trend = data.features.iter().map(|column| numeric::product(column, &alpha)).collect();
        Some(Self { layout, data, factor, alpha, transposed, amplitudes, trend })
    }

    /// The variance of the noise of one observation, in units of standardised costs.
    pub(super) fn noise(&self) -> f64 {
        self.factor.theta[self.layout.terms.len() + 1].exp()
    }

    /// For every point, the share of categories in which `x` is the same.
    fn same(&self, x: &[f64]) -> Vec<f64> {
        let mut same = vec![0.0; self.data.n];
        if self.layout.has_effects() {
            let share = 1.0 / self.layout.categories.len() as f64;
            for &(c, _) in &self.layout.categories {
                for (sum, other) in same.iter_mut().zip(&self.data.columns[c]) {
                    *sum += if *other == x[c] { share } else { 0.0 };
                }
            }
        }
        same
    }

    /// The kernel between `x` and all points; the slopes of the correlations go to `slope`.
    fn cross(&self, x: &[f64], same: &[f64], out: &mut [f64], slope: &mut [f64]) -> f64 {
        let (layout, data, theta) = (self.layout, self.data, &self.factor.theta);
        let terms = layout.terms.len();
        out.fill(0.0);
        for (t, term) in layout.terms.iter().enumerate() {
            let weight = (-2.0 * theta[t]).exp();
            match *term {
                Term::Number(j) => loops::add_squares(out, weight, x[j], &data.columns[j]),
                Term::Category(j) => {
                    for (sum, other) in out.iter_mut().zip(&data.columns[j]) {
                        *sum += if *other == x[j] { 0.0 } else { weight };
                    }
                }
                Term::Value(j, value) if x[j] == value => {
                    for (sum, other) in out.iter_mut().zip(&data.columns[j]) {
                        *sum += if *other == value { 0.0 } else { 0.5 * weight };
                    }
                }
                Term::Value(j, value) => {
                    for (sum, other) in out.iter_mut().zip(&data.columns[j]) {
                        *sum += if *other == value { 0.5 * weight } else { 0.0 };
                    }
                }
            }
        }
        loops::matern(out, slope);
        let amplitude = theta[terms].exp();
        for sum in out.iter_mut() {
            *sum = 1.0 + amplitude * *sum;
        }
        let a = &self.amplitudes;
        let mut own = 1.0 + amplitude + a.category;
        if layout.has_effects() {
            loops::add_scaled(out, a.category, same);
        }
        if layout.has_trends() {
            let mut features = Vec::with_capacity(2 * layout.numbers.len());
            layout.quadratic(x, layout.share().sqrt(), &mut features);
            for (feature, column) in features.iter().zip(&data.features) {
                loops::add_scaled(out, a.quadratic * feature, column);
            }
            let weight = a.additive * layout.share();
            for (k, &j) in layout.numbers.iter().enumerate() {
                let ends = loops::exponentials(x[j], ADDITIVE_LENGTH);
                let (column, up, down) = (&data.columns[j], &data.up[k], &data.down[k]);
                loops::add_matern_1d(out, weight, ADDITIVE_LENGTH, ends, column, up, down);
            }
            own += a.quadratic * features.iter().map(|f| f * f).sum::<f64>();
            own += weight * layout.numbers.len() as f64;
        }
        own
    }

    /// Means and standard deviations at many points.
    pub(super) fn predict(&self, points: &[&Point]) -> Vec<(f64, f64)> {
        if points.is_empty() {
            return Vec::new();
        }
        let (n, ld) = (self.data.n, self.factor.ld);
        let mut kernel = vec![0.0; points.len() * ld];
        let mut slope = vec![0.0; n];
        let mut own = Vec::with_capacity(points.len());
        for (point, row) in points.iter().zip(kernel.chunks_exact_mut(ld)) {
            own.push(self.cross(&point.x, &self.same(&point.x), &mut row[..n], &mut slope));
        }
        let mut half = vec![0.0; points.len() * ld];
        // The right side is a triangle: of each block of its columns only what is above the diagonal counts.
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(ld);
            let shape = Shape { m: points.len(), n: end - start, k: end.min(n) };
            let rows = Strided { data: &kernel, row: ld, col: 1 };
            numeric::gemm(shape, rows, &self.transposed[start..], ld, &mut half[start..], ld, Init::Zero);
        }
        kernel
            .chunks_exact(ld)
            .zip(half.chunks_exact(ld))
            .zip(own)
            .map(|((row, half), own)| {
                let mean = numeric::product(&row[..n], &self.alpha);
                (mean, (own - numeric::product(&half[..n], &half[..n])).max(1e-12).sqrt())
            })
            .collect()
    }

    /// The mean and standard deviation at one point, with their gradients by all numeric coordinates (0 for others).
    pub(super) fn predict_one(&self, x: &[f64]) -> Prediction {
        let (layout, data, theta) = (self.layout, self.data, &self.factor.theta);
        let (n, ld, terms) = (data.n, self.factor.ld, layout.terms.len());
        let (mut kernel, mut slope) = (vec![0.0; n], vec![0.0; n]);
        let same = self.same(x);
        let own = self.cross(x, &same, &mut kernel, &mut slope);
        let (mut half, mut back) = (vec![0.0; n], vec![0.0; n]);
        numeric::lower_times(&self.factor.inverse, n, ld, &kernel, &mut half);
        numeric::upper_times(&self.factor.inverse, n, ld, &half, &mut back);
        let mean = numeric::product(&kernel, &self.alpha);
        let sd = (own - numeric::product(&half, &half)).max(1e-12).sqrt();
        let (mut mean_slope, mut variance_slope) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let amplitude = theta[terms].exp();
        let (mut by_mean, mut by_variance) = (slope.clone(), slope);
        for i in 0..n {
            by_mean[i] *= amplitude * self.alpha[i];
            by_variance[i] *= amplitude * back[i];
        }
        let totals = (by_mean.iter().sum::<f64>(), by_variance.iter().sum::<f64>());
        for (t, term) in layout.terms.iter().enumerate() {
            let Term::Number(j) = *term else { continue };
            let weight = 2.0 * (-2.0 * theta[t]).exp();
            mean_slope[j] += weight * (totals.0 * x[j] - numeric::product(&by_mean, &data.columns[j]));
            variance_slope[j] -= 2.0 * weight * (totals.1 * x[j] - numeric::product(&by_variance, &data.columns[j]));
        }
        if layout.has_trends() {
            let a = &self.amplitudes;
            let width = 2 * layout.numbers.len();
            let mut features = Vec::with_capacity(width);
            layout.quadratic(x, layout.share().sqrt(), &mut features);
            let back_trend: Vec<f64> = data.features.iter().map(|column| numeric::product(column, &back)).collect();
            let scale = layout.share().sqrt();
            for (k, &j) in layout.numbers.iter().enumerate() {
                let slopes = [2.0 * scale, 12.0 * (x[j] - 0.5) * scale];
                for (f, by) in slopes.iter().enumerate() {
                    let c = 2 * k + f;
                    mean_slope[j] += a.quadratic * by * self.trend[c];
                    variance_slope[j] += 2.0 * a.quadratic * by * (features[c] - back_trend[c]);
                }
                let weight = a.additive * layout.share();
                let ends = loops::exponentials(x[j], ADDITIVE_LENGTH);
                let (column, up, down) = (&data.columns[j], &data.up[k], &data.down[k]);
                let (by_mean, by_variance) =
                    loops::sum_slopes(ADDITIVE_LENGTH, ends, column, up, down, &self.alpha, &back);
                mean_slope[j] += weight * by_mean;
                variance_slope[j] -= 2.0 * weight * by_variance;
            }
        }
        let sd_slope = variance_slope.iter().map(|v| v / (2.0 * sd)).collect();
        Prediction { mean, sd, mean_slope, sd_slope }
    }
}
