//! The metrics of one attempt: their values and the steps these belong to.
//!
//! Steps of a metric never go back. A step stands on the line, or an epoch began before, or a bar shows where it is; else
//! values are counted.

use std::collections::HashMap;
use std::sync::Arc;

use super::form::{self, Said};
use super::reader::Wanted;
use crate::store::Series;

/// How many metrics an attempt may have.
pub(super) const MOST_METRICS: usize = 1_000;
/// The longest name of a metric, in bytes.
pub(super) const MOST_NAME: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard output or the report.
    Whole,
    /// Standard error: only as long as the metric came from nowhere else.
    Stderr,
}

pub(super) struct Metrics {
    pub(super) wanted: Arc<Wanted>,
    pub(super) list: Vec<Metric>,
    places: HashMap<Arc<str>, usize>,
    /// The epoch that a line of its own began.
    pub(super) epoch: Option<u64>,
    bar: Bar,
    pub(super) too_many: u64,
    pub(super) too_long: u64,
}

/// Where a bar without an epoch stands, over all its starts.
#[derive(Default)]
struct Bar {
    before: u64,
    last: u64,
}

impl Bar {
    fn position(&mut self, n: u64) -> u64 {
        if n < self.last {
            self.before += self.last;
        }
        self.last = n;
        self.before + n
    }
}

impl Metrics {
    pub(super) fn new(wanted: Arc<Wanted>) -> Self {
        Self {
            wanted,
            list: Vec::new(),
            places: HashMap::new(),
            epoch: None,
            bar: Bar::default(),
            too_many: 0,
            too_long: 0,
        }
    }

    pub(super) fn add(&mut self, said: Said, source: Source) {
        let given = match (said.bar, said.step) {
            (Some(n), step) => Given::Refreshed(step.or(self.epoch).unwrap_or_else(|| self.bar.position(n))),
            (None, Some(step)) => Given::Step(step),
            (None, None) => self.epoch.map_or(Given::Nothing, Given::Header),
        };
        // Fractions of epochs, as Hugging Face's Trainer prints them, are counted, and whole ones among them too.
        let fraction = said.step.is_none() && said.values.iter().any(|(name, _)| name == "epoch");
        if let Some((name, value)) = said.step_value
            && self.places.contains_key(name.as_str())
            && let Some(metric) = self.metric(name)
        {
            metric.add(Given::Nothing, value, source);
        }
        for (name, value) in said.values {
            if let Some(metric) = self.metric(name) {
                metric.is_counted |= fraction;
                metric.add(given, value, source);
            }
        }
    }

    fn metric(&mut self, name: String) -> Option<&mut Metric> {
        if let Some(place) = self.places.get(name.as_str()) {
            return Some(&mut self.list[*place]);
        }
        let is_wanted = self.wanted.is_name(&name);
        if !is_wanted && form::is_no_metric(&name) {
            return None;
        }
        if name.len() > MOST_NAME && !is_wanted {
            self.too_long += 1;
            return None;
        }
        if self.list.len() >= MOST_METRICS && !is_wanted {
            self.too_many += 1;
            return None;
        }
        let name: Arc<str> = name.into();
        self.places.insert(name.clone(), self.list.len());
        self.list.push(Metric {
            name,
            waiting: Series::default(),
            last: None,
            held: None,
            is_whole: false,
            is_counted: false,
        });
        self.list.last_mut()
    }
}

/// What is known of a value's step.
#[derive(Clone, Copy)]
enum Given {
    Nothing,
    /// It stands on the line.
    Step(u64),
    /// A line before began this epoch.
    Header(u64),
    /// The line is refreshed until this step is over.
    Refreshed(u64),
}

pub(super) struct Metric {
    pub(super) name: Arc<str>,
    /// Points that nobody has taken.
    pub(super) waiting: Series,
    /// The last step that was given out.
    last: Option<u64>,
    /// A value that a newer one of the same step would replace.
    held: Option<(u64, f64)>,
    /// Whether it came from standard output or the report.
    is_whole: bool,
    /// Whether its points are counted whatever step is given.
    is_counted: bool,
}

impl Metric {
    fn add(&mut self, given: Given, value: f64, source: Source) {
        match source {
            Source::Stderr if self.is_whole => return,
            Source::Stderr => {}
            Source::Whole => self.is_whole = true,
        }
        if let Given::Refreshed(step) = given {
            match self.held {
                Some((held, _)) if held >= step => self.held = Some((held, value)),
                _ => {
                    self.release();
                    let step = self.last.map_or(step, |last| step.max(last + 1));
                    self.held = Some((step, value));
                }
            }
            return;
        }
        self.release();
        let next = self.last.map_or(1, |last| last + 1);
        let step = match given {
            _ if self.is_counted => next,
            Given::Step(step) if self.last.is_none_or(|last| step >= last) => step,
            Given::Header(epoch) if self.last.is_none_or(|last| epoch > last) => epoch,
            _ => next,
        };
        self.give(step, value);
    }

    fn give(&mut self, step: u64, value: f64) {
        self.waiting.push(step, value);
        self.last = Some(step);
    }

    pub(super) fn release(&mut self) {
        if let Some((step, value)) = self.held.take() {
            self.give(step, value);
        }
    }
}
