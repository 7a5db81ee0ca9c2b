//! One request, as somebody words it: what SAT would say to it is said first, then it is asked.
//!
//! It goes the way of a year's: planned, asked once, verified, fetched, imported. The same wish asked
//! twice is one request: while it is under way it is joined, once it came home it is only pointed at,
//! unless somebody wants it *again*, which costs a variant of its window.

use super::counts;
use super::handlers;
use super::plan::{self, Held};
use super::transition::{self, Moment, PartPlan, mexico};
use crate::App;
use crate::audit_trail::{self, entry};
use crate::error::{AppError, AppResult};
use crate::model::*;
use crate::ports::Tx;
use fedatario_base::{Code, Scope};
use fedatario_fiscal::mx::asking::{self, Broken, IDENTICAL_FOR_LIFE, Query};
use fedatario_fiscal::mx::window::{self, MAX_VARIANTS, Window};
use serde::Serialize;

/// What would come of a request if it were asked as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The code that SAT would give.
    pub sat: &'static str,
    /// Ours.
    pub code: &'static str,
    /// In words, with the facts.
    pub detail: String,
    /// What is done about it.
    pub remedy: Remedy,
}

/// What is done about a refusal that is foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Nothing but asking for something else.
    None,
    /// The window begins some seconds earlier, without asking anybody.
    NextVariant,
    /// The request that is under way is waited for.
    Join,
    /// What was brought home already is pointed at; `--again` asks one second wider.
    Again,
    /// Its parts are asked instead; somebody has to agree.
    Split,
}

/// A request of before that SAT would take for the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Earlier {
    /// Which.
    pub id: String,
    /// SAT's own id of it.
    pub id_solicitud: Option<String>,
    /// When it was planned.
    pub asked_at: String,
    /// From when it asked, to the second.
    pub from: String,
    /// Which variant it is.
    pub k: u32,
    /// How far it came.
    pub state: SolicitudState,
    /// Whether its filters are the same too.
    pub is_same: bool,
}

/// What is foreseen of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Forecast {
    /// What SAT would refuse, and what is done about it.
    pub findings: Vec<Finding>,
    /// Requests that SAT would take for the same.
    pub earlier: Vec<Earlier>,
    /// How many documents it should bring, by the metadata that is here; an upper bound.
    pub expected: u64,
    /// How many one request brings at most.
    pub at_most: u64,
    /// The variant of the window that is next.
    pub next_k: u32,
    /// Its parts, if it is too much.
    pub parts: Vec<PartPlan>,
}

impl Forecast {
    /// The first finding that nothing can be done about.
    pub fn refusal(&self) -> Option<&Finding> {
        self.findings.iter().find(|it| it.remedy == Remedy::None)
    }

    /// Whether somebody has to agree to its parts.
    pub fn needs_split(&self) -> bool {
        self.findings.iter().any(|it| it.remedy == Remedy::Split)
    }
}

/// What somebody agreed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Consent {
    /// To ask for the parts of what is too much.
    pub split: bool,
    /// To ask once more for what was asked before.
    pub again: bool,
}

/// What asking came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Asked {
    /// What was foreseen.
    pub forecast: Forecast,
    /// Requests that are new.
    pub planned: Vec<String>,
    /// A request of before that answers it.
    pub held: Option<Held>,
    /// The run of its jobs.
    pub run: String,
    /// Nothing was planned: somebody has to agree to the parts first.
    pub needs_split: bool,
}

/// What would come of a request.
pub async fn forecast(app: &App, scope: &Scope, taxpayer: &Taxpayer, wanted: &Wanted) -> AppResult<Forecast> {
    let now = Moment::now(app, scope);
    let mut tx = app.store.read(scope).await?;
    let mut forecast = Forecast { at_most: counts::at_most(app, wanted.content).get(), ..Forecast::default() };
    certificate(tx.as_mut(), &now, taxpayer, &mut forecast).await?;
    if wanted.filters.folio.is_some() {
        folio(tx.as_mut(), taxpayer, wanted, &mut forecast).await?;
        return Ok(forecast);
    }
    rules(&now, wanted, &mut forecast)?;
    before(tx.as_mut(), &now, taxpayer, wanted, &mut forecast).await?;
    let (expected, parts) = counts::look(tx.as_mut(), taxpayer.id, wanted, forecast.at_most).await?;
    forecast.expected = expected;
    if let Some(parts) = parts {
        let detail = format!("{expected} documents are expected and {} fit; {} parts", forecast.at_most, parts.len());
        let remedy = if parts.len() > 1 { Remedy::Split } else { Remedy::None };
        forecast.findings.push(Finding { sat: "5003", code: Code::RequestTooLarge.slug(), detail, remedy });
        forecast.parts = parts;
    }
    Ok(forecast)
}

