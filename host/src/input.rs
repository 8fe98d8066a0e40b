//! Getting the bytes: once, into private memory, hashed on the way.
//!
//! What is hashed here is what is parsed later, whatever happens to the file meanwhile. Nothing that could block is
//! opened, nothing over the size limit is read, and a file that changes while it is read is not believed.

use std::{
    fmt,
    fs::{File, FileType, Metadata, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use flux_airlock_trust::{Algorithms, Digests, Hasher};

use crate::{EngineError, Error, InputError, Limit, Limits, text::Escaped};

/// Where the bytes of a model come from.
///
/// ```
/// use flux_airlock::Input;
///
/// let file = Input::path("model.bson");
/// let memory = Input::bytes(vec![5, 0, 0, 0, 0]);
/// let stream = Input::reader(std::io::stdin()).named("stdin");
/// # let _ = (file, memory, stream);
/// ```
pub struct Input<'a> {
    name: Option<String>,
    source: Source<'a>,
    /// Where bytes are counted as they are read.
    counter: Option<Arc<AtomicU64>>,
    /// Where it comes from, if it was said.
    #[cfg(feature = "policy")]
    place: Option<flux_airlock_trust::Source>,
}

enum Source<'a> {
    Bytes(Vec<u8>),
    Path(PathBuf),
    Reader(Box<dyn Read + 'a>),
    Slice(&'a [u8]),
}

impl<'a> Input<'a> {
    /// These bytes. They move into the model without a copy.
    #[must_use]
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(Source::Bytes(bytes.into()))
    }

    /// A copy of these bytes, which is made when they are read, and only if the limits admit them.
    #[must_use]
    pub const fn slice(bytes: &'a [u8]) -> Self {
        Self::of(Source::Slice(bytes))
    }

    /// The regular file at this path. Where the path is not UTF-8, reports have it escaped.
    #[must_use]
    pub fn path(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let escaped = || Escaped(path.as_os_str().as_encoded_bytes()).to_string();
        Self::of(Source::Path(path.to_owned())).named(path.to_str().map_or_else(escaped, str::to_owned))
    }

    /// All that this reader gives, up to the limit of [`file_bytes`](crate::LimitsBuilder::file_bytes).
    ///
    /// The caller decides what may block.
    #[must_use]
    pub fn reader(reader: impl Read + 'a) -> Self {
        Self::of(Source::Reader(Box::new(reader)))
    }

    const fn of(source: Source<'a>) -> Self {
        Self {
            name: None,
            source,
            counter: None,
            #[cfg(feature = "policy")]
            place: None,
        }
    }

    /// The same input under this name, for reports. A path is its own name otherwise.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same input, and the number of bytes that were read so far in this counter: for whoever shows progress.
    #[must_use]
    pub fn counting(mut self, counter: Arc<AtomicU64>) -> Self {
        self.counter = Some(counter);
        self
    }

    /// The same input, which was had from this place: for policies, which say where files may come from. A path is its own
    /// place, links followed, and other bytes have none that is known.
    #[cfg(feature = "policy")]
    #[must_use]
    pub fn had_from(mut self, place: flux_airlock_trust::Source) -> Self {
        self.place = Some(place);
        self
    }

    /// Where it comes from. From here on a path means the file to which it leads now: what is judged is what is read.
    #[cfg(feature = "policy")]
    pub(crate) fn settle(&mut self) -> flux_airlock_trust::Source {
        use flux_airlock_trust::Source as Place;
        if let Source::Path(path) = &mut self.source {
            // What cannot be resolved cannot be read either, which reading says better.
            let resolved = std::fs::canonicalize(&*path).and_then(|real| Ok((Place::of_resolved(&real)?, real)));
            if let Ok((place, real)) = resolved {
                *path = real;
                return self.place.take().unwrap_or(place);
            }
        }
        self.place.take().unwrap_or_else(Place::memory)
    }

    /// The length and the digests of the input, which is read piece by piece and not kept: for pins and lock files.
    ///
    /// The same is refused as when a model is opened, but for length. Nothing is parsed.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if it cannot be read, or has changed meanwhile.
    pub fn hash(self, algorithms: Algorithms) -> Result<(u64, Digests), Error> {
        let counter = self.counter.unwrap_or_default();
        match self.source {
            Source::Bytes(bytes) => Ok((to_u64(bytes.len()), Hasher::hash(&bytes, algorithms))),
            Source::Path(path) => {
                let (mut file, before) = open(&path)?;
                let hashed = hash(&mut Counted { reader: &mut file, counter: &counter }, algorithms)?;
                check_unchanged(&file, &before, hashed.0 != before.len())?;
                Ok(hashed)
            }
            Source::Reader(reader) => Ok(hash(&mut Counted { reader, counter: &counter }, algorithms)?),
            Source::Slice(bytes) => Ok((to_u64(bytes.len()), Hasher::hash(bytes, algorithms))),
        }
    }

    /// The name for reports.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Reads and hashes all of it.
    pub(crate) fn load(self, algorithms: Algorithms, limits: &Limits) -> Result<Loaded, Unread> {
        let counter = self.counter.unwrap_or_default();
        match self.source {
            Source::Bytes(bytes) => load_bytes(bytes, algorithms, limits),
            Source::Path(path) => load_file(&path, algorithms, limits, &counter),
            Source::Reader(reader) => load_reader(Counted { reader, counter: &counter }, algorithms, limits),
            Source::Slice(bytes) => load_slice(bytes, algorithms, limits),
        }
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Bytes(_) => "bytes",
            Source::Path(_) => "path",
            Source::Reader(_) => "reader",
            Source::Slice(_) => "slice",
        };
        f.debug_struct("Input").field("name", &self.name).field("source", &source).finish()
    }
}

