//! The byte form of an answer, and how either side goes through it.
//!
//! An answer begins with [`VERSION`] and says whether it is a refusal. What follows is written by postcard, entry after
//! entry, so that a reader can count before it believes, and keep entries where they are instead of copying them:
//!
//! ```text
//! version u8 · 1 · Refusal
//! version u8 · 0 · Counts · WrittenBy · texts [Span] · tensors [Tensor] · runs [Run] · nodes [Node] · variables · asides · notes
//! ```

use alloc::vec::Vec;
use core::fmt;

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::{Eltype, Node, Refusal, Tensor, VERSION, WrittenBy};

/// How many entries of each sort follow.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Texts: spans of the file.
    pub texts: u32,
    /// Arrays.
    pub tensors: u32,
    /// Runs of numbers.
    pub runs: u32,
    /// Nodes, each after all that it refers to.
    pub nodes: u32,
    /// Saved variables.
    pub variables: u32,
    /// Values beside the result.
    pub asides: u32,
    /// Remarks.
    pub notes: u32,
}

/// The answer would be larger than was granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

/// The bytes of one sort of entries, while they are written.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    count: u32,
    most: usize,
}

impl Writer {
    /// Nothing yet, and never more than `most` bytes.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), count: 0, most }
    }

    /// How many entries there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Adds an entry, and gives its id.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room left; the writer is then of no further use.
    pub fn push<T: Serialize>(&mut self, entry: &T) -> Result<u32, Full> {
        postcard::serialize_with_flavor(entry, Bounded { bytes: &mut self.bytes, most: self.most })
            .map_err(|_| Full)?;
        self.counted()
    }

    /// Adds a node like [`Writer::push`], by a shorter way: most entries of an answer are nodes, and most of them small.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room left; the writer is then of no further use.
    pub fn push_node(&mut self, node: &Node<'_>) -> Result<u32, Full> {
        match *node {
            Node::Null => self.bytes_of(Head::of(NULL))?,
            Node::Number { eltype, offset } => return self.push_number(eltype, offset),
            Node::Symbol(text) => self.bytes_of(Head::of(SYMBOL).varint(text))?,
            Node::Tensor(tensor) => self.bytes_of(Head::of(TENSOR).varint(tensor))?,
            Node::Text(text) => self.bytes_of(Head::of(TEXT).varint(text))?,
            Node::List(ids) if let Some(ids) = ids.as_bytes() => self.ids(LIST, ids)?,
            Node::Tuple(ids) if let Some(ids) = ids.as_bytes() => self.ids(TUPLE, ids)?,
            _ => return self.push(node),
        }
        self.counted()
    }

    /// Adds a number of the file like [`Writer::push`]: of these, an answer can have millions.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room left; the writer is then of no further use.
    #[inline]
    pub fn push_number(&mut self, eltype: Eltype, offset: u32) -> Result<u32, Full> {
        self.bytes_of(Head::of(NUMBER).byte(eltype.index()).varint(offset))?;
        self.counted()
    }

    /// Adds numbers like [`Writer::push_number`], all at once where all can be written.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room left; [`Writer::count`] says how many were written.
    pub fn push_numbers(&mut self, mut numbers: impl Iterator<Item = (Eltype, u32)>) -> Result<(), Full> {
        let most = numbers.size_hint().1.unwrap_or(usize::MAX).saturating_mul(Head::MOST);
        if most > self.most.saturating_sub(self.bytes.len()) {
            return numbers.try_for_each(|(eltype, offset)| self.push_number(eltype, offset).map(|_| ()));
        }
        let (mut piece, mut filled, mut count) = ([0; PIECE], 0_usize, self.count);
        for (eltype, offset) in numbers {
            let head = Head::of(NUMBER).byte(eltype.index()).varint(offset);
            if let Some(word) = piece.get_mut(filled..).and_then(|rest| rest.first_chunk_mut()) {
                *word = head.word.to_le_bytes();
            }
            filled = filled.saturating_add(head.len());
            count = count.checked_add(1).ok_or(Full)?;
            if filled > PIECE.saturating_sub(size_of::<u64>()) {
                self.bytes.extend_from_slice(piece.get(..filled).unwrap_or(&[]));
                filled = 0;
            }
        }
        self.bytes.extend_from_slice(piece.get(..filled).unwrap_or(&[]));
        self.count = count;
        Ok(())
    }

    #[inline]
    fn counted(&mut self) -> Result<u32, Full> {
        let id = self.count;
        self.count = id.checked_add(1).ok_or(Full)?;
        Ok(id)
    }

    #[inline]
    fn bytes_of(&mut self, head: Head) -> Result<(), Full> {
        let start = self.bytes.len();
        let end = start.saturating_add(head.len());
        if end > self.most {
            return Err(Full);
        }
        // A whole word is one store; what of it is too much is cut off again.
        self.bytes.extend_from_slice(&head.word.to_le_bytes());
        self.bytes.truncate(end);
        Ok(())
    }

    fn ids(&mut self, variant: u8, ids: &[u8]) -> Result<(), Full> {
        self.bytes_of(Head::of(variant).varint(u32::try_from(ids.len()).map_err(|_| Full)?))?;
        if ids.len() > self.most.saturating_sub(self.bytes.len()) {
            return Err(Full);
        }
        self.bytes.extend_from_slice(ids);
        Ok(())
    }
}

