//! A spec as it is meant: checked, with every default settled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::template::Template;
use crate::search::{Recipe, SamplerKind, Setup};
use crate::space::{Space, seed};
use crate::train::TrainSpec;

/// One sweep, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The name of the sweep: `name:`, else the file's name without its ending.
    pub name: String,
    /// What is searched.
    pub space: Arc<Space>,
    /// How it is searched.
    pub search: SearchSpec,
    /// The seed of the sweep.
    pub seed: u64,
    /// How often each config runs.
    pub repeats: Repeats,
    /// When to stop.
    pub budget: Budget,
    /// What is compared.
    pub objective: Objective,
    /// What a trial does.
    pub job: Job,
    /// How many trials run at once.
    pub parallel: Parallel,
    /// What of the machine is there for trials; what is not said is detected.
    pub slots: Slots,
    /// What each trial needs, and its limits.
    pub each: Each,
    /// The run ends once so many trials have failed.
    pub max_failures: Option<u64>,
    /// Words to find the sweep by.
    pub tags: Vec<String>,
}

impl Spec {
    /// What built-in trials train.
    pub fn train(&self) -> Option<&TrainSpec> {
        match &self.job {
            Job::Train(train) => Some(train),
            Job::Command(_) => None,
        }
    }

    /// The command of a trial.
    pub fn command(&self) -> Option<&CommandSpec> {
        match &self.job {
            Job::Train(_) => None,
            Job::Command(command) => Some(command),
        }
    }

    /// The seed of the search.
    pub fn search_seed(&self) -> u64 {
        self.search.seed.unwrap_or_else(|| seed::derive(self.seed, "search", 0))
    }

    /// The seed of the trials of one repeat, in `[0, 2^31)`.
    pub fn trial_seed(&self, repeat: u32) -> u64 {
        match &self.repeats {
            Repeats::Count(_) => seed::trial_seed(self.seed, u64::from(repeat)),
            Repeats::Seeds(seeds) => seeds.get(repeat as usize).copied().unwrap_or(0),
        }
    }

    /// The most configs this spec asks for; none where the search itself ends.
    pub fn config_limit(&self) -> Option<u64> {
        let by_trials = self.budget.trials.map(|trials| trials / u64::from(self.repeats.count()));
        match (self.budget.configs, by_trials) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (Some(limit), None) | (None, Some(limit)) => Some(limit),
            (None, None) if self.search.sampler.is_finite() => None,
            (None, None) => Some(self.default_configs()),
        }
    }

    /// What the sampler is made from.
    pub fn search_setup(&self) -> Setup {
        Setup {
            seed: self.search_seed(),
            budget: self.config_limit(),
            init: self.search.init,
            recipe: Recipe::default(),
        }
    }

    /// How many configs a search without an end of its own tries when nothing is said: max(20, 10 x searched params).
    pub fn default_configs(&self) -> u64 {
        (10 * self.space.searched() as u64).max(20)
    }
}

/// What a trial does.
#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    /// Trains in process.
    Train(Box<TrainSpec>),
    /// Runs a program.
    Command(CommandSpec),
}

/// The program of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSpec {
    /// Its words; at least one.
    pub run: Vec<Template>,
    /// Its working directory, relative to the spec's folder.
    pub dir: PathBuf,
    /// Variables to set, or (none) to unset.
    pub env: Vec<(String, Option<Template>)>,
    /// A regular expression that reads metrics from standard output, instead of the forms that are known.
    pub pattern: Option<String>,
}

impl CommandSpec {
    /// The directory in which it runs, for a spec in `folder`.
    pub fn directory(&self, folder: &Path) -> PathBuf {
        let there = folder.join(&self.dir);
        if there.as_os_str().is_empty() { PathBuf::from(".") } else { there }
    }
}

/// How a space is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchSpec {
    /// Which sampler.
    pub sampler: SamplerKind,
    /// A seed of its own; none derives it from the sweep's.
    pub seed: Option<u64>,
    /// How many spread configs a search that learns begins with; none leaves it to the search.
    pub init: Option<u64>,
}

/// How often each config runs, with which seeds.
#[derive(Clone, Debug, PartialEq)]
pub enum Repeats {
    /// So many times, with derived seeds.
    Count(u32),
    /// Once with each of these seeds.
    Seeds(Vec<u64>),
}

impl Repeats {
    /// How often.
    pub fn count(&self) -> u32 {
        match self {
            Self::Count(count) => *count,
            Self::Seeds(seeds) => seeds.len() as u32,
        }
    }
}

/// When a sweep stops before its search ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// Trials in all, over all resumes.
    pub trials: Option<u64>,
    /// Configs in all.
    pub configs: Option<u64>,
    /// Time from the start of the command.
    pub time: Option<Duration>,
    /// Stop once a trial reaches this.
    pub target: Option<Target>,
}

/// What is good enough.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A value of a metric.
    Value {
        /// The metric; always the objective's.
        metric: String,
        /// The value.
        value: f64,
    },
    /// The search expects no more improvement beyond noise.
    Converged,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The metric.
    pub metric: String,
    /// Which way is better.
    pub goal: Goal,
    /// Which point of its series counts.
    pub at: At,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Less.
    Min,
    /// More.
    Max,
}

impl Goal {
    /// Whether `a` is better than `b`; false where one of them is NaN.
    pub fn is_better(self, a: f64, b: f64) -> bool {
        match self {
            Self::Min => a < b,
            Self::Max => a > b,
        }
    }

    /// The word of the spec.
    pub fn word(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// Which point of a series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The last.
    Last,
    /// The best.
    Best,
    /// The last one not after this step.
    Step(u64),
    /// The mean of the last so many.
    Mean(u64),
}

/// How many trials run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parallel {
    /// Built-in trials: one for each core. Commands: one, one for each GPU, or what [`Each`] allows of the machine.
    Auto,
    /// So many.
    Count(usize),
}

/// What of the machine is there for trials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slots {
    /// Cores.
    pub cpu: Option<f64>,
    /// GPUs, by index or UUID.
    pub gpu: Option<Vec<String>>,
    /// Bytes of memory.
    pub mem: Option<u64>,
}

/// What each trial needs, and its limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Each {
    /// Cores.
    pub cpu: Option<f64>,
    /// GPUs; less than one is a share.
    pub gpu: Option<f64>,
    /// Bytes of memory.
    pub mem: Option<u64>,
    /// A trial that runs longer fails.
    pub timeout: Option<Duration>,
    /// A trial that prints nothing for so long fails.
    pub stall: Option<Duration>,
    /// How long a trial that is ended may take before it is killed.
    pub grace: Option<Duration>,
    /// How often a failed trial is tried again.
    pub retries: u32,
    /// What is kept: `model` of built-in training, file names and globs of a command's directory.
    pub keep: Vec<String>,
}

impl Each {
    /// Whether the model of built-in training is kept.
    pub fn keeps_model(&self) -> bool {
        self.keep.iter().any(|item| item == "model")
    }
}

/// What the command line changes in a spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `k=v` and `train.k=v`, as typed.
    pub assignments: Vec<String>,
    /// The words after `--`: a command for a spec that has none.
    pub command: Vec<String>,
    /// The folder that command runs in.
    pub here: PathBuf,
    /// `--name`.
    pub name: Option<String>,
    /// `--trials`.
    pub trials: Option<u64>,
    /// `--configs`.
    pub configs: Option<u64>,
    /// `--search`.
    pub search: Option<String>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--repeats`.
    pub repeats: Option<u32>,
    /// `-j`.
    pub parallel: Option<usize>,
}
