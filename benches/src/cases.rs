//! What is measured: the groups, and in each the ways to do the same thing.

use std::{
    cell::RefCell,
    fs,
    hint::black_box,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use flux_airlock::{Airlock, Digest, Evidence, Input, KeyError, Limits, Signature};
use flux_airlock_export::{Overwrite, Safetensors, to_file};
use flux_airlock_trust::{Manifest, PrivateKey, sign_oms};
use safetensors::SafeTensors;
use serde::Deserialize;

use crate::{
    File, Result, Shape,
    bare::Bare,
    floor::{Library, read_and_hash},
    julia::Julia,
};

/// What is compared with each other.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// The same decoder, native and in sandboxes, over bytes in memory.
    Overhead,
    /// From a path to a verified model, beside what hashing it costs.
    Verify,
    /// Other readers of the same content.
    Peers,
    /// To safetensors, beside what copying costs.
    Convert,
    /// Many small files.
    Service,
    /// Starting: of the engine, and of a process.
    Start,
    /// Julia's own reader.
    Julia,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Overhead, Self::Verify, Self::Peers, Self::Convert, Self::Service, Self::Start, Self::Julia];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overhead => "overhead",
            Self::Verify => "verify",
            Self::Peers => "peers",
            Self::Convert => "convert",
            Self::Service => "service",
            Self::Start => "start",
            Self::Julia => "julia",
        }
    }
}

/// What one run of a case came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// How long it took.
    pub time: Duration,
    /// How often it was done in that time.
    pub times: u32,
    /// Linear memory that the guest had in the end, in bytes.
    pub guest_bytes: Option<u64>,
}

/// One way to do it.
pub struct Case<'t> {
    /// Its name.
    pub subject: &'static str,
    run: Box<dyn FnMut() -> Result<Outcome> + 't>,
}

impl<'t> Case<'t> {
    fn new(subject: &'static str, run: impl FnMut() -> Result<Outcome> + 't) -> Self {
        Self { subject, run: Box::new(run) }
    }

    /// A way that leaves something behind, which is given back after the time was taken.
    fn timed<T>(subject: &'static str, mut run: impl FnMut() -> Result<T> + 't) -> Self {
        Self::new(subject, move || {
            let start = Instant::now();
            let made = black_box(run()?);
            let time = start.elapsed();
            drop(made);
            Ok(Outcome { time, times: 1, guest_bytes: None })
        })
    }

    /// A way that leaves a model behind.
    fn opening(subject: &'static str, mut run: impl FnMut() -> Result<flux_airlock::Model> + 't) -> Self {
        Self::new(subject, move || {
            let start = Instant::now();
            let model = black_box(run()?);
            let time = start.elapsed();
            Ok(Outcome { time, times: 1, guest_bytes: Some(model.sandbox().memory_bytes) })
        })
    }

    /// Does it once.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong.
    pub fn run(&mut self) -> Result<Outcome> {
        (self.run)()
    }
}

/// What the cases share.
pub struct Tools {
    airlock: Airlock,
    /// Shares nothing with it.
    another: Airlock,
    /// Every instance has memory of its own.
    on_demand: Airlock,
    /// With limits that ten million elements fit into.
    large: Airlock,
    #[cfg(feature = "wasi")]
    wasi: Airlock,
    unfueled: Bare,
    unchecked: Bare,
    folder: PathBuf,
    command: Option<PathBuf>,
    julia: Option<RefCell<Julia>>,
}

impl Tools {
    /// Starts the engines. What is written goes to `folder`; `command` is the program `airlock`.
    ///
    /// # Errors
    ///
    /// If an engine does not start.
    pub fn new(folder: &Path, command: Option<PathBuf>, julia: Option<Julia>) -> Result<Self> {
        let large = Limits::builder()
            .answer_bytes(1 << 30)
            .elements((1 << 24) - 1)
            .fuel(1 << 40)
            .memory_bytes(4 << 30)
            .nodes(1 << 25)
            .build()?;
        Ok(Self {
            airlock: Airlock::new()?,
            another: Airlock::new()?,
            on_demand: Airlock::builder().pooling(0).build()?,
            large: Airlock::builder().limits(large).build()?,
            #[cfg(feature = "wasi")]
            wasi: Airlock::builder().wasi().build()?,
            unfueled: Bare::unfueled()?,
            unchecked: Bare::unchecked()?,
            folder: folder.to_owned(),
            command,
            julia: julia.map(RefCell::new),
        })
    }

