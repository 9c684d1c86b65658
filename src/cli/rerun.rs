//! `sweep rerun`: runs trials again.

use serde_json::json;

use super::args::{Common, RerunArgs};
use super::ask::ask;
use super::error::CliError;
use super::input::{checkpoint_file, store_path};
use super::output::Output;
use super::run::{start_lock, stored_spec, unreadable};
use super::session::{Start, go};
use super::work::Work;
use crate::analyse::{Selection, select_many};
use crate::run::{OTHER_FILES, changed_files, hash_files};
use crate::space::State;
use crate::spec::Overrides;
use crate::store::{Access, Store, SweepRow};

/// Runs trials again; gives the exit code.
///
/// # Errors
/// Nothing is meant, or the sweep cannot be run.
pub fn rerun(args: &RerunArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let mut store = Store::open(&store_path(common), Access::Write)?;
    store.reap()?;
    let (sweep, numbers) = wanted(&store, args)?;
    if numbers.is_empty() {
        output.say(&format!("sweep {} has no failed trial", sweep.id));
        return Ok(0);
    }
    if let Some(answer) = ask(&mut store, &sweep, "rerun", &json!({ "trials": numbers }))? {
        output.say(&format!("sweep {}: {answer}", sweep.id));
        return Ok(0);
    }
    let overrides = Overrides { parallel: args.parallel.map(|n| n as usize), ..Overrides::default() };
    let loaded = stored_spec(&sweep, &overrides)?;
    let checkpoint = checkpoint_file(&loaded, Some(&store))?;
    let files = hash_files(&loaded.spec, &loaded.folder, checkpoint.as_deref())
        .map_err(|(path, error)| unreadable(&path, &error, &loaded))?;
    let changed = !changed_files(&files, &store.files(sweep.id)?).is_empty();
    if changed {
        output.warn("note: the files that the sweep names have changed since it began: the results are marked");
    }
    let work = Work::prepare(&loaded, Some(&store))?;
    let starting = start_lock(&store)?;
    let start = Start {
        note: format!("{} run again", crate::render::plural(numbers.len() as u64, "trial")),
        mark: if changed { OTHER_FILES.into() } else { String::new() },
        planned: sweep.planned,
        only: Some(numbers),
        ..Start::default()
    };
    go(store, sweep.id, &sweep.uid, loaded, work, starting, &start, output)
}

/// The sweep and the numbers of its trials that are to run again.
fn wanted(store: &Store, args: &RerunArgs) -> Result<(SweepRow, Vec<i64>), CliError> {
    let mut all: Option<(SweepRow, Vec<i64>)> = None;
    let what: Vec<&str> =
        if args.what.is_empty() { vec!["last"] } else { args.what.iter().map(String::as_str).collect() };
    for what in what {
        let (sweep, numbers) = match select_many(store, what)? {
            Selection::Trials(sweep, numbers) => (*sweep, numbers),
            Selection::Sweep(sweep) if args.failed => {
                let trials = store.recorded(sweep.id)?;
                let failed = trials.iter().filter(|trial| trial.state == State::Failed);
                let numbers = failed.map(|trial| trial.number as i64).collect();
                (*sweep, numbers)
            }
            Selection::Sweep(sweep) => {
                return Err(CliError::user(format!("which trials of sweep {}?", sweep.id)).hint(format!(
                    "sweep rerun {}/7, sweep rerun {}/1-5, or sweep rerun {} --failed",
                    sweep.id, sweep.id, sweep.id
                )));
            }
        };
        match &mut all {
            None => all = Some((sweep, numbers)),
            Some((first, list)) if first.id == sweep.id => list.extend(numbers),
            Some((first, _)) => {
                return Err(CliError::user(format!("trials of sweeps {} and {} at once", first.id, sweep.id))
                    .hint("run the command once for each sweep"));
            }
        }
    }
    let (sweep, mut numbers) = all.unwrap_or_else(|| unreachable!("there is at least one selector"));
    numbers.sort_unstable();
    numbers.dedup();
    Ok((sweep, numbers))
}
