//! The same decoder as a WASI command: the file on standard input, the answer on standard output.
//!
//! For runtimes that have no import of ours to give. It opens nothing, asks for no argument, no environment, no clock and
//! no random number, and grants the limits that are the default. The length of a file is known only at its end, so that
//! this guest holds all of the file in its memory, which the import-free one never does.
#![forbid(unsafe_code)]

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use flux_airlock_decode::{Source, decode};
use flux_airlock_wire::Limits;

/// 0 with the answer, be it a refusal; 1 if standard input or output failed.
fn main() -> ExitCode {
    let answered = File::read_stdin().and_then(|(mut file, len)| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&decode(&mut file, len, &Limits::DEFAULT))?;
        stdout.flush()
    });
    if answered.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The file, in pieces of one length, so that nothing is copied again as it grows.
struct File(Vec<Vec<u8>>);

impl File {
    /// All of standard input, and how long it is.
    fn read_stdin() -> io::Result<(Self, u32)> {
        let mut stdin = io::stdin().lock();
        let mut pieces = Vec::new();
        let mut len = 0_u32;
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = stdin.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            len = u32::try_from(read)
                .ok()
                .and_then(|read| len.checked_add(read))
                .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
            pieces.push(piece);
            if read < PIECE_BYTES {
                return Ok((Self(pieces), len));
            }
        }
    }
}

impl Source for File {
    fn read(&mut self, offset: u32, mut buffer: &mut [u8]) {
        let offset = offset as usize;
        let mut skipped = offset % PIECE_BYTES;
        for piece in self.0.iter().skip(offset / PIECE_BYTES) {
            let rest = piece.get(skipped..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            let (here, left) = buffer.split_at_mut(len);
            here.copy_from_slice(rest.split_at(len).0);
            buffer = left;
            skipped = 0;
            if buffer.is_empty() {
                return;
            }
        }
    }
}

const PIECE_BYTES: usize = 64 << 10;
