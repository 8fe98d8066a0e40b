//! Where a file comes from, in one form in which it can be compared.
//!
//! A [`Source`] is a URL whose parts were taken apart before anybody compares them, and a [`Place`] is the part of the
//! world that a policy speaks of. No two texts that a server, a browser or a person could take for one place become two
//! sources: percent-encoding is undone, hosts are lower-case ASCII without a last dot, a port is always said. What could be taken
//! for another place is refused instead of mended: `..` in any spelling, users, backslashes, empty parts, letters
//! outside of ASCII.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use url::{Host, Url};

/// Where the bytes of a file come from.
///
/// ```
/// use flux_airlock_trust::Source;
///
/// let source = Source::parse("https://models.example.org:443/flux/a%2Dnet.bson")?;
/// assert_eq!(source, Source::parse("HTTPS://Models.Example.org/flux/a-net.bson")?);
/// assert!(Source::parse("https://models.example.org/flux/%2e%2e/private.bson").is_err());
/// # Ok::<(), flux_airlock_trust::SourceError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source(Option<Located>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Located {
    address: Address,
    query: Option<String>,
}

/// A URL without its query, taken apart.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Address {
    scheme: Scheme,
    /// Lower-case ASCII; empty for files.
    host: String,
    port: u16,
    /// Decoded.
    segments: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Scheme {
    File,
    Http,
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Source {
    /// Bytes that come from no place that is known: memory, a pipe, standard input.
    #[must_use]
    pub const fn memory() -> Self {
        Self(None)
    }

    /// The place that this URL names.
    ///
    /// # Errors
    ///
    /// [`SourceError`] for whatever could be taken for another place.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let (address, folder, query) = parse(text)?;
        if folder {
            return Err(SourceError::EmptySegment);
        }
        Ok(Self(Some(Located { address, query })))
    }

    /// The place of the file at this path, links followed: where the bytes lie, and not where the path pretends.
    ///
    /// # Errors
    ///
    /// What the system says if the path leads to no file.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_resolved(&std::fs::canonicalize(path)?)
    }

    /// The place of a path that [`std::fs::canonicalize`] gave.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for a path that is not absolute.
    pub fn of_resolved(path: &Path) -> io::Result<Self> {
        Ok(Self(Some(Located { address: file(path)?, query: None })))
    }

    /// Where a server sends on whom it was asked by, from here.
    ///
    /// # Errors
    ///
    /// [`SourceError`] for whatever could be taken for another place.
    pub fn redirected(&self, location: &str) -> Result<Self, SourceError> {
        let base = self.to_url().ok_or(SourceError::Scheme)?;
        check_characters(location)?;
        let joined = base.join(location).map_err(|_| SourceError::NoUrl)?;
        // A relative path is resolved by now, and what it tried must not be forgotten.
        if !location.contains("://") {
            let path = location.split(['?', '#']).next().unwrap_or_default();
            path.strip_prefix('/')
                .unwrap_or(path)
                .split('/')
                .try_for_each(|segment| decode(segment, true).map(drop))?;
        }
        Self::parse(if location.contains("://") { location } else { joined.as_str() })
    }

    /// Is this a file of this machine?
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.0.as_ref().is_some_and(|located| located.address.scheme == Scheme::File)
    }

    /// Does nobody on the way see what is asked for?
    #[cfg(feature = "http")]
    pub(crate) fn is_secret(&self) -> bool {
        self.0.as_ref().is_some_and(|located| located.address.scheme == Scheme::Https)
    }

    /// The URL to fetch, for what is not in memory.
    #[must_use]
    pub fn to_url(&self) -> Option<Url> {
        self.0.as_ref().and_then(|_| Url::parse(&self.to_string()).ok())
    }
}

