//! Why a file is refused: a closed enumeration of codes, and the place.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{Limit, Span};

/// What the content of a file is, as far as the decoder can tell.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Format {
    /// A BSON document, but not one that BSON.jl can have written.
    Bson,
    /// What BSON.jl writes.
    BsonJl,
    /// No BSON document.
    Unknown,
}

/// One step from the file's document to a place in it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Segment {
    /// An element of an array, counted from 0.
    Index(u32),
    /// An element of a document: the bytes of its key.
    Key(Span),
}

/// The decoder's other answer: why it does not open the file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Refusal {
    /// What is wrong.
    pub code: Code,
    /// Where, counted in bytes from the start of the file.
    pub offset: u32,
    /// The way to the flawed element.
    pub path: Vec<Segment>,
    /// What the content is.
    pub format: Format,
}

/// What an element has to be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Expected {
    /// An array.
    Array,
    /// An array or a binary value.
    ArrayOrBinary,
    /// An array of integers of which none is negative.
    Sizes,
    /// An array of strings.
    Strings,
    /// A document.
    Document,
    /// An integer.
    Integer,
    /// A string.
    String,
    /// A description of a type.
    Type,
}

impl Expected {
    const fn name(self) -> &'static str {
        match self {
            Self::Array => "an array",
            Self::ArrayOrBinary => "an array or a binary value",
            Self::Document => "a document",
            Self::Integer => "an integer",
            Self::Sizes => "an array of sizes",
            Self::String => "a string",
            Self::Strings => "an array of strings",
            Self::Type => "the description of a type",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $({ $($(#[$fdoc:meta])* $field:ident: $ty:ty),+ })? $code:literal $message:literal),+ $(,)?) => {
        /// What is wrong with the bytes at a refusal's offset.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $variant $({ $($(#[$fdoc])* $field: $ty),+ })?),+ }

        impl Code {
            /// The stable name of it, in kebab case. A limit's is the limit's name and `-limit`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Limit { limit, .. } => limit.code(),
                    $(#[allow(unreachable_patterns, unused_variables, reason = "limits have codes of their own")]
                    Self::$variant $({ $($field: _),+ })? => $code),+
                }
            }
        }

        /// The sentence, without its place.
        impl fmt::Display for Code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    Self::Limit { limit, granted } => write!(f, "more {} than the limit of {granted} allows", limit_noun(limit)),
                    Self::WrongType { expected } => write!(f, "this must be {}", expected.name()),
                    $(#[allow(unreachable_patterns, unused_variables, reason = "the two above have sentences of their own")]
                    Self::$variant $({ $($field),+ })? => write!(f, $message)),+
                }
            }
        }
    };
}

const fn limit_noun(limit: Limit) -> &'static str {
    match limit {
        Limit::AnswerBytes => "bytes of answer",
        Limit::Depth => "levels of nesting",
        Limit::Elements => "elements",
        Limit::NameBytes => "bytes in one name",
        Limit::NamesBytes => "bytes in all names",
        Limit::Nodes => "values",
        Limit::Tensors => "arrays",
    }
}

codes! {
    /// The keys of an array are not `0`, `1`, `2`, ….
    ArrayKey { /** Which was due. */ due: u32 } "array-key" "an array's key is not \"{due}\", its place",
    /// A back reference where `_backrefs` itself is one.
    BackrefToBackref { /** Its entry. */ index: u32 } "backref-to-backref" "back reference {index} leads to another back reference",
    /// A binary subtype other than 0.
    BinarySubtype { /** Which. */ subtype: u8 } "binary-subtype" "binary subtype {subtype:#04x}: BSON.jl writes 0x00",
    /// A boolean that is neither 0 nor 1.
    BooleanValue { /** The byte. */ value: u8 } "boolean-value" "a boolean of {value:#04x} is neither true nor false",
    /// A value that contains itself.
    CyclicReference { /** The entry of `_backrefs`. */ index: u32 } "cyclic-reference" "back reference {index} leads back to itself",
    /// A back reference beyond `_backrefs`.
    DanglingBackref { /** The entry it names. */ index: i64, /** How many entries there are. */ len: u32 } "dangling-backref" "back reference {index} of {len}",
    /// An array whose bytes are not its size times its width.
    DataLength { /** Bytes there are. */ found: u32, /** Bytes there must be. */ expected: u64 } "data-length" "an array has {found} bytes of data, and its size wants {expected}",
    /// A document that ends elsewhere than it says.
    DocumentLength { /** The length it claims. */ claimed: i32 } "document-length" "a document claims {claimed} bytes, and ends elsewhere",
    /// Nothing at all.
    Empty "empty-file" "the file is empty",
    /// An element type that BSON.jl never writes.
    ElementType { /** The byte. */ found: u8 } "element-type" "element type {found:#04x}: BSON.jl writes nine others",
    /// The numbers, names or lengths of a document's parts go beyond it.
    Truncated { /** Bytes that are wanted. */ wanted: u64 } "truncated" "the value wants {wanted} bytes more than there are",
    /// A name that is no UTF-8.
    InvalidUtf8 "invalid-utf8" "a name is not UTF-8",
    /// More than a limit grants.
    Limit { /** Which. */ limit: Limit, /** What was granted. */ granted: u32 } "limit" "more than a limit allows",
    /// A tagged document without one of its keys.
    MissingKey "missing-key" "a tagged document lacks one of its keys",
    /// A length below zero, or a string that has not even its terminator.
    NegativeLength { /** The length. */ found: i32 } "negative-length" "a length of {found}",
    /// The beginning is not that of a BSON document.
    NotBson "not-bson" "this is not a BSON document",
    /// A primitive value whose bytes are not its type's.
    PrimitiveLength { /** Bytes there are. */ found: u32, /** Bytes there must be. */ expected: u32 } "primitive-length" "a primitive value has {found} bytes, and its type wants {expected}",
    /// The same key twice in a document.
    RepeatedKey "repeated-key" "a document has the same key twice",
    /// Two documents over the same data.
    SharedData "shared-data" "two values share the same data",
    /// A size below zero, or one whose product no file could hold.
    Size "size-out-of-range" "an array's size is out of range",
    /// A string whose last byte is not 0.
    StringTerminator { /** The byte. */ found: u8 } "string-terminator" "a string ends in {found:#04x} instead of 0x00",
    /// A tag that is a back reference.
    TagBackref "tag-backref" "a tag is a back reference",
    /// Bytes after the document.
    TrailingBytes { /** How many. */ extra: u32 } "trailing-bytes" "{extra} bytes follow the document",
    /// A tagged document with a key that its tag does not have.
    UnexpectedKey "unexpected-key" "a tagged document has a key that its tag does not know",
    /// An element of another type than its place wants.
    WrongType { /** What its place wants. */ expected: Expected } "wrong-type" "this must be something else",
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn a_code_says_its_numbers() {
        assert_eq!(Code::DanglingBackref { index: 9, len: 4 }.to_string(), "back reference 9 of 4");
        assert_eq!(Code::WrongType { expected: Expected::Strings }.to_string(), "this must be an array of strings");
        let code = Code::Limit { limit: Limit::Depth, granted: 256 };
        assert_eq!(code.to_string(), "more levels of nesting than the limit of 256 allows");
    }
}
