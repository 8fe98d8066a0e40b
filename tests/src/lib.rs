//! Oracles: what must hold of any answer to any file, whoever gave it.
//!
//! They are written apart from the decoder and from the host's checker, slowly and plainly, so that the three can disagree.
//! The tests and the fuzz targets share them.

#![forbid(unsafe_code)]

mod strict;

use std::collections::BTreeSet;

use flux_airlock_decode::decode;
use flux_airlock_wire::{
    Answer, Aside, Counts, Element, Eltype, Kind, Limits, Node, Note, Refusal, Run, Span, Tensor, Variable, Why,
};
use sha2::{Digest as _, Sha256};

pub use strict::{is_structural, strict};

/// The README's example is compiled. It stands here since the README is in no package.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The defaults of the limits that the decoder counts, as `flux_airlock::Limits` documents them.
pub const DEFAULTS: Limits = Limits {
    answer_bytes: 32 << 20,
    depth: 256,
    elements: 1 << 22,
    name_bytes: 4096,
    names_bytes: 16 << 20,
    nodes: 1 << 22,
    tensors: 1 << 16,
};

/// The native decoder's answer.
///
/// # Panics
///
/// If the file is larger than 4 GiB.
#[must_use]
pub fn native(mut file: &[u8], limits: &Limits) -> Vec<u8> {
    let len = u32::try_from(file.len()).expect("a file of a test is small");
    decode(&mut file, len, limits)
}

/// Decodes a small file, checks all that must hold of the answer, and that the second reader judges the file alike.
///
/// # Errors
///
/// A sentence that says what does not hold.
pub fn judged(file: &[u8], limits: &Limits) -> Result<Verdict, String> {
    let verdict = well_formed(file, &native(file, limits), limits)?;
    match (&verdict, strict(file)) {
        (Verdict::Opened(_), Err(rule)) => Err(format!("opened, and breaks a rule: {rule}")),
        (Verdict::Refused(refusal), Ok(())) if is_structural(refusal.code.name()) => {
            Err(format!("breaks no rule, and is refused: {refusal:?}"))
        }
        _ => Ok(verdict),
    }
}

/// What an answer says, taken apart.
#[derive(Debug)]
pub enum Verdict {
    /// The file is opened.
    Opened(Box<Opened>),
    /// The file is refused.
    Refused(Refusal),
}

/// The entries of an answer.
#[derive(Debug, Default)]
pub struct Opened {
    /// Spans.
    pub texts: Vec<Span>,
    /// Arrays.
    pub arrays: Vec<Array>,
    /// Nodes: the entries, and behind them the numbers of the runs.
    pub nodes: Vec<Fact>,
    /// How many of them are entries.
    pub entries: usize,
    /// Variables.
    pub variables: Vec<Variable>,
    /// Asides.
    pub asides: Vec<Aside>,
    /// Notes.
    pub notes: Vec<Note>,
}

/// An array of an answer.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Array {
    /// Where its bytes begin.
    pub offset: u32,
    /// How many they are.
    pub bytes: u32,
    /// Its size.
    pub size: Vec<u32>,
    /// Its eltype; `None` where its elements are no numbers.
    pub eltype: Option<Eltype>,
    /// The parts of the type's path, where its elements are no numbers.
    pub packed: Vec<u32>,
}

/// What is asked of a node here.
#[derive(Clone, Debug, Default)]
pub struct Fact {
    /// The nodes it refers to.
    pub children: Vec<u32>,
    /// The texts that are names.
    pub names: Vec<u32>,
    /// A text that is a value.
    pub text: Option<u32>,
    /// Its array.
    pub tensor: Option<u32>,
    /// Why it is opaque.
    pub opaque: Option<Why>,
    /// The struct it is.
    pub kind: Option<Kind>,
    /// A number in the file.
    pub number: Option<(Eltype, u32)>,
    /// The size of an array of references.
    pub size: Option<Vec<u32>>,
    /// Has it names for its children?
    pub is_record: bool,
}

