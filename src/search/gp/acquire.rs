//! Where the expected improvement is greatest.
//!
//! The acquisition is its logarithm (S. Ament et al., "Unexpected improvements to expected improvement for Bayesian
//! optimization", NeurIPS 2023). It is looked at in many points, spread and near good ones, and climbed from the best.
//!
//! To it is added a belief about where the best config is, which counts the less the more is known (C. Hvarfner et al.,
//! "PiBO: augmenting acquisition functions with user beliefs for Bayesian optimization", ICLR 2022): people put ranges
//! around what they know to be good, and a process, left alone, looks at the ends of ranges too often, since it is least
//! sure of them.

use std::sync::Arc;

use super::posterior::Posterior;
use crate::numeric::ln_improvement;
use crate::search::descent::minimise_in_box;
use crate::search::encode::{Encoding, Kind, Point};
use crate::space::seed::Rng;

/// Points drawn from the whole space.
const DRAWN: usize = 400;
/// Points near good trials.
const NEAR: usize = 400;
/// Points near the best candidates, for each of two rounds.
const AROUND: usize = 30;
/// Good trials that candidates are made from, and candidates that are climbed from.
const GOOD: usize = 5;
const CLIMBED: usize = 3;
/// Iterations of a climb.
const ITERATIONS: usize = 25;
/// How often a draw is repeated that the constraints refuse, for each point wanted.
const REDRAWS: usize = 60;
/// The variance of the belief about the best value of a coordinate, a normal distribution around the middle of its range:
/// that of the uniform distribution.
const BELIEVED: f64 = 1.0 / 12.0;
/// The most points of a small space that are looked at.
const LOOKED_AT: usize = 2_000;

/// What is climbed.
pub(super) struct Acquisition<'a> {
    pub(super) encoding: &'a Encoding,
    pub(super) posterior: &'a Posterior<'a>,
    /// The standardised cost to be improved on.
    pub(super) incumbent: f64,
    /// A category that has one value in all candidates.
    pub(super) held: Option<(usize, f64)>,
    /// What the logarithm of the belief is multiplied by.
    pub(super) belief: f64,
}

/// A candidate with the logarithm of its expected improvement.
pub(super) type Scored = (f64, Point);

impl Acquisition<'_> {
    fn score(&self, mean: f64, sd: f64) -> f64 {
        ln_improvement((self.incumbent - mean) / sd).0 + sd.ln()
    }

    /// The logarithm of the expected improvement, without the belief.
    pub(super) fn ln_improvement_at(&self, point: &Point) -> f64 {
        self.posterior.predict(&[point]).first().map_or(f64::NEG_INFINITY, |(mean, sd)| self.score(*mean, *sd))
    }

    pub(super) fn scores(&self, points: &[&Point]) -> Vec<f64> {
        let predictions = self.posterior.predict(points);
        predictions.into_iter().zip(points).map(|((mean, sd), x)| self.score(mean, sd) + self.believed(x)).collect()
    }

    /// What the belief adds: nothing in the middle of the ranges, less than nothing elsewhere.
    fn believed(&self, point: &Point) -> f64 {
        let numbers = (0..self.encoding.len()).filter(|&j| point.active[j] && !self.encoding.is_category(j));
        let distance: f64 = numbers.map(|j| (point.x[j] - 0.5).powi(2)).sum();
        -self.belief * distance / (2.0 * BELIEVED)
    }

    /// Candidates, the best first. `good` are the best trials, best first.
    pub(super) fn candidates(&self, good: &[&Point], untried: Option<&[Arc<Point>]>, rng: &mut Rng) -> Vec<Scored> {
        if let Some(untried) = untried {
            let mut all: Vec<&Point> = untried.iter().map(|point| &**point).collect();
            if all.len() > LOOKED_AT {
                rng.shuffle(&mut all);
                all.truncate(LOOKED_AT);
            }
            let mut scored: Vec<Scored> = self.scores(&all).into_iter().zip(all.into_iter().cloned()).collect();
            best_first(&mut scored);
            return scored;
        }
        let mut points = Vec::with_capacity(DRAWN + NEAR);
        for _ in 0..DRAWN {
            points.extend(self.allowed(rng, |encoding, rng| encoding.draw(rng)));
        }
        for k in 0..NEAR {
            if !good.is_empty() {
                let from = good[k % good.len().min(GOOD)];
                let sd = [0.3, 0.1, 0.03, 0.01][rng.below(4) as usize];
                points.extend(self.allowed(rng, |encoding, rng| near(encoding, from, sd, rng)));
            }
        }
        let mut scored = self.scored(points);
        for sds in [[0.1, 0.03], [0.04, 0.012]] {
            let mut around = Vec::with_capacity(GOOD * AROUND);
            for (_, from) in scored.iter().take(GOOD) {
                for k in 0..AROUND {
                    around.extend(self.allowed(rng, |encoding, rng| near(encoding, from, sds[k % 2], rng)));
                }
            }
            scored.extend(self.scored(around));
            best_first(&mut scored);
        }
        let climbed: Vec<Point> = scored.iter().take(CLIMBED).map(|(_, point)| self.climb(point)).collect();
        scored.extend(self.scored(climbed.into_iter().filter(|point| self.encoding.accepts(point)).collect()));
        best_first(&mut scored);
        scored
    }

    fn scored(&self, points: Vec<Point>) -> Vec<Scored> {
        let scores = self.scores(&points.iter().collect::<Vec<&Point>>());
        let mut scored: Vec<Scored> = scores.into_iter().zip(points).collect();
        best_first(&mut scored);
        scored
    }

    /// A point that the constraints allow; none where that takes too many draws.
    fn allowed(&self, rng: &mut Rng, draw: impl Fn(&Encoding, &mut Rng) -> Point) -> Option<Point> {
        for _ in 0..REDRAWS {
            let mut point = draw(self.encoding, rng);
            if let Some((j, value)) = self.held {
                point = self.encoding.with(&point, j, value, rng);
            }
            if self.encoding.accepts(&point) {
                return Some(point);
            }
        }
        None
    }

    /// Minus the score at `x`, and its gradient by the coordinates in `free`: all active numeric ones.
    fn minus_score(&self, x: &[f64], free: &[usize], gradient: &mut [f64]) -> f64 {
        let p = self.posterior.predict_one(x);
        let z = (self.incumbent - p.mean) / p.sd;
        let (value, slope) = ln_improvement(z);
        let mut distance = 0.0;
        for (g, &j) in gradient.iter_mut().zip(free) {
            let by_z = (-p.mean_slope[j] - z * p.sd_slope[j]) / p.sd;
            let off = x[j] - 0.5;
            distance += off * off;
            *g = -(slope * by_z + p.sd_slope[j] / p.sd) + self.belief * off / BELIEVED;
        }
        -(value + p.sd.ln()) + self.belief * distance / (2.0 * BELIEVED)
    }

    /// Climbs along the active numeric coordinates.
    fn climb(&self, from: &Point) -> Point {
        let free: Vec<usize> =
            (0..self.encoding.len()).filter(|&j| from.active[j] && !self.encoding.is_category(j)).collect();
        if free.is_empty() {
            return from.clone();
        }
        let mut x: Vec<f64> = free.iter().map(|&j| from.x[j]).collect();
        let mut whole = from.x.clone();
        minimise_in_box(&mut x, ITERATIONS, |x, gradient| {
            for (&j, &x) in free.iter().zip(x) {
                whole[j] = x;
            }
            self.minus_score(&whole, &free, gradient)
        });
        for (&j, &x) in free.iter().zip(&x) {
            whole[j] = x;
        }
        self.encoding.point(whole)
    }
}

