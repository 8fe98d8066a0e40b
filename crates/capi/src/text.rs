//! Texts that go out: borrowed from an object, or an object themselves.

use std::ffi::c_char;
use std::ptr;

use crate::call::call;
use crate::error::Status;
use crate::handle;
use crate::memory::{Out, Trust as _};

/// A text: not NUL-terminated, and it may hold NULs. `ptr` is NULL where there is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    /// Its first byte.
    pub ptr: *const c_char,
    /// How many bytes it has.
    pub len: usize,
}

impl Text {
    /// There is none.
    pub(crate) const NONE: Self = Self { ptr: ptr::null(), len: 0 };

    /// This text, which must live as long as the object that it is read from.
    pub(crate) const fn new(text: &str) -> Self {
        Self::bytes(text.as_bytes())
    }

    /// These bytes, which may be no UTF-8.
    pub(crate) const fn bytes(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), len: bytes.len() }
    }

    /// This text, if there is one.
    pub(crate) fn maybe(text: Option<&str>) -> Self {
        text.map_or(Self::NONE, Self::new)
    }
}

/// Reads a string object. The text lives until the object is released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_string_read(string: u64, out: *mut Text) -> Status {
    // SAFETY: the caller's, as the header says.
    let out = unsafe { out.trust() };
    call(Out::NOWHERE, || {
        let out = out.check()?;
        out.put(Text::new(handle::get(string)?.string()?));
        Ok(())
    })
}
