//! `cert inspect`: what certificates and keys are, whose, until when, and which belong together.
//!
//! Whether an authority vouches for a certificate is told as far as authorities are known: those of `--trust`, else
//! the configured ones; whether it took it back is asked only with `--online`.
//!
//! One object a file with `--json`, in the order given. A key is only ever compared, never shown.

use super::pipe;
use crate::cli::Cert;
use crate::failure::Failure;
use crate::present::Screen;
use crate::{config, wiring};
use fedatario_app::trust::{Chain, Inquiry, Trust};
use fedatario_base::clock::SystemClock;
use fedatario_base::code::Exit;
use fedatario_base::{Clock, Code, Secret};
use fedatario_credentials::certificate::MAX_CERTIFICATE_BYTES;
use fedatario_credentials::key::MAX_KEY_BYTES;
use fedatario_credentials::pkcs12::MAX_PKCS12_BYTES;
use fedatario_credentials::revocation::State;
use fedatario_credentials::{Certificate, CredentialError, FileKind, IssuerStyle, Pair, PrivateKey};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs one of the commands.
pub async fn run(command: Cert, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Cert::Inspect { files, password_file, trust, online } => {
            let password = password_file.map(|it| config::password(&it)).transpose()?;
            let judge = Judge::new(trust.as_deref(), online)?;
            inspect(&files, password.as_ref(), &judge, screen).await
        }
    }
}

/// Who says whether a certificate can be relied on: the authorities given or configured, asked if that is wished.
struct Judge {
    trust: Trust,
    inquiry: Option<Inquiry>,
}

impl Judge {
    fn new(path: Option<&Path>, is_online: bool) -> Result<Self, Failure> {
        let trust = match path {
            Some(path) => {
                let found = Trust::new(wiring::authorities_at(path)?);
                found.map_err(|error| Failure::new(error.code(), format!("{}: {error}", path.display())))?
            }
            None => wiring::trust()?,
        };
        let inquiry = if is_online { Some(Inquiry::new(Arc::new(wiring::fetcher()?))) } else { None };
        Ok(Self { trust, inquiry })
    }

    /// The chain, and what the authority at its end says.
    async fn judge(&self, certificate: &Certificate) -> (Chain, Value) {
        let now = now();
        let chain = self.trust.chain(certificate, now);
        let unknown = |why: String| json!({ "state": "unknown", "why": why });
        let places = chain.issuer().and_then(|it| Some((it, self.trust.places_of(it)?)));
        let revocation = match (places, &self.inquiry) {
            (_, None) => unknown("not_asked".to_owned()),
            (None, _) => unknown("no_address".to_owned()),
            (Some((issuer, places)), Some(inquiry)) => match inquiry.ask(certificate, issuer, places, now).await {
                Err(problem) => unknown(problem),
                Ok((told, source)) => {
                    let until = told.next_update.to_string();
                    match told.state {
                        State::Good => json!({ "state": "good", "source": source, "valid_until": until }),
                        State::Revoked { at, reason } => {
                            json!({ "state": "revoked", "source": source, "revoked_at": at.to_string(), "reason": reason })
                        }
                    }
                }
            },
        };
        (chain, revocation)
    }
}

/// The instant that commands without a folder go by.
pub fn now() -> Timestamp {
    SystemClock::default().wall()
}

/// An instant as people write one: RFC 3339, or a day, which begins at midnight UTC.
pub fn instant(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let day = text.parse::<Date>().ok().and_then(|it| it.to_zoned(TimeZone::UTC).ok());
    day.map(|it| it.timestamp()).ok_or_else(|| Failure::new(Code::Usage, format!("{text}: neither an instant nor a day")))
}

