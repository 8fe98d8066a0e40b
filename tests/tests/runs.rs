//! Numbers that follow one another in a list are not raised one by one, and each of them is there all the same.
//!
//! What they are is told by the `bson` crate, which knows nothing of it.

use bson::{RawArrayBuf, RawBson, RawBsonRef, RawDocument, RawDocumentBuf, rawdoc};
use flux_airlock::{Airlock, Form, Input, Value};
use flux_airlock_tests::{DEFAULTS, Opened, Verdict, judged, native, well_formed};
use flux_airlock_wire::{Answer, Eltype, Limits};

use crate::support::verdict;

/// A number, or a list of such, or something else.
#[derive(Debug, PartialEq)]
enum Found {
    Number(Eltype, u64),
    List(Vec<Self>),
    Other,
}

/// What `bson` finds.
fn expected(value: RawBsonRef<'_>) -> Found {
    match value {
        RawBsonRef::Boolean(value) => Found::Number(Eltype::Bool, value.into()),
        RawBsonRef::Double(value) => Found::Number(Eltype::Float64, value.to_bits()),
        RawBsonRef::Int32(value) => Found::Number(Eltype::Int32, value.cast_unsigned().into()),
        RawBsonRef::Int64(value) => Found::Number(Eltype::Int64, value.cast_unsigned()),
        RawBsonRef::Array(list) => Found::List(list.into_iter().map(|value| expected(value.unwrap())).collect()),
        // Nothing is in either.
        RawBsonRef::Null => Found::List(Vec::new()),
        _ => Found::Other,
    }
}

/// What the decoder finds.
fn decoded(file: &[u8], opened: &Opened, node: u32) -> Found {
    let fact = &opened.nodes[usize::try_from(node).unwrap()];
    match fact.number {
        Some((eltype, offset)) => {
            let mut bits = [0; 8];
            let (at, width) = (usize::try_from(offset).unwrap(), usize::try_from(eltype.width()).unwrap());
            bits[..width].copy_from_slice(&file[at..at + width]);
            Found::Number(eltype, u64::from_le_bytes(bits))
        }
        None if fact.text.is_some() => Found::Other,
        None => Found::List(fact.children.iter().map(|&child| decoded(file, opened, child)).collect()),
    }
}

fn opened(file: &[u8], limits: &Limits) -> Opened {
    match well_formed(file, &native(file, limits), limits).unwrap() {
        Verdict::Opened(opened) => *opened,
        Verdict::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// Both find the same in the list `x`.
fn assert_found(file: &RawDocument) {
    let bytes = file.as_bytes();
    let opened = opened(bytes, &DEFAULTS);
    let (found, expected) =
        (decoded(bytes, &opened, opened.variables[0].node), expected(file.get("x").unwrap().unwrap()));
    let (Found::List(found), Found::List(expected)) = (&found, &expected) else { panic!("lists") };
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "element {i}");
    }
}

fn file(list: impl IntoIterator<Item = RawBson>) -> RawDocumentBuf {
    rawdoc! { "x": list.into_iter().collect::<RawArrayBuf>() }
}

fn int(n: i64) -> RawBson {
    RawBson::Int64(n * n - 7)
}

/// How many runs the answer has, and how many nodes.
fn counts(file: &[u8]) -> (u32, u32) {
    let answer = native(file, &DEFAULTS);
    let Ok(Answer::Opened(counts, ..)) = Answer::read(&answer) else { panic!("opened") };
    (counts.runs, counts.nodes)
}

#[test]
fn a_list_of_any_length_has_each_of_its_numbers() {
    let lengths = (0..210).chain((985..1100).step_by(3)).chain([5000, 9_999, 10_000, 10_085, 100_200, 1_000_300]);
    for len in lengths {
        assert_found(&file((0..len).map(int)));
    }
    for len in [89, 95, 170, 180, 1095, 10_400] {
        assert_found(&file((0..len).map(|n| RawBson::Double(f64::from(n) / 3.0))));
        assert_found(&file((0..len).map(|n| RawBson::Int32(n - 50))));
        assert_found(&file((0..len).map(|n| RawBson::Boolean(n % 3 == 0))));
    }
}

