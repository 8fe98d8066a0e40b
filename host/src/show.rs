//! Values as Julia and Flux print them.
//!
//! `Chain(Dense(10 => 5, relu), Dense(5 => 2), softmax)` in one line, or as the tree that Flux shows at its prompt, with
//! the numbers of parameters. All text of the file is escaped. Whatever the structure, the work and the length have
//! bounds: shared values can unfold into 2^40 lines, so what goes beyond is left out, and `…` says so.
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
use std::fmt::Write as _;

use flux_airlock_wire::{Eltype, Function, Group, Kind, Node, Why};

use crate::model::{ArrayView, Fields, Form, Opaque, Size, TensorView, Value, Values};
use crate::path::{Root, is_identifier};
use crate::text::{cut_middle, shorten};

/// How many characters a value has in one line.
pub(crate) const MOST_SUMMARY: usize = 1000;

/// The value in one line.
pub(crate) fn summary(value: Value<'_>) -> String {
    summary_within(value, MOST_SUMMARY)
}

/// The value in one line of at most `most` characters, with `…` in the middle of what is longer.
pub(crate) fn summary_within(value: Value<'_>, most: usize) -> String {
    let mut line = Line { out: String::new(), values: most.saturating_mul(2) };
    line.value(value, 0);
    cut_middle(&line.out, most).into_owned()
}

/// The value as a tree of lines.
pub(crate) fn tree(value: Value<'_>) -> String {
    let mut tree = Tree::new();
    tree.value(value, 0, "", 0);
    while tree.out.ends_with('\n') {
        tree.out.pop();
    }
    tree.out
}

/// How an array of this size and eltype introduces itself: `4×3 Matrix{Float32}`.
pub(crate) fn array(size: Size<'_>, eltype: &str) -> String {
    match size.ndims() {
        0 => format!("0-dimensional Array{{{eltype}, 0}}"),
        1 => format!("{size}-element Vector{{{eltype}}}"),
        2 => format!("{size} Matrix{{{eltype}}}"),
        n => format!("{size} Array{{{eltype}, {n}}}"),
    }
}

/// A function as it is called by someone who uses Flux.
fn function(function: Function) -> String {
    let (module, name) = (function.module(), function.name());
    let is_exported = match module {
        "Base" | "Base.Broadcast" | "NNlib" => true,
        "Flux" => matches!(name, "cpu" | "gpu"),
        _ => false,
    };
    if is_exported { name.to_owned() } else { format!("{module}.{name}") }
}

/// One line, while it is written.
struct Line {
    out: String,
    /// How many values more may be looked at.
    values: usize,
}

impl Line {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn value(&mut self, value: Value<'_>, depth: usize) {
        let Some(left) = self.values.checked_sub(1).filter(|_| depth <= MOST_DEPTH) else {
            self.push("…");
            return;
        };
        self.values = left;
        let depth = depth.saturating_add(1);
        match value.form() {
            Form::Array(size, _) => self.push(&array(size, "Any")),
            Form::Bool(value) => self.push(if value { "true" } else { "false" }),
            Form::Float(value) => self.push(&crate::number::Real::Double(value).to_string()),
            Form::Function(f) => self.push(&function(f)),
            Form::Int(value) => self.push(&value.to_string()),
            Form::List(values) => self.list("[", values, "]", depth),
            Form::NamedTuple(fields) => self.named_tuple(fields, depth),
            Form::Opaque(opaque) => self.opaque(&opaque, depth),
            Form::Record(fields) => self.push(&entries("Dict", fields.len())),
            Form::Scalar(scalar) => self.push(&scalar.to_string()),
            Form::Struct(kind, fields) => self.structure(value, kind, fields, depth),
            Form::Symbol(name) => self.push(&symbol(name)),
            Form::Tensor(ArrayView::Tensor(tensor)) => self.push(&array(tensor.size(), tensor.eltype().name())),
            Form::Tensor(ArrayView::Omitted(omitted)) => {
                let eltype = shorten_shown(&omitted.eltype());
                self.push(&array(omitted.size(), &eltype));
            }
            Form::Text(bytes) => self.push(&format!("\"{}\"", shorten(bytes, MOST_TEXT))),
            Form::Tuple(values) => {
                let end = if values.len() == 1 { ",)" } else { ")" };
                self.list("(", values, end, depth);
            }
            Form::Null => self.push("nothing"),
        }
    }

    /// Values between commas: the first and the last of many.
    fn list(&mut self, begin: &str, values: Values<'_>, end: &str, depth: usize) {
        self.push(begin);
        let skipped = skipped(values.len());
        for (at, value) in values.enumerate() {
            if skipped.contains(&at) {
                if at == skipped.start {
                    self.push(", …");
                }
                continue;
            }
            if at > 0 {
                self.push(", ");
            }
            self.value(value, depth);
        }
        self.push(end);
    }

    fn named_tuple(&mut self, fields: Fields<'_>, depth: usize) {
        if fields.len() == 0 {
            self.push("NamedTuple()");
            return;
        }
        let end = if fields.len() == 1 { ",)" } else { ")" };
        self.push("(");
        self.fields(fields, depth);
        self.push(end);
    }

    fn fields(&mut self, fields: Fields<'_>, depth: usize) {
        let skipped = skipped(fields.len());
        for (at, (name, value)) in fields.enumerate() {
            if skipped.contains(&at) {
                if at == skipped.start {
                    self.push(", …");
                }
                continue;
            }
            if at > 0 {
                self.push(", ");
            }
            self.push(&identifier(name));
            self.push(" = ");
            self.value(value, depth);
        }
    }

    fn opaque(&mut self, opaque: &Opaque<'_>, depth: usize) {
        self.push(&opaque_name(opaque));
        let is_value = matches!(
            opaque.why,
            Why::DeviceArray { .. } | Why::FieldValue { .. } | Why::Layout { .. } | Why::UnknownStruct
        );
        if is_value || !opaque.children.is_empty() {
            match opaque.fields() {
                Some(fields) => {
                    self.push("(");
                    self.fields(fields, depth);
                    self.push(")");
                }
                None => self.list("(", opaque.children.clone(), ")", depth),
            }
        }
    }

    /// The children of a container: spread if they are a tuple, named if they are named, bracketed if they are a vector.
    fn layers(&mut self, layers: Option<Value<'_>>, depth: usize) {
        match layers.map(|layers| layers.form()) {
            Some(Form::Tuple(values)) => self.list("", values, "", depth),
            Some(Form::NamedTuple(fields)) => self.fields(fields, depth),
            _ => self.option(layers, depth),
        }
    }

    fn option(&mut self, value: Option<Value<'_>>, depth: usize) {
        match value {
            Some(value) => self.value(value, depth),
            None => self.push("?"),
        }
    }

    /// `, name=value`.
    fn keyword(&mut self, name: &str, value: Option<Value<'_>>, depth: usize) {
        self.push(", ");
        self.push(name);
        self.push("=");
        self.option(value, depth);
    }

    /// The activation, if it is not `identity`, then the missing bias.
    fn activation(&mut self, layer: Value<'_>, field: &str, depth: usize) {
        let activation = layer.field(field);
        if activation.and_then(|f| f.function()) != Some(Function::Identity) {
            self.push(", ");
            self.option(activation, depth);
        }
    }

