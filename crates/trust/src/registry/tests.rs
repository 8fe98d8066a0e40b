//! The attacks that TUF's specification lists, each against a real registry in a folder; what is kept, what expires, and
//! what a changed key leaves behind.
#![cfg(feature = "sign")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, EcPublicKeyCompressedBin, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tough::schema::Role as TufRole;

use super::*;
use crate::{Algorithms, Hasher, KeyError, Passphrase, PrivateKey, PublicKey};

fn key() -> Secret {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    key_of(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines(&STANDARD.encode(&pkcs8))))
}

fn key_of(pem: String) -> Secret {
    let none = || -> Result<Passphrase, KeyError> { panic!("it is not encrypted") };
    Secret { key: PrivateKey::parse(pem.as_bytes(), none).unwrap(), pem }
}

/// A private key that can be had again.
struct Secret {
    key: PrivateKey,
    pem: String,
}

impl Secret {
    fn again(&self) -> PrivateKey {
        key_of(self.pem.clone()).key
    }
}

impl std::ops::Deref for Secret {
    type Target = PrivateKey;

    fn deref(&self) -> &PrivateKey {
        &self.key
    }
}

fn lines(text: &str) -> String {
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

fn day(day: u64) -> Clock {
    Clock::fixed(SystemTime::UNIX_EPOCH + Duration::from_hours(24 * (20_000 + day)))
}

/// A registry in a folder, its keys, and a user's cache.
struct Place {
    folder: PathBuf,
    root: Vec<Secret>,
    targets: Secret,
    online: Secret,
    /// As it was published first, kept where nobody else writes.
    first_root: Vec<u8>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    /// With two root keys, which both must sign, and one model `m`, of day 0.
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("airlock-registry-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (root, targets, online) = (vec![key(), key()], key(), key());
        let mut place = Self { folder, root, targets, online, first_root: Vec::new() };
        fs::write(place.folder.join("m.bson"), b"abc").unwrap();
        let publics = place.root.iter().map(|key| key.public_key()).collect();
        let new = NewRegistry::default()
            .role(Role::Root, publics, 2)
            .role(Role::Targets, vec![place.targets.public_key()], 1)
            .role(Role::Snapshot, vec![place.online.public_key()], 1)
            .role(Role::Timestamp, vec![place.online.public_key()], 1);
        let mut keeper = Keeper::init(&place.registry(), &place.keepers(), &new, day(0)).unwrap();
        keeper.add("m", &place.folder.join("m.bson"), &STORED, day(0)).unwrap();
        let keys: Vec<_> = place.root.iter().chain([&place.targets, &place.online]).map(Secret::again).collect();
        place.first_root = keeper.publish(&keys, Lifetimes::default(), day(0)).unwrap().root;
        place
    }

    fn registry(&self) -> PathBuf {
        let registry = self.folder.join("registry");
        fs::create_dir_all(&registry).unwrap();
        registry
    }

    fn file(&self, name: &str) -> PathBuf {
        self.registry().join("metadata").join(name)
    }

    fn at(&self) -> RegistryAt {
        RegistryAt::folder(self.registry(), self.first_root.clone(), self.folder.join("cache"))
    }

    /// Where the keepers keep what they have seen.
    fn keepers(&self) -> PathBuf {
        self.folder.join("keepers")
    }

    fn load(&self, clock: Clock) -> Result<Registry, RegistryError> {
        self.at().load(clock)
    }

    fn code(&self, clock: Clock) -> &'static str {
        self.load(clock).map_or_else(|error| error.code(), |_| "ok")
    }

    fn open(&self) -> Result<Keeper, KeeperError> {
        Keeper::open(&self.registry(), &self.first_root, &self.keepers(), day(0))
    }

    fn keeper(&self) -> Keeper {
        self.open().unwrap()
    }

    fn publish(keeper: Keeper, keys: &[&Secret], clock: Clock) -> Result<Versions, KeeperError> {
        let keys: Vec<PrivateKey> = keys.iter().map(|key| key.again()).collect();
        Ok(keeper.publish(&keys, Lifetimes::default(), clock)?.versions)
    }

    /// The next timestamp, and what belongs to it.
    fn refresh(&self, clock: Clock) {
        Place::publish(self.keeper(), &[&self.online], clock).unwrap();
    }

    fn copy_metadata(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = fs::read_dir(self.registry().join("metadata")).unwrap();
        folder.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// As it was, and nothing else.
    fn put_back(&self, files: &[(PathBuf, Vec<u8>)]) {
        fs::remove_dir_all(self.registry().join("metadata")).unwrap();
        fs::create_dir(self.registry().join("metadata")).unwrap();
        for (path, bytes) in files {
            fs::write(path, bytes).unwrap();
        }
    }

    /// Changes a metadata file and signs it again with these keys; what refers to it is changed by the caller.
    fn forge<T: TufRole + serde::de::DeserializeOwned>(
        &self,
        name: &str,
        keys: &[&Secret],
        change: impl FnOnce(&mut Value),
    ) {
        let sign = |message: &[u8]| {
            let signed = keys.iter().map(|key| {
                let id = keeper::key_id_of(&key.public_key()).unwrap();
                (id, key.sign_p256(message).unwrap())
            });
            signed.collect()
        };
        self.forge_by::<T>(name, sign, change);
    }

    /// The same, signed in another way: pairs of a key's name and its signature.
    fn forge_by<T: TufRole + serde::de::DeserializeOwned>(
        &self,
        name: &str,
        sign: impl FnOnce(&[u8]) -> Vec<(String, Vec<u8>)>,
        change: impl FnOnce(&mut Value),
    ) {
        let mut whole: Value = serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap();
        change(&mut whole["signed"]);
        let role: T = serde_json::from_value(whole["signed"].clone()).unwrap();
        let signed = sign(&role.canonical_form().unwrap());
        let entry = |(id, sig): &(String, Vec<u8>)| json!({ "keyid": id, "sig": crate::digest::hex(sig) });
        whole["signatures"] = signed.iter().map(entry).collect();
        fs::write(self.file(name), serde_json::to_vec(&whole).unwrap()).unwrap();
    }
}

const STORED: Adding = Adding { stored: true, sources: Vec::new(), signers: Vec::new() };

fn digests(bytes: &[u8]) -> Digests {
    Hasher::hash(bytes, Algorithms::SHA256)
}

#[test]
fn a_listed_file_is_vouched_for_and_no_other() {
    let place = Place::new();
    let registry = place.load(day(1)).unwrap();
    assert_eq!(registry.versions(), Versions { root: 1, timestamp: 1, snapshot: 1, targets: 1 });
    assert!(!registry.is_offline());
    let listing = registry.check("m", 3, &digests(b"abc"), day(1)).unwrap();
    assert_eq!((listing.bytes(), listing.added()), (3, day(0).now()));
    let code =
        |name, bytes: &[u8]| registry.check(name, bytes.len() as u64, &digests(bytes), day(1)).unwrap_err().code();
    assert_eq!(code("m", b"abd"), "digest-mismatch");
    assert_eq!(code("m", b"abcd"), "digest-mismatch");
    assert_eq!(code("n", b"abc"), "registry-unlisted");
    let (bytes, source) = registry.fetch("m", 3, day(1), &|_| Ok(())).unwrap();
    assert!(bytes == b"abc" && source.is_file());
    assert_eq!(registry.fetch("m", 2, day(1), &|_| Ok(())).unwrap_err().code(), "registry-too-large");
}

#[test]
fn a_fetched_file_that_was_exchanged_is_not_believed() {
    let place = Place::new();
    let registry = place.load(day(1)).unwrap();
    let stored = fs::read_dir(place.registry().join("targets")).unwrap().next().unwrap().unwrap().path();
    for (content, code) in [
        (&b"abd"[..], "digest-mismatch"),
        (b"ab", "digest-mismatch"),
        (b"", "digest-mismatch"),
        (b"abcd", "registry-too-large"),
    ] {
        fs::write(&stored, content).unwrap();
        assert_eq!(registry.fetch("m", 9, day(1), &|_| Ok(())).unwrap_err().code(), code);
    }
    fs::remove_file(stored).unwrap();
    assert_eq!(registry.fetch("m", 9, day(1), &|_| Ok(())).unwrap_err().code(), "registry-unreachable");
}

#[test]
fn rollback_attack() {
    let place = Place::new();
    let old = place.copy_metadata();
    place.refresh(day(1));
    assert_eq!(place.code(day(1)), "ok");
    place.put_back(&old);
    assert_eq!(place.code(day(1)), "registry-rollback");
    // Somebody who has never seen the newer one cannot know; and what was refused left nothing behind.
    fs::remove_dir_all(place.folder.join("cache")).unwrap();
    assert_eq!(place.code(day(1)), "ok");
}

#[test]
fn rollback_of_the_targets_under_a_newer_timestamp() {
    let place = Place::new();
    let old_targets = fs::read(place.file("1.targets.json")).unwrap();
    let mut keeper = place.keeper();
    keeper.revoke(digests(b"abc").sha256.unwrap(), "it lies", day(1));
    Place::publish(keeper, &[&place.targets, &place.online], day(1)).unwrap();
    assert!(place.load(day(1)).unwrap().model("m").is_none());
    // The online key alone is stolen: it lists the old targets as the newest.
    place.forge::<tough::schema::Snapshot>("2.snapshot.json", &[&place.online], |snapshot| {
        snapshot["version"] = json!(3);
        snapshot["meta"]["targets.json"] = json!({ "version": 1 });
    });
    fs::rename(place.file("2.snapshot.json"), place.file("3.snapshot.json")).unwrap();
    place.forge::<tough::schema::Timestamp>("timestamp.json", &[&place.online], |timestamp| {
        timestamp["version"] = json!(3);
        timestamp["meta"]["snapshot.json"] = json!({ "version": 3 });
    });
    fs::write(place.file("1.targets.json"), old_targets).unwrap();
    assert_eq!(place.code(day(1)), "registry-rollback");
}

#[test]
fn freeze_attack() {
    let place = Place::new();
    assert_eq!(place.code(day(7)), "ok");
    // Nothing new comes, and what there is ends.
    assert_eq!(place.code(day(8)), "registry-expired");
    let registry = {
        fs::remove_dir_all(place.folder.join("cache")).unwrap();
        place.load(day(6)).unwrap()
    };
    assert_eq!(registry.expires(), day(7).now());
    // A registry in memory that was loaded in time says nothing when its time is over.
    assert_eq!(registry.check("m", 3, &digests(b"abc"), day(8)).unwrap_err().code(), "registry-expired");
    assert_eq!(registry.fetch("m", 3, day(8), &|_| Ok(())).unwrap_err().code(), "registry-expired");
    assert_eq!(registry.check_not_revoked(&digests(b"x"), day(8)).unwrap_err().code(), "registry-expired");
}

#[test]
fn each_role_expires() {
    for (role, lifetimes) in [
        ("root", Lifetimes { root: 1, ..Lifetimes::default() }),
        ("snapshot", Lifetimes { snapshot: 1, ..Lifetimes::default() }),
        ("targets", Lifetimes { targets: 1, ..Lifetimes::default() }),
        ("timestamp", Lifetimes { timestamp: 1, ..Lifetimes::default() }),
    ] {
        let place = Place::new();
        let keys: Vec<PrivateKey> =
            place.root.iter().chain([&place.targets, &place.online]).map(Secret::again).collect();
        place.keeper().publish(&keys, lifetimes, day(0)).unwrap();
        assert_eq!(place.code(day(1)), "ok");
        match place.load(day(2)).unwrap_err() {
            RegistryError::Expired { role: expired, .. } => assert_eq!(expired, role),
            error => panic!("{role}: {error}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_root_is_read_from_a_regular_file_and_no_further_than_a_root_may_be() {
    let place = Place::new();
    let [fifo, endless] = ["fifo", "endless"].map(|name| place.folder.join(name));
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [&fifo, &place.folder, std::path::Path::new("/dev/zero")] {
        assert_eq!(RegistryAt::read_root(path).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    }
    fs::File::create(&endless).unwrap().set_len(1 << 40).unwrap();
    let root = RegistryAt::read_root(&endless).unwrap();
    assert!(root.len() < 1 << 20, "{}", root.len());
    let at = RegistryAt::folder(place.registry(), root, place.folder.join("cache"));
    assert_eq!(at.load(day(0)).unwrap_err().code(), "registry-root");
}

#[test]
fn mix_and_match_attack() {
    let place = Place::new();
    let old_snapshot = fs::read(place.file("1.snapshot.json")).unwrap();
    let old_targets = fs::read(place.file("1.targets.json")).unwrap();
    let mut keeper = place.keeper();
    fs::write(place.folder.join("n.bson"), b"abcd").unwrap();
    keeper.add("n", &place.folder.join("n.bson"), &STORED, day(0)).unwrap();
    Place::publish(keeper, &[&place.targets, &place.online], day(0)).unwrap();
    let good = place.copy_metadata();
    // A snapshot, and targets, of another time, each of them signed. Signatures differ by a byte or two in length, and what is
    // longer than it should be is not read to its end.
    for (name, old) in [("2.snapshot.json", old_snapshot), ("2.targets.json", old_targets)] {
        let longer = old.len() > fs::read(place.file(name)).unwrap().len();
        fs::write(place.file(name), old).unwrap();
        assert_eq!(place.code(day(1)), if longer { "registry-too-large" } else { "registry-mixed" });
        place.put_back(&good);
    }
    assert_eq!(place.code(day(1)), "ok");
}

#[test]
fn endless_data_attack() {
    for name in ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"] {
        let place = Place::new();
        let most = shelf::most_bytes(name).unwrap();
        let file = fs::File::create(place.file(name)).unwrap();
        file.set_len(most + 1).unwrap();
        let code = place.code(day(1));
        // A root that cannot be had is no newer root: that is how the search ends, and freezing is what expiry is for.
        assert_eq!(code, if name == "2.root.json" { "ok" } else { "registry-too-large" }, "{name}");
    }
}

#[test]
fn more_than_the_timestamp_says_is_too_much() {
    let place = Place::new();
    let mut bytes = fs::read(place.file("1.snapshot.json")).unwrap();
    bytes.extend_from_slice(b"          ");
    fs::write(place.file("1.snapshot.json"), bytes).unwrap();
    assert_eq!(place.code(day(1)), "registry-too-large");
}

#[test]
fn arbitrary_files_that_nobody_signed() {
    let place = Place::new();
    let thief = key();
    place.forge::<tough::schema::Timestamp>("timestamp.json", &[&thief], |timestamp| timestamp["version"] = json!(9));
    assert_eq!(place.code(day(1)), "registry-signature");
    // The right key of another role is no key of this one.
    place.forge::<tough::schema::Timestamp>("timestamp.json", &[&place.targets], |timestamp| {
        timestamp["version"] = json!(9);
    });
    assert_eq!(place.code(day(1)), "registry-signature");
    place.forge::<tough::schema::Timestamp>("timestamp.json", &[], |_| {});
    assert_eq!(place.code(day(1)), "registry-signature");
}

#[test]
fn a_bit_of_any_metadata_that_flips_is_noticed() {
    let place = Place::new();
    let good = place.copy_metadata();
    for name in ["timestamp.json", "1.snapshot.json", "1.targets.json"] {
        let bytes = fs::read(place.file(name)).unwrap();
        for at in (0..bytes.len()).step_by(97) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(place.file(name), changed).unwrap();
            let code = place.code(day(1));
            // White space of a timestamp is not signed, and changes nothing.
            let harmless = name == "timestamp.json" && bytes[at].is_ascii_whitespace();
            assert!(code != "ok" || harmless, "{name} at {at}");
        }
        place.put_back(&good);
    }
}

#[test]
fn a_threshold_is_not_reached_by_one_key_twice() {
    let place = Place::new();
    let [one, two] = [&place.root[0], &place.root[1]];
    let second = |keys: &[&Secret]| {
        fs::copy(place.file("1.root.json"), place.file("2.root.json")).unwrap();
        place.forge::<tough::schema::Root>("2.root.json", keys, |root| root["version"] = json!(2));
        let code = place.code(day(1));
        let _ = fs::remove_dir_all(place.folder.join("cache"));
        code
    };
    assert_eq!(second(&[one]), "registry-signature");
    assert_eq!(second(&[one, one]), "registry-signature");
    assert_eq!(second(&[one, &place.targets]), "registry-signature");
    assert_eq!(second(&[one, two]), "ok");
}

#[test]
fn a_threshold_is_not_reached_by_one_key_under_two_names() {
    let place = Place::new();
    let [one, two] = [&place.root[0], &place.root[1]];
    fs::copy(place.file("1.root.json"), place.file("2.root.json")).unwrap();
    // The same key with a remark has another name. A root that says so is signed as it must be.
    place.forge::<tough::schema::Root>("2.root.json", &[one, two], |root| {
        root["version"] = json!(2);
        let id = keeper::key_id_of(&one.public_key()).unwrap();
        let mut twin = root["keys"][&id].clone();
        twin["remark"] = json!("another one");
        let key: tough::schema::key::Key = serde_json::from_value(twin.clone()).unwrap();
        let twin_id = crate::digest::hex(&key.key_id().unwrap());
        root["roles"]["root"]["keyids"].as_array_mut().unwrap().push(json!(twin_id));
        root["keys"][&twin_id] = twin;
    });
    assert_eq!(place.code(day(1)), "registry-signature");
}

/// A key as the metadata have it, and its name there.
fn named(key: Value) -> (String, Value) {
    let parsed: tough::schema::key::Key = serde_json::from_value(key.clone()).unwrap();
    (crate::digest::hex(&parsed.key_id().unwrap()), key)
}

#[test]
fn a_threshold_is_not_reached_by_one_key_in_two_forms() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let compressed: EcPublicKeyCompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
    let whole: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let plain = pair.public_key().as_ref();
    let other = Ed25519KeyPair::generate().unwrap();
    let whole_other: PublicKeyX509Der<'_> = other.public_key().as_der().unwrap();
    for (keytype, scheme, public, code) in [
        ("ecdsa", "ecdsa-sha2-nistp256", plain, "ok"),
        ("ecdsa", "ecdsa-sha2-nistp256", compressed.as_ref(), "registry-malformed"),
        ("ecdsa", "ecdsa-sha2-nistp256", whole.as_ref(), "registry-malformed"),
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", compressed.as_ref(), "registry-malformed"),
        ("ed25519", "ed25519", other.public_key().as_ref(), "ok"),
        ("ed25519", "ed25519", whole_other.as_ref(), "registry-malformed"),
    ] {
        let place = Place::new();
        let [one, two] = [&place.root[0], &place.root[1]];
        fs::copy(place.file("1.root.json"), place.file("2.root.json")).unwrap();
        place.forge::<tough::schema::Root>("2.root.json", &[one, two], |root| {
            root["version"] = json!(2);
            let (id, key) = named(
                json!({ "keytype": keytype, "scheme": scheme, "keyval": { "public": crate::digest::hex(public) } }),
            );
            root["roles"]["root"]["keyids"].as_array_mut().unwrap().push(json!(id));
            root["keys"][&id] = key;
        });
        assert_eq!(place.code(day(1)), code, "{keytype}, {} bytes", public.len());
    }
}

#[test]
fn keys_of_ed25519_are_verified() {
    let mut place = Place::new();
    let (pair, thief) = (Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap());
    let public = crate::digest::hex(pair.public_key().as_ref());
    let (id, key) = named(json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": public } }));
    let by = |pair: &Ed25519KeyPair, message: &[u8]| vec![(id.clone(), pair.sign(message).as_ref().to_vec())];
    place.forge_by::<tough::schema::Root>(
        "1.root.json",
        |message| by(&pair, message),
        |root| {
            root["keys"] = json!({ &id: key });
            for role in Role::ALL {
                root["roles"][role.name()] = json!({ "keyids": [id], "threshold": 1 });
            }
        },
    );
    place.first_root = fs::read(place.file("1.root.json")).unwrap();
    place.forge_by::<tough::schema::Targets>("1.targets.json", |message| by(&pair, message), |_| {});
    place.forge_by::<tough::schema::Snapshot>(
        "1.snapshot.json",
        |message| by(&pair, message),
        |snapshot| snapshot["meta"] = json!({ "targets.json": { "version": 1 } }),
    );
    let timestamp = |pair: &Ed25519KeyPair| {
        place.forge_by::<tough::schema::Timestamp>(
            "timestamp.json",
            |message| by(pair, message),
            |timestamp| timestamp["meta"] = json!({ "snapshot.json": { "version": 1 } }),
        );
    };
    timestamp(&pair);
    assert!(place.load(day(1)).unwrap().check("m", 3, &digests(b"abc"), day(1)).is_ok());
    // Its keepers sign with keys of P-256, and are told that these are not the registry's.
    fs::remove_dir_all(place.keepers()).unwrap();
    let error = Place::publish(place.keeper(), &[&place.targets, &place.online], day(1)).unwrap_err();
    assert_eq!(error.code(), "registry-keys");
    timestamp(&thief);
    assert_eq!(place.code(day(1)), "registry-signature");
}

#[test]
fn roles_that_there_are_not() {
    let place = Place::new();
    let metadata = place.copy_metadata();
    // The wrong role under the right name.
    fs::copy(place.file("1.snapshot.json"), place.file("1.targets.json")).unwrap();
    assert_ne!(place.code(day(1)), "ok");
    place.put_back(&metadata);
    // A root without a role.
    fs::copy(place.file("1.root.json"), place.file("2.root.json")).unwrap();
    place.forge::<tough::schema::Root>("2.root.json", &[&place.root[0], &place.root[1]], |root| {
        root["version"] = json!(2);
        root["roles"].as_object_mut().unwrap().remove("snapshot");
    });
    assert_eq!(place.code(day(1)), "registry-signature");
    place.put_back(&metadata);
    fs::remove_dir_all(place.folder.join("cache")).unwrap();
    // One that the specification does not have.
    let text = fs::read_to_string(place.file("1.root.json")).unwrap();
    let error = place.at();
    let unknown = text.replace("\"timestamp\": {", "\"oracle\": {");
    assert_ne!(unknown, text);
    let at = RegistryAt { root: unknown.into_bytes(), ..error };
    assert_eq!(at.load(day(1)).unwrap_err().code(), "registry-root");
}

#[test]
fn delegations_are_refused() {
    let place = Place::new();
    let change = |targets: &mut Value| {
        targets["delegations"] = json!({ "keys": {}, "roles": [{
            "name": "other", "keyids": [], "threshold": 1, "paths": ["*"], "terminating": false
        }] });
    };
    place.forge::<tough::schema::Targets>("1.targets.json", &[&place.targets], change);
    place.forge::<tough::schema::Snapshot>("1.snapshot.json", &[&place.online], |snapshot| {
        snapshot["meta"] = json!({ "targets.json": { "version": 1 }, "other.json": { "version": 1 } });
    });
    place.forge::<tough::schema::Timestamp>("timestamp.json", &[&place.online], |timestamp| {
        timestamp["meta"] = json!({ "snapshot.json": { "version": 1 } });
    });
    assert_eq!(place.code(day(1)), "registry-malformed");
}

#[test]
fn what_version_1_does_not_have_is_refused() {
    for change in [
        (|targets| targets["targets"]["m"]["custom"]["airlock"]["only_on"] = json!("tuesdays")) as fn(&mut Value),
        |targets| targets["airlock"]["version"] = json!(2),
        |targets| targets["airlock"]["frozen"] = json!(true),
        |targets| drop(targets["airlock"].as_object_mut().unwrap().remove("revoked")),
        |targets| drop(targets.as_object_mut().unwrap().remove("airlock")),
        |targets| {
            targets["airlock"]["revoked"] = json!([{ "sha256": "00", "at": "2025-01-01T00:00:00Z", "reason": "x" }]);
        },
        |targets| {
            let name = "x".repeat(5_000);
            let at = "2025-01-01T00:00:00Z";
            targets["airlock"]["revoked"] =
                json!([{ "sha256": "00".repeat(32), "at": at, "reason": "x", "name": name }]);
        },
        |targets| targets["targets"]["m"]["custom"]["airlock"]["signers"] = json!(["x".repeat(5_000)]),
        |targets| targets["targets"]["m"]["custom"]["airlock"]["added"] = json!("yesterday"),
        |targets| targets["targets"]["m"]["custom"] = json!({}),
        |targets| {
            let model = targets["targets"]["m"].clone();
            targets["targets"]["../m"] = model;
        },
        |targets| {
            let model = targets["targets"]["m"].clone();
            targets["targets"]["a\u{202e}m"] = model;
        },
        |targets| targets["spec_version"] = json!("2.0.0"),
    ] {
        let place = Place::new();
        place.forge::<tough::schema::Targets>("1.targets.json", &[&place.targets], change);
        place.forge::<tough::schema::Snapshot>("1.snapshot.json", &[&place.online], |snapshot| {
            snapshot["meta"] = json!({ "targets.json": { "version": 1 } });
        });
        place.forge::<tough::schema::Timestamp>("timestamp.json", &[&place.online], |timestamp| {
            timestamp["meta"] = json!({ "snapshot.json": { "version": 1 } });
        });
        assert_eq!(place.code(day(1)), "registry-malformed");
        // A place that could be taken for another one has its own word.
        place.forge::<tough::schema::Targets>("1.targets.json", &[&place.targets], |targets| {
            *targets = json!({
                "_type": "targets", "spec_version": "1.0.0", "version": 1, "expires": "2030-01-01T00:00:00Z",
                "airlock": { "version": 1, "revoked": [] },
                "targets": { "m": { "length": 3, "hashes": { "sha256": "00".repeat(32) }, "custom": { "airlock": {
                    "added": "2024-01-01T00:00:00Z", "signers": [], "sources": ["https://a@b.example/m"]
                } } } },
            });
        });
        assert_eq!(place.code(day(1)), "registry-source");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let place = Place::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        fs::write(place.file("timestamp.json"), text).unwrap();
        assert_eq!(place.code(day(1)), "registry-malformed");
    }
}

#[test]
fn what_was_kept_stands_for_a_registry_that_is_away_until_it_expires() {
    let place = Place::new();
    let at = place.at();
    assert_eq!(at.clone().offline().load(day(1)).unwrap_err().code(), "registry-unreachable");
    at.load(day(1)).unwrap();
    fs::rename(place.registry(), place.folder.join("away")).unwrap();
    for at in [at.clone(), at.clone().offline()] {
        let registry = at.load(day(2)).unwrap();
        assert!(registry.is_offline());
        assert!(registry.check("m", 3, &digests(b"abc"), day(2)).is_ok());
    }
    assert_eq!(at.load(day(8)).unwrap_err().code(), "registry-expired");
}

#[test]
fn what_was_kept_is_verified_again() {
    let place = Place::new();
    let at = place.at();
    at.load(day(1)).unwrap();
    let kept = cache_of(&at);
    for name in ["timestamp.json", "1.snapshot.json", "1.targets.json"] {
        let bytes = fs::read(kept.join(name)).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        for (changed, codes) in [
            (
                text.replacen("\"version\": 1", "\"version\": 7", 1),
                &["registry-signature", "registry-mixed", "registry-cache"][..],
            ),
            (text[..text.len() / 2].to_owned(), &["registry-cache", "registry-mixed", "registry-malformed"]),
            (String::new(), &["registry-cache", "registry-mixed", "registry-malformed"]),
        ] {
            fs::write(kept.join(name), changed).unwrap();
            let code = at.clone().offline().load(day(1)).map_or_else(|error| error.code(), |_| "ok");
            assert!(codes.contains(&code), "{name}: {code}");
        }
        fs::write(kept.join(name), bytes).unwrap();
    }
    assert!(at.clone().offline().load(day(1)).is_ok());
    // A timestamp that was seen and cannot be read any more is no reason to believe an old one.
    fs::write(kept.join("timestamp.json"), "x").unwrap();
    assert_eq!(at.load(day(1)).unwrap_err().code(), "registry-cache");
}

#[test]
fn a_clock_that_was_set_back_is_noticed() {
    let place = Place::new();
    place.load(day(6)).unwrap();
    assert_eq!(place.code(day(5)), "registry-clock");
    assert_eq!(place.code(day(6)), "ok");
    // Not by little at a time either.
    let back = |minutes| Clock::fixed(day(6).now() - Duration::from_mins(minutes));
    assert_eq!(place.code(back(4)), "ok");
    assert_eq!(place.code(back(8)), "registry-clock");
}

#[test]
fn a_folder_that_was_taken_over_is_not_signed() {
    let place = Place::new();
    let theirs = Place::new();
    place.put_back(&[]);
    for (path, bytes) in theirs.copy_metadata() {
        fs::write(place.file(path.file_name().unwrap().to_str().unwrap()), bytes).unwrap();
    }
    assert_eq!(place.open().unwrap_err().code(), "registry-signature");
    // Nor by a keeper who has never seen it.
    fs::remove_dir_all(place.keepers()).unwrap();
    assert_eq!(place.open().unwrap_err().code(), "registry-signature");
}

#[test]
fn a_folder_that_was_put_back_is_not_signed() {
    let place = Place::new();
    let before = place.copy_metadata();
    let mut keeper = place.keeper();
    keeper.revoke(digests(b"abc").sha256.unwrap(), "it lies", day(0));
    Place::publish(keeper, &[&place.targets, &place.online], day(0)).unwrap();
    place.put_back(&before);
    // Or the next list would be newer than the revocation, and without it.
    assert_eq!(place.open().unwrap_err().code(), "registry-rollback");
}

#[test]
fn a_long_list_is_renewed_without_its_keys() {
    let place = Place::new();
    let mut keeper = place.keeper();
    for number in 0..20_u8 {
        let path = place.folder.join("n.bson");
        fs::write(&path, [number]).unwrap();
        keeper.add(&format!("models/{number}"), &path, &STORED, day(0)).unwrap();
    }
    Place::publish(keeper, &[&place.targets, &place.online], day(0)).unwrap();
    for weeks in 1..4 {
        let versions = Place::publish(place.keeper(), &[&place.online], day(weeks)).unwrap();
        assert_eq!(versions.targets, 2);
        assert_eq!(place.load(day(weeks)).unwrap().models().len(), 21);
    }
    // And the root that is told is the one that lies there.
    let keys: Vec<PrivateKey> = [&place.online].map(Secret::again).into();
    let published = place.keeper().publish(&keys, Lifetimes::default(), day(4)).unwrap();
    assert_eq!(published.root, fs::read(place.file("1.root.json")).unwrap());
}

#[test]
fn two_keepers_do_not_publish_the_same_version() {
    let place = Place::new();
    let first = place.keeper();
    assert_eq!(place.open().unwrap_err().code(), "registry-held");
    // Whoever can write to the folder can take the lock there away. What was seen is held as well.
    fs::remove_file(place.registry().join(".held")).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut keeper = place.keeper();
            keeper.revoke(digests(b"abc").sha256.unwrap(), "it lies", day(0));
            Place::publish(keeper, &[&place.targets, &place.online], day(0)).unwrap()
        });
        let versions = Place::publish(first, &[&place.targets, &place.online], day(0)).unwrap();
        assert_eq!((versions.targets, second.join().unwrap().targets), (2, 3));
    });
    assert_eq!(place.load(day(0)).unwrap().revoked().len(), 1);
}