/// Takes an answer apart, and checks all that the contract of `wire` promises.
///
/// # Errors
///
/// A sentence that says what does not hold.
pub fn well_formed(file: &[u8], answer: &[u8], limits: &Limits) -> Result<Verdict, String> {
    match Answer::read(answer).map_err(|error| error.to_string())? {
        Answer::Refused(refusal) => {
            check_refusal(file, &refusal, limits)?;
            Ok(Verdict::Refused(refusal))
        }
        Answer::Opened(counts, _, mut entries) => {
            if answer.len() > to_usize(limits.answer_bytes) {
                return Err(format!("{} bytes of answer", answer.len()));
            }
            let len = u64::try_from(file.len()).map_err(|error| error.to_string())?;
            let opened = take(len, counts, &mut entries, limits).map_err(|error| error.to_string())?;
            entries.finish().map_err(|error| error.to_string())?;
            check_opened(file, &opened, limits)?;
            Ok(Verdict::Opened(Box::new(opened)))
        }
    }
}

fn take(
    len: u64,
    counts: Counts,
    entries: &mut flux_airlock_wire::answer::Entries<'_>,
    limits: &Limits,
) -> Result<Opened, Box<dyn std::error::Error>> {
    if counts.tensors > limits.tensors || counts.nodes > limits.nodes {
        return Err(format!("{counts:?} is beyond the limits").into());
    }
    let mut opened = Opened::default();
    for _ in 0..counts.texts {
        opened.texts.push(entries.take()?);
    }
    for _ in 0..counts.tensors {
        let tensor: Tensor<'_> = entries.take()?;
        if !tensor.is_exact() {
            return Err(format!("{tensor:?} is not exact").into());
        }
        let (eltype, packed) = match tensor.element {
            Element::Number(eltype) => (Some(eltype), Vec::new()),
            Element::Packed(ty) => (None, ty.iter().collect()),
        };
        let Span { offset, len: bytes } = tensor.span;
        opened.arrays.push(Array { offset, bytes, size: tensor.size.iter().collect(), eltype, packed });
    }
    let (mut numbers, mut bytes) = (Vec::new(), 0_u64);
    for _ in 0..counts.runs {
        let Run { eltype, offset, step, count } = entries.take()?;
        if count == 0 || step < eltype.width().max(1) {
            return Err(format!("a run of {count} numbers of {step} bytes").into());
        }
        // No byte is one of two numbers.
        bytes += u64::from(count) * u64::from(step);
        if bytes > len {
            return Err(format!("runs over {bytes} bytes").into());
        }
        // Before there are so many.
        if to_usize(counts.nodes) + numbers.len() + to_usize(count) > to_usize(limits.nodes) {
            return Err(format!("{} numbers in runs, and {count} more", numbers.len()).into());
        }
        for number in 0..count {
            let at = u64::from(offset) + u64::from(number) * u64::from(step);
            numbers.push(Fact { number: Some((eltype, u32::try_from(at)?)), ..Fact::default() });
        }
    }
    let mut listed = 0;
    for id in 0..counts.nodes {
        let node: Node<'_> = entries.take()?;
        let mut fact = fact(&node);
        if let Node::Numbers { first, count } = node {
            let end = first.checked_add(count).filter(|&end| to_usize(end) <= numbers.len());
            let end = end.filter(|_| first == listed && count > 0);
            let wrong = || format!("node {id} has {count} numbers from {first} on instead of {listed}");
            listed = end.ok_or_else(wrong)?;
            fact.children = (first..listed).map(|number| counts.nodes + number).collect();
        }
        opened.nodes.push(fact);
    }
    opened.entries = opened.nodes.len();
    if to_usize(listed) != numbers.len() {
        return Err(format!("{} numbers in runs, and {listed} in lists", numbers.len()).into());
    }
    opened.nodes.append(&mut numbers);
    for _ in 0..counts.variables {
        opened.variables.push(entries.take()?);
    }
    for _ in 0..counts.asides {
        opened.asides.push(entries.take()?);
    }
    for _ in 0..counts.notes {
        opened.notes.push(entries.take()?);
    }
    Ok(opened)
}

fn fact(node: &Node<'_>) -> Fact {
    let mut fact =
        Fact { children: node.children().iter().collect(), names: node.texts().iter().collect(), ..Fact::default() };
    match *node {
        Node::Array { size, .. } => fact.size = Some(size.iter().collect()),
        Node::NamedTuple { .. } | Node::Record { .. } => fact.is_record = true,
        Node::Number { eltype, offset } => fact.number = Some((eltype, offset)),
        Node::Opaque { why, .. } => fact.opaque = Some(why),
        Node::Struct { kind, .. } => fact.kind = Some(kind),
        Node::Symbol(text) => fact.names.push(text),
        Node::Tensor(tensor) => fact.tensor = Some(tensor),
        Node::Text(text) => fact.text = Some(text),
        Node::Bool(_)
        | Node::Float(_)
        | Node::Function(_)
        | Node::Int(_)
        | Node::List(_)
        | Node::Null
        | Node::Numbers { .. }
        | Node::Tuple(_) => {}
    }
    fact
}

