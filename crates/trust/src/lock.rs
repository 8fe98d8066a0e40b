//! The lock file: which files may be opened, each with its length and digests, in a form that people can review.
//!
//! ```toml
//! version = 1
//!
//! [[file]]
//! name = "models/encoder.bson"
//! bytes = 3512
//! sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
//! ```
//!
//! A lock file is as untrusted as the models: it is read up to [`LockFile::MAX_BYTES`], an unknown key is an error and
//! never ignored (it could be a condition of a later version), and a name that stands twice is one too. It is written
//! sorted by name, one fact a line, so that two versions of it differ where their facts differ.

use core::fmt;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::digest::unhex;
use crate::files::{self, folder_of};
use crate::{Algorithms, Digest, DigestError, Digests, Mismatch, NameFlaw, name, pin};

/// A file that may be opened, as a lock file has it.
///
/// ```
/// use flux_airlock_trust::{Algorithms, Entry, Hasher};
///
/// let digests = Hasher::hash(b"abc", Algorithms::ALL);
/// let entry = Entry::new("models/encoder.bson", 3, &digests)?;
/// assert!(entry.check(3, &digests).is_ok());
/// assert!(entry.check(4, &digests).is_err());
/// # Ok::<(), flux_airlock_trust::LockError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    name: String,
    bytes: u64,
    sha256: [u8; 32],
    sha512: Option<[u8; 64]>,
}

impl Entry {
    /// An entry for the file of this name, length and digests. SHA-256 must be among them.
    ///
    /// # Errors
    ///
    /// [`LockError::Name`] if a lock file may not hold the name, [`LockError::MissingKey`] without SHA-256.
    pub fn new(name: &str, bytes: u64, digests: &Digests) -> Result<Self, LockError> {
        name::check(name).map_err(|flaw| LockError::Name { line: None, flaw })?;
        let sha256 = digests.sha256.ok_or(LockError::MissingKey { line: None, key: "sha256" })?;
        Ok(Self { name: name.to_owned(), bytes, sha256, sha512: digests.sha512 })
    }

    /// The name, relative to the lock file's folder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes the file has.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Every digest the file must have: SHA-256, and SHA-512 where the entry has one.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        [Some(Digest::Sha256(self.sha256)), self.sha512.map(Digest::Sha512)].into_iter().flatten()
    }

    /// The algorithms that [`Entry::check`] needs.
    #[must_use]
    pub const fn algorithms(&self) -> Algorithms {
        Algorithms { sha256: true, sha512: self.sha512.is_some() }
    }

    /// Is this the file that the entry means? All that the entry says must hold.
    ///
    /// # Errors
    ///
    /// The first [`Mismatch`].
    pub fn check(&self, bytes: u64, found: &Digests) -> Result<(), Mismatch> {
        if bytes != self.bytes {
            return Err(Mismatch::Bytes { expected: self.bytes, found: bytes });
        }
        self.digests().try_for_each(|digest| pin::check(digest, found))
    }
}

/// May [`LockFile::insert`] replace what the lock file says of a file?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Update {
    /// No: a different digest is an error.
    No,
    /// Yes, because a person asked for it.
    Yes,
}

/// What [`LockFile::insert`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inserted {
    /// The file is new in the lock file.
    Added,
    /// The lock file said the same already.
    Kept,
    /// The lock file says something else, or more, than before.
    Updated,
}

/// A lock file in memory.
///
/// ```
/// use flux_airlock_trust::{Algorithms, Entry, Hasher, Inserted, LockFile, Update};
///
/// let mut lock = LockFile::default();
/// let entry = Entry::new("m.bson", 3, &Hasher::hash(b"abc", Algorithms::SHA256))?;
/// assert_eq!(lock.insert(entry, Update::No)?, Inserted::Added);
/// assert_eq!(LockFile::parse(&lock.to_string())?, lock);
///
/// let other = Entry::new("m.bson", 3, &Hasher::hash(b"abd", Algorithms::SHA256))?;
/// let error = lock.insert(other.clone(), Update::No).unwrap_err();
/// assert_eq!(error.code(), "lock-conflict");
/// assert_eq!(lock.insert(other, Update::Yes)?, Inserted::Updated);
/// # Ok::<(), flux_airlock_trust::LockError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LockFile {
    files: BTreeMap<String, Entry>,
}

