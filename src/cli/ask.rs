//! Asking the coordinator of a running sweep for something, and waiting for its answer.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::error::CliError;
use crate::store::{Owner, Store, SweepRow};

/// How long a coordinator may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks; none where nobody runs the sweep (any more).
///
/// # Errors
/// When the sweep is another machine's, or no answer comes.
pub fn ask(store: &mut Store, sweep: &SweepRow, kind: &str, payload: &Json) -> Result<Option<String>, CliError> {
    match store.owner(&sweep.uid) {
        Owner::Nobody => return Ok(None),
        Owner::Alive(_) => {}
        Owner::Elsewhere(process) => {
            let message = format!("sweep {} belongs to process {} on `{}`", sweep.id, process.pid, process.host);
            let hint = format!("ask there; if that process is gone: sweep doctor --release {}", sweep.id);
            return Err(CliError::not_free(message).hint(hint));
        }
    }
    let request = store.ask(sweep.id, kind, payload)?;
    let start = Instant::now();
    loop {
        if let Some(answer) = store.answer(request)? {
            return Ok(Some(answer));
        }
        if store.owner(&sweep.uid) == Owner::Nobody {
            // It may have answered with its last breath.
            let answer = store.answer(request)?;
            store.take_back(request)?;
            return Ok(answer);
        }
        if start.elapsed() > PATIENCE {
            store.take_back(request)?;
            return Err(CliError::not_free(format!("the process that runs sweep {} does not answer", sweep.id)));
        }
        thread::sleep(Duration::from_millis(20));
    }
}
