//! Searches that learn: what they find, that they can be stopped and made again, and ask and tell for other programs.

use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sweep::search::{History, Observation, Pending, Proposal, sampler};
use sweep::spec::{Overrides, load};
use sweep::store::{Access, Store};

use crate::env::Env;

/// A quadratic whose best learning rate lies inside of the range; each trial takes some milliseconds.
fn learning(search: &str, trials: usize) -> String {
    format!(
        "search: {search}\ntrain: {{model: {{quadratic: {{dim: 100, condition: 50}}}}, steps: 2000}}\nmetric: min loss\n\
         trials: {trials}\nparams:\n  method: [sgd, momentum]\n  lr: {{log: [1e-6, 1]}}\n\
         \x20 momentum: {{float: [0, 0.99], when: {{method: momentum}}}}\n"
    )
}

#[test]
fn a_spec_with_ranges_and_nothing_else_is_searched_well() {
    let env = Env::new();
    let spec = learning("bayes", 30).replace("search: bayes\n", "");
    env.write("s.yaml", &spec);
    let plan = env.ok(&["plan", "s.yaml"]).stdout;
    assert!(plan.contains("bayes: 30 configs") && plan.contains("Gaussian process"), "{plan}");
    env.ok(&["run", "s.yaml", "-j1"]);
    env.ok(&["run", "s.yaml", "-j1", "--search", "random", "--name", "random"]);
    let best = |name: &str| -> f64 {
        let shown: Value = serde_json::from_str(&env.ok(&["best", name, "--json"]).stdout).unwrap();
        shown[0]["mean"].as_f64().unwrap()
    };
    assert!(best("s") < 0.5 * best("random"), "{} {}", best("s"), best("random"));
    let first = env.ok(&["show", "1/1"]).stdout;
    assert!(first.contains("why        the middle of the ranges (seen: none yet)"), "{first}");
    let last = env.ok(&["show", "1/30"]).stdout;
    assert!(last.contains("gp: expected improvement") && last.contains("(seen: trials 1-29)"), "{last}");
    let random = env.ok(&["show", "2/3"]).stdout;
    assert!(!random.contains("why"), "{random}");
}

