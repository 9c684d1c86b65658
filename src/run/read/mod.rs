//! Metrics out of what a program prints and reports.
//!
//! Invariants: a wrong metric is worse than a missed one, so prose gives only the names that the spec names; NaN and
//! infinities are values; steps of a metric never go back; whatever is printed, memory is bounded but for the points.

mod form;
mod lines;
mod literal;
mod metrics;
mod number;
mod reader;

pub use reader::{MetricReader, Wanted};
