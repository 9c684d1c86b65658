//! Starting a program on Linux as `vfork` does: the new process borrows the memory of this one until it runs the program.
//!
//! The C library's `posix_spawn` does the same and asks the system about each of 64 signals, maps a stack and unmaps it
//! again, which for short programs is a tenth of their time.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::ptr;

/// The last signal; those above it are for the C library.
const LAST_SIGNAL: c_int = 64;

/// The stack of the new process until it runs the program, in words of 16 bytes.
const STACK: usize = 1024;

/// Sets of signals.
pub(super) struct Signals {
    /// Those that have a handler here, and the one that the runtime of Rust ignores: a program finds them with their usual
    /// effect. What this process was started to ignore, as `nohup` does it, stays ignored.
    usual: Vec<c_int>,
    none: libc::sigset_t,
    /// All but the one for the end of a child.
    all: libc::sigset_t,
}

/// What is to be started; lists end with a null pointer.
pub(super) struct Program<'a> {
    pub(super) path: &'a CStr,
    pub(super) directory: &'a CStr,
    pub(super) arguments: &'a [*mut c_char],
    pub(super) environment: &'a [*mut c_char],
    /// Standard input, output and errors; each is above 2.
    pub(super) streams: [c_int; 3],
}

/// What the new process reads and writes while this one waits.
struct Common<'a> {
    program: &'a Program<'a>,
    signals: &'a Signals,
    /// Why the program does not run.
    error: c_int,
}

impl Signals {
    pub(super) fn new() -> Self {
        let has_handler = |signal: &c_int| {
            // SAFETY: the structure is plain data for which zero is a value.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            // SAFETY: nothing is changed, and the answer goes to a live variable.
            let asked = unsafe { libc::sigaction(*signal, ptr::null(), &raw mut action) };
            asked == 0 && action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN
        };
        let usual = (1..=LAST_SIGNAL).filter(|signal| *signal == libc::SIGPIPE || has_handler(signal)).collect();
        let (mut none, mut all) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: the calls fill the sets, whatever they were.
        unsafe {
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigfillset(all.as_mut_ptr());
            // Nobody here handles it, and while one thread blocks it the system would wake another one for it.
            libc::sigdelset(all.as_mut_ptr(), libc::SIGCHLD);
            Self { usual, none: none.assume_init(), all: all.assume_init() }
        }
    }
}

/// Starts `program` as the leader of a group of its own; its process, and what becomes readable when that has ended
/// (none before Linux 5.2).
///
/// # Errors
/// What the system says.
pub(super) fn start(program: &Program<'_>, signals: &Signals) -> io::Result<(u32, Option<OwnedFd>)> {
    let mut common = Common { program, signals, error: 0 };
    let mut stack = [const { MaybeUninit::<u128>::uninit() }; STACK];
    let mut before = MaybeUninit::uninit();
    let mut handle: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: until the new process runs its program or ends, this thread stands still (`CLONE_VFORK`), so that what the
    // new one uses lives and nobody else uses it: its stack, which grows down from the end, and `common`. No signal is let
    // through that could run a handler of this process in the new one. `run` is only calls to the system.
    let (pid, error) = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals.all, before.as_mut_ptr());
        let end = stack.as_mut_ptr_range().end.cast::<c_void>();
        let pid = libc::clone(run, end, flags, (&raw mut common).cast::<c_void>(), &raw mut handle);
        let error = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        (pid, error)
    };
    if pid < 0 {
        return Err(error);
    }
    // SAFETY: the descriptor was just made and belongs to nobody else.
    let handle = (handle >= 0).then(|| unsafe { OwnedFd::from_raw_fd(handle) });
    // The new process wrote it, through a pointer.
    // SAFETY: a live variable.
    let code = unsafe { ptr::read_volatile(&raw const common.error) };
    if code == 0 {
        return Ok((pid as u32, handle));
    }
    super::process::collect(pid as u32);
    Err(io::Error::from_raw_os_error(code))
}

/// What the new process does. It shares all memory, so it must not allocate, lock or panic.
extern "C" fn run(common: *mut c_void) -> c_int {
    // SAFETY: `start` gives this pointer and waits; all pointers in it are to what lives until then.
    unsafe {
        let common = common.cast::<Common<'_>>();
        let (program, signals) = ((*common).program, (*common).signals);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        for signal in &signals.usual {
            libc::sigaction(*signal, &raw const action, ptr::null_mut());
        }
        let is_ready = libc::setpgid(0, 0) == 0
            && libc::dup2(program.streams[0], 0) >= 0
            && libc::dup2(program.streams[1], 1) >= 0
            && libc::dup2(program.streams[2], 2) >= 0
            && libc::chdir(program.directory.as_ptr()) == 0
            && libc::sigprocmask(libc::SIG_SETMASK, &raw const signals.none, ptr::null_mut()) == 0;
        if is_ready {
            libc::execve(program.path.as_ptr(), program.arguments.as_ptr().cast(), program.environment.as_ptr().cast());
        }
        ptr::write_volatile(&raw mut (*common).error, *libc::__errno_location());
        libc::_exit(127)
    }
}