#[test]
fn one_version_has_one_content() {
    let place = Place::new();
    let before = place.copy_metadata();
    let mut keeper = place.keeper();
    keeper.revoke(digests(b"abc").sha256.unwrap(), "it lies", day(0));
    Place::publish(keeper, &[&place.targets, &place.online], day(0)).unwrap();
    place.load(day(0)).unwrap();
    // A keeper who has never seen it is shown the old folder, and signs another version 2.
    place.put_back(&before);
    let other = place.folder.join("other");
    let keeper = Keeper::open(&place.registry(), &place.first_root, &other, day(0)).unwrap();
    assert!(keeper.is_new_here());
    Place::publish(keeper, &[&place.targets, &place.online], day(0)).unwrap();
    assert_eq!(place.code(day(0)), "registry-rollback");
    assert_eq!(place.open().unwrap_err().code(), "registry-rollback");
}

#[test]
fn every_root_on_the_way_has_each_key_once() {
    let place = Place::new();
    let [one, two] = [&place.root[0], &place.root[1]];
    let version = |number: u64, keys: &[&Secret], change: &dyn Fn(&mut Value)| {
        fs::copy(place.file(&format!("{}.root.json", number - 1)), place.file(&format!("{number}.root.json"))).unwrap();
        place.forge::<tough::schema::Root>(&format!("{number}.root.json"), keys, |root| {
            root["version"] = json!(number);
            change(root);
        });
    };
    let id = keeper::key_id_of(&one.public_key()).unwrap();
    version(2, &[one, two], &|root| {
        let mut twin = root["keys"][&id].clone();
        twin["remark"] = json!("another one");
        let (twin_id, twin) = named(twin);
        root["roles"]["root"]["keyids"].as_array_mut().unwrap().push(json!(twin_id));
        root["keys"][&twin_id] = twin;
    });
    // A last root without the twin hides nothing.
    version(3, &[one, two], &|root| {
        root["keys"].as_object_mut().unwrap().retain(|_, key| key.get("remark").is_none());
        let keys = root["keys"].clone();
        root["roles"]["root"]["keyids"].as_array_mut().unwrap().retain(|id| keys.get(id.as_str().unwrap()).is_some());
    });
    assert_eq!(place.code(day(1)), "registry-signature");
}

