//! Random search: independent draws, none twice.
//!
//! Source: J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13 (2012).

use std::sync::Arc;

use super::blind::{Blind, Points};
use crate::space::Space;
use crate::space::seed::Rng;

/// Proposes the configs of `try`, then independent draws.
pub type Random = Blind<Draws>;

/// Independent draws.
pub struct Draws(Rng);

impl Random {
    /// Random search over `space` with the sweep's search seed.
    pub fn new(space: Arc<Space>, seed: u64) -> Self {
        Self::over(space, Draws(Rng::for_purpose(seed, "random search", 0)))
    }
}

impl Points for Draws {
    fn advance(&mut self) {}

    fn unit(&mut self, _: usize) -> f64 {
        self.0.unit()
    }

    fn case(&mut self, count: usize) -> usize {
        self.0.below(count as u64) as usize
    }

    fn rng(&mut self) -> &mut Rng {
        &mut self.0
    }
}
