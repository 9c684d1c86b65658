//! Which params and metrics sweeps have, without a look at every trial.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::{Store, StoreError};

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A param.
    Param,
    /// A metric.
    Metric,
}

impl NameKind {
    fn word(self) -> &'static str {
        match self {
            Self::Param => "param",
            Self::Metric => "metric",
        }
    }
}

/// A param or metric of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRow {
    /// Param or metric.
    pub kind: NameKind,
    /// The name.
    pub name: String,
    /// The type of some of its values: `int float text bool null json`, or `label` where values go by labels.
    pub of_type: String,
}

/// The first columns of a wide table: the fields of a trial.
pub const WIDE_FIELDS: [&str; 11] =
    ["trial", "config", "repeat", "seed", "state", "reason", "attempts", "objective", "started", "ended", "took"];

/// A param or metric as a column of a wide table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WideName {
    /// Param or metric.
    pub kind: NameKind,
    /// The name.
    pub name: String,
    /// The name of the column.
    pub column: String,
}

/// The columns of a wide table after `sweep` and [`WIDE_FIELDS`]: the params, then the metrics. A name that is taken
/// already (upper and lower case are the same to SQL) gets `param.` or `metric.` before it.
pub fn wide_names(names: &[NameRow]) -> Vec<WideName> {
    let mut out: Vec<WideName> = Vec::new();
    for kind in [NameKind::Param, NameKind::Metric] {
        for row in names.iter().filter(|row| row.kind == kind) {
            if out.iter().any(|wide| wide.kind == kind && wide.name == row.name) {
                continue;
            }
            let mut column = row.name.replace('\0', "");
            let is_taken = |column: &str| {
                let columns = out.iter().map(|wide| wide.column.as_str());
                WIDE_FIELDS.into_iter().chain(["sweep"]).chain(columns).any(|other| other.eq_ignore_ascii_case(column))
            };
            while is_taken(&column) {
                column = format!("{}.{column}", kind.word());
            }
            out.push(WideName { kind, name: row.name.clone(), column });
        }
    }
    out
}

/// The names that a writer has noted already.
#[derive(Debug, Default)]
pub(super) struct NamesWritten {
    params: HashMap<String, Vec<&'static str>>,
    metrics: HashMap<String, Vec<&'static str>>,
}

impl NamesWritten {
    /// Forgets them: what was noted may have been rolled back.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Notes that a sweep has this param or metric with values of this type.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        sweep: i64,
        kind: NameKind,
        name: &str,
        of_type: &'static str,
    ) -> Result<(), StoreError> {
        let known = match kind {
            NameKind::Param => &mut self.params,
            NameKind::Metric => &mut self.metrics,
        };
        match known.get_mut(name) {
            Some(types) if types.contains(&of_type) => return Ok(()),
            Some(types) => types.push(of_type),
            None => drop(known.insert(name.to_owned(), vec![of_type])),
        }
        let sql = "INSERT INTO names (sweep, kind, name, type) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        connection.prepare_cached(sql)?.execute((sweep, kind.word(), name, of_type))?;
        Ok(())
    }
}

impl Store {
    /// The params and metrics of these sweeps, each with the types it has, in the order of their first appearance.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn names(&self, sweeps: &[i64]) -> Result<Vec<NameRow>, StoreError> {
        let list: Vec<Sql> = sweeps.iter().map(|sweep| Sql::Integer(*sweep)).collect();
        let marks = vec!["?"; list.len()].join(",");
        let sql = format!("SELECT kind, name, type FROM names WHERE sweep IN ({marks}) ORDER BY id");
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows = query.query_map(rusqlite::params_from_iter(list), |row| {
            let kind = if row.get_ref(0)?.as_str()? == "param" { NameKind::Param } else { NameKind::Metric };
            Ok(NameRow { kind, name: row.get(1)?, of_type: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
