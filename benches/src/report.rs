//! The report: what the samples say, and nothing else.
//!
//! It is made from the samples alone, so that whoever has them can make it again, and a test does.

use std::fmt::Write as _;

use crate::{
    Group, Shape,
    cases::{APART, DECODED, HASHED, ON_DEMAND, UNCHECKED, UNFUELED},
    files::{bytes, thousands},
    gate::Load,
    machine::Machine,
    measure::{Run, Samples, Set},
};

/// A median, and what a tenth of the samples were below and above.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    fn of(mut samples: Vec<f64>) -> Option<Self> {
        samples.sort_by(f64::total_cmp);
        let last = samples.len().checked_sub(1)?;
        let at = |tenths: usize| samples[(last * tenths + 5) / 10];
        Some(Self { low: at(1), median: at(5), high: at(9) })
    }
}

/// The document, in Markdown.
#[must_use]
pub fn document(run: &Run) -> String {
    let mut text = String::from(HEAD);
    if run.quick {
        text.push_str(QUICK);
    }
    text.push_str("\n## The bars\n\n");
    text.push_str(&bars_table(&bars(run)));
    text.push_str(PLOTS);
    text.push_str("\n## Machine and versions\n\n");
    machine(&mut text, &run.machine);
    text.push_str(METHOD);
    for group in Group::ALL {
        let sets: Vec<&Set> = run.sets.iter().filter(|set| set.group == group).collect();
        if !sets.is_empty() {
            let (title, about) = about(group);
            let _ = write!(text, "\n## {title}\n\n{about}\n");
            for set in sets {
                table(&mut text, set);
            }
        }
    }
    if let Some(load) = &run.gate {
        service(&mut text, load);
    }
    text
}

/// The README with the figures of this run between its two marks, unless it was a quick one, which gives none; `None` if it has
/// no such place.
#[must_use]
pub fn in_readme(readme: &str, run: &Run) -> Option<String> {
    let (head, rest) = readme.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    let bars: Vec<Bar> = bars(run).into_iter().filter(|bar| bar.measured.is_some()).collect();
    let figures = if run.quick { String::new() } else { bars_table(&bars) };
    Some(format!("{head}{BEGIN}\n{figures}{END}{tail}"))
}

/// Something that is to be reached.
struct Bar {
    what: &'static str,
    wanted: &'static str,
    /// What was measured, and whether that reaches it.
    measured: Option<(String, bool)>,
    /// The most that can be reached here, and by what that was measured.
    floor: Option<String>,
}

impl Bar {
    fn with_floor(mut self, floor: Option<String>) -> Self {
        self.floor = floor;
        self
    }
}

fn bars_table(bars: &[Bar]) -> String {
    let mut text = String::from("| what | bar | measured | |\n| --- | --- | --- | --- |\n");
    for Bar { what, wanted, measured, floor } in bars {
        let (measured, met) = match (measured, floor) {
            (Some((measured, true)), _) => (measured.as_str(), "met".to_owned()),
            (Some((measured, false)), None) => (measured.as_str(), "**not met**".to_owned()),
            (Some((measured, false)), Some(floor)) => (measured.as_str(), format!("**not met**; {floor}")),
            (None, _) => ("not measured", String::new()),
        };
        let _ = writeln!(text, "| {what} | {wanted} | {measured} | {met} |");
    }
    text
}

