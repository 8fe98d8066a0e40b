//! Why these bytes may be opened: digests, pins, the lock file, and signatures (features `oms` and `minisign`).
//!
//! Evidence is about all bytes of a file: their digest is compared in full, and signatures are over nothing else. Whatever a
//! lock file says, reading it costs no more than [`LockFile::MAX_BYTES`] allows, and an entry can only name a file at or below
//! the lock file's own folder.
//!
//! The crate leaves to others: reading the model once and keeping what was hashed (`host`), and asking for evidence
//! before anything is parsed.
//!
//! ```
//! use flux_airlock_trust::{Algorithms, Digest, Hasher, Pin};
//!
//! let pin: Pin = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse()?;
//! let mut hasher = Hasher::new(Algorithms::of(&pin.digest()));
//! hasher.update(b"a");
//! hasher.update(b"bc");
//! assert!(pin.check(&hasher.finish()).is_ok());
//! # Ok::<(), flux_airlock_trust::DigestError>(())
//! ```
#![forbid(unsafe_code)]
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

mod clock;
mod digest;
mod files;
#[cfg(feature = "registry")]
#[doc(hidden)]
pub mod fuzzing;
mod hasher;
mod lock;
mod name;
mod pin;
#[cfg(feature = "policy")]
mod policy;
#[cfg(feature = "registry")]
mod registry;
#[cfg(any(feature = "minisign", feature = "oms"))]
mod signature;
#[cfg(feature = "policy")]
mod source;
#[cfg(feature = "policy")]
mod toml_reader;

pub use clock::Clock;
pub use digest::{Digest, DigestError};
pub use hasher::{Algorithms, Digests, Hasher};
pub use lock::{Entry, Held, Inserted, LockError, LockFile, Update};
pub use name::NameFlaw;
pub use pin::{Mismatch, Pin};
#[cfg(feature = "policy")]
pub use policy::{Allowance, Denied, Kind, Met, Policy, PolicyError, PolicyFlaw, Subject, Vouched};
#[cfg(all(feature = "registry", feature = "sign"))]
pub use registry::{Adding, Keeper, KeeperError, Lifetimes, NewRegistry, Published, Role};
#[cfg(feature = "registry")]
pub use registry::{Listing, Registry, RegistryAt, RegistryError, Revocation, Versions, rfc3339};
#[cfg(any(feature = "minisign", feature = "oms"))]
pub use signature::{Format, KeyError, PublicKey, Roots, Signature, SignatureError, SignedBy, Verified};
#[cfg(feature = "sign")]
pub use signature::{Manifest, MinisignForm, Passphrase, PrivateKey, read_certificates, sign_minisign, sign_oms};
#[cfg(feature = "policy")]
pub use source::{Place, Source, SourceError};
#[cfg(feature = "policy")]
pub use toml_reader::{Flaw, What};
