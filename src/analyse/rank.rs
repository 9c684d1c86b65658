//! Configs in order of merit.
//!
//! A sweep is ranked while its trials are read one by one: what is held is a few numbers a config, and whole configs only
//! for those that are shown.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Filter;
use crate::space::{Config, State};
use crate::store::{Sketch, Store, StoreError, SweepRow};

/// A config with what its seeds gave.
#[derive(Clone, Debug)]
pub struct RankedConfig {
    /// The config.
    pub config: Arc<Config>,
    /// The numbers.
    pub standing: Standing,
}

/// What the seeds of a config gave.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The row of the config.
    pub config_row: i64,
    /// The sweep's number.
    pub sweep: i64,
    /// The number of its first trial.
    pub first: i64,
    /// How many trials it has.
    pub trials: usize,
    /// The mean of the compared value over the seeds that are done; NaN where one failed or diverged, or none is done.
    pub mean: f64,
    /// The sample standard deviation; none for fewer than two seeds.
    pub sd: Option<f64>,
    /// Seeds that are done.
    pub n: usize,
    /// Seeds that failed or were stopped.
    pub failed: usize,
    /// Seeds that diverged.
    pub diverged: usize,
    /// The mean number of updates, where trials report `steps`; read only of configs that are shown.
    pub steps: Option<f64>,
    /// The mean number of seconds of training (or of the trial); read only of configs that are shown.
    pub seconds: Option<f64>,
}

impl Standing {
    /// Whether it has a result on every seed that ended.
    pub fn is_sound(&self) -> bool {
        self.n > 0 && self.failed + self.diverged == 0
    }

    /// Its first trial, as `sweep show` takes it.
    pub fn first_trial(&self) -> String {
        format!("{}/{}", self.sweep, self.first)
    }
}

/// Gathers trials, config by config.
#[derive(Debug, Default)]
struct Tally {
    configs: HashMap<i64, Sums>,
    /// The order in which configs came.
    order: Vec<i64>,
    several: bool,
    differ: bool,
}

/// The sums of one config; mean and variance by Welford's updates.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    first: (u32, i64),
    trials: usize,
    ended: usize,
    n: usize,
    mean: f64,
    squares: f64,
    failed: usize,
    diverged: usize,
    last: u64,
}

impl Tally {
    fn add(&mut self, trial: &Sketch) {
        let sums = self.configs.entry(trial.config_row).or_insert_with(|| {
            self.order.push(trial.config_row);
            Sums { first: (trial.repeat, trial.number), ..Sums::default() }
        });
        sums.trials += 1;
        sums.first = sums.first.min((trial.repeat, trial.number));
        sums.ended += usize::from(trial.state.is_final());
        match trial.state {
            State::Failed | State::Stopped => sums.failed += 1,
            State::Diverged => sums.diverged += 1,
            State::Done => {
                if let Some(x) = trial.objective {
                    if sums.n > 0 {
                        self.several = true;
                        self.differ |= sums.last != x.to_bits();
                    }
                    sums.last = x.to_bits();
                    sums.n += 1;
                    let before = x - sums.mean;
                    sums.mean += before / sums.n as f64;
                    sums.squares += before * (x - sums.mean);
                }
            }
            _ => {}
        }
    }

    /// The standings, the best first; configs with a failed or diverged seed come last, equals in their order.
    fn standings(&self, sweep: i64, maximize: bool) -> Vec<Standing> {
        let standing = |config_row: &i64| {
            let sums = &self.configs[config_row];
            let bad = sums.failed + sums.diverged > 0 || sums.n == 0;
            Standing {
                config_row: *config_row,
                sweep,
                first: sums.first.1,
                trials: sums.trials,
                mean: if bad { f64::NAN } else { sums.mean },
                sd: (sums.n > 1).then(|| (sums.squares / (sums.n - 1) as f64).sqrt()),
                n: sums.n,
                failed: sums.failed,
                diverged: sums.diverged,
                steps: None,
                seconds: None,
            }
        };
        let ended = self.order.iter().filter(|row| self.configs[*row].ended > 0);
        let mut standings: Vec<Standing> = ended.map(standing).collect();
        let merit = |mean: f64| match (mean.is_nan(), maximize) {
            (true, _) => f64::INFINITY,
            (false, true) => -mean,
            (false, false) => mean,
        };
        standings.sort_by(|a, b| merit(a.mean).total_cmp(&merit(b.mean)));
        standings
    }
}

/// The configs of a sweep in order of merit.
#[derive(Debug)]
pub struct Ranking {
    /// All standings, the best first.
    pub standings: Vec<Standing>,
    /// Whether the repeats of every config that has several came out identical to the last bit.
    pub seeds_make_no_difference: bool,
}

/// Ranks the trials of a sweep as they are read.
///
/// # Errors
/// When the store cannot be read.
pub fn rank(store: &Store, sweep: &SweepRow) -> Result<Ranking, StoreError> {
    let mut tally = Tally::default();
    store.sketches(sweep, &mut |sketch| tally.add(sketch))?;
    Ok(ranking(&tally, sweep))
}

