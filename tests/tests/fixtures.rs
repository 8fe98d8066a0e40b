//! Made files: each flaw is refused with its code and in its place, and each honest twin opens.

use std::collections::{BTreeMap, BTreeSet};

use flux_airlock_tests::{Opened, Verdict, to_usize};
use flux_airlock_wire::{Format, Why};
use serde::Deserialize;

use crate::support::{corpus, each, expected, files, limits, none, open, read, verdict};

/// A file that must be refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reject {
    pub(crate) name: String,
    pub(crate) code: String,
    pub(crate) offset: [usize; 2],
    pub(crate) format: String,
    #[serde(default)]
    pub(crate) danger: Option<String>,
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, u32>,
}

/// A file that must open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) danger: Option<String>,
    pub(crate) variables: Vec<String>,
    pub(crate) opaque: Vec<String>,
    #[serde(default)]
    pub(crate) scalars: Vec<Scalar>,
    #[serde(default)]
    pub(crate) arrays: Vec<Array>,
}

/// A number or a string that a report must list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scalar {
    pub(crate) path: String,
    pub(crate) eltype: String,
    pub(crate) value: String,
}

/// An array that a report must list. The path is empty where any is right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Array {
    pub(crate) path: String,
    pub(crate) eltype: String,
    pub(crate) size: Vec<u32>,
    pub(crate) offset: u32,
    pub(crate) bytes: u32,
    pub(crate) omitted: bool,
    pub(crate) sha256: String,
}

#[test]
fn each_flaw_is_refused_with_its_code_and_in_its_place() {
    let rejects: Vec<Reject> = expected("reject");
    none(&each(&rejects, |reject| {
        let name = &reject.name;
        let file = read(&corpus("reject").join(name));
        let refusal = match verdict(&file, &limits(&reject.limits)).map_err(|error| format!("{name}: {error}"))? {
            Verdict::Refused(refusal) => refusal,
            Verdict::Opened(_) => return Err(format!("{name}: opened instead of {}", reject.code)),
        };
        let [first, last] = reject.offset;
        let (code, offset) = (refusal.code.name(), to_usize(refusal.offset));
        if code != reject.code {
            return Err(format!("{name}: {code} at {offset} instead of {}", reject.code));
        }
        if offset < first || offset > last {
            return Err(format!("{name}: {code} at {offset}, which is not from {first} to {last}"));
        }
        // What the guest does not know, the host tells from the first bytes.
        let format = match refusal.format {
            Format::Bson => "bson",
            Format::BsonJl => "bson.jl",
            Format::Unknown => "unknown",
        };
        let wanted = if matches!(&*reject.format, "bson" | "bson.jl") { &*reject.format } else { "unknown" };
        if format != wanted {
            return Err(format!("{name}: the format is {format} instead of {wanted}"));
        }
        Ok(())
    }));
}

#[test]
fn each_honest_twin_opens_with_all_its_arrays() {
    let accepts: Vec<Accept> = expected("accept/made");
    none(&each(&accepts, |accept| {
        let path = corpus("accept/made").join(&accept.name);
        let file = read(&path);
        let opened = open(&path, &file)?;
        let variables = opened.variables(&file);
        if variables != accept.variables {
            return Err(format!("{}: the variables {variables:?}", accept.name));
        }
        let wanted: BTreeSet<_> = accept
            .arrays
            .iter()
            .filter(|array| array.bytes > 0)
            .map(|array| {
                let number = flux_airlock_wire::Eltype::from_name(&array.eltype).map(|_| array.eltype.clone());
                (array.offset, array.bytes, array.size.clone(), number, array.sha256.clone())
            })
            .collect();
        let found = arrays(&opened, &file);
        if found != wanted {
            let lost: Vec<_> = wanted.difference(&found).collect();
            let invented: Vec<_> = found.difference(&wanted).collect();
            return Err(format!("{}: lost {lost:?}, invented {invented:?}", accept.name));
        }
        let scalars = accept.scalars.iter().map(|scalar| (scalar.eltype.clone(), scalar.value.clone()));
        let lost = crate::genuine::lost(opened.scalars(&file), scalars.collect());
        if !lost.is_empty() {
            return Err(format!("{}: lost {lost:?}", accept.name));
        }
        let mut opaque: Vec<&str> = opened.nodes.iter().filter_map(|node| node.opaque).map(Why::code).collect();
        opaque.sort_unstable();
        let mut wanted = accept.opaque.clone();
        wanted.sort_unstable();
        if opaque != wanted {
            return Err(format!("{}: {opaque:?} are opaque instead of {wanted:?}", accept.name));
        }
        Ok(())
    }));
}

/// Offset, bytes, size, eltype and digest.
type Listed = (u32, u32, Vec<u32>, Option<String>, String);

fn arrays(opened: &Opened, file: &[u8]) -> BTreeSet<Listed> {
    let arrays = opened.arrays.iter().filter(|array| array.bytes > 0);
    arrays
        .map(|array| {
            let eltype = array.eltype.map(|eltype| eltype.name().to_owned());
            (array.offset, array.bytes, array.size.clone(), eltype, array.sha256(file))
        })
        .collect()
}

#[test]
fn every_danger_has_a_file() {
    let rejects = expected::<Reject>("reject").into_iter().filter_map(|reject| reject.danger);
    let accepts = expected::<Accept>("accept/made").into_iter().filter_map(|accept| accept.danger);
    let found: BTreeSet<String> = rejects.chain(accepts).collect();
    let due = ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "M1", "M2", "M3", "M4", "M5"]
        .into_iter()
        .chain(["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9"])
        .chain(["D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8"]);
    let missing: Vec<String> = due.filter(|danger| !found.contains(*danger)).map(str::to_owned).collect();
    none(&missing);
}

#[test]
fn every_fixture_is_expected_and_every_expectation_has_a_file() {
    for (folder, names) in [
        ("reject", expected::<Reject>("reject").into_iter().map(|reject| reject.name).collect::<BTreeSet<_>>()),
        ("accept/made", expected::<Accept>("accept/made").into_iter().map(|accept| accept.name).collect()),
    ] {
        let files = files(&corpus(folder));
        let found: BTreeSet<String> =
            files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(found, names, "{folder}");
    }
}
