//! Sweeps or trials side by side: what differs, and by how much.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::rank;
use crate::space::{Config, Setting, State, float_json};
use crate::store::{Store, StoreError, SweepRow, TrialRow};

/// Something to compare.
#[derive(Clone, Debug)]
pub enum Thing {
    /// A sweep: its best config stands for it.
    Sweep(Box<SweepRow>),
    /// A trial.
    Trial(Box<SweepRow>, Box<TrialRow>),
}

impl Thing {
    fn sweep(&self) -> &SweepRow {
        match self {
            Self::Sweep(sweep) | Self::Trial(sweep, _) => sweep,
        }
    }

    /// What it is called: `3` or `3/17`.
    pub fn label(&self) -> String {
        match self {
            Self::Sweep(sweep) => sweep.id.to_string(),
            Self::Trial(sweep, trial) => format!("{}/{}", sweep.id, trial.number),
        }
    }
}

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What it is about: `result params metrics spec environment files`.
    pub section: &'static str,
    /// The name of the param, metric or key.
    pub name: String,
    /// The value of each thing; null where it has none.
    pub values: Vec<Json>,
}

impl Difference {
    /// How much more the last has than the first, where both are finite numbers of a result or metric.
    pub fn amount(&self) -> Option<f64> {
        if !matches!(self.section, "result" | "metrics") {
            return None;
        }
        let (first, last) = (self.values.first()?.as_f64()?, self.values.last()?.as_f64()?);
        Some(last - first)
    }
}

impl Difference {
    /// The place of the best value, where this is the compared metric of all `things` and they agree on what is better.
    pub fn winner(&self, things: &[Thing]) -> Option<usize> {
        let first = things.first()?.sweep();
        let is_compared = match self.section {
            "metrics" => self.name == first.metric,
            "result" => self.name.strip_prefix("best ") == Some(&first.metric),
            _ => false,
        };
        let agree = things.iter().all(|thing| thing.sweep().metric == first.metric && thing.sweep().goal == first.goal);
        if !is_compared || !agree {
            return None;
        }
        let numbers = self.values.iter().enumerate().filter_map(|(i, value)| Some((i, value.as_f64()?)));
        let sign = if first.goal == "max" { -1.0 } else { 1.0 };
        numbers.min_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1))).map(|(i, _)| i)
    }
}

/// What was compared: the lines that differ, and how many do not.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The lines that differ.
    pub differences: Vec<Difference>,
    /// How many are the same.
    pub same: usize,
}

