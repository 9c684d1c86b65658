//! From bytes as they come to lines.

use memchr::{memchr, memchr3};

/// A line longer than this is cut.
const MOST: usize = 64 << 10;

/// Cuts a stream into lines, wherever its pieces are cut.
pub(super) struct Lines {
    /// Whether carriage returns and backspaces end a line too: what they begin overwrites it.
    overwriting: bool,
    partial: Vec<u8>,
}

impl Lines {
    pub(super) fn new(overwriting: bool) -> Self {
        Self { overwriting, partial: Vec::new() }
    }

    /// Hands every whole line to `take`; a line that is within `bytes` is not copied.
    pub(super) fn feed(&mut self, mut bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
        loop {
            let end = if self.overwriting { memchr3(b'\n', b'\r', 8, bytes) } else { memchr(b'\n', bytes) };
            let Some(end) = end else { break };
            if self.partial.is_empty() {
                take(&bytes[..end.min(MOST)]);
            } else {
                self.add(&bytes[..end]);
                take(&self.partial);
                self.partial.clear();
            }
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = MOST - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Hands over the last line, if it has no end.
    pub(super) fn finish(&mut self, take: &mut dyn FnMut(&[u8])) {
        if !self.partial.is_empty() {
            take(&self.partial);
            self.partial.clear();
        }
    }
}

/// The line without the escape sequences of terminals and without control characters; what is no UTF-8 is replaced.
pub(super) fn plain(line: &[u8]) -> std::borrow::Cow<'_, str> {
    if !line.iter().any(|byte| *byte < 32 && *byte != b'\t') {
        return String::from_utf8_lossy(line);
    }
    let mut out = Vec::with_capacity(line.len());
    let mut i = 0;
    while i < line.len() {
        match line[i] {
            0x1b => i = after_escape(line, i),
            byte if byte < 32 && byte != b'\t' => i += 1,
            byte => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

/// The place after the escape sequence that begins at `at`.
fn after_escape(line: &[u8], at: usize) -> usize {
    match line.get(at + 1) {
        // CSI: parameters, then one byte that ends it.
        Some(b'[') => {
            let rest = &line[at + 2..];
            let length = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)).map_or(rest.len(), |end| end + 1);
            at + 2 + length
        }
        // OSC: up to BEL or ESC \.
        Some(b']') => {
            let rest = &line[at + 2..];
            match rest.iter().position(|byte| *byte == 7 || *byte == 0x1b) {
                Some(end) if rest[end] == 7 => at + 2 + end + 1,
                Some(end) => at + 2 + end + if rest.get(end + 1) == Some(&b'\\') { 2 } else { 1 },
                None => line.len(),
            }
        }
        Some(_) => at + 2,
        None => at + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_bounded() {
        let mut lines = Lines::new(true);
        let mut got = Vec::new();
        for piece in [&b"on"[..], b"e\ntwo\rth", b"ree\x08four\n\n", &vec![b'x'; 200_000], b"\nlast"] {
            lines.feed(piece, &mut |line| got.push(String::from_utf8(line.to_vec()).unwrap()));
        }
        lines.finish(&mut |line| got.push(String::from_utf8(line.to_vec()).unwrap()));
        assert_eq!(got[5].len(), MOST);
        got.remove(5);
        assert_eq!(got, ["one", "two", "three", "four", "", "last"]);
    }

    #[test]
    fn escapes_are_taken_out() {
        assert_eq!(plain(b"\x1b[1;32mloss\x1b[0m=\x1b[K0.5\x00"), "loss=0.5");
        assert_eq!(plain(b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1b(Bc"), "abBc");
        assert_eq!(plain(b"a\x1b"), "a");
        assert_eq!(plain(b"a\x1b[12"), "a");
        assert_eq!(plain(b"\xff\xfe=1"), "\u{fffd}\u{fffd}=1");
    }
}
