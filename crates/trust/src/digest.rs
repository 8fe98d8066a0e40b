//! A digest as people write it down: `sha256:` or `sha512:` and hexadecimal digits.
//!
//! Both algorithms are compared over their full length; there is no short form and no other algorithm.

use core::fmt;
use core::str::FromStr;

/// What all bytes of a file must hash to.
///
/// ```
/// use flux_airlock_trust::Digest;
///
/// let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// let digest: Digest = hex.parse()?;
/// assert_eq!(digest.to_string(), format!("sha256:{hex}"));
/// assert_eq!(digest, digest.to_string().parse()?);
/// # Ok::<(), flux_airlock_trust::DigestError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl Digest {
    /// The algorithm, as it stands before the colon: `sha256` or `sha512`.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// The bytes of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }

    /// The digest in lower-case hexadecimal, without its algorithm.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(self.as_bytes())
    }
}

/// `sha256:` or `sha512:`, and lower-case hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What keeps a text from being a digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// What stands before the colon is neither `sha256` nor `sha512`.
    #[error("a digest begins with sha256: or sha512:")]
    Algorithm,
    /// A character that is no hexadecimal digit.
    #[error("character {at} of the digest is no hexadecimal digit")]
    Character {
        /// Which, counted from 1 behind the colon.
        at: usize,
    },
    /// Too many digits, or too few.
    #[error("a digest has 64 hexadecimal digits (SHA-256) or 128 (SHA-512), not {found}")]
    Length {
        /// Digits there are.
        found: usize,
    },
}

impl DigestError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Algorithm => "digest-algorithm",
            Self::Character { .. } => "digest-character",
            Self::Length { .. } => "digest-length",
        }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Reads `sha256:HEX`, `sha512:HEX`, or 64 or 128 hexadecimal digits alone.
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, digits) = match text.split_once(':') {
            Some((algorithm, digits)) => (Some(algorithm), digits),
            None => (None, text),
        };
        match (algorithm, digits.len()) {
            (Some("sha256") | None, 64) => unhex(digits).map(Self::Sha256),
            (Some("sha512") | None, 128) => unhex(digits).map(Self::Sha512),
            (Some("sha256" | "sha512") | None, _) => Err(DigestError::Length { found: digits.chars().count() }),
            _ => Err(DigestError::Algorithm),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|&byte| [byte >> 4, byte & 0x0f])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

/// `N` bytes from `2N` digits.
pub(crate) fn unhex<const N: usize>(digits: &str) -> Result<[u8; N], DigestError> {
    let mut bytes = [0; N];
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return Err(DigestError::Length { found: digits.chars().count() });
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let (Some(high), Some(low)) = (value(high), value(low)) else {
            let at = digits.chars().take_while(char::is_ascii_hexdigit).count();
            return Err(DigestError::Character { at: at.saturating_add(1) });
        };
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for digest in [Digest::Sha256([0x0a; 32]), Digest::Sha512([0xf0; 64])] {
            assert_eq!(digest.to_string().parse(), Ok(digest));
            assert_eq!(digest.to_hex().parse(), Ok(digest));
            assert_eq!(digest.to_hex().to_uppercase().parse(), Ok(digest));
        }
    }

    #[test]
    fn a_digest_of_another_length_is_refused() {
        for len in [0, 1, 63, 65, 127, 129] {
            let digits = "a".repeat(len);
            assert_eq!(digits.parse::<Digest>(), Err(DigestError::Length { found: len }));
            assert_eq!(format!("sha256:{digits}").parse::<Digest>(), Err(DigestError::Length { found: len }));
        }
        assert_eq!(format!("sha256:{}", "a".repeat(128)).parse::<Digest>(), Err(DigestError::Length { found: 128 }));
        assert_eq!(format!("sha512:{}", "a".repeat(64)).parse::<Digest>(), Err(DigestError::Length { found: 64 }));
    }

    #[test]
    fn an_algorithm_that_is_not_ours_is_refused() {
        for algorithm in ["md5", "SHA256", "sha-256", "", " sha256"] {
            let text = format!("{algorithm}:{}", "a".repeat(64));
            assert_eq!(text.parse::<Digest>(), Err(DigestError::Algorithm), "{text}");
        }
    }

    #[test]
    fn a_digit_that_is_none_is_named_by_its_place() {
        let text = format!("{}g{}", "a".repeat(10), "a".repeat(53));
        assert_eq!(text.parse::<Digest>(), Err(DigestError::Character { at: 11 }));
        // As many bytes as a digest has, and fewer characters: never cut inside of one.
        let text = format!("{}é", "a".repeat(62));
        assert_eq!(text.parse::<Digest>(), Err(DigestError::Character { at: 63 }));
    }
}
