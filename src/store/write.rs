//! What the coordinator writes.
//!
//! Invariants: a trial is recorded once for each (sweep, config, repeat) and ends in one state; a result that comes
//! after another attempt's is kept as superseded and never counts. Writes happen between [`Writer::begin`] and
//! [`Writer::commit`]; nothing is promised to anybody before the commit.

use rusqlite::params;

use super::names::{NameKind, NamesWritten};
use super::proposals;
use super::{Chunk, Exit, ProcessId, Reason, Store, StoreError, now};
use crate::space::{Config, ConfigId, State, Value};

/// The store in the hands of the coordinator of one sweep.
#[derive(Debug)]
pub struct Writer {
    pub(super) store: Store,
    sweep: i64,
    session: i64,
    /// Whether commits are synced to the disk.
    durable: bool,
    names: NamesWritten,
}

/// A trial that starts.
#[derive(Clone, Copy, Debug)]
pub struct NewTrial<'a> {
    /// Its config.
    pub config: &'a Config,
    /// The identity of the config.
    pub id: ConfigId,
    /// The place of the config in the order of the search.
    pub ordinal: u64,
    /// Its number; a trial that exists keeps its own.
    pub number: u64,
    /// The index of its seed.
    pub repeat: u32,
    /// Its seed.
    pub seed: u64,
    /// When it started, in microseconds since 1970.
    pub started: i64,
    /// Its process, if it has one.
    pub process: Option<ProcessId>,
    /// Why its config was proposed, where the search says so.
    pub reason: Option<&'a Reason>,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct AttemptEnd<'a> {
    /// The state.
    pub state: State,
    /// Why.
    pub reason: &'a str,
    /// Final metrics.
    pub metrics: &'a [(&'a str, f64)],
    /// The compared value.
    pub objective: Option<f64>,
    /// When it ended, in microseconds since 1970.
    pub ended: i64,
    /// How its process ended, if it had one.
    pub exit: Option<Exit>,
}

/// A started attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The row of the trial.
    pub trial: i64,
    /// The row of the attempt.
    pub attempt: i64,
    /// The trial's number in its sweep.
    pub number: i64,
    /// Which attempt of the trial this is, from 1.
    pub attempts: i64,
}

impl Writer {
    /// A writer for the session `session` of `sweep`.
    pub(super) fn new(store: Store, sweep: i64, session: i64) -> Self {
        Self { store, sweep, session, durable: true, names: NamesWritten::default() }
    }

    /// The store, for changes outside of the groups of writes.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The number of the sweep.
    pub fn sweep(&self) -> i64 {
        self.sweep
    }

    /// The row of the session.
    pub fn session(&self) -> i64 {
        self.session
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Begins a group of writes. Where `durable`, what is committed survives a power cut; else only a kill.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn begin(&mut self, durable: bool) -> Result<(), StoreError> {
        if durable != self.durable {
            self.store.connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            self.durable = durable;
        }
        self.store.connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(())
    }

    /// Ends a group of writes.
    ///
    /// # Errors
    /// What SQLite says; then none of the group is stored.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let result = self.store.connection.execute_batch("COMMIT");
        if result.is_err() {
            self.roll_back();
        }
        Ok(result?)
    }

    /// Gives up a group of writes.
    pub fn roll_back(&mut self) {
        self.names.forget();
        let _ = self.store.connection.execute_batch("ROLLBACK");
    }

