//! Starting a program, with no more work than it takes: whatever is the same for every trial is made once.

use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::fs::File;
use std::io::{self, PipeReader};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

/// Starts programs in one directory, with one common environment.
pub(super) struct Starter {
    directory: CString,
    /// `NAME=value`, for every trial.
    common: Vec<CString>,
    /// The signals that a program finds with their usual effect; those that this process was started to ignore, as
    /// `nohup` does it, stay ignored.
    usual: libc::sigset_t,
    /// No signal is held back.
    none: libc::sigset_t,
    /// The standard input of all: nothing.
    nothing: File,
}

/// A program that was started, as the leader of a group of its own.
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) stdout: PipeReader,
    pub(super) stderr: PipeReader,
}

/// The last signal; those above it are for the C library.
const LAST_SIGNAL: c_int = 64;

impl Starter {
    /// A starter in `directory` with the environment of this process, less the names in `own` (which each trial has
    /// for itself), and `defaults` added.
    ///
    /// # Errors
    /// When the path has a NUL or the system has no empty input.
    pub(super) fn new(directory: &Path, defaults: &[(String, String)], own: &[&str]) -> io::Result<Self> {
        let inherited = std::env::vars_os().filter(|(name, _)| own.iter().all(|own| name != own));
        let common = inherited
            .filter_map(|(name, value)| entry(&name, &value))
            .chain(defaults.iter().filter_map(|(name, value)| entry(OsStr::new(name), OsStr::new(value))))
            .collect();
        let mut usual = no_signals();
        for signal in 1..=LAST_SIGNAL {
            // The runtime of Rust itself ignores this one.
            if signal == libc::SIGPIPE || !is_ignored(signal) {
                // SAFETY: the set is a live variable that was made empty.
                unsafe { libc::sigaddset(&raw mut usual, signal) };
            }
        }
        let directory = CString::new(directory.as_os_str().as_bytes())?;
        Ok(Self { directory, common, usual, none: no_signals(), nothing: File::open("/dev/null")? })
    }

    /// Starts `program` with `words` as its arguments (the first is its name) and `own` added to its environment.
    ///
    /// # Errors
    /// What the system says; where the directory is gone, that there is no such file.
    pub(super) fn start(&self, program: &CStr, words: &[CString], own: &[CString]) -> io::Result<Started> {
        let (stdout, stdout_end) = io::pipe()?;
        let (stderr, stderr_end) = io::pipe()?;
        let arguments = pointers(words.iter());
        let environment = pointers(self.common.iter().chain(own));
        let mut actions = Actions::new()?;
        for (from, to) in [(self.nothing.as_raw_fd(), 0), (stdout_end.as_raw_fd(), 1), (stderr_end.as_raw_fd(), 2)] {
            // SAFETY: the actions were initialized.
            check(unsafe { libc::posix_spawn_file_actions_adddup2(actions.0.as_mut_ptr(), from, to) })?;
        }
        // SAFETY: the actions were initialized and the path is a C string.
        check(unsafe { libc::posix_spawn_file_actions_addchdir_np(actions.0.as_mut_ptr(), self.directory.as_ptr()) })?;
        let mut attributes = Attributes::new()?;
        let flags = libc::POSIX_SPAWN_SETPGROUP | libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK;
        let to = attributes.0.as_mut_ptr();
        // SAFETY: the attributes were initialized; the sets are live variables.
        unsafe {
            check(libc::posix_spawnattr_setflags(to, flags as _))?;
            check(libc::posix_spawnattr_setpgroup(to, 0))?;
            check(libc::posix_spawnattr_setsigdefault(to, &raw const self.usual))?;
            check(libc::posix_spawnattr_setsigmask(to, &raw const self.none))?;
        }
        let mut pid = 0;
        // SAFETY: everything was initialized; both lists end with a null pointer and their strings outlive the call.
        check(unsafe {
            libc::posix_spawn(
                &raw mut pid,
                program.as_ptr(),
                actions.0.as_ptr(),
                attributes.0.as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
            )
        })?;
        Ok(Started { pid: pid as u32, stdout, stderr })
    }
}

/// `NAME=value`; none where it cannot be said in an environment.
pub(super) fn entry(name: &OsStr, value: &OsStr) -> Option<CString> {
    let mut bytes = Vec::with_capacity(name.len() + value.len() + 2);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'=');
    bytes.extend_from_slice(value.as_bytes());
    CString::new(bytes).ok()
}

fn pointers<'a>(strings: impl Iterator<Item = &'a CString>) -> Vec<*mut c_char> {
    strings.map(|string| string.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

fn no_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call makes the set empty, whatever it was.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: the structure is plain data for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is changed, and the answer goes to a live variable.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// These calls give the number of an error, or zero.
fn check(code: c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

struct Actions(MaybeUninit<libc::posix_spawn_file_actions_t>);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the call initializes what it is given.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        Ok(Self(actions))
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: they were initialized, or there would be no value.
        unsafe { libc::posix_spawn_file_actions_destroy(self.0.as_mut_ptr()) };
    }
}

struct Attributes(MaybeUninit<libc::posix_spawnattr_t>);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the call initializes what it is given.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        Ok(Self(attributes))
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: they were initialized, or there would be no value.
        unsafe { libc::posix_spawnattr_destroy(self.0.as_mut_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn run(starter: &Starter, script: &str, own: &[&str]) -> (String, String) {
        let words = ["me", "-c", script].map(|word| CString::new(word).unwrap());
        let own: Vec<CString> = own.iter().map(|text| CString::new(*text).unwrap()).collect();
        let mut started = starter.start(c"/bin/sh", &words, &own).unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        started.stdout.read_to_string(&mut out).unwrap();
        started.stderr.read_to_string(&mut err).unwrap();
        super::super::process::collect(started.pid);
        (out, err)
    }

    #[test]
    fn a_program_finds_its_directory_words_streams_environment_and_group() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let starter = Starter::new(&folder, &[("GIVEN".into(), "a b".into())], &["PATH"]).unwrap();
        let script = "pwd; echo \"$0|$GIVEN|$OWN|$PATH\"; cat; echo oops >&2; echo $$ $(/bin/ps -o pgid= -p $$)";
        let (out, err) = run(&starter, script, &["OWN=x=y", "PATH=here"]);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(&lines[..2], [folder.to_str().unwrap(), "me|a b|x=y|here"], "{err}");
        assert!(err.ends_with("oops\n"));
        let (pid, group) = lines[2].split_once(' ').unwrap();
        assert_eq!(pid, group.trim());
    }

    #[test]
    fn what_cannot_start_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let starter = Starter::new(folder.path(), &[], &[]).unwrap();
        let kind = |starter: &Starter, program: &CStr| starter.start(program, &[], &[]).err().unwrap().kind();
        assert_eq!(kind(&starter, c"/no/such/program"), io::ErrorKind::NotFound);
        assert_eq!(kind(&starter, c"/etc/passwd"), io::ErrorKind::PermissionDenied);
        let gone = Starter::new(&folder.path().join("gone"), &[], &[]).unwrap();
        assert_eq!(kind(&gone, c"/bin/true"), io::ErrorKind::NotFound);
    }
}
