//! The second pass: the values that the saved variables reach become nodes of the answer.
//!
//! Values are walked with a stack of our own, each once: what a back reference names is raised when it is first met, and
//! is one node however often it is met again. Types and code are described and not entered. Every array that a value
//! reaches is in the answer, whatever it is part of.

#[cfg(feature = "museum")]
use alloc::collections::BTreeSet;
use alloc::{collections::BTreeMap, rc::Rc, vec, vec::Vec};

use flux_airlock_wire::{
    Aside, Code, Element, Eltype, Expected, FluxVersion, Function, Group, Ids, Kind, Limit, Limits, Node, Note,
    NoteCode, Run, SUPPLIED_LEVELS, Span, Tensor, Variable, Why, answer::Sections,
};

use crate::{
    Stop,
    catalogue::{self, Becomes, Is, Layout, Slot, Test},
    check,
    closure::{self, Extent, Index, Recognition},
    ix, len32,
    names::{self, NameId},
    tape::{Form, Record, RecordId, Tag, Tape, decimal_len},
    types,
};

/// Raises all that the saved variables reach.
pub(crate) fn raise(tape: &Tape, limits: &Limits) -> Result<Sections, Stop> {
    let mut raise = Raise::new(tape, limits);
    raise.run()?;
    raise.date()?;
    Ok(raise.out)
}

/// The rows of the catalogue that the saved variables need.
#[cfg(feature = "museum")]
pub(crate) fn rows(tape: &Tape, limits: &Limits) -> BTreeSet<usize> {
    let mut raise = Raise::new(tape, limits);
    if raise.run().is_ok() { raise.rows } else { BTreeSet::new() }
}

/// A node's id.
type NodeId = u32;

/// There are fewer nodes than this.
const NO_NODE: NodeId = u32::MAX;

/// An entry of `_backrefs` that no value has reached.
const UNVISITED: u32 = u32::MAX;
/// An entry that is being raised: to reach it again is a cycle.
const VISITING: u32 = u32::MAX - 1;
/// An entry that is the data of a document: to reach it again is to share it.
const TAKEN: u32 = u32::MAX - 2;

/// More dimensions than any convolution has, both sides counted.
const MOST_EXTENTS: usize = 16;

/// A value that is made of others, some of which are still to come.
struct Frame {
    /// The document or array.
    record: RecordId,
    /// The next element, and where they end.
    cursor: RecordId,
    end: RecordId,
    /// Are the elements those of an array?
    in_array: bool,
    /// Its first part in `Raise::values`.
    first: usize,
    /// The entry of `_backrefs` that it is.
    entry: Option<u32>,
    what: What,
}

/// What becomes of a frame's parts.
#[derive(Clone, Copy)]
enum What {
    /// An array of references with a size; the tagged document.
    Array,
    /// An array in a device's memory, of this type.
    Device(RecordId),
    List,
    /// A `NamedTuple` of this type.
    NamedTuple(RecordId),
    /// A list of so many numbers of the answer's runs, from this one on.
    Numbers(u32, u32),
    /// Something inert; its type.
    Opaque(Why, RecordId),
    Record,
    /// The file's own document.
    Root,
    /// A struct with one of these layouts, and its type.
    Struct(&'static [Layout], RecordId),
    Tuple,
}

/// What is remembered of a node, to judge whether it may stand in a field.
#[derive(Clone, Copy)]
struct Class {
    sort: Sort,
    /// Of a struct of a known name.
    kind: Option<Kind>,
    /// Dimensions of an array, elements of a tuple.
    n: u32,
    /// Elements of an array of one dimension; of a short tuple of integers and of a `Scale`, the place of its parts in
    /// `Raise::parts`.
    len: u32,
    /// Levels of nodes below it, as far as two bytes count.
    height: u16,
    /// The first value that was said to stand beside it, or `NO_NODE`.
    aside: NodeId,
}

#[derive(Clone, Copy, PartialEq)]
enum Sort {
    /// An array of numbers.
    Array,
    Callable,
    Colon,
    /// Data that is no array.
    Data,
    /// A `Scale` that was a `Diagonal`.
    Diagonal,
    False,
    Float,
    Identity,
    Integer,
    /// A tuple of a few integers.
    Integers,
    Layer,
    List,
    NamedTuple,
    Null,
    Other,
    /// A struct, which may be an array of its own kind.
    Struct,
    True,
    Tuple,
}

impl Class {
    const fn of(sort: Sort) -> Self {
        Self { sort, kind: None, n: 0, len: 0, height: 0, aside: NO_NODE }
    }
}

struct Raise<'t> {
    tape: &'t Tape,
    limits: &'t Limits,
    out: Sections,
    /// How many numbers the answer's runs have.
    numbers: u32,
    frames: Vec<Frame>,
    /// The nodes of finished parts.
    values: Vec<NodeId>,
    /// By node.
    classes: Vec<Class>,
    /// By entry of `_backrefs`: its node, or how far it is.
    entries: Vec<u32>,
    /// By name: its text plus one, or 0.
    texts: Vec<u32>,
    /// Ids on their way into a node.
    scratch: Vec<u8>,
    sizes: Vec<u32>,
    /// The parts of what may be made into something else: short tuples of integers, `Scale`s.
    parts: Vec<NodeId>,
    /// The versions of Flux that have every layout met so far.
    flux: Option<(FluxVersion, FluxVersion)>,
    /// The versions of BSON.jl that write all that was met so far as it is.
    bson_jl: (FluxVersion, FluxVersion),
    /// What the author defined in `Main`, once it was asked for.
    own_functions: Option<Vec<&'t str>>,
    /// What closures with this code and so many captured values do: looked at once.
    closures: BTreeMap<(RecordId, u32), Option<Rc<closure::Recognised>>>,
    /// The record that is being looked at.
    at: RecordId,
    /// The rows of the catalogue that were needed.
    #[cfg(feature = "museum")]
    rows: BTreeSet<usize>,
}

