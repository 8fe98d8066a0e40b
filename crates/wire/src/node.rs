//! The entries of an answer: arrays, nodes, variables, notes.

use alloc::vec::Vec;
use core::{fmt, ops::Range, slice};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Eltype, Function, Kind, len::checked_product};

/// Bytes of the file: where they begin, and how many they are.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Span {
    /// Where they begin, counted from the start of the file.
    pub offset: u32,
    /// How many they are.
    pub len: u32,
}

impl Span {
    /// Where they end. The sum of two `u32` always fits.
    #[must_use]
    pub fn end(self) -> u64 {
        u64::from(self.offset).saturating_add(u64::from(self.len))
    }
}

/// A list of ids or sizes: each four bytes in the answer, read in place, or one after another from the first.
#[derive(Clone, Copy)]
pub struct Ids<'a>(Listed<'a>);

#[derive(Clone, Copy)]
enum Listed<'a> {
    /// Little-endian bytes.
    Bytes(&'a [u8]),
    /// The first, and how many.
    Range(u32, u32),
}

impl Serialize for Ids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Listed::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Listed::Range(..) => {
                serializer.serialize_bytes(&self.iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>())
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Ids<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(|bytes| Self(Listed::Bytes(bytes)))
    }
}

impl<'a> Ids<'a> {
    /// No ids.
    pub const EMPTY: Ids<'static> = Ids(Listed::Bytes(&[]));

    /// The ids in these little-endian bytes; `None` unless they are a whole number of them.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let ids = Self(Listed::Bytes(bytes));
        ids.is_whole().then_some(ids)
    }

    /// `count` ids from `first` on; none beyond the largest number.
    #[must_use]
    pub const fn range(first: u32, count: u32) -> Self {
        let most = u32::MAX.saturating_sub(first);
        Self(Listed::Range(first, if count < most { count } else { most }))
    }

    /// Are the bytes a whole number of ids? To read an entry does not say so.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        match self.0 {
            Listed::Bytes(bytes) => bytes.len().is_multiple_of(4),
            Listed::Range(..) => true,
        }
    }

    /// The bytes these ids are made of, if they are.
    pub(crate) const fn as_bytes(self) -> Option<&'a [u8]> {
        match self.0 {
            Listed::Bytes(bytes) => Some(bytes),
            Listed::Range(..) => None,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self.0 {
            Listed::Bytes(bytes) => bytes.len() / 4,
            Listed::Range(_, count) => usize::try_from(count).unwrap_or(usize::MAX),
        }
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The one at `index`, counted from 0.
    #[must_use]
    pub fn get(self, index: usize) -> Option<u32> {
        match self.0 {
            Listed::Bytes(bytes) => bytes.as_chunks::<4>().0.get(index).copied().map(u32::from_le_bytes),
            Listed::Range(first, count) => {
                let index = u32::try_from(index).ok().filter(|&index| index < count)?;
                first.checked_add(index)
            }
        }
    }

    /// All of them, in order.
    #[must_use]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone + 'a {
        match self.0 {
            Listed::Bytes(bytes) => Each { bytes: bytes.as_chunks::<4>().0.iter(), range: 0..0 },
            Listed::Range(first, count) => Each { bytes: [].iter(), range: first..first.saturating_add(count) },
        }
    }
}

impl Default for Ids<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// By the ids, and not by what they are made of.
impl PartialEq for Ids<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Ids<'_> {}

impl fmt::Debug for Ids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The ids of a list: one of the two is empty.
#[derive(Clone)]
struct Each<'a> {
    bytes: slice::Iter<'a, [u8; 4]>,
    range: Range<u32>,
}

impl Iterator for Each<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match self.bytes.next() {
            Some(bytes) => Some(u32::from_le_bytes(*bytes)),
            None => self.range.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.bytes.len().saturating_add(self.range.len());
        (len, Some(len))
    }

    fn nth(&mut self, n: usize) -> Option<u32> {
        match self.bytes.nth(n) {
            Some(bytes) => Some(u32::from_le_bytes(*bytes)),
            None => self.range.nth(n),
        }
    }
}

impl DoubleEndedIterator for Each<'_> {
    fn next_back(&mut self) -> Option<u32> {
        match self.bytes.next_back() {
            Some(bytes) => Some(u32::from_le_bytes(*bytes)),
            None => self.range.next_back(),
        }
    }
}

impl ExactSizeIterator for Each<'_> {}

