//! Reading small files: regular ones, and no more of them than is allowed.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// The file's content; `None` if it is longer than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    // Before it is opened: opening a FIFO would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no regular file"));
    }
    take(&File::open(path)?, most)
}

/// The same, of an open file.
pub(super) fn take(file: &File, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(u64::try_from(bytes.len()).is_ok_and(|len| len <= most).then_some(bytes))
}