#[cfg(unix)]
#[test]
fn a_root_without_its_timestamp_does_not_stay() {
    let place = Place::new();
    let new = key();
    let timestamp = fs::read(place.file("timestamp.json")).unwrap();
    let mut keeper = place.keeper();
    for role in [Role::Snapshot, Role::Timestamp] {
        keeper.rotate(role, &[new.public_key()], &[place.online.public_key()], None).unwrap();
    }
    // No file takes the place of a folder that is not empty.
    fs::remove_file(place.file("timestamp.json")).unwrap();
    fs::create_dir_all(place.file("timestamp.json/x")).unwrap();
    let keys = [&place.root[0], &place.root[1], &new];
    assert_eq!(Place::publish(keeper, &keys, day(0)).unwrap_err().code(), "registry-io");
    fs::remove_dir_all(place.file("timestamp.json")).unwrap();
    fs::write(place.file("timestamp.json"), timestamp).unwrap();
    assert_eq!(place.code(day(0)), "ok");
    assert!(place.open().is_ok());
}

#[cfg(unix)]
#[test]
fn a_keeper_waits_for_no_fifo() {
    let place = Place::new();
    let fifo = |name: &str| {
        let _ = fs::remove_file(place.registry().join(name));
        let path = place.registry().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let code = place.open().unwrap_err().code();
        fs::remove_file(path).unwrap();
        code
    };
    assert_eq!(fifo(".held"), "registry-io");
    assert_eq!(fifo("metadata/2.root.json"), "registry-malformed");
    assert!(place.open().is_ok());
    assert_eq!(fifo("metadata/timestamp.json"), "registry-unreachable");
}

