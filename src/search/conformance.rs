//! What every sampler must do; a new one is added to [`SamplerKind::ALL`] and inherits all of it.

use std::collections::HashSet;
use std::sync::Arc;

use super::{AskTell, History, Observation, Pending, Proposal, SamplerKind, Setup, grid_size, sampler};
use crate::expr::parse;
use crate::space::{Choices, Config, Domain, Param, Range, Scale, Space, State, Value, When};

pub(super) fn range(scale: Scale, low: f64, high: f64) -> Domain {
    Domain::Range(Range { scale, low, high, step: None, round: None, grid: Some(4) })
}

pub(super) fn param(name: &str, domain: Domain) -> Param {
    Param { name: name.into(), domain, when: Vec::new() }
}

/// Floats, ints, logs, choices, a condition, a computed param, a constraint, a case and a try.
fn rich() -> Arc<Space> {
    let params = vec![
        param("method", Domain::Choice(Choices::plain(["sgd".into(), "adam".into()]))),
        param("lr", range(Scale::Log, 1e-4, 1.0)),
        Param {
            when: vec![When { name: "method".into(), values: vec!["sgd".into()] }],
            ..param("momentum", range(Scale::Float, 0.0, 0.9))
        },
        param("width", range(Scale::Pow2, 8.0, 64.0)),
        param("depth", range(Scale::Int, 1.0, 4.0)),
        param("size", Domain::Computed(parse("width * depth").unwrap())),
        param("data", Domain::Case),
        param("fixed", Domain::Const(7.into())),
    ];
    let cases = vec![vec![("data".into(), "a".into())], vec![("data".into(), "b".into())]];
    let tries = vec![vec![("method".into(), "adam".into()), ("lr".into(), 0.003.into())]];
    Arc::new(Space::new(params, vec![parse("size <= 128").unwrap()], cases, tries).unwrap())
}

/// A cost that has to do with the values of a config.
fn cost(config: &Config) -> f64 {
    config.settings.iter().filter_map(|setting| setting.value.number()).map(|x| (x + 0.3).sin()).sum()
}

fn ask(kind: SamplerKind, space: &Arc<Space>, seed: u64, most: usize) -> (Vec<Config>, bool) {
    ask_with(kind, space, seed, most, cost)
}

/// Trials one after the other until there are `most` or the space is used up, and whether it is.
fn ask_with(
    kind: SamplerKind,
    space: &Arc<Space>,
    seed: u64,
    most: usize,
    cost: fn(&Config) -> f64,
) -> (Vec<Config>, bool) {
    let mut search = AskTell::new(kind, space.clone(), Setup { seed, ..Setup::default() });
    let mut out = Vec::new();
    while out.len() < most {
        match search.ask() {
            Ok(Some(asked)) => {
                search.tell(asked.number, Some(cost(&asked.suggestion.config))).unwrap();
                out.push(asked.suggestion.config);
            }
            Ok(None) => return (out, true),
            Err(why) => panic!("{kind:?}: {why}"),
        }
    }
    (out, false)
}

#[test]
fn proposals_are_valid_and_never_repeat() {
    for kind in SamplerKind::ALL {
        let space = rich();
        let (configs, _) = ask(kind, &space, 1, 120);
        assert_eq!(configs[0].get("lr"), Some(&0.003.into()), "{kind:?}: the config of `try` comes first");
        let ids: HashSet<_> = configs.iter().map(Config::id).collect();
        assert_eq!(ids.len(), configs.len(), "{kind:?} proposed a config twice");
        for config in &configs {
            assert!(space.accepts(config), "{kind:?} proposed {config}, which a constraint refuses");
            for param in space.params() {
                let expected = &*param.name != "momentum" || config.get("method") == Some(&"sgd".into());
                assert_eq!(config.get(&param.name).is_some(), expected, "{kind:?}: {} in {config}", param.name);
                if let Some(value) = config.get(&param.name) {
                    assert!(param.domain.contains(value), "{kind:?}: {} = {value}", param.name);
                }
            }
        }
    }
}

#[test]
fn proposals_are_a_function_of_space_and_seed() {
    for kind in SamplerKind::ALL {
        let space = rich();
        assert_eq!(ask(kind, &space, 5, 50).0, ask(kind, &space, 5, 50).0, "{kind:?}");
    }
}

