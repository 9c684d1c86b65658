//! Running: what is said, what is stored, what the exit codes are.

use crate::env::{Env, quick};

#[test]
fn the_main_job_gives_an_answer_that_makes_sense() {
    let env = Env::with_sweeps();
    let output = env.ok(&["run", "grid.yaml"]);
    assert!(output.stdout.starts_with("sweep 1 `grid`: 210 trials: 210 done in "), "{}", output.stdout);
    assert!(!output.stderr.contains("warning"), "the main job is free of slips: {}", output.stderr);
    let by = |param: &str| -> Vec<(String, f64)> {
        let output = env.ok(&["best", "--by", param, "--json"]);
        let rows: Vec<serde_json::Value> = serde_json::from_str(&output.stdout).unwrap();
        rows.iter().map(|row| (row["value"].to_string(), row["mean"].as_f64().unwrap())).collect()
    };
    let warm = by("warm");
    let loss = |list: &[(String, f64)], key: &str| list.iter().find(|(value, _)| value == key).unwrap().1;
    assert!(loss(&warm, "true") < 0.8 * loss(&warm, "false"), "a pre-trained start helps: {warm:?}");
    let pull = by("pull");
    assert!(loss(&pull, "0.9") > loss(&pull, "0.1"), "too strong a pull hurts: {pull:?}");
}

#[test]
fn the_classic_programs_follow_their_formulas() {
    let env = Env::with_sweeps();
    for spec in ["seed-gd.yaml", "seed-sgd.yaml", "seed-transfer.yaml"] {
        env.ok(&["run", spec]);
    }
    let shown = |trial: &str| -> Vec<(u64, f64)> {
        let output = env.ok(&["show", trial, "--json"]);
        let trial: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let points = trial["series"]["loss"].as_array().unwrap();
        points.iter().map(|p| (p[0].as_u64().unwrap(), p[1].as_f64().unwrap())).collect()
    };
    let gd = shown("1/1");
    assert_eq!(gd.iter().map(|p| p.0).collect::<Vec<_>>(), (0..=10).map(|i| i * 100).collect::<Vec<_>>());
    assert!((gd[10].1 / gd[0].1 - (1.0f64 - 2.0 * 0.01 / 1000.0).powi(2000)).abs() < 1e-12);
    assert!((gd[10].1 / gd[0].1 - 0.960789).abs() < 5e-7);
    let sgd = shown("2/1");
    assert!(sgd[10].1 < sgd[0].1);
    // With alpha and beta, (theta - (beta/alpha) theta[0]) shrinks by 1 - 2 alpha / n each step.
    let transfer = shown("3/3");
    let (alpha, beta) = (0.01, 0.005);
    let shrink = (1.0f64 - 2.0 * alpha / 1000.0).powi(1000);
    let factor = beta / alpha + (1.0 - beta / alpha) * shrink;
    assert!((transfer[10].1 / transfer[0].1 - factor * factor).abs() < 1e-12);
}

#[test]
fn what_a_run_says() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "name: demo\ntrain: {model: {quadratic: {dim: 10}}, steps: 50, method: gd}\nparams:\n  lr: {log: [0.1, 1000], grid: 5}\nrepeats: 3\n",
    );
    let output = env.ok(&["run", "s.yaml"]);
    insta::assert_snapshot!("run_stdout", env.stable(&output.stdout));
    insta::assert_snapshot!("run_stderr", env.stable(&output.stderr));
    let again = env.ok(&["run", "s.yaml"]);
    assert!(again.stderr.contains("sweep 1 `demo` is complete: nothing is left to run"), "{}", again.stderr);
    let quiet = env.ok(&["run", "s.yaml", "--new", "--quiet"]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn diverged_trials_are_results_and_rank_last() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "train: {model: {quadratic: {dim: 10}}, steps: 200, method: gd}\nparams: {lr: [1, 1000]}\nrepeats: 3\n",
    );
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stdout.contains("3 done, 3 diverged"), "{}", output.stdout);
    let trials = env.trials(&["-F", "state = diverged"]);
    assert_eq!(trials.len(), 3);
    assert!(trials[0]["reason"].as_str().unwrap().starts_with("loss "), "{}", trials[0]);
    assert_eq!(trials[0]["objective"], serde_json::Value::Null);
    let best = env.ok(&["best"]).stdout;
    assert!(best.contains("3 diverged"), "{best}");
    assert_eq!(env.ok(&["best", "--json"]).stdout.lines().count(), 2);
}

