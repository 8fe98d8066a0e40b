//! OpenSSF Model Signing: a statement about a model's files, in a DSSE envelope, in a Sigstore bundle.
//!
//! What the reference implementation (`model_signing` 1.1) makes with a key or a certificate holds here, if its digests are
//! SHA-256 over whole files; `docs/oms-conformance.md` says case by case where this is stricter. Nothing of the payload is
//! looked at before its signature holds.

mod chain;
mod encoding;
mod folder;
mod key;
mod statement;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[cfg(feature = "sign")]
pub(super) use chain::key_of;
pub(super) use chain::roots;
pub(super) use key::EcKey;
#[cfg(feature = "sign")]
pub(super) use key::{Curve, EC_PUBLIC_KEY, curve_of};
#[cfg(feature = "sign")]
pub use statement::Manifest;

use self::chain::Leaf;
use self::key::Hash;
use self::statement::Statement;
use super::json::Json;
use super::key::Kind;
use super::{Folder, Format, PublicKey, SignatureError, SignedBy, Verified};
use crate::{Clock, Digests};

/// Does the bundle vouch for the file with these digests?
pub(super) fn verify(
    content: &[u8],
    by: &SignedBy,
    folder: Option<&Folder>,
    digests: &Digests,
    clock: Clock,
) -> Result<Verified, SignatureError> {
    let bundle = Bundle::parse(content)?;
    let signer = bundle.signer(by, clock)?;
    let form = bundle.check(&signer)?;
    let statement = Statement::parse(&bundle.payload)?;
    // What an early version signed by mistake, it signed in no other statement.
    if form == Form::Of2024 && !statement.is_of_2024 {
        return Err(SignatureError::Invalid);
    }
    let name = folder::check(&statement, folder, digests)?;
    Ok(Verified {
        format: Format::Oms,
        key_id: signer.key.id(),
        signer: signer.subject,
        name,
        comment: None,
        time: None,
    })
}

/// A bundle whose signature nobody has checked.
struct Bundle {
    material: Material,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Who has signed, as the bundle says.
enum Material {
    /// Certificates, the signer's first.
    Chain(Vec<Vec<u8>>),
    /// A key, and the name that the signer has given it.
    Key(Option<String>),
}

/// Who must have signed.
struct Signer {
    key: EcKey,
    subject: Option<String>,
    is_certified: bool,
}

/// In which form the payload was signed.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    Dsse,
    Of2024,
}

impl Bundle {
    fn parse(content: &[u8]) -> Result<Self, SignatureError> {
        let bundle = Json::parse(content)?;
        let media_type = bundle.text("mediaType")?;
        if media_type != MEDIA_TYPE {
            return Err(SignatureError::Version { found: media_type.to_owned() });
        }
        let material = material(bundle.need("verificationMaterial")?)?;
        let (Some(envelope), None) = (bundle.get("dsseEnvelope"), bundle.get("messageSignature")) else {
            return Err(SignatureError::Content);
        };
        let payload_type = envelope.text("payloadType")?;
        if payload_type != PAYLOAD_TYPE {
            return Err(SignatureError::PayloadType { found: payload_type.to_owned() });
        }
        let [signature] = envelope.list("signatures")? else {
            return Err(SignatureError::SignatureCount { found: envelope.list("signatures")?.len() });
        };
        Ok(Self {
            material,
            payload: base64(envelope.text("payload")?, "payload")?,
            signature: base64(signature.text("sig")?, "sig")?,
        })
    }

