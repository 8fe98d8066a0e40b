//! The chamber: one fresh instance of the guest for every file.
//!
//! The guest has one import, which copies bytes of the file into its memory, and one call, which answers once. Fuel and
//! memory are bounded by what was granted, and our limits strike before the machine's. What comes out is the answer as raw
//! bytes, of a checked length, copied once; whether it may be believed is decided elsewhere.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use serde::Serialize;
use wasmtime::{
    Caller, Engine, InstanceAllocationStrategy, InstancePre, Linker, Memory, PoolingAllocationConfig, ResourceLimiter,
    Store, Trap,
};

use crate::{EngineError, Error, GUEST_SHA256, GuestError, Limit, Limits, config, module};

/// What decoding one file has cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SandboxFigures {
    /// The SHA-256 of the guest's module, in hexadecimal.
    pub guest_sha256: &'static str,
    /// Fuel that was used.
    pub fuel_used: u64,
    /// Fuel that was granted.
    pub fuel_limit: u64,
    /// Linear memory the guest had in the end, in bytes.
    pub memory_bytes: u64,
    /// From the instance's start to the answer's copy, in microseconds.
    pub wall_us: u64,
}

/// The guest's module, ready to be started, shared by all files.
pub(crate) struct Sandbox {
    /// Where instances have memory that is kept between files. Those for smaller files come first.
    pools: Vec<Pool>,
    /// Starts instances in memory of their own: made when no pool has room for the first time.
    on_demand: OnceLock<Starter>,
    started: AtomicU64,
}

/// Places for files up to a size. Before a place is used again, what the last file had of it is set back, and not what any file
/// before had: a large structure does not slow down those that come after it.
struct Pool {
    most_file_bytes: usize,
    /// What is kept of each place between files.
    kept_bytes: usize,
    /// How many places each lane has.
    instances: u32,
    /// One for each core, where a file takes so little time that sharing counts: cores that swap places have to fetch each
    /// other's memory. Each is made when it is needed first; `None` where the machine cannot reserve it.
    lanes: Vec<OnceLock<Option<Starter>>>,
}

/// An engine with one way to allocate, and the module in it.
struct Starter {
    is_pooled: bool,
    engine: Engine,
    guest: InstancePre<Cell>,
}

/// What came out of the chamber.
#[derive(Debug)]
pub(crate) struct Run {
    /// The file, as it went in.
    pub(crate) file: Vec<u8>,
    /// The answer's bytes, of which nothing was checked but how many they are.
    pub(crate) answer: Result<Vec<u8>, Error>,
    pub(crate) figures: SandboxFigures,
}

/// Why a file has no place in a pool.
enum NoRoom {
    /// All are in use, or the system does not let it have one.
    Full,
    /// More memory is granted than a place has, and was asked for.
    TooSmall,
}

