//! A model that was opened: plain arrays, and a description of everything else.
//!
//! Arrays are the bytes of the file, without a copy; the rest are views of the checked answer. Nothing in a [`Model`] is
//! executable, and nothing in it depends on what a name in the file happens to be: names are compared and shown, never
//! looked up.
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
use std::sync::Arc;

use flux_airlock_wire::{AsideName, Element, Eltype, Function, Ids, Kind, MAX_NDIMS, Node, NoteCode, Span, Why};

use crate::answer::{Checked, Flaw, Opened};
use crate::number::{Number, Scalar};
use crate::path::{Root, TypePath, resolve};
use crate::report::{EvidenceEntry, FileEntry, Layers, Report, WrittenByEntry};
use crate::show;
use crate::text::Escaped;
use crate::types::Named;
use crate::{Error, GuestError, Limit, SandboxFigures};

/// What is known of a file beside its content.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) file: FileEntry,
    pub(crate) evidence: Vec<EvidenceEntry>,
    pub(crate) sandbox: SandboxFigures,
}

/// A model that was opened.
///
/// Cheap to clone: the file's bytes are shared.
#[derive(Clone)]
pub struct Model {
    opened: Arc<Opened>,
    about: Arc<About>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Model {
    pub(crate) fn new(opened: Opened, about: About) -> Self {
        Self { opened: Arc::new(opened), about: Arc::new(about) }
    }

    /// The arrays of the model, in the order of the file.
    pub fn tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
        let opened = &*self.opened;
        opened.checked.paths.tensors.iter().filter_map(|id| Array::new(opened, *id)?.number())
    }

    /// The array at this path, by whichever of its paths.
    #[must_use]
    pub fn tensor(&self, path: &str) -> Option<TensorView<'_>> {
        self.value(path)?.tensor()
    }

    /// The value at this path, by whichever of its paths.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<Value<'_>> {
        let id = resolve(self.opened.source(), &self.opened.checked.paths, path)?;
        Some(Value { opened: &self.opened, id })
    }

    /// How many values there are, ids of values being below it.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.opened.source().node_count()
    }

    /// The value of this id, if anything in the model leads to it. See [`Value::id`].
    #[must_use]
    pub fn node(&self, id: u32) -> Option<Value<'_>> {
        let id = self.opened.source().own_id(id)?;
        self.opened.checked.paths.is_reached(id).then_some(Value { opened: &self.opened, id })
    }

    /// All arrays of the file in the order of their paths: [`Model::tensors`] and [`Model::omitted`].
    pub fn arrays(&self) -> impl Iterator<Item = ArrayView<'_>> {
        let opened = &*self.opened;
        opened.checked.paths.tensors.iter().filter_map(|id| Some(Array::new(opened, *id)?.view()))
    }

    /// The saved variables, in the order of the file.
    #[must_use]
    pub fn variables(&self) -> impl ExactSizeIterator<Item = Variable<'_>> {
        let opened = &*self.opened;
        opened.checked.variables.iter().map(|variable| Variable {
            name: variable.name.map(|text| opened.source().name(text)),
            value: Value { opened, id: variable.node },
        })
    }

    /// The model as if the file had no other variable than the one of this name, or of this path. `None` if there is none.
    ///
    /// Arrays that other variables have too are found at this one's paths.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if these paths are longer than was granted.
    pub fn only(&self, variable: &str) -> Result<Option<Self>, Error> {
        let is_name = |known: &Variable<'_>| known.name == Some(variable);
        let is_path = |known: &Variable<'_>| known.path() == variable;
        let place = self.variables().position(|known| is_name(&known));
        let place = place.or_else(|| self.variables().position(|known| is_path(&known)));
        let Some(variable) = place.and_then(|place| self.opened.checked.variables.get(place)) else { return Ok(None) };
        let opened = self.opened.only(*variable).map_err(|flaw| match flaw {
            Flaw::Fault(fault) => GuestError::new(fault.code(), fault.to_string()).into(),
            Flaw::PathBytes { granted } => Error::limit_of(Limit::PathBytes, granted),
        })?;
        Ok(Some(Self { opened: Arc::new(opened), about: Arc::clone(&self.about) }))
    }

    /// The specification of the layers, as a report gives it: serialize it.
    #[must_use]
    pub fn layers(&self) -> Layers {
        Layers::new(Arc::clone(&self.opened))
    }

    /// Numbers and strings of the file beside the arrays, in the order of the file. There are at most 10,000 of them;
    /// all others are still reached through [`Model::variables`].
    #[must_use]
    pub fn scalars(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        values(&self.opened, &self.opened.checked.paths.scalars)
    }

    /// How many numbers and strings there are beyond those of [`Model::scalars`].
    #[must_use]
    pub fn scalars_more(&self) -> u64 {
        self.opened.checked.paths.more_scalars
    }

    /// Values that are not rebuilt, in the order of the file.
    #[must_use]
    pub fn opaque(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        values(&self.opened, &self.opened.checked.paths.opaque)
    }

    /// Arrays of the file that are no part of the model, and why.
    pub fn omitted(&self) -> impl Iterator<Item = Omitted<'_>> {
        let opened = &*self.opened;
        opened.checked.paths.tensors.iter().filter_map(|id| Omitted::new(Array::new(opened, *id)?))
    }

    /// Values that were in the file and have no place in a model of today.
    pub fn asides(&self) -> impl Iterator<Item = Aside<'_>> {
        let opened = &*self.opened;
        let reached = |node: u32| opened.checked.paths.is_reached(node);
        let asides = opened.checked.asides.iter().filter(move |aside| reached(aside.owner) && reached(aside.value));
        asides.map(|aside| Aside {
            owner: Value { opened, id: aside.owner },
            name: aside.name,
            value: Value { opened, id: aside.value },
        })
    }

    /// What the shapes in the file prove of what wrote it.
    #[must_use]
    pub fn written_by(&self) -> WrittenByEntry {
        WrittenByEntry::new(&self.opened)
    }

    /// What Flux of today reads otherwise than the Flux that saved the model.
    pub fn notes(&self) -> impl Iterator<Item = Note<'_>> {
        Note::all(&self.opened)
    }

    /// What decoding has cost.
    #[must_use]
    pub fn sandbox(&self) -> SandboxFigures {
        self.about.sandbox
    }

    /// The file: its path, length and digest.
    #[must_use]
    pub fn file(&self) -> &FileEntry {
        &self.about.file
    }

    /// What vouches for the file. Empty where it was opened unverified.
    #[must_use]
    pub fn evidence(&self) -> &[EvidenceEntry] {
        &self.about.evidence
    }

    /// Everything about the model but its weights. Their digests are computed here.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::opened(Arc::clone(&self.opened), (*self.about).clone())
    }
}

