//! The statement: which files a model has, and their digests.
//!
//! Two versions: `signature/v1.0`, and the `Digests/v0.1` of before it. What version 1.0 adds to its predicate is to be
//! ignored, and is; what it says twice must agree.

use std::collections::BTreeMap;

use super::super::SignatureError;
use super::super::json::Json;
use crate::digest::unhex;
use crate::{Algorithms, Hasher, name};

/// What was signed.
pub(super) struct Statement {
    /// By their names; `.` alone is a model of one file.
    pub(super) files: BTreeMap<String, [u8; 32]>,
    /// What the signer left out, and everything below.
    pub(super) ignored: Vec<String>,
    pub(super) is_of_2024: bool,
}

impl Statement {
    /// Reads a payload.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, SignatureError> {
        let payload = Json::parse(payload)?;
        let is = |field, wanted: &str| match payload.text(field)? {
            found if found == wanted => Ok(()),
            found => Err(SignatureError::Predicate { found: found.to_owned() }),
        };
        is("_type", STATEMENT_TYPE)?;
        let subjects = payload.list("subject")?;
        if payload.text("predicateType")? == PREDICATE_TYPE_OF_2024 {
            return Self::of_2024(subjects);
        }
        is("predicateType", PREDICATE_TYPE)?;
        let [subject] = subjects else { return Err(SignatureError::Field { field: "one subject" }) };
        let predicate = payload.need("predicate")?;
        let ignored = serialization(predicate.need("serialization")?)?;
        let mut files = BTreeMap::new();
        let mut hasher = Hasher::new(Algorithms::SHA256);
        for resource in predicate.list("resources")? {
            let algorithm = resource.text("algorithm")?;
            if algorithm != HASH {
                return Err(SignatureError::Hash { algorithm: algorithm.to_owned() });
            }
            let digest = sha256(resource)?;
            hasher.update(&digest);
            insert(&mut files, resource.text("name")?, digest)?;
        }
        if hasher.finish().sha256 != Some(unhex_field(subject.need("digest")?.text(HASH)?)?) {
            return Err(SignatureError::RootDigest);
        }
        Self { files, ignored, is_of_2024: false }.checked()
    }

    /// The version of before: the files are subjects, and there is nothing else.
    fn of_2024(subjects: &[Json]) -> Result<Self, SignatureError> {
        let mut files = BTreeMap::new();
        for subject in subjects {
            insert(&mut files, subject.text("name")?, unhex_field(subject.need("digest")?.text(HASH)?)?)?;
        }
        Self { files, ignored: Vec::new(), is_of_2024: true }.checked()
    }

    fn checked(self) -> Result<Self, SignatureError> {
        // A folder can neither be empty nor hold itself.
        if self.files.is_empty() || (self.files.contains_key(ONE_FILE) && self.files.len() > 1) {
            return Err(SignatureError::Field { field: "resources of a model" });
        }
        Ok(self)
    }
}

/// How the files were digested; what was left out of it.
fn serialization(serialization: &Json) -> Result<Vec<String>, SignatureError> {
    let method = serialization.text("method")?;
    if method != METHOD {
        return Err(SignatureError::Serialization { method: method.to_owned() });
    }
    let algorithm = serialization.text("hash_type")?;
    if algorithm != HASH {
        return Err(SignatureError::Hash { algorithm: algorithm.to_owned() });
    }
    // That links were followed for signing does not matter: here they are not.
    match serialization.need("allow_symlinks")? {
        Json::Bool(_) => {}
        _ => return Err(SignatureError::Field { field: "allow_symlinks" }),
    }
    let ignored = match serialization.get("ignore_paths") {
        None => return Ok(Vec::new()),
        Some(Json::List(paths)) => paths.iter().map(|path| match path {
            Json::Text(path) => Ok(path.clone()),
            _ => Err(SignatureError::Field { field: "ignore_paths" }),
        }),
        Some(_) => return Err(SignatureError::Field { field: "ignore_paths" }),
    };
    // A path that leads out of the folder leaves out nothing that is looked at; the folder itself would leave out all.
    let ignored: Vec<String> = ignored.collect::<Result<_, _>>()?;
    Ok(ignored.into_iter().filter(|path| name::check(path).is_ok()).collect())
}

