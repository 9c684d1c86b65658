//! `sweep query`: the user's own SQL over the documented views.

use std::io::Read as _;
use std::time::Duration;

use rusqlite::types::Value as Sql;
use serde_json::Value as Json;

use super::args::{Common, QueryArgs};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use crate::analyse::TrialNames;
use crate::expr::nearest;
use crate::render::{Cell, Column, Format, Listing, plural};
use crate::space::float_json;
use crate::store::{QueryError, QueryLimits, Store};

const VIEWS: [&str; 6] = ["sweeps", "trials", "params", "metrics", "series", "last"];

/// Answers a question; gives the exit code.
///
/// # Errors
/// SQL that is not understood, that would do more than look, or that takes too long.
pub fn query(args: &QueryArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let mut sql = args.sql.clone();
    if sql == "-" {
        sql.clear();
        std::io::stdin().read_to_string(&mut sql)?;
    }
    if sql.trim().is_empty() {
        return Err(CliError::user("the query is empty").hint("sweep query 'SELECT * FROM last'"));
    }
    let limits =
        QueryLimits { rows: args.limit as usize, time: Duration::from_secs_f64(args.timeout.clamp(0.001, 1e6)) };
    let result = store.query(&sql, limits).map_err(|error| explained(error, &sql, &store))?;
    let format = args.format.format();
    let columns = result.columns.iter().enumerate().map(|(i, name)| {
        let is_number = |row: &Vec<Sql>| matches!(row[i], Sql::Integer(_) | Sql::Real(_) | Sql::Null);
        let column = if result.rows.iter().all(is_number) { Column::number(name) } else { Column::text(name) };
        column.droppable(u8::from(i > 0))
    });
    let mut listing = Listing::new(columns.collect());
    listing.rows = result.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    output.table(&listing, format, !args.format.no_trunc)?;
    if result.is_cut {
        output.warn(&format!("only the first {}: `--limit N` gives more", plural(args.limit.into(), "row")));
    } else if format == Format::Table {
        output.say(&plural(result.rows.len() as u64, "row"));
    }
    Ok(0)
}

fn cell(value: &Sql) -> Cell {
    match value {
        Sql::Null => Cell::empty(),
        Sql::Integer(int) => Cell::int(*int),
        Sql::Real(real) => {
            // As it is where that is short: a param is not to be shown as if it had been measured.
            let whole = format!("{real:?}");
            let shown = if whole.len() <= 8 { whole } else { crate::render::metric(*real) };
            Cell::new(shown, float_json(*real))
        }
        Sql::Text(text) => Cell::text(text.as_str()),
        Sql::Blob(bytes) => Cell::new(format!("({} bytes)", bytes.len()), Json::String(hex(bytes))),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn explained(error: QueryError, sql: &str, store: &Store) -> CliError {
    match error {
        QueryError::Store(error) => error.into(),
        QueryError::Refused(_) => CliError::user(error.to_string()).hint("`sweep help views` shows what can be read"),
        QueryError::TooLong(_) => CliError::user(error.to_string()).hint("`--timeout SECONDS` gives it more time"),
        QueryError::Sql { message, at, unknown } => {
            let mut text = format!("in the query: {message}");
            if let Some((line, column)) = at.and_then(|at| place(sql, at)) {
                text += &format!("\n  {line}\n  {}^", " ".repeat(column));
            }
            let failure = CliError::user(text);
            let Some(unknown) = unknown else { return failure };
            let word = unknown.rsplit('.').next().unwrap_or(&unknown);
            let sweeps = store.sweeps().unwrap_or_default();
            if sweeps.is_empty() {
                return failure.hint("the store has no sweep yet; `sweep run SPEC.yaml` makes one");
            }
            let names = TrialNames::of(store, &sweeps).unwrap_or_default();
            let columns =
                ["sweep", "trial", "config", "state", "objective", "name", "value", "step", "started", "took"];
            let known = VIEWS.iter().copied().chain(columns).chain(names.params().iter().map(String::as_str));
            match nearest(word, known.chain(names.metrics().iter().map(String::as_str))) {
                Some(near) if near == word => failure.hint(format!(
                    "`{word}` is a column of the wide views: FROM last, or FROM sweep_N; `sweep help views`"
                )),
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("there are the views sweeps, trials, params, metrics, series, last and sweep_N"),
            }
        }
    }
}

/// The line of a text in which a byte is, and how many characters stand before it.
fn place(text: &str, at: usize) -> Option<(String, usize)> {
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = text[start..].lines().next()?.replace('\t', " ");
    Some((line, before[start..].chars().count()))
}
