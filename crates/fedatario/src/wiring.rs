//! Which part gets which other part. Flat and dull.

use crate::config;
use crate::failure::Failure;
use fedatario_app::Settings;
use fedatario_app::engine::{TokioPause, VaultSealer};
use fedatario_app::model::{Environment, Family};
use fedatario_app::ports::{Blobs, System};
use fedatario_app::revision::certificates::Authorities;
use fedatario_app::trust::{Places, Trust};
use fedatario_base::clock::SystemClock;
use fedatario_base::{Clock, Code, SystemScope};
use fedatario_blobs::{Folder, S3, S3Config, S3Keys};
use fedatario_credentials::Certificate;
use fedatario_mailer::Mailer;
use fedatario_sat::{
    Addresses, CounterSettings, Endpoints, Form, PublicAddresses, PublicDoor, PublicEndpoints, SatClient, SatCounter, Timeouts,
};
use fedatario_store::Db;
use fedatario_upstream::{Ports, RandomJitter, Rate, Rates};
use fedatario_vault::Vault;
use fedatario_webhooks::{HttpCourier, HttpFetcher, Networks, SystemResolver};
use jiff::SignedDuration;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The setting that holds the address of the simulator that this folder was made with.
pub const SAT_URL_SETTING: &str = "sat_url";
/// The setting that holds how far the service clock runs ahead, in seconds.
pub const OFFSET_SETTING: &str = "clock_offset_s";
/// A simulator answers at once; whoever dies in a login blocks the next for little more than this.
const SANDBOX_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    login: Duration::from_secs(2),
    call: Duration::from_secs(5),
    download: Duration::from_secs(120),
    idle: Duration::from_secs(5),
};
/// A simulator is never in trouble for long.
const SANDBOX_UNCONTROLLED_WAIT: Duration = Duration::from_millis(500);
/// Bytes of an address, to refuse nonsense early.
const URL_BYTES_AT_MOST: usize = 2_048;

/// The variable that names a database other than the file.
pub const DATABASE_URL: &str = "FEDATARIO_DATABASE_URL";
/// The database of a folder.
pub const DATABASE_FILE: &str = "fedatario.db";
/// How many questions a minute each of SAT's public doors is asked at most.
const PER_MINUTE: &str = "FEDATARIO_SAT_PER_MINUTE";
/// A thousand a second: more than any simulator answers.
const PER_MINUTE_AT_MOST: u32 = 60_000;
/// The authorities whose certificates are trusted in documents.
const TRUST: &str = "FEDATARIO_SAT_TRUST";
/// Where a certificate ends in PEM.
const PEM_END: &str = "-----END CERTIFICATE-----";
/// The farthest that a clock can be set ahead, in seconds: a century, within what dates can say.
const OFFSET_S_AT_MOST: u64 = 100 * 366 * 86_400;

/// The database: `FEDATARIO_DATABASE_URL`, else the file in the folder.
pub async fn database(dir: &Path) -> Result<Db, Failure> {
    let db = match config::value(DATABASE_URL)? {
        Some(url) => Db::open_postgres(&url).await?,
        None => Db::open_sqlite(dir.join(DATABASE_FILE)).await?,
    };
    db.migrate().await?;
    Ok(db)
}

/// The variable that names a bucket other than the folder `objects/`.
pub const BLOBS_URL: &str = "FEDATARIO_BLOBS_URL";

/// Where objects lie, and how a person is told the place of one.
pub struct Objects {
    /// The store.
    pub blobs: Arc<dyn Blobs>,
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Bucket(S3Config),
}

impl Objects {
    /// The objects: in the bucket, else in a folder of the folder.
    pub fn open(dir: &Path, bucket: Option<(S3Config, S3)>) -> Result<Self, Failure> {
        if let Some((config, blobs)) = bucket {
            return Ok(Self { blobs: Arc::new(blobs), place: Place::Bucket(config) });
        }
        let root = dir.join("objects");
        Ok(Self { blobs: Arc::new(Folder::open(&root)?), place: Place::Folder(root) })
    }

    /// Where an object lies, for people; the empty path is where they all do.
    pub fn place(&self, path: &str) -> String {
        match &self.place {
            Place::Folder(root) if path.is_empty() => root.display().to_string(),
            Place::Folder(root) => root.join(path).display().to_string(),
            Place::Bucket(config) => config.address(path),
        }
    }
}

