//! Where a trial's files are.
//!
//! Most trials leave their directory empty. Making and removing a directory for each is slow on common file systems
//! (ext4 passes over every inode that was freed lately), so an empty one is handed on to the next trial of the slot.
//! Reading directories to see that nothing is in them takes time as well: so they are dated back when they are made, and
//! one that still has that date is as it was, for whatever is made or removed in a directory changes it.

use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::keep::keep;
use crate::run::launcher::Outcome;

/// The files of one trial, but for its logs.
pub(super) struct Place {
    /// Config files, the report and what is kept.
    pub(super) folder: PathBuf,
    /// The directory that the trial has for itself.
    pub(super) dir: PathBuf,
    /// Where it may report.
    pub(super) report: PathBuf,
}

impl Place {
    /// The place of the trial with this number below the sweep's folder.
    pub(super) fn of(sweep: &Path, number: u64) -> Self {
        let folder = sweep.join(number.to_string());
        Self { dir: folder.join("work"), report: folder.join("report.jsonl"), folder }
    }

    /// Moves what is to be kept; the rest of the directory is given up.
    pub(super) fn keep(&self, patterns: &[String], outcome: &mut Outcome) {
        match keep(&self.dir, &self.folder.join("kept"), patterns) {
            Ok(kept) => {
                if kept.files.is_empty() {
                    let patterns = patterns.join("`, `");
                    outcome.notes.push(format!("`{patterns}` matched no file in $SWEEP_DIR: nothing is kept"));
                }
                outcome.kept = kept.files;
                outcome.notes.extend(kept.notes);
                let _ = fs::remove_dir_all(&self.dir);
            }
            Err(error) => outcome.notes.push(format!("its files are left in `{}`: {error}", self.dir.display())),
        }
    }
}

/// An empty directory of a trial that has ended, for the next one of the same slot.
#[derive(Default)]
pub(super) struct Spare {
    left: Option<Left>,
    /// The permissions of a directory that was just made; one that was changed is not handed on.
    mode: Option<u32>,
}

enum Left {
    /// A whole folder with nothing but an empty directory in it.
    Folder(PathBuf),
    /// Only the directory.
    Dir(PathBuf),
}

impl Spare {
    /// Makes the folders of a trial; what an earlier attempt reported is set aside.
    pub(super) fn prepare(&mut self, place: &Place, attempt: u32) -> io::Result<()> {
        if attempt > 1 {
            fs::create_dir_all(&place.dir)?;
            let _ = fs::rename(&place.report, place.folder.join(format!("report.{}.jsonl", attempt - 1)));
            return Ok(());
        }
        match self.left.take() {
            Some(Left::Folder(old)) => {
                if rename_fresh(&old, &place.folder).is_ok() {
                    return Ok(());
                }
                let _ = fs::remove_dir(old.join("work"));
                let _ = fs::remove_dir(old);
            }
            Some(Left::Dir(old)) => {
                if make_fresh(&place.folder).is_ok() && fs::rename(&old, &place.dir).is_ok() {
                    date_back(&place.folder);
                    return Ok(());
                }
                let _ = fs::remove_dir(old);
            }
            None => {}
        }
        make_fresh(&place.folder)?;
        fs::create_dir_all(&place.dir)?;
        self.mode = Some(fs::metadata(&place.dir)?.permissions().mode());
        date_back(&place.dir);
        date_back(&place.folder);
        Ok(())
    }

    /// Takes the directory of a trial that has ended, if nothing is in it, and its whole folder if nothing else is there.
    pub(super) fn take_over(&mut self, place: &Place) {
        let Ok(data) = fs::symlink_metadata(&place.dir) else {
            // The trial has deleted it.
            let _ = fs::remove_dir(&place.folder);
            return;
        };
        if !data.is_dir() || !has_only(&place.dir, &data, 0) {
            return;
        }
        if self.mode != Some(data.permissions().mode()) || self.left.is_some() {
            let _ = fs::remove_dir(&place.dir);
            let _ = fs::remove_dir(&place.folder);
            return;
        }
        let alone = fs::symlink_metadata(&place.folder).is_ok_and(|data| has_only(&place.folder, &data, 1));
        self.left = Some(if alone { Left::Folder(place.folder.clone()) } else { Left::Dir(place.dir.clone()) });
    }
}

/// The date of a directory in which nothing was made or removed since we made it; no other program would set it.
fn old_date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 987_654_321)
}