    fn no_bias(&mut self, layer: Value<'_>, separator: &str) {
        if layer.field("bias").and_then(|bias| bias.as_bool()) == Some(false) {
            self.push(separator);
            self.push("bias=false");
        }
    }

    /// A keyword of integers, unless all of them are what they are by default.
    fn integers(&mut self, layer: Value<'_>, field: &str, default: i64, depth: usize) {
        let value = layer.field(field);
        let numbers: Vec<Option<i64>> = match value.map(|value| value.form()) {
            Some(Form::Tuple(values)) => values.take(MOST_ITEMS).map(|value| value.as_i64()).collect(),
            _ => vec![value.and_then(|value| value.as_i64())],
        };
        let Some(first) = numbers.first() else { return };
        let all_equal = numbers.iter().all(|number| number == first);
        match first {
            Some(number) if all_equal && *number == default => {}
            Some(number) if all_equal => {
                let _ = write!(self.out, ", {field}={number}");
            }
            _ => self.keyword(field, value, depth),
        }
    }

    fn structure(&mut self, value: Value<'_>, kind: Kind, fields: Fields<'_>, depth: usize) {
        if self.layer(value, kind, depth).is_some() || self.data(value, kind, depth).is_some() {
            return;
        }
        self.push(kind.name());
        self.push("(");
        for (at, (_, value)) in fields.enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.value(value, depth);
        }
        self.push(")");
    }

    /// A layer as its own method prints it; `None`, and nothing is printed, where it has none or is not as it should be.
    fn layer(&mut self, layer: Value<'_>, kind: Kind, depth: usize) -> Option<()> {
        let dims = |field: &str| layer.field(field).and_then(dims);
        // Rows and columns of a weight; the rows hold so many blocks.
        let matrix = |size: &[u64], blocks: u64| {
            let (rows, columns) = (size.first().copied(), size.get(1).copied().unwrap_or(1));
            Some((columns, rows?.checked_div(blocks)?))
        };
        let cell = |layer: Value<'_>, blocks: u64| {
            let size = layer.field("Wi").and_then(self::dims)?;
            matrix(&size, blocks)
        };
        match kind {
            Kind::Dense => {
                let (from, to) = matrix(&dims("weight")?, 1)?;
                let _ = write!(self.out, "Dense({from} => {to}");
                self.activation(layer, "σ", depth);
                self.no_bias(layer, "; ");
            }
            Kind::Scale => {
                let sizes: Vec<String> = dims("scale")?.iter().map(u64::to_string).collect();
                let _ = write!(self.out, "Scale({}", sizes.join(", "));
                self.activation(layer, "σ", depth);
                self.no_bias(layer, "; ");
            }
            Kind::Bilinear => {
                let size = dims("weight")?;
                let (to, a, b) = (size.first()?, size.get(1)?, size.get(2).unwrap_or(&1));
                let _ = if a == b {
                    write!(self.out, "Bilinear({a} => {to}")
                } else {
                    write!(self.out, "Bilinear(({a}, {b}) => {to}")
                };
                self.activation(layer, "σ", depth);
                self.no_bias(layer, "; ");
            }
            Kind::Embedding | Kind::EmbeddingBag => {
                let (from, to) = matrix(&dims("weight")?, 1)?;
                let _ = write!(self.out, "{}({from} => {to}", kind.name());
                if let Some(index) = layer.field("padding_idx").filter(|index| !index.is_null()) {
                    self.keyword("padding_idx", Some(index), depth);
                }
            }
            Kind::Conv | Kind::ConvTranspose | Kind::CrossCor | Kind::DepthwiseConv => {
                self.convolution(layer, kind, &dims("weight")?, depth)?;
            }
            Kind::MaxPool | Kind::MeanPool => {
                self.push(kind.name());
                self.push("(");
                self.option(layer.field("k"), depth);
                self.integers(layer, "pad", 0, depth);
                let (window, stride) = (layer.field("k")?, layer.field("stride")?);
                if integers(window) != integers(stride) {
                    self.integers(layer, "stride", i64::MIN, depth);
                }
            }
            Kind::BatchNorm | Kind::InstanceNorm | Kind::GroupNorm => {
                self.push(kind.name());
                self.push("(");
                self.option(layer.field("chs"), depth);
                if kind == Kind::GroupNorm {
                    self.push(", ");
                    self.option(layer.field("G"), depth);
                }
                self.activation(layer, "λ", depth);
                self.switches(layer, depth);
            }
            Kind::LayerNorm => {
                self.push("LayerNorm(");
                match layer.field("size").map(|size| size.form()) {
                    Some(Form::Tuple(values)) => self.list("", values, "", depth),
                    _ => self.option(layer.field("size"), depth),
                }
                self.activation(layer, "λ", depth);
                self.switches(layer, depth);
            }
            Kind::Dropout => {
                self.push("Dropout(");
                self.option(layer.field("p"), depth);
                if layer.field("dims").and_then(|dims| dims.kind()) != Some(Kind::Colon) {
                    self.keyword("dims", layer.field("dims"), depth);
                }
                self.switches(layer, depth);
            }
            Kind::AlphaDropout => {
                self.push("AlphaDropout(");
                self.option(layer.field("p"), depth);
            }
            Kind::AdaptiveMaxPool | Kind::AdaptiveMeanPool | Kind::PixelShuffle => {
                self.push(kind.name());
                self.push("(");
                self.option(layer.values().get(0), depth);
            }
            Kind::Rnn | Kind::RnnCell => {
                let inner = if kind == Kind::Rnn { layer.field("cell")? } else { layer };
                let (from, to) = cell(inner, 1)?;
                let _ = write!(self.out, "{}({from} => {to}, ", kind.name());
                self.option(inner.field("σ"), depth);
            }
            Kind::Lstm | Kind::Gru | Kind::GruV3 => {
                let blocks = if kind == Kind::Lstm { 4 } else { 3 };
                let (from, to) = cell(layer.field("cell")?, blocks)?;
                let _ = write!(self.out, "{}({from} => {to}", kind.name());
            }
            Kind::LstmCell | Kind::GruCell | Kind::GruV3Cell => {
                let blocks = if kind == Kind::LstmCell { 4 } else { 3 };
                let (from, to) = cell(layer, blocks)?;
                let _ = write!(self.out, "{}({from} => {to}", kind.name());
            }
            Kind::Chain | Kind::Maxout => {
                self.push(kind.name());
                self.push("(");
                self.layers(layer.field("layers"), depth);
            }
            Kind::Parallel | Kind::PairwiseFusion => {
                self.push(kind.name());
                self.push("(");
                self.option(layer.field("connection"), depth);
                self.push(", ");
                self.layers(layer.field("layers"), depth);
            }
            Kind::SkipConnection => {
                self.push("SkipConnection(");
                self.option(layer.field("layers"), depth);
                self.push(", ");
                self.option(layer.field("connection"), depth);
            }
            Kind::WeightNorm => {
                self.push("WeightNorm(");
                self.option(layer.field("layer"), depth);
                self.push(", ");
                self.option(layer.field("which"), depth);
                self.push("; dims=");
                self.option(layer.field("dims"), depth);
            }
            Kind::Upsample => {
                self.push("Upsample(");
                self.option(layer.field("mode"), depth);
                for field in ["scale", "size"] {
                    if let Some(value) = layer.field(field).filter(|value| !value.is_null()) {
                        self.push(", ");
                        self.push(field);
                        self.push(" = ");
                        self.value(value, depth);
                    }
                }
            }
            Kind::MultiHeadAttention => {
                let (q, k, v, out) = (
                    layer.field("q_proj").and_then(ends)?,
                    layer.field("k_proj").and_then(ends)?,
                    layer.field("v_proj").and_then(ends)?,
                    layer.field("out_proj").and_then(ends)?,
                );
                let heads = layer.field("nheads")?.as_i64()?;
                let _ = write!(
                    self.out,
                    "MultiHeadAttention(({}, {}, {}) => ({}, {}) => {}; nheads={heads}, dropout_prob=",
                    q.0, k.0, v.0, q.1, v.1, out.1
                );
                self.option(layer.field("attn_drop").and_then(|drop| drop.field("p")), depth);
            }
            _ => return None,
        }
        self.push(")");
        Some(())
    }

    fn convolution(&mut self, layer: Value<'_>, kind: Kind, size: &[u64], depth: usize) -> Option<()> {
        let (window, channels) = size.split_at_checked(size.len().checked_sub(2)?)?;
        let (first, second) = (channels.first()?, channels.get(1)?);
        let groups = layer.field("groups").and_then(|groups| groups.as_i64()).unwrap_or(1);
        let times = |channels: &u64| channels.saturating_mul(u64::try_from(groups).unwrap_or(1));
        let (from, to) = match kind {
            Kind::Conv => (times(first), *second),
            Kind::ConvTranspose => (*second, times(first)),
            Kind::DepthwiseConv => (*second, first.saturating_mul(*second)),
            _ => (*first, *second),
        };
        let sides: Vec<String> = window.iter().map(u64::to_string).collect();
        let comma = if sides.len() == 1 { "," } else { "" };
        let _ = write!(self.out, "{}(({}{comma}), {from} => {to}", kind.name(), sides.join(", "));
        self.activation(layer, "σ", depth);
        self.integers(layer, "pad", 0, depth);
        self.integers(layer, "stride", 1, depth);
        self.integers(layer, "dilation", 1, depth);
        if groups != 1 {
            let _ = write!(self.out, ", groups={groups}");
        }
        self.no_bias(layer, ", ");
        if kind == Kind::ConvTranspose {
            self.integers(layer, "outpad", 0, depth);
        }
        Some(())
    }

    /// Whether it is affine, and active.
    fn switches(&mut self, layer: Value<'_>, depth: usize) {
        if layer.field("affine").and_then(|affine| affine.as_bool()) == Some(false) {
            self.push(", affine=false");
        }
        if let Some(active) = layer.field("active").filter(|active| !active.is_null()) {
            self.keyword("active", Some(active), depth);
        }
    }

    /// An anonymous function that was recognised, as it was written.
    fn closure(&mut self, begin: &str, value: Option<Value<'_>>, end: &str, depth: usize) {
        self.push(begin);
        self.option(value, depth);
        self.push(end);
    }

    /// A value of Julia's own as Julia prints it; `None` for those without a form of their own.
    fn data(&mut self, value: Value<'_>, kind: Kind, depth: usize) -> Option<()> {
        let mut between = |left: &str, separator: &str, right: &str| {
            self.option(value.field(left), depth);
            self.push(separator);
            self.option(value.field(right), depth);
        };
        match kind {
            Kind::Colon => self.push(":"),
            Kind::ComposedFunction => between("outer", " ∘ ", "inner"),
            Kind::Dict | Kind::IdDict => {
                let keys = value.field("keys").map_or(0, count);
                let name = if kind == Kind::Dict { "Dict" } else { "IdDict" };
                self.push(&entries(name, keys));
            }
            Kind::Cat => self.closure("(x...) -> cat(x...; dims = ", value.field("dims"), ")", depth),
            Kind::Getindex => {
                self.push("x -> x[");
                for (at, index) in value.field("indices")?.values().take(MOST_ITEMS).enumerate() {
                    if at > 0 {
                        self.push(", ");
                    }
                    match index.function() {
                        Some(Function::Lastindex) => self.push("end"),
                        _ => self.value(index, depth),
                    }
                }
                self.push("]");
            }
            Kind::Dropdims => self.closure("x -> dropdims(x; dims = ", value.field("dims"), ")", depth),
            Kind::Logsoftmax => self.closure("x -> logsoftmax(x; dims = ", value.field("dims"), ")", depth),
            Kind::Missing => self.push("missing"),
            Kind::OneTo => {
                self.push("Base.OneTo(");
                self.option(value.field("stop"), depth);
                self.push(")");
            }
            Kind::Pair => between("first", " => ", "second"),
            Kind::Permutedims => self.closure("x -> permutedims(x, ", value.field("perm"), ")", depth),
            Kind::Rational => between("num", "//", "den"),
            Kind::Reshape => self.closure("x -> reshape(x, ", value.field("dims"), ")", depth),
            Kind::Softmax => self.closure("x -> softmax(x; dims = ", value.field("dims"), ")", depth),
            Kind::StepRange => {
                between("start", ":", "step");
                self.push(":");
                self.option(value.field("stop"), depth);
            }
            Kind::Undef => self.push("#undef"),
            Kind::UnitRange => between("start", ":", "stop"),
            Kind::Adjoint | Kind::Transpose => {
                let tensor = value.field("parent")?.tensor()?;
                let size = dims(value)?;
                let name = if kind == Kind::Adjoint { "adjoint" } else { "transpose" };
                let (eltype, rows, columns) = (tensor.eltype().name(), size.first()?, size.get(1)?);
                let ty = if tensor.size().ndims() == 1 { "Vector" } else { "Matrix" };
                let _ = write!(self.out, "{rows}×{columns} {name}(::{ty}{{{eltype}}}) with eltype {eltype}");
            }
            _ => return None,
        }
        Some(())
    }
}

