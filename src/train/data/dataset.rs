//! The data of a sweep: target, features, classes, and which rows are whose.

use std::path::Path;
use std::sync::Arc;

use super::columns::{by_column, feature_columns, missing_note, require};
use super::encode::Encoder;
use super::error::DataError;
use super::load::read_table;
use super::rows::select_rows;
use super::split::{Split, stratified};
use super::table::Table;
use super::target::Target;
use crate::space::seed::Rng;
use crate::train::matrix::Part;
use crate::train::{DataSpec, Files, Scaling, SourceFrom, SourceSpec, SplitBy, SplitSpec, Task};

/// The data of a sweep, read once and shared by all trials.
#[derive(Debug)]
pub struct Dataset {
    table: Table,
    target: Target,
    encoder: Encoder,
    split: SplitSpec,
    scaling: Scaling,
    /// Rows of the main files: to be divided, or divided already.
    rows: Rows,
    /// Rows to pre-train on.
    source: Option<Vec<u32>>,
    /// What the user should know: decisions that were taken from the data.
    pub notes: Vec<String>,
}

#[derive(Debug)]
enum Rows {
    /// Divided for each trial.
    Whole(Vec<u32>),
    /// Divided by files or by a column.
    Divided(Split),
}

/// The parts of one trial: scaled numbers, ready to train on.
#[derive(Debug)]
pub struct Prepared {
    /// Rows to train on.
    pub train: Arc<Part>,
    /// Rows to choose by; may be empty.
    pub validation: Arc<Part>,
    /// Rows to judge by; may be empty.
    pub test: Arc<Part>,
    /// Rows to pre-train on, and rows to watch it by.
    pub source: Option<(Arc<Part>, Arc<Part>)>,
    /// What made the numbers.
    pub encoder: Encoder,
}

impl Dataset {
    /// Reads the data; relative paths are relative to `folder`.
    ///
    /// # Errors
    /// Missing files and columns, targets that cannot be predicted, rows that cannot be divided.
    pub fn load(spec: &DataSpec, source: Option<&SourceSpec>, folder: &Path) -> Result<Self, DataError> {
        let mut notes = Vec::new();
        let first = match &spec.files {
            Files::One(path) | Files::Parts { train: path, .. } => path,
        };
        let first_key = if matches!(spec.files, Files::One(_)) { "data" } else { "data.train" };
        let mut table = read_table(&folder.join(first), first_key)?;
        require(&table, &spec.target, "target")?;
        for name in table.names() {
            if let Some((twice, _)) = name.split_once("_duplicated_") {
                notes.push(format!("the column `{twice}` stands twice: the second is called `{name}`"));
            }
        }
        let main = select_rows(&table, spec.rows.as_ref(), "rows")?;
        let mut source_rows = match source.map(|source| &source.from) {
            Some(SourceFrom::Rows(expr)) => Some(select_rows(&table, Some(expr), "source.rows")?),
            _ => None,
        };
        let below = |table: &mut Table, path: &Path, key: &str, rows, rows_key| -> Result<Vec<u32>, DataError> {
            let more = read_table(&folder.join(path), key)?;
            require(&more, &spec.target, "target")?;
            let start = table.rows as u32;
            let chosen = select_rows(&more, rows, rows_key)?.into_iter().map(|row| row + start).collect();
            let clash = |name: String| {
                let message = format!(
                    "`{}` and `{}` do not agree whether `{name}` holds numbers",
                    first.display(),
                    path.display()
                );
                DataError::new(key, message)
            };
            table.append(more).map_err(clash)?;
            Ok(chosen)
        };
        let (mut validation, mut test) = (None, None);
        if let Files::Parts { validation: v, test: t, .. } = &spec.files {
            if let Some(path) = v {
                validation = Some(below(&mut table, path, "data.validation", spec.rows.as_ref(), "rows")?);
            }
            if let Some(path) = t {
                test = Some(below(&mut table, path, "data.test", spec.rows.as_ref(), "rows")?);
            }
        }
        if let Some(SourceFrom::Data(path, rows)) = source.map(|source| &source.from) {
            source_rows = Some(below(&mut table, path, "source.data", rows.as_ref(), "source.rows")?);
        }
        let target = Target::read(&table, spec, &main, &mut notes)?;
        let with_target = |rows: Vec<u32>| -> Vec<u32> { rows.into_iter().filter(|&row| target.has(row)).collect() };
        let before = main.len();
        let main = with_target(main);
        if main.len() < before {
            let lost = before - main.len();
            notes.push(format!("{lost} rows without a value of `{}` are left out", spec.target));
        }
        let source_rows = source_rows.map(with_target);
        let features = feature_columns(&table, spec)?;
        missing_note(&table, &features, &mut notes);
        let encoder = Encoder::new(&table, &features);
        let (validation, test) = (validation.map(with_target), test.map(with_target));
        let rows = match (&spec.split.by, validation, test) {
            (SplitBy::Column(column), _, _) => Rows::Divided(by_column(&table, column, &main)?),
            (SplitBy::Shares { .. }, None, None) => Rows::Whole(main),
            (SplitBy::Shares { validation: share, test: test_share, seed }, validation, test) => {
                let class = |row| target.class(row);
                let rng = &mut Rng::for_purpose(*seed, "test rows", 0);
                let (test, rest) = match test {
                    Some(test) => (test, main),
                    None => stratified(&main, class, *test_share, rng),
                };
                let (validation, train) = match validation {
                    Some(validation) => (validation, rest),
                    None => stratified(&rest, class, *share, &mut Rng::for_purpose(*seed, "validation rows", 0)),
                };
                Rows::Divided(Split { train, validation, test })
            }
        };
        let data = Self {
            table,
            target,
            encoder,
            split: spec.split.clone(),
            scaling: spec.scale,
            rows,
            source: source_rows,
            notes,
        };
        data.check(spec)?;
        Ok(data)
    }

