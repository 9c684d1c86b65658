//! The tree-structured Parzen estimator: points like the good ones and unlike the others.
//!
//! The tried points are split into the best few and the rest; each part is a mixture of kernels, one around every point
//! and one for the whole space, and the candidate with the greatest ratio of the two densities is proposed. A kernel is
//! a product over all active coordinates, so that they are seen together; a coordinate that was inactive in a kernel's
//! point has the density of the space there.
//!
//! Sources: J. Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011; S. Falkner, A. Klein and F.
//! Hutter, "BOHB", ICML 2018 (the multivariate form); S. Watanabe, "Tree-structured Parzen estimator: understanding its
//! algorithm components", 2023 (the least bandwidth).

use std::sync::{Arc, LazyLock};

use super::Setup;
use super::adaptive::{Adaptive, Ideas, Model, Outcome, Past};
use super::encode::{Encoding, Kind, Point};
use crate::numeric::{Arith, LN_SQRT_2PI, dispatch, exp, normal_cdf};
use crate::space::Space;
use crate::space::seed::Rng;

/// The share of the trials that are good, and the most that are.
const GOOD_SHARE: f64 = 0.15;
const MOST_GOOD: usize = 25;
/// Candidates drawn near good points, and from the whole space.
const NEAR: usize = 20;
const DRAWN: usize = 4;
/// Of more trials than twice this that are not good, the newest and some of the others stand for all.
const SHOWN: usize = 500;
/// How often a draw is repeated that the constraints refuse.
const REDRAWS: usize = 60;

/// Search by a tree-structured Parzen estimator.
pub(super) type Tpe = Adaptive<Parzen>;

impl Tpe {
    /// TPE search over `space`.
    pub(super) fn sampler(space: Arc<Space>, setup: Setup) -> Self {
        Self::over(space, setup, Parzen)
    }
}

/// The model of [`Tpe`].
pub(super) struct Parzen;

/// A mixture of kernels. The component after the last point is the space itself.
struct Mixture<'a> {
    encoding: &'a Encoding,
    points: Vec<&'a Point>,
    /// For each coordinate, the means and the precisions (one over the bandwidth) of the components; the precision is 0
    /// where the coordinate was not active.
    means: Vec<Vec<f64>>,
    precisions: Vec<Vec<f64>>,
    /// For each category and component, the logarithms of the probability of its own value and of any other.
    own: Vec<Vec<f64>>,
    others: Vec<Vec<f64>>,
    /// The logarithm of what each component's kernel is multiplied by: in all, and by coordinate.
    constants: Vec<f64>,
    heights: Vec<Vec<f64>>,
}

/// The bandwidths around sorted centres: the wider gap to a neighbour or an end, within bounds.
fn bandwidths(centres: &[f64], least: f64) -> Vec<f64> {
    // Whole numbers are sorted quickly: the centres, from 0 to 1, in steps of 2^-43, with their places in the last 20 bits.
    const PLACES: u32 = 20;
    const STEPS: f64 = (1u64 << 43) as f64;
    let key = |(i, c): (usize, &f64)| (((c * STEPS) as u64) << PLACES) | i as u64;
    let mut keys: Vec<u64> = centres.iter().enumerate().map(key).collect();
    keys.sort_unstable();
    let order: Vec<usize> = keys.into_iter().map(|key| (key & ((1 << PLACES) - 1)) as usize).collect();
    let mut out = vec![0.0; centres.len()];
    for (rank, &i) in order.iter().enumerate() {
        // An end counts as a neighbour only for a single centre.
        let below = rank.checked_sub(1).map(|r| centres[i] - centres[order[r]]);
        let above = order.get(rank + 1).map(|&next| centres[next] - centres[i]);
        let width = match (below, above) {
            (Some(below), Some(above)) => below.max(above),
            (Some(gap), None) | (None, Some(gap)) => gap,
            (None, None) => 1.0,
        };
        out[i] = width.clamp(least, 1.0);
    }
    out
}

