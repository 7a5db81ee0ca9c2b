//! Whose a certificate may be.
//!
//! An e.firma, a seal and a Panamanian certificate carry their taxpayer's own number. A Dominican one
//! carries its holder's cédula as a rule, who signs for an RNC because its taxpayer delegated them at DGII:
//! somebody has to say so, and it stands in the record from when to when.

use super::listing;
use crate::audit_trail::changes::{Telling, of_delegation, of_taxpayer};
use crate::audit_trail::entry;
use crate::descarga::register;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::model::{CredentialKind, Delegation, Owner, Taxpayer, TaxpayerKind};
use crate::ports::{StoreError, Tx};
use crate::{App, taxpayers};
use fedatario_base::id::{CredentialId, TaxpayerId};
use fedatario_base::{Code, Permission, Scope};
use fedatario_credentials::{Certificate, TaxId, TaxIdKind};
use fedatario_fiscal::rnc::Rnc;
use jiff::Timestamp;
use serde_json::Value;

/// Whose a certificate is to be, as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// This taxpayer's.
    Taxpayer(TaxpayerId),
    /// That of the tax id in it, else that of the tenant's only taxpayer.
    Found,
    /// That of the tax id in it, who is registered if nobody has.
    Registered,
}

impl Place {
    /// What was asked for: a taxpayer by id, else by the tax id in the certificate, registered or not.
    pub fn of(taxpayer: Option<TaxpayerId>, register: bool) -> Self {
        match (taxpayer, register) {
            (Some(id), _) => Self::Taxpayer(id),
            (None, true) => Self::Registered,
            (None, false) => Self::Found,
        }
    }
}

/// What was said of whose a certificate is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub place: Place,
    /// A tax id as somebody wrote it.
    pub tax_id: Option<&'a str>,
    /// Whether its holder signs by delegation.
    pub delegated: bool,
}

/// Whose it is.
pub(super) struct Found {
    pub taxpayer: Taxpayer,
    /// Whether it is yet to be registered.
    pub is_new: bool,
    pub warnings: Vec<Code>,
    /// By what the holder signs for it, if the certificate is of another number.
    pub delegation: Option<Basis>,
}

/// Why a certificate of another number may be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// Whoever hands it in says that there is a delegation.
    Stated,
    /// The certificate that it renews has one, which goes on as it stands.
    Carried,
}

