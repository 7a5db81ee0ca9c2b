//! The job that asks an authority whether it has taken a certificate back.
//!
//! Responders are asked before lists, each address once; the first word that holds ends it. What was kept
//! stays kept when nobody says anything: a good word runs out by itself. Lists are remembered while they
//! count, so that many certificates of one authority cost one download.

use super::authorities::Places;
use super::model::{RevocationRow, RevocationState};
use super::ports::{Ask, Fetcher};
use crate::App;
use crate::audit_trail::{entry, hex};
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::hooks;
use crate::jobs::{Handler, JobFailure};
use crate::model::{ClaimedJob, CredentialState, NewJob};
use crate::ports::{LeaseProof, Tx};
use async_trait::async_trait;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::{Code, Scope};
use fedatario_credentials::Certificate;
use fedatario_credentials::revocation::{List, MAX_ANSWER_BYTES, MAX_LIST_BYTES, NONCE_BYTES, State, Told, answer, question};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Ask whether a certificate is revoked.
pub const TRUST_CHECK: &str = "trust.check";

/// A word is asked for anew after this long, though it counts for longer.
const ASKED_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// And no sooner than this, though it counts for less.
const ASKED_AT_LEAST_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Lists that are remembered: one of each authority of three countries, and then some.
const LISTS_AT_MOST: usize = 16;
/// Characters of a problem that are kept.
const PROBLEM_CHARS_AT_MOST: usize = 200;
/// Why a credential is blocked whose certificate is revoked.
pub(crate) const REVOKED: &str = "certificate_revoked";

/// The job that asks about a certificate.
pub fn check_job(certificate: &Certificate, due: Timestamp) -> NewJob {
    let payload = serde_json::json!({ "certificate": STANDARD.encode(certificate.der()) });
    NewJob { kind: TRUST_CHECK, key: hex(&certificate.fingerprint_sha256()), payload, due, run: None }
}

/// Asks authorities, and remembers their lists.
pub struct Inquiry {
    fetcher: Arc<dyn Fetcher>,
    lists: Mutex<HashMap<String, Arc<List>>>,
}

/// Does the job.
pub struct Checks {
    app: App,
    inquiry: Inquiry,
}

impl Checks {
    /// Over the services of this process.
    pub fn new(app: App, fetcher: Arc<dyn Fetcher>) -> Self {
        Self { app, inquiry: Inquiry::new(fetcher) }
    }

    async fn check(&self, job: &ClaimedJob, scope: &Scope) -> Result<(), JobFailure> {
        let certificate = certificate_of(job)?;
        let lease = LeaseProof { job: job.id, token: job.token };
        let now = self.app.clock.wall();
        let chain = self.app.trust.chain(&certificate, now);
        let places = chain.issuer().and_then(|it| Some((it, self.app.trust.places_of(it)?)));
        let Some((issuer, places)) = places else {
            // Nobody configured who could be asked, or not any more: nothing is fetched for a stranger.
            let mut tx = self.app.store.begin(scope).await?;
            tx.finish_job(lease).await?;
            return Ok(tx.commit().await?);
        };
        let said = self.inquiry.ask(&certificate, issuer, places, now).await;
        Ok(self.keep(scope, &certificate, said, lease).await?)
    }

    async fn keep(
        &self,
        scope: &Scope,
        certificate: &Certificate,
        said: Result<(Told, String), String>,
        lease: LeaseProof,
    ) -> AppResult<()> {
        let now = Moment::now(&self.app, scope);
        let mut tx = self.app.store.begin(scope).await?;
        let before = tx.revocation(&certificate.fingerprint_sha256()).await?;
        let was = before.as_ref().map_or(RevocationState::Unknown, |it| it.state);
        let row = row_of(certificate, before, said, now.wall);
        tx.put_revocation(&row).await?;
        if row.state == RevocationState::Revoked {
            block(tx.as_mut(), &now, certificate).await?;
        }
        if row.state != was {
            let event = entry(&now, "certificate.revocation", &hex(&row.fingerprint), row.state.text());
            tx.append(event.field("source", row.source.as_deref().unwrap_or_default()), None).await?;
        }
        tx.finish_job(lease).await?;
        Ok(tx.commit().await?)
    }
}

impl Inquiry {
    /// By this way out.
    pub fn new(fetcher: Arc<dyn Fetcher>) -> Self {
        Self { fetcher, lists: Mutex::default() }
    }

    /// What the first place says that says anything, and which it was; else what went wrong at the last.
    pub async fn ask(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        places: &Places,
        now: Timestamp,
    ) -> Result<(Told, String), String> {
        let mut problem = String::new();
        for url in &places.ocsp {
            match self.by_ocsp(url, certificate, issuer, now).await {
                Ok(told) => return Ok((told, format!("ocsp {url}"))),
                Err(error) => problem = format!("ocsp {url}: {error}"),
            }
        }
        for url in &places.crl {
            match self.by_list(url, certificate, issuer, now).await {
                Ok(told) => return Ok((told, format!("crl {url}"))),
                Err(error) => problem = format!("crl {url}: {error}"),
            }
        }
        Err(problem)
    }

