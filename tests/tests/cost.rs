//! What a file costs grows with its length, whatever it shares and however often.

use bson::{RawArrayBuf, RawBson, RawDocumentBuf, rawdoc};
use flux_airlock::{Airlock, Input, Limits, SandboxFigures};

use crate::support::none;

pub(crate) fn list(items: impl IntoIterator<Item = RawBson>) -> RawArrayBuf {
    items.into_iter().collect()
}

fn backref(index: i64) -> RawBson {
    rawdoc! { "tag": "backref", "ref": index }.into()
}

pub(crate) fn symbol(name: &str) -> RawBson {
    rawdoc! { "tag": "symbol", "name": name }.into()
}

pub(crate) fn datatype(path: &str, params: RawArrayBuf) -> RawBson {
    let name = list(path.split('.').map(RawBson::from));
    rawdoc! { "tag": "datatype", "params": params, "name": name }.into()
}

pub(crate) fn structure(ty: RawBson, data: impl IntoIterator<Item = RawBson>) -> RawBson {
    rawdoc! { "tag": "struct", "type": ty, "data": list(data) }.into()
}

fn tuple(items: impl IntoIterator<Item = RawBson>) -> RawBson {
    rawdoc! { "tag": "tuple", "data": list(items) }.into()
}

fn numbers(count: usize) -> RawArrayBuf {
    list((0..count).map(|_| RawBson::Int64(1)))
}

/// Many values that share what stands under `_backrefs`.
fn sharing(count: usize, value: impl Fn() -> RawBson, entries: impl IntoIterator<Item = RawBson>) -> RawDocumentBuf {
    rawdoc! { "m": list((0..count).map(|_| value())), "_backrefs": list(entries) }
}

/// Closures over one body of so many statements.
fn closures(count: usize) -> RawDocumentBuf {
    closures_over(count, count)
}

/// So many closures over one body of so many statements.
fn closures_over(count: usize, statements: usize) -> RawDocumentBuf {
    let plus = || {
        let module = rawdoc! { "tag": "ref", "path": ["Main"] };
        structure(datatype("Core.GlobalRef", list([])), [module.into(), symbol("+")])
    };
    let statement = || {
        structure(datatype("Core.Expr", list([])), [symbol("call"), list([plus(), 1_i64.into(), 2_i64.into()]).into()])
    };
    let ty = || rawdoc! { "tag": "jl_anonymous", "params": [], "typename": backref(1) };
    let code = type_name(list((0..statements).map(|_| statement())));
    sharing(count, || structure(ty().into(), []), [code])
}

/// The description of a closure's type, as Julia 1.6 has it, with these statements and one argument.
pub(crate) fn type_name(statements: RawArrayBuf) -> RawBson {
    let svec = || RawBson::from(rawdoc! { "tag": "svec", "data": [] });
    let code = structure(
        datatype("Core.CodeInfo", list([])),
        [statements.into()].into_iter().chain((0..17).map(|_| RawBson::Null)),
    );
    let module = || RawBson::from(rawdoc! { "tag": "ref", "path": ["Main"] });
    let method = [module(), symbol("f"), symbol("x.jl"), 1_i32.into(), datatype("Core.Tuple", list([]))];
    let method = method.into_iter().chain(["a".into(), 2_i64.into(), false.into(), 0_i64.into(), code]);
    let methods = list([structure(datatype("Core.Method", list([])), method)]);
    let name =
        ["1.6.1".into(), symbol("#1#2"), svec(), datatype("Core.Function", list([])), svec(), svec(), true.into()];
    let table = list([symbol("f"), methods.into(), 2_i64.into(), RawBson::Null]);
    let name = name.into_iter().chain([false.into(), false.into(), 0_i64.into(), table.into()]);
    structure(datatype("Core.TypeName", list([])), name)
}

fn named_tuples(count: usize) -> RawDocumentBuf {
    let names = tuple((0..count).map(|i| symbol(&format!("name{i}"))));
    let ty = datatype("Core.NamedTuple", list([names, datatype("Core.Tuple", list([]))]));
    sharing(count, || structure(backref(1), [1_i64.into()]), [ty])
}

fn types_of_many_parameters(count: usize) -> RawDocumentBuf {
    sharing(count, || structure(backref(1), [1_i64.into()]), [datatype("Main.T", numbers(count))])
}

fn types_of_long_paths(count: usize) -> RawDocumentBuf {
    let path = list((0..count).map(|_| RawBson::from("x")));
    let ty = rawdoc! { "tag": "datatype", "params": [], "name": path };
    sharing(count, || structure(backref(1), [1_i64.into()]), [ty.into()])
}

fn dictionaries(count: usize) -> RawDocumentBuf {
    let value = || structure(datatype("Main.Base.Dict", list([])), [backref(1), backref(1)]);
    sharing(count, value, [numbers(count).into()])
}

