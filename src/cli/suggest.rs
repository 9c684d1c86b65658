//! `sweep suggest`: the search for other programs, as JSON lines on standard input and output.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};

use serde_json::{Map, Value as Json, json};

use super::args::SuggestArgs;
use super::error::CliError;
use crate::search::{AskTell, SamplerKind, Setup};
use crate::spec::{SearchProblem, config_json, config_of, search_problem};

/// The most trials of one question.
const MOST: u64 = 10_000;

/// A search that was begun by a message with a `space`.
struct Session {
    problem: SearchProblem,
    search: AskTell,
}

/// Answers messages until standard input ends; gives the exit code.
///
/// # Errors
/// When standard input or output fails, or there is no such sampler.
pub fn suggest(args: &SuggestArgs) -> Result<u8, CliError> {
    let kind = SamplerKind::ALL.into_iter().find(|kind| kind.word() == args.sampler).ok_or_else(|| {
        CliError::user(format!("there is no sampler `{}`", args.sampler))
            .hint(format!("`--sampler` takes {}", SamplerKind::ALL.map(SamplerKind::word).join(", ")))
    })?;
    let mut session: Option<Session> = None;
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(0);
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        let answer = match read(text.trim()) {
            Err(error) => Err(format!("this line is not JSON: {error}")),
            Ok(Json::Object(message)) => answer(&message, &mut session, kind, args.seed),
            Ok(_) => Err("a message is an object with `space`, `ask` or `tell`".to_owned()),
        };
        let reply = match answer {
            Ok(None) => continue,
            Ok(Some(reply)) => reply,
            Err(why) => json!({"error": why}),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
}

/// A message; the `NaN` and `Infinity` that some languages write for numbers, and JSON does not know, are null.
fn read(text: &str) -> Result<Json, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| {
        let (mut out, mut in_text, mut escaped, mut rest) = (String::new(), false, false, text);
        while let Some(letter) = rest.chars().next() {
            let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !in_text && rest.starts_with(word));
            if let Some(word) = word {
                out.push_str("null");
                rest = &rest[word.len()..];
                continue;
            }
            in_text ^= letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
        serde_json::from_str(&out).map_err(|_| error)
    })
}

/// What is answered to one message, if anything.
fn answer(
    message: &Map<String, Json>,
    session: &mut Option<Session>,
    kind: SamplerKind,
    seed: u64,
) -> Result<Option<Json>, String> {
    if message.contains_key("space") {
        let problem = search_problem(message, kind == SamplerKind::Grid)?;
        let setup = Setup { seed: problem.seed.unwrap_or(seed), budget: problem.budget, ..Setup::default() };
        let search = AskTell::new(kind, problem.space.clone(), setup);
        *session = Some(Session { problem, search });
        return Ok(None);
    }
    if !message.contains_key("ask") && !message.contains_key("tell") {
        return Err("a message has `space`, `ask` or `tell`".into());
    }
    let session = session.as_mut().ok_or("the first message has a `space`")?;
    // Looked at first, so that a message that is wrong changes nothing.
    let count = message.get("ask").map(wanted).transpose()?;
    if let Some(told) = message.get("tell") {
        tell(told, session)?;
    }
    count.map(|count| ask(count, session)).transpose()
}

fn wanted(count: &Json) -> Result<u64, String> {
    let fits = count.as_u64().filter(|count| (1..=MOST).contains(count));
    fits.ok_or_else(|| format!("`ask` is the number of trials, from 1 to {MOST}, not {count}"))
}

fn ask(count: u64, session: &mut Session) -> Result<Json, String> {
    let (search, maximize) = (&mut session.search, session.problem.maximize);
    let mut trials = Vec::new();
    let mut end = None;
    while (trials.len() as u64) < count {
        match search.ask() {
            Ok(Some(asked)) => {
                let mut trial = json!({"id": asked.number, "params": config_json(&asked.suggestion.config)});
                let why = asked.suggestion.reason(maximize);
                if !why.is_empty() {
                    trial["why"] = Json::String(why);
                }
                trials.push(trial);
            }
            Ok(None) => {
                end = Some(("exhausted", Json::Bool(true)));
                break;
            }
            Err(why) if trials.is_empty() => return Err(why),
            Err(why) => {
                end = Some(("warning", Json::String(why)));
                break;
            }
        }
    }
    let mut reply = json!({"trials": trials});
    if let Some((key, value)) = end {
        reply[key] = value;
    }
    Ok(reply)
}

/// Takes what came of trials: all of it or, where anything is wrong, nothing.
fn tell(told: &Json, session: &mut Session) -> Result<(), String> {
    let items = told.as_array().ok_or("`tell` is a list of results")?;
    let sign = if session.problem.maximize { -1.0 } else { 1.0 };
    let mut known: HashMap<u64, Option<f64>> = HashMap::new();
    let mut outside = Vec::new();
    for item in items {
        let value = item.get("value").ok_or_else(|| format!("{item} has no `value`; a failed trial has `null`"))?;
        let cost = match value {
            Json::Null => None,
            // What JSON cannot say as a number.
            Json::String(word)
                if matches!(word.as_str(), "NaN" | "nan" | "inf" | "-inf" | "Infinity" | "-Infinity") =>
            {
                None
            }
            value => Some(sign * value.as_f64().ok_or_else(|| format!("`value` is a number or null, not {value}"))?),
        };
        match (item.get("id"), item.get("params").and_then(Json::as_object)) {
            (Some(id), _) => {
                let number = id.as_u64().ok_or_else(|| format!("no trial {id} was asked for"))?;
                session.search.can_tell(number).map_err(|error| error.to_string())?;
                if known.insert(number, cost).is_some() {
                    return Err(format!("trial {number} is told twice"));
                }
            }
            (None, Some(params)) => outside.push((config_of(&session.problem.space, params)?, cost)),
            (None, None) => return Err(format!("{item} has no `id`")),
        }
    }
    let mut known: Vec<_> = known.into_iter().collect();
    known.sort_by_key(|(number, _)| *number);
    for (number, cost) in known {
        session.search.tell(number, cost).map_err(|error| error.to_string())?;
    }
    for (config, cost) in outside {
        session.search.add_outside(config, cost);
    }
    Ok(())
}
