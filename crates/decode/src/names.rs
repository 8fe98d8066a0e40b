//! Names of the file, each kept once.
//!
//! Keys, symbols and the parts of paths repeat again and again. A [`Names`] gives equal names equal ids, by comparing the
//! bytes themselves: no digest decides. Most names are short, and are compared as two words.

use alloc::{vec, vec::Vec};

use flux_airlock_wire::{Eltype, Span};

use crate::{ix, len32};

/// A name's id.
pub(crate) type NameId = u32;

/// The names that have a meaning in the format. Their ids are their places.
const KNOWN: [&str; 42] = [
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
/// How many known names there are: the file's own have larger ids.
pub(crate) const KNOWN_COUNT: NameId = 42;

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

/// A name of at most fifteen bytes: they, and in the last byte their number plus one.
#[derive(Clone, Copy, Eq, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Short {
    low: u64,
    high: u64,
}

impl Short {
    /// No name, but what a long one has in its stead.
    const NONE: Self = Self { low: 0, high: 0 };

    /// The bytes up to the first zero; `None` if there is none, or too late.
    #[inline]
    pub(crate) const fn until_zero(bytes: &[u8; 16]) -> Option<Self> {
        let [low, high] = words(bytes);
        if let Some((low, len)) = before_zero(low) {
            return Some(Self { low, high: mark(len) });
        }
        match before_zero(high) {
            Some((high, len)) => Some(Self { low, high: high | mark(len.wrapping_add(8)) }),
            None => None,
        }
    }

    /// The first `len` bytes; `None` if they are too many.
    #[inline]
    pub(crate) const fn first(bytes: &[u8; 16], len: u32) -> Option<Self> {
        let [low, high] = words(bytes);
        match len {
            0..8 => Some(Self { low: low & below(len), high: mark(len) }),
            8..16 => Some(Self { low, high: high & below(len.wrapping_sub(8)) | mark(len) }),
            _ => None,
        }
    }

    /// The whole of a name, if it is short.
    fn of(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Self::first(&bytes, len32(name.len()))
    }

    /// How many bytes it has.
    #[inline]
    pub(crate) fn len(self) -> u32 {
        u32::try_from(self.high >> 56).unwrap_or(0).wrapping_sub(1)
    }

    /// A quick mixing. It need not resist anyone: names are compared, and a file whose names all collide runs out of fuel.
    #[inline]
    const fn mix(self) -> u64 {
        (self.low ^ self.high.rotate_left(8)).wrapping_mul(FACTOR)
    }
}

#[inline]
const fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let [low, high, ..] = bytes.as_chunks::<8>().0 else { return [0; 2] };
    [u64::from_le_bytes(*low), u64::from_le_bytes(*high)]
}

/// The length in the last byte of the second word.
#[expect(clippy::as_conversions, reason = "widening, in a constant")]
const fn mark(len: u32) -> u64 {
    (len as u64).wrapping_add(1) << 56
}

/// The lowest `bytes` bytes of a word, which has more.
const fn below(bytes: u32) -> u64 {
    1_u64.wrapping_shl(bytes.wrapping_mul(8)).wrapping_sub(1)
}

/// The bytes of a word below its first zero, and how many they are; `None` if no byte is zero.
#[inline]
const fn before_zero(word: u64) -> Option<(u64, u32)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The lowest bit that is set is the highest one of the first byte that is zero.
    let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
    if zeros == 0 {
        return None;
    }
    let lowest = zeros & zeros.wrapping_neg();
    Some((word & lowest.wrapping_sub(1), lowest.trailing_zeros() >> 3))
}

/// No two known names are in one place under this factor, which was found by trying.
const FACTOR: u64 = 0x025b_413f_8a9a_021f;

/// The known names as words.
const KNOWN_SHORT: [Short; KNOWN.len()] = known_short();
/// The id of the known name in each place; a harmless one where there is none, since names are compared.
const KNOWN_PLACES: [u8; 256] = known_places();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler evaluates it")]
const fn known_short() -> [Short; KNOWN.len()] {
    let mut all = [Short::NONE; KNOWN.len()];
    let mut id = 0;
    while id < KNOWN.len() {
        let name = KNOWN[id].as_bytes();
        let (mut bytes, mut at, mut len) = ([0; 16], 0, 0);
        while at < name.len() {
            bytes[at] = name[at];
            (at, len) = (at + 1, len + 1);
        }
        all[id] = match Short::first(&bytes, len) {
            Some(short) => short,
            None => Short::NONE,
        };
        id += 1;
    }
    all
}