fn views(count: usize) -> RawDocumentBuf {
    let value = || {
        structure(
            datatype("Main.Base.SubArray", numbers(5)),
            [backref(1), tuple([1_i64.into()]), 0_i64.into(), 1_i64.into()],
        )
    };
    sharing(count, value, [numbers(count).into()])
}

fn doubling(count: usize) -> RawDocumentBuf {
    // As deep as is granted, many times over.
    let chain = |start: usize| (0..100).map(move |i| if i == 99 { 1_i64.into() } else { doubled(start * 100 + i + 2) });
    let starts = (0..count / 100).map(|start| backref(i64::try_from(start * 100 + 1).unwrap()));
    rawdoc! { "m": list(starts), "_backrefs": list((0..count / 100).flat_map(chain)) }
}

fn doubled(index: usize) -> RawBson {
    let index = i64::try_from(index).unwrap();
    tuple([backref(index), backref(index)])
}

fn different_keys(count: usize) -> RawDocumentBuf {
    let key = |i: usize| bson::raw::CString::try_from(format!("key{i}")).unwrap();
    (0..count).map(|i| (key(i), RawBson::Null)).collect()
}

fn different_long_keys(count: usize) -> RawDocumentBuf {
    let key = |i: usize| bson::raw::CString::try_from(format!("a name of more than fifteen bytes {i}")).unwrap();
    (0..count).map(|i| (key(i), RawBson::Null)).collect()
}

/// Symbols that differ in one byte, and not in the last ones.
fn different_symbols(count: usize) -> RawDocumentBuf {
    rawdoc! { "m": list((0..count).map(|i| symbol(&format!("{i:06}........"))) ) }
}

/// Dictionaries in dictionaries, as deep as is granted, with an array in each.
fn paths(count: usize) -> RawDocumentBuf {
    let deep = (0..100).fold(array(&[1]), |inner, _| rawdoc! { "key": inner, "other": array(&[2]) }.into());
    rawdoc! { "m": list((0..count / 100).map(|_| deep.clone())) }
}

fn array(bytes: &[u8]) -> RawBson {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() }.into()
}

/// Arrays, which are all compared with each other for overlaps.
fn arrays(count: usize) -> RawDocumentBuf {
    rawdoc! { "m": list((0..count).map(|i| array(&i.to_le_bytes()))) }
}

/// Arrays of Tracker: each has a gradient beside it.
fn asides(count: usize) -> RawDocumentBuf {
    let numbers = || rawdoc! { "tag": "array", "type": datatype("Core.Float32", list([])), "size": [1_i64], "data": array(&[0; 4]) };
    let tracked = || {
        let call = structure(datatype("Flux.Tracker.Call", list([])), [RawBson::Null, tuple([])]);
        let tracker = structure(
            datatype("Flux.Tracker.Tracked", list([])),
            [0_i64.into(), call, true.into(), numbers().into(), numbers().into()],
        );
        structure(datatype("Flux.Tracker.TrackedArray", list([])), [tracker, numbers().into(), numbers().into()])
    };
    rawdoc! { "m": list((0..count).map(|_| tracked())) }
}

/// Every entry is met once.
fn entries(count: usize) -> RawDocumentBuf {
    let references = (1..=count).map(|index| backref(i64::try_from(index).unwrap()));
    rawdoc! { "m": list(references), "_backrefs": list((0..count).map(|_| tuple([]))) }
}

/// No entry is ever met.
fn dead_entries(count: usize) -> RawDocumentBuf {
    rawdoc! { "m": 1_i64, "_backrefs": list((0..count).map(|_| datatype("Core.Float32", list([])))) }
}

/// Makes a file of about this many values.
type Shape = fn(usize) -> RawDocumentBuf;

/// What a file costs, and for what it was refused, if it was.
fn fuel(airlock: &Airlock, file: &RawDocumentBuf) -> (u64, String) {
    let (figures, code) = cost(airlock, file.as_bytes().to_vec());
    (figures.fuel_used, code)
}

fn cost(airlock: &Airlock, file: Vec<u8>) -> (SandboxFigures, String) {
    let report = airlock.inspect(Input::bytes(file)).unwrap();
    let code = report.refusal.as_ref().map_or("opened", |refusal| refusal.code.as_str());
    (report.sandbox.unwrap(), code.to_owned())
}

/// A list of so many integers, with something else behind them or without.
fn integers(count: usize, has_other: bool) -> Vec<u8> {
    let mut elements = Vec::new();
    for i in 0..count {
        elements.push(0x12);
        elements.extend_from_slice(format!("{i}\0").as_bytes());
        elements.extend_from_slice(&i.to_le_bytes());
    }
    if has_other {
        elements.extend_from_slice(format!("\x0a{count}\0").as_bytes());
    }
    variable(0x04, &document(&elements))
}

