//! Random search: independent draws, none twice.
//!
//! Source: J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13 (2012).

use std::collections::HashSet;
use std::sync::Arc;

use super::grid::Walk;
use super::{History, Proposal, Sampler};
use crate::space::seed::Rng;
use crate::space::{Config, ConfigId, Domain, Space};

/// After so many refused draws in a row a finite space is walked through instead.
const PATIENCE: u32 = 2_000;
/// After so many refused draws in a row an infinite space is given up.
const DESPAIR: u32 = 2_000_000;

/// Proposes the configs of `try`, then independent draws.
pub struct Random {
    space: Arc<Space>,
    rng: Rng,
    tries: std::vec::IntoIter<Config>,
    proposed: HashSet<ConfigId>,
    /// What is left of a finite space once draws hardly find anything new.
    rest: Option<std::vec::IntoIter<Config>>,
}

impl Random {
    /// Random search over `space` with the sweep's search seed.
    pub fn new(space: Arc<Space>, seed: u64) -> Self {
        let tries = space.completed_tries().into_iter();
        Self { space, rng: Rng::for_purpose(seed, "random search", 0), tries, proposed: HashSet::new(), rest: None }
    }

    fn draw(&mut self) -> Config {
        let rng = &mut self.rng;
        let cases = self.space.cases().len();
        let case = if cases > 1 { rng.below(cases as u64) as usize } else { 0 };
        self.space.complete(case, |param| param.domain.at(rng.unit()))
    }

    fn is_finite(&self) -> bool {
        self.space.params().iter().all(|param| {
            matches!(param.domain, Domain::Const(_) | Domain::Choice(_) | Domain::Computed(_) | Domain::Case)
        })
    }

    /// The configs of a finite space that were not proposed, in random order.
    fn remaining(&mut self) -> Vec<Config> {
        let mut walk = Walk::new(&self.space);
        let mut rest = Vec::new();
        while let Some(config) = walk.next(&self.space) {
            if self.space.accepts(&config) && !self.proposed.contains(&config.id()) {
                rest.push(config);
            }
        }
        self.rng.shuffle(&mut rest);
        rest
    }
}

impl Sampler for Random {
    fn propose(&mut self, _: &History<'_>) -> Proposal {
        for config in self.tries.by_ref() {
            if self.space.accepts(&config) && self.proposed.insert(config.id()) {
                return Proposal::Config(config);
            }
        }
        let mut refused = 0;
        while self.rest.is_none() {
            let config = self.draw();
            if self.space.accepts(&config) && self.proposed.insert(config.id()) {
                return Proposal::Config(config);
            }
            refused += 1;
            if refused >= PATIENCE && self.is_finite() {
                self.rest = Some(self.remaining().into_iter());
            } else if refused >= DESPAIR {
                return Proposal::Stuck(format!(
                    "{DESPAIR} draws in a row were refused by the constraints or had been proposed before"
                ));
            }
        }
        match self.rest.as_mut().and_then(Iterator::next) {
            Some(config) => {
                self.proposed.insert(config.id());
                Proposal::Config(config)
            }
            None => Proposal::Exhausted,
        }
    }

    fn is_adaptive(&self) -> bool {
        false
    }
}
