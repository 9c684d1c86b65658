//! `params`, `constraints`, `cases` and `try`: from the tree to a [`Space`].

use std::sync::Arc;

use super::domain::{self, FOREIGN, MODIFIERS, TYPE_WORDS};
use super::reader::Reader;
use crate::expr::{Expr, ExprError, nearest};
use crate::space::{Domain, Param, Space, Value, When};
use crate::spec::source::Origin;
use crate::spec::yaml::{Entry, Node, Yaml};

/// The parts of a spec that make the space.
pub(super) struct Parts<'n> {
    pub params: Option<&'n Node>,
    pub constraints: Option<&'n Node>,
    pub cases: Option<&'n Node>,
    pub tries: Option<&'n Node>,
    pub overrides: Vec<Entry>,
}

/// A param that was found, before its domain is read.
struct Found {
    name: String,
    at: Origin,
    node: Node,
    /// The conditions, kept when an override replaces the values.
    when: Option<Node>,
}

/// Reads the space; none where mistakes leave nothing to go on with. `may_add` says which params an override may bring
/// that the file does not have.
pub(super) fn read(reader: &mut Reader<'_>, parts: Parts<'_>, may_add: &dyn Fn(&str) -> bool) -> Option<Space> {
    let mut found = Vec::new();
    if let Some(node) = parts.params
        && let Some(entries) = reader.mapping(node, "params", "params: {lr: {log: [1e-4, 1]}}")
    {
        flatten(reader, entries, "", &mut found);
    }
    for entry in parts.overrides {
        let when = match &entry.value.yaml {
            Yaml::Map(_) => entry.value.get("when").cloned(),
            _ => None,
        };
        match found.iter_mut().find(|found| found.name == entry.key) {
            Some(old) => {
                old.at = entry.key_at;
                old.node = entry.value;
                old.when = when.or_else(|| old.when.take());
            }
            None if may_add(&entry.key) => {
                found.push(Found { name: entry.key, at: entry.key_at, node: entry.value, when });
            }
            None => {
                let near = nearest(&entry.key, found.iter().map(|found| found.name.as_str())).map(str::to_owned);
                let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
                let known = format!("the params are {}", names.join(", "));
                let problem = reader.error(entry.key_at, format!("there is no param `{}`", entry.key));
                problem.help.push(near.map_or(known, |near| format!("did you mean `{near}`?")));
            }
        }
    }
    let mut params: Vec<(Param, Found)> = Vec::new();
    for found in found {
        reader.note(format!("params.{}", found.name), found.at);
        let items = match &found.node.yaml {
            Yaml::Map(_) => found.node.get("choice").unwrap_or(&found.node),
            _ => &found.node,
        };
        if let Yaml::List(items) = &items.yaml {
            for (i, item) in items.iter().enumerate().take(1_000) {
                reader.note(format!("params.{}.{i}", found.name), item.at);
            }
        }
        // A param that could not be read still exists, so that what refers to it is no second mistake.
        let domain = domain::read(reader, &found.name, &found.node).unwrap_or(Domain::Const(Value::Null));
        let param = Param { name: Arc::from(found.name.as_str()), domain, when: Vec::new() };
        params.push((param, found));
    }
    let cases = parts.cases.map_or_else(Vec::new, |node| rows(reader, node, "cases"));
    for (name, at) in cases.iter().flat_map(|row| row.iter().map(|(name, _, at)| (name, *at))) {
        match params.iter().find(|(param, _)| param.name == *name) {
            None => params.push((
                Param { name: name.clone(), domain: Domain::Case, when: Vec::new() },
                Found { name: name.to_string(), at, node: Node { yaml: Yaml::Null, at }, when: None },
            )),
            Some((param, _)) if param.domain != Domain::Case => {
                let message = format!("`{name}` stands in `cases` and in `params`");
                reader.error(at, message).help.push("keep one of the two".into());
            }
            Some(_) => {}
        }
    }
    conditions(reader, &mut params);
    let tries = parts.tries.map_or_else(Vec::new, |node| rows(reader, node, "try"));
    let plain = |rows: Vec<Vec<(Arc<str>, Value, Origin)>>| -> Vec<Vec<(Arc<str>, Value)>> {
        rows.into_iter().map(|row| row.into_iter().map(|(name, value, _)| (name, value)).collect()).collect()
    };
    check_tries(reader, &params, &tries);
    let list: Vec<Param> = params.iter().map(|(param, _)| param.clone()).collect();
    // Names are looked up in a space without expressions first; the final one is made of checked expressions.
    let names = Space::new(
        list.iter().map(|p| Param { when: Vec::new(), domain: kind_only(&p.domain), ..p.clone() }).collect(),
        vec![],
        vec![],
        vec![],
    )
    .expect("params without conditions depend on nothing");
    let mut checked: Vec<Param> = Vec::new();
    for (param, found) in &params {
        let mut param = param.clone();
        if let Domain::Computed(expr) = &param.domain {
            let text = found.node.text().unwrap_or_default();
            let offset = text.len() - expr.text().len();
            match expr.clone().check(&names) {
                Ok(expr) => param.domain = Domain::Computed(expr),
                Err(error) => reader.expr_error(found.node.at, text, shifted(error, offset)),
            }
        }
        checked.push(param);
    }
    let constraints = parts.constraints.map_or_else(Vec::new, |node| constraints(reader, node, &names));
    match Space::new(checked, constraints, plain(cases), plain(tries)) {
        Ok(space) => Some(space),
        Err(error) => {
            let crate::space::SpaceError::Circle { names } = &error;
            let at = params.iter().find(|(param, _)| Some(&*param.name) == names.first().map(String::as_str));
            let at = at.map(|(_, found)| found.at);
            match at {
                Some(at) => reader.error(at, error.to_string()),
                None => reader.error_nowhere(error.to_string()),
            };
            None
        }
    }
}

