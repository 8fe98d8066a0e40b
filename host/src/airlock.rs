//! The two doors and the chamber between them, as one call.
//!
//! Reading, verifying, decoding and checking follow each other here and nowhere else, and the first that fails ends it:
//! nothing is decoded that was not verified, and nothing is built that was not checked. There is no way around evidence
//! but those that have `unverified` or `inspect` in their names, and none around the rest.

use std::{fmt, sync::Arc};

use flux_airlock_trust::{Algorithms, Clock, Digest, Digests};
#[cfg(feature = "policy")]
use flux_airlock_trust::{Allowance, Met, Policy, Source, Subject};
use tracing::debug_span;

#[cfg(feature = "wasi")]
use crate::wasi::Wasi;
use crate::{
    EngineError, Error, Evidence, Format, GuestError, Input, Limit, Limits, Model, Report, SandboxFigures, TypeMap,
    answer::{self, Flaw, Grant, Opened, Outcome},
    evidence::Bytes,
    input::{Loaded, Unread},
    model::About,
    path::refusal_path,
    report::{EvidenceEntry, FileEntry, RefusalEntry},
    sandbox::{Run, Sandbox, cores},
    sniff,
};

/// Opens model files. Make one, and share it: it holds the engine and the guest's code, and starts a fresh instance for
/// every file.
///
/// ```
/// use flux_airlock::{Airlock, Limits};
///
/// let airlock = Airlock::builder().limits(Limits::builder().depth(128).build()?).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Airlock {
    clock: Clock,
    limits: Limits,
    #[cfg(feature = "policy")]
    policy: Option<Arc<Policy>>,
    types: TypeMap,
    chamber: Arc<Chamber>,
}

/// Which build of the decoder runs, and in what.
enum Chamber {
    /// The core module with one import.
    Core(Sandbox),
    /// The command, in a context that has nothing.
    #[cfg(feature = "wasi")]
    Wasi(Wasi),
}

impl Chamber {
    /// Refuses limits that it cannot hold to.
    #[cfg_attr(not(feature = "wasi"), expect(clippy::unnecessary_wraps, reason = "WASI refuses"))]
    fn admit(&self, limits: &Limits) -> Result<(), EngineError> {
        match (self, limits) {
            (Self::Core(_), _) => Ok(()),
            #[cfg(feature = "wasi")]
            (Self::Wasi(_), limits) => Wasi::admit(limits),
        }
    }

    fn started(&self) -> u64 {
        match self {
            Self::Core(sandbox) => sandbox.started(),
            #[cfg(feature = "wasi")]
            Self::Wasi(wasi) => wasi.started(),
        }
    }

    fn run(&self, file: Vec<u8>, limits: &Limits) -> Result<Run, Error> {
        match self {
            Self::Core(sandbox) => sandbox.run(file, limits),
            #[cfg(feature = "wasi")]
            Self::Wasi(wasi) => wasi.run(file, limits),
        }
    }
}

impl Airlock {
    /// An airlock with the default limits.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the engine does not start on this machine.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Begins with the default limits.
    pub fn builder() -> AirlockBuilder {
        AirlockBuilder {
            clock: Clock::system(),
            limits: Limits::default(),
            #[cfg(feature = "policy")]
            policy: None,
            types: TypeMap::default(),
            pooling: None,
            #[cfg(feature = "wasi")]
            wasi: false,
        }
    }

    /// What one file may cost here.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same engine under other limits, for files that may cost more or less. Starts nothing. A policy lowers them too.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the engine cannot hold to them: the WASI build has its own.
    pub fn with_limits(&self, limits: Limits) -> Result<Self, Error> {
        Self { limits, ..self.clone() }.admitted()
    }

    /// The same engine with other names for the fields of structs that are not known. Starts nothing.
    #[must_use]
    pub fn with_types(&self, types: TypeMap) -> Self {
        Self { types, ..self.clone() }
    }

    /// The same engine under this policy, in the place of one that there was. Starts nothing.
    ///
    /// # Errors
    ///
    /// As [`Airlock::with_limits`].
    #[cfg(feature = "policy")]
    pub fn with_policy(&self, policy: Policy) -> Result<Self, Error> {
        Self { policy: Some(Arc::new(policy)), ..self.clone() }.admitted()
    }

