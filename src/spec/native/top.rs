//! The top level of a native spec.

use std::sync::Arc;

use super::params::{self, Parts};
use super::reader::Reader;
use super::{command, each, search, train};
use crate::expr::nearest;
use crate::search::SamplerKind;
use crate::space::{Domain, Scale, Space, Value};
use crate::spec::model::{
    At, Budget, Each, Goal, Job, Objective, Overrides, Parallel, Repeats, SearchSpec, Slots, Spec, Target,
};
use crate::spec::source::Origin;
use crate::spec::yaml::{Entry, Node, Yaml};
use crate::train::{METRICS, hyper, is_hyperparameter};

/// Keys that this version understands.
const KEYS: [&str; 25] = [
    "include",
    "name",
    "train",
    "run",
    "dir",
    "env",
    "read",
    "search",
    "seed",
    "trials",
    "configs",
    "time",
    "target",
    "repeats",
    "seeds",
    "metric",
    "params",
    "constraints",
    "try",
    "cases",
    "parallel",
    "slots",
    "each",
    "max_failures",
    "tags",
];

/// Keys of the format that this version does not have.
const LATER: [&str; 1] = ["prune"];

/// The most slots that make sense anywhere.
const MAX_SLOTS: u64 = 10_000;

/// Reads the whole spec; reports all mistakes.
pub(super) fn read(
    reader: &mut Reader<'_>,
    tree: &Node,
    param_overrides: Vec<Entry>,
    overrides: &Overrides,
    stem: &str,
) -> Option<Spec> {
    let entries = tree.entries()?;
    if refuse_other_systems(reader, tree) {
        return None;
    }
    for entry in entries {
        let key = entry.key.as_str();
        if LATER.contains(&key) {
            reader.not_yet(entry.key_at, &format!("`{key}`"));
        } else if !KEYS.contains(&key) {
            unknown_top_key(reader, entry);
        }
        reader.note(key, if key == "params" { entry.key_at } else { entry.value.at });
    }
    let run_node = tree.get("run");
    let train_node = tree.get("train");
    let mut train = train_node.and_then(|node| train::read(reader, node));
    match (train_node, run_node) {
        (None, None) => {
            let problem = reader.error(tree.at, "the spec does not say what a trial does");
            problem.help.push("add `run: python train.py {args}`".into());
            problem.help.push("or `train: {data: data.csv, target: label, model: softmax}`".into());
        }
        (Some(_), Some(node)) => {
            let problem = reader.error(node.at, "a trial either runs a command or trains, not both");
            problem.help.push("keep `run` or `train`".into());
        }
        _ => {}
    }
    let constants: Vec<String> =
        train.as_ref().map_or_else(Vec::new, |t| t.constants.iter().map(|(name, _)| name.clone()).collect());
    let search = match overrides.search.as_deref() {
        Some(word) => search::search_flag(reader, word),
        None => match tree.get("search") {
            Some(node) => search::search(reader, node),
            None => Some(SearchSpec { sampler: SamplerKind::Grid, seed: None, init: None }),
        },
    };
    let is_train = train_node.is_some();
    let may_add = |name: &str| is_train && is_hyperparameter(name) && !constants.iter().any(|c| c == name);
    for entry in param_overrides.iter().filter(|entry| constants.contains(&entry.key)) {
        let message = format!("`{}` is a constant of `train`, not a param", entry.key);
        reader.error(entry.key_at, message).help.push(format!("write `train.{}=...`", entry.key));
    }
    let param_overrides = param_overrides.into_iter().filter(|entry| !constants.contains(&entry.key)).collect();
    let parts = Parts {
        params: tree.get("params"),
        constraints: tree.get("constraints"),
        cases: tree.get("cases"),
        tries: tree.get("try"),
        overrides: param_overrides,
    };
    let space = params::read(reader, parts, &may_add);
    // Where nothing is said, a grid that can be walked is walked, and a space with ranges is searched.
    let is_said = overrides.search.is_some() || tree.get("search").is_some();
    let search = match (&space, search) {
        (Some(space), Some(search)) if !is_said && !has_grid(space) => {
            Some(SearchSpec { sampler: SamplerKind::Bayes, ..search })
        }
        (_, search) => search,
    };
    if let Some(space) = &space {
        if is_train {
            check_hyperparameters(reader, space, &constants);
        }
        if let Some(search) = search {
            check_grid(reader, space, search);
        }
    }
    let patience = train.as_ref().is_some_and(|train| train.constant("patience").is_some_and(|v| *v != Value::Null))
        || space.as_ref().is_some_and(|space| space.param("patience").is_some());
    let default_at = if patience { At::Best } else { At::Last };
    let objective = match tree.get("metric") {
        Some(node) => {
            let objective = search::metric(reader, node, default_at);
            if let (Some(objective), true) = (&objective, is_train) {
                check_metric(reader, node, objective);
            }
            objective
        }
        None => {
            let metric = match &train {
                Some(train) if train.data.is_none() => "loss",
                None if run_node.is_some() => "seconds",
                _ => "val_loss",
            };
            Some(Objective { metric: metric.into(), goal: Goal::Min, at: default_at })
        }
    };
    if let Some(train) = &mut train {
        train::settle(reader, train, space.as_ref(), train_node);
    }
    let seed = match overrides.seed {
        Some(seed) => Some(seed),
        None => tree.get("seed").map_or(Some(0), |node| reader.whole(node, "seed", 0)),
    };
    let repeats = match overrides.repeats {
        Some(count) => Some(Repeats::Count(count)),
        None => search::repeats(reader, tree.get("repeats"), tree.get("seeds")),
    };
    let budget = budget(reader, tree, overrides, objective.as_ref());
    if let (Some(Target::Converged), Some(node), Some(search)) = (&budget.target, tree.get("target"), search)
        && !matches!(search.sampler, SamplerKind::Bayes | SamplerKind::Gp)
    {
        let message = format!("the search `{}` has no expectation that could converge", search.sampler.word());
        reader
            .error(node.at, message)
            .help
            .push("take `search: bayes`, or a value such as `target: {loss: 0.1}`".into());
    }
    if let (Some(repeats), Some(trials)) = (&repeats, budget.trials)
        && trials < u64::from(repeats.count())
    {
        let message = format!("{trials} trials are less than one config with {} repeats", repeats.count());
        match tree.get("trials").filter(|_| overrides.trials.is_none()) {
            Some(node) => reader.error(node.at, message),
            None => reader.error_nowhere(message),
        };
    }
    let name = match &overrides.name {
        Some(name) => Some((name.clone(), None)),
        None => match tree.get("name") {
            Some(node) => reader.text(node, "name").map(|name| (name, Some(node.at))),
            None => Some((stem.to_owned(), None)),
        },
    };
    let name = name.and_then(|(name, at)| check_name(reader, &name, at));
    let parallel = match overrides.parallel {
        Some(count) => Some(Parallel::Count(count.max(1))),
        None => tree.get("parallel").map_or(Some(Parallel::Auto), |node| parallel(reader, node)),
    };
    let each = tree.get("each").map_or_else(Each::default, |node| each::each(reader, node, is_train));
    let slots = tree.get("slots").map_or_else(Slots::default, |node| each::slots(reader, node));
    let max_failures = tree.get("max_failures").and_then(|node| reader.whole(node, "max_failures", 1));
    let tags = tree.get("tags").map_or_else(Vec::new, |node| reader.texts(node, "tags"));
    let command = run_node.filter(|_| !is_train).and_then(|node| command::read(reader, tree, node, space.as_ref()));
    if is_train {
        let help = "it is for trials that `run` a command; data paths are relative to the spec";
        for key in ["dir", "env", "read", "slots"] {
            if let Some(node) = tree.get(key) {
                reader.warning(node.at, format!("`{key}` has no effect on built-in training")).help.push(help.into());
            }
        }
    }
    Some(Spec {
        name: name?,
        space: Arc::new(space?),
        search: search?,
        seed: seed?,
        repeats: repeats?,
        budget,
        objective: objective?,
        job: match train {
            Some(train) => Job::Train(Box::new(train)),
            None => Job::Command(command?),
        },
        parallel: parallel?,
        slots,
        each,
        max_failures,
        tags,
    })
}