impl<'t> Raise<'t> {
    fn new(tape: &'t Tape, limits: &'t Limits) -> Self {
        Self {
            tape,
            limits,
            out: Sections::new(ix(limits.answer_bytes)),
            numbers: 0,
            frames: Vec::new(),
            values: Vec::new(),
            classes: Vec::new(),
            entries: vec![UNVISITED; tape.entries.len()],
            texts: Vec::new(),
            scratch: Vec::new(),
            sizes: Vec::new(),
            parts: Vec::new(),
            flux: None,
            bson_jl: (OLDEST_BSON_JL, NEWEST_BSON_JL),
            own_functions: None,
            closures: BTreeMap::new(),
            at: 0,
            #[cfg(feature = "museum")]
            rows: BTreeSet::new(),
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        let root = self.tape.get(0);
        if root.tag() == Tag::Plain {
            self.open(0, 0, false, None, What::Root)?;
        } else {
            self.value(0, false, None)?;
        }
        while let Some(&Frame { cursor: id, end, in_array, what, .. }) = self.frames.last() {
            if id >= end {
                self.close()?;
                continue;
            }
            if in_array && number_form(self.tape.get(id).form).is_some() && self.numbers()? {
                continue;
            }
            if let Some(frame) = self.frames.last_mut() {
                frame.cursor = self.tape.next(id);
            }
            let is_hidden = matches!(what, What::Root) && self.tape.get(id).key() == names::BACKREFS;
            if !is_hidden {
                self.visit(id, in_array)?;
            }
        }
        if root.tag() != Tag::Plain
            && let Some(node) = self.values.pop()
        {
            let variable = Variable { name: None, node };
            self.push_to(|out| out.variables.push(&variable))?;
        }
        Ok(())
    }

    /// Raises the numbers that are the next elements of an array: where files have many elements, most of them are these.
    /// `false`, and nothing done, for a single one.
    fn numbers(&mut self) -> Result<bool, Stop> {
        let Some(&Frame { record, cursor, end, what, .. }) = self.frames.last() else { return Ok(false) };
        let (tape, next) = (self.tape, cursor.saturating_add(1));
        let is_last = next >= end || number_form(tape.get(next).form).is_none();
        if is_last && !tape.get(cursor).is_run() {
            return Ok(false);
        }
        let records = tape.records.get(ix(cursor)..ix(end)).unwrap_or(&[]);
        let count = records.iter().take_while(|record| number_form(record.form).is_some()).count();
        let (numbers, others) = records.split_at_checked(count).unwrap_or_default();
        let are_runs = numbers.len().saturating_mul(FEW) <= ix(tape.count(record));
        if matches!(what, What::List) && cursor == record.saturating_add(1) && others.is_empty() && are_runs {
            return self.vector(cursor, numbers).map(|()| true);
        }
        for piece in numbers.chunk_by(|one, next| !one.is_run() && !next.is_run()) {
            match *piece {
                [run] if run.is_run() => {
                    let (eltype, sort) = number(&run);
                    let first = number_offset(&run, decimal_len(run.key()));
                    let each = (0..run.a).map(|i| (eltype, i.wrapping_mul(run.b).wrapping_add(first)));
                    self.leaves(each, run.a, core::iter::repeat_n(sort, ix(run.a)), |_| 0)?;
                }
                _ => {
                    // How long the key is, and from which one on keys are longer.
                    let (mut key_len, mut longer) = (0_u32, 0_u32);
                    let each = piece.iter().map(|record| {
                        if record.key() >= longer {
                            key_len = decimal_len(record.key());
                            longer = 10_u32.checked_pow(key_len).unwrap_or(u32::MAX);
                        }
                        (number(record).0, number_offset(record, key_len))
                    });
                    let sorts = piece.iter().map(|record| number(record).1);
                    self.leaves(each, len32(piece.len()), sorts, |written| written)?;
                }
            }
            if let Some(frame) = self.frames.last_mut() {
                frame.cursor = frame.cursor.saturating_add(len32(piece.len()));
            }
        }
        Ok(true)
    }

    /// Adds `count` numbers as nodes, and puts them among the finished parts. Where they are too many, `record` says which of
    /// the next records has the one after so many: that of a run stands for all of it.
    fn leaves(
        &mut self,
        numbers: impl Iterator<Item = (Eltype, u32)>,
        count: u32,
        sorts: impl Iterator<Item = Sort>,
        record: impl Fn(u32) -> u32,
    ) -> Result<(), Stop> {
        let granted = self.left();
        let first = self.out.nodes.count();
        let written = self.out.nodes.push_numbers(numbers.take(ix(granted)));
        let end = self.out.nodes.count();
        if written.is_err() || count > granted {
            let cursor = self.frames.last().map_or(0, |frame| frame.cursor);
            self.at = cursor.saturating_add(record(end.saturating_sub(first)));
            return Err(self.limit(if written.is_err() { Limit::AnswerBytes } else { Limit::Nodes }));
        }
        self.classes.extend(sorts.map(Class::of));
        self.values.extend(first..end);
        Ok(())
    }

    /// Raises a list of nothing but numbers, whose records begin at `cursor`.
    fn vector(&mut self, cursor: RecordId, records: &[Record]) -> Result<(), Stop> {
        let first = self.numbers;
        let mut open: Option<Run> = None;
        for (id, record) in (cursor..).zip(records) {
            self.at = id;
            let ((eltype, _), key_len) = (number(record), decimal_len(record.key()));
            let offset = number_offset(record, key_len);
            let (count, step) = if record.is_run() {
                (record.a, record.b)
            } else {
                (1, key_len.saturating_add(2).saturating_add(eltype.width()))
            };
            if count > self.left() {
                return Err(self.limit(Limit::Nodes));
            }
            self.numbers = self.numbers.saturating_add(count);
            match &mut open {
                Some(run)
                    if (run.eltype, run.step) == (eltype, step)
                        && run.count.wrapping_mul(step).wrapping_add(run.offset) == offset =>
                {
                    run.count = run.count.saturating_add(count);
                }
                _ => {
                    if let Some(run) = open.replace(Run { eltype, offset, step, count }) {
                        self.push_to(|out| out.runs.push(&run))?;
                    }
                }
            }
        }
        if let Some(run) = open {
            self.push_to(|out| out.runs.push(&run))?;
        }
        let count = self.numbers.saturating_sub(first);
        if let Some(frame) = self.frames.last_mut() {
            (frame.cursor, frame.what) = (frame.end, What::Numbers(first, count));
        }
        Ok(())
    }

    /// How many more nodes and numbers are granted.
    fn left(&self) -> u32 {
        self.limits.nodes.saturating_sub(self.out.nodes.count()).saturating_sub(self.numbers)
    }

    fn stop(&self, code: Code) -> Stop {
        Stop::new(code, self.tape.get(self.at).offset, self.at)
    }

    fn limit(&self, limit: Limit) -> Stop {
        self.stop(Code::Limit { limit, granted: limit.of(self.limits) })
    }

    fn push_to(
        &mut self,
        push: impl FnOnce(&mut Sections) -> Result<u32, flux_airlock_wire::Full>,
    ) -> Result<u32, Stop> {
        push(&mut self.out).map_err(|_| self.limit(Limit::AnswerBytes))
    }

    /// Adds a node, and puts it among the finished parts.
    fn node(&mut self, node: &Node<'_>, class: Class) -> Result<NodeId, Stop> {
        if self.left() == 0 {
            return Err(self.limit(Limit::Nodes));
        }
        // Frames count the levels of what is raised; what was raised before and is met again has its levels too.
        let below = node.children().iter().map(|child| self.class(child).height.saturating_add(1));
        let height = below.max().unwrap_or(u16::from(matches!(node, Node::Numbers { .. })));
        if u32::from(height) > self.limits.depth.saturating_add(SUPPLIED_LEVELS) {
            return Err(self.limit(Limit::Depth));
        }
        let id = self.push_to(|out| out.nodes.push_node(node))?;
        self.classes.push(Class { height, ..class });
        Ok(id)
    }

    fn leaf(&mut self, node: &Node<'_>, class: Class) -> Result<(), Stop> {
        let id = self.node(node, class)?;
        self.values.push(id);
        Ok(())
    }

    /// A node over a list of ids.
    fn node_of(
        &mut self,
        ids: &[u32],
        class: Class,
        node: impl for<'i> FnOnce(Ids<'i>) -> Node<'i>,
    ) -> Result<NodeId, Stop> {
        let mut scratch = core::mem::take(&mut self.scratch);
        put_ids(&mut scratch, ids);
        let result = self.node(&node(Ids::new(&scratch).unwrap_or_default()), class);
        self.scratch = scratch;
        result
    }

