//! By which request something is done, and from where, for the entries that tell of it.
//!
//! The edge says it once for the whole call ([`within`]), and the store adds it to every entry that is
//! appended meanwhile ([`now`]): no service passes it on, and none can forget it. It decides nothing.
//! What is spawned does not inherit it by itself; [`carried`] hands it on. A job names itself, and a command of
//! the shell gets a name of its own, so that whatever was done by one is found together.
//!
//! An address is personal: it is sealed before any transaction, under the key of the tenant that the
//! call is for, or the installation's own where none is known yet. The entry holds its salted digest.

use crate::App;
use crate::error::AppResult;
use fedatario_audit::Event;
use fedatario_audit::event::{Detail, SALT_BYTES, detail_body, detail_digest};
use fedatario_base::Scope;
use fedatario_base::id::{By, TenantId};
use fedatario_vault::{BytesKey, Vault, VaultError};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// What an address is sealed as.
const ORIGIN_LABEL: &str = "audit.origin";
/// What a detail is sealed as.
const DETAIL_LABEL: &str = "audit.detail";
/// Bytes of a sealed blob that say how and with which key: what has them in common is opened with one key.
const SEAL_HEAD_BYTES: usize = 6;
/// Sealed addresses that are kept to be used again; when there are more, all are forgotten.
const ORIGINS_KEPT: usize = 4_096;

/// A call, as entries name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// By what it came.
    pub by: By,
    /// Where it came from, sealed.
    pub origin: Option<Sealed>,
}

impl Called {
    /// By something that has no address: a job, or the shell.
    pub fn inside(by: By) -> Self {
        Self { by, origin: None }
    }
}

/// Something personal, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Whose key sealed it.
    pub tenant: TenantId,
    /// What was sealed.
    pub bytes: Vec<u8>,
    /// The salted digest that the entry holds.
    pub digest: [u8; 32],
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes of {})", self.bytes.len(), self.tenant)
    }
}

impl Sealed {
    /// As the row keeps it: whose key, then what was sealed.
    pub fn stored(&self) -> Vec<u8> {
        [self.tenant.bytes().as_slice(), &self.bytes].concat()
    }
}

tokio::task_local! {
    static CALLED: Called;
}

/// Runs something as part of a call.
pub async fn within<F: Future>(called: Called, work: F) -> F::Output {
    CALLED.scope(called, work).await
}

/// The call that is under way here, if there is one.
pub fn now() -> Option<Called> {
    CALLED.try_with(Clone::clone).ok()
}

/// Hands the call on to work that will run by itself.
pub async fn carried<F: Future>(called: Option<Called>, work: F) -> F::Output {
    match called {
        Some(called) => within(called, work).await,
        None => work.await,
    }
}

/// Seals addresses, the same one once.
#[derive(Default)]
pub struct Origins(Mutex<HashMap<(TenantId, IpAddr), Sealed>>);

impl Origins {
    /// An address, sealed under a tenant's key.
    pub async fn sealed(&self, vault: &Vault, tenant: TenantId, address: IpAddr) -> AppResult<Sealed> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(tenant, address)).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let body = Map::from_iter([("address".to_owned(), Value::from(address.to_string()))]);
        let (sealed, _) = seal(vault, tenant, ORIGIN_LABEL, &body).await?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= ORIGINS_KEPT {
            kept.clear();
        }
        kept.insert((tenant, address), sealed.clone());
        Ok(sealed)
    }
}

async fn seal(vault: &Vault, tenant: TenantId, label: &str, body: &Map<String, Value>) -> AppResult<(Sealed, Detail)> {
    let key = vault.bytes_key(&Scope::system(tenant)).await?;
    sealed(&key, tenant, label, body)
}

fn sealed(key: &BytesKey, tenant: TenantId, label: &str, body: &Map<String, Value>) -> AppResult<(Sealed, Detail)> {
    let mut salt = [0; SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| crate::AppError::Internal("no random numbers".into()))?;
    let detail = Detail::new(salt, body)?;
    let bytes = key.seal(label, &detail.plaintext())?;
    Ok((Sealed { tenant, bytes, digest: detail.digest() }, detail))
}

/// What seals the before and after of changes in a tenant. It is taken before the transaction is begun, since
/// making a key may write; then it seals inside of it, where what was before is known for certain.
pub struct Pen {
    tenant: TenantId,
    key: BytesKey,
}

impl Pen {
    /// For the chain of a tenant.
    pub async fn of(vault: &Vault, tenant: TenantId) -> AppResult<Self> {
        Ok(Self { tenant, key: vault.bytes_key(&Scope::system(tenant)).await? })
    }

