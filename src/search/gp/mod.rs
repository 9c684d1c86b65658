//! Gaussian process search: a model of the cost over the space, and the point where it promises the most.
//!
//! Sources: D. R. Jones, M. Schonlau and W. J. Welch, "Efficient global optimization of expensive black-box functions",
//! J. Global Optim. 13 (1998); J. Snoek, H. Larochelle and R. P. Adams, "Practical Bayesian optimization of machine
//! learning algorithms", NeurIPS 2012. `process` has the model, `warp` what is done to costs, `fit` the hyperparameters,
//! `acquire` where to look next, `probe` when another category is looked at.

mod acquire;
mod fit;
mod known;
mod loops;
mod posterior;
mod probe;
mod process;
#[cfg(test)]
pub(super) mod testing;
mod warp;

use std::sync::Arc;

use acquire::{Acquisition, Scored};
use known::Known;
use posterior::Posterior;
use probe::probe;
use process::{Data, Design, Factor, Layout, Lengths};
use warp::{Warp, Warped, warp};

use super::adaptive::{Adaptive, Ideas, Model, Past};
use super::encode::{Encoding, Point};
use super::{Gain, Recipe, Setup};
use crate::space::Space;
use crate::space::seed::Rng;

/// Spread configs at the start, and the fewest where the budget is small.
const SPREAD: u64 = 5;
const FEWEST: u64 = 3;
/// Evaluations of a fit from the last hyperparameters, and of one from the prior.
const WARM: usize = 22;
const COLD: usize = 60;
/// Up to so many points.
const FULL: usize = 60;
/// A fit from the prior is tried as well, each so many proposals.
const RESTART: u64 = 8;
/// From so many costs on, a warp is judged by the process itself.
const JOINT_FROM: usize = 18;
/// The places of the two models.
const TIGHT: usize = 0;
const BROAD: usize = 1;
/// From this variance of the noise on, in units of standardised costs, observations are not taken at their word.
const NOISY: f64 = 0.05;
/// An improvement counts from this share of the standard deviation of all costs and of the noise on.
const SPREAD_THAT_COUNTS: f64 = 1e-3;
const NOISE_THAT_COUNTS: f64 = 0.1;
/// The belief about where the best config is counts as much as this many results.
const BELIEF: f64 = 5.0;
/// Candidates handed on, in case the first are taken.
const CHOSEN: usize = 50;
/// Candidates closer than this to a trial, in squared distance, say nothing new.
const SAME: f64 = 1e-7;

/// Search by a Gaussian process.
pub(super) type Gp = Adaptive<Process>;

impl Gp {
    /// Gaussian process search over `space`.
    pub(super) fn sampler(space: Arc<Space>, setup: Setup) -> Self {
        Self::over(space, setup, Process::new(setup.recipe))
    }
}

/// The model of [`Gp`].
pub(super) struct Process {
    recipe: Recipe,
    /// Layouts of the two models, made once.
    layouts: Vec<Layout>,
}

impl Process {
    pub(super) fn new(recipe: Recipe) -> Self {
        Self { recipe, layouts: Vec::new() }
    }

    fn prepare(&mut self, encoding: &Encoding) {
        if self.layouts.is_empty() {
            let Recipe { trends, effects, own_lengths, .. } = self.recipe;
            for lengths in [Lengths::Tight, Lengths::Broad] {
                let design = Design { lengths, trends, effects, own_lengths };
                self.layouts.push(Layout::new(encoding, design));
            }
        }
    }

    /// The model and the warp of this proposal. Two models take turns where all is numeric; with categories the broad
    /// prior alone does as well.
    fn turn(&self, past: &Past<'_>, n: usize) -> (usize, Warp) {
        let judged = match () {
            () if !self.recipe.warps => Warp::Winsor,
            () if n < JOINT_FROM => Warp::Power,
            () => Warp::Joint,
        };
        match () {
            () if past.encoding.has_categories() => (BROAD, judged),
            () if n < JOINT_FROM || past.index.is_multiple_of(2) => (TIGHT, judged),
            () => (BROAD, Warp::Winsor),
        }
    }
}

/// How many evaluations a fit with `n` points may take, where it may take `most` with [`FULL`] and fewer: with more
/// points one more of them moves the hyperparameters less, and an evaluation takes longer.
fn evaluations(most: usize, n: usize) -> usize {
    if n <= FULL { most } else { (most * FULL / n).max(6) }
}

/// The hyperparameters of each model, from what a proposal left.
fn remembered(memory: &[f64], layouts: &[Layout]) -> Vec<Option<Vec<f64>>> {
    let mut rest = memory;
    let one = |layout: &Layout| {
        let (flag, after) = rest.split_first()?;
        rest = after;
        if *flag != 1.0 {
            return None;
        }
        let (theta, after) = rest.split_at_checked(layout.len())?;
        rest = after;
        Some(theta.to_vec())
    };
    layouts.iter().map(one).collect()
}

fn memory_of(thetas: &[Option<Vec<f64>>]) -> Vec<f64> {
    let one = |theta: &Option<Vec<f64>>| match theta {
        Some(theta) => std::iter::once(1.0).chain(theta.iter().copied()).collect(),
        None => vec![0.0],
    };
    thetas.iter().flat_map(one).collect()
}

