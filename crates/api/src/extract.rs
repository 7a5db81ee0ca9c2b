//! What handlers take: who calls, parts of the path, the query, the body.
//!
//! Each extractor describes itself for the OpenAPI document and parses at the edge: inside, an id is
//! an id. Unknown fields and unknown query names are refused, never passed over.

use crate::api::Api;
use crate::call::{Asked, Call};
use crate::describe::{BodyDescription, Description, Place};
use crate::limits::Standing;
use crate::problem::{ApiError, Finding};
use axum::body::Body as RawBody;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::{HeaderValue, Uri};
use bytes::Bytes;
use fedatario_app::identity::door::Principal;
use fedatario_base::{Code, Scope, id};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::future::Future;
use std::str::FromStr;
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

/// Rows of a page when nobody says how many.
pub const PAGE_ROWS: u32 = 50;
/// The most rows of a page.
pub const PAGE_ROWS_AT_MOST: u32 = 500;

/// Something that a handler takes.
pub trait Extract: Sized + Send {
    /// What it says about the operation.
    fn describe(description: &mut Description);

    /// Takes it from the call, or refuses.
    fn extract(call: &mut Call) -> impl Future<Output = Result<Self, ApiError>> + Send;
}

/// The services.
impl Extract for Api {
    fn describe(_: &mut Description) {}

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        Ok(call.api.clone())
    }
}

/// What every request carries: its name, trace, language and origin.
impl Extract for Asked {
    fn describe(_: &mut Description) {}

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        Ok(call.asked.clone())
    }
}

/// Who calls, for which tenant, with which permissions.
impl Extract for Scope {
    fn describe(description: &mut Description) {
        description.needs_principal = true;
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        Ok(call.principal()?.scope.clone())
    }
}

/// Who calls, and what they showed.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

impl Extract for Caller {
    fn describe(description: &mut Description) {
        description.needs_principal = true;
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        Ok(Self(call.principal()?.clone()))
    }
}

/// What the caller may still ask for.
#[derive(Debug, Clone)]
pub struct Standings(pub Vec<Standing>);

impl Extract for Standings {
    fn describe(_: &mut Description) {}

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        Ok(Self(call.standings.clone()))
    }
}

/// Something that may stand in a path: parsed, never cut.
pub trait Segment: FromStr + Send {
    /// What a text that is none is told.
    const REFUSED: Code;

    /// Its schema.
    fn schema() -> Value;
}

macro_rules! segments {
    ($($id:ident),* $(,)?) => { $(
        impl Segment for id::$id {
            const REFUSED: Code = Code::IdFormat;

            fn schema() -> Value {
                json!({ "type": "string", "pattern": format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", Self::PREFIX) })
            }
        }
    )* };
}

segments!(
    TenantId,
    TaxpayerId,
    CredentialId,
    SolicitudId,
    PackageId,
    JobId,
    ScheduleId,
    ExchangeId,
    QuarantineId,
    RevisionId,
    ListId,
    UserId,
    SessionId,
    ApiKeyId,
    FactorId,
    InvitationId,
    RoleId,
    WebhookId,
    EventId,
    DeliveryId,
    MailId,
    RequestId,
    GrantId,
    NoticeId,
    BackupId,
);

impl Segment for String {
    const REFUSED: Code = Code::NotFound;

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": 255 })
    }
}

impl Segment for i16 {
    const REFUSED: Code = Code::NotFound;

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": i16::MIN, "maximum": i16::MAX })
    }
}

impl Segment for u64 {
    const REFUSED: Code = Code::NotFound;

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 })
    }
}

/// The next part of the path: `At<TaxpayerId>` for `{taxpayer}`. Several are read in order.
#[derive(Debug, Clone, Copy)]
pub struct At<T>(pub T);

impl<T: Segment> Extract for At<T> {
    fn describe(description: &mut Description) {
        description.path_part("", T::schema());
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        call.next_path_part().parse().map(Self).map_err(|_| ApiError::new(T::REFUSED))
    }
}

