//! What is asked of the store. Reads never decide; they show a trial whose coordinator is gone as lost.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Row};

use super::{Owner, Series, Store, StoreError};
use crate::space::{Config, ConfigId, Setting, State, Value};

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

/// A trial with its config and final metrics.
#[derive(Clone, Debug)]
pub struct TrialRow {
    /// The row.
    pub id: i64,
    /// The sweep's number.
    pub sweep: i64,
    /// The number within the sweep.
    pub number: i64,
    /// The row of the config.
    pub config_row: i64,
    /// The identity of the config, as hexadecimal digits.
    pub config_id: String,
    /// The config.
    pub config: Arc<Config>,
    /// The index of the seed.
    pub repeat: u32,
    /// The seed.
    pub seed: u64,
    /// What has become of it.
    pub state: State,
    /// Why.
    pub reason: String,
    /// How many attempts.
    pub attempts: i64,
    /// The attempt that counts, or the last one.
    pub attempt: Option<i64>,
    /// The compared value of a trial that is done; NaN where it was NaN.
    pub objective: Option<f64>,
    /// When its last attempt started, in microseconds since 1970.
    pub started: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// Final metrics by name, in the order in which they are reported.
    pub metrics: Vec<(Arc<str>, f64)>,
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

/// A trial that exists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// The identity of its config.
    pub id: ConfigId,
    /// The index of its seed.
    pub repeat: u32,
    /// What has become of it.
    pub state: State,
    /// The compared value.
    pub objective: Option<f64>,
}

/// A start or resume of a sweep: when it began and ended, how it ended, what was noted.
pub type Session = (i64, Option<i64>, String, String);

/// A named series.
pub type SeriesPoints = (String, Series);

const SWEEP_COLUMNS: &str =
    "id, uid, name, note, spec_written, spec_meant, spec_path, folder, seed, metric, goal, planned,
    version, host, user, cwd, git_commit, git_dirty, complete, created, ended";

