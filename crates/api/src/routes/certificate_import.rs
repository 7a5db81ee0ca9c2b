//! `/api/certificates/import`: many certificates in one call, with a rehearsal.

use super::certificate_views::{self, CertificateView, UploadedView};
use crate::answer::Json;
use crate::api::Api;
use crate::call::Asked as Call;
use crate::extract::{Query, Raw};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedatario_app::certificates::{self, Asked, COME_BACK, Files, Handed, Imported, Place};
use fedatario_base::id::TaxpayerId;
use fedatario_base::text::say;
use fedatario_base::{Code, Permission, Scope, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

/// Lines of one call: as many as an archive holds.
const LINES_AT_MOST: usize = certificates::ROWS_AT_MOST;
/// Bytes of one call: its lines with a chain in each file.
const IMPORT_BYTES: usize = certificates::BUNDLE_BYTES;
/// Media types of an archive, as browsers and Windows call it.
const ZIP: [&str; 2] = ["application/zip", "application/x-zip-compressed"];

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("certificates").add(
        Operation::post("/api/certificates/import", "certificates.import", "Lets many certificates in at once")
            .needs(Permission::CredentialUpload)
            .step_up()
            .delicate()
            .body_at_most(IMPORT_BYTES)
            .audits("credential.admitted")
            .changes()
            .refuses(&[Code::JsonMalformed, Code::BodyTooLarge, Code::CertificateBundle, Code::Busy])
            .notes(
                "NDJSON, up to 500 lines of `{\"password\", \"file\" | \"cer\" and \"key\", \"name\", \"taxpayer\", \"register\", \
                 \"activateAt\", \"delegated\"}`, files in base64. With `register` a taxpayer that nobody has registered is, by the \
                 tax id in its certificate. Or, as `application/zip`, an archive with `manifest.csv` or `manifest.json` (`tax_id`, \
                 `file` | `cer` and `key`, `password`, `name`, `register`, `activate_at`, `delegated`) and the files that it names; \
                 `certificate_bundle` says in `reason` why one is refused. Each line is let in or refused by itself, with its code. With `dryRun=true` nothing is \
                 stored, and every answer is as it would be.",
            ),
        import,
    )
}

/// How it is done.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// Whether it is a rehearsal.
    #[param(rename = "dryRun")]
    dry_run: Option<bool>,
}

/// A line, whose secrets are wiped when it is dropped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    password: Zeroizing<String>,
    #[serde(default)]
    file: Option<Zeroizing<String>>,
    #[serde(default)]
    cer: Option<Zeroizing<String>>,
    #[serde(default)]
    key: Option<Zeroizing<String>>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    taxpayer: Option<String>,
    #[serde(default)]
    register: bool,
    #[serde(default)]
    activate_at: Option<Timestamp>,
    #[serde(default)]
    delegated: bool,
}

impl Line {
    fn asked(self) -> Result<Asked, Code> {
        let files = match (self.file, self.cer, self.key) {
            (Some(file), None, None) => Files::Pkcs12(bytes(&file)?),
            (None, Some(cer), Some(key)) => Files::Two { cer: bytes(&cer)?, key: bytes(&key)? },
            (None, _, _) => return Err(Code::FieldMissing),
            _ => return Err(Code::FieldInvalid),
        };
        let taxpayer = self.taxpayer.map(|it| it.parse::<TaxpayerId>().map_err(|_| Code::IdFormat)).transpose()?;
        let place = Place::of(taxpayer, self.register);
        let handed = Handed::new(files, Secret::new(self.password.as_bytes()));
        Ok(Asked { handed, name: self.name, place, tax_id: None, activate: self.activate_at, delegated: self.delegated })
    }
}

fn bytes(text: &str) -> Result<Secret, Code> {
    let read = STANDARD.decode(text.trim());
    read.map(Secret::new).map_err(|_| Code::FieldInvalid)
}

