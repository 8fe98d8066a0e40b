//! What a closure does is concluded from its statements, and a near miss is no hit.
//!
//! Each near miss is a genuine file with a few bytes of one closure's code changed, to other code that Julia could have
//! lowered. A wrong conclusion would give a user a model that computes something else.

use bson::{RawBson, rawdoc};
use flux_airlock::{Airlock, Form, Input};
use flux_airlock_tests::{DEFAULTS, Opened, Verdict};
use flux_airlock_wire::{Kind, NoteCode, Why};

use crate::cost::{datatype, list, structure, symbol, type_name};
use crate::support::{corpus, read, verdict};

/// Julia 1.10 saves what names are bound to; Julia 1.5 does not.
const BOUND: &str = "flux-0.16.9";
const BY_NAME: &str = "flux-0.11.6";

#[test]
fn genuine_closures_are_recognised() {
    for (folder, note) in [(BOUND, NoteCode::ClosureRecognised), (BY_NAME, NoteCode::ClosureByName)] {
        for (case, count) in [("anon_layer", 1), ("gan", 2), ("skip_closure", 1), ("unet", 1)] {
            let opened = open(&genuine(folder, case));
            let found = opened.notes.iter().filter(|found| found.code == note).count();
            assert_eq!((found, closures(&opened)), (count, 0), "{folder}/{case}");
        }
    }
}

#[test]
fn a_closure_over_an_array_keeps_it() {
    for folder in [BOUND, BY_NAME] {
        let opened = open(&genuine(folder, "closure_array"));
        let closure = opened.nodes.iter().find(|node| node.opaque == Some(Why::Closure)).unwrap();
        let captured = &opened.nodes[usize::try_from(closure.children[0]).unwrap()];
        assert!(captured.tensor.is_some(), "{folder}");
    }
}

#[test]
fn a_composition_of_old_julias_is_one_of_new() {
    for folder in ["flux-0.8.3", BY_NAME, "flux-0.13.17", BOUND] {
        let opened = open(&genuine(folder, "fix2"));
        let composed = opened.nodes.iter().filter(|node| node.kind == Some(Kind::ComposedFunction)).count();
        assert_eq!((composed, closures(&opened)), (1, 0), "{folder}");
    }
}

#[test]
fn flatten_is_over_the_fourth_dimension() {
    for folder in [BOUND, BY_NAME] {
        // size(x, 4), an int64 in the statement, becomes size(x, 3).
        near_miss(folder, "anon_layer", &int64("2", 4), &int64("2", 3));
    }
}

#[test]
fn an_argument_is_not_another() {
    let slot = |n| [&b"SlotNumber\0\0\0\x04data\0\x10\0\0\0"[..], &int64("0", n)].concat();
    for folder in [BOUND, BY_NAME] {
        near_miss(folder, "anon_layer", &slot(2), &slot(1));
        near_miss(folder, "anon_layer", &slot(2), &slot(3));
        near_miss(folder, "skip_closure", &slot(2), &slot(3));
    }
}

#[test]
fn a_result_is_not_an_intermediate() {
    let value = |n| [&b"SSAValue\0\0\0\x04data\0\x10\0\0\0"[..], &int64("0", n)].concat();
    near_miss(BOUND, "anon_layer", &value(3), &value(2));
    near_miss(BOUND, "anon_layer", &value(1), &value(2));
    near_miss(BY_NAME, "anon_layer", &value(2), &value(1));
}

#[test]
fn a_name_that_is_bound_to_something_else_is_something_else() {
    for (from, to) in [("#reshape", "#reshapf"), ("#size", "#sizf")] {
        near_miss(BOUND, "anon_layer", from.as_bytes(), to.as_bytes());
    }
    near_miss(BOUND, "resnet_block", b"#relu\0\0", b"#belu\0\0");
    near_miss(BOUND, "skip_closure", b"\x05\0\0\0#cat\0", b"\x05\0\0\0#cut\0");
}

#[test]
fn a_name_of_another_module_is_not_bases() {
    // GlobalRef(Main, :reshape) becomes GlobalRef(Mine, :reshape).
    let module = |name: &str| [b"path\0\x11\0\0\0\x020\0\x05\0\0\0", name.as_bytes()].concat();
    near_miss(BY_NAME, "anon_layer", &module("Main"), &module("Mine"));
}

