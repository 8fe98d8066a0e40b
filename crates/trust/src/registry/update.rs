//! Loading a registry: the chain of roots that was seen, the verifier's own steps, expiry by the caller's clock, and keeping
//! what has held.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tough::schema::key::Key;
use tough::schema::{RoleType, Root, Signed, Timestamp};
use tough::{ExpirationEnforcement, Limits, Repository, RepositoryLoader};
use url::Url;

use super::error::{RegistryError, escaped};
use super::shelf::{self, Shelf};
use super::{Listing, Location, Registry, RegistryAt, Revocation, Versions, View, cache_of, content};
use crate::{Clock, files};

/// See [`RegistryAt::load`].
pub(super) fn load(at: &RegistryAt, clock: Clock) -> Result<Registry, RegistryError> {
    let cache = Cache::open(cache_of(at))?;
    let latest = cache.check_time(clock)?;
    let online = if at.offline { None } else { Some(look(at, &cache, Some(&at.location), clock)) };
    let registry = match online {
        Some(Err(RegistryError::Unreachable { message })) => match look(at, &cache, None, clock) {
            Err(RegistryError::Unreachable { .. }) => return Err(RegistryError::Unreachable { message }),
            kept => kept?,
        },
        None => look(at, &cache, None, clock)?,
        Some(online) => online?,
    };
    cache.keep_time(clock, latest)?;
    Ok(registry)
}

/// As a user looks at it: what has expired says nothing. From what was kept if there is no location to ask.
fn look(at: &RegistryAt, cache: &Cache, location: Option<&Location>, clock: Clock) -> Result<Registry, RegistryError> {
    let verified = verify(at, cache, location, Arc::default())?;
    let expiry = verified.expiry(clock)?;
    if location.is_some() {
        cache.keep(&verified.given)?;
    }
    Ok(view(at, verified, expiry, location.is_none()))
}

/// As a keeper looks at it, who can sign anew what has expired. What was seen is held for as long as the keeper works: two who
/// began with the same could both publish what comes next.
#[cfg(feature = "sign")]
pub(super) fn open(at: &RegistryAt, clock: Clock) -> Result<(Cache, Verified), RegistryError> {
    let cache = Cache::open(cache_of(at))?;
    let latest = cache.check_time(clock)?;
    let verified = verify(at, &cache, Some(&at.location), Arc::default())?;
    cache.keep(&verified.given)?;
    cache.keep_time(clock, latest)?;
    Ok((cache, verified))
}

/// What was seen of a registry that begins.
#[cfg(feature = "sign")]
pub(super) fn begin(at: &RegistryAt) -> Result<Cache, RegistryError> {
    Cache::open(cache_of(at))
}

/// Lets metadata be written if they will hold for whoever looks at them then, and keeps that they were.
#[cfg(feature = "sign")]
pub(super) fn publish<E: From<RegistryError>>(
    at: &RegistryAt,
    cache: &Cache,
    staged: Arc<BTreeMap<String, Vec<u8>>>,
    write: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let verified = verify(at, cache, Some(&at.location), staged)?;
    write()?;
    Ok(cache.keep(&verified.given)?)
}

/// Metadata that hold among themselves, and follow from what is trusted and what was seen, whatever the time is.
pub(super) struct Verified {
    pub(super) repository: Repository,
    pub(super) models: BTreeMap<String, Listing>,
    pub(super) revoked: BTreeMap<[u8; 32], Revocation>,
    /// The last root, as it was read.
    #[cfg_attr(not(feature = "sign"), expect(dead_code, reason = "keepers want to know"))]
    pub(super) root: Vec<u8>,
    /// Was nothing of this registry seen before?
    #[cfg_attr(not(feature = "sign"), expect(dead_code, reason = "keepers want to know"))]
    pub(super) is_new: bool,
    /// The files that were read.
    pub(super) given: BTreeMap<String, Vec<u8>>,
}

