//! The default search: which model proposes is decided for each proposal, by a rule.
//!
//! A Gaussian process finds the most in few trials, in spaces of every kind; what it costs grows with what it has seen.
//! CMA-ES and the tree-structured Parzen estimator cost next to nothing. CMA-ES closes in on an optimum that the process
//! has come near to, by orders of magnitude, but is at home among numbers; the estimator keeps looking at other values of
//! categories. So: the process while at most [`MOST`] configs have ended; from then on CMA-ES around the best of them where
//! all is numeric, and the estimator where there are categories.

use std::sync::Arc;

use super::Setup;
use super::adaptive::{Adaptive, Ideas, Model, Past};
use super::cmaes::Evolution;
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
        Self::over(space, setup, Choice::new(setup))
    }
}

/// The model of [`Bayes`].
pub(super) struct Choice {
    process: Process,
    parzen: Parzen,
    evolution: Evolution,
    /// Whether the recipe has the evolution.
    may_evolve: bool,
}

impl Choice {
    fn new(setup: Setup) -> Self {
        Self {
            process: Process::new(setup.recipe),
            parzen: Parzen,
            evolution: Evolution::after(MOST, setup.seed),
            may_evolve: setup.recipe.evolution,
        }
    }

    /// Whether the evolution follows the process. It would end up proposing one point again and again where no coordinate
    /// is continuous.
    fn evolves(&self, encoding: &Encoding) -> bool {
        let is_continuous = |j: usize| !encoding.is_category(j) && encoding.grain(j) == 0.0;
        self.may_evolve && !encoding.has_categories() && (0..encoding.len()).any(is_continuous)
    }
}

impl Model for Choice {
    fn word(&self) -> &'static str {
        "bayes"
    }

    fn about(&self, encoding: &Encoding) -> String {
        let later = if self.evolves(encoding) { self.evolution.about(encoding) } else { self.parzen.about(encoding) };
        format!("{}; after {MOST} results {later}", self.process.about(encoding))
    }

    fn startup(&self, encoding: &Encoding, budget: Option<u64>) -> u64 {
        self.process.startup(encoding, budget)
    }

    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas {
        match () {
            () if past.tried.len() <= MOST => self.process.ideas(past, rng),
            () if self.evolves(past.encoding) => self.evolution.ideas(past, rng),
            () => self.parzen.ideas(past, rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::conformance::{bowl, param, range};
    use crate::search::{AskTell, SamplerKind};
    use crate::space::{Choices, Domain, Range, Scale};

    /// A search over `domains` that has seen so many random configs, and the best cost among them.
    fn seen(domains: Vec<Domain>, configs: u64) -> (AskTell, f64) {
        let params = domains.into_iter().enumerate().map(|(i, domain)| param(&format!("x{i}"), domain)).collect();
        let space = Arc::new(Space::new(params, vec![], vec![], vec![]).unwrap());
        let mut random = AskTell::new(SamplerKind::Random, space.clone(), Setup::default());
        let mut search = AskTell::new(SamplerKind::Bayes, space, Setup { seed: 3, ..Setup::default() });
        let mut best = f64::INFINITY;
        for _ in 0..configs {
            let config = random.ask().unwrap().unwrap().suggestion.config;
            let cost = bowl(&config);
            best = best.min(cost);
            search.add_outside(config, Some(cost));
        }
        (search, best)
    }

    #[test]
    fn the_results_and_the_space_say_which_model_proposes() {
        let float = || range(Scale::Float, -2.0, 3.0);
        let steps =
            || Domain::Range(Range { scale: Scale::Int, low: 0.0, high: 99.0, step: None, round: None, grid: None });
        let choice = || Domain::Choice(Choices::plain(["a".into(), "b".into()]));
        for (domains, configs, expected) in [
            (vec![float(), float()], 1_000, "gp"),
            (vec![float(), float()], 1_001, "cmaes"),
            (vec![float(), steps()], 1_001, "cmaes"),
            (vec![steps(), steps()], 1_001, "tpe"),
            (vec![float(), choice()], 1_001, "tpe"),
        ] {
            let (mut search, _) = seen(domains.clone(), configs);
            let why = search.ask().unwrap().unwrap().suggestion.why;
            assert!(why.starts_with(expected), "{domains:?}, {configs} results: {why}");
        }
    }

    #[test]
    fn after_the_process_the_evolution_closes_in_on_the_optimum() {
        let (mut search, best) = seen(vec![range(Scale::Float, -2.0, 3.0); 3], 1_001);
        let mut least = f64::INFINITY;
        for _ in 0..500 {
            let asked = search.ask().unwrap().unwrap();
            let cost = bowl(&asked.suggestion.config);
            least = least.min(cost);
            search.tell(asked.number, Some(cost)).unwrap();
        }
        assert!(least < 1e-6 * best, "{least}, before {best}");
    }
}
