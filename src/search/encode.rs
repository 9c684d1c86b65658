//! Points: a config as the coordinates that a model sees, and back.
//!
//! One dimension for each param that has a choice to make (and one for the rows of `cases`), each after those it depends
//! on. A numeric coordinate lies in [0, 1], in the scale of its range; ints, steps and ordered choices lie in the middle
//! of their share of it. A category is the number of its choice. An inactive coordinate has one fixed value, so that two
//! points that differ only where they are inactive are equal. Names and labels play no part.

use std::collections::HashMap;
use std::sync::Arc;

use crate::space::seed::Rng;
use crate::space::{Choices, Config, Domain, Param, Space, Value};

/// The coordinate of an inactive numeric dimension.
const IDLE: f64 = 0.5;
/// The coordinate of an inactive category.
pub(super) const NO_CATEGORY: f64 = -1.0;
/// A choice with as many numbers as this, in order of size, is ordered.
const ORDERED_FROM: usize = 3;

/// What a coordinate means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Any number in [0, 1].
    Fine,
    /// A number in [0, 1] that is rounded to one of so many values; to an unknown number of them where none.
    Coarse(Option<u64>),
    /// One of so many unordered values.
    Category(usize),
}

/// Where a coordinate comes from.
#[derive(Clone, Debug)]
enum Source {
    Case,
    Param(Param),
    /// A choice among numbers: the places of its items in order of size.
    Ordered(Param, Vec<usize>),
}

/// One coordinate.
#[derive(Clone, Debug)]
pub(super) struct Dimension {
    pub(super) kind: Kind,
    source: Source,
    /// Active only where each of these dimensions is active and has an allowed value.
    needs: Vec<(usize, Allowed)>,
}

/// The values with which a condition holds.
#[derive(Clone, Debug)]
enum Allowed {
    /// By number of the category or level.
    Places(Vec<bool>),
    /// By value.
    Values(Vec<Value>),
}

/// A point: its coordinates and which of them are active.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: Vec<f64>,
    pub(super) active: Vec<bool>,
}

/// The dimensions of a space.
#[derive(Clone, Debug)]
pub(super) struct Encoding {
    space: Arc<Space>,
    pub(super) dimensions: Vec<Dimension>,
    places: HashMap<Arc<str>, usize>,
    /// Whether activity can only be told by completing a config.
    opaque: bool,
}

/// The order of a choice among numbers; none for one that is unordered.
fn order(choices: &Choices) -> Option<Vec<usize>> {
    let numbers: Option<Vec<f64>> = choices
        .items
        .iter()
        .map(|item| item.value.number().filter(|x| x.is_finite() && item.label.is_none()))
        .collect();
    let numbers = numbers.filter(|numbers| numbers.len() >= ORDERED_FROM)?;
    let mut places: Vec<usize> = (0..numbers.len()).collect();
    places.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    Some(places)
}

impl Encoding {
    pub(super) fn new(space: Arc<Space>) -> Self {
        let mut encoding = Self { dimensions: Vec::new(), places: HashMap::new(), opaque: false, space: space.clone() };
        let cases = space.cases().len();
        if cases > 1 {
            encoding.dimensions.push(Dimension {
                kind: Kind::Category(cases),
                source: Source::Case,
                needs: Vec::new(),
            });
        }
        // Params that are never active, as a condition on a constant can tell.
        let mut never: Vec<Arc<str>> = Vec::new();
        for param in space.ordered() {
            let Some(needs) = encoding.needs(param, &never) else {
                never.push(param.name.clone());
                continue;
            };
            let (kind, source) = match &param.domain {
                Domain::Choice(choices) if choices.items.len() > 1 => match order(choices) {
                    Some(places) => (Kind::Coarse(Some(places.len() as u64)), Source::Ordered(param.clone(), places)),
                    None => (Kind::Category(choices.items.len()), Source::Param(param.clone())),
                },
                Domain::Range(range) => match (range.levels(), range.round) {
                    (Some(1), _) => continue,
                    (None, None) => (Kind::Fine, Source::Param(param.clone())),
                    (levels, _) => (Kind::Coarse(levels), Source::Param(param.clone())),
                },
                Domain::Normal { round, .. } | Domain::Beta { round, .. } => {
                    let kind = if round.is_some() { Kind::Coarse(None) } else { Kind::Fine };
                    (kind, Source::Param(param.clone()))
                }
                Domain::Const(_) | Domain::Choice(_) | Domain::Computed(_) | Domain::Case => continue,
            };
            encoding.places.insert(param.name.clone(), encoding.dimensions.len());
            encoding.dimensions.push(Dimension { kind, source, needs });
        }
        encoding
    }

