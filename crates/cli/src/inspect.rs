//! `airlock inspect`: what is in a file, for people and as JSON.

use std::path::Path;

use flux_airlock::report::{ScalarEntry, ScalarValue, TensorEntry};
use flux_airlock::text::{Escaped, cut_middle};
use flux_airlock::{Model, Report, SandboxFigures};

use crate::args::Inspect;
use crate::evidence::{self, Need, Required};
use crate::examine::{self, Verdict};
use crate::many;
use crate::table::{self, Align};
use crate::terminal::{Failure, Status, Terminal, Tone};
use crate::{policy, text};

pub(crate) fn run(args: &Inspect, terminal: &mut Terminal) -> Result<Status, Failure> {
    let required = Required::new(&args.evidence, &args.files, Need::IfAny)?;
    let airlock = policy::airlock(&args.limits, &args.types, args.evidence.policy.as_deref())?;
    let only = args.files.len() == 1;
    many::each(&args.files, terminal, |file, terminal| {
        let verdict = examine::examine_to_inspect(&airlock, file, &required, terminal);
        if args.json {
            json(&verdict, only, terminal)?;
        } else if !matches!(verdict, Verdict::Failed) {
            terminal.block()?;
            show(file, &verdict, terminal)?;
        }
        Ok(verdict.status())
    })
}

/// Prints the report as JSON: in one line, but the only one on a terminal indented.
pub(crate) fn json(verdict: &Verdict, only: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    let opened;
    let report = match verdict {
        Verdict::Opened(model) => {
            opened = model.report();
            &opened
        }
        Verdict::Refused(_, report) => report,
        Verdict::Failed => return Ok(()),
    };
    let indented = only && Terminal::is_terminal();
    report.write_json(terminal.out(), indented)?;
    terminal.line("")
}

/// What the sandbox has cost, in one line.
pub(crate) fn sandbox(figures: &SandboxFigures) -> String {
    format!(
        "fuel {} of {} granted, memory {}, {} µs",
        text::grouped(figures.fuel_used),
        text::grouped(figures.fuel_limit),
        text::size(figures.memory_bytes),
        text::grouped(figures.wall_us)
    )
}

/// Prints what is in a file, for people.
fn show(file: &Path, verdict: &Verdict, terminal: &mut Terminal) -> Result<(), Failure> {
    let opened;
    let (model, report) = match verdict {
        Verdict::Opened(model) => {
            opened = model.report();
            (Some(model), &opened)
        }
        Verdict::Refused(_, report) => (None, &**report),
        Verdict::Failed => return Ok(()),
    };
    header(file, verdict, report, terminal)?;
    let Some(model) = model else { return Ok(()) };
    terminal.line("")?;
    for variable in model.variables() {
        terminal.line(format!("{} = {}", text::path(&variable.path()), variable.value.tree()))?;
    }
    arrays(report, terminal)?;
    others(report, terminal)?;
    scalars(model, report, terminal)?;
    Ok(())
}

/// Which file it is, what came of it, and what that has cost.
fn header(file: &Path, verdict: &Verdict, report: &Report, terminal: &mut Terminal) -> Result<(), Failure> {
    let name = terminal.paint(Tone::Heading, &text::name(file.as_os_str()));
    terminal.line(name)?;
    let digest = match &report.file.sha256 {
        Some(digest) => format!("sha256:{digest}"),
        None => "not read".to_owned(),
    };
    let more = if report.file.more { "more than " } else { "" };
    let bytes = text::grouped(report.file.bytes);
    terminal.line(format!("  file      {more}{bytes} bytes, {}, {digest}", report.format))?;
    let word = match verdict {
        Verdict::Refused(error, _) => {
            format!("{} {}", terminal.paint(Tone::Bad, "REFUSED"), examine::refusal(error))
        }
        _ => terminal.paint(Tone::Good, "opened"),
    };
    terminal.line(format!("  verdict   {word}"))?;
    if report.evidence.is_empty() {
        let word = "unverified: nothing vouches for these bytes";
        terminal.line(format!("  evidence  {}", terminal.paint(Tone::Doubtful, word)))?;
    }
    for evidence in &report.evidence {
        terminal.line(format!("  evidence  {}", evidence::held(evidence)))?;
    }
    let written_by = report.written_by();
    let writers = [("Flux", written_by.flux), ("Julia", written_by.julia), ("BSON.jl", written_by.bson_jl)];
    let writers: Vec<String> = writers
        .into_iter()
        .filter_map(|(name, version)| Some((name, version?)))
        .map(|(name, version)| match version.strip_suffix('–') {
            Some(first) => format!("{name} {} or later", text::line(first)),
            None => format!("{name} {}", text::line(&version)),
        })
        .collect();
    if !writers.is_empty() {
        terminal.line(format!("  saved by  {}", writers.join(", ")))?;
    }
    if let Some(figures) = &report.sandbox {
        terminal.line(format!("  sandbox   {}", sandbox(figures)))?;
        terminal.line(format!("  guest     sha256:{}", figures.guest_sha256))?;
    }
    Ok(())
}

