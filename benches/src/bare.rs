//! The guest without some of what bounds it: to measure what that costs.
//!
//! Nothing else may ever run a guest like this: without fuel, a file could keep it busy for ever.

use std::rc::Rc;

use flux_airlock_wire::Limits;
use wasmtime::{
    Caller, Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Memory, Module, PoolingAllocationConfig,
    Store, Trap,
};

use crate::Result;

#[path = "bare_config.rs"]
mod bare_config;
#[path = "../../host/src/config.rs"]
mod config;

/// The engine and the module.
pub(crate) struct Bare {
    engine: Engine,
    guest: InstancePre<Cell>,
}

/// A file in memory of whatever sort.
pub(crate) type Bytes = Rc<dyn AsRef<[u8]>>;

struct Cell {
    file: Bytes,
    memory: Option<Memory>,
}

impl Bare {
    /// As the host runs it in memory of its own, but without fuel.
    pub(crate) fn unfueled() -> Result<Self> {
        Self::new(&bare_config::unfueled(config::config()), UNFUELED)
    }

    /// As fast as the engine can: without fuel, with bounds that the processor checks, and in memory that is kept whole.
    pub(crate) fn unchecked() -> Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_core_instances(1);
        pool.total_memories(1);
        pool.total_tables(1);
        pool.total_stacks(0);
        pool.max_memory_size(1 << 32);
        pool.linear_memory_keep_resident(1 << 30);
        pool.table_keep_resident(64 << 10);
        let mut config = bare_config::unchecked(config::config());
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Self::new(&config, UNCHECKED)
    }

    fn new(config: &Config, compiled: &[u8]) -> Result<Self> {
        let engine = Engine::new(config)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("airlock", "read", read)?;
        let guest = linker.instantiate_pre(&load(&engine, compiled)?)?;
        Ok(Self { engine, guest })
    }

    /// The answer, and how much memory the guest had in the end.
    pub(crate) fn decode(&self, file: Bytes, of: &Limits) -> Result<(Vec<u8>, u64)> {
        let len = u32::try_from((*file).as_ref().len())?;
        let mut store = Store::new(&self.engine, Cell { file, memory: None });
        let instance = self.guest.instantiate(&mut store)?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("no memory")?;
        store.data_mut().memory = Some(memory);
        let decode = instance.get_typed_func::<(u32, u32, u32, u32, u32, u32, u32, u32), u64>(&mut store, "decode")?;
        let arguments =
            (len, of.answer_bytes, of.depth, of.elements, of.name_bytes, of.names_bytes, of.nodes, of.tensors);
        let place = decode.call(&mut store, arguments)?;
        let [address, len] = [place >> 32, place & u64::from(u32::MAX)].map(usize::try_from);
        let data = memory.data(&store);
        let answer = data.get(address?..).and_then(|rest| rest.get(..len.ok()?)).ok_or("no answer")?.to_vec();
        let bytes = u64::try_from(data.len())?;
        Ok((answer, bytes))
    }
}

fn read(mut caller: Caller<'_, Cell>, offset: u64, ptr: u32, len: u32) -> wasmtime::Result<()> {
    let Some(memory) = caller.data().memory else { return Err(Trap::MemoryOutOfBounds.into()) };
    let (memory, cell) = memory.data_and_store_mut(&mut caller);
    copy((*cell.file).as_ref(), offset, memory, ptr, len).ok_or_else(|| Trap::MemoryOutOfBounds.into())
}

fn copy(file: &[u8], offset: u64, memory: &mut [u8], ptr: u32, len: u32) -> Option<()> {
    let len = usize::try_from(len).ok()?;
    let from = file.get(usize::try_from(offset).ok()?..)?.get(..len)?;
    memory.get_mut(usize::try_from(ptr).ok()?..)?.get_mut(..len)?.copy_from_slice(from);
    Some(())
}

#[expect(unsafe_code, reason = "loading our own precompiled module is the one thing that the engine cannot check")]
fn load(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Module> {
    // SAFETY: these bytes are what `precompile_module` gave to our build script, unchanged.
    unsafe { Module::deserialize(engine, compiled) }
}

const UNFUELED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/unfueled.cwasm"));
const UNCHECKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/unchecked.cwasm"));
