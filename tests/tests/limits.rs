//! Every limit has a pair of files: one that just fits, and one a step beyond. Here the step is in the limit.

use bson::{RawArrayBuf, RawBsonRef, RawDocumentBuf, rawdoc};
use flux_airlock::{Airlock, Input, Limits, LimitsBuilder};
use flux_airlock_tests::{DEFAULTS, Verdict, native};
use flux_airlock_wire as wire;
use serde_json::Value;

use crate::support::{limit, verdict};

/// The file fits in `just` of this limit, and is refused for its sake with one less.
fn pair(file: &[u8], name: &str, just: u32) {
    pair_within(file, name, just, DEFAULTS);
}

fn pair_within(file: &[u8], name: &str, just: u32, limits: wire::Limits) {
    let fits = verdict(file, &limit(limits, name, just)).unwrap();
    assert!(matches!(fits, Verdict::Opened(_)), "{name} of {just}: {fits:?}");
    match verdict(file, &limit(limits, name, just - 1)).unwrap() {
        Verdict::Refused(refusal) => {
            assert_eq!(refusal.code.name(), format!("{name}-limit"), "{name} of {}", just - 1);
        }
        Verdict::Opened(_) => panic!("{name} of {} opens as well", just - 1),
    }
}

fn nested(levels: usize) -> RawDocumentBuf {
    (0..levels).fold(rawdoc! {}, |inner, _| rawdoc! { "a": inner })
}

fn nulls(count: usize) -> RawDocumentBuf {
    let mut list = RawArrayBuf::new();
    for _ in 0..count {
        list.push(RawBsonRef::Null);
    }
    rawdoc! { "list": list }
}

fn arrays(count: usize) -> RawDocumentBuf {
    let mut list = RawArrayBuf::new();
    for _ in 0..count {
        list.push(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![7] });
    }
    rawdoc! { "list": list }
}

#[test]
fn depth_counts_documents() {
    // The file's own document is a level too.
    pair(nested(9).as_bytes(), "depth", 10);
    let fits = nested(255);
    assert!(matches!(verdict(fits.as_bytes(), &DEFAULTS), Ok(Verdict::Opened(_))));
    let beyond = nested(256);
    assert!(matches!(verdict(beyond.as_bytes(), &DEFAULTS), Ok(Verdict::Refused(_))));
}

#[test]
fn depth_counts_what_back_references_build() {
    let entry = |index: i64| {
        let mut list = RawArrayBuf::new();
        list.push(rawdoc! { "tag": "backref", "ref": index });
        list
    };
    let mut entries = RawArrayBuf::new();
    for index in 2..=50 {
        entries.push(entry(index));
    }
    entries.push(RawArrayBuf::new());
    let file = rawdoc! { "a": { "tag": "backref", "ref": 1_i64 }, "_backrefs": entries };
    let refused_at =
        |depth| matches!(verdict(file.as_bytes(), &limit(DEFAULTS, "depth", depth)), Ok(Verdict::Refused(_)));
    // Fifty lists in one another, whatever is counted beside them.
    assert!(refused_at(48) && !refused_at(52));
    let just = (48..=52).find(|&depth| !refused_at(depth)).unwrap();
    pair(file.as_bytes(), "depth", just);
}

#[test]
fn elements_counts_every_element() {
    pair(nulls(99).as_bytes(), "elements", 100);
    let file = rawdoc! { "a": 1_i64, "b": { "c": [true, false] }, "d": "text" };
    pair(file.as_bytes(), "elements", 6);
}

#[test]
fn elements_is_large_enough_for_four_million() {
    let most = usize::try_from(DEFAULTS.elements).unwrap();
    let fits = nulls(most - 1);
    assert!(matches!(verdict(fits.as_bytes(), &DEFAULTS), Ok(Verdict::Opened(_))));
    let beyond = nulls(most);
    let refused = verdict(beyond.as_bytes(), &DEFAULTS);
    assert!(matches!(refused, Ok(Verdict::Refused(refusal)) if refusal.code.name() == "elements-limit"));
}

#[test]
fn name_bytes_counts_keys_symbols_and_parts_of_paths() {
    let name = "n".repeat(100);
    pair(
        RawDocumentBuf::from_iter([(bson::raw::CString::try_from(name.as_str()).unwrap(), 1_i64)]).as_bytes(),
        "name-bytes",
        100,
    );
    let symbol = rawdoc! { "a": { "tag": "symbol", "name": name.as_str() } };
    pair(symbol.as_bytes(), "name-bytes", 100);
    let reference = rawdoc! { "a": { "tag": "ref", "path": ["Main", name.as_str()] } };
    pair(reference.as_bytes(), "name-bytes", 100);
    // A string that is no name is none.
    let text = rawdoc! { "a": name.as_str() };
    assert!(matches!(verdict(text.as_bytes(), &limit(DEFAULTS, "name-bytes", 10)), Ok(Verdict::Opened(_))));
}