    /// The cases of a group for this file. The first is what the others are compared with.
    ///
    /// # Errors
    ///
    /// If something that they need cannot be made.
    pub fn cases(&self, group: Group, file: &File) -> Result<Vec<Case<'_>>> {
        match group {
            Group::Overhead => self.overhead(file),
            Group::Verify => self.verify(file),
            Group::Peers => self.peers(file),
            Group::Convert => self.convert(file),
            Group::Service => self.service(file),
            Group::Start => self.start(file),
            Group::Julia => self.julia(file),
        }
    }

    fn overhead(&self, file: &File) -> Result<Vec<Case<'_>>> {
        let bytes = Rc::new(RefCell::new(fs::read(&file.path)?));
        let is_large = file.elements > LARGE_ELEMENTS;
        let airlock = if is_large { &self.large } else { &self.airlock };
        let limits = flux_airlock_wire::Limits {
            answer_bytes: airlock.limits().answer_bytes(),
            elements: airlock.limits().elements(),
            nodes: airlock.limits().nodes(),
            ..flux_airlock_wire::Limits::DEFAULT
        };
        let len = u32::try_from(bytes.borrow().len())?;
        let expected = flux_airlock_decode::decode(&mut bytes.borrow().as_slice(), len, &limits);
        if expected.get(1) != Some(&0) {
            return Err(format!("{} is refused", file.name()).into());
        }
        let shared = Rc::clone(&bytes);
        let native = Case::timed("native", move || {
            Ok(flux_airlock_decode::decode(&mut shared.borrow().as_slice(), len, &limits))
        });
        let wanted = expected.len();
        let mut cases = vec![native];
        for (subject, bare) in [(UNCHECKED, &self.unchecked), (UNFUELED, &self.unfueled)] {
            let shared = Rc::clone(&bytes);
            cases.push(Case::new(subject, move || {
                let file = Rc::new(shared.take());
                let start = Instant::now();
                let (answer, guest_bytes) = bare.decode(Rc::<Vec<u8>>::clone(&file), &limits)?;
                let time = start.elapsed();
                shared.replace(Rc::into_inner(file).ok_or("the engine keeps the file")?);
                same(answer.len(), wanted)?;
                Ok(Outcome { time, times: 1, guest_bytes: Some(guest_bytes) })
            }));
        }
        let mut sandboxes = vec![("guest", airlock)];
        if !is_large {
            sandboxes.push((ON_DEMAND, &self.on_demand));
        }
        #[cfg(feature = "wasi")]
        if !is_large {
            sandboxes.push(("guest under WASI", &self.wasi));
        }
        for (subject, airlock) in sandboxes {
            let shared = Rc::clone(&bytes);
            cases.push(Case::new(subject, move || {
                let file = shared.take();
                let start = Instant::now();
                let (file, answer, figures) = airlock.raw(file)?;
                let time = start.elapsed();
                shared.replace(file);
                same(answer?.len(), wanted)?;
                Ok(Outcome { time, times: 1, guest_bytes: Some(figures.memory_bytes) })
            }));
        }
        Ok(cases)
    }

    fn verify(&self, file: &File) -> Result<Vec<Case<'_>>> {
        let path = file.path.clone();
        let floor = |subject, library| {
            let path = path.clone();
            Case::timed(subject, move || read_and_hash(&path, library))
        };
        let bytes = Rc::new(fs::read(&path)?);
        let hash = |subject, library: Library| {
            let bytes = Rc::clone(&bytes);
            Case::timed(subject, move || Ok(library.hash(&bytes)))
        };
        Ok(vec![
            floor(HASHED, Library::Sha2),
            floor("floor: read and ring", Library::Ring),
            hash("sha2 alone", Library::Sha2),
            hash("ring alone", Library::Ring),
            read(&path),
            self.open(&path)?,
            self.open_signed(&path)?,
        ])
    }

    fn peers(&self, file: &File) -> Result<Vec<Case<'_>>> {
        let path = file.path.clone();
        let mut cases = vec![self.open(&path)?, read(&path)];
        cases.push({
            let path = path.clone();
            Case::timed("bson to a document", move || {
                Ok(bson::Document::from_reader(&mut fs::read(&path)?.as_slice())?)
            })
        });
        match file.shape {
            Shape::Weights => {
                cases.push({
                    let path = path.clone();
                    Case::timed("bson with serde", move || {
                        Ok(bson::deserialize_from_slice::<SerdeWeights>(&fs::read(&path)?)?)
                    })
                });
                let tensors = self.folder.join("peer.safetensors");
                let model = self.airlock.open_unverified(Input::path(&path))?;
                let safetensors = Safetensors::new(&model)?;
                to_file(&tensors, Overwrite::Yes, |out| safetensors.write(out))?;
                cases.push(Case::timed("safetensors and SHA-256", move || {
                    let bytes = fs::read(&tensors)?;
                    let digest = Library::Sha2.hash(&bytes);
                    let tensors = SafeTensors::deserialize(&bytes)?;
                    let count = black_box(tensors.iter().map(|(_, view)| view.data().len()).sum::<usize>());
                    Ok((digest, count, bytes))
                }));
            }
            Shape::List => cases.push(Case::timed("bson with serde", move || {
                Ok(bson::deserialize_from_slice::<SerdeList>(&fs::read(&path)?)?)
            })),
            Shape::Chain | Shape::Deep => {}
        }
        Ok(cases)
    }

    fn convert(&self, file: &File) -> Result<Vec<Case<'_>>> {
        let (path, out) = (file.path.clone(), self.folder.join("out.safetensors"));
        let evidence = evidence(&path)?;
        let plain = {
            let (path, out) = (path.clone(), out.clone());
            Case::timed("read, hash and write", move || {
                let (bytes, digest) = read_and_hash(&path, Library::Sha2)?;
                let mut file = fs::File::create(&out)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                Ok((bytes, digest))
            })
        };
        let copy = {
            let (path, out) = (path.clone(), out.clone());
            Case::timed("copy", move || {
                fs::copy(&path, &out)?;
                Ok(fs::File::open(&out)?.sync_all()?)
            })
        };
        let ours = Case::opening("convert", move || {
            let model = self.airlock.open(Input::path(&path), &evidence)?;
            let safetensors = Safetensors::new(&model)?;
            to_file(&out, Overwrite::Yes, |out| safetensors.write(out))?;
            Ok(model)
        });
        Ok(vec![plain, copy, ours])
    }

    fn service(&self, file: &File) -> Result<Vec<Case<'_>>> {
        let bytes = Rc::new(fs::read(&file.path)?);
        let evidence = Rc::new(evidence(&file.path)?);
        let ways = [
            ("pooled, 1 thread", vec![&self.airlock]),
            ("pooled, 2 threads", vec![&self.airlock; 2]),
            (APART, vec![&self.airlock, &self.another]),
            ("on demand, 1 thread", vec![&self.on_demand]),
            ("on demand, 2 threads", vec![&self.on_demand; 2]),
        ];
        Ok(ways
            .into_iter()
            .map(|(subject, airlocks)| {
                let (bytes, evidence) = (Rc::clone(&bytes), Rc::clone(&evidence));
                Case::new(subject, move || {
                    let (bytes, evidence): (&[u8], &Evidence) = (&bytes, &evidence);
                    let each = OPENINGS.checked_div(u32::try_from(airlocks.len())?).ok_or("no threads")?;
                    let start = Instant::now();
                    thread::scope(|scope| -> Result<()> {
                        let work = |airlock: &Airlock| -> Result<()> {
                            for _ in 0..each {
                                drop(black_box(airlock.open(Input::bytes(bytes), evidence)?));
                            }
                            Ok(())
                        };
                        let Some((first, others)) = airlocks.split_first() else { return Ok(()) };
                        let others: Vec<_> = others.iter().map(|airlock| scope.spawn(move || work(airlock))).collect();
                        work(first)?;
                        others.into_iter().try_for_each(|other| other.join().map_err(|_| "a thread ended")?)
                    })?;
                    Ok(Outcome { time: start.elapsed(), times: OPENINGS, guest_bytes: None })
                })
            })
            .collect())
    }

    fn start(&self, file: &File) -> Result<Vec<Case<'_>>> {
        let mut cases = Vec::new();
        if let Some(command) = self.command.clone() {
            let (path, pin) = (file.path.clone(), digest(&file.path)?.to_string());
            cases.push(Case::timed("cold process to first answer", move || {
                let mut airlock = Command::new(&command);
                airlock.args(["verify", "--pin", &pin]).arg(&path);
                run(&mut airlock)
            }));
            let command = self.command.clone();
            cases.push(Case::timed("process that says its version", move || {
                run(Command::new(command.as_deref().unwrap_or(Path::new("airlock"))).arg("--version"))
            }));
        }
        cases.push(Case::timed("engine and module", || Ok(Airlock::new()?)));
        Ok(cases)
    }

    fn julia(&self, file: &File) -> Result<Vec<Case<'_>>> {
        let Some(julia) = &self.julia else { return Ok(Vec::new()) };
        let case = |subject, function: &'static str| {
            let path = file.path.clone();
            Case::new(subject, move || {
                let time = julia.borrow_mut().call(function, &path)?;
                Ok(Outcome { time, times: 1, guest_bytes: None })
            })
        };
        let limits = flux_airlock_wire::Limits::DEFAULT;
        let (hashed, decoded) = (file.path.clone(), file.path.clone());
        Ok(vec![
            self.open(&file.path)?,
            case("BSON.load", "load"),
            case("BSON.parse", "parse"),
            Case::timed(HASHED, move || read_and_hash(&hashed, Library::Sha2)),
            Case::timed(DECODED, move || {
                let (file, digest) = read_and_hash(&decoded, Library::Sha2)?;
                Ok((self.unchecked.decode(Rc::new(file), &limits)?, digest))
            }),
        ])
    }

    fn open(&self, path: &Path) -> Result<Case<'_>> {
        let (path, evidence) = (path.to_owned(), evidence(path)?);
        Ok(Case::opening("verified open", move || Ok(self.airlock.open(Input::path(&path), &evidence)?)))
    }

    /// Opening by a signature of OpenSSF Model Signing (P-256), in the place of a pin.
    fn open_signed(&self, path: &Path) -> Result<Case<'_>> {
        let key = PrivateKey::parse(KEY, || Err(KeyError::Encrypted))?;
        let signature = sign_oms(&key, None, &Manifest::of_file("model", Library::Sha2.hash(&fs::read(path)?)))?;
        let (path, evidence) = (path.to_owned(), Evidence::signature(Signature::new(signature), key.public_key()));
        Ok(Case::opening("verified open, by signature", move || {
            Ok(self.airlock.open(Input::path(&path), &evidence)?)
        }))
    }
}

