//! Running the trials of a sweep that is in the store: what `run`, `extend` and `rerun` come to.

use std::fs::File;
use std::sync::Arc;

use super::conclude::conclude;
use super::error::CliError;
use super::output::Output;
use super::refusal::owned;
use super::run::stored_spec;
use super::work::Work;
use crate::render::{Display, Lines, Quiet, clean, plural, shell_word};
use crate::run::command::end_leftovers;
use crate::run::{Before, Ending, Limits, Mailbox, Planner, Report, Watcher, coordinate, task_of, watch_signals};
use crate::space::State;
use crate::spec::{Loaded, Overrides, Spec, canonical};
use crate::store::{Lease, Recorded, Store, SweepRow, Writer};

/// What a run needs beside the sweep and the spec.
#[derive(Debug, Default)]
pub struct Start {
    /// A note for the sweep's history; may be empty.
    pub note: String,
    /// A mark on every result; may be empty.
    pub mark: String,
    /// Whether failed trials are run again.
    pub retry_failed: bool,
    /// Trials in all.
    pub planned: Option<u64>,
    /// The spec's path as the user would type it, where that alone means this sweep.
    pub spec_path: Option<String>,
    /// Whether a claim of another machine is taken over.
    pub take_over: bool,
    /// Only these trials, by number.
    pub only: Option<Vec<i64>>,
}

/// Runs the trials of a sweep that is in the store.
///
/// # Errors
/// When the sweep is not free, the store fails, or the system gives no processes.
pub fn go(
    store: Store,
    id: i64,
    uid: &str,
    loaded: Loaded,
    work: Work,
    starting: File,
    start: &Start,
    output: &Output,
) -> Result<u8, CliError> {
    let folder = store.sweep_folder(uid);
    let lease = match Lease::take(&folder, start.take_over)? {
        Ok(lease) => lease,
        Err(owner) => return Err(owned(id, &owner)),
    };
    drop(starting);
    let is_first = store.sessions(id)?.is_empty();
    let command: Vec<String> = std::env::args().map(|word| shell_word(&word)).collect();
    let mut writer = store.into_writer(id, &command.join(" "), &start.note)?;
    writer.drop_old_requests()?;
    let recorded = writer.store().recorded(id)?;
    let row = writer.store().sweep(id)?.ok_or_else(|| CliError::system("the sweep has vanished"))?;
    let spec = Arc::new(loaded.spec.clone());
    announce(&row, &spec, &work, &recorded, start, output);
    let dead = writer.store().processes_of_the_dead(id)?;
    // Looking at all processes takes a while, and a new sweep has none.
    let ended = if is_first { 0 } else { end_leftovers(&dead, &format!("{uid}/")) };
    if ended > 0 {
        output.say(&format!(
            "{} that an earlier run left behind {} ended",
            plural(ended as u64, "process"),
            if ended == 1 { "was" } else { "were" }
        ));
    }
    let mailbox = Mailbox::default();
    watch_signals(mailbox.sender.clone()).map_err(|error| CliError::system(format!("no signals: {error}")))?;
    let wake = mailbox.wake();
    let token = format!("{uid}/{}", writer.session());
    let mut launcher = work.launcher(&spec, id, token, &folder, mailbox.sender)?;
    let mut counts = row.counts;
    let mut planner = match &start.only {
        None => {
            let proposed = if spec.search.sampler.is_adaptive() { writer.store().proposed(id)? } else { Vec::new() };
            Planner::new(spec.clone(), &recorded, &proposed, start.retry_failed, Some(wake))
        }
        Some(numbers) => {
            let mut tasks = Vec::new();
            for number in numbers {
                let Some(trial) = writer.store().trial(&row, *number)? else { continue };
                tasks.extend(task_of(&trial));
                counts.add(trial.state, -1);
                writer.queue_again(*number)?;
            }
            Planner::only(spec.clone(), tasks)
        }
    };
    let recorded = if start.only.is_some() { writer.store().recorded(id)? } else { recorded };
    let limits = Limits {
        timeout: spec.each.timeout,
        retries: spec.each.retries,
        time: spec.budget.time,
        max_failures: spec.max_failures,
        target: spec.budget.target.clone(),
        objective: spec.objective.clone(),
        mark: start.mark.clone(),
    };
    // What is run again is not ended.
    if start.only.is_none() {
        let is_again = |state: State| !state.is_final() || (start.retry_failed && state == State::Failed);
        recorded.iter().filter(|t| is_again(t.state)).for_each(|trial| counts.add(trial.state, -1));
    }
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
        let say = output.clone();
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
    finish(&mut writer, &report, &planner, start.only.is_none() || row.complete)?;
    lease.release(&folder);
    let row = writer.store().sweep(id)?.ok_or_else(|| CliError::system("the sweep has vanished"))?;
    if let Some(why) = &report.stuck {
        output.warn(&format!("warning: the search gave up early: {why}"));
    }
    // Another terminal may have extended it: then the file says something else than the store.
    let meant = canonical(&loaded.spec).to_string();
    let (loaded, spec_path) = if row.spec_meant == meant {
        (loaded, start.spec_path.as_deref())
    } else {
        (stored_spec(&row, &Overrides::default())?, None)
    };
    conclude(writer.store(), &row, &loaded, spec_path, Some(&report), output)?;
    Ok(match report.ending {
        Ending::Complete if report.stuck.is_some() => 3,
        Ending::Drained(_) | Ending::Interrupted(_) => 130,
        Ending::TimeUp | Ending::Failing(_) | Ending::Asked => 3,
        Ending::Complete | Ending::Target | Ending::Converged(_) => u8::from(row.counts.of(State::Failed) > 0),
    })
}

