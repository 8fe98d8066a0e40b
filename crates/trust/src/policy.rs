//! A policy: what may be opened here, by whom it must be vouched for, and what it may cost at most.
//!
//! ```toml
//! version = 1
//! unverified = "never"
//!
//! [signer.release]
//! keys = ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
//!
//! [[source]]
//! url = "https://models.example.org/flux/"
//! evidence = ["signature:release", "registry"]
//! max_age_days = 90
//! ```
//!
//! A policy has layers, and each of them must allow. There is no other way to join two policies, so that a layer which was
//! found in a folder that nobody vouches for can only forbid: it has no word that allows what another layer forbids.
//! Whatever cannot be read, is not understood, or is not said ends in a refusal.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::source::has_query;
use crate::toml_reader::{self, Flaw, Keys, Valued, What};
use crate::{Algorithms, Digest, Digests, Place, Source};

mod find;

/// What may be opened: layers, each of which must allow.
///
/// ```
/// use flux_airlock_trust::{Allowance, Digests, Policy, Source, Subject};
/// use std::{path::Path, time::SystemTime};
///
/// let policy = Policy::parse("version = 1\n[[source]]\npath = \"/srv/models/\"\n", Path::new("/etc/airlock/policy.toml"))?;
/// let source = Source::parse("https://example.org/m.bson")?;
/// let digests = Digests::default();
/// let subject = Subject { source: &source, digests: &digests, vouched: &[], allowance: Allowance::Evidence };
/// assert_eq!(policy.decide(&subject, SystemTime::now()).unwrap_err().code(), "policy-source");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    layers: Vec<Layer>,
}

/// One policy file.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Layer {
    origin: PathBuf,
    unverified: Unverified,
    denied: BTreeSet<Digest>,
    ceilings: BTreeMap<&'static str, u64>,
    /// The roots of registries, by the name of the registry.
    registries: BTreeMap<String, BTreeSet<String>>,
    signers: BTreeMap<String, Signer>,
    rules: Vec<Rule>,
}

/// Who counts as one signer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Signer {
    keys: BTreeSet<String>,
    identities: BTreeSet<String>,
    /// The only certificate roots that may have vouched for an identity.
    roots: BTreeSet<String>,
}

/// What is said of the files of one place.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Rule {
    line: usize,
    place: Place,
    wanted: Vec<Wanted>,
    /// How many of `wanted` must hold.
    at_least: usize,
    max_bytes: Option<u64>,
    max_age_days: Option<u64>,
    formats: Option<BTreeSet<String>>,
    query: bool,
    unverified: Option<Unverified>,
}

/// Something that vouches.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Wanted {
    Pin,
    /// Of this name, or whichever it is.
    Registry(Option<String>),
    Signature(String),
}

/// How far a file gets for which there is no evidence; the more, the greater.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Unverified {
    Never,
    Inspect,
    Open,
}

/// What is asked for: how far a file is to get.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allowance {
    /// It is to be opened because of evidence.
    Evidence,
    /// It is to be described without evidence.
    Inspect,
    /// It is to be opened without evidence.
    Unverified,
}

/// A file about which a policy is asked, after it was hashed and its evidence was checked.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where it comes from.
    pub source: &'a Source,
    /// What it hashed to.
    pub digests: &'a Digests,
    /// What held.
    pub vouched: &'a [Vouched<'a>],
    /// What is asked for.
    pub allowance: Allowance,
}

/// Evidence that held, as a policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'a> {
    /// What sort of thing it is.
    pub kind: Kind<'a>,
    /// When it was given, if it says so in what was signed.
    pub time: Option<SystemTime>,
}

/// The sorts of evidence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind<'a> {
    /// A digest from the caller or a lock file.
    Pin,
    /// An entry of a registry.
    Registry {
        /// The SHA-256 of the root metadata that were trusted beforehand, as `sha256:…`.
        root: &'a str,
    },
    /// A signature.
    Signature {
        /// What only this key has, as its `fingerprint` says it.
        key: &'a str,
        /// Who signed, where a certificate says so.
        identity: Option<&'a str>,
        /// The certificate roots that were believed, one of which vouches for the identity.
        roots: &'a [String],
    },
}

