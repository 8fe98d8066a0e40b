//! Reading a TOML file of ours: every key is known, has its type, and a flaw has its line.
//!
//! Whoever reads takes the keys that there may be; what is left over is an error, since it could be a condition of a later
//! version. Texts of the file are in no message but escaped.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with the file, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}{what}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Flaw {
    /// Where, counted from 1, if there is one place.
    pub line: Option<usize>,
    /// What.
    pub what: What,
}

/// What is wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum What {
    /// A key that must be there is not.
    #[error("there is no {key}")]
    MissingKey {
        /// Which key.
        key: &'static str,
    },
    /// Something stands twice.
    #[error("\"{}\" stands twice", what.escape_debug())]
    Repeated {
        /// What.
        what: String,
    },
    /// It is not TOML.
    #[error("{message}")]
    Syntax {
        /// The parser's words, escaped.
        message: String,
    },
    /// There is no such key.
    #[error("there is no key \"{}\"", key.escape_debug())]
    UnknownKey {
        /// Which key.
        key: String,
    },
    /// A value that its key cannot have.
    #[error("{key}: {message}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A version that is not 1, or none at all.
    #[error("this is no file of version 1")]
    Version,
    /// A value of another type than its key wants.
    #[error("{key} is not {wanted}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it is to be.
        wanted: &'static str,
    },
}

/// A table of the file, whose keys are taken one after another.
pub(crate) struct Keys<'a> {
    lines: &'a Lines,
    table: &'a DeTable<'a>,
    start: usize,
    taken: Vec<&'static str>,
}

/// A value of the file.
pub(crate) struct Valued<'a> {
    lines: &'a Lines,
    key: &'static str,
    value: &'a Spanned<DeValue<'a>>,
}

/// Parses the text, and gives the whole of it to `read`.
pub(crate) fn parse<T>(text: &str, read: impl FnOnce(Keys<'_>) -> Result<T, Flaw>) -> Result<T, Flaw> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| Flaw {
        line: error.span().map(|span| lines.at(span.start)),
        what: What::Syntax { message: error.message().escape_debug().to_string() },
    })?;
    let mut keys = Keys { lines: &lines, table: table.get_ref(), start: 0, taken: Vec::new() };
    // The version first: what another version's keys mean is not for us to say.
    match keys.take("version").and_then(|version| version.number().ok()) {
        Some(1) => read(keys),
        _ => Err(Flaw { line: None, what: What::Version }),
    }
}

impl<'a> Keys<'a> {
    /// The value of this key, if it is there.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Valued<'a>> {
        self.taken.push(key);
        self.table.get(key).map(|value| Valued { lines: self.lines, key, value })
    }

    /// All keys, which are names, and their values under the word for what they are.
    pub(crate) fn named(&self, key: &'static str) -> impl Iterator<Item = (String, Valued<'a>)> {
        let lines = self.lines;
        self.table.iter().map(move |(name, value)| (name.get_ref().to_string(), Valued { lines, key, value }))
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Flaw> {
        match self.table.iter().find(|(key, _)| !self.taken.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some((key, _)) => Err(Flaw {
                line: Some(self.lines.at(key.span().start)),
                what: What::UnknownKey { key: key.get_ref().to_string() },
            }),
        }
    }

    /// A flaw of the table as a whole.
    pub(crate) fn flaw(&self, what: What) -> Flaw {
        Flaw { line: Some(self.lines.at(self.start)), what }
    }
}

impl<'a> Valued<'a> {
    pub(crate) fn string(&self) -> Result<&'a str, Flaw> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Flaw> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self) -> Result<u64, Flaw> {
        let integer = self.value.get_ref().as_integer().ok_or_else(|| self.wrong_type("a whole number"))?;
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(|n| u64::try_from(n).ok());
        number.ok_or_else(|| self.value_flaw("a number out of range"))
    }

    pub(crate) fn list(&self) -> Result<Vec<Valued<'a>>, Flaw> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.wrong_type("a list"))?;
        Ok(list.iter().map(|value| Valued { lines: self.lines, key: self.key, value }).collect())
    }

    pub(crate) fn table(&self) -> Result<Keys<'a>, Flaw> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Ok(Keys { lines: self.lines, table, start: self.value.span().start, taken: Vec::new() })
    }

    /// A flaw of this value.
    pub(crate) fn value_flaw(&self, message: impl std::fmt::Display) -> Flaw {
        self.flaw(What::Value { key: self.key, message: message.to_string() })
    }

    /// A flaw at this value.
    pub(crate) fn flaw(&self, what: What) -> Flaw {
        Flaw { line: Some(self.line()), what }
    }

    /// The line where the value begins, counted from 1.
    pub(crate) fn line(&self) -> usize {
        self.lines.at(self.value.span().start)
    }

    fn wrong_type(&self, wanted: &'static str) -> Flaw {
        self.flaw(What::WrongType { key: self.key, wanted })
    }
}

/// Where the lines of a text end: the line of a byte is found without walking over the text for each.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter_map(|(at, byte)| (byte == b'\n').then_some(at)).collect())
    }

    /// The line of this byte, counted from 1.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|&end| end < offset).saturating_add(1)
    }
}
