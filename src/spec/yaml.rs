//! YAML text to a tree whose every key and value knows where it came from.
//!
//! Refused here, fast and before anything is built from it: more than a million values (alias bombs), tags, several
//! documents, and what the YAML reader itself refuses (syntax, more than 128 levels).

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::source::Origin;

/// More values than any spec has.
const MAX_VALUES: u32 = 1_000_000;

/// A value with its origin.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub yaml: Yaml,
    /// Where it stands.
    pub at: Origin,
}

/// What a YAML value can be.
#[derive(Clone, Debug)]
pub enum Yaml {
    /// Nothing, `null`, `~`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point or an exponent, or one too large for 64 bits.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file; keys are texts.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_at: Origin,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What it is, for messages: "a list".
    pub fn what(&self) -> &'static str {
        match &self.yaml {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "true or false",
            Yaml::Int(_) | Yaml::Float(_) => "a number",
            Yaml::Text(_) => "a text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.yaml {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self.yaml {
            Yaml::Int(int) => Some(int as f64),
            Yaml::Float(float) => Some(float),
            _ => None,
        }
    }

    /// The entries, if it is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.yaml {
            Yaml::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

/// Why a text is not YAML that we read.
#[derive(Clone, Debug)]
pub(super) struct YamlError {
    pub message: String,
    /// The byte where reading stopped.
    pub at: Option<usize>,
}

/// A tree, and the keys that stood in their mapping before.
pub(super) struct Tree {
    pub root: Node,
    pub duplicates: Vec<Entry>,
}

/// Reads `text`, which is source number `source`.
pub(super) fn read(text: &str, source: u16) -> Result<Tree, YamlError> {
    let state = State { source, next: Cell::new(0), stop: None, duplicates: RefCell::default() };
    match Reader(&state).deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(root) => Ok(Tree { root, duplicates: state.duplicates.into_inner() }),
        Err(error) => {
            let full = error.to_string();
            // The place is shown with the line itself; the words need not repeat it.
            let message = full.split(" at line ").next().unwrap_or(&full).trim_start_matches(". ").to_owned();
            let message = if message.contains("repetition limit") {
                "aliases repeat more than any spec needs".to_owned()
            } else {
                message
            };
            Err(YamlError { message, at: error.location().map(|location| location.index()) })
        }
    }
}

/// The byte at which value number `ordinal` of `text` starts.
pub(super) fn find(text: &str, ordinal: u32) -> Option<usize> {
    let state = State { source: 0, next: Cell::new(0), stop: Some(ordinal), duplicates: RefCell::default() };
    match Reader(&state).deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(_) => None,
        Err(error) => error.location().map(|location| location.index()),
    }
}

struct State {
    source: u16,
    next: Cell<u32>,
    /// Fail on purpose at this number, to learn its place.
    stop: Option<u32>,
    duplicates: RefCell<Vec<Entry>>,
}

impl State {
    fn number<E: serde::de::Error>(&self) -> Result<Origin, E> {
        let ordinal = self.next.get();
        self.next.set(ordinal + 1);
        if self.stop == Some(ordinal) {
            return Err(E::custom("here"));
        }
        if ordinal >= MAX_VALUES {
            return Err(E::custom("more than a million values, aliases counted: this is no spec"));
        }
        Ok(Origin { source: self.source, ordinal })
    }

    fn node<E: serde::de::Error>(&self, yaml: Yaml) -> Result<Node, E> {
        Ok(Node { at: self.number()?, yaml })
    }
}

