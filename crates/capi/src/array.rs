//! Arrays: what they are, and their bytes where the file has them.

use flux_airlock::{ArrayView, Eltype, Form, Model};

use crate::call::call;
use crate::error::{Failure, Status};
use crate::handle;
use crate::library::AIRLOCK_NONE;
use crate::memory::{RawBuffer, RawPiece, Trust as _};
use crate::model::{Opened, lost, short};
use crate::names::number_of;
use crate::text::Text;

/// All arrays of a model, in the order of their paths.
pub(crate) struct Arrays {
    rows: Vec<Row>,
    /// The nodes of the arrays and their numbers, sorted.
    numbers: Vec<(u32, u32)>,
}

struct Row {
    /// The node that the array is at its path.
    node: u32,
    size: Box<[u64]>,
    /// The path of the type, where elements are no numbers.
    packed: Option<String>,
}

impl Arrays {
    pub(crate) fn new(model: &Model) -> Self {
        let row = |array: ArrayView<'_>| Row {
            node: array.value().id(),
            size: array.size().iter().map(u64::from).collect(),
            packed: match array {
                ArrayView::Omitted(omitted) if array.eltype().is_none() => Some(omitted.eltype()),
                _ => None,
            },
        };
        let rows: Vec<Row> = model.arrays().map(row).collect();
        let mut numbers: Vec<(u32, u32)> = rows.iter().map(|row| row.node).zip(0..).collect();
        numbers.sort_unstable();
        Self { rows, numbers }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number of this array.
    pub(crate) fn number(&self, array: &ArrayView<'_>) -> Option<u32> {
        let node = array.value().id();
        let place = self.numbers.binary_search_by_key(&node, |(node, _)| *node).ok()?;
        self.numbers.get(place).map(|(_, number)| *number)
    }
}

impl Opened {
    fn array(&self, number: u32) -> Result<(&Row, ArrayView<'_>), Failure> {
        let missing = || Failure::usage("no-such-array", format!("the model has no array {number}"));
        let row = usize::try_from(number).ok().and_then(|place| self.arrays().rows.get(place)).ok_or_else(missing)?;
        match self.node(row.node)?.form() {
            Form::Tensor(array) => Ok((row, array)),
            _ => Err(lost()),
        }
    }
}

/// An array. What its pointers lead to lives until the model is released.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Array {
    /// Its number: its place in the list of all arrays.
    pub number: u32,
    /// The node that it is at its path.
    pub node: u32,
    /// What its elements are (AIRLOCK_ENUM_ELTYPE); AIRLOCK_NONE if they are structs that are packed like numbers.
    pub eltype: u32,
    /// How many bytes an element has; 0 if they are structs.
    pub width: u32,
    /// How many dimensions it has.
    pub ndims: u32,
    /// How many further paths airlock_array_also_at lists: at most 16.
    pub also_at: u32,
    /// How many paths it has beyond those.
    pub also_at_more: u64,
    /// Its size, as many numbers as it has dimensions. The first dimension varies fastest.
    pub size: *const u64,
    /// Its bytes, where the verified file has them: little-endian, rarely aligned.
    pub data: *const u8,
    /// How many bytes it has: for numbers, the product of the size and the width.
    pub len: usize,
    /// Where in the file they are, counted from its start.
    pub offset: u64,
    /// The first of its paths: `model.layers[1].weight`. Escaped.
    pub path: Text,
    /// Julia's name of what its elements are. Escaped.
    pub eltype_name: Text,
    /// Why it is no part of the model: `gradient`, `recurrent-state`, `rng-state`, `packed-structs`; none if it is a part of it.
    pub omitted: Text,
}

/// Lists all arrays in the order of their paths: those of the model, and those that the file has beside it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_arrays(
    model: u64,
    first: usize,
    out: *mut Array,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let opened = object.model()?;
        piece.fill(opened.arrays().len(), |index| {
            let number = short(index)?;
            let (row, array) = opened.array(number)?;
            let eltype = array.eltype();
            let bytes = array.bytes();
            Ok(Array {
                number,
                node: row.node,
                eltype: eltype.and_then(|eltype| number_of(Eltype::ALL, &eltype)).unwrap_or(AIRLOCK_NONE),
                width: eltype.map_or(0, Eltype::width),
                ndims: short(row.size.len())?,
                also_at: short(array.also_at().len())?,
                also_at_more: array.also_at_more(),
                size: row.size.as_ptr(),
                data: bytes.as_ptr(),
                len: bytes.len(),
                offset: array.offset(),
                path: Text::new(array.path()),
                eltype_name: Text::maybe(row.packed.as_deref().or(eltype.map(Eltype::name))),
                omitted: match array {
                    ArrayView::Omitted(omitted) => Text::new(omitted.why()),
                    ArrayView::Tensor(_) => Text::NONE,
                },
            })
        })
    })
}

/// Lists further paths to an array, at most 16.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_array_also_at(
    model: u64,
    array: u32,
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
        let (_, array) = object.model()?.array(array)?;
        let paths = array.also_at();
        piece.fill(paths.len(), |index| paths.get(index).map(|path| Text::new(path)).ok_or_else(lost))
    })
}

/// Copies the bytes of an array to `out`. `len` must be exactly how many it has: AIRLOCK_STATUS_USAGE, code `buffer-length`, and
/// nothing copied, if it is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_array_copy(
    model: u64,
    array: u32,
    out: *mut u8,
    len: usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (buffer, error) = unsafe { (RawBuffer(out, len), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let (_, array) = object.model()?.array(array)?;
        buffer.copy(array.bytes())
    })
}
