//! The commands and their arguments. Help is taken from the catalogues, by the command's path.

mod books;
mod custody;
#[cfg(test)]
mod mapping;

pub use books::{Export, Filters, Query, Span, Summary};
pub use custody::{Audit, Cert, Certificate, Grants, Sign, Signer, Upload, Vault};

use crate::commands::sandbox::Knobs;
use crate::failure::Failure;
use crate::present::Screen;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use fedatario_base::Code;
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
    #[arg(long, global = true, env = "FEDATARIO_DATA", value_name = "DIR", value_parser = maybe_path())]
    pub data: Option<PathBuf>,
    #[arg(long, global = true, env = "FEDATARIO_TENANT", value_name = "TENANT")]
    pub tenant: Option<String>,
    #[arg(long, global = true)]
    pub json: bool,
    #[arg(long, global = true, env = "FEDATARIO_LOG_JSON")]
    pub log_json: bool,
}

impl Globals {
    /// The tenant that was named; an empty name is none.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref().filter(|it| !it.is_empty())
    }
}

/// A path that may be empty: a variable that is set to nothing is not set.
fn maybe_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// RFCs are written in capitals, however they were typed.
fn rfc(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.trim().to_uppercase())
}

#[derive(Subcommand, Debug)]
pub enum Command {
    Demo(Demo),
    Serve(Serve),
    Openapi,
    Sat {
        #[command(subcommand)]
        command: Box<Sat>,
    },
    Sandbox {
        #[command(subcommand)]
        command: Sandbox,
    },
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    Certificates {
        #[command(subcommand)]
        command: Certificate,
    },
    Vault {
        #[command(subcommand)]
        command: Vault,
    },
    Signer {
        #[command(subcommand)]
        command: Signer,
    },
    Jobs {
        #[command(subcommand)]
        command: Jobs,
    },
    Schedule {
        #[command(subcommand)]
        command: Schedule,
    },
    #[command(visible_alias = "tenants")]
    Tenant {
        #[command(subcommand)]
        command: Tenant,
    },
    Mail {
        #[command(subcommand)]
        command: Mail,
    },
    Users {
        #[command(subcommand)]
        command: Users,
    },
    ApiKeys {
        #[command(subcommand)]
        command: ApiKeys,
    },
    Sign {
        #[command(subcommand)]
        command: Sign,
    },
    Doctor(Doctor),
    OwnerLink,
    Migrate,
    Xml {
        #[command(subcommand)]
        command: Xml,
    },
    Cert {
        #[command(subcommand)]
        command: Cert,
    },
    Cfdi {
        #[command(subcommand)]
        command: Cfdi,
    },
    Explain {
        slug: String,
    },
}

/// What a process that serves does.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Api,
    Worker,
    Scheduler,
    Signer,
}

#[derive(Args, Debug)]
pub struct Serve {
    #[arg(long, alias = "role", value_enum, value_delimiter = ',', env = "FEDATARIO_ROLES", default_values = ["api", "worker", "scheduler"])]
    pub roles: Vec<Role>,
    #[arg(long, env = "FEDATARIO_LISTEN", value_name = "ADDRESS", default_value = crate::http::LISTEN)]
    pub listen: String,
    #[arg(long, env = "FEDATARIO_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<String>,
    #[arg(long, env = "FEDATARIO_SIGNER_LISTEN", value_name = "ADDRESS", default_value = crate::signer::LISTEN)]
    pub signer_listen: String,
}

#[derive(Args, Debug)]
pub struct Doctor {
    #[arg(long)]
    pub sat: bool,
}

