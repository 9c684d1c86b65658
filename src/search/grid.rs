//! Grid search: every combination, the last param fastest.
//!
//! The grid is an odometer over the params in dependency order: nothing but the current combination is held in memory,
//! whatever the size of the grid.

use std::collections::HashSet;
use std::sync::Arc;

use super::{History, Proposal, Sampler};
use crate::space::{Config, ConfigId, Domain, Param, Setting, Space, Value};

/// The points of one param: values with their labels.
type Points = Vec<(Value, Option<Arc<str>>)>;

/// Proposes the configs of `try`, then every accepted combination.
pub struct Grid {
    space: Arc<Space>,
    tries: std::vec::IntoIter<Config>,
    tried: HashSet<ConfigId>,
    walk: Walk,
}

impl Grid {
    /// A grid over `space`. A range without `grid` or `step` counts as its middle; the spec refuses such a grid.
    pub fn new(space: Arc<Space>) -> Self {
        let tries: Vec<Config> = space.completed_tries();
        let tried = tries.iter().map(Config::id).collect();
        let walk = Walk::new(&space);
        Self { space, tries: tries.into_iter(), tried, walk }
    }
}

impl Sampler for Grid {
    fn propose(&mut self, _: &History<'_>) -> Proposal {
        for config in self.tries.by_ref() {
            if self.space.accepts(&config) {
                return config.into();
            }
        }
        while let Some(config) = self.walk.next(&self.space) {
            if self.space.accepts(&config) && !(self.tried.contains(&config.id())) {
                return config.into();
            }
        }
        Proposal::Exhausted
    }

    fn is_adaptive(&self) -> bool {
        false
    }
}

/// The combinations of a space, accepted or not, in order.
pub(super) struct Walk {
    /// For each param in dependency order.
    points: Vec<Points>,
    /// Which point each param in dependency order is at; none where it is inactive or has no choice.
    at: Vec<Option<usize>>,
    settings: Vec<Option<Setting>>,
    case: usize,
    started: bool,
}

impl Walk {
    pub(super) fn new(space: &Space) -> Self {
        let points: Vec<Points> = space
            .ordered()
            .map(|param| match &param.domain {
                Domain::Const(_) | Domain::Computed(_) | Domain::Case => Vec::new(),
                domain => domain.grid_points().unwrap_or_else(|| domain.at(0.5).into_iter().collect()),
            })
            .collect();
        let at = vec![None; points.len()];
        let settings = vec![None; points.len()];
        Self { points, at, settings, case: 0, started: false }
    }

    pub(super) fn next(&mut self, space: &Space) -> Option<Config> {
        if self.started {
            if !self.advance(space) {
                return None;
            }
        } else {
            self.started = true;
            self.fill(space, 0);
        }
        Some(space.in_order(self.settings.iter().flatten().cloned().collect()))
    }

    /// Moves to the next combination; false after the last.
    fn advance(&mut self, space: &Space) -> bool {
        for place in (0..self.points.len()).rev() {
            let Some(at) = self.at[place] else { continue };
            if at + 1 < self.points[place].len() {
                self.at[place] = Some(at + 1);
                let (value, label) = self.points[place][at + 1].clone();
                if let Some(setting) = &mut self.settings[place] {
                    setting.value = value;
                    setting.label = label;
                }
                self.fill(space, place + 1);
                return true;
            }
        }
        self.case += 1;
        if self.case < space.cases().len() {
            self.fill(space, 0);
            return true;
        }
        false
    }

    /// Sets every param from `start` on to its first point.
    fn fill(&mut self, space: &Space, start: usize) {
        for (place, param) in space.ordered().enumerate().skip(start) {
            let before: Vec<Setting> = if needs_others(param) {
                self.settings[..place].iter().flatten().cloned().collect()
            } else {
                Vec::new()
            };
            self.at[place] = None;
            self.settings[place] = None;
            if !space.is_active(param, &before) {
                continue;
            }
            self.settings[place] = match self.points[place].first() {
                Some((value, label)) => {
                    self.at[place] = Some(0);
                    Some(Setting { name: param.name.clone(), value: value.clone(), label: label.clone() })
                }
                None => space.settled(param, self.case, &before),
            };
        }
    }
}

fn needs_others(param: &Param) -> bool {
    !param.when.is_empty() || matches!(param.domain, Domain::Computed(_))
}

