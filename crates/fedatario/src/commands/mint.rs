//! `sandbox mint`: certificates of a test authority of our own, for whoever tries things out.
//!
//! The authority of each country is made once and kept in a folder, which `FEDATARIO_TRUST` can name as it is:
//! its certificate beside its key, which protects nothing.

use super::cert;
use crate::cli::SandboxMint;
use crate::failure::Failure;
use crate::present::Screen;
use crate::{config, files};
use fedatario_base::code::Exit;
use fedatario_base::{Code, Secret};
use fedatario_credentials::mint::{Authority, Country, Minted, Person, Subject};
use fedatario_credentials::{Certificate, Kind};
use fedatario_fiscal::ruc::Ruc;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The password unless another is given: that of SAT's own test certificates.
const PASSWORD: &str = "12345678a";
/// A certificate is valid from an hour ago, so that clocks may differ.
const AGO: SignedDuration = SignedDuration::from_hours(1);
/// An authority is older than what it issues, so that certificates that have run out can be minted too: eight
/// years, of the twenty that it is valid.
const SINCE: SignedDuration = SignedDuration::from_hours(24 * 365 * 8);
/// Characters of a tax id that may stand in the name of a file.
const FILE_CHARS_AT_MOST: usize = 40;

/// Mints one.
pub fn run(asked: &SandboxMint, screen: &Screen) -> Result<Exit, Failure> {
    let password = match &asked.password_file {
        Some(file) => config::password(file)?,
        None => Secret::new(PASSWORD),
    };
    let now = cert::now();
    let from = asked.valid_from.as_deref().map(cert::instant).transpose()?.unwrap_or(now - AGO);
    let until = from + SignedDuration::from_hours(24 * i64::from(asked.valid_days));
    let kept = asked.authority.clone().unwrap_or_else(|| asked.out.join("authority"));
    let authority = authority(&kept, country(&asked.kind), now)?;
    let minted = mint(&authority, asked, from, until)?;
    let written = write(&minted, &authority, asked, &password)?;
    let certificate = Certificate::parse(&minted.cer_der)?;
    for path in &written {
        screen.say("cli-minted", &[("path", path.display().to_string())]);
    }
    screen.say("cli-minted-by", &[("dir", kept.display().to_string()), ("until", certificate.not_after().to_string())]);
    let mut told = cert::of(&certificate);
    told["files"] = json!(written);
    told["authority"] = json!(kept);
    screen.result(&told);
    Ok(Exit::Good)
}

fn country(kind: &str) -> Country {
    match kind {
        "ecf" => Country::DominicanRepublic,
        "pa" => Country::Panama,
        _ => Country::Mexico,
    }
}

/// The authority of a country that is kept in a folder; made if there is none yet.
fn authority(dir: &Path, country: Country, now: Timestamp) -> Result<Authority, Failure> {
    let (name, title) = match country {
        Country::Mexico => ("mx", "AC DE PRUEBA"),
        Country::DominicanRepublic => ("do", "AUTORIDAD DE PRUEBA DO"),
        Country::Panama => ("pa", "CA PANAMA CLASE 2 (PRUEBA)"),
    };
    let (certificate, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    if certificate.exists() {
        return Ok(Authority::load(&super::read(&certificate)?, &super::read(&key)?)?);
    }
    files::private_dir(dir)?;
    let made = Authority::generate_in(country, title, now - SINCE)?;
    files::write_private(&key, made.key_pem().expose())?;
    files::write_private(&certificate, made.certificate_pem().as_bytes())?;
    Ok(made)
}

fn mint(authority: &Authority, asked: &SandboxMint, from: Timestamp, until: Timestamp) -> Result<Minted, Failure> {
    let id = asked.tax_id.trim().to_uppercase();
    let (given, surname) = asked.name.trim().split_once(' ').unwrap_or((asked.name.trim(), "PRUEBA"));
    let (given_name, surname) = (given.to_owned(), surname.to_owned());
    let kind = match asked.kind.as_str() {
        "ecf" => {
            let person = Person::Dominican { document: id, given_name, surname };
            return Ok(authority.issue_to(&person, from, until)?);
        }
        "pa" => {
            let ruc: Ruc = id.parse().map_err(|_| Failure::new(Code::TaxIdFormat, format!("{id}: not a RUC")))?;
            let legal_name = asked.name.trim().to_owned();
            let (given_name, surname) = ("JUAN".to_owned(), "PRUEBA".to_owned());
            let dv = ruc.dv().unwrap_or_else(|| "00".to_owned());
            let person = Person::Panamanian { ruc: id, dv, legal_name, given_name, surname, cedula: "8-442-445".to_owned() };
            return Ok(authority.issue_to(&person, from, until)?);
        }
        "csd" => Kind::Csd,
        _ => Kind::Fiel,
    };
    let subject = Subject { rfc: id, representative_rfc: None, name: asked.name.trim().to_owned(), curp: None, branch: None };
    let number = format!("30001000000{:09}", from.as_second().rem_euclid(1_000_000_000));
    Ok(authority.issue(&subject, kind, &number, from, until)?)
}

/// The archive, and SAT's two files where SAT is meant.
fn write(minted: &Minted, authority: &Authority, asked: &SandboxMint, password: &Secret) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(&asked.out).map_err(|error| Failure::file(&asked.out, &error))?;
    let safe = |it: char| if it.is_ascii_alphanumeric() || it == '-' { it } else { '_' };
    let id: String = asked.tax_id.trim().chars().map(safe).take(FILE_CHARS_AT_MOST).collect();
    let at = |extension: &str| asked.out.join(format!("{}-{id}.{extension}", asked.kind));
    let mut written = vec![(at("p12"), minted.archive(&[authority.certificate()], asked.name.trim(), password)?)];
    if matches!(asked.kind.as_str(), "fiel" | "csd") {
        written.push((at("cer"), minted.cer_der.clone()));
        written.push((at("key"), minted.key_file(password)?));
    }
    if asked.password_file.is_none() {
        written.push((asked.out.join("password.txt"), password.expose().to_vec()));
    }
    for (path, bytes) in &written {
        files::write_private(path, bytes)?;
    }
    Ok(written.into_iter().map(|it| it.0).collect())
}
