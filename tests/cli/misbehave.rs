//! Programs that misbehave: none loses a result, leaves a ghost, a zombie or a stray process, or hangs the sweep.

use std::fs;
use std::time::{Duration, Instant};

use crate::env::{Env, Output};

/// Runs a sweep over `how` of one program in Python, whose body is `body`; every test also has a trial that behaves.
fn run(env: &Env, body: &str, more: &str) -> Output {
    let script = format!(
        "import os, sys, time, signal, subprocess, json\nhow = sys.argv[1]\nif how == 'well':\n    print('loss=0.5')\n    sys.exit(0)\n{body}\n"
    );
    env.write("bad.py", &script);
    env.write(
        "s.yaml",
        &format!("run: python3 bad.py {{how}}\nmetric: min loss\nparams: {{how: [badly, well]}}\nparallel: 2\n{more}"),
    );
    let start = Instant::now();
    let output = env.sweep(&["run", "s.yaml"]);
    assert!(start.elapsed() < Duration::from_mins(1), "it hung");
    assert!(env.processes().is_empty(), "left behind: {:?}", env.processes());
    let trials = env.trials(&[]);
    assert_eq!(trials.len(), 2);
    assert_eq!((&trials[1]["state"], &trials[1]["metrics"]["loss"]), (&"done".into(), &0.5.into()));
    output
}

/// State and reason of the trial that misbehaves.
fn fate(env: &Env) -> (String, String) {
    let trial = &env.trials(&[])[0];
    (trial["state"].as_str().unwrap().to_owned(), trial["reason"].as_str().unwrap().to_owned())
}

#[test]
fn forks_a_daemon() {
    let env = Env::new();
    // In its own session, in the background, with the output still open.
    let body = "print('loss=1')\nsys.stdout.flush()\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        open('daemon', 'w').write(str(os.getpid()))\n        time.sleep(100)\n    os._exit(0)\nwhile not os.path.exists('daemon') or not open('daemon').read(): time.sleep(0.01)\n";
    assert_eq!(run(&env, body, "").code, 0);
    assert_eq!(fate(&env).0, "done");
    let pid: u32 = fs::read_to_string(env.path("daemon")).unwrap().parse().unwrap();
    assert!(!env.is_alive(pid), "the daemon lives on");
}

#[test]
fn forks_a_daemon_that_drops_its_environment() {
    let env = Env::new();
    let body = "print('loss=1')\nquiet = subprocess.DEVNULL\np = subprocess.Popen(['/bin/sleep', '100'], env={}, start_new_session=True, stdin=quiet, stdout=quiet, stderr=quiet)\nopen('daemon', 'w').write(str(p.pid))\nsys.stdout.flush()\nos._exit(0)\n";
    assert_eq!(run(&env, body, "").code, 0);
    let pid: u32 = fs::read_to_string(env.path("daemon")).unwrap().trim().parse().unwrap();
    assert!(!env.is_alive(pid), "the coordinator adopts it, and ends it with the sweep");
}

#[test]
fn ignores_term_and_outlives_its_timeout() {
    let env = Env::new();
    let body = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('loss=1', flush=True)\nsubprocess.Popen(['sleep', '100'])\ntime.sleep(100)\n";
    assert_eq!(run(&env, body, "each: {timeout: 4, grace: 0.3}\n").code, 1);
    assert_eq!(fate(&env), ("failed".into(), "timed out after 4 s".into()));
    assert_eq!(env.trials(&[])[0]["metrics"]["loss"], 1.0, "what it said before is kept");
}

#[test]
fn saves_its_work_when_it_is_told_to_end() {
    let env = Env::new();
    let body = "def end(*_):\n    open(os.path.join(os.environ['SWEEP_DIR'], 'saved'), 'w').write('x')\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, end)\nprint('loss=1', flush=True)\ntime.sleep(100)\n";
    assert_eq!(run(&env, body, "each: {timeout: 4, grace: 20}\n").code, 1);
    assert_eq!(fate(&env), ("failed".into(), "timed out after 4 s".into()));
    assert!(env.trial_folder(1).join("work/saved").exists());
}

#[test]
fn stalls() {
    let env = Env::new();
    let body = "print('loss=1', flush=True)\ntime.sleep(100)\n";
    assert_eq!(run(&env, body, "each: {stall: 4, grace: 0.3}\n").code, 1);
    assert_eq!(fate(&env), ("failed".into(), "stalled: it printed and reported nothing for 4 s".into()));
}