/// What a normal distribution has below `z`, to 1e-9: between the points of a table by the cubics that have its values and
/// slopes there, whose error is less than `step^4 / 384` times the greatest fourth derivative, 1.4.
fn tail(z: f64) -> f64 {
    /// Beyond this, less than 1e-9 is cut off.
    const END: f64 = 6.0;
    const STEPS: f64 = 64.0;
    static TABLE: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
        let at = |k: u32| -END + f64::from(k) / STEPS;
        (0..=(2.0 * END * STEPS) as u32)
            .map(|k| (normal_cdf(at(k)), (-0.5 * at(k) * at(k) - LN_SQRT_2PI).exp() / STEPS))
            .collect()
    });
    if z <= -END {
        return 0.0;
    }
    if z >= END {
        return 1.0;
    }
    let place = (z + END) * STEPS;
    let k = place as usize;
    let t = place - k as f64;
    let ((low, low_slope), (high, high_slope)) = (TABLE[k], TABLE[k + 1]);
    let rise = high - low;
    low + t
        * (low_slope + t * ((3.0 * rise - 2.0 * low_slope - high_slope) + t * (low_slope + high_slope - 2.0 * rise)))
}

impl<'a> Mixture<'a> {
    fn new(encoding: &'a Encoding, points: Vec<&'a Point>) -> Self {
        let n = points.len();
        let kernels = (n + 1) as f64;
        let least = 1.0 / kernels.min(100.0);
        let (mut means, mut precisions, mut heights) = (Vec::new(), Vec::new(), Vec::new());
        let (mut own, mut others) = (Vec::new(), Vec::new());
        let mut constants = vec![-kernels.ln(); n + 1];
        // How much of a category's kernel is the space's own distribution.
        let blur = 1.0 / kernels;
        for j in 0..encoding.len() {
            if let Kind::Category(count) = encoding.kind(j) {
                let other = blur / (1.0 + blur) / *count as f64;
                let everywhere = -(*count as f64).ln();
                let each = |there: f64| points.iter().map(|p| if p.active[j] { there } else { everywhere }).collect();
                own.push(each((other + 1.0 / (1.0 + blur)).ln()));
                others.push(each(other.ln()));
                means.push(points.iter().map(|point| point.x[j]).collect());
                precisions.push(points.iter().map(|point| f64::from(u8::from(point.active[j]))).collect());
                heights.push(Vec::new());
                continue;
            }
            own.push(Vec::new());
            others.push(Vec::new());
            let centres: Vec<f64> = points.iter().map(|point| point.x[j]).chain([0.5]).collect();
            let widths = bandwidths(&centres, least.max(0.5 * encoding.grain(j)));
            let (mut precision, mut height) = (Vec::with_capacity(n), vec![0.0; n]);
            for (i, point) in points.iter().enumerate() {
                if point.active[j] {
                    let p = 1.0 / widths[i];
                    let (low, high) = (-centres[i] * p, (1.0 - centres[i]) * p);
                    let mass = 1.0 - tail(low) - tail(-high);
                    // The density at the centre of a normal distribution that is cut at the ends.
                    height[i] = (p / mass).ln() - LN_SQRT_2PI;
                    constants[i] += height[i];
                    precision.push(p);
                } else {
                    precision.push(0.0);
                }
            }
            means.push(centres[..n].to_vec());
            precisions.push(precision);
            heights.push(height);
        }
        Self { encoding, points, means, precisions, own, others, constants, heights }
    }

    /// The logarithm of the density, up to what is the same for every mixture.
    fn ln_density(&self, x: &Point, scratch: &mut Vec<f64>) -> f64 {
        let n = self.points.len();
        scratch.clear();
        scratch.extend_from_slice(&self.constants);
        let mut everywhere = 0.0;
        for j in 0..self.encoding.len() {
            if !x.active[j] {
                // A kernel says nothing of what is not there; take its constant back.
                if !self.encoding.is_category(j) {
                    scratch.iter_mut().zip(&self.heights[j]).for_each(|(sum, height)| *sum -= height);
                }
                continue;
            }
            if let Kind::Category(count) = self.encoding.kind(j) {
                add_either(&mut scratch[..n], x.x[j], &self.means[j], &self.own[j], &self.others[j]);
                everywhere -= (*count as f64).ln();
            } else {
                subtract_squares(&mut scratch[..n], x.x[j], &self.means[j], &self.precisions[j]);
            }
        }
        scratch[n] += everywhere;
        let most = scratch.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        scratch.iter_mut().for_each(|v| *v -= most);
        exp(scratch);
        most + scratch.iter().sum::<f64>().ln()
    }

