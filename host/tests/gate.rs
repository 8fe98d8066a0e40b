//! The example `gate`, started as its own process and asked over the loopback: what is good, bad, too long, without
//! evidence, slow, and an end that finishes what has begun.
#![cfg(unix)]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use flux_airlock::Digest;
use sha2::{Digest as _, Sha256};

#[test]
fn an_upload_with_its_digest_is_opened() {
    let gate = Gate::start(&[]);
    let lenet = corpus("accept/flux-0.16.9/lenet.bson");
    let (status, body) = gate.post("/report", Some(&lenet), &lenet);
    assert_eq!(status, 200);
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&report["verdict"], report["tensors"].as_array().unwrap().len()), (&"opened".into(), 10));
    assert_eq!(report["evidence"].as_array().unwrap().len(), 1);

    let (status, body) = gate.post("/safetensors", Some(&lenet), &lenet);
    assert_eq!(status, 200);
    let header = usize::try_from(u64::from_le_bytes(body[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&body[8..8 + header]).unwrap();
    assert_eq!(header["model.layers[8].bias"]["shape"], serde_json::json!([10]));
}

#[test]
fn nothing_is_opened_without_evidence() {
    let gate = Gate::start(&[]);
    let lenet = corpus("accept/flux-0.16.9/lenet.bson");
    assert_eq!(gate.post("/report", None, &lenet).0, 428);
    let (status, body) = gate.post("/report", Some(b"another file"), &lenet);
    assert_eq!((status, code(&body)), (412, "digest-mismatch".to_owned()));
    let pin = "x-airlock-pin: sha256:0123\r\n";
    assert_eq!(gate.send(&request("/report", pin, &lenet)).0, 400);
}

#[test]
fn a_service_that_was_started_so_opens_what_nobody_vouches_for_and_says_it() {
    let gate = Gate::start(&["--unverified"]);
    let lenet = corpus("accept/flux-0.16.9/lenet.bson");
    let (status, body) = gate.post("/report", None, &lenet);
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &report["evidence"]), (200, &serde_json::json!([])));
    // What a request vouches for must hold all the same.
    assert_eq!(gate.post("/report", Some(b"another file"), &lenet).0, 412);
}

#[test]
fn hostile_uploads_are_refused_and_the_service_goes_on() {
    let gate = Gate::start(&[]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/reject");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bson") {
            let file = fs::read(&path).unwrap();
            let (status, body) = gate.post("/report", Some(&file), &file);
            // Some are refused only under smaller limits than the default.
            assert!(status == 422 || status == 200, "{}: {status}", path.display());
            let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(report["verdict"] == "opened", status == 200, "{}", path.display());
        }
    }
    let lenet = corpus("accept/flux-0.16.9/lenet.bson");
    assert_eq!(gate.post("/report", Some(&lenet), &lenet).0, 200);
    let metrics = gate.send("GET /metrics HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n".as_bytes()).1;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.contains("gate_uploads_total{code=\"opened\"}"), "{metrics}");
    assert!(metrics.contains("gate_uploads_total{code=\"truncated\"}"), "{metrics}");
}

#[test]
fn a_body_that_is_too_long_is_not_read() {
    let gate = Gate::start(&["--max-body", "1000"]);
    let file = vec![0; 1001];
    assert_eq!(gate.post("/report", Some(&file), &file).0, 413);
    // Nor if it says nothing of its length.
    let head = "POST /report HTTP/1.1\r\nhost: gate\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
    let pin = pin(&file);
    let body = [format!("{head}{pin}\r\n3e9\r\n").as_bytes(), &file, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(gate.send(&body).0, 413);
}

#[test]
fn more_at_once_than_there_may_be_are_turned_away() {
    let gate = Gate::start(&["--at-once", "1"]);
    let lenet = corpus("accept/flux-0.16.9/lenet.bson");
    let mut slow = gate.connect();
    let request = request("/report", &pin(&lenet), &lenet);
    slow.write_all(&request[..request.len() - 1]).unwrap();
    gate.wait_for_one();
    assert_eq!(gate.post("/report", Some(&lenet), &lenet).0, 503);
    slow.write_all(&request[request.len() - 1..]).unwrap();
    assert_eq!(answer(&mut slow).0, 200);
}

#[test]
fn a_client_that_is_slow_is_not_waited_for() {
    let gate = Gate::start(&["--seconds", "1"]);
    let lenet = corpus("accept/flux-0.16.9/lenet.bson");
    let request = request("/report", &pin(&lenet), &lenet);
    let mut body = gate.connect();
    body.write_all(&request[..request.len() - 1]).unwrap();
    assert_eq!(answer(&mut body).0, 408);
    let mut head = gate.connect();
    head.write_all(&request[..20]).unwrap();
    // Closed, with or without an answer.
    let mut rest = Vec::new();
    let _ = head.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(gate.post("/report", Some(&lenet), &lenet).0, 200);
}

#[test]
fn what_has_begun_is_finished() {
    let mut gate = Gate::start(&[]);
    let lenet = corpus("accept/flux-0.16.9/lenet.bson");
    let request = request("/report", &pin(&lenet), &lenet);
    let mut begun = gate.connect();
    begun.write_all(&request[..request.len() - 1]).unwrap();
    // In before the end is asked for.
    gate.wait_for_one();
    let killed = Command::new("kill").args(["-TERM", &gate.process.id().to_string()]).status().unwrap();
    assert!(killed.success());
    while TcpStream::connect(gate.address).is_ok() {}
    begun.write_all(&request[request.len() - 1..]).unwrap();
    assert_eq!(answer(&mut begun).0, 200);
    assert!(gate.process.wait().unwrap().success());
    let mut said = String::new();
    gate.stdout.read_to_string(&mut said).unwrap();
    assert_eq!(said, "ended\n");
}

/// A running service.
struct Gate {
    process: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Gate {
    fn start(options: &[&str]) -> Self {
        let mut process = Command::new(program())
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}: cargo build --examples", program().display()));
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { process, stdout, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream
    }

    /// Waits until one upload is in.
    fn wait_for_one(&self) {
        let is_in = || {
            let (_, metrics) = self.send(b"GET /metrics HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n");
            String::from_utf8(metrics).unwrap().contains("gate_uploads_at_once 1")
        };
        assert!((0..10_000).any(|_| is_in()), "an upload is not let in");
    }

    fn post(&self, path: &str, vouched: Option<&[u8]>, body: &[u8]) -> (u16, Vec<u8>) {
        self.send(&request(path, &vouched.map_or_else(String::new, pin), body))
    }

    fn send(&self, request: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = self.connect();
        // One that is refused before its end may be closed before its end.
        let _ = stream.write_all(request);
        answer(&mut stream)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn request(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: gate\r\nconnection: close\r\ncontent-length: {len}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn pin(file: &[u8]) -> String {
    format!("x-airlock-pin: {}\r\n", Digest::Sha256(Sha256::digest(file).into()))
}

/// The status and the body of an answer, after which the connection ends.
fn answer(stream: &mut TcpStream) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("{read:?}: {:?}", String::from_utf8_lossy(&bytes)));
    let status = std::str::from_utf8(&bytes[9..12]).unwrap().parse().unwrap();
    (status, bytes[end + 4..].to_vec())
}

fn code(body: &[u8]) -> String {
    let report: serde_json::Value = serde_json::from_slice(body).unwrap();
    report["refusal"]["code"].as_str().unwrap().to_owned()
}

fn corpus(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus").join(file)).unwrap()
}

/// Cargo builds the examples beside the tests.
fn program() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples/gate")
}