    /// The key that the signature must be made with, if that is one the caller trusts.
    fn signer(&self, by: &SignedBy, clock: Clock) -> Result<Signer, SignatureError> {
        match (&self.material, by) {
            (Material::Key(hint), SignedBy::Key(PublicKey(Kind::Ec(key)))) => {
                let id = key.id();
                match hint {
                    // Bundles of before version 1.1 do not name the key.
                    None => {}
                    Some(hint) if id.strip_prefix("sha256:") == Some(hint) => {}
                    Some(hint) => {
                        return Err(SignatureError::OtherKey { expected: id, found: format!("sha256:{hint}") });
                    }
                }
                Ok(Signer { key: key.clone(), subject: None, is_certified: false })
            }
            (Material::Chain(certificates), SignedBy::Certificate(roots)) => {
                let Leaf { key, subject } = chain::verify(certificates, roots, clock)?;
                Ok(Signer { key, subject: Some(subject), is_certified: true })
            }
            (Material::Key(_), _) => {
                Err(SignatureError::SignerKind { made: "an elliptic curve key", given: by.what() })
            }
            (Material::Chain(_), _) => Err(SignatureError::SignerKind { made: "a certificate", given: by.what() }),
        }
    }

    fn check(&self, signer: &Signer) -> Result<Form, SignatureError> {
        let Self { payload, signature, .. } = self;
        let Signer { key, is_certified, .. } = signer;
        if key.has_signed(&encoding::pae(PAYLOAD_TYPE, payload), signature, Hash::OfCurve) {
            return Ok(Form::Dsse);
        }
        // Version 0.2 of the reference hashed with SHA-256, whatever the certificate's key.
        let hash = if *is_certified { Hash::Sha256 } else { Hash::OfCurve };
        if key.has_signed(&encoding::pae_of_2024(PAYLOAD_TYPE, payload), signature, hash) {
            return Ok(Form::Of2024);
        }
        Err(SignatureError::Invalid)
    }
}

/// Who has signed. Of key and chain there is exactly one.
fn material(material: &Json) -> Result<Material, SignatureError> {
    let is_logged = match material.get("tlogEntries") {
        None => false,
        Some(Json::List(entries)) => !entries.is_empty(),
        Some(_) => return Err(SignatureError::Field { field: "tlogEntries" }),
    };
    let (key, chain) = (material.get("publicKey"), material.get("x509CertificateChain"));
    if material.get("certificate").is_some() || (is_logged && chain.is_some()) {
        return Err(SignatureError::Keyless);
    }
    match (key, chain) {
        (Some(key @ Json::Object(_)), None) => {
            let hint = match key.get("hint") {
                None => None,
                // The default of the format's own description, as good as nothing.
                Some(Json::Text(hint)) if hint.is_empty() => None,
                Some(Json::Text(hint)) => Some(hint.clone()),
                Some(_) => return Err(SignatureError::Field { field: "hint" }),
            };
            Ok(Material::Key(hint))
        }
        (None, Some(chain)) => {
            let certificates = chain.list("certificates")?;
            if certificates.is_empty() || certificates.len() > MOST_CERTIFICATES {
                return Err(SignatureError::Field { field: "certificates (1 to 16)" });
            }
            let certificates = certificates.iter().map(|certificate| base64(certificate.text("rawBytes")?, "rawBytes"));
            Ok(Material::Chain(certificates.collect::<Result<_, _>>()?))
        }
        _ => Err(SignatureError::Field { field: "publicKey or x509CertificateChain" }),
    }
}

fn base64(text: &str, field: &'static str) -> Result<Vec<u8>, SignatureError> {
    STANDARD.decode(text).map_err(|_| SignatureError::Base64 { field })
}

/// A signed bundle of these parts, as one line of JSON.
#[cfg(feature = "sign")]
pub(super) fn bundle(
    payload: &[u8],
    material: &serde_json::Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, super::KeyError>,
) -> Result<Vec<u8>, super::KeyError> {
    let signature = sign(&encoding::pae(PAYLOAD_TYPE, payload))?;
    let mut bundle = serde_json::json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{ "sig": STANDARD.encode(signature), "keyid": "" }],
        },
    })
    .to_string()
    .into_bytes();
    bundle.push(b'\n');
    Ok(bundle)
}

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The signer's, those between, and perhaps the root.
const MOST_CERTIFICATES: usize = 16;
