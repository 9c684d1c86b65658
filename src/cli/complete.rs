//! Completion in a shell: commands and options from the arguments, sweeps, params and metrics from the store.
//!
//! The scripts of all shells ask `sweep complete WORDS`, which prints one candidate a line; where it prints none, the
//! shell completes names of files.

use clap::{Arg, CommandFactory as _};

use super::args::{Arguments, Common, CompleteArgs, CompletionArgs, Shell};
use super::error::CliError;
use super::input::store_path;
use super::output::Output;
use crate::analyse::TrialNames;
use crate::render::clean;
use crate::store::{Access, Store};

const BASH: &str = r#"_sweep() {
    local IFS=$'\n' word="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=($(sweep complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    if [ ${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$word")); compopt -o filenames; fi
    [[ ${COMPREPLY[0]} == *, ]] && compopt -o nospace
    return 0
}
complete -F _sweep sweep
"#;

const ZSH: &str = r#"_sweep() {
    local -a found
    found=("${(@f)$(sweep complete -- "${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)}")
    if [[ -z "${found[*]}" ]]; then _files; else compadd -Q -- "${found[@]}"; fi
}
compdef _sweep sweep
"#;

const FISH: &str = r"function __sweep_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (sweep complete -- $words[2..-1] 2>/dev/null)
    if test (count $found) -eq 0
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c sweep -f -a '(__sweep_complete)'
";

/// Prints the script of a shell; gives the exit code.
///
/// # Errors
/// When standard output is closed.
pub fn completion(args: &CompletionArgs, output: &Output) -> Result<u8, CliError> {
    output.data(match args.shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    })?;
    Ok(0)
}

/// Prints what the last of the words may become; gives the exit code.
///
/// # Errors
/// When standard output is closed.
pub fn complete(args: &CompleteArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    // The store that the typed command names.
    let named = args.words.windows(2).find(|pair| pair[0] == "--db").map(|pair| pair[1].clone().into());
    let common = Common { db: named.or_else(|| common.db.clone()), ..Common { db: None, quiet: true } };
    let candidates = candidates(&args.words, &|| Store::open(&store_path(&common), Access::Read).ok());
    let safe = candidates.iter().filter(|candidate| clean(candidate) == **candidate);
    output.data(&safe.map(|candidate| format!("{candidate}\n")).collect::<String>())?;
    Ok(0)
}

fn candidates(words: &[String], store: &dyn Fn() -> Option<Store>) -> Vec<String> {
    let mut program = Arguments::command();
    program.build();
    let (current, before) = words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
    let starting = |list: Vec<String>| -> Vec<String> {
        let mut list: Vec<String> = list.into_iter().filter(|word| word.starts_with(current)).collect();
        let mut seen = std::collections::HashSet::new();
        list.retain(|word| seen.insert(word.clone()));
        list
    };
    let command = before.iter().find_map(|word| program.find_subcommand(word));
    let options = |command: &clap::Command| -> Vec<String> {
        command.get_arguments().filter_map(Arg::get_long).map(|long| format!("--{long}")).collect()
    };
    let Some(command) = command else {
        if current.starts_with('-') {
            return starting(options(&program));
        }
        let commands = program.get_subcommands().map(|command| command.get_name().to_owned());
        return starting(commands.filter(|name| name != "complete").collect());
    };
    let takes_value = |arg: &&Arg| arg.get_action().takes_values() && !arg.is_positional();
    let option = before.last().and_then(|word| {
        let is_it = |arg: &&Arg| {
            arg.get_long().is_some_and(|long| word == &format!("--{long}"))
                || arg.get_short().is_some_and(|short| word == &format!("-{short}"))
        };
        command.get_arguments().filter(takes_value).find(is_it)
    });
    if let Some(option) = option {
        let values: Vec<String> =
            option.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() {
            return starting(values);
        }
        return match option.get_id().as_str() {
            "sort" | "columns" | "group_by" | "by" | "filter" => listed(current, &names(store)),
            "resume" | "release" => starting(sweeps(store)),
            "remove" => starting(store().and_then(|store| store.tags().ok()).unwrap_or_default()),
            _ => Vec::new(),
        };
    }
    if current.starts_with('-') {
        return starting(options(command));
    }
    if command.get_name() == "help" {
        let topics = ["spec", "filter", "views", "queries", "commands", "store"].map(String::from).into_iter();
        return starting(topics.chain(program.get_subcommands().map(|c| c.get_name().to_owned())).collect());
    }
    let mut positional = command.get_positionals();
    let first = positional.next();
    if let Some(values) = first.map(Arg::get_possible_values).filter(|values| !values.is_empty()) {
        return starting(values.iter().map(|value| value.get_name().to_owned()).collect());
    }
    let of_sweeps = command.get_positionals().filter_map(Arg::get_value_names).flatten();
    if before.iter().any(|word| word == "--undo") {
        let hidden = store().and_then(|store| store.hidden_sweeps().ok()).unwrap_or_default();
        let named = hidden.iter().flat_map(|sweep| [sweep.id.to_string(), sweep.name.clone()]);
        return starting(named.chain(["all".to_owned()]).collect());
    }
    if of_sweeps.into_iter().any(|name| name.contains("SWEEP") && !name.contains('.') || name.contains("TRIAL")) {
        return starting(sweeps(store));
    }
    Vec::new()
}

/// Candidates for the last part of a list with commas.
fn listed(current: &str, names: &[String]) -> Vec<String> {
    if let Some(name) = current.strip_prefix('-') {
        return names.iter().filter(|other| other.starts_with(name)).map(|other| format!("-{other}")).collect();
    }
    let (before, last) = current.rsplit_once(',').map_or(("", current), |(before, last)| (before, last));
    let prefix = if before.is_empty() { String::new() } else { format!("{before},") };
    names.iter().filter(|name| name.starts_with(last)).map(|name| format!("{prefix}{name}")).collect()
}

/// The params and metrics of the store.
fn names(store: &dyn Fn() -> Option<Store>) -> Vec<String> {
    let Some(store) = store() else { return Vec::new() };
    let sweeps = store.sweeps().unwrap_or_default();
    let names = TrialNames::of(&store, &sweeps).unwrap_or_default();
    let fields = ["state", "reason", "repeat", "seed", "took", "objective", "started", "ended", "config"];
    names.params().iter().chain(names.metrics()).cloned().chain(fields.map(String::from)).collect()
}

/// What sweeps go by: names, numbers, tags.
fn sweeps(store: &dyn Fn() -> Option<Store>) -> Vec<String> {
    let Some(store) = store() else { return Vec::new() };
    let all = store.sweep_names().unwrap_or_default();
    let tags = store.tags().unwrap_or_default().into_iter().map(|tag| format!("tag:{tag}"));
    let named = all.iter().rev().map(|(_, name)| name.clone());
    let numbered = all.iter().rev().map(|(id, _)| id.to_string());
    ["last".to_owned()].into_iter().chain(named).chain(numbered).chain(tags).collect()
}
