//! `sweep trials`: the trials of a sweep, filtered, sorted, with the columns that are wanted.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use super::args::{Common, TrialsArgs};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use crate::analyse::{Filter, TrialNames, select_sweep};
use crate::expr::{Names as _, nearest};
use crate::render::{Cell, Column, Format, Listing, duration, plural, time};
use crate::space::{State, float_json};
use crate::store::{SweepRow, TrialRow};

/// Lists the trials; gives the exit code.
///
/// # Errors
/// No such sweep, a filter or column that names nothing.
pub fn trials(args: &TrialsArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let sweep = select_sweep(&store, &args.sweep)?;
    let mut trials = store.trials(&sweep)?;
    let names = TrialNames::of(&trials);
    let total = trials.len();
    if let Some(text) = &args.filter {
        let filter = filter(text, &names)?;
        trials.retain(|trial| filter.accepts(trial));
    }
    let matching = trials.len();
    if let Some(sort) = &args.sort {
        sort_by(&mut trials, sort, &names)?;
    }
    trials.truncate(args.top.unwrap_or(usize::MAX));
    let format = args.format.format();
    let mut listing = listing(&sweep, &trials, args, &names)?;
    if format == Format::Json {
        listing.objects = Some(trials.iter().map(trial_json).collect());
    }
    if trials.is_empty() && format == Format::Table {
        let message = match (&args.filter, total) {
            (_, 0) => format!("sweep {} has no trials yet", sweep.id),
            _ => format!("none of the {} of sweep {} matches", plural(total as u64, "trial"), sweep.id),
        };
        output.say(&message);
        return Ok(0);
    }
    output.listing(&listing, format)?;
    if format == Format::Table {
        let shown = trials.len();
        if shown < matching {
            output.say(&format!("{shown} of {matching}{}", if matching < total { " that match" } else { "" }));
        } else if matching < total {
            output.say(&format!("{matching} of {total} match"));
        }
    }
    Ok(0)
}

/// Reads a filter; a mistake is shown below the text with a caret.
///
/// # Errors
/// The mistake, with the nearest known name.
pub fn filter(text: &str, names: &TrialNames) -> Result<Filter, CliError> {
    Filter::new(text, names).map_err(|error| {
        let before = text[..error.span.start.min(text.len())].chars().count();
        let length = text.get(error.span.clone()).map_or(1, |part| part.chars().count()).max(1);
        let caret = format!("{}{}", " ".repeat(before), "^".repeat(length));
        let line = text.replace(['\n', '\t'], " ");
        let failure = CliError::user(format!("in the filter: {error}\n  {line}\n  {caret}"));
        match error.help {
            Some(help) => failure.hint(help),
            None => failure,
        }
    })
}

/// Sorts by a param, metric or field, downwards where the name begins with `-`; what has no value comes last.
fn sort_by(trials: &mut [TrialRow], key: &str, names: &TrialNames) -> Result<(), CliError> {
    let (name, down) = match key.strip_prefix('-') {
        Some(name) if names.kind(key).is_none() => (name, true),
        _ => (key, false),
    };
    known(name, names)?;
    let turn = |order: Ordering| if down { order.reverse() } else { order };
    trials.sort_by(|a, b| {
        let (x, y) = (a.number_of(name), b.number_of(name));
        match (x.filter(|x| !x.is_nan()), y.filter(|y| !y.is_nan())) {
            (Some(x), Some(y)) => turn(x.total_cmp(&y)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => match (a.text_of(name), b.text_of(name)) {
                (Some(x), Some(y)) => turn(x.cmp(&y)),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            },
        }
    });
    Ok(())
}

fn known(name: &str, names: &TrialNames) -> Result<(), CliError> {
    if names.kind(name).is_some() || matches!(name, "started" | "ended") {
        return Ok(());
    }
    let error = CliError::user(format!("there is no param, metric or field `{name}`"));
    let known = names.known();
    Err(match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("there are {}", known.join(", "))),
    })
}