/// Certificate and key from two files, or from one that holds both.
pub fn pair(cer: Option<&Path>, key: Option<&Path>, p12: Option<&Path>, password: &Secret) -> Result<Pair, Failure> {
    match (p12, cer, key) {
        (Some(p12), ..) => Ok(Pair::from_pkcs12(pipe::read_secret(p12, MAX_PKCS12_BYTES)?.expose(), password)?),
        (None, Some(cer), Some(key)) => {
            let cer = pipe::read(cer, MAX_CERTIFICATE_BYTES)?;
            Ok(Pair::from_files(&cer, pipe::read_secret(key, MAX_KEY_BYTES)?.expose(), password)?)
        }
        _ => Err(Failure::new(Code::Usage, "--cer and --key, or --p12")),
    }
}

/// What a file turned out to be.
enum Found {
    Certificate(Certificate),
    Key(PrivateKey),
    Pair(Pair),
    /// A key under a password that was not given.
    Closed(FileKind),
    Refused(CredentialError),
}

async fn inspect(files: &[PathBuf], password: Option<&Secret>, judge: &Judge, screen: &Screen) -> Result<Exit, Failure> {
    let mut all = Vec::new();
    for file in files {
        let bytes = pipe::read_secret(file, MAX_PKCS12_BYTES)?;
        all.push((file.display().to_string(), open(bytes.expose(), password)));
    }
    let mut worst = Exit::Good;
    for (file, found) in &all {
        worst = worse(worst, tell(file, found, &all, judge, screen).await);
    }
    Ok(worst)
}

/// Bad input outweighs a finding: it is the caller's to mend first.
fn worse(one: Exit, other: Exit) -> Exit {
    if other as u8 > one as u8 { other } else { one }
}

fn open(bytes: &[u8], password: Option<&Secret>) -> Found {
    let opened = match (FileKind::of(bytes), password) {
        (Some(kind), None) if kind.needs_password() => return Found::Closed(kind),
        (Some(FileKind::Certificate) | None, _) => Certificate::parse(bytes).map(Found::Certificate),
        (Some(FileKind::Pkcs12), Some(password)) => Pair::from_pkcs12(bytes, password).map(Found::Pair),
        (_, password) => {
            let none = Secret::new("");
            PrivateKey::open(bytes, password.unwrap_or(&none)).map(Found::Key)
        }
    };
    opened.unwrap_or_else(Found::Refused)
}

async fn tell(file: &str, found: &Found, all: &[(String, Found)], judge: &Judge, screen: &Screen) -> Exit {
    match found {
        Found::Certificate(certificate) => {
            let key = all.iter().find_map(|(name, it)| match it {
                Found::Key(key) if key.belongs_to(certificate) => Some(name.as_str()),
                _ => None,
            });
            tell_certificate((file, "certificate"), certificate, key, judge, screen).await
        }
        Found::Pair(pair) => tell_certificate((file, "pkcs12"), pair.certificate(), Some(file), judge, screen).await,
        Found::Key(key) => tell_key(file, key, all, screen),
        Found::Closed(kind) => {
            let kind = if *kind == FileKind::Pkcs12 { "pkcs12" } else { "key" };
            screen.say("cli-inspect-closed", &[("file", file.to_owned())]);
            screen.result(&json!({ "file": file, "type": kind, "encrypted": true, "opened": false }));
            Exit::Good
        }
        Found::Refused(error) => {
            let (slug, what) = (error.code().slug(), screen.text(error.code().slug(), &[]));
            let arguments =
                [("file", file.to_owned()), ("code", slug.to_owned()), ("what", what.clone()), ("detail", error.to_string())];
            screen.say("cli-inspect-refused", &arguments);
            screen.result(&json!({ "file": file, "error": { "code": slug, "title": what, "detail": error.to_string() } }));
            error.code().exit()
        }
    }
}