/// What became of a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateImportRow)]
#[serde(rename_all = "camelCase")]
pub struct RowView {
    /// Its place, from 1.
    line: usize,
    success: bool,
    /// Which it is here, once it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_id: Option<String>,
    /// The certificate, if it could be opened and may be let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateView>,
    /// Whether anything changed, or would.
    changed: bool,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The same in the caller's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What became of all of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateImport)]
#[serde(rename_all = "camelCase")]
pub struct ImportView {
    /// Whether every line was let in, or would be.
    success: bool,
    /// Whether it was a rehearsal.
    dry_run: bool,
    /// Lines.
    total: usize,
    /// Lines that changed something, or would.
    imported: usize,
    /// Lines whose certificate is in use already.
    unchanged: usize,
    /// Lines that were refused.
    refused: usize,
    /// A row a line, in order.
    rows: Vec<RowView>,
}

/// `POST /api/certificates/import`
async fn import(api: Api, asked: Call, scope: Scope, Query(how): Query<How>, body: Raw) -> Result<Json<ImportView>, ApiError> {
    let dry_run = how.dry_run.unwrap_or_default();
    let lines = if is_zip(&body.media) { unpacked(&api, body.bytes).await? } else { read(&body.bytes)? };
    let places: Vec<Result<usize, Code>> =
        (0..lines.len()).zip(&lines).map(|(n, it)| it.as_ref().map(|_| n).map_err(|code| *code)).collect();
    let mut done = certificates::import(&api.app, &scope, lines.into_iter().flatten().collect(), dry_run).await.into_iter();
    let now = api.app.clock.wall();
    let mut rows = Vec::with_capacity(places.len());
    for (n, place) in places.iter().enumerate() {
        let outcome = match place {
            Ok(_) => done.next().ok_or(ApiError::new(Code::Internal))?.map_err(certificate_views::refused),
            Err(code) => Err(ApiError::new(*code)),
        };
        rows.push(row(n + 1, outcome, now, &asked)?);
    }
    let refused = rows.iter().filter(|it| !it.success).count();
    let imported = rows.iter().filter(|it| it.changed).count();
    let (total, unchanged) = (rows.len(), rows.len() - refused - imported);
    Ok(Json(ImportView { success: refused == 0, dry_run, total, imported, unchanged, refused, rows }))
}

fn is_zip(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim();
    ZIP.iter().any(|it| it.eq_ignore_ascii_case(media))
}

/// In one queue with the opening of keys: an archive may take a core for a while.
async fn unpacked(api: &Api, bytes: bytes::Bytes) -> Result<Vec<Result<Asked, Code>>, ApiError> {
    let turn = api.app.vault.opening().take().await.ok_or_else(|| ApiError::new(Code::Busy).retry_after(COME_BACK))?;
    let reading = tokio::task::spawn_blocking(move || {
        let read = certificates::unpack(&bytes);
        drop(turn);
        read
    });
    let read = reading.await.map_err(|error| ApiError::new(Code::Internal).because(error))?;
    read.map_err(|error| ApiError::new(error.code()).member("reason", error.reason()).because(error))
}

fn read(body: &[u8]) -> Result<Vec<Result<Asked, Code>>, ApiError> {
    let lines: Vec<&[u8]> = body.split(|it| *it == b'\n').filter(|it| !it.trim_ascii().is_empty()).collect();
    if lines.len() > LINES_AT_MOST {
        return Err(ApiError::new(Code::BodyTooLarge).member("lines_at_most", LINES_AT_MOST));
    }
    if lines.is_empty() {
        return Err(ApiError::new(Code::JsonMalformed));
    }
    Ok(lines.into_iter().map(|it| serde_json::from_slice::<Line>(it).map_err(|_| Code::JsonMalformed)?.asked()).collect())
}

fn row(line: usize, outcome: Result<Imported, ApiError>, now: Timestamp, asked: &Call) -> Result<RowView, ApiError> {
    let refused = |error: &ApiError| RowView {
        line,
        success: false,
        certificate_id: None,
        certificate: None,
        changed: false,
        code: Some(error.code().slug()),
        detail: Some(say(asked.language, error.code().slug(), &[])),
    };
    match outcome {
        Err(error) => Ok(refused(&error)),
        Ok(Imported::WouldBe { certificate, changes, .. }) => Ok(RowView {
            line,
            success: true,
            certificate_id: None,
            certificate: Some(CertificateView::new(&certificate, now)),
            changed: changes,
            code: None,
            detail: None,
        }),
        Ok(Imported::Done(done)) => {
            let changed = done.changed;
            let (id, certificate) = UploadedView::new(*done, now)?.into_parts();
            Ok(RowView {
                line,
                success: true,
                certificate_id: Some(id),
                certificate: Some(certificate),
                changed,
                code: None,
                detail: None,
            })
        }
    }
}
