//! `sweep doctor`: what is wrong with a store, and mending it.

use super::args::{Common, DoctorArgs};
use super::error::CliError;
use super::input::store_path;
use super::output::Output;
use crate::analyse::select_sweep;
use crate::render::{clean, plural};
use crate::run::command::end_leftovers;
use crate::store::{Access, Owner, Store};

/// Checks a store; gives the exit code: 1 where something is wrong and was not mended.
///
/// # Errors
/// No store, or one that cannot be read at all.
pub fn doctor(args: &DoctorArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let path = store_path(common);
    let access = if args.repair || args.release.is_some() { Access::Write } else { Access::Read };
    let mut store = Store::open(&path, access)?;
    if let Some(selector) = &args.release {
        let sweep = select_sweep(&store, selector)?;
        if !store.release(&sweep.uid)? {
            return Err(CliError::not_free(format!("sweep {} is run by a process of this machine", sweep.id))
                .hint("`sweep stop` ends it"));
        }
        output.say(&format!("sweep {} is free", sweep.id));
    }
    let mut wrong = 0;
    let mut mended = 0;
    for finding in store.check()? {
        wrong += 1;
        let done = match &finding.repair {
            Some(repair) if args.repair => match store.repair(repair) {
                Ok(()) => {
                    mended += 1;
                    format!("mended: {}", finding.remedy)
                }
                Err(error) => format!("not mended: {error}"),
            },
            Some(_) => format!("`--repair` {}", finding.remedy),
            None => finding.remedy.clone(),
        };
        output.data(&format!("{}\n  {}\n", clean(&finding.what), clean(&done)))?;
    }
    // Processes of runs that are gone; a sweep that is run belongs to its coordinator.
    for (sweep, uid) in store.all_sweeps()? {
        match store.owner(&uid) {
            Owner::Nobody if args.repair => {
                let ended = end_leftovers(&store.processes_of_the_dead(sweep)?, &format!("{uid}/"));
                if ended > 0 {
                    let processes = plural(ended as u64, "process");
                    output.data(&format!("{processes} of sweep {sweep} outlived its run\n  mended: ended\n"))?;
                    wrong += 1;
                    mended += 1;
                }
            }
            Owner::Elsewhere(process) => {
                wrong += 1;
                output.data(&format!(
                    "sweep {sweep} is claimed by process {} on `{}`, of which nothing is known here\n  if it is gone: sweep doctor --release {sweep}\n",
                    process.pid,
                    clean(&process.host)
                ))?;
            }
            _ => {}
        }
    }
    let sweeps = plural(store.all_sweeps()?.len() as u64, "sweep");
    if wrong == 0 {
        output.data(&format!("`{}` is sound: {sweeps}\n", path.display()))?;
    } else {
        output.say(&format!("{} found, {mended} mended", plural(wrong, "problem")));
    }
    Ok(u8::from(wrong > mended))
}
