//! One param: `{log: [1e-4, 1], grid: 9}`, `[a, b]`, `= expression`, a constant.

use std::sync::Arc;

use super::reader::Reader;
use crate::space::{Choice, Choices, Domain, Range, Scale, Value};
use crate::spec::yaml::{Entry, Node, Yaml};

/// Words that make a mapping a param.
pub(super) const TYPE_WORDS: [&str; 10] =
    ["int", "float", "log", "logint", "pow2", "normal", "lognormal", "betadist", "choice", "const"];

/// Words that go beside a type word.
pub(super) const MODIFIERS: [&str; 5] = ["step", "round", "grid", "when", "weights"];

/// Words by which other systems' ranges are recognised.
pub(super) const FOREIGN: [&str; 14] = [
    "min",
    "max",
    "low",
    "high",
    "lower",
    "upper",
    "value",
    "values",
    "choices",
    "distribution",
    "uniform",
    "loguniform",
    "log_uniform",
    "q",
];

/// More items than any choice has.
const MAX_ITEMS: usize = 100_000;

/// Reads the domain of the param called `name`; reports what is wrong.
pub(super) fn read(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Domain> {
    match &node.yaml {
        Yaml::List(items) => choice_list(reader, node, name, items).map(Domain::Choice),
        Yaml::Text(text) if text.starts_with('=') => {
            let offset = 1 + text[1..].len() - text[1..].trim_start().len();
            reader.expression(node, text, offset).map(Domain::Computed)
        }
        Yaml::Map(entries) => mapping(reader, name, node, entries),
        _ => reader.scalar(node).map(Domain::Const),
    }
}

fn mapping(reader: &mut Reader<'_>, name: &str, node: &Node, entries: &[Entry]) -> Option<Domain> {
    let typed: Vec<&Entry> = entries.iter().filter(|entry| TYPE_WORDS.contains(&entry.key.as_str())).collect();
    if let [_, second, ..] = typed.as_slice() {
        let message = format!("`{name}` is both `{}` and `{}`", typed[0].key, second.key);
        reader.error(second.key_at, message).help.push("keep one of the two".into());
        return None;
    }
    let entry = typed.first().copied()?;
    let word = entry.key.as_str();
    let allowed: &[&str] = match word {
        "choice" => &["when", "weights"],
        "const" => &["when"],
        "normal" | "lognormal" | "betadist" => &["when", "round"],
        "float" | "int" => &["when", "round", "step", "grid"],
        "log" | "logint" => &["when", "round", "grid"],
        _ => &["when", "grid"],
    };
    let mut fine = true;
    for modifier in entries.iter().filter(|e| MODIFIERS.contains(&e.key.as_str())) {
        if !allowed.contains(&modifier.key.as_str()) {
            let message = format!("`{}` has no meaning beside `{word}`", modifier.key);
            let problem = reader.error(modifier.key_at, message);
            problem.help.push(format!("beside `{word}` there can be {}", allowed.join(", ")));
            fine = false;
        }
    }
    let domain = match word {
        "const" => Some(Domain::Const(reader.value(&entry.value))),
        "choice" => choice(reader, name, entry, node).map(Domain::Choice),
        "normal" | "lognormal" | "betadist" => distribution(reader, word, entry, node),
        _ => range(reader, name, word, entry, node).map(Domain::Range),
    };
    domain.filter(|_| fine)
}

fn choice_list(reader: &mut Reader<'_>, node: &Node, name: &str, items: &[Node]) -> Option<Choices> {
    if items.is_empty() || items.len() > MAX_ITEMS {
        let message = if items.is_empty() {
            format!("`{name}` has nothing to choose from")
        } else {
            format!("`{name}` has more than {MAX_ITEMS} choices")
        };
        reader.error(node.at, message);
        return None;
    }
    let mut choices: Vec<Choice> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::new();
    for item in items {
        let value = reader.value(item);
        if seen.insert(format!("{}:{value}", value.type_word())) {
            choices.push(Choice { label: None, value });
        } else {
            reader.warning(item.at, format!("`{value}` stands twice in `{name}`; it runs once"));
        }
    }
    Some(Choices { items: choices, weights: None })
}

fn choice(reader: &mut Reader<'_>, name: &str, entry: &Entry, whole: &Node) -> Option<Choices> {
    let mut choices = match &entry.value.yaml {
        Yaml::List(items) => choice_list(reader, &entry.value, name, items)?,
        Yaml::Map(labelled) if !labelled.is_empty() => {
            let items = labelled
                .iter()
                .map(|entry| Choice { label: Some(Arc::from(entry.key.as_str())), value: reader.value(&entry.value) })
                .collect();
            Choices { items, weights: None }
        }
        _ => {
            let message = format!("`choice` takes a list or labels with values, this is {}", entry.value.what());
            reader.error(entry.value.at, message).help.push(format!("write `{name}: {{choice: [a, b]}}`"));
            return None;
        }
    };
    if let Some(weights) = whole.get("weights") {
        let Yaml::List(items) = &weights.yaml else {
            reader.error(weights.at, format!("`weights` is a list of numbers, this is {}", weights.what()));
            return None;
        };
        let numbers: Option<Vec<f64>> = items.iter().map(|item| reader.number(item, "weights")).collect();
        let numbers = numbers?;
        let sum: f64 = numbers.iter().sum();
        if numbers.len() != choices.items.len() {
            let message = format!("{} weights for {} choices", numbers.len(), choices.items.len());
            reader.error(weights.at, message).help.push("give one weight for each choice".into());
            return None;
        }
        if numbers.iter().any(|w| *w < 0.0) || sum <= 0.0 {
            reader.error(weights.at, "weights are at least 0, and not all 0");
            return None;
        }
        choices.weights = Some(numbers.iter().map(|w| w / sum).collect());
    }
    Some(choices)
}

/// The two numbers of `word: [a, b]`.
fn ends(reader: &mut Reader<'_>, word: &str, entry: &Entry, meaning: &str) -> Option<(f64, f64)> {
    match &entry.value.yaml {
        Yaml::List(items) if items.len() == 2 => {
            let low = reader.number(&items[0], word);
            let high = reader.number(&items[1], word);
            low.zip(high)
        }
        _ => {
            let message = format!("`{word}` takes two numbers, {meaning}");
            reader.error(entry.value.at, message).help.push(format!("write `{word}: [1, 10]`"));
            None
        }
    }
}

fn distribution(reader: &mut Reader<'_>, word: &str, entry: &Entry, whole: &Node) -> Option<Domain> {
    let meaning = if word == "betadist" { "its shapes a and b" } else { "the mean and the standard deviation" };
    let (a, b) = ends(reader, word, entry, meaning)?;
    let round = positive(reader, whole, "round")?;
    if b <= 0.0 || (word == "betadist" && a <= 0.0) {
        let message = if word == "betadist" {
            "the shapes of a beta distribution are above 0"
        } else {
            "a standard deviation is above 0"
        };
        reader.error(entry.value.at, message);
        return None;
    }
    Some(match word {
        "betadist" => Domain::Beta { a, b, round },
        _ => Domain::Normal { mean: a, sd: b, log: word == "lognormal", round },
    })
}

/// An optional modifier that is a number above 0; none where it is a mistake.
#[expect(clippy::option_option, reason = "a mistake is something else than an absent modifier")]
fn positive(reader: &mut Reader<'_>, whole: &Node, name: &str) -> Option<Option<f64>> {
    let Some(node) = whole.get(name) else { return Some(None) };
    let x = reader.number(node, name)?;
    if x <= 0.0 {
        reader.error(node.at, format!("`{name}` is above 0"));
        return None;
    }
    Some(Some(x))
}

fn range(reader: &mut Reader<'_>, name: &str, word: &str, entry: &Entry, whole: &Node) -> Option<Range> {
    let scale = match word {
        "int" => Scale::Int,
        "log" => Scale::Log,
        "logint" => Scale::LogInt,
        "pow2" => Scale::Pow2,
        _ => Scale::Float,
    };
    let ends = ends(reader, word, entry, "the lower and the upper end");
    let step = positive(reader, whole, "step");
    let round = positive(reader, whole, "round");
    let grid = match whole.get("grid") {
        None => Some(None),
        Some(node) => match reader.whole(node, "grid", 1) {
            Some(points) if points <= MAX_ITEMS as u64 => Some(Some(points as u32)),
            Some(_) => {
                reader.error(node.at, format!("a grid has at most {MAX_ITEMS} points in one param"));
                None
            }
            None => None,
        },
    };
    let (low, high) = ends?;
    let at = entry.value.at;
    if low > high {
        let message = format!("the ends of `{name}` are swapped");
        reader.error(at, message).help.push(format!("write `{word}: [{}, {}]`", Value::Float(high), Value::Float(low)));
        return None;
    }
    if low == high {
        let message = format!("`{name}` has only one value");
        reader.error(at, message).help.push(format!("write the constant: `{name}: {}`", Value::Float(low)));
        return None;
    }
    if scale.is_log() && low <= 0.0 {
        let message = format!("a logarithmic range starts above 0, not at {}", Value::Float(low));
        let problem = reader.error(at, message);
        problem.help.push(format!("start above 0, or write `{name}: {{float: [...]}}`"));
        return None;
    }
    if scale.is_int() && (low.abs() > 9e15 || high.abs() > 9e15) {
        reader.error(at, format!("`{word}` takes numbers up to 9e15"));
        return None;
    }
    if scale.is_int() && (low.fract() != 0.0 || high.fract() != 0.0) {
        reader
            .error(at, format!("`{word}` takes whole numbers"))
            .help
            .push(format!("write `{}: [...]` for numbers with a point", if scale.is_log() { "log" } else { "float" }));
        return None;
    }
    if scale == Scale::Pow2 && (low.log2().fract() != 0.0 || high.log2().fract() != 0.0) {
        reader.error(at, "the ends of `pow2` are powers of two").help.push("write `pow2: [16, 256]`".into());
        return None;
    }
    let (step, round, grid) = (step?, round?, grid?);
    if let (Some(step), Some(node)) = (step, whole.get("step")) {
        if step > high - low {
            reader.error(node.at, "the step is larger than the range");
            return None;
        }
        if scale == Scale::Int && step.fract() != 0.0 {
            reader.error(node.at, "the step of whole numbers is a whole number");
            return None;
        }
        if (high - low) / step > MAX_ITEMS as f64 * 10.0 {
            reader.error(node.at, "more than a million steps fit into the range");
            return None;
        }
    }
    if let (Some(round), Some(node)) = (round, whole.get("round")) {
        if scale.is_int() && round.fract() != 0.0 {
            reader.error(node.at, "whole numbers are rounded to a whole number");
            return None;
        }
        if step.is_some() {
            reader.error(node.at, "`round` and `step` are both given").help.push("keep one of the two".into());
            return None;
        }
    }
    Some(Range { scale, low, high, step, round, grid })
}
