//! `cargo xtask bench`: builds what is measured, and lets the package of the benchmarks measure it.
//!
//! The full form writes `docs/performance.md`, what is beside it, and the README's figures; the quick one writes
//! `target/bench`.

use std::{env, path::PathBuf, process::Command};

use crate::{Done, root};

/// Builds and measures.
pub(crate) fn run(quick: bool) -> Done {
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root()?.join("target"), PathBuf::from).join("release");
    cargo(&["build", "--release", "--package", "flux-airlock-cli", "--bin", "airlock"], &[])?;
    cargo(&["build", "--release", "--package", "flux-airlock", "--example", "gate"], &[])?;
    let command = target.join("airlock").display().to_string();
    let gate = target.join("examples/gate").display().to_string();
    let mut options = vec!["measure", "--command", &command, "--gate", &gate];
    if quick {
        options.push("--quick");
    }
    cargo(&["run", "--release", "--package", "flux-airlock-benches", "--"], &options)
}

fn cargo(arguments: &[&str], options: &[&str]) -> Done {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(arguments).args(options).current_dir(root()?).status();
    match status.map_err(|error| format!("cargo: {error}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("cargo {}: {status}", arguments.join(" "))),
    }
}