/// The rule that a file met in one layer, and why it is content.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Met {
    /// The policy file.
    pub origin: PathBuf,
    /// Where its rule for the file's source begins, if it has any.
    pub line: Option<usize>,
    /// The sentence.
    pub sentence: String,
}

impl Policy {
    /// The longest policy file that is read.
    pub const MAX_BYTES: u64 = 256 << 10;

    /// Reads a policy's text. Relative paths in it begin at the folder of `origin`, which names it in every sentence.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] for the first flaw, with its line.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, PolicyError> {
        let error = |reason| PolicyError { origin: origin.to_owned(), reason };
        if u64::try_from(text.len()).is_ok_and(|len| len > Self::MAX_BYTES) {
            return Err(error(PolicyFlaw::TooLarge));
        }
        let layer = toml_reader::parse(text, |keys| layer(keys, origin)).map_err(|flaw| error(flaw.into()))?;
        Ok(Self { layers: vec![layer] })
    }

    /// This policy, and that one: what either forbids is forbidden.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.layers.extend(other.layers);
        self
    }

    /// The digests that must be known of every file.
    #[must_use]
    pub fn algorithms(&self) -> Algorithms {
        let denied = self.layers.iter().flat_map(|layer| &layer.denied);
        denied.fold(Algorithms::SHA256, |all, digest| all.and(Algorithms::of(digest)))
    }

    /// The most that may be granted of this limit, named as in [`Policy::LIMITS`].
    #[must_use]
    pub fn ceiling(&self, limit: &str) -> Option<u64> {
        self.layers.iter().filter_map(|layer| layer.ceilings.get(limit).copied()).min()
    }

    /// The limits that a policy can lower, with the least that each may be.
    pub const LIMITS: [(&'static str, u64); 11] = [
        ("answer_bytes", 8),
        ("depth", 1),
        ("elements", 1),
        ("file_bytes", 1),
        ("fuel", 1),
        ("memory_bytes", 1 << 20),
        ("name_bytes", 16),
        ("names_bytes", 1),
        ("nodes", 1),
        ("path_bytes", 1),
        ("tensors", 1),
    ];

    /// The most bytes that a file from here may have, beside the limit of the same name.
    #[must_use]
    pub fn max_bytes(&self, source: &Source) -> Option<u64> {
        self.layers.iter().filter_map(|layer| layer.rule(source)?.max_bytes).min()
    }

    /// May a file be fetched from here? Asked before anything is sent to the server, and at each redirect.
    ///
    /// # Errors
    ///
    /// [`Denied::Source`] for the first layer that does not list it.
    pub fn check_source(&self, source: &Source) -> Result<(), Denied> {
        self.layers.iter().try_for_each(|layer| layer.allowed_rule(source).map(drop))
    }

    /// Every layer's rule for the file, if all of them allow what is asked for.
    ///
    /// # Errors
    ///
    /// [`Denied`] for the first that does not.
    pub fn decide(&self, subject: &Subject<'_>, now: SystemTime) -> Result<Vec<Met>, Denied> {
        self.layers.iter().map(|layer| layer.decide(subject, now)).collect()
    }

    /// The policy in sentences, file by file.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        self.layers.iter().flat_map(Layer::sentences).collect()
    }

    /// The rule that a file from here would meet in each policy file, in a sentence.
    #[must_use]
    pub fn rules_for(&self, source: &Source) -> Vec<String> {
        let layers = self.layers.iter().map(|layer| {
            let origin = shown(&layer.origin);
            match layer.rule(source) {
                _ if layer.rules.is_empty() => {
                    format!("{origin}: has no list of sources; {source} is judged by the rest of it")
                }
                None => format!("{origin}: no rule lists {source}: it is refused"),
                Some(rule) => format!("{origin}, line {}: {}", rule.line, rule_sentence(rule)),
            }
        });
        layers.collect()
    }

    /// The files that the layers were read from.
    pub fn origins(&self) -> impl Iterator<Item = &Path> {
        self.layers.iter().map(|layer| layer.origin.as_path())
    }
}

