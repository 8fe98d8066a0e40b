//! A second strict reader, for small files: plain, recursive, and with a tree in memory.
//!
//! It says what the format's rules say, and shares nothing with the decoder but the list of refusal codes that are about
//! structure. What one of the two refuses, the other must refuse.

use std::collections::BTreeSet;

/// Does the file break a rule of structure? Then which.
///
/// # Errors
///
/// The rule.
pub fn strict(file: &[u8]) -> Result<(), &'static str> {
    let mut reader = Reader { rest: file, depth: 0 };
    let Value::Document(fields) = reader.document(false)? else { return Err("no document") };
    if !reader.rest.is_empty() {
        return Err("trailing bytes");
    }
    let entries = match fields.iter().find(|(key, _)| *key == b"_backrefs") {
        None => &[][..],
        Some((_, Value::Array(entries))) => entries,
        Some(_) => return Err("_backrefs is no array"),
    };
    Rules { entries }.document(&fields, true)
}

enum Value<'a> {
    Array(Vec<Value<'a>>),
    Binary(usize),
    Document(Vec<(&'a [u8], Value<'a>)>),
    Int(i64),
    Other,
    Text(&'a [u8]),
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("truncated")?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "truncated")
    }

    fn length(&mut self) -> Result<usize, &'static str> {
        i32::from_le_bytes(self.fixed()?).try_into().map_err(|_| "negative length")
    }

    fn document(&mut self, is_array: bool) -> Result<Value<'a>, &'static str> {
        let all = self.rest;
        let length = self.length()?;
        if length < 5 || length > all.len() {
            return Err("document length");
        }
        let after = all.get(length..).ok_or("document length")?;
        if self.depth >= MOST_LEVELS {
            return Err("too deep for this reader");
        }
        // A document sees its own bytes and no others.
        let mut inner = Self { rest: all.get(4..length).ok_or("document length")?, depth: self.depth + 1 };
        let (mut fields, mut keys) = (Vec::new(), BTreeSet::new());
        loop {
            let [element_type] = inner.fixed()?;
            if element_type == 0 {
                break;
            }
            let end = inner.rest.iter().position(|&byte| byte == 0).ok_or("key without an end")?;
            let key = inner.take(end)?;
            inner.take(1)?;
            if is_array && key != fields.len().to_string().as_bytes() {
                return Err("array key");
            }
            if std::str::from_utf8(key).is_err() {
                return Err("key is not UTF-8");
            }
            if !is_array && !keys.insert(key) {
                return Err("repeated key");
            }
            fields.push((key, inner.element(element_type)?));
        }
        if !inner.rest.is_empty() {
            return Err("document length");
        }
        self.rest = after;
        Ok(if is_array {
            Value::Array(fields.into_iter().map(|(_, value)| value).collect())
        } else {
            Value::Document(fields)
        })
    }

    fn element(&mut self, element_type: u8) -> Result<Value<'a>, &'static str> {
        Ok(match element_type {
            0x01 => {
                self.take(8)?;
                Value::Other
            }
            0x02 => {
                let length = self.length()?;
                match self.take(length)?.split_last() {
                    Some((0, text)) => Value::Text(text),
                    _ => return Err("string terminator"),
                }
            }
            0x03 | 0x04 => self.document(element_type == 0x04)?,
            0x05 => {
                let length = self.length()?;
                if self.fixed()? != [0] {
                    return Err("binary subtype");
                }
                self.take(length)?;
                Value::Binary(length)
            }
            0x08 => match self.fixed()? {
                [0 | 1] => Value::Other,
                _ => return Err("boolean"),
            },
            0x0a => Value::Other,
            0x10 => Value::Int(i32::from_le_bytes(self.fixed()?).into()),
            0x12 => Value::Int(i64::from_le_bytes(self.fixed()?)),
            _ => return Err("element type"),
        })
    }
}

type Fields<'a> = [(&'a [u8], Value<'a>)];

fn field<'v, 'a>(fields: &'v Fields<'a>, name: &str) -> Option<&'v Value<'a>> {
    fields.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
}

/// The tag of a document, if it has one with a meaning.
fn tag<'a>(value: &Value<'a>) -> Option<&'a str> {
    let Value::Document(fields) = value else { return None };
    let Some(Value::Text(text)) = field(fields, "tag") else { return None };
    let text = std::str::from_utf8(text).ok()?;
    keys(text).map(|_| text)
}

