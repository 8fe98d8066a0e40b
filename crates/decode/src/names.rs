//! Names of the file, each kept once.
//!
//! Keys, symbols and the parts of paths repeat again and again. A [`Names`] gives equal names equal ids, by comparing the
//! bytes themselves: no digest decides.

use alloc::{vec, vec::Vec};

use flux_airlock_wire::{Eltype, Span};

use crate::{ix, len32};

/// A name's id.
pub(crate) type NameId = u32;

/// The names that have a meaning in the format. Their ids are their places.
const KNOWN: &[&str] = &[
    "tag",
    "data",
    "type",
    "size",
    "name",
    "params",
    "path",
    "ref",
    "var",
    "body",
    "typename",
    "_backrefs",
    "array",
    "backref",
    "datatype",
    "jl_anonymous",
    "jl_bottom_type",
    "struct",
    "svec",
    "symbol",
    "tuple",
    "unionall",
    "Main",
    "Core",
    "Base",
    "BFloat16",
    "Bool",
    "Char",
    "Float16",
    "Float32",
    "Float64",
    "Int128",
    "Int16",
    "Int32",
    "Int64",
    "Int8",
    "UInt128",
    "UInt16",
    "UInt32",
    "UInt64",
    "UInt8",
    "TypeName",
];

pub(crate) const TAG: NameId = 0;
pub(crate) const DATA: NameId = 1;
pub(crate) const TYPE: NameId = 2;
pub(crate) const SIZE: NameId = 3;
pub(crate) const NAME: NameId = 4;
pub(crate) const PARAMS: NameId = 5;
pub(crate) const PATH: NameId = 6;
pub(crate) const REF: NameId = 7;
pub(crate) const VAR: NameId = 8;
pub(crate) const BODY: NameId = 9;
pub(crate) const TYPENAME: NameId = 10;
pub(crate) const BACKREFS: NameId = 11;
pub(crate) const ARRAY: NameId = 12;
pub(crate) const BACKREF: NameId = 13;
pub(crate) const DATATYPE: NameId = 14;
pub(crate) const JL_ANONYMOUS: NameId = 15;
pub(crate) const JL_BOTTOM_TYPE: NameId = 16;
pub(crate) const STRUCT: NameId = 17;
pub(crate) const SVEC: NameId = 18;
pub(crate) const SYMBOL: NameId = 19;
pub(crate) const TUPLE: NameId = 20;
pub(crate) const UNIONALL: NameId = 21;
pub(crate) const MAIN: NameId = 22;
pub(crate) const CORE: NameId = 23;
pub(crate) const BASE: NameId = 24;
pub(crate) const TYPE_NAME: NameId = 41;

/// The number that a type of this name is, if it is `Core`'s.
pub(crate) const fn number(name: NameId) -> Option<Eltype> {
    Some(match name {
        25 => Eltype::BFloat16,
        26 => Eltype::Bool,
        27 => Eltype::Char,
        28 => Eltype::Float16,
        29 => Eltype::Float32,
        30 => Eltype::Float64,
        31 => Eltype::Int128,
        32 => Eltype::Int16,
        33 => Eltype::Int32,
        34 => Eltype::Int64,
        35 => Eltype::Int8,
        36 => Eltype::UInt128,
        37 => Eltype::UInt16,
        38 => Eltype::UInt32,
        39 => Eltype::UInt64,
        40 => Eltype::UInt8,
        _ => return None,
    })
}

/// All names met so far.
pub(crate) struct Names {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Ids plus one, by hash; 0 is free. Its length is a power of two, at least twice the number of entries.
    slots: Vec<u32>,
    most_bytes: u32,
    /// Where the known names end in `bytes`: they are not the file's and are not charged.
    own: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    len: u32,
    /// Offset in the file of an occurrence; `UNSEEN` before there is one.
    offset: u32,
    hash: u32,
    is_utf8: bool,
}

const UNSEEN: u32 = u32::MAX;

impl Names {
    /// The known names, and room for `most_bytes` bytes of the file's own.
    pub(crate) fn new(most_bytes: u32) -> Self {
        let mut names = Self {
            bytes: Vec::with_capacity(1024),
            entries: Vec::with_capacity(64),
            slots: vec![0; 128],
            most_bytes: u32::MAX,
            own: 0,
        };
        for name in KNOWN {
            // Cannot fail: the known names fit.
            let _ = names.intern(name.as_bytes(), UNSEEN);
        }
        names.own = names.bytes.len();
        names.most_bytes = most_bytes;
        names
    }