/// How large a grid is.
#[derive(Clone, Debug, PartialEq)]
pub struct GridSize {
    /// Combinations before the constraints.
    pub combinations: u128,
    /// Combinations that the constraints accept; an estimate where `exact` is false.
    pub accepted: u128,
    /// Whether `combinations` and `accepted` were counted rather than estimated.
    pub exact: bool,
    /// For each constraint: the combinations it refused and those it could not judge (an operand was inactive), as
    /// shares of the combinations.
    pub constraints: Vec<(f64, f64)>,
}

/// How many combinations are counted one by one before the rest is estimated.
const COUNT_LIMIT: u64 = 400_000;

/// Counts a grid. Params that neither conditions nor constraints touch are multiplied, the rest is walked through.
pub fn grid_size(space: &Space) -> GridSize {
    let coupled = coupled_params(space);
    let free: u128 = space
        .params()
        .iter()
        .filter(|param| !coupled.contains(&&*param.name))
        .map(|param| match &param.domain {
            Domain::Const(_) | Domain::Computed(_) | Domain::Case => 1,
            Domain::Range(range) => u128::from(range.grid_size().unwrap_or(1)).min(
                // Rounding can make points coincide; list them where that is cheap.
                if range.grid_size().unwrap_or(1) <= COUNT_LIMIT {
                    range.grid_points().map_or(1, |points| points.len() as u128)
                } else {
                    u128::MAX
                },
            ),
            domain => domain.grid_points().map_or(1, |points| points.len() as u128),
        })
        .fold(1, u128::saturating_mul);
    let cases_are_free = !space.params().iter().any(|p| p.domain == Domain::Case && coupled.contains(&&*p.name));
    let rest: Vec<Param> = space.params().iter().filter(|p| coupled.contains(&&*p.name)).cloned().collect();
    let cases = if cases_are_free { Vec::new() } else { space.cases().to_vec() };
    let free = if cases_are_free { free.saturating_mul(space.cases().len().max(1) as u128) } else { free };
    let rest = Space::new(rest, space.constraints().to_vec(), cases, Vec::new())
        .expect("a part of a space without circles has none");
    let mut walk = Walk::new(&rest);
    let (mut seen, mut accepted) = (0u64, 0u64);
    let mut tally = vec![(0u64, 0u64); rest.constraints().len()];
    let mut exact = true;
    while let Some(config) = walk.next(&rest) {
        if seen == COUNT_LIMIT {
            exact = false;
            break;
        }
        seen += 1;
        let mut accepts = true;
        for (constraint, tally) in rest.constraints().iter().zip(&mut tally) {
            match rest.verdict(constraint, &config) {
                Some(true) => {}
                Some(false) => {
                    tally.0 += 1;
                    accepts = false;
                }
                None => tally.1 += 1,
            }
        }
        accepted += u64::from(accepts);
    }
    let share = |count: u64| count as f64 / seen.max(1) as f64;
    let constraints = tally.iter().map(|&(refused, unknown)| (share(refused), share(unknown))).collect();
    let (combinations, accepted) = if exact {
        (u128::from(seen).saturating_mul(free), u128::from(accepted).saturating_mul(free))
    } else {
        let most = rest
            .params()
            .iter()
            .map(|param| param.domain.grid_points().map_or(1, |points| points.len() as u128))
            .fold(free, u128::saturating_mul);
        (most, (most as f64 * share(accepted)) as u128)
    };
    GridSize { combinations, accepted, exact, constraints }
}

/// The params that conditions or constraints tie together, with all that their values are computed from.
fn coupled_params(space: &Space) -> HashSet<&str> {
    let short = |name: &str| space.param(name).or_else(|| space.param(name.strip_prefix("param.")?)).map(|p| &*p.name);
    let mut coupled: HashSet<&str> = HashSet::new();
    let mut open: Vec<&str> = space.constraints().iter().flat_map(|c| c.names()).filter_map(short).collect();
    for param in space.params().iter().filter(|param| !param.when.is_empty()) {
        open.push(&param.name);
    }
    while let Some(name) = open.pop() {
        if !coupled.insert(name) {
            continue;
        }
        let Some(param) = space.param(name) else { continue };
        open.extend(param.when.iter().filter_map(|when| short(&when.name)));
        if let Domain::Computed(expr) = &param.domain {
            open.extend(expr.names().into_iter().filter_map(short));
        }
    }
    coupled
}
