//! `sweep tag`: tags, name and note of sweeps.

use super::args::{Common, TagArgs};
use super::error::CliError;
use super::input::store_path;
use super::output::Output;
use crate::analyse::{is_selector, select_sweep};
use crate::render::clean;
use crate::store::{Access, Relabel, Store};

/// Changes the labels of a sweep, or shows them; gives the exit code.
///
/// # Errors
/// No such sweep, or a tag that cannot be one.
pub fn tag(args: &TagArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let changes = !args.tags.is_empty() || !args.remove.is_empty() || args.name.is_some() || args.note.is_some();
    let access = if changes { Access::Write } else { Access::Read };
    let mut store = Store::open(&store_path(common), access)?;
    let sweep = select_sweep(&store, &args.sweep)?;
    if let Some(bad) = args.tags.iter().find(|tag| tag.trim().is_empty() || tag.contains(',')) {
        return Err(CliError::user(format!("`{bad}` cannot be a tag")).hint("a tag is a text without commas"));
    }
    if let Some(name) = args.name.as_ref().filter(|name| name.trim().is_empty() || is_selector(name)) {
        return Err(CliError::user(format!("`{name}` cannot be the name of a sweep"))
            .hint("numbers, ranges, `last`, `all` and `tag:x` mean sweeps already"));
    }
    if let Some(absent) = args.remove.iter().find(|tag| !sweep.tags.contains(tag)) {
        return Err(CliError::user(format!("sweep {} has no tag `{absent}`", sweep.id))
            .hint(format!("its tags are: {}", sweep.tags.join(", "))));
    }
    if changes {
        let change = Relabel {
            add: args.tags.clone(),
            remove: args.remove.clone(),
            name: args.name.clone(),
            note: args.note.clone(),
        };
        store.relabel(sweep.id, &change)?;
    }
    let now = store.sweep(sweep.id)?.unwrap_or(sweep);
    let mut text = format!("{} {}", now.id, clean(&now.name));
    if !now.tags.is_empty() {
        text += &format!("  tags: {}", clean(&now.tags.join(", ")));
    }
    if let Some(note) = &now.note {
        text += &format!("  note: {}", clean(note));
    }
    output.data(&format!("{text}\n"))?;
    Ok(0)
}
