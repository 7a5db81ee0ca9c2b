//! Keys of programs: made, turned over, revoked, and shown at the door.
//!
//! A key says of itself which world it is for and which key it is; what proves it is a secret of 256
//! bits, of which only the digest is kept. It may do what whoever made it might do, or less. A test key
//! reaches taxpayers of the sandbox only: its scope says so, and storage shows it no others.

use super::door::{Means, Origin, Principal};
use super::letters::told;
use super::own_roles::parsed;
use super::people::{People, event, held, printable, refusal, require, tell, tell_change};
use super::programs::Programs;
use super::tenancy::{ApiKey, ApiKeySecret, TenantState};
use super::tenancy_ports::PeopleTx;
use crate::error::{AppError, AppResult};
use crate::hooks::events::EventKind;
use crate::lookups::KnownKey;
use crate::mail::MailKind;
use crate::model::NewJob;
use async_trait::async_trait;
use fedatario_audit::Outcome;
use fedatario_base::id::{ApiKeyId, TenantId};
use fedatario_base::{Actor, Code, Permission, Scope, Secret};
use fedatario_identity::api_key::{self, KeyEnvironment, ShownKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Keys of one tenant that may be shown, at most.
pub const KEYS_AT_MOST: u64 = 200;
/// How long a key is good if nobody says.
pub const DAYS_BY_DEFAULT: i64 = 365;
/// How long a key is good at most.
pub const DAYS_AT_MOST: i64 = 730;
/// How long the former secret stays good after a new one, if nobody says.
pub const OVERLAP_HOURS_BY_DEFAULT: i64 = 24;
/// How long it stays good at most.
pub const OVERLAP_HOURS_AT_MOST: i64 = 30 * 24;
/// Secrets of one key at once.
const SECRETS_AT_MOST: usize = 2;
/// Bytes of a key's name.
const NAME_BYTES_AT_MOST: usize = 96;
/// Networks of one key at most.
const NETWORKS_AT_MOST: usize = 32;
/// Calls a minute that a key may be given at most.
const CALLS_AT_MOST: u32 = 100_000;
/// How often the last use of a key is written, so that reading is not writing.
const NOTED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// What a test key may hold: acts on one taxpayer, which storage can tell to be of the sandbox. Jobs, the
/// chain, people, keys and webhooks are of all taxpayers at once.
const WITHIN_SANDBOX: &[Permission] = &[
    Permission::TaxpayerRead,
    Permission::TaxpayerWrite,
    Permission::CredentialRead,
    Permission::CredentialUpload,
    Permission::CredentialSign,
    Permission::SatAsk,
    Permission::DocumentRead,
    Permission::DocumentImport,
    Permission::DocumentExport,
    Permission::InvoiceEmit,
    Permission::ApprovalSend,
];

/// A key as somebody words it.
#[derive(Debug, Clone, Default)]
pub struct KeyAsked {
    /// What people call it.
    pub name: String,
    /// Whether it is for the sandbox only.
    pub is_test: bool,
    /// Texts of permissions.
    pub scopes: Vec<String>,
    /// Networks or addresses that it may be shown from; any if none.
    pub networks: Vec<String>,
    /// Calls a minute, if it is to have a limit of its own.
    pub calls_a_minute: Option<u32>,
    /// Days that it is good.
    pub days: Option<i64>,
}

/// A key, and its secret: this once.
#[derive(Debug)]
pub struct Made {
    /// As kept.
    pub key: ApiKey,
    /// What the program shows.
    pub secret: Secret,
}

impl People {
    /// Makes one. `stepped_up` says that whoever makes it has just proven a factor; only then may it
    /// hold what asks for that.
    pub async fn make_key(&self, scope: &Scope, asked: KeyAsked, stepped_up: bool) -> AppResult<Made> {
        require(scope, Permission::ApiKeyManage)?;
        let now = self.now();
        let scopes = parsed(scope, &asked.scopes)?;
        within_world(scope, asked.is_test)?;
        if asked.is_test {
            within_sandbox(&scopes)?;
        }
        let bad = |text: &str| refusal(Code::ApiKeyFormat, text);
        let days = asked.days.unwrap_or(DAYS_BY_DEFAULT);
        if !(1..=DAYS_AT_MOST).contains(&days) {
            return Err(bad("a key is good for 1 to 730 days"));
        }
        if asked.calls_a_minute.is_some_and(|it| it == 0 || it > CALLS_AT_MOST) {
            return Err(bad("calls a minute are 1 to 100000"));
        }
        let key = ApiKey {
            id: ApiKeyId::fresh(now),
            tenant: scope.tenant(),
            name: printable(&asked.name, NAME_BYTES_AT_MOST).ok_or_else(|| bad("a key's name is 1 to 96 printable bytes"))?,
            is_test: asked.is_test,
            scopes,
            networks: networks(&asked.networks)?,
            calls_a_minute: asked.calls_a_minute,
            created: now,
            created_by: scope.actor().to_string(),
            stepped_up: stepped_up.then_some(now),
            expires: now + SignedDuration::from_hours(days * 24),
            revoked: None,
            used: None,
            revision: 0,
        };
        let (secret, digest) = fresh(&key)?;
        let letters = self.key_letters(scope, &key).await?;
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        held(tx.as_mut(), scope.tenant()).await?;
        if tx.count_api_keys(scope.tenant(), now).await? >= KEYS_AT_MOST {
            return Err(bad("an organisation has 200 keys at most"));
        }
        tx.add_api_key(&key, &ApiKeySecret { digest, created: now, until: None }).await?;
        self.tell_key(tx.as_mut(), scope, &key, EventKind::ApiKeyCreated).await?;
        self.post(tx.as_mut(), scope.tenant(), &letters).await?;
        let texts: Vec<&str> = key.scopes.iter().map(|it| it.text()).collect();
        let entry = event(scope.actor(), now, "api_key.made", key.id).field("scopes", texts.join(" "));
        let entry = entry.field("is_test", key.is_test).field("expires", key.expires.to_string());
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, Value::Null, of_key(&key, &[])).await?;
        tx.commit().await?;
        Ok(Made { key, secret })
    }

    /// Those of the tenant after one, in order of id, revoked ones too.
    pub async fn keys(&self, scope: &Scope, after: Option<ApiKeyId>, limit: u32) -> AppResult<Vec<ApiKey>> {
        require(scope, Permission::ApiKeyManage)?;
        Ok(self.read(scope.actor()).await?.api_keys(scope.tenant(), after, limit).await?)
    }

    /// One of the tenant, with its secrets that have not ended.
    pub async fn key(&self, scope: &Scope, id: ApiKeyId) -> AppResult<(ApiKey, Vec<ApiKeySecret>)> {
        require(scope, Permission::ApiKeyManage)?;
        let now = self.now();
        let found = self.read(scope.actor()).await?.api_key(id, now).await?;
        found.filter(|(key, _)| key.tenant == scope.tenant()).ok_or_else(|| AppError::NotFound(id.to_string()))
    }

    /// Gives a key a second secret; the first stays good for `overlap_hours`.
    pub async fn rotate_key(&self, scope: &Scope, id: ApiKeyId, overlap_hours: Option<i64>) -> AppResult<Made> {
        require(scope, Permission::ApiKeyManage)?;
        let now = self.now();
        let hours = overlap_hours.unwrap_or(OVERLAP_HOURS_BY_DEFAULT);
        if !(0..=OVERLAP_HOURS_AT_MOST).contains(&hours) {
            return Err(refusal(Code::ApiKeyFormat, "two secrets are good together for 0 to 720 hours"));
        }
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        let found = tx.api_key(id, now).await?.filter(|(key, _)| key.tenant == scope.tenant());
        let (key, secrets) = found.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        if key.revoked.is_some() || key.expires <= now {
            return Err(refusal(Code::ApiKeyOver, "the key was revoked or has ended"));
        }
        if secrets.len() >= SECRETS_AT_MOST && hours > 0 {
            return Err(refusal(
                Code::ApiKeyRotating,
                "two secrets are good already; wait for the first to end, or end both at once",
            ));
        }
        // Whoever turns a key over holds it afterwards.
        super::people::exceeding(scope, &key.scopes)?;
        within_world(scope, key.is_test)?;
        let (secret, digest) = fresh(&key)?;
        let kept = ApiKeySecret { digest, created: now, until: None };
        tx.add_api_key_secret(scope.tenant(), id, &kept, now + SignedDuration::from_hours(hours), now).await?;
        let entry = event(scope.actor(), now, "api_key.rotated", id).field("overlap_hours", hours);
        let after = tx.api_key(id, now).await?.map(|(key, secrets)| of_key(&key, &secrets));
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, of_key(&key, &secrets), after.unwrap_or_default()).await?;
        tx.commit().await?;
        Ok(Made { key, secret })
    }

    /// Revokes one, at once and for good.
    pub async fn revoke_key(&self, scope: &Scope, id: ApiKeyId) -> AppResult<ApiKey> {
        require(scope, Permission::ApiKeyManage)?;
        let now = self.now();
        let pen = self.pen(scope.tenant()).await?;
        let mut tx = self.begin(scope.actor()).await?;
        let found = tx.api_key(id, now).await?.filter(|(key, _)| key.tenant == scope.tenant());
        let (mut key, secrets) = found.ok_or_else(|| AppError::NotFound(id.to_string()))?;
        if key.revoked.is_some() {
            return Ok(key);
        }
        let before = of_key(&key, &secrets);
        key.revoked = Some((now, scope.actor().to_string()));
        tx.update_api_key(&key).await?;
        self.tell_key(tx.as_mut(), scope, &key, EventKind::ApiKeyRevoked).await?;
        let entry = event(scope.actor(), now, "api_key.revoked", id);
        tell_change(tx.as_mut(), scope.tenant(), &pen, entry, before, of_key(&key, &secrets)).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// What whoever rules the tenant is told of a new key.
    async fn key_letters(&self, scope: &Scope, key: &ApiKey) -> AppResult<Vec<NewJob>> {
        let mut tx = self.read(scope.actor()).await?;
        let (organisation, by) = (self.name_of(tx.as_mut(), key.tenant).await?, self.by(tx.as_mut(), scope.actor()).await?);
        let to = self.administrators(tx.as_mut(), key.tenant).await?;
        drop(tx); // Sealing a mail may write.
        let fields = |language| {
            let (organisation, name) = (organisation.clone(), key.name.clone());
            vec![("organisation", organisation), ("name", name), ("by", by.words(language)), ("at", told(key.created))]
        };
        self.letters(key.tenant, MailKind::ApiKeyCreated, &to, fields).await
    }

    async fn tell_key(&self, tx: &mut dyn PeopleTx, scope: &Scope, key: &ApiKey, kind: EventKind) -> AppResult<()> {
        let data = json!({ "key": key.id.to_string(), "name": key.name, "by": scope.actor().to_string() });
        self.tell_outside(tx, key.tenant, kind, data).await
    }

    /// Who shows this key, from there; for the door. Whatever is wrong with it, the answer is the same.
    async fn admit_key(&self, shown: &ShownKey, tenant: Option<TenantId>, origin: &Origin) -> AppResult<Principal> {
        let now = self.now();
        // Calls of one program at once share the look.
        let shared = self.app.lookups.keys.read(shown.id, async { self.known_key(shown.id).await.ok() }).await;
        let known = match shared {
            Some(known) => known,
            None => self.known_key(shown.id).await?,
        };
        let (key, secrets, open) = known.ok_or_else(unknown)?;
        let proven = secrets.iter().fold(false, |known, it| same(&it.digest, &shown.digest) | known);
        if !proven || !open || shown.environment != environment(&key) || key.revoked.is_some() || key.expires <= now {
            return Err(unknown());
        }
        if !within(&key.networks, origin.address) {
            self.tell_foreign_address(&key, now).await?;
            return Err(unknown());
        }
        if tenant.is_some_and(|it| it != key.tenant) {
            return Err(refusal(Code::TenantMismatch, "the key is another organisation's"));
        }
        self.note_use(&key, now, origin).await?;
        Ok(principal(&key))
    }

    async fn known_key(&self, id: ApiKeyId) -> AppResult<KnownKey> {
        let mut tx = self.read(&Actor::System).await?;
        let Some((key, secrets)) = tx.api_key(id, self.now()).await? else { return Ok(None) };
        let open = tx.tenant(key.tenant).await?.is_some_and(|it| it.state == TenantState::Active);
        Ok(Some((key, secrets, open)))
    }

    /// Whether a key that was let in still would be.
    async fn still_admits(&self, id: ApiKeyId) -> AppResult<bool> {
        let now = self.now();
        let mut tx = self.read(&Actor::System).await?;
        let Some((key, _)) = tx.api_key(id, now).await? else { return Ok(false) };
        let open = tx.tenant(key.tenant).await?.is_some_and(|it| it.state == TenantState::Active);
        Ok(open && key.revoked.is_none() && key.expires > now)
    }

    async fn note_use(&self, key: &ApiKey, now: Timestamp, origin: &Origin) -> AppResult<()> {
        if key.used.as_ref().is_some_and(|(at, _)| now.duration_since(*at) < NOTED_EVERY) {
            return Ok(());
        }
        let mut tx = self.begin(&Actor::System).await?;
        tx.note_api_key_use(key.tenant, key.id, now, &origin.address.to_string()).await?;
        Ok(tx.commit().await?)
    }

    /// The secret was right and the place was not: somebody may have found it.
    async fn tell_foreign_address(&self, key: &ApiKey, now: Timestamp) -> AppResult<()> {
        let mut tx = self.begin(&Actor::System).await?;
        let entry = event(&Actor::ApiKey(key.id), now, "api_key.shown_elsewhere", key.id);
        let entry = entry.outcome(Outcome::Refused);
        tell(tx.as_mut(), key.tenant, entry).await?;
        Ok(tx.commit().await?)
    }
}

