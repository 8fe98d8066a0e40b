//! Models, keys, certificates and signatures, made without the code that is tested: statements and envelopes are written here
//! once more, and signed by `rcgen`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flux_airlock_trust::{Manifest, PrivateKey, sign_oms};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SigningKey as _,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Whose signature it must be.
pub(crate) enum Signer {
    Key(PathBuf),
    Roots(PathBuf),
}

/// A model, a signature, and what is to come of them.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Our verdict: the code, or `None` where the signature holds.
    pub(crate) ours: Option<&'static str>,
    /// A file, or a folder.
    pub(crate) model: PathBuf,
    /// The file of the folder that is opened.
    pub(crate) opened: Option<&'static str>,
    pub(crate) signature: PathBuf,
    pub(crate) signer: Signer,
}

/// A key, and its public half in a file.
struct Key {
    pair: KeyPair,
    public: PathBuf,
}

impl Key {
    fn new(root: &Path, name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let public = root.join(format!("{name}.pub"));
        fs::write(&public, pair.public_key_pem()).unwrap();
        Self { pair, public }
    }

    /// What the reference calls the key.
    fn hint(&self) -> String {
        hex(&Sha256::digest(self.pair.public_key_pem()))
    }

    fn private(&self) -> PrivateKey {
        PrivateKey::parse(self.pair.serialize_pem().as_bytes(), || panic!("it is not encrypted")).unwrap()
    }
}

/// A key that hashes with SHA-256, though its curve is stronger.
struct Weaker(EcdsaKeyPair);

impl Weaker {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

pub(crate) struct Lab {
    root: PathBuf,
    pub(crate) now: SystemTime,
    p256: Key,
    other: Key,
    p384: Key,
    p521: Key,
    /// The same key as `p521`, hashing with SHA-256.
    p521_sha256: Weaker,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A bundle in parts.
#[derive(Clone)]
struct Parts {
    media_type: Value,
    material: Value,
    envelope: Value,
}

impl Parts {
    fn json(&self) -> String {
        json!({
            "mediaType": self.media_type,
            "verificationMaterial": self.material,
            "dsseEnvelope": self.envelope,
        })
        .to_string()
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> String {
        change(&mut self);
        self.json()
    }
}

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const FILE: &[u8] = b"the bytes of a model";
const FILES: [(&str, &[u8]); 3] = [("a.bson", b"first"), ("b/c.bin", b"second"), ("d.txt", b"third")];
/// A key of a curve that nobody signs models with.
const SECP256K1: &str = "-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEtx31CQVTdZi35rmc0Mzk6ax7AOWYLDAb
6WPElB4rY6AxhXpyKma5+tKEVJpkpqMVnQ+GVuaSi/QEM1DYx6vAaw==
-----END PUBLIC KEY-----
";
const DAY: Duration = Duration::from_hours(24);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The encoding of DSSE.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// A statement about these files, which are in the order of their names.
fn statement(files: &[(&str, &[u8])]) -> Value {
    let root: Vec<u8> = files.iter().flat_map(|(_, bytes)| Sha256::digest(bytes)).collect();
    let resources: Vec<Value> = files
        .iter()
        .map(|(name, bytes)| json!({ "name": name, "algorithm": "sha256", "digest": sha256(bytes) }))
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "model", "digest": { "sha256": sha256(&root) } }],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": { "method": "files", "hash_type": "sha256", "allow_symlinks": false },
            "resources": resources,
        },
    })
}

/// A statement as version 0.2 made it.
fn statement_of_2024(files: &[(&str, &[u8])]) -> Value {
    let subjects: Vec<Value> = files
        .iter()
        .map(|(name, bytes)| {
            json!({
                "name": name,
                "digest": { "sha256": sha256(bytes) },
                "annotations": { "actual_hash_algorithm": "file-sha256" },
            })
        })
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": { "unused": "Unused" },
    })
}

fn envelope(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": STANDARD.encode(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{ "sig": STANDARD.encode(signature), "keyid": "" }],
    })
}

/// A bundle by this key.
fn by_key(key: &Key, payload: &[u8]) -> Parts {
    let signature = key.pair.sign(&pae(PAYLOAD_TYPE, payload)).unwrap();
    Parts {
        media_type: MEDIA_TYPE.into(),
        material: json!({ "publicKey": { "hint": key.hint() }, "tlogEntries": [] }),
        envelope: envelope(payload, &signature),
    }
}

/// A bundle by this key with these certificates.
fn by_certificates(pair: &KeyPair, certificates: &[&[u8]], payload: &[u8]) -> Parts {
    let signature = pair.sign(&pae(PAYLOAD_TYPE, payload)).unwrap();
    let certificates: Vec<Value> = certificates.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
    Parts {
        media_type: MEDIA_TYPE.into(),
        material: json!({ "x509CertificateChain": { "certificates": certificates }, "tlogEntries": [] }),
        envelope: envelope(payload, &signature),
    }
}

/// Writes files below a folder.
fn write(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder.to_owned()
}

/// How an authority or a signer is made.
struct Wanted {
    name: &'static str,
    authority: Option<BasicConstraints>,
    usages: Vec<KeyUsagePurpose>,
    purposes: Vec<ExtendedKeyUsagePurpose>,
    /// Days from now.
    from: i32,
    to: i32,
}

impl Wanted {
    fn authority(name: &'static str) -> Self {
        Self {
            name,
            authority: Some(BasicConstraints::Unconstrained),
            usages: vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            purposes: Vec::new(),
            from: -1000,
            to: 1000,
        }
    }

    fn signer() -> Self {
        Self {
            name: "Model team",
            authority: None,
            usages: vec![KeyUsagePurpose::DigitalSignature],
            purposes: vec![ExtendedKeyUsagePurpose::CodeSigning],
            from: -100,
            to: 100,
        }
    }