    /// It, under the limits that a policy leaves, unless the engine cannot hold to them.
    fn admitted(self) -> Result<Self, Error> {
        #[cfg(feature = "policy")]
        let limits = match &self.policy {
            Some(policy) => self.limits.at_most(|limit| policy.ceiling(limit)),
            None => self.limits.clone(),
        };
        #[cfg(feature = "policy")]
        let this = Self { limits, ..self };
        #[cfg(not(feature = "policy"))]
        let this = self;
        this.chamber.admit(&this.limits)?;
        Ok(this)
    }

    /// How many instances of the guest were started so far. A file that fails at the outer door never starts one.
    #[must_use]
    pub fn instances_started(&self) -> u64 {
        self.chamber.started()
    }

    /// Opens a model for which all of the evidence holds.
    ///
    /// ```no_run
    /// use flux_airlock::{Airlock, Evidence, Input, Pin};
    ///
    /// let pin: Pin = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse()?;
    /// let model = Airlock::new()?.open(Input::path("model.bson"), &Evidence::pin(pin))?;
    /// for tensor in model.tensors() {
    ///     println!("{} {} bytes", tensor.path(), tensor.bytes().len());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], which says by its variant who must act. Without evidence, or if any of it does not hold, the guest is
    /// never started.
    pub fn open(&self, input: Input<'_>, evidence: &Evidence) -> Result<Model, Error> {
        self.pass(input, Ask::Evidence(evidence)).map_err(|refused| refused.error)
    }

    /// Opens a model that nobody vouches for. Its reports say so.
    ///
    /// It is isolated and checked like any other: what comes out is plain data, whose origin is unknown.
    ///
    /// # Errors
    ///
    /// [`Error`], which says by its variant who must act.
    pub fn open_unverified(&self, input: Input<'_>) -> Result<Model, Error> {
        self.pass(input, Ask::Unverified).map_err(|refused| refused.error)
    }

    /// Describes a file that nobody vouches for, whatever it is, and hands out no weights.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the file cannot be read, and [`Error::Engine`] if this machine cannot do it. A file that is
    /// refused is described as such, with the reason.
    pub fn inspect(&self, input: Input<'_>) -> Result<Report, Error> {
        report(self.pass(input, Ask::Inspect))
    }

    /// Describes a file like [`Airlock::inspect`], and refuses it unless all of the evidence holds.
    ///
    /// # Errors
    ///
    /// As for [`Airlock::inspect`].
    pub fn inspect_verified(&self, input: Input<'_>, evidence: &Evidence) -> Result<Report, Error> {
        report(self.pass(input, Ask::Evidence(evidence)))
    }

    /// Opens a model for which all of the evidence holds, and describes the file if it is refused: [`Airlock::open`] and
    /// [`Airlock::inspect_verified`] in one reading.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the report if there is a verdict on the file.
    pub fn examine(&self, input: Input<'_>, evidence: &Evidence) -> Result<Model, Rejected> {
        self.pass(input, Ask::Evidence(evidence)).map_err(|refused| refused.report())
    }

    /// Opens a model that nobody vouches for, and describes the file if it is refused: [`Airlock::open_unverified`] and
    /// [`Airlock::inspect`] in one reading.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the report if there is a verdict on the file.
    pub fn examine_unverified(&self, input: Input<'_>) -> Result<Model, Rejected> {
        self.pass(input, Ask::Unverified).map_err(|refused| refused.report())
    }

    /// The same for whoever describes the file and hands out no weights, as [`Airlock::inspect`] does: a policy may allow that
    /// where it allows nothing else.
    #[doc(hidden)]
    pub fn examine_to_inspect(&self, input: Input<'_>) -> Result<Model, Rejected> {
        self.pass(input, Ask::Inspect).map_err(|refused| refused.report())
    }

    /// Judges a file at the outer door alone: size, type, digest, evidence and policy. Nothing is decoded. Gives what vouches
    /// for the file, and the rule that it has met in each policy file.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the report if there is a verdict on the file.
    #[cfg(feature = "policy")]
    pub fn judge(&self, input: Input<'_>, evidence: &Evidence) -> Result<(Vec<EvidenceEntry>, Vec<Met>), Rejected> {
        let passed = self.outer_door(input, Ask::Evidence(evidence)).map_err(|refused| refused.report())?;
        Ok((passed.held, passed.met))
    }