fn values<'a>(opened: &'a Opened, ids: &'a [u32]) -> impl ExactSizeIterator<Item = Value<'a>> {
    ids.iter().map(move |id| Value { opened, id: *id })
}

/// A saved variable.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Variable<'a> {
    /// Its name as it is in the file, to be escaped where it is shown; `None` where the file is one value.
    pub name: Option<&'a str>,
    /// Its value.
    pub value: Value<'a>,
}

impl Variable<'_> {
    /// Its path: the name, quoted if it is no identifier; `root` where there is none.
    #[must_use]
    pub fn path(&self) -> String {
        Root(self.name).to_string()
    }
}

/// A value that was in the file and has no place in a model of today: the state that a recurrent layer had, a gradient.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Aside<'a> {
    /// The value that it was found at.
    pub owner: Value<'a>,
    /// What it was there.
    pub name: AsideName,
    /// It.
    pub value: Value<'a>,
}

/// A remark on a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Note<'a> {
    /// The value.
    pub value: Value<'a>,
    /// The stable name of the remark.
    pub code: &'static str,
    /// It as a sentence.
    pub message: Cow<'static, str>,
}

impl<'a> Note<'a> {
    /// Every code that a remark can have.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        NoteCode::CODES.iter().chain(Named::CODES).copied()
    }

    /// Those of the guest, and those on what the caller says of types.
    pub(crate) fn all(opened: &'a Opened) -> impl Iterator<Item = Self> {
        let Checked { notes, named, paths, .. } = &*opened.checked;
        let value = |id| Value { opened, id };
        let of_flux = notes.iter().map(move |note| Self {
            value: value(note.node),
            code: note.code.code(),
            message: message(note.code).into(),
        });
        let of_types = named.notes().filter_map(move |node| {
            let (code, message) = named.note(node)?;
            Some(Self { value: value(node), code, message })
        });
        of_flux.chain(of_types).filter(|note| paths.is_reached(note.value.id))
    }
}

const fn message(code: NoteCode) -> &'static str {
    match code {
        NoteCode::ActiveDropped => {
            "the layer was saved in training mode; it is opened so that the mode of use decides, as by default"
        }
        NoteCode::ClosureByName => {
            "what this anonymous function does was concluded from its code, with names taken for what they usually mean"
        }
        NoteCode::ClosureRecognised => "what this anonymous function does was concluded from its code",
        NoteCode::GruV3Block => {
            "`Wh` has two blocks of rows; layers of today have a third, which is computed and never used"
        }
        NoteCode::HardSigma => {
            "`hardσ` had another formula before NNlib 0.7.10, and the file does not tell which one was meant"
        }
        NoteCode::InitialState => {
            "the initial state was trained with the layer; layers of today start from zeros unless it is passed to them"
        }
        NoteCode::LayerNormEpsilon => "the way in which ϵ enters has changed between versions, or ϵ was not saved",
        NoteCode::MovingDeviation => {
            "the moving deviation was saved where layers of today have the variance: its square, with ϵ = 0"
        }
        NoteCode::RecurrentCalls => "the layer was called once for every step; layers of today take whole sequences",
        NoteCode::TrackedStatistics => {
            "the layer used the statistics of its training; layers of today use those of the sample"
        }
        _ => "Flux of today reads this value otherwise than the Flux that saved it",
    }
}

