//! The commands, one module each.

mod audit;
mod books;
mod cert;
mod certificates;
mod cfdi;
mod check;
mod demo;
mod doctor;
mod explain;
mod jobs;
mod keys;
mod mail;
mod migrate;
mod mint;
mod openapi;
mod owner_link;
mod pipe;
mod request;
mod revision;
pub mod sandbox;
mod sat;
pub mod schedule;
mod serve;
mod sign;
mod signer;
mod tenant;
pub mod tokens;
mod users;
mod vault;
mod xml;
mod year;

pub use sat::read;

use crate::cli::{Arguments, Command};
use crate::failure::Failure;
use crate::present::Screen;
use fedatario_base::code::Exit;

/// Runs the command.
pub async fn run(arguments: Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let globals = &arguments.globals;
    match arguments.command {
        Command::Demo(demo) => demo::run(globals, demo, screen).await,
        Command::Serve(serve) => serve::run(globals, serve, screen).await,
        Command::Openapi => openapi::run(),
        Command::Sat { command } => sat::run(globals, *command, screen).await,
        Command::Sandbox { command } => sandbox::run(command, screen).await,
        Command::Audit { command } => audit::run(globals, command, screen).await,
        Command::Certificates { command } => certificates::run(globals, command, screen).await,
        Command::Vault { command } => vault::run(globals, command, screen).await,
        Command::Signer { command } => signer::run(command, screen),
        Command::Jobs { command } => jobs::run(globals, command, screen).await,
        Command::Schedule { command } => schedule::run(globals, command, screen).await,
        Command::Tenant { command } => tenant::run(globals, command, screen).await,
        Command::Mail { command } => mail::run(globals, command, screen).await,
        Command::Users { command } => users::run(globals, command, screen).await,
        Command::ApiKeys { command } => keys::run(globals, command, screen).await,
        Command::Sign { command } => sign::run(globals, command, screen).await,
        Command::OwnerLink => owner_link::run(globals, screen).await,
        Command::Migrate => migrate::run(globals, screen).await,
        Command::Doctor(doctor) => doctor::run(globals, doctor, screen).await,
        Command::Xml { command } => xml::run(command, screen),
        Command::Cert { command } => cert::run(command, screen).await,
        Command::Cfdi { command } => cfdi::run(command, screen),
        Command::Explain { slug } => explain::run(&slug, screen),
    }
}
