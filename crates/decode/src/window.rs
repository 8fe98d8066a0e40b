//! The file, seen through a window of 8 to 64 KiB.
//!
//! A [`Window`] moves forward only, hands out bytes that exist and no others, and reads what it is asked for and little
//! more: payloads are jumped over, not read.

use alloc::{vec, vec::Vec};

use crate::{Source, ix, len32};

/// A view of the bytes from [`Window::offset`] on.
pub(crate) struct Window<'s> {
    source: &'s mut dyn Source,
    file_len: u32,
    /// The window, and room for a head that begins at its end.
    buffer: Vec<u8>,
    /// How large the window is.
    size: usize,
    /// Offset in the file of the buffer's first byte.
    start: u32,
    /// Bytes of the buffer that hold the file's.
    filled: usize,
    /// The next byte, in the buffer.
    at: usize,
    /// How much the next read asks for.
    chunk: usize,
    /// How many bytes were read so far.
    read: usize,
}

/// The window's size at first, where no name can be longer.
const SMALLEST: usize = 8 << 10;
/// It grows up to here: each filling costs as much as looking at a few hundred bytes.
const LARGEST: usize = 64 << 10;
/// How many times its size is read of the file before it grows, all in all: a larger one has to be zeroed.
const READ_TO_GROW: usize = 16;
/// How many bytes an element has at most before its payload, its key being short, and a short name behind that.
pub(crate) const HEAD: usize = 40;
/// What is read after a jump: most structure between two payloads is shorter.
const FIRST: usize = 512;

impl<'s> Window<'s> {
    /// A window at the start of the file, through which values of `longest` bytes can be seen whole.
    pub(crate) fn new(source: &'s mut dyn Source, file_len: u32, longest: u32) -> Self {
        let size = ix(longest).saturating_add(64).max(SMALLEST).min(ix(file_len).max(64));
        let buffer = vec![0; size.saturating_add(HEAD)];
        Self { source, file_len, buffer, size, start: 0, filled: 0, at: 0, chunk: FIRST, read: 0 }
    }

    /// Offset in the file of the next byte.
    pub(crate) fn offset(&self) -> u32 {
        self.start.saturating_add(len32(self.at))
    }

    /// Bytes from the next one to the end of the file.
    pub(crate) fn left(&self) -> u32 {
        self.file_len.saturating_sub(self.offset())
    }

    /// The next bytes, at least `wanted` of them unless the file or the buffer ends before; does not move.
    pub(crate) fn peek(&mut self, wanted: usize) -> &[u8] {
        if self.filled.saturating_sub(self.at) < wanted {
            self.fill(wanted);
        }
        self.buffer.get(self.at..self.filled).unwrap_or(&[])
    }

    /// Makes sure that the next bytes are in the buffer: as many as a head has, or all that the file has.
    pub(crate) fn look(&mut self) {
        if self.filled.saturating_sub(self.at) < HEAD && self.start.saturating_add(len32(self.filled)) < self.file_len {
            self.fill(HEAD);
        }
    }

    /// The next bytes, and where the file has fewer, others. To be compared with the end of the file by the caller, who has
    /// looked before.
    pub(crate) fn head(&self) -> Option<&[u8; HEAD]> {
        self.buffer.get(self.at..)?.first_chunk()
    }

    /// The byte that comes after `before` bytes and `len` more, if it is in the buffer.
    pub(crate) fn byte(&self, before: u32, len: u32) -> Option<u8> {
        let at = self.at.checked_add(ix(before))?.checked_add(ix(len))?;
        if at < self.filled { self.buffer.get(at).copied() } else { None }
    }

    /// All that is in the buffer.
    pub(crate) fn view(&self) -> &[u8] {
        self.buffer.get(self.at..self.filled).unwrap_or(&[])
    }

    /// The `len` bytes that come after so many others, if they are in the buffer.
    pub(crate) fn bytes(&self, after: u32, len: u32) -> Option<&[u8]> {
        let from = self.at.checked_add(ix(after))?;
        self.buffer.get(..self.filled)?.get(from..)?.get(..ix(len))
    }

    /// The `len` bytes at `offset`, which were passed, if they are still in the buffer.
    pub(crate) fn behind(&self, offset: u32, len: u32) -> Option<&[u8]> {
        self.buffer.get(..self.filled)?.get(ix(offset.checked_sub(self.start)?)..)?.get(..ix(len))
    }

