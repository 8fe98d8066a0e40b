//! What a signature costs beyond the hash of its file: `cargo bench -p flux-airlock-trust --features sign`.
#![allow(missing_docs, reason = "criterion's macros write public functions")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use flux_airlock_trust::{
    Algorithms, Clock, Hasher, Manifest, MinisignForm, PrivateKey, Signature, SignedBy, sign_minisign, sign_oms,
};

/// Small, so that its own BLAKE2b digest does not count.
const FILE: &[u8] = b"the bytes of a model";
const MINISIGN: &str = include_str!("../../../fuzz/keys/fuzz.minisign");

fn verify(c: &mut Criterion) {
    let digests = Hasher::hash(FILE, Algorithms::SHA256);
    let manifest = Manifest::of_file("model.bson", digests.sha256.expect("a digest"));
    let parse = |text: &str| PrivateKey::parse(text.as_bytes(), || unreachable!("it is not encrypted")).expect("a key");
    let ec = |algorithm| parse(&rcgen::KeyPair::generate_for(algorithm).expect("a key").serialize_pem());
    let mut signed = vec![];
    for (name, algorithm) in [("p256", &rcgen::PKCS_ECDSA_P256_SHA256), ("p384", &rcgen::PKCS_ECDSA_P384_SHA384)] {
        let key = ec(algorithm);
        signed.push((name, sign_oms(&key, None, &manifest).expect("a signature"), key));
    }
    for (name, form) in [("minisign", MinisignForm::Prehashed), ("minisign, legacy", MinisignForm::Legacy)] {
        let key = parse(MINISIGN);
        signed.push((name, sign_minisign(&key, form, FILE, "").expect("a signature"), key));
    }
    let mut group = c.benchmark_group("verify");
    for (name, signature, key) in signed {
        let (signature, by) = (Signature::new(signature), SignedBy::from(key.public_key()));
        group.bench_function(name, |b| {
            b.iter(|| signature.verify(&by, black_box(FILE), &digests, Clock::system()).expect("it holds"));
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