#[cfg(unix)]
#[test]
fn a_keeper_does_not_write_through_links() {
    let place = Place::new();
    let own = place.folder.join("own");
    fs::write(&own, fs::read(place.file("timestamp.json")).unwrap()).unwrap();
    fs::remove_file(place.file("timestamp.json")).unwrap();
    std::os::unix::fs::symlink(&own, place.file("timestamp.json")).unwrap();
    std::os::unix::fs::symlink(&own, place.file("2.snapshot.json")).unwrap();
    let before = fs::read(&own).unwrap();
    place.refresh(day(0));
    assert_eq!(fs::read(&own).unwrap(), before);
    // Nor into another folder.
    let elsewhere = place.folder.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.registry().join("targets/x")).unwrap();
    let error = place.keeper().add("x/y", &place.folder.join("m.bson"), &STORED, day(0)).unwrap_err();
    assert_eq!((error.code(), fs::read_dir(&elsewhere).unwrap().count()), ("registry-malformed", 0));
    assert_eq!(place.load(day(0)).unwrap().versions().timestamp, 2);
}

#[test]
fn a_keeper_does_not_write_over_a_root_that_cannot_be_read() {
    let place = Place::new();
    for content in [&b"x"[..], b""] {
        fs::write(place.file("2.root.json"), content).unwrap();
        assert_eq!(place.open().unwrap_err().code(), "registry-malformed");
    }
    fs::File::create(place.file("2.root.json")).unwrap().set_len(shelf::MOST_ROOT + 1).unwrap();
    assert_eq!(place.open().unwrap_err().code(), "registry-malformed");
    fs::remove_file(place.file("2.root.json")).unwrap();
    assert!(place.open().is_ok());
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let place = Place::new();
    let before = place.copy_metadata();
    let long = |keeper: &mut Keeper| keeper.revoke([1; 32], &"x".repeat(5_000), day(0));
    let many = |keeper: &mut Keeper| {
        for number in 0..3_000_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.to_le_bytes());
            keeper.revoke(digest, &"x".repeat(4_000), day(0));
        }
    };
    for (change, code) in [(&long as &dyn Fn(&mut Keeper), "registry-malformed"), (&many, "registry-too-large")] {
        let mut keeper = place.keeper();
        change(&mut keeper);
        let error = Place::publish(keeper, &[&place.targets, &place.online], day(0)).unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(place.copy_metadata(), before);
    }
    assert_eq!(place.code(day(0)), "ok");
    place.refresh(day(1));
}

