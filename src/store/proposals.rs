//! Why configs were proposed, by searches that learn.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError};
use crate::space::{Config, ConfigId};

/// What is stored of a proposal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reason {
    /// Why this config.
    pub why: String,
    /// The numbers of the trials that had ended: `1-5 7`.
    pub seen: String,
    /// What the sampler left for its next proposal.
    pub memory: Vec<f64>,
    /// The expected improvement in units of what counts.
    pub worth: Option<f64>,
}

/// A config that was proposed.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// Its place in the order of the search.
    pub ordinal: u64,
    /// The config.
    pub config: Arc<Config>,
    /// Its identity.
    pub id: ConfigId,
    /// What the sampler left.
    pub memory: Vec<f64>,
    /// The expected improvement in units of what counts.
    pub worth: Option<f64>,
}

/// Stores why a config was proposed.
pub(super) fn add(connection: &rusqlite::Connection, config: i64, reason: &Reason) -> Result<(), StoreError> {
    let memory: Vec<u8> = reason.memory.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut insert = connection.prepare_cached(
        "INSERT INTO proposals (config, why, seen, memory, worth) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?;
    insert.execute(params![config, reason.why, reason.seen, memory, reason.worth])?;
    Ok(())
}

fn numbers(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap_or_default())).collect()
}

impl Store {
    /// The configs of a sweep in the order of their proposals, with what the sampler left.
    ///
    /// # Errors
    /// What SQLite says, and content that this program does not write.
    pub fn proposed(&self, sweep: i64) -> Result<Vec<Proposed>, StoreError> {
        let mut query = self.connection.prepare(
            "SELECT c.ordinal, p.memory, p.worth FROM configs c LEFT JOIN proposals p ON p.config = c.id
             WHERE c.sweep = ?1 ORDER BY c.id",
        )?;
        let rows = query.query_map([sweep], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let rows: Vec<(i64, Option<Vec<u8>>, Option<f64>)> = rows.collect::<Result<_, _>>()?;
        let mut out: Vec<Proposed> = rows
            .into_iter()
            .zip(self.configs(sweep)?)
            .map(|((ordinal, memory, worth), config)| Proposed {
                worth,
                ordinal: ordinal as u64,
                id: config.id(),
                config,
                memory: memory.map_or_else(Vec::new, |bytes| numbers(&bytes)),
            })
            .collect();
        out.sort_by_key(|proposed| proposed.ordinal);
        Ok(out)
    }

    /// Why the config of a trial was proposed, where that was stored.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn reason(&self, sweep: i64, trial: i64) -> Result<Option<Reason>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT p.why, p.seen, p.memory, p.worth FROM trial_rows t JOIN proposals p ON p.config = t.config
             WHERE t.sweep = ?1 AND t.number = ?2",
        )?;
        let reason = query.query_row((sweep, trial), |row| {
            Ok(Reason {
                why: row.get(0)?,
                seen: row.get(1)?,
                memory: numbers(&row.get::<_, Vec<u8>>(2)?),
                worth: row.get(3)?,
            })
        });
        Ok(reason.optional()?)
    }
}
