//! `airlock get` from a server over TLS: whose certificates are believed, and what is said of the others.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "shared by the tests of this folder, which use different parts of it")]
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::{Ran, copy, folder, genuine, with};

/// An authority that nobody knows but those who are told.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// What a server of this name says of itself, until this year.
    fn vouch(&self, name: &str, until: i32) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// Serves a folder, and sends on whoever asks for `/moved`; its port.
fn serve(folder: PathBuf, config: ServerConfig, moved: Option<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut reader = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut first = String::new();
            // A client that does not believe us says no more.
            if reader.read_line(&mut first).is_err() {
                continue;
            }
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let path = first.split(' ').nth(1).unwrap_or("/");
            let answer = match (&moved, fs::read(folder.join(path.trim_start_matches('/')))) {
                (Some(to), _) if path == "/moved" => {
                    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
                }
                (_, Ok(bytes)) => {
                    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()).as_bytes(), &bytes].concat()
                }
                _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
            };
            let stream = reader.get_mut();
            let _ = stream.write_all(&answer);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    port
}

/// Runs the command where these authorities are known, and nobody stands between it and the server.
fn run(folder: &Path, roots: &str, line: &str) -> Ran {
    fs::write(folder.join("roots.pem"), roots).unwrap();
    let arguments: Vec<&str> = line.split_whitespace().collect();
    with(&arguments, |command| {
        for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"] {
            command.env_remove(name);
        }
        command.current_dir(folder).env("HOME", folder).env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME");
        command.env("SSL_CERT_FILE", folder.join("roots.pem")).env_remove("SSL_CERT_DIR");
    })
}

/// A registry with the model `m`, in the folder `registry`, whose root lies beside it.
fn registered(add: &str) -> tempfile::TempDir {
    let place = folder();
    let here = place.path();
    let pair = KeyPair::generate().unwrap();
    fs::write(here.join("key.pem"), pair.serialize_pem()).unwrap();
    fs::set_permissions(here.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    copy(&genuine("lenet.bson"), &here.join("m.bson"));
    run(
        here,
        "",
        "registry init registry --root root.json --root-key key.pem --targets-key key.pem --online-key key.pem",
    )
    .ends_with(0);
    run(here, "", &format!("registry add --folder registry --root root.json --key key.pem m m.bson {add}"))
        .ends_with(0);
    place
}

#[test]
fn a_server_is_believed_if_an_authority_of_this_machine_vouches_for_its_name() {
    let place = registered("");
    let here = place.path();
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let both = format!("{}{}", others.pem, ours.pem);
    for (host, config, roots, refused) in [
        ("localhost", ours.vouch("localhost", 4000), &ours.pem, None),
        ("localhost", ours.vouch("localhost", 4000), &both, None),
        ("127.0.0.1", ours.vouch("127.0.0.1", 4000), &ours.pem, None),
        ("localhost", ours.vouch("localhost", 4000), &others.pem, Some("SSL_CERT_FILE")),
        ("localhost", ours.vouch("models.example.org", 4000), &ours.pem, Some("not valid for name")),
        ("127.0.0.1", ours.vouch("localhost", 4000), &ours.pem, Some("not valid for name")),
        ("localhost", ours.vouch("localhost", 2001), &ours.pem, Some("is this machine's clock right?")),
    ] {
        let port = serve(here.to_owned(), config, None);
        let ran = run(here, roots, &format!("get --registry https://{host}:{port}/registry --root root.json m"));
        match refused {
            None => {
                ran.ends_with(0).complains(&format!("wrote m: m, from https://{host}:{port}/registry/targets/"));
                fs::remove_file(here.join("m")).unwrap();
            }
            Some(why) => {
                ran.ends_with(2).has_no_result().complains("registry-unreachable").complains(why);
                assert!(!here.join("m").exists());
            }
        }
        // Without any authority nobody is believed.
        run(here, "", &format!("get --registry https://{host}:{port}/registry --root root.json m")).ends_with(2);
    }
}

#[test]
fn a_model_behind_a_redirect_is_asked_for_as_secretly() {
    let ours = Authority::new("ours");
    let place = folder();
    copy(&genuine("lenet.bson"), &place.path().join("m.bson"));
    let last = serve(place.path().to_owned(), ours.vouch("localhost", 4000), None);
    let strange = serve(place.path().to_owned(), Authority::new("others").vouch("localhost", 4000), None);
    for (to, status, said) in [
        (format!("https://localhost:{last}/m.bson"), 0, "wrote m: m, from https://localhost"),
        (format!("http://localhost:{last}/m.bson"), 1, "registry-source"),
        (format!("https://localhost:{strange}/m.bson"), 2, "SSL_CERT_FILE"),
    ] {
        let first = serve(place.path().to_owned(), ours.vouch("localhost", 4000), Some(to));
        let registered = registered(&format!("--no-copy --source https://localhost:{first}/moved"));
        let ran = run(registered.path(), &ours.pem, "get --registry registry --root root.json m");
        ran.ends_with(status).complains(said);
        assert_eq!(registered.path().join("m").exists(), status == 0);
    }
}
