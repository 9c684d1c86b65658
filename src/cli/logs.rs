//! `sweep logs`: what a trial printed.

use std::io::{IsTerminal as _, Write as _};
use std::thread;
use std::time::Duration;

use super::args::{Common, LogsArgs};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use crate::analyse::{Selected, select};
use crate::render::tame;
use crate::run::command::{LogPlace, LogReader};
use crate::space::State;
use crate::store::{Store, SweepRow, TrialRow};

/// Prints a log; gives the exit code.
///
/// # Errors
/// No such trial, or one that is no command.
pub fn logs(args: &LogsArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let (sweep, trial) = wanted(&store, &args.trial)?;
    let place = |stream| LogPlace::of(&store.sweep_folder(&sweep.uid), trial.number as u64, stream);
    let name = if args.stderr { "stderr" } else { "stdout" };
    if let Some(attempt) = args.attempt.filter(|attempt| i64::from(*attempt) != trial.attempts) {
        let content = std::fs::read(place(name).of_attempt(attempt)).map_err(|_| {
            CliError::user(format!("attempt {attempt} of trial {}/{} printed nothing there", sweep.id, trial.number))
        })?;
        write(&content)?;
        return Ok(0);
    }
    let mut reader = LogReader::new(place(name));
    let mut some = false;
    loop {
        // Looked at before reading, so that nothing printed before the end is missed.
        let runs = args.follow && is_running(&store, &sweep, trial.number)?;
        let new = reader.read()?;
        some |= !new.is_empty();
        write(&new)?;
        if !runs {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    if !some && !store.sweep_folder(&sweep.uid).is_dir() {
        let folder = store.sweep_folder("");
        output.say(&format!("the logs of sweep {} are not beside this store, in `{}`", sweep.id, folder.display()));
        return Ok(0);
    }
    if !some {
        let other = if args.stderr { ("stdout", "") } else { ("stderr", " --stderr") };
        let hint = if place(other.0).file().exists() {
            format!("; but on {}: sweep logs {}/{}{}", other.0, sweep.id, trial.number, other.1)
        } else {
            String::new()
        };
        output.say(&format!("trial {}/{} has printed nothing on {name}{hint}", sweep.id, trial.number));
    }
    Ok(0)
}

/// The trial; of a sweep, the one that runs.
fn wanted(store: &Store, what: &str) -> Result<(SweepRow, TrialRow), CliError> {
    match select(store, what)? {
        Selected::Trial(sweep, trial) => Ok((*sweep, *trial)),
        Selected::Sweep(sweep) => {
            let trials = store.trials(&sweep)?;
            let mut running = trials.iter().filter(|trial| trial.state == State::Running);
            match (running.next(), running.next(), trials.len()) {
                (Some(trial), None, _) => Ok((*sweep, trial.clone())),
                (None, _, 1) => Ok((*sweep, trials[0].clone())),
                _ => Err(CliError::user(format!("which trial of sweep {}?", sweep.id))
                    .hint(format!("write `sweep logs {}/NUMBER`; `sweep trials {}` lists them", sweep.id, sweep.id))),
            }
        }
    }
}

fn is_running(store: &Store, sweep: &SweepRow, number: i64) -> Result<bool, CliError> {
    let Some(sweep) = store.sweep(sweep.id)? else { return Ok(false) };
    Ok(store.trial(&sweep, number)?.is_some_and(|trial| trial.state == State::Running))
}

/// Bytes as they are for a file or pipe; on a terminal without what could do harm there.
fn write(bytes: &[u8]) -> Result<(), CliError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        out.write_all(tame(&String::from_utf8_lossy(bytes)).as_bytes())?;
    } else {
        out.write_all(bytes)?;
    }
    out.flush()?;
    Ok(())
}

/// The last lines of a log, cleaned; for messages.
pub fn last_lines(log: &LogPlace, count: usize) -> Vec<String> {
    let Ok(content) = std::fs::read(log.file()) else { return Vec::new() };
    let end = &content[content.len().saturating_sub(16 << 10)..];
    let text = String::from_utf8_lossy(end).into_owned();
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or("").trim_end())
        .filter(|line| !line.trim().is_empty())
        .map(crate::render::clean)
        .collect();
    lines.drain(..lines.len().saturating_sub(count));
    lines
}
