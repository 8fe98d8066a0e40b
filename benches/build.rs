//! Compiles the guest twice more, without some of what bounds it: to measure what that costs.

use std::{env, error::Error, fs, path::Path};

use wasmtime::{Config, Engine, OptLevel};

#[path = "src/bare_config.rs"]
mod bare_config;
#[path = "../host/src/config.rs"]
mod config;

fn main() -> Result<(), Box<dyn Error>> {
    for file in ["build.rs", "src/bare_config.rs", "../host/src/config.rs", MODULE] {
        println!("cargo::rerun-if-changed={file}");
    }
    compile(bare_config::unfueled(config::config()), "unfueled.cwasm")?;
    compile(bare_config::unchecked(config::config()), "unchecked.cwasm")?;
    println!("cargo::rustc-env=AIRLOCK_RUSTC={}", rustc()?);
    Ok(())
}

fn compile(mut config: Config, compiled: &str) -> Result<(), Box<dyn Error>> {
    config.cranelift_opt_level(OptLevel::Speed);
    config.cranelift_nan_canonicalization(true);
    config.target(&env::var("TARGET")?)?;
    let code = Engine::new(&config)?.precompile_module(&fs::read(MODULE)?).map_err(|error| format!("{error:#}"))?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&folder).join(compiled), code)?;
    Ok(())
}

/// The compiler's name and version, for the report.
fn rustc() -> Result<String, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").ok_or("cargo sets RUSTC")?;
    let output = std::process::Command::new(rustc).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

const MODULE: &str = "../host/guest/flux_airlock_guest.wasm";
