//! The Gaussian process: its kernel, its posterior density of the hyperparameters, and its predictions.
//!
//! For standardised costs `y` of `n` points,
//! `K = 1 + s m(r) + q Q + a A + c C + noise / repeats`:
//! a constant (the unknown mean, integrated out), the Matern 5/2 kernel `m` with a length for every coordinate, a
//! separable quadratic trend `Q`, a sum `A` of one-dimensional kernels with one fixed length (the two see the numeric
//! coordinates only), and the effect `C` of each category by itself. `r^2 = sum_t d_t / l_t^2` with `d_t` the squared difference of a numeric coordinate; a
//! category adds, where two points differ in it, the mean of the two values' own terms: the kernel of one-hot columns.
//!
//! Sources: C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning", 2006, chapters 2, 4.2 and
//! 5.4; D. Duvenaud et al., "Additive Gaussian processes", NeurIPS 2011; C. Hvarfner et al., "Vanilla Bayesian
//! optimization performs great in high dimensions", ICML 2024 (the broad prior).

use super::loops;
use crate::numeric::{self, LANES};
use crate::search::encode::{Encoding, Kind, NO_CATEGORY, Point};

/// Added to the diagonal whatever the noise.
const JITTER: f64 = 1e-8;
/// The length of the one-dimensional kernels, in units of a whole range.
pub(super) const ADDITIVE_LENGTH: f64 = 0.3;
/// A category with more values than this has one length for all of them.
const OWN_LENGTHS: usize = 12;
/// Hyperparameters are held within so many standard deviations of their prior.
const REACH: f64 = 6.0;

/// The prior density of the logarithms of the lengths: normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lengths {
    /// Around half a range for 6 coordinates, narrow.
    Tight,
    /// Hvarfner et al. 2024: the mode as in the paper, wide.
    Broad,
}

/// How the kernel is composed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Design {
    pub(super) lengths: Lengths,
    /// Whether the trends are there.
    pub(super) trends: bool,
    /// Whether categories have effects by themselves.
    pub(super) effects: bool,
    /// Whether every value of a category has a length of its own.
    pub(super) own_lengths: bool,
}

/// One term of the squared distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Term {
    /// A numeric coordinate.
    Number(usize),
    /// All values of a category.
    Category(usize),
    /// One value of a category.
    Value(usize, f64),
}

/// A part of the kernel that has an amplitude of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    /// The quadratic trend, for all categories alike.
    Quadratic,
    /// The sum of one-dimensional kernels, for all categories alike.
    Additive,
    /// The effect of each category by itself.
    Category,
}

/// The amplitudes of the parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amplitudes {
    pub(super) quadratic: f64,
    pub(super) additive: f64,
    pub(super) category: f64,
}

/// The hyperparameters of a design on a space, with their priors.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) terms: Vec<Term>,
    pub(super) numbers: Vec<usize>,
    pub(super) categories: Vec<(usize, usize)>,
    parts: Vec<Part>,
    /// Means and standard deviations of the priors: lengths, amplitude, noise, quadratic, additive.
    pub(super) prior: Vec<(f64, f64)>,
}

impl Layout {
    pub(super) fn new(encoding: &Encoding, design: Design) -> Self {
        let (mut terms, mut numbers, mut categories) = (Vec::new(), Vec::new(), Vec::new());
        for j in 0..encoding.len() {
            match encoding.kind(j) {
                Kind::Category(count) => {
                    categories.push((j, *count));
                    if design.own_lengths && *count <= OWN_LENGTHS {
                        let first = if encoding.is_conditional(j) { NO_CATEGORY as i64 } else { 0 };
                        terms.extend((first..*count as i64).map(|value| Term::Value(j, value as f64)));
                    } else {
                        terms.push(Term::Category(j));
                    }
                }
                _ => {
                    numbers.push(j);
                    terms.push(Term::Number(j));
                }
            }
        }
        let d = encoding.len().max(1) as f64;
        let length = match design.lengths {
            Lengths::Tight => (0.5f64.ln() + 0.5 * (d / 6.0).ln(), 0.7),
            Lengths::Broad => (std::f64::consts::SQRT_2 - 3.0 + 0.5 * d.ln(), 3f64.sqrt()),
        };
        let mut prior = vec![length; terms.len()];
        prior.extend([(0.0, 1.0), (-7.0, 2.0)]);
        let mut parts = Vec::new();
        if design.trends && !numbers.is_empty() {
            parts.extend([Part::Quadratic, Part::Additive]);
            prior.extend([(0.5f64.ln(), 1.5), (0.3f64.ln(), 1.5)]);
        }
        if design.effects && !categories.is_empty() {
            parts.push(Part::Category);
            prior.push((0.3f64.ln(), 1.5));
        }
        Self { terms, numbers, categories, parts, prior }
    }