/// 303 to 305: whether the e.firma is there, is the taxpayer's own, and may be used.
async fn certificate(tx: &mut dyn Tx, now: &Moment, taxpayer: &Taxpayer, forecast: &mut Forecast) -> AppResult<()> {
    let mut say = |sat, code: Code, detail: String| {
        forecast.findings.push(Finding { sat, code: code.slug(), detail, remedy: Remedy::None });
    };
    let Some(current) = tx.current_credential(Owner::Taxpayer(taxpayer.id), CredentialKind::Fiel).await? else {
        say("305", Code::CredentialMissing, format!("{} has no e.firma here", taxpayer.tax_id));
        return Ok(());
    };
    if current.state == CredentialState::Blocked {
        let reason = current.reason.clone().unwrap_or_default();
        say("305", Code::CredentialBlocked, format!("SAT refused the certificate {} ({reason})", current.number));
    }
    if current.not_after <= now.wall {
        say("304", Code::CertificateExpired, format!("{} ended on {}", current.number, current.not_after));
    }
    let named = fedatario_credentials::Certificate::parse(&current.certificate).map(|it| it.rfc().to_owned());
    if let Some(other) = named.ok().filter(|it| *it != taxpayer.tax_id) {
        let detail = format!("the e.firma is of {other}, the request of {}", taxpayer.tax_id);
        say("301", Code::CertificateTaxpayerMismatch, detail);
    }
    Ok(())
}

/// 301: the rules of the service.
fn rules(now: &Moment, wanted: &Wanted, forecast: &mut Forecast) -> AppResult<()> {
    let query = Query {
        is_retenciones: wanted.family == Family::Retenciones,
        direction: plan::side(wanted.direction),
        content: plan::content(wanted.content),
        estado: match wanted.estado {
            Estado::Todos => window::Estado::Todos,
            Estado::Vigente => window::Estado::Vigente,
            Estado::Cancelado => window::Estado::Cancelado,
        },
        window: Window { from: wanted.from, to: wanted.to },
        counterparties: &wanted.filters.counterparties,
        kind: wanted.filters.kind.as_deref(),
        complement: wanted.filters.complement.as_deref(),
        third_party: wanted.filters.third_party.as_deref(),
    };
    let broken = asking::check(&query, mexico(now.service)?);
    forecast.findings.extend(broken.iter().map(refused));
    Ok(())
}

fn refused(broken: &Broken) -> Finding {
    Finding { sat: "301", code: broken.code().slug(), detail: broken.to_string(), remedy: Remedy::None }
}

/// 5002 and 5005: what was asked before.
async fn before(tx: &mut dyn Tx, now: &Moment, taxpayer: &Taxpayer, wanted: &Wanted, forecast: &mut Forecast) -> AppResult<()> {
    let meant = plan::fresh(now, taxpayer.id, wanted, Purpose::Request, String::new());
    let all = tx.solicitudes(taxpayer.id, None).await?;
    let family: Vec<&Solicitud> = all.iter().filter(|it| transition::shares_identity(it, &meant)).collect();
    forecast.earlier = family.iter().map(|it| earlier(it, &meant)).collect();
    forecast.next_k = family.iter().map(|it| it.k + 1).max().unwrap_or(0);
    let same: Vec<&&Solicitud> = family.iter().filter(|it| transition::is_same_window(it, &meant)).collect();
    let mut say = |sat, detail: String, remedy| {
        forecast.findings.push(Finding { sat, code: Code::WindowAsked.slug(), detail, remedy });
    };
    let active = |it: &&&&Solicitud| it.state.is_open();
    if let Some(active) = same.iter().find(active) {
        say("5005", format!("{} is under way ({})", active.id, active.state), Remedy::Join);
    } else if let Some(last) = same.last() {
        let times = format!("asked {} times, last as {} on {:.0} ({})", same.len(), last.id, last.created, last.state);
        let left = MAX_VARIANTS.saturating_sub(same.len() as u32);
        let remedy = if left > 0 { Remedy::Again } else { Remedy::None };
        say("5002", format!("{times}; {left} variants are left, the next is k={}", forecast.next_k), remedy);
    } else if let Some(other) = family.iter().max_by_key(|it| it.k) {
        let active = family.iter().find(|it| it.state.is_open());
        let (sat, which) = active.map_or(("5002", *other), |it| ("5005", *it));
        let why = format!("{} asked for the same dates and RFCs with other filters, which do not count at SAT", which.id);
        say(sat, format!("{why}; this one goes as k={}", forecast.next_k), Remedy::NextVariant);
    }
    Ok(())
}

