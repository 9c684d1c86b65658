//! Gaussian process search: a model of the cost over the space, and the point where it promises the most.
//!
//! Sources: D. R. Jones, M. Schonlau and W. J. Welch, "Efficient global optimization of expensive black-box functions",
//! J. Global Optim. 13 (1998); J. Snoek, H. Larochelle and R. P. Adams, "Practical Bayesian optimization of machine
//! learning algorithms", NeurIPS 2012. `process` has the model, `warp` what is done to costs, `fit` the hyperparameters,
//! `acquire` where to look next.

mod acquire;
mod fit;
mod loops;
mod process;
#[cfg(test)]
mod testing;
mod warp;

use std::sync::Arc;

use acquire::Acquisition;
use process::{Data, Design, Factor, Layout, Lengths, Posterior};
use warp::{Warp, warp};

use super::Gain;
use super::adaptive::{Adaptive, Ideas, Model, Outcome, Past};
use super::encode::{Encoding, Point};
use crate::space::Space;
use crate::space::seed::Rng;

/// Evaluations of a fit from the last hyperparameters, and of one from the prior.
const WARM: usize = 30;
const COLD: usize = 60;
/// A fit from the prior is tried as well, each so many proposals.
const RESTART: u64 = 8;
/// From so many costs on, a warp is judged by the process itself.
const JOINT_FROM: usize = 18;

/// Search by a Gaussian process.
pub(super) type Gp = Adaptive<Process>;

impl Gp {
    /// Gaussian process search over `space` with the sweep's search seed.
    pub(super) fn sampler(space: Arc<Space>, seed: u64, budget: Option<u64>) -> Self {
        Self::over(space, seed, budget, Process::default())
    }
}

/// The model of [`Gp`].
#[derive(Default)]
pub(super) struct Process {
    /// Layouts of the designs, made once.
    layouts: Vec<Layout>,
}

/// What is known, as the process sees it.
struct Known<'a> {
    points: Vec<&'a Point>,
    costs: Vec<f64>,
    /// One over the number of repeats.
    noise: Vec<f64>,
}

impl<'a> Known<'a> {
    /// Failures count as the worst cost, pruned trials as at least the middle one.
    fn of(past: &'a Past<'_>) -> Option<Self> {
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
        Some(known)
    }
}

impl Process {
    fn prepare(&mut self, encoding: &Encoding) {
        if self.layouts.is_empty() {
            for lengths in [Lengths::Tight, Lengths::Broad] {
                let design = Design { lengths, trends: true, own_lengths: true };
                self.layouts.push(Layout::new(encoding, design));
            }
        }
    }
}

/// The hyperparameters of each design, from what a proposal left.
fn remembered(memory: &[f64], layouts: &[Layout]) -> Vec<Option<Vec<f64>>> {
    let mut rest = memory;
    layouts
        .iter()
        .map(|layout| {
            let (flag, after) = rest.split_first()?;
            if *flag != 1.0 {
                rest = after;
                return None;
            }
            let (theta, after) = after.split_at_checked(layout.len())?;
            rest = after;
            Some(theta.to_vec())
        })
        .collect()
}

fn memory_of(thetas: &[Option<Vec<f64>>]) -> Vec<f64> {
    let one = |theta: &Option<Vec<f64>>| match theta {
        Some(theta) => std::iter::once(1.0).chain(theta.iter().copied()).collect(),
        None => vec![0.0],
    };
    thetas.iter().flat_map(one).collect()
}

impl Model for Process {
    fn word(&self) -> &'static str {
        "gp"
    }

    fn startup(&self, _: &Encoding, _: Option<u64>) -> u64 {
        5
    }

    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas {
        self.prepare(past.encoding);
        let Some(known) = Known::of(past) else { return Ideas::default() };
        let n = known.costs.len();
        let categories = past.encoding.has_categories();
        let (which, how) = match () {
            () if categories => (1, Warp::Winsor),
            () if n < JOINT_FROM => (0, Warp::Power),
            () if past.index.is_multiple_of(2) => (0, Warp::Joint),
            () => (1, Warp::Winsor),
        };
        let layout = &self.layouts[which];
        let mut thetas = remembered(past.memory, &self.layouts);
        let data = Data::new(layout, &known.points, known.noise.clone());
        let before = match (how, &thetas[which]) {
            (Warp::Joint, Some(theta)) => Factor::new(layout, &data, theta),
            _ => None,
        };
        let Some(warped) = warp(&known.costs, how, before.as_ref()) else { return Ideas::default() };
        drop(before);
        let mut fits = Vec::new();
        if let Some(theta) = &thetas[which] {
            fits.extend(fit::fit(layout, &data, &warped.z, theta.clone(), WARM));
        }
        if thetas[which].is_none() || past.index.is_multiple_of(RESTART) {
            fits.extend(fit::fit(layout, &data, &warped.z, layout.start(), COLD));
        }
        let best = fits.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
        let theta = best.map_or_else(|| layout.start(), |(_, theta)| theta);
        let Some(mut posterior) = Posterior::new(layout, &data, &theta, &warped.z) else { return Ideas::default() };
        thetas[which] = Some(theta.clone());
        // Running trials count as if they had come out as expected.
        let mut points = known.points.clone();
        let (mut z, mut noise) = (warped.z.clone(), known.noise.clone());
        let believed;
        if !past.running.is_empty() {
            let running: Vec<&Point> = past.running.iter().map(|point| &**point).collect();
            z.extend(posterior.predict(&running).iter().map(|(mean, _)| *mean));
            noise.extend(running.iter().map(|_| 1.0));
            points.extend(running);
            believed = Data::new(layout, &points, noise);
            if let Some(next) = Posterior::new(layout, &believed, &theta, &z) {
                posterior = next;
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| warped.z[a].total_cmp(&warped.z[b]));
        let incumbent = warped.z[order[0]];
        let good: Vec<&Point> = order.iter().map(|&i| known.points[i]).collect();
        let acquisition = Acquisition { encoding: past.encoding, posterior: &posterior, incumbent };
        let scored = acquisition.candidates(&good, past.untried.as_deref(), rng);
        let apart = |point: &Point| {
            points.iter().all(|other| {
                point.x.iter().zip(&other.x).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() > 1e-7
            })
        };
        let mut chosen: Vec<(f64, Point)> = Vec::new();
        for (score, point) in scored {
            if past.untried.is_some() || apart(&point) {
                chosen.push((score, point));
                if chosen.len() == 50 {
                    break;
                }
            }
        }
        let over = known.costs.iter().copied().fold(f64::INFINITY, f64::min);
        let gain = chosen.first().map(|(score, _)| Gain { expected: score.exp() * warped.unit, over });
        Ideas {
            points: chosen.into_iter().map(|(_, point)| point).collect(),
            why: "gp: expected improvement".into(),
            gain,
            memory: memory_of(&thetas),
        }
    }
}
