//! Arguments of the commands that run trials.

use std::path::PathBuf;

use clap::Args;

use crate::spec::Overrides;

/// What a spec can say, in short.
const SPEC_HELP: &str = "A spec, for a program of your own:

  run: python train.py {args} --seed={seed}
  metric: min val_loss
  repeats: 3
  params:
    lr: {log: [1e-4, 0.1], grid: 4}
    batch: [32, 64]

Keys: name run dir env read train params search constraints cases try metric repeats seeds seed
  trials configs time target parallel slots each max_failures tags include
In `each`: cpu gpu mem timeout stall grace retries keep
In `run`: {args} {args:space} {args:hydra} {args:flags} {args:json} {NAME} {config.yaml} {seed}
  {trial} {dir} {env:X}
The program is given SWEEP_PARAMS, SWEEP_SEED, SWEEP_TRIAL, SWEEP_DIR (a directory of its own, of
which `keep` keeps files) and SWEEP_REPORT (a file for metrics as lines of JSON).";

/// What changes a spec on the command line.
#[derive(Debug, Default, Args)]
pub struct SpecChanges {
    /// Overrides: `lr=0.1` or `lr='{log: [1e-3, 1], grid: 4}'` sets a param, `train.epochs=5` a key of `train`
    #[arg(value_name = "K=V")]
    pub assignments: Vec<String>,
    /// The command of a trial, for a spec that names none; it runs where you stand
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// The name of the sweep [default: `name:` in the spec, else the file's name]
    #[arg(long)]
    pub name: Option<String>,
    /// Trials in all (configs x repeats)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Configs in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub configs: Option<u64>,
    /// How to search: bayes, grid, random, sobol, tpe, gp, cmaes
    #[arg(long, value_name = "NAME")]
    pub search: Option<String>,
    /// The seed of the sweep
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Run each config with so many seeds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeats: Option<u32>,
    /// Trials at once [default: built-in trials one for each core, commands one or one for each GPU]
    #[arg(short = 'j', long = "parallel", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub parallel: Option<u32>,
}

impl SpecChanges {
    /// As the spec takes them.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            assignments: self.assignments.clone(),
            command: self.command.clone(),
            here: std::env::current_dir().unwrap_or_default(),
            name: self.name.clone(),
            trials: self.trials,
            configs: self.configs,
            search: self.search.clone(),
            seed: self.seed,
            repeats: self.repeats,
            parallel: self.parallel.map(|n| n as usize),
        }
    }
}

/// Run a sweep, or go on with one
///
/// The same command again runs what is missing. A changed spec begins a new sweep where the old one is complete; where
/// it is not, `sweep` shows the difference and asks for `--extend`, `--new` or `--resume`.
///
/// Ctrl-C stops after the running trials, a second one at once. Nothing that was shown as done is lost.
///
/// Exit codes: 0 done, 1 some trials failed, 2 a mistake in the spec or the command, 3 not complete or run by another
/// process, 4 the store or the system failed, 130 interrupted.
#[derive(Debug, Args)]
#[command(after_long_help = SPEC_HELP)]
pub struct RunArgs {
    /// The spec
    #[arg(value_name = "SPEC.yaml", required_unless_present = "resume")]
    pub spec: Option<PathBuf>,
    /// Changes to the spec
    #[command(flatten)]
    pub changes: SpecChanges,
    /// Begin a new sweep whatever there is
    #[arg(long, conflicts_with_all = ["extend", "resume"])]
    pub new: bool,
    /// Add to the last sweep of the name: more values, repeats or configs
    #[arg(long, conflicts_with = "resume")]
    pub extend: bool,
    /// Go on with this sweep as its spec was stored
    #[arg(long, value_name = "SWEEP", conflicts_with = "spec")]
    pub resume: Option<String>,
    /// Go on although data files have changed, or another machine has the sweep; results are marked
    #[arg(long)]
    pub anyway: bool,
    /// Run failed trials again
    #[arg(long)]
    pub retry_failed: bool,
}

