//! The inner door: what the guest answered is believed only after it was checked.
//!
//! An answer holds positions and closed enumerations, and comes from a chamber in which anything may have happened.
//! [`check`] goes through it once, front to back, and holds it to its contract: every count is covered by bytes that are
//! there before anything is allocated for it, every id lies below its table's count, every node comes after all that it
//! refers to, every number of a run is in one list, every span lies in the file, every array has exactly the bytes of its
//! size, no two arrays overlap, every array is reached, names are UTF-8, and nothing is nested deeper than was granted.
//! Whatever the answer says, the work is proportional to its length and to the names it points at, and so is the memory: a
//! few bytes for each entry, none of them a node. Nodes stay where they are and are read in place.
//!
//! An answer that fails is a fault of ours ([`Fault`]), never the file's.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use flux_airlock_wire::answer::{self, Entries};
use flux_airlock_wire::{
    Answer, AnswerError, Aside, Counts, Element, Eltype, Ids, MAX_NDIMS, Node, Note, Refusal, Run, SUPPLIED_LEVELS,
    Segment, Span, Tensor, Variable, Why, WrittenBy, checked_len,
};

use crate::path::{PathTexts, Paths};
use crate::types::{Named, TypeMap};

/// What the checker may spend, and what it holds the guest to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    /// Levels of nesting of values.
    pub(crate) depth: u32,
    /// Bytes of one name.
    pub(crate) name_bytes: u32,
    /// Bytes of all names.
    pub(crate) names_bytes: u32,
    /// Nodes.
    pub(crate) nodes: u32,
    /// Bytes of all paths that a report could hold.
    pub(crate) path_bytes: u64,
    /// Arrays.
    pub(crate) tensors: u32,
}

/// How an answer breaks its contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    /// A size that is not the number of items.
    #[error("node {node} is an array of another size than it has items")]
    ArraySize {
        /// The node.
        node: u32,
    },
    /// More entries than bytes, or than were granted.
    #[error("the answer announces more entries than it has bytes, or than were granted")]
    Count,
    /// Nodes nested deeper than was granted.
    #[error("node {node} is nested deeper than was granted")]
    Depth {
        /// The node.
        node: u32,
    },
    /// A struct with other fields than its kind has.
    #[error("node {node} has another number of fields than its kind")]
    Fields {
        /// The node.
        node: u32,
    },
    /// An id beyond its table.
    #[error("an id of {table} {entry} lies beyond its table")]
    Id {
        /// The table that the id stands in.
        table: &'static str,
        /// The entry that it stands in.
        entry: u32,
    },
    /// Bytes that are no entry.
    #[error("an entry is malformed")]
    Malformed,
    /// A name that is no UTF-8, or longer than was granted.
    #[error("text {text} is no name")]
    Name {
        /// The text.
        text: u32,
    },
    /// Unequally many names and values, or the same name twice.
    #[error("the names of node {node} are not one for each value")]
    Names {
        /// The node.
        node: u32,
    },
    /// A list of other numbers than those that are next, or numbers that are in no list: then there is no such node.
    #[error("node {node} has not the numbers that are next")]
    Numbers {
        /// The node.
        node: u32,
    },
    /// A node that refers to itself or to a later one.
    #[error("node {node} comes before what it refers to")]
    Order {
        /// The node.
        node: u32,
    },
    /// Two arrays over the same bytes.
    #[error("tensors {first} and {second} overlap")]
    Overlap {
        /// The one that begins first.
        first: u32,
        /// The other.
        second: u32,
    },
    /// A refusal of a place that is not in the file.
    #[error("the refusal is of a place outside the file")]
    Refusal,
    /// A run of no numbers, or of numbers that overlap, or of more of them than the file has room for.
    #[error("run {run} is not of numbers side by side")]
    Run {
        /// The run.
        run: u32,
    },
    /// Bytes outside the file.
    #[error("the span of {table} {entry} lies outside the file")]
    Span {
        /// The table.
        table: &'static str,
        /// The entry.
        entry: u32,
    },
    /// An array whose bytes are not its size times its width.
    #[error("the size of tensor {tensor} does not account for its bytes")]
    TensorSize {
        /// The tensor.
        tensor: u32,
    },
    /// Bytes after the last entry.
    #[error("bytes follow the last entry")]
    Trailing,
    /// An array that no variable and no aside reaches.
    #[error("tensor {tensor} is reached by no value")]
    Unreached {
        /// The tensor.
        tensor: u32,
    },
    /// A variable with the name of another, or without a name among others.
    #[error("variable {variable} cannot be told from another")]
    Variable {
        /// The variable.
        variable: u32,
    },
    /// An answer in another version.
    #[error("the answer is of version {found}")]
    Version {
        /// Its version.
        found: u8,
    },
}

impl Fault {
    /// Its stable name.
    #[must_use]
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::ArraySize { .. } => "answer-array-size",
            Self::Count => "answer-count",
            Self::Depth { .. } => "answer-depth",
            Self::Fields { .. } => "answer-fields",
            Self::Id { .. } => "answer-id",
            Self::Malformed => "answer-malformed",
            Self::Name { .. } => "answer-name",
            Self::Names { .. } => "answer-names",
            Self::Numbers { .. } => "answer-numbers",
            Self::Order { .. } => "answer-order",
            Self::Overlap { .. } => "answer-overlap",
            Self::Refusal => "answer-refusal",
            Self::Run { .. } => "answer-run",
            Self::Span { .. } => "answer-span",
            Self::TensorSize { .. } => "answer-tensor-size",
            Self::Trailing => "answer-trailing",
            Self::Unreached { .. } => "answer-unreached",
            Self::Variable { .. } => "answer-variable",
            Self::Version { .. } => "answer-version",
        }
    }
}

impl From<AnswerError> for Fault {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Trailing => Self::Trailing,
            AnswerError::Version(found) => Self::Version { found },
            _ => Self::Malformed,
        }
    }
}

/// Why an answer is not let through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    /// The guest broke the contract.
    Fault(Fault),
    /// The file's paths and names are longer than was granted: the limit `path-bytes`.
    PathBytes {
        /// What was granted.
        granted: u64,
    },
}

impl From<Fault> for Flaw {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<AnswerError> for Flaw {
    fn from(error: AnswerError) -> Self {
        Self::Fault(error.into())
    }
}

/// An answer that was let through.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The file is opened.
    Opened(Box<Checked>),
    /// The file is refused, for the reason and at the place that the guest gives.
    Refused(Refusal),
}

/// A checked answer: its bytes, and where its entries are.
#[derive(Debug)]
pub(crate) struct Checked {
    entries: Arc<Table>,
    /// The texts that are names.
    names: Arc<Bits>,
    /// What was granted for it.
    grant: Grant,
    pub(crate) written_by: WrittenBy,
    pub(crate) variables: Vec<Variable>,
    pub(crate) asides: Vec<Aside>,
    pub(crate) notes: Vec<Note>,
    /// What the caller says of its structs.
    pub(crate) named: Arc<Named>,
    pub(crate) paths: Paths,
}

/// The entries that others refer to by id.
#[derive(Debug)]
struct Table {
    answer: Vec<u8>,
    texts: Vec<Span>,
    tensors: Vec<u32>,
    nodes: Vec<u32>,
    numbers: Numbers,
}

/// The numbers that are no entries of their own. Their ids come after those of all entries.
#[derive(Debug, Default)]
struct Numbers {
    /// The runs, each with how many numbers the ones before it have.
    runs: Vec<(u32, Run)>,
    /// The lists of them, each with the number that it begins with.
    lists: Vec<(u32, u32)>,
    count: u32,
}

impl Numbers {
    /// The number at this place.
    fn get(&self, place: u32) -> Option<Node<'static>> {
        let after = self.runs.partition_point(|(before, _)| *before <= place);
        let (before, run) = self.runs.get(after.checked_sub(1)?)?;
        let offset = run.offset_of(place.checked_sub(*before)?)?;
        Some(Node::Number { eltype: run.eltype, offset })
    }
}