#[test]
fn closes_its_output_and_goes_on() {
    let env = Env::new();
    let body = "print('loss=1', flush=True)\nos.close(1); os.close(2)\ntime.sleep(0.5)\nopen(os.environ['SWEEP_REPORT'], 'a').write(json.dumps({'loss': 0.25}) + '\\n')\nos._exit(0)\n";
    assert_eq!(run(&env, body, "").code, 0);
    assert_eq!(env.trials(&[])[0]["objective"], 0.25);
}

#[test]
fn floods_its_output() {
    let env = Env::new();
    // One gigabyte, with a metric before and after it.
    let body = "w = sys.stdout.buffer\nw.write(b'loss=3\\nfirst line\\n')\nblock = (b'x' * 99 + b'\\n') * 10000\nfor _ in range(1000): w.write(block)\nw.write(b'last line\\nloss=1\\n')\n";
    assert_eq!(run(&env, body, "").code, 0);
    assert_eq!(env.trials(&[])[0]["objective"], 1.0);
    let log = fs::read(env.trial_folder(1).with_extension("stdout.log")).unwrap();
    assert!(log.len() < 9 << 20, "{}", log.len());
    assert!(log.starts_with(b"loss=3\nfirst line\n") && log.ends_with(b"last line\nloss=1\n"));
    assert!(env.ok(&["logs", "1/1"]).stdout.contains("bytes are left out here"));
}

#[test]
fn prints_binary_and_broken_text() {
    let env = Env::new();
    let body = "w = sys.stdout.buffer\nw.write(bytes(range(256)) * 50 + b'\\n\\xff\\xfe loss=7 \\xc3\\n' + b'\\x1b[31mloss\\x1b[0m=0.75\\r\\n' + b'{\"loss\": 0.5, \"other\\nloss: 1.5')\n";
    assert_eq!(run(&env, body, "").code, 0);
    let trial = &env.trials(&[])[0];
    assert_eq!(trial["objective"], 1.5, "{trial}");
}

#[test]
fn reports_nan_and_numbers_beyond_all_bounds() {
    for (text, shown) in [("nan", "NaN"), ("1e999", "Infinity"), ("-inf", "-Infinity")] {
        let env = Env::new();
        assert_eq!(run(&env, &format!("print('loss={text}')"), "").code, 0, "diverged is a result");
        let trial = &env.trials(&[])[0];
        assert_eq!((&trial["state"], &trial["metrics"]["loss"]), (&"diverged".into(), &shown.into()));
    }
}

#[test]
fn reports_a_metric_a_million_times() {
    let env = Env::new();
    let body = "w = sys.stdout\nfor i in range(1000000): w.write('loss=%d\\n' % (1000000 - i))\n";
    assert_eq!(run(&env, body, "").code, 0);
    let trial: serde_json::Value = serde_json::from_str(&env.ok(&["show", "1/1", "--json"]).stdout).unwrap();
    let points = trial["series"]["loss"].as_array().unwrap();
    assert_eq!((points.len(), &points[999_999]), (1_000_000, &serde_json::json!([1_000_000, 1.0])));
}

#[test]
fn says_nothing() {
    let env = Env::new();
    assert_eq!(run(&env, "print('acc=0.9 val_loss=0.4')", "").code, 1);
    let (state, reason) = fate(&env);
    assert_eq!(state, "failed");
    assert!(reason.starts_with("`loss` was never reported, what came: acc, val_loss"), "{reason}");
}

#[test]
fn dies_by_a_signal() {
    for (name, shown) in
        [("SIGSEGV", "killed by SIGSEGV (it touched memory"), ("SIGKILL", "killed by SIGKILL (by somebody")]
    {
        let env = Env::new();
        let body = format!(
            "print('loss=1', flush=True)\nprint('about to die', file=sys.stderr, flush=True)\nos.kill(os.getpid(), signal.{name})\ntime.sleep(9)"
        );
        let output = run(&env, &body, "");
        assert_eq!(output.code, 1);
        let (state, reason) = fate(&env);
        assert!(state == "failed" && reason.starts_with(shown) && reason.ends_with("about to die"), "{reason}");
        assert!(output.stdout.contains("sweep logs 1/1 --stderr"), "{}", output.stdout);
        let shown: serde_json::Value = serde_json::from_str(&env.ok(&["show", "1/1", "--json"]).stdout).unwrap();
        assert!(shown["runs"][0]["signal"].as_i64().unwrap() > 0);
    }
}

