//! From a YAML file to a checked [`Spec`], with every mistake shown at its place.
//!
//! [`load`] reads a file, what it includes and the overrides of the command line; `native` understands the tree;
//! [`lint()`] points out what is allowed but probably not meant; [`canonical`] writes a spec as it is meant, with all
//! defaults, so that two specs can be compared and a stored one can be run again; [`changes`] tells them apart.

mod canonical;
mod change;
mod config_file;
mod diagnostic;
mod extend;
mod lint;
mod load;
mod model;
mod native;
mod protocol;
mod selected;
mod source;
mod template;
mod yaml;

pub use canonical::{canonical, is_same_search};
pub use change::{Change, changes, refused_extension};
pub use config_file::ConfigFormat;
pub use diagnostic::{Diagnostic, Problems, Severity};
pub use extend::{ExtendError, add_values};
pub use lint::lint;
pub use load::{LoadError, Loaded, Places, load, load_canonical};
pub use model::{
    At, Budget, CommandSpec, Each, Goal, Job, Objective, Overrides, Parallel, Repeats, SearchSpec, Slots, Spec, Target,
};
pub use protocol::{SearchProblem, config_json, config_of, search_problem};
pub use selected::with_cases;
pub use source::{MAX_FILE, Origin, Place, Source, Sources};
pub use template::{Filling, Template};

#[cfg(test)]
mod tests;