    /// A draw near one of the points.
    fn draw(&self, rng: &mut Rng) -> Point {
        let n = self.points.len();
        let i = rng.below(n as u64 + 1) as usize;
        if i == n {
            return self.encoding.draw(rng);
        }
        let x = (0..self.encoding.len()).map(|j| {
            let precision = self.precisions[j][i];
            match self.encoding.kind(j) {
                _ if precision == 0.0 => self.encoding.coordinate(j, rng.unit()),
                Kind::Category(_) => {
                    let blur = 1.0 / (n + 1) as f64;
                    if rng.unit() < blur / (1.0 + blur) {
                        self.encoding.coordinate(j, rng.unit())
                    } else {
                        self.means[j][i]
                    }
                }
                _ => {
                    let mean = self.means[j][i];
                    let (low, high) = (tail(-mean * precision), 1.0 - tail((mean - 1.0) * precision));
                    let u = (low + rng.unit() * (high - low)).clamp(1e-16, 1.0 - 1e-16);
                    (mean + crate::space::seed::normal_quantile(u) / precision).clamp(0.0, 1.0)
                }
            }
        });
        self.encoding.point(x.collect())
    }
}

dispatch! {
    /// `out[i] -= ((x - mean[i]) precision[i])^2 / 2`.
    fn subtract_squares(out: &mut [f64], x: f64, means: &[f64], precisions: &[f64]) => subtract_squares_body
}

#[inline(always)]
fn subtract_squares_body<S: Arith>(out: &mut [f64], x: f64, means: &[f64], precisions: &[f64]) {
    let (means, precisions) = (&means[..out.len()], &precisions[..out.len()]);
    for i in 0..out.len() {
        let z = (x - means[i]) * precisions[i];
        out[i] = S::madd(-0.5 * z, z, out[i]);
    }
}

dispatch! {
    /// Adds to `out[i]` what `same` has where `x` is `values[i]`, and what `different` has elsewhere.
    fn add_either(out: &mut [f64], x: f64, values: &[f64], same: &[f64], different: &[f64]) => add_either_body
}

#[inline(always)]
fn add_either_body<S: Arith>(out: &mut [f64], x: f64, values: &[f64], same: &[f64], different: &[f64]) {
    let n = out.len();
    let (values, same, different) = (&values[..n], &same[..n], &different[..n]);
    for i in 0..n {
        out[i] += if values[i] == x { same[i] } else { different[i] };
    }
}

