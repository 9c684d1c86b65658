//! Trials as data frames, and frames as files. Column names and types are stable: `docs/views.md` lists them.

use std::io::Write;

use polars::prelude::{
    AnyValue, Column, DataFrame, DataType, IntoColumn, NamedFrom, PolarsError, PolarsResult, Series, TimeUnit,
};
use polars_io::SerWriter as _;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::ParquetWriter;

use crate::space::{Setting, Value, float_json};
use crate::store::{NameKind, NameRow, Store, StoreError, TrialRow, WIDE_FIELDS, wide_names};

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    JsonLines,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The frame could not be made or written.
    #[error("{0}")]
    Polars(#[from] PolarsError),
}

/// One row a trial: its fields, its params, its final metrics.
///
/// # Errors
/// When polars cannot make the frame.
pub fn wide_frame(trials: &[TrialRow], names: &[NameRow]) -> Result<DataFrame, FrameError> {
    let mut columns = fields(trials)?;
    columns.insert(0, ints("sweep", trials, |trial| trial.sweep));
    for wide in wide_names(names) {
        columns.push(match wide.kind {
            NameKind::Param => params(&wide.column, trials.iter().map(|trial| trial.config.setting(&wide.name))),
            NameKind::Metric => {
                let values: Vec<Option<f64>> = trials.iter().map(|trial| trial.metric(&wide.name)).collect();
                Series::new(wide.column.as_str().into(), values).into_column()
            }
        });
    }
    Ok(DataFrame::new(trials.len(), columns)?)
}

/// One row a trial and metric: `sweep trial config repeat name value`.
///
/// # Errors
/// When polars cannot make the frame.
pub fn long_frame(trials: &[TrialRow]) -> Result<DataFrame, FrameError> {
    let rows: Vec<(&TrialRow, &str, f64)> = trials
        .iter()
        .flat_map(|trial| trial.metrics.iter().map(move |(name, value)| (trial, &**name, *value)))
        .collect();
    let height = rows.len();
    let columns = vec![
        Series::new("sweep".into(), rows.iter().map(|row| row.0.sweep).collect::<Vec<_>>()).into_column(),
        Series::new("trial".into(), rows.iter().map(|row| row.0.number).collect::<Vec<_>>()).into_column(),
        Series::new("config".into(), rows.iter().map(|row| row.0.config_id.as_str()).collect::<Vec<_>>()).into_column(),
        Series::new("repeat".into(), rows.iter().map(|row| i64::from(row.0.repeat)).collect::<Vec<_>>()).into_column(),
        Series::new("name".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>()).into_column(),
        Series::new("value".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()).into_column(),
    ];
    Ok(DataFrame::new(height, columns)?)
}

/// One row a point of a series: `sweep trial name step value`.
///
/// # Errors
/// When the store cannot be read.
pub fn series_frame(store: &Store, trials: &[TrialRow]) -> Result<DataFrame, FrameError> {
    let (mut sweeps, mut numbers, mut steps, mut values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut names: Vec<String> = Vec::new();
    for trial in trials {
        let Some(attempt) = trial.attempt else { continue };
        for (name, series) in store.series(attempt)? {
            let count = series.steps.len();
            sweeps.extend(std::iter::repeat_n(trial.sweep, count));
            numbers.extend(std::iter::repeat_n(trial.number, count));
            names.extend(std::iter::repeat_n(name, count));
            steps.extend(series.steps.iter().map(|step| *step as i64));
            values.extend(series.values);
        }
    }
    let height = steps.len();
    let columns = vec![
        Series::new("sweep".into(), sweeps).into_column(),
        Series::new("trial".into(), numbers).into_column(),
        Series::new("name".into(), names).into_column(),
        Series::new("step".into(), steps).into_column(),
        Series::new("value".into(), values).into_column(),
    ];
    Ok(DataFrame::new(height, columns)?)
}

/// Writes a frame.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_frame(frame: &mut DataFrame, format: FileFormat, out: &mut dyn Write) -> Result<(), FrameError> {
    match format {
        FileFormat::Csv => {
            CsvWriter::new(out).with_datetime_format(Some("%Y-%m-%dT%H:%M:%S%.6fZ".into())).finish(frame)?;
        }
        FileFormat::Parquet => drop(ParquetWriter::new(out).finish(frame)?),
        FileFormat::JsonLines => write_json_lines(frame, out)?,
    }
    Ok(())
}