/// A file with the checked answer about it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: Arc<Vec<u8>>,
    pub(crate) checked: Box<Checked>,
    pub(crate) path_texts: OnceLock<PathTexts>,
}

impl Opened {
    pub(crate) fn new(file: Vec<u8>, checked: Box<Checked>) -> Self {
        Self { file: Arc::new(file), checked, path_texts: OnceLock::new() }
    }

    /// The same file with this variable alone. Bytes and entries are shared, and paths are found anew.
    pub(crate) fn only(&self, variable: Variable) -> Result<Self, Flaw> {
        let Checked { entries, names, grant, written_by, asides, notes, named, .. } = &*self.checked;
        let variables = vec![variable];
        let source = Source { variables: &variables, ..self.source() };
        let paths = Paths::find(source, notes, names, grant)?;
        let checked = Checked {
            entries: Arc::clone(entries),
            names: Arc::clone(names),
            grant: *grant,
            written_by: *written_by,
            variables,
            asides: asides.clone(),
            notes: notes.clone(),
            named: Arc::clone(named),
            paths,
        };
        Ok(Self { file: Arc::clone(&self.file), checked: Box::new(checked), path_texts: OnceLock::new() })
    }

    /// The parts that nodes and paths are read from.
    pub(crate) fn source(&self) -> Source<'_> {
        self.checked.source(&self.file)
    }
}

impl Checked {
    pub(crate) fn source<'a>(&'a self, file: &'a [u8]) -> Source<'a> {
        Source {
            file,
            answer: &self.entries.answer,
            texts: &self.entries.texts,
            tensors: &self.entries.tensors,
            nodes: &self.entries.nodes,
            numbers: &self.entries.numbers,
            variables: &self.variables,
            asides: &self.asides,
            named: &self.named,
        }
    }
}

/// Read access to a file and the entries about it. Every id in them was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    file: &'a [u8],
    answer: &'a [u8],
    texts: &'a [Span],
    tensors: &'a [u32],
    nodes: &'a [u32],
    numbers: &'a Numbers,
    pub(crate) variables: &'a [Variable],
    pub(crate) asides: &'a [Aside],
    pub(crate) named: &'a Named,
}

impl<'a> Source<'a> {
    /// How many nodes there are, those that are no entries of their own included.
    pub(crate) fn node_count(self) -> usize {
        self.nodes.len().saturating_add(capacity(self.numbers.count))
    }

    /// How many nodes are entries of their own. The numbers of runs have the ids after theirs.
    pub(crate) const fn entry_count(self) -> usize {
        self.nodes.len()
    }

    /// The number by which others know a node: numbers of runs first, so that what a node holds comes before it.
    pub(crate) fn public_id(self, id: u32) -> u32 {
        match u32::try_from(self.nodes.len()).ok().and_then(|entries| id.checked_sub(entries)) {
            Some(number) => number,
            None => id.saturating_add(self.numbers.count),
        }
    }

    /// The node that others know by this number.
    pub(crate) fn own_id(self, public: u32) -> Option<u32> {
        let entries = u32::try_from(self.nodes.len()).ok()?;
        match public.checked_sub(self.numbers.count) {
            Some(entry) => (entry < entries).then_some(entry),
            None => public.checked_add(entries),
        }
    }

    /// The lists of numbers that are no entries of their own, each with the place of the first among those.
    pub(crate) fn number_lists(self) -> &'a [(u32, u32)] {
        &self.numbers.lists
    }

    /// How many arrays there are.
    pub(crate) const fn tensor_count(self) -> usize {
        self.tensors.len()
    }

    /// How many texts there are.
    pub(crate) const fn text_count(self) -> usize {
        self.texts.len()
    }

    /// How many bytes the file has.
    pub(crate) const fn file_len(self) -> usize {
        self.file.len()
    }

    /// The node of this id: the layer that it acts as, if the caller says so.
    pub(crate) fn node(self, id: u32) -> Node<'a> {
        let entries = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        match self.entry(id) {
            Some(Node::Numbers { first, count }) => Node::List(Ids::range(entries.saturating_add(first), count)),
            Some(node) => node,
            // The last alternative is never taken: every id was checked.
            None => id.checked_sub(entries).and_then(|place| self.numbers.get(place)).unwrap_or(Node::Null),
        }
    }

    /// The same as it stands in the answer, where lists of numbers have no children; `None` for those numbers.
    pub(crate) fn entry(self, id: u32) -> Option<Node<'a>> {
        let answered = || get(self.nodes, id).and_then(|at| answer::node_at(self.answer, at));
        self.named.layer(id).or_else(answered)
    }

    /// Is this entry a number of the file, written as numbers are? It is not read for that: most nodes of a long list are numbers.
    pub(crate) fn is_number(self, id: u32) -> bool {
        get(self.nodes, id).is_some_and(|at| answer::is_number_at(self.answer, at))
    }

    /// The names of an inert struct's fields, if the caller gave them.
    pub(crate) fn field_names(self, id: u32) -> Option<&'a [String]> {
        self.named.fields(id)
    }

    /// The array of this id, which exists like every id that a node holds.
    pub(crate) fn tensor(self, id: u32) -> Option<Tensor<'a>> {
        get(self.tensors, id).and_then(|at| answer::tensor_at(self.answer, at))
    }

    /// The text of this id.
    pub(crate) fn text(self, id: u32) -> &'a [u8] {
        get(self.texts, id).map_or(&[], |span| self.bytes(span))
    }

    /// The text of this id, which is used as a name and therefore UTF-8.
    pub(crate) fn name(self, id: u32) -> &'a str {
        str::from_utf8(self.text(id)).unwrap_or_default()
    }

    /// These bytes of the file.
    pub(crate) fn bytes(self, span: Span) -> &'a [u8] {
        slice(self.file, span).unwrap_or_default()
    }
}

/// Reads the answer about `file` and holds it to its contract.
///
/// # Errors
///
/// [`Flaw::Fault`] if it breaks it, and [`Flaw::PathBytes`] if the file needs more text for its paths than was granted.
pub(crate) fn check(file: &[u8], answer: Vec<u8>, grant: &Grant, types: &TypeMap) -> Result<Outcome, Flaw> {
    let (counts, written_by, entries) = match Answer::read(&answer)? {
        Answer::Opened(counts, written_by, entries) => (counts, written_by, entries),
        Answer::Refused(refusal) => {
            check_refusal(file, &refusal)?;
            return Ok(Outcome::Refused(refusal));
        }
    };
    let tables = Checker { file, grant, counts, entries, names: Names::new(file, grant) }.check(&answer)?;
    if let Some(julia) = written_by.julia
        && get(&tables.texts, julia).is_none()
    {
        return Err(Fault::Id { table: "answer", entry: 0 }.into());
    }
    let Tables { texts, tensors, nodes, numbers, variables, asides, notes, names } = tables;
    let source = Source {
        file,
        answer: &answer,
        texts: &texts,
        tensors: &tensors,
        nodes: &nodes,
        numbers: &numbers,
        variables: &variables,
        asides: &asides,
        named: &Named::default(),
    };
    let own = Named::find(source, types);
    let source = Source { named: &own, ..source };
    let paths = Paths::find(source, &notes, &names, grant)?;
    if let Some(tensor) = paths.unreached() {
        return Err(Fault::Unreached { tensor }.into());
    }
    let entries = Arc::new(Table { answer, texts, tensors, nodes, numbers });
    let names = Arc::new(names);
    let checked =
        Checked { entries, names, grant: *grant, written_by, variables, asides, notes, named: Arc::new(own), paths };
    Ok(Outcome::Opened(Box::new(checked)))
}

fn check_refusal(file: &[u8], refusal: &Refusal) -> Result<(), Fault> {
    let in_file = usize::try_from(refusal.offset).is_ok_and(|offset| offset <= file.len());
    let keys_in_file = refusal.path.iter().all(|segment| match *segment {
        Segment::Index(_) => true,
        Segment::Key(span) => slice(file, span).is_some(),
    });
    if in_file && keys_in_file { Ok(()) } else { Err(Fault::Refusal) }
}

