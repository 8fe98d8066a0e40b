//! The ways to the values of a file: Julia's own, each of them unique.
//!
//! `model.layers[1].weight` is how a Julia user reaches the array. Names that are no plain identifiers are quoted, with
//! whatever could mislead escaped, so that one value's path never looks like another's. The order is that of the file,
//! depth first, and a value's own path is the first of them.
//!
//! Structure is shared, and a small file can have 2^40 ways to one array. So each value is visited once, along one way;
//! further ways to an array are counted by adding up, and at most [`MOST_ALSO_AT`] of them are written out. All text that a
//! report could hold is charged against the limit `path-bytes` before a byte of it is built.
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

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use flux_airlock_wire::{Aside, Element, Group, Ids, Node, Note, Segment, Why};

use crate::answer::{Bits, Fault, Flaw, Grant, Source, get, slice};
use crate::text::{Escaped, cut_middle, escaped_len, is_harmless, report_len, shorten};

/// How many further paths to an array are written out.
pub(crate) const MOST_ALSO_AT: usize = 16;
/// How many numbers and strings a report lists.
pub(crate) const MOST_SCALARS: usize = 10_000;
/// How many bytes of a string a report gives.
pub(crate) const MOST_TEXT: usize = 4096;

/// The ways to all values that are reached.
#[derive(Debug)]
pub(crate) struct Paths {
    /// For each node that is an entry the one it was first reached from, or [`VARIABLE`], [`ASIDE`], [`UNREACHED`].
    parents: Vec<u32>,
    /// For each of those which child, variable or aside it was there.
    edges: Vec<u32>,
    /// The lists of the nodes that are no entries, which come after all others: each with the place of its first there.
    lists: Vec<(u32, u32)>,
    /// How many nodes there are.
    nodes: usize,
    /// For each entry what part of the file it belongs to: the first one that it is reached in.
    parts: Vec<Part>,
    /// For each aside how many others of the same name its owner has before it.
    ordinals: Vec<u32>,
    /// For each array the node it was first reached as.
    tensor_nodes: Vec<u32>,
    /// The arrays in the order of their paths.
    pub(crate) tensors: Vec<u32>,
    /// The first numbers and strings, in the order of their paths.
    pub(crate) scalars: Vec<u32>,
    /// How many numbers and strings there are beyond those.
    pub(crate) more_scalars: u64,
    /// The opaque nodes, in the order of their paths.
    pub(crate) opaque: Vec<u32>,
    /// Nodes that are given once and referred to, sorted.
    named: Vec<u32>,
    /// Those of them that are given apart, since their place is nested too deeply.
    pub(crate) apart: Vec<u32>,
    /// The same, as a set.
    apart_set: Bits,
    /// Further ways to arrays.
    also: BTreeMap<u32, Also>,
}

/// What of a file a value belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd)]
pub(crate) enum Part {
    /// The values of variables.
    Main,
    /// What stands beside them and still belongs to the result: initial states.
    Beside,
    /// What does not: gradients, the state that the last call left, generators of random numbers.
    Outside,
}

/// Further ways to an array.
#[derive(Debug, Default)]
pub(crate) struct Also {
    /// Some of them.
    pub(crate) paths: Vec<String>,
    /// How many more there are.
    pub(crate) more: u64,
}

/// The paths of all arrays, in one text.
#[derive(Debug)]
pub(crate) struct PathTexts {
    text: String,
    /// Where each array's path ends.
    ends: Vec<usize>,
}

impl PathTexts {
    pub(crate) fn new(source: Source<'_>, paths: &Paths) -> Self {
        let mut text = String::new();
        let ends = paths.tensor_nodes.iter().map(|node| {
            paths.write(source, *node, &mut text);
            text.len()
        });
        let ends = ends.collect();
        Self { text, ends }
    }

    pub(crate) fn get(&self, tensor: u32) -> &str {
        let end = get(&self.ends, tensor);
        let start = tensor.checked_sub(1).map_or(Some(0), |before| get(&self.ends, before));
        start.zip(end).and_then(|(start, end)| self.text.get(start..end)).unwrap_or_default()
    }
}

/// One step from a value to one that it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step<'a> {
    /// What was found beside the value, and how often before under the same name.
    Aside(&'a str, u32),
    /// What a closure captured, counted from 0.
    Captured(u32),
    /// A field of a struct that is known.
    Field(&'a str),
    /// A field of a struct that is not, counted from 0.
    Fields(u32),
    /// An element, counted from 0.
    Index(u32),
    /// The value of a name.
    Name(&'a str),
}

impl<'a> Step<'a> {
    /// The step from the node of this id to its child at `edge`.
    fn new(source: Source<'a>, id: u32, node: &Node<'a>, edge: u32) -> Self {
        let place = usize::try_from(edge).unwrap_or(usize::MAX);
        match *node {
            Node::Struct { kind, .. } => Self::Field(kind.fields().get(place).copied().unwrap_or_default()),
            Node::NamedTuple { names, .. } | Node::Record { names, .. } => {
                Self::Name(names.get(place).map_or("", |text| source.name(text)))
            }
            Node::Opaque { why: Why::Closure, .. } => Self::Captured(edge),
            Node::Opaque { .. } => match source.field_names(id).and_then(|names| names.get(place)) {
                Some(name) => Self::Field(name),
                None => Self::Fields(edge),
            },
            _ => Self::Index(edge),
        }
    }

    fn len(self) -> u64 {
        match self {
            Self::Aside(name, 0) | Self::Field(name) => long(name.len()).saturating_add(1),
            Self::Aside(name, ordinal) => long(name.len()).saturating_add(5).saturating_add(digits(ordinal)),
            Self::Captured(edge) => digits(edge).saturating_add(11),
            Self::Fields(edge) => digits(edge).saturating_add(9),
            Self::Index(edge) => digits(edge).saturating_add(2),
            Self::Name(name) if is_identifier(name) => long(name.len()).saturating_add(1),
            Self::Name(name) => Quoted(name).len().saturating_add(4),
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Aside(name, 0) | Self::Field(name) => write!(f, ".{name}"),
            Self::Aside(name, ordinal) => write!(f, "[\"{name} {}\"]", one_based(ordinal)),
            Self::Captured(edge) => write!(f, ".captured[{}]", one_based(edge)),
            Self::Fields(edge) => write!(f, ".fields[{}]", one_based(edge)),
            Self::Index(edge) => write!(f, "[{}]", one_based(edge)),
            Self::Name(name) if is_identifier(name) => write!(f, ".{name}"),
            Self::Name(name) => write!(f, "[\"{}\"]", Quoted(name)),
        }
    }
}

/// Where a path begins: a variable's name, or `root` in a file that is one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Root<'a>(pub(crate) Option<&'a str>);

impl Root<'_> {
    fn len(self) -> u64 {
        match self.0 {
            None => 4,
            Some(name) if is_identifier(name) => long(name.len()),
            Some(name) => Quoted(name).len().saturating_add(5),
        }
    }
}

impl fmt::Display for Root<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("root"),
            Some(name) if is_identifier(name) => f.write_str(name),
            Some(name) => write!(f, "var\"{}\"", Quoted(name)),
        }
    }
}

/// The inside of a quoted name. Greek letters that look like others are escaped too.
#[derive(Clone, Copy)]
struct Quoted<'a>(&'a str);

impl<'a> Quoted<'a> {
    /// The name in pieces, each with a letter to escape behind it.
    fn pieces(self) -> impl Iterator<Item = (&'a [u8], Option<char>)> {
        self.0.split_inclusive(looks_latin).map(|piece| {
            let last = piece.chars().next_back().filter(|c| looks_latin(*c));
            let before = last.map_or(piece, |last| piece.strip_suffix(last).unwrap_or(piece));
            (before.as_bytes(), last)
        })
    }

    fn len(self) -> u64 {
        let len =
            |(before, last): (&[u8], Option<char>)| long(escaped_len(before)).saturating_add(last.map_or(0, |_| 6));
        self.pieces().map(len).fold(0, u64::saturating_add)
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|(before, last)| {
            write!(f, "{}", Escaped(before))?;
            last.map_or(Ok(()), |last| write!(f, "\\u{:04x}", u32::from(last)))
        })
    }
}

/// The path of a type: its parts joined by dots, quoted where they are no identifiers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypePath<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) parts: Ids<'a>,
}

impl fmt::Display for TypePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_char('.')?;
            }
            Root(Some(self.source.name(part))).fmt(f)?;
        }
        Ok(())
    }
}

/// Is this the path of a type, as [`TypePath`] writes one?
pub(crate) fn is_type_path(path: &str) -> bool {
    let mut rest = path;
    loop {
        let end = match rest.strip_prefix("var\"") {
            Some(quoted) => closing_quote(quoted).and_then(|end| end.checked_add(5)),
            None => Some(rest.find('.').unwrap_or(rest.len())),
        };
        let Some((part, after)) = end.and_then(|end| rest.split_at_checked(end)) else { return false };
        if !part.starts_with("var\"") && !is_identifier(part) {
            return false;
        }
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return after.is_empty(),
        }
    }
}

