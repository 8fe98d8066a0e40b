//! From Julia's order of elements to that of everybody else.
//!
//! Julia lays an array out with its first axis fastest, safetensors with its last. [`write_row_major`] writes the elements
//! in the second order, through a buffer of [`BUFFER_BYTES`] at most, and touches each once.

use std::io::{self, Write};

/// Writes the elements of a column-major array of this size, each of `width` bytes, in row-major order.
pub(crate) fn write_row_major(bytes: &[u8], size: &[usize], width: usize, out: &mut dyn Write) -> io::Result<()> {
    // With one axis, or none, that is longer than 1, both orders are the same.
    let is_line = size.iter().filter(|dim| **dim != 1).count() < 2;
    if is_line || bytes.is_empty() {
        return out.write_all(bytes);
    }
    match width {
        1 => write_elements::<1>(bytes, size, out),
        2 => write_elements::<2>(bytes, size, out),
        4 => write_elements::<4>(bytes, size, out),
        8 => write_elements::<8>(bytes, size, out),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "no number has this width")),
    }
}

fn write_elements<const WIDTH: usize>(bytes: &[u8], size: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let (elements, _) = bytes.as_chunks::<WIDTH>();
    let mut axes = Vec::with_capacity(size.len());
    let mut stride = 1_usize;
    for &len in size {
        // An axis of length 1 changes nothing.
        if len != 1 {
            axes.push(Axis { len, stride });
        }
        stride = stride.saturating_mul(len);
    }
    let most = BUFFER_BYTES.checked_div(WIDTH).unwrap_or(0).max(1).min(elements.len());
    Writer { elements, buffer: vec![[0; WIDTH]; most], out }.write(0, &axes)
}

/// One axis of an array: how long it is, and how far apart its elements are in the column-major order.
#[derive(Clone, Copy, Debug)]
struct Axis {
    len: usize,
    stride: usize,
}

struct Writer<'a, const WIDTH: usize> {
    elements: &'a [[u8; WIDTH]],
    buffer: Vec<[u8; WIDTH]>,
    out: &'a mut dyn Write,
}

impl<const WIDTH: usize> Writer<'_, WIDTH> {
    /// Writes the part of the array that begins at element `start` and has these axes, the slowest of the output first.
    ///
    /// Recurses once an axis, of which an array has 32 at most.
    fn write(&mut self, start: usize, axes: &[Axis]) -> io::Result<()> {
        let Some((first, rest)) = axes.split_first() else {
            return self.out.write_all(self.elements.get(start).map_or(&[][..], |element| element));
        };
        let row = rest.iter().fold(1_usize, |product, axis| product.saturating_mul(axis.len));
        let rows = self.buffer.len().checked_div(row).unwrap_or(0);
        if rows == 0 {
            // Not one row fits: go through them one by one.
            return (0..first.len)
                .try_for_each(|i| self.write(start.saturating_add(i.saturating_mul(first.stride)), rest));
        }
        let mut at = 0;
        while at < first.len {
            let rows = rows.min(first.len.saturating_sub(at));
            self.gather(start.saturating_add(at.saturating_mul(first.stride)), Axis { len: rows, ..*first }, rest, row);
            let whole = self.buffer.get(..rows.saturating_mul(row)).unwrap_or_default();
            self.out.write_all(whole.as_flattened())?;
            at = at.saturating_add(rows);
        }
        Ok(())
    }

    /// Fills the buffer with `first.len` rows of `row` elements each.
    ///
    /// Elements that lie side by side in the model are far apart in the output, and the other way round. So a block of both
    /// directions is gathered at a time, through memory that the processor has at hand: of each cache line of the model all
    /// is taken, and whole lines of the output are written. Where lengths are powers of two, taking either by single elements
    /// would throw out of the cache what is needed next.
    fn gather(&mut self, start: usize, first: Axis, rest: &[Axis], row: usize) {
        // The output's fastest axis, in pieces; those between, the one that is fastest in the model first.
        let one = Axis { len: 1, stride: 0 };
        let (&last, middle) = rest.split_last().unwrap_or((&one, &[]));
        let mut block = [[[0; WIDTH]; ALONG]; ACROSS];
        let mut places = vec![0_usize; middle.len()];
        for piece in (0..last.len).step_by(ACROSS) {
            let across = last.len.saturating_sub(piece).min(ACROSS);
            let (mut from, mut to) = (start.saturating_add(piece.saturating_mul(last.stride)), piece);
            places.fill(0);
            loop {
                for along in (0..first.len).step_by(ALONG) {
                    let count = first.len.saturating_sub(along).min(ALONG);
                    let from = from.saturating_add(along.saturating_mul(first.stride));
                    for (place, line) in block.iter_mut().take(across).enumerate() {
                        let from = from.saturating_add(place.saturating_mul(last.stride));
                        let elements = self.elements.get(from..).unwrap_or_default();
                        match elements.first_chunk() {
                            Some(elements) if first.stride == 1 => *line = *elements,
                            _ => {
                                for (to, from) in line.iter_mut().zip(elements.iter().step_by(first.stride.max(1))) {
                                    *to = *from;
                                }
                            }
                        }
                    }
                    for place in 0..ALONG.min(count) {
                        let to = to.saturating_add(along.saturating_add(place).saturating_mul(row));
                        let to = self.buffer.get_mut(to..).and_then(|to| to.get_mut(..across));
                        for (to, line) in to.unwrap_or_default().iter_mut().zip(&block) {
                            if let Some(element) = line.get(place) {
                                *to = *element;
                            }
                        }
                    }
                }
                // On to the next place between. Elements along an axis are `step` apart in the output.
                let mut step = row;
                let mut is_over = true;
                for (place, axis) in places.iter_mut().zip(middle) {
                    step = step.checked_div(axis.len).unwrap_or(0);
                    *place = place.saturating_add(1);
                    from = from.saturating_add(axis.stride);
                    to = to.saturating_add(step);
                    if *place < axis.len {
                        is_over = false;
                        break;
                    }
                    *place = 0;
                    from = from.saturating_sub(axis.stride.saturating_mul(axis.len));
                    to = to.saturating_sub(step.saturating_mul(axis.len));
                }
                if is_over {
                    break;
                }
            }
        }
    }
}

