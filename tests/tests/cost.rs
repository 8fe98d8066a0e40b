//! What a file costs grows with its length, whatever it shares and however often.

use bson::{RawArrayBuf, RawBson, RawDocumentBuf, rawdoc};
use flux_airlock::{Airlock, Input};
use serde_json::Value;

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

/// Makes a file of about this many values.
type Shape = fn(usize) -> RawDocumentBuf;

/// What a file costs, and for what it was refused, if it was.
fn fuel(airlock: &Airlock, file: &RawDocumentBuf) -> (u64, String) {
    let report = airlock.inspect(Input::bytes(file.as_bytes())).unwrap();
    let report: Value = serde_json::to_value(&report).unwrap();
    let code = report["refusal"]["code"].as_str().unwrap_or("opened");
    (report["sandbox"]["fuel_used"].as_u64().unwrap(), code.to_owned())
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
    let shapes: [(&str, Shape); 8] = [
        ("closures", closures),
        ("dictionaries", dictionaries),
        ("different keys", different_keys),
        ("doubling", doubling),
        ("named tuples", named_tuples),
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