/// A value of the file: a view of the checked answer.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    pub(crate) opened: &'a Opened,
    pub(crate) id: u32,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.summary())
    }
}

/// Two are equal if they are the same object of the file: tied weights are.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.opened, other.opened) && self.id == other.id
    }
}

impl Eq for Value<'_> {}

/// What a [`Value`] is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Form<'a> {
    /// An array whose elements are values, in column-major order.
    Array(Size<'a>, Values<'a>),
    /// `true` or `false`, supplied for a layout that did not have it.
    Bool(bool),
    /// A floating-point number, supplied for a layout that did not have it.
    Float(f64),
    /// A function known by name.
    Function(Function),
    /// An integer, supplied for a layout that did not have it.
    Int(i64),
    /// A vector of values.
    List(Values<'a>),
    /// A `NamedTuple`.
    NamedTuple(Fields<'a>),
    /// Julia's `nothing`.
    Null,
    /// Something that is not rebuilt.
    Opaque(Opaque<'a>),
    /// A `Dict` with symbols for keys.
    Record(Fields<'a>),
    /// A number.
    Scalar(Scalar<'a>),
    /// A struct known by name.
    Struct(Kind, Fields<'a>),
    /// A symbol, to be escaped where it is shown.
    Symbol(&'a str),
    /// An array of numbers, or of what is packed like them.
    Tensor(ArrayView<'a>),
    /// A string, which may be no UTF-8; to be escaped where it is shown.
    Text(&'a [u8]),
    /// A tuple.
    Tuple(Values<'a>),
}

/// An array of plain bits.
#[derive(Clone, Copy)]
pub enum ArrayView<'a> {
    /// It is no part of the model.
    Omitted(Omitted<'a>),
    /// It is.
    Tensor(TensorView<'a>),
}

impl<'a> ArrayView<'a> {
    /// The value that it is at the first of its paths.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        let Array { opened, id, .. } = self.array();
        Value { opened, id: opened.checked.paths.tensor_node(id) }
    }

    /// What its elements are, if they are numbers.
    #[must_use]
    pub fn eltype(&self) -> Option<Eltype> {
        match self.array().element {
            Element::Number(eltype) => Some(eltype),
            Element::Packed(_) => None,
        }
    }

    fn array(&self) -> Array<'a> {
        match self {
            Self::Omitted(omitted) => omitted.array,
            Self::Tensor(tensor) => tensor.array,
        }
    }
}

/// Something that is not rebuilt.
#[derive(Clone)]
#[non_exhaustive]
pub struct Opaque<'a> {
    /// Why not.
    pub why: Why,
    /// The values of its fields, or what a closure captured.
    pub children: Values<'a>,
    ty: Ids<'a>,
    names: Option<&'a [String]>,
}

impl fmt::Debug for Opaque<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque").field("why", &self.why).field("type", &self.type_path()).finish_non_exhaustive()
    }
}

impl<'a> Opaque<'a> {
    /// Its fields with their names, if a [`TypeMap`](crate::TypeMap) has them.
    #[must_use]
    pub fn fields(&self) -> Option<Fields<'a>> {
        let Values { opened, ids, .. } = self.children;
        self.names.map(|names| Fields { opened, names: Names::Given(names), ids, next: 0 })
    }

    /// The parts of the path of its type as they are in the file, to be compared, and escaped where they are shown. None where
    /// it has none.
    #[must_use]
    pub fn type_parts(&self) -> impl ExactSizeIterator<Item = &'a str> {
        let source = self.children.opened.source();
        self.ty.iter().map(move |part| source.name(part))
    }

    /// The path of its type, its parts quoted where they are no identifiers; `None` where it has none.
    #[must_use]
    pub fn type_path(&self) -> Option<String> {
        let source = self.children.opened.source();
        (!self.ty.is_empty()).then(|| TypePath { source, parts: self.ty }.to_string())
    }

    /// What the numbers of a device's array were, if the file says it.
    #[must_use]
    pub const fn eltype(&self) -> Option<Eltype> {
        match self.why {
            Why::DeviceArray { eltype, .. } => eltype,
            _ => None,
        }
    }

    /// The size of a device's array, if the file says it.
    #[must_use]
    pub fn size(&self) -> Option<Vec<u64>> {
        let Why::DeviceArray { size: Some(size), .. } = self.why else { return None };
        let dims = self.children.get(usize::try_from(size).ok()?)?.values();
        if dims.len() > MAX_NDIMS {
            return None;
        }
        dims.map(|dim| dim.as_i64()?.try_into().ok()).collect()
    }

    /// Why it is not rebuilt, as a sentence.
    #[must_use]
    pub fn message(&self) -> String {
        match self.why {
            Why::Closure => {
                "an anonymous function or closure: its code is not looked at, and what it captured is below"
            }
            Why::DeviceArray { .. } => "an array that was in a device's memory: its numbers are not in the file",
            Why::FieldValue { kind, field } => {
                return format!("a {} whose field {field} has a value that it cannot have", kind.name());
            }
            Why::Layout { kind, fields, params } => {
                let name = kind.name();
                return format!(
                    "a {name} with {fields} fields and {params} parameters, as no version that is known has"
                );
            }
            Why::Module => "a module, or something else that is found by its name",
            Why::Pointer => "a pointer",
            Why::Reflection => "a description of code or types",
            Why::Type => "a type",
            Why::UnknownFunction => "a function that is not in the closed list",
            Why::UnknownPrimitive => "a primitive type that is not in the closed list",
            Why::UnknownStruct if self.names.is_some() => {
                "a struct that is not in the closed list: its fields are below, by the names that were given"
            }
            Why::UnknownStruct => "a struct that is not in the closed list: its fields are below, by their places",
            _ => "a value that is not rebuilt",
        }
        .to_owned()
    }
}

impl<'a> Value<'a> {
    /// What it is.
    #[must_use]
    pub fn form(&self) -> Form<'a> {
        let (opened, source) = (self.opened, self.opened.source());
        let values = |ids| Values { opened, ids, next: 0 };
        let named = |names, values| Fields { opened, names: Names::Texts(names), ids: values, next: 0 };
        match self.node() {
            Node::Array { size, items } => Form::Array(Size(size), values(items)),
            Node::Bool(value) => Form::Bool(value),
            Node::Float(value) => Form::Float(value),
            Node::Function(function) => Form::Function(function),
            Node::Int(value) => Form::Int(value),
            Node::List(ids) => Form::List(values(ids)),
            Node::NamedTuple { names, values } => Form::NamedTuple(named(names, values)),
            // Lists of numbers are given as lists.
            Node::Null | Node::Numbers { .. } => Form::Null,
            Node::Number { eltype, offset } => {
                let bytes = source.bytes(Span { offset, len: eltype.width() });
                Scalar::new(eltype, bytes).map_or(Form::Null, Form::Scalar)
            }
            Node::Opaque { why, ty, children } => {
                Form::Opaque(Opaque { why, children: values(children), ty, names: source.field_names(self.id) })
            }
            Node::Record { names, values } => Form::Record(named(names, values)),
            Node::Struct { kind, fields } => {
                Form::Struct(kind, Fields { opened, names: Names::Kind(kind), ids: fields, next: 0 })
            }
            Node::Symbol(text) => Form::Symbol(source.name(text)),
            Node::Tensor(id) => match Array::new(opened, id) {
                Some(array) => Form::Tensor(array.view()),
                None => Form::Null,
            },
            Node::Text(text) => Form::Text(source.text(text)),
            Node::Tuple(ids) => Form::Tuple(values(ids)),
        }
    }

    pub(crate) fn node(&self) -> Node<'a> {
        self.opened.source().node(self.id)
    }

    /// A number by which the model knows it: the same for the same object, so that what is shared is recognised. What a value
    /// holds has smaller ones.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.opened.source().public_id(self.id)
    }

    /// The first of its paths, depth first.
    #[must_use]
    pub fn path(&self) -> String {
        self.opened.checked.paths.text(self.opened.source(), self.id)
    }

    /// The values it holds directly.
    #[must_use]
    pub fn values(&self) -> Values<'a> {
        Values { opened: self.opened, ids: self.node().children(), next: 0 }
    }

    /// The kind of a struct.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self.node() {
            Node::Struct { kind, .. } => Some(kind),
            _ => None,
        }
    }

    /// The value of this field of a struct, or of this name in a `NamedTuple` or `Dict`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        let fields = match self.form() {
            Form::Struct(_, fields) | Form::NamedTuple(fields) | Form::Record(fields) => fields,
            Form::Opaque(opaque) => opaque.fields()?,
            _ => return None,
        };
        fields.into_iter().find_map(|(field, value)| (field == name).then_some(value))
    }

    /// Is it Julia's `nothing`?
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.node(), Node::Null | Node::Number { eltype: Eltype::Nothing, .. })
    }

    /// The array it is, if its elements are numbers.
    #[must_use]
    pub fn tensor(&self) -> Option<TensorView<'a>> {
        match self.node() {
            Node::Tensor(id) => Array::new(self.opened, id)?.number(),
            _ => None,
        }
    }

    /// The function it is.
    #[must_use]
    pub fn function(&self) -> Option<Function> {
        match self.node() {
            Node::Function(function) => Some(function),
            _ => None,
        }
    }

    /// The boolean it is.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.form() {
            Form::Bool(value) => Some(value),
            Form::Scalar(scalar) => scalar.to_bool(),
            _ => None,
        }
    }

    /// The integer it is, if it fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.form() {
            Form::Int(value) => Some(value),
            Form::Scalar(scalar) => scalar.to_i128()?.try_into().ok(),
            _ => None,
        }
    }

    /// The floating-point number it is.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self.form() {
            Form::Float(value) => Some(value),
            Form::Scalar(scalar) => scalar.to_f64(),
            _ => None,
        }
    }

    /// The string it is, if it is UTF-8. It is the file's: escape it where it is shown.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match self.form() {
            Form::Text(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// It in one line, as Julia prints it, escaped and at most 1,000 characters long.
    #[must_use]
    pub fn summary(&self) -> String {
        show::summary(*self)
    }

    /// It as a tree of lines, as Flux prints a model, escaped and at most a few thousand lines long.
    #[must_use]
    pub fn tree(&self) -> String {
        show::tree(*self)
    }
}