/// What the elements of an array are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Element<'a> {
    /// Numbers.
    Number(Eltype),
    /// Structs or tuples of bits, as in `Vector{Flux.OneHotVector}`: their layout is not in the file. The texts are the
    /// path of the type.
    Packed(#[serde(borrow)] Ids<'a>),
}

/// A plain array: a span of the file, and what its bytes are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tensor<'a> {
    /// What the elements are.
    #[serde(borrow)]
    pub element: Element<'a>,
    /// Julia's `size`: column-major, the first dimension varies fastest.
    #[serde(borrow)]
    pub size: Ids<'a>,
    /// The elements' bytes in the file.
    pub span: Span,
}

impl Tensor<'_> {
    /// Do the size and the width of the elements account for the bytes of the span, no less and no more?
    #[must_use]
    pub fn is_exact(&self) -> bool {
        let len = u64::from(self.span.len);
        match self.element {
            Element::Number(eltype) => checked_product(self.size.iter(), eltype.width()) == Some(len),
            Element::Packed(_) => match checked_product(self.size.iter(), 1) {
                None => false,
                Some(0) => len == 0,
                Some(count) => len.is_multiple_of(count),
            },
        }
    }
}

/// Numbers of one type in the file, equally far from each other, as elements of a list are whose places have equally many
/// digits. There is one at least, no two of them overlap, and all runs together, from the first byte of one to that of the next,
/// are over no more bytes than the file has.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Run {
    /// What they are.
    pub eltype: Eltype,
    /// Where the bytes of the first begin.
    pub offset: u32,
    /// How far it is from the beginning of one to that of the next, in bytes.
    pub step: u32,
    /// How many they are.
    pub count: u32,
}

impl Run {
    /// Where the bytes of the one at `index` begin, counted from 0.
    #[must_use]
    pub fn offset_of(&self, index: u32) -> Option<u32> {
        self.offset.checked_add(index.checked_mul(self.step).filter(|_| index < self.count)?)
    }

    /// Where the bytes of the last end; `None` where there is none, or none in a file of any size.
    #[must_use]
    pub fn end(&self) -> Option<u32> {
        self.offset_of(self.count.checked_sub(1)?)?.checked_add(self.eltype.width())
    }
}

