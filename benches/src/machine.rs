//! What the figures were measured on and with.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::Result;

/// The machine and the versions.
#[derive(Debug, Deserialize, Serialize)]
pub struct Machine {
    /// The processor, as it calls itself.
    pub cpu: String,
    /// Threads that run at the same time.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The kernel.
    pub kernel: String,
    /// When the system gives huge pages.
    pub huge_pages: String,
    /// How many processes wanted to run before the measurement began, on average over a minute.
    pub load: f64,
    /// Names and versions.
    pub versions: Vec<(String, String)>,
}

impl Machine {
    /// This one.
    ///
    /// # Errors
    ///
    /// If the lock file of the workspace in `root` cannot be read.
    pub fn this(root: &Path) -> Result<Self> {
        let line = |path: &str, key: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
            line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
        };
        let whole = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let pages = whole("/sys/kernel/mm/transparent_hugepage/enabled");
        let kib: u64 = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
        let lock = fs::read_to_string(root.join("Cargo.lock"))?;
        let mut versions = vec![
            ("Rust".to_owned(), env!("AIRLOCK_RUSTC").to_owned()),
            ("guest".to_owned(), format!("sha256:{}", flux_airlock::GUEST_SHA256)),
        ];
        for name in ["wasmtime", "sha2", "ring", "bson", "safetensors"] {
            versions.push((name.to_owned(), locked(&lock, name).unwrap_or_default()));
        }
        Ok(Self {
            cpu: line("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kib << 10,
            kernel: whole("/proc/sys/kernel/osrelease"),
            huge_pages: pages.split(['[', ']']).nth(1).unwrap_or("none").to_owned(),
            load: whole("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
            versions,
        })
    }
}

/// The highest version of a package in a lock file.
fn locked(lock: &str, name: &str) -> Option<String> {
    let head = format!("name = \"{name}\"\nversion = \"");
    let versions = lock.split(&head).skip(1).filter_map(|rest| rest.split('"').next());
    versions.map(str::to_owned).max()
}

/// The most memory that this process has had since [`forget_peak`], in bytes, where the system says so.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// The memory that a process has, in bytes, where the system says so.
#[must_use]
pub fn resident_bytes(process: &str) -> Option<u64> {
    field(&format!("/proc/{process}/status"), "VmRSS:")
}

/// Forgets the peak.
///
/// # Errors
///
/// If the system has no such thing.
pub fn forget_peak() -> std::io::Result<()> {
    fs::write("/proc/self/clear_refs", "5")
}

fn status(key: &str) -> Option<u64> {
    field("/proc/self/status", key)
}

fn field(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}