#[expect(clippy::as_conversions, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#[expect(clippy::cast_possible_truncation, reason = "the compiler evaluates it")]
const fn known_places() -> [u8; 256] {
    let mut places = [0; 256];
    let mut is_taken = [false; 256];
    let mut id = 0;
    while id < KNOWN.len() {
        let place = (KNOWN_SHORT[id].mix() >> 56) as usize;
        assert!(!is_taken[place], "two known names in one place");
        (places[place], is_taken[place]) = (id as u8, true);
        id += 1;
    }
    places
}

/// All names met so far.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Names {
    /// Where the file has each known name; `UNSEEN` before it was met.
    known: [u32; KNOWN.len()],
    /// The file's own names, one after another.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Places in `entries` plus one, by the highest bits of the mixture, which depend on all of the name; 0 is free. At
    /// least twice as many as entries.
    slots: Vec<u32>,
    /// The other bits: the length of `slots` is 2 to the power of 32 less these.
    shift: u32,
    most_bytes: u32,
}

#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug))]
struct Entry {
    short: Short,
    start: u32,
    len: u32,
    /// Offset in the file of an occurrence.
    offset: u32,
    mixed: u32,
    is_utf8: bool,
}

const UNSEEN: u32 = u32::MAX;

impl Names {
    /// The known names, and room for `most_bytes` bytes of the file's own.
    pub(crate) fn new(most_bytes: u32) -> Self {
        Self {
            known: [UNSEEN; KNOWN.len()],
            bytes: Vec::new(),
            entries: Vec::new(),
            slots: vec![0; 16],
            shift: 32 - 4,
            most_bytes,
        }
    }

    /// The id of this name, which was met at `offset`; `None` if there is no room for one more, or it is no UTF-8.
    #[inline]
    pub(crate) fn short(&mut self, name: Short, offset: u32) -> Option<NameId> {
        let mixed = name.mix();
        let known = KNOWN_PLACES.get(usize::try_from(mixed >> 56).ok()?).copied().map(usize::from)?;
        if KNOWN_SHORT.get(known) == Some(&name) {
            let seen = self.known.get_mut(known)?;
            if *seen == UNSEEN {
                *seen = offset;
            }
            return u32::try_from(known).ok();
        }
        self.own_short(name, mixed, offset)
    }

    fn own_short(&mut self, name: Short, mixed: u64, offset: u32) -> Option<NameId> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = ix(upper(mixed).wrapping_shr(self.shift));
        while let Some(place) = self.slots.get(slot)?.checked_sub(1) {
            if let Some(entry) = self.entries.get(ix(place))
                && entry.short == name
            {
                return entry.is_utf8.then(|| place.wrapping_add(KNOWN_COUNT));
            }
            slot = slot.wrapping_add(1) & mask;
        }
        let bytes = [name.low.to_le_bytes(), name.high.to_le_bytes()];
        let id = self.add(bytes.as_flattened().get(..ix(name.len()))?, name, upper(mixed), offset, slot)?;
        self.is_utf8(id).then_some(id)
    }

    /// The id of this name, which was met at `offset`; `None` if there is no room for one more.
    pub(crate) fn intern(&mut self, name: &[u8], offset: u32) -> Option<NameId> {
        let short = Short::of(name);
        if let Some(id) = short.and_then(|short| self.short(short, offset)) {
            return Some(id);
        }
        let short = short.unwrap_or(Short::NONE);
        let mixed = upper(if short == Short::NONE { mix(name) } else { short.mix() });
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = ix(mixed.wrapping_shr(self.shift));
        while let Some(place) = self.slots.get(slot)?.checked_sub(1) {
            if let Some(entry) = self.entries.get(ix(place))
                && entry.mixed == mixed
                && self.bytes.get(ix(entry.start)..).and_then(|b| b.get(..ix(entry.len))) == Some(name)
            {
                return Some(place.wrapping_add(KNOWN_COUNT));
            }
            slot = slot.wrapping_add(1) & mask;
        }
        self.add(name, short, mixed, offset, slot)
    }

    /// Adds a name, for which this slot is free.
    #[cold]
    fn add(&mut self, name: &[u8], short: Short, mixed: u32, offset: u32, slot: usize) -> Option<NameId> {
        let start = self.bytes.len();
        let place = len32(self.entries.len());
        let id = place.saturating_add(KNOWN_COUNT);
        if start.saturating_add(name.len()) > ix(self.most_bytes) || id >= MOST_NAMES {
            return None;
        }
        self.bytes.extend_from_slice(name);
        let is_utf8 = core::str::from_utf8(name).is_ok();
        self.entries.push(Entry { short, start: len32(start), len: len32(name.len()), offset, mixed, is_utf8 });
        *self.slots.get_mut(slot)? = place.saturating_add(1);
        if self.entries.len().saturating_mul(2) > self.slots.len() {
            self.grow();
        }
        Some(id)
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.slots.len().saturating_mul(4);
        self.shift = self.shift.saturating_sub(2);
        let mask = size.wrapping_sub(1);
        let mut slots = vec![0; size];
        for (entry, place) in self.entries.iter().zip(1_u32..) {
            let mut slot = ix(entry.mixed.wrapping_shr(self.shift));
            while slots.get(slot).is_some_and(|&taken| taken != 0) {
                slot = slot.wrapping_add(1) & mask;
            }
            if let Some(free) = slots.get_mut(slot) {
                *free = place;
            }
        }
        self.slots = slots;
    }

    /// One of the file's own names.
    fn own(&self, id: NameId) -> Option<&Entry> {
        self.entries.get(ix(id.checked_sub(KNOWN_COUNT)?))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.entries.len().saturating_add(KNOWN.len())
    }

    /// The bytes of a name.
    pub(crate) fn bytes(&self, id: NameId) -> &[u8] {
        if let Some(known) = KNOWN.get(ix(id)) {
            return known.as_bytes();
        }
        let Some(entry) = self.own(id) else { return &[] };
        self.bytes.get(ix(entry.start)..).and_then(|b| b.get(..ix(entry.len))).unwrap_or(&[])
    }

    /// The name as text; `None` if it is no UTF-8.
    pub(crate) fn text(&self, id: NameId) -> Option<&str> {
        core::str::from_utf8(self.bytes(id)).ok()
    }

    /// Is the name UTF-8?
    pub(crate) fn is_utf8(&self, id: NameId) -> bool {
        id < KNOWN_COUNT || self.own(id).is_some_and(|entry| entry.is_utf8)
    }

    /// Does the file have this name?
    pub(crate) fn is_seen(&self, id: NameId) -> bool {
        self.span(id) != Span::default()
    }

    /// How long a name is.
    pub(crate) fn len(&self, id: NameId) -> u32 {
        match KNOWN_SHORT.get(ix(id)) {
            Some(known) => known.len(),
            None => self.own(id).map_or(0, |entry| entry.len),
        }
    }

    /// Where the file has this name.
    pub(crate) fn span(&self, id: NameId) -> Span {
        match self.known.get(ix(id)) {
            Some(&UNSEEN) => Span::default(),
            Some(&offset) => Span { offset, len: self.len(id) },
            None => self.own(id).map_or(Span::default(), |entry| Span { offset: entry.offset, len: entry.len }),
        }
    }
}

