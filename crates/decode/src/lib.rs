//! BSON.jl bytes in, an answer of `flux-airlock-wire` out.
//!
//! [`decode`] reads a file that Julia's BSON.jl wrote, of any version, and says what its saved variables hold: arrays as
//! spans of the file, layers in the words of current Flux, everything else as plain data or as something inert. Whatever
//! the bytes are, it ends, it does not panic, it stays within its [`Limits`], and it never builds, resolves or runs what
//! the file names. It leaves to others where the bytes come from, and whether the answer may be believed.
//!
//! ```
//! use flux_airlock_decode::decode;
//! use flux_airlock_wire::{Answer, Limits};
//!
//! let limits = Limits {
//!     answer_bytes: 1 << 20, depth: 256, elements: 1000, name_bytes: 4096, names_bytes: 1 << 16, nodes: 1000, tensors: 10,
//! };
//! // Dict(:a => 1), as BSON.jl writes it.
//! let mut file: &[u8] = b"\x10\0\0\0\x12a\0\x01\0\0\0\0\0\0\0\0";
//! let len = u32::try_from(file.len())?;
//! let answer = decode(&mut file, len, &limits);
//! let Ok(Answer::Opened(counts, ..)) = Answer::read(&answer) else { panic!("it opens") };
//! assert_eq!((counts.variables, counts.nodes), (1, 1));
//! # Ok::<(), core::num::TryFromIntError>(())
//! ```
#![no_std]

extern crate alloc;

mod catalogue;
mod check;
mod closure;
#[cfg(feature = "museum")]
pub mod museum;
mod names;
mod place;
mod raise;
mod scan;
mod seen;
mod tape;
mod types;
mod window;

use alloc::vec::Vec;

use flux_airlock_wire::{Code, Expected, Format, Limit, Limits, Refusal, answer};

use crate::{
    tape::{RecordId, Tape},
    window::Window,
};

/// The bytes of one file.
pub trait Source {
    /// Fills `buffer` with the bytes at `offset`. Both lie in the file.
    fn read(&mut self, offset: u32, buffer: &mut [u8]);
}

impl Source for &[u8] {
    fn read(&mut self, offset: u32, buffer: &mut [u8]) {
        if let Some(bytes) = self.get(ix(offset)..).and_then(|rest| rest.get(..buffer.len())) {
            buffer.copy_from_slice(bytes);
        }
    }
}

/// Decodes the file of `len` bytes behind `source`, and gives the bytes of the answer: what it holds, or why it is
/// refused.
///
/// Every byte of structure is read once, front to back; payloads are not read.
pub fn decode(source: &mut dyn Source, len: u32, limits: &Limits) -> Vec<u8> {
    let window = Window::new(source, len, limits.name_bytes);
    let (tape, scanned) = scan::scan(window, len, limits);
    let raised = scanned.and_then(|()| check::check(&tape)).and_then(|()| raise::raise(&tape, limits));
    let finished = raised.and_then(|sections| {
        let granted = limits.answer_bytes;
        sections.finish(ix(granted)).map_err(|_| Stop::new(Code::Limit { limit: Limit::AnswerBytes, granted }, 0, 0))
    });
    finished.unwrap_or_else(|stop| {
        answer::refuse(&Refusal {
            code: stop.code,
            offset: stop.offset,
            path: tape.path(stop.record),
            format: stop.format,
        })
    })
}

/// Why decoding ends, and where.
#[derive(Clone, Copy, Debug)]
struct Stop {
    code: Code,
    /// Offset in the file.
    offset: u32,
    /// The element that is flawed, or the document that holds it.
    record: RecordId,
    format: Format,
}

impl Stop {
    const fn new(code: Code, offset: u32, record: RecordId) -> Self {
        Self { code, offset, record, format: Format::BsonJl }
    }

    /// The data of this struct or array is neither an array nor a binary value, even where it is a back reference.
    fn wrong_data(tape: &Tape, id: RecordId) -> Self {
        let at = tape.field(id, names::DATA).unwrap_or(id);
        Self::new(Code::WrongType { expected: Expected::ArrayOrBinary }, tape.get(at).offset, at)
    }
}

/// An offset or id as an index. `usize` has at least 32 bits wherever this is built.
fn ix(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// A length as an offset or count. Nothing here is longer than a file.
fn len32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
