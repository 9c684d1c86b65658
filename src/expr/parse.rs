//! From text to tree: a precedence climber over the tokens.
//!
//! From loosest to tightest: `or`, `and`, `not`, comparisons, `in`, `~` and `is missing` (comparisons chain: `0 < a < 1`),
//! `+ -`, `* / %`,
//! the sign, `^` (to the right).

use super::ast::{BinaryOp, Expr, ExprError, Function, Node, NodeKind, Pattern, Span};
use super::lex::{Token, tokens};
use super::nearest::nearest;

/// How deep parentheses and signs may nest, so that no text can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Reads an expression.
///
/// # Errors
/// The first place where the text stops making sense.
pub fn parse(text: &str) -> Result<Expr, ExprError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    if parser.peek() == &Token::End {
        return Err(ExprError::new("an expression is expected, this is empty", 0..text.len()));
    }
    let root = parser.or()?;
    match parser.peek() {
        Token::End => Ok(Expr { text: text.to_owned(), root }),
        _ => Err(parser.unexpected("an operator or the end of the expression")),
    }
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1.clone()
    }

    fn next(&mut self) -> (Token, Span) {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn take_sign(&mut self, signs: &[&str]) -> bool {
        let found = matches!(self.peek(), Token::Sign(sign) if signs.contains(sign));
        if found {
            self.next();
        }
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(w) if w == word);
        if found {
            self.next();
        }
        found
    }

    fn unexpected(&self, wanted: &str) -> ExprError {
        let found = match self.peek() {
            Token::End => "the expression ends".to_owned(),
            Token::Sign(sign) => format!("`{sign}` stands"),
            Token::Word(word) | Token::Quoted(word) => format!("`{}` stands", word.escape_debug()),
            Token::Int(_) | Token::Float(_) | Token::Duration(_) => "a number stands".to_owned(),
            Token::Text(_) => "a text stands".to_owned(),
        };
        ExprError::new(format!("{found} where {wanted} is expected"), self.span())
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, ExprError>) -> Result<T, ExprError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExprError::new(format!("nested more than {MAX_DEPTH} deep"), self.span()));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Node, ExprError> {
        let mut left = self.and()?;
        while self.take_word("or") || self.take_sign(&["||"]) {
            left = binary(BinaryOp::Or, left, self.and()?);
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node, ExprError> {
        let mut left = self.not()?;
        while self.take_word("and") || self.take_sign(&["&&"]) {
            left = binary(BinaryOp::And, left, self.not()?);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node, ExprError> {
        let start = self.span().start;
        if self.take_word("not") || self.take_sign(&["!"]) {
            let inner = self.deeper(Self::not)?;
            let span = start..inner.span.end;
            return Ok(Node { kind: NodeKind::Not(Box::new(inner)), span });
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Node, ExprError> {
        let mut left = self.sum()?;
        let mut chain: Option<Node> = None;
        loop {
            let negated = matches!(self.peek(), Token::Word(w) if w == "not")
                && matches!(self.tokens.get(self.at + 1), Some((Token::Word(w), _)) if w == "in");
            if negated {
                self.next();
            }
            if self.take_word("in") {
                let (items, end) = self.list()?;
                let span = left.span.start..end;
                let node = Node { kind: NodeKind::In { needle: Box::new(left), items, negated }, span };
                return Ok(match chain {
                    Some(before) => binary(BinaryOp::And, before, node),
                    None => node,
                });
            }
            if let Some(test) = self.test(&left)? {
                return Ok(match chain {
                    Some(before) => binary(BinaryOp::And, before, test),
                    None => test,
                });
            }
            let Some(op) = self.comparison_sign() else { break };
            let right = self.sum()?;
            let link = binary(op, left, right.clone());
            chain = Some(match chain {
                Some(before) => binary(BinaryOp::And, before, link),
                None => link,
            });
            left = right;
        }
        Ok(chain.unwrap_or(left))
    }

    /// What follows `left` if that is a pattern or `is missing`.
    fn test(&mut self, left: &Node) -> Result<Option<Node>, ExprError> {
        let inner = || Box::new(left.clone());
        let kind = match self.peek() {
            Token::Sign(sign @ ("~" | "!~")) => {
                let negated = *sign == "!~";
                self.next();
                let (Token::Text(pattern) | Token::Word(pattern)) = self.peek().clone() else {
                    return Err(self.unexpected("a pattern in quotes").help("write `name ~ '^conv'`"));
                };
                let pattern = regex::RegexBuilder::new(&pattern).size_limit(1 << 20).build().map_err(|error| {
                    let why = error.to_string();
                    let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    ExprError::new(format!("this is no regular expression: {last}"), self.span())
                })?;
                NodeKind::Match { text: inner(), pattern: Pattern(pattern), negated }
            }
            Token::Word(word) if word == "is" => {
                self.next();
                let negated = self.take_word("not");
                if !matches!(self.peek(), Token::Word(word) if word == "missing") {
                    return Err(self.unexpected("`missing`").help("`x is missing`; values are compared with `=`"));
                }
                NodeKind::IsMissing { inner: inner(), negated }
            }
            _ => return Ok(None),
        };
        let (_, span) = self.next();
        Ok(Some(Node { kind, span: left.span.start..span.end }))
    }

    fn comparison_sign(&mut self) -> Option<BinaryOp> {
        let op = match self.peek() {
            Token::Sign("=" | "==") => BinaryOp::Equal,
            Token::Sign("!=" | "<>") => BinaryOp::NotEqual,
            Token::Sign("<") => BinaryOp::Less,
            Token::Sign("<=") => BinaryOp::LessEqual,
            Token::Sign(">") => BinaryOp::Greater,
            Token::Sign(">=") => BinaryOp::GreaterEqual,
            _ => return None,
        };
        self.next();
        Some(op)
    }

    fn list(&mut self) -> Result<(Vec<Node>, usize), ExprError> {
        if !self.take_sign(&["["]) {
            return Err(self.unexpected("a list in brackets").help("write `x in [a, b]`"));
        }
        let mut items = Vec::new();
        loop {
            let end = self.span().end;
            if self.take_sign(&["]"]) {
                return Ok((items, end));
            }
            items.push(self.sum()?);
            let end = self.span().end;
            if self.take_sign(&["]"]) {
                return Ok((items, end));
            }
            if !self.take_sign(&[","]) {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn sum(&mut self) -> Result<Node, ExprError> {
        let mut left = self.product()?;
        loop {
            let op = match self.peek() {
                Token::Sign("+") => BinaryOp::Add,
                Token::Sign("-") => BinaryOp::Subtract,
                _ => return Ok(left),
            };
            self.next();
            left = binary(op, left, self.product()?);
        }
    }

    fn product(&mut self) -> Result<Node, ExprError> {
        let mut left = self.signed()?;
        loop {
            let op = match self.peek() {
                Token::Sign("*") => BinaryOp::Multiply,
                Token::Sign("/") => BinaryOp::Divide,
                Token::Sign("%") => BinaryOp::Remainder,
                _ => return Ok(left),
            };
            self.next();
            left = binary(op, left, self.signed()?);
        }
    }

    fn signed(&mut self) -> Result<Node, ExprError> {
        let start = self.span().start;
        if self.take_sign(&["-"]) {
            let inner = self.deeper(Self::signed)?;
            let span = start..inner.span.end;
            return Ok(Node { kind: NodeKind::Negate(Box::new(inner)), span });
        }
        if self.take_sign(&["+"]) {
            return self.deeper(Self::signed);
        }
        let base = self.atom()?;
        if self.take_sign(&["^", "**"]) {
            let exponent = self.deeper(Self::signed)?;
            return Ok(binary(BinaryOp::Power, base, exponent));
        }
        Ok(base)
    }

    fn atom(&mut self) -> Result<Node, ExprError> {
        let span = self.span();
        let kind = match self.peek().clone() {
            Token::Int(int) => NodeKind::Int(int),
            Token::Float(float) => NodeKind::Float(float),
            Token::Duration(seconds) => {
                self.next();
                let length = Node { kind: NodeKind::Float(seconds), span: span.clone() };
                let end = self.span();
                if !self.take_word("ago") {
                    return Ok(length);
                }
                let now = Node { kind: NodeKind::Name { name: "now".into(), quoted: true }, span: end };
                let mut ago = binary(BinaryOp::Subtract, now, length);
                ago.span = span.start..self.tokens[self.at - 1].1.end;
                return Ok(ago);
            }
            Token::Text(text) => NodeKind::Text(text),
            Token::Quoted(name) => NodeKind::Name { name, quoted: true },
            Token::Word(word) if matches!(word.as_str(), "true" | "True") => NodeKind::Bool(true),
            Token::Word(word) if matches!(word.as_str(), "false" | "False") => NodeKind::Bool(false),
            Token::Word(word) if !matches!(word.as_str(), "and" | "or" | "not" | "in") => {
                self.next();
                if self.peek() == &Token::Sign("(") {
                    return self.call(&word, span);
                }
                return Ok(Node { kind: NodeKind::Name { name: word, quoted: false }, span });
            }
            Token::Sign("(") => {
                self.next();
                let mut inner = self.deeper(Self::or)?;
                let end = self.span().end;
                if !self.take_sign(&[")"]) {
                    return Err(self.unexpected("`)`"));
                }
                inner.span = span.start..end;
                return Ok(inner);
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.next();
        Ok(Node { kind, span })
    }

    fn call(&mut self, word: &str, name_span: Span) -> Result<Node, ExprError> {
        let Some(function) = Function::named(word) else {
            let error = ExprError::new(format!("there is no function `{}`", word.escape_debug()), name_span);
            let known = Function::ALL.iter().map(|(name, _)| *name);
            return Err(match nearest(word, known.clone()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("the functions are {}", known.collect::<Vec<_>>().join(", "))),
            });
        };
        self.next();
        let mut arguments = Vec::new();
        let end = loop {
            let end = self.span().end;
            if self.take_sign(&[")"]) {
                break end;
            }
            arguments.push(self.deeper(Self::or)?);
            let end = self.span().end;
            if self.take_sign(&[")"]) {
                break end;
            }
            if !self.take_sign(&[","]) {
                return Err(self.unexpected("`,` or `)`"));
            }
        };
        let (least, most) = function.arity();
        if arguments.len() < least || arguments.len() > most {
            let wanted = match (least, most) {
                (1, 1) => "one argument".to_owned(),
                (1, usize::MAX) => "at least one argument".to_owned(),
                _ => format!("{least} or {most} arguments"),
            };
            let message = format!("`{word}` takes {wanted}, not {}", arguments.len());
            return Err(ExprError::new(message, name_span.start..end));
        }
        Ok(Node { kind: NodeKind::Call(function, arguments), span: name_span.start..end })
    }
}

fn binary(op: BinaryOp, left: Node, right: Node) -> Node {
    let span = left.span.start..right.span.end;
    Node { kind: NodeKind::Binary(op, Box::new(left), Box::new(right)), span }
}
