//! Running a sweep: the coordinator, its mailbox, the launchers, resuming.
//!
//! Invariants: the coordinator is the one thread that owns a running sweep and the only one that writes the store;
//! launchers only send to its mailbox; what is shown as done has been committed. [`Launcher`] is the door for other ways
//! of running a trial, [`Watcher`] the one for what a person sees.

mod attempt;
mod bounds;
mod builtin;
pub mod command;
mod coordinator;
mod environment;
mod launcher;
mod leader;
mod learner;
mod planner;
mod proposer;
pub mod read;
mod requests;
mod resume;
mod signals;
mod watch;

pub use bounds::{Before, Ending, Limits, Report, RunError};
pub use builtin::{Builtin, Train};
pub use coordinator::coordinate;
pub use environment::{Environment, hash_files, open_files};
pub use launcher::{Assignment, Launcher, Mailbox, Message, Outcome, Signal};
pub use planner::{Next, Planner, Task, planned_trials};
pub use proposer::Wake;
pub use requests::{extension, task_of};
pub use resume::{Decision, Flags, OTHER_FILES, Previous, Refusal, changed_files, decide};
pub use signals::watch_signals;
pub use watch::{BestSoFar, EndedTrial, Progress, RunningTrial, Watcher};
