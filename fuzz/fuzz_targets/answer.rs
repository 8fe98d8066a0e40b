//! Answers → the host's checker: it ends, and what it lets through keeps the contract and can be asked anything.
//!
//! An input is a list of changes, and a file. The native decoder's answer about the file is changed; without changes it has
//! to be let through.
#![no_main]

use std::collections::BTreeSet;

use flux_airlock::{Limits, fuzzing};
use flux_airlock_tests::{Verdict, native, well_formed};
use flux_airlock_wire as wire;
use libfuzzer_sys::fuzz_target;

const COUNTED: wire::Limits = wire::Limits {
    answer_bytes: 1 << 16,
    depth: 40,
    elements: 3000,
    name_bytes: 200,
    names_bytes: 1 << 14,
    nodes: 2000,
    tensors: 100,
};

fn limits() -> Limits {
    let builder =
        Limits::builder().depth(COUNTED.depth).name_bytes(COUNTED.name_bytes).names_bytes(COUNTED.names_bytes);
    let builder = builder.nodes(COUNTED.nodes).tensors(COUNTED.tensors).path_bytes(1 << 18);
    builder.build().expect("these limits work")
}

/// How many changes there are, then four bytes for each: where, what, and how.
fn split(input: &[u8]) -> Option<(&[[u8; 4]], &[u8])> {
    let (&count, rest) = input.split_first()?;
    let (changes, file) = rest.split_at_checked(usize::from(count % 16) * 4)?;
    Some((changes.as_chunks().0, file))
}

fn changed(mut answer: Vec<u8>, changes: &[[u8; 4]]) -> Vec<u8> {
    for &[low, high, byte, how] in changes {
        let at = usize::from(u16::from_le_bytes([low, high])) % answer.len().max(1);
        match how % 4 {
            0 => drop(answer.splice(at..at, [byte])),
            1 if !answer.is_empty() => drop(answer.remove(at)),
            2 => answer.truncate(at),
            _ => {
                if let Some(old) = answer.get_mut(at) {
                    *old = byte;
                }
            }
        }
    }
    answer
}

fuzz_target!(|input: &[u8]| {
    let Some((changes, file)) = split(input) else { return };
    let answer = changed(native(file, &COUNTED), changes);
    let verdict = well_formed(file, &answer, &COUNTED);
    let model = match fuzzing::check(file, answer, &limits()) {
        Ok(Some(model)) => model,
        Ok(None) => return,
        Err(flaw) => {
            let is_dear = flaw.ends_with("bytes of paths");
            assert!(!changes.is_empty() || is_dear, "the decoder's own answer is not let through: {flaw}");
            return;
        }
    };
    match verdict {
        Ok(Verdict::Opened(_)) => {}
        Ok(Verdict::Refused(_)) => panic!("a refusal was let through as an answer"),
        Err(flaw) => panic!("an answer was let through: {flaw}"),
    }
    let mut paths = BTreeSet::new();
    for view in model.tensors() {
        assert!(paths.insert(view.path().to_owned()), "two arrays are at {}", view.path());
        assert_eq!(model.tensor(view.path()).map(|found| found.offset()), Some(view.offset()), "{}", view.path());
    }
    let json = model.report().to_json();
    assert!(!json.chars().any(char::is_control), "a report has a control character");
    for variable in model.variables() {
        let _ = (variable.value.summary(), variable.value.tree());
    }
});
