//! Arguments of the commands that look.

use std::path::PathBuf;

use clap::Args;

use super::FormatArgs;
use crate::render::Format;

/// List sweeps
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Hidden sweeps, in place of the others
    #[arg(long)]
    pub hidden: bool,
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

/// Which trials, and in which order.
#[derive(Clone, Debug, Args)]
pub struct TrialChoice {
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
}

/// List trials
///
/// Of one sweep or several: numbers, names, `last`, `last~1`, `1-5`, `tag:x`, `all`, or
/// single trials such as `3/17`, `3/1-5` and `3/5b6c` (the start of a config's id).
///
/// A filter compares params, metrics and the fields state, reason, trial, sweep, repeat,
/// seed, attempts, took (seconds), started, ended, config, tags; `sweep help filter` has
/// all of it:
///
///   sweep trials -F 'lr > 1e-3 and method in [sgd, adam] and state = done' --sort val_loss --top 10
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct TrialsArgs {
    /// Which trials
    #[command(flatten)]
    pub choice: TrialChoice,
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

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Jsonl,
    /// A spec that runs the configs again.
    Spec,
}

/// Write trials to a file for other programs
///
/// One row a trial with its params and final metrics; with `--long` one row a metric, with
/// `--series` one row a point of a series. `--to spec` (or a file that ends in .yaml) writes
/// a spec that runs the same configs again.
///
///   sweep export 3 -o trials.parquet
///   sweep export 3 -F 'state = done' --sort val_loss --top 5 -o best.yaml
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ExportArgs {
    /// Which trials
    #[command(flatten)]
    pub choice: TrialChoice,
    /// The file; `-` is standard output [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace a spec that was not written by an export
    #[arg(long)]
    pub force: bool,
    /// The format [default: by the ending of the file, else csv]
    #[arg(long, value_enum)]
    pub to: Option<ExportFormat>,
    /// One row a trial and metric: sweep, trial, config, repeat, name, value
    #[arg(long, conflicts_with = "series")]
    pub long: bool,
    /// One row a point: sweep, trial, name, step, value
    #[arg(long)]
    pub series: bool,
}

/// Ask the store in SQL
///
/// Over the views sweeps, trials, params, metrics, series, and the wide views `last` and
/// `sweep_3`, with a column for each param and metric; `sweep help views` has all columns
/// and functions. Only reading is possible.
///
///   sweep query 'SELECT method, median(val_loss) FROM last GROUP BY method'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct QueryArgs {
    /// The question; `-` reads it from standard input
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// The most rows
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub limit: u32,
    /// The longest time, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub timeout: f64,
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

/// Show sweeps or trials side by side
///
/// Params, metrics with their differences (the last less the first), and what differs in
/// the spec, the environment, the data and the code. A sweep is shown by its best config.
///
///   sweep compare last~1 last
///   sweep compare 3/1 3/17
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct CompareArgs {
    /// Sweeps or trials
    #[arg(value_name = "SWEEP|TRIAL", required = true)]
    pub what: Vec<String>,
    /// How to print
    #[command(flatten)]
    pub format: FormatArgs,
}
