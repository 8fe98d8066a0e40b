//! Nodes: the values of a file, one by one.

use std::ffi::c_char;

use flux_airlock::{ArrayView, Eltype, Fields, Function, Kind, Value, Values, Why};

use crate::call::{call, make};
use crate::error::{Failure, Status};
use crate::handle::{self, Object};
use crate::library::AIRLOCK_NONE;
use crate::memory::{RawBytes, RawPiece, Trust as _};
use crate::model::{Opened, lost, short};
use crate::names::{get, number_of};
use crate::text::Text;

/// What a node is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// An array whose elements are nodes, in column-major order, with a size of its own (airlock_node_size).
    Array = 0,
    /// A function known by name; `number` says which (AIRLOCK_ENUM_FUNCTION).
    Function = 1,
    /// A vector of nodes.
    List = 2,
    /// A NamedTuple: its children have names.
    NamedTuple = 3,
    /// Julia's `nothing`.
    Nothing = 4,
    /// A number, a Bool or a Char; `number` says of which type (AIRLOCK_ENUM_ELTYPE), `bits` which.
    Number = 5,
    /// Something that is not rebuilt; `number` says why (AIRLOCK_ENUM_WHY). Its children are what a closure captured, or the values
    /// of its fields, with names if a description of types gives them.
    Opaque = 6,
    /// A Dict with symbols for keys: its children have names.
    Record = 7,
    /// A string: `text`, which may be no UTF-8.
    String = 8,
    /// A struct known by name; `number` says which (AIRLOCK_ENUM_KIND). Its children are its fields, with their names of today.
    Struct = 9,
    /// A symbol: `text`.
    Symbol = 10,
    /// An array of numbers; `number` says which. It may be one that is no part of the model.
    Tensor = 11,
    /// A tuple of nodes.
    Tuple = 12,
}

impl Form {
    /// Their names, by their numbers.
    pub(crate) const NAMES: &[&str] = &[
        "array",
        "function",
        "list",
        "named-tuple",
        "nothing",
        "number",
        "opaque",
        "record",
        "string",
        "struct",
        "symbol",
        "tensor",
        "tuple",
    ];
}

/// A value of a file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Node {
    /// What it is known by. Equal ids are the same object.
    pub id: u32,
    /// What it is.
    pub form: Form,
    /// What the form says; else AIRLOCK_NONE.
    pub number: u32,
    /// How many nodes it holds directly.
    pub children: u32,
    /// How many dimensions airlock_node_size gives: of an array of nodes, or of an opaque array whose size is known.
    pub ndims: u32,
    /// The type of a number, or of the elements of an array of numbers, or of an opaque array where it is known
    /// (AIRLOCK_ENUM_ELTYPE); else AIRLOCK_NONE.
    pub eltype: u32,
    /// 1 if `integer` is the value: of integers that fit, and of a Bool.
    pub has_integer: u32,
    /// 1 if `real` is the value: of floating-point numbers.
    pub has_real: u32,
    /// The value of an integer.
    pub integer: i64,
    /// The value of a floating-point number.
    pub real: f64,
    /// The bytes of a number, little-endian, as many as its type has (airlock_eltype_width), and zeros after them: the exact value,
    /// whatever its type.
    pub bits: [u8; 32],
    /// The name of the number: a kind's, a function's, a type's, a reason's.
    pub name: Text,
    /// What a string or a symbol says, as it is in the file. Lives until the model is released.
    pub text: Text,
}

/// A node that another one holds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Child {
    /// The name of the field or entry; none where children have no names. Lives until the model is released.
    pub name: Text,
    /// The node.
    pub node: Node,
}

