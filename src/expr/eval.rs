//! Computing an expression.
//!
//! A missing operand makes arithmetic missing and a comparison unknown; `and`, `or` and `not` follow Kleene's
//! three-valued logic. Integers stay integers under `+ - * % ^` and `min max round abs floor ceil` as long as they
//! fit 64 bits; `/` always gives a float.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::ast::{BinaryOp, Expr, Function, Node, NodeKind};

/// A value while an expression is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand<'a> {
    /// Inactive, not reported, or unknown.
    Missing,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// Something that can only be passed on, such as a list: equal to nothing.
    Opaque,
    /// A value that also goes by a name: equal to a text that is the name, otherwise as the value.
    Labelled(Cow<'a, str>, Box<Operand<'a>>),
}

impl Operand<'_> {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            Self::Labelled(_, value) => value.number(),
            _ => None,
        }
    }
}

impl Expr {
    /// Computes the expression; `get` gives the value of each name.
    pub fn eval<'a>(&self, get: &dyn Fn(&str) -> Operand<'a>) -> Operand<'a> {
        eval(&self.root, get)
    }

    /// Computes a condition: true, false, or none where a missing operand leaves it unknown.
    pub fn truth<'a>(&self, get: &dyn Fn(&str) -> Operand<'a>) -> Option<bool> {
        truth(&self.eval(get))
    }
}

fn truth(operand: &Operand<'_>) -> Option<bool> {
    match operand {
        Operand::Bool(bool) => Some(*bool),
        Operand::Labelled(_, value) => truth(value),
        _ => None,
    }
}

fn eval<'a>(node: &Node, get: &dyn Fn(&str) -> Operand<'a>) -> Operand<'a> {
    match &node.kind {
        NodeKind::Int(int) => Operand::Int(*int),
        NodeKind::Float(float) => Operand::Float(*float),
        NodeKind::Text(text) => Operand::Text(Cow::Owned(text.clone())),
        NodeKind::Bool(bool) => Operand::Bool(*bool),
        NodeKind::Name { name, .. } => get(name),
        NodeKind::Negate(inner) => match eval(inner, get) {
            Operand::Int(int) => int.checked_neg().map_or(Operand::Float(-(int as f64)), Operand::Int),
            other => other.number().map_or(Operand::Missing, |x| Operand::Float(-x)),
        },
        NodeKind::Not(inner) => truth(&eval(inner, get)).map_or(Operand::Missing, |b| Operand::Bool(!b)),
        NodeKind::Call(function, arguments) => {
            let arguments: Vec<Operand<'a>> = arguments.iter().map(|argument| eval(argument, get)).collect();
            call(*function, &arguments)
        }
        NodeKind::In { needle, items, negated } => {
            let needle = eval(needle, get);
            let mut unknown = false;
            for item in items {
                match equal(&needle, &eval(item, get)) {
                    Some(true) => return Operand::Bool(!negated),
                    Some(false) => {}
                    None => unknown = true,
                }
            }
            if unknown { Operand::Missing } else { Operand::Bool(*negated) }
        }
        NodeKind::Binary(BinaryOp::And, left, right) => match truth(&eval(left, get)) {
            Some(false) => Operand::Bool(false),
            known => match (known, truth(&eval(right, get))) {
                (_, Some(false)) => Operand::Bool(false),
                (Some(true), Some(true)) => Operand::Bool(true),
                _ => Operand::Missing,
            },
        },
        NodeKind::Binary(BinaryOp::Or, left, right) => match truth(&eval(left, get)) {
            Some(true) => Operand::Bool(true),
            known => match (known, truth(&eval(right, get))) {
                (_, Some(true)) => Operand::Bool(true),
                (Some(false), Some(false)) => Operand::Bool(false),
                _ => Operand::Missing,
            },
        },
        NodeKind::Binary(op, left, right) if op.is_comparison() => {
            let answer = compare(*op, &eval(left, get), &eval(right, get));
            answer.map_or(Operand::Missing, Operand::Bool)
        }
        NodeKind::Match { text, pattern, negated } => match eval(text, get) {
            Operand::Missing => Operand::Missing,
            Operand::Text(text) | Operand::Labelled(text, _) => Operand::Bool(pattern.0.is_match(&text) != *negated),
            _ => Operand::Bool(*negated),
        },
        NodeKind::IsMissing { inner, negated } => Operand::Bool((eval(inner, get) == Operand::Missing) != *negated),
        NodeKind::Binary(op, left, right) => arithmetic(*op, &eval(left, get), &eval(right, get)),
    }
}

