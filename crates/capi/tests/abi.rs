//! The library as C sees it: programs that the machine's compiler makes of the header, plainly and under valgrind.
//!
//! What the programs print is compared with what Rust says of the same files. Where there is no valgrind, its tests fail if
//! `CI` is set, and are left out otherwise.
#![cfg(unix)]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use flux_airlock::{Airlock, ArrayView, Digest, Form, Input, Model, Value};
use flux_airlock_export::{Safetensors, Spec};
use flux_airlock_trust::{
    Adding, Clock, Keeper, Lifetimes, Manifest, MinisignForm, NewRegistry, PrivateKey, Role, sign_minisign, sign_oms,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// The folder of the package.
const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// The flags that a careful C programmer has.
const C_FLAGS: [&str; 6] = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"];

fn root() -> PathBuf {
    Path::new(PACKAGE).join("../..").canonicalize().unwrap()
}

/// The corpus' models that open, sorted.
fn models() -> Vec<String> {
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries(&root().join("tests/corpus/accept")).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let models = files.filter(|path| path.extension().is_some_and(|extension| extension == "bson"));
    let mut models: Vec<String> = models.map(|path| path.to_str().unwrap().to_owned()).collect();
    models.sort();
    assert!(models.len() > 300);
    models
}

fn lenet() -> String {
    root().join("tests/corpus/accept/flux-0.16.9/lenet.bson").to_str().unwrap().to_owned()
}

/// The libraries as cargo builds them: the shared one and the static one.
fn libraries() -> &'static (PathBuf, PathBuf) {
    static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--lib", "--message-format=json", "--manifest-path"]);
        cargo.arg(Path::new(PACKAGE).join("Cargo.toml"));
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = succeed(cargo.output().unwrap());
        let files: Vec<PathBuf> = output
            .lines()
            .filter_map(|line| serde_json::from_str::<Json>(line).ok())
            .filter(|message| message["target"]["crate_types"] == serde_json::json!(["cdylib", "staticlib"]))
            .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
            .map(|file| PathBuf::from(file.as_str().unwrap()))
            .collect();
        let find = |extensions: &[&str]| {
            let is = |path: &&PathBuf| path.extension().is_some_and(|found| extensions.iter().any(|e| found == *e));
            files.iter().find(is).unwrap_or_else(|| panic!("{files:?}")).clone()
        };
        (find(&["so", "dylib"]), find(&["a"]))
    })
}

/// A program of these sources and the shared library.
fn compile(source: &Path, program: &Path) {
    let folder = libraries().0.parent().unwrap().to_str().unwrap().to_owned();
    let mut cc = Command::new("cc");
    cc.args(C_FLAGS).arg("-I").arg(Path::new(PACKAGE).join("include")).arg(source).arg("-o").arg(program);
    cc.args(["-L", &folder, "-lflux_airlock", "-lpthread", &format!("-Wl,-rpath,{folder}")]);
    succeed(cc.output().expect("a C compiler"));
}

/// The suite, compiled once.
fn suite() -> &'static Path {
    static COMPILED: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = COMPILED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("suite");
        compile(&Path::new(PACKAGE).join("tests/c/suite.c"), &program);
        (folder, program)
    });
    program
}

#[track_caller]
fn succeed(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{stderr}", output.status, String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the suite. Nothing but the suite itself may print.
#[track_caller]
fn run(arguments: &[&str]) -> String {
    let output = Command::new(suite()).args(arguments).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    succeed(output)
}

/// Runs a program under valgrind: no error and no leak.
#[track_caller]
fn check_memory(program: &Path, arguments: &[&str]) -> Option<String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        assert!(env::var_os("CI").is_none(), "there is no valgrind");
        return None;
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible"]);
    // The header's promise is about the caller's memory: `still reachable` is the table of handles, which lives as long as
    // the library.
    valgrind.args(["--show-leak-kinds=definite,indirect,possible", "--num-callers=30"]);
    Some(succeed(valgrind.arg(program).args(arguments).output().unwrap()))
}

