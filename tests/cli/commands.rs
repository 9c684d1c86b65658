//! Trials that are programs: what they are given, what is read of them, what a person sees when they fail.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::env::Env;

const SCRIPT: &str = "import sys, os, json\nprint(json.dumps({'loss': 1}))\nopen(os.path.join(os.environ['SWEEP_DIR'], 'seen.json'), 'w').write(json.dumps({'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd(), 'stdin': sys.stdin.read()}))\n";

/// What the program of a trial saw.
fn seen(env: &Env, number: u32) -> Value {
    serde_json::from_str(&fs::read_to_string(env.trial_folder(number).join("work/seen.json")).unwrap()).unwrap()
}

#[test]
fn a_program_is_given_its_params_and_its_place() {
    let env = Env::new();
    fs::create_dir_all(env.path("code/sub")).unwrap();
    env.write("code/train.py", SCRIPT);
    env.write(
        "code/s.yaml",
        "run: [python3, ../train.py, \"{args}\", \"--out={dir}\", \"--x={lr}/{opt.name}\", \"{seed}\", \"{trial}\", \"{config.yaml}\", \"{config.json}\", \"{config.toml}\", \"{env:WHO}\", \"{{}}\", \"--beta={beta}\"]\ndir: sub\nenv: {MODE: \"fast {lr}\", OMP_NUM_THREADS: 3, GONE: null}\nmetric: min loss\nparams:\n  lr: [1e-5]\n  opt.name: [\"a b'\\\"$HOME;\"]\n  flag: [true, false]\n  sizes: {const: [1, 2]}\n  opt.beta: {choice: [0.5], when: {flag: false}}\n  beta: = opt.beta\n",
    );
    let output = env.command(&["run", "code/s.yaml"]).env("WHO", "me {lr}").env("GONE", "here").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen = seen(&env, 1);
    let folder = fs::canonicalize(env.trial_folder(1)).unwrap();
    let argv: Vec<&str> = seen["argv"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let dir = folder.join("work");
    let trial: Value = env.trials(&[])[0].clone();
    let hostile = "a b'\"$HOME;";
    let expected = [
        "--lr=1e-5".to_owned(),
        format!("--opt.name={hostile}"),
        "--flag=true".to_owned(),
        "--sizes=[1,2]".to_owned(),
        format!("--out={}", dir.display()),
        format!("--x=1e-5/{hostile}"),
        trial["seed"].to_string(),
        "1".to_owned(),
        folder.join("config.yaml").display().to_string(),
        folder.join("config.json").display().to_string(),
        folder.join("config.toml").display().to_string(),
        "me {lr}".to_owned(),
        "{}".to_owned(),
    ];
    assert_eq!(argv, expected);
    assert_eq!(seen["cwd"], fs::canonicalize(env.path("code/sub")).unwrap().display().to_string());
    assert_eq!(seen["stdin"], "");
    let get = |name: &str| seen["env"][name].as_str().map(str::to_owned);
    assert_eq!(get("MODE").unwrap(), "fast 1e-5");
    assert_eq!((get("OMP_NUM_THREADS").unwrap(), get("GONE")), ("3".into(), None));
    assert!(get("MKL_NUM_THREADS").is_some() && get("PYTHONUNBUFFERED").is_some());
    assert_eq!((get("SWEEP_TRIAL").unwrap(), get("SWEEP_SWEEP").unwrap()), ("1".into(), "1".into()));
    assert_eq!((get("SWEEP_SEED").unwrap(), get("SWEEP_ATTEMPT").unwrap()), (trial["seed"].to_string(), "1".into()));
    assert_eq!(get("SWEEP_DIR").unwrap(), dir.display().to_string());
    assert_eq!(get("SWEEP_REPORT").unwrap(), folder.join("report.jsonl").display().to_string());
    let params: Value = serde_json::from_str(&get("SWEEP_PARAMS").unwrap()).unwrap();
    assert_eq!(params, json!({"lr": 1e-5, "opt.name": hostile, "flag": true, "sizes": [1, 2]}));
    let config: Value = serde_json::from_str(&fs::read_to_string(folder.join("config.json")).unwrap()).unwrap();
    assert_eq!(config, json!({"lr": 1e-5, "opt": {"name": hostile}, "flag": true, "sizes": [1, 2]}));
    // What was measured.
    let metrics = &trial["metrics"];
    assert!(metrics["seconds"].as_f64().unwrap() > 0.0 && metrics["cpu_seconds"].as_f64().unwrap() > 0.0);
    assert!(metrics["peak_memory_mb"].as_f64().unwrap() > 1.0);
}

#[test]
fn config_files_are_what_python_reads() {
    let env = Env::new();
    // PyYAML may not be there; TOML and JSON are in Python's own library.
    let script = "import sys, json, tomllib\na = json.load(open(sys.argv[1]))\nb = tomllib.load(open(sys.argv[2], 'rb'))\nassert a == b, (a, b)\ntry:\n    import yaml\n    c = yaml.safe_load(open(sys.argv[3]))\n    assert a == c, (a, c)\nexcept ImportError: pass\nprint('loss=1')\n";
    env.write("t.py", script);
    env.write("s.yaml", "run: python3 t.py {config.json} {config.toml} {config.yaml}\nmetric: min loss\nparams:\n  lr: [1e-5, 0.1, 1e22, 3]\n  a.b: [\"x: y\", \"no\", \"1e5\", \"\\u00fc\\n'\\\"\"]\n  a.c: {const: [1, 2.5]}\n  a.d.e: true\n");
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
}

#[test]
fn the_command_may_stand_on_the_command_line() {
    let env = Env::new();
    fs::create_dir_all(env.path("specs")).unwrap();
    env.write("train.py", SCRIPT);
    env.write("specs/s.yaml", "metric: min loss\nparams: {lr: [0.1, 0.2]}\nrepeats: 1\n");
    let output = env.sweep(&["run", "specs/s.yaml"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("add `run: python train.py {args}`"), "{}", output.stderr);
    env.ok(&["run", "specs/s.yaml", "--", "python3", "train.py"]);
    assert_eq!(seen(&env, 2)["argv"], json!(["--lr=0.2"]));
    assert!(env.ok(&["run", "specs/s.yaml", "--", "python3", "train.py"]).stderr.contains("is complete"));
    env.write("specs/t.yaml", "run: python3 x.py\nmetric: min loss\nparams: {lr: [0.1]}\n");
    let output = env.sweep(&["run", "specs/t.yaml", "--", "python3", "train.py"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("there is a command after `--`"), "{}", output.stderr);
}

#[test]
fn what_cannot_start_is_said_before_a_sweep_exists() {
    let env = Env::new();
    fs::create_dir_all(env.path("specs")).unwrap();
    env.write("train.py", SCRIPT);
    env.write("specs/tool", "no program");
    let cases = [
        "run: pyhton3 train.py",
        "run: python3 train.py",
        "run: ./tool",
        "run: ./none",
        "run: tool",
        "run: python3 ../train.py\ndir: nowhere",
        "run: python3 ../train.py {env:NO_SUCH_VARIABLE}",
        "run: python3 ../train.py\neach: {gpu: 3}\nslots: {gpu: 2}",
        "run: python3 ../train.py\neach: {cpu: 4}\nslots: {cpu: 2}",
    ];
    let mut shown = String::new();
    for case in cases {
        env.write("specs/s.yaml", &format!("{case}\nmetric: min loss\nparams: {{lr: [0.1]}}\n"));
        let output = env.sweep(&["run", "specs/s.yaml", "--repeats", "3"]);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
        let error = output.stderr.split("error: ").nth(1).unwrap_or(&output.stderr);
        shown += &format!("{case}\n\nerror: {}\n---\n", env.stable(error));
    }
    insta::assert_snapshot!(shown);
    assert!(env.ok(&["ls"]).stdout.is_empty(), "no sweep was made");
}

#[test]
fn a_program_that_fails_at_once_fails_the_sweep_once() {
    let env = Env::new();
    env.write("train.py", "import no_such_module\n");
    env.write(
        "s.yaml",
        "run: python3 train.py\nmetric: min loss\nparams: {lr: {float: [0, 1], grid: 40}}\nparallel: 2\n",
    );
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 3);
    let failed = env.trials(&["-F", "state = failed"]).len();
    assert!((5..8).contains(&failed), "{failed}");
    assert!(output.stderr.contains("error: ended early: the first"), "{}", output.stderr);
    assert!(output.stderr.contains("No module named 'no_such_module'"), "{}", output.stderr);
    // Once it is mended, the same command goes on and runs what failed too.
    env.write("train.py", "print('loss=1')\n");
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stdout.contains("40 trials: 40 done"), "{}", output.stdout);
    assert!(env.trials(&["-F", "state != done or reason != ''"]).is_empty());
}

#[test]
fn failures_are_counted_and_tried_again() {
    let env = Env::new();
    env.write("t.py", "import os, sys\nd = os.environ['SWEEP_DIR'] + '/n'\nn = int(open(d).read()) + 1 if os.path.exists(d) else 1\nopen(d, 'w').write(str(n))\nprint('attempt', os.environ['SWEEP_ATTEMPT'], flush=True)\nif n < 3: sys.exit('not yet')\nprint('loss=1')\n");
    env.write("s.yaml", "run: python3 t.py\nmetric: min loss\nparams: {lr: [1, 2]}\neach: {retries: 2}\n");
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stderr.contains("trial 1 failed and is run again: exit code 1: not yet"), "{}", output.stderr);
    assert_eq!(env.trials(&["-F", "attempts = 3"]).len(), 2);
    assert_eq!(env.ok(&["logs", "1/1"]).stdout, "attempt 3\nloss=1\n");
    assert_eq!(env.ok(&["logs", "1/1", "--attempt", "2"]).stdout, "attempt 2\n");
    assert_eq!(env.ok(&["logs", "1/1", "--attempt", "2", "--stderr"]).stdout, "not yet\n");
    let shown = env.ok(&["show", "1/1"]).stdout;
    assert!(shown.contains("attempt    1 failed: exit code 1: not yet"), "{shown}");

    env.write(
        "t.yaml",
        "run: sh -c 'exit 3'\nmetric: min loss\nparams: {lr: {float: [0, 1], grid: 100}}\nmax_failures: 12\n",
    );
    let output = env.sweep(&["run", "t.yaml"]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("12 trials have failed (`max_failures: 12`)"), "{}", output.stderr);
}

