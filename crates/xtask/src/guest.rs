//! Building the guest, so that the same sources and the same compiler give the same bytes in every folder.
//!
//! The module that the host embeds is committed; this is what it is made with and checked against. Three things would
//! otherwise let the machine into the bytes: paths (remapped), cargo's hash of where a package lies (replaced by name and
//! version, see [`compile`]), and flags of the environment (cleared).

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use sha2::{Digest as _, Sha256};

use crate::{Done, root, wasm};

/// The variable that makes this program a wrapper around the compiler.
pub(crate) const WRAPPER: &str = "AIRLOCK_XTASK_WRAPPER";

/// Builds the guest and writes it where the host embeds it, with its digest and the compiler's description.
pub(crate) fn write() -> Done {
    let root = root()?;
    let compiler = Compiler::find(&root)?;
    let module = compiler.build(&root, &root.join("target/guest"))?;
    let folder = root.join(FOLDER);
    put(&folder.join(MODULE), &module)?;
    put(&folder.join(format!("{MODULE}.sha256")), digest_line(&module).as_bytes())?;
    put(&folder.join(COMPILER), compiler.version.as_bytes())?;
    println!("{FOLDER}/{MODULE}: {} bytes, sha256 {}", module.len(), hex(&module));
    Ok(())
}

/// Builds the guest anew, and compares it with the committed one.
///
/// Another compiler than the recorded one makes other bytes; then the place of its module is printed, and comparing the
/// answers of both is left to the tests, which read it from `AIRLOCK_OTHER_GUEST`.
pub(crate) fn check() -> Done {
    let root = root()?;
    let compiler = Compiler::find(&root)?;
    let target = root.join("target/guest-check");
    match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", target.display()));
        }
        _ => {}
    }
    let module = compiler.build(&root, &target)?;
    let built = target.join(MODULE);
    put(&built, &module)?;
    let folder = root.join(FOLDER);
    let committed = fetch(&folder.join(MODULE))?;
    if fetch(&folder.join(format!("{MODULE}.sha256")))? != digest_line(&committed).as_bytes() {
        return Err(format!("{FOLDER}/{MODULE}.sha256 is not the digest of the module beside it"));
    }
    if module == committed {
        println!("same bytes: sha256 {}", hex(&module));
        return Ok(());
    }
    if fetch(&folder.join(COMPILER))? != compiler.version.as_bytes() {
        println!("another compiler made the committed guest: compare the answers");
        println!("AIRLOCK_OTHER_GUEST={}", built.display());
        return Ok(());
    }
    Err(format!(
        "the committed guest is not what its sources give: run `cargo xtask guest`\n  committed {}\n  built     {} in {}",
        hex(&committed),
        hex(&module),
        built.display()
    ))
}

/// Runs the compiler that cargo asks for, as a wrapper: `rustc ARG...`.
///
/// Cargo tells packages apart by a hash that includes the folder they lie in, and the compiler orders functions by it. The
/// guest has every package once, so name and version tell them apart just as well.
pub(crate) fn compile(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(rustc) = args.next() else { return ExitCode::from(2) };
    let mut command = Command::new(rustc);
    let package = [env::var("CARGO_PKG_NAME"), env::var("CARGO_PKG_VERSION")];
    for arg in args {
        let is_hash = arg.to_str().is_some_and(|arg| arg.starts_with("metadata="));
        match &package {
            [Ok(name), Ok(version)] if is_hash => command.arg(format!("metadata={name}-{version}")),
            _ => command.arg(arg),
        };
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {}: {error}", command.get_program().display());
            ExitCode::FAILURE
        }
    }
}

/// A compiler that knows the guest's target.
struct Compiler {
    rustc: PathBuf,
    /// What `rustc -vV` prints.
    version: String,
}

impl Compiler {
    fn find(root: &Path) -> Result<Self, String> {
        let path = output(Command::new("bash").arg(root.join("tools/guest-toolchain.sh")))?;
        let rustc = PathBuf::from(path.trim_end());
        let version = output(Command::new(&rustc).arg("-vV"))?;
        Ok(Self { rustc, version })
    }

    /// The module, built in the folder `target`.
    fn build(&self, root: &Path, target: &Path) -> Result<Vec<u8>, String> {
        fs::create_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--release", "--locked", "--target", TARGET, "--manifest-path"]);
        command.arg(root.join("guest/Cargo.toml")).arg("--target-dir").arg(target);
        for (name, _) in env::vars_os() {
            if is_foreign(&name) {
                command.env_remove(name);
            }
        }
        command.env("RUSTC", &self.rustc);
        command.env("RUSTC_WRAPPER", env::current_exe().map_err(|error| error.to_string())?).env(WRAPPER, "1");
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_ENCODED_RUSTFLAGS", flags(root, target));
        let status = command.status().map_err(|error| format!("cargo: {error}"))?;
        if !status.success() {
            return Err("the guest does not compile".to_owned());
        }
        let built = fetch(&target.join(TARGET).join("release").join(MODULE))?;
        wasm::trim(&built, &EXPORTS).ok_or_else(|| "the linker wrote something that is not a module".to_owned())
    }
}

/// The compiler's flags. Of two remappings that both fit, the later one holds.
fn flags(root: &Path, target: &Path) -> OsString {
    let mut flags = OsString::from(format!("-Clink-arg=-zstack-size={STACK_BYTES}\u{1f}-Ctarget-feature=-bulk-memory"));
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    for (from, to) in [(cargo_home.as_deref(), "/cargo"), (Some(root), "/flux-airlock"), (Some(target), "/target")] {
        if let Some(from) = from {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
    }
    flags
}

/// Variables that would change how the guest is compiled.
fn is_foreign(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_", "RUSTC_"].iter().any(|prefix| name.starts_with(prefix))
        || name == "RUSTFLAGS"
}

/// What the command prints.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{program} printed something that is no text"))
}

fn fetch(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn put(path: &Path, bytes: &[u8]) -> Done {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// The line that `sha256sum --check` reads.
fn digest_line(module: &[u8]) -> String {
    format!("{}  {MODULE}\n", hex(module))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

const TARGET: &str = "wasm32-unknown-unknown";
const FOLDER: &str = "host/guest";
const MODULE: &str = "flux_airlock_guest.wasm";
const COMPILER: &str = "compiler.txt";
const EXPORTS: [&str; 2] = ["memory", "decode"];

/// The guest's own stack, at the bottom of its memory, so that overflowing it is a trap. The decoder never recurses over
/// the file, and needs a small part of this.
const STACK_BYTES: u32 = 128 << 10;
