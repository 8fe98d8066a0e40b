//! What leaves the airlock: safetensors and JSON, from a [`Model`] that was opened and checked.
//!
//! Nothing here reads a model file, and nothing here is decided by its text: names of arrays are the report's paths, which
//! are printable, and every array is a span that the host has checked. Memory beyond the model stays small whatever it
//! holds, since arrays are written piece by piece. A file appears under its name whole or not at all ([`to_file`]).
//!
//! # Axes
//!
//! **An array has the same size and the same indices everywhere.** A `Dense(10 => 5)` has a weight of Julia's size
//! `(5, 10)`; the report says `[5, 10]`, and so does the safetensors file. Julia's `weight[i, j]` is
//!
//! - in Python `weight[i - 1, j - 1]`, of shape `(5, 10)`, laid out as a `torch.nn.Linear` has it;
//! - in Rust, over the `safetensors` crate, element `(i - 1) * 10 + (j - 1)` of a view of shape `[5, 10]`;
//! - in Julia again `weight[i, j]`, of size `(5, 10)`, as SafeTensors.jl reads it.
//!
//! The format is row-major by definition and Julia column-major, so the elements of an array with several axes are
//! written in another order than they have in the model. That costs a pass through a small buffer. The other way, the
//! same bytes under the reversed shape, would cost nothing and would show every user a transposed array, in Julia too.
//! What was written can still be held against the report: the SHA-256 that it gives for an array is that of the array's
//! elements in column-major order, in Python `sha256(weight.tobytes(order="F"))`.
//!
//! # Example
//!
//! ```no_run
//! use flux_airlock::{Airlock, Evidence, Input, Pin};
//! use flux_airlock_export::{Overwrite, Safetensors, to_file};
//!
//! # let digits = "";
//! let pin: Pin = format!("sha256:{digits}").parse()?;
//! let model = Airlock::new()?.open(Input::path("model.bson"), &Evidence::pin(pin))?;
//! let safetensors = Safetensors::new(&model)?;
//! to_file("model.safetensors", Overwrite::No, |out| safetensors.write(out))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
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

mod error;
mod file;
mod order;
mod safetensors;
mod spec;

pub use error::ExportError;
pub use file::{Overwrite, to_file};
pub use flux_airlock::Model;
pub use safetensors::{FORMAT, Flaw, Safetensors, Unfit};
pub use spec::{SCHEMA, Spec};
