//! `sweep run`: from a spec to stored, compared results.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Common, RunArgs};
use super::conclude::conclude;
use super::error::CliError;
use super::input::{checkpoint_file, data_error, spec_error, store_path};
use super::output::Output;
use super::refusal::{owned, refused};
use super::work::Work;
use crate::analyse::select_sweep;
use crate::render::{Display, Lines, Quiet, clean, plural, shell_word};
use crate::run::command::end_leftovers;
use crate::run::{
    Before, Decision, Ending, Environment, Flags, Limits, Mailbox, Planner, Previous, Refusal, Report, Watcher,
    coordinate, decide, hash_files, planned_trials, watch_signals,
};
use crate::space::State;
use crate::spec::{Diagnostic, LoadError, Loaded, Overrides, Problems, canonical, lint, load, load_canonical};
use crate::store::{Access, Lease, NewSweep, Owner, Store, SweepRow};

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
            // A spec with mistakes leaves no empty store behind.
            let spec = args.spec.as_deref().unwrap_or(Path::new(""));
            load(spec, &args.changes.overrides())?;
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
    if resumed.is_none() {
        output.warnings(&lint(&loaded), &loaded.sources);
    }
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
            Decision::Resume { id, note: "resumed with the stored spec".into(), replace_spec: false, other_data: false }
        }
        (decision, _) => decision,
    };
    let spec_path = args.spec.as_ref().map(|path| path.display().to_string());
    let spec_path = spec_path.or_else(|| resumed.as_ref().and_then(|row| row.spec_path.clone()));
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
    let (id, uid, note, mark) = match decision {
        Decision::Refused(refusal) => return Err(refused(&refusal, args)),
        Decision::Complete(id) => {
            let row = store.sweep(id)?.ok_or_else(|| CliError::system("the sweep has vanished"))?;
            output.say(&format!("sweep {id} `{}` is complete: nothing is left to run", row.name));
            conclude(&store, &row, &loaded, spec_path.as_deref(), None, output)?;
            if row.counts.of(State::Failed) > 0 {
                output.say("failed trials are run again with `--retry-failed`; `--new` begins a new sweep");
            }
            return Ok(u8::from(row.counts.of(State::Failed) > 0));
        }
        Decision::New(changes) => {
            // The data are read, and the program looked for, before the sweep exists: a mistake leaves nothing behind.
            let work = Work::prepare(&loaded, Some(&store))?;
            let (id, uid) = store.add_sweep(&new)?;
            if let (false, Some(old)) = (changes.is_empty(), &previous) {
                output.say(&format!("the spec differs from sweep {}, which is complete: a new sweep", old.id));
                changes.iter().for_each(|change| output.say(&format!("  {change}")));
            }
            return go(
                store,
                id,
                &uid,
                loaded,
                work,
                starting,
                &Start { args, note: "", mark: "", planned: new.planned, spec_path },
                output,
            );
        }
        Decision::Resume { id, note, replace_spec, other_data } => {
            let row = previous.filter(|row| row.id == id).ok_or_else(|| CliError::system("the sweep has vanished"))?;
            // Looked at before anything is written: a sweep that somebody runs is left alone.
            if let owner @ (Owner::Alive(_) | Owner::Elsewhere(_)) = store.owner(&row.uid)
                && !(args.anyway && matches!(owner, Owner::Elsewhere(_)))
            {
                return Err(owned(id, &owner));
            }
            if replace_spec {
                store.update_sweep(id, &new)?;
            }
            let mark = if other_data { "made with other data than earlier trials" } else { "" };
            (id, row.uid, note, mark)
        }
    };
    let work = Work::prepare(&loaded, Some(&store))?;
    let start = Start { args, note: &note, mark, planned: new.planned, spec_path };
    go(store, id, &uid, loaded, work, starting, &start, output)
}

/// What a run needs beside the sweep and the spec.
struct Start<'a> {
    args: &'a RunArgs,
    note: &'a str,
    mark: &'a str,
    planned: Option<u64>,
    spec_path: Option<String>,
}

