//! What a struct of a known name is, told by how many fields and type parameters it has.
//!
//! One table, a row for each layout that some version wrote: adding a layout is adding a row. Fields have no names in a
//! file, so a row says which of the file's fields each field of today's struct takes, and what must be there. Where several
//! layouts have equally many fields, the first row whose fields fit is the right one.

use flux_airlock_wire::{AsideName, FluxVersion as Version, Group, Kind, NoteCode};

/// A layout.
pub(crate) struct Layout {
    /// The path of the type, a `Main` before `Core` or `Base` left out.
    pub(crate) path: &'static str,
    /// How many fields it has.
    pub(crate) fields: u8,
    /// How many type parameters it has; `None` where that says nothing.
    pub(crate) params: Option<u8>,
    /// What becomes of it.
    pub(crate) becomes: Becomes,
    /// The file's fields that today's struct has no place for.
    pub(crate) asides: &'static [(u8, AsideName)],
    /// What is said of it.
    pub(crate) notes: &'static [NoteCode],
    /// What tells it from a layout with as many fields, beside the fields themselves.
    pub(crate) test: Test,
    /// The Flux versions that wrote it; `None` where it is not Flux's.
    pub(crate) flux: Option<(Version, Version)>,
}

/// What becomes of a struct.
#[derive(Clone, Copy)]
pub(crate) enum Becomes {
    /// This kind, with these for [`Kind::fields`].
    Struct(Kind, &'static [Slot]),
    /// What its field at this place is.
    Part(u8, Is),
    /// `false`: the absence of a bias, if all its fields are of this sort.
    False(Is),
}

/// A second test.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Test {
    None,
    /// Flux 0.6 and before: an enclosing `Chain` has no type parameter; without one, ϵ is the double that was the default.
    BeforeParameters,
}

/// Where a field of today comes from.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    /// The file's field at this place, counted from 0.
    At(u8, Is),
    /// A mode switch, as it is, but `true`, which becomes `nothing` and is worth a note.
    Active(u8),
    /// A mode switch of Flux 0.9 and before, which says nothing of the saver's intent: `nothing`.
    Dropped(u8, Is),
    /// Absent: a value without fields, which is what the layer has if nothing else is said.
    Default(Kind),
    /// Absent: `false`.
    False,
    /// Absent: this number.
    Float(f64),
    /// Absent: `identity`.
    Identity,
    /// Absent: this integer.
    Int(i64),
    /// Absent: as many as the array at this place has elements.
    LengthOf(u8),
    /// The affine part of a normalisation at the first place, applied before the function at the second.
    Affine(u8, u8),
    /// Absent: `nothing`.
    Null,
    /// Absent: a tuple of this integer, as many times as the field at this place has elements.
    Like(u8, i64),
    /// Padding at the first place, for each side of as many dimensions as the field at the second has; once means both.
    Pad(u8, u8),
    /// The type parameter at this place: a boolean, an integer or a symbol.
    Param(u8),
    /// The integer at this place, this many times.
    Repeat(u8, u8),
    /// The size of the `Scale` at this place.
    SizeOf(u8),
    /// The square of the array at this place.
    Squared(u8),
    /// Absent: `true`.
    True,
    /// A number that becomes 0.
    Zeroed(u8),
}

/// What may stand in a field. Where Flux takes any array, a struct may be one.
#[derive(Clone, Copy)]
pub(crate) enum Is {
    /// Anything.
    Any,
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
    /// An integer or `nothing`.
    IntOrNull,
    /// A tuple of integers.
    Ints,
    /// An array of three dimensions or more.
    Kernel,
    /// A layer of this kind.
    Layer(Kind),
    /// A tuple, a `NamedTuple` or a vector of layers.
    Layers,
    /// An array of two dimensions.
    Matrix,
    /// `nothing`.
    Nothing,
    /// A number.
    Number,
    /// A number, a tuple of numbers or `nothing`.
    Scaling,
    /// `true`, `false` or `nothing`.
    Switch,
    /// An array, of numbers or of some other kind: nothing with names of its own.
    Tracked,
    /// A tuple.
    Tuple,
    /// An array.
    Array,
    /// An array, or `nothing`.
    ArrayOrNull,
}

/// The layouts of this path, newest first.
pub(crate) fn layouts(path: &str) -> &'static [Layout] {
    let first = LAYOUTS.partition_point(|row| row.path < path);
    let rest = LAYOUTS.get(first..).unwrap_or(&[]);
    rest.get(..rest.partition_point(|row| row.path == path)).unwrap_or(&[])
}

/// All layouts.
#[cfg(feature = "museum")]
pub(crate) fn all() -> &'static [Layout] {
    LAYOUTS
}

/// Is this an array that lives in the memory of a device?
pub(crate) fn is_device_array(path: &str) -> bool {
    matches!(
        path,
        "AMDGPU.ROCArray"
            | "CUDA.CuArray"
            | "CUDACore.CuArray"
            | "CuArrays.CuArray"
            | "Metal.MtlArray"
            | "Reactant.ConcreteRArray"
            | "oneAPI.oneArray"
    )
}

impl Layout {
    /// The kind of layer it becomes, if it is a layer.
    pub(crate) const fn layer(&self) -> Option<Kind> {
        match self.becomes {
            Becomes::Struct(kind, _) if matches!(kind.group(), Group::Layer) => Some(kind),
            _ => None,
        }
    }

    const fn aside(self, asides: &'static [(u8, AsideName)]) -> Self {
        Self { asides, ..self }
    }

    const fn note(self, notes: &'static [NoteCode]) -> Self {
        Self { notes, ..self }
    }

    const fn test(self, test: Test) -> Self {
        Self { test, ..self }
    }
}

/// The newest Flux that the table knows.
pub(crate) const NEWEST: Version = (16, 11);

