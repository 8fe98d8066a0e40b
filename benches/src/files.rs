//! The files: as BSON.jl writes them, of any size, and made in a folder that goes away.
//!
//! Three shapes are made, and one is of the corpus. None but the Flux models needs a package to be read by `BSON.load`.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::Result;

/// How much is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scale {
    /// Everything, for the report.
    Full,
    /// Little files and few samples, to see that it works.
    Quick,
}

/// What most of a file consists of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Weights: eight square matrices of `Float32`.
    Weights,
    /// Structure: a list of integers.
    List,
    /// Structure: a Flux `Chain` of tiny `Dense` layers, each with its types spelled out.
    Chain,
    /// Nested `Chain`s, as Flux 0.16.9 saved them.
    Deep,
}

impl Shape {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::List => "list",
            Self::Chain => "chain",
            Self::Deep => "deep",
        }
    }
}

/// A file on the disk.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct File {
    /// What it consists of.
    pub shape: Shape,
    /// How long it is.
    pub bytes: u64,
    /// Elements of all its documents and arrays.
    pub elements: u64,
    /// Where it is.
    #[serde(skip)]
    pub path: PathBuf,
}

impl File {
    /// Its shape and its size, as its rows in the report are called.
    #[must_use]
    pub fn name(&self) -> String {
        match self.shape {
            Shape::Weights | Shape::Deep => format!("{}, {}", self.shape.name(), bytes(self.bytes)),
            Shape::List | Shape::Chain => format!("{}, {} elements", self.shape.name(), thousands(self.elements)),
        }
    }

    /// Weights of about so many bytes.
    ///
    /// # Errors
    ///
    /// That of the disk.
    pub fn weights(folder: &Path, about: u64) -> Result<Self> {
        let rows = u32::try_from((about / (4 * MATRICES)).isqrt())?.max(1);
        let mut file = Writer::new();
        file.open("weights", ARRAY, |list| {
            for matrix in 0..MATRICES {
                list.open_at(matrix, DOCUMENT, |array| array.array(&[rows, rows], 7 + matrix))?;
            }
            Ok(())
        })?;
        file.save(folder, Shape::Weights)
    }

    /// A list of so many integers.
    ///
    /// # Errors
    ///
    /// That of the disk.
    pub fn list(folder: &Path, items: u64) -> Result<Self> {
        let mut file = Writer::new();
        file.open("list", ARRAY, |list| {
            (0..items).try_for_each(|item| {
                list.int(&item.to_string(), item);
                Ok(())
            })
        })?;
        file.save(folder, Shape::List)
    }

    /// A chain of so many layers.
    ///
    /// # Errors
    ///
    /// That of the disk.
    pub fn chain(folder: &Path, layers: u64) -> Result<Self> {
        let mut file = Writer::new();
        file.open("model", DOCUMENT, |chain| {
            chain.text("tag", "struct");
            chain.datatype("type", &["Flux", "Chain"], |params| {
                params.open_at(0, DOCUMENT, |tuple| {
                    tuple.type_body(&["Core", "Tuple"], |params| {
                        (0..layers).try_for_each(|layer| params.open_at(layer, DOCUMENT, Writer::dense_type))
                    })
                })
            })?;
            chain.open("data", ARRAY, |data| {
                data.open_at(0, DOCUMENT, |tuple| {
                    tuple.text("tag", "tuple");
                    tuple.open("data", ARRAY, |data| {
                        (0..layers).try_for_each(|layer| data.open_at(layer, DOCUMENT, Writer::dense))
                    })
                })
            })
        })?;
        file.save(folder, Shape::Chain)
    }

    /// The deepest model of the corpus.
    ///
    /// # Errors
    ///
    /// That of the disk.
    pub fn deep(root: &Path) -> Result<Self> {
        let path = root.join("tests/corpus/accept/flux-0.16.9/chain_deep.bson");
        let file = fs::read(&path)?;
        let elements = elements(bson::RawDocument::from_bytes(&file)?)?;
        Ok(Self { shape: Shape::Deep, bytes: u64::try_from(file.len())?, elements, path })
    }
}

/// Writes documents, and counts their elements.
struct Writer {
    /// The file so far. Large payloads are not in it: see `payloads`.
    bytes: Vec<u8>,
    /// Where so many equal bytes follow.
    payloads: Vec<(usize, u64, u8)>,
    elements: u64,
}

impl Writer {
    fn new() -> Self {
        Self { bytes: vec![0; 4], payloads: Vec::new(), elements: 0 }
    }

