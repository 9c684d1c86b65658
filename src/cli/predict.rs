//! `sweep predict`: a saved model applied to new rows.

use std::path::Path;

use super::args::{Common, PredictArgs};
use super::error::CliError;
use super::input::{kept_model, open_store};
use super::output::Output;
use crate::render::{Cell, Column, Listing, metric};
use crate::space::float_json;
use crate::train::Checkpoint;
use crate::train::data::{Values, read_table};

/// Prints predictions; gives the exit code.
///
/// # Errors
/// A trial without a model, rows that lack a column.
pub fn predict(args: &PredictArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let direct = Path::new(&args.model);
    let path = if direct.is_file() || direct.extension().is_some_and(|ending| ending == "safetensors") {
        direct.to_owned()
    } else {
        kept_model(&open_store(common)?, &args.model)?
    };
    let checkpoint = Checkpoint::open(&path).map_err(|error| CliError::user(error.to_string()))?;
    let data_error = |error: crate::train::DataError| {
        let failure = CliError::user(error.message);
        match error.help {
            Some(help) => failure.hint(help),
            None => failure,
        }
    };
    let table = read_table(&args.data, "data").map_err(data_error)?;
    let scores = checkpoint.predict(&table).map_err(data_error)?;
    let classes = &checkpoint.about.classes;
    let target = &checkpoint.about.target;
    let mut columns = vec![Column::number("row")];
    if classes.is_empty() {
        columns.push(Column::number(target.as_str()));
    } else {
        columns.push(Column::text(target.as_str()));
        columns.extend(classes.iter().map(|class| Column::number(format!("p({class})")).droppable(1)));
    }
    let mut listing = Listing::new(columns);
    let names = if classes.is_empty() { Vec::new() } else { checkpoint.class_names(&scores) };
    for row in 0..scores.rows() {
        let mut cells = vec![Cell::int(row as i64)];
        match names.get(row) {
            Some(name) => {
                cells.push(Cell::text(*name));
                cells.extend(scores.row(row).iter().map(|p| Cell::new(metric(*p), float_json(*p))));
            }
            None => cells.push(Cell::new(metric(scores.row(row)[0]), float_json(scores.row(row)[0]))),
        }
        listing.rows.push(cells);
    }
    output.listing(&listing, args.format)?;
    // Rows that bring the answer along tell how good the predictions are.
    if let Some(column) = table.column(target) {
        let actual: Vec<Option<String>> = match &column.values {
            Values::Numeric { values, .. } => values.iter().map(|x| (!x.is_nan()).then(|| x.to_string())).collect(),
            Values::Category { codes, levels, .. } => {
                codes.iter().map(|code| code.map(|code| levels[code as usize].clone())).collect()
            }
        };
        let known = actual.iter().flatten().count();
        if known > 0 && !classes.is_empty() {
            let right = names.iter().zip(&actual).filter(|(name, actual)| actual.as_deref() == Some(**name)).count();
            output.say(&format!(
                "accuracy {} over {known} rows that have `{target}`",
                metric(right as f64 / known as f64)
            ));
        } else if let (Values::Numeric { values, .. }, true) = (&column.values, known > 0) {
            let errors = values.iter().zip(scores.data()).filter(|(y, _)| !y.is_nan()).map(|(y, f)| (y - f) * (y - f));
            let rmse = (errors.sum::<f64>() / known as f64).sqrt();
            output.say(&format!("rmse {} over {known} rows that have `{target}`", metric(rmse)));
        }
    }
    Ok(0)
}
