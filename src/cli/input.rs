//! What commands have in common: finding the store, reading a spec, mistakes in data shown at their place in the spec.

use std::path::{Path, PathBuf};

use super::args::Common;
use super::error::CliError;
use crate::analyse::{Selected, select};
use crate::spec::{Diagnostic, LoadError, Loaded, Problems};
use crate::store::{Access, Store};
use crate::train::trainer::{Point, Selection};
use crate::train::{DataError, SourceFrom};

/// The path of the store.
pub fn store_path(common: &Common) -> PathBuf {
    let variable = std::env::var_os("SWEEP_DB").map(PathBuf::from);
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    crate::store::find_store(common.db.as_deref(), variable.as_deref(), &here)
}

/// Opens the store for looking.
///
/// # Errors
/// No store, or one that cannot be read.
pub fn open_store(common: &Common) -> Result<Store, CliError> {
    Ok(Store::open(&store_path(common), Access::Read)?)
}

/// What a mistake in the data means in terms of the spec.
pub fn data_error(error: DataError, loaded: &Loaded) -> CliError {
    let path = format!("train.{}", error.key);
    let place = match (&error.expr, loaded.places.origin(&path)) {
        (Some(expr), Some(origin)) => {
            let text = rows_text(loaded, &error.key);
            Some(loaded.sources.locate_within(origin, &text, &expr.span))
        }
        _ => loaded.places.place(&path, &loaded.sources),
    };
    let mut diagnostic = Diagnostic::error(error.message, place);
    diagnostic.help.extend(error.help);
    diagnostic.help.extend(error.expr.and_then(|expr| expr.help));
    at_place(diagnostic, loaded)
}

/// A mistake that shows only when a spec is to be run, at the place of the key it is in.
pub fn spec_error(key: &str, message: String, help: Option<String>, loaded: &Loaded) -> CliError {
    let mut diagnostic = Diagnostic::error(message, loaded.places.place(key, &loaded.sources));
    diagnostic.help.extend(help);
    at_place(diagnostic, loaded)
}

fn at_place(diagnostic: Diagnostic, loaded: &Loaded) -> CliError {
    let sources = loaded.sources.clone();
    CliError::Spec(Box::new(LoadError { problems: Problems { list: vec![diagnostic] }, sources }))
}

/// The text of the expression at a key of `train`.
fn rows_text(loaded: &Loaded, key: &str) -> String {
    let Some(train) = loaded.spec.train() else { return String::new() };
    let own = || train.data.as_ref().and_then(|data| data.rows.as_ref());
    let expr = match key {
        "source.rows" => match train.source.as_ref().map(|source| &source.from) {
            Some(SourceFrom::Rows(expr)) => Some(expr),
            Some(SourceFrom::Data(_, expr)) => expr.as_ref(),
            _ => None,
        },
        _ => own(),
    };
    expr.map_or_else(String::new, |expr| expr.text().to_owned())
}

/// The file of a checkpoint source, if the spec has one: a file, or the kept model of a trial.
///
/// # Errors
/// A trial that is not there or kept no model.
pub fn checkpoint_file(loaded: &Loaded, store: Option<&Store>) -> Result<Option<PathBuf>, CliError> {
    let source = loaded.spec.train().and_then(|train| train.source.as_ref());
    let Some(SourceFrom::Checkpoint(checkpoint)) = source.map(|source| &source.from) else {
        return Ok(None);
    };
    let file = loaded.folder.join(checkpoint);
    if file.is_file() || Path::new(checkpoint).extension().is_some_and(|ending| ending == "safetensors") {
        return Ok(Some(file));
    }
    let Some(store) = store else {
        return Err(CliError::user(format!("there is no store in which `{checkpoint}` could be a trial")));
    };
    kept_model(store, checkpoint).map(Some)
}

/// The kept model of a trial.
///
/// # Errors
/// A trial that is not there or kept no model.
pub fn kept_model(store: &Store, trial: &str) -> Result<PathBuf, CliError> {
    let Selected::Trial(sweep, row) = select(store, trial)? else {
        return Err(CliError::user(format!("`{trial}` is a sweep, a trial is expected"))
            .hint("write SWEEP/NUMBER, such as `3/17`"));
    };
    let path = store.trial_folder(&sweep.uid, row.number).join("model.safetensors");
    if path.is_file() {
        return Ok(path);
    }
    Err(CliError::user(format!("trial {trial} kept no model"))
        .hint("add `each: {keep: [model]}` to the spec and run it again with `--new`"))
}

/// Which point of a run counts, as the trainer takes it.
pub fn selection(spec: &crate::spec::Spec) -> Selection {
    use crate::spec::{At, Goal};
    Selection {
        metric: spec.objective.metric.clone(),
        maximize: spec.objective.goal == Goal::Max,
        point: match spec.objective.at {
            At::Last => Point::Last,
            At::Best => Point::Best,
            At::Step(step) => Point::Step(step),
            At::Mean(count) => Point::Mean(count),
        },
    }
}
