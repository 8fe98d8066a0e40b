//! The command `airlock`: what is in a Flux.jl model file, without trusting the file.
//!
//! Whatever a file says or is called, nothing of it reaches the terminal unescaped, a verdict on one file says nothing
//! about another, and no verdict is better than what was checked: what could not be done is exit status 2, what was refused is
//! 1, and only when every file was opened it is 0. The result alone goes to standard output.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used
    )
)]

mod args;
mod convert;
mod evidence;
mod examine;
mod inspect;
mod many;
mod pin;
mod policy;
mod progress;
mod registry;
mod sign;
mod table;
mod terminal;
mod text;
mod verify;

use std::process::ExitCode;

use args::{Action, Command};
use terminal::{Status, Terminal};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let command = match args::parse(&arguments) {
        Ok(command) => command,
        Err(answer) => return answer.print().into(),
    };
    let mut terminal = Terminal::new(&command.display);
    let status = match run(&command, &mut terminal) {
        Ok(status) => status,
        Err(failure) => terminal.fail(&failure),
    };
    terminal.finish(status).into()
}

fn run(command: &Command, terminal: &mut Terminal) -> Result<Status, terminal::Failure> {
    match &command.action {
        Action::Inspect(inspect) => inspect::run(inspect, terminal),
        Action::Verify(verify) => verify::run(verify, terminal),
        Action::Convert(convert) => convert::run(convert, terminal),
        Action::Pin(pin) => pin::run(pin, terminal),
        Action::Sign(sign) => sign::run(sign, terminal),
        Action::Policy(policy) => policy::run(policy, terminal),
        Action::Get(get) => registry::get(get, terminal),
        Action::Registry(action) => registry::run(action, terminal),
        Action::Completions { shell } => args::completions(*shell, terminal),
        Action::Man { command } => args::man(command.as_deref(), terminal),
    }
}
