//! Words, numbers, texts and signs of an expression.

use super::ast::{ExprError, Span};
use super::literal::{almost_date, date, duration};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Int(i64),
    Float(f64),
    Text(String),
    Word(String),
    /// A length of time, in seconds.
    Duration(f64),
    /// A name in backticks.
    Quoted(String),
    Sign(&'static str),
    End,
}

/// Two-character signs first, so that the longest wins.
const SIGNS: [&str; 21] =
    ["==", "!=", "!~", "~", "<>", "<=", ">=", "**", "&&", "||", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")"];
const MORE_SIGNS: [&str; 4] = ["[", "]", ",", "!"];

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, ExprError> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let c = rest.chars().next().expect("at is inside the text and on a boundary");
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c.is_ascii_digit() || (c == '.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)) {
            let (token, length) = number(rest, at)?;
            out.push((token, at..at + length));
            at += length;
        } else if c == '"' || c == '\'' || c == '`' {
            let (content, length) = quoted(rest, c, at)?;
            let token = if c == '`' { Token::Quoted(content) } else { Token::Text(content) };
            out.push((token, at..at + length));
            at += length;
        } else if c.is_alphabetic() || c == '_' {
            let length = rest
                .char_indices()
                .find(|(_, c)| !(c.is_alphanumeric() || *c == '_' || *c == '.'))
                .map_or(rest.len(), |(i, _)| i);
            out.push((Token::Word(rest[..length].to_owned()), at..at + length));
            at += length;
        } else if let Some(sign) = SIGNS.iter().chain(&MORE_SIGNS).find(|sign| rest.starts_with(**sign)) {
            out.push((Token::Sign(sign), at..at + sign.len()));
            at += sign.len();
        } else {
            let error = ExprError::new(format!("`{}` has no meaning here", c.escape_default()), at..at + c.len_utf8());
            return Err(error.help("names with unusual characters go in backticks, texts in quotes"));
        }
    }
    out.push((Token::End, text.len()..text.len()));
    Ok(out)
}

/// Digits, one point, an exponent; `_` between digits is allowed.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut i: usize| {
        while bytes.get(i).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            i += 1;
        }
        i
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// A number, a duration or a date at the beginning of `text`, and its length in bytes; `at` is where it stands.
fn number(text: &str, at: usize) -> Result<(Token, usize), ExprError> {
    if let Some((seconds, length)) = date(text) {
        return Ok((Token::Float(seconds), length));
    }
    let length = number_length(text);
    if let Some(length) = almost_date(text) {
        let message = format!("`{}` is no date", &text[..length]);
        let error = ExprError::new(message, at..at + length);
        return Err(error.help("a date is written 2026-12-01; a difference is written with spaces"));
    }
    if let Some((seconds, length)) = duration(text, length) {
        return Ok((Token::Duration(seconds), length));
    }
    let plain = text[..length].replace('_', "");
    if let Ok(int) = plain.parse::<i64>() {
        return Ok((Token::Int(int), length));
    }
    let failure = |_| ExprError::new(format!("`{}` is not a number", &text[..length]), at..at + length);
    plain.parse().map(|number| (Token::Float(number), length)).map_err(failure)
}

fn quoted(text: &str, quote: char, at: usize) -> Result<(String, usize), ExprError> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        if c == quote {
            return Ok((content, i + c.len_utf8()));
        }
        if c == '\\' && quote != '`' {
            match chars.next() {
                Some((_, 'n')) => content.push('\n'),
                Some((_, 't')) => content.push('\t'),
                Some((_, escaped)) => content.push(escaped),
                None => break,
            }
        } else {
            content.push(c);
        }
    }
    Err(ExprError::new(format!("this {quote} is never closed"), at..at + 1))
}
