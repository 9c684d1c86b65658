//! Starting a program, with no more work than it takes: whatever is the same for every trial is made once.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

use super::vfork::{self, Program, Signals};

/// Starts programs in one directory, with one common environment.
pub(super) struct Starter {
    directory: CString,
    /// `NAME=value`, for every trial.
    common: Vec<CString>,
    signals: Signals,
    /// The standard input of all: nothing.
    nothing: File,
}

/// A program that was started, as the leader of a group of its own.
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) stdout: PipeReader,
    pub(super) stderr: PipeReader,
    /// Readable when it has ended; none where the system has no such thing.
    pub(super) exit: Option<OwnedFd>,
}

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
        let directory = CString::new(directory.as_os_str().as_bytes())?;
        Ok(Self { directory, common, signals: Signals::new(), nothing: File::open("/dev/null")? })
    }

    /// Starts `program` with `words` as its arguments (the first is its name) and `own` added to its environment.
    ///
    /// # Errors
    /// What the system says; where the directory is gone, that there is no such file.
    pub(super) fn start(&self, program: &CStr, words: &[CString], own: &[CString]) -> io::Result<Started> {
        let (stdout, stdout_end) = io::pipe()?;
        let (stderr, stderr_end) = io::pipe()?;
        let arguments = pointers([words]);
        let environment = pointers([self.common.as_slice(), own]);
        let program = Program {
            path: program,
            directory: &self.directory,
            arguments: &arguments,
            environment: &environment,
            streams: [self.nothing.as_raw_fd(), stdout_end.as_raw_fd(), stderr_end.as_raw_fd()],
        };
        let (pid, exit) = vfork::start(&program, &self.signals)?;
        Ok(Started { pid, stdout, stderr, exit })
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

/// Pointers to all strings of some lists, and a null pointer.
fn pointers<const N: usize>(lists: [&[CString]; N]) -> Vec<*mut c_char> {
    let mut all = Vec::with_capacity(lists.iter().map(|list| list.len()).sum::<usize>() + 1);
    for list in lists {
        all.extend(list.iter().map(|string| string.as_ptr().cast_mut()));
    }
    all.push(ptr::null_mut());
    all
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
    fn a_program_ignores_what_this_process_was_started_to_ignore_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let starter = Starter::new(folder.path(), &[], &[]).unwrap();
        let ignored = |status: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        let mine = ignored(&std::fs::read_to_string("/proc/self/status").unwrap());
        let broken_pipe = 1 << (libc::SIGPIPE - 1);
        assert_ne!(mine & broken_pipe, 0);
        let (out, _) = run(&starter, "exec cat /proc/self/status", &[]);
        assert_eq!(ignored(&out), mine & !broken_pipe);
        assert!(out.contains("SigBlk:\t0000000000000000"));
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