/// The keys of a tagged document, beside `tag`.
fn keys(tag: &str) -> Option<&'static [&'static str]> {
    Some(match tag {
        "array" => &["type", "size", "data"],
        "backref" => &["ref"],
        "datatype" => &["name", "params"],
        "jl_anonymous" => &["typename", "params"],
        "jl_bottom_type" => &[],
        "ref" => &["path"],
        "struct" => &["type", "data"],
        "svec" | "tuple" => &["data"],
        "symbol" => &["name"],
        "unionall" => &["var", "body"],
        _ => return None,
    })
}

struct Rules<'v, 'a> {
    entries: &'v [Value<'a>],
}

impl<'a> Rules<'_, 'a> {
    fn value(&self, value: &Value<'a>) -> Result<(), &'static str> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item)),
            Value::Document(fields) => self.document(fields, false),
            _ => Ok(()),
        }
    }

    fn document(&self, fields: &Fields<'a>, is_file: bool) -> Result<(), &'static str> {
        fields.iter().try_for_each(|(_, value)| self.value(value))?;
        let tag = match field(fields, "tag") {
            Some(Value::Text(text)) => std::str::from_utf8(text).unwrap_or_default(),
            Some(Value::Binary(..)) => return Err("tag is a binary"),
            Some(value) if self::tag(value) == Some("backref") => return Err("tag is a backref"),
            _ => return Ok(()),
        };
        let Some(due) = keys(tag) else { return Ok(()) };
        if due.iter().any(|key| field(fields, key).is_none()) {
            return Err("missing key");
        }
        let extra = fields.len() - due.len() - 1 - usize::from(is_file && field(fields, "_backrefs").is_some());
        if extra > 0 {
            return Err("unexpected key");
        }
        if is_file && tag == "backref" {
            return Err("the file is a backref");
        }
        let at = |name: &str| field(fields, name).ok_or("missing key");
        match tag {
            "array" => {
                is_type(at("type")?)?;
                self.array(at("type")?, at("size")?, at("data")?)
            }
            "backref" => match at("ref")? {
                Value::Int(index) => match self.entry(*index) {
                    None => Err("dangling backref"),
                    Some(entry) if self::tag(entry) == Some("backref") => Err("backref to a backref"),
                    Some(_) => Ok(()),
                },
                _ => Err("ref is no integer"),
            },
            "datatype" => {
                is_path(at("name")?)?;
                is_params(at("params")?)
            }
            "jl_anonymous" => {
                is_params(at("params")?)?;
                match self::tag(at("typename")?) {
                    Some("struct" | "backref") => Ok(()),
                    _ => Err("typename is no struct"),
                }
            }
            "ref" => is_path(at("path")?),
            "struct" => {
                is_type(at("type")?)?;
                match self.resolve(at("data")?) {
                    Value::Array(_) => Ok(()),
                    Value::Binary(len) => match self.number(at("type")?) {
                        Some(width) if width != *len => Err("primitive length"),
                        _ => Ok(()),
                    },
                    _ => Err("data is no array"),
                }
            }
            "svec" | "tuple" => match self.resolve(at("data")?) {
                Value::Array(_) => Ok(()),
                _ => Err("data is no array"),
            },
            "symbol" => is_name(at("name")?),
            "unionall" => {
                is_type(at("var")?)?;
                is_type(at("body")?)
            }
            _ => Ok(()),
        }
    }

    fn entry(&self, index: i64) -> Option<&Value<'a>> {
        self.entries.get(usize::try_from(index.checked_sub(1)?).ok()?)
    }

    /// Follows a back reference, once.
    fn resolve<'v>(&'v self, value: &'v Value<'a>) -> &'v Value<'a> {
        let Value::Document(fields) = value else { return value };
        match (tag(value), field(fields, "ref")) {
            (Some("backref"), Some(Value::Int(index))) => self.entry(*index).unwrap_or(value),
            _ => value,
        }
    }

    fn array(&self, ty: &Value<'a>, size: &Value<'a>, data: &Value<'a>) -> Result<(), &'static str> {
        let Value::Array(size) = size else { return Err("size is no array") };
        let (mut count, mut product) = (1_u64, 1_u64);
        for extent in size {
            let Value::Int(extent) = extent else { return Err("size is no integer") };
            let extent = u64::try_from(*extent).map_err(|_| "size out of range")?;
            if extent > MOST_ELEMENTS || size.len() > 32 {
                return Err("size out of range");
            }
            // Both factors are below 2 ** 31.
            count = (count * extent).min(MOST_ELEMENTS + 1);
            product = (product * extent.max(1)).min(MOST_ELEMENTS + 1);
        }
        if product > MOST_ELEMENTS {
            return Err("size out of range");
        }
        let len = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let is_right = match self.resolve(data) {
            Value::Array(items) => len(items.len()) == count,
            Value::Binary(bytes) => match self.eltype(ty) {
                Some(width) => len(width) * count == len(*bytes),
                None if count == 0 => *bytes == 0,
                None => len(*bytes) % count == 0,
            },
            _ => return Err("data is no array"),
        };
        if is_right { Ok(()) } else { Err("data length") }
    }

    /// The path of a type, without a `Main` before `Core` or `Base`, and its parameters.
    fn path<'v>(&'v self, ty: &'v Value<'a>) -> Option<(Vec<&'v str>, &'v Value<'a>)> {
        let ty = self.resolve(ty);
        let (Some("datatype"), Value::Document(fields)) = (tag(ty), ty) else { return None };
        let Value::Array(parts) = field(fields, "name")? else { return None };
        let text = |part: &Value<'a>| match part {
            Value::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        };
        let mut parts: Vec<&str> = parts.iter().map(text).collect::<Option<_>>()?;
        if matches!(*parts, ["Main", "Core" | "Base", ..]) {
            parts.remove(0);
        }
        Some((parts, field(fields, "params")?))
    }

    /// The width of a number's type.
    fn number(&self, ty: &Value<'a>) -> Option<usize> {
        let (path, params) = self.path(ty)?;
        let without = match params {
            Value::Array(params) => params.is_empty(),
            Value::Binary(len) => *len == 0,
            Value::Document(fields) => match field(fields, "size") {
                Some(Value::Array(size)) => !matches!(size.first(), Some(Value::Int(1..))),
                _ => true,
            },
            _ => true,
        };
        let width = match *path {
            ["Core" | "BFloat16s", "BFloat16"] | ["Core", "Float16" | "Int16" | "UInt16"] => 2,
            ["Core", "Bool" | "Int8" | "UInt8"] => 1,
            ["Core", "Char" | "Float32" | "Int32" | "UInt32"] => 4,
            ["Core", "Float64" | "Int64" | "UInt64"] => 8,
            ["Core", "Int128" | "UInt128"] => 16,
            _ => return None,
        };
        without.then_some(width)
    }

    /// The width of an array's elements, if they are numbers or nothing.
    fn eltype(&self, ty: &Value<'a>) -> Option<usize> {
        match self.path(ty)? {
            (path, _) if *path == ["Core", "Nothing"] || *path == ["Core", "Void"] => Some(0),
            (path, Value::Array(params)) if *path == ["Base", "Complex"] => match &**params {
                [part] if self.path(part).is_none_or(|(path, _)| *path != ["Core", "Char"]) => {
                    Some(2 * self.number(part)?)
                }
                _ => None,
            },
            _ => self.number(ty),
        }
    }
}

