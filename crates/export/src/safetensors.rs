//! safetensors: the arrays, and everything else that is known of the model as metadata.
//!
//! The header is written twice, once to learn its length, so that neither it nor any array is ever collected in memory.
//! Arrays stand with the widest elements first, as the format wants them aligned, otherwise in the model's order.

use std::fmt;
use std::io::{self, Write};

use flux_airlock::{Eltype, Model, TensorView, write_json};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::{ExportError, order::write_row_major};

/// What the metadata give as `format`: the names and the meaning of the other entries.
pub const FORMAT: &str = "airlock.safetensors/1";

/// A model as a safetensors file, not written yet.
///
/// The metadata of the file are, each of them a string as the format wants it:
///
/// | name | |
/// | --- | --- |
/// | `format` | [`FORMAT`] |
/// | `flux_airlock` | the version that wrote the file |
/// | `guest_sha256` | the decoder that read the model |
/// | `source_sha256`, `source_bytes` | the model's file |
/// | `spec` | the tree of layers: what the report has under `layers`, as JSON |
/// | `omitted` | arrays of the model's file that are not in this one, each with the reason, as JSON; left out if there are none |
///
/// Names of arrays are their paths in the report; an array with several paths is written once, under its first one.
#[derive(Debug)]
pub struct Safetensors<'a> {
    model: &'a Model,
    arrays: Vec<(Dtype, TensorView<'a>)>,
    unfit: Vec<Unfit>,
}

impl<'a> Safetensors<'a> {
    /// All arrays of the model.
    ///
    /// # Errors
    ///
    /// [`ExportError::Unfit`] if the format cannot hold one of them, which names them all.
    pub fn new(model: &'a Model) -> Result<Self, ExportError> {
        let safetensors = Self::without_unfit(model);
        if safetensors.unfit.is_empty() { Ok(safetensors) } else { Err(ExportError::Unfit(safetensors.unfit)) }
    }

    /// The arrays of the model that the format can hold. The others are listed in the metadata.
    #[must_use]
    pub fn without_unfit(model: &'a Model) -> Self {
        let (mut arrays, mut unfit) = (Vec::new(), Vec::new());
        for array in model.tensors() {
            match dtype_of(&array) {
                Ok(dtype) => arrays.push((dtype, array)),
                Err(flaw) => {
                    let (path, eltype) = (array.path().to_owned(), array.eltype().name());
                    unfit.push(Unfit { path, eltype, size: array.size().iter().collect(), flaw });
                }
            }
        }
        // Stable: the order of the model is kept within a dtype.
        arrays.sort_by_key(|(dtype, _)| std::cmp::Reverse(*dtype));
        Self { model, arrays, unfit }
    }

    /// How many arrays the file has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Has it none?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }

    /// How many bytes its arrays have together.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        self.arrays.iter().fold(0, |sum: u64, (_, array)| sum.saturating_add(long(array.bytes().len())))
    }

    /// The arrays that are left out because the format cannot hold them.
    #[must_use]
    pub fn unfit(&self) -> &[Unfit] {
        &self.unfit
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// [`ExportError::Header`] before anything is written, [`ExportError::Io`] whenever `out` gives an error.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), ExportError> {
        let mut counter = Counter(0);
        write_json(&Header(self), &mut counter, false)?;
        let bytes = counter.0.next_multiple_of(ALIGNMENT);
        if bytes > MOST_HEADER_BYTES {
            return Err(ExportError::Header { bytes, most: MOST_HEADER_BYTES });
        }
        out.write_all(&bytes.to_le_bytes())?;
        write_json(&Header(self), &mut *out, false)?;
        for _ in counter.0..bytes {
            out.write_all(b" ")?;
        }
        for (dtype, array) in &self.arrays {
            write_row_major(array.bytes(), &shape(array), dtype.bitsize() / 8, out)?;
        }
        Ok(())
    }
}

/// An array that the format cannot hold.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Unfit {
    /// Its path.
    pub path: String,
    /// Julia's name of what its elements are.
    pub eltype: &'static str,
    /// Julia's `size`.
    pub size: Vec<u32>,
    /// Why not.
    pub flaw: Flaw,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, eltype, flaw, .. } = self;
        match flaw {
            Flaw::Boolean => write!(f, "{path} (a Bool that is neither true nor false)"),
            Flaw::Dtype => write!(f, "{path} ({eltype})"),
            Flaw::Name => write!(f, "{path} (a name that the format keeps for itself)"),
        }
    }
}

