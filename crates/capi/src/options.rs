//! Options: what a file may cost and why it may be opened, both by name, and what its author says of its types.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flux_airlock::{
    Airlock, Clock, Evidence, Limit, Limits, LimitsBuilder, LockFile, Pin, Policy, PublicKey, Registry, RegistryAt,
    Roots, Signature, SignedBy, TypeMap,
};

use crate::call::{call, make};
use crate::error::{Failure, Status};
use crate::handle::{self, Object};
use crate::memory::{Bytes, RawBytes, Trust as _};

/// Limits, evidence, a policy and names of types for any number of files.
pub(crate) struct Options {
    limits: LimitsBuilder,
    evidence: Vec<Item>,
    parts: Parts,
    unverified: bool,
    policy: Option<Policy>,
    types: TypeMap,
}

/// What says something together only, and so is put together when a file is opened.
#[derive(Default)]
struct Parts {
    signatures: Vec<(PathBuf, Signature)>,
    public_keys: Vec<PublicKey>,
    certificate_root: Option<Roots>,
    signed_folder: Option<PathBuf>,
    registry: Option<String>,
    root: Option<Vec<u8>>,
    name: Option<String>,
    cache: Option<PathBuf>,
    offline: bool,
    /// The registry, once it was asked; whoever asks has it from here, and nobody waits for the options meanwhile.
    loaded: Arc<OnceLock<Registry>>,
}

/// Evidence, of which a registry must yet be asked.
pub(crate) struct Pending {
    evidence: Evidence,
    registry: Option<Asking>,
}

/// A registry to be asked, and for what.
struct Asking {
    at: RegistryAt,
    loaded: Arc<OnceLock<Registry>>,
    /// The name by which it lists the file; `None` to ask no more than what was revoked.
    name: Option<String>,
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
        Self {
            limits: Limits::builder(),
            evidence: Vec::new(),
            parts: Parts::default(),
            unverified: false,
            policy: None,
            types: TypeMap::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_registry(&mut self, registry: &str, root: Vec<u8>, cache: PathBuf) {
        self.parts.registry = Some(registry.to_owned());
        (self.parts.root, self.parts.cache) = (Some(root), Some(cache));
    }

    /// This engine as it works under these options.
    pub(crate) fn apply(&self, engine: &Airlock) -> Result<Airlock, Failure> {
        let airlock = engine.with_limits(self.limits.clone().build()?)?.with_types(self.types.clone());
        match &self.policy {
            Some(policy) => Ok(airlock.with_policy(policy.clone())?),
            None => Ok(airlock),
        }
    }

    /// What must hold of this file; `None` if it may be opened without.
    pub(crate) fn evidence(&self, subject: Subject<'_>) -> Result<Option<Pending>, Failure> {
        if self.unverified {
            return Ok(None);
        }
        let evidence = self.evidence.iter().fold(Evidence::new(), |evidence, item| match item {
            Item::Lock(path, lock) => evidence.and_lock(lock, &subject.name_in(path)),
            Item::Pin(pin) => evidence.and_pin(*pin),
        });
        self.parts.evidence(subject, evidence).map(Some)
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
        if kind == "unverified" || self.unverified {
            let (is_first, has_value) = (self.evidence.is_empty() && self.parts.is_empty(), !value.get()?.is_empty());
            self.unverified = match kind {
                "unverified" if has_value => return Err(Failure::usage("bad-value", "unverified takes no value")),
                "unverified" if is_first => true,
                _ if EVIDENCE.contains(&kind) => return Err(conflict()),
                _ => return Err(unknown_evidence(kind)),
            };
            return Ok(());
        }
        let parts = &mut self.parts;
        match kind {
            "certificate-root" => once(kind, &mut parts.certificate_root, read(value, Roots::read)?.1)?,
            "cache" => once(kind, &mut parts.cache, path_of(value)?)?,
            "lock" => {
                let (path, lock) = read(value, LockFile::read)?;
                self.evidence.push(Item::Lock(path, lock));
            }
            "name" => once(kind, &mut parts.name, value.text()?.to_owned())?,
            "offline" if value.get()?.is_empty() => parts.offline = true,
            "offline" => return Err(Failure::usage("bad-value", "offline takes no value")),
            "pin" => self.evidence.push(Item::Pin(value.text()?.parse()?)),
            "public-key" => parts.public_keys.push(read(value, PublicKey::read)?.1),
            "registry" => once(kind, &mut parts.registry, value.text()?.to_owned())?,
            "root" => {
                let unread = |error| Failure::input("root-io", format!("{error}"));
                once(kind, &mut parts.root, read(value, |path| RegistryAt::read_root(path).map_err(unread))?.1)?;
            }
            "signature" => parts.signatures.push(read(value, Signature::read)?),
            "signed-folder" => once(kind, &mut parts.signed_folder, path_of(value)?)?,
            _ => return Err(unknown_evidence(kind)),
        }
        // It was asked with less.
        parts.loaded = Arc::default();
        Ok(())
    }
}

impl Parts {
    const fn is_empty(&self) -> bool {
        let Self {
            signatures, public_keys, certificate_root, signed_folder, registry, root, name, cache, offline, ..
        } = self;
        let of_signatures = signatures.is_empty() && public_keys.is_empty() && certificate_root.is_none();
        let of_registry = registry.is_none() && root.is_none() && name.is_none() && cache.is_none() && !*offline;
        of_signatures && signed_folder.is_none() && of_registry
    }

