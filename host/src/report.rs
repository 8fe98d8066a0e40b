//! The report about a file: everything but the weights, in a stable schema.
//!
//! A report never grows faster than the file's structure: what is shared is given once and referred to, paths have a
//! budget, long strings are cut, and numbers and strings are listed up to a cap. Text of the file is only ever a value,
//! never a key. Nothing is nested deeper than every reader of JSON allows: what would be stands apart and is referred
//! to. The lists are made while they are written, so that a report costs little more memory than the model.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use flux_airlock_wire::{Eltype, FluxVersion, Ids, Node};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use sha2::{Digest as _, Sha256};

use crate::SandboxFigures;
use crate::answer::Opened;
use crate::model::{About, Array, Form, Note, Omitted, TensorView, Value, Variable};
use crate::number::{Real, Scalar, char_bytes};
use crate::path::{MOST_TEXT, VARIABLE};
use crate::show;
use crate::text::{Escaped, is_harmless, shorten};

/// The name and number of the schema.
pub const SCHEMA: &str = "airlock.report/1";

/// Everything about a file but its weights.
///
/// It serializes in the schema [`SCHEMA`]; [`Report::to_json`] writes that so that nothing in it can deceive a terminal.
#[derive(Clone)]
#[non_exhaustive]
pub struct Report {
    /// The file.
    pub file: FileEntry,
    /// What the content is, by content and never by name: `bson.jl`, `bson`, `jld2`, …
    pub format: &'static str,
    /// What vouches for the file. Empty: unverified.
    pub evidence: Vec<EvidenceEntry>,
    /// Why the file is refused; `None` where it is opened.
    pub refusal: Option<RefusalEntry>,
    /// What decoding has cost; `None` where the sandbox was never entered.
    pub sandbox: Option<SandboxFigures>,
    content: Option<Content>,
}

#[derive(Clone)]
struct Content {
    opened: Arc<Opened>,
    /// Of the arrays in the order of their paths.
    digests: Arc<[[u8; 32]]>,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("file", &self.file).field("refusal", &self.refusal).finish_non_exhaustive()
    }
}

/// Is a file opened?
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Opened,
    /// It is not.
    Refused,
}

/// A file.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FileEntry {
    /// Where it was read from; `None` where that was no path.
    pub path: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// Is it longer than that? How long, nobody knows: it came from a reader, and was not read to its end.
    #[serde(skip_serializing_if = "is_false")]
    pub more: bool,
    /// Its SHA-256 in lower-case hexadecimal; `None` where it was not read.
    pub sha256: Option<String>,
}

/// Something that vouches for a file: evidence that held.
///
/// The kind stands first, as `"kind": "pin"`. What is `None` is left out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvidenceEntry {
    /// A digest that was given, or that a lock file gives.
    #[non_exhaustive]
    Pin {
        /// The digest, as `sha256:…`.
        digest: String,
        /// The name under which a lock file gives it.
        #[serde(skip_serializing_if = "Option::is_none")]
        lock: Option<String>,
    },
    /// An entry of a registry.
    #[non_exhaustive]
    Registry {
        /// The SHA-256 that it lists, as `sha256:…`.
        digest: String,
        /// The name of the model there.
        name: String,
        /// Where the registry is.
        registry: String,
        /// The SHA-256 of the root metadata that were trusted beforehand, as `sha256:…`.
        root: String,
        /// The version of its list of models.
        version: u64,
        /// The version of its keys.
        root_version: u64,
        /// When the file was added under the name, in seconds since 1970.
        time: u64,
    },
    /// A signature.
    #[non_exhaustive]
    Signature {
        /// The format: `oms` or `minisign`.
        format: &'static str,
        /// The SHA-256 of the file that it vouches for, as `sha256:…`.
        digest: String,
        /// The key: `sha256:…` of an elliptic curve key, or the sixteen digits of a minisign key.
        key_id: String,
        /// What only that key has: as `key_id`, or the whole of a minisign key, whose number proves nothing.
        key: String,
        /// The certificate roots that were believed, by the SHA-256 of each, where it is a certificate that says whose key it is.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        roots: Vec<String>,
        /// Whose key that is, as a certificate says it.
        #[serde(skip_serializing_if = "Option::is_none")]
        signer: Option<String>,
        /// The file's name in the folder that was signed.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What the key has signed beside the file.
        #[serde(skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// When the signer says it was made, in seconds since 1970. It is signed, and nobody else has seen it.
        #[serde(skip_serializing_if = "Option::is_none")]
        time: Option<u64>,
    },
}

impl EvidenceEntry {
    /// What sort of thing it is: `pin`, `registry` or `signature`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Pin { .. } => "pin",
            Self::Registry { .. } => "registry",
            Self::Signature { .. } => "signature",
        }
    }

    /// It as a policy sees it.
    #[cfg(feature = "policy")]
    pub(crate) fn vouched(&self) -> flux_airlock_trust::Vouched<'_> {
        use flux_airlock_trust::{Kind, Vouched};
        use std::time::{Duration, SystemTime};
        let at = |time: u64| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time));
        match self {
            Self::Pin { .. } => Vouched { kind: Kind::Pin, time: None },
            Self::Registry { root, time, .. } => Vouched { kind: Kind::Registry { root }, time: at(*time) },
            Self::Signature { key, signer, roots, time, .. } => {
                let kind = Kind::Signature { key, identity: signer.as_deref(), roots };
                Vouched { kind, time: time.and_then(at) }
            }
        }
    }

    /// The digest of the file for which it holds, as `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> &str {
        match self {
            Self::Pin { digest, .. } | Self::Registry { digest, .. } | Self::Signature { digest, .. } => digest,
        }
    }
}

