//! A model that was opened, as a whole.
//!
//! What is not there yet in a form that a pointer can lead to (sizes of arrays, paths of variables) is made once, when it is first asked
//! for, and belongs to the model from then on. It is never more than a few words for each entry.

use std::borrow::Cow;
use std::ffi::c_char;
use std::sync::OnceLock;

use flux_airlock::report::{EvidenceEntry, WrittenByEntry};
use flux_airlock::{AsideName, Model, SandboxFigures, Value};
use flux_airlock_export::{ExportError, Overwrite, Safetensors, Spec, to_file};

use crate::array::Arrays;
use crate::call::{call, make};
use crate::error::{Failure, Status};
use crate::handle::{self, Object};
use crate::memory::{RawBytes, RawPiece, Trust as _};
use crate::names::{get, number_of};
use crate::options::path_of;
use crate::text::Text;

/// A model with what is kept for those who look at it.
pub(crate) struct Opened {
    pub(crate) model: Model,
    figures: SandboxFigures,
    written_by: WrittenByEntry,
    arrays: OnceLock<Arrays>,
    asides: OnceLock<Vec<(u32, AsideName, u32)>>,
    notes: OnceLock<Vec<Remark>>,
    /// The paths of the variables.
    variables: OnceLock<Vec<String>>,
}

/// A node, and what is said of it.
type Remark = (u32, &'static str, Cow<'static, str>);

impl Opened {
    pub(crate) fn new(model: Model) -> Self {
        Self {
            figures: model.sandbox(),
            written_by: model.written_by(),
            model,
            arrays: OnceLock::new(),
            asides: OnceLock::new(),
            notes: OnceLock::new(),
            variables: OnceLock::new(),
        }
    }

    pub(crate) fn arrays(&self) -> &Arrays {
        self.arrays.get_or_init(|| Arrays::new(&self.model))
    }

    /// The value of this node.
    pub(crate) fn node(&self, id: u32) -> Result<Value<'_>, Failure> {
        self.model.node(id).ok_or_else(|| Failure::usage("no-such-node", format!("the model has no node {id}")))
    }

    fn asides(&self) -> &[(u32, AsideName, u32)] {
        self.asides.get_or_init(|| {
            let asides = self.model.asides();
            asides.map(|aside| (aside.owner.id(), aside.name, aside.value.id())).collect()
        })
    }

    fn notes(&self) -> &[Remark] {
        self.notes.get_or_init(|| {
            let remark = |note: flux_airlock::Note<'_>| (note.value.id(), note.code, note.message);
            self.model.notes().map(remark).collect()
        })
    }

    fn variables(&self) -> &[String] {
        self.variables.get_or_init(|| self.model.variables().map(|variable| variable.path()).collect())
    }
}

/// A model as a whole.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ModelInfo {
    /// Where it was read from, or what the caller called its bytes.
    pub file_path: Text,
    /// The SHA-256 of the file in hexadecimal.
    pub file_sha256: Text,
    /// The SHA-256 of the decoder that read it, in hexadecimal.
    pub guest_sha256: Text,
    /// The versions of Flux that have all its layouts: `0.12.0–0.14.25`, one alone, or `0.15.0–` up to the newest that is known.
    pub written_by_flux: Text,
    /// The version of Julia that wrote it, where the file says so.
    pub written_by_julia: Text,
    /// The versions of BSON.jl that write as the file is written, where that shows: a range, as for Flux.
    pub written_by_bson_jl: Text,
    /// How many bytes the file has.
    pub file_bytes: u64,
    /// What decoding used of its fuel, about one for each instruction: the same on every machine.
    pub fuel_used: u64,
    /// What was granted of it.
    pub fuel_limit: u64,
    /// The memory of the sandbox in the end, in bytes.
    pub memory_bytes: u64,
    /// How long decoding took, in microseconds.
    pub wall_us: u64,
    /// How many numbers and strings there are beyond those of AIRLOCK_LIST_SCALARS.
    pub scalars_more: u64,
    /// How many nodes the file has: ids are below it.
    pub nodes: u32,
    /// How many arrays it has: numbers are below it.
    pub arrays: u32,
}

