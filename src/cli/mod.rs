//! The command line: one file a subcommand. Standard output is data, everything else goes to standard error.

mod args;
mod ask;
mod backup;
mod best;
mod compare;
mod complete;
mod conclude;
mod doctor;
mod error;
mod export;
mod extend;
mod help;
mod import;
mod input;
mod logs;
mod ls;
mod output;
mod plan;
mod predict;
mod query;
mod refusal;
mod rerun;
mod rm;
mod run;
mod session;
mod show;
mod stop;
mod suggest;
mod tag;
mod trials;
mod work;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command};
use error::CliError;
use output::Output;

use crate::run::command::watchdog;

/// A panic in a trial is caught and becomes the reason of a failed trial: it is not printed into the display.
fn silence_trials() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !std::thread::current().name().is_some_and(|name| name.starts_with("trial-")) {
            usual(panic);
        }
    }));
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    // The watchdog of a running sweep: no command for people.
    if std::env::args_os().nth(1).is_some_and(|word| word == watchdog::WORD) {
        watchdog::serve(std::io::stdin().lock());
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Clap's help goes to standard output and its errors to standard error; both may be closed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let output = Output::new(arguments.common.quiet, arguments.common.db.as_deref());
    silence_trials();
    let result = match arguments.command {
        Command::Run(args) => run::run(&args, &arguments.common, &output),
        Command::Plan(args) => plan::plan(&args, &arguments.common, &output),
        Command::Ls(args) => ls::ls(&args, &arguments.common, &output),
        Command::Show(args) => show::show(&args, &arguments.common, &output),
        Command::Trials(args) => trials::trials(&args, &arguments.common, &output),
        Command::Best(args) => best::best(&args, &arguments.common, &output),
        Command::Logs(args) => logs::logs(&args, &arguments.common, &output),
        Command::Stop(args) => stop::stop(&args, &arguments.common, &output),
        Command::Rerun(args) => rerun::rerun(&args, &arguments.common, &output),
        Command::Extend(args) => extend::extend(&args, &arguments.common, &output),
        Command::Doctor(args) => doctor::doctor(&args, &arguments.common, &output),
        Command::Backup(args) => backup::backup(&args, &arguments.common, &output),
        Command::Export(args) => export::export(&args, &arguments.common, &output),
        Command::Tag(args) => tag::tag(&args, &arguments.common, &output),
        Command::Rm(args) => rm::rm(&args, &arguments.common, &output),
        Command::Query(args) => query::query(&args, &arguments.common, &output),
        Command::Compare(args) => compare::compare(&args, &arguments.common, &output),
        Command::Import(args) => import::import(&args, &arguments.common, &output),
        Command::Completion(args) => complete::completion(&args, &output),
        Command::Complete(args) => complete::complete(&args, &arguments.common, &output),
        Command::Man(args) => help::man(&args, &output),
        Command::Help(args) => help::help(&args, &output),
        Command::Suggest(args) => suggest::suggest(&args),
        Command::Predict(args) => predict::predict(&args, &arguments.common, &output),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(CliError::BrokenPipe) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.code())
        }
    }
}