#[test]
fn a_changed_script_under_an_incomplete_sweep_is_refused() {
    let env = Env::new();
    env.write("t.py", "import sys\nif sys.argv[1] == '--lr=2': sys.exit(1)\nprint('loss=1')\n");
    env.write("s.yaml", "run: python3 t.py\nmetric: min loss\nparams: {lr: [1, 2, 3]}\nmax_failures: 1\n");
    assert_eq!(env.sweep(&["run", "s.yaml"]).code, 3);
    env.write("t.py", "print('loss=2')\n");
    let output = env.sweep(&["run", "s.yaml"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("the content of t.py has changed since sweep 1 began"), "{}", output.stderr);
    let output = env.ok(&["run", "s.yaml", "--anyway", "--retry-failed"]);
    assert!(output.stdout.contains("3 done"), "{}", output.stdout);
    assert_eq!(env.trials(&["-F", "reason = 'made with other files than earlier trials'"]).len(), 2);
}

#[test]
fn what_is_printed_to_type_next_works() {
    let env = Env::new();
    env.write("t.py", "import sys\nprint(sys.argv[1].replace('--lr', 'loss'))\n");
    env.write("s.yaml", "metric: max loss\nparams: {lr: [1, 2, 3]}\n");
    let output = env.ok(&["run", "s.yaml", "--db", "o'ther.db", "--", "python3", "t.py"]);
    let lines = output.stdout.lines().chain(output.stderr.lines());
    let advised: Vec<&str> = lines.filter_map(|line| line[line.find("sweep ")?..].split("   ").next()).collect();
    let advised: Vec<&&str> = advised.iter().filter(|line| line.contains("--db")).collect();
    assert!(advised.len() >= 3, "{}{}", output.stdout, output.stderr);
    for line in advised {
        let words = shlex::split(line).unwrap();
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        env.ok(&words);
    }
    assert_eq!(env.ok(&["trials", "--db", "o'ther.db", "--json", "-F", "state = done"]).stdout.lines().count(), 4);
}

#[test]
fn what_never_reaches_the_program_is_said() {
    let env = Env::new();
    env.write("s.yaml", "run: sh -c 'echo loss=1' sh {lr}\nmetric: min loss\nparams: {lr: [1, 2], momentum: [0, 1], a: [1], b: = a + 1}\neach: {keep: [best.pt]}\n");
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stderr.contains("`momentum` is never passed to the program"), "{}", output.stderr);
    assert!(
        output.stderr.contains("`b` is never passed") && !output.stderr.contains("`a` is never"),
        "{}",
        output.stderr
    );
    assert_eq!(output.stderr.matches("`best.pt` matched no file in $SWEEP_DIR").count(), 1, "{}", output.stderr);
    // A metric under a slightly other name.
    env.write("t.yaml", "run: [sh, -c, 'echo Val_Loss=0.5', sh, \"{lr}\"]\nmetric: min val/loss\nparams: {lr: [1]}\n");
    assert_eq!(env.sweep(&["run", "t.yaml"]).code, 1);
    let reason = env.trials(&["t"])[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.ends_with("did you mean `Val_Loss`?"), "{reason}");
    let output = env.sweep(&["run", "s.yaml", "lr="]);
    assert!(output.code == 2 && output.stderr.contains("`lr=` has no value"), "{}", output.stderr);
}

