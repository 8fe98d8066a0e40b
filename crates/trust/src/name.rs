//! Names of files in a lock file: relative, with `/`, and never out of the lock file's folder.
//!
//! A name is compared as text and never opened. The rules keep two readers of one lock file, on whatever system, from
//! understanding two different files, and a person who reviews it from being shown another name than the one there is.

/// What keeps a text from being a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFlaw {
    /// It begins at the root of a file system or of a drive.
    #[error("it is absolute")]
    Absolute,
    /// It has a backslash, which some systems take for a separator.
    #[error("it has a backslash")]
    Backslash,
    /// It has a control character, a line separator, or one that changes the direction of writing.
    #[error("it has a character that hides or moves others")]
    Control,
    /// A part of it is `.` or `..`.
    #[error("a part of it is \".\" or \"..\"")]
    Dots,
    /// It is empty, or a part of it is.
    #[error("a part of it is empty")]
    Empty,
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is longer than 4096 bytes.
    #[error("it is longer than 4096 bytes")]
    TooLong,
}

/// Is this a name that a lock file may hold?
pub(crate) fn check(name: &str) -> Result<(), NameFlaw> {
    if name.len() > MAX_NAME_BYTES {
        return Err(NameFlaw::TooLong);
    }
    if name.starts_with('/') || matches!(name.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic()) {
        return Err(NameFlaw::Absolute);
    }
    for part in name.split('/') {
        match part {
            "" => return Err(NameFlaw::Empty),
            "." | ".." => return Err(NameFlaw::Dots),
            _ => {}
        }
    }
    for character in name.chars() {
        match character {
            '\\' => return Err(NameFlaw::Backslash),
            // Marks, embeddings, overrides and isolates of direction; separators of lines and paragraphs; zero width.
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                return Err(NameFlaw::Control);
            }
            _ if character.is_control() => return Err(NameFlaw::Control),
            _ => {}
        }
    }
    Ok(())
}

/// The longest name, in bytes: the longest path that Linux takes.
const MAX_NAME_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_names_are_accepted() {
        for name in ["m.bson", "a/b/c.bson", "..m", "a..b/c", "my model (2).bson", "π/μ.bson", "a\"b", ".hidden", "é:x"]
        {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        assert_eq!(check(&"a".repeat(4096)), Ok(()));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for (name, flaw) in [
            ("", NameFlaw::Empty),
            ("a//b", NameFlaw::Empty),
            ("a/", NameFlaw::Empty),
            ("/etc/passwd", NameFlaw::Absolute),
            ("C:/m.bson", NameFlaw::Absolute),
            ("c:m.bson", NameFlaw::Absolute),
            ("..", NameFlaw::Dots),
            ("../m.bson", NameFlaw::Dots),
            ("a/../../m.bson", NameFlaw::Dots),
            ("./m.bson", NameFlaw::Dots),
            ("a\\b", NameFlaw::Backslash),
            ("\\\\server\\share", NameFlaw::Backslash),
        ] {
            assert_eq!(check(name), Err(flaw), "{name}");
        }
        assert_eq!(check(&"a".repeat(4097)), Err(NameFlaw::TooLong));
    }

    #[test]
    fn names_that_look_like_others_are_refused() {
        for name in
            ["a\nb", "a\0b", "a\tb", "a\u{7f}b", "a\u{85}b", "a\u{202e}b", "a\u{2066}b", "a\u{2028}b", "a\u{200b}b"]
        {
            assert_eq!(check(name), Err(NameFlaw::Control), "{name:?}");
        }
    }
}