/// Where this fails, or the system keeps no such times, directories are read.
fn date_back(directory: &Path) {
    let times = FileTimes::new().set_modified(old_date());
    let _ = File::open(directory).and_then(|opened| opened.set_times(times));
}

/// Whether a directory has `count` entries: as it was when it was dated back, or by reading it.
fn has_only(directory: &Path, data: &Metadata, count: usize) -> bool {
    if data.modified().is_ok_and(|date| date == old_date()) {
        return true;
    }
    let has = fs::read_dir(directory).is_ok_and(|entries| entries.take(count + 1).count() == count);
    if has {
        date_back(directory);
    }
    has
}

impl Drop for Spare {
    fn drop(&mut self) {
        match self.left.take() {
            Some(Left::Folder(folder)) => {
                let _ = fs::remove_dir(folder.join("work"));
                let _ = fs::remove_dir(folder);
            }
            Some(Left::Dir(dir)) => drop(fs::remove_dir(dir)),
            None => {}
        }
    }
}

/// Makes a folder. One that is there was left by an attempt that was killed before it was recorded: what it reported
/// must not be taken for this one's.
fn make_fresh(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            set_aside(folder)?;
            fs::create_dir(folder)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder),
        result => result,
    }
}

/// Moves an empty folder to where a trial needs one.
fn rename_fresh(old: &Path, folder: &Path) -> io::Result<()> {
    if fs::rename(old, folder).is_ok() {
        return Ok(());
    }
    set_aside(folder)?;
    fs::rename(old, folder)
}

/// Keeps what nobody has recorded under another name, in place of what was set aside before.
fn set_aside(folder: &Path) -> io::Result<()> {
    let aside = folder.with_extension("unrecorded");
    let _ = fs::remove_dir_all(&aside);
    fs::rename(folder, aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_directory_is_handed_on() {
        let sweep = tempfile::tempdir().unwrap();
        let mut spare = Spare::default();
        let place = |number| Place::of(sweep.path(), number);
        let there = || {
            let mut names: Vec<String> =
                fs::read_dir(sweep.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names.join(" ")
        };
        // Nothing was left: the whole folder moves.
        spare.prepare(&place(1), 1).unwrap();
        spare.take_over(&place(1));
        spare.prepare(&place(2), 1).unwrap();
        assert_eq!(there(), "2");
        // A report was left: only the directory moves.
        fs::write(place(2).report, "x").unwrap();
        spare.take_over(&place(2));
        spare.prepare(&place(3), 1).unwrap();
        assert!(!place(2).dir.exists() && place(2).report.exists() && place(3).dir.is_dir());
        // Something was left in the directory: it stays.
        fs::write(place(3).dir.join("model"), "x").unwrap();
        spare.take_over(&place(3));
        spare.prepare(&place(4), 1).unwrap();
        assert!(place(3).dir.join("model").exists() && place(4).dir.is_dir());
        // Its permissions were changed.
        fs::set_permissions(&place(4).dir, fs::Permissions::from_mode(0o500)).unwrap();
        spare.take_over(&place(4));
        assert_eq!(there(), "2 3");
        spare.prepare(&place(5), 1).unwrap();
        spare.take_over(&place(5));
        drop(spare);
        assert_eq!(there(), "2 3");
    }

    #[test]
    fn what_an_unrecorded_attempt_left_is_not_taken_for_the_next_one() {
        let sweep = tempfile::tempdir().unwrap();
        for left in ["nothing", "folder", "directory"] {
            let mut spare = Spare::default();
            let (other, place) = (Place::of(sweep.path(), 1), Place::of(sweep.path(), 2));
            if left != "nothing" {
                spare.prepare(&other, 1).unwrap();
                if left == "directory" {
                    fs::write(&other.report, "").unwrap();
                }
                spare.take_over(&other);
            }
            fs::create_dir_all(place.dir.join("sub")).unwrap();
            fs::write(&place.report, "{\"loss\": 0}\n").unwrap();
            spare.prepare(&place, 1).unwrap();
            assert!(!place.report.exists() && fs::read_dir(&place.dir).unwrap().next().is_none(), "{left}");
            assert!(sweep.path().join("2.unrecorded/report.jsonl").exists(), "{left}");
            // A later attempt finds its directory as it was.
            fs::write(place.dir.join("checkpoint"), "x").unwrap();
            fs::write(&place.report, "old").unwrap();
            spare.prepare(&place, 2).unwrap();
            assert!(place.dir.join("checkpoint").exists() && place.folder.join("report.1.jsonl").exists());
            fs::remove_dir_all(&place.folder).unwrap();
        }
    }
}