/// Everything of an answer but its paths, checked.
struct Tables {
    texts: Vec<Span>,
    tensors: Vec<u32>,
    nodes: Vec<u32>,
    numbers: Numbers,
    variables: Vec<Variable>,
    asides: Vec<Aside>,
    notes: Vec<Note>,
    names: Bits,
}

struct Checker<'a> {
    file: &'a [u8],
    grant: &'a Grant,
    counts: Counts,
    entries: Entries<'a>,
    names: Names<'a>,
}

impl Checker<'_> {
    fn check(mut self, answer: &[u8]) -> Result<Tables, Fault> {
        let counts = self.counts;
        // Every entry has at least one byte, so that nothing is allocated for entries that cannot be there.
        let Counts { texts, tensors, runs, nodes, variables, asides, notes } = counts;
        let announced = [texts, tensors, runs, nodes, variables, asides, notes];
        let left = answer.len().saturating_sub(self.entries.position());
        let announced = announced.into_iter().fold(0_u64, |sum, count| sum.saturating_add(count.into()));
        let covered = u64::try_from(left).is_ok_and(|left| announced <= left) && u32::try_from(answer.len()).is_ok();
        if !covered || counts.nodes > self.grant.nodes || counts.tensors > self.grant.tensors {
            return Err(Fault::Count);
        }
        let texts = self.texts()?;
        let tensors = self.tensors(&texts)?;
        let mut numbers = self.runs()?;
        let nodes = self.nodes(&texts, &mut numbers)?;
        let variables = self.variables(&texts)?;
        let asides = self.asides()?;
        let remarks = self.notes()?;
        self.entries.finish()?;
        Ok(Tables { texts, tensors, nodes, numbers, variables, asides, notes: remarks, names: self.names.seen })
    }

    fn texts(&mut self) -> Result<Vec<Span>, Fault> {
        let mut texts = Vec::with_capacity(capacity(self.counts.texts));
        for entry in 0..self.counts.texts {
            let span: Span = self.entries.take()?;
            slice(self.file, span).ok_or(Fault::Span { table: "text", entry })?;
            texts.push(span);
        }
        self.names.seen = Bits::new(texts.len());
        Ok(texts)
    }

    fn tensors(&mut self, texts: &[Span]) -> Result<Vec<u32>, Fault> {
        let mut tensors = Vec::with_capacity(capacity(self.counts.tensors));
        let mut taken = Vec::with_capacity(capacity(self.counts.tensors));
        for tensor in 0..self.counts.tensors {
            tensors.push(position(&self.entries)?);
            let Tensor { element, size, span } = self.entries.take()?;
            whole(size)?;
            if size.len() > MAX_NDIMS || !(Tensor { element, size, span }.is_exact()) {
                return Err(Fault::TensorSize { tensor });
            }
            slice(self.file, span).ok_or(Fault::Span { table: "tensor", entry: tensor })?;
            if let Element::Packed(ty) = element {
                whole(ty)?;
                self.names.all(texts, ty, Fault::Id { table: "tensor", entry: tensor })?;
            }
            if span.len > 0 {
                taken.push((span.offset, span.len, tensor));
            }
        }
        taken.sort_unstable();
        for (first, second) in taken.iter().zip(taken.iter().skip(1)) {
            if (Span { offset: first.0, len: first.1 }).end() > u64::from(second.0) {
                return Err(Fault::Overlap { first: first.2, second: second.2 });
            }
        }
        Ok(tensors)
    }

    /// The runs; the lists of their numbers come with the nodes.
    fn runs(&mut self) -> Result<Numbers, Fault> {
        // Each has one number at least.
        let most = self.grant.nodes.saturating_sub(self.counts.nodes);
        if self.counts.runs > most {
            return Err(Fault::Count);
        }
        let mut numbers = Numbers { runs: Vec::with_capacity(capacity(self.counts.runs)), ..Numbers::default() };
        let mut left = self.file.len();
        for entry in 0..self.counts.runs {
            let run: Run = self.entries.take()?;
            // An answer has few bytes for many numbers: taken together, they are no more than the file has bytes.
            let bytes = run.count.checked_mul(run.step).and_then(|bytes| left.checked_sub(capacity(bytes)));
            let Some(rest) = bytes.filter(|_| run.count > 0 && run.step >= run.eltype.width().max(1)) else {
                return Err(Fault::Run { run: entry });
            };
            left = rest;
            let end = run.end().and_then(|end| usize::try_from(end).ok());
            end.filter(|end| *end <= self.file.len()).ok_or(Fault::Span { table: "run", entry })?;
            numbers.runs.push((numbers.count, run));
            let count = numbers.count.checked_add(run.count);
            numbers.count = count.filter(|count| *count <= most).ok_or(Fault::Count)?;
        }
        Ok(numbers)
    }

    fn nodes(&mut self, texts: &[Span], numbers: &mut Numbers) -> Result<Vec<u32>, Fault> {
        let mut nodes = Vec::with_capacity(capacity(self.counts.nodes));
        let mut depths: Vec<u16> = Vec::with_capacity(capacity(self.counts.nodes));
        let most = u16::try_from(self.grant.depth.saturating_add(SUPPLIED_LEVELS)).unwrap_or(u16::MAX);
        let mut next = 0_u32;
        for id in 0..self.counts.nodes {
            nodes.push(position(&self.entries)?);
            if let Some((eltype, offset)) = self.entries.take_number() {
                self.number(id, eltype, offset)?;
                depths.push(0);
                continue;
            }
            let node: Node<'_> = self.entries.take()?;
            self.node(texts, id, &node)?;
            // As in the file, levels are those of values that hold others.
            let mut depth = 0_u16;
            if let Node::Numbers { first, count } = node {
                let end = next.checked_add(count).filter(|end| *end <= numbers.count && *end > next && first == next);
                next = end.ok_or(Fault::Numbers { node: id })?;
                numbers.lists.push((first, id));
                depth = 1;
            }
            for child in node.children().iter() {
                // Whatever comes later has no depth yet: a missing entry is a node out of order.
                let below = get(&depths, child).ok_or(Fault::Order { node: id })?;
                depth = depth.max(below.checked_add(1).ok_or(Fault::Depth { node: id })?);
            }
            if depth > most {
                return Err(Fault::Depth { node: id });
            }
            depths.push(depth);
        }
        if next == numbers.count { Ok(nodes) } else { Err(Fault::Numbers { node: self.counts.nodes }) }
    }

    fn number(&self, id: u32, eltype: Eltype, offset: u32) -> Result<(), Fault> {
        let span = Span { offset, len: eltype.width() };
        slice(self.file, span).map(|_| ()).ok_or(Fault::Span { table: "node", entry: id })
    }

    fn node(&mut self, texts: &[Span], id: u32, node: &Node<'_>) -> Result<(), Fault> {
        let unknown = Fault::Id { table: "node", entry: id };
        whole(node.children())?;
        whole(node.texts())?;
        match *node {
            Node::Array { size, items } => {
                whole(size)?;
                let mut dimensions = [1; MAX_NDIMS];
                for (at, dimension) in size.iter().enumerate() {
                    *dimensions.get_mut(at).ok_or(Fault::ArraySize { node: id })? = dimension;
                }
                if checked_len(&dimensions, 1) != u64::try_from(items.len()).ok() {
                    return Err(Fault::ArraySize { node: id });
                }
            }
            Node::NamedTuple { names, values } | Node::Record { names, values } => {
                if names.len() != values.len() {
                    return Err(Fault::Names { node: id });
                }
                self.names.all(texts, names, unknown)?;
            }
            Node::Number { eltype, offset } => self.number(id, eltype, offset)?,
            Node::Opaque { why, ty, children } => {
                self.names.all(texts, ty, unknown)?;
                if let Why::DeviceArray { size: Some(size), .. } = why {
                    let children = u32::try_from(children.len()).unwrap_or(u32::MAX);
                    below(size, children, unknown)?;
                }
            }
            Node::Struct { kind, fields } => {
                if fields.len() != kind.fields().len() {
                    return Err(Fault::Fields { node: id });
                }
            }
            Node::Symbol(text) => self.names.one(texts, text, unknown)?,
            Node::Tensor(tensor) => below(tensor, self.counts.tensors, unknown)?,
            Node::Text(text) => below(text, self.counts.texts, unknown)?,
            Node::Bool(_)
            | Node::Float(_)
            | Node::Function(_)
            | Node::Int(_)
            | Node::List(_)
            | Node::Null
            | Node::Numbers { .. }
            | Node::Tuple(_) => {}
        }
        Ok(())
    }

    fn variables(&mut self, texts: &[Span]) -> Result<Vec<Variable>, Fault> {
        let mut variables = Vec::with_capacity(capacity(self.counts.variables));
        for entry in 0..self.counts.variables {
            let variable: Variable = self.entries.take()?;
            let unknown = Fault::Id { table: "variable", entry };
            below(variable.node, self.counts.nodes, unknown)?;
            match variable.name {
                Some(name) => self.names.one(texts, name, unknown)?,
                None if self.counts.variables > 1 => return Err(Fault::Variable { variable: entry }),
                None => {}
            }
            variables.push(variable);
        }
        Ok(variables)
    }

    fn asides(&mut self) -> Result<Vec<Aside>, Fault> {
        let mut asides = Vec::with_capacity(capacity(self.counts.asides));
        for entry in 0..self.counts.asides {
            let aside: Aside = self.entries.take()?;
            let unknown = Fault::Id { table: "aside", entry };
            below(aside.owner, self.counts.nodes, unknown)?;
            below(aside.value, self.counts.nodes, unknown)?;
            asides.push(aside);
        }
        Ok(asides)
    }

    fn notes(&mut self) -> Result<Vec<Note>, Fault> {
        let mut notes = Vec::with_capacity(capacity(self.counts.notes));
        let mut said = BTreeSet::new();
        for entry in 0..self.counts.notes {
            let note: Note = self.entries.take()?;
            below(note.node, self.counts.nodes, Fault::Id { table: "note", entry })?;
            if said.insert((note.node, note.code.code())) {
                notes.push(note);
            }
        }
        Ok(notes)
    }
}