/// The dimensions of what is an array, or stands for one.
fn dims(value: Value<'_>) -> Option<Vec<u64>> {
    let mut value = value;
    let mut swapped = false;
    // Wrappers of wrappers are rare; many of them are none of Julia's.
    for _ in 0..MOST_WRAPPERS {
        match value.form() {
            Form::Tensor(ArrayView::Tensor(tensor)) => {
                let mut dims: Vec<u64> = tensor.size().iter().map(u64::from).collect();
                if swapped {
                    dims.resize(dims.len().max(2), 1);
                    dims.reverse();
                }
                return Some(dims);
            }
            Form::Struct(Kind::Adjoint | Kind::Transpose, _) => {
                value = value.field("parent")?;
                swapped = !swapped;
            }
            Form::Struct(Kind::Squared, _) => value = value.field("root")?,
            Form::Struct(Kind::Symmetric, _) => value = value.field("data")?,
            Form::Opaque(opaque) => return opaque.size(),
            _ => return None,
        }
    }
    None
}

/// What a `Dense` takes and gives.
fn ends(dense: Value<'_>) -> Option<(u64, u64)> {
    let size = dense.field("weight").and_then(dims)?;
    Some((size.get(1).copied()?, size.first().copied()?))
}

/// The integers of a tuple, as far as they are.
fn integers(value: Value<'_>) -> Vec<Option<i64>> {
    value.values().take(MOST_ITEMS).map(|value| value.as_i64()).collect()
}