fn unknown_top_key(reader: &mut Reader<'_>, entry: &Entry) {
    if is_hyperparameter(&entry.key) {
        let problem = reader.error(entry.key_at, format!("`{}` does not belong at the top level", entry.key));
        problem.help.push("put it into `train` (a constant) or into `params` (searched)".into());
        return;
    }
    if nearest(&entry.key, KEYS).is_none()
        && let Some(near) = nearest(&entry.key, LATER)
    {
        reader.not_yet(entry.key_at, &format!("`{}` (did you mean `{near}`?)", entry.key));
        return;
    }
    reader.unknown_key(entry, "", &KEYS);
}

/// Names what another system's file was recognised by; true where there is nothing else to say.
fn refuse_other_systems(reader: &mut Reader<'_>, tree: &Node) -> bool {
    let has = |key: &str| tree.get(key).is_some();
    let at = |key: &str| tree.entries().and_then(|e| e.iter().find(|e| e.key == key)).map_or(tree.at, |e| e.key_at);
    if has("params") || has("search") {
        return false;
    }
    let (key, system) = if has("parameters") && has("method") {
        ("parameters", "a Weights & Biases sweep file (`parameters` and `method`)")
    } else if tree.get("hydra").is_some_and(|hydra| hydra.get("sweeper").is_some()) {
        ("hydra", "a Hydra config (`hydra.sweeper`)")
    } else if has("kind") && has("apiVersion") {
        ("kind", "a Kubernetes file (`kind` and `apiVersion`)")
    } else if has("searchSpace") || has("trialCommand") || has("searchSpaceFile") {
        (if has("searchSpace") { "searchSpace" } else { "trialCommand" }, "an NNI experiment")
    } else if has("operations") || has("flags") {
        (if has("operations") { "operations" } else { "flags" }, "a Guild file")
    } else {
        return false;
    };
    let problem = reader.error(at(key), format!("this looks like {system}, which cannot be run yet"));
    problem.help.push("a native spec has `params`: `params: {lr: {log: [1e-4, 1]}}`".into());
    true
}