impl Layer {
    /// The narrowest rule for a file from here.
    fn rule(&self, source: &Source) -> Option<&Rule> {
        self.rules.iter().filter(|rule| rule.place.has(source)).max_by_key(|rule| rule.place.narrowness())
    }

    /// The rule for a file from here; `None` where this layer has no list of sources.
    fn allowed_rule(&self, source: &Source) -> Result<Option<&Rule>, Denied> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let refused = |query| Denied::Source { origin: self.origin.clone(), from: source.to_string(), query };
        let rule = self.rule(source).ok_or_else(|| refused(false))?;
        if has_query(source) && !rule.query { Err(refused(true)) } else { Ok(Some(rule)) }
    }

    fn decide(&self, subject: &Subject<'_>, now: SystemTime) -> Result<Met, Denied> {
        let origin = || self.origin.clone();
        for digest in &self.denied {
            // What was not computed could be it.
            match subject.digests.like(digest) {
                Some(found) if found != *digest => {}
                _ => return Err(Denied::Digest { origin: origin(), digest: Box::new(*digest) }),
            }
        }
        let asked = match subject.allowance {
            Allowance::Evidence => None,
            Allowance::Inspect => Some(Unverified::Inspect),
            Allowance::Unverified => Some(Unverified::Open),
        };
        if let Some(asked) = asked {
            // Describing needs no place in the list: it is how one finds out what was refused.
            let rule = match asked {
                Unverified::Open => self.allowed_rule(subject.source)?,
                _ => self.rule(subject.source),
            };
            let most = rule.and_then(|rule| rule.unverified).unwrap_or(self.unverified);
            if asked > most {
                return Err(Denied::Unverified { origin: origin(), inspect: asked == Unverified::Inspect });
            }
            let sentence = "allows it without evidence".to_owned();
            return Ok(Met { origin: origin(), line: rule.map(|rule| rule.line), sentence });
        }
        let Some(rule) = self.allowed_rule(subject.source)? else {
            let sentence = "has no list of sources, and is content with the evidence".to_owned();
            return Ok(Met { origin: origin(), line: None, sentence });
        };
        if rule.formats.as_ref().is_some_and(|formats| !formats.contains(FORMAT)) {
            return Err(Denied::Format { origin: origin(), line: rule.line });
        }
        self.count(rule, subject.vouched, now).map(|sentence| Met { origin: origin(), line: Some(rule.line), sentence })
    }

    /// Counts the evidence that a rule asks for, and says what was counted.
    fn count(&self, rule: &Rule, vouched: &[Vouched<'_>], now: SystemTime) -> Result<String, Denied> {
        let refused =
            |stale| Denied::Evidence { origin: self.origin.clone(), line: rule.line, need: need_sentence(rule), stale };
        let most_age = rule.max_age_days.map(|days| Duration::from_secs(days.saturating_mul(SECONDS_A_DAY)));
        let is_fresh = |vouched: &Vouched<'_>| match (most_age, vouched.time) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(most), Some(time)) => match now.duration_since(time) {
                Ok(age) => age <= most,
                Err(ahead) => ahead.duration() <= AHEAD,
            },
        };
        if rule.wanted.is_empty() {
            return match (vouched.is_empty(), vouched.iter().any(is_fresh)) {
                (false, true) => Ok("is content with the evidence".to_owned()),
                (has_none, _) => Err(refused(!has_none)),
            };
        }
        let holds = |wanted: &&Wanted, fresh: bool| {
            vouched.iter().any(|vouched| self.is_wanted(wanted, vouched.kind) && (!fresh || is_fresh(vouched)))
        };
        let counted: Vec<String> =
            rule.wanted.iter().filter(|wanted| holds(wanted, true)).map(Wanted::to_string).collect();
        if counted.len() < rule.at_least {
            let regardless = rule.wanted.iter().filter(|wanted| holds(wanted, false)).count();
            return Err(refused(regardless >= rule.at_least));
        }
        Ok(format!("counts {} of the {} it needs: {}", counted.len(), rule.at_least, counted.join(", ")))
    }

    fn is_wanted(&self, wanted: &Wanted, kind: Kind<'_>) -> bool {
        match (wanted, kind) {
            (Wanted::Pin, Kind::Pin) | (Wanted::Registry(None), Kind::Registry { .. }) => true,
            (Wanted::Registry(Some(name)), Kind::Registry { root }) => {
                self.registries.get(name).is_some_and(|roots| roots.contains(root))
            }
            (Wanted::Signature(name), Kind::Signature { key, identity, roots }) => {
                self.signers.get(name).is_some_and(|signer| {
                    let is_believed = !roots.is_empty() && roots.iter().all(|root| signer.roots.contains(root));
                    let is_known = identity.is_some_and(|identity| signer.identities.contains(identity));
                    signer.keys.contains(key) || (is_known && is_believed)
                })
            }
            _ => false,
        }
    }

    fn sentences(&self) -> Vec<String> {
        let origin = shown(&self.origin);
        let mut sentences = vec![format!("{origin}: files without evidence are {}", self.unverified)];
        if !self.denied.is_empty() {
            sentences.push(format!("{origin}: {} digests are refused, whatever vouches for them", self.denied.len()));
        }
        for (limit, most) in &self.ceilings {
            sentences.push(format!("{origin}: at most {most} of the limit {limit}, whatever is granted"));
        }
        if self.rules.is_empty() {
            sentences.push(format!("{origin}: files may come from anywhere, with any evidence"));
        }
        for rule in &self.rules {
            sentences.push(format!("{origin}, line {}: {}", rule.line, rule_sentence(rule)));
        }
        if !self.rules.is_empty() {
            sentences.push(format!("{origin}: files from anywhere else are refused"));
        }
        sentences
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pin => f.write_str("a pin"),
            Self::Registry(None) => f.write_str("an entry of a registry"),
            Self::Registry(Some(name)) => write!(f, "an entry of the registry {name}"),
            Self::Signature(name) => write!(f, "a signature by {name}"),
        }
    }
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "not even described",
            Self::Inspect => "described, and not opened",
            Self::Open => "opened if the caller says so by name",
        })
    }
}