fn earlier(s: &Solicitud, meant: &Solicitud) -> Earlier {
    Earlier {
        id: s.id.to_string(),
        id_solicitud: s.authority_id.clone(),
        asked_at: format!("{:.0}", s.created),
        from: s.from.to_string(),
        k: s.k,
        state: s.state,
        is_same: transition::is_same_window(s, meant),
    }
}

/// 5002, 5005 and 5012 of a folio.
async fn folio(tx: &mut dyn Tx, taxpayer: &Taxpayer, wanted: &Wanted, forecast: &mut Forecast) -> AppResult<()> {
    let folio = wanted.filters.folio.as_deref().unwrap_or_default();
    if let Err(broken) = asking::folio(folio) {
        forecast.findings.push(refused(&broken));
        return Ok(());
    }
    if tx.metadata_status(taxpayer.id, folio).await? == Some(DocumentStatus::Cancelado) {
        let detail = format!("{folio} is cancelled, and SAT keeps its XML to itself; its metadata are here");
        let finding = Finding { sat: "5012", code: Code::WindowReceivedCancelled.slug(), detail, remedy: Remedy::None };
        forecast.findings.push(finding);
    }
    let all = tx.solicitudes(taxpayer.id, None).await?;
    let same: Vec<&Solicitud> =
        all.iter().filter(|it| it.family == wanted.family && it.filters.folio.as_deref() == Some(folio)).collect();
    forecast.earlier = same.iter().map(|it| earlier(it, it)).collect();
    forecast.next_k = same.len() as u32;
    let spent = same.iter().filter(|it| it.authority_id.is_some() || it.state == SolicitudState::Uncertain).count();
    let found = match same.last() {
        None => return Ok(()),
        Some(last) if last.state.is_open() => ("5005", format!("{} is under way ({})", last.id, last.state), Remedy::Join),
        Some(last) => {
            let times = format!("asked {} times, last as {} on {:.0} ({})", same.len(), last.id, last.created, last.state);
            let is_used_up = spent >= IDENTICAL_FOR_LIFE as usize;
            ("5002", times, if is_used_up { Remedy::None } else { Remedy::Again })
        }
    };
    let (sat, detail, remedy) = found;
    forecast.findings.push(Finding { sat, code: Code::WindowAsked.slug(), detail, remedy });
    Ok(())
}

/// Plans a request, or joins the one that is under way; its jobs are for a worker.
pub async fn ask(app: &App, scope: &Scope, taxpayer: &Taxpayer, wanted: &Wanted, consent: Consent) -> AppResult<Asked> {
    let forecast = forecast(app, scope, taxpayer, wanted).await?;
    let now = Moment::now(app, scope);
    let run = run_of(taxpayer, wanted)?;
    let mut tx = app.store.begin(scope).await?;
    let meant = Solicitud { run: run.clone(), ..fresh(&now, taxpayer, wanted)? };
    let all = tx.solicitudes(taxpayer.id, None).await?;
    let same: Vec<Solicitud> = all.iter().filter(|it| transition::is_same_window(it, &meant)).cloned().collect();
    let mut asked = Asked { run, forecast, ..Asked::default() };
    if let Some(last) = same.last().filter(|it| it.state.is_open() || !consent.again) {
        asked.held = Some(plan::held(last));
        join(tx.as_mut(), &now, &all, last, &asked.run).await?;
        tx.commit().await?;
        return Ok(asked);
    }
    if let Some(refusal) = asked.forecast.refusal() {
        let code = Code::from_slug(refusal.code).unwrap_or(Code::Usage);
        return Err(AppError::Window { code, text: format!("{}: {}", refusal.sat, refusal.detail) });
    }
    if asked.forecast.needs_split() && !consent.split {
        asked.needs_split = true;
        return Ok(asked);
    }
    let parts = asked.forecast.needs_split().then(|| asked.forecast.parts.clone());
    asked.planned = add(tx.as_mut(), &now, meant, asked.forecast.next_k, parts).await?;
    let event = entry(&now, "sat.request", &taxpayer.id.to_string(), "planned");
    tx.append(event.field("planned", asked.planned.len().to_string()), None).await?;
    tx.commit().await?;
    Ok(asked)
}

