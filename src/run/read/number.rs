//! Numbers in text.

/// The number at the start of `text` and its length in bytes; none where what stands there is only part of something
/// else (`12:30:15`, `12.1.0`, `9/10`, `3ms`). A percent sign belongs to it and changes nothing.
///
/// `tensor(0.5, device='cuda:0')` and `np.float64(0.5)` are the number in them.
pub(super) fn number(text: &str) -> Option<(f64, usize)> {
    if let Some(inner) = wrapped(text) {
        return Some(inner);
    }
    let (value, length) = bare_number(text)?;
    let rest = &text[length..];
    let (rest, length) = rest.strip_prefix('%').map_or((rest, length), |after| (after, length + 1));
    let mut after = rest.chars();
    let fits = match after.next() {
        None => true,
        Some(c) if c.is_alphanumeric() || matches!(c, '_' | '/' | '%' | '\\') => false,
        // One thousand two hundred is not one.
        Some(',') => !after.next().is_some_and(|c| c.is_ascii_digit()),
        // A full stop or a colon may end a sentence, but not go on with digits.
        Some('.' | ':' | '-' | '+') => !after.next().is_some_and(|c| c.is_ascii_digit() || c == '.'),
        Some(_) => true,
    };
    fits.then_some((value, length))
}

/// A number in a call such as `tensor(0.5)`.
fn wrapped(text: &str) -> Option<(f64, usize)> {
    const CALLS: [&str; 6] = ["tensor", "np.float64", "np.float32", "Array", "array", "float"];
    let (name, inner) = text.split_once('(')?;
    if !CALLS.contains(&name) {
        return None;
    }
    let (value, length) = bare_number(inner)?;
    let end = inner[length..].find(')')?;
    let rest = &inner[length..length + end];
    (rest.is_empty() || rest.starts_with(',')).then_some((value, name.len() + 1 + length + end + 1))
}

/// The longest number at the start of `text`, whatever follows.
pub(super) fn bare_number(text: &str) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut some = whole > 0;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction > 0 || whole > 0 {
            some |= fraction > 0;
            // `3.` is a number only where a digit or nothing of a word follows.
            if fraction > 0 || !bytes.get(end + 1).is_some_and(|b| b.is_ascii_alphabetic()) {
                end += 1 + fraction;
            }
        }
    }
    if !some {
        return word_number(text, sign);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    // Beyond the largest float it is infinite, as everywhere.
    text[..end].parse().ok().map(|value| (value, end))
}

fn word_number(text: &str, sign: usize) -> Option<(f64, usize)> {
    const WORDS: [(&str, f64); 3] = [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)];
    let word = &text.as_bytes()[sign..];
    let (word, value) = WORDS
        .into_iter()
        .find(|(known, _)| word.len() >= known.len() && word[..known.len()].eq_ignore_ascii_case(known.as_bytes()))?;
    Some((if text.starts_with('-') { -value } else { value }, sign + word.len()))
}

/// Whether a value can be a step: whole and not negative.
pub(super) fn step(value: f64) -> Option<u64> {
    (value >= 0.0 && value.fract() == 0.0 && value < 9e15).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_number() {
        let is = |text: &str, value: f64, length: usize| {
            let (got, end) = number(text).unwrap_or_else(|| panic!("{text} is a number"));
            assert!(got.to_bits() == value.to_bits() || got.is_nan() && value.is_nan(), "{text}: {got}");
            assert_eq!(end, length, "{text}");
        };
        is("0.5", 0.5, 3);
        is("-1e-5,", -1e-5, 5);
        is("+.5)", 0.5, 3);
        is("3. Then", 3.0, 2);
        is("98.3% ok", 98.3, 5);
        is("1e999", f64::INFINITY, 5);
        is("nan", f64::NAN, 3);
        is("NaN,", f64::NAN, 3);
        is("-Infinity]", f64::NEG_INFINITY, 9);
        is("0.5. Next", 0.5, 3);
        is("7: x", 7.0, 1);
        is("7, 8", 7.0, 1);
        is("tensor(0.5000, device='cuda:0') x", 0.5, 31);
        is("np.float64(-0.25)", -0.25, 17);
        for text in [
            "12:30:15",
            "12.1.0",
            "9/10",
            "3ms",
            "1_000",
            "nano",
            "infer",
            "-",
            ".",
            "e5",
            "",
            "x",
            "2024-11-24",
            "1e5x",
            "1,234.5",
            "tensor([1, 2])",
            "tensor(0.5",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