/// Can a path spell this name as it is? Letters are those that Julia users write code with; all others are quoted.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let begins = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '_' | '∂' | '∇' => true,
        '\u{c0}'..='\u{24f}' => c.is_alphabetic() && is_harmless(c),
        // Of Greek what formulas use. Accents look like those of Latin letters, and Coptic letters like Greek ones.
        'α'..='ω' | 'Α'..='Ω' | 'ϑ' | 'ϕ' | 'ϖ' | 'ϱ' | 'ϵ' => is_harmless(c) && !looks_latin(c),
        _ => false,
    };
    let continues = |c: char| match c {
        '0'..='9' | '!' | '¹' | '²' | '³' | '′' | '″' | '‴' => true,
        '\u{2070}'..='\u{209c}' => is_harmless(c),
        _ => begins(c),
    };
    chars.next().is_some_and(begins) && chars.all(continues) && !RESERVED.contains(&name)
}

/// Does this Greek letter look like one that is not Greek? `m.Α` would be taken for `m.A`.
const fn looks_latin(c: char) -> bool {
    matches!(
        c,
        'Α' | 'Β'
            | 'Ε'
            | 'Ζ'
            | 'Η'
            | 'Ι'
            | 'Κ'
            | 'Μ'
            | 'Ν'
            | 'Ο'
            | 'Ρ'
            | 'Τ'
            | 'Υ'
            | 'Χ'
            | 'ν'
            | 'ο'
            | 'ϲ'
            | 'ϳ'
            | 'Ϲ'
            | 'Ϳ'
            | 'Ϻ'
            | 'Ϝ'
    )
}

impl Paths {
    /// Walks all values, and says where they are.
    ///
    /// # Errors
    ///
    /// [`Flaw::PathBytes`] if the text of it all is longer than was granted, and [`Flaw::Fault`] if two variables or two
    /// values of one record would have the same path.
    pub(crate) fn find(source: Source<'_>, notes: &[Note], names: &Bits, grant: &Grant) -> Result<Self, Flaw> {
        let mut walk = Walk::new(source, names, grant);
        walk.variables()?;
        walk.beside()?;
        walk.outside()?;
        for note in notes {
            walk.note(note.node, 0)?;
        }
        for node in source.named.notes() {
            let (_, message) = source.named.note(node).unwrap_or_default();
            walk.note(node, long(message.len()))?;
        }
        let Walk { mut paths, mut budget, repeats, more_nodes, .. } = walk;
        paths.named.sort_unstable();
        if !paths.apart.is_empty() {
            paths.apart_set = Bits::new(source.entry_count());
            for node in &paths.apart {
                paths.apart_set.insert(*node);
            }
        }
        if repeats {
            paths.also = Ways::new(source, &paths, more_nodes).find(&mut budget)?;
        }
        Ok(paths)
    }

    /// The node that this array was first reached as.
    pub(crate) fn tensor_node(&self, tensor: u32) -> u32 {
        get(&self.tensor_nodes, tensor).unwrap_or(UNREACHED)
    }

    /// The first array that nothing reaches.
    pub(crate) fn unreached(&self) -> Option<u32> {
        (0..).zip(&self.tensor_nodes).find_map(|(tensor, node)| (*node == UNREACHED).then_some(tensor))
    }

    /// Is this node reached?
    pub(crate) fn is_reached(&self, node: u32) -> bool {
        self.origin(node).is_some_and(|(parent, _)| parent != UNREACHED)
    }

    /// What a node was first reached from, and which child, variable or aside it was there.
    fn origin(&self, node: u32) -> Option<(u32, u32)> {
        if let Some(origin) = get(&self.parents, node).zip(get(&self.edges, node)) {
            return Some(origin);
        }
        let (list, edge) = self.place_in_list(node)?;
        Some((if get(&self.parents, list)? == UNREACHED { UNREACHED } else { list }, edge))
    }

    /// The list of a node that is no entry, and its place there.
    fn place_in_list(&self, node: u32) -> Option<(u32, u32)> {
        usize::try_from(node).ok().filter(|node| *node < self.nodes)?;
        let place = node.checked_sub(u32::try_from(self.parents.len()).ok()?)?;
        let after = self.lists.partition_point(|(first, _)| *first <= place);
        let (first, list) = self.lists.get(after.checked_sub(1)?)?;
        Some((*list, place.checked_sub(*first)?))
    }

    /// All entries that are reached.
    fn reached(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        let count = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
        (0..count).filter(|node| self.is_reached(*node))
    }

    fn part(&self, node: u32) -> Part {
        get(&self.parts, node).unwrap_or(Part::Outside)
    }

    /// Does a way to `child` count that leads through `node`? Not from outside of the result into it.
    fn is_way(&self, source: Source<'_>, node: u32, child: u32) -> bool {
        let part = if is_random(&source.node(node)) { Part::Outside } else { self.part(node) };
        part == self.part(child)
    }

    /// Does a way to the value of this aside count that begins there?
    fn is_aside_way(&self, aside: Aside) -> bool {
        self.part(aside.value) == part_of_aside(aside, self.part(aside.owner))
    }

    /// Is this array part of the result?
    pub(crate) fn is_result(&self, tensor: u32) -> bool {
        get(&self.tensor_nodes, tensor).is_some_and(|node| self.part(node) < Part::Outside)
    }

    /// Why this array is no part of the result, if it is none.
    pub(crate) fn why_outside(&self, source: Source<'_>, tensor: u32) -> Option<&'static str> {
        if self.is_result(tensor) {
            return None;
        }
        let mut at = get(&self.tensor_nodes, tensor)?;
        while let Some((parent, edge)) = self.origin(at) {
            match parent {
                VARIABLE | UNREACHED => break,
                ASIDE => {
                    let aside = get(source.asides, edge)?;
                    if let Some(why) = aside.name.why() {
                        return Some(why);
                    }
                    at = aside.owner;
                }
                parent if is_random(&source.node(parent)) => return Some("rng-state"),
                parent => at = parent,
            }
        }
        None
    }

    /// Is this node given apart from the place it belongs to?
    pub(crate) fn is_apart(&self, node: u32) -> bool {
        self.apart_set.contains(node)
    }

    /// Is the way to `node` from its `parent`'s child at `edge` the first one?
    pub(crate) fn is_first(&self, node: u32, parent: u32, edge: u32) -> bool {
        self.origin(node) == Some((parent, edge))
    }

    /// The number by which this node is referred to, if it is.
    pub(crate) fn name(&self, node: u32) -> Option<usize> {
        self.named.binary_search(&node).ok().map(|at| at.saturating_add(1))
    }

    /// Further ways to this array.
    pub(crate) fn also(&self, tensor: u32) -> Option<&Also> {
        self.also.get(&tensor)
    }

    /// Writes the path of this node.
    pub(crate) fn write(&self, source: Source<'_>, node: u32, out: &mut String) {
        let mut way = Vec::new();
        let mut at = node;
        // Ends: a node's parent was visited before it.
        while let Some((parent, edge)) = self.origin(at) {
            way.push((parent, edge));
            match parent {
                VARIABLE | UNREACHED => break,
                ASIDE => match get(source.asides, edge) {
                    Some(aside) => at = aside.owner,
                    None => break,
                },
                _ => at = parent,
            }
        }
        self.write_way(source, &way, out);
    }

    /// Writes a way that is given from its end to its beginning.
    fn write_way(&self, source: Source<'_>, way: &[(u32, u32)], out: &mut String) {
        for (parent, edge) in way.iter().rev() {
            // Writing into a `String` cannot fail.
            let _ = match *parent {
                UNREACHED => Ok(()),
                VARIABLE => write!(out, "{}", variable_root(source, *edge)),
                ASIDE => write!(out, "{}", self.aside_step(source, *edge)),
                parent => write!(out, "{}", Step::new(source, parent, &source.node(parent), *edge)),
            };
        }
    }

    fn aside_step<'a>(&self, source: Source<'a>, aside: u32) -> Step<'a> {
        let name = get(source.asides, aside).map_or("", |aside| aside.name.code());
        Step::Aside(name, get(&self.ordinals, aside).unwrap_or(0))
    }

    fn step_len(&self, source: Source<'_>, parent: u32, edge: u32) -> u64 {
        match parent {
            UNREACHED => 0,
            VARIABLE => variable_root(source, edge).len(),
            ASIDE => self.aside_step(source, edge).len(),
            parent => Step::new(source, parent, &source.node(parent), edge).len(),
        }
    }

    /// The path of this array.
    #[cfg(test)]
    pub(crate) fn tensor_text(&self, source: Source<'_>, tensor: u32) -> String {
        self.text(source, get(&self.tensor_nodes, tensor).unwrap_or(UNREACHED))
    }

    /// The path of this node.
    pub(crate) fn text(&self, source: Source<'_>, node: u32) -> String {
        let mut text = String::new();
        self.write(source, node, &mut text);
        text
    }

    /// The length of the path of this node, or anything above `most` if it is longer than that.
    fn len(&self, source: Source<'_>, node: u32, most: u64) -> u64 {
        let mut len = 0_u64;
        let mut at = node;
        while let Some((parent, edge)) = self.origin(at) {
            len = len.saturating_add(self.step_len(source, parent, edge));
            match parent {
                VARIABLE | UNREACHED => break,
                ASIDE => match get(source.asides, edge) {
                    Some(aside) => at = aside.owner,
                    None => break,
                },
                _ => at = parent,
            }
            if len > most {
                break;
            }
        }
        len
    }
}

