//! What the caller says of structs that the closed list does not have: the names of their fields.
//!
//! A file has no names of fields, and nobody but its author knows them. A [`TypeMap`] is the author's word, or that of
//! whoever reads their source: data, read as strictly as anything else. It gives names to what is there and takes nothing
//! away: where it does not fit a file's struct, the struct stays as it was, with a note that says so.
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
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use flux_airlock_wire::{Group, Ids, Kind, Node, Why};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::answer::Source;
use crate::path::{TypePath, is_identifier, is_type_path};

/// Names of fields for structs of the author's own, as a TOML file gives them.
///
/// ```
/// use flux_airlock::{Airlock, TypeMap};
///
/// let types = TypeMap::parse(
///     r#"
///     version = 1
///
///     [[type]]
///     path = "Main.VAEModel.VAE"
///     fields = ["encoder", "decoder", "latent_dim"]
///
///     [[type]]
///     path = "DiffEqFlux.FastChain"
///     fields = ["layers"]
///     acts_as = "Chain"
///     "#,
/// )?;
/// let airlock = Airlock::builder().types(types).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// - `version` is 1.
/// - `path` is the path of the type, just as a report has it under `opaque`. A type stands in the file once. Only structs that
///   are opaque as `unknown-struct` are named: what the closed list has keeps its own names.
/// - `fields` are the names of its fields in the order of their declaration: as many as the struct has in the model's
///   file, each a name that a path can spell as it is, each once.
/// - `acts_as`, which may be left out, is a layer of Flux that does the same, one of [`TypeMap::ACTS_AS`]. Then `fields` are
///   the names of that layer's fields, in the order in which the struct has them. The struct becomes such a layer in the
///   report and in all that is exported, if its fields have values that the layer's can have.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TypeMap {
    /// Sorted by path.
    types: Arc<[Described]>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Described {
    path: String,
    fields: Vec<String>,
    acts_as: Option<Kind>,
}

impl TypeMap {
    /// The longest file that is read.
    pub const MAX_BYTES: u64 = 1 << 20;
    /// How many fields a type has at most.
    pub const MAX_FIELDS: usize = 256;
    /// How many bytes the name of a field has at most.
    pub const MAX_NAME_BYTES: usize = 128;
    /// How many bytes the path of a type has at most.
    pub const MAX_PATH_BYTES: usize = 512;
    /// What a struct may act as: layers that do no more than to call what they hold.
    pub const ACTS_AS: &'static [Kind] =
        &[Kind::Chain, Kind::Maxout, Kind::PairwiseFusion, Kind::Parallel, Kind::SkipConnection];

    /// Reads the text of such a file.
    ///
    /// # Errors
    ///
    /// [`TypesError`] for the first flaw, with its line.
    pub fn parse(text: &str) -> Result<Self, TypesError> {
        if u64::try_from(text.len()).is_ok_and(|len| len > Self::MAX_BYTES) {
            return Err(TypesError::TooLarge);
        }
        let reader = Reader { text };
        let table = DeTable::parse(text).map_err(|error| TypesError::Syntax {
            line: error.span().map(|span| reader.line(span.start)),
            message: error.message().escape_debug().to_string(),
        })?;
        reader.map(table.get_ref())
    }

    /// Reads such a file from disk, [`TypeMap::MAX_BYTES`] of it at most.
    ///
    /// # Errors
    ///
    /// [`TypesError::Io`] if it cannot be read or is no regular file, otherwise as [`TypeMap::parse`].
    pub fn read(path: &Path) -> Result<Self, TypesError> {
        // Before it is opened: opening a FIFO would wait for its other end.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file").into());
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(Self::MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|len| len > Self::MAX_BYTES) {
            return Err(TypesError::TooLarge);
        }
        Self::parse(str::from_utf8(&bytes).map_err(|_| TypesError::NotUtf8)?)
    }

    /// How many types it describes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Does it describe none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }
}