    /// What the conditions of `param` ask of dimensions; none where they never hold.
    fn needs(&mut self, param: &Param, never: &[Arc<str>]) -> Option<Vec<(usize, Allowed)>> {
        let mut needs = Vec::new();
        for when in &param.when {
            if never.contains(&when.name) {
                return None;
            }
            let other = self.space.param(&when.name).cloned()?;
            let holds = |value: &Value, label: Option<&Arc<str>>| {
                when.values
                    .iter()
                    .any(|wanted| wanted.alike(value) || label.is_some_and(|label| wanted.text() == Some(&**label)))
            };
            // Where the other param is itself conditional, so is this one.
            match (&other.domain, self.places.get(&when.name)) {
                (Domain::Choice(choices), Some(&place)) => {
                    let by_item = |i: usize| holds(&choices.items[i].value, choices.items[i].label.as_ref());
                    let allowed = match &self.dimensions[place].source {
                        Source::Ordered(_, order) => order.iter().map(|&i| by_item(i)).collect(),
                        _ => (0..choices.items.len()).map(by_item).collect(),
                    };
                    needs.push((place, Allowed::Places(allowed)));
                }
                (Domain::Case, _) => {
                    let has = |row: &Vec<(Arc<str>, Value)>| {
                        row.iter().any(|(name, value)| *name == when.name && holds(value, None))
                    };
                    let allowed: Vec<bool> = self.space.cases().iter().map(has).collect();
                    match allowed.len() {
                        0 => return None,
                        1 if !allowed[0] => return None,
                        1 => {}
                        _ => needs.push((0, Allowed::Places(allowed))),
                    }
                }
                (_, Some(&place)) => needs.push((place, Allowed::Values(when.values.clone()))),
                (Domain::Const(value), None) if other.when.is_empty() => {
                    if !holds(value, None) {
                        return None;
                    }
                }
                // Constants and single choices that are conditional themselves, computed params.
                _ => self.opaque = true,
            }
        }
        Some(needs)
    }

    /// How many coordinates a point has.
    pub(super) fn len(&self) -> usize {
        self.dimensions.len()
    }

    pub(super) fn kind(&self, j: usize) -> &Kind {
        &self.dimensions[j].kind
    }

    pub(super) fn is_category(&self, j: usize) -> bool {
        matches!(self.dimensions[j].kind, Kind::Category(_))
    }

    /// Whether any coordinate is a category.
    pub(super) fn has_categories(&self) -> bool {
        (0..self.len()).any(|j| self.is_category(j))
    }

    pub(super) fn has_constraints(&self) -> bool {
        !self.space.constraints().is_empty()
    }

    /// Whether a coordinate depends on others.
    pub(super) fn is_conditional(&self, j: usize) -> bool {
        self.opaque || !self.dimensions[j].needs.is_empty()
    }

    /// The categories whose choice activates other coordinates.
    pub(super) fn branches(&self) -> Vec<usize> {
        let decides = |j: usize| {
            self.is_category(j) && self.dimensions.iter().any(|other| other.needs.iter().any(|(place, _)| *place == j))
        };
        (0..self.len()).filter(|&j| decides(j)).collect()
    }

    /// How far apart two neighbouring values of a coordinate may lie: 0 for one that is fine.
    pub(super) fn grain(&self, j: usize) -> f64 {
        match self.dimensions[j].kind {
            Kind::Coarse(Some(levels)) => 1.0 / levels as f64,
            _ => 0.0,
        }
    }

    /// The value that coordinate `j` stands for.
    fn value(&self, j: usize, x: f64) -> Option<(Value, Option<Arc<str>>)> {
        match &self.dimensions[j].source {
            Source::Case => None,
            Source::Ordered(param, order) => {
                let place = order[((x * order.len() as f64) as usize).min(order.len() - 1)];
                item(&param.domain, place)
            }
            Source::Param(param) if self.is_category(j) => item(&param.domain, x.max(0.0) as usize),
            Source::Param(param) => param.domain.at(x),
        }
    }

