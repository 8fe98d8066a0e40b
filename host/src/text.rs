//! Text of a file, made safe to show.
//!
//! Whoever wrote the file chose its text. What this module gives back holds no control character, line break,
//! bidirectional control, invisible or combining character and no byte outside UTF-8: all of them appear as Julia's
//! escapes, so that different texts always look different and none can forge a line of ours. The work is proportional
//! to what is shown, not to what is there.
//!
//! Quotation marks around the text are the caller's.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::iter;

use unicode_normalization::{IsNormalized, is_nfc_quick};

/// Text of a file, shown as the inside of a Julia string literal.
///
/// ```
/// use flux_airlock::text::Escaped;
/// assert_eq!(Escaped(b"learning rate").to_string(), "learning rate");
/// assert_eq!(Escaped("a\n\u{202e}b\"".as_bytes()).to_string(), r#"a\n\u202eb\""#);
/// assert_eq!(Escaped(b"\xff").to_string(), r"\xff");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(
    /// The bytes, UTF-8 or not.
    pub &'a [u8],
);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        units(self.0).try_for_each(|unit| unit.fmt(f))
    }
}

/// Shows these bytes in at most `most` characters, with `…` in the middle of what is longer.
///
/// No escape is cut in two, and only the ends of a long text are looked at.
///
/// ```
/// use flux_airlock::text::shorten;
/// assert_eq!(shorten(b"short", 9), "short");
/// assert_eq!(shorten(b"abcdefghijklmnop", 9), "abcd…mnop");
/// ```
#[must_use]
pub fn shorten(bytes: &[u8], most: usize) -> String {
    let mut shown = String::new();
    let mut left = most;
    let mut whole = true;
    for unit in units(bytes) {
        let Some(rest) = left.checked_sub(unit.width()) else {
            whole = false;
            break;
        };
        left = rest;
        // Writing into a `String` cannot fail.
        let _ = write!(shown, "{unit}");
    }
    if whole {
        return shown;
    }
    let half = most.saturating_sub(1) / 2;
    shown.clear();
    for unit in units(bytes).scan(half, fit) {
        let _ = write!(shown, "{unit}");
    }
    shown.push('…');
    // No unit is made of more than four bytes, nor narrower than one character.
    let from = bytes.len().saturating_sub(half.saturating_mul(4));
    let end: Vec<Unit> = units(whole_characters(bytes.get(from..).unwrap_or_default())).collect();
    let mut room = half;
    let keep = end.iter().rev().take_while(|unit| fit(&mut room, **unit).is_some()).count();
    for unit in end.iter().skip(end.len().saturating_sub(keep)) {
        let _ = write!(shown, "{unit}");
    }
    shown
}

/// The first at most `most` characters of a text that is already safe, and its last ones, with `…` between them.
///
/// ```
/// use flux_airlock::text::cut_middle;
/// assert_eq!(cut_middle("Chain(Dense(1 => 2), softmax)", 13), "Chain(…ftmax)");
/// ```
#[must_use]
pub fn cut_middle(text: &str, most: usize) -> Cow<'_, str> {
    if text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let half = most.saturating_sub(1) / 2;
    let head = text.char_indices().nth(half).map_or(text, |(at, _)| text.get(..at).unwrap_or(text));
    let tail = match half.checked_sub(1) {
        Some(last) => text.char_indices().rev().nth(last).and_then(|(at, _)| text.get(at..)).unwrap_or_default(),
        None => "",
    };
    Cow::Owned(format!("{head}…{tail}"))
}

/// Is this character shown as itself? Quotation marks, backslashes and dollar signs are not: Julia reads them otherwise.
#[must_use]
pub fn is_shown(c: char) -> bool {
    match c {
        '"' | '\\' | '$' => false,
        ' '..='~' => true,
        _ => is_harmless(c),
    }
}

/// Can this character stand in a line without moving, hiding or joining others, and without looking like a
/// canonically equivalent one?
pub(crate) fn is_harmless(c: char) -> bool {
    // The standard library escapes what is unassigned, private, a control, a format character, a separator, or a mark
    // that extends the character before it.
    let printable = c.escape_debug().len() == 1 || matches!(c, '"' | '\\' | '\'');
    printable && !LOOKS_EMPTY.contains(&c) && matches!(is_nfc_quick(iter::once(c)), IsNormalized::Yes)
}

/// How many bytes of UTF-8 [`Escaped`] takes to show these bytes.
pub(crate) fn escaped_len(bytes: &[u8]) -> usize {
    units(bytes).fold(0, |sum, unit| sum.saturating_add(unit.len()))
}

