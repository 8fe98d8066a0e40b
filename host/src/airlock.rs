//! The two doors and the chamber between them, as one call.

use std::{fmt, sync::Arc};

use flux_airlock_trust::Algorithms;

use crate::{EngineError, Error, Input, Limits, sandbox::Sandbox};

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
pub struct Airlock(Arc<Inner>);

struct Inner {
    limits: Limits,
    sandbox: Sandbox,
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

    /// Begins with the default limits and no pool.
    pub fn builder() -> AirlockBuilder {
        AirlockBuilder { limits: Limits::default(), pooling: 0 }
    }

    /// What one file may cost here.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// How many instances of the guest were started so far. A file that fails at the outer door never starts one.
    #[must_use]
    pub fn instances_started(&self) -> u64 {
        self.0.sandbox.started()
    }

    /// The guest's own answer about these bytes, unverified and unchecked: for tests, which compare it.
    #[doc(hidden)]
    pub fn raw_answer(&self, bytes: impl Into<Vec<u8>>) -> Result<Vec<u8>, Error> {
        let Inner { limits, sandbox } = &*self.0;
        let loaded = Input::bytes(bytes).load(Algorithms::default(), limits).map_err(|unread| unread.error)?;
        sandbox.run(loaded.bytes, limits)?.answer
    }
}

impl fmt::Debug for Airlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { limits, sandbox } = &*self.0;
        f.debug_struct("Airlock").field("limits", limits).field("instances_started", &sandbox.started()).finish()
    }
}

/// Makes an [`Airlock`]. Begin with [`Airlock::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct AirlockBuilder {
    limits: Limits,
    pooling: u32,
}

impl AirlockBuilder {
    /// What one file may cost. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps memory for so many instances at once, for services that open many small files. More at a time are refused
    /// as [`EngineError::Busy`], and none can have more than 64 MiB. Default: 0, every instance gets memory of its own.
    pub const fn pooling(mut self, instances: u32) -> Self {
        self.pooling = instances;
        self
    }

    /// Starts the engine.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if it does not start on this machine, or if the limits grant more memory than a pooled instance
    /// can have.
    pub fn build(self) -> Result<Airlock, Error> {
        let Self { limits, pooling } = self;
        let sandbox = Sandbox::new((pooling > 0).then_some(pooling))?;
        let (granted, most) = (limits.memory_bytes(), sandbox.most_memory_bytes());
        if granted > most {
            return Err(EngineError::Pool { granted, most }.into());
        }
        Ok(Airlock(Arc::new(Inner { limits, sandbox })))
    }
}
