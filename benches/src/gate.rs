//! The example `gate` under load, by `wrk` on the same machine.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use flux_airlock::{Digest, Input};
use serde::{Deserialize, Serialize};

use crate::{File, Result, Scale, machine, measure::root};

/// What came of it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Load {
    /// What made the load.
    pub tool: String,
    /// How many connections there were.
    pub connections: u32,
    /// One for each mixture.
    pub rows: Vec<Row>,
}

/// A mixture of uploads.
#[derive(Debug, Deserialize, Serialize)]
pub struct Row {
    /// What was uploaded.
    pub uploads: String,
    /// How much of it.
    pub figures: Figures,
    /// The memory of the service after a quarter of the time, and at the end, in bytes.
    pub resident_bytes: [u64; 2],
}

/// What `wrk` counts.
#[derive(Debug, Deserialize, Serialize)]
pub struct Figures {
    /// Requests that were answered.
    pub requests: u64,
    /// In so many microseconds.
    pub us: u64,
    /// Half of the answers came within so many microseconds.
    pub p50_us: u64,
    /// And 99 of 100.
    pub p99_us: u64,
    /// Answers that were not "opened".
    pub refused: u64,
    /// Requests without an answer.
    pub lost: u64,
}

/// Loads the program `gate`. `None` where there is no `wrk`.
///
/// # Errors
///
/// If the service or `wrk` does not do its work.
pub fn load(folder: &Path, gate: &Path, scale: Scale) -> Result<Option<Load>> {
    let Ok(version) = Command::new("wrk").arg("--version").output() else { return Ok(None) };
    let version = String::from_utf8_lossy(&version.stdout).lines().next().unwrap_or_default().to_owned();
    let tool = version.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let corpus = root().join("tests/corpus");
    let small = File::weights(folder, 1920)?.path;
    let genuine = bson_files(&corpus.join("accept/flux-0.16.9"))?;
    let hostile = refused(&bson_files(&corpus.join("reject"))?)?;
    let mixtures: [(&str, &[PathBuf], u32); 3] = [
        ("a small model (3 KB)", &[small], 0),
        ("models of Flux 0.16.9", &genuine, 0),
        ("the same, 1 % hostile", &genuine, 100),
    ];
    let mut rows = Vec::new();
    for (uploads, good, every) in mixtures {
        let list = folder.join("uploads.txt");
        fs::write(&list, lines("good", good)? + &lines("hostile", &hostile)?)?;
        let service = Service::start(gate)?;
        let (figures, resident_bytes) = service.load(&list, every, scale)?;
        rows.push(Row { uploads: uploads.to_owned(), figures, resident_bytes });
    }
    Ok(Some(Load { tool, connections: CONNECTIONS, rows }))
}

struct Service {
    process: Child,
    url: String,
}

impl Service {
    fn start(gate: &Path) -> Result<Self> {
        let mut process = Command::new(gate).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let read = BufReader::new(stdout).read_line(&mut line);
        let mut service = Self { process, url: String::new() };
        read?;
        let address = line.trim_end().strip_prefix("listening on ").ok_or("the service does not say where it is")?;
        service.url = format!("http://{address}/report");
        Ok(service)
    }

    fn load(&self, list: &Path, every: u32, scale: Scale) -> Result<(Figures, [u64; 2])> {
        let seconds = if scale == Scale::Full { 12 } else { 1 };
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", "2", "--connections", &CONNECTIONS.to_string(), "--duration", &format!("{seconds}s")]);
        wrk.arg("--script").arg(root().join("benches/gate.lua")).arg(&self.url);
        wrk.arg("--").arg(list).arg(every.to_string()).stdout(Stdio::piped());
        let wrk = wrk.spawn()?;
        let resident = || machine::resident_bytes(&self.process.id().to_string()).ok_or("no memory is told");
        thread::sleep(Duration::from_millis(250 * seconds));
        let after_a_quarter = resident()?;
        let output = wrk.wait_with_output()?;
        let at_the_end = resident()?;
        let text = String::from_utf8(output.stdout)?;
        let figures = text.lines().find(|line| line.starts_with('{')).ok_or_else(|| format!("wrk says {text:?}"))?;
        Ok((serde_json::from_str(figures)?, [after_a_quarter, at_the_end]))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lines(kind: &str, files: &[PathBuf]) -> Result<String> {
    files.iter().try_fold(String::new(), |lines, path| {
        let digest = Digest::Sha256(crate::floor::Library::Sha2.hash(&fs::read(path)?));
        Ok(format!("{lines}{kind} {digest} {}\n", path.display()))
    })
}

/// Those that are refused under the default limits.
fn refused(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let airlock = flux_airlock::Airlock::new()?;
    Ok(files.iter().filter(|path| airlock.open_unverified(Input::path(path)).is_err()).cloned().collect())
}

fn bson_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "bson") {
            files.push(path.canonicalize()?);
        }
    }
    files.sort();
    Ok(files)
}

const CONNECTIONS: u32 = 16;
