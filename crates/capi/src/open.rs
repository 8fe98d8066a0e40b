//! The engine, and what it opens.

use std::ffi::c_char;
use std::path::Path;
use std::sync::PoisonError;

use flux_airlock::{Airlock, Evidence, Input};

use crate::call::make;
use crate::error::{Failure, Status};
use crate::handle::{self, Object};
use crate::memory::{RawBytes, Trust as _};
use crate::model::Opened;
use crate::options::{Pending, Subject, path_of};

/// Starts an engine. It takes milliseconds, opening a small file takes microseconds: start one, and keep it for all files and
/// threads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_engine_new(engine: *mut u64, error: *mut u64) -> Status {
    // SAFETY: the caller's, as the header says.
    let (engine, error) = unsafe { (engine, error).trust() };
    make(engine, error, || Ok(Object::Engine(Airlock::new()?)))
}

/// Opens the model in the file at this path. `options` may be 0. Without evidence and without `unverified` it is not opened:
/// AIRLOCK_STATUS_NOT_VERIFIED, code `no-evidence`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_open_path(
    engine: u64,
    options: u64,
    path: *const c_char,
    path_len: usize,
    model: *mut u64,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (path, model, error) = unsafe { (RawBytes::text(path, path_len), model, error).trust() };
    make(model, error, || open(engine, options, Source::Path(&path_of(&path)?)))
}

/// Opens the model in these bytes, which are copied. `name` is what reports call them and what a lock file is asked for; it may be empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_open_bytes(
    engine: u64,
    options: u64,
    name: *const c_char,
    name_len: usize,
    bytes: *const u8,
    len: usize,
    model: *mut u64,
    error: *mut u64,
) -> Status {
    let arguments = (RawBytes::text(name, name_len), RawBytes(bytes, len), model, error);
    // SAFETY: the caller's, as the header says.
    let (name, bytes, model, error) = unsafe { arguments.trust() };
    make(model, error, || open(engine, options, Source::Bytes(name.text()?, bytes.get()?)))
}

/// Describes the file at this path, whatever it is, and hands out no weights. Needs no evidence; what the options have must
/// hold. Gives a string object: the report as JSON in one line, of a file that is refused too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_inspect_path(
    engine: u64,
    options: u64,
    path: *const c_char,
    path_len: usize,
    string: *mut u64,
    error: *mut u64,
) -> Status {
    // SAFETY: the caller's, as the header says.
    let (path, string, error) = unsafe { (RawBytes::text(path, path_len), string, error).trust() };
    make(string, error, || inspect(engine, options, Source::Path(&path_of(&path)?)))
}

/// Describes these bytes as airlock_inspect_path describes a file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airlock_inspect_bytes(
    engine: u64,
    options: u64,
    name: *const c_char,
    name_len: usize,
    bytes: *const u8,
    len: usize,
    string: *mut u64,
    error: *mut u64,
) -> Status {
    let arguments = (RawBytes::text(name, name_len), RawBytes(bytes, len), string, error);
    // SAFETY: the caller's, as the header says.
    let (name, bytes, string, error) = unsafe { arguments.trust() };
    make(string, error, || inspect(engine, options, Source::Bytes(name.text()?, bytes.get()?)))
}

/// Where a file comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// What they are called, and they.
    Bytes(&'a str, &'a [u8]),
    Path(&'a Path),
}

impl<'a> Source<'a> {
    fn input(self) -> Input<'a> {
        match self {
            Self::Bytes("", bytes) => Input::slice(bytes),
            Self::Bytes(name, bytes) => Input::slice(bytes).named(name),
            Self::Path(path) => Input::path(path),
        }
    }

    const fn subject(self) -> Subject<'a> {
        match self {
            Self::Bytes(name, _) => Subject::Named(name),
            Self::Path(path) => Subject::Path(path),
        }
    }
}

fn open(engine: u64, options: u64, source: Source<'_>) -> Result<Object, Failure> {
    let (airlock, evidence) = prepare(engine, options, source)?;
    let model = match evidence {
        Some(evidence) => airlock.examine(source.input(), &evidence)?,
        None => airlock.examine_unverified(source.input())?,
    };
    Ok(Object::Model(Box::new(Opened::new(model))))
}

fn inspect(engine: u64, options: u64, source: Source<'_>) -> Result<Object, Failure> {
    let (airlock, evidence) = prepare(engine, options, source)?;
    let report = match evidence.filter(|evidence| !evidence.is_empty()) {
        Some(evidence) => airlock.inspect_verified(source.input(), &evidence)?,
        None => airlock.inspect(source.input())?,
    };
    Ok(Object::Text(report.to_json()))
}

/// The engine under the limits of these options, and the evidence for this file; `None` if it may be opened without.
fn prepare(engine: u64, options: u64, source: Source<'_>) -> Result<(Airlock, Option<Evidence>), Failure> {
    let engine = handle::get(engine)?;
    let engine = engine.engine()?;
    if options == 0 {
        return Ok((engine.clone(), Some(Evidence::new())));
    }
    let object = handle::get(options)?;
    let (airlock, pending) = {
        let options = object.options()?.lock().unwrap_or_else(PoisonError::into_inner);
        (options.apply(engine)?, options.evidence(source.subject())?)
    };
    // Not under the lock: others may use the options while a registry is waited for.
    Ok((airlock, pending.map(Pending::whole).transpose()?))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::sync::Mutex;
    use std::thread;

    use flux_airlock::Clock;
    use flux_airlock_trust::{Keeper, Lifetimes, NewRegistry, PrivateKey, Role};

    use super::*;
    use crate::options::Options;

    /// Root metadata of some registry.
    fn root(folder: &Path) -> Vec<u8> {
        let pem = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/keys/fuzz.pem")).unwrap();
        let key = PrivateKey::parse(&pem, || panic!("it is not encrypted")).unwrap();
        let public = key.public_key();
        let new =
            Role::ALL.into_iter().fold(NewRegistry::default(), |new, role| new.role(role, vec![public.clone()], 1));
        let keeper = Keeper::init(&folder.join("registry"), &folder.join("kept"), &new, Clock::system()).unwrap();
        keeper.publish(&[key], Lifetimes::default(), Clock::system()).unwrap().root
    }

    #[test]
    fn options_are_free_while_a_registry_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("registry")).unwrap();
        let root = root(folder.path());
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut options = Options::new();
        options.of_registry(&format!("http://{}", server.local_addr().unwrap()), root, folder.path().join("cache"));
        let engine = handle::insert(Object::Engine(Airlock::new().unwrap())).unwrap();
        let options = handle::insert(Object::Options(Box::new(Mutex::new(options)))).unwrap();
        let open = || open(engine, options, Source::Bytes("m.bson", b"")).map(drop).map_err(|error| error.code.clone());
        thread::scope(|scope| {
            let asking = scope.spawn(open);
            // The server is asked for something, and says nothing.
            let (mut stream, _) = server.accept().unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 1);
            let object = handle::get(options).unwrap();
            assert!(object.options().ok().unwrap().try_lock().is_ok());
            drop((stream, server));
            assert_eq!(asking.join().unwrap().unwrap_err(), "registry-unreachable");
        });
        assert!(handle::release(engine) && handle::release(options));
    }
}
