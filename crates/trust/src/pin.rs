//! A pin: a digest that the caller gave, and the one file it is given for must have.

use core::str::FromStr;

use crate::{Digest, DigestError, Digests};

/// A digest given by the caller for one file.
///
/// ```
/// use flux_airlock_trust::{Algorithms, Hasher, Mismatch, Pin};
///
/// let pin: Pin = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse()?;
/// assert!(pin.check(&Hasher::hash(b"abc", Algorithms::SHA256)).is_ok());
/// let other = pin.check(&Hasher::hash(b"abd", Algorithms::SHA256));
/// assert!(matches!(other, Err(Mismatch::Digest { .. })));
/// # Ok::<(), flux_airlock_trust::DigestError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Pin(Digest);

impl Pin {
    /// A pin to this digest.
    #[must_use]
    pub const fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest that the file must have.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.0
    }

    /// Does the file have this digest?
    ///
    /// # Errors
    ///
    /// [`Mismatch::Digest`] if it has another one, [`Mismatch::NotHashed`] if `found` was computed with another
    /// algorithm: what was not compared does not hold.
    pub fn check(&self, found: &Digests) -> Result<(), Mismatch> {
        check(self.0, found)
    }
}

impl From<Digest> for Pin {
    fn from(digest: Digest) -> Self {
        Self::new(digest)
    }
}

impl FromStr for Pin {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// Compares one digest in full.
pub(crate) fn check(expected: Digest, found: &Digests) -> Result<(), Mismatch> {
    match found.like(&expected) {
        None => Err(Mismatch::NotHashed { algorithm: expected.algorithm() }),
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(Mismatch::Digest { expected: Box::new(expected), found: Box::new(found) }),
    }
}

/// How a file differs from the evidence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// It has another length than the lock file says.
    #[error("the file has {found} bytes, not {expected}")]
    Bytes {
        /// Bytes that the lock file gives.
        expected: u64,
        /// Bytes the file has.
        found: u64,
    },
    /// Its digest is another.
    #[error("the file's digest is {found}, not {expected}")]
    Digest {
        /// The digest that the evidence gives.
        expected: Box<Digest>,
        /// The digest the file has.
        found: Box<Digest>,
    },
    /// The evidence needs a digest that was not computed: a mistake of the caller, and never a reason to open.
    #[error("the file's {algorithm} was not computed")]
    NotHashed {
        /// Which algorithm.
        algorithm: &'static str,
    },
}

impl Mismatch {
    /// The stable name of the error. A wrong length is a wrong digest that was found early.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes { .. } | Self::Digest { .. } => "digest-mismatch",
            Self::NotHashed { .. } => "digest-not-computed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithms, Hasher};

    #[test]
    fn one_bit_is_enough_to_differ() {
        let digests = Hasher::hash(b"model", Algorithms::ALL);
        let (Some(sha256), Some(sha512)) = (digests.sha256, digests.sha512) else { panic!("both were asked for") };
        assert!(Pin::new(Digest::Sha256(sha256)).check(&digests).is_ok());
        assert!(Pin::new(Digest::Sha512(sha512)).check(&digests).is_ok());
        for i in 0..512 {
            let mut other = sha512;
            other[i / 8] ^= 1 << (i % 8);
            assert!(Pin::new(Digest::Sha512(other)).check(&digests).is_err(), "bit {i}");
        }
    }

    #[test]
    fn what_was_not_hashed_does_not_hold() {
        let digests = Hasher::hash(b"model", Algorithms::SHA256);
        let pin = Pin::new(Digest::Sha512([0; 64]));
        assert_eq!(pin.check(&digests), Err(Mismatch::NotHashed { algorithm: "sha512" }));
    }
}
