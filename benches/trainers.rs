//! Steps per second of the built-in trainers on the digits data: our side of `benches/trainers.py`.
//!
//! `cargo bench --bench trainers -- [DIGITS.csv [SECONDS [WORKLOAD]]]` prints one line a workload:
//! `name steps/s(wall) steps/s(cpu) check`. Every workload goes through `method::train`, as the trials of a sweep do:
//! mini-batches are drawn without replacement and copied together. `check` is the loss after a fixed number of steps
//! from a fixed start, for the peers to agree with (exactly, for the workloads without mini-batches).

#![expect(clippy::print_stdout, reason = "the driver reads what is printed")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use sweep::train::matrix::{Matrix, Part, Targets};
use sweep::train::method::{Control, MethodKind, MethodSpec, Monitor, train};
use sweep::train::model::{Activation, ModelSpec, Objective};

/// Does not look.
struct Silent;

impl Monitor for Silent {
    fn report(&mut self, _step: u64, _theta: &[f64], _objective: &mut Objective) -> Control {
        Control::Continue
    }
}

/// The digits, each column standardised (a constant column is 0).
fn digits(path: &str) -> Arc<Part> {
    let text = std::fs::read_to_string(path).expect("the digits file can be read");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|field| field.trim().parse().expect("the fields are numbers")).collect())
        .collect();
    let (n, cols) = (rows.len(), 64);
    let mut x = Matrix::zeros(n, cols);
    for j in 0..cols {
        let mean = rows.iter().map(|row| row[j]).sum::<f64>() / n as f64;
        let variance = rows.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / n as f64;
        let deviation = if variance == 0.0 { 1.0 } else { variance.sqrt() };
        for (i, row) in rows.iter().enumerate() {
            x.data_mut()[i * cols + j] = (row[j] - mean) / deviation;
        }
    }
    Arc::new(Part { x, y: Targets::Classes { ids: rows.iter().map(|row| row[cols] as u32).collect(), count: 10 } })
}

/// The processor time of this thread in seconds, as Linux counts it.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds * 1e-9)
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let path = arguments.next().unwrap_or_else(|| "sweeps/data/digits.csv".to_owned());
    let seconds: f64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0.3);
    let part = digits(&path);
    let mlp = || ModelSpec::Mlp { hidden: vec![32] };
    let quadratic = ModelSpec::Quadratic { dim: 1000, condition: 1.0 };
    let (relu, tanh) = (Activation::Relu, Activation::Tanh);
    let only = arguments.next();
    for (name, model, activation, batch, lr, check) in [
        ("quadratic", quadratic, tanh, None, 0.01, 1000),
        ("softmax_b32", ModelSpec::Softmax, tanh, Some(32), 0.1, 2000),
        ("mlp_relu_b32", mlp(), relu, Some(32), 0.1, 2000),
        ("mlp_tanh_b32", mlp(), tanh, Some(32), 0.1, 2000),
        ("softmax_full", ModelSpec::Softmax, tanh, None, 0.1, 50),
        ("mlp_relu_full", mlp(), relu, None, 0.1, 50),
        ("mlp_tanh_full", mlp(), tanh, None, 0.1, 50),
    ] {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let mut objective = Objective::new(&model, activation, 0.0, 0.0, Arc::clone(&part)).expect("the digits fit");
        let start: Vec<f64> = match model {
            ModelSpec::Softmax => vec![0.0; objective.dim()],
            ModelSpec::Quadratic { .. } => vec![1.0; objective.dim()],
            _ => (0..objective.dim()).map(|i| 0.2 * (i as f64 + 1.0).sin()).collect(),
        };
        let kind = if batch.is_some() { MethodKind::Sgd } else { MethodKind::Gd };
        let spec = MethodSpec { lr, batch, ..MethodSpec::new(kind, check) };
        let cancel = AtomicBool::new(false);
        let mut run = |steps: u64| {
            let spec = MethodSpec { steps, ..spec.clone() };
            train(&mut objective, start.clone(), &spec, steps, 1, &cancel, &mut Silent).theta
        };
        let theta = run(check);
        let clock = Instant::now();
        run(check);
        let steps = (check as f64 * seconds / clock.elapsed().as_secs_f64()).ceil() as u64;
        let (clock, cpu) = (Instant::now(), cpu_seconds());
        run(steps);
        let wall = steps as f64 / clock.elapsed().as_secs_f64();
        let spent = cpu.zip(cpu_seconds()).map(|(from, to)| to - from).filter(|spent| *spent > 0.0);
        let processor = spent.map_or(f64::NAN, |spent| steps as f64 / spent);
        println!("{name} {wall:.1} {processor:.1} {:.12}", objective.loss(&theta));
    }
}
