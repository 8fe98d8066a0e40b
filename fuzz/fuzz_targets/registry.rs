//! Metadata of a registry → what it says of models: reading it ends, and no name leads out of its folder.
#![no_main]

use flux_airlock_trust::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((names, revoked)) = fuzzing::read_targets(input) else { return };
    for name in names {
        assert!(!name.starts_with('/') && !name.split('/').any(|part| matches!(part, "" | "." | "..")), "{name}");
    }
    assert_eq!(fuzzing::read_targets(input).map(|(_, revoked)| revoked), Some(revoked));
});
