//! Compiles the guest for the target, so that the library needs no compiler when it runs.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, OptLevel};

#[path = "src/config.rs"]
mod config;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/config.rs");
    compile("guest/flux_airlock_guest.wasm", "AIRLOCK_GUEST_SHA256", "guest.cwasm")?;
    if env::var_os("CARGO_FEATURE_WASI").is_some() {
        compile("guest/flux_airlock_guest_wasi.wasm", "AIRLOCK_GUEST_WASI_SHA256", "guest_wasi.cwasm")?;
    }
    Ok(())
}

/// Compiles a module whose digest is the one beside it, and gives the library that digest by name.
fn compile(module: &str, variable: &str, compiled: &str) -> Result<(), Box<dyn Error>> {
    let digest_file = format!("{module}.sha256");
    println!("cargo::rerun-if-changed={module}");
    println!("cargo::rerun-if-changed={digest_file}");
    let bytes = fs::read(module)?;
    let digest = Sha256::digest(&bytes).iter().try_fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}")?;
        Ok::<_, std::fmt::Error>(hex)
    })?;
    if fs::read_to_string(&digest_file)?.split_whitespace().next() != Some(&digest) {
        return Err(format!("{module} is not the module whose digest is in {digest_file}").into());
    }
    println!("cargo::rustc-env={variable}={digest}");

    let mut config = config::config();
    config.cranelift_opt_level(OptLevel::Speed);
    // The only thing that processors may disagree about.
    config.cranelift_nan_canonicalization(true);
    // Naming the target keeps the features of the builder's own processor out of the code.
    config.target(&env::var("TARGET")?)?;
    let code = Engine::new(&config)?.precompile_module(&bytes).map_err(|error| format!("{error:#}"))?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&folder).join(compiled), code)?;
    Ok(())
}
