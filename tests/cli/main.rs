//! The built binary on real specs with real processes. One file for each thing that a user relies on.

mod env;

mod kill;
mod listings;
mod predict;
mod resume;
mod run;
mod store;
