//! A file that appears whole or not at all.

use std::fs::{self, File, FileType};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::ExportError;

/// May a file that exists be replaced?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overwrite {
    /// No. A link counts as a file, wherever it leads.
    No,
    /// Yes, because a person asked for it. A link is replaced itself, and not what it leads to; nothing but a file or a
    /// link is replaced.
    Yes,
}

/// Lets `write` write a new file, and gives it the name `path` when all of it is on the disk.
///
/// Until then it is a temporary file in the same folder, which goes away if anything fails. It has the permissions of
/// any new file.
///
/// # Errors
///
/// [`ExportError::Exists`] if there is something at `path` already, be it that it appeared meanwhile;
/// [`ExportError::NotAFile`] if that is no file and no link; [`ExportError::Io`] if the system says so; and what `write`
/// gives. `path` is then as it was.
pub fn to_file(
    path: impl AsRef<Path>,
    overwrite: Overwrite,
    write: impl FnOnce(&mut dyn Write) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let path = path.as_ref();
    // Before any work. Whether there is a file counts again when the name is given.
    check(path, overwrite)?;
    let folder = folder_of(path);
    let temporary = create(folder).map_err(|error| without_path(&error))?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, temporary.as_file());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    temporary.as_file().sync_all()?;
    match overwrite {
        Overwrite::No => temporary.persist_noclobber(path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => ExportError::Exists,
            _ => error.error.into(),
        })?,
        Overwrite::Yes => {
            check(path, overwrite)?;
            temporary.persist(path).map_err(|error| error.error)?
        }
    };
    // The name itself must survive a power cut too. Only Unix can sync a folder.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// May the file at `path` come to be?
fn check(path: &Path, overwrite: Overwrite) -> Result<(), ExportError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) if overwrite == Overwrite::No => Err(ExportError::Exists),
        Ok(there) if is_replaceable(there.file_type()) => Ok(()),
        Ok(_) => Err(ExportError::NotAFile),
    }
}

fn is_replaceable(there: FileType) -> bool {
    there.is_file() || there.is_symlink()
}

fn create(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".airlock-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any new file: the process's mask takes away what it takes away.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// The system's own error. Around it, the name of a temporary file would be said, which nobody has asked for.
fn without_path(error: &io::Error) -> io::Error {
    let inner = error.get_ref().and_then(std::error::Error::source).and_then(|inner| inner.downcast_ref::<io::Error>());
    let number = inner.unwrap_or(error).raw_os_error();
    number.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// The folder that a path's file lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

const BUFFER_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn put(path: &Path, overwrite: Overwrite, text: &str) -> Result<(), ExportError> {
        to_file(path, overwrite, |out| Ok(out.write_all(text.as_bytes())?))
    }

    #[test]
    fn a_file_that_exists_is_kept_unless_asked() {
        let folder = folder();
        let path = folder.path().join("out");
        put(&path, Overwrite::No, "one").unwrap();
        assert_eq!(put(&path, Overwrite::No, "two").unwrap_err().code(), "output-exists");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        put(&path, Overwrite::Yes, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()), [path]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept() {
        let folder = folder();
        let path = folder.path().join("out");
        let error = to_file(&path, Overwrite::No, |out| {
            fs::write(&path, "theirs")?;
            Ok(out.write_all(b"ours")?)
        });
        assert_eq!(error.unwrap_err().code(), "output-exists");
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(folder.path()), [path]);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = folder();
        let path = folder.path().join("out");
        let result = to_file(&path, Overwrite::No, |out| {
            out.write_all(&vec![7; 3 << 20])?;
            Err(io::Error::from(io::ErrorKind::StorageFull).into())
        });
        assert_eq!(result.unwrap_err().code(), "output-no-space");
        assert!(names(folder.path()).is_empty());
        let error = put(&folder.path().join("no/where"), Overwrite::No, "").unwrap_err();
        assert_eq!(error.code(), "output-io");
        assert!(!error.to_string().contains("airlock-"), "{error}");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = folder();
        let path = folder.path().join("out");
        fs::create_dir(&path).unwrap();
        assert_eq!(put(&path, Overwrite::Yes, "").unwrap_err().code(), "output-not-a-file");
        assert_eq!(put(&path, Overwrite::No, "").unwrap_err().code(), "output-exists");
        assert_eq!(put(Path::new("/dev/null"), Overwrite::Yes, "").unwrap_err().code(), "output-not-a-file");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_as_a_file_and_is_replaced_itself() {
        let folder = folder();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(put(&link, Overwrite::No, "x").unwrap_err().code(), "output-exists");
        assert!(!target.exists());
        fs::write(&target, "theirs").unwrap();
        put(&link, Overwrite::Yes, "ours").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(&link).unwrap(), "ours");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_a_new_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        put(&ours, Overwrite::No, "").unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
