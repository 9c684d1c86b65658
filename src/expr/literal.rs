//! Literals of time: durations such as `90s 30m 2h 3d 1w`, dates such as `2026-11-24` and `2026-11-24T18:30`, in UTC.

/// A duration at the beginning of `text`: its seconds and its length in bytes. `number` is the length of the number with
/// which the text begins.
pub(super) fn duration(text: &str, number: usize) -> Option<(f64, usize)> {
    let mut rest = text[number..].chars();
    let unit = match rest.next()? {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86_400.0,
        'w' => 604_800.0,
        _ => return None,
    };
    if rest.next().is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let count: f64 = text[..number].replace('_', "").parse().ok()?;
    Some((count * unit, number + 1))
}

/// A date, perhaps with a time, at the beginning of `text`: seconds since 1970 in UTC, and its length in bytes.
pub(super) fn date(text: &str) -> Option<(f64, usize)> {
    let fields = |text: &str, shape: &str| -> Option<Vec<i64>> {
        let bytes = text.as_bytes().get(..shape.len())?;
        let fits = bytes.iter().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't'),
            other => *byte == other,
        });
        let digits = || text[..shape.len()].split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        fits.then(|| digits().filter_map(|part| part.parse().ok()).collect())
    };
    let found = ["0000-00-00T00:00:00", "0000-00-00T00:00", "0000-00-00"]
        .iter()
        .find_map(|shape| Some((fields(text, shape)?, shape.len())));
    let (fields, mut length) = found?;
    let (year, month, day) = (fields[0], fields[1], fields[2]);
    let clock = |i: usize| fields.get(i).copied().unwrap_or(0);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || clock(3) > 23 || clock(4) > 59 || clock(5) > 60 {
        return None;
    }
    if fields.len() > 3 && text[length..].starts_with(['Z', 'z']) {
        length += 1;
    }
    if text[length..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // Such as the 31st of a month with 30 days.
    if days >= days_from_civil(year + month / 12, month % 12 + 1, 1) {
        return None;
    }
    Some(((days * 86_400 + clock(3) * 3600 + clock(4) * 60 + clock(5)) as f64, length))
}

/// The length of something at the beginning of `text` that looks like a date and is none: it would be taken for a
/// difference of three numbers.
pub(super) fn almost_date(text: &str) -> Option<usize> {
    let mut length = 0;
    for (i, digits) in [4..=4, 1..=2, 1..=2].into_iter().enumerate() {
        if i > 0 {
            length += text[length..].starts_with('-').then_some(1)?;
        }
        let count = text[length..].bytes().take_while(u8::is_ascii_digit).count();
        if !digits.contains(&count) {
            return None;
        }
        length += count;
    }
    Some(length)
}

/// Days since 1970-01-01 of a day of the Gregorian calendar: years are counted from March on, so that the leap day is
/// the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date("1970-01-01"), Some((0.0, 10)));
        assert_eq!(date("2000-02-29T12:30 and"), Some((951_827_400.0, 16)));
        assert_eq!(date("2026-11-24T21:05:59Z"), Some((1_795_554_359.0, 20)));
        assert_eq!(date("2024-02-29").map(|date| date.1), Some(10));
        for near in ["2026-13-01", "2026-1-1", "2026-11-31", "2025-02-29"] {
            assert!(date(near).is_none() && almost_date(near) == Some(near.len()), "{near}");
        }
        assert!(almost_date("2048-64").is_none() && almost_date("100-1-1").is_none());
        for none in ["2026-13-01", "2026-11-241", "2026-11", "2026-11-24x", "2026-1-1"] {
            assert_eq!(date(none), None, "{none}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("2d ago", 1), Some((172_800.0, 2)));
        assert_eq!(duration("1.5h", 3), Some((5400.0, 4)));
        assert_eq!(duration("3min", 1), None);
    }
}
