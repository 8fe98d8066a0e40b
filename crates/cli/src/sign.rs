//! `airlock sign`: a signature over files, by somebody's private key.
//!
//! Files are hashed and not parsed: a signature says whose files these are, and not that they open.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::SystemTime;

use flux_airlock::{Input, KeyError, SignatureError};
use flux_airlock_export::{ExportError, Overwrite, to_file};
use flux_airlock_trust::{
    Algorithms, LockFile, Manifest, MinisignForm, Passphrase, PrivateKey, read_certificates, sign_minisign, sign_oms,
};

use crate::args::{SignFiles, SignatureFormat};
use crate::convert::unwritten;
use crate::evidence::is_stdin;
use crate::progress::Progress;
use crate::terminal::{Failure, Status, Terminal, Tone};
use crate::text;

pub(crate) fn run(args: &SignFiles, terminal: &mut Terminal) -> Result<Status, Failure> {
    if args.files.iter().any(|file| is_stdin(file)) || is_stdin(&args.output) {
        return Err(Failure::usage("what is signed is a file, and so is the signature: - is neither"));
    }
    // Before the work, and before anybody types a passphrase. What counts is asked again when the file gets its name.
    if !args.force && fs::symlink_metadata(&args.output).is_ok() {
        return Err(unwritten(&args.output, &ExportError::Exists));
    }
    let key = PrivateKey::read(&args.key, || passphrase(&args.key, args.passphrase_file.as_deref()))
        .map_err(|error| unusable(&args.key, &error))?;
    let certificates = match &args.certificate {
        None => None,
        Some(path) => Some(read_certificates(path).map_err(|error| unusable(path, &error))?),
    };
    let (signed, signature) = match args.format {
        SignatureFormat::Oms => {
            let manifest = manifest(args, terminal)?;
            let signed = manifest.names().map(str::to_owned).collect();
            (signed, sign_oms(&key, certificates.as_deref(), &manifest))
        }
        SignatureFormat::Minisign => minisign(args, &key, MinisignForm::Prehashed, terminal)?,
        SignatureFormat::MinisignLegacy => minisign(args, &key, MinisignForm::Legacy, terminal)?,
    };
    let signature = signature.map_err(|error| match (&error, &args.certificate) {
        (KeyError::Certificates | KeyError::CertificateOfOtherKey, Some(path)) => unusable(path, &error),
        _ => unusable(&args.key, &error),
    })?;
    let overwrite = if args.force { Overwrite::Yes } else { Overwrite::No };
    to_file(&args.output, overwrite, |out| Ok(out.write_all(&signature)?))
        .map_err(|error| unwritten(&args.output, &error))?;
    // Only now are they true.
    let word = terminal.paint(Tone::Good, "SIGNED");
    let one = (signed.as_slice() == [ONE_FILE]).then(|| args.files.first()).flatten();
    for name in &signed {
        terminal.line(format!("{word} {}", text::name(one.map_or(name.as_ref(), |file| file.as_os_str()))))?;
    }
    let id = key.public_key().id();
    terminal.remark(&format!("wrote {}: by key {id}", text::name(args.output.as_os_str())));
    Ok(Status::Opened)
}

/// What is signed: one file, one folder, or several files that are all there is in the signature's folder.
fn manifest(args: &SignFiles, terminal: &Terminal) -> Result<Manifest, Failure> {
    let [one] = args.files.as_slice() else {
        let root = LockFile::folder_of(&args.output);
        let names = args.files.iter().map(|file| {
            LockFile::name_of(&args.output, file).map_err(|error| unsignable(file, &error.to_string(), error.code()))
        });
        let names: BTreeSet<String> = names.collect::<Result<_, _>>()?;
        return of_folder(args, root, Some(&names));
    };
    if fs::metadata(one).map_err(|error| unsignable(one, &error.to_string(), "not-found"))?.is_dir() {
        return of_folder(args, one, None);
    }
    if !args.ignore.is_empty() {
        return Err(Failure::usage("--ignore leaves something out of a folder, and this is one file"));
    }
    let len = fs::metadata(one).map_or(0, |metadata| metadata.len());
    let progress = Progress::new(terminal, text::name(one.as_os_str()), Some(len));
    let hashed = Input::path(one).counting(progress.done()).hash(Algorithms::SHA256);
    let (_, digests) = hashed.map_err(|error| unsignable(one, &error.message(), error.code()))?;
    Ok(Manifest::of_file(&model_name(one), digests.sha256.unwrap_or_default()))
}

