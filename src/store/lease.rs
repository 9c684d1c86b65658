//! Who is alive: an operating-system lock for each running sweep.
//!
//! The lock is held on `<store>.files/<sweep uid>/owner` for as long as the coordinator lives; the system gives it back
//! however the process ends. What the file says (pid, host, start) is for people. Never is anything decided by age.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;

/// A held lock; dropping it, or the end of the process, gives it back.
#[derive(Debug)]
pub struct Lease {
    _file: File,
}

/// Who holds a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody.
    Nobody,
    /// A living process of this machine.
    Alive(Process),
    /// A process of another machine, of which nothing is known.
    Elsewhere(Process),
}

/// A process, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// Clock ticks from the start of the machine to the start of the process.
    pub pid_start: u64,
    /// The machine's start, as an id.
    pub boot: String,
    /// The machine's name.
    pub host: String,
}

impl Process {
    /// This process.
    pub fn current() -> Self {
        let host =
            nix::unistd::gethostname().map_or_else(|_| "unknown".into(), |name| name.to_string_lossy().into_owned());
        let boot = boot_id();
        let pid_start = process_start(std::process::id()).unwrap_or(0);
        Self { pid: std::process::id(), pid_start, boot, host }
    }
}

/// The machine's start, as an id; empty where the system does not tell.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().into())
}

/// When a process started, in clock ticks from the start of the machine; none where it is gone.
pub fn process_start(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name, in parentheses, may hold anything; the start is the 20th field after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

impl Lease {
    /// Takes the lock in `folder` (made if need be) for this process.
    ///
    /// # Errors
    /// `Ok(Err(owner))` when somebody else has it; `Err` when the file cannot be used. A process of another machine
    /// keeps its claim until `take_over`.
    pub fn take(folder: &Path, take_over: bool) -> Result<Result<Self, Owner>, StoreError> {
        let path = folder.join("owner");
        let fail = |source| StoreError::File { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(fail)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fail)?;
        let before = read_process(&mut file);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Ok(Err(before.map_or(Owner::Alive(Process::unknown()), Owner::Alive)));
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let me = Process::current();
        if let Some(process) = before.filter(|process| process.host != me.host && !take_over) {
            return Ok(Err(Owner::Elsewhere(process)));
        }
        let text = serde_json::to_string(&me).expect("a process is plain data");
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(fail)?;
        Ok(Ok(Self { _file: file }))
    }

    /// Gives the lock back after a clean end, so that no other machine's claim stays.
    pub fn release(self, folder: &Path) {
        // Emptied rather than removed: a file that another process has open must stay the same file.
        let _ = File::create(folder.join("owner"));
        drop(self);
    }

    /// Who holds the lock in `folder`.
    pub fn owner(folder: &Path) -> Owner {
        let path: PathBuf = folder.join("owner");
        let Ok(mut file) = OpenOptions::new().read(true).open(path) else { return Owner::Nobody };
        let process = read_process(&mut file);
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Owner::Alive(process.unwrap_or_else(Process::unknown)),
            _ => match process {
                Some(process) if process.host != Process::current().host => Owner::Elsewhere(process),
                _ => Owner::Nobody,
            },
        }
    }
}

impl Process {
    fn unknown() -> Self {
        Self { pid: 0, pid_start: 0, boot: String::new(), host: "unknown".into() }
    }
}

fn read_process(file: &mut File) -> Option<Process> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lease::owner(folder.path()), Owner::Nobody);
        let lease = Lease::take(folder.path(), false).unwrap().unwrap();
        assert_eq!(Lease::owner(folder.path()), Owner::Alive(Process::current()));
        assert_eq!(Lease::take(folder.path(), false).unwrap().unwrap_err(), Owner::Alive(Process::current()));
        lease.release(folder.path());
        assert_eq!(Lease::owner(folder.path()), Owner::Nobody);
        Lease::take(folder.path(), false).unwrap().unwrap();
    }

    #[test]
    fn another_machine_keeps_its_claim() {
        let folder = tempfile::tempdir().unwrap();
        let there = Process { host: "elsewhere".into(), ..Process::current() };
        fs::write(folder.path().join("owner"), serde_json::to_string(&there).unwrap()).unwrap();
        assert_eq!(Lease::take(folder.path(), false).unwrap().unwrap_err(), Owner::Elsewhere(there));
        assert!(Lease::take(folder.path(), true).unwrap().is_ok());
    }
}
