//! Where a bucket is and how it is spoken to: `s3://bucket/prefix?endpoint=…&region=…&sse=…`.
//!
//! The address holds nothing secret, so it may be printed; the keys travel apart. Whatever is not
//! understood is refused, never passed over: a misspelt `sse` would store in the clear.

use crate::path::ObjectPath;
use fedatario_base::{Code, Secret};
use std::net::IpAddr;
use url::{Host, Url};

/// Bytes of an address, to refuse nonsense early.
const URL_BYTES_AT_MOST: usize = 2_048;
/// Bytes of a key prefix: most of a key (1,024) is left to the object's own path.
const PREFIX_BYTES_AT_MOST: usize = 256;
/// The region of servers that have none.
const DEFAULT_REGION: &str = "us-east-1";

/// What the server is told to encrypt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sse {
    /// The server's own keys: `x-amz-server-side-encryption: AES256`.
    S3,
    /// A key of the key service, the bucket's own unless one is named: `aws:kms`.
    Kms(Option<String>),
}

/// A bucket's address, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; empty for none.
    pub prefix: String,
    /// The server; `None` is AWS itself.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    pub path_style: bool,
    /// Encryption by the server, if any is asked for.
    pub sse: Option<Sse>,
}

/// What requests are signed with.
#[derive(Debug)]
pub struct S3Keys {
    /// The name of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// The token of temporary keys.
    pub session_token: Option<Secret>,
}

/// Why an address of a bucket is refused. Never repeats the address: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum S3ConfigError {
    /// Not `s3://bucket[/prefix][?…]`.
    #[error("not an address of the form s3://bucket/prefix?endpoint=…&region=…")]
    Form,
    /// User and password before the bucket or the endpoint.
    #[error("an address holds no keys; they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or *_FILE")]
    KeysInAddress,
    /// A parameter that nobody knows, or one given twice.
    #[error("the parameter {0:?} is not known, or given twice")]
    Parameter(String),
    /// A parameter whose value is of no use.
    #[error("the value of {0} is of no use")]
    Value(&'static str),
    /// Neither a region nor an endpoint.
    #[error("region is missing: AWS needs it, and other servers are named by endpoint")]
    Region,
    /// Documents would travel in the clear.
    #[error("endpoint is http and not on this machine; https, or allow_http=true if the network is trusted")]
    InsecureHttp,
    /// One of the keys is not there.
    #[error("{0} is not set")]
    KeyMissing(&'static str),
    /// The client could not be made.
    #[error("the client of the bucket could not be made")]
    Client,
}

impl S3ConfigError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            S3ConfigError::Form
            | S3ConfigError::KeysInAddress
            | S3ConfigError::Parameter(_)
            | S3ConfigError::Value(_)
            | S3ConfigError::Region
            | S3ConfigError::InsecureHttp
            | S3ConfigError::KeyMissing(_)
            | S3ConfigError::Client => Code::ConfigInvalid,
        }
    }
}

/// The parameters as they stand in the address.
#[derive(Default)]
struct Parameters {
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<String>,
    allow_http: Option<String>,
    sse: Option<String>,
    kms_key: Option<String>,
}

impl S3Config {
    /// Reads an address. Parameters: `endpoint`, `region`, `path_style` (true with an endpoint, else
    /// false), `sse` (`AES256`, `aws:kms`), `kms_key`, `allow_http`.
    pub fn parse(text: &str) -> Result<Self, S3ConfigError> {
        let url = Url::parse(text).map_err(|_| S3ConfigError::Form)?;
        if text.len() > URL_BYTES_AT_MOST || url.scheme() != "s3" || url.fragment().is_some() || url.port().is_some() {
            return Err(S3ConfigError::Form);
        }
        refuse_keys(&url)?;
        let bucket = url.host_str().filter(|it| is_bucket(it)).ok_or(S3ConfigError::Form)?.to_owned();
        let prefix = prefix(url.path())?;
        let given = parameters(&url)?;
        let allow_http = flag(given.allow_http.as_deref(), "allow_http")?.unwrap_or(false);
        let endpoint = given.endpoint.as_deref().map(|it| endpoint(it, allow_http)).transpose()?;
        let path_style = flag(given.path_style.as_deref(), "path_style")?.unwrap_or(endpoint.is_some());
        let region = region(given.region, endpoint.is_some())?;
        Ok(Self { bucket, prefix, endpoint, region, path_style, sse: sse(given.sse.as_deref(), given.kms_key)? })
    }