/// Made for the fuzzer, and for nothing else.
const KEY: &[u8] = include_bytes!("../../fuzz/keys/fuzz.pem");

fn read<'t>(path: &Path) -> Case<'t> {
    let path = path.to_owned();
    Case::timed("read", move || Ok(fs::read(&path)?))
}

fn digest(path: &Path) -> Result<Digest> {
    Ok(Digest::Sha256(Library::Sha2.hash(&fs::read(path)?)))
}

fn evidence(path: &Path) -> Result<Evidence> {
    Ok(Evidence::pin(digest(path)?))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", command.get_program().display()).into()) }
}

/// An answer that is another one would make the comparison worthless.
fn same(found: usize, wanted: usize) -> Result<()> {
    if found == wanted { Ok(()) } else { Err("the sandbox answers otherwise".into()) }
}

/// The file of weights, as somebody who knows what is in it would read it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and not looked at")]
struct SerdeWeights {
    weights: Vec<SerdeArray>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and not looked at")]
struct SerdeArray {
    size: Vec<u64>,
    data: bson::Binary,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and not looked at")]
struct SerdeList {
    list: Vec<u64>,
}

/// From here on the answer is longer than the default limits admit, or soon will be.
const LARGE_ELEMENTS: u64 = 1_000_001;
/// Of a small file, in one sample.
const OPENINGS: u32 = 1000;

/// The guest as fast as the engine can run it.
pub(crate) const UNCHECKED: &str = "guest, no fuel, no checks";
/// The guest in memory of its own, and the same without fuel.
pub(crate) const ON_DEMAND: &str = "guest, on demand";
pub(crate) const UNFUELED: &str = "guest, on demand, no fuel";
/// What nothing can be faster than that verifies, and what nothing can that also decodes in this engine.
pub(crate) const HASHED: &str = "floor: read and sha2";
pub(crate) const DECODED: &str = "floor: and the guest, no fuel, no checks";
/// What two cores of the machine give where nothing is shared.
pub(crate) const APART: &str = "pooled, 2 threads, an airlock each";
