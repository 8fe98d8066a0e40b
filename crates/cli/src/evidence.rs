//! The evidence that was given, for each of the files.

use std::path::{Path, PathBuf};

use flux_airlock::report::EvidenceEntry;
use flux_airlock::{Evidence, LockFile, Model, Pin, PublicKey, Registry, Roots, Signature, SignedBy};

use crate::args::EvidenceArgs;
use crate::examine::STDIN;
use crate::terminal::{Failure, Terminal};
use crate::{registry, sign, text};

/// Is evidence needed?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    /// No, it is checked if there is any.
    IfAny,
    /// Yes, unless the command was told to do without by name.
    Yes,
}

/// What must hold.
pub(crate) struct Required {
    pins: Vec<Pin>,
    locks: Vec<(PathBuf, LockFile)>,
    signatures: Vec<Signed>,
    /// The folder that they are about, if it is not where each lies.
    signed_folder: Option<PathBuf>,
    registry: Option<Registry>,
    /// The name in the registry that was given.
    name: Option<String>,
}

/// A signature, and whose it must be.
struct Signed {
    path: PathBuf,
    signature: Signature,
    by: SignedBy,
}

impl Required {
    /// Reads what the arguments name.
    pub(crate) fn new(args: &EvidenceArgs, files: &[PathBuf], need: Need) -> Result<Self, Failure> {
        let EvidenceArgs { pin, lock, signature, unverified, .. } = args;
        let is_listed = args.registry.registry.is_some() && args.name.as_deref() != Some("");
        if need == Need::Yes && !unverified && !is_listed && pin.is_empty() && lock.is_empty() && signature.is_empty() {
            return Err(Failure::usage(
                "no evidence for these files: give --pin DIGEST, --lock FILE, --signature FILE and --public-key PEM, or \
                 --registry REGISTRY and --root FILE, or --unverified to do without",
            ));
        }
        if !pin.is_empty() && files.len() != 1 {
            return Err(Failure::usage("--pin is the digest of exactly one FILE"));
        }
        if args.name.as_deref().is_some_and(|name| !name.is_empty()) && files.len() != 1 {
            return Err(Failure::usage("--name is the name of exactly one FILE"));
        }
        if files.iter().filter(|file| is_stdin(file)).count() > 1 {
            return Err(Failure::usage("standard input can be read once"));
        }
        if !lock.is_empty() && files.iter().any(|file| is_stdin(file)) {
            return Err(Failure::usage("standard input has no name that a lock file could know"));
        }
        let mut locks = Vec::new();
        for path in lock {
            let file = LockFile::read(path)
                .map_err(|error| Failure::new(format!("{}: {error} ({})", text::name(path.as_ref()), error.code())))?;
            locks.push((path.clone(), file));
        }
        let registry = registry::load(&args.registry)?;
        if registry.is_some() && args.name.is_none() && files.iter().any(|file| is_stdin(file)) {
            return Err(Failure::usage("standard input has no name that a registry could know: give it with --name"));
        }
        let (signed_folder, name) = (args.signed_folder.clone(), args.name.clone());
        Ok(Self { pins: pin.clone(), locks, signatures: signatures(args)?, signed_folder, registry, name })
    }

    /// What must hold of this file; `None` if nothing must.
    pub(crate) fn of(&self, file: &Path) -> Option<Evidence> {
        let mut evidence = Evidence::new();
        for pin in &self.pins {
            evidence = evidence.and_pin(*pin);
        }
        for (path, lock) in &self.locks {
            evidence = evidence.and_lock(lock, &LockFile::name_to_look_up(LockFile::folder_of(path), file));
        }
        for Signed { path, signature, by } in &self.signatures {
            let mut signature = signature.clone();
            if !is_stdin(file) {
                signature = signature.about(file, path, self.signed_folder.as_deref());
            }
            evidence = evidence.and_signature(signature, by.clone());
        }
        if let Some(registry) = &self.registry {
            let own = || file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = self.name.clone().unwrap_or_else(own);
            evidence = match name.as_str() {
                "" => evidence.and_not_revoked(registry),
                name => evidence.and_registry(registry, name),
            };
        }
        (!evidence.is_empty()).then_some(evidence)
    }
}

/// Reads the signatures, and the keys or certificates that go with them.
fn signatures(args: &EvidenceArgs) -> Result<Vec<Signed>, Failure> {
    let EvidenceArgs { signature, public_key, certificate_root, .. } = args;
    let signers: Vec<SignedBy> = if let Some(path) = certificate_root {
        vec![Roots::read(path).map_err(|error| sign::unusable(path, &error))?.into()]
    } else {
        let read = |path: &PathBuf| PublicKey::read(path).map_err(|error| sign::unusable(path, &error));
        public_key.iter().map(|path| read(path).map(SignedBy::from)).collect::<Result<_, _>>()?
    };
    if signers.is_empty() && !signature.is_empty() {
        return Err(Failure::usage(
            "a signature says nothing without its signer: give --public-key PEM, or --certificate-root PEM",
        ));
    }
    if signers.len() > 1 && signers.len() != signature.len() {
        return Err(Failure::usage("give one --public-key for all signatures, or one for each, in their order"));
    }
    let signed = signature.iter().zip(signers.iter().cycle()).map(|(path, by)| {
        let read = Signature::read(path);
        let signature = read
            .map_err(|error| Failure::new(format!("{}: {error} ({})", text::name(path.as_os_str()), error.code())))?;
        Ok(Signed { path: path.clone(), signature, by: by.clone() })
    });
    signed.collect()
}

/// Says what held of a model that was opened.
pub(crate) fn remark(model: &Model, terminal: &mut Terminal) {
    for entry in model.evidence() {
        terminal.remark(&format!("  {}", held(entry)));
    }
}

/// Evidence that held, in one line.
pub(crate) fn held(entry: &EvidenceEntry) -> String {
    let name = |name: &str| text::name(name.as_ref());
    match entry {
        EvidenceEntry::Pin { digest, lock: Some(lock), .. } => {
            format!("pin {digest}, as a lock file says of {}", name(lock))
        }
        EvidenceEntry::Pin { digest, .. } => format!("pin {digest}, as given"),
        EvidenceEntry::Registry { name: model, registry, version, digest, .. } => {
            format!("registry {} lists {digest} as {} (version {version})", name(registry), name(model))
        }
        EvidenceEntry::Signature { format, key_id, signer, name: file, comment, .. } => {
            let parts = [
                Some(format!("signature ({format}) by key {key_id}")),
                signer.as_deref().map(name),
                file.as_deref().map(|file| format!("over a folder with {}", name(file))),
                comment.as_deref().map(|comment| format!("comment {}", name(comment))),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
        other => format!("{} {}", other.kind(), other.digest()),
    }
}

/// Is this the standard input?
pub(crate) fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == STDIN
}