/// Several values, in order.
#[derive(Clone)]
pub struct Values<'a> {
    opened: &'a Opened,
    ids: Ids<'a>,
    next: usize,
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({})", self.len())
    }
}

impl<'a> Values<'a> {
    /// How many are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len().saturating_sub(self.next)
    }

    /// Are there none left?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one at `index` of all of them, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        self.ids.get(index).map(|id| Value { opened: self.opened, id })
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.get(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl ExactSizeIterator for Values<'_> {}

/// Names with their values, in order.
#[derive(Clone)]
pub struct Fields<'a> {
    opened: &'a Opened,
    names: Names<'a>,
    ids: Ids<'a>,
    next: usize,
}

#[derive(Clone, Copy)]
enum Names<'a> {
    Given(&'a [String]),
    Kind(Kind),
    Texts(Ids<'a>),
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.clone().map(|(name, _)| Escaped(name.as_bytes()).to_string());
        f.debug_list().entries(names).finish()
    }
}

impl<'a> Fields<'a> {
    /// The one at `index` of all of them, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(&'a str, Value<'a>)> {
        let name = match self.names {
            Names::Given(names) => names.get(index)?,
            Names::Kind(kind) => kind.fields().get(index).copied()?,
            Names::Texts(texts) => self.opened.source().name(texts.get(index)?),
        };
        Some((name, Value { opened: self.opened, id: self.ids.get(index)? }))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.get(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(field)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.ids.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// Julia's `size`: column-major, the first dimension varies fastest. It displays as `4×3`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size<'a>(pub(crate) Ids<'a>);

impl<'a> Size<'a> {
    /// The dimensions, first to last.
    #[must_use]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone + 'a {
        self.0.iter()
    }

    /// How many dimensions there are.
    #[must_use]
    pub fn ndims(self) -> usize {
        self.0.len()
    }

    /// The dimension of this place, counted from 1 as Julia's `size(x, 1)` does; 1 beyond the last.
    #[must_use]
    pub fn dim(self, place: usize) -> u32 {
        place.checked_sub(1).and_then(|place| self.0.get(place)).unwrap_or(1)
    }

    /// How many elements there are.
    #[must_use]
    pub fn elements(self) -> u64 {
        self.iter().fold(1, |product: u64, dim| product.saturating_mul(dim.into()))
    }
}

impl fmt::Display for Size<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, dim) in self.iter().enumerate() {
            if at > 0 {
                f.write_str("×")?;
            }
            dim.fmt(f)?;
        }
        Ok(())
    }
}

