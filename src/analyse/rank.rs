//! Configs in order of merit.

use std::collections::HashMap;
use std::sync::Arc;

use crate::space::{Config, State};
use crate::store::TrialRow;

/// A config with what its seeds gave.
#[derive(Clone, Debug)]
pub struct RankedConfig {
    /// The config.
    pub config: Arc<Config>,
    /// Its identity, as hexadecimal digits.
    pub config_id: String,
    /// The sweep's number.
    pub sweep: i64,
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
    /// The numbers of its trials, by repeat; at least one.
    pub trials: Vec<i64>,
    /// The mean number of updates, where trials report `steps`.
    pub steps: Option<f64>,
    /// The mean number of seconds of training (or of the trial).
    pub seconds: Option<f64>,
    /// How many trials of the config have ended.
    pub ended: usize,
}

impl RankedConfig {
    /// Its first trial, as `sweep show` takes it.
    pub fn first_trial(&self) -> String {
        format!("{}/{}", self.sweep, self.trials[0])
    }

    /// Whether it has a result on every seed that ended.
    pub fn is_sound(&self) -> bool {
        self.n > 0 && self.failed + self.diverged == 0
    }
}

/// The configs of `trials`, the best first; those with a failed or diverged seed come last.
pub fn rank(trials: &[TrialRow], maximize: bool) -> Vec<RankedConfig> {
    let mut order: Vec<i64> = Vec::new();
    let mut groups: HashMap<i64, Vec<&TrialRow>> = HashMap::new();
    for trial in trials {
        let group = groups.entry(trial.config_row).or_default();
        if group.is_empty() {
            order.push(trial.config_row);
        }
        group.push(trial);
    }
    let mut ranked: Vec<RankedConfig> = order.iter().map(|id| summary(&groups[id])).collect();
    ranked.retain(|config| config.ended > 0);
    let merit = |mean: f64| match (mean.is_nan(), maximize) {
        (true, _) => f64::INFINITY,
        (false, true) => -mean,
        (false, false) => mean,
    };
    // Stable: equals stay in the order of the search.
    ranked.sort_by(|a, b| merit(a.mean).total_cmp(&merit(b.mean)));
    ranked
}

fn summary(trials: &[&TrialRow]) -> RankedConfig {
    let mut trials: Vec<&TrialRow> = trials.to_vec();
    trials.sort_by_key(|trial| trial.repeat);
    let done: Vec<f64> = trials.iter().filter(|t| t.state == State::Done).filter_map(|trial| trial.objective).collect();
    let count = |states: &[State]| trials.iter().filter(|trial| states.contains(&trial.state)).count();
    let failed = count(&[State::Failed, State::Stopped]);
    let diverged = count(&[State::Diverged]);
    let n = done.len();
    let mean = done.iter().sum::<f64>() / n as f64;
    let sd = (n > 1).then(|| (done.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1) as f64).sqrt());
    let average = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let of = |name: &str| -> Vec<f64> { trials.iter().filter_map(|trial| trial.number_of(name)).collect() };
    let first = trials[0];
    RankedConfig {
        config: first.config.clone(),
        config_id: first.config_id.clone(),
        sweep: first.sweep,
        mean: if failed + diverged > 0 || n == 0 { f64::NAN } else { mean },
        sd,
        n,
        failed,
        diverged,
        trials: trials.iter().map(|trial| trial.number).collect(),
        steps: average(of("steps")),
        seconds: average(of("seconds")),
        ended: trials.iter().filter(|trial| trial.state.is_final()).count(),
    }
}

/// Whether the repeats of every config that has several came out identical to the last bit, so that seeds make no
/// difference; false where no config has several.
pub fn seeds_make_no_difference(trials: &[TrialRow]) -> bool {
    let mut first: HashMap<i64, u64> = HashMap::new();
    let mut several = false;
    for trial in trials.iter().filter(|trial| trial.state == State::Done) {
        let Some(value) = trial.objective else { continue };
        match first.get(&trial.config_row) {
            Some(bits) if *bits != value.to_bits() => return false,
            Some(_) => several = true,
            None => {
                first.insert(trial.config_row, value.to_bits());
            }
        }
    }
    several
}

/// The best config for each value of a param.
#[derive(Clone, Debug)]
pub struct Group {
    /// The value as shown; none for configs in which the param is inactive.
    pub value: Option<String>,
    /// The best config of the group.
    pub best: RankedConfig,
    /// Configs in the group.
    pub configs: usize,
    /// Trials in the group that failed.
    pub failed: usize,
    /// Trials in the group that diverged.
    pub diverged: usize,
}

/// The best of `ranked` for each value of `param`, in the order of merit.
pub fn best_by(ranked: &[RankedConfig], param: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for config in ranked {
        let value = config.config.setting(param).map(crate::space::Setting::shown);
        match groups.iter_mut().find(|group| group.value == value) {
            Some(group) => {
                group.configs += 1;
                group.failed += config.failed;
                group.diverged += config.diverged;
            }
            None => groups.push(Group {
                value,
                best: config.clone(),
                configs: 1,
                failed: config.failed,
                diverged: config.diverged,
            }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Setting;

    fn trial(config: i64, repeat: u32, state: State, objective: Option<f64>) -> TrialRow {
        TrialRow {
            id: 0,
            sweep: 1,
            number: config * 10 + i64::from(repeat),
            config_row: config,
            config_id: format!("{config}"),
            config: Arc::new(Config {
                settings: vec![Setting { name: "m".into(), value: (config % 2).into(), label: None }],
            }),
            repeat,
            seed: 0,
            state,
            reason: String::new(),
            attempts: 1,
            attempt: None,
            objective,
            started: None,
            ended: None,
            metrics: vec![],
        }
    }

    #[test]
    fn one_bad_seed_ranks_a_config_last() {
        let trials = [
            trial(1, 0, State::Done, Some(0.1)),
            trial(1, 1, State::Diverged, None),
            trial(2, 0, State::Done, Some(0.5)),
            trial(2, 1, State::Done, Some(0.7)),
            trial(3, 0, State::Done, Some(0.4)),
            trial(4, 0, State::Running, None),
        ];
        let ranked = rank(&trials, false);
        let shown: Vec<(String, usize, usize)> =
            ranked.iter().map(|c| (c.config_id.clone(), c.n, c.diverged)).collect();
        assert_eq!(shown, [("3".into(), 1, 0), ("2".into(), 2, 0), ("1".into(), 1, 1)]);
        assert!((ranked[1].mean - 0.6).abs() < 1e-15 && (ranked[1].sd.unwrap() - 0.02f64.sqrt()).abs() < 1e-15);
        assert_eq!(rank(&trials, true)[0].config_id, "2");
        let groups = best_by(&ranked, "m");
        assert_eq!(groups[0].value.as_deref(), Some("1"));
        assert_eq!((groups[0].configs, groups[0].diverged), (2, 1));
    }
}