#[test]
fn a_fast_forward_attack_ends_with_other_keys() {
    let mut place = Place::new();
    let at = place.at();
    // Whoever has the online key signs the highest versions there are.
    place.forge::<tough::schema::Snapshot>("1.snapshot.json", &[&place.online], |snapshot| {
        snapshot["version"] = json!(u64::MAX);
    });
    let last = format!("{}.snapshot.json", u64::MAX);
    fs::rename(place.file("1.snapshot.json"), place.file(&last)).unwrap();
    place.forge::<tough::schema::Timestamp>("timestamp.json", &[&place.online], |timestamp| {
        timestamp["version"] = json!(u64::MAX);
        timestamp["meta"]["snapshot.json"] = json!({ "version": u64::MAX });
    });
    assert_eq!(at.load(day(0)).unwrap().versions().timestamp, u64::MAX);
    let error = Place::publish(place.keeper(), &[&place.online], day(0)).unwrap_err();
    assert!(error.to_string().contains("rotate the keys"), "{error}");
    let new = key();
    let mut keeper = place.keeper();
    for role in [Role::Snapshot, Role::Timestamp] {
        keeper.rotate(role, &[new.public_key()], &[place.online.public_key()], None).unwrap();
    }
    let keys = [&place.root[0], &place.root[1], &new];
    let versions = Place::publish(keeper, &keys, day(0)).unwrap();
    assert_eq!((versions.root, versions.snapshot, versions.timestamp), (2, 1, 1));
    place.online = new;
    // For those who have seen the highest versions as for everybody else.
    assert_eq!(at.load(day(0)).unwrap().versions(), versions);
    place.refresh(day(1));
    assert_eq!(at.load(day(1)).unwrap().versions().timestamp, 2);
}

