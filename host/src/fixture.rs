//! Files and answers made by hand, for tests of the inner door.

use flux_airlock_wire::answer::Sections;
use flux_airlock_wire::{
    Aside, AsideName, Element, Eltype, Function, Ids, Kind, Node, Note, NoteCode, Run, Span, Tensor, Variable, Why,
};

use crate::SandboxFigures;
use crate::answer::{Checked, Flaw, Grant, Opened, Outcome, check};
use crate::model::{About, Model};
use crate::report::FileEntry;
use crate::types::TypeMap;

/// What the tests grant.
pub(crate) const GRANT: Grant =
    Grant { depth: 256, name_bytes: 4096, names_bytes: 1 << 20, nodes: 1 << 20, path_bytes: 1 << 20, tensors: 1 << 16 };

/// A file and the answer about it, while they are made.
pub(crate) struct Fixture {
    pub(crate) file: Vec<u8>,
    pub(crate) answer: Sections,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        // A byte at the start keeps every span from being the empty one at 0.
        Self { file: vec![0xee], answer: Sections::new(1 << 26) }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Span {
        let offset = u32::try_from(self.file.len()).unwrap();
        self.file.extend_from_slice(bytes);
        Span { offset, len: u32::try_from(bytes.len()).unwrap() }
    }

    pub(crate) fn text(&mut self, text: impl AsRef<[u8]>) -> u32 {
        let span = self.bytes(text.as_ref());
        self.answer.texts.push(&span).unwrap()
    }

    pub(crate) fn node(&mut self, node: &Node<'_>) -> u32 {
        self.answer.nodes.push(node).unwrap()
    }

    pub(crate) fn array(&mut self, eltype: Eltype, size: &[u32], bytes: &[u8]) -> u32 {
        let span = self.bytes(bytes);
        let size = ids(size);
        let tensor = Tensor { element: Element::Number(eltype), size: Ids::new(&size).unwrap(), span };
        self.answer.tensors.push(&tensor).unwrap()
    }