/// Why a policy does not allow a file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Its digest is on the list of those that are refused.
    #[error("the policy {} denies {digest}, whatever vouches for it", shown(origin))]
    Digest {
        /// The policy file.
        origin: PathBuf,
        /// Which digest.
        digest: Box<Digest>,
    },
    /// The evidence that held is not what the rule asks for.
    #[error(
        "the policy {}, line {line}, needs {need}{}", shown(origin),
        if *stale { ", and what there is says no time, is too old, or is ahead of the clock" } else { "" }
    )]
    Evidence {
        /// The policy file.
        origin: PathBuf,
        /// Where its rule begins.
        line: usize,
        /// What the rule asks for.
        need: String,
        /// Would it have been enough, but for its age?
        stale: bool,
    },
    /// No format that is opened is allowed there.
    #[error("the policy {}, line {line}, does not allow the format {FORMAT}", shown(origin))]
    Format {
        /// The policy file.
        origin: PathBuf,
        /// Where its rule begins.
        line: usize,
    },
    /// It comes from where nothing may come from.
    #[error(
        "the policy {} lists no source that has {}{}", shown(origin), from.escape_debug(),
        if *query { ": the rule for its place wants no query" } else { "" }
    )]
    Source {
        /// The policy file.
        origin: PathBuf,
        /// Where the file comes from.
        from: String,
        /// Is it the query that the rule does not allow?
        query: bool,
    },
    /// It has no evidence.
    #[error(
        "the policy {} lets nothing be {} without evidence", shown(origin),
        if *inspect { "described" } else { "opened" }
    )]
    Unverified {
        /// The policy file.
        origin: PathBuf,
        /// Was it to be described only?
        inspect: bool,
    },
}

impl Denied {
    /// The stable name of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Digest { .. } => "policy-digest",
            Self::Evidence { stale: false, .. } => "policy-evidence",
            Self::Evidence { stale: true, .. } => "policy-age",
            Self::Format { .. } => "policy-format",
            Self::Source { .. } => "policy-source",
            Self::Unverified { .. } => "policy-unverified",
        }
    }
}

/// A policy that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the policy {}: {reason}", shown(origin))]
#[non_exhaustive]
pub struct PolicyError {
    /// The policy file.
    pub origin: PathBuf,
    /// What is wrong with it.
    pub reason: PolicyFlaw,
}