/// Reads what is known of a model as a whole.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_info_read(model: u64, out: *mut ModelInfo, error: *mut u64) -> Status {
    // SAFETY: the caller's, as the header says.
    let (out, error) = unsafe { (out, error).trust() };
    call(error, || {
        let out = out.check()?;
        let object = handle::get(model)?;
        let opened = object.model()?;
        let (file, figures) = (opened.model.file(), &opened.figures);
        out.put(ModelInfo {
            file_path: Text::maybe(file.path.as_deref()),
            file_sha256: Text::maybe(file.sha256.as_deref()),
            guest_sha256: Text::new(figures.guest_sha256),
            written_by_flux: Text::maybe(opened.written_by.flux.as_deref()),
            written_by_julia: Text::maybe(opened.written_by.julia.as_deref()),
            written_by_bson_jl: Text::maybe(opened.written_by.bson_jl.as_deref()),
            file_bytes: file.bytes,
            fuel_used: figures.fuel_used,
            fuel_limit: figures.fuel_limit,
            memory_bytes: figures.memory_bytes,
            wall_us: figures.wall_us,
            scalars_more: opened.model.scalars_more(),
            nodes: short(opened.model.node_count())?,
            arrays: short(opened.arrays().len())?,
        });
        Ok(())
    })
}

/// Something that vouches for a model.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Evidence {
    /// What sort of thing it is: `pin`, `registry` or `signature`. The report has the rest of it.
    pub kind: Text,
    /// The digest of the file for which it holds: `sha256:…`.
    pub digest: Text,
    /// The name under which a lock file gives it, if one does.
    pub lock: Text,
    /// A signature's format: `oms` or `minisign`.
    pub format: Text,
    /// The key that made a signature: `sha256:…` of an elliptic curve key, or the sixteen digits of a minisign key.
    pub key_id: Text,
    /// Whose key that is, if a certificate says it.
    pub signer: Text,
    /// What the key has signed beside the file.
    pub comment: Text,
    /// The file's name in the folder that was signed, or in the registry.
    pub name: Text,
    /// Where the registry is.
    pub registry: Text,
    /// The version of the registry's list; 0 if it is none.
    pub version: u64,
    /// When the file was added to the registry, or was signed by the word of the signer, in seconds since 1970; 0 if nothing says it.
    pub time: u64,
}

impl Evidence {
    fn new(entry: &EvidenceEntry) -> Self {
        let none = || Text::maybe(None);
        let mut evidence = Self {
            kind: Text::new(entry.kind()),
            digest: Text::new(entry.digest()),
            lock: none(),
            format: none(),
            key_id: none(),
            signer: none(),
            comment: none(),
            name: none(),
            registry: none(),
            version: 0,
            time: 0,
        };
        match entry {
            EvidenceEntry::Pin { lock, .. } => evidence.lock = Text::maybe(lock.as_deref()),
            EvidenceEntry::Registry { name, registry, version, time, .. } => {
                (evidence.name, evidence.registry) = (Text::new(name), Text::new(registry));
                (evidence.version, evidence.time) = (*version, *time);
            }
            EvidenceEntry::Signature { format, key_id, signer, comment, name, time, .. } => {
                (evidence.format, evidence.key_id) = (Text::new(format), Text::new(key_id));
                evidence.signer = Text::maybe(signer.as_deref());
                evidence.comment = Text::maybe(comment.as_deref());
                evidence.name = Text::maybe(name.as_deref());
                evidence.time = time.unwrap_or(0);
            }
            _ => {}
        }
        evidence
    }
}

/// Lists what vouches for a model. Nothing: it was opened unverified.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_evidence(
    model: u64,
    first: usize,
    out: *mut Evidence,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let evidence = object.model()?.model.evidence();
        piece.fill(evidence.len(), |index| {
            let entry = evidence.get(index).ok_or_else(lost)?;
            Ok(Evidence::new(entry))
        })
    })
}

