//! What a file consists of, one small record per element, in the order of the file.
//!
//! A record says what an element is, under which key, and where its value lies or where its next sibling begins. Whatever
//! is asked later is answered from the tape; the file is not read again.

use alloc::vec::Vec;

use flux_airlock_wire::{Segment, Span};

use crate::{
    ix, len32,
    names::{self, NameId, Names},
};

/// A record's place on the tape. The file's own document is at 0.
pub(crate) type RecordId = u32;

/// What an element is. One byte, its document's tag included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    Double,
    /// A string that is kept in [`Names`].
    Name,
    String,
    Document(Tag),
    Array,
    Binary,
    Boolean,
    Null,
    Int32,
    Int64,
    /// Numbers that follow one another in an array, under keys of one length: see [`SHORTEST_RUN`].
    Doubles,
    Int32s,
    Int64s,
}

/// Lists of numbers are where files have most elements, and one record can stand for many of them. It stands for so many
/// at least: places in shorter lists may have a meaning, as those of a struct's fields and of a closure's statements do, and
/// there each element has a record.
pub(crate) const SHORTEST_RUN: usize = 80;

/// The meaning of a document, by its `tag`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tag {
    /// No tag, or one without a meaning.
    Plain,
    Array,
    Backref,
    BottomType,
    Closure,
    DataType,
    Ref,
    Struct,
    Svec,
    Symbol,
    Tuple,
    UnionAll,
}

impl Tag {
    /// The tag of this name.
    pub(crate) const fn from_name(name: NameId) -> Option<Self> {
        Some(match name {
            names::ARRAY => Self::Array,
            names::BACKREF => Self::Backref,
            names::DATATYPE => Self::DataType,
            names::JL_ANONYMOUS => Self::Closure,
            names::JL_BOTTOM_TYPE => Self::BottomType,
            names::REF => Self::Ref,
            names::STRUCT => Self::Struct,
            names::SVEC => Self::Svec,
            names::SYMBOL => Self::Symbol,
            names::TUPLE => Self::Tuple,
            names::UNIONALL => Self::UnionAll,
            _ => return None,
        })
    }

    /// The keys that a document with this tag has beside `tag`.
    pub(crate) const fn keys(self) -> &'static [NameId] {
        match self {
            Self::Plain | Self::BottomType => &[],
            Self::Array => &[names::TYPE, names::SIZE, names::DATA],
            Self::Backref => &[names::REF],
            Self::Closure => &[names::TYPENAME, names::PARAMS],
            Self::DataType => &[names::NAME, names::PARAMS],
            Self::Ref => &[names::PATH],
            Self::Struct => &[names::TYPE, names::DATA],
            Self::Svec | Self::Tuple => &[names::DATA],
            Self::Symbol => &[names::NAME],
            Self::UnionAll => &[names::VAR, names::BODY],
        }
    }
}

/// One element, or a run of numbers.
///
/// | form | `a` | `b` |
/// | --- | --- | --- |
/// | number, boolean | low half of the value | high half |
/// | name | its id | offset of its bytes |
/// | string, binary | offset of its bytes | how many there are |
/// | run of numbers | how many | bytes from one to the next |
/// | document, array | the record after its last | how many elements; of a back reference the entry it names, from 0 |
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Offset of the element's type byte; of a run's first.
    pub(crate) offset: u32,
    /// The key's id, or the place in an array, counted from 0; of a run the first one's.
    key: [u8; 3],
    pub(crate) form: Form,
    pub(crate) a: u32,
    pub(crate) b: u32,
}

impl Record {
    /// An element of which no more than its beginning is known.
    pub(crate) fn new(offset: u32, key: u32, form: Form) -> Self {
        let [k0, k1, k2, _] = key.to_le_bytes();
        Self { offset, key: [k0, k1, k2], form, a: OPEN, b: 0 }
    }

    /// The same with its value.
    pub(crate) const fn with(self, a: u32, b: u32) -> Self {
        Self { a, b, ..self }
    }

    /// What it is in an equal document, so far on in the file and on the tape.
    pub(crate) const fn moved(self, on: u32, on_tape: u32) -> Self {
        let (a, b) = match self.form {
            Form::String | Form::Binary => (self.a.wrapping_add(on), self.b),
            Form::Name => (self.a, self.b.wrapping_add(on)),
            Form::Document(_) | Form::Array => (self.a.wrapping_add(on_tape), self.b),
            Form::Double
            | Form::Boolean
            | Form::Null
            | Form::Int32
            | Form::Int64
            | Form::Doubles
            | Form::Int32s
            | Form::Int64s => (self.a, self.b),
        };
        Self { offset: self.offset.wrapping_add(on), a, b, ..self }
    }

    /// The key's id, or the place in an array.
    pub(crate) fn key(&self) -> u32 {
        let [k0, k1, k2] = self.key;
        u32::from_le_bytes([k0, k1, k2, 0])
    }

    /// The 64 bits of a number.
    pub(crate) fn bits(&self) -> u64 {
        u64::from(self.b) << 32 | u64::from(self.a)
    }