/// How many elements a list or an array has.
fn count(value: Value<'_>) -> usize {
    match value.form() {
        Form::Tensor(ArrayView::Tensor(tensor)) => usize::try_from(tensor.size().elements()).unwrap_or(usize::MAX),
        _ => value.values().len(),
    }
}

fn entries(name: &str, count: usize) -> String {
    format!("{name} with {count} entr{}", if count == 1 { "y" } else { "ies" })
}

fn symbol(name: &str) -> String {
    if is_identifier(name) {
        format!(":{}", shorten(name.as_bytes(), MOST_NAME))
    } else {
        format!("Symbol(\"{}\")", shorten(name.as_bytes(), MOST_NAME))
    }
}

fn identifier(name: &str) -> String {
    shorten_shown(&Root(Some(name)).to_string())
}

/// A shorter form of a text that is already escaped.
fn shorten_shown(text: &str) -> String {
    cut_middle(text, MOST_NAME).into_owned()
}

fn opaque_name(opaque: &Opaque<'_>) -> String {
    let path = opaque.type_path();
    match (opaque.why, path) {
        (Why::FieldValue { kind, .. } | Why::Layout { kind, .. }, _) => kind.name().to_owned(),
        (_, Some(path)) => shorten_shown(&path),
        (why, None) => why.code().to_owned(),
    }
}

/// Which of so many items are left out: none of few, those in the middle of many.
fn skipped(count: usize) -> std::ops::Range<usize> {
    if count <= MOST_ITEMS { 0..0 } else { MOST_ITEMS.saturating_sub(LAST_ITEMS)..count.saturating_sub(LAST_ITEMS) }
}

/// A tree, while it is written.
struct Tree {
    out: String,
    lines: usize,
    /// How many values more may be counted.
    work: usize,
    /// What was found in arrays' numbers.
    found: BTreeMap<u32, Found>,
}

/// What is remarkable in an array's numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Found {
    not_zero: bool,
    nan: bool,
    infinite: bool,
}

/// The arrays in a value.
#[derive(Default)]
struct Count<'a> {
    /// Those that are trained.
    trainable: BTreeMap<u32, TensorView<'a>>,
    /// Those that are not: how many, and of how many elements.
    others: BTreeMap<u32, u64>,
}

impl Count<'_> {
    fn parameters(&self) -> u64 {
        self.trainable.values().fold(0, |sum, tensor| sum.saturating_add(tensor.size().elements()))
    }

    fn other_elements(&self) -> u64 {
        self.others.values().fold(0, |sum, elements| sum.saturating_add(*elements))
    }
}

impl Tree {
    fn new() -> Self {
        Self { out: String::new(), lines: MOST_LINES, work: MOST_WORK, found: BTreeMap::new() }
    }

    /// Writes a line, unless there are too many already.
    fn line(&mut self, indent: usize, text: &str) {
        if let Some(left) = self.lines.checked_sub(1) {
            self.lines = left;
            let _ = writeln!(self.out, "{:indent$}{text}", "");
            if left == 0 {
                self.out.push_str("⋮\n");
            }
        }
    }

    fn value(&mut self, value: Value<'_>, indent: usize, prefix: &str, depth: usize) {
        if self.lines == 0 {
            return;
        }
        let Some((begin, end)) = brackets(value).filter(|_| depth < MOST_DEPTH && is_expanded(value)) else {
            self.leaf(value, indent, prefix);
            return;
        };
        let mark = match value.form() {
            Form::Opaque(opaque) => format!("  # opaque: {}", opaque.why.code()),
            _ => String::new(),
        };
        self.line(indent, &format!("{prefix}{begin}{mark}"));
        self.children(value, indent.saturating_add(2), depth.saturating_add(1));
        if indent > 0 {
            self.line(indent, &format!("{end},"));
        } else {
            let total = self.total(value).unwrap_or_default();
            self.line(0, format!("{end:<2}{total}").trim_end());
        }
    }

    /// The values inside of a container, tuples of layers spread.
    fn children(&mut self, value: Value<'_>, indent: usize, depth: usize) {
        let form = value.form();
        if let Form::Opaque(opaque) = &form
            && let Some(fields) = opaque.fields()
        {
            return self.fields(fields, indent, depth);
        }
        match form {
            Form::NamedTuple(fields) => self.fields(fields, indent, depth),
            Form::Record(fields) => {
                self.all(fields, |name| format!("{} => ", symbol(name)), indent, depth);
            }
            Form::Struct(Kind::Dict | Kind::IdDict, _) => {
                let (Some(keys), Some(values)) = (value.field("keys"), value.field("values")) else { return };
                let entries = keys.values().zip(values.values());
                self.all(entries, |key| format!("{} => ", summary_within(key, MOST_NAME)), indent, depth);
            }
            Form::Array(_, values) | Form::List(values) | Form::Tuple(values) => self.values(values, indent, depth),
            _ => {
                for child in value.values() {
                    match child.form() {
                        Form::NamedTuple(fields) => self.fields(fields, indent, depth),
                        Form::Tuple(values) => self.values(values, indent, depth),
                        _ => self.value(child, indent, "", depth),
                    }
                }
            }
        }
    }

    fn values(&mut self, values: Values<'_>, indent: usize, depth: usize) {
        self.all(values.map(|value| ((), value)), |()| String::new(), indent, depth);
    }

    fn fields(&mut self, fields: Fields<'_>, indent: usize, depth: usize) {
        self.all(fields, |name| format!("{} = ", identifier(name)), indent, depth);
    }

    /// Values with what stands before them: the first and the last of many.
    fn all<'a, K>(
        &mut self,
        all: impl ExactSizeIterator<Item = (K, Value<'a>)>,
        prefix: impl Fn(K) -> String,
        indent: usize,
        depth: usize,
    ) {
        let skipped = skipped_lines(all.len());
        for (at, (key, value)) in all.enumerate() {
            if skipped.contains(&at) {
                if at == skipped.start {
                    self.line(indent, &format!("⋮  # {} more", skipped.len()));
                }
                continue;
            }
            if self.lines == 0 {
                return;
            }
            self.value(value, indent, &prefix(key), depth);
        }
    }

    /// A value in one line, with its parameters at the end of it.
    fn leaf(&mut self, value: Value<'_>, indent: usize, prefix: &str) {
        let mut text = format!("{prefix}{}", summary_within(value, MOST_LEAF));
        let width = text.chars().count();
        if indent > 0 {
            text.push(',');
        }
        let mut remarks = String::new();
        if let Some(count) = self.count(value).filter(|count| !count.trainable.is_empty()) {
            let _ = write!(remarks, "# {} parameters", underscored(count.parameters()));
            if !count.others.is_empty() {
                let more = if indent == 0 { " non-trainable" } else { "" };
                let _ = write!(remarks, ", plus {}{more}", underscored(count.other_elements()));
            }
            remarks.push_str(self.found(&count));
        }
        if let Form::Opaque(opaque) = value.form() {
            let space = if remarks.is_empty() { "" } else { "  " };
            let _ = write!(remarks, "{space}# opaque: {}", opaque.why.code());
        }
        if !remarks.is_empty() {
            let column = if indent == 0 { 20_usize } else { 39 };
            let gap = column.saturating_sub(indent).saturating_sub(width).max(2);
            let _ = write!(text, "{:gap$}{remarks}", "");
        }
        self.line(indent, &text);
    }

