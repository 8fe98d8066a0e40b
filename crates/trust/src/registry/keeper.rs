//! Keeping a registry: making it, changing what it lists, revoking, changing keys, and signing it anew.
//!
//! A [`Keeper`] believes the folder no more than a user does: it begins with a root from elsewhere and with what was seen
//! before, and goes the user's way to what the metadata say. It changes that in memory, and publishes it signed or not at
//! all: what is to be written goes the user's way first. The timestamp, which makes the rest count, is written last, and
//! each file whole. Private keys never lie in the folder.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tough::TargetName;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::{EcdsaKey, EcdsaScheme, Key};
use tough::schema::{
    Hashes, Metafile, Role as TufRole, RoleKeys, RoleType, Root, Signature, Signed, Snapshot, Target, Targets,
    Timestamp,
};

use super::content::{self, Listing, OBJECT, Revocation};
use super::shelf::{self, stored_name};
use super::update::{self, Cache, begins_anew};
use super::{METADATA, RegistryAt, RegistryError, TARGETS, Versions, metadata_folder};
use crate::files::{self, Temporary, folder_of};
use crate::{Clock, Digest, KeyError, NameFlaw, PrivateKey, PublicKey, Source, name};

/// A role of the metadata, which has keys and a threshold.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Says which keys the roles have.
    Root,
    /// Says which metadata belong together.
    Snapshot,
    /// Says which models there are.
    Targets,
    /// Says that this is of today.
    Timestamp,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Snapshot, Self::Targets, Self::Timestamp];

    /// Its name in the metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
            Self::Timestamp => "timestamp",
        }
    }

    const fn of_tuf(self) -> RoleType {
        match self {
            Self::Root => RoleType::Root,
            Self::Snapshot => RoleType::Snapshot,
            Self::Targets => RoleType::Targets,
            Self::Timestamp => RoleType::Timestamp,
        }
    }
}

/// How many days metadata hold that are signed now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Of the keys. Default: 365.
    pub root: u32,
    /// Of what is listed. Default: 180.
    pub targets: u32,
    /// Of what belongs together. Default: 30.
    pub snapshot: u32,
    /// Of what is of today: how long a user who is cut off goes on. Default: 7.
    pub timestamp: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { root: 365, targets: 180, snapshot: 30, timestamp: 7 }
    }
}

/// The keys that a new registry begins with, role by role, and how many of them must sign.
#[derive(Clone, Debug, Default)]
pub struct NewRegistry {
    roles: BTreeMap<Role, (Vec<PublicKey>, u32)>,
}

impl NewRegistry {
    /// Gives a role its keys (P-256), of which `threshold` must sign.
    #[must_use]
    pub fn role(mut self, role: Role, keys: Vec<PublicKey>, threshold: u32) -> Self {
        self.roles.insert(role, (keys, threshold));
        self
    }
}

/// What was published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// The root metadata of now. Those of a new registry are what its keepers and its users need beforehand.
    pub root: Vec<u8>,
    /// The versions of all.
    pub versions: Versions,
}

/// A registry's folder in the hands of those who keep it.
#[derive(Debug)]
pub struct Keeper {
    folder: PathBuf,
    /// The same as a user has it: with a root from elsewhere, and what was seen.
    at: RegistryAt,
    root: Signed<Root>,
    /// As it was read, or will be written.
    root_bytes: Vec<u8>,
    /// The root that was published last, which must agree to a newer one.
    old_root: Option<Signed<Root>>,
    targets: Signed<Targets>,
    snapshot: Signed<Snapshot>,
    timestamp: Signed<Timestamp>,
    models: BTreeMap<String, Listing>,
    revoked: BTreeMap<[u8; 32], Revocation>,
    /// The list as it was read, whose digest the snapshot has.
    targets_bytes: Vec<u8>,
    targets_changed: bool,
    is_new: bool,
    cache: Cache,
    _held: File,
}