impl Node {
    fn new(opened: &Opened, value: Value<'_>) -> Result<Self, Failure> {
        use flux_airlock::Form as F;
        let node = |form| Self {
            id: value.id(),
            form,
            number: AIRLOCK_NONE,
            children: 0,
            ndims: 0,
            eltype: AIRLOCK_NONE,
            has_integer: 0,
            has_real: 0,
            integer: 0,
            real: 0.0,
            bits: [0; 32],
            name: Text::NONE,
            text: Text::NONE,
        };
        let plain = |form, values: Values<'_>| Ok(Self { children: short(values.len())?, ..node(form) });
        let named = |form, fields: Fields<'_>| Ok(Self { children: short(fields.len())?, ..node(form) });
        match value.form() {
            F::Array(size, values) => Ok(Self { ndims: short(size.ndims())?, ..plain(Form::Array, values)? }),
            F::Bool(value) => node(Form::Number).number(Eltype::Bool, &[value.into()]),
            F::Float(value) => node(Form::Number).number(Eltype::Float64, &value.to_le_bytes()),
            F::Function(function) => {
                let number = number_of(Function::ALL, &function).ok_or_else(lost)?;
                Ok(Self { number, name: Text::new(function.name()), ..node(Form::Function) })
            }
            F::Int(value) => node(Form::Number).number(Eltype::Int64, &value.to_le_bytes()),
            F::List(values) => plain(Form::List, values),
            F::NamedTuple(fields) => named(Form::NamedTuple, fields),
            F::Null => Ok(node(Form::Nothing)),
            F::Opaque(opaque) => Ok(Self {
                number: number_of(Why::CODES, &opaque.why.code()).ok_or_else(lost)?,
                name: Text::new(opaque.why.code()),
                ndims: short(opaque.size().map_or(0, |size| size.len()))?,
                eltype: opaque.eltype().and_then(|eltype| number_of(Eltype::ALL, &eltype)).unwrap_or(AIRLOCK_NONE),
                ..plain(Form::Opaque, opaque.children)?
            }),
            F::Record(fields) => named(Form::Record, fields),
            F::Scalar(scalar) if scalar.eltype() == Eltype::Nothing => Ok(node(Form::Nothing)),
            F::Scalar(scalar) => node(Form::Number).number(scalar.eltype(), scalar.bytes()),
            F::Struct(kind, fields) => {
                let number = number_of(Kind::ALL, &kind).ok_or_else(lost)?;
                Ok(Self { number, name: Text::new(kind.name()), ..named(Form::Struct, fields)? })
            }
            F::Symbol(text) => Ok(Self { text: Text::new(text), ..node(Form::Symbol) }),
            F::Tensor(array) => Self::array(opened, &array, node(Form::Tensor)),
            F::Text(bytes) => Ok(Self { text: Text::bytes(bytes), ..node(Form::String) }),
            F::Tuple(values) => plain(Form::Tuple, values),
            _ => Err(Failure::internal("internal-form", "a value of a form that the ABI does not have")),
        }
        .map(|node: Self| node.with_value(value))
    }

    /// It as the number of these bytes.
    fn number(self, eltype: Eltype, bytes: &[u8]) -> Result<Self, Failure> {
        let number = number_of(Eltype::ALL, &eltype).ok_or_else(lost)?;
        let mut bits = [0; 32];
        bits.get_mut(..bytes.len()).ok_or_else(lost)?.copy_from_slice(bytes);
        Ok(Self { number, eltype: number, bits, name: Text::new(eltype.name()), ..self })
    }

    /// It as this array.
    fn array(opened: &Opened, array: &ArrayView<'_>, node: Self) -> Result<Self, Failure> {
        let number = opened.arrays().number(array).ok_or_else(lost)?;
        let eltype = array.eltype().and_then(|eltype| number_of(Eltype::ALL, &eltype));
        Ok(Self { number, eltype: eltype.unwrap_or(AIRLOCK_NONE), ..node })
    }

    /// It with what the value is to C.
    fn with_value(self, value: Value<'_>) -> Self {
        let integer = value.as_i64().or(value.as_bool().map(i64::from));
        let real = value.as_f64();
        Self {
            has_integer: integer.is_some().into(),
            integer: integer.unwrap_or(0),
            has_real: real.is_some().into(),
            real: real.unwrap_or(0.0),
            ..self
        }
    }
}

/// What a node holds.
enum Children<'a> {
    Named(Fields<'a>),
    Plain(Values<'a>),
}

impl<'a> Children<'a> {
    fn of(value: Value<'a>) -> Self {
        use flux_airlock::Form as F;
        match value.form() {
            F::NamedTuple(fields) | F::Record(fields) | F::Struct(_, fields) => Self::Named(fields),
            F::Opaque(opaque) => opaque.fields().map_or(Self::Plain(opaque.children), Self::Named),
            _ => Self::Plain(value.values()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Named(fields) => fields.len(),
            Self::Plain(values) => values.len(),
        }
    }

    fn get(&self, index: usize) -> Option<(Option<&'a str>, Value<'a>)> {
        match self {
            Self::Named(fields) => fields.get(index).map(|(name, value)| (Some(name), value)),
            Self::Plain(values) => values.get(index).map(|value| (None, value)),
        }
    }
}

/// Reads a node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_node_read(model: u64, node: u32, out: *mut Node, error: *mut u64) -> Status {
    // SAFETY: the caller's, as the header says.
    let (out, error) = unsafe { (out, error).trust() };
    call(error, || {
        let out = out.check()?;
        let object = handle::get(model)?;
        let opened = object.model()?;
        out.put(Node::new(opened, opened.node(node)?)?);
        Ok(())
    })
}

/// Lists the nodes that this one holds, in order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_node_children(
    model: u64,
    node: u32,
    first: usize,
    out: *mut Child,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let opened = object.model()?;
        let children = Children::of(opened.node(node)?);
        piece.fill(children.len(), |index| {
            let (name, value) = children.get(index).ok_or_else(lost)?;
            Ok(Child { name: Text::maybe(name), node: Node::new(opened, value)? })
        })
    })
}

