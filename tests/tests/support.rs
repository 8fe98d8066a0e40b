//! Where the files lie, and what is expected of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flux_airlock_tests::{DEFAULTS, Opened, Verdict, native, well_formed};
use flux_airlock_wire::{Limit, Limits};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A folder of `tests/corpus`.
pub(crate) fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder)
}

/// Every `.bson` file of a folder and below, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "bson") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `cargo xtask fixtures` expects of the files of a folder.
pub(crate) fn expected<T: DeserializeOwned>(folder: &str) -> Vec<T> {
    #[derive(Deserialize)]
    struct Expected<T> {
        file: Vec<T>,
    }
    let text = fs::read_to_string(corpus(folder).join("expected.toml")).unwrap();
    toml::from_str::<Expected<T>>(&text).unwrap().file
}

/// The defaults, with some limits changed by name.
pub(crate) fn limits(changes: &BTreeMap<String, u32>) -> Limits {
    changes.iter().fold(DEFAULTS, |limits, (name, &most)| limit(limits, name, most))
}

/// The limits, with one changed by name.
pub(crate) fn limit(mut limits: Limits, name: &str, most: u32) -> Limits {
    let limit = Limit::ALL.iter().find(|limit| limit.name() == name).unwrap_or_else(|| panic!("no limit {name}"));
    let field = match limit {
        Limit::AnswerBytes => &mut limits.answer_bytes,
        Limit::Depth => &mut limits.depth,
        Limit::Elements => &mut limits.elements,
        Limit::NameBytes => &mut limits.name_bytes,
        Limit::NamesBytes => &mut limits.names_bytes,
        Limit::Nodes => &mut limits.nodes,
        Limit::Tensors => &mut limits.tensors,
    };
    *field = most;
    limits
}

/// The native decoder's verdict, after all that must hold of any answer was checked.
pub(crate) fn verdict(file: &[u8], limits: &Limits) -> Result<Verdict, String> {
    well_formed(file, &native(file, limits), limits)
}

/// What the native decoder finds in a file that must open.
pub(crate) fn open(path: &Path, file: &[u8]) -> Result<Opened, String> {
    match verdict(file, &DEFAULTS).map_err(|error| format!("{}: {error}", path.display()))? {
        Verdict::Opened(opened) => Ok(*opened),
        Verdict::Refused(refusal) => {
            let (code, offset) = (refusal.code.name(), refusal.offset);
            Err(format!("{}: refused: {code} at {offset}: {}", path.display(), refusal.code))
        }
    }
}

/// Fails with all of these sentences, if there are any.
pub(crate) fn none(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Runs `check` over all items on two threads, and gathers what it finds.
pub(crate) fn each<T: Sync>(items: &[T], check: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    if let Err(failure) = check(item) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    failures
}