impl Keeper {
    /// Begins a registry in a folder that has none, with a folder that keeps what was seen of registries. Nothing is written
    /// before [`Keeper::publish`] but the folder.
    ///
    /// # Errors
    ///
    /// [`KeeperError`], which says what to do.
    pub fn init(folder: &Path, cache: &Path, new: &NewRegistry, clock: Clock) -> Result<Self, KeeperError> {
        let check_new = || {
            let is_there = |name: &&str| fs::symlink_metadata(metadata_folder(folder).join(name)).is_ok();
            let is_begun = ["timestamp.json", "1.root.json"].iter().any(is_there);
            if is_begun { Err(KeeperError::Exists { folder: folder.to_owned() }) } else { Ok(()) }
        };
        check_new()?;
        let (mut keys, mut roles) = (HashMap::new(), HashMap::new());
        for role in Role::ALL {
            let (publics, threshold) = new.roles.get(&role).ok_or(KeeperError::NoKeys { role: role.name() })?;
            roles.insert(role.of_tuf(), role_keys(role, publics, *threshold, &mut keys)?);
        }
        let now = timestamp(clock.now())?;
        let root = Root {
            spec_version: SPEC_VERSION.to_owned(),
            consistent_snapshot: true,
            version: NonZeroU64::MIN,
            expires: now,
            keys,
            roles,
            _extra: HashMap::new(),
        };
        let mut targets = Targets::new(SPEC_VERSION.to_owned(), NonZeroU64::MIN, now);
        targets.delegations = None;
        fs::create_dir_all(metadata_folder(folder))?;
        fs::create_dir_all(folder.join(TARGETS))?;
        let held = hold(folder)?;
        // Two may begin at once.
        check_new()?;
        let at = RegistryAt::folder(folder, [], cache);
        let cache = update::begin(&at)?;
        Ok(Self {
            folder: folder.to_owned(),
            at,
            root: unsigned(root),
            root_bytes: Vec::new(),
            old_root: None,
            targets: unsigned(targets),
            snapshot: unsigned(Snapshot::new(SPEC_VERSION.to_owned(), NonZeroU64::MIN, now)),
            timestamp: unsigned(Timestamp::new(SPEC_VERSION.to_owned(), NonZeroU64::MIN, now)),
            models: BTreeMap::new(),
            revoked: BTreeMap::new(),
            targets_bytes: Vec::new(),
            targets_changed: true,
            is_new: false,
            cache,
            _held: held,
        })
    }

    /// Opens a registry's folder, as its users do: with root metadata from a source that is not the folder, and the folder where
    /// what was seen of registries is kept. What has expired can be signed anew; what is older than what was seen before, or
    /// is not signed by the keys to which the root leads, is not taken for the registry.
    ///
    /// # Errors
    ///
    /// [`KeeperError`], which says what to do.
    pub fn open(folder: &Path, root: &[u8], cache: &Path, clock: Clock) -> Result<Self, KeeperError> {
        let held = hold(folder)?;
        for name in [METADATA, TARGETS] {
            if fs::symlink_metadata(folder.join(name)).is_ok_and(|metadata| !metadata.is_dir()) {
                return Err(RegistryError::malformed(format_args!("{name} is no folder")).into());
            }
        }
        let at = RegistryAt::folder(folder, root, cache);
        let (cache, verified) = update::open(&at, clock)?;
        let update::Verified { repository, models, revoked, root: root_bytes, is_new, mut given } = verified;
        let root = repository.root().clone();
        let list = format!("{}.targets.json", repository.targets().signed.version);
        // The verifier ends with the last root that can be read; a keeper would write over the next one.
        let next = format!("{}.root.json", next(root.signed.version, false)?);
        if fs::symlink_metadata(metadata_folder(folder).join(&next)).is_ok() {
            return Err(RegistryError::malformed(format_args!("{next} cannot be read")).into());
        }
        Ok(Self {
            folder: folder.to_owned(),
            at,
            old_root: Some(root.clone()),
            root,
            root_bytes,
            targets: repository.targets().clone(),
            snapshot: repository.snapshot().clone(),
            timestamp: repository.timestamp().clone(),
            models,
            revoked,
            targets_bytes: given.remove(&list).unwrap_or_default(),
            targets_changed: false,
            is_new,
            cache,
            _held: held,
        })
    }

    /// Is this the first that is seen of the registry, with this cache? Then nobody can tell that it was put back.
    #[must_use]
    pub const fn is_new_here(&self) -> bool {
        self.is_new
    }

    /// All models by name.
    #[must_use]
    pub fn models(&self) -> impl ExactSizeIterator<Item = (&str, &Listing)> {
        self.models.iter().map(|(name, listing)| (name.as_str(), listing))
    }

