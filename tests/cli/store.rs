//! The store: many processes, files that cannot be used, and other programs that read it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::env::{Env, quick};

#[test]
fn thirty_two_processes_start_at_once_on_a_missing_store() {
    let env = Env::new();
    env.write("s.yaml", &quick(3, 10));
    let children: Vec<_> = (0..32).map(|i| env.start(&["run", "s.yaml", "--name", &format!("n{i}")])).collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let sweeps: Vec<serde_json::Value> = serde_json::from_str(&env.ok(&["ls", "--json"]).stdout).unwrap();
    assert_eq!(sweeps.len(), 32);
    assert!(sweeps.iter().all(|sweep| sweep["state"] == "complete" && sweep["done"] == 3));
    let left: Vec<_> = fs::read_dir(env.path("results")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn the_same_sweep_started_twice_at_once_runs_once() {
    let env = Env::new();
    env.write("s.yaml", &quick(300, 2000));
    let children: Vec<_> = (0..6).map(|_| env.start(&["run", "s.yaml"])).collect();
    let codes: Vec<i32> = children.into_iter().map(|mut child| child.wait().unwrap().code().unwrap()).collect();
    assert!(codes.iter().all(|code| matches!(code, 0 | 3)) && codes.contains(&0), "{codes:?}");
    assert_eq!(env.ok(&["ls", "--json"]).stdout.lines().count(), 1);
    assert_eq!(env.trials(&["-F", "attempts = 1"]).len(), 300);
}

/// Runs the program as a user without rights in the folder.
fn as_nobody(env: &Env, args: &[&str]) -> (i32, String) {
    let mut command = env.command(args);
    if nix::unistd::getuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn read_only_files_and_folders_can_be_read_and_are_not_written() {
    let env = Env::new();
    env.write("s.yaml", &quick(3, 10));
    env.ok(&["run", "s.yaml"]);
    // Left behind by readers; without them the file alone has everything.
    for name in ["sweep.db-wal", "sweep.db-shm"] {
        let _ = fs::remove_file(env.path("results").join(name));
    }
    fs::set_permissions(env.path(""), fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(env.path("results"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(env.db(), fs::Permissions::from_mode(0o444)).unwrap();
    let (code, stderr) = as_nobody(&env, &["ls"]);
    assert_eq!(code, 0, "{stderr}");
    let (code, stderr) = as_nobody(&env, &["run", "s.yaml", "--new"]);
    assert_eq!(code, 4);
    assert!(stderr.contains("cannot be written"), "{stderr}");
    let (code, stderr) = as_nobody(&env, &["run", "s.yaml", "--db", "other/x.db"]);
    assert_eq!(code, 4);
    assert!(stderr.contains("cannot be written"), "{stderr}");
    fs::set_permissions(env.path("results"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(env.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(env.trials(&[]).len(), 3);
}

#[test]
fn foreign_and_newer_files_are_refused() {
    let env = Env::new();
    env.write("s.yaml", &quick(1, 10));
    env.write("text.db", "certainly not a database, and long enough to have a header of its own");
    let output = env.sweep(&["run", "s.yaml", "--db", "text.db"]);
    assert_eq!(output.code, 4);
    assert!(output.stderr.contains("`text.db` is not a store of sweep"), "{}", output.stderr);
    env.ok(&["run", "s.yaml"]);
    let python =
        "import sqlite3; c = sqlite3.connect('results/sweep.db'); c.execute('pragma user_version = 99'); c.commit()";
    assert!(Command::new("python3").args(["-c", python]).current_dir(env.path("")).status().unwrap().success());
    for args in [&["ls"][..], &["run", "s.yaml"]] {
        let output = env.sweep(args);
        assert_eq!(output.code, 4);
        assert!(output.stderr.contains("has schema 99") && output.stderr.contains("update sweep"), "{}", output.stderr);
    }
}

#[test]
fn stock_python_reads_everything() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "train: {model: {quadratic: {dim: 10}}, steps: 90, report: {every: 20}}\nparams: {lr: [0.5], method: [gd]}\n",
    );
    env.ok(&["run", "s.yaml"]);
    let python = r#"
import sqlite3
c = sqlite3.connect("results/sweep.db")
print(dict(c.execute("SELECT name, value FROM params WHERE trial = 1")))
print(c.execute("SELECT state, round(objective * 1e12) FROM trials").fetchall())
print(c.execute("SELECT value FROM metrics WHERE name = 'steps'").fetchall())
start, stride, count, steps, vals = c.execute("SELECT start, stride, count, steps, vals FROM series_chunks WHERE name = 'loss'").fetchone()
try:
    import numpy as np
    values = np.frombuffer(vals, "<f8")
    at = np.frombuffer(steps, "<u4") if steps else start + stride * np.arange(count)
except ModuleNotFoundError:
    import array
    values = array.array("d", vals)
    at = array.array("I", steps) if steps else [start + stride * i for i in range(count)]
print([int(x) for x in at], all(a > b for a, b in zip(values, values[1:])))
"#;
    let output = Command::new("python3").args(["-c", python]).current_dir(env.path("")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let objective = env.trials(&[])[0]["objective"].as_f64().unwrap();
    assert_eq!(
        text,
        format!(
            "{{'lr': 0.5, 'method': 'gd'}}\n[('done', {:.1})]\n[(90.0,)]\n[0, 20, 40, 60, 80, 90] True\n",
            (objective * 1e12).round()
        ),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
