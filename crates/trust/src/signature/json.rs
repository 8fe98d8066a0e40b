//! JSON as a signature may have it: nothing that two readers could understand differently.
//!
//! A key that stands twice, a number that is no integer of a double's exact range, and more than [`MOST_DEPTH`] levels are
//! refused; so is whatever follows the value. The parser is `serde_json`'s.

use core::cell::Cell;
use core::fmt;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::SignatureError;

/// A value.
#[derive(Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads one value.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let flaw = Cell::new(None);
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = Value { depth: 0, flaw: &flaw }.deserialize(&mut reader);
        let read = read.and_then(|value| reader.end().map(|()| value));
        read.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            match flaw.get() {
                Some(Flaw::Depth) => SignatureError::JsonDepth { line, column },
                Some(Flaw::DuplicateKey) => SignatureError::JsonDuplicateKey { line, column },
                Some(Flaw::Number) => SignatureError::JsonNumber { line, column },
                None => SignatureError::Json { line, column },
            }
        })
    }

    /// The value under this key of an object. `null` is as good as nothing.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(key).filter(|value| **value != Self::Null),
            _ => None,
        }
    }

    /// The value under this key, which there must be.
    pub(crate) fn need(&self, key: &'static str) -> Result<&Self, SignatureError> {
        self.get(key).ok_or(SignatureError::Field { field: key })
    }

    /// The text under this key, which there must be.
    pub(crate) fn text(&self, key: &'static str) -> Result<&str, SignatureError> {
        match self.need(key)? {
            Self::Text(text) => Ok(text),
            _ => Err(SignatureError::Field { field: key }),
        }
    }

    /// The list under this key, which there must be.
    pub(crate) fn list(&self, key: &'static str) -> Result<&[Self], SignatureError> {
        match self.need(key)? {
            Self::List(list) => Ok(list),
            _ => Err(SignatureError::Field { field: key }),
        }
    }
}

/// What `serde_json` would let pass.
#[derive(Clone, Copy)]
enum Flaw {
    Depth,
    DuplicateKey,
    Number,
}

/// Reads a value that lies so many levels deep.
#[derive(Clone, Copy)]
struct Value<'a> {
    depth: u8,
    flaw: &'a Cell<Option<Flaw>>,
}

impl Value<'_> {
    fn fail<T, E: serde::de::Error>(self, flaw: Flaw) -> Result<T, E> {
        self.flaw.set(Some(flaw));
        Err(E::custom(""))
    }

    /// One level further down.
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MOST_DEPTH {
            return self.fail(Flaw::Depth);
        }
        Ok(Self { depth: self.depth.saturating_add(1), ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Json, E> {
        if value.unsigned_abs() > MOST_INTEGER {
            return self.fail(Flaw::Number);
        }
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Json, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => self.fail(Flaw::Number),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Json, E> {
        self.fail(Flaw::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let inside = self.inside()?;
        let mut object = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                return self.fail(Flaw::DuplicateKey);
            }
            let value = map.next_value_seed(inside)?;
            object.insert(key, value);
        }
        Ok(Json::Object(object))
    }
}

/// Levels of lists and objects. A bundle has five, and what it signs has four.
const MOST_DEPTH: u8 = 16;
/// Every reader of JSON understands integers up to here as the same number.
const MOST_INTEGER: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        Json::parse(text.as_bytes()).map_or_else(|error| error.code(), |_| "read")
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for (text, expected) in [
            (r#"{"a": 1, "b": {"a": [null, true, "x", -9007199254740991]}}"#, "read"),
            (r#"{"a": 1, "a": 1}"#, "signature-json-duplicate-key"),
            (r#"{"a": 1, "\u0061": 2}"#, "signature-json-duplicate-key"),
            (r#"[{"b": {"a": 1, "c": 2, "a": 3}}]"#, "signature-json-duplicate-key"),
            ("1.5", "signature-json-number"),
            ("1e3", "signature-json-number"),
            ("-0.0", "signature-json-number"),
            ("9007199254740992", "signature-json-number"),
            ("-9007199254740992", "signature-json-number"),
            ("18446744073709551616", "signature-json-number"),
            ("[1e999]", "signature-json"),
            ("NaN", "signature-json"),
            ("", "signature-json"),
            ("{} {}", "signature-json"),
            ("{\"a\": 1,}", "signature-json"),
            ("{\"a\": \"\\ud800\"}", "signature-json"),
            ("\u{feff}{}", "signature-json"),
            ("{'a': 1}", "signature-json"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(Json::parse(b"\"\xff\"").unwrap_err().code(), "signature-json");
    }

    #[test]
    fn the_deepest_value_that_fits_and_one_step_beyond() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(code(&nested(MOST_DEPTH.into())), "read");
        assert_eq!(code(&nested(usize::from(MOST_DEPTH) + 1)), "signature-json-depth");
        assert_eq!(code(&nested(1_000_000)), "signature-json-depth");
        assert_eq!(code(&"{\"a\":".repeat(1_000_000)), "signature-json-depth");
    }
}