#[test]
fn failed_trials_give_exit_code_1_and_are_run_again_when_told_to() {
    let env = Env::new();
    env.write("d.csv", &("x,y\n".to_owned() + &(0..40).map(|i| format!("{i},{}\n", i % 2)).collect::<String>()));
    env.write("s.yaml", "train: {data: d.csv, target: y, epochs: 1}\nparams: {model: [softmax, linear]}\nrepeats: 3\n");
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 1);
    assert!(output.stdout.contains("3 done, 3 failed"), "{}", output.stdout);
    assert!(output.stderr.contains("failed: the model needs a target of numbers"), "{}", output.stderr);
    assert_eq!(env.sweep(&["run", "s.yaml"]).code, 1, "complete, with failed trials");
    assert_eq!(env.trials(&["-F", "attempts = 1"]).len(), 6, "nothing was run again");
    assert_eq!(env.sweep(&["run", "s.yaml", "--retry-failed"]).code, 1);
    assert_eq!(env.trials(&["-F", "attempts = 2 and state = failed"]).len(), 3);
    env.write("r.yaml", "train: {data: d.csv, target: y, epochs: 1}\nparams: {model: [linear]}\neach: {retries: 2}\n");
    assert_eq!(env.sweep(&["run", "r.yaml"]).code, 1);
    assert_eq!(env.trials(&["last", "-F", "attempts = 3"]).len(), 1);
}

#[test]
fn timeouts_end_trials_as_failed() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "train: {model: {quadratic: {dim: 1000}}, steps: 1000000000}\nparams: {lr: [0.1]}\neach: {timeout: 300ms}\n",
    );
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 1);
    assert_eq!(env.trials(&["-F", "state = failed"])[0]["reason"], "timed out after 0.3 s");
}

#[test]
fn a_time_budget_leaves_the_rest_for_later() {
    let env = Env::new();
    env.write("s.yaml", &(quick(100_000, 2000) + "time: 300ms\n"));
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(output.stdout.contains("the time is up"), "{}", output.stdout);
    let done = env.trials(&[]).len();
    assert!(done > 0 && done < 100_000);
}

#[test]
fn the_point_that_counts_is_the_one_that_at_names() {
    let env = Env::with_sweeps();
    env.write(
        "base.yaml",
        "train: {data: data/digits.csv, target: label, model: softmax, lr: 2, steps: 200, report: {every: 10}}\nparams: {l2: 0}\n",
    );
    let objective = |name: &str, at: &str| -> (f64, Vec<(u64, f64)>) {
        let spec = format!("include: [base.yaml]\nmetric: {{name: val_loss, goal: min, at: {at}}}\n");
        env.write(&format!("{name}.yaml"), &spec);
        env.ok(&["run", &format!("{name}.yaml")]);
        let shown: serde_json::Value =
            serde_json::from_str(&env.ok(&["show", &format!("{name}/1"), "--json"]).stdout).unwrap();
        let points = shown["series"]["val_loss"].as_array().unwrap();
        let points = points.iter().map(|p| (p[0].as_u64().unwrap(), p[1].as_f64().unwrap())).collect();
        (shown["objective"].as_f64().unwrap(), points)
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    let (last, points) = objective("final", "last");
    near(last, points[points.len() - 1].1);
    let (best, points) = objective("best", "best");
    near(best, points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min));
    assert!(best < last, "a rate this large does not end at its best");
    let (at_step, points) = objective("step", "{step: 55}");
    near(at_step, points.iter().rfind(|p| p.0 <= 55).unwrap().1);
    let (mean, points) = objective("mean", "{mean: 3}");
    near(mean, points[points.len() - 3..].iter().map(|p| p.1).sum::<f64>() / 3.0);
}

