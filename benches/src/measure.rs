//! Taking the samples: every case once per round, in another order each time.
//!
//! What a machine does beside the measurement then falls on all cases alike, and the ratio of two cases is taken within a
//! round. No sample is thrown away.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    Case, File, Group, Result, Scale, Tools,
    gate::Load,
    machine::{self, Machine},
};

/// All that was measured in one run.
#[derive(Debug, Deserialize, Serialize)]
pub struct Run {
    /// Only to see that it works?
    pub quick: bool,
    /// On what.
    pub machine: Machine,
    /// The alternatives.
    pub sets: Vec<Set>,
    /// The service under load, where there was something to load it with.
    pub gate: Option<Load>,
}

/// Alternatives for one file.
#[derive(Debug, Deserialize, Serialize)]
pub struct Set {
    /// What is compared.
    pub group: Group,
    /// With which file.
    pub file: File,
    /// The alternatives; the first is what the others are compared with.
    pub cases: Vec<Samples>,
}

/// All samples of a case.
#[derive(Debug, Deserialize, Serialize)]
pub struct Samples {
    /// Its name.
    pub subject: String,
    /// Nanoseconds for doing it once, round by round.
    pub ns: Vec<f64>,
    /// What doing it once added to the memory of a fresh process, at most.
    pub host_bytes: Option<u64>,
    /// Linear memory of the guest.
    pub guest_bytes: Option<u64>,
}

/// Which groups are measured with which files, which are made in `folder`.
///
/// # Errors
///
/// That of the disk.
pub fn plan(folder: &Path, scale: Scale) -> Result<Vec<(Group, Vec<File>)>> {
    let root = root();
    let is_full = scale == Scale::Full;
    let weights: &[u64] = if is_full {
        &[1920, 64 << 10, 1 << 20, 16 << 20, 128 << 20, 512 << 20, 1 << 30]
    } else {
        &[1920, 1 << 20, 16 << 20]
    };
    let lists: &[u64] = if is_full {
        &[100, 1000, 10_000, 100_000, 300_000, 1_000_000, 4_000_000, 10_000_000]
    } else {
        &[100, 1000, 30_000]
    };
    let chains: &[u64] = if is_full { &[10, 100, 1000, 5000] } else { &[10, 100] };
    let all = |sizes: &[u64], make: fn(&Path, u64) -> Result<File>| {
        sizes.iter().map(|&size| make(folder, size)).collect::<Result<Vec<_>>>()
    };
    let (weights, lists, chains) = (all(weights, File::weights)?, all(lists, File::list)?, all(chains, File::chain)?);
    let small = weights[0].clone();
    let big_list = lists.iter().rfind(|file| file.elements <= 300_001).cloned();
    let big_chain = chains.iter().rfind(|file| file.elements <= 100_000).cloned();
    let structure: Vec<File> = big_list.into_iter().chain(big_chain).collect();
    let some: Vec<File> = if is_full {
        [0, 2, 3, 5].into_iter().filter_map(|index| weights.get(index).cloned()).collect()
    } else {
        weights.clone()
    };
    let both = |one: &[File], other: &[File]| [one, other].concat();
    let mut overhead = [weights.clone(), lists, chains].concat();
    overhead.push(File::deep(&root)?);
    Ok(vec![
        (Group::Start, vec![small.clone()]),
        (Group::Service, vec![small]),
        (Group::Overhead, overhead),
        (Group::Verify, both(&weights, &structure)),
        (Group::Peers, both(&some, &structure)),
        (Group::Julia, both(&some, &structure[..1])),
        (Group::Convert, some[1..].to_vec()),
    ])
}