#[test]
fn fails_with_a_message() {
    let env = Env::new();
    let output = run(&env, "print('loss=1')\nraise ValueError('no \\x1b[31mluck <b>today</b>')", "");
    assert_eq!(output.code, 1);
    let (_, reason) = fate(&env);
    assert_eq!(reason, "exit code 1: ValueError: no \u{1b}[31mluck <b>today</b>");
    assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "nothing acts on the terminal");
    assert!(env.ok(&["show", "1/1"]).stdout.contains("the last lines on stderr\n  Traceback"));
    assert!(env.trials(&["-F", "loss = 1 and state = failed"]).len() == 1);
}

#[test]
fn writes_half_a_line_of_json() {
    let env = Env::new();
    let body = "p = os.environ['SWEEP_REPORT']\nf = open(p, 'a')\nf.write('{\"loss\": 0.25, \"step\": 3}\\n{\"loss\": 0.')\nf.flush()\nprint('{\"loss\": 0.', end='', flush=True)\nos._exit(0)\n";
    assert_eq!(run(&env, body, "").code, 0);
    assert_eq!(env.trials(&[])[0]["objective"], 0.25);
}

#[test]
fn reads_its_input() {
    let env = Env::new();
    assert_eq!(
        run(
            &env,
            "print('loss=%d' % len(sys.stdin.read()))\ntry:\n    input()\nexcept EOFError:\n    print('loss=2')",
            ""
        )
        .code,
        0
    );
    assert_eq!(env.trials(&[])[0]["objective"], 2.0);
}

#[test]
fn changes_and_deletes_its_directory() {
    let env = Env::new();
    let body = "import shutil\nos.chdir(os.environ['SWEEP_DIR'])\nprint('loss=1', flush=True)\nshutil.rmtree(os.environ['SWEEP_DIR'])\nprint('loss=2', flush=True)\nshutil.rmtree(os.path.dirname(os.environ['SWEEP_DIR']))\nprint('loss=3')\n";
    assert_eq!(run(&env, body, "each: {keep: [\"*.pt\"]}\n").code, 0);
    assert_eq!(env.trials(&[])[0]["objective"], 3.0);
}

#[test]
fn gives_its_metric_a_hostile_name() {
    let env = Env::new();
    let body = "print(json.dumps({'loss': 1, 'a\"b\\n\\x1b[2J<script>alert(1)</script>\\u202e\\'; DROP TABLE trials; --': 2}))\n";
    let output = run(&env, body, "");
    assert_eq!(output.code, 0);
    let shown = env.ok(&["show", "1/1"]).stdout;
    assert!(shown.contains("a\"b\\n\\u{1b}[2J<script>"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
    let names: Vec<String> = env.trials(&[])[0]["metrics"].as_object().unwrap().keys().cloned().collect();
    assert!(names.iter().any(|name| name.starts_with("a\"b\n\u{1b}[2J<script>")), "{names:?}");
}

#[test]
fn takes_more_memory_than_it_may() {
    let env = Env::new();
    let body = "print('loss=1', flush=True)\nx = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\ntime.sleep(60)\n";
    assert_eq!(run(&env, body, "each: {mem: 150M}\n").code, 1);
    let (state, reason) = fate(&env);
    assert!(state == "failed" && reason.contains("memory"), "{reason}");
}

#[test]
fn links_its_files_out_of_its_directory() {
    let env = Env::new();
    env.write("secret.pt", "secret");
    let body = "d = os.environ['SWEEP_DIR']\nos.symlink(os.path.abspath('secret.pt'), d + '/link.pt')\nopen(d + '/best.pt', 'w').write('best')\nopen(d + '/junk', 'w').write('junk')\nprint('loss=1')\n";
    let output = run(&env, body, "each: {keep: [\"*.pt\"]}\n");
    assert_eq!(output.code, 0);
    assert!(output.stderr.contains("`link.pt` is not kept"), "{}", output.stderr);
    let folder = env.trial_folder(1);
    assert_eq!(fs::read_to_string(folder.join("kept/best.pt")).unwrap(), "best");
    assert!(!folder.join("kept/link.pt").exists() && !folder.join("work").exists());
    let shown: serde_json::Value = serde_json::from_str(&env.ok(&["show", "1/1", "--json"]).stdout).unwrap();
    assert_eq!(
        (&shown["runs"][0]["kept"][0]["path"], &shown["runs"][0]["kept"][0]["bytes"]),
        (&"best.pt".into(), &4.into())
    );
}
