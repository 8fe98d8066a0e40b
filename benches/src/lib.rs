//! The criterion groups are in `airlock.rs`: `cargo bench -p flux-airlock-benches`.

#![forbid(unsafe_code)]
