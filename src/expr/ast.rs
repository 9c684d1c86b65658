//! The tree of an expression and the one error type of this room.

use std::fmt;

/// A range of bytes in the expression's text.
pub type Span = std::ops::Range<usize>;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// A lower-case sentence without a full stop.
    pub message: String,
    /// The bytes it is about.
    pub span: Span,
    /// What to do about it, if something is known.
    pub help: Option<String>,
}

impl ExprError {
    pub(super) fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A parsed expression: its text and its tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub(super) text: String,
    pub(super) root: Node,
}

impl Expr {
    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names that the expression reads, each once, in order of appearance.
    ///
    /// Before [`Expr::check`] this includes words that may turn out to be texts.
    pub fn names(&self) -> Vec<&str> {
        fn walk<'a>(node: &'a Node, out: &mut Vec<&'a str>) {
            match &node.kind {
                NodeKind::Name { name, .. } => {
                    if !out.contains(&name.as_str()) {
                        out.push(name);
                    }
                }
                NodeKind::Negate(inner)
                | NodeKind::Not(inner)
                | NodeKind::IsMissing { inner, .. }
                | NodeKind::Match { text: inner, .. } => walk(inner, out),
                NodeKind::Binary(_, left, right) => {
                    walk(left, out);
                    walk(right, out);
                }
                NodeKind::In { needle, items, .. } => {
                    walk(needle, out);
                    items.iter().for_each(|item| walk(item, out));
                }
                NodeKind::Call(_, arguments) => arguments.iter().for_each(|argument| walk(argument, out)),
                NodeKind::Int(_) | NodeKind::Float(_) | NodeKind::Text(_) | NodeKind::Bool(_) => {}
            }
        }
        let mut out = Vec::new();
        walk(&self.root, &mut out);
        out
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub(super) kind: NodeKind,
    pub(super) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodeKind {
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    /// A word. `quoted` (in backticks) is always a name; a bare word may become a text when checked.
    Name {
        name: String,
        quoted: bool,
    },
    Negate(Box<Node>),
    Not(Box<Node>),
    Binary(BinaryOp, Box<Node>, Box<Node>),
    In {
        needle: Box<Node>,
        items: Vec<Node>,
        negated: bool,
    },
    Call(Function, Vec<Node>),
    /// Whether a text has a match of the pattern.
    Match {
        text: Box<Node>,
        pattern: Pattern,
        negated: bool,
    },
    IsMissing {
        inner: Box<Node>,
        negated: bool,
    },
}

/// A regular expression.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub(super) regex::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// The operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

impl BinaryOp {
    pub(super) fn is_comparison(self) -> bool {
        use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
    }

    pub(super) fn is_logical(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }
}

/// The functions of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the functions")]
pub enum Function {
    Min,
    Max,
    Round,
    Abs,
    Log,
    Log10,
    Exp,
    Sqrt,
    Floor,
    Ceil,
}

impl Function {
    pub(super) const ALL: [(&'static str, Self); 10] = [
        ("min", Self::Min),
        ("max", Self::Max),
        ("round", Self::Round),
        ("abs", Self::Abs),
        ("log", Self::Log),
        ("log10", Self::Log10),
        ("exp", Self::Exp),
        ("sqrt", Self::Sqrt),
        ("floor", Self::Floor),
        ("ceil", Self::Ceil),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, function)| function)
    }

    /// The least and the greatest number of arguments.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::Min | Self::Max => (1, usize::MAX),
            Self::Round => (1, 2),
            _ => (1, 1),
        }
    }
}
