//! What is asked of the store about trials. Reads never decide; they show a trial whose coordinator is gone as lost.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row};

use super::sweeps::{SweepRow, shown_state};
use super::{Chunk, Owner, Series, Store, StoreError};
use crate::space::{Config, ConfigId, Setting, State, Value};

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

/// What ranking needs of a trial.
#[derive(Clone, Copy, Debug)]
pub struct Sketch {
    /// The row.
    pub id: i64,
    /// The row of the config.
    pub config_row: i64,
    /// The number of the trial.
    pub number: i64,
    /// The index of its seed.
    pub repeat: u32,
    /// What has become of it.
    pub state: State,
    /// The compared value.
    pub objective: Option<f64>,
}

/// A trial that exists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// The identity of its config.
    pub id: ConfigId,
    /// The index of its seed.
    pub repeat: u32,
    /// Its number.
    pub number: u64,
    /// How many attempts it has had.
    pub attempts: u32,
    /// What has become of it.
    pub state: State,
    /// The compared value.
    pub objective: Option<f64>,
}

/// A named series.
pub type SeriesPoints = (String, Series);

impl Store {
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

    /// The trials of a sweep in these rows, in this order.
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn trials_at(&self, sweep: &SweepRow, rows: &[i64]) -> Result<Vec<TrialRow>, StoreError> {
        // One by one where they are few; else all of the sweep at once, of which the wanted ones are taken.
        if rows.len() as u64 * 20 < sweep.counts.total() || rows.len() < 100 {
            let mut number = self.connection.prepare_cached("SELECT number FROM trial_rows WHERE id = ?1")?;
            let mut one = |row: &i64| match self.trial(sweep, number.query_row([row], |row| row.get(0))?)? {
                Some(trial) => Ok(trial),
                None => Err(StoreError::Corrupt(format!("there is no trial in row {row}"))),
            };
            return rows.iter().map(&mut one).collect();
        }
        let mut all: HashMap<i64, TrialRow> = self.trials(sweep)?.into_iter().map(|trial| (trial.id, trial)).collect();
        Ok(rows.iter().filter_map(|row| all.remove(row)).collect())
    }

    fn trials_where(&self, sweep: &SweepRow, number: Option<i64>) -> Result<Vec<TrialRow>, StoreError> {
        let alive = !matches!(sweep.owner, Owner::Nobody);
        let configs = self.configs_where(sweep.id, number)?;
        let (one, number) = (number.is_some(), number.unwrap_or(0));
        let mut metrics: HashMap<i64, Vec<(Arc<str>, f64)>> = HashMap::new();
        {
            let sql = if one {
                "SELECT m.attempt, m.name, m.value FROM metric_rows m JOIN attempts a ON a.id = m.attempt
                 JOIN trial_rows t ON t.id = a.trial WHERE t.sweep = ?1 AND t.number = ?2"
            } else {
                "SELECT m.attempt, m.name, m.value FROM trial_rows t JOIN metric_rows m ON m.attempt = t.attempt
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
             FROM trial_rows t JOIN configs c ON c.id = t.config
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
                "SELECT p.config, p.name, p.type, p.value, p.label FROM trial_rows t JOIN param_rows p ON p.config = t.config
                 WHERE t.sweep = ?1 AND t.number = ?2 ORDER BY p.config, p.place"
            }
            None => {
                "SELECT p.config, p.name, p.type, p.value, p.label FROM configs c JOIN param_rows p ON p.config = c.id
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
            "SELECT c.hash, t.repeat, t.state, t.objective, t.number, t.attempts FROM trial_rows t JOIN configs c ON c.id = t.config
             WHERE t.sweep = ?1 ORDER BY t.number",
        )?;
        let mut rows = query.query([sweep])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let id = parse_id(row.get_ref(0)?.as_str().unwrap_or(""))?;
            let state = shown_state(row.get_ref(2)?.as_str().unwrap_or(""), true)?;
            out.push(Recorded {
                id,
                repeat: row.get(1)?,
                number: row.get::<_, i64>(4)? as u64,
                attempts: row.get(5)?,
                state,
                objective: row.get(3)?,
            });
        }
        Ok(out)
    }