/// The trials as rows.
fn listing(sweep: &SweepRow, trials: &[TrialRow], args: &TrialsArgs, names: &TrialNames) -> Result<Listing, CliError> {
    let order: Vec<String> = {
        let mut order: Vec<String> = Vec::new();
        for setting in trials.iter().flat_map(|trial| &trial.config.settings) {
            if !order.iter().any(|name| **name == *setting.name) {
                order.push(setting.name.to_string());
            }
        }
        sweep.in_spec_order(order)
    };
    let wanted: Vec<String> = if args.columns.is_empty() {
        let shown = |trial: &TrialRow, name: &str| trial.config.setting(name).map(|setting| setting.shown());
        let changes = |name: &&String| {
            let first = trials.first().map(|trial| shown(trial, name));
            trials.iter().any(|trial| Some(shown(trial, name)) != first)
        };
        let params = order.iter().filter(|name| !args.only_changed || changes(name)).cloned();
        let repeats = trials.iter().any(|trial| trial.repeat > 0);
        let mut columns: Vec<String> = vec!["trial".into(), "state".into()];
        columns.extend(params);
        columns.extend(repeats.then(|| "repeat".into()));
        columns.push(sweep.metric.clone());
        let others = ["val_loss", "val_accuracy", "val_rmse", "loss"];
        columns.extend(
            others
                .into_iter()
                .filter(|name| *name != sweep.metric && names.metrics().any(|metric| metric == *name))
                .take(1)
                .map(str::to_owned),
        );
        columns.push("took".into());
        columns.extend(trials.iter().any(|trial| !trial.reason.is_empty()).then(|| "reason".into()));
        columns
    } else {
        for name in &args.columns {
            known(name, names)?;
        }
        args.columns.clone()
    };
    let mut listing = Listing::new(wanted.iter().map(|name| column(name, trials, &order)).collect());
    for trial in trials {
        listing.rows.push(wanted.iter().map(|name| cell(trial, name)).collect());
    }
    Ok(listing)
}

fn column(name: &str, trials: &[TrialRow], params: &[String]) -> Column {
    let is_param = params.iter().any(|param| param == name);
    let numeric = if is_param {
        trials.iter().filter_map(|t| t.config.setting(name)).all(|s| s.label.is_none() && s.value.number().is_some())
    } else {
        !matches!(name, "state" | "reason" | "config" | "started" | "ended" | "took")
    };
    let column = if numeric { Column::number(name) } else { Column::text(name) };
    match name {
        "trial" | "state" => column,
        "took" | "reason" => column.droppable(3),
        _ if is_param => column.droppable(1),
        _ => column,
    }
}

fn cell(trial: &TrialRow, name: &str) -> Cell {
    let at = |time_of: Option<i64>| time_of.map_or_else(Cell::empty, |at| Cell::text(time(at)));
    let bare = name.strip_prefix("param.").unwrap_or(name);
    if let Some(setting) = trial.config.setting(bare) {
        return Cell::new(setting.shown(), setting.value.to_json());
    }
    match name {
        "state" => Cell::text(trial.state.word()),
        "reason" => Cell::text(trial.reason.as_str()),
        "config" => Cell::new(&trial.config_id[..8], Json::String(trial.config_id.clone())),
        "started" => at(trial.started),
        "ended" => at(trial.ended),
        "took" => trial.seconds().map_or_else(Cell::empty, |s| Cell::new(duration(s), float_json(s))),
        "trial" => Cell::int(trial.number),
        "sweep" => Cell::int(trial.sweep),
        "repeat" => Cell::int(i64::from(trial.repeat)),
        "seed" => Cell::int(trial.seed as i64),
        "attempts" => Cell::int(trial.attempts),
        _ => Cell::metric(trial.number_of(name)),
    }
}

/// A trial as other programs get it.
pub fn trial_json(trial: &TrialRow) -> Json {
    let params: Map<String, Json> =
        trial.config.settings.iter().map(|s| (s.name.to_string(), s.value.to_json())).collect();
    let metrics: Map<String, Json> =
        trial.metrics.iter().map(|(name, value)| (name.to_string(), float_json(*value))).collect();
    json!({
        "trial": trial.number,
        "sweep": trial.sweep,
        "config": trial.config_id,
        "state": trial.state.word(),
        "reason": trial.reason,
        "seed": trial.seed,
        "repeat": trial.repeat,
        "attempts": trial.attempts,
        "params": params,
        "metrics": metrics,
        "objective": (trial.state == State::Done).then(|| trial.objective.map_or(Json::Null, float_json)),
        "started": trial.started.map(time),
        "ended": trial.ended.map(time),
    })
}
