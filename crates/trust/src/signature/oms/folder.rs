//! The folder of a model with several files: all of it must be as it was signed.
//!
//! Names are compared before anything is hashed, so that what does not belong there costs nothing. The file that is opened
//! is not read again: its digest is that of the bytes in memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::super::{Folder, SignatureError};
use super::statement::{ONE_FILE, Statement};
use crate::{Algorithms, Digests, Hasher};

/// Is the file with these digests the one that the statement means, and the rest of its folder as it was? Gives its name in
/// the folder.
pub(super) fn check(
    statement: &Statement,
    folder: Option<&Folder>,
    digests: &Digests,
) -> Result<Option<String>, SignatureError> {
    let Statement { files, ignored, .. } = statement;
    let is = |signed: &[u8; 32]| digests.sha256.as_ref() == Some(signed);
    if let Some(signed) = files.get(ONE_FILE) {
        return if is(signed) { Ok(None) } else { Err(SignatureError::Mismatch) };
    }
    let Folder { root, name, ignored: by_caller } = folder.ok_or(SignatureError::FolderUnknown)?;
    let signed = files.get(name).ok_or_else(|| SignatureError::NotCovered { name: name.clone() })?;
    if !is(signed) {
        return Err(SignatureError::Mismatch);
    }
    let ignored: Vec<&str> = ignored.iter().chain(by_caller).map(String::as_str).chain(GIT).collect();
    let found = walk(root)?;
    let extra = found.iter().find(|(name, _)| !files.contains_key(*name) && !is_below(name, &ignored));
    if let Some((name, _)) = extra {
        return Err(SignatureError::ExtraFile { name: name.clone() });
    }
    if let Some((name, _)) = files.iter().find(|(name, _)| !found.contains_key(*name)) {
        return Err(SignatureError::MissingFile { name: name.clone() });
    }
    check_size(&found, |name| files.contains_key(name))?;
    for (other, signed) in files.iter().filter(|(other, _)| *other != name) {
        if hash(root, other)? != *signed {
            return Err(SignatureError::OtherFile { name: other.clone() });
        }
    }
    Ok(Some(name.clone()))
}

/// The digests of all files in the folder that are not ignored. If there are others than `only` names, there are none.
#[cfg(feature = "sign")]
pub(super) fn digests(
    root: &Path,
    ignored: &[String],
    only: Option<&std::collections::BTreeSet<String>>,
) -> Result<BTreeMap<String, [u8; 32]>, SignatureError> {
    let ignored: Vec<&str> = ignored.iter().map(String::as_str).collect();
    let mut found = walk(root)?;
    found.retain(|name, _| !is_below(name, &ignored));
    if let Some(only) = only {
        if let Some(name) = found.keys().find(|name| !only.contains(*name)) {
            return Err(SignatureError::ExtraFile { name: name.clone() });
        }
        if let Some(name) = only.iter().find(|name| !found.contains_key(*name)) {
            return Err(SignatureError::MissingFile { name: name.clone() });
        }
    }
    check_size(&found, |_| true)?;
    found
        .into_keys()
        .map(|name| {
            crate::name::check(&name).map_err(|flaw| SignatureError::Name { flaw })?;
            let digest = hash(root, &name)?;
            Ok((name, digest))
        })
        .collect()
}

/// Is it one of these, or below one?
fn is_below(name: &str, ignored: &[&str]) -> bool {
    ignored.iter().any(|above| name.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// All files in the folder and below, with their lengths. There must be nothing but files and folders, ignored or not.
fn walk(root: &Path) -> Result<BTreeMap<String, u64>, SignatureError> {
    let mut found = BTreeMap::new();
    let mut flaws = BTreeMap::new();
    let mut folders = vec![(String::new(), 0_u32)];
    let mut entries = 0_u64;
    while let Some((folder, depth)) = folders.pop() {
        let fail = |error| unreadable(&folder, &error);
        for entry in fs::read_dir(root.join(&folder)).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            entries = entries.saturating_add(1);
            if entries > MOST_ENTRIES || depth > MOST_DEPTH {
                return Err(SignatureError::FolderTooLarge { most: MOST_ENTRIES });
            }
            // What is not UTF-8 cannot have been signed, under any name that this gives it.
            let part = entry.file_name().to_string_lossy().into_owned();
            let name = if folder.is_empty() { part } else { format!("{folder}/{part}") };
            let file_type = entry.file_type().map_err(fail)?;
            if file_type.is_dir() {
                folders.push((name, depth.saturating_add(1)));
            } else if file_type.is_file() {
                let len = entry.metadata().map_err(fail)?.len();
                found.insert(name, len);
            } else if file_type.is_symlink() {
                flaws.insert(name.clone(), SignatureError::Symlink { name });
            } else {
                flaws.insert(name.clone(), SignatureError::SpecialFile { name });
            }
        }
    }
    // The first by name, in whatever order the system lists them.
    match flaws.pop_first() {
        None => Ok(found),
        Some((_, flaw)) => Err(flaw),
    }
}

/// Refuses what would take all day, before it is begun.
fn check_size(found: &BTreeMap<String, u64>, is_read: impl Fn(&str) -> bool) -> Result<(), SignatureError> {
    let bytes = found.iter().filter(|(name, _)| is_read(name)).fold(0_u64, |sum, (_, len)| sum.saturating_add(*len));
    if bytes > MOST_BYTES { Err(SignatureError::FolderTooLarge { most: MOST_BYTES }) } else { Ok(()) }
}

/// The digest of a file, as long as it was when it was found or less.
fn hash(root: &Path, name: &str) -> Result<[u8; 32], SignatureError> {
    let fail = |error| unreadable(name, &error);
    let path = root.join(name);
    // Looked at again: a link or a FIFO may stand there by now.
    if !fs::symlink_metadata(&path).map_err(fail)?.is_file() {
        return Err(SignatureError::SpecialFile { name: name.to_owned() });
    }
    let mut file = File::open(&path).map_err(fail)?.take(MOST_BYTES);
    let mut hasher = Hasher::new(Algorithms::SHA256);
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => hasher.update(buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fail(error)),
        }
    }
    hasher.finish().sha256.ok_or(SignatureError::Mismatch)
}

fn unreadable(name: &str, error: &io::Error) -> SignatureError {
    SignatureError::Folder { name: name.to_owned(), reason: error.to_string() }
}

/// What the reference leaves out unless it is told otherwise.
pub(super) const GIT: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];
/// Entries of a folder, and of all below it.
const MOST_ENTRIES: u64 = 100_000;
/// Levels of folders.
const MOST_DEPTH: u32 = 64;
/// Bytes of all files that are signed.
const MOST_BYTES: u64 = 1 << 40;
const CHUNK_BYTES: usize = 256 << 10;