/// Ranks the trials of a sweep that a filter accepts.
///
/// # Errors
/// When the store cannot be read.
pub fn rank_accepted(store: &Store, sweep: &SweepRow, filter: &Filter) -> Result<Ranking, StoreError> {
    let accepted: HashSet<i64> = filter.accepted(store, sweep)?.into_iter().collect();
    let mut tally = Tally::default();
    store.sketches(sweep, &mut |sketch| {
        if accepted.contains(&sketch.id) {
            tally.add(sketch);
        }
    })?;
    Ok(ranking(&tally, sweep))
}

fn ranking(tally: &Tally, sweep: &SweepRow) -> Ranking {
    Ranking {
        standings: tally.standings(sweep.id, sweep.goal == "max"),
        seeds_make_no_difference: tally.several && !tally.differ,
    }
}

impl Ranking {
    /// The first `count` configs with their params.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn top(&self, store: &Store, count: usize) -> Result<Vec<RankedConfig>, StoreError> {
        self.standings[..self.standings.len().min(count)].iter().map(|standing| whole(store, *standing)).collect()
    }
}

fn whole(store: &Store, standing: Standing) -> Result<RankedConfig, StoreError> {
    let (steps, seconds) = store.costs(standing.config_row)?;
    let standing = Standing { steps, seconds, ..standing };
    Ok(RankedConfig { config: store.config_at(standing.config_row)?, standing })
}

/// The best config for each value of a param.
#[derive(Clone, Debug)]
pub struct Group {
    /// The best config of the group.
    pub best: RankedConfig,
    /// Configs in the group.
    pub configs: usize,
    /// Trials in the group that failed.
    pub failed: usize,
    /// Trials in the group that diverged.
    pub diverged: usize,
}

/// The best of a ranking for each value of `param`, in the order of merit, the first `count` of them; configs in which it is inactive are a group
/// too.
///
/// # Errors
/// When the store cannot be read.
pub fn best_by(
    store: &Store,
    sweep: &SweepRow,
    ranking: &Ranking,
    param: &str,
    count: usize,
) -> Result<Vec<Group>, StoreError> {
    let values = store.param_values(sweep.id, param)?;
    let mut places: HashMap<Option<u32>, usize> = HashMap::new();
    let mut groups: Vec<(Standing, usize, usize, usize)> = Vec::new();
    for standing in &ranking.standings {
        let value = values.get(&standing.config_row).copied();
        let place = *places.entry(value).or_insert_with(|| {
            groups.push((*standing, 0, 0, 0));
            groups.len() - 1
        });
        let (_, configs, failed, diverged) = &mut groups[place];
        *configs += 1;
        *failed += standing.failed;
        *diverged += standing.diverged;
    }
    let first = groups.into_iter().take(count);
    first
        .map(|(best, configs, failed, diverged)| Ok(Group { best: whole(store, best)?, configs, failed, diverged }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(config: i64, repeat: u32, state: State, objective: Option<f64>) -> Sketch {
        let number = config * 10 + i64::from(repeat);
        Sketch { id: number, config_row: config, number, repeat, state, objective }
    }

    fn standings(trials: &[Sketch], maximize: bool) -> (Vec<Standing>, bool) {
        let mut tally = Tally::default();
        trials.iter().for_each(|trial| tally.add(trial));
        (tally.standings(1, maximize), tally.several && !tally.differ)
    }

    #[test]
    fn one_bad_seed_ranks_a_config_last() {
        let trials = [
            sketch(1, 0, State::Done, Some(0.1)),
            sketch(1, 1, State::Diverged, None),
            sketch(2, 1, State::Done, Some(0.7)),
            sketch(2, 0, State::Done, Some(0.5)),
            sketch(3, 0, State::Done, Some(0.4)),
            sketch(4, 0, State::Running, None),
        ];
        let (ranked, _) = standings(&trials, false);
        let shown: Vec<(i64, usize, usize)> = ranked.iter().map(|c| (c.config_row, c.n, c.diverged)).collect();
        assert_eq!(shown, [(3, 1, 0), (2, 2, 0), (1, 1, 1)]);
        assert!((ranked[1].mean - 0.6).abs() < 1e-15 && (ranked[1].sd.unwrap() - 0.02f64.sqrt()).abs() < 1e-15);
        assert_eq!(ranked[1].first, 20, "the trial of the first repeat");
        assert!(ranked[2].mean.is_nan() && !ranked[2].is_sound());
        assert_eq!(standings(&trials, true).0[0].config_row, 2);
    }

    #[test]
    fn identical_repeats_are_noticed() {
        let pair = |a: f64, b: f64| {
            standings(&[sketch(1, 0, State::Done, Some(a)), sketch(1, 1, State::Done, Some(b))], false).1
        };
        assert!(pair(0.5, 0.5) && !pair(0.5, 0.6));
        assert!(!standings(&[sketch(1, 0, State::Done, Some(0.5))], false).1, "one repeat says nothing");
    }
}