/// Why the format cannot hold an array.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Flaw {
    /// A `Bool` that is neither `true` nor `false`: what readers make of it is undefined.
    Boolean,
    /// It has no such eltype.
    Dtype,
    /// Its name is that of the metadata.
    Name,
}

impl Flaw {
    /// The stable name of the flaw, in kebab case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Boolean => "boolean-value",
            Self::Dtype => "no-dtype",
            Self::Name => "reserved-name",
        }
    }
}

fn dtype_of(array: &TensorView<'_>) -> Result<Dtype, Flaw> {
    if array.path() == METADATA {
        return Err(Flaw::Name);
    }
    let dtype = match array.eltype() {
        Eltype::BFloat16 => Dtype::BF16,
        Eltype::Bool if array.bytes().iter().any(|byte| *byte > 1) => return Err(Flaw::Boolean),
        Eltype::Bool => Dtype::BOOL,
        Eltype::ComplexFloat32 => Dtype::C64,
        Eltype::Float16 => Dtype::F16,
        Eltype::Float32 => Dtype::F32,
        Eltype::Float64 => Dtype::F64,
        Eltype::Int8 => Dtype::I8,
        Eltype::Int16 => Dtype::I16,
        Eltype::Int32 => Dtype::I32,
        Eltype::Int64 => Dtype::I64,
        Eltype::UInt8 => Dtype::U8,
        Eltype::UInt16 => Dtype::U16,
        Eltype::UInt32 => Dtype::U32,
        Eltype::UInt64 => Dtype::U64,
        _ => return Err(Flaw::Dtype),
    };
    Ok(dtype)
}

fn shape(array: &TensorView<'_>) -> Vec<usize> {
    array.size().iter().map(|dim| usize::try_from(dim).unwrap_or(usize::MAX)).collect()
}

struct Header<'a>(&'a Safetensors<'a>);

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(safetensors) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(METADATA, &Metadata(safetensors))?;
        let mut at = 0_usize;
        for (dtype, array) in &safetensors.arrays {
            let end = at.saturating_add(array.bytes().len());
            map.serialize_entry(
                array.path(),
                &TensorInfo { dtype: *dtype, shape: shape(array), data_offsets: (at, end) },
            )?;
            at = end;
        }
        map.end()
    }
}

struct Metadata<'a>(&'a Safetensors<'a>);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(safetensors) = self;
        let model = safetensors.model;
        let file = model.file();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", FORMAT)?;
        map.serialize_entry("flux_airlock", env!("CARGO_PKG_VERSION"))?;
        map.serialize_entry("guest_sha256", model.sandbox().guest_sha256)?;
        map.serialize_entry("source_sha256", file.sha256.as_deref().unwrap_or_default())?;
        map.serialize_entry("source_bytes", &Text(file.bytes))?;
        map.serialize_entry("spec", &Json(model.layers()))?;
        let left_out = LeftOut(safetensors);
        if left_out.entries().next().is_some() {
            map.serialize_entry("omitted", &Json(left_out))?;
        }
        map.end()
    }
}

/// Every array of the model's file that is not in this one.
struct LeftOut<'a>(&'a Safetensors<'a>);

#[derive(Serialize)]
struct LeftOutEntry<'a> {
    path: &'a str,
    why: &'static str,
    eltype: String,
    size: Vec<u32>,
}

impl LeftOut<'_> {
    fn entries(&self) -> impl Iterator<Item = LeftOutEntry<'_>> {
        let Safetensors { model, unfit, .. } = self.0;
        let unfit = unfit.iter().map(|Unfit { path, eltype, size, flaw }| LeftOutEntry {
            path,
            why: flaw.code(),
            eltype: (*eltype).to_owned(),
            size: size.clone(),
        });
        let omitted = model.omitted().map(|array| LeftOutEntry {
            path: array.path(),
            why: array.why(),
            eltype: array.eltype(),
            size: array.size().iter().collect(),
        });
        unfit.chain(omitted)
    }
}

impl Serialize for LeftOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

/// A value as the text that it displays as.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A value as a text that holds JSON.
struct Json<T>(T);

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<T: Serialize> fmt::Display for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(&self.0, AsBytes(f), false).map_err(|_| fmt::Error)
    }
}

/// Takes bytes for a formatter. They come in whole characters, since JSON is written text by text.
struct AsBytes<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for AsBytes<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what is written, and forgets it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(long(bytes.len()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// The one name of a header that is no array's.
const METADATA: &str = "__metadata__";
/// The header is padded so that the arrays begin aligned.
const ALIGNMENT: u64 = 8;
/// Readers refuse a longer header.
const MOST_HEADER_BYTES: u64 = 100_000_000;
