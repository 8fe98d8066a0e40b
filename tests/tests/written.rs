//! Which BSON.jl wrote a file: what its own forms prove, and nothing else.

use bson::{RawBson, RawDocumentBuf, rawdoc};
use flux_airlock::{Airlock, Input};

use crate::cost::{datatype, list, structure};
use crate::support::read;

fn bson_jl(file: &RawDocumentBuf) -> Option<String> {
    let report = Airlock::new().unwrap().inspect(Input::bytes(file.as_bytes())).unwrap();
    assert!(report.refusal.is_none(), "{:?}", report.refusal);
    report.written_by().bson_jl
}

/// A file of one value whose type is this.
fn of(ty: RawBson) -> RawDocumentBuf {
    rawdoc! { "x": structure(ty, [1_i64.into()]) }
}

fn plain(path: &str) -> RawBson {
    datatype(path, list([]))
}

#[test]
fn the_range_is_what_every_form_in_the_file_allows() {
    let pair = |path: &str| rawdoc! { "x": structure(plain(path), [list([]).into(), list([]).into()]) };
    let shared = |entry: RawBson, value: RawBson| rawdoc! { "x": value, "_backrefs": list([entry]) };
    let backref = || RawBson::from(rawdoc! { "tag": "backref", "ref": 1_i64 });
    let numbers = rawdoc! {
        "tag": "array", "type": plain("Core.Int64"), "size": [1_i64],
        "data": RawBson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1; 8] })
    };
    let packed = rawdoc! { "tag": "datatype", "params": numbers, "name": ["P", "T"] };
    let tuple = || RawBson::from(rawdoc! { "tag": "tuple", "data": [1_i64] });
    for (file, expected) in [
        (rawdoc! { "x": 1_i64 }, None),
        (of(plain("P.T")), None),
        (of(plain("T")), Some("0.1.0–0.2.0")),
        (of(plain("Main.T")), Some("0.2.1–")),
        (of(packed.into()), Some("0.1.1–")),
        (pair("Base.Dict"), Some("0.1.4–")),
        (pair("Base.IdDict"), Some("0.2.6–")),
        (rawdoc! { "x": structure(plain("BSON.Undef"), []) }, Some("0.3.8–")),
        (shared(plain("P.T"), structure(backref(), [])), Some("0.2.2–")),
        (shared(tuple(), backref()), Some("0.1.0–0.2.4")),
        (shared(tuple(), structure(plain("Main.T"), [backref()])), Some("0.2.1–0.2.4")),
        // An array is shared by every version.
        (shared(list([]).into(), backref()), None),
        // No version writes both.
        (rawdoc! { "x": list([structure(plain("T"), []), structure(plain("Main.T"), [])]) }, None),
    ] {
        assert_eq!(bson_jl(&file).as_deref(), expected, "{file:?}");
    }
}

/// The three numbers of a version.
fn version(text: &str) -> [u32; 3] {
    let numbers: Vec<u32> = text.split('.').map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

#[test]
fn the_bson_jl_that_wrote_a_genuine_file_is_in_the_range() {
    let mut bounded = 0;
    for path in crate::genuine::genuine() {
        let truth: serde_json::Value = serde_json::from_slice(&read(&path.with_extension("json"))).unwrap();
        let truth = version(truth["bson_jl"].as_str().unwrap());
        let file = RawDocumentBuf::from_bytes(read(&path)).unwrap();
        let Some(range) = bson_jl(&file) else { continue };
        let (first, last) = range.split_once('–').unwrap_or((&range, &range));
        assert!(version(first) <= truth, "{}: {range}", path.display());
        assert!(last.is_empty() || truth <= version(last), "{}: {range}", path.display());
        bounded += 1;
    }
    // Nearly every file has types that are back references, or a function of Base.
    assert!(bounded > 200, "{bounded}");
}