/// Why a file is refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RefusalEntry {
    /// The stable name of the reason.
    pub code: String,
    /// The reason as a sentence.
    pub message: String,
    /// Where, counted in bytes from the start of the file; `None` where there is no one place.
    pub offset: Option<u64>,
    /// The way to the flawed element.
    pub path: Option<String>,
    /// The limit that was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
}

/// A saved variable.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VariableEntry<'a> {
    /// Its name, as it is in the file; `None` where the file is one value.
    pub name: Option<&'a str>,
    /// It in one line, as Julia prints it.
    pub summary: String,
}

/// An array.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TensorEntry<'a> {
    /// Its first path.
    pub path: &'a str,
    /// Why it is no part of the model; `None` where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// Julia's name of what its elements are.
    pub eltype: String,
    /// Julia's `size`.
    pub size: Vec<u32>,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// Their SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Further paths.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub also_at: &'a [String],
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub also_at_more: u64,
}

/// A number or a string.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScalarEntry<'a> {
    /// Its path.
    pub path: String,
    /// Julia's name of its type.
    pub eltype: &'static str,
    /// What it is.
    pub value: ScalarValue<'a>,
    /// How many bytes the string has, where only its beginning is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<u64>,
    /// Is the string no UTF-8, and given with escapes?
    #[serde(skip_serializing_if = "is_false")]
    pub escaped: bool,
}

/// A number or a string, as JSON can hold it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ScalarValue<'a> {
    /// A boolean.
    Bool(bool),
    /// A `Float64`, or the shortest decimal of a narrower one than `Float32`.
    Float(f64),
    /// A `Float32`, written with its own shortest digits.
    Float32(f32),
    /// An integer that every reader of JSON holds exactly.
    Int(i64),
    /// Nothing.
    Null,
    /// A string, or what JSON has no number for: a large integer, `NaN`, `Inf`, a complex number.
    Text(String),
    /// A string of the file.
    Str(&'a str),
}

/// What the shapes in a file prove of what wrote it. Nothing is guessed.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WrittenByEntry {
    /// The versions of Flux that have all its layouts: `0.12.0–0.14.25`, `0.16.0` alone, or `0.15.0–` up to
    /// the newest.
    pub flux: Option<String>,
    /// The version of Julia.
    pub julia: Option<String>,
    /// The versions of BSON.jl that write what is in the file as it is there, in the same form.
    pub bson_jl: Option<String>,
}

impl WrittenByEntry {
    pub(crate) fn new(opened: &Opened) -> Self {
        let written_by = opened.checked.written_by;
        let version = |(minor, patch): FluxVersion| format!("0.{minor}.{patch}");
        let range = |(first, last): (FluxVersion, Option<FluxVersion>)| match last {
            Some(last) if last == first => version(first),
            Some(last) => format!("{}–{}", version(first), version(last)),
            None => format!("{}–", version(first)),
        };
        let (flux, bson_jl) = (written_by.flux.map(range), written_by.bson_jl.map(range));
        let julia = written_by.julia.map(|text| shorten(opened.source().text(text), MOST_VERSION));
        Self { flux, julia, bson_jl }
    }
}

/// A value that is not rebuilt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OpaqueEntry {
    /// Its path.
    pub path: String,
    /// The stable name of the reason.
    pub why: &'static str,
    /// The path of its type.
    pub r#type: Option<String>,
    /// The reason as a sentence.
    pub message: String,
    /// What the numbers of a device's array were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eltype: Option<&'static str>,
    /// The size of a device's array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Vec<u64>>,
}

/// A remark.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NoteEntry {
    /// The path of the value.
    pub path: String,
    /// The stable name of the remark.
    pub code: &'static str,
    /// It as a sentence.
    pub message: Cow<'static, str>,
}

impl Report {
    pub(crate) fn opened(opened: Arc<Opened>, about: About) -> Self {
        let digests = digests(&opened).into();
        let About { file, evidence, sandbox } = about;
        let content = Some(Content { opened, digests });
        Self { file, format: "bson.jl", evidence, refusal: None, sandbox: Some(sandbox), content }
    }

    /// The report about a file that is refused.
    #[must_use]
    pub fn refused(
        file: FileEntry,
        format: &'static str,
        evidence: Vec<EvidenceEntry>,
        refusal: RefusalEntry,
        sandbox: Option<SandboxFigures>,
    ) -> Self {
        Self { file, format, evidence, refusal: Some(refusal), sandbox, content: None }
    }

