//! The messages of ask and tell: a space as JSON, configs as JSON.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::expr::parse;
use crate::space::{Choices, Config, Domain, Param, Range, Scale, Space, Value, When};

/// What another program wants to have searched.
#[derive(Clone, Debug)]
pub struct SearchProblem {
    /// The space.
    pub space: Arc<Space>,
    /// Whether more is better.
    pub maximize: bool,
    /// The seed, if one is given.
    pub seed: Option<u64>,
    /// The number of trials to come, if it is known.
    pub budget: Option<u64>,
}

/// Reads `{"space": {...}, "direction": "minimize", "seed": 0, "budget": 100}`; keys that are not known are passed over.
/// Where `is_grid`, every param must have points.
/// Beside these there may be `"constraints": ["a <= b"]` and `"try": [{"a": 1}]`.
///
/// # Errors
/// What is wrong, in words that name the place.
pub fn search_problem(message: &Map<String, Json>, is_grid: bool) -> Result<SearchProblem, String> {
    let space = message.get("space").and_then(Json::as_object).ok_or("`space` is an object of params")?;
    let mut params: Vec<Param> = Vec::with_capacity(space.len());
    for (name, json) in space {
        let mut param = param(name, json, &params).map_err(|why| format!("`space.{name}`: {why}"))?;
        if let (true, Domain::Range(range)) = (is_grid, &mut param.domain) {
            if !range.scale.is_int() && range.step.is_none() && range.low < range.high {
                return Err(format!(
                    "`space.{name}`: a grid does not know which points to take: give a `step`, or list `choices`"
                ));
            }
            range.step = range.step.or(range.scale.is_int().then_some(1.0));
        }
        params.push(param);
    }
    let direction =
        message.get("direction").map_or(Ok("minimize"), |json| json.as_str().ok_or("`direction` is a text"))?;
    let maximize = match direction {
        "minimize" | "minimise" | "min" => false,
        "maximize" | "maximise" | "max" => true,
        _ => return Err(format!("`direction` is `minimize` or `maximize`, not `{direction}`")),
    };
    let whole = |key: &str| match message.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(json) => json.as_u64().map(Some).ok_or_else(|| format!("`{key}` is a whole number from 0, not {json}")),
    };
    let (seed, budget) = (whole("seed")?, whole("budget")?);
    let items = |key: &str| match message.get(key) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(items)) => Ok(items.clone()),
        Some(json) => Err(format!("`{key}` is a list, not {json}")),
    };
    let without = Space::new(params.clone(), Vec::new(), Vec::new(), Vec::new()).map_err(|error| error.to_string())?;
    let mut constraints = Vec::new();
    for json in items("constraints")? {
        let text = json.as_str().ok_or_else(|| format!("a constraint is a text such as \"a <= b\", not {json}"))?;
        let expr = parse(text).and_then(|expr| expr.check_condition(&without));
        constraints.push(expr.map_err(|error| format!("the constraint `{text}`: {error}"))?);
    }
    let mut tries = Vec::new();
    for json in items("try")? {
        let settings = json.as_object().ok_or_else(|| format!("a config of `try` is an object, not {json}"))?;
        let mut row = Vec::new();
        for (name, json) in settings {
            let value = Value::from_json(json);
            match without.param(name) {
                None => return Err(format!("`try` sets `{name}`, which is no param")),
                Some(param) if !param.domain.contains(&value) => {
                    return Err(format!("`try` sets `{name}` to {json}, which is not among its values"));
                }
                Some(param) => row.push((param.name.clone(), value)),
            }
        }
        tries.push(row);
    }
    let space = Space::new(params, constraints, Vec::new(), tries).map_err(|error| error.to_string())?;
    Ok(SearchProblem { space: Arc::new(space), maximize, seed, budget })
}

