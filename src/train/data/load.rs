//! Files to tables, through polars.

use std::fs::File;
use std::path::Path;

use polars::prelude::{Column as Frame, DataFrame, DataType};
use polars_io::prelude::{CsvReadOptions, JsonFormat, JsonReader, ParquetReader, SerReader};

use super::error::DataError;
use super::table::{Column, Table, Values};

/// Reads a CSV, Parquet or JSON-lines file; `key` is the key of `train` that names it.
///
/// # Errors
/// A file that is not there, cannot be read, or has no columns or rows.
pub fn read_table(path: &Path, key: &str) -> Result<Table, DataError> {
    let shown = path.display();
    let fail = |message: String| DataError::new(key, message);
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => fail(format!("there is no file `{shown}`")),
        _ => fail(format!("cannot read `{shown}`: {error}")),
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(fail(format!("`{shown}` is a folder, not a file")));
    }
    let ending = path.extension().map_or_else(String::new, |ending| ending.to_string_lossy().to_ascii_lowercase());
    let frame = match ending.as_str() {
        "csv" | "tsv" | "txt" => {
            let separator = if ending == "tsv" { b'\t' } else { b',' };
            CsvReadOptions::default()
                .with_infer_schema_length(None)
                .map_parse_options(|options| options.with_separator(separator))
                .try_into_reader_with_file_path(Some(path.to_owned()))
                .and_then(SerReader::finish)
        }
        "parquet" | "pq" => ParquetReader::new(file).finish(),
        "jsonl" | "ndjson" => {
            JsonReader::new(file).with_json_format(JsonFormat::JsonLines).infer_schema_len(None).finish()
        }
        _ => {
            let error = fail(format!("`{shown}` is not a kind of file that is read"));
            return Err(error.help("data files end in .csv, .tsv, .parquet or .jsonl"));
        }
    };
    let frame = frame.map_err(|error| fail(format!("cannot read `{shown}`: {}", first_line(&error.to_string()))))?;
    if frame.height() == 0 || frame.width() == 0 {
        return Err(fail(format!("`{shown}` has no rows")));
    }
    let mut table =
        table(&frame).map_err(|error| fail(format!("cannot read `{shown}`: {}", first_line(&error.to_string()))))?;
    table.drop_blank_rows();
    Ok(table)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

fn table(frame: &DataFrame) -> polars::prelude::PolarsResult<Table> {
    let columns = frame
        .columns()
        .iter()
        .map(|column| Ok(Column { name: column.name().to_string(), values: values(column)? }))
        .collect::<polars::prelude::PolarsResult<_>>()?;
    Ok(Table { columns, rows: frame.height() })
}

fn values(column: &Frame) -> polars::prelude::PolarsResult<Values> {
    let series = column.as_materialized_series();
    Ok(match column.dtype() {
        DataType::Boolean => {
            let texts: Vec<Option<String>> = series.bool()?.iter().map(|bool| bool.map(|b| b.to_string())).collect();
            Values::category(&texts, true)
        }
        dtype if dtype.is_primitive_numeric() => {
            let whole = dtype.is_integer();
            let floats = series.cast(&DataType::Float64)?;
            let values = floats.f64()?.iter().map(|x| x.unwrap_or(f64::NAN)).collect();
            Values::Numeric { values, whole }
        }
        DataType::Null => Values::Numeric { values: vec![f64::NAN; series.len()], whole: false },
        _ => {
            let texts = series.cast(&DataType::String)?;
            // An empty cell of a text column is missing, as it is in a column of numbers.
            let filled = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
            let texts: Vec<Option<String>> = texts.str()?.iter().map(filled).collect();
            Values::category(&texts, false)
        }
    })
}