/// Its URL in one form; `memory` for what has none.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Located { address, query }) = &self.0 else { return f.write_str("memory") };
        fmt::Display::fmt(address, f)?;
        match query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, segments } = self;
        write!(f, "{}://{host}", scheme.name())?;
        if *port != default_port(*scheme) {
            write!(f, ":{port}")?;
        }
        for segment in segments {
            f.write_str("/")?;
            for &byte in segment {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        write!(f, "{}", char::from(byte))?;
                    }
                    _ => write!(f, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

/// One file, or everything below a folder, or whatever is in memory: what a rule of a policy is about.
///
/// ```
/// use flux_airlock_trust::{Place, Source};
///
/// let place = Place::url("https://models.example.org/flux/")?;
/// assert!(place.has(&Source::parse("https://models.example.org/flux/v1/net.bson")?));
/// assert!(!place.has(&Source::parse("https://models.example.org/fluxury/net.bson")?));
/// assert!(!place.has(&Source::parse("https://models.example.org.evil.example/flux/net.bson")?));
/// # Ok::<(), flux_airlock_trust::SourceError>(())
/// ```
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place(Option<Extent>);

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Extent {
    address: Address,
    /// Everything below it, and not itself.
    folder: bool,
}

impl Place {
    /// Whatever comes from no known place.
    #[must_use]
    pub const fn memory() -> Self {
        Self(None)
    }

    /// The file of this URL, or everything below it if it ends in a slash.
    ///
    /// # Errors
    ///
    /// [`SourceError`], as for [`Source::parse`]; a place has no query.
    pub fn url(text: &str) -> Result<Self, SourceError> {
        let (address, folder, query) = parse(text)?;
        if query.is_some() {
            return Err(SourceError::Query);
        }
        Ok(Self(Some(Extent { address, folder })))
    }

    /// The file at this path, or everything below it if it ends in a slash or is a folder. A relative path begins at
    /// `base`. Links are followed as far as the path exists.
    ///
    /// # Errors
    ///
    /// [`SourceError`] for a path that leads upwards, or is not absolute in the end.
    pub fn path(text: &str, base: &Path) -> Result<Self, SourceError> {
        if text.split('/').any(|part| part == "..") {
            return Err(SourceError::Dots);
        }
        let whole = resolved(&base.join(text))?;
        let folder = text.ends_with('/') || whole.is_dir();
        let address = file(&whole).map_err(|_| SourceError::NoUrl)?;
        Ok(Self(Some(Extent { address, folder })))
    }

    /// Does the file come from here?
    #[must_use]
    pub fn has(&self, source: &Source) -> bool {
        let (Some(Extent { address: place, folder }), Some(Located { address, .. })) = (&self.0, &source.0) else {
            return self.0.is_none() && source.0.is_none();
        };
        let same = (place.scheme, &place.host, place.port) == (address.scheme, &address.host, address.port);
        same && match address.segments.strip_prefix(place.segments.as_slice()) {
            Some(rest) => rest.is_empty() != *folder,
            None => false,
        }
    }

    /// Of two places that have a file, the narrower one is the greater.
    pub(crate) fn narrowness(&self) -> (usize, bool) {
        self.0.as_ref().map_or((0, true), |extent| (extent.address.segments.len(), !extent.folder))
    }
}

/// Its URL, with a slash at the end if it is everything below; `memory` for what has none.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("memory"),
            Some(Extent { address, folder }) => write!(f, "{address}{}", if *folder { "/" } else { "" }),
        }
    }
}

/// The path with all links followed. What does not exist yet keeps its name, below what does.
fn resolved(path: &Path) -> Result<PathBuf, SourceError> {
    // A slash at the end would follow a link before it is looked at.
    let path: PathBuf = path.components().collect();
    let (mut there, mut rest) = (path.as_path(), Vec::new());
    loop {
        match (std::fs::canonicalize(there), there.parent(), there.file_name()) {
            (Ok(found), ..) => return Ok(rest.into_iter().rev().fold(found, |path, name| path.join(name))),
            // A link is there, and nobody can say to what: later, it could be another place.
            (Err(_), ..) if std::fs::symlink_metadata(there).is_ok() => return Err(SourceError::Link),
            (Err(_), Some(parent), Some(name)) => {
                rest.push(name);
                there = parent;
            }
            (Err(_), ..) => return Err(SourceError::NoUrl),
        }
    }
}