/// Measures everything, and says on standard error what it is at.
///
/// # Errors
///
/// Whatever goes wrong in a case.
pub fn run(folder: &Path, tools: &Tools, scale: Scale) -> Result<Vec<Set>> {
    let mut sets = Vec::new();
    for (group, files) in plan(folder, scale)? {
        for file in files {
            let start = Instant::now();
            let mut cases = tools.cases(group, &file)?;
            if cases.is_empty() {
                continue;
            }
            let mut samples = rounds(&mut cases, scale)?;
            drop(cases);
            if !matches!(group, Group::Julia | Group::Service | Group::Start) {
                for case in &mut samples {
                    case.host_bytes = memory(folder, group, &file, &case.subject);
                }
            }
            eprintln!("{}, {}: {:.1} s", group.name(), file.name(), start.elapsed().as_secs_f64());
            sets.push(Set { group, file, cases: samples });
        }
    }
    Ok(sets)
}

fn rounds(cases: &mut [Case<'_>], scale: Scale) -> Result<Vec<Samples>> {
    let (budget, least, most) = match scale {
        Scale::Full => (Duration::from_secs(6), 9, 101),
        Scale::Quick => (Duration::from_millis(150), 3, 11),
    };
    let mut repeats = Vec::new();
    let mut samples = Vec::new();
    for case in &mut *cases {
        // The first run of all is slower; the second says how many make a sample.
        case.run()?;
        let outcome = case.run()?;
        let times = SAMPLE.as_nanos() / outcome.time.as_nanos().max(1) + 1;
        repeats.push(u32::try_from(times)?.min(MOST_REPEATS));
        let subject = case.subject.to_owned();
        samples.push(Samples { subject, ns: Vec::new(), host_bytes: None, guest_bytes: outcome.guest_bytes });
    }
    let start = Instant::now();
    let mut round = 0;
    while round < least || (round < most && start.elapsed() < budget) {
        for place in 0..cases.len() {
            // Forwards and backwards in turn, so that a case does not always come after the same one.
            let place = if round % 2 == 0 { place } else { cases.len() - 1 - place };
            let at = (place + round / 2) % cases.len();
            let (mut time, mut times) = (Duration::ZERO, 0);
            for _ in 0..repeats[at] {
                let outcome = cases[at].run()?;
                time += outcome.time;
                times += outcome.times;
            }
            samples[at].ns.push(time.as_secs_f64() * 1e9 / f64::from(times));
        }
        round += 1;
    }
    Ok(samples)
}

/// Asks a fresh process what a case adds to its memory. `None` where that cannot be known.
fn memory(folder: &Path, group: Group, file: &File, subject: &str) -> Option<u64> {
    let mut this = Command::new(std::env::current_exe().ok()?);
    this.args(["memory", group.name(), file.shape.name()]).arg(&file.path).arg(folder);
    let output = this.args([&file.elements.to_string(), subject]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// What `memory` asks: prints how much memory a case added to this process.
///
/// # Errors
///
/// If there is no such case, or it goes wrong, or the system does not say.
pub fn print_memory(arguments: &[String]) -> Result<()> {
    let [group, shape, path, folder, elements, subject] = arguments else { return Err("six arguments".into()) };
    let groups: BTreeMap<_, _> = Group::ALL.iter().map(|group| (group.name(), *group)).collect();
    let group = groups.get(group.as_str()).ok_or("no such group")?;
    let shape = serde_json::from_value(shape.as_str().into())?;
    let bytes = std::fs::metadata(path)?.len();
    let file = File { shape, bytes, elements: elements.parse()?, path: path.into() };
    let tools = Tools::new(Path::new(folder), None, None)?;
    let mut cases = tools.cases(*group, &file)?;
    let case = cases.iter_mut().find(|case| case.subject == subject).ok_or("no such case")?;
    machine::forget_peak()?;
    let before = machine::resident_bytes("self").ok_or("no memory is told")?;
    case.run()?;
    println!("{}", machine::peak_bytes().ok_or("no memory is told")?.saturating_sub(before));
    Ok(())
}

/// The folder of the repository.
#[must_use]
pub fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| "..".into(), Path::to_owned)
}

/// A sample has at least so much time.
const SAMPLE: Duration = Duration::from_millis(2);
const MOST_REPEATS: u32 = 500;
