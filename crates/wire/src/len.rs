//! The one product that decides how many bytes an array occupies.

/// The most dimensions that an array can have here. Julia's own arrays rarely have more than five.
pub const MAX_NDIMS: usize = 32;

/// The number of bytes that an array of this `size` occupies, if each of its elements has `width` bytes.
///
/// `None` where any partial product leaves `u64`, zeros included: a size of `[0, 2^62]` is as untrustworthy as one of
/// `[2^62]`. The product of no sizes is one element, as for Julia's 0-dimensional arrays.
///
/// ```
/// use flux_airlock_wire::checked_len;
/// assert_eq!(checked_len(&[2, 3], 4), Some(24));
/// assert_eq!(checked_len(&[], 8), Some(8));
/// assert_eq!(checked_len(&[u32::MAX, u32::MAX, 2], 1), None);
/// ```
#[must_use]
pub fn checked_len(size: &[u32], width: u32) -> Option<u64> {
    checked_product(size.iter().copied(), width)
}

/// [`checked_len`] over any iterator of sizes.
pub(crate) fn checked_product(size: impl Iterator<Item = u32>, width: u32) -> Option<u64> {
    let mut nonzero = 1_u64;
    let mut empty = false;
    for n in size {
        empty |= n == 0;
        nonzero = nonzero.checked_mul(u64::from(n.max(1)))?;
    }
    let bytes = nonzero.checked_mul(u64::from(width.max(1)))?;
    Some(if empty || width == 0 { 0 } else { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_does_not_hide_an_overflow() {
        assert_eq!(checked_len(&[0, u32::MAX, u32::MAX, u32::MAX], 1), None);
        assert_eq!(checked_len(&[0, u32::MAX], 16), Some(0));
    }

    #[test]
    fn a_zero_width_does_not_hide_an_overflow() {
        assert_eq!(checked_len(&[u32::MAX, u32::MAX, 2], 0), None);
        assert_eq!(checked_len(&[u32::MAX, 2], 0), Some(0));
    }
}
