//! Bytes → minisign signatures and keys: reading them ends, and what holds, holds for another implementation too.
//!
//! The first byte says what the rest is: a signature, a trusted comment that is signed here, or a key.
#![no_main]

use std::sync::LazyLock;

use flux_airlock_trust::{
    Clock, Digests, MinisignForm, PrivateKey, PublicKey, Signature, SignatureError, SignedBy, Verified, sign_minisign,
};
use libfuzzer_sys::fuzz_target;

/// Made for this target, and for nothing else.
const KEY: &str = include_str!("../keys/fuzz.minisign");
const FILE: &[u8] = b"model";

static PRIVATE: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::parse(KEY.as_bytes(), || unreachable!("it is not encrypted")).expect("a key"));
static OTHER: LazyLock<minisign::PublicKey> =
    LazyLock::new(|| minisign::PublicKey::from_base64(&PRIVATE.public_key().fingerprint()).expect("its public half"));

fn verify(text: &[u8]) -> Result<Verified, SignatureError> {
    let by = SignedBy::from(PRIVATE.public_key());
    let verdict = Signature::new(text).verify(&by, FILE, &Digests::default(), Clock::system());
    if let Err(error) = &verdict {
        assert!(!error.to_string().contains(char::is_control), "a sentence has a control character: {error:?}");
    }
    verdict
}

fuzz_target!(|input: &[u8]| {
    let Some((mode, input)) = input.split_first() else { return };
    match mode % 3 {
        0 => {
            if verify(input).is_ok() {
                let text = str::from_utf8(input).expect("it was text");
                let signature = minisign::SignatureBox::from_string(text).expect("it was a signature");
                minisign::verify(&OTHER, &signature, std::io::Cursor::new(FILE), true, false, true).expect("it holds");
            }
        }
        1 => {
            let Ok(comment) = str::from_utf8(input) else { return };
            for form in [MinisignForm::Legacy, MinisignForm::Prehashed] {
                if let Ok(signature) = sign_minisign(&PRIVATE, form, FILE, comment) {
                    let verified = verify(&signature).expect("what is signed here holds");
                    assert_eq!(verified.comment.as_deref(), Some(comment));
                }
            }
        }
        _ => {
            let _ = PublicKey::parse(input);
            let _ = PrivateKey::parse(input, || Err(flux_airlock_trust::KeyError::Encrypted));
        }
    }
});