/// What stands after the question mark, with `#[derive(Deserialize, IntoParams)]` and
/// `#[into_params(parameter_in = Query)]`. Names that no extractor knows are refused.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + IntoParams + Send> Extract for Query<T> {
    fn describe(description: &mut Description) {
        for parameter in T::into_params(|| Some(ParameterIn::Query)) {
            let told = serde_json::to_value(&parameter).unwrap_or_default();
            let text = told.get("description").and_then(Value::as_str).unwrap_or_default();
            let schema = told.get("schema").cloned().unwrap_or_default();
            description.parameter(Place::Query, &parameter.name, text, schema);
            if told.get("required") == Some(&Value::Bool(true))
                && let Some(last) = description.parameters.last_mut()
            {
                last.required = true;
            }
        }
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let names: Vec<String> = T::into_params(|| Some(ParameterIn::Query)).into_iter().map(|it| it.name).collect();
        let mut text = url::form_urlencoded::Serializer::new(String::from("/?"));
        for (name, value) in call.query().iter().filter(|(name, _)| names.contains(name)) {
            text.append_pair(name, value);
        }
        let uri: Uri = text.finish().parse().map_err(|_| ApiError::new(Code::QueryInvalid))?;
        let read = axum::extract::Query::<T>::try_from_uri(&uri);
        read.map(|it| Self(it.0)).map_err(|error| ApiError::new(Code::QueryInvalid).because(error))
    }
}

/// Where a page begins and how long it is: `cursor` and `limit`.
#[derive(Debug, Clone)]
pub struct Page {
    /// The key after which it begins; `None` for the first page.
    pub after: Option<String>,
    /// Rows at most.
    pub limit: u32,
    pub(crate) filters: String,
}

impl Page {
    /// The key after which it begins, parsed.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, ApiError> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|_| ApiError::new(Code::CursorInvalid))
    }
}

impl Extract for Page {
    fn describe(description: &mut Description) {
        description.needs_principal = true;
        let cursor = json!({ "type": "string", "maxLength": crate::cursor::CURSOR_BYTES });
        description.parameter(Place::Query, "cursor", "Where the page begins: the cursor of the page before.", cursor);
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_ROWS_AT_MOST, "default": PAGE_ROWS });
        description.parameter(Place::Query, "limit", "Rows of the page at most.", limit);
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let mut pairs = call.query();
        let mut take = |name: &str| pairs.iter().position(|it| it.0 == name).map(|at| pairs.remove(at).1);
        let (cursor, limit) = (take("cursor"), take("limit"));
        let filters = filters(pairs);
        let limit = limit.map_or(Ok(PAGE_ROWS), |it| it.parse());
        let limit = limit.ok().filter(|it| (1..=PAGE_ROWS_AT_MOST).contains(it));
        let limit = limit.ok_or_else(|| ApiError::fields(vec![Finding { pointer: "?limit".into(), code: Code::FieldInvalid }]))?;
        let tenant = call.principal()?.scope.tenant();
        let opened = cursor.map(|it| call.api.cursors.open(call.operation.id, tenant, &filters, &it)).transpose()?;
        Ok(Self { after: opened, limit, filters })
    }
}

/// The other parameters in an order of their own: the same question gives the same text.
fn filters(mut pairs: Vec<(String, String)>) -> String {
    pairs.sort();
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs);
    text.finish()
}

/// A JSON body with `#[derive(Deserialize, ToSchema)] #[serde(deny_unknown_fields)]`.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + ToSchema + Send> Extract for Body<T> {
    fn describe(description: &mut Description) {
        let schema = description.schema::<T>();
        description.body = Some(BodyDescription { media: "application/json", schema, streams: false, required: true });
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let bytes = call.take_whole();
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| body_error(&error))?;
        reader.end().map_err(|error| ApiError::new(Code::JsonMalformed).because(error))?;
        Ok(Self(value))
    }
}

/// The same where the caller may leave it out: no body, or `null`, is the form with nothing filled in.
#[derive(Debug, Clone)]
pub struct Perhaps<T>(pub T);

impl<T: DeserializeOwned + ToSchema + Default + Send> Extract for Perhaps<T> {
    fn describe(description: &mut Description) {
        Body::<T>::describe(description);
        description.body.as_mut().into_iter().for_each(|it| it.required = false);
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let bytes = call.take_whole();
        if matches!(bytes.trim_ascii(), b"" | b"null") {
            return Ok(Self(T::default()));
        }
        call.content = crate::call::Content::Whole(bytes);
        Ok(Self(Body::<T>::extract(call).await?.0))
    }
}