/// Has the file's URL a query?
pub(crate) fn has_query(source: &Source) -> bool {
    source.0.as_ref().is_some_and(|located| located.query.is_some())
}

/// What keeps a text from being a place of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A character outside of printable ASCII, a space, or a backslash.
    #[error("it has a character that a URL may not have: write a host in its ASCII form, and a path percent-encoded")]
    Characters,
    /// A part of its path is `.` or `..`, in whatever spelling.
    #[error("a part of its path is \".\" or \"..\"")]
    Dots,
    /// A part of its path is empty, or it names a folder where a file is meant.
    #[error("a part of its path is empty")]
    EmptySegment,
    /// A percent sign that encodes nothing, or something that a path may not have.
    #[error("its percent-encoding hides a separator or a control character, or is none")]
    Encoding,
    /// It has a fragment.
    #[error("it has a fragment (#)")]
    Fragment,
    /// Its host is none, ends in a dot, or is encoded.
    #[error("its host is missing, ends in a dot, or is spelled otherwise than in plain ASCII")]
    Host,
    /// A part of its path is a link that leads nowhere, or in a circle.
    #[error("a part of its path is a link that cannot be followed")]
    Link,
    /// It is no URL.
    #[error("it is no URL")]
    NoUrl,
    /// A place has no query.
    #[error("a place has no query (?)")]
    Query,
    /// It is neither `https`, nor `http`, nor `file`.
    #[error("it begins with none of https://, http:// and file://")]
    Scheme,
    /// It is longer than 4096 bytes.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// It says who asks.
    #[error("it has a user or a password before its host")]
    Userinfo,
}

impl SourceError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Characters => "source-characters",
            Self::Dots => "source-dots",
            Self::EmptySegment => "source-empty-segment",
            Self::Encoding => "source-encoding",
            Self::Fragment => "source-fragment",
            Self::Host => "source-host",
            Self::Link => "source-link",
            Self::NoUrl => "source-no-url",
            Self::Query => "source-query",
            Self::Scheme => "source-scheme",
            Self::TooLong => "source-too-long",
            Self::Userinfo => "source-userinfo",
        }
    }
}

/// Takes a URL apart: address, whether it ends in a slash, query.
fn parse(text: &str) -> Result<(Address, bool, Option<String>), SourceError> {
    check_characters(text)?;
    if text.contains('#') {
        return Err(SourceError::Fragment);
    }
    // The parser of URLs mends what is not written as it should be, so that the text is looked at first.
    let (scheme, rest) = text.split_once("://").ok_or(SourceError::Scheme)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "file" => Scheme::File,
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(SourceError::Scheme),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query.to_owned())),
        None => (rest, None),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(SourceError::Userinfo);
    }
    let (host, port) = match scheme {
        Scheme::File if !authority.is_empty() => return Err(SourceError::Host),
        Scheme::File => (String::new(), 0),
        _ => host(scheme, authority)?,
    };
    if scheme == Scheme::File && query.is_some() {
        return Err(SourceError::Query);
    }
    let mut segments = Vec::new();
    let folder = path.is_empty() || path.ends_with('/');
    let path = path.strip_suffix('/').unwrap_or(path);
    if !path.is_empty() {
        for segment in path.split('/') {
            segments.push(decode(segment, scheme != Scheme::File)?);
        }
    } else if rest.ends_with("//") {
        return Err(SourceError::EmptySegment);
    }
    Ok((Address { scheme, host, port, segments }, folder, query))
}

