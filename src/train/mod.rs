//! The built-in trainers: data, models, methods, scores.
//!
//! A trial trains a model on the user's own file and knows nothing of where its results go.

pub mod checkpoint;
pub mod data;
pub mod hyper;
pub mod matrix;
pub mod method;
pub mod model;
pub mod score;
mod spec;
pub mod trainer;
mod training;

pub use checkpoint::Checkpoint;
pub use data::DataError;
pub use hyper::{Hyper, HyperError, is_hyperparameter};
pub use spec::{
    DataSpec, Files, METRICS, Report, Scaling, SourceFrom, SourceSpec, SplitBy, SplitSpec, Task, TrainSpec,
};
