//! How a sweep begins: its row, what changes when it goes on, and the hand-over to the coordinator's [`Writer`].

use rusqlite::params;

use super::{Store, StoreError, Writer, now};

/// A sweep before it has a number.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the columns of `sweeps`, described in the schema")]
pub struct NewSweep {
    pub name: String,
    pub spec_written: String,
    pub spec_meant: String,
    pub spec_path: Option<String>,
    pub folder: String,
    pub seed: u64,
    pub metric: String,
    pub goal: String,
    pub planned: Option<u64>,
    pub version: String,
    pub host: String,
    pub user: String,
    pub cwd: String,
    pub git_commit: Option<String>,
    pub git_dirty: Option<bool>,
    pub tags: Vec<String>,
    /// Role, path, bytes and hash of each file the sweep depends on.
    pub files: Vec<super::DataFile>,
}

impl Store {
    /// Writes a new sweep; gives its number and its uid.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn add_sweep(&mut self, new: &NewSweep) -> Result<(i64, String), StoreError> {
        let seed = blake3::hash(format!("{} {} {} {}", new.name, new.host, now(), std::process::id()).as_bytes());
        let uid = seed.to_hex()[..20].to_owned();
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO sweep_rows (uid, name, spec_written, spec_meant, spec_path, folder, seed, metric, goal, planned,
                version, host, user, cwd, git_commit, git_dirty, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                uid,
                new.name,
                new.spec_written,
                new.spec_meant,
                new.spec_path,
                new.folder,
                new.seed as i64,
                new.metric,
                new.goal,
                new.planned.map(|n| n as i64),
                new.version,
                new.host,
                new.user,
                new.cwd,
                new.git_commit,
                new.git_dirty,
                now(),
            ],
        )?;
        let sweep = transaction.last_insert_rowid();
        for tag in &new.tags {
            transaction.execute("INSERT OR IGNORE INTO tags VALUES (?1, ?2)", (sweep, tag))?;
        }
        for file in &new.files {
            let row = params![sweep, file.role, file.path, file.bytes as i64, file.hash];
            transaction.execute("INSERT INTO files VALUES (?1, ?2, ?3, ?4, ?5)", row)?;
        }
        transaction.commit()?;
        Ok((sweep, uid))
    }

    /// Takes the spec, plan and tags of a sweep that goes on; where `files`, also the files it depends on from now on.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn update_sweep(&mut self, sweep: i64, new: &NewSweep, files: bool) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE sweep_rows SET spec_written = ?2, spec_meant = ?3, planned = ?4, complete = 0, ended = NULL WHERE id = ?1",
            params![sweep, new.spec_written, new.spec_meant, new.planned.map(|n| n as i64)],
        )?;
        for tag in &new.tags {
            transaction.execute("INSERT OR IGNORE INTO tags VALUES (?1, ?2)", (sweep, tag))?;
        }
        if files {
            transaction.execute("DELETE FROM files WHERE sweep = ?1", [sweep])?;
            for file in &new.files {
                let row = params![sweep, file.role, file.path, file.bytes as i64, file.hash];
                transaction.execute("INSERT INTO files VALUES (?1, ?2, ?3, ?4, ?5)", row)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Hands the store to the coordinator of `sweep`, which holds the sweep's lock: what a dead coordinator left is
    /// marked as lost, and the start is noted.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn into_writer(mut self, sweep: i64, command: &str, note: &str) -> Result<Writer, StoreError> {
        self.reap_sweep(sweep)?;
        let me = super::Process::current();
        self.connection.execute(
            "INSERT INTO sessions (sweep, host, boot, pid, pid_start, command, version, note, started)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                sweep,
                me.host,
                me.boot,
                me.pid,
                me.pid_start as i64,
                command,
                env!("CARGO_PKG_VERSION"),
                note,
                now()
            ],
        )?;
        let session = self.connection.last_insert_rowid();
        Ok(Writer::new(self, sweep, session))
    }
}