/// An array in the file, whatever its elements are.
#[derive(Clone, Copy)]
pub(crate) struct Array<'a> {
    pub(crate) opened: &'a Opened,
    pub(crate) id: u32,
    pub(crate) element: Element<'a>,
    pub(crate) size: Size<'a>,
    pub(crate) span: Span,
}

impl<'a> Array<'a> {
    pub(crate) fn new(opened: &'a Opened, id: u32) -> Option<Self> {
        let tensor = opened.source().tensor(id)?;
        Some(Self { opened, id, element: tensor.element, size: Size(tensor.size), span: tensor.span })
    }

    /// It as an array of the result: of numbers, and not only beside it.
    fn number(self) -> Option<TensorView<'a>> {
        match self.element {
            Element::Number(eltype) if self.opened.checked.paths.is_result(self.id) => {
                Some(TensorView { array: self, eltype })
            }
            _ => None,
        }
    }

    fn view(self) -> ArrayView<'a> {
        self.number().map_or(ArrayView::Omitted(Omitted { array: self }), ArrayView::Tensor)
    }

    pub(crate) fn path(self) -> &'a str {
        let opened = self.opened;
        let new = || crate::path::PathTexts::new(opened.source(), &opened.checked.paths);
        opened.path_texts.get_or_init(new).get(self.id)
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.opened.source().bytes(self.span)
    }

    fn also_at(self) -> &'a [String] {
        self.opened.checked.paths.also(self.id).map_or(&[], |also| &also.paths)
    }

    fn also_at_more(self) -> u64 {
        self.opened.checked.paths.also(self.id).map_or(0, |also| also.more)
    }

    fn eltype_name(self) -> String {
        match self.element {
            Element::Number(eltype) => eltype.name().to_owned(),
            Element::Packed(parts) => TypePath { source: self.opened.source(), parts }.to_string(),
        }
    }
}

