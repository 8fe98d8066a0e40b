//! Why these bytes may be opened.
//!
//! Evidence is a list, and all of it must hold: none replaces another. An empty list is no evidence, and opens nothing.

#[cfg(any(feature = "minisign", feature = "oms", feature = "registry"))]
use std::time::SystemTime;

use flux_airlock_trust::{Algorithms, Clock, Digest, Digests, Entry, LockFile, Pin};
#[cfg(feature = "registry")]
use flux_airlock_trust::{Registry, RegistryError};
#[cfg(any(feature = "minisign", feature = "oms"))]
use flux_airlock_trust::{Signature, SignedBy, Verified};

use crate::{Error, NotVerifiedError, report::EvidenceEntry};

/// What must hold before a file is opened: pins, entries of lock files, and signatures, all of them.
///
/// ```
/// use flux_airlock::{Evidence, Pin};
///
/// let pin: Pin = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse()?;
/// let evidence = Evidence::pin(pin);
/// assert_eq!(evidence.len(), 1);
/// # Ok::<(), flux_airlock::DigestError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Evidence(Vec<Item>);

#[derive(Clone, Debug)]
enum Item {
    /// The name that was looked up, and what the lock file says of it.
    Lock(String, Option<Entry>),
    Pin(Pin),
    /// A registry, and the name by which it lists the file; without a name it is asked only what was revoked.
    #[cfg(feature = "registry")]
    Registry(Registry, Option<String>),
    /// A signature file, and whose signature it must be.
    #[cfg(any(feature = "minisign", feature = "oms"))]
    Signature(Signature, SignedBy),
}

/// A file in private memory, which is what evidence must be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    pub(crate) bytes: &'a [u8],
    /// Of those bytes, by [`Evidence::algorithms`].
    pub(crate) digests: &'a Digests,
}

impl Evidence {
    /// None. It opens nothing until something is added.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The digest that the file must have: a [`Pin`] or a [`Digest`].
    #[must_use]
    pub fn pin(pin: impl Into<Pin>) -> Self {
        Self::new().and_pin(pin)
    }

    /// What a lock file says of the file of this name, relative to the lock file. If it says nothing, nothing opens.
    #[must_use]
    pub fn lock(lock: &LockFile, name: &str) -> Self {
        Self::new().and_lock(lock, name)
    }

    /// This evidence, and [`Evidence::pin`].
    #[must_use]
    pub fn and_pin(mut self, pin: impl Into<Pin>) -> Self {
        self.0.push(Item::Pin(pin.into()));
        self
    }

    /// This evidence, and [`Evidence::lock`].
    #[must_use]
    pub fn and_lock(mut self, lock: &LockFile, name: &str) -> Self {
        self.0.push(Item::Lock(name.to_owned(), lock.entry(name).cloned()));
        self
    }

    /// A signature over the file that this signer must have made.
    ///
    /// It is read and verified when a file is opened, after the file's digest, and what it says of itself is in the report.
    ///
    /// ```no_run
    /// use flux_airlock::{Airlock, Evidence, Input, PublicKey, Signature};
    ///
    /// let key = PublicKey::read("team.pub".as_ref())?;
    /// let evidence = Evidence::signature(Signature::read("model.sig".as_ref())?, key);
    /// let model = Airlock::new()?.open(Input::path("model.bson"), &evidence)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(any(feature = "minisign", feature = "oms"))]
    #[must_use]
    pub fn signature(signature: Signature, by: impl Into<SignedBy>) -> Self {
        Self::new().and_signature(signature, by)
    }

    /// This evidence, and [`Evidence::signature`].
    #[cfg(any(feature = "minisign", feature = "oms"))]
    #[must_use]
    pub fn and_signature(mut self, signature: Signature, by: impl Into<SignedBy>) -> Self {
        self.0.push(Item::Signature(signature, by.into()));
        self
    }

    /// An entry of a registry: the file is the one that it lists under this name, and was not revoked.
    ///
    /// Where the entry names signers, one of them must have signed the file as well.
    ///
    /// ```no_run
    /// use flux_airlock::{Airlock, Clock, Evidence, Input, RegistryAt};
    ///
    /// let at = RegistryAt::folder("/srv/registry", std::fs::read("root.json")?, "/var/cache/airlock");
    /// let registry = at.load(Clock::system())?;
    /// let model = Airlock::new()?.open(Input::path("model.bson"), &Evidence::registry(&registry, "mnist/lenet"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "registry")]
    #[must_use]
    pub fn registry(registry: &Registry, name: &str) -> Self {
        Self::new().and_registry(registry, name)
    }

