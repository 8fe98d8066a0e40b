//! The keys of an array's elements: "0", "1", "2", and so on, each of which has to be the one that is due.
//!
//! Long lists of numbers are what files have most elements in, and nothing of such an element is looked at but where it
//! begins. That is compared a hundred elements at once, without looking at what the digits mean.

use crate::ix;

/// A place in an array as its key has it: in decimal digits, in one word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    /// The digits, the first one lowest.
    digits: u64,
    /// How many bits they have.
    bits: u32,
}

/// What an element begins with, the first byte lowest: type, key and zero, ten bytes at most.
type Head = (u64, u16);

/// How the heads of elements of one type and with keys of one length follow from each other.
#[derive(Clone, Copy)]
struct Heads {
    /// Which bits of them are given.
    masks: Head,
    /// What is to be added for the next place, if that has another last digit alone.
    one: Head,
    /// The same for the place ten on, if that has another last digit but one alone.
    ten: u64,
}

/// A key of so many digits lies in one word with its type and its zero.
const SHORT_KEY: u32 = 6;

impl Place {
    /// That of the first element.
    pub(crate) const FIRST: Self = Self { digits: 0x30, bits: 8 };

    /// That of the element after so many, of eight digits at most.
    pub(crate) fn new(number: u32) -> Self {
        let mut this = Self { digits: 0, bits: 0 };
        let mut rest = number;
        loop {
            this.digits = this.digits << 8 | u64::from(rest % 10).wrapping_add(0x30);
            this.bits = this.bits.saturating_add(8);
            rest /= 10;
            if rest == 0 {
                return this;
            }
        }
    }

    /// How many digits it has.
    pub(crate) const fn len(self) -> u32 {
        self.bits >> 3
    }

    /// The length of the key in bytes, if these bytes begin with it and its final zero. `None` for places of more than seven
    /// digits, whose keys are read one by one.
    #[inline]
    pub(crate) fn matches(self, bytes: &[u8; 16]) -> Option<u32> {
        let bytes = u64::from_le_bytes(*bytes.first_chunk()?);
        // The digits and the zero are the lowest bytes of the word: pushed to its upper end, they are all that is left.
        let above = 56_u32.checked_sub(self.bits)?;
        (bytes.wrapping_shl(above) == self.digits.wrapping_shl(above)).then_some(self.len())
    }

