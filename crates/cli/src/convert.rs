//! `airlock convert`: a file in another format, whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flux_airlock::Model;
use flux_airlock_export::{ExportError, Overwrite, Safetensors, Spec, to_file};

use crate::args::{Convert, Format};
use crate::evidence::{self, Need, Required, is_stdin};
use crate::examine::{self, STDIN, Verdict};
use crate::progress::Progress;
use crate::terminal::{Failure, Status, Terminal};
use crate::text;
use crate::{inspect, policy};

pub(crate) fn run(args: &Convert, terminal: &mut Terminal) -> Result<Status, Failure> {
    let required = Required::new(&args.evidence, std::slice::from_ref(&args.file), Need::Yes)?;
    let output = output(args)?;
    // Before the work, so that it is not done in vain. What counts is asked again when the file gets its name.
    if !args.force && std::fs::symlink_metadata(&output).is_ok() {
        let error = if is_replaceable(&output) { ExportError::Exists } else { ExportError::NotAFile };
        return Err(unwritten(&output, &error));
    }
    let airlock = policy::airlock(&args.limits, &args.types, args.evidence.policy.as_deref())?;
    if args.evidence.unverified {
        examine::warn_unverified(terminal);
    }
    let model = match examine::examine(&airlock, &args.file, &required, terminal) {
        Verdict::Opened(model) => model,
        Verdict::Refused(error, _) => {
            let name = text::name(args.file.as_os_str());
            terminal.error(&format!("{name}: refused: {}", examine::refusal(&error)));
            return Ok(Status::Refused);
        }
        Verdict::Failed => return Ok(Status::Failed),
    };
    let model = match &args.variable {
        None => model,
        Some(variable) => match model.only(variable) {
            Ok(Some(one)) => one,
            Ok(None) => return Err(unknown(&model, variable)),
            Err(error) => {
                let name = text::name(args.file.as_os_str());
                terminal.error(&format!("{name}: refused: {}", examine::refusal(&error)));
                return Ok(Status::Refused);
            }
        },
    };
    match write(args, &model, &output, terminal) {
        Ok(said) => {
            if let Some(sandbox) = terminal.verbose.then(|| inspect::sandbox(&model.sandbox())) {
                terminal.remark(&sandbox);
                evidence::remark(&model, terminal);
            }
            terminal.remark(&format!("wrote {}: {said}", text::name(output.as_os_str())));
            Ok(Status::Opened)
        }
        Err(error) if error.is_refusal() => {
            let hint = if matches!(error, ExportError::Unfit(_)) { "; --omit leaves them out" } else { "" };
            let name = text::name(args.file.as_os_str());
            terminal.error(&format!("{name}: not converted: {}: {error}{hint}", error.code()));
            Ok(Status::Refused)
        }
        Err(error) => Err(unwritten(&output, &error)),
    }
}

/// Says that there is no such variable, and which there are.
fn unknown(model: &Model, variable: &str) -> Failure {
    let names = model.variables().take(MOST_NAMES).map(|variable| text::path(&variable.path()));
    let mut names: Vec<String> = names.collect();
    if model.variables().len() > MOST_NAMES {
        names.push("…".to_owned());
    }
    Failure::new(format!("there is no variable {}; the file has {}", text::name(variable.as_ref()), names.join(", ")))
}

/// Writes the output, and says what it has.
fn write(args: &Convert, model: &Model, output: &Path, terminal: &Terminal) -> Result<String, ExportError> {
    let overwrite = if args.force { Overwrite::Yes } else { Overwrite::No };
    match args.to {
        Format::Json => {
            let spec = Spec::new(model);
            to_file(output, overwrite, |out| spec.write(out))?;
            Ok("layers and descriptions of arrays, no weights".to_owned())
        }
        Format::Safetensors => {
            let arrays = if args.omit { Safetensors::without_unfit(model) } else { Safetensors::new(model)? };
            let name = format!("writing {}", text::name(output.as_os_str()));
            let progress = Progress::new(terminal, name, Some(arrays.data_bytes()));
            to_file(output, overwrite, |out| arrays.write(&mut Counting { out, done: progress.done() }))?;
            drop(progress);
            let without = match arrays.unfit().len() {
                0 => String::new(),
                left_out => format!(", without {left_out}"),
            };
            let omitted = match model.omitted().count() {
                0 => String::new(),
                1 => "; 1 array is no part of the model and was omitted".to_owned(),
                omitted => {
                    format!("; {} are no part of the model and were omitted", text::count(omitted, "array", "arrays"))
                }
            };
            Ok(format!("{}{without}{omitted}", text::count(arrays.len(), "array", "arrays")))
        }
    }
}

/// Where the output goes.
fn output(args: &Convert) -> Result<PathBuf, Failure> {
    let ending = match args.to {
        Format::Json => "json",
        Format::Safetensors => "safetensors",
    };
    let output = match &args.output {
        Some(output) if output.as_os_str() == STDIN => {
            return Err(Failure::usage("the output is a file, which appears whole or not at all: give its name to -o"));
        }
        Some(output) => output.clone(),
        None if is_stdin(&args.file) => return Err(Failure::usage("standard input needs -o OUT")),
        None if args.file.extension().is_some_and(|old| old == "bson") => args.file.with_extension(ending),
        None => args.file.with_added_extension(ending),
    };
    if !is_stdin(&args.file) && is_same(&args.file, &output) {
        return Err(Failure::usage(format!("{} is the input", text::name(output.as_os_str()))));
    }
    Ok(output)
}

/// Are these two names of one file, links followed?
fn is_same(one: &Path, other: &Path) -> bool {
    if one == other {
        return true;
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(one).is_some_and(|one| real(other).is_some_and(|other| one == other))
}

/// Why the output was not written, and what to do.
pub(crate) fn unwritten(output: &Path, error: &ExportError) -> Failure {
    let hint =
        if matches!(error, ExportError::Exists) && is_replaceable(output) { "; --force replaces it" } else { "" };
    Failure::new(format!("{}: {error}{hint} ({})", text::name(output.as_os_str()), error.code()))
}

/// Is this a file or a link, which --force replaces?
fn is_replaceable(output: &Path) -> bool {
    std::fs::symlink_metadata(output).is_ok_and(|there| there.is_file() || there.is_symlink())
}

/// Passes bytes on and counts them.
struct Counting<'a> {
    out: &'a mut dyn Write,
    done: Arc<AtomicU64>,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.out.write(bytes)?;
        self.done.fetch_add(u64::try_from(len).unwrap_or(0), Ordering::Relaxed);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

const MOST_NAMES: usize = 10;