#[test]
fn keys_are_changed_and_the_old_ones_are_worth_nothing() {
    let mut place = Place::new();
    let at = place.at();
    at.load(day(0)).unwrap();
    let old = place.copy_metadata();
    let (new_online, new_root) = (key(), key());
    let mut keeper = place.keeper();
    for role in [Role::Snapshot, Role::Timestamp] {
        keeper.rotate(role, &[new_online.public_key()], &[place.online.public_key()], None).unwrap();
    }
    keeper.rotate(Role::Root, &[new_root.public_key()], &[place.root[1].public_key()], None).unwrap();
    // The old root's keys and the new one's must both agree.
    let error = Place::publish(keeper, &[&place.root[0], &new_root, &place.targets, &new_online], day(1)).unwrap_err();
    assert_eq!(error.code(), "registry-keys");
    assert_eq!(place.copy_metadata().len(), old.len());
    let mut keeper = place.keeper();
    for role in [Role::Snapshot, Role::Timestamp] {
        keeper.rotate(role, &[new_online.public_key()], &[place.online.public_key()], None).unwrap();
    }
    keeper.rotate(Role::Root, &[new_root.public_key()], &[place.root[1].public_key()], None).unwrap();
    let keys = [&place.root[0], &place.root[1], &new_root, &new_online];
    let versions = Place::publish(keeper, &keys, day(1)).unwrap();
    assert_eq!((versions.root, versions.targets), (2, 1));
    let stolen = std::mem::replace(&mut place.online, new_online);
    assert_eq!(at.load(day(1)).unwrap().versions(), versions);
    // Whoever has the old online key can sign what he likes.
    let good = place.copy_metadata();
    place.forge::<tough::schema::Timestamp>("timestamp.json", &[&stolen], |timestamp| timestamp["version"] = json!(99));
    assert_eq!(at.load(day(1)).unwrap_err().code(), "registry-signature");
    // Hiding the new root and serving what was good before it brings the old keys back to nobody who has seen it.
    place.put_back(&old);
    assert_eq!(at.load(day(1)).unwrap_err().code(), "registry-signature");
    place.put_back(&good);
    assert!(at.load(day(1)).is_ok());
    // And what is seen under the new keys is not forgotten for the sake of the trusted root that has the old ones.
    place.refresh(day(2));
    at.load(day(2)).unwrap();
    place.put_back(&good);
    assert_eq!(at.load(day(2)).unwrap_err().code(), "registry-rollback");
}