/// A saved variable.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Variable {
    /// Its name as it is in the file; none if the file is one value.
    pub name: Text,
    /// Its path: the name, quoted if it is no identifier; `root` if there is none.
    pub path: Text,
    /// Its value.
    pub node: u32,
}

/// Lists the variables in the order of the file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_variables(
    model: u64,
    first: usize,
    out: *mut Variable,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let opened = object.model()?;
        let mut variables = opened.model.variables().skip(first);
        piece.fill(opened.variables().len(), |index| {
            let (variable, path) = variables.next().zip(opened.variables().get(index)).ok_or_else(lost)?;
            let (name, path) = (Text::maybe(variable.name), Text::new(path));
            Ok(Variable { name, path, node: variable.value.id() })
        })
    })
}

/// A list of nodes.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum List {
    /// What is not rebuilt, in the order of the paths.
    Opaque = 0,
    /// The first 10,000 numbers and strings of the file, in the order of the paths.
    Scalars = 1,
}

impl List {
    /// All of them, by their numbers.
    pub(crate) const ALL: &[Self] = &[Self::Opaque, Self::Scalars];
}

/// Lists nodes (AIRLOCK_LIST_…).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_nodes(
    model: u64,
    which: u32,
    first: usize,
    out: *mut u32,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let model = &object.model()?.model;
        match get(List::ALL, which) {
            Some(List::Opaque) => {
                let mut nodes = model.opaque().skip(first);
                piece.fill(model.opaque().len(), |_| nodes.next().map(|node| node.id()).ok_or_else(lost))
            }
            Some(List::Scalars) => {
                let mut nodes = model.scalars().skip(first);
                piece.fill(model.scalars().len(), |_| nodes.next().map(|node| node.id()).ok_or_else(lost))
            }
            None => Err(Failure::usage("unknown-list", format!("there is no list {which}"))),
        }
    })
}

/// What is said of a node: that Flux of today reads it otherwise than the Flux that saved it, or how a description of types fits.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Note {
    /// The node.
    pub node: u32,
    /// Its number in AIRLOCK_ENUM_NOTE.
    pub number: u32,
    /// Its stable name.
    pub code: Text,
    /// It as a sentence.
    pub message: Text,
}

/// Lists what is said of nodes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_notes(
    model: u64,
    first: usize,
    out: *mut Note,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let notes = object.model()?.notes();
        piece.fill(notes.len(), |index| {
            let (node, code, message) = notes.get(index).ok_or_else(lost)?;
            let number = short(flux_airlock::Note::codes().position(|known| known == *code).ok_or_else(lost)?)?;
            Ok(Note { node: *node, number, code: Text::new(code), message: Text::new(message) })
        })
    })
}

/// A value that was in the file and has no place in a model of today: a gradient, the state of a recurrent layer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Aside {
    /// The node that it was found at.
    pub owner: u32,
    /// Its node.
    pub value: u32,
    /// What it was there: its number in AIRLOCK_ENUM_ASIDE.
    pub number: u32,
    /// The name of that.
    pub name: Text,
}

/// Lists the values that have no place in a model of today.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_asides(
    model: u64,
    first: usize,
    out: *mut Aside,
    capacity: usize,
    count: *mut usize,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (piece, error) = unsafe { (RawPiece(first, out, capacity, count), error).trust() };
    call(error, || {
        let object = handle::get(model)?;
        let asides = object.model()?.asides();
        piece.fill(asides.len(), |index| {
            let &(owner, name, value) = asides.get(index).ok_or_else(lost)?;
            let number = number_of(AsideName::CODES, &name.code()).ok_or_else(lost)?;
            Ok(Aside { owner, value, number, name: Text::new(name.code()) })
        })
    })
}

/// A text about a model as a whole.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum ModelText {
    /// The report as JSON in one line. The digests of all arrays are computed for it.
    Report = 0,
    /// The report as indented JSON.
    ReportIndented = 1,
    /// The specification of the layers alone, as JSON in one line.
    Layers = 2,
}

impl ModelText {
    /// All of them, by their numbers.
    pub(crate) const ALL: &[Self] = &[Self::Report, Self::ReportIndented, Self::Layers];
}

