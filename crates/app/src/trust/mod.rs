//! Whether a certificate can be relied on: an authority that somebody configured issued it, and has not
//! taken it back.
//!
//! The chain is walked at once and nothing is fetched for it. Whether it is revoked is asked by a job, at
//! addresses configured for the authority and at no others, and only once the chain has reached that
//! authority; what was answered is kept with its date. Until somebody answered, and when what they said has
//! run out, the state is *unknown*, never *good*. A certificate that is revoked blocks the credentials that
//! bear it, in the transaction that learns of it: whoever would sign is refused before a key is opened.

mod authorities;
mod check;
pub mod model;
pub mod ports;

pub use authorities::{Chain, Places, Trust, TrustError};
pub use check::{Checks, Inquiry, TRUST_CHECK, check_job};

use crate::App;
use crate::audit_trail::hex;
use crate::error::{AppError, AppResult};
use crate::ports::Tx;
use fedatario_base::{Code, Scope};
use fedatario_credentials::Certificate;
use jiff::Timestamp;
use model::{RevocationRow, RevocationState};

/// What is known of a certificate's revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What its authority last said, as far as that still counts.
    pub state: RevocationState,
    /// When it was last asked (wall).
    pub checked_at: Option<Timestamp>,
    /// Until when what it said counts.
    pub until: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why it is revoked, in the words of RFC 5280.
    pub reason: Option<String>,
    /// Who said so: `ocsp` or `crl`, and the address.
    pub source: Option<String>,
    /// Why nothing is known, in a word: `no_address`, `not_asked_yet`, `expired_answer`, `chain`, or what went
    /// wrong when it was last asked.
    pub why: Option<String>,
}

/// How a certificate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The way to an authority.
    pub chain: Chain,
    /// What that authority says.
    pub revocation: Revocation,
    /// When this was put together (wall).
    pub at: Timestamp,
}

impl Standing {
    /// Whether nothing speaks against it. Where no authority is configured, or none answered, nothing does: the
    /// states themselves say how much that is worth.
    pub fn is_bearable(&self) -> bool {
        !matches!(self.chain, Chain::Untrusted(_)) && self.revocation.state != RevocationState::Revoked
    }

    /// The same, with what speaks against it as the refusal.
    pub fn bearable(self) -> AppResult<()> {
        if let Chain::Untrusted(error) = self.chain {
            return Err(error.into());
        }
        if self.revocation.state == RevocationState::Revoked {
            let text = self.revocation.reason.unwrap_or_default();
            return Err(AppError::Input { code: Code::CertificateRevoked, text });
        }
        Ok(())
    }
}

impl Revocation {
    fn unknown(why: &str) -> Self {
        Self {
            state: RevocationState::Unknown,
            checked_at: None,
            until: None,
            revoked_at: None,
            reason: None,
            source: None,
            why: Some(why.to_owned()),
        }
    }

    /// What a row says at an instant. Good runs out; revoked does not: only a newer answer lifts a hold.
    pub fn of(row: &RevocationRow, now: Timestamp) -> Self {
        let has_run_out = row.state == RevocationState::Good && row.next_update.is_none_or(|it| it < now);
        let state = if has_run_out { RevocationState::Unknown } else { row.state };
        let why = match state {
            RevocationState::Unknown => Some(row.problem.clone().unwrap_or_else(|| "expired_answer".to_owned())),
            _ => None,
        };
        Self {
            state,
            checked_at: Some(row.checked),
            until: row.next_update,
            revoked_at: row.revoked,
            reason: row.reason.clone(),
            source: row.source.clone(),
            why,
        }
    }
}

/// How a certificate stands in a tenant. Where an authority can be asked and nothing is kept that still
/// counts, a job that asks is enqueued, once; this call does not wait for it.
pub async fn standing(app: &App, scope: &Scope, certificate: &Certificate) -> AppResult<Standing> {
    standing_by(app, scope, certificate, &[]).await
}

/// The same by way of certificates that came in the same file. Who issued it is then known, and where its
/// issuer can be asked only if somebody configured that.
pub async fn standing_by(app: &App, scope: &Scope, certificate: &Certificate, along: &[Certificate]) -> AppResult<Standing> {
    let now = app.clock.wall();
    let chain = app.trust.chain_by(certificate, along, now);
    let Some(issuer) = chain.issuer() else {
        return Ok(Standing { chain, revocation: Revocation::unknown("chain"), at: now });
    };
    if app.trust.places_of(issuer).is_none() {
        return Ok(Standing { chain, revocation: Revocation::unknown("no_address"), at: now });
    }
    let mut tx = app.store.read(scope).await?;
    let kept = tx.revocation(&certificate.fingerprint_sha256()).await?;
    drop(tx);
    if kept.as_ref().is_none_or(|it| it.due <= now) {
        let mut tx = app.store.begin(scope).await?;
        tx.enqueue(&check_job(certificate, app.clock.service()), app.clock.service()).await?;
        tx.commit().await?;
    }
    let revocation = kept.map_or_else(|| Revocation::unknown("not_asked_yet"), |it| Revocation::of(&it, now));
    Ok(Standing { chain, revocation, at: now })
}

/// Refuses a certificate that speaks against itself: nobody's authority issued it, or its authority took it back.
pub async fn require(app: &App, scope: &Scope, certificate: &Certificate, along: &[Certificate]) -> AppResult<()> {
    standing_by(app, scope, certificate, along).await?.bearable()
}

/// The same from what is kept, without asking anybody for anything: for whoever holds a transaction.
pub async fn kept(app: &App, tx: &mut dyn Tx, certificate: &Certificate) -> AppResult<Standing> {
    let now = app.clock.wall();
    let chain = app.trust.chain(certificate, now);
    let revocation = match chain.issuer() {
        None => Revocation::unknown("chain"),
        Some(issuer) if app.trust.places_of(issuer).is_none() => Revocation::unknown("no_address"),
        Some(_) => {
            let row = tx.revocation(&certificate.fingerprint_sha256()).await?;
            row.map_or_else(|| Revocation::unknown("not_asked_yet"), |it| Revocation::of(&it, now))
        }
    };
    Ok(Standing { chain, revocation, at: now })
}

/// What a certificate is called where its bytes are meant: SHA-256 in lower-case hex.
pub fn name_of(certificate: &Certificate) -> String {
    hex(&certificate.fingerprint_sha256())
}