/// The bucket that the environment names. Nothing is asked of it yet.
pub fn bucket() -> Result<Option<(S3Config, S3)>, Failure> {
    let Some(url) = config::value(BLOBS_URL)? else { return Ok(None) };
    let bad = |error: fedatario_blobs::S3ConfigError| Failure::new(error.code(), format!("{BLOBS_URL}: {error}"));
    let config = S3Config::parse(&url).map_err(bad)?;
    let blobs = S3::new(config.clone(), &s3_keys()?, Arc::new(SystemClock::default())).map_err(bad)?;
    Ok(Some((config, blobs)))
}

/// The keys of the bucket, under the names that every tool of its kind reads; each also as `*_FILE`.
fn s3_keys() -> Result<S3Keys, Failure> {
    let missing = |name: &str| Failure::new(Code::ConfigInvalid, format!("{BLOBS_URL} is set and {name} is not"));
    Ok(S3Keys {
        access_key_id: config::value("AWS_ACCESS_KEY_ID")?.ok_or_else(|| missing("AWS_ACCESS_KEY_ID"))?,
        secret_access_key: config::secret("AWS_SECRET_ACCESS_KEY")?.ok_or_else(|| missing("AWS_SECRET_ACCESS_KEY"))?,
        session_token: config::secret("AWS_SESSION_TOKEN")?,
    })
}

/// How far ahead the argument or the environment wants the service clock.
pub fn asked_offset(argument: Option<SignedDuration>) -> Result<SignedDuration, Failure> {
    let name = "FEDATARIO_CLOCK_OFFSET_S";
    let bad = |text: &str| Failure::new(Code::ConfigInvalid, format!("{name}: {text:?} is no number of seconds ahead"));
    let seconds = match config::value(name)? {
        Some(text) => text.trim().parse().ok().filter(|it| *it <= OFFSET_S_AT_MOST).ok_or_else(|| bad(&text))?,
        None => 0,
    };
    let of_environment = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default());
    Ok(argument.unwrap_or_default().max(of_environment))
}

/// The offset that is kept, or the larger one that is asked for: looked at before it is kept, since it
/// only grows. An installation whose clock was set ahead lives in a sandbox for good.
pub async fn settle_offset(
    db: &Db,
    hands: &SystemScope,
    asked: SignedDuration,
    environment: Environment,
) -> Result<SignedDuration, Failure> {
    let kept = match db.setting(hands, OFFSET_SETTING).await? {
        Some(text) => text.parse().map_err(|_| Failure::internal(format!("the setting {OFFSET_SETTING} is {text:?}")))?,
        None => 0,
    };
    let wanted = asked.as_secs().max(kept);
    if wanted != 0 && environment == Environment::Production {
        let text = "the clock of this folder runs ahead, and the configured address is SAT's own";
        return Err(Failure::new(Code::ClockOffsetRefused, text));
    }
    if wanted > kept {
        db.set_setting(hands, OFFSET_SETTING, &wanted.to_string()).await?;
    }
    Ok(SignedDuration::from_secs(wanted))
}

/// The address of SAT that the argument or the environment gives.
pub fn sat_url(argument: Option<String>) -> Result<Option<String>, Failure> {
    match argument {
        Some(url) => Ok(Some(url)),
        None => address("FEDATARIO_SAT_URL"),
    }
}

/// An address of the environment; nonsense is refused, never passed over.
fn address(name: &str) -> Result<Option<String>, Failure> {
    let url = config::value(name)?;
    match url.as_ref().map(String::len).filter(|it| *it > URL_BYTES_AT_MOST) {
        Some(len) => Err(Failure::new(Code::ConfigInvalid, format!("{name}: {len} bytes are no address"))),
        None => Ok(url),
    }
}

/// What an operator may set of the services: the pace of polling (`FEDATARIO_SAT_POLL_MS`, its unit in
/// milliseconds) and how much SAT puts into one request (`FEDATARIO_SAT_CFDI_AT_MOST`,
/// `FEDATARIO_SAT_METADATA_AT_MOST`), should SAT ever change it.
pub fn settings(environment: Environment) -> Result<Settings, Failure> {
    let mut settings = match environment {
        Environment::Production => Settings::production(),
        Environment::Sandbox => Settings::sandbox(),
    };
    let shortest = if environment == Environment::Production { POLL_MS_AT_LEAST } else { 1 };
    if let Some(unit) = number("FEDATARIO_SAT_POLL_MS", shortest, POLL_MS_AT_MOST)? {
        settings.poll_unit = Duration::from_millis(unit.get());
    }
    let caps = [
        ("FEDATARIO_SAT_CFDI_AT_MOST", &mut settings.cfdi_at_most),
        ("FEDATARIO_SAT_METADATA_AT_MOST", &mut settings.metadata_at_most),
    ];
    for (name, cap) in caps {
        *cap = number(name, 1, REQUEST_AT_MOST)?.unwrap_or(*cap);
    }
    Ok(settings)
}