#[async_trait]
impl Programs for People {
    async fn enter(&self, key: &ShownKey, tenant: Option<TenantId>, origin: &Origin) -> AppResult<Principal> {
        self.admit_key(key, tenant, origin).await
    }

    async fn still_in(&self, principal: &Principal) -> bool {
        match principal.means {
            // Storage that is away lets nobody stay.
            Means::Key { key, .. } => self.still_admits(key).await.unwrap_or(false),
            Means::Session { .. } => false,
        }
    }
}

/// A key, as entries tell it: when its secrets end, and never what they are.
fn of_key(it: &ApiKey, secrets: &[ApiKeySecret]) -> Value {
    let scopes: Vec<&str> = it.scopes.iter().map(|it| it.text()).collect();
    let ends: Vec<Value> = secrets.iter().map(|it| it.until.map(|it| it.to_string()).into()).collect();
    json!({
        "name": it.name, "is_test": it.is_test, "scopes": scopes, "networks": it.networks, "calls_a_minute": it.calls_a_minute,
        "expires": it.expires.to_string(), "revoked": it.revoked.as_ref().map(|it| it.0.to_string()), "ends_of_its_shown_texts": ends,
    })
}

/// A test key makes no live one.
fn within_world(scope: &Scope, is_test: bool) -> AppResult<()> {
    if scope.is_sandbox_only() && !is_test {
        return Err(refusal(Code::PermissionExceeds, "a test key hands out no live one"));
    }
    Ok(())
}

