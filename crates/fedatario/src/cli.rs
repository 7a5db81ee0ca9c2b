//! The commands and their arguments. Help is taken from the catalogues, by the command's path.

use clap::{Args, CommandFactory, Parser, Subcommand};
use fedatario_base::text::{Language, say};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser, Debug)]
#[command(name = "fedatario", version)]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Debug, Clone)]
pub struct Globals {
    #[arg(long, global = true, env = "FEDATARIO_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[arg(long, global = true, env = "FEDATARIO_TENANT", value_name = "TENANT")]
    pub tenant: Option<String>,
    #[arg(long, global = true)]
    pub json: bool,
    #[arg(long, global = true, env = "FEDATARIO_LOG_JSON")]
    pub log_json: bool,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    Demo(Demo),
    Serve,
    Sat {
        #[command(subcommand)]
        command: Sat,
    },
    Sandbox {
        #[command(subcommand)]
        command: Sandbox,
    },
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    Vault {
        #[command(subcommand)]
        command: Vault,
    },
    Jobs {
        #[command(subcommand)]
        command: Jobs,
    },
    Schedule {
        #[command(subcommand)]
        command: Schedule,
    },
    Explain {
        slug: String,
    },
}

#[derive(Args, Debug)]
pub struct Demo {
    #[arg(long)]
    pub once: bool,
    #[arg(long, value_name = "DIR")]
    pub cfdi: Option<PathBuf>,
    #[arg(long)]
    pub year: Option<i16>,
    #[arg(long)]
    pub rfc: Option<String>,
    #[arg(long, value_name = "N", conflicts_with = "cfdi")]
    pub generate: Option<u64>,
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}

#[derive(Subcommand, Debug)]
pub enum Sat {
    Register {
        #[arg(long, value_name = "FILE")]
        cer: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        #[arg(long, value_name = "FILE", conflicts_with_all = ["cer", "key"])]
        p12: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    Auth {
        #[arg(long)]
        rfc: String,
    },
    Year {
        #[arg(long)]
        rfc: String,
        #[arg(long)]
        year: i16,
        #[arg(long, conflicts_with_all = ["received", "both"])]
        issued: bool,
        #[arg(long, conflicts_with = "both")]
        received: bool,
        #[arg(long)]
        both: bool,
        #[arg(long)]
        detach: bool,
    },
    Verify {
        #[arg(long)]
        rfc: String,
    },
    Download {
        #[arg(long)]
        rfc: String,
    },
    Import {
        #[arg(long)]
        rfc: String,
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<PathBuf>,
    },
    Status {
        #[arg(long)]
        rfc: Option<String>,
        #[arg(long)]
        year: Option<i16>,
    },
    Report {
        #[arg(long)]
        rfc: Option<String>,
        #[arg(long)]
        year: Option<i16>,
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
}

#[derive(Subcommand, Debug)]
pub enum Sandbox {
    Sat(SandboxSat),
}

#[derive(Args, Debug)]
pub struct SandboxSat {
    #[arg(long, default_value = "127.0.0.1:8180", value_name = "ADDR")]
    pub listen: String,
    #[arg(long, value_name = "DIR")]
    pub cfdi: Option<PathBuf>,
    #[arg(long, value_name = "N", conflicts_with = "cfdi")]
    pub generate: Option<u64>,
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    #[arg(long)]
    pub rfc: Option<String>,
    #[arg(long)]
    pub year: Option<i16>,
    #[arg(long, default_value = "filler", value_parser = ["filler", "real"])]
    pub seals: String,
    #[arg(long)]
    pub strict: bool,
    #[arg(long, value_name = "DIR")]
    pub trust: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub tls: Option<PathBuf>,
    #[arg(long, value_name = "DIR")]
    pub mint: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum Audit {
    Verify {
        file: Option<PathBuf>,
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    Export {
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    Key,
}

#[derive(Subcommand, Debug)]
pub enum Vault {
    Rotate {
        #[arg(long, conflicts_with = "tenant_key")]
        root: bool,
        #[arg(long)]
        tenant_key: bool,
    },
    Status,
}

#[derive(Subcommand, Debug)]
pub enum Jobs {
    List {
        #[arg(long, value_parser = ["ready", "running", "done", "dead", "cancelled"])]
        state: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    Retry {
        id: String,
    },
    Cancel {
        id: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Schedule {
    Set {
        #[arg(long)]
        rfc: String,
        #[arg(long, default_value = "0 23 * * * America/Mexico_City")]
        cron: String,
        #[arg(long)]
        off: bool,
    },
    List,
}

/// The whole command line with help in the reader's language.
pub fn command(language: Language) -> clap::Command {
    localised(Arguments::command(), language, "cli")
}

fn localised(command: clap::Command, language: Language, path: &str) -> clap::Command {
    let about = text(language, path);
    let mut command = command.mut_args(|it| {
        let own = text(language, &format!("{path}--{}", it.get_id()));
        let help = own.or_else(|| text(language, &format!("cli-any--{}", it.get_id())));
        match help {
            Some(help) => it.help(help),
            None => it,
        }
    });
    if let Some(about) = about {
        command = command.about(about);
    }
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path}-{name}");
        command = command.mut_subcommand(name, |it| localised(it, language, &path));
    }
    command
}

fn text(language: Language, key: &str) -> Option<String> {
    let key = key.replace('_', "-");
    let said = say(language, &key, &[]);
    (said != key).then_some(said)
}

/// Help and version are no failure; anything else is `usage`.
pub fn refuse(error: clap::Error, _language: Language) -> ExitCode {
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { fedatario_base::code::Exit::Usage as u8 } else { 0 })
}
