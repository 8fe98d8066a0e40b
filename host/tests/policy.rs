//! Policies and registries at the outer door: what each refuses, in which order, and that nothing was decoded then.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use flux_airlock::report::EvidenceEntry;
use flux_airlock::{
    Airlock, Clock, Digest, Evidence, Input, Limits, LockFile, Pin, Policy, PublicKey, Registry, RegistryAt,
    RegistryError, Signature, Source,
};
use flux_airlock_trust::{Adding, Keeper, KeyError, Lifetimes, NewRegistry, Passphrase, PrivateKey, Role};
use sha2::{Digest as _, Sha256};

/// `Dict(:a => 1)`, as BSON.jl writes it.
const FILE: &[u8] = b"\x10\0\0\0\x12a\0\x01\0\0\0\0\0\0\0\0";

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn pin(bytes: &[u8]) -> Evidence {
    Evidence::pin(Pin::new(Digest::Sha256(sha256(bytes))))
}

fn policy(text: &str) -> Policy {
    Policy::parse(&format!("version = 1\n{text}"), Path::new("/etc/airlock/policy.toml")).unwrap()
}

fn under(text: &str) -> Airlock {
    Airlock::builder().policy(policy(text)).clock(day(1)).build().unwrap()
}

fn day(day: u64) -> Clock {
    Clock::fixed(SystemTime::UNIX_EPOCH + Duration::from_hours(24 * (20_000 + day)))
}

fn from(url: &str) -> Input<'static> {
    Input::bytes(FILE).had_from(Source::parse(url).unwrap())
}

fn key() -> (PrivateKey, PrivateKey) {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let read = || {
        let none = || -> Result<Passphrase, KeyError> { panic!("it is not encrypted") };
        PrivateKey::parse(pem.as_bytes(), none).unwrap()
    };
    (read(), read())
}

/// A registry with one model, `m`, of day 0, that one key signs.
struct Registered {
    folder: tempfile::TempDir,
    key: PrivateKey,
}

impl Registered {
    fn new(adding: &Adding) -> Self {
        let (key, again) = key();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("m.bson"), FILE).unwrap();
        fs::create_dir(folder.path().join("registry")).unwrap();
        let new =
            Role::ALL.into_iter().fold(NewRegistry::default(), |new, role| new.role(role, vec![key.public_key()], 1));
        let registered = Self { folder, key };
        let mut keeper = Keeper::init(&registered.path(), &registered.cache(), &new, day(0)).unwrap();
        keeper.add("m", &registered.folder.path().join("m.bson"), adding, day(0)).unwrap();
        keeper.publish(&[again], Lifetimes::default(), day(0)).unwrap();
        registered
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("registry")
    }

    fn root(&self) -> Vec<u8> {
        fs::read(self.path().join("metadata/1.root.json")).unwrap()
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn load(&self) -> Registry {
        RegistryAt::folder(self.path(), self.root(), self.cache()).load(day(1)).unwrap()
    }

    fn change(self, change: impl FnOnce(&mut Keeper)) -> Self {
        let mut keeper = Keeper::open(&self.path(), &self.root(), &self.cache(), day(1)).unwrap();
        change(&mut keeper);
        let Self { folder, key } = self;
        let keys = [key];
        keeper.publish(&keys, Lifetimes::default(), day(1)).unwrap();
        let [key] = keys;
        Self { folder, key }
    }
}

const STORED: Adding = Adding { stored: true, sources: Vec::new(), signers: Vec::new() };