#[test]
fn a_name_that_the_author_took_is_the_authors() {
    for (case, name) in [("anon_layer", "#reshape"), ("anon_layer", "#size"), ("skip_closure", "#cat")] {
        let file = genuine(BY_NAME, case);
        assert_eq!(closures(&open(&file)), 0, "{case}");
        assert!(closures(&open(&with_own_function(&file, name))) > 0, "{case} with {name}");
    }
}

#[test]
fn statements_that_are_not_known_end_it() {
    for folder in [BOUND, BY_NAME] {
        near_miss(folder, "anon_layer", b"\x05\0\0\0call\0", b"\x05\0\0\0kall\0");
        near_miss(folder, "skip_closure", b"\x05\0\0\0dims\0", b"\x05\0\0\0dimz\0");
    }
}

/// What the closure of these statements is: `None` where it is not recognised, otherwise its one variable in a line.
fn made(statements: impl IntoIterator<Item = RawBson>) -> Option<String> {
    let ty = rawdoc! { "tag": "jl_anonymous", "params": [], "typename": type_name(list(statements)) };
    let file = rawdoc! { "f": structure(ty.into(), []) };
    let model = Airlock::new().unwrap().open_unverified(Input::bytes(file.as_bytes())).unwrap();
    let f = model.value("f").unwrap();
    (!matches!(f.form(), Form::Opaque(_))).then(|| f.summary())
}

fn part(name: &str, data: impl IntoIterator<Item = RawBson>) -> RawBson {
    structure(datatype(&format!("Core.{name}"), list([])), data)
}

fn global(module: &str, name: &str) -> RawBson {
    part("GlobalRef", [rawdoc! { "tag": "ref", "path": [module] }.into(), symbol(name)])
}

fn call(callee: RawBson, arguments: impl IntoIterator<Item = RawBson>) -> RawBson {
    part("Expr", [symbol("call"), list([callee].into_iter().chain(arguments)).into()])
}

/// A name of Base's, called.
fn base(name: &str, arguments: impl IntoIterator<Item = RawBson>) -> RawBson {
    call(global("Base", name), arguments)
}

/// What the statement of this number gave.
fn value(number: i64) -> RawBson {
    part("SSAValue", [number.into()])
}

fn x() -> RawBson {
    part("SlotNumber", [2_i64.into()])
}

fn colon() -> RawBson {
    global("Base", ":")
}

fn returns(number: i64) -> RawBson {
    part("ReturnNode", [value(number)])
}

fn int(n: i64) -> RawBson {
    n.into()
}

#[test]
fn slices_are_recognised_and_their_near_misses_are_not() {
    let slice = |statements: Vec<RawBson>| made(statements).filter(|text| text.starts_with("x -> x["));
    let last = |along: i64, from: RawBson| {
        vec![base("lastindex", [from, int(along)]), base("getindex", [x(), colon(), value(1)]), returns(2)]
    };
    assert_eq!(slice(last(2, x())).as_deref(), Some("x -> x[:, end]"));
    // The end of another dimension, or of something else, is another place.
    assert_eq!(slice(last(1, x())), None);
    assert_eq!(slice(last(2, part("SlotNumber", [int(1)]))), None);
    let whole = |index: RawBson| vec![base("lastindex", [x()]), base("getindex", [x(), index]), returns(2)];
    assert_eq!(slice(whole(value(1))).as_deref(), Some("x -> x[end]"));
    assert_eq!(slice(vec![base("lastindex", [x()]), base("getindex", [x(), colon(), value(1)]), returns(2)]), None);
    let range = |name: &str, last: RawBson| {
        vec![base(name, [int(2), last]), base("getindex", [x(), value(1), colon(), int(3)]), returns(2)]
    };
    assert_eq!(slice(range(":", int(4))).as_deref(), Some("x -> x[2:4, :, 3]"));
    assert_eq!(slice(range("colon", int(4))), None);
    assert_eq!(slice(range(":", RawBson::Double(4.5))), None);
    assert_eq!(slice(range(":", x())), None);
    // A range with a step, an index that is no integer, none at all, and a view.
    assert_eq!(slice(vec![base(":", [int(1), int(2), int(5)]), base("getindex", [x(), value(1)]), returns(2)]), None);
    assert_eq!(slice(vec![base("getindex", [x(), RawBson::Double(1.0)]), returns(1)]), None);
    assert_eq!(slice(vec![base("getindex", [x()]), returns(1)]), None);
    assert_eq!(slice(vec![base("view", [x(), int(1)]), returns(1)]), None);
    assert_eq!(slice(vec![base("getindex", [int(1), x()]), returns(1)]), None);
    assert_eq!(slice(vec![call(global("Mine", "getindex"), [x(), int(1)]), returns(1)]), None);
    // A statement more, whose value nobody needs.
    assert_eq!(slice(vec![base("size", [x()]), base("getindex", [x(), int(1)]), returns(2)]), None);
    assert_eq!(slice(vec![base("getindex", [x(), int(1), colon()]), returns(1)]).as_deref(), Some("x -> x[1, :]"));
}

