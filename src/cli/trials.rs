//! `sweep trials`: the trials of sweeps, filtered, sorted, grouped, with the columns that are wanted.

use serde_json::{Map, Value as Json, json};

use super::args::{Common, TrialChoice, TrialsArgs};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use crate::analyse::{Filter, Found, Order, Scope, TrialNames, find, group, select_list, sort_groups};
use crate::expr::{Names as _, nearest};
use crate::render::{Cell, Column, Format, Listing, duration, lost, plural, setting as setting_text, time};
use crate::space::{Setting, State, float_json};
use crate::store::{Field, Fixed, Store, SweepRow, TrialRow};

/// Lists the trials; gives the exit code.
///
/// # Errors
/// No such sweep, a filter or column that names nothing.
pub fn trials(args: &TrialsArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let Chosen { scopes, names, filter, order, top } = chosen(&store, &args.choice)?;
    let most = top.unwrap_or(usize::MAX);
    let trimmed = |list: &[String]| list.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    let args = &TrialsArgs { columns: trimmed(&args.columns), group_by: trimmed(&args.group_by), ..args.clone() };
    for name in args.columns.iter().chain(&args.group_by) {
        known(name, &names)?;
    }
    let is_grouped = args.group || !args.group_by.is_empty();
    // Which params differ is told of all that match, not only of those that are shown.
    let top = (!is_grouped && !args.only_changed).then_some(most);
    let mut found = find(&store, &scopes, filter.as_ref(), order.as_ref(), top)?;
    let format = args.format.format();
    if found.trials.is_empty() && format == Format::Table {
        output.say(&nothing(&scopes, &found));
        return Ok(0);
    }
    let (mut listing, groups) = if is_grouped {
        grouped(&scopes, &found.trials, args, &names, most)?
    } else {
        let changing = changing(&found.trials, &names);
        found.trials.truncate(most);
        (listing(&scopes, &found.trials, args, &names, &changing), 0)
    };
    if format == Format::Json && !is_grouped && args.columns.is_empty() {
        listing.objects = Some(found.trials.iter().map(trial_json).collect());
    }
    output.table(&listing, format, !(args.wide || args.format.no_trunc))?;
    if format == Format::Table {
        let shown = listing.rows.len();
        let mut said: Vec<String> = Vec::new();
        if is_grouped {
            let of = if shown < groups { format!("{shown} of ") } else { String::new() };
            said.push(format!("{of}{} of {}", plural(groups as u64, "group"), plural(found.matching as u64, "trial")));
            for state in [State::Failed, State::Diverged] {
                let count = found.trials.iter().filter(|trial| trial.state == state).count();
                said.extend((count > 0).then(|| format!("{count} {state}")));
            }
        } else if shown < found.matching {
            said.push(format!("{shown} of {}", found.matching));
        }
        if found.matching < found.total {
            said.push(format!("{} of {} match", found.matching, found.total));
        }
        said.push(next(&scopes, &found, is_grouped, output));
        output.say(&said.join("; "));
    }
    Ok(0)
}

/// Trials that were chosen on the command line.
pub struct Chosen {
    pub scopes: Vec<Scope>,
    pub names: TrialNames,
    pub filter: Option<Filter>,
    pub order: Option<Order>,
    pub top: Option<usize>,
}

/// Reads which trials are meant.
///
/// # Errors
/// No such sweep, a filter or an order that names nothing.
pub fn chosen(store: &Store, choice: &TrialChoice) -> Result<Chosen, CliError> {
    let scopes = select_list(store, &choice.sweeps)?;
    let sweeps: Vec<SweepRow> = scopes.iter().map(|scope| scope.sweep.clone()).collect();
    let names = TrialNames::of(store, &sweeps)?;
    let filter = choice.filter.as_deref().map(|text| filter(text, &names)).transpose()?;
    let order = choice.sort.as_deref().map(|key| order(key, &names)).transpose()?;
    Ok(Chosen { scopes, names, filter, order, top: choice.top.map(|top| top as usize) })
}

fn nothing(scopes: &[Scope], found: &Found) -> String {
    let of = match scopes {
        [scope] => format!("sweep {}", scope.sweep.id),
        scopes => format!("{} sweeps", scopes.len()),
    };
    match found.total {
        0 => format!("{of} has no trials yet"),
        total => format!("none of the {} of {of} matches", plural(total as u64, "trial")),
    }
}

