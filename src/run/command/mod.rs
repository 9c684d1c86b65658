//! Trials that are processes: the user's own program, supervised.
//!
//! Invariants: every process of a trial is in a group of its own and has a token in its environment; when an attempt
//! ends, its group is killed before its id is given back; when the coordinator ends, however it ends, nothing of its
//! trials is left ([`watchdog`]); a result is never lost because a log or a file of the trial cannot be written.

mod child;
mod finals;
mod keep;
mod launcher;
mod leftovers;
mod log;
mod machine;
mod memory;
mod place;
mod preflight;
mod process;
mod sink;
mod spawn;
mod variables;
mod vfork;
pub mod watchdog;

pub use launcher::{CommandPlace, Commands};
pub use leftovers::end_leftovers;
pub use log::{LogPlace, LogReader};
pub use machine::{Allotment, DoesNotFit, Machine, allot};
pub use memory::MemoryLimit;
pub use preflight::{Obstacle, check_command};