/// The texts that are used as names, each looked at once.
struct Names<'a> {
    file: &'a [u8],
    most: u32,
    left: u64,
    seen: Bits,
}

impl<'a> Names<'a> {
    fn new(file: &'a [u8], grant: &Grant) -> Self {
        // A name may stand in the file as often as it is used, or once for all uses: one of the two terms pays for it.
        let left = u64::from(grant.names_bytes).saturating_add(u64::try_from(file.len()).unwrap_or(u64::MAX));
        Self { file, most: grant.name_bytes, left, seen: Bits::default() }
    }

    fn all(&mut self, texts: &[Span], names: Ids<'_>, unknown: Fault) -> Result<(), Fault> {
        names.iter().try_for_each(|name| self.one(texts, name, unknown))
    }

    fn one(&mut self, texts: &[Span], text: u32, unknown: Fault) -> Result<(), Fault> {
        let span = get(texts, text).ok_or(unknown)?;
        if self.seen.insert(text) {
            let flaw = Fault::Name { text };
            self.left = self.left.checked_sub(span.len.into()).filter(|_| span.len <= self.most).ok_or(flaw)?;
            str::from_utf8(slice(self.file, span).unwrap_or_default()).map_err(|_| flaw)?;
        }
        Ok(())
    }
}

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// None of the numbers below `len`.
    pub(crate) fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// Adds a number, and says whether it is new. One that is too large is never added.
    pub(crate) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = Self::place(number);
        self.0.get_mut(word).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    /// Is this number in the set?
    pub(crate) fn contains(&self, number: u32) -> bool {
        let (word, bit) = Self::place(number);
        self.0.get(word).is_some_and(|word| *word & bit != 0)
    }

    fn place(number: u32) -> (usize, u64) {
        (usize::try_from(number / 64).unwrap_or(usize::MAX), 1_u64.wrapping_shl(number % 64))
    }
}

/// The entry of this id.
pub(crate) fn get<T: Copy>(table: &[T], id: u32) -> Option<T> {
    table.get(usize::try_from(id).ok()?).copied()
}

/// These bytes of the file, if it has them.
pub(crate) fn slice(file: &[u8], span: Span) -> Option<&[u8]> {
    let from = usize::try_from(span.offset).ok()?;
    file.get(from..)?.get(..usize::try_from(span.len).ok()?)
}

fn below(id: u32, count: u32, unknown: Fault) -> Result<(), Fault> {
    if id < count { Ok(()) } else { Err(unknown) }
}

/// Says that these bytes are a whole number of ids: reading the entry does not.
fn whole(ids: Ids<'_>) -> Result<(), Fault> {
    if ids.is_whole() { Ok(()) } else { Err(Fault::Malformed) }
}

fn position(entries: &Entries<'_>) -> Result<u32, Fault> {
    u32::try_from(entries.position()).map_err(|_| Fault::Count)
}

