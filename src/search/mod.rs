//! Samplers: which config comes next.
//!
//! A sampler is a function of the space, a seed, the history and the trials still running; it has no clock and does no
//! I/O. [`Sampler`] is the door by which every search comes in; [`sampler`] opens it by name. Those that look at no result
//! share one engine (`blind`), those that learn another (`adaptive`), over points of a unit cube (`encode`).

mod adaptive;
mod ask_tell;
mod bayes;
mod blind;
mod cmaes;
mod descent;
mod encode;
mod gp;
mod grid;
mod joe_kuo;
mod random;
mod sampler;
mod sobol;
mod tpe;

pub use adaptive::finite_size;
pub use ask_tell::{AskTell, Asked, TellError};
pub use grid::{Grid, GridSize, grid_size};
pub use random::Random;
pub use sampler::{
    Gain, History, Observation, Pending, Proposal, Recipe, Sampler, SamplerKind, Setup, Suggestion, sampler,
};
pub use sobol::Sobol;

#[cfg(test)]
mod conformance;
