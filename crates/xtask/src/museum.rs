//! `cargo xtask museum`: `docs/layouts.md`, the layouts of Flux that the catalogue knows, and the files that have them.
//!
//! The table is made from the catalogue itself and from what the decoder needs of it for each committed file, so it cannot
//! say more than is true.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use flux_airlock_decode::museum::{self, NEWEST, Row};
use flux_airlock_wire::{FluxVersion, Limits};

use crate::{Done, root};

/// Writes the document.
pub(crate) fn write() -> Done {
    let path = root()?.join(DOCUMENT);
    fs::create_dir_all(path.parent().ok_or("no folder")?).map_err(|error| error.to_string())?;
    fs::write(&path, document()?).map_err(|error| format!("{DOCUMENT}: {error}"))
}

/// Compares the document with the one that is there.
pub(crate) fn check() -> Done {
    let found = fs::read_to_string(root()?.join(DOCUMENT)).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    if found == document()? { Ok(()) } else { Err(format!("{DOCUMENT} is out of date: run cargo xtask museum")) }
}

const DOCUMENT: &str = "docs/layouts.md";

fn document() -> Result<String, String> {
    let corpus = root()?.join("tests/corpus/accept");
    let mut files = Vec::new();
    gather(&corpus, &mut files)?;
    let mut seen: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for file in &files {
        let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let len = u32::try_from(bytes.len()).map_err(|error| error.to_string())?;
        let name = file.strip_prefix(&corpus).unwrap_or(file).display().to_string();
        for index in museum::used(&mut bytes.as_slice(), len, &Limits::DEFAULT) {
            seen.entry(index).or_default().insert(name.clone());
        }
    }
    let mut text = String::from(HEAD);
    for row in museum::rows() {
        let Some((since, until)) = row.flux else { continue };
        let none = BTreeSet::new();
        let files = seen.get(&row.index).unwrap_or(&none);
        let params = row.params.map_or_else(|| "any".to_owned(), |n| n.to_string());
        let Row { path, fields, becomes, .. } = row;
        let versions = versions(since, until);
        let count = files.len();
        let first = files.first().map_or("", String::as_str);
        writeln!(text, "| `{path}` | {fields}/{params} | {versions} | `{becomes}` | {count} | {first} |")
            .map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn versions(since: FluxVersion, until: FluxVersion) -> String {
    let version = |(minor, patch): FluxVersion| format!("0.{minor}.{patch}");
    match until {
        NEWEST => format!("{} and later", version(since)),
        until if until == since => version(since),
        until => format!("{}–{}", version(since), version(until)),
    }
}

/// Every `.bson` file below, sorted.
fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> Done {
    let error = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut entries = fs::read_dir(folder).map_err(error)?.collect::<Result<Vec<_>, _>>().map_err(error)?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "bson") {
            files.push(path);
        }
    }
    Ok(())
}

const HEAD: &str = "\
# The layouts of Flux

Written by `cargo xtask museum`. A file has neither the names of a layer's fields nor the version of Flux that saved it: how
many fields and type parameters a struct has is what tells the layouts apart (and, where several have equally many, what
stands in the fields). Each row is a layout of some version; the last columns say in how many of the committed files
(`tests/corpus/accept`) it is found, and in which first.

| type in the file | fields/parameters | Flux | becomes | files | for example |
| --- | --- | --- | --- | --- | --- |
";
