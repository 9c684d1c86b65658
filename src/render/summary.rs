//! What stands at the end of a run, and below `best`.

use serde_json::{Map, Value as Json, json};

use super::listing::{Cell, Column, Listing};
use super::number::metric;
use super::text::{clean, shell_word};
use crate::analyse::{Edge, Group, RankedConfig};
use crate::space::Setting;

/// What is told of a sweep.
#[derive(Clone, Debug)]
pub struct Summary<'a> {
    /// The sweep's number.
    pub sweep: i64,
    /// The compared metric.
    pub metric: &'a str,
    /// Whether more is better.
    pub maximize: bool,
    /// The best configs, the best first.
    pub ranked: &'a [RankedConfig],
    /// How many configs there are.
    pub configs: usize,
    /// The params of the space, in order.
    pub params: &'a [String],
    /// The best config of each value of some param, with the param's name and the params to show.
    pub groups: Option<(String, Vec<Group>)>,
    /// Best values at the ends of their ranges.
    pub edges: &'a [Edge],
    /// What to add to a command so that it means the same store; may be empty.
    pub store: &'a str,
}

impl Summary<'_> {
    /// The text; `width` is that of the terminal, if there is one.
    pub fn text(&self, width: Option<usize>) -> String {
        let mut out = String::new();
        if self.ranked.is_empty() {
            return "no trial has a result yet\n".into();
        }
        let direction = if self.maximize { "higher" } else { "lower" };
        let repeats = self.ranked.iter().map(|config| config.standing.trials).max().unwrap_or(1);
        let over = if repeats > 1 { ", mean over seeds" } else { "" };
        out += &format!("best configs by {} ({direction} is better{over})\n", clean(self.metric));
        out += &ranked_listing(self.ranked, self.params, self.metric).table(width);
        if self.configs > self.ranked.len() {
            out += &format!("... of {} configs\n", self.configs);
        }
        if let Some((param, groups)) = self.groups.as_ref().filter(|(_, groups)| groups.len() > 1) {
            out += &format!("\nbest of each {}\n", clean(param));
            out += &group_listing(groups, param, self.params, self.metric).table(width);
        }
        for edge in self.edges {
            let end = if edge.upper { "upper" } else { "lower" };
            out += &format!(
                "\nwarning: the best {} is {}, the {end} end of what was searched",
                clean(&edge.param),
                edge.value
            );
            out += &format!("\n  sweep extend {} {}{}\n", self.sweep, shell_word(&edge.widened), self.store);
        }
        out
    }
}

/// The params that differ among some configs; all where there is one config.
fn differing<'a>(configs: &[&RankedConfig], params: &'a [String]) -> Vec<&'a String> {
    let shown = |config: &RankedConfig, param: &str| config.config.setting(param).map(Setting::shown);
    let differs = |param: &&String| {
        let mut values = configs.iter().map(|config| shown(config, param));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    if configs.len() < 2 { params.iter().collect() } else { params.iter().filter(differs).collect() }
}

/// What all of these configs have in common of `params`, as `lr=0.1 batch=32`; none where there is nothing.
pub fn in_common(configs: &[&RankedConfig], params: &[String]) -> Option<String> {
    let shown = |config: &RankedConfig, param: &str| config.config.setting(param).map(super::setting);
    let common = params.iter().filter_map(|param| {
        let mut values = configs.iter().map(|config| shown(config, param));
        let first = values.next()??;
        values.all(|value| value.as_ref() == Some(&first)).then(|| format!("{}={}", clean(param), clean(&first)))
    });
    let common: Vec<String> = common.collect();
    (configs.len() > 1 && !common.is_empty()).then(|| common.join(" "))
}

fn param_cells(config: &RankedConfig, params: &[&String]) -> Vec<Cell> {
    params
        .iter()
        .map(|param| match config.config.setting(param) {
            Some(setting) => Cell::new(super::setting(setting), setting.value.to_json()),
            None => Cell::empty(),
        })
        .collect()
}

fn param_columns(configs: &[&RankedConfig], params: &[&String]) -> Vec<Column> {
    params
        .iter()
        .map(|param| {
            let numeric = configs
                .iter()
                .filter_map(|c| c.config.setting(param))
                .all(|s| s.label.is_none() && s.value.number().is_some());
            if numeric { Column::number(param.as_str()) } else { Column::text(param.as_str()) }.droppable(1)
        })
        .collect()
}