/// The best hyperparameters, from those of the last proposal and now and then from the prior.
fn fitted(layout: &Layout, data: &Data, warped: &Warped, last: Option<&Vec<f64>>, index: u64) -> Vec<f64> {
    let n = warped.z.len();
    let mut fits = Vec::new();
    if let Some(theta) = last {
        fits.extend(fit::fit(layout, data, &warped.z, theta.clone(), evaluations(WARM, n)));
    }
    if last.is_none() || index.is_multiple_of(RESTART) {
        fits.extend(fit::fit(layout, data, &warped.z, layout.start(), evaluations(COLD, n)));
    }
    let best = fits.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(|| layout.start(), |(_, theta)| theta)
}

/// The best candidates that are not the same as a trial.
fn new_ones(scored: Vec<Scored>, points: &[&Point]) -> Vec<Scored> {
    let distance = |a: &Point, b: &Point| a.x.iter().zip(&b.x).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let is_new = |point: &Point| points.iter().all(|other| distance(point, other) > SAME);
    scored.into_iter().filter(|(_, point)| is_new(point)).take(CHOSEN).collect()
}

impl Model for Process {
    fn word(&self) -> &'static str {
        "gp"
    }

    fn about(&self, _: &Encoding) -> String {
        "where a Gaussian process expects to improve".into()
    }

    fn startup(&self, _: &Encoding, budget: Option<u64>) -> u64 {
        // Of few trials, most are for what the model says.
        budget.map_or(SPREAD, |budget| (budget / 4).clamp(FEWEST, SPREAD))
    }

    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas {
        self.prepare(past.encoding);
        let Some(known) = Known::of(past) else { return Ideas::default() };
        let n = known.costs.len();
        let (which, how) = self.turn(past, n);
        let layout = &self.layouts[which];
        let mut thetas = remembered(past.memory, &self.layouts);
        let data = Data::new(layout, &known.points, known.noise.clone());
        let before = match (how, &thetas[which]) {
            (Warp::Joint, Some(theta)) => Factor::new(layout, &data, theta),
            _ => None,
        };
        let Some(warped) = warp(&known.costs, how, before.as_ref()) else { return Ideas::default() };
        let theta = fitted(layout, &data, &warped, thetas[which].as_ref(), past.index);
        let Some(mut posterior) = Posterior::new(layout, &data, &theta, &warped.z) else { return Ideas::default() };
        // Running trials count as if they had come out as expected (the "Kriging believer" of D. Ginsbourger, R. Le
        // Riche and L. Carraro, "Kriging is well-suited to parallelize optimization", 2010).
        let mut points = known.points.clone();
        let believed;
        if !past.running.is_empty() {
            let running: Vec<&Point> = past.running.iter().map(|point| &**point).collect();
            let mut z = warped.z.clone();
            z.extend(posterior.predict(&running).iter().map(|(mean, _)| *mean));
            let mut noise = known.noise.clone();
            noise.extend(running.iter().map(|_| 1.0));
            points.extend(&running);
            believed = Data::new(layout, &points, noise);
            if let Some(next) = Posterior::new(layout, &believed, &theta, &z) {
                posterior = next;
            }
        }
        // With noise the least cost is the luckiest: then trials are ranked by what the process expects of them.
        let expected: Vec<f64> = if posterior.noise() > NOISY {
            posterior.predict(&known.points).iter().map(|(mean, _)| *mean).collect()
        } else {
            warped.z.clone()
        };
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| expected[a].total_cmp(&expected[b]));
        let good: Vec<&Point> = order.iter().map(|&i| known.points[i]).collect();
        let held = if self.recipe.probes { probe(past, &posterior, &good, rng) } else { None };
        let incumbent = expected[order[0]];
        // A value that is held is to improve on the best trial that has it.
        let has_it = |&&i: &&usize| held.is_some_and(|(j, value)| known.points[i].x[j] == value);
        let to_improve = order.iter().find(has_it).map_or(incumbent, |&i| expected[i]);
        let belief = if self.recipe.belief { BELIEF / n as f64 } else { 0.0 };
        let mut acquisition =
            Acquisition { encoding: past.encoding, posterior: &posterior, incumbent: to_improve, held, belief };
        let scored = acquisition.candidates(&good, past.untried.as_deref(), rng);
        let chosen = if past.untried.is_some() { scored } else { new_ones(scored, &points) };
        acquisition.incumbent = incumbent;
        let gain = chosen.first().map(|(_, point)| {
            let improvement = acquisition.ln_improvement_at(point).exp();
            Gain {
                expected: improvement * warped.unit,
                over: known.costs.iter().copied().fold(f64::INFINITY, f64::min),
                worth: improvement / (SPREAD_THAT_COUNTS + NOISE_THAT_COUNTS * posterior.noise().sqrt()),
            }
        });
        thetas[which] = Some(theta);
        Ideas {
            points: chosen.into_iter().map(|(_, point)| point).collect(),
            why: if held.is_some() { "gp, another category: expected improvement" } else { "gp: expected improvement" }
                .into(),
            gain,
            memory: memory_of(&thetas),
        }
    }
}
