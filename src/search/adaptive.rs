//! What all searches that learn from results share: what was tried becomes points and costs, the configs of `try` and a
//! few spread points come first, and nothing is proposed twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::encode::{Encoding, Kind, Point};
use super::sobol::Scrambled;
use super::{Gain, History, Proposal, Sampler, Setup, Suggestion};
use crate::space::seed::{Rng, derive};
use crate::space::{Config, ConfigId, Space, State};

/// A space with at most so many points is held whole, so that it is known when it is used up.
const WHOLE: usize = 4_096;
/// The middle of the ranges is tried with up to so many values of the categories: people put ranges around what they know
/// to be good, and methods are compared best where the other settings are sensible.
const MIDDLES: u64 = 3;
/// After so many refused points in a row the search is given up.
const DESPAIR: u32 = 300_000;

/// How many configs a small finite space has, those of `try` included; none for others.
pub fn finite_size(space: &Arc<Space>) -> Option<u64> {
    let encoding = Encoding::new(space.clone());
    let mut ids: HashSet<ConfigId> = encoding.all(WHOLE)?.iter().map(|point| encoding.config(point).id()).collect();
    ids.extend(space.completed_tries().iter().filter(|config| space.accepts(config)).map(Config::id));
    Some(ids.len() as u64)
}

/// What came of a config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// The mean of its finite costs and how many there were.
    Cost { mean: f64, count: u32 },
    /// It was ended early, at this cost.
    Pruned(f64),
    /// It failed, diverged or gave no number.
    Failed,
    /// Nothing is known: somebody stopped it.
    Unknown,
}

/// A config that has ended.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) point: Arc<Point>,
    pub(super) outcome: Outcome,
}

/// What a model may look at.
pub(super) struct Past<'a> {
    pub(super) encoding: &'a Encoding,
    /// Configs that ended, in the order of their first proposals.
    pub(super) tried: Vec<Tried>,
    /// Configs without a result so far, in the order of their proposals.
    pub(super) running: Vec<Arc<Point>>,
    /// How many configs were proposed before.
    pub(super) index: u64,
    /// What the latest proposal left.
    pub(super) memory: &'a [f64],
    /// All points of a small finite space that were not proposed.
    pub(super) untried: Option<Vec<Arc<Point>>>,
}

impl Past<'_> {
    /// Points with finite costs: the mean of each and how often it was tried.
    pub(super) fn costs(&self) -> impl Iterator<Item = (&Point, f64, u32)> {
        self.tried.iter().filter_map(|tried| match tried.outcome {
            Outcome::Cost { mean, count } => Some((&*tried.point, mean, count)),
            _ => None,
        })
    }
}

/// What a model proposes.
#[derive(Clone, Debug, Default)]
pub(super) struct Ideas {
    /// The best first; the first that is allowed and new is taken.
    pub(super) points: Vec<Point>,
    /// Why.
    pub(super) why: String,
    /// What is hoped of the first.
    pub(super) gain: Option<Gain>,
    /// See [`Suggestion::memory`].
    pub(super) memory: Vec<f64>,
}

/// The part of a search that learns.
pub(super) trait Model: Send {
    /// The word of the sampler.
    fn word(&self) -> &'static str;
    /// How it goes on after the spread points, in a few words.
    fn about(&self, encoding: &Encoding) -> String;
    /// How many spread points come first.
    fn startup(&self, encoding: &Encoding, budget: Option<u64>) -> u64;
    /// Where to look next; nothing where too little is known.
    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas;
}

/// A search that learns by `M`.
pub(super) struct Adaptive<M> {
    space: Arc<Space>,
    encoding: Encoding,
    model: M,
    setup: Setup,
    tries: Vec<(ConfigId, Config)>,
    /// The points of configs that were seen; none for one that the space cannot say.
    points: HashMap<ConfigId, Option<Arc<Point>>>,
    /// A small finite space.
    whole: Option<Vec<(ConfigId, Arc<Point>)>>,
}

