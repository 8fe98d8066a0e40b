//! The library itself: which one it is, and the end of whatever it gave out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Status;
use crate::handle;
use crate::text::Text;

/// The version of this header. Compare it with airlock_abi_version before any other call.
pub const AIRLOCK_ABI_VERSION: u32 = 3;

/// In the place of a number: there is none.
pub const AIRLOCK_NONE: u32 = 0xffff_ffff;

/// The version of the library's ABI. It changes with every change that a program built with another header would not survive.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_abi_version() -> u32 {
    AIRLOCK_ABI_VERSION
}

/// The version of the library: `0.1.0`.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_version() -> Text {
    Text::new(env!("CARGO_PKG_VERSION"))
}

/// The SHA-256 of the decoder that runs in the sandbox, in hexadecimal.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_guest_sha256() -> Text {
    Text::new(flux_airlock::GUEST_SHA256)
}

/// The version of the engine that the decoder runs in.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_wasmtime_version() -> Text {
    Text::new(flux_airlock::WASMTIME_VERSION)
}

/// Releases whatever this handle stands for. 0 is fine and does nothing; any other number that is no handle (any more) gives
/// AIRLOCK_STATUS_USAGE, so that a second release is noticed and harmless.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_release(handle: u64) -> Status {
    if handle == 0 {
        return Status::Ok;
    }
    match catch_unwind(AssertUnwindSafe(|| handle::release(handle))) {
        Ok(true) => Status::Ok,
        Ok(false) => Status::Usage,
        Err(_) => Status::Internal,
    }
}