    /// Looks at an element: what is simple becomes a node, what has parts becomes a frame.
    fn visit(&mut self, id: RecordId, in_array: bool) -> Result<(), Stop> {
        self.at = id;
        let record = self.tape.get(id);
        if record.tag() != Tag::Backref {
            return self.value(id, in_array, None);
        }
        let entry = record.b;
        match self.entries.get(ix(entry)).copied().unwrap_or(VISITING) {
            UNVISITED => {
                self.mark(entry, VISITING);
                let target = self.tape.resolve(id);
                let frames = self.frames.len();
                self.value(target, true, Some(entry))?;
                // What has no parts is finished already.
                if self.frames.len() == frames
                    && let Some(&node) = self.values.last()
                {
                    self.mark(entry, node);
                }
                Ok(())
            }
            VISITING => Err(self.stop(Code::CyclicReference { index: entry.saturating_add(1) })),
            TAKEN => Err(self.stop(Code::SharedData)),
            node => {
                self.values.push(node);
                Ok(())
            }
        }
    }

    fn mark(&mut self, entry: u32, state: u32) {
        if let Some(slot) = self.entries.get_mut(ix(entry)) {
            *slot = state;
        }
    }

    fn open(
        &mut self,
        record: RecordId,
        list: RecordId,
        in_array: bool,
        entry: Option<u32>,
        what: What,
    ) -> Result<(), Stop> {
        if len32(self.frames.len()) >= self.limits.depth {
            return Err(self.limit(Limit::Depth));
        }
        let is_open = self.tape.get(list).is_container();
        let (cursor, end) = if is_open { (list.saturating_add(1), self.tape.next(list)) } else { (0, 0) };
        self.frames.push(Frame { record, cursor, end, in_array, first: self.values.len(), entry, what });
        Ok(())
    }

    /// Raises an element that is no back reference.
    fn value(&mut self, id: RecordId, in_array: bool, entry: Option<u32>) -> Result<(), Stop> {
        let record = self.tape.get(id);
        let payload = self.tape.payload(id, in_array);
        match record.form {
            Form::Null => self.leaf(&Node::Null, Class::of(Sort::Null)),
            Form::Boolean | Form::Double | Form::Int32 | Form::Int64 => {
                let Some((eltype, sort)) = number_form(record.form) else { return Ok(()) };
                let sort = if sort == Sort::True && record.a == 0 { Sort::False } else { sort };
                self.leaf(&Node::Number { eltype, offset: payload }, Class::of(sort))
            }
            Form::Name => {
                let text = self.text(Span { offset: payload, len: self.tape.names.len(record.a) })?;
                self.leaf(&Node::Text(text), Class::of(Sort::Other))
            }
            Form::String => {
                let text = self.text(Span { offset: payload, len: record.b })?;
                self.leaf(&Node::Text(text), Class::of(Sort::Other))
            }
            Form::Binary => {
                self.sizes.clear();
                self.sizes.push(record.b);
                self.tensor(Some(Eltype::UInt8), id, id)
            }
            Form::Array => self.open(id, id, true, entry, What::List),
            // Runs are parts of an array that is raised.
            Form::Doubles | Form::Int32s | Form::Int64s => {
                Err(self.stop(Code::WrongType { expected: Expected::Array }))
            }
            Form::Document(tag) => self.document(id, tag, entry),
        }
    }

    fn document(&mut self, id: RecordId, tag: Tag, entry: Option<u32>) -> Result<(), Stop> {
        let field = |name| self.tape.field(id, name).unwrap_or(id);
        match tag {
            Tag::Plain => self.open(id, id, false, entry, What::Record),
            Tag::Array => self.array(id, entry),
            Tag::Struct => self.structure(id, entry),
            Tag::Tuple => {
                let data = self.data(id)?;
                self.open(id, data, true, entry, What::Tuple)
            }
            Tag::Symbol => {
                let text = self.name(self.tape.get(field(names::NAME)).a)?;
                self.leaf(&Node::Symbol(text), Class::of(Sort::Other))
            }
            Tag::Svec => self.inert(Why::Reflection, None),
            Tag::Ref => self.inert(Why::Module, Some(field(names::PATH))),
            Tag::DataType => self.inert(Why::Type, Some(field(names::NAME))),
            Tag::BottomType | Tag::Closure | Tag::UnionAll => self.inert(Why::Type, None),
            // Every back reference was resolved before.
            Tag::Backref => Err(self.stop(Code::CyclicReference { index: 0 })),
        }
    }

    /// Something inert without parts.
    fn inert(&mut self, why: Why, path: Option<RecordId>) -> Result<(), Stop> {
        let ty = self.path_texts(path)?;
        let id = self.node_of(&ty, Class::of(sort_of(why)), |ty| Node::Opaque { why, ty, children: Ids::EMPTY })?;
        self.values.push(id);
        Ok(())
    }

    /// The texts of a path's parts.
    fn path_texts(&mut self, list: Option<RecordId>) -> Result<Vec<u32>, Stop> {
        let Some(list) = list else { return Ok(Vec::new()) };
        let tape = self.tape;
        types::parts(tape, list).map(|part| self.name(tape.get(part).a)).collect()
    }

    fn type_texts(&mut self, ty: RecordId) -> Result<Vec<u32>, Stop> {
        let ty = self.tape.resolve(ty);
        let list = match self.tape.get(ty).tag() {
            Tag::DataType => self.tape.field(ty, names::NAME),
            Tag::Closure => {
                let name = closure::name(self.tape, ty);
                return name.map(|name| self.name(name)).into_iter().collect();
            }
            _ => None,
        };
        self.path_texts(list)
    }

    fn text(&mut self, span: Span) -> Result<u32, Stop> {
        self.push_to(|out| out.texts.push(&span))
    }

    /// The text of a name, the same for every occurrence.
    fn name(&mut self, name: NameId) -> Result<u32, Stop> {
        if self.texts.is_empty() {
            self.texts = vec![0; self.tape.names.count()];
        }
        if let Some(id) = self.texts.get(ix(name)).and_then(|text| text.checked_sub(1)) {
            return Ok(id);
        }
        let id = self.text(self.tape.names.span(name))?;
        if let Some(text) = self.texts.get_mut(ix(name)) {
            *text = id.saturating_add(1);
        }
        Ok(id)
    }

    /// The data of a struct, a tuple or an array. It may be an entry of `_backrefs`, but then it is this document's alone:
    /// raised twice, it would be two values where the file has one, and a few entries could become any number of nodes.
    fn data(&mut self, id: RecordId) -> Result<RecordId, Stop> {
        let direct = self.tape.field(id, names::DATA).unwrap_or(id);
        let data = self.tape.resolve(direct);
        if direct != data {
            let entry = self.tape.get(direct).b;
            if self.entries.get(ix(entry)) != Some(&UNVISITED) {
                self.at = direct;
                return Err(self.stop(Code::SharedData));
            }
            self.mark(entry, TAKEN);
        }
        Ok(data)
    }

    fn array(&mut self, id: RecordId, entry: Option<u32>) -> Result<(), Stop> {
        let mut sizes = core::mem::take(&mut self.sizes);
        let parts = check::parts(self.tape, id, &mut sizes);
        self.sizes = sizes;
        let check::Parts { eltype, .. } = parts?;
        let data = self.data(id)?;
        if self.tape.get(data).form == Form::Array {
            return self.open(id, data, true, entry, What::Array);
        }
        self.tensor(eltype, data, id)
    }