/// Lists the size of an array of nodes, or of an opaque array whose size is known: nothing for all other nodes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_node_size(
    model: u64,
    node: u32,
    first: usize,
    out: *mut u64,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let size = match object.model()?.node(node)?.form() {
            flux_airlock::Form::Array(size, _) => size.iter().map(u64::from).collect(),
            flux_airlock::Form::Opaque(opaque) => opaque.size().unwrap_or_default(),
            _ => Vec::new(),
        };
        piece.fill(size.len(), |index| size.get(index).copied().ok_or_else(lost))
    })
}

/// Lists the parts of the path of an opaque node's type, as they are in the file: nothing for all other nodes, and where there
/// is no type. They live until the model is released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_node_type(
    model: u64,
    node: u32,
    first: usize,
    out: *mut Text,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let parts: Vec<&str> = match object.model()?.node(node)?.form() {
            flux_airlock::Form::Opaque(opaque) => opaque.type_parts().collect(),
            _ => Vec::new(),
        };
        piece.fill(parts.len(), |index| parts.get(index).map(|part| Text::new(part)).ok_or_else(lost))
    })
}

/// Finds the node at this path, by whichever of its paths. AIRLOCK_STATUS_USAGE, code `no-such-path`, if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_node_find(
    model: u64,
    path: *const c_char,
    path_len: usize,
    node: *mut u32,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (path, node, error) = unsafe { (RawBytes::text(path, path_len), node, error).trust() };
    call(error, || {
        let node = node.check()?;
        let object = handle::get(model)?;
        let path = path.text()?;
        let missing = || Failure::usage("no-such-path", format!("there is nothing at {path:?}"));
        node.put(object.model()?.model.value(path).ok_or_else(missing)?.id());
        Ok(())
    })
}

/// A text about a node.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum NodeText {
    /// The first of its paths: `model.layers[1].weight`. Escaped.
    Path = 0,
    /// It in one line, as Julia prints it. Escaped.
    Summary = 1,
    /// It as a tree of lines, as Flux prints a model. Escaped.
    Tree = 2,
    /// A number as Julia prints it, in full.
    Value = 3,
    /// The path of the type of something opaque; empty where it has none. Escaped.
    Type = 4,
    /// Why something is opaque, as a sentence.
    Message = 5,
}

impl NodeText {
    /// All of them, by their numbers.
    pub(crate) const ALL: &[Self] = &[Self::Path, Self::Summary, Self::Tree, Self::Value, Self::Type, Self::Message];
}

/// Makes a text about a node (AIRLOCK_NODE_TEXT_…): a string object. AIRLOCK_STATUS_USAGE, code `wrong-form`, if nodes of its form have no such
/// text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_node_text_new(
    model: u64,
    node: u32,
    which: u32,
    string: *mut u64,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (string, error) = unsafe { (string, error).trust() };
    make(string, error, || {
        let object = handle::get(model)?;
        Ok(Object::Text(text(object.model()?.node(node)?, which)?))
    })
}

fn text(value: Value<'_>, which: u32) -> Result<String, Failure> {
    use flux_airlock::Form as F;
    let unknown = || Failure::usage("unknown-text", format!("there is no text {which} of a node"));
    Ok(match (get(NodeText::ALL, which).ok_or_else(unknown)?, value.form()) {
        (NodeText::Path, _) => value.path(),
        (NodeText::Tree, _) => value.tree(),
        (NodeText::Value, F::Scalar(scalar)) => scalar.to_string(),
        // What a layout supplied is short.
        (NodeText::Summary, _) | (NodeText::Value, F::Bool(_) | F::Int(_) | F::Float(_)) => value.summary(),
        (NodeText::Type, F::Opaque(opaque)) => opaque.type_path().unwrap_or_default(),
        (NodeText::Message, F::Opaque(opaque)) => opaque.message(),
        (NodeText::Value | NodeText::Type | NodeText::Message, _) => {
            return Err(Failure::usage("wrong-form", "nodes of this form have no such text"));
        }
    })
}
