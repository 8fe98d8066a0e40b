//! The best known way to read a file into private memory and hash it: what a verified opening is held against.
//!
//! Huge pages, so that the first touch of the memory costs little; one thread reads piece by piece, and another hashes the
//! pieces while they are in the cache.

use std::{fs, io::Read as _, path::Path, sync::mpsc, thread};

use memmap2::{Advice, MmapMut};
use sha2::{Digest as _, Sha256};

use crate::Result;

/// Whose SHA-256.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Library {
    Ring,
    Sha2,
}

impl Library {
    /// The digest of bytes in memory.
    pub(crate) fn hash(self, bytes: &[u8]) -> [u8; 32] {
        self.digest(std::iter::once(bytes))
    }

    fn digest<'a>(self, pieces: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
        match self {
            Self::Ring => {
                let mut hasher = ring::digest::Context::new(&ring::digest::SHA256);
                pieces.for_each(|piece| hasher.update(piece));
                hasher.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
            }
            Self::Sha2 => {
                let mut hasher = Sha256::new();
                pieces.for_each(|piece| hasher.update(piece));
                hasher.finalize().into()
            }
        }
    }
}

/// The file in private memory, and its digest.
pub(crate) fn read_and_hash(path: &Path, library: Library) -> Result<(MmapMut, [u8; 32])> {
    let mut file = fs::File::open(path)?;
    let mut memory = MmapMut::map_anon(usize::try_from(file.metadata()?.len())?)?;
    #[cfg(target_os = "linux")]
    if memory.len() >= HUGE_BYTES {
        // Where the system has none, it is slower, and as right.
        let _ = memory.advise(Advice::HugePage);
    }
    if memory.len() < OVERLAP_BYTES {
        file.read_exact(&mut memory)?;
        let digest = library.hash(&memory);
        return Ok((memory, digest));
    }
    let (send, receive) = mpsc::channel::<&[u8]>();
    let digest = thread::scope(|scope| -> Result<_> {
        let hashing = scope.spawn(move || library.digest(receive.into_iter()));
        for piece in memory.chunks_mut(PIECE_BYTES) {
            file.read_exact(piece)?;
            send.send(piece).map_err(|_| "the hashing thread ended")?;
        }
        drop(send);
        Ok(hashing.join().map_err(|_| "the hashing thread ended")?)
    })?;
    Ok((memory, digest))
}

const HUGE_BYTES: usize = 2 << 20;
/// Below, starting a thread costs more than it saves.
const OVERLAP_BYTES: usize = 1 << 20;
const PIECE_BYTES: usize = 1 << 20;
