//! What can be typed. The doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::render::Format;
use crate::spec::Overrides;

/// Run hyperparameter sweeps and see which config is best
///
/// A sweep is described by a short YAML file. `sweep run` runs every combination in parallel and stores everything in
/// one SQLite file; the other commands answer questions about it.
#[derive(Debug, Parser)]
#[command(
    name = "sweep",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "More: logs (what a trial printed), stop, rerun, extend, predict (apply a saved model to new rows), doctor (check a store), backup.\n`sweep COMMAND --help` says everything about a command."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The store [default: SWEEP_DB, else the nearest results/sweep.db here or above]
    #[arg(long, global = true, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Say only what goes wrong, and print data
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The commands; the doc comments of their arguments are their help.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(RunArgs),
    Plan(PlanArgs),
    Ls(LsArgs),
    Show(ShowArgs),
    Trials(TrialsArgs),
    Best(BestArgs),
    #[command(hide = true)]
    Logs(LogsArgs),
    #[command(hide = true)]
    Stop(StopArgs),
    #[command(hide = true)]
    Rerun(RerunArgs),
    #[command(hide = true)]
    Extend(ExtendArgs),
    #[command(hide = true)]
    Doctor(DoctorArgs),
    #[command(hide = true)]
    Backup(BackupArgs),
    #[command(hide = true)]
    Predict(PredictArgs),
}

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
    /// How to search: grid, random
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

/// How a listing is printed.
#[derive(Clone, Copy, Debug, Args)]
pub struct FormatArgs {
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl FormatArgs {
    /// The wanted format.
    pub fn format(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// List sweeps
#[derive(Debug, Args)]
pub struct LsArgs {
    /// How to print
    #[command(flatten)]
    pub format: FormatArgs,
}

/// Show a sweep, or a trial with its curve
///
/// A sweep is its number, its name, the start of its name, `last`, or `last~1` for the one before. A trial is
/// SWEEP/NUMBER, such as `3/17` or `last/17`, or SWEEP/ and the start of the config's id.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The sweep or trial
    #[arg(value_name = "SWEEP|TRIAL", default_value = "last")]
    pub what: String,
    /// Print as JSON; a trial's has its series
    #[arg(long)]
    pub json: bool,
    /// Print the spec of the sweep as it was written
    #[arg(long, conflicts_with = "json")]
    pub spec: bool,
}

/// List trials
///
/// Of one sweep or several: numbers, names, `last`, `last~1`, `1-5`, `tag:x`, `all`, or single trials such as `3/17`, `3/1-5`
/// and `3/5b6c` (the start of a config's id).
///
/// A filter compares params, metrics and the fields state, reason, trial, sweep, repeat, seed, attempts, took (seconds),
/// started, ended, config, tags; `sweep help filter` has all of it:
///
///   sweep trials -F 'lr > 1e-3 and method in [sgd, adam] and state = done' --sort val_loss --top 10
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct TrialsArgs {
    /// The sweeps or trials
    #[arg(value_name = "SWEEP|TRIAL", default_value = "last")]
    pub sweeps: Vec<String>,
    /// Only trials for which this holds
    #[arg(short = 'F', long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Sort by a param, metric or field; `-NAME` sorts downwards
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Only the first so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: Option<u32>,
    /// These columns: params, metrics or fields, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Only params that differ between the trials
    #[arg(long)]
    pub only_changed: bool,
    /// One row a config: mean, standard deviation and count over its seeds
    #[arg(long)]
    pub group: bool,
    /// One row for each combination of these params
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub group_by: Vec<String>,
    /// All params, metrics and fields, however wide
    #[arg(long, conflicts_with = "columns")]
    pub wide: bool,
    /// Drop no column and shorten no cell to fit the terminal
    #[arg(long)]
    pub no_trunc: bool,
    /// How to print
    #[command(flatten)]
    pub format: FormatArgs,
}

/// Show the best configs, or the best of each value of a param
///
/// What is ranked is the config: the mean over its seeds. One failed or diverged seed ranks it last.
#[derive(Debug, Args)]
pub struct BestArgs {
    /// The sweep
    #[arg(value_name = "SWEEP", default_value = "last")]
    pub sweep: String,
    /// The best config of each value of this param
    #[arg(long, value_name = "PARAM")]
    pub by: Option<String>,
    /// How many configs
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Only trials for which this holds
    #[arg(short = 'F', long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// How to print
    #[command(flatten)]
    pub format: FormatArgs,
}

/// Apply a saved model to new rows
///
/// The trial must have been run with `each: {keep: [model]}`. Prints one row for each row of the data: the prediction,
/// and for classes the probability of each.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The trial, such as `3/17`, or a .safetensors file
    #[arg(value_name = "TRIAL|FILE")]
    pub model: String,
    /// The new rows: .csv, .parquet or .jsonl
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value = "csv")]
    pub format: Format,
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

/// Check a store, and mend it
///
/// Looks for damage, rows that belong to nothing, traces of processes that are gone, states that cannot be, folders and
/// files without trials. Exit code 1 where something is wrong and was not mended.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Mend what can be mended
    #[arg(long)]
    pub repair: bool,
    /// Give up the claim of another machine on this sweep
    #[arg(long, value_name = "SWEEP")]
    pub release: Option<String>,
}

/// Copy a store that may be in use
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The new file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the file
    #[arg(long)]
    pub force: bool,
}