fn param(name: &str, json: &Json, before: &[Param]) -> Result<Param, String> {
    let fields = json.as_object().ok_or_else(|| format!("a param is an object with a `type`, not {json}"))?;
    let number = |key: &str| {
        let json = fields.get(key).ok_or_else(|| format!("has no `{key}`"))?;
        json.as_f64().filter(|x| x.is_finite()).ok_or_else(|| format!("`{key}` is a number, not {json}"))
    };
    let log = match fields.get("log") {
        None | Some(Json::Null) => false,
        Some(json) => json.as_bool().ok_or_else(|| format!("`log` is true or false, not {json}"))?,
    };
    let kind = fields.get("type").and_then(Json::as_str).ok_or("has no `type`: float, int or categorical")?;
    let domain = match kind {
        "float" | "int" => {
            let (low, high) = (number("low")?, number("high")?);
            let int = kind == "int";
            if low > high {
                return Err(format!("`low` ({low}) is above `high` ({high})"));
            }
            if int && (low.fract() != 0.0 || high.fract() != 0.0 || low.abs().max(high.abs()) > 9e15) {
                return Err("the ends of an int are whole numbers below 9e15".into());
            }
            if log && (low <= 0.0 || int && low < 1.0) {
                return Err(format!(
                    "a logarithmic range begins {}, not at {low}",
                    if int { "at 1" } else { "above 0" }
                ));
            }
            if !int && !(high - low).is_finite() {
                return Err("the range is too wide for a number".into());
            }
            let scale = match (int, log) {
                (false, false) => Scale::Float,
                (false, true) => Scale::Log,
                (true, false) => Scale::Int,
                (true, true) => Scale::LogInt,
            };
            let step = match fields.get("step") {
                None | Some(Json::Null) => None,
                Some(json) => match json.as_f64().filter(|x| *x > 0.0 && x.is_finite() && (!int || x.fract() == 0.0)) {
                    Some(1.0) if int => None,
                    Some(_) if log => return Err("a logarithmic range has no `step`".into()),
                    Some(step) => Some(step),
                    None => return Err(format!("`step` is a number above 0, not {json}")),
                },
            };
            Domain::Range(Range { scale, low, high, step, round: None, grid: None })
        }
        "categorical" => {
            let choices = fields.get("choices").and_then(Json::as_array).ok_or("`choices` is a list")?;
            if choices.is_empty() {
                return Err("`choices` is empty".into());
            }
            for (i, choice) in choices.iter().enumerate() {
                if choice.is_null() || choice.is_array() || choice.is_object() {
                    return Err(format!("a choice is a text, a number or a boolean, not {choice}"));
                }
                if choices[..i].iter().any(|other| Value::from_json(other).alike(&Value::from_json(choice))) {
                    return Err(format!("the choice {choice} stands twice"));
                }
            }
            Domain::Choice(Choices::plain(choices.iter().map(Value::from_json)))
        }
        _ => return Err(format!("the type is float, int or categorical, not `{kind}`")),
    };
    let when = match fields.get("when") {
        None | Some(Json::Null) => Vec::new(),
        Some(json) => {
            let other = json.get("param").and_then(Json::as_str).ok_or("`when` has no `param`")?;
            let values = json.get("in").and_then(Json::as_array).ok_or("`when` has no list `in`")?;
            let Some(parent) = before.iter().find(|param| &*param.name == other) else {
                return Err(format!("`when` names `{other}`, which is no param before this one"));
            };
            if let Some(never) = values.iter().find(|value| !parent.domain.contains(&Value::from_json(value))) {
                return Err(format!("`when`: `{other}` never is {never}"));
            }
            vec![When { name: other.into(), values: values.iter().map(Value::from_json).collect() }]
        }
    };
    Ok(Param { name: name.into(), domain, when })
}

/// A config as `{"name": value}`, active params only.
pub fn config_json(config: &Config) -> Json {
    Json::Object(config.settings.iter().map(|setting| (setting.name.to_string(), setting.value.to_json())).collect())
}

