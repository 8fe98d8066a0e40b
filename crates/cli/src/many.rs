//! Several files, on all processors, with the outputs of one after another.
//!
//! What a file's output is depends on the file alone, and outputs come in the order in which the files were named. Small
//! files are worked on ahead of their turn, a few at a time, and what they say is kept until then; a large one is worked
//! on when it is its turn, by as many threads as reading it needs, so that memory does not follow the number of files.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::evidence::is_stdin;
use crate::terminal::{Failure, Record, Status, Terminal};

/// Does this work on each of the files, and gives the worst of what came of it.
pub(crate) fn each(
    files: &[PathBuf],
    terminal: &mut Terminal,
    work: impl Fn(&Path, &mut Terminal) -> Result<Status, Failure> + Sync,
) -> Result<Status, Failure> {
    let is_small: Vec<bool> = files.iter().map(|file| is_small(file)).collect();
    let small = is_small.iter().filter(|is_small| **is_small).count();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(small).min(MOST_THREADS);
    let queue = Queue { files, is_small: &is_small, state: Mutex::default(), changed: Condvar::new() };
    thread::scope(|scope| {
        let mut ahead = 0_usize;
        if threads > 1 {
            for _ in 0..threads {
                let mut recorder = terminal.recorder();
                let (queue, work) = (&queue, &work);
                let worker = move || {
                    let _ended = Ended(queue);
                    while let Some(index) = queue.take(threads) {
                        let Some(file) = queue.files.get(index) else { break };
                        let result = work(file, &mut recorder);
                        queue.put(index, result, recorder.take_record());
                    }
                };
                // A thread that cannot be had leaves its work to the others.
                let started = thread::Builder::new().name("airlock-file".to_owned()).spawn_scoped(scope, worker);
                ahead = ahead.saturating_add(usize::from(started.is_ok()));
            }
        }
        let end = Ended(&queue);
        let mut status = Status::Opened;
        for (index, file) in files.iter().enumerate() {
            let is_ahead = ahead > 0 && is_small.get(index).copied().unwrap_or(false);
            let result = if is_ahead {
                let (result, record) = queue.wait(index)?;
                terminal.replay(record)?;
                result
            } else {
                work(file, terminal)
            };
            status = status.max(result?);
            terminal.flush()?;
            queue.printed(index);
        }
        drop(end);
        Ok(status)
    })
}

/// The files whose turn has not come, and what came of those that were worked on ahead of it.
struct Queue<'f> {
    files: &'f [PathBuf],
    is_small: &'f [bool],
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The file that is taken next.
    next: usize,
    /// How many files have had their turn.
    printed: usize,
    done: BTreeMap<usize, (Result<Status, Failure>, Record)>,
    /// Is nothing to be taken any more?
    is_ended: bool,
}

impl Queue<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next small file, as soon as its turn is near.
    fn take(&self, threads: usize) -> Option<usize> {
        let mut state = self.state();
        loop {
            while self.is_small.get(state.next) == Some(&false) {
                state.next = state.next.saturating_add(1);
            }
            if state.is_ended || state.next >= self.files.len() {
                return None;
            }
            if state.next < state.printed.saturating_add(threads.saturating_mul(AHEAD)) {
                let taken = state.next;
                state.next = taken.saturating_add(1);
                return Some(taken);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, index: usize, result: Result<Status, Failure>, record: Record) {
        self.state().done.insert(index, (result, record));
        self.changed.notify_all();
    }

    /// What came of a file that some thread takes or has taken.
    fn wait(&self, index: usize) -> Result<(Result<Status, Failure>, Record), Failure> {
        let mut state = self.state();
        loop {
            if let Some(done) = state.done.remove(&index) {
                return Ok(done);
            }
            if state.is_ended {
                return Err(Failure::new("a thread ended before its work was done"));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn printed(&self, index: usize) {
        self.state().printed = index.saturating_add(1);
        self.changed.notify_all();
    }
}

/// Ends the taking of files when the thread that prints is done with them, or when any thread panics: nobody waits for what
/// will never come.
struct Ended<'q, 'f>(&'q Queue<'f>);

impl Drop for Ended<'_, '_> {
    fn drop(&mut self) {
        let is_worker = thread::current().name() == Some("airlock-file");
        if !is_worker || thread::panicking() {
            self.0.state().is_ended = true;
            self.0.changed.notify_all();
        }
    }
}

fn is_small(file: &Path) -> bool {
    !is_stdin(file) && std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= SMALL_BYTES)
}

/// Files up to here are worked on ahead of their turn.
const SMALL_BYTES: u64 = 4 << 20;
/// So many files ahead, for each thread.
const AHEAD: usize = 4;
const MOST_THREADS: usize = 8;
