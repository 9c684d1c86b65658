//! `run`, `dir`, `env` and `read`: the program of a trial.

use std::path::{Component, Path, PathBuf};

use super::reader::Reader;
use crate::space::Space;
use crate::spec::model::CommandSpec;
use crate::spec::source::Origin;
use crate::spec::template::{Template, TemplateError};
use crate::spec::yaml::{Node, Yaml};

/// Words that only a shell understands.
const SHELL_WORDS: [&str; 10] = ["|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1", "2>"];

/// Reads the program from the keys of the top level; `run` is the value of `run`.
pub(super) fn read(reader: &mut Reader<'_>, tree: &Node, run: &Node, space: Option<&Space>) -> Option<CommandSpec> {
    let params: Vec<&str> =
        space.map_or_else(Vec::new, |space| space.params().iter().map(|param| &*param.name).collect());
    let words = words(reader, run)?;
    let mut templates = Vec::new();
    for (text, at) in &words {
        match Template::parse(text, &params) {
            Ok(template) => templates.push(template),
            // Without the params every placeholder would look unknown.
            Err(_) if space.is_none() => {}
            Err(error) => mistake(reader, *at, error),
        }
    }
    if words.is_empty() || words[0].0.is_empty() {
        reader.error(run.at, "`run` names no program").help.push("write `run: python train.py {args}`".into());
        return None;
    }
    let complete = templates.len() == words.len();
    if complete && !templates.iter().any(Template::has_placeholder) {
        templates.push(Template::args());
    } else if complete && !params.is_empty() && !templates.iter().any(Template::passes_params) {
        let help = "add `{args}`, or read the variable `SWEEP_PARAMS`".into();
        reader.warning(run.at, "`run` passes no param to the program").help.push(help);
    }
    let dir = tree.get("dir").map_or(Some(PathBuf::new()), |node| reader.path(node, "dir"));
    let env = tree.get("env").map_or_else(Vec::new, |node| env(reader, node, &params, space.is_some()));
    let pattern = tree.get("read").and_then(|node| read_section(reader, node));
    complete.then_some(CommandSpec { run: templates, dir: tidy(&dir?), env, pattern })
}

/// The words of `run`, each with its place.
fn words(reader: &mut Reader<'_>, run: &Node) -> Option<Vec<(String, Origin)>> {
    match &run.yaml {
        Yaml::List(items) => Some(items.iter().filter_map(|item| Some((reader.text(item, "run")?, item.at))).collect()),
        Yaml::Text(text) => {
            let Some(words) = shlex::split(text) else {
                let problem = reader.error(run.at, "a quote in `run` is not closed");
                problem.help.push("or write the words as a list: `run: [python, train.py, \"{args}\"]`".into());
                return None;
            };
            if let Some(word) = words.iter().find(|word| SHELL_WORDS.contains(&word.as_str())) {
                let help = "a shell is a program like others: `run: [bash, -c, 'python train.py \"$@\" | tee log', sh, \"{args}\"]`";
                reader
                    .warning(run.at, format!("`{word}` is passed to the program as it is: no shell reads `run`"))
                    .help
                    .push(help.into());
            }
            Some(words.into_iter().map(|word| (word, run.at)).collect())
        }
        _ => {
            let message = format!("`run` is a command, this is {}", run.what());
            reader.error(run.at, message).help.push("write `run: python train.py {args}`".into());
            None
        }
    }
}

fn mistake(reader: &mut Reader<'_>, at: Origin, error: TemplateError) {
    reader.error(at, error.message).help.push(error.help);
}

/// The path without `.` parts, so that `.` and nothing are the same.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

fn env(reader: &mut Reader<'_>, node: &Node, params: &[&str], checked: bool) -> Vec<(String, Option<Template>)> {
    let Some(entries) = reader.mapping(node, "env", "env: {WANDB_MODE: offline}") else { return Vec::new() };
    let mut out = Vec::new();
    for entry in entries {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            reader.error(entry.key_at, format!("`{}` cannot be the name of a variable", entry.key));
            continue;
        }
        if entry.key.starts_with("SWEEP_") {
            let problem = reader.error(entry.key_at, format!("`{}` is set by sweep itself", entry.key));
            problem.help.push("take a name that does not start with `SWEEP_`".into());
            continue;
        }
        if matches!(entry.value.yaml, Yaml::Null) {
            out.push((entry.key.clone(), None));
            continue;
        }
        let Some(text) = reader.text(&entry.value, &entry.key) else { continue };
        match Template::parse(&text, params) {
            Ok(template) => out.push((entry.key.clone(), Some(template))),
            Err(error) if checked => mistake(reader, entry.value.at, error),
            Err(_) => {}
        }
    }
    out
}

fn read_section(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let mut pattern = None;
    for entry in reader.mapping(node, "read", "read: {stdout: 'acc=(?P<acc>[0-9.]+)'}")? {
        match entry.key.as_str() {
            "stdout" => {
                let text = reader.text(&entry.value, "stdout")?;
                match check_pattern(&text) {
                    Ok(()) => pattern = Some(text),
                    Err(message) => {
                        let problem = reader.error(entry.value.at, message);
                        problem.help.push("write `read: {stdout: 'acc=(?P<acc>[0-9.]+)'}`".into());
                    }
                }
            }
            "wandb" | "tensorboard" | "mlflow" => reader.not_yet(entry.key_at, &format!("`read.{}`", entry.key)),
            _ => reader.unknown_key(entry, " in `read`", &["stdout"]),
        }
    }
    pattern
}

/// Whether a regular expression can read metrics: it has a group with the name of one.
fn check_pattern(text: &str) -> Result<(), String> {
    let pattern = regex::Regex::new(text).map_err(|error| {
        let words = error.to_string();
        let last = words.lines().last().unwrap_or("").trim();
        format!("this is no regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
    })?;
    let has_metric = pattern.capture_names().flatten().any(|name| name != "step" && name != "epoch");
    if has_metric { Ok(()) } else { Err("the regular expression has no group with the name of a metric".into()) }
}