/// What to type next.
fn next(scopes: &[Scope], found: &Found, is_grouped: bool, output: &Output) -> String {
    let first = &found.trials[0];
    let failed = found.trials.iter().find(|trial| trial.state == State::Failed);
    match (failed, is_grouped) {
        (Some(trial), false) => {
            format!("why one failed: sweep show {}/{}{}", trial.sweep, trial.number, output.store())
        }
        (_, true) => format!("one trial: sweep show {}/{}{}", first.sweep, first.number, output.store()),
        (None, false) if found.matching == found.total && found.trials.iter().any(|trial| trial.repeat > 0) => {
            let ids: Vec<String> = scopes.iter().map(|scope| scope.sweep.id.to_string()).collect();
            format!("over seeds: sweep trials {} --group{}", ids.join(" "), output.store())
        }
        (None, false) => format!("more of one: sweep show {}/{}{}", first.sweep, first.number, output.store()),
    }
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

fn order(key: &str, names: &TrialNames) -> Result<Order, CliError> {
    match Order::new(key, names) {
        Some(order) => Ok(order),
        None => Err(unknown(key.strip_prefix('-').unwrap_or(key), names)),
    }
}

fn known(name: &str, names: &TrialNames) -> Result<(), CliError> {
    if names.field(name).is_some() { Ok(()) } else { Err(unknown(name, names)) }
}

fn unknown(name: &str, names: &TrialNames) -> CliError {
    let error = CliError::user(format!("there is no param, metric or field `{name}`"));
    let known = names.known();
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("there are {}", known.join(", "))),
    }
}

/// The names of the params that differ between the trials.
fn changing(trials: &[TrialRow], names: &TrialNames) -> Vec<String> {
    let shown = |trial: &TrialRow, name: &str| trial.config.setting(name).map(Setting::shown);
    let changes = |name: &&String| {
        let first = trials.first().map(|trial| shown(trial, name));
        trials.iter().any(|trial| Some(shown(trial, name)) != first)
    };
    names.params().iter().filter(changes).cloned().collect()
}

/// The compared metrics of the sweeps, each once.
fn compared(scopes: &[Scope]) -> Vec<String> {
    let mut metrics: Vec<String> = Vec::new();
    for scope in scopes {
        if !metrics.contains(&scope.sweep.metric) {
            metrics.push(scope.sweep.metric.clone());
        }
    }
    metrics
}

/// The trials as rows.
fn listing(
    scopes: &[Scope],
    trials: &[TrialRow],
    args: &TrialsArgs,
    names: &TrialNames,
    changing: &[String],
) -> Listing {
    let wanted: Vec<String> = if args.columns.is_empty() {
        let mut columns: Vec<String> = Vec::new();
        columns.extend((scopes.len() > 1).then(|| "sweep".into()));
        columns.extend(["trial".into(), "state".into()]);
        let params = if args.only_changed { changing } else { names.params() };
        columns.extend(params.iter().map(|name| names.column(&Field::Param(name.clone()))));
        columns.extend((args.wide || trials.iter().any(|trial| trial.repeat > 0)).then(|| "repeat".into()));
        let mut metrics = compared(scopes);
        let others = ["val_loss", "val_accuracy", "val_rmse", "loss"];
        let is_other = |name: &&String| args.wide || others.contains(&name.as_str());
        let others: Vec<String> =
            names.metrics().iter().filter(|name| !metrics.contains(name)).filter(is_other).cloned().collect();
        metrics.extend(others.into_iter().take(if args.wide { usize::MAX } else { 1 }));
        columns.extend(metrics.into_iter().map(|name| names.column(&Field::Metric(name))));
        if args.wide {
            columns.extend(["seed", "config", "attempts", "started"].map(String::from));
        }
        columns.push("took".into());
        columns.extend(trials.iter().any(|trial| !trial.reason.is_empty()).then(|| "reason".into()));
        columns
    } else {
        args.columns.clone()
    };
    let mut listing = Listing::new(wanted.iter().map(|name| column(name, trials, names, changing)).collect());
    let fields: Vec<Option<Field>> = wanted.iter().map(|name| names.field(name)).collect();
    for trial in trials {
        let cells = wanted.iter().zip(&fields).map(|(name, field)| match field {
            Some(field) => cell(trial, field, scopes),
            // The compared metric of a sweep of which no trial has ended.
            None => Cell::metric(trial.metric(name.strip_prefix("metric.").unwrap_or(name))),
        });
        listing.rows.push(cells.collect());
    }
    listing
}

fn column(name: &str, trials: &[TrialRow], names: &TrialNames, changing: &[String]) -> Column {
    let (numeric, droppable) = match names.field(name) {
        Some(Field::Param(param)) => {
            // What is the same everywhere is least missed.
            let rank = if changing.contains(&param) || changing.is_empty() { 1 } else { 5 };
            (all_numbers(trials.iter().map(|t| t.config.setting(&param))), rank)
        }
        Some(Field::Metric(_)) | None => (true, 0),
        Some(Field::Fixed(fixed)) => match fixed {
            Fixed::Trial => (true, 0),
            Fixed::State => (false, 0),
            Fixed::Took => (false, 4),
            Fixed::Reason => (false, 2),
            Fixed::Config | Fixed::SweepName | Fixed::Tags | Fixed::Host | Fixed::Started | Fixed::Ended => (false, 2),
            _ => (true, 0),
        },
    };
    if numeric { Column::number(name) } else { Column::text(name) }.droppable(droppable)
}

fn all_numbers<'a>(settings: impl Iterator<Item = Option<&'a Setting>>) -> bool {
    settings.flatten().all(|setting| setting.label.is_none() && setting.value.number().is_some())
}