    /// Is the file opened?
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        if self.refusal.is_none() { Verdict::Opened } else { Verdict::Refused }
    }

    /// What the shapes in the file prove of what wrote it.
    #[must_use]
    pub fn written_by(&self) -> WrittenByEntry {
        self.parts().next().map(|(opened, _)| WrittenByEntry::new(opened)).unwrap_or_default()
    }

    /// The saved variables.
    pub fn variables(&self) -> impl Iterator<Item = VariableEntry<'_>> {
        self.parts().flat_map(|(opened, _)| {
            let count = opened.checked.variables.len();
            // All summaries together stay small, however many variables are the same value.
            let most = MOST_SUMMARIES.checked_div(count).unwrap_or(0).clamp(LEAST_SUMMARY, show::MOST_SUMMARY);
            variables(opened).map(move |variable| VariableEntry {
                name: variable.name,
                summary: show::summary_within(variable.value, most),
            })
        })
    }

    /// The arrays of the model.
    pub fn tensors(&self) -> impl Iterator<Item = TensorEntry<'_>> {
        self.arrays().filter(|entry| entry.why.is_none())
    }

    /// The arrays of the file that are no part of the model.
    pub fn omitted(&self) -> impl Iterator<Item = TensorEntry<'_>> {
        self.arrays().filter(|entry| entry.why.is_some())
    }

    /// Numbers and strings beside the arrays.
    pub fn scalars(&self) -> impl Iterator<Item = ScalarEntry<'_>> {
        self.parts().flat_map(|(opened, _)| {
            let scalars = opened.checked.paths.scalars.iter();
            scalars.filter_map(|id| ScalarEntry::new(Value { opened, id: *id }))
        })
    }

    /// How many numbers and strings there are beyond those.
    #[must_use]
    pub fn scalars_more(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.opened.checked.paths.more_scalars)
    }

    /// The specification of the layers.
    #[must_use]
    pub fn layers(&self) -> Layers {
        Layers(self.content.as_ref().map(|content| Arc::clone(&content.opened)))
    }

    /// Values that are not rebuilt.
    pub fn opaque(&self) -> impl Iterator<Item = OpaqueEntry> {
        self.parts().flat_map(|(opened, _)| {
            let opaque = opened.checked.paths.opaque.iter();
            opaque.filter_map(|id| OpaqueEntry::new(Value { opened, id: *id }))
        })
    }

    /// What Flux of today reads otherwise than the Flux that saved the model.
    pub fn notes(&self) -> impl Iterator<Item = NoteEntry> {
        self.parts().flat_map(|(opened, _)| {
            Note::all(opened).map(|Note { value, code, message }| NoteEntry { path: value.path(), code, message })
        })
    }

    /// The report as JSON in one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_string_with(CompactFormatter)
    }

    /// The report as indented JSON.
    #[must_use]
    pub fn to_json_pretty(&self) -> String {
        self.to_string_with(PrettyFormatter::new())
    }

    /// Writes the report as JSON: indented, or in one line. Every character that could deceive a terminal is written as
    /// JSON's own escape, which changes no value.
    ///
    /// # Errors
    ///
    /// What `out` gives.
    pub fn write_json(&self, out: impl Write, indented: bool) -> io::Result<()> {
        write_json(self, out, indented)
    }

    fn to_string_with(&self, formatter: impl Formatter) -> String {
        let mut out = Vec::new();
        // Cannot fail: a vector takes all, and nothing in a report is no JSON.
        let _ = write_with(self, &mut out, formatter);
        String::from_utf8(out).unwrap_or_default()
    }

    fn parts(&self) -> impl Iterator<Item = (&Opened, &[[u8; 32]])> {
        self.content.iter().map(|content| (&*content.opened, &*content.digests))
    }

    fn arrays(&self) -> impl Iterator<Item = TensorEntry<'_>> {
        self.parts().flat_map(|(opened, digests)| {
            let ids = opened.checked.paths.tensors.iter().zip(digests);
            ids.filter_map(|(id, digest)| TensorEntry::new(Array::new(opened, *id)?, digest))
        })
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let more = self.scalars_more();
        let mut report = serializer.serialize_struct("Report", if more == 0 { 16 } else { 17 })?;
        report.serialize_field("schema", SCHEMA)?;
        report.serialize_field("file", &self.file)?;
        report.serialize_field("format", self.format)?;
        report.serialize_field("evidence", &self.evidence)?;
        report.serialize_field("verdict", &self.verdict())?;
        report.serialize_field("refusal", &self.refusal)?;
        report.serialize_field("written_by", &self.written_by())?;
        report.serialize_field("variables", &Listing(|| self.variables()))?;
        report.serialize_field("tensors", &Listing(|| self.tensors()))?;
        report.serialize_field("omitted", &Listing(|| self.omitted()))?;
        report.serialize_field("scalars", &Listing(|| self.scalars()))?;
        if more > 0 {
            report.serialize_field("scalars_more", &more)?;
        }
        report.serialize_field("layers", &self.layers())?;
        report.serialize_field("opaque", &Listing(|| self.opaque()))?;
        report.serialize_field("notes", &Listing(|| self.notes()))?;
        report.serialize_field("dangers", &None::<()>)?;
        report.serialize_field("sandbox", &self.sandbox)?;
        report.end()
    }
}

/// A list that is made while it is written.
struct Listing<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Listing<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

fn variables(opened: &Opened) -> impl Iterator<Item = Variable<'_>> {
    opened.checked.variables.iter().map(|variable| Variable {
        name: variable.name.map(|text| opened.source().name(text)),
        value: Value { opened, id: variable.node },
    })
}

impl<'a> TensorEntry<'a> {
    fn new(array: Array<'a>, digest: &[u8; 32]) -> Option<Self> {
        let common = |path, why, eltype, also_at, also_at_more| Self {
            path,
            why,
            eltype,
            size: array.size.iter().collect(),
            offset: array.span.offset.into(),
            bytes: array.span.len.into(),
            sha256: hex(digest),
            also_at,
            also_at_more,
        };
        if let Some(tensor) = TensorView::new(array) {
            let eltype = tensor.eltype().name().to_owned();
            return Some(common(tensor.path(), None, eltype, tensor.also_at(), tensor.also_at_more()));
        }
        let omitted = Omitted::new(array)?;
        let (also_at, more) = (omitted.also_at(), omitted.also_at_more());
        Some(common(omitted.path(), Some(omitted.why()), omitted.eltype(), also_at, more))
    }
}