    /// All that was revoked.
    #[must_use]
    pub fn revoked(&self) -> impl ExactSizeIterator<Item = &Revocation> {
        self.revoked.values()
    }

    /// The versions of the metadata as they are now.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            root: self.root.signed.version.get(),
            timestamp: self.timestamp.signed.version.get(),
            snapshot: self.snapshot.signed.version.get(),
            targets: self.targets.signed.version.get(),
        }
    }

    /// Each role's number of keys, threshold, and the time at which what it signed expires.
    pub fn roles(&self) -> impl Iterator<Item = (Role, usize, u64, SystemTime)> {
        Role::ALL.into_iter().filter_map(|role| {
            let keys = self.root.signed.roles.get(&role.of_tuf())?;
            let expires = match role {
                Role::Root => self.root.signed.expires,
                Role::Snapshot => self.snapshot.signed.expires,
                Role::Targets => self.targets.signed.expires,
                Role::Timestamp => self.timestamp.signed.expires,
            };
            Some((role, keys.keyids.len(), keys.threshold.get(), expires.into()))
        })
    }

    /// Lists a file under a name that is new. Its content is copied into the registry if `stored`; otherwise it must be
    /// had from one of `sources`.
    ///
    /// # Errors
    ///
    /// [`KeeperError::Listed`] if the name is taken, and what [`Keeper::update`] gives.
    pub fn add(&mut self, name: &str, file: &Path, how: &Adding, clock: Clock) -> Result<Digest, KeeperError> {
        if self.models.contains_key(name) {
            return Err(KeeperError::Listed { name: name.to_owned() });
        }
        self.list(name, file, how, clock)
    }

    /// Lists another file under a name that there is.
    ///
    /// # Errors
    ///
    /// [`KeeperError::Unlisted`] if there is no such name, [`KeeperError::Revoked`] for a file that was revoked, and what
    /// the system says if the file cannot be read.
    pub fn update(&mut self, name: &str, file: &Path, how: &Adding, clock: Clock) -> Result<Digest, KeeperError> {
        if !self.models.contains_key(name) {
            return Err(KeeperError::Unlisted { name: name.to_owned() });
        }
        self.list(name, file, how, clock)
    }

    fn list(&mut self, name: &str, file: &Path, how: &Adding, clock: Clock) -> Result<Digest, KeeperError> {
        name::check(name).map_err(|flaw| KeeperError::Name { flaw })?;
        if !how.stored && how.sources.is_empty() {
            return Err(KeeperError::Nowhere);
        }
        let (bytes, sha256) = take(file, how.stored.then_some((self.folder.as_path(), name)), &self.revoked)?;
        let listing = Listing {
            bytes,
            sha256,
            added: whole_seconds(clock.now()),
            sources: how.sources.clone(),
            signers: how.signers.clone(),
        };
        self.models.insert(name.to_owned(), listing);
        self.targets_changed = true;
        Ok(Digest::Sha256(sha256))
    }

    /// Revokes a digest, and takes its names from the list, of which the first is remembered. A revoked file is refused whatever
    /// else vouches for it, and cannot be listed again.
    pub fn revoke(&mut self, digest: [u8; 32], reason: &str, clock: Clock) {
        let name = self.models.iter().find(|(_, listing)| listing.sha256 == digest).map(|(name, _)| name.clone());
        self.models.retain(|_, listing| listing.sha256 != digest);
        let revocation = Revocation { sha256: digest, name, at: whole_seconds(clock.now()), reason: reason.to_owned() };
        self.revoked.entry(digest).or_insert(revocation);
        self.targets_changed = true;
    }

    /// Changes the keys of a role: adds some, removes some, sets the threshold.
    ///
    /// # Errors
    ///
    /// [`KeeperError::Threshold`] if too few keys would be left, [`KeeperError::UnknownKey`] for a key to remove that the role
    /// does not have.
    pub fn rotate(
        &mut self,
        role: Role,
        add: &[PublicKey],
        remove: &[PublicKey],
        threshold: Option<u32>,
    ) -> Result<(), KeeperError> {
        let no_keys = || KeeperError::NoKeys { role: role.name() };
        let mut keys = self.root.signed.roles.get(&role.of_tuf()).ok_or_else(no_keys)?.clone();
        for public in remove {
            let id = key_id(&tuf_key(public)?)?;
            let before = keys.keyids.len();
            keys.keyids.retain(|known| *known != id);
            if keys.keyids.len() == before {
                return Err(KeeperError::UnknownKey { role: role.name(), key: public.id() });
            }
        }
        for public in add {
            let key = tuf_key(public)?;
            let id = key_id(&key)?;
            if !keys.keyids.contains(&id) {
                keys.keyids.push(id.clone());
            }
            self.root.signed.keys.insert(id, key);
        }
        if let Some(threshold) = threshold {
            keys.threshold = NonZeroU64::new(threshold.into()).ok_or(KeeperError::Threshold { role: role.name() })?;
        }
        if !usize::try_from(keys.threshold.get()).is_ok_and(|threshold| threshold <= keys.keyids.len()) {
            return Err(KeeperError::Threshold { role: role.name() });
        }
        self.root.signed.roles.insert(role.of_tuf(), keys);
        // A key that no role has is no key of the registry any more.
        let Root { keys, roles, .. } = &mut self.root.signed;
        keys.retain(|id, _| roles.values().any(|role| role.keyids.contains(id)));
        Ok(())
    }

    /// Signs what has changed, what the changed roles refer to, and whatever else these keys can sign anew, and writes it if it
    /// holds for whoever has the root and has seen what was seen here.
    ///
    /// # Errors
    ///
    /// [`KeeperError::Keys`] if too few keys of a role are among them; what a user would be told if the metadata do not hold.
    /// Nothing is written then.
    pub fn publish(
        mut self,
        keys: &[PrivateKey],
        lifetimes: Lifetimes,
        clock: Clock,
    ) -> Result<Published, KeeperError> {
        let now = clock.now();
        let keys: Vec<(Decoded<Hex>, &PrivateKey)> = keys
            .iter()
            .map(|key| Ok((key_id(&tuf_key(&key.public_key())?)?, key)))
            .collect::<Result<_, KeeperError>>()?;
        let mut files = BTreeMap::new();

        let root_changed = self.old_root.as_ref().is_none_or(|old| old.signed != self.root.signed);
        if root_changed || (can_sign(&self.root.signed, Role::Root, &keys) && self.old_root.is_some()) {
            if let Some(old) = &self.old_root {
                self.root.signed.version = next(old.signed.version, false)?;
            }
            self.root.signed.expires = timestamp(after(now, lifetimes.root))?;
            let bytes = self.sign_root(&keys)?;
            if self.old_root.is_none() {
                self.at.root.clone_from(&bytes);
            }
            self.root_bytes.clone_from(&bytes);
            files.insert(format!("{}.root.json", self.root.signed.version), bytes);
        }
        let root = &self.root.signed;
        let rotated = self.old_root.as_ref().is_some_and(|old| begins_anew(&old.signed, root));

        let is_new = self.old_root.is_none();
        let stale = is_new || root.verify_role(&self.targets).is_err();
        if self.targets_changed || stale || can_sign(root, Role::Targets, &keys) {
            let targets = &mut self.targets.signed;
            if !is_new {
                targets.version = next(targets.version, rotated)?;
            }
            targets.expires = timestamp(after(now, lifetimes.targets))?;
            targets.targets = targets_of(&self.models)?;
            targets._extra.insert(OBJECT.to_owned(), content::whole(self.revoked.values()));
            self.targets.signatures = sign(root, Role::Targets, targets, &keys)?;
            self.targets_bytes = to_bytes(&self.targets)?;
            files.insert(format!("{}.targets.json", self.targets.signed.version), self.targets_bytes.clone());
        }

        let snapshot = &mut self.snapshot.signed;
        if !is_new {
            snapshot.version = next(snapshot.version, rotated)?;
        }
        snapshot.expires = timestamp(after(now, lifetimes.snapshot))?;
        let list = meta(&self.targets_bytes, self.targets.signed.version);
        snapshot.meta = HashMap::from([("targets.json".to_owned(), list)]);
        self.snapshot.signatures = sign(root, Role::Snapshot, snapshot, &keys)?;
        let snapshot = to_bytes(&self.snapshot)?;

        let timestamp_role = &mut self.timestamp.signed;
        if !is_new {
            timestamp_role.version = next(timestamp_role.version, rotated)?;
        }
        timestamp_role.expires = timestamp(after(now, lifetimes.timestamp))?;
        let version = self.snapshot.signed.version;
        timestamp_role.meta = HashMap::from([("snapshot.json".to_owned(), meta(&snapshot, version))]);
        self.timestamp.signatures = sign(root, Role::Timestamp, timestamp_role, &keys)?;
        files.insert(format!("{version}.snapshot.json"), snapshot);
        files.insert("timestamp.json".to_owned(), to_bytes(&self.timestamp)?);
        self.write(&Arc::new(files))?;
        Ok(Published { versions: self.versions(), root: self.root_bytes })
    }

    /// Writes metadata that hold: what others refer to first. A root that was changed counts with the timestamp, and both are
    /// written last.
    fn write(&self, files: &Arc<BTreeMap<String, Vec<u8>>>) -> Result<(), KeeperError> {
        for (name, bytes) in files.iter() {
            if shelf::most_bytes(name).is_none_or(|most| !u64::try_from(bytes.len()).is_ok_and(|len| len <= most)) {
                let message = format!("{name} would have {} bytes, and nobody reads that many", bytes.len());
                return Err(RegistryError::TooLarge { message }.into());
            }
        }
        let mut order: Vec<_> = files.iter().collect();
        order.sort_by_key(|(name, _)| (*name == "timestamp.json", name.ends_with(".root.json")));
        update::publish(&self.at, &self.cache, Arc::clone(files), || {
            let metadata = metadata_folder(&self.folder);
            let mut root = None;
            for (name, bytes) in order {
                let path = metadata.join(name);
                if let Err(error) = files::put(&path, bytes) {
                    // A new root without a timestamp that its keys have signed is a registry that nobody can open.
                    let _ = root.map(fs::remove_file);
                    return Err(error.into());
                }
                root = name.ends_with(".root.json").then_some(path);
            }
            Ok(())
        })
    }

    /// A root is signed by its own keys, and by those of the root before it.
    fn sign_root(&mut self, keys: &[(Decoded<Hex>, &PrivateKey)]) -> Result<Vec<u8>, KeeperError> {
        let mut signatures = sign(&self.root.signed, Role::Root, &self.root.signed, keys)?;
        if let Some(old) = &self.old_root {
            for signature in sign(&old.signed, Role::Root, &self.root.signed, keys)? {
                if !signatures.iter().any(|other| other.keyid == signature.keyid) {
                    signatures.push(signature);
                }
            }
        }
        self.root.signatures = signatures;
        to_bytes(&self.root)
    }
}

