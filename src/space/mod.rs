//! What is searched: values, domains, conditions, constraints, configs, and the states of trials.
//!
//! Everything here is a pure function of its arguments. [`Domain`] holds the one map from the unit interval to values;
//! [`Space`] knows which params are active; [`Config`] is one value for every active param, with an identity that does
//! not depend on the machine; [`seed`] makes all randomness.

mod config;
mod domain;
mod round;
pub mod seed;
mod space_of_params;
mod trial;
mod unit;
mod value;

pub use config::{Config, ConfigId, Setting};
pub use domain::{Choice, Choices, Domain, Range, Scale};
pub use round::{multiple, significant};
pub use space_of_params::{Param, Space, SpaceError, When};
pub use trial::{State, TrialKey};
pub use value::Value;
pub(crate) use value::float_json;