    fn key(&mut self, kind: u8, key: &str) {
        self.elements += 1;
        self.bytes.push(kind);
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.push(0);
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(TEXT, key);
        self.bytes.extend_from_slice(&u32::try_from(text.len() + 1).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    fn int(&mut self, key: &str, int: u64) {
        self.key(INT, key);
        self.bytes.extend_from_slice(&int.to_le_bytes());
    }

    /// A document or an array.
    fn open(&mut self, key: &str, kind: u8, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.key(kind, key);
        let (start, before) = (self.bytes.len(), self.payload_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        body(self)?;
        self.bytes.push(0);
        let len = u64::try_from(self.bytes.len() - start)? + self.payload_bytes() - before;
        self.bytes[start..start + 4].copy_from_slice(&u32::try_from(len)?.to_le_bytes());
        Ok(())
    }

    fn open_at(&mut self, index: u64, kind: u8, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.open(&index.to_string(), kind, body)
    }

    fn datatype(&mut self, key: &str, name: &[&str], params: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.open(key, DOCUMENT, |ty| ty.type_body(name, params))
    }

    fn type_body(&mut self, name: &[&str], params: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.text("tag", "datatype");
        self.open("params", ARRAY, params)?;
        self.open("name", ARRAY, |list| {
            for (index, part) in name.iter().enumerate() {
                list.text(&index.to_string(), part);
            }
            Ok(())
        })
    }

    /// An array of `Float32` whose bytes are all the same.
    fn array(&mut self, size: &[u32], byte: u64) -> Result<()> {
        self.text("tag", "array");
        self.datatype("type", &["Core", "Float32"], |_| Ok(()))?;
        self.open("size", ARRAY, |list| {
            for (index, &dim) in size.iter().enumerate() {
                list.int(&index.to_string(), dim.into());
            }
            Ok(())
        })?;
        self.key(BINARY, "data");
        let len = size.iter().fold(4, |len, &dim| len * u64::from(dim));
        self.bytes.extend_from_slice(&u32::try_from(len)?.to_le_bytes());
        self.bytes.push(0);
        self.payloads.push((self.bytes.len(), len, u8::try_from(byte)?));
        Ok(())
    }

    /// The type of a `Dense` layer, as Flux 0.16 has it.
    fn dense_type(&mut self) -> Result<()> {
        self.type_body(&["Flux", "Dense"], |params| {
            params.open_at(0, DOCUMENT, |relu| relu.type_body(&["NNlib", "#relu"], |_| Ok(())))?;
            for (index, dims) in [(1, 2), (2, 1)] {
                params.open_at(index, DOCUMENT, |array| {
                    array.type_body(&["Core", "Array"], |params| {
                        params.open_at(0, DOCUMENT, |float| float.type_body(&["Core", "Float32"], |_| Ok(())))?;
                        params.int("1", dims);
                        Ok(())
                    })
                })?;
            }
            Ok(())
        })
    }

    /// A `Dense` layer of two inputs and two outputs.
    fn dense(&mut self) -> Result<()> {
        self.text("tag", "struct");
        self.open("type", DOCUMENT, Self::dense_type)?;
        self.open("data", ARRAY, |data| {
            data.open_at(0, DOCUMENT, |weight| weight.array(&[2, 2], 1))?;
            data.open_at(1, DOCUMENT, |bias| bias.array(&[2], 2))?;
            data.open_at(2, DOCUMENT, |relu| {
                relu.text("tag", "struct");
                relu.datatype("type", &["NNlib", "#relu"], |_| Ok(()))?;
                relu.open("data", ARRAY, |_| Ok(()))
            })
        })
    }

    fn payload_bytes(&self) -> u64 {
        self.payloads.iter().map(|&(_, len, _)| len).sum()
    }

    fn save(mut self, folder: &Path, shape: Shape) -> Result<File> {
        self.bytes.push(0);
        let bytes = u64::try_from(self.bytes.len())? + self.payload_bytes();
        self.bytes[..4].copy_from_slice(&u32::try_from(bytes)?.to_le_bytes());
        let path = folder.join(format!("{}-{bytes}.bson", shape.name()));
        let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(&path)?);
        let mut written = 0;
        for &(at, len, byte) in &self.payloads {
            out.write_all(&self.bytes[written..at])?;
            written = at;
            let piece = vec![byte; usize::try_from(len.min(1 << 20))?];
            let mut left = usize::try_from(len)?;
            while left > 0 {
                let now = left.min(piece.len());
                out.write_all(&piece[..now])?;
                left -= now;
            }
        }
        out.write_all(&self.bytes[written..])?;
        out.flush()?;
        Ok(File { shape, bytes, elements: self.elements, path })
    }
}

/// How many elements a document and all that is in it have.
fn elements(document: &bson::RawDocument) -> Result<u64> {
    document.iter_elements().try_fold(0, |count, element| {
        let below = match element?.value()? {
            bson::RawBsonRef::Document(document) => elements(document)?,
            bson::RawBsonRef::Array(array) => elements(bson::RawDocument::from_bytes(array.as_bytes())?)?,
            _ => 0,
        };
        Ok(count + 1 + below)
    })
}

/// A number of bytes, short.
#[must_use]
pub(crate) fn bytes(n: u64) -> String {
    let units = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")];
    match units.into_iter().find(|&(unit, _)| n >= unit) {
        Some((unit, name)) => {
            let tenths = (n * 10 + unit / 2) / unit;
            if tenths < 100 && !tenths.is_multiple_of(10) {
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            } else {
                format!("{} {name}", (n + unit / 2) / unit)
            }
        }
        None => format!("{n} B"),
    }
}

/// A number with its thousands apart.
#[must_use]
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const MATRICES: u64 = 8;

const TEXT: u8 = 0x02;
const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;
const BINARY: u8 = 0x05;
const INT: u8 = 0x12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_opened_and_has_as_many_elements_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let airlock = flux_airlock::Airlock::new().unwrap();
        let made =
            [File::weights(folder.path(), 100_000), File::list(folder.path(), 123), File::chain(folder.path(), 7)];
        for file in made {
            let file = file.unwrap();
            let bytes = fs::read(&file.path).unwrap();
            assert_eq!(bytes.len(), usize::try_from(file.bytes).unwrap());
            assert_eq!(elements(bson::RawDocument::from_bytes(&bytes).unwrap()).unwrap(), file.elements);
            let model = airlock.open_unverified(flux_airlock::Input::bytes(bytes)).unwrap();
            let (opaque, tree) = (model.opaque().len(), model.variables().next().unwrap().value.tree());
            assert_eq!(opaque, 0, "{tree}");
            match file.shape {
                Shape::Weights => assert_eq!(model.tensors().count(), 8),
                Shape::List => assert_eq!(model.scalars().len(), 123),
                Shape::Chain | Shape::Deep => {
                    assert_eq!(tree.matches("Dense(2 => 2, relu)").count(), 7, "{tree}");
                }
            }
        }
    }
}
