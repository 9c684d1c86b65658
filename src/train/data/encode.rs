//! Rows to numbers: one-hot categories, scaling and filling fitted on training rows.
//!
//! The rule for missing values: a missing number becomes the mean of the training rows, a missing category has no
//! level (all its columns are 0).

use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::table::{Table, Values};
use crate::train::Scaling;
use crate::train::matrix::Matrix;

/// Turns the rows of any table with the same columns into numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// The feature columns, in order.
    pub columns: Vec<EncodedColumn>,
}

/// One feature column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodedColumn {
    /// The name in the file.
    pub name: String,
    /// How it becomes numbers.
    pub encoding: Encoding,
}

/// How a column becomes numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// One number: `(x - mean) * scale`; a missing one becomes the mean.
    Numeric {
        /// The mean that is subtracted.
        mean: f64,
        /// The factor, 0 for a constant column.
        scale: f64,
        /// What takes the place of a missing number, before scaling.
        fill: f64,
    },
    /// One column for each level, 1 where it is.
    OneHot {
        /// The levels, sorted.
        levels: Vec<String>,
    },
}

impl Encoder {
    /// An encoder of the columns `features` of `table`, not scaling yet.
    pub fn new(table: &Table, features: &[usize]) -> Self {
        let columns = features
            .iter()
            .map(|&i| {
                let column = &table.columns[i];
                let encoding = match &column.values {
                    Values::Numeric { .. } => Encoding::Numeric { mean: 0.0, scale: 1.0, fill: 0.0 },
                    Values::Category { levels, .. } => Encoding::OneHot { levels: levels.clone() },
                };
                EncodedColumn { name: column.name.clone(), encoding }
            })
            .collect();
        Self { columns }
    }

    /// The number of columns it makes.
    pub fn width(&self) -> usize {
        self.columns
            .iter()
            .map(|column| match &column.encoding {
                Encoding::Numeric { .. } => 1,
                Encoding::OneHot { levels } => levels.len(),
            })
            .sum()
    }

    /// The same encoder with means and scales of `rows`.
    #[must_use]
    pub fn fitted(&self, table: &Table, rows: &[u32], scaling: Scaling) -> Self {
        let mut fitted = self.clone();
        for column in &mut fitted.columns {
            let Encoding::Numeric { mean, scale, fill } = &mut column.encoding else { continue };
            let Some(Values::Numeric { values, .. }) = table.column(&column.name).map(|column| &column.values) else {
                continue;
            };
            let present = || rows.iter().map(|&row| values[row as usize]).filter(|x| !x.is_nan());
            let count = present().count().max(1) as f64;
            let average = present().sum::<f64>() / count;
            *fill = average;
            if scaling == Scaling::Standard {
                let variance = present().map(|x| (x - average) * (x - average)).sum::<f64>() / count;
                *mean = average;
                *scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
            }
        }
        fitted
    }

    /// The rows `rows` of `table` as numbers.
    ///
    /// # Errors
    /// A column that the table lacks or that holds something else than when the encoder was made.
    pub fn encode(&self, table: &Table, rows: &[u32]) -> Result<Matrix, DataError> {
        let width = self.width();
        let mut out = Matrix::zeros(rows.len(), width);
        let mut start = 0;
        for column in &self.columns {
            let Some(found) = table.column(&column.name) else {
                return Err(DataError::new("data", format!("there is no column `{}`", column.name)));
            };
            let data = out.data_mut();
            match (&column.encoding, &found.values) {
                (Encoding::Numeric { mean, scale, fill }, Values::Numeric { values, .. }) => {
                    for (i, &row) in rows.iter().enumerate() {
                        let x = values[row as usize];
                        data[i * width + start] = (if x.is_nan() { *fill } else { x } - mean) * scale;
                    }
                    start += 1;
                }
                (Encoding::OneHot { levels }, Values::Category { codes, levels: own, .. }) => {
                    let places: Vec<Option<usize>> = own.iter().map(|text| levels.binary_search(text).ok()).collect();
                    for (i, &row) in rows.iter().enumerate() {
                        if let Some(place) = codes[row as usize].and_then(|code| places[code as usize]) {
                            data[i * width + start + place] = 1.0;
                        }
                    }
                    start += levels.len();
                }
                (Encoding::OneHot { levels }, Values::Numeric { values, .. }) => {
                    // A column of digits that was read as text before, such as a code with leading letters.
                    for (i, &row) in rows.iter().enumerate() {
                        let text = values[row as usize].to_string();
                        if let Ok(place) = levels.binary_search(&text) {
                            data[i * width + start + place] = 1.0;
                        }
                    }
                    start += levels.len();
                }
                (Encoding::Numeric { .. }, Values::Category { .. }) => {
                    let message = format!("the column `{}` holds texts where numbers are expected", column.name);
                    return Err(DataError::new("data", message));
                }
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::Column;

    fn table() -> Table {
        let text = |t: &str| Some(t.to_owned());
        Table {
            rows: 4,
            columns: vec![
                Column {
                    name: "x".into(),
                    values: Values::Numeric { values: vec![1.0, 3.0, f64::NAN, 100.0], whole: false },
                },
                Column { name: "c".into(), values: Values::category(&[text("b"), text("a"), None, text("z")], false) },
                Column { name: "k".into(), values: Values::Numeric { values: vec![5.0; 4], whole: true } },
            ],
        }
    }

    #[test]
    fn scaling_is_fitted_on_the_given_rows_only() {
        let table = table();
        let encoder = Encoder::new(&table, &[0, 1, 2]).fitted(&table, &[0, 1], Scaling::Standard);
        let x = encoder.encode(&table, &[0, 1, 2, 3]).unwrap();
        assert_eq!(x.row(0), [-1.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(x.row(1), [1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(x.row(2), [0.0, 0.0, 0.0, 0.0, 0.0], "missing: the mean, and no level");
        assert_eq!(x.row(3), [98.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn unscaled_columns_are_filled_with_the_mean() {
        let table = table();
        let encoder = Encoder::new(&table, &[0]).fitted(&table, &[0, 1], Scaling::None);
        assert_eq!(encoder.encode(&table, &[0, 2]).unwrap().data(), [1.0, 2.0]);
    }

    #[test]
    fn other_tables_need_the_same_columns() {
        let mut other = table();
        let encoder = Encoder::new(&other, &[0, 1]);
        other.columns.remove(0);
        assert_eq!(encoder.encode(&other, &[0]).unwrap_err().message, "there is no column `x`");
    }
}
