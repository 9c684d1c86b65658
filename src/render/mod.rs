//! Drawing: tables, progress, terminal charts. Computes nothing that somebody else would want to know.

mod chart;
mod listing;
mod number;
mod progress;
mod spark;
mod summary;
mod text;

pub use chart::line_chart;
pub use listing::{Align, Cell, Column, DROPPED, Format, Listing};
pub use number::{ago, bytes, duration, metric, plural, setting, time};
pub use progress::{Display, Lines, Quiet};
pub use summary::{Summary, group_listing, in_common, lost, ranked_listing};
pub use text::{clean, shell_word, shorten, tame};
