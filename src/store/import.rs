//! Sweeps of another store, taken over into this one.
//!
//! A sweep is known by its uid, which it keeps; its number here is a new one. Rows keep their order: their numbers are
//! moved up beyond those that are here.

use std::path::Path;

use rusqlite::{OptionalExtension as _, TransactionBehavior};

use super::{Access, Store, StoreError};

/// What became of a sweep of the other store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is new here, under this number.
    New(i64),
    /// It is here already, under this number.
    Known(i64),
    /// It is here already, under this number, with other trials than there.
    Different(i64),
}

impl Store {
    /// Takes over a sweep of the store at `other`, by its number there.
    ///
    /// # Errors
    /// A file that is no store, what SQLite says.
    pub fn import(&mut self, other: &Path, sweep: i64) -> Result<Imported, StoreError> {
        // Looks at the schema, and brings an older one up to date.
        drop(Self::open(other, Access::Read)?);
        self.connection.execute("ATTACH ?1 AS other", [other.display().to_string()])?;
        let result = self.copy_attached(sweep);
        self.connection.execute_batch("DETACH other")?;
        result
    }

    fn copy_attached(&mut self, from: i64) -> Result<Imported, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known: Option<i64> = transaction
            .query_row(
                "SELECT id FROM main.sweep_rows WHERE uid = (SELECT uid FROM other.sweep_rows WHERE id = ?1)",
                [from],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(here) = known {
            let digest = |schema: &str, sweep: i64| {
                let sql = format!(
                    "SELECT count(*), coalesce(sum(attempts), 0), count(objective), coalesce(max(ended), 0)
                     FROM {schema}.trial_rows WHERE sweep = ?1"
                );
                transaction.query_row(&sql, [sweep], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
                })
            };
            let same = digest("main", here)? == digest("other", from)?;
            return Ok(if same { Imported::Known(here) } else { Imported::Different(here) });
        }
        let columns =
            "uid, name, note, kind, spec_written, spec_meant, spec_path, folder, seed, metric, goal, planned, version,
            host, user, cwd, git_commit, git_dirty, complete, created, ended";
        transaction.execute(
            &format!(
                "INSERT INTO main.sweep_rows ({columns}, parent) SELECT {columns},
                    (SELECT h.id FROM main.sweep_rows h JOIN other.sweep_rows p ON p.uid = h.uid WHERE p.id = s.parent)
                 FROM other.sweep_rows s WHERE id = ?1"
            ),
            [from],
        )?;
        let to = transaction.last_insert_rowid();
        let last = |table: &str| {
            transaction
                .query_row(&format!("SELECT coalesce(max(id), 0) FROM main.{table}"), [], |row| row.get::<_, i64>(0))
        };
        let (sessions, configs, trials, attempts) =
            (last("sessions")?, last("configs")?, last("trial_rows")?, last("attempts")?);
        let of_trials = "(SELECT id FROM other.trial_rows WHERE sweep = :from)";
        let of_attempts = format!("(SELECT id FROM other.attempts WHERE trial IN {of_trials})");
        let of_configs = "(SELECT id FROM other.configs WHERE sweep = :from)";
        let steps = [
            "INSERT INTO main.tags SELECT :to, tag FROM other.tags WHERE sweep = :from".to_owned(),
            "INSERT INTO main.files SELECT :to, role, path, bytes, hash FROM other.files WHERE sweep = :from".to_owned(),
            format!(
                "INSERT INTO main.sessions (id, sweep, host, boot, pid, pid_start, command, version, note, started, ended, outcome)
                 SELECT id + {sessions}, :to, host, boot, pid, pid_start, command, version, note, started, ended, outcome
                 FROM other.sessions WHERE sweep = :from"
            ),
            format!(
                "INSERT INTO main.configs (id, sweep, ordinal, hash) SELECT id + {configs}, :to, ordinal, hash
                 FROM other.configs WHERE sweep = :from"
            ),
            format!(
                "INSERT INTO main.param_rows (config, place, name, type, value, label)
                 SELECT config + {configs}, place, name, type, value, label FROM other.param_rows WHERE config IN {of_configs}"
            ),
            format!(
                "INSERT INTO main.proposals (config, why, seen, memory, worth) SELECT config + {configs}, why, seen, memory, worth
                 FROM other.proposals WHERE config IN {of_configs}"
            ),
            format!(
                "INSERT INTO main.trial_rows (id, sweep, number, config, repeat, seed, state, reason, attempt, attempts,
                    objective, started, ended)
                 SELECT id + {trials}, :to, number, config + {configs}, repeat, seed, state, reason, attempt + {attempts},
                    attempts, objective, started, ended FROM other.trial_rows WHERE sweep = :from"
            ),
            format!(
                "INSERT INTO main.attempts (id, trial, number, session, state, reason, started, ended, pid, pid_start,
                    exit_code, signal)
                 SELECT id + {attempts}, trial + {trials}, number, session + {sessions}, state, reason, started, ended, pid,
                    pid_start, exit_code, signal FROM other.attempts WHERE trial IN {of_trials}"
            ),
            format!(
                "INSERT INTO main.metric_rows (attempt, name, value) SELECT attempt + {attempts}, name, value
                 FROM other.metric_rows WHERE attempt IN {of_attempts}"
            ),
            format!(
                "INSERT INTO main.series_chunks (attempt, name, chunk, count, start, stride, steps, vals)
                 SELECT attempt + {attempts}, name, chunk, count, start, stride, steps, vals
                 FROM other.series_chunks WHERE attempt IN {of_attempts}"
            ),
            format!(
                "INSERT INTO main.kept (attempt, path, bytes, hash) SELECT attempt + {attempts}, path, bytes, hash
                 FROM other.kept WHERE attempt IN {of_attempts}"
            ),
            "INSERT INTO main.names (sweep, kind, name, type) SELECT :to, kind, name, type FROM other.names
             WHERE sweep = :from ORDER BY id"
                .to_owned(),
        ];
        for sql in steps {
            let mut statement = transaction.prepare(&sql)?;
            for (name, value) in [(c":from", from), (c":to", to)] {
                if let Some(place) = statement.parameter_index(name.to_str().unwrap_or_default())? {
                    statement.raw_bind_parameter(place, value)?;
                }
            }
            statement.raw_execute()?;
        }
        // Nobody runs it here.
        transaction.execute(
            "UPDATE main.trial_rows SET state = 'lost', reason = 'it ran elsewhere when it was imported'
             WHERE sweep = ?1 AND state = 'running'",
            [to],
        )?;
        transaction.execute(
            "UPDATE main.sessions SET ended = started, outcome = 'imported' WHERE sweep = ?1 AND ended IS NULL",
            [to],
        )?;
        transaction.commit()?;
        Ok(Imported::New(to))
    }
}