    /// Rounds the coordinates to values there are, and finds out which are active.
    pub(super) fn settle(&self, point: &mut Point) {
        for j in 0..self.len() {
            let dimension = &self.dimensions[j];
            let active = dimension.needs.iter().all(|(place, allowed)| {
                point.active[*place]
                    && match allowed {
                        Allowed::Places(allowed) => allowed[self.number(*place, point.x[*place])],
                        Allowed::Values(values) => self
                            .value(*place, point.x[*place])
                            .is_some_and(|(value, _)| values.iter().any(|wanted| wanted.alike(&value))),
                    }
            });
            point.active[j] = active;
            let x = point.x[j];
            point.x[j] = match (&dimension.kind, active) {
                (Kind::Category(_), false) => NO_CATEGORY,
                (Kind::Category(count), true) => x.clamp(0.0, *count as f64 - 1.0).round(),
                (_, false) => IDLE,
                (_, true) => self.rounded(j, x.clamp(0.0, 1.0)),
            };
        }
        if self.opaque {
            let config = self.config(point);
            for j in 0..self.len() {
                let (Source::Param(param) | Source::Ordered(param, _)) = &self.dimensions[j].source else { continue };
                if config.get(&param.name).is_none() {
                    point.active[j] = false;
                    point.x[j] = if self.is_category(j) { NO_CATEGORY } else { IDLE };
                }
            }
        }
    }

    /// The middle of the share of the value that `x` stands for.
    fn rounded(&self, j: usize, x: f64) -> f64 {
        let dimension = &self.dimensions[j];
        match (&dimension.kind, &dimension.source) {
            (Kind::Coarse(_), Source::Param(param)) => {
                param.domain.at(x).and_then(|(value, _)| param.domain.unit(&value)).unwrap_or(x)
            }
            (Kind::Coarse(Some(levels)), _) => {
                ((x * *levels as f64).floor().min(*levels as f64 - 1.0) + 0.5) / *levels as f64
            }
            _ => x,
        }
    }

    /// The number of the category or level of a coordinate.
    pub(super) fn number(&self, j: usize, x: f64) -> usize {
        match &self.dimensions[j].kind {
            Kind::Category(_) => x.max(0.0) as usize,
            Kind::Coarse(Some(levels)) => ((x * *levels as f64) as u64).min(levels - 1) as usize,
            _ => 0,
        }
    }

    /// A settled point of these coordinates.
    pub(super) fn point(&self, x: Vec<f64>) -> Point {
        let mut point = Point { active: vec![true; x.len()], x };
        self.settle(&mut point);
        point
    }

    /// A point drawn from the space's own distribution.
    pub(super) fn draw(&self, rng: &mut Rng) -> Point {
        let x = (0..self.len()).map(|j| self.coordinate(j, rng.unit())).collect();
        self.point(x)
    }

    /// The point with another value of coordinate `j`; what becomes active is drawn.
    pub(super) fn with(&self, point: &Point, j: usize, value: f64, rng: &mut Rng) -> Point {
        let mut x = point.x.clone();
        x[j] = value;
        for (k, x) in x.iter_mut().enumerate() {
            if k != j && !point.active[k] {
                *x = self.coordinate(k, rng.unit());
            }
        }
        self.point(x)
    }

    /// The coordinate at `u` in [0, 1) of its distribution.
    pub(super) fn coordinate(&self, j: usize, u: f64) -> f64 {
        let dimension = &self.dimensions[j];
        match (&dimension.source, &dimension.kind) {
            (Source::Param(Param { domain: Domain::Choice(choices), .. }), _) => choices.index_at(u) as f64,
            (Source::Ordered(Param { domain: Domain::Choice(choices), .. }, order), _) if choices.weights.is_some() => {
                let item = choices.index_at(u);
                let place = order.iter().position(|&i| i == item).unwrap_or(0);
                (place as f64 + 0.5) / order.len() as f64
            }
            (_, Kind::Category(count)) => (u * *count as f64).floor().min(*count as f64 - 1.0),
            _ => u,
        }
    }

    /// The share of the space's own distribution that category `c` of dimension `j` has.
    pub(super) fn weight(&self, j: usize, c: usize) -> f64 {
        match (&self.dimensions[j].source, &self.dimensions[j].kind) {
            (Source::Param(Param { domain: Domain::Choice(Choices { weights: Some(weights), .. }), .. }), _) => {
                weights[c]
            }
            (_, Kind::Category(count)) => 1.0 / *count as f64,
            _ => 1.0,
        }
    }

