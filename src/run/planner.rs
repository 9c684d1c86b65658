//! Which trials are still to be run, in order.
//!
//! A search whose proposals do not depend on results runs every config at repeat 0, then every config at repeat 1, and
//! so on; it is asked again from the start for every repeat and on resume, and what is recorded is passed over. So no
//! list of trials is ever held. One that learns is in the hands of `learner`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::learner::Learner;
use super::proposer::Wake;
use crate::search::{Grid, History, Proposal, Sampler, SamplerKind, finite_size, grid_size, sampler};
use crate::space::{Config, ConfigId, State};
use crate::spec::Spec;
use crate::store::{Proposed, Reason, Recorded};

/// A trial to run.
#[derive(Clone, Debug)]
pub struct Task {
    /// The config.
    pub config: Arc<Config>,
    /// Its identity.
    pub id: ConfigId,
    /// The index of the seed.
    pub repeat: u32,
    /// The seed.
    pub seed: u64,
    /// The place of the config in the order of the search, from 0.
    pub ordinal: u64,
    /// The number of the trial, from 1: its place in the order of the plan, the same in every run of the sweep; after
    /// the sweep was extended, a place that is taken gives way to the next free number.
    pub number: u64,
    /// Which attempt of the trial this is, from 1.
    pub attempt: u32,
    /// How often it was tried again in this run.
    pub retries: u32,
    /// Why its config was proposed, where the search says so.
    pub reason: Option<Arc<Reason>>,
}

/// The answer to "which trial comes next?"
#[derive(Clone, Debug)]
pub enum Next {
    /// This one.
    Task(Task),
    /// It is being thought about.
    Wait,
    /// None.
    Nothing,
}

/// A trial of an earlier run.
#[derive(Clone, Copy, Debug)]
struct Known {
    repeat: u32,
    number: u64,
    attempts: u32,
    /// Whether it needs no run.
    is_final: bool,
}

/// Hands out trials.
pub struct Planner {
    spec: Arc<Spec>,
    sampler: Box<dyn Sampler>,
    limit: Option<u64>,
    /// Configs asked for in the current pass.
    asked: u64,
    /// Trials asked for in all passes.
    position: u64,
    /// The repeat of the current pass.
    repeat: u32,
    /// Trials of earlier runs, by config.
    recorded: HashMap<ConfigId, Vec<Known>>,
    /// The numbers of trials of earlier runs, and the greatest number so far.
    taken: HashSet<u64>,
    greatest: u64,
    again: VecDeque<Task>,
    /// Whether only what is in `again` is run.
    nothing_else: bool,
    /// Configs of the first pass, once it has ended.
    configs: Option<u64>,
    /// Why the search gave up, if it did.
    stuck: Option<String>,
    /// Hands out the trials of a search that learns; then the sampler here is not asked.
    learner: Option<Learner>,
}

impl Planner {
    /// The trials of `spec` without those in `recorded` that are final; failed ones are run again where
    /// `retry_failed`.
    ///
    /// A search that learns goes on from the configs that were `proposed` before; where there is somebody to `wake`, it
    /// thinks in a thread of its own.
    pub fn new(
        spec: Arc<Spec>,
        recorded: &[Recorded],
        proposed: &[Proposed],
        retry_failed: bool,
        wake: Option<Wake>,
    ) -> Self {
        let learner = spec
            .search
            .sampler
            .is_adaptive()
            .then(|| Learner::new(spec.clone(), proposed, recorded, retry_failed, wake));
        let mut known: HashMap<ConfigId, Vec<Known>> = HashMap::new();
        for trial in recorded {
            let is_final = trial.state.is_final() && !(retry_failed && trial.state == State::Failed);
            let (repeat, number, attempts) = (trial.repeat, trial.number, trial.attempts);
            known.entry(trial.id).or_default().push(Known { repeat, number, attempts, is_final });
        }
        let taken: HashSet<u64> = recorded.iter().map(|trial| trial.number).collect();
        let greatest = taken.iter().copied().max().unwrap_or(0);
        let sampler = Self::fresh(&spec);
        let limit = spec.config_limit();
        Self {
            spec,
            sampler,
            limit,
            asked: 0,
            position: 0,
            repeat: 0,
            recorded: known,
            taken,
            greatest,
            again: VecDeque::new(),
            nothing_else: false,
            configs: None,
            stuck: None,
            learner,
        }
    }

    fn fresh(spec: &Spec) -> Box<dyn Sampler> {
        sampler(spec.search.sampler, spec.space.clone(), spec.search_setup())
    }

    /// Only these trials, and nothing of the search.
    pub fn only(spec: Arc<Spec>, tasks: Vec<Task>) -> Self {
        let mut only = Self::new(spec, &[], &[], false, None);
        (only.again, only.nothing_else, only.learner) = (tasks.into(), true, None);
        only
    }

    /// Goes on with a spec that adds to the one so far; what is `recorded` and what waits to be run again stays.
    pub fn extend(&mut self, spec: Arc<Spec>, recorded: &[Recorded]) {
        if let Some(learner) = &mut self.learner {
            learner.extend(spec.clone());
            self.spec = spec;
            return;
        }
        let again = std::mem::take(&mut self.again);
        *self = Self { again, ..Self::new(spec, recorded, &[], false, None) };
    }