    /// The way through: both doors and the chamber.
    fn pass(&self, input: Input<'_>, ask: Ask<'_>) -> Result<Model, Box<Refused>> {
        let Passed { loaded, file, held, limits, .. } = self.outer_door(input, ask)?;
        let Self { types, chamber, .. } = self;
        let (limits, bytes) = (&limits, file.bytes);
        let run = debug_span!("decode", bytes).in_scope(|| chamber.run(loaded.bytes, limits));
        let run = match run {
            Ok(run) => run,
            Err(error) => return Err(Refused::new(error, file)),
        };
        let Run { file: content, answer, figures } = run;
        let about = About { file, evidence: held, sandbox: figures };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(Refused::inside(error, about, Format::Unknown)),
        };

        let checked = debug_span!("check", answer_bytes = answer.len())
            .in_scope(|| answer::check(&content, answer, &grant(limits), types));
        match checked {
            Ok(Outcome::Opened(checked)) => Ok(Model::new(Opened::new(content, checked), about)),
            Ok(Outcome::Refused(refusal)) => {
                let path = refusal_path(&content, &refusal.path);
                let format = sniff::format(refusal.format, &content);
                Err(Refused::inside(Error::refused(&refusal, path, format), about, format))
            }
            Err(Flaw::Fault(fault)) => {
                let error = GuestError::new(fault.code(), fault.to_string());
                Err(Refused::inside(error.into(), about, Format::Unknown))
            }
            Err(Flaw::PathBytes { granted }) => {
                let error = Error::limit_of(Limit::PathBytes, granted);
                Err(Refused::inside(error, about, Format::BsonJl))
            }
        }
    }

    /// The outer door. Its order is fixed: size and type, digest, signatures and registries, policy. Only what has passed all of
    /// it comes near the guest.
    fn outer_door(&self, input: Input<'_>, ask: Ask<'_>) -> Result<Passed, Box<Refused>> {
        let clock = self.clock;
        let name = input.name().map(str::to_owned);
        let evidence = match ask {
            Ask::Evidence(evidence) => Some(evidence),
            Ask::Inspect | Ask::Unverified => None,
        };
        let algorithms = evidence.map_or(Algorithms::SHA256, Evidence::algorithms);
        #[cfg(feature = "policy")]
        let (input, source, algorithms, limits) = self.under_policy(input, algorithms);
        #[cfg(not(feature = "policy"))]
        let limits = self.limits.clone();
        let loaded = debug_span!("read", ?name).in_scope(|| input.load(algorithms, &limits));
        let loaded = loaded.map_err(|unread| {
            let Unread { len, more, .. } = unread;
            let file = FileEntry { path: name.clone(), bytes: len.unwrap_or(0), more, sha256: None };
            Refused::new(unread.error, file)
        })?;

        let bytes = u64::try_from(loaded.bytes.len()).unwrap_or(u64::MAX);
        let file = FileEntry { path: name, bytes, more: false, sha256: sha256(&loaded.digests) };
        let held = debug_span!("verify").in_scope(|| match evidence {
            Some(evidence) => evidence.check(Bytes { bytes: &loaded.bytes, digests: &loaded.digests }, clock),
            None => Ok(Vec::new()),
        });
        let held = match held {
            Ok(held) => held,
            Err(error) => return Err(Refused::new(error, file)),
        };
        #[cfg(feature = "policy")]
        let met = match self.decide(&source, &loaded.digests, &held, ask) {
            Ok(met) => met,
            Err(error) => return Err(Refused::new(error, file)),
        };
        Ok(Passed {
            loaded,
            file,
            held,
            limits,
            #[cfg(feature = "policy")]
            met,
        })
    }

    /// What a policy changes before anything is read: which file a path means, what must be hashed, and what may be granted.
    #[cfg(feature = "policy")]
    fn under_policy<'a>(
        &self,
        mut input: Input<'a>,
        algorithms: Algorithms,
    ) -> (Input<'a>, Source, Algorithms, Limits) {
        let limits = &self.limits;
        let Some(policy) = &self.policy else { return (input, Source::memory(), algorithms, limits.clone()) };
        let source = input.settle();
        let limits = limits.at_most(|limit| policy.max_bytes(&source).filter(|_| limit == "file_bytes"));
        (input, source, algorithms.and(policy.algorithms()), limits)
    }

    /// Does the policy allow it, if there is one?
    #[cfg(feature = "policy")]
    fn decide(
        &self,
        source: &Source,
        digests: &Digests,
        held: &[EvidenceEntry],
        ask: Ask<'_>,
    ) -> Result<Vec<Met>, Error> {
        let Some(policy) = &self.policy else { return Ok(Vec::new()) };
        let allowance = match ask {
            Ask::Evidence(_) => Allowance::Evidence,
            Ask::Inspect => Allowance::Inspect,
            Ask::Unverified => Allowance::Unverified,
        };
        let vouched: Vec<_> = held.iter().map(EvidenceEntry::vouched).collect();
        let subject = Subject { source, digests, vouched: &vouched, allowance };
        policy.decide(&subject, self.clock.now()).map_err(|denied| crate::NotVerifiedError::from(denied).into())
    }

    /// The guest's own answer about these bytes, unverified and unchecked: for tests, which compare it.
    #[doc(hidden)]
    pub fn raw_answer(&self, bytes: impl Into<Vec<u8>>) -> Result<Vec<u8>, Error> {
        let (_, answer, _) = self.raw(bytes.into())?;
        answer
    }

    /// The same with the bytes given back, and what it has cost: for measuring the chamber alone.
    #[doc(hidden)]
    #[expect(clippy::type_complexity, reason = "nobody but benchmarks sees it")]
    pub fn raw(&self, bytes: Vec<u8>) -> Result<(Vec<u8>, Result<Vec<u8>, Error>, SandboxFigures), Error> {
        let Self { limits, chamber, .. } = self;
        let Run { file, answer, figures } = chamber.run(bytes, limits)?;
        Ok((file, answer, figures))
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Ask<'e> {
    /// To open the file because of evidence.
    Evidence(&'e Evidence),
    /// To describe it.
    Inspect,
    /// To open it without evidence.
    Unverified,
}

/// A file that has passed the outer door.
struct Passed {
    loaded: Loaded,
    file: FileEntry,
    held: Vec<EvidenceEntry>,
    /// As they were granted, and lowered by a policy.
    limits: Limits,
    #[cfg(feature = "policy")]
    met: Vec<Met>,
}

/// Why a file did not pass, and what is known of it nevertheless.
struct Refused {
    error: Error,
    file: FileEntry,
    format: Format,
    evidence: Vec<EvidenceEntry>,
    sandbox: Option<SandboxFigures>,
}

impl Refused {
    /// Before the chamber: what the content is, nobody has looked at.
    fn new(error: Error, file: FileEntry) -> Box<Self> {
        Box::new(Self { error, file, format: Format::Unknown, evidence: Vec::new(), sandbox: None })
    }

    /// In the chamber, or behind it.
    fn inside(error: Error, about: About, format: Format) -> Box<Self> {
        let About { file, evidence, sandbox } = about;
        Box::new(Self { error, file, format, evidence, sandbox: Some(sandbox) })
    }

    /// The report, unless the error says nothing about the file.
    fn report(self) -> Rejected {
        let Self { error, file, format, evidence, sandbox } = self;
        if !error.is_refusal() {
            return Rejected { error, report: None };
        }
        let (limit, value) = error.limit().map(|(limit, granted)| (limit.name().to_owned(), granted)).unzip();
        let refusal = RefusalEntry {
            code: error.code().to_owned(),
            message: error.message(),
            offset: error.offset(),
            path: error.path().map(str::to_owned),
            limit,
            value,
        };
        let report = Report::refused(file, format.name(), evidence, refusal, sandbox);
        Rejected { error, report: Some(Box::new(report)) }
    }
}

/// The report about a file that passed or was refused. What says nothing about the file stays an error.
fn report(passed: Result<Model, Box<Refused>>) -> Result<Report, Error> {
    match passed.map_err(|refused| refused.report()) {
        Ok(model) => Ok(model.report()),
        Err(Rejected { report: Some(report), .. }) => Ok(*report),
        Err(Rejected { error, report: None }) => Err(error),
    }
}

/// A file that was not opened: why, and the report about it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Rejected {
    /// Why.
    pub error: Error,
    /// What is known of the file; `None` where the error says nothing about it ([`Error::is_refusal`]).
    pub report: Option<Box<Report>>,
}

