//! Compiles the guest once more, without fuel: to measure what fuel costs.

use std::{env, error::Error, fs, path::Path};

use wasmtime::{Engine, OptLevel};

#[path = "../host/src/config.rs"]
mod config;

fn main() -> Result<(), Box<dyn Error>> {
    for file in ["build.rs", "../host/src/config.rs", MODULE] {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut config = config::config();
    config.consume_fuel(false);
    config.cranelift_opt_level(OptLevel::Speed);
    config.cranelift_nan_canonicalization(true);
    config.target(&env::var("TARGET")?)?;
    let module = fs::read(MODULE)?;
    let compiled = Engine::new(&config)?.precompile_module(&module).map_err(|error| format!("{error:#}"))?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&folder).join("unfueled.cwasm"), compiled)?;
    println!("cargo::rustc-env=AIRLOCK_RUSTC={}", rustc()?);
    Ok(())
}

/// The compiler's name and version, for the report.
fn rustc() -> Result<String, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").ok_or("cargo sets RUSTC")?;
    let output = std::process::Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

const MODULE: &str = "../host/guest/flux_airlock_guest.wasm";