/// Ids share a word of the tape with other things.
const MOST_NAMES: u32 = 1 << 24;

/// A quick mixing of a long name, for which the same holds as for that of a short one.
fn mix(bytes: &[u8]) -> u64 {
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
    (mixed ^ last).wrapping_mul(FACTOR)
}

/// The upper half of a mixture.
fn upper(mixed: u64) -> u32 {
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

    #[test]
    fn short_and_long_names_are_told_apart() {
        let mut names = Names::new(1 << 20);
        let texts = [
            "",
            "a",
            "a\0",
            "tag",
            "tag\0",
            "exactly8",
            "fifteen bytes!!",
            "sixteen bytes!!!",
            "seventeen bytes!!",
            "ä",
        ];
        let ids: Vec<_> = texts.iter().map(|text| names.intern(text.as_bytes(), 7).unwrap()).collect();
        for (i, (text, &id)) in texts.iter().zip(&ids).enumerate() {
            assert_eq!(names.bytes(id), text.as_bytes());
            assert!(!ids[..i].contains(&id), "{text}");
            let mut bytes = [b'?'; 16];
            let known = text.len().min(16);
            bytes[..known].copy_from_slice(&text.as_bytes()[..known]);
            let short = Short::first(&bytes, u32::try_from(text.len()).unwrap());
            assert_eq!(short.is_some(), text.len() < 16, "{text}");
            assert!(short.is_none_or(|short| names.short(short, 9) == Some(id)), "{text}");
            // A key ends before its first zero.
            if known < 16 && !text.contains('\0') {
                bytes[known] = 0;
                assert!(Short::until_zero(&bytes) == short, "{text}");
            }
        }
        assert!(Short::until_zero(&[b'x'; 16]).is_none());
        assert_eq!((names.span(TAG), names.is_seen(DATA)), (Span { offset: 7, len: 3 }, false));
    }

    #[test]
    fn a_short_name_that_is_no_text_is_left_to_the_long_way() {
        let mut names = Names::new(100);
        let short = Short::first(&[0xff; 16], 3).unwrap();
        assert_eq!(names.short(short, 5), None);
        let id = names.intern(b"\xff\xff\xff", 5).unwrap();
        assert!(!names.is_utf8(id) && names.short(short, 5).is_none());
    }
}
