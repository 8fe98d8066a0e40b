//! A registry of models: names, digests, lengths, permitted sources and signers, and what was revoked, as signed metadata
//! of The Update Framework (TUF).
//!
//! Whoever serves the metadata needs not to be trusted. What it says counts only if enough of the keys of a role have
//! signed it, if it has not expired by the caller's clock, and if it is no older than what was seen before. Everything is
//! bounded in size and in depth before it is read, and what is kept on disk is verified again each time it is used.
//! The verifier is `tough`'s; what it leaves open is closed here: a clock that can be set, the chain of roots that was
//! seen, keys that stand twice under two names, and delegations, which this registry does not have.

mod content;
mod error;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "sign")]
mod keeper;
mod shelf;
mod update;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use content::{Listing, Revocation, shown as rfc3339};
pub use error::RegistryError;
#[cfg(feature = "sign")]
pub use keeper::{Adding, Keeper, KeeperError, Lifetimes, NewRegistry, Published, Role};

use crate::{Clock, Digest, Digests, Mismatch, Source, SourceError, files};

/// Where a registry is, and what one must know of it beforehand.
///
/// ```no_run
/// use flux_airlock_trust::{Clock, RegistryAt};
///
/// let root = std::fs::read("root.json")?;
/// let at = RegistryAt::folder("/srv/registry", root, "/var/cache/airlock");
/// let registry = at.load(Clock::system())?;
/// for (name, listing) in registry.models() {
///     println!("{name} {}", listing.digest());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RegistryAt {
    location: Location,
    root: Vec<u8>,
    cache: PathBuf,
    offline: bool,
}

#[derive(Clone, Debug)]
enum Location {
    Folder(PathBuf),
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "nothing is fetched in this build"))]
    Url(String),
}

impl RegistryAt {
    /// A registry in a folder, with the root metadata that is trusted (its `1.root.json`, or a later one, from a source that
    /// is not the registry itself), and the folder where what was seen of registries is kept.
    #[must_use]
    pub fn folder(folder: impl Into<PathBuf>, root: impl Into<Vec<u8>>, cache: impl Into<PathBuf>) -> Self {
        let location = Location::Folder(folder.into());
        Self { location, root: root.into(), cache: cache.into(), offline: false }
    }

    /// A registry at an `https://` or `http://` URL, which has `metadata/` and `targets/` below it.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if the URL is none, has a query, or could be taken for another one.
    pub fn url(url: &str, root: impl Into<Vec<u8>>, cache: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let url = url.strip_suffix('/').unwrap_or(url);
        // What is put behind it would be a part of the query.
        if url.contains('?') {
            return Err(SourceError::Query);
        }
        let source = Source::parse(&format!("{url}/metadata/timestamp.json"))?;
        if source.is_file() {
            return Err(SourceError::Scheme);
        }
        let whole = source.to_string();
        let base = whole.strip_suffix("/metadata/timestamp.json").unwrap_or(&whole).to_owned();
        Ok(Self { location: Location::Url(base), root: root.into(), cache: cache.into(), offline: false })
    }

    /// Reads root metadata from a regular file. What is longer than a root may be is read no further, and refused when the
    /// registry is loaded.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is no regular file.
    pub fn read_root(path: &Path) -> io::Result<Vec<u8>> {
        let mut root = Vec::new();
        files::open(path)?.take(shelf::MOST_ROOT.saturating_add(1)).read_to_end(&mut root)?;
        Ok(root)
    }

    /// Where the user whose environment this is keeps what was seen of registries: `airlock` in `XDG_CACHE_HOME`, or in `.cache`
    /// of the home folder. `None` if there is neither.
    #[must_use]
    pub fn user_cache() -> Option<PathBuf> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        cache.map(|cache| cache.join("airlock"))
    }

    /// A registry at this location, which is a URL if it has a scheme (`://`), and else a folder.
    ///
    /// # Errors
    ///
    /// As [`RegistryAt::url`].
    pub fn new(location: &str, root: impl Into<Vec<u8>>, cache: impl Into<PathBuf>) -> Result<Self, SourceError> {
        if location.contains("://") {
            Self::url(location, root, cache)
        } else {
            Ok(Self::folder(location, root, cache))
        }
    }

    /// The same, and nothing is asked for but what was kept: until it expires.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Loads the metadata and verifies all of it. If the registry cannot be reached, what was kept of it is verified in its
    /// place.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] for the first flaw. Nothing that did not hold is kept.
    pub fn load(&self, clock: Clock) -> Result<Registry, RegistryError> {
        update::load(self, clock)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// What a registry says, verified.
#[derive(Clone, Debug)]
pub struct Registry(Arc<View>);

#[derive(Debug)]
struct View {
    location: Location,
    /// Of the root that was trusted beforehand.
    root_sha256: [u8; 32],
    versions: Versions,
    /// When the first of the roles expires.
    expires: SystemTime,
    expiring: &'static str,
    models: BTreeMap<String, Listing>,
    revoked: BTreeMap<[u8; 32], Revocation>,
    /// Was it loaded from what was kept?
    offline: bool,
    /// May nobody be asked for anything?
    silent: bool,
}

/// The version of each role's metadata.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Versions {
    /// Which keys there are.
    pub root: u64,
    /// That the rest is of today.
    pub timestamp: u64,
    /// Which metadata belong together.
    pub snapshot: u64,
    /// Which models there are.
    pub targets: u64,
}

