//! `sweep ls`: all sweeps at a glance.

use serde_json::Value as Json;

use super::args::{Common, LsArgs};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use crate::render::{Cell, Column, Format, Listing, ago, time};
use crate::space::State;
use crate::store::{Owner, SweepRow, now};

/// Lists the sweeps; gives the exit code.
///
/// # Errors
/// No store, or one that cannot be read.
pub fn ls(args: &LsArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let hidden = store.hidden_sweeps()?;
    let (sweeps, others) = if args.hidden { (hidden, 0) } else { (store.sweeps()?, hidden.len()) };
    let format = args.format.format();
    if sweeps.is_empty() && format == Format::Table {
        output.say(&match (args.hidden, others) {
            (true, _) => "no sweep is hidden".to_owned(),
            (false, 0) => "the store has no sweep yet: `sweep run SPEC.yaml` makes one".to_owned(),
            (false, _) => format!("all {others} sweeps are hidden: sweep ls --hidden{}", output.store()),
        });
        return Ok(0);
    }
    let some_run = sweeps.iter().any(|sweep| sweep.owner != Owner::Nobody);
    let mut columns = vec![
        Column::number("id"),
        Column::text("name"),
        Column::text("state"),
        Column::number("done"),
        Column::number("of").droppable(4),
        Column::number("failed").droppable(1),
        Column::number("diverged").droppable(2),
        Column::text("metric").droppable(3),
        Column::number("best"),
        Column::text("started").droppable(5),
        Column::text("tags").droppable(6),
    ];
    if some_run {
        columns.push(Column::text("process").droppable(1));
    }
    let mut listing = Listing::new(columns);
    for sweep in &sweeps {
        let best = store.best_mean(sweep)?;
        let mut row = vec![
            Cell::int(sweep.id),
            Cell::text(&sweep.name),
            Cell::text(state(sweep)),
            Cell::int(sweep.counts.finished() as i64),
            sweep.planned.map_or_else(Cell::empty, |planned| Cell::int(planned as i64)),
            Cell::int(sweep.counts.of(State::Failed) as i64),
            Cell::int(sweep.counts.of(State::Diverged) as i64),
            Cell::text(format!("{} {}", sweep.goal, sweep.metric)),
            Cell::metric(best),
            Cell::new(ago(sweep.created, now()), Json::String(time(sweep.created))),
            Cell::text(sweep.tags.join(" ")),
        ];
        if some_run {
            row.push(match &sweep.owner {
                Owner::Alive(process) | Owner::Elsewhere(process) => {
                    Cell::text(format!("{} on {}", process.pid, process.host))
                }
                Owner::Nobody => Cell::empty(),
            });
        }
        listing.rows.push(row);
    }
    output.table(&listing, format, !args.format.no_trunc)?;
    Ok(0)
}

/// One word for where a sweep stands.
pub fn state(sweep: &SweepRow) -> &'static str {
    match (&sweep.owner, sweep.complete) {
        (Owner::Alive(_), _) => "running",
        (Owner::Elsewhere(_), false) => "elsewhere",
        (_, true) => "complete",
        (Owner::Nobody, false) => "incomplete",
    }
}