impl LockFile {
    /// The longest lock file that is read or written: about 25,000 entries.
    pub const MAX_BYTES: u64 = 4 << 20;

    /// Reads a lock file's text.
    ///
    /// # Errors
    ///
    /// [`LockError`] for the first flaw, with its line.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        if u64::try_from(text.len()).is_ok_and(|len| len > Self::MAX_BYTES) {
            return Err(LockError::TooLarge);
        }
        let reader = Reader { text };
        let table = DeTable::parse(text).map_err(|error| LockError::Syntax {
            line: error.span().map(|span| reader.line(span.start)),
            message: error.message().escape_debug().to_string(),
        })?;
        reader.lock(table.get_ref())
    }

    /// Reads a lock file from disk, [`LockFile::MAX_BYTES`] of it at most.
    ///
    /// # Errors
    ///
    /// [`LockError::Io`] if it cannot be read or is no regular file, otherwise as [`LockFile::parse`].
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let bytes = files::read(path, Self::MAX_BYTES)?.ok_or(LockError::TooLarge)?;
        Self::parse(core::str::from_utf8(&bytes).map_err(|_| LockError::NotUtf8)?)
    }

    /// Keeps others who ask for it from the lock file at `path`, until what this gives is dropped: from reading it to
    /// writing it again, so that of two who add to it at once neither takes away what the other added. Waits for its turn.
    ///
    /// The lock file itself need not exist, and its folder must.
    ///
    /// # Errors
    ///
    /// [`LockError::Io`] if the folder cannot be opened, [`LockError::NotHeld`] if the system does not keep others away.
    pub fn hold(path: &Path) -> Result<Held, LockError> {
        // Where a link leads, as for writing.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // The file is replaced by writing, and the folder stays. Only Unix can lock a folder.
        #[cfg(unix)]
        let file = File::open(folder_of(&path))?;
        #[cfg(not(unix))]
        let file =
            fs::OpenOptions::new().create(true).truncate(false).write(true).open(path.with_added_extension("held"))?;
        file.lock().map_err(LockError::NotHeld)?;
        Ok(Held { _file: file })
    }

    /// What the lock file says of the file of this name.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.files.get(name)
    }

    /// All entries, sorted by name.
    #[must_use]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.files.values()
    }

    /// Adds an entry.
    ///
    /// An entry that agrees with the one there is may add a SHA-512 to it; it never takes one away.
    ///
    /// # Errors
    ///
    /// [`LockError::Conflict`] if the lock file says otherwise of this file, unless `update` allows it. The lock file is
    /// then as it was.
    pub fn insert(&mut self, mut entry: Entry, update: Update) -> Result<Inserted, LockError> {
        let Some(old) = self.files.get_mut(&entry.name) else {
            self.files.insert(entry.name.clone(), entry);
            return Ok(Inserted::Added);
        };
        let agrees = old.bytes == entry.bytes
            && old.sha256 == entry.sha256
            && old.sha512.is_none_or(|old| entry.sha512.is_none_or(|new| old == new));
        if agrees {
            entry.sha512 = entry.sha512.or(old.sha512);
        } else if update == Update::No {
            return Err(LockError::Conflict { name: entry.name });
        }
        if *old == entry {
            return Ok(Inserted::Kept);
        }
        *old = entry;
        Ok(Inserted::Updated)
    }

    /// Writes the lock file so that `path` has its old content or its new one, whatever happens in between: to a new
    /// file in the same folder, synced, then renamed. A `path` that is a link keeps being one.
    ///
    /// # Errors
    ///
    /// [`LockError::Io`] if it cannot be written, [`LockError::TooLarge`] if it could not be read again. Nothing is left
    /// behind.
    pub fn write_atomically(&self, path: &Path) -> Result<(), LockError> {
        let text = self.to_string();
        if u64::try_from(text.len()).is_ok_and(|len| len > Self::MAX_BYTES) {
            return Err(LockError::TooLarge);
        }
        Ok(files::replace(path, text.as_bytes())?)
    }

    /// [`LockFile::name_in`], and for a file that has no name there one that no lock file and no signed folder can hold: what is
    /// looked up under it is not found.
    #[must_use]
    pub fn name_to_look_up(root: &Path, model: &Path) -> String {
        let outside = || format!("../{}", model.file_name().unwrap_or_default().to_string_lossy());
        Self::name_in(root, model).unwrap_or_else(|_| outside())
    }

    /// The folder that a lock file, or a signature, speaks of unless it is said: that in which it lies.
    #[must_use]
    pub fn folder_of(path: &Path) -> &Path {
        folder_of(path)
    }

    /// The name by which the lock file at `lock` knows the file at `model`.
    ///
    /// Both folders are resolved first, links included; the file's own name stays as it is written, so that a link to a
    /// model is a file of its own. A file outside the lock file's folder has no name and is refused: `..` in a name would let one
    /// lock file speak for files anywhere.
    ///
    /// # Errors
    ///
    /// [`LockError::Outside`] for such a file, [`LockError::Name`] for a name that a lock file may not hold,
    /// [`LockError::Io`] if a folder cannot be resolved.
    pub fn name_of(lock: &Path, model: &Path) -> Result<String, LockError> {
        Self::name_in(folder_of(lock), model)
    }

    /// The name of the file at `model` in the folder `root`, as a lock file there has it, and a signature over that folder.
    ///
    /// # Errors
    ///
    /// As [`LockFile::name_of`].
    pub fn name_in(root: &Path, model: &Path) -> Result<String, LockError> {
        let file = model.file_name().ok_or(LockError::Name { line: None, flaw: NameFlaw::Dots })?;
        let root = fs::canonicalize(root)?;
        let folder = fs::canonicalize(folder_of(model))?;
        let inside = folder.strip_prefix(&root).map_err(|_| LockError::Outside { folder: root.clone() })?;
        let mut parts = Vec::new();
        for part in inside.components() {
            // Nothing else is left in a resolved path below another.
            if let Component::Normal(part) = part {
                parts.push(part);
            }
        }
        parts.push(file);
        let parts: Option<Vec<&str>> = parts.into_iter().map(std::ffi::OsStr::to_str).collect();
        let name = parts.ok_or(LockError::Name { line: None, flaw: NameFlaw::NotUtf8 })?.join("/");
        name::check(&name).map_err(|flaw| LockError::Name { line: None, flaw })?;
        Ok(name)
    }
}