/// Why there is no answer.
enum Halt {
    NoRoom(NoRoom),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Sandbox {
    /// Starts the engine, with memory kept for so many instances. Where the machine cannot reserve it, none is.
    pub(crate) fn new(instances: u32) -> Result<Self, EngineError> {
        let pools =
            if instances > 0 { POOLS.iter().map(|shape| Pool::new(shape, instances)).collect() } else { Vec::new() };
        let this = Self { pools, on_demand: OnceLock::new(), started: AtomicU64::new(0) };
        if this.pools.first().and_then(|pool| pool.lanes().next()).is_none() {
            this.on_demand()?;
        }
        Ok(this)
    }

    fn on_demand(&self) -> Result<&Starter, EngineError> {
        if let Some(made) = self.on_demand.get() {
            return Ok(made);
        }
        // Two threads may both make one, of which one is kept.
        let made = Starter::new(None)?;
        Ok(self.on_demand.get_or_init(|| made))
    }

    /// How many instances were started so far.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Lets a fresh instance decode the file.
    ///
    /// What needs more than the pool has is decoded without it, large files at once: the verdict is the same wherever it
    /// is found.
    pub(crate) fn run(&self, file: Vec<u8>, limits: &Limits) -> Result<Run, Error> {
        let start = Instant::now();
        let pool = self.pools.iter().find(|pool| file.len() <= pool.most_file_bytes);
        let mut file = file;
        for lane in pool.into_iter().flat_map(Pool::lanes) {
            match self.run_in(lane, file, limits, limits.memory_bytes().min(POOLED_BYTES), start)? {
                Ok(run) => return Ok(run),
                Err((again, NoRoom::Full)) => file = again,
                Err((again, NoRoom::TooSmall)) => {
                    file = again;
                    break;
                }
            }
        }
        let run = self.run_in(self.on_demand()?, file, limits, limits.memory_bytes(), start)?;
        run.map_err(|_| not_started("there is no room outside of a pool").into())
    }

    /// The run, or the file again where there is no room for it.
    fn run_in(
        &self,
        starter: &Starter,
        file: Vec<u8>,
        limits: &Limits,
        memory_bytes: u64,
        start: Instant,
    ) -> Result<Result<Run, (Vec<u8>, NoRoom)>, Error> {
        let fuel_limit = limits.fuel(to_u64(file.len()));
        let cell = Cell { file, memory: None, growth: Growth::new(memory_bytes) };
        let mut store = Store::try_new(&starter.engine, cell).map_err(not_started)?;
        store.limiter(|cell| &mut cell.growth);
        // The engine stops at zero, so that all that was granted can be used.
        let fuel = fuel_limit.saturating_add(1);
        store.set_fuel(fuel).map_err(not_started)?;
        let answer = match self.answer(starter, &mut store, limits, fuel_limit) {
            Ok(answer) => Ok(answer),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::NoRoom(why)) => return Ok(Err((store.into_data().file, why))),
        };
        let figures = SandboxFigures {
            guest_sha256: GUEST_SHA256,
            fuel_used: fuel.saturating_sub(store.get_fuel().unwrap_or(0)).min(fuel_limit),
            fuel_limit,
            memory_bytes: store.data().growth.bytes,
            wall_us: start.elapsed().as_micros().try_into().unwrap_or(u64::MAX),
        };
        Ok(Ok(Run { file: store.into_data().file, answer, figures }))
    }

    fn answer(&self, starter: &Starter, store: &mut Store<Cell>, limits: &Limits, fuel: u64) -> Result<Vec<u8>, Halt> {
        let Ok(len) = u32::try_from(store.data().file.len()) else {
            return Err(Error::limit_of(Limit::FileBytes, limits.file_bytes()).into());
        };
        let instance = match starter.guest.instantiate(&mut *store) {
            Ok(instance) => instance,
            // Nothing of the guest has run. If memory of its own cannot be had either, that is the error.
            Err(_) if starter.is_pooled => return Err(Halt::NoRoom(NoRoom::Full)),
            Err(error) => return Err(store.data().cause(&error, limits, fuel)),
        };
        self.started.fetch_add(1, Ordering::Relaxed);
        let decode = instance.get_typed_func::<Arguments, u64>(&mut *store, "decode");
        let (Some(memory), Ok(decode)) = (instance.get_memory(&mut *store, "memory"), decode) else {
            return Err(EngineError::Start("the guest lacks an export".to_owned()).into());
        };
        store.data_mut().memory = Some(memory);
        let of = limits.counted();
        let arguments =
            (len, of.answer_bytes, of.depth, of.elements, of.name_bytes, of.names_bytes, of.nodes, of.tensors);
        match decode.call(&mut *store, arguments) {
            // The engine looks at the fuel now and then, and not at the very end.
            Ok(_) if store.get_fuel().is_ok_and(|left| left == 0) => Err(Error::limit_of(Limit::Fuel, fuel).into()),
            Ok(place) => Ok(copy_answer(memory.data(&*store), place, limits.answer_bytes())?),
            Err(error) => Err(store.data().cause(&error, limits, fuel)),
        }
    }
}

impl Pool {
    fn new(shape: &Shape, instances: u32) -> Self {
        let lanes = if shape.is_for_each_core && cfg!(target_os = "linux") { instances.min(cores()) } else { 1 };
        let lanes = lanes.clamp(1, MOST_LANES);
        let lane = |_| OnceLock::new();
        Self {
            most_file_bytes: shape.most_file_bytes,
            kept_bytes: shape.kept_bytes,
            instances: instances.saturating_mul(shape.places).div_ceil(lanes),
            lanes: (0..lanes).map(lane).collect(),
        }
    }

