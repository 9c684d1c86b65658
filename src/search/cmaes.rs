//! Covariance matrix adaptation: a normal distribution that moves and stretches with the better half of each generation.
//!
//! The distribution is recomputed from the history: trials in the order of their proposals make generations of fixed
//! size, and a generation counts once all of it has ended. A point that came from an older distribution, as happens with
//! several trials at a time, is shortened to a plausible length (N. Hansen, "Injecting external solutions into CMA-ES",
//! 2011). Categories have probabilities that move to those of the better half; a coordinate with few values moves to a
//! neighbouring one at least now and then. When the distribution has shrunk to nothing, it starts again with twice the
//! generation size (A. Auger and N. Hansen, "A restart CMA evolution strategy with increasing population size", CEC 2005).
//!
//! Sources: N. Hansen, "The CMA evolution strategy: a tutorial", 2016, for all constants; O. Krause, D. R. Arbones and C.
//! Igel, "CMA-ES with optimal covariance update and storage complexity", NeurIPS 2016, for the Cholesky factor in place of
//! the square root; M. Nomura et al., "Warm starting CMA-ES for hyperparameter optimization", AAAI 2021, for the start from
//! another search's best configs; R. Hamano et al., "CMA-ES with margin", GECCO 2022, for the moves of coarse coordinates.

use std::sync::Arc;

use super::Setup;
use super::adaptive::{Adaptive, Ideas, Model, Outcome, Past};
use super::encode::{Encoding, Kind, Point};
use super::sampler::short;
use crate::numeric::{cholesky, lower_times};
use crate::space::Space;
use crate::space::seed::Rng;

/// The first standard deviation, in units of a range.
const FIRST_SIGMA: f64 = 1.0 / 6.0;
/// A distribution that goes on from another search takes its shape from the best configs, one in so many.
const GOOD_SHARE: usize = 10;
/// To the variances of that shape is added the square of this.
const LEAST_SIGMA: f64 = 0.003;
/// The distribution has shrunk to nothing below this standard deviation of every coordinate.
const NOTHING: f64 = 1e-9;
/// How often a draw outside of the ranges is repeated before it is cut.
const REDRAWS: usize = 100;
/// Points proposed at a time, in case the first are taken.
const IDEAS: usize = 20;

/// Search by covariance matrix adaptation.
pub(super) type Cmaes = Adaptive<Evolution>;

impl Cmaes {
    /// CMA-ES over `space`.
    pub(super) fn sampler(space: Arc<Space>, setup: Setup) -> Self {
        Self::over(space, setup, Evolution { seed: setup.seed, after: 0 })
    }
}

/// The model of [`Cmaes`].
pub(super) struct Evolution {
    /// Says where a distribution that has shrunk to nothing starts again.
    seed: u64,
    /// So many configs were proposed by another search; the distribution starts from the best of them.
    after: usize,
}

impl Evolution {
    /// An evolution that goes on where another search has ended so many configs.
    pub(super) fn after(configs: usize, seed: u64) -> Self {
        Self { seed, after: configs }
    }
}

/// The constants of a dimension and a generation size.
#[derive(Clone, Debug)]
struct Constants {
    lambda: usize,
    /// Weights by rank: those of the better half sum to 1, the others are negative.
    weights: Vec<f64>,
    mu_eff: f64,
    c1: f64,
    c_mu: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    /// The mean length of a standard normal vector.
    chi: f64,
}

