//! Compiles the guest for the target, so that the library needs no compiler when it runs.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, OptLevel};

#[path = "src/config.rs"]
mod config;

fn main() -> Result<(), Box<dyn Error>> {
    for file in ["build.rs", "src/config.rs", MODULE, DIGEST] {
        println!("cargo::rerun-if-changed={file}");
    }
    let module = fs::read(MODULE)?;
    let digest = Sha256::digest(&module).iter().try_fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}")?;
        Ok::<_, std::fmt::Error>(hex)
    })?;
    if fs::read_to_string(DIGEST)?.split_whitespace().next() != Some(&digest) {
        return Err(format!("{MODULE} is not the module whose digest is in {DIGEST}").into());
    }
    println!("cargo::rustc-env=AIRLOCK_GUEST_SHA256={digest}");

    let mut config = config::config();
    config.cranelift_opt_level(OptLevel::Speed);
    // The only thing that processors may disagree about.
    config.cranelift_nan_canonicalization(true);
    // Naming the target keeps the features of the builder's own processor out of the code.
    config.target(&env::var("TARGET")?)?;
    let compiled = Engine::new(&config)?.precompile_module(&module).map_err(|error| format!("{error:#}"))?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&folder).join("guest.cwasm"), compiled)?;
    Ok(())
}

const MODULE: &str = "guest/flux_airlock_guest.wasm";
const DIGEST: &str = "guest/flux_airlock_guest.wasm.sha256";