#[test]
fn a_model_is_revoked_under_every_name_and_for_good() {
    let place = Place::new();
    let before = place.load(day(0)).unwrap();
    assert!(before.check("m", 3, &digests(b"abc"), day(0)).is_ok());
    let mut keeper = place.keeper();
    let abc = digests(b"abc").sha256.unwrap();
    keeper.add("other", &place.folder.join("m.bson"), &STORED, day(1)).unwrap();
    keeper.revoke(abc, "it lies", day(1));
    assert_eq!(keeper.models().len(), 0);
    Place::publish(keeper, &[&place.targets, &place.online], day(1)).unwrap();
    let registry = place.load(day(1)).unwrap();
    let code = |name| registry.check(name, 3, &digests(b"abc"), day(1)).unwrap_err().code();
    assert_eq!((code("m"), code("other")), ("registry-revoked", "registry-revoked"));
    let error = registry.check_not_revoked(&digests(b"abc"), day(1)).unwrap_err();
    assert_eq!(error.to_string(), "the registry has revoked this file (m): it lies");
    let mut keeper = place.keeper();
    assert_eq!(keeper.add("n", &place.folder.join("m.bson"), &STORED, day(1)).unwrap_err().code(), "registry-revoked");
    // Its name can go on with another file.
    fs::write(place.folder.join("m2.bson"), b"abcd").unwrap();
    keeper.add("m", &place.folder.join("m2.bson"), &STORED, day(1)).unwrap();
    Place::publish(keeper, &[&place.targets, &place.online], day(1)).unwrap();
    let registry = place.load(day(1)).unwrap();
    assert!(registry.check("m", 4, &digests(b"abcd"), day(1)).is_ok());
    assert_eq!(registry.check("m", 3, &digests(b"abc"), day(1)).unwrap_err().code(), "registry-revoked");
}

