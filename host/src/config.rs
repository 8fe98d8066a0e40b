//! The settings of the chamber, in one place for the compiler and for the machine.
//!
//! The build script compiles the guest under [`config`], and the library runs it under [`config`]: a module loads only
//! under the settings it was compiled with, so that neither can drift away from the other.

use wasmtime::{Config, WasmFeatures};

/// Bytes of address space that are reserved for the guest's memory, so that it need not move up to here.
///
/// Little enough for a process with many guests, and far more than a file of few arrays needs. Beyond it the memory
/// moves, which costs one copy.
pub(crate) const RESERVATION_BYTES: u64 = 64 << 20;

/// Bytes behind the guest's memory that nothing can use. Bounds are checked without them. Where there are any, an instance in
/// kept memory has what it asked for and no more, so that this is all that is set back after it: without them it would be what
/// any instance before it had.
const GUARD_BYTES: u64 = 64 << 10;

/// The native stack of the guest's code. The decoder never recurses over a file, so that this is a fixed need.
const STACK_BYTES: usize = 256 << 10;

/// What the guest is compiled and run with.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    // Only what the Rust compiler emits for the guest. Everything else is code in the engine that nobody needs.
    config.wasm_features(WasmFeatures::all(), false);
    config.wasm_features(
        WasmFeatures::BULK_MEMORY
            | WasmFeatures::CALL_INDIRECT_OVERLONG
            | WasmFeatures::FLOATS
            | WasmFeatures::MUTABLE_GLOBAL
            | WasmFeatures::SIGN_EXTENSION,
        true,
    );
    // Fuel is the only clock: the same file gets the same verdict on every machine.
    config.consume_fuel(true);
    config.epoch_interruption(false);
    // Bounds are checked by code. No process-wide signal handlers (the embedding program may have its own), and no
    // terabytes of address space.
    config.signals_based_traps(false);
    config.memory_reservation(RESERVATION_BYTES);
    config.memory_reservation_for_growth(RESERVATION_BYTES);
    config.memory_may_move(true);
    config.memory_guard_size(GUARD_BYTES);
    config.guard_before_linear_memory(false);
    config.max_wasm_stack(STACK_BYTES);
    // A trap in the guest is our own flaw, and says where it is by its number. Traces through stripped code say no more.
    config.wasm_backtrace_max_frames(None);
    config.native_unwind_info(false);
    config.generate_address_map(false);
    config.debug_info(false);
    config
}
