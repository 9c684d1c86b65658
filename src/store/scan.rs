//! Reading a few fields of many trials: what a filter or a sort asks for, and no more.

use rusqlite::Row;
use rusqlite::types::{Value as Sql, ValueRef};

use super::sweeps::{SweepRow, shown_state};
use super::{Owner, Store, StoreError};
use crate::expr::Operand;
use crate::space::State;

/// Something that a trial has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The param of this name.
    Param(String),
    /// The final metric of this name.
    Metric(String),
    /// One of the fields that every trial has.
    Fixed(Fixed),
}

/// A field that every trial has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the fields; times are in seconds since 1970")]
pub enum Fixed {
    State,
    Reason,
    Config,
    Trial,
    Sweep,
    SweepName,
    Tags,
    Host,
    Repeat,
    Seed,
    Attempts,
    Took,
    Objective,
    Started,
    Ended,
    /// The time of asking.
    Now,
}

/// The most fields that one question may need: SQLite joins no more tables.
pub const MOST_FIELDS: usize = 60;

impl Store {
    /// Hands the row and the fields of every trial of a sweep, in the order of their numbers, to `take`.
    ///
    /// # Errors
    /// What SQLite says, such as more than [`MOST_FIELDS`] params and metrics.
    pub fn scan(
        &self,
        sweep: &SweepRow,
        fields: &[Field],
        take: &mut dyn FnMut(i64, &[Operand<'_>]),
    ) -> Result<(), StoreError> {
        let alive = !matches!(sweep.owner, Owner::Nobody);
        let mut columns = vec!["t.id".to_owned()];
        let mut joins = String::new();
        let mut values: Vec<Sql> = vec![sweep.id.into()];
        for (i, field) in fields.iter().enumerate() {
            match field {
                Field::Param(name) => {
                    values.push(name.clone().into());
                    let place = values.len();
                    columns.push(format!("p{i}.type, p{i}.value, p{i}.label"));
                    joins += &format!(" LEFT JOIN param_rows p{i} ON p{i}.config = t.config AND p{i}.name = ?{place}");
                }
                Field::Metric(name) => {
                    values.push(name.clone().into());
                    let place = values.len();
                    columns.push(format!("m{i}.attempt, m{i}.value"));
                    joins +=
                        &format!(" LEFT JOIN metric_rows m{i} ON m{i}.attempt = t.attempt AND m{i}.name = ?{place}");
                }
                Field::Fixed(fixed) => columns.push(fixed.sql().to_owned()),
            }
        }
        let config =
            if fields.contains(&Field::Fixed(Fixed::Config)) { " JOIN configs c ON c.id = t.config" } else { "" };
        let columns = columns.join(", ");
        let sql = format!("SELECT {columns} FROM trial_rows t{config}{joins} WHERE t.sweep = ?1 ORDER BY t.number");
        let mut query = self.connection.prepare_cached(&sql)?;
        let mut rows = query.query(rusqlite::params_from_iter(values))?;
        let tags = sweep.tags.join(",");
        let now = super::now();
        while let Some(row) = rows.next()? {
            let mut operands = Vec::with_capacity(fields.len());
            let mut at = 1;
            for field in fields {
                operands.push(match field {
                    Field::Param(_) => {
                        at += 3;
                        param(row, at - 3)?
                    }
                    Field::Metric(_) => {
                        at += 2;
                        match (row.get_ref(at - 2)?, row.get::<_, Option<f64>>(at - 1)?) {
                            (ValueRef::Null, _) => Operand::Missing,
                            (_, value) => Operand::Float(value.unwrap_or(f64::NAN)),
                        }
                    }
                    Field::Fixed(fixed) => {
                        at += 1;
                        match fixed {
                            Fixed::State => Operand::Text(shown_state(text(row, at - 1)?, alive)?.word().into()),
                            Fixed::Sweep => Operand::Int(sweep.id),
                            Fixed::SweepName => Operand::Text(sweep.name.as_str().into()),
                            Fixed::Tags => Operand::Text(tags.as_str().into()),
                            Fixed::Host => Operand::Text(sweep.host.as_str().into()),
                            Fixed::Now => Operand::Float(now as f64 * 1e-6),
                            Fixed::Objective => match text(row, at - 1)? {
                                // Told apart from "none yet" by the state, since NaN is stored as NULL.
                                state if state == State::Done.word() => Operand::Float(f64::NAN),
                                _ => row.get_ref(at - 1)?.as_f64().map_or(Operand::Missing, Operand::Float),
                            },
                            _ => plain(row.get_ref(at - 1)?),
                        }
                    }
                });
            }
            take(row.get(0)?, &operands);
        }
        Ok(())
    }

    /// The numbers of the trials of a sweep from `first` to `last`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn numbers_between(&self, sweep: i64, first: i64, last: i64) -> Result<Vec<i64>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT number FROM trial_rows WHERE sweep = ?1 AND number BETWEEN ?2 AND ?3 ORDER BY number",
        )?;
        Ok(query.query_map((sweep, first, last), |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The numbers of the trials of a sweep whose config's identity begins with `prefix`, lower-case hexadecimal digits.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn numbers_of_config(&self, sweep: i64, prefix: &str) -> Result<Vec<i64>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT t.number FROM configs c JOIN trial_rows t ON t.sweep = c.sweep AND t.config = c.id
             WHERE c.sweep = ?1 AND c.hash >= ?2 AND c.hash < ?2 || 'g' ORDER BY t.number",
        )?;
        Ok(query.query_map((sweep, prefix), |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

impl Fixed {
    /// The column that has it; that of fields of the sweep does not matter.
    fn sql(self) -> &'static str {
        match self {
            Self::State => "t.state",
            Self::Reason => "t.reason",
            Self::Config => "c.hash",
            Self::Trial => "t.number",
            Self::Repeat => "t.repeat",
            Self::Seed => "t.seed",
            Self::Attempts => "t.attempts",
            Self::Took => "(t.ended - t.started) * 1e-6",
            Self::Objective => "coalesce(CASE WHEN t.state = 'done' THEN t.objective END, t.state)",
            Self::Started => "t.started * 1e-6",
            Self::Ended => "t.ended * 1e-6",
            Self::Sweep | Self::SweepName | Self::Tags | Self::Host | Self::Now => "NULL",
        }
    }
}

fn text<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a str, StoreError> {
    Ok(row.get_ref(at)?.as_str().unwrap_or(""))
}

fn plain(value: ValueRef<'_>) -> Operand<'_> {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Operand::Missing,
        ValueRef::Integer(int) => Operand::Int(int),
        ValueRef::Real(real) => Operand::Float(real),
        ValueRef::Text(bytes) => Operand::Text(String::from_utf8_lossy(bytes)),
    }
}

/// The operand of a param; its type, value and label stand from column `at` on.
fn param<'a>(row: &'a Row<'_>, at: usize) -> Result<Operand<'a>, StoreError> {
    let value = match (row.get_ref(at)?, row.get_ref(at + 1)?) {
        // Inactive.
        (ValueRef::Null, _) => return Ok(Operand::Missing),
        (ValueRef::Text(b"null"), _) if row.get_ref(at + 2)? == ValueRef::Null => return Ok(Operand::Missing),
        (ValueRef::Text(b"json" | b"null"), _) => Operand::Opaque,
        (ValueRef::Text(b"bool"), ValueRef::Integer(int)) => Operand::Bool(int != 0),
        (ValueRef::Text(b"float"), ValueRef::Null) => Operand::Float(f64::NAN),
        (_, value) => plain(value),
    };
    Ok(match row.get_ref(at + 2)? {
        ValueRef::Text(label) => Operand::Labelled(String::from_utf8_lossy(label), Box::new(value)),
        _ => value,
    })
}
