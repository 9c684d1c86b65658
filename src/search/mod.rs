//! Samplers: which config comes next.
//!
//! A sampler is a function of the space, a seed, the history and the trials still running; it has no clock and does no
//! I/O. [`Sampler`] is the door by which every search comes in; [`sampler`] opens it by name.

mod blind;
mod grid;
mod joe_kuo;
mod random;
mod sampler;
mod sobol;

pub use grid::{Grid, GridSize, grid_size};
pub use random::Random;
pub use sampler::{History, Observation, Proposal, Sampler, SamplerKind, sampler};
pub use sobol::Sobol;

#[cfg(test)]
mod conformance;
