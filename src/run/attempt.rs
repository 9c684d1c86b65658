//! One launched attempt: what waits to be stored of it, and how its start, points and end are written.

use std::borrow::Cow;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::bounds::{Limits, RunError};
use super::launcher::Outcome;
use super::planner::Task;
use crate::expr::nearest;
use crate::space::State;
use crate::store::{AttemptEnd, NewTrial, Opened, ProcessId, Series, StoreError, Writer};

/// Points of a running trial are stored when they have waited this long.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// ... or when so many wait.
const FLUSH_POINTS: usize = 16_384;

/// An attempt that was launched.
pub(super) struct Live {
    pub(super) task: Task,
    pub(super) cancel: Arc<AtomicBool>,
    /// When it started: on this clock, and in microseconds since 1970.
    pub(super) started: Option<(Instant, i64)>,
    /// Its rows, once its start has been written.
    pub(super) opened: Option<Opened>,
    /// Points that wait to be stored, and the number of chunks stored, by metric.
    pub(super) series: Vec<(Cow<'static, str>, Series, i64)>,
    pub(super) flushed: Instant,
    /// The newest point of what is compared, else of the first metric that came: name, step, value.
    pub(super) last: Option<(Cow<'static, str>, u64, f64)>,
    /// Its process, if it has one.
    pub(super) process: Option<ProcessId>,
    /// Why it was cancelled, if it is not to run again on resume.
    pub(super) fate: Option<Fate>,
}

/// Why an attempt was cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It ran for too long.
    TimedOut,
    /// Somebody asked for it.
    Stopped,
}

/// What became of a closed attempt.
pub(super) struct End {
    pub(super) opened: Opened,
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) objective: Option<f64>,
    pub(super) seconds: f64,
    /// What a person should know of it.
    pub(super) notes: Vec<String>,
}

impl Live {
    pub(super) fn gather(&mut self, points: Vec<(Cow<'static, str>, Series)>, metric: &str) {
        for (name, series) in points {
            if let (Some(step), Some(value)) = (series.steps.last(), series.values.last())
                && (name == metric || self.last.as_ref().is_none_or(|(shown, ..)| *shown == name))
            {
                self.last = Some((name.clone(), *step, *value));
            }
            match self.series.iter_mut().find(|(other, ..)| *other == name) {
                Some((_, waiting, _)) => {
                    waiting.steps.extend(series.steps);
                    waiting.values.extend(series.values);
                }
                None => self.series.push((name, series, 0)),
            }
        }
    }

    /// Whether something is to be written: waiting points, or the start once the attempt has run for `start_after`.
    pub(super) fn flush_is_due(&self, start_after: Duration) -> bool {
        let waiting = self.series.iter().map(|(_, series, _)| series.steps.len()).max().unwrap_or(0);
        self.started.is_some_and(|(start, _)| {
            waiting >= FLUSH_POINTS
                || waiting > 0 && self.flushed.elapsed() >= FLUSH_EVERY
                || self.opened.is_none() && start.elapsed() >= start_after
        })
    }

    fn start(&self) -> NewTrial<'_> {
        let task = &self.task;
        NewTrial {
            config: &task.config,
            id: task.id,
            ordinal: task.ordinal,
            number: task.number,
            repeat: task.repeat,
            seed: task.seed,
            started: self.started.map_or_else(crate::store::now, |(_, at)| at),
            process: self.process,
            reason: task.reason.as_deref(),
        }
    }

    /// Writes the start, unless it has been written.
    pub(super) fn open(&mut self, writer: &mut Writer) -> Result<Opened, StoreError> {
        if let Some(opened) = self.opened {
            return Ok(opened);
        }
        let opened = writer.open_attempt(&self.start())?;
        self.opened = Some(opened);
        Ok(opened)
    }

    /// Writes the waiting points.
    pub(super) fn flush(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        let opened = self.open(writer)?;
        for (name, series, chunks) in &mut self.series {
            if let Some(chunk) = series.pack() {
                writer.add_chunk(opened.attempt, name, *chunks, &chunk)?;
                *chunks += 1;
                *series = Series::default();
            }
        }
        self.flushed = Instant::now();
        Ok(())
    }