    /// A node of an array of these numbers.
    pub(crate) fn floats(&mut self, size: &[u32], values: &[f32]) -> u32 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = self.array(Eltype::Float32, size, &bytes);
        self.node(&Node::Tensor(tensor))
    }

    /// A node of an array of ones.
    pub(crate) fn ones(&mut self, size: &[u32]) -> u32 {
        self.floats(size, &vec![1.0; size.iter().map(|n| usize::try_from(*n).unwrap()).product()])
    }

    pub(crate) fn number(&mut self, eltype: Eltype, bytes: &[u8]) -> u32 {
        let offset = self.bytes(bytes).offset;
        self.node(&Node::Number { eltype, offset })
    }

    pub(crate) fn int(&mut self, value: i64) -> u32 {
        self.number(Eltype::Int64, &value.to_le_bytes())
    }

    pub(crate) fn double(&mut self, value: f64) -> u32 {
        self.number(Eltype::Float64, &value.to_le_bytes())
    }

    pub(crate) fn string(&mut self, text: impl AsRef<[u8]>) -> u32 {
        let text = self.text(text);
        self.node(&Node::Text(text))
    }

    pub(crate) fn symbol(&mut self, text: &str) -> u32 {
        let text = self.text(text);
        self.node(&Node::Symbol(text))
    }

    pub(crate) fn function(&mut self, function: Function) -> u32 {
        self.node(&Node::Function(function))
    }

    pub(crate) fn list(&mut self, values: &[u32]) -> u32 {
        let values = ids(values);
        self.node(&Node::List(Ids::new(&values).unwrap()))
    }

    /// So many integers in a run, counted from 0 and eleven bytes from each other, as in a list of a file.
    pub(crate) fn run(&mut self, count: u32) {
        let offset = u32::try_from(self.file.len()).unwrap() + 3;
        for n in 0..count {
            self.file.extend_from_slice(b"\x121\0");
            self.file.extend_from_slice(&u64::from(n).to_le_bytes());
        }
        self.answer.runs.push(&Run { eltype: Eltype::Int64, offset, step: 11, count }).unwrap();
    }

    pub(crate) fn numbers(&mut self, first: u32, count: u32) -> u32 {
        self.node(&Node::Numbers { first, count })
    }

    pub(crate) fn tuple(&mut self, values: &[u32]) -> u32 {
        let values = ids(values);
        self.node(&Node::Tuple(Ids::new(&values).unwrap()))
    }

    pub(crate) fn ints(&mut self, values: &[i64]) -> u32 {
        let values: Vec<u32> = values.iter().map(|value| self.int(*value)).collect();
        self.tuple(&values)
    }

    pub(crate) fn record(&mut self, entries: &[(&str, u32)]) -> u32 {
        let names: Vec<u32> = entries.iter().map(|(name, _)| self.text(name)).collect();
        let values: Vec<u32> = entries.iter().map(|(_, value)| *value).collect();
        let (names, values) = (ids(&names), ids(&values));
        self.node(&Node::Record { names: Ids::new(&names).unwrap(), values: Ids::new(&values).unwrap() })
    }

    pub(crate) fn named_tuple(&mut self, entries: &[(&str, u32)]) -> u32 {
        let names: Vec<u32> = entries.iter().map(|(name, _)| self.text(name)).collect();
        let values: Vec<u32> = entries.iter().map(|(_, value)| *value).collect();
        let (names, values) = (ids(&names), ids(&values));
        self.node(&Node::NamedTuple { names: Ids::new(&names).unwrap(), values: Ids::new(&values).unwrap() })
    }

    pub(crate) fn layer(&mut self, kind: Kind, fields: &[u32]) -> u32 {
        let fields = ids(fields);
        self.node(&Node::Struct { kind, fields: Ids::new(&fields).unwrap() })
    }

    pub(crate) fn opaque(&mut self, why: Why, ty: &[&str], children: &[u32]) -> u32 {
        let ty: Vec<u32> = ty.iter().map(|part| self.text(part)).collect();
        let (ty, children) = (ids(&ty), ids(children));
        self.node(&Node::Opaque { why, ty: Ids::new(&ty).unwrap(), children: Ids::new(&children).unwrap() })
    }

    /// A `Dense` with weights of ones.
    pub(crate) fn dense(&mut self, from: u32, to: u32, activation: Function) -> u32 {
        let weight = self.ones(&[to, from]);
        let bias = self.ones(&[to]);
        let activation = self.function(activation);
        self.layer(Kind::Dense, &[weight, bias, activation])
    }

    pub(crate) fn chain(&mut self, layers: &[u32]) -> u32 {
        let layers = self.tuple(layers);
        self.layer(Kind::Chain, &[layers])
    }

    pub(crate) fn variable(&mut self, name: &str, node: u32) {
        let name = Some(self.text(name));
        self.answer.variables.push(&Variable { name, node }).unwrap();
    }

    pub(crate) fn root(&mut self, node: u32) {
        self.answer.variables.push(&Variable { name: None, node }).unwrap();
    }

    pub(crate) fn aside(&mut self, owner: u32, name: AsideName, value: u32) {
        self.answer.asides.push(&Aside { owner, name, value }).unwrap();
    }

    pub(crate) fn note(&mut self, node: u32, code: NoteCode) {
        self.answer.notes.push(&Note { node, code }).unwrap();
    }

    pub(crate) fn check(self, grant: &Grant) -> Result<(Vec<u8>, Box<Checked>), Flaw> {
        self.check_with(grant, &TypeMap::default())
    }

    pub(crate) fn check_with(self, grant: &Grant, types: &TypeMap) -> Result<(Vec<u8>, Box<Checked>), Flaw> {
        let answer = self.answer.finish(1 << 26).unwrap();
        match check(&self.file, answer, grant, types)? {
            Outcome::Opened(checked) => Ok((self.file, checked)),
            Outcome::Refused(_) => unreachable!("no fixture is a refusal"),
        }
    }

    pub(crate) fn open(self) -> Model {
        let (file, checked) = self.check(&GRANT).unwrap();
        model(file, checked)
    }

    pub(crate) fn open_with(self, types: &TypeMap) -> Model {
        let (file, checked) = self.check_with(&GRANT, types).unwrap();
        model(file, checked)
    }

    pub(crate) fn fault(self) -> &'static str {
        match self.check(&GRANT).unwrap_err() {
            Flaw::Fault(fault) => fault.code(),
            Flaw::PathBytes { .. } => "path-bytes-limit",
        }
    }
}

pub(crate) fn model(file: Vec<u8>, checked: Box<Checked>) -> Model {
    let about = About {
        file: FileEntry { path: Some("m.bson".to_owned()), bytes: file.len() as u64, more: false, sha256: None },
        evidence: Vec::new(),
        sandbox: SandboxFigures { guest_sha256: "00", fuel_used: 1, fuel_limit: 2, memory_bytes: 3, wall_us: 4 },
    };
    Model::new(Opened::new(file, checked), about)
}

pub(crate) fn ids(ids: &[u32]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}
