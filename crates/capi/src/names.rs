//! The closed enumerations: every number that a model can give, with its name.
//!
//! Numbers are those of this build of the library. Names are stable.

use flux_airlock::{AsideName, Eltype, Function, Group, Kind, Limit, Note, Why};

use crate::error::Status;
use crate::node::Form;
use crate::text::Text;

/// A closed enumeration, for airlock_enum_count and airlock_enum_name.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum Enum {
    /// What a value beside the model was, seen from its owner: `state`, `grad`.
    Aside = 0,
    /// The types of numbers: `Float32`, `Complex{Float64}`.
    Eltype = 1,
    /// What a node can be: `struct`, `tensor`.
    Form = 2,
    /// Functions: `relu`. Their modules are had from airlock_function_module.
    Function = 3,
    /// Structs: `Dense`, `Base.Dict`. Their fields are had from airlock_kind_field.
    Kind = 4,
    /// Limits: `depth`, `memory-bytes`.
    Limit = 5,
    /// Remarks: `moving-deviation`.
    Note = 6,
    /// What comes of a call: `ok`, `malformed`.
    Status = 7,
    /// Why a value is opaque: `closure`, `unknown-struct`.
    Why = 8,
}

impl Enum {
    /// All of them, by their numbers.
    const ALL: &[Self] = &[
        Self::Aside,
        Self::Eltype,
        Self::Form,
        Self::Function,
        Self::Kind,
        Self::Limit,
        Self::Note,
        Self::Status,
        Self::Why,
    ];

    fn len(self) -> usize {
        match self {
            Self::Aside => AsideName::CODES.len(),
            Self::Eltype => Eltype::ALL.len(),
            Self::Form => Form::NAMES.len(),
            Self::Function => Function::ALL.len(),
            Self::Kind => Kind::ALL.len(),
            Self::Limit => Limit::ALL.len(),
            Self::Note => Note::codes().count(),
            Self::Status => Status::NAMES.len(),
            Self::Why => Why::CODES.len(),
        }
    }

    fn name(self, number: u32) -> Option<&'static str> {
        match self {
            Self::Aside => get(AsideName::CODES, number).copied(),
            Self::Eltype => get(Eltype::ALL, number).map(|eltype| eltype.name()),
            Self::Form => get(Form::NAMES, number).copied(),
            Self::Function => get(Function::ALL, number).map(|function| function.name()),
            Self::Kind => get(Kind::ALL, number).map(|kind| kind.name()),
            Self::Limit => get(Limit::ALL, number).map(|limit| limit.name()),
            Self::Note => Note::codes().nth(usize::try_from(number).ok()?),
            Self::Status => get(Status::NAMES, number).copied(),
            Self::Why => get(Why::CODES, number).copied(),
        }
    }
}

/// How many numbers this enumeration (AIRLOCK_ENUM_…) has: all below it. 0 if there is no such enumeration.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_enum_count(which: u32) -> u32 {
    get(Enum::ALL, which).map_or(0, |which| u32::try_from(which.len()).unwrap_or(0))
}

/// The name of this number in this enumeration (AIRLOCK_ENUM_…); none if there is no such number.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_enum_name(which: u32, number: u32) -> Text {
    Text::maybe(get(Enum::ALL, which).and_then(|which| which.name(number)))
}

/// What sort of thing a struct of this kind is: `layer`, `callable`, `data`, `optimiser`, `random` or `wrapper`.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_kind_group(kind: u32) -> Text {
    let group = get(Kind::ALL, kind).and_then(|kind| match kind.group() {
        Group::Callable => Some("callable"),
        Group::Data => Some("data"),
        Group::Layer => Some("layer"),
        Group::Optimiser => Some("optimiser"),
        Group::Random => Some("random"),
        Group::Wrapper => Some("wrapper"),
        _ => None,
    });
    Text::maybe(group)
}

/// How many fields a struct of this kind has.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_kind_field_count(kind: u32) -> u32 {
    get(Kind::ALL, kind).map_or(0, |kind| u32::try_from(kind.fields().len()).unwrap_or(0))
}

/// The name of the field at this place, counted from 0 in the order of declaration; none beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_kind_field(kind: u32, place: u32) -> Text {
    Text::maybe(get(Kind::ALL, kind).and_then(|kind| get(kind.fields(), place)).copied())
}

/// The module that defines this function: `NNlib`.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_function_module(function: u32) -> Text {
    Text::maybe(get(Function::ALL, function).map(|function| function.module()))
}

/// How many bytes a number of this type has.
#[unsafe(no_mangle)]
pub extern "C" fn airlock_eltype_width(eltype: u32) -> u32 {
    get(Eltype::ALL, eltype).map_or(0, |eltype| eltype.width())
}

/// The number of this entry among all of them.
pub(crate) fn number_of<T: PartialEq>(all: &[T], entry: &T) -> Option<u32> {
    all.iter().position(|other| other == entry).and_then(|place| u32::try_from(place).ok())
}

/// The entry of this number.
pub(crate) fn get<T>(all: &[T], number: u32) -> Option<&T> {
    all.get(usize::try_from(number).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::model::{List, ModelText};
    use crate::node::NodeText;

    #[test]
    fn what_a_call_chooses_from_stands_at_its_number() {
        fn check<T: Copy>(all: &[T], number: fn(T) -> u32) {
            let numbers: Vec<u32> = all.iter().map(|entry| number(*entry)).collect();
            assert!(numbers.iter().copied().eq(0..u32::try_from(all.len()).unwrap()));
        }
        check(Enum::ALL, |entry| entry as u32);
        check(List::ALL, |entry| entry as u32);
        check(ModelText::ALL, |entry| entry as u32);
        check(NodeText::ALL, |entry| entry as u32);
    }

    #[test]
    fn names_stand_at_their_numbers() {
        assert_eq!(Form::NAMES[Form::NamedTuple as usize], "named-tuple");
        assert_eq!((Form::NAMES[Form::Tuple as usize], Form::NAMES.len()), ("tuple", Form::Tuple as usize + 1));
        assert_eq!(Status::NAMES[Status::NotVerified as usize], "not-verified");
        assert_eq!(Status::NAMES.len(), Status::Internal as usize + 1);
    }
}