    /// Records that an attempt of a trial has started.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open_attempt(&mut self, new: &NewTrial<'_>) -> Result<Opened, StoreError> {
        let config = self.config(new)?;
        let number = new.number as i64;
        let connection = &self.store.connection;
        // No RETURNING here: SQLite implements it with a table of its own for every statement, which doubles the time.
        let mut insert = connection.prepare_cached(
            "INSERT INTO trial_rows (sweep, number, config, repeat, seed, state, attempts, started)
             VALUES (?1, ?2, ?3, ?4, ?5, 'running', 1, ?6) ON CONFLICT (sweep, config, repeat) DO NOTHING",
        )?;
        let row = params![self.sweep, number, config, new.repeat, new.seed as i64, new.started];
        let (trial, number, attempts) = if insert.execute(row)? == 1 {
            (connection.last_insert_rowid(), number, 1)
        } else {
            let mut again = connection.prepare_cached(
                "UPDATE trial_rows SET state = 'running', reason = '', attempts = attempts + 1, started = ?4, ended = NULL,
                    objective = NULL, attempt = NULL
                 WHERE sweep = ?1 AND config = ?2 AND repeat = ?3 RETURNING id, number, attempts",
            )?;
            let row = (self.sweep, config, new.repeat, new.started);
            again.query_row(row, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        };
        let mut statement = connection.prepare_cached(
            "INSERT INTO attempts (trial, number, session, state, started, pid, pid_start)
             VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6)",
        )?;
        let process = new.process;
        let attempt = statement.insert(params![
            trial,
            attempts,
            self.session,
            new.started,
            process.map(|process| process.pid),
            process.map(|process| process.start as i64)
        ])?;
        Ok(Opened { trial, attempt, number, attempts })
    }

    fn config(&mut self, new: &NewTrial<'_>) -> Result<i64, StoreError> {
        let connection = &self.store.connection;
        let hash = new.id.to_string();
        let mut insert = connection
            .prepare_cached("INSERT INTO configs (sweep, ordinal, hash) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
        if insert.execute((self.sweep, new.ordinal as i64, &hash))? == 0 {
            let mut find = connection.prepare_cached("SELECT id FROM configs WHERE sweep = ?1 AND hash = ?2")?;
            return Ok(find.query_row((self.sweep, &hash), |row| row.get(0))?);
        }
        let row = connection.last_insert_rowid();
        if let Some(reason) = new.reason {
            proposals::add(connection, row, reason)?;
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO param_rows (config, place, name, type, value, label) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (place, setting) in new.config.settings.iter().enumerate() {
            let (word, value) = stored(&setting.value);
            insert.execute(params![row, place as i64, &*setting.name, word, value, setting.label.as_deref()])?;
            let kind = if setting.label.is_some() { "label" } else { word };
            self.names.add(connection, self.sweep, NameKind::Param, &setting.name, kind)?;
        }
        Ok(row)
    }

    /// Records a trial that has ended and whose start was not written: the rows of a new one are written once, as they
    /// stay.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn add_ended(&mut self, new: &NewTrial<'_>, end: &AttemptEnd<'_>) -> Result<Opened, StoreError> {
        let config = self.config(new)?;
        let number = new.number as i64;
        let connection = &self.store.connection;
        // Known before it is there, so that the trial need not be updated; nobody else writes within this group.
        let mut last = connection.prepare_cached("SELECT coalesce(max(id), 0) FROM attempts")?;
        let attempt = last.query_row([], |row| row.get::<_, i64>(0))? + 1;
        let mut insert = connection.prepare_cached(
            "INSERT INTO trial_rows (sweep, number, config, repeat, seed, state, reason, attempt, attempts, objective, started,
                ended)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?10, ?11) ON CONFLICT (sweep, config, repeat) DO NOTHING",
        )?;
        let row = params![
            self.sweep,
            number,
            config,
            new.repeat,
            new.seed as i64,
            end.state.word(),
            end.reason,
            attempt,
            end.objective,
            new.started,
            end.ended,
        ];
        if insert.execute(row)? == 0 {
            drop((insert, last));
            let opened = self.open_attempt(new)?;
            self.close_attempt(opened, end)?;
            return Ok(opened);
        }
        let trial = connection.last_insert_rowid();
        drop((insert, last));
        let mut insert = connection.prepare_cached(
            "INSERT INTO attempts (id, trial, number, session, state, reason, started, ended, exit_code, signal)
             VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        insert.execute(params![
            attempt,
            trial,
            self.session,
            end.state.word(),
            end.reason,
            new.started,
            end.ended,
            end.exit.and_then(Exit::code),
            end.exit.and_then(Exit::signal)
        ])?;
        drop(insert);
        self.add_metrics(attempt, end.metrics)?;
        Ok(Opened { trial, attempt, number, attempts: 1 })
    }

    fn add_metrics(&mut self, attempt: i64, metrics: &[(&str, f64)]) -> Result<(), StoreError> {
        // Not OR REPLACE, for which SQLite keeps a journal for every statement.
        let mut insert = self.store.connection.prepare_cached(
            "INSERT INTO metric_rows (attempt, name, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        for (name, value) in metrics {
            insert.execute((attempt, name, value))?;
            self.names.add(&self.store.connection, self.sweep, NameKind::Metric, name, "float")?;
        }
        Ok(())
    }

    /// Records how an attempt ended; false where another attempt's result already counts, and this one is kept as
    /// superseded.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn close_attempt(&mut self, opened: Opened, end: &AttemptEnd<'_>) -> Result<bool, StoreError> {
        self.add_metrics(opened.attempt, end.metrics)?;
        let connection = &self.store.connection;
        let mut update = connection.prepare_cached(
            "UPDATE trial_rows SET state = ?2, reason = ?3, objective = ?4, ended = ?5, attempt = ?6
             WHERE id = ?1 AND state = 'running' AND attempts = ?7",
        )?;
        let row = params![
            opened.trial,
            end.state.word(),
            end.reason,
            end.objective,
            end.ended,
            opened.attempt,
            opened.attempts
        ];
        let counts = update.execute(row)? == 1;
        let mut update = connection.prepare_cached(
            "UPDATE attempts SET state = ?2, reason = ?3, ended = ?4, exit_code = ?5, signal = ?6 WHERE id = ?1",
        )?;
        let state = if counts { end.state.word() } else { "superseded" };
        let (code, signal) = (end.exit.and_then(Exit::code), end.exit.and_then(Exit::signal));
        update.execute(params![opened.attempt, state, end.reason, end.ended, code, signal])?;
        Ok(counts)
    }

    /// Stores points of a series of a running or ending attempt; `chunk` counts from 0 for each attempt and name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn add_chunk(&mut self, attempt: i64, name: &str, chunk: i64, packed: &Chunk) -> Result<(), StoreError> {
        let mut insert = self.store.connection.prepare_cached(
            "INSERT INTO series_chunks (attempt, name, chunk, count, start, stride, steps, vals)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let row = params![attempt, name, chunk, packed.count, packed.start, packed.stride, packed.steps, packed.values];
        insert.execute(row)?;
        Ok(())
    }

    /// Makes one chunk of the small ones that a slow series left, so that reading it later is quick.
    ///
    /// # Errors
    /// What SQLite says, and chunks that do not fit together.
    pub fn merge_chunks(&mut self, attempt: i64, name: &str) -> Result<(), StoreError> {
        let whole = self.store.series_of(attempt, name)?;
        if let Some(packed) = whole.pack() {
            let connection = &self.store.connection;
            connection
                .prepare_cached("DELETE FROM series_chunks WHERE attempt = ?1 AND name = ?2")?
                .execute((attempt, name))?;
            self.add_chunk(attempt, name, 0, &packed)?;
        }
        Ok(())
    }

    /// Notes how this session ended, and whether the sweep is complete.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn close_session(&mut self, outcome: &str, complete: bool) -> Result<(), StoreError> {
        let transaction = self.store.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let ended = now();
        transaction
            .execute("UPDATE sessions SET ended = ?2, outcome = ?3 WHERE id = ?1", (self.session, ended, outcome))?;
        transaction.execute(
            "UPDATE sweep_rows SET complete = ?2, ended = ?3 WHERE id = ?1",
            (self.sweep, complete, complete.then_some(ended)),
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Sets how many trials the sweep has in all, once that is known.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_planned(&mut self, planned: u64) -> Result<(), StoreError> {
        self.store
            .connection
            .execute("UPDATE sweep_rows SET planned = ?2 WHERE id = ?1", (self.sweep, planned as i64))?;
        Ok(())
    }
}