/// Compares things; a sweep by its best config, whose metrics are means over its seeds.
///
/// # Errors
/// When the store cannot be read.
pub fn compare(store: &Store, things: &[Thing]) -> Result<Comparison, StoreError> {
    let mut out = Comparison::default();
    let mut facts: Vec<Vec<(&'static str, String, Json)>> = Vec::new();
    for thing in things {
        facts.push(facts_of(store, thing)?);
    }
    let mut keys: Vec<(&'static str, String)> = Vec::new();
    for section in ["result", "params", "metrics", "spec", "environment", "files"] {
        for (of, name, _) in facts.iter().flatten().filter(|(of, ..)| *of == section) {
            if !keys.iter().any(|(known, other)| known == of && other == name) {
                keys.push((of, name.clone()));
            }
        }
    }
    for (section, name) in keys {
        let value = |facts: &Vec<(&'static str, String, Json)>| {
            let found = facts.iter().find(|(of, known, _)| *of == section && *known == name);
            found.map_or(Json::Null, |(.., value)| value.clone())
        };
        let values: Vec<Json> = facts.iter().map(value).collect();
        if values.windows(2).all(|pair| pair[0] == pair[1]) {
            out.same += 1;
        } else {
            out.differences.push(Difference { section, name, values });
        }
    }
    Ok(out)
}

fn facts_of(store: &Store, thing: &Thing) -> Result<Vec<(&'static str, String, Json)>, StoreError> {
    let sweep = thing.sweep();
    let mut facts: Vec<(&'static str, String, Json)> = Vec::new();
    let mut add = |section, name: &str, value| facts.push((section, name.to_owned(), value));
    let text = |text: &str| Json::String(text.to_owned());
    match thing {
        Thing::Trial(_, trial) => {
            add("result", "state", text(trial.state.word()));
            if trial.reason != String::new() {
                add("result", "reason", text(&trial.reason));
            }
            add("result", "seed", trial.seed.into());
            if let Some(seconds) = trial.seconds() {
                add("result", "took", float_json(seconds));
            }
            for setting in &trial.config.settings {
                add("params", &setting.name, shown(setting));
            }
            for (name, value) in &trial.metrics {
                add("metrics", name, float_json(*value));
            }
        }
        Thing::Sweep(sweep) => {
            for state in State::ALL {
                if sweep.counts.of(state) > 0 {
                    add("result", &format!("trials {state}"), sweep.counts.of(state).into());
                }
            }
            let ranking = rank(store, sweep)?;
            if let Some(best) = ranking.top(store, 1)?.pop() {
                add("result", &format!("best {}", sweep.metric), float_json(best.standing.mean));
                add("result", "best trial", text(&best.standing.first_trial()));
                for setting in &best.config.settings {
                    add("params", &setting.name, shown(setting));
                }
                for (name, mean) in means(store, sweep, &best.config)? {
                    add("metrics", &name, float_json(mean));
                }
            }
        }
    }
    let meant: Json = serde_json::from_str(&sweep.spec_meant).unwrap_or_default();
    let mut leaves = BTreeMap::new();
    flatten(&meant, String::new(), &mut leaves);
    for (path, value) in leaves {
        add("spec", &path, value);
    }
    for (name, value) in
        [("host", &sweep.host), ("user", &sweep.user), ("folder", &sweep.cwd), ("sweep", &sweep.version)]
    {
        add("environment", name, text(value));
    }
    if let Some(commit) = &sweep.git_commit {
        let dirty = if sweep.git_dirty == Some(true) { " and changes" } else { "" };
        add("environment", "git", text(&format!("{}{dirty}", &commit[..commit.len().min(12)])));
    }
    for file in store.files(sweep.id)? {
        let hash = &file.hash[..file.hash.len().min(12)];
        add("files", &file.path, text(&format!("{hash}, {} bytes", file.bytes)));
    }
    Ok(facts)
}

fn shown(setting: &Setting) -> Json {
    setting.label.as_ref().map_or_else(|| setting.value.to_json(), |label| Json::String(label.to_string()))
}

/// The mean over seeds of every metric of a config, of those that are done.
fn means(store: &Store, sweep: &SweepRow, config: &Config) -> Result<Vec<(String, f64)>, StoreError> {
    let mut sums: Vec<(String, f64, usize)> = Vec::new();
    for number in store.numbers_of_config(sweep.id, &config.id().to_string())? {
        let Some(trial) = store.trial(sweep, number)?.filter(|trial| trial.state == State::Done) else { continue };
        for (name, value) in &trial.metrics {
            match sums.iter_mut().find(|(known, ..)| **known == **name) {
                Some((_, sum, n)) => {
                    *sum += value;
                    *n += 1;
                }
                None => sums.push((name.to_string(), *value, 1)),
            }
        }
    }
    Ok(sums.into_iter().map(|(name, sum, n)| (name, sum / n as f64)).collect())
}

/// The leaves of a tree by their paths; lists are leaves.
fn flatten(tree: &Json, path: String, out: &mut BTreeMap<String, Json>) {
    match tree {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map.iter().filter(|(key, _)| !(path.is_empty() && key.as_str() == "name")) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(value, path, out);
            }
        }
        leaf => drop(out.insert(path, leaf.clone())),
    }
}
