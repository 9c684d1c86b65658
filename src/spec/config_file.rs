//! A config as a file that the program of a trial reads: YAML, JSON or TOML, with dotted names nested.

use serde_json::{Map, Value as Json};

use crate::space::{Config, Value};

/// The format of a file with the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// TOML; what is null is left out.
    Toml,
}

impl ConfigFormat {
    /// The name of the file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Yaml => "config.yaml",
            Self::Json => "config.json",
            Self::Toml => "config.toml",
        }
    }

    /// The config in this format; dotted names are nested.
    ///
    /// # Errors
    /// What the format cannot say.
    pub fn write(self, config: &Config) -> Result<String, String> {
        let nested = nested(config);
        match self {
            Self::Json => Ok(serde_json::to_string_pretty(&Json::Object(json(&nested)))
                .map_err(|error| error.to_string())?
                + "\n"),
            Self::Yaml => {
                let mut out = String::new();
                write_yaml(&nested, 0, &mut out);
                Ok(if out.is_empty() { "{}\n".into() } else { out })
            }
            Self::Toml => {
                let mut json = json(&nested);
                without_null(&mut json);
                toml::to_string(&json).map_err(|error| format!("the config cannot be written as TOML: {error}"))
            }
        }
    }
}

type Nested = Vec<(String, Value)>;

/// The config as one JSON object; dotted names are nested.
pub(super) fn as_json(config: &Config) -> Json {
    Json::Object(json(&nested(config)))
}

/// The config with dotted names nested; a name that is both a value and a group of others stays dotted.
fn nested(config: &Config) -> Nested {
    let mut out = Nested::new();
    for setting in &config.settings {
        if !nest(&mut out, &setting.name, &setting.value) {
            out.push((setting.name.to_string(), setting.value.clone()));
        }
    }
    out
}

fn nest(map: &mut Nested, name: &str, value: &Value) -> bool {
    let Some((head, rest)) = name.split_once('.').filter(|(head, rest)| !head.is_empty() && !rest.is_empty()) else {
        let is_free = !map.iter().any(|(other, _)| other == name);
        if is_free {
            map.push((name.to_owned(), value.clone()));
        }
        return is_free;
    };
    let place = map.iter().position(|(other, _)| other == head).unwrap_or_else(|| {
        map.push((head.to_owned(), Value::Map(Nested::new())));
        map.len() - 1
    });
    match &mut map[place].1 {
        Value::Map(inner) => nest(inner, rest, value),
        _ => false,
    }
}

fn json(map: &Nested) -> Map<String, Json> {
    map.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
}

/// YAML that versions 1.1 and 1.2 read alike: texts in quotes, a point in every float.
fn write_yaml(map: &Nested, depth: usize, out: &mut String) {
    for (name, value) in map {
        *out += &"  ".repeat(depth);
        *out += &yaml_name(name);
        match value {
            Value::Map(inner) if !inner.is_empty() => {
                *out += ":\n";
                write_yaml(inner, depth + 1, out);
            }
            value => *out += &format!(": {}\n", flow_yaml(value)),
        }
    }
}

fn yaml_name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c))
        && !matches!(
            name.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        );
    if plain { name.to_owned() } else { Json::from(name).to_string() }
}

fn flow_yaml(value: &Value) -> String {
    match value {
        Value::Float(float) if float.is_nan() => ".nan".into(),
        Value::Float(float) if float.is_infinite() => if *float > 0.0 { ".inf" } else { "-.inf" }.into(),
        Value::Float(_) => {
            let text = value.to_string();
            match text.split_once('e') {
                Some((digits, exponent)) => {
                    let point = if digits.contains('.') { "" } else { ".0" };
                    let sign = if exponent.starts_with('-') { "" } else { "+" };
                    format!("{digits}{point}e{sign}{exponent}")
                }
                None => text,
            }
        }
        Value::List(items) => format!("[{}]", items.iter().map(flow_yaml).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries = map.iter().map(|(name, value)| format!("{}: {}", yaml_name(name), flow_yaml(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_json().to_string(),
    }
}

fn without_null(map: &mut Map<String, Json>) {
    map.retain(|_, value| !value.is_null());
    for value in map.values_mut() {
        if let Json::Object(inner) = value {
            without_null(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Setting;

    fn config() -> Config {
        let list = Value::List(vec![1.into(), "a b".into()]);
        let settings: [(&str, Value); 6] = [
            ("lr", 1e-5.into()),
            ("opt.name", "it's \"x\"\n$HOME {seed}".into()),
            ("opt.nesterov", true.into()),
            ("amp", false.into()),
            ("sizes", list),
            ("none", Value::Null),
        ];
        let settings = settings.map(|(name, value)| Setting { name: name.into(), value, label: Some("label".into()) });
        Config { settings: settings.to_vec() }
    }

    #[test]
    fn config_files_read_back() {
        let config = config();
        let json: Json = serde_json::from_str(&ConfigFormat::Json.write(&config).unwrap()).unwrap();
        let yaml: Json = serde_yaml::from_str(&ConfigFormat::Yaml.write(&config).unwrap()).unwrap();
        assert_eq!(json, yaml);
        assert_eq!(json["opt"]["nesterov"], true);
        // As PyYAML reads it: a float without a point would be a text.
        assert!(ConfigFormat::Yaml.write(&config).unwrap().starts_with("lr: 1.0e-5\nopt:\n  name: \"it's"));
        let toml = ConfigFormat::Toml.write(&config);
        assert!(toml.unwrap().contains("[opt]\nname = "));
    }
}
