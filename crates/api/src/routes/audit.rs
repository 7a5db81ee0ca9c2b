//! `/api/audit/…` and `/api/vault`: the chain read, verified, proven and taken outside; the tenant's keys rotated.

use crate::answer::{Answer, Document, Download, Json, Paged};
use crate::api::Api;
use crate::call::{self, Asked, Call};
use crate::describe::Description;
use crate::extract::{At, Body, Page, Perhaps, Query};
use crate::operation::Operation;
use crate::printed;
use crate::problem::ApiError;
use crate::routing::Routes;
use crate::spool::{Laid, reading};
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::Response;
use fedatario_app::audit_trail::parts::{COLUMNS, Stretch, export_part, export_rows, verify_part};
use fedatario_app::audit_trail::ports::{AuditFound, AuditQuestion};
use fedatario_app::audit_trail::{self, evidence, hex, sha256, signatures};
use fedatario_app::called::Opener;
use fedatario_app::custody::{self, KeyStatus};
use fedatario_audit::{Damage, Outcome, Verdict, parse_note};
use fedatario_base::id::CredentialId;
use fedatario_base::text::Language;
use fedatario_base::{Code, Permission, Scope};
use fedatario_tables::{Csv, CsvOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

/// The verifier that whoever has nothing of ours may run.
const VERIFIER: &str = include_str!("../../../../examples/verify_audit.py");

/// The largest name that a filter takes, in characters: an id, an action.
const FILTER_CHARS: usize = 128;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("audit")
        .add(
            Operation::get("/api/audit/logs", "audit.list", "The chain, from its beginning or from its end")
                .needs(Permission::AuditRead)
                .notes("`action` is a whole action, or with a dot at its end the beginning of one: `sat.`."),
            logs,
        )
        .add(Operation::get("/api/audit/logs/{n}", "audit.read", "One entry of the chain").needs(Permission::AuditRead), log)
        .add(
            Operation::post("/api/audit/verify", "audit.verify", "Is the record of all this intact?")
                .needs(Permission::AuditRead)
                .idempotency_ignored()
                .refuses(&[Code::AuditCheckpoint, Code::AuditFormat, Code::AuditAltered, Code::AuditGap, Code::NotFound])
                .example(r#"{"from":1}"#)
                .notes("The whole chain, or a part: `from` and `to`, or what came after a `checkpoint` that was handed out."),
            verify,
        )
        .add(
            Operation::get("/api/audit/key", "audit.key", "The public key of checkpoints and reports").needs(Permission::AuditRead),
            key,
        )
        .add(
            Operation::get("/api/audit/proofs/{n}", "audit.prove", "A proof of one entry without the others")
                .needs(Permission::AuditRead)
                .refuses(&EVIDENCE)
                .notes(
                    "The entry's bytes, a path of hashes and a signed checkpoint; `fedatario audit verify --proof FILE` checks it.",
                ),
            prove,
        )
        .add(
            Operation::post("/api/audit/consistency", "audit.consistency", "Is an old checkpoint a beginning of the chain?")
                .needs(Permission::AuditRead)
                .idempotency_ignored()
                .refuses(&EVIDENCE)
                .example(r#"{"checkpoint":"fedatario.audit/ten_…\n42\n…\n"}"#),
            consistency,
        )
        .add(
            Operation::get("/api/audit/checkpoints", "audit.checkpoints", "Signed checkpoints that were kept")
                .needs(Permission::AuditRead),
            checkpoints,
        )
        .add(
            Operation::post("/api/audit/checkpoints", "audit.checkpoint", "Makes a signed checkpoint and hands it out")
                .needs(Permission::AuditExport)
                .audits("audit.checkpoint.made")
                .refuses(&EVIDENCE)
                .notes("Keep it elsewhere: what it covers is anchored."),
            checkpoint,
        )
        .add(
            Operation::post("/api/audit/exports", "audit.export", "The chain or a part of it with a fresh checkpoint, as a file")
                .needs(Permission::AuditExport)
                .step_up()
                .idempotency_ignored()
                .audits("audit.exported")
                .refuses(&[
                    Code::AuditAltered,
                    Code::AuditGap,
                    Code::AuditTruncated,
                    Code::AuditCheckpoint,
                    Code::AuditFormat,
                    Code::NotFound,
                ])
                .example(r#"{"format":"csv"}"#)
                .notes(
                    "NDJSON; `fedatario audit verify FILE` checks it anywhere, and so does the script of \
                     `/api/audit/verifier`. What was exported counts as anchored. `csv` is for reading, and proves nothing.",
                ),
            export,
        )
        .add(
            Operation::get("/api/audit/instructions", "audit.instructions", "How whoever holds an export or a proof checks it")
                .needs(Permission::AuditRead),
            instructions,
        )
        .add(
            Operation::get("/api/audit/verifier", "audit.verifier", "A verifier in Python, to be run anywhere")
                .needs(Permission::AuditRead),
            verifier,
        )
        .add(
            Operation::get(
                "/api/certificates/{certificate}/custody",
                "certificates.custody",
                "Every signature ever made with a certificate's key",
            )
            .needs(Permission::AuditRead)
            .refuses(&EVIDENCE)
            .notes("`format`: json (the signed report, which proves) or html (a page to print)."),
            custody_report,
        )
        .add(
            Operation::get("/api/vault", "vault.read", "How far a rotation of the tenant's keys has come")
                .needs(Permission::KeyRotate),
            status,
        )
        .add(
            Operation::post("/api/vault/rotations", "vault.rotate", "Rotates the tenant's keys")
                .needs(Permission::KeyRotate)
                .step_up()
                .audits("vault.tenant_key.rotated"),
            rotate,
        )
}

/// What may be wrong with a chain that something is to be proven of.
const EVIDENCE: [Code; 5] = [Code::AuditAltered, Code::AuditGap, Code::AuditTruncated, Code::AuditCheckpoint, Code::AuditFormat];

/// An entry of the chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct EntryView {
    /// Its place, from 1.
    n: u64,
    /// Whose chain.
    tenant_id: String,
    /// The hash before it.
    hash_prev: String,
    /// Its own.
    hash_curr: String,
    /// What it says.
    #[schema(value_type = Object)]
    entry: Value,
    /// The address that it came from, which is sealed beside the entry; none if it came by no request, or
    /// the key is destroyed.
    address: Option<String>,
    /// What is sealed beside the entry, as before and after; secrets are masked.
    #[schema(value_type = Option<Object>)]
    detail: Option<Map<String, Value>>,
}

async fn view(api: &Api, scope: &Scope, opener: &mut Opener, it: AuditFound) -> EntryView {
    let entry: Value = serde_json::from_slice(&it.row.entry).unwrap_or_default();
    let origin = match &it.origin {
        Some(sealed) => opener.origin(&api.app, sealed, entry["address"].as_str()).await,
        None => None,
    };
    let detail = match &it.detail {
        Some(sealed) => opener.detail(&api.app, scope.tenant(), sealed, entry["detail"].as_str()).await,
        None => None,
    };
    EntryView {
        n: it.row.n,
        tenant_id: it.row.tenant.to_string(),
        hash_prev: hex(&it.row.prev),
        hash_curr: hex(&it.row.hash),
        address: origin.and_then(|it| it.get("address")?.as_str().map(str::to_owned)),
        detail,
        entry,
    }
}

/// Which entries.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Who acted: an id, `os:1000`, `system`.
    #[param(max_length = 128)]
    actor: Option<String>,
    /// What was done; with a dot at its end, the beginning of it.
    #[param(max_length = 128)]
    action: Option<String>,
    /// To which id.
    #[param(max_length = 128)]
    object: Option<String>,
    /// How it ended: `done`, `refused`, `failed`, `uncertain`.
    result: Option<String>,
    /// By which request.
    #[param(max_length = 128)]
    request: Option<String>,
    /// Not before this instant (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Before this instant (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// `oldest` (the default) or `newest` first.
    order: Option<String>,
}

impl Filter {
    fn question(self) -> Result<AuditQuestion, ApiError> {
        let bad = |name: &str| ApiError::field(format!("?{name}"), Code::FieldInvalid);
        let short = |name: &str, text: Option<String>| match text {
            Some(text) if text.is_empty() || text.chars().count() > FILTER_CHARS => Err(bad(name)),
            other => Ok(other),
        };
        let instant = |name: &str, text: Option<String>| text.map(|it| it.parse().map_err(|_| bad(name))).transpose();
        let result = self.result.map(|it| Outcome::from_text(&it).ok_or_else(|| bad("result"))).transpose()?;
        Ok(AuditQuestion {
            actor: short("actor", self.actor)?,
            action: short("action", self.action)?,
            object: short("object", self.object)?,
            request: short("request", self.request)?,
            result,
            from: instant("from", self.from)?,
            until: instant("until", self.until)?,
            newest_first: match self.order.as_deref() {
                None | Some("oldest") => false,
                Some("newest") => true,
                Some(_) => return Err(bad("order")),
            },
        })
    }
}

/// `GET /api/audit/logs`
async fn logs(api: Api, scope: Scope, page: Page, Query(filter): Query<Filter>) -> Result<Paged<EntryView>, ApiError> {
    let (question, after) = (filter.question()?, page.after::<u64>()?);
    let found = api.app.store.read(&scope).await?.audit_found(&question, after, page.limit + 1).await?;
    let (mut opener, mut views) = (Opener::default(), Vec::with_capacity(found.len()));
    for it in found {
        views.push(view(&api, &scope, &mut opener, it).await);
    }
    Ok(Paged::new(&page, views, |it| it.n.to_string()))
}

/// `GET /api/audit/logs/{n}`
async fn log(api: Api, scope: Scope, At(n): At<u64>) -> Result<Json<EntryView>, ApiError> {
    let after = n.checked_sub(1).ok_or_else(ApiError::not_found)?;
    let found = api.app.store.read(&scope).await?.audit_found(&AuditQuestion::default(), Some(after), 1).await?;
    let found = found.into_iter().next().filter(|it| it.row.n == n).ok_or_else(ApiError::not_found)?;
    Ok(Json(view(&api, &scope, &mut Opener::default(), found).await))
}

/// Which part of the chain.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditPart)]
pub struct PartForm {
    /// The first entry; the first of all if none is named.
    #[schema(minimum = 1)]
    from: Option<u64>,
    /// The last entry; the last of all if none is named.
    #[schema(minimum = 1)]
    to: Option<u64>,
    /// Instead of the first entry: a signed checkpoint, after which it begins.
    checkpoint: Option<String>,
}

impl PartForm {
    fn stretch(self) -> Result<Stretch, ApiError> {
        let bad = |pointer: &str| Err(ApiError::field(pointer, Code::FieldInvalid));
        match &self {
            Self { from: Some(0), .. } => bad("/from"),
            Self { from: Some(_), checkpoint: Some(_), .. } => bad("/checkpoint"),
            Self { from: Some(from), to: Some(to), .. } if to < from => bad("/to"),
            _ => Ok(Stretch { from: self.from, to: self.to, checkpoint: self.checkpoint }),
        }
    }
}

/// `POST /api/audit/verify`
async fn verify(api: Api, scope: Scope, Perhaps(form): Perhaps<PartForm>) -> Result<Document, ApiError> {
    let stretch = form.stretch()?;
    let verdict = match stretch.is_whole() {
        true => audit_trail::verify(&api.app, &scope).await?,
        false => verify_part(&api.app, &scope, &stretch).await?,
    };
    Ok(Document(verdict_json(&verdict)))
}

fn damage_json(it: &Damage) -> Value {
    json!({ "code": it.code().slug(), "kind": it.kind(), "n": it.at() })
}

fn verdict_json(verdict: &Verdict) -> Value {
    let damage: Vec<Value> = verdict.damage.iter().map(damage_json).collect();
    json!({
        "intact": verdict.is_intact(), "entries": verdict.entries,
        "head": { "n": verdict.head.n, "hash": hex(&verdict.head.hash) }, "damage": damage, "more": verdict.more,
        "anchored": verdict.anchored, "unanchored": verdict.unanchored, "key": verdict.key.text(),
    })
}

/// A public key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditKey)]
pub struct KeyView {
    /// As a C2SP verifier key.
    key: String,
}

/// `GET /api/audit/key`
async fn key(api: Api, scope: Scope) -> Result<Json<KeyView>, ApiError> {
    Ok(Json(KeyView { key: audit_trail::public_key(&api.app, &scope).await?.to_string() }))
}

/// `GET /api/audit/proofs/{n}`
async fn prove(api: Api, scope: Scope, At(n): At<u64>) -> Result<Document, ApiError> {
    let proof = evidence::prove(&api.app, &scope, n).await?;
    Ok(Document(serde_json::to_value(&proof).map_err(|error| ApiError::new(Code::Internal).because(error))?))
}

/// A checkpoint that somebody kept.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditOldCheckpoint)]
pub struct OldCheckpoint {
    /// The signed note, as it was handed out.
    checkpoint: String,
}

/// `POST /api/audit/consistency`
async fn consistency(api: Api, scope: Scope, Body(form): Body<OldCheckpoint>) -> Result<Document, ApiError> {
    let found = evidence::consistency(&api.app, &scope, &form.checkpoint).await?;
    let damage: Vec<Value> = found.damage.iter().map(damage_json).collect();
    Ok(Document(json!({
        "consistent": found.damage.is_none(), "old": found.old, "new": found.new, "damage": damage, "proof": found.proof,
    })))
}

/// A signed checkpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditCheckpoint)]
pub struct CheckpointView {
    /// How many entries it covers.
    size: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    at: String,
    /// Whether it left the house.
    anchored: bool,
    /// The signed note.
    note: String,
}

impl CheckpointView {
    fn of(size: u64, note: String, anchored: bool) -> Self {
        let at = parse_note(&note).map(|it| it.checkpoint.at.to_string()).unwrap_or_default();
        Self { size, at, anchored, note }
    }
}

/// `GET /api/audit/checkpoints`
async fn checkpoints(api: Api, scope: Scope, page: Page) -> Result<Paged<CheckpointView>, ApiError> {
    let after = page.after::<usize>()?.unwrap_or(0);
    let kept = api.app.store.read(&scope).await?.checkpoints().await?;
    let numbered = kept.into_iter().rev().enumerate().map(|(at, it)| (at + 1, it)).skip(after).take(page.limit as usize + 1);
    let mut places = std::collections::HashMap::new();
    let views: Vec<CheckpointView> = numbered
        .map(|(place, (size, note, anchored))| {
            places.insert(note.clone(), place);
            CheckpointView::of(size, note, anchored)
        })
        .collect();
    Ok(Paged::new(&page, views, |it| places.get(&it.note).copied().unwrap_or_default().to_string()))
}

/// `POST /api/audit/checkpoints`
async fn checkpoint(api: Api, scope: Scope) -> Result<Json<CheckpointView>, ApiError> {
    let (checkpoint, note) = evidence::make_checkpoint(&api.app, &scope).await?;
    Ok(Json(CheckpointView::of(checkpoint.size, note, true)))
}

/// What is taken out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditExport)]
pub struct ExportForm {
    /// `ndjson` (the default), which proves itself, or `csv`, for a spreadsheet.
    format: Option<String>,
    /// The first entry; the first of all if none is named.
    #[schema(minimum = 1)]
    from: Option<u64>,
    /// The last entry; the last of all if none is named.
    #[schema(minimum = 1)]
    to: Option<u64>,
}

/// A file, and where it says how it is checked.
struct Instructed(Download);

impl Answer for Instructed {
    fn describe(description: &mut Description) {
        Download::describe(description);
        description.header("Link", "How it is checked, with rel=\"help\".");
    }

    fn answer(self, call: &Call) -> Result<Response, ApiError> {
        let mut response = self.0.answer(call)?;
        response.headers_mut().insert(LINK, HeaderValue::from_static("</api/audit/instructions>; rel=\"help\""));
        Ok(response)
    }
}

/// `POST /api/audit/exports`
async fn export(api: Api, asked: call::Asked, scope: Scope, Perhaps(form): Perhaps<ExportForm>) -> Result<Instructed, ApiError> {
    let stretch = PartForm { from: form.from, to: form.to, checkpoint: None }.stretch()?;
    let csv = match form.format.as_deref() {
        None | Some("ndjson") => false,
        Some("csv") => true,
        Some(_) => return Err(ApiError::field("/format", Code::FieldInvalid)),
    };
    let laid = Laid::place(&api.lines.temporary, asked.request);
    let mut file = laid.create().await?.into_std().await;
    if csv {
        let sheet = Csv::begin(std::io::BufWriter::new(&mut file), COLUMNS, CsvOptions::default());
        let sheet = sheet.map_err(|error| ApiError::new(Code::BlobUnavailable).because(error))?;
        export_rows(&api.app, &scope, &stretch, Box::new(sheet)).await?;
    } else {
        export_part(&api.app, &scope, &stretch, &mut file).await?;
    }
    drop(file);
    let file = std::fs::File::open(laid.path()).map_err(|error| ApiError::new(Code::BlobUnavailable).because(error))?;
    let (media, ending) = if csv { ("text/csv; charset=utf-8", "csv") } else { ("application/x-ndjson", "ndjson") };
    let name = format!("audit-{}.{ending}", scope.tenant());
    Ok(Instructed(Download { media, name, body: reading(file, laid) }))
}

/// `GET /api/audit/instructions`
async fn instructions(asked: Asked, _scope: Scope) -> Result<Download, ApiError> {
    let text = match asked.language {
        Language::Es => include_str!("../../texts/audit.es.md"),
        Language::En => include_str!("../../texts/audit.en.md"),
    };
    Ok(Download { media: "text/markdown; charset=utf-8", name: "audit.md".into(), body: text.into() })
}

/// `GET /api/audit/verifier`
async fn verifier(_scope: Scope) -> Result<Download, ApiError> {
    Ok(Download { media: "text/x-python; charset=utf-8", name: "verify_audit.py".into(), body: VERIFIER.into() })
}

/// In which form.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CustodyForm {
    /// `json`, or `html`: a page to print.
    format: Option<String>,
}

