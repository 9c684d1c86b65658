//! A line of bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values as bars, at most `width` of them: the lowest is the shortest. Where there are more values than bars, a bar
/// shows the last value of its share. The scale is logarithmic where all values are above 0 and span more than two
/// decades. Empty where nothing is finite.
pub fn sparkline(values: &[f64], width: usize) -> String {
    let count = values.len().min(width);
    let shown: Vec<f64> = (1..=count).map(|k| values[k * values.len() / count - 1]).filter(|v| v.is_finite()).collect();
    let range = |values: &[f64]| {
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
    };
    let (low, high) = range(&shown);
    let log = low > 0.0 && high / low > 100.0;
    let scaled: Vec<f64> = shown.iter().map(|v| if log { v.ln() } else { *v }).collect();
    let (low, high) = range(&scaled);
    let height = |v: f64| if high > low { ((v - low) / (high - low) * 7.0).round() as usize } else { 0 };
    scaled.iter().map(|v| BARS[height(*v).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_follow_the_values() {
        assert_eq!(sparkline(&[4.0, 3.0, 3.0, 1.0], 10), "█▆▆▁");
        assert_eq!(sparkline(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), "▁▅█");
        assert_eq!(sparkline(&[1e-4, 1e-2, 1.0], 9), "▁▅█");
        assert_eq!(sparkline(&[f64::NAN, 2.0], 9), "▁");
        assert_eq!(sparkline(&[], 9), "");
        assert_eq!(sparkline(&[-1e308, 1e308], 9).chars().count(), 2);
    }
}
