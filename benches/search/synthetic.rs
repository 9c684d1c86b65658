//! Synthetic problems. Ranges are shifted by a random share of their width, so that nothing is won by starting in the
//! middle; every instance is a function of its number.

use std::f64::consts::PI;
use std::sync::Arc;

use sweep::space::seed::Rng;
use sweep::space::{Choices, Domain, Param, Range, Scale, Space, When};

use crate::problem::{Problem, number};

/// A function of `d` numbers in a box, with its least value and where it lies.
struct Function {
    name: &'static str,
    d: usize,
    low: f64,
    high: f64,
    best: f64,
    at: fn(&[f64]) -> f64,
}

const fn function(name: &'static str, d: usize, low: f64, high: f64, best: f64, at: fn(&[f64]) -> f64) -> Function {
    Function { name, d, low, high, best, at }
}

fn sum(x: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    x.iter().map(|x| f(*x)).sum()
}

/// Functions whose least value lies at 0 in every coordinate.
const FUNCTIONS: [Function; 12] = [
    function("sphere_3", 3, -5.0, 5.0, 0.0, |x| sum(x, |x| x * x)),
    function("ellipsoid_4", 4, -5.0, 5.0, 0.0, |x| {
        // Stretched by 1 to 100 along directions that are not the axes.
        let turned = [x[0] + x[1], x[0] - x[1], x[2] + 0.5 * x[3] + 0.3 * x[0], x[3] - 0.5 * x[2]];
        turned.iter().zip([1.0, 5.0, 22.0, 100.0]).map(|(t, w)| w * t * t).sum()
    }),
    function("rosenbrock_3", 3, -3.0, 3.0, 0.0, |x| {
        x.windows(2)
            .map(|w| {
                let (a, b) = (w[0] + 1.0, w[1] + 1.0);
                100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)
            })
            .sum()
    }),
    function("rastrigin_2", 2, -5.12, 5.12, 0.0, |x| sum(x, |x| x * x + 10.0 * (1.0 - (2.0 * PI * x).cos()))),
    function("rastrigin_5", 5, -2.0, 2.0, 0.0, |x| sum(x, |x| x * x + 3.0 * (1.0 - (2.0 * PI * x).cos()))),
    function("ackley_4", 4, -10.0, 10.0, 0.0, |x| {
        let d = x.len() as f64;
        20.0 + std::f64::consts::E
            - 20.0 * (-0.2 * (sum(x, |x| x * x) / d).sqrt()).exp()
            - (sum(x, |x| (2.0 * PI * x).cos()) / d).exp()
    }),
    function("absolute_5", 5, -4.0, 4.0, 0.0, |x| sum(x, f64::abs)),
    function("cliff_3", 3, -4.0, 4.0, 0.0, |x| {
        // A shallow slope to an edge, as learning rates have one.
        let t = x[0] + 0.4 * x[1];
        (if t > 0.0 { 30.0 * t * t } else { 0.3 * t.abs() }) + 0.2 * x[1] * x[1] + 0.1 * x[2].abs()
    }),
    function("plateaus_3", 3, -4.0, 4.0, 0.0, |x| sum(x, |x| (2.0 * x * x).floor())),
    function("dixon_4", 4, -4.0, 4.0, 0.0, |x| {
        x[0] * x[0]
            + (1..4).map(|i| (i as f64 + 1.0) * (2.0 * x[i] * x[i] + 2.0 * x[i] - x[i - 1]).powi(2) * 0.3).sum::<f64>()
    }),
    function("product_6", 6, -3.0, 3.0, 0.0, |x| {
        1.0 - x.iter().map(|x| (-0.5 * x * x).exp()).product::<f64>() + 0.02 * sum(x, f64::abs)
    }),
    function("few_of_8", 8, -4.0, 4.0, 0.0, |x| {
        let a = x[1] - 0.5 * x[5];
        a * a + x[5].abs() + 0.1 * (1.0 - (3.0 * x[1]).cos())
    }),
];