    /// An array with the size in `self.sizes`.
    fn tensor(&mut self, eltype: Option<Eltype>, data: RecordId, id: RecordId) -> Result<(), Stop> {
        if self.out.tensors.count() >= self.limits.tensors {
            return Err(self.limit(Limit::Tensors));
        }
        let record = self.tape.get(data);
        let span = Span { offset: record.a, len: record.b };
        let ty = match eltype {
            Some(_) => Vec::new(),
            None => self.type_texts(self.tape.field(id, names::TYPE).unwrap_or(id))?,
        };
        let bytes: Vec<u8> = self.sizes.iter().chain(&ty).flat_map(|id| id.to_le_bytes()).collect();
        let (size, ty) = bytes.split_at_checked(self.sizes.len().saturating_mul(4)).unwrap_or_default();
        let element = match eltype {
            Some(eltype) => Element::Number(eltype),
            None => Element::Packed(Ids::new(ty).unwrap_or_default()),
        };
        let tensor = Tensor { element, size: Ids::new(size).unwrap_or_default(), span };
        let tensor_id = self.push_to(|out| out.tensors.push(&tensor))?;
        let class = Class {
            n: len32(self.sizes.len()),
            len: if let &[len] = self.sizes.as_slice() { len } else { 0 },
            ..Class::of(if eltype.is_some() { Sort::Array } else { Sort::Other })
        };
        self.leaf(&Node::Tensor(tensor_id), class)
    }

    fn structure(&mut self, id: RecordId, entry: Option<u32>) -> Result<(), Stop> {
        let ty = self.tape.resolve(self.tape.field(id, names::TYPE).unwrap_or(id));
        let data = self.data(id)?;
        if self.tape.get(data).form == Form::Binary {
            return self.primitive(ty, data);
        }
        let tag = self.tape.get(ty).tag();
        if tag == Tag::Closure {
            return self.open(id, data, true, entry, What::Opaque(Why::Closure, ty));
        }
        if tag != Tag::DataType {
            return self.open(id, data, true, entry, What::Opaque(Why::UnknownStruct, ty));
        }
        let path = types::path(self.tape, ty);
        let path = path.as_ref();
        let Some(path) = path else {
            return self.open(id, data, true, entry, What::Opaque(Why::UnknownStruct, ty));
        };
        if let Some(name) = path.name().strip_prefix('#') {
            return self.function(id, ty, data, entry, path.module(), name);
        }
        let what = match path.text() {
            "Core.NamedTuple" => What::NamedTuple(ty),
            // Julia's own description of code: what it holds is no value of the model.
            "Core.Binding" | "Core.CodeInfo" | "Core.Expr" | "Core.GlobalRef" | "Core.Method" | "Core.TypeName" => {
                return self.inert(Why::Reflection, self.tape.field(ty, names::NAME));
            }
            "Core.TypeVar" | "Core.TypeofVararg" | "Core.Union" => What::Opaque(Why::Type, ty),
            text if catalogue::is_device_array(text) => What::Device(ty),
            text => match catalogue::layouts(text) {
                [] => What::Opaque(Why::UnknownStruct, ty),
                layouts => What::Struct(layouts, ty),
            },
        };
        self.open(id, data, true, entry, what)
    }

    fn primitive(&mut self, ty: RecordId, data: RecordId) -> Result<(), Stop> {
        if let Some(eltype) = types::primitive(self.tape, ty) {
            let sort = match eltype {
                Eltype::Bool => Sort::Other,
                _ if eltype.is_integer() => Sort::Integer,
                _ if eltype.is_float() => Sort::Float,
                _ => Sort::Other,
            };
            let offset = self.tape.get(data).a;
            return self.leaf(&Node::Number { eltype, offset }, Class::of(sort));
        }
        let path = types::path(self.tape, ty);
        let is_pointer = path.as_ref().is_some_and(|path| matches!(path.text(), "Core.Ptr" | "Core.LLVMPtr"));
        let why = if is_pointer { Why::Pointer } else { Why::UnknownPrimitive };
        let name = if path.is_some() { self.tape.field(ty, names::NAME) } else { None };
        self.inert(why, name)
    }

    fn function(
        &mut self,
        id: RecordId,
        ty: RecordId,
        data: RecordId,
        entry: Option<u32>,
        module: &str,
        name: &str,
    ) -> Result<(), Stop> {
        // `#relu` is a function; `#7#8` and `#f##0#f##1` are closures of a Julia that wrote no code for them.
        if name.contains('#') || self.tape.count(data) > 0 {
            return self.open(id, data, true, entry, What::Opaque(Why::Closure, ty));
        }
        if types::param_count(self.tape, ty) == 0
            && let Some(function) = find_function(module, name)
        {
            let node = self.function_node(function)?;
            self.values.push(node);
            return Ok(());
        }
        self.inert(Why::UnknownFunction, self.tape.field(ty, names::NAME))
    }

