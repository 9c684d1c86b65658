//! Filters over trials: `lr > 1e-4 and state = done and val_loss < 0.3`.
//!
//! Names are params and metrics (`param.x` and `metric.x` say which) and the fields that every trial has. What is missing
//! makes a comparison unknown, and a filter rejects the unknown. The names of a filter are parameters of one prepared
//! statement; its values never reach SQL at all.

use std::collections::BTreeMap;

use crate::expr::{Expr, ExprError, Kind, Names, Operand, parse};
use crate::space::State;
use crate::store::{Field, Fixed, MOST_FIELDS, NameKind, Store, StoreError, SweepRow, WIDE_FIELDS};

/// Fields that every trial has.
const FIXED: [(&str, Kind, Fixed); 16] = [
    ("state", Kind::Text, Fixed::State),
    ("reason", Kind::Text, Fixed::Reason),
    ("config", Kind::Text, Fixed::Config),
    ("trial", Kind::Number, Fixed::Trial),
    ("sweep", Kind::Number, Fixed::Sweep),
    ("sweep_name", Kind::Text, Fixed::SweepName),
    ("tags", Kind::Text, Fixed::Tags),
    ("host", Kind::Text, Fixed::Host),
    ("repeat", Kind::Number, Fixed::Repeat),
    ("seed", Kind::Number, Fixed::Seed),
    ("attempts", Kind::Number, Fixed::Attempts),
    ("took", Kind::Number, Fixed::Took),
    ("objective", Kind::Number, Fixed::Objective),
    ("started", Kind::Number, Fixed::Started),
    ("ended", Kind::Number, Fixed::Ended),
    ("now", Kind::Number, Fixed::Now),
];

const STATES: [&str; State::ALL.len()] = {
    let mut words = [""; State::ALL.len()];
    let mut i = 0;
    while i < words.len() {
        words[i] = State::ALL[i].word();
        i += 1;
    }
    words
};

/// The names that some sweeps have.
#[derive(Clone, Debug, Default)]
pub struct TrialNames {
    params: BTreeMap<String, Kind>,
    metrics: BTreeMap<String, Kind>,
    /// Params, then metrics, each in the order of their first appearance.
    order: (Vec<String>, Vec<String>),
}

impl TrialNames {
    /// The params and metrics of `sweeps`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, sweeps: &[SweepRow]) -> Result<Self, StoreError> {
        let ids: Vec<i64> = sweeps.iter().map(|sweep| sweep.id).collect();
        let mut names = Self::default();
        for row in store.names(&ids)? {
            let kind = match row.of_type.as_str() {
                "int" | "float" => Kind::Number,
                "text" => Kind::Text,
                "bool" => Kind::Bool,
                _ => Kind::Any,
            };
            let (known, order) = match row.kind {
                NameKind::Param => (&mut names.params, &mut names.order.0),
                NameKind::Metric => (&mut names.metrics, &mut names.order.1),
            };
            match known.get_mut(&row.name) {
                Some(before) if *before != kind => *before = Kind::Any,
                Some(_) => {}
                None => {
                    order.push(row.name.clone());
                    known.insert(row.name, kind);
                }
            }
        }
        if let [sweep] = sweeps {
            names.order.0 = sweep.in_spec_order(names.order.0);
        }
        Ok(names)
    }

    /// The names of params, in the order of the spec.
    pub fn params(&self) -> &[String] {
        &self.order.0
    }

    /// The names of metrics.
    pub fn metrics(&self) -> &[String] {
        &self.order.1
    }

    /// What `name` stands for: a field that listings and exports have as a column, a param, a metric, else another field;
    /// `param.x` and `metric.x` say which.
    pub fn field(&self, name: &str) -> Option<Field> {
        if let Some(param) = name.strip_prefix("param.").filter(|param| self.params.contains_key(*param)) {
            return Some(Field::Param(param.to_owned()));
        }
        if let Some(metric) = name.strip_prefix("metric.").filter(|metric| self.metrics.contains_key(*metric)) {
            return Some(Field::Metric(metric.to_owned()));
        }
        let fixed = || FIXED.iter().find(|(fixed, ..)| *fixed == name).map(|(.., field)| Field::Fixed(*field));
        if name == "sweep" || WIDE_FIELDS.contains(&name) {
            return fixed();
        }
        if self.params.contains_key(name) {
            return Some(Field::Param(name.to_owned()));
        }
        if self.metrics.contains_key(name) {
            return Some(Field::Metric(name.to_owned()));
        }
        fixed()
    }

    /// The name under which a param or metric is found: its own, or that with `param.` or `metric.` before it where it is
    /// taken.
    pub fn column(&self, field: &Field) -> String {
        let (name, word) = match field {
            Field::Param(name) => (name, "param"),
            Field::Metric(name) => (name, "metric"),
            Field::Fixed(fixed) => {
                let known = FIXED.iter().find(|(.., other)| other == fixed);
                return known.map_or_else(String::new, |(name, ..)| (*name).to_owned());
            }
        };
        if self.field(name).as_ref() == Some(field) { name.clone() } else { format!("{word}.{name}") }
    }
}

impl Names for TrialNames {
    fn kind(&self, name: &str) -> Option<Kind> {
        Some(match self.field(name)? {
            Field::Param(param) => self.params[&param],
            Field::Metric(_) => Kind::Number,
            Field::Fixed(_) => FIXED.iter().find(|(fixed, ..)| *fixed == name)?.1,
        })
    }

    fn known(&self) -> Vec<&str> {
        let (params, metrics) = (self.params().iter(), self.metrics().iter());
        params.chain(metrics).map(String::as_str).chain(FIXED.iter().map(|(name, ..)| *name)).collect()
    }

    fn noun(&self) -> &'static str {
        "param, metric or field"
    }

    fn words(&self, name: &str) -> Option<&'static [&'static str]> {
        (self.field(name) == Some(Field::Fixed(Fixed::State))).then_some(&STATES)
    }
}

/// A checked filter.
#[derive(Clone, Debug)]
pub struct Filter {
    expr: Expr,
    /// The names in it and what they stand for.
    names: Vec<String>,
    fields: Vec<Field>,
}

impl Filter {
    /// Reads `text` against the names that the trials have.
    ///
    /// # Errors
    /// The place and the nearest known name.
    pub fn new(text: &str, names: &TrialNames) -> Result<Self, ExprError> {
        let expr = parse(text)?.check_condition(names)?;
        let read: Vec<String> = expr.names().into_iter().map(str::to_owned).collect();
        if read.len() > MOST_FIELDS {
            let message = format!("{} names in one filter, at most {MOST_FIELDS} are possible", read.len());
            return Err(ExprError { message, span: 0..text.len(), help: None });
        }
        let fields = read.iter().filter_map(|name| names.field(name)).collect();
        Ok(Self { expr, names: read, fields })
    }

    /// What it needs to know of a trial.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether a trial whose [`Filter::fields`] have these values is wanted.
    pub fn accepts(&self, values: &[Operand<'_>]) -> bool {
        let get = |name: &str| {
            let place = self.names.iter().position(|known| known == name);
            place.and_then(|place| values.get(place)).cloned().unwrap_or(Operand::Missing)
        };
        self.expr.truth(&get) == Some(true)
    }

    /// The rows of the trials of a sweep that are wanted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn accepted(&self, store: &Store, sweep: &SweepRow) -> Result<Vec<i64>, StoreError> {
        let mut rows = Vec::new();
        store.scan(sweep, &self.fields, &mut |row, values| {
            if self.accepts(values) {
                rows.push(row);
            }
        })?;
        Ok(rows)
    }
}