/// An array of so many bytes, which cost no memory until they are looked at.
fn weights(count: usize) -> Vec<u8> {
    let len = u32::try_from(count).unwrap().to_le_bytes();
    let head = variable(0x05, &[&len[..], &[0]].concat());
    let mut file = vec![0; head.len() + count];
    file[..head.len() - 1].copy_from_slice(&head[..head.len() - 1]);
    let len = u32::try_from(file.len()).unwrap();
    file[..4].copy_from_slice(&len.to_le_bytes());
    file
}

fn variable(kind: u8, value: &[u8]) -> Vec<u8> {
    document(&[&[kind, b'x', 0], value].concat())
}

fn document(elements: &[u8]) -> Vec<u8> {
    let len = u32::try_from(elements.len() + 5).unwrap().to_le_bytes();
    [&len[..], elements, &[0]].concat()
}

#[test]
fn cost_follows_elements() {
    let limits = Limits::builder().elements((1 << 24) - 1).nodes((1 << 24) - 1).memory_bytes(2 << 30);
    let limits = limits.answer_bytes(256 << 20).build().unwrap();
    let airlock = Airlock::builder().limits(limits).build().unwrap();
    // Numbers alone are runs, which need no memory; with one other element, each is a node, and has some room in memory
    // whether or not it is used.
    for (has_other, bytes) in [(false, 0), (true, 120)] {
        let of = |count: u32| {
            let (figures, code) = cost(&airlock, integers(usize::try_from(count).unwrap(), has_other));
            assert_eq!(code, "opened");
            [figures.fuel_used, figures.memory_bytes].map(|cost| cost / u64::from(count))
        };
        let (small, large) = (of(20_000), of(2_000_000));
        // Each element costs about the same: keys of more than six digits are compared in two parts.
        assert!(large[0] <= small[0] * 4 / 3, "fuel {small:?}, then {large:?}");
        assert!(large[1] <= bytes, "bytes {large:?}");
    }
}

#[test]
fn cost_does_not_follow_weights() {
    let airlock = Airlock::new().unwrap();
    let of = |bytes| {
        let (figures, code) = cost(&airlock, weights(bytes));
        assert_eq!(code, "opened");
        (figures.fuel_used, figures.memory_bytes)
    };
    let (fuel, memory) = of(1 << 20);
    for bytes in [1 << 22, 1 << 28, 1 << 30] {
        let (found, found_memory) = of(bytes);
        // Larger numbers have more digits.
        assert!(found <= fuel + 100 && found_memory == memory, "{bytes}: {found}, {fuel} before");
    }
}

#[test]
fn a_million_entries_open() {
    let limits = Limits::builder().elements((1 << 24) - 1).build().unwrap();
    let airlock = Airlock::builder().limits(limits).build().unwrap();
    for shape in [entries as Shape, dead_entries] {
        let ((some, _), (all, code)) = (fuel(&airlock, &shape(10_000)), fuel(&airlock, &shape(1_000_000)));
        assert!(code == "opened" && all <= some * 120, "{code}: {some}, then {all}");
    }
}

#[test]
fn many_closures_over_one_body_look_at_it_once() {
    let airlock = Airlock::new().unwrap();
    // As many statements as are looked at, and hardly any: the bodies themselves are a small part of either file.
    let ((many, _), (few, _)) = (fuel(&airlock, &closures_over(5000, 60)), fuel(&airlock, &closures_over(5000, 1)));
    assert!(many < few + few / 10, "{few} with one statement, {many} with many");
}

#[test]
fn twice_the_file_costs_about_twice_the_fuel() {
    let airlock = Airlock::new().unwrap();
    let shapes: [(&str, Shape); 15] = [
        ("arrays", arrays),
        ("asides", asides),
        ("closures", closures),
        ("dead entries", dead_entries),
        ("dictionaries", dictionaries),
        ("different keys", different_keys),
        ("different long keys", different_long_keys),
        ("different symbols", different_symbols),
        ("entries", entries),
        ("doubling", doubling),
        ("named tuples", named_tuples),
        ("paths", paths),
        ("types of long paths", types_of_long_paths),
        ("types of many parameters", types_of_many_parameters),
        ("views", views),
    ];
    let mut failures = Vec::new();
    for (name, shape) in shapes {
        let ((once, _), (twice, code)) = (fuel(&airlock, &shape(1500)), fuel(&airlock, &shape(3000)));
        // A type's path is spelled out at every value that has it, up to a limit.
        let is_bounded = name == "types of long paths" && code.ends_with("-limit");
        if twice > once * 5 / 2 || code != "opened" && !is_bounded {
            failures.push(format!("{name}: {once}, then {twice}: {code}"));
        }
    }
    none(&failures);
}
