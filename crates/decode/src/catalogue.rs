//! What a struct of a known name is, told by how many fields and type parameters it has.
//!
//! One table, a row for each layout that some version wrote: adding a layout is adding a row. Fields have no names in a
//! file, so a row says which field of today's struct takes which of the file's, and what must be there. Where two layouts
//! have equally many fields, the first row whose fields fit is the right one.

use flux_airlock_wire::{Group, Kind};

/// A layout.
pub(crate) struct Layout {
    /// The path of the type, a `Main` before `Core` or `Base` left out.
    pub(crate) path: &'static str,
    /// How many fields it has.
    pub(crate) fields: u8,
    /// How many type parameters it has; `None` where that says nothing.
    pub(crate) params: Option<u8>,
    /// What it becomes.
    pub(crate) kind: Kind,
    /// What becomes of each of [`Kind::fields`].
    pub(crate) slots: &'static [Slot],
    /// When it was written.
    pub(crate) era: Era,
}

/// Which Flux versions a layout belongs to, beside the number of its fields.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Era {
    /// Any.
    Any,
    /// Flux 0.7 and later: an enclosing `Chain` has a type parameter; ϵ is not the double that was the default before.
    Parametric,
}

/// Where a field of today comes from.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    /// The file's field at this place, counted from 0.
    At(u8, Is),
    /// A mode switch, which becomes `nothing`; `true` is worth a note.
    Active(u8),
    /// A mode switch of Flux 0.9 and before, which says nothing of the saver's intent.
    Dropped(u8, Is),
    /// Absent: this integer.
    Int(i64),
    /// Absent: as many as the field at this place has elements.
    LengthOf(u8),
    /// Absent: `nothing`.
    Null,
    /// Absent: a tuple of ones, as many as the field at this place has.
    OnesLike(u8),
    /// Padding at the first place, for each side of as many dimensions as the field at the second has; once means both.
    Pad(u8, u8),
    /// Absent: `true`.
    True,
}

/// What may stand in a field. Where Flux takes any array, a struct may be one.
#[derive(Clone, Copy)]
pub(crate) enum Is {
    /// Anything.
    Any,
    /// `true`, `false` or `nothing`.
    Switch,
    /// An array, `false`, or a number.
    Bias,
    /// `true` or `false`.
    Bool,
    /// Something that can be called.
    Callable,
    /// Dimensions to work on: `:`, an integer or several.
    Dims,
    /// An integer.
    Int,
    /// A tuple of integers.
    Ints,
    /// An array of three dimensions or more.
    Kernel,
    /// A tuple, a `NamedTuple` or a vector of layers.
    Layers,
    /// An array of two dimensions.
    Matrix,
    /// A number.
    Number,
    /// An array of one dimension.
    Vector,
    /// An array of one dimension, or `nothing`.
    VectorOrNull,
}

/// The layouts of this path, oldest last.
pub(crate) fn layouts(path: &str) -> &'static [Layout] {
    let first = LAYOUTS.partition_point(|row| row.path < path);
    let rest = LAYOUTS.get(first..).unwrap_or(&[]);
    rest.get(..rest.partition_point(|row| row.path == path)).unwrap_or(&[])
}

/// Is it a Flux layer, whose fields are checked?
pub(crate) fn is_layer(kind: Kind) -> bool {
    kind.group() == Group::Layer
}

const fn data(path: &'static str, fields: u8, kind: Kind, slots: &'static [Slot]) -> Layout {
    Layout { path, fields, params: None, kind, slots, era: Era::Any }
}

const fn layer(path: &'static str, fields: u8, params: u8, kind: Kind, slots: &'static [Slot]) -> Layout {
    Layout { path, fields, params: Some(params), kind, slots, era: Era::Any }
}

const fn layer_since_0_7(path: &'static str, fields: u8, params: u8, kind: Kind, slots: &'static [Slot]) -> Layout {
    Layout { path, fields, params: Some(params), kind, slots, era: Era::Parametric }
}

use Is::{
    Any, Bias, Bool, Callable, Dims, Int as Integer, Ints, Kernel, Layers, Matrix, Number, Switch, Vector, VectorOrNull,
};
use Slot::{Active, At, Dropped, Int, LengthOf, Null, OnesLike, Pad, True};