/// Makes a text about a model (AIRLOCK_MODEL_TEXT_…): a string object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_text_new(model: u64, which: u32, string: *mut u64, error: *mut u64) -> Status {
    // SAFETY: the caller's, as the header says.
    let (string, error) = unsafe { (string, error).trust() };
    make(string, error, || {
        let object = handle::get(model)?;
        let model = &object.model()?.model;
        Ok(Object::Text(match get(ModelText::ALL, which) {
            Some(ModelText::Report) => model.report().to_json(),
            Some(ModelText::ReportIndented) => model.report().to_json_pretty(),
            Some(ModelText::Layers) => model.layers().to_json(),
            None => return Err(Failure::usage("unknown-text", format!("there is no text {which} of a model"))),
        }))
    })
}

/// Gives the model as if the file had no other variable than the one of this name or path: a model object of its own, which shares the
/// file's bytes with the other one. Nodes keep their ids, arrays have other numbers. AIRLOCK_STATUS_USAGE, code
/// `no-such-variable`, if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_only(
    model: u64,
    variable: *const c_char,
    variable_len: usize,
    only: *mut u64,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (variable, only, error) = unsafe { (RawBytes::text(variable, variable_len), only, error).trust() };
    make(only, error, || {
        let object = handle::get(model)?;
        let variable = variable.text()?;
        let only = object.model()?.model.only(variable)?;
        let missing = || Failure::usage("no-such-variable", format!("there is no variable {variable:?}"));
        Ok(Object::Model(Box::new(Opened::new(only.ok_or_else(missing)?))))
    })
}

/// For airlock_model_write: replace the output if it exists.
pub const AIRLOCK_WRITE_OVERWRITE: u32 = 1;

/// For airlock_model_write: leave out the arrays that the format cannot hold. The output lists them.
pub const AIRLOCK_WRITE_OMIT: u32 = 2;

/// Writes a model to a file, which appears whole or not at all. `format` is `safetensors` (arrays, and the layers as metadata) or
/// `json` (layers and descriptions of arrays). `flags` are AIRLOCK_WRITE_… added up. AIRLOCK_STATUS_OUTPUT, code
/// `output-exists`, `unfit-arrays` and others, if it cannot be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_model_write(
    model: u64,
    format: *const c_char,
    format_len: usize,
    path: *const c_char,
    path_len: usize,
    flags: u32,
    error: *mut u64,
) -> Status {
    let texts = (RawBytes::text(format, format_len), RawBytes::text(path, path_len), error);
    // SAFETY: the caller's, as the header says.
    let (format, path, error) = unsafe { texts.trust() };
    call(error, || {
        let object = handle::get(model)?;
        let model = &object.model()?.model;
        if flags & !(AIRLOCK_WRITE_OVERWRITE | AIRLOCK_WRITE_OMIT) != 0 {
            return Err(Failure::usage("unknown-flag", format!("not all of the flags {flags:#x} are known")));
        }
        let overwrite = if flags & AIRLOCK_WRITE_OVERWRITE == 0 { Overwrite::No } else { Overwrite::Yes };
        let omit = flags & AIRLOCK_WRITE_OMIT != 0;
        let (format, path) = (format.text()?, path_of(&path)?);
        let written: Result<(), ExportError> = match format {
            "json" => {
                let spec = Spec::new(model);
                to_file(path, overwrite, |out| spec.write(out))
            }
            "safetensors" => {
                let arrays = if omit { Safetensors::without_unfit(model) } else { Safetensors::new(model)? };
                to_file(path, overwrite, |out| arrays.write(out))
            }
            _ => return Err(Failure::usage("unknown-format", "a model is written as safetensors or json")),
        };
        Ok(written?)
    })
}

/// A length or number that the ABI has 32 bits for, as all ids of a model have.
pub(crate) fn short(number: usize) -> Result<u32, Failure> {
    u32::try_from(number).map_err(|_| lost())
}

/// What cannot be missing is.
pub(crate) fn lost() -> Failure {
    Failure::internal("internal-lost", "an entry of a model is missing")
}
