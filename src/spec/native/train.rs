//! The `train` section.

use std::path::PathBuf;

use super::reader::Reader;
use crate::expr::nearest;
use crate::space::{Domain, Space, Value};
use crate::spec::source::Origin;
use crate::spec::yaml::{Entry, Node, Yaml};
use crate::train::{
    DataSpec, Files, Report, Scaling, SourceFrom, SourceSpec, SplitBy, SplitSpec, Task, TrainSpec, hyper,
    is_hyperparameter,
};

const KEYS: [&str; 10] = ["data", "target", "features", "drop", "rows", "task", "split", "scale", "source", "report"];

/// Reads the section; reports all mistakes.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<TrainSpec> {
    let entries = reader.mapping(node, "train", "train: {data: data.csv, target: label, model: softmax}")?;
    let mut constants: Vec<(String, Value)> = Vec::new();
    for entry in entries {
        reader.note(format!("train.{}", entry.key), entry.value.at);
        if is_hyperparameter(&entry.key) {
            constants.extend(constant(reader, entry));
        } else if !KEYS.contains(&entry.key.as_str()) {
            unknown(reader, entry);
        }
    }
    let data = node.get("data").and_then(|data| data_section(reader, node, data));
    let source = node.get("source").and_then(|source| source_section(reader, source));
    let report = node.get("report").map_or(Some(Report::Points(100)), |node| report(reader, node));
    if node.get("data").is_none() {
        for key in ["target", "features", "drop", "rows", "task", "split", "scale", "source"] {
            if let Some(entry) = entries.iter().find(|entry| entry.key == key) {
                let problem = reader.error(entry.key_at, format!("`{key}` needs `data`"));
                problem.help.push("add `data: data.csv`".into());
                break;
            }
        }
    }
    Some(TrainSpec { data, constants, source, report: report? })
}

/// What can only be said when params are known: there is a model, and data where it needs them.
pub(super) fn settle(reader: &mut Reader<'_>, train: &mut TrainSpec, space: Option<&Space>, node: Option<&Node>) {
    let Some(node) = node else { return };
    let mut models: Vec<Value> = train.constant("model").cloned().into_iter().collect();
    if let Some(param) = space.and_then(|space| space.param("model")) {
        match &param.domain {
            Domain::Const(value) => models.push(value.clone()),
            Domain::Choice(choices) => models.extend(choices.items.iter().map(|item| item.value.clone())),
            _ => return,
        }
    }
    let given = |name: &str| train.constant(name).is_some() || space.is_some_and(|space| space.param(name).is_some());
    if given("epochs") && given("steps") {
        let place = node.get("steps").or_else(|| node.get("epochs")).unwrap_or(node).at;
        reader.error(place, "`epochs` and `steps` are both given").help.push("keep one of the two".into());
    }
    if models.is_empty() && node.get("model").is_some() {
        return;
    }
    if models.is_empty() {
        let problem = reader.error(node.at, "`train` has no `model`");
        problem.help.push("add `model: softmax` (or linear, logistic, {mlp: [32]}, quadratic)".into());
        return;
    }
    let is_quadratic = |value: &Value| match value {
        Value::Text(word) => word == "quadratic",
        Value::Map(entries) => entries.iter().any(|(key, _)| key == "quadratic"),
        _ => false,
    };
    let quadratics = models.iter().filter(|model| is_quadratic(model)).count();
    if quadratics < models.len() && node.get("data").is_none() {
        let problem = reader.error(node.at, "`train` has no `data`");
        problem.help.push("add `data: data.csv, target: label`; only `model: quadratic` does without".into());
    } else if quadratics > 0 && node.get("data").is_some() {
        let problem = reader.error(node.at, "`quadratic` has no data");
        problem.help.push("leave out `data`, or take another model".into());
    }
    let needs_source = |value: &Value| matches!(value.text(), Some("transfer" | "l2sp"));
    let pulls = train.constant("method").is_some_and(needs_source)
        || space.and_then(|space| space.param("method")).is_some_and(|param| match &param.domain {
            Domain::Const(value) => needs_source(value),
            Domain::Choice(choices) => choices.items.iter().any(|item| needs_source(&item.value)),
            _ => false,
        });
    let warm = |value: &Value| *value == Value::Bool(true);
    let warms = train.constant("warm").is_some_and(warm)
        || space.and_then(|space| space.param("warm")).is_some_and(|param| match &param.domain {
            Domain::Const(value) => warm(value),
            Domain::Choice(choices) => choices.items.iter().any(|item| warm(&item.value)),
            _ => false,
        });
    if (pulls || warms) && train.source.is_none() && train.data.is_some() && node.get("source").is_none() {
        let what = if pulls { "`transfer` and `l2sp` start from" } else { "`warm: true` starts from" };
        let problem = reader.error(node.at, format!("{what} pre-trained parameters, and there is no `source`"));
        problem.help.push("add `source: {rows: \"row < 1000\"}`, `source: {data: other.csv}` or a checkpoint".into());
    }
}