fn bars(run: &Run) -> Vec<Bar> {
    let all = |group, shape| run.sets.iter().filter(move |set| set.group == group && set.file.shape == shape);
    let find = |group, shape, of: fn(&Set) -> bool| all(group, shape).find(|set| of(set));
    let half_gb = |set: &Set| (500 << 20..600 << 20).contains(&set.file.bytes);
    let structure = |set: &Set| set.file.elements == 300_001;
    let small = |set: &Set| set.file.bytes < 4 << 10;
    let ratio = |set: Option<&Set>, subject, reference| paired(set?, subject, reference);
    let at_most = |spread: Option<Spread>, most: f64| spread.map(|spread| (times(spread), spread.median <= most));
    let at_least = |spread: Option<Spread>, least: f64| spread.map(|spread| (times(spread), spread.median >= least));
    let verify = find(Group::Verify, Shape::Weights, half_gb);
    let list = find(Group::Overhead, Shape::List, structure);
    let peers = find(Group::Peers, Shape::Weights, half_gb);
    let convert = find(Group::Convert, Shape::Weights, half_gb);
    let opening = run.sets.iter().find(|set| set.group == Group::Service);
    let start = run.sets.iter().find(|set| set.group == Group::Start);
    let floor = verify.and_then(|set| {
        let floors = [HASHED, "floor: read and ring"];
        floors.into_iter().min_by(|a, b| middle(set, a).total_cmp(&middle(set, b)))
    });
    let added = || {
        let big = all(Group::Overhead, Shape::Weights).filter(|set| set.file.bytes > 100 << 20);
        let difference = |set: &Set| Some(middle(set, "guest") - case(set, "native").map(|case| median(&case.ns))?);
        let most = big.filter_map(difference).fold(f64::NEG_INFINITY, f64::max);
        most.is_finite().then(|| (time(most), most < 1e6))
    };
    let spread = |set: Option<&Set>, subject: &str| Spread::of(case(set?, subject)?.ns.clone());
    let per_core = spread(opening, "pooled, 1 thread");
    let beyond = || {
        let beyond = |group, subject| {
            let set = find(group, Shape::Weights, half_gb)?;
            Some(case(set, subject)?.host_bytes?.saturating_sub(set.file.bytes))
        };
        let most = beyond(Group::Verify, "verified open")?.max(beyond(Group::Convert, "convert")?);
        Some((bytes(most), most <= 16 << 20))
    };
    let guest = || {
        let memory =
            case(all(Group::Overhead, Shape::Weights).max_by_key(|set| set.file.bytes)?, "guest")?.guest_bytes?;
        Some((bytes(memory), memory <= 4 << 20))
    };
    let julia = |shape, most| ratio(find(Group::Julia, shape, most), "BSON.load", "verified open");
    let hashed = |shape, most: fn(&Set) -> bool| {
        let against = |floor| ratio(find(Group::Julia, shape, most), "BSON.load", floor);
        let (hashed, decoded) = (against(HASHED)?, against(DECODED)?);
        Some(format!(
            "reading and hashing alone: {}; and decoding as fast as the engine can: {}",
            times(hashed),
            times(decoded)
        ))
    };
    let engine = || {
        let floor = ratio(list, UNCHECKED, "native")?;
        Some(format!("the engine without fuel, without checks, with all memory kept: {}", times(floor)))
    };
    let bar = |what, wanted, measured| Bar { what, wanted, measured, floor: None };
    vec![
        bar(
            "verified opening of 512 MB of weights, against the best known way to read and hash the file",
            "≤ 1.05 ×",
            at_most(floor.and_then(|floor| ratio(verify, "verified open", floor)), 1.05),
        ),
        bar(
            "decoding in the sandbox, with fuel, against the same decoder native: a list of 300,000 integers",
            "≤ 1.5 ×",
            at_most(ratio(list, "guest", "native"), 1.5),
        )
        .with_floor(engine()),
        bar(
            "what fuel adds to that, in memory of its own",
            "≤ 1.35 ×",
            at_most(ratio(list, ON_DEMAND, UNFUELED), 1.35),
        ),
        bar("what the sandbox adds to decoding more than 100 MB of weights, at most", "< 1 ms", added()),
        bar(
            "opening a small model (3 KB): verified, decoded, checked",
            "≤ 50 µs",
            per_core.map(|spread| (range(spread), spread.median <= 50e3)),
        ),
        bar(
            "small models a second, on one core",
            "≥ 20,000",
            per_core.map(|spread| (per_second(spread.median), 1e9 / spread.median >= 20e3)),
        ),
        bar(
            "two cores against one, small models",
            "≥ 1.9 ×",
            at_least(ratio(opening, "pooled, 1 thread", "pooled, 2 threads"), 1.9),
        )
        .with_floor(ratio(opening, "pooled, 1 thread", APART).map(|both| format!("nothing shared: {}", times(both)))),
        bar(
            "the command, from its start to its end, for a small model",
            "≤ 5 ms",
            spread(start, "cold process to first answer").map(|spread| (range(spread), spread.median <= 5e6)),
        ),
        bar(
            "starting the engine and loading the module",
            "< 1 ms",
            spread(start, "engine and module").map(|spread| (range(spread), spread.median < 1e6)),
        ),
        bar("memory of the guest for the largest file of weights", "≤ 4 MB", guest()),
        bar("memory of the host beyond the file (512 MB), conversion included", "≤ 16 MB", beyond()),
        bar(
            "`BSON.load` against a verified opening: 512 MB of weights",
            "≥ 3 ×",
            at_least(julia(Shape::Weights, half_gb), 3.0),
        )
        .with_floor(hashed(Shape::Weights, half_gb)),
        bar(
            "`BSON.load` against a verified opening: a list of 300,000 integers",
            "≥ 20 ×",
            at_least(julia(Shape::List, structure), 20.0),
        )
        .with_floor(hashed(Shape::List, structure)),
        bar(
            "`BSON.load` against a verified opening: a small model",
            "≥ 10 ×",
            at_least(julia(Shape::Weights, small), 10.0),
        )
        .with_floor(hashed(Shape::Weights, small)),
        bar(
            "verified opening of 512 MB against `safetensors` with SHA-256",
            "≤ 1.05 ×",
            at_most(ratio(peers, "verified open", "safetensors and SHA-256"), 1.05),
        ),
        bar(
            "speed of `convert`, against reading, hashing and writing the bytes (512 MB)",
            "≥ 0.8 ×",
            at_least(ratio(convert, "read, hash and write", "convert"), 0.8),
        ),
    ]
}