#[test]
fn no_refusal_of_a_policy_starts_the_guest() {
    let models = "[[source]]\nurl = \"https://models.example.org/flux/\"\n";
    let url = "https://models.example.org/flux/m.bson";
    let denied = format!("denied = [\"sha512:{}\"]\n", Digest::Sha512(sha2::Sha512::digest(FILE).into()).to_hex());
    for (text, input, code) in [
        (models, Input::bytes(FILE), "policy-source"),
        (models, from("https://models.example.org.evil.example/flux/m.bson"), "policy-source"),
        (models, from(&format!("{url}?x")), "policy-source"),
        (&format!("{models}evidence = [\"registry\"]\n"), from(url), "policy-evidence"),
        (&format!("{models}max_age_days = 1\n"), from(url), "policy-age"),
        (&format!("{models}formats = []\n"), from(url), "policy-format"),
        (&format!("{models}max_bytes = 15\n"), from(url), "file-bytes-limit"),
        ("[limits]\nfile_bytes = 15\n", from(url), "file-bytes-limit"),
        (&denied, from(url), "policy-digest"),
    ] {
        let airlock = under(text);
        let rejected = airlock.examine(input, &pin(FILE)).unwrap_err();
        assert_eq!((rejected.error.code(), rejected.error.is_refusal()), (code, true), "{text}");
        let report = rejected.report.unwrap();
        assert!(report.sandbox.is_none() && report.evidence.is_empty());
        assert_eq!(report.refusal.unwrap().code, code);
        assert_eq!(airlock.instances_started(), 0);
    }
    let airlock = under("unverified = \"never\"\n");
    assert_eq!(airlock.open_unverified(Input::bytes(FILE)).unwrap_err().code(), "policy-unverified");
    let report = airlock.inspect(Input::bytes(FILE)).unwrap();
    assert_eq!(report.refusal.unwrap().code, "policy-unverified");
    assert_eq!(airlock.instances_started(), 0);
    let airlock = under(models);
    assert!(airlock.open(from(url), &pin(FILE)).is_ok());
    assert_eq!(airlock.instances_started(), 1);
}

