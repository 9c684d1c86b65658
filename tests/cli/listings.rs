//! What `ls`, `show`, `trials`, `best` and `plan` print.

use crate::env::Env;

fn sample() -> Env {
    let env = Env::new();
    env.write(
        "s.yaml",
        "name: demo\ntags: [a, b]\ntrain: {model: {quadratic: {dim: 10}}, steps: 50}\nparams:\n  method: [gd, transfer]\n  lr: {log: [0.1, 10], grid: 3}\n  beta: {choice: {none: 0, half: 0.05}, when: {method: transfer}}\n  l2: 0.0\nrepeats: 2\nseed: 3\n",
    );
    env.ok(&["run", "s.yaml"]);
    env
}

/// The lines without those that tell when, where and by whom.
fn without_place(text: &str) -> String {
    let varies = ["started", "by ", "code", "session", "seconds", "steps_per_second"];
    text.lines().filter(|line| !varies.iter().any(|v| line.trim_start().starts_with(v))).collect::<Vec<_>>().join("\n")
}

#[test]
fn trials() {
    let env = sample();
    let columns = ["--columns", "trial,state,method,lr,beta,repeat,loss"];
    let table = |args: &[&str]| env.ok(&[&["trials"], args].concat()).stdout;
    insta::assert_snapshot!("trials_table", table(&[&columns[..], &["--sort", "loss"]].concat()));
    insta::assert_snapshot!(
        "trials_csv",
        table(&[&columns[..], &["--sort", "-lr", "--top", "3", "--format", "csv"]].concat())
    );
    insta::assert_snapshot!("trials_md", table(&[&columns[..], &["--top", "2", "--format", "md"]].concat()));
    assert_eq!(env.trials(&["-F", "beta = half and lr > 0.5"]).len(), 4);
    assert_eq!(env.trials(&["-F", "method = gd", "--only-changed"]).len(), 6);
    let header = table(&["--only-changed", "-F", "method = gd"]).lines().next().unwrap().to_owned();
    assert!(header.contains("lr") && !header.contains("method") && !header.contains("l2"), "{header}");
}

#[test]
fn trials_as_json() {
    let env = sample();
    let trial = &env.trials(&["-F", "trial = 5"])[0];
    let keys: Vec<&String> = trial.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "trial",
            "sweep",
            "config",
            "state",
            "reason",
            "seed",
            "repeat",
            "attempts",
            "params",
            "metrics",
            "objective",
            "started",
            "ended"
        ]
    );
    assert_eq!(trial["params"]["method"], "transfer");
    assert!(trial["params"].get("beta").is_some());
    assert!(env.trials(&["-F", "trial = 1"])[0]["params"].get("beta").is_none(), "inactive params are absent");
    assert_eq!(trial["started"].as_str().unwrap().len(), "2026-11-24T16:02:50.332414Z".len());
    assert_eq!(trial["config"].as_str().unwrap().len(), 32);
}

#[test]
fn filters_that_make_no_sense() {
    let env = sample();
    let shown: Vec<String> = ["lrr > 1", "lr >", "lr = big", "state = done and", "loss < 'x'"]
        .iter()
        .map(|filter| {
            let output = env.sweep(&["trials", "-F", filter]);
            assert_eq!(output.code, 2);
            output.stderr
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    let output = env.ok(&["trials", "-F", "lr > 1000"]);
    assert!(output.stderr.contains("none of the 18 trials of sweep 1 matches"), "{}", output.stderr);
    for args in [["--sort", "losss"], ["--columns", "lrr"]] {
        let output = env.sweep(&[&["trials"], &args[..]].concat());
        assert_eq!(output.code, 2);
        assert!(output.stderr.contains("did you mean"), "{}", output.stderr);
    }
}

#[test]
fn best_and_show() {
    let env = sample();
    insta::assert_snapshot!("best", env.ok(&["best"]).stdout);
    insta::assert_snapshot!("best_by", drop_seconds(&env.ok(&["best", "--by", "method", "--format", "csv"]).stdout));
    insta::assert_snapshot!("show_sweep", without_place(&env.stable(&env.ok(&["show", "demo"]).stdout)));
    insta::assert_snapshot!("show_trial", without_place(&env.stable(&env.ok(&["show", "1/2"]).stdout)));
    assert!(env.ok(&["show", "--spec"]).stdout.starts_with("name: demo\n"));
    assert_eq!(env.sweep(&["best", "--by", "methd"]).code, 2);
    for what in ["2", "nothing", "1/99", "1/x"] {
        let output = env.sweep(&["show", what]);
        assert_eq!(output.code, 2, "{what}");
        assert!(output.stderr.contains("hint:"), "{}", output.stderr);
    }
}

/// CSV without the column of seconds.
fn drop_seconds(csv: &str) -> String {
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let at = lines[0].iter().position(|name| *name == "seconds").unwrap();
    let kept = lines.iter().map(|line| {
        line.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, cell)| *cell).collect::<Vec<_>>().join(",")
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn plan() {
    let env = Env::with_sweeps();
    let output = env.ok(&["plan", "grid.yaml", "-j2"]);
    let lines: Vec<&str> = output.stdout.lines().filter(|line| !line.starts_with("time ")).collect();
    insta::assert_snapshot!(lines.join("\n"));
    let plan: serde_json::Value = serde_json::from_str(&env.ok(&["plan", "grid.yaml", "--json"]).stdout).unwrap();
    assert_eq!((plan["trials"].as_u64(), plan["configs"].as_u64()), (Some(210), Some(42)));
    assert!(plan["seconds"].as_f64().unwrap() > 0.0);
    assert!(!env.db().exists(), "planning stores nothing");
}

#[test]
fn an_empty_store_and_none_at_all() {
    let env = Env::new();
    for command in [&["ls"][..], &["trials"], &["best"], &["show"]] {
        let output = env.sweep(command);
        assert_eq!(output.code, 2, "{command:?}");
        assert!(output.stderr.contains("there is no store yet"), "{}", output.stderr);
        assert!(output.stderr.contains("`sweep run SPEC.yaml` makes one"), "{}", output.stderr);
    }
    assert!(!env.db().exists());
}

#[test]
fn hostile_names_are_ordinary_input() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "name: \"a'b\\\" <i>../; DROP\"\ntrain: {model: quadratic, steps: 2, lr: 0.1}\nparams:\n  \"we'ird \\e[31m <b>|\\n\": [\"x\\e[0m\", \"'; DROP TABLE trials; --\", \"../../etc\"]\n  l2: \"= 0 * abs(0)\"\nconstraints: [\"`we'ird \\e[31m <b>|\\n` != 'y'\"]\n",
    );
    let output = env.ok(&["run", "s.yaml"]);
    for output in [output, env.ok(&["ls"]), env.ok(&["trials"]), env.ok(&["best"]), env.ok(&["show", "1/1"])] {
        assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "{output:?}");
    }
    let trials = env.trials(&[]);
    assert_eq!(trials.len(), 3);
    assert_eq!(trials[0]["params"]["we'ird \u{1b}[31m <b>|\n"], "x\u{1b}[0m");
    assert!(env.ok(&["trials", "--format", "md"]).stdout.contains("\\|"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let env = sample();
    let command = format!("{} trials --json | head -c 10", env!("CARGO_BIN_EXE_sweep"));
    let output = std::process::Command::new("bash")
        .args(["-o", "pipefail", "-c", &command])
        .current_dir(env.path(""))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
