//! What a sampler is, and which there are.

use std::sync::Arc;

use super::bayes::Bayes;
use super::cmaes::Cmaes;
use super::gp::Gp;
use super::tpe::Tpe;
use super::{Grid, Random, Sobol};
use crate::space::{Config, ConfigId, Space, State};

/// A config that was tried, with what came of one trial of it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What was tried.
    pub config: Arc<Config>,
    /// Its identity. Trials of one config, its repeats, are one point with a mean.
    pub id: ConfigId,
    /// How it ended.
    pub state: State,
    /// The objectives in the order of the spec, turned so that less is better; NaN where one was not reported.
    pub costs: Vec<f64>,
}

/// A config whose trial has not ended.
#[derive(Clone, Debug)]
pub struct Pending {
    /// What is tried.
    pub config: Arc<Config>,
    /// Its identity.
    pub id: ConfigId,
}

/// Everything a sampler may base a proposal on.
#[derive(Clone, Copy, Debug, Default)]
pub struct History<'a> {
    /// Ended trials, in the order of their proposals.
    pub observations: &'a [Observation],
    /// Configs whose trials have not ended, in the order of their proposals.
    pub running: &'a [Pending],
    /// What the sampler left with its latest proposal ([`Suggestion::memory`]); empty before the first.
    pub memory: &'a [f64],
}

/// A proposed config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestion {
    /// The config; never one that was proposed before.
    pub config: Config,
    /// Why this one, in a few words; empty where there is nothing to say.
    pub why: String,
    /// What is hoped for.
    pub gain: Option<Gain>,
    /// What makes the next proposal quicker and is part of what it is a function of: to be stored with the trial and
    /// given back in [`History::memory`].
    pub memory: Vec<f64>,
}

impl Suggestion {
    /// Why this config, with what is hoped for; `maximize` says that costs were turned round.
    pub fn reason(&self, maximize: bool) -> String {
        let Some(gain) = self.gain else { return self.why.clone() };
        let over = if maximize { -gain.over } else { gain.over };
        format!("{} {} over {}", self.why, short(gain.expected), short(over))
    }
}

/// Three digits.
pub(super) fn short(x: f64) -> String {
    if x == 0.0 || (1e-3..1e5).contains(&x.abs()) {
        let digits = (2 - x.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{x:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{x:.1e}")
    }
}

/// What a model hopes for, in units of the cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The expected improvement.
    pub expected: f64,
    /// Over this cost, the best so far.
    pub over: f64,
    /// The expected improvement in units of what counts: a thousandth of the spread of the costs and a tenth of the
    /// standard deviation of their noise, together. Below 1 there is hardly anything to be had.
    pub worth: f64,
}

/// The answer to "which config comes next?"
#[derive(Clone, Debug, PartialEq)]
pub enum Proposal {
    /// This one.
    Config(Suggestion),
    /// The space is used up.
    Exhausted,
    /// Nothing acceptable was found; says why.
    Stuck(String),
}

impl From<Config> for Proposal {
    fn from(config: Config) -> Self {
        Self::Config(Suggestion { config, ..Suggestion::default() })
    }
}

/// Proposes configs.
pub trait Sampler: Send {
    /// The next config. Where [`Sampler::is_adaptive`], a function of the space, the seed, the budget and `history`
    /// alone: what is kept from one call to the next makes it quicker and changes nothing.
    fn propose(&mut self, history: &History<'_>) -> Proposal;

    /// Whether proposals depend on the history. One that does not gives the same sequence every time, so that a
    /// resumed sweep finds its place by asking again from the start.
    fn is_adaptive(&self) -> bool;

    /// How it will search, in a few words; empty where its name says all.
    fn about(&self) -> String {
        String::new()
    }
}

/// The samplers that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SamplerKind {
    /// Every combination.
    Grid,
    /// Independent draws.
    Random,
    /// The points of a scrambled Sobol sequence.
    Sobol,
    /// Tree-structured Parzen estimator.
    Tpe,
    /// Gaussian process with expected improvement.
    Gp,
    /// Covariance matrix adaptation.
    Cmaes,
    /// Picks by the space, the budget and what has been seen.
    Bayes,
}

impl SamplerKind {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Bayes, Self::Grid, Self::Random, Self::Sobol, Self::Tpe, Self::Gp, Self::Cmaes];

    /// The word of the spec.
    pub fn word(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Random => "random",
            Self::Sobol => "sobol",
            Self::Tpe => "tpe",
            Self::Gp => "gp",
            Self::Cmaes => "cmaes",
            Self::Bayes => "bayes",
        }
    }

    /// Whether the search ends by itself.
    pub fn is_finite(self) -> bool {
        self == Self::Grid
    }

    /// Whether proposals depend on results.
    pub fn is_adaptive(self) -> bool {
        matches!(self, Self::Tpe | Self::Gp | Self::Cmaes | Self::Bayes)
    }
}

/// What a sampler is made from, beside the space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The sweep's search seed.
    pub seed: u64,
    /// How many configs there will be, if that is known.
    pub budget: Option<u64>,
    /// How many spread configs a search that learns begins with; none leaves it to the search.
    pub init: Option<u64>,
    /// The parts of the default search.
    pub recipe: Recipe,
}

/// The parts of the default search that are more than the textbook, each of which can be left out to see what
/// it is worth (`benches/search` does so).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// A quadratic trend and a sum of one-dimensional kernels.
    pub trends: bool,
    /// The effect of each category by itself.
    pub effects: bool,
    /// A length for each value of a category, in place of one for the category.
    pub own_lengths: bool,
    /// Costs are warped as the costs and the process say, not only cut.
    pub warps: bool,
    /// Every few proposals another category is looked at.
    pub probes: bool,
    /// The first config is the middle of the ranges.
    pub centre: bool,
    /// The best config is believed to be nearer to the middle of the ranges than to their ends, until results say more.
    pub belief: bool,
    /// After very many results an evolution strategy goes on where all is numeric.
    pub evolution: bool,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            trends: true,
            effects: true,
            own_lengths: true,
            warps: true,
            probes: true,
            centre: true,
            belief: true,
            evolution: true,
        }
    }
}

/// A sampler over `space`.
pub fn sampler(kind: SamplerKind, space: Arc<Space>, setup: Setup) -> Box<dyn Sampler> {
    let seed = setup.seed;
    match kind {
        SamplerKind::Grid => Box::new(Grid::new(space)),
        SamplerKind::Random => Box::new(Random::new(space, seed)),
        SamplerKind::Sobol => Box::new(Sobol::new(space, seed)),
        SamplerKind::Tpe => Box::new(Tpe::sampler(space, setup)),
        SamplerKind::Gp => Box::new(Gp::sampler(space, setup)),
        SamplerKind::Cmaes => Box::new(Cmaes::sampler(space, setup)),
        SamplerKind::Bayes => Box::new(Bayes::sampler(space, setup)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_digits_are_shown() {
        let shown = [0.0, 0.0312345, 0.2, 123.4, -0.5678, 1e-7, 2.5e9].map(short);
        assert_eq!(shown, ["0", "0.0312", "0.2", "123", "-0.568", "1.0e-7", "2.5e9"]);
    }
}