    fn check(&self, spec: &DataSpec) -> Result<(), DataError> {
        let rows: &[u32] = match &self.rows {
            Rows::Whole(rows) => rows,
            Rows::Divided(split) => &split.train,
        };
        if rows.len() < 3 {
            return Err(DataError::new("data", format!("{} rows are too few to train on", rows.len())));
        }
        match &self.target {
            Target::Classes { codes, names } => {
                let mut counts = vec![0usize; names.len()];
                rows.iter().filter_map(|&row| codes[row as usize]).for_each(|code| counts[code as usize] += 1);
                let present = counts.iter().filter(|count| **count > 0).count();
                if present < 2 {
                    let only = counts.iter().position(|count| *count > 0).map_or("", |i| names[i].as_str());
                    let message = format!("the target `{}` is always `{only}`", spec.target);
                    return Err(DataError::new("target", message).help("there is nothing to learn from a constant"));
                }
                if let (Some(single), Rows::Whole(_)) = (counts.iter().position(|count| *count == 1), &self.rows) {
                    let message = format!("the class `{}` of `{}` has one row", names[single], spec.target);
                    return Err(DataError::new("target", message)
                        .help("it cannot be both trained on and validated: leave it out with `rows`, or take `task: regression`"));
                }
            }
            Target::Values(values) => {
                let first = values[rows[0] as usize];
                if rows.iter().all(|&row| values[row as usize] == first) {
                    let message = format!("the target `{}` is always {first}", spec.target);
                    return Err(DataError::new("target", message).help("there is nothing to learn from a constant"));
                }
            }
        }
        Ok(())
    }

    /// What kind of prediction.
    pub fn task(&self) -> Task {
        match self.target {
            Target::Classes { .. } => Task::Classification,
            Target::Values(_) => Task::Regression,
        }
    }

    /// The names of the classes, in order; empty for regression.
    pub fn classes(&self) -> &[String] {
        match &self.target {
            Target::Classes { names, .. } => names,
            Target::Values(_) => &[],
        }
    }