    /// The arrays in a value, each once; `None` if there is more to look at than is left to look at.
    fn count<'a>(&mut self, value: Value<'a>) -> Option<Count<'a>> {
        let mut count = Count::default();
        let mut seen = BTreeSet::new();
        let mut todo = vec![(value, true)];
        while let Some((value, trainable)) = todo.pop() {
            if !seen.insert((value.id, trainable)) {
                continue;
            }
            self.work = self.work.checked_sub(1)?;
            if let Some(tensor) = value.tensor() {
                let Node::Tensor(id) = value.node() else { continue };
                if trainable && is_numeric(tensor.eltype()) {
                    count.trainable.insert(id, tensor);
                } else if is_number(tensor.eltype()) {
                    count.others.insert(id, tensor.size().elements());
                }
            }
            match value.form() {
                // What is not trained of a layer that has both.
                Form::Struct(Kind::BatchNorm | Kind::InstanceNorm | Kind::GroupNorm, fields) => {
                    todo.extend(fields.map(|(name, field)| (field, trainable && matches!(name, "β" | "γ"))));
                }
                Form::Struct(kind, _) if matches!(kind.group(), Group::Optimiser | Group::Random) => {}
                Form::Opaque(opaque) if matches!(opaque.why, Why::Reflection) => {}
                _ => todo.extend(value.values().map(|child| (child, trainable))),
            }
        }
        count.others.retain(|id, _| !count.trainable.contains_key(id));
        Some(count)
    }

    /// What is remarkable in all numbers that are trained.
    fn found(&mut self, count: &Count<'_>) -> &'static str {
        let mut all = Found::default();
        for (id, tensor) in &count.trainable {
            let found = *self.found.entry(*id).or_insert_with(|| look(*tensor));
            all.not_zero |= found.not_zero;
            all.nan |= found.nan;
            all.infinite |= found.infinite;
        }
        match all {
            Found { not_zero: false, .. } => "  (all zero)",
            Found { nan: true, .. } => "  (some NaN)",
            Found { infinite: true, .. } => "  (some Inf)",
            Found { .. } => "",
        }
    }

    /// The last remark on a model with more than two arrays.
    fn total(&mut self, value: Value<'_>) -> Option<String> {
        let count = self.count(value).filter(|count| count.trainable.len() > 2)?;
        let (arrays, parameters) = (count.trainable.len(), underscored(count.parameters()));
        let mut memory = Memory { seen: BTreeSet::new(), heap: 0, work: &mut self.work };
        let bytes = memory.layout(value, 0).map(|top| top.size.saturating_add(memory.heap));
        let bytes = bytes.map(format_bytes);
        if count.others.is_empty() {
            let bytes = bytes.map(|bytes| format!(", {bytes}")).unwrap_or_default();
            return Some(format!("{:18}# Total: {arrays} arrays, {parameters} parameters{bytes}.", ""));
        }
        let (others, elements) = (count.others.len(), underscored(count.other_elements()));
        let bytes = bytes.map(|bytes| format!(", summarysize {bytes}")).unwrap_or_default();
        Some(format!(
            "{:8}# Total: {arrays} trainable arrays, {parameters} parameters,\n{:10}# plus {others} non-trainable, \
             {elements} parameters{bytes}.",
            "", ""
        ))
    }
}

/// What opens and closes the lines of a value that can be given in several.
fn brackets(value: Value<'_>) -> Option<(String, &'static str)> {
    Some(match value.form() {
        Form::Array(..) | Form::List(_) => ("[".to_owned(), "]"),
        Form::NamedTuple(_) => ("(;".to_owned(), ")"),
        Form::Opaque(opaque) => (format!("{}(", opaque_name(&opaque)), ")"),
        Form::Record(_) | Form::Struct(Kind::Dict, _) => ("Dict(".to_owned(), ")"),
        Form::Struct(Kind::IdDict, _) => ("IdDict(".to_owned(), ")"),
        Form::Struct(kind, _) if is_container(kind) => (format!("{}(", kind.name()), ")"),
        Form::Tuple(_) => ("(".to_owned(), ")"),
        _ => return None,
    })
}

/// Is this a layer of layers?
const fn is_container(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Chain
            | Kind::Maxout
            | Kind::PairwiseFusion
            | Kind::Parallel
            | Kind::Recurrence
            | Kind::SkipConnection
            | Kind::WeightNorm
    )
}

/// Does a value hold more than numbers, arrays and functions?
fn is_expanded(value: Value<'_>) -> bool {
    let is_named = match value.form() {
        Form::Record(_) | Form::NamedTuple(_) => true,
        Form::Struct(Kind::Dict | Kind::IdDict, _) => {
            // Keys or values of one type of numbers are arrays.
            let is_list = |field| value.field(field).is_some_and(|list| matches!(list.form(), Form::List(_)));
            return is_list("keys") && is_list("values") && value.field("keys").is_some_and(|keys| count(keys) > 0);
        }
        _ => false,
    };
    value.values().take(MOST_LOOKED_AT).any(|child| is_named || !is_leaf(child, MOST_LEAF_DEPTH))
}

/// Is this a value that Flux shows in the line of its owner: a number, an array, a function, or a tuple of them?
fn is_leaf(value: Value<'_>, depth: usize) -> bool {
    match value.form() {
        Form::Tuple(values) => {
            depth.checked_sub(1).is_some_and(|depth| values.take(MOST_LOOKED_AT).all(|child| is_leaf(child, depth)))
        }
        Form::Struct(kind, fields) => match kind.group() {
            Group::Layer => fields.len() == 0,
            Group::Callable => false,
            _ => !matches!(kind, Kind::Dict | Kind::IdDict) || !is_expanded(value),
        },
        Form::Opaque(opaque) => opaque.children.is_empty(),
        Form::List(values) => values.is_empty(),
        Form::NamedTuple(fields) | Form::Record(fields) => fields.len() == 0,
        Form::Array(..) => false,
        _ => true,
    }
}

fn skipped_lines(count: usize) -> std::ops::Range<usize> {
    let first = MOST_CHILDREN.saturating_sub(LAST_ITEMS);
    if count <= MOST_CHILDREN { 0..0 } else { first..count.saturating_sub(LAST_ITEMS) }
}

/// Are these what an optimiser trains?
const fn is_numeric(eltype: Eltype) -> bool {
    eltype.is_float()
        || matches!(
            eltype,
            Eltype::ComplexBFloat16 | Eltype::ComplexFloat16 | Eltype::ComplexFloat32 | Eltype::ComplexFloat64
        )
}

const fn is_number(eltype: Eltype) -> bool {
    !matches!(eltype, Eltype::Char | Eltype::Nothing)
}