fn of_folder(args: &SignFiles, root: &Path, only: Option<&BTreeSet<String>>) -> Result<Manifest, Failure> {
    let mut ignored = args.ignore.clone();
    // The signature itself, which is about to be written there.
    ignored.extend(LockFile::name_in(root, &args.output).ok());
    Manifest::of_folder(&model_name(root), root, &ignored, only).map_err(|error| {
        let hint = match error {
            SignatureError::ExtraFile { .. } => "; name it too, or leave it out with --ignore",
            SignatureError::Symlink { .. } => "; put the file itself there",
            _ => "",
        };
        unsignable(root, &format!("{error}{hint}"), error.code())
    })
}

type Signed = (Vec<String>, Result<Vec<u8>, KeyError>);

fn minisign(args: &SignFiles, key: &PrivateKey, form: MinisignForm, terminal: &Terminal) -> Result<Signed, Failure> {
    let [file] = args.files.as_slice() else {
        return Err(Failure::usage("minisign signs one file: several have a signature each, or one of the format oms"));
    };
    if args.certificate.is_some() || !args.ignore.is_empty() {
        return Err(Failure::usage("--certificate and --ignore are for signatures of the format oms"));
    }
    let unread = |error: std::io::Error| unsignable(file, &error.to_string(), "unreadable");
    let metadata = fs::metadata(file).map_err(unread)?;
    if !metadata.is_file() {
        return Err(unsignable(file, "minisign signs a file, and this is none", "not-a-file"));
    }
    let content = fs::File::open(file).map_err(unread)?;
    let _progress = Progress::new(terminal, text::name(file.as_os_str()), None);
    let comment = args.comment.clone().unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let hashed = if form == MinisignForm::Prehashed { "\thashed" } else { "" };
        format!("timestamp:{since}\tfile:{}{hashed}", model_name(file))
    });
    Ok((vec![ONE_FILE.to_owned()], sign_minisign(key, form, content, &comment)))
}

/// The passphrase: from the file that is named, from the environment, or from whoever sits at the terminal.
pub(crate) fn passphrase(key: &Path, file: Option<&Path>) -> Result<Passphrase, KeyError> {
    if let Some(path) = file {
        return Passphrase::read(path);
    }
    if let Ok(passphrase) = std::env::var(PASSPHRASE) {
        return Ok(Passphrase::new(passphrase));
    }
    if !std::io::stdin().is_terminal() {
        return Err(KeyError::Encrypted);
    }
    let prompt = format!("Passphrase of {}: ", text::name(key.as_os_str()));
    Ok(Passphrase::new(rpassword::prompt_password(prompt)?))
}

/// The last part of a path, the links in it followed: `.` has one too.
fn model_name(path: &Path) -> String {
    let name = path.file_name().map(OsStr::to_owned);
    let name = name.or_else(|| fs::canonicalize(path).ok()?.file_name().map(OsStr::to_owned));
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn unsignable(file: &Path, sentence: &str, code: &str) -> Failure {
    Failure::new(format!("{}: {sentence} ({code})", text::name(file.as_os_str())))
}

/// Why a key cannot be used, and what to do.
pub(crate) fn unusable(path: &Path, error: &KeyError) -> Failure {
    let hint = match error {
        KeyError::Encrypted => {
            format!(" with --passphrase-file FILE, in the environment as {PASSPHRASE}, or at a terminal")
        }
        KeyError::Passphrase => ": is it that of this key, and is there a line break or a space too many?".to_owned(),
        KeyError::SignatureFormat { .. } => ": choose the other with --format".to_owned(),
        _ => String::new(),
    };
    Failure::new(format!("{}: {error}{hint} ({})", text::name(path.as_os_str()), error.code()))
}

/// The environment's word for the passphrase.
const PASSPHRASE: &str = "AIRLOCK_PASSPHRASE";
/// The name of the file in a signature over one.
const ONE_FILE: &str = ".";
