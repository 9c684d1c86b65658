//! What can go wrong with the store, in words that say what to do.

use std::path::PathBuf;

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store yet.
    #[error("there is no store yet{}", looked_at.as_ref().map_or(String::new(), |p| format!(" at `{}`", p.display())))]
    Missing {
        /// Where one was expected, if somebody said so.
        looked_at: Option<PathBuf>,
    },
    /// The file was written by a newer version of the program.
    #[error("`{}` has schema {found}, this version knows up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// The file is something else than a store.
    #[error("`{}` is not a store of sweep", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk is full: the last result could not be stored")]
    Full,
    /// The file or folder cannot be written.
    #[error("`{}` cannot be written", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the file for too long.
    #[error("the store is busy: another process has been writing for a minute")]
    Busy,
    /// A file beside the store.
    #[error("cannot use `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What SQLite says.
    #[error("the store failed: {0}")]
    Sqlite(rusqlite::Error),
    /// The content is not what the program writes.
    #[error("the store holds something unexpected: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => "`sweep run SPEC.yaml` makes one; `--db FILE` names another".into(),
            Self::Newer { .. } => "update sweep, or name another store with `--db`".into(),
            Self::Foreign { .. } => "name another file with `--db`".into(),
            Self::Full => "make room and run the same command again: nothing that was shown as done is lost".into(),
            Self::ReadOnly { .. } => "change its permissions, or name another store with `--db`".into(),
            Self::Busy => "wait for it and run the same command again".into(),
            Self::Sqlite(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
                ) =>
            {
                "the file is damaged: take a backup (`--db BACKUP`), or try `sqlite3 STORE .recover | sqlite3 NEW`"
                    .into()
            }
            Self::Corrupt(_) => "`sweep doctor` says more".into(),
            Self::File { .. } | Self::Sqlite(_) => return None,
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}
