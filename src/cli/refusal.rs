//! Runs that are refused: in which words, and with which commands to choose from.

use super::args::RunArgs;
use super::error::CliError;
use crate::render::shell_word;
use crate::run::Refusal;
use crate::store::Owner;

/// A sweep that somebody else runs.
pub fn owned(id: i64, owner: &Owner) -> CliError {
    match owner {
        Owner::Elsewhere(process) => CliError::not_free(format!(
            "sweep {id} belongs to process {} on `{}`, of which nothing is known here",
            process.pid, process.host
        ))
        .hint("if that process is gone, `--anyway` takes the sweep over; `--new` begins another one"),
        Owner::Alive(process) => CliError::not_free(format!("sweep {id} is being run by process {}", process.pid))
            .hint("wait for it, or begin another one with `--new`"),
        Owner::Nobody => CliError::not_free(format!("sweep {id} is not free")),
    }
}

/// A run that the user has to say more about.
pub fn refused(refusal: &Refusal, args: &RunArgs) -> CliError {
    let spec = args.spec.as_ref().map_or_else(String::new, |path| shell_word(&path.display().to_string()));
    let mut command = format!("sweep run {spec}");
    for word in &args.changes.assignments {
        command += &format!(" {}", shell_word(word));
    }
    match refusal {
        Refusal::Changed { id, changes, no_extension } => {
            let list: Vec<String> = changes.iter().map(|change| format!("  {change}")).collect();
            let message = format!("the spec has changed, and sweep {id} is not complete\n{}", list.join("\n"));
            let error = CliError::user(message);
            let error = if no_extension.is_empty() {
                error.hint(format!("{command} --extend   adds to sweep {id}"))
            } else {
                error.hint(format!("`--extend` would not do: {}", no_extension.join("; ")))
            };
            error
                .hint(format!("{command} --new   begins another sweep"))
                .hint(format!("sweep run --resume {id}   goes on with the spec as it was"))
        }
        Refusal::Files { id, paths } => {
            CliError::user(format!("the content of {} has changed since sweep {id} began", paths.join(", ")))
                .hint(format!("{command} --new   begins another sweep"))
                .hint(format!("{command} --anyway   goes on and marks the trials"))
        }
        Refusal::NoExtension { id, why } => {
            CliError::user(format!("this does more than add to sweep {id}: {}", why.join("; ")))
                .hint(format!("{command} --new   begins another sweep"))
        }
        Refusal::NothingToExtend => {
            CliError::user("there is no sweep of this name to extend").hint(format!("{command}   begins one"))
        }
    }
}