#[test]
fn a_finite_space_is_used_up_exactly() {
    let params = vec![
        param("a", Domain::Choice(Choices::plain([1.into(), 2.into(), 3.into()]))),
        param("b", Domain::Choice(Choices::plain(["x".into(), "y".into()]))),
    ];
    let space = Arc::new(Space::new(params, vec![parse("a != 2 or b = 'x'").unwrap()], vec![], vec![]).unwrap());
    for kind in SamplerKind::ALL {
        let (configs, exhausted) = ask(kind, &space, 0, 100);
        assert!(exhausted, "{kind:?}");
        assert_eq!(configs.len(), 5, "{kind:?}");
    }
}

#[test]
fn a_space_of_constants_has_one_config() {
    let space = Arc::new(Space::new(vec![param("a", Domain::Const(1.into()))], vec![], vec![], vec![]).unwrap());
    for kind in SamplerKind::ALL {
        let (configs, exhausted) = ask(kind, &space, 0, 10);
        assert_eq!((configs.len(), exhausted), (1, true), "{kind:?}");
    }
}

#[test]
fn the_size_of_a_grid_is_what_the_grid_proposes() {
    let space = rich();
    let size = grid_size(&space);
    let without_try = Arc::new(
        Space::new(space.params().to_vec(), space.constraints().to_vec(), space.cases().to_vec(), vec![]).unwrap(),
    );
    let (configs, exhausted) = ask(SamplerKind::Grid, &without_try, 0, 100_000);
    assert!(exhausted && size.exact);
    assert_eq!(size.accepted, configs.len() as u128);
    assert_eq!(size.combinations, 2 * (4 + 4 * 4) * 4 * 4);
}

#[test]
fn the_order_of_a_grid_is_last_param_fastest() {
    let params = vec![
        param("a", Domain::Choice(Choices::plain([1.into(), 2.into()]))),
        param("b", Domain::Choice(Choices::plain(["x".into(), "y".into()]))),
    ];
    let space = Arc::new(Space::new(params, vec![], vec![], vec![]).unwrap());
    let shown: Vec<String> = ask(SamplerKind::Grid, &space, 0, 9).0.iter().map(Config::to_string).collect();
    assert_eq!(shown, ["a=1 b=x", "a=1 b=y", "a=2 b=x", "a=2 b=y"]);
}

/// What every search that learns must do.
const LEARN: [SamplerKind; 4] = [SamplerKind::Bayes, SamplerKind::Gp, SamplerKind::Tpe, SamplerKind::Cmaes];

fn setup(seed: u64) -> Setup {
    Setup { seed, ..Setup::default() }
}

/// Trials one after the other, with the cost that `cost` gives each.
fn drive(
    kind: SamplerKind,
    space: &Arc<Space>,
    trials: usize,
    cost: &dyn Fn(u64, &Config) -> Option<f64>,
) -> Vec<Config> {
    let mut search = AskTell::new(kind, space.clone(), setup(3));
    let mut out: Vec<Config> = Vec::new();
    for _ in 0..trials {
        let asked = search.ask().unwrap_or_else(|why| panic!("{kind:?}: {why}"));
        let asked = asked.unwrap_or_else(|| panic!("{kind:?}: used up"));
        search.tell(asked.number, cost(asked.number, &asked.suggestion.config)).unwrap();
        out.push(asked.suggestion.config);
    }
    let ids: HashSet<_> = out.iter().map(Config::id).collect();
    assert_eq!(ids.len(), out.len(), "{kind:?} proposed a config twice");
    assert!(out.iter().all(|config| space.accepts(config)), "{kind:?}");
    out
}

#[test]
fn what_is_running_is_not_proposed_again() {
    for kind in LEARN {
        let space = rich();
        let mut search = AskTell::new(kind, space.clone(), setup(1));
        let mut ids = HashSet::new();
        let mut waiting = std::collections::VecDeque::new();
        for turn in 0..12 {
            for _ in 0..if turn == 0 { 64 } else { 8 } {
                let asked = search.ask().unwrap().unwrap();
                assert!(ids.insert(asked.suggestion.config.id()), "{kind:?}: {}", asked.suggestion.config);
                waiting.push_back(asked);
            }
            // Told in another order than asked.
            for _ in 0..8 {
                let asked = if turn % 2 == 0 { waiting.pop_back() } else { waiting.pop_front() }.unwrap();
                search.tell(asked.number, Some(cost(&asked.suggestion.config))).unwrap();
            }
        }
    }
}

