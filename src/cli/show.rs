//! `sweep show`: a sweep, or a trial with its curve.

use serde_json::{Map, Value as Json, json};

use super::args::{Common, ShowArgs};
use super::error::CliError;
use super::input::open_store;
use super::logs::last_lines;
use super::ls::state;
use super::output::Output;
use super::trials::trial_json;
use crate::analyse::{Selected, rank, select};
use crate::render::{ago, clean, duration, line_chart, metric, plural, ranked_listing, time};
use crate::run::command::LogPlace;
use crate::space::{State, float_json};
use crate::store::{Owner, Store, SweepRow, TrialRow, now};

/// Shows a sweep or a trial; gives the exit code.
///
/// # Errors
/// No such sweep or trial.
pub fn show(args: &ShowArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    match select(&store, &args.what)? {
        Selected::Sweep(sweep) if args.spec => output.data(&sweep.spec_written)?,
        Selected::Trial(sweep, _) if args.spec => output.data(&sweep.spec_written)?,
        Selected::Sweep(sweep) if args.json => output.data(&format!("{}\n", sweep_json(&store, &sweep)?))?,
        Selected::Sweep(sweep) => output.data(&sweep_text(&store, &sweep, output.width())?)?,
        Selected::Trial(_, trial) if args.json => {
            let mut object = trial_json(&trial);
            object["series"] = series_json(&store, &trial)?;
            object["runs"] = runs_json(&store, &trial)?;
            output.data(&format!("{object}\n"))?;
        }
        Selected::Trial(sweep, trial) => output.data(&trial_text(&store, &sweep, &trial, output.width())?)?,
    }
    Ok(0)
}

fn lines(pairs: Vec<(&str, String)>) -> String {
    let shown = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    shown.map(|(key, value)| format!("{key:<10} {}\n", clean(&value))).collect()
}

fn sweep_text(store: &Store, sweep: &SweepRow, width: Option<usize>) -> Result<String, CliError> {
    let counts: Vec<String> = State::ALL
        .iter()
        .filter(|state| sweep.counts.of(**state) > 0)
        .map(|state| format!("{} {state}", sweep.counts.of(*state)))
        .collect();
    let total = sweep.counts.total();
    let of = sweep.planned.filter(|planned| *planned != total).map_or_else(String::new, |n| format!(" of {n}"));
    let owner = match &sweep.owner {
        Owner::Alive(process) => format!("process {} on {}", process.pid, process.host),
        Owner::Elsewhere(process) => {
            format!("process {} on {}, of which nothing is known here", process.pid, process.host)
        }
        Owner::Nobody => String::new(),
    };
    let git = sweep.git_commit.as_ref().map_or_else(String::new, |commit| {
        let dirty = if sweep.git_dirty == Some(true) { ", with uncommitted changes" } else { "" };
        format!("{}{dirty}", &commit[..commit.len().min(12)])
    });
    let files: Vec<String> = store
        .files(sweep.id)?
        .iter()
        .map(|file| format!("{} ({} bytes, blake3 {})", file.path, file.bytes, &file.hash[..file.hash.len().min(12)]))
        .collect();
    let mut text = format!("sweep {} `{}`: {}\n", sweep.id, clean(&sweep.name), state(sweep));
    text += &lines(vec![
        ("trials", format!("{total}{of}: {}", counts.join(", "))),
        ("metric", format!("{} {}", sweep.goal, sweep.metric)),
        ("running", owner),
        ("spec", sweep.spec_path.clone().unwrap_or_default()),
        ("started", format!("{} ({})", time(sweep.created), ago(sweep.created, now()))),
        ("by", format!("{} on {}, in {}", sweep.user, sweep.host, sweep.cwd)),
        ("code", git),
        ("data", files.join(", ")),
        ("seed", sweep.seed.to_string()),
        ("version", sweep.version.clone()),
        ("tags", sweep.tags.join(" ")),
        ("note", sweep.note.clone().unwrap_or_default()),
    ]);
    for (started, ended, outcome, note) in store.sessions(sweep.id)? {
        let length = ended.map_or_else(|| "still running".into(), |ended| duration((ended - started) as f64 * 1e-6));
        let note = if note.is_empty() { String::new() } else { format!("; {note}") };
        let outcome = if outcome.is_empty() { String::new() } else { format!(", {outcome}") };
        text += &lines(vec![("session", format!("{} {length}{outcome}{note}", time(started)))]);
    }
    let ranking = rank(store, sweep)?;
    if !ranking.standings.is_empty() {
        let params = sweep.in_spec_order(store.param_names(sweep.id)?);
        text += &format!("\nbest configs of {}\n", plural(ranking.standings.len() as u64, "config"));
        text += &ranked_listing(&ranking.top(store, 5)?, &params, &sweep.metric).table(width);
    }
    Ok(text)
}

