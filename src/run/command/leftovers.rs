//! Processes that a dead run left behind, where its watchdog died too: found by pid, start time and boot id, and by the
//! token in their environment; never by name.

use nix::sys::signal::Signal;

use super::process::{is_alive, kill_by_token, signal_group};
use crate::store::{ProcessId, process_start};

/// Kills what is left of `processes` (attempts of this machine since its start) and every process whose token starts
/// with `token`; how many there were.
pub fn end_leftovers(processes: &[ProcessId], token: &str) -> usize {
    let mut ended = 0;
    for process in processes {
        if process.start != 0 && process_start(process.pid) == Some(process.start) && is_alive(process.pid) {
            signal_group(process.pid, Signal::SIGKILL);
            ended += 1;
        }
    }
    ended + if token.is_empty() { 0 } else { kill_by_token(token) }
}
