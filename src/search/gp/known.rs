//! What is known, as the process sees it.

use crate::search::adaptive::{Outcome, Past};
use crate::search::encode::Point;

/// The process sees at most so many points; of more, the best, the newest and some of the others.
const MOST: usize = 400;

/// Points with their costs.
pub(super) struct Known<'a> {
    pub(super) points: Vec<&'a Point>,
    pub(super) costs: Vec<f64>,
    /// One over the number of repeats.
    pub(super) noise: Vec<f64>,
}

impl<'a> Known<'a> {
    /// Failures count as the worst cost, pruned trials as at least the middle one.
    pub(super) fn of(past: &'a Past<'_>) -> Option<Self> {
        let mut sorted: Vec<f64> = past.costs().map(|(_, cost, _)| cost).collect();
        if sorted.len() < 2 {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let (middle, worst) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
        let mut known = Self { points: Vec::new(), costs: Vec::new(), noise: Vec::new() };
        for tried in &past.tried {
            let (cost, noise) = match tried.outcome {
                Outcome::Cost { mean, count } => (mean, 1.0 / f64::from(count)),
                Outcome::Pruned(cost) => (cost.max(middle), 1.0),
                Outcome::Failed => (worst, 1.0),
                Outcome::Unknown => continue,
            };
            known.points.push(&tried.point);
            known.costs.push(cost);
            known.noise.push(noise);
        }
        Some(known.shown())
    }
}

impl Known<'_> {
    /// At most [`MOST`] points, in the order of their proposals: half of them the best, a quarter the newest, and some of
    /// the others from all times.
    fn shown(self) -> Self {
        let n = self.costs.len();
        if n <= MOST {
            return self;
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| self.costs[a].total_cmp(&self.costs[b]));
        let mut shown = vec![false; n];
        order[..MOST / 2].iter().chain(&(n - MOST / 4..n).collect::<Vec<_>>()).for_each(|&i| shown[i] = true);
        let rest: Vec<usize> = (0..n).filter(|&i| !shown[i]).collect();
        let left = MOST - shown.iter().filter(|shown| **shown).count();
        (0..left).for_each(|k| shown[rest[k * rest.len() / left]] = true);
        let of = |values: &[f64]| (0..n).filter(|&i| shown[i]).map(|i| values[i]).collect();
        let points = (0..n).filter(|&i| shown[i]).map(|i| self.points[i]).collect();
        Self { points, costs: of(&self.costs), noise: of(&self.noise) }
    }
}
