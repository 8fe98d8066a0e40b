//! Files on disk: read up to a limit, and replaced whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Opens a regular file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let check = |metadata: Metadata| {
        let none = || io::Error::new(io::ErrorKind::InvalidInput, "this is no regular file");
        metadata.is_file().then_some(()).ok_or_else(none)
    };
    // Before it is opened, which would wait for the other end of a FIFO; and on the open file, which is the one that counts.
    check(fs::metadata(path)?)?;
    let file = File::open(path)?;
    check(file.metadata()?)?;
    Ok(file)
}

/// The file by whose lock a folder is held. It is made at first, and what else may be there is not waited for.
#[cfg(feature = "registry")]
pub(crate) fn held(folder: &Path) -> io::Result<File> {
    let path = folder.join(".held");
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    if !fs::symlink_metadata(&path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, ".held is no regular file"));
    }
    OpenOptions::new().read(true).write(true).open(&path)
}

/// The content of an open file; `None` if it has more than `most` bytes.
pub(crate) fn take(file: &File, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(u64::try_from(bytes.len()).is_ok_and(|len| len <= most).then_some(bytes))
}

/// The content of a regular file; `None` if it has more than `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    take(&open(path)?, most)
}

/// Writes a file so that `path` has its old content or its new one, whatever happens in between. A `path` that is a link
/// keeps being one. If it fails, nothing is left behind.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link is followed, so that it is not replaced by a file; a path that does not exist yet stays as it is.
    put(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), bytes)
}

/// The same, in a folder that others may write to: a link is replaced, and what it leads to stays as it is.
///
/// It is written to a new file in the same folder, synced, then renamed.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let (mut file, temporary) = Temporary::create(folder)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    temporary.rename(path)?;
    // The new name itself must survive a power cut too. Only Unix can sync a folder.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The folder that a path's file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        // The root has no parent, and no other path lacks one but the empty one.
        None => path,
    }
}

/// A file that is removed unless it is renamed.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) fn create(folder: &Path) -> io::Result<(File, Self)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        loop {
            let path = folder.join(format!(".airlock-{process}-{}.tmp", NEXT.fetch_add(1, Ordering::Relaxed)));
            // Never through what somebody else put there.
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, Self(path))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn rename(self, to: &Path) -> io::Result<()> {
        fs::rename(&self.0, to)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing of this name; otherwise there is nothing better to do about a failure.
        let _ = fs::remove_file(&self.0);
    }
}
