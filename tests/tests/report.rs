//! The report, as everybody reads it: JSON, against what is known of the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flux_airlock::{Airlock, Input, Limits, LimitsBuilder};
use flux_airlock_tests::{float32, float64};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::corpus::{self, Found, Kind};
use crate::fixtures::{Accept, Reject};
use crate::genuine::{Arrays, differences, genuine, lost, true_arrays, true_scalars, truth};
use crate::support::{corpus, each, expected, files, none, read};

/// The report on a file.
fn inspect(airlock: &Airlock, path: &Path) -> Result<Value, String> {
    let report = airlock.inspect(Input::path(path)).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = serde_json::to_string(&report).map_err(|error| format!("{}: {error}", path.display()))?;
    strict(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The report on a file that must open.
fn opened(airlock: &Airlock, path: &Path) -> Result<Value, String> {
    let report = inspect(airlock, path)?;
    if report["verdict"] == "opened" {
        return Ok(report);
    }
    Err(format!("{}: refused: {}", path.display(), report["refusal"]))
}

/// The entries of a list of a report.
fn list<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap_or_default()
}

fn granted(reject: &Reject) -> Limits {
    let builder = reject.limits.iter().fold(Limits::builder(), |builder, (name, &most)| grant(builder, name, most));
    builder.build().unwrap()
}

pub(crate) fn grant(builder: LimitsBuilder, name: &str, most: u32) -> LimitsBuilder {
    match name {
        "answer-bytes" => builder.answer_bytes(most),
        "depth" => builder.depth(most.min(u16::MAX.into())),
        "elements" => builder.elements(most),
        "name-bytes" => builder.name_bytes(most),
        "names-bytes" => builder.names_bytes(most),
        "nodes" => builder.nodes(most),
        "tensors" => builder.tensors(most),
        _ => panic!("no limit {name}"),
    }
}

#[test]
fn each_flaw_is_reported_with_its_code_place_and_format() {
    let airlock = Airlock::new().unwrap();
    none(&each(&expected::<Reject>("reject"), |reject| {
        let name = &reject.name;
        let special;
        let airlock = if reject.limits.is_empty() {
            &airlock
        } else {
            special = Airlock::builder().limits(granted(reject)).build().unwrap();
            &special
        };
        let report = inspect(airlock, &corpus("reject").join(name))?;
        let refusal = &report["refusal"];
        let (code, format) = (text(refusal, "code"), text(&report, "format"));
        if report["verdict"] != "refused" || code != reject.code || format != reject.format {
            return Err(format!("{name}: {} {code} in {format}", report["verdict"]));
        }
        let [first, last] = reject.offset;
        let offset = refusal["offset"].as_u64().and_then(|offset| usize::try_from(offset).ok());
        if !offset.is_some_and(|offset| (first..=last).contains(&offset)) {
            return Err(format!("{name}: at {offset:?}, which is not from {first} to {last}"));
        }
        let full = ["tensors", "omitted", "opaque", "layers", "scalars", "notes"]
            .into_iter()
            .find(|part| !list(&report, part).is_empty());
        match full {
            Some(part) => Err(format!("{name}: refused, and has {part}")),
            None if text(refusal, "message").is_empty() => Err(format!("{name}: no message")),
            None if code.ends_with("-limit") && refusal["limit"].is_null() => Err(format!("{name}: which limit?")),
            None => Ok(()),
        }
    }));
}

#[test]
fn each_honest_twin_is_reported_with_its_paths() {
    let airlock = Airlock::new().unwrap();
    none(&each(&expected::<Accept>("accept/made"), |accept| {
        let name = &accept.name;
        let report = opened(&airlock, &corpus("accept/made").join(name))?;
        let variables: Vec<&str> =
            list(&report, "variables").iter().filter_map(|entry| entry["name"].as_str()).collect();
        if variables != accept.variables {
            return Err(format!("{name}: the variables {variables:?}"));
        }
        let by_offset: BTreeMap<u64, (&Value, bool)> = [("tensors", false), ("omitted", true)]
            .into_iter()
            .flat_map(|(part, omitted)| list(&report, part).iter().map(move |entry| (entry, omitted)))
            .filter_map(|(entry, omitted)| Some((entry["offset"].as_u64()?, (entry, omitted))))
            .filter(|(_, (entry, _))| entry["bytes"] != 0)
            .collect();
        let due: Vec<_> = accept.arrays.iter().filter(|array| array.bytes > 0).collect();
        for array in &due {
            let Some((entry, omitted)) = by_offset.get(&array.offset.into()) else {
                return Err(format!("{name}: lost {} at {}", array.path, array.offset));
            };
            let is_right = *omitted == array.omitted
                && (array.path.is_empty() || text(entry, "path") == array.path)
                && text(entry, "eltype") == array.eltype
                && entry["size"] == serde_json::json!(array.size)
                && entry["bytes"] == array.bytes
                && text(entry, "sha256") == array.sha256;
            if !is_right {
                return Err(format!("{name}: {entry} (omitted: {omitted}) instead of {array:?}"));
            }
        }
        if due.len() != by_offset.len() {
            return Err(format!("{name}: {} arrays instead of {}", by_offset.len(), due.len()));
        }
        for scalar in &accept.scalars {
            let found = list(&report, "scalars").iter().find(|entry| text(entry, "path") == scalar.path);
            let found = found.map(|entry| (text(entry, "eltype").to_owned(), value(entry)));
            if found != Some((scalar.eltype.clone(), scalar.value.clone())) {
                return Err(format!("{name}: {} is {found:?} instead of {}", scalar.path, scalar.value));
            }
        }
        let mut opaque: Vec<&str> = list(&report, "opaque").iter().map(|entry| text(entry, "why")).collect();
        opaque.sort_unstable();
        let mut due = accept.opaque.clone();
        due.sort_unstable();
        if opaque == due { Ok(()) } else { Err(format!("{name}: {opaque:?} are opaque instead of {due:?}")) }
    }));
}

/// A scalar's value as text, in the words of the oracles.
fn value(entry: &Value) -> String {
    match (&entry["value"], text(entry, "eltype")) {
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), "Float32") => number.to_string().parse().map_or_else(|_| number.to_string(), float32),
        (Value::Number(number), "Float64") => number.as_f64().map_or_else(|| number.to_string(), float64),
        (value, _) => value.to_string(),
    }
}

