//! Numbers, lengths of time and dates for people.

use std::time::Duration;

use crate::space::{Setting, Value, significant};

/// A metric with 4 significant digits: `0.2103`, `12.34`, `1.2e-7`.
pub fn metric(x: f64) -> String {
    if x.is_nan() {
        return "NaN".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.into();
    }
    if x == 0.0 {
        return "0".into();
    }
    let magnitude = x.abs().log10().floor();
    if !(-4.0..7.0).contains(&magnitude) {
        return format!("{x:.3e}");
    }
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{x:.decimals$}");
    // A whole number needs no point.
    match text.split_once('.') {
        Some((whole, fraction)) if x.fract() == 0.0 && fraction.chars().all(|c| c == '0') => whole.to_owned(),
        _ => text,
    }
}

/// The value of a param: its label, else the value as it can be typed; a number with very many digits is rounded to 7.
pub fn setting(setting: &Setting) -> String {
    const LONG: usize = 12;
    match (&setting.label, &setting.value) {
        (None, Value::Float(x)) if setting.shown().len() > LONG => Value::Float(significant(*x, *x)).to_string(),
        _ => setting.shown(),
    }
}

/// A length of time: `0.42 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".into();
    }
    if seconds < 0.000_95 {
        return format!("{:.0} us", seconds * 1e6);
    }
    if seconds < 0.095 {
        return format!("{:.0} ms", seconds * 1e3);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let total = seconds.round() as u64;
    match total {
        0..60 => format!("{total} s"),
        60..3600 => format!("{} min {:02} s", total / 60, total % 60),
        3600..86_400 => format!("{} h {:02} min", total / 3600, total % 3600 / 60),
        _ => format!("{} d {} h", total / 86_400, total % 86_400 / 3600),
    }
}

/// A size: `512 B`, `3.4 KiB`, `120 MiB`.
pub fn bytes(count: u64) -> String {
    let mut size = count as f64;
    let mut units = ["KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut unit = "B";
    while size >= 1000.0
        && let Some(next) = units.next()
    {
        size /= 1024.0;
        unit = next;
    }
    if unit == "B" || size >= 100.0 { format!("{size:.0} {unit}") } else { format!("{size:.1} {unit}") }
}

/// How long ago a time in microseconds since 1970 was: `just now`, `5 min ago`, `3 d ago`.
pub fn ago(then: i64, now: i64) -> String {
    let seconds = (now - then).max(0) / 1_000_000;
    match seconds {
        0..10 => "just now".into(),
        10..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A time in microseconds since 1970 as RFC 3339 in UTC.
pub fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| format!("{time:.6}"))
}

/// `1 trial`, `2 trials`.
pub fn plural(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// As [`duration`].
pub(super) fn of(duration_value: Duration) -> String {
    duration(duration_value.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let shown: Vec<String> = [
            0.210_345,
            12.345_6,
            1234.56,
            1.0,
            30.0,
            1e-5,
            0.000_123_45,
            1e9,
            -0.5,
            0.0,
            f64::NAN,
            f64::INFINITY,
            123_456.7,
        ]
        .into_iter()
        .map(metric)
        .collect();
        assert_eq!(
            shown,
            [
                "0.2103",
                "12.35",
                "1235",
                "1",
                "30",
                "1.000e-5",
                "0.0001234",
                "1.000e9",
                "-0.5000",
                "0",
                "NaN",
                "inf",
                "123457"
            ]
        );
        assert_eq!(
            [0.000_3, 0.004, 0.42, 12.0, 200.0, 7500.0, 300_000.0].map(duration),
            ["300 us", "4 ms", "0.4 s", "12 s", "3 min 20 s", "2 h 05 min", "3 d 11 h"]
        );
    }
}
