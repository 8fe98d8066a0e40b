//! Type descriptions that were met before.
//!
//! BSON.jl spells the type of a layer out for every layer, and most of a model's structure is the same few descriptions
//! again and again. What a document becomes on the tape follows from its bytes alone, but for where it lies. So a
//! description that is equal to an earlier one, byte for byte, need not be read: its records are those of the other,
//! moved. A [`Seen`] keeps the bytes of the latest descriptions, since the window has left them behind.

use alloc::{vec, vec::Vec};

use crate::{
    ix, len32,
    tape::{Record, RecordId, Tape},
};

/// A document that was read whole: its bytes, and where its records are.
#[derive(Clone, Copy)]
pub(crate) struct Description {
    /// Where its bytes are kept, and how many there are.
    start: u32,
    len: u32,
    /// Its record.
    pub(crate) record: RecordId,
    /// Offset of its bytes in the file.
    pub(crate) offset: u32,
    /// How many levels of documents and arrays are in it.
    pub(crate) height: u32,
}

/// Where no description is.
const NONE: Description = Description { start: 0, len: 0, record: 0, offset: 0, height: 0 };

/// The latest descriptions.
pub(crate) struct Seen {
    bytes: Vec<u8>,
    /// One description for each mixture of what it looks like; none at all before the first.
    places: Vec<Description>,
}

/// Shorter ones are read as quickly as they are found.
pub(crate) const SHORTEST: u32 = 48;
/// Longer ones may not be in the window as a whole.
pub(crate) const LONGEST: u32 = 4096;
/// Bytes that are kept. Then it begins anew.
const MOST_BYTES: usize = 64 << 10;
const PLACES_BITS: u32 = 6;

impl Seen {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), places: Vec::new() }
    }

    /// The description that has these bytes.
    pub(crate) fn find(&self, document: &[u8]) -> Option<Description> {
        let found = *self.places.get(place(document)?)?;
        let kept = self.bytes.get(ix(found.start)..)?.get(..ix(found.len))?;
        is_equal(kept, document).then_some(found)
    }

    /// Remembers the document at `offset` of the file, whose bytes these are.
    pub(crate) fn add(&mut self, document: &[u8], record: RecordId, offset: u32, height: u32) {
        let Some(place) = place(document) else { return };
        if self.bytes.len().saturating_add(document.len()) > MOST_BYTES || self.places.is_empty() {
            self.bytes.clear();
            self.places = vec![NONE; 1 << PLACES_BITS];
        }
        if let Some(at) = self.places.get_mut(place) {
            let (start, len) = (len32(self.bytes.len()), len32(document.len()));
            self.bytes.extend_from_slice(document);
            *at = Description { start, len, record, offset, height };
        }
    }
}

impl Description {
    /// How many records its elements have.
    pub(crate) fn elements(&self, tape: &Tape) -> u32 {
        tape.next(self.record).saturating_sub(self.record).saturating_sub(1)
    }

    /// Puts the same on the tape for a document under another key: its element begins at `element`, its bytes at `offset`.
    pub(crate) fn repeat(&self, tape: &mut Tape, element: u32, key: u32, offset: u32) {
        let id = tape.len();
        let from = tape.get(self.record);
        // All of it lies further on in the file, and on the tape.
        let (on, on_tape) = (offset.wrapping_sub(self.offset), id.wrapping_sub(self.record));
        let elements = ix(self.record).saturating_add(1)..ix(from.next(self.record)).min(tape.records.len());
        tape.records.push(Record::new(element, key, from.form).with(from.a.wrapping_add(on_tape), from.b));
        let first = tape.records.len();
        if !elements.is_empty() {
            tape.records.extend_from_within(elements);
        }
        for record in tape.records.get_mut(first..).unwrap_or_default() {
            *record = record.moved(on, on_tape);
        }
    }
}

/// Where a document is looked for: by its length, and by some of it. `None` if it is too short.
#[inline]
fn place(document: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u64::from_le_bytes(*document.get(at..)?.first_chunk()?));
    let len = document.len();
    let half = len >> 1;
    // Most differ where names of types stand, which is anywhere: near the end, in the middle, and between.
    let some = word(half)?
        ^ word(len.checked_sub(16)?)?.rotate_left(17)
        ^ word(half >> 1)?.rotate_left(31)
        ^ word(half.wrapping_add(half >> 1).min(len.checked_sub(8)?))?.rotate_left(47);
    let mixed = (some ^ u64::from(len32(len)).rotate_left(8)).wrapping_mul(FACTOR);
    usize::try_from(mixed >> (64 - PLACES_BITS)).ok()
}

/// Compared as words, since the guest's comparison of bytes goes byte by byte.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let ((words, rest), (other_words, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    one.len() == other.len()
        && words.iter().zip(other_words).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && rest == other_rest
}

/// It need not resist anyone: documents are compared.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_found_by_all_of_its_bytes() {
        let mut seen = Seen::new();
        let document: Vec<u8> = (0..=199).collect();
        assert!(seen.find(&document).is_none());
        seen.add(&document, 7, 100, 3);
        let found = seen.find(&document).unwrap();
        assert_eq!((found.record, found.offset, found.height), (7, 100, 3));
        for at in 0..document.len() {
            let mut other = document.clone();
            other[at] ^= 1;
            assert!(seen.find(&other).is_none(), "{at}");
            assert!(seen.find(&document[..at]).is_none(), "{at}");
        }
    }

    #[test]
    fn the_bytes_that_are_kept_are_bounded() {
        let mut seen = Seen::new();
        for id in 0..1000_u32 {
            let document = [id.to_le_bytes(); 1024].concat();
            seen.add(&document, id, 0, 0);
            assert!(seen.bytes.len() <= MOST_BYTES);
            assert_eq!(seen.find(&document).unwrap().record, id);
        }
    }
}
