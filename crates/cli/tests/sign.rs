//! Signing and verifying as people do it: with the keys that openssl and minisign make, and beside Debian's minisign.

#[allow(dead_code, reason = "shared by the tests of this folder, which use different parts of it")]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{folder, genuine, run_in, with};

/// As `openssl genpkey … -aes-256-cbc` writes it.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIIBHDBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIbfZfdNBzQoQCAggA
MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBBNeTD6zR4O0W9hRS+LK2TlBIHA
qu+CvZA/BqnNdgeiFnYjDJDsl/y1PzoyHgL71uMejlAJDT283ziZyfMNvViKCC8c
123SXo8x9/1UG6qMtcBmcI7mZTvSYVOzO3WhVCWOcWqo/8bxDF+5DtGPeno2kV+7
/53r9dksfzilvlEeqnnRvxYTVLWr4EY5Ecx29P2uKCoxizTv0fDb90GJ+WNcoHau
QuuI4NkSofaPHqPwNa/mBjUaIl8y5J0jL7AmS7W3BhIGT6P9azdHDEY8vSJRjk/z
-----END ENCRYPTED PRIVATE KEY-----
";
const PASSPHRASE: &str = "correct horse";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEeELrNiYQyisyMcuntHnab84GcSxjOP0i
Yoofx40U0YUDxB06e4oqUimh2IR2+4OWrWbqkignHHIyccwCbnS7GGodBKOs5T4b
whP3Lx1Wsm4ROguVE3n0GaP/IyEmHTNq
-----END PUBLIC KEY-----
";
/// As `openssl ecparam -genkey` writes it.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFqVfKSaCTdGxe9PudcDg3d6kwgXpHyiojDW2e1BzmshoAoGCCqGSM49
AwEHoUQDQgAEnhYzjHcSC2CR3ev1NuioW6BiUHLa38o9WVw8S5xXVzbPZ0LY7WiT
snGOmH2gDfxIZb1+yWiiDspeTNcdzGIc4g==
-----END EC PRIVATE KEY-----
";
/// As `minisign -G -W` writes it.
const MINISIGN: &str = "untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEFJbvWIAqNYREbA1Tdr+NXYUrB44oQ/MlT0ZKBTQ7QB4AnJkr4lIPv1kk7+3r+F+BkhO7G94LFjuXEvlORw1TkJ0PYRT7Ya7AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
";
const MINISIGN_PUBLIC: &str = "untrusted comment: minisign public key D6A80062BD5B5210
RWQQUlu9YgCo1v1kk7+3r+F+BkhO7G94LFjuXEvlORw1TkJ0PYRT7Ya7
";
/// As `minisign -G` writes it, under the passphrase `pass word`.
const MINISIGN_ENCRYPTED: &str = "untrusted comment: minisign encrypted secret key
RWRTY0IyJwwF0OZa7aAWQQ1UEs6pHRtXJBC6/fHNTfkcZtC2/48AAAACAAAAAAAAAEAAAAAAqMrMsFuh47cUPsr10/eQT4lEyogmox/w+JBkwcfzVMMGAfcrQR0wKu/f6MfrEkIH5OQujC+SF46zjtQ4My5tQwjN618e6ONhFVX7JvO3ssaT5XSqaV2u72lZ8US2nBsQpvxRbJQxUTM=
";

/// Writes a file that only its owner can read.
fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    mode(path, 0o600);
}

#[cfg(unix)]
fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn mode(_: &Path, _: u32) {}

/// A folder with a model, keys, and a passphrase.
fn lab() -> tempfile::TempDir {
    let lab = folder();
    fs::copy(genuine("dense.bson"), lab.path().join("model.bson")).unwrap();
    for (name, text) in [
        ("team.pem", ENCRYPTED),
        ("passphrase", PASSPHRASE),
        ("sec1.pem", SEC1),
        ("mini.key", MINISIGN),
        ("mini-encrypted.key", MINISIGN_ENCRYPTED),
    ] {
        secret(&lab.path().join(name), text);
    }
    fs::write(lab.path().join("team.pub"), PUBLIC).unwrap();
    fs::write(lab.path().join("mini.pub"), MINISIGN_PUBLIC).unwrap();
    lab
}

const SIGN: [&str; 8] =
    ["sign", "model.bson", "--key", "team.pem", "--passphrase-file", "passphrase", "-o", "model.sig"];
const VERIFY: [&str; 6] = ["verify", "--signature", "model.sig", "--public-key", "team.pub", "model.bson"];