/// The first bytes of a node, as postcard writes them: at most seven, the first one lowest.
#[derive(Clone, Copy)]
struct Head {
    word: u64,
    bits: u32,
}

// The places of the variants in `Node`, which a test compares with postcard's.
const LIST: u8 = 5;
const NULL: u8 = 7;
const NUMBER: u8 = 8;
const SYMBOL: u8 = 13;
const TENSOR: u8 = 14;
const TEXT: u8 = 15;
const TUPLE: u8 = 16;

/// Numbers are gathered in pieces of so many bytes.
const PIECE: usize = 512;

impl Head {
    /// How many bytes it has at most.
    const MOST: usize = 7;

    fn of(variant: u8) -> Self {
        Self { word: variant.into(), bits: 8 }
    }

    fn len(self) -> usize {
        usize::try_from(self.bits >> 3).unwrap_or(usize::MAX)
    }

    /// A number below 128.
    fn byte(self, byte: u8) -> Self {
        self.part(byte.into(), 8)
    }

    /// Seven bits in each byte, the lowest first; the highest bit of a byte says that one more follows.
    #[inline]
    fn varint(self, number: u32) -> Self {
        let number = u64::from(number);
        let groups = number & 0x7f
            | (number & 0x3f80) << 1
            | (number & 0x1f_c000) << 2
            | (number & 0xfe0_0000) << 3
            | (number & 0xf000_0000) << 4;
        let more = match number {
            0..0x80 => 0,
            0x80..0x4000 => 0x80,
            0x4000..0x20_0000 => 0x8080,
            0x20_0000..0x1000_0000 => 0x80_8080,
            _ => 0x8080_8080,
        };
        self.part(groups | more, 8_u32.saturating_add(u64::count_ones(more).saturating_mul(8)))
    }

    fn part(self, word: u64, bits: u32) -> Self {
        Self { word: self.word | word.wrapping_shl(self.bits), bits: self.bits.saturating_add(bits) }
    }
}

/// The sections of an answer that opens a file.
#[derive(Debug)]
pub struct Sections {
    /// Spans.
    pub texts: Writer,
    /// Arrays.
    pub tensors: Writer,
    /// Runs of numbers.
    pub runs: Writer,
    /// Nodes.
    pub nodes: Writer,
    /// Variables.
    pub variables: Writer,
    /// Asides.
    pub asides: Writer,
    /// Notes.
    pub notes: Writer,
    /// What wrote the file.
    pub written_by: WrittenBy,
}

impl Sections {
    /// Empty ones, none of which will be larger than `most` bytes.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            texts: Writer::new(most),
            tensors: Writer::new(most),
            runs: Writer::new(most),
            nodes: Writer::new(most),
            variables: Writer::new(most),
            asides: Writer::new(most),
            notes: Writer::new(most),
            written_by: WrittenBy { flux: None, julia: None, bson_jl: None },
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    ///
    /// [`Full`] if it is larger than `most` bytes.
    pub fn finish(self, most: usize) -> Result<Vec<u8>, Full> {
        let counts = Counts {
            texts: self.texts.count,
            tensors: self.tensors.count,
            runs: self.runs.count,
            nodes: self.nodes.count,
            variables: self.variables.count,
            asides: self.asides.count,
            notes: self.notes.count,
        };
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&[VERSION, OPENED]);
        let head = (counts, self.written_by);
        postcard::serialize_with_flavor(&head, Bounded { bytes: &mut bytes, most }).map_err(|_| Full)?;
        for section in [self.texts, self.tensors, self.runs, self.nodes, self.variables, self.asides, self.notes] {
            if bytes.len().saturating_add(section.bytes.len()) > most {
                return Err(Full);
            }
            bytes.extend_from_slice(&section.bytes);
        }
        Ok(bytes)
    }
}

