//! The native dialect: from the tree of a file to a [`Spec`].
//!
//! One file a part of the format; each reports every mistake it finds and goes on with what is usable, so that several
//! mistakes are shown at once.

mod command;
mod domain;
mod each;
mod params;
mod reader;
mod search;
mod top;
mod train;

use super::diagnostic::Problems;
use super::load::Places;
use super::model::{Overrides, Spec};
use super::source::Sources;
use super::yaml::{Entry, Node};

/// Reads a spec; `params` are overrides of params. None where mistakes leave nothing usable.
pub(super) fn read(
    tree: &Node,
    params: Vec<Entry>,
    overrides: &Overrides,
    stem: &str,
    sources: &Sources,
    problems: &mut Problems,
) -> Option<(Spec, Places)> {
    let mut reader = reader::Reader::new(sources, problems);
    let spec = top::read(&mut reader, tree, params, overrides, stem);
    let places = reader.into_places();
    spec.map(|spec| (spec, places))
}

/// Whether a mapping with these keys is the domain of a param.
pub(super) fn is_domain<'a>(mut keys: impl Iterator<Item = &'a str>) -> bool {
    keys.any(|key| domain::TYPE_WORDS.contains(&key))
}
