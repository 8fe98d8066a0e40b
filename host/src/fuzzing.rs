//! The inner door alone, for fuzzing: answers that no guest gave.
//!
//! No part of the public interface.

use crate::airlock::grant;
use crate::answer::{self, Flaw, Opened, Outcome};
use crate::model::About;
use crate::report::FileEntry;
use crate::{Limits, Model, SandboxFigures, TypeMap};

/// Lets an answer about a file through the inner door, or does not. `None` for an answer that refuses the file.
///
/// # Errors
///
/// How the answer breaks its contract, or the limit of what the paths of a report may cost.
pub fn check(file: &[u8], answer: Vec<u8>, limits: &Limits) -> Result<Option<Model>, String> {
    match answer::check(file, answer, &grant(limits), &TypeMap::default()) {
        Ok(Outcome::Opened(checked)) => {
            let sandbox = SandboxFigures { guest_sha256: "", fuel_used: 0, fuel_limit: 0, memory_bytes: 0, wall_us: 0 };
            let about = About { file: FileEntry::default(), evidence: Vec::new(), sandbox };
            Ok(Some(Model::new(Opened::new(file.to_vec(), checked), about)))
        }
        Ok(Outcome::Refused(_)) => Ok(None),
        Err(Flaw::Fault(fault)) => Err(fault.to_string()),
        Err(Flaw::PathBytes { granted }) => Err(format!("more than {granted} bytes of paths")),
    }
}