    /// All parts of the innermost frame are there: it becomes a node.
    fn close(&mut self) -> Result<(), Stop> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        self.at = frame.record;
        let mut values = core::mem::take(&mut self.values);
        let parts = values.get(frame.first..).unwrap_or(&[]);
        let node = match frame.what {
            What::Root => {
                let result = self.variables(parts);
                values.truncate(frame.first);
                self.values = values;
                return result;
            }
            What::Array => self.array_node(frame.record, parts),
            What::Device(ty) => self.device_array(ty, parts),
            What::List => self.node_of(parts, Class::of(Sort::List), list_node),
            What::NamedTuple(ty) => self.named_tuple(ty, parts),
            What::Numbers(first, count) => self.node(&Node::Numbers { first, count }, Class::of(Sort::List)),
            What::Opaque(why, ty) => self.opaque(why, ty, parts),
            What::Record => self.record(frame.record, parts),
            What::Struct(layouts, ty) => self.layout(layouts, ty, parts),
            What::Tuple => self.tuple(parts),
        };
        values.truncate(frame.first);
        self.values = values;
        let node = node?;
        if let Some(entry) = frame.entry {
            self.mark(entry, node);
        }
        self.values.push(node);
        Ok(())
    }

    fn class(&self, node: NodeId) -> Class {
        self.classes.get(ix(node)).copied().unwrap_or(Class::of(Sort::Other))
    }

    fn tuple(&mut self, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let is_extents =
            parts.len() <= MOST_EXTENTS && parts.iter().all(|&part| self.class(part).sort == Sort::Integer);
        let mut class = Class { n: len32(parts.len()), ..Class::of(Sort::Tuple) };
        if is_extents {
            (class.sort, class.len) = (Sort::Integers, len32(self.parts.len()));
            self.parts.extend_from_slice(parts);
        }
        self.node_of(parts, class, tuple_node)
    }

    fn variables(&mut self, parts: &[NodeId]) -> Result<(), Stop> {
        let tape = self.tape;
        let saved = tape.children(0).filter(|&id| tape.get(id).key() != names::BACKREFS);
        for (id, &node) in saved.zip(parts) {
            self.at = id;
            let name = Some(self.name(tape.get(id).key())?);
            self.push_to(|out| out.variables.push(&Variable { name, node }))?;
        }
        Ok(())
    }

    fn record(&mut self, record: RecordId, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let tape = self.tape;
        let names: Vec<u32> =
            tape.children(record).map(|id| self.name(tape.get(id).key())).collect::<Result<_, _>>()?;
        self.named(&names, parts, Class::of(Sort::Other), |names, values| Node::Record { names, values })
    }

    fn named(
        &mut self,
        names: &[u32],
        parts: &[NodeId],
        class: Class,
        node: impl for<'i> FnOnce(Ids<'i>, Ids<'i>) -> Node<'i>,
    ) -> Result<NodeId, Stop> {
        let mut scratch = core::mem::take(&mut self.scratch);
        put_ids(&mut scratch, names);
        let mut values = Vec::new();
        put_ids(&mut values, parts);
        let node = node(Ids::new(&scratch).unwrap_or_default(), Ids::new(&values).unwrap_or_default());
        let result = self.node(&node, class);
        self.scratch = scratch;
        result
    }

    fn array_node(&mut self, record: RecordId, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let mut sizes = core::mem::take(&mut self.sizes);
        check::parts(self.tape, record, &mut sizes)?;
        let node = self.named(&sizes, parts, Class::of(Sort::List), |size, items| Node::Array { size, items });
        self.sizes = sizes;
        node
    }

    fn opaque(&mut self, why: Why, ty: RecordId, parts: &[NodeId]) -> Result<NodeId, Stop> {
        if why == Why::Closure
            && self.tape.get(ty).tag() == Tag::Closure
            && let Some(known) = self.closure(ty, parts)
        {
            let node = self.recognised(&known.form, parts)?;
            self.note(node, known.note)?;
            return Ok(node);
        }
        let ty = self.type_texts(ty)?;
        self.named(&ty, parts, Class::of(sort_of(why)), |ty, children| Node::Opaque { why, ty, children })
    }

    /// What a closure does, if that is known and what it captured fits.
    fn closure(&mut self, ty: RecordId, captured: &[NodeId]) -> Option<Rc<closure::Recognised>> {
        let tape = self.tape;
        let own = self.own_functions.get_or_insert_with(|| closure::own_functions(tape));
        let count = len32(captured.len());
        let recognise = || closure::recognise(tape, ty, count, own).map(Rc::new);
        let known = self.closures.entry((closure::type_name(tape, ty)?, count)).or_insert_with(recognise).clone()?;
        let mut fits = true;
        known.form.constants(&mut |constant, is| {
            if let closure::Constant::Captured(at) = constant {
                let class = captured.get(ix(at)).map_or(Class::of(Sort::Other), |&node| self.class(node));
                fits &= is.admits(class);
            }
        });
        fits.then_some(known)
    }

    /// A closure as the function that it is.
    fn recognised(&mut self, form: &Recognition, captured: &[NodeId]) -> Result<NodeId, Stop> {
        match form {
            Recognition::Flatten => self.function_node(Function::Flatten),
            Recognition::Function(function) => self.function_node(*function),
            Recognition::Cat(dims) => self.callable(Kind::Cat, &[*dims], captured),
            Recognition::Dropdims(dims) => self.callable(Kind::Dropdims, &[*dims], captured),
            Recognition::Softmax(Function::Logsoftmax, dims) => self.callable(Kind::Logsoftmax, &[*dims], captured),
            Recognition::Softmax(_, dims) => self.callable(Kind::Softmax, &[*dims], captured),
            Recognition::Permutedims(perm) => {
                let perm = self.constants(perm, captured)?;
                let perm = self.tuple(&perm)?;
                self.callable_of(Kind::Permutedims, &[perm])
            }
            Recognition::Getindex(indices) => {
                let mut nodes = Vec::with_capacity(indices.len());
                for index in indices {
                    nodes.push(match *index {
                        Index::All => self.callable_of(Kind::Colon, &[])?,
                        Index::At(at) => self.constant(at, captured)?,
                        Index::Last => self.function_node(Function::Lastindex)?,
                        Index::Range(first, last) => {
                            let ends = self.constants(&[first, last], captured)?;
                            self.callable_of(Kind::UnitRange, &ends)?
                        }
                    });
                }
                let indices = self.tuple(&nodes)?;
                self.callable_of(Kind::Getindex, &[indices])
            }
            Recognition::Pool(function, k) => {
                let kind = if *function == Function::Maxpool { Kind::MaxPool } else { Kind::MeanPool };
                let k = self.constants(k, captured)?;
                let zero = self.integer(0)?;
                let pad = self.tuple(&vec![zero; k.len().saturating_mul(2)])?;
                let k = self.tuple(&k)?;
                let class = Class { kind: Some(kind), ..Class::of(Sort::Layer) };
                self.node_of(&[k, pad, k], class, |fields| Node::Struct { kind, fields })
            }
            Recognition::Reshape(extents) => {
                let mut dims = Vec::with_capacity(extents.len());
                for extent in extents {
                    dims.push(match *extent {
                        Extent::Colon => self.callable_of(Kind::Colon, &[])?,
                        Extent::Constant(constant) => self.constant(constant, captured)?,
                    });
                }
                let dims = self.tuple(&dims)?;
                self.callable_of(Kind::Reshape, &[dims])
            }
            Recognition::Broadcast(function) => {
                let function = self.function_node(*function)?;
                self.callable_of(Kind::BroadcastFunction, &[function])
            }
            Recognition::BroadcastFirst(function, x) => self.fixed(Kind::Fix1, *function, *x, captured),
            Recognition::BroadcastSecond(function, x) => self.fixed(Kind::Fix2, *function, *x, captured),
            Recognition::Compose(outer, inner) => self.callable(Kind::ComposedFunction, &[*outer, *inner], captured),
            Recognition::Composed(parts) => {
                let mut composed = None;
                for part in parts {
                    // One level: no part of a composition is itself composed.
                    let outer = match part {
                        Recognition::Composed(_) => self.null()?,
                        part => self.recognised(part, captured)?,
                    };
                    composed = Some(match composed {
                        None => outer,
                        Some(inner) => self.callable_of(Kind::ComposedFunction, &[outer, inner])?,
                    });
                }
                composed.map_or_else(|| self.null(), Ok)
            }
        }
    }

    fn fixed(
        &mut self,
        kind: Kind,
        function: Function,
        x: closure::Constant,
        captured: &[NodeId],
    ) -> Result<NodeId, Stop> {
        let function = self.function_node(function)?;
        let x = self.constant(x, captured)?;
        let fixed = self.callable_of(kind, &[function, x])?;
        self.callable_of(Kind::BroadcastFunction, &[fixed])
    }

    fn function_node(&mut self, function: Function) -> Result<NodeId, Stop> {
        let sort = if function == Function::Identity { Sort::Identity } else { Sort::Callable };
        let node = self.node(&Node::Function(function), Class::of(sort))?;
        if function == Function::HardSigma {
            self.note(node, NoteCode::HardSigma)?;
        }
        Ok(node)
    }

    fn callable(&mut self, kind: Kind, of: &[closure::Constant], captured: &[NodeId]) -> Result<NodeId, Stop> {
        let fields = self.constants(of, captured)?;
        self.callable_of(kind, &fields)
    }

    fn callable_of(&mut self, kind: Kind, fields: &[NodeId]) -> Result<NodeId, Stop> {
        let class = Class { kind: Some(kind), ..Class::of(Sort::Callable) };
        self.node_of(fields, class, |fields| Node::Struct { kind, fields })
    }

    fn constants(&mut self, of: &[closure::Constant], captured: &[NodeId]) -> Result<Vec<NodeId>, Stop> {
        of.iter().map(|&constant| self.constant(constant, captured)).collect()
    }

    /// A constant of a closure: a number in its code, or what it captured.
    fn constant(&mut self, constant: closure::Constant, captured: &[NodeId]) -> Result<NodeId, Stop> {
        let id = match constant {
            closure::Constant::Captured(at) => match captured.get(ix(at)) {
                Some(&node) => return Ok(node),
                None => return self.null(),
            },
            closure::Constant::Literal(id) => id,
        };
        // Constants stand among the parts of a statement, which are an array. They are numbers: they have no parts.
        self.value(id, true, None)?;
        self.values.pop().map_or_else(|| self.null(), Ok)
    }

    /// An array whose numbers were in a device's memory: what they were, and how many, is all that was saved.
    fn device_array(&mut self, ty: RecordId, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let eltype = types::param(self.tape, ty, 0).and_then(|param| types::eltype(self.tape, param));
        let size = parts.iter().rposition(|&part| self.class(part).sort == Sort::Integers).map(len32);
        self.opaque(Why::DeviceArray { eltype, size }, ty, parts)
    }

    /// A `NamedTuple`, if its type names as many values as it has, each once.
    fn named_tuple(&mut self, ty: RecordId, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let Some(names) = self.field_names(ty, parts.len())? else {
            return self.opaque(Why::UnknownStruct, ty, parts);
        };
        let mut sorted: Vec<(u32, u32)> = names.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        if sorted.array_windows().any(|[(a, _), (b, _)]| a == b) {
            return self.opaque(Why::UnknownStruct, ty, parts);
        }
        let class = Class::of(Sort::NamedTuple);
        self.named(&names, parts, class, |names, values| Node::NamedTuple { names, values })
    }

    /// The names in the type of a `NamedTuple`, if they are `count`: its first parameter, a tuple of symbols.
    fn field_names(&mut self, ty: RecordId, count: usize) -> Result<Option<Vec<u32>>, Stop> {
        let tape = self.tape;
        let Some(tuple) = types::param(tape, ty, 0) else { return Ok(None) };
        if tape.get(tuple).tag() != Tag::Tuple {
            return Ok(None);
        }
        let list = tape.resolve(tape.field(tuple, names::DATA).unwrap_or(tuple));
        // Counted first: many values may have one type, and must not pay for it again and again.
        if ix(tape.count(list)) != count {
            return Ok(None);
        }
        let mut names = Vec::with_capacity(count);
        for symbol in tape.children(list) {
            let symbol = tape.resolve(symbol);
            if tape.get(symbol).tag() != Tag::Symbol {
                return Ok(None);
            }
            let Some(name) = tape.field(symbol, names::NAME) else { return Ok(None) };
            names.push(self.name(tape.get(name).a)?);
        }
        Ok(Some(names))
    }

    /// A struct of a known name: of the layout that fits, or inert with the reason.
    fn layout(&mut self, layouts: &'static [Layout], ty: RecordId, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let fields = len32(parts.len());
        let params = types::param_count(self.tape, ty);
        let mut why = None;
        for layout in layouts {
            let fits = u32::from(layout.fields) == fields && layout.params.is_none_or(|n| u32::from(n) == params);
            if !fits || layout.test == Test::BeforeParameters && !self.is_before_parameters(parts) {
                continue;
            }
            let Becomes::Struct(kind, slots) = layout.becomes else {
                if self.is_part(layout, parts) {
                    return self.become_part(layout, parts);
                }
                continue;
            };
            match slots.iter().find_map(|slot| self.misfit(slot, ty, parts)) {
                None => return self.become_struct(layout, kind, slots, ty, parts),
                Some(field) => {
                    let field = u32::from(field).saturating_add(1);
                    why = why.or(layout.layer().map(|kind| Why::FieldValue { kind, field }));
                }
            }
        }
        let layer = layouts.first().and_then(Layout::layer);
        let why = why.or(layer.map(|kind| Why::Layout { kind, fields, params })).unwrap_or(Why::UnknownStruct);
        self.opaque(why, ty, parts)
    }

    /// Was this normalisation saved by a Flux that kept a deviation where later ones keep a variance?
    ///
    /// The number of fields does not tell. A `Chain` had no type parameter then; without one around, ϵ had another default.
    fn is_before_parameters(&self, parts: &[NodeId]) -> bool {
        let chain = self.frames.iter().rev().find_map(|frame| match frame.what {
            What::Struct([Layout { path: "Flux.Chain", .. }, ..], ty) => Some(types::param_count(self.tape, ty)),
            _ => None,
        });
        match chain {
            Some(params) => params == 0,
            None => {
                parts.get(5).is_some_and(|&epsilon| self.class(epsilon).sort == Sort::Float) && self.is_old_epsilon()
            }
        }
    }

    /// Is the sixth field of the struct at hand the double `1e-8`?
    fn is_old_epsilon(&self) -> bool {
        let data = self.tape.field(self.at, names::DATA).map(|data| self.tape.resolve(data));
        data.and_then(|data| self.tape.children(data).nth(5)).is_some_and(|id| {
            let record = self.tape.get(id);
            record.form == Form::Double && record.bits() == 1e-8_f64.to_bits()
        })
    }

    /// The file's field that has no business in this slot.
    fn misfit(&self, slot: &Slot, ty: RecordId, parts: &[NodeId]) -> Option<u8> {
        let class = |at: u8| parts.get(usize::from(at)).map_or(Class::of(Sort::Other), |&part| self.class(part));
        let (fits, at) = match *slot {
            Slot::At(at, is) | Slot::Dropped(at, is) => (is.admits(class(at)), at),
            Slot::Active(at) => (Is::Switch.admits(class(at)), at),
            Slot::Zeroed(at) => (Is::Number.admits(class(at)), at),
            Slot::Squared(at) => (Is::Array.admits(class(at)), at),
            Slot::Repeat(at, _) => (Is::Int.admits(class(at)), at),
            Slot::Affine(at, _) => (matches!(class(at).sort, Sort::Diagonal | Sort::Null), at),
            Slot::Pad(at, like) => {
                let (pad, like) = (class(at), class(like));
                let is_pad = pad.sort == Sort::Integers && like.sort == Sort::Integers;
                (is_pad && (pad.n == like.n || Some(pad.n) == like.n.checked_mul(2)), at)
            }
            Slot::Param(at) => (self.param_node(ty, at).is_some(), at),
            Slot::Default(_)
            | Slot::False
            | Slot::Float(_)
            | Slot::Identity
            | Slot::Int(_)
            | Slot::LengthOf(_)
            | Slot::Like(..)
            | Slot::Null
            | Slot::SizeOf(_)
            | Slot::True => (true, 0),
        };
        (!fits).then_some(at)
    }

    /// What a type parameter is as a value, if it is one that has a meaning.
    fn param_node(&self, ty: RecordId, at: u8) -> Option<ParamValue> {
        let id = types::param(self.tape, ty, at.into())?;
        let record = self.tape.get(id);
        match record.form {
            Form::Boolean => Some(ParamValue::Number(Eltype::Bool, self.tape.payload(id, true))),
            Form::Int32 => Some(ParamValue::Number(Eltype::Int32, self.tape.payload(id, true))),
            Form::Int64 => Some(ParamValue::Number(Eltype::Int64, self.tape.payload(id, true))),
            Form::Document(Tag::Symbol) => {
                self.tape.field(id, names::NAME).map(|name| ParamValue::Symbol(self.tape.get(name).a))
            }
            _ => None,
        }
    }

    /// Is what a struct becomes, if it is less than a struct, what it has to be?
    fn is_part(&self, layout: &Layout, parts: &[NodeId]) -> bool {
        match layout.becomes {
            Becomes::Part(at, is) => parts.get(usize::from(at)).is_some_and(|&part| is.admits(self.class(part))),
            Becomes::False(is) => parts.iter().all(|&part| is.admits(self.class(part))),
            Becomes::Struct(..) => false,
        }
    }

    /// The struct is no more than one of its parts, or than `false`.
    fn become_part(&mut self, layout: &Layout, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let node = match layout.becomes {
            Becomes::Part(at, _) => parts.get(usize::from(at)).copied(),
            _ => None,
        };
        let node = match node {
            Some(node) => node,
            None => self.node(&Node::Bool(false), Class::of(Sort::False))?,
        };
        self.remark(layout, node, parts)?;
        Ok(node)
    }

    /// The versions of Flux, Julia and BSON.jl that the file itself speaks of.
    fn date(&mut self) -> Result<(), Stop> {
        let tape = self.tape;
        let (mut since, mut until) = self.bson_jl;
        let mut is_old_julia = false;
        // Only where the file has one of the two is it worth while to look.
        let has_types = tape.names.is_seen(names::DATATYPE) || tape.names.is_seen(names::BACKREF);
        for id in (0..tape.len()).filter(|_| has_types) {
            match tape.get(id).tag() {
                Tag::DataType => {
                    is_old_julia = is_old_julia || types::has_main_core(tape, id);
                    if since < TYPES_REMEMBERED {
                        let (first, last) = types::bson_jl(tape, id);
                        (since, until) = (since.max(first), until.min(last));
                    }
                }
                // Before, types were spelled out wherever they were needed; and after, tuples were.
                Tag::Backref => match tape.get(tape.resolve(id)).tag() {
                    Tag::DataType => since = since.max(TYPES_REMEMBERED),
                    Tag::Tuple => until = until.min(TUPLES_REMEMBERED),
                    _ => {}
                },
                _ => {}
            }
        }
        let is_known = (since, until) != (OLDEST_BSON_JL, NEWEST_BSON_JL) && since <= until;
        self.out.written_by.bson_jl = is_known.then_some((since, Some(until).filter(|&until| until < NEWEST_BSON_JL)));
        if is_old_julia && let Some((_, until)) = &mut self.flux {
            // Julia 1.5 and later write another prefix, and Flux 0.12 needs it.
            *until = (*until).min((11, 6));
        }
        self.out.written_by.flux = self
            .flux
            .filter(|(since, until)| since <= until)
            .map(|(since, until)| (since, Some(until).filter(|&until| until < catalogue::NEWEST)));
        let mut ids = if tape.names.is_seen(names::TYPE_NAME) { 0..tape.len() } else { 0..0 };
        let version = ids.find_map(|id| types::julia_version(tape, id));
        if let Some(span) = version {
            self.out.written_by.julia = Some(self.text(span)?);
        }
        Ok(())
    }

    /// What the table says of a node, and of the fields that have no place in it.
    fn remark(&mut self, layout: &Layout, node: NodeId, parts: &[NodeId]) -> Result<(), Stop> {
        #[cfg(feature = "museum")]
        self.rows.extend(catalogue::all().iter().position(|row| core::ptr::eq(row, layout)));
        if let Some((since, until)) = layout.flux {
            let (first, last) = self.flux.unwrap_or((since, until));
            self.flux = Some((first.max(since), last.min(until)));
        }
        // A tracked array is spelled out wherever it is used, and has one gradient.
        let first = layout.asides.first().and_then(|&(at, _)| parts.get(usize::from(at))).copied();
        let is_said = first.is_some_and(|first| self.class(node).aside == first);
        if let Some(class) = self.classes.get_mut(ix(node)) {
            class.aside = first.unwrap_or(NO_NODE);
        }
        for &(at, name) in layout.asides.iter().filter(|_| !is_said) {
            if let Some(&value) = parts.get(usize::from(at)) {
                self.push_to(|out| out.asides.push(&Aside { owner: node, name, value }))?;
            }
        }
        for &code in layout.notes {
            self.note(node, code)?;
        }
        Ok(())
    }

    fn note(&mut self, node: NodeId, code: NoteCode) -> Result<(), Stop> {
        self.push_to(|out| out.notes.push(&Note { node, code })).map(|_| ())
    }

    /// The struct of today, each of its fields filled.
    fn become_struct(
        &mut self,
        layout: &Layout,
        kind: Kind,
        slots: &[Slot],
        ty: RecordId,
        parts: &[NodeId],
    ) -> Result<NodeId, Stop> {
        let mut fields = Vec::with_capacity(slots.len());
        for slot in slots {
            fields.push(self.filled(slot, ty, parts)?);
        }
        let sort = match kind {
            Kind::Colon => Sort::Colon,
            Kind::Scale if layout.path == "Flux.Diagonal" => Sort::Diagonal,
            kind => match kind.group() {
                Group::Callable => Sort::Callable,
                Group::Layer => Sort::Layer,
                Group::Wrapper => Sort::Struct,
                _ => Sort::Data,
            },
        };
        let since = match kind {
            Kind::Dict => (1, 4),
            Kind::IdDict => (2, 6),
            Kind::Undef => (3, 8),
            _ => OLDEST_BSON_JL,
        };
        self.bson_jl.0 = self.bson_jl.0.max(since);
        let mut class = Class { kind: Some(kind), ..Class::of(sort) };
        if kind == Kind::Scale {
            class.len = len32(self.parts.len());
            self.parts.extend_from_slice(&fields);
        }
        let id = self.node_of(&fields, class, |fields| Node::Struct { kind, fields })?;
        let was_active = slots.iter().any(|slot| match *slot {
            Slot::Active(at) => parts.get(usize::from(at)).is_some_and(|&part| self.class(part).sort == Sort::True),
            _ => false,
        });
        if was_active {
            self.note(id, NoteCode::ActiveDropped)?;
        }
        self.remark(layout, id, parts)?;
        Ok(id)
    }

    /// A field of today.
    fn filled(&mut self, slot: &Slot, ty: RecordId, parts: &[NodeId]) -> Result<NodeId, Stop> {
        let part = |at: u8| parts.get(usize::from(at)).copied().unwrap_or(0);
        match *slot {
            Slot::At(at, _) => Ok(part(at)),
            Slot::Active(at) if self.class(part(at)).sort != Sort::True => Ok(part(at)),
            Slot::Active(_) | Slot::Dropped(..) | Slot::Null => self.null(),
            Slot::False => self.node(&Node::Bool(false), Class::of(Sort::False)),
            Slot::True => self.node(&Node::Bool(true), Class::of(Sort::True)),
            Slot::Float(x) => self.node(&Node::Float(x), Class::of(Sort::Float)),
            Slot::Zeroed(_) => self.node(&Node::Float(0.0), Class::of(Sort::Float)),
            Slot::Default(kind) => self.callable_of(kind, &[]),
            Slot::Identity => self.node(&Node::Function(Function::Identity), Class::of(Sort::Identity)),
            Slot::Int(n) => self.integer(n),
            Slot::LengthOf(at) => match self.class(part(at)) {
                Class { sort: Sort::Array, n: 1, len, .. } => self.integer(len.into()),
                _ => self.null(),
            },
            Slot::SizeOf(at) => {
                let scale = self.part_of(part(at), 0);
                match scale.map(|scale| self.class(scale)) {
                    Some(Class { sort: Sort::Array, n: 1, len, .. }) => {
                        let extent = self.integer(len.into())?;
                        self.tuple(&[extent])
                    }
                    _ => self.null(),
                }
            }
            Slot::Like(at, n) => {
                let one = self.integer(n)?;
                let count = self.class(part(at)).n;
                self.tuple(&vec![one; ix(count)])
            }
            Slot::Repeat(at, times) => self.tuple(&vec![part(at); times.into()]),
            Slot::Pad(at, like) => self.pad(part(at), self.class(part(like)).n),
            Slot::Squared(at) => {
                let kind = Kind::Squared;
                let class = Class { kind: Some(kind), ..Class::of(Sort::Struct) };
                self.node_of(&[part(at)], class, |fields| Node::Struct { kind, fields })
            }
            Slot::Param(at) => match self.param_node(ty, at) {
                Some(ParamValue::Number(eltype, offset)) => {
                    self.node(&Node::Number { eltype, offset }, Class::of(Sort::Other))
                }
                Some(ParamValue::Symbol(name)) => {
                    let text = self.name(name)?;
                    self.node(&Node::Symbol(text), Class::of(Sort::Other))
                }
                None => self.null(),
            },
            Slot::Affine(at, function) => self.affine(part(at), part(function)),
        }
    }

    fn null(&mut self) -> Result<NodeId, Stop> {
        self.node(&Node::Null, Class::of(Sort::Null))
    }

    fn integer(&mut self, n: i64) -> Result<NodeId, Stop> {
        self.node(&Node::Int(n), Class::of(Sort::Integer))
    }

    /// A part of a node whose parts are remembered.
    fn part_of(&self, node: NodeId, at: usize) -> Option<NodeId> {
        let first = ix(self.class(node).len);
        self.parts.get(first..).and_then(|rest| rest.get(at)).copied()
    }

    /// Padding for each side: as it is, or each number twice.
    fn pad(&mut self, pad: NodeId, dims: u32) -> Result<NodeId, Stop> {
        if self.class(pad).n != dims {
            return Ok(pad);
        }
        let both: Vec<u32> =
            (0..ix(dims)).filter_map(|at| self.part_of(pad, at)).flat_map(|part| [part, part]).collect();
        self.tuple(&both)
    }

    /// What a `LayerNorm` of Flux 0.12 does after it has normalised, in the words of later ones, whose `Scale` applies the
    /// function too.
    fn affine(&mut self, diagonal: NodeId, function: NodeId) -> Result<NodeId, Stop> {
        if let (Sort::Diagonal, Some(scale), Some(bias)) =
            (self.class(diagonal).sort, self.part_of(diagonal, 0), self.part_of(diagonal, 1))
        {
            let class = Class { kind: Some(Kind::Scale), len: len32(self.parts.len()), ..Class::of(Sort::Layer) };
            let fields = [scale, bias, function];
            self.parts.extend_from_slice(&fields);
            return self.node_of(&fields, class, |fields| Node::Struct { kind: Kind::Scale, fields });
        }
        if self.class(function).sort == Sort::Identity {
            return Ok(function);
        }
        let broadcast = self.node(&Node::Function(Function::Broadcast), Class::of(Sort::Callable))?;
        let class = Class { kind: Some(Kind::Fix1), ..Class::of(Sort::Callable) };
        self.node_of(&[broadcast, function], class, |fields| Node::Struct { kind: Kind::Fix1, fields })
    }
}