impl Constants {
    fn new(d: usize, lambda: usize) -> Self {
        let dim = d as f64;
        let raw: Vec<f64> = (1..=lambda).map(|i| f64::midpoint(lambda as f64, 1.0).ln() - (i as f64).ln()).collect();
        let effective =
            |weights: &[f64]| weights.iter().sum::<f64>().powi(2) / weights.iter().map(|w| w * w).sum::<f64>();
        let mu = lambda / 2;
        let (mu_eff, mu_eff_minus) = (effective(&raw[..mu]), effective(&raw[mu..]));
        let c1 = 2.0 / ((dim + 1.3).powi(2) + mu_eff);
        let c_mu = (1.0 - c1).min(2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((dim + 2.0).powi(2) + mu_eff));
        let least =
            (1.0 + c1 / c_mu).min(1.0 + 2.0 * mu_eff_minus / (mu_eff + 2.0)).min((1.0 - c1 - c_mu) / (dim * c_mu));
        let positive: f64 = raw.iter().filter(|w| **w > 0.0).sum();
        let negative: f64 = -raw.iter().filter(|w| **w < 0.0).sum::<f64>();
        let weights = raw.iter().map(|w| if *w > 0.0 { w / positive } else { w * least / negative }).collect();
        let c_sigma = (mu_eff + 2.0) / (dim + mu_eff + 5.0);
        let d_sigma = 1.0 + 2.0 * (((mu_eff - 1.0) / (dim + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
        let c_c = (4.0 + mu_eff / dim) / (dim + 4.0 + 2.0 * mu_eff / dim);
        let chi = dim.sqrt() * (1.0 - 1.0 / (4.0 * dim) + 1.0 / (21.0 * dim * dim));
        Self { lambda, weights, mu_eff, c1, c_mu, c_sigma, d_sigma, c_c, chi }
    }
}

/// The distribution.
struct Distribution {
    constants: Constants,
    /// The numeric coordinates.
    numbers: Vec<usize>,
    mean: Vec<f64>,
    sigma: f64,
    covariance: Vec<f64>,
    factor: Vec<f64>,
    path_sigma: Vec<f64>,
    path_c: Vec<f64>,
    generation: u32,
    /// The probabilities of the values of each category.
    categories: Vec<(usize, Vec<f64>)>,
    restarts: u32,
    /// The best cost of each generation since the start.
    bests: Vec<f64>,
}

fn first_lambda(d: usize) -> usize {
    4 + (3.0 * (d.max(1) as f64).ln()).floor() as usize
}

impl Distribution {
    fn new(encoding: &Encoding) -> Self {
        let numbers: Vec<usize> = (0..encoding.len()).filter(|&j| !encoding.is_category(j)).collect();
        let categories = (0..encoding.len()).filter_map(|j| match encoding.kind(j) {
            Kind::Category(count) => Some((j, (0..*count).map(|c| encoding.weight(j, c)).collect())),
            _ => None,
        });
        let categories: Vec<(usize, Vec<f64>)> = categories.collect();
        let d = numbers.len();
        let lambda = first_lambda(d.max(encoding.len()));
        let mut new = Self {
            constants: Constants::new(d.max(1), lambda),
            mean: vec![0.5; d],
            sigma: FIRST_SIGMA,
            covariance: vec![0.0; d * d],
            factor: vec![0.0; d * d],
            path_sigma: vec![0.0; d],
            path_c: vec![0.0; d],
            generation: 0,
            numbers,
            categories,
            restarts: 0,
            bests: Vec::new(),
        };
        new.round();
        new
    }

    /// Makes the covariance that of a sphere.
    fn round(&mut self) {
        let d = self.mean.len();
        self.covariance.fill(0.0);
        (0..d).for_each(|i| self.covariance[i * d + i] = 1.0);
        self.factor.clone_from(&self.covariance);
    }

    /// Starts at the first of some good points, with the shape that they have together.
    fn start_from(&mut self, good: &[&Point]) {
        let (d, n) = (self.mean.len(), good.len() as f64);
        let columns: Vec<Vec<f64>> =
            self.numbers.iter().map(|&j| good.iter().map(|point| point.x[j]).collect()).collect();
        let means: Vec<f64> = columns.iter().map(|column| column.iter().sum::<f64>() / n).collect();
        let mut covariance = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..=i {
                let products = columns[i].iter().zip(&columns[j]).map(|(a, b)| (a - means[i]) * (b - means[j]));
                covariance[i * d + j] = products.sum::<f64>() / n;
            }
            covariance[i * d + i] += LEAST_SIGMA * LEAST_SIGMA;
        }
        let mut factor = covariance.clone();
        if !cholesky(&mut factor, d, d, 0) {
            return;
        }
        // The volume is in the step, the rest in the shape.
        self.sigma = ((0..d).map(|i| factor[i * d + i].ln()).sum::<f64>() / d as f64).exp();
        covariance.iter_mut().for_each(|c| *c /= self.sigma * self.sigma);
        factor.iter_mut().for_each(|f| *f /= self.sigma);
        self.mean = self.numbers.iter().map(|&j| good[0].x[j]).collect();
        (self.covariance, self.factor) = (covariance, factor);
    }

    fn restart(&mut self, encoding: &Encoding, rng: &mut Rng) {
        let restarts = self.restarts + 1;
        let lambda = first_lambda(self.mean.len().max(encoding.len())) << restarts.min(6);
        *self = Self::new(encoding);
        self.restarts = restarts;
        self.constants = Constants::new(self.mean.len().max(1), lambda);
        self.mean.iter_mut().for_each(|m| *m = rng.unit());
    }

    /// Takes a generation, best first, with ends of unknown cost last.
    fn update(&mut self, ranked: &[&Point], best: f64) {
        let (d, c) = (self.mean.len(), &self.constants);
        self.generation += 1;
        for (j, probabilities) in &mut self.categories {
            let count = probabilities.len() as f64;
            let least = (0.27 / count).min(1.0 / (c.lambda as f64 * count));
            let rate = 1.0 / (1.0 + count / c.mu_eff);
            let mut target = vec![0.0; probabilities.len()];
            let mut total = 0.0;
            for (point, weight) in ranked.iter().zip(&c.weights).filter(|(_, weight)| **weight > 0.0) {
                if point.active[*j] {
                    target[point.x[*j] as usize] += weight;
                    total += weight;
                }
            }
            if total > 0.0 {
                probabilities.iter_mut().zip(target).for_each(|(p, t)| *p = (1.0 - rate) * *p + rate * t / total);
                probabilities.iter_mut().for_each(|p| *p = p.max(least));
                let sum: f64 = probabilities.iter().sum();
                probabilities.iter_mut().for_each(|p| *p /= sum);
            }
        }
        self.bests.push(best);
        if d == 0 {
            return;
        }
        // Steps in units of sigma, and the same without the correlations.
        let longest = (d as f64).sqrt() + 2.0 * d as f64 / (d as f64 + 2.0);
        let steps: Vec<(Vec<f64>, f64)> = ranked
            .iter()
            .map(|point| {
                let step = |(k, j): (usize, &usize)| {
                    if point.active[*j] { (point.x[*j] - self.mean[k]) / self.sigma } else { 0.0 }
                };
                let mut y: Vec<f64> = self.numbers.iter().enumerate().map(step).collect();
                let mut length = norm(&solve_lower(&self.factor, d, &y));
                if length > longest {
                    y.iter_mut().for_each(|y| *y *= longest / length);
                    length = longest;
                }
                (y, length)
            })
            .collect();
        let mut move_by = vec![0.0; d];
        for ((y, _), weight) in steps.iter().zip(&c.weights).filter(|(_, weight)| **weight > 0.0) {
            move_by.iter_mut().zip(y).for_each(|(m, y)| *m += weight * y);
        }
        self.mean.iter_mut().zip(&move_by).for_each(|(m, by)| *m = (*m + self.sigma * by).clamp(0.0, 1.0));
        let white = solve_lower(&self.factor, d, &move_by);
        let scale = (c.c_sigma * (2.0 - c.c_sigma) * c.mu_eff).sqrt();
        self.path_sigma.iter_mut().zip(white).for_each(|(p, w)| *p = (1.0 - c.c_sigma) * *p + scale * w);
        let length = norm(&self.path_sigma);
        let expected = (1.0 - (1.0 - c.c_sigma).powi(2 * (self.generation as i32 + 1))).sqrt();
        let moving = f64::from(u8::from(length / expected < (1.4 + 2.0 / (d as f64 + 1.0)) * c.chi));
        let scale = moving * (c.c_c * (2.0 - c.c_c) * c.mu_eff).sqrt();
        self.path_c.iter_mut().zip(&move_by).for_each(|(p, by)| *p = (1.0 - c.c_c) * *p + scale * by);
        let keep = 1.0 + c.c1 * (1.0 - moving) * c.c_c * (2.0 - c.c_c) - c.c1 - c.c_mu * c.weights.iter().sum::<f64>();
        for i in 0..d {
            for j in 0..=i {
                let mut sum = keep * self.covariance[i * d + j] + c.c1 * self.path_c[i] * self.path_c[j];
                for ((y, length), weight) in steps.iter().zip(&c.weights) {
                    let weight = if *weight < 0.0 { weight * d as f64 / (length * length).max(1e-12) } else { *weight };
                    sum += c.c_mu * weight * y[i] * y[j];
                }
                self.covariance[i * d + j] = sum;
            }
        }
        self.sigma *= ((c.c_sigma / c.d_sigma) * (length / c.chi - 1.0)).min(1.0).exp();
        self.sigma = self.sigma.min(1.0);
        self.factor.clone_from(&self.covariance);
        if !cholesky(&mut self.factor, d, d, 0) {
            self.round();
        }
    }

    /// Whether it has shrunk to nothing, or sees no difference any more.
    fn is_over(&self) -> bool {
        let d = self.mean.len();
        let largest = (0..d).map(|i| self.covariance[i * d + i].max(0.0).sqrt()).fold(0.0, f64::max);
        let look_back = 10 + (30 * d.max(1)).div_ceil(self.constants.lambda);
        let flat = self.bests.len() > look_back && {
            let last = &self.bests[self.bests.len() - look_back..];
            let (low, high) = last.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), b| (l.min(*b), h.max(*b)));
            high - low <= 1e-12 * low.abs().max(1e-300)
        };
        d > 0 && self.sigma * largest < NOTHING || flat
    }