/// A domain of the same kind that depends on nothing.
fn kind_only(domain: &Domain) -> Domain {
    match domain {
        Domain::Computed(_) => Domain::Case,
        other => other.clone(),
    }
}

fn shifted(mut error: ExprError, offset: usize) -> ExprError {
    error.span = error.span.start + offset..error.span.end + offset;
    error
}

/// Lists the params of a mapping, groups as dotted names.
fn flatten(reader: &mut Reader<'_>, entries: &[Entry], prefix: &str, out: &mut Vec<Found>) {
    for entry in entries {
        let name = if prefix.is_empty() { entry.key.clone() } else { format!("{prefix}.{}", entry.key) };
        if entry.key.is_empty() {
            reader.error(entry.key_at, "a param has a name");
            continue;
        }
        let Yaml::Map(inner) = &entry.value.yaml else {
            add(reader, out, name, entry, None);
            continue;
        };
        let has = |words: &[&str]| inner.iter().any(|e| words.contains(&e.key.as_str()));
        let only = |words: &[&str]| !inner.is_empty() && inner.iter().all(|e| words.contains(&e.key.as_str()));
        let stranger =
            inner.iter().find(|e| !TYPE_WORDS.contains(&e.key.as_str()) && !MODIFIERS.contains(&e.key.as_str()));
        if has(&TYPE_WORDS) {
            if let Some(stranger) = stranger {
                let known: Vec<&str> = MODIFIERS.to_vec();
                let message = format!("`{}` stands beside a type word in `{name}`", stranger.key);
                let near = nearest(&stranger.key, known).map(str::to_owned);
                let problem = reader.error(stranger.key_at, message);
                match near {
                    Some(near) => problem.help.push(format!("did you mean `{near}`?")),
                    None => problem.help.push(format!(
                        "if `{name}` is a group, write its children as dotted names: `{name}.{}`",
                        stranger.key
                    )),
                }
                continue;
            }
            add(reader, out, name, entry, entry.value.get("when").cloned());
        } else if only(&FOREIGN) || (has(&FOREIGN) && has(&["distribution", "type"])) {
            let line = native_line(&name, &entry.value);
            let message = format!("`{name}` is written as in another system");
            reader.error(entry.value.at, message).help.push(format!("write `{line}`"));
        } else if entry.key == "model" && inner.len() == 1 && has(&["mlp", "quadratic"]) {
            let message = format!("`{name}` would be a group with the param `{}`", inner[0].key);
            let problem = reader.error(entry.value.at, message);
            problem.help.push(format!("one model: `{name}: {{const: {{{}: ...}}}}`", inner[0].key));
            problem.help.push(format!("several: `{name}: {{choice: [{{{}: ...}}, ...]}}`", inner[0].key));
        } else if only(&MODIFIERS) {
            let message = format!("`{name}` has no type");
            let problem = reader.error(entry.value.at, message);
            problem.help.push(format!("add one of {}: `{name}: {{float: [0, 1]}}`", TYPE_WORDS.join(" ")));
        } else if inner.is_empty() {
            reader.error(entry.value.at, format!("`{name}` is empty"));
        } else {
            flatten(reader, inner, &name, out);
        }
    }
}

fn add(reader: &mut Reader<'_>, out: &mut Vec<Found>, name: String, entry: &Entry, when: Option<Node>) {
    if out.iter().any(|found| found.name == name) {
        let message = format!("the param `{name}` stands twice: as a dotted name and in a group");
        reader.error(entry.key_at, message).help.push("keep one of the two".into());
        return;
    }
    out.push(Found { name, at: entry.key_at, node: entry.value.clone(), when });
}

/// The line of the native format for a param of another system, as far as it can be told.
fn native_line(name: &str, node: &Node) -> String {
    let number = |keys: [&str; 3]| keys.iter().find_map(|key| node.get(key)).and_then(Node::number);
    let low = number(["min", "low", "lower"]).map(Value::Float);
    let high = number(["max", "high", "upper"]).map(Value::Float);
    let log =
        node.get("distribution").or_else(|| node.get("type")).and_then(Node::text).is_some_and(|t| t.contains("log"));
    let ints = ["min", "max", "low", "high", "lower", "upper"]
        .iter()
        .filter_map(|key| node.get(key))
        .all(|node| matches!(node.yaml, Yaml::Int(_)));
    match (low, high) {
        (Some(low), Some(high)) if ints && !log => {
            let whole = |value: &Value| value.number().unwrap_or(0.0) as i64;
            format!("{name}: {{int: [{}, {}]}}", whole(&low), whole(&high))
        }
        (Some(low), Some(high)) => {
            format!("{name}: {{{}: [{low}, {high}]}}", if log { "log" } else { "float" })
        }
        _ if node.get("values").or_else(|| node.get("choices")).is_some() => format!("{name}: [a, b, c]"),
        _ if node.get("value").is_some() => format!("{name}: value"),
        _ => format!("{name}: {{float: [0, 1]}}"),
    }
}