    /// The next `N` bytes; `None`, without moving, if fewer are left.
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.peek(N).first_chunk::<N>()?;
        self.at = self.at.saturating_add(N);
        Some(bytes)
    }

    /// Moves on by `len` bytes, which the caller has compared with [`Window::left`].
    pub(crate) fn skip(&mut self, len: u32) {
        let rest = len32(self.filled.saturating_sub(self.at));
        if len <= rest {
            self.at = self.at.saturating_add(ix(len));
        } else {
            self.start = self.offset().saturating_add(len);
            (self.filled, self.at, self.chunk) = (0, 0, FIRST);
        }
    }

    #[cold]
    fn fill(&mut self, wanted: usize) {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.start = self.offset();
        self.filled = self.filled.saturating_sub(self.at);
        self.at = 0;
        // Only in the midst of structure: after a jump less is read.
        if self.chunk == self.size && self.size < LARGEST && self.read / READ_TO_GROW >= self.size {
            self.size = self.size.saturating_mul(2).min(LARGEST);
            self.chunk = self.size;
            self.buffer.resize(self.size.saturating_add(HEAD), 0);
        }
        let unread = ix(self.file_len.saturating_sub(self.start)).saturating_sub(self.filled);
        let room = self.size.saturating_sub(self.filled);
        let more = self.chunk.max(wanted).min(room).min(unread);
        let from = self.start.saturating_add(len32(self.filled));
        if let Some(part) = self.buffer.get_mut(self.filled..).and_then(|b| b.get_mut(..more)) {
            self.source.read(from, part);
            self.filled = self.filled.saturating_add(more);
            self.read = self.read.saturating_add(more);
        }
        self.chunk = self.chunk.saturating_mul(2).min(self.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte(i: u32) -> u8 {
        u8::try_from(i % 251).unwrap()
    }

    #[test]
    fn it_shows_every_byte_once_and_jumps() {
        let file: Vec<u8> = (0..100_000).map(byte).collect();
        let mut source: &[u8] = &file;
        let mut window = Window::new(&mut source, 100_000, 100);
        for i in 0..20_000 {
            assert_eq!(window.take::<1>(), Some([byte(i)]));
        }
        window.skip(60_000);
        assert_eq!((window.offset(), window.left()), (80_000, 20_000));
        assert_eq!(window.take::<2>(), Some([byte(80_000), byte(80_001)]));
        window.skip(19_997);
        assert_eq!(window.take::<2>(), None);
        assert_eq!(window.take::<1>(), Some([byte(99_999)]));
        assert!(window.peek(1).is_empty());
    }

    /// A file that notes what is read of it.
    struct Noted(Vec<(u32, usize)>);

    impl Source for Noted {
        fn read(&mut self, offset: u32, buffer: &mut [u8]) {
            self.0.push((offset, buffer.len()));
            buffer.iter_mut().zip(offset..).for_each(|(to, i)| *to = byte(i));
        }
    }

    #[test]
    fn it_grows_where_much_is_read_and_reads_each_byte_once() {
        for longest in [100, 20_000, 40_000] {
            let len = 2_000_000;
            let mut source = Noted(Vec::new());
            let mut window = Window::new(&mut source, len, longest);
            let first = window.size;
            for i in (0..len).step_by(5) {
                assert_eq!(window.take::<5>(), Some([i, i + 1, i + 2, i + 3, i + 4].map(byte)), "{i}");
            }
            let mut end = 0;
            for (offset, len) in &source.0 {
                assert_eq!(*offset, end);
                assert!(*len <= (ix(end) / 8).clamp(first, 64 << 10), "{len} bytes at {offset}");
                end += len32(*len);
            }
            assert_eq!(end, len);
            assert!(source.0.iter().any(|(_, len)| *len > 60 << 10), "it grows");
        }
    }

    #[test]
    fn it_stays_small_where_most_is_jumped_over() {
        let len = 200_000_000;
        let mut source = Noted(Vec::new());
        let mut window = Window::new(&mut source, len, 100);
        while window.left() > 40_000 {
            assert!(window.take::<100>().is_some());
            window.skip(39_000);
        }
        assert!(source.0.iter().all(|(_, len)| *len == 512));
    }
}