    /// This evidence, and what the parts are together.
    fn evidence(&self, subject: Subject<'_>, mut evidence: Evidence) -> Result<Pending, Failure> {
        let signers: Vec<SignedBy> = match &self.certificate_root {
            Some(_) if !self.public_keys.is_empty() => {
                return Err(incomplete("the signer is known by public keys or by a certificate root, and not by both"));
            }
            Some(roots) => vec![roots.clone().into()],
            None => self.public_keys.iter().cloned().map(SignedBy::from).collect(),
        };
        if self.signatures.is_empty() && (!signers.is_empty() || self.signed_folder.is_some()) {
            return Err(incomplete("there is a signer or a signed folder, and no signature"));
        }
        if signers.is_empty() && !self.signatures.is_empty() {
            return Err(incomplete("a signature says nothing without its signer: a public key, or a certificate root"));
        }
        if signers.len() > 1 && signers.len() != self.signatures.len() {
            return Err(incomplete("there is one public key for all signatures, or one for each, in their order"));
        }
        for ((path, signature), by) in self.signatures.iter().zip(signers.into_iter().cycle()) {
            let signature = signature.clone();
            let signature = match subject {
                Subject::Path(file) => signature.about(file, path, self.signed_folder.as_deref()),
                Subject::Named(_) => signature,
            };
            evidence = evidence.and_signature(signature, by);
        }
        Ok(Pending { evidence, registry: self.registry(subject)? })
    }

