//! Types, as far as they are looked at: the path of their name, and what an array is made of.
//!
//! A type is described and never resolved. Its path is compared whole with fixed lists.

use flux_airlock_wire::{Eltype, FluxVersion, Span};

use crate::{
    names,
    tape::{Form, RecordId, Tag, Tape},
};

/// A path, its parts joined by dots.
pub(crate) struct Path {
    bytes: [u8; LONGEST],
    len: usize,
    /// Where the last part begins.
    last: usize,
}

/// Longer than any path we know.
const LONGEST: usize = 80;

impl Path {
    /// The whole path.
    pub(crate) fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }

    /// The path of the module that the name lies in; empty where there is none.
    pub(crate) fn module(&self) -> &str {
        let end = self.last.saturating_sub(1);
        self.bytes.get(..end).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }

    /// The last part.
    pub(crate) fn name(&self) -> &str {
        self.bytes.get(self.last..self.len).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }
}

/// The parts of a `datatype`'s name, or of a `ref`'s path, with a `Main` before `Core` or `Base` left out.
///
/// Julia 0.7 to 1.4 write `Main.Core.Float32`, others `Core.Float32`; it is one type.
pub(crate) fn parts(tape: &Tape, list: RecordId) -> impl Iterator<Item = RecordId> + '_ {
    let mut children = tape.children(list).peekable();
    let first = children.next();
    let name = |id: RecordId| tape.get(id).a;
    let skipped = first.map(name) == Some(names::MAIN)
        && children.peek().is_some_and(|&id| matches!(name(id), names::BASE | names::CORE));
    first.filter(|_| !skipped).into_iter().chain(children)
}

/// The path of a type; `None` where it has none, or one that is longer than any we know.
///
/// A part with a dot in it never equals two parts.
pub(crate) fn path(tape: &Tape, ty: RecordId) -> Option<Path> {
    let ty = tape.resolve(ty);
    if tape.get(ty).tag() != Tag::DataType {
        return None;
    }
    joined(tape, tape.field(ty, names::NAME)?)
}

/// The path of a module, from a `ref`.
pub(crate) fn ref_path(tape: &Tape, list: RecordId) -> Option<Path> {
    joined(tape, list)
}

fn joined(tape: &Tape, list: RecordId) -> Option<Path> {
    let mut path = Path { bytes: [0; LONGEST], len: 0, last: 0 };
    for part in parts(tape, list) {
        let bytes = tape.names.bytes(tape.get(part).a);
        if path.len > 0 {
            *path.bytes.get_mut(path.len)? = b'.';
            path.len = path.len.checked_add(1)?;
        }
        // Operators are the only names with dots, and no operator is a module; nothing has an empty name.
        if bytes.is_empty() || bytes.contains(&b'.') {
            return None;
        }
        path.last = path.len;
        let end = path.len.checked_add(bytes.len())?;
        path.bytes.get_mut(path.len..end)?.copy_from_slice(bytes);
        path.len = end;
    }
    Some(path)
}

/// How many type parameters a `datatype` has.
pub(crate) fn param_count(tape: &Tape, ty: RecordId) -> u32 {
    let Some(params) = tape.field(ty, names::PARAMS) else { return 0 };
    let record = tape.get(params);
    match record.form {
        Form::Array | Form::Binary => record.b,
        // All parameters were numbers, and were saved as a vector of them.
        Form::Document(Tag::Array) => match tape.field(params, names::SIZE).map(|size| tape.children(size)) {
            Some(mut sizes) => {
                sizes.next().and_then(|size| tape.get(size).integer()).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
            }
            None => 0,
        },
        _ => 0,
    }
}

/// The type parameter at `index`, counted from 0, where the parameters are a list.
pub(crate) fn param(tape: &Tape, ty: RecordId, index: usize) -> Option<RecordId> {
    let params = tape.field(ty, names::PARAMS)?;
    if tape.get(params).form != Form::Array {
        return None;
    }
    tape.children(params).nth(index).map(|param| tape.resolve(param))
}

/// What the elements of an array of this type are, if they are numbers.
pub(crate) fn eltype(tape: &Tape, ty: RecordId) -> Option<Eltype> {
    let ty = tape.resolve(ty);
    if let Some(number) = number(tape, ty) {
        return Some(number);
    }
    let path = path(tape, ty)?;
    if path.text() == "Base.Complex" {
        return number(tape, param(tape, ty, 0)?)?.complex().filter(|_| param_count(tape, ty) == 1);
    }
    if path.text() == "Core.Nothing" || path.text() == "Core.Void" {
        return Some(Eltype::Nothing);
    }
    None
}

/// The primitive type of this description, if it is one whose width we know.
pub(crate) fn primitive(tape: &Tape, ty: RecordId) -> Option<Eltype> {
    number(tape, tape.resolve(ty))
}

fn number(tape: &Tape, ty: RecordId) -> Option<Eltype> {
    if tape.get(ty).tag() != Tag::DataType {
        return None;
    }
    let mut parts = parts(tape, tape.field(ty, names::NAME)?).map(|part| tape.get(part).a);
    let (Some(module), Some(name), None) = (parts.next(), parts.next(), parts.next()) else { return None };
    let eltype = names::number(name)?;
    let is_home = module == names::CORE || eltype == Eltype::BFloat16 && tape.names.bytes(module) == b"BFloat16s";
    (is_home && param_count(tape, ty) == 0).then_some(eltype)
}

/// Does this type's name begin with `Main.Core`, as Julia 0.7 to 1.4 write it?
pub(crate) fn has_main_core(tape: &Tape, ty: RecordId) -> bool {
    let Some(list) = tape.field(ty, names::NAME) else { return false };
    let mut parts = tape.children(list).map(|part| tape.get(part).a);
    parts.next() == Some(names::MAIN) && parts.next() == Some(names::CORE)
}

/// The first and the last BSON.jl that write a type as this one is.
pub(crate) fn bson_jl(tape: &Tape, ty: RecordId) -> (FluxVersion, FluxVersion) {
    let mut parts = tape.field(ty, names::NAME).into_iter().flat_map(|list| tape.children(list));
    let first = parts.next().map(|part| tape.get(part).a);
    // Up to 0.2.0 `Main` is left out: what lies in it has one part, and what has one part lies in it.
    let (mut since, mut until) = ((1, 0), (3, 9));
    if first == Some(names::MAIN) {
        since = (2, 1);
    } else if parts.next().is_none() {
        until = (2, 0);
    }
    // Numbers alone are a vector of numbers since 0.1.1.
    let params = tape.field(ty, names::PARAMS).map(|params| tape.get(params).form);
    if matches!(params, Some(Form::Binary | Form::Document(Tag::Array))) {
        since = since.max((1, 1));
    }
    (since, until)
}

/// The version of Julia that a closure's `TypeName` begins with.
pub(crate) fn julia_version(tape: &Tape, id: RecordId) -> Option<Span> {
    if tape.get(id).tag() != Tag::Struct || path(tape, tape.field(id, names::TYPE)?)?.text() != "Core.TypeName" {
        return None;
    }
    let version = tape.get(tape.children(tape.field(id, names::DATA)?).next()?);
    (version.form == Form::String).then_some(Span { offset: version.a, len: version.b })
}
