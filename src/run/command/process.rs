//! What the system knows of processes: groups, tokens, adopted children.
//!
//! Every process of a trial has a token in its environment, which its descendants inherit unless they drop it. The
//! process of the coordinator adopts orphans below it (where the system can do that), so that whatever leaves its group
//! is found among its children.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::store::Exit;

/// The variable that marks every process of a trial.
pub const TOKEN: &str = "SWEEP_TOKEN";

/// What a process and its waited-for descendants used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU seconds, user and system.
    pub cpu_seconds: f64,
    /// The most memory that one process held, in bytes.
    pub peak_memory: u64,
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid as i32)
}

/// Makes this process the parent of orphans below it; false where the system cannot.
pub fn adopt_orphans() -> bool {
    #[cfg(target_os = "linux")]
    return nix::sys::prctl::set_child_subreaper(true).is_ok();
    #[cfg(not(target_os = "linux"))]
    false
}

/// Whether a child has ended; it stays a zombie, so that nothing else can get its id.
pub fn has_ended(pid: u32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    match waitid(Id::Pid(pid_of(pid)), flags) {
        Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => false,
        Ok(_) | Err(_) => true,
    }
}

/// Waits for a child that has ended, and tells how and what it used.
pub fn collect(pid: u32) -> (Exit, Usage) {
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live variables of the right types.
        let got = unsafe { libc::wait4(pid as libc::pid_t, &raw mut status, 0, &raw mut usage) };
        if got >= 0 || Errno::last() != Errno::EINTR {
            break;
        }
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    // Linux counts KiB, macOS bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let usage = Usage {
        cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak_memory: usage.ru_maxrss.max(0) as u64 * unit,
    };
    (exit, usage)
}

/// Sends a signal to a process group.
pub fn signal_group(group: u32, signal: Signal) {
    let _ = killpg(pid_of(group), signal);
}

/// Kills one process.
pub fn kill_process(pid: u32) {
    let _ = kill(pid_of(pid), Signal::SIGKILL);
}

/// Whether a process exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// The token in the environment of a process; none where it has none or belongs to somebody else.
pub fn token_of(pid: u32) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environ.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(TOKEN.as_bytes())?.strip_prefix(b"=")?;
        String::from_utf8(value.to_vec()).ok()
    })
}

/// Kills every process whose token starts with `prefix`, again until none is found; how many there were.
pub fn kill_by_token(prefix: &str) -> usize {
    let me = std::process::id();
    let mut killed = 0;
    for _ in 0..20 {
        let found: Vec<u32> = all()
            .into_iter()
            .filter(|pid| *pid != me && is_alive(*pid))
            .filter(|pid| token_of(*pid).is_some_and(|token| token.starts_with(prefix)))
            .collect();
        if found.is_empty() {
            break;
        }
        found.iter().for_each(|pid| kill_process(*pid));
        killed += found.len();
        thread::sleep(Duration::from_millis(5));
    }
    killed
}

/// All processes that can be seen.
fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The children of the first thread of this process, among them the adopted ones. Trials are started by other threads.
fn adopted(except: &[u32]) -> Vec<u32> {
    let text = children_text().unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| !except.contains(pid)).collect()
}

/// The list of those children. The file stays open: it is read after every trial, and opening it costs more than
/// reading it.
fn children_text() -> Option<String> {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let path = || format!("/proc/self/task/{}/children", std::process::id());
    let file = FILE.get_or_init(|| File::open(path()).ok()).as_ref()?;
    let mut buffer = [0; 4096];
    let count = file.read_at(&mut buffer, 0).ok()?;
    // Very many children are read anew, whole.
    if count == buffer.len() {
        return fs::read_to_string(path()).ok();
    }
    String::from_utf8(buffer[..count].to_vec()).ok()
}

/// Takes away adopted children that have ended by themselves, so that no zombies gather while trials run.
pub fn bury_adopted(except: &[u32]) {
    for pid in adopted(except).into_iter().filter(|pid| !is_alive(*pid)) {
        let _ = nix::sys::wait::waitpid(pid_of(pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// Ends adopted children: those whose token is `token`, or all of them where that is none. The dead are taken away in
/// any case. `except` are children that are no trials.
pub fn end_adopted(token: Option<&str>, except: &[u32]) {
    let start = Instant::now();
    loop {
        let mut some = false;
        for pid in adopted(except) {
            if !is_alive(pid) {
                let _ = nix::sys::wait::waitpid(pid_of(pid), Some(WaitPidFlag::WNOHANG));
            } else if token.is_none_or(|token| token_of(pid).as_deref() == Some(token)) {
                kill_process(pid);
                some = true;
            }
        }
        if !some || start.elapsed() > Duration::from_secs(2) {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a failure to start a program means, in words.
pub fn start_error(program: &str, directory: &std::path::Path, error: &io::Error) -> String {
    if !directory.is_dir() {
        return format!("its working directory `{}` is gone", directory.display());
    }
    match error.kind() {
        io::ErrorKind::NotFound => format!("`{program}` cannot be started: there is no such program"),
        io::ErrorKind::PermissionDenied => format!("`{program}` cannot be started: it may not be executed"),
        io::ErrorKind::ArgumentListTooLong => {
            format!("`{program}` cannot be started: its arguments are too long; pass them as `{{config.yaml}}`")
        }
        _ if error.raw_os_error() == Some(libc::ENOEXEC) => {
            format!("`{program}` cannot be started: it is no program; a script begins with a line like `#!/bin/sh`")
        }
        _ => format!("`{program}` cannot be started: {error}"),
    }
}
