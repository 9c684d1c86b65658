//! The trials of a search that learns: a config is proposed from what has ended, its repeats run together.
//!
//! With one slot every proposal is made after the result before it. With more, the next proposal is made while trials
//! run; it is made again when a result has come that it has not seen, unless that would keep a slot waiting for longer
//! than a small part of a trial. What it saw is stored with it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::planner::{Next, Task};
use super::proposer::{Answer, Proposer, Question, Wake};
use crate::search::{Observation, Pending, Proposal, sampler};
use crate::space::{Config, ConfigId, State};
use crate::spec::{Goal, Spec, Target};
use crate::store::{Proposed, Reason, Recorded};

/// A proposal is made anew for a result that it has not seen where that takes less than this share of a trial.
const SHARE: f64 = 0.02;

/// A search has converged when so many proposals in a row hardly expected anything.
const HOPELESS: usize = 10;

/// A config of the search.
struct Entry {
    config: Arc<Config>,
    id: ConfigId,
    /// The trial of each repeat.
    trials: Vec<Option<Trial>>,
}

/// A trial that was handed out or is about to be.
#[derive(Clone, Copy)]
struct Trial {
    number: u64,
    /// How it ended, and the compared value.
    end: Option<(State, f64)>,
}

/// Hands out the trials of a search that learns.
pub(super) struct Learner {
    spec: Arc<Spec>,
    proposer: Proposer,
    wake: Option<Wake>,
    /// Whether a question is being answered.
    asked: bool,
    /// An answer that was not used yet.
    ready: Option<Answer>,
    entries: Vec<Entry>,
    places: HashMap<ConfigId, usize>,
    taken: HashSet<u64>,
    queue: VecDeque<Task>,
    memory: Vec<f64>,
    limit: Option<u64>,
    exhausted: bool,
    pub(super) stuck: Option<String>,
    /// Why no more improvement is to be expected, where the spec asks for that.
    pub(super) converged: Option<String>,
    /// How many of the latest proposals in a row hardly expected anything.
    hopeless: usize,
    /// Results so far, and how many of them the answer in `ready` or in the making has seen.
    results: u64,
    results_seen: u64,
    /// Seconds of the last proposal, and of the trials that ended in this run.
    proposal_seconds: f64,
    trial_seconds: (f64, u64),
}

impl Learner {
    /// The trials of `spec` without those in `recorded` that are final; failed ones are run again where `retry_failed`.
    pub(super) fn new(
        spec: Arc<Spec>,
        proposed: &[Proposed],
        recorded: &[Recorded],
        retry_failed: bool,
        wake: Option<Wake>,
    ) -> Self {
        let sampler = sampler(spec.search.sampler, spec.space.clone(), spec.search_setup());
        let mut learner = Self {
            proposer: Proposer::new(sampler, wake.clone()),
            wake,
            asked: false,
            ready: None,
            entries: Vec::new(),
            places: HashMap::new(),
            taken: recorded.iter().map(|trial| trial.number).collect(),
            queue: VecDeque::new(),
            memory: Vec::new(),
            limit: spec.config_limit(),
            exhausted: false,
            stuck: None,
            converged: None,
            hopeless: 0,
            results: 0,
            results_seen: 0,
            proposal_seconds: 0.0,
            trial_seconds: (0.0, 0),
            spec,
        };
        for proposed in proposed {
            learner.add(proposed.config.clone(), proposed.id);
            learner.memory.clone_from(&proposed.memory);
            learner.weigh(proposed.worth);
        }
        let mut again = Vec::new();
        for trial in recorded {
            let Some(&place) = learner.places.get(&trial.id) else { continue };
            let (ordinal, entry) = (place as u64, &mut learner.entries[place]);
            let is_final = trial.state.is_final() && !(retry_failed && trial.state == State::Failed);
            let repeat = trial.repeat as usize;
            if entry.trials.len() <= repeat {
                entry.trials.resize(repeat + 1, None);
            }
            let end = is_final.then(|| (trial.state, trial.objective.unwrap_or(f64::NAN)));
            entry.trials[repeat] = Some(Trial { number: trial.number, end });
            if !is_final {
                again.push(Task {
                    config: entry.config.clone(),
                    id: trial.id,
                    repeat: trial.repeat,
                    seed: learner.spec.trial_seed(trial.repeat),
                    ordinal,
                    number: trial.number,
                    attempt: trial.attempts + 1,
                    retries: 0,
                    reason: None,
                });
            }
        }
        learner.queue.extend(again);
        (0..learner.entries.len()).for_each(|place| learner.line_up(place, None));
        learner
    }

