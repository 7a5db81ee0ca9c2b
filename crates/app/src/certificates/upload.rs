//! A certificate let in.

use super::jobs::follow_up;
use super::whose::{self, Found, Place};
use crate::audit_trail::changes::{Telling, of_credential};
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::descarga::{layout, plan};
use crate::error::{AppError, AppResult};
use crate::model::{CredentialKind, CredentialRow, CredentialState, Owner, Taxpayer};
use crate::ports::Tx;
use crate::{App, hooks, trust};
use fedatario_base::id::CredentialId;
use fedatario_base::{Code, Permission, Scope};
use fedatario_credentials::{Certificate, CredentialError};
use fedatario_vault::{Handed, SealedCredential};
use jiff::Timestamp;
use serde_json::Value;

/// Characters of what people call a certificate.
pub const NAME_CHARS_AT_MOST: usize = 100;

/// A certificate as somebody hands it in.
#[derive(Debug)]
pub struct Asked {
    /// Its files and their password.
    pub handed: Handed,
    /// What its people call it; by default the name in it.
    pub name: Option<String>,
    /// Whose it is to be.
    pub place: Place,
    /// The tax id of whose it is to be, as somebody wrote it: it finds the taxpayer where none is named, and a
    /// certificate that becomes another's is refused.
    pub tax_id: Option<String>,
    /// When it takes the place of the one in use; now if nothing is said.
    pub activate: Option<Timestamp>,
    /// Whether the holder signs for the taxpayer by delegation at DGII.
    pub delegated: bool,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// As it is stored.
    pub row: CredentialRow,
    /// Whose it is, if a taxpayer's.
    pub taxpayer: Option<Taxpayer>,
    /// What was noticed and is no reason to refuse it.
    pub warnings: Vec<Code>,
    /// False if this very certificate was in use already.
    pub changed: bool,
}

/// What of a row the caller of [`put`] decides.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose it is.
    pub owner: Owner,
    /// What its people call it; by default the name in it.
    pub name: Option<String>,
    /// The instant at which it takes its place; now if there is none.
    pub activate: Option<Timestamp>,
    /// Where its sealed key lies.
    pub object: String,
}

/// A certificate that was opened, sealed and looked at, and of which nothing is stored yet.
pub struct Prepared {
    sealed: SealedCredential,
    name: Option<String>,
    activate: Option<Timestamp>,
    found: Found,
    in_use: Option<CredentialRow>,
}

/// Opens a certificate and looks at everything that could be a reason to refuse it.
pub async fn prepare(app: &App, scope: &Scope, asked: Asked) -> AppResult<Prepared> {
    if !scope.may(Permission::CredentialUpload) {
        return Err(AppError::Denied(Permission::CredentialUpload));
    }
    let now = Moment::now(app, scope);
    let name = named(asked.name.as_deref())?;
    let sealed = app.vault.take_in(scope, asked.handed, CredentialId::fresh(now.wall), now.wall).await?;
    // One that waits is judged again at its instant, when its file is gone: it has to stand by itself.
    let along = if asked.activate.is_some() { &[][..] } else { &sealed.along };
    trust::require(app, scope, &sealed.certificate, along).await?;
    let activate = when(&sealed.certificate, asked.activate, now.wall)?;
    let wanted = whose::Wanted { place: asked.place, tax_id: asked.tax_id.as_deref(), delegated: asked.delegated };
    let found = whose::place(app, scope, &sealed.certificate, wanted, now.wall).await?;
    let in_use = already(app, scope, Owner::Taxpayer(found.taxpayer.id), &sealed).await?;
    Ok(Prepared { sealed, name, activate, found, in_use })
}

impl Prepared {
    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.sealed.certificate
    }

    /// Whose it would be.
    pub fn taxpayer(&self) -> &Taxpayer {
        &self.found.taxpayer
    }

    /// Whether anything would change.
    pub fn changes(&self) -> bool {
        self.in_use.is_none()
    }

    /// Stores it: the objects, then everything else at once.
    pub async fn store(self, app: &App, scope: &Scope) -> AppResult<Uploaded> {
        let Prepared { sealed, name, activate, found, in_use } = self;
        let Found { taxpayer, is_new, warnings, delegation } = found;
        if let Some(row) = in_use {
            return Ok(Uploaded { row, taxpayer: Some(taxpayer), warnings, changed: false });
        }
        let now = Telling::begin(app, scope).await?;
        let object = layout::credential(scope.tenant(), &taxpayer.tax_id, sealed.id);
        keep(app, scope, &sealed, &object, &taxpayer.tax_id).await?;

        let mut tx = app.store.begin(scope).await?;
        whose::settle(tx.as_mut(), &now, &taxpayer, is_new).await?;
        let begun = match delegation {
            Some(basis) => Some(whose::begun(tx.as_mut(), &now, (&taxpayer, basis), sealed.id, &sealed.certificate).await?),
            None => None,
        };
        let of = Entry { owner: Owner::Taxpayer(taxpayer.id), name, activate, object };
        let row = put(app, tx.as_mut(), &now, sealed, of, Some(&taxpayer)).await?;
        if let Some(delegation) = begun {
            tx.add_delegation(&delegation).await?;
        }
        tx.commit().await?;
        Ok(Uploaded { row, taxpayer: Some(taxpayer), warnings, changed: true })
    }
}

/// Lets a certificate in for a taxpayer, and puts it into use or makes it wait for its instant.
pub async fn upload(app: &App, scope: &Scope, asked: Asked) -> AppResult<Uploaded> {
    prepare(app, scope, asked).await?.store(app, scope).await
}