fn conditions(reader: &mut Reader<'_>, params: &mut [(Param, Found)]) {
    let known: Vec<(Arc<str>, Domain)> = params.iter().map(|(p, _)| (p.name.clone(), p.domain.clone())).collect();
    for (param, found) in params {
        let Some(node) = &found.when else { continue };
        let Some(entries) = reader.mapping(node, "when", "when: {method: transfer}") else { continue };
        for entry in entries {
            let Some((other, domain)) = known.iter().find(|(name, _)| **name == *entry.key) else {
                let near = nearest(&entry.key, known.iter().map(|(name, _)| &**name)).map(str::to_owned);
                let problem = reader.error(entry.key_at, format!("there is no param `{}`", entry.key));
                problem.help.extend(near.map(|near| format!("did you mean `{near}`?")));
                continue;
            };
            if *other == param.name {
                reader.error(entry.key_at, format!("`{other}` cannot depend on itself"));
                continue;
            }
            let items = match &entry.value.yaml {
                Yaml::List(items) => items.as_slice(),
                _ => std::slice::from_ref(&entry.value),
            };
            let mut values = Vec::new();
            for item in items {
                let value = reader.value(item);
                if !domain.contains(&value) {
                    let shown: Vec<String> = match domain {
                        Domain::Choice(choices) => choices
                            .items
                            .iter()
                            .map(|item| item.label.as_deref().map_or_else(|| item.value.to_string(), str::to_owned))
                            .collect(),
                        Domain::Const(value) => vec![value.to_string()],
                        _ => Vec::new(),
                    };
                    let near = nearest(&value.to_string(), shown.iter().map(String::as_str)).map(str::to_owned);
                    let problem = reader.error(item.at, format!("`{other}` never is `{value}`"));
                    match near {
                        Some(near) => problem.help.push(format!("did you mean `{near}`?")),
                        None if shown.is_empty() => {}
                        None => problem.help.push(format!("it is one of {}", shown.join(", "))),
                    }
                }
                values.push(value);
            }
            param.when.push(When { name: other.clone(), values });
        }
    }
}

fn constraints(reader: &mut Reader<'_>, node: &Node, names: &Space) -> Vec<Expr> {
    let items = match &node.yaml {
        Yaml::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut out = Vec::new();
    for item in items {
        let Some(text) = item.text() else {
            let message = format!("a constraint is an expression, this is {}", item.what());
            reader.error(item.at, message).help.push("write `constraints: [\"a + b <= 1\"]`".into());
            continue;
        };
        let Some(expr) = reader.expression(item, text, 0) else { continue };
        match expr.check_condition(names) {
            Ok(expr) => out.push(expr),
            Err(error) => reader.expr_error(item.at, text, error),
        }
    }
    out
}

/// The rows of `cases` or `try`: mappings from names to values, groups as dotted names.
fn rows(reader: &mut Reader<'_>, node: &Node, name: &str) -> Vec<Vec<(Arc<str>, Value, Origin)>> {
    let Yaml::List(items) = &node.yaml else {
        let message = format!("`{name}` is a list of mappings, this is {}", node.what());
        reader.error(node.at, message).help.push(format!("write `{name}:` and below it `  - {{lr: 0.1}}`"));
        return Vec::new();
    };
    let mut out = Vec::new();
    for item in items {
        let Some(entries) = reader.mapping(item, name, &format!("{name}: [{{lr: 0.1}}]")) else { continue };
        out.push(entries.iter().map(|e| (Arc::from(e.key.as_str()), reader.value(&e.value), e.key_at)).collect());
    }
    out
}

fn check_tries(reader: &mut Reader<'_>, params: &[(Param, Found)], tries: &[Vec<(Arc<str>, Value, Origin)>]) {
    for (name, value, at) in tries.iter().flatten() {
        match params.iter().find(|(param, _)| param.name == *name) {
            None => {
                let near = nearest(name, params.iter().map(|(param, _)| &*param.name)).map(str::to_owned);
                let problem = reader.error(*at, format!("there is no param `{name}`"));
                problem.help.extend(near.map(|near| format!("did you mean `{near}`?")));
            }
            Some((Param { domain: Domain::Computed(_), .. }, _)) => {
                reader.error(*at, format!("`{name}` is computed and cannot be tried"));
            }
            Some((param, _)) if !param.domain.contains(value) => {
                reader.error(*at, format!("`{value}` is outside of what `{name}` may be"));
            }
            Some(_) => {}
        }
    }
}
