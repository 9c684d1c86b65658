//! A search that another program drives: it asks for configs and tells what came of them, in any order.

use std::sync::Arc;

use super::{History, Observation, Pending, Proposal, Sampler, SamplerKind, Setup, Suggestion, sampler};
use crate::space::{Config, Space, State};

/// A config that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its number, from 0.
    pub number: u64,
    /// What is proposed and why.
    pub suggestion: Suggestion,
}

/// What is wrong with something that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// No such trial was asked for.
    #[error("no trial {0} was asked for")]
    Unknown(u64),
    /// It has a result.
    #[error("trial {0} has been told before")]
    Twice(u64),
}

/// A search with its history.
pub struct AskTell {
    sampler: Box<dyn Sampler>,
    memory: Vec<f64>,
    next: u64,
    /// Trials without a result, and their numbers, which are sorted.
    running: Vec<Pending>,
    asked: Vec<u64>,
    /// Results, and the numbers of their trials, which are sorted.
    observations: Vec<Observation>,
    ended: Vec<u64>,
}

impl AskTell {
    /// A search over `space` without any results.
    pub fn new(kind: SamplerKind, space: Arc<Space>, setup: Setup) -> Self {
        let sampler = sampler(kind, space, setup);
        Self {
            sampler,
            memory: Vec::new(),
            next: 0,
            running: Vec::new(),
            asked: Vec::new(),
            observations: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// The next config; none where the space is used up.
    ///
    /// # Errors
    /// Why the search found nothing.
    pub fn ask(&mut self) -> Result<Option<Asked>, String> {
        let history = History { observations: &self.observations, running: &self.running, memory: &self.memory };
        match self.sampler.propose(&history) {
            Proposal::Config(suggestion) => {
                self.memory.clone_from(&suggestion.memory);
                let pending = Pending { id: suggestion.config.id(), config: Arc::new(suggestion.config.clone()) };
                let number = self.next;
                self.next += 1;
                self.running.push(pending);
                self.asked.push(number);
                Ok(Some(Asked { number, suggestion }))
            }
            Proposal::Exhausted => Ok(None),
            Proposal::Stuck(why) => Err(why),
        }
    }

    /// Tells the cost of a trial, less being better; none where it failed.
    ///
    /// # Errors
    /// When there is no such trial, or it has a result.
    pub fn tell(&mut self, number: u64, cost: Option<f64>) -> Result<(), TellError> {
        let place = self.can_tell(number)?;
        let pending = self.running.remove(place);
        self.asked.remove(place);
        self.add(number, pending, cost);
        Ok(())
    }

    /// Whether a result of a trial is waited for, and its place among the running ones.
    ///
    /// # Errors
    /// When there is no such trial, or it has a result.
    pub fn can_tell(&self, number: u64) -> Result<usize, TellError> {
        if number >= self.next {
            return Err(TellError::Unknown(number));
        }
        self.asked.binary_search(&number).map_err(|_| TellError::Twice(number))
    }

    /// Tells the cost of a config that was not asked for.
    pub fn add_outside(&mut self, config: Config, cost: Option<f64>) {
        let number = self.next;
        self.next += 1;
        self.add(number, Pending { id: config.id(), config: Arc::new(config) }, cost);
    }

    fn add(&mut self, number: u64, pending: Pending, cost: Option<f64>) {
        let state = if cost.is_some_and(f64::is_finite) { State::Done } else { State::Failed };
        let observation =
            Observation { config: pending.config, id: pending.id, state, costs: vec![cost.unwrap_or(f64::NAN)] };
        let place = self.ended.partition_point(|other| *other < number);
        self.ended.insert(place, number);
        self.observations.insert(place, observation);
    }
}