/// What is wrong with a file that describes types.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypesError {
    /// A layer that a struct cannot act as.
    #[error("line {line}: a struct acts as a {}, or as itself", names(TypeMap::ACTS_AS))]
    ActsAs {
        /// Where.
        line: usize,
    },
    /// Other fields than the layer has that the struct acts as.
    #[error("line {line}: a {} has the fields {}, and this struct is said to have others", kind.name(), kind.fields().join(" and "))]
    ActsAsFields {
        /// Where.
        line: usize,
        /// The layer.
        kind: Kind,
    },
    /// What no path can spell as the name of a field.
    #[error("line {line}: \"{}\" cannot be the name of a field", name.escape_debug())]
    FieldName {
        /// Where.
        line: usize,
        /// The name, or the beginning of a long one.
        name: String,
    },
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A type without one of its keys.
    #[error("line {line}: a type has no {key}")]
    MissingKey {
        /// Where the type begins.
        line: usize,
        /// Which key.
        key: &'static str,
    },
    /// It is not UTF-8.
    #[error("the file is not UTF-8")]
    NotUtf8,
    /// What is no path of a type.
    #[error("line {line}: this is no path of a type, as in Main.Encoder")]
    Path {
        /// Where.
        line: usize,
    },
    /// A field that stands twice.
    #[error("line {line}: the field \"{}\" stands twice", name.escape_debug())]
    RepeatedField {
        /// Where, the second time.
        line: usize,
        /// Its name.
        name: String,
    },
    /// A type that stands twice.
    #[error("line {line}: the type \"{}\" stands twice", path.escape_debug())]
    RepeatedPath {
        /// Where, the second time.
        line: usize,
        /// Its path.
        path: String,
    },
    /// It is not TOML.
    #[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Syntax {
        /// Where, if there is one place.
        line: Option<usize>,
        /// The parser's words, escaped.
        message: String,
    },
    /// It is longer than [`TypeMap::MAX_BYTES`].
    #[error("a description of types has at most {} bytes", TypeMap::MAX_BYTES)]
    TooLarge,
    /// More than [`TypeMap::MAX_FIELDS`] fields.
    #[error("line {line}: a type has at most {} fields", TypeMap::MAX_FIELDS)]
    TooManyFields {
        /// Where.
        line: usize,
    },
    /// A key that version 1 does not have.
    #[error("line {line}: version 1 of a description of types has no such key")]
    UnknownKey {
        /// Where.
        line: usize,
    },
    /// A version that is not 1, or none at all.
    #[error("this is no description of types of version 1")]
    Version,
    /// A value of another type than its key wants.
    #[error("line {line}: {key} is of another type")]
    WrongType {
        /// Where.
        line: usize,
        /// The key.
        key: &'static str,
    },
}

impl TypesError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ActsAs { .. } => "types-acts-as",
            Self::ActsAsFields { .. } => "types-acts-as-fields",
            Self::FieldName { .. } => "types-field-name",
            Self::Io(_) => "types-io",
            Self::MissingKey { .. } => "types-missing-key",
            Self::NotUtf8 => "types-not-utf8",
            Self::Path { .. } => "types-path",
            Self::RepeatedField { .. } => "types-repeated-field",
            Self::RepeatedPath { .. } => "types-repeated-path",
            Self::Syntax { .. } => "types-syntax",
            Self::TooLarge => "types-too-large",
            Self::TooManyFields { .. } => "types-too-many-fields",
            Self::UnknownKey { .. } => "types-unknown-key",
            Self::Version => "types-version",
            Self::WrongType { .. } => "types-wrong-type",
        }
    }
}

