//! The binary: configuration, wiring, commands.
//!
//! Long, flat and dull: everything is built here and handed to the services. Exit codes: 0 good,
//! 1 a finding, 2 bad input or usage, 3 refused by the authority, 4 try later.

mod claim;
mod cli;
mod commands;
mod config;
#[cfg(feature = "crash-points")]
mod crash;
mod failure;
mod files;
mod house;
mod http;
mod hygiene;
mod identity;
mod locks;
mod logging;
mod pins;
mod present;
mod roots;
mod signals;
mod signer;
mod usage;
mod wiring;

use clap::FromArgMatches;
use failure::Failure;
use fedatario_app::called::{self, Called};
use fedatario_base::Clock;
use fedatario_base::clock::SystemClock;
use fedatario_base::id::By;
use fedatario_base::id::CommandId;
use present::Screen;
use std::process::ExitCode;

fn main() -> ExitCode {
    let language = config::language();
    let matches = match cli::command(language).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return cli::refuse(error, language),
    };
    let arguments = match cli::Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return cli::refuse(error, language),
    };
    logging::begin(&arguments);
    let screen = Screen::new(language, arguments.globals.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(called::within(command(), commands::run(arguments, &screen))),
        Err(error) => Err(Failure::internal(format!("no runtime: {error}"))),
    };
    match done {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => screen.fail(&failure),
    }
}

/// What the entries of this command name it: whatever it does is found together.
fn command() -> Called {
    let id = CommandId::fresh(SystemClock::default().wall());
    tracing::debug!(command = %id, "begun");
    Called::inside(By::Command(id))
}
