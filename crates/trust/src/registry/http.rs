//! One request for one file, up to a size and within a time; whoever asks says which redirects may be followed.

use std::io::Read as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::CertificateError;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::RegistryError;
use super::shelf::Unfetched;
use crate::Source;

/// The content of what is at this place, and the place where it was in the end.
pub(super) fn get(
    source: Source,
    most: u64,
    hop: &dyn Fn(&Source) -> Result<(), RegistryError>,
) -> Result<(Vec<u8>, Source), Unfetched> {
    get_within(source, most, hop, Times::of(most))
}

/// How long is waited.
#[derive(Clone, Copy)]
struct Times {
    /// For a connection.
    connect: Duration,
    /// For the first of the answer.
    answer: Duration,
    /// For all of it: somebody who sends a byte now and then must not keep us for ever.
    whole: Duration,
}

impl Times {
    /// For so many bytes at the most.
    fn of(most: u64) -> Self {
        let whole = Duration::from_mins(1).saturating_add(Duration::from_secs(most / SLOWEST_BYTES_A_SECOND));
        Self { connect: Duration::from_secs(10), answer: Duration::from_secs(30), whole }
    }
}

fn get_within(
    mut source: Source,
    most: u64,
    hop: &dyn Fn(&Source) -> Result<(), RegistryError>,
    times: Times,
) -> Result<(Vec<u8>, Source), Unfetched> {
    for _ in 0..=MOST_HOPS {
        let request = AGENT.get(source.to_string()).config();
        let request = request.timeout_connect(Some(times.connect)).timeout_recv_response(Some(times.answer));
        let request = request.timeout_global(Some(times.whole)).build();
        let mut response = request.call().map_err(|error| Unfetched::Io(sentence(&error)))?;
        match response.status().as_u16() {
            200 => {
                let mut content = Vec::new();
                let reader = response.body_mut().with_config().limit(u64::MAX).reader();
                let taken = reader.take(most.saturating_add(1)).read_to_end(&mut content);
                taken.map_err(|error| Unfetched::Io(error.to_string()))?;
                if u64::try_from(content.len()).is_ok_and(|len| len > most) {
                    return Err(Unfetched::TooLarge);
                }
                return Ok((content, source));
            }
            301 | 302 | 303 | 307 | 308 => {
                let location = response.headers().get("location").and_then(|location| location.to_str().ok());
                let location = location.ok_or_else(|| Unfetched::Io("a redirect leads nowhere".to_owned()))?;
                let next = source.redirected(location).map_err(|error| Unfetched::Denied(error.into()))?;
                // What was asked for in secret is not asked for in the open.
                if next.is_file() || (source.is_secret() && !next.is_secret()) {
                    return Err(Unfetched::Denied(crate::SourceError::Scheme.into()));
                }
                hop(&next).map_err(Unfetched::Denied)?;
                source = next;
            }
            // Object stores say 403 of what is not there.
            403 | 404 | 410 => return Err(Unfetched::NotFound),
            status => return Err(Unfetched::Io(format!("the server answers {status}"))),
        }
    }
    Err(Unfetched::Io("more than five redirects".to_owned()))
}

/// What went wrong, and what to do where it is a certificate.
fn sentence(error: &ureq::Error) -> String {
    let inner = match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    };
    let Some(rustls::Error::InvalidCertificate(flaw)) = inner else { return error.to_string() };
    let hint = match flaw {
        CertificateError::UnknownIssuer => {
            ": an authority of your own must be one of this system's, or on Linux in the file that SSL_CERT_FILE names"
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => ": is this machine's clock right?",
        _ => "",
    };
    format!("the server's certificate is not believed: {flaw}{hint}")
}

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).unversioned_rustls_crypto_provider(crypto);
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build();
    Agent::new_with_config(config)
});

