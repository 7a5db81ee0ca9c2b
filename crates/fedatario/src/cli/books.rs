//! The arguments of what finds documents again.

use super::rfc;
use clap::Args;
use std::path::PathBuf;

/// Days, in one of the ways that people name them.
#[derive(Args, Debug, Clone)]
pub struct Span {
    #[arg(long, conflicts_with_all = ["period", "from", "to"])]
    pub year: Option<i16>,
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["from", "to"])]
    pub period: Option<String>,
    #[arg(long, value_name = "DATE", requires = "to")]
    pub from: Option<String>,
    #[arg(long, value_name = "DATE", requires = "from")]
    pub to: Option<String>,
}

#[derive(Args, Debug, Clone)]
pub struct Filters {
    #[arg(long, value_parser = rfc)]
    pub rfc: String,
    #[command(flatten)]
    pub span: Span,
    #[arg(long, value_parser = ["issued", "received"])]
    pub role: Option<String>,
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',')]
    pub types: Vec<String>,
    #[arg(long, value_parser = rfc)]
    pub counterparty: Option<String>,
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub min: Option<String>,
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub max: Option<String>,
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    #[arg(long, value_delimiter = ',')]
    pub status: Vec<String>,
    #[arg(long, value_name = "NAME")]
    pub complement: Option<String>,
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub text: Option<String>,
    #[arg(long, value_name = "UUID")]
    pub uuid: Option<String>,
}

#[derive(Args, Debug)]
pub struct Query {
    #[command(flatten)]
    pub filters: Filters,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    pub filters: Filters,
    #[arg(long, value_parser = ["csv", "ndjson", "xlsx", "parquet", "zip"])]
    pub format: String,
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    #[arg(long, value_name = "CHAR", default_value = ",")]
    pub separator: String,
    #[arg(long)]
    pub bom: bool,
    #[arg(long)]
    pub flat: bool,
}

#[derive(Args, Debug)]
pub struct Summary {
    #[arg(long, value_parser = rfc)]
    pub rfc: String,
    #[command(flatten)]
    pub span: Span,
    #[arg(long, value_name = "FIGURE", conflicts_with_all = ["format", "output"])]
    pub explain: Option<String>,
    #[arg(long, value_parser = ["json", "csv", "html"])]
    pub format: Option<String>,
    #[arg(long, short, value_name = "FILE", requires = "format")]
    pub output: Option<PathBuf>,
}