fn range(scale: Scale, low: f64, high: f64) -> Domain {
    Domain::Range(Range { scale, low, high, step: None, round: None, grid: None })
}

fn param(name: &str, domain: Domain) -> Param {
    Param { name: name.into(), domain, when: vec![] }
}

fn choice(name: &str, values: &[&str]) -> Param {
    param(name, Domain::Choice(Choices::plain(values.iter().map(|v| (*v).into()))))
}

fn when(param: Param, name: &str, values: &[&str]) -> Param {
    Param { when: vec![When { name: name.into(), values: values.iter().map(|v| (*v).into()).collect() }], ..param }
}

fn space(params: Vec<Param>) -> Arc<Space> {
    Arc::new(Space::new(params, vec![], vec![], vec![]).expect("the params have no circles"))
}

fn numeric(function: &'static Function, noise: f64, instance: u64) -> Problem {
    let mut rng = Rng::for_purpose(instance, function.name, 0);
    let width = function.high - function.low;
    let shifts: Vec<f64> = (0..function.d).map(|_| (0.7 * rng.unit() - 0.35) * width).collect();
    let params = (0..function.d)
        .map(|i| param(&format!("x{i}"), range(Scale::Float, function.low + shifts[i], function.high + shifts[i])))
        .collect();
    let names: Vec<String> = (0..function.d).map(|i| format!("x{i}")).collect();
    let suffix = if noise > 0.0 { "_noisy" } else { "" };
    Problem {
        name: format!("{}{suffix}", function.name),
        group: if noise > 0.0 { "noisy" } else { "numeric" },
        space: space(params),
        cost: Box::new(move |config| {
            let x: Vec<f64> = names.iter().map(|name| number(config, name)).collect();
            Some((function.at)(&x))
        }),
        noise,
        best: Some(function.best),
    }
}

/// A draw from a smooth random function: a sum of random waves over `d` numbers.
fn waves(d: usize, roughness: f64, instance: u64) -> Problem {
    let mut rng = Rng::for_purpose(instance, "waves", d as u64);
    let waves: Vec<(Vec<f64>, f64, f64)> = (0..60)
        .map(|_| ((0..d).map(|_| roughness * rng.normal()).collect(), 2.0 * PI * rng.unit(), rng.normal()))
        .collect();
    let params = (0..d).map(|i| param(&format!("x{i}"), range(Scale::Float, 0.0, 1.0))).collect();
    Problem {
        name: format!("waves_{d}_{roughness}"),
        group: "numeric",
        space: space(params),
        cost: Box::new(move |config| {
            let x: Vec<f64> = (0..d).map(|i| number(config, &format!("x{i}"))).collect();
            Some(
                waves
                    .iter()
                    .map(|(w, phase, a)| a * (w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() + phase).cos())
                    .sum(),
            )
        }),
        noise: 0.0,
        best: None,
    }
}

