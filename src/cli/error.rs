//! Errors of commands: what is wrong, what to do, and the exit code.

use crate::analyse::SelectError;
use crate::run::RunError;
use crate::spec::LoadError;
use crate::store::StoreError;

/// Why a command failed.
#[derive(Debug)]
pub enum CliError {
    /// Mistakes in a spec.
    Spec(Box<LoadError>),
    /// Something else, in words.
    Message {
        /// The first line.
        message: String,
        /// What to do.
        hints: Vec<String>,
        /// The exit code.
        code: u8,
    },
    /// Nobody reads the output any more.
    BrokenPipe,
}

impl CliError {
    /// A mistake of the user (exit code 2).
    pub fn user(message: impl Into<String>) -> Self {
        Self::Message { message: message.into(), hints: Vec::new(), code: 2 }
    }

    /// A sweep that is not complete or not free (exit code 3).
    pub fn not_free(message: impl Into<String>) -> Self {
        Self::Message { message: message.into(), hints: Vec::new(), code: 3 }
    }

    /// A failure of the store or the system (exit code 4).
    pub fn system(message: impl Into<String>) -> Self {
        Self::Message { message: message.into(), hints: Vec::new(), code: 4 }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Message { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    fn hinted(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Spec(_) => 2,
            Self::Message { code, .. } => *code,
            Self::BrokenPipe => 0,
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let hint = error.hint();
        match error {
            StoreError::Missing { .. } => Self::user(error.to_string()).hinted(hint),
            _ => Self::system(error.to_string()).hinted(hint),
        }
    }
}

impl From<SelectError> for CliError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Store(error) => error.into(),
            error => Self::user(error.to_string()).hinted(error.hint()),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Store(error) => error.into(),
            error => Self::system(error.to_string()).hint("run the same command again: it goes on where it stopped"),
        }
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        Self::Spec(Box::new(error))
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::system(format!("cannot write the output: {error}")),
        }
    }
}
