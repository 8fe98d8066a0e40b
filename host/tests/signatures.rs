//! Signatures as evidence: what holds is in the report, and what does not is refused before the guest is started.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flux_airlock::{
    Airlock, Clock, Digest, Error, Evidence, Input, NotVerifiedError, Pin, PublicKey, Roots, Signature, SignatureError,
    SignedBy, report::EvidenceEntry,
};
use flux_airlock_trust::{Manifest, MinisignForm, PrivateKey, sign_minisign, sign_oms};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use sha2::{Digest as _, Sha256};

/// `Dict(:a => 1)`, as BSON.jl writes it.
const FILE: &[u8] = b"\x10\0\0\0\x12a\0\x01\0\0\0\0\0\0\0\0";

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn key() -> PrivateKey {
    let pem = KeyPair::generate().unwrap().serialize_pem();
    PrivateKey::parse(pem.as_bytes(), || panic!("it is not encrypted")).unwrap()
}

fn minisign_key() -> PrivateKey {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let text = pair.sk.to_box(None).unwrap().into_string();
    PrivateKey::parse(text.as_bytes(), || panic!("it is not encrypted")).unwrap()
}

fn oms(key: &PrivateKey, bytes: &[u8]) -> Signature {
    Signature::new(sign_oms(key, None, &Manifest::of_file("model.bson", sha256(bytes))).unwrap())
}

/// Refused with this code, in every way of opening, and the guest was never started.
#[track_caller]
fn refused(airlock: &Airlock, evidence: &Evidence, code: &str) {
    let before = airlock.instances_started();
    let error = airlock.open(Input::bytes(FILE), evidence).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(matches!(error, Error::NotVerified(_)) && error.is_refusal());
    let report = airlock.inspect_verified(Input::bytes(FILE), evidence).unwrap();
    assert_eq!(report.refusal.as_ref().map(|refusal| refusal.code.as_str()), Some(code));
    assert!(report.evidence.is_empty() && report.sandbox.is_none());
    assert_eq!(airlock.instances_started(), before);
}

#[test]
fn what_vouches_for_a_file_is_in_its_report() {
    let airlock = Airlock::new().unwrap();
    let (key, mini) = (key(), minisign_key());
    let comment = "timestamp:1735689600\tfile:model.bson";
    let evidence = Evidence::signature(oms(&key, FILE), key.public_key());
    let signed = [MinisignForm::Prehashed, MinisignForm::Legacy].map(|form| sign_minisign(&mini, form, FILE, comment));
    let evidence = signed.into_iter().fold(evidence, |evidence, signature| {
        evidence.and_signature(Signature::new(signature.unwrap()), mini.public_key())
    });
    let evidence = evidence.and_pin(Pin::new(Digest::Sha256(sha256(FILE))));
    let report = airlock.open(Input::bytes(FILE), &evidence).unwrap().report();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let digest = Digest::Sha256(sha256(FILE)).to_string();
    let by_mini = serde_json::json!({
        "kind": "signature", "format": "minisign", "digest": digest, "key_id": mini.public_key().id(),
        "key": mini.public_key().fingerprint(), "comment": comment, "time": 1_735_689_600,
    });
    let by_key = serde_json::json!({
        "kind": "signature", "format": "oms", "digest": digest, "key_id": key.public_key().id(),
        "key": key.public_key().fingerprint(),
    });
    let pin = serde_json::json!({ "kind": "pin", "digest": digest });
    // Digests come first, whatever the order in which they were given.
    assert_eq!(json["evidence"], serde_json::json!([pin, by_key, by_mini, by_mini]));
    assert!(report.evidence.iter().all(|entry| entry.digest() == digest));
}

#[test]
fn the_guest_is_never_started_for_what_a_signature_does_not_cover() {
    let airlock = Airlock::new().unwrap();
    let (key, mini) = (key(), minisign_key());
    let (public, public_mini) = (key.public_key(), mini.public_key());
    let minisigned = |bytes: &[u8], form| Signature::new(sign_minisign(&mini, form, bytes, "").unwrap());
    let other = self::key();
    let good = || oms(&key, FILE);
    let text = sign_oms(&key, None, &Manifest::of_file("model.bson", sha256(FILE))).unwrap();
    for (signature, by, code) in [
        (oms(&key, b"another"), SignedBy::from(public.clone()), "signature-mismatch"),
        (good(), other.public_key().into(), "signature-other-key"),
        (good(), public_mini.clone().into(), "signature-signer-kind"),
        (minisigned(FILE, MinisignForm::Prehashed), public.clone().into(), "signature-signer-kind"),
        (minisigned(b"another", MinisignForm::Prehashed), public_mini.clone().into(), "signature-invalid"),
        (minisigned(b"another", MinisignForm::Legacy), public_mini.clone().into(), "signature-invalid"),
        (minisigned(FILE, MinisignForm::Prehashed), minisign_key().public_key().into(), "signature-other-key"),
        (Signature::new(&text[..text.len() / 2]), public.clone().into(), "signature-json"),
        (Signature::new(*b""), public.clone().into(), "signature-format"),
        (Signature::new(vec![b'{'; 5 << 20]), public.clone().into(), "signature-too-large"),
    ] {
        refused(&airlock, &Evidence::signature(signature.clone(), by.clone()), code);
        // It does not help that the digest is right, or that another signature holds.
        let beside = Evidence::pin(Digest::Sha256(sha256(FILE))).and_signature(good(), public.clone());
        refused(&airlock, &beside.and_signature(signature, by), code);
    }
    // Digests are compared before signatures are looked at.
    let wrong = Evidence::signature(oms(&key, b"another"), public.clone()).and_pin(Digest::Sha256([0; 32]));
    refused(&airlock, &wrong, "digest-mismatch");
    assert_eq!(airlock.instances_started(), 0);
    assert!(airlock.open(Input::bytes(FILE), &Evidence::signature(good(), public)).is_ok());
    assert_eq!(airlock.instances_started(), 1);
}