/// One object a row, as in every JSON of this program: NaN and infinities are texts, times are RFC 3339 in UTC.
fn write_json_lines(frame: &DataFrame, out: &mut dyn Write) -> PolarsResult<()> {
    let columns = frame.columns();
    for row in 0..frame.height() {
        let mut object = serde_json::Map::new();
        for column in columns {
            let value = match column.get(row)? {
                AnyValue::Null => serde_json::Value::Null,
                AnyValue::Boolean(bool) => bool.into(),
                AnyValue::Int64(int) => int.into(),
                AnyValue::Float64(float) => float_json(float),
                AnyValue::Datetime(micros, ..) => time(micros).into(),
                other => other.get_str().map_or_else(|| other.to_string(), str::to_owned).into(),
            };
            object.insert(column.name().to_string(), value);
        }
        writeln!(out, "{}", serde_json::Value::Object(object))?;
    }
    Ok(())
}

/// RFC 3339 in UTC of microseconds since 1970.
fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}

fn ints(name: &str, trials: &[TrialRow], get: impl Fn(&TrialRow) -> i64) -> Column {
    Series::new(name.into(), trials.iter().map(get).collect::<Vec<_>>()).into_column()
}

/// The columns of [`WIDE_FIELDS`].
fn fields(trials: &[TrialRow]) -> PolarsResult<Vec<Column>> {
    let texts = |name: &str, get: &dyn Fn(&TrialRow) -> String| {
        Series::new(name.into(), trials.iter().map(get).collect::<Vec<_>>()).into_column()
    };
    let reals = |name: &str, get: &dyn Fn(&TrialRow) -> Option<f64>| {
        Series::new(name.into(), trials.iter().map(get).collect::<Vec<_>>()).into_column()
    };
    let times = |name: &str, get: &dyn Fn(&TrialRow) -> Option<i64>| {
        let micros = Series::new(name.into(), trials.iter().map(get).collect::<Vec<Option<i64>>>());
        Ok::<_, PolarsError>(micros.cast(&DataType::Datetime(TimeUnit::Microseconds, None))?.into_column())
    };
    WIDE_FIELDS
        .iter()
        .map(|name| {
            Ok(match *name {
                "trial" => ints(name, trials, |trial| trial.number),
                "config" => texts(name, &|trial| trial.config_id.clone()),
                "repeat" => ints(name, trials, |trial| i64::from(trial.repeat)),
                "seed" => ints(name, trials, |trial| trial.seed as i64),
                "state" => texts(name, &|trial| trial.state.word().to_owned()),
                "reason" => texts(name, &|trial| trial.reason.clone()),
                "attempts" => ints(name, trials, |trial| trial.attempts),
                "objective" => reals(name, &|trial| trial.objective),
                "started" => times(name, &|trial| trial.started)?,
                "ended" => times(name, &|trial| trial.ended)?,
                _ => reals(name, &TrialRow::seconds),
            })
        })
        .collect()
}

/// A column of one param: whole numbers, numbers, truth values, else texts; a list or mapping goes by its label, else as
/// JSON.
fn params<'a>(name: &str, settings: impl Iterator<Item = Option<&'a Setting>>) -> Column {
    let values: Vec<Option<&Setting>> = settings.map(|setting| setting.filter(|s| s.value != Value::Null)).collect();
    let all = |test: fn(&Value) -> bool| values.iter().flatten().all(|setting| test(&setting.value));
    let name = name.into();
    let series = if all(|value| matches!(value, Value::Int(_))) {
        let int = |setting: &Setting| if let Value::Int(int) = setting.value { Some(int) } else { None };
        Series::new(name, values.iter().map(|setting| setting.and_then(int)).collect::<Vec<_>>())
    } else if all(|value| value.number().is_some()) {
        Series::new(name, values.iter().map(|setting| setting.and_then(|s| s.value.number())).collect::<Vec<_>>())
    } else if all(|value| matches!(value, Value::Bool(_))) {
        let bool = |setting: &Setting| if let Value::Bool(bool) = setting.value { Some(bool) } else { None };
        Series::new(name, values.iter().map(|setting| setting.and_then(bool)).collect::<Vec<_>>())
    } else {
        let text = |setting: &Setting| match (&setting.value, &setting.label) {
            (Value::List(_) | Value::Map(_), Some(label)) => label.to_string(),
            (Value::Text(text), _) => text.clone(),
            (value, _) => value.to_json().to_string(),
        };
        Series::new(name, values.iter().map(|setting| setting.map(text)).collect::<Vec<_>>())
    };
    series.into_column()
}