fn names(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

/// Goes through the tables of the text.
struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    /// The line of this byte, counted from 1. Costs a walk over the text: for errors only.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before.split(|&byte| byte == b'\n').count()
    }

    fn line_of<T>(&self, value: &Spanned<T>) -> usize {
        self.line(value.span().start)
    }

    fn map(&self, table: &DeTable<'_>) -> Result<TypeMap, TypesError> {
        // The version first: what another version's keys mean is not for us to say.
        let version = table.get("version").and_then(|version| version.get_ref().as_integer());
        if version.and_then(|version| i64::from_str_radix(version.as_str(), version.radix()).ok()) != Some(1) {
            return Err(TypesError::Version);
        }
        let mut types = BTreeMap::new();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "version" => {}
                "type" => {
                    for entry in value.get_ref().as_array().ok_or_else(|| self.wrong_type(value, "type"))? {
                        let described = self.entry(entry)?;
                        if let Some(Described { path, .. }) = types.insert(described.path.clone(), described) {
                            return Err(TypesError::RepeatedPath { line: self.line_of(entry), path });
                        }
                    }
                }
                _ => return Err(TypesError::UnknownKey { line: self.line_of(key) }),
            }
        }
        Ok(TypeMap { types: types.into_values().collect() })
    }

    fn entry(&self, entry: &Spanned<DeValue<'_>>) -> Result<Described, TypesError> {
        let (mut path, mut fields, mut acts_as) = (None, None, None);
        for (key, value) in entry.get_ref().as_table().ok_or_else(|| self.wrong_type(entry, "type"))? {
            match key.get_ref().as_ref() {
                "acts_as" => acts_as = Some((self.acts_as(value)?, self.line_of(value))),
                "fields" => fields = Some(self.fields(value)?),
                "path" => path = Some(self.path(value)?),
                _ => return Err(TypesError::UnknownKey { line: self.line_of(key) }),
            }
        }
        let missing = |key| TypesError::MissingKey { line: self.line_of(entry), key };
        let (path, fields) = (path.ok_or_else(|| missing("path"))?, fields.ok_or_else(|| missing("fields"))?);
        if let Some((kind, line)) = acts_as {
            // No name stands twice on either side.
            let same = fields.len() == kind.fields().len()
                && fields.iter().all(|field| kind.fields().contains(&field.as_str()));
            if !same {
                return Err(TypesError::ActsAsFields { line, kind });
            }
        }
        Ok(Described { path, fields, acts_as: acts_as.map(|(kind, _)| kind) })
    }

    fn path(&self, value: &Spanned<DeValue<'_>>) -> Result<String, TypesError> {
        let path = self.string(value, "path")?;
        if path.len() > TypeMap::MAX_PATH_BYTES || !is_type_path(path) {
            return Err(TypesError::Path { line: self.line_of(value) });
        }
        Ok(path.to_owned())
    }

    fn fields(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, TypesError> {
        let names = value.get_ref().as_array().ok_or_else(|| self.wrong_type(value, "fields"))?;
        if names.len() > TypeMap::MAX_FIELDS {
            return Err(TypesError::TooManyFields { line: self.line_of(value) });
        }
        let mut fields: Vec<String> = Vec::with_capacity(names.len());
        for value in names {
            let name = self.string(value, "fields")?;
            let line = || self.line_of(value);
            if name.len() > TypeMap::MAX_NAME_BYTES || !is_identifier(name) {
                let name = name.chars().take(TypeMap::MAX_NAME_BYTES).collect();
                return Err(TypesError::FieldName { line: line(), name });
            }
            if fields.iter().any(|field| field == name) {
                return Err(TypesError::RepeatedField { line: line(), name: name.to_owned() });
            }
            fields.push(name.to_owned());
        }
        Ok(fields)
    }

    fn acts_as(&self, value: &Spanned<DeValue<'_>>) -> Result<Kind, TypesError> {
        let name = self.string(value, "acts_as")?;
        let kind = TypeMap::ACTS_AS.iter().find(|kind| kind.name() == name);
        kind.copied().ok_or_else(|| TypesError::ActsAs { line: self.line_of(value) })
    }

    fn string<'v>(&self, value: &'v Spanned<DeValue<'_>>, key: &'static str) -> Result<&'v str, TypesError> {
        value.get_ref().as_str().ok_or_else(|| self.wrong_type(value, key))
    }

    fn wrong_type(&self, value: &Spanned<DeValue<'_>>, key: &'static str) -> TypesError {
        TypesError::WrongType { line: self.line_of(value), key }
    }
}

