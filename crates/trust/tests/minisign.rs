//! What minisign itself would not read is refused.

use flux_airlock_trust::{Clock, Digests, MinisignForm, PrivateKey, Signature, SignedBy, sign_minisign};

/// Made for the fuzzer, and for nothing else.
const KEY: &[u8] = include_bytes!("../../../fuzz/keys/fuzz.minisign");

#[test]
fn a_comment_without_its_beginning_is_refused() {
    let key = PrivateKey::parse(KEY, || unreachable!("it is not encrypted")).unwrap();
    let signature = sign_minisign(&key, MinisignForm::Prehashed, &b"model"[..], "of the team").unwrap();
    let text = String::from_utf8(signature).unwrap();
    let verify = |text: &str| {
        let by = SignedBy::from(key.public_key());
        Signature::new(text).verify(&by, b"model", &Digests::default(), Clock::system()).map(|held| held.comment)
    };
    assert_eq!(verify(&text).unwrap().as_deref(), Some("of the team"));
    // Nothing but the first line is changed, which nobody has signed.
    for comment in ["untrusted comment:", "untrusted comment:x", "untrusted comment:\tx"] {
        let (_, rest) = text.split_once('\n').unwrap();
        assert_eq!(verify(&format!("{comment}\n{rest}")).unwrap_err().code(), "signature-field", "{comment}");
    }
}
