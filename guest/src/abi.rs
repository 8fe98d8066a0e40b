//! The wall itself: the one import and the one export, and the only unsafe code of the guest.
//!
//! Neither side believes the other: the host checks every range that comes through `read` and the range of the answer,
//! and the decoder treats what it reads as hostile. What this file guarantees is that the decoder never sees memory that
//! the host has not filled.
#![allow(unsafe_code, reason = "raw memory lives here, and nowhere else in the guest")]

use flux_airlock_decode::{Source, decode};
use flux_airlock_wire::Limits;

#[link(wasm_import_module = "airlock")]
unsafe extern "C" {
    /// Copies the file's bytes from `offset` into `len` bytes of linear memory at `ptr`. Traps unless both ranges exist.
    #[link_name = "read"]
    fn airlock_read(offset: u64, ptr: *mut u8, len: usize);
}

/// The file that the host holds.
struct File;

impl Source for File {
    fn read(&mut self, offset: u32, buffer: &mut [u8]) {
        // SAFETY: the host writes the `len` bytes at `ptr` and nothing else, or traps; `buffer` is exclusively ours.
        unsafe { airlock_read(u64::from(offset), buffer.as_mut_ptr(), buffer.len()) }
    }
}

/// Decodes the file of `len` bytes under the limits given, and says where the answer lies: its address in the upper half,
/// its length in the lower. The answer stays where it is for as long as the instance lives.
// SAFETY: nothing else in the module is called `decode`.
#[expect(clippy::similar_names, reason = "these are the names of the limits")]
#[unsafe(export_name = "decode")]
extern "C" fn export_decode(
    len: u32,
    answer_bytes: u32,
    depth: u32,
    elements: u32,
    name_bytes: u32,
    names_bytes: u32,
    nodes: u32,
    tensors: u32,
) -> u64 {
    let limits = Limits { answer_bytes, depth, elements, name_bytes, names_bytes, nodes, tensors };
    let answer = decode(&mut File, len, &limits).leak();
    (widen(answer.as_ptr().addr()) << 32) | widen(answer.len())
}

/// Addresses and lengths have 32 bits on this target.
const fn widen(n: usize) -> u64 {
    n as u64
}
