//! The C ABI of flux-airlock: opens Flux.jl model files that nobody has to trust.
//!
//! Handles are numbers and never addresses; 0 is none. A handle that was released, that never existed, or that stands for
//! something else than the call wants is an error (AIRLOCK_STATUS_USAGE, code `bad-handle` or `wrong-handle`) and never a
//! crash. No number is given out twice. Whatever gives out a handle gives it to the caller, who releases it once with
//! airlock_release, on any thread. Handles do not depend on each other: an engine may go before its models.
//!
//! A call that can fail returns a status, and has as its last argument a place for an error object: NULL, or where the
//! handle of one is put, 0 if there is none. If a call fails, the handle that it should have given is 0 as well, and other
//! places are left alone.
//!
//! Texts that go in are a pointer and a length, UTF-8, without a NUL at the end; the pointer may be NULL if the length is 0. A
//! path is whatever bytes the system allows (on Windows, UTF-8). Texts that come out are an airlock_text: not
//! NUL-terminated, and they may hold NULs. Its pointer is NULL where there is no such text, and is not where there is one
//! that is empty. Texts of a file are as they are in the file, names included: escape them where they are shown. What is said
//! to be for people is escaped already.
//!
//! What a pointer that comes out points to belongs to the object that it was read from, does not change, and lives until
//! that object is released. What the tables of the library say (names of kinds, codes) lives as long as the library.
//!
//! Pointers that go in must be NULL or valid for the size that they are given with, for the time of the call; places need
//! not be aligned. Where NULL is not allowed it is an error (code `null-pointer`).
//!
//! Every call may be made on any thread at any time, several at once with the same handles too. One mistake is not caught:
//! to read memory of an object that another thread releases meanwhile.
//!
//! Lists are read in pieces: from entry `first` on (counted from 0), up to `capacity` entries are put at `out`. `count` says
//! how many entries the list has altogether, so that a call with a capacity of 0, whose `out` may be NULL, asks for that alone.
//!
//! Nodes are values of a file, known by ids. Equal ids in one model are the same object of the file, so that tied weights and
//! shared layers are recognised; what a node holds has smaller ids. Arrays are known by numbers, counted from 0. Nodes come from
//! a closed set of forms, and what has a meaning in them (a layer, a function, the type of a number) from the closed
//! enumerations of the library.
//!
//! The library calls nothing back, installs no handler of signals, and writes nothing to standard output or standard error. No
//! panic leaves it.
// Raw memory is in `memory`; everywhere else, only what has the symbol and what comes through its arguments is unsafe.
#![allow(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "what is said here is said in the header too")]
#![allow(clippy::missing_safety_doc, reason = "the text above, which begins the header, says it for all calls")]
#![allow(unreachable_pub, reason = "the linker reaches it")]
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

mod array;
mod call;
mod error;
mod handle;
mod library;
mod memory;
mod model;
mod names;
mod node;
mod open;
mod options;
mod text;