#[test]
fn a_killed_search_goes_on_as_if_it_had_not_been() {
    for search in ["bayes", "tpe", "cmaes"] {
        let env = Env::new();
        env.write("s.yaml", &(learning(search, 40) + "repeats: 1\nparallel: 1\n"));
        for round in 0..6 {
            let mut child = env.start(&["run", "s.yaml"]);
            thread::sleep(Duration::from_millis(60 + 20 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        env.ok(&["run", "s.yaml"]);
        env.ok(&["run", "s.yaml", "--name", "whole"]);
        assert_eq!(env.results("1"), env.results("whole"), "{search}");
        assert_eq!(env.trials(&["1"]).len(), 40);
    }
}

#[test]
fn what_a_proposal_saw_is_enough_to_make_it_again() {
    let env = Env::new();
    env.write("s.yaml", &(learning("bayes", 36) + "parallel: 4\nrepeats: 2\n"));
    env.ok(&["run", "s.yaml"]);
    let spec = load(&env.path("s.yaml"), &Overrides::default()).unwrap().spec;
    let store = Store::open(&env.db(), Access::Read).unwrap();
    let row = store.sweep(1).unwrap().unwrap();
    let trials = store.trials(&row).unwrap();
    let proposed = store.proposed(1).unwrap();
    assert_eq!((trials.len(), proposed.len()), (36, 18));
    let mut memory = Vec::new();
    for (ordinal, proposed_one) in proposed.iter().enumerate() {
        let first = trials.iter().find(|trial| trial.config.id() == proposed_one.id).unwrap();
        let reason = store.reason(1, first.number).unwrap().unwrap();
        let mut seen = std::collections::HashSet::new();
        for part in reason.seen.split_whitespace() {
            let (a, b) = part.split_once('-').unwrap_or((part, part));
            seen.extend(a.parse::<i64>().unwrap()..=b.parse::<i64>().unwrap());
        }
        let (mut observations, mut running) = (Vec::new(), Vec::new());
        for earlier in &proposed[..ordinal] {
            let own: Vec<_> = trials.iter().filter(|trial| trial.config.id() == earlier.id).collect();
            for trial in own.iter().filter(|trial| seen.contains(&trial.number)) {
                observations.push(Observation {
                    config: trial.config.clone(),
                    id: earlier.id,
                    state: trial.state,
                    costs: vec![trial.objective.unwrap_or(f64::NAN)],
                });
            }
            if own.iter().any(|trial| !seen.contains(&trial.number)) {
                running.push(Pending { config: earlier.config.clone(), id: earlier.id });
            }
        }
        let mut fresh = sampler(spec.search.sampler, spec.space.clone(), spec.search_setup());
        let history = History { observations: &observations, running: &running, memory: &memory };
        let Proposal::Config(again) = fresh.propose(&history) else { panic!("nothing is proposed") };
        assert_eq!(again.config.id(), proposed_one.id, "proposal {ordinal}, which saw {}", reason.seen);
        assert_eq!(again.memory, reason.memory);
        memory = again.memory;
    }
}

#[test]
fn the_repeats_of_a_config_run_together_and_more_can_be_added() {
    let env = Env::new();
    env.write("s.yaml", &(learning("tpe", 12) + "repeats: 3\nparallel: 1\n"));
    env.ok(&["run", "s.yaml"]);
    let repeats: Vec<u64> = env.trials(&["1"]).iter().map(|trial| trial["repeat"].as_u64().unwrap()).collect();
    assert_eq!(repeats, [0, 1, 2].repeat(4));
    env.ok(&["extend", "1", "--trials", "24", "--repeats", "4"]);
    let trials = env.trials(&["1"]);
    assert_eq!(trials.len(), 24);
    let configs: std::collections::HashSet<&str> = trials.iter().map(|t| t["config"].as_str().unwrap()).collect();
    assert_eq!(configs.len(), 6);
}

#[test]
fn a_space_that_is_used_up_ends_the_search() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "search: bayes\ntrain: {model: {quadratic: {dim: 10}}, steps: 20}\ntrials: 50\nparams:\n  lr: [0.1, 0.2, 0.3]\n  momentum: [0, 0.5]\n  method: momentum\n",
    );
    let output = env.ok(&["run", "s.yaml", "-j3"]);
    assert!(output.stderr.contains("6 configs x 1 seed = 6 trials"), "{}", output.stderr);
    assert_eq!(env.trials(&["1"]).len(), 6);
    let again = env.ok(&["run", "s.yaml"]);
    assert!(again.stderr.contains("complete"), "{}", again.stderr);
}

#[test]
fn options_of_a_search_are_checked() {
    let env = Env::new();
    for (search, said) in [
        ("{bayes: {inti: 3}}", "did you mean `init`?"),
        ("{cmaes: {init: 3}}", "unknown key `init` in `cmaes`"),
        ("bayse", "did you mean `bayes`?"),
        ("{gp: {init: 0}}", "`init`"),
    ] {
        env.write("s.yaml", &learning(search, 9));
        let output = env.sweep(&["plan", "s.yaml"]);
        assert!(output.code == 2 && output.stderr.contains(said), "{search}: {}", output.stderr);
    }
    env.write("s.yaml", &learning("{bayes: {init: 7, seed: 3}}", 9));
    env.ok(&["run", "s.yaml", "-j1"]);
    assert!(env.ok(&["show", "1/7"]).stdout.contains("spread over the space, 7 of 7"));
}

#[test]
fn a_search_that_has_converged_ends_and_says_why() {
    let env = Env::new();
    let spec = "train: {model: {quadratic: {dim: 10}}, steps: 30}\nmetric: min loss\ntrials: 200\nparallel: 1\nparams:\n  lr: {float: [0.01, 0.3]}\n";
    env.write("s.yaml", &format!("search: random\ntarget: converged\n{spec}"));
    let refused = env.sweep(&["run", "s.yaml"]);
    assert!(refused.code == 2 && refused.stderr.contains("take `search: bayes`"), "{}", refused.stderr);
    env.write("s.yaml", &format!("target: converged\n{spec}"));
    let output = env.ok(&["run", "s.yaml"]);
    let trials = env.trials(&["1"]).len();
    assert!((11..120).contains(&trials), "{trials}");
    assert!(output.stderr.contains("10 proposals in a row expected to gain less"), "{}", output.stderr);
    assert!(output.stderr.contains("--extend"), "{}", output.stderr);
    // It is complete, a killed one comes to the same end, and without the target it goes on.
    assert!(env.ok(&["run", "s.yaml"]).stderr.contains("complete"));
    let mut child = env.start(&["run", "s.yaml", "--name", "killed"]);
    thread::sleep(Duration::from_millis(60));
    child.kill().unwrap();
    child.wait().unwrap();
    env.ok(&["run", "s.yaml", "--name", "killed"]);
    assert_eq!(env.results("1"), env.results("killed"));
    env.write("s.yaml", &spec.replace("200", &(trials + 5).to_string()));
    env.ok(&["run", "s.yaml", "--name", "killed", "--extend"]);
    assert_eq!(env.trials(&["killed"]).len(), trials + 5);
}

/// What `sweep suggest` answers to these messages.
fn suggest(env: &Env, args: &[&str], messages: &[Value]) -> Vec<Value> {
    let text: String =
        messages.iter().map(|m| m.as_str().map_or_else(|| m.to_string(), str::to_owned) + "\n").collect();
    let mut child = env
        .command(&[&["suggest"], args].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn space() -> Value {
    json!({
        "method": {"type": "categorical", "choices": ["sgd", "adam"]},
        "lr": {"type": "float", "low": 1e-4, "high": 1, "log": true},
        "beta": {"type": "float", "low": 0, "high": 0.99, "when": {"param": "method", "in": ["adam"]}},
    })
}

#[test]
fn other_programs_ask_and_tell() {
    let env = Env::new();
    let begin =
        |direction: &str| json!({"space": space(), "direction": direction, "seed": 7, "budget": 30, "extra": 1});
    let session = |sign: f64, direction: &str| {
        let tell = |ids: &[u64]| {
            let told: Vec<Value> =
                ids.iter().map(|i| json!({"id": i, "value": sign * ((*i as f64) * 0.7).sin()})).collect();
            json!({"tell": told})
        };
        // Several asks before a tell, tells in any order, a failed trial, told and asked in one message.
        let mut messages = vec![begin(direction), json!({"ask": 4}), json!({"ask": 3}), tell(&[6, 2, 0])];
        messages.extend([json!({"tell": [{"id": 1, "value": null}]}), json!({"ask": 2}), tell(&[3, 4, 5, 7, 8])]);
        messages.extend([json!({"tell": [], "ask": 3}), begin(direction), json!({"ask": 4})]);
        suggest(&env, &[], &messages)
    };
    let answers = session(1.0, "minimize");
    let sizes: Vec<usize> = answers.iter().map(|answer| answer["trials"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [4, 3, 2, 3, 4]);
    let all: std::collections::HashSet<String> =
        answers[..4].iter().flat_map(|a| a["trials"].as_array().unwrap()).map(|t| t["params"].to_string()).collect();
    assert_eq!(all.len(), 12, "no config twice");
    assert_eq!(answers[0], answers[4], "a new search begins anew");
    assert_eq!(answers, session(1.0, "minimize"), "the same seed and results give the same trials");
    let params = |answers: &[Value]| -> Vec<Value> {
        answers.iter().flat_map(|a| a["trials"].as_array().unwrap()).map(|trial| trial["params"].clone()).collect()
    };
    assert_eq!(params(&answers), params(&session(-1.0, "maximize")), "which way is better changes nothing");
}

#[test]
fn a_wrong_message_is_answered_and_changes_nothing() {
    let env = Env::new();
    let messages = [
        json!({"ask": 1}),
        json!("no JSON"),
        json!("[1, 2]"),
        json!({"hello": 1}),
        json!({"space": {"x": {"type": "real"}}}),
        json!({"space": space(), "constraints": ["lr <"]}),
        json!({"space": space(), "seed": 1}),
        json!({"ask": 0}),
        json!({"ask": "two"}),
        json!({"tell": [{"id": 0, "value": 1}]}),
        json!({"ask": 2}),
        json!({"tell": [{"id": 0, "value": 1}, {"id": 9, "value": 1}]}),
        json!({"tell": [{"id": 0, "value": "good"}]}),
        json!({"tell": [{"id": 0}]}),
        json!({"tell": [{"value": 3}]}),
        json!({"tell": [{"id": 0, "value": 1}, {"id": 0, "value": 2}]}),
        json!({"tell": [{"id": 0, "value": 1}], "ask": -1}),
        json!({"tell": [{"id": 0, "value": 1}]}),
        json!({"tell": [{"id": 0, "value": 1}]}),
        json!({"tell": [{"params": {"method": "sgd", "lr": 7}, "value": 1}]}),
        json!({"tell": [{"params": {"method": "sgd", "lr": 0.5}, "value": 1}], "ask": 1}),
    ];
    let answers = suggest(&env, &[], &messages);
    let text: Vec<String> = answers
        .iter()
        .map(|answer| {
            answer["error"]
                .as_str()
                .map_or_else(|| format!("{} trials", answer["trials"].as_array().unwrap().len()), str::to_owned)
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
    let output = env.sweep(&["suggest", "--sampler", "bayse"]);
    assert!(output.code == 2 && output.stderr.contains("bayes, grid"), "{}", output.stderr);
}

#[test]
fn a_space_that_is_used_up_is_answered_with_fewer_trials() {
    let env = Env::new();
    let space =
        json!({"a": {"type": "int", "low": 1, "high": 3}, "b": {"type": "categorical", "choices": [true, false]}});
    for name in ["bayes", "gp", "tpe", "cmaes", "random", "sobol"] {
        let messages = [json!({"space": space, "constraints": ["a < 3 or b"]}), json!({"ask": 3}), json!({"ask": 9})];
        let answers = suggest(&env, &["--sampler", name], &messages);
        assert_eq!(answers[1]["trials"].as_array().unwrap().len(), 2, "{name}");
        assert_eq!((answers[0].get("exhausted"), &answers[1]["exhausted"]), (None, &json!(true)), "{name}");
    }
}

#[test]
fn numbers_that_json_does_not_know_are_failures() {
    let env = Env::new();
    let begin = json!({"space": {"NaN \"NaN": {"type": "float", "low": 0, "high": 1}}});
    let messages = [
        begin,
        json!({"ask": 3}),
        json!("{\"tell\": [{\"id\": 0, \"value\": NaN}, {\"id\": 1, \"value\": -Infinity}]}"),
        json!({"tell": [{"id": 2, "value": 0.5}], "ask": 1}),
    ];
    let answers = suggest(&env, &[], &messages);
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers[1]["trials"][0]["params"]["NaN \"NaN"].is_number());
}

#[test]
fn a_grid_for_other_programs_has_every_point() {
    let env = Env::new();
    let space =
        json!({"n": {"type": "int", "low": 0, "high": 3}, "f": {"type": "float", "low": 0, "high": 0.3, "step": 0.1}});
    let answers = suggest(&env, &["--sampler", "grid"], &[json!({"space": space}), json!({"ask": 30})]);
    assert_eq!(answers[0]["trials"].as_array().unwrap().len(), 16);
    let refused =
        suggest(&env, &["--sampler", "grid"], &[json!({"space": {"f": {"type": "float", "low": 0, "high": 1}}})]);
    assert!(refused[0]["error"].as_str().unwrap().contains("give a `step`"));
}

#[test]
fn constraints_that_nothing_meets_are_no_success() {
    let env = Env::new();
    env.write("s.yaml", &(learning("bayes", 9) + "constraints: ['lr > 2']\n"));
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(output.stderr.contains("perhaps no other config meets the constraints"), "{}", output.stderr);
    assert!(env.ok(&["ls"]).stdout.contains("incomplete"));
}

#[test]
fn configs_to_try_that_cannot_run_are_pointed_out() {
    let env = Env::new();
    let tries = "try: [{lr: 0.9}, {momentum: 0.5}, {method: momentum, momentum: 0.5}]\nconstraints: ['lr < 0.8']\n";
    env.write("s.yaml", &(learning("bayes", 6) + tries));
    let plan = env.ok(&["plan", "s.yaml"]).stderr;
    assert!(plan.contains("which `lr < 0.8` refuses"), "{plan}");
    assert_eq!(plan.matches("`try` sets `momentum`, which is not active").count(), 1, "{plan}");
}

#[test]
fn configs_to_try_do_not_take_the_place_of_the_middle() {
    let env = Env::new();
    env.write("s.yaml", &(learning("bayes", 6) + "try: [{method: sgd, lr: 0.5}]\n"));
    env.ok(&["run", "s.yaml", "-j1"]);
    assert!(env.ok(&["show", "1/1"]).stdout.contains("a config of `try`"));
    assert!(env.ok(&["show", "1/2"]).stdout.contains("the middle of the ranges (seen: trial 1)"));
    assert!(env.ok(&["show", "1/3"]).stdout.contains("the middle of the ranges (seen: trials 1-2)"));
}

#[test]
fn a_seed_can_be_given_on_the_command_line() {
    let env = Env::new();
    let ask = |args: &[&str]| suggest(&env, args, &[json!({"space": space()}), json!({"ask": 3})]);
    assert_ne!(ask(&["--seed", "1"]), ask(&["--seed", "2"]));
    assert_eq!(ask(&["--seed", "0"]), ask(&[]));
}

#[test]
fn the_client_of_the_documentation_works() {
    let env = Env::new();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ask-tell.md")).unwrap();
    let client = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(client.lines().count() <= 25);
    let script = format!(
        "{client}\nsearch = Search({{'x': {{'type': 'float', 'low': 0, 'high': 1}}}}, budget=12)\nbest = 9\nfor _ in range(6):\n    for trial in search.ask(2):\n        value = (trial['params']['x'] - 0.3) ** 2\n        search.tell(trial, value)\n        best = min(best, value)\nprint(best)\n"
    );
    env.write("client.py", &script);
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_sweep")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = std::process::Command::new("python3").arg(env.path("client.py")).env("PATH", path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let best: f64 = text.trim().parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert!(best < 1e-4, "{best}");
}
