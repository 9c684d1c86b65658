//! What a person sees of mistakes, and the law of the canonical form.

use std::fs;
use std::path::Path;

use super::{Overrides, canonical, changes, is_same_search, lint, load, load_canonical};

const DATA: &str = "x,label\n1,a\n";
const TRAIN: &str = "train: {data: d.csv, target: label, model: softmax}\n";

fn shown(yaml: &str, overrides: &Overrides) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("d.csv"), DATA).unwrap();
    fs::write(folder.path().join("s.yaml"), yaml).unwrap();
    let text = match load(&folder.path().join("s.yaml"), overrides) {
        Ok(loaded) => {
            let mut list = loaded.warnings.list.clone();
            list.extend(lint(&loaded));
            list.iter().map(|problem| problem.render(&loaded.sources, false)).collect::<Vec<_>>().join("\n")
        }
        Err(error) => error.to_string(),
    };
    text.replace(&format!("{}/", folder.path().display()), "")
}

fn all(cases: &[&str]) -> String {
    cases
        .iter()
        .map(|case| {
            let yaml = if case.contains("train:") { (*case).to_owned() } else { format!("{TRAIN}{case}") };
            format!("{case}\n\n{}\n", shown(&yaml, &Overrides::default()))
        })
        .collect::<Vec<_>>()
        .join("\n----------------------------------------\n\n")
}

#[test]
fn mistakes_in_params() {
    insta::assert_snapshot!(all(&[
        "params:\n  lr: {log: [1, 1e-4], grid: 3}\n",
        "params:\n  lr: {log: [0, 1], grid: 3}\n",
        "search: grid\nparams:\n  lr: {log: [1e-4, 1]}\n",
        "params:\n  lr: {log: [1e-4, 1], gird: 3}\n",
        "params:\n  lr: {log: [1e-4, 1], float: [0, 1], grid: 3}\n",
        "params:\n  lr: {min: 1e-4, max: 0.1, distribution: log_uniform_values}\n",
        "params:\n  batch: {min: 16, max: 128}\n",
        "params:\n  lr: {log: [\"1e-4\", 1], grid: 3}\n",
        "params:\n  batch: {int: [1.5, 3], grid: 2}\n",
        "params:\n  batch: {pow2: [10, 100], grid: 2}\n",
        "params:\n  momentm: [0.5, 0.9]\n",
        "params:\n  model: {mlp: [32]}\n",
        "params:\n  lr: []\n",
        "params:\n  method: [sgd, sdg]\n",
        "params:\n  method: [sgd, momentum]\n  momentum: {choice: [0.5, 0.9], when: {metod: momentum}}\n",
        "params:\n  method: [sgd, momentum]\n  momentum: {choice: [0.5, 0.9], when: {method: momentun}}\n",
        "params:\n  lr: {choice: [0.1, 0.2], weights: [1]}\n",
        "params:\n  lr: = pul * 2\n  pull: [1, 2]\n",
        "params:\n  lr: = pull *\n  pull: [1, 2]\n",
        "params:\n  a: = b + 1\n  b: = a + 1\n  lr: = a\n",
        "params:\n  lr: [0.1, 0.2]\nconstraints:\n  - \"lr < bach\"\n  - lr +\n  - lr\n",
        "params:\n  lr: [0.1, 0.1]\n",
        "search: grid\nparams:\n  lr: {normal: [0, 1]}\n",
        "params:\n  lr: [0.1, 0.2]\ntry: [{lr: 0.5}, {rl: 0.1}]\n",
        "params:\n  lr: [0.1, 0.2]\ncases: [{lr: 0.5}]\n",
        "params:\n  lr: {float: [0, 1], step: 2}\n",
        "params:\n  lr: {when: {method: sgd}}\n",
    ]));
}