    fn params(self, now: SystemTime) -> CertificateParams {
        let at = |days: i32| {
            let distance = DAY * days.unsigned_abs();
            if days < 0 { now - distance } else { now + distance }
        };
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.name);
        params.is_ca = self.authority.map_or(IsCa::NoCa, IsCa::Ca);
        params.key_usages = self.usages;
        params.extended_key_usages = self.purposes;
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (at(self.from).into(), at(self.to).into());
        params
    }
}

/// An authority that issues certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    fn root(wanted: Wanted, now: SystemTime) -> Self {
        let pair = KeyPair::generate().unwrap();
        let params = wanted.params(now);
        let certificate = params.self_signed(&pair).unwrap();
        Self { issuer: Issuer::new(params, pair), certificate }
    }

    fn below(&self, wanted: Wanted, now: SystemTime) -> Self {
        let pair = KeyPair::generate().unwrap();
        let params = wanted.params(now);
        let certificate = params.signed_by(&pair, &self.issuer).unwrap();
        Self { issuer: Issuer::new(params, pair), certificate }
    }

    fn certify(&self, pair: &KeyPair, wanted: Wanted, now: SystemTime) -> Certificate {
        wanted.params(now).signed_by(pair, &self.issuer).unwrap()
    }

    fn der(&self) -> &[u8] {
        self.certificate.der()
    }
}

/// A case that is being made.
struct Made {
    model: PathBuf,
    opened: Option<&'static str>,
    /// Relative to the case's folder.
    at: &'static str,
    signature: Vec<u8>,
    signer: Signer,
}

