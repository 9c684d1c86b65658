//! A value that a param can have: what YAML and JSON can say.

use std::fmt;

use crate::expr::Operand;

/// A value of a param.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float; `1.0` is another value than `1`.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The word for its type: `null bool int float text list mapping`.
    pub fn type_word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Map(_) => "mapping",
        }
    }

    /// The value as an operand of an expression.
    pub fn operand(&self) -> Operand<'_> {
        match self {
            Self::Bool(bool) => Operand::Bool(*bool),
            Self::Int(int) => Operand::Int(*int),
            Self::Float(float) => Operand::Float(*float),
            Self::Text(text) => Operand::Text(text.as_str().into()),
            Self::Null => Operand::Missing,
            Self::List(_) | Self::Map(_) => Operand::Opaque,
        }
    }

    /// The value of a computed param; none where an operand was missing.
    pub fn from_operand(operand: Operand<'_>) -> Option<Self> {
        match operand {
            Operand::Bool(bool) => Some(Self::Bool(bool)),
            Operand::Int(int) => Some(Self::Int(int)),
            Operand::Float(float) => Some(Self::Float(float)),
            Operand::Text(text) => Some(Self::Text(text.into_owned())),
            Operand::Labelled(_, value) => Self::from_operand(*value),
            Operand::Missing | Operand::Opaque => None,
        }
    }

    /// Whether two values are the same to a person: equal, or numerically equal (`1` and `1.0`).
    pub fn alike(&self, other: &Self) -> bool {
        self == other || matches!((self.number(), other.number()), (Some(a), Some(b)) if a == b)
    }

    /// The value as JSON. Numbers that JSON lacks become the texts `NaN`, `Infinity` and `-Infinity`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(bool) => (*bool).into(),
            Self::Int(int) => (*int).into(),
            Self::Float(float) => float_json(*float),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }

    /// The value that [`Value::to_json`] wrote; a whole number is an integer only where JSON has no point in it.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(bool) => Self::Bool(*bool),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
        }
    }

    /// Feeds the canonical bytes to `sink`: a type tag, then the content; `-0` is `0`.
    pub(super) fn canonical(&self, sink: &mut dyn FnMut(&[u8])) {
        let text = |text: &str, sink: &mut dyn FnMut(&[u8])| {
            sink(&(text.len() as u64).to_le_bytes());
            sink(text.as_bytes());
        };
        match self {
            Self::Null => sink(b"n"),
            Self::Bool(bool) => sink(if *bool { b"t" } else { b"f" }),
            Self::Int(int) => {
                sink(b"i");
                sink(&int.to_le_bytes());
            }
            Self::Float(float) => {
                let float = if *float == 0.0 { 0.0 } else { *float };
                let bits = if float.is_nan() { f64::NAN.to_bits() } else { float.to_bits() };
                sink(b"d");
                sink(&bits.to_le_bytes());
            }
            Self::Text(content) => {
                sink(b"s");
                text(content, sink);
            }
            Self::List(items) => {
                sink(b"l");
                sink(&(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| item.canonical(sink));
            }
            Self::Map(entries) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                sink(b"m");
                sink(&(entries.len() as u64).to_le_bytes());
                for (key, value) in sorted {
                    text(key, sink);
                    value.canonical(sink);
                }
            }
        }
    }
}

/// A float as JSON: `1.0` keeps its point, what JSON lacks becomes a text.
pub(crate) fn float_json(float: f64) -> serde_json::Value {
    match serde_json::Number::from_f64(float) {
        Some(number) => serde_json::Value::Number(number),
        None if float.is_nan() => "NaN".into(),
        None if float > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// As a command would get it: floats in their shortest exact form, lists and mappings as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Float(float) if float.is_finite() => {
                let magnitude = float.abs();
                if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
                    write!(f, "{float:e}")
                } else {
                    write!(f, "{float:?}")
                }
            }
            other => match other.to_json() {
                serde_json::Value::String(text) => f.write_str(&text),
                json => write!(f, "{json}"),
            },
        }
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_commands_want_it() {
        let shown: Vec<String> = [
            Value::Float(1.0),
            Value::Float(1e-5),
            Value::Float(0.000316228),
            Value::Float(1e20),
            Value::Float(-0.0),
            Value::Float(f64::NAN),
            Value::Int(3),
            Value::Bool(true),
            Value::Null,
            Value::from("a b"),
            Value::List(vec![Value::Int(1), Value::from("x")]),
        ]
        .iter()
        .map(Value::to_string)
        .collect();
        assert_eq!(
            shown,
            ["1.0", "1e-5", "0.000316228", "1e20", "-0.0", "NaN", "3", "true", "null", "a b", "[1,\"x\"]"]
        );
    }

    #[test]
    fn json_keeps_the_type() {
        for value in [Value::Float(1.0), Value::Int(1), Value::Null, Value::List(vec![Value::Float(2.5)])] {
            let text = value.to_json().to_string();
            assert_eq!(Value::from_json(&serde_json::from_str(&text).unwrap()), value);
        }
    }
}
