//! A folder of its own for each test, and the program run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A temporary folder with specs and data.
pub struct Env {
    folder: tempfile::TempDir,
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A sweep of quick trials: `trials` configs of gradient descent on a quadratic.
pub fn quick(trials: usize, steps: u64) -> String {
    format!(
        "train: {{model: {{quadratic: {{dim: 100}}}}, steps: {steps}, method: sgd}}\nparams:\n  lr: {{float: [0.01, 0.5], grid: {trials}}}\n"
    )
}

impl Env {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With the repository's sweeps and their data.
    pub fn with_sweeps() -> Self {
        let env = Self::new();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps");
        fs::create_dir_all(env.path("data")).unwrap();
        for entry in fs::read_dir(&from).unwrap().chain(fs::read_dir(from.join("data")).unwrap()) {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let place = entry.path().strip_prefix(&from).unwrap().to_owned();
                fs::copy(entry.path(), env.path(place.to_str().unwrap())).unwrap();
            }
        }
        env
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    pub fn db(&self) -> PathBuf {
        self.path("results/sweep.db")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["SWEEP_DB", "COLUMNS", "NO_COLOR", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command
    }

    #[must_use = "look at the output or at the exit code"]
    pub fn sweep(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts the program and leaves it running.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> Output {
        let output = self.sweep(args);
        assert_eq!(output.code, 0, "{args:?}: {}{}", output.stdout, output.stderr);
        output
    }

    /// The trials of a sweep as JSON.
    pub fn trials(&self, args: &[&str]) -> Vec<Value> {
        let output = self.ok(&[&["trials", "--json"], args].concat());
        serde_json::from_str(&output.stdout).unwrap()
    }

    /// The folder of a trial of the only sweep.
    pub fn trial_folder(&self, number: u32) -> PathBuf {
        let folders = fs::read_dir(self.path("results/sweep.db.files")).unwrap().flatten();
        let sweep = folders.map(|entry| entry.path()).find(|path| path.is_dir()).expect("there is a sweep");
        sweep.join(number.to_string())
    }

    /// Processes of trials in this folder that are alive: those whose working directory or store is here.
    pub fn processes(&self) -> Vec<String> {
        let here = fs::canonicalize(self.folder.path()).unwrap();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
            let text = String::from_utf8_lossy(&environ);
            let is_trial = text
                .split('\0')
                .any(|entry| entry.starts_with("SWEEP_DIR=") && entry.contains(&here.display().to_string()));
            let cwd = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here);
            if pid != std::process::id() && (is_trial || cwd) && self.is_alive(pid) {
                let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(format!("{pid} {}", String::from_utf8_lossy(&words).replace('\0', " ")));
            }
        }
        found
    }

    /// Children of a process whose command line has this word.
    pub fn children_of(&self, parent: u32, word: &str) -> Vec<u32> {
        let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let above = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
            let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            above == Some(parent) && words.split('\0').any(|other| other == word)
        })
        .collect()
    }

    /// Whether a process exists and is no zombie.
    pub fn is_alive(&self, pid: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        !matches!(state, None | Some('Z' | 'X'))
    }

    /// What a sweep found, without times: one line a trial, sorted; the same for the same search.
    pub fn results(&self, sweep: &str) -> Vec<String> {
        let mut lines: Vec<String> = self
            .trials(&[sweep])
            .into_iter()
            .map(|mut trial| {
                let metrics = trial["metrics"].as_object_mut().unwrap();
                metrics.retain(|name, _| {
                    !matches!(name.as_str(), "seconds" | "steps_per_second" | "cpu_seconds" | "peak_memory_mb")
                });
                format!(
                    "{} {} {} {} {} {}",
                    trial["config"], trial["repeat"], trial["seed"], trial["state"], trial["params"], trial["metrics"]
                )
            })
            .collect();
        lines.sort();
        lines
    }

    /// The text with everything that changes from run to run replaced.
    pub fn stable(&self, text: &str) -> String {
        let text = text.replace(&self.folder.path().display().to_string(), "FOLDER");
        let mut out = String::new();
        for line in text.lines() {
            // Lengths of time, and times of day.
            let mut words: Vec<String> = Vec::new();
            let parts: Vec<&str> = line.split(' ').collect();
            for (i, word) in parts.iter().enumerate() {
                let unit = parts
                    .get(i + 1)
                    .is_some_and(|next| matches!(next.trim_end_matches([',', ';', ')']), "ms" | "s" | "us" | "min"));
                let is_number = word.parse::<f64>().is_ok();
                let is_time = word.len() >= 20 && word.ends_with('Z') && word.contains('T');
                words.push(if unit && is_number {
                    "N".into()
                } else if is_time {
                    "TIME".into()
                } else {
                    (*word).to_owned()
                });
            }
            let line = words.join(" ");
            out += &line.replace("N us", "N ms").replace("N s", "N ms");
            out.push('\n');
        }
        out
    }
}
