//! What is cut off the linked module: exports that nobody calls, and sections that say how it was made.
//!
//! The linker exports `__heap_base` and `__data_end` whatever it is told. An export is a handle on the inside, so that only
//! the two that the host needs may be left. Everything else stays byte for byte as it was linked.

/// The module without custom sections, and with no exports but `exports`. `None` if it is not a module.
pub(crate) fn trim(module: &[u8], exports: &[&str]) -> Option<Vec<u8>> {
    let (header, mut rest) = module.split_at_checked(8)?;
    if header != b"\0asm\x01\0\0\0" {
        return None;
    }
    let mut trimmed = header.to_vec();
    while let Some((&id, tail)) = rest.split_first() {
        let (len, tail) = number(tail)?;
        let (body, tail) = tail.split_at_checked(usize::try_from(len).ok()?)?;
        rest = tail;
        match id {
            CUSTOM => {}
            EXPORT => push_section(&mut trimmed, id, &trim_exports(body, exports)?)?,
            _ => push_section(&mut trimmed, id, body)?,
        }
    }
    Some(trimmed)
}

/// The vector of exports that are in `keep`.
fn trim_exports(body: &[u8], keep: &[&str]) -> Option<Vec<u8>> {
    let (count, mut rest) = number(body)?;
    let mut kept = Vec::new();
    let mut kept_count = 0;
    for _ in 0..count {
        let entry = rest;
        let (len, tail) = number(rest)?;
        let (name, tail) = tail.split_at_checked(usize::try_from(len).ok()?)?;
        let (_kind, tail) = tail.split_first()?;
        let (_index, tail) = number(tail)?;
        rest = tail;
        if keep.iter().any(|keep| keep.as_bytes() == name) {
            kept.extend_from_slice(entry.get(..entry.len().checked_sub(tail.len())?)?);
            kept_count += 1;
        }
    }
    let mut body = Vec::new();
    push_number(&mut body, kept_count);
    body.append(&mut kept);
    rest.is_empty().then_some(body)
}

fn push_section(module: &mut Vec<u8>, id: u8, body: &[u8]) -> Option<()> {
    module.push(id);
    push_number(module, u32::try_from(body.len()).ok()?);
    module.extend_from_slice(body);
    Some(())
}

/// An unsigned LEB128 number, and what follows it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u32;
    let mut rest = bytes;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

fn push_number(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

const CUSTOM: u8 = 0;
const EXPORT: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_exports_stay() {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        // Exports: "a" as function 300, "b" as memory 0; then a custom section.
        module.extend_from_slice(&[7, 10, 2, 1, b'a', 0, 0xac, 2, 1, b'b', 2, 0, 0, 3, 1, b'x', 9]);
        let trimmed = trim(&module, &["a"]).unwrap();
        assert_eq!(trimmed[8..], [7, 6, 1, 1, b'a', 0, 0xac, 2]);
    }

    #[test]
    fn what_is_cut_short_is_no_module() {
        let module = b"\0asm\x01\0\0\0\x07\x05\x01\x01a\0\0";
        assert!(trim(module, &[]).is_some());
        for len in (0..module.len()).filter(|len| *len != 8) {
            assert_eq!(trim(&module[..len], &[]), None, "{len}");
        }
    }
}
