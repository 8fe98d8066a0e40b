//! The catalogue: each of its rows is a layout that some file here has, and no layer of a genuine file is unknown.

use std::collections::BTreeSet;

use flux_airlock_decode::museum;
use flux_airlock_tests::DEFAULTS;
use flux_airlock_wire::Why;

use crate::support::{corpus, files, none, open, read};

#[test]
fn every_row_of_the_catalogue_is_covered() {
    let mut used = BTreeSet::new();
    for path in files(&corpus("accept")) {
        let file = read(&path);
        used.extend(museum::used(&mut file.as_slice(), u32::try_from(file.len()).unwrap(), &DEFAULTS));
    }
    let uncovered: Vec<String> = museum::rows()
        .into_iter()
        .filter(|row| !used.contains(&row.index))
        .map(|row| format!("{} with {} fields and {:?} parameters", row.path, row.fields, row.params))
        .collect();
    none(&uncovered);
}

/// Files with types or closures of the user's own.
const OWN: [&str; 10] = [
    "anon_activation",
    "anon_layer",
    "closure_array",
    "closure_do",
    "destructure_re",
    "gan",
    "named_function",
    "skip_closure",
    "user_mutable",
    "user_struct",
];

#[test]
fn no_layer_of_a_genuine_file_is_opaque() {
    let mut failures = Vec::new();
    for path in files(&corpus("accept")) {
        let case = path.file_stem().unwrap().to_str().unwrap();
        let is_genuine = path.parent().unwrap().file_name().unwrap().to_str().unwrap().starts_with("flux-");
        if !is_genuine || OWN.contains(&case) {
            continue;
        }
        let opened = open(&path, &read(&path)).unwrap();
        // A big number's digits are behind a pointer, and were never in the file.
        let opaque = opened.nodes.iter().filter_map(|node| node.opaque).filter(|&why| why != Why::Pointer);
        failures.extend(opaque.map(|why| format!("{}: {why:?}", path.display())));
    }
    none(&failures);
}