fn setting_cell(setting: Option<&Setting>) -> Cell {
    setting.map_or_else(Cell::empty, |of| Cell::new(setting_text(of), of.value.to_json()))
}

fn cell(trial: &TrialRow, field: &Field, scopes: &[Scope]) -> Cell {
    let at = |time_of: Option<i64>| time_of.map_or_else(Cell::empty, |at| Cell::text(time(at)));
    let sweep = || scopes.iter().map(|scope| &scope.sweep).find(|sweep| sweep.id == trial.sweep);
    match field {
        Field::Param(name) => setting_cell(trial.config.setting(name)),
        Field::Metric(name) => Cell::metric(trial.metric(name)),
        Field::Fixed(fixed) => match fixed {
            Fixed::State => Cell::text(trial.state.word()),
            Fixed::Reason => Cell::text(trial.reason.as_str()),
            Fixed::Config => Cell::new(&trial.config_id[..8], Json::String(trial.config_id.clone())),
            Fixed::Started => at(trial.started),
            Fixed::Ended => at(trial.ended),
            Fixed::Took => trial.seconds().map_or_else(Cell::empty, |s| Cell::new(duration(s), float_json(s))),
            Fixed::Trial => Cell::int(trial.number),
            Fixed::Sweep => Cell::int(trial.sweep),
            Fixed::Repeat => Cell::int(i64::from(trial.repeat)),
            Fixed::Seed => Cell::int(trial.seed as i64),
            Fixed::Attempts => Cell::int(trial.attempts),
            Fixed::Objective => Cell::metric(trial.objective.filter(|_| trial.state == State::Done)),
            Fixed::SweepName => sweep().map_or_else(Cell::empty, |sweep| Cell::text(sweep.name.as_str())),
            Fixed::Tags => sweep().map_or_else(Cell::empty, |sweep| Cell::text(sweep.tags.join(","))),
            Fixed::Host => sweep().map_or_else(Cell::empty, |sweep| Cell::text(sweep.host.as_str())),
            Fixed::Now => Cell::text(time(crate::store::now())),
        },
    }
}

/// The first `most` groups of trials as rows, and how many groups there are.
fn grouped(
    scopes: &[Scope],
    trials: &[TrialRow],
    args: &TrialsArgs,
    names: &TrialNames,
    most: usize,
) -> Result<(Listing, usize), CliError> {
    let by: Vec<String> = if args.group_by.is_empty() {
        // Params that do not differ make no groups.
        let changing = changing(trials, names);
        let params = if changing.is_empty() { names.params().to_vec() } else { changing };
        params.into_iter().filter(|name| name != "seed").collect()
    } else {
        let mut by = Vec::new();
        for name in &args.group_by {
            match names.field(name) {
                Some(Field::Param(param)) => by.push(param),
                _ => {
                    return Err(CliError::user(format!("`{name}` is no param: trials are grouped by params"))
                        .hint(format!("the params are {}", names.params().join(", "))));
                }
            }
        }
        by
    };
    let mut metrics = compared(scopes);
    for name in &args.columns {
        if let Some(Field::Metric(metric)) = names.field(name).filter(|_| !metrics.contains(name)) {
            metrics.push(metric);
        }
    }
    // The same config in two sweeps is two groups: the same seed twice says nothing of the spread.
    let by_sweep = args.group_by.is_empty() && scopes.len() > 1;
    let mut groups = group(trials, &by, &metrics, by_sweep);
    if let Some(order) = args.choice.sort.as_deref().and_then(|key| Order::new(key, names)) {
        sort_groups(&mut groups, &order, &metrics, args.group_by.is_empty());
    }
    let count = groups.len();
    groups.truncate(most);
    let is_lost = groups.iter().any(|group| group.failed + group.diverged > 0);
    let mut columns: Vec<Column> = by
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let numeric = all_numbers(groups.iter().map(|group| group.values[i].as_ref()));
            if numeric { Column::number(name) } else { Column::text(name) }.droppable(1)
        })
        .collect();
    for metric in &metrics {
        columns.extend([
            Column::number(metric),
            Column::number(format!("{metric}.sd")),
            Column::number(format!("{metric}.n")),
        ]);
    }
    columns.push(Column::number("trials").droppable(4));
    columns.extend(is_lost.then(|| Column::text("lost")));
    columns.push(Column::text("first").droppable(3));
    let mut listing = Listing::new(columns);
    for group in &groups {
        let mut row: Vec<Cell> = group.values.iter().map(|setting| setting_cell(setting.as_ref())).collect();
        for spread in &group.metrics {
            let mean = (spread.n > 0).then_some(spread.mean);
            row.extend([Cell::metric(mean), Cell::metric(spread.sd), Cell::int(spread.n as i64)]);
        }
        row.push(Cell::int(group.trials as i64));
        if is_lost {
            row.push(Cell::text(lost(group.diverged, group.failed)));
        }
        row.push(Cell::text(format!("{}/{}", group.first.0, group.first.1)));
        listing.rows.push(row);
    }
    Ok((listing, count))
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
