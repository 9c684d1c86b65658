//! `sweep compare`: sweeps or trials side by side.

use serde_json::{Value as Json, json};

use super::args::{Common, CompareArgs};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use crate::analyse::{Difference, Thing, compare as compare_things, select_list};
use crate::render::{Cell, Column, Format, Listing, metric, plural, shorten};

/// Compares sweeps or trials; gives the exit code.
///
/// # Errors
/// No such sweep or trial, or only one.
pub fn compare(args: &CompareArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let mut things: Vec<Thing> = Vec::new();
    for what in &args.what {
        for scope in select_list(&store, std::slice::from_ref(what))? {
            match scope.numbers {
                None => things.push(Thing::Sweep(Box::new(scope.sweep))),
                Some(numbers) => {
                    for number in numbers {
                        if let Some(trial) = store.trial(&scope.sweep, number)? {
                            things.push(Thing::Trial(Box::new(scope.sweep.clone()), Box::new(trial)));
                        }
                    }
                }
            }
        }
    }
    if things.len() < 2 {
        return Err(CliError::user("one thing cannot be compared")
            .hint("name two or more sweeps or trials: sweep compare last~1 last, sweep compare 3/1 3/17"));
    }
    let comparison = compare_things(&store, &things)?;
    let format = args.format.format();
    if comparison.differences.is_empty() && format == Format::Table {
        output.say(&format!("nothing differs: {} are the same", plural(comparison.same as u64, "line")));
        return Ok(0);
    }
    let amounts = comparison.differences.iter().any(|line| line.amount().is_some());
    let mut columns = vec![Column::text("about"), Column::text("name")];
    columns.extend(things.iter().map(|thing| Column::number(thing.label())));
    columns.extend(amounts.then(|| Column::text("difference")));
    let mut listing = Listing::new(columns);
    let mut before = "";
    for line in &comparison.differences {
        let about = Cell::new(if line.section == before { "" } else { line.section }, json!(line.section));
        before = line.section;
        let mut row = vec![about, Cell::text(line.name.as_str())];
        row.extend(line.values.iter().map(|value| {
            let cell = cell(line, value);
            // A long command or list would push everything else out of sight.
            let shown = if args.format.no_trunc { cell.shown } else { shorten(&cell.shown, 60) };
            Cell { shown, value: cell.value }
        }));
        let winner = line.winner(&things).map(|i| things[i].label());
        row.extend(amounts.then(|| difference(line, winner)));
        listing.rows.push(row);
    }
    output.table(&listing, format, !args.format.no_trunc)?;
    if format == Format::Table {
        output.say(&format!("{} the same and not shown", plural(comparison.same as u64, "line")));
    }
    Ok(0)
}

fn cell(line: &Difference, value: &Json) -> Cell {
    let is_measured = matches!(line.section, "result" | "metrics");
    match value {
        Json::Null => Cell::empty(),
        Json::String(text) => Cell::text(text.as_str()),
        Json::Number(number) if is_measured && number.is_f64() => {
            Cell::new(number.as_f64().map_or_else(String::new, metric), value.clone())
        }
        Json::Number(number) if number.is_f64() => {
            Cell::new(format!("{:?}", number.as_f64().unwrap_or(f64::NAN)), value.clone())
        }
        other => Cell::new(other.to_string(), other.clone()),
    }
}

/// `+0.012 (+4.1 %)`; for the compared metric also which thing is best.
fn difference(line: &Difference, winner: Option<String>) -> Cell {
    let Some(amount) = line.amount() else { return Cell::empty() };
    let first = line.values.first().and_then(Json::as_f64).unwrap_or(0.0);
    let sign = if amount > 0.0 { "+" } else { "" };
    let percent = amount / first.abs() * 100.0;
    let share = match percent.abs() {
        p if !p.is_finite() => String::new(),
        p if p >= 99.95 => format!(" ({percent:+.0} %)"),
        _ => format!(" ({percent:+.1} %)"),
    };
    let best = winner.map_or_else(String::new, |label| format!(", best: {label}"));
    Cell::new(format!("{sign}{}{share}{best}", metric(amount)), crate::space::float_json(amount))
}