    /// The integer, if it is one.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self.form {
            Form::Int32 => Some(i64::from(self.a.cast_signed())),
            Form::Int64 => Some(self.bits().cast_signed()),
            _ => None,
        }
    }

    /// The tag of a document; every other element is plain.
    pub(crate) const fn tag(&self) -> Tag {
        match self.form {
            Form::Document(tag) => tag,
            _ => Tag::Plain,
        }
    }

    /// Where the next element begins that is not part of this one, whose place is `id`.
    pub(crate) const fn next(&self, id: RecordId) -> RecordId {
        if self.is_container() { self.a } else { id.saturating_add(1) }
    }

    pub(crate) const fn is_container(&self) -> bool {
        matches!(self.form, Form::Document(_) | Form::Array)
    }

    pub(crate) const fn is_run(&self) -> bool {
        matches!(self.form, Form::Doubles | Form::Int32s | Form::Int64s)
    }
}

/// The `a` of a document whose end was not reached.
const OPEN: u32 = u32::MAX;

/// The records, and the names they speak of.
pub(crate) struct Tape {
    pub(crate) records: Vec<Record>,
    pub(crate) names: Names,
    /// The entries of `_backrefs`.
    pub(crate) entries: Vec<RecordId>,
}

impl Tape {
    pub(crate) fn new(names_bytes: u32, file_len: u32) -> Self {
        let first = ix(file_len / 16).clamp(4, 1024);
        Self { records: Vec::with_capacity(first), names: Names::new(names_bytes), entries: Vec::new() }
    }

    /// Makes room for more records, no more than `most` in all, when those that there are have taken `read` bytes of the
    /// `file_len` bytes of the file.
    ///
    /// Records are moved as they grow, which costs as much as to write them. So there is room for as many as the whole file
    /// would have if it went on like this, within bounds: behind much structure there may be nothing but payload.
    #[cold]
    pub(crate) fn make_room(&mut self, read: u32, file_len: u32, most: u32) {
        let len = u64::from(self.len());
        let expected = len.saturating_mul(file_len.into()).checked_div(read.into()).unwrap_or(len);
        let more = expected.saturating_sub(len).saturating_add(expected >> 4);
        let more = more.clamp(len, len.saturating_mul(7)).min(u64::from(most).saturating_sub(len));
        self.records.reserve_exact(usize::try_from(more).unwrap_or(0).max(1));
    }

    /// The record at `id`; a harmless one if there is none.
    pub(crate) fn get(&self, id: RecordId) -> Record {
        self.records.get(ix(id)).copied().unwrap_or(Record::new(0, 0, Form::Null))
    }

    /// The record after the last of `id`.
    pub(crate) fn next(&self, id: RecordId) -> RecordId {
        self.get(id).next(id)
    }

    /// The elements of a document or array, in order; a run of numbers is one.
    pub(crate) fn children(&self, id: RecordId) -> impl Iterator<Item = RecordId> + '_ {
        let (at, end) = if self.get(id).is_container() { (id.saturating_add(1), self.next(id)) } else { (0, 0) };
        self.between(at, end)
    }

    /// The elements of one document or array that begin at `at`, up to `end`.
    pub(crate) fn between(&self, mut at: RecordId, end: RecordId) -> impl Iterator<Item = RecordId> + '_ {
        core::iter::from_fn(move || {
            (at < end).then(|| {
                let child = at;
                at = self.next(child);
                child
            })
        })
    }

    /// How many elements a document or array has.
    pub(crate) fn count(&self, id: RecordId) -> u32 {
        let record = self.get(id);
        if record.is_container() && record.tag() != Tag::Backref { record.b } else { 0 }
    }

    /// The element of document `id` under the key `name`.
    pub(crate) fn field(&self, id: RecordId, name: NameId) -> Option<RecordId> {
        self.children(id).find(|&child| self.get(child).key() == name)
    }

    /// What `id` means: itself, or the entry that it refers to. Entries are never back references.
    pub(crate) fn resolve(&self, id: RecordId) -> RecordId {
        let record = self.get(id);
        if record.tag() == Tag::Backref { self.entries.get(ix(record.b)).copied().unwrap_or(id) } else { id }
    }

    /// Offset of the bytes of an element that is no document, array or kept name, given whether its parent is an array.
    pub(crate) fn payload(&self, id: RecordId, in_array: bool) -> u32 {
        let record = self.get(id);
        match record.form {
            Form::String | Form::Binary => record.a,
            Form::Name => record.b,
            _ => {
                let key = record.key();
                let key_len = if in_array { decimal_len(key) } else { self.names.len(key) };
                record.offset.saturating_add(key_len).saturating_add(2)
            }
        }
    }

    /// The way from the file's document to `target`.
    pub(crate) fn path(&self, target: RecordId) -> Vec<Segment> {
        let mut path = Vec::new();
        let mut at = 0;
        while at < target {
            let in_array = self.get(at).form == Form::Array;
            let mut child = at.saturating_add(1);
            while self.next(child) <= target && child < target {
                child = self.next(child);
            }
            let record = self.get(child);
            path.push(if in_array {
                Segment::Index(record.key())
            } else {
                Segment::Key(Span { offset: record.offset.saturating_add(1), len: self.names.len(record.key()) })
            });
            at = child;
        }
        path
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> u32 {
        len32(self.records.len())
    }
}

/// How many digits a place in an array has.
pub(crate) fn decimal_len(place: u32) -> u32 {
    place.checked_ilog10().unwrap_or(0).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_sixteen_bytes() {
        assert_eq!(size_of::<Record>(), 16);
    }
}
