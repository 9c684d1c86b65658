//! Other categories, looked at now and then.
//!
//! A category that looks good early is searched more and more closely, while the others are judged by a few trials with
//! numbers that may not suit them. So every few proposals one category is held at another value than the best trial has:
//! the one whose best may yet be the least, as far as the process knows. The numbers are then those that promise to
//! improve on the best trial with that value, so that it is tuned as it would be by itself; what promises to improve on
//! the best of all would be a corner that nothing is known of.
//!
//! Source of the optimistic best: the lower confidence bound of N. Srinivas, A. Krause, S. M. Kakade and M. Seeger,
//! "Gaussian process optimization in the bandit setting: no regret and experimental design", ICML 2010.

use super::acquire::near;
use super::posterior::Posterior;
use crate::search::adaptive::Past;
use crate::search::encode::{Encoding, Kind, Point};
use crate::space::seed::Rng;

/// Proposals from one probe to the next.
const PERIOD: u64 = 4;
/// The first proposal that may be a probe.
const FIRST: u64 = 8;
/// How many standard deviations a point may be better than expected.
const OPTIMISM: f64 = 2.0;
/// Points looked at for each value: half of them near its best trials, where it has some.
const LOOKED_AT: usize = 120;
/// Its best trials.
const BEST: usize = 3;
/// A category with more values than this has only so many of them looked at, drawn anew each time.
const VALUES: usize = 12;

/// The coordinate that this proposal holds, and at which value; none for most proposals. `good` are the trials, the best
/// first.
pub(super) fn probe(
    past: &Past<'_>,
    posterior: &Posterior<'_>,
    good: &[&Point],
    rng: &mut Rng,
) -> Option<(usize, f64)> {
    if past.index < FIRST || past.index % PERIOD != PERIOD - 1 || past.untried.is_some() {
        return None;
    }
    let encoding = past.encoding;
    // Categories that decide which others are active come first.
    let mut places = encoding.branches();
    if places.is_empty() {
        places = (0..encoding.len()).filter(|&j| encoding.is_category(j)).collect();
    }
    places.retain(|&j| good[0].active[j]);
    if places.is_empty() {
        return None;
    }
    let j = places[(past.index / PERIOD) as usize % places.len()];
    let Kind::Category(count) = *encoding.kind(j) else { return None };
    let mut values: Vec<f64> = (0..count).map(|value| value as f64).filter(|value| *value != good[0].x[j]).collect();
    if values.len() > VALUES {
        rng.shuffle(&mut values);
        values.truncate(VALUES);
    }
    let bounds = values.into_iter().filter_map(|value| {
        let points = with_value(encoding, good, (j, value), rng);
        let predictions = posterior.predict(&points.iter().collect::<Vec<_>>());
        predictions
            .into_iter()
            .map(|(mean, sd)| mean - OPTIMISM * sd)
            .min_by(f64::total_cmp)
            .map(|bound| (bound, value))
    });
    bounds.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, value)| (j, value))
}

/// Points that have a value and that the constraints allow.
fn with_value(encoding: &Encoding, good: &[&Point], (j, value): (usize, f64), rng: &mut Rng) -> Vec<Point> {
    let best: Vec<&Point> = good.iter().filter(|point| point.x[j] == value).take(BEST).copied().collect();
    let mut points = Vec::with_capacity(LOOKED_AT);
    for k in 0..LOOKED_AT {
        let point = if k % 2 == 0 && !best.is_empty() {
            near(encoding, best[(k / 2) % best.len()], [0.3, 0.1][(k / 4) % 2], rng)
        } else {
            encoding.draw(rng)
        };
        let point = encoding.with(&point, j, value, rng);
        if encoding.accepts(&point) {
            points.push(point);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::gp::process::{Data, Design, Layout, Lengths};
    use crate::search::gp::testing::mixed;

    #[test]
    fn the_value_that_is_known_least_and_may_be_good_is_held_now_and_then() {
        const METHOD: usize = 1;
        let encoding = mixed();
        let mut rng = Rng::new(3);
        // The third value is the best so far, the first is known to be bad, the second was tried once.
        let values = [[2.0; 12].as_slice(), &[0.0; 12], &[1.0]].concat();
        let points: Vec<Point> = values
            .iter()
            .map(|value| {
                let point = encoding.draw(&mut rng);
                encoding.with(&point, METHOD, *value, &mut rng)
            })
            .collect();
        let wave = |i: usize| 0.05 * (i as f64).sin();
        let y: Vec<f64> = (0..25).map(|i| wave(i) + [1.5, 0.3, -1.2][points[i].x[METHOD] as usize]).collect();
        let design = Design { lengths: Lengths::Broad, trends: true, effects: true, own_lengths: true };
        let layout = Layout::new(&encoding, design);
        let data = Data::new(&layout, &points.iter().collect::<Vec<_>>(), vec![1.0; 25]);
        let posterior = Posterior::new(&layout, &data, &layout.start(), &y).unwrap();
        let good: Vec<&Point> = points.iter().collect();
        let mut past =
            Past { encoding: &encoding, tried: vec![], running: vec![], index: 0, memory: &[], untried: None };
        let mut held = Vec::new();
        for index in 0..32 {
            past.index = index;
            held.extend(probe(&past, &posterior, &good, &mut rng).map(|held| (index, held)));
        }
        let expected: Vec<(u64, (usize, f64))> =
            [11, 15, 19, 23, 27, 31].into_iter().map(|index| (index, (METHOD, 1.0))).collect();
        assert_eq!(held, expected);
        // A small space that is listed whole needs no probes.
        past.untried = Some(vec![]);
        assert_eq!(probe(&past, &posterior, &good, &mut rng), None);
    }

    #[test]
    fn points_that_are_looked_at_have_the_value_and_are_partly_near_its_best() {
        let encoding = mixed();
        let mut rng = Rng::new(4);
        let drawn = encoding.draw(&mut rng);
        let best = encoding.with(&drawn, 1, 2.0, &mut rng);
        let points = with_value(&encoding, &[&best], (1, 2.0), &mut rng);
        assert_eq!(points.len(), LOOKED_AT);
        assert!(points.iter().all(|point| point.x[1] == 2.0 && !point.active[2]));
        let close = points.iter().filter(|p| (p.x[0] - best.x[0]).abs() < 0.05 && (p.x[4] - best.x[4]).abs() < 0.05);
        assert!(close.count() > 15);
    }
}
