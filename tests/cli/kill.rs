//! Two hundred kills at random moments lose nothing and invent nothing.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use sweep::space::seed::Rng;

use crate::env::{Env, quick};

const KILLS: usize = 200;
/// Kills of a coordinator with real processes.
const COMMAND_KILLS: usize = 100;

/// A program that leaves something in the background and something in a session of its own.
const SPAWNING: &str =
    "sleep 50 &\nsetsid sleep 50 >/dev/null 2>&1 &\necho \"loss=$1\"\nsleep 0.0$2\necho \"loss=$1.$2\"\n";

/// Waits until no process of the sweep is left.
fn nothing_is_left(env: &Env, when: &str) {
    for _ in 0..300 {
        if env.processes().is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{when}: {:?}", env.processes());
}

#[test]
fn a_hundred_kills_with_real_processes_leave_nothing_and_lose_nothing() {
    let env = Env::new();
    env.write("t.sh", SPAWNING);
    env.write(
        "s.yaml",
        "run: sh t.sh {a} {b}\nmetric: {name: loss, goal: min, at: best}\nparams: {a: {int: [1, 40], step: 1}, b: {int: [1, 9], step: 1}}\nparallel: 3\n",
    );
    let mut rng = Rng::new(5);
    let mut killed = 0;
    for round in 0..COMMAND_KILLS {
        let mut child = env.start(&["run", "s.yaml"]);
        thread::sleep(Duration::from_micros(5_000 + rng.below(90_000)));
        if child.try_wait().unwrap().is_none() {
            killed += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The watchdog needs a moment; every tenth time the next run comes at once.
        if round % 10 != 0 {
            nothing_is_left(&env, "after a kill");
        }
    }
    assert!(killed > COMMAND_KILLS / 2, "most kills hit a running sweep: {killed}");
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stdout.contains("360 trials: 360 done"), "{}", output.stdout);
    nothing_is_left(&env, "at the end");
    let results = env.results("s");
    env.ok(&["run", "s.yaml", "--name", "whole"]);
    assert_eq!(results, env.results("whole"));
    assert!(env.trials(&["s", "-F", "state != done"]).is_empty());
}

#[test]
fn what_outlives_its_watchdog_is_ended_by_the_resume() {
    let env = Env::new();
    env.write("t.sh", "if [ -e go ]; then echo loss=1; exit; fi\nsleep 50 &\nsetsid sleep 50 &\nsleep 50\n");
    env.write("s.yaml", "run: sh t.sh\nmetric: min loss\nparams: {a: [1, 2]}\nparallel: 2\n");
    let mut child = env.start(&["run", "s.yaml"]);
    let mut seen = 0;
    for _ in 0..500 {
        thread::sleep(Duration::from_millis(10));
        seen = env.processes().iter().filter(|line| line.contains("sleep 50")).count();
        if seen == 6 && env.sweep(&["trials", "--json", "-F", "state = running"]).stdout.lines().count() >= 2 {
            break;
        }
    }
    assert_eq!(seen, 6, "{:?}", env.processes());
    let watchdogs = env.children_of(child.id(), "watchdog");
    assert_eq!(watchdogs.len(), 1);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(watchdogs[0] as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    thread::sleep(Duration::from_millis(100));
    assert!(!env.processes().is_empty(), "without a watchdog they live on");
    env.write("go", "");
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stderr.contains("that an earlier run left behind were ended"), "{}", output.stderr);
    assert_eq!(env.trials(&["-F", "state = done and attempts = 2"]).len(), 2);
    nothing_is_left(&env, "after the resume");
}

#[test]
fn ctrl_c_drains_and_then_ends_real_processes() {
    let env = Env::new();
    env.write("t.sh", "trap '' TERM\nsleep 50\n");
    env.write("s.yaml", "run: sh t.sh\nmetric: min loss\nparams: {a: [1, 2, 3]}\nparallel: 2\neach: {grace: 60}\n");
    let mut child = env.start(&["run", "s.yaml"]);
    for _ in 0..500 {
        thread::sleep(Duration::from_millis(10));
        if env.processes().iter().filter(|line| line.contains("sleep 50")).count() == 2 {
            break;
        }
    }
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    // The third does not wait for the grace to be over.
    for _ in 0..3 {
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        thread::sleep(Duration::from_millis(150));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left(&env, "after Ctrl-C");
    assert_eq!(env.trials(&["-F", "state = lost"]).len(), 2);
}

#[test]
fn two_hundred_kills_then_a_resume_give_what_an_uninterrupted_run_gives() {
    let env = Env::new();
    env.write("s.yaml", &(quick(1500, 9000) + "repeats: 3\nparallel: 2\neach: {timeout: 1h}\n"));
    let mut rng = Rng::new(11);
    let mut killed = 0;
    let mut stored = 0;
    for _ in 0..KILLS {
        let mut child = env.start(&["run", "s.yaml"]);
        thread::sleep(Duration::from_micros(2_000 + rng.below(45_000)));
        if child.try_wait().unwrap().is_none() {
            killed += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever the moment, the store opens and only grows.
        let output = env.sweep(&["trials", "-F", "state = done", "--json"]);
        if output.code == 0 {
            let done = output.stdout.lines().count();
            assert!(done >= stored, "{done} trials after {stored}");
            stored = done;
        }
    }
    assert!(killed > KILLS / 2, "most kills hit a running sweep: {killed}");
    env.ok(&["run", "s.yaml"]);
    let results = env.results("s");
    assert_eq!(results.len(), 4500);
    env.ok(&["run", "s.yaml", "--name", "whole"]);
    assert_eq!(results, env.results("whole"));
    assert!(env.trials(&["s", "-F", "state != done"]).is_empty());
}

#[test]
fn a_result_that_was_shown_survives_a_kill_at_that_instant() {
    let env = Env::new();
    env.write("d.csv", &("x,y\n".to_owned() + &(0..40).map(|i| format!("{i},{}\n", i % 2)).collect::<String>()));
    // Trials that fail are shown one by one: a linear model does not take classes.
    env.write(
        "s.yaml",
        "train: {data: d.csv, target: y, epochs: 1}\nparams: {model: [linear], lr: {float: [0.1, 1], grid: 2000}}\n",
    );
    for round in 1..=10 {
        let name = format!("round {round}");
        let args = ["run", "s.yaml", "--name", &name];
        let mut child = env.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let last = lines
            .by_ref()
            .map_while(Result::ok)
            .filter(|line| line.starts_with("trial "))
            .nth(round * 7)
            .expect("failed trials are shown");
        child.kill().unwrap();
        child.wait().unwrap();
        let number = last.split_whitespace().nth(1).unwrap().to_owned();
        let stored = env.trials(&[&name, "-F", &format!("trial = {number} and state = failed")]);
        assert_eq!(stored.len(), 1, "trial {number} was shown and is gone");
    }
}
