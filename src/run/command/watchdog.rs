//! One process a running sweep that outlives the coordinator by a moment, and takes the trials with it.
//!
//! It learns the process groups of the trials by a pipe. At the end of the pipe the coordinator is gone, however it
//! ended: then it kills every group that is left, and every process with a token of this run in its environment (which
//! catches what left its group, and what was started in the very last moment).

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigHandler, Signal, signal};

use super::process::{TOKEN, kill_by_token, signal_group};

/// The word on the command line that makes this program a watchdog.
pub const WORD: &str = "watchdog";

/// How long it rests after each look at the pipe.
const PACE: Duration = Duration::from_millis(20);
/// When processes are looked for after the end of the pipe: one that was being started then shows up a little later.
const LOOKS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(80), Duration::from_millis(200)];

/// The coordinator's end of the pipe.
pub struct Watchdog {
    program: PathBuf,
    token: String,
    state: Mutex<Running>,
}

struct Running {
    child: Child,
    groups: HashSet<u32>,
}

impl Watchdog {
    /// Starts the process; `program` is this program's file, `token` is what the tokens of this run begin with.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, token: &str) -> io::Result<Self> {
        let running = Running { child: start(program, token)?, groups: HashSet::new() };
        Ok(Self { program: program.to_owned(), token: token.to_owned(), state: Mutex::new(running) })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).child.id()
    }

    /// Tells it of a process group.
    pub fn watch(&self, group: u32) {
        self.tell(&format!("+{group}\n"), |groups| {
            groups.insert(group);
        });
    }

    /// Tells it that a process group has ended; called while the group's id cannot have been given to another.
    pub fn forget(&self, group: u32) {
        self.tell(&format!("-{group}\n"), |groups| {
            groups.remove(&group);
        });
    }

    fn tell(&self, line: &str, change: impl FnOnce(&mut HashSet<u32>)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.groups);
        let sent = state.child.stdin.as_mut().is_some_and(|pipe| pipe.write_all(line.as_bytes()).is_ok());
        if sent {
            return;
        }
        // Somebody killed it: another one takes over.
        let _ = state.child.wait();
        let Ok(child) = start(&self.program, &self.token) else { return };
        state.child = child;
        let lines: String = state.groups.iter().map(|group| format!("+{group}\n")).collect();
        if let Some(pipe) = state.child.stdin.as_mut() {
            let _ = pipe.write_all(lines.as_bytes());
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is left to watch: it need not look around any more.
        if state.groups.is_empty() {
            let _ = state.child.kill();
        }
        drop(state.child.stdin.take());
        let _ = state.child.wait();
    }
}

fn start(program: &Path, token: &str) -> io::Result<Child> {
    // A file that was replaced while this process runs is still reachable by the system's own link.
    let program = if program.exists() { program } else { Path::new("/proc/self/exe") };
    let mut child = Command::new(program)
        .arg(WORD)
        .env_remove(TOKEN)
        .current_dir("/")
        // Of its own group, so that Ctrl-C does not reach it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(pipe) = child.stdin.as_mut() {
        pipe.write_all(format!("{token}\n").as_bytes())?;
    }
    Ok(child)
}

/// What the watchdog's process does: `input` has the token, then a line for every group that begins or ends.
pub fn serve(mut input: impl Read) {
    for number in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: ignoring a signal runs no code of ours.
        let _ = unsafe { signal(number, SigHandler::SigIgn) };
    }
    // What a user sees in a list of processes.
    let _ = fs::write("/proc/self/comm", "sweep-watchdog");
    let mut token: Option<String> = None;
    let mut groups: HashSet<u32> = HashSet::new();
    let mut waiting: Vec<u8> = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        waiting.extend_from_slice(&buffer[..count]);
        let end = waiting.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = String::from_utf8_lossy(&waiting[..end]).into_owned();
        waiting.drain(..end);
        for line in lines.lines() {
            if token.is_none() {
                token = Some(line.to_owned());
                continue;
            }
            match line.split_at_checked(1) {
                Some(("+", group)) => groups.extend(group.parse::<u32>()),
                Some(("-", group)) => drop(group.parse().map(|group: u32| groups.remove(&group))),
                _ => {}
            }
        }
        // Quick trials would wake it thousands of times a second.
        thread::sleep(PACE);
    }
    // A group's end is told before its leader is waited for, so that no other group can have its number by now.
    for group in groups {
        signal_group(group, Signal::SIGKILL);
    }
    let Some(token) = token.filter(|token| !token.is_empty()) else { return };
    for pause in LOOKS {
        thread::sleep(pause);
        // With the slash: `a/1` is not `a/12`.
        kill_by_token(&format!("{token}/"));
    }
}