#[test]
fn c_sees_all_that_is_in_a_file() {
    let airlock = Airlock::new().unwrap();
    for files in models().chunks(40) {
        let mut arguments = vec!["dump"];
        arguments.extend(files.iter().map(String::as_str));
        let dump = run(&arguments);
        let mut lines = dump.lines();
        for file in files {
            let model = airlock.open_unverified(Input::path(file)).unwrap();
            for expected in expected(&model).lines() {
                let line = lines.next().unwrap_or_else(|| panic!("{file}: {expected}"));
                assert_eq!(without_time(line), without_time(expected), "{file}");
            }
        }
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn what_c_writes_is_what_rust_writes() {
    let folder = tempfile::tempdir().unwrap();
    let [safetensors, json] = ["m.safetensors", "m.json"].map(|name| folder.path().join(name));
    run(&["write", &lenet(), safetensors.to_str().unwrap(), json.to_str().unwrap()]);
    let model = Airlock::new().unwrap().open_unverified(Input::path(lenet())).unwrap();
    let mut expected = Vec::new();
    Safetensors::new(&model).unwrap().write(&mut expected).unwrap();
    assert!(fs::read(safetensors).unwrap() == expected);
    let mut expected = Vec::new();
    Spec::new(&model).write(&mut expected).unwrap();
    assert_eq!(fs::read_to_string(json).unwrap(), String::from_utf8(expected).unwrap());
}

#[test]
fn fields_have_the_names_that_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let types = folder.path().join("types.toml");
    let page = fs::read_to_string(root().join("docs/types.md")).unwrap();
    fs::write(&types, page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()).unwrap();
    let file = root().join("tests/corpus/accept/made/own_structs.bson");
    run(&["types", file.to_str().unwrap(), types.to_str().unwrap(), "policy.emodels"]);
}

/// A model that a key has signed, and that a registry lists.
struct Vouched {
    folder: tempfile::TempDir,
    key_id: String,
}

impl Vouched {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = |name: &str| PrivateKey::parse(&fs::read(root().join("fuzz/keys").join(name)).unwrap(), || panic!());
        fs::copy(root().join("tests/corpus/accept/flux-0.16.9/dense.bson"), at("model.bson")).unwrap();
        fs::copy(root().join("tests/corpus/accept/flux-0.16.9/lenet.bson"), at("other.bson")).unwrap();
        let (minisign, ec) = (key("fuzz.minisign").unwrap(), key("fuzz.pem").unwrap());
        let model = fs::File::open(at("model.bson")).unwrap();
        let signature = sign_minisign(&minisign, MinisignForm::Prehashed, model, "of the team").unwrap();
        fs::write(at("model.minisig"), signature).unwrap();
        fs::write(at("team.pub"), minisign.public_key().fingerprint()).unwrap();
        fs::copy(root().join("fuzz/keys/fuzz.pub"), at("other.pub")).unwrap();
        fs::create_dir(at("registry")).unwrap();
        let roles = [Role::Root, Role::Targets, Role::Snapshot, Role::Timestamp];
        let new = roles.into_iter().fold(NewRegistry::default(), |new, role| new.role(role, vec![ec.public_key()], 1));
        let mut keeper = Keeper::init(&at("registry"), &at("kept"), &new, Clock::system()).unwrap();
        let adding = Adding { stored: true, sources: Vec::new(), signers: Vec::new() };
        keeper.add("model.bson", &at("model.bson"), &adding, Clock::system()).unwrap();
        let published = keeper.publish(&[ec], Lifetimes::default(), Clock::system()).unwrap();
        fs::write(at("root.json"), published.root).unwrap();
        let key_id = minisign.public_key().id();
        Self { folder, key_id }
    }

    fn revoke(&self) {
        let at = |name: &str| self.folder.path().join(name);
        let pem = fs::read(root().join("fuzz/keys/fuzz.pem")).unwrap();
        let ec = PrivateKey::parse(&pem, || panic!()).unwrap();
        let root = fs::read(at("root.json")).unwrap();
        let mut keeper = Keeper::open(&at("registry"), &root, &at("kept"), Clock::system()).unwrap();
        keeper.revoke(Sha256::digest(fs::read(at("model.bson")).unwrap()).into(), "stolen", Clock::system());
        keeper.publish(&[ec], Lifetimes::default(), Clock::system()).unwrap();
    }

    /// The program and its arguments: values with a dot or a slash are files of the folder.
    fn arguments(&self, model: &str, given: &[&str]) -> Vec<String> {
        let path = |value: &str| match value {
            "" | "lists" => value.to_owned(),
            file => self.folder.path().join(file).to_str().unwrap().to_owned(),
        };
        let mut arguments = vec!["vouched".to_owned(), path(model)];
        for pair in given.chunks(2) {
            arguments.push(pair[0].to_owned());
            arguments.push(if matches!(pair[0], "name" | "pin") { pair[1].to_owned() } else { path(pair[1]) });
        }
        arguments
    }

    fn says(&self, model: &str, given: &[&str]) -> String {
        let arguments = self.arguments(model, given);
        run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

#[test]
fn signatures_and_registries_vouch_and_refuse() {
    let vouched = Vouched::new();
    let signed = ["signature", "model.minisig", "public-key", "team.pub"];
    let listed = ["registry", "registry", "root", "root.json", "cache", "cache"];
    let by = format!("signature format=minisign key={} comment=of the team version=0\n", vouched.key_id);
    let of = "registry name=model.bson version=1 timed\n";
    assert_eq!(vouched.says("model.bson", &signed), format!("{by}1\n"));
    assert_eq!(vouched.says("model.bson", &listed), format!("{of}1\n"));
    let both = [&signed[..], &listed[..], &["name", "model.bson"]].concat();
    assert_eq!(vouched.says("model.bson", &both), format!("{by}{of}2\n"));
    let offline = [&listed[..], &["offline", ""]].concat();
    assert_eq!(vouched.says("model.bson", &offline), format!("{of}1\n"));
    // Other bytes, another key, another name.
    assert_eq!(vouched.says("other.bson", &signed), "3 signature-invalid\n");
    let other_key = ["signature", "model.minisig", "public-key", "other.pub"];
    assert_eq!(vouched.says("model.bson", &other_key), "3 signature-signer-kind\n");
    assert_eq!(vouched.says("other.bson", &listed), "3 registry-unlisted\n");
    let renamed = [&listed[..], &["name", "model.bson"]].concat();
    assert_eq!(vouched.says("other.bson", &renamed), "3 digest-mismatch\n");
    // What says nothing alone.
    for half in [
        &["signature", "model.minisig"][..],
        &["public-key", "team.pub"],
        &["signed-folder", "registry"],
        &["registry", "registry", "cache", "cache"],
        &["root", "root.json"],
        &["name", "model.bson"],
        &["offline", ""],
        &["signature", "model.minisig", "public-key", "team.pub", "public-key", "team.pub"],
    ] {
        assert_eq!(vouched.says("model.bson", half), "8 incomplete-evidence\n", "{half:?}");
    }
    assert_eq!(vouched.says("model.bson", &["unverified", "", "root", "root.json"]), "8 conflicting-evidence\n");
    assert_eq!(vouched.says("model.bson", &["root", "root.json", "unverified", ""]), "8 conflicting-evidence\n");
    assert_eq!(vouched.says("model.bson", &["unverified", "", "nonsense", ""]), "8 unknown-evidence\n");
    assert_eq!(vouched.says("model.bson", &["public-key", "model.bson"]), "6 key-malformed\n");
    // What there is one of: a second one would take the place of the first, of which all must hold.
    for twice in [
        ["registry", "registry"],
        ["root", "root.json"],
        ["cache", "cache"],
        ["name", "model.bson"],
        ["signed-folder", "registry"],
    ] {
        assert_eq!(vouched.says("model.bson", &[twice, twice].concat()), "8 repeated-evidence\n", "{twice:?}");
    }
    // A registry that says no is believed, whatever else says yes.
    vouched.revoke();
    assert_eq!(vouched.says("model.bson", &both), "3 registry-revoked\n");
    let asked = [&signed[..], &listed[..], &["name", ""]].concat();
    assert_eq!(vouched.says("model.bson", &asked), "3 registry-revoked\n");
    let arguments = vouched.arguments("model.bson", &both);
    check_memory(suite(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
}

/// A root of certificates of this name, the bundle that somebody with a certificate of it makes over this manifest, and the id
/// of their key.
fn certified(name: &str, manifest: &Manifest) -> (String, Vec<u8>, String) {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root_key = KeyPair::generate().unwrap();
    let root = params.self_signed(&root_key).unwrap();
    let mut leaf = CertificateParams::new([]).unwrap();
    leaf.distinguished_name.push(rcgen::DnType::CommonName, "Model team");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let pair = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&pair, &Issuer::new(params, root_key)).unwrap();
    let key = PrivateKey::parse(pair.serialize_pem().as_bytes(), || panic!("it is not encrypted")).unwrap();
    (root.pem(), sign_oms(&key, Some(leaf.pem().as_bytes()), manifest).unwrap(), key.public_key().id())
}

#[test]
fn bundles_vouch_by_a_key_or_a_certificate_for_a_file_or_a_folder() {
    let vouched = Vouched::new();
    let at = |name: &str| vouched.folder.path().join(name);
    let pem = fs::read(root().join("fuzz/keys/fuzz.pem")).unwrap();
    let key = PrivateKey::parse(&pem, || panic!("it is not encrypted")).unwrap();
    let id = key.public_key().id();

    // One file, by a key.
    let sha256 = Sha256::digest(fs::read(at("model.bson")).unwrap());
    let file = Manifest::of_file("model.bson", sha256.into());
    fs::write(at("model.sig"), sign_oms(&key, None, &file).unwrap()).unwrap();
    let signed = ["signature", "model.sig", "public-key", "other.pub"];
    let by_key = format!("signature format=oms key={id} version=0\n1\n");
    assert_eq!(vouched.says("model.bson", &signed), by_key);
    assert_eq!(vouched.says("other.bson", &signed), "3 signature-mismatch\n");

    // The same, by a certificate.
    let (authority, bundle, certified_id) = certified("authority", &file);
    fs::write(at("authority.pem"), authority).unwrap();
    fs::write(at("other-authority.pem"), certified("other", &file).0).unwrap();
    fs::write(at("certified.sig"), bundle).unwrap();
    let certified_by = ["signature", "certified.sig", "certificate-root", "authority.pem"];
    let by_certificate = format!("signature format=oms key={certified_id} version=0\n1\n");
    assert_eq!(vouched.says("model.bson", &certified_by), by_certificate);
    assert_eq!(vouched.says("other.bson", &certified_by), "3 signature-mismatch\n");
    let other = ["signature", "certified.sig", "certificate-root", "other-authority.pem"];
    assert_eq!(vouched.says("model.bson", &other), "3 certificate-unknown-issuer\n");
    let both = [&certified_by[..], &["public-key", "other.pub"]].concat();
    assert_eq!(vouched.says("model.bson", &both), "8 incomplete-evidence\n");
    let twice = [&certified_by[..], &["certificate-root", "authority.pem"]].concat();
    assert_eq!(vouched.says("model.bson", &twice), "8 repeated-evidence\n");

    // A folder: all of it as it was, wherever the signature lies.
    fs::create_dir_all(at("models/deep")).unwrap();
    fs::copy(at("model.bson"), at("models/deep/a.bson")).unwrap();
    fs::copy(at("other.bson"), at("models/b.bson")).unwrap();
    let folder = Manifest::of_folder("models", &at("models"), &[], None).unwrap();
    fs::write(at("models.sig"), sign_oms(&key, None, &folder).unwrap()).unwrap();
    let folder = ["signature", "models.sig", "public-key", "other.pub", "signed-folder", "models"];
    let named = |name: &str| format!("signature format=oms key={id} name={name} version=0\n1\n");
    assert_eq!(vouched.says("models/deep/a.bson", &folder), named("deep/a.bson"));
    assert_eq!(vouched.says("models/b.bson", &folder), named("b.bson"));
    // The name of one of them, and its bytes, elsewhere.
    fs::copy(at("models/b.bson"), at("b.bson")).unwrap();
    assert_eq!(vouched.says("b.bson", &folder), "3 signature-not-covered\n");
    let arguments = vouched.arguments("models/deep/a.bson", &folder);
    check_memory(suite(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    fs::copy(at("model.bson"), at("models/b.bson")).unwrap();
    assert_eq!(vouched.says("models/deep/a.bson", &folder), "3 signature-other-file\n");
    assert_eq!(vouched.says("models/b.bson", &folder), "3 signature-mismatch\n");
}

#[test]
fn a_policy_is_held_to() {
    let vouched = Vouched::new();
    let signed = ["signature", "model.minisig", "public-key", "team.pub"];
    let policy = |text: &str, given: &[&str]| {
        fs::write(vouched.folder.path().join("policy.toml"), text).unwrap();
        vouched.says("model.bson", &[given, &["policy", "policy.toml"]].concat())
    };
    let sha256 = Sha256::digest(fs::read(vouched.folder.path().join("model.bson")).unwrap());
    let denied = format!("version = 1\ndenied = [\"{}\"]\n", Digest::Sha256(sha256.into()));
    assert!(policy("version = 1\n", &signed).ends_with("\n1\n"));
    assert_eq!(policy(&denied, &signed), "3 policy-digest\n");
    assert_eq!(policy("version = 1\nunverified = \"never\"\n", &["unverified", ""]), "3 policy-unverified\n");
    assert_eq!(policy("version = 1\nunverified = \"open\"\n", &["unverified", ""]), "0\n");
    assert_eq!(policy("version = 1\n[limits]\nfile_bytes = 100\n", &signed), "2 file-bytes-limit\n");
    assert_eq!(policy("version = 1\nnonsense = 1\n", &signed), "6 policy-unknown-key\n");
    // One that is found: no path, in a folder whose policy forbids it.
    fs::write(vouched.folder.path().join("airlock.toml"), denied).unwrap();
    let arguments = vouched.arguments("model.bson", &[&signed[..], &["policy", ""]].concat());
    let mut here = Command::new(suite());
    here.args(arguments).current_dir(&vouched.folder).env("XDG_CONFIG_HOME", vouched.folder.path());
    assert_eq!(succeed(here.output().unwrap()), "3 policy-digest\n");
}

#[test]
fn every_error_says_what_and_where() {
    let folder = tempfile::tempdir().unwrap();
    run(&["errors", folder.path().to_str().unwrap(), &lenet()]);
}

#[test]
fn every_mistake_is_an_error_and_no_crash() {
    run(&["misuse", &lenet()]);
}

#[test]
fn many_threads_open_and_release_at_once() {
    run(&["threads", &lenet()]);
}

#[test]
fn a_hundred_thousand_models_leave_nothing_behind() {
    let small = root().join("tests/corpus/accept/flux-0.16.9/dense.bson");
    let said = run(&["churn", small.to_str().unwrap(), "100000"]);
    print!("{said}");
}

#[test]
fn valgrind_finds_no_error_and_no_leak() {
    let folder = tempfile::tempdir().unwrap();
    let lenet = lenet();
    check_memory(suite(), &["misuse", &lenet]);
    check_memory(suite(), &["errors", folder.path().to_str().unwrap(), &lenet]);
    check_memory(suite(), &["threads", &lenet]);
    let [safetensors, json] = ["m.safetensors", "m.json"].map(|name| folder.path().join(name));
    check_memory(suite(), &["write", &lenet, safetensors.to_str().unwrap(), json.to_str().unwrap()]);
    let files = models();
    let mut arguments = vec!["dump"];
    arguments.extend(files.iter().map(String::as_str));
    let dump = check_memory(suite(), &arguments);
    assert!(dump.is_none_or(|dump| dump.lines().filter(|line| line.starts_with("model ")).count() == files.len()));
}

#[test]
fn the_static_library_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("suite");
    let mut cc = Command::new("cc");
    cc.args(C_FLAGS).arg("-I").arg(Path::new(PACKAGE).join("include"));
    cc.arg(Path::new(PACKAGE).join("tests/c/suite.c")).arg("-o").arg(&program).arg(&libraries().1);
    // What `rustc --print native-static-libs` says, where it is not in the C library itself.
    cc.args(if cfg!(target_os = "macos") {
        &["-liconv", "-lSystem", "-lm"][..]
    } else {
        &["-lpthread", "-lm", "-ldl"]
    });
    succeed(cc.output().unwrap());
    succeed(Command::new(&program).args(["misuse", &lenet()]).output().unwrap());
}

#[test]
fn the_header_is_one_of_other_languages_too() {
    let header = Path::new(PACKAGE).join("include/flux_airlock.h");
    let check = |compiler: &str, flags: &[&str]| {
        let mut command = Command::new(compiler);
        command.args(flags).args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]).arg(&header);
        succeed(command.output().unwrap_or_else(|error| panic!("{compiler}: {error}")));
    };
    check("c++", &["-x", "c++", "-std=c++11"]);
    check("c++", &["-x", "c++", "-std=c++20"]);
    check("cc", &["-x", "c", "-std=c99"]);
    check("cc", &["-x", "c", "-std=c17"]);
}

#[test]
fn the_program_in_the_readme_does_what_it_says() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let program = readme.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("weights.c");
    fs::write(&source, program).unwrap();
    let compiled = folder.path().join("weights");
    compile(&source, &compiled);
    let run = |arguments: &[&str]| Command::new(&compiled).args(arguments).current_dir(root()).output().unwrap();
    let pin = format!(
        "sha256:{}",
        Airlock::new().unwrap().open_unverified(Input::path(lenet())).unwrap().file().sha256.as_ref().unwrap()
    );
    let printed = succeed(run(&[&lenet(), &pin]));
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 10);
    assert_eq!(lines[0], "model.layers[1].weight Float32 5 5 1 6");
    // Another file, and what is said of it.
    let other = run(&[&lenet(), &format!("sha256:{}", "0".repeat(64))]);
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8(other.stderr).unwrap().starts_with("digest-mismatch: "));
    if let Some(checked) = check_memory(&compiled, &[&lenet(), &pin]) {
        assert_eq!(checked, printed);
    }
}