#[test]
fn permutations_are_recognised_and_their_near_misses_are_not() {
    let vector = |name: &str, perm: &[i64]| {
        made([base(name, perm.iter().map(|&n| int(n))), base("permutedims", [x(), value(1)]), returns(2)])
    };
    assert_eq!(vector("vect", &[2, 1, 3]).as_deref(), Some("x -> permutedims(x, (2, 1, 3))"));
    assert_eq!(vector("vcat", &[2, 1, 3]), None);
    assert_eq!(vector("hcat", &[2, 1, 3]), None);
    let tuple = [call(global("Core", "tuple"), [int(2), int(1)]), base("permutedims", [x(), value(1)]), returns(2)];
    assert_eq!(made(tuple).as_deref(), Some("x -> permutedims(x, (2, 1))"));
    assert_eq!(made([base("permutedims", [x()]), returns(1)]).as_deref(), Some("permutedims"));
    assert_eq!(made([base("permutedims!", [x()]), returns(1)]), None);
    assert_eq!(made([base("permutedims", [part("SlotNumber", [int(1)])]), returns(1)]), None);
    assert_eq!(made([base("vect", [int(2), x()]), base("permutedims", [x(), value(1)]), returns(2)]), None);
}

/// The file with `from` replaced wherever it stands has a closure where the genuine one has a known function.
fn near_miss(folder: &str, case: &str, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut file = genuine(folder, case);
    let genuine = closures(&open(&file));
    let mut changed = 0;
    for at in 0..file.len().saturating_sub(from.len()) {
        if file[at..].starts_with(from) {
            file[at..at + to.len()].copy_from_slice(to);
            changed += 1;
        }
    }
    let what = format!("{folder}/{case}: {} for {}", to.escape_ascii(), from.escape_ascii());
    assert!(changed > 0, "{what}: nothing to change");
    assert!(closures(&open(&file)) > genuine, "{what}: still recognised");
}

fn genuine(folder: &str, case: &str) -> Vec<u8> {
    read(&corpus("accept").join(folder).join(format!("{case}.bson")))
}

fn open(file: &[u8]) -> Opened {
    match verdict(file, &DEFAULTS).unwrap() {
        Verdict::Opened(opened) => *opened,
        Verdict::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

fn closures(opened: &Opened) -> usize {
    opened.nodes.iter().filter(|node| node.opaque == Some(Why::Closure)).count()
}

/// An element of an array: an int64.
fn int64(key: &str, value: i64) -> Vec<u8> {
    [&[0x12], key.as_bytes(), &[0], &value.to_le_bytes()].concat()
}

/// The file with one more variable, a function of this name that was defined in `Main`.
fn with_own_function(file: &[u8], name: &str) -> Vec<u8> {
    let string = |key: &str, text: &str| {
        let len = u32::try_from(text.len() + 1).unwrap().to_le_bytes();
        [&[0x02], key.as_bytes(), &[0], &len, text.as_bytes(), &[0]].concat()
    };
    let container = |kind: u8, key: &str, elements: &[Vec<u8>]| {
        let elements = elements.concat();
        let len = u32::try_from(elements.len() + 5).unwrap().to_le_bytes();
        [&[kind], key.as_bytes(), &[0], &len, &elements[..], &[0]].concat()
    };
    let path = container(0x04, "name", &[string("0", "Main"), string("1", name)]);
    let ty = container(0x03, "type", &[string("tag", "datatype"), container(0x04, "params", &[]), path]);
    let function = container(0x03, "own", &[string("tag", "struct"), ty, container(0x04, "data", &[])]);
    let len = u32::try_from(file.len() + function.len()).unwrap().to_le_bytes();
    [&len, &function[..], &file[4..]].concat()
}