    fn draw(&self, encoding: &Encoding, rng: &mut Rng) -> Point {
        let d = self.mean.len();
        let mut x = vec![0.0; encoding.len()];
        let mut step = vec![0.0; d];
        for attempt in 0..REDRAWS {
            let white: Vec<f64> = (0..d).map(|_| rng.normal()).collect();
            lower_times(&self.factor, d, d, &white, &mut step);
            let inside = (0..d).all(|k| (0.0..=1.0).contains(&(self.mean[k] + self.sigma * step[k])));
            if inside || attempt + 1 == REDRAWS {
                break;
            }
        }
        for (k, &j) in self.numbers.iter().enumerate() {
            x[j] = (self.mean[k] + self.sigma * step[k]).clamp(0.0, 1.0);
            let grain = encoding.grain(j);
            if grain > 0.0 && rng.unit() < 1.0 / (d * self.constants.lambda) as f64 {
                x[j] = (x[j] + if rng.unit() < 0.5 { grain } else { -grain }).clamp(0.0, 1.0);
            }
        }
        for (j, probabilities) in &self.categories {
            let mut u = rng.unit();
            let mut choice = probabilities.len() - 1;
            for (c, p) in probabilities.iter().enumerate() {
                if u < *p {
                    choice = c;
                    break;
                }
                u -= p;
            }
            x[*j] = choice as f64;
        }
        encoding.point(x)
    }
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The solution of `l z = y` for a lower triangle `l`.
fn solve_lower(l: &[f64], d: usize, y: &[f64]) -> Vec<f64> {
    let mut z = vec![0.0; d];
    for i in 0..d {
        let sum: f64 = (0..i).map(|j| l[i * d + j] * z[j]).sum();
        z[i] = (y[i] - sum) / l[i * d + i];
    }
    z
}

impl Model for Evolution {
    fn word(&self) -> &'static str {
        "cmaes"
    }

