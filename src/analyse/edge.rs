//! A best value at the end of its range: the range is too narrow to trust it.

use crate::space::{Config, Domain, Range, Scale, Space, Value};

/// A param whose best value sits at an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// The param.
    pub param: String,
    /// The value.
    pub value: Value,
    /// Whether it is the upper end.
    pub upper: bool,
    /// The override that widens the range, as one word of a command line before quoting: `lr={log: [...]}`.
    pub widened: String,
}

/// The params of the best config that sit at an end of what was searched.
pub fn edges(space: &Space, best: &Config) -> Vec<Edge> {
    let mut out = Vec::new();
    for param in space.params() {
        let Some(value) = best.get(&param.name) else { continue };
        let Some(x) = value.number() else { continue };
        match &param.domain {
            Domain::Range(range) => {
                let points = range.grid_points();
                let (first, last) = match &points {
                    Some(points) => (points.first().and_then(Value::number), points.last().and_then(Value::number)),
                    None => (Some(range.low), Some(range.high)),
                };
                // A continuous search rarely draws the very end: the outer hundredth counts.
                let near = |end: f64| if points.is_some() { x == end } else { is_near(range, x, end) };
                let upper = last.is_some_and(near);
                let natural = range.low == 0.0;
                let lower = first.is_some_and(near) && !natural;
                if (upper || lower) && first != last {
                    let wider = widen(range, upper);
                    out.push(Edge {
                        param: param.name.to_string(),
                        value: value.clone(),
                        upper,
                        widened: format!("{}={}", param.name, shown(&wider)),
                    });
                }
            }
            Domain::Choice(choices) => {
                let numbers: Option<Vec<f64>> = choices.items.iter().map(|item| item.value.number()).collect();
                let Some(mut numbers) = numbers.filter(|numbers| numbers.len() >= 3) else { continue };
                numbers.sort_by(f64::total_cmp);
                let upper = x == numbers[numbers.len() - 1];
                let lower = x == numbers[0] && numbers[0] != 0.0;
                if upper || lower {
                    let n = numbers.len();
                    let next = match upper {
                        true if is_share(&param.name) && x < 1.0 => towards_one(x),
                        true => beyond(numbers[n - 2], numbers[n - 1]),
                        false => beyond(numbers[1], numbers[0]),
                    };
                    let mut items: Vec<String> = choices.items.iter().map(|item| item.value.to_string()).collect();
                    let whole = choices.items.iter().all(|item| matches!(item.value, Value::Int(_)));
                    items.push(if whole { Value::Int(next as i64) } else { Value::Float(next) }.to_string());
                    out.push(Edge {
                        param: param.name.to_string(),
                        value: value.clone(),
                        upper,
                        widened: format!("{}=[{}]", param.name, items.join(", ")),
                    });
                }
            }
            _ => {}
        }
    }
    out
}

fn is_near(range: &Range, x: f64, end: f64) -> bool {
    if range.scale.is_log() {
        (x / end).ln().abs() <= 0.01 * (range.high / range.low).ln()
    } else {
        (x - end).abs() <= 0.01 * (range.high - range.low)
    }
}

/// The next number of a list that goes from `before` to `end`: on by the same factor, or else the same distance.
fn beyond(before: f64, end: f64) -> f64 {
    let next = if before > 0.0 && end > 0.0 { end * (end / before) } else { end + (end - before) };
    crate::space::significant(next, next)
}

/// Whether a param by this name lies between 0 and 1 wherever people use it.
fn is_share(name: &str) -> bool {
    const SHARES: [&str; 7] = ["momentum", "beta1", "beta2", "dropout", "gamma", "rho", "decay_rate"];
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    SHARES.iter().any(|share| last == *share || last.ends_with(&format!("_{share}")))
}

/// A number between `x` and 1, a third as far from 1: 0.97 after 0.9.
fn towards_one(x: f64) -> f64 {
    let rest = (1.0 - x) / 3.0;
    let digits = 10f64.powf((-rest.log10()).ceil());
    (((1.0 - rest) * digits).round() / digits).min(1.0)
}