#[test]
fn a_long_list_of_numbers_is_a_few_runs_in_the_answer() {
    // Keys of one to six digits.
    assert_eq!(counts(file((0..300_000).map(int)).as_bytes()), (6, 1));
    // Something else among them, and they are nodes.
    let mixed = (0..1000).map(|n| if n == 700 { "x".into() } else { int(n) });
    assert_eq!(counts(file(mixed).as_bytes()), (0, 1001));
    let after = (0..1000).map(|n| if n == 999 { RawBson::Null } else { int(n) });
    assert_eq!(counts(file(after).as_bytes()), (0, 1001));
    // Two types, each of them often, and one after the other.
    let halves = (0..2000).map(|n| if n < 1500 { int(n) } else { RawBson::Double(0.5) });
    assert_eq!(counts(file(halves).as_bytes()), (5, 1));
    let turns = (0..2000).map(|n| if n % 2 == 0 { int(n) } else { RawBson::Double(0.5) });
    assert_eq!(counts(file(turns).as_bytes()), (0, 2001));
}

#[test]
fn lists_of_pieces_of_any_sort_have_each_of_their_numbers() {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..300 {
        let mut list = Vec::new();
        for _ in 0..random(6) {
            let (sort, len) = (random(12), i64::try_from(random(4).pow(4) * random(20)).unwrap());
            list.extend((0..len).map(|n| match sort {
                0..=3 => int(n),
                4..=6 => RawBson::Double(0.25),
                7 => RawBson::Int32(-1),
                8 => RawBson::Boolean(n % 2 == 0),
                9 => (0..n % 130).map(int).collect::<RawArrayBuf>().into(),
                10 => RawBson::Null,
                _ => {
                    if n % 90 == 89 {
                        "s".into()
                    } else {
                        int(n)
                    }
                }
            }));
        }
        assert_found(&file(list));
    }
}

#[test]
fn lists_one_behind_the_other_keep_their_own() {
    let list = |len| RawBson::from((0..len).map(int).collect::<RawArrayBuf>());
    // Each list ends where the next element of the outer one has the place that would be next in it.
    let nested = (0..400).map(|n| if n % 100 == 99 { list(n + 1) } else { int(n) });
    assert_found(&file(nested));
    assert_found(&file([list(300), list(300), int(5), list(0), list(90)]));
    let deep = (0..40).fold(list(200), |inner, _| RawBson::from([inner, int(3)].into_iter().collect::<RawArrayBuf>()));
    assert_found(&file([deep]));
}

#[test]
fn a_flaw_in_a_long_list_is_found_where_it_is() {
    let whole = file((0..1300).map(int));
    let whole = whole.as_bytes();
    let list = whole.windows(3).position(|bytes| bytes == b"\x120\0").unwrap();
    let mut at = list;
    for place in 0..1300 {
        let digits = usize::try_from(i32::checked_ilog10(place).unwrap_or(0) + 1).unwrap();
        for (byte, code) in [(0, "element-type"), (1, "array-key"), (digits, "array-key"), (digits + 1, "array-key")] {
            let mut file = whole.to_vec();
            file[at + byte] ^= 0x40;
            let Verdict::Refused(refusal) = judged(&file, &DEFAULTS).unwrap() else { panic!("byte {byte} of {place}") };
            assert_eq!(
                (refusal.code.name(), usize::try_from(refusal.offset)),
                (code, Ok(at)),
                "byte {byte} of {place}"
            );
        }
        at += digits + 10;
    }
    for cut in (list..whole.len()).step_by(7) {
        let Verdict::Refused(refusal) = judged(&whole[..cut], &DEFAULTS).unwrap() else { panic!("cut at {cut}") };
        assert_eq!(refusal.code.name(), "truncated");
    }
}

#[test]
fn limits_count_each_number() {
    for len in [100, 500, 1500] {
        let file = file((0..len).map(|n| int(n.into())));
        let file = file.as_bytes();
        // The file's document is not counted, the list is.
        let fits = |limits: Limits| match verdict(file, &limits).unwrap() {
            Verdict::Opened(_) => None,
            Verdict::Refused(refusal) => Some((refusal.code.name(), refusal.offset)),
        };
        assert_eq!(fits(Limits { elements: len + 1, nodes: len + 1, ..DEFAULTS }), None);
        let digits = u32::checked_ilog10(len - 1).unwrap() + 1;
        let last = u32::try_from(file.len()).unwrap() - 2 - 10 - digits;
        assert_eq!(fits(Limits { elements: len, ..DEFAULTS }), Some(("elements-limit", last)));
        for nodes in [0, 1, 9, 10, 11, len - 1, len] {
            let Some((code, offset)) = fits(Limits { nodes, ..DEFAULTS }) else { panic!("{nodes} nodes") };
            // The element that is too much, or the first of its run.
            assert!(code == "nodes-limit" && offset <= 11 + 13 * nodes, "{code} at {offset} with {nodes} nodes");
        }
        for answer_bytes in 0..30 {
            let found = fits(Limits { answer_bytes, ..DEFAULTS });
            assert!(matches!(found, None | Some(("answer-bytes-limit", _))), "{answer_bytes} bytes: {found:?}");
        }
    }
}