fn insert(files: &mut BTreeMap<String, [u8; 32]>, name: &str, digest: [u8; 32]) -> Result<(), SignatureError> {
    if name != ONE_FILE {
        name::check(name).map_err(|flaw| SignatureError::Name { flaw })?;
    }
    match files.insert(name.to_owned(), digest) {
        None => Ok(()),
        Some(_) => Err(SignatureError::RepeatedName { name: name.to_owned() }),
    }
}

fn sha256(resource: &Json) -> Result<[u8; 32], SignatureError> {
    unhex_field(resource.text("digest")?)
}

fn unhex_field(digits: &str) -> Result<[u8; 32], SignatureError> {
    unhex(digits).map_err(|_| SignatureError::Field { field: "SHA-256 digest" })
}

/// The files of a model, to be signed.
#[cfg(feature = "sign")]
#[derive(Clone, Debug)]
pub struct Manifest {
    model: String,
    files: BTreeMap<String, [u8; 32]>,
    ignored: Vec<String>,
}

#[cfg(feature = "sign")]
impl Manifest {
    /// A model of one file, whose digest this is. It holds under any name; `model` is what it is called today.
    #[must_use]
    pub fn of_file(model: &str, sha256: [u8; 32]) -> Self {
        Self { model: model.to_owned(), files: [(ONE_FILE.to_owned(), sha256)].into(), ignored: Vec::new() }
    }

    /// A model of all files in the folder `root` and below, but for Git's own and those at or below `ignored`. They are
    /// read and hashed, unless they are not exactly those that `only` names.
    ///
    /// # Errors
    ///
    /// [`SignatureError`] if the folder cannot be read, has no files, has others than `only`, or has anything else in it than
    /// files and folders.
    pub fn of_folder(
        model: &str,
        root: &std::path::Path,
        ignored: &[String],
        only: Option<&std::collections::BTreeSet<String>>,
    ) -> Result<Self, SignatureError> {
        ignored.iter().try_for_each(|path| name::check(path).map_err(|flaw| SignatureError::Name { flaw }))?;
        let mut all: Vec<String> = super::folder::GIT.iter().map(|&name| name.to_owned()).collect();
        all.extend_from_slice(ignored);
        all.sort();
        all.dedup();
        let files = super::folder::digests(root, &all, only)?;
        if files.is_empty() {
            return Err(SignatureError::Field { field: "file to sign" });
        }
        Ok(Self { model: model.to_owned(), files, ignored: all })
    }

    /// The names of the files, sorted.
    #[must_use]
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The statement, as it is signed.
    pub(in super::super) fn payload(&self) -> Vec<u8> {
        let Self { model, files, ignored } = self;
        // The reference sorts names by their parts: a `/` counts less than any character.
        let mut files: Vec<_> = files.iter().collect();
        files.sort_by(|(one, _), (other, _)| one.split('/').cmp(other.split('/')));
        let hex = |digest: &[u8; 32]| crate::Digest::Sha256(*digest).to_hex();
        let mut hasher = Hasher::new(Algorithms::SHA256);
        for (_, digest) in &files {
            hasher.update(*digest);
        }
        let root = hasher.finish().sha256.unwrap_or_default();
        let resources = files
            .iter()
            .map(|(name, digest)| serde_json::json!({ "name": name, "algorithm": HASH, "digest": hex(digest) }));
        let mut serialization = serde_json::json!({ "method": METHOD, "hash_type": HASH, "allow_symlinks": false });
        if let (false, Some(object)) = (ignored.is_empty(), serialization.as_object_mut()) {
            object.insert("ignore_paths".to_owned(), ignored.as_slice().into());
        }
        serde_json::json!({
            "_type": STATEMENT_TYPE,
            "subject": [{ "name": model, "digest": { "sha256": hex(&root) } }],
            "predicateType": PREDICATE_TYPE,
            "predicate": { "serialization": serialization, "resources": resources.collect::<Vec<_>>() },
        })
        .to_string()
        .into_bytes()
    }
}

/// The name of the file in a model of one file.
pub(super) const ONE_FILE: &str = ".";
const HASH: &str = "sha256";
const METHOD: &str = "files";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
const PREDICATE_TYPE_OF_2024: &str = "https://model_signing/Digests/v0.1";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