    fn add(&mut self, config: Arc<Config>, id: ConfigId) -> usize {
        let place = self.entries.len();
        self.places.insert(id, place);
        self.entries.push(Entry { config, id, trials: vec![None; self.spec.repeats.count() as usize] });
        place
    }

    /// Puts the repeats of a config in line that have no trial.
    fn line_up(&mut self, place: usize, reason: Option<Arc<Reason>>) {
        let repeats = self.spec.repeats.count();
        for repeat in 0..repeats {
            let entry = &mut self.entries[place];
            if entry.trials.len() <= repeat as usize {
                entry.trials.resize(repeat as usize + 1, None);
            }
            if entry.trials[repeat as usize].is_some() {
                continue;
            }
            let mut number = place as u64 * u64::from(repeats) + u64::from(repeat) + 1;
            // After repeats were added, a number may be another trial's.
            if self.taken.contains(&number) {
                number = self.taken.iter().copied().max().unwrap_or(0) + 1;
            }
            self.taken.insert(number);
            entry.trials[repeat as usize] = Some(Trial { number, end: None });
            self.queue.push_back(Task {
                config: entry.config.clone(),
                id: entry.id,
                repeat,
                seed: self.spec.trial_seed(repeat),
                ordinal: place as u64,
                number,
                attempt: 1,
                retries: 0,
                reason: reason.clone(),
            });
        }
    }

    /// The next trial, if it is known.
    pub(super) fn next(&mut self) -> Next {
        loop {
            if let Some(task) = self.queue.pop_front() {
                return Next::Task(task);
            }
            if self.is_over() {
                return Next::Nothing;
            }
            self.take_answer();
            let answer = match self.ready.take() {
                Some(answer) if !self.is_stale() => answer,
                _ if self.asked => return Next::Wait,
                _ => {
                    self.ask();
                    if self.ready.is_none() {
                        return Next::Wait;
                    }
                    continue;
                }
            };
            match answer.proposal {
                Proposal::Config(suggestion) => {
                    self.memory.clone_from(&suggestion.memory);
                    let (config, id) = (Arc::new(suggestion.config.clone()), suggestion.config.id());
                    let why = suggestion.reason(self.spec.objective.goal == Goal::Max);
                    let worth = suggestion.gain.map(|gain| gain.worth);
                    self.weigh(worth);
                    if self.is_converged() {
                        self.converged = Some(format!(
                            "{HOPELESS} proposals in a row expected to gain less than 0.1 % of the spread of the results, as the model sees them, and a tenth of their noise"
                        ));
                        continue;
                    }
                    let reason = Reason { why, seen: answer.seen, memory: suggestion.memory, worth };
                    let place = self.add(config, id);
                    self.line_up(place, Some(Arc::new(reason)));
                }
                Proposal::Exhausted => self.exhausted = true,
                Proposal::Stuck(why) => self.stuck = Some(why),
            }
        }
    }

    /// Whether nothing more is proposed.
    pub(super) fn is_over(&self) -> bool {
        self.exhausted
            || self.converged.is_some()
            || self.stuck.is_some()
            || self.limit.is_some_and(|limit| self.entries.len() as u64 >= limit)
    }

    /// Whether nothing is left to hand out.
    pub(super) fn is_done(&self) -> bool {
        self.queue.is_empty() && self.is_over()
    }

    /// Begins the next proposal while all slots are busy.
    pub(super) fn prepare(&mut self) {
        self.take_answer();
        if self.queue.is_empty() && !self.asked && !self.is_over() && (self.ready.is_none() || self.is_stale()) {
            self.ask();
        }
    }