/// How a file is listed.
#[derive(Clone, Debug)]
pub struct Adding {
    /// Is its content copied into the registry?
    pub stored: bool,
    /// Where else it may be fetched from.
    pub sources: Vec<Source>,
    /// The keys of which one must have signed it, by their names in reports; none for no matter which.
    pub signers: Vec<String>,
}

/// What keeps a registry from being changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// There is one already.
    #[error("there is a registry in {} already", folder.display().to_string().escape_debug())]
    Exists {
        /// Where.
        folder: PathBuf,
    },
    /// Somebody else changes it now.
    #[error("somebody else is at work in the registry's folder, or holds its file .held: try again")]
    Held,
    /// It cannot be read or written.
    #[error("the registry's folder cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// A key that cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Too few keys of a role.
    #[error(
        "the {role} metadata need {need} of their keys, and {have} of those that were given are among them: give more with --key"
    )]
    Keys {
        /// Which role.
        role: &'static str,
        /// How many there are.
        have: usize,
        /// How many there must be.
        need: u64,
    },
    /// Not a key that a registry can have.
    #[error(
        "a registry's keys are elliptic curve keys over P-256 (openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)"
    )]
    KeyKind,
    /// The name is taken.
    #[error("the registry has a model {name:?} already: airlock registry update replaces it")]
    Listed {
        /// Which name.
        name: String,
    },
    /// A name that a registry cannot have.
    #[error("a model cannot have this name: {flaw}")]
    Name {
        /// What is wrong with it.
        flaw: NameFlaw,
    },
    /// A role without keys.
    #[error("the role {role} has no keys")]
    NoKeys {
        /// Which role.
        role: &'static str,
    },
    /// A file that nobody could fetch.
    #[error("the file is neither to be stored in the registry, nor is there a source to fetch it from")]
    Nowhere,
    /// What is in the folder does not hold.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The file was revoked.
    #[error("this file was revoked, and cannot be listed again")]
    Revoked,
    /// More keys would have to sign than there are.
    #[error("the role {role} would need more keys than it has, or none: change its threshold as well")]
    Threshold {
        /// Which role.
        role: &'static str,
    },
    /// A key to remove that is not there.
    #[error("the role {role} does not have the key {key}")]
    UnknownKey {
        /// Which role.
        role: &'static str,
        /// Which key.
        key: String,
    },
    /// There is no such name.
    #[error("the registry has no model {name:?}")]
    Unlisted {
        /// Which name.
        name: String,
    },
}

