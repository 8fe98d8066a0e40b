//! One request for one file, up to a size and within a time; whoever asks says which redirects may be followed.

use std::io::Read as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::RegistryError;
use super::shelf::Unfetched;
use crate::Source;

/// The content of what is at this place, and the place where it was in the end.
pub(super) fn get(
    mut source: Source,
    most: u64,
    hop: &dyn Fn(&Source) -> Result<(), RegistryError>,
) -> Result<(Vec<u8>, Source), Unfetched> {
    for _ in 0..=MOST_HOPS {
        let mut response = AGENT.get(source.to_string()).call().map_err(|error| Unfetched::Io(error.to_string()))?;
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

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).unversioned_rustls_crypto_provider(crypto);
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_global(Some(WHOLE))
        .build();
    Agent::new_with_config(config)
});

const MOST_HOPS: u32 = 5;
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// 2 GiB at 1.2 MB/s.
const WHOLE: Duration = Duration::from_mins(30);