#[test]
fn a_keeper_is_told_what_is_missing_and_nothing_is_half_written() {
    let place = Place::new();
    let before = place.copy_metadata();
    let mut keeper = place.keeper();
    fs::write(place.folder.join("n.bson"), b"abcd").unwrap();
    let file = place.folder.join("n.bson");
    assert_eq!(keeper.add("m", &file, &STORED, day(0)).unwrap_err().code(), "registry-listed");
    assert_eq!(keeper.update("n", &file, &STORED, day(0)).unwrap_err().code(), "registry-unlisted");
    assert_eq!(keeper.add("../n", &file, &STORED, day(0)).unwrap_err().code(), "registry-name");
    let nowhere = Adding { stored: false, ..STORED };
    assert_eq!(keeper.add("n", &file, &nowhere, day(0)).unwrap_err().code(), "registry-nowhere");
    assert_eq!(keeper.add("n", &place.folder, &STORED, day(0)).unwrap_err().code(), "registry-io");
    assert_eq!(
        keeper.rotate(Role::Root, &[], &[place.targets.public_key()], None).unwrap_err().code(),
        "registry-unknown-key"
    );
    assert_eq!(
        keeper.rotate(Role::Root, &[], &[place.root[0].public_key()], None).unwrap_err().code(),
        "registry-threshold"
    );
    assert_eq!(keeper.rotate(Role::Root, &[], &[], Some(0)).unwrap_err().code(), "registry-threshold");
    assert_eq!(keeper.rotate(Role::Root, &[], &[], Some(3)).unwrap_err().code(), "registry-threshold");
    keeper.add("n", &file, &STORED, day(0)).unwrap();
    let error = Place::publish(keeper, &[&place.online], day(0)).unwrap_err();
    assert_eq!(error.code(), "registry-keys");
    assert!(error.to_string().contains("the targets metadata need 1 of their keys"), "{error}");
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&place.copy_metadata()), names(&before));
    let new = NewRegistry::default();
    assert_eq!(Keeper::init(&place.registry(), &place.keepers(), &new, day(0)).unwrap_err().code(), "registry-exists");
    let empty = place.folder.join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(Keeper::init(&empty, &place.keepers(), &new, day(0)).unwrap_err().code(), "registry-no-keys");
    let minisign = PublicKey::parse(b"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
    let new = Role::ALL.into_iter().fold(NewRegistry::default(), |new, role| new.role(role, vec![minisign.clone()], 1));
    assert_eq!(Keeper::init(&empty, &place.keepers(), &new, day(0)).unwrap_err().code(), "registry-key-kind");
}

#[test]
fn a_trusted_root_that_is_none_is_refused() {
    let place = Place::new();
    let mut unsigned: Value = serde_json::from_slice(&place.first_root).unwrap();
    unsigned["signatures"] = json!([]);
    for root in [b"".to_vec(), b"{}".to_vec(), serde_json::to_vec(&unsigned).unwrap(), vec![b' '; 1 << 20]] {
        let at = RegistryAt { root, ..place.at() };
        assert_eq!(at.load(day(1)).unwrap_err().code(), "registry-root");
    }
    // The root of somebody else's registry.
    let other = Place::new();
    let at = RegistryAt { root: other.first_root.clone(), ..place.at() };
    assert_eq!(at.load(day(1)).unwrap_err().code(), "registry-signature");
}