impl KeeperError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "registry-exists",
            Self::Held => "registry-held",
            Self::Io(_) => "registry-io",
            Self::Key(error) => error.code(),
            Self::Keys { .. } => "registry-keys",
            Self::KeyKind => "registry-key-kind",
            Self::Listed { .. } => "registry-listed",
            Self::Name { .. } => "registry-name",
            Self::NoKeys { .. } => "registry-no-keys",
            Self::Nowhere => "registry-nowhere",
            Self::Registry(error) => error.code(),
            Self::Revoked => "registry-revoked",
            Self::Threshold { .. } => "registry-threshold",
            Self::UnknownKey { .. } => "registry-unknown-key",
            Self::Unlisted { .. } => "registry-unlisted",
        }
    }
}

/// Holds the folder while it is changed. Whoever can write there could hold it for ever, so that it is not waited for.
fn hold(folder: &Path) -> Result<File, KeeperError> {
    let held = files::held(folder)?;
    match held.try_lock() {
        Ok(()) => Ok(held),
        Err(TryLockError::WouldBlock) => Err(KeeperError::Held),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

const fn unsigned<T>(signed: T) -> Signed<T> {
    Signed { signed, signatures: Vec::new() }
}

/// A role's keys, which are put to those of the root.
fn role_keys(
    role: Role,
    publics: &[PublicKey],
    threshold: u32,
    keys: &mut HashMap<Decoded<Hex>, Key>,
) -> Result<RoleKeys, KeeperError> {
    let mut keyids = Vec::new();
    for public in publics {
        let key = tuf_key(public)?;
        let id = key_id(&key)?;
        if !keyids.contains(&id) {
            keyids.push(id.clone());
        }
        keys.insert(id, key);
    }
    let threshold = NonZeroU64::new(threshold.into()).ok_or(KeeperError::Threshold { role: role.name() })?;
    if !usize::try_from(threshold.get()).is_ok_and(|threshold| threshold <= keyids.len()) {
        return Err(KeeperError::Threshold { role: role.name() });
    }
    Ok(RoleKeys { keyids, threshold, _extra: HashMap::new() })
}

/// A public key as the metadata have it.
fn tuf_key(public: &PublicKey) -> Result<Key, KeeperError> {
    let public = public.p256_point().ok_or(KeeperError::KeyKind)?.to_vec().into();
    let keyval = EcdsaKey { public, _extra: HashMap::new() };
    Ok(Key::Ecdsa { keyval, scheme: EcdsaScheme::EcdsaSha2Nistp256, _extra: HashMap::new() })
}

fn key_id(key: &Key) -> Result<Decoded<Hex>, KeeperError> {
    key.key_id().map_err(|error| RegistryError::malformed(error).into())
}

/// The name of a key in the metadata.
#[cfg(test)]
pub(super) fn key_id_of(public: &PublicKey) -> Result<String, KeeperError> {
    let id = key_id(&tuf_key(public)?)?;
    Ok(crate::digest::hex(&id))
}

/// Are there enough keys to sign for the role?
fn can_sign(root: &Root, role: Role, keys: &[(Decoded<Hex>, &PrivateKey)]) -> bool {
    root.roles.get(&role.of_tuf()).is_some_and(|role| {
        let have = role.keyids.iter().filter(|id| keys.iter().any(|(key, _)| key == *id)).count();
        usize::try_from(role.threshold.get()).is_ok_and(|need| have >= need)
    })
}

/// Signatures by all keys of the role that there are.
fn sign<T: TufRole>(
    root: &Root,
    role: Role,
    signed: &T,
    keys: &[(Decoded<Hex>, &PrivateKey)],
) -> Result<Vec<Signature>, KeeperError> {
    let of_role = root.roles.get(&role.of_tuf()).ok_or(KeeperError::NoKeys { role: role.name() })?;
    let message = signed.canonical_form().map_err(RegistryError::malformed)?;
    let mut signatures: Vec<Signature> = Vec::new();
    for (id, key) in keys {
        if of_role.keyids.contains(id) && !signatures.iter().any(|signature| signature.keyid == *id) {
            let sig = key.sign_p256(&message)?.into();
            signatures.push(Signature { keyid: id.clone(), sig });
        }
    }
    if usize::try_from(of_role.threshold.get()).is_ok_and(|need| signatures.len() >= need) {
        return Ok(signatures);
    }
    Err(KeeperError::Keys { role: role.name(), have: signatures.len(), need: of_role.threshold.get() })
}

fn to_bytes<T: Serialize>(signed: &Signed<T>) -> Result<Vec<u8>, KeeperError> {
    let mut bytes = serde_json::to_vec_pretty(signed).map_err(RegistryError::malformed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn meta(bytes: &[u8], version: NonZeroU64) -> Metafile {
    let sha256 = Sha256::digest(bytes).to_vec().into();
    let hashes = Some(Hashes { sha256, _extra: HashMap::new() });
    Metafile { length: u64::try_from(bytes.len()).ok(), hashes, version, _extra: HashMap::new() }
}

fn targets_of(models: &BTreeMap<String, Listing>) -> Result<HashMap<TargetName, Target>, KeeperError> {
    let mut targets = HashMap::new();
    for (name, listing) in models {
        let name = TargetName::new(name.as_str()).map_err(RegistryError::malformed)?;
        let target = Target {
            length: listing.bytes,
            hashes: Hashes { sha256: listing.sha256.to_vec().into(), _extra: HashMap::new() },
            custom: HashMap::from([(OBJECT.to_owned(), listing.to_custom())]),
            _extra: HashMap::new(),
        };
        targets.insert(name, target);
    }
    Ok(targets)
}

/// Hashes a file, and stores it on the way: what is stored is what was hashed.
fn take(
    file: &Path,
    stored: Option<(&Path, &str)>,
    revoked: &BTreeMap<[u8; 32], Revocation>,
) -> Result<(u64, [u8; 32]), KeeperError> {
    let mut file = files::open(file)?;
    let mut copy = match stored {
        Some((folder, _)) => Some(Temporary::create(&folder.join(TARGETS))?),
        None => None,
    };
    let (mut hasher, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; BUFFER_BYTES]);
    loop {
        let read = file.read(&mut buffer)?;
        let piece = buffer.get(..read).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        hasher.update(piece);
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if let Some((copy, _)) = &mut copy {
            copy.write_all(piece)?;
        }
    }
    let sha256: [u8; 32] = hasher.finalize().into();
    if revoked.contains_key(&sha256) {
        return Err(KeeperError::Revoked);
    }
    if let (Some((copy, temporary)), Some((folder, name))) = (copy, stored) {
        copy.sync_all()?;
        let path = folder.join(TARGETS).join(stored_name(name, &Digest::Sha256(sha256)));
        fs::create_dir_all(folder_of(&path))?;
        // A part of the name may be a link that somebody put there.
        if !fs::canonicalize(folder_of(&path))?.starts_with(fs::canonicalize(folder.join(TARGETS))?) {
            return Err(RegistryError::malformed("a folder of the models leads elsewhere").into());
        }
        temporary.rename(&path)?;
    }
    Ok((bytes, sha256))
}

/// The version after this one; the first one again where there is none and nobody compares with what was seen.
fn next(version: NonZeroU64, anew: bool) -> Result<NonZeroU64, KeeperError> {
    let next = version.checked_add(1).or(anew.then_some(NonZeroU64::MIN));
    next.ok_or_else(|| {
        RegistryError::malformed("there is no higher version: rotate the keys that have signed it").into()
    })
}

fn after(now: SystemTime, days: u32) -> SystemTime {
    now.checked_add(Duration::from_hours(u64::from(days).saturating_mul(24))).unwrap_or(now)
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since.as_secs())).unwrap_or(time)
}

/// A time as the metadata have it: in whole seconds.
fn timestamp(time: SystemTime) -> Result<jiff::Timestamp, KeeperError> {
    let time = jiff::Timestamp::try_from(whole_seconds(time));
    time.map_err(|error| RegistryError::malformed(error).into())
}

/// The version of the specification that is followed.
const SPEC_VERSION: &str = "1.0.0";
const BUFFER_BYTES: usize = 256 << 10;
