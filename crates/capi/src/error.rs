//! Why a call failed: who must act, a stable code, a sentence, and the place.

use std::borrow::Cow;
use std::ops::Deref;
use std::path::Path;

use flux_airlock::{
    DigestError, Error, KeyError, LimitsError, LockError, PolicyError, RegistryError, Rejected, SignatureError,
    SourceError, TypesError,
};
use flux_airlock_export::ExportError;

use crate::call::call;
use crate::handle;
use crate::memory::{Out, Trust as _};
use crate::text::Text;

/// What came of a call: 0, or who must act.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// It did what it should.
    Ok = 0,
    /// The file is no well-formed BSON.jl file: who made it.
    Malformed = 1,
    /// The file wants more than was granted: grant it, or distrust the file.
    Limit = 2,
    /// There is no evidence, or it does not hold: who vouches for the file.
    NotVerified = 3,
    /// The decoder misbehaved, and nothing of what it said was used: the authors of the library.
    Guest = 4,
    /// This machine could not do it: its operator.
    Engine = 5,
    /// The file, or one that evidence or types are in, cannot be read: who called.
    Input = 6,
    /// The output cannot be written, or its format cannot hold the model: who called.
    Output = 7,
    /// The call is not one that can be made: the author of the program.
    Usage = 8,
    /// The library is at fault: its authors.
    Internal = 9,
}

impl Status {
    /// Their names, by their numbers.
    pub(crate) const NAMES: &[&str] =
        &["ok", "malformed", "limit", "not-verified", "guest", "engine", "input", "output", "usage", "internal"];
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure(Box<Details>);

#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) status: Status,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// The message with its place.
    text: String,
    offset: Option<u64>,
    path: Option<String>,
    limit: Option<(&'static str, u64)>,
    /// The report about a file that was refused.
    report: Option<String>,
}

impl Deref for Failure {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl Failure {
    fn new(status: Status, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let message = message.into();
        let text = message.clone();
        let code = code.into();
        Self(Box::new(Details { status, code, message, text, offset: None, path: None, limit: None, report: None }))
    }

    /// A call that cannot be made.
    pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Usage, code, message)
    }

    /// What cannot be read, or is not what it should be.
    pub(crate) fn input(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Input, code, message)
    }

    /// What this machine could not do.
    pub(crate) fn engine(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Engine, code, message)
    }

    /// The same, about the file at this path.
    pub(crate) fn about(mut self, path: &Path) -> Self {
        let path = path.to_string_lossy();
        for sentence in [&mut self.0.message, &mut self.0.text] {
            *sentence = format!("{}: {sentence}", path.escape_debug());
        }
        self
    }

    /// A flaw of our own.
    pub(crate) fn internal(code: &'static str, message: &str) -> Self {
        Self::new(Status::Internal, code, format!("{message}: please report this as a bug of flux-airlock"))
    }

    /// A panic that was caught.
    pub(crate) fn panic(message: &str) -> Self {
        Self::internal("internal-panic", message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Engine(_) => Status::Engine,
            Error::Guest(_) => Status::Guest,
            Error::Input(_) => Status::Input,
            Error::Limit(_) => Status::Limit,
            Error::Malformed(_) => Status::Malformed,
            Error::NotVerified(_) => Status::NotVerified,
            _ => Status::Internal,
        };
        Self(Box::new(Details {
            status,
            code: error.code().to_owned().into(),
            message: error.message(),
            text: error.to_string(),
            offset: error.offset(),
            path: error.path().map(str::to_owned),
            limit: error.limit().map(|(limit, granted)| (limit.name(), granted)),
            report: None,
        }))
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        let mut failure = Self::from(rejected.error);
        failure.0.report = rejected.report.map(|report| report.to_json());
        failure
    }
}

impl From<DigestError> for Failure {
    fn from(error: DigestError) -> Self {
        Self::usage("bad-pin", error.to_string())
    }
}

impl From<LimitsError> for Failure {
    fn from(error: LimitsError) -> Self {
        let mut failure = Self::usage("limit-out-of-range", error.to_string());
        failure.0.limit = Some((error.limit.name(), error.granted));
        failure
    }
}

macro_rules! unusable {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::input(error.code(), error.to_string())
            }
        })+
    };
}

// Files beside the model, which were named and cannot be used.
unusable!(KeyError, LockError, PolicyError, SignatureError, TypesError);

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::usage("bad-value", error.to_string())
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::new(Status::NotVerified, error.code(), error.to_string())
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let mut failure = Self::new(Status::Output, error.code().to_owned(), error.to_string());
        failure.0.path = error.path().map(str::to_owned);
        failure
    }
}

/// An error. The texts live until the error object is released.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ErrorInfo {
    /// Who must act.
    pub status: Status,
    /// 1 if there is a place in the file, else 0.
    pub has_offset: u32,
    /// The place, counted in bytes from the start of the file.
    pub offset: u64,
    /// What was granted, if it is a limit.
    pub granted: u64,
    /// The stable name of the error, in kebab case: `dangling-backref`, `digest-mismatch`, `bad-handle`.
    pub code: Text,
    /// A sentence, without the place. Escaped.
    pub message: Text,
    /// The sentence with the place, for people. Escaped.
    pub text: Text,
    /// The way to the flawed element, or the array that cannot be written.
    pub path: Text,
    /// The name of the limit.
    pub limit: Text,
    /// The report about the file as JSON in one line, if the error is a verdict on a file.
    pub report: Text,
}

/// Reads an error object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_error_read(error: u64, out: *mut ErrorInfo) -> Status {
    // SAFETY: the caller's, as the header says.
    let out = unsafe { out.trust() };
    call(Out::NOWHERE, || {
        let out = out.check()?;
        let object = handle::get(error)?;
        let failure = object.error()?;
        let (limit, granted) = failure.limit.unzip();
        out.put(ErrorInfo {
            status: failure.status,
            has_offset: failure.offset.is_some().into(),
            offset: failure.offset.unwrap_or(0),
            granted: granted.unwrap_or(0),
            code: Text::new(&failure.code),
            message: Text::new(&failure.message),
            text: Text::new(&failure.text),
            path: Text::maybe(failure.path.as_deref()),
            limit: Text::maybe(limit),
            report: Text::maybe(failure.report.as_deref()),
        });
        Ok(())
    })
}