fn unknown(reader: &mut Reader<'_>, entry: &Entry) {
    let known: Vec<&str> = KEYS.iter().copied().chain(hyper::HYPERPARAMETERS.iter().map(|info| info.name)).collect();
    reader.unknown_key(entry, " in `train`", &known);
}

fn constant(reader: &mut Reader<'_>, entry: &Entry) -> Option<(String, Value)> {
    if matches!(&entry.value.yaml, Yaml::List(_)) && entry.key != "model" {
        let problem = reader.error(entry.value.at, format!("`{}` in `train` is one value, this is a list", entry.key));
        problem.help.push(format!("to search over it, move it to `params`: `params: {{{}: [...]}}`", entry.key));
        return None;
    }
    if entry.value.text().is_some_and(|text| text.starts_with('=')) {
        let problem = reader.error(entry.value.at, "expressions stand in `params`");
        problem.help.push(format!("move it to `params`: `{}: {}`", entry.key, entry.value.text().unwrap_or("")));
        return None;
    }
    let value = reader.value(&entry.value);
    if let Err(message) = hyper::check(&entry.key, &value) {
        reader.error(entry.value.at, format!("`{}` {message}", entry.key));
        return None;
    }
    Some((entry.key.clone(), value))
}

fn data_section(reader: &mut Reader<'_>, train: &Node, node: &Node) -> Option<DataSpec> {
    let files = match &node.yaml {
        Yaml::Map(entries) => {
            let known = ["train", "validation", "test"];
            for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
                reader.unknown_key(entry, " in `data`", &known);
            }
            for entry in entries {
                reader.note(format!("train.data.{}", entry.key), entry.value.at);
            }
            let Some(first) = node.get("train") else {
                let problem = reader.error(node.at, "`data` has no `train`");
                problem.help.push("write `data: {train: a.csv, validation: b.csv, test: c.csv}`".into());
                return None;
            };
            Files::Parts {
                train: reader.path(first, "train")?,
                validation: node.get("validation").and_then(|node| reader.path(node, "validation")),
                test: node.get("test").and_then(|node| reader.path(node, "test")),
            }
        }
        _ => Files::One(reader.path(node, "data")?),
    };
    let target = match train.get("target") {
        Some(node) => reader.text(node, "target"),
        None => {
            let problem = reader.error(node.at, "`data` needs a `target`: the column to predict");
            problem.help.push("add `target: label`".into());
            None
        }
    };
    let features = train.get("features").map_or_else(Vec::new, |node| reader.texts(node, "features"));
    let drop = train.get("drop").map_or_else(Vec::new, |node| reader.texts(node, "drop"));
    let rows = train.get("rows").and_then(|node| rows(reader, node));
    let task = train.get("task").and_then(|node| {
        let word = reader.text(node, "task")?;
        match word.as_str() {
            "classification" => Some(Task::Classification),
            "regression" => Some(Task::Regression),
            _ => {
                let near = nearest(&word, ["classification", "regression"]).map(str::to_owned);
                let problem = reader.error(node.at, format!("there is no task `{word}`"));
                let known = "tasks are classification and regression".to_owned();
                problem.help.push(near.map_or(known, |near| format!("did you mean `{near}`?")));
                None
            }
        }
    });
    let split = train.get("split").map_or_else(SplitSpec::default, |node| split(reader, node));
    let scale = train.get("scale").map_or(Some(Scaling::Standard), |node| match node.text() {
        Some("standard") => Some(Scaling::Standard),
        Some("none") => Some(Scaling::None),
        _ => {
            let shown = reader.shown(node);
            reader.error(node.at, format!("`scale` is `standard` or `none`, not {shown}"));
            None
        }
    });
    Some(DataSpec { files, target: target?, features, drop, rows, task, split, scale: scale? })
}

fn rows(reader: &mut Reader<'_>, node: &Node) -> Option<crate::expr::Expr> {
    let Some(text) = node.text() else {
        let message = format!("`rows` is an expression, this is {}", node.what());
        reader.error(node.at, message).help.push("write `rows: \"row < 1000\"`".into());
        return None;
    };
    reader.expression(node, text, 0)
}