/// The turn at a lock file that [`LockFile::hold`] waited for. It ends when this is dropped.
#[derive(Debug)]
#[must_use = "others are kept away only as long as this is there"]
pub struct Held {
    /// Unlocked by the system when it is closed, however the process ends.
    _file: File,
}

/// The lock file's text, sorted by name.
impl fmt::Display for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# What these files must be, byte for byte. Written by `airlock pin`.\nversion = 1\n")?;
        for Entry { name, bytes, sha256, sha512 } in self.files.values() {
            // Of all that TOML escapes in a string, a name can only have the quote.
            write!(f, "\n[[file]]\nname = \"{}\"\nbytes = {bytes}\n", name.replace('"', "\\\""))?;
            writeln!(f, "sha256 = \"{}\"", Digest::Sha256(*sha256).to_hex())?;
            if let Some(sha512) = sha512 {
                writeln!(f, "sha512 = \"{}\"", Digest::Sha512(*sha512).to_hex())?;
            }
        }
        Ok(())
    }
}

/// What is wrong with a lock file, or keeps a file out of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// A length that no file has.
    #[error("line {line}: the number of bytes is out of range")]
    Bytes {
        /// Where.
        line: usize,
    },
    /// The lock file says something else of this file.
    #[error("the lock file has another digest or length for \"{}\"", name.escape_debug())]
    Conflict {
        /// The file's name.
        name: String,
    },
    /// A digest that is none.
    #[error("line {line}: {flaw}")]
    Digest {
        /// Where.
        line: usize,
        /// What is wrong with it.
        flaw: DigestError,
    },
    /// It cannot be read or written.
    #[error("the lock file cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// An entry without one of its keys.
    #[error("{}an entry has no {key}", at(*line))]
    MissingKey {
        /// Where the entry begins, in a file.
        line: Option<usize>,
        /// Which key.
        key: &'static str,
    },
    /// A name that a lock file may not hold.
    #[error("{}a file's name cannot stand in a lock file: {flaw}", at(*line))]
    Name {
        /// Where, in a file.
        line: Option<usize>,
        /// What is wrong with it.
        flaw: NameFlaw,
    },
    /// Others cannot be kept from writing it at the same time.
    #[error("others cannot be kept from writing the lock file meanwhile: {0}")]
    NotHeld(#[source] io::Error),
    /// It is not UTF-8.
    #[error("the lock file is not UTF-8")]
    NotUtf8,
    /// A file that does not lie in the lock file's folder or below.
    #[error("the file lies outside the lock file's folder {}", folder.display().to_string().escape_debug())]
    Outside {
        /// The lock file's folder.
        folder: PathBuf,
    },
    /// A name that stands twice.
    #[error("line {line}: \"{}\" stands twice", name.escape_debug())]
    RepeatedName {
        /// Where, the second time.
        line: usize,
        /// Which name.
        name: String,
    },
    /// It is not TOML.
    #[error("{}{message}", at(*line))]
    Syntax {
        /// Where, if there is one place.
        line: Option<usize>,
        /// The parser's words, escaped.
        message: String,
    },
    /// It is longer than [`LockFile::MAX_BYTES`].
    #[error("a lock file has at most {} bytes", LockFile::MAX_BYTES)]
    TooLarge,
    /// A key that version 1 does not have.
    #[error("line {line}: version 1 of a lock file has no such key")]
    UnknownKey {
        /// Where.
        line: usize,
    },
    /// A version that is not 1, or none at all.
    #[error("this is no lock file of version 1")]
    Version,
    /// A value of another type than its key wants.
    #[error("line {line}: {key} is of another type")]
    WrongType {
        /// Where.
        line: usize,
        /// The key.
        key: &'static str,
    },
}