/// What the inner door holds the guest to.
pub(crate) fn grant(limits: &Limits) -> Grant {
    Grant {
        depth: limits.depth(),
        name_bytes: limits.name_bytes(),
        names_bytes: limits.names_bytes(),
        nodes: limits.nodes(),
        path_bytes: limits.path_bytes(),
        tensors: limits.tensors(),
    }
}

fn sha256(digests: &Digests) -> Option<String> {
    digests.sha256.map(|sha256| Digest::Sha256(sha256).to_hex())
}

impl fmt::Debug for Airlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, chamber, .. } = self;
        f.debug_struct("Airlock").field("limits", limits).field("instances_started", &chamber.started()).finish()
    }
}

/// Makes an [`Airlock`]. Begin with [`Airlock::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct AirlockBuilder {
    clock: Clock,
    limits: Limits,
    #[cfg(feature = "policy")]
    policy: Option<Policy>,
    types: TypeMap,
    pooling: Option<u32>,
    #[cfg(feature = "wasi")]
    wasi: bool,
}

impl AirlockBuilder {
    /// Where the time comes from that certificates, registries and the age of evidence are judged by. Default: the system's
    /// clock.
    pub const fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What one file may cost. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What is known of structs that the closed list does not have. Default: nothing.
    pub fn types(mut self, types: TypeMap) -> Self {
        self.types = types;
        self
    }