/// The taxpayer of a certificate, or why it is nobody's.
pub(super) async fn place(
    app: &App,
    scope: &Scope,
    certificate: &Certificate,
    wanted: Wanted<'_>,
    now: Timestamp,
) -> AppResult<Found> {
    let Wanted { place, tax_id, delegated } = wanted;
    let mut tx = app.store.read(scope).await?;
    let id = certificate.tax_id();
    let named = match (place, tax_id) {
        (Place::Taxpayer(_), _) | (_, None) => None,
        (_, Some(text)) => by_text(tx.as_mut(), text).await?,
    };
    let taxpayer = match (place, named) {
        (Place::Taxpayer(id), _) => tx.taxpayer(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?,
        (_, Some(named)) => named,
        (Place::Found, None) => match (tax_id, by_tax_id(tx.as_mut(), id).await?) {
            (Some(text), _) => return Err(AppError::TaxpayerUnknown(text.to_owned())),
            (None, Some(found)) => found,
            (None, None) => only_one(tx.as_mut()).await?,
        },
        (Place::Registered, None) => match by_tax_id(tx.as_mut(), id).await? {
            Some(found) => found,
            None => {
                let found = to_be_registered(app, certificate, now)?;
                agrees(&found.taxpayer, tax_id)?;
                return Ok(found);
            }
        },
    };
    agrees(&taxpayer, tax_id)?;
    if taxpayer.kind == TaxpayerKind::Rfc {
        register::same_environment(app, &taxpayer)?;
    }
    if is_of(&taxpayer, id) {
        return Ok(Found { taxpayer, is_new: false, warnings: Vec::new(), delegation: None });
    }
    let basis = match delegated {
        true => Some(Basis::Stated),
        false => carried(tx.as_mut(), &taxpayer, certificate, now).await?.map(|_| Basis::Carried),
    };
    other_number(app, taxpayer, id, basis)
}

/// Whether a taxpayer is the one that somebody wrote down.
fn agrees(taxpayer: &Taxpayer, tax_id: Option<&str>) -> AppResult<()> {
    let is_it = |text| taxpayers::tax_id(taxpayer.kind, text, None).is_ok_and(|it| it.text == taxpayer.tax_id);
    if tax_id.is_none_or(is_it) { Ok(()) } else { Err(AppError::Refused(Code::CertificateTaxpayerMismatch)) }
}

/// The taxpayer of a tax id as somebody wrote it, of whichever country.
async fn by_text(tx: &mut dyn Tx, text: &str) -> AppResult<Option<Taxpayer>> {
    for kind in [TaxpayerKind::Rfc, TaxpayerKind::Rnc, TaxpayerKind::Ruc] {
        let Ok(read) = taxpayers::tax_id(kind, text, None) else { continue };
        if let Some(found) = tx.taxpayer_by_tax_id(kind, &read.text).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn by_tax_id(tx: &mut dyn Tx, id: Option<&TaxId>) -> AppResult<Option<Taxpayer>> {
    let Some(id) = id else { return Ok(None) };
    let Some(kind) = taxpayer_kind(id.kind) else { return Ok(None) };
    Ok(tx.taxpayer_by_tax_id(kind, &id.number).await?)
}

/// A taxpayer as its certificate words it.
fn to_be_registered(app: &App, certificate: &Certificate, now: Timestamp) -> AppResult<Found> {
    let id = certificate.tax_id().ok_or(AppError::Refused(Code::TaxpayerRequired))?;
    let kind = taxpayer_kind(id.kind).ok_or(AppError::Refused(Code::TaxpayerRequired))?;
    let taxpayer = Taxpayer {
        id: TaxpayerId::fresh(now),
        kind,
        tax_id: taxpayers::tax_id(kind, &id.number, None)?.text,
        name: certificate.name().to_owned(),
        environment: app.settings.environment,
        created: now,
    };
    Ok(Found { taxpayer, is_new: true, warnings: Vec::new(), delegation: None })
}

async fn only_one(tx: &mut dyn Tx) -> AppResult<Taxpayer> {
    let mut some = tx.taxpayers(None, 2).await?;
    match (some.pop(), some.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(AppError::Refused(Code::TaxpayerRequired)),
    }
}

fn taxpayer_kind(kind: TaxIdKind) -> Option<TaxpayerKind> {
    match kind {
        TaxIdKind::Rfc => Some(TaxpayerKind::Rfc),
        TaxIdKind::Rnc | TaxIdKind::Cedula => Some(TaxpayerKind::Rnc),
        TaxIdKind::Ruc => Some(TaxpayerKind::Ruc),
        TaxIdKind::Other => None,
    }
}

fn is_of(taxpayer: &Taxpayer, id: Option<&TaxId>) -> bool {
    id.is_some_and(|it| taxpayer_kind(it.kind) == Some(taxpayer.kind) && it.number == taxpayer.tax_id)
}

/// A certificate that carries another number than its taxpayer's.
fn other_number(app: &App, taxpayer: Taxpayer, id: Option<&TaxId>, basis: Option<Basis>) -> AppResult<Found> {
    let kind = id.map(|it| it.kind);
    let is_person = matches!(kind, Some(TaxIdKind::Cedula | TaxIdKind::Other));
    let found = |warnings, delegation| Found { taxpayer: taxpayer.clone(), is_new: false, warnings, delegation };
    match taxpayer.kind {
        TaxpayerKind::Rnc if is_person && basis.is_some() => Ok(found(Vec::new(), basis)),
        TaxpayerKind::Rnc if is_person => Err(AppError::Refused(Code::CertificateDelegation)),
        TaxpayerKind::Ruc if kind == Some(TaxIdKind::Ruc) && app.settings.ruc_match_warns => {
            Ok(found(vec![Code::CertificateTaxpayerMismatch], None))
        }
        _ => Err(AppError::Refused(Code::CertificateTaxpayerMismatch)),
    }
}

/// The delegation by which the holder signs for the taxpayer already, with the certificate that this one
/// renews; of several, the one that ends last.
async fn carried(tx: &mut dyn Tx, taxpayer: &Taxpayer, certificate: &Certificate, now: Timestamp) -> AppResult<Option<Delegation>> {
    let current = tx.current_credential(Owner::Taxpayer(taxpayer.id), CredentialKind::Ecf).await?;
    let Some(current) = current else { return Ok(None) };
    if Certificate::parse(&current.certificate)?.tax_id() != certificate.tax_id() {
        return Ok(None);
    }
    let runs = |it: &Delegation| it.rnc == taxpayer.tax_id && it.from <= now && it.to.is_none_or(|to| to > now);
    let running = tx.delegations(current.id).await?.into_iter().filter(runs);
    Ok(running.max_by_key(|it| it.to.unwrap_or(Timestamp::MAX)))
}

/// The delegation that a certificate begins with, in the transaction that lets it in and before anything is
/// replaced: what was found when it was looked at may have ended since, or have been given an end.
pub(super) async fn begun(
    tx: &mut dyn Tx,
    now: &Moment,
    found: (&Taxpayer, Basis),
    id: CredentialId,
    certificate: &Certificate,
) -> AppResult<Delegation> {
    let (taxpayer, basis) = found;
    let to = match basis {
        Basis::Stated => None,
        Basis::Carried => {
            let former = carried(tx, taxpayer, certificate, now.wall).await?;
            former.ok_or(AppError::Refused(Code::CertificateDelegation))?.to
        }
    };
    Ok(Delegation { credential: id, rnc: taxpayer.tax_id.clone(), from: now.wall, to, granted_by: now.actor.originator() })
}

/// Registers the taxpayer, or makes sure that nobody changed it between looking and writing.
pub(super) async fn settle(tx: &mut dyn Tx, now: &Telling, taxpayer: &Taxpayer, is_new: bool) -> AppResult<()> {
    if is_new {
        tx.add_taxpayer(taxpayer).await?;
        let event = entry(now, "taxpayer", &taxpayer.id.to_string(), "added").field("kind", taxpayer.kind.text());
        let event = event.field("environment", taxpayer.environment.text());
        return now.change(tx, event, Value::Null, of_taxpayer(taxpayer)).await;
    }
    match tx.taxpayer(taxpayer.id).await? {
        Some(found) if found.tax_id == taxpayer.tax_id => Ok(()),
        _ => Err(StoreError::Conflict("the taxpayer was changed meanwhile".to_owned()).into()),
    }
}

/// Writes down that a credential's holder signs for an RNC from now on, until an instant if one is known.
pub async fn delegate(app: &App, scope: &Scope, id: CredentialId, rnc: &str, to: Option<Timestamp>) -> AppResult<Delegation> {
    let (now, rnc) = (may_change(app, scope).await?, normal(rnc)?);
    let mut tx = app.store.begin(scope).await?;
    dominican(tx.as_mut(), scope, id).await?;
    if to.is_some_and(|it| it <= now.wall) {
        return Err(AppError::Input { code: Code::FieldInvalid, text: "a delegation ends after it begins".to_owned() });
    }
    let before = running(tx.as_mut(), id, &rnc, now.wall).await?;
    tx.end_delegations(id, &rnc, now.wall).await?;
    let delegation = Delegation { credential: id, rnc, from: now.wall, to, granted_by: now.actor.originator() };
    tx.add_delegation(&delegation).await?;
    let event = entry(&now, "credential", &id.to_string(), "delegated").field("rnc", delegation.rnc.clone());
    now.change(tx.as_mut(), event, before, of_delegation(&delegation)).await?;
    tx.commit().await?;
    Ok(delegation)
}

/// Ends it.
pub async fn undelegate(app: &App, scope: &Scope, id: CredentialId, rnc: &str) -> AppResult<()> {
    let now = may_change(app, scope).await?;
    let rnc = normal(rnc).map_err(|_| AppError::NotFound(rnc.to_owned()))?;
    let mut tx = app.store.begin(scope).await?;
    dominican(tx.as_mut(), scope, id).await?;
    let before = running(tx.as_mut(), id, &rnc, now.wall).await?;
    if tx.end_delegations(id, &rnc, now.wall).await? == 0 {
        return Err(AppError::NotFound(rnc));
    }
    let event = entry(&now, "credential", &id.to_string(), "undelegated").field("rnc", rnc);
    now.change(tx.as_mut(), event, before, Value::Null).await?;
    Ok(tx.commit().await?)
}

/// The delegation of an RNC that runs now, as entries tell it; null if there is none.
async fn running(tx: &mut dyn Tx, id: CredentialId, rnc: &str, now: Timestamp) -> AppResult<Value> {
    let runs = |it: &Delegation| it.rnc == rnc && it.from <= now && it.to.is_none_or(|to| to > now);
    Ok(tx.delegations(id).await?.iter().find(|it| runs(it)).map_or(Value::Null, of_delegation))
}

async fn may_change(app: &App, scope: &Scope) -> AppResult<Telling> {
    if !scope.may(Permission::CredentialUpload) {
        return Err(AppError::Denied(Permission::CredentialUpload));
    }
    Telling::begin(app, scope).await
}

fn normal(rnc: &str) -> AppResult<String> {
    let parsed = rnc.trim().parse::<Rnc>();
    parsed.map(|it| it.to_string()).map_err(|error| AppError::Input { code: error.code(), text: error.to_string() })
}

/// A certificate that signs for DGII, of a taxpayer or the caller's own.
async fn dominican(tx: &mut dyn Tx, scope: &Scope, id: CredentialId) -> AppResult<()> {
    let row = listing::within(tx, scope, id).await?;
    if row.kind == CredentialKind::Ecf { Ok(()) } else { Err(AppError::NotFound(id.to_string())) }
}