    /// Goes on to the next place.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.add(8, 1);
    }

    /// How many elements, each of `step` bytes and at most `most`, begin with this type and the keys that are due; goes on
    /// by so many. The first key is that of the place `first`, which is this one, and at least 10; all have its length.
    pub(crate) fn pass(&mut self, kind: u8, first: u32, step: u32, most: u32, bytes: &[u8]) -> u32 {
        debug_assert_eq!(*self, Self::new(first), "this place is the first one");
        // None are shorter than two digits and four bytes of value, or longer than eight digits and eight.
        let pass = match (step, self.len() > SHORT_KEY) {
            (8, _) => Self::pass_of::<8, false>,
            (9, _) => Self::pass_of::<9, false>,
            (10, _) => Self::pass_of::<10, false>,
            (11, _) => Self::pass_of::<11, false>,
            (12, _) => Self::pass_of::<12, false>,
            (13, false) => Self::pass_of::<13, false>,
            (14, false) => Self::pass_of::<14, false>,
            (15, _) => Self::pass_of::<15, false>,
            (16, _) => Self::pass_of::<16, false>,
            (13, true) => Self::pass_of::<13, true>,
            (14, true) => Self::pass_of::<14, true>,
            (17, _) => Self::pass_of::<17, true>,
            (18, _) => Self::pass_of::<18, true>,
            _ => return 0,
        };
        pass(self, kind, first, most, bytes)
    }

    /// [`Place::pass`] for elements of `STEP` bytes, whose keys are `LONG` if they are longer than [`SHORT_KEY`].
    fn pass_of<const STEP: usize, const LONG: bool>(&mut self, kind: u8, first: u32, most: u32, bytes: &[u8]) -> u32 {
        // In registers as long as it goes on.
        let mut this = *self;
        let elements = bytes.as_chunks::<STEP>().0;
        let mut rest = elements.get(..ix(most)).unwrap_or(elements);
        let heads = this.heads();
        let mut place = first;
        loop {
            if !LONG && place.is_multiple_of(100) {
                let mut count = 0_u32;
                for hundred in rest.as_chunks::<100>().0 {
                    // A call, for the sake of the guest. Its accesses are checked by code, which loads the length of the memory;
                    // Cranelift joins such loads in a loop only where a call lies before all of them. With it the
                    // length is loaded once for a hundred elements, and without it once for each (seen in the code that
                    // wasmtime 48 makes).
                    let due = Self::short_head(this.digits, kind);
                    if !heads.are_due_in_hundred::<STEP>(hundred, due) {
                        break;
                    }
                    this.add(24, 1);
                    count = count.wrapping_add(100);
                }
                place = place.wrapping_add(count);
                rest = rest.get(ix(count)..).unwrap_or(&[]);
            }
            if place.is_multiple_of(10) {
                // Up to the next hundred.
                let tens = rest.as_chunks::<10>().0;
                let tens = tens.get(..ix(10_u32.wrapping_sub(place / 10 % 10))).unwrap_or(tens);
                let mut due = this.head(kind);
                let mut count = 0_u32;
                for elements in tens {
                    if !heads.are_due_in_ten::<STEP, LONG>(elements, due) {
                        break;
                    }
                    due.0 = due.0.wrapping_add(heads.ten);
                    count = count.wrapping_add(10);
                }
                if count > 0 {
                    this.add(16, u64::from(count / 10));
                    place = place.wrapping_add(count);
                    rest = rest.get(ix(count)..).unwrap_or(&[]);
                    continue;
                }
            }
            match rest.split_first() {
                Some((element, others)) if heads.differ::<STEP, LONG>(element, this.head(kind)) == 0 => {
                    this.step();
                    place = place.wrapping_add(1);
                    rest = others;
                }
                _ => {
                    *self = this;
                    return place.wrapping_sub(first);
                }
            }
        }
    }

    /// What an element of this type begins with.
    fn head(self, kind: u8) -> Head {
        (self.digits << 8 | u64::from(kind), u16::try_from(self.digits >> 56).unwrap_or(0))
    }

    /// The same of a key that is not long.
    // See where it is called.
    #[inline(never)]
    fn short_head(digits: u64, kind: u8) -> u64 {
        digits << 8 | u64::from(kind)
    }

    fn heads(self) -> Heads {
        let bits = self.bits.wrapping_add(16);
        let low = u64::MAX.checked_shr(64_u32.saturating_sub(bits)).unwrap_or(0);
        Heads {
            masks: (low, u16::MAX.checked_shr(80_u32.saturating_sub(bits)).unwrap_or(0)),
            one: 1_u64.checked_shl(self.bits).map_or((0, 1), |one| (one, 0)),
            ten: 1_u64.wrapping_shl(self.bits.wrapping_sub(8)),
        }
    }

    /// Adds to the digit that begins so many bits before the end, with which the sum is ten at most, and carries.
    #[inline]
    fn add(&mut self, before_end: u32, number: u64) {
        debug_assert!(before_end <= self.bits, "there is such a digit");
        let mut at = self.bits.wrapping_sub(before_end);
        self.digits = self.digits.wrapping_add(number.wrapping_shl(at));
        while self.digits.wrapping_shr(at) & 0xff > 0x39 {
            // A zero, and one more before it.
            self.digits = self.digits.wrapping_sub(10_u64.wrapping_shl(at));
            let Some(before) = at.checked_sub(8) else {
                self.digits = self.digits << 8 | 0x31;
                self.bits = self.bits.saturating_add(8);
                break;
            };
            at = before;
            self.digits = self.digits.wrapping_add(1_u64.wrapping_shl(at));
        }
    }
}

impl Heads {
    /// Are the heads of these, the first of which is a hundredth, those that are due?
    #[inline]
    fn are_due_in_hundred<const STEP: usize>(&self, elements: &[[u8; STEP]; 100], first: u64) -> bool {
        let [ten0, ten1, ten2, ten3, ten4, ten5, ten6, ten7, ten8, ten9] = elements.as_chunks::<10>().0 else {
            return false;
        };
        let mut due = first;
        let mut are_due = |elements| {
            let are_due = self.are_due_in_ten::<STEP, false>(elements, (due, 0));
            due = due.wrapping_add(self.ten);
            are_due
        };
        // Written out, so that there is no loop.
        are_due(ten0)
            && are_due(ten1)
            && are_due(ten2)
            && are_due(ten3)
            && are_due(ten4)
            && are_due(ten5)
            && are_due(ten6)
            && are_due(ten7)
            && are_due(ten8)
            && are_due(ten9)
    }