    /// This evidence, and [`Evidence::registry`].
    #[cfg(feature = "registry")]
    #[must_use]
    pub fn and_registry(mut self, registry: &Registry, name: &str) -> Self {
        self.0.push(Item::Registry(registry.clone(), Some(name.to_owned())));
        self
    }

    /// This evidence, and the registry has not revoked the file. That alone vouches for nothing.
    #[cfg(feature = "registry")]
    #[must_use]
    pub fn and_not_revoked(mut self, registry: &Registry) -> Self {
        self.0.push(Item::Registry(registry.clone(), None));
        self
    }

    /// How many things must hold.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does nothing of it vouch for a file?
    fn vouches_for_nothing(&self) -> bool {
        self.0.iter().all(|item| match item {
            #[cfg(feature = "registry")]
            Item::Registry(_, name) => name.is_none(),
            _ => false,
        })
    }

    /// The digests that [`Evidence::check`] compares. Reports need SHA-256 in any case.
    pub(crate) fn algorithms(&self) -> Algorithms {
        self.0.iter().fold(Algorithms::SHA256, |all, item| match item {
            Item::Lock(_, entry) => entry.iter().fold(all, |all, entry| all.and(entry.algorithms())),
            Item::Pin(pin) => all.and(Algorithms::of(&pin.digest())),
            #[cfg(feature = "registry")]
            Item::Registry(..) => all,
            #[cfg(any(feature = "minisign", feature = "oms"))]
            Item::Signature(..) => all,
        })
    }

    /// Refuses what can be refused before a byte is read.
    pub(crate) fn precheck(&self) -> Result<(), Error> {
        if self.vouches_for_nothing() {
            return Err(NotVerifiedError::NoEvidence.into());
        }
        for item in &self.0 {
            if let Item::Lock(name, None) = item {
                return Err(NotVerifiedError::NotInLock { name: name.clone() }.into());
            }
        }
        Ok(())
    }

    /// What holds, if all of it does: digests first, then signatures, then registries.
    pub(crate) fn check(&self, file: Bytes<'_>, clock: Clock) -> Result<Vec<EvidenceEntry>, Error> {
        self.precheck()?;
        let mut held = self.check_digests(file)?;
        held.extend(self.check_signatures(file, clock)?);
        #[cfg(feature = "registry")]
        self.check_registries(file, clock, &mut held)?;
        Ok(held)
    }

    #[cfg(feature = "registry")]
    fn check_registries(&self, file: Bytes<'_>, clock: Clock, held: &mut Vec<EvidenceEntry>) -> Result<(), Error> {
        let bytes = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
        for item in &self.0 {
            let Item::Registry(registry, name) = item else { continue };
            let Some(name) = name else {
                registry.check_not_revoked(file.digests, clock).map_err(unlisted)?;
                continue;
            };
            let listing = registry.check(name, bytes, file.digests, clock).map_err(unlisted)?;
            let has_signed = |signer: &String| {
                held.iter().any(|entry| matches!(entry, EvidenceEntry::Signature { key, .. } if key == signer))
            };
            if !listing.signers().is_empty() && !listing.signers().iter().any(has_signed) {
                return Err(unlisted(RegistryError::Signer { signers: listing.signers().to_vec() }));
            }
            let versions = registry.versions();
            held.push(EvidenceEntry::Registry {
                digest: listing.digest().to_string(),
                name: name.clone(),
                registry: registry.location(),
                root: registry.root().to_string(),
                version: versions.targets,
                root_version: versions.root,
                time: seconds(listing.added()),
            });
        }
        Ok(())
    }

    fn check_digests(&self, Bytes { bytes, digests }: Bytes<'_>) -> Result<Vec<EvidenceEntry>, Error> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut held = Vec::new();
        for item in &self.0 {
            match item {
                Item::Lock(name, Some(locked)) => {
                    locked.check(len, digests).map_err(NotVerifiedError::from)?;
                    held.extend(locked.digests().map(|digest| pinned(digest, Some(name))));
                }
                Item::Pin(pin) => {
                    pin.check(digests).map_err(NotVerifiedError::from)?;
                    held.push(pinned(pin.digest(), None));
                }
                // Refused already.
                Item::Lock(_, None) => {}
                #[cfg(feature = "registry")]
                Item::Registry(..) => {}
                #[cfg(any(feature = "minisign", feature = "oms"))]
                Item::Signature(..) => {}
            }
        }
        Ok(held)
    }