    /// Writes the end; nothing where a cancelled trial had left no trace.
    pub(super) fn close(
        &mut self,
        writer: &mut Writer,
        mut outcome: Outcome,
        limits: &Limits,
        folder: &Path,
    ) -> Result<Option<End>, RunError> {
        if let (None, Some(at)) = (self.started, outcome.started) {
            self.started = Some((Instant::now(), at));
        }
        if outcome.state == State::Lost {
            match self.fate {
                Some(Fate::TimedOut) => {
                    outcome.state = State::Failed;
                    let seconds = limits.timeout.unwrap_or_default().as_secs_f64();
                    outcome.reason = format!("timed out after {seconds} s");
                }
                Some(Fate::Stopped) => {
                    outcome.state = State::Stopped;
                    outcome.reason = "stopped by `sweep stop`".into();
                }
                None if self.opened.is_none() => return Ok(None),
                None => {}
            }
        }
        if !limits.mark.is_empty() {
            outcome.reason = match outcome.reason.as_str() {
                "" => limits.mark.clone(),
                reason => format!("{reason}; {}", limits.mark),
            };
        }
        let metrics: Vec<(&str, f64)> = outcome.metrics.iter().map(|(name, value)| (name.as_ref(), *value)).collect();
        // An objective that is NaN or infinite is a result, and means that the trial has diverged.
        if outcome.state == State::Done && outcome.objective.is_some_and(|value| !value.is_finite()) {
            outcome.state = State::Diverged;
            outcome.reason = format!("{} is {}", limits.objective.metric, outcome.objective.unwrap_or(f64::NAN));
        }
        if outcome.state == State::Done && outcome.objective.is_none() {
            outcome.state = State::Failed;
            const MEASURED: [&str; 3] = ["seconds", "cpu_seconds", "peak_memory_mb"];
            let names = outcome.metrics.iter().map(|(name, _)| name.as_ref());
            let names: Vec<&str> = names.filter(|name| !MEASURED.contains(name)).collect();
            let reported = match names.len() {
                0 => "nor any other metric".to_owned(),
                n => format!("what came: {}{}", names[..n.min(12)].join(", "), if n > 12 { ", ..." } else { "" }),
            };
            let metric = &limits.objective.metric;
            let lower = metric.to_lowercase().replace([' ', '/', '.', '-'], "_");
            let alike = |name: &&str| name.to_lowercase().replace([' ', '/', '.', '-'], "_") == lower;
            let near = names.iter().copied().find(alike).or_else(|| nearest(metric, names.iter().copied()));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            outcome.reason = format!("`{metric}` was never reported, {reported}{near}");
        }
        if !matches!(outcome.state, State::Done | State::Diverged | State::Pruned) {
            outcome.objective = None;
        }
        let end = AttemptEnd {
            state: outcome.state,
            reason: &outcome.reason,
            metrics: &metrics,
            objective: outcome.objective,
            ended: outcome.ended,
            exit: outcome.exit,
        };
        let opened = match self.opened {
            Some(opened) => {
                writer.close_attempt(opened, &end)?;
                opened
            }
            None => writer.add_ended(&self.start(), &end)?,
        };
        self.opened = Some(opened);
        self.gather(std::mem::take(&mut outcome.points), &limits.objective.metric);
        self.flush(writer)?;
        for (name, _, chunks) in &self.series {
            if *chunks > 1 {
                writer.merge_chunks(opened.attempt, name)?;
            }
        }
        writer.add_kept(opened.attempt, &outcome.kept)?;
        for (name, content) in &outcome.files {
            write_file(&folder.join(opened.number.to_string()), name, content)?;
        }
        let seconds = self.started.map_or(0.0, |(_, at)| (outcome.ended - at) as f64 / 1e6);
        Ok(Some(End {
            opened,
            state: outcome.state,
            reason: outcome.reason,
            objective: outcome.objective,
            seconds,
            notes: outcome.notes,
        }))
    }
}

/// Writes a file whole or not at all.
fn write_file(folder: &Path, name: &str, content: &[u8]) -> Result<(), RunError> {
    let path = folder.join(name);
    let fail = |source| RunError::File { path: path.display().to_string(), source };
    fs::create_dir_all(folder).map_err(fail)?;
    let temporary = folder.join(format!("{name}.part"));
    let mut file = fs::File::create(&temporary).map_err(fail)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(fail)?;
    fs::rename(&temporary, &path).map_err(fail)
}