    /// The lanes that the machine has room for: the one of this core first.
    fn lanes(&self) -> impl Iterator<Item = &Starter> {
        let (before, from) = self.lanes.split_at(core().checked_rem(self.lanes.len()).unwrap_or(0));
        let made = || Starter::new(Some(self.config())).ok();
        from.iter().chain(before).filter_map(move |lane| lane.get_or_init(made).as_ref())
    }

    fn config(&self) -> PoolingAllocationConfig {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_core_instances(self.instances);
        pool.total_memories(self.instances);
        pool.total_tables(self.instances);
        // What WASI brings has stacks for asynchronous calls, of which there are none.
        #[cfg(feature = "wasi")]
        pool.total_stacks(0);
        // A pooled memory cannot move, so that the reservation is all it has.
        pool.max_memory_size(usize::try_from(POOLED_BYTES).unwrap_or(usize::MAX));
        // Zeroed, and not given back: faults cost more than decoding, and telling the other cores more than that.
        pool.linear_memory_keep_resident(self.kept_bytes);
        pool.table_keep_resident(KEPT_TABLE_BYTES);
        pool
    }
}

impl Starter {
    fn new(pool: Option<PoolingAllocationConfig>) -> Result<Self, EngineError> {
        let (is_pooled, mut config) = (pool.is_some(), config::config());
        if let Some(pool) = pool {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        let engine = Engine::new(&config).map_err(not_started)?;
        let module = module::load(&engine).map_err(not_started)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("airlock", "read", read).map_err(not_started)?;
        let guest = linker.instantiate_pre(&module).map_err(not_started)?;
        Ok(Self { is_pooled, engine, guest })
    }
}

/// The length of the file, and the limits that the decoder counts, by name.
type Arguments = (u32, u32, u32, u32, u32, u32, u32, u32);

/// What the host keeps beside one instance.
struct Cell {
    file: Vec<u8>,
    /// The guest's memory, as soon as there is one.
    memory: Option<Memory>,
    growth: Growth,
}

impl Cell {
    fn cause(&self, error: &wasmtime::Error, limits: &Limits, fuel: u64) -> Halt {
        if self.growth.failed == Some(Failure::Denied) && self.growth.most < limits.memory_bytes() {
            return Halt::NoRoom(NoRoom::TooSmall);
        }
        self.growth.cause(error, limits, fuel).into()
    }
}

/// The one import: copies the file's bytes from `offset` into the `len` bytes of the guest's memory at `ptr`.
///
/// Fuel is charged before a byte is copied.
fn read(mut caller: Caller<'_, Cell>, offset: u64, ptr: u32, len: u32) -> wasmtime::Result<()> {
    let fuel = caller.get_fuel()?;
    let Some(left) = fuel.checked_sub(read_cost(len)).filter(|&left| left > 0) else {
        caller.set_fuel(0)?;
        return Err(Trap::OutOfFuel.into());
    };
    caller.set_fuel(left)?;
    let Some(memory) = caller.data().memory else { return Err(Trap::MemoryOutOfBounds.into()) };
    let (memory, cell) = memory.data_and_store_mut(&mut caller);
    copy(&cell.file, offset, memory, ptr, len).ok_or_else(|| Trap::MemoryOutOfBounds.into())
}

/// A copy costs about as much as one instruction for each eight bytes.
fn read_cost(len: u32) -> u64 {
    u64::from(len / 8).saturating_add(1)
}

/// `None`, and nothing copied, unless both ranges exist.
fn copy(file: &[u8], offset: u64, memory: &mut [u8], ptr: u32, len: u32) -> Option<()> {
    let len = usize::try_from(len).ok()?;
    let from = file.get(usize::try_from(offset).ok()?..)?.get(..len)?;
    let to = memory.get_mut(usize::try_from(ptr).ok()?..)?.get_mut(..len)?;
    to.copy_from_slice(from);
    Some(())
}

/// The answer at `place`, which is its address and its length, if it is no longer than it may be.
fn copy_answer(memory: &[u8], place: u64, answer_bytes: u32) -> Result<Vec<u8>, Error> {
    let [len, address] = [place & u64::from(u32::MAX), place >> 32].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let answer = memory.get(address..).and_then(|rest| rest.get(..len));
    let Some(answer) = answer else {
        return Err(GuestError::new("answer-out-of-bounds", "the decoder's answer is not in its memory").into());
    };
    check_len(answer, answer_bytes)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| EngineError::Memory { bytes: to_u64(len) })?;
    bytes.extend_from_slice(answer);
    Ok(bytes)
}