    /// The number of hyperparameters.
    pub(super) fn len(&self) -> usize {
        self.prior.len()
    }

    /// The prior mode: where a fit starts that knows nothing.
    pub(super) fn start(&self) -> Vec<f64> {
        self.prior.iter().map(|(mean, _)| *mean).collect()
    }

    /// Whether any part sees the numeric coordinates.
    pub(super) fn has_trends(&self) -> bool {
        self.parts.contains(&Part::Quadratic)
    }

    /// Whether any part sees the categories.
    pub(super) fn has_effects(&self) -> bool {
        self.parts.contains(&Part::Category)
    }

    pub(super) fn amplitudes(&self, theta: &[f64]) -> Amplitudes {
        let mut out = Amplitudes::default();
        for (part, t) in self.parts.iter().zip(&theta[self.terms.len() + 2..]) {
            let amplitude = t.exp();
            match part {
                Part::Quadratic => out.quadratic = amplitude,
                Part::Additive => out.additive = amplitude,
                Part::Category => out.category = amplitude,
            }
        }
        out
    }

    /// The quadratic features of a point: `2 (u - 1/2)` and `6 (u - 1/2)^2` of every numeric coordinate.
    pub(super) fn quadratic(&self, x: &[f64], scale: f64, out: &mut Vec<f64>) {
        for &j in &self.numbers {
            let u = x[j] - 0.5;
            out.push(2.0 * u * scale);
            out.push(6.0 * u * u * scale);
        }
    }

    /// What the trends are divided by: they are means over all coordinates.
    pub(super) fn share(&self) -> f64 {
        1.0 / (self.numbers.len() + self.categories.len()).max(1) as f64
    }
}

/// Points with all that does not depend on the hyperparameters. Triangles are packed by rows.
pub(super) struct Data {
    pub(super) n: usize,
    /// For each term, the triangle of squared differences.
    pub(super) differences: Vec<Vec<f64>>,
    /// What goes with the amplitude of each part.
    pub(super) parts: Vec<Vec<f64>>,
    /// Coordinates, one column after the other.
    pub(super) columns: Vec<Vec<f64>>,
    /// `e^(+-sqrt 5 u / length)` of the numeric columns.
    pub(super) up: Vec<Vec<f64>>,
    pub(super) down: Vec<Vec<f64>>,
    /// Quadratic features, one column after the other.
    pub(super) features: Vec<Vec<f64>>,
    /// What the noise is multiplied by: one over the number of repeats.
    pub(super) noise: Vec<f64>,
}

