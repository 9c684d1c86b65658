//! Other categories, looked at now and then.
//!
//! A category that looks good early is searched more and more closely, while the others are judged by a few trials with
//! numbers that may not suit them. So every few proposals one category is held at another value than the best trial has,
//! and the process says with which numbers. The value is that with the least optimistic estimate of its best cost: the
//! least cost it has had, less something that shrinks with its trials. (A bandit over extremes, as in V. A. Cicirello and
//! S. F. Smith, "The max K-armed bandit", AAAI 2005, with a bound as in P. Auer, N. Cesa-Bianchi and P. Fischer,
//! "Finite-time analysis of the multiarmed bandit problem", 2002.)

use crate::search::adaptive::Past;
use crate::search::encode::{Kind, Point};

/// Proposals from one probe to the next.
const PERIOD: u64 = 4;
/// The first proposal that may be a probe.
const FIRST: u64 = 8;
/// How many standard deviations a value tried once may be better than it looks.
const OPTIMISM: f64 = 1.5;
/// What counts as the cost and the number of trials of a value that has not been tried.
const UNTRIED: (f64, f64) = (0.0, 0.5);
/// The worst that a value may look.
const WORST: f64 = 3.0;

/// The coordinate that this proposal holds, and at which value; none for most proposals. `z` are the standardised costs
/// of `points`; the first of `good` is the best of these.
pub(super) fn probe(past: &Past<'_>, points: &[&Point], z: &[f64], good: &Point) -> Option<(usize, f64)> {
    if past.index < FIRST || past.index % PERIOD != PERIOD - 1 || past.untried.is_some() {
        return None;
    }
    // Categories that decide which others are active come first.
    let mut places = past.encoding.branches();
    if places.is_empty() {
        places = (0..past.encoding.len()).filter(|&j| past.encoding.is_category(j)).collect();
    }
    places.retain(|&j| good.active[j]);
    if places.is_empty() {
        return None;
    }
    let j = places[(past.index / PERIOD) as usize % places.len()];
    let Kind::Category(count) = *past.encoding.kind(j) else { return None };
    let estimate = |value: f64| {
        let own = points.iter().zip(z).filter(|(point, _)| point.x[j] == value);
        let (least, tried) = own.fold((WORST, 0.0), |(least, tried), (_, z)| (z.min(least), tried + 1.0));
        let running = past.running.iter().filter(|point| point.x[j] == value).count() as f64;
        let (least, tried) = if tried > 0.0 { (least, tried) } else { UNTRIED };
        least - OPTIMISM / (tried + running).sqrt()
    };
    let others = (0..count).map(|value| value as f64).filter(|value| *value != good.x[j]);
    others.map(|value| (estimate(value), value)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, value)| (j, value))
}