/// One way through the verifier. What is staged counts as if it were at the location already.
fn verify(
    at: &RegistryAt,
    cache: &Cache,
    location: Option<&Location>,
    staged: Arc<BTreeMap<String, Vec<u8>>>,
) -> Result<Verified, RegistryError> {
    if u64::try_from(at.root.len()).is_ok_and(|len| len > shelf::MOST_ROOT) {
        return Err(RegistryError::Root { message: "it is too long".to_owned() });
    }
    let (old_root, root) = cache.newest_root(&at.root)?;
    let seen = cache.seen()?;
    let given = Arc::new(Mutex::new(BTreeMap::new()));
    let kept = cache.folder.clone();
    let shelf = Shelf { location: location.cloned(), kept, staged, given: Arc::clone(&given) };
    let repository = run(root.clone(), shelf, seen.0.clone())?;
    let versions = [
        &repository.timestamp().signed.spec_version,
        &repository.snapshot().signed.spec_version,
        &repository.targets().signed.spec_version,
    ];
    for version in versions {
        check_spec(version)?;
    }
    let (models, revoked) = content::read(&repository.targets().signed)?;
    let given = std::mem::take(&mut *given.lock().unwrap_or_else(PoisonError::into_inner));
    // Each of the roots on the way, since each must have been signed by as many as the one before it says.
    for (_, bytes) in given.iter().filter(|(name, _)| name.ends_with(".root.json")) {
        let root: Signed<Root> = serde_json::from_slice(bytes).map_err(RegistryError::malformed)?;
        check_root(&root.signed)?;
    }
    let new_root = &repository.root().signed;
    let is_new = cache.read("timestamp.json", shelf::MOST_TIMESTAMP)?.is_none();
    if !begins_anew(&old_root, new_root) {
        cache.check_same(&given, &repository)?;
    }
    let root = given.get(&format!("{}.root.json", new_root.version)).cloned().unwrap_or(root);
    Ok(Verified { repository, models, revoked, root, is_new, given })
}

/// Whoever could sign a snapshot or a timestamp could give it the highest version of all. With other keys, nobody compares
/// with what was seen any more.
pub(super) fn begins_anew(old: &Root, new: &Root) -> bool {
    [RoleType::Snapshot, RoleType::Timestamp].iter().any(|role| {
        let keys = |root: &Root| root.roles.get(role).map(|keys| keys.keyids.clone());
        keys(old) != keys(new)
    })
}

/// Lets the verifier work, on a thread of its own: whoever calls may be in the middle of something that waits as well.
fn run(root: Vec<u8>, shelf: Shelf, seen: PathBuf) -> Result<Repository, RegistryError> {
    let base = Url::parse("http://registry.invalid/metadata/").map_err(RegistryError::malformed)?;
    let targets = Url::parse("http://registry.invalid/targets/").map_err(RegistryError::malformed)?;
    let limits = Limits {
        max_root_size: shelf::MOST_ROOT,
        max_targets_size: shelf::MOST_TARGETS,
        max_timestamp_size: shelf::MOST_TIMESTAMP,
        max_snapshot_size: shelf::MOST_SNAPSHOT,
        max_root_updates: MOST_ROOTS,
    };
    let work = move || -> Result<Repository, RegistryError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let loader = RepositoryLoader::new(&root, base, targets).transport(shelf).limits(limits).datastore(seen);
            // By the caller's clock, below.
            let loader = loader.expiration_enforcement(ExpirationEnforcement::Unsafe);
            loader.load().await.map_err(|error| RegistryError::of(&error))
        })
    };
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("airlock-registry".to_owned()).spawn_scoped(scope, work)?;
        worker.join().unwrap_or_else(|_| Err(RegistryError::malformed("the verifier ended without a word")))
    })
}

impl Verified {
    /// The versions of the metadata.
    pub(super) fn versions(&self) -> Versions {
        Versions {
            root: self.repository.root().signed.version.get(),
            timestamp: self.repository.timestamp().signed.version.get(),
            snapshot: self.repository.snapshot().signed.version.get(),
            targets: self.repository.targets().signed.version.get(),
        }
    }

    /// The role that expires first, and when, if none has.
    fn expiry(&self, clock: Clock) -> Result<(&'static str, SystemTime), RegistryError> {
        let roles = [
            ("root", self.repository.root().signed.expires),
            ("timestamp", self.repository.timestamp().signed.expires),
            ("snapshot", self.repository.snapshot().signed.expires),
            ("targets", self.repository.targets().signed.expires),
        ];
        let mut first = ("root", SystemTime::from(self.repository.root().signed.expires));
        for (role, expires) in roles {
            let expires = SystemTime::from(expires);
            if clock.now() > expires {
                return Err(RegistryError::Expired { role, expires: content::shown(expires) });
            }
            if expires < first.1 {
                first = (role, expires);
            }
        }
        Ok(first)
    }
}