/// A struct that is not Flux's, or whose versions say nothing.
const fn data(path: &'static str, fields: u8, kind: Kind, slots: &'static [Slot]) -> Layout {
    let becomes = Becomes::Struct(kind, slots);
    Layout { path, fields, params: None, becomes, asides: &[], notes: &[], test: Test::None, flux: None }
}

/// A layout of Flux itself: fields, parameters, first and last version.
const fn flux(
    path: &'static str,
    (fields, params): (u8, u8),
    (since, until): (Version, Version),
    kind: Kind,
    slots: &'static [Slot],
) -> Layout {
    let becomes = Becomes::Struct(kind, slots);
    let flux = Some((since, until));
    Layout { path, fields, params: Some(params), becomes, asides: &[], notes: &[], test: Test::None, flux }
}

/// A struct that is no more than what one of its fields is.
const fn part(path: &'static str, fields: u8, (field, is): (u8, Is), asides: &'static [(u8, AsideName)]) -> Layout {
    let becomes = Becomes::Part(field, is);
    Layout { path, fields, params: None, becomes, asides, notes: &[], test: Test::None, flux: None }
}

/// What stood for the absence of a bias.
const fn absent(fields: u8, params: u8, (since, until): (Version, Version)) -> Layout {
    let flux = Some((since, until));
    let path = "Flux.Zeros";
    Layout {
        path,
        fields,
        params: Some(params),
        becomes: Becomes::False(Ints),
        asides: &[],
        notes: &[],
        test: Test::None,
        flux,
    }
}

use AsideName as Aside;
use Is::{
    Any, Array, ArrayOrNull, Bias, Bool, Callable, Dims, Int as Integer, IntOrNull, Ints, Kernel, Layer, Layers,
    Matrix, Nothing, Number, Scaling, Switch, Tracked, Tuple,
};
use NoteCode as Say;
use Slot::{
    Active, Affine, At, Default, Dropped, False, Float, Identity, Int, LengthOf, Like, Null, Pad, Param, Repeat,
    SizeOf, Squared, True, Zeroed,
};

/// As many fields, of which nothing is asked.
const fn any(count: usize) -> &'static [Slot] {
    const ANY: [Slot; 12] = [
        At(0, Any),
        At(1, Any),
        At(2, Any),
        At(3, Any),
        At(4, Any),
        At(5, Any),
        At(6, Any),
        At(7, Any),
        At(8, Any),
        At(9, Any),
        At(10, Any),
        At(11, Any),
    ];
    ANY.split_at(count).0
}

const ADAM_3: &[Slot] = &[At(0, Any), At(1, Any), Null, At(2, Any)];
const LUX_CONV_10: &[Slot] = &[
    At(0, Any),
    At(1, Any),
    At(2, Any),
    At(3, Any),
    At(4, Any),
    At(5, Any),
    At(6, Any),
    At(7, Any),
    At(8, Any),
    At(9, Any),
    Param(1),
    Null,
];
const LUX_CONV_11: &[Slot] = &[
    At(0, Any),
    At(1, Any),
    At(2, Any),
    At(3, Any),
    At(4, Any),
    At(5, Any),
    At(6, Any),
    At(7, Any),
    At(8, Any),
    At(9, Any),
    At(10, Any),
    Null,
];
const BILINEAR: &[Slot] = &[At(0, Kernel), At(1, Bias), At(2, Callable)];
const CONV_TRANSPOSE_6: &[Slot] =
    &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), Like(3, 0), At(5, Ints), Int(1)];
const CONV_5: &[Slot] = &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), Like(3, 1), Int(1)];
const CONV_6: &[Slot] = &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), At(5, Ints), Int(1)];
const CROSS_COR: &[Slot] = &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), At(5, Ints)];
const GROUP_8: &[Slot] = &[
    At(0, Integer),
    At(1, Callable),
    At(2, Array),
    At(3, Array),
    At(4, Array),
    At(5, Array),
    At(6, Number),
    At(7, Number),
    True,
    True,
    Null,
    LengthOf(2),
];
const GROUP_9: &[Slot] = &[
    At(0, Integer),
    At(1, Callable),
    At(2, Array),
    At(3, Array),
    At(4, Array),
    At(5, Array),
    At(6, Number),
    At(7, Number),
    True,
    True,
    Dropped(8, Switch),
    LengthOf(2),
];
const GROUP_12: &[Slot] = &[
    At(0, Integer),
    At(1, Callable),
    At(2, ArrayOrNull),
    At(3, ArrayOrNull),
    At(4, Nothing),
    At(5, Nothing),
    At(6, Number),
    At(7, Number),
    At(8, Bool),
    At(9, Bool),
    Active(10),
    At(11, Integer),
];
const GROUP_12_TRACKED: &[Slot] = &[
    At(0, Integer),
    At(1, Callable),
    At(2, ArrayOrNull),
    At(3, ArrayOrNull),
    At(4, Array),
    At(5, Array),
    At(6, Number),
    At(7, Number),
    At(8, Bool),
    At(9, Bool),
    Active(10),
    At(11, Integer),
];
const HEADS: &[Slot] =
    &[At(0, Integer), At(1, Callable), At(2, Callable), At(3, Callable), At(4, Callable), At(5, Callable)];
