//! Bytes → signatures of OpenSSF Model Signing: reading them ends, and nothing holds that was not signed.
//!
//! The first byte says what the rest is: a bundle, a statement that is signed here before it is read, a certificate in a
//! bundle that is otherwise good, or a public key.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flux_airlock_trust::{
    Algorithms, Clock, Digests, Hasher, PrivateKey, PublicKey, Roots, Signature, SignatureError, SignedBy, Verified,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Made for this target, and for nothing else.
const KEY: &str = include_str!("../keys/fuzz.pem");
const ROOT: &str = include_str!("../keys/root.pem");
const FILE: &[u8] = b"model";
const TYPE: &str = "application/vnd.in-toto+json";

struct Lab {
    pair: EcdsaKeyPair,
    key: PublicKey,
    roots: SignedBy,
    digests: Digests,
}

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let private = PrivateKey::parse(KEY.as_bytes(), || unreachable!("it is not encrypted")).expect("a key");
    let der: String = KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(der).expect("Base64");
    Lab {
        pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).expect("a key"),
        key: private.public_key(),
        roots: Roots::parse(ROOT.as_bytes()).expect("a root").into(),
        digests: Hasher::hash(FILE, Algorithms::SHA256),
    }
});

fn verify(bundle: impl Into<Vec<u8>>, by: &SignedBy) -> Result<Verified, SignatureError> {
    let verify = |signature: &Signature| signature.verify(by, FILE, &LAB.digests, Clock::system());
    let signature = Signature::new(bundle);
    let verdict = verify(&signature);
    assert_eq!(verdict, verify(&signature), "the same signature has two verdicts");
    if let Err(error) = &verdict {
        assert!(!error.to_string().contains(char::is_control), "a sentence has a control character: {error:?}");
    }
    verdict
}

fn bundle(payload: &[u8], material: &Value) -> Vec<u8> {
    let signed = [format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), payload.len()).as_bytes(), payload].concat();
    let signature = LAB.pair.sign(&SystemRandom::new(), &signed).expect("a signature");
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": TYPE,
            "signatures": [{ "sig": STANDARD.encode(signature.as_ref()) }],
        },
    })
    .to_string()
    .into_bytes()
}

/// Does this statement name the one file, with its digest, as a reader without any care finds it?
fn states(payload: &[u8]) -> bool {
    let digest: String = LAB.digests.sha256.unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
    let Ok(statement) = serde_json::from_slice::<Value>(payload) else { return false };
    let is = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(&digest));
    let named = |files: &Value, digest: fn(&Value) -> &Value| {
        files.as_array().is_some_and(|files| files.iter().any(|file| file["name"] == "." && is(digest(file))))
    };
    named(&statement["predicate"]["resources"], |file| &file["digest"])
        || named(&statement["subject"], |file| &file["digest"]["sha256"])
}

fuzz_target!(|input: &[u8]| {
    let Some((mode, input)) = input.split_first() else { return };
    let by = SignedBy::from(LAB.key.clone());
    match mode % 4 {
        0 => {
            if verify(input, &by).is_ok() {
                let bundle: Value = serde_json::from_slice(input).expect("it was JSON");
                let payload = bundle["dsseEnvelope"]["payload"].as_str().and_then(|text| STANDARD.decode(text).ok());
                assert!(payload.is_some_and(|payload| states(&payload)), "a signature holds for another file");
            }
        }
        1 => {
            if verify(bundle(input, &json!({ "publicKey": {} })), &by).is_ok() {
                assert!(states(input), "a statement about another file holds");
            }
        }
        2 => {
            let material =
                json!({ "x509CertificateChain": { "certificates": [{ "rawBytes": STANDARD.encode(input) }] } });
            let verdict = verify(bundle(b"{}", &material), &LAB.roots);
            assert!(verdict.is_err(), "an empty statement holds");
        }
        _ => {
            if let Ok(key) = PublicKey::parse(input) {
                assert!(!key.id().is_empty());
            }
            let _ = Roots::parse(input);
        }
    }
});