/// Good points and others; none where nothing has a cost.
fn split<'a>(past: &'a Past<'_>) -> Option<(Vec<&'a Point>, Vec<&'a Point>)> {
    let mut ranked: Vec<(u8, f64, &Point)> = past
        .tried
        .iter()
        .filter_map(|tried| match tried.outcome {
            Outcome::Cost { mean, .. } => Some((0, mean, &*tried.point)),
            Outcome::Pruned(cost) => Some((1, cost, &*tried.point)),
            Outcome::Failed => Some((2, 0.0, &*tried.point)),
            Outcome::Unknown => None,
        })
        .collect();
    let told = ranked.iter().filter(|(rank, ..)| *rank == 0).count();
    if told == 0 {
        return None;
    }
    let good = ((GOOD_SHARE * ranked.len() as f64).ceil() as usize).clamp(1, MOST_GOOD).min(told);
    // The order of equal costs is that of their proposals.
    let mut order: Vec<usize> = (0..ranked.len()).collect();
    order.sort_by(|&a, &b| {
        (ranked[a].0, ranked[a].1).partial_cmp(&(ranked[b].0, ranked[b].1)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let best: Vec<&Point> = order[..good].iter().map(|&i| ranked[i].2).collect();
    let mut rest: Vec<usize> = order[good..].to_vec();
    rest.sort_unstable();
    if rest.len() > 2 * SHOWN {
        let old = rest.len() - SHOWN;
        let mut some: Vec<usize> = (0..SHOWN).map(|k| rest[k * old / SHOWN]).collect();
        some.extend_from_slice(&rest[old..]);
        rest = some;
    }
    let mut others: Vec<&Point> = rest.into_iter().map(|i| ranked[i].2).collect();
    ranked.clear();
    others.extend(past.running.iter().map(|point| &**point));
    Some((best, others))
}

impl Model for Parzen {
    fn word(&self) -> &'static str {
        "tpe"
    }

    fn about(&self, _: &Encoding) -> String {
        "configs like the best and unlike the others".into()
    }

    fn startup(&self, encoding: &Encoding, budget: Option<u64>) -> u64 {
        let wanted = (encoding.len() as u64 + 1).clamp(5, 10);
        wanted.min((budget.unwrap_or(u64::MAX) / 4).max(3))
    }

    fn ideas(&mut self, past: &Past<'_>, rng: &mut Rng) -> Ideas {
        let Some((good, others)) = split(past) else { return Ideas::default() };
        let (count, all) = (good.len(), good.len() + others.len() - past.running.len());
        let like = Mixture::new(past.encoding, good);
        let unlike = Mixture::new(past.encoding, others);
        let mut scratch = Vec::new();
        let mut scored: Vec<(f64, Point)> = Vec::with_capacity(NEAR + DRAWN);
        let mut add = |point: Point| {
            let score = like.ln_density(&point, &mut scratch) - unlike.ln_density(&point, &mut scratch);
            scored.push((score, point));
        };
        match &past.untried {
            Some(untried) if untried.len() <= NEAR + DRAWN => untried.iter().for_each(|point| add((**point).clone())),
            _ => {
                for k in 0..NEAR + DRAWN {
                    for _ in 0..REDRAWS {
                        let point = if k < NEAR { like.draw(rng) } else { past.encoding.draw(rng) };
                        if past.encoding.accepts(&point) {
                            add(point);
                            break;
                        }
                    }
                }
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ideas {
            points: scored.into_iter().map(|(_, point)| point).collect(),
            why: format!("tpe: like the best {count} of {all}"),
            gain: None,
            memory: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Choices, Domain, Param, Range, Scale};

    fn encoding() -> Encoding {
        let range = Range { scale: Scale::Float, low: 0.0, high: 1.0, step: None, round: None, grid: None };
        let params = vec![
            Param { name: "a".into(), domain: Domain::Range(range.clone()), when: vec![] },
            Param { name: "b".into(), domain: Domain::Range(range.clone()), when: vec![] },
            Param {
                name: "c".into(),
                domain: Domain::Choice(Choices::plain(["x".into(), "y".into(), "z".into()])),
                when: vec![],
            },
        ];
        Encoding::new(Arc::new(Space::new(params, vec![], vec![], vec![]).unwrap()))
    }

    #[test]
    fn bandwidths_are_gaps_to_neighbours() {
        let widths = bandwidths(&[0.2, 0.3, 0.9], 0.01);
        assert!((widths[0] - 0.1).abs() < 1e-12 && (widths[1] - 0.6).abs() < 1e-12 && (widths[2] - 0.6).abs() < 1e-12);
    }

    #[test]
    fn the_tail_is_that_of_the_normal_distribution() {
        let mut last = 0.0;
        for k in -70_000..=70_000 {
            let z = f64::from(k) * 1e-4;
            let value = tail(z);
            assert!((value - normal_cdf(z)).abs() < 1.1e-9, "{z}");
            assert!(value >= last, "{z}");
            last = value;
        }
    }

    #[test]
    fn a_mixture_is_a_density() {
        let encoding = encoding();
        let points: Vec<Point> =
            [[0.1, 0.9, 0.0], [0.15, 0.4, 2.0], [0.7, 0.45, 2.0]].iter().map(|x| encoding.point(x.to_vec())).collect();
        let mixture = Mixture::new(&encoding, points.iter().collect());
        let mut scratch = Vec::new();
        let cells = 120;
        let mut total = 0.0;
        for c in 0..3 {
            for i in 0..cells {
                for j in 0..cells {
                    let at = |k: usize| (k as f64 + 0.5) / cells as f64;
                    let point = Point { x: vec![at(i), at(j), f64::from(c)], active: vec![true; 3] };
                    total += mixture.ln_density(&point, &mut scratch).exp() / (cells * cells) as f64;
                }
            }
        }
        assert!((total - 1.0).abs() < 1e-3, "{total}");
    }
}