/// The config of `{"name": value}`; inactive params may be there and are passed over.
///
/// # Errors
/// Which param is missing or has a value that it cannot have.
pub fn config_of(space: &Space, params: &Map<String, Json>) -> Result<Config, String> {
    let mut wrong = None;
    let config = space.complete(0, |param| {
        let Some(json) = params.get(&*param.name) else {
            wrong.get_or_insert_with(|| format!("`{}` is missing", param.name));
            return None;
        };
        let mut value = Value::from_json(json);
        if let (Domain::Range(range), Some(x)) = (&param.domain, value.number()) {
            value = if range.scale.is_int() { Value::Int(x as i64) } else { Value::Float(x) };
        }
        if !param.domain.contains(&value) {
            wrong.get_or_insert_with(|| format!("`{}` cannot be {json}", param.name));
            return None;
        }
        Some((value, None))
    });
    wrong.map_or(Ok(config), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problem(message: Json) -> Result<SearchProblem, String> {
        search_problem(message.as_object().unwrap(), false)
    }

    #[test]
    fn a_space_is_read() {
        let problem = problem(json!({
            "space": {
                "method": {"type": "categorical", "choices": ["sgd", "adam", true, 3]},
                "lr": {"type": "float", "low": 1e-4, "high": 1, "log": true},
                "beta": {"type": "float", "low": 0, "high": 0.99, "log": false, "when": {"param": "method", "in": ["adam"]}},
                "n": {"type": "int", "low": 1, "high": 64, "log": true, "other": 5},
            },
            "direction": "maximize", "seed": 3, "budget": 20, "unknown": [],
            "constraints": ["n * lr <= 10"], "try": [{"method": "adam"}],
        }))
        .unwrap();
        assert!(problem.maximize && problem.seed == Some(3) && problem.budget == Some(20));
        assert_eq!(problem.space.params().len(), 4);
        let config = &problem.space.completed_tries()[0];
        assert_eq!(config_json(config), json!({"method": "adam", "lr": 0.01, "beta": 0.495, "n": 6}));
        let back = config_of(&problem.space, config_json(config).as_object().unwrap()).unwrap();
        assert_eq!(back.id(), config.id());
    }

    #[test]
    fn mistakes_name_their_place() {
        let one = |param: Json| problem(json!({"space": {"x": param}})).unwrap_err();
        insta::assert_snapshot!(
            [
                problem(json!({})).unwrap_err(),
                problem(json!({"space": {}, "direction": "up"})).unwrap_err(),
                problem(json!({"space": {}, "seed": -1})).unwrap_err(),
                problem(json!({"space": {}, "constraints": ["a <"]})).unwrap_err(),
                problem(json!({"space": {}, "constraints": ["a < 1"]})).unwrap_err(),
                problem(json!({"space": {}, "try": [{"a": 1}]})).unwrap_err(),
                one(json!(3)),
                one(json!({"low": 1})),
                one(json!({"type": "real"})),
                one(json!({"type": "float", "low": 1})),
                one(json!({"type": "float", "low": 2, "high": 1})),
                one(json!({"type": "float", "low": 0, "high": 1, "log": true})),
                one(json!({"type": "int", "low": 0.5, "high": 1})),
                one(json!({"type": "int", "low": 0, "high": 9, "log": true})),
                one(json!({"type": "float", "low": -1.7e308, "high": 1.7e308})),
                one(json!({"type": "categorical", "choices": []})),
                one(json!({"type": "categorical", "choices": ["a", "a"]})),
                one(json!({"type": "int", "low": 0, "high": 1, "when": {"param": "y", "in": [1]}})),
                one(json!({"type": "categorical", "choices": [1, null]})),
                one(json!({"type": "categorical", "choices": [1, 1.0]})),
                problem(json!({"space": {
                    "k": {"type": "categorical", "choices": ["p", "q"]},
                    "x": {"type": "int", "low": 0, "high": 1, "when": {"param": "k", "in": ["r"]}},
                }}))
                .unwrap_err(),
            ]
            .join("\n")
        );
    }
}