fn check_characters(text: &str) -> Result<(), SourceError> {
    if text.len() > MAX_BYTES {
        return Err(SourceError::TooLong);
    }
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if text.bytes().all(is_plain) { Ok(()) } else { Err(SourceError::Characters) }
}

/// The host in lower case, and the port.
fn host(scheme: Scheme, authority: &str) -> Result<(String, u16), SourceError> {
    if authority.contains('%') {
        return Err(SourceError::Host);
    }
    let url = Url::parse(&format!("{}://{authority}/", scheme.name())).map_err(|_| SourceError::Host)?;
    let host = match url.host() {
        Some(Host::Domain(domain)) if is_domain(domain) => domain.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => format!("[{address}]"),
        _ => return Err(SourceError::Host),
    };
    Ok((host, url.port().unwrap_or(default_port(scheme))))
}

/// Are these labels of letters, digits, hyphens and underscores? An asterisk would be taken for a pattern.
fn is_domain(domain: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    domain.split('.').all(|label| !label.is_empty() && label.bytes().all(is_plain))
}

const fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::File => 0,
        Scheme::Http => 80,
        Scheme::Https => 443,
    }
}

/// A part of a path, decoded.
fn decode(segment: &str, remote: bool) -> Result<Vec<u8>, SourceError> {
    let mut decoded = Vec::new();
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(SourceError::Encoding) };
        let byte = u8::try_from(high << 4 | low).map_err(|_| SourceError::Encoding)?;
        // A percent sign that was encoded could be decoded twice by a server.
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\') || (remote && byte == b'%') {
            return Err(SourceError::Encoding);
        }
        decoded.push(byte);
    }
    match decoded.as_slice() {
        b"" => Err(SourceError::EmptySegment),
        b"." | b".." => Err(SourceError::Dots),
        _ => Ok(decoded),
    }
}

/// The address of a file by its absolute path.
fn file(path: &Path) -> io::Result<Address> {
    let flaw = || io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute");
    let url = Url::from_file_path(path).map_err(|()| flaw())?;
    let segments = url.path_segments().ok_or_else(flaw)?.filter(|segment| !segment.is_empty());
    let decoded = segments.map(decode_file).collect();
    Ok(Address { scheme: Scheme::File, host: String::new(), port: 0, segments: decoded })
}

/// A part of the path of a URL that was made from a path of this machine, where every name is allowed.
fn decode_file(segment: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let encoded = if byte == b'%' { digit().zip(digit()) } else { None };
        decoded.push(encoded.and_then(|(high, low)| u8::try_from(high << 4 | low).ok()).unwrap_or(byte));
    }
    decoded
}