impl Data {
    pub(super) fn new(layout: &Layout, points: &[&Point], noise: Vec<f64>) -> Self {
        let n = points.len();
        let triangle = |f: &dyn Fn(usize, usize) -> f64| {
            let mut out = Vec::with_capacity(n * (n + 1) / 2);
            for i in 0..n {
                out.extend((0..=i).map(|j| f(i, j)));
            }
            out
        };
        let x = |i: usize, j: usize| points[i].x[j];
        let differences = layout
            .terms
            .iter()
            .map(|term| match *term {
                Term::Number(c) => triangle(&|i, j| (x(i, c) - x(j, c)).powi(2)),
                Term::Category(c) => triangle(&|i, j| f64::from(u8::from(x(i, c) != x(j, c)))),
                Term::Value(c, value) => triangle(&|i, j| {
                    let (a, b) = (x(i, c), x(j, c));
                    if a == b { 0.0 } else { 0.5 * f64::from(u8::from(a == value) + u8::from(b == value)) }
                }),
            })
            .collect();
        let columns: Vec<Vec<f64>> =
            (0..points.first().map_or(0, |point| point.x.len())).map(|j| (0..n).map(|i| x(i, j)).collect()).collect();
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let (mut quadratic, mut additive, mut features) = (Vec::new(), Vec::new(), Vec::<Vec<f64>>::new());
        if layout.has_trends() {
            for &j in &layout.numbers {
                let ends: Vec<_> = (0..n).map(|i| loops::exponentials(x(i, j), ADDITIVE_LENGTH)).collect();
                up.push(ends.iter().map(|e| e.1).collect::<Vec<f64>>());
                down.push(ends.iter().map(|e| e.2).collect::<Vec<f64>>());
            }
            features = vec![Vec::with_capacity(n); 2 * layout.numbers.len()];
            let mut row = Vec::new();
            for point in points {
                row.clear();
                layout.quadratic(&point.x, layout.share().sqrt(), &mut row);
                features.iter_mut().zip(&row).for_each(|(column, feature)| column.push(*feature));
            }
            for i in 0..n {
                let mut products = vec![0.0; i + 1];
                for column in &features {
                    loops::add_scaled(&mut products, column[i], column);
                }
                quadratic.extend(products);
                let mut sums = vec![0.0; i + 1];
                for (k, &j) in layout.numbers.iter().enumerate() {
                    let own = (columns[j][i], up[k][i], down[k][i]);
                    loops::add_matern_1d(
                        &mut sums,
                        layout.share(),
                        ADDITIVE_LENGTH,
                        own,
                        &columns[j],
                        &up[k],
                        &down[k],
                    );
                }
                additive.extend(sums);
            }
        }
        let same = if layout.has_effects() {
            let share = 1.0 / layout.categories.len() as f64;
            triangle(&|i, j| layout.categories.iter().map(|&(c, _)| if x(i, c) == x(j, c) { share } else { 0.0 }).sum())
        } else {
            Vec::new()
        };
        let parts = layout
            .parts
            .iter()
            .map(|part| match part {
                Part::Quadratic => quadratic.clone(),
                Part::Additive => additive.clone(),
                Part::Category => same.clone(),
            })
            .collect();
        Self { n, differences, parts, columns, up, down, features, noise }
    }

    pub(super) fn padded(&self) -> usize {
        self.n.div_ceil(LANES) * LANES
    }
}

/// The kernel matrix of some hyperparameters and what follows from it.
pub(super) struct Factor {
    pub(super) theta: Vec<f64>,
    pub(super) ld: usize,
    /// The Cholesky factor, its inverse.
    pub(super) factor: Vec<f64>,
    pub(super) inverse: Vec<f64>,
    /// The correlations and their slopes, packed.
    pub(super) slope: Vec<f64>,
    pub(super) correlation: Vec<f64>,
}

impl Factor {
    /// None where the matrix is not positive definite to working precision.
    pub(super) fn new(layout: &Layout, data: &Data, theta: &[f64]) -> Option<Self> {
        let (n, ld, terms) = (data.n, data.padded(), layout.terms.len());
        let theta: Vec<f64> =
            theta.iter().zip(&layout.prior).map(|(t, (m, s))| t.clamp(m - REACH * s, m + REACH * s)).collect();
        let mut correlation = vec![0.0; n * (n + 1) / 2];
        for (t, differences) in data.differences.iter().enumerate() {
            loops::add_scaled(&mut correlation, (-2.0 * theta[t]).exp(), differences);
        }
        let mut slope = vec![0.0; correlation.len()];
        loops::matern(&mut correlation, &mut slope);
        let mut factor = vec![0.0; n * ld];
        let mut start = 0;
        for i in 0..n {
            let row = &mut factor[(i * ld)..=(i * ld + i)];
            row.fill(1.0);
            loops::add_scaled(row, theta[terms].exp(), &correlation[start..=start + i]);
            for (part, t) in data.parts.iter().zip(&theta[terms + 2..]) {
                loops::add_scaled(row, t.exp(), &part[start..=start + i]);
            }
            row[i] += theta[terms + 1].exp() * data.noise[i] + JITTER;
            start += i + 1;
        }
        if !numeric::cholesky(&mut factor, n, ld, 0) {
            return None;
        }
        let mut inverse = vec![0.0; n * ld];
        numeric::invert_factor(&factor, n, ld, &mut inverse);
        Some(Self { theta, ld, factor, inverse, slope, correlation })
    }