/// A file in private memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digests: Digests,
}

/// Why there are no bytes, and how many there are to the best of our knowledge.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) error: Error,
    pub(crate) len: Option<u64>,
    /// Are there more than that? A reader is not read to its end.
    pub(crate) more: bool,
}

impl<E: Into<Error>> From<E> for Unread {
    fn from(error: E) -> Self {
        Self { error: error.into(), len: None, more: false }
    }
}

fn load_bytes(bytes: Vec<u8>, algorithms: Algorithms, limits: &Limits) -> Result<Loaded, Unread> {
    check_len(to_u64(bytes.len()), limits)?;
    let digests = Hasher::hash(&bytes, algorithms);
    Ok(Loaded { bytes, digests })
}

fn load_slice(slice: &[u8], algorithms: Algorithms, limits: &Limits) -> Result<Loaded, Unread> {
    check_len(to_u64(slice.len()), limits)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(slice.len()).map_err(|_| no_memory(slice.len()))?;
    bytes.extend_from_slice(slice);
    load_bytes(bytes, algorithms, limits)
}

fn load_reader(mut reader: impl Read, algorithms: Algorithms, limits: &Limits) -> Result<Loaded, Unread> {
    let mut hasher = Hasher::new(algorithms);
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        bytes.try_reserve(CHUNK_BYTES).map_err(|_| no_memory(CHUNK_BYTES))?;
        let chunk = to_u64(CHUNK_BYTES);
        reader.by_ref().take(chunk).read_to_end(&mut bytes).map_err(InputError::from)?;
        let chunk = bytes.get(start..).unwrap_or_default();
        if chunk.is_empty() {
            return Ok(Loaded { bytes, digests: hasher.finish() });
        }
        hasher.update(chunk);
        check_len(to_u64(bytes.len()), limits).map_err(|unread| Unread {
            len: Some(limits.file_bytes()),
            more: true,
            ..unread
        })?;
    }
}

fn load_file(path: &Path, algorithms: Algorithms, limits: &Limits, counter: &AtomicU64) -> Result<Loaded, Unread> {
    let (mut file, before) = open(path)?;
    check_len(before.len(), limits)?;
    read(&mut file, &before, algorithms, counter).map_err(|error| Unread {
        error,
        len: Some(before.len()),
        more: false,
    })
}

/// Opens a regular file, and says what it is before it is read.
fn open(path: &Path) -> Result<(File, Metadata), InputError> {
    // Before the file is opened, so that nothing happens to a device; and on the open file, which is the one that counts.
    check_type(std::fs::metadata(path)?.file_type())?;
    let file = open_at_once(path)?;
    let before = file.metadata()?;
    check_type(before.file_type())?;
    Ok((file, before))
}

/// Hashes all that this reader gives.
fn hash(reader: &mut impl Read, algorithms: Algorithms) -> Result<(u64, Digests), InputError> {
    let mut hasher = Hasher::new(algorithms);
    let mut buffer = vec![0; HASHED_BYTES];
    let mut len = 0_u64;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((len, hasher.finish())),
            Ok(read) => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                len = len.saturating_add(to_u64(read));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A reader whose bytes are counted.
struct Counted<'c, R> {
    reader: R,
    counter: &'c AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.counter.fetch_add(to_u64(read), Ordering::Relaxed);
        Ok(read)
    }
}

/// Reads the file as it was `before`, or not at all.
fn read(file: &mut File, before: &Metadata, algorithms: Algorithms, counter: &AtomicU64) -> Result<Loaded, Error> {
    let len = usize::try_from(before.len()).map_err(|_| EngineError::Memory { bytes: before.len() })?;
    let loaded = read_len(&mut Counted { reader: &mut *file, counter }, len, algorithms)?;
    // One byte more than there was: the file has grown.
    let grown = file.take(1).read_to_end(&mut Vec::new()).map_err(InputError::from)? != 0;
    check_unchanged(file, before, grown)?;
    Ok(loaded)
}