/// A certificate that no configured authority issued, or that its authority took back, is a finding.
async fn tell_certificate(
    (file, kind): (&str, &str),
    certificate: &Certificate,
    key: Option<&str>,
    judge: &Judge,
    screen: &Screen,
) -> Exit {
    let (chain, revocation) = judge.judge(certificate).await;
    let arguments = [
        ("file", file.to_owned()),
        ("kind", certificate.purpose().text().to_owned()),
        ("tax_id", certificate.tax_id().map_or("-".to_owned(), |it| it.number.clone())),
        ("name", certificate.name().to_owned()),
        ("number", certificate.number().to_owned()),
        ("from", certificate.not_before().to_string()),
        ("until", certificate.not_after().to_string()),
        ("issuer", certificate.issuer(IssuerStyle::Rfc4514)),
        ("key", key.unwrap_or("-").to_owned()),
    ];
    screen.say("cli-inspect-certificate", &arguments);
    let said = |what: &str| screen.text(&format!("cli-standing-{what}"), &[]);
    let state = revocation["state"].as_str().unwrap_or_default();
    let arguments = [("chain", said(&format!("chain-{}", chain.text()))), ("revocation", said(&format!("revocation-{state}")))];
    screen.say("cli-inspect-standing", &arguments);
    let is_bad = matches!(chain, Chain::Untrusted(_)) || state == "revoked";
    let mut told = of(certificate);
    told["file"] = json!(file);
    told["type"] = json!(kind);
    told["valid"] = json!(certificate.check_valid_at(now()).is_ok());
    told["key_match"] = json!(key);
    told["chain"] = chain_of(&chain);
    told["revocation"] = revocation;
    screen.result(&told);
    if is_bad { Exit::Finding } else { Exit::Good }
}

fn chain_of(chain: &Chain) -> Value {
    match chain {
        Chain::Trusted(path) => json!({ "state": "trusted", "path": path.iter().map(Certificate::subject).collect::<Vec<_>>() }),
        Chain::Untrusted(error) => json!({ "state": "untrusted", "reason": error.to_string() }),
        Chain::Unknown => json!({ "state": "unknown" }),
    }
}

/// A key that fits none of the certificates it was given with is a finding.
fn tell_key(file: &str, key: &PrivateKey, all: &[(String, Found)], screen: &Screen) -> Exit {
    let certificates = || {
        all.iter().filter_map(|(name, it)| match it {
            Found::Certificate(certificate) => Some((name.as_str(), certificate)),
            _ => None,
        })
    };
    let own = certificates().find(|it| key.belongs_to(it.1)).map(|it| it.0);
    let arguments = [("file", file.to_owned()), ("bits", key.bits().to_string()), ("key", own.unwrap_or("-").to_owned())];
    screen.say("cli-inspect-key", &arguments);
    let is_stray = own.is_none() && certificates().next().is_some();
    let code = is_stray.then_some(Code::KeyMismatch.slug());
    screen.result(&json!({
        "file": file, "type": "key", "opened": true, "key_bits": key.bits(), "key_match": own, "code": code,
    }));
    if is_stray { Exit::Finding } else { Exit::Good }
}

/// What a certificate says, for programs.
pub fn of(certificate: &Certificate) -> Value {
    let tax_id = certificate.tax_id();
    json!({
        "kind": certificate.purpose().text(),
        "tax_id": tax_id.map(|it| it.number.as_str()),
        "tax_id_kind": tax_id.map(|it| it.kind.text()),
        "tax_id_check_digits": tax_id.and_then(|it| it.check_digits.as_deref()),
        "name": certificate.name(),
        "representative_rfc": certificate.representative_rfc(),
        "curp": certificate.curp().filter(|_| tax_id.is_some_and(|it| it.kind.text() == "rfc")),
        "branch": certificate.branch(),
        "number": certificate.number(),
        "serial": certificate.serial_decimal(),
        "subject": certificate.subject(),
        "issuer": certificate.issuer(IssuerStyle::Rfc4514),
        "not_before": certificate.not_before().to_string(),
        "not_after": certificate.not_after().to_string(),
        "key_bits": certificate.key_bits(),
        "fingerprint": certificate.fingerprint_sha1(),
        "fingerprint_sha256": certificate.fingerprint_sha256().iter().map(|it| format!("{it:02x}")).collect::<String>(),
    })
}