#[test]
fn what_was_signed_is_verified_converted_and_shown() {
    let lab = lab();
    let run = |arguments: &[&str]| run_in(lab.path(), arguments);
    let signed = run(&SIGN);
    signed.ends_with(0).complains("wrote model.sig: by key sha256:");
    assert_eq!(signed.stdout, "SIGNED model.bson\n");
    let verified = run(&VERIFY);
    verified.ends_with(0).says_nothing_else();
    assert!(verified.stdout.starts_with("OK model.bson sha256:"), "{verified:?}");
    run(&["convert", "--signature", "model.sig", "--public-key", "team.pub", "model.bson"]).ends_with(0);
    assert!(lab.path().join("model.safetensors").exists());

    let mut json = VERIFY.to_vec();
    json.push("--json");
    let report: Value = serde_json::from_str(&run(&json).stdout).unwrap();
    let evidence = &report["evidence"][0];
    assert_eq!((&evidence["kind"], &evidence["format"]), (&"signature".into(), &"oms".into()));
    let key = evidence["key_id"].as_str().unwrap();
    assert_eq!(evidence["digest"], format!("sha256:{}", report["file"]["sha256"].as_str().unwrap()));
    let shown = run(&["inspect", "--signature", "model.sig", "--public-key", "team.pub", "model.bson"]);
    shown.ends_with(0);
    assert!(shown.stdout.contains(&format!("  evidence  signature (oms) by key {key}\n")), "{}", shown.stdout);
}

#[test]
fn a_signature_that_does_not_hold_opens_and_writes_nothing() {
    let lab = lab();
    let run = |arguments: &[&str]| run_in(lab.path(), arguments);
    run(&SIGN).ends_with(0);
    let model = lab.path().join("model.bson");
    let mut bytes = fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&model, bytes).unwrap();
    let refused = run(&VERIFY);
    refused.ends_with(1).says_nothing_else();
    assert!(refused.stdout.starts_with("REFUSED model.bson signature-mismatch: "), "{refused:?}");
    let convert = run(&["convert", "--signature", "model.sig", "--public-key", "team.pub", "model.bson"]);
    convert.ends_with(1).has_no_result().complains("signature-mismatch");
    assert!(!lab.path().join("model.safetensors").exists());
    // A signature that is none refuses the file, and one that is not there ends the work.
    fs::write(lab.path().join("model.sig"), "{").unwrap();
    assert!(run(&VERIFY).ends_with(1).stdout.contains("signature-json"));
    fs::remove_file(lab.path().join("model.sig")).unwrap();
    run(&VERIFY).ends_with(2).has_no_result().complains("model.sig: the signature cannot be read");
}

#[test]
fn a_folder_is_signed_as_a_whole() {
    let lab = lab();
    let run = |arguments: &[&str]| run_in(lab.path(), arguments);
    let models = lab.path().join("models");
    fs::create_dir_all(models.join("logs")).unwrap();
    for name in ["a.bson", "b.bson", "logs/1"] {
        fs::copy(genuine("dense.bson"), models.join(name)).unwrap();
    }
    let sign = ["sign", "models", "--key", "team.pem", "--passphrase-file", "passphrase", "-o", "models/model.sig"];
    let signed = run(&[&sign[..], &["--ignore", "logs"]].concat());
    signed.ends_with(0);
    assert_eq!(signed.stdout, "SIGNED a.bson\nSIGNED b.bson\n");
    let verify =
        ["verify", "--signature", "models/model.sig", "--public-key", "team.pub", "models/a.bson", "models/b.bson"];
    assert_eq!(run(&verify).ends_with(0).stdout.lines().count(), 2);

    // The signature lies elsewhere: the folder is named.
    fs::rename(models.join("model.sig"), lab.path().join("model.sig")).unwrap();
    let verify = ["verify", "--signature", "model.sig", "--public-key", "team.pub", "models/a.bson"];
    assert!(run(&verify).ends_with(1).stdout.contains("signature-not-covered"));
    run(&[&verify[..], &["--signed-folder", "models"]].concat()).ends_with(0);

    fs::rename(models.join("b.bson"), models.join("c.bson")).unwrap();
    let refused = run(&[&verify[..], &["--signed-folder", "models"]].concat());
    assert!(refused.ends_with(1).stdout.contains("signature-extra-file: \"c.bson\""), "{refused:?}");
}

