//! The decoder as a WASI command: the same answers in other runtimes, from a context that has nothing.
//!
//! Node's own WASI is one of them, where there is a Node; `AIRLOCK_NODE` names it, and then it must be there. Another
//! compiler's command is given in `AIRLOCK_OTHER_GUEST_WASI`, as `cargo xtask guest --check` says.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use flux_airlock::Airlock;
use wasmparser::{Parser, Payload};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/guest/flux_airlock_guest_wasi.wasm");

#[test]
fn the_command_asks_for_its_standard_streams_and_little_else() {
    let module = fs::read(MODULE).unwrap();
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(&module) {
        if let Payload::ImportSection(section) = payload.unwrap() {
            for import in section.into_imports() {
                let import = import.unwrap();
                assert_eq!(import.module, "wasi_snapshot_preview1");
                names.push(import.name.to_owned());
            }
        }
    }
    names.sort();
    // What Rust's std asks of the environment, it gets as none.
    assert_eq!(names, ["environ_get", "environ_sizes_get", "fd_read", "fd_write", "proc_exit"]);
}

#[test]
fn node_gives_the_same_answers() {
    let named = env::var_os("AIRLOCK_NODE");
    let node = named.clone().unwrap_or_else(|| "node".into());
    let Ok(version) = Command::new(&node).arg("--version").output() else {
        assert!(named.is_none(), "AIRLOCK_NODE names no program");
        eprintln!("skipped: there is no node");
        return;
    };
    // Before 20, WASI has to be asked for. With threads that compile beside it, Node 20 ends with a fault now and then.
    let is_old = version.stdout.starts_with(b"v1");
    let mut flags = vec!["--no-warnings", "--single-threaded", "--no-wasm-dynamic-tiering"];
    flags.extend(is_old.then_some("--experimental-wasi-unstable-preview1"));
    let files = corpus();
    let folder = Folder::new("node");
    let module = env::var_os("AIRLOCK_OTHER_GUEST_WASI").unwrap_or_else(|| MODULE.into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node.mjs");
    let output = Command::new(node).args(flags).arg(script).arg(module).arg(&folder.0).args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let airlock = Airlock::new().unwrap();
    for (n, file) in files.iter().enumerate() {
        let answer = fs::read(folder.0.join(n.to_string())).unwrap();
        assert!(answer == airlock.raw_answer(fs::read(file).unwrap()).unwrap(), "{}", file.display());
    }
}

#[cfg(feature = "wasi")]
mod wasmtime {
    use std::fs;

    use flux_airlock::{Airlock, Error, GUEST_WASI_SHA256, Input, Limit, Limits};

    use super::corpus;

    #[test]
    fn the_same_answers() {
        let (core, wasi) = (Airlock::new().unwrap(), Airlock::builder().wasi().build().unwrap());
        for path in corpus() {
            let file = fs::read(&path).unwrap();
            let answers = [&core, &wasi].map(|airlock| airlock.raw_answer(file.clone()).unwrap());
            assert!(answers[0] == answers[1], "{}", path.display());
        }
        assert_eq!(wasi.instances_started(), core.instances_started());
    }

    #[test]
    fn a_model_keeps_the_bytes_of_its_file() {
        let wasi = Airlock::builder().wasi().build().unwrap();
        let file = corpus().into_iter().find(|path| path.ends_with("flux-0.16.9/lenet.bson")).unwrap();
        let [one, other] =
            [&wasi, &Airlock::new().unwrap()].map(|airlock| airlock.open_unverified(Input::path(&file)).unwrap());
        assert_eq!(one.sandbox().guest_sha256, GUEST_WASI_SHA256);
        let arrays = |model: &flux_airlock::Model| {
            model.tensors().map(|tensor| (tensor.path().to_owned(), tensor.bytes().to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(arrays(&one), arrays(&other));
    }

    #[test]
    fn the_same_limits_strike() {
        let list: Vec<u8> = wide(200_000);
        let under = |limits: Limits| {
            let airlock = Airlock::builder().limits(limits).wasi().build().unwrap();
            match airlock.raw_answer(list.clone()) {
                Ok(_) => None,
                Err(Error::Limit(error)) => Some(error.limit),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(under(Limits::default()), None);
        assert_eq!(under(Limits::builder().fuel(1_000_000).build().unwrap()), Some(Limit::Fuel));
        assert_eq!(under(Limits::builder().memory_bytes(1 << 20).build().unwrap()), Some(Limit::MemoryBytes));
    }

    #[test]
    fn limits_that_it_would_not_know_of_are_refused() {
        let limits = Limits::builder().depth(100).build().unwrap();
        let error = Airlock::builder().limits(limits).wasi().build().unwrap_err();
        assert_eq!(error.code(), "engine-start");
        assert_eq!(Airlock::builder().pooling(2).wasi().build().unwrap_err().code(), "engine-start");
    }

    /// A document of so many integers.
    fn wide(elements: u32) -> Vec<u8> {
        let mut file = vec![0; 4];
        for i in 0..elements {
            file.push(0x10);
            file.extend_from_slice(format!("k{i}\0").as_bytes());
            file.extend_from_slice(&i.to_le_bytes());
        }
        file.push(0);
        let len = u32::try_from(file.len()).unwrap();
        file[..4].copy_from_slice(&len.to_le_bytes());
        file
    }
}

/// Every file of the corpus.
fn corpus() -> Vec<PathBuf> {
    let mut files = Vec::new();
    find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus"), &mut files);
    files
}

/// All `.bson` files in a folder and below, sorted.
fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "bson") {
            files.push(path);
        }
    }
}

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("airlock-wasi-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