#[test]
fn the_order_is_size_and_type_then_digest_then_signature_then_registry_then_policy() {
    let registered = Registered::new(&STORED).change(|keeper| keeper.revoke(sha256(FILE), "it lies", day(1)));
    let registry = registered.load();
    let sized = Airlock::builder().limits(Limits::builder().file_bytes(15).build().unwrap());
    let no_source = "[[source]]\nurl = \"https://models.example.org/\"\n";
    let strict =
        |builder: flux_airlock::AirlockBuilder| builder.policy(policy(no_source)).clock(day(1)).build().unwrap();
    let by = PublicKey::parse(b"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
    let all = |evidence: Evidence| evidence.and_signature(Signature::new("x"), by.clone()).and_registry(&registry, "m");
    let code =
        |airlock: &Airlock, input, evidence: &Evidence| airlock.open(input, evidence).unwrap_err().code().to_owned();
    // Everything is wrong at once, and what is mended comes first.
    let (small, airlock) = (strict(sized), strict(Airlock::builder()));
    assert_eq!(code(&small, Input::path(registered.folder.path()), &all(pin(b"x"))), "directory");
    assert_eq!(code(&small, Input::bytes(FILE), &all(pin(b"x"))), "file-bytes-limit");
    assert_eq!(code(&airlock, Input::bytes(FILE), &all(pin(b"x"))), "digest-mismatch");
    assert_eq!(code(&airlock, Input::bytes(FILE), &all(pin(FILE))), "signature-format");
    assert_eq!(code(&airlock, Input::bytes(FILE), &pin(FILE).and_registry(&registry, "m")), "registry-revoked");
    assert_eq!(code(&airlock, Input::bytes(FILE), &pin(FILE)), "policy-source");
    assert_eq!((small.instances_started(), airlock.instances_started()), (0, 0));
    // Behind all of them is the guest, and only there is the file looked at.
    let open = Airlock::builder().clock(day(1)).build().unwrap();
    assert_eq!(code(&open, Input::bytes(&FILE[..15]), &pin(&FILE[..15])), "truncated");
    assert_eq!(open.instances_started(), 1);
}

#[test]
fn a_policy_lowers_limits_and_raises_none() {
    let lax = "[limits]\ndepth = 65535\nfile_bytes = 99999999999\nfuel = 99999999999999\nmemory_bytes = 4294967296\n";
    let granted = Limits::builder().file_bytes(15).build().unwrap();
    let airlock = Airlock::builder().limits(granted).policy(policy(lax)).build().unwrap();
    assert_eq!(airlock.open(Input::bytes(FILE), &pin(FILE)).unwrap_err().code(), "file-bytes-limit");
    for (limit, code) in [
        ("fuel = 1", "fuel-limit"),
        ("nodes = 1\nelements = 1\nnames_bytes = 1", "ok"),
        ("answer_bytes = 8", "answer-bytes-limit"),
    ] {
        let opened = under(&format!("[limits]\n{limit}\n")).open(Input::bytes(FILE), &pin(FILE));
        assert_eq!(opened.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned()), code, "{limit}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_is_judged_by_where_its_bytes_lie() {
    let folder = tempfile::tempdir().unwrap();
    let (allowed, other) = (folder.path().join("allowed"), folder.path().join("other"));
    fs::create_dir(&allowed).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("m.bson"), FILE).unwrap();
    fs::write(allowed.join("m.bson"), FILE).unwrap();
    std::os::unix::fs::symlink(other.join("m.bson"), allowed.join("link.bson")).unwrap();
    let airlock = under(&format!("[[source]]\npath = \"{}/\"\n", allowed.display()));
    let open = |path: PathBuf| {
        airlock.open(Input::path(path), &pin(FILE)).map_or_else(|e| e.code().to_owned(), |_| "ok".into())
    };
    assert_eq!(open(allowed.join("m.bson")), "ok");
    assert_eq!(open(other.join("../allowed/m.bson")), "ok");
    assert_eq!(open(other.join("m.bson")), "policy-source");
    assert_eq!(open(allowed.join("link.bson")), "policy-source");
    assert_eq!(open(allowed.join("../other/m.bson")), "policy-source");
    // The report has the path as it was given.
    let model = airlock.open(Input::path(allowed.join("m.bson")), &pin(FILE)).unwrap();
    assert_eq!(model.file().path.as_deref(), allowed.join("m.bson").to_str());
}

#[test]
fn judging_ends_at_the_outer_door() {
    let airlock = under("[[source]]\nurl = \"https://models.example.org/\"\nevidence = [\"pin\"]\n");
    let (held, met) = airlock.judge(from("https://models.example.org/m.bson"), &pin(FILE)).unwrap();
    assert_eq!((held.len(), met.len(), met[0].line), (1, 1, Some(2)));
    assert_eq!(met[0].sentence, "counts 1 of the 1 it needs: a pin");
    assert_eq!(airlock.judge(Input::bytes(FILE), &pin(FILE)).unwrap_err().error.code(), "policy-source");
    assert_eq!(airlock.instances_started(), 0);
}

#[test]
fn a_registry_vouches_for_a_file_and_the_report_says_how() {
    let registered = Registered::new(&STORED);
    let registry = registered.load();
    let airlock = under("[[source]]\nmemory = true\nevidence = [\"registry\"]\nmax_age_days = 2\n");
    let model = airlock.open(Input::bytes(FILE), &Evidence::registry(&registry, "m")).unwrap();
    let [EvidenceEntry::Registry { digest, name, version: 1, root_version: 1, time, registry: location, root, .. }] =
        model.evidence()
    else {
        panic!("{:?}", model.evidence())
    };
    assert_eq!((digest, name.as_str()), (&Digest::Sha256(sha256(FILE)).to_string(), "m"));
    assert_eq!((*time, Path::new(location)), (20_000 * 86_400, registered.path().as_path()));
    assert_eq!(*root, Digest::Sha256(sha256(&registered.root())).to_string());
    // Of two registries that list it, the one counts that the policy knows.
    let named =
        format!("[registry.team]\nroots = [{root:?}]\n[[source]]\nmemory = true\nevidence = [\"registry:team\"]\n");
    let (known, other) = (under(&named), Registered::new(&STORED));
    assert!(known.open(Input::bytes(FILE), &Evidence::registry(&registry, "m")).is_ok());
    let refused = known.open(Input::bytes(FILE), &Evidence::registry(&other.load(), "m")).unwrap_err();
    assert_eq!(refused.code(), "policy-evidence");
    let code = |evidence: &Evidence| airlock.open(Input::bytes(FILE), evidence).unwrap_err().code().to_owned();
    assert_eq!(code(&Evidence::registry(&registry, "n")), "registry-unlisted");
    // That it was not revoked vouches for nothing.
    assert_eq!(code(&Evidence::new().and_not_revoked(&registry)), "no-evidence");
    let other = airlock.open(Input::bytes(&FILE[..15]), &Evidence::registry(&registry, "m")).unwrap_err();
    assert_eq!(other.code(), "digest-mismatch");
    // Four days later the entry is too old, and a week later the registry is.
    for (later, code) in [(4, "policy-age"), (8, "registry-expired")] {
        let text = "[[source]]\nmemory = true\nevidence = [\"registry\"]\nmax_age_days = 2\n";
        let airlock = Airlock::builder().policy(policy(text)).clock(day(later)).build().unwrap();
        let error = airlock.open(Input::bytes(FILE), &Evidence::registry(&registry, "m")).unwrap_err();
        assert_eq!((error.code(), airlock.instances_started()), (code, 0));
    }
}

#[test]
fn a_revoked_file_is_refused_whatever_vouches_for_it() {
    let registered = Registered::new(&STORED);
    let before = registered.load();
    let airlock = Airlock::builder().clock(day(1)).build().unwrap();
    assert!(airlock.open(Input::bytes(FILE), &pin(FILE).and_not_revoked(&before)).is_ok());
    let registered = registered.change(|keeper| keeper.revoke(sha256(FILE), "it lies", day(1)));
    let registry = registered.load();
    let mut lock = LockFile::default();
    let digests = flux_airlock_trust::Hasher::hash(FILE, flux_airlock::Algorithms::SHA256);
    lock.insert(flux_airlock::Entry::new("m.bson", 16, &digests).unwrap(), flux_airlock_trust::Update::No).unwrap();
    let (private, _) = key();
    let manifest = flux_airlock_trust::Manifest::of_file("m.bson", sha256(FILE));
    let bundle = flux_airlock_trust::sign_oms(&private, None, &manifest).unwrap();
    let started = airlock.instances_started();
    for evidence in
        [pin(FILE), Evidence::lock(&lock, "m.bson"), Evidence::signature(Signature::new(bundle), private.public_key())]
    {
        assert!(airlock.judge(Input::bytes(FILE), &evidence).is_ok());
        let error = airlock.open(Input::bytes(FILE), &evidence.and_not_revoked(&registry)).unwrap_err();
        assert_eq!(error.code(), "registry-revoked");
    }
    assert_eq!(airlock.instances_started(), started);
}

#[test]
fn an_entry_that_names_signers_wants_one_of_their_signatures() {
    let ((named, _), (other, _)) = (key(), key());
    let adding = Adding { signers: vec![named.public_key().fingerprint()], ..STORED };
    let registered = Registered::new(&adding);
    let registry = registered.load();
    let manifest = flux_airlock_trust::Manifest::of_file("m.bson", sha256(FILE));
    let signed = |key: &PrivateKey| {
        let bundle = flux_airlock_trust::sign_oms(key, None, &manifest).unwrap();
        Evidence::registry(&registry, "m").and_signature(Signature::new(bundle), key.public_key())
    };
    let airlock = Airlock::builder().clock(day(1)).build().unwrap();
    let code = |evidence: &Evidence| airlock.open(Input::bytes(FILE), evidence).unwrap_err().code().to_owned();
    assert_eq!(code(&Evidence::registry(&registry, "m")), "registry-signer");
    assert_eq!(code(&signed(&other)), "registry-signer");
    assert_eq!(airlock.instances_started(), 0);
    assert_eq!(airlock.open(Input::bytes(FILE), &signed(&named)).unwrap().evidence().len(), 2);
}

/// A server on the loopback interface: files of a folder, and redirects.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(folder: PathBuf, redirects: Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut first = String::new();
                reader.read_line(&mut first).unwrap();
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
                log.lock().unwrap().push(path.clone());
                let answer = match redirects.iter().find(|(from, _)| *from == path) {
                    Some((_, to)) => format!(
                        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    )
                    .into_bytes(),
                    None if path == "/endless" || path == "/registry-endless/metadata/timestamp.json" => {
                        // It never ends by itself: whoever listens must.
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
                        while stream.write_all(&[b' '; 1 << 12]).is_ok() {}
                        continue;
                    }
                    None => match fs::read(folder.join(path.trim_start_matches('/'))) {
                        Ok(bytes) => {
                            let head = format!(
                                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                                bytes.len()
                            );
                            [head.as_bytes(), &bytes].concat()
                        }
                        Err(_) => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
                    },
                };
                let _ = stream.write_all(&answer);
            }
        });
        Self { url, asked }
    }
}