impl LockError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bytes { .. } => "lock-bytes",
            Self::Conflict { .. } => "lock-conflict",
            Self::Digest { .. } => "lock-digest",
            Self::Io(_) => "lock-io",
            Self::MissingKey { .. } => "lock-missing-key",
            Self::Name { .. } => "lock-name",
            Self::NotHeld(_) => "lock-not-held",
            Self::NotUtf8 => "lock-not-utf8",
            Self::Outside { .. } => "lock-outside",
            Self::RepeatedName { .. } => "lock-repeated-name",
            Self::Syntax { .. } => "lock-syntax",
            Self::TooLarge => "lock-too-large",
            Self::UnknownKey { .. } => "lock-unknown-key",
            Self::Version => "lock-version",
            Self::WrongType { .. } => "lock-wrong-type",
        }
    }
}

/// The beginning of a message that may have a place.
fn at(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

/// Goes through the tables of a lock file's text.
struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    /// The line of this byte, counted from 1. Costs a walk over the text: for errors only.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before.split(|&byte| byte == b'\n').count()
    }

    fn lock(&self, table: &DeTable<'_>) -> Result<LockFile, LockError> {
        let mut lock = LockFile::default();
        // The version first: what another version's keys mean is not for us to say.
        if table.get("version").and_then(|version| integer(version.get_ref())) != Some(1) {
            return Err(LockError::Version);
        }
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "version" => {}
                "file" => {
                    for file in value.get_ref().as_array().ok_or_else(|| self.wrong_type(value, "file"))? {
                        let entry = self.entry(file)?;
                        if lock.files.contains_key(&entry.name) {
                            let line = self.line(file.span().start);
                            return Err(LockError::RepeatedName { line, name: entry.name });
                        }
                        lock.files.insert(entry.name.clone(), entry);
                    }
                }
                _ => return Err(LockError::UnknownKey { line: self.line(key.span().start) }),
            }
        }
        Ok(lock)
    }

    fn entry(&self, file: &Spanned<DeValue<'_>>) -> Result<Entry, LockError> {
        let (mut name, mut bytes, mut sha256, mut sha512) = (None, None, None, None);
        for (key, value) in file.get_ref().as_table().ok_or_else(|| self.wrong_type(file, "file"))? {
            match key.get_ref().as_ref() {
                "bytes" => bytes = Some(self.length(value)?),
                "name" => name = Some(self.name(value)?),
                "sha256" => sha256 = Some(self.digest(value, "sha256")?),
                "sha512" => sha512 = Some(self.digest(value, "sha512")?),
                _ => return Err(LockError::UnknownKey { line: self.line(key.span().start) }),
            }
        }
        let missing = |key| LockError::MissingKey { line: Some(self.line(file.span().start)), key };
        Ok(Entry {
            name: name.ok_or_else(|| missing("name"))?,
            bytes: bytes.ok_or_else(|| missing("bytes"))?,
            sha256: sha256.ok_or_else(|| missing("sha256"))?,
            sha512,
        })
    }

    fn length(&self, value: &Spanned<DeValue<'_>>) -> Result<u64, LockError> {
        if !value.get_ref().is_integer() {
            return Err(self.wrong_type(value, "bytes"));
        }
        // Julia, TOML and most file systems count in signed 64 bits.
        let length = integer(value.get_ref()).and_then(|length| i64::try_from(length).ok());
        let length = length.and_then(|length| u64::try_from(length).ok());
        length.ok_or_else(|| LockError::Bytes { line: self.line(value.span().start) })
    }

    fn name(&self, value: &Spanned<DeValue<'_>>) -> Result<String, LockError> {
        let name = self.string(value, "name")?;
        name::check(name)
            .map_err(|flaw| LockError::Name { line: Some(self.line(value.span().start)), flaw })
            .map(|()| name.to_owned())
    }

    fn digest<const N: usize>(&self, value: &Spanned<DeValue<'_>>, key: &'static str) -> Result<[u8; N], LockError> {
        unhex(self.string(value, key)?).map_err(|flaw| LockError::Digest { line: self.line(value.span().start), flaw })
    }

    fn string<'v>(&self, value: &'v Spanned<DeValue<'_>>, key: &'static str) -> Result<&'v str, LockError> {
        value.get_ref().as_str().ok_or_else(|| self.wrong_type(value, key))
    }

    fn wrong_type(&self, value: &Spanned<DeValue<'_>>, key: &'static str) -> LockError {
        LockError::WrongType { line: self.line(value.span().start), key }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hasher;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn entry(name: &str, content: &[u8], algorithms: Algorithms) -> Entry {
        Entry::new(name, content.len() as u64, &Hasher::hash(content, algorithms)).unwrap()
    }

    fn file(name: &str) -> String {
        format!("version = 1\n[[file]]\nname = \"{name}\"\nbytes = 3\nsha256 = \"{HEX}\"\n")
    }

    fn code(text: &str) -> &'static str {
        LockFile::parse(text).unwrap_err().code()
    }

    /// A folder of the test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("airlock-lock-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_lock_file_is_written_sorted_one_fact_a_line() {
        let mut lock = LockFile::default();
        lock.insert(entry("b.bson", b"abc", Algorithms::ALL), Update::No).unwrap();
        lock.insert(entry("a \"b\"/c.bson", b"abc", Algorithms::SHA256), Update::No).unwrap();
        let text = lock.to_string();
        let expected = format!(
            "# What these files must be, byte for byte. Written by `airlock pin`.\nversion = 1\n\n\
             [[file]]\nname = \"a \\\"b\\\"/c.bson\"\nbytes = 3\nsha256 = \"{HEX}\"\n\n\
             [[file]]\nname = \"b.bson\"\nbytes = 3\nsha256 = \"{HEX}\"\nsha512 = \"ddaf35a1"
        );
        assert!(text.starts_with(&expected), "{text}");
        assert_eq!(LockFile::parse(&text).unwrap(), lock);
        assert_eq!(LockFile::parse("version = 1").unwrap(), LockFile::default());
    }

    #[test]
    fn each_flaw_has_its_code_and_line() {
        let good = file("a");
        assert!(LockFile::parse(&good).is_ok());
        assert_eq!(code(""), "lock-version");
        assert_eq!(code("version = 2\nhalf = true"), "lock-version");
        assert_eq!(code("version = \"1\""), "lock-version");
        assert_eq!(code("version = 1\nversion = 1"), "lock-syntax");
        assert_eq!(code("version = 1\nfile = 3"), "lock-wrong-type");
        assert_eq!(code("version = 1\nfile = [3]"), "lock-wrong-type");
        assert_eq!(code("version = 1\nfiles = []"), "lock-unknown-key");
        assert_eq!(code(&good.replace("bytes = 3", "bytes = \"3\"")), "lock-wrong-type");
        assert_eq!(code(&good.replace("bytes = 3", "bytes = -1")), "lock-bytes");
        assert_eq!(code(&good.replace("bytes = 3", "bytes = 9223372036854775808")), "lock-bytes");
        assert_eq!(code(&good.replace("bytes = 3", "bytes = 3\nmode = 1")), "lock-unknown-key");
        assert_eq!(code(&good.replace("bytes = 3\n", "")), "lock-missing-key");
        assert_eq!(code(&good.replace("name = \"a\"\n", "")), "lock-missing-key");
        assert_eq!(code(&good.replace(HEX, "")), "lock-digest");
        assert_eq!(code(&good.replace(HEX, &HEX[1..])), "lock-digest");
        assert_eq!(code(&good.replace(HEX, &format!("sha256:{HEX}"))), "lock-digest");
        assert_eq!(code(&good.replace("sha256", "sha512")), "lock-digest");
        assert_eq!(code(&file("../a")), "lock-name");
        assert_eq!(code(&file("/a")), "lock-name");
        assert_eq!(code(&file("a\\\\b")), "lock-name");
        assert_eq!(code(&file("a\\u202eb")), "lock-name");
        let twice = format!("{good}{}", good.replace("version = 1\n", ""));
        let error = LockFile::parse(&twice).unwrap_err();
        assert!(matches!(&error, LockError::RepeatedName { line: 6, name } if name == "a"), "{error}");
        let error = LockFile::parse(&good.replace(HEX, "x")).unwrap_err();
        assert!(error.to_string().starts_with("line 5: "), "{error}");
    }

    #[test]
    fn a_lock_file_beyond_its_size_is_not_read() {
        let folder = Folder::new("size");
        let path = folder.0.join("airlock.lock");
        let most = usize::try_from(LockFile::MAX_BYTES).unwrap();
        let fill = |len: usize| format!("version = 1{}", "\n".repeat(len - "version = 1".len()));
        fs::write(&path, fill(most)).unwrap();
        assert!(LockFile::read(&path).is_ok());
        fs::write(&path, fill(most + 1)).unwrap();
        assert_eq!(LockFile::read(&path).unwrap_err().code(), "lock-too-large");
        assert_eq!(code(&fill(most + 1)), "lock-too-large");
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        for (open, close) in [("[", "]"), ("{a=", "}")] {
            let text = format!("version = 1\nfile = {}1{}", open.repeat(100_000), close.repeat(100_000));
            assert_eq!(code(&text), "lock-syntax");
        }
        let text = format!("version = 1\n[{}a]", "a.".repeat(100_000));
        assert!(LockFile::parse(&text).is_err());
    }

    #[test]
    fn another_digest_needs_an_explicit_update() {
        let mut lock = LockFile::default();
        let (old, new) = (entry("m", b"abc", Algorithms::SHA256), entry("m", b"abd", Algorithms::SHA256));
        assert_eq!(lock.insert(old.clone(), Update::No).unwrap(), Inserted::Added);
        assert_eq!(lock.insert(old.clone(), Update::No).unwrap(), Inserted::Kept);
        assert_eq!(lock.insert(new.clone(), Update::No).unwrap_err().code(), "lock-conflict");
        assert_eq!(lock.entry("m"), Some(&old));
        assert_eq!(lock.insert(new.clone(), Update::Yes).unwrap(), Inserted::Updated);
        assert_eq!(lock.entry("m"), Some(&new));
    }

    #[test]
    fn a_digest_is_added_but_never_dropped() {
        let mut lock = LockFile::default();
        let (both, one) = (entry("m", b"abc", Algorithms::ALL), entry("m", b"abc", Algorithms::SHA256));
        lock.insert(one.clone(), Update::No).unwrap();
        assert_eq!(lock.insert(both.clone(), Update::No).unwrap(), Inserted::Updated);
        assert_eq!(lock.insert(one, Update::Yes).unwrap(), Inserted::Kept);
        assert_eq!(lock.entry("m"), Some(&both));
    }

    #[test]
    fn every_digest_of_an_entry_must_hold() {
        let digests = Hasher::hash(b"abc", Algorithms::ALL);
        let mut mixed = entry("m", b"abc", Algorithms::ALL);
        assert_eq!(mixed.check(3, &digests), Ok(()));
        mixed.sha512 = Hasher::hash(b"abd", Algorithms::ALL).sha512;
        assert!(matches!(mixed.check(3, &digests), Err(Mismatch::Digest { .. })));
        let half = Digests { sha512: None, ..digests };
        assert_eq!(mixed.check(3, &half), Err(Mismatch::NotHashed { algorithm: "sha512" }));
        assert_eq!(mixed.check(4, &digests), Err(Mismatch::Bytes { expected: 3, found: 4 }));
    }

    #[test]
    fn a_lock_file_is_replaced_whole_and_leaves_nothing_behind() {
        let folder = Folder::new("write");
        let path = folder.0.join("airlock.lock");
        let mut lock = LockFile::default();
        lock.write_atomically(&path).unwrap();
        lock.insert(entry("m", b"abc", Algorithms::SHA256), Update::No).unwrap();
        lock.write_atomically(&path).unwrap();
        assert_eq!(LockFile::read(&path).unwrap(), lock);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        // A folder in its place: the rename fails, and the temporary file goes.
        let taken = folder.0.join("taken");
        fs::create_dir_all(taken.join("full")).unwrap();
        assert_eq!(lock.write_atomically(&taken).unwrap_err().code(), "lock-io");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_lock_file_stays_a_link() {
        let folder = Folder::new("link");
        let (real, link) = (folder.0.join("real.lock"), folder.0.join("airlock.lock"));
        LockFile::default().write_atomically(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut lock = LockFile::default();
        lock.insert(entry("m", b"abc", Algorithms::SHA256), Update::No).unwrap();
        lock.write_atomically(&link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(LockFile::read(&real).unwrap(), lock);
    }

    #[test]
    fn a_file_is_named_from_the_lock_files_folder() {
        let folder = Folder::new("names");
        fs::create_dir_all(folder.0.join("models/old")).unwrap();
        let lock = folder.0.join("models/airlock.lock");
        let name = |model: &str| LockFile::name_of(&lock, &folder.0.join(model));
        assert_eq!(name("models/m.bson").unwrap(), "m.bson");
        assert_eq!(name("models/old/m.bson").unwrap(), "old/m.bson");
        assert_eq!(name("models/old/../m.bson").unwrap(), "m.bson");
        assert_eq!(name("m.bson").unwrap_err().code(), "lock-outside");
        assert_eq!(name("models/../m.bson").unwrap_err().code(), "lock-outside");
        assert_eq!(name("models/old/..").unwrap_err().code(), "lock-name");
        assert_eq!(name("nowhere/m.bson").unwrap_err().code(), "lock-io");
        assert_eq!(name("models/a\nb").unwrap_err().code(), "lock-name");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_a_link_does_not_lead_inside() {
        let folder = Folder::new("inside");
        fs::create_dir_all(folder.0.join("models")).unwrap();
        fs::create_dir_all(folder.0.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.0.join("elsewhere"), folder.0.join("models/inside")).unwrap();
        let lock = folder.0.join("models/airlock.lock");
        let error = LockFile::name_of(&lock, &folder.0.join("models/inside/m.bson")).unwrap_err();
        assert_eq!(error.code(), "lock-outside");
    }
}