/// A test key does nothing that is of all taxpayers at once.
fn within_sandbox(scopes: &[Permission]) -> AppResult<()> {
    match scopes.iter().find(|it| !WITHIN_SANDBOX.contains(it)) {
        Some(odd) => Err(refusal(Code::PermissionExceeds, format!("a test key cannot hold {}", odd.text()))),
        None => Ok(()),
    }
}

fn principal(key: &ApiKey) -> Principal {
    let scope = Scope::signed_in(key.tenant, Actor::ApiKey(key.id), key.scopes.clone());
    Principal {
        scope: if key.is_test { scope.in_sandbox_only().only(WITHIN_SANDBOX) } else { scope },
        means: Means::Key { key: key.id, is_test: key.is_test },
        platform: Vec::new(),
        authenticated: key.stepped_up.unwrap_or(key.created),
        is_stepped_up: key.stepped_up.is_some(),
        calls_a_minute: key.calls_a_minute,
    }
}

fn environment(key: &ApiKey) -> KeyEnvironment {
    if key.is_test { KeyEnvironment::Test } else { KeyEnvironment::Live }
}

/// What is shown once, and what is kept of it.
fn fresh(key: &ApiKey) -> AppResult<(Secret, [u8; 32])> {
    Ok(api_key::fresh(environment(key), key.id)?)
}

