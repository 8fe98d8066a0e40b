//! Chores of the repository: `cargo xtask COMMAND`.
//!
//! Each command writes only what its own description names, and ends with 0 exactly if it did its work.

#![forbid(unsafe_code)]

mod bench;
mod counts;
mod fixtures;
mod guest;
mod header;
mod museum;
mod wasm;

use std::{env, ffi::OsString, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    if env::var_os(guest::WRAPPER).is_some() {
        return guest::compile(args);
    }
    let command = args.next().unwrap_or_default();
    let rest: Vec<OsString> = args.collect();
    let rest: Vec<&str> = rest.iter().filter_map(|arg| arg.to_str()).collect();
    let result = match (command.to_str(), rest.as_slice()) {
        (Some("bench"), []) => bench::run(false),
        (Some("bench"), ["--quick"]) => bench::run(true),
        (Some("counts"), []) => counts::write(),
        (Some("counts"), ["--check"]) => counts::check(),
        (Some("fixtures"), []) => fixtures::write(),
        (Some("fixtures"), ["--check"]) => fixtures::check(),
        (Some("guest"), []) => guest::write(),
        (Some("guest"), ["--check"]) => guest::check(),
        (Some("header"), []) => header::write(),
        (Some("header"), ["--check"]) => header::check(),
        (Some("museum"), []) => museum::write(),
        (Some("museum"), ["--check"]) => museum::check(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What a chore ends with: nothing, or a sentence.
type Done = Result<(), String>;

/// The folder of the repository, as cargo says it for the package that it runs.
fn root() -> Result<PathBuf, String> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or("run this as `cargo xtask`")?;
    PathBuf::from(manifest)
        .ancestors()
        .nth(2)
        .ok_or_else(|| "the package xtask is not in crates/xtask".to_owned())?
        .canonicalize()
        .map_err(|error| error.to_string())
}

const USAGE: &str = "\
usage: cargo xtask COMMAND

  bench              measure, and write docs/performance.md, docs/performance/ and the README's figures
  bench --quick      measure a little, and write target/bench
  counts             count instructions, and write benches/counts.txt
  counts --check     compare them with what is there
  fixtures           write tests/corpus/reject and tests/corpus/accept/made
  fixtures --check   compare them with what is there
  guest              build the guest and its WASI form, and write host/guest/*
  guest --check      build them, and compare with host/guest/*
  header             write crates/capi/include/flux_airlock.h
  header --check     compare it with what is there
  museum             write docs/layouts.md
  museum --check     compare it with what is there";
