//! What people change of a sweep after it ran: tags, name, note; hiding and deleting it.

use rusqlite::TransactionBehavior;

use super::{Store, StoreError};

/// What is to change of a sweep.
#[derive(Clone, Debug, Default)]
pub struct Relabel {
    /// Tags that it gets.
    pub add: Vec<String>,
    /// Tags that it loses.
    pub remove: Vec<String>,
    /// Its new name.
    pub name: Option<String>,
    /// Its new note; empty takes it away.
    pub note: Option<String>,
}

impl Store {
    /// Changes tags, name and note of a sweep.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn relabel(&mut self, sweep: i64, change: &Relabel) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for tag in &change.remove {
            transaction.execute("DELETE FROM tags WHERE sweep = ?1 AND tag = ?2", (sweep, tag))?;
        }
        for tag in &change.add {
            transaction.execute("INSERT OR IGNORE INTO tags VALUES (?1, ?2)", (sweep, tag))?;
        }
        if let Some(name) = &change.name {
            transaction.execute("UPDATE sweep_rows SET name = ?2 WHERE id = ?1", (sweep, name))?;
        }
        if let Some(note) = &change.note {
            transaction.execute("UPDATE sweep_rows SET note = nullif(?2, '') WHERE id = ?1", (sweep, note))?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Hides a sweep or shows it again.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_hidden(&mut self, sweep: i64, hidden: bool) -> Result<(), StoreError> {
        self.connection.execute("UPDATE sweep_rows SET hidden = ?2 WHERE id = ?1", (sweep, hidden))?;
        Ok(())
    }

    /// Deletes sweeps with everything that belongs to them, rows first and then files, and gives the room back to the
    /// file system; how many bytes that were. The numbers are not given again.
    ///
    /// # Errors
    /// What SQLite says, such as that the store is in use.
    pub fn purge(&mut self, sweeps: &[(i64, String)]) -> Result<u64, StoreError> {
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |data| data.len());
        let folders: Vec<_> = sweeps.iter().map(|(_, uid)| self.sweep_folder(uid)).collect();
        let before = size(self.path()) + folders.iter().map(|folder| size_of(folder)).sum::<u64>();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (sweep, _) in sweeps {
            transaction.execute("UPDATE sweep_rows SET parent = NULL WHERE parent = ?1", [sweep])?;
            transaction.execute("DELETE FROM trial_rows WHERE sweep = ?1", [sweep])?;
            transaction.execute("DELETE FROM sweep_rows WHERE id = ?1", [sweep])?;
        }
        transaction.commit()?;
        for folder in &folders {
            let _ = std::fs::remove_dir_all(folder);
        }
        self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
        let after = size(self.path()) + folders.iter().map(|folder| size_of(folder)).sum::<u64>();
        Ok(before.saturating_sub(after))
    }
}

/// The bytes of the files in a folder and below; links are not followed.
fn size_of(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => size_of(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}
