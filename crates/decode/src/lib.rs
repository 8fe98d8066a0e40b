//! BSON.jl bytes in, an answer of `flux-airlock-wire` out.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use flux_airlock_wire::{Code, Format, Limits, Refusal, answer};

/// The bytes of one file.
pub trait Source {
    /// Fills `buffer` with the bytes at `offset`. Both lie in the file.
    fn read(&mut self, offset: u32, buffer: &mut [u8]);
}

impl Source for &[u8] {
    fn read(&mut self, offset: u32, buffer: &mut [u8]) {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(bytes) = self.get(from..).and_then(|rest| rest.get(..buffer.len())) {
            buffer.copy_from_slice(bytes);
        }
    }
}

/// Decodes the file of `len` bytes behind `source`, and gives the answer's bytes.
pub fn decode(_source: &mut dyn Source, _len: u32, _limits: &Limits) -> Vec<u8> {
    answer::refuse(&Refusal { code: Code::NotBson, offset: 0, path: Vec::new(), format: Format::Unknown })
}