#[test]
fn mistakes_at_the_top() {
    insta::assert_snapshot!(all(&[
        "",
        "train: {data: d.csv, target: label, model: softmax}\nparms: {lr: 0.1}\nserach: grid\n",
        "run: python train.py\nparams: {lr: [1]}\ntrain: {data: d.csv, target: label, model: softmax}\n",
        "params: {lr: [0.1]}\nlr: 3\n",
        "search: {bayes: 30}\nparams: {lr: [0.1]}\n",
        "search: {bayes: {inti: 3}}\nparams: {lr: [0.1]}\n",
        "search: gird\nparams: {lr: [0.1]}\n",
        "metric: val_loss\nparams: {lr: [0.1]}\n",
        "metric: min vall_loss\nparams: {lr: [0.1]}\n",
        "metric: least val_loss\nparams: {lr: [0.1]}\n",
        "metric: {name: val_loss, goal: min, at: middle}\nparams: {lr: [0.1]}\n",
        "repeats: 0\nparams: {lr: [0.1]}\n",
        "repeats: 3\nseeds: [1]\nparams: {lr: [0.1]}\n",
        "trials: 2\nrepeats: 5\nparams: {lr: [0.1]}\n",
        "time: soon\nparams: {lr: [0.1]}\n",
        "each: {gpu: 1, timeot: 3}\nparams: {lr: [0.1]}\n",
        "prune: asha\nenv: {A: 1}\nparams: {lr: [0.1]}\n",
        "parallel: many\nparams: {lr: [0.1]}\n",
        "train: {model: softmax}\n",
        "train: {data: d.csv, model: softmax}\n",
        "train: {data: d.csv, target: label}\n",
        "train: {data: d.csv, target: label, model: sotfmax, lr: [1, 2], epoch: 3}\n",
        "train: {data: d.csv, target: label, model: softmax, split: {validation: 0.7, test: 0.5}}\n",
        "train: {data: d.csv, target: label, model: softmax, method: transfer}\n",
        "train: {data: d.csv, target: label, model: softmax, rows: \"row >\"}\n",
        "train: {data: d.csv, target: label, model: softmax, epochs: 3, steps: 5}\nparams: {lr: [0.1]}\n",
        "method: random\nparameters: {lr: {values: [1, 2]}}\n# train: none\n",
        "train: [\n",
        "params: {lr: [0.1]}\nparams: {lr: [0.2]}\n",
        "- train: a list\n",
    ]));
}

#[test]
fn mistakes_in_commands() {
    let shown = |yaml: &str| format!("{yaml}\n{}\n", shown(yaml, &Overrides::default()));
    let cases = [
        "run: python train.py --rate={lrr}\nmetric: min loss\nparams: {lr: [0.1]}\nrepeats: 1\n",
        "run: [python, train.py, \"{arg}\", 3, true]\nmetric: min loss\nparams: {lr: [0.1]}\n",
        "run: python 'train.py\nmetric: min loss\nparams: {lr: [0.1]}\n",
        "run: []\nparams: {lr: [0.1]}\n",
        "run: {python: train.py}\nparams: {lr: [0.1]}\n",
        "run: python train.py {args} | tee log\nmetric: min loss\nparams: {lr: [0.1, 0.2]}\nrepeats: 5\n",
        "run: python train.py --out={dir}\nparams: {lr: [0.1, 0.2]}\nrepeats: 5\n",
        "run: python train.py\nread: {stdout: 'acc=([0-9]+)'}\nmetric: max acc\nparams: {lr: [0.1]}\n",
        "run: python train.py\nread: {stdout: 'acc=(?P<acc>[0-9]+'}\nmetric: max acc\nparams: {lr: [0.1]}\n",
        "run: python train.py\nread: {stdot: 'x'}\nmetric: max acc\nparams: {lr: [0.1]}\n",
        "run: a\nenv: {SWEEP_DIR: x, \"A=B\": y, C: \"{sed}\", D: [1]}\nmetric: min loss\nparams: {lr: [0.1]}\n",
        "run: a\neach: {gpu: 1.5, cpu: 0, mem: lots, stall: soon, keep: [../x, \"a[\"], retry: 3}\nmetric: min loss\nparams: {lr: [0.1]}\n",
        "run: a\nslots: {gpu: all, disk: 3}\nmax_failures: 0\nmetric: min loss\nparams: {lr: [0.1]}\n",
    ];
    insta::assert_snapshot!(cases.map(shown).join("\n----------------------------------------\n\n"));
}