/// Little memory, and rows of 100,000 numbers are still gathered several at a time.
const BUFFER_BYTES: usize = 4 << 20;
/// A block in the direction of the model: a cache line of `Float32`.
const ALONG: usize = 16;
/// And in that of the output: few enough for as many cache lines of the model to stay at hand.
const ACROSS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements one by one, by their indices.
    fn slow(bytes: &[u8], size: &[usize], width: usize) -> Vec<u8> {
        let count: usize = size.iter().product();
        let mut out = Vec::new();
        for at in 0..count {
            let (mut left, mut from) = (at, 0);
            let mut stride = count;
            for dim in size.iter().rev() {
                stride /= dim;
                from += left % dim * stride;
                left /= dim;
            }
            out.extend_from_slice(&bytes[from * width..(from + 1) * width]);
        }
        out
    }

    fn numbered(size: &[usize], width: usize) -> Vec<u8> {
        let count: usize = size.iter().product();
        (0..count * width).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect()
    }

    fn fast(bytes: &[u8], size: &[usize], width: usize, buffer: usize) -> Vec<u8> {
        fn with<const WIDTH: usize>(bytes: &[u8], size: &[usize], buffer: usize) -> Vec<u8> {
            let mut out = Vec::new();
            let mut stride = 1;
            let axes: Vec<Axis> = size
                .iter()
                .map(|&len| {
                    stride *= len;
                    Axis { len, stride: stride / len }
                })
                .collect();
            let elements = bytes.as_chunks::<WIDTH>().0;
            Writer { elements, buffer: vec![[0; WIDTH]; buffer], out: &mut out }.write(0, &axes).unwrap();
            out
        }
        match width {
            1 => with::<1>(bytes, size, buffer),
            4 => with::<4>(bytes, size, buffer),
            _ => with::<8>(bytes, size, buffer),
        }
    }

    #[test]
    fn a_matrix_of_julia_is_written_row_by_row() {
        // [1 3 5; 2 4 6] in Julia.
        let mut out = Vec::new();
        write_row_major(&[1, 2, 3, 4, 5, 6], &[2, 3], 1, &mut out).unwrap();
        assert_eq!(out, [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn every_shape_and_every_buffer_give_the_elements_by_their_indices() {
        for size in [
            &[2, 3][..],
            &[3, 2, 4],
            &[1, 5, 1, 3],
            &[5, 5, 1, 6],
            &[2, 3, 4, 5],
            &[7],
            &[1, 1],
            &[2, 1, 2, 1, 2],
            &[70, 130],
            &[17, 3, 65],
            &[3, 3, 16, 64],
            &[33, 1, 2, 129],
        ] {
            for width in [1, 4, 8] {
                let bytes = numbered(size, width);
                let expected = slow(&bytes, size, width);
                let mut out = Vec::new();
                write_row_major(&bytes, size, width, &mut out).unwrap();
                assert_eq!(out, expected, "{size:?} × {width}");
                for buffer in [1, 2, 3, 7, 16, 1000] {
                    assert_eq!(fast(&bytes, size, width, buffer), expected, "{size:?} × {width} through {buffer}");
                }
            }
        }
    }

    #[test]
    fn arrays_without_elements_write_nothing() {
        let mut out = Vec::new();
        write_row_major(&[], &[0, 3], 4, &mut out).unwrap();
        write_row_major(&[], &[3, 0, 2], 4, &mut out).unwrap();
        assert!(out.is_empty());
        write_row_major(&[1, 2], &[], 2, &mut out).unwrap();
        assert_eq!(out, [1, 2]);
    }
}