    /// The id of this name, which was met at `offset`; `None` if there is no room for one more.
    pub(crate) fn intern(&mut self, name: &[u8], offset: u32) -> Option<NameId> {
        let hash = hash(name);
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = ix(hash) & mask;
        loop {
            let taken = *self.slots.get(slot)?;
            let Some(id) = taken.checked_sub(1) else { break };
            if let Some(entry) = self.entries.get_mut(ix(id))
                && entry.hash == hash
                && self.bytes.get(ix(entry.start)..).and_then(|b| b.get(..ix(entry.len))) == Some(name)
            {
                if entry.offset == UNSEEN {
                    entry.offset = offset;
                }
                return Some(id);
            }
            slot = slot.wrapping_add(1) & mask;
        }
        let start = self.bytes.len();
        let charged = start.saturating_sub(self.own).saturating_add(name.len());
        let id = len32(self.entries.len());
        if charged > ix(self.most_bytes) || id >= MOST_NAMES {
            return None;
        }
        self.bytes.extend_from_slice(name);
        let is_utf8 = core::str::from_utf8(name).is_ok();
        self.entries.push(Entry { start: len32(start), len: len32(name.len()), offset, hash, is_utf8 });
        *self.slots.get_mut(slot)? = id.saturating_add(1);
        if self.entries.len().saturating_mul(2) > self.slots.len() {
            self.grow();
        }
        Some(id)
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.slots.len().saturating_mul(2);
        let mask = size.wrapping_sub(1);
        let mut slots = vec![0; size];
        for (entry, id) in self.entries.iter().zip(1_u32..) {
            let mut slot = ix(entry.hash) & mask;
            while slots.get(slot).is_some_and(|&taken| taken != 0) {
                slot = slot.wrapping_add(1) & mask;
            }
            if let Some(free) = slots.get_mut(slot) {
                *free = id;
            }
        }
        self.slots = slots;
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of a name.
    pub(crate) fn bytes(&self, id: NameId) -> &[u8] {
        let Some(entry) = self.entries.get(ix(id)) else { return &[] };
        self.bytes.get(ix(entry.start)..).and_then(|b| b.get(..ix(entry.len))).unwrap_or(&[])
    }

    /// The name as text; `None` if it is no UTF-8.
    pub(crate) fn text(&self, id: NameId) -> Option<&str> {
        core::str::from_utf8(self.bytes(id)).ok()
    }

    /// Is the name UTF-8?
    pub(crate) fn is_utf8(&self, id: NameId) -> bool {
        self.entries.get(ix(id)).is_some_and(|entry| entry.is_utf8)
    }

    /// Does the file have this name?
    pub(crate) fn is_seen(&self, id: NameId) -> bool {
        self.entries.get(ix(id)).is_some_and(|entry| entry.offset != UNSEEN)
    }

    /// How long a name is.
    pub(crate) fn len(&self, id: NameId) -> u32 {
        self.entries.get(ix(id)).map_or(0, |entry| entry.len)
    }

    /// Where the file has this name.
    pub(crate) fn span(&self, id: NameId) -> Span {
        self.entries.get(ix(id)).map_or(Span::default(), |entry| Span { offset: entry.offset, len: entry.len })
    }
}

/// Ids share a word of the tape with other things.
const MOST_NAMES: u32 = 1 << 24;

/// A quick mixing of the bytes. It need not resist anyone: equal hashes are followed by a comparison, and a file whose
/// names all collide runs out of fuel.
fn hash(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut mixed = u64::from(len32(bytes.len()));
    for word in words {
        mixed = (mixed ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
        mixed ^= mixed >> 29;
    }
    let mut last = 0_u64;
    for &byte in rest {
        last = last << 8 | u64::from(byte);
    }
    mixed = (mixed ^ last).wrapping_mul(FACTOR);
    u32::try_from(mixed >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn known_names_have_their_places() {
        let names = Names::new(0);
        let ids =
            [TAG, DATA, TYPE, SIZE, NAME, PARAMS, PATH, REF, VAR, BODY, TYPENAME, BACKREFS, ARRAY, BACKREF, DATATYPE];
        let texts = [
            "tag",
            "data",
            "type",
            "size",
            "name",
            "params",
            "path",
            "ref",
            "var",
            "body",
            "typename",
            "_backrefs",
            "array",
            "backref",
            "datatype",
        ];
        for (id, text) in ids.into_iter().zip(texts) {
            assert_eq!(names.text(id), Some(text));
        }
        let ids = [MAIN, CORE, BASE, TYPE_NAME];
        for (id, text) in ids.into_iter().zip(["Main", "Core", "Base", "TypeName"]) {
            assert_eq!(names.text(id), Some(text));
        }
        for id in 0..u32::try_from(names.count()).unwrap() {
            if let Some(eltype) = number(id) {
                assert_eq!(names.text(id), Some(eltype.name()));
            }
        }
        let ids = [JL_ANONYMOUS, JL_BOTTOM_TYPE, STRUCT, SVEC, SYMBOL, TUPLE, UNIONALL];
        let texts = ["jl_anonymous", "jl_bottom_type", "struct", "svec", "symbol", "tuple", "unionall"];
        for (id, text) in ids.into_iter().zip(texts) {
            assert_eq!(names.text(id), Some(text));
        }
    }

    #[test]
    fn equal_names_have_equal_ids_and_others_do_not() {
        let mut names = Names::new(1 << 20);
        let ids: Vec<_> = (0..5000).map(|i| names.intern(format!("name {i}").as_bytes(), i).unwrap()).collect();
        for (i, &id) in (0_u32..).zip(&ids) {
            assert_eq!(names.intern(format!("name {i}").as_bytes(), 9_999_999), Some(id));
            assert_eq!(names.span(id).offset, i);
        }
    }

    #[test]
    fn names_are_charged_before_they_are_kept() {
        let mut names = Names::new(5);
        assert!(names.intern(b"abc", 0).is_some());
        assert!(names.intern(b"de", 0).is_some());
        assert!(names.intern(b"f", 0).is_none());
        assert!(names.intern(b"abc", 0).is_some());
    }
}
