//! What values a param may take, and the one map from the unit interval to them.

use std::sync::Arc;

use super::round::{clean, multiple, significant};
use super::seed::normal_quantile;
use super::value::Value;
use crate::expr::{Expr, Kind};

/// The values a param may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// One value, searched by nobody.
    Const(Value),
    /// One of a list.
    Choice(Choices),
    /// A number between two ends.
    Range(Range),
    /// A normal variate, or the exponential of one (`log`), of the given mean and standard deviation.
    Normal {
        /// The mean (of the logarithm where `log`).
        mean: f64,
        /// The standard deviation, above 0.
        sd: f64,
        /// Whether the variate is the exponential of a normal one.
        log: bool,
        /// Round to multiples of this.
        round: Option<f64>,
    },
    /// A beta variate on `[0, 1]` with shapes `a` and `b`, both above 0.
    Beta {
        /// The first shape.
        a: f64,
        /// The second shape.
        b: f64,
        /// Round to multiples of this.
        round: Option<f64>,
    },
    /// Computed from other params.
    Computed(Expr),
    /// Given by the current row of `cases`.
    Case,
}

/// The items of a choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    /// The items, at least one, all different.
    pub items: Vec<Choice>,
    /// The probability of each item when drawn at random; none means equal. Sums to 1.
    pub weights: Option<Vec<f64>>,
}

/// One item of a choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What is shown instead of the value.
    pub label: Option<Arc<str>>,
    /// What is passed on.
    pub value: Value,
}

/// The scale of a range; it decides how points are spread and what type they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Floats, evenly.
    Float,
    /// Integers, evenly.
    Int,
    /// Floats, evenly in the logarithm.
    Log,
    /// Integers, evenly in the logarithm.
    LogInt,
    /// Powers of two.
    Pow2,
}

impl Scale {
    /// The word of the spec.
    pub fn word(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "int",
            Self::Log => "log",
            Self::LogInt => "logint",
            Self::Pow2 => "pow2",
        }
    }

    /// Whether the values are integers.
    pub fn is_int(self) -> bool {
        !matches!(self, Self::Float | Self::Log)
    }

    /// Whether points are spread evenly in the logarithm.
    pub fn is_log(self) -> bool {
        matches!(self, Self::Log | Self::LogInt | Self::Pow2)
    }
}

/// A range of numbers, both ends included.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// How points are spread and what type they have.
    pub scale: Scale,
    /// The lower end; above 0 on logarithmic scales, whole where the scale is of integers.
    pub low: f64,
    /// The upper end, above `low`.
    pub high: f64,
    /// Only `low + k * step` (linear scales only).
    pub step: Option<f64>,
    /// Only multiples of this, clamped to the range.
    pub round: Option<f64>,
    /// How many points a grid takes.
    pub grid: Option<u32>,
}

impl Range {
    /// The value at `u` in `[0, 1]`, evenly spread in the range's own scale.
    ///
    /// Steps and integers have equal shares of the interval; ends are exact.
    pub fn at(&self, u: f64) -> Value {
        let u = u.clamp(0.0, 1.0);
        if let Some(step) = self.step {
            let steps = self.steps(step);
            let k = ((u * (steps + 1) as f64) as u64).min(steps);
            return self.typed(clean(self.low + k as f64 * step, step));
        }
        let x = match self.scale {
            Scale::Float => self.low + u * (self.high - self.low),
            Scale::Log => (self.low.ln() + u * (self.high.ln() - self.low.ln())).exp(),
            Scale::Int => self.low + (u * (self.high - self.low + 1.0)).floor(),
            Scale::LogInt => {
                let (low, high) = ((self.low - 0.5).max(0.5).ln(), (self.high + 0.5).ln());
                (low + u * (high - low)).exp().round()
            }
            Scale::Pow2 => {
                let (low, high) = (self.low.log2().round(), self.high.log2().round());
                (low + (u * (high - low + 1.0)).floor().min(high - low)).exp2()
            }
        };
        self.settle(x)
    }

