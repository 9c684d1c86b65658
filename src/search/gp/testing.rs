//! Spaces for the tests of the process.

use std::sync::Arc;

use crate::search::encode::Encoding;
use crate::space::{Choices, Domain, Param, Range, Scale, Space, When};

fn float(name: &str) -> Param {
    let range = Range { scale: Scale::Float, low: 0.0, high: 1.0, step: None, round: None, grid: None };
    Param { name: name.into(), domain: Domain::Range(range), when: vec![] }
}

fn over(params: Vec<Param>) -> Encoding {
    Encoding::new(Arc::new(Space::new(params, vec![], vec![], vec![]).unwrap()))
}

/// Two floats.
pub(super) fn square() -> Encoding {
    over(vec![float("a"), float("b")])
}

/// Two floats, a category, and a float and a category that one of its values has.
pub(in crate::search) fn mixed() -> Encoding {
    let when = vec![When { name: "c".into(), values: vec!["x".into(), "y".into()] }];
    let choice = |name: &str, when| Param {
        name: name.into(),
        domain: Domain::Choice(Choices::plain(["x".into(), "y".into(), "z".into()])),
        when,
    };
    over(vec![
        float("a"),
        choice("c", vec![]),
        Param { when: when.clone(), ..float("b") },
        choice("e", when),
        float("f"),
    ])
}
