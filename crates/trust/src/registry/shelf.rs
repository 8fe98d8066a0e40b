//! Getting bytes of a registry: metadata for the verifier, by name and up to a size, and models.
//!
//! The verifier asks for URLs of its own making; what counts of them is the last part, which must be the name of a
//! metadata file. What it was given is remembered, so that it can be kept when all of it has held.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tough::{Bytes, Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

use super::{Location, METADATA, Registry, RegistryError, TARGETS};
use crate::{Algorithms, Clock, Hasher, Source, files};

/// Why a file of the registry was not had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfetched {
    #[error("{0}")]
    Denied(RegistryError),
    #[error("{0}")]
    Io(String),
    #[error("this registry has no such metadata")]
    NoMetadata,
    #[error("there is no such file")]
    NotFound,
    #[error("it has more bytes than it may")]
    TooLarge,
}

/// Where metadata come from.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    /// Asked for everything but what `kept` has to answer; `None` offline.
    pub(super) location: Option<Location>,
    /// Roots that were seen come from here, and offline everything.
    pub(super) kept: PathBuf,
    /// What comes before all of it: metadata that are to be written.
    pub(super) staged: Arc<BTreeMap<String, Vec<u8>>>,
    /// What was given to the verifier.
    pub(super) given: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Shelf {
    fn get(&self, name: &str) -> Result<Vec<u8>, Unfetched> {
        let most = most_bytes(name).ok_or(Unfetched::NoMetadata)?;
        let is_root = name.ends_with(".root.json");
        let kept = match self.staged.get(name) {
            Some(bytes) if u64::try_from(bytes.len()).is_ok_and(|len| len <= most) => Ok(bytes.clone()),
            Some(_) => Err(Unfetched::TooLarge),
            None if is_root || self.location.is_none() => read(&self.kept.join(name), most),
            None => Err(Unfetched::NotFound),
        };
        let bytes = match (kept, &self.location) {
            (Err(Unfetched::NotFound), Some(location)) => fetch(location, &format!("{METADATA}/{name}"), most),
            (kept, _) => kept,
        }?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.insert(name.to_owned(), bytes.clone());
        Ok(bytes)
    }
}

#[async_trait]
impl Transport for Shelf {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        match self.get(name) {
            Ok(bytes) => Ok(Box::pin(futures_util::stream::iter([Ok(Bytes::from(bytes))]))),
            Err(error) => {
                let kind = match error {
                    Unfetched::NotFound => TransportErrorKind::FileNotFound,
                    _ => TransportErrorKind::Other,
                };
                Err(TransportError::new_with_cause(kind, url.as_str(), error))
            }
        }
    }
}

/// The most bytes of a metadata file of this name; `None` if there is no such.
pub(super) fn most_bytes(name: &str) -> Option<u64> {
    if name == "timestamp.json" {
        return Some(MOST_TIMESTAMP);
    }
    let (version, role) = name.split_once('.')?;
    let is_version = !version.is_empty() && version.len() <= 20 && version.bytes().all(|byte| byte.is_ascii_digit());
    match role {
        "root.json" if is_version => Some(MOST_ROOT),
        "snapshot.json" if is_version => Some(MOST_SNAPSHOT),
        "targets.json" if is_version => Some(MOST_TARGETS),
        _ => None,
    }
}

/// A file of a registry, by its path there.
fn fetch(location: &Location, path: &str, most: u64) -> Result<Vec<u8>, Unfetched> {
    match location {
        Location::Folder(folder) => {
            // A folder that is not there is no registry without news.
            if !folder.is_dir() {
                return Err(Unfetched::Io(format!("{} is no folder", folder.display())));
            }
            read(&folder.join(path), most)
        }
        Location::Url(base) => {
            // Metadata come from where they are asked for.
            let no_redirects = |_: &Source| Err(RegistryError::malformed("a registry does not send on to elsewhere"));
            get(base, path, most, &no_redirects).map(|(bytes, _)| bytes)
        }
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unfetched> {
    match files::read(path, most) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Unfetched::TooLarge),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unfetched::NotFound),
        Err(error) => Err(Unfetched::Io(error.to_string())),
    }
}

#[cfg(feature = "http")]
fn get(
    base: &str,
    path: &str,
    most: u64,
    hop: &dyn Fn(&Source) -> Result<(), RegistryError>,
) -> Result<(Vec<u8>, Source), Unfetched> {
    let source = Source::parse(&format!("{base}/{path}")).map_err(|error| Unfetched::Denied(error.into()))?;
    super::http::get(source, most, hop)
}

