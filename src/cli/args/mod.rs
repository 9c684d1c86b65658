//! What can be typed. The doc comments are the help texts.

mod care;
mod look;
mod run;

pub use care::{
    BackupArgs, CompleteArgs, CompletionArgs, DoctorArgs, HelpArgs, ImportArgs, ManArgs, RmArgs, Shell, TagArgs,
};
pub use look::{
    BestArgs, CompareArgs, ExportArgs, ExportFormat, LsArgs, PredictArgs, QueryArgs, ShowArgs, TrialChoice, TrialsArgs,
};
pub use run::{ExtendArgs, LogsArgs, PlanArgs, RerunArgs, RunArgs, StopArgs, SuggestArgs};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::render::Format;

/// What the short help says below the commands.
const MORE: &str = "\
More: query (SQL), logs (what a trial printed), stop, rerun, extend, suggest, predict, tag, rm, import, doctor, \
backup, completion, man.
Topics: sweep help spec, search, ask-tell, filter, views, queries, commands, store.";

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
    disable_help_subcommand = true,
    after_help = MORE
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
    Compare(CompareArgs),
    Export(ExportArgs),
    #[command(hide = true)]
    Query(QueryArgs),
    #[command(hide = true)]
    Tag(TagArgs),
    #[command(hide = true)]
    Rm(RmArgs),
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
    #[command(hide = true)]
    Suggest(SuggestArgs),
    #[command(hide = true)]
    Import(ImportArgs),
    #[command(hide = true)]
    Completion(CompletionArgs),
    #[command(hide = true)]
    Complete(CompleteArgs),
    #[command(hide = true)]
    Man(ManArgs),
    #[command(hide = true)]
    Help(HelpArgs),
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
    /// Drop no column and shorten no cell of a table to fit the terminal
    #[arg(long)]
    pub no_trunc: bool,
}

impl FormatArgs {
    /// The wanted format.
    pub fn format(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}
