//! What the metadata say of models, beyond what TUF says of files.
//!
//! A target's `custom` has an object `airlock`, and so has the targets metadata as a whole. A key in it that is not known is an
//! error and never ignored: it could be a condition of a later version. What other programs keep beside it is theirs.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use tough::schema::Targets;

use super::error::RegistryError;
use crate::{Digest, Digests, Mismatch, Source, name};

/// A model, as a registry lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listing {
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    pub(super) added: SystemTime,
    pub(super) sources: Vec<Source>,
    pub(super) signers: Vec<String>,
}

/// A digest that must not be opened any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    pub(super) sha256: [u8; 32],
    pub(super) name: Option<String>,
    pub(super) at: SystemTime,
    pub(super) reason: String,
}

impl Listing {
    /// How many bytes it has.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its digest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        Digest::Sha256(self.sha256)
    }

    /// When these bytes were added under the name.
    #[must_use]
    pub const fn added(&self) -> SystemTime {
        self.added
    }

    /// Where else it may be fetched from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The keys of which one must have signed it, besides; none for no matter which.
    #[must_use]
    pub fn signers(&self) -> &[String] {
        &self.signers
    }

    /// Is it this file?
    pub(super) fn check(&self, bytes: u64, digests: &Digests) -> Result<(), Mismatch> {
        if bytes != self.bytes {
            return Err(Mismatch::Bytes { expected: self.bytes, found: bytes });
        }
        crate::pin::check(self.digest(), digests)
    }

    /// Its `custom` in the metadata.
    #[cfg(feature = "sign")]
    pub(super) fn to_custom(&self) -> Value {
        let sources: Vec<String> = self.sources.iter().map(Source::to_string).collect();
        json!({ "added": shown(self.added), "signers": self.signers, "sources": sources })
    }
}

impl Revocation {
    /// The digest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        Digest::Sha256(self.sha256)
    }

    /// The name that it had.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// When it was revoked.
    #[must_use]
    pub const fn at(&self) -> SystemTime {
        self.at
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    #[cfg(feature = "sign")]
    pub(super) fn to_json(&self) -> Value {
        json!({ "at": shown(self.at), "name": self.name, "reason": self.reason, "sha256": self.digest().to_hex() })
    }
}

/// All models, and all that was revoked.
pub(super) type Content = (BTreeMap<String, Listing>, BTreeMap<[u8; 32], Revocation>);

/// Reads the targets metadata.
pub(super) fn read(targets: &Targets) -> Result<Content, RegistryError> {
    if targets.delegations.as_ref().is_some_and(|delegations| !delegations.roles.is_empty()) {
        return Err(RegistryError::malformed("it has delegations, which this registry does not have"));
    }
    let mut models = BTreeMap::new();
    for (target_name, target) in &targets.targets {
        let name = target_name.raw();
        name::check(name).map_err(|flaw| RegistryError::malformed(format_args!("the name {name:?}: {flaw}")))?;
        let sha256 = target.hashes.sha256.as_ref().try_into();
        let sha256 = sha256.map_err(|_| RegistryError::malformed("a SHA-256 has 32 bytes"))?;
        let mut fields = Fields::of(target.custom.get(OBJECT))?;
        let mut sources = Vec::new();
        for source in fields.texts("sources")? {
            sources.push(Source::parse(&source)?);
        }
        let (added, signers) = (fields.time("added")?, fields.texts("signers")?);
        fields.end()?;
        models.insert(name.to_owned(), Listing { bytes: target.length, sha256, added, sources, signers });
    }
    let mut revoked = BTreeMap::new();
    let mut whole = Fields::of(targets._extra.get(OBJECT))?;
    if whole.take("version") != Some(json!(1)) {
        return Err(RegistryError::malformed("this is no registry of version 1"));
    }
    let Some(Value::Array(list)) = whole.take("revoked") else {
        return Err(RegistryError::malformed("there is no list of what was revoked"));
    };
    whole.end()?;
    for entry in &list {
        let mut fields = Fields::of(Some(entry))?;
        let Ok(Digest::Sha256(sha256)) = fields.text("sha256")?.parse() else {
            return Err(RegistryError::malformed("a revoked digest is a SHA-256"));
        };
        let name = match fields.0.get("name") {
            None | Some(Value::Null) => fields.take("name").and(None),
            Some(_) => Some(fields.text("name")?),
        };
        let (at, reason) = (fields.time("at")?, fields.text("reason")?);
        fields.end()?;
        revoked.insert(sha256, Revocation { sha256, name, at, reason });
    }
    Ok((models, revoked))
}

/// The `airlock` of the targets metadata as a whole.
#[cfg(feature = "sign")]
pub(super) fn whole<'a>(revoked: impl Iterator<Item = &'a Revocation>) -> Value {
    let revoked: Vec<Value> = revoked.map(Revocation::to_json).collect();
    json!({ "revoked": revoked, "version": 1 })
}

/// The keys of an object, taken one after another.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(value: Option<&Value>) -> Result<Self, RegistryError> {
        match value {
            Some(Value::Object(fields)) => Ok(Self(fields.clone())),
            _ => Err(RegistryError::malformed(format_args!("there is no object {OBJECT:?} where it must be"))),
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    fn text(&mut self, key: &str) -> Result<String, RegistryError> {
        match self.take(key) {
            Some(Value::String(text)) if text.len() <= MOST_TEXT => Ok(text),
            _ => Err(RegistryError::malformed(format_args!("{key} is no text, or a long one"))),
        }
    }

    fn texts(&mut self, key: &str) -> Result<Vec<String>, RegistryError> {
        let flaw = || RegistryError::malformed(format_args!("{key} is no list of texts, or has a long one"));
        let Some(Value::Array(list)) = self.take(key) else { return Err(flaw()) };
        let text = |value: &Value| value.as_str().filter(|text| text.len() <= MOST_TEXT).map(str::to_owned);
        list.iter().map(|value| text(value).ok_or_else(flaw)).collect()
    }

    fn time(&mut self, key: &str) -> Result<SystemTime, RegistryError> {
        let time: Result<jiff::Timestamp, _> = self.text(key)?.parse();
        time.map(SystemTime::from).map_err(|_| RegistryError::malformed(format_args!("{key} is no time by RFC 3339")))
    }

    fn end(self) -> Result<(), RegistryError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(RegistryError::malformed(format_args!("version 1 has no key {key:?}"))),
        }
    }
}

/// A time by RFC 3339, in whole seconds.
#[must_use]
pub fn shown(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).map(|time| jiff::Timestamp::from_second(time.as_second()));
    time.ok().and_then(Result::ok).map_or_else(|| "no time".to_owned(), |time| time.to_string())
}

/// The key of what is ours.
pub(super) const OBJECT: &str = "airlock";
const MOST_TEXT: usize = 4096;
