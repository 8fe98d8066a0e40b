//! Getting a verdict on one file.

use std::io;
use std::path::Path;

use flux_airlock::{Airlock, Error, Input, Model, Rejected, Report};

use crate::evidence::{Required, is_stdin};
use crate::progress::Progress;
use crate::terminal::{Status, Terminal};
use crate::text;

/// The name of the standard input.
pub(crate) const STDIN: &str = "-";

/// What came of a file.
pub(crate) enum Verdict {
    Opened(Model),
    Refused(Error, Box<Report>),
    /// There is no verdict: it was said why.
    Failed,
}

impl Verdict {
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Opened(_) => Status::Opened,
            Self::Refused(..) => Status::Refused,
            Self::Failed => Status::Failed,
        }
    }
}

/// Opens a file, or says why not.
pub(crate) fn examine(airlock: &Airlock, file: &Path, required: &Required, terminal: &mut Terminal) -> Verdict {
    look(airlock, file, required, terminal, Airlock::examine_unverified)
}

/// The same for whoever shows what is in the file, and no weights.
pub(crate) fn examine_to_inspect(
    airlock: &Airlock,
    file: &Path,
    required: &Required,
    terminal: &mut Terminal,
) -> Verdict {
    look(airlock, file, required, terminal, Airlock::examine_to_inspect)
}

fn look(
    airlock: &Airlock,
    file: &Path,
    required: &Required,
    terminal: &mut Terminal,
    without_evidence: for<'a> fn(&Airlock, Input<'a>) -> Result<Model, Rejected>,
) -> Verdict {
    let name = text::name(file.as_os_str());
    let (input, len) = if is_stdin(file) {
        (Input::reader(io::stdin()).named(STDIN), None)
    } else {
        // Looked at here, and again before it is read: a file that is not there is no matter of evidence.
        match std::fs::metadata(file) {
            Ok(metadata) => (Input::path(file), Some(metadata.len())),
            Err(error) => return failed(&name, &Error::Input(error.into()), terminal),
        }
    };
    let progress = Progress::new(terminal, name.clone(), len);
    let input = input.counting(progress.done());
    let result = match required.of(file) {
        Some(evidence) => airlock.examine(input, &evidence),
        None => without_evidence(airlock, input),
    };
    drop(progress);
    match result {
        Ok(model) => Verdict::Opened(model),
        Err(Rejected { error, report: Some(report), .. }) => Verdict::Refused(error, report),
        Err(Rejected { error, .. }) => failed(&name, &error, terminal),
    }
}

/// Says why there is no verdict.
fn failed(name: &str, error: &Error, terminal: &mut Terminal) -> Verdict {
    terminal.error(&format!("{name}: {} ({})", error.message(), error.code()));
    Verdict::Failed
}

/// A refusal in one line: code, place, sentence.
pub(crate) fn refusal(error: &Error) -> String {
    let offset = error.offset().map(|offset| format!(" at byte {offset:#x}")).unwrap_or_default();
    let path = error.path().filter(|path| !path.is_empty()).map(|path| format!(" ({path})")).unwrap_or_default();
    text::line(&format!("{}{offset}: {}{path}", error.code(), error.message()))
}

/// Says once, to whoever sits at the terminal, that nothing vouches for what is opened.
pub(crate) fn warn_unverified(terminal: &mut Terminal) {
    if io::IsTerminal::is_terminal(&io::stderr()) {
        terminal.remark("warning: opening without any evidence, since --unverified says so");
    }
}
