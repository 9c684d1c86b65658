//! Text that cannot do harm in a terminal.

/// The text with control characters (escape codes, newlines, tabs) written out, so that no value can move the cursor,
/// change colours or break a table.
pub fn clean(text: &str) -> String {
    if !text.chars().any(is_unsafe) {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if is_unsafe(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// What a program printed, for a terminal: lines, tabs and colours stay, everything else that acts is written out.
pub fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = rest.strip_prefix("\u{1b}[").and_then(|after| {
            let end = after.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            after[end..].starts_with('m').then_some(end + 3)
        });
        match (c, colour) {
            (_, Some(length)) => {
                out += &rest[..length];
                rest = &rest[length..];
                continue;
            }
            // Bars that are refreshed stay readable.
            ('\n' | '\t' | '\r', _) => out.push(c),
            (c, _) if is_unsafe(c) => out.extend(c.escape_default()),
            (c, _) => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Control characters, and those that turn the direction of text or are invisible.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text in at most `width` characters, the end replaced by `…` where it is cut.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The text as one word of a shell's command line, without any character that could do harm in a terminal.
pub fn shell_word(text: &str) -> String {
    if text.chars().any(is_unsafe) {
        let escaped = text.chars().map(|c| match c {
            '\\' | '\'' => format!("\\{c}"),
            c if is_unsafe(c) && (c as u32) < 0x80 => format!("\\x{:02x}", c as u32),
            c if is_unsafe(c) => format!("\\u{:04x}", c as u32),
            c => c.to_string(),
        });
        return format!("$'{}'", escaped.collect::<String>());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%~".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('~') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_tamed() {
        assert_eq!(clean("a\x1b[31mb\n\tc\u{202e}"), "a\\u{1b}[31mb\\n\\tc\\u{202e}");
        assert_eq!(
            tame("\x1b[1;31mred\x1b[0m\r\n\x1b]0;x\x07\x1b[2J"),
            "\x1b[1;31mred\x1b[0m\r\n\\u{1b}]0;x\\u{7}\\u{1b}[2J"
        );
        assert_eq!(shorten("äöüabc", 4), "äöü…");
        assert_eq!(shell_word("lr={log: [1, 2]}"), "'lr={log: [1, 2]}'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word("sweeps/grid.yaml"), "sweeps/grid.yaml");
        assert_eq!(shell_word("a'\n\x1b[1m"), "$'a\\'\\x0a\\x1b[1m'");
    }
}
