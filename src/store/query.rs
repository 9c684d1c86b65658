//! The user's own SQL, on a connection that can only look.
//!
//! Invariants: the connection is opened for reading; an authorizer lets nothing pass but reading and functions; no file
//! can be attached; a deadline ends what takes too long.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, ErrorCode};

use super::{NameKind, Store, StoreError, WIDE_FIELDS, functions, unpack, wide_names};

/// Bounds of a question.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// The most rows.
    pub rows: usize,
    /// The longest time.
    pub time: Duration,
}

/// What a question gave.
#[derive(Clone, Debug, Default)]
pub struct QueryResult {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Sql>>,
    /// Whether there are more rows than the limit.
    pub is_cut: bool,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// SQLite does not understand it.
    #[error("{message}")]
    Sql {
        /// What SQLite says.
        message: String,
        /// The byte in the text that it is about.
        at: Option<usize>,
        /// What is not known: a column or table.
        unknown: Option<String>,
    },
    /// It would do something else than look.
    #[error("a query can only read: {0} is refused")]
    Refused(String),
    /// It took too long.
    #[error("the query was stopped after {} s", .0.as_secs_f64())]
    TooLong(Duration),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The name of a column in quotes of SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in quotes of SQL; a NUL ends what SQLite reads, so it cannot stand there.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\0', "").replace('\'', "''"))
}

impl Store {
    /// Answers a question in SQL over the documented views.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn query(&self, sql: &str, limits: QueryLimits) -> Result<QueryResult, QueryError> {
        let store = Self::open(self.path(), super::Access::Read)?;
        let views = store.views(sql)?;
        let mut connection = store.connection;
        let failed = |error: rusqlite::Error| QueryError::Store(error.into());
        functions::register(&connection).map_err(failed)?;
        unpack::register(&connection).map_err(failed)?;
        connection.execute_batch(&views).map_err(failed)?;
        connection.pragma_update(None, "query_only", true).map_err(failed)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0).map_err(failed)?;
        let (refusals, refused) = std::sync::mpsc::channel();
        let first = first_word(sql);
        connection
            .authorizer(Some(move |context: AuthContext<'_>| {
                let word = match context.action {
                    AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
                        return Authorization::Allow;
                    }
                    AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
                        return Authorization::Allow;
                    }
                    AuthAction::Function { function_name } => format!("the function {function_name}"),
                    AuthAction::Pragma { pragma_name, .. } => format!("the pragma {pragma_name}"),
                    _ => first.clone(),
                };
                let _ = refusals.send(word);
                Authorization::Deny
            }))
            .map_err(failed)?;
        let deadline = Instant::now() + limits.time;
        connection.progress_handler(1000, Some(move || Instant::now() > deadline)).map_err(failed)?;
        run(&connection, sql, limits).map_err(|error| match refused.try_recv() {
            Ok(word) => QueryError::Refused(word),
            Err(_) if error.to_string().contains("cannot modify") => QueryError::Refused(first_word(sql)),
            Err(_) => explained(error, limits),
        })
    }

    /// The views that stand only here: `series`, and a wide one for each sweep that the question names (`sweep_3`,
    /// `last`).
    fn views(&self, sql: &str) -> Result<String, StoreError> {
        let mut views = "CREATE TEMP VIEW series AS
            SELECT t.sweep, t.number AS trial, c.name, u.step, u.value
            FROM main.trial_rows t JOIN main.series_chunks c
                ON c.attempt = coalesce(t.attempt, (SELECT max(id) FROM main.attempts WHERE trial = t.id))
            JOIN unpack(c.count, c.start, c.stride, c.steps, c.vals) u
            WHERE t.sweep IN (SELECT id FROM main.sweep_rows WHERE hidden = 0);"
            .to_owned();
        let names = self.sweep_names()?;
        let mut wanted: Vec<(String, i64)> = Vec::new();
        for word in sql.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            let word = word.to_ascii_lowercase();
            let id = match word.strip_prefix("sweep_").and_then(|number| number.parse::<i64>().ok()) {
                Some(id) => names.iter().any(|(known, _)| *known == id).then_some(id),
                None if word == "last" => names.last().map(|(id, _)| *id),
                None => None,
            };
            if let Some(id) = id.filter(|_| wanted.iter().all(|(known, _)| *known != word)) {
                wanted.push((word, id));
            }
        }
        for (name, id) in wanted {
            let columns = self.wide_columns(id)?;
            let _ = write!(
                views,
                "CREATE TEMP VIEW {} AS SELECT {columns} FROM main.trial_rows t JOIN main.configs c ON c.id = t.config
                 WHERE t.sweep = {id};",
                quoted(&name)
            );
        }
        Ok(views)
    }

    /// The columns of a wide view as SQL.
    fn wide_columns(&self, sweep: i64) -> Result<String, StoreError> {
        let field = |name: &&str| match *name {
            "trial" => "t.number".to_owned(),
            "config" => "c.hash".to_owned(),
            "started" | "ended" => format!("strftime('%Y-%m-%dT%H:%M:%SZ', t.{name} / 1000000, 'unixepoch')"),
            "took" => "(t.ended - t.started) * 1e-6".to_owned(),
            name => format!("t.{name}"),
        };
        let mut columns = vec![format!("{sweep} AS sweep")];
        columns.extend(WIDE_FIELDS.iter().map(|name| format!("{} AS {name}", field(name))));
        for wide in wide_names(&self.names(&[sweep])?) {
            let name = text(&wide.name);
            let value = match wide.kind {
                NameKind::Param => format!(
                    "SELECT CASE WHEN type = 'json' THEN coalesce(label, value) ELSE value END
                     FROM main.param_rows WHERE config = t.config AND name = {name}"
                ),
                NameKind::Metric => {
                    format!("SELECT value FROM main.metric_rows WHERE attempt = t.attempt AND name = {name}")
                }
            };
            columns.push(format!("({value}) AS {}", quoted(&wide.column)));
        }
        Ok(columns.join(", "))
    }
}

fn run(connection: &Connection, sql: &str, limits: QueryLimits) -> rusqlite::Result<QueryResult> {
    let mut statement = connection.prepare(sql)?;
    let mut result =
        QueryResult { columns: statement.column_names().map(str::to_owned).collect(), ..QueryResult::default() };
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if result.rows.len() == limits.rows {
            result.is_cut = true;
            break;
        }
        result.rows.push((0..result.columns.len()).map(|i| row.get(i)).collect::<Result<_, _>>()?);
    }
    Ok(result)
}

fn explained(error: rusqlite::Error, limits: QueryLimits) -> QueryError {
    match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            QueryError::Sql { unknown: unknown(&msg), message: msg, at: usize::try_from(offset).ok() }
        }
        rusqlite::Error::MultipleStatement => {
            QueryError::Sql { message: "these are several statements: one is possible".into(), at: None, unknown: None }
        }
        error if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => QueryError::TooLong(limits.time),
        rusqlite::Error::SqliteFailure(code, Some(message)) if code.code == ErrorCode::Unknown => {
            QueryError::Sql { unknown: unknown(&message), message, at: None }
        }
        error => QueryError::Store(error.into()),
    }
}

/// The word with which a statement begins, such as `DELETE`.
fn first_word(sql: &str) -> String {
    sql.split_whitespace().next().unwrap_or_default().to_uppercase()
}

/// The column, table or function that SQLite says is not there.
fn unknown(message: &str) -> Option<String> {
    let said = ["no such column: ", "no such table: ", "no such function: "];
    let name = said.iter().find_map(|prefix| message.strip_prefix(prefix))?;
    Some(name.trim_matches('"').to_owned())
}