/// The longest URL that is looked at.
const MAX_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        match Source::parse(text) {
            Ok(source) => panic!("{text} is {source}"),
            Err(error) => error.code(),
        }
    }

    #[test]
    fn one_place_has_one_form() {
        let canonical = "https://models.example.org/flux/a-net.bson";
        for text in [
            canonical,
            "HTTPS://MODELS.EXAMPLE.ORG/flux/a-net.bson",
            "https://models.example.org:443/flux/a-net.bson",
            "https://models.example.org:0443/flux/a-net.bson",
            "https://models.example.org/%66lux/a%2dnet%2Ebson",
            "https://models.example.org:/flux/a-net.bson",
        ] {
            assert_eq!(Source::parse(text).unwrap().to_string(), canonical, "{text}");
        }
        // Numbers are one host however they are written.
        for text in ["http://127.0.0.1/m", "http://0x7f.1/m", "http://2130706433/m", "http://0177.0.0.1/m"] {
            assert_eq!(Source::parse(text).unwrap().to_string(), "http://127.0.0.1/m", "{text}");
        }
        assert_eq!(Source::parse("http://[0:0::1]:8080/m").unwrap().to_string(), "http://[::1]:8080/m");
        assert_eq!(Source::parse("file:///srv/m.bson").unwrap().to_string(), "file:///srv/m.bson");
        assert_eq!(Source::memory().to_string(), "memory");
        assert_eq!(Source::parse("https://h.example/m?a=1").unwrap().to_string(), "https://h.example/m?a=1");
    }

    #[test]
    fn what_could_be_taken_for_another_place_is_refused() {
        for (text, flaw) in [
            ("https://user@models.example.org/m", "source-userinfo"),
            ("https://models.example.org@evil.example/m", "source-userinfo"),
            ("https://models.example.org:x@evil.example/m", "source-userinfo"),
            ("https://models.example.org%40evil.example/m", "source-host"),
            ("https://models.example%2eorg/m", "source-host"),
            ("https://models.example.org./m", "source-host"),
            ("https://models.example.org.:443/m", "source-host"),
            ("https:///m", "source-host"),
            ("https://", "source-host"),
            ("https://:443/m", "source-host"),
            ("https://models..example.org/m", "source-host"),
            ("https://*.example.org/m", "source-host"),
            ("https://models.example.org:65536/m", "source-host"),
            ("https://models.example.org:x/m", "source-host"),
            // Cyrillic, full width, an ideographic stop, a soft hyphen, a line that goes the other way.
            ("https://mod\u{435}ls.example.org/m", "source-characters"),
            ("https://\u{ff4d}odels.example.org/m", "source-characters"),
            ("https://models\u{3002}example.org/m", "source-characters"),
            ("https://mod\u{ad}els.example.org/m", "source-characters"),
            ("https://models.example.org/\u{202e}nosb.m", "source-characters"),
            ("https://models.example.org\\@evil.example/m", "source-characters"),
            ("https:\\\\models.example.org/m", "source-characters"),
            ("https://models.example.org/a b", "source-characters"),
            ("https://models.example.org/a\tb", "source-characters"),
            ("https://models.example.org/a\nb", "source-characters"),
            (" https://models.example.org/m", "source-characters"),
            ("https://models.example.org/flux/../private", "source-dots"),
            ("https://models.example.org/flux/%2e%2e/private", "source-dots"),
            ("https://models.example.org/flux/.%2E/private", "source-dots"),
            ("https://models.example.org/flux/./m", "source-dots"),
            ("https://models.example.org/flux/..", "source-dots"),
            ("https://models.example.org/flux/%2f..%2fprivate", "source-encoding"),
            ("https://models.example.org/flux%5cprivate", "source-encoding"),
            ("https://models.example.org/flux%00", "source-encoding"),
            ("https://models.example.org/flux/%252e%252e/m", "source-encoding"),
            ("https://models.example.org/flux%2", "source-encoding"),
            ("https://models.example.org/flux%zz", "source-encoding"),
            ("https://models.example.org//m", "source-empty-segment"),
            ("https://models.example.org/flux//m", "source-empty-segment"),
            ("https://models.example.org/flux/", "source-empty-segment"),
            ("https://models.example.org/", "source-empty-segment"),
            ("https://models.example.org", "source-empty-segment"),
            ("https://models.example.org//", "source-empty-segment"),
            ("https://models.example.org/m#x", "source-fragment"),
            ("https:models.example.org/m", "source-scheme"),
            ("https:/models.example.org/m", "source-scheme"),
            ("//models.example.org/m", "source-scheme"),
            ("ftp://models.example.org/m", "source-scheme"),
            ("javascript://models.example.org/m", "source-scheme"),
            ("data:text/plain,x", "source-scheme"),
            ("models.example.org/m", "source-scheme"),
            ("", "source-scheme"),
            ("file://server/share/m", "source-host"),
            ("file://localhost/m", "source-host"),
            ("file:///m?x", "source-query"),
        ] {
            assert_eq!(code(text), flaw, "{text:?}");
        }
        assert_eq!(code(&format!("https://h.example/{}", "a".repeat(5000))), "source-too-long");
        assert_eq!(Place::url("https://h.example/?x").unwrap_err().code(), "source-query");
    }

    #[test]
    fn hosts_that_look_alike_are_others() {
        let place = Place::url("https://models.example.org/flux/").unwrap();
        let has = |text: &str| place.has(&Source::parse(text).unwrap());
        assert!(has("https://models.example.org/flux/m.bson"));
        assert!(has("https://models.example.org/flux/a/b/c.bson"));
        assert!(has("https://models.example.org/%66lux/m.bson"));
        for text in [
            "http://models.example.org/flux/m.bson",
            "https://models.example.org:8443/flux/m.bson",
            "https://models.example.org:80/flux/m.bson",
            "https://models.example.org.evil.example/flux/m.bson",
            "https://evil.example/models.example.org/flux/m.bson",
            "https://xmodels.example.org/flux/m.bson",
            "https://example.org/flux/m.bson",
            "https://xn--modls-6of.example.org/flux/m.bson",
            "https://models.example.org/fluxx/m.bson",
            "https://models.example.org/flux",
            "https://models.example.org/Flux/m.bson",
            "https://models.example.org/other/flux/m.bson",
            "file:///flux/m.bson",
        ] {
            assert!(!has(text), "{text}");
        }
        assert!(!place.has(&Source::memory()) && !Place::memory().has(&Source::parse("https://h.example/m").unwrap()));
        assert!(Place::memory().has(&Source::memory()));
        let one = Place::url("https://models.example.org/flux/m.bson").unwrap();
        assert!(one.has(&Source::parse("https://models.example.org/flux/m.bson").unwrap()));
        assert!(!one.has(&Source::parse("https://models.example.org/flux/m.bson/x").unwrap()));
        assert!(one.narrowness() > place.narrowness());
    }

    #[test]
    fn a_redirect_leads_to_a_place_of_its_own() {
        let from = Source::parse("https://models.example.org/flux/m.bson").unwrap();
        let to = |location: &str| from.redirected(location).map(|to| to.to_string()).map_err(|error| error.code());
        assert_eq!(to("n.bson").unwrap(), "https://models.example.org/flux/n.bson");
        assert_eq!(to("/other/n.bson").unwrap(), "https://models.example.org/other/n.bson");
        assert_eq!(to("https://evil.example/m.bson").unwrap(), "https://evil.example/m.bson");
        assert_eq!(to("//evil.example/m.bson"), Err("source-empty-segment"));
        assert_eq!(to("../n.bson"), Err("source-dots"));
        assert_eq!(to("%2e%2e/n.bson"), Err("source-dots"));
        assert_eq!(to("/\\evil.example/m.bson"), Err("source-characters"));
        assert_eq!(to("https://user@evil.example/m.bson"), Err("source-userinfo"));
        assert_eq!(to("https://evil.example/a/../m.bson"), Err("source-dots"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_comes_from_where_its_bytes_lie() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = std::env::temp_dir().join(format!("airlock-source-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("allowed")).unwrap();
        let folder = std::fs::canonicalize(folder).unwrap();
        let odd = folder.join(std::ffi::OsStr::from_bytes(b"a b%2e\\\xff.bson"));
        std::fs::write(&odd, "x").unwrap();
        std::fs::write(folder.join("real.bson"), "x").unwrap();
        std::os::unix::fs::symlink(folder.join("real.bson"), folder.join("allowed/link.bson")).unwrap();
        let allowed = Place::path("allowed", &folder).unwrap();
        assert!(!allowed.has(&Source::of_file(&folder.join("allowed/link.bson")).unwrap()));
        let all = Place::path("./", &folder).unwrap();
        assert!(all.has(&Source::of_file(&folder.join("allowed/link.bson")).unwrap()));
        let odd = Source::of_file(&odd).unwrap();
        assert!(all.has(&odd) && odd.to_string().ends_with("/a%20b%252e%5C%FF.bson"), "{odd}");
        assert_eq!(Place::path("../x", &folder).unwrap_err().code(), "source-dots");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