/// Malformed JSON is one thing, a field that does not fit another. What serde says is for the log:
/// it may quote the value.
fn body_error(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let inner = error.inner();
    if inner.is_data() {
        // The library tells these two apart in words alone; what it quotes after them is never shown.
        let words = inner.to_string();
        let code = match () {
            () if words.starts_with("unknown field") => Code::FieldUnknown,
            () if words.starts_with("missing field") => Code::FieldMissing,
            () => Code::FieldInvalid,
        };
        // A missing field has no place of its own: its name is ours, from the declaration, and may be shown.
        let missing = (code == Code::FieldMissing).then(|| words.split('`').nth(1)).flatten();
        let place = missing.map_or_else(String::new, |name| format!("/{name}"));
        let finding = Finding { pointer: pointer(error.path()) + &place, code };
        return ApiError::new(code).findings(vec![finding]).because(format!("line {}", inner.line()));
    }
    ApiError::new(Code::JsonMalformed).because(format!("line {} column {}", inner.line(), inner.column()))
}

/// RFC 6901 from a path of fields.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment as Step;
    let escaped = |text: &str| text.replace('~', "~0").replace('/', "~1");
    path.iter()
        .map(|step| match step {
            Step::Seq { index } => format!("/{index}"),
            Step::Map { key } => format!("/{}", escaped(key)),
            Step::Enum { variant } => format!("/{}", escaped(variant)),
            Step::Unknown => String::new(),
        })
        .collect()
}

/// Any bytes, held whole within the operation's bound, with their media type.
#[derive(Debug, Clone)]
pub struct Raw {
    /// The media type that the caller gave.
    pub media: String,
    /// The bytes.
    pub bytes: Bytes,
}

impl Extract for Raw {
    fn describe(description: &mut Description) {
        let schema = json!({ "type": "string", "format": "binary" });
        description.body = Some(BodyDescription { media: "application/octet-stream", schema, streams: false, required: true });
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let media = call.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_owned();
        Ok(Self { media, bytes: call.take_whole() })
    }
}

/// Bytes as they arrive, within the operation's bound and its patience with slow lines: for what is
/// too large to be held.
pub struct Upload(pub RawBody);

impl Extract for Upload {
    fn describe(description: &mut Description) {
        let schema = json!({ "type": "string", "format": "binary" });
        description.body = Some(BodyDescription { media: "application/octet-stream", schema, streams: true, required: true });
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        Ok(Self(call.take_stream()))
    }
}

/// The revision that the caller saw: `If-Match` with the ETag of an answer. Without one the change is
/// refused (428); what the header names is compared by [`IfMatch::allows`].
#[derive(Debug, Clone)]
pub struct IfMatch(String);

impl IfMatch {
    /// Refuses with 412 unless the caller saw this revision.
    pub fn allows(&self, revision: impl std::fmt::Display) -> Result<(), ApiError> {
        let tag = crate::answer::etag(&revision.to_string());
        let names = self.0.split(',').map(str::trim);
        let seen = self.0.trim() == "*" || names.into_iter().any(|it| it == tag);
        if seen {
            return Ok(());
        }
        // Whoever was slower is told what there is now, and need not ask for it before looking.
        let tag = HeaderValue::try_from(tag).map_err(|error| ApiError::new(Code::Internal).because(error))?;
        Err(ApiError::new(Code::PreconditionFailed).header(ETAG, tag))
    }
}

impl Extract for IfMatch {
    fn describe(description: &mut Description) {
        description.guards_revision = true;
        let text = "The ETag of what the caller saw; required.";
        description.parameter(Place::Header, "If-Match", text, json!({ "type": "string", "maxLength": 255 }));
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let named = call.header(IF_MATCH.as_str());
        named.map(|it| Self(it.to_owned())).ok_or_else(|| ApiError::new(Code::PreconditionRequired))
    }
}

/// The last event that a stream's reader saw, when it comes back.
#[derive(Debug, Clone)]
pub struct LastEvent(pub Option<String>);

impl Extract for LastEvent {
    fn describe(description: &mut Description) {
        let text = "The id of the last event that was seen; what came after is sent.";
        description.parameter(Place::Header, "Last-Event-ID", text, json!({ "type": "string", "maxLength": 255 }));
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        Ok(Self(call.header("last-event-id").map(str::to_owned)))
    }
}
