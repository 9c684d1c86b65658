//! The column to predict: classes or numbers.

use std::collections::HashMap;

use super::error::DataError;
use super::table::{Table, Values};
use crate::train::matrix::Targets;
use crate::train::{DataSpec, Task};

/// A target of integers with at most this many different values is taken for classes.
const FEW: usize = 20;
/// More different values than this are no classes.
const MANY_CLASSES: usize = 1_000;

/// The values to predict, one for each row of the table.
#[derive(Debug)]
pub(super) enum Target {
    Classes { codes: Vec<Option<u32>>, names: Vec<String> },
    Values(Vec<f64>),
}

impl Target {
    pub(super) fn read(
        table: &Table,
        spec: &DataSpec,
        main: &[u32],
        notes: &mut Vec<String>,
    ) -> Result<Self, DataError> {
        let Some(column) = table.column(&spec.target) else {
            return Err(DataError::new("target", format!("the files do not all have the column `{}`", spec.target)));
        };
        match &column.values {
            Values::Category { codes, levels, .. } => {
                if spec.task == Some(Task::Regression) {
                    let message =
                        format!("`{}` holds {}, which no regression predicts", column.name, column.values.what());
                    return Err(DataError::new("task", message));
                }
                Ok(Self::Classes { codes: codes.clone(), names: levels.clone() })
            }
            Values::Numeric { values, whole } => {
                let mut distinct: Vec<f64> =
                    main.iter().map(|&row| values[row as usize]).filter(|x| !x.is_nan()).collect();
                distinct.sort_by(f64::total_cmp);
                distinct.dedup();
                let integers = *whole || distinct.iter().all(|x| x.fract() == 0.0);
                let few = integers && distinct.len() <= FEW && distinct.len() * 2 <= main.len().max(4);
                let task = spec.task.unwrap_or_else(|| {
                    let task = if few { Task::Classification } else { Task::Regression };
                    let why = if integers {
                        format!("{} different integers", distinct.len())
                    } else {
                        "numbers with a point".to_owned()
                    };
                    let other = if few { Task::Regression } else { Task::Classification };
                    notes.push(format!(
                        "`{}` has {why}: {} (`task: {}` otherwise)",
                        column.name,
                        task.word(),
                        other.word()
                    ));
                    task
                });
                if task == Task::Regression {
                    return Ok(Self::Values(values.clone()));
                }
                // Classes of all rows, those of the source included.
                let mut all: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
                all.sort_by(f64::total_cmp);
                all.dedup();
                if all.len() > MANY_CLASSES {
                    let message = format!("`{}` has {} different values, too many for classes", column.name, all.len());
                    return Err(DataError::new("task", message));
                }
                let code = |x: f64| all.binary_search_by(|other| other.total_cmp(&x)).ok().map(|i| i as u32);
                let codes = values.iter().map(|&x| if x.is_nan() { None } else { code(x) }).collect();
                Ok(Self::Classes { codes, names: all.iter().map(f64::to_string).collect() })
            }
        }
    }

    pub(super) fn has(&self, row: u32) -> bool {
        match self {
            Self::Classes { codes, .. } => codes[row as usize].is_some(),
            Self::Values(values) => !values[row as usize].is_nan(),
        }
    }

    pub(super) fn class(&self, row: u32) -> u32 {
        match self {
            Self::Classes { codes, .. } => codes[row as usize].unwrap_or(0),
            Self::Values(_) => 0,
        }
    }

    pub(super) fn take(&self, rows: &[u32]) -> Targets {
        match self {
            Self::Classes { codes, names } => {
                let ids = rows.iter().map(|&row| codes[row as usize].unwrap_or(0)).collect();
                Targets::Classes { ids, count: names.len() }
            }
            Self::Values(values) => Targets::Values(rows.iter().map(|&row| values[row as usize]).collect()),
        }
    }

    /// The same targets with classes numbered as in `classes`.
    pub(super) fn renamed(&self, classes: &[String]) -> Result<Self, String> {
        let Self::Classes { codes, names } = self else {
            return match self {
                Self::Values(values) => Ok(Self::Values(values.clone())),
                Self::Classes { .. } => Err(String::new()),
            };
        };
        let places: HashMap<&str, u32> =
            classes.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
        let map: Vec<u32> = names
            .iter()
            .map(|name| places.get(name.as_str()).copied().ok_or_else(|| name.clone()))
            .collect::<Result<_, _>>()?;
        let codes = codes.iter().map(|code| code.map(|code| map[code as usize])).collect();
        Ok(Self::Classes { codes, names: classes.to_vec() })
    }
}