    /// The address of an object, for people.
    pub fn address(&self, path: &str) -> String {
        let between = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}/{}{between}{path}", self.bucket, self.prefix)
    }
}

fn parameters(url: &Url) -> Result<Parameters, S3ConfigError> {
    let mut given = Parameters::default();
    for (name, value) in url.query_pairs() {
        let place = match &*name {
            "endpoint" => &mut given.endpoint,
            "region" => &mut given.region,
            "path_style" => &mut given.path_style,
            "allow_http" => &mut given.allow_http,
            "sse" => &mut given.sse,
            "kms_key" => &mut given.kms_key,
            _ => return Err(S3ConfigError::Parameter(name.into_owned())),
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(S3ConfigError::Parameter(name.into_owned()));
        }
    }
    Ok(given)
}

fn refuse_keys(url: &Url) -> Result<(), S3ConfigError> {
    let has_keys = !url.username().is_empty() || url.password().is_some();
    if has_keys { Err(S3ConfigError::KeysInAddress) } else { Ok(()) }
}

/// A bucket's name by AWS's rules: 3 to 63 of lower-case letters, digits, dots and hyphens.
fn is_bucket(text: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'-' | b'.');
    (3..=63).contains(&text.len()) && text.bytes().all(allowed)
}

fn prefix(path: &str) -> Result<String, S3ConfigError> {
    let prefix = path.trim_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    let good = prefix.len() <= PREFIX_BYTES_AT_MOST && !prefix.contains('%');
    match ObjectPath::parse(prefix) {
        Ok(path) if good => Ok(path.as_str().to_owned()),
        _ => Err(S3ConfigError::Form),
    }
}

fn region(given: Option<String>, has_endpoint: bool) -> Result<String, S3ConfigError> {
    let region = given.or_else(|| has_endpoint.then(|| DEFAULT_REGION.to_owned())).ok_or(S3ConfigError::Region)?;
    let good = !region.is_empty() && region.len() <= 63 && region.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    if good { Ok(region) } else { Err(S3ConfigError::Value("region")) }
}

fn endpoint(text: &str, allow_http: bool) -> Result<String, S3ConfigError> {
    let url = Url::parse(text).map_err(|_| S3ConfigError::Value("endpoint"))?;
    refuse_keys(&url)?;
    let host = url.host().ok_or(S3ConfigError::Value("endpoint"))?;
    if url.query().is_some() || url.fragment().is_some() || !matches!(url.path(), "" | "/") {
        return Err(S3ConfigError::Value("endpoint"));
    }
    match url.scheme() {
        "https" => {}
        "http" if allow_http || is_this_machine(&host) => {}
        "http" => return Err(S3ConfigError::InsecureHttp),
        _ => return Err(S3ConfigError::Value("endpoint")),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::from(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::from(*address).is_loopback(),
    }
}

fn flag(value: Option<&str>, name: &'static str) -> Result<Option<bool>, S3ConfigError> {
    match value {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(S3ConfigError::Value(name)),
    }
}

fn sse(kind: Option<&str>, key: Option<String>) -> Result<Option<Sse>, S3ConfigError> {
    let is_key = |it: &String| !it.is_empty() && it.bytes().all(|it| it.is_ascii_graphic());
    match (kind, key) {
        (None, None) => Ok(None),
        (Some("AES256"), None) => Ok(Some(Sse::S3)),
        (Some("aws:kms"), None) => Ok(Some(Sse::Kms(None))),
        (Some("aws:kms"), Some(key)) if is_key(&key) => Ok(Some(Sse::Kms(Some(key)))),
        (_, Some(_)) => Err(S3ConfigError::Value("kms_key")),
        (Some(_), None) => Err(S3ConfigError::Value("sse")),
    }
}