fn sweep_json(store: &Store, sweep: &SweepRow) -> Result<Json, CliError> {
    let counts: Map<String, Json> =
        State::ALL.iter().map(|state| (state.word().to_owned(), sweep.counts.of(*state).into())).collect();
    let files: Vec<Json> = store
        .files(sweep.id)?
        .iter()
        .map(|file| json!({ "role": file.role, "path": file.path, "bytes": file.bytes, "blake3": file.hash }))
        .collect();
    let sessions: Vec<Json> = store
        .sessions(sweep.id)?
        .into_iter()
        .map(|(started, ended, outcome, note)| {
            json!({ "started": time(started), "ended": ended.map(time), "outcome": outcome, "note": note })
        })
        .collect();
    let meant: Json = serde_json::from_str(&sweep.spec_meant).unwrap_or(Json::Null);
    Ok(json!({
        "sweep": sweep.id,
        "uid": sweep.uid,
        "name": sweep.name,
        "state": state(sweep),
        "planned": sweep.planned,
        "counts": counts,
        "metric": sweep.metric,
        "goal": sweep.goal,
        "seed": sweep.seed,
        "started": time(sweep.created),
        "ended": sweep.ended.map(time),
        "host": sweep.host,
        "user": sweep.user,
        "cwd": sweep.cwd,
        "git_commit": sweep.git_commit,
        "git_dirty": sweep.git_dirty,
        "version": sweep.version,
        "tags": sweep.tags,
        "files": files,
        "sessions": sessions,
        "spec": meant,
        "spec_written": sweep.spec_written,
    }))
}

/// All attempts of a trial, with the files that were kept of each.
fn runs_json(store: &Store, trial: &TrialRow) -> Result<Json, CliError> {
    let mut out = Vec::new();
    for attempt in store.attempts(trial.id)? {
        let kept = store.kept(attempt.row)?;
        let kept: Vec<Json> =
            kept.iter().map(|file| json!({ "path": file.path, "bytes": file.bytes, "blake3": file.hash })).collect();
        out.push(json!({
            "attempt": attempt.number,
            "state": attempt.state,
            "reason": attempt.reason,
            "started": time(attempt.started),
            "ended": attempt.ended.map(time),
            "pid": attempt.pid,
            "exit_code": attempt.exit_code,
            "signal": attempt.signal,
            "kept": kept,
        }));
    }
    Ok(Json::Array(out))
}

fn series_json(store: &Store, trial: &TrialRow) -> Result<Json, CliError> {
    let mut out = Map::new();
    for (name, series) in trial.attempt.map_or_else(|| Ok(Vec::new()), |attempt| store.series(attempt))? {
        let points = series.steps.iter().zip(&series.values).map(|(step, value)| json!([step, float_json(*value)]));
        out.insert(name, points.collect());
    }
    Ok(Json::Object(out))
}

/// Why a search that learns tried the config.
fn why(store: &Store, sweep: &SweepRow, trial: &TrialRow) -> Result<String, CliError> {
    let Some(reason) = store.reason(sweep.id, trial.number)? else { return Ok(String::new()) };
    let seen = match reason.seen.as_str() {
        "" => "none yet".to_owned(),
        one if one.bytes().all(|b| b.is_ascii_digit()) => format!("trial {one}"),
        many => format!("trials {many}"),
    };
    Ok(format!("{} (seen: {seen})", reason.why))
}

