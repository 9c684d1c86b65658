//! A spec as it is meant, written out in the native format with every default: for comparing, and for running again.
//!
//! Law: reading what [`canonical`] wrote gives the same spec.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::model::{At, CommandSpec, Each, Job, Objective, Parallel, Repeats, Slots, Spec, Target};
use super::template::Template;
use crate::space::{Domain, Param, Range, Space, Value};
use crate::train::{DataSpec, Files, Report, Scaling, SourceFrom, SourceSpec, SplitBy, TrainSpec};

/// Keys that may change freely under a sweep that is not complete.
const FREE: [&str; 7] = ["name", "parallel", "slots", "time", "tags", "max_failures", "each"];

/// The spec as JSON, which is YAML of the native format.
pub fn canonical(spec: &Spec) -> Json {
    let mut out = Map::new();
    out.insert("name".into(), json!(spec.name));
    match &spec.job {
        Job::Train(train) => {
            out.insert("train".into(), self::train(train));
        }
        Job::Command(command) => self::command(command, &mut out),
    }
    let mut options = Map::new();
    if let Some(seed) = spec.search.seed {
        options.insert("seed".into(), json!(seed));
    }
    if let Some(init) = spec.search.init {
        options.insert("init".into(), json!(init));
    }
    out.insert("search".into(), json!({ spec.search.sampler.word(): options }));
    out.insert("seed".into(), json!(spec.seed));
    match &spec.repeats {
        Repeats::Count(count) => out.insert("repeats".into(), json!(count)),
        Repeats::Seeds(seeds) => out.insert("seeds".into(), json!(seeds)),
    };
    let mut optional = |key: &str, value: Option<Json>| {
        if let Some(value) = value {
            out.insert(key.into(), value);
        }
    };
    optional("trials", spec.budget.trials.map(|n| json!(n)));
    // The default budget is frozen with the rest, so that a later version resumes this sweep unchanged.
    let frozen =
        if spec.budget.trials.is_none() { spec.budget.configs.or(spec.config_limit()) } else { spec.budget.configs };
    optional("configs", frozen.map(|n| json!(n)));
    optional("time", spec.budget.time.map(|time| json!(time.as_secs_f64())));
    optional(
        "target",
        spec.budget.target.as_ref().map(|target| match target {
            Target::Value { metric, value } => json!({ metric.clone(): value }),
            Target::Converged => json!("converged"),
        }),
    );
    optional("metric", Some(metric(&spec.objective)));
    optional("params", Some(params(&spec.space)));
    let constraints: Vec<&str> = spec.space.constraints().iter().map(|c| c.text()).collect();
    optional("constraints", (!constraints.is_empty()).then(|| json!(constraints)));
    let rows = |rows: &[Vec<(std::sync::Arc<str>, Value)>]| {
        (!rows.is_empty()).then(|| {
            rows.iter()
                .map(|row| Json::Object(row.iter().map(|(name, value)| (name.to_string(), number(value))).collect()))
                .collect::<Json>()
        })
    };
    optional("cases", rows(spec.space.cases()));
    optional("try", rows(spec.space.tries()));
    let parallel = match spec.parallel {
        Parallel::Auto => json!("auto"),
        Parallel::Count(count) => json!(count),
    };
    optional("parallel", Some(parallel));
    optional("slots", slots(&spec.slots));
    optional("each", Some(each(&spec.each)));
    optional("max_failures", spec.max_failures.map(|n| json!(n)));
    optional("tags", (!spec.tags.is_empty()).then(|| json!(spec.tags)));
    Json::Object(out)
}

fn command(command: &CommandSpec, out: &mut Map<String, Json>) {
    out.insert("run".into(), command.run.iter().map(Template::text).collect());
    if !command.dir.as_os_str().is_empty() {
        out.insert("dir".into(), json!(command.dir.to_string_lossy()));
    }
    if !command.env.is_empty() {
        let env = command.env.iter().map(|(name, value)| (name.clone(), json!(value.as_ref().map(Template::text))));
        out.insert("env".into(), Json::Object(env.collect()));
    }
    if let Some(pattern) = &command.pattern {
        out.insert("read".into(), json!({ "stdout": pattern }));
    }
}

fn slots(slots: &Slots) -> Option<Json> {
    let mut out = Map::new();
    out.extend(slots.cpu.map(|cpu| ("cpu".to_owned(), json!(cpu))));
    out.extend(slots.gpu.as_ref().map(|gpu| ("gpu".to_owned(), json!(gpu))));
    out.extend(slots.mem.map(|mem| ("mem".to_owned(), json!(mem))));
    (!out.is_empty()).then_some(Json::Object(out))
}

fn each(each: &Each) -> Json {
    let mut out = Map::new();
    out.extend(each.cpu.map(|cpu| ("cpu".to_owned(), json!(cpu))));
    out.extend(each.gpu.map(|gpu| ("gpu".to_owned(), json!(gpu))));
    out.extend(each.mem.map(|mem| ("mem".to_owned(), json!(mem))));
    let mut duration = |key: &str, duration: Option<Duration>| {
        out.extend(duration.map(|duration| (key.to_owned(), json!(duration.as_secs_f64()))));
    };
    duration("timeout", each.timeout);
    duration("stall", each.stall);
    duration("grace", each.grace);
    out.insert("retries".into(), json!(each.retries));
    if !each.keep.is_empty() {
        out.insert("keep".into(), json!(each.keep));
    }
    Json::Object(out)
}

/// Whether two canonical specs mean the same search: equal but for what may change freely.
pub fn is_same_search(a: &Json, b: &Json) -> bool {
    bound_keys(a) == bound_keys(b)
}

