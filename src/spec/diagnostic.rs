//! Mistakes and warnings, and how they are shown: file, line, column, the line itself with a caret, a remedy.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use super::source::{Place, Sources};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The spec cannot be used.
    Error,
    /// It can, but probably means something else.
    Warning,
}

/// One mistake or warning.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// A few words at the caret.
    pub label: String,
    /// What to do.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at `place`.
    pub fn error(message: impl Into<String>, place: Option<Place>) -> Self {
        Self { severity: Severity::Error, message: message.into(), place, label: String::new(), help: Vec::new() }
    }

    /// A warning at `place`.
    pub fn warning(message: impl Into<String>, place: Option<Place>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message, place) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Shows the diagnostic; `colour` adds escape codes.
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = visible(&self.message);
        let label = visible(&self.label);
        let help: Vec<String> = self.help.iter().map(|help| visible(help)).collect();
        let source = self.place.as_ref().map(|place| {
            let source = sources.get(place.source);
            (visible(&source.name), plain_text(&source.text), place)
        });
        let mut report: Vec<Group<'_>> = Vec::new();
        let mut group = match &source {
            None => level
                .primary_title(message.as_str())
                .elements(Vec::<Snippet<'_, annotate_snippets::Annotation<'_>>>::new()),
            Some((name, text, place)) => {
                let annotation = AnnotationKind::Primary.span(place.start.min(text.len())..place.end.min(text.len()));
                let annotation = if label.is_empty() { annotation } else { annotation.label(label.as_str()) };
                level
                    .primary_title(message.as_str())
                    .element(Snippet::source(text.as_str()).path(name.as_str()).annotation(annotation))
            }
        };
        for help in &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        report.push(group);
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).term_width(160).render(&report)
    }
}

/// Text that cannot move the cursor or change colours: control characters are shown as escapes.
fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown = if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.to_string() };
            shown.chars().collect::<Vec<_>>()
        })
        .collect()
}

/// A source text with every byte in its place but no control characters other than line ends and tabs.
fn plain_text(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_control() && !matches!(c, '\n' | '\t' | '\r') { '?' } else { c }).collect()
}

/// All mistakes and warnings that were found.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// In the order in which they were found.
    pub list: Vec<Diagnostic>,
}

impl Problems {
    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All of them in the order of the text, errors and warnings mixed, without repetitions.
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let mut list: Vec<&Diagnostic> = Vec::new();
        for problem in &self.list {
            if !list.contains(&problem) {
                list.push(problem);
            }
        }
        list.sort_by(|a, b| a.severity.cmp(&b.severity).then_with(|| a.place.cmp(&b.place)));
        const MOST: usize = 20;
        let more = list.len().saturating_sub(MOST);
        let mut shown: Vec<String> = list.iter().take(MOST).map(|problem| problem.render(sources, colour)).collect();
        if more > 0 {
            shown.push(format!("... and {more} more of the kind"));
        }
        shown.join("\n\n")
    }
}