#[test]
fn proposals_are_a_function_of_the_history() {
    for kind in LEARN {
        let space = rich();
        let mut search = AskTell::new(kind, space.clone(), setup(9));
        let (mut observations, mut memory): (Vec<Observation>, Vec<f64>) = (Vec::new(), Vec::new());
        for _ in 0..30 {
            // A sampler without a past, as after a restart.
            let mut fresh = sampler(kind, space.clone(), setup(9));
            let history = History { observations: &observations, running: &[], memory: &memory };
            let Proposal::Config(expected) = fresh.propose(&history) else { panic!("{kind:?}") };
            let asked = search.ask().unwrap().unwrap();
            assert_eq!(asked.suggestion, expected, "{kind:?} after {} trials", observations.len());
            let config = Arc::new(expected.config);
            let cost = cost(&config);
            search.tell(asked.number, Some(cost)).unwrap();
            observations.push(Observation { id: config.id(), config, state: State::Done, costs: vec![cost] });
            memory = expected.memory;
        }
    }
}

#[test]
fn costs_of_every_kind_are_taken() {
    for kind in LEARN {
        let space = rich();
        let noise = |number: u64| (number as f64 * 12.9898).sin() * 43_758.545_3;
        drive(kind, &space, 30, &|_, _| Some(0.5));
        drive(kind, &space, 30, &|_, _| None);
        drive(kind, &space, 30, &|number, _| (number % 3 == 0).then_some(number as f64));
        drive(kind, &space, 30, &|number, _| {
            Some([1e300, -1e300, 1e-300, 0.0, f64::NAN, f64::INFINITY][number as usize % 6])
        });
        drive(kind, &space, 30, &|number, config| Some(if number == 7 { f64::MAX } else { cost(config) }));
        drive(kind, &space, 30, &|number, config| Some(1e-6 * cost(config) + noise(number).fract()));
        drive(kind, &space, 30, &|number, config| if number < 25 { None } else { Some(cost(config)) });
    }
}

#[test]
fn a_single_result_and_thousands_are_taken() {
    for kind in LEARN {
        let space = rich();
        drive(kind, &space, 2, &|_, config| Some(cost(config)));
        let mut search = AskTell::new(kind, space.clone(), setup(4));
        for config in ask(SamplerKind::Random, &space, 77, 2_000).0 {
            let cost = cost(&config);
            search.add_outside(config, Some(cost));
        }
        for _ in 0..3 {
            let asked = search.ask().unwrap().unwrap();
            assert!(space.accepts(&asked.suggestion.config), "{kind:?}");
            search.tell(asked.number, Some(0.0)).unwrap();
        }
    }
}

#[test]
fn many_params_and_values_are_taken() {
    let mut params: Vec<Param> = (0..180).map(|i| param(&format!("x{i}"), range(Scale::Float, 0.0, 1.0))).collect();
    params.extend((0..20).map(|i| param(&format!("c{i}"), Domain::Choice(Choices::plain(["a".into(), "b".into()])))));
    let words: Vec<Value> = (0..1_000).map(|i| format!("v{i}").as_str().into()).collect();
    params.push(param("many", Domain::Choice(Choices::plain(words))));
    params.push(param("one", Domain::Choice(Choices::plain([1.into()]))));
    params.push(param("same", range(Scale::Float, 2.0, 2.0)));
    params.push(param("narrow", range(Scale::Float, 1023.0, 1023.000001)));
    let space = Arc::new(Space::new(params, vec![], vec![], vec![]).unwrap());
    for kind in LEARN {
        drive(kind, &space, 14, &|_, config| Some(cost(config)));
    }
}

#[test]
fn a_small_feasible_part_is_found_and_kept_to() {
    let params = vec![
        param("a", range(Scale::Float, 0.0, 1.0)),
        param("b", range(Scale::Float, 0.0, 1.0)),
        param("c", range(Scale::Float, 0.0, 1.0)),
    ];
    let constraint = parse("a + b >= 0.98 and a + b <= 1 and c * a < 0.25").unwrap();
    let space = Arc::new(Space::new(params, vec![constraint], vec![], vec![]).unwrap());
    for kind in LEARN {
        drive(kind, &space, 40, &|_, config| Some(cost(config)));
    }
}

/// The values of a config in the order of its params, whatever their names.
fn values(config: &Config) -> Vec<Value> {
    config.settings.iter().map(|setting| setting.value.clone()).collect()
}

