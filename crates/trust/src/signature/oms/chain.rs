//! Certificates: from the signer's to a root that the caller trusts. The path is `webpki`'s.
//!
//! It must be valid now. The reference asks whether it was valid when the signer's certificate began to be, since a bundle
//! does not prove when it was made; then it is never too late for a stolen key. Revocation is by taking the root, or by a
//! registry.

use std::time::SystemTime;

use pkcs8::der::asn1::ObjectIdentifier;
use pkcs8::der::{Decode as _, Encode as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::ext::pkix;

use super::super::{KeyError, Roots, SignatureError};
use super::EcKey;
use crate::{Algorithms, Clock, Digest, Hasher};

/// The signer, as an authority has certified it.
pub(super) struct Leaf {
    pub(super) key: EcKey,
    pub(super) subject: String,
}

/// The roots in this PEM.
pub(crate) fn roots(pem: &[u8]) -> Result<(Vec<TrustAnchor<'static>>, Vec<String>), KeyError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| KeyError::Certificates)?;
    let anchors = certificates.iter().map(|certificate| anchor_from_trusted_cert(certificate).map(|a| a.to_owned()));
    let anchors: Vec<_> = anchors.collect::<Result<_, _>>().map_err(|_| KeyError::Certificates)?;
    let id = |certificate: &CertificateDer<'_>| {
        Hasher::hash(certificate, Algorithms::SHA256).sha256.map(|sha256| Digest::Sha256(sha256).to_string())
    };
    let ids = certificates.iter().filter_map(id).collect();
    if anchors.is_empty() { Err(KeyError::Certificates) } else { Ok((anchors, ids)) }
}

/// Do these certificates, the signer's first, lead to one of the roots now?
pub(super) fn verify(certificates: &[Vec<u8>], roots: &Roots, clock: Clock) -> Result<Leaf, SignatureError> {
    let certificates: Vec<CertificateDer<'_>> =
        certificates.iter().map(|certificate| CertificateDer::from(certificate.as_slice())).collect();
    let (leaf, between) = certificates.split_first().ok_or(SignatureError::Field { field: "certificates" })?;
    let end = EndEntityCert::try_from(leaf).map_err(flaw)?;
    let since = clock.now().duration_since(SystemTime::UNIX_EPOCH);
    let now = UnixTime::since_unix_epoch(since.map_err(|_| SignatureError::CertificateNotYetValid)?);
    let usage = KeyUsage::required_if_present(CODE_SIGNING);
    end.verify_for_usage(ALL_VERIFICATION_ALGS, &roots.anchors, between, now, usage, None, None).map_err(flaw)?;
    describe(leaf)
}

/// What the signer's certificate says. It must be for signatures, in the one way or the other.
fn describe(leaf: &[u8]) -> Result<Leaf, SignatureError> {
    let malformed = |_| SignatureError::CertificateMalformed;
    let certificate = Certificate::from_der(leaf).map_err(malformed)?;
    let certified = certificate.tbs_certificate();
    let usage = certified.get_extension::<pkix::KeyUsage>().map_err(malformed)?;
    let purposes = certified.get_extension::<pkix::ExtendedKeyUsage>().map_err(malformed)?;
    let signs = usage.is_some_and(|(_, usage)| usage.digital_signature());
    if !signs && !purposes.is_some_and(|(_, purposes)| purposes.0.contains(&CODE_SIGNING_OID)) {
        return Err(SignatureError::CertificateUsage);
    }
    let spki = certified.subject_public_key_info().to_der().map_err(malformed)?;
    let key = EcKey::from_spki(&spki).map_err(|_| SignatureError::CertificateMalformed)?;
    Ok(Leaf { key, subject: certified.subject().to_string() })
}

/// The key that a certificate is about, believed or not.
#[cfg(feature = "sign")]
pub(crate) fn key_of(certificate: &[u8]) -> Result<EcKey, KeyError> {
    let certificate = Certificate::from_der(certificate).map_err(|_| KeyError::Certificates)?;
    let spki = certificate.tbs_certificate().subject_public_key_info().to_der();
    EcKey::from_spki(&spki.map_err(|_| KeyError::Certificates)?)
}

fn flaw(error: Error) -> SignatureError {
    match error {
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => SignatureError::CertificateMalformed,
        Error::CaUsedAsEndEntity | Error::EndEntityUsedAsCa => SignatureError::CertificateAuthority,
        Error::CertExpired { .. } => SignatureError::CertificateExpired,
        Error::CertNotValidYet { .. } => SignatureError::CertificateNotYetValid,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => SignatureError::CertificateUsage,
        Error::UnknownIssuer => SignatureError::CertificateUnknownIssuer,
        error => SignatureError::CertificateChain { rule: error.to_string() },
    }
}

/// `id-kp-codeSigning`, without tag and length.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
const CODE_SIGNING_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