#[test]
fn slips_are_pointed_out() {
    insta::assert_snapshot!(all(&[
        "params:\n  lr: {float: [1e-5, 0.1], grid: 5}\nrepeats: 5\n",
        "params:\n  lr: [0.1, 0.2]\n",
        "params:\n  lr: [\"0.1\", 0.2]\nrepeats: 5\n",
        "params:\n  warm: [yes, no]\nrepeats: 5\n",
        "params:\n  method: [gd, sgd]\nrepeats: 5\n",
        "params:\n  method: [sgd, momentum]\n  momentum: [0.5, 0.9]\nrepeats: 5\n",
        "params:\n  lr: {log: [1e-5, 0.1], grid: 101}\n  l2: {log: [1e-5, 0.1], grid: 101}\nrepeats: 5\n",
        "search: random\nconfigs: 5\nparams:\n  lr: {log: [1e-5, 0.1]}\nrepeats: 5\n",
        "train: {data: d.csv, target: label, model: softmax, source: {rows: \"row < 1\"}}\nparams:\n  method: [transfer]\n  beta: [0.1, 0.5]\n  lr: [0.2]\nrepeats: 5\n",
    ]));
}

#[test]
fn overrides_are_shown_at_their_place() {
    let shown = |words: &[&str]| {
        let overrides =
            Overrides { assignments: words.iter().map(|w| (*w).to_owned()).collect(), ..Overrides::default() };
        let yaml =
            "train: {data: d.csv, target: label, model: softmax, epochs: 3}\nparams: {lr: [0.1, 0.2]}\nrepeats: 5\n";
        format!("{words:?}\n{}", shown(yaml, &overrides))
    };
    insta::assert_snapshot!(
        [
            shown(&["lr={log: [1, 0.1], grid: 3}"]),
            shown(&["rl=3"]),
            shown(&["lr=[1"]),
            shown(&["lr"]),
            shown(&["epochs=5"]),
            shown(&["train.epoch=5"]),
            shown(&["train.epochs=5", "momentum=[0.5, 0.9]", "method=momentum"]),
        ]
        .join("\n\n")
    );
}

#[test]
fn files_that_are_no_specs() {
    let folder = tempfile::tempdir().unwrap();
    let shown = |name: &str| {
        let error = load(&folder.path().join(name), &Overrides::default()).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "FOLDER")
    };
    fs::write(folder.path().join("grid.yaml"), format!("include: [grid.yaml]\n{TRAIN}")).unwrap();
    fs::write(folder.path().join("base.yaml"), format!("include: nothing.yaml\n{TRAIN}")).unwrap();
    fs::write(folder.path().join("large.yaml"), "a: ".to_owned() + &"x".repeat(2 << 20)).unwrap();
    fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    fs::create_dir(folder.path().join("sub.yaml")).unwrap();
    let names = ["gird.yaml", "grid.yaml", "base.yaml", "large.yaml", "binary.yaml", "sub.yaml"];
    insta::assert_snapshot!(names.map(shown).join("\n\n"));
}

#[test]
fn includes_merge_deeply() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("base")).unwrap();
    fs::write(
        folder.path().join("base/base.yaml"),
        "train: {data: d.csv, target: label, model: softmax, epochs: 3}\nparams: {lr: [0.1, 0.2], l2: 0.5}\nrepeats: 2\n",
    )
    .unwrap();
    fs::write(folder.path().join("s.yaml"), "include: [base/base.yaml]\ntrain: {epochs: 7}\nparams: {lr: [0.3]}\n")
        .unwrap();
    let meant = canonical(&load(&folder.path().join("s.yaml"), &Overrides::default()).unwrap().spec);
    assert_eq!(meant["train"]["data"], "base/d.csv", "relative to the file it stands in");
    assert_eq!(meant["train"]["epochs"], 7);
    assert_eq!(meant["params"]["lr"]["choice"], serde_json::json!([0.3]));
    assert_eq!(meant["params"]["l2"]["const"], 0.5);
    assert_eq!(meant["repeats"], 2);
}

