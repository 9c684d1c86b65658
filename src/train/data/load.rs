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

#[cfg(test)]
mod tests {
    use std::fs;

    use polars_io::prelude::ParquetWriter;

    use super::*;

    #[test]
    fn every_format_gives_the_same_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("d.csv"), "x,n,c,b\n1.5,1,\"a, \"\"b\"\"\",true\n,2,z,false\n3.0,3,,true\n").unwrap();
        fs::write(path("d.tsv"), "x\tn\tc\tb\n1.5\t1\ta, \"b\"\ttrue\n\t2\tz\tfalse\n3.0\t3\t\ttrue\n").unwrap();
        fs::write(
            path("d.jsonl"),
            "{\"x\":1.5,\"n\":1,\"c\":\"a, \\\"b\\\"\",\"b\":true}\n{\"x\":null,\"n\":2,\"c\":\"z\",\"b\":false}\n{\"x\":3.0,\"n\":3,\"c\":null,\"b\":true}\n",
        )
        .unwrap();
        let csv = read_table(&path("d.csv"), "data").unwrap();
        let mut frame = CsvReadOptions::default()
            .try_into_reader_with_file_path(Some(path("d.csv")))
            .and_then(SerReader::finish)
            .unwrap();
        ParquetWriter::new(File::create(path("d.parquet")).unwrap()).finish(&mut frame).unwrap();
        for name in ["d.tsv", "d.jsonl", "d.parquet"] {
            let table = read_table(&path(name), "data").unwrap();
            assert_eq!(table.rows, 3, "{name}");
            for (a, b) in csv.columns.iter().zip(&table.columns) {
                assert_eq!(a.name, b.name, "{name}");
                // NaN is missing here and equal to nothing.
                assert_eq!(format!("{:?}", a.values), format!("{:?}", b.values), "{name}: {}", a.name);
            }
        }
        assert_eq!(csv.columns[0].values.missing(), 1);
        assert_eq!(csv.columns[2].values.missing(), 1);
    }

    #[test]
    fn empty_and_broken_files_are_said_to_be_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("empty.csv"), "").unwrap();
        fs::write(path("header.csv"), "a,b\n").unwrap();
        fs::write(path("bad.parquet"), "nonsense").unwrap();
        for name in ["empty.csv", "header.csv", "bad.parquet", "none.csv", "x.xlsx"] {
            let error = read_table(&path(name), "data").unwrap_err();
            assert!(error.message.contains(name), "{}", error.message);
        }
    }
}
