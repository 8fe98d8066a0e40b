//! `airlock policy`: what may be opened here, in sentences; and the policy that the other commands are under.

use std::io;
use std::path::Path;

use flux_airlock::{Airlock, AirlockBuilder, Input, Policy, PolicyError, Rejected, Source, TypeMap};

use crate::args::{EvidenceArgs, LimitArgs, PolicyAction, TypesArgs};
use crate::evidence::{self, Need, Required, is_stdin};
use crate::examine::{self, STDIN};
use crate::terminal::{Failure, Status, Terminal, Tone};
use crate::text;

pub(crate) fn run(action: &PolicyAction, terminal: &mut Terminal) -> Result<Status, Failure> {
    match action {
        PolicyAction::Check { policy, files } => check(policy.as_deref(), files, terminal),
        PolicyAction::Explain { evidence, file } => explain(evidence, file, terminal),
    }
}

/// The policy that holds for this process: the one that was named, else the user's, else the system's, and whatever the
/// folders from here upwards forbid.
pub(crate) fn find(named: Option<&Path>) -> Result<Option<Policy>, Failure> {
    Policy::here(named).map_err(|error| unusable(&error))
}

/// An airlock under these limits and the policy that holds here, that knows these types.
pub(crate) fn airlock(limits: &LimitArgs, types: &TypesArgs, named: Option<&Path>) -> Result<Airlock, Failure> {
    let types = match &types.file {
        None => TypeMap::default(),
        Some(path) => TypeMap::read(path)
            .map_err(|error| Failure::new(format!("{}: {error} ({})", text::name(path.as_ref()), error.code())))?,
    };
    let builder = Airlock::builder().limits(limits.to_limits()?).types(types);
    under(find(named)?, builder)
}

/// An airlock under this policy.
pub(crate) fn under(policy: Option<Policy>, builder: AirlockBuilder) -> Result<Airlock, Failure> {
    let builder = match policy {
        Some(policy) => builder.policy(policy),
        None => builder,
    };
    builder.build().map_err(|error| Failure::new(format!("{error} ({})", error.code())))
}

fn unusable(error: &PolicyError) -> Failure {
    Failure::new(format!("{error}; nothing is opened until it can be used ({})", error.code()))
}

/// The policy as sentences, then the rule for each file.
fn check(named: Option<&Path>, files: &[String], terminal: &mut Terminal) -> Result<Status, Failure> {
    let Some(policy) = find(named)? else {
        terminal.line("there is no policy: whatever has evidence that holds is opened")?;
        return Ok(Status::Opened);
    };
    for sentence in policy.sentences() {
        terminal.line(text::line(&sentence))?;
    }
    let mut status = Status::Opened;
    for file in files {
        let name = text::name(file.as_ref());
        let source = if file == STDIN {
            Ok(Source::memory())
        } else if file.contains("://") {
            Source::parse(file).map_err(|error| format!("{error} ({})", error.code()))
        } else {
            Source::of_file(file.as_ref()).map_err(|error| error.to_string())
        };
        let source = match source {
            Ok(source) => source,
            Err(sentence) => {
                status = Status::Failed;
                terminal.error(&format!("{name}: {sentence}"));
                continue;
            }
        };
        let allowed = policy.check_source(&source);
        let word = match &allowed {
            Ok(()) => terminal.paint(Tone::Good, "LISTED"),
            Err(_) => terminal.paint(Tone::Bad, "REFUSED"),
        };
        terminal.line(format!("{word} {name}"))?;
        for sentence in policy.rules_for(&source) {
            terminal.line(format!("  {}", text::line(&sentence)))?;
        }
        if let Err(denied) = allowed {
            status = status.max(Status::Refused);
            terminal.line(format!("  {}", text::line(&format!("{}: {denied}", denied.code()))))?;
        }
    }
    Ok(status)
}

/// Why a file would be opened, or is refused. It is verified and not decoded.
fn explain(args: &EvidenceArgs, file: &Path, terminal: &mut Terminal) -> Result<Status, Failure> {
    let required = Required::new(args, &[file.to_owned()], Need::IfAny)?;
    let airlock = under(find(args.policy.as_deref())?, Airlock::builder())?;
    let input = if is_stdin(file) { Input::reader(io::stdin()).named(STDIN) } else { Input::path(file) };
    let name = text::name(file.as_os_str());
    match airlock.judge(input, &required.of(file).unwrap_or_default()) {
        Ok((held, met)) => {
            terminal.line(format!("{} {name}", terminal.paint(Tone::Good, "ALLOWED")))?;
            for entry in &held {
                terminal.line(format!("  {}", evidence::held(entry)))?;
            }
            for rule in &met {
                let line = rule.line.map(|line| format!(", line {line}")).unwrap_or_default();
                let origin = text::name(rule.origin.as_os_str());
                terminal.line(format!("  {}", text::line(&format!("{origin}{line}: {}", rule.sentence))))?;
            }
            Ok(Status::Opened)
        }
        Err(Rejected { error, report: Some(_), .. }) => {
            let refused = terminal.paint(Tone::Bad, "REFUSED");
            terminal.line(format!("{refused} {name} {}", examine::refusal(&error)))?;
            Ok(Status::Refused)
        }
        Err(Rejected { error, .. }) => Err(Failure::new(format!("{name}: {} ({})", error.message(), error.code()))),
    }
}