/// A name as it may be shown.
pub(super) fn named(text: Option<&str>) -> AppResult<Option<String>> {
    let Some(name) = text.map(str::trim).filter(|it| !it.is_empty()) else { return Ok(None) };
    if name.chars().count() > NAME_CHARS_AT_MOST || name.chars().any(char::is_control) {
        let text = format!("a name is 1 to {NAME_CHARS_AT_MOST} printable characters");
        return Err(AppError::Input { code: Code::CertificateName, text });
    }
    Ok(Some(name.to_owned()))
}

/// The instant at which it goes into use, if that is not now: within its validity, which alone lets a
/// certificate in whose time has not come.
pub(super) fn when(certificate: &Certificate, asked: Option<Timestamp>, now: Timestamp) -> AppResult<Option<Timestamp>> {
    let later = asked.filter(|it| *it > now);
    let Some(at) = later else {
        certificate.check_valid_at(now)?;
        return Ok(None);
    };
    match at {
        at if at < certificate.not_before() => Err(CredentialError::NotYetValid(certificate.not_before()).into()),
        at if at > certificate.not_after() => Err(CredentialError::Expired(certificate.not_after()).into()),
        at => Ok(Some(at)),
    }
}

/// The same certificate, in use already.
pub(super) async fn already(app: &App, scope: &Scope, owner: Owner, sealed: &SealedCredential) -> AppResult<Option<CredentialRow>> {
    let mut tx = app.store.read(scope).await?;
    let current = tx.current_credential(owner, kind_of(sealed.kind)).await?;
    Ok(current.filter(|it| it.certificate == sealed.certificate.der() && it.state == CredentialState::Active))
}

/// The objects first: a row never names what is not there.
pub async fn keep(app: &App, scope: &Scope, sealed: &SealedCredential, object: &str, tax_id: &str) -> AppResult<()> {
    app.blobs.put(object, &sealed.object).await?;
    let beside = layout::certificate(scope.tenant(), tax_id, sealed.certificate.number());
    Ok(app.blobs.put(&beside, sealed.certificate.der()).await?)
}

/// Puts a sealed credential in, with its entry in the chain, its event and the jobs that follow. The one
/// that was in use rests from now on, unless the new one waits.
pub async fn put(
    app: &App,
    tx: &mut dyn Tx,
    now: &Telling,
    sealed: SealedCredential,
    of: Entry,
    taxpayer: Option<&Taxpayer>,
) -> AppResult<CredentialRow> {
    let kind = kind_of(sealed.kind);
    let former = tx.current_credential(of.owner, kind).await?.filter(|_| of.activate.is_none());
    let keep_until = keep_until(app, now.wall);
    let row = row(sealed, of, now);
    tx.put_credential(&row, keep_until).await?;
    let mut event = entry(now, "credential", &row.id.to_string(), "admitted")
        .field(if row.owner.user().is_some() { "user" } else { "taxpayer" }, row.owner.to_string())
        .field("kind", kind.text())
        .field("number", row.number.clone());
    if let Some(former) = &former {
        event = event.field("replaces", former.id.to_string());
    }
    if let Some(at) = row.activate {
        event = event.field("activates_at", at.to_string());
    }
    now.change(tx, event, former.as_ref().map_or(Value::Null, of_credential), of_credential(&row)).await?;
    follow_up(tx, now, &row, former.as_ref().map(|it| (it.id, keep_until))).await?;
    if let Some(taxpayer) = taxpayer {
        let certificate = Certificate::parse(&row.certificate)?;
        hooks::credential_admitted(tx, now, taxpayer, row.id, &certificate).await?;
        in_use(tx, now, &row).await?;
    }
    Ok(row)
}

/// What waited for a certificate goes on, if this is what it waited for.
pub(super) async fn in_use(tx: &mut dyn Tx, now: &Moment, row: &CredentialRow) -> AppResult<()> {
    match row.owner {
        Owner::Taxpayer(id) if row.kind == CredentialKind::Fiel && row.state == CredentialState::Active => {
            plan::take_up(tx, now, id).await
        }
        _ => Ok(()),
    }
}

/// Until when a key rests that is replaced now.
pub(super) fn keep_until(app: &App, now: Timestamp) -> Timestamp {
    now + jiff::SignedDuration::try_from(app.settings.keep_replaced).unwrap_or(jiff::SignedDuration::ZERO)
}

fn row(sealed: SealedCredential, of: Entry, now: &Moment) -> CredentialRow {
    let certificate = &sealed.certificate;
    CredentialRow {
        id: sealed.id,
        owner: of.owner,
        kind: kind_of(sealed.kind),
        number: certificate.number().to_owned(),
        name: of.name.unwrap_or_else(|| shown_name(certificate)),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        certificate: certificate.der().to_vec(),
        state: if of.activate.is_some() { CredentialState::Next } else { CredentialState::Active },
        reason: None,
        wrapped_key: sealed.data_key,
        key_use: sealed.key_use,
        key_version: i64::from(sealed.key_version),
        digest: sealed.digest,
        object: of.object,
        activate: of.activate,
        replaced: None,
        keep_until: None,
        uploaded_by: now.actor.originator(),
        created: now.wall,
    }
}

/// The name in a certificate, as far as a list shows it.
fn shown_name(certificate: &Certificate) -> String {
    let printable = certificate.name().chars().filter(|it| !it.is_control());
    printable.take(NAME_CHARS_AT_MOST).collect()
}

/// The services' word for the vault's kind.
pub(crate) fn kind_of(kind: fedatario_vault::CredentialKind) -> CredentialKind {
    match kind {
        fedatario_vault::CredentialKind::Fiel => CredentialKind::Fiel,
        fedatario_vault::CredentialKind::Csd => CredentialKind::Csd,
        fedatario_vault::CredentialKind::Ecf => CredentialKind::Ecf,
        fedatario_vault::CredentialKind::Pa => CredentialKind::Pa,
    }
}