/// The answer that refuses a file.
#[must_use]
pub fn refuse(refusal: &Refusal) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&[VERSION, REFUSED]);
    // Cannot fail: there is no bound, and nothing in a refusal that postcard does not know.
    let _ = postcard::serialize_with_flavor(refusal, Bounded { bytes: &mut bytes, most: usize::MAX });
    bytes
}

/// An answer while it is read, front to back.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The file is opened: so many entries, what wrote it, and the entries.
    Opened(Counts, WrittenBy, Entries<'a>),
    /// The file is refused.
    Refused(Refusal),
}

/// What makes an answer unreadable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AnswerError {
    /// Bytes follow its last entry.
    Trailing,
    /// It ends too early, or an entry of it is not one.
    Malformed,
    /// It was written in another version.
    Version(u8),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trailing => f.write_str("bytes follow the last entry"),
            Self::Malformed => f.write_str("an entry is malformed"),
            Self::Version(found) => write!(f, "version {found} instead of {VERSION}"),
        }
    }
}

impl core::error::Error for AnswerError {}

impl<'a> Answer<'a> {
    /// Begins to read an answer. A refusal's path is not longer than the answer itself, and is read whole.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] unless the version is ours and the beginning is well formed.
    pub fn read(bytes: &'a [u8]) -> Result<Self, AnswerError> {
        let (&version, rest) = bytes.split_first().ok_or(AnswerError::Malformed)?;
        if version != VERSION {
            return Err(AnswerError::Version(version));
        }
        let (&verdict, rest) = rest.split_first().ok_or(AnswerError::Malformed)?;
        match verdict {
            OPENED => {
                let mut entries = Entries { bytes, rest };
                let (counts, written_by) = entries.take()?;
                Ok(Self::Opened(counts, written_by, entries))
            }
            REFUSED => {
                let mut entries = Entries { bytes, rest };
                let refusal = entries.take()?;
                entries.finish()?;
                Ok(Self::Refused(refusal))
            }
            _ => Err(AnswerError::Malformed),
        }
    }
}

/// The entries of an answer, one after another.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Where the next entry begins, counted from the start of the answer.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.bytes.len().saturating_sub(self.rest.len())
    }

    /// The next entry, borrowed from the answer.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Malformed`] if there is none, or not of this type.
    pub fn take<T: Deserialize<'a>>(&mut self) -> Result<T, AnswerError> {
        let (entry, rest) = postcard::take_from_bytes(self.rest).map_err(|_| AnswerError::Malformed)?;
        self.rest = rest;
        Ok(entry)
    }

    /// The next entry if it is a number of the file, as most nodes of a long list are. `None`, and nothing taken, where it is
    /// not, and near the end of the answer, where [`Entries::take`] says what it is.
    #[inline]
    pub fn take_number(&mut self) -> Option<(Eltype, u32)> {
        let (eltype, offset, rest) = number(self.rest)?;
        self.rest = rest;
        Some((eltype, offset))
    }

    /// Says that there was no entry more.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Trailing`] if bytes are left.
    pub const fn finish(self) -> Result<(), AnswerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(AnswerError::Trailing) }
    }
}

/// The node whose entry begins at `position` of an answer that was read before.
#[must_use]
#[inline]
pub fn node_at(bytes: &[u8], position: u32) -> Option<Node<'_>> {
    let rest = bytes.get(usize::try_from(position).ok()?..)?;
    match number(rest) {
        Some((eltype, offset, _)) => Some(Node::Number { eltype, offset }),
        None => entry_at(bytes, position),
    }
}

/// Is the node whose entry begins at `position` of an answer that was read before a number of the file, written as
/// [`Writer::push_number`] writes it? Postcard reads other forms too.
#[must_use]
#[inline]
pub fn is_number_at(bytes: &[u8], position: u32) -> bool {
    usize::try_from(position).ok().and_then(|position| bytes.get(position)) == Some(&NUMBER)
}