/// How many bytes these take at most in a report, as they are or as [`Escaped`] shows them.
pub(crate) fn report_len(bytes: &[u8]) -> usize {
    units(bytes).fold(0, |sum, unit| sum.saturating_add(unit.report_len()))
}

/// Letters and symbols by category that leave nothing to see.
const LOOKS_EMPTY: [char; 6] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}', '\u{fffc}'];

/// What is shown as a whole or not at all.
#[derive(Clone, Copy)]
enum Unit {
    /// A byte that is no part of a character.
    Byte(u8),
    /// A character, and whether a hexadecimal digit follows it as itself.
    Char(char, bool),
}

impl Unit {
    /// In bytes of UTF-8.
    fn len(self) -> usize {
        match self {
            Self::Char(c, _) if is_shown(c) => c.len_utf8(),
            _ => self.width(),
        }
    }

    /// In bytes of JSON, which escapes what is not harmless, and escapes the backslashes of our own escapes.
    fn report_len(self) -> usize {
        let ours = self.len().saturating_add(1);
        match self {
            Self::Char(c, _) if is_shown(c) => c.len_utf8(),
            // Two backslashes, or a backslash and a quotation mark.
            Self::Char('"' | '\\', _) => 4,
            Self::Char(c, _) => ours.max(c.len_utf16().saturating_mul(6)),
            Self::Byte(_) => ours,
        }
    }

    /// In characters.
    fn width(self) -> usize {
        match self {
            Self::Char(c, _) if is_shown(c) => 1,
            Self::Char('"' | '\\' | '$' | '\n' | '\r' | '\t', _) => 2,
            Self::Byte(_) | Self::Char('\0'..='\x7f', _) => 4,
            Self::Char('\u{80}'..='\u{ffff}', _) => 6,
            Self::Char(_, true) => 10,
            // Up to U+FFFFF there are five digits, beyond it six.
            Self::Char(c, false) => 7_usize.saturating_add(usize::from(c > '\u{fffff}')),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Byte(byte) => write!(f, "\\x{byte:02x}"),
            Self::Char(c, _) if is_shown(c) => f.write_char(c),
            Self::Char('\n', _) => f.write_str("\\n"),
            Self::Char('\r', _) => f.write_str("\\r"),
            Self::Char('\t', _) => f.write_str("\\t"),
            Self::Char(c @ ('"' | '\\' | '$'), _) => write!(f, "\\{c}"),
            Self::Char(c @ '\0'..='\x7f', _) => write!(f, "\\x{:02x}", u32::from(c)),
            Self::Char(c @ '\u{80}'..='\u{ffff}', _) => write!(f, "\\u{:04x}", u32::from(c)),
            // Julia reads up to eight digits after `\U`, and all eight are needed if what follows could be one more.
            Self::Char(c, true) => write!(f, "\\U{:08x}", u32::from(c)),
            Self::Char(c, false) => write!(f, "\\U{:x}", u32::from(c)),
        }
    }
}

fn units(bytes: &[u8]) -> impl Iterator<Item = Unit> + '_ {
    bytes.utf8_chunks().flat_map(|chunk| {
        let mut rest = chunk.valid().chars();
        let chars = iter::from_fn(move || {
            let c = rest.next()?;
            let digit = rest.clone().next().is_some_and(|next| next.is_ascii_hexdigit());
            Some(Unit::Char(c, digit))
        });
        chars.chain(chunk.invalid().iter().map(|&byte| Unit::Byte(byte)))
    })
}

/// Takes the room that a unit needs.
fn fit(room: &mut usize, unit: Unit) -> Option<Unit> {
    *room = room.checked_sub(unit.width())?;
    Some(unit)
}