/// What is wrong with a policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFlaw {
    /// Its text.
    #[error(transparent)]
    Content(#[from] Flaw),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is longer than [`Policy::MAX_BYTES`].
    #[error("a policy has at most {} bytes", Policy::MAX_BYTES)]
    TooLarge,
    /// Everybody could change it.
    #[error("everybody may write to it: take that away (chmod o-w)")]
    Writable,
}

impl PolicyError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match &self.reason {
            PolicyFlaw::Content(flaw) => match flaw.what {
                What::MissingKey { .. } => "policy-missing-key",
                What::Repeated { .. } => "policy-repeated",
                What::Syntax { .. } => "policy-syntax",
                What::UnknownKey { .. } => "policy-unknown-key",
                What::Value { .. } => "policy-value",
                What::Version => "policy-version",
                What::WrongType { .. } => "policy-wrong-type",
            },
            PolicyFlaw::Io(_) => "policy-io",
            PolicyFlaw::NotUtf8 => "policy-not-utf8",
            PolicyFlaw::TooLarge => "policy-too-large",
            PolicyFlaw::Writable => "policy-writable",
        }
    }
}

fn layer(mut keys: Keys<'_>, origin: &Path) -> Result<Layer, Flaw> {
    let unverified = keys.take("unverified").map(|value| unverified(&value)).transpose()?;
    let mut denied = BTreeSet::new();
    for value in keys.take("denied").map(|list| list.list()).transpose()?.unwrap_or_default() {
        let digest: Digest = value.string()?.parse().map_err(|error| value.value_flaw(error))?;
        denied.insert(digest);
    }
    let mut ceilings = BTreeMap::new();
    if let Some(limits) = keys.take("limits") {
        let mut limits = limits.table()?;
        for (limit, least) in Policy::LIMITS {
            let Some(value) = limits.take(limit) else { continue };
            let most = value.number()?;
            if most < least {
                return Err(value.value_flaw(format_args!("less than {least} lets nothing be opened")));
            }
            ceilings.insert(limit, most);
        }
        limits.end()?;
    }
    let mut registries = BTreeMap::new();
    named(&mut keys, "registry", |name, value, known| {
        let roots = registry(value)?;
        unknown_before(value, roots.iter(), known)?;
        registries.insert(name, roots);
        Ok(())
    })?;
    let mut signers = BTreeMap::new();
    named(&mut keys, "signer", |name, value, known| {
        let signer = signer(value)?;
        unknown_before(value, signer.keys.iter().chain(&signer.identities), known)?;
        signers.insert(name, signer);
        Ok(())
    })?;
    let (mut rules, mut places) = (Vec::new(), BTreeSet::new());
    for value in keys.take("source").map(|list| list.list()).transpose()?.unwrap_or_default() {
        let rule = rule(&value, &registries, &signers, origin)?;
        if !places.insert(rule.place.clone()) {
            return Err(value.flaw(What::Repeated { what: rule.place.to_string() }));
        }
        rules.push(rule);
    }
    keys.end()?;
    let unverified = unverified.unwrap_or(Unverified::Inspect);
    Ok(Layer { origin: origin.to_owned(), unverified, denied, ceilings, registries, signers, rules })
}

/// Reads a table of those who vouch, by name, with what was said of the others.
fn named(
    keys: &mut Keys<'_>,
    kind: &'static str,
    mut read: impl FnMut(String, &Valued<'_>, &mut BTreeSet<String>) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let Some(table) = keys.take(kind) else { return Ok(()) };
    let mut known = BTreeSet::new();
    for (name, value) in table.table()?.named(kind) {
        if !is_name(&name) {
            return Err(value.value_flaw(format_args!("a {kind}'s name has letters, digits, '-', '_' and '.'")));
        }
        read(name, &value, &mut known)?;
    }
    Ok(())
}

/// Who vouches under two names would count twice.
fn unknown_before<'a>(
    value: &Valued<'_>,
    marks: impl Iterator<Item = &'a String>,
    known: &mut BTreeSet<String>,
) -> Result<(), Flaw> {
    for mark in marks {
        if !known.insert(mark.clone()) {
            return Err(value.flaw(What::Repeated { what: mark.clone() }));
        }
    }
    Ok(())
}