#[derive(Clone, Copy)]
struct Reader<'a>(&'a State);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.0.node(Yaml::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Node, E> {
        self.0.node(Yaml::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: serde::de::Error>(self, bool: bool) -> Result<Node, E> {
        self.0.node(Yaml::Bool(bool))
    }

    fn visit_i64<E: serde::de::Error>(self, int: i64) -> Result<Node, E> {
        self.0.node(Yaml::Int(int))
    }

    fn visit_u64<E: serde::de::Error>(self, int: u64) -> Result<Node, E> {
        self.0.node(i64::try_from(int).map_or(Yaml::Float(int as f64), Yaml::Int))
    }

    fn visit_i128<E: serde::de::Error>(self, int: i128) -> Result<Node, E> {
        self.0.node(Yaml::Float(int as f64))
    }

    fn visit_u128<E: serde::de::Error>(self, int: u128) -> Result<Node, E> {
        self.0.node(Yaml::Float(int as f64))
    }

    fn visit_f64<E: serde::de::Error>(self, float: f64) -> Result<Node, E> {
        self.0.node(Yaml::Float(float))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        self.0.node(Yaml::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let at = self.0.number()?;
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node { yaml: Yaml::List(items), at })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let at = self.0.number()?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        while let Some((key, key_at)) = map.next_key_seed(KeyReader(self.0))? {
            let value = map.next_value_seed(self)?;
            if key == "<<" {
                merged.extend(merge_entries(value).map_err(A::Error::custom)?);
                continue;
            }
            let entry = Entry { key, key_at, value };
            if entries.iter().any(|other| other.key == entry.key) {
                self.0.duplicates.borrow_mut().push(entry);
            } else {
                entries.push(entry);
            }
        }
        for entry in merged {
            if !entries.iter().any(|other| other.key == entry.key) {
                entries.push(entry);
            }
        }
        Ok(Node { yaml: Yaml::Map(entries), at })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        self.0.number::<A::Error>()?;
        let (tag, content) = tagged.variant::<String>()?;
        content.newtype_variant::<serde::de::IgnoredAny>()?;
        Err(A::Error::custom(format!("the tag `!{}` has no meaning here", tag.trim_start_matches('!').escape_debug())))
    }
}

/// The entries that `<<: value` brings: those of a mapping, or of a list of mappings, the first winning.
fn merge_entries(value: Node) -> Result<Vec<Entry>, &'static str> {
    match value.yaml {
        Yaml::Map(entries) => Ok(entries),
        Yaml::List(items) => {
            let mut all: Vec<Entry> = Vec::new();
            for item in items {
                for entry in merge_entries(item)? {
                    if !all.iter().any(|other| other.key == entry.key) {
                        all.push(entry);
                    }
                }
            }
            Ok(all)
        }
        _ => Err("`<<` merges a mapping or a list of mappings"),
    }
}

struct KeyReader<'a>(&'a State);

impl<'de> DeserializeSeed<'de> for KeyReader<'_> {
    type Value = (String, Origin);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for KeyReader<'_> {
    type Value = (String, Origin);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is a word")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok((key.to_owned(), self.0.number()?))
    }

    fn visit_bool<E: serde::de::Error>(self, key: bool) -> Result<Self::Value, E> {
        self.visit_str(if key { "true" } else { "false" })
    }

    fn visit_i64<E: serde::de::Error>(self, key: i64) -> Result<Self::Value, E> {
        self.visit_str(&key.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, key: u64) -> Result<Self::Value, E> {
        self.visit_str(&key.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, key: f64) -> Result<Self::Value, E> {
        self.visit_str(&format!("{key:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, path: &[&str]) -> &'static str {
        let tree = read(text, 0).unwrap();
        let mut node = &tree.root;
        for step in path {
            node = match step.parse::<usize>() {
                Ok(i) => match &node.yaml {
                    Yaml::List(items) => &items[i],
                    _ => panic!(),
                },
                Err(_) => node.get(step).unwrap(),
            };
        }
        let at = find(text, node.at.ordinal).unwrap();
        text[at..].chars().take(4).collect::<String>().leak()
    }

    #[test]
    fn places_are_found_again() {
        let text = "a: 1\nb:\n  c: [10, {d: 2345}]\n  \"e\": 'quoted'\n";
        assert_eq!(place(text, &["b", "c", "0"]), "10, ");
        assert_eq!(place(text, &["b", "c", "1", "d"]), "2345");
        assert_eq!(place(text, &["b", "e"]), "'quo");
        let tree = read(text, 0).unwrap();
        let key = tree.root.entries().unwrap()[1].value.entries().unwrap()[1].key_at;
        assert!(text[find(text, key.ordinal).unwrap()..].starts_with("\"e\""));
    }

    #[test]
    fn duplicates_and_merges() {
        let tree = read("base: &b {x: 1, y: 2}\nother:\n  <<: *b\n  y: 3\nbase: 4\n", 0).unwrap();
        assert_eq!(tree.duplicates.len(), 1);
        let other = tree.root.get("other").unwrap();
        assert_eq!((other.get("x").unwrap().number(), other.get("y").unwrap().number()), (Some(1.0), Some(3.0)));
    }

    #[test]
    fn bombs_are_refused_fast() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n");
        for (before, name) in "abcdefghi".chars().zip("bcdefghij".chars()) {
            let items = vec![format!("*{before}"); 10].join(",");
            bomb += &format!("{name}: &{name} [{items}]\n");
        }
        assert!(read(&bomb, 0).is_err());
        let wide = format!("a: &a [{}]\nb: [{}]\n", vec!["x"; 20_000].join(","), vec!["*a"; 2_000].join(","));
        assert!(read(&wide, 0).is_err());
        assert!(read(&"[".repeat(100_000), 0).is_err());
        assert!(read(&"a: {".repeat(10_000), 0).is_err());
    }

    #[test]
    fn strange_files() {
        for text in ["", "# nothing\n", "\u{feff}a: 1\n", "a: 1\r\nb: 2\r\n", "---\na: 1\n"] {
            assert!(read(text, 0).is_ok(), "{text:?}");
        }
        for text in ["a: !foo 1", "a: 1\n---\nb: 1\n", "a: [1", "\ta: 1", "<<: 3"] {
            assert!(read(text, 0).is_err(), "{text:?}");
        }
    }
}