    /// The number of inputs of a model.
    pub fn inputs(&self) -> usize {
        self.encoder.width()
    }

    /// The number of outputs of a model: classes, or 1.
    pub fn outputs(&self) -> usize {
        self.classes().len().max(1)
    }

    /// Whether there are validation rows and test rows.
    pub fn has_validation_and_test(&self) -> (bool, bool) {
        let split = self.split(0);
        (!split.validation.is_empty(), !split.test.is_empty())
    }

    /// The number of rows of each part, for `trial_seed`.
    pub fn counts(&self, trial_seed: u64) -> (usize, usize, usize) {
        let split = self.split(trial_seed);
        (split.train.len(), split.validation.len(), split.test.len())
    }

    /// The rows of a trial. Test rows never change; training and validation rows are drawn anew for each trial seed,
    /// unless the split is fixed.
    pub fn split(&self, trial_seed: u64) -> Split {
        let (rows, validation, test, seed) = match (&self.rows, &self.split.by) {
            (Rows::Divided(split), _) => return split.clone(),
            (Rows::Whole(rows), SplitBy::Shares { validation, test, seed }) => (rows, *validation, *test, *seed),
            (Rows::Whole(rows), SplitBy::Column(_)) => (rows, 0.0, 0.0, 0),
        };
        let class = |row| self.target.class(row);
        let (test, rest) = stratified(rows, class, test, &mut Rng::for_purpose(seed, "test rows", 0));
        let draw = if self.split.fixed { 0 } else { trial_seed + 1 };
        let share = validation * rows.len() as f64 / rest.len().max(1) as f64;
        let (validation, train) = stratified(&rest, class, share, &mut Rng::for_purpose(seed, "validation rows", draw));
        Split { train, validation, test }
    }

    /// The parts of a trial. The scaling is fitted on the source's training rows where there is a source, else on the
    /// trial's.
    ///
    /// # Errors
    /// None is expected of a table that was checked when it was read.
    pub fn prepare(&self, trial_seed: u64) -> Result<Prepared, DataError> {
        let split = self.split(trial_seed);
        let source = self.source.as_ref().map(|rows| {
            let (share, seed) = match self.split.by {
                SplitBy::Shares { validation, seed, .. } => (validation, seed),
                SplitBy::Column(_) => (0.2, 0),
            };
            let draw = if self.split.fixed { 0 } else { trial_seed + 1 };
            stratified(rows, |row| self.target.class(row), share, &mut Rng::for_purpose(seed, "source rows", draw))
        });
        let fit_on = source.as_ref().map_or(&split.train, |(_, train)| train);
        let encoder = self.encoder.fitted(&self.table, fit_on, self.scaling);
        let part = |rows: &[u32]| -> Result<Arc<Part>, DataError> {
            Ok(Arc::new(Part { x: encoder.encode(&self.table, rows)?, y: self.target.take(rows) }))
        };
        let source = source.map(|(validation, train)| Ok((part(&train)?, part(&validation)?))).transpose()?;
        Ok(Prepared {
            train: part(&split.train)?,
            validation: part(&split.validation)?,
            test: part(&split.test)?,
            source,
            encoder,
        })
    }

