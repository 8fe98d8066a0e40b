//! Names and numbers for people, made so that no name can pretend to be more than a name.

use std::ffi::OsStr;
use std::fmt::Write as _;

use flux_airlock::text::{Escaped, cut_middle, is_shown};

/// The name of a file as it stands in a line of ours.
///
/// As it is, if that can be read in one way only; otherwise quoted and escaped. A name with a space in it is quoted, so that it
/// cannot go on like the line it stands in. A very long one is cut in the middle.
pub(crate) fn name(name: &OsStr) -> String {
    let is_plain = |c: char| c != ' ' && (is_shown(c) || c == '$');
    let whole = match name.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        _ => format!("\"{}\"", Escaped(name.as_encoded_bytes())),
    };
    cut_middle(&whole, MOST_NAME).into_owned()
}

/// A text with everything escaped that could deceive a terminal, and otherwise as it is.
pub(crate) fn shown(text: &OsStr) -> String {
    let Some(text) = text.to_str() else { return Escaped(text.as_encoded_bytes()).to_string() };
    let mut shown = String::new();
    for c in text.chars() {
        if is_shown(c) || matches!(c, '"' | '\\' | '$') {
            shown.push(c);
        } else {
            // Writing into a `String` cannot fail.
            let _ = write!(shown, "{}", Escaped(c.encode_utf8(&mut [0; 4]).as_bytes()));
        }
    }
    shown
}

/// A text of ours or of the system, safe to show whatever it quotes.
pub(crate) fn line(text: &str) -> String {
    cut_middle(&shown(text.as_ref()), MOST_LINE).into_owned()
}

/// A path of a report, which is safe already, in a table.
pub(crate) fn path(path: &str) -> String {
    cut_middle(path, MOST_PATH).into_owned()
}

/// A number with its digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number of bytes, exact if it has few digits as a multiple of a larger unit, otherwise with one decimal.
pub(crate) fn size(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, unit)| bytes >= *unit);
    let Some((name, unit)) = unit else { return format!("{bytes} B") };
    let whole = bytes.checked_div(*unit).unwrap_or(0);
    let rest = bytes.checked_rem(*unit).unwrap_or(0);
    if rest == 0 {
        return format!("{whole}{name}");
    }
    let tenths = rest.saturating_mul(10).checked_div(*unit).unwrap_or(0);
    format!("{whole}.{tenths}{name}")
}

/// Reads a number of bytes: `4096`, `64KiB`, `64k`, `1.5GiB` is not one.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("a size is a whole number and B, KiB, MiB, GiB, kB, MB or GB".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "a size begins with a whole number".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "a size is below 2^64".to_owned())
}

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const MOST_NAME: usize = 256;
const MOST_LINE: usize = 2_000;
const MOST_PATH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_names_stay_as_they_are() {
        for text in ["model.bson", "a/b-c_d.bson", "Größe.bson", "学習.bson", "cost$.bson", "-"] {
            assert_eq!(name(text.as_ref()), text);
        }
    }

    #[test]
    fn names_that_deceive_are_quoted_and_escaped() {
        for (text, shown) in [
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("x\nOK y", "\"x\\nOK y\""),
            ("\u{1b}[2J", "\"\\x1b[2J\""),
            ("a\u{202e}b", "\"a\\u202eb\""),
            ("\"a\"", "\"\\\"a\\\"\""),
            ("a\\b", "\"a\\\\b\""),
        ] {
            assert_eq!(name(text.as_ref()), shown);
        }
        assert!(name("a".repeat(5000).as_ref()).chars().count() <= MOST_NAME);
    }

    #[cfg(unix)]
    #[test]
    fn names_outside_utf8_are_told_apart() {
        use std::os::unix::ffi::OsStrExt as _;
        assert_eq!(name(OsStr::from_bytes(b"a\xff")), "\"a\\xff\"");
        assert_eq!(name(OsStr::from_bytes(b"a\xfe")), "\"a\\xfe\"");
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("64MiB", 64 << 20), ("64 mib", 64 << 20), ("1g", 1 << 30), ("2kB", 2000)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "1TiB", "99999999999999999999", "99999999999GiB", "1 2"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([512, 1024, 1536, 256 << 20, 5 << 30].map(size), ["512 B", "1KiB", "1.5KiB", "256MiB", "5GiB"]);
        assert_eq!((count(1, "array", "arrays"), count(0, "array", "arrays")), ("1 array".into(), "0 arrays".into()));
    }
}