/// Looks at all numbers of an array. Those that are neither zero nor infinite nor no number end nothing: the array is
/// read once.
fn look(tensor: TensorView<'_>) -> Found {
    let bytes = tensor.bytes();
    match tensor.eltype() {
        Eltype::Float16 | Eltype::ComplexFloat16 => look_at::<2>(bytes, 0x7c00),
        Eltype::BFloat16 | Eltype::ComplexBFloat16 => look_at::<2>(bytes, 0x7f80),
        Eltype::Float32 | Eltype::ComplexFloat32 => look_at::<4>(bytes, 0x7f80_0000),
        Eltype::Float64 | Eltype::ComplexFloat64 => look_at::<8>(bytes, 0x7ff0_0000_0000_0000),
        _ => Found { not_zero: true, ..Found::default() },
    }
}

/// Numbers of `N` bytes whose size is infinite where it equals `infinity`, and beyond it none.
fn look_at<const N: usize>(bytes: &[u8], infinity: u64) -> Found {
    let mut largest = 0;
    let mut any_infinite = false;
    let sign = 1_u64.checked_shl(u32::try_from(N.saturating_mul(8)).unwrap_or(0).saturating_sub(1)).unwrap_or(0);
    for number in bytes.as_chunks::<N>().0 {
        let mut wide = [0; 8];
        if let Some(low) = wide.get_mut(..N) {
            low.copy_from_slice(number);
        }
        let size = u64::from_le_bytes(wide) & !sign;
        largest = largest.max(size);
        any_infinite |= size == infinity;
    }
    Found { not_zero: largest != 0, nan: largest > infinity, infinite: any_infinite }
}

/// What a value occupies in Julia 1.11 and later, as `Base.summarysize` counts it.
struct Memory<'w> {
    seen: BTreeSet<u32>,
    heap: u64,
    work: &'w mut usize,
}

/// The place of a value in its owner.
#[derive(Clone, Copy)]
struct Layout {
    size: u64,
    align: u64,
}

impl Layout {
    const POINTER: Self = Self { size: 8, align: 8 };

    const fn plain(size: u64) -> Self {
        Self { size, align: if size == 0 { 1 } else { size } }
    }
}

impl Memory<'_> {
    /// The place that a value takes in its owner. What it points to is added to the heap, once.
    fn layout(&mut self, value: Value<'_>, depth: usize) -> Option<Layout> {
        *self.work = self.work.checked_sub(1).filter(|_| depth < MOST_DEPTH)?;
        let depth = depth.saturating_add(1);
        Some(match value.form() {
            Form::Bool(_) => Layout::plain(1),
            Form::Float(_) | Form::Int(_) => Layout::plain(8),
            Form::Function(_) | Form::Null => Layout::plain(0),
            Form::Scalar(scalar) => {
                let width = u64::from(scalar.eltype().width());
                Layout { size: width, align: width.clamp(1, 16) }
            }
            Form::Symbol(_) => Layout::POINTER,
            Form::Text(bytes) => {
                self.heap_once(value, 8_u64.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
            }
            Form::Tensor(array) => {
                let size = match array {
                    ArrayView::Tensor(tensor) => (tensor.size().ndims(), tensor.bytes().len()),
                    ArrayView::Omitted(omitted) => (omitted.size().ndims(), omitted.bytes().len()),
                };
                // The array itself: a reference of two words and its size; then the memory, with a head of two words.
                let (ndims, bytes) = (u64::try_from(size.0).unwrap_or(0), u64::try_from(size.1).unwrap_or(u64::MAX));
                self.heap_once(value, ndims.saturating_mul(8).saturating_add(32).saturating_add(bytes))
            }
            Form::Array(_, values) | Form::List(values) => {
                if self.seen.insert(value.id) {
                    self.heap = self.heap.saturating_add(40);
                    for child in values {
                        // Elements of different types are boxed.
                        let boxed = self.layout(child, depth)?;
                        self.heap = self.heap.saturating_add(8);
                        if !self.is_pointer(child) {
                            self.heap = self.heap.saturating_add(boxed.size);
                        }
                    }
                }
                Layout::POINTER
            }
            Form::Struct(
                Kind::BatchNorm | Kind::InstanceNorm | Kind::GroupNorm | Kind::Dropout | Kind::AlphaDropout,
                f,
            ) => {
                if self.seen.insert(value.id) {
                    let size = self.fields(f.map(|(name, field)| (field, name == "active")), depth)?.size;
                    self.heap = self.heap.saturating_add(size);
                }
                Layout::POINTER
            }
            // A return state is a parameter of the type.
            Form::Struct(Kind::Rnn | Kind::Lstm | Kind::Gru | Kind::GruV3 | Kind::Recurrence, fields) => {
                self.fields(fields.take(1).map(|(_, field)| (field, false)), depth)?
            }
            Form::Struct(_, fields) | Form::NamedTuple(fields) => {
                self.fields(fields.map(|(_, field)| (field, false)), depth)?
            }
            Form::Tuple(values) => self.fields(values.map(|field| (field, false)), depth)?,
            Form::Opaque(opaque) => self.fields(opaque.children.map(|field| (field, false)), depth)?,
            // How large a table is depends on its history.
            Form::Record(_) => return None,
        })
    }

    /// Fields one after another, each aligned; of some it is a union with `Nothing`, which takes a byte more.
    fn fields<'a>(&mut self, fields: impl Iterator<Item = (Value<'a>, bool)>, depth: usize) -> Option<Layout> {
        let mut all = Layout { size: 0, align: 1 };
        for (field, is_union) in fields {
            let place = if is_union { Layout { size: 2, align: 1 } } else { self.layout(field, depth)? };
            all.size = all.size.checked_next_multiple_of(place.align)?.saturating_add(place.size);
            all.align = all.align.max(place.align);
        }
        all.size = all.size.checked_next_multiple_of(all.align)?;
        Some(all)
    }

    fn heap_once(&mut self, value: Value<'_>, bytes: u64) -> Layout {
        if self.seen.insert(value.id) {
            self.heap = self.heap.saturating_add(bytes);
        }
        Layout::POINTER
    }

    fn is_pointer(&self, value: Value<'_>) -> bool {
        self.seen.contains(&value.id)
    }
}

/// A number with its digits in threes.
fn underscored(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// So many bytes, in the unit that Julia chooses.
fn format_bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    let mut unit = 1024_u64;
    let mut name = "KiB";
    for next in ["MiB", "GiB", "TiB"] {
        if bytes >> 10 < unit {
            break;
        }
        unit = unit.saturating_mul(1024);
        name = next;
    }
    // In thousandths, rounded.
    let scaled = u128::from(bytes).saturating_mul(1000).saturating_add(u128::from(unit / 2));
    let thousandths = scaled.checked_div(unit.into()).unwrap_or(0);
    format!("{}.{:03} {name}", thousandths / 1000, thousandths % 1000)
}

