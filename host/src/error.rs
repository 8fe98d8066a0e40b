//! Why a model is not opened, sorted by who must act.
//!
//! Every error has a stable code in kebab case, and its place where there is one. No text of the file is in a message
//! unescaped.

use core::fmt;
use std::io;

use flux_airlock_trust::Mismatch;
#[cfg(any(feature = "minisign", feature = "oms"))]
use flux_airlock_trust::SignatureError;
use flux_airlock_wire::{Code, Refusal};

use crate::{Format, Limit};

/// Why a model is not opened. The variants say who must act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This machine could not do it: the operator.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The decoder misbehaved: we. Nothing of what it said was used.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The file could not be read: who called.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The file wants more than was granted: grant it, or distrust the file.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The file is not a well-formed BSON.jl file: who made it.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// The evidence does not hold: who vouches for the file.
    #[error(transparent)]
    NotVerified(#[from] NotVerifiedError),
}

impl Error {
    /// The stable name of the error, in kebab case.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Engine(error) => error.code(),
            Self::Guest(error) => error.code,
            Self::Input(error) => error.code(),
            Self::Limit(error) => error.limit.code(),
            Self::Malformed(error) => error.code.name(),
            Self::NotVerified(error) => error.code(),
        }
    }

    /// The sentence, without its place.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Limit(error) => error.message(),
            Self::Malformed(error) => error.code.to_string(),
            other => other.to_string(),
        }
    }

    /// Where in the file, counted in bytes from its start.
    #[must_use]
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Limit(error) => error.offset,
            Self::Malformed(error) => Some(error.offset),
            _ => None,
        }
    }

    /// The way from the file's document to the flawed element, as [`Error::offset`] says it in bytes.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Limit(error) => error.path.as_deref(),
            Self::Malformed(error) => error.path.as_deref(),
            _ => None,
        }
    }

    /// The limit that the file exceeded, and what was granted.
    #[must_use]
    pub const fn limit(&self) -> Option<(Limit, u64)> {
        match self {
            Self::Limit(error) => Some((error.limit, error.granted)),
            _ => None,
        }
    }

    /// Is this a verdict on the file, and not a failure to reach one?
    ///
    /// A file that changes while it is read counts as refused; a file that cannot be read, or a machine without memory,
    /// says nothing about the file.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Input(error) => matches!(error, InputError::Changed),
            Self::Engine(_) => false,
            Self::Guest(_) | Self::Limit(_) | Self::Malformed(_) | Self::NotVerified(_) => true,
        }
    }

    /// The error for what the guest says about the file, with the place as text.
    pub(crate) fn refused(refusal: &Refusal, path: Option<String>, format: Format) -> Self {
        let offset = u64::from(refusal.offset);
        match refusal.code {
            Code::Limit { limit, granted } => {
                LimitError { limit: limit.into(), granted: granted.into(), offset: Some(offset), path }.into()
            }
            code => MalformedError { code, offset, path, format }.into(),
        }
    }

    /// A limit that was exceeded as a whole, at no one place.
    pub(crate) fn limit_of(limit: Limit, granted: u64) -> Self {
        LimitError { limit, granted, offset: None, path: None }.into()
    }
}

/// What this machine could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine, the module that was compiled for it, or a thread does not start.
    #[error("the sandbox does not start: {0}")]
    Start(String),
    /// There is no memory for so many bytes.
    #[error("this machine has no memory for {bytes} bytes more")]
    Memory {
        /// Bytes that were wanted.
        bytes: u64,
    },
}

impl EngineError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => "engine-start",
            Self::Memory { .. } => "engine-memory",
        }
    }
}

/// A flaw of our own: the guest trapped, or answered outside of its contract.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}: please report this as a bug of flux-airlock")]
#[non_exhaustive]
pub struct GuestError {
    /// The stable name of the flaw, beginning with `guest-` or `answer-`.
    pub code: &'static str,
    /// What happened.
    pub message: String,
}

impl GuestError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It changed while it was read.
    #[error("the file changed while it was read")]
    Changed,
    /// A block or character device.
    #[error("this is a device, not a file")]
    Device,
    /// A directory.
    #[error("this is a directory, not a file")]
    Directory,
    /// A named pipe.
    #[error("this is a FIFO, not a file")]
    Fifo,
    /// The system says why.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Something else that is not a file.
    #[error("this is not a file")]
    NotAFile,
    /// A socket.
    #[error("this is a socket, not a file")]
    Socket,
}

