//! Whom to believe: public keys, and roots of certificates.

use std::path::Path;

use super::KeyError;
#[cfg(feature = "minisign")]
use super::minisign;
#[cfg(feature = "oms")]
use super::oms;
use crate::files;

/// The public key of a signer: an elliptic curve key (SPKI in PEM) or one of minisign.
///
/// ```
/// # #[cfg(feature = "minisign")] {
/// use flux_airlock_trust::PublicKey;
///
/// let key = PublicKey::parse(b"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")?;
/// assert_eq!(key.id(), "E7620F1842B4E81F");
/// # }
/// # Ok::<(), flux_airlock_trust::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PublicKey(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    #[cfg(feature = "oms")]
    Ec(oms::EcKey),
    #[cfg(feature = "minisign")]
    Minisign(minisign::Key),
}

impl PublicKey {
    /// Reads a key's text: PEM (`BEGIN PUBLIC KEY`), or the line that minisign writes, with or without its comment.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if it is none, or one of a kind or curve that is not supported.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let text = core::str::from_utf8(text).map_err(|_| KeyError::Malformed { wanted: WANTED })?;
        if text.contains("-----BEGIN") {
            #[cfg(feature = "oms")]
            return oms::EcKey::parse(text).map(|key| Self(Kind::Ec(key)));
            #[cfg(not(feature = "oms"))]
            return Err(KeyError::Unsupported { format: "oms" });
        }
        #[cfg(feature = "minisign")]
        return minisign::Key::parse(text).map(|key| Self(Kind::Minisign(key)));
        #[cfg(not(feature = "minisign"))]
        Err(KeyError::Malformed { wanted: WANTED })
    }

    /// Reads a key from a file.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`] if it cannot be read, otherwise as [`PublicKey::parse`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Self::parse(&files::read(path, MOST_KEY_BYTES)?.ok_or(KeyError::TooLarge { most: MOST_KEY_BYTES })?)
    }

    /// What only this key has: `sha256:` and 64 digits, or the whole of a minisign key, whose number anybody can give to a
    /// key of his own. A policy names keys by it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match &self.0 {
            #[cfg(feature = "oms")]
            Kind::Ec(key) => key.id(),
            #[cfg(feature = "minisign")]
            Kind::Minisign(key) => key.line().to_owned(),
        }
    }

    /// The point, if it is one of P-256: the keys of a registry.
    #[cfg(all(feature = "registry", feature = "sign"))]
    pub(crate) fn p256_point(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Ec(key) => key.p256_point(),
            Kind::Minisign(_) => None,
        }
    }

    /// The name that reports and signatures have for the key: `sha256:` and 64 digits, or minisign's sixteen digits.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.0 {
            #[cfg(feature = "oms")]
            Kind::Ec(key) => key.id(),
            #[cfg(feature = "minisign")]
            Kind::Minisign(key) => key.id().to_owned(),
        }
    }
}

/// Certificates of authorities whose signers are believed.
#[derive(Clone, Debug)]
pub struct Roots {
    #[cfg(feature = "oms")]
    pub(super) anchors: std::sync::Arc<[rustls_pki_types::TrustAnchor<'static>]>,
    ids: Vec<String>,
}

impl Roots {
    /// Reads certificates in PEM, one or more.
    ///
    /// # Errors
    ///
    /// [`KeyError::Certificates`] if there is none, or one that cannot be read.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        #[cfg(feature = "oms")]
        return oms::roots(pem).map(|(anchors, ids)| Self { anchors: anchors.into(), ids });
        #[cfg(not(feature = "oms"))]
        {
            let _ = pem;
            Err(KeyError::Unsupported { format: "oms" })
        }
    }

    /// Reads certificates in PEM from a file.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`] if it cannot be read, otherwise as [`Roots::parse`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Self::parse(&files::read(path, MOST_ROOTS_BYTES)?.ok_or(KeyError::TooLarge { most: MOST_ROOTS_BYTES })?)
    }
}

impl Roots {
    /// The SHA-256 of each certificate in DER, as `sha256:…`. A policy names roots by it.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.ids
    }
}

/// Whose signature it must be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignedBy {
    /// Anybody's with a certificate that leads to one of these roots, and is valid now.
    Certificate(Roots),
    /// This key's.
    Key(PublicKey),
}

impl SignedBy {
    /// What it is, in a sentence.
    pub(super) const fn what(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "a certificate root",
            Self::Key(key) => match key.0 {
                #[cfg(feature = "oms")]
                Kind::Ec(_) => "an elliptic curve key",
                #[cfg(feature = "minisign")]
                Kind::Minisign(_) => "a minisign key",
            },
        }
    }
}

impl From<PublicKey> for SignedBy {
    fn from(key: PublicKey) -> Self {
        Self::Key(key)
    }
}

impl From<Roots> for SignedBy {
    fn from(roots: Roots) -> Self {
        Self::Certificate(roots)
    }
}

const WANTED: &str = "a public key in PEM, or one of minisign,";
pub(super) const MOST_KEY_BYTES: u64 = 64 << 10;
pub(super) const MOST_ROOTS_BYTES: u64 = 4 << 20;