/// One, two, … fields of which nothing is asked.
const ANY: [Slot; 5] = [At(0, Any), At(1, Any), At(2, Any), At(3, Any), At(4, Any)];

const fn any(count: usize) -> &'static [Slot] {
    ANY.split_at(count).0
}

const DENSE: &[Slot] = &[At(0, Matrix), At(1, Bias), At(2, Callable)];
const DENSE_0_4: &[Slot] = &[At(1, Matrix), At(2, Bias), At(0, Callable)];
const POOL: &[Slot] = &[At(0, Ints), Pad(1, 0), At(2, Ints)];
const CONV_7: &[Slot] =
    &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), At(5, Ints), At(6, Integer)];
const CONV_6: &[Slot] = &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), At(5, Ints), Int(1)];
const CONV_5: &[Slot] = &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), OnesLike(3), Int(1)];
const NORM_11: &[Slot] = &[
    At(0, Callable),
    At(1, VectorOrNull),
    At(2, VectorOrNull),
    At(3, VectorOrNull),
    At(4, VectorOrNull),
    At(5, Number),
    At(6, Number),
    At(7, Bool),
    At(8, Bool),
    Active(9),
    At(10, Integer),
];
const NORM_8: &[Slot] = &[
    At(0, Callable),
    At(1, Vector),
    At(2, Vector),
    At(3, Vector),
    At(4, Vector),
    At(5, Number),
    At(6, Number),
    True,
    True,
    Dropped(7, Switch),
    LengthOf(1),
];
const NORM_7: &[Slot] = &[
    At(0, Callable),
    At(1, Vector),
    At(2, Vector),
    At(3, Vector),
    At(4, Vector),
    At(5, Number),
    At(6, Number),
    True,
    True,
    Null,
    LengthOf(1),
];