fn same(kept: &[u8; 32], shown: &[u8; 32]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(kept, shown).is_ok()
}

fn unknown() -> AppError {
    refusal(Code::Unauthenticated, "no such key")
}

/// Addresses and networks in their normal form.
fn networks(texts: &[String]) -> AppResult<Vec<String>> {
    let bad = || refusal(Code::ApiKeyFormat, "an address, or a network as 10.0.0.0/8; 32 at most");
    if texts.len() > NETWORKS_AT_MOST {
        return Err(bad());
    }
    texts.iter().map(|it| network(it).map(|(address, bits)| format!("{address}/{bits}")).ok_or_else(bad)).collect()
}

/// The first address of a network, and its bits.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.trim().split_once('/').map_or((text.trim(), None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse::<IpAddr>().ok()?.to_canonical();
    let width = width(address);
    let bits = bits.map_or(Some(width), |it| it.parse().ok()).filter(|it| *it <= width)?;
    Some((masked(address, bits), bits))
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(it) => IpAddr::V4((it.to_bits() & u32::MAX.checked_shl(32 - bits).unwrap_or(0)).into()),
        IpAddr::V6(it) => IpAddr::V6((it.to_bits() & u128::MAX.checked_shl(128 - bits).unwrap_or(0)).into()),
    }
}

/// Whether an address is in one of the networks; in any if there is none.
fn within(networks: &[String], address: IpAddr) -> bool {
    let address = address.to_canonical();
    let holds = |(first, bits): (IpAddr, u32)| width(first) == width(address) && masked(address, bits) == first;
    networks.is_empty() || networks.iter().filter_map(|it| network(it)).any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_within_networks() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("192.0.2.0/24", "::ffff:192.0.2.7", true),
            ("::/0", "2001:db8::1", true),
        ];
        for (text, address, expected) in table {
            let kept = networks(&[text.to_owned()]).unwrap();
            assert_eq!(within(&kept, address.parse().unwrap()), expected, "{text} {address}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "localhost", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8/8"] {
            assert!(networks(&[text.to_owned()]).is_err(), "{text}");
        }
        assert!(within(&[], "127.0.0.1".parse().unwrap()));
        fedatario_testkit::covers!("keys: a key is good only from its networks, mapped addresses counted as what they are");
    }
}
