//! Private keys, and signatures made with them.
//!
//! A private key that others can read is not used. What is decrypted is wiped when it is no longer needed, as far as the
//! libraries that hold it do so.

use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::der::{Decode as _, SecretDocument};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::key::{Kind, MOST_KEY_BYTES, MOST_ROOTS_BYTES};
use super::oms::{self, Curve, EcKey, Manifest};
use super::{KeyError, PublicKey, minisign as public};
use crate::files;

/// What an encrypted key is opened with. It is wiped when it is dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// This passphrase, all of it.
    #[must_use]
    pub fn new(passphrase: String) -> Self {
        Self(Zeroizing::new(passphrase))
    }

    /// Reads the first line of a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// [`KeyError::Exposed`] if others can read it, [`KeyError::Io`] if nobody can.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = read_private(path)?;
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = core::str::from_utf8(line).map_err(|_| KeyError::Passphrase)?;
        Ok(Self::new(line.to_owned()))
    }
}

/// Without the passphrase.
impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// A key to sign with: an elliptic curve key (PKCS#8 in PEM, encrypted or not) or a secret key of minisign.
pub struct PrivateKey(Private);

enum Private {
    Ec { pair: Box<EcdsaKeyPair>, public: EcKey },
    Minisign { secret: Box<minisign::SecretKey>, public: public::Key },
}

impl PrivateKey {
    /// Reads a key from a file that only its owner can read. The passphrase is asked for if the key is encrypted.
    ///
    /// # Errors
    ///
    /// [`KeyError`], which says what to do.
    pub fn read(path: &Path, passphrase: impl FnOnce() -> Result<Passphrase, KeyError>) -> Result<Self, KeyError> {
        let file = files::open(path)?;
        let text = take(&file)?;
        // Everybody may read the public half, and whoever gives it by mistake has nothing to hide.
        check_mode(&file)
            .map_err(|exposed| if PublicKey::parse(&text).is_ok() { KeyError::Public } else { exposed })?;
        Self::parse(&text, passphrase)
    }

    /// Reads a key's text.
    ///
    /// # Errors
    ///
    /// As for [`PrivateKey::read`].
    pub fn parse(text: &[u8], passphrase: impl FnOnce() -> Result<Passphrase, KeyError>) -> Result<Self, KeyError> {
        let text = core::str::from_utf8(text).map_err(|_| MALFORMED)?;
        if text.contains("-----BEGIN") {
            return ec(text, passphrase).map(Self);
        }
        if !text.starts_with("untrusted comment:") {
            return Err(MALFORMED);
        }
        if public::Key::parse(text).is_ok() {
            return Err(KeyError::Public);
        }
        minisign_key(text, passphrase).map(Self)
    }

    /// Signs a message with a key of P-256: the metadata of a registry.
    #[cfg(feature = "registry")]
    pub(crate) fn sign_p256(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.0 {
            Private::Ec { pair, public } if public.p256_point().is_some() => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| no_random())?;
                Ok(signature.as_ref().to_vec())
            }
            _ => Err(KeyError::Curve),
        }
    }

    /// The public key that signatures by this one are verified with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::Ec { public, .. } => Kind::Ec(public.clone()),
            Private::Minisign { public, .. } => Kind::Minisign(public.clone()),
        })
    }
}

/// Without anything secret.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateKey").field(&self.public_key().id()).finish()
    }
}

/// The content of a file that only its owner can read.
fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let file = files::open(path)?;
    check_mode(&file)?;
    take(&file)
}

fn take(file: &File) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    Ok(Zeroizing::new(files::take(file, MOST_KEY_BYTES)?.ok_or(KeyError::TooLarge { most: MOST_KEY_BYTES })?))
}