impl<M: Model> Adaptive<M> {
    pub(super) fn over(space: Arc<Space>, setup: Setup, model: M) -> Self {
        let encoding = Encoding::new(space.clone());
        let mut tries = Vec::new();
        for config in space.completed_tries() {
            let id = config.id();
            if space.accepts(&config) && tries.iter().all(|(other, _)| *other != id) {
                tries.push((id, config));
            }
        }
        let whole = encoding
            .all(WHOLE)
            .map(|points| points.into_iter().map(|point| (encoding.config(&point).id(), Arc::new(point))).collect());
        Self { space, encoding, model, setup, tries, points: HashMap::new(), whole }
    }

    fn point(&mut self, id: ConfigId, config: &Config) -> Option<Arc<Point>> {
        let encoding = &self.encoding;
        self.points.entry(id).or_insert_with(|| encoding.encode(config).map(Arc::new)).clone()
    }

    fn startup(&self) -> u64 {
        self.setup.init.unwrap_or_else(|| self.model.startup(&self.encoding, self.setup.budget))
    }

    /// How many of the spread points have the middle of every range.
    fn middles(&self) -> u64 {
        let values = |j: usize| match self.encoding.kind(j) {
            Kind::Category(count) => *count as u64,
            _ => 1,
        };
        let most = (0..self.encoding.len()).map(values).max().unwrap_or(1);
        if self.setup.recipe.centre { most.min(MIDDLES) } else { 0 }
    }

    /// The point `index` of the spread points that come first: the middle of every range, with up to [`MIDDLES`] values
    /// of the categories; then scrambled Sobol points. The values of every category take turns.
    fn spread(&self, index: u64) -> Point {
        let middles = self.middles();
        let mut sobol = Scrambled::new(derive(self.setup.seed, "spread points", 0));
        let x = (0..self.encoding.len()).map(|j| match self.encoding.kind(j) {
            Kind::Category(count) => {
                let count = *count as u64;
                let mut order: Vec<u64> = (0..count).collect();
                let dimension = (j as u64) << 32;
                Rng::for_purpose(self.setup.seed, "spread categories", dimension + index / count).shuffle(&mut order);
                order[(index % count) as usize] as f64
            }
            _ if index < middles => 0.5,
            // The table of directions has an end.
            _ if j >= 256 => Rng::for_purpose(self.setup.seed, "spread far", ((j as u64) << 32) + index).unit(),
            _ => self.encoding.coordinate(j, sobol.at((index - middles) as u32, j)),
        });
        self.encoding.point(x.collect())
    }
}