/// The structs of a file that a [`TypeMap`] speaks of.
#[derive(Debug, Default)]
pub(crate) struct Named {
    map: TypeMap,
    /// By node.
    structs: Vec<Struct>,
    /// The fields of those that act as layers, in the order of the layers' fields.
    fields: Vec<u8>,
}

/// A struct of a type that is described.
#[derive(Clone, Copy, Debug)]
struct Struct {
    node: u32,
    /// The place of its type in the map.
    ty: usize,
    is: Is,
}

/// What is made of a struct.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Is {
    /// Nothing: it has another number of fields.
    Other,
    /// Its fields have names.
    Named,
    /// The same, and it does not act as the layer that it should: its fields have other values.
    Unfit,
    /// It is a layer: of this kind, with its fields at this place of `Named::fields`.
    Layer(Kind, u32),
}

impl Named {
    /// Finds all structs that the map speaks of. Each node is looked at once.
    pub(crate) fn find(source: Source<'_>, map: &TypeMap) -> Self {
        let mut named = Self { map: map.clone(), ..Self::default() };
        if map.is_empty() {
            return named;
        }
        let longest = map.types.iter().map(|described| described.path.len()).max().unwrap_or(0);
        let mut path = String::new();
        let mut lists = BTreeMap::new();
        for node in 0..u32::try_from(source.entry_count()).unwrap_or(u32::MAX) {
            let Some(Node::Opaque { why: Why::UnknownStruct, ty, children }) = source.entry(node) else { continue };
            // A path is no shorter than its parts: what is too long to be known is not put together.
            let len = ty.iter().fold(0_usize, |len, part| len.saturating_add(source.text(part).len()));
            if len > longest {
                continue;
            }
            path.clear();
            // Writing into a `String` cannot fail.
            let _ = std::fmt::write(&mut path, format_args!("{}", TypePath { source, parts: ty }));
            let place = map.types.binary_search_by(|described| described.path.as_str().cmp(&path)).ok();
            let Some((ty, described)) = place.and_then(|ty| Some((ty, map.types.get(ty)?))) else { continue };
            let is = named.judge(source, described, children, &mut lists);
            named.structs.push(Struct { node, ty, is });
        }
        named
    }

    fn judge(
        &mut self,
        source: Source<'_>,
        described: &Described,
        children: Ids<'_>,
        lists: &mut BTreeMap<u32, bool>,
    ) -> Is {
        if described.fields.len() != children.len() {
            return Is::Other;
        }
        let Some(kind) = described.acts_as else { return Is::Named };
        let at = self.fields.len();
        for name in kind.fields() {
            let place = described.fields.iter().position(|field| field == name);
            let Some(child) = place.and_then(|place| children.get(place)) else { return Is::Unfit };
            // What a `SkipConnection` calls `layers` is a single one.
            let fits = if *name == "layers" && kind != Kind::SkipConnection {
                *lists.entry(child).or_insert_with(|| are_layers(source, child))
            } else {
                is_callable(&source.node(child))
            };
            if !fits {
                self.fields.truncate(at);
                return Is::Unfit;
            }
            self.fields.extend_from_slice(&child.to_le_bytes());
        }
        u32::try_from(at).map_or(Is::Unfit, |at| Is::Layer(kind, at))
    }

    fn get(&self, node: u32) -> Option<Struct> {
        let place = self.structs.binary_search_by_key(&node, |known| known.node).ok()?;
        self.structs.get(place).copied()
    }

    /// The names of this node's fields, if they are given.
    pub(crate) fn fields(&self, node: u32) -> Option<&[String]> {
        let Struct { ty, is, .. } = self.get(node)?;
        self.map.types.get(ty).filter(|_| matches!(is, Is::Named | Is::Unfit)).map(|described| &*described.fields)
    }