    /// Hands the trials of a sweep, in the order of their numbers, to `take`, one at a time.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sketches(&self, sweep: &SweepRow, take: &mut dyn FnMut(&Sketch)) -> Result<(), StoreError> {
        let alive = !matches!(sweep.owner, Owner::Nobody);
        let mut query = self.connection.prepare_cached(
            "SELECT config, number, repeat, state, objective, id FROM trial_rows WHERE sweep = ?1 ORDER BY number",
        )?;
        let mut rows = query.query([sweep.id])?;
        while let Some(row) = rows.next()? {
            let state = shown_state(row.get_ref(3)?.as_str().unwrap_or(""), alive)?;
            let objective: Option<f64> = row.get(4)?;
            take(&Sketch {
                config_row: row.get(0)?,
                number: row.get(1)?,
                repeat: row.get(2)?,
                state,
                objective: if state == State::Done { Some(objective.unwrap_or(f64::NAN)) } else { objective },
                id: row.get(5)?,
            });
        }
        Ok(())
    }

    /// What the trials of a config cost on average: updates (the metric `steps`), and seconds (the metric `seconds`, else
    /// the length of the trial).
    ///
    /// # Errors
    /// What SQLite says.
    pub fn costs(&self, config: i64) -> Result<(Option<f64>, Option<f64>), StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT avg((SELECT value FROM metric_rows WHERE attempt = t.attempt AND name = 'steps')),
                avg(coalesce((SELECT value FROM metric_rows WHERE attempt = t.attempt AND name = 'seconds'),
                    (t.ended - t.started) * 1e-6))
             FROM configs c JOIN trial_rows t ON t.sweep = c.sweep AND t.config = c.id WHERE c.id = ?1",
        )?;
        Ok(query.query_row([config], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// For each config of a sweep that has the param, a number that is the same for the same value (or label).
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn param_values(&self, sweep: i64, param: &str) -> Result<HashMap<i64, u32>, StoreError> {
        // The param is nearly always at the same place among those of a config: looked for there first.
        let mut query = self.connection.prepare_cached(
            "SELECT p.place FROM param_rows p JOIN configs c ON c.id = p.config WHERE c.sweep = ?1 AND p.name = ?2 LIMIT 1",
        )?;
        let Some(place) = query.query_row((sweep, param), |row| row.get::<_, i64>(0)).optional()? else {
            return Ok(HashMap::new());
        };
        let mut elsewhere = self
            .connection
            .prepare_cached("SELECT name, type, value, label FROM param_rows WHERE config = ?1 AND name = ?2")?;
        let mut query = self.connection.prepare_cached(
            "SELECT c.id, p.name, p.type, p.value, p.label
             FROM configs c LEFT JOIN param_rows p ON p.config = c.id AND p.place = ?2 WHERE c.sweep = ?1",
        )?;
        let mut rows = query.query((sweep, place))?;
        let mut numbers: HashMap<ValueKey, u32> = HashMap::new();
        let mut out = HashMap::new();
        while let Some(row) = rows.next()? {
            let config: i64 = row.get(0)?;
            let key = if row.get_ref(1)?.as_str().is_ok_and(|name| name == param) {
                value_key(row, 2)?
            } else {
                match elsewhere.query_row((config, param), |row| value_key(row, 1)).optional()? {
                    Some(key) => key,
                    None => continue,
                }
            };
            let next = numbers.len() as u32;
            out.insert(config, *numbers.entry(key).or_insert(next));
        }
        Ok(out)
    }

    /// The names of the params of a sweep, in the order of their first appearance.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn param_names(&self, sweep: i64) -> Result<Vec<String>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT name FROM names WHERE sweep = ?1 AND kind = 'param' GROUP BY name ORDER BY min(id)",
        )?;
        Ok(query.query_map([sweep], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The first trial of a sweep in a state.
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn first_in(&self, sweep: &SweepRow, state: State) -> Result<Option<TrialRow>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT min(number) FROM trial_rows WHERE sweep = ?1 AND state = ?2")?;
        let number: Option<i64> = query.query_row((sweep.id, state.word()), |row| row.get(0))?;
        number.map_or(Ok(None), |number| self.trial(sweep, number))
    }

    /// The config in a row.
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn config_at(&self, row: i64) -> Result<Arc<Config>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT config, name, type, value, label FROM param_rows WHERE config = ?1 ORDER BY place",
        )?;
        let mut rows = query.query([row])?;
        let mut config = Config::default();
        while let Some(row) = rows.next()? {
            config.settings.push(read_setting(row)?);
        }
        Ok(Arc::new(config))
    }

    /// The config with this identity, of any sweep.
    ///
    /// # Errors
    /// As [`Store::trials`].
    pub fn config_of(&self, id: ConfigId) -> Result<Option<Arc<Config>>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT max(id) FROM configs WHERE hash = ?1")?;
        let row: Option<i64> = query.query_row([id.to_string()], |row| row.get(0))?;
        row.map(|row| self.config_at(row)).transpose()
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

    /// The series of an attempt, by name.
    ///
    /// # Errors
    /// What SQLite says, and chunks that do not fit together.
    pub fn series(&self, attempt: i64) -> Result<Vec<SeriesPoints>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT DISTINCT name FROM series_chunks WHERE attempt = ?1 ORDER BY rowid")?;
        let mut names: Vec<String> = query.query_map([attempt], |row| row.get(0))?.collect::<Result<_, _>>()?;
        names.sort_by_key(|name| metric_rank(name));
        names.into_iter().map(|name| Ok((name.clone(), self.series_of(attempt, &name)?))).collect()
    }

    /// All points of one series of an attempt.
    pub(super) fn series_of(&self, attempt: i64, name: &str) -> Result<Series, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT count, start, stride, steps, vals FROM series_chunks WHERE attempt = ?1 AND name = ?2 ORDER BY chunk",
        )?;
        let mut rows = query.query((attempt, name))?;
        let mut out = Series::default();
        while let Some(row) = rows.next()? {
            let chunk = Chunk {
                count: row.get(0)?,
                start: row.get(1)?,
                stride: row.get(2)?,
                steps: row.get(3)?,
                values: row.get(4)?,
            };
            chunk.unpack(&mut out).map_err(StoreError::Corrupt)?;
        }
        Ok(out)
    }
}