    /// Binds what was before and after a change to its event, secrets masked; what goes beside the entry.
    /// Nothing before is a beginning, nothing after an end.
    pub fn change(&self, event: Event, before: &Value, after: &Value) -> AppResult<(Event, Option<Vec<u8>>)> {
        let body = Map::from_iter([("before".to_owned(), masked(before)), ("after".to_owned(), masked(after))]);
        let (sealed, detail) = sealed(&self.key, self.tenant, DETAIL_LABEL, &body)?;
        Ok((event.detail(&detail), Some(sealed.bytes)))
    }
}

/// Names whose values no entry shows.
const SECRETS: [&str; 8] = ["password", "secret", "token", "private", "credential_key", "hash", "salt", "pin"];

/// A value without its secrets: whatever stands under a name that says it is one. Numbers that are no
/// integers become texts, since two readers may print them differently.
pub fn masked(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| {
                    let secret = SECRETS.iter().any(|it| name.to_ascii_lowercase().contains(it)) && !value.is_boolean();
                    let plain: String = name.chars().map(plain_letter).take(64).collect();
                    (plain, if secret && !value.is_null() { Value::from("***") } else { masked(value) })
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Number(number) if number.is_f64() => Value::from(number.to_string()),
        other => other.clone(),
    }
}

/// Names in a detail are those that an entry may hold.
fn plain_letter(letter: char) -> char {
    let letter = letter.to_ascii_lowercase();
    if letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-') { letter } else { '_' }
}

/// What is sealed beside entries, opened for whoever may read the audit. What was opened once is not
/// opened again, since entries of one call share their origin; and each key is asked for once.
#[derive(Default)]
pub struct Opener {
    opened: HashMap<Vec<u8>, Option<Map<String, Value>>>,
    keys: HashMap<(TenantId, Vec<u8>), Option<BytesKey>>,
}

/// How what is sealed beside an entry stands to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// It is what the entry was hashed with.
    Said(Map<String, Value>),
    /// Its key is destroyed: nobody can say.
    Lost,
    /// It is not what the entry was hashed with.
    False,
}

impl Opener {
    /// The origin of an entry, if it can be opened and is the one that the entry was hashed with.
    pub async fn origin(&mut self, app: &App, stored: &[u8], digest: Option<&str>) -> Option<Map<String, Value>> {
        if let Some(known) = self.opened.get(stored) {
            return known.clone();
        }
        let opened = match self.origin_beside(app, stored, digest).await {
            Ok(Beside::Said(body)) => Some(body),
            _ => None,
        };
        self.keep(stored, opened.clone());
        opened
    }

    /// The detail of an entry of a tenant, if it can be opened and is the one that the entry was hashed with.
    pub async fn detail(&mut self, app: &App, tenant: TenantId, stored: &[u8], digest: Option<&str>) -> Option<Map<String, Value>> {
        match self.detail_beside(app, tenant, stored, digest).await {
            Ok(Beside::Said(body)) => Some(body),
            _ => None,
        }
    }

    /// How a stored origin stands to its entry.
    pub async fn origin_beside(&mut self, app: &App, stored: &[u8], digest: Option<&str>) -> AppResult<Beside> {
        let Some((tenant, bytes)) = stored.split_first_chunk::<16>() else { return Ok(Beside::False) };
        self.beside(app, TenantId(Uuid::from_bytes(*tenant)), ORIGIN_LABEL, bytes, digest).await
    }

    /// How a stored detail stands to its entry.
    pub async fn detail_beside(&mut self, app: &App, tenant: TenantId, stored: &[u8], digest: Option<&str>) -> AppResult<Beside> {
        self.beside(app, tenant, DETAIL_LABEL, stored, digest).await
    }

    async fn beside(&mut self, app: &App, tenant: TenantId, label: &str, blob: &[u8], digest: Option<&str>) -> AppResult<Beside> {
        let scope = Scope::system(tenant);
        // The head of a blob names its key.
        let head = (tenant, blob.iter().take(SEAL_HEAD_BYTES).copied().collect::<Vec<u8>>());
        if !self.keys.contains_key(&head) {
            let key = match app.vault.bytes_key_of(&scope, blob).await {
                Err(VaultError::SealBroken) => return Ok(Beside::False),
                found => found?,
            };
            self.keys.insert(head.clone(), key);
        }
        let Some(Some(key)) = self.keys.get(&head) else { return Ok(Beside::Lost) };
        let Ok(plain) = key.open(label, blob) else { return Ok(Beside::False) };
        let own = crate::audit_trail::hex(&detail_digest(&plain));
        let said = if digest == Some(own.as_str()) { detail_body(&plain) } else { None };
        Ok(said.map_or(Beside::False, Beside::Said))
    }

    fn keep(&mut self, stored: &[u8], opened: Option<Map<String, Value>>) {
        if self.opened.len() >= ORIGINS_KEPT {
            self.opened.clear();
        }
        self.opened.insert(stored.to_owned(), opened);
    }
}