    /// Whether a result has come that the answer at hand has not seen, and there is time to make another.
    fn is_stale(&self) -> bool {
        let trial = self.trial_seconds.0 / self.trial_seconds.1.max(1) as f64;
        self.results_seen < self.results && self.proposal_seconds < SHARE * trial
    }

    fn take_answer(&mut self) {
        if self.asked
            && let Some(answer) = self.proposer.answer()
        {
            self.asked = false;
            self.proposal_seconds = answer.seconds;
            self.ready = Some(answer);
        }
    }

    fn ask(&mut self) {
        let sign = match self.spec.objective.goal {
            Goal::Min => 1.0,
            Goal::Max => -1.0,
        };
        let (mut observations, mut running, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for entry in &self.entries {
            let mut is_running = false;
            for trial in entry.trials.iter().flatten() {
                let Trial { number, end: Some((state, value)) } = *trial else {
                    is_running = true;
                    continue;
                };
                let (config, id) = (entry.config.clone(), entry.id);
                observations.push(Observation { config, id, state, costs: vec![sign * value] });
                numbers.push(number);
            }
            if is_running {
                running.push(Pending { config: entry.config.clone(), id: entry.id });
            }
        }
        self.results_seen = self.results;
        let question = Question { observations, running, memory: self.memory.clone(), seen: ranges(&mut numbers) };
        self.ready = self.proposer.ask(question);
        self.asked = self.ready.is_none();
        if let Some(answer) = &self.ready {
            self.proposal_seconds = answer.seconds;
        }
    }

    /// Counts proposals in a row that hardly expected anything.
    fn weigh(&mut self, worth: Option<f64>) {
        self.hopeless = if worth.is_some_and(|worth| worth < 1.0) { self.hopeless + 1 } else { 0 };
    }

    fn is_converged(&self) -> bool {
        self.spec.budget.target == Some(Target::Converged) && self.hopeless >= HOPELESS
    }

    /// A trial has ended for good, after so many seconds.
    pub(super) fn ended(&mut self, task: &Task, state: State, objective: Option<f64>, seconds: f64) {
        if let Some(trial) = self.trial_mut(task) {
            trial.end = Some((state, objective.unwrap_or(f64::NAN)));
            self.results += 1;
            self.trial_seconds.0 += seconds;
            self.trial_seconds.1 += 1;
        }
    }

    /// A trial is to run again, so that its result counts no more.
    pub(super) fn reopen(&mut self, task: &Task) {
        if let Some(trial) = self.trial_mut(task) {
            trial.end = None;
        }
    }

    fn trial_mut(&mut self, task: &Task) -> Option<&mut Trial> {
        let place = *self.places.get(&task.id)?;
        self.entries[place].trials.get_mut(task.repeat as usize)?.as_mut()
    }

    /// Goes on with a spec that adds to the one so far.
    pub(super) fn extend(&mut self, spec: Arc<Spec>) {
        let sampler = sampler(spec.search.sampler, spec.space.clone(), spec.search_setup());
        self.proposer = Proposer::new(sampler, self.wake.clone());
        (self.asked, self.ready, self.exhausted, self.stuck) = (false, None, false, None);
        self.converged = None;
        self.limit = spec.config_limit();
        self.spec = spec;
        (0..self.entries.len()).for_each(|place| self.line_up(place, None));
    }

    /// How many trials there are in all, once nothing more is proposed.
    pub(super) fn total(&self) -> Option<u64> {
        self.is_over().then(|| self.entries.len() as u64 * u64::from(self.spec.repeats.count()))
    }
}

/// Numbers as ranges: `1-5 7`.
fn ranges(numbers: &mut [u64]) -> String {
    numbers.sort_unstable();
    let mut out = String::new();
    let mut i = 0;
    while i < numbers.len() {
        let start = numbers[i];
        let mut end = start;
        while numbers.get(i + 1) == Some(&(end + 1)) {
            end += 1;
            i += 1;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&if start == end { start.to_string() } else { format!("{start}-{end}") });
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(ranges(&mut [3, 1, 2, 7, 9, 10]), "1-3 7 9-10");
        assert_eq!(ranges(&mut []), "");
    }
}