impl Lab {
    pub(crate) fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("airlock-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        // Without links: the reference takes the folder as it is named.
        let root = fs::canonicalize(root).unwrap();
        let p521 = Key::new(&root, "p521", &rcgen::PKCS_ECDSA_P521_SHA512);
        let der = p521.pair.serialize_der();
        let p521_sha256 = Weaker(EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA256_ASN1_SIGNING, &der).unwrap());
        Self {
            // The first day of 2026.
            now: SystemTime::UNIX_EPOCH + DAY * 20_454,
            p256: Key::new(&root, "p256", &rcgen::PKCS_ECDSA_P256_SHA256),
            other: Key::new(&root, "other", &rcgen::PKCS_ECDSA_P256_SHA256),
            p384: Key::new(&root, "p384", &rcgen::PKCS_ECDSA_P384_SHA384),
            p521,
            p521_sha256,
            root,
        }
    }

    fn folder(&self, name: &str) -> PathBuf {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn key(&self) -> Signer {
        Signer::Key(self.p256.public.clone())
    }

    fn roots(&self, name: &str, roots: &[&Authority]) -> Signer {
        let pem: String = roots.iter().map(|root| root.certificate.pem()).collect();
        Signer::Roots(self.file(&format!("{name}.pem"), &pem))
    }

    fn case(&self, name: &'static str, ours: Option<&'static str>, make: impl FnOnce(&Path) -> Made) -> Case {
        let folder = self.folder(name);
        let Made { model, opened, at, signature, signer } = make(&folder);
        let path = folder.join(at);
        fs::write(&path, signature).unwrap();
        Case { name, ours, model, opened, signature: path, signer }
    }

    /// A model of one file, under this signature.
    fn one(&self, name: &'static str, ours: Option<&'static str>, signature: impl Into<Vec<u8>>) -> Case {
        self.one_by(name, ours, signature, self.key())
    }

    fn one_by(
        &self,
        name: &'static str,
        ours: Option<&'static str>,
        signature: impl Into<Vec<u8>>,
        signer: Signer,
    ) -> Case {
        self.case(name, ours, |folder| Made {
            model: write(folder, &[("model.bson", FILE)]).join("model.bson"),
            opened: None,
            at: "model.sig",
            signature: signature.into(),
            signer,
        })
    }

    /// A model of one file, under a statement that was changed before it was signed.
    fn stated(&self, name: &'static str, ours: Option<&'static str>, change: impl FnOnce(&mut Value)) -> Case {
        let mut statement = statement(&[(".", FILE)]);
        change(&mut statement);
        self.one(name, ours, by_key(&self.p256, statement.to_string().as_bytes()).json())
    }

    /// A folder under a good signature, changed afterwards.
    fn many(&self, name: &'static str, ours: Option<&'static str>, change: impl FnOnce(&Path)) -> Case {
        let payload = statement(&FILES).to_string();
        self.many_by(name, ours, &payload, change)
    }

    fn many_by(
        &self,
        name: &'static str,
        ours: Option<&'static str>,
        payload: &str,
        change: impl FnOnce(&Path),
    ) -> Case {
        self.case(name, ours, |folder| {
            let model = write(&folder.join("model"), &FILES);
            change(&model);
            Made {
                model,
                opened: Some("a.bson"),
                at: "model.sig",
                signature: by_key(&self.p256, payload.as_bytes()).json().into(),
                signer: self.key(),
            }
        })
    }

    /// All cases.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut cases = self.honest();
        cases.extend(self.changed_models());
        cases.extend(self.keys_and_signatures());
        cases.extend(self.bundles());
        cases.extend(self.statements());
        cases.extend(self.certificates());
        cases
    }

    fn honest(&self) -> Vec<Case> {
        let payload = statement(&[(".", FILE)]).to_string();
        let payload = payload.as_bytes();
        let good = by_key(&self.p256, payload);
        let one = |name, signature: String| self.one(name, None, signature);
        let pretty = serde_json::to_string_pretty(&statement(&[(".", FILE)])).unwrap();
        let of_2024 = |files: &[(&str, &[u8])], sign: &dyn Fn(&[u8]) -> Vec<u8>, material: Value| {
            let payload = statement_of_2024(files).to_string();
            // As Python shows bytes: what is in this payload stands for itself.
            let signed = format!("DSSEV1 {} {PAYLOAD_TYPE} {} b'{payload}'", PAYLOAD_TYPE.len(), payload.len());
            let signature = sign(signed.as_bytes());
            Parts { media_type: MEDIA_TYPE.into(), material, envelope: envelope(payload.as_bytes(), &signature) }
        };
        let old_material = json!({ "publicKey": { "rawBytes": "AAAA", "keyDetails": "PKIX_ECDSA_P256_SHA_256" } });
        let root = Authority::root(Wanted::authority("Root"), self.now);
        let leaf = root.certify(&self.p521.pair, Wanted::signer(), self.now);
        let chain =
            json!({ "x509CertificateChain": { "certificates": [{ "rawBytes": STANDARD.encode(leaf.der()) }] } });
        let names: [(&str, &[u8]); 3] = [("a.bson", b"first"), ("leer/größe.bin", b""), ("学習.bson", b"x")];
        vec![
            one("one file, by a P-256 key", good.json()),
            self.one_by(
                "one file, by a P-384 key",
                None,
                by_key(&self.p384, payload).json(),
                Signer::Key(self.p384.public.clone()),
            ),
            self.one_by(
                "one file, by a P-521 key",
                None,
                by_key(&self.p521, payload).json(),
                Signer::Key(self.p521.public.clone()),
            ),
            self.case("one file, under another name than it was signed with", None, |folder| Made {
                model: write(folder, &[("renamed", FILE)]).join("renamed"),
                opened: None,
                at: "model.sig",
                signature: good.json().into(),
                signer: self.key(),
            }),
            self.many("a folder of several files", None, |_| {}),
            self.many("a folder, with Git's own files beside", None, |model| {
                write(model, &[(".gitignore", b"x"), (".git/config", b"x"), (".github/a/b", b"x")]);
            }),
            self.many_by(
                "a folder, with what the signer left out",
                None,
                &{
                    let mut statement = statement(&FILES);
                    statement["predicate"]["serialization"]["ignore_paths"] = json!(["logs", "notes.md"]);
                    statement.to_string()
                },
                |model| {
                    write(model, &[("logs/1/a", b"x"), ("notes.md", b"x")]);
                },
            ),
            self.case("a folder, with the signature in it", None, |folder| Made {
                model: write(&folder.join("model"), &FILES),
                opened: Some("a.bson"),
                at: "model/model.sig",
                signature: by_key(&self.p256, statement(&FILES).to_string().as_bytes()).json().into(),
                signer: self.key(),
            }),
            self.case("a folder, with names and sizes of all sorts", None, |folder| Made {
                model: write(&folder.join("model"), &names),
                opened: Some("a.bson"),
                at: "model.sig",
                signature: by_key(&self.p256, statement(&names).to_string().as_bytes()).json().into(),
                signer: self.key(),
            }),
            one(
                "a key without a name, as before version 1.1",
                good.clone().with(|parts| {
                    parts.material = json!({ "publicKey": { "hint": "" }, "tlogEntries": [] });
                }),
            ),
            one(
                "a key by its bytes, as in version 1.0",
                good.clone().with(|parts| {
                    parts.material = old_material.clone();
                }),
            ),
            one(
                "no word of a log",
                good.clone().with(|parts| {
                    parts.material = json!({ "publicKey": { "hint": self.p256.hint() } });
                }),
            ),
            one("a statement with other spaces", by_key(&self.p256, pretty.as_bytes()).json()),
            self.stated("a predicate with more than version 1.0 has", None, |statement| {
                statement["predicate"]["model_card"] = json!({ "any": ["thing"] });
            }),
            self.stated("a signer who followed links, where there are none", None, |statement| {
                statement["predicate"]["serialization"]["allow_symlinks"] = json!(true);
            }),
            self.case("version 0.2, by a key", None, |folder| Made {
                model: write(&folder.join("model"), &FILES),
                opened: Some("a.bson"),
                at: "model.sig",
                signature: of_2024(&FILES, &|message| self.p256.pair.sign(message).unwrap(), old_material.clone())
                    .json()
                    .into(),
                signer: self.key(),
            }),
            self.case("version 0.2, by a certificate, hashed with SHA-256", None, |folder| Made {
                model: write(&folder.join("model"), &FILES),
                opened: Some("a.bson"),
                at: "model.sig",
                signature: of_2024(&FILES, &|message| self.p521_sha256.sign(message), chain.clone()).json().into(),
                signer: self.roots("of-2024", &[&root]),
            }),
            self.case("version 0.2, in the encoding of today", None, |folder| Made {
                model: write(&folder.join("model"), &FILES),
                opened: Some("a.bson"),
                at: "model.sig",
                signature: by_key(&self.p256, statement_of_2024(&FILES).to_string().as_bytes()).json().into(),
                signer: self.key(),
            }),
        ]
    }

    fn changed_models(&self) -> Vec<Case> {
        let good = by_key(&self.p256, statement(&[(".", FILE)]).to_string().as_bytes()).json();
        let one = |name, bytes: &'static [u8]| {
            self.case(name, Some("signature-mismatch"), |folder| Made {
                model: write(folder, &[("model.bson", bytes)]).join("model.bson"),
                opened: None,
                at: "model.sig",
                signature: good.clone().into(),
                signer: self.key(),
            })
        };
        let many = |name, code, change: &dyn Fn(&Path)| self.many(name, Some(code), change);
        let mut cases = vec![
            one("one bit of the file", b"the bytes of a modem"),
            one("the file ends early", b"the bytes of a mode"),
            one("a byte behind the file's end", b"the bytes of a model\0"),
            one("an empty file", b""),
            many("a bit of the file that is opened", "signature-mismatch", &|model| {
                write(model, &[("a.bson", b"firsu")]);
            }),
            many("a bit of another file", "signature-other-file", &|model| {
                write(model, &[("b/c.bin", b"seconf")]);
            }),
            many("a missing file", "signature-missing-file", &|model| fs::remove_file(model.join("d.txt")).unwrap()),
            many("one file more", "signature-extra-file", &|model| drop(write(model, &[("e.txt", b"")]))),
            many("one file more, further down", "signature-extra-file", &|model| {
                write(model, &[("b/x/e.txt", b"")]);
            }),
            many("one file more, that begins like Git's own", "signature-extra-file", &|model| {
                write(model, &[(".gitignore2", b"")]);
            }),
            many("a renamed file", "signature-extra-file", &|model| {
                fs::rename(model.join("d.txt"), model.join("e.txt")).unwrap();
            }),
            many("a file that was moved", "signature-extra-file", &|model| {
                fs::rename(model.join("b/c.bin"), model.join("c.bin")).unwrap();
            }),
            many("two files that changed places", "signature-mismatch", &|model| {
                write(model, &[("a.bson", b"third"), ("d.txt", b"first")]);
            }),
            many("a file in the place of a folder", "signature-extra-file", &|model| {
                fs::remove_dir_all(model.join("b")).unwrap();
                write(model, &[("b", b"second")]);
            }),
            self.many_by(
                "a file of the left out in another place",
                Some("signature-extra-file"),
                &{
                    let mut statement = statement(&FILES);
                    statement["predicate"]["serialization"]["ignore_paths"] = json!(["logs"]);
                    statement.to_string()
                },
                |model| drop(write(model, &[("b/logs", b"x")])),
            ),
            self.many_by(
                "a signer who left out a path outside",
                Some("signature-extra-file"),
                &{
                    let mut statement = statement(&FILES);
                    statement["predicate"]["serialization"]["ignore_paths"] = json!(["../model", "/", "."]);
                    statement.to_string()
                },
                |model| drop(write(model, &[("e.txt", b"x")])),
            ),
            self.case("the signature of another model", Some("signature-mismatch"), |folder| Made {
                model: write(folder, &[("model.bson", FILE)]).join("model.bson"),
                opened: None,
                at: "model.sig",
                signature: by_key(&self.p256, statement(&[(".", b"another")]).to_string().as_bytes()).json().into(),
                signer: self.key(),
            }),
            self.case("the signature of one file, for a folder with it", Some("signature-mismatch"), |folder| Made {
                model: write(&folder.join("model"), &FILES),
                opened: Some("a.bson"),
                at: "model.sig",
                signature: good.clone().into(),
                signer: self.key(),
            }),
            self.one(
                "the signature of a folder, for one file",
                Some("signature-folder-unknown"),
                by_key(&self.p256, statement(&FILES).to_string().as_bytes()).json(),
            ),
        ];
        #[cfg(unix)]
        cases.extend([
            many("a link in the place of a file", "signature-symlink", &|model| {
                fs::rename(model.join("d.txt"), model.with_file_name("elsewhere")).unwrap();
                std::os::unix::fs::symlink("../elsewhere", model.join("d.txt")).unwrap();
            }),
            many("a link in the place of a folder", "signature-symlink", &|model| {
                fs::rename(model.join("b"), model.with_file_name("elsewhere")).unwrap();
                std::os::unix::fs::symlink("../elsewhere", model.join("b")).unwrap();
            }),
            many("a link among what is left out", "signature-symlink", &|model| {
                write(model, &[(".git/config", b"x")]);
                std::os::unix::fs::symlink("config", model.join(".git/link")).unwrap();
            }),
            many("a socket in the folder", "signature-special-file", &|model| {
                // A name that fits into an address.
                let here = std::env::temp_dir().join(format!("airlock-{}.sock", std::process::id()));
                let _listener = std::os::unix::net::UnixListener::bind(&here).unwrap();
                fs::rename(&here, model.join("socket")).unwrap();
            }),
        ]);
        cases
    }

    fn keys_and_signatures(&self) -> Vec<Case> {
        let payload = statement(&[(".", FILE)]).to_string();
        let payload = payload.as_bytes();
        let good = by_key(&self.p256, payload);
        let no_hint = json!({ "publicKey": {}, "tlogEntries": [] });
        let unnamed = Parts { material: no_hint.clone(), ..good.clone() };
        let by = |name, code, signature: String, key: &Path| {
            self.one_by(name, Some(code), signature, Signer::Key(key.to_owned()))
        };
        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let signature = STANDARD.decode(good.envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        let signed = |name, change: &dyn Fn(&mut Vec<u8>)| {
            let mut signature = signature.clone();
            change(&mut signature);
            let bundle = good.clone().with(|parts| {
                parts.envelope["signatures"][0]["sig"] = STANDARD.encode(&signature).into();
            });
            self.one(name, Some("signature-invalid"), bundle)
        };
        let weaker = self.p521_sha256.sign(&pae(PAYLOAD_TYPE, payload));
        vec![
            by("another key of the same curve", "signature-other-key", good.json(), &self.other.public),
            by("another key, and the bundle names none", "signature-invalid", unnamed.json(), &self.other.public),
            by("a key of another curve", "signature-other-key", good.json(), &self.p384.public),
            by(
                "a key of another curve, and the bundle names none",
                "signature-invalid",
                unnamed.json(),
                &self.p384.public,
            ),
            by("a key of a curve that is not supported", "key-curve", good.json(), &self.file("k1.pub", SECP256K1)),
            by("an Ed25519 key", "key-curve", good.json(), &self.file("ed.pub", &ed25519.public_key_pem())),
            by("an RSA key", "key-curve", good.json(), &self.file("rsa.pub", &rsa.public_key_pem())),
            by("a key that is none", "key-malformed", good.json(), &self.file("none.pub", "hello")),
            by("a private key", "key-private", good.json(), &self.file("private.pub", &self.p256.pair.serialize_pem())),
            self.one(
                "a bundle that names another key than has signed",
                Some("signature-other-key"),
                good.clone().with(|parts| {
                    parts.material["publicKey"]["hint"] = self.other.hint().into();
                }),
            ),
            self.one(
                "a name of the key in capitals",
                Some("signature-other-key"),
                good.clone().with(|parts| {
                    parts.material["publicKey"]["hint"] = self.p256.hint().to_uppercase().into();
                }),
            ),
            signed("one bit of the signature", &|signature| *signature.last_mut().unwrap() ^= 1),
            signed("an empty signature", &Vec::clear),
            signed("a byte behind the signature", &|signature| signature.push(0)),
            signed("a signature of nought", &|signature| *signature = vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
            self.one_by(
                "another hash than the curve's own",
                Some("signature-invalid"),
                Parts { material: no_hint, media_type: MEDIA_TYPE.into(), envelope: envelope(payload, &weaker) }.json(),
                Signer::Key(self.p521.public.clone()),
            ),
            self.one(
                "the signature over the payload, not its encoding",
                Some("signature-invalid"),
                good.clone().with(|parts| {
                    parts.envelope = envelope(payload, &self.p256.pair.sign(payload).unwrap());
                }),
            ),
            self.one(
                "a statement of version 1.0 in the encoding of version 0.2",
                Some("signature-invalid"),
                good.with(|parts| {
                    let text = String::from_utf8(payload.to_vec()).unwrap();
                    let signed = format!("DSSEV1 {} {PAYLOAD_TYPE} {} b'{text}'", PAYLOAD_TYPE.len(), text.len());
                    parts.envelope = envelope(payload, &self.p256.pair.sign(signed.as_bytes()).unwrap());
                }),
            ),
        ]
    }

    fn bundles(&self) -> Vec<Case> {
        let statement = statement(&[(".", FILE)]);
        let payload = statement.to_string();
        let good = by_key(&self.p256, payload.as_bytes());
        let text = good.json();
        let changed = |name, code, change: &dyn Fn(&mut Parts)| self.one(name, Some(code), good.clone().with(change));
        let edited = |name, code, from: &str, to: &str| {
            assert!(text.contains(from), "{from}: {text}");
            self.one(name, Some(code), text.replacen(from, to, 1))
        };
        let sign_as =
            |payload_type: &str| STANDARD.encode(self.p256.pair.sign(&pae(payload_type, payload.as_bytes())).unwrap());
        let other = STANDARD.encode(self.other.pair.sign(&pae(PAYLOAD_TYPE, payload.as_bytes())).unwrap());
        let again = serde_json::to_string_pretty(&statement).unwrap();
        let deep = "[".repeat(200) + &"]".repeat(200);
        let logged = json!([{ "logIndex": "1" }]);
        let root = Authority::root(Wanted::authority("Root"), self.now);
        let leaf = root.certify(&self.p256.pair, Wanted::signer(), self.now);
        let certificate = json!({ "rawBytes": STANDARD.encode(leaf.der()) });
        vec![
            changed("no signature", "signature-count", &|parts| parts.envelope["signatures"] = json!([])),
            changed("two signatures, the first good", "signature-count", &|parts| {
                let first = parts.envelope["signatures"][0].clone();
                parts.envelope["signatures"] = json!([first, { "sig": other, "keyid": "" }]);
            }),
            changed("two signatures, the second good", "signature-count", &|parts| {
                let second = parts.envelope["signatures"][0].clone();
                parts.envelope["signatures"] = json!([{ "sig": other, "keyid": "" }, second]);
            }),
            changed("another payload type, signed so", "signature-payload-type", &|parts| {
                parts.envelope["payloadType"] = "text/plain".into();
                parts.envelope["signatures"][0]["sig"] = sign_as("text/plain").into();
            }),
            changed("another payload type, put in later", "signature-payload-type", &|parts| {
                parts.envelope["payloadType"] = "application/vnd.in-toto+json;v=2".into();
            }),
            changed("a payload of other bytes", "signature-invalid", &|parts| {
                parts.envelope["payload"] = STANDARD.encode(payload.replace("model", "moddl")).into();
            }),
            changed("a payload that is the same but for its spaces", "signature-invalid", &|parts| {
                parts.envelope["payload"] = STANDARD.encode(&again).into();
            }),
            self.one("a payload that is the same in canonical form", Some("signature-invalid"), {
                by_key(&self.p256, again.as_bytes()).with(|parts| {
                    parts.envelope["payload"] = STANDARD.encode(&payload).into();
                })
            }),
            changed("a payload in the Base64 of URLs", "signature-base64", &|parts| {
                // Some payload whose encoding differs there.
                parts.envelope["payload"] = URL_SAFE_NO_PAD.encode(format!("{payload}??>>")).into();
            }),
            changed("a payload with a line break in its Base64", "signature-base64", &|parts| {
                let encoded = parts.envelope["payload"].as_str().unwrap();
                parts.envelope["payload"] = format!("{}\n{}", &encoded[..64], &encoded[64..]).into();
            }),
            edited("a truncated bundle", "signature-json", &text[text.len() / 2..], ""),
            self.one("an empty bundle", Some("signature-format"), ""),
            self.one("something behind the bundle", Some("signature-json"), format!("{text}{{}}")),
            self.one("a bundle that is no UTF-8", Some("signature-json"), [text.as_bytes(), b"\xff"].concat()),
            self.one("a bundle that is a list", Some("signature-format"), format!("[{text}]")),
            self.one("a bundle of five mebibytes", Some("signature-too-large"), text.clone() + &" ".repeat(5 << 20)),
            edited(
                "a key that stands twice in the bundle",
                "signature-json-duplicate-key",
                "{",
                "{\"mediaType\":\"x\",",
            ),
            edited(
                "a key that stands twice, written in two ways",
                "signature-json-duplicate-key",
                "{",
                "{\"\\u006dediaType\":\"x\",",
            ),
            edited("a huge number in the bundle", "signature-json", "{", "{\"extra\":1e999999,"),
            edited(
                "a long integer in the bundle",
                "signature-json-number",
                "{",
                "{\"extra\":100000000000000000000000000000000,",
            ),
            edited("deep JSON in the bundle", "signature-json-depth", "{", &format!("{{\"extra\":{deep},")),
            changed("an older media type", "signature-version", &|parts| {
                parts.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
            }),
            changed("no media type", "signature-field", &|parts| parts.media_type = Value::Null),
            changed("a number as the media type", "signature-field", &|parts| parts.media_type = json!(3)),
            edited(
                "a signature over bytes in the place of an envelope",
                "signature-content",
                "\"dsseEnvelope\"",
                "\"messageSignature\"",
            ),
            edited(
                "a signature over bytes beside the envelope",
                "signature-content",
                "{",
                "{\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA2_256\",\"digest\":\"AAAA\"},\"signature\":\"AAAA\"},",
            ),
            changed("neither key nor certificate", "signature-field", &|parts| {
                parts.material = json!({ "tlogEntries": [] });
            }),
            changed("both key and certificates", "signature-field", &|parts| {
                parts.material["x509CertificateChain"] = json!({ "certificates": [certificate] });
            }),
            changed("a keyless bundle", "signature-keyless", &|parts| {
                parts.material = json!({ "certificate": certificate, "tlogEntries": [] });
            }),
            changed("certificates with an entry of a log", "signature-keyless", &|parts| {
                parts.material =
                    json!({ "x509CertificateChain": { "certificates": [certificate] }, "tlogEntries": logged });
            }),
            changed("a list as verification material", "signature-field", &|parts| parts.material = json!([])),
        ]
    }

    fn statements(&self) -> Vec<Case> {
        let stated = |name, code, change: &dyn Fn(&mut Value)| self.stated(name, Some(code), change);
        let raw = |name, code, payload: &[u8]| self.one(name, Some(code), by_key(&self.p256, payload).json());
        let text = statement(&[(".", FILE)]).to_string();
        let files = |name, code, files: &[(&str, &[u8])]| {
            let payload = statement(files).to_string();
            self.many_by(name, Some(code), &payload, |_| {})
        };
        let deep = "[".repeat(200) + &"]".repeat(200);
        let edit = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}: {text}");
            text.replacen(from, to, 1)
        };
        vec![
            raw("a payload that is no JSON", "signature-json", b"hello"),
            raw("an empty payload", "signature-json", b""),
            raw(
                "a key that stands twice in the payload",
                "signature-json-duplicate-key",
                edit("{", "{\"subject\":[],").as_bytes(),
            ),
            raw(
                "a key that stands twice in a resource",
                "signature-json-duplicate-key",
                edit("\"name\":\".\"", "\"name\":\"x\",\"name\":\".\"").as_bytes(),
            ),
            raw("a huge number in the payload", "signature-json", edit("{", "{\"x\":1e999999,").as_bytes()),
            raw("a fraction in the payload", "signature-json-number", edit("{", "{\"x\":0.5,").as_bytes()),
            raw("deep JSON in the payload", "signature-json-depth", edit("{", &format!("{{\"x\":{deep},")).as_bytes()),
            stated("a statement of another type", "signature-predicate", &|statement| {
                statement["_type"] = "https://in-toto.io/Statement/v0.1".into();
            }),
            stated("a predicate of another type", "signature-predicate", &|statement| {
                statement["predicateType"] = "https://slsa.dev/provenance/v1".into();
            }),
            stated("a predicate of a version to come", "signature-predicate", &|statement| {
                statement["predicateType"] = "https://model_signing/signature/v2.0".into();
            }),
            stated("two subjects", "signature-field", &|statement| {
                let subject = statement["subject"][0].clone();
                statement["subject"] = json!([subject, subject]);
            }),
            stated("no resources", "signature-field", &|statement| {
                statement["predicate"]["resources"] = json!([]);
                statement["subject"][0]["digest"]["sha256"] = sha256(b"").into();
            }),
            stated("another digest over all digests", "signature-root-digest", &|statement| {
                statement["subject"][0]["digest"]["sha256"] = sha256(b"other").into();
            }),
            stated("a digest that is too short", "signature-field", &|statement| {
                statement["predicate"]["resources"][0]["digest"] = "00".into();
            }),
            stated("digests by BLAKE2", "signature-hash", &|statement| {
                statement["predicate"]["serialization"]["hash_type"] = "blake2b".into();
                statement["predicate"]["resources"][0]["algorithm"] = "blake2b".into();
            }),
            stated("digests by an algorithm that nobody knows", "signature-hash", &|statement| {
                statement["predicate"]["serialization"]["hash_type"] = "rot13".into();
            }),
            stated("files digested in pieces", "signature-serialization", &|statement| {
                let pieces = json!({
                    "method": "shards", "hash_type": "sha256", "shard_size": 1_000_000_000, "allow_symlinks": false,
                });
                statement["predicate"]["serialization"] = pieces;
                statement["predicate"]["resources"][0]["name"] = format!(".:0:{}", FILE.len()).into();
            }),
            stated("files digested in a way that nobody knows", "signature-serialization", &|statement| {
                statement["predicate"]["serialization"]["method"] = "sums".into();
            }),
            stated("no word of links", "signature-field", &|statement| {
                statement["predicate"]["serialization"].as_object_mut().unwrap().remove("allow_symlinks");
            }),
            files("a name that stands twice", "signature-repeated-name", &[("a.bson", b"first"), ("a.bson", b"first")]),
            files("a name that leads out of the folder", "signature-name", &[("../model/a.bson", b"first")]),
            files("a name that is absolute", "signature-name", &[("/a.bson", b"first")]),
            files("a name with a backslash", "signature-name", &[("a.bson", b"first"), ("b\\c.bin", b"second")]),
            files(
                "a name that hides a character",
                "signature-name",
                &[("a.bson", b"first"), ("b\u{202e}c", b"second")],
            ),
            files("a name with a dot for its folder", "signature-name", &[("./a.bson", b"first")]),
            files("a folder that is a file of its own", "signature-field", &[(".", b"x"), ("a.bson", b"first")]),
            self.case("the file that is opened was not signed", Some("signature-not-covered"), |folder| Made {
                model: write(&folder.join("model"), &FILES),
                opened: Some("d.txt"),
                at: "model.sig",
                signature: by_key(&self.p256, statement(&FILES[..2]).to_string().as_bytes()).json().into(),
                signer: self.key(),
            }),
        ]
    }

    fn certificates(&self) -> Vec<Case> {
        let now = self.now;
        let pair = &self.p256.pair;
        let payload = statement(&[(".", FILE)]).to_string();
        let payload = payload.as_bytes();
        let root = Authority::root(Wanted::authority("Root"), now);
        let other = Authority::root(Wanted::authority("Root"), now);
        let between = root.below(Wanted::authority("Between"), now);
        let leaf = between.certify(pair, Wanted::signer(), now);
        let chain = |certificates: &[&[u8]]| by_certificates(pair, certificates, payload).json();
        let good = chain(&[leaf.der(), between.der()]);
        let trusted = || self.roots("root", &[&root]);
        // A path of one certificate, issued by the root.
        let short = |name, code, wanted: Wanted| {
            self.one_by(name, code, chain(&[root.certify(pair, wanted, now).der()]), trusted())
        };
        // A path with another authority between.
        let long = |name, code, wanted: Wanted| {
            let between = root.below(wanted, now);
            let leaf = between.certify(pair, Wanted::signer(), now);
            self.one_by(name, code, chain(&[leaf.der(), between.der()]), trusted())
        };
        let narrow = root
            .below(Wanted { authority: Some(BasicConstraints::Constrained(0)), ..Wanted::authority("Narrow") }, now);
        let below = narrow.below(Wanted::authority("Below"), now);
        let too_long = below.certify(pair, Wanted::signer(), now);
        let own = Authority::root(Wanted { authority: None, ..Wanted::signer() }, now);
        let own_pair = own.issuer.key();
        let mut forged = leaf.der().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let p384 = root.certify(&self.p384.pair, Wanted::signer(), now);
        let stranger = between.certify(&self.other.pair, Wanted::signer(), now);
        vec![
            self.one_by("a certificate, by way of another, to the root", None, good.clone(), trusted()),
            short("a certificate by the root itself", None, Wanted::signer()),
            self.one_by(
                "a path that brings the root along",
                None,
                chain(&[leaf.der(), between.der(), root.der()]),
                trusted(),
            ),
            self.one_by("one of several roots", None, good.clone(), self.roots("two-roots", &[&other, &root])),
            self.one_by(
                "a certificate for a P-384 key",
                None,
                by_certificates(&self.p384.pair, &[p384.der()], payload).json(),
                trusted(),
            ),
            short(
                "a certificate for signatures of any kind",
                None,
                Wanted { purposes: Vec::new(), ..Wanted::signer() },
            ),
            short("a certificate for code alone", None, Wanted { usages: Vec::new(), ..Wanted::signer() }),
            short("an expired certificate", Some("certificate-expired"), Wanted { to: -1, ..Wanted::signer() }),
            short(
                "a certificate that is not valid yet",
                Some("certificate-not-yet-valid"),
                Wanted { from: 1, ..Wanted::signer() },
            ),
            long(
                "an expired certificate between",
                Some("certificate-expired"),
                Wanted { to: -1, ..Wanted::authority("Between") },
            ),
            self.one_by(
                "a path to another root",
                Some("certificate-unknown-issuer"),
                good.clone(),
                self.roots("another", &[&Authority::root(Wanted::authority("Another"), now)]),
            ),
            self.one_by(
                "a path to another root of the same name",
                Some("certificate-chain"),
                good.clone(),
                self.roots("same-name", &[&other]),
            ),
            self.one_by("a path with a gap", Some("certificate-unknown-issuer"), chain(&[leaf.der()]), trusted()),
            self.one_by(
                "a path in another order",
                Some("certificate-authority"),
                chain(&[between.der(), leaf.der()]),
                trusted(),
            ),
            self.one_by(
                "a certificate with a forged signature",
                Some("certificate-chain"),
                chain(&[&forged, between.der()]),
                trusted(),
            ),
            self.one_by("a certificate that is none", Some("certificate-malformed"), chain(&[b"hello"]), trusted()),
            self.one_by(
                "the certificate of another key",
                Some("signature-invalid"),
                chain(&[stranger.der(), between.der()]),
                trusted(),
            ),
            short(
                "a certificate for servers",
                Some("certificate-usage"),
                Wanted { purposes: vec![ExtendedKeyUsagePurpose::ServerAuth], ..Wanted::signer() },
            ),
            short(
                "a certificate for no use in particular",
                Some("certificate-usage"),
                Wanted { usages: Vec::new(), purposes: Vec::new(), ..Wanted::signer() },
            ),
            short(
                "a certificate for encryption alone",
                Some("certificate-usage"),
                Wanted { usages: vec![KeyUsagePurpose::KeyEncipherment], purposes: Vec::new(), ..Wanted::signer() },
            ),
            short(
                "a signer's certificate that is an authority's",
                Some("certificate-authority"),
                Wanted { authority: Some(BasicConstraints::Unconstrained), ..Wanted::signer() },
            ),
            long(
                "a certificate between that is no authority's",
                Some("certificate-authority"),
                Wanted { name: "Between", ..Wanted::signer() },
            ),
            self.one_by(
                "more authorities than one of them allows",
                Some("certificate-chain"),
                chain(&[too_long.der(), below.der(), narrow.der()]),
                trusted(),
            ),
            self.one_by(
                "a certificate that nobody issued but itself",
                Some("certificate-unknown-issuer"),
                by_certificates(own_pair, &[own.der()], payload).json(),
                trusted(),
            ),
            self.one_by("no certificate", Some("signature-field"), chain(&[]), trusted()),
            self.one_by(
                "twenty certificates",
                Some("signature-field"),
                chain(&[&[leaf.der() as &[u8]], &vec![between.der(); 19][..]].concat()),
                trusted(),
            ),
            self.one_by("certificates, and a key to verify them", Some("signature-signer-kind"), good, self.key()),
            self.one_by(
                "a key, and a root to verify it",
                Some("signature-signer-kind"),
                by_key(&self.p256, payload).json(),
                trusted(),
            ),
            self.one_by(
                "a root that is none",
                Some("key-certificates"),
                by_key(&self.p256, payload).json(),
                Signer::Roots(self.file("none.pem", "hello")),
            ),
        ]
    }

    /// What we sign, as questions to the reference, and what each is.
    pub(crate) fn signed_here(&self) -> Vec<(Value, String)> {
        let root = Authority::root(Wanted::authority("Root"), self.now);
        let between = root.below(Wanted::authority("Between"), self.now);
        let mut asked = Vec::new();
        for (name, key) in [("p256", &self.p256), ("p384", &self.p384), ("p521", &self.p521)] {
            let leaf = between.certify(&key.pair, Wanted::signer(), self.now);
            let chain = leaf.pem() + &between.certificate.pem();
            let roots = self.file(&format!("{name}-root.pem"), &root.certificate.pem());
            for certified in [false, true] {
                for of_folder in [false, true] {
                    let what = format!("{name}, certified: {certified}, a folder: {of_folder}");
                    let folder = self.folder(&what);
                    let model = write(&folder.join("model"), &FILES);
                    // In the order of the reference, which is another than that of the characters.
                    write(&model, &[("b.bin", b"4"), ("b-/x", b"5"), ("logs/left/out", b"6"), (".gitignore", b"7")]);
                    let (model, manifest) = if of_folder {
                        let ignored = ["logs".to_owned(), "model.sig".to_owned()];
                        let manifest = Manifest::of_folder("model", &model, &ignored, None).unwrap();
                        (model, manifest)
                    } else {
                        (model.join("a.bson"), Manifest::of_file("a.bson", Sha256::digest(b"first").into()))
                    };
                    let chain = certified.then_some(chain.as_bytes());
                    let signature = if of_folder { model.join("model.sig") } else { folder.join("a.sig") };
                    fs::write(&signature, sign_oms(&key.private(), chain, &manifest).unwrap()).unwrap();
                    let signer = if certified { &roots } else { &key.public };
                    let question = json!({
                        "do": "verify", "model": model, "signature": signature, "roots": certified, "signer": signer,
                    });
                    asked.push((question, what));
                }
            }
        }
        asked
    }

    /// What the reference is asked to sign, and the case that must come of it.
    pub(crate) fn to_be_signed_there(&self) -> Vec<(Value, Case)> {
        let root = Authority::root(Wanted::authority("Root"), self.now);
        let between = root.below(Wanted::authority("Between"), self.now);
        let mut asked = Vec::new();
        for (name, key) in [("p256", &self.p256), ("p384", &self.p384), ("p521", &self.p521)] {
            let private = self.file(&format!("{name}.pem"), &key.pair.serialize_pem());
            let leaf = between.certify(&key.pair, Wanted::signer(), self.now);
            let leaf = self.file(&format!("{name}-leaf.pem"), &leaf.pem());
            let above = self.file(&format!("{name}-between.pem"), &between.certificate.pem());
            for certified in [false, true] {
                for of_folder in [false, true] {
                    let folder = self.folder(&format!("theirs, {name}, {certified}, {of_folder}"));
                    let model = write(&folder.join("model"), &FILES);
                    write(&model, &[("b.bin", b"4"), ("b-/x", b"5"), ("logs/left/out", b"6"), (".gitignore", b"7")]);
                    let (model, opened, at) = if of_folder {
                        (model.clone(), Some("a.bson"), model.join("model.sig"))
                    } else {
                        (model.join("a.bson"), None, folder.join("a.sig"))
                    };
                    let certificates = if certified { vec![leaf.clone(), above.clone()] } else { Vec::new() };
                    let ignored = if of_folder { vec!["logs"] } else { Vec::new() };
                    let question = json!({
                        "do": "sign", "model": model, "signature": at, "key": private, "passphrase": null,
                        "certificates": certificates, "ignored": ignored,
                    });
                    let signer =
                        if certified { self.roots("theirs", &[&root]) } else { Signer::Key(key.public.clone()) };
                    asked.push((
                        question,
                        Case { name: "signed by the reference", ours: None, model, opened, signature: at, signer },
                    ));
                }
            }
        }
        asked
    }
}

/// Asks the reference, if there is one.
pub(crate) fn ask(lab: &Lab, questions: &[Value]) -> Option<Vec<Option<String>>> {
    let python = std::env::var_os("AIRLOCK_MODEL_SIGNING")?;
    let (asked, answered) = (lab.root.join("questions.json"), lab.root.join("answers.json"));
    fs::write(&asked, serde_json::to_string(questions).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference.py");
    let status = Command::new(python).arg(script).arg(&asked).arg(&answered).status().unwrap();
    assert!(status.success(), "the reference cannot be asked");
    Some(serde_json::from_str(&fs::read_to_string(answered).unwrap()).unwrap())
}