/// How deep values are followed.
const MOST_DEPTH: usize = 64;
/// How many wrappers of an array are looked through.
const MOST_WRAPPERS: usize = 8;
/// How many items of a list a line has, and how many of those come from its end.
const MOST_ITEMS: usize = 40;
const LAST_ITEMS: usize = 4;
/// How many characters of a name or a string a line has.
const MOST_NAME: usize = 120;
const MOST_TEXT: usize = 120;
/// How many lines a tree has, how many children of one value, and how many characters one of them.
const MOST_LINES: usize = 2000;
const MOST_CHILDREN: usize = 200;
const MOST_LEAF: usize = 160;
/// How many children decide whether a value is given in several lines, and how deep they are looked at.
const MOST_LOOKED_AT: usize = 64;
const MOST_LEAF_DEPTH: usize = 3;
/// How many values are counted for one tree.
const MOST_WORK: usize = 1 << 22;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use crate::model::Model;

    fn open(f: Fixture, node: u32) -> Model {
        let mut f = f;
        f.variable("m", node);
        f.open()
    }

    fn line(f: Fixture, node: u32) -> String {
        open(f, node).value("m").unwrap().summary()
    }

    fn lines(f: Fixture, node: u32) -> String {
        open(f, node).value("m").unwrap().tree()
    }

    fn conv(f: &mut Fixture, size: &[u32], stride: &[i64], pad: &[i64], groups: i64, bias: bool) -> u32 {
        let activation = f.function(Function::Relu);
        let weight = f.ones(size);
        let bias = if bias { f.ones(&size[size.len() - 1..]) } else { f.node(&Node::Bool(false)) };
        let (stride, pad) = (f.ints(stride), f.ints(pad));
        let dilation = f.ints(&vec![1; size.len() - 2]);
        let groups = f.int(groups);
        f.layer(Kind::Conv, &[activation, weight, bias, stride, pad, dilation, groups])
    }

    fn batch_norm(f: &mut Fixture, channels: u32, activation: Function) -> u32 {
        let activation = f.function(activation);
        let arrays: Vec<u32> = (0..4).map(|_| f.ones(&[channels])).collect();
        let epsilon = f.number(Eltype::Float32, &1e-5_f32.to_le_bytes());
        let momentum = f.number(Eltype::Float32, &0.1_f32.to_le_bytes());
        let truth = f.number(Eltype::Bool, &[1]);
        let null = f.node(&Node::Null);
        let channels = f.int(channels.into());
        let fields = [&[activation], &arrays[..], &[epsilon, momentum, truth, truth, null, channels]].concat();
        f.layer(Kind::BatchNorm, &fields)
    }

    fn dropout(f: &mut Fixture, p: f64) -> u32 {
        let (p, colon) = (f.double(p), f.layer(Kind::Colon, &[]));
        let (null, rng) = (f.node(&Node::Null), f.layer(Kind::TaskLocalRng, &[]));
        f.layer(Kind::Dropout, &[p, colon, null, rng])
    }

    #[test]
    fn a_chain_is_printed_as_flux_prints_it() {
        let mut f = Fixture::new();
        let layers = [f.dense(10, 5, Function::Relu), f.dense(5, 2, Function::Identity), f.function(Function::Softmax)];
        let chain = f.chain(&layers);
        assert_eq!(line(f, chain), "Chain(Dense(10 => 5, relu), Dense(5 => 2), softmax)");
    }

    #[test]
    fn layers_say_only_what_is_not_the_default() {
        let mut f = Fixture::new();
        let weight = f.ones(&[3, 2]);
        let no = f.number(Eltype::Bool, &[0]);
        let identity = f.function(Function::Identity);
        let dense = f.layer(Kind::Dense, &[weight, no, identity]);
        let convs = [
            conv(&mut f, &[5, 5, 1, 6], &[2, 2], &[2, 2, 2, 2], 1, true),
            conv(&mut f, &[3, 2, 4], &[1], &[1, 0], 2, false),
        ];
        let window = f.ints(&[2, 2]);
        let (zeros, threes) = (f.ints(&[0, 0, 0, 0]), f.ints(&[3, 3]));
        let pools =
            [f.layer(Kind::MaxPool, &[window, zeros, window]), f.layer(Kind::MeanPool, &[window, zeros, threes])];
        let (norm, drop) = (batch_norm(&mut f, 6, Function::Relu), dropout(&mut f, 0.5));
        let flatten = f.function(Function::Flatten);
        let all = f.list(&[&[dense], &convs[..], &pools, &[norm, drop, flatten]].concat());
        let expected = [
            "Dense(2 => 3; bias=false)",
            "Conv((5, 5), 1 => 6, relu, pad=2, stride=2)",
            "Conv((3,), 4 => 4, relu, pad=(1, 0), groups=2, bias=false)",
            "MaxPool((2, 2))",
            "MeanPool((2, 2), stride=3)",
            "BatchNorm(6, relu)",
            "Dropout(0.5)",
            "Flux.flatten",
        ];
        assert_eq!(line(f, all), format!("[{}]", expected.join(", ")));
    }

    #[test]
    fn recurrent_layers_count_their_blocks() {
        let mut f = Fixture::new();
        let (wi, wh, b) = (f.ones(&[20, 3]), f.ones(&[20, 5]), f.ones(&[20]));
        let cell = f.layer(Kind::LstmCell, &[wi, wh, b]);
        let no = f.node(&Node::Bool(false));
        let lstm = f.layer(Kind::Lstm, &[cell, no]);
        let list = f.list(&[cell, lstm]);
        assert_eq!(line(f, list), "[LSTMCell(3 => 5), LSTM(3 => 5)]");
    }

    #[test]
    fn what_is_not_as_it_should_be_is_printed_field_by_field() {
        let mut f = Fixture::new();
        let null = f.node(&Node::Null);
        let dense = f.layer(Kind::Dense, &[null, null, null]);
        assert_eq!(line(f, dense), "Dense(nothing, nothing, nothing)");
    }

    #[test]
    fn plain_values_are_printed_as_julia_prints_them() {
        let mut f = Fixture::new();
        let one = f.ones(&[4, 3]);
        let other = [f.ones(&[5]), f.ones(&[1, 2, 3]), f.ones(&[])];
        let (int, string, symbol) = (f.int(-3), f.string("a\"\n"), f.symbol("x y"));
        let nothing = f.node(&Node::Null);
        let pair = f.layer(Kind::Pair, &[int, nothing]);
        let range = f.layer(Kind::UnitRange, &[int, int]);
        let record = f.record(&[("a", int)]);
        let adjoint = f.layer(Kind::Adjoint, &[one]);
        let single = f.tuple(&[int]);
        let named = f.named_tuple(&[("a b", int)]);
        let all =
            f.tuple(&[&[one], &other[..], &[string, symbol, pair, range, record, adjoint, single, named]].concat());
        let expected = "(4×3 Matrix{Float32}, 5-element Vector{Float32}, 1×2×3 Array{Float32, 3}, \
             0-dimensional Array{Float32, 0}, \"a\\\"\\n\", Symbol(\"x y\"), -3 => nothing, -3:-3, Dict with 1 entry, \
             3×4 adjoint(::Matrix{Float32}) with eltype Float32, (-3,), (var\"a b\" = -3,))";
        assert_eq!(line(f, all), expected);
    }

    #[test]
    fn inert_values_are_named_and_marked() {
        let mut f = Fixture::new();
        let (weights, name) = (f.ones(&[3, 2]), f.string("first"));
        let net = f.opaque(Why::UnknownStruct, &["Main", "MyNet"], &[weights, name]);
        let closure = f.opaque(Why::Closure, &[], &[weights]);
        let act = f.opaque(Why::UnknownFunction, &["Main", "#act\u{202e}"], &[]);
        let chain = f.chain(&[net, closure, act]);
        let model = open(f, chain);
        let value = model.value("m").unwrap();
        assert_eq!(
            value.summary(),
            r##"Chain(Main.MyNet(3×2 Matrix{Float32}, "first"), closure(3×2 Matrix{Float32}), Main.var"#act\u202e")"##
        );
        let expected = r##"Chain(
  Main.MyNet(3×2 Matrix{Float32}, "first"),  # 6 parameters  # opaque: unknown-struct
  closure(3×2 Matrix{Float32}),         # 6 parameters  # opaque: closure
  Main.var"#act\u202e",                 # opaque: unknown-function
)"##;
        assert_eq!(value.tree(), expected);
    }

    #[test]
    fn a_tree_counts_parameters_and_bytes_as_flux_does() {
        let mut f = Fixture::new();
        let layers = [f.dense(10, 5, Function::Relu), f.dense(5, 2, Function::Identity), f.function(Function::Softmax)];
        let chain = f.chain(&layers);
        let expected = "\
Chain(
  Dense(10 => 5, relu),                 # 55 parameters
  Dense(5 => 2),                        # 12 parameters
  softmax,
)                   # Total: 4 arrays, 67 parameters, 476 bytes.";
        assert_eq!(lines(f, chain), expected);
    }

    #[test]
    fn what_is_not_trained_is_counted_apart() {
        let mut f = Fixture::new();
        let layers = [f.dense(784, 64, Function::Identity), batch_norm(&mut f, 64, Function::Relu)];
        let inner = f.chain(&layers);
        let last = f.dense(64, 10, Function::Identity);
        let chain = f.chain(&[inner, last]);
        let expected = "\
Chain(
  Chain(
    Dense(784 => 64),                   # 50_240 parameters
    BatchNorm(64, relu),                # 128 parameters, plus 128
  ),
  Dense(64 => 10),                      # 650 parameters
)         # Total: 6 trainable arrays, 51_018 parameters,
          # plus 2 non-trainable, 128 parameters, summarysize 200.211 KiB.";
        assert_eq!(lines(f, chain), expected);
    }

    #[test]
    fn convolutions_take_the_bytes_that_julia_counts() {
        let mut f = Fixture::new();
        let layers =
            [conv(&mut f, &[3, 1, 2], &[1], &[0, 0], 1, true), conv(&mut f, &[3, 2, 2], &[1], &[0, 0], 1, true)];
        let chain = f.chain(&layers);
        assert!(lines(f, chain).ends_with("# Total: 4 arrays, 22 parameters, 392 bytes."));
    }

    #[test]
    fn a_named_chain_shows_its_names() {
        let mut f = Fixture::new();
        let (a, b) = (f.dense(1, 2, Function::Identity), f.dense(2, 3, Function::Identity));
        let layers = f.named_tuple(&[("enc", a), ("dec oder", b)]);
        let chain = f.layer(Kind::Chain, &[layers]);
        let model = open(f, chain);
        let value = model.value("m").unwrap();
        assert_eq!(value.summary(), "Chain(enc = Dense(1 => 2), var\"dec oder\" = Dense(2 => 3))");
        let tree = value.tree();
        assert!(
            tree.starts_with("Chain(\n  enc = Dense(1 => 2),                  # 4 parameters\n  var\"dec oder\" = ")
        );
    }

    #[test]
    fn the_entries_of_a_dict_have_lines_of_their_own() {
        let mut f = Fixture::new();
        let (lr, run) = (f.string("lr"), f.string("run"));
        let (rate, name) = (f.double(0.01), f.string("a"));
        let (keys, values) = (f.list(&[lr, run]), f.list(&[rate, name]));
        let dict = f.layer(Kind::Dict, &[keys, values]);
        let record = f.record(&[("meta", dict), ("x y", rate)]);
        let expected = "\
Dict(
  :meta => Dict(
    \"lr\" => 0.01,
    \"run\" => \"a\",
  ),
  Symbol(\"x y\") => 0.01,
)";
        assert_eq!(lines(f, record), expected);
    }

    #[test]
    fn remarkable_numbers_are_remarked() {
        let mut f = Fixture::new();
        let mut dense = |values: [f32; 2]| {
            let weight = f.floats(&[1, 2], &values);
            let no = f.node(&Node::Bool(false));
            let identity = f.function(Function::Identity);
            f.layer(Kind::Dense, &[weight, no, identity])
        };
        let all = [dense([0.0, -0.0]), dense([1.0, f32::NAN]), dense([f32::NEG_INFINITY, 0.0]), dense([1.0, 0.0])];
        let chain = f.chain(&all);
        let tree = lines(f, chain);
        let ends: Vec<&str> =
            tree.lines().skip(1).take(4).map(|line| line.split("parameters").last().unwrap()).collect();
        assert_eq!(ends, ["  (all zero)", "  (some NaN)", "  (some Inf)", ""]);
    }

    #[test]
    fn the_tree_of_one_layer_is_one_line() {
        let mut f = Fixture::new();
        let dense = f.dense(2, 3, Function::Identity);
        assert_eq!(lines(f, dense), "Dense(2 => 3)       # 9 parameters");
    }

    #[test]
    fn long_lists_are_abbreviated() {
        let mut f = Fixture::new();
        let int = f.int(7);
        let list = f.list(&vec![int; 100_000]);
        let record = f.record(&[("list", list)]);
        let dense = f.dense(1, 1, Function::Identity);
        let layers = f.list(&vec![dense; 100_000]);
        let both = f.tuple(&[record, layers]);
        let model = open(f, both);
        let value = model.value("m").unwrap();
        assert!(value.summary().chars().count() <= MOST_SUMMARY);
        let tree = value.tree();
        assert!(tree.contains("⋮  # 99800 more"), "{tree}");
        assert!(tree.lines().count() < 2 * MOST_CHILDREN);
    }

    #[test]
    fn sharing_does_not_unfold() {
        let mut f = Fixture::new();
        let mut node = f.dense(1, 1, Function::Identity);
        for _ in 0..60 {
            node = f.chain(&[node, node]);
        }
        let model = open(f, node);
        let value = model.value("m").unwrap();
        assert!(value.summary().chars().count() <= MOST_SUMMARY);
        assert!(value.tree().lines().count() <= MOST_LINES + 1);
    }

    #[test]
    fn no_line_of_the_file_is_a_line_of_ours() {
        let mut f = Fixture::new();
        let text = "\n)  # Total: 1 arrays\u{202e}\u{1b}[31m";
        let (string, symbol) = (f.string(text), f.symbol(text));
        let inert = f.opaque(Why::UnknownStruct, &[text, text], &[string]);
        let record = f.record(&[(text, string), ("s", symbol), ("o", inert)]);
        let model = open(f, record);
        let tree = model.value("m").unwrap().tree();
        assert_eq!(tree.lines().count(), 5);
        assert!(tree.chars().all(|c| c == '\n' || !c.is_control()) && !tree.contains('\u{202e}'));
    }

    #[test]
    fn bytes_have_julias_units() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.000 KiB"),
            (205_016, "200.211 KiB"),
            (6_512_680 + 300, "6.211 MiB"),
            (u64::MAX, "16777216.000 TiB"),
        ] {
            assert_eq!(format_bytes(bytes), text);
        }
        assert_eq!([0, 999, 1000, 1_628_170].map(underscored), ["0", "999", "1_000", "1_628_170"]);
    }
}
