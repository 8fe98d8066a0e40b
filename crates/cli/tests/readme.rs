//! What the README says is what happens: its commands run, and print what it prints.

#[allow(dead_code, reason = "shared by the tests of this folder, which use different parts of it")]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{copy, folder, genuine};

const README: &str = include_str!("../../../README.md");

/// The blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    README.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// What a machine measured, and another measures otherwise.
fn without_figures(text: &str) -> String {
    let line = |line: &str| match line.get(..12) {
        Some(label @ ("  sandbox   " | "  guest     ")) => format!("{label}…\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Runs a line of the README as a shell does, and gives both outputs, one after the other.
fn shell(line: &str, folder: &Path) -> (bool, String) {
    let airlock = env!("CARGO_BIN_EXE_airlock");
    let line = line.replacen("cargo run --release --", "airlock", 1);
    let script = format!("airlock() {{ \"{airlock}\" \"$@\"; }}\n{line}");
    let output = Command::new("sh").arg("-c").arg(script).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A folder as the README takes it for granted.
fn place() -> tempfile::TempDir {
    let folder = folder();
    copy(&genuine("lenet.bson"), &folder.path().join("model.bson"));
    fs::create_dir_all(folder.path().join("tests/corpus/accept/flux-0.16.9")).unwrap();
    copy(&genuine("lenet.bson"), &folder.path().join("tests/corpus/accept/flux-0.16.9/lenet.bson"));
    let key = folder.path().join("team.pem");
    fs::write(&key, include_str!("../../../fuzz/keys/fuzz.pem")).unwrap();
    #[cfg(unix)]
    fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(folder.path().join("team.pub"), include_str!("../../../fuzz/keys/fuzz.pub")).unwrap();
    folder
}

#[test]
fn the_first_two_blocks_are_the_two_commands() {
    let first: Vec<&str> = README.split("```sh\n").skip(1).map(|rest| rest.lines().next().unwrap()).collect();
    assert_eq!(first[0], "cargo run --release -- inspect tests/corpus/accept/flux-0.16.9/lenet.bson");
    assert_eq!(first[1], "cargo test --release --workspace");
    assert!(README.find("```").is_some_and(|at| README[at..].starts_with("```sh\n")));
    assert!(Path::new(&genuine("lenet.bson")).exists());
}

#[test]
fn sessions_print_what_they_print() {
    let sessions = blocks("console");
    assert!(sessions.len() >= 2);
    for session in sessions {
        let folder = place();
        let (mut said, mut printed) = (String::new(), String::new());
        for line in session.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                said.push_str(line);
                printed.push_str(line);
                said.push('\n');
                printed.push('\n');
                printed.push_str(&shell(command, folder.path()).1);
            } else {
                said.push_str(line);
                said.push('\n');
            }
        }
        assert_eq!(without_figures(&said), without_figures(&printed));
    }
}

#[test]
fn every_other_command_works() {
    let folder = place();
    assert!(shell("airlock pin model.bson", folder.path()).0);
    let mut commands = 0;
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        if line.starts_with("airlock ") {
            let (success, text) = shell(line, folder.path());
            assert!(success, "{line}: {text}");
            commands += 1;
        }
    }
    assert!(commands > 5);
}

#[test]
fn the_digest_in_the_example_is_that_of_its_file() {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(fs::read(genuine("lenet.bson")).unwrap());
    let digest = digest.iter().fold(String::from("sha256:"), |hex, byte| format!("{hex}{byte:02x}"));
    assert!(blocks("rust,no_run")[0].contains(&digest));
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for target in README.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
        assert!(target.is_empty() || target.starts_with("http") || root.join(target).exists(), "{target}");
    }
}
