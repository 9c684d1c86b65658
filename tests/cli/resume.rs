//! Same command, same sweep.

use std::thread;
use std::time::Duration;

use crate::env::{Env, quick};

/// Runs a sweep, one trial at a time, until `trials` of it are stored, then kills it.
fn begin(env: &Env, args: &[&str], trials: usize) {
    let mut child = env.start(&[args, &["-j1"]].concat());
    for _ in 0..400 {
        thread::sleep(Duration::from_millis(10));
        let output = env.sweep(&["trials", "--json"]);
        if output.code == 0 && output.stdout.lines().count() >= trials {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_sweep_goes_on_and_equals_an_uninterrupted_one() {
    let env = Env::new();
    env.write("s.yaml", &(quick(300, 20_000) + "repeats: 2\n"));
    begin(&env, &["run", "s.yaml"], 20);
    let before = env.trials(&[]).len();
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stderr.contains("done before"), "{}", output.stderr);
    env.ok(&["run", "s.yaml", "--name", "whole"]);
    assert_eq!(env.results("1"), env.results("whole"));
    assert!(before < 600);
    let sessions = env.ok(&["show", "1", "--json"]).stdout;
    let shown: serde_json::Value = serde_json::from_str(&sessions).unwrap();
    assert_eq!(shown["sessions"][0]["outcome"], "died");
    assert_eq!(shown["sessions"][1]["outcome"], "complete");
}

#[test]
fn a_changed_spec_is_refused_while_the_sweep_is_incomplete() {
    let env = Env::new();
    env.write("s.yaml", &quick(2000, 9000));
    begin(&env, &["run", "s.yaml"], 5);
    env.write("s.yaml", &quick(2000, 9001));
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!("changed", env.stable(&output.stderr));
    let output = env.sweep(&["run", "s.yaml", "--extend"]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!("not_an_extension", env.stable(&output.stderr));
    // With the stored spec it goes on all the same.
    env.ok(&["run", "--resume", "1"]);
    let steps: Vec<_> = env.trials(&["1", "-F", "steps = 9000"]);
    assert_eq!(steps.len(), 2000);
    // Now it is complete, and a changed spec is a new sweep.
    env.write("s.yaml", &quick(3, 4000));
    let output = env.ok(&["run", "s.yaml"]);
    assert!(
        output.stderr.contains("the spec differs from sweep 1, which is complete: a new sweep"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("train.steps: 9000 -> 4000"), "{}", output.stderr);
    assert_eq!(env.trials(&["2"]).len(), 3);
}

#[test]
fn comments_layout_and_free_keys_change_nothing() {
    let env = Env::new();
    env.write("s.yaml", &quick(2000, 9000));
    begin(&env, &["run", "s.yaml"], 5);
    env.write(
        "s.yaml",
        &format!("# a comment\n\n{}\nparallel: 3\ntags: [x]\neach: {{retries: 1}}\n", quick(2000, 9000)),
    );
    env.ok(&["run", "s.yaml"]);
    assert_eq!(env.ok(&["ls", "--json"]).stdout.lines().count(), 1);
    assert_eq!(env.trials(&[]).len(), 2000);
}

#[test]
fn a_sweep_is_extended_by_values_and_repeats() {
    let env = Env::new();
    let spec = |lr: &str, more: &str| {
        format!("train: {{model: quadratic, steps: 5}}\nparams:\n  method: [gd, sgd]\n  lr: {lr}\n{more}")
    };
    env.write("s.yaml", &spec("[0.1, 0.2]", ""));
    env.ok(&["run", "s.yaml"]);
    env.write("s.yaml", &spec("[0.05, 0.1, 0.2]", "repeats: 2\n"));
    let output = env.ok(&["run", "s.yaml", "--extend"]);
    assert!(output.stdout.contains("sweep 1 `s`: 12 trials: 12 done"), "{}", output.stdout);
    assert!(env.trials(&["-F", "attempts > 1"]).is_empty(), "nothing was run twice");
    env.write("s.yaml", &spec("[0.05, 0.1]", "repeats: 2\n"));
    let output = env.sweep(&["run", "s.yaml", "--extend"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("is not possible any more"), "{}", output.stderr);
    assert_eq!(env.sweep(&["run", "s.yaml", "--extend", "--name", "nothing"]).code, 2);
}

#[test]
fn other_data_under_an_incomplete_sweep_is_refused() {
    let env = Env::new();
    let rows =
        |shift: usize| "x,y\n".to_owned() + &(0..200).map(|i| format!("{},{}\n", i + shift, i % 2)).collect::<String>();
    env.write("d.csv", &rows(0));
    env.write("s.yaml", "train: {data: d.csv, target: y, model: {mlp: [16]}, epochs: 60}\nparams: {lr: {log: [1e-4, 1], grid: 400}}\nrepeats: 3\n");
    begin(&env, &["run", "s.yaml"], 5);
    env.write("d.csv", &rows(1));
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 2);
    insta::assert_snapshot!("other_data", env.stable(&output.stderr));
    let output = env.sweep(&["run", "s.yaml", "--anyway", "train.epochs=60"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let marked = env.trials(&["-F", "reason = 'made with other files than earlier trials'"]).len();
    assert!(marked > 0 && marked < 1200, "{marked}");
}

#[test]
fn a_running_sweep_is_left_alone() {
    let env = Env::new();
    env.write("s.yaml", "train: {model: quadratic, steps: 100000000000}\nparams: {lr: [0.1]}\n");
    let mut child = env.start(&["run", "s.yaml"]);
    let pid = child.id().to_string();
    for _ in 0..300 {
        thread::sleep(Duration::from_millis(10));
        if env.sweep(&["ls"]).stdout.contains("running") {
            break;
        }
    }
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains(&format!("sweep 1 is being run by process {pid}")), "{}", output.stderr);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(env.ok(&["ls"]).stdout.contains("incomplete"));
}

#[test]
fn a_trial_of_a_dead_coordinator_is_lost_and_runs_again() {
    let env = Env::new();
    env.write("s.yaml", "train: {model: quadratic, steps: 8000000, report: {every: 1000000}}\nparams: {lr: [0.1]}\n");
    let mut child = env.start(&["run", "s.yaml"]);
    // The start of a trial is written once it has run for a second.
    let running = (0..600).any(|_| {
        thread::sleep(Duration::from_millis(10));
        let output = env.sweep(&["trials", "--json"]);
        output.code == 0 && output.stdout.contains("\"running\"")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(running, "the trial was never seen running");
    // A command that only looks shows it as lost; one that writes marks it.
    assert_eq!(env.trials(&[])[0]["state"], "lost");
    env.ok(&["run", "s.yaml"]);
    let trial = &env.trials(&[])[0];
    assert_eq!((trial["state"].as_str(), trial["attempts"].as_i64()), (Some("done"), Some(2)));
}

#[test]
fn signals_drain_first_and_stop_then() {
    let env = Env::new();
    env.write("s.yaml", &quick(100_000, 3000));
    let mut child = env.start(&["run", "s.yaml"]);
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    for _ in 0..400 {
        thread::sleep(Duration::from_millis(10));
        if env.sweep(&["trials", "--json"]).stdout.lines().count() > 5 {
            break;
        }
    }
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let shown: serde_json::Value = serde_json::from_str(&env.ok(&["show", "--json"]).stdout).unwrap();
    assert_eq!(shown["sessions"][0]["outcome"], "drained");
    assert!(env.trials(&["-F", "state != done"]).is_empty(), "what was running has ended");

    env.write("t.yaml", "train: {model: quadratic, steps: 100000000000}\nparams: {lr: [0.1]}\n");
    let mut child = env.start(&["run", "t.yaml"]);
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    for _ in 0..400 {
        thread::sleep(Duration::from_millis(10));
        if env.sweep(&["trials", "t", "--json"]).stdout.contains("running") {
            break;
        }
    }
    // Under `nohup` these tests inherit that SIGHUP is ignored, and so does what they start.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
    let is_ignored = u64::from_str_radix(ignored, 16).is_ok_and(|set| set & 1 == 1);
    let second = if is_ignored { nix::sys::signal::Signal::SIGINT } else { nix::sys::signal::Signal::SIGHUP };
    for signal in [nix::sys::signal::Signal::SIGTERM, second] {
        nix::sys::signal::kill(pid, signal).unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(env.trials(&["t"])[0]["state"], "lost");
    assert!(env.ok(&["ls"]).stdout.contains("incomplete"));
}

#[test]
fn under_nohup_a_sweep_and_its_programs_outlive_the_terminal() {
    let env = Env::new();
    env.write("s.yaml", "run: [sh, -c, 'kill -HUP $PPID; kill -HUP $$; sleep 0.1; echo loss=1', '{x}']\nmetric: min loss\nparams: {x: [1, 2]}\n");
    let run = "trap '' HUP; exec \"$0\" run s.yaml --quiet --db results/sweep.db";
    let status = std::process::Command::new("sh")
        .args(["-c", run, env!("CARGO_BIN_EXE_sweep")])
        .current_dir(env.path("."))
        .status();
    assert!(status.unwrap().success());
    assert_eq!(env.trials(&["-F", "state = done"]).len(), 2);
}

#[test]
fn what_a_killed_attempt_printed_is_not_taken_for_the_next_one() {
    let env = Env::new();
    env.write("s.yaml", "run: [echo, 'loss={x}']\nmetric: min loss\nparams: {x: [1]}\n");
    env.ok(&["run", "s.yaml", "-q"]);
    // An attempt that was killed before anything of it was recorded leaves its logs.
    let log = |name: &str| env.trial_folder(2).with_file_name(name);
    std::fs::write(log("2.stderr.log"), "stale").unwrap();
    env.ok(&["extend", "1", "x=2"]);
    let output = env.ok(&["logs", "1/2", "--stderr"]);
    assert!(output.stdout.is_empty() && output.stderr.contains("printed nothing"), "{output:?}");
    assert_eq!(std::fs::read_to_string(log("2.stdout.log")).unwrap(), "loss=2\n");
    assert_eq!(std::fs::read_to_string(log("2.unrecorded.stderr.log")).unwrap(), "stale");
    let output = env.sweep(&["doctor"]);
    assert!(output.stdout.contains("2.unrecorded.stderr.log` belongs to no trial"), "{output:?}");
    env.ok(&["doctor", "--repair"]);
    assert!(!log("2.unrecorded.stderr.log").exists() && log("2.stdout.log").exists());
}
