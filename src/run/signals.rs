//! Signals to messages: the first drains the sweep, the second stops it at once.

use std::sync::mpsc::SyncSender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::launcher::{Message, Signal};

/// Sends every SIGINT, SIGTERM and SIGHUP to the mailbox.
///
/// # Errors
/// When the system refuses the handlers.
pub fn watch_signals(mailbox: SyncSender<Message>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if mailbox.send(Message::Signal(Signal(signal))).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
