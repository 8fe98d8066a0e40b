//! The byte form of an answer, and how either side goes through it.
//!
//! An answer begins with [`VERSION`] and says whether it is a refusal. What follows is written by postcard, entry after
//! entry, so that a reader can count before it believes, and keep entries where they are instead of copying them:
//!
//! ```text
//! version u8 · 1 · Refusal
//! version u8 · 0 · Counts · WrittenBy · texts [Span] · tensors [Tensor] · nodes [Node] · variables · asides · notes
//! ```

use alloc::vec::Vec;
use core::fmt;

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::{Node, Refusal, Tensor, VERSION, WrittenBy};

/// How many entries of each sort follow.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Texts: spans of the file.
    pub texts: u32,
    /// Arrays.
    pub tensors: u32,
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
        let id = self.count;
        self.count = id.checked_add(1).ok_or(Full)?;
        Ok(id)
    }
}

/// The sections of an answer that opens a file.
#[derive(Debug)]
pub struct Sections {
    /// Spans.
    pub texts: Writer,
    /// Arrays.
    pub tensors: Writer,
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
            nodes: Writer::new(most),
            variables: Writer::new(most),
            asides: Writer::new(most),
            notes: Writer::new(most),
            written_by: WrittenBy { flux: None, julia: None },
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
            nodes: self.nodes.count,
            variables: self.variables.count,
            asides: self.asides.count,
            notes: self.notes.count,
        };
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&[VERSION, OPENED]);
        let head = (counts, self.written_by);
        postcard::serialize_with_flavor(&head, Bounded { bytes: &mut bytes, most }).map_err(|_| Full)?;
        for section in [self.texts, self.tensors, self.nodes, self.variables, self.asides, self.notes] {
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
pub fn node_at(bytes: &[u8], position: u32) -> Option<Node<'_>> {
    entry_at(bytes, position)
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