#[cfg(unix)]
fn check_mode(file: &File) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    // The six lowest bits are what others may do.
    if mode.trailing_zeros() >= 6 { Ok(()) } else { Err(KeyError::Exposed { mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &File) -> Result<(), KeyError> {
    Ok(())
}

fn ec(text: &str, passphrase: impl FnOnce() -> Result<Passphrase, KeyError>) -> Result<Private, KeyError> {
    let (label, document) = SecretDocument::from_pem(text.trim_ascii()).map_err(|_| MALFORMED)?;
    let decrypted = match label {
        "PRIVATE KEY" => document,
        "ENCRYPTED PRIVATE KEY" => {
            let encrypted = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| MALFORMED)?;
            let Passphrase(passphrase) = passphrase()?;
            encrypted.decrypt(passphrase.as_bytes()).map_err(|_| KeyError::Passphrase)?
        }
        "EC PRIVATE KEY" => return Err(KeyError::Sec1),
        "PUBLIC KEY" => return Err(KeyError::Public),
        _ => return Err(MALFORMED),
    };
    let der = decrypted.as_bytes();
    // A wrong passphrase can leave padding that looks right, and then no key.
    let wrong = || if label == "PRIVATE KEY" { MALFORMED } else { KeyError::Passphrase };
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| wrong())?;
    if info.algorithm.oid != oms::EC_PUBLIC_KEY {
        return Err(KeyError::Curve);
    }
    let curve = info.algorithm.parameters_oid().ok().and_then(oms::curve_of).ok_or(KeyError::Curve)?;
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
    };
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, der).map_err(|_| MALFORMED)?;
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| MALFORMED)?;
    let public = EcKey::from_spki(spki.as_ref())?;
    Ok(Private::Ec { pair: Box::new(pair), public })
}

fn minisign_key(text: &str, passphrase: impl FnOnce() -> Result<Passphrase, KeyError>) -> Result<Private, KeyError> {
    let line = text.lines().nth(1).ok_or(MALFORMED)?;
    let bytes = Zeroizing::new(STANDARD.decode(line).map_err(|_| MALFORMED)?);
    let secret = match bytes.get(2..4) {
        // minisign leaves the checksum of such a key at nought, which the library does not take for one.
        Some([0, 0]) => minisign::SecretKey::from_bytes(&bytes).map_err(|_| MALFORMED)?,
        Some(b"Sc") if bytes.len() == public::SECRET_KEY_BYTES => {
            let Passphrase(passphrase) = passphrase()?;
            let boxed = minisign::SecretKeyBox::from_string(text).map_err(|_| MALFORMED)?;
            boxed.into_secret_key(Some(passphrase.to_string())).map_err(|_| KeyError::Passphrase)?
        }
        _ => return Err(MALFORMED),
    };
    // Both halves belong together.
    ed25519(&secret)?;
    let public = minisign::PublicKey::from_secret_key(&secret).map_err(|_| MALFORMED)?.to_base64();
    Ok(Private::Minisign { secret: Box::new(secret), public: public::Key::parse(&public)? })
}

/// The key pair in a decrypted secret key: behind algorithms, parameters and number, the seed and the point.
fn ed25519(secret: &minisign::SecretKey) -> Result<Ed25519KeyPair, KeyError> {
    let bytes = Zeroizing::new(secret.to_bytes());
    let (seed, point) = bytes.get(62..126).and_then(|key| key.split_at_checked(32)).ok_or(MALFORMED)?;
    Ed25519KeyPair::from_seed_and_public_key(seed, point).map_err(|_| MALFORMED)
}

/// Reads certificates for [`sign_oms`] from a regular file.
///
/// # Errors
///
/// [`KeyError::Io`] if it cannot be read, [`KeyError::TooLarge`] if it is longer than certificates are.
pub fn read_certificates(path: &Path) -> Result<Vec<u8>, KeyError> {
    files::read(path, MOST_ROOTS_BYTES)?.ok_or(KeyError::TooLarge { most: MOST_ROOTS_BYTES })
}

