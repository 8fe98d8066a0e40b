//! The work whose instructions `cargo xtask counts` counts: `counted CASE TIMES`.
//!
//! Everything but the work itself is the same however often it is done, so that the difference of two runs is the work
//! alone. Without a case, it prints their names; with `features`, what the processor is seen to be able to do.
#![forbid(unsafe_code)]

use std::{env, fs, hint::black_box, path::Path, process::ExitCode};

use flux_airlock::{Airlock, Digest, Evidence, Input};
use flux_airlock_decode::decode;
use flux_airlock_wire::Limits;
use sha2::{Digest as _, Sha256};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [] => CASES.iter().for_each(|(name, _)| println!("{name}")),
        ["features"] => println!("{}", features()),
        [case, times] => {
            let Some((_, work)) = CASES.iter().find(|(name, _)| name == case) else { return ExitCode::from(2) };
            work(times.parse().expect("a number"));
        }
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Does its work so often.
type Work = fn(u32);

/// `list` has many elements, `deep` many types, and `small` is a model of one layer; `after` is one of several layers, where a file
/// that took megabytes was decoded before.
const CASES: [(&str, Work); 10] = [
    ("native/small", |times| native(&small(), times)),
    ("native/deep", |times| native(&deep(), times)),
    ("native/list", |times| native(&list(20_000), times)),
    ("guest/after", after),
    ("guest/small", |times| guest(&small(), times)),
    ("guest/deep", |times| guest(&deep(), times)),
    ("guest/list", |times| guest(&list(20_000), times)),
    ("verified/small", |times| verified(&small(), times)),
    ("verified/list", |times| verified(&list(20_000), times)),
    ("report/deep", report),
];

fn native(file: &[u8], times: u32) {
    let len = u32::try_from(file.len()).expect("a length");
    for _ in 0..times {
        black_box(decode(&mut black_box(file), len, &Limits::DEFAULT));
    }
}

fn guest(file: &[u8], times: u32) {
    let airlock = Airlock::new().expect("the engine starts");
    for _ in 0..times {
        black_box(airlock.raw_answer(file).expect("an answer"));
    }
}

/// Both files are large enough for places of the same pool.
fn after(times: u32) {
    let [large, small] = [mixed(20_000), corpus("lenet.bson")];
    let airlock = Airlock::builder().pooling(1).build().expect("the engine starts");
    black_box(airlock.raw_answer(large).expect("an answer"));
    for _ in 0..times {
        black_box(airlock.raw_answer(small.as_slice()).expect("an answer"));
    }
}

fn verified(file: &[u8], times: u32) {
    let evidence = Evidence::pin(Digest::Sha256(Sha256::digest(file).into()));
    let airlock = Airlock::new().expect("the engine starts");
    for _ in 0..times {
        black_box(airlock.open(Input::bytes(file), &evidence).expect("it opens"));
    }
}

fn report(times: u32) {
    let model = Airlock::new().and_then(|airlock| airlock.open_unverified(Input::bytes(deep()))).expect("it opens");
    for _ in 0..times {
        black_box(model.report().to_json());
    }
}

fn small() -> Vec<u8> {
    corpus("dense.bson")
}

fn deep() -> Vec<u8> {
    corpus("chain_deep.bson")
}

fn corpus(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/accept/flux-0.16.9");
    fs::read(folder.join(name)).expect("a file of the corpus")
}

/// A file with a list of so many integers.
fn list(items: u32) -> Vec<u8> {
    file_of(items, |_| 0x12)
}

/// A file with a list of integers and other numbers in turn, each of which the decoder keeps a record of.
fn mixed(items: u32) -> Vec<u8> {
    file_of(items, |i| if i % 2 == 0 { 0x01 } else { 0x12 })
}

/// A file with a list of so many numbers, of eight bytes and these types.
fn file_of(items: u32, kind: impl Fn(u32) -> u8) -> Vec<u8> {
    let mut elements = Vec::new();
    for i in 0..items {
        elements.push(kind(i));
        elements.extend_from_slice(i.to_string().as_bytes());
        elements.push(0);
        elements.extend_from_slice(&u64::from(i).to_le_bytes());
    }
    let document = |head: &[u8], content: &[u8]| {
        let len = u32::try_from(head.len() + content.len() + 5).expect("a length").to_le_bytes();
        [&len[..], head, content, &[0]].concat()
    };
    document(b"\x04x\0", &document(&[], &elements))
}

/// What libraries choose their code by.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let all = [
            ("avx2", is_x86_feature_detected!("avx2")),
            ("avx512bw", is_x86_feature_detected!("avx512bw")),
            ("bmi2", is_x86_feature_detected!("bmi2")),
            ("ermsb", is_x86_feature_detected!("ermsb")),
            ("sha", is_x86_feature_detected!("sha")),
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ];
        all.iter().filter(|(_, there)| *there).map(|&(name, _)| name).collect::<Vec<_>>().join(" ")
    }
    #[cfg(not(target_arch = "x86_64"))]
    String::from(env::consts::ARCH)
}