#[test]
fn names_constants_and_units_change_nothing() {
    let space = |names: [&str; 4], constant: bool| {
        let mut params = vec![
            param(names[0], Domain::Choice(Choices::plain(["sgd".into(), "adam".into(), "lion".into()]))),
            param(names[1], range(Scale::Log, 1e-4, 1.0)),
            Param {
                when: vec![When { name: names[0].into(), values: vec!["sgd".into(), "lion".into()] }],
                ..param(names[2], range(Scale::Float, 0.0, 0.9))
            },
            param(names[3], range(Scale::Int, 1.0, 40.0)),
        ];
        if constant {
            params.push(param("zero", Domain::Const(0.into())));
            params.push(param("single", Domain::Choice(Choices::plain(["only".into()]))));
        }
        Arc::new(Space::new(params, vec![], vec![], vec![]).unwrap())
    };
    let cost = |config: &Config| -> f64 {
        let own = config.settings.iter().filter(|s| !matches!(&*s.name, "zero" | "single"));
        let x: Vec<f64> = own.filter_map(|s| s.value.number()).collect();
        let method = config.settings[0].value.text().map_or(0.0, |text| text.len() as f64);
        x.iter().enumerate().map(|(i, x)| (x.abs() + 1e-3).ln().sin() * (i as f64 + 1.0)).sum::<f64>() + method
    };
    for kind in LEARN {
        let plain = drive(kind, &space(["a", "b", "c", "d"], false), 30, &|_, config| Some(cost(config)));
        let renamed = drive(kind, &space(["zeta", "y", "x", "alpha"], false), 30, &|_, config| Some(cost(config)));
        let more = drive(kind, &space(["a", "b", "c", "d"], true), 30, &|_, config| Some(cost(config)));
        let scaled = drive(kind, &space(["a", "b", "c", "d"], false), 30, &|_, config| Some(cost(config) * 1024.0));
        for i in 0..30 {
            assert_eq!(values(&plain[i]), values(&renamed[i]), "{kind:?}: renamed, trial {i}");
            assert_eq!(
                values(&plain[i])[..],
                values(&more[i])[..plain[i].settings.len()],
                "{kind:?}: constant, trial {i}"
            );
            assert_eq!(values(&plain[i]), values(&scaled[i]), "{kind:?}: scaled, trial {i}");
        }
    }
}

#[test]
fn repeats_are_one_point() {
    let space = rich();
    for kind in LEARN {
        let mut fresh = sampler(kind, space.clone(), setup(2));
        let mut observations = Vec::new();
        for config in ask(SamplerKind::Sobol, &space, 5, 12).0 {
            let config = Arc::new(config);
            for repeat in 0..3 {
                let costs = vec![cost(&config) + 0.1 * f64::from(repeat)];
                observations.push(Observation { id: config.id(), config: config.clone(), state: State::Done, costs });
            }
        }
        let running: Vec<Pending> =
            observations[..2].iter().map(|o| Pending { config: o.config.clone(), id: o.id }).collect();
        let history = History { observations: &observations, running: &running, memory: &[] };
        let Proposal::Config(next) = fresh.propose(&history) else { panic!("{kind:?}") };
        assert!(observations.iter().all(|o| o.id != next.config.id()), "{kind:?}");
    }
}

/// The squared distance to a point.
pub(super) fn bowl(config: &Config) -> f64 {
    config
        .settings
        .iter()
        .enumerate()
        .filter_map(|(i, s)| Some((s.value.number()? - 0.3 * i as f64 - 0.4).powi(2)))
        .sum()
}

#[test]
fn learning_beats_drawing() {
    let params: Vec<Param> = (0..3).map(|i| param(&format!("x{i}"), range(Scale::Float, -2.0, 3.0))).collect();
    let space = Arc::new(Space::new(params, vec![], vec![], vec![]).unwrap());
    let mean = |kind| -> f64 {
        let best = |seed| ask_with(kind, &space, seed, 60, bowl).0.iter().map(bowl).fold(f64::INFINITY, f64::min);
        (0..8).map(best).sum::<f64>() / 8.0
    };
    let random = mean(SamplerKind::Random);
    for kind in LEARN {
        let found = mean(kind);
        assert!(found < 0.6 * random, "{kind:?}: {found}, random search {random}");
    }
}
