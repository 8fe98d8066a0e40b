//! A bar for work that takes more than a second, on a terminal.
//!
//! It is on standard error, and where that is no terminal there is none. When the work ends it leaves no trace.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flux_airlock::text::cut_middle;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::Terminal;

/// What is shown while this lives.
pub(crate) struct Progress {
    done: Arc<AtomicU64>,
    /// Dropped to end the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins work on `total` bytes, if that is known: `what` says which, and is escaped.
    pub(crate) fn new(terminal: &Terminal, what: String, total: Option<u64>) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let (end, ended) = channel();
        let wanted = !terminal.quiet && !terminal.is_recorder() && std::io::stderr().is_terminal();
        let watched = Arc::clone(&done);
        let show = move || {
            if ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let template = if total.is_some() {
                "{spinner} {msg} {wide_bar} {binary_bytes} of {binary_total_bytes}"
            } else {
                "{spinner} {msg} {binary_bytes}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(cut_middle(&what, MOST_WHAT).into_owned());
            while ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                bar.set_position(watched.load(Ordering::Relaxed));
                bar.tick();
            }
            bar.finish_and_clear();
        };
        // Without a thread there is no bar, and the work is done all the same.
        let thread = if wanted { thread::Builder::new().name("progress".to_owned()).spawn(show).ok() } else { None };
        Self { done, end: Some(end), thread }
    }

    /// Where to count bytes that are done.
    pub(crate) fn done(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.done)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It clears its line before anything else is printed.
            let _ = thread.join();
        }
    }
}

/// Characters of what is worked on, so that there is room for the bar.
const MOST_WHAT: usize = 48;
const PATIENCE: Duration = Duration::from_secs(1);
const BEAT: Duration = Duration::from_millis(100);