macro_rules! array_views {
    ($($view:ident),+) => {
        $(impl<'a> $view<'a> {
            /// The first of its paths, depth first.
            #[must_use]
            pub fn path(&self) -> &'a str {
                self.array().path()
            }

            /// Julia's `size`.
            #[must_use]
            pub fn size(&self) -> Size<'a> {
                self.array().size
            }

            /// Where its bytes begin, counted from the start of the file.
            #[must_use]
            pub fn offset(&self) -> u64 {
                self.array().span.offset.into()
            }

            /// Its bytes in the file: little-endian, column-major, rarely aligned.
            #[must_use]
            pub fn bytes(&self) -> &'a [u8] {
                self.array().bytes()
            }

            /// Further paths to it, at most 16.
            #[must_use]
            pub fn also_at(&self) -> &'a [String] {
                self.array().also_at()
            }

            /// How many paths to it there are beyond those.
            #[must_use]
            pub fn also_at_more(&self) -> u64 {
                self.array().also_at_more()
            }
        }

        impl fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (path, size, eltype) = (self.path(), self.size(), self.array().eltype_name());
                write!(f, concat!(stringify!($view), "({}: {} {})"), path, size, eltype)
            }
        })+
    };
}

array_views!(ArrayView, TensorView, Omitted);

/// An array of numbers: a span of the file, and what its bytes are.
#[derive(Clone, Copy)]
pub struct TensorView<'a> {
    array: Array<'a>,
    eltype: Eltype,
}

/// An array cannot be read as numbers of this type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{path} has elements of {found}, not of {wanted}")]
#[non_exhaustive]
pub struct EltypeError {
    /// The array's path.
    pub path: String,
    /// The eltype it has.
    pub found: &'static str,
    /// The eltype that was wanted.
    pub wanted: &'static str,
}

impl EltypeError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "eltype-mismatch"
    }
}

impl<'a> TensorView<'a> {
    pub(crate) fn new(array: Array<'a>) -> Option<Self> {
        array.number()
    }

    const fn array(&self) -> Array<'a> {
        self.array
    }

    /// What its elements are.
    #[must_use]
    pub const fn eltype(&self) -> Eltype {
        self.eltype
    }

    /// Its elements without a copy, if they are of this type and lie aligned in memory, on a little-endian machine.
    #[must_use]
    pub fn as_slice<T: Number>(&self) -> Option<&'a [T]> {
        (self.eltype == T::ELTYPE).then(|| self.as_bits()).flatten()
    }

    /// A copy of its elements, if they are of this type.
    ///
    /// # Errors
    ///
    /// [`EltypeError`] if they are not.
    pub fn to_vec<T: Number>(&self) -> Result<Vec<T>, EltypeError> {
        if self.eltype == T::ELTYPE { self.to_bits() } else { Err(self.not_of(T::ELTYPE)) }
    }

    /// [`TensorView::as_slice`] for whatever eltype has the width of `T`: the bits of a `Float16` or `BFloat16` as `u16`,
    /// of a `Char` as `u32`, of a `Bool` as `u8`.
    #[must_use]
    pub fn as_bits<T: Number>(&self) -> Option<&'a [T]> {
        let wide = T::ELTYPE.width();
        let native = cfg!(target_endian = "little") || wide == 1;
        (native && self.eltype.width() == wide).then(|| bytemuck::try_cast_slice(self.bytes()).ok()).flatten()
    }

    /// [`TensorView::to_vec`] for whatever eltype has the width of `T`, as [`TensorView::as_bits`] has it.
    ///
    /// # Errors
    ///
    /// [`EltypeError`] if the elements have another width.
    pub fn to_bits<T: Number>(&self) -> Result<Vec<T>, EltypeError> {
        let width = usize::try_from(self.eltype.width()).unwrap_or(0);
        if self.eltype.width() != T::ELTYPE.width() || width == 0 {
            return Err(self.not_of(T::ELTYPE));
        }
        Ok(self.bytes().chunks_exact(width).filter_map(T::from_le_bytes).collect())
    }

    fn not_of(&self, wanted: Eltype) -> EltypeError {
        EltypeError { path: self.path().to_owned(), found: self.eltype.name(), wanted: wanted.name() }
    }
}