fn equal(a: &Operand<'_>, b: &Operand<'_>) -> Option<bool> {
    match (a, b) {
        (Operand::Missing, _) | (_, Operand::Missing) => None,
        (Operand::Labelled(name, value), other) | (other, Operand::Labelled(name, value)) => match other {
            Operand::Text(text) if text == name => Some(true),
            other => equal(value, other),
        },
        (Operand::Int(a), Operand::Int(b)) => Some(a == b),
        (Operand::Text(a), Operand::Text(b)) => Some(a == b),
        (Operand::Bool(a), Operand::Bool(b)) => Some(a == b),
        _ => Some(matches!((a.number(), b.number()), (Some(a), Some(b)) if a == b)),
    }
}

fn compare(op: BinaryOp, a: &Operand<'_>, b: &Operand<'_>) -> Option<bool> {
    match op {
        BinaryOp::Equal => return equal(a, b),
        BinaryOp::NotEqual => return equal(a, b).map(|same| !same),
        _ => {}
    }
    let order = match (a, b) {
        (Operand::Missing, _) | (_, Operand::Missing) => return None,
        (Operand::Int(a), Operand::Int(b)) => Some(a.cmp(b)),
        (Operand::Text(a), Operand::Text(b)) => Some(a.cmp(b)),
        _ => match (a.number(), b.number()) {
            // NaN has no order: every comparison with it is false, not unknown.
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => return None,
        },
    };
    Some(match op {
        BinaryOp::Less => order == Some(Ordering::Less),
        BinaryOp::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn arithmetic<'a>(op: BinaryOp, a: &Operand<'_>, b: &Operand<'_>) -> Operand<'a> {
    if let (Operand::Int(a), Operand::Int(b)) = (a, b) {
        let exact = match op {
            BinaryOp::Add => a.checked_add(*b),
            BinaryOp::Subtract => a.checked_sub(*b),
            BinaryOp::Multiply => a.checked_mul(*b),
            BinaryOp::Remainder => a.checked_rem_euclid(*b),
            BinaryOp::Power => u32::try_from(*b).ok().and_then(|b| a.checked_pow(b)),
            _ => None,
        };
        if let Some(int) = exact {
            return Operand::Int(int);
        }
    }
    let (Some(a), Some(b)) = (a.number(), b.number()) else { return Operand::Missing };
    Operand::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide => a / b,
        BinaryOp::Remainder => a.rem_euclid(b),
        _ => a.powf(b),
    })
}

fn call<'a>(function: Function, arguments: &[Operand<'_>]) -> Operand<'a> {
    let all_int: Option<Vec<i64>> =
        arguments.iter().map(|a| if let Operand::Int(int) = a { Some(*int) } else { None }).collect();
    if let Some(ints) = all_int {
        match function {
            Function::Min => return ints.iter().min().map_or(Operand::Missing, |i| Operand::Int(*i)),
            Function::Max => return ints.iter().max().map_or(Operand::Missing, |i| Operand::Int(*i)),
            Function::Abs if ints[0] != i64::MIN => return Operand::Int(ints[0].abs()),
            Function::Floor | Function::Ceil => return Operand::Int(ints[0]),
            Function::Round if ints.len() == 1 => return Operand::Int(ints[0]),
            _ => {}
        }
    }
    let numbers: Option<Vec<f64>> = arguments.iter().map(Operand::number).collect();
    let Some(numbers) = numbers else { return Operand::Missing };
    let x = numbers[0];
    // Whole results of rounding are integers, so that they print and pass on as such.
    let whole = |x: f64| if x.abs() < 9e15 { Operand::Int(x as i64) } else { Operand::Float(x) };
    match function {
        Function::Min => Operand::Float(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
        Function::Max => Operand::Float(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Function::Round => match numbers.get(1) {
            Some(digits) => {
                let scale = 10f64.powf(digits.trunc());
                Operand::Float((x * scale).round() / scale)
            }
            None => whole(x.round()),
        },
        Function::Floor => whole(x.floor()),
        Function::Ceil => whole(x.ceil()),
        Function::Abs => Operand::Float(x.abs()),
        Function::Log => Operand::Float(x.ln()),
        Function::Log10 => Operand::Float(x.log10()),
        Function::Exp => Operand::Float(x.exp()),
        Function::Sqrt => Operand::Float(x.sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Names, parse};
    use super::*;
    use proptest::prelude::*;

    struct World;

    impl Names for World {
        fn kind(&self, name: &str) -> Option<Kind> {
            match name {
                "lr" | "depth" | "width" | "gone" | "val/acc" => Some(Kind::Number),
                "method" | "state" => Some(Kind::Text),
                "warm" => Some(Kind::Bool),
                _ => None,
            }
        }
        fn known(&self) -> Vec<&str> {
            vec!["lr", "depth", "width", "gone", "val/acc", "method", "warm"]
        }
        fn noun(&self) -> &'static str {
            "param"
        }
        fn words(&self, name: &str) -> Option<&'static [&'static str]> {
            (name == "state").then_some(&["done", "lost"])
        }
    }

    fn get(name: &str) -> Operand<'static> {
        match name {
            "lr" => Operand::Float(0.1),
            "depth" => Operand::Int(6),
            "width" => Operand::Int(64),
            "val/acc" => Operand::Float(0.9),
            "method" => Operand::Text("sgd".into()),
            "warm" => Operand::Bool(true),
            _ => Operand::Missing,
        }
    }

    fn run(text: &str) -> String {
        match parse(text).and_then(|expr| expr.check(&World)) {
            Ok(expr) => format!("{:?}", expr.eval(&get)),
            Err(error) => {
                format!(
                    "{}..{}: {error}{}",
                    error.span.start,
                    error.span.end,
                    error.help.as_ref().map_or(String::new(), |h| format!(" ({h})"))
                )
            }
        }
    }

    #[test]
    fn computes() {
        let cases = [
            "1 + 2 * 3",
            "-2 ^ 2",
            "2 ^ 3 ^ 2",
            "7 % 4",
            "-7 % 4",
            "7 / 2",
            "width % depth == 4",
            "0 < lr < 1",
            "1 < lr < 2",
            "method = sgd",
            "method in [sgd, adam]",
            "method not in [sgd]",
            "not warm",
            "`val/acc` >= 0.9",
            "gone > 1",
            "gone > 1 and false",
            "gone > 1 or true",
            "min(width, depth, 3)",
            "round(lr * 12.3, 1)",
            "round(2.5)",
            "log10(1e3)",
            "9223372036854775807 + 1",
            "max(1, 2.5)",
            "\"a\\\"b\" = 'a\"b'",
            "1_000 * 2",
            ".5 + 1e-1",
            "1 / 0",
            "gone + 1",
            "lr in []",
            "5 in [1, gone]",
            "method ~ '^s.d$'",
            "method !~ sg",
            "gone is missing and lr is not missing",
            "not gone is missing",
            "1.5h + 1",
            "2000-02-29T12:30 < 2000-03-01",
        ];
        insta::assert_snapshot!(cases.map(|text| format!("{text}  =>  {}", run(text))).join("\n"));
    }

    #[test]
    fn explains_mistakes() {
        let cases = [
            "",
            "1 +",
            "lr >",
            "metod = sgd",
            "method = adan",
            "lr = sgd",
            "lr + method",
            "not lr",
            "foo(1)",
            "sqroot(1)",
            "sqrt()",
            "sqrt(1, 2)",
            "(1",
            "method in sgd",
            "lr > 'x",
            "lr ? 1",
            "1 2",
            "warm < true",
            "lr in [1 2]",
            "1e999 > lr",
            "and",
            "lr = `nope`",
            "method ~ '('",
            "lr ~ 'x'",
            "lr is nothing",
            "lr > 2d ago",
            "'a' = 'a'",
            "3 > 2",
            "state = don",
            "state in [done, lots]",
        ];
        insta::assert_snapshot!(cases.map(|text| format!("{text}  =>  {}", run(text))).join("\n"));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&format!("{}1", "-".repeat(100_000))).is_err());
        assert!(parse(&format!("{}true", "not ".repeat(100_000))).is_err());
        assert!(parse(&format!("{}1", "2^".repeat(100_000))).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = parse(&text).and_then(|expr| expr.check(&World)).map(|expr| format!("{:?}", expr.eval(&get)));
        }

        #[test]
        fn never_panics_on_plausible_text(words in proptest::collection::vec(
            prop::sample::select(vec!["lr", "method", "(", ")", "[", "]", ",", "in", "not", "and", "or", "+", "-", "*", "/", "%", "^",
                "=", "<", "~", "is", "missing", "2d", "ago", "2026-11-24", "1", "2.5", "'x'", "min", "`val/acc`", "gone", "9223372036854775807"]), 0..12)) {
            let _ = parse(&words.join(" ")).and_then(|expr| expr.check(&World)).map(|expr| format!("{:?}", expr.eval(&get)));
        }

        #[test]
        fn integers_compute_as_in_rust(a in -1000i64..1000, b in -1000i64..1000, c in 1i64..1000) {
            let expr = parse(&format!("({a}) + ({b}) * {c} - ({a}) % {c}")).unwrap();
            prop_assert_eq!(expr.eval(&get), Operand::Int(a + b * c - a.rem_euclid(c)));
        }
    }
}