/// Notes how the session ended.
fn finish(writer: &mut Writer, report: &Report, planner: &Planner, may_complete: bool) -> Result<(), CliError> {
    let (outcome, complete) = match report.ending {
        Ending::Complete if report.stuck.is_some() => ("the search gave up", false),
        Ending::Complete if !may_complete => ("ended", false),
        Ending::Complete => ("complete", true),
        Ending::Target => ("target reached", may_complete),
        Ending::Converged(_) => ("converged", may_complete),
        Ending::TimeUp => ("time is up", false),
        Ending::Failing(_) => ("failing", false),
        Ending::Asked => ("stopped", false),
        Ending::Drained(_) => ("drained", false),
        Ending::Interrupted(_) => ("interrupted", false),
    };
    if let (Ending::Complete, None, Some(total)) = (&report.ending, &report.stuck, planner.total()) {
        writer.set_planned(total)?;
    }
    Ok(writer.close_session(outcome, complete)?)
}

fn announce(row: &SweepRow, spec: &Spec, work: &Work, recorded: &[Recorded], start: &Start, output: &Output) {
    let repeats = spec.repeats.count();
    let size = match start.planned {
        Some(trials) => {
            let configs = plural(trials / u64::from(repeats), "config");
            format!("{configs} x {} = {}", plural(u64::from(repeats), "seed"), plural(trials, "trial"))
        }
        None => "as many trials as it takes".into(),
    };
    let runs_again = |trial: &Recorded| match &start.only {
        Some(numbers) => numbers.contains(&(trial.number as i64)),
        None => start.retry_failed && trial.state == State::Failed,
    };
    let done = recorded.iter().filter(|trial| trial.state.is_final() && !runs_again(trial)).count();
    let gone_on = if recorded.is_empty() { String::new() } else { format!(", {done} done before") };
    let slots = work.slots(spec);
    output.say(&format!("sweep {} `{}`: {size}{gone_on}, {slots} at once", row.id, clean(&row.name)));
    work.notes().iter().for_each(|note| output.say(&format!("note: {}", clean(note))));
}