    /// The next trial, if it is known.
    pub fn next_task(&mut self) -> Next {
        if let Some(task) = self.again.pop_front() {
            return Next::Task(task);
        }
        match &mut self.learner {
            _ if self.nothing_else => Next::Nothing,
            Some(learner) => learner.next(),
            None => self.walk().map_or(Next::Nothing, Next::Task),
        }
    }

    /// Begins to think about the next trial while all slots are busy.
    pub fn prepare(&mut self) {
        if let Some(learner) = self.learner.as_mut().filter(|_| self.again.is_empty()) {
            learner.prepare();
        }
    }

    /// Whether nothing is left to hand out.
    pub fn is_done(&mut self) -> bool {
        self.again.is_empty()
            && match &self.learner {
                _ if self.nothing_else => true,
                Some(learner) => learner.is_done(),
                // Whether a walk has come to its end shows when it goes on; nobody asks for the task any more.
                None => self.walk().is_none(),
            }
    }

    /// A trial has ended for good, after so many seconds.
    pub fn ended(&mut self, task: &Task, state: State, objective: Option<f64>, seconds: f64) {
        if let Some(learner) = &mut self.learner {
            learner.ended(task, state, objective, seconds);
        }
    }

    /// Why the search expects no more improvement, where the spec asks for that and it is so.
    pub fn converged(&self) -> Option<&str> {
        self.learner.as_ref().and_then(|learner| learner.converged.as_deref())
    }

    /// Why the search gave up, if it did.
    pub fn stuck(&self) -> Option<&str> {
        self.learner.as_ref().map_or(self.stuck.as_ref(), |learner| learner.stuck.as_ref()).map(String::as_str)
    }

    /// The next trial of a search that looks at no result; none where nothing is left.
    fn walk(&mut self) -> Option<Task> {
        loop {
            let config = if self.limit.is_some_and(|limit| self.asked >= limit) {
                Proposal::Exhausted
            } else {
                self.sampler.propose(&History::default())
            };
            let config = match config {
                Proposal::Config(suggestion) => suggestion.config,
                Proposal::Exhausted => {
                    if self.next_pass() {
                        continue;
                    }
                    return None;
                }
                Proposal::Stuck(why) => {
                    self.stuck = Some(why);
                    if self.next_pass() {
                        continue;
                    }
                    return None;
                }
            };
            let ordinal = self.asked;
            self.asked += 1;
            self.position += 1;
            let id = config.id();
            let known = self.recorded.get(&id).and_then(|all| all.iter().find(|known| known.repeat == self.repeat));
            let (number, attempt) = match known {
                Some(known) if known.is_final => continue,
                Some(known) => (known.number, known.attempts + 1),
                None if self.taken.contains(&self.position) => (self.greatest + 1, 1),
                None => (self.position, 1),
            };
            self.greatest = self.greatest.max(number);
            if number != self.position && known.is_none() {
                self.taken.insert(number);
            }
            let seed = self.spec.trial_seed(self.repeat);
            return Some(Task {
                config: Arc::new(config),
                id,
                repeat: self.repeat,
                seed,
                ordinal,
                number,
                attempt,
                retries: 0,
                reason: None,
            });
        }
    }

    /// Begins the next repeat; false after the last.
    fn next_pass(&mut self) -> bool {
        self.configs.get_or_insert(self.asked);
        if self.repeat + 1 >= self.spec.repeats.count() || self.asked == 0 {
            return false;
        }
        self.repeat += 1;
        self.asked = 0;
        self.sampler = Self::fresh(&self.spec);
        true
    }

    /// Puts a trial that was tried in line to be tried again.
    pub fn retry(&mut self, task: Task) {
        self.again.push_back(Task { retries: task.retries + 1, attempt: task.attempt + 1, ..task });
    }

    /// Puts a trial in line.
    pub fn run_again(&mut self, task: Task) {
        if let Some(learner) = &mut self.learner {
            learner.reopen(&task);
        }
        self.again.push_back(task);
    }

    /// Whether proposals depend on results, so that nothing may be launched ahead.
    pub fn is_adaptive(&self) -> bool {
        self.learner.is_some()
    }

    /// How many trials there are in all, once every config has been asked for.
    pub fn total(&self) -> Option<u64> {
        if let Some(learner) = &self.learner {
            return learner.total();
        }
        self.configs.map(|configs| configs * u64::from(self.spec.repeats.count()))
    }
}

/// How many trials a spec has in all, as far as it can be told without running it.
pub fn planned_trials(spec: &Spec) -> Option<u64> {
    let repeats = u64::from(spec.repeats.count());
    let configs = match spec.search.sampler {
        SamplerKind::Grid => {
            let size = grid_size(&spec.space);
            let configs = if spec.space.tries().is_empty() || size.accepted > 200_000 {
                u64::try_from(size.accepted).ok().filter(|_| size.exact)
            } else {
                // Configs of `try` may or may not be points of the grid: ask.
                let mut grid = Grid::new(spec.space.clone());
                let mut count = 0;
                while let Proposal::Config(_) = grid.propose(&History::default()) {
                    count += 1;
                }
                Some(count)
            };
            match (configs, spec.config_limit()) {
                (Some(configs), Some(limit)) => Some(configs.min(limit)),
                (None, limit) => limit,
                (configs, None) => configs,
            }
        }
        // A small space is used up before a large budget is.
        _ => spec.config_limit().map(|limit| finite_size(&spec.space).map_or(limit, |size| size.min(limit))),
    };
    configs.map(|configs| configs * repeats)
}
