//! The way back: from values to the unit interval.

use super::domain::{Domain, Range, Scale, incomplete_beta};
use super::value::Value;
use crate::numeric::normal_cdf;

impl Range {
    /// How many values a range has whose values are counted; none for one that is fine.
    pub fn levels(&self) -> Option<u64> {
        if let Some(step) = self.step {
            return Some(self.steps(step) + 1);
        }
        match (self.scale, self.round) {
            (_, Some(_)) => None,
            (Scale::Float | Scale::Log, None) => (self.low == self.high).then_some(1),
            (Scale::Int | Scale::LogInt, None) => Some((self.high - self.low) as u64 + 1),
            (Scale::Pow2, None) => Some((self.high.log2().round() - self.low.log2().round()) as u64 + 1),
        }
    }

    /// The values of a range that is counted, in order; see [`Range::levels`].
    pub fn level(&self, k: u64) -> Value {
        match (self.step, self.scale) {
            (None, Scale::Int | Scale::LogInt) => Value::Int(self.low as i64 + k as i64),
            _ => self.at((k as f64 + 0.5) / self.levels().unwrap_or(1) as f64),
        }
    }

    /// Where a value lies in [0, 1]: the middle of what [`Range::at`] maps to it.
    pub fn unit(&self, x: f64) -> f64 {
        let (low, high) = (self.low, self.high);
        let share = |x: f64, low: f64, high: f64| if high > low { (x - low) / (high - low) } else { 0.5 };
        let u = match (self.step, self.scale) {
            (Some(step), _) => (((x - low) / step).round() + 0.5) / (self.steps(step) + 1) as f64,
            (None, Scale::Float) => share(x, low, high),
            (None, Scale::Log) => share(x.ln(), low.ln(), high.ln()),
            (None, Scale::Int) => (x - low + 0.5) / (high - low + 1.0),
            (None, Scale::LogInt) => share(x.ln(), (low - 0.5).max(0.5).ln(), (high + 0.5).ln()),
            (None, Scale::Pow2) => {
                let (low, high) = (low.log2().round(), high.log2().round());
                (x.log2().round() - low + 0.5) / (high - low + 1.0)
            }
        };
        if u.is_nan() { 0.5 } else { u.clamp(0.0, 1.0) }
    }
}

impl Domain {
    /// Where the number `value` lies in [0, 1]: the inverse of [`Domain::at`] for ranges and distributions; the middle
    /// of what is mapped to it where several are. None for other domains and for what is no number.
    pub fn unit(&self, value: &Value) -> Option<f64> {
        let x = value.number()?;
        match self {
            Self::Range(range) => Some(range.unit(x)),
            Self::Normal { mean, sd, log, .. } => {
                let z = (if *log { x.ln() } else { x } - mean) / sd;
                Some(if z.is_nan() { 0.5 } else { normal_cdf(z) })
            }
            Self::Beta { a, b, .. } => Some(incomplete_beta(*a, *b, x)),
            Self::Const(_) | Self::Choice(_) | Self::Computed(_) | Self::Case => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back_is_the_same_value(u in 0.0f64..=1.0, step in prop::option::of(0.1f64..3.0),
            scale in prop::sample::select(vec![Scale::Float, Scale::Int, Scale::Log, Scale::LogInt, Scale::Pow2])) {
            let step = step.map(|step| if scale.is_int() { step.ceil() } else { step });
            let domain = Domain::Range(Range { scale, low: 2.0, high: 512.0, step, round: None, grid: None });
            let value = domain.at(u).unwrap().0;
            let back = domain.unit(&value).unwrap();
            let again = domain.at(back).unwrap().0;
            let (a, b) = (value.number().unwrap(), again.number().unwrap());
            prop_assert!((a - b).abs() <= 1e-5 * a.abs(), "{} {} {}", value, back, again);
            prop_assert!(!scale.is_int() || a == b);
        }

        #[test]
        fn distributions_come_back(u in 0.001f64..0.999) {
            for domain in [
                Domain::Normal { mean: 2.0, sd: 0.5, log: false, round: None },
                Domain::Normal { mean: -2.0, sd: 1.5, log: true, round: None },
                Domain::Beta { a: 2.0, b: 5.0, round: None },
            ] {
                let value = domain.at(u).unwrap().0;
                prop_assert!((domain.unit(&value).unwrap() - u).abs() < 1e-3, "{:?}", domain);
            }
        }
    }

    #[test]
    fn counted_ranges_know_their_values() {
        let range = |scale, low, high, step| Range { scale, low, high, step, round: None, grid: None };
        let all = |range: Range| {
            range.levels().map(|n| (0..n).map(|k| range.level(k).to_string()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(all(range(Scale::Int, -1.0, 2.0, None)).as_deref(), Some("-1 0 1 2"));
        assert_eq!(all(range(Scale::LogInt, 1.0, 4.0, None)).as_deref(), Some("1 2 3 4"));
        assert_eq!(all(range(Scale::Pow2, 8.0, 64.0, None)).as_deref(), Some("8 16 32 64"));
        assert_eq!(all(range(Scale::Float, 0.0, 0.35, Some(0.1))).as_deref(), Some("0.0 0.1 0.2 0.3"));
        assert_eq!(all(range(Scale::Float, 0.5, 0.5, None)).as_deref(), Some("0.5"));
        assert_eq!(all(range(Scale::Log, 0.5, 1.0, None)), None);
    }
}
