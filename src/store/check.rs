//! Looking for what should not be in a store, and mending it.
//!
//! A check never changes anything. What belongs to a sweep that somebody runs is left alone.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use super::{Lease, Owner, Store, StoreError};

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// What a repair does, or what a person can do.
    pub remedy: String,
    /// The repair, where there is one.
    pub repair: Option<Repair>,
}

/// How something is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// By this statement.
    Sql(String),
    /// By marking what dead coordinators left.
    Reap,
    /// By taking away a folder or a file.
    Remove(PathBuf),
}

/// Rows that belong to rows that are gone: table, condition.
const ORPHANS: [(&str, &str); 13] = [
    ("tags", "sweep NOT IN (SELECT id FROM sweep_rows)"),
    ("files", "sweep NOT IN (SELECT id FROM sweep_rows)"),
    ("sessions", "sweep NOT IN (SELECT id FROM sweep_rows)"),
    ("configs", "sweep NOT IN (SELECT id FROM sweep_rows)"),
    ("param_rows", "config NOT IN (SELECT id FROM configs)"),
    ("trial_rows", "sweep NOT IN (SELECT id FROM sweep_rows)"),
    ("trial_rows", "config NOT IN (SELECT id FROM configs)"),
    ("attempts", "trial NOT IN (SELECT id FROM trial_rows)"),
    ("metric_rows", "attempt NOT IN (SELECT id FROM attempts)"),
    ("series_chunks", "attempt NOT IN (SELECT id FROM attempts)"),
    ("kept", "attempt NOT IN (SELECT id FROM attempts)"),
    ("requests", "sweep NOT IN (SELECT id FROM sweep_rows)"),
    ("names", "sweep NOT IN (SELECT id FROM sweep_rows)"),
];

/// States that cannot be, in trials `t` of a sweep that nobody runs: what, condition, repair of the trial, its remedy.
const IMPOSSIBLE: [(&str, &str, &str, &str); 4] = [
    (
        "have a state that there is not",
        "t.state NOT IN ('queued', 'running', 'done', 'failed', 'diverged', 'pruned', 'lost', 'stopped')",
        "state = 'lost', reason = 'its state was not readable'",
        "marks them as lost: they run again on resume",
    ),
    (
        "are done without an attempt whose result counts",
        "t.state IN ('done', 'diverged', 'pruned')
            AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.id = t.attempt AND a.trial = t.id)",
        "state = 'lost', reason = 'its result is gone', attempt = NULL, objective = NULL",
        "marks them as lost: they run again on resume",
    ),
    (
        "count fewer attempts than there are",
        "t.attempts < (SELECT coalesce(max(number), 0) FROM attempts a WHERE a.trial = t.id)",
        "attempts = (SELECT max(number) FROM attempts a WHERE a.trial = trial_rows.id)",
        "counts them anew",
    ),
    (
        "are failed and have a value that is compared",
        "t.state = 'failed' AND t.objective IS NOT NULL",
        "objective = NULL",
        "takes the value away; the metrics stay",
    ),
];

