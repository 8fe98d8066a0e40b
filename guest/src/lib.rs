//! The chamber's floor plan: one way in for bytes, one call, no logic.
//!
//! Everything that a file can say is understood by `flux-airlock-decode`, which is tested and fuzzed natively; this crate
//! only carries its arguments and its answer over the wall. The module imports `airlock.read`, exports `memory` and
//! `decode`, and has neither a start function nor any other way to the outside. Whatever goes wrong in here is a trap.
#![no_std]

extern crate alloc;

mod abi;

use core::panic::PanicInfo;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// A panic is a trap. Its message would have to cross the wall as text, so there is none.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    // Elsewhere the guest is looked at by lints, and never linked.
    #[cfg(not(target_arch = "wasm32"))]
    loop {}
}