impl InputError {
    /// The stable name of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Changed => "file-changed",
            Self::Device => "device",
            Self::Directory => "directory",
            Self::Fifo => "fifo",
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => "not-found",
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => "permission-denied",
            Self::Io(_) => "unreadable",
            Self::NotAFile => "not-a-file",
            Self::Socket => "socket",
        }
    }
}

/// A file that wants more than was granted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}{}", self.message(), Place(self.offset, self.path.as_deref()))]
#[non_exhaustive]
pub struct LimitError {
    /// Which limit.
    pub limit: Limit,
    /// What was granted.
    pub granted: u64,
    /// Where the limit was reached, if it is at one place.
    pub offset: Option<u64>,
    /// The way there.
    pub path: Option<String>,
}

impl LimitError {
    fn message(&self) -> String {
        format!("more {} than the limit of {} allows", self.limit.noun(), self.granted)
    }
}

/// A file that is not a well-formed BSON.jl file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}{}", Place(Some(*offset), path.as_deref()))]
#[non_exhaustive]
pub struct MalformedError {
    /// What is wrong.
    pub code: Code,
    /// Where, counted in bytes from the start of the file.
    pub offset: u64,
    /// The way there.
    pub path: Option<String>,
    /// What the content is.
    pub format: Format,
}

/// Evidence that does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotVerifiedError {
    /// The file is another than the one the evidence is about.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// There is no evidence at all.
    #[error(
        "there is no evidence for this file: give a pin, a lock file or a signature, or open it unverified by name"
    )]
    NoEvidence,
    /// The lock file does not name the file.
    #[error("the lock file has no entry for {name:?}")]
    NotInLock {
        /// The name that was looked for.
        name: String,
    },
    /// A policy does not allow the file.
    #[cfg(feature = "policy")]
    #[error(transparent)]
    Policy(#[from] flux_airlock_trust::Denied),
    /// A registry does not vouch for the file, or has revoked it.
    #[cfg(feature = "registry")]
    #[error("{message}")]
    #[non_exhaustive]
    Registry {
        /// The stable name of the reason.
        code: &'static str,
        /// The reason as a sentence.
        message: String,
    },
    /// A signature does not vouch for the file.
    #[cfg(any(feature = "minisign", feature = "oms"))]
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl NotVerifiedError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Mismatch(mismatch) => mismatch.code(),
            Self::NoEvidence => "no-evidence",
            Self::NotInLock { .. } => "not-in-lock",
            #[cfg(feature = "policy")]
            Self::Policy(denied) => denied.code(),
            #[cfg(feature = "registry")]
            Self::Registry { code, .. } => code,
            #[cfg(any(feature = "minisign", feature = "oms"))]
            Self::Signature(error) => error.code(),
        }
    }
}

/// The end of a sentence: ` at byte 0x1f3 (model.data[1])`.
struct Place<'a>(Option<u64>, Option<&'a str>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.0 {
            write!(f, " at byte {offset:#x}")?;
        }
        match self.1 {
            Some(path) if !path.is_empty() => write!(f, " ({path})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_airlock_wire as wire;

    #[test]
    fn an_error_says_what_and_where() {
        let mut refusal = Refusal {
            code: Code::DanglingBackref { index: 9, len: 4 },
            offset: 0x1f3,
            path: Vec::new(),
            format: wire::Format::BsonJl,
        };
        let error = Error::refused(&refusal, Some("model.data[1]".to_owned()), Format::BsonJl);
        assert_eq!(error.to_string(), "back reference 9 of 4 at byte 0x1f3 (model.data[1])");
        assert_eq!(error.message(), "back reference 9 of 4");
        assert_eq!((error.code(), error.offset()), ("dangling-backref", Some(0x1f3)));

        refusal.code = Code::Limit { limit: wire::Limit::Depth, granted: 256 };
        let error = Error::refused(&refusal, None, Format::BsonJl);
        assert_eq!(error.to_string(), "more levels of nesting than the limit of 256 allows at byte 0x1f3");
        assert_eq!((error.code(), error.limit()), ("depth-limit", Some((Limit::Depth, 256))));
        assert_eq!(error.message(), refusal.code.to_string());
    }

    #[test]
    fn a_name_from_outside_is_escaped() {
        let error = NotVerifiedError::NotInLock { name: "a\u{202e}b\n".to_owned() };
        assert_eq!(error.to_string(), "the lock file has no entry for \"a\\u{202e}b\\n\"");
    }
}
