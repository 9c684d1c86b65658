//! `each` and `slots`: what a trial needs, and what there is.

use super::reader::Reader;
use crate::spec::model::{Each, Slots};
use crate::spec::yaml::{Node, Yaml};

const EACH: [&str; 8] = ["cpu", "gpu", "mem", "timeout", "stall", "grace", "retries", "keep"];
/// The keys that make sense for built-in training.
const EACH_TRAIN: [&str; 3] = ["timeout", "retries", "keep"];

/// `each`; `is_train` tells whether trials are built-in training.
pub(super) fn each(reader: &mut Reader<'_>, node: &Node, is_train: bool) -> Each {
    let mut each = Each::default();
    let Some(entries) = reader.mapping(node, "each", "each: {timeout: 10m, retries: 1}") else { return each };
    for entry in entries {
        let value = &entry.value;
        let key = entry.key.as_str();
        if is_train && EACH.contains(&key) && !EACH_TRAIN.contains(&key) {
            let message = format!("`each.{key}` has no effect on built-in training");
            reader.error(entry.key_at, message).help.push("it is for trials that `run` a command".into());
            continue;
        }
        match key {
            "cpu" => each.cpu = amount(reader, value, key),
            "gpu" => each.gpu = gpus_each(reader, value),
            "mem" => each.mem = bytes(reader, value, key),
            "timeout" => each.timeout = reader.duration(value, key),
            "stall" => each.stall = reader.duration(value, key),
            "grace" => each.grace = reader.duration(value, key),
            "retries" => each.retries = reader.whole(value, key, 0).unwrap_or(0).min(1000) as u32,
            "keep" => keep(reader, value, is_train, &mut each.keep),
            _ => reader.unknown_key(entry, " in `each`", if is_train { &EACH_TRAIN } else { &EACH }),
        }
    }
    each
}

fn keep(reader: &mut Reader<'_>, node: &Node, is_train: bool, keep: &mut Vec<String>) {
    for item in reader.texts(node, "keep") {
        if is_train && item != "model" {
            let problem = reader.error(node.at, format!("built-in training keeps no `{item}`"));
            problem.help.push("write `keep: [model]`".into());
            continue;
        }
        if !is_train {
            let outside = item.starts_with('/') || item.split('/').any(|part| part == "..");
            let problem = if item.is_empty() || outside {
                Some("names a file outside of the trial's own directory".to_owned())
            } else {
                glob::Pattern::new(&item).err().map(|error| format!("is no pattern: {}", error.msg))
            };
            if let Some(problem) = problem {
                let problem = reader.error(node.at, format!("`{item}` {problem}"));
                problem.help.push("write `keep: [best.pt, \"plots/*.png\"]`: names in `$SWEEP_DIR`".into());
                continue;
            }
        }
        keep.push(item);
    }
}

/// `slots: {cpu: 8, gpu: [0, 2], mem: 32G}`.
pub(super) fn slots(reader: &mut Reader<'_>, node: &Node) -> Slots {
    let mut slots = Slots::default();
    let Some(entries) = reader.mapping(node, "slots", "slots: {cpu: 8, gpu: 2, mem: 32G}") else { return slots };
    for entry in entries {
        let value = &entry.value;
        match entry.key.as_str() {
            "cpu" => slots.cpu = amount(reader, value, "cpu"),
            "gpu" => slots.gpu = gpus(reader, value),
            "mem" => slots.mem = bytes(reader, value, "mem"),
            _ => reader.unknown_key(entry, " in `slots`", &["cpu", "gpu", "mem"]),
        }
    }
    slots
}

/// A number of GPUs, or their indices or UUIDs.
fn gpus(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    match &node.yaml {
        Yaml::Int(count) if (0..=1024).contains(count) => Some((0..*count).map(|i| i.to_string()).collect()),
        Yaml::List(_) => Some(reader.texts(node, "gpu")),
        _ => {
            let shown = reader.shown(node);
            let problem = reader.error(node.at, format!("`gpu` is a number or a list of GPUs, not {shown}"));
            problem.help.push("write `slots: {gpu: 2}` or `slots: {gpu: [0, 2]}`".into());
            None
        }
    }
}

fn gpus_each(reader: &mut Reader<'_>, node: &Node) -> Option<f64> {
    let gpus = reader.number(node, "gpu")?;
    if gpus >= 0.0 && (gpus <= 1.0 || gpus.fract() == 0.0) {
        return Some(gpus);
    }
    let problem = reader.error(node.at, "`gpu` is a whole number, or a share of one GPU below 1");
    problem.help.push("write `gpu: 1`, or `gpu: 0.5` for two trials on each GPU".into());
    None
}

fn amount(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<f64> {
    let amount = reader.number(node, name)?;
    if amount > 0.0 {
        return Some(amount);
    }
    reader.error(node.at, format!("`{name}` is more than 0"));
    None
}

/// `16G`, `512M`, `1.5GiB`, or a number of bytes.
fn bytes(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<u64> {
    let bytes = match &node.yaml {
        Yaml::Text(text) => parse_bytes(text),
        _ => node.number().filter(|bytes| *bytes >= 1.0).map(|bytes| bytes as u64),
    };
    if bytes.is_none() {
        let shown = reader.shown(node);
        let problem = reader.error(node.at, format!("`{name}` is an amount of memory, not {shown}"));
        problem.help.push(format!("write `{name}: 16G`, `{name}: 512M` or a number of bytes"));
    }
    bytes
}

fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim().to_ascii_uppercase();
    let power = match unit.trim_end_matches('B').trim_end_matches('I') {
        "" if unit.len() <= 1 => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    let bytes = number * 1024f64.powi(power);
    (bytes >= 1.0 && bytes < 2f64.powi(63)).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory() {
        assert_eq!(parse_bytes("16G"), Some(16 << 30));
        assert_eq!(parse_bytes("1.5 GiB"), Some(3 << 29));
        assert_eq!(parse_bytes("512mb"), Some(512 << 20));
        assert_eq!(parse_bytes("100"), Some(100));
        assert_eq!(parse_bytes("100B"), Some(100));
        for wrong in ["", "G", "0", "-1G", "3 X", "1e3G", "many", "16GG"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }
}
