//! The one thread that owns a running sweep: asks the planner, launches, records, tells.
//!
//! Each turn takes everything that has come into the mailbox, writes it in one transaction, and shows it once it is
//! committed. While a commit waits for the disk, launched trials that stand in line keep the slots busy.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::attempt::{End, Fate, Live};
use super::bounds::{Before, Ending, Limits, Report, RunError};
use super::launcher::{Assignment, Launcher, Message, Outcome};
use super::leader::Leader;
use super::planner::{Next, Planner};
use super::watch::{BestSoFar, EndedTrial, Progress, RunningTrial, Watcher};
use crate::space::State;
use crate::spec::{Goal, Target};
use crate::store::Writer;

/// How often timeouts are looked at and the display is drawn, at least.
const TICK: Duration = Duration::from_millis(100);
/// How long more results are waited for before a group is written.
const GATHER: Duration = Duration::from_millis(20);
/// How often it is looked for results of programs meanwhile.
const LOOK: Duration = Duration::from_millis(2);
/// The most messages in one transaction.
const MOST_MESSAGES: usize = 4_000;
/// How much longer than their grace trials may take to end once they are cancelled.
const PATIENCE: Duration = Duration::from_secs(5);
/// A program whose first trials all fail, this many of them, each within [`AT_ONCE`], is most likely broken.
const FIRST_FAILURES: u64 = 5;
/// See [`FIRST_FAILURES`].
const AT_ONCE: f64 = 60.0;

/// Runs what the planner hands out until nothing is left or something ends it.
///
/// # Errors
/// When the store or a trial's file cannot be written: what was committed stays, the rest runs again on resume.
pub fn coordinate(
    writer: &mut Writer,
    planner: &mut Planner,
    launcher: &mut dyn Launcher,
    mailbox: &Receiver<Message>,
    limits: &Limits,
    folder: &Path,
    planned: Option<u64>,
    before: &Before,
    watcher: &mut dyn Watcher,
) -> Result<Report, RunError> {
    let mut progress =
        Progress { planned, counts: before.counts, before: before.counts.finished(), ..Progress::default() };
    let mut ranking = Leader { goal: limits.objective.goal, sums: HashMap::new(), best: None, config: None };
    for (id, state, value) in &before.values {
        ranking.add(*id, *state, *value, None);
    }
    let mut coordinator = Coordinator {
        sweep: writer.sweep(),
        writer,
        planner,
        launcher,
        limits: limits.clone(),
        seen_version: None,
        folder,
        watcher,
        live: HashMap::new(),
        next_token: 0,
        exhausted: false,
        waiting: false,
        left_out: false,
        ending: None,
        cancelled: None,
        failures: 0,
        noted: HashSet::new(),
        start: Instant::now(),
        progress: Progress::default(),
        ranking,
    };
    progress.best = coordinator.best();
    coordinator.progress = progress;
    let result = coordinator.run(mailbox);
    if result.is_err() {
        coordinator.cancel();
    }
    result
}

pub(super) struct Coordinator<'a> {
    pub(super) sweep: i64,
    pub(super) writer: &'a mut Writer,
    pub(super) planner: &'a mut Planner,
    pub(super) launcher: &'a mut dyn Launcher,
    pub(super) limits: Limits,
    folder: &'a Path,
    pub(super) watcher: &'a mut dyn Watcher,
    pub(super) live: HashMap<u64, Live>,
    next_token: u64,
    pub(super) exhausted: bool,
    /// Whether the next trial is being thought about.
    waiting: bool,
    /// What the store's version was when requests were looked at.
    pub(super) seen_version: Option<i64>,
    /// Whether a trial was launched and has no result.
    left_out: bool,
    /// Set once nothing more is to be started.
    pub(super) ending: Option<Ending>,
    cancelled: Option<Instant>,
    /// Trials that failed in this run.
    failures: u64,
    /// What was said of trials.
    noted: HashSet<String>,
    start: Instant,
    pub(super) progress: Progress,
    pub(super) ranking: Leader,
}

