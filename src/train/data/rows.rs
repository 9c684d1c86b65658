//! Which rows an expression selects.

use super::error::DataError;
use super::table::{Column, Table, Values};
use crate::expr::{Expr, Kind, Names, Operand};

struct Columns<'a>(&'a [Column]);

impl Names for Columns<'_> {
    fn kind(&self, name: &str) -> Option<Kind> {
        match self.0.iter().find(|column| column.name == name) {
            Some(Column { values: Values::Numeric { .. }, .. }) => Some(Kind::Number),
            Some(Column { values: Values::Category { boolean: true, .. }, .. }) => Some(Kind::Bool),
            Some(_) => Some(Kind::Text),
            None if name == "row" => Some(Kind::Number),
            None => None,
        }
    }

    fn known(&self) -> Vec<&str> {
        self.0.iter().map(|column| column.name.as_str()).chain(["row"]).collect()
    }

    fn noun(&self) -> &'static str {
        "column"
    }
}

/// The rows of `table` for which `expr` is true; `row` in it is the row's number from 0.
///
/// # Errors
/// Unknown columns and operators that do not fit, reported for the key `key` of `train`.
pub fn select_rows(table: &Table, expr: Option<&Expr>, key: &str) -> Result<Vec<u32>, DataError> {
    let Some(expr) = expr else { return Ok((0..table.rows as u32).collect()) };
    let checked = expr
        .clone()
        .check_condition(&Columns(&table.columns))
        .map_err(|error| DataError { expr: Some(error.clone()), ..DataError::new(key, error.message) })?;
    let names = checked.names();
    let columns: Vec<(&str, Option<&Values>)> =
        names.iter().map(|name| (*name, table.column(name).map(|column| &column.values))).collect();
    let value = |row: usize, name: &str| match columns.iter().find(|(other, _)| *other == name) {
        Some((_, Some(Values::Numeric { values, .. }))) if values[row].is_nan() => Operand::Missing,
        Some((_, Some(Values::Numeric { values, .. }))) => Operand::Float(values[row]),
        Some((_, Some(Values::Category { codes, levels, boolean }))) => match codes[row] {
            None => Operand::Missing,
            Some(code) if *boolean => Operand::Bool(levels[code as usize] == "true"),
            Some(code) => Operand::Text(levels[code as usize].as_str().into()),
        },
        _ => Operand::Int(row as i64),
    };
    let rows: Vec<u32> = (0..table.rows)
        .filter(|&row| checked.truth(&|name| value(row, name)) == Some(true))
        .map(|row| row as u32)
        .collect();
    if rows.is_empty() {
        let error = DataError::new(key, format!("no row is left by `{}`", expr.text()));
        return Err(error.help(format!("there are {} rows, `row` counts from 0", table.rows)));
    }
    Ok(rows)
}