#[test]
fn nothing_is_exported_but_what_the_header_declares() {
    let header = fs::read_to_string(Path::new(PACKAGE).join("include/flux_airlock.h")).unwrap();
    let mut declared: Vec<&str> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/', '}', 't', 'e']))
        .chain(
            header
                .lines()
                .filter(|line| line.starts_with("uint32_t airlock_") || line.starts_with("struct airlock_text")),
        )
        .filter_map(|line| {
            line.split(['(', ' ']).find(|word| word.starts_with("airlock_") && line.contains(&format!("{word}(")))
        })
        .collect();
    declared.sort_unstable();
    declared.dedup();
    assert!(declared.len() > 30, "{declared:?}");
    let flags = if cfg!(target_os = "macos") { "-gU" } else { "-D" };
    let mut nm = Command::new("nm");
    let output = succeed(nm.args([flags, "--defined-only"]).arg(&libraries().0).output().unwrap());
    let mut exported: Vec<&str> = output
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(|name| name.trim_start_matches('_'))
        .collect();
    exported.sort_unstable();
    assert_eq!(exported, declared);
}

/// What the suite must print of this model.
fn expected(model: &Model) -> String {
    let mut out = String::new();
    let (file, figures, written_by) = (model.file(), model.sandbox(), model.written_by());
    let texts = [
        file.path.as_deref(),
        file.sha256.as_deref(),
        Some(figures.guest_sha256),
        written_by.flux.as_deref(),
        written_by.julia.as_deref(),
        written_by.bson_jl.as_deref(),
    ];
    let arrays: Vec<ArrayView<'_>> = model.arrays().collect();
    writeln!(
        out,
        "model{} {} {} {} {} {} {} {}",
        texts.map(text).concat(),
        file.bytes,
        figures.fuel_used,
        figures.fuel_limit,
        figures.memory_bytes,
        model.scalars_more(),
        model.node_count(),
        arrays.len()
    )
    .unwrap();
    for variable in model.variables() {
        let value = variable.value;
        let texts =
            [variable.name.map(str::to_owned), Some(variable.path()), Some(value.summary()), Some(value.tree())];
        writeln!(out, "variable {}{}", value.id(), texts.map(|t| text(t.as_deref())).concat()).unwrap();
        nodes(model, &arrays, value, &mut out);
    }
    list_arrays(&arrays, &mut out);
    for (which, ids) in [
        (0, model.opaque().map(|value| value.id()).collect::<Vec<_>>()),
        (1, model.scalars().map(|value| value.id()).collect()),
    ] {
        writeln!(out, "list {which}{}", spaced(ids)).unwrap();
    }
    for note in model.notes() {
        let (code, message) = (text(Some(note.code)), text(Some(&note.message)));
        writeln!(out, "note {}{code}{code}{message}", note.value.id()).unwrap();
    }
    for aside in model.asides() {
        let name = text(Some(aside.name.code()));
        writeln!(out, "aside {} {}{name}{name}", aside.owner.id(), aside.value.id()).unwrap();
    }
    let report = model.report();
    for (which, json) in [report.to_json(), report.to_json_pretty(), model.layers().to_json()].iter().enumerate() {
        writeln!(out, "text {which}{}", text(Some(json))).unwrap();
    }
    if let Some(last) = model.variables().last() {
        let only = model.only(&last.path()).unwrap().unwrap();
        let arrays: Vec<ArrayView<'_>> = only.arrays().collect();
        writeln!(out, "only {}", arrays.len()).unwrap();
        list_arrays(&arrays, &mut out);
    }
    out
}