#[test]
fn a_client_and_a_registry_over_a_server() {
    let registered = Registered::new(&STORED);
    let server = Server::new(registered.folder.path().to_owned(), Vec::new());
    let at = RegistryAt::url(&format!("{}/registry/", server.url), registered.root(), registered.cache()).unwrap();
    let registry = at.load(day(1)).unwrap();
    assert_eq!((registry.versions().targets, registry.is_offline()), (1, false));
    let (bytes, source) = registry.fetch("m", 1 << 20, day(1), &|_| Ok(())).unwrap();
    assert!(source.to_string().starts_with(&format!("{}/registry/targets/", server.url)), "{source}");
    let airlock = under(&format!("[[source]]\nurl = \"{}/registry/\"\nevidence = [\"registry\"]\n", server.url));
    let model = airlock.open(Input::bytes(bytes).had_from(source), &Evidence::registry(&registry, "m")).unwrap();
    assert_eq!(model.variables().len(), 1);
    // What is new is seen, and what is older than that is not believed.
    let old = fs::read(registered.path().join("metadata/timestamp.json")).unwrap();
    let registered = registered.change(|keeper| keeper.revoke(sha256(FILE), "it lies", day(1)));
    let registry = at.load(day(1)).unwrap();
    assert_eq!(registry.fetch("m", 1 << 20, day(1), &|_| Ok(())).unwrap_err().code(), "registry-unlisted");
    let open = airlock.open(Input::bytes(FILE), &pin(FILE).and_not_revoked(&registry));
    assert_eq!(open.unwrap_err().code(), "registry-revoked");
    fs::write(registered.path().join("metadata/timestamp.json"), old).unwrap();
    assert_eq!(at.load(day(1)).unwrap_err().code(), "registry-rollback");
    // A server that is away, and one that never ends.
    fs::rename(registered.path(), registered.folder.path().join("away")).unwrap();
    assert!(at.load(day(2)).unwrap().is_offline());
    let root = fs::read(registered.folder.path().join("away/metadata/1.root.json")).unwrap();
    let endless =
        RegistryAt::url(&format!("{}/registry-endless", server.url), root.clone(), registered.cache()).unwrap();
    assert_eq!(endless.load(day(1)).unwrap_err().code(), "registry-too-large");
    let nowhere = RegistryAt::url("http://127.0.0.1:1/registry", root, registered.cache()).unwrap();
    assert_eq!(nowhere.load(day(1)).unwrap_err().code(), "registry-unreachable");
}

