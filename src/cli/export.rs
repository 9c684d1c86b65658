//! `sweep export`: trials as files for other programs, or as a spec that runs them again.

use std::collections::HashSet;
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use super::args::{Common, ExportArgs, ExportFormat};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use super::trials::{Chosen, chosen};
use crate::analyse::{FileFormat, FrameError, Scope, find, long_frame, series_frame, wide_frame, write_frame};
use crate::render::{plural, shell_word};
use crate::spec::with_cases;
use crate::store::TrialRow;

/// Exports trials; gives the exit code.
///
/// # Errors
/// No such sweep, a filter that names nothing, a file that cannot be written.
pub fn export(args: &ExportArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let format = format(args)?;
    let path = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let store = open_store(common)?;
    let Chosen { scopes, filter, order, top, .. } = chosen(&store, &args.choice)?;
    let trials = find(&store, &scopes, filter.as_ref(), order.as_ref(), top)?.trials;
    let file_format = match format {
        ExportFormat::Csv => FileFormat::Csv,
        ExportFormat::Parquet => FileFormat::Parquet,
        ExportFormat::Jsonl => FileFormat::JsonLines,
        ExportFormat::Spec => {
            let (text, configs) = spec(&scopes, &trials, args)?;
            if let Some(path) = path.filter(|path| !args.force && is_foreign(path)) {
                return Err(CliError::user(format!("`{}` is there and was not written by an export", path.display()))
                    .hint("choose another name, or say `--force`"));
            }
            write_out(path, &|out| Ok(out.write_all(text.as_bytes())?))?;
            let run = path.map_or_else(String::new, |path| {
                format!("; run it: sweep run {}", shell_word(&path.display().to_string()))
            });
            output.say(&format!("{} as a spec{run}", plural(configs as u64, "config")));
            return Ok(0);
        }
    };
    let ids: Vec<i64> = scopes.iter().map(|scope| scope.sweep.id).collect();
    let mut frame = match (args.long, args.series) {
        (_, true) => series_frame(&store, &trials),
        (true, false) => long_frame(&trials),
        (false, false) => wide_frame(&trials, &store.names(&ids)?),
    }
    .map_err(frame_error)?;
    let (rows, columns) = (frame.height() as u64, frame.width() as u64);
    let cell = std::cell::RefCell::new(&mut frame);
    write_out(path, &|out| write_frame(&mut cell.borrow_mut(), file_format, out).map_err(frame_error))?;
    output.say(&format!("{} of {}", plural(rows, "row"), plural(columns, "column")));
    Ok(0)
}

fn frame_error(error: FrameError) -> CliError {
    match error {
        FrameError::Store(error) => error.into(),
        FrameError::Polars(error) => CliError::system(format!("the table could not be written: {error}")),
    }
}

fn format(args: &ExportArgs) -> Result<ExportFormat, CliError> {
    let by_ending = |path: &PathBuf| match path.extension()?.to_str()? {
        "csv" => Some(ExportFormat::Csv),
        "parquet" | "pq" => Some(ExportFormat::Parquet),
        "jsonl" | "ndjson" => Some(ExportFormat::Jsonl),
        "yaml" | "yml" => Some(ExportFormat::Spec),
        _ => None,
    };
    let format = match (args.to, &args.output) {
        (Some(format), _) => format,
        (None, None) => ExportFormat::Csv,
        (None, Some(path)) if path == Path::new("-") => ExportFormat::Csv,
        (None, Some(path)) => by_ending(path).ok_or_else(|| {
            CliError::user(format!("the ending of `{}` names no format", path.display()))
                .hint("end it in .csv, .parquet, .jsonl or .yaml, or say `--to FORMAT`")
        })?,
    };
    if format == ExportFormat::Spec && (args.long || args.series) {
        return Err(CliError::user("a spec has no rows: `--long` and `--series` mean nothing for it"));
    }
    if format == ExportFormat::Parquet && args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(CliError::user("Parquet is not for a terminal").hint("write it to a file: `-o trials.parquet`"));
    }
    Ok(format)
}

/// The spec of the configs of these trials, each once, and how many they are.
fn spec(scopes: &[Scope], trials: &[TrialRow], args: &ExportArgs) -> Result<(String, usize), CliError> {
    let [scope] = scopes else {
        return Err(CliError::user("trials of several sweeps do not make one spec").hint("name one sweep"));
    };
    if trials.is_empty() {
        return Err(CliError::user(format!("no trial of sweep {} is selected", scope.sweep.id)));
    }
    let mut seen = HashSet::new();
    let configs: Vec<_> =
        trials.iter().filter(|trial| seen.insert(trial.config_row)).map(|trial| &*trial.config).collect();
    let meant = serde_json::from_str(&scope.sweep.spec_meant)
        .map_err(|error| CliError::system(format!("the stored spec of sweep {} is broken: {error}", scope.sweep.id)))?;
    let name = match args.output.as_ref().and_then(|path| path.file_stem()) {
        Some(stem) => stem.to_string_lossy().into_owned(),
        None => format!("{}-selected", scope.sweep.name),
    };
    let spec = with_cases(&meant, &configs, Path::new(&scope.sweep.folder), &name);
    let text = serde_yaml::to_string(&spec).map_err(|error| CliError::system(error.to_string()))?;
    let head = format!("# {} of sweep {}{MARK}", plural(configs.len() as u64, "config"), scope.sweep.id);
    Ok((format!("{head}\n{text}"), configs.len()))
}

/// The end of the first line of an exported spec.
const MARK: &str = ", to run again.";

/// Whether there is a file that was not written by an export.
fn is_foreign(path: &Path) -> bool {
    path.exists()
        && !std::fs::read_to_string(path).is_ok_and(|text| text.lines().next().is_some_and(|line| line.ends_with(MARK)))
}

/// Writes to standard output, or to a file that is whole or not there.
fn write_out(path: Option<&Path>, write: &dyn Fn(&mut dyn Write) -> Result<(), CliError>) -> Result<(), CliError> {
    let Some(path) = path else {
        // Whole, so that a reader that has seen enough is no error of the format.
        let mut text = Vec::new();
        write(&mut text)?;
        let mut out = std::io::stdout().lock();
        out.write_all(&text)?;
        out.flush()?;
        return Ok(());
    };
    let failed = |error: std::io::Error| CliError::system(format!("`{}` cannot be written: {error}", path.display()));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let mut out = std::io::BufWriter::new(std::fs::File::create(&temporary).map_err(failed)?);
    let written = write(&mut out).and_then(|()| out.flush().map_err(failed));
    let moved = written.and_then(|()| std::fs::rename(&temporary, path).map_err(failed));
    if moved.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    moved
}