/// `GET /api/certificates/{certificate}/custody`
async fn custody_report(
    api: Api,
    asked: Asked,
    scope: Scope,
    At(credential): At<CredentialId>,
    Query(form): Query<CustodyForm>,
) -> Result<Download, ApiError> {
    let html = match form.format.as_deref() {
        None | Some("json") => false,
        Some("html") => true,
        Some(_) => return Err(ApiError::field("?format", Code::FieldInvalid)),
    };
    let signed = signatures::custody(&api.app, &scope, credential).await?;
    let file = serde_json::to_vec(&signed).map_err(|error| ApiError::new(Code::Internal).because(error))?;
    let name = format!("custody-{credential}");
    if !html {
        return Ok(Download { media: "application/json", name: format!("{name}.json"), body: file.into() });
    }
    let names = signatures::names(&api.app, &signed.report).await?;
    let page = printed::custody(asked.language, &signed, &names, &hex(&sha256(&file))).html();
    Ok(Download { media: "text/html; charset=utf-8", name: format!("{name}.html"), body: page.into() })
}

/// Where the tenant's keys stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultKeys)]
pub struct KeysView {
    /// Credentials whose data key an older version wraps.
    behind: u64,
    /// The version that was made, when one was.
    made: Option<u32>,
    /// Data keys that were wrapped anew.
    moved: u64,
}

impl From<KeyStatus> for KeysView {
    fn from(it: KeyStatus) -> Self {
        Self { behind: it.behind, made: it.made, moved: it.moved }
    }
}

/// `GET /api/vault`
async fn status(api: Api, scope: Scope) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(custody::status(&api.app, &scope).await?.into()))
}

/// `POST /api/vault/rotations`
async fn rotate(api: Api, scope: Scope) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(custody::rotate_tenant(&api.app, &scope).await?.into()))
}