fn trial_text(store: &Store, sweep: &SweepRow, trial: &TrialRow, width: Option<usize>) -> Result<String, CliError> {
    let reason = if trial.reason.is_empty() { String::new() } else { format!(": {}", trial.reason) };
    let mut text = format!("trial {}/{}: {}{}\n", sweep.id, trial.number, trial.state, clean(&reason));
    let took = trial.seconds().map_or_else(String::new, |s| format!(", took {}", duration(s)));
    text += &lines(vec![
        ("sweep", format!("{} `{}`", sweep.id, sweep.name)),
        ("config", format!("{}, repeat {}, seed {}", &trial.config_id[..8], trial.repeat, trial.seed)),
        ("why", why(store, sweep, trial)?),
        ("attempts", if trial.attempts > 1 { trial.attempts.to_string() } else { String::new() }),
        ("started", trial.started.map_or_else(String::new, |at| format!("{}{took}", time(at)))),
    ]);
    let folder = store.trial_folder(&sweep.uid, trial.number);
    let attempts = store.attempts(trial.id)?;
    let counted = attempts.iter().find(|attempt| Some(attempt.row) == trial.attempt).or(attempts.last());
    let model = folder.join("model.safetensors");
    let dir = folder.join("work");
    text += &lines(vec![
        ("process", counted.map_or_else(String::new, |attempt| attempt.process_words(trial.state == State::Running))),
        ("files", if dir.is_dir() { dir.display().to_string() } else { String::new() }),
        ("model", if model.is_file() { model.display().to_string() } else { String::new() }),
    ]);
    for file in trial.attempt.map_or_else(|| Ok(Vec::new()), |attempt| store.kept(attempt))? {
        let path = folder.join("kept").join(&file.path);
        text += &lines(vec![("kept", format!("{} ({} bytes)", path.display(), file.bytes))]);
    }
    for before in attempts.iter().filter(|attempt| Some(attempt.row) != trial.attempt && attempts.len() > 1) {
        let reason = if before.reason.is_empty() { String::new() } else { format!(": {}", before.reason) };
        text += &lines(vec![("attempt", format!("{} {}{reason}", before.number, before.state))]);
    }
    let log = |stream| LogPlace::of(&store.sweep_folder(&sweep.uid), trial.number as u64, stream);
    for name in ["stdout", "stderr"] {
        if log(name).file().is_file() {
            let flag = if name == "stderr" { " --stderr" } else { "" };
            text += &lines(vec![(name, format!("sweep logs {}/{}{flag}", sweep.id, trial.number))]);
        }
    }
    if trial.state == State::Failed {
        let said = last_lines(&log("stderr"), 10);
        if !said.is_empty() {
            text += "\nthe last lines on stderr\n";
            text += &said.iter().map(|line| format!("  {line}\n")).collect::<String>();
        }
    }
    text += "\nparams\n";
    for setting in &trial.config.settings {
        text += &format!("  {:<16} {}\n", clean(&setting.name), clean(&setting.shown()));
    }
    if !trial.metrics.is_empty() {
        text += "\nmetrics\n";
        for (name, value) in &trial.metrics {
            let mark = if **name == *sweep.metric { "  <- compared" } else { "" };
            text += &format!("  {:<16} {}{mark}\n", clean(name), metric(*value));
        }
    }
    let series = trial.attempt.map_or_else(|| Ok(Vec::new()), |attempt| store.series(attempt))?;
    let is_drawn = |name: &str| name == "loss" || name == "val_loss" || name == sweep.metric;
    let drawn: Vec<_> = series.iter().filter(|(name, _)| is_drawn(name)).collect();
    let drawn = if drawn.is_empty() { series.iter().take(1).collect() } else { drawn };
    for (name, points) in drawn {
        let chart = line_chart(&[(name, &points.steps, &points.values)], width.unwrap_or(80).min(100), 12);
        if !chart.is_empty() && points.steps.len() > 1 {
            text += &format!("\n{} over steps\n{chart}", clean(name));
        }
    }
    Ok(text)
}