    /// The layer that this node acts as.
    pub(crate) fn layer(&self, node: u32) -> Option<Node<'_>> {
        let Struct { is: Is::Layer(kind, at), .. } = self.get(node)? else { return None };
        let at = usize::try_from(at).ok()?;
        let end = at.checked_add(kind.fields().len().checked_mul(4)?)?;
        Some(Node::Struct { kind, fields: Ids::new(self.fields.get(at..end)?)? })
    }

    /// What there is to say of structs, and of which.
    pub(crate) fn notes(&self) -> impl Iterator<Item = u32> + '_ {
        self.structs.iter().filter(|known| known.is != Is::Named).map(|known| known.node)
    }

    /// The codes that [`Named::note`] gives.
    pub(crate) const CODES: &[&str] = &[ACTS_AS, FIELD_COUNT, UNFIT];

    /// The stable name of what is said of this node, and it as a sentence.
    pub(crate) fn note(&self, node: u32) -> Option<(&'static str, Cow<'static, str>)> {
        let Struct { ty, is, .. } = self.get(node)?;
        let Described { path, fields, acts_as } = self.map.types.get(ty)?;
        let layer = acts_as.map_or("layer", Kind::name);
        Some(match is {
            Is::Named => return None,
            Is::Other => {
                let count = fields.len();
                let message =
                    format!("{path} was said to have {count} fields, and has another number: they stay without names");
                (FIELD_COUNT, message.into())
            }
            Is::Unfit => {
                let message = format!("{path} was said to act as a {layer}, and has values that a {layer} cannot have");
                (UNFIT, message.into())
            }
            Is::Layer(..) => (ACTS_AS, format!("{path}, which was said to act as a {layer}").into()),
        })
    }
}

/// Are these what a layer holds as its layers?
fn are_layers(source: Source<'_>, node: u32) -> bool {
    match source.node(node) {
        Node::List(items) | Node::NamedTuple { values: items, .. } | Node::Tuple(items) => {
            items.iter().all(|item| is_callable(&source.node(item)))
        }
        _ => false,
    }
}

/// May this be called, as far as is known?
fn is_callable(node: &Node<'_>) -> bool {
    match node {
        Node::Function(_) => true,
        Node::Struct { kind, .. } => matches!(kind.group(), Group::Callable | Group::Layer),
        Node::Opaque { why, .. } => matches!(
            why,
            Why::Closure | Why::FieldValue { .. } | Why::Layout { .. } | Why::UnknownFunction | Why::UnknownStruct
        ),
        _ => false,
    }
}

