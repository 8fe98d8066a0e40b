//! Julia's own reader, in a process that stays: it is asked round by round, between our own runs.
//!
//! The time is taken in Julia around the call alone, after the first calls, so that neither Julia's start nor its compiler is
//! in it; and after a garbage collection, where the file is large enough to fill the memory.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::Result;

/// A running Julia.
pub struct Julia {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// Its version and that of BSON.jl.
    pub version: String,
}

impl Julia {
    /// Starts the program `julia` with the package in the folder `bson_jl`.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start(julia: &Path, bson_jl: &Path) -> Result<Self> {
        let mut process = Command::new(julia)
            .args(["--startup-file=no", "-e", SCRIPT])
            .arg(bson_jl)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = process.stdin.take().ok_or("no standard input")?;
        let stdout = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        let mut julia = Self { process, stdin, stdout, version: String::new() };
        julia.version = julia.line()?;
        Ok(julia)
    }

    /// How long a function takes for a file.
    pub(crate) fn call(&mut self, function: &str, path: &Path) -> Result<Duration> {
        writeln!(self.stdin, "{function} {}", path.display())?;
        self.stdin.flush()?;
        let line = self.line()?;
        let ns = line.parse().map_err(|_| format!("Julia says {line:?}"))?;
        Ok(Duration::from_nanos(ns))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err("Julia has ended".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Julia {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const SCRIPT: &str = r#"
include(joinpath(ARGS[1], "src", "BSON.jl"))
version = match(r"version = \"(.*)\"", read(joinpath(ARGS[1], "Project.toml"), String))[1]
println("Julia ", VERSION, ", BSON.jl ", version); flush(stdout)
while !eof(stdin)
    name, path = split(readline(stdin), ' '; limit = 2)
    f = name == "load" ? BSON.load : BSON.parse
    filesize(path) > 2^20 && GC.gc()
    start = time_ns()
    value = f(String(path))
    taken = time_ns() - start
    println(taken); flush(stdout)
end
"#;
