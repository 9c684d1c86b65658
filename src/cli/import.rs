//! `sweep import`: sweeps of another store.

use std::fs;
use std::io;
use std::path::Path;

use super::args::{Common, ImportArgs};
use super::error::CliError;
use super::input::store_path;
use super::output::Output;
use crate::analyse::select_list;
use crate::render::{clean, plural};
use crate::store::{Access, Imported, Store, StoreError};

/// Takes sweeps over; gives the exit code.
///
/// # Errors
/// A file that is no store, no such sweep there.
pub fn import(args: &ImportArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let other = Store::open(&args.other, Access::Read).map_err(|error| match error {
        StoreError::Missing { .. } | StoreError::Foreign { .. } => {
            CliError::user(format!("`{}` is no store of sweeps", args.other.display()))
                .hint("name the .db file of another store, such as `old/results/sweep.db`")
        }
        error => error.into(),
    })?;
    let mut store = Store::open(&store_path(common), Access::Create)?;
    let same = |a: &Path, b: &Path| fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b);
    if same(other.path(), store.path()) {
        return Err(CliError::user("a store cannot be imported into itself"));
    }
    let selectors = if args.sweeps.is_empty() { vec!["all".to_owned()] } else { args.sweeps.clone() };
    let (mut new, mut different) = (0, 0);
    for scope in select_list(&other, &selectors)? {
        let sweep = scope.sweep;
        let name = clean(&sweep.name);
        match store.import(&args.other, sweep.id)? {
            Imported::New(number) => {
                new += 1;
                let from = other.sweep_folder(&sweep.uid);
                if !args.no_files && from.is_dir() {
                    copy(&from, &store.sweep_folder(&sweep.uid)).map_err(|error| {
                        CliError::system(format!("the files of sweep {number} are not whole: {error}"))
                    })?;
                }
                output.say(&format!(
                    "{} {name} is sweep {number} here ({})",
                    sweep.id,
                    plural(sweep.counts.total(), "trial")
                ));
            }
            Imported::Known(number) => output.say(&format!("{} {name} is here already, as sweep {number}", sweep.id)),
            Imported::Different(number) => {
                different += 1;
                output.warn(&format!(
                    "{} {name} is here already, as sweep {number}, with other trials: to take it anew, first sweep rm --purge {number}{}",
                    sweep.id,
                    output.store()
                ));
            }
        }
    }
    output.say(&format!("{} imported", plural(new, "sweep")));
    Ok(u8::from(different > 0))
}

/// Copies a folder; links are copied as links, the lock of the one who runs it not at
/// all.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, target)?;
        } else if kind.is_file() && entry.file_name() != "owner" {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
