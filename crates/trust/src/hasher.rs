//! Hashing a file in one pass, with the algorithms that were asked for.
//!
//! The bytes are seen once, whatever the chunks they come in, and an algorithm that nobody asked for costs nothing.

use core::fmt;

use sha2::{Digest as _, Sha256, Sha512};

use crate::Digest;

/// Which algorithms to compute.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Algorithms {
    /// SHA-256.
    pub sha256: bool,
    /// SHA-512.
    pub sha512: bool,
}

impl Algorithms {
    /// Both.
    pub const ALL: Self = Self { sha256: true, sha512: true };
    /// SHA-256 alone.
    pub const SHA256: Self = Self { sha256: true, sha512: false };
    /// SHA-512 alone.
    pub const SHA512: Self = Self { sha256: false, sha512: true };

    /// The algorithm of this digest.
    #[must_use]
    pub const fn of(digest: &Digest) -> Self {
        match digest {
            Digest::Sha256(_) => Self::SHA256,
            Digest::Sha512(_) => Self::SHA512,
        }
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { sha256: self.sha256 || other.sha256, sha512: self.sha512 || other.sha512 }
    }
}

/// A computation of digests that takes the file piece by piece.
///
/// ```
/// use flux_airlock_trust::{Algorithms, Hasher};
///
/// let mut hasher = Hasher::new(Algorithms::ALL);
/// hasher.update(b"ab");
/// hasher.update(b"c");
/// let digests = hasher.finish();
/// assert_eq!(digests, Hasher::hash(b"abc", Algorithms::ALL));
/// assert!(digests.sha256.is_some_and(|sha256| sha256.starts_with(&[0xba, 0x78, 0x16, 0xbf])));
/// ```
#[derive(Clone)]
pub struct Hasher {
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl Hasher {
    /// Begins to hash, with these algorithms.
    #[must_use]
    pub fn new(algorithms: Algorithms) -> Self {
        Self { sha256: algorithms.sha256.then(Sha256::new), sha512: algorithms.sha512.then(Sha512::new) }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    /// The digests of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Digests {
        Digests {
            sha256: self.sha256.map(|sha256| sha256.finalize().into()),
            sha512: self.sha512.map(|sha512| sha512.finalize().into()),
        }
    }

    /// The digests of these bytes.
    #[must_use]
    pub fn hash(bytes: &[u8], algorithms: Algorithms) -> Digests {
        let mut hasher = Self::new(algorithms);
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sha256, sha512 } = self;
        f.debug_struct("Hasher").field("sha256", &sha256.is_some()).field("sha512", &sha512.is_some()).finish()
    }
}

/// What a file hashed to, with the algorithms that were asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Digests {
    /// SHA-256, if it was computed.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512, if it was computed.
    pub sha512: Option<[u8; 64]>,
}

impl Digests {
    /// The digest by the same algorithm as `wanted`, if it was computed.
    #[must_use]
    pub fn like(&self, wanted: &Digest) -> Option<Digest> {
        match wanted {
            Digest::Sha256(_) => self.sha256.map(Digest::Sha256),
            Digest::Sha512(_) => self.sha512.map(Digest::Sha512),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_algorithms_give_the_published_digests_of_abc() {
        let digests = Hasher::hash(b"abc", Algorithms::ALL);
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(digests.sha256.map(Digest::Sha256), sha256.parse().ok());
        assert_eq!(digests.sha512.map(Digest::Sha512), sha512.parse().ok());
    }

    #[test]
    fn only_what_was_asked_for_is_computed() {
        let digests = Hasher::hash(b"abc", Algorithms::SHA512);
        assert!(digests.sha256.is_none() && digests.sha512.is_some());
        assert_eq!(Hasher::hash(b"abc", Algorithms::default()), Digests::default());
        assert_eq!(Algorithms::SHA256.and(Algorithms::SHA512), Algorithms::ALL);
    }

    #[test]
    fn the_chunks_do_not_matter() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let whole = Hasher::hash(&bytes, Algorithms::ALL);
        for size in [1, 63, 64, 65, 127, 128, 129, 999] {
            let mut hasher = Hasher::new(Algorithms::ALL);
            bytes.chunks(size).for_each(|chunk| hasher.update(chunk));
            assert_eq!(hasher.finish(), whole, "chunks of {size}");
        }
    }
}
