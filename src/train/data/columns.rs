//! Which columns are features, and the column that divides rows.

use super::error::DataError;
use super::split::Split;
use super::table::{Column, Table, Values};
use crate::expr::nearest;
use crate::train::{DataSpec, SplitBy};

/// A categorical feature with more levels than this is taken for an identifier.
const MANY_LEVELS: usize = 1_000;

/// The column called `name`, or a mistake at `key` with the nearest name.
pub(super) fn require<'a>(table: &'a Table, name: &str, key: &str) -> Result<&'a Column, DataError> {
    table.column(name).ok_or_else(|| {
        let error = DataError::new(key, format!("there is no column `{name}`"));
        match nearest(name, table.names()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => {
                let names: Vec<&str> = table.names().take(12).collect();
                let more = if table.columns.len() > names.len() { ", ..." } else { "" };
                error.help(format!("the columns are {}{more}", names.join(", ")))
            }
        }
    })
}

/// The places of the feature columns.
pub(super) fn feature_columns(table: &Table, spec: &DataSpec) -> Result<Vec<usize>, DataError> {
    let matching = |patterns: &[String], key: &str| -> Result<Vec<usize>, DataError> {
        let mut found = Vec::new();
        for pattern in patterns {
            let hits: Vec<usize> =
                (0..table.columns.len()).filter(|&i| glob(pattern, &table.columns[i].name)).collect();
            if hits.is_empty() {
                require(table, pattern, key)?;
            }
            found.extend(hits);
        }
        Ok(found)
    };
    let dropped = matching(&spec.drop, "drop")?;
    let split_column = match &spec.split.by {
        SplitBy::Column(column) => Some(column.as_str()),
        SplitBy::Shares { .. } => None,
    };
    let mut wanted: Vec<usize> = if spec.features.is_empty() {
        (0..table.columns.len()).collect()
    } else {
        matching(&spec.features, "features")?
    };
    wanted.sort_unstable();
    wanted.dedup();
    let explicit = !spec.features.is_empty();
    wanted.retain(|&i| {
        let name = table.columns[i].name.as_str();
        name != spec.target && Some(name) != split_column && !dropped.contains(&i)
    });
    for &i in &wanted {
        if let Values::Category { levels, codes, .. } = &table.columns[i].values {
            let is_number = |text: &String| text.trim().parse::<f64>().is_ok();
            let numbers = levels.iter().filter(|text| is_number(text)).count();
            if levels.len() > 20 && numbers < levels.len() && numbers * 10 >= levels.len() * 9 {
                let name = &table.columns[i].name;
                let odd = levels.iter().position(|text| !is_number(text)).unwrap_or(0);
                let row = codes.iter().position(|code| *code == Some(odd as u32)).unwrap_or(0);
                let message = format!("`{name}` holds numbers, but row {row} is `{}`", levels[odd]);
                return Err(DataError::new("data", message).help(format!(
                    "correct the file (an empty cell is a missing value), or leave the column out with `drop: [{name}]`"
                )));
            }
            let looks_like_id = levels.len() > 50 && levels.len() * 2 > codes.len() && !explicit;
            if levels.len() > MANY_LEVELS || looks_like_id {
                let name = &table.columns[i].name;
                let message = format!("`{name}` has {} different texts: it looks like an identifier", levels.len());
                return Err(DataError::new("data", message).help(format!("leave it out with `drop: [{name}]`")));
            }
        }
    }
    if wanted.is_empty() {
        return Err(DataError::new("features", "no column is left to predict from"));
    }
    Ok(wanted)
}

pub(super) fn missing_note(table: &Table, features: &[usize], notes: &mut Vec<String>) {
    let lacking: Vec<(&str, usize)> = features
        .iter()
        .map(|&i| (table.columns[i].name.as_str(), table.columns[i].values.missing()))
        .filter(|(_, missing)| *missing > 0)
        .collect();
    if lacking.is_empty() {
        return;
    }
    let shown: Vec<String> = lacking.iter().take(5).map(|(name, missing)| format!("`{name}` {missing}")).collect();
    let more = if lacking.len() > 5 { format!(" and {} more columns", lacking.len() - 5) } else { String::new() };
    notes.push(format!(
        "missing values ({}{more}): numbers become the mean of the training rows, texts no level",
        shown.join(", ")
    ));
}

pub(super) fn by_column(table: &Table, name: &str, rows: &[u32]) -> Result<Split, DataError> {
    let column = require(table, name, "split")?;
    let Values::Category { codes, levels, .. } = &column.values else {
        return Err(DataError::new("split", format!("`{name}` holds numbers, not `train`, `validation` and `test`")));
    };
    let mut split = Split::default();
    for &row in rows {
        match codes[row as usize].map(|code| levels[code as usize].as_str()) {
            Some("train" | "training") => split.train.push(row),
            Some("validation" | "val" | "valid" | "dev") => split.validation.push(row),
            Some("test") => split.test.push(row),
            Some(other) => {
                let error = DataError::new("split", format!("`{name}` is `{other}` in row {row}"));
                return Err(error.help("its values are `train`, `validation` and `test`"));
            }
            None => {}
        }
    }
    if split.train.is_empty() {
        return Err(DataError::new("split", format!("no row has `train` in `{name}`")));
    }
    Ok(split)
}

/// Whether `name` matches `pattern`, in which `*` stands for any characters and `?` for one.
pub(super) fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*' {
            p += 1;
            n += 1;
        } else if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if let Some((at, matched)) = star {
            star = Some((at, matched + 1));
            p = at + 1;
            n = matched + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, name, hit) in [
            ("p*", "p12", true),
            ("p*", "q", false),
            ("*x", "axbx", true),
            ("a?c", "abc", true),
            ("a", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, name), hit, "{pattern} {name}");
        }
    }
}