impl<'a> ScalarEntry<'a> {
    fn new(value: Value<'a>) -> Option<Self> {
        let path = value.path();
        match value.form() {
            Form::Scalar(scalar) => {
                let eltype = scalar.eltype().name();
                Some(Self { path, eltype, value: ScalarValue::new(scalar), cut: None, escaped: false })
            }
            Form::Text(bytes) => {
                let text = Beginning::of(bytes);
                Some(Self { path, eltype: "String", value: text.value, cut: text.cut, escaped: text.escaped })
            }
            _ => None,
        }
    }
}

/// The beginning of a string, and what has to be said of it.
struct Beginning<'a> {
    value: ScalarValue<'a>,
    cut: Option<u64>,
    escaped: bool,
}

impl<'a> Beginning<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let cut = bytes.split_at_checked(MOST_TEXT).filter(|(_, rest)| !rest.is_empty()).map(|(head, _)| head);
        let len = cut.and_then(|_| u64::try_from(bytes.len()).ok());
        let head = cut.unwrap_or(bytes);
        let text = match str::from_utf8(head) {
            Ok(text) => Some(text),
            // A character that the cut goes through is left out; anything else is no UTF-8.
            Err(error) if error.error_len().is_none() && cut.is_some() => {
                head.get(..error.valid_up_to()).and_then(|head| str::from_utf8(head).ok())
            }
            Err(_) => None,
        };
        match text {
            Some(text) => Self { value: ScalarValue::Str(text), cut: len, escaped: false },
            None => Self { value: ScalarValue::Text(Escaped(head).to_string()), cut: len, escaped: true },
        }
    }
}

impl ScalarValue<'_> {
    fn new(scalar: Scalar<'_>) -> Self {
        let text = || Self::Text(scalar.to_string());
        match scalar.real() {
            Some(Real::Bool(byte @ 0..=1)) => Self::Bool(byte == 1),
            Some(Real::Char(bits)) => Self::Text(char_bytes(bits, |bytes| match str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => Escaped(bytes).to_string(),
            })),
            Some(Real::Double(number) | Real::Half(number)) if number.is_finite() => Self::Float(number),
            Some(Real::Single(number)) if number.is_finite() => Self::Float32(number),
            Some(Real::Nothing) => Self::Null,
            Some(Real::Signed(number)) => exact(number).map_or_else(text, Self::Int),
            Some(Real::Unsigned(number)) => i128::try_from(number).ok().and_then(exact).map_or_else(text, Self::Int),
            _ => text(),
        }
    }
}

/// The integer, if a double holds it exactly, as all numbers of JSON are read by many.
fn exact(number: i128) -> Option<i64> {
    let number = i64::try_from(number).ok()?;
    (number.unsigned_abs() <= 1 << 53).then_some(number)
}

impl OpaqueEntry {
    fn new(value: Value<'_>) -> Option<Self> {
        let Form::Opaque(opaque) = value.form() else { return None };
        Some(Self {
            path: value.path(),
            why: opaque.why.code(),
            r#type: opaque.type_path(),
            message: opaque.message(),
            eltype: opaque.eltype().map(Eltype::name),
            size: opaque.size(),
        })
    }
}

/// The specification of the layers: for each variable a tree of nodes.
///
/// It serializes as a list of `{"name": VARIABLE, "node": NODE}`. A node that is used more than once is given once with
/// an `id`, then as `{"ref": id}`. A node nested very deeply is a `ref` in its place, and stands at the end of the list
/// without a name.
#[derive(Clone)]
pub struct Layers(Option<Arc<Opened>>);

impl Layers {
    pub(crate) fn new(opened: Arc<Opened>) -> Self {
        Self(Some(opened))
    }

    /// They as JSON in one line, as [`Report::to_json`] writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        // Cannot fail, for the same reasons.
        let _ = write_with(self, &mut out, CompactFormatter);
        String::from_utf8(out).unwrap_or_default()
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layers").finish_non_exhaustive()
    }
}

impl Serialize for Layers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let opened = self.0.as_deref();
        serializer.collect_seq(opened.into_iter().flat_map(|opened| {
            let paths = &opened.checked.paths;
            let variables = (0..).zip(variables(opened)).map(|(at, variable)| {
                let Value { id, .. } = variable.value;
                LayersEntry { name: variable.name, node: Spec { opened, id, first: paths.is_first(id, VARIABLE, at) } }
            });
            let apart = paths.apart.iter().map(|id| LayersEntry { name: None, node: Spec::apart(opened, *id) });
            variables.chain(apart)
        }))
    }
}

#[derive(Serialize)]
struct LayersEntry<'a> {
    name: Option<&'a str>,
    node: Spec<'a>,
}

/// A node of the tree.
#[derive(Clone, Copy)]
struct Spec<'a> {
    opened: &'a Opened,
    id: u32,
    /// Is this the place to give it?
    first: bool,
}

impl<'a> Spec<'a> {
    fn apart(opened: &'a Opened, id: u32) -> Self {
        Self { opened, id, first: true }
    }

    fn child(self, edge: u32, id: u32) -> Self {
        let paths = &self.opened.checked.paths;
        Self { opened: self.opened, id, first: paths.is_first(id, self.id, edge) && !paths.is_apart(id) }
    }

