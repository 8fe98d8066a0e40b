//! The evidence that was given, for each of the files.

use std::path::{Path, PathBuf};

use flux_airlock::report::EvidenceEntry;
use flux_airlock::{Evidence, LockFile, Pin};

use crate::args::EvidenceArgs;
use crate::examine::STDIN;
use crate::terminal::Failure;
use crate::text;

/// Is evidence needed?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    /// No, it is checked if there is any.
    IfAny,
    /// Yes, unless the command was told to do without by name.
    Yes,
}

/// What must hold.
pub(crate) struct Required {
    pins: Vec<Pin>,
    locks: Vec<(PathBuf, LockFile)>,
}

impl Required {
    /// Reads what the arguments name.
    pub(crate) fn new(args: &EvidenceArgs, files: &[PathBuf], need: Need) -> Result<Self, Failure> {
        let EvidenceArgs { pin, lock, unverified } = args;
        if need == Need::Yes && !unverified && pin.is_empty() && lock.is_empty() {
            return Err(Failure::usage(
                "no evidence for these files: give --pin DIGEST or --lock FILE, or --unverified to do without",
            ));
        }
        if !pin.is_empty() && files.len() != 1 {
            return Err(Failure::usage("--pin is the digest of exactly one FILE"));
        }
        if files.iter().filter(|file| is_stdin(file)).count() > 1 {
            return Err(Failure::usage("standard input can be read once"));
        }
        if !lock.is_empty() && files.iter().any(|file| is_stdin(file)) {
            return Err(Failure::usage("standard input has no name that a lock file could know"));
        }
        let mut locks = Vec::new();
        for path in lock {
            let file = LockFile::read(path)
                .map_err(|error| Failure::new(format!("{}: {error} ({})", text::name(path.as_ref()), error.code())))?;
            locks.push((path.clone(), file));
        }
        Ok(Self { pins: pin.clone(), locks })
    }

    /// What must hold of this file; `None` if nothing must.
    pub(crate) fn of(&self, file: &Path) -> Option<Evidence> {
        let mut evidence = Evidence::new();
        for pin in &self.pins {
            evidence = evidence.and_pin(*pin);
        }
        for (path, lock) in &self.locks {
            // A file that cannot have a name in the lock file is looked up under one that no lock file can hold.
            let outside = || format!("../{}", file.file_name().unwrap_or_default().to_string_lossy());
            evidence = evidence.and_lock(lock, &LockFile::name_of(path, file).unwrap_or_else(|_| outside()));
        }
        (!evidence.is_empty()).then_some(evidence)
    }
}

/// Evidence that held, in one line.
pub(crate) fn held(entry: &EvidenceEntry) -> String {
    let name = |name: &str| text::name(name.as_ref());
    match entry {
        EvidenceEntry::Pin { digest, lock: Some(lock), .. } => {
            format!("pin {digest}, as a lock file says of {}", name(lock))
        }
        EvidenceEntry::Pin { digest, .. } => format!("pin {digest}, as given"),
        EvidenceEntry::Signature { format, key_id, signer, name: file, comment, .. } => {
            let parts = [
                Some(format!("signature ({format}) by key {key_id}")),
                signer.as_deref().map(name),
                file.as_deref().map(|file| format!("over a folder with {}", name(file))),
                comment.as_deref().map(|comment| format!("comment {}", name(comment))),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
        other => format!("{} {}", other.kind(), other.digest()),
    }
}

/// Is this the standard input?
pub(crate) fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == STDIN
}
