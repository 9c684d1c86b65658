//! What differs between two specs, and whether the difference only adds.

use std::fmt;

use serde_json::Value as Json;

use super::canonical::bound_keys;
use super::model::{Job, Repeats, Spec};

/// One difference between two specs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The dotted path of the key.
    pub path: String,
    /// What it was; none where the key is new.
    pub old: Option<String>,
    /// What it is; none where the key is gone.
    pub new: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{}: {old} -> {new}", self.path),
            (None, Some(new)) => write!(f, "{}: {new} (new)", self.path),
            (Some(old), None) => write!(f, "{}: {old} (gone)", self.path),
            (None, None) => write!(f, "{}", self.path),
        }
    }
}

/// The differences between two canonical specs, without what may change freely.
pub fn changes(old: &Json, new: &Json) -> Vec<Change> {
    let mut out = Vec::new();
    compare("", Some(&Json::Object(bound_keys(old))), Some(&Json::Object(bound_keys(new))), &mut out);
    out
}

fn compare(path: &str, old: Option<&Json>, new: Option<&Json>, out: &mut Vec<Change>) {
    match (old, new) {
        (Some(Json::Object(a)), Some(Json::Object(b))) if path.is_empty() || !is_leaf(a) && !is_leaf(b) => {
            let gone = a.keys().filter(|key| !b.contains_key(*key));
            for key in b.keys().chain(gone) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, a.get(key), b.get(key), out);
            }
            // The order of params is the order of a grid.
            if path == "params" && out.is_empty() && !a.keys().eq(b.keys()) {
                let names = |map: &serde_json::Map<String, Json>| map.keys().cloned().collect::<Vec<_>>().join(" ");
                out.push(Change { path: "order of params".into(), old: Some(names(a)), new: Some(names(b)) });
            }
        }
        (old, new) if old != new => {
            out.push(Change { path: path.to_owned(), old: old.map(shown), new: new.map(shown) });
        }
        _ => {}
    }
}

/// Whether a mapping is one param's domain or another small thing that is best shown whole.
fn is_leaf(map: &serde_json::Map<String, Json>) -> bool {
    super::load::is_domain(map.keys().map(String::as_str)) || map.contains_key("goal")
}

fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Object(map) if map.len() == 1 && map.contains_key("const") => shown(&map["const"]),
        Json::Object(map) if map.len() == 1 && map.contains_key("choice") => shown(&map["choice"]),
        Json::Object(map) => {
            let inner: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
            format!("{{{}}}", inner.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Why `new` does not merely add to `old` (the stored configs are looked at by the caller); empty where it does.
pub fn refused_extension(old: &Spec, new: &Spec) -> Vec<String> {
    let mut why = Vec::new();
    match (&old.job, &new.job) {
        (Job::Train(a), Job::Train(b)) if a != b => why.push("`train` has changed".to_owned()),
        (Job::Command(a), Job::Command(b)) if a != b => why.push("the command has changed".to_owned()),
        (Job::Train(_), Job::Command(_)) | (Job::Command(_), Job::Train(_)) => {
            why.push("what a trial does has changed".to_owned());
        }
        _ => {}
    }
    if old.objective != new.objective {
        why.push("`metric` has changed".to_owned());
    }
    if old.seed != new.seed {
        why.push(format!("`seed` has changed from {} to {}", old.seed, new.seed));
    }
    if old.search_seed() != new.search_seed() && old.search.seed.is_some() {
        why.push("the seed of the search has changed".to_owned());
    }
    match (&old.repeats, &new.repeats) {
        (Repeats::Count(a), Repeats::Count(b)) if b >= a => {}
        (Repeats::Seeds(a), Repeats::Seeds(b)) if b.starts_with(a) => {}
        (a, b) if a == b => {}
        (a, b) if a.count() > b.count() => why.push(format!("{} repeats are fewer than {}", b.count(), a.count())),
        _ => why.push("the seeds have changed".to_owned()),
    }
    why
}
