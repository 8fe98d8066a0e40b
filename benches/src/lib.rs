//! What isolation costs: each case once, for criterion and for the report alike.
//!
//! A [`Case`] is one way to do one thing with one file, and says how long one run of it took, without what had to be
//! prepared for it and without giving its memory back. Cases of the same group and file are alternatives, and are compared
//! with the first of them. [`measure`] interleaves them in rounds and keeps every sample; criterion, for whoever changes the
//! code, runs the same cases one after the other (`cargo bench -p flux-airlock-benches`). The report is written by
//! `cargo xtask bench`.

#![deny(unsafe_code)]

mod bare;
mod cases;
mod files;
mod floor;
pub mod gate;
pub mod julia;
pub mod machine;
pub mod measure;
pub mod plot;
pub mod report;

pub use cases::{Case, Group, Outcome, Tools};
pub use files::{File, Scale, Shape};

/// What goes wrong ends the measurement.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
