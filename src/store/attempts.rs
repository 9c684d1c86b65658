//! Attempts: which process each was, how it ended, what was kept of it.

use super::{Store, StoreError, Writer};

/// A process, named for good together with the machine's boot id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// The process id, which is also the id of its group.
    pub pid: u32,
    /// Clock ticks from the start of the machine to the start of the process.
    pub start: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    pub(super) fn code(self) -> Option<i32> {
        if let Self::Code(code) = self { Some(code) } else { None }
    }

    pub(super) fn signal(self) -> Option<i32> {
        if let Self::Signal(signal) = self { Some(signal) } else { None }
    }
}

/// A file of a trial that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// Its path in the trial's directory.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its content, as hexadecimal digits.
    pub hash: String,
}

/// One start of a trial.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of `attempts`, described in the schema")]
pub struct AttemptRow {
    pub row: i64,
    pub number: i64,
    pub state: String,
    pub reason: String,
    pub started: i64,
    pub ended: Option<i64>,
    pub pid: Option<i64>,
    pub exit_code: Option<i64>,
    pub signal: Option<i64>,
}

impl AttemptRow {
    /// Its process in words; empty where it had none.
    pub fn process_words(&self, running: bool) -> String {
        match (self.pid, self.exit_code, self.signal) {
            (Some(pid), ..) if running => format!("{pid}"),
            (_, Some(code), _) => format!("ended with exit code {code}"),
            (_, _, Some(signal)) => format!("ended by signal {signal}"),
            _ => String::new(),
        }
    }
}

impl Store {
    /// The attempts of a trial, the first one first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn attempts(&self, trial: i64) -> Result<Vec<AttemptRow>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, number, state, reason, started, ended, pid, exit_code, signal FROM attempts
             WHERE trial = ?1 ORDER BY number",
        )?;
        let rows = query.query_map([trial], |row| {
            Ok(AttemptRow {
                row: row.get(0)?,
                number: row.get(1)?,
                state: row.get(2)?,
                reason: row.get(3)?,
                started: row.get(4)?,
                ended: row.get(5)?,
                pid: row.get(6)?,
                exit_code: row.get(7)?,
                signal: row.get(8)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The files that were kept of an attempt.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn kept(&self, attempt: i64) -> Result<Vec<KeptFile>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT path, bytes, hash FROM kept WHERE attempt = ?1 ORDER BY path")?;
        let rows = query.query_map([attempt], |row| {
            Ok(KeptFile { path: row.get(0)?, bytes: row.get::<_, i64>(1)? as u64, hash: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Writer {
    /// Records files of an attempt that were kept.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn add_kept(&mut self, attempt: i64, files: &[KeptFile]) -> Result<(), StoreError> {
        let mut insert = self.store.connection.prepare_cached(
            "INSERT INTO kept (attempt, path, bytes, hash) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?;
        for file in files {
            insert.execute((attempt, &file.path, file.bytes as i64, &file.hash))?;
        }
        Ok(())
    }
}