/// Sorts candidates; those of one score stay in the order they were made in. NaN goes last.
fn best_first(scored: &mut [Scored]) {
    let rank = |score: f64| if score.is_nan() { f64::NEG_INFINITY } else { score };
    scored.sort_by(|a, b| rank(b.0).total_cmp(&rank(a.0)));
}

/// A point near another: a few coordinates, half of them, or all are moved.
pub(super) fn near(encoding: &Encoding, from: &Point, sd: f64, rng: &mut Rng) -> Point {
    /// How often a chosen category takes another value.
    const FLIP: f64 = 0.35;
    let share = match rng.below(3) {
        0 => (1.5 / encoding.len() as f64).min(1.0),
        1 => 0.5,
        _ => 1.0,
    };
    let must = rng.below(encoding.len() as u64) as usize;
    let mut x = from.x.clone();
    for (j, x) in x.iter_mut().enumerate() {
        if j != must && rng.unit() >= share {
            if !from.active[j] {
                *x = encoding.coordinate(j, rng.unit());
            }
            continue;
        }
        match encoding.kind(j) {
            Kind::Category(_) => {
                if !from.active[j] || rng.unit() < FLIP {
                    *x = encoding.coordinate(j, rng.unit());
                }
            }
            _ if !from.active[j] => *x = rng.unit(),
            _ => *x = (*x + rng.normal() * sd.max(0.7 * encoding.grain(j))).clamp(0.0, 1.0),
        }
    }
    encoding.point(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::gp::process::{Data, Design, Layout, Lengths};
    use crate::search::gp::testing::mixed;

    #[test]
    fn what_is_climbed_is_the_score_and_its_gradient() {
        let encoding = mixed();
        let mut rng = Rng::new(5);
        let points: Vec<Point> = (0..12).map(|_| encoding.draw(&mut rng)).collect();
        let y: Vec<f64> = points.iter().map(|_| rng.normal()).collect();
        let design = Design { lengths: Lengths::Broad, trends: true, effects: true, own_lengths: true };
        let layout = Layout::new(&encoding, design);
        let data = Data::new(&layout, &points.iter().collect::<Vec<_>>(), vec![1.0; 12]);
        let mut theta = layout.start();
        theta[layout.terms.len() + 1] = -3.0;
        let posterior = Posterior::new(&layout, &data, &theta, &y).unwrap();
        let with =
            |belief| Acquisition { encoding: &encoding, posterior: &posterior, incumbent: -1.0, held: None, belief };
        for _ in 0..20 {
            let point = encoding.draw(&mut rng);
            let free: Vec<usize> = (0..5).filter(|&j| point.active[j] && !encoding.is_category(j)).collect();
            let mut gradient = vec![0.0; free.len()];
            let score = -with(0.7).minus_score(&point.x, &free, &mut gradient);
            assert!((score - with(0.7).scores(&[&point])[0]).abs() < 1e-9);
            for (k, &j) in free.iter().enumerate() {
                let at = |by: f64| {
                    let mut moved = point.x.clone();
                    moved[j] += by;
                    with(0.7).minus_score(&moved, &free, &mut vec![0.0; free.len()])
                };
                let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((slope - gradient[k]).abs() < 1e-4 * slope.abs().max(1.0), "{j}: {slope} {}", gradient[k]);
            }
            // The belief is a normal density with the variance of a range, and says nothing of inactive coordinates.
            let off: f64 = free.iter().map(|&j| (point.x[j] - 0.5).powi(2)).sum();
            assert!((with(0.0).scores(&[&point])[0] - 0.7 * 6.0 * off - score).abs() < 1e-9);
            assert_eq!(with(0.7).ln_improvement_at(&point).to_bits(), with(0.0).scores(&[&point])[0].to_bits());
        }
    }
}