#[derive(Args, Debug)]
pub struct Demo {
    #[arg(long)]
    pub once: bool,
    #[arg(long, value_name = "DIR")]
    pub cfdi: Option<PathBuf>,
    #[arg(long)]
    pub year: Option<i16>,
    #[arg(long, value_parser = rfc)]
    pub rfc: Option<String>,
    #[arg(long, value_name = "N", conflicts_with = "cfdi")]
    pub generate: Option<u64>,
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    #[arg(long, default_value = "filler", value_parser = ["filler", "real"], requires = "generate")]
    pub seals: String,
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
        #[arg(long)]
        daily: bool,
    },
    Auth {
        #[arg(long, value_parser = rfc)]
        rfc: String,
    },
    Year {
        #[arg(long, value_parser = rfc)]
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
        #[arg(long)]
        retry: bool,
        #[arg(long, default_value = "cfdi", value_parser = ["cfdi", "retenciones", "all"])]
        family: String,
    },
    Request(Box<SatRequest>),
    Plan(Box<SatRequest>),
    Verify {
        #[arg(long, value_parser = rfc)]
        rfc: String,
    },
    Download {
        #[arg(long, value_parser = rfc)]
        rfc: String,
    },
    Import {
        #[arg(long, value_parser = rfc)]
        rfc: String,
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<PathBuf>,
    },
    Status {
        #[arg(long, value_parser = rfc)]
        rfc: Option<String>,
        #[arg(long)]
        year: Option<i16>,
    },
    Query(Query),
    Export(Export),
    Summary(Summary),
    Report {
        #[arg(long, value_parser = rfc)]
        rfc: Option<String>,
        #[arg(long)]
        year: Option<i16>,
        #[arg(long, value_name = "FILE", conflicts_with_all = ["rfc", "year"])]
        check: Option<PathBuf>,
        #[arg(long, value_name = "KEY", requires = "check")]
        key: Option<String>,
        #[arg(long, value_parser = ["json", "csv", "html"], conflicts_with = "check")]
        format: Option<String>,
        #[arg(long, short, value_name = "FILE", requires = "format")]
        output: Option<PathBuf>,
        #[arg(long, default_value = "cfdi", value_parser = ["cfdi", "retenciones"])]
        family: String,
    },
    Check(Check),
    Efos {
        #[command(subcommand)]
        command: Efos,
    },
    Certificates {
        #[command(subcommand)]
        command: Certificates,
    },
}

#[derive(Args, Debug)]
pub struct Check {
    #[arg(long, value_parser = rfc, conflicts_with = "files")]
    pub rfc: Option<String>,
    #[arg(long, requires = "rfc", conflicts_with_all = ["from", "to"])]
    pub year: Option<i16>,
    #[arg(long, value_name = "DATE", requires = "rfc")]
    pub from: Option<jiff::civil::Date>,
    #[arg(long, value_name = "DATE", requires = "rfc")]
    pub to: Option<jiff::civil::Date>,
    #[arg(long = "uuid", value_name = "UUID", requires = "rfc")]
    pub uuids: Vec<String>,
    #[arg(long, requires = "rfc")]
    pub seals: bool,
    #[arg(long, requires = "rfc")]
    pub status: bool,
    #[arg(long, requires = "rfc")]
    pub efos: bool,
    #[arg(long)]
    pub fetch_certificates: bool,
    #[arg(long, requires = "rfc")]
    pub again: bool,
    #[arg(long, value_name = "DAYS", requires = "rfc")]
    pub stale_days: Option<u32>,
    #[arg(long, value_name = "FILE")]
    pub certificates: Vec<PathBuf>,
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum Efos {
    Load {
        #[arg(value_name = "SOURCE")]
        source: Option<String>,
    },
    List {
        #[arg(long, value_parser = rfc)]
        rfc: Option<String>,
    },
}

#[derive(Subcommand, Debug)]
pub enum Certificates {
    Load {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// One request as a person words it; `sat plan` takes the same and asks nothing.
#[derive(Args, Debug)]
pub struct SatRequest {
    #[arg(long, value_parser = rfc)]
    pub rfc: String,
    #[arg(long, conflicts_with_all = ["received", "folio"], required_unless_present_any = ["received", "folio"])]
    pub issued: bool,
    #[arg(long, conflicts_with = "folio")]
    pub received: bool,
    #[arg(long, value_name = "DATE", required_unless_present = "folio", conflicts_with = "folio")]
    pub from: Option<String>,
    #[arg(long, value_name = "DATE", required_unless_present = "folio", conflicts_with = "folio")]
    pub to: Option<String>,
    #[arg(long, conflicts_with_all = ["metadata", "folio"])]
    pub cfdi: bool,
    #[arg(long, conflicts_with = "folio")]
    pub metadata: bool,
    #[arg(long, default_value = "cfdi", value_parser = ["cfdi", "retenciones"])]
    pub family: String,
    #[arg(long, value_name = "TYPE", ignore_case = true, value_parser = ["I", "E", "T", "N", "P"], conflicts_with = "folio")]
    pub r#type: Option<String>,
    #[arg(long, value_parser = ["vigente", "cancelado", "todos"], conflicts_with = "folio")]
    pub estado: Option<String>,
    #[arg(long, value_name = "NAME", conflicts_with = "folio")]
    pub complement: Option<String>,
    #[arg(long, value_name = "RFC", value_parser = rfc, conflicts_with = "folio")]
    pub counterparty: Vec<String>,
    #[arg(long, value_name = "RFC", value_parser = rfc, conflicts_with = "folio")]
    pub third_party: Option<String>,
    #[arg(long, value_name = "UUID")]
    pub folio: Vec<String>,
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long)]
    pub detach: bool,
    #[arg(long, visible_alias = "split")]
    pub yes: bool,
    #[arg(long)]
    pub again: bool,
}

#[derive(Subcommand, Debug)]
pub enum Sandbox {
    Sat(Box<SandboxSat>),
    Mint(Box<SandboxMint>),
}

#[derive(Args, Debug)]
pub struct SandboxMint {
    #[arg(long, value_parser = ["fiel", "csd", "ecf", "pa"])]
    pub kind: String,
    #[arg(long, value_name = "ID")]
    pub tax_id: String,
    #[arg(long)]
    pub name: String,
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[arg(long, value_name = "DIR")]
    pub authority: Option<PathBuf>,
    #[arg(long, value_name = "DATE")]
    pub valid_from: Option<String>,
    #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u16).range(1..=3650), value_name = "N")]
    pub valid_days: u16,
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
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
    #[arg(long, value_parser = rfc)]
    pub rfc: Option<String>,
    #[arg(long)]
    pub year: Option<i16>,
    #[arg(long, default_value = "filler", value_parser = ["filler", "real"])]
    pub seals: String,
    #[command(flatten)]
    pub knobs: Knobs,
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
        #[arg(long, value_parser = rfc, required_unless_present = "all")]
        rfc: Option<String>,
        #[arg(long, conflicts_with = "rfc")]
        all: bool,
        #[arg(long, default_value = fedatario_app::descarga::nightly::DAILY)]
        cron: String,
        #[arg(long)]
        exact: bool,
        #[arg(long, default_value = "cfdi", value_parser = ["cfdi", "retenciones", "all"])]
        family: String,
        #[arg(long, value_name = "N", default_value_t = fedatario_app::descarga::recheck::MONTHS,
            value_parser = clap::value_parser!(u32).range(0..=i64::from(fedatario_app::descarga::recheck::MONTHS_AT_MOST)))]
        months: u32,
        #[arg(long)]
        no_recheck: bool,
        #[arg(long)]
        off: bool,
    },
    Off {
        #[arg(long, value_parser = rfc, required_unless_present = "all")]
        rfc: Option<String>,
        #[arg(long, conflicts_with = "rfc")]
        all: bool,
    },
    List,
}

