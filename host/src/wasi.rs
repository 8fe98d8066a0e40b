//! The other chamber: the decoder as a WASI command, in a context that has nothing.
//!
//! A WASI runtime is a large machine, and what it could reach is denied here piece by piece: no directories, no arguments,
//! no environment, no sockets; the clocks stand still, and every random byte is zero. Standard input is the file, standard
//! output is bounded by what an answer may have, and standard error goes nowhere. Fuel and memory are bounded as in the
//! chamber without WASI, and what comes out is as little believed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use wasmtime::{Engine, InstancePre, Linker, Store};
use wasmtime_wasi::{
    Deterministic, HostMonotonicClock, HostWallClock, I32Exit, WasiCtx,
    p1::{self, WasiP1Ctx},
    p2::pipe::{MemoryInputPipe, MemoryOutputPipe},
};

use crate::{
    EngineError, Error, GUEST_WASI_SHA256, GuestError, Limit, Limits, SandboxFigures, config, module,
    sandbox::{Growth, MOST_REFUSAL_BYTES, Run, check_len, not_started, to_u64},
};

/// The engine and the command, shared by all files.
pub(crate) struct Wasi {
    engine: Engine,
    command: InstancePre<Cell>,
    started: AtomicU64,
}

/// What the host keeps beside one instance.
struct Cell {
    wasi: WasiP1Ctx,
    growth: Growth,
}

impl Wasi {
    /// Refuses limits that the command would not know of.
    pub(crate) fn admit(limits: &Limits) -> Result<(), EngineError> {
        if limits.counted() == flux_airlock_wire::Limits::DEFAULT {
            return Ok(());
        }
        Err(EngineError::Start("the WASI build counts under the default limits only".to_owned()))
    }

    /// Starts the engine.
    pub(crate) fn new(pooling: Option<u32>) -> Result<Self, EngineError> {
        if pooling.is_some_and(|instances| instances > 0) {
            return Err(EngineError::Start("instances of the WASI build are not pooled".to_owned()));
        }
        let engine = Engine::new(&config::config()).map_err(not_started)?;
        let module = module::load_wasi(&engine).map_err(not_started)?;
        let mut linker = Linker::new(&engine);
        p1::add_to_linker_sync(&mut linker, |cell: &mut Cell| &mut cell.wasi).map_err(not_started)?;
        let command = linker.instantiate_pre(&module).map_err(not_started)?;
        Ok(Self { engine, command, started: AtomicU64::new(0) })
    }

    /// How many instances were started so far.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Lets a fresh instance decode the file.
    pub(crate) fn run(&self, file: Vec<u8>, limits: &Limits) -> Result<Run, Error> {
        let start = Instant::now();
        let file_bytes = to_u64(file.len());
        let fuel_limit = limits.fuel(file_bytes);
        let file = Bytes::from(file);
        let stdout =
            MemoryOutputPipe::new(usize::try_from(limits.answer_bytes().max(MOST_REFUSAL_BYTES)).unwrap_or(usize::MAX));
        let cell = Cell {
            wasi: context(file.clone(), stdout.clone()),
            growth: Growth::new(memory_bytes(limits.memory_bytes(), file_bytes)),
        };
        let mut store = Store::try_new(&self.engine, cell).map_err(not_started)?;
        store.limiter(|cell| &mut cell.growth);
        // The engine stops at zero, so that all that was granted can be used.
        let fuel = fuel_limit.saturating_add(1);
        store.set_fuel(fuel).map_err(not_started)?;
        let ran = self.start(&mut store, limits, fuel_limit);
        let figures = SandboxFigures {
            guest_sha256: GUEST_WASI_SHA256,
            fuel_used: fuel.saturating_sub(store.get_fuel().unwrap_or(0)).min(fuel_limit),
            fuel_limit,
            memory_bytes: store.data().growth.bytes,
            wall_us: start.elapsed().as_micros().try_into().unwrap_or(u64::MAX),
        };
        // Gives the file back alone, so that it is not copied.
        drop(store);
        let answer = ran.and_then(|()| {
            let answer = Vec::from(stdout.contents());
            check_len(&answer, limits.answer_bytes())?;
            Ok(answer)
        });
        Ok(Run { file: Vec::from(file), answer, figures })
    }

    fn start(&self, store: &mut Store<Cell>, limits: &Limits, fuel: u64) -> Result<(), Error> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let instance = match self.command.instantiate(&mut *store) {
            Ok(instance) => instance,
            Err(error) => return Err(store.data().growth.cause(&error, limits, fuel)),
        };
        let Ok(start) = instance.get_typed_func::<(), ()>(&mut *store, "_start") else {
            return Err(EngineError::Start("the command lacks its start".to_owned()).into());
        };
        let error = match start.call(&mut *store, ()) {
            Err(error) if error.downcast_ref().is_none_or(|&I32Exit(status)| status != 0) => error,
            // The engine looks at the fuel now and then, and not at the very end.
            _ if store.get_fuel().is_ok_and(|left| left == 0) => return Err(Error::limit_of(Limit::Fuel, fuel)),
            _ => return Ok(()),
        };
        let growth = &store.data().growth;
        match error.downcast_ref() {
            // Without memory it may say so itself.
            Some(&I32Exit(status)) if !growth.has_failed() => {
                Err(GuestError::new("guest-trap", format!("the decoder ended with status {status}")).into())
            }
            _ => Err(growth.cause(&error, limits, fuel)),
        }
    }
}

/// The context of one file.
fn context(stdin: Bytes, stdout: MemoryOutputPipe) -> WasiP1Ctx {
    WasiCtx::builder()
        .stdin(MemoryInputPipe::new(stdin))
        .stdout(stdout)
        .wall_clock(Stopped)
        .monotonic_clock(Stopped)
        .secure_random(Deterministic::new(vec![0]))
        .insecure_random(Deterministic::new(vec![0]))
        .insecure_random_seed(0)
        .allow_tcp(false)
        .allow_udp(false)
        // Nothing blocks: there is nothing to wait for.
        .allow_blocking_current_thread(true)
        .build_p1()
}

/// A clock that stands still.
struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// What was granted, and room for the file, which this guest holds: in pieces, which its allocator keeps books of.
fn memory_bytes(granted: u64, file_bytes: u64) -> u64 {
    granted.saturating_add(file_bytes).saturating_add(file_bytes / 16)
}