fn machine(text: &mut String, machine: &Machine) {
    let Machine { cpu, cores, memory_bytes, kernel, huge_pages, load, versions } = machine;
    let _ = writeln!(
        text,
        "{cpu}, {cores} threads, {}; Linux {kernel}, transparent huge pages: {huge_pages}; load before the run: {load:.2}.\n",
        bytes(*memory_bytes)
    );
    for (name, version) in versions {
        let _ = writeln!(text, "- {name}: {version}");
    }
}

fn table(text: &mut String, set: &Set) {
    let Some(first) = set.cases.first() else { return };
    let rounds = first.ns.len();
    let _ = write!(text, "\n**{}** ({rounds} rounds)\n\n", set.file.name());
    let has_memory = set.cases.iter().any(|case| case.host_bytes.is_some() || case.guest_bytes.is_some());
    let (head, line) = if has_memory { (" host memory | guest memory |", " ---: | ---: |") } else { ("", "") };
    let is_service = set.group == Group::Service;
    let speed = if is_service { "files/s" } else { "speed" };
    let _ = writeln!(text, "| | median | from – to | against the first | {speed} |{head}");
    let _ = writeln!(text, "| --- | ---: | ---: | ---: | ---: |{line}");
    for case in &set.cases {
        let Some(spread) = Spread::of(case.ns.clone()) else { continue };
        let ratio = match paired(set, &case.subject, &first.subject) {
            Some(ratio) if case.subject != first.subject => times(ratio),
            _ => String::new(),
        };
        let speed = match set.group {
            Group::Start => String::new(),
            Group::Service => per_second(spread.median),
            _ => format!("{}/s", bytes(whole(float(set.file.bytes) / spread.median * 1e9))),
        };
        let _ = write!(
            text,
            "| {} | {} | {} – {} | {ratio} | {speed} |",
            case.subject,
            time(spread.median),
            time(spread.low),
            time(spread.high)
        );
        if has_memory {
            let memory = |memory: Option<u64>| memory.map_or_else(String::new, bytes);
            let _ = write!(text, " {} | {} |", memory(case.host_bytes), memory(case.guest_bytes));
        }
        text.push('\n');
    }
}

fn service(text: &mut String, load: &Load) {
    let Load { tool, connections, rows } = load;
    let _ = write!(
        text,
        "\n## A service under load\n\nThe example `gate` (`host/examples/gate.rs`), asked for reports by {tool} over the \
         loopback, with {connections} connections, on the same cores. What is hostile is of `tests/corpus/reject`, has the \
         digest that the request gives, and so reaches the sandbox.\n\n| uploads | requests/s | median | 99 of 100 within | \
         refused | lost | memory after a quarter | at the end |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for row in rows {
        let figures = &row.figures;
        let per_second = whole(float(figures.requests) / float(figures.us.max(1)) * 1e6);
        let [quarter, end] = row.resident_bytes.map(bytes);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.1} % | {} | {quarter} | {end} |",
            row.uploads,
            thousands(per_second),
            time(float(figures.p50_us) * 1e3),
            time(float(figures.p99_us) * 1e3),
            float(figures.refused) / float(figures.requests.max(1)) * 100.0,
            figures.lost,
        );
    }
}