#[test]
fn a_file_of_a_signed_folder_opens_while_the_folder_is_as_it_was() {
    let airlock = Airlock::new().unwrap();
    let key = key();
    let folder = std::env::temp_dir().join(format!("airlock-signed-folder-{}", std::process::id()));
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("model.bson"), FILE).unwrap();
    fs::write(folder.join("sub/readme"), "hello").unwrap();
    let manifest = Manifest::of_folder("models", &folder, &["model.sig".to_owned()], None).unwrap();
    assert_eq!(manifest.names().collect::<Vec<_>>(), ["model.bson", "sub/readme"]);
    fs::write(folder.join("model.sig"), sign_oms(&key, None, &manifest).unwrap()).unwrap();
    let evidence = |name: &str| {
        let signature = Signature::read(&folder.join("model.sig")).unwrap();
        Evidence::signature(signature.of_folder(&folder, name, &[]), key.public_key())
    };

    let model = airlock.open(Input::path(folder.join("model.bson")), &evidence("model.bson")).unwrap();
    let [EvidenceEntry::Signature { name, .. }] = model.evidence() else { panic!("{:?}", model.evidence()) };
    assert_eq!(name.as_deref(), Some("model.bson"));

    let bare = Evidence::signature(Signature::read(&folder.join("model.sig")).unwrap(), key.public_key());
    refused(&airlock, &bare, "signature-folder-unknown");
    refused(&airlock, &evidence("other.bson"), "signature-not-covered");
    refused(&airlock, &evidence("sub/readme"), "signature-mismatch");
    let changed = |change: &dyn Fn(&Path), code| {
        change(&folder.join("sub/readme"));
        refused(&airlock, &evidence("model.bson"), code);
        fs::write(folder.join("sub/readme"), "hello").unwrap();
    };
    changed(&|file| fs::write(file, "hullo").unwrap(), "signature-other-file");
    changed(&|file| fs::remove_file(file).unwrap(), "signature-missing-file");
    changed(&|_| fs::write(folder.join("sub/more"), "").unwrap(), "signature-extra-file");
    fs::remove_file(folder.join("sub/more")).unwrap();
    assert!(airlock.open(Input::bytes(FILE), &evidence("model.bson")).is_ok());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_certificate_counts_as_long_as_it_is_valid() {
    let start = SystemTime::now();
    let after = |days: u64| start + Duration::from_hours(days * 24);
    let root_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(params, root_key);
    let pair = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Model team");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = (start.into(), after(10).into());
    let leaf = params.signed_by(&pair, &issuer).unwrap();

    let key = PrivateKey::parse(pair.serialize_pem().as_bytes(), || panic!("it is not encrypted")).unwrap();
    let manifest = Manifest::of_file("model.bson", sha256(FILE));
    let signature = Signature::new(sign_oms(&key, Some(leaf.pem().as_bytes()), &manifest).unwrap());
    let roots = Roots::parse(root.pem().as_bytes()).unwrap();
    let evidence = Evidence::signature(signature.clone(), roots.clone());
    let at = |days| Airlock::builder().clock(Clock::fixed(after(days))).build().unwrap();

    let model = at(5).open(Input::bytes(FILE), &evidence).unwrap();
    let [EvidenceEntry::Signature { signer, .. }] = model.evidence() else { panic!("{:?}", model.evidence()) };
    assert_eq!(signer.as_deref(), Some("CN=Model team"));
    refused(&at(11), &evidence, "certificate-expired");
    let before = Airlock::builder().clock(Clock::fixed(start - Duration::from_hours(24))).build().unwrap();
    refused(&before, &evidence, "certificate-not-yet-valid");
    refused(&at(5), &Evidence::signature(signature, key.public_key()), "signature-signer-kind");
    refused(&at(5), &Evidence::signature(oms(&key, FILE), roots), "signature-signer-kind");
}

#[test]
fn an_error_of_a_signature_can_be_told_from_others() {
    let error = Airlock::new().unwrap().open(
        Input::bytes(FILE),
        &Evidence::signature(Signature::new(*b"{"), {
            PublicKey::parse(b"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap()
        }),
    );
    let Err(Error::NotVerified(NotVerifiedError::Signature(error))) = error else { panic!("{error:?}") };
    assert!(matches!(error, SignatureError::Json { .. }));
}