#[derive(Subcommand, Debug)]
pub enum Tenant {
    Add {
        name: String,
    },
    List,
    Suspend {
        name: String,
        #[arg(long)]
        reason: String,
    },
    Resume {
        name: String,
    },
    Hold {
        name: String,
        #[arg(long)]
        reason: String,
    },
    Release {
        name: String,
    },
    Export {
        name: String,
        #[arg(long, short, value_name = "DIR")]
        output: PathBuf,
    },
    Delete {
        name: String,
        #[arg(long)]
        reason: String,
    },
    ConfirmDelete {
        name: String,
    },
    CancelDelete {
        name: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Mail {
    Test { to: String },
}

#[derive(Subcommand, Debug)]
pub enum Users {
    List,
    Disable {
        who: String,
    },
    Enable {
        who: String,
    },
    Unlock {
        who: String,
    },
    Logout {
        who: String,
    },
    Recover {
        who: String,
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum ApiKeys {
    Make {
        name: String,
        #[arg(long)]
        test: bool,
        #[arg(long = "scope", value_name = "PERMISSION", required = true)]
        scopes: Vec<String>,
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<String>,
        #[arg(long, value_name = "N")]
        calls_a_minute: Option<u32>,
        #[arg(long, value_name = "DAYS")]
        days: Option<i64>,
    },
    List,
    Rotate {
        id: String,
        #[arg(long, value_name = "HOURS")]
        overlap_hours: Option<i64>,
    },
    Revoke {
        id: String,
    },
}

/// Filters for a pipe: they read a file, or standard input for `-`, and need neither folder nor account.
#[derive(Subcommand, Debug)]
pub enum Xml {
    C14n {
        #[arg(long)]
        exclusive: bool,
        #[arg(long)]
        comments: bool,
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Sign {
        #[arg(long, value_name = "FILE", required_unless_present = "p12", requires = "key")]
        cer: Option<PathBuf>,
        #[arg(long, value_name = "FILE", requires = "cer")]
        key: Option<PathBuf>,
        #[arg(long, value_name = "FILE", conflicts_with_all = ["cer", "key"])]
        p12: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        #[arg(long, default_value = "plain", value_parser = ["plain", "dgii"])]
        profile: String,
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Verify {
        #[arg(long, value_name = "PEM")]
        ca: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = Expected::Plain)]
        profile: Expected,
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Which signature is expected of a document.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub enum Expected {
    Plain,
    Dgii,
    SatToken,
    SatRequest,
}

impl Expected {
    /// As it is written in the shell.
    pub fn text(self) -> String {
        self.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default()
    }
}

#[derive(Subcommand, Debug)]
pub enum Cfdi {
    Json {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Where what every command takes stands in its help.
const GLOBALS_LAST: usize = 900;

/// The whole command line with help in the reader's language.
pub fn command(language: Language) -> clap::Command {
    let mut command = Arguments::command();
    command.build(); // From here on clap's own arguments and usages are there to be translated.
    localised(command, language, "cli")
}

fn localised(command: clap::Command, language: Language, path: &str) -> clap::Command {
    let mut command = command.mut_args(|it| argument(it, language, path));
    let own = text(language, path);
    let inherited = || path.ends_with("-help").then(|| text(language, "cli-any-help")).flatten();
    if let Some(about) = own.or_else(inherited) {
        command = command.about(about);
    }
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path}-{name}");
        command = command.mut_subcommand(name, |it| localised(it, language, &path));
    }
    headed(command, language)
}

/// The help of an argument, with what clap would say of its values in English only.
fn argument(argument: clap::Arg, language: Language, path: &str) -> clap::Arg {
    let id = argument.get_id().to_string();
    let own = text(language, &format!("{path}--{id}"));
    let Some(mut help) = own.or_else(|| text(language, &format!("cli-any--{id}"))) else { return argument };
    let join = |all: Vec<String>| all.join(", ");
    let values = argument.get_possible_values().iter().map(|it| it.get_name().to_owned()).collect::<Vec<_>>();
    let defaults = argument.get_default_values().iter().map(|it| it.to_string_lossy().into_owned()).collect::<Vec<_>>();
    for (key, said) in [("cli-help-values", values), ("cli-help-default", defaults)] {
        if argument.get_action().takes_values() && !said.is_empty() {
            help = format!("{help} {}", say(language, key, &[("values", join(said))]));
        }
    }
    let heading = if argument.is_positional() { "cli-help-arguments" } else { "cli-help-options" };
    let argument =
        argument.help(help).help_heading(say(language, heading, &[])).hide_possible_values(true).hide_default_value(true);
    if argument.is_global_set() { argument.display_order(GLOBALS_LAST) } else { argument }
}

/// The words around the help: headings and the line of usage.
fn headed(mut command: clap::Command, language: Language) -> clap::Command {
    let word = |key: &str| say(language, key, &[]);
    let usage = command.render_usage().to_string();
    let usage =
        usage.trim_start_matches("Usage:").trim().replace("[OPTIONS]", &format!("[{}]", word("cli-help-options").to_uppercase()));
    let usage = usage.replace("<COMMAND>", &format!("<{}>", word("cli-help-command")));
    let template = format!("{{about-with-newline}}\n{}: {{usage}}\n\n{{all-args}}{{after-help}}", word("cli-help-usage"));
    command.override_usage(usage).help_template(template).subcommand_help_heading(word("cli-help-commands"))
}

fn text(language: Language, key: &str) -> Option<String> {
    let key = key.replace('_', "-");
    let said = say(language, &key, &[]);
    (said != key).then_some(said)
}

/// Help and version are no failure; anything else is `usage`, told as every other error is.
pub fn refuse(error: clap::Error, language: Language) -> ExitCode {
    let asked = |it: &std::ffi::OsStr| it == "--json";
    let json = std::env::args_os().take_while(|it| it != "--").any(|it| asked(&it));
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || (is_help && !json) {
        let _ = error.print();
        return ExitCode::from(if is_help { fedatario_base::code::Exit::Usage as u8 } else { 0 });
    }
    Screen::new(language, json).fail(&Failure::new(Code::Usage, crate::usage::said(&error, language)))
}
