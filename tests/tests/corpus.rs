//! Files that other people published: not part of the project, and used where they are at hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flux_airlock_tests::{DEFAULTS, Opened, Verdict};
use flux_airlock_wire::{Format, Why};
use serde_json::json;

use crate::support::{each, none, read, verdict};

/// A file of the corpus.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// What its index says the content is.
    pub(crate) kind: Kind,
}

/// What a file of the corpus is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// What BSON.jl wrote.
    BsonJl,
    /// BSON that BSON.jl could have written.
    Plain,
    /// Other BSON.
    Bson,
    /// Something else, with its format in reports.
    Other(&'static str),
}

/// The folder of the corpus; `None`, with a message, where there is none.
fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = env::var_os("AIRLOCK_CORPUS").map_or_else(beside, PathBuf::from);
    if folder.join("INDEX.csv").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: there is no corpus; AIRLOCK_CORPUS names its folder");
    None
}

/// Every file of the corpus, if it is there.
pub(crate) fn found() -> Vec<Found> {
    let Some(folder) = folder() else { return Vec::new() };
    let index = fs::read_to_string(folder.join("INDEX.csv")).unwrap();
    let mut rows = rows(&index).into_iter();
    let header = rows.next().unwrap();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let [file, kind, parsed, anomalies] = ["file", "kind", "parsed", "anomalies"].map(column);
    rows.map(|row| {
        let kind = match &*row[kind] {
            "bsonjl" => Kind::BsonJl,
            "plain" if row[parsed] == "yes" && row[anomalies].is_empty() => Kind::Plain,
            "plain" | "ordinary-bson" => Kind::Bson,
            "empty" => Kind::Other("empty"),
            "jld2/hdf5" => Kind::Other("jld2"),
            "json" => Kind::Other("json"),
            "julia-serialize" => Kind::Other("julia-serialization"),
            other => panic!("{}: {other}", row[file]),
        };
        Found { path: folder.join(&row[file]), kind }
    })
    .collect()
}

/// The rows of a table in CSV.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !is_quoted => {}
            _ => cell.push(character),
        }
    }
    rows
}

#[test]
fn published_files_open_exactly_if_bson_jl_wrote_them() {
    none(&each(&found(), |Found { path, kind }| {
        let file = read(path);
        let name = path.display();
        match (kind, verdict(&file, &DEFAULTS).map_err(|error| format!("{name}: {error}"))?) {
            (Kind::BsonJl | Kind::Plain, Verdict::Opened(_)) => Ok(()),
            (Kind::Bson, Verdict::Refused(refusal)) if refusal.format == Format::Bson => Ok(()),
            (Kind::Other(_), Verdict::Refused(refusal)) if refusal.format == Format::Unknown => Ok(()),
            (_, Verdict::Opened(_)) => Err(format!("{name}: {kind:?} opened")),
            (_, Verdict::Refused(refusal)) => Err(format!("{name}: {kind:?} refused: {refusal:?}")),
        }
    }));
}

#[test]
fn no_layer_of_a_published_file_is_of_an_unknown_layout() {
    let opening: Vec<Found> =
        found().into_iter().filter(|found| matches!(found.kind, Kind::BsonJl | Kind::Plain)).collect();
    none(&each(&opening, |Found { path, .. }| {
        let opened = crate::support::open(path, &read(path))?;
        let mut reasons = opened.nodes.iter().filter_map(|node| node.opaque);
        match reasons.find(|why| matches!(why, Why::FieldValue { .. } | Why::Layout { .. })) {
            None => Ok(()),
            Some(why) => Err(format!("{}: {why:?}", path.display())),
        }
    }));
}

#[test]
fn published_files_lose_no_array_and_gain_none() {
    let Some(oracle) = oracle() else { return };
    let opening: Vec<Found> =
        found().into_iter().filter(|found| matches!(found.kind, Kind::BsonJl | Kind::Plain)).collect();
    none(&each(&opening, |Found { path, .. }| {
        let file = read(path);
        let opened = crate::support::open(path, &file)?;
        agrees_with_the_oracle(&oracle, path, &report(&opened, &file))
    }));
}

/// The oracle, which is written in another language and apart from this project; `None`, with a message, where there is
/// none.
pub(crate) fn oracle() -> Option<PathBuf> {
    let oracle = folder()?.join("../tools/arrays_oracle.py");
    if oracle.is_file() {
        return Some(oracle);
    }
    eprintln!("skipped: the corpus has no arrays_oracle.py beside it");
    None
}

/// As much of a report as the oracle looks at.
fn report(opened: &Opened, file: &[u8]) -> serde_json::Value {
    let (mut tensors, mut omitted) = (Vec::new(), Vec::new());
    for (id, array) in opened.arrays.iter().enumerate() {
        let eltype = array.eltype.map_or("packed", flux_airlock_wire::Eltype::name);
        let listed = json!({
            "path": format!("array {id}"), "eltype": eltype, "size": array.size,
            "offset": array.offset, "bytes": array.bytes, "sha256": array.sha256(file),
        });
        if array.eltype.is_some() { tensors.push(listed) } else { omitted.push(listed) }
    }
    json!({ "verdict": "opened", "tensors": tensors, "omitted": omitted })
}

/// Asks the oracle.
pub(crate) fn agrees_with_the_oracle(oracle: &Path, path: &Path, report: &serde_json::Value) -> Result<(), String> {
    let temporary =
        env::temp_dir().join(format!("airlock-report-{}-{:?}.json", std::process::id(), std::thread::current().id()));
    fs::write(&temporary, serde_json::to_vec(report).unwrap()).unwrap();
    let output = Command::new("python3").arg(oracle).arg("--check").arg(&temporary).arg(path).output();
    fs::remove_file(&temporary).unwrap();
    let output = output.map_err(|error| format!("python3: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{}: {}", path.display(), String::from_utf8_lossy(&said).trim()))
}