/// These bytes without the end of a character that began before them.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let begun = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    bytes.get(begun..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escape(text: &str) -> String {
        Escaped(text.as_bytes()).to_string()
    }

    #[test]
    fn controls_and_line_breaks_are_escaped() {
        assert_eq!(
            escape("\0\t\n\r\x1b\x7f\u{80}\u{85}\u{2028}\u{2029}"),
            r"\x00\t\n\r\x1b\x7f\u0080\u0085\u2028\u2029"
        );
    }

    #[test]
    fn bidirectional_controls_are_escaped() {
        assert_eq!(
            escape("\u{202a}\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}"),
            r"\u202a\u202e\u2066\u2069\u200e\u200f\u061c"
        );
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(
            escape("\u{ad}\u{200b}\u{200d}\u{2060}\u{feff}\u{3164}\u{115f}\u{fe0f}"),
            r"\u00ad\u200b\u200d\u2060\ufeff\u3164\u115f\ufe0f"
        );
        assert_eq!(escape("\u{a0}\u{3000}\u{e000}\u{378}\u{ffff}"), r"\u00a0\u3000\ue000\u0378\uffff");
        assert_eq!(escape("\u{e0001}\u{f0000}\u{10ffff}"), r"\Ue0001\Uf0000\U10ffff");
    }

    #[test]
    fn an_escape_does_not_swallow_the_digit_after_it() {
        assert_eq!(escape("\u{e0001}a"), r"\U000e0001a");
        assert_eq!(escape("\u{e0001}g"), r"\Ue0001g");
        assert_eq!(escape("\u{200b}a"), r"\u200ba");
    }

    #[test]
    fn texts_that_differ_only_in_composition_look_different() {
        assert_eq!(escape("é"), "é");
        assert_eq!(escape("e\u{301}"), r"e\u0301");
        // The ångström sign and the letter it is equivalent to, and a syllable with its parts.
        assert_eq!((escape("\u{212b}"), escape("\u{c5}")), (r"\u212b".to_owned(), "Å".to_owned()));
        assert_eq!(
            (escape("각"), escape("\u{1100}\u{1161}\u{11a8}")),
            ("각".to_owned(), "\u{1100}\\u1161\\u11a8".to_owned())
        );
    }

    #[test]
    fn plain_text_is_left_alone() {
        for text in ["relu", "σ²", "Größe", "学習率", "it's", "модель", "😀", "a b"] {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn what_julia_reads_otherwise_is_escaped() {
        assert_eq!(escape(r#"a"b\c$d"#), r#"a\"b\\c\$d"#);
    }

    #[test]
    fn bytes_outside_utf8_are_shown_one_by_one() {
        assert_eq!(Escaped(b"a\xff\xe2\x82z\xc0\x80").to_string(), r"a\xff\xe2\x82z\xc0\x80");
    }

    #[test]
    fn long_text_is_cut_between_escapes() {
        assert_eq!(shorten("\u{202e}".repeat(9).as_bytes(), 15), r"\u202e…\u202e");
        assert_eq!(shorten("é".repeat(100).as_bytes(), 5), "éé…éé");
        assert_eq!(shorten(b"abc", 2), "…");
        assert_eq!(shorten(b"", 0), "");
    }

    #[test]
    fn cutting_leaves_what_fits() {
        assert_eq!(cut_middle("abc", 3), "abc");
        assert_eq!(cut_middle("abcd", 3), "a…d");
        assert_eq!(cut_middle("abcd", 0), "…");
        assert_eq!(cut_middle("", 0), "");
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_nothing_dangerous_is_shown(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let shown = Escaped(&bytes).to_string();
            prop_assert!(shown.chars().all(|c| c == '\\' || is_harmless(c)));
            prop_assert_eq!(shown.len(), escaped_len(&bytes));
            prop_assert_eq!(shown.chars().count(), units(&bytes).map(Unit::width).sum::<usize>());
        }

        #[test]
        fn a_report_has_no_more_of_a_text_than_was_counted(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            // As `Report::to_json` writes it: what is not harmless costs twelve bytes at most, two units of UTF-16.
            let json = |text: &str| -> usize {
                let plain = |c: char| matches!(c, ' '..='~') || (c > '\x7f' && is_harmless(c));
                let len = |c: char| match c {
                    '"' | '\\' | '\n' | '\r' | '\t' => 2,
                    c if plain(c) => c.len_utf8(),
                    c => 6 * c.len_utf16(),
                };
                text.chars().map(len).sum()
            };
            prop_assert!(json(&text) <= report_len(text.as_bytes()));
            prop_assert!(json(&escape(&text)) <= report_len(text.as_bytes()));
            prop_assert!(json(&Escaped(&bytes).to_string()) <= report_len(&bytes));
        }

        #[test]
        fn different_texts_are_shown_differently(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
        }

        #[test]
        fn what_is_shortened_fits(text in any::<String>(), most in 1_usize..40) {
            let shown = shorten(text.as_bytes(), most);
            prop_assert!(shown.chars().count() <= most);
            if escape(&text).chars().count() <= most {
                prop_assert_eq!(shown, escape(&text));
            }
        }
    }
}