const NORM_11: &[Slot] = &[
    At(0, Callable),
    At(1, ArrayOrNull),
    At(2, ArrayOrNull),
    At(3, ArrayOrNull),
    At(4, ArrayOrNull),
    At(5, Number),
    At(6, Number),
    At(7, Bool),
    At(8, Bool),
    Active(9),
    At(10, Integer),
];
const NORM_7: &[Slot] = &[
    At(0, Callable),
    At(1, Array),
    At(2, Array),
    At(3, Array),
    At(4, Array),
    At(5, Number),
    At(6, Number),
    True,
    True,
    Null,
    LengthOf(1),
];
const NORM_8: &[Slot] = &[
    At(0, Callable),
    At(1, Array),
    At(2, Array),
    At(3, Array),
    At(4, Array),
    At(5, Number),
    At(6, Number),
    True,
    True,
    Dropped(7, Switch),
    LengthOf(1),
];
const NORM_8_DEVIATION: &[Slot] = &[
    At(0, Callable),
    At(1, Array),
    At(2, Array),
    At(3, Array),
    Squared(4),
    Zeroed(5),
    At(6, Number),
    True,
    True,
    Dropped(7, Switch),
    LengthOf(1),
];
const POOL: &[Slot] = &[At(0, Ints), Pad(1, 0), At(2, Ints)];
const RNN_CELL: &[Slot] = &[At(0, Callable), At(1, Matrix), At(2, Matrix), At(3, Bias)];
const GATES_3: &[Slot] = &[At(0, Matrix), At(1, Matrix), At(2, Bias)];
const GATES_4: &[Slot] = &[At(0, Matrix), At(1, Matrix), At(2, Bias), At(3, Matrix)];

