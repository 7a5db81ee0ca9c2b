//! Certificates and keys, what is signed with them, and the record of it.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub enum Audit {
    Verify {
        file: Option<PathBuf>,
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "custody"])]
        proof: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        custody: Option<PathBuf>,
        #[arg(long, value_name = "N", conflicts_with_all = ["file", "proof", "custody"])]
        from: Option<u64>,
        #[arg(long, value_name = "N", conflicts_with_all = ["file", "proof", "custody"])]
        to: Option<u64>,
        #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "proof", "custody", "from"])]
        since: Option<PathBuf>,
    },
    Export {
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[arg(long, value_name = "N")]
        from: Option<u64>,
        #[arg(long, value_name = "N")]
        to: Option<u64>,
        #[arg(long)]
        csv: bool,
    },
    Prove {
        n: u64,
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    Checkpoint {
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    Custody {
        credential: String,
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[arg(long)]
        html: bool,
    },
    Key,
}

#[derive(Subcommand, Debug)]
pub enum Certificate {
    Upload(Upload),
    List {
        #[arg(long, value_parser = ["active", "next", "replaced", "blocked", "destroyed"])]
        state: Option<String>,
        #[arg(long, value_parser = ["fiel", "csd", "ecf", "pa"])]
        kind: Option<String>,
    },
    History {
        #[arg(value_name = "CERTIFICATE")]
        certificate: String,
    },
    Activate {
        #[arg(value_name = "CERTIFICATE")]
        certificate: String,
    },
    Destroy {
        #[arg(value_name = "CERTIFICATE")]
        certificate: String,
    },
    Delegate {
        #[arg(value_name = "CERTIFICATE")]
        certificate: String,
        #[arg(long, value_name = "RNC")]
        rnc: String,
        #[arg(long)]
        end: bool,
    },
    Import {
        #[arg(value_name = "LIST")]
        list: PathBuf,
        #[arg(long)]
        dry_run: bool,
    },
}

/// A certificate to be let in.
#[derive(Args, Debug)]
pub struct Upload {
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "p12")]
    pub cer: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "cer", conflicts_with = "p12")]
    pub key: Option<PathBuf>,
    #[arg(long, value_name = "FILE", required_unless_present = "cer")]
    pub p12: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub password_file: PathBuf,
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[arg(long, value_name = "TAXPAYER")]
    pub taxpayer: Option<String>,
    #[arg(long, conflicts_with = "taxpayer")]
    pub register: bool,
    #[arg(long, value_name = "INSTANT")]
    pub activate_at: Option<String>,
    #[arg(long)]
    pub delegated: bool,
}

#[derive(Subcommand, Debug)]
pub enum Vault {
    Rotate {
        #[arg(long, conflicts_with_all = ["tenant_key", "signer_root"])]
        root: bool,
        #[arg(long, conflicts_with = "tenant_key")]
        signer_root: bool,
        #[arg(long)]
        tenant_key: bool,
        #[arg(long)]
        plan: bool,
    },
    Status,
    Inventory,
    Backup {
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
        #[arg(long, value_name = "ID")]
        credential: Option<String>,
    },
    Restore {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
        #[arg(long)]
        dry_run: bool,
        #[arg(long)]
        replace: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum Signer {
    Init {
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

/// Documents signed with a certificate that is kept here.
#[derive(Subcommand, Debug)]
pub enum Sign {
    Xml {
        #[arg(long, value_name = "TAXPAYER")]
        taxpayer: Option<String>,
        #[arg(long, default_value = "plain", value_parser = ["plain", "dgii"])]
        profile: String,
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Log {
        certificate: String,
    },
    Grants {
        #[command(subcommand)]
        command: Grants,
    },
}

#[derive(Subcommand, Debug)]
pub enum Grants {
    Add {
        #[arg(long, value_name = "ID")]
        principal: String,
        #[arg(long, value_name = "CERTIFICATE")]
        certificate: String,
        #[arg(long, value_parser = ["plain", "dgii"])]
        profile: String,
        #[arg(long, value_name = "INSTANT")]
        until: String,
        #[arg(long, value_name = "AMOUNT", requires = "currency")]
        max_amount: Option<String>,
        #[arg(long, value_name = "CURRENCY", requires = "max_amount")]
        currency: Option<String>,
    },
    List,
    Revoke {
        id: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Cert {
    Inspect {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        #[arg(long, value_name = "PATH")]
        trust: Option<PathBuf>,
        #[arg(long)]
        online: bool,
    },
}
