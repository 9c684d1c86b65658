//! `sweep run`: from a spec to stored, compared results.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::args::{Common, RunArgs};
use super::conclude::conclude;
use super::error::CliError;
use super::input::{checkpoint_file, data_error, spec_error, store_path};
use super::output::Output;
use super::refusal::{owned, refused};
use super::session::{Start, go};
use super::work::Work;
use crate::analyse::select_sweep;
use crate::run::{
    Decision, Environment, Flags, OTHER_FILES, Previous, Refusal, decide, hash_files, open_files, planned_trials,
};
use crate::space::State;
use crate::spec::{Diagnostic, LoadError, Loaded, Overrides, Problems, canonical, lint, load, load_canonical};
use crate::store::{Access, NewSweep, Owner, Store, SweepRow};

/// Runs a sweep; gives the exit code.
///
/// # Errors
/// Mistakes in the spec or the data, a refused resume, a store that cannot be used.
pub fn run(args: &RunArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let path = store_path(common);
    let mut store = match &args.resume {
        // Nothing is made for the sake of going on.
        Some(_) => Store::open(&path, Access::Write)?,
        None => {
            // A spec with mistakes, or without its files, leaves no empty store behind.
            let spec = args.spec.as_deref().unwrap_or(Path::new(""));
            let loaded = load(spec, &args.changes.overrides())?;
            open_files(&loaded.spec, &loaded.folder).map_err(|(path, error)| unreadable(&path, &error, &loaded))?;
            Store::open(&path, Access::Create)?
        }
    };
    store.reap()?;
    if let Some(warning) = &store.warning {
        output.warn(&format!("warning: {warning}"));
    }
    let resumed = args.resume.as_deref().map(|selector| select_sweep(&store, selector)).transpose()?;
    let loaded = match &resumed {
        Some(row) => stored_spec(row, &args.changes.overrides())?,
        None => load(args.spec.as_deref().unwrap_or(Path::new("")), &args.changes.overrides())?,
    };
    output.warnings(&loaded.warnings.list, &loaded.sources);
    if planned_trials(&loaded.spec) == Some(0) {
        return Err(nothing_to_run(loaded));
    }
    let checkpoint = checkpoint_file(&loaded, Some(&store))?;
    let files = hash_files(&loaded.spec, &loaded.folder, checkpoint.as_deref())
        .map_err(|(path, error)| unreadable(&path, &error, &loaded))?;
    let meant = canonical(&loaded.spec);
    let flags = Flags { new: args.new, extend: args.extend, anyway: args.anyway, retry_failed: args.retry_failed };
    // From the decision to the lock on the sweep one starting process at a time, so that two that start at once do not
    // both begin a new sweep.
    let starting = start_lock(&store)?;
    let previous = match &resumed {
        Some(row) => Some(row.clone()),
        None => store.latest_named(&loaded.spec.name)?,
    };
    let before_spec = previous.as_ref().map(|row| stored_spec(row, &Overrides::default())).transpose()?;
    let earlier = match (&previous, &before_spec) {
        (Some(row), Some(before)) => Some(earlier_sweep(&store, row, before, &loaded)?),
        _ => None,
    };
    let decision = match (decide(&loaded.spec, &meant, &files, earlier.as_ref(), flags), &resumed) {
        // A stored spec is meant as it was stored, whatever a newer version makes of it.
        (Decision::Refused(Refusal::Changed { .. }) | Decision::New(_), Some(row)) => {
            let id = row.id;
            Decision::Resume {
                id,
                note: "resumed with the stored spec".into(),
                replace_spec: false,
                other_files: false,
                retry_failed: args.retry_failed,
            }
        }
        (decision, _) => decision,
    };
    let spec_path = args.spec.as_ref().map(|path| path.display().to_string());
    let spec_path = spec_path.or_else(|| resumed.as_ref().and_then(|row| row.spec_path.clone()));
    // What was typed beside the file is needed again: then the number of the sweep says it shorter.
    let plain = Overrides { here: PathBuf::new(), parallel: None, ..args.changes.overrides() };
    let advised = spec_path.clone().filter(|_| plain == Overrides::default() && args.spec.is_some());
    let environment = Environment::current(&loaded.folder);
    let new = NewSweep {
        name: loaded.spec.name.clone(),
        spec_written: loaded.written.clone(),
        spec_meant: meant.to_string(),
        spec_path: spec_path.clone(),
        folder: absolute(&loaded.folder).display().to_string(),
        seed: loaded.spec.seed,
        metric: loaded.spec.objective.metric.clone(),
        goal: loaded.spec.objective.goal.word().into(),
        planned: planned_trials(&loaded.spec),
        version: env!("CARGO_PKG_VERSION").into(),
        host: environment.host.clone(),
        user: environment.user.clone(),
        cwd: environment.cwd.clone(),
        git_commit: environment.git_commit.clone(),
        git_dirty: environment.git_dirty,
        tags: loaded.spec.tags.clone(),
        files,
    };
    let (id, uid, note, mark, retry_failed) = match decision {
        Decision::Refused(refusal) => return Err(refused(&refusal, args)),
        Decision::Complete(id) => {
            let row = store.sweep(id)?.ok_or_else(|| CliError::system("the sweep has vanished"))?;
            output.say(&format!("sweep {id} `{}` is complete: nothing is left to run", row.name));
            conclude(&store, &row, &loaded, advised.as_deref(), None, output)?;
            if row.counts.of(State::Failed) > 0 {
                output.say("failed trials are run again with `--retry-failed`; `--new` begins a new sweep");
            }
            return Ok(u8::from(row.counts.of(State::Failed) > 0));
        }
        Decision::New(changes) => {
            // The data are read, and the program looked for, before the sweep exists: a mistake leaves nothing behind.
            let work = Work::prepare(&loaded, Some(&store))?;
            output.warnings(&lint(&loaded), &loaded.sources);
            let (id, uid) = store.add_sweep(&new)?;
            if let (false, Some(old)) = (changes.is_empty(), &previous) {
                let why = if old.complete { "which is complete" } else { "of which nothing has succeeded" };
                output.say(&format!("the spec differs from sweep {}, {why}: a new sweep", old.id));
                changes.iter().for_each(|change| output.say(&format!("  {change}")));
            }
            return go(
                store,
                id,
                &uid,
                loaded,
                work,
                starting,
                &Start { planned: new.planned, spec_path: advised, take_over: args.anyway, ..Start::default() },
                output,
            );
        }
        Decision::Resume { id, note, replace_spec, other_files, retry_failed } => {
            let row = previous.filter(|row| row.id == id).ok_or_else(|| CliError::system("the sweep has vanished"))?;
            // Looked at before anything is written: a sweep that somebody runs is left alone.
            if let owner @ (Owner::Alive(_) | Owner::Elsewhere(_)) = store.owner(&row.uid)
                && !(args.anyway && matches!(owner, Owner::Elsewhere(_)))
            {
                return Err(owned(id, &owner));
            }
            if replace_spec {
                // Marked results keep being told apart from those of the files at the start.
                store.update_sweep(id, &new, !other_files)?;
            }
            let mark = if other_files { OTHER_FILES } else { "" };
            (id, row.uid, note, mark, retry_failed)
        }
    };
    let work = Work::prepare(&loaded, Some(&store))?;
    let start = Start {
        note,
        mark: mark.into(),
        retry_failed,
        planned: new.planned,
        spec_path: advised,
        take_over: args.anyway,
        ..Start::default()
    };
    go(store, id, &uid, loaded, work, starting, &start, output)
}