fn check_refusal(file: &[u8], refusal: &Refusal, limits: &Limits) -> Result<(), String> {
    if to_usize(refusal.offset) > file.len() {
        return Err(format!("the offset of {refusal:?} lies outside"));
    }
    // The file's own document is no step of a path, and the flawed element is one more than its document.
    if refusal.path.len() > to_usize(limits.depth).saturating_add(1) {
        return Err(format!("a path of {} steps", refusal.path.len()));
    }
    for segment in &refusal.path {
        if let flux_airlock_wire::Segment::Key(span) = segment {
            slice(file, *span).ok_or_else(|| format!("the key {span:?} lies outside"))?;
        }
    }
    Ok(())
}

fn check_opened(file: &[u8], opened: &Opened, limits: &Limits) -> Result<(), String> {
    for span in &opened.texts {
        slice(file, *span).ok_or_else(|| format!("the text {span:?} lies outside"))?;
    }
    let name = |id: &u32| {
        let span = opened.texts.get(to_usize(*id)).ok_or_else(|| format!("no text {id}"))?;
        let bytes = slice(file, *span).unwrap_or_default();
        std::str::from_utf8(bytes).map(|_| bytes).map_err(|_| format!("the name {span:?} is not UTF-8"))
    };
    let mut ends: Vec<(u32, u64)> = Vec::new();
    for array in &opened.arrays {
        let span = Span { offset: array.offset, len: array.bytes };
        slice(file, span).ok_or_else(|| format!("the array {span:?} lies outside"))?;
        array.packed.iter().try_for_each(|id| name(id).map(drop))?;
        if array.bytes > 0 {
            ends.push((array.offset, span.end()));
        }
    }
    ends.sort_unstable();
    if let Some(pair) = ends.windows(2).find(|pair| pair[0].1 > u64::from(pair[1].0)) {
        return Err(format!("the arrays {pair:?} overlap"));
    }
    let mut depths: Vec<u32> = Vec::with_capacity(opened.nodes.len());
    for (id, node) in opened.nodes.iter().enumerate() {
        let mut depth = 0;
        for child in &node.children {
            let is_number = (opened.entries..opened.nodes.len()).contains(&to_usize(*child));
            let below = depths.get(to_usize(*child)).copied().or(is_number.then_some(0));
            let below = below.ok_or_else(|| format!("node {id} refers to {child}"))?;
            depth = depth.max(below.saturating_add(1));
        }
        if depth > limits.depth.saturating_add(SUPPLIED_LEVELS) {
            return Err(format!("node {id} is {depth} levels deep"));
        }
        depths.push(depth);
        node.names.iter().try_for_each(|id| name(id).map(drop))?;
        if node.text.is_some_and(|text| to_usize(text) >= opened.texts.len()) {
            return Err(format!("node {id} has no text"));
        }
        if node.tensor.is_some_and(|tensor| to_usize(tensor) >= opened.arrays.len()) {
            return Err(format!("node {id} has no array"));
        }
        if let Some(kind) = node.kind
            && kind.fields().len() != node.children.len()
        {
            return Err(format!("node {id} is a {} of {} fields", kind.name(), node.children.len()));
        }
        if node.is_record && node.names.len() != node.children.len() {
            return Err(format!("node {id} has {} names", node.names.len()));
        }
        if let Some((eltype, offset)) = node.number {
            let span = Span { offset, len: eltype.width() };
            slice(file, span).ok_or_else(|| format!("the number {span:?} lies outside"))?;
        }
        if let Some(size) = &node.size {
            let count = size.iter().try_fold(1_u64, |count, &n| count.checked_mul(n.into()));
            if count != u64::try_from(node.children.len()).ok() {
                return Err(format!("node {id} has the size {size:?}"));
            }
        }
    }
    let nodes = opened.variables.iter().map(|variable| variable.node);
    let roots: Vec<u32> = nodes.chain(opened.asides.iter().map(|aside| aside.value)).collect();
    let others = opened.asides.iter().map(|aside| aside.owner).chain(opened.notes.iter().map(|note| note.node));
    if let Some(id) = roots.iter().copied().chain(others).find(|id| to_usize(*id) >= opened.entries) {
        return Err(format!("no node {id}"));
    }
    let mut seen = BTreeSet::new();
    for variable in &opened.variables {
        let unique = match variable.name {
            Some(text) => seen.insert(Some(name(&text)?)),
            None => seen.insert(None),
        };
        if !unique {
            return Err(format!("two variables are called like {variable:?}"));
        }
    }
    let reached = opened.reached(roots);
    if let Some(id) = (0..opened.arrays.len()).find(|id| !reached.contains(id)) {
        return Err(format!("nothing reaches array {id}"));
    }
    Ok(())
}