/// The keys of a canonical spec that may not change freely.
pub(super) fn bound_keys(spec: &Json) -> Map<String, Json> {
    let mut map = spec.as_object().cloned().unwrap_or_default();
    map.retain(|key, _| !FREE.contains(&key.as_str()));
    map
}

/// A value in JSON that YAML reads back as itself.
fn number(value: &Value) -> Json {
    match value {
        Value::Float(float) if !float.is_finite() => json!({ "const": value.to_json() }),
        other => other.to_json(),
    }
}

fn metric(objective: &Objective) -> Json {
    let at = match objective.at {
        At::Last => json!("last"),
        At::Best => json!("best"),
        At::Step(step) => json!({ "step": step }),
        At::Mean(count) => json!({ "mean": count }),
    };
    json!({ "name": objective.metric, "goal": objective.goal.word(), "at": at })
}

fn params(space: &Space) -> Json {
    let mut out = Map::new();
    for param in space.params().iter().filter(|param| param.domain != Domain::Case) {
        out.insert(param.name.to_string(), self::param(param));
    }
    Json::Object(out)
}

fn param(param: &Param) -> Json {
    let mut out = match &param.domain {
        Domain::Computed(expr) => return json!(format!("= {}", expr.text())),
        Domain::Const(value) => json!({ "const": value.to_json() }),
        Domain::Choice(choices) => {
            let labelled = choices.items.iter().any(|item| item.label.is_some());
            let items: Json = if labelled {
                let entries = choices.items.iter().map(|item| {
                    let label = item.label.as_deref().map_or_else(|| item.value.to_string(), str::to_owned);
                    (label, item.value.to_json())
                });
                Json::Object(entries.collect())
            } else {
                choices.items.iter().map(|item| item.value.to_json()).collect()
            };
            match &choices.weights {
                Some(weights) => json!({ "choice": items, "weights": weights }),
                None => json!({ "choice": items }),
            }
        }
        Domain::Range(range) => self::range(range),
        Domain::Normal { mean, sd, log, round } => {
            let word = if *log { "lognormal" } else { "normal" };
            with_round(json!({ word: [mean, sd] }), *round)
        }
        Domain::Beta { a, b, round } => with_round(json!({ "betadist": [a, b] }), *round),
        Domain::Case => Json::Null,
    };
    if !param.when.is_empty() {
        let when: Map<String, Json> = param
            .when
            .iter()
            .map(|when| (when.name.to_string(), when.values.iter().map(Value::to_json).collect()))
            .collect();
        out["when"] = Json::Object(when);
    }
    out
}

fn with_round(mut out: Json, round: Option<f64>) -> Json {
    if let Some(round) = round {
        out["round"] = json!(round);
    }
    out
}

fn range(range: &Range) -> Json {
    let ends = if range.scale.is_int() {
        json!([range.low as i64, range.high as i64])
    } else {
        json!([range.low, range.high])
    };
    let mut out = with_round(json!({ range.scale.word(): ends }), range.round);
    if let Some(step) = range.step {
        out["step"] = json!(step);
    }
    if let Some(grid) = range.grid {
        out["grid"] = json!(grid);
    }
    out
}

fn train(train: &TrainSpec) -> Json {
    let mut out = Map::new();
    if let Some(data) = &train.data {
        self::data(data, &mut out);
    }
    for (name, value) in &train.constants {
        out.insert(name.clone(), value.to_json());
    }
    if let Some(source) = &train.source {
        out.insert("source".into(), self::source(source));
    }
    let report = match train.report {
        Report::Points(points) => json!(points),
        Report::Every(steps) => json!({ "every": steps }),
    };
    out.insert("report".into(), report);
    Json::Object(out)
}

fn data(data: &DataSpec, out: &mut Map<String, Json>) {
    let files = match &data.files {
        Files::One(path) => json!(path.to_string_lossy()),
        Files::Parts { .. } => Json::Object(
            data.files.named().iter().map(|(part, path)| ((*part).to_owned(), json!(path.to_string_lossy()))).collect(),
        ),
    };
    out.insert("data".into(), files);
    out.insert("target".into(), json!(data.target));
    if !data.features.is_empty() {
        out.insert("features".into(), json!(data.features));
    }
    if !data.drop.is_empty() {
        out.insert("drop".into(), json!(data.drop));
    }
    if let Some(rows) = &data.rows {
        out.insert("rows".into(), json!(rows.text()));
    }
    if let Some(task) = data.task {
        out.insert("task".into(), json!(task.word()));
    }
    let split = match &data.split.by {
        SplitBy::Shares { validation, test, seed } => {
            json!({ "validation": validation, "test": test, "seed": seed, "fixed": data.split.fixed })
        }
        SplitBy::Column(column) => json!({ "column": column, "fixed": data.split.fixed }),
    };
    out.insert("split".into(), split);
    out.insert("scale".into(), json!(if data.scale == Scaling::Standard { "standard" } else { "none" }));
}

fn source(source: &SourceSpec) -> Json {
    let mut out = Map::new();
    match &source.from {
        SourceFrom::Rows(rows) => {
            out.insert("rows".into(), json!(rows.text()));
        }
        SourceFrom::Data(path, rows) => {
            out.insert("data".into(), json!(path.to_string_lossy()));
            if let Some(rows) = rows {
                out.insert("rows".into(), json!(rows.text()));
            }
        }
        SourceFrom::Checkpoint(checkpoint) => {
            out.insert("checkpoint".into(), json!(checkpoint));
        }
    }
    for (name, value) in &source.constants {
        out.insert(name.clone(), value.to_json());
    }
    Json::Object(out)
}