#[test]
fn a_target_ends_the_search() {
    let env = Env::new();
    env.write("s.yaml", &(quick(3000, 50) + "target: {loss: 5}\n"));
    let output = env.ok(&["run", "s.yaml", "-j1"]);
    assert!(output.stdout.contains("the target is reached"), "{}", output.stdout);
    assert!(env.trials(&[]).len() < 3000);
}

#[test]
fn the_seeds_of_repeats_are_paired_and_fit_numpy() {
    let env = Env::new();
    env.write("s.yaml", "train: {model: quadratic, steps: 1}\nparams: {lr: [0.1, 0.2, 0.3]}\nrepeats: 3\n");
    env.ok(&["run", "s.yaml"]);
    for repeat in 0..3 {
        let trials = env.trials(&["-F", &format!("repeat = {repeat}")]);
        assert_eq!(trials.len(), 3);
        assert!(trials.iter().all(|trial| trial["seed"] == trials[0]["seed"]));
        assert!(trials[0]["seed"].as_u64().unwrap() < 1 << 31);
    }
    env.write("t.yaml", "train: {model: quadratic, steps: 1}\nparams: {lr: [0.1]}\nseeds: [7, 5]\n");
    env.ok(&["run", "t.yaml"]);
    let seeds: Vec<u64> = env.trials(&["last"]).iter().map(|trial| trial["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [7, 5]);
}

#[test]
fn results_do_not_depend_on_the_number_of_slots() {
    let env = Env::with_sweeps();
    env.ok(&["run", "grid.yaml", "-j1", "--name", "one"]);
    env.ok(&["run", "grid.yaml", "-j4", "--name", "four"]);
    env.ok(&["run", "random.yaml", "-j1", "--configs", "20", "--name", "random one"]);
    env.ok(&["run", "random.yaml", "-j3", "--configs", "20", "--name", "random three"]);
    assert_eq!(env.results("one"), env.results("four"));
    assert_eq!(env.results("random one"), env.results("random three"));
}

#[test]
fn mistakes_leave_nothing_behind() {
    let env = Env::new();
    env.write("s.yaml", "train: {data: none.csv, target: y, model: softmax}\nparams: {lr: [0.1]}\nrepeats: 3\n");
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!(env.stable(&output.stderr));
    let listing = env.sweep(&["ls"]);
    assert!(listing.stdout.is_empty() && listing.stderr.contains("there is no store yet"), "{}", listing.stderr);
    let output = env.sweep(&["run", "t.yaml"]);
    assert_eq!(output.code, 2);
    env.write("u.yaml", "train: {model: quadratic}\nparams: {lr: [0.1]}\nmetric: min val_loss\n");
    let output = env.sweep(&["run", "u.yaml"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("`quadratic` has no `val_loss`"), "{}", output.stderr);
}

#[test]
fn mistakes_in_data_are_shown_in_the_spec() {
    let env = Env::new();
    env.write("d.csv", &("x,y\n".to_owned() + &(0..40).map(|i| format!("{i},{}\n", i % 2)).collect::<String>()));
    env.write(
        "s.yaml",
        "train:\n  data: d.csv\n  target: why\n  rows: \"z > 3\"\n  model: softmax\nparams: {lr: [0.1]}\nrepeats: 3\n",
    );
    let first = env.sweep(&["run", "s.yaml"]).stderr;
    let second = env.sweep(&["run", "s.yaml", "train.target=y"]).stderr;
    insta::assert_snapshot!(env.stable(&format!("{first}\n{second}")));
}

#[test]
fn a_large_grid_is_planned_and_begun_without_holding_it() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "train: {model: {quadratic: {dim: 1}}, steps: 1}\nparams:\n  lr: {log: [1e-4, 1], grid: 100}\n  l1: {log: [1e-4, 1], grid: 100}\n  l2: {log: [1e-4, 1], grid: 1000}\nconstraints: [\"l1 <= l2\"]\n",
    );
    let plan = env.ok(&["plan", "s.yaml"]).stdout;
    assert!(plan.contains("of 10000000 combinations"), "{plan}");
    // Ten million trials are far more than this may hold in memory.
    let mut command = env.command(&["run", "s.yaml", "-q"]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(peak.parse::<u64>().unwrap() < 300_000, "{peak} kB");
    assert!(!env.trials(&["--top", "3"]).is_empty());
}
