//! Searches that look at no result: points of the unit cube, one after the other, none twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::encode::Encoding;
use super::grid::Walk;
use super::{History, Proposal, Sampler};
use crate::space::seed::Rng;
use crate::space::{Config, ConfigId, Domain, Space};

/// After so many refused points in a row a finite space is walked through instead.
const PATIENCE: u32 = 2_000;
/// A space of ints and steps with more points than this counts as infinite.
const COUNTED: usize = 100_000;
/// After so many refused points in a row an infinite space is given up.
const DESPAIR: u32 = 2_000_000;

/// Where the points come from.
pub trait Points: Send {
    /// Goes on to the next point.
    fn advance(&mut self);
    /// A coordinate of the point, in [0, 1). Dimension 0 is the row of `cases`, then the params follow in order.
    fn unit(&mut self, dimension: usize) -> f64;
    /// One of `count` rows of `cases`.
    fn case(&mut self, count: usize) -> usize {
        ((self.unit(0) * count as f64) as usize).min(count - 1)
    }
    /// Randomness for what is no point.
    fn rng(&mut self) -> &mut Rng;
}

/// Proposes the configs of `try`, then the points.
pub struct Blind<P> {
    space: Arc<Space>,
    points: P,
    tries: std::vec::IntoIter<Config>,
    proposed: HashSet<ConfigId>,
    dimensions: HashMap<Arc<str>, usize>,
    /// What is left of a finite space once points hardly find anything new.
    rest: Option<std::vec::IntoIter<Config>>,
}

impl<P: Points> Blind<P> {
    pub(super) fn over(space: Arc<Space>, points: P) -> Self {
        let searched = space
            .params()
            .iter()
            .filter(|param| !matches!(param.domain, Domain::Const(_) | Domain::Computed(_) | Domain::Case));
        let dimensions = searched.enumerate().map(|(i, param)| (param.name.clone(), i + 1)).collect();
        let tries = space.completed_tries().into_iter();
        Self { space, points, tries, proposed: HashSet::new(), dimensions, rest: None }
    }

    fn draw(&mut self) -> Config {
        let (points, dimensions) = (&mut self.points, &self.dimensions);
        points.advance();
        let cases = self.space.cases().len();
        let case = if cases > 1 { points.case(cases) } else { 0 };
        self.space
            .complete(case, |param| param.domain.at(points.unit(dimensions.get(&param.name).copied().unwrap_or(0))))
    }

    /// The configs of a finite space that were not proposed, in random order; none for a space that is not finite, or
    /// too large to look at.
    fn remaining(&mut self) -> Option<Vec<Config>> {
        let only_choices = self.space.params().iter().all(|param| {
            matches!(param.domain, Domain::Const(_) | Domain::Choice(_) | Domain::Computed(_) | Domain::Case)
        });
        let mut rest = Vec::new();
        let mut add = |config: Config| {
            if self.space.accepts(&config) && !self.proposed.contains(&config.id()) {
                rest.push(config);
            }
        };
        if only_choices {
            let mut walk = Walk::new(&self.space);
            while let Some(config) = walk.next(&self.space) {
                add(config);
            }
        } else {
            let encoding = Encoding::new(self.space.clone());
            encoding.all(COUNTED)?.iter().for_each(|point| add(encoding.config(point)));
        }
        self.points.rng().shuffle(&mut rest);
        Some(rest)
    }
}

impl<P: Points> Sampler for Blind<P> {
    fn propose(&mut self, _: &History<'_>) -> Proposal {
        for config in self.tries.by_ref() {
            if self.space.accepts(&config) && self.proposed.insert(config.id()) {
                return config.into();
            }
        }
        let mut refused = 0;
        while self.rest.is_none() {
            let config = self.draw();
            if self.space.accepts(&config) && self.proposed.insert(config.id()) {
                return config.into();
            }
            refused += 1;
            if refused == PATIENCE {
                self.rest = self.remaining().map(Vec::into_iter);
            } else if refused >= DESPAIR {
                return Proposal::Stuck(format!(
                    "{DESPAIR} points in a row were refused by the constraints or had been proposed before"
                ));
            }
        }
        match self.rest.as_mut().and_then(Iterator::next) {
            Some(config) => {
                self.proposed.insert(config.id());
                config.into()
            }
            None => Proposal::Exhausted,
        }
    }

    fn is_adaptive(&self) -> bool {
        false
    }
}
