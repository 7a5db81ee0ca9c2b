//! `/api/vault/backups`, `/api/vault/restorations`: key material out of the house under two persons' eyes, and
//! back in.

use crate::answer::{Created, Download, Json, Paged};
use crate::api::Api;
use crate::extract::{At, Body, Caller, Page};
use crate::form::{Field, Fields, Form, Kind};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::backups::{self, How, Outcome, RestoredItem};
use fedatario_app::releases;
use fedatario_app::releases::model::Backup;
use fedatario_base::id::{BackupId, CredentialId};
use fedatario_base::{Code, Permission, Scope, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bytes of a form with a backup: the largest that opens (16 MiB), and what stands around it.
const FORM_BYTES: usize = (16 << 20) + (64 << 10);

/// What approving, calling off and taking may be refused with.
const STATES: &[Code] = &[Code::BackupsOff, Code::BackupState, Code::SecondPerson, Code::SessionRequired, Code::StoreConflict];

/// The operations of this module.
pub fn routes() -> Routes {
    taking(asking(Routes::of("vault")))
        .add(
            Operation::get("/api/vault/policy", "vault.policy", "Whether key material may leave the organisation")
                .needs(Permission::CredentialRead),
            policy,
        )
        .add(
            Operation::put("/api/vault/policy", "vault.set_policy", "Lets key material leave, or keeps it in")
                .needs(Permission::SettingsManage)
                .step_up()
                .audits("vault.policy.changed").changes()
                .refuses(&[Code::SessionRequired])
                .notes("Off until somebody turns it on. Whoever may approve a backup is told by mail.")
                .example(r#"{"backups":true}"#),
            set_policy,
        )
        .add(
            Operation::post("/api/vault/restorations", "vault.restore", "Brings credentials of a backup back")
                .needs(Permission::CredentialUpload)
                .step_up()
                .idempotency_ignored()
                .body_at_most(FORM_BYTES)
                .audits("vault.backup.restored")
                .refuses(&[Code::BackupBroken, Code::StoreConflict])
                .notes(
                    "`dry_run` says for each credential what would become of it, and changes nothing. What is in use already stays, so \
                     that a file can be restored again; an older one gives way with `replace`. A file that was altered or cut anywhere \
                     is refused whole, and so is a wrong passphrase: they cannot be told apart.",
                ),
            restore,
        )
}

fn asking(routes: Routes) -> Routes {
    routes
        .add(
            Operation::get("/api/vault/backups", "vault.backups", "Backups that were asked for, the newest first")
                .needs(Permission::CredentialRead),
            list,
        )
        .add(
            Operation::post("/api/vault/backups", "vault.backups.ask", "Asks for a backup of key material")
                .needs(Permission::CredentialExport)
                .step_up()
                .audits("vault.backup.asked")
                .refuses(&[
                    Code::BackupsOff,
                    Code::BackupState,
                    Code::SecondPerson,
                    Code::SessionRequired,
                    Code::ReasonRequired,
                    Code::StoreConflict,
                ])
                .notes(
                    "Another person of the same permission, a member for a day at least, approves it within a week; where there is only \
                     one person it can be taken 24 hours later. Keys of programs do neither. Everybody who may call it off is told of \
                     every step by mail and webhook (`vault.backup`). One at a time.",
                )
                .example(r#"{"reason":"Respaldo anual para la caja fuerte"}"#),
            ask,
        )
        .add(
            Operation::get("/api/vault/backups/{backup}", "vault.backups.read", "One backup")
                .needs(Permission::CredentialRead),
            read,
        )
}

fn taking(routes: Routes) -> Routes {
    routes
        .add(
            Operation::post("/api/vault/backups/{backup}/approval", "vault.backups.approve", "Approves what somebody else asked for")
                .needs(Permission::CredentialExport)
                .step_up()
                .audits("vault.backup.approved")
                .refuses(STATES)
                .notes("It can be downloaded within 24 hours from then."),
            approve,
        )
        .add(
            Operation::post("/api/vault/backups/{backup}/objection", "vault.backups.call_off", "Calls it off")
                .needs(Permission::CredentialExport)
                .audits("vault.backup.called_off")
                .refuses(&[Code::BackupState, Code::StoreConflict])
                .notes("Until it is downloaded: by whoever could approve it, and by whoever asked."),
            call_off,
        )
        .add(
            Operation::post("/api/vault/backups/{backup}/download", "vault.backups.take", "Makes the file and hands it over, once")
                .needs(Permission::CredentialExport)
                .step_up()
                .idempotency_ignored()
                .audits("vault.backup.taken")
                .refuses(&[
                    Code::BackupsOff,
                    Code::BackupState,
                    Code::BackupAsker,
                    Code::SessionRequired,
                    Code::StoreConflict,
                    Code::PasswordShort,
                    Code::PasswordLong,
                    Code::PasswordWeak,
                ])
                .notes(
                    "To whoever asked for it. The passphrase is given here and kept nowhere, and neither is the file: whoever loses \
                     one of them asks anew. What was handed over stands in the chain with its SHA-256 before its first byte leaves.",
                )
                .example(r#"{"passphrase":"el tren sale tarde hoy"}"#),
            take,
        )
}

/// What an organisation lets out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VaultPolicy)]
struct PolicyView {
    /// Whether backups of key material may be asked for and taken.
    backups: bool,
}

/// `GET /api/vault/policy`
async fn policy(api: Api, scope: Scope) -> Result<Json<PolicyView>, ApiError> {
    Ok(Json(PolicyView { backups: releases::allowed(&api.app, &scope).await? }))
}

/// `PUT /api/vault/policy`
async fn set_policy(api: Api, Caller(caller): Caller, Body(form): Body<PolicyView>) -> Result<Json<PolicyView>, ApiError> {
    Ok(Json(PolicyView { backups: releases::allow(&api.app, &caller, form.backups).await? }))
}

/// A backup that somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultBackup)]
pub struct BackupView {
    /// Which.
    id: String,
    /// `asked`, `waiting`, `approved`, `called_off`, `taken` or `lapsed`.
    state: &'static str,
    /// One credential; null if it is of all.
    certificate_id: Option<String>,
    /// Why.
    reason: String,
    /// The actor who asked.
    asked_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    /// From when it can be downloaded without a second person; null where one is needed.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// Until when something can become of it.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The actor who approved it.
    approved_by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    approved_at: Option<Timestamp>,
    /// The actor who downloaded it or called it off.
    ended_by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// SHA-256 of the file that was handed over, in hex.
    sha256: Option<String>,
}

impl From<Backup> for BackupView {
    fn from(it: Backup) -> Self {
        Self {
            id: it.id.to_string(),
            state: it.state.text(),
            certificate_id: it.credential.map(|it| it.to_string()),
            reason: it.reason,
            asked_by: it.asked_by,
            asked_at: it.asked,
            due_at: it.due,
            expires_at: it.expires,
            approved_by: it.approved_by,
            approved_at: it.approved,
            ended_by: it.ended_by,
            ended_at: it.ended,
            sha256: it.digest.map(|it| it.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
}

/// `GET /api/vault/backups`
async fn list(api: Api, scope: Scope, page: Page) -> Result<Paged<BackupView>, ApiError> {
    let rows = releases::page(&api.app, &scope, page.after()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(BackupView::from).collect(), |it| it.id.clone()))
}

/// `GET /api/vault/backups/{backup}`
async fn read(api: Api, scope: Scope, At(id): At<BackupId>) -> Result<Json<BackupView>, ApiError> {
    Ok(Json(releases::one(&api.app, &scope, id).await?.into()))
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VaultBackupAsked)]
pub struct AskForm {
    /// Why: everybody who is told reads it.
    #[schema(min_length = 1, max_length = 300)]
    reason: String,
    /// One credential; all that still have their keys if none is named.
    #[serde(default)]
    certificate_id: Option<String>,
}

/// `POST /api/vault/backups`
async fn ask(api: Api, Caller(caller): Caller, Body(form): Body<AskForm>) -> Result<Created<BackupView>, ApiError> {
    let bad = |_| ApiError::field("/certificate_id", Code::IdFormat);
    let credential: Option<CredentialId> = form.certificate_id.map(|it| it.parse().map_err(bad)).transpose()?;
    let asked = releases::ask(&api.app, &caller, &form.reason, credential).await?;
    Ok(Created { location: format!("/api/vault/backups/{}", asked.id), body: asked.into() })
}

/// `POST /api/vault/backups/{backup}/approval`
async fn approve(api: Api, Caller(caller): Caller, At(id): At<BackupId>) -> Result<Json<BackupView>, ApiError> {
    Ok(Json(releases::approve(&api.app, &caller, id).await?.into()))
}

/// `POST /api/vault/backups/{backup}/objection`
async fn call_off(api: Api, scope: Scope, At(id): At<BackupId>) -> Result<Json<BackupView>, ApiError> {
    Ok(Json(releases::call_off(&api.app, &scope, id).await?.into()))
}

/// What the file is sealed under.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VaultBackupPassphrase)]
pub struct TakeForm {
    /// As good as a password must be. Nobody here keeps it.
    #[schema(format = Password, min_length = 12, max_length = 256)]
    passphrase: String,
}

/// `POST /api/vault/backups/{backup}/download`
async fn take(api: Api, Caller(caller): Caller, At(id): At<BackupId>, Body(form): Body<TakeForm>) -> Result<Download, ApiError> {
    let file = releases::take(&api.app, &caller, id, &Secret::new(form.passphrase)).await?;
    Ok(Download { media: "text/plain; charset=utf-8", name: format!("{id}.fedatario-vault"), body: file.into() })
}

/// A backup as it is sent.
pub struct Carried;

impl Fields for Carried {
    const FIELDS: &'static [Field] = &[
        Field { name: "file", kind: Kind::File, required: true, text: "The backup." },
        Field { name: "passphrase", kind: Kind::Password, required: true, text: "What opens it." },
        Field { name: "dry_run", kind: Kind::Text, required: false, text: "`true`: only says what would be done." },
        Field { name: "replace", kind: Kind::Text, required: false, text: "`true`: an older one in use gives way." },
    ];
}

/// What became, or would become, of the credentials of a backup.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultRestoration)]
pub struct RestorationView {
    /// Whether it was only looked at.
    dry_run: bool,
    /// One for each credential, in the order of the file.
    credentials: Vec<RestoredView>,
}

/// One credential of a backup.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultRestored)]
pub struct RestoredView {
    /// Its id where it was backed up.
    was: String,
    /// The name in its certificate.
    name: String,
    /// The certificate number.
    number: String,
    /// `fiel`, `csd`, `ecf` or `pa`.
    kind: &'static str,
    /// Last instant of validity.
    #[schema(format = DateTime)]
    not_after: String,
    /// `new`: it is in use now. `same`: it was already. `conflict`: an older one is, and stays. `replaced`: an older one
    /// was. `newer`: a newer one is, and stays. `resting`: it was not in use when the backup was made. `expired`.
    /// `no_owner`: no taxpayer of its tax id is here. `another_tenant`: the backup is of another organisation here.
    outcome: BecameView,
    /// Its id here, if it is in use.
    certificate_id: Option<String>,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VaultRestoredOutcome)]
enum BecameView {
    New,
    Same,
    Conflict,
    Newer,
    Replaced,
    Resting,
    Expired,
    NoOwner,
    AnotherTenant,
}

impl From<Outcome> for BecameView {
    fn from(it: Outcome) -> Self {
        match it {
            Outcome::New => Self::New,
            Outcome::Same => Self::Same,
            Outcome::Conflict => Self::Conflict,
            Outcome::Newer => Self::Newer,
            Outcome::Replaced => Self::Replaced,
            Outcome::Resting => Self::Resting,
            Outcome::Expired => Self::Expired,
            Outcome::NoOwner => Self::NoOwner,
            Outcome::AnotherTenant => Self::AnotherTenant,
        }
    }
}

impl From<RestoredItem> for RestoredView {
    fn from(it: RestoredItem) -> Self {
        let RestoredItem { was, name, number, kind, not_after, outcome, credential } = it;
        Self { was, name, number, kind, not_after, outcome: outcome.into(), certificate_id: credential }
    }
}

/// `POST /api/vault/restorations`
async fn restore(api: Api, scope: Scope, mut form: Form<Carried>) -> Result<Json<RestorationView>, ApiError> {
    let how = How { dry_run: is_set(&form, "dry_run")?, replace: is_set(&form, "replace")? };
    let missing = |name: &str| ApiError::field(format!("/{name}"), Code::FieldMissing);
    let file = form.take("file").ok_or_else(|| missing("file"))?;
    let passphrase = form.take("passphrase").ok_or_else(|| missing("passphrase"))?;
    let items = backups::restore(&api.app, &scope, &passphrase, file.expose(), how).await?;
    Ok(Json(RestorationView { dry_run: how.dry_run, credentials: items.into_iter().map(RestoredView::from).collect() }))
}

/// A field that is `true` or `false`, or not there.
fn is_set(form: &Form<Carried>, name: &str) -> Result<bool, ApiError> {
    match form.text(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::field(format!("/{name}"), Code::FieldInvalid)),
    }
}
