//! `airlock verify`: one line for each file, and nothing else.

use flux_airlock::Model;

use crate::args::Verify;
use crate::evidence::{self, Need, Required};
use crate::examine::{self, Verdict};
use crate::terminal::{Failure, Status, Terminal, Tone};
use crate::{inspect, many, policy, text};

pub(crate) fn run(args: &Verify, terminal: &mut Terminal) -> Result<Status, Failure> {
    let required = Required::new(&args.evidence, &args.files, Need::Yes)?;
    let airlock = policy::airlock(&args.limits, &args.types, args.evidence.policy.as_deref())?;
    if args.evidence.unverified {
        examine::warn_unverified(terminal);
    }
    let only = args.files.len() == 1;
    many::each(&args.files, terminal, |file, terminal| {
        let verdict = examine::examine(&airlock, file, &required, terminal);
        if args.json {
            inspect::json(&verdict, only, terminal)?;
        } else {
            let name = text::name(file.as_os_str());
            match &verdict {
                Verdict::Opened(model) => {
                    let line = format!("{} {name} {}", terminal.paint(Tone::Good, "OK"), summary(model));
                    terminal.line(line)?;
                }
                Verdict::Refused(error, _) => {
                    let refused = terminal.paint(Tone::Bad, "REFUSED");
                    terminal.line(format!("{refused} {name} {}", examine::refusal(error)))?;
                }
                Verdict::Failed => {}
            }
            if let (true, Verdict::Opened(model)) = (terminal.verbose, &verdict) {
                let sandbox = inspect::sandbox(&model.sandbox());
                terminal.remark(&format!("{name}: {sandbox}"));
                evidence::remark(model, terminal);
            }
        }
        Ok(verdict.status())
    })
}

/// The digest, how many arrays there are, and what vouches for them.
fn summary(model: &Model) -> String {
    let digest = model.file().sha256.as_deref().unwrap_or_default();
    let arrays = text::count(model.tensors().count(), "array", "arrays");
    let unverified = if model.evidence().is_empty() { ", unverified" } else { "" };
    format!("sha256:{digest} {arrays}{unverified}")
}