impl Coordinator<'_> {
    fn run(&mut self, mailbox: &Receiver<Message>) -> Result<Report, RunError> {
        loop {
            self.refill();
            if self.live.is_empty() && !self.waiting {
                break;
            }
            let mut finished = Vec::new();
            match mailbox.recv_timeout(TICK) {
                Ok(message) => {
                    self.take(message, &mut finished);
                    self.take_more(mailbox, &mut finished);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(RunError::Launcher),
            }
            self.record(finished)?;
            self.look_at_clocks();
            self.look_at_requests()?;
            self.draw();
            if self.cancelled.is_some_and(|at| at.elapsed() > self.launcher.grace() + PATIENCE) {
                self.watcher.note("some trials did not end in time; they run again on resume");
                break;
            }
        }
        self.draw();
        // Asked to stop when nothing was left to start: then all is done.
        let all_done = self.live.is_empty() && !self.left_out && self.planner.is_done();
        let ending = match self.ending.clone() {
            Some(Ending::Target) => Ending::Target,
            None if self.planner.converged().is_some() => {
                Ending::Converged(self.planner.converged().unwrap_or_default().to_owned())
            }
            Some(ending) if !all_done => ending,
            _ => Ending::Complete,
        };
        Ok(Report { ending, progress: self.progress.clone(), stuck: self.planner.stuck().map(str::to_owned) })
    }

    /// Takes what else has come, and what comes within a moment, as long as no slot waits for this thread: a group of
    /// results costs hardly more to write than one.
    fn take_more(&mut self, mailbox: &Receiver<Message>, finished: &mut Vec<(u64, Box<Outcome>)>) {
        let until = Instant::now() + GATHER;
        // To be woken by every program that ends would take longer than to look; built-in trials end too quickly for that.
        let look = self.launcher.runs_commands().then_some(LOOK);
        for _ in 0..MOST_MESSAGES {
            if let Ok(message) = mailbox.try_recv() {
                self.take(message, finished);
                continue;
            }
            let left = self.live.len() - finished.len();
            let some_wait_in_line = left > self.launcher.slots() + self.launcher.lookahead() / 4;
            let pause = until.saturating_duration_since(Instant::now());
            if !some_wait_in_line || pause.is_zero() {
                return;
            }
            match look {
                Some(look) => thread::sleep(look),
                None => match mailbox.recv_timeout(pause) {
                    Ok(message) => self.take(message, finished),
                    Err(_) => return,
                },
            }
        }
    }

    /// Launches trials until all slots and the line behind them are full.
    fn refill(&mut self) {
        let most = self.launcher.slots() + self.ahead();
        self.waiting = false;
        while self.ending.is_none() && !self.exhausted && self.live.len() < most {
            let task = match self.planner.next_task() {
                Next::Task(task) => task,
                Next::Wait => {
                    self.waiting = true;
                    return;
                }
                Next::Nothing => {
                    self.exhausted = true;
                    return;
                }
            };
            let token = self.next_token;
            self.next_token += 1;
            let cancel = Arc::new(AtomicBool::new(false));
            let assignment = Assignment {
                token,
                config: task.config.clone(),
                seed: task.seed,
                number: task.number,
                attempt: task.attempt,
                cancel: cancel.clone(),
            };
            let live = Live {
                task,
                cancel,
                started: None,
                opened: None,
                series: Vec::new(),
                flushed: Instant::now(),
                last: None,
                process: None,
                fate: None,
            };
            self.live.insert(token, live);
            self.launcher.launch(assignment);
        }
        // With one slot every proposal waits for the result before it.
        if self.ending.is_none() && !self.exhausted && self.launcher.slots() > 1 {
            self.planner.prepare();
        }
    }

    /// How many trials may stand in line: none that a result still to come could make needless.
    fn ahead(&self) -> usize {
        let counts = &self.progress.counts;
        let fruitless = counts.finished() == counts.of(State::Failed);
        if self.planner.is_adaptive() || self.launcher.runs_commands() && fruitless {
            return 0;
        }
        let left = self.limits.max_failures.map_or(u64::MAX, |most| most.saturating_sub(self.failures + 1));
        self.launcher.lookahead().min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    fn take(&mut self, message: Message, finished: &mut Vec<(u64, Box<Outcome>)>) {
        match message {
            Message::Started(token, at, process) => {
                if let Some(live) = self.live.get_mut(&token) {
                    live.started = Some((Instant::now(), at));
                    live.process = process;
                    live.flushed = Instant::now();
                }
            }
            Message::Points(token, points) => {
                if let Some(live) = self.live.get_mut(&token) {
                    live.gather(points, &self.limits.objective.metric);
                }
            }
            Message::Finished(token, outcome) => finished.push((token, outcome)),
            Message::NotStarted(token) => {
                self.live.remove(&token);
                self.left_out = true;
            }
            Message::Signal(signal) => self.signal(signal.0),
            Message::Proposed => {}
        }
    }

    fn signal(&mut self, signal: i32) {
        match self.ending {
            // Whoever asks a third time does not want to wait for anything.
            Some(Ending::Interrupted(_)) => self.launcher.kill(),
            Some(Ending::Drained(_)) => {
                if self.launcher.runs_commands() {
                    let grace = self.launcher.grace().as_secs_f64();
                    self.watcher.note(&format!(
                        "ending the running trials: the signal TERM, after {grace} s KILL; once more kills them at once"
                    ));
                }
                self.ending = Some(Ending::Interrupted(signal));
                self.cancel();
            }
            _ => {
                let running = self.live.values().filter(|live| live.started.is_some()).count();
                self.watcher.note(&format!(
                    "stopping after the {running} running trial{}; once more stops at once",
                    if running == 1 { "" } else { "s" }
                ));
                self.end(Ending::Drained(signal));
            }
        }
    }

    /// Starts nothing more.
    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.progress.draining = true;
        self.launcher.drain();
    }

    pub(super) fn cancel(&mut self) {
        self.launcher.drain();
        self.live.values().for_each(|live| live.cancel.store(true, Ordering::Relaxed));
        self.launcher.wake();
        self.cancelled.get_or_insert_with(Instant::now);
    }

    fn look_at_clocks(&mut self) {
        if let Some(timeout) = self.limits.timeout {
            let mut some = false;
            for live in self.live.values_mut() {
                if live.fate.is_none() && live.started.is_some_and(|(start, _)| start.elapsed() > timeout) {
                    live.fate = Some(Fate::TimedOut);
                    live.cancel.store(true, Ordering::Relaxed);
                    some = true;
                }
            }
            if some {
                self.launcher.wake();
            }
        }
        if self.ending.is_none() && self.limits.time.is_some_and(|time| self.start.elapsed() >= time) {
            self.end(Ending::TimeUp);
        }
    }

    /// Writes ended trials and waiting points in one transaction; shows what ended once that is committed.
    fn record(&mut self, finished: Vec<(u64, Box<Outcome>)>) -> Result<(), RunError> {
        let start_after = self.launcher.start_written_after();
        let due: Vec<u64> = self
            .live
            .iter()
            .filter(|(token, live)| {
                live.flush_is_due(start_after) && !finished.iter().any(|(other, _)| other == *token)
            })
            .map(|(token, _)| *token)
            .collect();
        if finished.is_empty() && due.is_empty() {
            return Ok(());
        }
        let mut ended = Vec::with_capacity(finished.len());
        let mut unstartable = None;
        self.writer.begin(!finished.is_empty())?;
        let written = (|| {
            for token in due {
                if let Some(live) = self.live.get_mut(&token) {
                    live.open(self.writer)?;
                    live.flush(self.writer)?;
                }
            }
            for (token, outcome) in finished {
                let Some(mut live) = self.live.remove(&token) else { continue };
                if let Some(why) = &outcome.unstartable {
                    unstartable = Some(why.clone());
                }
                if let Some(end) = live.close(self.writer, *outcome, &self.limits, self.folder)? {
                    ended.push((live, end));
                } else {
                    self.left_out = true;
                }
            }
            Ok::<(), RunError>(())
        })();
        if let Err(error) = written {
            self.writer.roll_back();
            return Err(error);
        }
        self.writer.commit()?;
        for (live, end) in ended {
            // The same of a hundred trials is said once.
            for note in &end.notes {
                if self.noted.len() < 1_000 && self.noted.insert(note.clone()) {
                    self.watcher.note(&format!("trial {}: {note}", end.opened.number));
                }
            }
            self.tell(live, end);
        }
        if let (Some(why), None) = (unstartable, &self.ending) {
            self.end(Ending::Failing(why));
        }
        Ok(())
    }

    fn tell(&mut self, live: Live, end: End) {
        if end.state == State::Lost {
            self.left_out = true;
            return;
        }
        if end.state == State::Failed && live.task.retries < self.limits.retries && self.ending.is_none() {
            let (number, reason) = (end.opened.number, &end.reason);
            self.watcher.note(&format!("trial {number} failed and is run again: {reason}"));
            self.planner.retry(live.task);
            self.exhausted = false;
            return;
        }
        self.progress.counts.add(end.state, 1);
        self.planner.ended(&live.task, end.state, end.objective, end.seconds);
        if end.state == State::Failed {
            self.failures += 1;
        }
        self.ranking.add(live.task.id, end.state, end.objective, Some(&live.task.config));
        self.progress.best = self.best();
        self.progress.best_over_trials.push(self.progress.best.as_ref().map_or(f64::NAN, |best| best.mean));
        self.refresh();
        let trial = EndedTrial {
            number: end.opened.number,
            config: &live.task.config,
            repeat: live.task.repeat,
            state: end.state,
            reason: &end.reason,
            objective: end.objective,
            seconds: end.seconds,
        };
        self.watcher.ended(&trial, &self.progress);
        self.look_at_failures(&end);
        if let (Some(Target::Value { metric, value: target }), Some(value), None) =
            (&self.limits.target, end.objective, &self.ending)
        {
            let reached = match self.limits.objective.goal {
                Goal::Min => value <= *target,
                Goal::Max => value >= *target,
            };
            if reached {
                self.watcher.note(&format!("trial {} reached the target: {} {value}", end.opened.number, metric));
                self.end(Ending::Target);
            }
        }
    }

    /// Ends a run that only fails.
    fn look_at_failures(&mut self, end: &End) {
        if end.state != State::Failed || self.ending.is_some() {
            return;
        }
        let counts = &self.progress.counts;
        let fruitless = counts.finished() == counts.of(State::Failed);
        let why = match self.limits.max_failures {
            Some(most) if self.failures >= most => {
                format!("{} trials have failed (`max_failures: {most}`)", self.failures)
            }
            None if self.launcher.runs_commands()
                && fruitless
                && self.failures >= FIRST_FAILURES
                && end.seconds < AT_ONCE =>
            {
                format!("the first {} trials have all failed, the last one: {}", self.failures, end.reason)
            }
            _ => return,
        };
        self.watcher.note(&why);
        self.end(Ending::Failing(why));
    }

    pub(super) fn best(&self) -> Option<BestSoFar> {
        let (id, best) = self.ranking.best.as_ref()?;
        let (sum, seeds) = self.ranking.sums.get(id).map_or((*best, 1), |sum| (sum.total, sum.seeds));
        let config = self.ranking.config.clone().or_else(|| self.writer.store().config_of(*id).ok().flatten())?;
        Some(BestSoFar { mean: sum / seeds as f64, seeds, config })
    }

    fn refresh(&mut self) {
        self.progress.elapsed = self.start.elapsed();
        if let Some(total) = self.planner.total() {
            self.progress.planned = Some(total);
        }
    }

    fn draw(&mut self) {
        self.refresh();
        let mut running: Vec<(i64, RunningTrial)> = self
            .live
            .values()
            .filter_map(|live| {
                let (start, at) = live.started?;
                let trial = RunningTrial {
                    number: live.task.number,
                    config: live.task.config.clone(),
                    repeat: live.task.repeat,
                    elapsed: start.elapsed(),
                    last: live.last.clone(),
                };
                Some((at, trial))
            })
            .collect();
        running.sort_by_key(|(at, _)| *at);
        self.progress.running = running.into_iter().map(|(_, trial)| trial).collect();
        self.watcher.tick(&self.progress);
    }
}