/// The way to a flawed element, from the keys and places that a refusal names. The file is not known to be anything but
/// bytes; what is long is cut in the middle.
pub(crate) fn refusal_path(file: &[u8], segments: &[Segment]) -> Option<String> {
    let mut path = String::new();
    for (at, segment) in segments.iter().enumerate() {
        // Writing into a `String` cannot fail.
        let _ = match *segment {
            Segment::Index(place) if at == 0 => write!(path, "root{}", Step::Index(place)),
            Segment::Index(place) => write!(path, "{}", Step::Index(place)),
            Segment::Key(span) => {
                let key = slice(file, span).unwrap_or_default();
                match str::from_utf8(key) {
                    Ok(name) if is_identifier(name) && at == 0 => write!(path, "{}", shorten(key, MOST_KEY)),
                    Ok(name) if is_identifier(name) => write!(path, ".{}", shorten(key, MOST_KEY)),
                    _ if at == 0 => write!(path, "var\"{}\"", shorten(key, MOST_KEY)),
                    _ => write!(path, "[\"{}\"]", shorten(key, MOST_KEY)),
                }
            }
        };
    }
    (!path.is_empty()).then(|| cut_middle(&path, MOST_REFUSAL_PATH).into_owned())
}

/// The node that this path leads to, by whichever way.
pub(crate) fn resolve(source: Source<'_>, paths: &Paths, path: &str) -> Option<u32> {
    let (root, mut rest) = split_root(path)?;
    let mut variables = source.variables.iter();
    let named = |name: Option<u32>| Root(name.map(|text| source.name(text))).to_string() == root;
    let mut at = variables.find(|variable| named(variable.name))?.node;
    while !rest.is_empty() {
        let node = source.node(at);
        let given = source.field_names(at);
        let (step, after) = split_step(&node, given.is_some(), rest)?;
        let child = edge(source, &node, given, step).and_then(|edge| node.children().get(edge));
        // A field that was not set gives its place to what was found beside.
        let aside = || {
            let asides = (0..).zip(source.asides).filter(|(_, aside)| aside.owner == at);
            let mut named = asides.filter(|(id, _)| paths.aside_step(source, *id).to_string() == step);
            named.next().map(|(_, aside)| aside.value)
        };
        at = child.filter(|child| !is_blank(source, *child)).or_else(aside).or(child)?;
        rest = after;
    }
    Some(at)
}

/// Which child of a node, whose fields may have been given names, this step leads to.
fn edge(source: Source<'_>, node: &Node<'_>, names: Option<&[String]>, step: &str) -> Option<usize> {
    match *node {
        Node::Opaque { .. } if let Some(names) = names => {
            let field = step.strip_prefix('.')?;
            names.iter().position(|name| name == field)
        }
        Node::Struct { kind, .. } => {
            let field = step.strip_prefix('.')?;
            kind.fields().iter().position(|name| *name == field)
        }
        Node::NamedTuple { names, .. } | Node::Record { names, .. } => {
            names.iter().position(|text| Step::Name(source.name(text)).to_string() == step)
        }
        Node::Opaque { why, .. } => index(step.strip_prefix(prefix(why))?),
        _ => index(step),
    }
}

/// How the parts of an opaque value are called.
const fn prefix(why: Why) -> &'static str {
    if matches!(why, Why::Closure) { ".captured" } else { ".fields" }
}

/// The name at the beginning of a path, and the steps after it.
fn split_root(path: &str) -> Option<(&str, &str)> {
    let end = match path.strip_prefix("var\"") {
        Some(quoted) => closing_quote(quoted)?.checked_add(5)?,
        None => path.find(['.', '[']).unwrap_or(path.len()),
    };
    path.split_at_checked(end)
}

/// The first step of `rest`, seen from this node, and the steps after it.
fn split_step<'a>(node: &Node<'_>, is_named: bool, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let is_counted = |node: &Node<'_>| matches!(node, Node::Opaque { why, .. } if rest.starts_with(prefix(*why)));
    let end = if let Some(quoted) = rest.strip_prefix("[\"") {
        closing_quote(quoted)?.checked_add(4)?
    } else if rest.starts_with('[') || !is_named && is_counted(node) {
        rest.find(']')?.checked_add(1)?
    } else {
        let name = rest.strip_prefix('.')?;
        name.find(['.', '[']).unwrap_or(name.len()).checked_add(1)?
    };
    rest.split_at_checked(end)
}