fn share(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<f64> {
    let share = reader.number(node, name)?;
    if (0.0..1.0).contains(&share) {
        return Some(share);
    }
    reader.error(node.at, format!("`{name}` is a share of the rows: at least 0 and below 1"));
    None
}

fn split(reader: &mut Reader<'_>, node: &Node) -> SplitSpec {
    let mut split = SplitSpec::default();
    let (mut validation, mut test, mut seed) = (0.2, 0.2, 0);
    let mut column = None;
    let Some(entries) = reader.mapping(node, "split", "split: {validation: 0.2, test: 0.2}") else { return split };
    for entry in entries {
        let value = &entry.value;
        match entry.key.as_str() {
            "validation" => validation = share(reader, value, "validation").unwrap_or(validation),
            "test" => test = share(reader, value, "test").unwrap_or(test),
            "seed" => seed = reader.whole(value, "seed", 0).unwrap_or(0),
            "fixed" => split.fixed = reader.boolean(value, "fixed").unwrap_or(false),
            "column" => column = reader.text(value, "column"),
            _ => reader.unknown_key(entry, " in `split`", &["validation", "test", "seed", "fixed", "column"]),
        }
    }
    if validation + test >= 1.0 {
        reader
            .error(node.at, "nothing is left to train on")
            .help
            .push("validation and test are below 1 together".into());
    }
    if let Some(other) = entries.iter().find(|e| matches!(e.key.as_str(), "validation" | "test" | "seed"))
        && column.is_some()
    {
        reader.error(other.key_at, format!("`{}` has no meaning beside `column`", other.key));
    }
    split.by = column.map_or(SplitBy::Shares { validation, test, seed }, SplitBy::Column);
    split
}

fn source_section(reader: &mut Reader<'_>, node: &Node) -> Option<SourceSpec> {
    const EXAMPLE: &str = "source: {rows: \"row < 1000\"}";
    let entries = reader.mapping(node, "source", EXAMPLE)?;
    let mut constants = Vec::new();
    for entry in entries {
        reader.note(format!("train.source.{}", entry.key), entry.value.at);
        match entry.key.as_str() {
            "rows" | "data" | "checkpoint" => {}
            "model" | "init" | "activation" => {
                let problem = reader.error(entry.key_at, format!("`{}` of the source is that of the trial", entry.key));
                problem.help.push("leave it out".into());
            }
            "method" if matches!(entry.value.text(), Some("transfer" | "l2sp")) => {
                reader.error(entry.value.at, "pre-training has nothing to start from itself");
            }
            "warm" | "beta" => {
                reader.error(entry.key_at, format!("`{}` has no meaning in pre-training", entry.key));
            }
            name if is_hyperparameter(name) => constants.extend(constant(reader, entry)),
            _ => {
                let known: Vec<&str> = ["rows", "data", "checkpoint"]
                    .into_iter()
                    .chain(hyper::HYPERPARAMETERS.iter().map(|i| i.name))
                    .collect();
                reader.unknown_key(entry, " in `source`", &known);
            }
        }
    }
    let has = |key: &str| node.get(key);
    let from = match (has("checkpoint"), has("data"), has("rows")) {
        (Some(checkpoint), None, None) => {
            if let Some(entry) = entries.iter().find(|entry| entry.key != "checkpoint") {
                reader.error(entry.key_at, format!("`{}` has no meaning beside `checkpoint`", entry.key));
            }
            let text = reader.text(checkpoint, "checkpoint")?;
            SourceFrom::Checkpoint(checkpoint_path(reader, checkpoint.at, text))
        }
        (None, Some(data), filter) => {
            let path = reader.path(data, "data")?;
            SourceFrom::Data(path, filter.and_then(|node| rows(reader, node)))
        }
        (None, None, Some(node)) => SourceFrom::Rows(rows(reader, node)?),
        (Some(_), _, _) => {
            reader.error(node.at, "`checkpoint` stands alone").help.push(format!("write `{EXAMPLE}` or a checkpoint"));
            return None;
        }
        (None, None, None) => {
            let problem = reader.error(node.at, "the source does not say what to pre-train on");
            problem
                .help
                .push(format!("write `{EXAMPLE}`, `source: {{data: other.csv}}` or `source: {{checkpoint: 3/17}}`"));
            return None;
        }
    };
    Some(SourceSpec { from, constants })
}

/// A trial such as `3/17` stays as it is; a file is relative to the spec that names it.
fn checkpoint_path(reader: &Reader<'_>, at: Origin, text: String) -> String {
    let folder = reader.sources.folder(at);
    if folder == &reader.sources.get(0).folder || PathBuf::from(&text).is_absolute() {
        return text;
    }
    folder.join(text).display().to_string()
}

fn report(reader: &mut Reader<'_>, node: &Node) -> Option<Report> {
    match &node.yaml {
        Yaml::Map(entries) if entries.len() == 1 && entries[0].key == "every" => {
            reader.whole(&entries[0].value, "every", 1).map(Report::Every)
        }
        Yaml::Int(_) => reader.whole(node, "report", 1).map(Report::Points),
        _ => {
            let problem = reader.error(node.at, "`report` is a number of points or `{every: steps}`");
            problem.help.push("write `report: 100` or `report: {every: 50}`".into());
            None
        }
    }
}