/// The arrays that are part of the model, and those that are not.
fn arrays(report: &Report, terminal: &mut Terminal) -> Result<(), Failure> {
    let widest = report.tensors().map(|array| row(&array, DIGEST_LEN).iter().map(|cell| cell.chars().count()).sum());
    let widest: usize = widest.max().unwrap_or(0);
    // Five columns with two spaces before each.
    let fits = widest.saturating_add(10) <= Terminal::columns();
    let digits = if fits || terminal.verbose { DIGEST_LEN } else { SHORT_DIGEST_LEN };
    heading(terminal, report.tensors().count(), "array", "arrays")?;
    let dim = terminal.painter(Tone::Dim);
    if report.tensors().next().is_some() {
        table::write(terminal.out(), COLUMNS, &dim, || report.tensors().map(|array| row(&array, digits)))?;
    }
    let omitted = report.omitted().count();
    if omitted > 0 {
        heading(terminal, omitted, "array that is no part of the model", "arrays that are no part of the model")?;
        let [path, eltype, size, bytes, digest] = COLUMNS;
        let columns = [path, eltype, size, bytes, ("WHY", Align::Left), digest];
        table::write(terminal.out(), columns, &dim, || {
            report.omitted().map(|array| {
                let [path, eltype, size, bytes, digest] = row(&array, digits);
                [path, eltype, size, bytes, array.why.unwrap_or_default().to_owned(), digest]
            })
        })?;
    }
    Ok(())
}

/// An array as a row of the table, with so many digits of its digest.
fn row(array: &TensorEntry<'_>, digits: usize) -> [String; 5] {
    let size: Vec<String> = array.size.iter().map(u32::to_string).collect();
    let size = if size.is_empty() { "scalar".to_owned() } else { size.join("×") };
    let digest = match array.sha256.get(..digits) {
        Some(digest) if digits < array.sha256.len() => format!("{digest}…"),
        _ => array.sha256.clone(),
    };
    let more = u64::try_from(array.also_at.len()).unwrap_or(u64::MAX).saturating_add(array.also_at_more);
    let shared = if more == 0 { String::new() } else { format!(" (and at {more} more)") };
    let path = format!("{}{shared}", text::path(array.path));
    [path, cut_middle(&array.eltype, MOST_TYPE).into_owned(), size, array.bytes.to_string(), digest]
}

/// What is not rebuilt, and what is remarked.
fn others(report: &Report, terminal: &mut Terminal) -> Result<(), Failure> {
    let dim = terminal.painter(Tone::Dim);
    let opaque = report.opaque().count();
    if opaque > 0 {
        heading(terminal, opaque, "opaque value", "opaque values")?;
        let columns = [("PATH", Align::Left), ("WHY", Align::Left), ("TYPE", Align::Left)];
        table::write(terminal.out(), columns, &dim, || {
            report.opaque().map(|entry| {
                let kind = entry.r#type.unwrap_or_default();
                [text::path(&entry.path), entry.why.to_owned(), cut_middle(&kind, MOST_TYPE).into_owned()]
            })
        })?;
    }
    let notes = report.notes().count();
    if notes > 0 {
        heading(terminal, notes, "note", "notes")?;
        for note in report.notes() {
            terminal.line(format!("  {} {}: {}", text::path(&note.path), note.code, note.message))?;
        }
    }
    Ok(())
}

/// How many numbers and texts there are, and which, for those who want to know.
fn scalars(model: &Model, report: &Report, terminal: &mut Terminal) -> Result<(), Failure> {
    let listed = model.scalars().len();
    if listed == 0 {
        return Ok(());
    }
    let count = u64::try_from(listed).unwrap_or(u64::MAX).saturating_add(report.scalars_more());
    if !terminal.verbose {
        let count = text::count(usize::try_from(count).unwrap_or(usize::MAX), "number or text", "numbers and texts");
        terminal.line("")?;
        return terminal.line(format!("{count} beside the arrays: --verbose lists them"));
    }
    heading(terminal, usize::try_from(count).unwrap_or(usize::MAX), "number or text", "numbers and texts")?;
    let dim = terminal.painter(Tone::Dim);
    let columns = [("PATH", Align::Left), ("TYPE", Align::Left), ("VALUE", Align::Left)];
    table::write(terminal.out(), columns, &dim, || {
        report.scalars().map(|entry| {
            let value = value(&entry);
            [text::path(&entry.path), entry.eltype.to_owned(), value]
        })
    })?;
    let more = report.scalars_more();
    if more > 0 {
        terminal.line(format!("  … and {} more", text::grouped(more)))?;
    }
    Ok(())
}

/// A number or text, escaped and not too long.
fn value(entry: &ScalarEntry<'_>) -> String {
    let text = |text: &str| {
        if entry.eltype == "String" {
            // A text that is no UTF-8 is escaped already.
            let text = if entry.escaped { text.to_owned() } else { Escaped(text.as_bytes()).to_string() };
            format!("\"{}\"", cut_middle(&text, MOST_TEXT))
        } else {
            text::line(text)
        }
    };
    match &entry.value {
        ScalarValue::Bool(value) => value.to_string(),
        ScalarValue::Float(value) => value.to_string(),
        ScalarValue::Float32(value) => value.to_string(),
        ScalarValue::Int(value) => value.to_string(),
        ScalarValue::Null => "nothing".to_owned(),
        ScalarValue::Text(value) => text(value),
        ScalarValue::Str(value) => text(value),
        _ => String::new(),
    }
}

/// A line that says how many of something follow.
fn heading(terminal: &mut Terminal, number: usize, one: &str, many: &str) -> Result<(), Failure> {
    let heading = terminal.paint(Tone::Heading, &text::count(number, one, many));
    terminal.line("")?;
    terminal.line(heading)
}

const COLUMNS: [(&str, Align); 5] = [
    ("PATH", Align::Left),
    ("ELTYPE", Align::Left),
    ("SIZE", Align::Left),
    ("BYTES", Align::Right),
    ("SHA-256", Align::Left),
];
const DIGEST_LEN: usize = 64;
const SHORT_DIGEST_LEN: usize = 12;
const MOST_TEXT: usize = 60;
const MOST_TYPE: usize = 60;
