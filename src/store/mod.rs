//! The store: one SQLite file that holds everything.
//!
//! Invariants: a file is created whole or not at all; a schema step is one transaction and is never edited; commits
//! that carry results are `FULL`; nothing here decides anything. [`Store`] opens and migrates, [`Writer`] writes for the
//! coordinator, `read` answers questions, [`Lease`] tells who is alive.

mod chunk;
mod error;
mod lease;
mod open;
mod read;
mod schema;
mod write;

pub use chunk::{Chunk, Series};
pub use error::StoreError;
pub use lease::{Lease, Owner, Process};
pub use open::{Access, Store, find_store};
pub use read::{Counts, DataFile, Recorded, SeriesPoints, Session, SweepRow, TrialRow};
pub use write::{AttemptEnd, NewSweep, NewTrial, Opened, Writer};

/// Microseconds since 1970 in UTC.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
