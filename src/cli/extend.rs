//! `sweep extend`: more values, repeats or trials for a sweep that ran or runs.

use serde_json::json;

use super::args::{Common, ExtendArgs};
use super::ask::ask;
use super::error::CliError;
use super::input::{checkpoint_file, store_path};
use super::output::Output;
use super::refusal::owned;
use super::run::{start_lock, stored_spec, unreadable};
use super::session::{Start, go};
use super::work::Work;
use crate::analyse::select_sweep;
use crate::run::{OTHER_FILES, changed_files, extension, hash_files, planned_trials};
use crate::spec::{Overrides, add_values, canonical, changes, load_canonical};
use crate::store::{Access, Owner, Store};

/// Extends a sweep; gives the exit code.
///
/// # Errors
/// The change does more than add, or the sweep cannot be run.
pub fn extend(args: &ExtendArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let mut store = Store::open(&store_path(common), Access::Write)?;
    store.reap()?;
    let sweep = select_sweep(&store, &args.sweep)?;
    let before = stored_spec(&sweep, &Overrides::default())?;
    let mut meant = canonical(&before.spec);
    for assignment in &args.assignments {
        add_values(&mut meant, &before.spec.space, assignment).map_err(|error| {
            let told = CliError::user(error.message);
            if let Some(hint) = error.hint { told.hint(hint) } else { told }
        })?;
    }
    // A budget that was frozen as a default gives way to the one that is asked for.
    if let (Some(top), true) = (meant.as_object_mut(), args.trials.is_some() || args.configs.is_some()) {
        top.shift_remove("configs");
        top.shift_remove("trials");
    }
    let overrides = Overrides {
        trials: args.trials,
        configs: args.configs,
        repeats: args.repeats,
        parallel: args.parallel.map(|n| n as usize),
        ..Overrides::default()
    };
    let mut loaded = load_canonical(&meant.to_string(), &before.folder, &overrides)?;
    loaded.written = sweep.spec_written.clone();
    let meant = canonical(&loaded.spec);
    let differences = changes(&canonical(&before.spec), &meant);
    if differences.is_empty() {
        return Err(CliError::user(format!("this adds nothing to sweep {}", sweep.id))
            .hint("give more values (`lr=0.3`), `--repeats`, `--trials` or `--configs`"));
    }
    if let Err(why) = extension(&store, &sweep, &meant.to_string())? {
        return Err(CliError::user(format!("this does more than add to sweep {}: {why}", sweep.id)));
    }
    if let Some(answer) = ask(&mut store, &sweep, "extend", &json!({ "spec": meant.to_string() }))? {
        output.say(&format!("sweep {}: {answer}", sweep.id));
        return Ok(0);
    }
    let checkpoint = checkpoint_file(&loaded, Some(&store))?;
    let files = hash_files(&loaded.spec, &loaded.folder, checkpoint.as_deref())
        .map_err(|(path, error)| unreadable(&path, &error, &loaded))?;
    let changed = changed_files(&files, &store.files(sweep.id)?);
    if !changed.is_empty() && !args.anyway {
        let message = format!("the content of {} has changed since sweep {} began", changed.join(", "), sweep.id);
        return Err(CliError::user(message).hint("`--anyway` goes on and marks the new trials"));
    }
    let work = Work::prepare(&loaded, Some(&store))?;
    let starting = start_lock(&store)?;
    if let owner @ Owner::Alive(_) = store.owner(&sweep.uid) {
        return Err(owned(sweep.id, &owner));
    }
    let planned = planned_trials(&loaded.spec);
    store.set_spec(sweep.id, &meant.to_string(), planned)?;
    let note: Vec<String> = differences.iter().map(|change| format!("extended: {change}")).collect();
    note.iter().for_each(|line| output.say(line));
    let start = Start {
        note: note.join("; "),
        mark: if changed.is_empty() { String::new() } else { OTHER_FILES.into() },
        planned,
        ..Start::default()
    };
    go(store, sweep.id, &sweep.uid, loaded, work, starting, &start, output)
}
