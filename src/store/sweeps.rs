//! What is asked of the store about sweeps. Reads never decide; they show a trial whose coordinator is gone as lost.

use std::str::FromStr as _;

use rusqlite::{OptionalExtension as _, Row};

use super::{Owner, ProcessId, Store, StoreError, boot_id};
use crate::space::State;

/// A sweep with its counts.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of `sweeps`, described in the schema")]
pub struct SweepRow {
    pub id: i64,
    pub uid: String,
    pub name: String,
    pub note: Option<String>,
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
    pub complete: bool,
    pub created: i64,
    pub ended: Option<i64>,
    pub tags: Vec<String>,
    /// Trials by state.
    pub counts: Counts,
    /// Who runs it.
    pub owner: Owner,
}

impl SweepRow {
    /// The params to which the spec gives more than one value.
    pub fn varied(&self) -> Vec<String> {
        let meant: serde_json::Value = serde_json::from_str(&self.spec_meant).unwrap_or_default();
        let params = meant["params"].as_object().into_iter().flatten();
        params.filter(|(_, domain)| domain.is_object()).map(|(name, _)| name.clone()).collect()
    }

    /// `names` in the order in which the spec has them, those it does not have (of `cases`) at the end.
    pub fn in_spec_order(&self, mut names: Vec<String>) -> Vec<String> {
        let meant: serde_json::Value = serde_json::from_str(&self.spec_meant).unwrap_or_default();
        let order: Vec<&String> = meant["params"].as_object().map_or_else(Vec::new, |params| params.keys().collect());
        names.sort_by_key(|name| order.iter().position(|other| *other == name).unwrap_or(usize::MAX));
        names
    }
}

/// Numbers of trials by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; State::ALL.len()]);

impl Counts {
    /// The trials in `state`.
    pub fn of(&self, state: State) -> u64 {
        State::ALL.iter().position(|other| *other == state).map_or(0, |i| self.0[i])
    }

    /// Adds one to (or takes one from) `state`.
    pub fn add(&mut self, state: State, by: i64) {
        if let Some(i) = State::ALL.iter().position(|other| *other == state) {
            self.0[i] = self.0[i].saturating_add_signed(by);
        }
    }

    /// All trials.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Trials of which nothing more is to come.
    pub fn finished(&self) -> u64 {
        State::ALL.iter().filter(|state| state.is_final()).map(|state| self.of(*state)).sum()
    }
}

/// A file that a sweep depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// What it is for.
    pub role: String,
    /// Its path, as the spec gives it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its content, as hexadecimal digits.
    pub hash: String,
}

/// A start or resume of a sweep: when it began and ended, how it ended, what was noted.
pub type Session = (i64, Option<i64>, String, String);

const SWEEP_COLUMNS: &str =
    "id, uid, name, note, spec_written, spec_meant, spec_path, folder, seed, metric, goal, planned,
    version, host, user, cwd, git_commit, git_dirty, complete, created, ended";