#[cfg(not(feature = "http"))]
fn get(
    _: &str,
    _: &str,
    _: u64,
    _: &dyn Fn(&Source) -> Result<(), RegistryError>,
) -> Result<(Vec<u8>, Source), Unfetched> {
    Err(Unfetched::Io("this build fetches nothing: it lacks the feature http".to_owned()))
}

/// See [`Registry::fetch`].
pub(super) fn fetch_model(
    registry: &Registry,
    name: &str,
    most: u64,
    clock: Clock,
    allowed: &dyn Fn(&Source) -> Result<(), RegistryError>,
) -> Result<(Vec<u8>, Source), RegistryError> {
    registry.check_fresh(clock)?;
    let listing = registry.model(name).ok_or_else(|| RegistryError::Unlisted { name: name.to_owned() })?;
    if listing.bytes() > most {
        let message = format!("the model has {} bytes, and {most} are allowed", listing.bytes());
        return Err(RegistryError::TooLarge { message });
    }
    // Before it is fetched: whoever serves it needs not to know who would have liked to have it.
    let digests = crate::Digests { sha256: Some(listing.sha256), sha512: None };
    registry.check_not_revoked(&digests, clock)?;
    let mut first = None;
    for place in places(registry, name, listing.digest())? {
        let fetched = match allowed(&place) {
            Ok(()) if registry.0.silent && !place.is_file() => {
                Err(Unfetched::Io(format!("nobody is asked for {place} while offline")))
            }
            Ok(()) => fetch_from(&place, listing.bytes(), allowed),
            Err(error) => Err(Unfetched::Denied(error)),
        };
        match fetched {
            Ok((bytes, source)) => {
                let digests = Hasher::hash(&bytes, Algorithms::SHA256);
                registry.check(name, u64::try_from(bytes.len()).unwrap_or(u64::MAX), &digests, clock)?;
                return Ok((bytes, source));
            }
            Err(error) => first = Some(first.unwrap_or(error)),
        }
    }
    Err(match first {
        Some(Unfetched::Denied(error)) => error,
        Some(Unfetched::TooLarge) => {
            RegistryError::TooLarge { message: "the model is longer than it is listed".to_owned() }
        }
        Some(error) => RegistryError::Unreachable { message: super::error::escaped(&error) },
        None => RegistryError::Unreachable { message: "the registry names no place for it".to_owned() },
    })
}

/// Where a model can be had: in the registry, then elsewhere.
fn places(registry: &Registry, name: &str, digest: crate::Digest) -> Result<Vec<Source>, RegistryError> {
    let path = format!("{TARGETS}/{}", stored_name(name, &digest));
    let own = match &registry.0.location {
        Location::Folder(folder) => {
            let file = folder.join(path);
            if file.is_file() { Some(Source::of_file(&file)?) } else { None }
        }
        Location::Url(base) => Some(Source::parse(&format!("{base}/{}", encoded(&path)))?),
    };
    let elsewhere = registry.model(name).map(super::Listing::sources).unwrap_or_default();
    Ok(own.into_iter().chain(elsewhere.iter().cloned()).collect())
}

/// The file's name in the registry: with its digest, as TUF wants it for consistent snapshots.
pub(super) fn stored_name(name: &str, digest: &crate::Digest) -> String {
    let (folder, file) = name.rsplit_once('/').map_or(("", name), |(folder, file)| (folder, file));
    let separator = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{separator}{}.{file}", digest.to_hex())
}

/// A path as a URL has it.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(byte.into()),
            // Writing into a `String` cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

fn fetch_from(
    place: &Source,
    bytes: u64,
    allowed: &dyn Fn(&Source) -> Result<(), RegistryError>,
) -> Result<(Vec<u8>, Source), Unfetched> {
    if place.is_file() {
        let path = place.to_url().and_then(|url| url.to_file_path().ok()).ok_or(Unfetched::NotFound)?;
        return read(&path, bytes).map(|content| (content, place.clone()));
    }
    #[cfg(feature = "http")]
    return super::http::get(place.clone(), bytes, allowed);
    #[cfg(not(feature = "http"))]
    {
        let _ = allowed;
        Err(Unfetched::Io("this build fetches nothing: it lacks the feature http".to_owned()))
    }
}

/// Against endless data. A targets file of that size has some 20,000 models.
pub(super) const MOST_ROOT: u64 = 256 << 10;
pub(super) const MOST_TIMESTAMP: u64 = 64 << 10;
pub(super) const MOST_SNAPSHOT: u64 = 64 << 10;
pub(super) const MOST_TARGETS: u64 = 8 << 20;
