//! Files that once went wrong: found by fuzzing and by review, and kept with what must come of them.
//!
//! `corpus/regress/expected.toml` is written by hand. Whatever a file is, its answer is one that the host believes: a
//! refusal that is our own fault is none.

use std::collections::{BTreeMap, BTreeSet};

use flux_airlock::{Airlock, Input, Limits};
use flux_airlock_tests::{Verdict, judged};
use serde::Deserialize;
use serde_json::Value;

use crate::report::grant;
use crate::support::{corpus, each, expected, files, limits, none, read};

/// A file that once went wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Regress {
    name: String,
    /// What went wrong.
    #[serde(rename = "flaw")]
    _flaw: String,
    /// Limits that are not the defaults.
    #[serde(default)]
    limits: BTreeMap<String, u32>,
    /// The code of its refusal; it opens where there is none.
    #[serde(default)]
    code: Option<String>,
    /// The names of its variables.
    #[serde(default)]
    variables: Vec<String>,
    /// The paths of its arrays, then of those that are omitted.
    #[serde(default)]
    arrays: Vec<String>,
    #[serde(default)]
    omitted: Vec<String>,
    /// Path and reason of its opaque values.
    #[serde(default)]
    opaque: Vec<[String; 2]>,
}

#[test]
fn what_once_went_wrong_goes_right() {
    none(&each(&expected::<Regress>("regress"), |regress| {
        let name = &regress.name;
        let file = read(&corpus("regress").join(name));
        let native = match judged(&file, &limits(&regress.limits)).map_err(|error| format!("{name}: {error}"))? {
            Verdict::Opened(_) => None,
            Verdict::Refused(refusal) => Some(refusal.code.name().to_owned()),
        };
        let granted =
            regress.limits.iter().fold(Limits::builder(), |builder, (name, &most)| grant(builder, name, most));
        let airlock = Airlock::builder().limits(granted.build().unwrap()).build().unwrap();
        let report = airlock.inspect(Input::bytes(file)).map_err(|error| format!("{name}: {error}"))?;
        let report: Value = serde_json::from_str(&report.to_json()).map_err(|error| format!("{name}: {error}"))?;
        let code = report["refusal"]["code"].as_str();
        if code.is_some_and(|code| code.starts_with("answer-") || code.starts_with("guest")) {
            return Err(format!("{name}: our own fault: {}", report["refusal"]));
        }
        if code != native.as_deref() || code != regress.code.as_deref() {
            return Err(format!("{name}: {code:?}, natively {native:?}, instead of {:?}", regress.code));
        }
        let opaque = paths(&report, "opaque", "path").into_iter().zip(paths(&report, "opaque", "why"));
        let opaque: Vec<[String; 2]> = opaque.map(<[String; 2]>::from).collect();
        if opaque != regress.opaque {
            return Err(format!("{name}: opaque {opaque:?}"));
        }
        for (list, key, wanted) in [
            ("variables", "name", &regress.variables),
            ("tensors", "path", &regress.arrays),
            ("omitted", "path", &regress.omitted),
        ] {
            let found = paths(&report, list, key);
            if found != *wanted {
                return Err(format!("{name}: {list} {found:?}"));
            }
        }
        Ok(())
    }));
}

#[test]
fn each_file_that_went_wrong_is_expected() {
    let files: BTreeSet<String> =
        files(&corpus("regress")).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let names: BTreeSet<String> = expected::<Regress>("regress").into_iter().map(|regress| regress.name).collect();
    assert_eq!(files, names);
}

/// What the entries of a list of a report have under a key.
fn paths(report: &Value, list: &str, key: &str) -> Vec<String> {
    let entries = report[list].as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().map(|entry| entry[key].as_str().unwrap_or_default().to_owned()).collect()
}