#[test]
fn several_files_are_signed_if_they_are_all_there_is() {
    let lab = lab();
    let run = |arguments: &[&str]| run_in(lab.path(), arguments);
    let models = lab.path().join("models");
    fs::create_dir_all(&models).unwrap();
    for name in ["a.bson", "b.bson", "c.bson"] {
        fs::copy(genuine("dense.bson"), models.join(name)).unwrap();
    }
    let files = ["sign", "models/a.bson", "models/b.bson", "--key", "team.pem", "--passphrase-file", "passphrase"];
    let sign = [&files[..], &["-o", "models/model.sig"]].concat();
    run(&sign).ends_with(2).complains("\"c.bson\" lies in the folder").complains("--ignore");
    assert!(!models.join("model.sig").exists());
    fs::remove_file(models.join("c.bson")).unwrap();
    run(&sign).ends_with(0);
    run(&["verify", "--signature", "models/model.sig", "--public-key", "team.pub", "models/a.bson"]).ends_with(0);
}

#[test]
fn a_mistake_with_a_key_says_what_to_do() {
    let lab = lab();
    let sign = |key: &str, more: &[&str]| {
        run_in(lab.path(), &[&["sign", "model.bson", "-o", "new.sig", "--key", key], more].concat())
    };
    fs::write(lab.path().join("empty"), "").unwrap();
    secret(&lab.path().join("wrong"), "battery staple\n");
    for (ran, code, words) in [
        (sign("team.pem", &[]), "key-encrypted", "--passphrase-file"),
        (sign("team.pem", &["--passphrase-file", "wrong"]), "key-passphrase", "does not open"),
        (sign("nothing.pem", &[]), "key-io", "nothing.pem: the key cannot be read"),
        (sign(".", &[]), "key-io", "no regular file"),
        (sign("sec1.pem", &[]), "key-sec1", "openssl pkcs8 -topk8"),
        (sign("mini.key", &[]), "key-signature-format", "--format"),
        (
            sign("team.pem", &["--passphrase-file", "passphrase", "--format", "minisign"]),
            "key-signature-format",
            "--format",
        ),
    ] {
        ran.ends_with(2).has_no_result().complains(code).complains(words);
    }
    #[cfg(unix)]
    {
        mode(&lab.path().join("empty"), 0o600);
        for open in [0o640, 0o604, 0o644, 0o660] {
            mode(&lab.path().join("mini.key"), open);
            sign("mini.key", &["--format", "minisign"]).ends_with(2).complains("key-exposed").complains("chmod 600");
        }
        mode(&lab.path().join("passphrase"), 0o644);
        sign("team.pem", &["--passphrase-file", "passphrase"]).ends_with(2).complains("key-exposed");
        // The public half by mistake, which others may read; and a private key behind one is one that others can read.
        for mode in [0o644, 0o600] {
            self::mode(&lab.path().join("team.pub"), mode);
            self::mode(&lab.path().join("mini.pub"), mode);
            sign("team.pub", &[]).ends_with(2).complains("key-public");
            sign("mini.pub", &["--format", "minisign"]).ends_with(2).complains("key-public");
        }
        fs::write(lab.path().join("both"), format!("{PUBLIC}{ENCRYPTED}")).unwrap();
        mode(&lab.path().join("both"), 0o644);
        sign("both", &["--passphrase-file", "passphrase"]).ends_with(2).complains("key-exposed");
        sign("empty", &[]).ends_with(2).complains("key-malformed");
    }
    assert!(!lab.path().join("new.sig").exists());

    let verify =
        |key: &str| run_in(lab.path(), &["verify", "--signature", "mini.pub", "--public-key", key, "model.bson"]);
    verify("team.pem").ends_with(2).complains("key-private");
    verify("sec1.pem").ends_with(2).complains("key-private");
    verify("passphrase").ends_with(2).complains("key-malformed");
    verify("nothing.pub").ends_with(2).complains("key-io");
    run_in(lab.path(), &["verify", "--signature", "mini.pub", "model.bson"]).ends_with(2).complains("--public-key");
    run_in(lab.path(), &["verify", "--public-key", "team.pub", "model.bson"]).ends_with(2).complains("--signature");
}

#[test]
fn a_passphrase_can_come_from_the_environment() {
    let lab = lab();
    let arguments = ["sign", "model.bson", "-o", "model.sig", "--key", "team.pem"];
    let ran = with(&arguments, |command| {
        command.current_dir(lab.path()).env("AIRLOCK_PASSPHRASE", PASSPHRASE);
    });
    ran.ends_with(0);
    run_in(lab.path(), &VERIFY).ends_with(0);
}

#[test]
fn a_signature_that_exists_is_kept() {
    let lab = lab();
    fs::write(lab.path().join("model.sig"), "mine").unwrap();
    run_in(lab.path(), &SIGN).ends_with(2).complains("--force");
    assert_eq!(fs::read_to_string(lab.path().join("model.sig")).unwrap(), "mine");
    run_in(lab.path(), &[&SIGN[..], &["--force"]].concat()).ends_with(0);
    run_in(lab.path(), &VERIFY).ends_with(0);
}