#[test]
fn a_sweep_without_a_metric_compares_the_time() {
    let env = Env::new();
    env.write("s.yaml", "run: sleep {t}\nparams: {t: [0.3, 0.01]}\n");
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stderr.contains("no `metric` is given"), "{}", output.stderr);
    assert!(output.stdout.contains("best configs by seconds"), "{}", output.stdout);
}

#[test]
fn slots_have_their_gpus_and_threads() {
    let env = Env::new();
    env.write("t.py", SCRIPT);
    env.write("s.yaml", "run: python3 t.py\nmetric: min loss\nparams: {lr: [1, 2, 3, 4]}\neach: {gpu: 0.5, cpu: 2}\nslots: {cpu: 8, gpu: [GPU-a, 7]}\n");
    let output = env.ok(&["run", "s.yaml"]);
    assert!(output.stderr.contains("4 at once"), "{}", output.stderr);
    for trial in 1..=4 {
        let seen = seen(&env, trial);
        assert!(matches!(seen["env"]["CUDA_VISIBLE_DEVICES"].as_str(), Some("GPU-a" | "7")));
        assert_eq!(seen["env"]["OMP_NUM_THREADS"], "2");
    }
}

#[test]
fn metrics_come_from_the_report_and_from_a_pattern() {
    let env = Env::new();
    env.write("r.py", "import os, json\nf = open(os.environ['SWEEP_REPORT'], 'a')\nfor i in range(5): f.write(json.dumps({'step': i * 10, 'loss': 5 - i, 'x': {'y': i}}) + '\\n')\nprint('not a metric')\n");
    env.write("s.yaml", "run: python3 r.py\nmetric: {name: loss, goal: min, at: {step: 25}}\nparams: {lr: [1]}\n");
    env.ok(&["run", "s.yaml"]);
    let shown: Value = serde_json::from_str(&env.ok(&["show", "1/1", "--json"]).stdout).unwrap();
    assert_eq!(shown["objective"], 3.0);
    assert_eq!(shown["series"]["x.y"], json!([[0, 0.0], [10, 1.0], [20, 2.0], [30, 3.0], [40, 4.0]]));
    env.write("p.yaml", "run: [echo, \"Acc 0.25 after 7; loss=9\"]\nread: {stdout: 'Acc (?P<acc>\\S+) after (?P<step>\\d+)'}\nmetric: max acc\nparams: {lr: [1]}\n");
    env.ok(&["run", "p.yaml"]);
    let shown: Value = serde_json::from_str(&env.ok(&["show", "2/1", "--json"]).stdout).unwrap();
    assert_eq!(shown["series"], json!({"acc": [[7, 0.25]]}));
}

#[test]
fn what_a_trial_tells_is_in_the_store_while_it_runs() {
    let env = Env::new();
    let script = "echo loss=0.5 step=1; echo '{\"acc\": 0.25, \"step\": 1}' >> $SWEEP_REPORT; while [ ! -e go ]; do sleep 0.02; done";
    env.write("s.sh", script).write("s.yaml", "run: [sh, s.sh, '{x}']\nmetric: min loss\nparams: {x: 1}\n");
    let mut running = env.start(&["run", "s.yaml"]);
    let start = Instant::now();
    let told = loop {
        let shown = env.sweep(&["show", "1/1", "--json"]);
        let series = serde_json::from_str::<Value>(&shown.stdout).map(|trial| trial["series"].clone());
        match series {
            Ok(series) if series["loss"][0] == serde_json::json!([1, 0.5]) && !series["acc"].is_null() => break true,
            _ if start.elapsed() > Duration::from_secs(20) => break false,
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let state = env.trials(&["1"])[0]["state"].clone();
    env.write("go", "");
    assert!(running.wait().unwrap().success());
    assert!(told, "{:?}", env.sweep(&["show", "1/1", "--json"]));
    assert_eq!(state, "running");
}