/// The versions of BSON.jl that are known.
const OLDEST_BSON_JL: FluxVersion = (1, 0);
const NEWEST_BSON_JL: FluxVersion = (3, 9);
/// The first that writes types as back references.
const TYPES_REMEMBERED: FluxVersion = (2, 2);
/// The last that writes what never changes as back references.
const TUPLES_REMEMBERED: FluxVersion = (2, 4);

/// A type parameter that is a value.
enum ParamValue {
    Number(Eltype, u32),
    Symbol(NameId),
}

/// Elements for each record in a list that is mostly runs.
const FEW: usize = 4;

/// What a number of the file is, if an element of this form is one or a run of them; a boolean as if it were true.
const fn number_form(form: Form) -> Option<(Eltype, Sort)> {
    match form {
        Form::Boolean => Some((Eltype::Bool, Sort::True)),
        Form::Double | Form::Doubles => Some((Eltype::Float64, Sort::Float)),
        Form::Int32 | Form::Int32s => Some((Eltype::Int32, Sort::Integer)),
        Form::Int64 | Form::Int64s => Some((Eltype::Int64, Sort::Integer)),
        _ => None,
    }
}

/// What a number of the file is, and how it counts where a field is judged.
fn number(record: &Record) -> (Eltype, Sort) {
    let (eltype, sort) = number_form(record.form).unwrap_or((Eltype::Nothing, Sort::Other));
    (eltype, if sort == Sort::True && record.a == 0 { Sort::False } else { sort })
}

