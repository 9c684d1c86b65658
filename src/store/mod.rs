//! The store: one SQLite file that holds everything.
//!
//! Invariants: a file is created whole or not at all; a schema step is one transaction and is never edited; commits
//! that carry results are `FULL`; nothing here decides anything. [`Store`] opens and migrates, [`Writer`] writes for the
//! coordinator, `sweeps` and `trials` answer questions, [`Lease`] tells who is alive.

mod attempts;
mod begin;
mod check;
mod chunk;
mod error;
mod functions;
mod import;
mod lease;
mod manage;
mod names;
mod open;
mod proposals;
mod query;
mod requests;
mod scan;
mod schema;
mod sweeps;
mod trials;
mod unpack;
mod write;

pub use attempts::{AttemptRow, Exit, KeptFile, ProcessId};
pub use begin::NewSweep;
pub use check::{Finding, Repair};
pub use chunk::{Chunk, Series};
pub use error::StoreError;
pub use import::Imported;
pub use lease::{Lease, Owner, Process, boot_id, process_start};
pub use manage::Relabel;
pub use names::{NameKind, NameRow, WIDE_FIELDS, WideName, wide_names};
pub use open::{Access, Store, find_store};
pub use proposals::{Proposed, Reason};
pub use query::{QueryError, QueryLimits, QueryResult};
pub use requests::Request;
pub use scan::{Field, Fixed, MOST_FIELDS};
pub use sweeps::{Counts, DataFile, Session, SweepRow};
pub use trials::{Recorded, SeriesPoints, Sketch, TrialRow};
pub use write::{AttemptEnd, NewTrial, Opened, Writer};

/// Microseconds since 1970 in UTC.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
