//! `sweep rm`: hides sweeps, shows them again, deletes them.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::args::{Common, RmArgs};
use super::error::CliError;
use super::input::store_path;
use super::output::Output;
use super::refusal::owned;
use crate::analyse::select_list;
use crate::render::{bytes, clean, plural};
use crate::store::{Access, Owner, Store, SweepRow};

/// Hides, shows or deletes sweeps; gives the exit code.
///
/// # Errors
/// No such sweep, one that runs, or no consent to delete.
pub fn rm(args: &RmArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let mut store = Store::open(&store_path(common), Access::Write)?;
    store.reap()?;
    let sweeps = wanted(&store, args)?;
    for sweep in &sweeps {
        if let owner @ (Owner::Alive(_) | Owner::Elsewhere(_)) = &sweep.owner
            && !args.undo
        {
            return Err(owned(sweep.id, owner));
        }
    }
    let names: Vec<String> = sweeps.iter().map(|sweep| format!("{} {}", sweep.id, clean(&sweep.name))).collect();
    let ids: Vec<String> = sweeps.iter().map(|sweep| sweep.id.to_string()).collect();
    if args.purge {
        let trials: u64 = sweeps.iter().map(|sweep| sweep.counts.total()).sum();
        let what = format!("{} ({})", names.join(", "), plural(trials, "trial"));
        if !args.yes && !consents(&format!("delete {what} and their files for good? [y/N] "))? {
            return Err(CliError::user(format!("nothing was deleted of {what}"))
                .hint("`--yes` deletes without a question; without `--purge` sweeps are only hidden"));
        }
        let purged: Vec<(i64, String)> = sweeps.iter().map(|sweep| (sweep.id, sweep.uid.clone())).collect();
        let freed = store.purge(&purged)?;
        output.say(&format!("deleted {what}: {} freed", bytes(freed)));
        return Ok(0);
    }
    for sweep in &sweeps {
        store.set_hidden(sweep.id, !args.undo)?;
    }
    if args.undo {
        output.say(&format!("shown again: {}", names.join(", ")));
    } else {
        let store = output.store();
        output.say(&format!("hidden: {}; undo: sweep rm --undo {}{store}", names.join(", "), ids.join(" ")));
    }
    Ok(0)
}

/// The sweeps that are meant; hidden ones go by number or name.
fn wanted(store: &Store, args: &RmArgs) -> Result<Vec<SweepRow>, CliError> {
    let hidden = store.hidden_sweeps()?;
    let mut sweeps: Vec<SweepRow> = Vec::new();
    for what in &args.sweeps {
        let is_meant = |sweep: &&SweepRow| match what.strip_prefix("tag:") {
            Some(tag) => sweep.tags.iter().any(|other| other == tag),
            None => sweep.id.to_string() == *what || sweep.name == *what || what == "all" && args.undo,
        };
        let found: Vec<SweepRow> = hidden.iter().filter(is_meant).cloned().collect();
        match (found.is_empty() || !(args.undo || args.purge), args.undo) {
            (false, _) => sweeps.extend(found),
            (true, true) => {
                let list: Vec<String> = hidden.iter().map(|sweep| format!("{} {}", sweep.id, sweep.name)).collect();
                let hint =
                    if list.is_empty() { "none is hidden".into() } else { format!("hidden are {}", list.join(", ")) };
                return Err(CliError::user(format!("there is no hidden sweep `{what}`")).hint(hint));
            }
            (true, false) => {
                for scope in select_list(store, std::slice::from_ref(what))? {
                    if scope.numbers.is_some() {
                        return Err(CliError::user(format!(
                            "`{what}` is a trial: only whole sweeps can be taken away"
                        )));
                    }
                    sweeps.push(scope.sweep);
                }
            }
        }
    }
    sweeps.sort_by_key(|sweep| sweep.id);
    sweeps.dedup_by_key(|sweep| sweep.id);
    Ok(sweeps)
}

/// Asks on a terminal; without one the answer is no.
fn consents(question: &str) -> Result<bool, CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    write!(std::io::stderr(), "{question}")?;
    std::io::stderr().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