/// What the verified metadata say.
fn view(at: &RegistryAt, verified: Verified, expiry: (&'static str, SystemTime), offline: bool) -> Registry {
    let (expiring, expires) = expiry;
    let (location, versions) = (at.location.clone(), verified.versions());
    let root_sha256 = Sha256::digest(&at.root).into();
    let (Verified { models, revoked, .. }, silent) = (verified, at.offline);
    Registry(Arc::new(View { location, root_sha256, versions, expires, expiring, models, revoked, offline, silent }))
}

/// What the verifier does not ask of a root: file names with versions, and that no key stands there twice, since a key
/// under two names, or in two forms, would count twice towards a threshold.
pub(super) fn check_root(root: &Root) -> Result<(), RegistryError> {
    check_spec(&root.spec_version)?;
    if !root.consistent_snapshot {
        return Err(RegistryError::malformed("it has no consistent snapshots"));
    }
    let mut keys = BTreeSet::new();
    for key in root.keys.values() {
        // The verifier takes compressed points, and whole structures around a key, for that key as well.
        let public = match key {
            Key::Ed25519 { keyval, .. } if keyval.public.len() == ED25519_BYTES => &*keyval.public,
            Key::Ecdsa { keyval, .. } | Key::EcdsaOld { keyval, .. }
                if keyval.public.len() == P256_BYTES && keyval.public.starts_with(&UNCOMPRESSED) =>
            {
                &*keyval.public
            }
            _ => {
                return Err(RegistryError::malformed(
                    "a key of the root is neither one of P-256 nor of Ed25519 in plain form",
                ));
            }
        };
        if !keys.insert(public) {
            return Err(RegistryError::Signature { message: "a key stands in the root under two names".to_owned() });
        }
    }
    Ok(())
}

fn check_spec(version: &str) -> Result<(), RegistryError> {
    if version.split('.').next() == Some("1") {
        return Ok(());
    }
    Err(RegistryError::malformed("it is of another version of the specification than 1"))
}

/// What was seen of a registry, in a folder of its own that one process has at a time.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    _held: File,
}

/// What the verifier compares with: a folder with the metadata that were seen last, which goes when this is dropped.
struct Seen(PathBuf);

