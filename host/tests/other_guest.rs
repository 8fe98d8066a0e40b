//! The guest in another engine, and another compiler's guest: the same answers.
//!
//! `cargo xtask guest --check` says where another compiler's module lies; given in `AIRLOCK_OTHER_GUEST`, it is run here
//! over every file of the corpus. Without it, the committed module is, so that the engine is compared at least. The
//! other engine is an interpreter that shares no code with ours.

use std::{env, fs, path::Path};

use flux_airlock::{Airlock, Limits};
use wasmi::{Caller, Engine, Linker, Memory, Module, Store};

#[test]
fn another_engine_and_another_compiler_give_the_same_answers() {
    let other = env::var_os("AIRLOCK_OTHER_GUEST");
    let module = other
        .as_ref()
        .map_or_else(|| include_bytes!("../guest/flux_airlock_guest.wasm").to_vec(), |path| fs::read(path).unwrap());
    let other = Other::new(&module);
    let airlock = Airlock::new().unwrap();
    let mut files = Vec::new();
    find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus"), &mut files);
    files.push(b"\x10\0\0\0\x12a\0\x01\0\0\0\0\0\0\0\0".to_vec());
    for file in files {
        let answer = airlock.raw_answer(file.clone()).unwrap();
        assert!(other.answer(file.clone()) == answer, "another answer about {:?}", &file[..file.len().min(100)]);
    }
}

/// All `.bson` files in a folder and below.
fn find(folder: &Path, files: &mut Vec<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "bson") {
            files.push(fs::read(path).unwrap());
        }
    }
}

/// A guest in an interpreter.
struct Other {
    engine: Engine,
    module: Module,
}

struct Cell {
    file: Vec<u8>,
    memory: Option<Memory>,
}

impl Other {
    fn new(module: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, module).unwrap();
        Self { engine, module }
    }

    fn answer(&self, file: Vec<u8>) -> Vec<u8> {
        let limits = Limits::default();
        let len = u32::try_from(file.len()).unwrap();
        let mut store = Store::new(&self.engine, Cell { file, memory: None });
        let mut linker = Linker::new(&self.engine);
        linker.func_wrap("airlock", "read", read).unwrap();
        let instance = linker.instantiate_and_start(&mut store, &self.module).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        store.data_mut().memory = Some(memory);
        let decode =
            instance.get_typed_func::<(u32, u32, u32, u32, u32, u32, u32, u32), u64>(&store, "decode").unwrap();
        let arguments = (
            len,
            limits.answer_bytes(),
            limits.depth(),
            limits.elements(),
            limits.name_bytes(),
            limits.names_bytes(),
            limits.nodes(),
            limits.tensors(),
        );
        let place = decode.call(&mut store, arguments).unwrap();
        let [address, len] = [place >> 32, place & 0xffff_ffff].map(|n| usize::try_from(n).unwrap());
        memory.data(&store)[address..][..len].to_vec()
    }
}

fn read(mut caller: Caller<'_, Cell>, offset: u64, ptr: u32, len: u32) {
    let memory = caller.data().memory.unwrap();
    let (memory, cell) = memory.data_and_store_mut(&mut caller);
    let [offset, ptr, len] = [offset, ptr.into(), len.into()].map(|n| usize::try_from(n).unwrap());
    memory[ptr..][..len].copy_from_slice(&cell.file[offset..][..len]);
}
