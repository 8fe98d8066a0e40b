//! What the command says, and where: the result on standard output, everything else on standard error.
//!
//! A pipe that nobody reads any more ends the work quietly. It ends with status 2 all the same: what was not looked at is
//! not opened.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Stdout, Write};
use std::process::ExitCode;

use crate::args::Display;
use crate::text;

/// How it went, the worse the greater.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Status {
    /// Everything was opened.
    Opened,
    /// Something was refused.
    Refused,
    /// Something could not be done.
    Failed,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Opened => 0,
            Status::Refused => 1,
            Status::Failed => 2,
        })
    }
}

/// Why the command ends before its work is done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads the output.
    BrokenPipe,
    /// This sentence says it.
    Sentence(String),
}

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self::Sentence(sentence.into())
    }

    /// The command was not called as it must be.
    pub(crate) fn usage(sentence: impl fmt::Display) -> Self {
        Self::Sentence(format!("{sentence} (see airlock --help)"))
    }
}

/// Only the standard output's errors come this way.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Sentence(format!("standard output cannot be written: {error}")),
        }
    }
}

/// How a word is set off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Bad,
    Dim,
    Doubtful,
    Good,
    Heading,
}

/// The two outputs.
pub(crate) struct Terminal {
    out: Out,
    pub(crate) verbose: bool,
    pub(crate) quiet: bool,
    color: bool,
}

/// Where the outputs go.
enum Out {
    Direct {
        out: BufWriter<Stdout>,
        /// Was a block of lines begun?
        has_blocks: bool,
    },
    /// They are kept, to be given out later.
    Kept(Record),
}

/// What was said, in order.
#[derive(Default)]
pub(crate) struct Record(Vec<Said>);

enum Said {
    /// A block of lines begins.
    Block,
    Error(String),
    Out(Vec<u8>),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct { out, .. } => out.write(bytes),
            Self::Kept(Record(said)) => {
                match said.last_mut() {
                    Some(Said::Out(before)) => before.extend_from_slice(bytes),
                    _ => said.push(Said::Out(bytes.to_vec())),
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Direct { out, .. } => out.flush(),
            Self::Kept(_) => Ok(()),
        }
    }
}

impl Terminal {
    pub(crate) fn new(display: &Display) -> Self {
        let out = io::stdout();
        let color = display.color.is_used(out.is_terminal());
        let out = Out::Direct { out: BufWriter::with_capacity(BUFFER_BYTES, out), has_blocks: false };
        Self { out, verbose: display.verbose, quiet: display.quiet, color }
    }

    /// One that says the same and keeps it: see [`Terminal::replay`].
    pub(crate) fn recorder(&self) -> Self {
        let &Self { verbose, quiet, color, .. } = self;
        Self { out: Out::Kept(Record::default()), verbose, quiet, color }
    }

    /// What was kept so far.
    pub(crate) fn take_record(&mut self) -> Record {
        match &mut self.out {
            Out::Direct { .. } => Record::default(),
            Out::Kept(record) => std::mem::take(record),
        }
    }

    /// Says what another one has kept.
    pub(crate) fn replay(&mut self, Record(said): Record) -> Result<(), Failure> {
        for said in said {
            match said {
                Said::Block => self.block()?,
                Said::Error(line) => self.say(line),
                Said::Out(bytes) => self.write(&bytes)?,
            }
        }
        Ok(())
    }

    /// Is what is said kept?
    pub(crate) fn is_recorder(&self) -> bool {
        matches!(self.out, Out::Kept(_))
    }

    /// Is the standard output a terminal?
    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Begins a block of lines, which an empty line separates from the one before.
    pub(crate) fn block(&mut self) -> Result<(), Failure> {
        match &mut self.out {
            Out::Direct { out, has_blocks } => {
                if std::mem::replace(has_blocks, true) {
                    writeln!(out)?;
                }
            }
            Out::Kept(Record(said)) => said.push(Said::Block),
        }
        Ok(())
    }

    /// How many columns the standard output has; as many as you like where it is no terminal.
    pub(crate) fn columns() -> usize {
        let size = Self::is_terminal().then(|| console::Term::stdout().size_checked()).flatten();
        size.map_or(usize::MAX, |(_, columns)| columns.into())
    }

    /// The standard output.
    pub(crate) fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Writes a part of the result.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes a line of the result.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// Gives out what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }

    /// The text in this tone, if there are colours.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        self.painter(tone)(text)
    }

    /// Sets texts in this tone, if there are colours.
    pub(crate) fn painter(&self, tone: Tone) -> impl Fn(&str) -> String + use<> {
        let code = match tone {
            Tone::Bad => "1;31",
            Tone::Dim => "2",
            Tone::Doubtful => "33",
            Tone::Good => "32",
            Tone::Heading => "1",
        };
        let color = self.color;
        move |text| if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Says what went wrong. Names in it are escaped already; what the system says is escaped here.
    pub(crate) fn error(&mut self, sentence: &str) {
        self.say(format!("airlock: {}", text::line(sentence)));
    }

    fn say(&mut self, line: String) {
        match &mut self.out {
            Out::Direct { out, .. } => {
                // There is nobody else to tell.
                let _ = out.flush();
                let _ = writeln!(io::stderr().lock(), "{line}");
            }
            Out::Kept(Record(said)) => said.push(Said::Error(line)),
        }
    }

    /// Says something that is no result and no error, unless nobody wants to hear it.
    pub(crate) fn remark(&mut self, sentence: &str) {
        if !self.quiet {
            self.error(sentence);
        }
    }

    /// Says why the command ends.
    pub(crate) fn fail(&mut self, failure: &Failure) -> Status {
        if let Failure::Sentence(sentence) = failure {
            self.error(sentence);
        }
        Status::Failed
    }

    /// Ends the work.
    pub(crate) fn finish(mut self, status: Status) -> Status {
        match self.flush() {
            Ok(()) => status,
            Err(failure) => {
                // It would be tried once more otherwise.
                let status = self.fail(&failure);
                if let Out::Direct { out, .. } = self.out {
                    let _ = out.into_parts();
                }
                status
            }
        }
    }
}

const BUFFER_BYTES: usize = 64 << 10;
