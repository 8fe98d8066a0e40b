//! What a file is, by its content and never by its name.
//!
//! BSON is tried first, by the guest: a document's length can spell `{`, `[` or `MZ`. Only what is no BSON document at all
//! is looked at here, and no more than its beginning.

use core::fmt;

use flux_airlock_wire as wire;

/// What the content of a file is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// A BSON document that BSON.jl cannot have written.
    Bson,
    /// What BSON.jl writes.
    BsonJl,
    /// Nothing.
    Empty,
    /// HDF5, as JLD2 and JLD write it.
    Jld2,
    /// JSON, or at least something that begins like it.
    Json,
    /// What Julia's `serialize` writes.
    JuliaSerialization,
    /// Text.
    Text,
    /// None of these, or not looked at.
    Unknown,
}

impl Format {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bson => "bson",
            Self::BsonJl => "bson.jl",
            Self::Empty => "empty",
            Self::Jld2 => "jld2",
            Self::Json => "json",
            Self::JuliaSerialization => "julia-serialization",
            Self::Text => "text",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The format of a refused file, about which the guest says `found`.
///
/// The guest takes anything that begins like an element for BSON. Where the length is not the file's either, a signature
/// of another format says more.
pub(crate) fn format(found: wire::Format, file: &[u8]) -> Format {
    let signed = if is_as_long_as_it_says(file) { None } else { signature(file) };
    match found {
        wire::Format::Bson => signed.unwrap_or(Format::Bson),
        wire::Format::BsonJl => signed.unwrap_or(Format::BsonJl),
        wire::Format::Unknown => sniff(file),
    }
}

fn is_as_long_as_it_says(file: &[u8]) -> bool {
    let length = file.first_chunk().copied().map(u32::from_le_bytes);
    length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length == file.len()))
}

fn sniff(file: &[u8]) -> Format {
    if file.is_empty() {
        return Format::Empty;
    }
    if let Some(format) = signature(file) {
        return format;
    }
    match text(file.get(..BEGINNING).unwrap_or(file)) {
        None => Format::Unknown,
        Some(text) if text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']) => Format::Json,
        Some(_) => Format::Text,
    }
}

/// A format that says what it is.
fn signature(file: &[u8]) -> Option<Format> {
    let is_hdf5 = HDF5_OFFSETS.iter().any(|&at| file.get(at..).is_some_and(|rest| rest.starts_with(HDF5)));
    if is_hdf5 || file.starts_with(JLD2) {
        return Some(Format::Jld2);
    }
    file.starts_with(SERIALIZATION).then_some(Format::JuliaSerialization)
}

/// These bytes as text, if they are nothing else. The last character may be cut off.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\u{c}' | '\r' | '\u{1b}');
    (!text.is_empty() && text.chars().all(is_text)).then_some(text)
}

const JLD2: &[u8] = b"HDF5-based Julia Data Format";
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
/// HDF5 looks for its signature at 0 and at doubled distances from 512 on; JLD2 uses 512.
const HDF5_OFFSETS: [usize; 2] = [0, 512];
const SERIALIZATION: &[u8] = b"7JL";
/// Text is judged by so many bytes of it.
const BEGINNING: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_beginning() {
        for (file, format) in [
            (&b""[..], Format::Empty),
            (b"HDF5-based Julia Data Format, version 0.1.1", Format::Jld2),
            (b"\x89HDF\r\n\x1a\n\0\0", Format::Jld2),
            (b"7JL\x0f\x04\0\0\0", Format::JuliaSerialization),
            (b"{\"a\": 1}", Format::Json),
            (b"\xef\xbb\xbf \n[1]", Format::Json),
            (b"hello\n", Format::Text),
            ("gr\u{fc}\u{df}e".as_bytes(), Format::Text),
            (b"\x93NUMPY\x01\0", Format::Unknown),
            (b"a\0b", Format::Unknown),
        ] {
            assert_eq!(sniff(file), format, "{file:?}");
        }
    }

    #[test]
    fn a_signature_says_more_than_what_only_looks_like_an_element() {
        let serialized = b"7JL\x0d\x04\0\0\x004\x10\x01\x04Pair\x1fN\x9eD";
        assert_eq!(format(wire::Format::BsonJl, serialized), Format::JuliaSerialization);
        // A document of 0x4c4a37 bytes begins with the same letters.
        let mut document = b"7JL\0\x10a\0".to_vec();
        document.resize(0x4c_4a37, 0);
        assert_eq!(format(wire::Format::BsonJl, &document), Format::BsonJl);
        assert_eq!(format(wire::Format::Bson, b"\x10\0\0\0\x13"), Format::Bson);
    }

    #[test]
    fn a_character_that_the_window_cuts_is_no_flaw() {
        let mut file = vec![b'a'; BEGINNING - 1];
        file.extend_from_slice("\u{e9}".as_bytes());
        assert_eq!(sniff(&file), Format::Text);
    }
}
