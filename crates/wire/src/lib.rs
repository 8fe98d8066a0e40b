//! What crosses the wall between the sandboxed decoder and its host.
//!
//! The decoder answers with *positions and closed enumerations* only: spans of the file for arrays, numbers, names and
//! texts, and ids into the tables of this crate for everything that has a meaning. No byte of the file passes through the
//! answer, so a decoder that misbehaves can point at the wrong place, and nothing else; the host looks at every place
//! itself.
//!
//! The crate holds, for both sides:
//!
//! - the entries of an answer and their byte form ([`Entry`](answer), [`Writer`], [`Answer`]),
//! - the closed enumerations [`Eltype`], [`Kind`], [`Function`], [`Why`], [`NoteCode`], [`Code`],
//! - the limits that the decoder counts ([`Limits`]) and the one checked size product ([`checked_len`]).
//!
//! It leaves to others: reading BSON (`decode`), and deciding whether an answer may be believed (`host`).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod answer;
mod eltype;
mod function;
mod kind;
mod len;
mod limits;
mod node;
mod refusal;

pub use answer::{Answer, AnswerError, Counts, Full, Writer};
pub use eltype::Eltype;
pub use function::Function;
pub use kind::{Group, Kind};
pub use len::{MAX_NDIMS, checked_len};
pub use limits::{Limit, Limits, SUPPLIED_LEVELS};
pub use node::{
    Aside, AsideName, Element, FluxVersion, Ids, Node, Note, NoteCode, Run, Span, Tensor, Variable, Why, WrittenBy,
};
pub use refusal::{Code, Expected, Format, Refusal, Segment};

/// The version of the byte form. A host believes no other.
pub const VERSION: u8 = 2;
