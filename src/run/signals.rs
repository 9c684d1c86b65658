//! Signals to messages: the first drains the sweep, the second stops it at once.

use std::ffi::c_int;
use std::sync::mpsc::SyncSender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::launcher::{Message, Signal};

/// Sends every SIGINT, SIGTERM and SIGHUP to the mailbox, but for those that this process was started to ignore: under
/// `nohup` a sweep goes on when its terminal is closed.
///
/// # Errors
/// When the system refuses the handlers.
pub fn watch_signals(mailbox: SyncSender<Message>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)))?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if mailbox.send(Message::Signal(Signal(signal))).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: the structure is plain data for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is changed, and the answer goes to a live variable.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}