/// The texts by which somebody is known.
fn marks(keys: &mut Keys<'_>, key: &'static str) -> Result<BTreeSet<String>, Flaw> {
    let list = keys.take(key).map(|list| list.list()).transpose()?.unwrap_or_default();
    let mut marks = BTreeSet::new();
    for value in list {
        let mark = value.string()?;
        if mark.is_empty() || mark.chars().any(char::is_control) {
            return Err(value.value_flaw("it is empty, or has a control character"));
        }
        if !marks.insert(mark.to_owned()) {
            return Err(value.flaw(What::Repeated { what: mark.to_owned() }));
        }
    }
    Ok(marks)
}

fn registry(value: &Valued<'_>) -> Result<BTreeSet<String>, Flaw> {
    let mut keys = value.table()?;
    let roots = marks(&mut keys, "roots")?;
    if roots.is_empty() {
        return Err(keys.flaw(What::MissingKey { key: "roots" }));
    }
    // What is no such digest would be the root of no registry, and nobody would notice.
    if let Some(root) = roots.iter().find(|root| !is_sha256(root)) {
        return Err(value.value_flaw(format_args!("{root:?} is not sha256:… of root metadata")));
    }
    keys.end()?;
    Ok(roots)
}

/// Is this a SHA-256 in the one form that reports have?
fn is_sha256(text: &str) -> bool {
    text.parse::<Digest>().is_ok_and(|digest| matches!(digest, Digest::Sha256(_)) && digest.to_string() == text)
}

fn unverified(value: &Valued<'_>) -> Result<Unverified, Flaw> {
    match value.string()? {
        "never" => Ok(Unverified::Never),
        "inspect" => Ok(Unverified::Inspect),
        "open" => Ok(Unverified::Open),
        _ => Err(value.value_flaw("it is none of \"never\", \"inspect\" and \"open\"")),
    }
}

fn signer(value: &Valued<'_>) -> Result<Signer, Flaw> {
    let mut keys = value.table()?;
    let [of_keys, identities, roots] = ["keys", "identities", "roots"].map(|key| marks(&mut keys, key));
    let signer = Signer { keys: of_keys?, identities: identities?, roots: roots? };
    if signer.keys.is_empty() && signer.identities.is_empty() {
        return Err(keys.flaw(What::MissingKey { key: "keys" }));
    }
    // Who may say whose a key is? Anybody can make a certificate for any name.
    if signer.identities.is_empty() != signer.roots.is_empty() {
        let key = if signer.roots.is_empty() { "roots" } else { "identities" };
        return Err(keys.flaw(What::MissingKey { key }));
    }
    keys.end()?;
    Ok(signer)
}

