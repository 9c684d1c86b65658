//! The variables in a trial's environment that are its own or that are set for all.

use std::ffi::{CString, OsStr};

use super::child::Slot;
use super::launcher::Shared;
use super::place::Place;
use super::process::TOKEN;
use super::spawn::entry;
use crate::run::launcher::Assignment;
use crate::spec::{CommandSpec, Filling};

/// Variables by which numeric libraries are told how many threads to use.
const THREADS: [&str; 6] = [
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
];

/// Which GPUs a program sees.
const GPUS: &str = "CUDA_VISIBLE_DEVICES";

/// What a trial is told about itself.
const SELF: [&str; 8] =
    ["SWEEP_TRIAL", "SWEEP_SWEEP", "SWEEP_SEED", "SWEEP_ATTEMPT", "SWEEP_PARAMS", "SWEEP_DIR", "SWEEP_REPORT", TOKEN];

/// The variables that are set for all trials unless the user set them, as `is_set` tells.
pub(super) fn defaults(threads: u32, is_set: &dyn Fn(&str) -> bool) -> Vec<(String, String)> {
    let threads = THREADS.into_iter().map(|name| (name.to_owned(), threads.to_string()));
    // Without it Python holds back what it prints until 8 KiB have come together.
    let unbuffered = std::iter::once(("PYTHONUNBUFFERED".to_owned(), "1".to_owned()));
    threads.chain(unbuffered).filter(|(name, _)| !is_set(name)).collect()
}

/// The names of the variables that each trial has for itself.
pub(super) fn own_names<'a>(command: &'a CommandSpec, slots: impl IntoIterator<Item = &'a Slot>) -> Vec<&'a str> {
    let gpus = slots.into_iter().any(|slot| slot.gpus.is_some()).then_some(GPUS);
    SELF.into_iter().chain(gpus).chain(command.env.iter().map(|(name, _)| name.as_str())).collect()
}

/// The variables that a trial has for itself, as `NAME=value`.
///
/// # Errors
/// When a value cannot be filled in.
pub(super) fn own(
    shared: &Shared,
    slot: &Slot,
    assignment: &Assignment,
    place: &Place,
    filling: &Filling<'_>,
) -> Result<Vec<CString>, String> {
    let settings = &assignment.config.settings;
    let params: serde_json::Map<String, serde_json::Value> =
        settings.iter().map(|s| (s.name.to_string(), s.value.to_json())).collect();
    let params = serde_json::Value::Object(params).to_string();
    let told = [
        assignment.number.to_string(),
        shared.sweep.to_string(),
        assignment.seed.to_string(),
        assignment.attempt.to_string(),
        params,
    ];
    let token = shared.token(assignment);
    let values =
        told.iter().map(OsStr::new).chain([place.dir.as_os_str(), place.report.as_os_str(), OsStr::new(&token)]);
    let mut entries: Vec<CString> =
        SELF.iter().zip(values).filter_map(|(name, v)| entry(OsStr::new(name), v)).collect();
    let is_users = |name: &str| shared.spec.env.iter().any(|(user, _)| user == name);
    if let Some(gpus) = slot.gpus.as_ref().filter(|_| !is_users(GPUS)) {
        entries.extend(entry(OsStr::new(GPUS), OsStr::new(gpus)));
    }
    for (name, value) in &shared.spec.env {
        let Some(value) = value.as_ref().filter(|_| !SELF.contains(&name.as_str())) else { continue };
        // What cannot stand in an environment is not there.
        entries.extend(value.fill(filling)?.first().and_then(|text| entry(OsStr::new(name), OsStr::new(text))));
    }
    Ok(entries)
}