/// The array whose entry begins at `position` of an answer that was read before.
#[must_use]
pub fn tensor_at(bytes: &[u8], position: u32) -> Option<Tensor<'_>> {
    entry_at(bytes, position)
}

fn entry_at<'a, T: Deserialize<'a>>(bytes: &'a [u8], position: u32) -> Option<T> {
    let rest = bytes.get(usize::try_from(position).ok()?..)?;
    postcard::take_from_bytes(rest).ok().map(|(entry, _)| entry)
}

/// The number of the file that these bytes begin with, and the bytes after it. Where there is none, and where the bytes are
/// few, it is for postcard to say what is there.
#[inline]
fn number(bytes: &[u8]) -> Option<(Eltype, u32, &[u8])> {
    let word: &[u8; 8] = bytes.first_chunk()?;
    let [variant, eltype, ..] = *word;
    let eltype = *Eltype::ALL.get(usize::from(eltype)).filter(|_| variant == NUMBER)?;
    let coded = u64::from_le_bytes(*word) >> 16;
    // Of five bytes, the first that says that none follows is the last one.
    let last = (!coded & 0x80_8080_8080).trailing_zeros() >> 3;
    let groups = coded & 0x7f_7f7f_7f7f & u64::MAX.checked_shr(56_u32.checked_sub(last.checked_mul(8)?)?)?;
    let offset = groups & 0x7f
        | (groups & 0x7f00) >> 1
        | (groups & 0x7f_0000) >> 2
        | (groups & 0x7f00_0000) >> 3
        | (groups & 0x7f_0000_0000) >> 4;
    let rest = bytes.get(usize::try_from(last.checked_add(3)?).ok()?..)?;
    Some((eltype, u32::try_from(offset).ok()?, rest))
}

const OPENED: u8 = 0;
const REFUSED: u8 = 1;

/// Writes into a vector up to a bound, a slice at a time.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
    most: usize,
}

impl Flavor for Bounded<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.bytes.len() >= self.most {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.bytes.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, more: &[u8]) -> postcard::Result<()> {
        if more.len() > self.most.saturating_sub(self.bytes.len()) {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Format, Ids, Kind, Segment, Span, Variable};
    use alloc::vec;

    #[test]
    fn what_is_written_is_read() {
        let mut sections = Sections::new(1000);
        sections.texts.push(&Span { offset: 5, len: 2 }).unwrap();
        sections.nodes.push(&Node::Null).unwrap();
        let fields = [0_u8; 8];
        let node = Node::Struct { kind: Kind::Chain, fields: Ids::new(&fields).unwrap() };
        assert_eq!(sections.nodes.push(&node), Ok(1));
        sections.variables.push(&Variable { name: Some(0), node: 1 }).unwrap();
        let bytes = sections.finish(1000).unwrap();
        let Answer::Opened(counts, _, mut entries) = Answer::read(&bytes).unwrap() else { panic!("opened") };
        assert_eq!((counts.texts, counts.nodes, counts.variables), (1, 2, 1));
        assert_eq!(entries.take(), Ok(Span { offset: 5, len: 2 }));
        assert_eq!(entries.take(), Ok(Node::Null));
        let position = u32::try_from(entries.position()).unwrap();
        assert_eq!(entries.take(), Ok(node));
        assert_eq!(node_at(&bytes, position), Some(node));
        assert_eq!(entries.take(), Ok(Variable { name: Some(0), node: 1 }));
        assert_eq!(entries.finish(), Ok(()));
    }

    #[test]
    fn the_shorter_way_writes_the_same_bytes() {
        let numbers =
            (0..32).map(|bit| 1_u32 << bit).flat_map(|n| [n - 1, n, n + 1]).chain([u32::MAX]).collect::<Vec<_>>();
        let (short, long) = ([1_u8, 0, 0, 0, 0, 2, 0, 0], [7; 4 * 3000]);
        let [none, few, many] = [&short[..0], &short, &long].map(|bytes| Ids::new(bytes).unwrap());
        let lists = [none, few, many, Ids::range(5, 3)];
        let mut nodes = vec![Node::Null, Node::Bool(true), Node::Float(0.5), Node::Int(-1)];
        for &n in &numbers {
            nodes.extend([Node::Symbol(n), Node::Tensor(n), Node::Text(n)]);
            nodes.extend(Eltype::ALL.iter().map(|&eltype| Node::Number { eltype, offset: n }));
        }
        for ids in lists {
            nodes.extend([Node::List(ids), Node::Tuple(ids), Node::Struct { kind: Kind::Dense, fields: ids }]);
        }
        for node in nodes {
            let (mut short, mut long) = (Writer::new(usize::MAX), Writer::new(usize::MAX));
            assert_eq!(short.push_node(&node), long.push(&node));
            assert_eq!(short.bytes, long.bytes, "{node:?}");
            // And it has the same bound.
            let (fits, most) = (long.bytes.len(), long.bytes.len() - 1);
            assert_eq!(Writer::new(fits).push_node(&node), Ok(0), "{node:?}");
            assert_eq!(Writer::new(most).push_node(&node), Err(Full), "{node:?}");
        }
    }

