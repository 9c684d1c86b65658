//! Trials of some sweeps: those that a filter accepts, in a wanted order, the first so many.
//!
//! Only what the filter and the order need is read of all trials; the rest is read of those that are found.

use std::cmp::Ordering;

use super::{Filter, TrialNames};
use crate::expr::Operand;
use crate::store::{Field, Store, StoreError, SweepRow, TrialRow};

/// Which trials of a sweep are meant.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The sweep.
    pub sweep: SweepRow,
    /// Numbers of trials, sorted; none means all.
    pub numbers: Option<Vec<i64>>,
}

/// In which order trials come.
#[derive(Clone, Debug)]
pub struct Order {
    /// By what.
    pub field: Field,
    /// The greatest first.
    pub down: bool,
}

impl Order {
    /// The order `name`, or `-name` for the greatest first; none where nothing has that name.
    pub fn new(key: &str, names: &TrialNames) -> Option<Self> {
        match (names.field(key), key.strip_prefix('-')) {
            (Some(field), _) => Some(Self { field, down: false }),
            (None, Some(name)) => Some(Self { field: names.field(name)?, down: true }),
            (None, None) => None,
        }
    }
}

/// Trials that were found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The trials.
    pub trials: Vec<TrialRow>,
    /// How many the filter accepts.
    pub matching: usize,
    /// How many there are.
    pub total: usize,
}

/// What trials are sorted by: numbers, then texts, then what has no value or NaN.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    Number(f64),
    Text(String),
    None,
}

impl Key {
    fn of(operand: &Operand<'_>) -> Self {
        match (operand.number().filter(|x| !x.is_nan()), operand) {
            (Some(x), _) => Self::Number(x),
            (_, Operand::Text(text) | Operand::Labelled(text, _)) => Self::Text(text.clone().into_owned()),
            (_, Operand::Bool(bool)) => Self::Text(bool.to_string()),
            _ => Self::None,
        }
    }

    fn compare(&self, other: &Self, down: bool) -> Ordering {
        let turn = |order: Ordering| if down { order.reverse() } else { order };
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => turn(a.total_cmp(b)),
            (Self::Text(a), Self::Text(b)) => turn(a.cmp(b)),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::None => 2,
        }
    }
}

/// Finds trials.
///
/// # Errors
/// When the store cannot be read.
pub fn find(
    store: &Store,
    scopes: &[Scope],
    filter: Option<&Filter>,
    order: Option<&Order>,
    top: Option<usize>,
) -> Result<Found, StoreError> {
    let wanted = filter.map_or(&[][..], Filter::fields);
    let mut fields = wanted.to_vec();
    fields.extend(order.map(|order| order.field.clone()));
    let number = Field::Fixed(crate::store::Fixed::Trial);
    fields.push(number);
    let mut out = Found::default();
    let mut found: Vec<(Key, usize, i64)> = Vec::new();
    for (place, scope) in scopes.iter().enumerate() {
        store.scan(&scope.sweep, &fields, &mut |row, values| {
            if let (Some(numbers), Some(Operand::Int(number))) = (&scope.numbers, values.last())
                && numbers.binary_search(number).is_err()
            {
                return;
            }
            out.total += 1;
            if filter.is_none_or(|filter| filter.accepts(&values[..wanted.len()])) {
                found.push((order.map_or(Key::None, |_| Key::of(&values[wanted.len()])), place, row));
            }
        })?;
    }
    out.matching = found.len();
    if let Some(order) = order {
        found.sort_by(|a, b| a.0.compare(&b.0, order.down));
    }
    found.truncate(top.unwrap_or(usize::MAX));
    let mut places: Vec<(usize, TrialRow)> = Vec::with_capacity(found.len());
    for (place, scope) in scopes.iter().enumerate() {
        let here: Vec<usize> = (0..found.len()).filter(|&i| found[i].1 == place).collect();
        let rows: Vec<i64> = here.iter().map(|&i| found[i].2).collect();
        places.extend(here.into_iter().zip(store.trials_at(&scope.sweep, &rows)?));
    }
    places.sort_by_key(|(place, _)| *place);
    out.trials = places.into_iter().map(|(_, trial)| trial).collect();
    Ok(out)
}

impl TrialRow {
    /// How long its last attempt took, in seconds; none where it has not ended.
    pub fn seconds(&self) -> Option<f64> {
        Some((self.ended? - self.started?) as f64 / 1e6)
    }

    /// The final metric of this name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(known, _)| **known == *name).map(|(_, value)| *value)
    }
}
