//! Metadata of a registry that nobody has signed, for fuzzing.
//!
//! No part of the public interface.

use crate::registry;

/// The names of models, and how many digests are revoked, in what would be the targets metadata; `None` if they are refused.
#[must_use]
pub fn read_targets(json: &[u8]) -> Option<(Vec<String>, usize)> {
    registry::read_unsigned_targets(json)
}
