//! What a sampler is, and which there are.

use std::sync::Arc;

use super::{Grid, Random, Sobol};
use crate::space::{Config, Space, State};

/// A config that was tried, with what came of it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What was tried.
    pub config: Config,
    /// How it ended.
    pub state: State,
    /// The objectives, in the order of the spec; NaN where one was not reported.
    pub objectives: Vec<f64>,
}

/// Everything a sampler may base a proposal on.
#[derive(Clone, Copy, Debug, Default)]
pub struct History<'a> {
    /// Ended trials, in the order of their proposals.
    pub observations: &'a [Observation],
    /// Configs whose trials have not ended.
    pub running: &'a [Config],
}

/// The answer to "which config comes next?"
#[derive(Clone, Debug, PartialEq)]
pub enum Proposal {
    /// This one; never one that was proposed before.
    Config(Config),
    /// The space is used up.
    Exhausted,
    /// Nothing acceptable was found; says why.
    Stuck(String),
}

/// Proposes configs.
pub trait Sampler: Send {
    /// The next config.
    fn propose(&mut self, history: &History<'_>) -> Proposal;

    /// Whether proposals depend on the history. One that does not gives the same sequence every time, so that a
    /// resumed sweep finds its place by asking again from the start.
    fn is_adaptive(&self) -> bool;
}

/// The samplers that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplerKind {
    /// Every combination.
    Grid,
    /// Independent draws.
    Random,
    /// The points of a scrambled Sobol sequence.
    Sobol,
}

impl SamplerKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Grid, Self::Random, Self::Sobol];

    /// The word of the spec.
    pub fn word(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Random => "random",
            Self::Sobol => "sobol",
        }
    }

    /// Whether the search ends by itself.
    pub fn is_finite(self) -> bool {
        self == Self::Grid
    }
}

/// A sampler over `space`, seeded with the sweep's search seed.
pub fn sampler(kind: SamplerKind, space: Arc<Space>, seed: u64) -> Box<dyn Sampler> {
    match kind {
        SamplerKind::Grid => Box::new(Grid::new(space)),
        SamplerKind::Random => Box::new(Random::new(space, seed)),
        SamplerKind::Sobol => Box::new(Sobol::new(space, seed)),
    }
}