#[test]
fn where_places_have_a_meaning_each_number_has_its_own() {
    let numbers = || (0..300).map(int).collect::<RawArrayBuf>();
    let backref = |index: i64| RawBson::from(rawdoc! { "tag": "backref", "ref": index });
    let shared = rawdoc! { "x": [backref(1), backref(95), backref(300), backref(95)], "_backrefs": numbers() };
    let bytes = shared.as_bytes();
    let shared = opened(bytes, &DEFAULTS);
    let list = &shared.nodes[usize::try_from(shared.variables[0].node).unwrap()].children;
    let found: Vec<Found> = list.iter().map(|&node| decoded(bytes, &shared, node)).collect();
    let number = |n: i64| expected(int(n).as_raw_bson_ref());
    assert_eq!(found, [number(0), number(94), number(299), number(94)]);
    assert_eq!(list[1], list[3], "what is shared is one");

    // Fields of a struct, a tuple's elements, an array with a size.
    let ty = rawdoc! { "tag": "datatype", "params": numbers(), "name": ["Main", "T"] };
    let fields = rawdoc! { "tag": "struct", "type": ty, "data": numbers() };
    let tuple = rawdoc! { "tag": "tuple", "data": numbers() };
    let any = rawdoc! { "tag": "datatype", "params": [], "name": ["Core", "Any"] };
    let array = rawdoc! { "tag": "array", "type": any, "size": [3_i64, 100_i64], "data": numbers() };
    for value in [fields, tuple, array] {
        let file = rawdoc! { "x": value };
        let opened = opened(file.as_bytes(), &DEFAULTS);
        let Found::List(found) = decoded(file.as_bytes(), &opened, opened.variables[0].node) else { panic!("values") };
        assert_eq!(found, (0..300).map(number).collect::<Vec<_>>());
    }
}

#[test]
fn each_number_of_a_long_list_is_a_value_of_the_model() {
    let model = Airlock::new()
        .unwrap()
        .open_unverified(Input::bytes(
            rawdoc! {
                "y": [1_i64, 2_i64],
                "x": (0..20_000).map(|n| RawBson::Double(f64::from(n))).collect::<RawArrayBuf>(),
                "z": (0..150_i64).map(RawBson::Int64).collect::<RawArrayBuf>(),
            }
            .into_bytes(),
        ))
        .unwrap();
    let x = model.variables().find(|variable| variable.name == Some("x")).unwrap().value;
    let Form::List(values) = x.form() else { panic!("a list") };
    assert_eq!(values.len(), 20_000);
    assert!(values.clone().zip(0..).all(|(value, n)| value.as_f64() == Some(f64::from(n))));
    let last = values.get(19_999).unwrap();
    assert_eq!((last.path(), last.as_f64()), ("x[20000]".to_owned(), Some(19_999.0)));
    assert_eq!(model.value("x[20000]").map(|value| value.id()), Some(last.id()));
    assert!(model.value("x[20001]").is_none() && model.value("x[20000][1]").is_none());
    let z = model.value("z[77]").unwrap();
    assert_eq!((z.path(), z.as_i64()), ("z[77]".to_owned(), Some(76)));

    // Every id is a node, each once.
    let count = u32::try_from(model.node_count()).unwrap();
    assert_eq!(count, 20_000 + 150 + 2 + 3);
    let nodes = (0..count).filter_map(|id| model.node(id));
    assert!(nodes.clone().zip(0..).all(|(node, id)| node.id() == id));
    assert!(nodes.clone().all(|node| node.values().all(|part| part.id() < node.id())), "parts come first");
    let numbers = (0..count).filter(|id| model.node(*id).is_some_and(|node| matches!(node.form(), Form::Scalar(_))));
    assert_eq!(numbers.count(), 20_152);
    assert!(model.node(count).is_none());

    // A report lists the first, in order.
    let paths: Vec<String> = model.scalars().map(|value: Value<'_>| value.path()).collect();
    assert_eq!((paths.len(), model.scalars_more()), (10_000, 10_152));
    assert_eq!([&paths[0], &paths[1], &paths[2], &paths[9_999]], ["y[1]", "y[2]", "x[1]", "x[9998]"]);
    let only = model.only("z").unwrap().unwrap();
    assert_eq!(only.scalars().len(), 150);
    assert_eq!(only.scalars().last().unwrap().path(), "z[150]");
}
