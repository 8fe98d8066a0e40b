//! One model, saved by four generations of Flux, is one spec; and every genuine file's spec is the one that was looked at.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use flux_airlock::{Airlock, Input, Model};

use crate::support::{corpus, files, none};

/// Why the generations' files of a case differ in more than their notes.
const DIFFERENT: [(&str, &str); 9] = [
    ("chain_deep", "another model"),
    ("chain_vector", "a vector of layers was one layer before 0.13"),
    ("checkpoint", "another optimiser"),
    ("depthwiseconv", "a layer of its own before 0.13, and a grouped convolution after"),
    ("instancenorm_old", "affine by default before 0.12, and not after"),
    ("layernorm_old", "ϵ was not saved"),
    ("loss_function", "another optimiser"),
    ("onehot", "other types"),
    ("optimisers_chain", "AdamW was a chain of rules"),
];

/// Cases with more variables, or in another order, since a `Dict` has no order.
const ORDER: [(&str, &str); 2] =
    [("shapes", "another order of the variables"), ("weights_params", "another order of a set")];

#[test]
fn one_model_of_four_generations_is_one_spec() {
    let airlock = Airlock::new().unwrap();
    let mut cases: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (folder, case, path) in genuine() {
        let report = airlock.inspect(Input::path(path)).unwrap();
        cases.entry(case).or_default().insert(folder, report.layers().to_json());
    }
    let mut failures = Vec::new();
    for (case, specs) in cases {
        let mut different: Vec<&String> = specs.values().collect();
        different.sort();
        different.dedup();
        let is_known = DIFFERENT.iter().chain(&ORDER).any(|&(known, _)| known == case);
        match (different.len() > 1, is_known) {
            (true, false) => failures.push(format!("{case}: {} specs: {specs:#?}", different.len())),
            (false, true) => failures.push(format!("{case}: one spec, where it is said to differ")),
            _ => {}
        }
    }
    none(&failures);
}

/// Set `AIRLOCK_BLESS` to write them anew, and look at every change.
#[test]
fn the_specs_of_genuine_files_are_those_that_were_reviewed() {
    let airlock = Airlock::new().unwrap();
    let mut text = String::from(HEAD);
    for (folder, case, path) in genuine() {
        let model = airlock.open_unverified(Input::path(path)).unwrap();
        writeln!(text, "\n{folder}/{case}.bson").unwrap();
        text.push_str(&described(&model));
    }
    let path = corpus("accept").join("specs.txt");
    if std::env::var_os("AIRLOCK_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let reviewed = fs::read_to_string(&path).unwrap();
    let changed = reviewed.lines().zip(text.lines()).find(|(reviewed, found)| reviewed != found);
    assert_eq!(changed, None, "the specs have changed");
    assert_eq!(reviewed.len(), text.len());
}

fn described(model: &Model) -> String {
    let mut text = String::new();
    let report = model.report();
    if let Some(flux) = report.written_by().flux {
        writeln!(text, "  written by Flux {flux}").unwrap();
    }
    for variable in report.variables() {
        writeln!(text, "  {} = {}", variable.name.unwrap_or("root"), variable.summary).unwrap();
    }
    for note in model.notes() {
        writeln!(text, "  note {} at {}", note.code, note.value.path()).unwrap();
    }
    for omitted in model.omitted() {
        writeln!(text, "  omitted {} ({})", omitted.path(), omitted.why()).unwrap();
    }
    for opaque in report.opaque() {
        writeln!(text, "  opaque {} ({})", opaque.path, opaque.why).unwrap();
    }
    text
}

/// Folder, case and path of every genuine file.
fn genuine() -> Vec<(String, String, std::path::PathBuf)> {
    let files = files(&corpus("accept"));
    let named = files.into_iter().map(|path| {
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let case = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (folder, case, path)
    });
    named.filter(|(folder, ..)| folder.starts_with("flux-")).collect()
}

const HEAD: &str = "\
# What every genuine file holds, as it was reviewed once: each variable as Flux would print it, and what is said of it.
";