    /// The points of a grid, ascending, without duplicates; none where neither `grid` nor `step` says how many.
    pub fn grid_points(&self) -> Option<Vec<Value>> {
        let points: Vec<Value> = match (self.grid, self.step) {
            (Some(1), None) => vec![self.at_even(0.5)],
            (Some(n), None) => (0..n).map(|i| self.at_even(f64::from(i) / f64::from(n - 1))).collect(),
            (None, Some(step)) => {
                (0..=self.steps(step)).map(|k| self.typed(clean(self.low + k as f64 * step, step))).collect()
            }
            (Some(n), Some(_)) => {
                let n = f64::from(n);
                (0..n as u32).map(|i| self.at((f64::from(i) + 0.5) / n)).collect()
            }
            (None, None) => return None,
        };
        let mut unique: Vec<Value> = Vec::with_capacity(points.len());
        for point in points {
            if unique.last() != Some(&point) {
                unique.push(point);
            }
        }
        Some(unique)
    }

    /// How many points [`Range::grid_points`] would list, duplicates included.
    pub fn grid_size(&self) -> Option<u64> {
        match (self.grid, self.step) {
            (Some(n), _) => Some(u64::from(n)),
            (None, Some(step)) => Some(self.steps(step) + 1),
            (None, None) => None,
        }
    }

    /// How many steps fit between the ends.
    pub(super) fn steps(&self, step: f64) -> u64 {
        ((self.high - self.low) / step + 1e-9).floor() as u64
    }

    /// The value at the fraction `t` between the ends, both ends at 0 and 1, before integers get equal shares.
    fn at_even(&self, t: f64) -> Value {
        let x = if self.scale == Scale::Pow2 {
            let (low, high) = (self.low.log2().round(), self.high.log2().round());
            (low + t * (high - low)).round().exp2()
        } else if self.scale.is_log() {
            // Powers of ten come out exactly where the ends are powers of ten.
            let (low, high) = (self.low.log10(), self.high.log10());
            10f64.powf(low + t * (high - low))
        } else {
            self.low + t * (self.high - self.low)
        };
        let x = if t == 0.0 {
            self.low
        } else if t == 1.0 {
            self.high
        } else {
            x
        };
        self.settle(x)
    }

    /// Rounds and clamps a raw number and gives it its type.
    fn settle(&self, x: f64) -> Value {
        let x = match self.round {
            Some(quantum) => multiple(x, quantum),
            None if self.scale.is_int() => x.round(),
            None if x <= self.low || x >= self.high => x,
            None => significant(x, self.high - self.low),
        };
        self.typed(x.clamp(self.low, self.high))
    }

    fn typed(&self, x: f64) -> Value {
        if self.scale.is_int() { Value::Int(x.round() as i64) } else { Value::Float(x) }
    }
}

impl Domain {
    /// Whether a search has something to choose here.
    pub fn is_searched(&self) -> bool {
        match self {
            Self::Const(_) | Self::Computed(_) | Self::Case => false,
            Self::Choice(choices) => choices.items.len() > 1,
            Self::Range(_) | Self::Normal { .. } | Self::Beta { .. } => true,
        }
    }

    /// The value (and label) at `u` in `[0, 1]`; none for computed params and cases.
    pub fn at(&self, u: f64) -> Option<(Value, Option<Arc<str>>)> {
        let unlabelled = |value: Value| Some((value, None));
        match self {
            Self::Const(value) => unlabelled(value.clone()),
            Self::Choice(choices) => {
                let item = &choices.items[choices.index_at(u)];
                Some((item.value.clone(), item.label.clone()))
            }
            Self::Range(range) => unlabelled(range.at(u)),
            Self::Normal { mean, sd, log, round } => {
                let z = normal_quantile(u.clamp(1e-12, 1.0 - 1e-12));
                let x = if *log { (mean + sd * z).exp() } else { mean + sd * z };
                let width = if *log { x } else { *sd };
                unlabelled(Value::Float(round.map_or_else(|| significant(x, width), |q| multiple(x, q))))
            }
            Self::Beta { a, b, round } => {
                let x = beta_quantile(*a, *b, u);
                unlabelled(Value::Float(round.map_or_else(|| significant(x, 1.0), |q| multiple(x, q).clamp(0.0, 1.0))))
            }
            Self::Computed(_) | Self::Case => None,
        }
    }