impl Store {
    /// Everything that should not be in the store or in the folder beside it.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn check(&self) -> Result<Vec<Finding>, StoreError> {
        let mut found = self.check_pages()?;
        for (table, orphaned) in ORPHANS {
            let count = self.count(&format!("SELECT count(*) FROM {table} WHERE {orphaned}"))?;
            if count > 0 {
                found.push(Finding {
                    what: format!("rows of `{table}` that belong to nothing: {count}"),
                    remedy: "deletes them".into(),
                    repair: Some(Repair::Sql(format!("DELETE FROM {table} WHERE {orphaned}"))),
                });
            }
        }
        let sweeps = self.all_sweeps()?;
        for (sweep, uid) in &sweeps {
            if self.owner(uid) == Owner::Nobody {
                self.check_sweep(*sweep, &mut found)?;
            }
        }
        self.check_folders(&sweeps, &mut found)?;
        self.check_kept(&mut found)?;
        Ok(found)
    }

    fn check_pages(&self) -> Result<Vec<Finding>, StoreError> {
        let mut query = self.connection.prepare("PRAGMA integrity_check")?;
        let lines: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let lines = lines.into_iter().filter(|line| line != "ok");
        Ok(lines
            .map(|line| Finding {
                what: format!("the file is damaged: {line}"),
                remedy: "take the last backup, or try `sqlite3 STORE .recover | sqlite3 NEW`".into(),
                repair: None,
            })
            .collect())
    }

    fn check_sweep(&self, sweep: i64, found: &mut Vec<Finding>) -> Result<(), StoreError> {
        let ghosts = self.count(&format!(
            "SELECT (SELECT count(*) FROM trial_rows WHERE sweep = {sweep} AND state = 'running')
                + (SELECT count(*) FROM sessions WHERE sweep = {sweep} AND ended IS NULL)
                + (SELECT count(*) FROM attempts a JOIN trial_rows t ON t.id = a.trial
                   WHERE t.sweep = {sweep} AND a.state = 'running')"
        ))?;
        if ghosts > 0 {
            found.push(Finding {
                what: format!("sweep {sweep} has traces of a run whose process is gone"),
                remedy: "marks its trials as lost: they run again on resume".into(),
                repair: Some(Repair::Reap),
            });
        }
        for (what, condition, set, remedy) in IMPOSSIBLE {
            let count =
                self.count(&format!("SELECT count(*) FROM trial_rows t WHERE t.sweep = {sweep} AND {condition}"))?;
            if count > 0 {
                found.push(Finding {
                    what: format!("trials of sweep {sweep} that {what}: {count}"),
                    remedy: remedy.into(),
                    repair: Some(Repair::Sql(format!(
                        "UPDATE trial_rows SET {set} WHERE id IN
                            (SELECT t.id FROM trial_rows t WHERE t.sweep = {sweep} AND {condition})"
                    ))),
                });
            }
        }
        let unfinished = self.count(&format!(
            "SELECT count(*) FROM trial_rows t JOIN sweep_rows s ON s.id = t.sweep
             WHERE s.id = {sweep} AND s.complete AND t.state IN ('queued', 'lost', 'running')"
        ))?;
        if unfinished > 0 {
            found.push(Finding {
                what: format!("sweep {sweep} is marked as complete; trials of it without a result: {unfinished}"),
                remedy: "marks it as not complete".into(),
                repair: Some(Repair::Sql(format!(
                    "UPDATE sweep_rows SET complete = 0, ended = NULL WHERE id = {sweep}"
                ))),
            });
        }
        let broken = self.count(&format!(
            "SELECT count(*) FROM series_chunks x JOIN attempts a ON a.id = x.attempt JOIN trial_rows t ON t.id = a.trial
             WHERE t.sweep = {sweep} AND length(x.vals) <> 8 * x.count"
        ))?;
        if broken > 0 {
            found.push(Finding {
                what: format!("pieces of series of sweep {sweep} that have another length than they say: {broken}"),
                remedy: "run those trials again, or take a backup".into(),
                repair: None,
            });
        }
        Ok(())
    }

    /// Folders and logs beside the store that belong to no sweep or trial.
    fn check_folders(&self, sweeps: &[(i64, String)], found: &mut Vec<Finding>) -> Result<(), StoreError> {
        let root = self.sweep_folder("");
        let entries = |path: &PathBuf| {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            let one = |entry: fs::DirEntry| {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                (entry.file_name().to_string_lossy().into_owned(), entry.path(), is_folder)
            };
            let mut list: Vec<(String, PathBuf, bool)> = entries.map(one).collect();
            list.sort();
            list
        };
        for (name, path, _) in entries(&root).into_iter().filter(|(_, _, is_folder)| *is_folder) {
            let Some((sweep, uid)) = sweeps.iter().find(|(_, uid)| *uid == name) else {
                found.push(Finding {
                    what: format!("the folder `{}` belongs to no sweep of this store", path.display()),
                    remedy: "deletes it with all that is in it".into(),
                    repair: Some(Repair::Remove(path)),
                });
                continue;
            };
            if self.owner(uid) != Owner::Nobody {
                continue;
            }
            let numbers: HashSet<i64> = {
                let mut query = self.connection.prepare_cached("SELECT number FROM trial_rows WHERE sweep = ?1")?;
                query.query_map([sweep], |row| row.get(0))?.collect::<Result<_, _>>()?
            };
            for (name, path, is_folder) in entries(&path) {
                let (what, number) = match () {
                    () if is_folder => ("folder", Some(name.as_str())),
                    () if name.ends_with(".log") => ("log", name.split_once(".std").map(|(number, _)| number)),
                    () => continue,
                };
                if !number.and_then(|number| number.parse().ok()).is_some_and(|number| numbers.contains(&number)) {
                    found.push(Finding {
                        what: format!("the {what} `{}` belongs to no trial of sweep {sweep}", path.display()),
                        remedy: "deletes it; a trial that was killed before it was recorded leaves one".into(),
                        repair: Some(Repair::Remove(path)),
                    });
                }
            }
        }
        Ok(())
    }

    fn check_kept(&self, found: &mut Vec<Finding>) -> Result<(), StoreError> {
        let mut query = self.connection.prepare(
            "SELECT s.id, s.uid, t.number, k.path, k.bytes FROM kept k JOIN attempts a ON a.id = k.attempt
             JOIN trial_rows t ON t.id = a.trial AND t.attempt = a.id JOIN sweep_rows s ON s.id = t.sweep",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (sweep, uid, number): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (path, bytes): (String, i64) = (row.get(3)?, row.get(4)?);
            let file = self.trial_folder(&uid, number).join("kept").join(&path);
            let what = match fs::metadata(&file) {
                Err(_) => format!("`{path}`, which trial {sweep}/{number} kept, is gone"),
                Ok(data) if data.len() != bytes as u64 => {
                    format!("`{path}`, which trial {sweep}/{number} kept, has another size than it had")
                }
                Ok(_) => continue,
            };
            let remedy = format!("sweep rerun {sweep}/{number} makes it again");
            found.push(Finding { what, remedy, repair: None });
        }
        Ok(())
    }

    /// Mends something that was found.
    ///
    /// # Errors
    /// What SQLite or the file system says.
    pub fn repair(&mut self, repair: &Repair) -> Result<(), StoreError> {
        match repair {
            Repair::Sql(sql) => {
                self.connection.execute(sql, [])?;
            }
            Repair::Reap => {
                self.reap()?;
                // Traces without an open session are not found by that.
                for (sweep, uid) in self.all_sweeps()? {
                    let folder = self.sweep_folder(&uid);
                    if self.owner(&uid) == Owner::Nobody
                        && let Ok(Ok(lease)) = Lease::take(&folder, false)
                    {
                        self.reap_sweep(sweep)?;
                        lease.release(&folder);
                    }
                }
            }
            Repair::Remove(path) => {
                let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                removed.map_err(|source| StoreError::File { path: path.clone(), source })?;
            }
        }
        Ok(())
    }

    /// Gives up the claim of another machine on a sweep.
    ///
    /// # Errors
    /// When the file cannot be used; a sweep of this machine is left alone.
    pub fn release(&self, uid: &str) -> Result<bool, StoreError> {
        let folder = self.sweep_folder(uid);
        match Lease::take(&folder, true)? {
            Ok(lease) => {
                lease.release(&folder);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    /// Numbers and uids of all sweeps.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn all_sweeps(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT id, uid FROM sweep_rows ORDER BY id")?;
        Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    fn count(&self, sql: &str) -> Result<i64, StoreError> {
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Access, NewSweep};

    #[test]
    fn what_is_wrong_is_found_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("sweep.db"), Access::Create).unwrap();
        let new = NewSweep { name: "s".into(), metric: "loss".into(), goal: "min".into(), ..NewSweep::default() };
        let (_, uid) = store.add_sweep(&new).unwrap();
        assert_eq!(store.check().unwrap(), []);
        store
            .connection
            .execute_batch(
                "PRAGMA foreign_keys = OFF;
                 INSERT INTO configs VALUES (1, 1, 0, 'x');
                 INSERT INTO sessions (sweep, host, boot, pid, pid_start, command, version, started) VALUES (1, '', '', 1, 1, '', '', 1);
                 INSERT INTO trial_rows (id, sweep, number, config, repeat, seed, state, attempts) VALUES
                    (1, 1, 1, 1, 0, 0, 'running', 1), (2, 1, 2, 1, 1, 0, 'done', 1), (3, 1, 3, 1, 2, 0, 'odd', 0),
                    (4, 1, 4, 1, 3, 0, 'failed', 1);
                 UPDATE trial_rows SET objective = 3 WHERE id = 4;
                 INSERT INTO attempts (id, trial, number, session, state, started) VALUES (1, 1, 2, 1, 'running', 1), (9, 77, 1, 1, 'done', 1);
                 INSERT INTO metric_rows VALUES (55, 'loss', 1);
                 INSERT INTO kept VALUES (1, 'best.pt', 5, 'h');
                 UPDATE trial_rows SET attempt = 1 WHERE id = 1;
                 UPDATE sweep_rows SET complete = 1;",
            )
            .unwrap();
        fs::create_dir_all(store.sweep_folder(&uid).join("99")).unwrap();
        for log in ["1.stdout.log", "1.stderr.2.log", "1.unrecorded.stdout.log", "98.stderr.log", "owner"] {
            fs::write(store.sweep_folder(&uid).join(log), "").unwrap();
        }
        fs::create_dir_all(store.sweep_folder("stranger").join("1")).unwrap();
        let found = store.check().unwrap();
        let shown: Vec<String> = found.iter().map(|f| format!("{} ({})", f.what, f.remedy)).collect();
        insta::assert_snapshot!(
            shown.join("\n").replace(&folder.path().display().to_string(), "FOLDER").replace(&uid, "UID")
        );
        for finding in found {
            if let Some(repair) = &finding.repair {
                store.repair(repair).unwrap();
            }
        }
        let left: Vec<String> = store.check().unwrap().into_iter().map(|finding| finding.what).collect();
        assert_eq!(left, ["`best.pt`, which trial 1/1 kept, is gone"]);
    }

    #[test]
    fn a_running_sweep_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("sweep.db"), Access::Create).unwrap();
        let new = NewSweep { name: "s".into(), metric: "loss".into(), goal: "min".into(), ..NewSweep::default() };
        let (_, uid) = store.add_sweep(&new).unwrap();
        let _lease = Lease::take(&store.sweep_folder(&uid), false).unwrap().unwrap();
        store.connection.execute_batch("INSERT INTO configs VALUES (1, 1, 0, 'x'); INSERT INTO trial_rows (sweep, number, config, repeat, seed, state) VALUES (1, 1, 1, 0, 0, 'running')").unwrap();
        fs::create_dir_all(store.sweep_folder(&uid).join("99")).unwrap();
        assert_eq!(store.check().unwrap(), []);
        assert!(!store.release(&uid).unwrap());
    }
}