impl Store {
    /// All sweeps that are not hidden, the oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        let sql = format!("SELECT {SWEEP_COLUMNS} FROM sweeps WHERE hidden = 0 ORDER BY id");
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows: Vec<SweepRow> = query.query_map([], sweep_row)?.collect::<Result<_, _>>()?;
        rows.into_iter().map(|row| self.complete_row(row)).collect()
    }

    /// The sweep with this number.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sweep(&self, id: i64) -> Result<Option<SweepRow>, StoreError> {
        let sql = format!("SELECT {SWEEP_COLUMNS} FROM sweeps WHERE id = ?1");
        let row = self.connection.prepare_cached(&sql)?.query_row([id], sweep_row).optional()?;
        row.map(|row| self.complete_row(row)).transpose()
    }

    /// Numbers and names of all sweeps that are not hidden, the oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sweep_names(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT id, name FROM sweeps WHERE hidden = 0 ORDER BY id")?;
        Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// The latest sweep of this name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn latest_named(&self, name: &str) -> Result<Option<SweepRow>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT id FROM sweeps WHERE name = ?1 AND hidden = 0 ORDER BY id DESC LIMIT 1")?;
        let id: Option<i64> = query.query_row([name], |row| row.get(0)).optional()?;
        id.map_or(Ok(None), |id| self.sweep(id))
    }

    fn complete_row(&self, mut row: SweepRow) -> Result<SweepRow, StoreError> {
        row.owner = self.owner(&row.uid);
        let alive = !matches!(row.owner, Owner::Nobody);
        let mut query =
            self.connection.prepare_cached("SELECT state, count(*) FROM trials WHERE sweep = ?1 GROUP BY state")?;
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
            "SELECT avg(objective) AS mean FROM trials WHERE sweep = ?1 AND state IN ('done', 'failed', 'diverged', 'stopped')
             GROUP BY config HAVING sum(state <> 'done') = 0 AND count(objective) = count(*) ORDER BY mean {order} LIMIT 1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([sweep.id], |row| row.get(0)).optional()?)
    }

    /// The trials of a sweep in the order of their numbers, with configs and final metrics.
    ///
    /// # Errors
    /// What SQLite says, and content that this program does not write.
    pub fn trials(&self, sweep: &SweepRow) -> Result<Vec<TrialRow>, StoreError> {
        self.trials_where(sweep, None)
    }

    /// The trial of a sweep with this number.
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn trial(&self, sweep: &SweepRow, number: i64) -> Result<Option<TrialRow>, StoreError> {
        Ok(self.trials_where(sweep, Some(number))?.pop())
    }

    fn trials_where(&self, sweep: &SweepRow, number: Option<i64>) -> Result<Vec<TrialRow>, StoreError> {
        let alive = !matches!(sweep.owner, Owner::Nobody);
        let configs = self.configs_where(sweep.id, number)?;
        let (one, number) = (number.is_some(), number.unwrap_or(0));
        let mut metrics: HashMap<i64, Vec<(Arc<str>, f64)>> = HashMap::new();
        {
            let sql = if one {
                "SELECT m.attempt, m.name, m.value FROM metrics m JOIN attempts a ON a.id = m.attempt
                 JOIN trials t ON t.id = a.trial WHERE t.sweep = ?1 AND t.number = ?2"
            } else {
                "SELECT m.attempt, m.name, m.value FROM trials t JOIN metrics m ON m.attempt = t.attempt
                 WHERE t.sweep = ?1 AND ?2 = 0"
            };
            let mut names: HashMap<String, Arc<str>> = HashMap::new();
            let mut query = self.connection.prepare_cached(sql)?;
            let mut rows = query.query((sweep.id, number))?;
            while let Some(row) = rows.next()? {
                let name =
                    row.get_ref(1)?.as_str().map_err(|_| StoreError::Corrupt("a metric without a name".into()))?;
                let name = match names.get(name) {
                    Some(name) => name.clone(),
                    None => {
                        let shared: Arc<str> = Arc::from(name);
                        names.insert(name.to_owned(), shared.clone());
                        shared
                    }
                };
                let value = row.get::<_, Option<f64>>(2)?.unwrap_or(f64::NAN);
                metrics.entry(row.get(0)?).or_default().push((name, value));
            }
        }
        let mut query = self.connection.prepare_cached(
            "SELECT t.id, t.number, t.config, c.hash, t.repeat, t.seed, t.state, t.reason, t.attempts,
                coalesce(t.attempt, (SELECT max(id) FROM attempts WHERE trial = t.id)), t.objective, t.started, t.ended
             FROM trials t JOIN configs c ON c.id = t.config
             WHERE t.sweep = ?1 AND (?2 = 0 OR t.number = ?2) ORDER BY t.number",
        )?;
        let mut rows = query.query((sweep.id, number))?;
        let mut out = Vec::new();
        let empty = Arc::new(Config::default());
        while let Some(row) = rows.next()? {
            let config_row: i64 = row.get(2)?;
            let state = shown_state(&row.get::<_, String>(6)?, alive)?;
            let attempt: Option<i64> = row.get(9)?;
            let objective: Option<f64> = row.get(10)?;
            let mut values = attempt.and_then(|attempt| metrics.remove(&attempt)).unwrap_or_default();
            values.sort_by_key(|(name, _)| metric_rank(name));
            out.push(TrialRow {
                id: row.get(0)?,
                sweep: sweep.id,
                number: row.get(1)?,
                config_row,
                config_id: row.get(3)?,
                config: configs.get(&config_row).unwrap_or(&empty).clone(),
                repeat: row.get(4)?,
                seed: row.get::<_, i64>(5)? as u64,
                state,
                reason: row.get(7)?,
                attempts: row.get(8)?,
                attempt,
                objective: if state == State::Done { Some(objective.unwrap_or(f64::NAN)) } else { objective },
                started: row.get(11)?,
                ended: row.get(12)?,
                metrics: values,
            });
        }
        Ok(out)
    }

    fn configs_where(&self, sweep: i64, trial: Option<i64>) -> Result<HashMap<i64, Arc<Config>>, StoreError> {
        let sql = match trial {
            Some(_) => {
                "SELECT p.config, p.name, p.type, p.value, p.label FROM trials t JOIN params p ON p.config = t.config
                 WHERE t.sweep = ?1 AND t.number = ?2 ORDER BY p.config, p.place"
            }
            None => {
                "SELECT p.config, p.name, p.type, p.value, p.label FROM configs c JOIN params p ON p.config = c.id
                 WHERE c.sweep = ?1 AND ?2 = 0 ORDER BY p.config, p.place"
            }
        };
        let mut names: HashMap<String, Arc<str>> = HashMap::new();
        let mut out: HashMap<i64, Config> = HashMap::new();
        let mut query = self.connection.prepare_cached(sql)?;
        let mut rows = query.query((sweep, trial.unwrap_or(0)))?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(1)?;
            let name = names.entry(name).or_insert_with_key(|name| Arc::from(name.as_str())).clone();
            let label = row.get::<_, Option<String>>(4)?.map(|label| Arc::from(label.as_str()));
            let setting = Setting { name, value: read_value(row)?, label };
            out.entry(row.get(0)?).or_default().settings.push(setting);
        }
        Ok(out.into_iter().map(|(id, config)| (id, Arc::new(config))).collect())
    }

    /// Which trials exist: the config's identity, the repeat, the state, the compared value.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn recorded(&self, sweep: i64) -> Result<Vec<Recorded>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT c.hash, t.repeat, t.state, t.objective FROM trials t JOIN configs c ON c.id = t.config
             WHERE t.sweep = ?1 ORDER BY t.number",
        )?;
        let mut rows = query.query([sweep])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let id = parse_id(row.get_ref(0)?.as_str().unwrap_or(""))?;
            let state = shown_state(row.get_ref(2)?.as_str().unwrap_or(""), true)?;
            out.push(Recorded { id, repeat: row.get(1)?, state, objective: row.get(3)? });
        }
        Ok(out)
    }

    /// The config with this identity, of any sweep.
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn config_of(&self, id: ConfigId) -> Result<Option<Arc<Config>>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT p.config, p.name, p.type, p.value, p.label FROM configs c JOIN params p ON p.config = c.id
             WHERE c.id = (SELECT max(id) FROM configs WHERE hash = ?1) ORDER BY p.place",
        )?;
        let mut rows = query.query([id.to_string()])?;
        let mut settings = Vec::new();
        while let Some(row) = rows.next()? {
            let label = row.get::<_, Option<String>>(4)?.map(|label| Arc::from(label.as_str()));
            let name: String = row.get(1)?;
            settings.push(Setting { name: name.into(), value: read_value(row)?, label });
        }
        Ok((!settings.is_empty()).then(|| Arc::new(Config { settings })))
    }

    /// The configs of a sweep in the order of their proposals.
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn configs(&self, sweep: i64) -> Result<Vec<Arc<Config>>, StoreError> {
        let map = self.configs_where(sweep, None)?;
        let mut list: Vec<(i64, Arc<Config>)> = map.into_iter().collect();
        list.sort_by_key(|(id, _)| *id);
        Ok(list.into_iter().map(|(_, config)| config).collect())
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

    /// The series of an attempt, by name.
    ///
    /// # Errors
    /// What SQLite says, and chunks that do not fit together.
    pub fn series(&self, attempt: i64) -> Result<Vec<SeriesPoints>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT DISTINCT name FROM series WHERE attempt = ?1 ORDER BY rowid")?;
        let mut names: Vec<String> = query.query_map([attempt], |row| row.get(0))?.collect::<Result<_, _>>()?;
        names.sort_by_key(|name| metric_rank(name));
        names.into_iter().map(|name| Ok((name.clone(), self.series_of(attempt, &name)?))).collect()
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
fn shown_state(word: &str, alive: bool) -> Result<State, StoreError> {
    match State::from_str(word).map_err(StoreError::Corrupt)? {
        State::Running if !alive => Ok(State::Lost),
        state => Ok(state),
    }
}

fn read_value(row: &Row<'_>) -> Result<Value, StoreError> {
    let word: String = row.get(2)?;
    Ok(match word.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(row.get(3)?),
        "int" => Value::Int(row.get(3)?),
        "float" => Value::Float(row.get::<_, Option<f64>>(3)?.unwrap_or(f64::NAN)),
        "text" => Value::Text(row.get(3)?),
        "json" => {
            let text: String = row.get(3)?;
            let json = serde_json::from_str(&text).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            Value::from_json(&json)
        }
        other => return Err(StoreError::Corrupt(format!("a param of type `{other}`"))),
    })
}

fn parse_id(hex: &str) -> Result<ConfigId, StoreError> {
    let mut id = [0; 16];
    let bytes = hex.as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).map(|d| d as u8);
    if bytes.len() == 32 {
        let digits: Option<Vec<u8>> = bytes.iter().map(|byte| digit(*byte)).collect();
        if let Some(digits) = digits {
            for (byte, pair) in id.iter_mut().zip(digits.as_chunks::<2>().0) {
                *byte = pair[0] << 4 | pair[1];
            }
            return Ok(ConfigId(id));
        }
    }
    Err(StoreError::Corrupt(format!("`{hex}` is not the identity of a config")))
}

/// Built-in metrics in the order of their meaning, others after them by name.
fn metric_rank(name: &str) -> (usize, String) {
    let known = crate::train::METRICS.iter().position(|(known, _)| *known == name);
    (known.unwrap_or(usize::MAX), name.to_owned())
}
