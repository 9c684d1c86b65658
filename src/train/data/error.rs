//! What can be wrong with the user's data.

use crate::expr::ExprError;

/// What is wrong with the data, and which key of `train` says otherwise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    /// The key below `train` that is concerned: `data`, `target`, `source.rows`.
    pub key: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do, if something is known.
    pub help: Option<String>,
    /// Where in the expression, for a mistake inside one.
    pub expr: Option<ExprError>,
}

impl DataError {
    pub(super) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), help: None, expr: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
