//! Builds a store of many trials by the program's own writer, to ask it questions.
//!
//!     cargo bench --bench build_store -- FILE TRIALS
//!
//! One sweep; each trial has 10 params, 5 final metrics and 1,000 points of series; each config 2 seeds.

use std::path::PathBuf;
use std::sync::Arc;

use sweep::space::{Config, Setting, State, Value};
use sweep::store::{Access, AttemptEnd, NewSweep, NewTrial, Series, Store};

const METRICS: [&str; 5] = ["val_loss", "val_accuracy", "loss", "steps", "seconds"];
const POINTS: u64 = 200;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let usage = "usage: build_store FILE TRIALS";
    let path = PathBuf::from(arguments.next().expect(usage));
    let trials: u64 = arguments.next().and_then(|count| count.parse().ok()).expect(usage);
    let mut store = Store::open(&path, Access::Create).expect("a store can be made");
    let params: Vec<String> = (0..10).map(|i| format!("p{i}")).collect();
    let meant = format!(
        r#"{{"name":"big","metric":{{"name":"val_loss","goal":"min","at":"last"}},"params":{{{}}}}}"#,
        params.iter().map(|name| format!(r#""{name}":{{"float":[0,1]}}"#)).collect::<Vec<_>>().join(",")
    );
    let new = NewSweep {
        name: "big".into(),
        spec_meant: meant,
        folder: "/".into(),
        metric: "val_loss".into(),
        goal: "min".into(),
        planned: Some(trials),
        ..NewSweep::default()
    };
    let (sweep, _) = store.add_sweep(&new).expect("a sweep can be added");
    let mut writer = store.into_writer(sweep, "build_store", "").expect("the sweep can be written");
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut config = Config::default();
    for number in 1..=trials {
        if number % 1000 == 1 {
            if number > 1 {
                writer.commit().expect("trials can be committed");
            }
            writer.begin(false).expect("a group can begin");
        }
        if number % 2 == 1 {
            config = Config {
                settings: params
                    .iter()
                    .enumerate()
                    .map(|(i, name)| Setting {
                        name: Arc::from(name.as_str()),
                        // The last one has few values, to group by.
                        value: Value::Float(if i == 9 { (random() * 4.0).floor() } else { random() }),
                        label: None,
                    })
                    .collect(),
            };
        }
        let started = number as i64 * 1_000_000;
        let trial = NewTrial {
            config: &config,
            id: config.id(),
            ordinal: number / 2,
            number,
            repeat: ((number + 1) % 2) as u32,
            seed: number % 2,
            started,
            process: None,
            reason: None,
        };
        let metrics = METRICS.map(|name| (name, random()));
        let end = AttemptEnd {
            state: if number % 97 == 0 { State::Failed } else { State::Done },
            reason: if number % 97 == 0 { "exit code 1" } else { "" },
            metrics: &metrics,
            objective: Some(metrics[0].1),
            ended: started + 900_000,
            exit: None,
        };
        let opened = writer.add_ended(&trial, &end).expect("a trial can be added");
        for name in METRICS {
            let series = Series { steps: (0..POINTS).collect(), values: (0..POINTS).map(|_| random()).collect() };
            let chunk = series.pack().expect("there are points");
            writer.add_chunk(opened.attempt, name, 0, &chunk).expect("points can be added");
        }
    }
    writer.commit().expect("trials can be committed");
}
