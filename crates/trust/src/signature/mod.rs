//! Signatures over a model: OpenSSF Model Signing (Sigstore bundles) and minisign.
//!
//! A signature file is as untrusted as the model. It is read up to [`Signature::MAX_BYTES`], its form is strict, and it
//! vouches for a file only if the signer that the caller trusts has made it over these very bytes: the digest that was
//! computed while the file was read, or the bytes themselves. What it says of itself (a key's name, a comment) is
//! believed only where it is signed.

mod error;
#[cfg(feature = "oms")]
mod json;
mod key;
#[cfg(feature = "minisign")]
mod minisign;
#[cfg(feature = "oms")]
mod oms;
#[cfg(feature = "sign")]
mod sign;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use error::{KeyError, SignatureError};
pub use key::{PublicKey, Roots, SignedBy};
#[cfg(feature = "sign")]
pub use oms::Manifest;
#[cfg(feature = "sign")]
pub use sign::{MinisignForm, Passphrase, PrivateKey, read_certificates, sign_minisign, sign_oms};

use crate::{Clock, Digests, LockFile, files};

/// A signature file, which is not believed yet.
#[derive(Clone, Debug)]
pub struct Signature {
    content: Arc<[u8]>,
    folder: Option<Arc<Folder>>,
}

/// The folder that a signature over several files is about, and which of them is opened.
#[derive(Debug)]
#[cfg_attr(not(feature = "oms"), expect(dead_code, reason = "only bundles are about folders"))]
struct Folder {
    root: PathBuf,
    name: String,
    ignored: Vec<String>,
}

impl Signature {
    /// The longest signature that is read: a bundle about some 20,000 files.
    pub const MAX_BYTES: u64 = 4 << 20;

    /// A signature with this content.
    #[must_use]
    pub fn new(content: impl Into<Vec<u8>>) -> Self {
        Self { content: content.into().into(), folder: None }
    }

    /// Reads a signature file.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Io`] if it cannot be read or is no regular file, [`SignatureError::TooLarge`] if it is longer than
    /// [`Signature::MAX_BYTES`].
    pub fn read(path: &Path) -> Result<Self, SignatureError> {
        match files::read(path, Self::MAX_BYTES) {
            Ok(Some(content)) => Ok(Self::new(content)),
            Ok(None) => Err(SignatureError::TooLarge),
            Err(error) => Err(SignatureError::Io { reason: error.to_string() }),
        }
    }

    /// The same signature, for the file `name` (relative, with `/`) of the folder `root`.
    ///
    /// A signature over several files is about a folder: all of it must be as it was signed, but for what the signature
    /// itself leaves out, Git's own files, and the names in `ignored` (the signature file's, if it lies there). A signature
    /// over one file takes no notice of this.
    #[must_use]
    pub fn of_folder(mut self, root: impl Into<PathBuf>, name: impl Into<String>, ignored: &[&str]) -> Self {
        let ignored = ignored.iter().map(|&name| name.to_owned()).collect();
        self.folder = Some(Arc::new(Folder { root: root.into(), name: name.into(), ignored }));
        self
    }

    /// The same signature, which lies at `path`, for this file, as one over a folder: `folder`, or else that in which the
    /// signature lies. A file that lies elsewhere gets a name that no folder can have.
    #[must_use]
    pub fn about(self, file: &Path, path: &Path, folder: Option<&Path>) -> Self {
        let folder = folder.unwrap_or_else(|| files::folder_of(path));
        let own = LockFile::name_in(folder, path).ok();
        self.of_folder(folder, LockFile::name_to_look_up(folder, file), own.as_deref().as_slice())
    }

    /// Does it vouch for this file, whose bytes and digests (SHA-256 among them) these are?
    ///
    /// # Errors
    ///
    /// [`SignatureError`] for the first reason why it does not.
    pub fn verify(
        &self,
        by: &SignedBy,
        bytes: &[u8],
        digests: &Digests,
        clock: Clock,
    ) -> Result<Verified, SignatureError> {
        if u64::try_from(self.content.len()).is_ok_and(|len| len > Self::MAX_BYTES) {
            return Err(SignatureError::TooLarge);
        }
        #[cfg(not(feature = "oms"))]
        let _ = (digests, clock);
        #[cfg(not(feature = "minisign"))]
        let _ = bytes;
        match Format::of(&self.content).ok_or(SignatureError::Format)? {
            #[cfg(feature = "oms")]
            Format::Oms => oms::verify(&self.content, by, self.folder.as_deref(), digests, clock),
            #[cfg(feature = "minisign")]
            Format::Minisign => minisign::verify(&self.content, by, bytes),
            #[cfg(not(all(feature = "oms", feature = "minisign")))]
            format => Err(SignatureError::Unsupported { format: format.name() }),
        }
    }
}

/// The format of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// A minisign signature.
    Minisign,
    /// An OpenSSF Model Signing bundle.
    Oms,
}

impl Format {
    /// The name in reports: `minisign` or `oms`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minisign => "minisign",
            Self::Oms => "oms",
        }
    }

    /// By content, and never by a file's name.
    fn of(content: &[u8]) -> Option<Self> {
        if content.starts_with(b"untrusted comment:") {
            return Some(Self::Minisign);
        }
        (content.trim_ascii_start().first() == Some(&b'{')).then_some(Self::Oms)
    }
}

/// What a signature that holds says, all of it signed or proven.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The format.
    pub format: Format,
    /// Which key has made it: `sha256:` and the digest of an elliptic curve key (of its SPKI in PEM, as Model Signing counts
    /// it), or the sixteen digits of a minisign key.
    pub key_id: String,
    /// Who that is, as a certificate says it (its subject, after RFC 4514); `None` for a bare key.
    pub signer: Option<String>,
    /// The file's name in the signed folder; `None` for a signature over one file, which may have any name.
    pub name: Option<String>,
    /// minisign's trusted comment, which the key has signed too.
    pub comment: Option<String>,
    /// When it was made, if the signer says so in what is signed. Nobody else has seen it.
    pub time: Option<SystemTime>,
}
