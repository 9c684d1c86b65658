//! The expression language: constraints, computed params, row selections and filters.
//!
//! [`parse`] makes a tree with byte spans, [`Expr::check`] settles what every word is (a name or a text) against the
//! names that exist, and [`Expr::eval`] computes. This room does not know what its names mean: callers bring them
//! as [`Names`] and as a function from a name to an [`Operand`].

mod ast;
mod check;
mod eval;
mod lex;
mod literal;
mod nearest;
mod parse;

pub use ast::{BinaryOp, Expr, ExprError, Function, Node, Span};
pub use check::{Kind, Names};
pub use eval::Operand;
pub use nearest::nearest;
pub use parse::parse;