/// The type word and the column value of a param.
fn stored(value: &Value) -> (&'static str, rusqlite::types::Value) {
    use rusqlite::types::Value as Sql;
    match value {
        Value::Null => ("null", Sql::Null),
        Value::Bool(bool) => ("bool", Sql::Integer(i64::from(*bool))),
        Value::Int(int) => ("int", Sql::Integer(*int)),
        Value::Float(float) if float.is_nan() => ("float", Sql::Null),
        Value::Float(float) => ("float", Sql::Real(*float)),
        Value::Text(text) => ("text", Sql::Text(text.clone())),
        Value::List(_) | Value::Map(_) => ("json", Sql::Text(value.to_json().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Setting;
    use crate::store::{Access, NewSweep};

    fn writer(folder: &std::path::Path) -> Writer {
        let mut store = Store::open(&folder.join("sweep.db"), Access::Create).unwrap();
        let new = NewSweep { name: "s".into(), metric: "loss".into(), goal: "min".into(), ..NewSweep::default() };
        let (id, _) = store.add_sweep(&new).unwrap();
        store.into_writer(id, "", "").unwrap()
    }

    fn config(x: i64) -> Config {
        Config { settings: vec![Setting { name: "x".into(), value: x.into(), label: None }] }
    }

    fn open(writer: &mut Writer, config: &Config) -> Opened {
        let new = NewTrial {
            config,
            id: config.id(),
            ordinal: 0,
            number: 1,
            repeat: 0,
            seed: 1,
            started: 5,
            process: None,
            reason: None,
        };
        writer.open_attempt(&new).unwrap()
    }

    fn end(objective: f64) -> AttemptEnd<'static> {
        AttemptEnd { state: State::Done, reason: "", metrics: &[], objective: Some(objective), ended: 9, exit: None }
    }

    #[test]
    fn a_late_result_of_an_older_attempt_is_kept_and_never_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        let config = config(1);
        let first = open(&mut writer, &config);
        let second = open(&mut writer, &config);
        assert_eq!((first.number, second.number, second.attempts), (1, 1, 2));
        assert!(!writer.close_attempt(first, &end(1.0)).unwrap(), "the older attempt is superseded");
        assert!(writer.close_attempt(second, &end(2.0)).unwrap());
        assert!(!writer.close_attempt(first, &end(3.0)).unwrap());
        let sweep = writer.store().sweep(1).unwrap().unwrap();
        let trials = writer.store().trials(&sweep).unwrap();
        assert_eq!((trials.len(), trials[0].objective, trials[0].attempts), (1, Some(2.0), 2));
        let states: Vec<String> = {
            let mut query = writer.store.connection.prepare("SELECT state FROM attempts ORDER BY id").unwrap();
            query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(states, ["superseded", "done"]);
    }

    #[test]
    fn nan_and_every_type_of_value_survive() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        let values = [
            Value::Null,
            true.into(),
            3.into(),
            3.0.into(),
            f64::NAN.into(),
            f64::INFINITY.into(),
            "'; DROP TABLE trials; --\n".into(),
            Value::List(vec![1.into(), 2.5.into()]),
        ];
        let settings: Vec<Setting> = values
            .iter()
            .enumerate()
            .map(|(i, value)| Setting { name: format!("p{i}").into(), value: value.clone(), label: Some("l".into()) })
            .collect();
        let config = Config { settings };
        let opened = open(&mut writer, &config);
        let metrics = [("loss", f64::NAN), ("a \"b\"", f64::NEG_INFINITY)];
        let done = AttemptEnd { metrics: &metrics, objective: Some(f64::NAN), ..end(0.0) };
        writer.close_attempt(opened, &done).unwrap();
        let sweep = writer.store().sweep(1).unwrap().unwrap();
        let trial = writer.store().trial(&sweep, 1).unwrap().unwrap();
        assert_eq!(trial.config.id(), config.id());
        assert_eq!(trial.config_id, config.id().to_string());
        assert!(trial.objective.unwrap().is_nan());
        assert!(trial.metrics.iter().any(|(name, x)| &**name == "loss" && x.is_nan()));
        assert!(trial.metrics.iter().any(|(name, x)| &**name == "a \"b\"" && *x == f64::NEG_INFINITY));
    }

    #[test]
    fn a_full_disk_loses_only_the_open_group() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        writer.begin(true).unwrap();
        let opened = open(&mut writer, &config(1));
        writer.close_attempt(opened, &end(1.0)).unwrap();
        writer.commit().unwrap();
        let pages: i64 = writer.store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        writer.store.connection.pragma_update_and_check(None, "max_page_count", pages + 2, |_| Ok(())).unwrap();
        writer.begin(true).unwrap();
        let written = (2..10_000).try_for_each(|x| {
            let config = config(x);
            let new = NewTrial {
                config: &config,
                id: config.id(),
                ordinal: 0,
                number: x as u64,
                repeat: 0,
                seed: 1,
                started: 5,
                process: None,
                reason: None,
            };
            writer.open_attempt(&new).map(|_| ())
        });
        assert!(matches!(written, Err(StoreError::Full)), "{written:?}");
        writer.roll_back();
        let sweep = writer.store().sweep(1).unwrap().unwrap();
        assert_eq!(writer.store().trials(&sweep).unwrap().len(), 1);
    }
}
