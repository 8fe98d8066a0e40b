//! Why a model is not exported.

use std::io;

use crate::Unfit;

/// Why a model is not exported. Whatever the reason, no file was left behind and none was touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There is something under the output's name, and nobody said that it may be replaced.
    #[error("the output exists, and is kept")]
    Exists,
    /// The header would be longer than readers of safetensors allow.
    #[error("the header would have {bytes} bytes, and readers of safetensors allow {most}")]
    Header {
        /// Bytes it would have.
        bytes: u64,
        /// Bytes that are allowed.
        most: u64,
    },
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Io(#[from] io::Error),
    /// What is under the output's name is no file that could be replaced.
    #[error("the output is not a regular file")]
    NotAFile,
    /// Arrays that the format cannot hold.
    #[error("safetensors cannot hold {}", listed(.0))]
    Unfit(Vec<Unfit>),
}

impl ExportError {
    /// The stable name of the error, in kebab case. One unfit array has that of its flaw, several have one together.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists => "output-exists",
            Self::Header { .. } => "header-too-large",
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => "output-no-space",
            Self::Io(_) => "output-io",
            Self::NotAFile => "output-not-a-file",
            Self::Unfit(arrays) => match arrays.as_slice() {
                [array] => array.flaw.code(),
                _ => "unfit-arrays",
            },
        }
    }

    /// The path of the array that is the reason, or of the first one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Unfit(arrays) => arrays.first().map(|array| array.path.as_str()),
            _ => None,
        }
    }

    /// Is the reason in the model, and not in the machine or in what was asked for?
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Header { .. } | Self::Unfit(_))
    }
}

/// The first of these arrays, and how many there are.
fn listed(arrays: &[Unfit]) -> String {
    let first = arrays.iter().take(MOST_LISTED).map(Unfit::to_string).collect::<Vec<_>>().join(", ");
    match arrays.len().saturating_sub(MOST_LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

const MOST_LISTED: usize = 8;
