//! What a description of types does to a real answer, in paths, reports, exports and trees alike.

use flux_airlock::{Airlock, Form, Input, Kind, Model, TypeMap, Value};
use flux_airlock_export::{Safetensors, Spec};
use serde_json::{Value as Json, json};

use crate::support::{corpus, read};

/// The example of the documentation.
fn example() -> TypeMap {
    let text = include_str!("../../docs/types.md");
    let block = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    TypeMap::parse(block).unwrap()
}

fn open(bytes: Vec<u8>, types: TypeMap) -> Model {
    let airlock = Airlock::builder().types(types).build().unwrap();
    airlock.open_unverified(Input::bytes(bytes)).unwrap()
}

fn made() -> Vec<u8> {
    read(&corpus("accept/made/own_structs.bson"))
}

fn report(model: &Model) -> Json {
    serde_json::from_str(&model.report().to_json()).unwrap()
}

/// The paths of all arrays: in a report, by which the model finds them, and in both exports.
fn paths(model: &Model) -> Vec<String> {
    let paths: Vec<String> = model.tensors().map(|tensor| tensor.path().to_owned()).collect();
    for path in &paths {
        assert_eq!(model.tensor(path).map(|tensor| tensor.path().to_owned()).as_ref(), Some(path));
    }
    let of_report: Vec<Json> = report(model)["tensors"].as_array().unwrap().iter().map(|t| t["path"].clone()).collect();
    assert_eq!(json!(of_report), json!(paths));
    let (mut spec, mut file) = (Vec::new(), Vec::new());
    Spec::new(model).write(&mut spec).unwrap();
    let spec: Json = serde_json::from_slice(&spec).unwrap();
    assert_eq!((&spec["layers"], &spec["tensors"]), (&report(model)["layers"], &report(model)["tensors"]));
    Safetensors::new(model).unwrap().write(&mut file).unwrap();
    let head = u64::from_le_bytes(file[..8].try_into().unwrap());
    let head: Json = serde_json::from_slice(&file[8..8 + usize::try_from(head).unwrap()]).unwrap();
    assert!(paths.iter().all(|path| head.get(path).is_some()));
    paths
}

#[test]
fn fields_have_the_names_that_were_given_wherever_they_are_named() {
    let model = open(made(), example());
    let paths = paths(&model);
    for path in [
        "policy.emodels[1].model.weight",
        "policy.emodels[2].bias",
        "policy.emodels[2].batchnorm.σ²",
        "policy.lmodel.bias",
        "residual.layers.weight",
    ] {
        assert!(paths.iter().any(|known| known == path), "{path}: {paths:?}");
    }
    assert!(paths.iter().all(|path| !path.contains("fields")));
    assert!(model.tensor("policy.fields[2].bias").is_none());
    let policy = model.value("policy").unwrap();
    assert_eq!(policy.field("num_levels").unwrap().as_i64(), Some(2));
    assert!(policy.tree().contains("\n  lmodel = Dense(2 => 1)"), "{}", policy.tree());
    assert!(policy.summary().contains("bias = 2-element Vector{Float32}, batchnorm = BatchNorm(2)"));
    let report = report(&model);
    let node = &report["layers"][0]["node"];
    assert_eq!((&node["opaque"], &node["type"]), (&json!("unknown-struct"), &json!("Main.PolicyNL")));
    assert_eq!(node["fields"]["num_hidden_channels"], json!({"scalar": 2, "eltype": "Int64"}));
    assert_eq!(node.get("children"), None);
    assert_eq!(report["opaque"][0]["path"], "policy");
}

#[test]
fn a_struct_that_acts_as_a_layer_is_that_layer() {
    let model = open(made(), example());
    let residual = model.value("residual").unwrap();
    assert_eq!(residual.kind(), Some(Kind::SkipConnection));
    assert_eq!(residual.summary(), "SkipConnection(Dense(2 => 2), +)");
    let report = report(&model);
    let node = &report["layers"][1]["node"];
    assert_eq!((&node["kind"], &node["fields"]["connection"]["function"]), (&json!("SkipConnection"), &json!("+")));
    assert_eq!(report["notes"][0]["path"], "residual");
    assert_eq!(report["notes"][0]["code"], "type-acts-as");
    assert_eq!(report["notes"][0]["message"], "Main.Residual, which was said to act as a SkipConnection");
    assert!(report["opaque"].as_array().unwrap().iter().all(|entry| entry["path"] != "residual"));
}

#[test]
fn what_does_not_fit_is_left_as_it_is_and_said() {
    let model = open(made(), example());
    let notes: Vec<_> = model.notes().map(|note| (note.value.path(), note.code, note.message)).collect();
    assert_eq!(notes[1].0, "other");
    assert_eq!(notes[1].1, "type-unfit");
    assert_eq!(model.value("other.layers").unwrap().as_str(), Some("no layer"));
    assert_eq!(model.value("other").unwrap().kind(), None);
    assert_eq!((&*notes[2].0, notes[2].1), ("more", "type-field-count"));
    assert_eq!(notes[2].2, "Main.EdgeModel was said to have 3 fields, and has another number: they stay without names");
    assert_eq!(model.value("more.fields[2]").unwrap().as_i64(), Some(2));
    assert_eq!(notes.len(), 3);
}

#[test]
fn without_a_description_nothing_changes() {
    let model = open(made(), TypeMap::default());
    let others =
        TypeMap::parse("version = 1\n[[type]]\npath = \"Flux.Dense\"\nfields = [\"a\", \"b\", \"c\"]").unwrap();
    let described = open(made(), others);
    assert_eq!(paths(&model), paths(&described));
    assert_eq!(report(&model)["layers"], report(&described)["layers"]);
    assert_eq!((model.notes().count(), described.notes().count()), (0, 0));
}

#[test]
fn one_variable_alone_keeps_its_names() {
    let model = open(made(), example()).only("policy").unwrap().unwrap();
    assert!(paths(&model).iter().all(|path| path.starts_with("policy.emodels[") || path.starts_with("policy.lmodel.")));
    assert_eq!(model.notes().count(), 0);
}

#[test]
fn the_example_fits_the_public_files_it_was_taken_from() {
    let published =
        crate::corpus::found().into_iter().filter(|found| found.path.to_string_lossy().contains("Julia-PG-EdgeFlip"));
    for found in published {
        let bytes = read(&found.path);
        let bare = open(bytes.clone(), TypeMap::default());
        let structs: Vec<_> = bare.opaque().filter_map(|value| as_struct(&value)).collect();
        let edges = structs.iter().filter(|found| **found == ("Main.EdgeModel".to_owned(), 3)).count();
        // The author's other networks, and earlier forms of these two, are not in the example.
        if edges == 0 || structs.len() != edges + 1 || !structs.contains(&("Main.PolicyNL".to_owned(), 4)) {
            continue;
        }
        let model = open(bytes, example());
        let paths = paths(&model);
        for edge in 1..=edges {
            assert!(paths.contains(&format!("policy.emodels[{edge}].model.weight")), "{edge}: {paths:?}");
            assert!(paths.contains(&format!("policy.emodels[{edge}].batchnorm.γ")), "{edge}: {paths:?}");
        }
        assert!(paths.iter().all(|path| !path.contains("fields")), "{paths:?}");
        assert_eq!(model.notes().count(), 0);
    }
}

/// The path of a struct's type, and how many fields it has.
fn as_struct(value: &Value<'_>) -> Option<(String, usize)> {
    match value.form() {
        Form::Opaque(opaque) => Some((opaque.type_path()?, opaque.children.len())),
        _ => None,
    }
}