fn rule(
    value: &Valued<'_>,
    registries: &BTreeMap<String, BTreeSet<String>>,
    signers: &BTreeMap<String, Signer>,
    origin: &Path,
) -> Result<Rule, Flaw> {
    let mut keys = value.table()?;
    let base = origin.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut places = Vec::new();
    if let Some(url) = keys.take("url") {
        places.push(Place::url(url.string()?).map_err(|error| url.value_flaw(error))?);
    }
    if let Some(path) = keys.take("path") {
        // Where the policy lies, however it was named.
        let base = std::fs::canonicalize(base).unwrap_or_else(|_| base.to_owned());
        places.push(Place::path(path.string()?, &base).map_err(|error| path.value_flaw(error))?);
    }
    if let Some(memory) = keys.take("memory") {
        if !memory.boolean()? {
            return Err(memory.value_flaw("it is true, or is left out"));
        }
        places.push(Place::memory());
    }
    let place = match <[Place; 1]>::try_from(places) {
        Ok([place]) => place,
        Err(places) if places.is_empty() => return Err(keys.flaw(What::MissingKey { key: "url, path or memory" })),
        Err(_) => return Err(value.value_flaw("it has more than one of url, path and memory")),
    };
    let mut wanted = Vec::new();
    for value in keys.take("evidence").map(|list| list.list()).transpose()?.unwrap_or_default() {
        let one = match value.string()? {
            "pin" => Wanted::Pin,
            "registry" => Wanted::Registry(None),
            other => match other.split_once(':') {
                Some(("registry", name)) if registries.contains_key(name) => Wanted::Registry(Some(name.to_owned())),
                Some(("registry", _)) => return Err(value.value_flaw("there is no registry of this name")),
                Some(("signature", name)) if signers.contains_key(name) => Wanted::Signature(name.to_owned()),
                Some(("signature", _)) => return Err(value.value_flaw("there is no signer of this name")),
                _ => {
                    let known = "it is none of \"pin\", \"registry\", \"registry:NAME\" and \"signature:NAME\"";
                    return Err(value.value_flaw(known));
                }
            },
        };
        // A registry with a name is a registry as well, and would count twice.
        let is_registry = |wanted: &Wanted| matches!(wanted, Wanted::Registry(_));
        let is_any = |wanted: &Wanted| matches!(wanted, Wanted::Registry(None));
        if wanted.iter().any(|other| is_registry(other) && is_registry(&one) && (is_any(other) || is_any(&one))) {
            return Err(value.flaw(What::Repeated { what: Wanted::Registry(None).to_string() }));
        }
        if wanted.contains(&one) {
            return Err(value.flaw(What::Repeated { what: one.to_string() }));
        }
        wanted.push(one);
    }
    let at_least = match keys.take("at_least") {
        None => wanted.len(),
        Some(value) => match usize::try_from(value.number()?) {
            Ok(least) if (1..=wanted.len()).contains(&least) => least,
            _ => return Err(value.value_flaw("it is between 1 and the length of the list of evidence")),
        },
    };
    let mut number = |key| keys.take(key).map(|value| value.number()).transpose();
    let (max_bytes, max_age_days) = (number("max_bytes")?, number("max_age_days")?);
    let mut formats = None;
    if let Some(list) = keys.take("formats") {
        let mut names = BTreeSet::new();
        for value in list.list()? {
            let name = value.string()?;
            if name != FORMAT {
                return Err(value.value_flaw(format_args!("the only format that is opened is \"{FORMAT}\"")));
            }
            names.insert(name.to_owned());
        }
        formats = Some(names);
    }
    let query = keys.take("query").map(|value| value.boolean()).transpose()?.unwrap_or(false);
    let unverified = keys.take("unverified").map(|value| unverified(&value)).transpose()?;
    let line = value.line();
    keys.end()?;
    Ok(Rule { line, place, wanted, at_least, max_bytes, max_age_days, formats, query, unverified })
}

/// A rule as a sentence.
fn rule_sentence(rule: &Rule) -> String {
    let mut sentence = format!("files from {} need {}", rule.place, need_sentence(rule));
    let mut add = |part: String| sentence.push_str(&part);
    if let Some(days) = rule.max_age_days {
        add(format!(", given at most {days} days ago"));
    }
    if let Some(most) = rule.max_bytes {
        add(format!("; they have at most {most} bytes"));
    }
    if let Some(formats) = &rule.formats {
        let formats: Vec<&str> = formats.iter().map(String::as_str).collect();
        add(format!("; their format is {}", formats.join(" or ")));
    }
    if let Some(unverified) = rule.unverified {
        add(format!("; without evidence they are {unverified}"));
    }
    sentence
}

/// The evidence that a rule asks for.
fn need_sentence(rule: &Rule) -> String {
    let wanted: Vec<String> = rule.wanted.iter().map(Wanted::to_string).collect();
    match wanted.as_slice() {
        [] => "any evidence".to_owned(),
        [one] => one.clone(),
        all if all.len() == rule.at_least => format!("all of {}", all.join(", ")),
        some => format!("{} of {}", rule.at_least, some.join(", ")),
    }
}

/// Is this a name that can stand in a sentence?
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A path in a sentence.
fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

/// The one format that is opened.
const FORMAT: &str = "bson.jl";
const SECONDS_A_DAY: u64 = 86_400;
/// Clocks differ: evidence from so little ahead is of now.
const AHEAD: Duration = Duration::from_mins(5);
