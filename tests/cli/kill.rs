//! Two hundred kills at random moments lose nothing and invent nothing.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use sweep::space::seed::Rng;

use crate::env::{Env, quick};

const KILLS: usize = 200;

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
