//! One event, and its bytes.
//!
//! An entry is a JSON object with a closed set of keys, in RFC 8785 form:
//!
//! | key | what it holds |
//! |---|---|
//! | `tenant`, `n`, `prev` | whose entry it is, its number, the hash before it (base64): an export has nothing but these lines, and each says where it belongs |
//! | `at` | RFC 3339 in UTC, three decimals |
//! | `actor`, `on_behalf_of` | who acted; for a job, whoever enqueued it |
//! | `action`, `object` | what was done (`sat.solicitud.asked`), to which id |
//! | `result`, `code` | `done`, `refused`, `failed` or `uncertain`; a slug of the table of codes |
//! | `digests` | SHA-256 by name, lower-case hex |
//! | `fields` | ids, counts, codes; never personal text |
//! | `detail` | salted digest of the detail that is sealed apart, lower-case hex |
//! | `request` | by what it came: the id of a request over the network, of a job, or of a command of the shell |
//! | `address` | salted digest of the address that it came from, which is sealed apart, lower-case hex |
//!
//! `tenant`, `n`, `prev`, `at`, `actor`, `action` and `result` are always there; the others only
//! when they hold something. Personal text goes into a [`Detail`]: the vault seals it with its
//! salt under the tenant's key, and with that key the person is gone while the chain still
//! verifies.

use crate::chain::{Link, tenant_bytes, tenant_text};
use crate::error::AuditError;
use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use fedatario_base::{Actor, Code};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The largest entry, in bytes: a page of ids and codes, far from a document.
pub const MAX_ENTRY_BYTES: usize = 64 * 1024;

/// The largest integer that every JSON reader keeps exactly (RFC 7493), 2^53 - 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The longest name of an action, field or digest, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

const DETAIL_DOMAIN: &[u8] = b"fedatario.audit.detail.v1\0";

/// Bytes of salt before a sealed detail, so that its digest cannot be guessed from a list of names.
pub const SALT_BYTES: usize = 32;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Done,
    /// Somebody said no: we, or an authority.
    Refused,
    /// It did not happen, by a fault.
    Failed,
    /// It may have happened; to be asked.
    Uncertain,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 4] = [Outcome::Done, Outcome::Refused, Outcome::Failed, Outcome::Uncertain];

    /// The outcome of a text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.text() == text)
    }

    /// Its permanent text.
    pub fn text(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::Uncertain => "uncertain",
        }
    }
}

/// Something that was done, or refused, before it has a place in a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    at: Timestamp,
    actor: String,
    on_behalf_of: Option<String>,
    action: String,
    object: Option<String>,
    outcome: Outcome,
    code: Option<Code>,
    digests: Map<String, Value>,
    fields: Map<String, Value>,
    detail: Option<[u8; 32]>,
    request: Option<String>,
    address: Option<[u8; 32]>,
}

impl Event {
    /// An event that happened; the setters below say more.
    pub fn new(at: Timestamp, actor: &Actor, action: &str) -> Self {
        let behind = actor.originator();
        let actor = actor.to_string();
        Self {
            at,
            on_behalf_of: Some(behind).filter(|it| *it != actor),
            actor,
            action: action.to_owned(),
            object: None,
            outcome: Outcome::Done,
            code: None,
            digests: Map::new(),
            fields: Map::new(),
            detail: None,
            request: None,
            address: None,
        }
    }

    /// The id of what it was done to.
    pub fn object(mut self, id: impl std::fmt::Display) -> Self {
        self.object = Some(id.to_string());
        self
    }

    /// How it ended, if not well.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Why it ended so.
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// The SHA-256 of bytes that it concerns.
    pub fn digest(mut self, name: &str, sha256: &[u8; 32]) -> Self {
        self.digests.insert(name.to_owned(), HEXLOWER.encode(sha256).into());
        self
    }

    /// An id, count or code. Personal text belongs into a [`Detail`].
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Binds a detail that is sealed apart.
    pub fn detail(mut self, detail: &Detail) -> Self {
        self.detail = Some(detail.digest());
        self
    }

    /// Names the request, job or command that it came by, and binds the address that it came from, sealed apart.
    pub fn asked(mut self, request: impl std::fmt::Display, address: Option<[u8; 32]>) -> Self {
        self.request = Some(request.to_string());
        self.address = address;
        self
    }

