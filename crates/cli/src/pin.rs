//! `airlock pin`: what files are, byte for byte, in a lock file.
//!
//! Files are hashed and not parsed: a pin says which bytes somebody trusted, and not that they open.

use std::io::ErrorKind;
use std::path::Path;

use flux_airlock::{Error, Input, LockError};
use flux_airlock_trust::{Algorithms, Entry, Inserted, LockFile, Update};

use crate::args::PinFiles;
use crate::evidence::is_stdin;
use crate::progress::Progress;
use crate::terminal::{Failure, Status, Terminal, Tone};
use crate::text;

pub(crate) fn run(args: &PinFiles, terminal: &mut Terminal) -> Result<Status, Failure> {
    if args.files.iter().any(|file| is_stdin(file)) {
        return Err(Failure::usage("a lock file names files, and standard input has no name"));
    }
    let lock_name = text::name(args.lock.as_os_str());
    let failed = |error: LockError| Failure::new(format!("{lock_name}: {error} ({})", error.code()));
    // From reading to writing: two who pin at once must not undo each other.
    let held = LockFile::hold(&args.lock).map_err(failed)?;
    let mut lock = match LockFile::read(&args.lock) {
        Err(LockError::Io(error)) if error.kind() == ErrorKind::NotFound => LockFile::default(),
        read => read.map_err(failed)?,
    };
    let update = if args.update { Update::Yes } else { Update::No };
    let mut lines = Vec::new();
    let (mut status, mut changed) = (Status::Opened, false);
    for file in &args.files {
        let name = text::name(file.as_os_str());
        let inserted = entry(&args.lock, file, terminal).and_then(|entry| {
            let digest = entry.digests().next().map(|digest| digest.to_string()).unwrap_or_default();
            let inserted = lock.insert(entry, update)?;
            Ok((inserted, digest))
        });
        match inserted {
            Ok((inserted, digest)) => {
                let word = match inserted {
                    Inserted::Added => "ADDED",
                    Inserted::Kept => "KEPT",
                    Inserted::Updated => "UPDATED",
                };
                changed |= inserted != Inserted::Kept;
                lines.push(format!("{} {name} {digest}", terminal.paint(Tone::Good, word)));
            }
            Err(Unpinned { sentence, code, refused }) => {
                status = status.max(if refused { Status::Refused } else { Status::Failed });
                let hint = if code == CONFLICT { "; --update replaces it" } else { "" };
                terminal.error(&format!("{name}: {sentence}{hint} ({code})"));
            }
        }
    }
    if changed {
        lock.write_atomically(&args.lock).map_err(failed)?;
    }
    drop(held);
    // Only now are they true.
    for line in lines {
        terminal.line(line)?;
    }
    Ok(status)
}

/// Why a file is not pinned.
struct Unpinned {
    sentence: String,
    code: String,
    /// Is that a verdict on the file?
    refused: bool,
}

impl From<Error> for Unpinned {
    fn from(error: Error) -> Self {
        Self { sentence: error.message(), code: error.code().to_owned(), refused: error.is_refusal() }
    }
}

impl From<LockError> for Unpinned {
    fn from(error: LockError) -> Self {
        Self { sentence: error.to_string(), code: error.code().to_owned(), refused: error.code() == CONFLICT }
    }
}

/// The entry for a file.
fn entry(lock: &Path, file: &Path, terminal: &Terminal) -> Result<Entry, Unpinned> {
    let len = std::fs::metadata(file).map_err(|error| Error::Input(error.into()))?.len();
    let progress = Progress::new(terminal, text::name(file.as_os_str()), Some(len));
    let (bytes, digests) = Input::path(file).counting(progress.done()).hash(Algorithms::SHA256)?;
    let name = LockFile::name_of(lock, file)?;
    Ok(Entry::new(&name, bytes, &digests)?)
}

/// The code of an entry that says something else.
const CONFLICT: &str = "lock-conflict";
