//! What other terminals ask of a running sweep: stop it or a trial, run trials again, add to it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value as Json;

use super::attempt::Fate;
use super::bounds::Ending;
use super::coordinator::Coordinator;
use super::planner::{Task, planned_trials};
use crate::space::State;
use crate::spec::{Overrides, Spec, canonical, load_canonical, refused_extension};
use crate::store::{Recorded, Store, StoreError, SweepRow, TrialRow};

impl Coordinator<'_> {
    /// Answers what was asked since the last look; looks only where somebody else has written.
    pub(super) fn look_at_requests(&mut self) -> Result<(), StoreError> {
        let version = self.writer.store().data_version()?;
        if self.seen_version == Some(version) {
            return Ok(());
        }
        self.seen_version = Some(version);
        for request in self.writer.requests()? {
            let answer = match request.kind.as_str() {
                "stop" => self.stop_asked(&request.payload),
                "rerun" => self.rerun_asked(&request.payload)?,
                "extend" => self.extend_asked(&request.payload)?,
                other => format!("this version does not know how to `{other}`"),
            };
            self.writer.answer(request.id, &answer)?;
        }
        Ok(())
    }

    fn stop_asked(&mut self, payload: &Json) -> String {
        let at_once = payload["now"] == true;
        let Some(number) = payload["trial"].as_u64() else {
            let running = self.live.values().filter(|live| live.started.is_some()).count();
            if self.ending.is_none() {
                self.watcher.note("asked to stop by another terminal");
                self.end(Ending::Asked);
            }
            if at_once {
                self.cancel();
                return format!("ends its {running} running trials; they run again on resume");
            }
            return format!("starts no more trials; {running} are still running");
        };
        let Some(live) = self.live.values_mut().find(|live| live.task.number == number) else {
            return format!("trial {number} is not running");
        };
        live.fate = Some(Fate::Stopped);
        live.cancel.store(true, Ordering::Relaxed);
        self.launcher.wake();
        format!("trial {number} is being stopped; `sweep rerun` runs it again")
    }

    fn rerun_asked(&mut self, payload: &Json) -> Result<String, StoreError> {
        let numbers: Vec<u64> = payload["trials"].as_array().into_iter().flatten().filter_map(Json::as_u64).collect();
        let Some(row) = self.writer.store().sweep(self.sweep)? else { return Ok("the sweep is gone".into()) };
        let mut queued = 0;
        for number in numbers {
            if self.live.values().any(|live| live.task.number == number) {
                continue;
            }
            let Some(trial) = self.writer.store().trial(&row, number as i64)? else { continue };
            let Some(task) = task_of(&trial) else { continue };
            self.progress.counts.add(trial.state, -1);
            self.writer.queue_again(trial.number)?;
            self.planner.run_again(task);
            queued += 1;
        }
        self.exhausted = false;
        self.rank_anew()?;
        Ok(match queued {
            0 => "they are running already".into(),
            1 => "1 trial stands in line again".into(),
            n => format!("{n} trials stand in line again"),
        })
    }

    fn extend_asked(&mut self, payload: &Json) -> Result<String, StoreError> {
        let (Some(meant), Some(row)) = (payload["spec"].as_str(), self.writer.store().sweep(self.sweep)?) else {
            return Ok("the request has no spec".into());
        };
        let new = match extension(self.writer.store(), &row, meant)? {
            Ok(new) => new,
            Err(why) => return Ok(format!("not extended: {why}")),
        };
        let planned = planned_trials(&new);
        self.writer.store_mut().set_spec(self.sweep, &canonical(&new).to_string(), planned)?;
        self.limits.time = new.budget.time;
        self.limits.target = new.budget.target.clone();
        let mut recorded = self.writer.store().recorded(self.sweep)?;
        // What runs or stands in line is not handed out again.
        for live in self.live.values() {
            let task = &live.task;
            recorded.retain(|trial| !(trial.id == task.id && trial.repeat == task.repeat));
            let (number, attempts) = (task.number, task.attempt);
            let state = State::Done;
            recorded.push(Recorded { id: task.id, repeat: task.repeat, number, attempts, state, objective: None });
        }
        self.planner.extend(Arc::new(new), &recorded);
        self.exhausted = false;
        self.progress.planned = planned;
        self.watcher.note("extended by another terminal");
        Ok(match planned {
            Some(planned) => format!("extended: {planned} trials in all"),
            None => "extended".into(),
        })
    }

    /// Ranks the configs from what is stored.
    fn rank_anew(&mut self) -> Result<(), StoreError> {
        self.ranking.clear();
        for trial in self.writer.store().recorded(self.sweep)? {
            if trial.state.is_final() {
                self.ranking.add(trial.id, trial.state, trial.objective, None);
            }
        }
        self.progress.best = self.best();
        Ok(())
    }
}

/// A trial as a task that has not been tried yet in this run.
pub fn task_of(trial: &TrialRow) -> Option<Task> {
    Some(Task {
        id: trial.config.id(),
        config: trial.config.clone(),
        repeat: trial.repeat,
        seed: trial.seed,
        ordinal: 0,
        number: u64::try_from(trial.number).ok()?,
        attempt: u32::try_from(trial.attempts).ok()? + 1,
        retries: 0,
        reason: None,
    })
}

/// The spec that `meant` (in canonical form) is, if it merely adds to the sweep in `row`; else why it does not.
///
/// # Errors
/// When the store cannot be read.
pub fn extension(store: &Store, row: &SweepRow, meant: &str) -> Result<Result<Spec, String>, StoreError> {
    let read = |text: &str| {
        load_canonical(text, Path::new(&row.folder), &Overrides::default())
            .map(|loaded| loaded.spec)
            .map_err(|error| error.to_string())
    };
    let (old, new) = match (read(&row.spec_meant), read(meant)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
    };
    let mut why = refused_extension(&old, &new);
    let fewer = |new: u64, old: u64| format!("{new} trials in all are fewer than {old}");
    match (planned_trials(&old), planned_trials(&new)) {
        (Some(before), Some(after)) if after < before => why.push(fewer(after, before)),
        (_, Some(after)) if after < row.counts.total() => why.push(fewer(after, row.counts.total())),
        _ => {}
    }
    if let Some(config) = store.configs(row.id)?.iter().find(|config| !new.space.admits(config)) {
        why.push(format!("the stored config `{config}` is not possible any more"));
    }
    Ok(if why.is_empty() { Ok(new) } else { Err(why.join("; ")) })
}
