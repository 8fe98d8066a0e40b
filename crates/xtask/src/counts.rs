//! `cargo xtask counts`: how many instructions the same work takes, as far as nobody has to trust a clock.
//!
//! Wall times on shared machines differ by more than what most changes cost; numbers of instructions hardly differ at all.
//! `benches/counts.txt` has them as they were last measured, with what they depend on. Where that is the same, more
//! than two percent more are refused. Elsewhere they say nothing about the change, and are printed only.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Done, root};

/// Counts, and writes the table.
pub(crate) fn write() -> Done {
    let root = root()?;
    let found = Table::measure(&root)?;
    print!("{}", found.text());
    fs::write(root.join(TABLE), found.text()).map_err(|error| format!("{TABLE}: {error}"))
}

/// Counts, and compares with the table.
pub(crate) fn check() -> Done {
    let root = root()?;
    let text = fs::read_to_string(root.join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    let expected = Table::read(&text)?;
    let found = Table::measure(&root)?;
    for (case, &count) in &found.counts {
        let before = expected.counts.get(case).copied();
        println!("{case:<16} {count:>12} {}", before.map_or_else(|| "new".to_owned(), |before| change(before, count)));
    }
    if found.of != expected.of {
        println!("NOT COMPARED: {TABLE} was measured with something else");
        for (name, value) in &found.of {
            let before = expected.of.get(name).map_or("nothing", String::as_str);
            if before != value {
                println!("  {name}: {before}, here {value}");
            }
        }
        return Ok(());
    }
    if !found.counts.keys().eq(expected.counts.keys()) {
        return Err(format!("{TABLE} has other cases: run `cargo xtask counts`"));
    }
    let grown = found.counts.iter().filter(|(case, count)| {
        expected.counts.get(*case).is_some_and(|&before| count.saturating_mul(100) > before.saturating_mul(102))
    });
    let grown: Vec<&str> = grown.map(|(case, _)| case.as_str()).collect();
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more instructions than in {TABLE}: {}. If that is what it takes, run `cargo xtask counts`",
        grown.join(", ")
    ))
}

/// Numbers of instructions, and what they depend on.
#[derive(Debug, Default, PartialEq)]
struct Table {
    of: BTreeMap<String, String>,
    counts: BTreeMap<String, u64>,
}

impl Table {
    fn measure(root: &Path) -> Result<Self, String> {
        let program = build(root)?;
        let mut table = Self::default();
        let rustc = output(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-V"))?.0;
        let libc = output(Command::new("ldd").arg("--version"))?.0;
        let features = output(valgrind(&program).arg("features"))?.0;
        let valgrind_version = output(Command::new("valgrind").arg("--version"))?.0;
        for (name, value) in
            [("compiler", rustc), ("libc", libc), ("processor", features), ("valgrind", valgrind_version)]
        {
            table.of.insert(name.to_owned(), value.lines().next().unwrap_or_default().trim().to_owned());
        }
        for case in output(&mut Command::new(&program))?.0.lines() {
            let count = |times: u32| collected(&output(valgrind(&program).args([case, &times.to_string()]))?.1);
            // What is done once however often the work is done is in both.
            let (few, more) = (count(1)?, count(3)?);
            table.counts.insert(case.to_owned(), more.saturating_sub(few) / 2);
        }
        Ok(table)
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut table = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, value) = line.split_once(" = ").ok_or_else(|| format!("{TABLE}: {line}"))?;
            match value.parse() {
                Ok(count) if name.contains('/') => drop(table.counts.insert(name.to_owned(), count)),
                _ => drop(table.of.insert(name.to_owned(), value.to_owned())),
            }
        }
        Ok(table)
    }

    fn text(&self) -> String {
        let of = self.of.iter().map(|(name, value)| format!("{name} = {value}\n"));
        let counts = self.counts.iter().map(|(case, count)| format!("{case} = {count}\n"));
        of.chain(["\n".to_owned()]).chain(counts).fold(HEAD.to_owned(), |text, line| text + &line)
    }
}

/// The program that does the work, built as it is released.
fn build(root: &Path) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--quiet", "--release", "--locked", "-p", "flux-airlock-benches"]);
    let status = cargo.args(["--example", "counted"]).status().map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err("the program to be counted does not compile".to_owned());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(root.join(target).join("release/examples/counted"))
}

fn valgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    // Callgrind takes the one instruction with which the C library copies or fills much for as many as there are bytes.
    let never = "1000000000";
    let tunables = format!("glibc.cpu.x86_rep_movsb_threshold={never}:glibc.cpu.x86_rep_stosb_threshold={never}");
    command.env("GLIBC_TUNABLES", tunables);
    command
}

/// The number of instructions that callgrind says.
fn collected(messages: &str) -> Result<u64, String> {
    let line = messages.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok()).ok_or_else(|| format!("valgrind says no number: {messages}"))
}

/// What the command prints: its output, and its messages.
fn output(command: &mut Command) -> Result<(String, String), String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let [out, messages] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if output.status.success() { Ok((out, messages)) } else { Err(format!("{program}: {}: {messages}", output.status)) }
}

/// The change in tenths of a percent.
fn change(before: u64, now: u64) -> String {
    let (before, now) = (i128::from(before).max(1), i128::from(now));
    let tenths = (now - before) * 1000 / before;
    format!("{}{}.{} %", if tenths < 0 { "-" } else { "+" }, tenths.abs() / 10, tenths.abs() % 10)
}

const TABLE: &str = "benches/counts.txt";
const HEAD: &str = "\
# Instructions of one decoding, opening or report, counted by `cargo xtask counts` (benches/examples/counted.rs).
# `cargo xtask counts --check` refuses more than two percent more where all of this is the same:
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let table = Table {
            of: [("compiler", "rustc 1.95.0 (a = b)"), ("processor", "")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .into(),
            counts: [("native/small".to_owned(), 51_786)].into(),
        };
        assert_eq!(Table::read(&table.text()), Ok(table));
        assert!(Table::read("nothing").is_err());
    }

    #[test]
    fn changes_are_given_in_tenths_of_a_percent() {
        assert_eq!(
            (change(1000, 1021), change(1000, 980), change(5, 5)),
            ("+2.1 %".into(), "-2.0 %".into(), "+0.0 %".into())
        );
        assert_eq!(collected("==1== Collected : 123\n"), Ok(123));
        assert!(collected("").is_err());
    }
}