/// Methods with a learning rate in common and params of their own, a setting that matters and one that does not; too
/// large a step fails. The least cost is 0.
fn tree(methods: usize, noise: f64, instance: u64) -> Problem {
    const NAMES: [&str; 6] = ["sgd", "momentum", "adam", "lion", "lamb", "rmsprop"];
    let names = &NAMES[..methods];
    let mut rng = Rng::for_purpose(instance, "tree", methods as u64);
    let best = rng.below(methods as u64) as usize;
    // For each method: the best lr (log10), its offset, the best own param and how much it matters, where it fails.
    let rows: Vec<[f64; 6]> = (0..methods)
        .map(|m| {
            let lr = -4.5 + 3.5 * rng.unit();
            let offset = if m == best { 0.0 } else { 0.05 + 0.25 * rng.unit() };
            [lr, offset, rng.unit(), 0.3 + 1.5 * rng.unit(), lr + 0.8 + 0.8 * rng.unit(), 0.1 + 0.2 * rng.unit()]
        })
        .collect();
    let (decay, tied) = (-6.0 + 4.0 * rng.unit(), 0.3 * rng.normal());
    let act = [0.0, 0.04 + 0.1 * rng.unit(), 0.1 + 0.2 * rng.unit()];
    let mut params = vec![
        choice("method", names),
        param("lr", range(Scale::Log, 1e-6, 1.0)),
        param("decay", range(Scale::Log, 1e-7, 1e-1)),
        choice("act", &["relu", "gelu", "tanh"]),
        param("width", range(Scale::LogInt, 8.0, 512.0)),
        param("unused", range(Scale::Float, 0.0, 1.0)),
    ];
    for (m, name) in names.iter().enumerate() {
        if m % 3 != 2 {
            params.push(when(param(&format!("own_{name}"), range(Scale::Float, 0.0, 1.0)), "method", &[name]));
        }
    }
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Problem {
        name: format!("tree_{methods}{}_{instance}", if noise > 0.0 { "_noisy" } else { "" }),
        group: if noise > 0.0 { "noisy" } else { "tree" },
        space: space(params),
        cost: Box::new(move |config| {
            let text =
                |name: &str| config.get(name).and_then(|value| value.text().map(str::to_owned)).unwrap_or_default();
            let method = text("method");
            let m = names.iter().position(|name| *name == method)?;
            let [lr, offset, own, weight, limit, curve] = rows[m];
            let width = number(config, "width").log2();
            let step = number(config, "lr").log10() - tied * (width - 6.0);
            if step > limit + 1.0 {
                return None;
            }
            let mut cost = offset + curve * (step - lr).powi(2).min(9.0) + 2.0 * (step - limit).max(0.0).powi(2);
            if m % 3 != 2 {
                cost += weight * (number(config, &format!("own_{method}")) - own).powi(2);
            }
            cost += 0.02 * (number(config, "decay").log10() - decay).abs();
            cost += act[["relu", "gelu", "tanh"].iter().position(|name| *name == text("act"))?];
            Some(cost + 0.015 * (width - 7.0).powi(2))
        }),
        noise,
        best: Some(0.0),
    }
}