/// The nodes below this one, each given once.
fn nodes(model: &Model, arrays: &[ArrayView<'_>], root: Value<'_>, out: &mut String) {
    let mut seen = vec![false; model.node_count()];
    let mut due = vec![(None::<String>, root)];
    while let Some((name, value)) = due.pop() {
        let id = usize::try_from(value.id()).unwrap();
        write!(out, "node {id}{}", text(name.as_deref())).unwrap();
        if std::mem::replace(&mut seen[id], true) {
            out.push_str(" again\n");
            continue;
        }
        let said = Said::of(arrays, value);
        writeln!(
            out,
            "{}{}{}{} ({} ){}{}",
            text(Some(said.form)),
            text(said.name.as_deref()),
            said.text.map_or_else(|| text(None), |bytes| hex(&bytes)),
            text(said.eltype),
            spaced(said.size),
            said.more,
            text(Some(&value.path())),
        )
        .unwrap();
        due.extend(said.children.into_iter().rev());
    }
}

/// What the suite says of a node.
#[derive(Default)]
struct Said<'a> {
    form: &'static str,
    name: Option<String>,
    text: Option<Vec<u8>>,
    eltype: Option<&'static str>,
    size: Vec<u64>,
    more: String,
    children: Vec<(Option<String>, Value<'a>)>,
}

impl<'a> Said<'a> {
    fn of(arrays: &[ArrayView<'_>], value: Value<'a>) -> Self {
        let plain = || value.values().map(|value| (None, value)).collect();
        let form = |form| Self { form, ..Self::default() };
        let number = |eltype: &'static str, bytes: &[u8], shown: &str| {
            let bits = hex(bytes).replace(" x", " b");
            let integer = value.as_i64().or(value.as_bool().map(i64::from)).map(|n| format!(" i{n}"));
            let real = value.as_f64().map(|real| format!(" r{:016x}", real.to_bits()));
            let more =
                format!("{}{}{bits}{}", integer.unwrap_or_default(), real.unwrap_or_default(), text(Some(shown)));
            Self { name: Some(eltype.to_owned()), eltype: Some(eltype), more, ..form("number") }
        };
        match value.form() {
            Form::Array(size, _) => {
                Self { size: size.iter().map(u64::from).collect(), children: plain(), ..form("array") }
            }
            Form::Bool(b) => number("Bool", &[b.into()], &b.to_string()),
            Form::Float(f) => number("Float64", &f.to_le_bytes(), &value.summary()),
            Form::Function(function) => {
                let (name, more) = (Some(function.name().to_owned()), text(Some(function.module())));
                Self { name, more, ..form("function") }
            }
            Form::Int(n) => number("Int64", &n.to_le_bytes(), &n.to_string()),
            Form::List(_) => Self { children: plain(), ..form("list") },
            Form::NamedTuple(fields) => Self {
                children: fields.map(|(name, value)| (Some(name.to_owned()), value)).collect(),
                ..form("named-tuple")
            },
            Form::Null => form("nothing"),
            Form::Opaque(opaque) => {
                let texts = [opaque.type_path().unwrap_or_default(), opaque.message()];
                Self {
                    name: Some(opaque.why.code().to_owned()),
                    size: opaque.size().unwrap_or_default(),
                    eltype: opaque.eltype().map(flux_airlock::Eltype::name),
                    more: texts.map(|t| text(Some(&t))).concat(),
                    children: plain(),
                    ..form("opaque")
                }
            }
            Form::Record(fields) => Self {
                children: fields.map(|(name, value)| (Some(name.to_owned()), value)).collect(),
                ..form("record")
            },
            Form::Scalar(scalar) if scalar.bytes().is_empty() => form("nothing"),
            Form::Scalar(scalar) => number(scalar.eltype().name(), scalar.bytes(), &scalar.to_string()),
            Form::Struct(kind, fields) => Self {
                name: Some(kind.name().to_owned()),
                children: fields.map(|(name, value)| (Some(name.to_owned()), value)).collect(),
                ..form("struct")
            },
            Form::Symbol(symbol) => Self { text: Some(symbol.into()), ..form("symbol") },
            Form::Tensor(array) => {
                let at = arrays.iter().position(|other| other.path() == array.path()).unwrap();
                let eltype = array.eltype().map(flux_airlock::Eltype::name);
                Self { eltype, more: format!(" #{at}"), ..form("tensor") }
            }
            Form::Text(bytes) => Self { text: Some(bytes.into()), ..form("string") },
            Form::Tuple(_) => Self { children: plain(), ..form("tuple") },
            other => panic!("{other:?}"),
        }
    }
}

fn list_arrays(arrays: &[ArrayView<'_>], out: &mut String) {
    for (number, array) in arrays.iter().enumerate() {
        let (eltype, omitted) = match array {
            ArrayView::Omitted(omitted) => (omitted.eltype(), Some(omitted.why())),
            ArrayView::Tensor(tensor) => (tensor.eltype().name().to_owned(), None),
        };
        let size = spaced(array.size().iter());
        let bytes = array.bytes();
        let sum = bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        let also: String = array.also_at().iter().map(|path| text(Some(path))).collect();
        writeln!(
            out,
            "array {number} {}{}{} {} ({size} ) {} {} {sum:016x}{}{also} +{}",
            array.value().id(),
            text(Some(array.path())),
            text(Some(&eltype)),
            array.eltype().map_or(0, flux_airlock::Eltype::width),
            bytes.len(),
            array.offset(),
            text(omitted),
            array.also_at_more(),
        )
        .unwrap();
    }
}

fn spaced(numbers: impl IntoIterator<Item: std::fmt::Display>) -> String {
    numbers.into_iter().fold(String::new(), |out, number| out + &format!(" {number}"))
}

fn text(text: Option<&str>) -> String {
    text.map_or_else(|| " -".to_owned(), |text| hex(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from(" x"), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// A line without how long the machine took, which no two runs have in common.
fn without_time(line: &str) -> String {
    let Some(digits) = line.strip_prefix("text 0 x").or_else(|| line.strip_prefix("text 1 x")) else {
        return line.to_owned();
    };
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let json: Vec<u8> = (0..digits.len()).step_by(2).map(pair).collect();
    let mut json: Json = serde_json::from_slice(&json).unwrap();
    json["sandbox"]["wall_us"] = Json::Null;
    json.to_string()
}
