//! minisign signatures, prehashed and of the older form. The verifier is `minisign-verify`'s.
//!
//! The form is stricter than that: four lines and nothing else, each of the length that minisign itself allows.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::Kind;
use super::{Format, KeyError, PublicKey, SignatureError, SignedBy, Verified};

/// A public key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    verifier: minisign_verify::PublicKey,
    id: String,
    line: String,
}

impl Key {
    /// Reads the line with the key, or that line below a comment.
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed { wanted: "a public key in PEM, or one of minisign," };
        let text = text.trim_ascii_end();
        let line = match text.strip_prefix("untrusted comment:") {
            Some(rest) => rest.split_once('\n').map(|(_, line)| line).ok_or_else(malformed)?,
            None => text,
        };
        if is_secret(line) {
            return Err(KeyError::Private);
        }
        let key = minisign_verify::PublicKey::from_base64(line).map_err(|_| malformed())?;
        let bytes = STANDARD.decode(line).map_err(|_| malformed())?;
        Ok(Self { verifier: key, id: id(&bytes).ok_or_else(malformed)?, line: STANDARD.encode(&bytes) })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The key itself, as minisign writes it. Its number is not made from it, and proves nothing.
    pub(super) fn line(&self) -> &str {
        &self.line
    }
}

/// Is it the line of a secret key? Public ones are shorter.
fn is_secret(line: &str) -> bool {
    STANDARD.decode(line).is_ok_and(|bytes| bytes.len() == SECRET_KEY_BYTES && bytes.starts_with(b"Ed"))
}

/// The number of the key, as minisign writes it: behind two bytes for the algorithm, the last byte first.
fn id(bytes: &[u8]) -> Option<String> {
    let (_, rest) = bytes.split_first_chunk::<2>()?;
    let (number, _) = rest.split_first_chunk::<8>()?;
    Some(format!("{:016X}", u64::from_le_bytes(*number)))
}

/// Does the signature vouch for these bytes?
pub(super) fn verify(content: &[u8], by: &SignedBy, bytes: &[u8]) -> Result<Verified, SignatureError> {
    let text = core::str::from_utf8(content).map_err(|_| SignatureError::Field { field: "text" })?;
    let signature = parse(text)?;
    let SignedBy::Key(PublicKey(Kind::Minisign(key))) = by else {
        return Err(SignatureError::SignerKind { made: "a minisign key", given: by.what() });
    };
    key.verifier.verify(bytes, &signature.signature, true).map_err(|error| match error {
        minisign_verify::Error::UnexpectedKeyId => {
            SignatureError::OtherKey { expected: key.id.clone(), found: signature.key_id.clone() }
        }
        _ => SignatureError::Invalid,
    })?;
    let comment = signature.signature.trusted_comment().to_owned();
    let time = time(&comment);
    Ok(Verified {
        format: Format::Minisign,
        key_id: key.id.clone(),
        signer: None,
        name: None,
        comment: Some(comment),
        time,
    })
}

/// The time in a comment of minisign's own making: `timestamp:1735689600`, then a tab.
fn time(comment: &str) -> Option<SystemTime> {
    let seconds = comment.split('\t').find_map(|part| part.strip_prefix("timestamp:"))?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))
}

struct Parsed {
    signature: minisign_verify::Signature,
    key_id: String,
}

/// Reads the four lines.
fn parse(text: &str) -> Result<Parsed, SignatureError> {
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    let lines = lines.into_iter().map(|line| line.strip_suffix('\r').unwrap_or(line));
    let lines: Vec<&str> = lines.collect();
    let [untrusted, signature, trusted, global] = lines.as_slice() else {
        return Err(SignatureError::Field { field: "four lines" });
    };
    if !untrusted.starts_with("untrusted comment: ") {
        return Err(SignatureError::Field { field: "untrusted comment" });
    }
    if untrusted.len() > MOST_UNTRUSTED_COMMENT {
        return Err(SignatureError::Field { field: "untrusted comment of at most 1024 bytes" });
    }
    if !trusted.starts_with("trusted comment: ") || trusted.len() > MOST_TRUSTED_COMMENT {
        return Err(SignatureError::Field { field: "trusted comment of at most 8192 bytes" });
    }
    // A carriage return within a line ends it for some readers.
    if text.replace("\r\n", "\n").contains('\r') {
        return Err(SignatureError::Field { field: "four lines" });
    }
    let strict = |line: &str, field| STANDARD.decode(line).map_err(|_| SignatureError::Base64 { field });
    let bytes = strict(signature, "second line")?;
    strict(global, "fourth line")?;
    let key_id = id(&bytes).ok_or(SignatureError::Field { field: "signature" })?;
    let text = [*untrusted, signature, trusted, global].join("\n");
    let signature = minisign_verify::Signature::decode(&text).map_err(|error| match error {
        minisign_verify::Error::UnsupportedAlgorithm => SignatureError::Field { field: "algorithm of minisign" },
        _ => SignatureError::Field { field: "signature" },
    })?;
    Ok(Parsed { signature, key_id })
}

/// What minisign itself reads.
const MOST_UNTRUSTED_COMMENT: usize = 1024;
const MOST_TRUSTED_COMMENT: usize = 8192;
/// Algorithms, parameters of the key derivation, number, key and checksum.
pub(super) const SECRET_KEY_BYTES: usize = 158;