    /// The values of a grid over this domain; none where it is not said how many points to take.
    pub fn grid_points(&self) -> Option<Vec<(Value, Option<Arc<str>>)>> {
        match self {
            Self::Const(value) => Some(vec![(value.clone(), None)]),
            Self::Choice(choices) => {
                Some(choices.items.iter().map(|item| (item.value.clone(), item.label.clone())).collect())
            }
            Self::Range(range) => range.grid_points().map(|points| points.into_iter().map(|v| (v, None)).collect()),
            Self::Normal { .. } | Self::Beta { .. } | Self::Computed(_) | Self::Case => None,
        }
    }

    /// Whether `value` can come from this domain (any value for computed params and cases).
    pub fn contains(&self, value: &Value) -> bool {
        match self {
            Self::Const(only) => only.alike(value),
            Self::Choice(choices) => choices.position(value).is_some(),
            Self::Range(range) => value
                .number()
                .is_some_and(|x| (range.low..=range.high).contains(&x) && (!range.scale.is_int() || x.fract() == 0.0)),
            Self::Normal { log, .. } => value.number().is_some_and(|x| x.is_finite() && (!log || x > 0.0)),
            Self::Beta { .. } => value.number().is_some_and(|x| (0.0..=1.0).contains(&x)),
            Self::Computed(_) | Self::Case => true,
        }
    }

    /// What is known of its values without drawing one.
    pub fn kind(&self) -> Kind {
        let of = |value: &Value| match value {
            Value::Int(_) | Value::Float(_) => Kind::Number,
            Value::Text(_) => Kind::Text,
            Value::Bool(_) => Kind::Bool,
            Value::Null | Value::List(_) | Value::Map(_) => Kind::Any,
        };
        match self {
            Self::Const(value) => of(value),
            Self::Choice(choices) => {
                let mut kinds = choices.items.iter().map(|item| match item.label {
                    Some(_) => Kind::Any,
                    None => of(&item.value),
                });
                let first = kinds.next().unwrap_or(Kind::Any);
                if kinds.all(|kind| kind == first) { first } else { Kind::Any }
            }
            Self::Range(_) | Self::Normal { .. } | Self::Beta { .. } => Kind::Number,
            Self::Computed(_) | Self::Case => Kind::Any,
        }
    }
}

impl Choices {
    /// Equal chances for `values`, without labels.
    pub fn plain(values: impl IntoIterator<Item = Value>) -> Self {
        Self { items: values.into_iter().map(|value| Choice { label: None, value }).collect(), weights: None }
    }

    /// The place of the item whose value or label `value` is.
    pub fn position(&self, value: &Value) -> Option<usize> {
        self.items
            .iter()
            .position(|item| item.value == *value)
            .or_else(|| {
                self.items.iter().position(|item| item.label.as_deref() == value.text() && item.label.is_some())
            })
            .or_else(|| self.items.iter().position(|item| item.value.alike(value)))
    }

    /// The place of the item whose share of [0, 1) holds `u`.
    pub(crate) fn index_at(&self, u: f64) -> usize {
        let last = self.items.len() - 1;
        match &self.weights {
            None => ((u * self.items.len() as f64) as usize).min(last),
            Some(weights) => {
                let mut below = 0.0;
                for (i, weight) in weights.iter().enumerate() {
                    below += weight;
                    if u < below {
                        return i;
                    }
                }
                weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(last)
            }
        }
    }
}

