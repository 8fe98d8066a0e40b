//! Running the command, and files to run it on.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The exit status is this one.
    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Standard error has this text.
    #[track_caller]
    pub(crate) fn complains(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{text}: {self:?}");
        self
    }

    /// Standard error is empty.
    #[track_caller]
    pub(crate) fn says_nothing_else(&self) -> &Self {
        assert_eq!(self.stderr, "", "{self:?}");
        self
    }

    /// Standard output is empty.
    #[track_caller]
    pub(crate) fn has_no_result(&self) -> &Self {
        assert_eq!(self.stdout, "", "{self:?}");
        self
    }
}

/// The command with these arguments, in an environment that does not matter.
pub(crate) fn airlock(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airlock"));
    command.args(arguments).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the command after `change`.
pub(crate) fn with(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Ran {
    let mut command = airlock(arguments);
    change(&mut command);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    with(arguments, |_| {})
}

/// Runs the command in this folder.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Ran {
    with(arguments, |command| {
        command.current_dir(folder);
    })
}

/// Runs the command with these bytes as its standard input.
pub(crate) fn run_with_stdin(arguments: &[&str], bytes: &[u8]) -> Ran {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    with(arguments, |command| {
        command.stdin(file);
    })
}

/// A file of the corpus.
pub(crate) fn corpus(name: &str) -> String {
    format!("{}/../../tests/corpus/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A file that Flux itself has written.
pub(crate) fn genuine(name: &str) -> String {
    corpus(&format!("accept/flux-0.16.9/{name}"))
}

/// A folder of the test's own.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Copies a file, and gives the copy's path.
pub(crate) fn copy(from: &str, to: &Path) -> String {
    std::fs::copy(from, to).unwrap();
    to.to_str().unwrap().to_owned()
}

/// A BSON file with a variable of each name, each a vector of three bytes.
pub(crate) fn bson_of_bytes(names: &[&str]) -> Vec<u8> {
    let mut elements = Vec::new();
    for name in names {
        elements.push(0x05);
        elements.extend_from_slice(name.as_bytes());
        elements.extend_from_slice(b"\0\x03\0\0\0\0\x01\x02\x03");
    }
    let mut bytes = u32::try_from(elements.len() + 5).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(&elements);
    bytes.push(0);
    bytes
}
