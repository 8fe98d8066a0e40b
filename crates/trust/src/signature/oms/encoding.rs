//! What is signed: the pre-authentication encoding of DSSE, and the one that version 0.2 of the reference made of it.

/// `DSSEv1`, the type and the payload, each with its length in bytes.
pub(super) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut signed = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    signed.extend_from_slice(payload);
    signed
}

/// The same as version 0.2.0 of `model_signing` wrote it, by mistake: with another capital, and the payload as Python shows
/// bytes. Signatures of that time are over nothing else.
pub(super) fn pae_of_2024(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut signed = format!("DSSEV1 {} {payload_type} {} b", payload_type.len(), payload.len()).into_bytes();
    let quote = if payload.contains(&b'\'') && !payload.contains(&b'"') { b'"' } else { b'\'' };
    signed.push(quote);
    for &byte in payload {
        match byte {
            b'\\' => signed.extend_from_slice(b"\\\\"),
            b'\t' => signed.extend_from_slice(b"\\t"),
            b'\n' => signed.extend_from_slice(b"\\n"),
            b'\r' => signed.extend_from_slice(b"\\r"),
            _ if byte == quote => signed.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => signed.push(byte),
            _ => signed.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    signed.push(quote);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of DSSE's protocol description.
        let signed = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn bytes_are_shown_as_python_shows_them() {
        for (payload, shown) in [
            (&b"a\\b\t\n\r"[..], &br"b'a\\b\t\n\r'"[..]),
            (b"it's", b"b\"it's\""),
            (b"it's \"it\"", br#"b'it\'s "it"'"#),
            (b"\x00\x1f\x7f\xc3\xa9", br"b'\x00\x1f\x7f\xc3\xa9'"),
        ] {
            let mut expected = format!("DSSEV1 1 t {} ", payload.len()).into_bytes();
            expected.extend_from_slice(shown);
            assert_eq!(pae_of_2024("t", payload), expected);
        }
    }
}