impl Opened {
    /// The arrays that these nodes reach.
    fn reached(&self, roots: Vec<u32>) -> BTreeSet<usize> {
        let mut stack = roots;
        let mut visited = vec![false; self.nodes.len()];
        let mut arrays = BTreeSet::new();
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut visited[to_usize(id)], true) {
                continue;
            }
            let node = &self.nodes[to_usize(id)];
            arrays.extend(node.tensor.map(to_usize));
            stack.extend(&node.children);
        }
        arrays
    }

    /// The numbers and strings of the file that are nodes: eltype, and value as text.
    #[must_use]
    pub fn scalars(&self, file: &[u8]) -> Vec<(String, String)> {
        let scalar = |node: &Fact| match (node.number, node.text) {
            (Some((eltype, offset)), _) => {
                let bytes = slice(file, Span { offset, len: eltype.width() })?;
                Some((eltype.name().to_owned(), number(eltype, bytes)?))
            }
            (None, Some(text)) => {
                let bytes = slice(file, *self.texts.get(to_usize(text))?)?;
                Some(("String".to_owned(), String::from_utf8_lossy(bytes).into_owned()))
            }
            (None, None) => None,
        };
        self.nodes.iter().filter_map(scalar).collect()
    }

    /// The names of the variables.
    #[must_use]
    pub fn variables<'a>(&self, file: &'a [u8]) -> Vec<&'a str> {
        let names = self.variables.iter().filter_map(|variable| variable.name);
        names.filter_map(|id| std::str::from_utf8(slice(file, *self.texts.get(to_usize(id))?)?).ok()).collect()
    }
}

impl Array {
    /// The SHA-256 of its bytes.
    #[must_use]
    pub fn sha256(&self, file: &[u8]) -> String {
        hex(&Sha256::digest(slice(file, Span { offset: self.offset, len: self.bytes }).unwrap_or_default()))
    }
}

/// The number in these bytes, as Julia would print it where that is one word.
fn number(eltype: Eltype, bytes: &[u8]) -> Option<String> {
    macro_rules! of {
        ($type:ty) => {
            <$type>::from_le_bytes(bytes.try_into().ok()?)
        };
    }
    Some(match eltype {
        Eltype::Bool => (*bytes.first()? != 0).to_string(),
        // Julia keeps the UTF-8 of a character, the first byte in the highest place.
        Eltype::Char => {
            let utf8: Vec<u8> = bytes.iter().rev().copied().take_while(|&byte| byte != 0).collect();
            String::from_utf8(utf8).ok()?
        }
        Eltype::Float32 => float32(of!(f32)),
        Eltype::Float64 => float64(of!(f64)),
        Eltype::Int8 => of!(i8).to_string(),
        Eltype::Int16 => of!(i16).to_string(),
        Eltype::Int32 => of!(i32).to_string(),
        Eltype::Int64 => of!(i64).to_string(),
        Eltype::Int128 => of!(i128).to_string(),
        Eltype::UInt8 => of!(u8).to_string(),
        Eltype::UInt16 => of!(u16).to_string(),
        Eltype::UInt32 => of!(u32).to_string(),
        Eltype::UInt64 => of!(u64).to_string(),
        Eltype::UInt128 => of!(u128).to_string(),
        _ => return None,
    })
}

/// The shortest text that reads as this number.
#[must_use]
pub fn float32(number: f32) -> String {
    if number.is_finite() { number.to_string() } else { float64(number.into()) }
}

/// The shortest text that reads as this number; `NaN`, `Inf` and `-Inf` as Julia spells them.
#[must_use]
pub fn float64(number: f64) -> String {
    if number.is_infinite() { number.to_string().replace("inf", "Inf") } else { number.to_string() }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn slice(file: &[u8], span: Span) -> Option<&[u8]> {
    file.get(to_usize(span.offset)..)?.get(..to_usize(span.len))
}

/// A layout of another version may be given with so many levels more than the file has.
const SUPPLIED_LEVELS: u32 = 4;

/// An id or an offset as an index.
#[must_use]
pub fn to_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