/// Refuses an answer that is longer than it may be.
pub(crate) fn check_len(answer: &[u8], answer_bytes: u32) -> Result<(), GuestError> {
    // A refusal is not counted against the limit, which could be what is refused for.
    let most = if answer.get(1) == Some(&REFUSED) { MOST_REFUSAL_BYTES } else { answer_bytes };
    let len = answer.len();
    if usize::try_from(most).is_ok_and(|most| len > most) {
        return Err(GuestError::new("answer-too-long", format!("an answer of {len} bytes, where {most} are the most")));
    }
    Ok(())
}

/// Linear memory that was asked for, and what came of it.
#[derive(Debug)]
pub(crate) struct Growth {
    most: u64,
    pub(crate) bytes: u64,
    failed: Option<Failure>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    /// More than was granted.
    Denied,
    /// Less than was granted, and the machine has no more.
    Machine {
        /// How much it was to be.
        bytes: u64,
    },
}

impl Growth {
    pub(crate) const fn new(most: u64) -> Self {
        Self { most, bytes: 0, failed: None }
    }

    /// Was more asked for than there was?
    #[cfg(feature = "wasi")]
    pub(crate) const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Who is to blame for a call that did not return.
    pub(crate) fn cause(&self, error: &wasmtime::Error, limits: &Limits, fuel: u64) -> Error {
        let trap = error.downcast_ref::<Trap>();
        if trap == Some(&Trap::OutOfFuel) {
            return Error::limit_of(Limit::Fuel, fuel);
        }
        match self.failed {
            // Whatever the guest did without the memory, it did for want of it.
            Some(Failure::Denied) => Error::limit_of(Limit::MemoryBytes, limits.memory_bytes()),
            Some(Failure::Machine { bytes }) => EngineError::Memory { bytes }.into(),
            None => match trap {
                Some(trap) => GuestError::new("guest-trap", format!("the decoder stopped: {trap}")).into(),
                None => not_started(format!("{error:#}")).into(),
            },
        }
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let desired = to_u64(desired);
        if desired > self.most {
            self.failed = Some(Failure::Denied);
            return Ok(false);
        }
        self.bytes = desired;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.failed.get_or_insert(Failure::Machine { bytes: self.bytes });
        Ok(())
    }

    fn table_growing(&mut self, current: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // The table of the module, and never a larger one.
        Ok(current == 0)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }
}

pub(crate) fn not_started(error: impl std::fmt::Display) -> EngineError {
    EngineError::Start(format!("{error:#}"))
}

