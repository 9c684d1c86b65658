//! More values for a param of a spec.

use serde_json::{Map, Value as Json, json};

use crate::expr::nearest;
use crate::space::{Domain, Space, Value};

/// Why nothing is added.
#[derive(Debug)]
pub struct ExtendError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl ExtendError {
    fn new(message: String) -> Self {
        Self { message, hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Adds the values of `name=values` to a param of a spec in canonical form.
///
/// # Errors
/// When the param is none of the spec's or has no list of values, or `values` is not YAML.
pub fn add_values(meant: &mut Json, space: &Space, assignment: &str) -> Result<(), ExtendError> {
    let Some((name, text)) = assignment.split_once('=') else {
        return Err(ExtendError::new(format!("`{assignment}` adds nothing")).hint("write `lr=0.3` or `lr=[0.3, 1]`"));
    };
    let name = name.trim();
    let params = meant["params"].as_object_mut().filter(|params| params.contains_key(name));
    let (Some(params), Some(param)) = (params, space.param(name)) else {
        let error = ExtendError::new(format!("the sweep has no param `{name}`"));
        let near = nearest(name, space.params().iter().map(|param| &*param.name));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("a param that no trial has had would make other configs: begin a new sweep"),
        });
    };
    let given: Json = serde_yaml::from_str(text)
        .map_err(|error| ExtendError::new(format!("the value of `{name}` is not YAML: {error}")))?;
    let entry = &mut params[name];
    let when = entry.get("when").cloned();
    let mut new = match given {
        // A domain of its own.
        Json::Object(map) if map.keys().any(|key| !is_label(&map, key)) => Json::Object(map),
        Json::Object(labels) => match entry.get_mut("choice").and_then(Json::as_object_mut) {
            Some(choices) => {
                choices.extend(labels);
                entry.clone()
            }
            None => return Err(ExtendError::new(format!("the values of `{name}` have no labels"))),
        },
        given => {
            let more = if let Json::Array(items) = given { items } else { vec![given] };
            let mut values = values(entry, &param.domain, name)?;
            for value in more {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            json!({ "choice": values })
        }
    };
    if let (Some(when), Some(map)) = (when, new.as_object_mut()) {
        map.entry("when").or_insert(when);
    }
    *entry = new;
    Ok(())
}

/// Whether a key of a mapping is a label rather than a word of a domain.
fn is_label(map: &Map<String, Json>, key: &str) -> bool {
    const WORDS: [&str; 10] =
        ["float", "int", "log", "logint", "pow2", "choice", "const", "normal", "lognormal", "betadist"];
    !map.keys().any(|other| WORDS.contains(&other.as_str())) || !map.contains_key(key)
}

/// The values that a param has so far.
fn values(entry: &Json, domain: &Domain, name: &str) -> Result<Vec<Json>, ExtendError> {
    if entry.get("weights").is_some() {
        return Err(ExtendError::new(format!("the choices of `{name}` have weights"))
            .hint(format!("give all of them anew: `{name}={{choice: [...], weights: [...]}}`")));
    }
    match domain {
        Domain::Const(value) => Ok(vec![value.to_json()]),
        Domain::Choice(_) => entry.get("choice").and_then(Json::as_array).cloned().ok_or_else(|| {
            ExtendError::new(format!("the values of `{name}` have labels"))
                .hint(format!("write `{name}={{label: value}}`"))
        }),
        Domain::Range(range) => match range.grid_points() {
            Some(points) => Ok(points.iter().map(Value::to_json).collect()),
            None => Err(ExtendError::new(format!("`{name}` is a range")).hint(format!(
                "give a wider one: `{name}='{{{}: [{}, {}]}}'`",
                range.scale.word(),
                range.low,
                range.high
            ))),
        },
        _ => Err(ExtendError::new(format!("`{name}` has no list of values to add to"))),
    }
}
