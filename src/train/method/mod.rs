//! The training methods: gradient descent and what grew from it, transfer, and L-BFGS.
//!
//! [`train`] runs one of them from given parameters. Each method but L-BFGS is a `Rule`, one step of its formula over
//! the flat parameter vector, in a file of its own; `driver` makes an `argmin` solver of a rule, one iteration of which
//! covers a whole reporting interval, so that `argmin`'s bookkeeping does not show. L-BFGS is `argmin`'s own.
//!
//! Invariants: the same seed gives the same parameters, bit for bit on one type of processor; a step allocates
//! nothing; numbers that overflow are carried on and never panic (the monitor stops what has diverged).

mod adam;
#[cfg(test)]
mod allocations;
mod batches;
mod descent;
mod driver;
mod kind;
mod lbfgs;
mod momentum;
mod progress;
mod schedule;
#[cfg(test)]
mod testing;
mod transfer;

pub use batches::Batches;
pub use driver::{Control, Ended, Monitor, Outcome, train};
pub use kind::{MethodKind, MethodSpec, default_lr, uses};
pub use schedule::Schedule;
