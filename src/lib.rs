//! `sweep`: a hyperparameter sweep runner and experiment tracker.
//!
//! The rooms, from the ground up; each uses only those below it. `ARCHITECTURE.md` has the picture.

pub mod analyse;
pub mod cli;
pub mod expr;
pub mod numeric;
pub mod render;
pub mod run;
pub mod search;
pub mod space;
pub mod spec;
pub mod store;
pub mod train;