/// What makes two values of a param the same: the label where there is one, else type and value.
#[derive(Debug, PartialEq, Eq, Hash)]
enum ValueKey {
    Label(String),
    Bits(String, u64),
    Text(String, Vec<u8>),
}

/// The key of the value whose type, value and label stand from column `at` on.
fn value_key(row: &Row<'_>, at: usize) -> rusqlite::Result<ValueKey> {
    if let ValueRef::Text(label) = row.get_ref(at + 2)? {
        return Ok(ValueKey::Label(String::from_utf8_lossy(label).into_owned()));
    }
    let of_type: String = row.get(at)?;
    Ok(match row.get_ref(at + 1)? {
        ValueRef::Null => ValueKey::Bits(of_type, f64::NAN.to_bits()),
        ValueRef::Integer(int) => ValueKey::Bits(of_type, int as u64),
        ValueRef::Real(real) => ValueKey::Bits(of_type, real.to_bits()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => ValueKey::Text(of_type, bytes.to_vec()),
    })
}

fn read_setting(row: &Row<'_>) -> Result<Setting, StoreError> {
    let name: String = row.get(1)?;
    let label: Option<String> = row.get(4)?;
    Ok(Setting { name: name.into(), value: read_value(row)?, label: label.map(Into::into) })
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