/// A value. Nodes that it refers to come before it, so that there is no cycle.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Node<'a> {
    /// An array of references with a size of its own (0-dimensional, or more than one dimension), in column-major order.
    Array {
        /// Julia's `size`.
        #[serde(borrow)]
        size: Ids<'a>,
        /// Nodes.
        #[serde(borrow)]
        items: Ids<'a>,
    },
    /// `true` or `false`, supplied by a layout: not in the file.
    Bool(bool),
    /// A float supplied by a layout: not in the file.
    Float(f64),
    /// A function known by name.
    Function(Function),
    /// An integer supplied by a layout: not in the file.
    Int(i64),
    /// A vector of references.
    List(#[serde(borrow)] Ids<'a>),
    /// A `NamedTuple`: names (texts) and values (nodes), equally many.
    NamedTuple {
        /// Texts.
        #[serde(borrow)]
        names: Ids<'a>,
        /// Nodes.
        #[serde(borrow)]
        values: Ids<'a>,
    },
    /// Julia's `nothing`.
    Null,
    /// A number in the file.
    Number {
        /// What it is.
        eltype: Eltype,
        /// Where its bytes begin.
        offset: u32,
    },
    /// A vector of numbers in the file, which are no nodes of their own: so many of those that the [`Run`]s have, taken
    /// together and counted from 0. Every number is in one such vector, in order.
    Numbers {
        /// The first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// Something that is not rebuilt. It does nothing, and what it holds is still there.
    Opaque {
        /// Why it is not rebuilt.
        why: Why,
        /// The path of its type: texts. Empty where it has none.
        #[serde(borrow)]
        ty: Ids<'a>,
        /// Nodes: the values of its fields, or what a closure captured.
        #[serde(borrow)]
        children: Ids<'a>,
    },
    /// A `Dict` with symbols for keys: names (texts) and values (nodes), equally many.
    Record {
        /// Texts.
        #[serde(borrow)]
        names: Ids<'a>,
        /// Nodes.
        #[serde(borrow)]
        values: Ids<'a>,
    },
    /// A struct known by name, one node for each of [`Kind::fields`].
    Struct {
        /// Which.
        kind: Kind,
        /// Nodes.
        #[serde(borrow)]
        fields: Ids<'a>,
    },
    /// A symbol: a text.
    Symbol(u32),
    /// An array: its id.
    Tensor(u32),
    /// A string: a text. Its bytes may be no UTF-8.
    Text(u32),
    /// A tuple of nodes.
    Tuple(#[serde(borrow)] Ids<'a>),
}

impl<'a> Node<'a> {
    /// The nodes that it refers to.
    #[must_use]
    pub fn children(&self) -> Ids<'a> {
        match *self {
            Self::Array { items: ids, .. }
            | Self::List(ids)
            | Self::NamedTuple { values: ids, .. }
            | Self::Opaque { children: ids, .. }
            | Self::Record { values: ids, .. }
            | Self::Struct { fields: ids, .. }
            | Self::Tuple(ids) => ids,
            Self::Bool(_)
            | Self::Float(_)
            | Self::Function(_)
            | Self::Int(_)
            | Self::Null
            | Self::Number { .. }
            | Self::Numbers { .. }
            | Self::Symbol(_)
            | Self::Tensor(_)
            | Self::Text(_) => Ids::EMPTY,
        }
    }

    /// The texts that it refers to.
    #[must_use]
    pub fn texts(&self) -> Ids<'a> {
        match *self {
            Self::NamedTuple { names: ids, .. } | Self::Record { names: ids, .. } | Self::Opaque { ty: ids, .. } => ids,
            _ => Ids::EMPTY,
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident $({ $($(#[$fdoc:meta])* $field:ident: $ty:ty),+ })? $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[non_exhaustive]
        pub enum $type { $($(#[$vdoc])* $variant $({ $($(#[$fdoc])* $field: $ty),+ })?),+ }

        impl $type {
            /// The stable names of all of them.
            pub const CODES: &[&str] = &[$($code),+];

            /// Its stable name in reports.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant $({ $($field: _),+ })? => $code),+ }
            }
        }
    };
}

words! {
    /// Why a value is opaque.
    Why {
        /// An anonymous function, or a named one with captured values: its code is in the file, or nowhere.
        Closure "closure",
        /// An array that was in a device's memory when it was saved: its numbers are not in the file.
        DeviceArray {
            /// What they were.
            eltype: Option<Eltype>,
            /// Which of the children is its size, a tuple of integers, counted from 0.
            size: Option<u32>
        } "device-array",
        /// A layer we know, with fields that no Julia process could have put there. Counted from 1.
        FieldValue {
            /// The layer.
            kind: Kind,
            /// The field, by its place in the file, counted from 1.
            field: u32
        } "field-value",
        /// A layer we know, with a number of fields or parameters that no version we know has.
        Layout {
            /// The layer.
            kind: Kind,
            /// How many fields the file has.
            fields: u32,
            /// How many type parameters the file has.
            params: u32
        } "unknown-layout",
        /// A module, or anything else that is found by its name.
        Module "module",
        /// A raw pointer.
        Pointer "pointer",
        /// Julia's own description of code or types: a method, a type name, a list of simple values.
        Reflection "reflection",
        /// A type as a value.
        Type "type",
        /// A named function that is not in the closed enumeration.
        UnknownFunction "unknown-function",
        /// A primitive type that is not in the closed enumeration.
        UnknownPrimitive "unknown-primitive",
        /// A struct of some package or script.
        UnknownStruct "unknown-struct",
    }
}

words! {
    /// What is said of a value that Flux of today reads otherwise than the Flux that saved it.
    NoteCode {
        /// The layer was saved in training mode; it is opened so that the mode of use decides.
        ActiveDropped "active-dropped",
        /// What an anonymous function does was concluded from its lowered statements, with names taken for what Base, `NNlib`
        /// and Flux export: a Julia before 1.10 does not save what they mean.
        ClosureByName "closure-by-name",
        /// What an anonymous function does was concluded from its lowered statements, and from what their names are bound to.
        ClosureRecognised "closure-recognised",
        /// `Wh` has two blocks of rows; layers of today have a third, which is computed and never used.
        GruV3Block "gru-v3-block",
        /// `hardσ` had another formula before `NNlib` 0.7.10, and the file does not tell which was meant.
        HardSigma "hard-sigma",
        /// The initial state was trained with the layer; layers of today start from zeros unless it is passed to them.
        InitialState "initial-state",
        /// The way ϵ enters has changed between versions, or ϵ was not saved.
        LayerNormEpsilon "layer-norm-epsilon",
        /// The moving deviation was saved where layers of today have the variance: its square, with ϵ = 0.
        MovingDeviation "moving-deviation",
        /// `Recur` was called once for every step; layers of today take whole sequences.
        RecurrentCalls "recurrent-calls",
        /// The layer used the statistics of its training; layers of today use those of the sample.
        TrackedStatistics "tracked-statistics",
    }
}

words! {
    /// What a value beside the result was, seen from its owner.
    AsideName {
        /// The state of a recurrent layer's cell before the first step: its second half.
        C "c",
        /// The gradient of a tracked array.
        Grad "grad",
        /// The state of a recurrent layer's cell before the first step.
        H "h",
        /// What a recurrent layer was reset to: the same as its cell's.
        Init "init",
        /// The record of a tracked array's uses.
        Ref "ref",
        /// The state that the last call left.
        State "state",
        /// The state of a recurrent layer's cell before the first step.
        State0 "state0",
        /// How a tracked array was computed.
        Tracker "tracker",
    }
}

impl AsideName {
    /// Why its arrays are no part of the result; `None` where they are.
    #[must_use]
    pub const fn why(self) -> Option<&'static str> {
        match self {
            Self::C | Self::H | Self::State0 => None,
            Self::Grad | Self::Ref | Self::Tracker => Some("gradient"),
            Self::Init | Self::State => Some("recurrent-state"),
        }
    }
}

/// A version 0.x: minor and patch.
pub type FluxVersion = (u8, u8);

/// What the shapes in a file prove of what wrote it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct WrittenBy {
    /// The first and the last version of Flux that has every layout of the file; the last one is `None` where the newest
    /// that is known has them all.
    pub flux: Option<(FluxVersion, Option<FluxVersion>)>,
    /// The version of Julia, as a closure carries it: a text.
    pub julia: Option<u32>,
    /// The first and the last version of BSON.jl that writes what is in the file as it is, 0.x as well; the last one is `None`
    /// where the newest does, and all of it is where every version does.
    pub bson_jl: Option<(FluxVersion, Option<FluxVersion>)>,
}

/// A value beside the result: it was in the file, and a model of today has no place for it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Aside {
    /// The node it was found at.
    pub owner: u32,
    /// What it was there.
    pub name: AsideName,
    /// The node it is.
    pub value: u32,
}

/// A remark on a node.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Note {
    /// The node.
    pub node: u32,
    /// What is said of it.
    pub code: NoteCode,
}

/// A saved variable.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Variable {
    /// Its name: a text; `None` where the file is one value without a name.
    pub name: Option<u32>,
    /// Its value: a node.
    pub node: u32,
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn ids_in_a_row_are_those_that_are_listed() {
        let bytes: Vec<u8> = (7..12_u32).flat_map(u32::to_le_bytes).collect();
        let (listed, range) = (Ids::new(&bytes).unwrap(), Ids::range(7, 5));
        assert_eq!(listed, range);
        for ids in [listed, range] {
            assert_eq!((ids.len(), ids.is_empty(), ids.iter().len()), (5, false, 5));
            assert_eq!([0, 4, 5].map(|index| ids.get(index)), [Some(7), Some(11), None]);
            assert!(ids.iter().eq(7..12) && ids.iter().rev().eq((7..12).rev()));
            assert_eq!((ids.iter().nth(2), ids.iter().nth(3), ids.iter().nth(5)), (Some(9), Some(10), None));
        }
        assert_eq!(Ids::range(u32::MAX, 9).len(), 0, "there is no id beyond the largest number");
        assert!(Ids::new(&bytes[1..]).is_none() && Ids::range(3, 0) == Ids::EMPTY);
    }

    #[test]
    fn a_run_ends_in_a_file_or_nowhere() {
        let run = Run { eltype: Eltype::Int64, offset: 5, step: 11, count: 3 };
        assert_eq!([0, 2, 3].map(|index| run.offset_of(index)), [Some(5), Some(27), None]);
        assert_eq!(run.end(), Some(35));
        assert_eq!(Run { count: 0, ..run }.end(), None);
        assert_eq!(Run { step: u32::MAX, ..run }.end(), None);
        assert_eq!(Run { offset: u32::MAX - 29, ..run }.end(), None);
    }
}
