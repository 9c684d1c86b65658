//! The models: what a config may train, the training objective over one part, and predictions.
//!
//! All but the quadratic are one engine: dense layers (`dense`) stacked into a network (`network`) under a head
//! (`head`) that knows the loss. Linear, logistic and softmax regression are networks without hidden layers.
//!
//! Parameters are one flat vector in a public layout without padding ([`param_shapes`]); padding and transposed
//! copies live in the workspace of an [`Objective`].

mod dense;
mod head;
mod initial;
mod network;
mod objective;
mod penalty;
mod predict;
mod quadratic;
mod spec;

pub use objective::{Batch, Objective};
pub use penalty::Penalty;
pub use predict::predict;
pub use spec::{Activation, ModelError, ModelSpec, param_shapes};
