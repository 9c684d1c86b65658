//! What another terminal sees of a running sweep, and what it can ask of it.

use std::thread;
use std::time::Duration;

use crate::env::Env;

/// A sweep whose trials run until the file `go` is there.
fn waiting(env: &Env, more: &str) {
    env.write(
        "w.py",
        "import os, sys, time\nprint('hello', flush=True)\nprint('oops', file=sys.stderr, flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint(sys.argv[1].replace('--lr', 'loss'))\n",
    );
    env.write(
        "w.yaml",
        &format!("run: python3 w.py\nmetric: min loss\nparams: {{lr: [1, 2, 3]}}\nparallel: 2\n{more}"),
    );
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

fn running(env: &Env) -> usize {
    let output = env.sweep(&["trials", "--json", "-F", "state = running"]);
    if output.code == 0 {
        serde_json::from_str::<Vec<serde_json::Value>>(&output.stdout).unwrap_or_default().len()
    } else {
        0
    }
}

#[test]
fn logs_follow_a_running_trial() {
    let env = Env::new();
    waiting(&env, "");
    let mut child = env.start(&["run", "w.yaml"]);
    until("two trials run", || running(&env) == 2);
    let ls = env.ok(&["ls"]).stdout;
    assert!(ls.contains("running") && ls.contains(&child.id().to_string()), "{ls}");
    assert_eq!(env.sweep(&["logs", "last"]).code, 2, "two trials run: which one?");
    until("it says hello", || env.ok(&["logs", "1/1"]).stdout == "hello\n");
    assert_eq!(env.ok(&["logs", "last/1", "--stderr"]).stdout, "oops\n");
    let follow = env.command(&["logs", "-f", "1/1"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(100));
    env.write("go", "");
    let followed = follow.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(followed.stdout).unwrap(), "hello\nloss=1\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(env.sweep(&["logs", "1/77"]).code, 2);
}

#[test]
fn a_trial_is_stopped_and_run_again() {
    let env = Env::new();
    waiting(&env, "each: {grace: 0.5}\n");
    let mut child = env.start(&["run", "w.yaml"]);
    until("two trials run", || running(&env) == 2);
    let output = env.ok(&["stop", "1/2"]);
    assert!(output.stderr.contains("trial 2 is being stopped"), "{}", output.stderr);
    until("it is stopped", || env.trials(&["-F", "state = stopped"]).len() == 1);
    assert!(env.ok(&["stop", "last/2"]).stderr.contains("trial 2 is not running"));
    env.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(env.trials(&["-F", "state = done"]).len(), 2);
    // A resume leaves it alone; `rerun` does not.
    assert!(env.ok(&["run", "w.yaml"]).stderr.contains("is complete"));
    assert_eq!(env.trials(&["-F", "state = stopped"]).len(), 1);
    env.ok(&["rerun", "1/2"]);
    let trials = env.trials(&[]);
    assert_eq!(
        (&trials[1]["state"], &trials[1]["attempts"], &trials[1]["objective"]),
        (&"done".into(), &2.into(), &2.0.into())
    );
    assert!(env.ok(&["stop", "1/2"]).stderr.contains("trial 2 is done already"));
    assert_eq!(env.sweep(&["stop", "1"]).code, 2);
}

#[test]
fn a_sweep_is_stopped_and_goes_on_later() {
    let env = Env::new();
    waiting(&env, "each: {grace: 0.5}\n");
    let mut child = env.start(&["run", "w.yaml"]);
    until("two trials run", || running(&env) == 2);
    assert!(env.ok(&["stop", "1"]).stderr.contains("starts no more trials; 2 are still running"));
    env.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(env.trials(&["-F", "state = done"]).len(), 2);
    env.ok(&["run", "w.yaml"]);
    assert_eq!(env.trials(&["-F", "state = done"]).len(), 3);

    std::fs::remove_file(env.path("go")).unwrap();
    let mut child = env.start(&["run", "w.yaml", "--new"]);
    until("two trials run", || running(&env) == 2);
    env.ok(&["stop", "last", "--now"]);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(env.trials(&["-F", "state = lost"]).len(), 2);
    assert!(env.processes().is_empty(), "{:?}", env.processes());
    // What is lost and nobody runs can be stopped too: a resume then passes over it.
    assert!(env.ok(&["stop", "2/1-2"]).stderr.contains("trial 2 is stopped"));
    env.write("go", "");
    env.ok(&["run", "w.yaml"]);
    assert_eq!(env.trials(&["-F", "state = done"]).len(), 1);
}

#[test]
fn a_running_sweep_is_extended_and_reruns() {
    let env = Env::new();
    waiting(&env, "");
    let mut child = env.start(&["run", "w.yaml"]);
    until("two trials run", || running(&env) == 2);
    assert!(env.ok(&["extend", "1", "lr=[4, 5]", "--repeats", "2"]).stderr.contains("extended: 10 trials in all"));
    assert_eq!(env.sweep(&["extend", "1", "rl=4"]).code, 2);
    env.write("go", "");
    until("some are done", || env.trials(&["-F", "state = done"]).len() >= 2);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let trials = env.trials(&["-F", "state = done and attempts = 1"]);
    assert_eq!(trials.len(), 10);
    let mut numbers: Vec<i64> = trials.iter().map(|trial| trial["trial"].as_i64().unwrap()).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_finished_sweep_is_extended() {
    let env = Env::new();
    env.write("t.py", "import sys\nprint(sys.argv[1].replace('--lr', 'loss'))\n");
    env.write("s.yaml", "run: python3 t.py\nmetric: min loss\nparams:\n  lr: {log: [0.01, 1], grid: 3}\n  opt: {choice: {sgd: s, adam: a}}\nrepeats: 1\n");
    env.ok(&["run", "s.yaml"]);
    let output = env.ok(&["extend", "last", "lr=[0.001, 0.1]"]);
    assert!(output.stdout.contains("8 trials: 8 done"), "{}", output.stdout);
    let output = env.ok(&["extend", "s", "opt={lion: l}", "--repeats", "2"]);
    assert!(output.stdout.contains("24 trials: 24 done"), "{}", output.stdout);
    assert!(env.trials(&["-F", "attempts > 1"]).is_empty(), "nothing was run twice");
    let wrong = [
        &["extend", "s"][..],
        &["extend", "s", "lr=0.1"],
        &["extend", "s", "lr={log: [0.5, 1], grid: 2}"],
        &["extend", "s", "--repeats", "1"],
        &["extend", "s", "--trials", "5"],
        &["extend", "s", "--configs", "2"],
        &["extend", "s", "lx=3"],
        &["extend", "s", "opt=3"],
        &["extend", "s", "lr=["],
        &["extend", "nothing", "lr=3"],
    ];
    let shown: Vec<String> = wrong
        .iter()
        .map(|args| {
            let output = env.sweep(args);
            assert_eq!(output.code, 2, "{args:?}");
            format!("{args:?}\n{}", output.stderr)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));

    env.write(
        "r.yaml",
        "run: python3 t.py\nmetric: min loss\nsearch: random\nconfigs: 3\nparams: {lr: {float: [0, 1]}}\nrepeats: 1\n",
    );
    env.ok(&["run", "r.yaml"]);
    let output = env.ok(&["extend", "last", "--trials", "7"]);
    assert!(output.stdout.contains("7 trials: 7 done"), "{}", output.stdout);
}

#[test]
fn failed_trials_are_run_again() {
    let env = Env::new();
    env.write(
        "t.py",
        "import sys, os\nif not os.path.exists('go') and sys.argv[1] != '--lr=1': sys.exit(1)\nprint('loss=1')\n",
    );
    env.write("s.yaml", "run: python3 t.py\nmetric: min loss\nparams: {lr: [1, 2, 3]}\n");
    assert_eq!(env.sweep(&["run", "s.yaml"]).code, 1);
    assert_eq!(env.sweep(&["rerun", "1"]).code, 2, "which trials?");
    env.write("go", "");
    env.ok(&["rerun", "--failed"]);
    assert_eq!(env.trials(&["-F", "state = done"]).len(), 3);
    assert_eq!(env.trials(&["-F", "attempts = 2"]).len(), 2);
    assert!(env.ok(&["rerun", "--failed"]).stderr.contains("has no failed trial"));
    assert!(env.ok(&["ls"]).stdout.contains("complete"));
    assert!(env.ok(&["run", "s.yaml"]).stderr.contains("is complete"));
}

#[test]
fn a_live_store_is_copied() {
    let env = Env::new();
    waiting(&env, "");
    let mut child = env.start(&["run", "w.yaml"]);
    until("two trials run", || running(&env) == 2);
    env.ok(&["backup", "copy.db"]);
    assert_eq!(env.sweep(&["backup", "copy.db"]).code, 2);
    env.ok(&["backup", "copy.db", "--force"]);
    env.write("go", "");
    child.wait().unwrap();
    let output = env.ok(&["trials", "--db", "copy.db", "--json"]);
    let trials: Vec<serde_json::Value> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(trials.len(), 2);
    assert!(trials.iter().all(|trial| trial["state"] == "lost"), "nobody runs the copy: {}", output.stdout);
    assert_eq!(env.sweep(&["backup", "no/such/folder/x.db"]).code, 4);
    assert!(
        std::fs::read_dir(env.path(".")).unwrap().flatten().all(|e| !e.file_name().to_string_lossy().contains("part"))
    );
}

#[test]
fn the_doctor_explains_and_mends() {
    let env = Env::new();
    assert_eq!(env.sweep(&["doctor"]).code, 2, "there is no store");
    env.write("s.yaml", "run: [echo, loss=1]\nmetric: min loss\nparams: {lr: [1, 2]}\n");
    env.ok(&["run", "s.yaml"]);
    assert!(env.ok(&["doctor"]).stdout.contains("is sound: 1 sweep"));
    std::fs::create_dir_all(env.trial_folder(1).with_file_name("99")).unwrap();
    let output = env.sweep(&["doctor"]);
    assert_eq!(output.code, 1);
    assert!(output.stdout.contains("belongs to no trial of sweep 1\n  `--repair` deletes it"), "{}", output.stdout);
    let output = env.ok(&["doctor", "--repair"]);
    assert!(output.stdout.contains("mended: deletes it"), "{}", output.stdout);
    env.ok(&["doctor"]);
    env.ok(&["doctor", "--release", "1"]);
}
