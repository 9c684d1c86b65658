//! What all parts of the reader share: reporting at a place, and taking simple values out of nodes.

use std::path::PathBuf;
use std::time::Duration;

use crate::expr::{Expr, ExprError, nearest};
use crate::space::Value;
use crate::spec::diagnostic::{Diagnostic, Problems};
use crate::spec::load::Places;
use crate::spec::source::{Origin, Sources};
use crate::spec::yaml::{Entry, Node, Yaml};

pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    problems: &'a mut Problems,
    places: Places,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources, problems: &'a mut Problems) -> Self {
        Self { sources, problems, places: Places::default() }
    }

    pub(super) fn into_places(self) -> Places {
        self.places
    }

    /// Whether a mistake has been found so far.
    pub(super) fn has_errors(&self) -> bool {
        self.problems.has_errors()
    }

    /// Where the value at a dotted path stands, if it was read.
    pub(super) fn origin(&self, path: &str) -> Option<Origin> {
        self.places.0.get(path).copied()
    }

    /// Remembers where the value at a dotted path stands.
    pub(super) fn note(&mut self, path: impl Into<String>, at: Origin) {
        self.places.0.insert(path.into(), at);
    }

    /// Reports a mistake; the result takes help.
    pub(super) fn error(&mut self, at: Origin, message: impl Into<String>) -> &mut Diagnostic {
        let place = self.sources.locate(at);
        self.problems.list.push(Diagnostic::error(message, Some(place)));
        self.last()
    }

    pub(super) fn warning(&mut self, at: Origin, message: impl Into<String>) -> &mut Diagnostic {
        let place = self.sources.locate(at);
        self.problems.list.push(Diagnostic::warning(message, Some(place)));
        self.last()
    }

    /// Reports a mistake that has no place in the text.
    pub(super) fn error_nowhere(&mut self, message: impl Into<String>) -> &mut Diagnostic {
        self.problems.list.push(Diagnostic::error(message, None));
        self.last()
    }

    fn last(&mut self) -> &mut Diagnostic {
        self.problems.list.last_mut().expect("a problem was just added")
    }

    /// Reports a mistake inside an expression that stands at `at`.
    pub(super) fn expr_error(&mut self, at: Origin, text: &str, error: ExprError) {
        let place = self.sources.locate_within(at, text, &error.span);
        let mut diagnostic = Diagnostic::error(error.message, Some(place));
        diagnostic.help.extend(error.help);
        self.problems.list.push(diagnostic);
    }

    /// Parses an expression that stands at `node`; `offset` bytes of its text come before the expression.
    pub(super) fn expression(&mut self, node: &Node, text: &str, offset: usize) -> Option<Expr> {
        match crate::expr::parse(&text[offset..]) {
            Ok(expr) => Some(expr),
            Err(mut error) => {
                error.span = error.span.start + offset..error.span.end + offset;
                self.expr_error(node.at, text, error);
                None
            }
        }
    }

    /// Reports a key that is not among `known`; later keys are said to be not available yet.
    pub(super) fn unknown_key(&mut self, entry: &Entry, within: &str, known: &[&str]) {
        let message = format!("unknown key `{}`{within}", entry.key);
        let near = nearest(&entry.key, known.iter().copied()).map(str::to_owned);
        let list = known.join(" ");
        let problem = self.error(entry.key_at, message);
        match near {
            Some(near) => problem.help.push(format!("did you mean `{near}`?")),
            None => problem.help.push(format!("known keys: {list}")),
        }
    }

    pub(super) fn not_yet(&mut self, at: Origin, what: &str) {
        self.error(at, format!("{what} is not available yet"));
    }

    /// The entries of a mapping, or a mistake.
    pub(super) fn mapping<'n>(&mut self, node: &'n Node, name: &str, example: &str) -> Option<&'n [Entry]> {
        if let Yaml::Map(entries) = &node.yaml {
            return Some(entries);
        }
        let message = format!("`{name}` is a mapping, this is {}", node.what());
        self.error(node.at, message).help.push(format!("write `{example}`"));
        None
    }

    /// A whole number of at least `least`.
    pub(super) fn whole(&mut self, node: &Node, name: &str, least: u64) -> Option<u64> {
        match node.yaml {
            Yaml::Int(int) if int >= 0 && int as u64 >= least => Some(int as u64),
            _ => {
                let shown = self.shown(node);
                self.error(node.at, format!("`{name}` is a whole number of at least {least}, not {shown}"));
                None
            }
        }
    }

    /// A finite number.
    pub(super) fn number(&mut self, node: &Node, name: &str) -> Option<f64> {
        match node.number().filter(|x| x.is_finite()) {
            Some(x) => Some(x),
            None => {
                let shown = self.shown(node);
                let quoted = node.text().is_some_and(|text| text.parse::<f64>().is_ok());
                let problem = self.error(node.at, format!("`{name}` is a number, not {shown}"));
                if quoted {
                    problem.help.push("remove the quotes".into());
                }
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, node: &Node, name: &str) -> Option<bool> {
        match node.yaml {
            Yaml::Bool(bool) => Some(bool),
            _ => {
                let shown = self.shown(node);
                self.error(node.at, format!("`{name}` is true or false, not {shown}"));
                None
            }
        }
    }

    /// A text; numbers and booleans are taken as they are written.
    pub(super) fn text(&mut self, node: &Node, name: &str) -> Option<String> {
        match &node.yaml {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Int(int) => Some(int.to_string()),
            Yaml::Bool(_) | Yaml::Float(_) => self.scalar(node).map(|value| value.to_string()),
            _ => {
                let what = node.what();
                self.error(node.at, format!("`{name}` is a text, this is {what}"));
                None
            }
        }
    }

    /// A path, made relative to the main file's folder: in an included file it is relative to that file.
    pub(super) fn path(&mut self, node: &Node, name: &str) -> Option<PathBuf> {
        let text = self.text(node, name)?;
        if text.is_empty() {
            self.error(node.at, format!("`{name}` is empty"));
            return None;
        }
        let folder = self.sources.folder(node.at);
        let main = &self.sources.get(0).folder;
        let is_override = self.sources.get(usize::from(node.at.source)).start > 0;
        Some(if folder == main || is_override && PathBuf::from(&text).is_absolute() {
            PathBuf::from(text)
        } else {
            let there = folder.join(text);
            there
                .strip_prefix(main)
                .map_or_else(|_| std::path::absolute(&there).unwrap_or(there.clone()), PathBuf::from)
        })
    }

    /// A list of texts; a single text counts as a list of one.
    pub(super) fn texts(&mut self, node: &Node, name: &str) -> Vec<String> {
        match &node.yaml {
            Yaml::List(items) => items.iter().filter_map(|item| self.text(item, name)).collect(),
            Yaml::Null => Vec::new(),
            _ => self.text(node, name).into_iter().collect(),
        }
    }

    /// A duration such as `90s`, `30m`, `1h 30m`, or a number of seconds.
    pub(super) fn duration(&mut self, node: &Node, name: &str) -> Option<Duration> {
        let seconds = match &node.yaml {
            Yaml::Text(text) => text.parse::<jiff::SignedDuration>().ok().map(|duration| duration.as_secs_f64()),
            _ => node.number(),
        };
        match seconds.filter(|s| *s > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok()) {
            Some(duration) => Some(duration),
            None => {
                let shown = self.shown(node);
                let problem = self.error(node.at, format!("`{name}` is a length of time, not {shown}"));
                problem.help.push(format!("write `{name}: 30m`, `{name}: 1h 30m` or a number of seconds"));
                None
            }
        }
    }

    /// A node as it would be typed, shortened.
    pub(super) fn shown(&self, node: &Node) -> String {
        match &node.yaml {
            Yaml::List(_) | Yaml::Map(_) | Yaml::Null => node.what().to_owned(),
            _ => {
                let place = self.sources.locate(node.at);
                let text = &self.sources.get(place.source).text[place.start..place.end];
                let short: String = text.chars().take(60).collect();
                format!("`{}`{}", short, if short.len() < text.len() { "..." } else { "" })
            }
        }
    }

    /// A single value as people mean it: plain `10_000` is a number.
    pub(super) fn scalar(&mut self, node: &Node) -> Option<Value> {
        match &node.yaml {
            Yaml::Null => Some(Value::Null),
            Yaml::Bool(bool) => Some(Value::Bool(*bool)),
            Yaml::Int(int) => Some(Value::Int(*int)),
            Yaml::Float(float) => Some(Value::Float(*float)),
            Yaml::Text(text) => Some(self.text_value(node, text)),
            Yaml::List(_) | Yaml::Map(_) => None,
        }
    }

    /// Any value, lists and mappings included.
    pub(super) fn value(&mut self, node: &Node) -> Value {
        match &node.yaml {
            Yaml::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect()),
            Yaml::Map(entries) => {
                Value::Map(entries.iter().map(|entry| (entry.key.clone(), self.value(&entry.value))).collect())
            }
            _ => self.scalar(node).unwrap_or(Value::Null),
        }
    }

    fn text_value(&mut self, node: &Node, text: &str) -> Value {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let grouped = digits.contains('_')
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.ends_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || c == '_' || c == '.');
        if grouped && self.sources.is_plain(node.at) {
            let plain = text.replace('_', "");
            if let Ok(int) = plain.parse::<i64>() {
                return Value::Int(int);
            }
            if let Ok(float) = plain.parse::<f64>() {
                return Value::Float(float);
            }
        }
        if text.parse::<f64>().is_ok() && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            if self.sources.is_plain(node.at) {
                self.error(node.at, format!("`{text}` is no number that fits: it is too large"));
                return Value::Text(text.to_owned());
            }
            let help = "remove the quotes if a number is meant";
            self.warning(node.at, format!("`{text}` is a text because it is quoted")).help.push(help.into());
        } else if matches!(text, "yes" | "no" | "on" | "off" | "Yes" | "No" | "On" | "Off")
            && self.sources.is_plain(node.at)
        {
            let help = "write `true` or `false` if that is meant, or quote it";
            self.warning(node.at, format!("`{text}` is a text, not true or false")).help.push(help.into());
        }
        Value::Text(text.to_owned())
    }
}
