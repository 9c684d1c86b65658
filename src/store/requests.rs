//! What another terminal asks of a running sweep and what it is answered; other changes to a sweep as a whole.

use rusqlite::OptionalExtension as _;
use serde_json::Value as Json;

use super::{Store, StoreError, Writer, now};

/// Something that is asked of the coordinator of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The row.
    pub id: i64,
    /// What is asked: `stop`, `rerun` or `extend`.
    pub kind: String,
    /// The details.
    pub payload: Json,
}

impl Store {
    /// Asks something of the coordinator of a sweep; gives the row of the request.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn ask(&mut self, sweep: i64, kind: &str, payload: &Json) -> Result<i64, StoreError> {
        self.connection.execute(
            "INSERT INTO requests (sweep, kind, payload, made) VALUES (?1, ?2, ?3, ?4)",
            (sweep, kind, payload.to_string(), now()),
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The answer to a request; none as long as there is none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn answer(&self, request: i64) -> Result<Option<String>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT answer FROM requests WHERE id = ?1 AND done IS NOT NULL")?;
        Ok(query.query_row([request], |row| row.get::<_, Option<String>>(0)).optional()?.flatten())
    }

    /// Takes back a request that nobody has answered.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn take_back(&mut self, request: i64) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM requests WHERE id = ?1 AND done IS NULL", [request])?;
        Ok(())
    }

    /// A number that changes when another process has written.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }
}

impl Writer {
    /// What is asked of this sweep and has not been answered.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn requests(&self) -> Result<Vec<Request>, StoreError> {
        let mut query = self
            .store()
            .connection
            .prepare_cached("SELECT id, kind, payload FROM requests WHERE sweep = ?1 AND done IS NULL ORDER BY id")?;
        let rows = query.query_map([self.sweep()], |row| {
            let payload: String = row.get(2)?;
            let payload = serde_json::from_str(&payload).unwrap_or(Json::Null);
            Ok(Request { id: row.get(0)?, kind: row.get(1)?, payload })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn answer(&mut self, request: i64, text: &str) -> Result<(), StoreError> {
        let sql = "UPDATE requests SET done = ?2, answer = ?3 WHERE id = ?1";
        self.store().connection.execute(sql, (request, now(), text))?;
        Ok(())
    }

    /// Lets go what was asked of a coordinator that is gone.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn drop_old_requests(&mut self) -> Result<(), StoreError> {
        let sql = "DELETE FROM requests WHERE sweep = ?1 AND done IS NULL";
        self.store().connection.execute(sql, [self.sweep()])?;
        Ok(())
    }

    /// Puts a trial back in line: its result is kept with its attempt and does not count any more.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn queue_again(&mut self, number: i64) -> Result<(), StoreError> {
        let sql = "UPDATE trial_rows SET state = 'queued', reason = '', objective = NULL, attempt = NULL, ended = NULL
             WHERE sweep = ?1 AND number = ?2";
        self.store().connection.execute(sql, (self.sweep(), number))?;
        Ok(())
    }
}

impl Store {
    /// Marks a trial of a sweep that nobody runs as stopped; the caller holds the sweep's lock.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn stop_trial(&mut self, sweep: i64, number: i64, reason: &str) -> Result<(), StoreError> {
        let sql = "UPDATE trial_rows SET state = 'stopped', reason = ?3, ended = ?4 WHERE sweep = ?1 AND number = ?2";
        self.connection.execute(sql, (sweep, number, reason, now()))?;
        Ok(())
    }

    /// Takes another spec for a sweep, which is not complete any more.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_spec(&mut self, sweep: i64, meant: &str, planned: Option<u64>) -> Result<(), StoreError> {
        let sql = "UPDATE sweep_rows SET spec_meant = ?2, planned = ?3, complete = 0, ended = NULL WHERE id = ?1";
        self.connection.execute(sql, (sweep, meant, planned.map(|n| n as i64)))?;
        Ok(())
    }

    /// Copies the store, as it is at one moment, to a new file; others may write meanwhile.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn copy_to(&self, path: &std::path::Path) -> Result<(), StoreError> {
        let mut copy = rusqlite::Connection::open(path)?;
        let backup = rusqlite::backup::Backup::new(&self.connection, &mut copy)?;
        backup.run_to_completion(4096, std::time::Duration::from_millis(1), None)?;
        Ok(())
    }
}