    async fn by_ocsp(&self, url: &str, certificate: &Certificate, issuer: &Certificate, now: Timestamp) -> Result<Told, String> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).map_err(|_| "no entropy".to_owned())?;
        let asked = question(certificate, issuer, &nonce).map_err(|error| error.to_string())?;
        let ask = Ask { url, question: Some(&asked), bytes_at_most: MAX_ANSWER_BYTES };
        let bytes = self.fetcher.fetch(ask).await.map_err(|error| error.to_string())?;
        answer(&bytes, certificate, issuer, &nonce, now).map_err(|error| error.to_string())
    }

    async fn by_list(&self, url: &str, certificate: &Certificate, issuer: &Certificate, now: Timestamp) -> Result<Told, String> {
        if let Some(list) = self.remembered(url, now)
            && let Ok(told) = list.state_of(certificate, issuer)
        {
            return Ok(told);
        }
        let bytes = self.fetcher.fetch(Ask { url, question: None, bytes_at_most: MAX_LIST_BYTES }).await;
        let bytes = bytes.map_err(|error| error.to_string())?;
        let by = issuer.clone();
        let read = tokio::task::spawn_blocking(move || List::read(&bytes, &by, now)).await;
        let list = Arc::new(read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?);
        self.remember(url, list.clone());
        list.state_of(certificate, issuer).map_err(|error| error.to_string())
    }

    /// A list that counts for another hour at least.
    fn remembered(&self, url: &str, now: Timestamp) -> Option<Arc<List>> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.get(url).filter(|it| it.next_update() > now + ASKED_AT_LEAST_AFTER).cloned()
    }

    fn remember(&self, url: &str, list: Arc<List>) {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= LISTS_AT_MOST {
            lists.clear();
        }
        lists.insert(url.to_owned(), list);
    }
}

/// What is kept after asking. Who was revoked and is now said to be good was on hold.
fn row_of(
    certificate: &Certificate,
    before: Option<RevocationRow>,
    said: Result<(Told, String), String>,
    now: Timestamp,
) -> RevocationRow {
    let fresh = || RevocationRow {
        fingerprint: certificate.fingerprint_sha256(),
        certificate: certificate.der().to_vec(),
        state: RevocationState::Unknown,
        source: None,
        problem: None,
        reason: None,
        revoked: None,
        this_update: None,
        next_update: None,
        checked: now,
        due: now + ASKED_AT_LEAST_AFTER,
    };
    let (told, source) = match said {
        Ok(said) => said,
        Err(problem) => {
            let problem = Some(problem.chars().take(PROBLEM_CHARS_AT_MOST).collect());
            let due = now + ASKED_AT_LEAST_AFTER;
            return RevocationRow { problem, checked: now, due, ..before.unwrap_or_else(fresh) };
        }
    };
    let (state, revoked, reason) = match told.state {
        State::Good => (RevocationState::Good, None, None),
        State::Revoked { at, reason } => (RevocationState::Revoked, Some(at), Some(reason.to_owned())),
    };
    RevocationRow {
        state,
        source: Some(source),
        reason,
        revoked,
        this_update: Some(told.this_update),
        next_update: Some(told.next_update),
        due: told.next_update.min(now + ASKED_EVERY).max(now + ASKED_AT_LEAST_AFTER),
        ..fresh()
    }
}

/// Nothing is signed any more with a certificate that its authority took back. One that waits or rests stays
/// where it is, marked, so that nobody and no job puts it into use.
async fn block(tx: &mut dyn Tx, now: &Moment, certificate: &Certificate) -> AppResult<()> {
    for credential in tx.credentials_bearing(certificate.der()).await? {
        if credential.reason.as_deref() == Some(REVOKED) {
            continue;
        }
        let state = match credential.state {
            CredentialState::Active => CredentialState::Blocked,
            other => other,
        };
        tx.set_credential_state(credential.id, state, Some(REVOKED)).await?;
        let event = entry(now, "credential", &credential.id.to_string(), "blocked").field("reason", REVOKED);
        tx.append(event.field("number", credential.number.as_str()), None).await?;
        let Some(owner) = credential.owner.taxpayer() else { continue };
        if let Some(taxpayer) = tx.taxpayer(owner).await? {
            hooks::credential_blocked(tx, now, &taxpayer, &credential.number, REVOKED).await?;
        }
    }
    Ok(())
}

fn certificate_of(job: &ClaimedJob) -> Result<Certificate, JobFailure> {
    let malformed = || JobFailure::Failed { code: Code::Internal, text: "payload of trust.check not understood".to_owned() };
    let text = job.payload.get("certificate").and_then(|it| it.as_str()).ok_or_else(malformed)?;
    let der = STANDARD.decode(text).map_err(|_| malformed())?;
    Certificate::parse(&der).map_err(|error| AppError::from(error).into())
}

#[async_trait]
impl Handler for Checks {
    fn kinds(&self) -> &'static [&'static str] {
        &[TRUST_CHECK]
    }

    async fn handle(&self, job: &ClaimedJob, scope: Scope) -> Result<(), JobFailure> {
        self.check(job, &scope).await
    }
}