#[test]
fn a_registry_that_is_offline_asks_nobody() {
    let registered = Registered::new(&STORED);
    let server = Server::new(registered.folder.path().to_owned(), Vec::new());
    let at = RegistryAt::url(&format!("{}/registry", server.url), registered.root(), registered.cache()).unwrap();
    at.load(day(1)).unwrap();
    let asked = server.asked.lock().unwrap().len();
    let registry = at.offline().load(day(1)).unwrap();
    assert!(
        registry
            .check("m", 16, &flux_airlock_trust::Hasher::hash(FILE, flux_airlock::Algorithms::SHA256), day(1))
            .is_ok()
    );
    let error = registry.fetch("m", 1 << 20, day(1), &|_| Ok(())).unwrap_err();
    assert_eq!(error.code(), "registry-unreachable");
    assert!(error.to_string().contains("while offline"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), asked);
    // A folder is no network.
    let at = RegistryAt::folder(registered.path(), registered.root(), registered.cache());
    at.load(day(1)).unwrap();
    assert!(at.offline().load(day(1)).unwrap().fetch("m", 1 << 20, day(1), &|_| Ok(())).is_ok());
}

#[test]
fn a_registry_sends_nobody_on() {
    let registered = Registered::new(&STORED);
    let to = "/registry/metadata/timestamp.json".to_owned();
    let server = Server::new(registered.folder.path().to_owned(), vec![("/moved/metadata/timestamp.json", to)]);
    let at = RegistryAt::url(&format!("{}/moved", server.url), registered.root(), registered.cache()).unwrap();
    let error = at.load(day(1)).unwrap_err();
    assert_eq!(error.code(), "registry-unreachable");
    assert!(error.to_string().contains("a registry does not send on to elsewhere"), "{error}");
    assert!(!server.asked.lock().unwrap().iter().any(|path| path.starts_with("/registry")));
    // Nor has it a query, of which its files' names would be a part.
    let code = |url: &str| RegistryAt::url(url, [], "cache").map_or_else(|error| error.code(), |_| "ok");
    assert_eq!(code("https://models.example.org/registry?key=1"), "source-query");
    assert_eq!(code("https://models.example.org/registry#1"), "source-fragment");
    assert_eq!(code("https://models.example.org/a/../registry"), "source-dots");
    assert_eq!(code("file:///srv/registry"), "source-scheme");
}