/// Signs a model's files as a Sigstore bundle, with a bare key, or with the key and the certificates (PEM, the signer's
/// first) that say whose it is.
///
/// # Errors
///
/// [`KeyError::SignatureFormat`] for a key of minisign, [`KeyError::Certificates`] and [`KeyError::CertificateOfOtherKey`] if the
/// certificates are not what they must be.
pub fn sign_oms(key: &PrivateKey, certificates: Option<&[u8]>, manifest: &Manifest) -> Result<Vec<u8>, KeyError> {
    let Private::Ec { pair, public } = &key.0 else {
        return Err(KeyError::SignatureFormat { made: "minisign", wanted: "OpenSSF Model Signing" });
    };
    let material = match certificates {
        None => {
            let id = public.id();
            let hint = id.strip_prefix("sha256:").unwrap_or_default();
            serde_json::json!({ "publicKey": { "hint": hint }, "tlogEntries": [] })
        }
        Some(pem) => {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let certificates = certificates.map_err(|_| KeyError::Certificates)?;
            if !oms::key_of(certificates.first().ok_or(KeyError::Certificates)?)?.is(public) {
                return Err(KeyError::CertificateOfOtherKey);
            }
            let certificates: Vec<_> = certificates
                .iter()
                .map(|certificate| serde_json::json!({ "rawBytes": STANDARD.encode(certificate) }))
                .collect();
            serde_json::json!({ "x509CertificateChain": { "certificates": certificates }, "tlogEntries": [] })
        }
    };
    oms::bundle(&manifest.payload(), &material, |message| {
        let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| no_random())?;
        Ok(signature.as_ref().to_vec())
    })
}

/// Which of minisign's two forms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MinisignForm {
    /// Over the content itself, as before minisign 0.6.
    Legacy,
    /// Over the content's BLAKE2b digest, as minisign does since 0.11.
    Prehashed,
}

/// Signs one file's content with a key of minisign. The trusted comment is signed too.
///
/// # Errors
///
/// [`KeyError::SignatureFormat`] for an elliptic curve key, [`KeyError::Malformed`] for a comment of several lines or more
/// than 8,000 bytes, [`KeyError::Io`] if the content cannot be read.
pub fn sign_minisign(
    key: &PrivateKey,
    form: MinisignForm,
    mut content: impl Read,
    trusted_comment: &str,
) -> Result<Vec<u8>, KeyError> {
    let Private::Minisign { secret, public } = &key.0 else {
        return Err(KeyError::SignatureFormat { made: "OpenSSF Model Signing", wanted: "minisign" });
    };
    if trusted_comment.len() > MOST_COMMENT_BYTES || trusted_comment.contains(['\n', '\r', '\0']) {
        return Err(KeyError::Malformed { wanted: "a trusted comment of one line and at most 8,000 bytes" });
    }
    let untrusted = format!("signature from minisign secret key {}", public.id());
    match form {
        MinisignForm::Prehashed => {
            let signed = minisign::sign(None, secret, content, Some(trusted_comment), Some(&untrusted));
            Ok(signed.map_err(io::Error::other)?.to_string().into_bytes())
        }
        MinisignForm::Legacy => {
            let (pair, number) = (ed25519(secret)?, secret.keynum());
            let mut whole = Vec::new();
            content.read_to_end(&mut whole)?;
            let signature = pair.sign(&whole);
            let global = pair.sign(&[signature.as_ref(), trusted_comment.as_bytes()].concat());
            let signature = STANDARD.encode([&b"Ed"[..], number, signature.as_ref()].concat());
            let global = STANDARD.encode(global);
            let text =
                format!("untrusted comment: {untrusted}\n{signature}\ntrusted comment: {trusted_comment}\n{global}\n");
            Ok(text.into_bytes())
        }
    }
}

fn no_random() -> KeyError {
    io::Error::other("the system has no random numbers").into()
}

const MALFORMED: KeyError = KeyError::Malformed { wanted: "a private key, PKCS#8 in PEM or of minisign," };
/// minisign reads 8,192, with the words before it.
const MOST_COMMENT_BYTES: usize = 8000;