/// Categories only, with interactions of pairs.
fn categories(count: usize, values: usize, instance: u64) -> Problem {
    let mut rng = Rng::for_purpose(instance, "categories", (count * 100 + values) as u64);
    let words: Vec<String> = (0..values).map(|v| format!("v{v}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let own: Vec<Vec<f64>> = (0..count).map(|_| (0..values).map(|_| rng.normal()).collect()).collect();
    let pairs: Vec<(usize, usize, Vec<f64>)> =
        (1..count).map(|i| (i - 1, i, (0..values * values).map(|_| 0.7 * rng.normal()).collect())).collect();
    let params: Vec<Param> = (0..count).map(|i| choice(&format!("c{i}"), &words)).collect();
    let cost = move |x: &[usize]| {
        own.iter().zip(x).map(|(own, &v)| own[v]).sum::<f64>()
            + pairs.iter().map(|(a, b, table)| table[x[*a] * values + x[*b]]).sum::<f64>()
    };
    let all = values.pow(count as u32);
    let digits = move |mut i: usize| -> Vec<usize> {
        (0..count)
            .map(|_| {
                let digit = i % values;
                i /= values;
                digit
            })
            .collect()
    };
    let best = (0..all).map(|i| cost(&digits(i))).fold(f64::INFINITY, f64::min);
    Problem {
        name: format!("categories_{count}x{values}"),
        group: "categories",
        space: space(params),
        cost: Box::new(move |config| {
            let place = |i: usize| {
                let value = config.get(&format!("c{i}"))?;
                value.text()?.strip_prefix('v')?.parse::<usize>().ok()
            };
            let x: Option<Vec<usize>> = (0..count).map(place).collect();
            x.map(|x| cost(&x))
        }),
        noise: 0.0,
        best: Some(best),
    }
}

/// Kinds of models: two levels of conditions.
fn nested(instance: u64) -> Problem {
    let mut rng = Rng::for_purpose(instance, "nested", 0);
    let params = vec![
        choice("kind", &["linear", "kernel", "net"]),
        param("c", range(Scale::Log, 1e-4, 1e4)),
        when(choice("kernel", &["rbf", "poly"]), "kind", &["kernel"]),
        when(param("gamma", range(Scale::Log, 1e-5, 10.0)), "kernel", &["rbf"]),
        when(param("degree", range(Scale::Int, 2.0, 6.0)), "kernel", &["poly"]),
        when(param("depth", range(Scale::Int, 1.0, 6.0)), "kind", &["net"]),
        when(param("units", range(Scale::Pow2, 8.0, 512.0)), "kind", &["net"]),
        when(param("dropout", range(Scale::Float, 0.0, 0.8)), "kind", &["net"]),
        when(param("lr", range(Scale::Log, 1e-5, 1.0)), "kind", &["net"]),
    ];
    let offsets: Vec<f64> = (0..4).map(|_| 0.3 * rng.unit()).collect();
    let least = offsets[1..].iter().copied().fold(f64::INFINITY, f64::min);
    let at: Vec<f64> = (0..8).map(|_| rng.unit()).collect();
    Problem {
        name: format!("nested_{instance}"),
        group: "tree",
        space: space(params),
        cost: Box::new(move |config| {
            let text =
                |name: &str| config.get(name).and_then(|value| value.text().map(str::to_owned)).unwrap_or_default();
            let square = |x: f64| x * x;
            let c = 0.03 * square(number(config, "c").log10() - 4.0 * (at[0] - 0.5));
            Some(match text("kind").as_str() {
                "linear" => 0.35 + c,
                "kernel" if text("kernel") == "rbf" => {
                    let ridge = number(config, "gamma").log10() + 0.4 * number(config, "c").log10();
                    offsets[1] + c + 0.12 * square(ridge + 2.0 + at[1])
                }
                "kernel" => offsets[2] + c + 0.03 * square(number(config, "degree") - 2.0 - (4.0 * at[2]).round()),
                _ => {
                    let depth = 1.0 + (5.0 * at[3]).round();
                    let units = 3.0 + (6.0 * at[4]).round();
                    offsets[3]
                        + c
                        + 0.02 * square(number(config, "depth") - depth)
                        + 0.02 * square(number(config, "units").log2() - units)
                        + 0.5 * square(number(config, "dropout") - 0.6 * at[5])
                        + 0.1 * square(number(config, "lr").log10() + 1.0 + 3.0 * at[6])
                }
            })
        }),
        noise: 0.0,
        best: Some(least),
    }
}

/// All synthetic problems of an instance.
pub fn all(instance: u64) -> Vec<Problem> {
    let mut problems: Vec<Problem> = FUNCTIONS.iter().map(|function| numeric(function, 0.0, instance)).collect();
    problems.extend([(0, 4.0), (5, 0.7), (7, 1.0)].map(|(i, noise)| numeric(&FUNCTIONS[i], noise, instance + 50)));
    problems.extend([waves(2, 6.0, instance), waves(4, 3.0, instance), waves(6, 2.0, instance)]);
    problems.extend([(2, 1), (3, 2), (4, 3), (6, 4)].map(|(methods, k)| tree(methods, 0.0, instance * 10 + k)));
    problems.extend([tree(3, 0.05, instance * 10 + 7), tree(4, 0.1, instance * 10 + 8)]);
    problems.extend([nested(instance * 10 + 1), nested(instance * 10 + 2)]);
    problems.extend([categories(5, 4, instance), categories(8, 3, instance)]);
    problems
}
