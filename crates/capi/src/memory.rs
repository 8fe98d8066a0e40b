//! The caller's memory: every pointer that comes from C is used here.
//!
//! A call believes all of its pointers in one step, [`Trust::trust`]; from then on they are used safely. A null pointer is an
//! error where something is wanted, places are written whether they are aligned or not, and a length that no memory has is
//! refused.

use std::ffi::c_char;
use std::{ptr, slice};

use crate::error::Failure;

/// Pointers of a call, to be believed.
pub(crate) trait Trust {
    /// What can be used safely.
    type Safe;

    /// Believes the caller.
    ///
    /// # Safety
    ///
    /// Every pointer is null or valid for what it is given with, until the call returns.
    unsafe fn trust(self) -> Self::Safe;
}

/// A place for one value.
#[derive(Clone, Copy)]
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// No place.
    pub(crate) const NOWHERE: Self = Self(ptr::null_mut());

    /// Refuses a place that is none.
    pub(crate) fn check(self) -> Result<Self, Failure> {
        if self.0.is_null() { Err(null()) } else { Ok(self) }
    }

    /// Puts the value there. `false` if the place is none.
    pub(crate) fn put(self, value: T) -> bool {
        if self.0.is_null() {
            return false;
        }
        // SAFETY: by `Trust::trust`, the place is valid for a value of this type, aligned or not.
        unsafe { self.0.write_unaligned(value) };
        true
    }
}

impl<T> Trust for *mut T {
    type Safe = Out<T>;

    unsafe fn trust(self) -> Out<T> {
        Out(self)
    }
}

/// A pointer and a length: bytes to read.
pub(crate) struct Bytes(*const u8, usize);

impl Bytes {
    /// The bytes.
    pub(crate) fn get(&self) -> Result<&[u8], Failure> {
        let &Self(pointer, len) = self;
        if len == 0 {
            return Ok(&[]);
        }
        if pointer.is_null() {
            return Err(null());
        }
        if isize::try_from(len).is_err() {
            return Err(Failure::usage("length", "no memory is so long"));
        }
        // SAFETY: by `Trust::trust`, there are so many bytes, which nobody changes during the call.
        Ok(unsafe { slice::from_raw_parts(pointer, len) })
    }

    /// They as a text.
    pub(crate) fn text(&self) -> Result<&str, Failure> {
        str::from_utf8(self.get()?).map_err(|_| Failure::usage("not-utf8", "a text must be UTF-8"))
    }
}

/// Bytes as a call has them.
pub(crate) struct RawBytes(pub(crate) *const u8, pub(crate) usize);

impl RawBytes {
    /// A text as a call has it.
    pub(crate) const fn text(pointer: *const c_char, len: usize) -> Self {
        Self(pointer.cast(), len)
    }
}

impl Trust for RawBytes {
    type Safe = Bytes;

    unsafe fn trust(self) -> Bytes {
        Bytes(self.0, self.1)
    }
}

/// A pointer and a length: a place for bytes.
pub(crate) struct Buffer(*mut u8, usize);

impl Buffer {
    /// Copies all of it to there, if it has exactly the length.
    pub(crate) fn copy(self, from: &[u8]) -> Result<(), Failure> {
        let Self(to, len) = self;
        if len != from.len() {
            let message = format!("a buffer of {len} bytes was given for {} bytes", from.len());
            return Err(Failure::usage("buffer-length", message));
        }
        if len == 0 {
            return Ok(());
        }
        if to.is_null() {
            return Err(null());
        }
        // SAFETY: by `Trust::trust` and the comparison above, there are so many bytes; they are the caller's, and none of
        // ours is the caller's to write to.
        unsafe { to.copy_from_nonoverlapping(from.as_ptr(), len) };
        Ok(())
    }
}

/// A buffer as a call has it.
pub(crate) struct RawBuffer(pub(crate) *mut u8, pub(crate) usize);

impl Trust for RawBuffer {
    type Safe = Buffer;

    unsafe fn trust(self) -> Buffer {
        Buffer(self.0, self.1)
    }
}

/// A piece of a list: where it begins, the place for so many entries, and the place for how many the list has.
pub(crate) struct Piece<T> {
    first: usize,
    to: *mut T,
    capacity: usize,
    count: Out<usize>,
}

impl<T> Piece<T> {
    /// Puts the entries there that the list of this length has in this piece.
    pub(crate) fn fill(self, len: usize, mut entry: impl FnMut(usize) -> Result<T, Failure>) -> Result<(), Failure> {
        let Self { first, to, capacity, count } = self;
        let count = count.check()?;
        if capacity > 0 && to.is_null() {
            return Err(null());
        }
        for (place, index) in (first..len).take(capacity).enumerate() {
            let entry = entry(index)?;
            // SAFETY: by `Trust::trust`, there are as many places as the capacity says, and this is one of them.
            let to = unsafe { to.add(place) };
            // SAFETY: as above; it need not be aligned.
            unsafe { to.write_unaligned(entry) };
        }
        count.put(len);
        Ok(())
    }
}

/// A piece as a call has it.
pub(crate) struct RawPiece<T>(pub(crate) usize, pub(crate) *mut T, pub(crate) usize, pub(crate) *mut usize);

impl<T> Trust for RawPiece<T> {
    type Safe = Piece<T>;

    unsafe fn trust(self) -> Piece<T> {
        Piece { first: self.0, to: self.1, capacity: self.2, count: Out(self.3) }
    }
}

macro_rules! several {
    ($($name:ident $place:tt),+) => {
        impl<$($name: Trust),+> Trust for ($($name,)+) {
            type Safe = ($($name::Safe,)+);

            unsafe fn trust(self) -> Self::Safe {
                // SAFETY: what holds of all of them holds of each.
                ($(unsafe { self.$place.trust() },)+)
            }
        }
    };
}

several!(A 0, B 1);
several!(A 0, B 1, C 2);
several!(A 0, B 1, C 2, D 3);

fn null() -> Failure {
    Failure::usage("null-pointer", "a pointer is null that must not be")
}
