//! What is optimised: a space, a cost, the noise, and the best cost there is.

use std::sync::Arc;

use sweep::space::seed::Rng;
use sweep::space::{Config, Space};

/// The noiseless cost of a config, none where the trial fails.
pub type Cost = Box<dyn Fn(&Config) -> Option<f64> + Send + Sync>;

/// One problem.
pub struct Problem {
    /// Its name.
    pub name: String,
    /// `numeric`, `tree`, `categories`, `noisy`, `task`, ...
    pub group: &'static str,
    /// What is searched.
    pub space: Arc<Space>,
    /// The noiseless cost.
    pub cost: Cost,
    /// The standard deviation of the noise.
    pub noise: f64,
    /// The least cost, where it is known.
    pub best: Option<f64>,
}

impl Problem {
    /// What trial `number` of a run with this seed observes, and the noiseless cost.
    pub fn observe(&self, config: &Config, seed: u64, number: u64) -> Option<(f64, f64)> {
        let cost = (self.cost)(config).filter(|cost| cost.is_finite())?;
        let noise = if self.noise > 0.0 { self.noise * Rng::for_purpose(seed, "noise", number).normal() } else { 0.0 };
        Some((cost + noise, cost))
    }
}

/// The number that `name` has in `config`.
pub fn number(config: &Config, name: &str) -> f64 {
    config.get(name).and_then(sweep::space::Value::number).unwrap_or(f64::NAN)
}
