//! The default search: which model proposes is decided for each proposal, by a rule.
//!
//! A Gaussian process finds the most in few trials, in spaces of every kind; what it costs grows with what it has seen.
//! A tree-structured Parzen estimator costs next to nothing. So: the process while at most [`MOST`] configs have ended,
//! the estimator from then on.

use std::sync::Arc;

use super::Setup;
use super::adaptive::{Adaptive, Ideas, Model, Past};
use super::encode::Encoding;
use super::gp::Process;
use super::tpe::Parzen;
use crate::space::Space;
use crate::space::seed::Rng;

/// The process proposes while at most so many configs have ended.
const MOST: usize = 1_000;

/// Search by what suits the space, the budget and what has been seen.
pub(super) type Bayes = Adaptive<Choice>;

impl Bayes {
    /// The default search over `space`.
    pub(super) fn sampler(space: Arc<Space>, setup: Setup) -> Self {
        Self::over(space, setup, Choice { process: Process::new(setup.recipe), parzen: Parzen })
    }
}

/// The model of [`Bayes`].
pub(super) struct Choice {
    process: Process,
    parzen: Parzen,
}

impl Model for Choice {
    fn word(&self) -> &'static str {
        "bayes"
    }

    fn about(&self) -> String {
        format!("{}; after {MOST} results {}", self.process.about(), self.parzen.about())
    }

    fn startup(&self, encoding: &Encoding, budget: Option<u64>) -> u64 {
        self.process.startup(encoding, budget)
    }

    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas {
        if past.tried.len() <= MOST {
            return self.process.ideas(past, rng);
        }
        self.parzen.ideas(past, rng)
    }
}