impl<M: Model> Sampler for Adaptive<M> {
    fn propose(&mut self, history: &History<'_>) -> Proposal {
        let mut proposed: HashSet<ConfigId> = HashSet::with_capacity(history.observations.len());
        let mut places: HashMap<ConfigId, usize> = HashMap::with_capacity(history.observations.len());
        let mut tried: Vec<Tried> = Vec::with_capacity(history.observations.len());
        for observation in history.observations {
            let outcome = outcome(observation.state, observation.costs.first().copied());
            if !proposed.insert(observation.id) {
                if let Some(&place) = places.get(&observation.id) {
                    tried[place].outcome = merged(tried[place].outcome, outcome);
                }
            } else if let Some(point) = self.point(observation.id, &observation.config) {
                places.insert(observation.id, tried.len());
                tried.push(Tried { point, outcome });
            }
        }
        let mut running = Vec::new();
        for pending in history.running {
            if proposed.insert(pending.id) {
                running.extend(self.point(pending.id, &pending.config));
            }
        }
        if let Some((_, config)) = self.tries.iter().find(|(id, _)| !proposed.contains(id)) {
            let why = "a config of `try`".to_owned();
            return Proposal::Config(Suggestion {
                config: config.clone(),
                why,
                gain: None,
                memory: history.memory.to_vec(),
            });
        }
        let mut untried: Option<Vec<Arc<Point>>> = self
            .whole
            .as_ref()
            .map(|all| all.iter().filter(|(id, _)| !proposed.contains(id)).map(|(_, point)| point.clone()).collect());
        if untried.as_ref().is_some_and(Vec::is_empty) {
            return Proposal::Exhausted;
        }
        let index = proposed.len() as u64;
        let mut rng = Rng::for_purpose(self.setup.seed, self.model.word(), index);
        let new = |encoding: &Encoding, point: &Point| {
            let config = encoding.config(point);
            (self.space.accepts(&config) && !proposed.contains(&config.id())).then_some(config)
        };
        let startup = self.startup();
        let memory = history.memory.to_vec();
        if index >= startup {
            let past = Past { encoding: &self.encoding, tried, running, index, memory: history.memory, untried };
            let ideas = self.model.ideas(&past, &mut rng);
            untried = past.untried;
            for point in &ideas.points {
                if let Some(config) = new(&self.encoding, point) {
                    return Proposal::Config(Suggestion {
                        config,
                        why: ideas.why,
                        gain: ideas.gain,
                        memory: ideas.memory,
                    });
                }
            }
        }
        let place = index.saturating_sub(self.tries.len() as u64);
        let spread = self.spread(place);
        if let Some(config) = new(&self.encoding, &spread) {
            let why = match () {
                () if self.encoding.len() == 0 => "the only config".to_owned(),
                () if place < self.middles() => "the middle of the ranges".to_owned(),
                () if index < startup => format!("spread over the space, {} of {startup}", index + 1),
                () => "spread over the space".to_owned(),
            };
            return Proposal::Config(Suggestion { config, why, gain: None, memory });
        }
        if let Some(rest) = untried {
            // A small space is known whole, and some of it is left.
            let point = &rest[rng.below(rest.len() as u64) as usize];
            let why = "at random, among those that were not tried".to_owned();
            return Proposal::Config(Suggestion { config: self.encoding.config(point), why, gain: None, memory });
        }
        for _ in 0..DESPAIR {
            let point = self.encoding.draw(&mut rng);
            if let Some(config) = new(&self.encoding, &point) {
                let constrained = if self.encoding.has_constraints() { " that meets the constraints" } else { "" };
                let why = format!("a random draw{constrained}");
                return Proposal::Config(Suggestion { config, why, gain: None, memory });
            }
        }
        Proposal::Stuck(format!(
            "{DESPAIR} draws in a row were refused by the constraints or had been proposed before; perhaps no other config meets the constraints"
        ))
    }

    fn is_adaptive(&self) -> bool {
        true
    }

    fn about(&self) -> String {
        if self.encoding.len() == 0 {
            return "there is one config".into();
        }
        let spread = match self.startup() {
            1 => "the middle of the ranges".into(),
            count => format!("{count} spread configs"),
        };
        let tries = if self.tries.is_empty() { String::new() } else { format!("{} of `try`, ", self.tries.len()) };
        let whole =
            self.whole.as_ref().map_or_else(String::new, |all| format!("; the space has {} configs", all.len()));
        format!("{tries}{spread}, then {}{whole}", self.model.about(&self.encoding))
    }
}

fn outcome(state: State, cost: Option<f64>) -> Outcome {
    match (state, cost.filter(|cost| cost.is_finite())) {
        (State::Done, Some(mean)) => Outcome::Cost { mean, count: 1 },
        (State::Pruned, Some(cost)) => Outcome::Pruned(cost),
        (State::Done | State::Failed | State::Diverged | State::Pruned, _) => Outcome::Failed,
        (State::Queued | State::Running | State::Lost | State::Stopped, _) => Outcome::Unknown,
    }
}

/// What two trials of one config say together.
fn merged(one: Outcome, other: Outcome) -> Outcome {
    match (one, other) {
        (Outcome::Cost { mean: a, count: m }, Outcome::Cost { mean: b, count: n }) => {
            let (m_, n_) = (f64::from(m), f64::from(n));
            Outcome::Cost { mean: a * (m_ / (m_ + n_)) + b * (n_ / (m_ + n_)), count: m + n }
        }
        (cost @ Outcome::Cost { .. }, _) | (_, cost @ Outcome::Cost { .. }) => cost,
        (pruned @ Outcome::Pruned(_), _) | (_, pruned @ Outcome::Pruned(_)) => pruned,
        (Outcome::Failed, _) | (_, Outcome::Failed) => Outcome::Failed,
        _ => Outcome::Unknown,
    }
}