/// Refuses a file that is not as it was `before`, or whose content has another length.
fn check_unchanged(file: &File, before: &Metadata, other_length: bool) -> Result<(), InputError> {
    let after = file.metadata()?;
    // Where the system has no time of modification, the length must do.
    if other_length || before.len() != after.len() || before.modified().ok() != after.modified().ok() {
        return Err(InputError::Changed);
    }
    Ok(())
}

/// Reads exactly `len` bytes and hashes them; on a second thread where that is worth one.
fn read_len(file: &mut impl Read, len: usize, algorithms: Algorithms) -> Result<Loaded, Error> {
    // Fails where there is no address space. The pages themselves come from the system as they are first written, zeroed:
    // filling what was reserved with zeros would touch each of them twice.
    Vec::<u8>::new().try_reserve_exact(len).map_err(|_| no_memory(len))?;
    let mut bytes = vec![0; len];
    let mut hasher = Hasher::new(algorithms);
    if len < OVERLAP_BYTES {
        read_exact(file, &mut bytes)?;
        hasher.update(&bytes);
        return Ok(Loaded { bytes, digests: hasher.finish() });
    }
    let (send, receive) = mpsc::channel::<&[u8]>();
    let digests = thread::scope(|scope| {
        let hashing = thread::Builder::new().name("airlock-hash".to_owned()).spawn_scoped(scope, move || {
            for chunk in receive {
                hasher.update(chunk);
            }
            hasher.finish()
        });
        let hashing = hashing.map_err(|error| EngineError::Start(error.to_string()))?;
        for chunk in bytes.chunks_mut(CHUNK_BYTES) {
            read_exact(file, chunk)?;
            // Sending fails only if the thread ended, which joining reports.
            let _ = send.send(chunk);
        }
        drop(send);
        hashing.join().map_err(|_| Error::from(EngineError::Start("a thread ended".to_owned())))
    })?;
    Ok(Loaded { bytes, digests })
}

fn read_exact(file: &mut impl Read, buffer: &mut [u8]) -> Result<(), InputError> {
    file.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => InputError::Changed,
        _ => error.into(),
    })
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn no_memory(bytes: usize) -> EngineError {
    EngineError::Memory { bytes: to_u64(bytes) }
}

/// Refuses by length alone.
fn check_len(len: u64, limits: &Limits) -> Result<(), Unread> {
    if len > limits.file_bytes() {
        let error = Error::limit_of(Limit::FileBytes, limits.file_bytes());
        return Err(Unread { error, len: Some(len), more: false });
    }
    Ok(())
}

/// Only a regular file is read: everything else could block, or have effects.
fn check_type(file_type: FileType) -> Result<(), InputError> {
    if file_type.is_file() {
        return Ok(());
    }
    if file_type.is_dir() {
        return Err(InputError::Directory);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if file_type.is_fifo() {
            return Err(InputError::Fifo);
        }
        if file_type.is_socket() {
            return Err(InputError::Socket);
        }
        if file_type.is_char_device() || file_type.is_block_device() {
            return Err(InputError::Device);
        }
    }
    Err(InputError::NotAFile)
}

/// Opens for reading, without waiting for anybody: what was a file a moment ago can be a FIFO now.
fn open_at_once(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    options.open(path)
}

