//! Bytes → the decoder: it ends, within its limits, with a well-formed answer, agrees with itself, and judges the file as
//! a second reader does.
#![no_main]

use flux_airlock_tests::{judged, native};
use flux_airlock_wire::Limits;
use libfuzzer_sys::fuzz_target;

/// Small, so that a run is short, and so that every limit is met now and then.
const LIMITS: Limits = Limits {
    answer_bytes: 1 << 16,
    depth: 40,
    elements: 3000,
    name_bytes: 200,
    names_bytes: 1 << 14,
    nodes: 2000,
    tensors: 100,
};

fuzz_target!(|file: &[u8]| {
    if let Err(flaw) = judged(file, &LIMITS) {
        panic!("{flaw}");
    }
    assert_eq!(native(file, &LIMITS), native(file, &LIMITS), "the same file has two answers");
});
