//! `cargo xtask fixtures`: the files of `tests/corpus/reject` and `tests/corpus/accept/made`, and what is expected of each.
//!
//! The same sources give the same bytes everywhere. What is committed is compared with what is made, so no fixture can be
//! changed by hand, and none can be left over.

mod accept;
mod bson;
mod museum;
mod reject;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::{Done, root};

/// Writes the files.
pub(crate) fn write() -> Done {
    for (folder, files) in made() {
        let folder = root()?.join(folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for name in committed(&folder)?.into_keys().filter(|name| !files.contains_key(name)) {
            fs::remove_file(folder.join(&name)).map_err(|error| format!("{name}: {error}"))?;
        }
        for (name, bytes) in files {
            fs::write(folder.join(&name), bytes).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

/// Compares the files with those that are there.
pub(crate) fn check() -> Done {
    for (folder, files) in made() {
        let committed = committed(&root()?.join(folder))?;
        for (name, bytes) in &files {
            match committed.get(name) {
                None => return Err(format!("{folder}/{name} is missing: run cargo xtask fixtures")),
                Some(found) if found != bytes => {
                    return Err(format!("{folder}/{name} is another file: run cargo xtask fixtures"));
                }
                Some(_) => {}
            }
        }
        if let Some(name) = committed.keys().find(|name| !files.contains_key(*name)) {
            return Err(format!("{folder}/{name} is not made any more: run cargo xtask fixtures"));
        }
    }
    Ok(())
}

type Files = BTreeMap<String, Vec<u8>>;

fn committed(folder: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a fixture's name is not UTF-8")?;
        files.insert(name.to_owned(), fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    Ok(files)
}

/// The folders, with all that belongs into them.
fn made() -> [(&'static str, Files); 2] {
    [("tests/corpus/reject", rejects()), ("tests/corpus/accept/made", accepts())]
}

fn insert(files: &mut Files, name: &str, bytes: Vec<u8>) {
    assert!(files.insert(format!("{name}.bson"), bytes).is_none(), "two fixtures are called {name}");
}

fn rejects() -> Files {
    let mut files = Files::new();
    let mut expected = String::from(HEADER);
    let mut all = reject::all();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    for reject in all {
        let reject::Reject { name, code, danger, format, limit, bytes, place: (first, last) } = reject;
        write!(expected, "\n[[file]]\nname = \"{name}.bson\"\ncode = \"{code}\"\noffset = [{first}, {last}]\n")
            .unwrap();
        writeln!(expected, "format = \"{format}\"").unwrap();
        if let Some(danger) = danger {
            writeln!(expected, "danger = \"{danger}\"").unwrap();
        }
        if let Some((limit, most)) = limit {
            writeln!(expected, "limits = {{ {limit} = {most} }}").unwrap();
        }
        insert(&mut files, &name, bytes);
    }
    files.insert("expected.toml".to_owned(), expected.into_bytes());
    files
}

fn accepts() -> Files {
    let mut files = Files::new();
    let mut expected = String::from(HEADER);
    let mut all = accept::all();
    all.extend(museum::all());
    all.sort_by(|a, b| a.name.cmp(b.name));
    for accept in all {
        let accept::Accept { name, danger, variables, scalars, opaque, written } = accept;
        write!(expected, "\n[[file]]\nname = \"{name}.bson\"\n").unwrap();
        if let Some(danger) = danger {
            writeln!(expected, "danger = \"{danger}\"").unwrap();
        }
        let variables: Vec<String> = variables.iter().map(|name| quoted(name)).collect();
        writeln!(expected, "variables = [{}]", variables.join(", ")).unwrap();
        let opaque: Vec<String> = opaque.iter().map(|why| quoted(why)).collect();
        writeln!(expected, "opaque = [{}]", opaque.join(", ")).unwrap();
        for (path, eltype, value) in scalars {
            let (path, value) = (quoted(path), quoted(value));
            writeln!(expected, "[[file.scalars]]\npath = {path}\neltype = \"{eltype}\"\nvalue = {value}").unwrap();
        }
        for (offset, tensor) in written.tensors {
            let bson::Tensor { path, omitted, eltype, size, data, .. } = tensor;
            let (bytes, path) = (data.len(), quoted(&path));
            let sha256: String = Sha256::digest(&data).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            writeln!(expected, "[[file.arrays]]\npath = {path}\neltype = \"{eltype}\"\nsize = {size:?}").unwrap();
            writeln!(expected, "offset = {offset}\nbytes = {bytes}\nomitted = {omitted}\nsha256 = \"{sha256}\"")
                .unwrap();
        }
        insert(&mut files, name, written.bytes);
    }
    files.insert("expected.toml".to_owned(), expected.into_bytes());
    files
}

/// A TOML string in which nothing but printable ASCII stands.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => write!(quoted, "\\U{:08X}", u32::from(character)).unwrap(),
        }
    }
    quoted + "\""
}

const HEADER: &str = "# Written by `cargo xtask fixtures`: what is expected of each file of this folder.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_is_what_is_made() {
        check().unwrap();
    }
}