#[test]
fn redirects_are_asked_about_at_each_hop() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("models")).unwrap();
    fs::create_dir(folder.path().join("other")).unwrap();
    fs::write(folder.path().join("models/m.bson"), FILE).unwrap();
    fs::write(folder.path().join("other/m.bson"), FILE).unwrap();
    let other = Server::new(folder.path().to_owned(), Vec::new());
    let server = Server::new(
        folder.path().to_owned(),
        vec![
            ("/models/moved", "m.bson".to_owned()),
            ("/models/twice", "/models/moved".to_owned()),
            ("/models/out", "/other/m.bson".to_owned()),
            ("/models/away", format!("{}/models/m.bson", other.url)),
            ("/models/up", "../other/m.bson".to_owned()),
            ("/models/user", other.url.replace("http://", "http://127.0.0.1@")),
            ("/models/file", "file:///etc/passwd".to_owned()),
            ("/models/round", "round".to_owned()),
        ],
    );
    let policy = policy(&format!("[[source]]\nurl = \"{}/models/\"\n", server.url));
    let allowed = |source: &Source| policy.check_source(source).map_err(RegistryError::from);
    for (name, code) in [
        ("m.bson", "ok"),
        ("moved", "ok"),
        ("twice", "ok"),
        ("out", "policy-source"),
        ("away", "policy-source"),
        ("up", "registry-source"),
        ("user", "registry-source"),
        ("file", "registry-source"),
        ("round", "registry-unreachable"),
        ("missing", "registry-unreachable"),
    ] {
        let sources = vec![Source::parse(&format!("{}/models/{name}", server.url)).unwrap()];
        let registered = Registered::new(&Adding { stored: false, sources, signers: Vec::new() });
        let fetched = registered.load().fetch("m", 1 << 20, day(1), &allowed);
        assert_eq!(fetched.map_or_else(|error| error.code(), |_| "ok"), code, "{name}");
    }
    assert!(other.asked.lock().unwrap().is_empty(), "what is not allowed is not asked for");
    assert!(!server.asked.lock().unwrap().iter().any(|path| path.starts_with("/other")));
    // More than is listed is not read to its end.
    let sources = vec![Source::parse(&format!("{}/endless", server.url)).unwrap()];
    let registered = Registered::new(&Adding { stored: false, sources, signers: Vec::new() });
    let error = registered.load().fetch("m", 1 << 20, day(1), &|_| Ok(())).unwrap_err();
    assert_eq!(error.code(), "registry-too-large");
}