/// Where the bytes of a number begin whose key has this length: behind its type, the key, and a zero.
fn number_offset(record: &Record, key_len: u32) -> u32 {
    record.offset.wrapping_add(key_len).wrapping_add(2)
}

/// Ids as the bytes that the answer has of them.
fn put_ids(bytes: &mut Vec<u8>, ids: &[u32]) {
    bytes.clear();
    bytes.resize(ids.len().saturating_mul(4), 0);
    for (four, id) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(ids) {
        *four = id.to_le_bytes();
    }
}

/// The variants as functions, for any lifetime.
fn list_node(items: Ids<'_>) -> Node<'_> {
    Node::List(items)
}

fn tuple_node(items: Ids<'_>) -> Node<'_> {
    Node::Tuple(items)
}

/// How something inert counts where a field is judged.
fn sort_of(why: Why) -> Sort {
    match why {
        Why::Closure | Why::UnknownFunction => Sort::Callable,
        Why::Module | Why::Pointer | Why::Reflection | Why::UnknownPrimitive => Sort::Other,
        _ => Sort::Struct,
    }
}

/// The function of this home, by its name of today.
fn find_function(module: &str, name: &str) -> Option<Function> {
    match (module, name) {
        // One formula, renamed in NNlib 0.9.28.
        ("NNlib", "gelu") => Some(Function::GeluTanh),
        // Losses lived in Flux itself before 0.11.
        ("Flux", _) => Function::find(module, name).or_else(|| Function::find("Flux.Losses", name)),
        _ => Function::find(module, name),
    }
}

impl Is {
    /// May a node of this class stand here?
    fn admits(self, class: Class) -> bool {
        use Sort::{
            Array, Callable, Colon, Data, Diagonal, False, Float, Identity, Integer, Integers, Layer, List, NamedTuple,
            Null, Struct, True, Tuple,
        };
        match (self, class.sort) {
            (Self::Any, _)
            | (Self::ArrayOrNull | Self::IntOrNull | Self::Nothing | Self::Scaling | Self::Switch, Null)
            | (Self::Array | Self::ArrayOrNull | Self::Tracked, Array | Struct)
            | (Self::Bias, False | Array | Struct | Float | Integer)
            | (Self::Bool | Self::Switch, False | True)
            | (Self::Callable, Callable | Identity | Struct | Layer | Diagonal | Colon | Data)
            | (Self::Dims, Colon | Integer | Integers | Data)
            | (Self::Int | Self::IntOrNull, Integer)
            | (Self::Ints, Integers)
            | (Self::Layers, Tuple | NamedTuple | List | Integers)
            | (Self::Kernel | Self::Matrix, Struct)
            | (Self::Number, Float | Integer)
            | (Self::Scaling, Float | Integer | Integers | Tuple)
            | (Self::Tuple, Tuple | Integers) => true,
            (Self::Kernel, Array) => class.n >= 3,
            (Self::Matrix, Array) => class.n == 2,
            (Self::Layer(kind), Layer | Diagonal) => class.kind == Some(kind),
            _ => false,
        }
    }
}