    fn registry(&self, subject: Subject<'_>) -> Result<Option<Asking>, Failure> {
        let Some(location) = &self.registry else {
            if self.root.is_some() || self.name.is_some() || self.cache.is_some() || self.offline {
                return Err(incomplete("there is a root, a name or a cache, and no registry"));
            }
            return Ok(None);
        };
        let root = self.root.as_ref();
        let root =
            root.ok_or_else(|| incomplete("a registry says nothing without its root, from elsewhere than there"))?;
        let cache = self.cache.clone().or_else(RegistryAt::user_cache);
        let cache = cache.ok_or_else(|| incomplete("there is no home folder: a cache must be given"))?;
        let at = RegistryAt::new(location, root.as_slice(), cache)?;
        let at = if self.offline { at.offline() } else { at };
        let own = match subject {
            Subject::Named(name) => name.to_owned(),
            Subject::Path(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let name = match &self.name {
            // Told, by an empty name, to ask no more than that.
            Some(name) => (!name.is_empty()).then(|| name.clone()),
            None if own.is_empty() => {
                return Err(incomplete("bytes without a name need the name by which the registry lists them"));
            }
            None => Some(own),
        };
        Ok(Some(Asking { at, loaded: Arc::clone(&self.loaded), name }))
    }
}

impl Pending {
    /// All of the evidence. A registry is asked for the first file that is opened, and that may take its time.
    pub(crate) fn whole(self) -> Result<Evidence, Failure> {
        let Some(Asking { at, loaded, name }) = self.registry else { return Ok(self.evidence) };
        let registry = if let Some(registry) = loaded.get() {
            registry.clone()
        } else {
            let registry = at.load(Clock::system())?;
            // Two threads may both have asked. One answer is kept, and each believes its own, which may know of more.
            let _ = loaded.set(registry.clone());
            registry
        };
        Ok(match name {
            Some(name) => self.evidence.and_registry(&registry, &name),
            None => self.evidence.and_not_revoked(&registry),
        })
    }
}

/// The path that was given, and what is read there. Of several files, the error says which one it is about.
fn read<T, E: Into<Failure>>(path: &Bytes, read: impl FnOnce(&Path) -> Result<T, E>) -> Result<(PathBuf, T), Failure> {
    let path = path_of(path)?;
    match read(&path) {
        Ok(content) => Ok((path, content)),
        Err(error) => Err(error.into().about(&path)),
    }
}

impl Subject<'_> {
    /// The name under which the lock file at `lock` is asked for it.
    fn name_in(self, lock: &Path) -> String {
        match self {
            Self::Named(name) => name.to_owned(),
            Self::Path(path) => LockFile::name_to_look_up(LockFile::folder_of(lock), path),
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

/// Gives what there can be one of. Another one would take its place, and then not all that was given would hold.
fn once<T>(kind: &str, place: &mut Option<T>, given: T) -> Result<(), Failure> {
    if place.is_some() {
        return Err(Failure::usage("repeated-evidence", format!("there can be one {kind}, and it was given before")));
    }
    *place = Some(given);
    Ok(())
}

fn unknown_evidence(kind: &str) -> Failure {
    unknown("unknown-evidence", "a kind of evidence", kind, EVIDENCE.iter().copied())
}

fn incomplete(what: &str) -> Failure {
    Failure::usage("incomplete-evidence", what)
}

fn conflict() -> Failure {
    Failure::usage("conflicting-evidence", "with evidence, a file is not opened unverified: leave out one or the other")
}

const EVIDENCE: [&str; 12] = [
    "cache",
    "certificate-root",
    "lock",
    "name",
    "offline",
    "pin",
    "public-key",
    "registry",
    "root",
    "signature",
    "signed-folder",
    "unverified",
];

/// Makes options: the default limits, no evidence, and no description of types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_options_new(options: *mut u64, error: *mut u64) -> Status {
    // SAFETY: the caller's, as the header says.
    let (options, error) = unsafe { (options, error).trust() };
    make(options, error, || Ok(Object::Options(Box::new(Mutex::new(Options::new())))))
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

/// Adds evidence, all of which must hold of a file:
///
/// - `pin`: a digest (`sha256:…`, `sha512:…`, or bare hexadecimal digits); `lock`: the path of a lock file;
/// - `signature`: the path of a signature (OMS or minisign), which must have been made by `public-key`, the path of one for all
///   signatures, or one for each in their order; or by a key whose certificate leads to one in `certificate-root`, a path. If it is
///   about a folder, that is `signed-folder`, or else the one that it lies in;
/// - `registry`: a folder, or an `https://` or `http://` URL, whose first metadata is at the path `root`. It lists the file as `name`, or
///   by the file's own; with an empty `name` it is asked only what was revoked. What was seen of it is kept in the folder `cache`,
///   by default the user's; with `offline` (no value) nobody is asked. It is asked when a file is opened for the first time: what
///   it revokes later is known to new options, and these refuse when what they know has expired.
///
/// There can be several of `pin`, `lock`, `signature` and `public-key`, and one of each other kind.
///
/// Files are read now, but for those of a registry. `unverified` (no value) opens without any, and is an error beside other
/// evidence. Codes are `unknown-evidence`, `bad-pin`, `bad-value`, `conflicting-evidence`, `repeated-evidence`, and those of lock files, signatures and keys
/// with AIRLOCK_STATUS_INPUT; the options then stay as they were. What says nothing alone, such as a signature without a signer, is
/// `incomplete-evidence` when a file is opened.
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

/// Puts files under the policy at this path; with no path (NULL and 0), under that of the user whose environment this is, or else
/// the system's, if there is one. Every `airlock.toml` in the process's folder and above it, which can only forbid, holds beside
/// it. It is read now, and takes the place of one that was there; docs/policy.md has the form. AIRLOCK_STATUS_INPUT, code `policy-…`,
/// if one of them cannot be used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_options_policy(
    options: u64,
    path: *const c_char,
    path_len: usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (path, error) = unsafe { (RawBytes::text(path, path_len), error).trust() };
    call(error, || {
        let path = path_of(&path)?;
        let policy = Policy::here((!path.as_os_str().is_empty()).then_some(&*path))?;
        change(options, |options| {
            options.policy = policy;
            Ok(())
        })
    })
}

fn change(handle: u64, change: impl FnOnce(&mut Options) -> Result<(), Failure>) -> Result<(), Failure> {
    let object = handle::get(handle)?;
    let mut options = object.options()?.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut options)
}