    fn about(&self, _: &Encoding) -> String {
        let around = if self.after > 0 { " around the best" } else { "" };
        format!("a normal distribution that adapts{around}")
    }

    fn startup(&self, _: &Encoding, _: Option<u64>) -> u64 {
        1
    }

    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas {
        let mut distribution = Distribution::new(past.encoding);
        // Failures are worst; among each other they stay in order.
        let ended: Vec<(&Point, f64)> = past
            .tried
            .iter()
            .filter_map(|tried| match tried.outcome {
                Outcome::Cost { mean, .. } => Some((&*tried.point, mean)),
                Outcome::Pruned(_) | Outcome::Failed => Some((&*tried.point, f64::INFINITY)),
                Outcome::Unknown => None,
            })
            .collect();
        let (before, mut rest) = ended.split_at(self.after.min(ended.len()));
        if !before.is_empty() {
            let mut best = before.to_vec();
            best.sort_by(|a, b| a.1.total_cmp(&b.1));
            best.truncate(before.len().div_ceil(GOOD_SHARE).max(2 * past.encoding.len()));
            distribution.start_from(&best.iter().map(|(point, _)| *point).collect::<Vec<_>>());
        }
        while let Some((generation, after)) = rest.split_at_checked(distribution.constants.lambda) {
            rest = after;
            let mut ranked = generation.to_vec();
            ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
            let best = ranked[0].1;
            if best.is_finite() {
                let points: Vec<&Point> = ranked.iter().map(|(point, _)| *point).collect();
                distribution.update(&points, best);
            }
            if distribution.is_over() {
                let taken = (ended.len() - rest.len()) as u64;
                let mut own = Rng::for_purpose(self.seed, "cmaes restart", taken);
                distribution.restart(past.encoding, &mut own);
            }
        }
        let mut points = Vec::with_capacity(IDEAS);
        for _ in 0..IDEAS * REDRAWS {
            let point = distribution.draw(past.encoding, rng);
            if past.encoding.accepts(&point) {
                points.push(point);
                if points.len() == IDEAS {
                    break;
                }
            }
        }
        let (generation, sigma) = (distribution.generation + 1, distribution.sigma);
        Ideas {
            points,
            why: format!("cmaes: generation {generation}, step {}", short(sigma)),
            gain: None,
            memory: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_meet_known_values() {
        for (d, mu_eff, c1, c_mu, c_sigma, d_sigma, c_c, chi) in [
            (2, 2.028611, 0.154815, 0.057859, 0.446205, 1.446205, 0.624555, 1.254273),
            (4, 2.600179, 0.065167, 0.051024, 0.396561, 1.396561, 0.5, 1.880952),
            (8, 3.167299, 0.022307, 0.02875, 0.319614, 1.319614, 0.34365, 2.742143),
        ] {
            let c = Constants::new(d, first_lambda(d));
            let found = [c.mu_eff, c.c1, c.c_mu, c.c_sigma, c.d_sigma, c.c_c, c.chi];
            for (found, expected) in found.iter().zip([mu_eff, c1, c_mu, c_sigma, d_sigma, c_c, chi]) {
                assert!((found - expected).abs() < 2e-6, "{d}: {found} {expected}");
            }
        }
    }

    #[test]
    fn a_start_from_good_points_has_their_shape() {
        let encoding = crate::search::gp::testing::mixed();
        let mut rng = Rng::new(8);
        let mut distribution = Distribution::new(&encoding);
        let d = distribution.numbers.len();
        let (first, second) = (distribution.numbers[0], distribution.numbers[1]);
        let points: Vec<Point> = (0..200)
            .map(|_| {
                let mut point = encoding.draw(&mut rng);
                distribution.numbers.iter().for_each(|&j| point.x[j] = 0.5);
                let along = 0.1 * rng.normal();
                point.x[first] = 0.4 + along;
                point.x[second] = 0.6 - along;
                point
            })
            .collect();
        distribution.start_from(&points.iter().collect::<Vec<_>>());
        assert_eq!(distribution.mean[0].to_bits(), points[0].x[first].to_bits());
        let variance =
            |i: usize, j: usize| distribution.sigma.powi(2) * distribution.covariance[i.max(j) * d + i.min(j)];
        assert!((variance(0, 0) - 0.01).abs() < 0.003 && (variance(0, 1) + variance(0, 0)).abs() < 1e-4);
        for k in 2..d {
            assert!((variance(k, k) - LEAST_SIGMA * LEAST_SIGMA).abs() < 1e-12);
        }
    }
}