/// Every param of a built-in trial is a hyperparameter or used by another param.
fn check_hyperparameters(reader: &mut Reader<'_>, space: &Space, constants: &[String]) {
    let expressions_failed = reader.has_errors();
    let mut used: Vec<&str> = space.constraints().iter().flat_map(|c| c.names()).collect();
    for param in space.params() {
        used.extend(param.when.iter().map(|when| &*when.name));
        if let Domain::Computed(expr) = &param.domain {
            used.extend(expr.names());
        }
    }
    for param in space.params() {
        let name = &*param.name;
        let Some(at) = reader_place(reader, name) else { continue };
        if constants.iter().any(|constant| constant == name) {
            let message = format!("`{name}` stands in `train` and in `params`");
            reader.error(at, message).help.push("keep one of the two".into());
        }
        if !is_hyperparameter(name) {
            if !used.contains(&name) && !used.iter().any(|u| u.strip_prefix("param.") == Some(name)) {
                let known = hyper::HYPERPARAMETERS.map(|info| info.name);
                let near = nearest(name, known).map(str::to_owned);
                if near.is_none() && expressions_failed {
                    // It may be used by an expression that could not be read.
                    continue;
                }
                let problem = reader.error(at, format!("built-in training has no hyperparameter `{name}`"));
                match near {
                    Some(near) => problem.help.push(format!("did you mean `{near}`?")),
                    None => problem.help.push(format!("there are {}", known.join(" "))),
                }
            }
            continue;
        }
        let values: Vec<Value> = match &param.domain {
            Domain::Const(value) => vec![value.clone()],
            Domain::Choice(choices) => choices.items.iter().map(|item| item.value.clone()).collect(),
            Domain::Range(range) => vec![range.at(0.0), range.at(1.0)],
            _ => Vec::new(),
        };
        for (i, value) in values.iter().enumerate() {
            if let Err(message) = hyper::check(name, value) {
                let item = reader.origin(&format!("params.{name}.{i}")).unwrap_or(at);
                reader.error(item, format!("`{name}` {message}"));
                break;
            }
        }
    }
}

fn reader_place(reader: &Reader<'_>, param: &str) -> Option<Origin> {
    reader.origin(&format!("params.{param}"))
}

/// Whether every param has points.
fn has_grid(space: &Space) -> bool {
    space.params().iter().all(|param| match &param.domain {
        Domain::Range(range) => range.grid_size().is_some(),
        Domain::Normal { .. } | Domain::Beta { .. } => false,
        _ => true,
    })
}