/// Where the quotation mark is that no backslash escapes.
fn closing_quote(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    quoted.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// The number between brackets, counted from 0.
fn index(step: &str) -> Option<usize> {
    let number = step.strip_prefix('[')?.strip_suffix(']')?;
    // As it is written and in no other way: neither `[01]` nor `[+1]`.
    let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    number.parse::<usize>().ok().filter(|_| plain)?.checked_sub(1)
}

/// The step from this node to its child at `edge`, for tests that go every way.
#[cfg(test)]
pub(crate) fn step_of(source: Source<'_>, parent: u32, edge: u32) -> String {
    Step::new(source, parent, &source.node(parent), edge).to_string()
}

fn variable_root(source: Source<'_>, variable: u32) -> Root<'_> {
    let name = get(source.variables, variable).and_then(|variable| variable.name);
    Root(name.map(|text| source.name(text)))
}

/// Is this a generator of random numbers, whose arrays are its state?
fn is_random(node: &Node<'_>) -> bool {
    matches!(node, Node::Struct { kind, .. } if kind.group() == Group::Random)
}

/// The places of asides, a name and how many of it are before, that values of this owner have already.
///
/// Only a named value can have one: the steps to all others are numbers.
fn taken_places(source: Source<'_>, owner: u32) -> BTreeSet<(&str, u32)> {
    let node = source.node(owner);
    let children = node.children();
    let shown = children.iter().map(|child| !is_blank(source, child));
    match node {
        Node::Struct { kind, .. } => {
            let fields = kind.fields().iter().zip(shown).filter(|(_, shown)| *shown);
            fields.filter_map(|(field, _)| aside_place(field.as_bytes())).collect()
        }
        Node::NamedTuple { names, .. } | Node::Record { names, .. } => {
            let names = names.iter().zip(shown).filter(|(_, shown)| *shown);
            names.filter_map(|(name, _)| aside_place(source.text(name))).collect()
        }
        Node::Opaque { .. } => {
            let names = source.field_names(owner).unwrap_or_default();
            let names = names.iter().zip(shown).filter(|(_, shown)| *shown);
            names.filter_map(|(name, _)| aside_place(name.as_bytes())).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The place of an aside whose step looks like that of this name.
fn aside_place(name: &[u8]) -> Option<(&str, u32)> {
    if name.len() > MOST_ASIDE_PLACE {
        return None;
    }
    let name = str::from_utf8(name).ok()?;
    let Some((code, number)) = name.split_once(' ') else { return Some((name, 0)) };
    let ordinal = number.parse::<u32>().ok()?.checked_sub(1)?;
    // Written as a step is, and in no other way.
    (ordinal > 0 && one_based(ordinal).to_string() == number).then_some((code, ordinal))
}

/// Has a report nothing to say of this value but what stands at its owner's?
fn is_blank(source: Source<'_>, node: u32) -> bool {
    match source.node(node) {
        Node::Null | Node::Function(_) => true,
        Node::Struct { fields, .. } => fields.is_empty(),
        _ => false,
    }
}

fn same_place(a: Aside, b: Aside) -> bool {
    (a.owner, a.name) == (b.owner, b.name)
}

fn part_of_aside(aside: Aside, owner: Part) -> Part {
    if owner == Part::Outside || aside.name.why().is_some() { Part::Outside } else { Part::Beside }
}

/// What is left of the grants for text.
struct Budget {
    granted: u64,
    /// For paths.
    paths: u64,
    /// For what names and strings say the first time: the file has it once, a report in its list and in its tree.
    first: u64,
}

impl Budget {
    fn path(&mut self, len: u64) -> Result<(), Flaw> {
        self.paths = self.paths.checked_sub(len).ok_or(Flaw::PathBytes { granted: self.granted })?;
        Ok(())
    }

    /// A text that is said for the first time costs nothing but its own bytes of the file, as long as there are any: spans
    /// can overlap. All others cost what they are long in a report.
    fn text(&mut self, first: bool, bytes: u64, shown: u64) -> Result<(), Flaw> {
        match self.first.checked_sub(bytes).filter(|_| first) {
            Some(left) => {
                self.first = left;
                Ok(())
            }
            None => self.path(shown),
        }
    }
}

/// Where a report says a text.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// In the tree of the layers, or beside it.
    InTree,
    /// In the list of numbers and strings.
    Listed,
}

/// A node whose children are being visited.
struct Frame<'a> {
    id: u32,
    node: Node<'a>,
    /// The length of its path.
    len: u64,
    /// The next child.
    next: u32,
    /// How many brackets of a report are open around its children.
    nesting: u32,
}

struct Walk<'a> {
    source: Source<'a>,
    names: &'a Bits,
    budget: Budget,
    paths: Paths,
    stack: Vec<Frame<'a>>,
    /// What is visited now.
    part: Part,
    /// Does what is visited now stand in the tree of the layers?
    in_tree: bool,
    /// The nodes in `paths.named`.
    named: Bits,
    /// Was any value met a second time?
    repeats: bool,
    /// For each array the length of its path.
    tensor_lens: Vec<u64>,
    /// Further nodes that are the same array.
    more_nodes: Vec<(u32, u32)>,
    /// For each text the length of a step of that name, and 1; 0 where it is not known yet.
    name_lens: Vec<u32>,
    /// For each text its length in a report, and 1; 0 where it is not known yet.
    shown_lens: Vec<u32>,
    /// The texts that were said in the tree, and those that were said in the list of numbers and strings.
    said: [Bits; 2],
    /// For each text the same number as for all texts of the same bytes. Made when it is needed.
    ranks: Vec<u32>,
    /// For each rank the last node that has a name of it.
    stamps: Vec<u32>,
    /// The asides by their owners and names.
    by_owner: Vec<(u32, u32)>,
    /// Asides whose owners were reached.
    due: Vec<u32>,
    /// Asides that were visited, or are as good as visited.
    aside_done: Bits,
    /// The generators of random numbers that were reached, to be visited when all else was.
    generators: Vec<Frame<'a>>,
    /// Whether each of them stands in the tree.
    generators_in_tree: Vec<bool>,
}

impl<'a> Walk<'a> {
    fn new(source: Source<'a>, names: &'a Bits, grant: &Grant) -> Self {
        let budget = Budget {
            granted: grant.path_bytes,
            paths: grant.path_bytes,
            first: long(source.file_len()).saturating_mul(2),
        };
        let mut by_owner: Vec<(u32, u32)> = source.asides.iter().map(|aside| aside.owner).zip(0..).collect();
        let name = |aside| get(source.asides, aside).map(|aside| aside.name.code());
        let value = |aside| get(source.asides, aside).map(|aside| aside.value);
        by_owner.sort_unstable_by_key(|(owner, aside)| (*owner, name(*aside), value(*aside), *aside));
        let nodes = source.entry_count();
        let paths = Paths {
            parents: vec![UNREACHED; nodes],
            edges: vec![0; nodes],
            lists: source.number_lists().to_vec(),
            nodes: source.node_count(),
            parts: vec![Part::Outside; nodes],
            ordinals: Vec::new(),
            tensor_nodes: vec![UNREACHED; source.tensor_count()],
            tensors: Vec::with_capacity(source.tensor_count()),
            scalars: Vec::new(),
            more_scalars: 0,
            opaque: Vec::new(),
            named: Vec::new(),
            apart: Vec::new(),
            apart_set: Bits::default(),
            also: BTreeMap::new(),
        };
        Self {
            source,
            names,
            budget,
            paths,
            stack: Vec::new(),
            part: Part::Main,
            in_tree: true,
            named: Bits::new(nodes),
            repeats: false,
            tensor_lens: vec![0; source.tensor_count()],
            more_nodes: Vec::new(),
            name_lens: vec![0; source.text_count()],
            shown_lens: vec![0; source.text_count()],
            said: [Bits::new(source.text_count()), Bits::new(source.text_count())],
            ranks: Vec::new(),
            stamps: Vec::new(),
            by_owner,
            due: Vec::new(),
            aside_done: Bits::new(source.asides.len()),
            generators: Vec::new(),
            generators_in_tree: Vec::new(),
        }
    }

    fn variables(&mut self) -> Result<(), Flaw> {
        let source = self.source;
        for (variable, entry) in (0..).zip(source.variables) {
            if entry.name.is_some_and(|name| !self.is_new_name(name, VARIABLE)) {
                return Err(Fault::Variable { variable }.into());
            }
        }
        for (variable, entry) in (0..).zip(source.variables) {
            self.visit(entry.node, VARIABLE, variable, variable_root(source, variable).len())?;
        }
        Ok(())
    }

    /// Visits what stands beside the result and belongs to it.
    fn beside(&mut self) -> Result<(), Flaw> {
        (self.part, self.in_tree) = (Part::Beside, false);
        self.number_asides();
        self.find_due();
        self.visit_due()
    }

    /// Visits what does not belong to the result.
    fn outside(&mut self) -> Result<(), Flaw> {
        self.part = Part::Outside;
        self.find_due();
        self.visit_due()?;
        while let Some(frame) = self.generators.pop() {
            self.in_tree = self.generators_in_tree.pop().unwrap_or(false);
            self.stack.push(frame);
            self.visit_rest()?;
            self.in_tree = false;
            self.visit_due()?;
        }
        Ok(())
    }

    /// Finds the asides of all that was reached.
    fn find_due(&mut self) {
        let reached = |(owner, _): &&(u32, u32)| self.paths.is_reached(*owner);
        self.due = self.by_owner.iter().filter(reached).map(|(_, aside)| *aside).collect();
        // In the order of the file, as long as owners are not themselves beside the result.
        self.due.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Visits the asides that belong to this part or an earlier one, and those of what they reach.
    fn visit_due(&mut self) -> Result<(), Flaw> {
        while let Some(id) = self.due.pop() {
            let Some(aside) = get(self.source.asides, id) else { continue };
            if part_of_aside(aside, self.paths.part(aside.owner)) > self.part || !self.aside_done.insert(id) {
                continue;
            }
            let len = self.paths.len(self.source, aside.owner, self.budget.paths);
            let len = len.saturating_add(self.paths.aside_step(self.source, id).len());
            self.budget.path(len)?;
            self.visit(aside.value, ASIDE, id, len)?;
        }
        Ok(())
    }

    /// Gives asides that have the same owner and name different places. What is said twice is done only once.
    ///
    /// Each owner's names are looked at once, however many asides it has, and a place that one of its values has already
    /// is left out.
    fn number_asides(&mut self) {
        self.paths.ordinals = vec![0; self.source.asides.len()];
        let mut before: Option<(Aside, u32)> = None;
        let mut taken = BTreeSet::new();
        for (_, id) in &self.by_owner {
            let Some(aside) = get(self.source.asides, *id) else { continue };
            if before.is_none_or(|(other, _)| other.owner != aside.owner) {
                taken = taken_places(self.source, aside.owner);
            }
            let mut ordinal = 0_u32;
            if let Some((other, number)) = before.filter(|(other, _)| same_place(*other, aside)) {
                if other.value == aside.value {
                    self.aside_done.insert(*id);
                    continue;
                }
                ordinal = number.saturating_add(1);
            }
            // Ends: each place is taken by one value.
            while taken.contains(&(aside.name.code(), ordinal)) {
                ordinal = ordinal.saturating_add(1);
            }
            before = Some((aside, ordinal));
            if let Some(place) = usize::try_from(*id).ok().and_then(|id| self.paths.ordinals.get_mut(id)) {
                *place = ordinal;
            }
        }
    }

    /// A remark on this node, with so many bytes in it that are not ours.
    fn note(&mut self, node: u32, bytes: u64) -> Result<(), Flaw> {
        // What is said of a value that nothing reaches is not reported.
        if self.paths.is_reached(node) {
            self.budget.path(self.paths.len(self.source, node, self.budget.paths).saturating_add(bytes))?;
        }
        Ok(())
    }

    /// Visits a value and all that it holds.
    fn visit(&mut self, node: u32, parent: u32, edge: u32, len: u64) -> Result<(), Flaw> {
        let frame = self.enter(node, parent, edge, OUTER_NESTING, |_| len)?;
        self.stack.extend(frame);
        self.visit_rest()
    }

    /// Visits what the nodes on the stack hold.
    fn visit_rest(&mut self) -> Result<(), Flaw> {
        while let Some(mut frame) = self.stack.pop() {
            let children = frame.node.children();
            while let Some(child) = usize::try_from(frame.next).ok().and_then(|edge| children.get(edge)) {
                let edge = frame.next;
                // Cannot saturate: there are fewer children than bytes in the answer.
                frame.next = edge.saturating_add(1);
                let len = |walk: &mut Self| frame.len.saturating_add(walk.step_len(frame.id, &frame.node, edge));
                if let Some(below) = self.enter(child, frame.id, edge, frame.nesting, len)? {
                    self.stack.extend([frame, below]);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Notes that a value is reached, by a path of this length, and gives it again if what it holds is to be visited now.
    ///
    /// A list can have millions of numbers: nothing is done for one that it does not need.
    #[inline]
    fn enter(
        &mut self,
        id: u32,
        parent: u32,
        edge: u32,
        nesting: u32,
        len: impl FnOnce(&mut Self) -> u64,
    ) -> Result<Option<Frame<'a>>, Flaw> {
        let place = usize::try_from(id).unwrap_or(usize::MAX);
        let (Some(seen), Some(seen_edge)) = (self.paths.parents.get_mut(place), self.paths.edges.get_mut(place)) else {
            return Ok(None);
        };
        let first = *seen == UNREACHED;
        if first {
            (*seen, *seen_edge) = (parent, edge);
            self.first_time(id);
        } else {
            self.repeats = true;
        }
        if !self.source.is_number(id) {
            let len = len(self);
            return self.enter_node(id, first, nesting, len);
        }
        if first {
            self.first_scalar(id, len)?;
        }
        Ok(None)
    }

    /// What is to be done for a node that is not known to be a number.
    fn enter_node(&mut self, id: u32, first: bool, nesting: u32, len: u64) -> Result<Option<Frame<'a>>, Flaw> {
        let node = self.source.entry(id).unwrap_or(Node::Null);
        if first {
            self.first_mention(id, &node, len)?;
        }
        if self.in_tree {
            self.charge_mention(&node)?;
        }
        if node.children().is_empty() && !matches!(node, Node::Numbers { .. }) {
            return Ok(None);
        }
        if !first {
            if self.in_tree {
                self.give_name(id);
            }
            return Ok(None);
        }
        let brackets = if matches!(node, Node::NamedTuple { .. } | Node::Record { .. }) { 3 } else { 2 };
        let mut nesting = nesting.saturating_add(brackets);
        if nesting > MOST_NESTING && self.in_tree {
            self.give_name(id);
            self.paths.apart.push(id);
            nesting = OUTER_NESTING.saturating_add(brackets);
        }
        if let Node::Numbers { first, count } = node {
            self.numbers(first, count, len)?;
            return Ok(None);
        }
        let frame = Frame { id, node, len, next: 0, nesting };
        if is_random(&node) && self.part < Part::Outside {
            self.generators.push(frame);
            self.generators_in_tree.push(self.in_tree);
            return Ok(None);
        }
        Ok(Some(frame))
    }

    fn give_name(&mut self, id: u32) {
        if self.named.insert(id) {
            self.paths.named.push(id);
        }
    }

    /// Notes what part of the file a node belongs to, and what was found beside it.
    fn first_time(&mut self, id: u32) {
        if let Some(part) = usize::try_from(id).ok().and_then(|id| self.paths.parts.get_mut(id)) {
            *part = self.part;
        }
        if self.part > Part::Main {
            let from = self.by_owner.partition_point(|(owner, _)| *owner < id);
            let owned = self.by_owner.iter().skip(from).take_while(|(owner, _)| *owner == id);
            self.due.extend(owned.map(|(_, aside)| *aside));
        }
    }

    /// The numbers of a list that are no entries: none of them was reached before.
    fn numbers(&mut self, first: u32, count: u32, len: u64) -> Result<(), Flaw> {
        let listed =
            u32::try_from(MOST_SCALARS.saturating_sub(self.paths.scalars.len())).map_or(count, |n| n.min(count));
        let entries = u32::try_from(self.paths.parents.len()).unwrap_or(u32::MAX);
        for edge in 0..listed {
            self.budget.path(len.saturating_add(Step::Index(edge).len()))?;
            self.paths.scalars.push(entries.saturating_add(first).saturating_add(edge));
        }
        self.paths.more_scalars = self.paths.more_scalars.saturating_add(count.saturating_sub(listed).into());
        Ok(())
    }

    /// A number or a string: of these, a report lists the first.
    fn first_scalar(&mut self, id: u32, len: impl FnOnce(&mut Self) -> u64) -> Result<(), Flaw> {
        if self.paths.scalars.len() < MOST_SCALARS {
            let len = len(self);
            self.budget.path(len)?;
            self.paths.scalars.push(id);
        } else {
            self.paths.more_scalars = self.paths.more_scalars.saturating_add(1);
        }
        Ok(())
    }

    /// What a report says of a node once.
    fn first_mention(&mut self, id: u32, node: &Node<'a>, len: u64) -> Result<(), Flaw> {
        match *node {
            Node::Tensor(tensor) => self.first_tensor(id, tensor, len)?,
            Node::NamedTuple { names, .. } | Node::Record { names, .. } => {
                for name in names.iter() {
                    if !self.is_new_name(name, id) {
                        return Err(Fault::Names { node: id }.into());
                    }
                    self.charge_text(name, Said::InTree)?;
                }
            }
            Node::Opaque { ty, .. } => {
                self.budget.path(len)?;
                self.charge_type(ty)?;
                // Names that were given stand around the fields, each in quotes.
                let names = self.source.field_names(id).unwrap_or_default().iter();
                self.budget.path(names.fold(0, |sum, name| sum.saturating_add(long(name.len())).saturating_add(4)))?;
                self.paths.opaque.push(id);
            }
            // One that is not written as numbers are.
            Node::Number { .. } => self.first_scalar(id, |_| len)?,
            Node::Text(text) => {
                if self.paths.scalars.len() < MOST_SCALARS {
                    self.charge_text(text, Said::Listed)?;
                }
                self.first_scalar(id, |_| len)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn first_tensor(&mut self, id: u32, tensor: u32, len: u64) -> Result<(), Flaw> {
        let place = usize::try_from(tensor).unwrap_or(usize::MAX);
        let (Some(first), Some(first_len)) = (self.paths.tensor_nodes.get_mut(place), self.tensor_lens.get_mut(place))
        else {
            return Ok(());
        };
        if *first != UNREACHED {
            self.repeats = true;
            self.more_nodes.push((tensor, id));
            return Ok(());
        }
        (*first, *first_len) = (id, len);
        self.paths.tensors.push(tensor);
        self.budget.path(len)?;
        if let Some(Element::Packed(ty)) = self.source.tensor(tensor).map(|tensor| tensor.element) {
            self.charge_type(ty)?;
        }
        Ok(())
    }

    /// What the tree of a report says of a node each time it is mentioned.
    fn charge_mention(&mut self, node: &Node<'a>) -> Result<(), Flaw> {
        match *node {
            Node::Tensor(tensor) => self.budget.path(get(&self.tensor_lens, tensor).unwrap_or(0)),
            Node::Symbol(text) | Node::Text(text) => self.charge_text(text, Said::InTree),
            Node::Opaque { ty, .. } => self.charge_type(ty),
            _ => Ok(()),
        }
    }

    fn step_len(&mut self, id: u32, node: &Node<'a>, edge: u32) -> u64 {
        match *node {
            Node::NamedTuple { names, .. } | Node::Record { names, .. } => {
                let name = usize::try_from(edge).ok().and_then(|edge| names.get(edge));
                name.map_or(0, |name| self.name_len(name).into())
            }
            _ => Step::new(self.source, id, node, edge).len(),
        }
    }

    /// The length of a step of this name, found once.
    fn name_len(&mut self, text: u32) -> u32 {
        let source = self.source;
        let place = usize::try_from(text).ok().and_then(|text| self.name_lens.get_mut(text));
        place.map_or(0, |known| {
            if *known == 0 {
                *known = u32::try_from(Step::Name(source.name(text)).len()).unwrap_or(u32::MAX).saturating_add(1);
            }
            known.saturating_sub(1)
        })
    }

    fn charge_type(&mut self, parts: Ids<'a>) -> Result<(), Flaw> {
        parts.iter().try_for_each(|part| self.charge_text(part, Said::InTree))
    }

    /// A name, or the beginning of a string, before it is said.
    fn charge_text(&mut self, text: u32, said: Said) -> Result<(), Flaw> {
        let [in_tree, listed] = &mut self.said;
        let first = match said {
            Said::InTree => in_tree.insert(text),
            Said::Listed => listed.insert(text),
        };
        let bytes = self.source.text(text);
        let shown = usize::try_from(text).ok().and_then(|text| self.shown_lens.get_mut(text)).map_or(0, |known| {
            if *known == 0 {
                // A name is never cut, and a string is.
                let head = if self.names.contains(text) { bytes } else { bytes.get(..MOST_TEXT).unwrap_or(bytes) };
                // With a dot, or with brackets and quotation marks or `var` around it, which are escaped too.
                let len = report_len(head).saturating_add(AROUND_TEXT);
                *known = u32::try_from(len).unwrap_or(u32::MAX).saturating_add(1);
            }
            known.saturating_sub(1)
        });
        self.budget.text(first, long(bytes.len()), shown.into())
    }

    /// Is this name not yet one of `owner`?
    fn is_new_name(&mut self, name: u32, owner: u32) -> bool {
        if self.ranks.is_empty() {
            self.rank_names();
        }
        let rank = get(&self.ranks, name).and_then(|rank| usize::try_from(rank).ok());
        rank.and_then(|rank| self.stamps.get_mut(rank)).is_some_and(|stamp| {
            let new = *stamp != owner;
            *stamp = owner;
            new
        })
    }

    /// Gives equal names equal ranks. Sorting compares each name with a few others, however often it is used.
    fn rank_names(&mut self) {
        let count = u32::try_from(self.source.text_count()).unwrap_or(u32::MAX);
        let mut names: Vec<u32> = (0..count).filter(|text| self.names.contains(*text)).collect();
        names.sort_unstable_by(|a, b| self.source.text(*a).cmp(self.source.text(*b)));
        self.ranks = vec![0; self.source.text_count()];
        self.stamps = vec![UNREACHED; names.len()];
        let (mut rank, mut before) = (0_u32, None);
        for name in names {
            let text = self.source.text(name);
            if before.is_some_and(|before| before != text) {
                rank = rank.saturating_add(1);
            }
            before = Some(text);
            if let Some(place) = usize::try_from(name).ok().and_then(|name| self.ranks.get_mut(name)) {
                *place = rank;
            }
        }
    }
}

/// All ways to the arrays that have several.
struct Ways<'a> {
    source: Source<'a>,
    paths: &'a Paths,
    /// The arrays with several ways, how many those are, and the nodes that are the array.
    tensors: Vec<(u32, u64, Vec<u32>)>,
    /// For each node where its uses begin in `uses`; empty where no array has several ways.
    starts: Vec<u32>,
    /// What refers to nodes: the parent and which child, or a variable, or an aside.
    uses: Vec<(u32, u32)>,
}

impl<'a> Ways<'a> {
    fn new(source: Source<'a>, paths: &'a Paths, more_nodes: Vec<(u32, u32)>) -> Self {
        let mut nodes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (tensor, node) in more_nodes {
            // What lies outside of the result does not count for an array that is part of it.
            if get(&paths.tensor_nodes, tensor).is_some_and(|first| paths.part(first) == paths.part(node)) {
                nodes.entry(tensor).or_default().push(node);
            }
        }
        let counts = Self::counts(source, paths);
        let tensors = (0..).zip(&paths.tensor_nodes).filter_map(|(tensor, first)| {
            let mut all = vec![*first];
            all.extend(nodes.remove(&tensor).unwrap_or_default());
            let ways = all.iter().fold(0, |sum: u64, node| sum.saturating_add(get(&counts, *node).unwrap_or(0)));
            (ways > 1).then_some((tensor, ways, all))
        });
        let tensors: Vec<_> = tensors.collect();
        let mut this = Self { source, paths, tensors, starts: Vec::new(), uses: Vec::new() };
        if !this.tensors.is_empty() {
            this.list_uses();
        }
        this
    }

    /// For each node how many ways lead to it: from variables alone, where one reaches it.
    fn counts(source: Source<'_>, paths: &Paths) -> Vec<u64> {
        let mut counts = vec![0_u64; source.entry_count()];
        let add = |counts: &mut Vec<u64>, node: u32, ways: u64| {
            if let Some(count) = usize::try_from(node).ok().and_then(|node| counts.get_mut(node)) {
                *count = count.saturating_add(ways);
            }
        };
        for variable in source.variables {
            add(&mut counts, variable.node, 1);
        }
        for aside in source.asides.iter().filter(|aside| paths.is_aside_way(**aside)) {
            add(&mut counts, aside.value, 1);
        }
        // Nodes come after those that they refer to: backwards, all ways to a node are known before its children's.
        for node in paths.reached().rev() {
            let ways = get(&counts, node).unwrap_or(0);
            for child in children_of(source, node).iter().filter(|child| paths.is_way(source, node, *child)) {
                add(&mut counts, child, ways);
            }
        }
        counts
    }

    /// Lists what refers to the arrays with several ways and to all that hold them.
    fn list_uses(&mut self) {
        let (source, paths) = (self.source, self.paths);
        let mut wanted = Bits::new(source.entry_count());
        for node in self.tensors.iter().flat_map(|(_, _, nodes)| nodes) {
            wanted.insert(*node);
        }
        // Forwards, for the same reason.
        for node in paths.reached() {
            let mut children = children_of(source, node).iter();
            if children.any(|child| wanted.contains(child) && paths.is_way(source, node, child)) {
                wanted.insert(node);
            }
        }
        let each_use = |act: &mut dyn FnMut(u32, (u32, u32))| {
            for (at, variable) in (0..).zip(source.variables) {
                act(variable.node, (VARIABLE, at));
            }
            for (at, aside) in (0..).zip(source.asides) {
                if paths.is_aside_way(*aside) {
                    act(aside.value, (ASIDE, at));
                }
            }
            for node in paths.reached().filter(|node| wanted.contains(*node)) {
                for (edge, child) in (0..).zip(children_of(source, node).iter()) {
                    if paths.is_way(source, node, child) {
                        act(child, (node, edge));
                    }
                }
            }
        };
        // Counted first, so that all of them lie side by side: after this, `starts` of a node says where its uses end.
        let mut starts = vec![0_u32; source.entry_count().saturating_add(1)];
        let place = |node: u32| usize::try_from(node).unwrap_or(usize::MAX);
        each_use(&mut |node, _| {
            if let Some(count) = starts.get_mut(place(node)).filter(|_| wanted.contains(node)) {
                *count = count.saturating_add(1);
            }
        });
        let mut sum = 0_u32;
        for count in &mut starts {
            sum = sum.saturating_add(*count);
            *count = sum;
        }
        let mut uses = vec![(UNREACHED, 0); place(sum)];
        // And while they are put there from behind, it comes to say where they begin.
        each_use(&mut |node, way| {
            if let Some(end) = starts.get_mut(place(node)).filter(|_| wanted.contains(node)) {
                *end = end.saturating_sub(1);
                if let Some(free) = uses.get_mut(place(*end)) {
                    *free = way;
                }
            }
        });
        (self.starts, self.uses) = (starts, uses);
    }

    /// Writes out further ways, as many as are listed, and counts the others.
    fn find(&self, budget: &mut Budget) -> Result<BTreeMap<u32, Also>, Flaw> {
        let mut all = BTreeMap::new();
        for (tensor, ways, nodes) in &self.tensors {
            let mut also = Also::default();
            for node in nodes {
                self.ways_to(*node, *tensor, &mut also, budget)?;
            }
            also.more = ways.saturating_sub(1).saturating_sub(long(also.paths.len()));
            all.insert(*tensor, also);
        }
        Ok(all)
    }

    /// Goes from a node towards variables, along every use, until enough ways are found. Each way is gone to its end, and
    /// a step of it costs at least one byte of the grant.
    fn ways_to(&self, node: u32, tensor: u32, also: &mut Also, budget: &mut Budget) -> Result<(), Flaw> {
        let mut way: Vec<(u32, u32)> = Vec::new();
        let mut left = vec![self.uses_of(node)];
        while let Some(uses) = left.last_mut() {
            if also.paths.len() >= MOST_ALSO_AT {
                return Ok(());
            }
            let Some((used, others)) = uses.split_last() else {
                left.pop();
                way.pop();
                continue;
            };
            *uses = others;
            way.push(*used);
            if !matches!(used.0, VARIABLE | ASIDE) {
                left.push(self.uses_of(used.0));
                continue;
            }
            if !self.is_first(node, tensor, &way) {
                also.paths.push(self.text(&way, budget)?);
            }
            way.pop();
        }
        Ok(())
    }

    fn uses_of(&self, node: u32) -> &[(u32, u32)] {
        let start = get(&self.starts, node).and_then(|start| usize::try_from(start).ok());
        let end = get(&self.starts, node.saturating_add(1)).and_then(|end| usize::try_from(end).ok());
        start.zip(end).and_then(|(start, end)| self.uses.get(start..end)).unwrap_or_default()
    }

    /// Is this way, from its end to its beginning, the array's first?
    fn is_first(&self, node: u32, tensor: u32, way: &[(u32, u32)]) -> bool {
        let mut at = node;
        let mut same = |(parent, edge): &(u32, u32)| {
            let first = self.paths.is_first(at, *parent, *edge);
            at = *parent;
            first
        };
        get(&self.paths.tensor_nodes, tensor) == Some(node) && way.iter().all(&mut same)
    }

    fn text(&self, way: &[(u32, u32)], budget: &mut Budget) -> Result<String, Flaw> {
        let owner = way.last().filter(|(parent, _)| *parent == ASIDE);
        let owner = owner.and_then(|(_, aside)| get(self.source.asides, *aside)).map(|aside| aside.owner);
        if let Some(owner) = owner {
            budget.path(self.paths.len(self.source, owner, budget.paths))?;
        }
        for (parent, edge) in way {
            budget.path(self.paths.step_len(self.source, *parent, *edge))?;
        }
        let mut text = owner.map(|owner| self.paths.text(self.source, owner)).unwrap_or_default();
        self.paths.write_way(self.source, way, &mut text);
        Ok(text)
    }
}

/// The children of an entry, but for numbers: they have one way.
fn children_of(source: Source<'_>, entry: u32) -> Ids<'_> {
    source.entry(entry).map_or(Ids::EMPTY, |node| node.children())
}

/// A node that nothing reaches.
const UNREACHED: u32 = u32::MAX;
/// Stands for the parent of a variable's value.
pub(crate) const VARIABLE: u32 = u32::MAX - 1;
/// Stands for the parent of an aside's value.
const ASIDE: u32 = u32::MAX - 2;

/// How many characters of a key, and of a whole path, a refusal gives.
const MOST_KEY: usize = 128;
const MOST_REFUSAL_PATH: usize = 1000;

/// What stands around a text in a report at most.
const AROUND_TEXT: usize = 8;

/// The longest place of an aside: a name, a space, and ten digits.
const MOST_ASIDE_PLACE: usize = 32;

/// Brackets of a report around a node of `layers`.
const OUTER_NESTING: u32 = 3;
/// Brackets of a report around a node whose own are still well within the 127 that every reader of JSON allows.
const MOST_NESTING: u32 = 120;

/// What Julia reads as a keyword or a value.
const RESERVED: [&str; 29] = [
    "baremodule",
    "begin",
    "break",
    "catch",
    "const",
    "continue",
    "do",
    "else",
    "elseif",
    "end",
    "export",
    "false",
    "finally",
    "for",
    "function",
    "global",
    "if",
    "import",
    "let",
    "local",
    "macro",
    "module",
    "quote",
    "return",
    "struct",
    "true",
    "try",
    "using",
    "while",
];

fn one_based(edge: u32) -> u64 {
    u64::from(edge).saturating_add(1)
}

fn digits(edge: u32) -> u64 {
    one_based(edge).checked_ilog10().map_or(1, |log| u64::from(log).saturating_add(1))
}

fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Checked;
    use crate::fixture::{Fixture, GRANT};
    use flux_airlock_wire::{AsideName, Function, Kind, NoteCode, Span};

    /// The paths of all arrays, in their order, with further ones behind them.
    fn paths(fixture: Fixture) -> Vec<String> {
        let (file, checked) = fixture.check(&GRANT).unwrap();
        all(&file, &checked)
    }

    fn all(file: &[u8], checked: &Checked) -> Vec<String> {
        let (source, paths) = (checked.source(file), &checked.paths);
        let mut all = Vec::new();
        for tensor in &paths.tensors {
            let also = paths.also(*tensor);
            let mut text = paths.tensor_text(source, *tensor);
            for path in also.map(|also| also.paths.as_slice()).unwrap_or_default() {
                write!(text, " {path}").unwrap();
            }
            match also.map_or(0, |also| also.more) {
                0 => {}
                more => write!(text, " +{more}").unwrap(),
            }
            let texts = PathTexts::new(source, paths);
            assert!(text.starts_with(texts.get(*tensor)));
            all.push(text);
        }
        all
    }

    #[test]
    fn a_path_is_julias_way_to_the_value() {
        let mut f = Fixture::new();
        let dense = f.dense(1, 2, Function::Relu);
        let chain = f.chain(&[dense]);
        f.variable("model", chain);
        assert_eq!(paths(f), ["model.layers[1].weight", "model.layers[1].bias"]);
    }

    #[test]
    fn every_sort_of_node_has_its_own_step() {
        let mut f = Fixture::new();
        let mut next = || f.ones(&[1]);
        let all: Vec<u32> = (0..7).map(|_| next()).collect();
        let keys = f.list(&[all[0]]);
        let dict = f.layer(Kind::Dict, &[keys, all[1]]);
        let closure = f.opaque(Why::Closure, &["Main", "#1#2"], &[all[2]]);
        let unknown = f.opaque(Why::UnknownStruct, &["Main", "Net"], &[dict, all[3]]);
        let tuple = f.tuple(&[all[4]]);
        let named = f.named_tuple(&[("a", all[5]), ("b c", all[6])]);
        let record = f.record(&[("d", closure), ("u", unknown), ("t", tuple), ("n", named)]);
        f.variable("m", record);
        assert_eq!(
            paths(f),
            [
                "m.d.captured[1]",
                "m.u.fields[1].keys[1]",
                "m.u.fields[1].values",
                "m.u.fields[2]",
                "m.t[1]",
                "m.n.a",
                "m.n[\"b c\"]"
            ]
        );
    }

    #[test]
    fn a_file_of_one_value_has_a_root() {
        let mut f = Fixture::new();
        let one = f.ones(&[1]);
        let list = f.list(&[one]);
        f.root(list);
        assert_eq!(paths(f), ["root[1]"]);
    }

    #[test]
    fn names_that_are_no_identifiers_are_quoted() {
        for (name, at_root, below) in [
            ("m", "m", ".m"),
            ("σ²", "σ²", ".σ²"),
            ("W₁", "W₁", ".W₁"),
            ("push!", "push!", ".push!"),
            ("βγμσϵλ", "βγμσϵλ", ".βγμσϵλ"),
            ("ΔΣΩ", "ΔΣΩ", ".ΔΣΩ"),
            ("\u{391}", "var\"\\u0391\"", "[\"\\u0391\"]"),
            ("m\u{3bf}\u{3bf}del", "var\"m\\u03bf\\u03bfdel\"", "[\"m\\u03bf\\u03bfdel\"]"),
            ("\u{3cc}", "var\"\u{3cc}\"", "[\"\u{3cc}\"]"),
            ("\u{410}", "var\"\u{410}\"", "[\"\u{410}\"]"),
            ("größe", "größe", ".größe"),
            ("", "var\"\"", "[\"\"]"),
            ("1", "var\"1\"", "[\"1\"]"),
            ("a.b", "var\"a.b\"", "[\"a.b\"]"),
            ("a b", "var\"a b\"", "[\"a b\"]"),
            ("end", "var\"end\"", "[\"end\"]"),
            ("a\"b", "var\"a\\\"b\"", "[\"a\\\"b\"]"),
            ("a\\", "var\"a\\\\\"", "[\"a\\\\\"]"),
            ("e\u{301}", "var\"e\\u0301\"", "[\"e\\u0301\"]"),
            ("\u{212b}", "var\"\\u212b\"", "[\"\\u212b\"]"),
            ("a\n", "var\"a\\n\"", "[\"a\\n\"]"),
            ("\u{202e}a", "var\"\\u202ea\"", "[\"\\u202ea\"]"),
        ] {
            assert_eq!(Root(Some(name)).to_string(), at_root);
            assert_eq!(Step::Name(name).to_string(), below);
            assert_eq!(Root(Some(name)).len(), long(at_root.len()), "{name:?}");
            assert_eq!(Step::Name(name).len(), long(below.len()), "{name:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_texts() {
        for edge in [0, 8, 9, 98, 99, u32::MAX] {
            for step in [
                Step::Aside("state", 0),
                Step::Aside("state", edge),
                Step::Captured(edge),
                Step::Field("σ²"),
                Step::Fields(edge),
                Step::Index(edge),
            ] {
                assert_eq!(step.len(), long(step.to_string().len()), "{step}");
            }
        }
    }

    #[test]
    fn a_shared_array_is_one_with_several_paths() {
        let mut f = Fixture::new();
        let shared = f.ones(&[1]);
        let list = f.list(&[shared, shared]);
        let record = f.record(&[("a", list), ("b", shared)]);
        f.variable("m", record);
        f.variable("w", shared);
        assert_eq!(paths(f), ["m.a[1] w m.a[2] m.b"]);
    }

    #[test]
    fn ways_are_counted_without_being_gone() {
        let mut f = Fixture::new();
        let mut node = f.ones(&[1]);
        for _ in 0..40 {
            node = f.tuple(&[node, node]);
        }
        f.variable("m", node);
        let (file, checked) = f.check(&GRANT).unwrap();
        let also = checked.paths.also(0).unwrap();
        assert_eq!(also.paths.len(), MOST_ALSO_AT);
        assert_eq!(also.more, (1 << 40) - 1 - long(MOST_ALSO_AT));
        assert_eq!(checked.paths.tensor_text(checked.source(&file), 0), format!("m{}", "[1]".repeat(40)));
        let different: std::collections::BTreeSet<_> = also.paths.iter().collect();
        assert_eq!(different.len(), MOST_ALSO_AT);
    }

    #[test]
    fn counting_saturates() {
        let mut f = Fixture::new();
        let mut node = f.ones(&[1]);
        for _ in 0..200 {
            node = f.tuple(&[node, node]);
        }
        f.variable("m", node);
        let (_, checked) = f.check(&GRANT).unwrap();
        assert_eq!(checked.paths.also(0).unwrap().more, u64::MAX - 1 - long(MOST_ALSO_AT));
    }

    #[test]
    fn one_array_of_two_nodes_is_one_array() {
        let mut f = Fixture::new();
        let one = f.ones(&[1]);
        let again = f.node(&Node::Tensor(0));
        let list = f.list(&[one, again]);
        f.variable("m", list);
        assert_eq!(paths(f), ["m[1] m[2]"]);
    }

    #[test]
    fn initial_states_belong_to_the_result_and_last_states_do_not() {
        let mut f = Fixture::new();
        let (initial, last) = (f.ones(&[1]), f.ones(&[2]));
        let cell = f.record(&[]);
        let owner = f.list(&[cell]);
        f.variable("m", owner);
        f.aside(cell, AsideName::State0, initial);
        f.aside(owner, AsideName::State, last);
        let (file, checked) = f.check(&GRANT).unwrap();
        assert_eq!(all(&file, &checked), ["m[1].state0", "m.state"]);
        assert_eq!(checked.paths.why_outside(checked.source(&file), 0), None);
        assert_eq!(checked.paths.why_outside(checked.source(&file), 1), Some("recurrent-state"));
    }

    #[test]
    fn a_last_state_that_is_the_initial_one_belongs_to_the_result() {
        let mut f = Fixture::new();
        let state = f.ones(&[1]);
        let cell = f.record(&[]);
        let owner = f.list(&[cell]);
        f.variable("m", owner);
        // Named first, and still second.
        f.aside(owner, AsideName::State, state);
        f.aside(cell, AsideName::State0, state);
        let (file, checked) = f.check(&GRANT).unwrap();
        assert_eq!(all(&file, &checked), ["m[1].state0"]);
        assert!(checked.paths.is_result(0));
    }

    #[test]
    fn what_hangs_on_an_aside_is_where_the_aside_is() {
        let mut f = Fixture::new();
        let (gradient, state) = (f.ones(&[1]), f.ones(&[2]));
        let holder = f.list(&[gradient]);
        let model = f.list(&[]);
        f.variable("m", model);
        f.aside(holder, AsideName::State0, state);
        f.aside(model, AsideName::Grad, holder);
        let (file, checked) = f.check(&GRANT).unwrap();
        assert_eq!(all(&file, &checked), ["m.grad[1]", "m.grad.state0"]);
        let source = checked.source(&file);
        assert_eq!([0, 1].map(|tensor| checked.paths.why_outside(source, tensor)), [Some("gradient"); 2]);
    }

    #[test]
    fn two_asides_of_one_name_have_two_paths_and_one_said_twice_has_one() {
        let mut f = Fixture::new();
        let (a, b) = (f.ones(&[1]), f.ones(&[2]));
        let model = f.list(&[]);
        f.variable("m", model);
        for value in [a, b, a] {
            f.aside(model, AsideName::Grad, value);
        }
        assert_eq!(paths(f), ["m.grad", "m[\"grad 2\"]"]);
    }

    #[test]
    fn the_state_of_a_generator_is_no_weight_unless_it_is_one_elsewhere() {
        let mut f = Fixture::new();
        let (state, weight) = (f.ones(&[1]), f.ones(&[2]));
        let generator = f.layer(Kind::DsfmtState, &[state]);
        let other = f.layer(Kind::DsfmtState, &[weight]);
        let list = f.list(&[generator, other, weight]);
        f.variable("m", list);
        let (file, checked) = f.check(&GRANT).unwrap();
        let source = checked.source(&file);
        assert_eq!(checked.paths.why_outside(source, 0), Some("rng-state"));
        assert_eq!(checked.paths.why_outside(source, 1), None);
        assert_eq!(all(&file, &checked), ["m[3]", "m[1].val"]);
    }

    #[test]
    fn a_path_leads_back_to_its_value() {
        let mut f = Fixture::new();
        let shared = f.ones(&[1]);
        let closure = f.opaque(Why::Closure, &[], &[shared]);
        let unknown = f.opaque(Why::UnknownStruct, &["Main", "Net"], &[closure]);
        let dict = f.record(&[("a.b", unknown), ("]\"", unknown), ("c", shared)]);
        let chain = f.chain(&[dict]);
        f.variable("m.x", chain);
        let states = [f.ones(&[2]), f.ones(&[3])];
        for state in states {
            f.aside(unknown, AsideName::State0, state);
        }
        let (file, checked) = f.check(&GRANT).unwrap();
        let source = checked.source(&file);
        let texts = all(&file, &checked).remove(0);
        let mut found = 0;
        for path in [
            "var\"m.x\".layers[1][\"a.b\"].fields[1].captured[1]",
            "var\"m.x\".layers[1][\"]\\\"\"].fields[1].captured[1]",
            "var\"m.x\".layers[1].c",
        ] {
            assert_eq!(resolve(source, &checked.paths, path), Some(shared), "{path}");
            found += usize::from(texts.contains(path));
        }
        assert_eq!(found, 3);
        let beside = ["state0", "[\"state0 2\"]"].map(|step| {
            let dot = if step.starts_with('[') { "" } else { "." };
            resolve(source, &checked.paths, &format!("var\"m.x\".layers[1][\"a.b\"]{dot}{step}"))
        });
        assert_eq!(beside, states.map(Some));
        for path in [
            "",
            "m",
            "var\"m.x",
            "var\"m.x\".",
            "var\"m.x\".layers[0]",
            "var\"m.x\".layers[01]",
            "var\"m.x\".layers[1]x",
            "var\"m.x\".layers[1].c.",
        ] {
            assert_eq!(resolve(source, &checked.paths, path), None, "{path}");
        }
    }

    #[test]
    fn text_is_charged_before_it_is_built() {
        // Two arrays of one long name: 2 bytes of `m.`, then the name, twice.
        let open = |path_bytes: u64| {
            let mut f = Fixture::new();
            let (a, b) = (f.ones(&[1]), f.ones(&[1]));
            let list = f.list(&[a, b]);
            let record = f.record(&[(&"x".repeat(100), list)]);
            f.variable("m", record);
            f.check(&Grant { path_bytes, ..GRANT }).map(|_| ())
        };
        // Each path stands in the list of arrays and in the tree of the layers.
        let len = 2 * 2 * ("m.".len() as u64 + 100 + 3);
        assert_eq!(open(len), Ok(()));
        assert_eq!(open(len - 1), Err(Flaw::PathBytes { granted: len - 1 }));
    }

    #[test]
    fn a_string_that_is_mentioned_often_is_charged_often() {
        let mut f = Fixture::new();
        let string = f.string("x".repeat(5000));
        let list = f.list(&vec![string; 100_000]);
        f.variable("m", list);
        assert_eq!(f.fault(), "path-bytes-limit");
    }

    #[test]
    fn a_string_that_is_said_again_is_charged_as_it_is_shown() {
        // Each control character takes six bytes of a report.
        let open = |path_bytes: u64| {
            let mut f = Fixture::new();
            // A large file does not pay for what its report says again.
            f.bytes(&vec![0; 100_000]);
            let string = f.string("\u{1}".repeat(1000));
            let list = f.list(&[string, string, string]);
            f.variable("m", list);
            f.check(&Grant { path_bytes, ..GRANT }).map(|_| ())
        };
        assert_eq!(open(12_000), Err(Flaw::PathBytes { granted: 12_000 }));
        assert_eq!(open(12_100), Ok(()));
    }

    #[test]
    fn different_strings_may_be_as_long_as_the_file() {
        let mut f = Fixture::new();
        let all: Vec<u32> = (0..300).map(|_| f.string("x".repeat(4096))).collect();
        let list = f.list(&all);
        f.variable("m", list);
        assert!(f.check(&Grant { path_bytes: 10_000, ..GRANT }).is_ok());
    }

    #[test]
    fn asides_are_told_apart_in_time_that_grows_with_them() {
        let count = 50_000_u32;
        let mut f = Fixture::new();
        let (name, null) = (f.text("x"), f.node(&Node::Null));
        let one = f.ones(&[1]);
        let list = f.list(&vec![one; 50_000]);
        let names: Vec<u32> = (0..count).map(|at| f.text(format!("state {at}"))).collect();
        let (names, values) = (crate::fixture::ids(&names), crate::fixture::ids(&vec![one; 50_000]));
        let record = f.node(&Node::Record { names: Ids::new(&names).unwrap(), values: Ids::new(&values).unwrap() });
        let root = f.list(&[list, record]);
        f.variable("m", root);
        for _ in 0..count {
            f.aside(list, AsideName::State, null);
            f.aside(record, AsideName::State, null);
        }
        for _ in 0..count / 2 {
            let value = f.node(&Node::Symbol(name));
            f.aside(list, AsideName::State, value);
            f.aside(record, AsideName::State, value);
        }
        let started = std::time::Instant::now();
        assert!(f.check(&Grant { path_bytes: 100 << 20, ..GRANT }).is_ok());
        assert!(started.elapsed() < std::time::Duration::from_secs(20));
    }

    #[test]
    fn an_aside_gives_way_to_a_value_of_the_same_name() {
        let mut f = Fixture::new();
        let [named, numbered, free, first, second] = [1, 2, 3, 4, 5].map(|size| f.ones(&[size]));
        let null = f.node(&Node::Null);
        let record = f.record(&[("state", named), ("state 3", numbered), ("grad 02", free), ("grad", null)]);
        f.variable("m", record);
        f.aside(record, AsideName::State, first);
        f.aside(record, AsideName::State, second);
        let gradient = f.ones(&[6]);
        f.aside(record, AsideName::Grad, gradient);
        let (file, checked) = f.check(&GRANT).unwrap();
        let source = checked.source(&file);
        let expected = [
            ("m.state", named),
            ("m[\"state 3\"]", numbered),
            ("m[\"grad 02\"]", free),
            ("m[\"state 2\"]", first),
            ("m[\"state 4\"]", second),
            ("m.grad", gradient),
        ];
        assert_eq!(all(&file, &checked), expected.map(|(path, _)| path));
        for (path, node) in expected {
            assert_eq!(resolve(source, &checked.paths, path), Some(node), "{path}");
        }
    }

    #[test]
    fn notes_are_charged_as_often_as_they_are_given() {
        let mut f = Fixture::new();
        let null = f.node(&Node::Null);
        let mut node = null;
        for _ in 0..200 {
            node = f.record(&[(&"x".repeat(50), node)]);
        }
        f.variable("m", node);
        for _ in 0..1000 {
            f.note(null, NoteCode::ActiveDropped);
        }
        // The same note a thousand times is one note.
        assert!(f.check(&Grant { path_bytes: 11_000, ..GRANT }).is_ok());
    }

    #[test]
    fn a_refusal_has_a_path_of_the_files_own_keys() {
        let file = b"model\xff data a b type";
        let key = |offset, len| Segment::Key(Span { offset, len });
        let path = |segments: &[Segment]| refusal_path(file, segments).unwrap();
        assert_eq!(path(&[key(0, 5), key(7, 4), Segment::Index(0), key(16, 4)]), "model.data[1].type");
        assert_eq!(path(&[key(4, 2), key(4, 2), key(12, 3)]), r#"var"l\xff"["l\xff"]["a b"]"#);
        assert_eq!(path(&[Segment::Index(0)]), "root[1]");
        assert_eq!(refusal_path(file, &[]), None);
        let long = path(&vec![Segment::Index(7); 5000]);
        assert!(long.chars().count() <= MOST_REFUSAL_PATH && long.contains('…'));
    }

    #[test]
    fn the_walk_uses_little_of_the_stack() {
        let mut f = Fixture::new();
        let mut node = f.ones(&[1]);
        for _ in 0..60_000 {
            node = f.list(&[node]);
        }
        f.variable("m", node);
        let grant = Grant { depth: 65_535, ..GRANT };
        let handle = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
            let (file, checked) = f.check(&grant).unwrap();
            let model = crate::fixture::model(file, checked);
            let report = model.report().to_json();
            assert!(model.tensor(&format!("m{}", "[1]".repeat(60_000))).is_some());
            for variable in model.variables() {
                assert!(variable.value.tree().len() < 10_000);
            }
            report
        });
        // No reader of JSON has to go deeper than 127 brackets.
        let report = handle.unwrap().join().unwrap();
        serde_json::from_str::<serde_json::Value>(&report).unwrap();
    }
}