/// How many cores this process may use.
pub(crate) fn cores() -> u32 {
    thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// The core that this thread runs on at the moment. Linux says so without being called.
fn core() -> usize {
    #[cfg(target_os = "linux")]
    return rustix::thread::sched_getcpu();
    #[cfg(not(target_os = "linux"))]
    return 0;
}

pub(crate) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// The second byte of an answer that refuses the file.
const REFUSED: u8 = 1;
/// A refusal is a code and a path, whose length follows the depth of the file.
pub(crate) const MOST_REFUSAL_BYTES: u32 = 64 << 10;
/// What a pooled instance can have of memory.
const POOLED_BYTES: u64 = config::RESERVATION_BYTES;
/// A pool, as it is planned.
struct Shape {
    most_file_bytes: usize,
    kept_bytes: usize,
    /// How many places there are for each instance that is asked for.
    places: u32,
    is_for_each_core: bool,
}
/// Where a file takes a few microseconds, an interrupted thread holds its place for as long as hundreds of them take; of larger
/// ones, a file of much structure holds its own for as long as dozens of others take. The structure of files larger than all
/// these may need more than a place has, and for their weights memory of their own costs nothing that counts.
const POOLS: [Shape; 2] = [
    Shape { most_file_bytes: 32 << 10, kept_bytes: 512 << 10, places: 4, is_for_each_core: true },
    Shape { most_file_bytes: 8 << 20, kept_bytes: 32 << 20, places: 2, is_for_each_core: false },
];
/// A lane has an engine of its own, with a copy of the guest's code, which is a megabyte.
const MOST_LANES: u32 = 16;
/// The guest's table has one page.
const KEPT_TABLE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_out_of_range_copies_nothing() {
        let file = [1, 2, 3, 4];
        for (offset, ptr, len) in [
            (0, 0, 5),
            (4, 0, 1),
            (5, 0, 0),
            (1, 0, 4),
            (u64::MAX, 0, 1),
            (1 << 32, 0, 1),
            (0, 6, 3),
            (0, 9, 0),
            (0, u32::MAX, 1),
        ] {
            let mut memory = [0; 8];
            assert_eq!(copy(&file, offset, &mut memory, ptr, len), None, "{offset} {ptr} {len}");
            assert_eq!(memory, [0; 8]);
        }
        let mut memory = [0; 8];
        assert_eq!(copy(&file, 1, &mut memory, 5, 3), Some(()));
        assert_eq!(memory, [0, 0, 0, 0, 0, 2, 3, 4]);
        assert_eq!(copy(&file, 4, &mut memory, 8, 0), Some(()));
    }

    #[test]
    fn copies_cost_what_they_copy() {
        assert_eq!(read_cost(0), 1);
        assert_eq!(read_cost(4096), 513);
        assert_eq!(read_cost(u32::MAX), 1 << 29);
    }

    #[test]
    fn an_answer_outside_of_the_memory_is_not_taken() {
        let memory = [0; 100];
        let code =
            |address: u64, len: u64| copy_answer(&memory, (address << 32) + len, 50).unwrap_err().code().to_owned();
        assert_eq!(code(101, 0), "answer-out-of-bounds");
        assert_eq!(code(99, 2), "answer-out-of-bounds");
        assert_eq!(code(0, u64::from(u32::MAX)), "answer-out-of-bounds");
        assert_eq!(code(u64::from(u32::MAX), 50), "answer-out-of-bounds");
        assert_eq!(code(0, 51), "answer-too-long");
        assert_eq!(copy_answer(&memory, (50 << 32) + 50, 50).unwrap(), [0; 50]);
    }

    #[test]
    fn a_refusal_has_a_limit_of_its_own() {
        let mut memory = vec![0; 100_000];
        memory[1] = REFUSED;
        let most = u64::from(MOST_REFUSAL_BYTES);
        assert!(copy_answer(&memory, most, 50).is_ok());
        assert_eq!(copy_answer(&memory, most + 1, u32::MAX).unwrap_err().code(), "answer-too-long");
    }

    #[test]
    fn memory_is_denied_beyond_the_grant() {
        let mut growth = Growth::new(1 << 20);
        assert!(growth.memory_growing(0, 1 << 20, None).unwrap());
        assert_eq!((growth.bytes, growth.failed), (1 << 20, None));
        assert!(!growth.memory_growing(1 << 20, (1 << 20) + 65_536, None).unwrap());
        assert_eq!((growth.bytes, growth.failed), (1 << 20, Some(Failure::Denied)));
        // The first cause stays.
        growth.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert_eq!(growth.failed, Some(Failure::Denied));
    }

    #[test]
    fn only_the_limit_that_was_met_is_blamed() {
        let limits = Limits::default();
        let cause = |failed, error: &wasmtime::Error| {
            Growth { failed, ..Growth::new(0) }.cause(error, &limits, 7).code().to_owned()
        };
        let unreachable = wasmtime::Error::from(Trap::UnreachableCodeReached);
        assert_eq!(cause(None, &unreachable), "guest-trap");
        assert_eq!(cause(Some(Failure::Denied), &unreachable), "memory-bytes-limit");
        assert_eq!(cause(Some(Failure::Machine { bytes: 9 }), &unreachable), "engine-memory");
        assert_eq!(cause(None, &Trap::OutOfFuel.into()), "fuel-limit");
        assert_eq!(cause(None, &wasmtime::Error::msg("no")), "engine-start");
    }
}
