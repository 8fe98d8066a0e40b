//! Why a registry is not believed, or does not vouch for a file.

use std::error::Error as StdError;
use std::io;

use tough::error::Error as Tough;

use super::METADATA;
use super::shelf::Unfetched;
use crate::{Denied, Mismatch, SourceError};

/// Why a registry is not believed, or does not vouch for a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// What was kept of it is not as it was kept.
    #[error("what was kept of the registry in {folder} is damaged: {message}; remove that folder if you know why")]
    Cache {
        /// Where.
        folder: String,
        /// What is wrong with it.
        message: String,
    },
    /// The clock is behind the time at which the registry was last seen.
    #[error("the clock is behind the time at which the registry was last seen: set it right, or remove {folder}")]
    Clock {
        /// Where the time is kept.
        folder: String,
    },
    /// A policy does not allow the place.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Its metadata have expired: it is no longer kept, or somebody keeps its news from us.
    #[error(
        "the registry's {role} metadata expired at {expires}: its keepers must renew it (airlock registry update), unless this machine's clock is ahead"
    )]
    Expired {
        /// Which role's.
        role: &'static str,
        /// When, by RFC 3339.
        expires: String,
    },
    /// The file is another one than it lists.
    #[error(transparent)]
    File(#[from] Mismatch),
    /// This machine could not do it.
    #[error("what is kept of registries cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// Its metadata are not what they must be.
    #[error("the registry's metadata are malformed: {message}")]
    Malformed {
        /// What is wrong.
        message: String,
    },
    /// Its metadata do not belong together.
    #[error("the registry's metadata do not belong together: {message}")]
    Mixed {
        /// What does not.
        message: String,
    },
    /// It is older than it was.
    #[error("the registry is older than it was: {message}")]
    Rollback {
        /// What is older.
        message: String,
    },
    /// The file was revoked.
    #[error(
        "the registry has revoked this file{}: {}",
        name.as_ref().map(|name| format!(" ({})", name.escape_debug())).unwrap_or_default(), reason.escape_debug()
    )]
    Revoked {
        /// The name that it had.
        name: Option<String>,
        /// Why.
        reason: String,
    },
    /// The trusted root is none.
    #[error("the trusted root metadata cannot be used: {message}")]
    Root {
        /// Why not.
        message: String,
    },
    /// Too few of a role's keys have signed.
    #[error("the registry's metadata are not signed as they must be: {message}")]
    Signature {
        /// What is not.
        message: String,
    },
    /// None of the signers that it names for the model has signed it.
    #[error("the registry wants a signature by one of {} for this model", signers.join(", ").escape_debug())]
    Signer {
        /// Who could.
        signers: Vec<String>,
    },
    /// A place that could be taken for another one.
    #[error("a place that the registry names cannot be used: {0}")]
    Source(#[from] SourceError),
    /// More than the most that is read.
    #[error("the registry gives more than the most that is read: {message}")]
    TooLarge {
        /// Of what.
        message: String,
    },
    /// It does not know the name.
    #[error("the registry has no model {name:?}")]
    Unlisted {
        /// Which name.
        name: String,
    },
    /// Nothing answers there.
    #[error("the registry cannot be reached, and nothing was kept that could stand for it: {message}")]
    Unreachable {
        /// What the system says.
        message: String,
    },
}

impl RegistryError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cache { .. } => "registry-cache",
            Self::Clock { .. } => "registry-clock",
            Self::Denied(denied) => denied.code(),
            Self::Expired { .. } => "registry-expired",
            Self::File(mismatch) => mismatch.code(),
            Self::Io(_) => "registry-io",
            Self::Malformed { .. } => "registry-malformed",
            Self::Mixed { .. } => "registry-mixed",
            Self::Rollback { .. } => "registry-rollback",
            Self::Revoked { .. } => "registry-revoked",
            Self::Root { .. } => "registry-root",
            Self::Signature { .. } => "registry-signature",
            Self::Signer { .. } => "registry-signer",
            Self::Source(_) => "registry-source",
            Self::TooLarge { .. } => "registry-too-large",
            Self::Unlisted { .. } => "registry-unlisted",
            Self::Unreachable { .. } => "registry-unreachable",
        }
    }

    /// Something is not what it must be.
    pub(super) fn malformed(message: impl std::fmt::Display) -> Self {
        Self::Malformed { message: escaped(&message) }
    }

    /// What the verifier says, sorted.
    pub(super) fn of(error: &Tough) -> Self {
        let message = escaped(error);
        match error {
            Tough::ParseTrustedMetadata { .. } | Tough::VerifyTrustedMetadata { .. } => Self::Root { message },
            Tough::VerifyMetadata { .. } | Tough::VerifyRoleMetadata { .. } => Self::Signature { message },
            Tough::OlderMetadata { .. }
            | Tough::OlderSnapshotInTimestamp { .. }
            | Tough::SnapshotRoleMissing { .. }
            | Tough::SnapshotRoleRollback { .. } => Self::Rollback { message },
            Tough::VersionMismatch { .. } | Tough::HashMismatch { .. } => Self::Mixed { message },
            Tough::MaxSizeExceeded { .. } | Tough::MaxUpdatesExceeded { .. } => Self::TooLarge { message },
            Tough::Transport { url, source, .. } => {
                let cause = source.source();
                if let Some(inner) = cause.and_then(|cause| cause.downcast_ref::<Tough>()) {
                    return Self::of(inner);
                }
                let Some(unfetched) = cause.and_then(|cause| cause.downcast_ref::<Unfetched>()) else {
                    return Self::Unreachable { message };
                };
                // The verifier's own URL leads nowhere, and only its last part means anything.
                let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
                let message = escaped(&format_args!("{METADATA}/{name}: {unfetched}"));
                match unfetched {
                    Unfetched::TooLarge => Self::TooLarge { message },
                    Unfetched::NoMetadata => Self::Malformed { message },
                    _ => Self::Unreachable { message },
                }
            }
            Tough::DatastoreOpen { source, .. } | Tough::DatastoreCreate { source, .. } => {
                Self::Io(io::Error::new(source.kind(), message))
            }
            _ => Self::Malformed { message },
        }
    }
}

/// A text of somebody else's, safe to show, and not too long.
pub(super) fn escaped(text: &dyn std::fmt::Display) -> String {
    let mut shown = String::new();
    for character in text.to_string().chars() {
        // Nothing of this stands in quotes.
        match character {
            '\'' | '"' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown.chars().take(MOST_MESSAGE).collect()
}

const MOST_MESSAGE: usize = 400;
