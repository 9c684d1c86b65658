//! `sweep stop`: ends a running sweep or single trials from another terminal.

use serde_json::json;

use super::args::{Common, StopArgs};
use super::ask::ask;
use super::error::CliError;
use super::input::store_path;
use super::output::Output;
use crate::analyse::{Selection, select_many};
use crate::space::State;
use crate::store::{Access, Lease, Store, SweepRow};

/// Stops sweeps and trials; gives the exit code.
///
/// # Errors
/// Nothing is meant, or it does not run.
pub fn stop(args: &StopArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let mut store = Store::open(&store_path(common), Access::Write)?;
    store.reap()?;
    for what in &args.what {
        match select_many(&store, what)? {
            Selection::Sweep(sweep) => match ask(&mut store, &sweep, "stop", &json!({ "now": args.now }))? {
                Some(answer) => output.say(&format!("sweep {}: {answer}", sweep.id)),
                None => {
                    return Err(
                        CliError::user(format!("sweep {} is not running", sweep.id)).hint("`sweep ls` shows what runs")
                    );
                }
            },
            Selection::Trials(sweep, numbers) => {
                for number in numbers {
                    let answer = match ask(&mut store, &sweep, "stop", &json!({ "trial": number }))? {
                        Some(answer) => answer,
                        None => stop_idle(&mut store, &sweep, number)?,
                    };
                    output.say(&format!("sweep {}: {answer}", sweep.id));
                }
            }
        }
    }
    Ok(0)
}

/// Marks a trial of a sweep that nobody runs, so that a resume passes over it.
fn stop_idle(store: &mut Store, sweep: &SweepRow, number: i64) -> Result<String, CliError> {
    let Some(trial) = store.trial(sweep, number)? else {
        return Ok(format!("there is no trial {number}"));
    };
    if !matches!(trial.state, State::Lost | State::Queued | State::Running) {
        return Ok(format!("trial {number} is {} already", trial.state));
    }
    let folder = store.sweep_folder(&sweep.uid);
    let lease = Lease::take(&folder, false)?.map_err(|owner| super::refusal::owned(sweep.id, &owner))?;
    store.stop_trial(sweep.id, number, "stopped by `sweep stop`")?;
    lease.release(&folder);
    Ok(format!("trial {number} is stopped; `sweep rerun` runs it again"))
}