/// Sorted by path; of one path the newest first, but the stricter before the laxer. Flux's own are from its sources at each tag from 0.4 to 0.16.11.
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
    data("Base.GMP.BigInt", 3, Kind::BigInt, any(3)),
    data("Base.IdDict", 2, Kind::IdDict, any(2)),
    data("Base.IdSet", 1, Kind::IdSet, any(1)),
    data("Base.LinRange", 4, Kind::LinRange, any(4)),
    data("Base.Missing", 0, Kind::Missing, &[]),
    data("Base.MultiplicativeInverses.SignedMultiplicativeInverse", 4, Kind::SignedMultiplicativeInverse, any(4)),
    data("Base.OneTo", 1, Kind::OneTo, any(1)),
    data("Base.Pair", 2, Kind::Pair, any(2)),
    data("Base.PermutedDimsArrays.PermutedDimsArray", 1, Kind::PermutedDimsArray, any(1)),
    data("Base.Rational", 2, Kind::Rational, any(2)),
    data("Base.RefValue", 1, Kind::RefValue, any(1)),
    data("Base.ReinterpretArray", 3, Kind::ReinterpretArray, any(3)),
    data("Base.ReshapedArray", 3, Kind::ReshapedArray, any(3)),
    data("Base.Set", 1, Kind::Set, any(1)),
    data("Base.Slice", 1, Kind::Slice, any(1)),
    data("Base.Some", 1, Kind::Some, any(1)),
    data("Base.StepRange", 3, Kind::StepRange, any(3)),
    data("Base.StepRangeLen", 4, Kind::StepRangeLen, any(4)),
    data("Base.SubArray", 4, Kind::SubArray, any(4)),
    data("Base.SubString", 3, Kind::SubString, any(3)),
    data("Base.TwicePrecision", 2, Kind::TwicePrecision, any(2)),
    data("Base.UnitRange", 2, Kind::UnitRange, any(2)),
    data("Base.VersionNumber", 5, Kind::VersionNumber, any(5)),
    // Julia 1.11 and later: how many, and where; the elements themselves are not in the file.
    data("Core.GenericMemory", 2, Kind::GenericMemory, any(2)),
    data("Dates.Date", 1, Kind::Date, any(1)),
    data("Dates.DateTime", 1, Kind::DateTime, any(1)),
    data("Dates.Day", 1, Kind::Day, any(1)),
    data("Dates.Millisecond", 1, Kind::Millisecond, any(1)),
    data("Dates.UTInstant", 1, Kind::UtInstant, any(1)),

    flux("Flux.AdaptiveMaxPool",  (1, 2), ((11, 0), NEWEST), Kind::AdaptiveMaxPool, &[At(0, Ints)]),
    flux("Flux.AdaptiveMeanPool", (1, 2), ((11, 0), NEWEST), Kind::AdaptiveMeanPool, &[At(0, Ints)]),
    flux("Flux.AlphaDropout", (3, 2), ((13, 0), NEWEST),   Kind::AlphaDropout, &[At(0, Number), Active(1), At(2, Any)]),
    flux("Flux.AlphaDropout", (2, 1), ((8, 0), (12, 10)),  Kind::AlphaDropout, &[At(0, Number), Dropped(1, Switch), RNG]),
    flux("Flux.AlphaDropout", (1, 1), ((10, 0), (10, 1)),  Kind::AlphaDropout, &[At(0, Number), Null, RNG]),
    flux("Flux.BatchNorm", (11, 4), ((12, 0), NEWEST),     Kind::BatchNorm, NORM_11),
    flux("Flux.BatchNorm", (8, 4),  ((5, 2), (6, 10)),     Kind::BatchNorm, NORM_8_DEVIATION)
        .test(Test::BeforeParameters).note(&[Say::MovingDeviation]),
    flux("Flux.BatchNorm", (8, 4),  ((7, 0), (11, 6)),     Kind::BatchNorm, NORM_8),
    flux("Flux.BatchNorm", (8, 3),  ((4, 0), (5, 1)),      Kind::BatchNorm, NORM_8_DEVIATION).note(&[Say::MovingDeviation]),
    flux("Flux.BatchNorm", (7, 4),  ((10, 0), (10, 1)),    Kind::BatchNorm, NORM_7),
    flux("Flux.Bilinear", (3, 3),   ((12, 0), NEWEST),     Kind::Bilinear, BILINEAR),
    flux("Flux.Chain", (1, 1), ((7, 0), NEWEST),           Kind::Chain, &[At(0, Layers)]),
    flux("Flux.Chain", (1, 0), ((4, 0), (6, 10)),          Kind::Chain, &[At(0, Layers)]),
    flux("Flux.Conv", (7, 5), ((12, 6), NEWEST),           Kind::Conv,
        &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), At(5, Ints), At(6, Integer)]),
    flux("Flux.Conv", (6, 5), ((8, 3), (12, 5)),           Kind::Conv, CONV_6),
    flux("Flux.Conv", (6, 4), ((5, 3), (8, 2)),            Kind::Conv, CONV_6),
    flux("Flux.Conv", (5, 4), ((5, 0), (5, 2)),            Kind::Conv, CONV_5),
    flux("Flux.Conv2D", (4, 2), ((4, 0), (4, 1)),          Kind::Conv,
        &[At(0, Callable), At(1, Kernel), False, Repeat(2, 2), Repeat(3, 4), Repeat(2, 2), Int(1)]),
    flux("Flux.ConvTranspose", (8, 5), ((14, 17), NEWEST), Kind::ConvTranspose,
        &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), At(5, Ints), At(6, Ints), At(7, Integer)]),
    flux("Flux.ConvTranspose", (7, 5), ((12, 8), (14, 16)), Kind::ConvTranspose,
        &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), Like(3, 0), At(5, Ints), At(6, Integer)]),
    flux("Flux.ConvTranspose", (6, 5), ((8, 3), (12, 7)),  Kind::ConvTranspose, CONV_TRANSPOSE_6),
    flux("Flux.ConvTranspose", (6, 4), ((8, 0), (8, 2)),   Kind::ConvTranspose, CONV_TRANSPOSE_6),
    flux("Flux.CrossCor", (6, 5), ((9, 0), NEWEST),        Kind::CrossCor, CROSS_COR),
    flux("Flux.Dense", (3, 3), ((5, 0), NEWEST),           Kind::Dense, &[At(0, Matrix), At(1, Bias), At(2, Callable)]),
    flux("Flux.Dense", (3, 3), ((4, 0), (4, 1)),           Kind::Dense, &[At(1, Matrix), At(2, Bias), At(0, Callable)]),
    flux("Flux.DepthwiseConv", (6, 5), ((8, 3), (12, 10)), Kind::DepthwiseConv, CROSS_COR),
    flux("Flux.DepthwiseConv", (5, 4), ((7, 0), (8, 2)),   Kind::DepthwiseConv,
        &[At(0, Callable), At(1, Kernel), At(2, Bias), At(3, Ints), Pad(4, 3), Like(3, 1)]),
    flux("Flux.Diagonal", (2, 1), ((4, 0), (12, 10)),      Kind::Scale, &[At(0, Array), At(1, Bias), Identity]),
    flux("Flux.Dropout", (4, 3), ((13, 0), NEWEST),        Kind::Dropout, &[At(0, Number), At(1, Dims), Active(2), At(3, Any)]),
    flux("Flux.Dropout", (3, 2), ((10, 2), (12, 10)),      Kind::Dropout, &[At(0, Number), At(1, Dims), Active(2), RNG]),
    flux("Flux.Dropout", (3, 1), ((9, 0), (9, 0)),         Kind::Dropout,
        &[At(0, Number), At(1, Dims), Dropped(2, Switch), RNG]),
    flux("Flux.Dropout", (2, 2), ((10, 0), (10, 1)),       Kind::Dropout, &[At(0, Number), At(1, Dims), Null, RNG]),
    flux("Flux.Dropout", (2, 1), ((4, 0), (8, 3)),         Kind::Dropout, &[At(0, Number), Default(Kind::Colon), Dropped(1, Switch), RNG]),
    flux("Flux.Embedding", (2, 2), ((16, 11), NEWEST),     Kind::Embedding, &[At(0, Matrix), At(1, IntOrNull)]),
    flux("Flux.Embedding", (1, 1), ((12, 5), (16, 10)),    Kind::Embedding, &[At(0, Matrix), Null]),
    flux("Flux.EmbeddingBag", (2, 2), ((13, 16), NEWEST),  Kind::EmbeddingBag, &[At(0, Matrix), At(1, Callable)]),
    flux("Flux.GRU", (1, 2), ((16, 1), NEWEST),            Kind::Gru, &[At(0, Layer(Kind::GruCell)), Param(0)]),
    flux("Flux.GRU", (1, 1), ((15, 0), (16, 0)),           Kind::Gru, &[At(0, Layer(Kind::GruCell)), False]),
    flux("Flux.GRUCell", (4, 4), ((13, 7), (14, 25)),      Kind::GruCell, GATES_3)
        .aside(&[(3, Aside::State0)]).note(&[Say::InitialState]),
    flux("Flux.GRUCell", (4, 3), ((12, 0), (13, 6)),       Kind::GruCell, GATES_3)
        .aside(&[(3, Aside::State0)]).note(&[Say::InitialState]),
    flux("Flux.GRUCell", (4, 2), ((5, 0), (11, 6)),        Kind::GruCell, GATES_3)
        .aside(&[(3, Aside::H)]).note(&[Say::InitialState]),
    flux("Flux.GRUCell", (3, 3), ((15, 0), NEWEST),        Kind::GruCell, GATES_3),
    flux("Flux.GRUv3", (1, 2), ((16, 1), NEWEST),          Kind::GruV3, &[At(0, Layer(Kind::GruV3Cell)), Param(0)]),
    flux("Flux.GRUv3", (1, 1), ((15, 0), (16, 0)),         Kind::GruV3, &[At(0, Layer(Kind::GruV3Cell)), False]),
    flux("Flux.GRUv3Cell", (5, 5), ((13, 7), (14, 25)),    Kind::GruV3Cell, GATES_4)
        .aside(&[(4, Aside::State0)]).note(&[Say::GruV3Block, Say::InitialState]),
    flux("Flux.GRUv3Cell", (5, 3), ((12, 7), (13, 6)),     Kind::GruV3Cell, GATES_4)
        .aside(&[(4, Aside::State0)]).note(&[Say::GruV3Block, Say::InitialState]),
    flux("Flux.GRUv3Cell", (4, 4), ((15, 0), NEWEST),      Kind::GruV3Cell, GATES_4),
    flux("Flux.GlobalMaxPool", (0, 0), ((10, 4), NEWEST),  Kind::GlobalMaxPool, &[]),
    flux("Flux.GlobalMeanPool", (0, 0), ((10, 4), NEWEST), Kind::GlobalMeanPool, &[]),
    flux("Flux.GroupNorm", (12, 3), ((14, 0), NEWEST),     Kind::GroupNorm, GROUP_12),
    flux("Flux.GroupNorm", (12, 4), ((12, 0), (13, 17)),   Kind::GroupNorm, GROUP_12),
    flux("Flux.GroupNorm", (12, 4), ((12, 0), (13, 17)),   Kind::GroupNorm, GROUP_12_TRACKED).note(&[Say::TrackedStatistics]),
    flux("Flux.GroupNorm", (9, 5), ((8, 2), (11, 6)),      Kind::GroupNorm, GROUP_9).note(&[Say::TrackedStatistics]),
    flux("Flux.GroupNorm", (8, 5), ((10, 0), (10, 1)),     Kind::GroupNorm, GROUP_8).note(&[Say::TrackedStatistics]),
    flux("Flux.InstanceNorm", (11, 4), ((12, 0), NEWEST),  Kind::InstanceNorm, NORM_11),
    flux("Flux.InstanceNorm", (8, 4), ((8, 0), (11, 6)),   Kind::InstanceNorm, NORM_8),
    flux("Flux.InstanceNorm", (7, 4), ((10, 0), (10, 1)),  Kind::InstanceNorm, NORM_7),
    flux("Flux.LSTM", (1, 2), ((16, 1), NEWEST),           Kind::Lstm, &[At(0, Layer(Kind::LstmCell)), Param(0)]),
    flux("Flux.LSTM", (1, 1), ((15, 0), (16, 0)),          Kind::Lstm, &[At(0, Layer(Kind::LstmCell)), False]),
    flux("Flux.LSTMCell", (5, 2), ((5, 0), (11, 6)),       Kind::LstmCell, GATES_3)
        .aside(&[(3, Aside::H), (4, Aside::C)]).note(&[Say::InitialState]),
    flux("Flux.LSTMCell", (4, 4), ((13, 7), (14, 25)),     Kind::LstmCell, GATES_3)
        .aside(&[(3, Aside::State0)]).note(&[Say::InitialState]),
    flux("Flux.LSTMCell", (4, 3), ((12, 0), (13, 6)),      Kind::LstmCell, GATES_3)
        .aside(&[(3, Aside::State0)]).note(&[Say::InitialState]),
    flux("Flux.LSTMCell", (3, 3), ((15, 0), NEWEST),       Kind::LstmCell, GATES_3),
    flux("Flux.LayerNorm", (5, 4), ((12, 0), (12, 10)),    Kind::LayerNorm,
        &[At(0, Callable), Affine(1, 0), At(2, Number), At(3, Tuple), At(4, Bool)]).note(&[Say::LayerNormEpsilon]),
    flux("Flux.LayerNorm", (5, 4), ((13, 0), NEWEST),      Kind::LayerNorm,
        &[At(0, Callable), At(1, Callable), At(2, Number), At(3, Tuple), At(4, Bool)]).note(&[Say::LayerNormEpsilon]),
    flux("Flux.LayerNorm", (1, 1), ((4, 0), (11, 6)),      Kind::LayerNorm,
        &[Identity, At(0, Layer(Kind::Scale)), Float(1e-5), SizeOf(0), True]).note(&[Say::LayerNormEpsilon]),
    flux("Flux.MaxPool", (3, 2), ((8, 3), NEWEST),         Kind::MaxPool, POOL),
    flux("Flux.MaxPool", (3, 1), ((6, 7), (8, 2)),         Kind::MaxPool, POOL),
    flux("Flux.Maxout", (1, 1), ((8, 0), NEWEST),          Kind::Maxout, &[At(0, Layers)]),
    flux("Flux.MeanPool", (3, 2), ((8, 3), NEWEST),        Kind::MeanPool, POOL),
    flux("Flux.MeanPool", (3, 1), ((6, 7), (8, 2)),        Kind::MeanPool, POOL),
    flux("Flux.MultiHeadAttention", (6, 3), ((13, 15), NEWEST), Kind::MultiHeadAttention, HEADS),
    data("Flux.OneHotArray", 1, Kind::OneHotArray, &[At(0, Any), Param(1)]),
    data("Flux.OneHotMatrix", 2, Kind::OneHotMatrix, any(2)),
    data("Flux.OneHotVector", 2, Kind::OneHotVector, any(2)),
    data("Flux.Optimise.ADADelta", 3, Kind::OldAdaDelta, any(3)),
    data("Flux.Optimise.ADADelta", 2, Kind::OldAdaDelta, &[At(0, Any), Null, At(1, Any)]),
    data("Flux.Optimise.ADAGrad", 3, Kind::OldAdaGrad, any(3)),
    data("Flux.Optimise.ADAGrad", 2, Kind::OldAdaGrad, &[At(0, Any), Null, At(1, Any)]),
    data("Flux.Optimise.ADAM", 4, Kind::OldAdam, any(4)),
    data("Flux.Optimise.ADAM", 3, Kind::OldAdam, ADAM_3),
    data("Flux.Optimise.AMSGrad", 4, Kind::OldAmsGrad, any(4)),
    data("Flux.Optimise.AMSGrad", 3, Kind::OldAmsGrad, ADAM_3),
    data("Flux.Optimise.AdaBelief", 4, Kind::OldAdaBelief, any(4)),
    data("Flux.Optimise.AdaBelief", 3, Kind::OldAdaBelief, ADAM_3),
    data("Flux.Optimise.AdaDelta", 3, Kind::OldAdaDelta, any(3)),
    data("Flux.Optimise.AdaGrad", 3, Kind::OldAdaGrad, any(3)),
    data("Flux.Optimise.AdaMax", 4, Kind::OldAdaMax, any(4)),
    data("Flux.Optimise.AdaMax", 3, Kind::OldAdaMax, ADAM_3),
    data("Flux.Optimise.Adam", 4, Kind::OldAdam, any(4)),
    data("Flux.Optimise.ClipNorm", 1, Kind::OldClipNorm, any(1)),
    data("Flux.Optimise.ClipValue", 1, Kind::OldClipValue, any(1)),
    data("Flux.Optimise.Descent", 1, Kind::OldDescent, any(1)),
    data("Flux.Optimise.ExpDecay", 6, Kind::OldExpDecay, any(6)),
    data("Flux.Optimise.ExpDecay", 5, Kind::OldExpDecay,
        &[At(0, Any), At(1, Any), At(2, Any), At(3, Any), Null, At(4, Any)]),
    data("Flux.Optimise.InvDecay", 2, Kind::OldInvDecay, any(2)),
    data("Flux.Optimise.Momentum", 3, Kind::OldMomentum, any(3)),
    data("Flux.Optimise.NADAM", 4, Kind::OldNAdam, any(4)),
    data("Flux.Optimise.NADAM", 3, Kind::OldNAdam, ADAM_3),
    data("Flux.Optimise.NAdam", 4, Kind::OldNAdam, any(4)),
    data("Flux.Optimise.Nesterov", 3, Kind::OldNesterov, any(3)),
    data("Flux.Optimise.OADAM", 4, Kind::OldOAdam, any(4)),
    data("Flux.Optimise.OADAM", 3, Kind::OldOAdam, ADAM_3),
    data("Flux.Optimise.OAdam", 4, Kind::OldOAdam, any(4)),
    data("Flux.Optimise.Optimiser", 1, Kind::OldOptimiser, any(1)),
    data("Flux.Optimise.RADAM", 4, Kind::OldRAdam, any(4)),
    data("Flux.Optimise.RADAM", 3, Kind::OldRAdam, ADAM_3),
    data("Flux.Optimise.RAdam", 4, Kind::OldRAdam, any(4)),
    data("Flux.Optimise.RMSProp", 4, Kind::OldRmsProp, any(4)),
    data("Flux.Optimise.RMSProp", 3, Kind::OldRmsProp, ADAM_3),
    data("Flux.Optimise.SignDecay", 1, Kind::OldSignDecay, any(1)),
    data("Flux.Optimise.WeightDecay", 1, Kind::OldWeightDecay, any(1)),
    flux("Flux.PairwiseFusion", (2, 2), ((13, 4), NEWEST), Kind::PairwiseFusion, &[At(0, Callable), At(1, Layers)]),
    flux("Flux.Parallel", (2, 2), ((12, 0), NEWEST),       Kind::Parallel, &[At(0, Callable), At(1, Any)]),
    flux("Flux.PixelShuffle", (1, 0), ((12, 0), NEWEST),   Kind::PixelShuffle, &[At(0, Integer)]),
    flux("Flux.RNN", (1, 2), ((16, 1), NEWEST),            Kind::Rnn, &[At(0, Layer(Kind::RnnCell)), Param(0)]),
    flux("Flux.RNN", (1, 1), ((15, 0), (16, 0)),           Kind::Rnn, &[At(0, Layer(Kind::RnnCell)), False]),
    flux("Flux.RNNCell", (5, 5), ((13, 7), (14, 25)),      Kind::RnnCell, RNN_CELL)
        .aside(&[(4, Aside::State0)]).note(&[Say::InitialState]),
    flux("Flux.RNNCell", (5, 4), ((12, 0), (13, 6)),       Kind::RnnCell, RNN_CELL)
        .aside(&[(4, Aside::State0)]).note(&[Say::InitialState]),
    flux("Flux.RNNCell", (5, 3), ((5, 0), (11, 6)),        Kind::RnnCell, RNN_CELL)
        .aside(&[(4, Aside::H)]).note(&[Say::InitialState]),
    flux("Flux.RNNCell", (4, 4), ((15, 0), NEWEST),        Kind::RnnCell, RNN_CELL),
    flux("Flux.Recur", (3, 1), ((4, 0), (11, 6)),  Kind::Rnn, &[At(0, Layer(Kind::RnnCell)), False]).aside(RECUR_3).note(CALLS),
    flux("Flux.Recur", (3, 1), ((5, 0), (11, 6)),  Kind::Lstm, &[At(0, Layer(Kind::LstmCell)), False]).aside(RECUR_3).note(CALLS),
    flux("Flux.Recur", (3, 1), ((5, 0), (11, 6)),  Kind::Gru, &[At(0, Layer(Kind::GruCell)), False]).aside(RECUR_3).note(CALLS),
    flux("Flux.Recur", (3, 1), ((4, 0), (11, 6)),  Kind::Recurrence, &[At(0, Callable), False]).aside(RECUR_3).note(CALLS),
    flux("Flux.Recur", (2, 2), ((12, 0), (14, 25)), Kind::Rnn, &[At(0, Layer(Kind::RnnCell)), False]).aside(RECUR_2).note(CALLS),
    flux("Flux.Recur", (2, 2), ((12, 0), (14, 25)), Kind::Lstm, &[At(0, Layer(Kind::LstmCell)), False]).aside(RECUR_2).note(CALLS),
    flux("Flux.Recur", (2, 2), ((12, 0), (14, 25)), Kind::Gru, &[At(0, Layer(Kind::GruCell)), False]).aside(RECUR_2).note(CALLS),
    flux("Flux.Recur", (2, 2), ((12, 7), (14, 25)), Kind::GruV3, &[At(0, Layer(Kind::GruV3Cell)), False]).aside(RECUR_2).note(CALLS),
    flux("Flux.Recur", (2, 2), ((12, 0), (14, 25)), Kind::Recurrence, &[At(0, Callable), False]).aside(RECUR_2).note(CALLS),
    flux("Flux.Recurrence", (1, 2), ((16, 1), NEWEST),     Kind::Recurrence, &[At(0, Callable), Param(0)]),
    flux("Flux.Recurrence", (1, 1), ((16, 0), (16, 0)),    Kind::Recurrence, &[At(0, Callable), False]),
    flux("Flux.Scale", (3, 3), ((13, 0), NEWEST),          Kind::Scale, &[At(0, Array), At(1, Bias), At(2, Callable)]),
    flux("Flux.SkipConnection", (2, 2), ((12, 0), NEWEST), Kind::SkipConnection, &[At(0, Callable), At(1, Callable)]),
    flux("Flux.SkipConnection", (2, 0), ((9, 0), (11, 6)), Kind::SkipConnection, &[At(0, Callable), At(1, Callable)]),
    data("Flux.Tracker.Call", 2, Kind::TrackerCall, any(2)),
    data("Flux.Tracker.IdSet", 1, Kind::IdSet, any(1)),
    data("Flux.Tracker.Params", 2, Kind::TrackerParams, any(2)),
    data("Flux.Tracker.Params", 1, Kind::TrackerParams, &[Null, At(0, Any)]),
    data("Flux.Tracker.Tracked", 5, Kind::TrackerTracked, &[At(0, Any), At(1, Any), At(2, Any), At(4, Any)]).aside(&[(3, Aside::Tracker)]),
    data("Flux.Tracker.Tracked", 4, Kind::TrackerTracked, any(4)),
    part("Flux.Tracker.TrackedArray", 3, (1, Tracked), TRACKED_ARRAY),
    part("Flux.Tracker.TrackedArray", 4, (2, Tracked), &[(0, Aside::Ref), (1, Aside::Tracker), (3, Aside::Grad)]),
    part("Flux.Tracker.TrackedReal", 2, (0, Number), &[(1, Aside::Tracker)]),
    flux("Flux.Upsample", (2, 3), ((12, 0), NEWEST),       Kind::Upsample, &[Param(0), At(0, Scaling), At(1, Scaling)]),
    flux("Flux.WeightNorm", (4, 3), ((16, 0), NEWEST),     Kind::WeightNorm,
        &[At(0, Callable), At(1, Array), At(2, Any), At(3, Any)]),
    absent(1, 2, ((11, 0), (11, 6))),
    absent(0, 0, ((12, 0), (12, 10))),

    data("LinearAlgebra.Adjoint", 1, Kind::Adjoint, any(1)),
    data("LinearAlgebra.Diagonal", 1, Kind::Diagonal, any(1)),
    data("LinearAlgebra.Symmetric", 2, Kind::Symmetric, any(2)),
    data("LinearAlgebra.Transpose", 1, Kind::Transpose, any(1)),
    data("Lux.BatchNorm", 8, Kind::LuxBatchNorm, any(8)),
    data("Lux.Chain", 2, Kind::LuxChain, any(2)),
    data("Lux.Chain", 1, Kind::LuxChain, &[At(0, Any), Null]),
    data("Lux.Conv", 12, Kind::LuxConv, any(12)),
    data("Lux.Conv", 11, Kind::LuxConv, LUX_CONV_11),
    data("Lux.Conv", 10, Kind::LuxConv, LUX_CONV_10),
    data("Lux.Dense", 6, Kind::LuxDense, any(6)),
    data("Lux.Dense", 5, Kind::LuxDense, &[At(0, Any), At(1, Any), At(2, Any), At(3, Any), At(4, Any), Param(0)]),
    data("Lux.GRUCell", 8, Kind::LuxGruCell, any(8)),
    data("Lux.GRUCell", 7, Kind::LuxGruCell,
        &[At(0, Any), At(1, Any), At(2, Any), At(3, Any), At(4, Any), Null, At(5, Any), At(6, Any)]),
    data("Lux.LSTMCell", 10, Kind::LuxLstmCell, any(10)),
    data("Lux.LSTMCell", 9, Kind::LuxLstmCell,
        &[At(0, Any), At(1, Any), At(2, Any), At(3, Any), At(4, Any), At(5, Any), Null, At(6, Any), At(7, Any), At(8, Any)]),
    data("Lux.RNNCell", 9, Kind::LuxRnnCell, any(9)),
    data("Lux.RNNCell", 8, Kind::LuxRnnCell,
        &[At(0, Any), At(1, Any), At(2, Any), At(3, Any), At(4, Any), At(5, Any), Null, At(6, Any), At(7, Any)]),
    data("Lux.SkipConnection", 3, Kind::LuxSkipConnection, any(3)),
    data("OneHotArrays.OneHotArray", 2, Kind::OneHotArray, any(2)),
    data("OneHotArrays.OneHotArray", 1, Kind::OneHotArray, &[At(0, Any), Param(1)]),
    data("Optimisers.AMSGrad", 3, Kind::AmsGrad, any(3)),
    data("Optimisers.AccumGrad", 1, Kind::AccumGrad, any(1)),
    data("Optimisers.AdaBelief", 3, Kind::AdaBelief, any(3)),
    data("Optimisers.AdaDelta", 2, Kind::AdaDelta, any(2)),
    data("Optimisers.AdaGrad", 2, Kind::AdaGrad, any(2)),
    data("Optimisers.AdaMax", 3, Kind::AdaMax, any(3)),
    data("Optimisers.Adam", 3, Kind::Adam, any(3)),
    data("Optimisers.AdamW", 5, Kind::AdamW, any(5)),
    data("Optimisers.ClipGrad", 1, Kind::ClipGrad, any(1)),
    data("Optimisers.ClipNorm", 3, Kind::ClipNorm, any(3)),
    data("Optimisers.Descent", 1, Kind::Descent, any(1)),
    data("Optimisers.Leaf", 3, Kind::Leaf, any(3)),
    data("Optimisers.Leaf", 2, Kind::Leaf, &[At(0, Any), At(1, Any), False]),
    data("Optimisers.Lion", 2, Kind::Lion, any(2)),
    data("Optimisers.MixedPrecision", 1, Kind::MixedPrecision, any(1)),
    data("Optimisers.Momentum", 2, Kind::Momentum, any(2)),
    data("Optimisers.NAdam", 3, Kind::NAdam, any(3)),
    data("Optimisers.Nesterov", 2, Kind::Nesterov, any(2)),
    data("Optimisers.OAdam", 3, Kind::OAdam, any(3)),
    data("Optimisers.OptimiserChain", 1, Kind::OptimiserChain, any(1)),
    data("Optimisers.RAdam", 3, Kind::RAdam, any(3)),
    data("Optimisers.RMSProp", 4, Kind::RmsProp, any(4)),
    data("Optimisers.Restructure", 3, Kind::Restructure, any(3)),
    data("Optimisers.Rprop", 3, Kind::Rprop, any(3)),
    data("Optimisers.SignDecay", 1, Kind::SignDecay, any(1)),
    data("Optimisers.WeightDecay", 1, Kind::WeightDecay, any(1)),
    data("Random.DSFMT.DSFMT_state", 1, Kind::DsfmtState, any(1)),
    data("Random.MersenneTwister", 10, Kind::MersenneTwister, any(10)),
    data("Random.MersenneTwister", 6, Kind::MersenneTwister,
        &[At(0, Any), At(1, Any), At(2, Any), At(3, Any), At(4, Any), At(5, Any), Null, Null, Null, Null]),
    data("Random.RandomDevice", 0, Kind::RandomDevice, &[]),
    data("Random.TaskLocalRNG", 0, Kind::TaskLocalRng, &[]),
    data("Random.Xoshiro", 5, Kind::Xoshiro, any(5)),
    data("Random.Xoshiro", 4, Kind::Xoshiro, &[At(0, Any), At(1, Any), At(2, Any), At(3, Any), Null]),
    data("SparseArrays.SparseMatrixCSC", 5, Kind::SparseMatrixCsc, any(5)),
    data("Static.False", 0, Kind::StaticFalse, &[]),
    data("Static.True", 0, Kind::StaticTrue, &[]),
    data("StaticArrays.SArray", 1, Kind::SArray, any(1)),
    data("StaticArraysCore.SArray", 1, Kind::SArray, any(1)),
    data("Tracker.Call", 2, Kind::TrackerCall, any(2)),
    data("Tracker.IdSet", 1, Kind::IdSet, any(1)),
    data("Tracker.Params", 2, Kind::TrackerParams, any(2)),
    data("Tracker.Tracked", 4, Kind::TrackerTracked, any(4)),
    part("Tracker.TrackedArray", 3, (1, Tracked), TRACKED_ARRAY),
    part("Tracker.TrackedReal", 2, (0, Number), &[(1, Aside::Tracker)]),
    data("Zygote.Buffer", 2, Kind::ZygoteBuffer, any(2)),
    data("Zygote.IdSet", 1, Kind::IdSet, any(1)),
    data("Zygote.Params", 2, Kind::ZygoteParams, any(2)),
];

