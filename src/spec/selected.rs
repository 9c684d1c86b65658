//! A spec that runs given configs again.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::space::Config;

/// The spec `meant` (in canonical form) with these configs as its `cases` in place of its params and search. Relative
/// paths are made absolute from `folder`, where the spec was, so that the new one can stand anywhere.
pub fn with_cases(meant: &Json, configs: &[&Config], folder: &Path, name: &str) -> Json {
    let mut spec = meant.as_object().cloned().unwrap_or_default();
    for gone in ["search", "params", "constraints", "cases", "try", "trials", "configs", "time", "target"] {
        spec.shift_remove(gone);
    }
    spec.insert("name".into(), json!(name));
    let absolute = |value: &mut Json| {
        if let Some(path) = value.as_str().map(|path| folder.join(path)).filter(|path| path.exists()) {
            *value = json!(path.display().to_string());
        }
    };
    for path in ["/train/data", "/train/source/data", "/train/source/checkpoint"] {
        let mut whole = Json::Object(std::mem::take(&mut spec));
        if let Some(value) = whole.pointer_mut(path) {
            absolute(value);
        }
        spec = whole.as_object().cloned().unwrap_or_default();
    }
    if spec.contains_key("run") {
        let dir = spec.get("dir").and_then(Json::as_str).unwrap_or(".");
        let dir = folder.join(dir).components().collect::<std::path::PathBuf>();
        spec.insert("dir".into(), json!(dir.display().to_string()));
    }
    let case = |config: &&Config| {
        let settings = config.settings.iter().map(|setting| (setting.name.to_string(), setting.value.to_json()));
        Json::Object(settings.collect::<Map<_, _>>())
    };
    spec.insert("search".into(), json!("grid"));
    spec.insert("cases".into(), configs.iter().map(case).collect());
    Json::Object(spec)
}