    /// When it was done.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Who did it.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The id of what it was done to.
    pub fn object_id(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// How it ended.
    pub fn ended(&self) -> Outcome {
        self.outcome
    }

    /// What was done.
    pub fn action(&self) -> &str {
        &self.action
    }

    fn check(&self) -> Result<(), AuditError> {
        check_name(&self.action)?;
        self.digests.keys().try_for_each(|name| check_name(name))?;
        check_fields(&self.fields)
    }

    fn value(&self, place: &Place) -> Value {
        let mut entry = Map::new();
        let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
        put("tenant", tenant_text(place.tenant).into());
        put("n", place.n.into());
        put("prev", STANDARD.encode(place.prev).into());
        put("at", format!("{:.3}", self.at).into());
        put("actor", self.actor.as_str().into());
        put("action", self.action.as_str().into());
        put("result", self.outcome.text().into());
        let optional = [
            ("on_behalf_of", self.on_behalf_of.as_deref().map(Value::from)),
            ("object", self.object.as_deref().map(Value::from)),
            ("code", self.code.map(|it| it.slug().into())),
            ("detail", self.detail.map(|it| HEXLOWER.encode(&it).into())),
            ("request", self.request.as_deref().map(Value::from)),
            ("address", self.address.map(|it| HEXLOWER.encode(&it).into())),
            ("digests", Some(&self.digests).filter(|it| !it.is_empty()).cloned().map(Value::from)),
            ("fields", Some(&self.fields).filter(|it| !it.is_empty()).cloned().map(Value::from)),
        ];
        for (key, value) in optional {
            value.and_then(|it| put(key, it));
        }
        Value::Object(entry)
    }
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose chain.
    pub tenant: [u8; 16],
    /// Its number, from 1.
    pub n: u64,
    /// The hash before it.
    pub prev: Link,
}

/// The canonical bytes of an event in its place: hashed, stored and exported as they are.
pub fn entry_bytes(event: &Event, place: &Place) -> Result<Vec<u8>, AuditError> {
    event.check()?;
    if place.n > MAX_INTEGER {
        return Err(AuditError::Number);
    }
    let bytes = canonical(&event.value(place))?;
    if bytes.len() > MAX_ENTRY_BYTES { Err(AuditError::TooLarge(bytes.len())) } else { Ok(bytes) }
}

/// RFC 8785 form of a value.
pub(crate) fn canonical(value: &impl serde::Serialize) -> Result<Vec<u8>, AuditError> {
    serde_json_canonicalizer::to_vec(value).map_err(AuditError::Canonical)
}

fn check_name(name: &str) -> Result<(), AuditError> {
    let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'_' | b'.' | b'-');
    let good = !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(allowed);
    if good { Ok(()) } else { Err(AuditError::Name(name.chars().take(MAX_NAME_BYTES).collect())) }
}

fn check_fields(fields: &Map<String, Value>) -> Result<(), AuditError> {
    fields.iter().try_for_each(|(name, value)| check_name(name).and_then(|()| check_value(value)))
}

fn check_value(value: &Value) -> Result<(), AuditError> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_some_and(|it| it <= MAX_INTEGER) { Ok(()) } else { Err(AuditError::Number) }
        }
        Value::Array(items) => items.iter().try_for_each(check_value),
        Value::Object(fields) => check_fields(fields),
    }
}

/// What an entry's bytes say about their own place.
#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    n: u64,
    #[serde(borrow)]
    prev: Cow<'a, str>,
}

/// The place that an entry claims; `None` when it is no entry of ours. Whether the claim is true
/// is for the hashes to say.
pub(crate) fn claimed_place(entry: &[u8]) -> Option<Place> {
    if entry.len() > MAX_ENTRY_BYTES {
        return None;
    }
    let claims: Claims = serde_json::from_slice(entry).ok()?;
    let prev = STANDARD.decode(claims.prev.as_bytes()).ok()?.try_into().ok()?;
    let tenant = tenant_bytes(&claims.tenant)?;
    (claims.n <= MAX_INTEGER).then_some(Place { tenant, n: claims.n, prev })
}

/// What an entry says of itself beside its place.
#[derive(Debug, Deserialize)]
pub struct Says<'a> {
    /// Who acted.
    #[serde(borrow)]
    pub actor: Cow<'a, str>,
    /// What was done.
    #[serde(borrow)]
    pub action: Cow<'a, str>,
    /// To what.
    #[serde(borrow)]
    pub object: Option<Cow<'a, str>>,
    /// When, as it is written there.
    #[serde(borrow)]
    pub at: Cow<'a, str>,
    /// How it ended.
    #[serde(borrow)]
    pub result: Cow<'a, str>,
    /// By which request, job or command.
    #[serde(borrow)]
    pub request: Option<Cow<'a, str>>,
    /// The salted digest of the detail that is sealed apart.
    #[serde(borrow)]
    pub detail: Option<Cow<'a, str>>,
    /// The salted digest of the address that is sealed apart.
    #[serde(borrow)]
    pub address: Option<Cow<'a, str>>,
}

/// What an entry says of itself; `None` when it is no entry.
pub fn says(entry: &[u8]) -> Option<Says<'_>> {
    serde_json::from_slice(entry).ok()
}

/// Personal text of an event (names, addresses, before and after), to be sealed apart.
pub struct Detail {
    salt: [u8; SALT_BYTES],
    body: Vec<u8>,
}

impl Detail {
    /// A detail under a fresh random salt, which the caller draws.
    pub fn new(salt: [u8; SALT_BYTES], body: &Map<String, Value>) -> Result<Self, AuditError> {
        check_fields(body)?;
        Ok(Self { salt, body: canonical(body)? })
    }

    /// What the vault seals: the salt, then the canonical JSON.
    pub fn plaintext(&self) -> Vec<u8> {
        [self.salt.as_slice(), &self.body].concat()
    }

    /// The digest that the entry holds.
    pub fn digest(&self) -> [u8; 32] {
        detail_digest(&self.plaintext())
    }
}

impl std::fmt::Debug for Detail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detail({} bytes)", self.body.len())
    }
}

/// What an unsealed detail says; none if it is none.
pub fn detail_body(plaintext: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(plaintext.get(SALT_BYTES..)?).ok()
}

/// The digest of an unsealed detail, to compare with what its entry holds.
pub fn detail_digest(plaintext: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(DETAIL_DOMAIN);
    context.update(plaintext);
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}
