//! `search`, `metric`, the budget, repeats and seeds.

use super::reader::Reader;
use crate::expr::nearest;
use crate::search::SamplerKind;
use crate::spec::model::{At, Goal, Objective, Repeats, SearchSpec};
use crate::spec::source::Origin;
use crate::spec::yaml::{Node, Yaml};

/// `search: grid` or `search: {random: {seed: 7}}`.
pub(super) fn search(reader: &mut Reader<'_>, node: &Node) -> Option<SearchSpec> {
    let (word, at, options) = match &node.yaml {
        Yaml::Text(word) => (word.as_str(), node.at, None),
        Yaml::Map(entries) if entries.len() == 1 => {
            (entries[0].key.as_str(), entries[0].key_at, Some(&entries[0].value))
        }
        _ => {
            let message = format!("`search` is the name of a search, this is {}", node.what());
            reader.error(node.at, message).help.push("write `search: grid` or `search: {random: {seed: 7}}`".into());
            return None;
        }
    };
    let sampler = sampler(reader, word, at)?;
    let (mut seed, mut init) = (None, None);
    if let Some(options) = options.filter(|options| !matches!(options.yaml, Yaml::Null)) {
        let known: &[&str] = match sampler {
            SamplerKind::Grid => &[],
            SamplerKind::Tpe | SamplerKind::Gp | SamplerKind::Bayes => &["seed", "init"],
            _ => &["seed"],
        };
        if let Yaml::Int(count) = options.yaml {
            let problem = reader.error(options.at, format!("`{word}` takes options, not a number"));
            problem.help.push(format!("write `search: {word}` and beside it `configs: {count}`"));
            return None;
        }
        for entry in reader.mapping(options, word, "search: {random: {seed: 7}}")? {
            match entry.key.as_str() {
                "init" if known.contains(&"init") => init = reader.whole(&entry.value, "init", 1),
                "seed" if known.contains(&"seed") => seed = reader.whole(&entry.value, "seed", 0),
                _ if known.is_empty() => {
                    reader.error(entry.key_at, format!("`{word}` has no option `{}`", entry.key));
                }
                _ => reader.unknown_key(entry, &format!(" in `{word}`"), known),
            }
        }
    }
    Some(SearchSpec { sampler, seed, init })
}

fn sampler(reader: &mut Reader<'_>, word: &str, at: Origin) -> Option<SamplerKind> {
    if let Some(kind) = SamplerKind::ALL.into_iter().find(|kind| kind.word() == word) {
        return Some(kind);
    }
    let known = SamplerKind::ALL.map(SamplerKind::word);
    let near = nearest(word, known).map_or_else(|| known.join(", "), |near| format!("did you mean `{near}`?"));
    reader.error(at, format!("there is no search `{word}`")).help.push(near);
    None
}

/// `--search NAME`.
pub(super) fn search_flag(reader: &mut Reader<'_>, word: &str) -> Option<SearchSpec> {
    let kind = SamplerKind::ALL.into_iter().find(|kind| kind.word() == word);
    if kind.is_none() {
        let message = format!("there is no search `{word}`");
        let known = SamplerKind::ALL.map(SamplerKind::word).join(", ");
        reader.error_nowhere(message).help.push(format!("`--search` takes {known}"));
    }
    kind.map(|sampler| SearchSpec { sampler, seed: None, init: None })
}