fn is_type(value: &Value<'_>) -> Result<(), &'static str> {
    match tag(value) {
        Some("backref" | "datatype" | "jl_anonymous" | "jl_bottom_type" | "struct" | "unionall") => Ok(()),
        _ => Err("this is no type"),
    }
}

fn is_name(value: &Value<'_>) -> Result<(), &'static str> {
    match value {
        Value::Text(text) => std::str::from_utf8(text).map(drop).map_err(|_| "name is not UTF-8"),
        _ => Err("name is no string"),
    }
}

fn is_path(value: &Value<'_>) -> Result<(), &'static str> {
    match value {
        Value::Array(parts) => parts.iter().try_for_each(is_name),
        _ => Err("path is no array"),
    }
}

fn is_params(value: &Value<'_>) -> Result<(), &'static str> {
    match (value, tag(value)) {
        (Value::Array(_) | Value::Binary(_), _) | (_, Some("array")) => Ok(()),
        _ => Err("params are no array"),
    }
}

/// More than any limit of a test grants.
const MOST_LEVELS: u32 = 300;

/// A file is below 2 GiB.
const MOST_ELEMENTS: u64 = 0x7fff_ffff;

/// Is a refusal with this code about structure, so that both readers must know of it?
#[must_use]
pub fn is_structural(code: &str) -> bool {
    !(code.ends_with("-limit") || matches!(code, "cyclic-reference" | "shared-data"))
}