const MOST_HOPS: u32 = 5;
/// 2 GiB may take two hours and a quarter, and what a registry is read for a minute and a half.
const SLOWEST_BYTES_A_SECOND: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    const SHORT: Times = Times {
        connect: Duration::from_millis(300),
        answer: Duration::from_millis(300),
        whole: Duration::from_millis(900),
    };

    /// A server that does this for a request; where it was asked for what.
    fn server(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                answer(first.split(' ').nth(1).unwrap(), &mut stream);
            }
        });
        url
    }

    /// Sends this again and again, with pauses, until nobody listens.
    fn drip(stream: &mut TcpStream, piece: &[u8], pause: Duration) {
        while stream.write_all(piece).is_ok() {
            thread::sleep(pause);
        }
    }

    fn asked(url: &str, most: u64) -> Result<usize, String> {
        let got = get_within(Source::parse(url).unwrap(), most, &|_| Ok(()), SHORT);
        got.map(|(bytes, _)| bytes.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        let url = server(|path, stream| match path {
            "/silent" => thread::sleep(Duration::from_secs(3)),
            "/half-a-head" => {
                let _ = stream.write_all(b"HTTP/1.1 200");
                thread::sleep(Duration::from_secs(3));
            }
            "/slow-head" => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                drip(stream, b"X: y\r\n", Duration::from_millis(50));
            }
            "/slow" => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
                drip(stream, b"x", Duration::from_millis(50));
            }
            "/to-slow" => {
                let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /slow\r\nContent-Length: 0\r\n\r\n");
            }
            _ => {}
        });
        for path in ["/silent", "/half-a-head", "/slow-head", "/slow", "/to-slow"] {
            let got = asked(&format!("{url}{path}"), 1 << 20);
            assert!(got.as_ref().is_err_and(|error| error.contains("timeout")), "{path}: {got:?}");
        }
    }

    #[test]
    fn what_never_ends_is_read_to_its_limit() {
        let url = server(|path, stream| {
            let (head, piece) = match path {
                "/headers" => ("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
                "/line" => ("HTTP/1.1 200 OK\r\nX: ", "xxxxxxxx"),
                "/chunks" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nxxxx\r\n"),
                "/chunk" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0000000"),
                "/redirect" => ("HTTP/1.1 302 Found\r\nLocation: /body\r\nConnection: close\r\n\r\n", "xxxxxxxx"),
                "/waiting" => ("", "HTTP/1.1 102 Processing\r\n\r\n"),
                _ => ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "xxxxxxxx"),
            };
            let _ = stream.write_all(head.as_bytes());
            drip(stream, piece.repeat(500).as_bytes(), Duration::ZERO);
        });
        for path in ["/body", "/chunks", "/redirect"] {
            let got = asked(&format!("{url}{path}"), 10_000);
            assert_eq!(got.unwrap_err(), "it has more bytes than it may", "{path}");
        }
        for path in ["/headers", "/line", "/chunk", "/waiting"] {
            let got = asked(&format!("{url}{path}"), 10_000);
            assert!(got.is_err(), "{path}: {got:?}");
        }
    }

    #[test]
    fn what_ends_too_early_is_not_believed() {
        let url = server(|path, stream| {
            let _ = stream.write_all(match path {
                "/short" => b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxxx".as_slice(),
                "/chunks" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nxxxx\r\n",
                "/part" => b"HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\nxxx",
                "/broken" => b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
                "/nowhere" => b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
                "/words" => b"hello\r\n\r\n",
                _ => b"",
            });
        });
        for path in ["/short", "/chunks", "/part", "/broken", "/nowhere", "/words", "/nothing"] {
            let got = asked(&format!("{url}{path}"), 10_000);
            assert!(got.is_err(), "{path}: {got:?}");
        }
    }

    #[test]
    fn time_goes_by_length() {
        assert_eq!(Times::of(0).whole, Duration::from_mins(1));
        assert_eq!(Times::of(8 << 20).whole, Duration::from_secs(92));
        assert!(Times::of(u64::MAX).whole > Times::of(2 << 30).whole);
    }
}