#[test]
fn genuine_files_are_reported_with_all_that_was_in_memory() {
    let airlock = Airlock::new().unwrap();
    none(&each(&genuine(), |path| {
        let report = opened(&airlock, path)?;
        let mut found = Arrays::new();
        for entry in list(&report, "tensors").iter().chain(list(&report, "omitted")).filter(|entry| entry["bytes"] != 0)
        {
            let size = serde_json::from_value(entry["size"].clone()).map_err(|error| error.to_string())?;
            let key = (text(entry, "eltype").to_owned(), size, text(entry, "sha256").to_owned());
            *found.entry(key).or_default() += 1;
        }
        let truth = truth(path);
        let mut failures = differences(&found, &true_arrays(&truth));
        let scalars = list(&report, "scalars").iter();
        let scalars = scalars.map(|entry| (text(entry, "eltype").to_owned(), value(entry))).collect();
        failures.extend(lost(scalars, true_scalars(&truth)).into_iter().map(|scalar| format!("lost {scalar:?}")));
        if failures.is_empty() { Ok(()) } else { Err(format!("{}: {}", path.display(), failures.join("; "))) }
    }));
}

#[test]
fn no_two_values_have_one_path() {
    let airlock = Airlock::new().unwrap();
    let all: Vec<_> = genuine().into_iter().chain(files(&corpus("accept/made"))).collect();
    none(&each(&all, |path| {
        let report = opened(&airlock, path)?;
        let arrays = || list(&report, "tensors").iter().chain(list(&report, "omitted"));
        let first = arrays().chain(list(&report, "scalars")).map(|entry| text(entry, "path"));
        let further = arrays().flat_map(|entry| list(entry, "also_at")).filter_map(Value::as_str);
        let mut seen = BTreeSet::new();
        for found in first.chain(further) {
            if !seen.insert(found) {
                return Err(format!("{}: two values are at {found}", path.display()));
            }
            if found.is_empty() || found.chars().any(char::is_control) {
                return Err(format!("{}: the path {found:?}", path.display()));
            }
        }
        Ok(())
    }));
}

#[test]
fn published_files_are_reported_with_their_format_and_all_their_arrays() {
    let airlock = Airlock::new().unwrap();
    none(&each(&corpus::found(), |Found { path, kind }| {
        let report = inspect(&airlock, path)?;
        let (verdict, format) = match kind {
            Kind::BsonJl | Kind::Plain => ("opened", "bson.jl"),
            Kind::Bson => ("refused", "bson"),
            Kind::Other(format) => ("refused", *format),
        };
        if text(&report, "verdict") != verdict || text(&report, "format") != format {
            return Err(format!(
                "{}: {} {}: {}",
                path.display(),
                report["verdict"],
                report["format"],
                report["refusal"]
            ));
        }
        match corpus::oracle() {
            Some(oracle) if verdict == "opened" => corpus::agrees_with_the_oracle(&oracle, path, &report),
            _ => Ok(()),
        }
    }));
}

#[test]
fn a_report_costs_no_more_than_the_files_structure() {
    let airlock = Airlock::new().unwrap();
    for name in ["doubling_references", "doubling_types", "documents_250_deep", "list_of_600_arrays"] {
        let path = corpus("accept/made").join(name).with_extension("bson");
        let report = airlock.inspect(Input::path(&path)).unwrap();
        let (file, report) = (read(&path).len(), serde_json::to_vec(&report).unwrap().len());
        assert!(report < 20_000 + 10 * file, "{name}: {report} bytes of report on {file} bytes");
    }
}

/// Reads JSON in which no object has a key twice.
fn strict(text: &str) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_any(Strict)?;
    deserializer.end()
}

struct Strict;

impl<'de> serde::de::DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            if !keys.insert(key.clone()) {
                return Err(serde::de::Error::custom(format!("the key {key:?} twice")));
            }
            fields.next_value_seed(Self)?;
        }
        Ok(())
    }
}