fn check_grid(reader: &mut Reader<'_>, space: &Space, search: SearchSpec) {
    if search.sampler != SamplerKind::Grid {
        return;
    }
    for param in space.params() {
        let Some(at) = reader_place(reader, &param.name) else { continue };
        match &param.domain {
            Domain::Range(range) if range.grid_size().is_none() => {
                let ends = (Value::Float(range.low), Value::Float(range.high));
                let word = range.scale.word();
                let ends = if range.scale.is_int() {
                    format!("[{}, {}]", range.low as i64, range.high as i64)
                } else {
                    format!("[{}, {}]", ends.0, ends.1)
                };
                let points = match range.scale {
                    Scale::Int | Scale::LogInt => (range.high - range.low + 1.0).min(5.0),
                    Scale::Pow2 => ((range.high / range.low).log2() + 1.0).min(5.0),
                    Scale::Float | Scale::Log => 5.0,
                };
                let problem =
                    reader.error(at, format!("a grid does not know how many points to take of `{}`", param.name));
                problem.help.push(format!(
                    "write `{}: {{{word}: {ends}, grid: {points}}}`, or take `search: bayes`",
                    param.name
                ));
            }
            Domain::Normal { .. } | Domain::Beta { .. } => {
                let problem = reader.error(at, format!("`{}` is a distribution, which has no grid", param.name));
                problem.help.push("take `search: bayes`".into());
            }
            _ => {}
        }
    }
}

fn check_metric(reader: &mut Reader<'_>, node: &Node, objective: &Objective) {
    let metric = objective.metric.as_str();
    let Some((_, is_series)) = METRICS.iter().find(|(name, _)| *name == metric) else {
        let known = METRICS.map(|(name, _)| name);
        let near = nearest(metric, known).map(str::to_owned);
        let problem = reader.error(node.at, format!("built-in training has no metric `{metric}`"));
        match near {
            Some(near) => problem.help.push(format!("did you mean `{near}`?")),
            None => problem.help.push(format!("there are {}", known.join(" "))),
        }
        return;
    };
    if !is_series && objective.at != At::Last && objective.at != At::Best {
        let message = format!("`{metric}` is known only at the end, not at a step");
        reader.error(node.at, message).help.push("leave out `at`".into());
    }
}

fn budget(reader: &mut Reader<'_>, tree: &Node, overrides: &Overrides, objective: Option<&Objective>) -> Budget {
    let trials = overrides.trials.or_else(|| tree.get("trials").and_then(|node| reader.whole(node, "trials", 1)));
    let configs = overrides.configs.or_else(|| tree.get("configs").and_then(|node| reader.whole(node, "configs", 1)));
    let time = tree.get("time").and_then(|node| reader.duration(node, "time"));
    let target = tree.get("target").and_then(|node| target(reader, node, objective));
    Budget { trials, configs, time, target }
}

fn target(reader: &mut Reader<'_>, node: &Node, objective: Option<&Objective>) -> Option<Target> {
    if let Yaml::Text(text) = &node.yaml {
        if text == "converged" {
            return Some(Target::Converged);
        }
        let message = format!("`target` is a metric with a value, or `converged`, not `{text}`");
        reader.error(node.at, message).help.push("write `target: {val_loss: 0.1}` or `target: converged`".into());
        return None;
    }
    let entries = reader.mapping(node, "target", "target: {val_loss: 0.1}")?;
    let [entry] = entries else {
        reader.error(node.at, "`target` has one metric").help.push("write `target: {val_loss: 0.1}`".into());
        return None;
    };
    let value = reader.number(&entry.value, &entry.key)?;
    if let Some(objective) = objective.filter(|objective| objective.metric != entry.key) {
        let message = format!("`{}` is not what is compared", entry.key);
        reader.error(entry.key_at, message).help.push(format!("the metric is `{}`", objective.metric));
        return None;
    }
    Some(Target::Value { metric: entry.key.clone(), value })
}

fn check_name(reader: &mut Reader<'_>, name: &str, at: Option<Origin>) -> Option<String> {
    let name = name.trim();
    let problem = if name.is_empty() {
        "a sweep's name is not empty"
    } else if name.chars().count() > 200 {
        "a sweep's name has at most 200 characters"
    } else if name.chars().any(char::is_control) {
        "a sweep's name has no control characters"
    } else if name.chars().all(|c| c.is_ascii_digit()) || name == "last" {
        "a sweep's name is neither a number nor `last`, by which sweeps are selected"
    } else {
        return Some(name.to_owned());
    };
    match at {
        Some(at) => reader.error(at, problem),
        None => reader.error_nowhere(format!("{problem}: give one with `--name`")),
    };
    None
}

fn parallel(reader: &mut Reader<'_>, node: &Node) -> Option<Parallel> {
    match &node.yaml {
        Yaml::Text(text) if text == "auto" => Some(Parallel::Auto),
        Yaml::Int(count) if (1..=MAX_SLOTS as i64).contains(count) => Some(Parallel::Count(*count as usize)),
        _ => {
            let shown = reader.shown(node);
            reader.error(node.at, format!("`parallel` is `auto` or a number from 1 to {MAX_SLOTS}, not {shown}"));
            None
        }
    }
}
