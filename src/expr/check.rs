//! What every word of an expression is, and whether the operators fit their operands.

use super::ast::{BinaryOp, Expr, ExprError, Node, NodeKind};
use super::nearest::nearest;

/// What sort of value a name or an expression has, as far as is known before it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer or a float.
    Number,
    /// A text.
    Text,
    /// True or false.
    Bool,
    /// Known only when it is computed.
    Any,
}

impl Kind {
    fn article(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Bool => "a condition",
            Self::Any => "a value",
        }
    }
}

/// The names that exist where an expression stands.
pub trait Names {
    /// The kind of `name`, or none if there is no such name.
    fn kind(&self, name: &str) -> Option<Kind>;
    /// All names, for suggestions.
    fn known(&self) -> Vec<&str>;
    /// What the names are called in an error: "param", "column".
    fn noun(&self) -> &'static str;
    /// All texts that the name can be, where they are few and known.
    fn words(&self, name: &str) -> Option<&'static [&'static str]> {
        let _ = name;
        None
    }
}

impl Expr {
    /// Settles what each bare word is and checks operators against operands.
    ///
    /// A word that names nothing is a text where it stands beside a text-valued name (`method = sgd`) and an error
    /// elsewhere.
    ///
    /// # Errors
    /// The first unknown name or operand that does not fit.
    pub fn check(mut self, names: &dyn Names) -> Result<Self, ExprError> {
        settle(&mut self.root, names)?;
        Ok(self)
    }

    /// As [`Expr::check`], and the whole must be a condition (true or false), not a number or a text.
    ///
    /// # Errors
    /// As [`Expr::check`], and a result that is no condition.
    pub fn check_condition(self, names: &dyn Names) -> Result<Self, ExprError> {
        let checked = self.check(names)?;
        match kind_of(&checked.root, names) {
            Kind::Bool | Kind::Any => Ok(checked),
            other => {
                let message = format!("a condition is expected, this is {}", other.article());
                Err(ExprError::new(message, checked.root.span.clone()).help("compare it with something: `x > 0`"))
            }
        }
    }

    /// The kind of the whole, for an expression that has been checked against `names`.
    pub fn kind(&self, names: &dyn Names) -> Kind {
        kind_of(&self.root, names)
    }
}

fn is_bare_word(node: &Node, names: &dyn Names) -> bool {
    matches!(&node.kind, NodeKind::Name { name, quoted: false } if names.kind(name).is_none())
}

fn turn_into_text(node: &mut Node) {
    if let NodeKind::Name { name, .. } = &node.kind {
        node.kind = NodeKind::Text(name.clone());
    }
}

/// Whether bare words beside this node may be texts.
fn takes_words(node: &Node, names: &dyn Names) -> bool {
    matches!(&node.kind, NodeKind::Name { name, .. }
        if matches!(names.kind(name), Some(Kind::Text | Kind::Any)))
}

fn settle(node: &mut Node, names: &dyn Names) -> Result<(), ExprError> {
    match &mut node.kind {
        NodeKind::Int(_) | NodeKind::Float(_) | NodeKind::Text(_) | NodeKind::Bool(_) => Ok(()),
        NodeKind::Name { name, .. } => match names.kind(name) {
            Some(_) => Ok(()),
            None => Err(unknown(name, &node.span, names)),
        },
        NodeKind::Negate(inner) => {
            settle(inner, names)?;
            want(inner, Kind::Number, "`-`", names)
        }
        NodeKind::Not(inner) => {
            settle(inner, names)?;
            want(inner, Kind::Bool, "`not`", names)
        }
        NodeKind::Call(function, arguments) => {
            let _ = function;
            for argument in arguments {
                settle(argument, names)?;
                want(argument, Kind::Number, "a function", names)?;
            }
            Ok(())
        }
        NodeKind::In { needle, items, .. } => {
            if takes_words(needle, names) {
                items.iter_mut().filter(|item| is_bare_word(item, names)).for_each(turn_into_text);
            }
            settle(needle, names)?;
            items.iter_mut().try_for_each(|item| settle(item, names))?;
            items.iter().try_for_each(|item| possible(needle, item, names))
        }
        NodeKind::IsMissing { inner, .. } => settle(inner, names),
        NodeKind::Match { text, .. } => {
            settle(text, names)?;
            want(text, Kind::Text, "`~`", names)
        }
        NodeKind::Binary(op, left, right) => {
            if op.is_comparison() {
                if takes_words(left, names) && is_bare_word(right, names) {
                    turn_into_text(right);
                } else if takes_words(right, names) && is_bare_word(left, names) {
                    turn_into_text(left);
                }
            }
            settle(left, names)?;
            settle(right, names)?;
            if op.is_comparison() {
                possible(left, right, names)?;
                possible(right, left, names)?;
                return comparable(*op, left, right, names);
            }
            let (kind, what) =
                if op.is_logical() { (Kind::Bool, "`and` and `or`") } else { (Kind::Number, "arithmetic") };
            want(left, kind, what, names)?;
            want(right, kind, what, names)
        }
    }
}