    /// Are the heads of these, the first of which is a tenth, those that are due?
    #[inline]
    fn are_due_in_ten<const STEP: usize, const LONG: bool>(&self, elements: &[[u8; STEP]; 10], first: Head) -> bool {
        let [one0, one1, one2, one3, one4, one5, one6, one7, one8, one9] = elements;
        let mut due = first;
        let mut differ = |element| {
            let differ = self.differ::<STEP, LONG>(element, due);
            due = (due.0.wrapping_add(self.one.0), due.1.wrapping_add(self.one.1));
            differ
        };
        // Five by five: Cranelift compares as late as it can, and ten words at once have no room in registers.
        differ(one0) | differ(one1) | differ(one2) | differ(one3) | differ(one4) == 0
            && differ(one5) | differ(one6) | differ(one7) | differ(one8) | differ(one9) == 0
    }

    /// In which bits the head of an element differs from the one that is due.
    #[inline]
    fn differ<const STEP: usize, const LONG: bool>(&self, element: &[u8; STEP], due: Head) -> u64 {
        let word = element.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let low = (word ^ due.0) & self.masks.0;
        if !LONG {
            return low;
        }
        let rest = element.get(8..).and_then(<[u8]>::first_chunk).map_or(0, |rest| u16::from_le_bytes(*rest));
        low | u64::from((rest ^ due.1) & self.masks.1)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use alloc::{format, vec, vec::Vec};

    use super::*;
    use crate::len32;

    #[test]
    fn each_place_follows_the_one_before() {
        let mut place = Place::FIRST;
        for number in 0..1_200_000 {
            assert_eq!(place, Place::new(number));
            if number % 1009 == 0 {
                let digits = format!("{number}");
                let word = place.digits.to_le_bytes();
                assert_eq!((&word[..digits.len()], place.len()), (digits.as_bytes(), len32(digits.len())));
            }
            place.step();
        }
    }

    /// The elements of a list from this place on, all of this type and with a value of so many bytes.
    pub(crate) fn elements(kind: u8, width: usize, first: u32, count: u32) -> Vec<u8> {
        let element = |place: u32| [&[kind][..], format!("{place}\0").as_bytes(), &vec![0xa5; width]].concat();
        (first..first.saturating_add(count)).flat_map(element).collect()
    }

    #[test]
    fn elements_are_passed_up_to_the_first_whose_key_is_not_due() {
        fn pass_from(kind: u8, width: u32, first: u32) {
            let place = Place::new(first);
            let count = 230.min(10_u32.pow(place.len()) - first);
            let step = place.len() + 2 + width;
            let pass = |bytes: &[u8], most: u32| {
                let mut at = place;
                let count = at.pass(kind, first, step, most, bytes);
                assert_eq!(at, Place::new(first + count), "{first}, {count} elements");
                count
            };
            let mut bytes = elements(kind, ix(width), first, count);
            assert_eq!((pass(&bytes, count), pass(&bytes, 33), pass(&[], count)), (count, 33, 0), "{first}");
            assert_eq!(pass(&bytes[..bytes.len() - 1], count), count - 1, "{first}");
            for at in 0..bytes.len() {
                let (element, byte) = (len32(at) / step, len32(at) % step);
                let bit = 1 << (at % 8);
                bytes[at] ^= bit;
                let expected = if byte < place.len() + 2 { element } else { count };
                assert_eq!(pass(&bytes, count), expected, "{first}, byte {byte} of element {element}");
                bytes[at] ^= bit;
            }
        }
        for (kind, width) in [(0x01, 8), (0x10, 4), (0x12, 8)] {
            for first in [10, 13, 50, 100, 137, 950, 1000, 7_770, 10_007, 99_790, 100_000, 123_456, 999_801] {
                pass_from(kind, width, first);
            }
            for first in [1_000_000, 9_999_771, 10_000_000, 10_899_897, (1 << 24) - 240] {
                pass_from(kind, width, first);
            }
        }
    }

    #[test]
    fn two_keys_that_are_wrong_do_not_make_up_for_each_other() {
        for first in [100, 10_000, 1_000_000, 10_000_000] {
            let (kind, width, count) = (0x12, 8, 400);
            let (bytes, digits) = (elements(kind, width, first, count), ix(Place::new(first).len()));
            let step = bytes.len() / ix(count);
            for (one, other) in [(0, 1), (3, 4), (4, 5), (9, 10), (17, 18), (98, 99), (99, 100), (0, 99), (150, 250)] {
                let mut bytes = bytes.clone();
                for digit in 1..=digits {
                    bytes.swap(one * step + digit, other * step + digit);
                }
                let passed = Place::new(first).pass(kind, first, len32(step), count, &bytes);
                assert_eq!(passed, len32(one), "{first}: {one} and {other}");
            }
        }
    }
}