    fn children(self, ids: Ids<'a>) -> impl Iterator<Item = Self> + Clone {
        (0..).zip(ids.iter()).map(move |(edge, id)| self.child(edge, id))
    }
}

impl Serialize for Spec<'_> {
    /// Recurses at most as deep as nodes are nested before they stand apart.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = Value { opened: self.opened, id: self.id };
        let node = value.node();
        let mut map = serializer.serialize_map(None)?;
        let name = self.opened.checked.paths.name(self.id);
        if let (Some(name), false) = (name, self.first) {
            map.serialize_entry("ref", &name)?;
            return map.end();
        }
        let items = Listing(|| self.children(node.children()));
        let pairs = Listing(|| {
            let texts = node.texts();
            texts.iter().map(|text| self.opened.source().name(text)).zip(self.children(node.children()))
        });
        let sort = match node {
            Node::Array { .. } => Some("array"),
            Node::List(_) => Some("list"),
            Node::NamedTuple { .. } => Some("named-tuple"),
            Node::Record { .. } => Some("record"),
            Node::Tuple(_) => Some("tuple"),
            _ => None,
        };
        if let Some(sort) = sort {
            map.serialize_entry("type", sort)?;
        }
        if let Form::Opaque(opaque) = value.form() {
            map.serialize_entry("opaque", opaque.why.code())?;
        }
        if let Node::Struct { kind, .. } = node {
            map.serialize_entry("kind", kind.name())?;
        }
        if let Some(name) = name {
            map.serialize_entry("id", &name)?;
        }
        match (node, value.form()) {
            (Node::Array { size, .. }, _) => {
                map.serialize_entry("size", &Listing(|| size.iter()))?;
                map.serialize_entry("items", &items)?;
            }
            (Node::List(_) | Node::Tuple(_), _) => map.serialize_entry("items", &items)?,
            (Node::NamedTuple { .. } | Node::Record { .. }, _) => map.serialize_entry("items", &pairs)?,
            (Node::Struct { kind, .. }, _) => {
                map.serialize_entry("fields", &FieldsOf { spec: *self, names: kind.fields(), node })?;
            }
            (_, Form::Opaque(opaque)) => {
                map.serialize_entry("type", &opaque.type_path())?;
                map.serialize_entry("message", &opaque.message())?;
                match self.opened.source().field_names(self.id) {
                    Some(names) => map.serialize_entry("fields", &FieldsOf { spec: *self, names, node })?,
                    None => map.serialize_entry("children", &items)?,
                }
            }
            (_, form) => leaf(&mut map, &form)?,
        }
        map.end()
    }
}

/// What a node without children says.
fn leaf<M: SerializeMap>(map: &mut M, form: &Form<'_>) -> Result<(), M::Error> {
    let mut scalar = |value: ScalarValue<'_>, eltype: &str| {
        map.serialize_entry("scalar", &value)?;
        map.serialize_entry("eltype", eltype)
    };
    match *form {
        Form::Bool(value) => scalar(ScalarValue::Bool(value), "Bool"),
        Form::Float(value) if value.is_finite() => scalar(ScalarValue::Float(value), "Float64"),
        Form::Float(value) => scalar(ScalarValue::Text(Real::Double(value).to_string()), "Float64"),
        Form::Int(value) => match exact(value.into()) {
            Some(value) => scalar(ScalarValue::Int(value), "Int64"),
            None => scalar(ScalarValue::Text(value.to_string()), "Int64"),
        },
        Form::Scalar(number) => scalar(ScalarValue::new(number), number.eltype().name()),
        Form::Function(function) => {
            map.serialize_entry("function", function.name())?;
            map.serialize_entry("module", function.module())
        }
        Form::Symbol(name) => map.serialize_entry("symbol", name),
        Form::Tensor(array) => map.serialize_entry("tensor", array.path()),
        Form::Text(bytes) => {
            let text = Beginning::of(bytes);
            map.serialize_entry("text", &text.value)?;
            if let Some(cut) = text.cut {
                map.serialize_entry("cut", &cut)?;
            }
            if text.escaped {
                map.serialize_entry("escaped", &true)?;
            }
            Ok(())
        }
        _ => scalar(ScalarValue::Null, "Nothing"),
    }
}

/// The fields of a struct, by the names of the closed table, or by those that the caller gave.
struct FieldsOf<'a, N> {
    spec: Spec<'a>,
    names: &'a [N],
    node: Node<'a>,
}

impl<N: Serialize> Serialize for FieldsOf<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.spec.children(self.node.children())))
    }
}

/// The SHA-256 of each array's bytes, in the order of their paths, on all cores where that is worth it.
fn digests(opened: &Opened) -> Vec<[u8; 32]> {
    let arrays: Vec<&[u8]> =
        opened.checked.paths.tensors.iter().map(|id| Array::new(opened, *id).map_or(&[][..], Array::bytes)).collect();
    let digest = |bytes: &[u8]| -> [u8; 32] { Sha256::digest(bytes).into() };
    let mut digests: Vec<Option<[u8; 32]>> = vec![None; arrays.len()];
    // Arrays do not overlap: together they are no longer than the file.
    let bytes = arrays.iter().fold(0_usize, |sum, bytes| sum.saturating_add(bytes.len()));
    let threads = thread::available_parallelism().map_or(1, usize::from).min(arrays.len()).min(MOST_THREADS);
    if bytes > WORTH_THREADS && threads > 1 {
        let mut longest_first: Vec<usize> = (0..arrays.len()).collect();
        longest_first.sort_by_key(|at| arrays.get(*at).map_or(0, |bytes| usize::MAX.saturating_sub(bytes.len())));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(at) = longest_first.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.extend(arrays.get(*at).map(|bytes| (*at, digest(bytes))));
            }
            done
        };
        thread::scope(|scope| {
            let others = threads.saturating_sub(1);
            let others: Vec<_> =
                (0..others).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
            let mut done = work();
            // What a thread failed to do is done below.
            done.extend(others.into_iter().filter_map(|thread| thread.join().ok()).flatten());
            for (at, digest) in done {
                if let Some(place) = digests.get_mut(at) {
                    *place = Some(digest);
                }
            }
        });
    }
    digests.into_iter().zip(arrays).map(|(done, bytes)| done.unwrap_or_else(|| digest(bytes))).collect()
}

/// Bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing into a `String` cannot fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
    }
    text
}

/// Writes a value as JSON, indented or in one line, as [`Report::write_json`] writes a report: no character in it can
/// deceive a terminal.
///
/// # Errors
///
/// What `out` gives, and what the value gives.
pub fn write_json(value: &impl Serialize, out: impl Write, indented: bool) -> io::Result<()> {
    if indented { write_with(value, out, PrettyFormatter::new()) } else { write_with(value, out, CompactFormatter) }
}

fn write_with(value: &impl Serialize, out: impl Write, formatter: impl Formatter) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Harmless(formatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Writes as another formatter does, but what is not harmless as an escape.
struct Harmless<F>(F);

macro_rules! as_the_other {
    ($($method:ident($($argument:ident: $type:ty),*)),+ $(,)?) => {
        $(fn $method<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.0.$method(writer $(, $argument)*)
        })+
    };
}

impl<F: Formatter> Formatter for Harmless<F> {
    as_the_other! {
        begin_array(), end_array(), begin_array_value(first: bool), end_array_value(),
        begin_object(), end_object(), begin_object_key(first: bool), end_object_key(), begin_object_value(),
        end_object_value(),
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let is_plain = |c: char| matches!(c, ' '..='~') || (c > '\x7f' && is_harmless(c));
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| !is_plain(*c)) {
            let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            writer.write_all(plain.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Characters of all summaries together, about; and of one summary at least.
const MOST_SUMMARIES: usize = 4 << 20;
const LEAST_SUMMARY: usize = 16;
/// Characters of a version.
const MOST_VERSION: usize = 32;
/// From so many bytes on, threads are started to hash them, and no more than so many.
const WORTH_THREADS: usize = 8 << 20;
const MOST_THREADS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use flux_airlock_wire::{AsideName, Function, NoteCode, Why};
    use serde_json::{Value as Json, json};

    fn report(f: Fixture) -> Json {
        serde_json::from_str(&f.open().report().to_json()).unwrap()
    }

    #[test]
    fn a_report_has_every_key_of_the_schema_in_its_order() {
        let mut f = Fixture::new();
        let dense = f.dense(1, 2, Function::Relu);
        f.variable("m", dense);
        let text = f.open().report().to_json();
        let keys = [
            "schema",
            "file",
            "format",
            "evidence",
            "verdict",
            "refusal",
            "written_by",
            "variables",
            "tensors",
            "omitted",
            "scalars",
            "layers",
            "opaque",
            "notes",
            "dangers",
            "sandbox",
        ];
        let places: Vec<usize> = keys.iter().map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
        assert!(places.is_sorted());
        let json: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(json.as_object().unwrap().len(), keys.len());
        assert_eq!(json["schema"], "airlock.report/1");
        assert_eq!((&json["verdict"], &json["format"]), (&json!("opened"), &json!("bson.jl")));
        assert_eq!((&json["refusal"], &json["dangers"]), (&Json::Null, &Json::Null));
        assert_eq!(json["written_by"], json!({"flux": null, "julia": null, "bson_jl": null}));
        assert_eq!(json["variables"], json!([{"name": "m", "summary": "Dense(1 => 2, relu)"}]));
        let digest = hex(&Sha256::digest(1.0_f32.to_le_bytes().repeat(2)));
        assert_eq!(
            json["tensors"][0],
            json!({"path": "m.weight", "eltype": "Float32", "size": [2, 1], "offset": 1, "bytes": 8, "sha256": digest})
        );
        assert_eq!(
            json["layers"],
            json!([{"name": "m", "node": {"kind": "Dense", "fields": {
                "weight": {"tensor": "m.weight"}, "bias": {"tensor": "m.bias"},
                "σ": {"function": "relu", "module": "NNlib"},
            }}}])
        );
    }

    #[test]
    fn a_refusal_has_no_content() {
        let refusal = RefusalEntry {
            code: "depth-limit".to_owned(),
            message: "more levels".to_owned(),
            offset: Some(9),
            path: None,
            limit: Some("depth".to_owned()),
            value: Some(256),
        };
        let report = Report::refused(FileEntry::default(), "bson", Vec::new(), refusal, None);
        let json: Json = serde_json::from_str(&report.to_json_pretty()).unwrap();
        assert_eq!(json["verdict"], "refused");
        assert_eq!(
            json["refusal"],
            json!({"code": "depth-limit", "message": "more levels", "offset": 9, "path": null, "limit": "depth", "value": 256})
        );
        for key in ["evidence", "variables", "tensors", "omitted", "scalars", "layers", "opaque", "notes"] {
            assert_eq!(json[key], json!([]), "{key}");
        }
        assert_eq!((&json["file"]["sha256"], &json["sandbox"]), (&Json::Null, &Json::Null));
    }

    #[test]
    fn numbers_are_json_numbers_only_where_those_are_exact() {
        let mut f = Fixture::new();
        let big = 1_i64 << 53;
        let mut all = vec![f.int(big), f.int(big + 1), f.int(-big), f.int(-big - 1)];
        all.extend([0.1, f64::NAN, f64::INFINITY, -f64::INFINITY, 1e300].map(|value| f.double(value)));
        all.push(f.number(Eltype::Float32, &0.1_f32.to_le_bytes()));
        all.push(f.number(Eltype::Float16, &0x2e66_u16.to_le_bytes()));
        all.push(f.number(Eltype::UInt128, &[0xff; 16]));
        all.push(f.number(Eltype::ComplexFloat64, &[1.0_f64.to_le_bytes(), (-2.0_f64).to_le_bytes()].concat()));
        all.push(f.number(Eltype::Char, &[0, 0, 0, b'"']));
        all.push(f.number(Eltype::Bool, &[1]));
        let list = f.list(&all);
        f.variable("m", list);
        let report = f.open().report();
        let texts: Vec<String> = report.scalars().map(|scalar| serde_json::to_string(&scalar.value).unwrap()).collect();
        let expected = [
            "9007199254740992",
            "\"9007199254740993\"",
            "-9007199254740992",
            "\"-9007199254740993\"",
            "0.1",
            "\"NaN\"",
            "\"Inf\"",
            "\"-Inf\"",
            "1e+300",
            "0.1",
            "0.1",
            "\"340282366920938463463374607431768211455\"",
            "\"1.0 - 2.0im\"",
            r#""\"""#,
            "true",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn long_strings_are_cut_and_others_are_marked() {
        let mut f = Fixture::new();
        let (whole, long) = ("x".repeat(MOST_TEXT), format!("x{}", "é".repeat(MOST_TEXT)));
        let all = [f.string(&whole), f.string(&long), f.string([b'a', 0xff]), f.string("")];
        let list = f.list(&all);
        f.variable("m", list);
        let json = report(f);
        let scalars = &json["scalars"];
        assert_eq!(scalars[0], json!({"path": "m[1]", "eltype": "String", "value": whole}));
        assert_eq!(scalars[1]["value"].as_str().unwrap().len(), MOST_TEXT - 1);
        assert_eq!(scalars[1]["cut"], 2 * MOST_TEXT + 1);
        assert_eq!(scalars[2], json!({"path": "m[3]", "eltype": "String", "value": "a\\xff", "escaped": true}));
        assert_eq!(json["layers"][0]["node"]["items"][2], json!({"text": "a\\xff", "escaped": true}));
        assert_eq!(json["layers"][0]["node"]["items"][3], json!({"text": ""}));
    }

    #[test]
    fn scalars_are_listed_up_to_a_cap() {
        let mut f = Fixture::new();
        let all: Vec<u32> = (0..10_003).map(|_| f.number(Eltype::UInt8, &[7])).collect();
        let list = f.list(&all);
        f.variable("m", list);
        let json = report(f);
        assert_eq!(json["scalars"].as_array().unwrap().len(), 10_000);
        assert_eq!(json["scalars_more"], 3);
    }

    #[test]
    fn a_node_that_is_used_again_is_referred_to() {
        let mut f = Fixture::new();
        let dense = f.dense(1, 1, Function::Identity);
        let pair = f.tuple(&[dense, dense]);
        let empty = f.list(&[]);
        let list = f.list(&[pair, empty, empty, pair]);
        f.variable("a", list);
        f.variable("b", dense);
        let json = report(f);
        let items = &json["layers"][0]["node"]["items"];
        assert_eq!(items[0]["id"], 2);
        assert_eq!(items[0]["items"][0]["id"], 1);
        assert_eq!(items[0]["items"][1], json!({"ref": 1}));
        assert_eq!(items[1], json!({"type": "list", "items": []}));
        assert_eq!(items[3], json!({"ref": 2}));
        assert_eq!(json["layers"][1], json!({"name": "b", "node": {"ref": 1}}));
        assert_eq!(
            json["tensors"][0]["also_at"],
            json!(["b.weight", "a[4][1].weight", "a[1][2].weight", "a[4][2].weight"])
        );
    }

    #[test]
    fn what_is_nested_deeply_stands_apart() {
        let mut f = Fixture::new();
        let mut node = f.int(7);
        for _ in 0..200 {
            node = f.list(&[node]);
        }
        f.variable("m", node);
        let json = report(f);
        let layers = json["layers"].as_array().unwrap();
        assert!(layers.len() > 2);
        // Followed through the references, all of it is there.
        let apart = |id: &Json| layers.iter().map(|entry| &entry["node"]).find(|node| node["id"] == *id).unwrap();
        let mut at = &layers[0]["node"];
        let mut levels = 0;
        while at.get("scalar").is_none() {
            if let Some(id) = at.get("ref") {
                at = apart(id);
            } else {
                at = &at["items"][0];
                levels += 1;
            }
        }
        assert_eq!((levels, &at["scalar"]), (200, &json!(7)));
    }

    #[test]
    fn every_sort_of_node_has_its_form() {
        let mut f = Fixture::new();
        let (int, symbol, null) = (f.int(1), f.symbol("s"), f.node(&Node::Null));
        let truth = f.node(&Node::Bool(true));
        let supplied = f.node(&Node::Int(3));
        let float = f.node(&Node::Float(f64::INFINITY));
        let record = f.record(&[("a b", int)]);
        let named = f.named_tuple(&[("a", symbol)]);
        let (size, items) = (crate::fixture::ids(&[1, 2]), crate::fixture::ids(&[int, null]));
        let array = f.node(&Node::Array { size: Ids::new(&size).unwrap(), items: Ids::new(&items).unwrap() });
        let closure = f.opaque(Why::Closure, &["Main", "#1#2"], &[int]);
        let all = f.tuple(&[symbol, null, truth, supplied, float, record, named, array, closure]);
        f.root(all);
        f.note(closure, NoteCode::ActiveDropped);
        let json = report(f);
        assert_eq!(json["layers"][0]["name"], Json::Null);
        let message = "an anonymous function or closure: its code is not looked at, and what it captured is below";
        assert_eq!(
            json["layers"][0]["node"],
            json!({"type": "tuple", "items": [
                {"symbol": "s"},
                {"scalar": null, "eltype": "Nothing"},
                {"scalar": true, "eltype": "Bool"},
                {"scalar": 3, "eltype": "Int64"},
                {"scalar": "Inf", "eltype": "Float64"},
                {"type": "record", "items": [["a b", {"scalar": 1, "eltype": "Int64"}]]},
                {"type": "named-tuple", "items": [["a", {"symbol": "s"}]]},
                {"type": "array", "size": [1, 2], "items": [
                    {"scalar": 1, "eltype": "Int64"}, {"scalar": null, "eltype": "Nothing"},
                ]},
                {"opaque": "closure", "type": "Main.var\"#1#2\"", "message": message, "children": [
                    {"scalar": 1, "eltype": "Int64"},
                ]},
            ]})
        );
        assert_eq!(
            json["opaque"],
            json!([{"path": "root[9]", "why": "closure", "type": "Main.var\"#1#2\"", "message": message}])
        );
        assert_eq!(
            (&json["notes"][0]["path"], &json["notes"][0]["code"]),
            (&json!("root[9]"), &json!("active-dropped"))
        );
    }

    #[test]
    fn omitted_arrays_have_their_reason() {
        let mut f = Fixture::new();
        let (model, state) = (f.list(&[]), f.ones(&[2]));
        f.variable("m", model);
        f.aside(model, AsideName::State, state);
        let json = report(f);
        assert_eq!(json["tensors"], json!([]));
        assert_eq!(json["omitted"][0]["path"], "m.state");
        assert_eq!(json["omitted"][0]["why"], "recurrent-state");
    }

    #[test]
    fn versions_are_a_range_of_what_is_known() {
        let mut f = Fixture::new();
        let julia = f.text("1.6.1");
        f.answer.written_by.flux = Some(((12, 0), Some((14, 25))));
        f.answer.written_by.julia = Some(julia);
        assert_eq!(report(f)["written_by"], json!({"flux": "0.12.0–0.14.25", "julia": "1.6.1", "bson_jl": null}));
        let mut f = Fixture::new();
        f.answer.written_by.flux = Some(((15, 0), None));
        assert_eq!(report(f)["written_by"]["flux"], "0.15.0–");
        let mut f = Fixture::new();
        f.answer.written_by.flux = Some(((16, 0), Some((16, 0))));
        assert_eq!(report(f)["written_by"]["flux"], "0.16.0");
    }

    #[test]
    fn json_cannot_deceive_a_terminal() {
        let mut f = Fixture::new();
        let text = "a\u{202e}b\u{7f}c\u{9b}d\n\u{2028}😀\u{e0001}é";
        let (string, symbol) = (f.string(text), f.symbol(text));
        let record = f.record(&[(text, string), ("s", symbol)]);
        f.variable(text, record);
        let report = f.open().report();
        for (json, line) in [(report.to_json(), true), (report.to_json_pretty(), false)] {
            assert!(json.chars().all(|c| (c == '\n' && !line) || c.is_ascii_graphic() || c == ' ' || is_harmless(c)));
            // And nothing is lost by it.
            let value: Json = serde_json::from_str(&json).unwrap();
            assert_eq!(value["variables"][0]["name"], text);
            assert_eq!(value["layers"][0]["node"]["items"][0][0], text);
            assert_eq!(value, serde_json::to_value(&report).unwrap());
        }
        let mut written = Vec::new();
        report.write_json(&mut written, false).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), report.to_json());
    }

    #[test]
    fn many_variables_have_short_summaries() {
        let mut f = Fixture::new();
        let int = f.int(1234);
        let list = f.list(&[int; 100]);
        for name in 0..20_000 {
            f.variable(&format!("v{name}"), list);
        }
        let grant = crate::answer::Grant { path_bytes: 64 << 20, ..crate::fixture::GRANT };
        let (file, checked) = f.check(&grant).unwrap();
        let report = crate::fixture::model(file, checked).report();
        let bytes: usize = report.variables().map(|variable| variable.summary.chars().count()).sum();
        assert!(bytes <= MOST_SUMMARIES);
    }

    #[test]
    fn arrays_are_hashed_alike_on_one_core_and_on_many() {
        let mut f = Fixture::new();
        let all: Vec<u32> = (1..6).map(|n| f.ones(&[n * 200_000])).collect();
        let list = f.list(&all);
        f.variable("m", list);
        let model = f.open();
        let report = model.report();
        for (entry, tensor) in report.tensors().zip(model.tensors()) {
            assert_eq!((entry.path, entry.sha256), (tensor.path(), hex(&Sha256::digest(tensor.bytes()))));
        }
        assert_eq!(report.tensors().count(), 5);
    }
}
