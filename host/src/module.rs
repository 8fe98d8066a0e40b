//! The guest, as the build script compiled it.
//!
//! Its machine code is part of this library, and nothing but this library's own build script writes it. This is the only
//! place with `unsafe`.

use wasmtime::{Engine, Module};

/// The SHA-256 of the guest's WebAssembly module, in hexadecimal: what the repository has under `host/guest`.
pub const GUEST_SHA256: &str = env!("AIRLOCK_GUEST_SHA256");

/// The SHA-256 of the guest's WASI build, in hexadecimal.
#[cfg(feature = "wasi")]
pub const GUEST_WASI_SHA256: &str = env!("AIRLOCK_GUEST_WASI_SHA256");

/// The guest, ready for this engine.
pub(crate) fn load(engine: &Engine) -> wasmtime::Result<Module> {
    deserialize(engine, COMPILED)
}

/// The guest's WASI build, ready for this engine.
#[cfg(feature = "wasi")]
pub(crate) fn load_wasi(engine: &Engine) -> wasmtime::Result<Module> {
    deserialize(engine, COMPILED_WASI)
}

#[expect(unsafe_code, reason = "loading our own precompiled module is the one thing that the engine cannot check")]
fn deserialize(engine: &Engine, compiled: &'static [u8]) -> wasmtime::Result<Module> {
    // SAFETY: these bytes are what `precompile_module` gave to our build script, unchanged, for both constants below; the
    // engine compares its version and its settings with the ones they were compiled under.
    unsafe { Module::deserialize(engine, compiled) }
}

const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.cwasm"));
#[cfg(feature = "wasi")]
const COMPILED_WASI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest_wasi.cwasm"));