fn capacity(count: u32) -> usize {
    usize::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, GRANT, ids, model};
    use flux_airlock_wire::answer::refuse;
    use flux_airlock_wire::{AsideName, Code, Format, Function, Kind};

    #[test]
    fn an_honest_answer_is_let_through() {
        let mut f = Fixture::new();
        let dense = f.dense(2, 3, Function::Relu);
        let chain = f.chain(&[dense, dense]);
        f.variable("model", chain);
        let (_, checked) = f.check(&GRANT).unwrap();
        assert_eq!((checked.variables.len(), checked.paths.tensors.len()), (1, 2));
    }

    #[test]
    fn a_number_that_is_written_in_another_form_is_listed_too() {
        let mut f = Fixture::new();
        let numbers = [f.number(Eltype::Int64, &[1; 8]), f.number(Eltype::Int64, &[2; 8])];
        let list = f.list(&numbers);
        f.variable("x", list);
        let mut answer = f.answer.finish(1 << 20).unwrap();
        let Ok(Answer::Opened(counts, _, mut entries)) = Answer::read(&answer) else { panic!("opened") };
        for _ in 0..counts.texts {
            entries.take::<Span>().unwrap();
        }
        // The same variant in two bytes, of which the second has nothing.
        let at = entries.position();
        answer.splice(at..=at, [answer[at] | 0x80, 0]);
        let Ok(Outcome::Opened(checked)) = check(&f.file, answer, &GRANT, &TypeMap::default()) else {
            panic!("opened")
        };
        assert_eq!(checked.paths.scalars, numbers);
    }

    #[test]
    fn an_answer_of_nothing_is_let_through() {
        assert!(Fixture::new().check(&GRANT).is_ok());
    }

    #[test]
    fn counts_beyond_the_bytes_allocate_nothing() {
        let mut f = Fixture::new();
        f.root(0);
        let mut answer = f.answer.finish(1 << 20).unwrap();
        // The first count is that of the texts: five bytes of a varint are 2^32 - 1.
        answer.splice(2..3, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert_eq!(check(&f.file, answer, &GRANT, &TypeMap::default()).unwrap_err(), Fault::Count.into());
    }

    #[test]
    fn counts_beyond_the_grant_are_faults() {
        let mut f = Fixture::new();
        let one = f.ones(&[1]);
        let two = f.ones(&[1]);
        let list = f.list(&[one, two]);
        f.root(list);
        let answer = f.answer.finish(1 << 20).unwrap();
        let check = |grant: &Grant| check(&f.file, answer.clone(), grant, &TypeMap::default()).map(|_| ());
        assert_eq!(check(&Grant { nodes: 2, ..GRANT }), Err(Fault::Count.into()));
        assert_eq!(check(&Grant { tensors: 1, ..GRANT }), Err(Fault::Count.into()));
        assert_eq!(check(&Grant { tensors: 2, nodes: 3, ..GRANT }), Ok(()));
    }

    #[test]
    fn another_version_and_bytes_at_the_end_are_faults() {
        let mut answer = Fixture::new().answer.finish(1 << 20).unwrap();
        answer.push(0);
        assert_eq!(check(&[], answer.clone(), &GRANT, &TypeMap::default()).unwrap_err(), Fault::Trailing.into());
        answer[0] = 9;
        assert_eq!(check(&[], answer, &GRANT, &TypeMap::default()).unwrap_err(), Fault::Version { found: 9 }.into());
        assert_eq!(check(&[], Vec::new(), &GRANT, &TypeMap::default()).unwrap_err(), Fault::Malformed.into());
    }

    #[test]
    fn a_node_cannot_hold_itself_or_a_later_one() {
        let mut f = Fixture::new();
        f.list(&[0]);
        assert_eq!(f.fault(), "answer-order");
        let mut f = Fixture::new();
        f.list(&[1]);
        f.list(&[]);
        assert_eq!(f.fault(), "answer-order");
    }

    #[test]
    fn ids_stay_below_their_tables() {
        let flaws: [fn(&mut Fixture); 8] = [
            |f| {
                f.node(&Node::Text(0));
            },
            |f| {
                f.node(&Node::Symbol(0));
            },
            |f| {
                f.node(&Node::Tensor(0));
            },
            |f| f.root(0),
            |f| {
                f.node(&Node::Null);
                f.aside(0, AsideName::State, 1);
            },
            |f| f.note(0, flux_airlock_wire::NoteCode::ActiveDropped),
            |f| {
                f.node(&Node::Opaque { why: Why::Type, ty: Ids::new(&ids(&[0])).unwrap(), children: Ids::EMPTY });
            },
            |f| f.answer.written_by.julia = Some(0),
        ];
        for flaw in flaws {
            let mut f = Fixture::new();
            flaw(&mut f);
            assert_eq!(f.fault(), "answer-id");
        }
    }

    #[test]
    fn spans_stay_in_the_file() {
        let mut f = Fixture::new();
        f.answer.texts.push(&Span { offset: 1, len: 1 }).unwrap();
        assert_eq!(f.fault(), "answer-span");
        let mut f = Fixture::new();
        f.node(&Node::Number { eltype: Eltype::Float64, offset: u32::MAX });
        assert_eq!(f.fault(), "answer-span");
        let mut f = Fixture::new();
        let size = ids(&[4]);
        let tensor = Tensor {
            element: Element::Number(Eltype::UInt8),
            size: Ids::new(&size).unwrap(),
            span: Span { offset: 1, len: 4 },
        };
        f.answer.tensors.push(&tensor).unwrap();
        assert_eq!(f.fault(), "answer-span");
    }

    #[test]
    fn an_arrays_size_is_its_bytes() {
        let mut f = Fixture::new();
        f.array(Eltype::Float32, &[2, 3], &[0; 20]);
        assert_eq!(f.fault(), "answer-tensor-size");
        let mut f = Fixture::new();
        f.array(Eltype::UInt8, &[1; MAX_NDIMS + 1], &[0]);
        assert_eq!(f.fault(), "answer-tensor-size");
        let mut f = Fixture::new();
        let size = ids(&[2, 2]);
        f.node(&Node::Null);
        let items = ids(&[0, 0, 0]);
        f.node(&Node::Array { size: Ids::new(&size).unwrap(), items: Ids::new(&items).unwrap() });
        assert_eq!(f.fault(), "answer-array-size");
    }

    #[test]
    fn arrays_do_not_overlap() {
        let mut f = Fixture::new();
        let span = f.bytes(&[0; 8]);
        for (offset, len) in [(4, 4), (0, 5)] {
            let size = ids(&[len]);
            let span = Span { offset: span.offset + offset, len };
            let element = Element::Number(Eltype::UInt8);
            f.answer.tensors.push(&Tensor { element, size: Ids::new(&size).unwrap(), span }).unwrap();
        }
        assert_eq!(f.fault(), "answer-overlap");
    }

    #[test]
    fn empty_arrays_may_lie_anywhere() {
        let mut f = Fixture::new();
        let one = f.ones(&[2]);
        let size = ids(&[0]);
        let tensor = Tensor {
            element: Element::Number(Eltype::UInt8),
            size: Ids::new(&size).unwrap(),
            span: Span { offset: 3, len: 0 },
        };
        let tensor = f.answer.tensors.push(&tensor).unwrap();
        let empty = f.node(&Node::Tensor(tensor));
        let list = f.list(&[one, empty]);
        f.root(list);
        assert!(f.check(&GRANT).is_ok());
    }

    #[test]
    fn an_array_that_nothing_reaches_is_a_fault() {
        let mut f = Fixture::new();
        f.ones(&[2]);
        assert_eq!(f.fault(), "answer-unreached");
    }

    #[test]
    fn a_struct_has_the_fields_of_its_kind() {
        let mut f = Fixture::new();
        f.node(&Node::Null);
        f.layer(Kind::Dense, &[0, 0]);
        assert_eq!(f.fault(), "answer-fields");
    }

    #[test]
    fn names_are_utf8_and_one_for_each_value() {
        let mut f = Fixture::new();
        let text = f.text([0xff]);
        f.node(&Node::Symbol(text));
        assert_eq!(f.fault(), "answer-name");
        let mut f = Fixture::new();
        let null = f.node(&Node::Null);
        let record = f.record(&[("a", null), ("a", null)]);
        f.root(record);
        assert_eq!(f.fault(), "answer-names");
        let mut f = Fixture::new();
        let name = f.text("a");
        let names = ids(&[name]);
        f.node(&Node::Record { names: Ids::new(&names).unwrap(), values: Ids::EMPTY });
        assert_eq!(f.fault(), "answer-names");
    }

    #[test]
    fn a_name_may_be_as_long_as_was_granted() {
        let open = |len: usize| {
            let mut f = Fixture::new();
            let symbol = f.symbol(&"a".repeat(len));
            f.root(symbol);
            f.check(&Grant { name_bytes: 9, ..GRANT }).map(|_| ())
        };
        assert_eq!(open(9), Ok(()));
        assert_eq!(open(10), Err(Fault::Name { text: 0 }.into()));
    }

    #[test]
    fn the_same_name_may_stand_in_several_records() {
        let mut f = Fixture::new();
        let null = f.node(&Node::Null);
        let inner = f.record(&[("a", null), ("b", null)]);
        let outer = f.record(&[("a", inner), ("b", null)]);
        f.variable("a", outer);
        assert!(f.check(&GRANT).is_ok());
    }

    #[test]
    fn variables_have_different_names() {
        let mut f = Fixture::new();
        let null = f.node(&Node::Null);
        f.variable("m", null);
        let record = f.record(&[("m", null)]);
        f.variable("m", record);
        assert_eq!(f.fault(), "answer-variable");
        let mut f = Fixture::new();
        let null = f.node(&Node::Null);
        f.root(null);
        f.root(null);
        assert_eq!(f.fault(), "answer-variable");
    }

    #[test]
    fn depth_has_its_limit() {
        let open = |levels: u32| {
            let mut f = Fixture::new();
            let mut node = f.node(&Node::Null);
            for _ in 0..levels {
                node = f.list(&[node]);
            }
            f.root(node);
            f.check(&Grant { depth: 10, ..GRANT }).map(|_| ())
        };
        assert_eq!(open(10 + SUPPLIED_LEVELS), Ok(()));
        assert_eq!(open(11 + SUPPLIED_LEVELS), Err(Fault::Depth { node: 11 + SUPPLIED_LEVELS }.into()));
    }

    #[test]
    fn depth_counts_a_list_of_numbers() {
        let open = |levels: u32| {
            let mut f = Fixture::new();
            f.run(3);
            let mut node = f.numbers(0, 3);
            for _ in 1..levels {
                node = f.list(&[node]);
            }
            f.root(node);
            f.check(&Grant { depth: 10, ..GRANT }).map(|_| ())
        };
        assert_eq!(open(10 + SUPPLIED_LEVELS), Ok(()));
        assert_eq!(open(11 + SUPPLIED_LEVELS), Err(Fault::Depth { node: 10 + SUPPLIED_LEVELS }.into()));
    }

    #[test]
    fn numbers_of_runs_are_values_of_their_lists() {
        let mut f = Fixture::new();
        f.run(2);
        f.run(5);
        let (a, b) = (f.numbers(0, 3), f.numbers(3, 4));
        let both = f.list(&[b, a, b]);
        f.variable("x", both);
        f.variable("y", a);
        let hidden = f.int(-1);
        f.aside(both, AsideName::State, hidden);
        let model = f.open();
        let value = |path: &str| model.value(path).and_then(|value| value.as_i64());
        let found = ["x[1][1]", "x[1][4]", "x[2][1]", "x[2][2]", "x[2][3]", "y[3]", "x[3][2]"].map(value);
        assert_eq!(found, [1, 4, 0, 1, 0, 0, 2].map(Some));
        assert_eq!((value("x[1][5]"), value("y[4]"), value("x[1][0]")), (None, None, None));
        // By their first way, the lists in the order of the file, and each once.
        let paths: Vec<_> = model.scalars().map(|value| value.path()).collect();
        let listed = ["x[1][1]", "x[1][2]", "x[1][3]", "x[1][4]", "x[2][1]", "x[2][2]", "x[2][3]", "x.state"];
        assert_eq!(paths, listed);
        assert_eq!(model.node_count(), 4 + 7);
        let nodes: Vec<_> = (0..12).map(|id| model.node(id).map(|node| (node.id(), node.as_i64()))).collect();
        let numbers = [0, 1, 0, 1, 2, 3, 4].map(Some).into_iter().chain([None, None, None, Some(-1)]);
        assert_eq!(nodes, (0..).zip(numbers).map(Some).chain([None]).collect::<Vec<_>>());
        // What another variable does not reach is not there.
        let only = model.only("y").unwrap().unwrap();
        assert_eq!(only.scalars().map(|value| value.path()).collect::<Vec<_>>(), ["y[1]", "y[2]", "y[3]"]);
        assert!(only.node(2).is_some() && only.node(3).is_none());
    }

    #[test]
    fn paths_of_numbers_in_lists_are_charged() {
        let charged = |path_bytes| {
            let mut f = Fixture::new();
            f.run(10);
            let list = f.numbers(0, 10);
            f.variable("x", list);
            f.check(&Grant { path_bytes, ..GRANT }).map(|_| ())
        };
        // `x[1]` to `x[9]`, and `x[10]`.
        assert_eq!(charged(9 * 4 + 5), Ok(()));
        assert_eq!(charged(9 * 4 + 4), Err(Flaw::PathBytes { granted: 9 * 4 + 4 }));
    }

    #[test]
    fn a_run_is_of_numbers_side_by_side_in_the_file() {
        let run = |eltype, offset, step, count| {
            let mut f = Fixture::new();
            f.bytes(&[0; 99]);
            f.answer.runs.push(&Run { eltype, offset, step, count }).unwrap();
            f.numbers(0, count);
            f.check(&GRANT).map(|_| ())
        };
        assert_eq!(run(Eltype::Int64, 2, 10, 10), Ok(()));
        assert_eq!(run(Eltype::Int32, 96, 4, 1), Ok(()));
        let flaw = Err(Fault::Run { run: 0 }.into());
        assert_eq!(run(Eltype::Int64, 2, 10, 0), flaw);
        assert_eq!(run(Eltype::Int64, 2, 7, 2), flaw);
        assert_eq!(run(Eltype::Nothing, 2, 0, u32::MAX), flaw);
        assert_eq!(run(Eltype::Nothing, 2, 1, 200), flaw);
        assert_eq!(run(Eltype::Int64, 2, 1 << 30, 5), flaw);
        let flaw = Err(Fault::Span { table: "run", entry: 0 }.into());
        assert_eq!(run(Eltype::Int64, 3, 10, 10), flaw);
        assert_eq!(run(Eltype::Int32, 97, 4, 1), flaw);
        assert_eq!(run(Eltype::Int64, u32::MAX, 8, 1), flaw);
        // Each of them fits, and all of them are more than the file has bytes.
        let runs = |count| {
            let mut f = Fixture::new();
            f.bytes(&[0; 99]);
            for _ in 0..count {
                f.answer.runs.push(&Run { eltype: Eltype::Int8, offset: 0, step: 1, count: 25 }).unwrap();
            }
            f.numbers(0, 25 * count);
            f.check(&GRANT).map(|_| ())
        };
        assert_eq!(runs(4), Ok(()));
        assert_eq!(runs(5), Err(Fault::Run { run: 4 }.into()));
    }

    #[test]
    fn every_number_of_a_run_is_in_one_list() {
        let lists = |lists: &[(u32, u32)]| {
            let mut f = Fixture::new();
            f.run(5);
            for &(first, count) in lists {
                f.numbers(first, count);
            }
            f.check(&GRANT).map(|_| ()).map_err(|flaw| match flaw {
                Flaw::Fault(Fault::Numbers { node }) => node,
                flaw => panic!("{flaw:?}"),
            })
        };
        assert_eq!(lists(&[(0, 5)]), Ok(()));
        assert_eq!(lists(&[(0, 2), (2, 3)]), Ok(()));
        assert_eq!(lists(&[]), Err(0));
        assert_eq!(lists(&[(0, 4)]), Err(1));
        assert_eq!(lists(&[(0, 6)]), Err(0));
        assert_eq!(lists(&[(0, u32::MAX)]), Err(0));
        assert_eq!(lists(&[(1, 4)]), Err(0));
        assert_eq!(lists(&[(0, 5), (0, 5)]), Err(1));
        assert_eq!(lists(&[(0, 3), (2, 3)]), Err(1));
        assert_eq!(lists(&[(0, 0), (0, 5)]), Err(0));
        assert_eq!(lists(&[(0, 5), (5, 0)]), Err(1));
    }

    #[test]
    fn numbers_of_runs_are_granted_as_nodes_are_and_referred_to_by_their_list_alone() {
        let mut f = Fixture::new();
        f.run(5);
        let list = f.numbers(0, 5);
        f.root(list);
        assert_eq!(f.check(&Grant { nodes: 5, ..GRANT }).unwrap_err(), Fault::Count.into());
        let mut f = Fixture::new();
        f.run(5);
        f.numbers(0, 5);
        f.list(&[2]);
        assert_eq!(f.fault(), "answer-order");
        let mut f = Fixture::new();
        f.run(5);
        f.numbers(0, 5);
        f.root(1);
        assert_eq!(f.fault(), "answer-id");
    }

    #[test]
    fn an_aside_that_looks_like_a_value_is_no_fault() {
        let mut f = Fixture::new();
        let one = f.int(1);
        let owner = f.record(&[("state", one)]);
        f.root(owner);
        f.aside(owner, AsideName::State, one);
        assert!(f.check(&GRANT).is_ok());
    }

    #[test]
    fn a_refusal_points_into_the_file() {
        let refusal = |offset, path| Refusal { code: Code::Empty, offset, path, format: Format::Unknown };
        let inside = refusal(3, vec![Segment::Key(Span { offset: 1, len: 2 }), Segment::Index(u32::MAX)]);
        assert!(
            matches!(check(b"abc", refuse(&inside), &GRANT, &TypeMap::default()), Ok(Outcome::Refused(found)) if found == inside)
        );
        for outside in [refusal(4, vec![]), refusal(0, vec![Segment::Key(Span { offset: 2, len: 2 })])] {
            assert_eq!(
                check(b"abc", refuse(&outside), &GRANT, &TypeMap::default()).unwrap_err(),
                Fault::Refusal.into()
            );
        }
    }

    #[test]
    fn a_list_of_ids_is_a_whole_number_of_them() {
        let mut f = Fixture::new();
        f.node(&Node::List(Ids::EMPTY));
        let mut answer = f.answer.finish(1 << 20).unwrap();
        // The list's length is the last byte.
        *answer.last_mut().unwrap() = 3;
        answer.extend_from_slice(&[0; 3]);
        assert_eq!(check(&f.file, answer, &GRANT, &TypeMap::default()).unwrap_err(), Fault::Malformed.into());
    }

    mod hostile {
        use super::*;
        use flux_airlock_wire::answer::Sections;
        use flux_airlock_wire::{NoteCode, Why};
        use proptest::prelude::*;
        use std::collections::{BTreeMap, BTreeSet};

        /// One entry of an answer, ids and all made up.
        #[derive(Clone, Debug)]
        enum Made {
            Text(u32, u32),
            Tensor(usize, Vec<u32>, u32, u32),
            Packed(Vec<u32>, Vec<u32>, u32, u32),
            Run(usize, u32, u32, u32),
            Node(u8, Vec<u32>, Vec<u32>, u32),
            Variable(Option<u32>, u32),
            Aside(u32, u32, bool),
            Note(u32),
        }

        fn small() -> impl Strategy<Value = u32> {
            prop_oneof![20 => 0_u32..8, 1 => any::<u32>()]
        }

        fn smalls() -> impl Strategy<Value = Vec<u32>> {
            prop::collection::vec(small(), 0..4)
        }

        fn made() -> impl Strategy<Value = Made> {
            let place = || prop_oneof![20 => 0_u32..60, 1 => any::<u32>()];
            prop_oneof![
                3 => (place(), 0_u32..4).prop_map(|(offset, len)| Made::Text(offset, len)),
                1 => (0_usize..Eltype::ALL.len(), smalls(), place(), 0_u32..40).prop_map(|(e, s, o, l)| Made::Tensor(e, s, o, l)),
                1 => (smalls(), smalls(), place(), 0_u32..20).prop_map(|(t, s, o, l)| Made::Packed(t, s, o, l)),
                1 => (0_usize..Eltype::ALL.len(), place(), small(), small()).prop_map(|(e, o, s, c)| Made::Run(e, o, s, c)),
                9 => (0_u8..17, smalls(), smalls(), small()).prop_map(|(k, a, b, n)| Made::Node(k, a, b, n)),
                2 => (prop::option::of(small()), small()).prop_map(|(name, node)| Made::Variable(name, node)),
                1 => (small(), small(), any::<bool>()).prop_map(|(owner, value, state)| Made::Aside(owner, value, state)),
                1 => small().prop_map(Made::Note),
            ]
        }

        /// The answer of these entries; with `fitting`, wherever that is easy, of lengths that fit.
        fn answer(entries: &[Made], fitting: bool) -> Vec<u8> {
            let mut answer = Sections::new(1 << 20);
            for entry in entries {
                match entry.clone() {
                    Made::Text(offset, len) => drop(answer.texts.push(&Span { offset, len })),
                    Made::Tensor(eltype, size, offset, len) => {
                        let eltype = Eltype::ALL[eltype];
                        let exact = checked_len(&size, eltype.width()).and_then(|len| u32::try_from(len).ok());
                        let len = exact.filter(|_| fitting).unwrap_or(len);
                        let (size, span) = (ids(&size), Span { offset, len });
                        let element = Element::Number(eltype);
                        let _ = answer.tensors.push(&Tensor { element, size: Ids::new(&size).unwrap(), span });
                    }
                    Made::Packed(ty, size, offset, len) => {
                        let (ty, size, span) = (ids(&ty), ids(&size), Span { offset, len });
                        let element = Element::Packed(Ids::new(&ty).unwrap());
                        let _ = answer.tensors.push(&Tensor { element, size: Ids::new(&size).unwrap(), span });
                    }
                    Made::Run(eltype, offset, step, count) => {
                        let eltype = Eltype::ALL[eltype];
                        let step = if fitting { eltype.width().max(1) + step % 9 } else { step };
                        let _ = answer.runs.push(&Run { eltype, offset, step, count });
                    }
                    Made::Node(16, a, _, first) => {
                        let _ = answer.nodes.push(&Node::Numbers { first, count: a.first().copied().unwrap_or(1) });
                    }
                    Made::Node(kind, mut a, mut b, number) => {
                        let struct_kind = Kind::ALL[usize::from(kind) * 7 % Kind::ALL.len()];
                        let mut fields = a.clone();
                        if fitting {
                            a.truncate(b.len());
                            b.truncate(a.len());
                            fields.resize(struct_kind.fields().len(), 0);
                        }
                        let (names, values, fields) = (ids(&a), ids(&b), ids(&fields));
                        let (names, values) = (Ids::new(&names).unwrap(), Ids::new(&values).unwrap());
                        let node = match kind {
                            0 => Node::Array { size: names, items: values },
                            1 => Node::Bool(true),
                            2 => Node::Function(Function::Relu),
                            3 => Node::List(values),
                            4 => Node::NamedTuple { names, values },
                            5 => Node::Number { eltype: Eltype::Float32, offset: number },
                            6 => Node::Opaque { why: Why::Closure, ty: names, children: values },
                            7 => Node::Opaque { why: Why::UnknownStruct, ty: names, children: values },
                            8 => Node::Record { names, values },
                            9 => Node::Struct { kind: struct_kind, fields: Ids::new(&fields).unwrap() },
                            10 => Node::Symbol(number),
                            11 => Node::Tensor(number),
                            12 => Node::Text(number),
                            13 => Node::Tuple(values),
                            14 => Node::Struct { kind: Kind::Chain, fields: values },
                            _ => Node::Null,
                        };
                        let _ = answer.nodes.push(&node);
                    }
                    Made::Variable(name, node) => drop(answer.variables.push(&Variable { name, node })),
                    Made::Aside(owner, value, state) => {
                        let name = if state { AsideName::State } else { AsideName::State0 };
                        let _ = answer.asides.push(&Aside { owner, name, value });
                    }
                    Made::Note(node) => drop(answer.notes.push(&Note { node, code: NoteCode::ActiveDropped })),
                }
            }
            answer.finish(1 << 20).unwrap()
        }

        /// An entry made so that it refers to what is there: to nodes before it, to texts and tensors that exist.
        fn sensible(entries: Vec<Made>) -> Vec<Made> {
            let count = |sort: fn(&Made) -> bool| u32::try_from(entries.iter().filter(|e| sort(e)).count()).unwrap();
            let texts = count(|e| matches!(e, Made::Text(..))) + 2;
            let tensors = count(|e| matches!(e, Made::Tensor(..) | Made::Packed(..)));
            let nodes = count(|e| matches!(e, Made::Node(..))) + tensors + 1;
            let mut all = vec![Made::Text(0, 1), Made::Text(1, 1)];
            // Every array has a node, so that none is lost for sure.
            all.extend((0..tensors).map(|tensor| Made::Node(11, vec![], vec![], tensor)));
            all.push(Made::Node(15, vec![], vec![], 0));
            let (mut node, mut tensor) = (tensors + 1, 0);
            let numbers = |count: u32| count % 4 + 1;
            let of_runs = entries.iter().map(|e| if let Made::Run(.., count) = e { numbers(*count) } else { 0 }).sum();
            let mut listed = 0;
            let below = |ids: Vec<u32>, count: u32| -> Vec<u32> {
                ids.into_iter().filter_map(|id| id.checked_rem(count)).collect()
            };
            let unique = |ids: Vec<u32>| -> Vec<u32> {
                let mut seen = BTreeSet::new();
                ids.into_iter().filter(|id| seen.insert(*id)).collect()
            };
            for entry in entries {
                all.push(match entry {
                    Made::Text(offset, len) => Made::Text(offset % 60, len),
                    Made::Tensor(eltype, size, ..) => {
                        tensor += 1;
                        Made::Tensor(eltype, size.into_iter().map(|n| n % 3).collect(), tensor * 300, 0)
                    }
                    Made::Packed(ty, ..) => {
                        tensor += 1;
                        Made::Packed(below(ty, texts), vec![2], tensor * 300, 4)
                    }
                    Made::Run(eltype, offset, step, count) => Made::Run(eltype, offset % 60, step, numbers(count)),
                    Made::Node(16, .., number) if listed < of_runs => {
                        let (first, count) = (listed, numbers(number).min(of_runs - listed));
                        (node, listed) = (node + 1, listed + count);
                        Made::Node(16, vec![count], vec![], first)
                    }
                    Made::Node(kind, a, b, number) => {
                        let (a, b) = (unique(below(a, texts)), below(b, node));
                        let number = match kind {
                            10 | 12 => number % texts,
                            11 => number.checked_rem(tensors).unwrap_or(0),
                            _ => number % 60,
                        };
                        let kind = if kind == 11 && tensors == 0 || [0, 14, 16].contains(&kind) { 13 } else { kind };
                        node += 1;
                        Made::Node(kind, a, b, number)
                    }
                    Made::Variable(name, id) => Made::Variable(name.or(Some(0)).map(|name| name % texts), id % nodes),
                    Made::Aside(owner, value, state) => Made::Aside(owner % nodes, value % nodes, state),
                    Made::Note(id) => Made::Note(id % nodes),
                });
            }
            // A last node that holds all others, and a variable of it.
            let mut everything: Vec<u32> = (0..nodes).collect();
            if listed < of_runs {
                all.push(Made::Node(16, vec![of_runs - listed], vec![], listed));
                everything.push(nodes);
            }
            let last = u32::try_from(everything.len()).unwrap();
            all.push(Made::Node(13, vec![], everything, 0));
            all.push(Made::Variable(Some(1), last));
            all
        }

        /// What holds of every answer that is let through, checked the slow way: by walking every node from every root.
        fn walk_slowly(file: &[u8], checked: &Checked) {
            let source = checked.source(file);
            let count = u32::try_from(source.node_count()).unwrap();
            let mut depths = Vec::new();
            for id in 0..count {
                let node = source.node(id);
                let is_number = |child: u32| (source.entry_count()..source.node_count()).contains(&(child as usize));
                for child in node.children().iter() {
                    assert!(child < id || is_number(child));
                }
                let depth = |child: u32| if is_number(child) { 0 } else { depths[child as usize] };
                let depth = node.children().iter().map(|child| depth(child) + 1).max().unwrap_or(0_u32);
                assert!(depth <= GRANT.depth + SUPPLIED_LEVELS);
                depths.push(depth);
                for name in node.texts().iter() {
                    assert!(str::from_utf8(source.text(name)).is_ok());
                }
                match node {
                    Node::Struct { kind, fields } => assert_eq!(kind.fields().len(), fields.len()),
                    Node::Record { names, values } | Node::NamedTuple { names, values } => {
                        assert_eq!(names.len(), values.len());
                        if checked.paths.is_reached(id) {
                            let names: BTreeSet<&[u8]> = names.iter().map(|name| source.text(name)).collect();
                            assert_eq!(names.len(), values.len());
                        }
                    }
                    Node::Array { size, items } => {
                        assert_eq!(size.iter().map(u64::from).product::<u64>(), items.len() as u64);
                    }
                    Node::Number { eltype, offset } => {
                        assert!(offset as usize + eltype.width() as usize <= file.len());
                    }
                    _ => {}
                }
            }
            let mut taken = BTreeSet::new();
            for tensor in 0..u32::try_from(source.tensor_count()).unwrap() {
                let tensor = source.tensor(tensor).unwrap();
                assert!(tensor.is_exact());
                for at in tensor.span.offset..u32::try_from(tensor.span.end()).unwrap() {
                    assert!((at as usize) < file.len());
                    assert!(taken.insert(at), "byte {at} belongs to two arrays");
                }
            }
        }

        /// Every path of every array of the result, by going every way.
        fn all_paths(checked: &Checked, source: Source<'_>) -> BTreeMap<u32, BTreeSet<String>> {
            let mut found: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
            let mut todo: Vec<(u32, String, u32)> = Vec::new();
            for variable in &checked.variables {
                let root = crate::path::Root(variable.name.map(|name| source.name(name)));
                todo.push((variable.node, root.to_string(), 0));
            }
            while let Some((id, path, _)) = todo.pop() {
                let node = source.node(id);
                if let Node::Tensor(tensor) = node {
                    found.entry(tensor).or_default().insert(path.clone());
                }
                if matches!(node, Node::Struct { kind, .. } if kind.group() == flux_airlock_wire::Group::Random) {
                    continue;
                }
                for (edge, child) in (0..).zip(node.children().iter()) {
                    todo.push((child, format!("{path}{}", crate::path::step_of(source, id, edge)), 0));
                }
                assert!(todo.len() < 1 << 20, "the fixtures are too large for the slow way");
            }
            found
        }

        fn never_panics(file: &[u8], answer: Vec<u8>) -> bool {
            let grant = Grant { path_bytes: 20_000, ..GRANT };
            let Ok(Outcome::Opened(checked)) = check(file, answer, &grant, &TypeMap::default()) else { return false };
            walk_slowly(file, &checked);
            let model = model(file.to_vec(), checked);
            let report = model.report();
            let json = report.to_json();
            serde_json::from_str::<serde_json::Value>(&json).unwrap();
            assert!(
                json.chars().all(|c| c == '\u{7e}' || crate::text::is_harmless(c) || c.is_ascii_graphic() || c == ' ')
            );
            for variable in model.variables() {
                assert!(variable.value.summary().chars().count() <= 1000);
                assert!(variable.value.tree().lines().count() <= 2001);
            }
            let mut paths = BTreeSet::new();
            for entry in report.tensors().chain(report.omitted()) {
                assert!(paths.insert(entry.path.to_owned()), "{} is the path of two arrays", entry.path);
                for also in entry.also_at {
                    assert!(paths.insert(also.clone()), "{also} is the path of two arrays");
                }
            }
            for tensor in model.tensors() {
                let found = model.tensor(tensor.path()).map(|found| (found.offset(), found.size()));
                assert_eq!(found, Some((tensor.offset(), tensor.size())), "{}", tensor.path());
            }
            true
        }

        proptest! {
            #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

            #[test]
            fn any_bytes_are_answered_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
                never_panics(&[0; 64], bytes.clone());
                never_panics(&[0; 64], [&[flux_airlock_wire::VERSION, 0][..], &bytes].concat());
            }

            #[test]
            fn made_up_entries_are_answered_without_a_panic(entries in prop::collection::vec(made(), 0..24), fitting in any::<bool>()) {
                never_panics(&[b'a'; 64], answer(&entries, fitting));
            }

            #[test]
            fn mutated_answers_are_answered_without_a_panic(
                entries in prop::collection::vec(made(), 0..24),
                at in any::<prop::sample::Index>(),
                byte in any::<u8>(),
                cut in any::<prop::sample::Index>(),
            ) {
                let file: Vec<u8> = (b' '..=b'~').cycle().take(30_000).collect();
                let mut bytes = answer(&sensible(entries), true);
                let place = at.index(bytes.len());
                bytes[place] = byte;
                never_panics(&file, bytes.clone());
                bytes.truncate(cut.index(bytes.len()));
                never_panics(&file, bytes);
            }

            #[test]
            fn paths_are_those_of_the_slow_way(entries in prop::collection::vec(made(), 0..14)) {
                let file: Vec<u8> = (b' '..=b'~').cycle().take(30_000).collect();
                let bytes = answer(&sensible(entries), true);
                let Ok(Outcome::Opened(checked)) = check(&file, bytes.clone(), &GRANT, &TypeMap::default()) else { return Ok(()) };
                let source = checked.source(&file);
                for (tensor, expected) in all_paths(&checked, source) {
                    let mut found = BTreeSet::new();
                    found.insert(checked.paths.tensor_text(source, tensor));
                    let also = checked.paths.also(tensor);
                    found.extend(also.map(|also| also.paths.clone()).unwrap_or_default());
                    let more = also.map_or(0, |also| also.more);
                    prop_assert!(found.is_subset(&expected), "{:?} of {:?}", found, expected);
                    prop_assert_eq!(found.len() as u64 + more, expected.len() as u64);
                }
                never_panics(&file, bytes);
            }
        }

        #[test]
        fn sensible_answers_are_mostly_let_through() {
            use proptest::strategy::ValueTree as _;
            let mut runner = proptest::test_runner::TestRunner::deterministic();
            let file: Vec<u8> = (b' '..=b'~').cycle().take(30_000).collect();
            let opened = (0..100)
                .filter(|_| {
                    let entries = prop::collection::vec(made(), 0..24).new_tree(&mut runner).unwrap().current();
                    never_panics(&file, answer(&sensible(entries), true))
                })
                .count();
            assert!(opened > 20, "only {opened} of 100 test what they should");
        }
    }
}