    /// The parts of a trial encoded by somebody else's `encoder`, with classes in the order of `classes`.
    ///
    /// # Errors
    /// A column or class that the encoder's owner did not know.
    pub fn prepare_with(&self, trial_seed: u64, encoder: &Encoder, classes: &[String]) -> Result<Prepared, DataError> {
        let split = self.split(trial_seed);
        let target = self.target.renamed(classes).map_err(|class| {
            DataError::new("source.checkpoint", format!("the saved model does not know the class `{class}`"))
        })?;
        let part = |rows: &[u32]| -> Result<Arc<Part>, DataError> {
            Ok(Arc::new(Part { x: encoder.encode(&self.table, rows)?, y: target.take(rows) }))
        };
        Ok(Prepared {
            train: part(&split.train)?,
            validation: part(&split.validation)?,
            test: part(&split.test)?,
            source: None,
            encoder: encoder.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse;
    use std::fs;

    fn spec(path: &str) -> DataSpec {
        DataSpec {
            files: Files::One(path.into()),
            target: "y".into(),
            features: vec![],
            drop: vec![],
            rows: None,
            task: None,
            split: SplitSpec::default(),
            scale: Scaling::Standard,
        }
    }

    fn folder(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("d.csv"), text).unwrap();
        folder
    }

    fn rows(n: usize, line: impl Fn(usize) -> String) -> String {
        (0..n).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn tasks_are_told_from_the_target() {
        for (target, task) in [("0", Task::Classification), ("a", Task::Classification), ("0.5", Task::Regression)] {
            let text = rows(40, |i| format!("{i},{}", if i % 2 == 0 { target } else { "1" }));
            let folder = folder(&format!("x,y\n{text}\n"));
            let data = Dataset::load(&spec("d.csv"), None, folder.path()).unwrap();
            assert_eq!(data.task(), task, "{target}");
        }
    }

    #[test]
    fn the_test_rows_never_change_and_the_others_do() {
        let folder = folder(&format!("x,y\n{}\n", rows(100, |i| format!("{i},{}", i % 2))));
        let data = Dataset::load(&spec("d.csv"), None, folder.path()).unwrap();
        let (a, b) = (data.split(1), data.split(2));
        assert_eq!(a.test, b.test);
        assert_ne!(a.validation, b.validation);
        assert_eq!((a.train.len(), a.validation.len(), a.test.len()), (60, 20, 20));
        let mut fixed = spec("d.csv");
        fixed.split.fixed = true;
        let data = Dataset::load(&fixed, None, folder.path()).unwrap();
        assert_eq!(data.split(1), data.split(2));
    }

    #[test]
    fn blank_lines_are_no_rows_and_do_not_shift_the_others() {
        let folder = folder(&format!("x,y\n\n\n{}\n\n", rows(40, |i| format!("{i},{}\n", i % 2))));
        let mut spec = spec("d.csv");
        spec.rows = Some(parse("row < 20 and x < 20").unwrap());
        let data = Dataset::load(&spec, None, folder.path()).unwrap();
        let (train, validation, test) = data.counts(0);
        assert_eq!(train + validation + test, 20);
        assert!(
            !data.notes.iter().any(|note| note.contains("missing") || note.contains("left out")),
            "{:?}",
            data.notes
        );
    }

    #[test]
    fn one_odd_cell_in_a_column_of_numbers_is_named() {
        let text = rows(60, |i| if i == 7 { "oops,1".into() } else { format!("{i},{}", i % 2) });
        let folder = folder(&format!("x,y\n{text}\n"));
        let error = Dataset::load(&spec("d.csv"), None, folder.path()).unwrap_err();
        assert_eq!(error.message, "`x` holds numbers, but row 7 is `oops`");
    }

    #[test]
    fn mistakes_name_the_key_and_the_remedy() {
        let folder = folder(&format!("x,y,z\n{}\n", rows(40, |i| format!("{i},{},5", i % 2))));
        let error = |change: &dyn Fn(&mut DataSpec)| {
            let mut spec = spec("d.csv");
            change(&mut spec);
            let error = Dataset::load(&spec, None, folder.path()).unwrap_err();
            format!("{}: {} ({})", error.key, error.message, error.help.unwrap_or_default())
        };
        let shown = [
            error(&|s| s.files = Files::One("e.csv".into())),
            error(&|s| s.files = Files::One("e.xlsx".into())),
            error(&|s| s.target = "Y".into()),
            error(&|s| s.target = "z".into()),
            error(&|s| s.rows = Some(parse("w > 1").unwrap())),
            error(&|s| s.rows = Some(parse("row > 100").unwrap())),
            error(&|s| s.features = vec!["q*".into()]),
            error(&|s| s.drop = vec!["*".into()]),
            error(&|s| s.rows = Some(parse("row < 3").unwrap())),
        ]
        .join("\n")
        .replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(shown);
    }
}
