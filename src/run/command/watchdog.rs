//! One process a running sweep that outlives the coordinator by a moment, and takes the trials with it.
//!
//! It learns the process groups of the trials by a pipe. At the end of the pipe the coordinator is gone, however it
//! ended: then it kills every group that is left, and every process with a token of this run in its environment (which
//! catches what left its group, and what was started in the very last moment).

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigHandler, Signal, signal};

use super::process::{TOKEN, kill_by_token, signal_group};
use crate::store::{ProcessId, process_start};

/// The word on the command line that makes this program a watchdog.
pub const WORD: &str = "watchdog";

/// When processes are looked for after the end of the pipe: one that was being started then shows up a little later.
const LOOKS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(80), Duration::from_millis(200)];

/// The coordinator's end of the pipe.
pub struct Watchdog {
    token: String,
    state: Mutex<Running>,
}

struct Running {
    child: Child,
    groups: HashMap<u32, u64>,
}

impl Watchdog {
    /// Starts the process; `token` is what the tokens of this run begin with.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(token: &str) -> io::Result<Self> {
        let running = Running { child: start(token)?, groups: HashMap::new() };
        Ok(Self { token: token.to_owned(), state: Mutex::new(running) })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).child.id()
    }

    /// Tells it of a process group.
    pub fn watch(&self, process: ProcessId) {
        self.tell(&format!("+{} {}\n", process.pid, process.start), |groups| {
            groups.insert(process.pid, process.start);
        });
    }

    /// Tells it that a process group has ended; called while the group's id cannot have been given to another.
    pub fn forget(&self, group: u32) {
        self.tell(&format!("-{group}\n"), |groups| {
            groups.remove(&group);
        });
    }

    fn tell(&self, line: &str, change: impl FnOnce(&mut HashMap<u32, u64>)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.groups);
        let sent = state.child.stdin.as_mut().is_some_and(|pipe| pipe.write_all(line.as_bytes()).is_ok());
        if sent {
            return;
        }
        // Somebody killed it: another one takes over.
        let _ = state.child.wait();
        let Ok(child) = start(&self.token) else { return };
        state.child = child;
        let lines: String = state.groups.iter().map(|(pid, start)| format!("+{pid} {start}\n")).collect();
        if let Some(pipe) = state.child.stdin.as_mut() {
            let _ = pipe.write_all(lines.as_bytes());
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A last line that says that all is well: then it ends at once.
        if state.groups.is_empty()
            && let Some(pipe) = state.child.stdin.as_mut()
        {
            let _ = pipe.write_all(b"end\n");
        }
        drop(state.child.stdin.take());
        let _ = state.child.wait();
    }
}

fn start(token: &str) -> io::Result<Child> {
    let program = std::env::current_exe().ok().filter(|path| path.exists());
    let mut child = Command::new(program.unwrap_or_else(|| PathBuf::from("/proc/self/exe")))
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
pub fn serve(input: impl BufRead) {
    for number in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: ignoring a signal runs no code of ours.
        let _ = unsafe { signal(number, SigHandler::SigIgn) };
    }
    // What a user sees in a list of processes.
    let _ = fs::write("/proc/self/comm", "sweep-watchdog");
    let mut lines = input.lines();
    let Some(Ok(token)) = lines.next() else { return };
    let mut groups: HashMap<u32, u64> = HashMap::new();
    for line in lines.map_while(Result::ok) {
        if line == "end" {
            return;
        }
        let (kind, rest) = line.split_at(usize::from(!line.is_empty()));
        let mut numbers = rest.split(' ').map(str::parse::<u64>);
        match (kind, numbers.next(), numbers.next()) {
            ("+", Some(Ok(pid)), Some(Ok(start))) => {
                groups.insert(pid as u32, start);
            }
            ("-", Some(Ok(pid)), _) => {
                groups.remove(&(pid as u32));
            }
            _ => {}
        }
    }
    for (group, start) in groups {
        // Where the leader is another process by now, the group is another one too.
        if process_start(group).is_none_or(|found| found == start) {
            signal_group(group, Signal::SIGKILL);
        }
    }
    if token.is_empty() {
        return;
    }
    for pause in LOOKS {
        thread::sleep(pause);
        // With the slash: `a/1` is not `a/12`.
        kill_by_token(&format!("{token}/"));
    }
}