    #[cfg(any(feature = "minisign", feature = "oms"))]
    fn check_signatures(&self, file: Bytes<'_>, clock: Clock) -> Result<Vec<EvidenceEntry>, Error> {
        let mut held = Vec::new();
        for item in &self.0 {
            if let Item::Signature(signature, by) = item {
                let verified = signature.verify(by, file.bytes, file.digests, clock);
                held.push(signed(verified.map_err(NotVerifiedError::from)?, by, file.digests));
            }
        }
        Ok(held)
    }

    #[cfg(not(any(feature = "minisign", feature = "oms")))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "there are no signatures in this build")]
    fn check_signatures(&self, _: Bytes<'_>, _: Clock) -> Result<Vec<EvidenceEntry>, Error> {
        Ok(Vec::new())
    }
}

/// A digest that vouched for a file, for its report.
fn pinned(digest: Digest, lock: Option<&str>) -> EvidenceEntry {
    EvidenceEntry::Pin { digest: digest.to_string(), lock: lock.map(str::to_owned) }
}

/// A signature that vouched for a file, for its report.
#[cfg(any(feature = "minisign", feature = "oms"))]
fn signed(verified: Verified, by: &SignedBy, digests: &Digests) -> EvidenceEntry {
    let Verified { format, key_id, signer, name, comment, time, .. } = verified;
    let digest = digests.sha256.map(|sha256| Digest::Sha256(sha256).to_string()).unwrap_or_default();
    let time = time.map(seconds);
    let (key, roots) = match by {
        SignedBy::Key(key) => (key.fingerprint(), Vec::new()),
        SignedBy::Certificate(roots) => (key_id.clone(), roots.ids().to_vec()),
        // Of a kind that is not known here: no key, which no policy and no registry names.
        _ => (String::new(), Vec::new()),
    };
    EvidenceEntry::Signature { format: format.name(), digest, key_id, key, roots, signer, name, comment, time }
}

/// Seconds since 1970.
#[cfg(any(feature = "minisign", feature = "oms", feature = "registry"))]
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Why a registry does not vouch for a file.
#[cfg(feature = "registry")]
fn unlisted(error: RegistryError) -> Error {
    match error {
        RegistryError::File(mismatch) => NotVerifiedError::Mismatch(mismatch).into(),
        error => NotVerifiedError::Registry { code: error.code(), message: error.to_string() }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_airlock_trust::{Hasher, Update};

    fn sha256(bytes: &[u8]) -> Digest {
        Digest::Sha256(Hasher::hash(bytes, Algorithms::ALL).sha256.unwrap())
    }

    fn sha512(bytes: &[u8]) -> Digest {
        Digest::Sha512(Hasher::hash(bytes, Algorithms::ALL).sha512.unwrap())
    }

    fn check(evidence: &Evidence, bytes: &[u8]) -> Result<usize, String> {
        let digests = Hasher::hash(bytes, evidence.algorithms());
        let held = evidence.check(Bytes { bytes, digests: &digests }, Clock::system());
        held.map(|held| held.len()).map_err(|error| error.code().to_owned())
    }

    #[test]
    fn all_of_it_must_hold() {
        let good = Evidence::pin(sha256(b"abc")).and_pin(sha512(b"abc"));
        assert_eq!(check(&good, b"abc"), Ok(2));
        let mixed = Evidence::pin(sha256(b"abc")).and_pin(sha512(b"abd"));
        assert_eq!(check(&mixed, b"abc"), Err("digest-mismatch".to_owned()));
        assert_eq!(check(&mixed, b"abd"), Err("digest-mismatch".to_owned()));
    }

    #[test]
    fn none_of_it_opens_nothing() {
        assert_eq!(check(&Evidence::new(), b"abc"), Err("no-evidence".to_owned()));
        assert_eq!(check(&Evidence::default(), b""), Err("no-evidence".to_owned()));
    }

    #[test]
    fn a_lock_file_vouches_only_for_what_it_names() {
        let mut lock = LockFile::default();
        let digests = Hasher::hash(b"abc", Algorithms::SHA256);
        lock.insert(Entry::new("m.bson", 3, &digests).unwrap(), Update::No).unwrap();
        assert_eq!(check(&Evidence::lock(&lock, "m.bson"), b"abc"), Ok(1));
        assert_eq!(check(&Evidence::lock(&lock, "m.bson"), b"abcd"), Err("digest-mismatch".to_owned()));
        let other = Evidence::pin(sha256(b"abc")).and_lock(&lock, "n.bson");
        assert_eq!(check(&other, b"abc"), Err("not-in-lock".to_owned()));
    }
}