fn unknown(name: &str, span: &super::Span, names: &dyn Names) -> ExprError {
    let noun = names.noun();
    let error = ExprError::new(format!("there is no {noun} `{}`", name.escape_debug()), span.clone());
    let known = names.known();
    match nearest(name, known.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`? a text goes in quotes")),
        None if known.is_empty() => error,
        None => {
            let shown: Vec<String> = known.iter().take(12).map(|name| format!("`{}`", name.escape_debug())).collect();
            let more = if known.len() > shown.len() { ", ..." } else { "" };
            error.help(format!("known are {}{more}; a text goes in quotes", shown.join(", ")))
        }
    }
}

/// Whether the name can be the text that it is compared with.
fn possible(name: &Node, text: &Node, names: &dyn Names) -> Result<(), ExprError> {
    let (NodeKind::Name { name, .. }, NodeKind::Text(word)) = (&name.kind, &text.kind) else { return Ok(()) };
    let Some(words) = names.words(name).filter(|words| !words.contains(&word.as_str())) else { return Ok(()) };
    let error = ExprError::new(format!("`{name}` is never `{}`", word.escape_debug()), text.span.clone());
    Err(match nearest(word, words.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("it is one of {}", words.join(", "))),
    })
}

fn want(node: &Node, wanted: Kind, by: &str, names: &dyn Names) -> Result<(), ExprError> {
    let found = kind_of(node, names);
    if found == wanted || found == Kind::Any {
        return Ok(());
    }
    Err(ExprError::new(format!("{by} takes {}, this is {}", wanted.article(), found.article()), node.span.clone()))
}

fn comparable(op: BinaryOp, left: &Node, right: &Node, names: &dyn Names) -> Result<(), ExprError> {
    let (a, b) = (kind_of(left, names), kind_of(right, names));
    let ordered = !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
    if ordered && (a == Kind::Bool || b == Kind::Bool) {
        let span = left.span.start..right.span.end;
        return Err(ExprError::new("conditions have no order", span).help("use `=` or `!=`"));
    }
    if [left, right].iter().all(|node| matches!(node.kind, NodeKind::Text(_))) {
        let span = left.span.start..right.span.end;
        let error = ExprError::new("two texts are compared: neither is a name", span);
        return Err(error.help("names stand without quotes, or in backticks"));
    }
    if a == Kind::Any || b == Kind::Any || a == b {
        return Ok(());
    }
    let message = format!("{} is compared with {}: never equal", a.article(), b.article());
    Err(ExprError::new(message, left.span.start..right.span.end))
}

fn kind_of(node: &Node, names: &dyn Names) -> Kind {
    match &node.kind {
        NodeKind::Int(_) | NodeKind::Float(_) | NodeKind::Negate(_) | NodeKind::Call(..) => Kind::Number,
        NodeKind::Text(_) => Kind::Text,
        NodeKind::Bool(_)
        | NodeKind::Not(_)
        | NodeKind::In { .. }
        | NodeKind::Match { .. }
        | NodeKind::IsMissing { .. } => Kind::Bool,
        NodeKind::Name { name, .. } => names.kind(name).unwrap_or(Kind::Any),
        NodeKind::Binary(op, ..) if op.is_comparison() || op.is_logical() => Kind::Bool,
        NodeKind::Binary(..) => Kind::Number,
    }
}
