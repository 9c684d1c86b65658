//! A tolerant reader of the objects that programs print: JSON, and Python's dicts.

use super::number::bare_number;

/// How deep objects may be nested.
const DEPTH: usize = 32;

/// The numbers in the object that `text` is, by dotted name; none where it is no whole object. Lists, texts, booleans
/// and nulls are passed over; the texts `NaN` and `Infinity` are numbers.
pub(super) fn numbers(text: &str) -> Option<Vec<(String, f64)>> {
    let mut reader = Reader { text, at: 0, out: Vec::new() };
    reader.space();
    if reader.peek() != Some(b'{') {
        return None;
    }
    reader.object("", 0)?;
    reader.space();
    (reader.at == text.len()).then_some(reader.out)
}

/// A value in an object.
#[derive(Clone, Copy)]
enum Item {
    Number(f64),
    /// Something that is passed over.
    Other,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    out: Vec<(String, f64)>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn object(&mut self, prefix: &str, depth: usize) -> Option<()> {
        self.take(b'{')?;
        if depth > DEPTH {
            return None;
        }
        loop {
            self.space();
            if self.peek() == Some(b'}') {
                self.at += 1;
                return Some(());
            }
            let key = match self.peek()? {
                b'"' | b'\'' => self.string()?,
                _ => {
                    let start = self.at;
                    let (_, length) = bare_number(&self.text[start..])?;
                    self.at += length;
                    self.text[start..self.at].to_owned()
                }
            };
            self.take(b':')?;
            let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            self.space();
            if self.peek() == Some(b'{') {
                self.object(&name, depth + 1)?;
            } else if let Item::Number(value) = self.value(depth + 1)? {
                self.out.push((name, value));
            }
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {}
                _ => return None,
            }
        }
    }

    /// A value; none where it is broken.
    fn value(&mut self, depth: usize) -> Option<Item> {
        if depth > DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'"' | b'\'' => {
                let text = self.string()?;
                let number = bare_number(&text).filter(|(value, length)| *length == text.len() && !value.is_finite());
                Some(number.map_or(Item::Other, |(value, _)| Item::Number(value)))
            }
            b'[' => self.items(b']', depth).map(|_| Item::Other),
            b'(' => self.items(b')', depth).map(|_| Item::Other),
            b'{' => {
                let kept = self.out.len();
                self.object("", depth)?;
                self.out.truncate(kept);
                Some(Item::Other)
            }
            _ => self.word(depth),
        }
    }

    /// Values up to `end`; the first one.
    fn items(&mut self, end: u8, depth: usize) -> Option<Item> {
        self.at += 1;
        let mut first = Item::Other;
        for i in 0.. {
            self.space();
            if self.peek()? == end {
                self.at += 1;
                return Some(first);
            }
            let value = self.value(depth + 1)?;
            // `device='cuda:0'` among the arguments of a call.
            self.space();
            if self.peek()? == b'=' {
                self.at += 1;
                self.value(depth + 1)?;
            }
            if i == 0 {
                first = value;
            }
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == end => {}
                _ => return None,
            }
        }
        None
    }

    /// A number, a word such as `None`, or a call around a number such as `tensor(0.5)`.
    fn word(&mut self, depth: usize) -> Option<Item> {
        let rest = &self.text[self.at..];
        if let Some((value, length)) = bare_number(rest)
            && !rest[length..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
        {
            self.at += length;
            return Some(Item::Number(value));
        }
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
        if length == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.at += length;
        match &rest[..length] {
            "true" | "false" | "null" | "True" | "False" | "None" => Some(Item::Other),
            _ if self.peek() == Some(b'(') => self.items(b')', depth),
            // The name of an argument.
            _ if self.peek() == Some(b'=') => Some(Item::Other),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek()?;
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let c = rest.chars().next()?;
            self.at += c.len_utf8();
            if c as u32 == u32::from(quote) {
                return Some(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            let escaped = self.text[self.at..].chars().next()?;
            self.at += escaped.len_utf8();
            match escaped {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'x' => out.push(self.code(2)?),
                'u' => {
                    let first = self.hex(4)?;
                    // Two halves of a character beyond the first 65,536.
                    let second = (0xd800..0xdc00).contains(&first).then(|| {
                        self.text[self.at..].starts_with("\\u").then(|| {
                            self.at += 2;
                            self.hex(4)
                        })
                    });
                    match second.flatten().flatten() {
                        Some(low) if (0xdc00..0xe000).contains(&low) => {
                            out.push(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00))?);
                        }
                        _ => out.push(char::from_u32(first).unwrap_or('\u{fffd}')),
                    }
                }
                'U' => out.push(self.code(8)?),
                other => out.push(other),
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let code = self.text.get(self.at..self.at + digits)?;
        self.at += digits;
        u32::from_str_radix(code, 16).ok()
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        self.hex(digits).map(|code| char::from_u32(code).unwrap_or('\u{fffd}'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match numbers(text) {
            Some(list) => list.iter().map(|(name, value)| format!("{name:?}={value:?}")).collect::<Vec<_>>().join(" "),
            None => "none".into(),
        }
    }

    #[test]
    fn objects_of_both_kinds() {
        assert_eq!(shown("{'eval_loss': 0.41, 'epoch': 1.0}"), r#""eval_loss"=0.41 "epoch"=1.0"#);
        assert_eq!(
            shown(r#" {"a": {"b": 1, "c": {"d": -2e-3}}, "l": [1, {"x": 2}], "t": "text", "y": true, "z": null} "#),
            r#""a.b"=1.0 "a.c.d"=-0.002"#
        );
        assert_eq!(
            shown("{'a': nan, 'b': -inf, 'c': NaN, 'd': Infinity, 'e': 1e999, 'f': \"NaN\", 'g': '-Infinity',}"),
            r#""a"=NaN "b"=-inf "c"=NaN "d"=inf "e"=inf "f"=NaN "g"=-inf"#
        );
        assert_eq!(
            shown("{'a': np.float64(0.41), 'b': tensor(0.5, device='cuda:0'), 'c': (1, 2), 'd': None}"),
            r#""a"=0.41 "b"=0.5"#
        );
        assert_eq!(
            shown(r#"{"it's \"x\"\n\u001b[31m<b>\ud83d\ude00": 1}"#),
            "\"it's \\\"x\\\"\\n\\u{1b}[31m<b>😀\"=1.0"
        );
        assert_eq!(shown("{}"), "");
        assert_eq!(shown("{1: 0.5}"), r#""1"=0.5"#);
    }

    #[test]
    fn what_is_broken_gives_nothing() {
        for text in [
            "{",
            "{'a'",
            "{'a': ",
            "{'a': 1",
            "{'a': 1} and more",
            "{a: 1}",
            "{'a': 1 2}",
            "{'a': 1.2.3}",
            "[1]",
            "{'a': '",
            "{'a': tensor(",
            "{'a': what}",
            "{'a': 12:30}",
            "{'a': \\u12}",
        ] {
            assert_eq!(numbers(text), None, "{text}");
        }
        let deep = "{'a':".repeat(2000) + "1" + &"}".repeat(2000);
        assert_eq!(numbers(&deep), None);
        let deep = format!("{{'a': {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(numbers(&deep), None);
    }
}
