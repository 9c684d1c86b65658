//! Trials gathered by what they have in common: mean, standard deviation and count of their metrics.

use std::collections::HashMap;

use super::Order;
use crate::space::{Setting, State};
use crate::store::{Field, TrialRow};

/// Mean and spread of a metric in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// How many trials have it.
    pub n: usize,
    /// Its mean over those.
    pub mean: f64,
    /// The sample standard deviation; none for fewer than two.
    pub sd: Option<f64>,
}

/// Trials that agree in some params.
#[derive(Clone, Debug)]
pub struct TrialGroup {
    /// What they agree in, in the order asked for; none where the param is inactive.
    pub values: Vec<Option<Setting>>,
    /// Sweep and number of its first trial.
    pub first: (i64, i64),
    /// How many trials.
    pub trials: usize,
    /// Those that failed or were stopped.
    pub failed: usize,
    /// Those that diverged.
    pub diverged: usize,
    /// The spread of each metric asked for, over the trials that are done.
    pub metrics: Vec<Spread>,
}

/// Gathers trials by the params `by` (and by their sweep where `by_sweep`), in the order of their first appearance.
pub fn group(trials: &[TrialRow], by: &[String], metrics: &[String], by_sweep: bool) -> Vec<TrialGroup> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<TrialGroup> = Vec::new();
    let mut sums: Vec<Vec<(usize, f64, f64)>> = Vec::new();
    for trial in trials {
        let settings: Vec<Option<&Setting>> = by.iter().map(|name| trial.config.setting(name)).collect();
        let key: Vec<String> = settings
            .iter()
            .map(|setting| {
                setting.map_or(String::new(), |s| format!("{:?} {} {}", s.label, s.value.type_word(), s.value))
            })
            .collect();
        let sweep = if by_sweep { trial.sweep } else { 0 };
        let place = *places.entry(format!("{sweep} {key:?}")).or_insert_with(|| {
            groups.push(TrialGroup {
                values: settings.into_iter().map(|setting| setting.cloned()).collect(),
                first: (trial.sweep, trial.number),
                trials: 0,
                failed: 0,
                diverged: 0,
                metrics: vec![Spread::default(); metrics.len()],
            });
            sums.push(vec![(0, 0.0, 0.0); metrics.len()]);
            groups.len() - 1
        });
        let group = &mut groups[place];
        group.first = group.first.min((trial.sweep, trial.number));
        group.trials += 1;
        group.failed += usize::from(matches!(trial.state, State::Failed | State::Stopped));
        group.diverged += usize::from(trial.state == State::Diverged);
        if trial.state != State::Done {
            continue;
        }
        // Welford's updates.
        for (sum, name) in sums[place].iter_mut().zip(metrics) {
            if let Some(x) = trial.metric(name) {
                sum.0 += 1;
                let before = x - sum.1;
                sum.1 += before / sum.0 as f64;
                sum.2 += before * (x - sum.1);
            }
        }
    }
    for (group, sums) in groups.iter_mut().zip(&sums) {
        for (spread, (n, mean, squares)) in group.metrics.iter_mut().zip(sums) {
            let mean = if *n == 0 { f64::NAN } else { *mean };
            *spread = Spread { n: *n, mean, sd: (*n > 1).then(|| (squares / (*n - 1) as f64).sqrt()) };
        }
    }
    groups
}

/// Sorts groups by the mean of a metric of `metrics`; by anything else they stay in the order of their first trials. Where
/// groups are configs, one that lost a seed comes last.
pub fn sort_groups(groups: &mut [TrialGroup], order: &Order, metrics: &[String], are_configs: bool) {
    let Field::Metric(name) = &order.field else { return };
    let Some(place) = metrics.iter().position(|metric| metric == name) else { return };
    groups.sort_by(|a, b| {
        let is_bad =
            |group: &TrialGroup| group.metrics[place].mean.is_nan() || are_configs && group.failed + group.diverged > 0;
        let (x, y) = (a.metrics[place].mean, b.metrics[place].mean);
        let sorted = if order.down { y.total_cmp(&x) } else { x.total_cmp(&y) };
        is_bad(a).cmp(&is_bad(b)).then(sorted)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Config;
    use std::sync::Arc;

    fn trial(number: i64, method: Option<&str>, state: State, loss: f64) -> TrialRow {
        let settings = method.map(|method| Setting { name: "method".into(), value: method.into(), label: None });
        TrialRow {
            id: number,
            sweep: 1,
            number,
            config_row: 1,
            config_id: String::new(),
            config: Arc::new(Config { settings: settings.into_iter().collect() }),
            repeat: 0,
            seed: 0,
            state,
            reason: String::new(),
            attempts: 1,
            attempt: Some(number),
            objective: None,
            started: None,
            ended: None,
            metrics: vec![("loss".into(), loss)],
        }
    }

    #[test]
    fn losses_are_counted_and_means_are_of_what_is_done() {
        let trials = [
            trial(1, Some("sgd"), State::Done, 1.0),
            trial(2, None, State::Done, 5.0),
            trial(3, Some("sgd"), State::Done, 2.0),
            trial(4, Some("sgd"), State::Diverged, 1e9),
            trial(5, Some("sgd"), State::Failed, 0.0),
        ];
        let groups = group(&trials, &["method".into()], &["loss".into(), "acc".into()], false);
        assert_eq!(groups.len(), 2);
        let sgd = &groups[0];
        assert_eq!((sgd.trials, sgd.failed, sgd.diverged, sgd.first), (4, 1, 1, (1, 1)));
        assert_eq!(sgd.metrics[0], Spread { n: 2, mean: 1.5, sd: Some(0.5f64.sqrt()) });
        assert!(sgd.metrics[1].n == 0 && sgd.metrics[1].mean.is_nan());
        assert_eq!((groups[1].values[0].clone(), groups[1].metrics[0].sd), (None, None));
    }
}