const RNG: Slot = Default(Kind::TaskLocalRng);
const CALLS: &[NoteCode] = &[Say::RecurrentCalls];
const RECUR_2: &[(u8, AsideName)] = &[(1, Aside::State)];
const RECUR_3: &[(u8, AsideName)] = &[(1, Aside::Init), (2, Aside::State)];
const TRACKED_ARRAY: &[(u8, AsideName)] = &[(0, Aside::Tracker), (2, Aside::Grad)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        for [before, row] in LAYOUTS.array_windows() {
            assert!(before.path <= row.path, "{} before {}", before.path, row.path);
        }
        for row in LAYOUTS {
            if let Becomes::Struct(kind, slots) = row.becomes {
                assert_eq!(slots.len(), kind.fields().len(), "{} with {} fields", row.path, row.fields);
            }
        }
    }

    #[test]
    fn no_field_of_a_file_is_lost() {
        for row in LAYOUTS {
            for field in 0..row.fields {
                let is_used = match row.becomes {
                    Becomes::False(_) => true,
                    Becomes::Part(at, _) => at == field,
                    Becomes::Struct(_, slots) => slots.iter().any(|slot| match *slot {
                        At(at, _)
                        | Active(at)
                        | Dropped(at, _)
                        | Pad(at, _)
                        | Repeat(at, _)
                        | Affine(at, _)
                        | Squared(at)
                        | Zeroed(at) => at == field,
                        Default(_) | False | Float(_) | Identity | Int(_) | LengthOf(_) | Like(..) | Null
                        | Param(_) | SizeOf(_) | True => false,
                    }),
                };
                let is_aside = row.asides.iter().any(|&(at, _)| at == field);
                assert!(is_used != is_aside, "field {field} of {} with {} fields", row.path, row.fields);
            }
        }
    }
}