    /// `K^-1 y`.
    pub(super) fn solve(&self, y: &[f64]) -> Vec<f64> {
        let (mut half, mut out) = (vec![0.0; y.len()], vec![0.0; y.len()]);
        numeric::lower_times(&self.inverse, y.len(), self.ld, y, &mut half);
        numeric::upper_times(&self.inverse, y.len(), self.ld, &half, &mut out);
        out
    }

    /// `y' K^-1 y / 2`.
    pub(super) fn quadratic_form(&self, y: &[f64]) -> f64 {
        let mut half = vec![0.0; y.len()];
        numeric::lower_times(&self.inverse, y.len(), self.ld, y, &mut half);
        0.5 * numeric::product(&half, &half)
    }

    /// Minus the logarithm of the density of `y`, without its constant.
    fn misfit(&self, y: &[f64]) -> f64 {
        self.quadratic_form(y) + (0..y.len()).map(|i| self.factor[i * self.ld + i].ln()).sum::<f64>()
    }
}

/// Minus the logarithm of the posterior density of the hyperparameters, up to a constant, and its gradient.
/// None where the matrix is not positive definite to working precision.
pub(super) fn objective(layout: &Layout, data: &Data, y: &[f64], theta: &[f64], gradient: &mut [f64]) -> Option<f64> {
    let factor = Factor::new(layout, data, theta)?;
    let (n, ld, terms) = (data.n, factor.ld, layout.terms.len());
    let alpha = factor.solve(y);
    let misfit = factor.misfit(y);
    // The inverse less alpha alpha', packed; times the slope it weighs the differences.
    let mut whole = vec![0.0; n * ld];
    numeric::square_inverse(&factor.inverse, n, ld, &mut whole);
    let mut weights = Vec::with_capacity(n * (n + 1) / 2);
    for i in 0..n {
        let row = &mut whole[(i * ld)..=(i * ld + i)];
        loops::add_scaled(row, -alpha[i], &alpha);
        weights.extend_from_slice(row);
    }
    let diagonal = |i: usize| weights[i * (i + 3) / 2];
    // Over all pairs: twice the triangle less the diagonal, halved.
    let over_all = |triangle: &[f64]| {
        let twice = numeric::product(&weights, triangle);
        twice - 0.5 * (0..n).map(|i| diagonal(i) * triangle[i * (i + 3) / 2]).sum::<f64>()
    };
    let theta_in = &factor.theta;
    let amplitude = theta_in[terms].exp();
    gradient[terms] = amplitude * over_all(&factor.correlation);
    gradient[terms + 1] = 0.5 * theta_in[terms + 1].exp() * (0..n).map(|i| diagonal(i) * data.noise[i]).sum::<f64>();
    for (k, part) in data.parts.iter().enumerate() {
        gradient[terms + 2 + k] = theta_in[terms + 2 + k].exp() * over_all(part);
    }
    for (weight, slope) in weights.iter_mut().zip(&factor.slope) {
        *weight *= amplitude * slope;
    }
    for (t, differences) in data.differences.iter().enumerate() {
        gradient[t] = -2.0 * (-2.0 * theta_in[t]).exp() * numeric::product(&weights, differences);
    }
    let mut total = misfit;
    for (t, (mean, sd)) in layout.prior.iter().enumerate() {
        if theta_in[t] != theta[t] {
            gradient[t] = 0.0;
        }
        let z = (theta[t] - mean) / sd;
        total += 0.5 * z * z;
        gradient[t] += z / sd;
    }
    total.is_finite().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::gp::posterior::Posterior;
    use crate::search::gp::testing::{mixed, square};
    use crate::space::seed::Rng;

    const TRENDS: Design = Design { lengths: Lengths::Broad, trends: true, effects: true, own_lengths: true };

    fn five() -> (Layout, Vec<Point>, [f64; 5]) {
        let encoding = square();
        let points = [[0.1, 0.2], [0.4, 0.9], [0.5, 0.5], [0.8, 0.3], [0.9, 0.7]];
        let points = points.iter().map(|x| encoding.point(x.to_vec())).collect();
        (Layout::new(&encoding, TRENDS), points, [0.3, -1.2, 0.5, 1.1, -0.7])
    }

    #[test]
    fn the_density_and_predictions_meet_known_values() {
        let (layout, points, y) = five();
        let data = Data::new(&layout, &points.iter().collect::<Vec<_>>(), vec![1.0; 5]);
        let theta = [0.3f64.ln(), 0.5f64.ln(), 0.0, 0.01f64.ln(), 0.5f64.ln(), 0.3f64.ln()];
        let mut gradient = [0.0; 6];
        let total = objective(&layout, &data, &y, &theta, &mut gradient).unwrap();
        let prior: f64 = theta.iter().zip(&layout.prior).map(|(t, (m, s))| 0.5 * ((t - m) / s).powi(2)).sum();
        let density = total - prior + 2.5 * (2.0 * std::f64::consts::PI).ln();
        assert!((density - 7.388541525708973).abs() < 1e-5, "{density}");
        let expected = [-0.6252902, 0.4279917, 0.3993627, 0.0053342, 0.0143852, 0.0070991];
        for t in 0..6 {
            let (mean, sd) = layout.prior[t];
            let own = gradient[t] - (theta[t] - mean) / (sd * sd);
            assert!((own - expected[t]).abs() < 1e-5, "{t}: {own}");
        }
        let posterior = Posterior::new(&layout, &data, &theta, &y).unwrap();
        let one = posterior.predict_one(&[0.6, 0.6]);
        assert!((one.mean - 0.191063096376697).abs() < 1e-6, "{}", one.mean);
        assert!((one.sd.powi(2) - 0.17522559106938873).abs() < 1e-6, "{}", one.sd.powi(2));
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let encoding = mixed();
        let mut rng = Rng::new(3);
        let mut points: Vec<Point> = (0..14).map(|_| encoding.draw(&mut rng)).collect();
        points.push(points[3].clone());
        let y: Vec<f64> = points.iter().map(|_| rng.normal()).collect();
        for own_lengths in [true, false] {
            let layout = Layout::new(&encoding, Design { own_lengths, ..TRENDS });
            let noise = points.iter().enumerate().map(|(i, _)| 1.0 / (1 + i % 3) as f64).collect();
            let data = Data::new(&layout, &points.iter().collect::<Vec<_>>(), noise);
            for _ in 0..20 {
                let mut theta: Vec<f64> = layout.prior.iter().map(|(m, s)| m + 0.7 * s * rng.normal()).collect();
                // Enough noise that the differences are not those of rounding.
                theta[layout.terms.len() + 1] = -3.0 + 0.5 * rng.normal();
                let mut gradient = vec![0.0; layout.len()];
                objective(&layout, &data, &y, &theta, &mut gradient).unwrap();
                for t in 0..layout.len() {
                    let at = |by: f64| {
                        let mut moved = theta.clone();
                        moved[t] += by;
                        objective(&layout, &data, &y, &moved, &mut vec![0.0; layout.len()]).unwrap()
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let error = (slope - gradient[t]).abs();
                    assert!(error < 1e-4 * slope.abs().max(1.0), "{t}: {slope} {}", gradient[t]);
                }
                let posterior = Posterior::new(&layout, &data, &theta, &y).unwrap();
                let point = encoding.draw(&mut rng);
                let one = posterior.predict_one(&point.x);
                let many = posterior.predict(&[&point])[0];
                assert!((one.mean - many.0).abs() < 1e-9 && (one.sd - many.1).abs() < 1e-9);
                for j in (0..encoding.len()).filter(|&j| !encoding.is_category(j) && point.active[j]) {
                    let at = |by: f64| {
                        let mut moved = point.x.clone();
                        moved[j] += by;
                        posterior.predict_one(&moved)
                    };
                    let (up, down) = (at(1e-6), at(-1e-6));
                    let (mean, sd) = ((up.mean - down.mean) / 2e-6, (up.sd - down.sd) / 2e-6);
                    assert!(
                        (mean - one.mean_slope[j]).abs() < 1e-4 * mean.abs().max(1.0),
                        "{j} {mean} {}",
                        one.mean_slope[j]
                    );
                    assert!((sd - one.sd_slope[j]).abs() < 1e-3 * sd.abs().max(1.0), "{j} {sd} {}", one.sd_slope[j]);
                }
            }
        }
    }
}
