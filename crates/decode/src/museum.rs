//! The catalogue, to be looked at: its rows, and which of them a file needs.

use alloc::{collections::BTreeSet, vec::Vec};

use flux_airlock_wire::{FluxVersion, Kind, Limits};

use crate::{
    Source,
    catalogue::{self, Becomes},
    check, raise, scan,
    window::Window,
};

/// A row of the catalogue: one layout of one type.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Row {
    /// Its place in the table.
    pub index: usize,
    /// The path of the type.
    pub path: &'static str,
    /// How many fields it has.
    pub fields: u8,
    /// How many type parameters it has; `None` where that says nothing.
    pub params: Option<u8>,
    /// What it becomes: a kind's name, or what one of its fields is.
    pub becomes: &'static str,
    /// The first and the last version of Flux that wrote it; `None` where it is not Flux's.
    pub flux: Option<(FluxVersion, FluxVersion)>,
}

/// The newest version of Flux that the catalogue knows.
pub const NEWEST: FluxVersion = catalogue::NEWEST;

/// All rows, sorted by path.
#[must_use]
pub fn rows() -> Vec<Row> {
    let rows = catalogue::all().iter().enumerate();
    rows.map(|(index, row)| Row {
        index,
        path: row.path,
        fields: row.fields,
        params: row.params,
        becomes: match row.becomes {
            Becomes::Struct(kind, _) => Kind::name(kind),
            Becomes::Part(..) => "its data",
            Becomes::False(_) => "false",
        },
        flux: row.flux,
    })
    .collect()
}

/// The rows that a file needs; none if it is refused.
pub fn used(source: &mut dyn Source, len: u32, limits: &Limits) -> BTreeSet<usize> {
    let (tape, scanned) = scan::scan(Window::new(source, len, limits.name_bytes), len, limits);
    match scanned.and_then(|()| check::check(&tape)) {
        Ok(()) => raise::rows(&tape, limits),
        Err(_) => BTreeSet::new(),
    }
}
