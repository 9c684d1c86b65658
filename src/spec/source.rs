//! The texts that a spec is read from, and how a place in them is found again.
//!
//! While a file is read, every key and value is numbered in reading order. [`Sources::locate`] reads the text once more
//! and stops at the wanted number: the YAML reader then tells where it stands. So places cost nothing until a mistake
//! has to be shown.

use std::ops::Range;
use std::path::PathBuf;

use super::yaml;

/// The largest spec file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Where a key or value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub(super) source: u16,
    pub(super) ordinal: u32,
}

/// One text.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is called in messages: a path as the user would type it, or "command line".
    pub name: String,
    /// The folder that relative paths in it are relative to.
    pub folder: PathBuf,
    /// The whole text.
    pub text: String,
    /// Where the YAML in it starts, in bytes: after `name=` in an override, else 0.
    pub start: usize,
}

impl Source {
    /// The text to read as YAML, every byte in its place.
    pub(super) fn yaml(&self) -> std::borrow::Cow<'_, str> {
        match self.start {
            0 => self.text.as_str().into(),
            start => format!("{}{}", " ".repeat(start), &self.text[start..]).into(),
        }
    }
}

/// All texts of a spec: the file, what it includes, and the overrides of the command line.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

/// A range of bytes in one of the sources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which source.
    pub source: usize,
    /// The start of the bytes.
    pub start: usize,
    /// The end of the bytes.
    pub end: usize,
}

impl Origin {
    /// The name in an override, before `=`.
    pub(super) fn override_name(source: u16) -> Self {
        Self { source, ordinal: u32::MAX }
    }
}

impl Sources {
    pub(super) fn add(&mut self, source: Source) -> u16 {
        self.list.push(source);
        u16::try_from(self.list.len() - 1).expect("includes and overrides are limited in number")
    }

    /// The source with this index.
    pub fn get(&self, source: usize) -> &Source {
        &self.list[source]
    }

    /// How many sources there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The folder that a relative path found at `origin` is relative to.
    pub fn folder(&self, origin: Origin) -> &PathBuf {
        &self.list[usize::from(origin.source)].folder
    }

    /// The bytes of the key or value at `origin`.
    pub fn locate(&self, origin: Origin) -> Place {
        let source = usize::from(origin.source);
        let text = &self.list[source].text;
        if origin.ordinal == u32::MAX {
            return Place { source, start: 0, end: self.list[source].start.saturating_sub(1) };
        }
        let start = yaml::find(&self.list[source].yaml(), origin.ordinal).unwrap_or(0).min(text.len());
        let end = start + token_length(&text[start..]);
        Place { source, start, end }
    }

    /// The bytes `span` of a text that stands as a plain or simply quoted scalar at `origin`.
    ///
    /// Falls back on the whole scalar where it is written in a way that moves columns (escapes, several lines).
    pub fn locate_within(&self, origin: Origin, content: &str, span: &Range<usize>) -> Place {
        let whole = self.locate(origin);
        let text = &self.list[whole.source].text;
        match text[whole.start..].find(content) {
            Some(offset) if offset <= 1 => {
                // A mistake at the end is shown there, not in the next line.
                let last = whole.start + offset + content.len();
                let start = (whole.start + offset + span.start).min(last);
                let end = (whole.start + offset + span.end).clamp(start, last);
                Place { source: whole.source, start, end }
            }
            _ => whole,
        }
    }

    /// Whether the scalar at `origin` stands without quotes.
    pub fn is_plain(&self, origin: Origin) -> bool {
        let place = self.locate(origin);
        !self.list[place.source].text[place.start..].starts_with(['"', '\'', '|', '>'])
    }
}

/// How many bytes of `text` to underline: a quoted text, a bracketed collection, or a word up to what ends it.
fn token_length(text: &str) -> usize {
    let line = text.lines().next().unwrap_or("");
    let Some(first) = line.chars().next() else { return 0 };
    let end = match first {
        '"' | '\'' => line[1..].find(first).map(|i| i + 2),
        '[' | '{' => {
            let mut depth = 0;
            line.char_indices().find_map(|(i, c)| {
                depth += match c {
                    '[' | '{' => 1,
                    ']' | '}' => -1,
                    _ => 0,
                };
                (depth == 0).then_some(i + 1)
            })
        }
        _ => {
            let stops = [": ", " #", ", ", ",", "]", "}"];
            let mut end = stops.iter().filter_map(|stop| line.find(stop)).min().unwrap_or(line.len());
            if line[..end].ends_with(':') {
                end -= 1;
            }
            Some(end)
        }
    };
    line[..end.unwrap_or(line.len())].trim_end().len().max(1)
}
