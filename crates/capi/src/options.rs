//! Options: what a file may cost and why it may be opened, both by name, and what its author says of its types.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use flux_airlock::{Airlock, Evidence, Limit, Limits, LimitsBuilder, LockFile, Pin, TypeMap};

use crate::call::{call, make};
use crate::error::{Failure, Status};
use crate::handle::{self, Object};
use crate::memory::{Bytes, RawBytes, Trust as _};

/// Limits, evidence and names of types for any number of files.
pub(crate) struct Options {
    limits: LimitsBuilder,
    evidence: Vec<Item>,
    unverified: bool,
    types: TypeMap,
}

enum Item {
    Lock(PathBuf, LockFile),
    Pin(Pin),
}

/// What is to be opened, as evidence may want to know it.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// Bytes that somebody calls by this name.
    Named(&'a str),
    /// The file at this path.
    Path(&'a Path),
}

impl Options {
    pub(crate) fn new() -> Self {
        Self { limits: Limits::builder(), evidence: Vec::new(), unverified: false, types: TypeMap::default() }
    }

    /// This engine as it works under these options.
    pub(crate) fn apply(&self, engine: &Airlock) -> Result<Airlock, Failure> {
        Ok(engine.with_limits(self.limits.clone().build()?)?.with_types(self.types.clone()))
    }

    /// What must hold of this file; `None` if it may be opened without.
    pub(crate) fn evidence(&self, subject: Subject<'_>) -> Option<Evidence> {
        let evidence = self.evidence.iter().fold(Evidence::new(), |evidence, item| match item {
            Item::Lock(path, lock) => evidence.and_lock(lock, &subject.name_in(path)),
            Item::Pin(pin) => evidence.and_pin(*pin),
        });
        (!self.unverified).then_some(evidence)
    }

    fn grant(&mut self, name: &str, most: u64) -> Result<(), Failure> {
        let limit = Limit::from_name(&name.replace('_', "-"));
        let limit =
            limit.ok_or_else(|| unknown("unknown-limit", "a limit", name, Limit::ALL.iter().map(|l| l.name())))?;
        let limits = self.limits.clone().grant(limit, most)?;
        // Said now, and not when a file is opened.
        limits.clone().build()?;
        self.limits = limits;
        Ok(())
    }

    fn add(&mut self, kind: &str, value: &Bytes) -> Result<(), Failure> {
        let item = match kind {
            "lock" => {
                let path = path_of(value)?;
                let lock = LockFile::read(&path)?;
                Some(Item::Lock(path, lock))
            }
            "pin" => Some(Item::Pin(value.text()?.parse()?)),
            "unverified" if value.get()?.is_empty() => None,
            "unverified" => return Err(Failure::usage("bad-value", "unverified takes no value")),
            _ => return Err(unknown("unknown-evidence", "a kind of evidence", kind, EVIDENCE.iter().copied())),
        };
        match item {
            Some(item) if !self.unverified => self.evidence.push(item),
            None if self.evidence.is_empty() => self.unverified = true,
            _ => return Err(conflict()),
        }
        Ok(())
    }
}

impl Subject<'_> {
    /// The name that the lock file at `lock` has for it. What cannot have one is looked up under one that no lock file holds.
    fn name_in(self, lock: &Path) -> String {
        match self {
            Self::Named(name) => name.to_owned(),
            Self::Path(path) => {
                let outside = || format!("../{}", path.file_name().unwrap_or_default().to_string_lossy());
                LockFile::name_of(lock, path).unwrap_or_else(|_| outside())
            }
        }
    }
}

/// The path that these bytes are.
pub(crate) fn path_of(bytes: &Bytes) -> Result<PathBuf, Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        bytes.get().map(|bytes| std::ffi::OsStr::from_bytes(bytes).into())
    }
    #[cfg(not(unix))]
    {
        bytes.text().map(PathBuf::from)
    }
}

fn unknown(code: &'static str, what: &str, name: &str, known: impl Iterator<Item = &'static str>) -> Failure {
    let known = known.collect::<Vec<_>>().join(", ");
    Failure::usage(code, format!("{} is not {what}: there are {known}", name.escape_debug()))
}

fn conflict() -> Failure {
    Failure::usage("conflicting-evidence", "with evidence, a file is not opened unverified: leave out one or the other")
}

const EVIDENCE: [&str; 3] = ["lock", "pin", "unverified"];

/// Makes options: the default limits, no evidence, and no description of types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_options_new(options: *mut u64, error: *mut u64) -> Status {
    // SAFETY: the caller's, as the header says.
    let (options, error) = unsafe { (options, error).trust() };
    make(options, error, || Ok(Object::Options(Mutex::new(Options::new()))))
}

/// Grants a limit by its name (AIRLOCK_ENUM_LIMIT; `_` may stand for `-`). AIRLOCK_STATUS_USAGE, code `unknown-limit` or
/// `limit-out-of-range`, if that cannot be, and the options stay as they were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_options_limit(
    options: u64,
    name: *const c_char,
    name_len: usize,
    granted: u64,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (name, error) = unsafe { (RawBytes::text(name, name_len), error).trust() };
    call(error, || change(options, |options| options.grant(name.text()?, granted)))
}

/// Adds evidence, all of which must hold of a file: `pin` with a digest (`sha256:…`, `sha512:…`, or bare hexadecimal digits),
/// `lock` with the path of a lock file, which is read now. `unverified` (no value) opens without any, and is an error beside
/// other evidence. Codes are `unknown-evidence`, `bad-pin`, `conflicting-evidence`, and those of lock files with
/// AIRLOCK_STATUS_INPUT; the options then stay as they were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_options_evidence(
    options: u64,
    kind: *const c_char,
    kind_len: usize,
    value: *const c_char,
    value_len: usize,
    error: *mut u64,
) -> Status {
    let texts = (RawBytes::text(kind, kind_len), RawBytes::text(value, value_len), error);
    // SAFETY: the caller's, as the header says.
    let (kind, value, error) = unsafe { texts.trust() };
    call(error, || change(options, |options| options.add(kind.text()?, &value)))
}

/// Has structs of the author's own named by the description of types in the file at this path, which is read now; docs/types.md has
/// the form. It takes the place of one that was there. AIRLOCK_STATUS_INPUT, code `types-…`, if it is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_options_types(
    options: u64,
    path: *const c_char,
    path_len: usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (path, error) = unsafe { (RawBytes::text(path, path_len), error).trust() };
    call(error, || {
        let types = TypeMap::read(&path_of(&path)?)?;
        change(options, |options| {
            options.types = types;
            Ok(())
        })
    })
}

fn change(handle: u64, change: impl FnOnce(&mut Options) -> Result<(), Failure>) -> Result<(), Failure> {
    let object = handle::get(handle)?;
    let mut options = object.options()?.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut options)
}
