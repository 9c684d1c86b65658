//! Same command, same sweep: whether a run goes on with an earlier sweep, begins a new one, or is refused.

use serde_json::Value as Json;

use crate::spec::{Change, Spec, changes, is_same_search, refused_extension};
use crate::store::DataFile;

/// What the user said on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--new`: begin a new sweep whatever there is.
    pub new: bool,
    /// `--extend`: add to the earlier sweep.
    pub extend: bool,
    /// `--anyway`: go on although data have changed.
    pub anyway: bool,
    /// `--retry-failed`: run failed trials again.
    pub retry_failed: bool,
}

/// The latest sweep of the name.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Its number.
    pub id: i64,
    /// Whether its search has ended.
    pub complete: bool,
    /// Whether some of its trials failed.
    pub has_failed: bool,
    /// Whether some of its trials have a result; where none has, nothing can be lost by going on with other files.
    pub has_results: bool,
    /// Its spec, read by this version.
    pub spec: Spec,
    /// The canonical form of that.
    pub meant: Json,
    /// The files it was started with.
    pub files: Vec<DataFile>,
    /// Stored configs that the new space does not allow, for a message.
    pub invalid_configs: Vec<String>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Begin a new sweep; with how it differs from the last one of the name.
    New(Vec<Change>),
    /// Go on with this sweep; with a note for its history.
    Resume {
        /// The sweep.
        id: i64,
        /// What to note, may be empty.
        note: String,
        /// Whether the stored spec is replaced by the new one.
        replace_spec: bool,
        /// Whether results are marked as made with other files.
        other_files: bool,
        /// Whether failed trials are run again.
        retry_failed: bool,
    },
    /// Nothing is left to do.
    Complete(i64),
    /// The user has to say more.
    Refused(Refusal),
}

/// Why a run is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The spec has changed under a sweep that is not complete.
    Changed {
        /// The sweep.
        id: i64,
        /// How.
        changes: Vec<Change>,
        /// Why `--extend` would not do; empty where it would.
        no_extension: Vec<String>,
    },
    /// Files have changed under a sweep that is not complete.
    Files {
        /// The sweep.
        id: i64,
        /// Which.
        paths: Vec<String>,
    },
    /// `--extend` was given and the change does more than add.
    NoExtension {
        /// The sweep.
        id: i64,
        /// Why.
        why: Vec<String>,
    },
    /// `--extend` was given and there is nothing to extend.
    NothingToExtend,
}

/// What is noted on results that were made with other files than earlier ones of the same sweep.
pub const OTHER_FILES: &str = "made with other files than earlier trials";

/// The paths of those files that were not there, or had another content, when a sweep began with `before`.
pub fn changed_files(files: &[DataFile], before: &[DataFile]) -> Vec<String> {
    let is_same = |file: &DataFile, old: &DataFile| old.role == file.role && old.hash == file.hash;
    let changed = files.iter().filter(|file| !before.iter().any(|old| is_same(file, old)));
    changed.map(|file| file.path.clone()).collect()
}

/// Decides what a run of `spec` (canonical form `meant`, depending on `files`) does.
pub fn decide(spec: &Spec, meant: &Json, files: &[DataFile], previous: Option<&Previous>, flags: Flags) -> Decision {
    let Some(previous) = previous else {
        return if flags.extend { Decision::Refused(Refusal::NothingToExtend) } else { Decision::New(Vec::new()) };
    };
    let id = previous.id;
    if flags.new {
        return Decision::New(Vec::new());
    }
    let changed_files = changed_files(files, &previous.files);
    let same = is_same_search(meant, &previous.meant);
    let unfinished = !previous.complete || (flags.retry_failed && previous.has_failed);
    let marked = if changed_files.is_empty() {
        String::new()
    } else {
        format!("with other files than before: {}", changed_files.join(", "))
    };
    if same && changed_files.is_empty() && !unfinished {
        return Decision::Complete(id);
    }
    let retry_failed = flags.retry_failed;
    // A program that has only failed so far has been mended: its failures say nothing any more.
    if same && !changed_files.is_empty() && !previous.has_results {
        let note = format!("{marked}; nothing had succeeded before");
        return Decision::Resume { id, note, replace_spec: true, other_files: false, retry_failed: true };
    }
    if !changed_files.is_empty() && !flags.anyway && (unfinished || flags.extend) {
        return Decision::Refused(Refusal::Files { id, paths: changed_files });
    }
    let other_files = !changed_files.is_empty();
    if same && (unfinished || other_files && flags.anyway) {
        return Decision::Resume { id, note: marked, replace_spec: true, other_files, retry_failed };
    }
    let differences = changes(&previous.meant, meant);
    let mut no_extension = refused_extension(&previous.spec, spec);
    if let Some(config) = previous.invalid_configs.first() {
        no_extension.push(format!("the stored config `{config}` is not possible any more"));
    }
    if flags.extend {
        if !no_extension.is_empty() {
            return Decision::Refused(Refusal::NoExtension { id, why: no_extension });
        }
        let mut note = differences.iter().map(|change| format!("extended: {change}")).collect::<Vec<_>>().join("; ");
        if other_files {
            note = format!("{note}; {marked}");
        }
        return Decision::Resume { id, note, replace_spec: true, other_files, retry_failed };
    }
    if previous.complete || !previous.has_results {
        let mut differences = differences;
        for path in changed_files {
            differences.push(Change { path: format!("content of {path}"), old: None, new: Some("changed".into()) });
        }
        return Decision::New(differences);
    }
    Decision::Refused(Refusal::Changed { id, changes: differences, no_extension })
}
