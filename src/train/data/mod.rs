//! The user's data: read once per sweep, shared by all trials.
//!
//! `load` reads a file through polars into a [`Table`]; [`Dataset`] knows target, features, classes and which rows are
//! whose; `split` divides rows into index lists; [`Encoder`] turns rows into scaled numbers, fitted on training rows.

mod columns;
mod dataset;
mod encode;
mod error;
mod load;
mod rows;
mod split;
mod table;
mod target;

pub use dataset::{Dataset, Prepared};
pub use encode::{EncodedColumn, Encoder, Encoding};
pub use error::DataError;
pub use load::read_table;
pub use rows::select_rows;
pub use split::{Split, stratified};
pub use table::{Column, Table, Values};