#[test]
fn names_bytes_counts_different_names_once() {
    let key = |i: u32| bson::raw::CString::try_from(format!("name{i:03}")).unwrap();
    let file: RawDocumentBuf = (0..50).map(|i| (key(i), i64::from(i))).collect();
    pair(file.as_bytes(), "names-bytes", 50 * 7);
    let again = rawdoc! { "twice_named": { "twice_named": { "twice_named": 1_i64 } } };
    pair(again.as_bytes(), "names-bytes", 11);
}

#[test]
fn nodes_counts_values() {
    // The numbers, and their list.
    let numbers = rawdoc! { "list": [1_i64, 2_i64, 3_i64, 4_i64] };
    pair(numbers.as_bytes(), "nodes", 5);
}

#[test]
fn tensors_counts_arrays() {
    pair(arrays(10).as_bytes(), "tensors", 10);
    let most = usize::try_from(DEFAULTS.tensors).unwrap();
    pair(arrays(most).as_bytes(), "tensors", DEFAULTS.tensors);
}

#[test]
fn answer_bytes_counts_the_whole_answer() {
    for file in [nulls(10), arrays(10), nested(10)] {
        let answer = native(file.as_bytes(), &DEFAULTS);
        pair(file.as_bytes(), "answer-bytes", u32::try_from(answer.len()).unwrap());
    }
}

#[test]
fn a_limit_of_zero_refuses_and_does_not_crash() {
    let file = rawdoc! { "model": { "tag": "symbol", "name": "relu" }, "w": [1_i64, "x"], "b": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1] } };
    for name in ["answer-bytes", "depth", "elements", "name-bytes", "names-bytes", "nodes", "tensors"] {
        match verdict(file.as_bytes(), &limit(DEFAULTS, name, 0)).unwrap() {
            Verdict::Refused(refusal) => assert_eq!(refusal.code.name(), format!("{name}-limit")),
            Verdict::Opened(_) => panic!("{name} of 0 opens"),
        }
    }
}

/// The report on these bytes.
fn inspect(file: &[u8], limits: LimitsBuilder) -> Value {
    let airlock = Airlock::builder().limits(limits.build().unwrap()).build().unwrap();
    serde_json::to_value(airlock.inspect(Input::bytes(file)).unwrap()).unwrap()
}

/// The file fits in `just` of this limit, and is refused for its sake with `less`.
fn host_pair(file: &[u8], grant: fn(LimitsBuilder, u64) -> LimitsBuilder, [just, less]: [u64; 2], code: &str) {
    let fits = inspect(file, grant(Limits::builder(), just));
    assert_eq!(fits["verdict"], "opened", "{just}: {}", fits["refusal"]);
    let beyond = inspect(file, grant(Limits::builder(), less));
    assert_eq!(beyond["refusal"]["code"], code, "{less}");
    assert_eq!(beyond["refusal"]["value"], less);
}

#[test]
fn file_bytes_counts_the_files_bytes() {
    let file = nulls(100);
    let len = u64::try_from(file.as_bytes().len()).unwrap();
    host_pair(file.as_bytes(), LimitsBuilder::file_bytes, [len, len - 1], "file-bytes-limit");
    let refused = inspect(file.as_bytes(), Limits::builder().file_bytes(len - 1));
    assert_eq!(refused["file"]["sha256"], Value::Null);
}

#[test]
fn fuel_counts_what_the_guest_does() {
    for file in [nulls(1), nulls(1000), arrays(100), nested(100)] {
        let used = inspect(file.as_bytes(), Limits::builder())["sandbox"]["fuel_used"].as_u64().unwrap();
        host_pair(file.as_bytes(), LimitsBuilder::fuel, [used, used - 1], "fuel-limit");
    }
}

#[test]
fn memory_bytes_counts_the_guests_memory() {
    let file = nulls(200_000);
    let used = inspect(file.as_bytes(), Limits::builder())["sandbox"]["memory_bytes"].as_u64().unwrap();
    let page = 1 << 16;
    host_pair(file.as_bytes(), LimitsBuilder::memory_bytes, [used, used - page], "memory-bytes-limit");
}

#[test]
fn path_bytes_counts_the_paths_of_a_report() {
    let file = arrays(100);
    let opens = |most| inspect(file.as_bytes(), Limits::builder().path_bytes(most))["verdict"] == "opened";
    let (mut less, mut just) = (1, 1 << 20);
    while just - less > 1 {
        let middle = u64::midpoint(less, just);
        if opens(middle) { just = middle } else { less = middle }
    }
    // At least `list[100]` and its like.
    assert!(just > 700, "{just}");
    host_pair(file.as_bytes(), LimitsBuilder::path_bytes, [just, less], "path-bytes-limit");
}
