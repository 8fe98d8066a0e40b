//! `airlock policy`, `airlock registry` and `airlock get`, and what policies and registries do to the other commands.
#![cfg(unix)]

#[allow(dead_code, reason = "shared by the tests of this folder, which use different parts of it")]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use support::{Ran, copy, folder, genuine, with};

/// Runs the command in a folder, which is the home folder as well.
fn run(folder: &Path, line: &str) -> Ran {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    with(&arguments, |command| {
        command.current_dir(folder).env("HOME", folder).env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME");
    })
}

/// A folder with a model that is pinned.
fn place() -> tempfile::TempDir {
    let folder = folder();
    copy(&genuine("lenet.bson"), &folder.path().join("m.bson"));
    run(folder.path(), "pin m.bson").ends_with(0);
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A private key, and its public half beside it.
fn key(folder: &Path, name: &str) {
    let pair = rcgen::KeyPair::generate().unwrap();
    write(folder, &format!("{name}.pem"), &pair.serialize_pem());
    fs::set_permissions(folder.join(format!("{name}.pem")), fs::Permissions::from_mode(0o600)).unwrap();
    write(folder, &format!("{name}.pub"), &pair.public_key_pem());
}

const LOCK: &str = "verify --lock airlock.lock m.bson";

#[test]
fn without_a_policy_evidence_is_enough() {
    let place = place();
    let said = run(place.path(), "policy check");
    assert_eq!(said.ends_with(0).stdout, "there is no policy: whatever has evidence that holds is opened\n");
    run(place.path(), LOCK).ends_with(0);
}

#[test]
fn the_users_policy_holds_and_a_named_one_takes_its_place() {
    let place = place();
    write(
        place.path(),
        ".config/airlock/policy.toml",
        "version = 1\n[[source]]\nurl = \"https://models.example.org/\"\n",
    );
    let ran = run(place.path(), LOCK);
    assert!(ran.ends_with(1).stdout.contains("REFUSED m.bson policy-source: the policy "), "{ran:?}");
    write(place.path(), "lax.toml", "version = 1\nunverified = \"open\"\n");
    run(place.path(), "verify --policy lax.toml --lock airlock.lock m.bson").ends_with(0);
    run(place.path(), "verify --policy lax.toml --unverified m.bson").ends_with(0);
    run(place.path(), "convert --lock airlock.lock m.bson").ends_with(1).complains("refused: policy-source");
    assert!(!place.path().join("m.safetensors").exists());
}

#[test]
fn an_airlock_toml_of_the_working_tree_forbids_and_cannot_allow() {
    let place = place();
    write(place.path(), "strict.toml", "version = 1\nunverified = \"never\"\n[[source]]\nmemory = true\n");
    // All that could be said to get more.
    write(
        place.path(),
        "airlock.toml",
        "version = 1\nunverified = \"open\"\n[[source]]\npath = \"/\"\nunverified = \"open\"\n",
    );
    let strict = "--policy strict.toml";
    assert!(run(place.path(), &format!("{LOCK} {strict}")).ends_with(1).stdout.contains("policy-source"));
    assert!(run(place.path(), &format!("verify --unverified m.bson {strict}")).ends_with(1).stdout.contains("policy-"));
    assert!(run(place.path(), &format!("inspect m.bson {strict}")).ends_with(1).stdout.contains("policy-unverified"));
    run(place.path(), LOCK).ends_with(0);
    // It is found from below as well, and forbids what nobody else does.
    write(place.path(), "airlock.toml", "version = 1\n[limits]\nfile_bytes = 1000\n");
    fs::create_dir(place.path().join("below")).unwrap();
    let ran = run(&place.path().join("below"), "verify --lock ../airlock.lock ../m.bson");
    assert!(ran.ends_with(1).stdout.contains("file-bytes-limit"), "{ran:?}");
    // And one that is not understood is not skipped.
    write(place.path(), "airlock.toml", "version = 1\nallow = \"everything\"\n");
    for line in [LOCK, "inspect m.bson", "verify --unverified m.bson", "policy check"] {
        run(place.path(), line)
            .ends_with(2)
            .has_no_result()
            .complains("line 2: there is no key \"allow\"; nothing is opened");
    }
    run(place.path(), "verify --policy nowhere.toml --lock airlock.lock m.bson").ends_with(2).complains("policy-io");
}

#[test]
fn a_link_to_a_folder_does_not_lead_around_the_policies_above_it() {
    let (place, elsewhere) = (place(), folder());
    write(place.path(), "airlock.toml", "version = 1\n[limits]\nfile_bytes = 1000\n");
    fs::create_dir(place.path().join("below")).unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(place.path().join("below"), &link).unwrap();
    let ran = with(&["verify", "--lock", "../airlock.lock", "../m.bson"], |command| {
        // What a shell says of where it is, by which way it came there.
        command.current_dir(&link).env("PWD", &link).env("HOME", elsewhere.path()).env_remove("XDG_CONFIG_HOME");
    });
    assert!(ran.ends_with(1).stdout.contains("file-bytes-limit"), "{ran:?}");
}

#[test]
fn inspecting_needs_no_evidence_unless_the_policy_says_so() {
    let place = place();
    write(place.path(), "p.toml", "version = 1\n[[source]]\nurl = \"https://models.example.org/\"\n");
    run(place.path(), "inspect --policy p.toml m.bson").ends_with(0);
    let ran = run(place.path(), "verify --policy p.toml --unverified m.bson");
    assert!(ran.ends_with(1).stdout.contains("policy-source"), "{ran:?}");
}

#[test]
fn a_policy_says_which_rule_a_file_meets_and_why() {
    let place = place();
    write(
        place.path(),
        "p.toml",
        "version = 1\n[[source]]\npath = \"m.bson\"\nevidence = [\"pin\"]\n[[source]]\nurl = \"https://models.example.org/\"\n",
    );
    let ran = run(
        place.path(),
        "policy check --policy p.toml m.bson https://models.example.org/n.bson https://evil.example/n.bson -",
    );
    for line in [
        "p.toml: files without evidence are described, and not opened",
        "p.toml: files from anywhere else are refused",
        "LISTED m.bson",
        "LISTED https://models.example.org/n.bson",
        "p.toml, line 5: files from https://models.example.org/ need any evidence",
        "REFUSED https://evil.example/n.bson",
        "p.toml: no rule lists memory: it is refused",
    ] {
        assert!(ran.ends_with(1).stdout.contains(line), "{line}: {ran:?}");
    }
    run(place.path(), "policy check --policy p.toml https://a@evil.example/n.bson")
        .ends_with(2)
        .complains("source-userinfo");
    let ran = run(place.path(), "policy explain --policy p.toml --lock airlock.lock m.bson");
    let said = &ran.ends_with(0).stdout;
    assert!(
        said.starts_with("ALLOWED m.bson\n  pin sha256:") && said.contains("line 2: counts 1 of the 1 it needs: a pin"),
        "{said}"
    );
    let ran = run(place.path(), "policy explain --policy p.toml m.bson");
    assert!(ran.ends_with(1).stdout.starts_with("REFUSED m.bson no-evidence: "), "{ran:?}");
    fs::copy(place.path().join("m.bson"), place.path().join("n.bson")).unwrap();
    run(place.path(), "pin n.bson").ends_with(0);
    let ran = run(place.path(), "policy explain --policy p.toml --lock airlock.lock n.bson");
    assert!(ran.ends_with(1).stdout.starts_with("REFUSED n.bson policy-source: "), "{ran:?}");
}

/// A registry with a model `mnist/lenet`, in the folder `registry`, whose root lies beside it.
fn registered() -> tempfile::TempDir {
    let place = place();
    for name in ["root1", "root2", "models", "online"] {
        key(place.path(), name);
    }
    let init = "registry init registry --root root.json --root-key root1.pem --root-key root2.pem --root-threshold 2 --targets-key models.pem --online-key online.pem";
    let ran = run(place.path(), init);
    assert!(ran.ends_with(0).stdout == "BEGUN registry\n", "{ran:?}");
    ran.complains("give root.json to those who will keep or use the registry");
    let [written, published] = ["root.json", "registry/metadata/1.root.json"].map(|name| place.path().join(name));
    assert_eq!(fs::read(written).unwrap(), fs::read(published).unwrap());
    let ran = run(
        place.path(),
        "registry add --folder registry --root root.json --key models.pem --key online.pem mnist/lenet m.bson",
    );
    assert!(ran.ends_with(0).stdout.starts_with("ADDED mnist/lenet sha256:edcbc5ba"), "{ran:?}");
    place
}

const FROM: &str = "--registry registry --root root.json";

#[test]
fn a_model_lives_and_dies_in_a_registry() {
    let place = registered();
    let here = place.path();
    let list = run(here, "registry list --folder registry --root root.json");
    assert!(
        list.ends_with(0).stdout.starts_with("mnist/lenet sha256:edcbc5ba") && list.stdout.ends_with(" 187275 bytes\n")
    );
    assert!(
        run(here, "registry show --folder registry --root root.json mnist/lenet")
            .ends_with(0)
            .stdout
            .contains("  bytes    187,275\n")
    );
    let check = run(here, "registry check --folder registry --root root.json");
    assert!(
        check.ends_with(0).stdout.contains("root: 2 of 2 keys must sign") && check.stdout.ends_with("OK 1 model\n"),
        "{check:?}"
    );

    run(here, &format!("get {FROM} mnist/lenet")).ends_with(0).complains("wrote lenet: mnist/lenet, from file:///");
    assert_eq!(fs::read(here.join("lenet")).unwrap(), fs::read(here.join("m.bson")).unwrap());
    run(here, &format!("get {FROM} mnist/lenet")).ends_with(2).complains("--force replaces it");
    run(here, &format!("get {FROM} mnist/other")).ends_with(1).complains("registry-unlisted");
    let verify = run(here, &format!("verify {FROM} --name mnist/lenet lenet"));
    assert!(verify.ends_with(0).stdout.starts_with("OK lenet sha256:edcbc5ba"), "{verify:?}");
    assert!(run(here, &format!("verify {FROM} lenet")).ends_with(1).stdout.contains("registry-unlisted"));
    let inspect = run(here, &format!("inspect {FROM} --name mnist/lenet lenet"));
    assert!(inspect.ends_with(0).stdout.contains("  evidence  registry registry lists sha256:edcbc5ba"), "{inspect:?}");
    run(here, &format!("{LOCK} {FROM} --name")).ends_with(2);

    let revoke = "registry revoke --folder registry --root root.json --key models.pem --key online.pem --reason lies mnist/lenet";
    assert!(run(here, revoke).ends_with(0).stdout.starts_with("REVOKED mnist/lenet sha256:edcbc5ba"));
    let list = run(here, "registry list --folder registry --root root.json");
    assert!(
        list.ends_with(0).stdout.starts_with("REVOKED mnist/lenet sha256:edcbc5ba") && list.stdout.ends_with(" lies\n")
    );
    // Whatever else says yes.
    let arguments =
        ["verify", "--lock", "airlock.lock", "--registry", "registry", "--root", "root.json", "--name", "", "m.bson"];
    let ran = with(&arguments, |command| {
        command.current_dir(here).env("HOME", here);
    });
    assert!(
        ran.ends_with(1).stdout.contains("registry-revoked: the registry has revoked this file (mnist/lenet): lies"),
        "{ran:?}"
    );
    run(here, LOCK).ends_with(0);
    fs::remove_file(here.join("lenet")).unwrap();
    run(here, &format!("get {FROM} mnist/lenet")).ends_with(1).complains("registry-unlisted");
    assert!(!here.join("lenet").exists());
    let add = "registry add --folder registry --root root.json --key models.pem --key online.pem mnist/lenet m.bson";
    run(here, add).ends_with(2).complains("this file was revoked, and cannot be listed again (registry-revoked)");
}

#[test]
fn keys_are_rotated_and_what_is_old_is_refused() {
    let place = registered();
    let here = place.path();
    run(here, &format!("get {FROM} mnist/lenet")).ends_with(0);
    key(here, "new");
    // Without the old key, which may be somebody else's by now.
    let keys = "--key root1.pem --key root2.pem --key new.pem --role timestamp --role snapshot";
    let rotate = format!("registry rotate --folder registry --root root.json {keys} --add new.pub --remove online.pub");
    assert_eq!(run(here, &rotate).ends_with(0).stdout, "ROTATED timestamp\nROTATED snapshot\n");
    run(here, "registry update --folder registry --root root.json --key online.pem")
        .ends_with(2)
        .complains("registry-keys");
    assert_eq!(
        run(here, "registry update --folder registry --root root.json --key new.pem").ends_with(0).stdout,
        "RENEWED\n"
    );
    run(here, &format!("verify {FROM} --name mnist/lenet lenet")).ends_with(0);
}

#[test]
fn whoever_writes_to_the_folder_gets_nothing_signed() {
    let place = registered();
    let here = place.path();
    let keep = |what: &str| run(here, &format!("registry {what} --folder registry --root root.json"));
    let sign = "--key models.pem --key online.pem";
    let copy = |from: &str, to: &str| {
        assert!(std::process::Command::new("cp").args(["-a", from, to]).current_dir(here).status().unwrap().success());
    };
    copy("registry", "old");
    keep(&format!("revoke {sign} --reason lies mnist/lenet")).ends_with(0);
    // As it was before the revocation.
    fs::rename(here.join("registry"), here.join("good")).unwrap();
    copy("old", "registry");
    for what in ["list", "check", &format!("update {sign}"), &format!("add {sign} other m.bson")] {
        keep(what).ends_with(2).complains("registry-rollback");
    }
    // Somebody else's, from the root on.
    fs::remove_dir_all(here.join("registry")).unwrap();
    key(here, "thief");
    let init = "--root-key thief.pem --targets-key thief.pem --online-key thief.pem";
    run(here, &format!("registry init registry --root thief.json --cache theirs {init}")).ends_with(0);
    for what in ["list", "check", &format!("update {sign}"), &format!("add {sign} other m.bson")] {
        keep(what).ends_with(2).complains("registry-signature");
    }
    fs::remove_dir_all(here.join("registry")).unwrap();
    fs::rename(here.join("good"), here.join("registry")).unwrap();
    assert!(keep("list").ends_with(0).stdout.starts_with("REVOKED mnist/lenet sha256:edcbc5ba"));
    assert_eq!(keep(&format!("update {sign}")).ends_with(0).stdout, "RENEWED\n");
}

#[test]
fn every_mistake_has_a_sentence_that_says_what_to_do() {
    let place = registered();
    let here = place.path();
    let add = |keys: &str| run(here, &format!("registry add --folder registry --root root.json {keys} other m.bson"));
    add("--key online.pem").ends_with(2).complains("the targets metadata need 1 of their keys, and 0 of those");
    add("--key models.pem").ends_with(2).complains("the snapshot metadata need 1 of their keys");
    add("--key models.pub").ends_with(2).complains("key-public");
    add("--key nowhere.pem").ends_with(2).complains("nowhere.pem");
    fs::set_permissions(here.join("models.pem"), fs::Permissions::from_mode(0o640)).unwrap();
    add("--key models.pem --key online.pem").ends_with(2).complains("chmod 600");
    fs::set_permissions(here.join("models.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    // Nothing of all that was written.
    assert!(run(here, "registry list --folder registry --root root.json").ends_with(0).stdout.lines().count() == 1);

    let get = |more: &str| run(here, &format!("get mnist/lenet {more}"));
    get("").ends_with(2).complains("which registry? Give --registry REGISTRY and --root FILE");
    get("--registry registry")
        .ends_with(2)
        .complains("give --root FILE, which you have from somewhere else than there");
    get("--registry nowhere --root root.json").ends_with(2).complains("registry-unreachable");
    get("--registry http://127.0.0.1:1/r --root root.json").ends_with(2).complains("registry-unreachable");
    get("--registry https://a@evil.example/r --root root.json").ends_with(2).complains("source-userinfo");
    get("--registry registry --root m.bson").ends_with(2).complains("registry-root");
    get("--registry registry --root root.json --cache fresh --offline").ends_with(2).complains("registry-unreachable");
    run(here, "verify --registry registry m.bson").ends_with(2).complains("give --root FILE");
    run(here, "registry list --folder m.bson --root root.json").ends_with(2).complains("registry-io");
    let init = "--root-key root1.pem --targets-key models.pem --online-key online.pem";
    run(here, &format!("registry init registry --root other.json {init}"))
        .ends_with(2)
        .complains("there is a registry in registry already");
    run(here, &format!("registry init new --root root.json {init}")).ends_with(2).complains("root.json");
    fs::create_dir(here.join("new")).unwrap();
    run(here, &format!("registry init new --root new/other.json {init}")).ends_with(2).complains("keep it elsewhere");
    run(here, &format!("registry init new --root other.json --cache new/c {init}")).ends_with(2).complains("--cache");
    run(here, &format!("registry init new --root nowhere/other.json {init}"))
        .ends_with(2)
        .complains("nowhere/other.json");
    assert!(!here.join("new/metadata/1.root.json").exists());
    run(here, "registry list --folder registry --root registry/metadata/1.root.json")
        .ends_with(2)
        .complains("keep it elsewhere");
    let revoke = "registry revoke --folder registry --root root.json --key models.pem --key online.pem --reason x";
    run(here, &format!("{revoke} other")).ends_with(2).complains("the registry has no model \"other\"");
    run(here, &format!("{revoke} sha512:{}", "ab".repeat(64))).ends_with(2).complains("by their SHA-256");
    // A name that looks like the digest of another file does not stand for its own.
    let digest = format!("sha256:{}", "ab".repeat(32));
    let add = "registry add --folder registry --root root.json --key models.pem --key online.pem";
    run(here, &format!("{add} {digest} m.bson")).ends_with(0);
    run(here, &format!("{revoke} {digest}")).ends_with(0);
    let listed = run(here, "registry list --folder registry --root root.json");
    assert!(listed.ends_with(0).stdout.contains(&format!("REVOKED {digest}")), "{listed:?}");
    let elsewhere = run(here, "registry list --folder registry --root root.json --cache fresh2");
    assert_eq!(elsewhere.ends_with(0).stdout, listed.stdout);
    run(here, "registry update --folder registry --root root.json --cache fresh3 --key online.pem")
        .ends_with(0)
        .complains("nothing was seen of this registry here before");
}

#[test]
fn a_policy_is_asked_before_anything_is_fetched() {
    let place = registered();
    let here = place.path();
    write(here, "p.toml", "version = 1\n[[source]]\nurl = \"https://models.example.org/\"\n");
    run(here, &format!("get {FROM} --policy p.toml mnist/lenet")).ends_with(1).complains("policy-source");
    assert!(!here.join("lenet").exists());
    write(
        here,
        "p.toml",
        "version = 1\n[[source]]\npath = \"registry/\"\nevidence = [\"registry\"]\nmax_bytes = 1000\n",
    );
    run(here, &format!("get {FROM} --policy p.toml mnist/lenet")).ends_with(1).complains("file-bytes-limit");
    assert!(!here.join("lenet").exists());
    write(here, "p.toml", "version = 1\n[[source]]\npath = \"registry/\"\nevidence = [\"registry\"]\n");
    run(here, &format!("get {FROM} --policy p.toml mnist/lenet")).ends_with(0);
}

/// Every file below a folder but for what is kept of registries, with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".cache") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn no_refusal_writes_anything() {
    let place = registered();
    let here = place.path();
    run(here, "pin m.bson").ends_with(0);
    run(here, "sign m.bson --key models.pem -o m.sig").ends_with(0);
    copy(&genuine("dense.bson"), &here.join("n.bson"));
    write(here, "elsewhere.toml", "version = 1\n[[source]]\nurl = \"https://models.example.org/\"\n");
    write(
        here,
        "signed.toml",
        "version = 1\n[signer.a]\nkeys = [\"sha256:aa\"]\n[[source]]\npath = \".\"\nevidence = [\"signature:a\"]\n",
    );
    write(here, "old.toml", "version = 1\n[[source]]\npath = \".\"\nmax_age_days = 1\n");
    write(here, "none.toml", "version = 1\nunverified = \"never\"\n");
    let digest = "sha256:edcbc5ba9382be277e7039a808f0b3b8076aeff4aa368998c1d99c01b5a5e7a2";
    write(here, "denied.toml", &format!("version = 1\ndenied = [\"{digest}\"]\n"));
    let before = files(here);
    for (arguments, code) in [
        ("m.bson", "no evidence"),
        ("--pin sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad m.bson", "digest-mismatch"),
        ("--lock airlock.lock n.bson", "not-in-lock"),
        ("--signature m.sig --public-key online.pub m.bson", "signature-other-key"),
        ("--signature m.sig --public-key models.pub n.bson", "signature-mismatch"),
        ("--registry registry --root root.json m.bson", "registry-unlisted"),
        ("--registry registry --root root.json --name mnist/lenet n.bson", "digest-mismatch"),
        ("--lock airlock.lock --policy elsewhere.toml m.bson", "policy-source"),
        ("--lock airlock.lock --policy signed.toml m.bson", "policy-evidence"),
        ("--lock airlock.lock --policy old.toml m.bson", "policy-age"),
        ("--lock airlock.lock --policy denied.toml m.bson", "policy-digest"),
        ("--unverified --policy none.toml m.bson", "policy-unverified"),
        ("--lock airlock.lock --max-file 1kB m.bson", "file-bytes-limit"),
        ("--lock airlock.lock --fuel 10 m.bson", "fuel-limit"),
    ] {
        for to in ["safetensors", "json"] {
            let ran = run(here, &format!("convert --to {to} -o out {arguments}"));
            assert!(ran.code != Some(0) && ran.stderr.contains(code), "{arguments}: {ran:?}");
            assert!(files(here) == before, "{arguments}");
        }
    }
    run(
        here,
        "registry revoke --folder registry --root root.json --key models.pem --key online.pem --reason x mnist/lenet",
    )
    .ends_with(0);
    let before = files(here);
    for command in
        [format!("convert -o out --lock airlock.lock {FROM} --name= m.bson"), format!("get {FROM} mnist/lenet -o out")]
    {
        run(here, &command).ends_with(1).complains("registry-");
        assert!(files(here) == before, "{command}");
    }
}

#[test]
fn a_clock_that_is_behind_is_told() {
    let place = registered();
    let here = place.path();
    run(here, &format!("get {FROM} mnist/lenet")).ends_with(0);
    let kept = fs::read_dir(here.join(".cache/airlock")).unwrap().next().unwrap().unwrap().path();
    fs::write(kept.join("time"), "32503680000\n").unwrap();
    for command in
        [&format!("verify {FROM} --name mnist/lenet m.bson"), "registry list --folder registry --root root.json"]
    {
        run(here, command).ends_with(2).complains("registry-clock").complains("set it right");
    }
}

#[test]
fn many_at_once_share_what_was_seen() {
    let place = registered();
    let here = place.path();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    run(here, &format!("verify {FROM} --name mnist/lenet m.bson")).ends_with(0);
                }
            });
        }
        for _ in 0..5 {
            run(here, "registry update --folder registry --root root.json --key online.pem").ends_with(0);
        }
    });
    // Nothing is left of what they had beside it.
    let kept: Vec<String> = fs::read_dir(here.join(".cache/airlock"))
        .unwrap()
        .map(|registry| {
            let names = fs::read_dir(registry.unwrap().path()).unwrap();
            let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names.join(" ")
        })
        .collect();
    assert_eq!(kept, [".held 2.targets.json 7.snapshot.json time timestamp.json"]);
}