    #[test]
    fn the_shorter_way_reads_the_same_entries() {
        // Whatever the bytes are: places of a varint that end it, or not, or are no longer part of it.
        let bytes = [0_u8, 1, 8, 15, 16, 0x7f, 0x80, 0x8f, 0xff];
        let both = |bytes: &[u8]| {
            let (mut short, mut long) = (Entries { bytes, rest: bytes }, Entries { bytes, rest: bytes });
            let (found, wanted) = (short.take_number(), long.take());
            if let Some((eltype, offset)) = found {
                assert_eq!(wanted, Ok(Node::Number { eltype, offset }), "{bytes:?}");
                assert_eq!(short.rest.len(), long.rest.len(), "{bytes:?}");
            }
            assert_eq!(node_at(bytes, 0), wanted.ok(), "{bytes:?}");
            if let Ok(node) = wanted {
                assert_eq!(is_number_at(bytes, 0), matches!(node, Node::Number { .. }) && bytes[0] < 0x80, "{bytes:?}");
            }
            found.is_some()
        };
        let mut read = 0_u32;
        for eltype in
            [0, 9, 0x80, u8::try_from(Eltype::ALL.len()).unwrap() - 1, u8::try_from(Eltype::ALL.len()).unwrap()]
        {
            for mut number in 0..9_usize.pow(5) {
                let mut entry = [NUMBER, eltype, 0, 0, 0, 0, 0, 0x7f, 0];
                for byte in &mut entry[2..7] {
                    *byte = bytes[number % 9];
                    number /= 9;
                }
                for len in [9, 7, 3] {
                    read += u32::from(both(&entry[..len]));
                }
            }
        }
        assert!(read > 100_000, "{read}");
        for variant in 0..=u8::MAX {
            both(&[variant, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]);
        }
    }

    #[test]
    fn many_numbers_are_written_as_each_of_them() {
        let numbers: Vec<_> = (0..1000_u32).map(|i| (Eltype::ALL[ix(i) % Eltype::ALL.len()], i * i * i)).collect();
        for count in [0, 1, 72, 73, 128, 1000] {
            let mut each = Writer::new(usize::MAX);
            numbers[..count].iter().for_each(|&(eltype, offset)| {
                each.push_number(eltype, offset).unwrap();
            });
            for most in [0, 6, 500, each.bytes.len(), each.bytes.len() + 1, usize::MAX] {
                let mut all = Writer::new(most);
                let written = all.push_numbers(numbers[..count].iter().copied());
                assert_eq!(written.is_ok(), each.bytes.len() <= most, "{count} {most}");
                assert!(each.bytes.starts_with(&all.bytes) && all.bytes.len() <= most);
                assert!(written.is_err() || all.bytes == each.bytes && all.count() == each.count());
            }
        }
    }

    fn ix(n: u32) -> usize {
        usize::try_from(n).unwrap()
    }

    #[test]
    fn a_refusal_is_read_whole() {
        let path = vec![Segment::Key(Span { offset: 5, len: 1 }), Segment::Index(7)];
        let refusal = Refusal { code: Code::Size, offset: 9, path, format: Format::BsonJl };
        let mut bytes = refuse(&refusal);
        assert!(matches!(Answer::read(&bytes), Ok(Answer::Refused(found)) if found == refusal));
        bytes.push(0);
        assert_eq!(Answer::read(&bytes).unwrap_err(), AnswerError::Trailing);
    }

    #[test]
    fn a_writer_stops_at_its_bound() {
        let mut writer = Writer::new(2);
        assert_eq!(writer.push(&Node::Null), Ok(0));
        assert_eq!(writer.push(&Node::Int(1 << 40)), Err(Full));
    }
}