/// Specs that use every part of the format.
const SPECS: [&str; 4] = [
    "train: {model: quadratic}\nparams: {lr: 0.01}\n",
    "name: \"odd: name\"\ntrain:\n  data: {train: a.csv, validation: b.csv, test: c.csv}\n  target: y\n  features: [p*]\n  drop: [id]\n  rows: \"year >= 2020 and row != 3\"\n  task: regression\n  split: {validation: 0.1, test: 0, seed: 4, fixed: true}\n  scale: none\n  model: {mlp: [32, 16]}\n  report: {every: 50}\n  source: {data: o.csv, rows: \"row < 5\", epochs: 2, method: adam}\nsearch: {random: {seed: 9}}\nseed: 12\nconfigs: 30\nseeds: [4, 5]\ntime: 90m\ntarget: {val_rmse: 0.5}\nmetric: {name: val_rmse, goal: min, at: {mean: 3}}\nparams:\n  lr: {log: [1e-5, 0.1], round: 1e-5}\n  batch: {pow2: [16, 64]}\n  momentum: {betadist: [2, 2], round: 0.1}\n  l1: {lognormal: [-3, 1]}\n  l2: {choice: {small: 0.001, large: 0.1}, weights: [1, 3]}\n  method: [sgd, momentum]\n  schedule: {choice: [constant, cosine], when: {method: [sgd]}}\n  beta: = lr * 2\n  eps: {const: 1e-7}\nconstraints: [\"lr < 0.05 or batch > 16\"]\ntry: [{lr: 0.01}]\ncases: [{epochs: 3}, {epochs: 5}]\nparallel: 2\neach: {timeout: 10m, retries: 2, keep: [model]}\ntags: [a, b]\n",
    "train: {data: d.csv, target: label, model: softmax}\nmetric: max val_accuracy\nparams:\n  lr: {float: [0, 1], step: 0.25}\n  init: {logint: [1, 100], grid: 3}\n  group:\n    a: [1, 2.0, \"3\", true, null, [1, 2], {x: 1}]\n  l2: = group.a\ntrials: 100\nrepeats: 3\n",
    "train: {data: d.csv, target: label, model: softmax, source: {checkpoint: 3/17}, warm: true, patience: 3}\nparams:\n  lr: {float: [-1, 1], grid: 5}\n  l1: \"= 1 + lr\"\n",
];

#[test]
fn the_canonical_form_reads_back_as_itself() {
    for yaml in SPECS {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("s.yaml"), yaml).unwrap();
        let spec = match load(&folder.path().join("s.yaml"), &Overrides::default()) {
            Ok(loaded) => loaded.spec,
            // A range that goes below 0 is no learning rate; the others are fine.
            Err(error) => {
                assert!(yaml.contains("[-1, 1]"), "{error}");
                continue;
            }
        };
        let meant = canonical(&spec);
        let again = load_canonical(&meant.to_string(), folder.path(), &Overrides::default());
        let again = again.unwrap_or_else(|error| panic!("{error}\n{meant:#}")).spec;
        assert_eq!(canonical(&again), meant);
        assert!(is_same_search(&canonical(&again), &meant));
        assert_eq!(again.space, spec.space);
        assert_eq!(again.job, spec.job);
    }
}

#[test]
fn changes_are_told() {
    let meant = |yaml: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("s.yaml"), format!("{TRAIN}{yaml}")).unwrap();
        canonical(&load(&folder.path().join("s.yaml"), &Overrides::default()).unwrap().spec)
    };
    let old = meant("params: {lr: [0.1, 0.2], method: [sgd]}\nrepeats: 2\ntags: [x]\n");
    let new =
        meant("params: {lr: {log: [0.1, 1], grid: 2}, method: [sgd], l2: 0.1}\nrepeats: 3\nmetric: max val_auc\n");
    let list: Vec<String> = changes(&old, &new).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(list.join("\n"));
    assert!(is_same_search(
        &old,
        &meant("# comment\nparams:\n  lr: [0.1, 0.2]\n  method: [sgd]\nrepeats: 2\nparallel: 7\n")
    ));
    assert_eq!(
        changes(&old, &meant("params: {method: [sgd], lr: [0.1, 0.2]}\nrepeats: 2\n")).len(),
        1,
        "the order counts"
    );
}

#[test]
fn a_large_spec_is_refused_fast() {
    let start = std::time::Instant::now();
    let deep = format!("params: {}1{}", "{a: ".repeat(5_000), "}".repeat(5_000));
    assert!(shown(&deep, &Overrides::default()).contains("not YAML"));
    // Generous: the point is seconds against hours.
    assert!(start.elapsed().as_secs() < 20);
    assert!(load(Path::new("/dev/null"), &Overrides::default()).is_err());
}