impl Registry {
    /// Where it was loaded from.
    #[must_use]
    pub fn location(&self) -> String {
        self.0.location.to_string()
    }

    /// The SHA-256 of the root metadata that were trusted beforehand: what a policy knows the registry by.
    #[must_use]
    pub fn root(&self) -> Digest {
        Digest::Sha256(self.0.root_sha256)
    }

    /// The versions of its metadata.
    #[must_use]
    pub fn versions(&self) -> Versions {
        self.0.versions
    }

    /// When it must be loaded again at the latest.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.0.expires
    }

    /// Was it loaded from what was kept, because the registry could not be reached or was not to be asked?
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.0.offline
    }

    /// All models by name.
    #[must_use]
    pub fn models(&self) -> impl ExactSizeIterator<Item = (&str, &Listing)> {
        self.0.models.iter().map(|(name, listing)| (name.as_str(), listing))
    }

    /// What it says of the model of this name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Listing> {
        self.0.models.get(name)
    }

    /// All digests that were revoked.
    #[must_use]
    pub fn revoked(&self) -> impl ExactSizeIterator<Item = &Revocation> {
        self.0.revoked.values()
    }

    /// Refuses a file that was revoked, under whatever name.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Revoked`]; [`RegistryError::Expired`] if the registry can no longer say.
    pub fn check_not_revoked(&self, digests: &Digests, clock: Clock) -> Result<(), RegistryError> {
        self.check_fresh(clock)?;
        let sha256 = digests.sha256.ok_or(Mismatch::NotHashed { algorithm: "sha256" })?;
        match self.0.revoked.get(&sha256) {
            Some(revocation) => Err(RegistryError::Revoked {
                name: revocation.name().map(str::to_owned),
                reason: revocation.reason().to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Is this file the model of this name, and not revoked?
    ///
    /// # Errors
    ///
    /// [`RegistryError`] for the first reason why it is not.
    pub fn check(&self, name: &str, bytes: u64, digests: &Digests, clock: Clock) -> Result<&Listing, RegistryError> {
        self.check_not_revoked(digests, clock)?;
        let listing = self.model(name).ok_or_else(|| RegistryError::Unlisted { name: name.to_owned() })?;
        listing.check(bytes, digests)?;
        Ok(listing)
    }

    /// Asked at each use: a registry that was loaded long ago says nothing of today.
    fn check_fresh(&self, clock: Clock) -> Result<(), RegistryError> {
        if clock.now() > self.0.expires {
            return Err(RegistryError::Expired { role: self.0.expiring, expires: content::shown(self.0.expires) });
        }
        Ok(())
    }

    /// Fetches the model of this name: from the registry itself, and if it is not there from the sources that the registry
    /// permits. Its length, its digest and that it was not revoked are checked; `most` bytes are the most, and `allowed` is
    /// asked about every place before it is asked for anything, redirects included. After [`RegistryAt::offline`] only files of
    /// this machine are read.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] for the first reason not to believe what came, or why nothing came.
    pub fn fetch(
        &self,
        name: &str,
        most: u64,
        clock: Clock,
        allowed: &dyn Fn(&Source) -> Result<(), RegistryError>,
    ) -> Result<(Vec<u8>, Source), RegistryError> {
        shelf::fetch_model(self, name, most, clock, allowed)
    }
}

/// The folder that keeps what was seen of the registry at this location.
fn cache_of(at: &RegistryAt) -> PathBuf {
    let key = match &at.location {
        Location::Folder(folder) => std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone()),
        Location::Url(url) => PathBuf::from(url),
    };
    let digest = crate::Hasher::hash(key.as_os_str().as_encoded_bytes(), crate::Algorithms::SHA256);
    let name = digest.sha256.map(|sha256| Digest::Sha256(sha256).to_hex()).unwrap_or_default();
    at.cache.join(name)
}

/// See [`crate::fuzzing`]: everything that is done with targets metadata but the signatures, which a fuzzer does not find.
pub(crate) fn read_unsigned_targets(json: &[u8]) -> Option<(Vec<String>, usize)> {
    use tough::schema::{Role as _, Root, Signed, Snapshot, Targets, Timestamp};
    // Whatever parses has a canonical form, over which signatures are computed.
    if let Ok(root) = serde_json::from_slice::<Signed<Root>>(json) {
        let _ = (root.signed.verify_role(&root), update::check_root(&root.signed));
    }
    let _ = serde_json::from_slice::<Signed<Timestamp>>(json).map(|role| role.signed.canonical_form());
    let _ = serde_json::from_slice::<Signed<Snapshot>>(json).map(|role| role.signed.canonical_form());
    let targets: Signed<Targets> = serde_json::from_slice(json).ok()?;
    let _ = targets.signed.canonical_form();
    let (models, revoked) = content::read(&targets.signed).ok()?;
    Some((models.into_keys().collect(), revoked.len()))
}

/// Where the metadata lie in a registry's folder, and the models.
const METADATA: &str = "metadata";
const TARGETS: &str = "targets";

/// The registry's folder as such.
#[cfg(feature = "sign")]
fn metadata_folder(folder: &Path) -> PathBuf {
    folder.join(METADATA)
}

#[cfg(test)]
mod tests;