/// Constraints that accept nothing.
fn nothing_to_run(loaded: Loaded) -> CliError {
    let place = loaded.places.place("constraints", &loaded.sources);
    let problem = Diagnostic::error("the constraints accept no config: there is nothing to run", place)
        .help("`sweep plan` shows what each of them refuses");
    CliError::Spec(Box::new(LoadError { problems: Problems { list: vec![problem] }, sources: loaded.sources }))
}

/// The folder from the root on; an empty path is the current folder.
pub fn absolute(folder: &Path) -> PathBuf {
    std::env::current_dir().map_or_else(|_| folder.to_owned(), |here| here.join(folder))
}

/// The stored spec of a sweep.
pub fn stored_spec(row: &SweepRow, overrides: &Overrides) -> Result<Loaded, CliError> {
    let mut loaded = load_canonical(&row.spec_meant, Path::new(&row.folder), overrides)?;
    loaded.written = row.spec_written.clone();
    Ok(loaded)
}

/// What has to be known of the last sweep of the name.
fn earlier_sweep(store: &Store, row: &SweepRow, before: &Loaded, now: &Loaded) -> Result<Previous, CliError> {
    let meant = canonical(&before.spec);
    let invalid_configs = if meant == canonical(&now.spec) {
        Vec::new()
    } else {
        let configs = store.configs(row.id)?;
        configs
            .iter()
            .filter(|config| !now.spec.space.admits(config))
            .take(1)
            .map(|config| config.to_string())
            .collect()
    };
    Ok(Previous {
        id: row.id,
        complete: row.complete,
        has_failed: row.counts.of(State::Failed) > 0,
        has_results: row.counts.finished() > row.counts.of(State::Failed),
        spec: before.spec.clone(),
        meant,
        files: store.files(row.id)?,
        invalid_configs,
    })
}

/// A lock that one starting process holds at a time.
pub fn start_lock(store: &Store) -> Result<File, CliError> {
    let folder = store.sweep_folder("");
    let fail = |error: std::io::Error| CliError::system(format!("cannot use `{}`: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(fail)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(folder.join("start.lock")).map_err(fail)?;
    file.lock().map_err(fail)?;
    Ok(file)
}

pub fn unreadable(path: &str, error: &std::io::Error, loaded: &Loaded) -> CliError {
    if loaded.spec.command().is_some() {
        return spec_error("run", format!("cannot read `{path}`, which the command names: {error}"), None, loaded);
    }
    let source = loaded.spec.train().and_then(|train| train.source.as_ref());
    let key = match source.map(|source| &source.from) {
        Some(crate::train::SourceFrom::Data(file, _)) if file.display().to_string() == path => "source.data",
        Some(crate::train::SourceFrom::Checkpoint(_)) if path.ends_with(".safetensors") => "source.checkpoint",
        _ => "data",
    };
    let there = loaded.folder.join(path);
    let message = match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no file `{}`", there.display()),
        _ => format!("cannot read `{}`: {error}", there.display()),
    };
    let help = Some("paths are relative to the file they stand in".to_owned());
    data_error(crate::train::DataError { key: key.into(), message, help, expr: None }, loaded)
}