/// Runs the trials of a sweep that is in the store.
fn go(
    store: Store,
    id: i64,
    uid: &str,
    loaded: Loaded,
    work: Work,
    starting: File,
    start: &Start<'_>,
    output: &Output,
) -> Result<u8, CliError> {
    let folder = store.sweep_folder(uid);
    let lease = match Lease::take(&folder, start.args.anyway)? {
        Ok(lease) => lease,
        Err(owner) => return Err(owned(id, &owner)),
    };
    drop(starting);
    let command: Vec<String> = std::env::args().map(|word| shell_word(&word)).collect();
    let mut writer = store.into_writer(id, &command.join(" "), start.note)?;
    let recorded = writer.store().recorded(id)?;
    let row = writer.store().sweep(id)?.ok_or_else(|| CliError::system("the sweep has vanished"))?;
    let spec = Arc::new(loaded.spec.clone());
    announce(&row, &spec, &work, &recorded, start.planned, output);
    let dead = writer.store().processes_of_the_dead(id)?;
    let ended = end_leftovers(&dead, &format!("{uid}/"));
    if ended > 0 {
        output.say(&format!(
            "{} that an earlier run left behind {} ended",
            plural(ended as u64, "process"),
            if ended == 1 { "was" } else { "were" }
        ));
    }
    let mailbox = Mailbox::default();
    watch_signals(mailbox.sender.clone()).map_err(|error| CliError::system(format!("no signals: {error}")))?;
    let token = format!("{uid}/{}", writer.session());
    let mut launcher = work.launcher(&spec, id, token, &folder, mailbox.sender)?;
    let mut planner = Planner::new(spec.clone(), &recorded, start.args.retry_failed);
    let limits = Limits {
        timeout: spec.each.timeout,
        retries: spec.each.retries,
        time: spec.budget.time,
        max_failures: spec.max_failures,
        target: spec.budget.target.clone(),
        objective: spec.objective.clone(),
        mark: start.mark.to_owned(),
    };
    let mut counts = row.counts;
    // What is run again is not ended.
    let again =
        recorded.iter().filter(|t| !t.state.is_final() || (start.args.retry_failed && t.state == State::Failed));
    again.for_each(|trial| counts.add(trial.state, -1));
    let values = recorded.iter().filter(|t| t.state.is_final()).map(|t| (t.id, t.state, t.objective)).collect();
    let before = Before { counts, values };
    let mut display = None;
    let mut lines;
    let mut quiet = Quiet;
    let watcher: &mut dyn Watcher = if output.is_quiet() {
        &mut quiet
    } else if output.is_live() {
        display.insert(Display::new(&spec.objective.metric, output.width().unwrap_or(80)))
    } else {
        let say = *output;
        lines = Lines::new(&spec.objective.metric, Box::new(move |text| say.say(text)));
        &mut lines
    };
    let result = coordinate(
        &mut writer,
        &mut planner,
        launcher.as_launcher(),
        &mailbox.receiver,
        &limits,
        &folder,
        start.planned,
        &before,
        watcher,
    );
    if let Some(display) = &display {
        display.finish();
    }
    launcher.close();
    let report = result?;
    finish(&mut writer, &report, &planner)?;
    lease.release(&folder);
    let row = writer.store().sweep(id)?.ok_or_else(|| CliError::system("the sweep has vanished"))?;
    if let Some(why) = &report.stuck {
        output.warn(&format!("warning: the search gave up early: {why}"));
    }
    conclude(writer.store(), &row, &loaded, start.spec_path.as_deref(), Some(&report), output)?;
    Ok(match report.ending {
        Ending::Drained(_) | Ending::Interrupted(_) => 130,
        Ending::TimeUp | Ending::Failing(_) | Ending::Asked => 3,
        Ending::Complete | Ending::Target => u8::from(row.counts.of(State::Failed) > 0),
    })
}

/// Constraints that accept nothing.
fn nothing_to_run(loaded: Loaded) -> CliError {
    let place = loaded.places.place("constraints", &loaded.sources);
    let problem = Diagnostic::error("the constraints accept no config: there is nothing to run", place)
        .help("`sweep plan` shows what each of them refuses");
    CliError::Spec(Box::new(LoadError { problems: Problems { list: vec![problem] }, sources: loaded.sources }))
}

/// The folder from the root on; an empty path is the current folder.
fn absolute(folder: &Path) -> PathBuf {
    std::env::current_dir().map_or_else(|_| folder.to_owned(), |here| here.join(folder))
}

/// Notes how the session ended.
fn finish(writer: &mut crate::store::Writer, report: &Report, planner: &Planner) -> Result<(), CliError> {
    let (outcome, complete) = match report.ending {
        Ending::Complete => ("complete", true),
        Ending::Target => ("target reached", true),
        Ending::TimeUp => ("time is up", false),
        Ending::Failing(_) => ("failing", false),
        Ending::Asked => ("stopped", false),
        Ending::Drained(_) => ("drained", false),
        Ending::Interrupted(_) => ("interrupted", false),
    };
    if let (Ending::Complete, Some(total)) = (&report.ending, planner.total()) {
        writer.set_planned(total)?;
    }
    Ok(writer.close_session(outcome, complete)?)
}

/// The stored spec of a sweep.
fn stored_spec(row: &SweepRow, overrides: &Overrides) -> Result<Loaded, CliError> {
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
        spec: before.spec.clone(),
        meant,
        files: store.files(row.id)?,
        invalid_configs,
    })
}

/// A lock that one starting process holds at a time.
fn start_lock(store: &Store) -> Result<File, CliError> {
    let folder = store.sweep_folder("");
    let fail = |error: std::io::Error| CliError::system(format!("cannot use `{}`: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(fail)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(folder.join("start.lock")).map_err(fail)?;
    file.lock().map_err(fail)?;
    Ok(file)
}

fn announce(
    row: &SweepRow,
    spec: &crate::spec::Spec,
    work: &Work,
    recorded: &[crate::store::Recorded],
    planned: Option<u64>,
    output: &Output,
) {
    let repeats = spec.repeats.count();
    let size = match planned {
        Some(trials) => {
            let configs = plural(trials / u64::from(repeats), "config");
            format!("{configs} x {} = {}", plural(u64::from(repeats), "seed"), plural(trials, "trial"))
        }
        None => "as many trials as it takes".into(),
    };
    let done = recorded.iter().filter(|trial| trial.state.is_final()).count();
    let gone_on = if recorded.is_empty() { String::new() } else { format!(", {done} done before") };
    let slots = work.slots(spec);
    output.say(&format!("sweep {} `{}`: {size}{gone_on}, {slots} at once", row.id, clean(&row.name)));
    work.notes().iter().for_each(|note| output.say(&format!("note: {}", clean(note))));
}

fn unreadable(path: &str, error: &std::io::Error, loaded: &Loaded) -> CliError {
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