/// Sorted by path; of one path the newest first. Flux's own are from its sources at each tag from 0.4 to 0.16.11.
#[rustfmt::skip]
static LAYOUTS: &[Layout] = &[
    data("BSON.Undef", 0, Kind::Undef, &[]),
    data("Base.BitArray", 3, Kind::BitArray, any(3)),
    data("Base.Broadcast.BroadcastFunction", 1, Kind::BroadcastFunction, any(1)),
    data("Base.Colon", 0, Kind::Colon, &[]),
    data("Base.Complex", 2, Kind::Complex, any(2)),
    data("Base.ComposedFunction", 2, Kind::ComposedFunction, any(2)),
    data("Base.Dict", 2, Kind::Dict, any(2)),
    data("Base.Fix1", 2, Kind::Fix1, any(2)),
    data("Base.Fix2", 2, Kind::Fix2, any(2)),
    data("Base.IdDict", 2, Kind::IdDict, any(2)),
    data("Base.LinRange", 4, Kind::LinRange, any(4)),
    data("Base.Missing", 0, Kind::Missing, &[]),
    data("Base.OneTo", 1, Kind::OneTo, any(1)),
    data("Base.Pair", 2, Kind::Pair, any(2)),
    data("Base.Rational", 2, Kind::Rational, any(2)),
    data("Base.RefValue", 1, Kind::RefValue, any(1)),
    data("Base.Set", 1, Kind::Set, any(1)),
    data("Base.Some", 1, Kind::Some, any(1)),
    data("Base.StepRange", 3, Kind::StepRange, any(3)),
    data("Base.StepRangeLen", 4, Kind::StepRangeLen, any(4)),
    data("Base.SubString", 3, Kind::SubString, any(3)),
    data("Base.TwicePrecision", 2, Kind::TwicePrecision, any(2)),
    data("Base.UnitRange", 2, Kind::UnitRange, any(2)),
    data("Base.VersionNumber", 5, Kind::VersionNumber, any(5)),
    data("Dates.Date", 1, Kind::Date, any(1)),
    data("Dates.DateTime", 1, Kind::DateTime, any(1)),
    data("Dates.Day", 1, Kind::Day, any(1)),
    data("Dates.Millisecond", 1, Kind::Millisecond, any(1)),
    data("Dates.UTInstant", 1, Kind::UtInstant, any(1)),
    // 0.11
    layer("Flux.AdaptiveMaxPool", 1, 2, Kind::AdaptiveMaxPool, &[At(0, Ints)]),
    layer("Flux.AdaptiveMeanPool", 1, 2, Kind::AdaptiveMeanPool, &[At(0, Ints)]),
    // 0.12; 0.5.2–0.9.0 and 0.10.2–0.11.6; 0.10.0–0.10.1
    layer("Flux.BatchNorm", 11, 4, Kind::BatchNorm, NORM_11),
    layer_since_0_7("Flux.BatchNorm", 8, 4, Kind::BatchNorm, NORM_8),
    layer("Flux.BatchNorm", 7, 4, Kind::BatchNorm, NORM_7),
    // 0.7; 0.4–0.6.10
    layer("Flux.Chain", 1, 1, Kind::Chain, &[At(0, Layers)]),
    layer("Flux.Chain", 1, 0, Kind::Chain, &[At(0, Layers)]),
    // 0.12.6; 0.8.3–0.12.5; 0.5.3–0.8.2; 0.5.0–0.5.2
    layer("Flux.Conv", 7, 5, Kind::Conv, CONV_7),
    layer("Flux.Conv", 6, 5, Kind::Conv, CONV_6),
    layer("Flux.Conv", 6, 4, Kind::Conv, CONV_6),
    layer("Flux.Conv", 5, 4, Kind::Conv, CONV_5),
    // 0.5.0 and later; 0.4
    layer("Flux.Dense", 3, 3, Kind::Dense, DENSE),
    layer("Flux.Dense", 3, 3, Kind::Dense, DENSE_0_4),
    // 0.13; 0.10.2–0.12.10; 0.10.0–0.10.1; 0.9.0; before
    layer("Flux.Dropout", 4, 3, Kind::Dropout, &[At(0, Number), At(1, Dims), Active(2), At(3, Any)]),
    layer("Flux.Dropout", 3, 2, Kind::Dropout, &[At(0, Number), At(1, Dims), Active(2), Null]),
    layer("Flux.Dropout", 2, 2, Kind::Dropout, &[At(0, Number), At(1, Dims), Null, Null]),
    layer("Flux.Dropout", 3, 1, Kind::Dropout, &[At(0, Number), At(1, Dims), Dropped(2, Switch), Null]),
    layer("Flux.Dropout", 2, 1, Kind::Dropout, &[At(0, Number), Null, Dropped(1, Switch), Null]),
    // 0.10.4
    layer("Flux.GlobalMaxPool", 0, 0, Kind::GlobalMaxPool, &[]),
    layer("Flux.GlobalMeanPool", 0, 0, Kind::GlobalMeanPool, &[]),
    // 0.8.3; 0.6.7–0.8.2
    layer("Flux.MaxPool", 3, 2, Kind::MaxPool, POOL),
    layer("Flux.MaxPool", 3, 1, Kind::MaxPool, POOL),
    layer("Flux.MeanPool", 3, 2, Kind::MeanPool, POOL),
    layer("Flux.MeanPool", 3, 1, Kind::MeanPool, POOL),
    data("LinearAlgebra.Adjoint", 1, Kind::Adjoint, any(1)),
    data("LinearAlgebra.Transpose", 1, Kind::Transpose, any(1)),
    data("Random.TaskLocalRNG", 0, Kind::TaskLocalRng, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        assert!(LAYOUTS.is_sorted_by_key(|row| row.path));
        for row in LAYOUTS {
            assert_eq!(row.slots.len(), row.kind.fields().len(), "{} with {} fields", row.path, row.fields);
        }
    }

    #[test]
    fn no_field_of_a_file_is_lost() {
        for row in LAYOUTS {
            for field in 0..row.fields {
                let is_used = row.slots.iter().any(|slot| match *slot {
                    At(at, _) | Active(at) | Dropped(at, _) | Pad(at, _) => at == field,
                    Int(_) | LengthOf(_) | Null | OnesLike(_) | True => false,
                });
                assert!(is_used, "field {field} of {} with {} fields", row.path, row.fields);
            }
        }
    }
}
