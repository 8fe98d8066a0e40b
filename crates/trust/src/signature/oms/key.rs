//! Elliptic curve keys, and what they have signed. The mathematics is `aws-lc-rs`'s.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA256_ASN1,
    ECDSA_P521_SHA512_ASN1, EcdsaVerificationAlgorithm, ParsedPublicKey, UnparsedPublicKey,
};
use pkcs8::der::asn1::ObjectIdentifier;
use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode as _, Document};
use pkcs8::spki::SubjectPublicKeyInfoRef;

use super::super::KeyError;
use crate::{Algorithms, Digest, Hasher};

/// A point of a curve that somebody's signatures are checked with.
#[derive(Clone, Debug)]
pub(crate) struct EcKey {
    curve: Curve,
    /// Uncompressed, and known to lie on the curve.
    point: Vec<u8>,
    id: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

/// What the signed bytes are hashed with.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    /// The one of the curve's own strength, as everybody does.
    OfCurve,
    /// SHA-256 in any case.
    Sha256,
}

impl EcKey {
    /// Reads a public key in PEM.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        match Document::from_pem(text.trim_ascii()) {
            Ok(("PUBLIC KEY", document)) => Self::from_spki(document.as_bytes()),
            Ok((label, _)) if label.ends_with("PRIVATE KEY") => Err(KeyError::Private),
            _ => Err(MALFORMED),
        }
    }

    /// Reads a public key in DER.
    pub(crate) fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| MALFORMED)?;
        if spki.algorithm.oid != EC_PUBLIC_KEY {
            return Err(KeyError::Curve);
        }
        let curve = spki.algorithm.parameters_oid().ok().and_then(curve_of).ok_or(KeyError::Curve)?;
        let point = spki.subject_public_key.as_bytes().ok_or(MALFORMED)?;
        // A compressed point would be the same key under another name.
        if point.first() != Some(&UNCOMPRESSED) || ParsedPublicKey::new(curve.algorithm(Hash::OfCurve), point).is_err()
        {
            return Err(MALFORMED);
        }
        let document = Document::try_from(der).map_err(|_| MALFORMED)?;
        let pem = document.to_pem("PUBLIC KEY", LineEnding::LF).map_err(|_| MALFORMED)?;
        let sha256 = Hasher::hash(pem.as_bytes(), Algorithms::SHA256).sha256.ok_or(MALFORMED)?;
        Ok(Self { curve, point: point.to_vec(), id: Digest::Sha256(sha256).to_string() })
    }

    /// `sha256:` and the digest of the key in PEM: what bundles name it by.
    pub(crate) fn id(&self) -> String {
        self.id.clone()
    }

    /// Has the key signed this?
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8], hash: Hash) -> bool {
        UnparsedPublicKey::new(self.curve.algorithm(hash), &self.point).verify(message, signature).is_ok()
    }

    /// The point, if it is one of P-256.
    #[cfg(all(feature = "registry", feature = "sign"))]
    pub(crate) fn p256_point(&self) -> Option<&[u8]> {
        (self.curve == Curve::P256).then_some(self.point.as_slice())
    }

    /// Are they the same point of the same curve?
    #[cfg(feature = "sign")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.curve == other.curve && self.point == other.point
    }
}

impl Curve {
    fn algorithm(self, hash: Hash) -> &'static EcdsaVerificationAlgorithm {
        match (self, hash) {
            (Self::P256, _) => &ECDSA_P256_SHA256_ASN1,
            (Self::P384, Hash::OfCurve) => &ECDSA_P384_SHA384_ASN1,
            (Self::P384, Hash::Sha256) => &ECDSA_P384_SHA256_ASN1,
            (Self::P521, Hash::OfCurve) => &ECDSA_P521_SHA512_ASN1,
            (Self::P521, Hash::Sha256) => &ECDSA_P521_SHA256_ASN1,
        }
    }
}

/// The curve by its name in keys.
pub(crate) fn curve_of(oid: ObjectIdentifier) -> Option<Curve> {
    [(P256, Curve::P256), (P384, Curve::P384), (P521, Curve::P521)]
        .into_iter()
        .find_map(|(name, curve)| (name == oid).then_some(curve))
}

const MALFORMED: KeyError = KeyError::Malformed { wanted: "a public key in PEM (`BEGIN PUBLIC KEY`)" };
const UNCOMPRESSED: u8 = 0x04;
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
