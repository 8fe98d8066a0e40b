//! The JSON spec: what the layers are and which arrays they have, without the weights.

use std::io::Write;

use flux_airlock::{Model, Report, write_json};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::ExportError;

/// The name and number of the schema.
pub const SCHEMA: &str = "airlock.spec/1";

/// The spec of a model: the parts of its report that say what the model is, each as the report has it.
///
/// The path of the file and what reading it has cost are left out: the same model gives the same spec everywhere.
#[derive(Debug)]
pub struct Spec(Report);

impl Spec {
    /// The spec of this model. The digests of its arrays are computed here.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self(model.report())
    }

    /// Writes it as indented JSON.
    ///
    /// # Errors
    ///
    /// [`ExportError::Io`] if `out` gives an error.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), ExportError> {
        write_json(self, &mut *out, true)?;
        Ok(out.write_all(b"\n")?)
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(report) = self;
        let more = report.scalars_more();
        let mut spec = serializer.serialize_struct("Spec", if more == 0 { 11 } else { 12 })?;
        spec.serialize_field("schema", SCHEMA)?;
        spec.serialize_field("flux_airlock", env!("CARGO_PKG_VERSION"))?;
        spec.serialize_field("guest_sha256", &report.sandbox.map(|sandbox| sandbox.guest_sha256))?;
        spec.serialize_field("source", &Source { bytes: report.file.bytes, sha256: report.file.sha256.as_deref() })?;
        spec.serialize_field("variables", &Listing(|| report.variables()))?;
        spec.serialize_field("tensors", &Listing(|| report.tensors()))?;
        spec.serialize_field("omitted", &Listing(|| report.omitted()))?;
        spec.serialize_field("scalars", &Listing(|| report.scalars()))?;
        if more > 0 {
            spec.serialize_field("scalars_more", &more)?;
        }
        spec.serialize_field("layers", &report.layers())?;
        spec.serialize_field("opaque", &Listing(|| report.opaque()))?;
        spec.serialize_field("notes", &Listing(|| report.notes()))?;
        spec.end()
    }
}

#[derive(Serialize)]
struct Source<'a> {
    bytes: u64,
    sha256: Option<&'a str>,
}

/// A list that is made while it is written.
struct Listing<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Listing<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
