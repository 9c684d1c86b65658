//! A table in memory: numeric and categorical columns.

use std::collections::BTreeMap;

/// Columns of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, in the order of the file.
    pub columns: Vec<Column>,
    /// The number of rows.
    pub rows: usize,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; NaN is missing. `whole` where the file has integers.
    Numeric {
        /// One for each row.
        values: Vec<f64>,
        /// Whether the type in the file was an integer.
        whole: bool,
    },
    /// Texts, as places in `levels`; none is missing.
    Category {
        /// One for each row.
        codes: Vec<Option<u32>>,
        /// The different texts, sorted.
        levels: Vec<String>,
        /// Whether they are `false` and `true`.
        boolean: bool,
    },
}

impl Values {
    /// A categorical column of `texts`.
    pub fn category(texts: &[Option<String>], boolean: bool) -> Self {
        let mut places: BTreeMap<&str, u32> = texts.iter().flatten().map(|text| (text.as_str(), 0)).collect();
        for (i, place) in places.values_mut().enumerate() {
            *place = i as u32;
        }
        let codes = texts.iter().map(|text| text.as_ref().map(|text| places[text.as_str()])).collect();
        Self::Category { codes, levels: places.into_keys().map(str::to_owned).collect(), boolean }
    }

    /// How many rows have no value.
    pub fn missing(&self) -> usize {
        match self {
            Self::Numeric { values, .. } => values.iter().filter(|x| x.is_nan()).count(),
            Self::Category { codes, .. } => codes.iter().filter(|code| code.is_none()).count(),
        }
    }

    /// What it holds, for messages.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Numeric { .. } => "numbers",
            Self::Category { boolean: true, .. } => "booleans",
            Self::Category { .. } => "texts",
        }
    }
}

impl Table {
    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The names of all columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Removes the rows in which every column is missing, such as blank lines.
    pub fn drop_blank_rows(&mut self) {
        let is_blank = |row: usize| {
            self.columns.iter().all(|column| match &column.values {
                Values::Numeric { values, .. } => values[row].is_nan(),
                Values::Category { codes, .. } => codes[row].is_none(),
            })
        };
        let kept: Vec<usize> = (0..self.rows).filter(|row| !is_blank(*row)).collect();
        if kept.len() == self.rows {
            return;
        }
        for column in &mut self.columns {
            match &mut column.values {
                Values::Numeric { values, .. } => *values = kept.iter().map(|row| values[*row]).collect(),
                Values::Category { codes, .. } => *codes = kept.iter().map(|row| codes[*row]).collect(),
            }
        }
        self.rows = kept.len();
    }

    /// Puts the rows of `other` below; columns are matched by name, those that only one of the two has are dropped.
    ///
    /// # Errors
    /// The name of a column that holds numbers in one table and texts in the other.
    pub fn append(&mut self, other: Self) -> Result<(), String> {
        let mut joined = Vec::new();
        for column in std::mem::take(&mut self.columns) {
            let Some(below) = other.columns.iter().find(|below| below.name == column.name) else { continue };
            let values = match (column.values, &below.values) {
                (Values::Numeric { mut values, whole }, Values::Numeric { values: more, whole: also }) => {
                    values.extend(more);
                    Values::Numeric { values, whole: whole && *also }
                }
                (
                    Values::Category { codes, levels, boolean },
                    Values::Category { codes: more, levels: others, boolean: also },
                ) => {
                    let text = |code: &Option<u32>, levels: &[String]| code.map(|code| levels[code as usize].clone());
                    let mut texts: Vec<Option<String>> = codes.iter().map(|code| text(code, &levels)).collect();
                    texts.extend(more.iter().map(|code| text(code, others)));
                    Values::category(&texts, boolean && *also)
                }
                _ => return Err(column.name),
            };
            joined.push(Column { name: column.name, values });
        }
        self.columns = joined;
        self.rows += other.rows;
        Ok(())
    }
}