    /// The config of a settled point.
    pub(super) fn config(&self, point: &Point) -> Config {
        let case = match self.dimensions.first() {
            Some(Dimension { source: Source::Case, .. }) => point.x[0] as usize,
            _ => 0,
        };
        self.space.complete(case, |param| match self.places.get(&param.name) {
            Some(&j) => self.value(j, point.x[j]),
            None => param.domain.at(0.5),
        })
    }

    /// Whether the constraints hold.
    pub(super) fn accepts(&self, point: &Point) -> bool {
        !self.has_constraints() || self.space.accepts(&self.config(point))
    }

    /// The point of a config, the nearest where it lies outside; none where it has a choice that is unknown.
    pub(super) fn encode(&self, config: &Config) -> Option<Point> {
        let mut point = Point { x: Vec::with_capacity(self.len()), active: Vec::with_capacity(self.len()) };
        for (j, dimension) in self.dimensions.iter().enumerate() {
            let (x, active) = match &dimension.source {
                Source::Case => {
                    let fits = |(name, value): &(Arc<str>, Value)| config.get(name).is_none_or(|own| own.alike(value));
                    (self.space.cases().iter().position(|row| row.iter().all(fits))? as f64, true)
                }
                Source::Param(param) | Source::Ordered(param, _) => match (config.get(&param.name), &param.domain) {
                    (None, _) => (if self.is_category(j) { NO_CATEGORY } else { IDLE }, false),
                    (Some(value), Domain::Choice(choices)) => {
                        let place = choices.position(value)?;
                        match &dimension.source {
                            Source::Ordered(_, order) => {
                                let rank = order.iter().position(|&i| i == place)?;
                                ((rank as f64 + 0.5) / order.len() as f64, true)
                            }
                            _ => (place as f64, true),
                        }
                    }
                    (Some(value), domain) => (domain.unit(value)?, true),
                },
            };
            point.x.push(x);
            point.active.push(active);
        }
        Some(point)
    }

    /// All points that meet the constraints, in order, unless there are more than `most` or they cannot be counted.
    pub(super) fn all(&self, most: usize) -> Option<Vec<Point>> {
        let mut count = 1u64;
        for dimension in &self.dimensions {
            let levels = match dimension.kind {
                Kind::Category(count) => count as u64,
                Kind::Coarse(Some(levels)) => levels,
                Kind::Fine | Kind::Coarse(None) => return None,
            };
            count = count.saturating_mul(levels);
        }
        // Inactive params make fewer points than combinations, which is what takes the time.
        if count > 50 * most as u64 {
            return None;
        }
        let mut points: Vec<Point> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for combination in 0..count {
            let mut rest = combination;
            let mut x = vec![0.0; self.len()];
            for j in (0..self.len()).rev() {
                match &self.dimensions[j].kind {
                    Kind::Category(count) => {
                        x[j] = (rest % *count as u64) as f64;
                        rest /= *count as u64;
                    }
                    Kind::Coarse(Some(levels)) => {
                        x[j] = self.middle(j, rest % levels);
                        rest /= levels;
                    }
                    _ => {}
                }
            }
            let point = self.point(x);
            if seen.insert(point.x.iter().map(|x| x.to_bits()).collect::<Vec<u64>>()) && self.accepts(&point) {
                if points.len() == most {
                    return None;
                }
                points.push(point);
            }
        }
        Some(points)
    }

    /// The coordinate of level `k`.
    fn middle(&self, j: usize, k: u64) -> f64 {
        match &self.dimensions[j].source {
            Source::Param(Param { domain: domain @ Domain::Range(range), .. }) => {
                domain.unit(&range.level(k)).unwrap_or(IDLE)
            }
            _ => (k as f64 + 0.5) / 1.0f64.max(1.0 / self.grain(j)),
        }
    }
}

fn item(domain: &Domain, place: usize) -> Option<(Value, Option<Arc<str>>)> {
    let Domain::Choice(choices) = domain else { return None };
    let item = &choices.items[place.min(choices.items.len() - 1)];
    Some((item.value.clone(), item.label.clone()))
}
