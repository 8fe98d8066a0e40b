//! Opens Flux.jl model files (`.bson`) that nobody has to trust.
//!
//! One call verifies the bytes, decodes them in a WebAssembly sandbox, and checks the answer; it fails closed. No byte of
//! the file is ever executed, resolved, converted or constructed. What comes out is plain: arrays as they lie in the
//! file, and a description of layers from a closed table.
//!
//! ```no_run
//! use flux_airlock::{Airlock, Evidence, Input, Pin};
//!
//! let airlock = Airlock::new()?;
//! let pin: Pin = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse()?;
//! let model = airlock.open(Input::path("model.bson"), &Evidence::pin(pin))?;
//! if let Some(weight) = model.tensor("model.layers[1].weight") {
//!     let values: Vec<f32> = weight.to_vec()?;
//!     println!("{} values", values.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Airlock::open`] wants [`Evidence`]: a digest from somebody who vouches for the file, or, with the features `oms` and
//! `minisign`, a signature. [`Airlock::open_unverified`] does without, and [`Airlock::inspect`] describes any file without
//! handing out a weight. What a file may cost is granted by [`Limits`]. An [`Error`] says by its variant who must act. Structs of the
//! author's own have no names of fields in a file: a [`TypeMap`] gives them.
#![deny(unsafe_code)]
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
#[doc(hidden)]
pub mod fuzzing;
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
mod types;
#[cfg(feature = "wasi")]
mod wasi;

pub use airlock::{Airlock, AirlockBuilder, Rejected};
pub use error::{EngineError, Error, GuestError, InputError, LimitError, MalformedError, NotVerifiedError};
pub use evidence::Evidence;
pub use flux_airlock_trust::{
    Algorithms, Clock, Digest, DigestError, Digests, Entry, LockError, LockFile, Mismatch, Pin,
};
#[cfg(feature = "policy")]
pub use flux_airlock_trust::{Denied, Place, Policy, PolicyError, Source, SourceError};
#[cfg(any(feature = "minisign", feature = "oms"))]
pub use flux_airlock_trust::{KeyError, PublicKey, Roots, Signature, SignatureError, SignedBy, Verified};
#[cfg(feature = "registry")]
pub use flux_airlock_trust::{Listing, Registry, RegistryAt, RegistryError, Revocation, Versions};
pub use flux_airlock_wire::{AsideName, Code, Eltype, Function, Group, Kind, Why};
pub use input::Input;
pub use limits::{Limit, Limits, LimitsBuilder, LimitsError};
pub use model::{
    ArrayView, Aside, EltypeError, Fields, Form, Model, Note, Omitted, Opaque, Size, TensorView, Value, Values,
    Variable,
};
pub use module::GUEST_SHA256;
#[cfg(feature = "wasi")]
pub use module::GUEST_WASI_SHA256;
pub use number::{Number, Scalar};
pub use report::{Report, write_json};
pub use sandbox::SandboxFigures;
pub use sniff::Format;
pub use types::{TypeMap, TypesError};
/// The version of the engine that the guest runs in.
pub use wasmtime_environ::VERSION as WASMTIME_VERSION;
