//! What every sampler must do; a new one is added to [`SamplerKind::ALL`] and inherits all of it.

use std::collections::HashSet;
use std::sync::Arc;

use super::{AskTell, SamplerKind, grid_size};
use crate::expr::parse;
use crate::space::{Choices, Config, Domain, Param, Range, Scale, Space, When};

fn range(scale: Scale, low: f64, high: f64) -> Domain {
    Domain::Range(Range { scale, low, high, step: None, round: None, grid: Some(4) })
}

fn param(name: &str, domain: Domain) -> Param {
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
    let mut search = AskTell::new(kind, space.clone(), seed, None);
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