/// SAT is asked how a request stands no more often than this, in milliseconds.
const POLL_MS_AT_LEAST: u64 = 10_000;
/// No request waits longer for its first look than this, in milliseconds: an hour.
const POLL_MS_AT_MOST: u64 = 3_600_000;
/// More than SAT ever put into one request.
const REQUEST_AT_MOST: u64 = 100_000_000;

/// A number of the environment within bounds; nonsense is refused, never passed over.
fn number(name: &str, least: u64, most: u64) -> Result<Option<NonZeroU64>, Failure> {
    let Some(text) = config::value(name)? else { return Ok(None) };
    let within = text.trim().parse::<NonZeroU64>().ok().filter(|it| (least..=most).contains(&it.get()));
    let bad = || Failure::new(Code::ConfigInvalid, format!("{name}: {text:?} is no number from {least} to {most}"));
    within.map(Some).ok_or_else(bad)
}

/// The form of signatures on requests: `FEDATARIO_SAT_FORM`, by default the one most exercised.
pub fn form() -> Result<Form, Failure> {
    match config::value("FEDATARIO_SAT_FORM")?.as_deref() {
        None | Some("phpcfdi") => Ok(Form::Phpcfdi),
        Some("official") => Ok(Form::Official),
        Some(other) => {
            Err(Failure::new(Code::ConfigInvalid, format!("FEDATARIO_SAT_FORM: {other:?} is neither phpcfdi nor official")))
        }
    }
}

/// SAT's addresses, and the world they belong to: the one given, else the simulator that the folder
/// was made with, else SAT itself. Each of the eight can be set alone.
pub async fn addresses(db: &Db, hands: &SystemScope, given: Option<String>) -> Result<(Addresses, Environment), Failure> {
    let url = match given {
        Some(url) => Some(url),
        None => db.setting(hands, SAT_URL_SETTING).await?,
    };
    let bad = |error: fedatario_sat::EndpointError| Failure::new(error.code(), error.to_string());
    let mut endpoints = match url.as_deref() {
        Some(url) => Endpoints::from_base(url).map_err(bad)?,
        None => Endpoints::production(),
    };
    for family in Family::ALL {
        for door in fedatario_sat::Door::ALL {
            let name = format!("FEDATARIO_SAT_{}_{door:?}_URL", family.text()).to_uppercase();
            if let Some(url) = address(&name)? {
                endpoints = endpoints.with(*family, door, &url).map_err(bad)?;
            }
        }
    }
    let environment = fedatario_sat::endpoints::environment_of(endpoints.get(Family::Cfdi, fedatario_sat::Door::Autentica));
    Ok((Addresses::configured(endpoints), environment))
}

