//! What isolation costs, side by side in one run.
//!
//! *overhead*: the same decoder native and in the sandbox, over files of a few arrays, of much structure, and of deep
//! nesting. *open*: a whole verified opening beside the hash that it cannot do without.
#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "criterion's macros write public functions")]

use std::{fs, hint::black_box, path::Path};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flux_airlock::{Airlock, Digest, Evidence, Input};
use flux_airlock_decode::decode;
use flux_airlock_wire::Limits;
use sha2::{Digest as _, Sha256};

fn overhead(c: &mut Criterion) {
    let airlock = Airlock::new().expect("the engine starts");
    let pooled = Airlock::builder()
        .limits(flux_airlock::Limits::builder().memory_bytes(64 << 20).build().expect("limits"))
        .pooling(2)
        .build()
        .expect("the engine starts");
    let mut group = c.benchmark_group("overhead");
    for (name, file) in files() {
        group.throughput(Throughput::Bytes(u64::try_from(file.len()).expect("a length")));
        group.bench_with_input(BenchmarkId::new("native", name), &file, |b, file| {
            let len = u32::try_from(file.len()).expect("a length");
            b.iter(|| decode(&mut black_box(file.as_slice()), len, &Limits::DEFAULT));
        });
        for (label, airlock) in [("guest", &airlock), ("guest, pooled", &pooled)] {
            group.bench_with_input(BenchmarkId::new(label, name), &file, |b, file| {
                b.iter_batched(|| file.clone(), |file| airlock.raw_answer(file), criterion::BatchSize::LargeInput);
            });
        }
    }
    group.finish();
}

fn open(c: &mut Criterion) {
    let airlock = Airlock::new().expect("the engine starts");
    let mut group = c.benchmark_group("open");
    for (name, file) in files() {
        let evidence = Evidence::pin(Digest::Sha256(Sha256::digest(&file).into()));
        group.throughput(Throughput::Bytes(u64::try_from(file.len()).expect("a length")));
        group.bench_with_input(BenchmarkId::new("sha256", name), &file, |b, file| b.iter(|| Sha256::digest(file)));
        group.bench_with_input(BenchmarkId::new("verified", name), &file, |b, file| {
            b.iter_batched(
                || file.clone(),
                |file| airlock.open(Input::bytes(file), &evidence).expect("it opens"),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Small, weights, structure, depth.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/accept/flux-0.16.9");
    let read = |case: &str| fs::read(corpus.join(case)).expect("a file of the corpus");
    vec![
        ("small", read("dense.bson")),
        ("weights", weights(64 << 20)),
        ("structure", list(300_000)),
        ("deep", read("chain_deep.bson")),
    ]
}

/// A file with one variable: an element of this type and payload.
fn file(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len() + 8).expect("a length").to_le_bytes();
    [&len[..], &[kind, b'x', 0], payload, &[0]].concat()
}

/// A vector of so many bytes.
fn weights(bytes: usize) -> Vec<u8> {
    let len = u32::try_from(bytes).expect("a length").to_le_bytes();
    file(0x05, &[&len[..], &[0], &vec![7; bytes]].concat())
}

/// A list of so many integers.
fn list(items: u32) -> Vec<u8> {
    let mut elements = Vec::new();
    for i in 0..items {
        elements.push(0x12);
        elements.extend_from_slice(i.to_string().as_bytes());
        elements.push(0);
        elements.extend_from_slice(&u64::from(i).to_le_bytes());
    }
    let len = u32::try_from(elements.len() + 5).expect("a length").to_le_bytes();
    file(0x04, &[&len[..], &elements, &[0]].concat())
}

criterion_group!(benches, overhead, open);
criterion_main!(benches);