#[test]
fn minisign_signatures_say_what_their_signer_says() {
    let lab = lab();
    let run = |arguments: &[&str]| run_in(lab.path(), arguments);
    for (format, signature) in [("minisign", "new.minisig"), ("minisign-legacy", "old.minisig")] {
        let sign = ["sign", "model.bson", "--key", "mini.key", "--format", format, "-o", signature];
        run(&[&sign[..], &["--comment", "model of\tmonday"]].concat()).ends_with(0);
        let shown = run(&["inspect", "--signature", signature, "--public-key", "mini.pub", "model.bson"]);
        let line = "signature (minisign) by key D6A80062BD5B5210, comment \"model of\\tmonday\"";
        assert!(shown.ends_with(0).stdout.contains(line), "{}", shown.stdout);
    }
    let two = [
        "verify",
        "--signature",
        "new.minisig",
        "--signature",
        "old.minisig",
        "--public-key",
        "mini.pub",
        "model.bson",
    ];
    run(&two).ends_with(0);
    // One key for each.
    run(&SIGN).ends_with(0);
    let mixed = ["verify", "--signature", "new.minisig", "--signature", "model.sig", "model.bson"];
    run(&[&mixed[..], &["--public-key", "mini.pub", "--public-key", "team.pub"]].concat()).ends_with(0);
    let swapped = run(&[&mixed[..], &["--public-key", "team.pub", "--public-key", "mini.pub"]].concat());
    assert!(swapped.ends_with(1).stdout.contains("signature-signer-kind"), "{swapped:?}");
    let three = ["--public-key", "mini.pub", "--public-key", "team.pub", "--public-key", "team.pub"];
    run(&[&mixed[..], &three].concat()).ends_with(2).complains("one for each");
}

/// Where `AIRLOCK_MINISIGN` names it, both directions are tried with the program that Debian has.
#[test]
fn either_verifies_what_the_other_signs() {
    let Some(minisign) = std::env::var_os("AIRLOCK_MINISIGN") else {
        println!("not asked: AIRLOCK_MINISIGN does not name minisign");
        return;
    };
    let lab = lab();
    let run = |arguments: &[&str]| run_in(lab.path(), arguments);
    let minisign = |arguments: &[&str]| {
        Command::new(&minisign).args(arguments).current_dir(lab.path()).output().unwrap().status.success()
    };
    for (format, ours, theirs) in [("minisign", "1", &["-S"][..]), ("minisign-legacy", "2", &["-S", "-l"])] {
        run(&["sign", "model.bson", "--key", "mini.key", "--format", format, "-o", ours]).ends_with(0);
        assert!(minisign(&["-V", "-q", "-m", "model.bson", "-x", ours, "-p", "mini.pub"]), "{format}");
        let signature = format!("{ours}.theirs");
        let sign = ["-W", "-s", "mini.key", "-m", "model.bson", "-x", &signature, "-t", "of theirs"];
        assert!(minisign(&[theirs, &sign[..]].concat()), "{format}");
        let verify = ["verify", "-v", "--signature", &signature, "--public-key", "mini.pub", "model.bson"];
        run(&verify).ends_with(0).complains("comment \"of theirs\"");
        // The tampered twin of each.
        let model = fs::read(lab.path().join("model.bson")).unwrap();
        fs::write(lab.path().join("model.bson"), [&model[..], b"x"].concat()).unwrap();
        assert!(!minisign(&["-V", "-q", "-m", "model.bson", "-x", ours, "-p", "mini.pub"]), "{format}");
        assert!(run(&verify).ends_with(1).stdout.contains("signature-invalid"));
        fs::write(lab.path().join("model.bson"), model).unwrap();
    }
}

/// minisign's own passphrases cost a gigabyte and a second, by design.
#[test]
fn an_encrypted_minisign_key_opens_with_its_passphrase() {
    let lab = lab();
    secret(&lab.path().join("passphrase"), "pass word\r\n");
    let sign = ["sign", "model.bson", "--key", "mini-encrypted.key", "--format", "minisign", "-o", "model.sig"];
    run_in(lab.path(), &sign).ends_with(2).complains("key-encrypted");
    let signed = run_in(lab.path(), &[&sign[..], &["--passphrase-file", "passphrase"]].concat());
    signed.ends_with(0).complains("wrote model.sig: by key 1C60C61AA1A371EE");
}