/// The quantile of the beta distribution by bisection on the regularised incomplete beta function.
fn beta_quantile(a: f64, b: f64, u: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if incomplete_beta(a, b, middle) < u {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction.
///
/// Source: Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.5.8, evaluated by Lentz's method.
pub(super) fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let tiny = 1e-300;
    let mut c = 1.0;
    let mut d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / if d.abs() < tiny { tiny } else { d };
    let mut fraction = d;
    for m in 1..300 {
        let m = f64::from(m);
        for numerator in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 + numerator * d;
            d = 1.0 / if d.abs() < tiny { tiny } else { d };
            c = 1.0 + numerator / c;
            c = if c.abs() < tiny { tiny } else { c };
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    let front = a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b) - a.ln();
    front.exp() * fraction
}

/// The logarithm of the beta function, by Lanczos' approximation of the gamma function (g = 7, n = 9).
fn ln_beta(a: f64, b: f64) -> f64 {
    fn ln_gamma(x: f64) -> f64 {
        const C: [f64; 9] = [
            0.999_999_999_999_809_9,
            676.520_368_121_885_1,
            -1_259.139_216_722_402_8,
            771.323_428_777_653_1,
            -176.615_029_162_140_6,
            12.507_343_278_686_905,
            -0.138_571_095_265_720_12,
            9.984_369_578_019_572e-6,
            1.505_632_735_149_311_6e-7,
        ];
        if x < 0.5 {
            return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
        }
        let x = x - 1.0;
        let sum = C.iter().enumerate().skip(1).fold(C[0], |sum, (i, c)| sum + c / (x + i as f64));
        let t = x + 7.5;
        0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
    }
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(scale: Scale, low: f64, high: f64) -> Range {
        Range { scale, low, high, step: None, round: None, grid: None }
    }

    fn shown(points: Option<Vec<Value>>) -> String {
        points.map_or("none".into(), |p| p.iter().map(Value::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn grids_are_what_a_person_would_write() {
        let grid = |scale, low, high, n| shown(Range { grid: Some(n), ..range(scale, low, high) }.grid_points());
        assert_eq!(
            grid(Scale::Log, 1e-4, 1.0, 9),
            "0.0001 0.000316228 0.001 0.00316228 0.01 0.0316228 0.1 0.316228 1.0"
        );
        assert_eq!(grid(Scale::Float, 0.0, 0.2, 3), "0.0 0.1 0.2");
        assert_eq!(grid(Scale::Int, 1.0, 10.0, 4), "1 4 7 10");
        assert_eq!(grid(Scale::Int, 1.0, 2.0, 5), "1 2");
        assert_eq!(grid(Scale::Pow2, 32.0, 1024.0, 6), "32 64 128 256 512 1024");
        assert_eq!(grid(Scale::LogInt, 1.0, 1000.0, 4), "1 10 100 1000");
        assert_eq!(grid(Scale::Float, 0.0, 1.0, 1), "0.5");
        let stepped = Range { step: Some(0.1), ..range(Scale::Float, 0.0, 0.35) };
        assert_eq!(shown(stepped.grid_points()), "0.0 0.1 0.2 0.3");
        assert_eq!(shown(range(Scale::Float, 0.0, 1.0).grid_points()), "none");
    }

    #[test]
    fn beta_quantiles_meet_known_values() {
        assert!((beta_quantile(2.0, 2.0, 0.5) - 0.5).abs() < 1e-12);
        assert!((beta_quantile(1.0, 3.0, 0.271) - 0.1).abs() < 1e-12);
        assert!((beta_quantile(2.0, 5.0, 0.345_264_640) - 0.2).abs() < 1e-2);
        assert!((incomplete_beta(0.5, 0.5, 0.25) - 1.0 / 3.0).abs() < 1e-13);
    }

    #[test]
    fn weights_are_shares_of_the_interval() {
        let choices = Choices { weights: Some(vec![0.7, 0.3, 0.0]), ..Choices::plain([1.into(), 2.into(), 3.into()]) };
        assert_eq!([0.0, 0.69, 0.71, 1.0].map(|u| choices.index_at(u)), [0, 0, 1, 1]);
    }

    proptest! {
        #[test]
        fn every_draw_lies_in_its_range(u in 0.0f64..=1.0, scale in prop::sample::select(vec![Scale::Float, Scale::Int, Scale::Log, Scale::LogInt]),
            low in 1.0f64..100.0, width in 1.0f64..1e6, round in prop::option::of(0.01f64..3.0)) {
            let (low, high) = if scale.is_int() { (low.round(), (low + width).round()) } else { (low, low + width) };
            let range = Range { round, ..range(scale, low, high) };
            let value = range.at(u);
            prop_assert!(Domain::Range(range).contains(&value), "{:?}", value);
        }

        #[test]
        fn the_map_is_monotone(scale in prop::sample::select(vec![Scale::Float, Scale::Int, Scale::Log, Scale::LogInt, Scale::Pow2]),
            u in 0.0f64..1.0, v in 0.0f64..1.0) {
            let range = range(scale, 4.0, 1024.0);
            let (a, b) = (range.at(u.min(v)).number().unwrap(), range.at(u.max(v)).number().unwrap());
            prop_assert!(a <= b);
        }
    }
}