/// The ranked configs as rows.
pub fn ranked_listing(ranked: &[RankedConfig], params: &[String], objective: &str) -> Listing {
    let configs: Vec<&RankedConfig> = ranked.iter().collect();
    let params = differing(&configs, params);
    let repeats = ranked.iter().any(|config| config.standing.trials > 1);
    let bad = ranked.iter().any(|config| config.standing.failed + config.standing.diverged > 0);
    let mut columns = vec![Column::number("rank")];
    columns.extend(param_columns(&configs, &params));
    columns.push(Column::number(objective));
    if repeats {
        columns.extend([Column::number("sd").droppable(2), Column::number("n").droppable(2)]);
    }
    if bad {
        columns.push(Column::text("lost"));
    }
    columns.push(Column::text("trial"));
    let mut listing = Listing::new(columns);
    for (i, config) in ranked.iter().enumerate() {
        let mut row = vec![Cell::int(i as i64 + 1)];
        row.extend(param_cells(config, &params));
        row.push(Cell::metric(Some(config.standing.mean)));
        if repeats {
            row.extend([Cell::metric(config.standing.sd), Cell::int(config.standing.n as i64)]);
        }
        if bad {
            row.push(Cell::text(lost(config.standing.diverged, config.standing.failed)));
        }
        row.push(Cell::text(config.standing.first_trial()));
        listing.rows.push(row);
    }
    let objects = ranked.iter().enumerate().map(|(i, config)| config_json(config, i + 1, objective));
    listing.objects = Some(objects.collect());
    listing
}

/// A ranked config as other programs get it.
fn config_json(config: &RankedConfig, rank: usize, objective: &str) -> Json {
    let standing = &config.standing;
    let params: Map<String, Json> =
        config.config.settings.iter().map(|s| (s.name.to_string(), s.value.to_json())).collect();
    let optional = |x: Option<f64>| x.map_or(Json::Null, crate::space::float_json);
    json!({
        "rank": rank,
        "sweep": standing.sweep,
        "trial": standing.first,
        "config": config.config.id().to_string(),
        "params": params,
        "metric": objective,
        "mean": crate::space::float_json(standing.mean),
        "sd": optional(standing.sd),
        "n": standing.n,
        "failed": standing.failed,
        "diverged": standing.diverged,
        "steps": optional(standing.steps),
        "seconds": optional(standing.seconds),
    })
}

/// `2 diverged, 1 failed`.
pub fn lost(diverged: usize, failed: usize) -> String {
    let part = |count: usize, word: &str| (count > 0).then(|| format!("{count} {word}"));
    [part(diverged, "diverged"), part(failed, "failed")].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The best of each value of a param as rows.
pub fn group_listing(groups: &[Group], by: &str, params: &[String], objective: &str) -> Listing {
    let bests: Vec<&RankedConfig> = groups.iter().map(|group| &group.best).collect();
    let others: Vec<&String> = params
        .iter()
        .filter(|param| *param != by && bests.iter().any(|best| best.config.setting(param).is_some()))
        .collect();
    let numeric = bests
        .iter()
        .filter_map(|best| best.config.setting(by))
        .all(|s| s.label.is_none() && s.value.number().is_some());
    let mut columns = vec![if numeric { Column::number(by) } else { Column::text(by) }];
    columns.extend(param_columns(&bests, &others));
    columns.push(Column::number(objective));
    let repeats = bests.iter().any(|best| best.standing.trials > 1);
    if repeats {
        columns.extend([Column::number("sd").droppable(2), Column::number("n").droppable(2)]);
    }
    let steps = bests.iter().any(|best| best.standing.steps.is_some());
    if steps {
        columns.push(Column::number("updates"));
    }
    columns.push(Column::number("seconds").droppable(2));
    columns.push(Column::number("configs").droppable(3));
    let bad = groups.iter().any(|group| group.failed + group.diverged > 0);
    if bad {
        columns.push(Column::text("lost").droppable(4));
    }
    columns.push(Column::text("trial"));
    let mut listing = Listing::new(columns);
    for group in groups {
        let best = &group.best;
        let mut row = vec![match best.config.setting(by) {
            Some(setting) => Cell::new(super::setting(setting), setting.value.to_json()),
            None => Cell::new("(none)", serde_json::Value::Null),
        }];
        row.extend(param_cells(best, &others));
        row.push(Cell::metric(Some(best.standing.mean)));
        if repeats {
            row.extend([Cell::metric(best.standing.sd), Cell::int(best.standing.n as i64)]);
        }
        if steps {
            row.push(Cell::metric(best.standing.steps));
        }
        row.push(Cell::new(
            best.standing.seconds.map_or(String::new(), metric),
            best.standing.seconds.map_or(serde_json::Value::Null, crate::space::float_json),
        ));
        row.push(Cell::int(group.configs as i64));
        if bad {
            row.push(Cell::text(lost(group.diverged, group.failed)));
        }
        row.push(Cell::text(best.standing.first_trial()));
        listing.rows.push(row);
    }
    let objects = groups.iter().enumerate().map(|(i, group)| {
        let mut object = config_json(&group.best, i + 1, objective);
        object["by"] = json!(by);
        object["value"] = group.best.config.get(by).map_or(Json::Null, crate::space::Value::to_json);
        object["configs"] = json!(group.configs);
        object["failed"] = json!(group.failed);
        object["diverged"] = json!(group.diverged);
        object
    });
    listing.objects = Some(objects.collect());
    listing
}
