//! What the `train` section says: data, source, report, and the constant hyperparameters.

use std::path::PathBuf;

use crate::expr::Expr;
use crate::space::Value;

/// The `train` section.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainSpec {
    /// The data; none for `quadratic`.
    pub data: Option<DataSpec>,
    /// Hyperparameters that are the same for every trial, by name.
    pub constants: Vec<(String, Value)>,
    /// Where pre-trained parameters come from.
    pub source: Option<SourceSpec>,
    /// Which points of the series are recorded.
    pub report: Report,
}

impl TrainSpec {
    /// The constant hyperparameter called `name`.
    pub fn constant(&self, name: &str) -> Option<&Value> {
        self.constants.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Where rows come from and which of them and of their columns are used.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSpec {
    /// The files.
    pub files: Files,
    /// The column to predict.
    pub target: String,
    /// Names or globs of the columns to predict from; empty means every other column.
    pub features: Vec<String>,
    /// Names or globs of columns to leave out.
    pub drop: Vec<String>,
    /// Which rows are used.
    pub rows: Option<Expr>,
    /// What kind of prediction; none decides by the target.
    pub task: Option<Task>,
    /// How rows are divided.
    pub split: SplitSpec,
    /// How numeric columns are scaled.
    pub scale: Scaling,
}

/// The data files.
#[derive(Clone, Debug, PartialEq)]
pub enum Files {
    /// One file that is split.
    One(PathBuf),
    /// Files that are the parts.
    Parts {
        /// Training rows.
        train: PathBuf,
        /// Validation rows; none takes them from the training file.
        validation: Option<PathBuf>,
        /// Test rows; none takes them from the training file.
        test: Option<PathBuf>,
    },
}

impl Files {
    /// The paths with the names of their parts.
    pub fn named(&self) -> Vec<(&'static str, &PathBuf)> {
        match self {
            Self::One(path) => vec![("data", path)],
            Self::Parts { train, validation, test } => {
                let mut all = vec![("train", train)];
                all.extend(validation.iter().map(|path| ("validation", path)));
                all.extend(test.iter().map(|path| ("test", path)));
                all
            }
        }
    }
}

/// What kind of prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Classes.
    Classification,
    /// Numbers.
    Regression,
}

impl Task {
    /// The word of the spec.
    pub fn word(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
        }
    }
}

/// How rows are divided into training, validation and test rows.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitSpec {
    /// By shares or by a column.
    pub by: SplitBy,
    /// Whether training and validation rows are the same for every repeat.
    pub fixed: bool,
}

/// What divides the rows.
#[derive(Clone, Debug, PartialEq)]
pub enum SplitBy {
    /// Drawn at random.
    Shares {
        /// Share of the rows for validation.
        validation: f64,
        /// Share of the rows for the test.
        test: f64,
        /// Decides the test rows.
        seed: u64,
    },
    /// A column whose values are `train`, `validation` and `test`.
    Column(String),
}

impl Default for SplitSpec {
    fn default() -> Self {
        Self { by: SplitBy::Shares { validation: 0.2, test: 0.2, seed: 0 }, fixed: false }
    }
}

/// How numeric columns are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// To mean 0 and standard deviation 1 over the training rows.
    Standard,
    /// Not at all.
    None,
}

/// Where pre-trained parameters come from.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSpec {
    /// The rows or the file.
    pub from: SourceFrom,
    /// Hyperparameters of the pre-training that differ from the trial's defaults.
    pub constants: Vec<(String, Value)>,
}

/// What is pre-trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceFrom {
    /// Other rows of the same file.
    Rows(Expr),
    /// Another file, and which of its rows.
    Data(PathBuf, Option<Expr>),
    /// Parameters that were saved before: a file, or a trial such as `3/17`.
    Checkpoint(String),
}

/// Which points of the series are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// About so many points, evenly spread.
    Points(u64),
    /// Every so many steps.
    Every(u64),
}

impl Report {
    /// The steps between two points of a run of `steps` steps.
    pub fn interval(self, steps: u64) -> u64 {
        match self {
            Self::Points(points) => steps.div_ceil(points.max(1)).max(1),
            Self::Every(every) => every.max(1),
        }
    }
}

/// Metrics of a built-in trial; the flag says whether there is a series of it.
pub const METRICS: [(&str, bool); 20] = [
    ("loss", true),
    ("val_loss", true),
    ("val_accuracy", true),
    ("val_rmse", true),
    ("train_loss", false),
    ("test_loss", false),
    ("val_f1", false),
    ("val_auc", false),
    ("val_mae", false),
    ("val_r2", false),
    ("test_accuracy", false),
    ("test_f1", false),
    ("test_auc", false),
    ("test_rmse", false),
    ("test_mae", false),
    ("test_r2", false),
    ("grad_norm", false),
    ("steps", false),
    ("seconds", false),
    ("steps_per_second", false),
];