    /// What may be opened, and what it may cost at most, whatever else is said here or in the evidence. Default: none.
    ///
    /// ```
    /// use flux_airlock::{Airlock, Input, Policy};
    ///
    /// let policy = Policy::parse("version = 1\nunverified = \"never\"\n", "policy.toml".as_ref())?;
    /// let airlock = Airlock::builder().policy(policy).build()?;
    /// let refused = airlock.open_unverified(Input::bytes(*b"\x05\0\0\0\0")).unwrap_err();
    /// assert_eq!(refused.code(), "policy-unverified");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "policy")]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Keeps memory for so many instances, on Linux: what a file needs need not be had from the system and given back each
    /// time. What a file had of it is zeroed after it. There are two places for each, of which up to 32 MiB stay in use, as
    /// much as a file there once needed; and for files of up to 32 KiB four, of which up to 512 KiB stay in use, so that there
    /// is one for the next thread when a core turns to it before the last one is done; each core has its own.
    /// More instances at once, those that need more than 64 MiB, and files of more than 8 MiB get memory of their own.
    /// Default: as many as there are cores; 0 keeps none.
    pub const fn pooling(mut self, instances: u32) -> Self {
        self.pooling = Some(instances);
        self
    }

    /// Runs the decoder's WASI build instead: a command that gets the file as its standard input, in a WASI context with no
    /// directories, arguments, environment or sockets, a clock that stands still, and random numbers that are none. The
    /// answers are the same.
    ///
    /// It is there to compare, and slower: all of the file is copied into the guest, whose memory may have the length of the
    /// file and a sixteenth of it more than what is granted. It cannot be told limits, so that those it counts itself must
    /// be the default, and it is never pooled.
    #[cfg(feature = "wasi")]
    pub const fn wasi(mut self) -> Self {
        self.wasi = true;
        self
    }

    /// Starts the engine.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if it does not start on this machine.
    pub fn build(self) -> Result<Airlock, Error> {
        let Self { clock, limits, types, pooling, .. } = self;
        let sandbox = || Sandbox::new(pooling.unwrap_or_else(cores));
        #[cfg(feature = "wasi")]
        let chamber = if self.wasi { Chamber::Wasi(Wasi::new(pooling)?) } else { Chamber::Core(sandbox()?) };
        #[cfg(not(feature = "wasi"))]
        let chamber = Chamber::Core(sandbox()?);
        let airlock = Airlock {
            clock,
            limits,
            #[cfg(feature = "policy")]
            policy: self.policy.map(Arc::new),
            types,
            chamber: Arc::new(chamber),
        };
        airlock.admitted()
    }
}
