//! The built binary on real specs with real processes. One file for each thing that a user relies on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod env;

mod commands;
mod kill;
mod listings;
mod looks;
mod misbehave;
mod predict;
mod questions;
mod resume;
mod run;
mod search;
mod store;
mod terminals;