impl Store {
    /// All sweeps that are not hidden, the oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        let sql = format!("SELECT {SWEEP_COLUMNS} FROM sweep_rows WHERE hidden = 0 ORDER BY id");
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows: Vec<SweepRow> = query.query_map([], sweep_row)?.collect::<Result<_, _>>()?;
        rows.into_iter().map(|row| self.complete_row(row)).collect()
    }

    /// All hidden sweeps, the oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn hidden_sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        let sql = format!("SELECT {SWEEP_COLUMNS} FROM sweep_rows WHERE hidden = 1 ORDER BY id");
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows: Vec<SweepRow> = query.query_map([], sweep_row)?.collect::<Result<_, _>>()?;
        rows.into_iter().map(|row| self.complete_row(row)).collect()
    }

    /// The sweep with this number.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sweep(&self, id: i64) -> Result<Option<SweepRow>, StoreError> {
        let sql = format!("SELECT {SWEEP_COLUMNS} FROM sweep_rows WHERE id = ?1");
        let row = self.connection.prepare_cached(&sql)?.query_row([id], sweep_row).optional()?;
        row.map(|row| self.complete_row(row)).transpose()
    }

    /// Numbers and names of all sweeps that are not hidden, the oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sweep_names(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT id, name FROM sweep_rows WHERE hidden = 0 ORDER BY id")?;
        Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// The numbers of the sweeps with this tag that are not hidden, the oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn tagged(&self, tag: &str) -> Result<Vec<i64>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT id FROM sweep_rows JOIN tags ON tags.sweep = id WHERE tag = ?1 AND hidden = 0 ORDER BY id",
        )?;
        Ok(query.query_map([tag], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// All tags.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn tags(&self) -> Result<Vec<String>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT DISTINCT tag FROM tags ORDER BY tag")?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The latest sweep of this name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn latest_named(&self, name: &str) -> Result<Option<SweepRow>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT id FROM sweep_rows WHERE name = ?1 AND hidden = 0 ORDER BY id DESC LIMIT 1")?;
        let id: Option<i64> = query.query_row([name], |row| row.get(0)).optional()?;
        id.map_or(Ok(None), |id| self.sweep(id))
    }

    fn complete_row(&self, mut row: SweepRow) -> Result<SweepRow, StoreError> {
        row.owner = self.owner(&row.uid);
        let alive = !matches!(row.owner, Owner::Nobody);
        let mut query =
            self.connection.prepare_cached("SELECT state, count(*) FROM trial_rows WHERE sweep = ?1 GROUP BY state")?;
        let mut states = query.query([row.id])?;
        while let Some(state) = states.next()? {
            let count: i64 = state.get(1)?;
            row.counts.add(shown_state(&state.get::<_, String>(0)?, alive)?, count);
        }
        let mut query = self.connection.prepare_cached("SELECT tag FROM tags WHERE sweep = ?1 ORDER BY tag")?;
        row.tags = query.query_map([row.id], |tag| tag.get(0))?.collect::<Result<_, _>>()?;
        Ok(row)
    }

    /// The best mean over seeds of a sweep's configs, those with a bad seed left out.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn best_mean(&self, sweep: &SweepRow) -> Result<Option<f64>, StoreError> {
        let order = if sweep.goal == "max" { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT avg(objective) AS mean FROM trial_rows WHERE sweep = ?1 AND state IN ('done', 'failed', 'diverged', 'stopped')
             GROUP BY config HAVING sum(state <> 'done') = 0 AND count(objective) = count(*) ORDER BY mean {order} LIMIT 1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([sweep.id], |row| row.get(0)).optional()?)
    }

    /// The files a sweep depends on.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn files(&self, sweep: i64) -> Result<Vec<DataFile>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT role, path, bytes, hash FROM files WHERE sweep = ?1 ORDER BY role")?;
        let rows = query.query_map([sweep], |row| {
            Ok(DataFile {
                role: row.get(0)?,
                path: row.get(1)?,
                bytes: row.get::<_, i64>(2)? as u64,
                hash: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Starts and resumes of a sweep: when, by whom, how they ended.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sessions(&self, sweep: i64) -> Result<Vec<Session>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT started, ended, coalesce(outcome, ''), note FROM sessions WHERE sweep = ?1 ORDER BY id",
        )?;
        let rows = query.query_map([sweep], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Store {
    /// How long a finished trial of a sweep took on average, in seconds.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn mean_seconds(&self, sweep: i64) -> Result<Option<f64>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT avg(ended - started) * 1e-6 FROM trial_rows WHERE sweep = ?1 AND state = 'done'")?;
        Ok(query.query_row([sweep], |row| row.get(0))?)
    }

    /// The processes of attempts of a sweep that were lost with their coordinator, since this machine started.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn processes_of_the_dead(&self, sweep: i64) -> Result<Vec<ProcessId>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT a.pid, a.pid_start FROM attempts a JOIN sessions s ON s.id = a.session
             WHERE s.sweep = ?1 AND s.outcome = 'died' AND s.boot = ?2 AND a.state = 'lost' AND a.pid IS NOT NULL",
        )?;
        let rows = query.query_map((sweep, boot_id()), |row| {
            Ok(ProcessId { pid: row.get(0)?, start: row.get::<_, Option<i64>>(1)?.unwrap_or(0) as u64 })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn sweep_row(row: &Row<'_>) -> rusqlite::Result<SweepRow> {
    Ok(SweepRow {
        id: row.get(0)?,
        uid: row.get(1)?,
        name: row.get(2)?,
        note: row.get(3)?,
        spec_written: row.get(4)?,
        spec_meant: row.get(5)?,
        spec_path: row.get(6)?,
        folder: row.get(7)?,
        seed: row.get::<_, i64>(8)? as u64,
        metric: row.get(9)?,
        goal: row.get(10)?,
        planned: row.get::<_, Option<i64>>(11)?.map(|n| n as u64),
        version: row.get(12)?,
        host: row.get(13)?,
        user: row.get(14)?,
        cwd: row.get(15)?,
        git_commit: row.get(16)?,
        git_dirty: row.get(17)?,
        complete: row.get(18)?,
        created: row.get(19)?,
        ended: row.get(20)?,
        tags: Vec::new(),
        counts: Counts::default(),
        owner: Owner::Nobody,
    })
}

/// The state of a row; a trial that runs under nobody is lost.
pub(super) fn shown_state(word: &str, alive: bool) -> Result<State, StoreError> {
    match State::from_str(word).map_err(StoreError::Corrupt)? {
        State::Running if !alive => Ok(State::Lost),
        state => Ok(state),
    }
}
