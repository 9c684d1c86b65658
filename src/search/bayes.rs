//! The default search: which model proposes is decided for each proposal, by a rule.

use std::sync::Arc;

use super::adaptive::{Adaptive, Ideas, Model, Past};
use super::encode::Encoding;
use super::gp::Process;
use crate::space::Space;
use crate::space::seed::Rng;

/// Search by what suits the space, the budget and what has been seen.
pub(super) type Bayes = Adaptive<Choice>;

impl Bayes {
    /// The default search over `space` with the sweep's search seed.
    pub(super) fn sampler(space: Arc<Space>, seed: u64, budget: Option<u64>) -> Self {
        Self::over(space, seed, budget, Choice::default())
    }
}

/// The model of [`Bayes`].
#[derive(Default)]
pub(super) struct Choice {
    process: Process,
}

impl Model for Choice {
    fn word(&self) -> &'static str {
        "bayes"
    }

    fn startup(&self, encoding: &Encoding, budget: Option<u64>) -> u64 {
        self.process.startup(encoding, budget)
    }

    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas {
        self.process.ideas(past, rng)
    }
}
