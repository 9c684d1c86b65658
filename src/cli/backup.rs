//! `sweep backup`: a copy of a store that may be in use.

use std::fs;

use super::args::{BackupArgs, Common};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;

/// Copies the store; gives the exit code.
///
/// # Errors
/// No store, or a file that cannot be written.
pub fn backup(args: &BackupArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let to = &args.file;
    if to.exists() && !args.force {
        return Err(CliError::user(format!("`{}` exists", to.display())).hint("`--force` replaces it"));
    }
    if to.is_dir() {
        return Err(CliError::user(format!("`{}` is a folder", to.display())).hint("give the name of a file"));
    }
    // Whole or not at all.
    let mut part = to.clone().into_os_string();
    part.push(format!(".{}.part", std::process::id()));
    let copied = store.copy_to(part.as_ref()).map_err(CliError::from).and_then(|()| {
        let file = fs::File::open(&part)?;
        file.sync_all()?;
        Ok(fs::rename(&part, to)?)
    });
    if let Err(error) = copied {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    output.say(&format!("{} sweeps are in `{}`", store.sweep_names()?.len(), to.display()));
    let files = store.sweep_folder("");
    if files.is_dir() {
        output.say(&format!("logs and kept files of trials are not: they are in `{}`", files.display()));
    }
    Ok(0)
}