/// An array of the file that is no part of the model.
#[derive(Clone, Copy)]
pub struct Omitted<'a> {
    array: Array<'a>,
}

impl<'a> Omitted<'a> {
    pub(crate) fn new(array: Array<'a>) -> Option<Self> {
        array.number().is_none().then_some(Self { array })
    }

    const fn array(&self) -> Array<'a> {
        self.array
    }

    /// Why it is none.
    #[must_use]
    pub fn why(&self) -> &'static str {
        let opened = self.array.opened;
        opened.checked.paths.why_outside(opened.source(), self.array.id).unwrap_or("packed-structs")
    }

    /// What its elements are: an eltype, or the path of the type of the structs.
    #[must_use]
    pub fn eltype(&self) -> String {
        self.array.eltype_name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use flux_airlock_wire::{AsideName, Tensor};

    #[test]
    fn arrays_are_bytes_of_the_file() {
        let mut f = Fixture::new();
        let dense = f.dense(2, 3, Function::Relu);
        f.variable("m", dense);
        let model = f.open();
        let weight = model.tensor("m.weight").unwrap();
        assert_eq!((weight.eltype(), weight.size().to_string().as_str()), (Eltype::Float32, "3×2"));
        assert_eq!((weight.offset(), weight.bytes().len()), (1, 24));
        assert_eq!(weight.to_vec::<f32>(), Ok(vec![1.0; 6]));
        assert_eq!(model.tensors().map(|tensor| tensor.path().to_owned()).collect::<Vec<_>>(), ["m.weight", "m.bias"]);
        assert_eq!(format!("{weight:?}"), "TensorView(m.weight: 3×2 Float32)");
    }

    #[test]
    fn numbers_of_another_type_are_refused() {
        let mut f = Fixture::new();
        let ones = f.ones(&[2]);
        f.variable("w", ones);
        let model = f.open();
        let tensor = model.tensor("w").unwrap();
        let error = tensor.to_vec::<f64>().unwrap_err();
        assert_eq!(error.to_string(), "w has elements of Float32, not of Float64");
        assert_eq!(tensor.as_slice::<u32>(), None);
        assert_eq!(tensor.to_bits::<u32>(), Ok(vec![1.0_f32.to_bits(); 2]));
        assert!(tensor.to_bits::<u16>().is_err());
    }

    #[test]
    fn a_slice_is_had_only_where_it_is_aligned() {
        // Of four places in a row, exactly one is aligned.
        let aligned = (0..4).filter(|padding| {
            let mut f = Fixture::new();
            f.bytes(&vec![0; *padding]);
            let ones = f.ones(&[3]);
            f.variable("w", ones);
            let model = f.open();
            let slice = model.tensor("w").unwrap().as_slice::<f32>();
            assert!(slice.is_none_or(|slice| slice == [1.0; 3]));
            slice.is_some()
        });
        assert_eq!(aligned.count(), usize::from(cfg!(target_endian = "little")));
    }

    #[test]
    fn half_precision_is_had_as_bits() {
        let mut f = Fixture::new();
        let tensor = f.array(Eltype::Float16, &[2], &[0x00, 0x3c, 0x00, 0xc0]);
        let node = f.node(&Node::Tensor(tensor));
        f.variable("w", node);
        let model = f.open();
        assert_eq!(model.tensor("w").unwrap().to_bits::<u16>(), Ok(vec![0x3c00, 0xc000]));
    }

    #[test]
    fn values_are_told_by_their_forms() {
        let mut f = Fixture::new();
        let (int, double, string, symbol) = (f.int(-3), f.double(0.5), f.string("text"), f.symbol("sym"));
        let truth = f.number(Eltype::Bool, &[1]);
        let null = f.node(&Node::Null);
        let record = f.record(&[("i", int), ("d", double), ("s", string), ("y", symbol), ("t", truth), ("n", null)]);
        f.variable("m", record);
        let model = f.open();
        let get = |name| model.value("m").unwrap().field(name).unwrap();
        assert_eq!((get("i").as_i64(), get("i").as_f64()), (Some(-3), None));
        assert_eq!((get("d").as_f64(), get("d").as_i64()), (Some(0.5), None));
        assert_eq!((get("s").as_str(), get("t").as_bool(), get("n").is_null()), (Some("text"), Some(true), true));
        assert!(matches!(get("y").form(), Form::Symbol("sym")));
        assert_eq!(get("s").path(), "m.s");
        assert_eq!(model.scalars().map(|value| value.path()).collect::<Vec<_>>(), ["m.i", "m.d", "m.s", "m.t"]);
    }

    #[test]
    fn tied_weights_are_the_same_value() {
        let mut f = Fixture::new();
        let (shared, other) = (f.ones(&[1]), f.ones(&[1]));
        let list = f.list(&[shared, shared, other]);
        f.variable("m", list);
        let model = f.open();
        let values: Vec<_> = model.value("m").unwrap().values().collect();
        assert!(values[0] == values[1] && values[0] != values[2]);
        assert_eq!(model.tensor("m[2]").unwrap().path(), "m[1]");
        assert_eq!(model.tensor("m[1]").unwrap().also_at(), ["m[2]"]);
    }

    #[test]
    fn what_is_no_weight_is_omitted_with_its_reason() {
        let mut f = Fixture::new();
        let (main, state) = (f.ones(&[1]), f.ones(&[2]));
        let span = f.bytes(&[0; 8]);
        let (module, name) = (f.text("Flux"), f.text("OneHotVector"));
        let (ty, size) = (crate::fixture::ids(&[module, name]), crate::fixture::ids(&[2]));
        let element = Element::Packed(Ids::new(&ty).unwrap());
        let packed = f.answer.tensors.push(&Tensor { element, size: Ids::new(&size).unwrap(), span }).unwrap();
        let packed = f.node(&Node::Tensor(packed));
        let list = f.list(&[main, packed]);
        f.variable("m", list);
        f.aside(list, AsideName::State, state);
        let model = f.open();
        assert_eq!(model.tensors().count(), 1);
        let omitted: Vec<_> = model.omitted().map(|o| (o.path().to_owned(), o.why(), o.eltype())).collect();
        assert_eq!(
            omitted,
            [
                ("m[2]".to_owned(), "packed-structs", "Flux.OneHotVector".to_owned()),
                ("m.state".to_owned(), "recurrent-state", "Float32".to_owned())
            ]
        );
        assert!(model.tensor("m[2]").is_none());
        let arrays: Vec<_> = model.arrays().map(|array| (array.path().to_owned(), array.value().id())).collect();
        let expected = [("m[1]", main), ("m[2]", packed), ("m.state", state)];
        assert_eq!(arrays, expected.map(|(path, id)| (path.to_owned(), id)));
        let asides: Vec<_> = model.asides().map(|aside| (aside.owner.id(), aside.name, aside.value.id())).collect();
        assert_eq!(asides, [(list, AsideName::State, state)]);
    }

    #[test]
    fn only_values_that_something_leads_to_have_an_id() {
        let mut f = Fixture::new();
        let (alone, other) = (f.ones(&[1]), f.ones(&[2]));
        f.variable("a", alone);
        f.variable("b", other);
        let model = f.open();
        for id in [alone, other] {
            assert_eq!(model.node(id).unwrap().id(), id);
        }
        assert!(model.node(u32::try_from(model.node_count()).unwrap()).is_none() && model.node(u32::MAX).is_none());
        let only = model.only("a").unwrap().unwrap();
        assert!(only.node(alone).is_some() && only.node(other).is_none());
        assert_eq!(only.arrays().count(), 1);
    }

    #[test]
    fn a_devices_array_says_what_it_was() {
        let mut f = Fixture::new();
        let size = f.ints(&[2, 3]);
        let why = Why::DeviceArray { eltype: Some(Eltype::Float32), size: Some(0) };
        let array = f.opaque(why, &["CUDA", "CuArray"], &[size]);
        f.variable("m", array);
        let model = f.open();
        let Form::Opaque(opaque) = model.value("m").unwrap().form() else { panic!("opaque") };
        assert_eq!((opaque.eltype(), opaque.size()), (Some(Eltype::Float32), Some(vec![2, 3])));
        assert_eq!(opaque.type_path().as_deref(), Some("CUDA.CuArray"));
        assert_eq!(opaque.type_parts().collect::<Vec<_>>(), ["CUDA", "CuArray"]);
    }

    #[test]
    fn a_model_can_be_shared_between_threads() {
        const fn is_shared<T: Send + Sync + Clone>() {}
        is_shared::<Model>();
        is_shared::<Report>();
    }
}