const ACTS_AS: &str = "type-acts-as";
const FIELD_COUNT: &str = "type-field-count";
const UNFIT: &str = "type-unfit";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Flaw;
    use crate::fixture::{Fixture, GRANT};
    use flux_airlock_wire::{AsideName, Function};

    fn one(path: &str, fields: &str, more: &str) -> String {
        format!("version = 1\n[[type]]\npath = {path:?}\nfields = [{fields}]\n{more}\n")
    }

    fn types(path: &str, fields: &str, more: &str) -> TypeMap {
        TypeMap::parse(&one(path, fields, more)).unwrap()
    }

    fn code(text: &str) -> &'static str {
        TypeMap::parse(text).unwrap_err().code()
    }

    #[test]
    fn every_flaw_has_its_error() {
        let field = |name: &str| one("Main.A", &format!("{name:?}"), "");
        let many = |count: usize| (0..count).map(|at| format!("\"f{at}\"")).collect::<Vec<_>>().join(",");
        for (text, expected) in [
            (String::new(), "types-version"),
            ("version = 2".to_owned(), "types-version"),
            ("version = \"1\"".to_owned(), "types-version"),
            ("version = 1\nname = 3".to_owned(), "types-unknown-key"),
            ("version = 1\n[type]\npath = \"A\"".to_owned(), "types-wrong-type"),
            ("version = 1\ntype = [1]".to_owned(), "types-wrong-type"),
            ("version = 1\n[[type]]\nfields = []".to_owned(), "types-missing-key"),
            ("version = 1\n[[type]]\npath = \"A\"".to_owned(), "types-missing-key"),
            ("version = 1\n[[type]".to_owned(), "types-syntax"),
            ("version = 1\nversion = 1".to_owned(), "types-syntax"),
            (one("A", "1", ""), "types-wrong-type"),
            (one("A", "", "fields_of = 1"), "types-unknown-key"),
            (one("", "", ""), "types-path"),
            (one("Main..A", "", ""), "types-path"),
            (one("Main.A.", "", ""), "types-path"),
            (one("Main.#1#2", "", ""), "types-path"),
            (one("Main.A{Int}", "", ""), "types-path"),
            (one("Main.var\"a", "", ""), "types-path"),
            (one("Main.var\"a\"b", "", ""), "types-path"),
            (one(&"a".repeat(TypeMap::MAX_PATH_BYTES + 1), "", ""), "types-path"),
            (field(""), "types-field-name"),
            (field("a b"), "types-field-name"),
            (field("1"), "types-field-name"),
            (field("a.b"), "types-field-name"),
            (field("a[1]"), "types-field-name"),
            (field("end"), "types-field-name"),
            (one("A", "\"\\u202ea\"", ""), "types-field-name"),
            // A Greek letter that looks like a Latin one.
            (field("Α"), "types-field-name"),
            (field(&"a".repeat(TypeMap::MAX_NAME_BYTES + 1)), "types-field-name"),
            (one("A", "\"a\", \"b\", \"a\"", ""), "types-repeated-field"),
            (one("A", &many(TypeMap::MAX_FIELDS + 1), ""), "types-too-many-fields"),
            (one("A", "", "[[type]]\npath = \"A\"\nfields = [\"a\"]"), "types-repeated-path"),
            (one("A", "\"a\"", "acts_as = \"Dense\""), "types-acts-as"),
            (one("A", "\"a\"", "acts_as = \"chain\""), "types-acts-as"),
            (one("A", "\"a\"", "acts_as = 1"), "types-wrong-type"),
            (one("A", "\"a\"", "acts_as = \"Chain\""), "types-acts-as-fields"),
            (one("A", "\"layers\"", "acts_as = \"Parallel\""), "types-acts-as-fields"),
            (one("A", "\"layers\", \"more\"", "acts_as = \"Chain\""), "types-acts-as-fields"),
            (" ".repeat((1 << 20) + 1), "types-too-large"),
        ] {
            assert_eq!(code(&text), expected, "{text:.200}");
        }
        for text in [
            "version = 1\n".to_owned(),
            one("A", "", ""),
            one("Main.var\"a.b \\\" c\".var\"#1\"", "\"σ²\", \"Wi\", \"x!\", \"_\"", ""),
            one(&"a".repeat(TypeMap::MAX_PATH_BYTES), &many(TypeMap::MAX_FIELDS), ""),
            field(&"a".repeat(TypeMap::MAX_NAME_BYTES)),
            one("A", "\"connection\", \"layers\"", "acts_as = \"PairwiseFusion\""),
        ] {
            assert!(TypeMap::parse(&text).is_ok(), "{text:.200}");
        }
        let error = TypeMap::parse(&one("A", "\"a\",\n\"\\u0007\"", "")).unwrap_err();
        assert_eq!(error.to_string(), "line 5: \"\\u{7}\" cannot be the name of a field");
    }

    #[test]
    fn what_holds_layers_holds_what_can_be_called() {
        let chain = types("A", "\"layers\"", "acts_as = \"Chain\"");
        let kind = |make: &dyn Fn(&mut Fixture) -> u32| {
            let mut f = Fixture::new();
            let layers = make(&mut f);
            let own = f.opaque(Why::UnknownStruct, &["A"], &[layers]);
            f.variable("m", own);
            f.open_with(&chain).value("m").unwrap().kind()
        };
        let good: [&dyn Fn(&mut Fixture) -> u32; 4] = [
            &|f| f.tuple(&[]),
            &|f| {
                let (dense, relu) = (f.dense(1, 1, Function::Relu), f.function(Function::Relu));
                f.list(&[dense, relu])
            },
            &|f| {
                let closure = f.opaque(Why::Closure, &["#1#2"], &[]);
                f.named_tuple(&[("a", closure)])
            },
            &|f| {
                let own = f.opaque(Why::UnknownStruct, &["B"], &[]);
                f.tuple(&[own])
            },
        ];
        let bad: [&dyn Fn(&mut Fixture) -> u32; 6] = [
            &|f| f.dense(1, 1, Function::Relu),
            &|f| f.ones(&[1]),
            &|f| f.string("a"),
            &|f| {
                let (dense, int) = (f.dense(1, 1, Function::Relu), f.int(1));
                f.tuple(&[dense, int])
            },
            &|f| {
                let dense = f.dense(1, 1, Function::Relu);
                f.record(&[("a", dense)])
            },
            &|f| {
                let module = f.opaque(Why::Module, &["Base"], &[]);
                f.tuple(&[module])
            },
        ];
        assert!(good.iter().all(|make| kind(*make) == Some(Kind::Chain)));
        assert!(bad.iter().all(|make| kind(*make).is_none()));
    }

    #[test]
    fn only_structs_of_the_very_path_are_named() {
        let map = types("Main.A", "\"a\"", "");
        for (why, path, path_of_child) in [
            (Why::UnknownStruct, &["Main", "A"][..], "m.a"),
            (Why::UnknownStruct, &["Main.A"], "m.fields[1]"),
            (Why::UnknownStruct, &["A"], "m.fields[1]"),
            (Why::UnknownStruct, &["Main", "A", "A"], "m.fields[1]"),
            (Why::Closure, &["Main", "A"], "m.captured[1]"),
            (Why::Layout { kind: Kind::Dense, fields: 1, params: 0 }, &["Main", "A"], "m.fields[1]"),
        ] {
            let mut f = Fixture::new();
            let child = f.ones(&[1]);
            let own = f.opaque(why, path, &[child]);
            f.variable("m", own);
            let model = f.open_with(&map);
            let found: Vec<_> = model.tensors().map(|tensor| tensor.path().to_owned()).collect();
            assert_eq!(found, [path_of_child], "{path:?}");
            assert!(model.tensor(path_of_child).is_some());
        }
    }

    #[test]
    fn paths_stay_unique_whatever_the_names_are() {
        // `fields` as a name, and that of what was found beside.
        let map = types("A", "\"fields\", \"state\"", "");
        let mut f = Fixture::new();
        let (one, two, three) = (f.ones(&[1]), f.ones(&[2]), f.ones(&[3]));
        let list = f.list(&[one]);
        let own = f.opaque(Why::UnknownStruct, &["A"], &[list, two]);
        f.variable("m", own);
        f.aside(own, AsideName::State, three);
        let model = f.open_with(&map);
        let found: Vec<_> = model.tensors().map(|tensor| tensor.path().to_owned()).collect();
        assert_eq!(found, ["m.fields[1]", "m.state"]);
        assert_eq!(model.omitted().next().unwrap().path(), "m[\"state 2\"]");
        assert!(found.iter().all(|path| model.tensor(path).unwrap().path() == path));
        assert_eq!(model.tensor("m.state").unwrap().size().dim(1), 2);
    }

    #[test]
    fn names_are_charged_before_they_are_written() {
        let map = types("A", &format!("\"{}\"", "a".repeat(100)), "");
        let check = |path_bytes| {
            let mut f = Fixture::new();
            let int = f.int(1);
            let all: Vec<u32> = (0..100).map(|_| f.opaque(Why::UnknownStruct, &["A"], &[int])).collect();
            let list = f.list(&all);
            f.variable("m", list);
            f.check_with(&crate::answer::Grant { path_bytes, ..GRANT }, &map).map(|_| ())
        };
        assert_eq!(check(10_000), Err(Flaw::PathBytes { granted: 10_000 }));
        assert_eq!(check(20_000), Ok(()));
    }
}
