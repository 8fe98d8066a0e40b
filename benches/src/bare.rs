//! The guest as the host runs it, but without fuel: to measure what fuel costs.
//!
//! Nothing else may ever run a guest like this: without fuel, a file could keep it busy for ever.

use flux_airlock_wire::Limits;
use wasmtime::{Caller, Engine, InstancePre, Linker, Memory, Module, Store, Trap};

use crate::Result;

#[path = "../../host/src/config.rs"]
mod config;

/// The engine and the module.
pub(crate) struct Unfueled {
    engine: Engine,
    guest: InstancePre<Cell>,
}

struct Cell {
    file: Vec<u8>,
    memory: Option<Memory>,
}

impl Unfueled {
    pub(crate) fn new() -> Result<Self> {
        let mut config = config::config();
        config.consume_fuel(false);
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("airlock", "read", read)?;
        let guest = linker.instantiate_pre(&load(&engine)?)?;
        Ok(Self { engine, guest })
    }

    /// The file as it went in, its answer, and how much memory the guest had in the end.
    pub(crate) fn decode(&self, file: Vec<u8>, of: &Limits) -> Result<(Vec<u8>, Vec<u8>, u64)> {
        let len = u32::try_from(file.len())?;
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
        Ok((store.into_data().file, answer, bytes))
    }
}

fn read(mut caller: Caller<'_, Cell>, offset: u64, ptr: u32, len: u32) -> wasmtime::Result<()> {
    let Some(memory) = caller.data().memory else { return Err(Trap::MemoryOutOfBounds.into()) };
    let (memory, cell) = memory.data_and_store_mut(&mut caller);
    copy(&cell.file, offset, memory, ptr, len).ok_or_else(|| Trap::MemoryOutOfBounds.into())
}

fn copy(file: &[u8], offset: u64, memory: &mut [u8], ptr: u32, len: u32) -> Option<()> {
    let len = usize::try_from(len).ok()?;
    let from = file.get(usize::try_from(offset).ok()?..)?.get(..len)?;
    memory.get_mut(usize::try_from(ptr).ok()?..)?.get_mut(..len)?.copy_from_slice(from);
    Some(())
}

#[expect(unsafe_code, reason = "loading our own precompiled module is the one thing that the engine cannot check")]
fn load(engine: &Engine) -> wasmtime::Result<Module> {
    // SAFETY: these bytes are what `precompile_module` gave to our build script, unchanged.
    unsafe { Module::deserialize(engine, COMPILED) }
}

const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/unfueled.cwasm"));
