//! The guest, as the build script compiled it.
//!
//! Its machine code is part of this library, and nothing but this library's own build script writes it. This is the only
//! place with `unsafe`.

use wasmtime::{Engine, Module};

/// The SHA-256 of the guest's WebAssembly module, in hexadecimal: what the repository has under `host/guest`.
pub const GUEST_SHA256: &str = env!("AIRLOCK_GUEST_SHA256");

/// The guest, ready for this engine.
#[expect(unsafe_code, reason = "loading our own precompiled module is the one thing that the engine cannot check")]
pub(crate) fn load(engine: &Engine) -> wasmtime::Result<Module> {
    // SAFETY: these bytes are what `precompile_module` gave to our build script, unchanged; the engine compares its version
    // and its settings with the ones they were compiled under.
    unsafe { Module::deserialize(engine, COMPILED) }
}

const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.cwasm"));
