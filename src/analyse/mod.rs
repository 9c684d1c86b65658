//! Questions to the store: which sweep, which trials, which config is best, and what to look at with doubt.
//!
//! Computes and does not draw. Losses are shown: failed and diverged trials are counted beside every best and rank as
//! worst; with repeats, what is ranked is the config.

mod compare;
mod edge;
mod filter;
mod find;
mod frame;
mod group;
mod rank;
mod select;

pub use compare::{Comparison, Difference, Thing, compare};
pub use edge::{Edge, edges};
pub use filter::{Filter, TrialNames};
pub use find::{Found, Order, Scope, find};
pub use frame::{FileFormat, FrameError, long_frame, series_frame, wide_frame, write_frame};
pub use group::{Spread, TrialGroup, group, sort_groups};
pub use rank::{Group, RankedConfig, Ranking, Standing, best_by, rank, rank_accepted};
pub use select::{SelectError, Selected, Selection, is_selector, select, select_list, select_many, select_sweep};