fn fresh(now: &Moment, taxpayer: &Taxpayer, wanted: &Wanted) -> AppResult<Solicitud> {
    let mut s = plan::fresh(now, taxpayer.id, wanted, Purpose::Request, String::new());
    if wanted.filters.folio.is_some() {
        let at = mexico(now.service)?;
        let at = at.date().at(at.hour(), at.minute(), at.second(), 0);
        (s.base_from, s.from, s.to, s.year) = (at, at, at, at.year());
    }
    Ok(s)
}

/// Adds the request with its job; or, too large, as one that stands for its parts.
async fn add(tx: &mut dyn Tx, now: &Moment, meant: Solicitud, k: u32, parts: Option<Vec<PartPlan>>) -> AppResult<Vec<String>> {
    let exhausted = || AppError::Window { code: Code::WindowExhausted, text: format!("{}/{}", meant.from, meant.to) };
    let mut added = transition::add_free(tx, now, meant.clone(), k).await?.ok_or_else(exhausted)?;
    let Some(parts) = parts else {
        tx.enqueue(&handlers::job(handlers::ASK, added.id, now.service, &added.run), now.service).await?;
        return Ok(vec![added.id.to_string()]);
    };
    transition::split(tx, now, &mut added, Some(parts)).await?;
    let all = tx.solicitudes(added.taxpayer, None).await?;
    Ok(all.iter().filter(|it| it.replaces == Some(added.id)).map(|it| it.id.to_string()).collect())
}

/// Lets whatever stands for a request, and is open, work in this run.
async fn join(tx: &mut dyn Tx, now: &Moment, all: &[Solicitud], last: &Solicitud, run: &str) -> AppResult<()> {
    let family: std::collections::BTreeSet<_> = family(all, last).iter().map(|it| it.id).collect();
    plan::take_up_those(tx, now, last.taxpayer, None, |it| family.contains(&it.id)).await?;
    for s in tx.solicitudes(last.taxpayer, None).await?.into_iter().filter(|it| family.contains(&it.id)) {
        plan::revive(tx, now, &Solicitud { run: run.to_owned(), ..s }).await?;
    }
    Ok(())
}

/// A request, its variants, its parts and theirs.
pub fn family<'a>(all: &'a [Solicitud], of: &Solicitud) -> Vec<&'a Solicitud> {
    let mut found: Vec<&Solicitud> = all.iter().filter(|it| transition::is_same_window(it, of)).collect();
    let mut at = 0;
    while let Some(it) = found.get(at).map(|it| it.id) {
        for heir in all.iter().filter(|heir| heir.replaces == Some(it)) {
            if !found.iter().any(|known| known.id == heir.id) {
                found.push(heir);
            }
        }
        at += 1;
    }
    found
}

/// The requests that stand for a wish.
pub async fn of(app: &App, scope: &Scope, taxpayer: &Taxpayer, wanted: &Wanted) -> AppResult<Vec<Solicitud>> {
    let now = Moment::now(app, scope);
    let meant = fresh(&now, taxpayer, wanted)?;
    let all = app.store.read(scope).await?.solicitudes(taxpayer.id, None).await?;
    Ok(family(&all, &meant).into_iter().cloned().collect())
}

/// The run of a wish, the same whenever it is worded the same.
fn run_of(taxpayer: &Taxpayer, wanted: &Wanted) -> AppResult<String> {
    /// Digits of the digest that tell wishes apart.
    const DIGITS: usize = 16;
    let text = serde_json::to_vec(wanted).map_err(|error| AppError::Internal(error.to_string()))?;
    let digest = audit_trail::hex(&audit_trail::sha256(&text));
    Ok(format!("sat.request:{}:{}", taxpayer.id, &digest[..DIGITS]))
}
