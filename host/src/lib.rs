//! Opens Flux.jl model files (`.bson`) that nobody has to trust.
//!
//! One call verifies the bytes, decodes them in a WebAssembly sandbox, and checks the answer; it fails closed. No byte of
//! the file is ever executed, resolved, converted or constructed. What comes out is plain: arrays as they lie in the
//! file, and a description of layers from a closed table.
#![deny(unsafe_code)]
#![expect(dead_code, reason = "the inner door comes next")]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod airlock;
mod answer;
mod config;
mod error;
mod evidence;
#[cfg(test)]
mod fixture;
mod input;
mod limits;
mod model;
mod module;
mod number;
mod path;
pub mod report;
mod sandbox;
mod show;
mod sniff;
pub mod text;

pub use airlock::{Airlock, AirlockBuilder};
pub use error::{EngineError, Error, GuestError, InputError, LimitError, MalformedError, NotVerifiedError};
pub use evidence::{Evidence, Proof};
pub use flux_airlock_trust::{Digest, DigestError, Entry, LockError, LockFile, Mismatch, Pin};
pub use flux_airlock_wire::{Code, Eltype, Function, Group, Kind, NoteCode, Why};
pub use input::Input;
pub use limits::{Limit, Limits, LimitsBuilder, LimitsError};
pub use model::{
    ArrayView, EltypeError, Fields, Form, Model, Note, Omitted, Opaque, Size, TensorView, Value, Values, Variable,
};
pub use module::GUEST_SHA256;
pub use number::{Number, Scalar};
pub use report::Report;
pub use sandbox::SandboxFigures;
pub use sniff::Format;
