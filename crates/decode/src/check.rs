//! What can be said only with the whole file in view: back references, the sizes of arrays, the widths of primitives.
//!
//! Everything on the tape is looked at, whether or not a value reaches it: a flaw in a dead entry is a flaw.

use alloc::vec::Vec;

use flux_airlock_wire::{Code, Eltype};

use crate::{
    Stop, ix, names,
    tape::{Form, RecordId, Tag, Tape},
    types,
};

/// Looks at every tagged document.
pub(crate) fn check(tape: &Tape) -> Result<(), Stop> {
    // In the order of what depends on what: sizes and widths need types, and types are found through back references.
    for (id, record) in (0..).zip(&tape.records) {
        if record.tag() == Tag::Backref {
            backref(tape, id)?;
        }
    }
    let mut sizes = Vec::new();
    for (id, record) in (0..).zip(&tape.records) {
        match record.tag() {
            Tag::Array => array(tape, id, &mut sizes)?,
            Tag::Struct => primitive(tape, id)?,
            _ => {}
        }
    }
    Ok(())
}

/// What a tagged array is: its data, and its elements.
pub(crate) struct Parts {
    pub(crate) data: RecordId,
    /// `None` where the elements are no numbers.
    pub(crate) eltype: Option<Eltype>,
}

/// The parts of the tagged array `id`; its sizes are put into `sizes`.
///
/// # Errors
///
/// [`Code::Size`] where no file could hold such an array.
pub(crate) fn parts(tape: &Tape, id: RecordId, sizes: &mut Vec<u32>) -> Result<Parts, Stop> {
    let at = |name| tape.field(id, name).unwrap_or(id);
    sizes.clear();
    for size in tape.children(at(names::SIZE)) {
        let record = tape.get(size);
        let extent = record.integer().and_then(|n| u32::try_from(n).ok()).filter(|&n| n <= LARGEST);
        match extent {
            Some(n) if sizes.len() < flux_airlock_wire::MAX_NDIMS => sizes.push(n),
            _ => return Err(Stop::new(Code::Size, record.offset, size)),
        }
    }
    Ok(Parts { data: tape.resolve(at(names::DATA)), eltype: types::eltype(tape, at(names::TYPE)) })
}

/// No array has more elements: a file is below 2 GiB. The same bound holds for elements without width.
const LARGEST: u32 = 0x7fff_ffff;

fn backref(tape: &Tape, id: RecordId) -> Result<(), Stop> {
    let record = tape.get(id);
    let len = crate::len32(tape.entries.len());
    let index = tape.field(id, names::REF).and_then(|index| tape.get(index).integer()).unwrap_or(0);
    match tape.entries.get(ix(record.b)) {
        None => Err(Stop::new(Code::DanglingBackref { index, len }, record.offset, id)),
        Some(&entry) if tape.get(entry).tag() == Tag::Backref => {
            let index = record.b.saturating_add(1);
            Err(Stop::new(Code::BackrefToBackref { index }, record.offset, id))
        }
        Some(_) => Ok(()),
    }
}

fn array(tape: &Tape, id: RecordId, sizes: &mut Vec<u32>) -> Result<(), Stop> {
    let Parts { data, eltype } = parts(tape, id, sizes)?;
    let size_record = tape.field(id, names::SIZE).unwrap_or(id);
    let width = eltype.map_or(1, Eltype::width);
    // One byte of width at least, so that nothing can announce more elements than a file has bytes.
    let largest = flux_airlock_wire::checked_len(sizes, 1).filter(|&n| n <= LARGEST.into());
    let hidden = sizes.iter().try_fold(1_u32, |product, &n| product.checked_mul(n.max(1))).filter(|&n| n <= LARGEST);
    let (Some(count), Some(_)) = (largest, hidden) else {
        return Err(Stop::new(Code::Size, tape.get(size_record).offset, size_record));
    };
    let record = tape.get(data);
    let (found, expected) = match record.form {
        Form::Array => (record.b, count),
        Form::Binary if eltype.is_some() => (record.b, count.saturating_mul(width.into())),
        // Packed structs of a width that the file does not tell: every element has the same.
        Form::Binary => match (u64::from(record.b), count) {
            (0, _) => return Ok(()),
            (_, 0) => (record.b, 0),
            (len, count) if len.is_multiple_of(count) => return Ok(()),
            (len, count) => (record.b, len.saturating_sub(len.checked_rem(count).unwrap_or(0))),
        },
        _ => return Err(Stop::wrong_data(tape, id)),
    };
    if u64::from(found) == expected {
        Ok(())
    } else {
        let at = tape.field(id, names::DATA).unwrap_or(id);
        Err(Stop::new(Code::DataLength { found, expected }, tape.get(at).offset, at))
    }
}

/// A primitive value has just the bytes of its type.
fn primitive(tape: &Tape, id: RecordId) -> Result<(), Stop> {
    let at = tape.field(id, names::DATA).unwrap_or(id);
    let record = tape.get(tape.resolve(at));
    match record.form {
        Form::Array => return Ok(()),
        Form::Binary => {}
        _ => return Err(Stop::wrong_data(tape, id)),
    }
    let ty = tape.field(id, names::TYPE).unwrap_or(id);
    match types::primitive(tape, ty) {
        Some(eltype) if eltype.width() != record.b => {
            let code = Code::PrimitiveLength { found: record.b, expected: eltype.width() };
            Err(Stop::new(code, tape.get(at).offset, at))
        }
        _ => Ok(()),
    }
}
