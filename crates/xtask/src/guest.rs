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

/// Builds the guests and writes them where the host embeds them, with their digests and the compiler's description.
pub(crate) fn write() -> Done {
    let root = root()?;
    let compiler = Compiler::find(&root)?;
    let folder = root.join(FOLDER);
    for guest in &GUESTS {
        let module = compiler.build(guest, &root, &root.join("target/guest"))?;
        put(&folder.join(guest.module), &module)?;
        put(&folder.join(format!("{}.sha256", guest.module)), guest.digest_line(&module).as_bytes())?;
        println!("{FOLDER}/{}: {} bytes, sha256 {}", guest.module, module.len(), hex(&module));
    }
    put(&folder.join(COMPILER), compiler.version.as_bytes())
}

/// Builds the guests anew, and compares them with the committed ones.
///
/// Another compiler than the recorded one makes other bytes; then the places of its modules are printed, and comparing
/// the answers is left to the tests, which read them from `AIRLOCK_OTHER_GUEST` and `AIRLOCK_OTHER_GUEST_WASI`.
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
    let is_recorded = fetch(&root.join(FOLDER).join(COMPILER))? == compiler.version.as_bytes();
    GUESTS.iter().try_for_each(|guest| guest.check(&compiler, is_recorded, &root, &target))
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
    fn build(&self, guest: &Guest, root: &Path, target: &Path) -> Result<Vec<u8>, String> {
        fs::create_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--release", "--locked", "--target", guest.target]).args(guest.cargo);
        command.arg("--manifest-path");
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
        let built = fetch(&target.join(guest.target).join("release").join(guest.module))?;
        wasm::trim(&built, &guest.exports).ok_or_else(|| "the linker wrote something that is not a module".to_owned())
    }
}

/// The compiler's flags. Of two remappings that both fit, the later one holds.
fn flags(root: &Path, target: &Path) -> OsString {
    let mut flags = OsString::from("-Ctarget-feature=-bulk-memory");
    for flag in [format!("-zstack-size={STACK_BYTES}"), format!("--initial-memory={MEMORY_BYTES}")] {
        flags.push("\u{1f}-Clink-arg=");
        flags.push(flag);
    }
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

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A build of the decoder.
struct Guest {
    target: &'static str,
    /// What cargo is told to build of the package.
    cargo: &'static [&'static str],
    module: &'static str,
    exports: [&'static str; 2],
    /// The variable that the tests read.
    other: &'static str,
}

impl Guest {
    /// Builds it, and compares it with the committed one; `is_recorded` if the compiler is the one that made that.
    fn check(&self, compiler: &Compiler, is_recorded: bool, root: &Path, target: &Path) -> Done {
        let module = compiler.build(self, root, target)?;
        let built = target.join(self.module);
        put(&built, &module)?;
        let committed = fetch(&root.join(FOLDER).join(self.module))?;
        if fetch(&root.join(FOLDER).join(format!("{}.sha256", self.module)))? != self.digest_line(&committed).as_bytes()
        {
            return Err(format!("{FOLDER}/{}.sha256 is not the digest of the module beside it", self.module));
        }
        if module == committed {
            println!("same bytes: {} sha256 {}", self.module, hex(&module));
            return Ok(());
        }
        if !is_recorded {
            println!("another compiler made the committed {}: compare the answers", self.module);
            println!("{}={}", self.other, built.display());
            return Ok(());
        }
        Err(format!(
            "the committed {} is not what its sources give: run `cargo xtask guest`\n  committed {}\n  built     {} in {}",
            self.module,
            hex(&committed),
            hex(&module),
            built.display()
        ))
    }

    /// The line that `sha256sum --check` reads.
    fn digest_line(&self, module: &[u8]) -> String {
        format!("{}  {}\n", hex(module), self.module)
    }
}

const GUESTS: [Guest; 2] = [
    Guest {
        target: "wasm32-unknown-unknown",
        cargo: &["--lib"],
        module: "flux_airlock_guest.wasm",
        exports: ["memory", "decode"],
        other: "AIRLOCK_OTHER_GUEST",
    },
    Guest {
        target: "wasm32-wasip1",
        cargo: &["--bin", "flux_airlock_guest_wasi"],
        module: "flux_airlock_guest_wasi.wasm",
        exports: ["memory", "_start"],
        other: "AIRLOCK_OTHER_GUEST_WASI",
    },
];
const FOLDER: &str = "host/guest";
const COMPILER: &str = "compiler.txt";

/// The guest's own stack, at the bottom of its memory, so that overflowing it is a trap. The decoder never recurses over
/// the file, and needs a small part of this.
const STACK_BYTES: u32 = 64 << 10;
/// What the guest's memory has from its start: the stack, its data, and a heap of about 100 KiB, which is all that nine of ten
/// files need. To grow is to ask the system, for each file.
const MEMORY_BYTES: u32 = 192 << 10;