/// `min val_loss`, or `{name: val_loss, goal: min, at: best}`.
pub(super) fn metric(reader: &mut Reader<'_>, node: &Node, default_at: At) -> Option<Objective> {
    const EXAMPLE: &str = "write `metric: min val_loss` or `metric: {name: val_loss, goal: min, at: best}`";
    match &node.yaml {
        Yaml::Text(text) => {
            let Some((goal, name)) = text.trim().split_once(char::is_whitespace) else {
                let message = format!("`{}` does not say which way is better", text.trim());
                reader.error(node.at, message).help.push(format!("write `metric: min {}`", text.trim()));
                return None;
            };
            let goal = self::goal(reader, goal, node.at)?;
            Some(Objective { metric: name.trim().to_owned(), goal, at: default_at })
        }
        Yaml::Map(entries) => {
            let (mut name, mut goal, mut at) = (None, None, Some(default_at));
            for entry in entries {
                match entry.key.as_str() {
                    "name" => name = reader.text(&entry.value, "name"),
                    "goal" => {
                        let word = reader.text(&entry.value, "goal")?;
                        goal = Some(self::goal(reader, &word, entry.value.at)?);
                    }
                    "at" => at = self::at(reader, &entry.value),
                    _ => reader.unknown_key(entry, " in `metric`", &["name", "goal", "at"]),
                }
            }
            if name.is_none() || goal.is_none() {
                let lacking = if name.is_none() { "name" } else { "goal" };
                reader.error(node.at, format!("`metric` has no `{lacking}`")).help.push(EXAMPLE.into());
            }
            Some(Objective { metric: name?, goal: goal?, at: at? })
        }
        Yaml::List(_) => {
            reader.not_yet(node.at, "a list of metrics");
            None
        }
        _ => {
            reader.error(node.at, format!("`metric` is a text, this is {}", node.what())).help.push(EXAMPLE.into());
            None
        }
    }
}

fn goal(reader: &mut Reader<'_>, word: &str, at: Origin) -> Option<Goal> {
    match word.to_ascii_lowercase().as_str() {
        "min" | "minimize" | "minimise" => Some(Goal::Min),
        "max" | "maximize" | "maximise" => Some(Goal::Max),
        _ => {
            let near = nearest(word, ["min", "max", "minimize", "maximize"]).map(str::to_owned);
            let problem = reader.error(at, format!("`{word}` is no goal"));
            problem
                .help
                .push(near.map_or("goals are `min` and `max`".into(), |near| format!("did you mean `{near}`?")));
            None
        }
    }
}

fn at(reader: &mut Reader<'_>, node: &Node) -> Option<At> {
    match &node.yaml {
        Yaml::Text(text) if text == "last" => return Some(At::Last),
        Yaml::Text(text) if text == "best" => return Some(At::Best),
        Yaml::Map(entries) if entries.len() == 1 => match entries[0].key.as_str() {
            "step" => return reader.whole(&entries[0].value, "step", 0).map(At::Step),
            "mean" => return reader.whole(&entries[0].value, "mean", 1).map(At::Mean),
            _ => {}
        },
        _ => {}
    }
    let shown = reader.shown(node);
    let problem = reader.error(node.at, format!("`at` says which point of the series counts, {shown} does not"));
    problem.help.push("write `at: last`, `at: best`, `at: {step: 100}` or `at: {mean: 5}`".into());
    None
}

/// `repeats: 5` or `seeds: [0, 1, 2]`.
pub(super) fn repeats(reader: &mut Reader<'_>, repeats: Option<&Node>, seeds: Option<&Node>) -> Option<Repeats> {
    const MOST: u64 = 100_000;
    match (repeats, seeds) {
        (Some(_), Some(seeds)) => {
            let message = "`repeats` and `seeds` are both given";
            reader.error(seeds.at, message).help.push("keep one of the two".into());
            None
        }
        (Some(node), None) => match reader.whole(node, "repeats", 1)? {
            count if count <= MOST => Some(Repeats::Count(count as u32)),
            _ => {
                reader.error(node.at, format!("at most {MOST} repeats"));
                None
            }
        },
        (None, Some(node)) => {
            let items = match &node.yaml {
                Yaml::List(items) if !items.is_empty() => items,
                _ => {
                    reader
                        .error(node.at, "`seeds` is a list of whole numbers")
                        .help
                        .push("write `seeds: [0, 1]`".into());
                    return None;
                }
            };
            let mut list: Vec<u64> = Vec::new();
            for item in items {
                let seed = reader.whole(item, "seeds", 0)?;
                if seed >= 1 << 31 {
                    reader.error(item.at, "a seed is below 2147483648, so that NumPy takes it");
                    return None;
                }
                if list.contains(&seed) {
                    reader
                        .error(item.at, format!("the seed {seed} stands twice"))
                        .help
                        .push("every repeat has a seed of its own".into());
                    return None;
                }
                list.push(seed);
            }
            Some(Repeats::Seeds(list))
        }
        (None, None) => Some(Repeats::Count(1)),
    }
}