/// The range with two more steps (or a decade, or half its width) at one end.
fn widen(range: &Range, upper: bool) -> Range {
    let mut wider = range.clone();
    if range.scale.is_log() {
        let factor = match range.grid {
            Some(n) if n > 1 => (range.high / range.low).powf(2.0 / f64::from(n - 1)),
            _ if range.scale == Scale::Pow2 => 4.0,
            _ => 10.0,
        };
        if upper {
            wider.high = range.high * factor;
        } else {
            wider.low = range.low / factor;
        }
    } else {
        let width = match (range.grid, range.step) {
            (Some(n), _) if n > 1 => 2.0 * (range.high - range.low) / f64::from(n - 1),
            (_, Some(step)) => 2.0 * step,
            _ => 0.5 * (range.high - range.low),
        };
        if upper {
            wider.high = range.high + width;
        } else {
            wider.low = range.low - width;
        }
    }
    wider.grid = range.grid.map(|n| if n > 1 { n + 2 } else { n });
    let tidy = |x: f64| if range.scale.is_int() { x.round() } else { crate::space::significant(x, x) };
    // The ends that stay are exact; only the new one is rounded.
    if upper {
        wider.high = tidy(wider.high);
    } else {
        wider.low =
            if range.scale.is_int() && range.scale.is_log() { tidy(wider.low).max(1.0) } else { tidy(wider.low) };
    }
    wider
}

fn shown(range: &Range) -> String {
    let number = |x: f64| if range.scale.is_int() { (x as i64).to_string() } else { Value::Float(x).to_string() };
    let mut text = format!("{{{}: [{}, {}]", range.scale.word(), number(range.low), number(range.high));
    if let Some(grid) = range.grid {
        text += &format!(", grid: {grid}");
    }
    if let Some(step) = range.step {
        text += &format!(", step: {}", number(step));
    }
    if let Some(round) = range.round {
        text += &format!(", round: {}", number(round));
    }
    text + "}"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Choices, Param, Setting};

    fn check(domain: Domain, value: Value) -> Vec<String> {
        let space = Space::new(vec![Param { name: "p".into(), domain, when: vec![] }], vec![], vec![], vec![]).unwrap();
        let best = Config { settings: vec![Setting { name: "p".into(), value, label: None }] };
        edges(&space, &best).into_iter().map(|edge| edge.widened).collect()
    }

    #[test]
    fn shares_stay_below_one() {
        assert_eq!((towards_one(0.9), towards_one(0.99), towards_one(0.5)), (0.97, 0.997, 0.8));
        assert!(is_share("opt.momentum") && is_share("adam_beta1") && !is_share("beta") && !is_share("lr"));
    }

    #[test]
    fn ranges_are_widened_by_two_steps_and_keep_their_points() {
        let range = Range { scale: Scale::Log, low: 1e-3, high: 1.0, step: None, round: None, grid: Some(7) };
        assert_eq!(check(Domain::Range(range.clone()), 1.0.into()), ["p={log: [0.001, 10.0], grid: 9}"]);
        assert_eq!(check(Domain::Range(range.clone()), 0.1.into()), Vec::<String>::new());
        let wider = Range { high: 10.0, grid: Some(9), ..range.clone() };
        let (old, new) = (range.grid_points().unwrap(), wider.grid_points().unwrap());
        assert!(old.iter().all(|point| new.contains(point)));
        let range = Range { scale: Scale::Float, low: 0.0, high: 0.2, step: None, round: None, grid: Some(3) };
        assert_eq!(check(Domain::Range(range.clone()), 0.2.into()), ["p={float: [0.0, 0.4], grid: 5}"]);
        assert_eq!(check(Domain::Range(range), 0.0.into()), Vec::<String>::new(), "zero is a natural end");
    }

    #[test]
    fn lists_of_numbers_get_one_more() {
        let choices = |values: Vec<Value>| Domain::Choice(Choices::plain(values));
        assert_eq!(check(choices(vec![0.1.into(), 0.3.into(), 0.9.into()]), 0.9.into()), ["p=[0.1, 0.3, 0.9, 2.7]"]);
        assert_eq!(check(choices(vec![16.into(), 32.into(), 64.into()]), 16.into()), ["p=[16, 32, 64, 8]"]);
        assert_eq!(check(choices(vec!["a".into(), "b".into(), "c".into()]), "a".into()), Vec::<String>::new());
    }
}
