//! Files that real Flux wrote, against what the objects held in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flux_airlock_tests::{float32, float64};
use serde::Deserialize;

use crate::support::{corpus, each, files, none, open, read};

/// What the objects held, listed by reflection and without BSON.
#[derive(Deserialize)]
pub(crate) struct Truth {
    pub(crate) arrays: Vec<TrueArray>,
    pub(crate) scalars: Vec<TrueScalar>,
}

/// An array that was in memory.
#[derive(Deserialize)]
pub(crate) struct TrueArray {
    pub(crate) eltype: String,
    pub(crate) size: Vec<u32>,
    pub(crate) sha256: String,
    /// Another path to the same array.
    #[serde(default)]
    pub(crate) same_object_as: Option<String>,
}

/// A number or a string that was in memory.
#[derive(Deserialize)]
pub(crate) struct TrueScalar {
    pub(crate) path: String,
    #[serde(rename = "type")]
    pub(crate) eltype: String,
    pub(crate) value: serde_json::Value,
}

/// The genuine files.
pub(crate) fn genuine() -> Vec<PathBuf> {
    ["flux-0.8.3", "flux-0.11.6", "flux-0.13.17", "flux-0.16.9"]
        .iter()
        .flat_map(|flux| files(&corpus("accept").join(flux)))
        .collect()
}

/// What is true of a genuine file.
pub(crate) fn truth(path: &Path) -> Truth {
    serde_json::from_slice(&read(&path.with_extension("json")))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Arrays, each with how often it is there.
pub(crate) type Arrays = BTreeMap<(String, Vec<u32>, String), usize>;

/// The different arrays of a truth that have bytes: one that is shared counts once.
pub(crate) fn true_arrays(truth: &Truth) -> Arrays {
    let mut arrays = Arrays::new();
    for array in truth.arrays.iter().filter(|array| array.same_object_as.is_none() && !array.size.contains(&0)) {
        *arrays.entry((array.eltype.clone(), array.size.clone(), array.sha256.clone())).or_default() += 1;
    }
    arrays
}

/// What is in one and not in the other.
pub(crate) fn differences(found: &Arrays, wanted: &Arrays) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    let count = |arrays: &Arrays, key| arrays.get(key).copied().unwrap_or(0);
    keys.into_iter()
        .filter(|key| count(found, key) != count(wanted, key))
        .map(|key| format!("{key:?}: {} instead of {}", count(found, key), count(wanted, key)))
        .collect()
}

#[test]
fn there_are_253_genuine_files() {
    assert_eq!(genuine().len(), 253);
}

#[test]
fn the_decoder_finds_just_the_arrays_that_were_in_memory() {
    none(&each(&genuine(), |path| {
        let file = read(path);
        let opened = open(path, &file)?;
        let mut found = Arrays::new();
        for array in opened.arrays.iter().filter(|array| array.bytes > 0) {
            let eltype = match array.eltype {
                Some(eltype) => eltype.name().to_owned(),
                None => "packed".to_owned(),
            };
            *found.entry((eltype, array.size.clone(), array.sha256(&file))).or_default() += 1;
        }
        let mut wanted = Arrays::new();
        for ((eltype, size, sha256), count) in true_arrays(&truth(path)) {
            // The eltypes with a dot are structs of some package.
            let eltype = if eltype.contains('.') { "packed".to_owned() } else { eltype };
            *wanted.entry((eltype, size, sha256)).or_default() += count;
        }
        let differences = differences(&found, &wanted);
        if differences.is_empty() { Ok(()) } else { Err(format!("{}: {}", path.display(), differences.join("; "))) }
    }));
}

/// The scalars of a truth, as the report writes their values. What is no number or string of the file is left out: a
/// `BigInt` is a pointer, and some structs of Julia's own are listed as text.
pub(crate) fn true_scalars(truth: &Truth) -> Vec<(String, String)> {
    let text = |scalar: &TrueScalar| match (&*scalar.eltype, &scalar.value) {
        ("BigInt", _) => None,
        // That a layer was in training: dropped on purpose, since its mode of use decides.
        ("Bool", serde_json::Value::Bool(true)) if scalar.path.ends_with(".active") => None,
        (eltype, _) if eltype.contains('.') => None,
        // The truth gives a `Float32` with the digits of its `Float64`.
        ("Float32", value) => value.to_string().parse().ok().map(float32),
        ("Float64", value) => value.as_f64().map(float64),
        (_, serde_json::Value::String(text)) => Some(text.clone()),
        (_, value) => Some(value.to_string()),
    };
    truth.scalars.iter().filter_map(|scalar| Some((scalar.eltype.clone(), text(scalar)?))).collect()
}

/// The scalars that a truth has more often than a file, taken from it one by one.
pub(crate) fn lost(mut found: Vec<(String, String)>, wanted: Vec<(String, String)>) -> Vec<(String, String)> {
    let is_lost = |scalar: &(String, String)| match found.iter().position(|found| found == scalar) {
        Some(place) => {
            found.swap_remove(place);
            false
        }
        None => true,
    };
    wanted.into_iter().filter(is_lost).collect()
}

#[test]
fn the_decoder_finds_the_numbers_and_strings_that_were_in_memory() {
    none(&each(&genuine(), |path| {
        let file = read(path);
        let lost = lost(open(path, &file)?.scalars(&file), true_scalars(&truth(path)));
        if lost.is_empty() { Ok(()) } else { Err(format!("{}: lost {lost:?}", path.display())) }
    }));
}