/// Read at once, and handed to the hasher at once: small enough to be still in the cache.
const CHUNK_BYTES: usize = 1 << 20;
/// Read at once where nothing is kept.
const HASHED_BYTES: usize = 256 << 10;
/// Files from here on are hashed while they are read. Below, starting a thread costs more than it saves.
const OVERLAP_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(file_bytes: u64) -> Limits {
        Limits::builder().file_bytes(file_bytes).build().unwrap()
    }

    fn code(result: Result<Loaded, Unread>) -> String {
        result.unwrap_err().error.code().to_owned()
    }

    /// A folder of the test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("airlock-input-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_way_gives_the_same_bytes_and_digests() {
        let folder = Folder::new("ways");
        for len in [0, 1, CHUNK_BYTES, OVERLAP_BYTES - 1, OVERLAP_BYTES + 1] {
            let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let digests = Hasher::hash(&bytes, Algorithms::ALL);
            let path = folder.0.join("file");
            std::fs::write(&path, &bytes).unwrap();
            let memory = [Input::bytes(bytes.clone()), Input::reader(bytes.as_slice()), Input::slice(&bytes)];
            for input in memory.into_iter().chain([Input::path(&path)]) {
                let loaded = input.load(Algorithms::ALL, &Limits::default()).unwrap();
                assert!(loaded.bytes == bytes && loaded.digests == digests, "{len}");
            }
        }
    }

    #[test]
    fn hashing_alone_gives_the_same_and_counts() {
        let folder = Folder::new("hash");
        for len in [0, 1, HASHED_BYTES, HASHED_BYTES + 1] {
            let bytes: Vec<u8> = (0..=255).cycle().take(len).collect();
            let path = folder.0.join("file");
            std::fs::write(&path, &bytes).unwrap();
            let expected = (to_u64(len), Hasher::hash(&bytes, Algorithms::ALL));
            for input in [Input::path(&path), Input::reader(&bytes[..])] {
                let counter = Arc::new(AtomicU64::new(0));
                assert_eq!(input.counting(Arc::clone(&counter)).hash(Algorithms::ALL).unwrap(), expected, "{len}");
                assert_eq!(counter.load(Ordering::Relaxed), to_u64(len));
            }
            assert_eq!(Input::slice(&bytes).hash(Algorithms::ALL).unwrap(), expected);
            assert_eq!(Input::bytes(bytes).hash(Algorithms::ALL).unwrap(), expected);
        }
        assert_eq!(Input::path(&folder.0).hash(Algorithms::ALL).unwrap_err().code(), "directory");
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let folder = Folder::new("limit");
        let path = folder.0.join("file");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let unread = Input::path(&path).load(Algorithms::SHA256, &Limits::default()).unwrap_err();
        assert_eq!((unread.error.code(), unread.len), ("file-bytes-limit", Some(1 << 40)));
        for input in [|| Input::bytes([7; 9]), || Input::reader(io::repeat(7).take(9)), || Input::slice(&[7; 9])] {
            assert_eq!(input().load(Algorithms::SHA256, &limits(9)).unwrap().bytes, [7; 9]);
            assert_eq!(code(input().load(Algorithms::SHA256, &limits(8))), "file-bytes-limit");
        }
        // An endless reader ends at the limit, and nobody says how long it is.
        let unread = Input::reader(io::repeat(7)).load(Algorithms::SHA256, &limits(8)).unwrap_err();
        assert_eq!((unread.error.code(), unread.len, unread.more), ("file-bytes-limit", Some(8), true));
    }

    #[cfg(unix)]
    #[test]
    fn names_outside_utf8_are_told_apart() {
        use std::os::unix::ffi::OsStrExt as _;
        let name = |bytes| Input::path(std::ffi::OsStr::from_bytes(bytes)).name.unwrap();
        assert_eq!([name(b"a\xff"), name(b"a\xfe"), name("ä b".as_bytes())], ["a\\xff", "a\\xfe", "ä b"]);
    }

    #[test]
    fn what_is_not_a_file_is_named() {
        let folder = Folder::new("types");
        let load = |path: &Path| code(Input::path(path).load(Algorithms::SHA256, &Limits::default()));
        assert_eq!(load(&folder.0), "directory");
        assert_eq!(load(&folder.0.join("nothing")), "not-found");
        #[cfg(unix)]
        {
            assert_eq!(load(Path::new("/dev/zero")), "device");
            let socket = folder.0.join("socket");
            let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
            assert_eq!(load(&socket), "socket");
            let link = folder.0.join("link");
            std::os::unix::fs::symlink(folder.0.join("nothing"), &link).unwrap();
            assert_eq!(load(&link), "not-found");
            let fifo = folder.0.join("fifo");
            if std::process::Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
                assert_eq!(load(&fifo), "fifo");
            }
        }
    }

    #[test]
    fn a_file_that_ends_early_has_changed() {
        let folder = Folder::new("short");
        let path = folder.0.join("file");
        std::fs::write(&path, [7; 5]).unwrap();
        for len in [6, OVERLAP_BYTES] {
            let error = read_len(&mut File::open(&path).unwrap(), len, Algorithms::SHA256).unwrap_err();
            assert_eq!(error.code(), "file-changed");
        }
    }

    #[test]
    fn a_file_that_was_written_to_has_changed() {
        let folder = Folder::new("written");
        let path = folder.0.join("file");
        std::fs::write(&path, [7; 5]).unwrap();
        let mut file = File::open(&path).unwrap();
        let before = file.metadata().unwrap();
        let later = before.modified().unwrap() + std::time::Duration::from_secs(1);
        File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert_eq!(
            read(&mut file, &before, Algorithms::SHA256, &AtomicU64::new(0)).unwrap_err().code(),
            "file-changed"
        );
        std::fs::write(&path, [7; 6]).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
        let mut file = File::open(&path).unwrap();
        assert_eq!(
            read(&mut file, &before, Algorithms::SHA256, &AtomicU64::new(0)).unwrap_err().code(),
            "file-changed"
        );
    }
}