/// Check a spec and show what it would run
///
/// Shows how many trials there are and why, what the constraints accept, the first and last configs, every default and
/// the time to expect (of a command, judged by an earlier sweep of the name). Nothing is stored.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The spec
    #[arg(value_name = "SPEC.yaml")]
    pub spec: PathBuf,
    /// Changes to the spec
    #[command(flatten)]
    pub changes: SpecChanges,
    /// Print the plan as JSON, with the spec as it is meant
    #[arg(long)]
    pub json: bool,
}

/// Show what a trial printed
///
/// Of a flood the first and the last 4 MiB are kept. On a terminal, what could do harm there is written out.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The trial, such as `3/17`; of a sweep, the trial that runs
    #[arg(value_name = "TRIAL", default_value = "last")]
    pub trial: String,
    /// Go on until the trial ends
    #[arg(long, short)]
    pub follow: bool,
    /// What it printed on standard error
    #[arg(long)]
    pub stderr: bool,
    /// An earlier attempt of the trial
    #[arg(long, value_name = "N")]
    pub attempt: Option<u32>,
}

/// Stop a running sweep, or single trials of it
///
/// A sweep starts no more trials and ends with those that run; the same `sweep run` goes on later. A trial that is
/// stopped stays so until `sweep rerun`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// The sweep, or trials such as `3/17` or `3/1-5`
    #[arg(value_name = "SWEEP|TRIAL", required = true)]
    pub what: Vec<String>,
    /// End the running trials of a sweep too; they run again on resume
    #[arg(long)]
    pub now: bool,
}

/// Run trials again
///
/// What they gave before is kept with the earlier attempt and does not count any more. In a sweep that is running they
/// stand in line; otherwise they run now.
#[derive(Debug, Args)]
pub struct RerunArgs {
    /// Trials such as `3/17` or `3/1-5`; with `--failed`, the sweep
    #[arg(value_name = "TRIAL|SWEEP", required_unless_present = "failed")]
    pub what: Vec<String>,
    /// All failed trials of the sweep
    #[arg(long)]
    pub failed: bool,
    /// Trials at once
    #[arg(short = 'j', long = "parallel", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub parallel: Option<u32>,
}

/// Add values, repeats or trials to a sweep
///
/// `lr=0.3` or `lr=[0.3, 1]` adds values to what was searched; a domain such as `lr='{log: [1e-5, 1]}'` replaces it and
/// must hold all that was tried. In a sweep that is running the new trials stand in line; otherwise they run now.
#[derive(Debug, Args)]
pub struct ExtendArgs {
    /// The sweep
    #[arg(value_name = "SWEEP")]
    pub sweep: String,
    /// More values of params
    #[arg(value_name = "K=V")]
    pub assignments: Vec<String>,
    /// Trials in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Configs in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub configs: Option<u64>,
    /// Seeds of each config
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeats: Option<u32>,
    /// Trials at once
    #[arg(short = 'j', long = "parallel", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub parallel: Option<u32>,
    /// Go on although files have changed; results are marked
    #[arg(long)]
    pub anyway: bool,
}

/// Search for another program: JSON lines on standard input and output
///
/// `{"space": {"lr": {"type": "float", "low": 1e-5, "high": 1, "log": true}}, "direction": "minimize", "seed": 0}` begins a
/// search, `{"ask": 2}` is answered with two trials, `{"tell": [{"id": 0, "value": 0.3}]}` says what came of one (null: it
/// failed). Trials may be asked for before others are told, and told in any order. A message that is wrong is answered
/// with `{"error": ...}` and changes nothing.
#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// Which search: bayes, gp, tpe, cmaes, sobol, random or grid
    #[arg(long, value_name = "NAME", default_value = "bayes")]
    pub sampler: String,
    /// The seed of a search whose message gives none
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}