fn about(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Overhead => (
            "What the sandbox costs",
            "The same decoder over the same bytes in memory, without hashing and without the host's check of the answer: \
             native; as WebAssembly as fast as the engine can, which nothing may be that is to be safe (no fuel, bounds checked by the \
             processor, all memory kept); with fuel and checks, in memory that is kept, which is how it runs; with memory of its own for each \
             file, without fuel and with it; and as a WASI command under `wasmtime-wasi`, whose standard input is the file.",
        ),
        Group::Verify => (
            "What verification costs",
            "From a path to a model under a pin: read into private memory, hashed, decoded, checked. Beside it the best known \
             way to read and hash without anything else (huge pages, hashed on a second thread while it is read), with two \
             libraries; hashing alone, of bytes in memory; reading alone; and opening by a signature (OpenSSF Model Signing, \
             P-256) in the place of the pin.",
        ),
        Group::Peers => (
            "Other readers",
            "From the path of the same content: the `bson` crate, to a document and with `serde` into structs made for the file, \
             neither of which verifies or isolates anything; and `safetensors`, from a file of the same arrays, with SHA-256.",
        ),
        Group::Convert => (
            "Conversion",
            "From a path to a safetensors file that is on the disk (`fsync`), beside copying the file, and beside reading, hashing \
             and writing the same bytes.",
        ),
        Group::Service => (
            "Many small files",
            "A small model, opened again and again under a pin from bytes in memory: instantiate, decode, check, drop; and, to see \
             what two cores of the machine give, the same by two threads that share nothing.",
        ),
        Group::Start => (
            "Starting",
            "`airlock verify --pin` as a process of its own, from before its start to its end; the same process when it only says \
             its version; and what starting the engine takes inside of it.",
        ),
        Group::Julia => (
            "Julia",
            "`BSON.load` and `BSON.parse` in a Julia that has been started and warmed up; neither \
             verifies anything. The files hold arrays and numbers, so that `BSON.load` needs no package for them. Beside them the least \
             that a verified reading can take: to read and to hash; and that with the guest as fast as the engine can run it, \
             whose answer nobody checks.",
        ),
    }
}

/// How often a case takes the time of another, round by round.
pub(crate) fn paired(set: &Set, subject: &str, reference: &str) -> Option<Spread> {
    let (case, reference) = (case(set, subject)?, case(set, reference)?);
    Spread::of(case.ns.iter().zip(&reference.ns).map(|(a, b)| a / b).collect())
}

pub(crate) fn median(ns: &[f64]) -> f64 {
    Spread::of(ns.to_vec()).map_or(f64::NAN, |spread| spread.median)
}

fn middle(set: &Set, subject: &str) -> f64 {
    case(set, subject).map_or(f64::NAN, |case| median(&case.ns))
}

fn case<'s>(set: &'s Set, subject: &str) -> Option<&'s Samples> {
    set.cases.iter().find(|case| case.subject == subject)
}

/// Nanoseconds, in three digits and a unit.
pub(crate) fn time(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        ns if ns >= 999.5e6 => (1e9, "s"),
        ns if ns >= 999.5e3 => (1e6, "ms"),
        ns if ns >= 999.5 => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    let value = ns / value;
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0} {unit}"),
        size if size >= 9.995 => format!("{value:.1} {unit}").replace(".0 ", " "),
        _ => format!("{value:.2} {unit}").replace(".00 ", " "),
    }
}

fn range(spread: Spread) -> String {
    format!("{} ({} – {})", time(spread.median), time(spread.low), time(spread.high))
}

fn times(ratio: Spread) -> String {
    let digits = if ratio.median >= 9.995 { 1 } else { 2 };
    let Spread { low, median, high } = ratio;
    format!("{median:.digits$} × ({low:.digits$} – {high:.digits$})")
}

fn per_second(ns: f64) -> String {
    thousands(whole(1e9 / ns))
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn float(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "three digits are shown")]
fn whole(x: f64) -> u64 {
    x.round() as u64
}

const BEGIN: &str = "<!-- figures: written by cargo xtask bench -->";
const END: &str = "<!-- end of figures -->";

const HEAD: &str = "\
# What isolation costs

Written by `cargo xtask bench` from `performance/samples.json`, which has every sample of one run. All figures of the project
come from here.
";

const QUICK: &str = "
**This is a quick run, to see that it works: smaller files, few samples. Its figures mean little.**
";

const PLOTS: &str = "
![Opening a file of weights](performance/cost-by-size.svg)

![Decoding a list of integers](performance/cost-by-elements.svg)

![What each sandbox costs](performance/overhead.svg)
";

const METHOD: &str = "
## Method

Cases of one table are alternatives for the same file. They run in rounds, each once a round and in another order each
time, until six seconds are over, and nine times at least; what takes less than two milliseconds is repeated within its
turn. A ratio is taken within each round. The middle figure is the median; *from – to* is what a tenth of the samples lies below
and above. No sample is left out. Files are in the system's cache. Time does not include giving memory back. *Host memory* is
what doing it once adds to the most that a fresh process had in memory; *guest memory* is the guest's linear memory at its end.

To measure again: `cargo xtask bench`, on a quiet machine with Linux, two cores and 8 GB of memory, in about twenty minutes;
with `wrk` on the path for the service, and with `AIRLOCK_JULIA` (a Julia) and `AIRLOCK_BSON_JL` (a folder with BSON.jl) for
Julia's figures. `cargo xtask bench --quick` writes a smaller one to `target/bench`. Developers compare two states of the code with
criterion, over the same cases: `cargo bench -p flux-airlock-benches`.
";