impl Drop for Seen {
    fn drop(&mut self) {
        // It is made anew each time, and nothing in it is needed again.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Cache {
    fn open(folder: PathBuf) -> Result<Self, RegistryError> {
        fs::create_dir_all(&folder)?;
        let held = files::held(&folder)?;
        held.lock()?;
        Ok(Self { folder, _held: held })
    }

    fn damaged(&self, message: &dyn std::fmt::Display) -> RegistryError {
        RegistryError::Cache { folder: self.folder.display().to_string(), message: escaped(message) }
    }

    fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        match files::read(&self.folder.join(name), most) {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            Ok(None) => Err(self.damaged(&format_args!("{name} is too long"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The newest root to which the trusted one leads by what was seen. A registry that hides a newer one is not followed back.
    fn newest_root(&self, trusted: &[u8]) -> Result<(Root, Vec<u8>), RegistryError> {
        let unusable = |message: &dyn std::fmt::Display| RegistryError::Root { message: escaped(message) };
        let mut root: Signed<Root> = serde_json::from_slice(trusted).map_err(|error| unusable(&error))?;
        root.signed.verify_role(&root).map_err(|error| unusable(&error))?;
        check_root(&root.signed)?;
        let mut newest = trusted.to_owned();
        for _ in 0..MOST_ROOTS {
            let next = root.signed.version.get().saturating_add(1);
            let name = format!("{next}.root.json");
            let Some(bytes) = self.read(&name, shelf::MOST_ROOT)? else { break };
            let damaged = |error: &dyn std::fmt::Display| self.damaged(&format_args!("{name}: {error}"));
            let next_root: Signed<Root> = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
            root.signed.verify_role(&next_root).map_err(|error| damaged(&error))?;
            next_root.signed.verify_role(&next_root).map_err(|error| damaged(&error))?;
            if next_root.signed.version.get() != next {
                return Err(damaged(&"it is of another version"));
            }
            check_root(&next_root.signed)?;
            (root, newest) = (next_root, bytes);
        }
        Ok((root.signed, newest))
    }

    /// Nothing that was seen is there again with another content: of two timestamps of one version, both signed, one hides
    /// what the other says.
    fn check_same(&self, given: &BTreeMap<String, Vec<u8>>, repository: &Repository) -> Result<(), RegistryError> {
        for (name, bytes) in given {
            let Some(most) = shelf::most_bytes(name) else { continue };
            let Some(seen) = self.read(name, most)?.filter(|seen| seen != bytes) else { continue };
            if name == "timestamp.json" {
                let seen: Signed<Timestamp> = self.parse(name, &seen)?;
                if seen.signed.version != repository.timestamp().signed.version {
                    continue;
                }
            }
            let message = format!("{name} was seen before, with the same version and another content");
            return Err(RegistryError::Rollback { message });
        }
        Ok(())
    }

    /// The last timestamp and snapshot that held, where the verifier looks for them.
    fn seen(&self) -> Result<Seen, RegistryError> {
        // From processes that were ended: this one has the cache now.
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(".seen-") {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let folder = self.folder.join(format!(".seen-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let seen = Seen(folder);
        let Some(bytes) = self.read("timestamp.json", shelf::MOST_TIMESTAMP)? else { return Ok(seen) };
        let timestamp: Signed<Timestamp> = self.parse("timestamp.json", &bytes)?;
        fs::write(seen.0.join("timestamp.json"), &bytes)?;
        let version = timestamp.signed.meta.get("snapshot.json").map(|meta| meta.version);
        let name = format!("{}.snapshot.json", version.map_or(0, std::num::NonZeroU64::get));
        let missing = || self.damaged(&format_args!("{name} is missing"));
        let bytes = self.read(&name, shelf::MOST_SNAPSHOT)?.ok_or_else(missing)?;
        self.parse::<Signed<tough::schema::Snapshot>>(&name, &bytes)?;
        fs::write(seen.0.join("snapshot.json"), &bytes)?;
        Ok(seen)
    }

    /// The verifier takes no notice of what it cannot read; then an old registry would be as good as a new one.
    fn parse<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, RegistryError> {
        serde_json::from_slice(bytes).map_err(|error| self.damaged(&format_args!("{name}: {error}")))
    }

    /// Keeps metadata that have held: the timestamp last, which says what belongs to it, and then nothing older.
    fn keep(&self, given: &BTreeMap<String, Vec<u8>>) -> Result<(), RegistryError> {
        let write = |name: &str, bytes: &[u8]| {
            let path = self.folder.join(name);
            if files::read(&path, shelf::MOST_TARGETS).is_ok_and(|old| old.is_some_and(|old| old == bytes)) {
                return Ok(());
            }
            files::replace(&path, bytes)
        };
        for (name, bytes) in given.iter().filter(|(name, _)| *name != "timestamp.json") {
            write(name, bytes)?;
        }
        if let Some(bytes) = given.get("timestamp.json") {
            write("timestamp.json", bytes)?;
        }
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_old = name.ends_with(".snapshot.json") || name.ends_with(".targets.json");
            if is_old && !given.contains_key(name) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Whoever can set the clock back could make what has expired new again. The latest time that was seen.
    fn check_time(&self, clock: Clock) -> Result<SystemTime, RegistryError> {
        let Some(bytes) = self.read(TIME, 64)? else { return Ok(SystemTime::UNIX_EPOCH) };
        let seconds = str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
        let seen = seconds.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        let seen = seen.ok_or_else(|| self.damaged(&format_args!("{TIME} is no time")))?;
        if clock.now().checked_add(SLACK).is_none_or(|latest| seen > latest) {
            return Err(RegistryError::Clock { folder: self.folder.display().to_string() });
        }
        Ok(seen)
    }

    /// A clock that goes back by little, again and again, goes back far: the latest time stays.
    fn keep_time(&self, clock: Clock, latest: SystemTime) -> Result<(), RegistryError> {
        let latest = clock.now().max(latest).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(files::replace(&self.folder.join(TIME), format!("{}\n", latest.as_secs()).as_bytes())?)
    }
}

/// How often a registry may have changed its keys since the trusted root.
const MOST_ROOTS: u64 = 256;
/// A key of Ed25519, and a point of P-256 with both coordinates behind a byte that says so.
const ED25519_BYTES: usize = 32;
const P256_BYTES: usize = 65;
const UNCOMPRESSED: [u8; 1] = [4];
const TIME: &str = "time";
/// Clocks are set right now and then.
const SLACK: Duration = Duration::from_mins(5);