/// The client of SAT over the engine, with every record in the database.
pub fn sat_client(
    addresses: Addresses,
    form: Form,
    db: &Db,
    vault: Arc<Vault>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    environment: Environment,
) -> Result<SatClient, Failure> {
    let ports = ports(db, vault.clone(), blobs, clock);
    #[cfg(feature = "crash-points")]
    let ports = Ports {
        ledger: Arc::new(crate::crash::Ledger::new(ports.ledger)),
        sessions: Arc::new(crate::crash::Sessions(ports.sessions)),
        ..ports
    };
    let mut settings = fedatario_sat::Settings { form, ..fedatario_sat::Settings::default() };
    if environment == Environment::Sandbox {
        let fast = Rate { per_minute: 60_000, burst: 1_000 };
        settings.rates = Rates { credential: fast, authority: fast };
        settings.timeouts = SANDBOX_TIMEOUTS;
        settings.uncontrolled_wait = SANDBOX_UNCONTROLLED_WAIT;
    }
    let client = SatClient::new(addresses, vault, ports, settings);
    client.map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// What the engine is wired to.
fn ports(db: &Db, vault: Arc<Vault>, blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>) -> Ports {
    let sessions = crate::commands::tokens::Mirrored { db: db.clone(), blobs };
    Ports {
        ledger: Arc::new(db.clone()),
        sessions: Arc::new(sessions),
        limits: Arc::new(db.clone()),
        breakers: Arc::new(db.clone()),
        sealer: Arc::new(VaultSealer(vault)),
        pause: Arc::new(TokioPause),
        clock,
        jitter: Arc::new(RandomJitter),
    }
}

/// The addresses of SAT's public doors: below the base that is given, else SAT's own; each can be
/// set alone. The list of 69-B has no world of its own.
pub async fn public_addresses(
    db: &Db,
    hands: &SystemScope,
    given: Option<String>,
    environment: Environment,
) -> Result<PublicAddresses, Failure> {
    let url = match given {
        Some(url) => Some(url),
        None => db.setting(hands, SAT_URL_SETTING).await?,
    };
    let bad = |error: fedatario_sat::EndpointError| Failure::new(error.code(), error.to_string());
    let mut endpoints = match url.as_deref() {
        Some(url) => PublicEndpoints::from_base(url).map_err(bad)?,
        None => PublicEndpoints::production(),
    };
    for door in PublicDoor::ALL {
        if let Some(url) = address(&format!("FEDATARIO_SAT_{}_URL", door.setting()))? {
            endpoints = endpoints.with(door, &url).map_err(bad)?;
        }
    }
    Ok(PublicAddresses::configured(environment, endpoints))
}

/// The client of SAT's public doors, at the pace of `FEDATARIO_SAT_PER_MINUTE`.
pub fn sat_counter(
    addresses: PublicAddresses,
    db: &Db,
    vault: Arc<Vault>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    environment: Environment,
) -> Result<SatCounter, Failure> {
    let mut settings = CounterSettings::default();
    if environment == Environment::Sandbox {
        settings.rate = Rate { per_minute: 60_000, burst: 1_000 };
        settings.timeouts = SANDBOX_TIMEOUTS;
    }
    if let Some(text) = config::value(PER_MINUTE)? {
        let per_minute = text.trim().parse().ok().filter(|it| (1..=PER_MINUTE_AT_MOST).contains(it));
        let bad = || Failure::new(Code::ConfigInvalid, format!("{PER_MINUTE}: {text:?} is not between 1 and {PER_MINUTE_AT_MOST}"));
        settings.rate = Rate { per_minute: per_minute.ok_or_else(bad)?, burst: 1 };
    }
    let client = SatCounter::new(addresses, ports(db, vault, blobs, clock), settings);
    client.map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// The authorities that `FEDATARIO_SAT_TRUST` names: a file or a folder of them. None is none.
pub fn authorities() -> Result<Authorities, Failure> {
    let Some(path) = config::value(TRUST)? else { return Ok(Authorities::default()) };
    let all = certificates_in(Path::new(&path))?;
    if all.is_empty() {
        return Err(Failure::new(Code::ConfigInvalid, format!("{TRUST}: {path} holds no certificate")));
    }
    Authorities::new(all).map_err(|error| Failure::new(Code::ConfigInvalid, format!("{TRUST}: {path}: {error}")))
}

/// The server that mail goes out by.
const SMTP_URL: &str = "FEDATARIO_SMTP_URL";
/// The folder that stands for one.
const MAIL_DIR: &str = "FEDATARIO_MAIL_DIR";
/// Who writes.
const MAIL_FROM: &str = "FEDATARIO_MAIL_FROM";
/// Networks that are not public and that events may be sent to all the same.
const ALLOW_PRIVATE: &str = "FEDATARIO_WEBHOOKS_ALLOW_PRIVATE";

/// By which way mail leaves: `FEDATARIO_SMTP_URL`, or `FEDATARIO_MAIL_DIR`, or not at all.
pub fn mailer() -> Result<Mailer, Failure> {
    let settings = fedatario_mailer::Settings {
        smtp: config::secret(SMTP_URL)?.filter(|it| !it.is_empty()),
        folder: config::value(MAIL_DIR)?.map(PathBuf::from),
        from: config::value(MAIL_FROM)?,
    };
    Mailer::new(settings).map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// Who sends events: to public places, and in a sandbox to those of `FEDATARIO_WEBHOOKS_ALLOW_PRIVATE`.
pub fn courier(environment: Environment) -> Result<HttpCourier, Failure> {
    let text = config::value(ALLOW_PRIVATE)?.unwrap_or_default();
    let allowed: Networks = text
        .parse()
        .map_err(|error: fedatario_webhooks::NetworkError| Failure::new(error.code(), format!("{ALLOW_PRIVATE}: {error}")))?;
    if environment == Environment::Production && !allowed.is_empty() {
        // What a production taxpayer's events tell is never told to a place that nobody outside can see.
        return Err(Failure::new(Code::ConfigInvalid, format!("{ALLOW_PRIVATE} is for simulators alone")));
    }
    let made = HttpCourier::new(allowed, Arc::new(SystemResolver));
    made.map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// The authorities that vouch for certificates: a file or a folder of them.
const TRUST_ALL: &str = "FEDATARIO_TRUST";
/// What says, beside them, where each can be asked whether it took a certificate back.
const REVOCATION_FILE: &str = "revocation.json";
/// Bytes of that file.
const REVOCATION_FILE_BYTES: usize = 256 << 10;
/// Networks that are not public and where authorities may be asked all the same.
const TRUST_ALLOW_PRIVATE: &str = "FEDATARIO_TRUST_ALLOW_PRIVATE";

/// Where authorities can be asked, as it is written beside them.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    authorities: Vec<AskingOne>,
}

/// One authority of it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AskingOne {
    /// The file of its certificate, beside this one.
    file: String,
    #[serde(default)]
    ocsp: Vec<String>,
    #[serde(default)]
    crl: Vec<String>,
}

/// The authorities of `FEDATARIO_TRUST` and `FEDATARIO_SAT_TRUST`, each with where it can be asked.
pub fn trust() -> Result<Trust, Failure> {
    let mut all = Vec::new();
    for name in [TRUST_ALL, TRUST] {
        let Some(path) = config::value(name)? else { continue };
        let found = authorities_at(Path::new(&path))?;
        if found.is_empty() {
            return Err(Failure::new(Code::ConfigInvalid, format!("{name}: {path} holds no certificate")));
        }
        all.extend(found);
    }
    Trust::new(all).map_err(|error| Failure::new(error.code(), format!("{TRUST_ALL}: {error}")))
}

/// The authorities of a file or a folder, each with where it can be asked.
pub fn authorities_at(path: &Path) -> Result<Vec<(Certificate, Places)>, Failure> {
    let (folder, files) = match path.is_dir() {
        true => (path, certificate_files(path)?),
        false => (path.parent().unwrap_or(Path::new(".")), vec![path.to_owned()]),
    };
    let mut asking = asking(&folder.join(REVOCATION_FILE))?;
    let mut all = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let places = asking.remove(name).unwrap_or_default();
        all.extend(certificates_of(&file)?.into_iter().map(|it| (it, places.clone())));
    }
    match asking.into_keys().next() {
        Some(stray) if path.is_dir() => {
            Err(Failure::new(Code::ConfigInvalid, format!("{REVOCATION_FILE}: there is no {stray} in {}", folder.display())))
        }
        _ => Ok(all),
    }
}

/// What the file beside the authorities says; nothing if there is none.
fn asking(path: &Path) -> Result<HashMap<String, Places>, Failure> {
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    let bad = |what: String| Failure::new(Code::ConfigInvalid, format!("{}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    if bytes.len() > REVOCATION_FILE_BYTES {
        return Err(bad("too large".to_owned()));
    }
    let read: Asking = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    Ok(read.authorities.into_iter().map(|it| (it.file, Places { ocsp: it.ocsp, crl: it.crl })).collect())
}

/// Who asks authorities: at public places, and those of `FEDATARIO_TRUST_ALLOW_PRIVATE`.
pub fn fetcher() -> Result<HttpFetcher, Failure> {
    let text = config::value(TRUST_ALLOW_PRIVATE)?.unwrap_or_default();
    let allowed: Networks = text
        .parse()
        .map_err(|error: fedatario_webhooks::NetworkError| Failure::new(error.code(), format!("{TRUST_ALLOW_PRIVATE}: {error}")))?;
    let made = HttpFetcher::new(allowed, Arc::new(SystemResolver));
    made.map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// The certificates of a file (DER, or PEM with one or more) or of a folder's files.
pub fn certificates_in(path: &Path) -> Result<Vec<Certificate>, Failure> {
    if !path.is_dir() {
        return certificates_of(path);
    }
    let mut all = Vec::new();
    for file in certificate_files(path)? {
        all.extend(certificates_of(&file)?);
    }
    Ok(all)
}

/// The files of a folder that are certificates by their names, in order.
fn certificate_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
        if path.is_file() && matches!(extension.as_str(), "cer" | "crt" | "der" | "pem") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn certificates_of(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let bytes = crate::commands::read(path)?;
    let bad = |error: fedatario_credentials::CredentialError| Failure::new(error.code(), format!("{}: {error}", path.display()));
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    if !text.contains(PEM_END) {
        return Ok(vec![Certificate::parse(&bytes).map_err(bad)?]);
    }
    let blocks = text.split_inclusive(PEM_END).filter(|it| it.ends_with(PEM_END));
    blocks.map(|it| Certificate::parse(it.as_bytes()).map_err(bad)).collect()
}
