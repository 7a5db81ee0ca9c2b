//! The way of a call through its operation's declaration, in this order:
//!
//! the door → limits → the permission → the step-up → the query's names → the body within its bound and
//! time → the `Idempotency-Key` → the handler. What is refused to somebody known goes into their tenant's audit chain before
//! the answer leaves. Nothing here knows an operation by name.

use crate::api::Api;
use crate::call::{Asked, Call, Content};
use crate::content;
use crate::denials;
use crate::idempotency;
use crate::limits::{self, Standing};
use crate::operation::{Access, Deprecation, Operation};
use crate::problem::{ApiError, Finding};
use crate::routing::Entry;
use axum::RequestExt;
use axum::extract::{RawPathParams, Request};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use fedatario_app::called::{self, Called};
use fedatario_app::identity::door::Principal;
use fedatario_app::identity::service::NO_TENANT;
use fedatario_audit::{Event, Outcome as Ended};
use fedatario_base::Code;
use fedatario_base::id::By;
use fedatario_base::id::TenantId;
use std::collections::BTreeSet;

/// The longest `Authorization` that is looked at, in bytes (security K1).
pub const CREDENTIAL_BYTES: usize = 4 * 1024;

/// The header that names a tenant.
pub const TENANT_HEADER: &str = "x-tenant-id";

/// Which operation answered and for which tenant, for whoever counts and logs at the edge.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// The operation's name.
    pub operation: &'static str,
    /// The tenant of whoever was let in.
    pub tenant: Option<TenantId>,
}

/// What becomes known of a call on its way in, told even when it is refused.
#[derive(Default)]
struct Progress {
    standings: Vec<Standing>,
    tenant: Option<TenantId>,
}

/// Serves one call.
pub async fn serve(entry: Entry, api: Api, request: Request) -> Response {
    // The edge sets it on every request; without it nobody could be told anything.
    let Some(asked) = request.extensions().get::<Asked>().cloned() else { return Response::default() };
    let mut progress = Progress::default();
    // Whoever they turn out to be, what is chained from here on names this request and its address.
    let called = called_by(&api, &entry.operation, &asked, NO_TENANT).await;
    let done = called::within(called, admit(&entry, &api, &asked, request, &mut progress)).await;
    let mut response = done.unwrap_or_else(|error| {
        note(&entry.operation, &asked, &error);
        error.render(&asked)
    });
    limits::tell(&progress.standings, response.headers_mut());
    if entry.is_delicate {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.headers_mut().extend(entry.operation.deprecation.into_iter().flat_map(Deprecation::headers));
    response.extensions_mut().insert(Served { operation: entry.operation.id, tenant: progress.tenant });
    response
}

async fn admit(entry: &Entry, api: &Api, asked: &Asked, request: Request, progress: &mut Progress) -> Result<Response, ApiError> {
    let operation = &entry.operation;
    let principal = match who(operation, api, asked, request.headers(), progress).await {
        Ok(principal) => principal,
        Err(refusal) => {
            denials::note(api, operation.id, asked, &refusal).await;
            return Err(refusal);
        }
    };
    let tenant = principal.as_ref().map_or(NO_TENANT, |it| it.scope.tenant());
    let called = called_by(api, operation, asked, tenant).await;
    called::within(called, serve_known(entry, api, asked, request, principal, progress)).await
}

/// The call as entries name it: its address sealed under the key of the tenant whose chain they are in,
/// so that it goes when that key goes. What anybody may look at leaves no entry, and a supervisor's question
/// waits for no key.
async fn called_by(api: &Api, operation: &Operation, asked: &Asked, tenant: TenantId) -> Called {
    if operation.access == Access::Anyone && (operation.method == Method::GET || !operation.counts) {
        return Called { by: By::Request(asked.request), origin: None };
    }
    let origin = api.origins().sealed(&api.app.vault, tenant, asked.origin.address).await;
    if let Err(error) = &origin {
        tracing::warn!(request_id = %asked.request, code = error.code().slug(), %error, "an address could not be sealed");
    }
    Called { by: By::Request(asked.request), origin: origin.ok() }
}

async fn serve_known(
    entry: &Entry,
    api: &Api,
    asked: &Asked,
    mut request: Request,
    principal: Option<Principal>,
    progress: &Progress,
) -> Result<Response, ApiError> {
    let operation = &entry.operation;
    if let Some(principal) = &principal
        && let Err(refusal) = allowed(operation, principal)
    {
        chain(api, operation, asked, principal, &refusal).await;
        return Err(refusal);
    }
    let path = path_of(&mut request).await;
    let (parts, body) = request.into_parts();
    let mut call = Call {
        api: api.clone(),
        operation: operation.clone(),
        description: entry.description.clone(),
        asked: asked.clone(),
        parts,
        path,
        principal,
        standings: progress.standings.clone(),
        content: Content::Nothing,
        next_path: 0,
    };
    known_names(&call)?;
    let media = call.header(CONTENT_TYPE.as_str()).map(str::to_owned);
    call.content = content::read(entry, media, body).await?;
    idempotency::once(call, &entry.serve).await
}

/// Who calls: counted by address where nobody needs to be known, else let in and counted by name.
async fn who(
    operation: &Operation,
    api: &Api,
    asked: &Asked,
    headers: &HeaderMap,
    progress: &mut Progress,
) -> Result<Option<Principal>, ApiError> {
    let now = api.app.clock.wall();
    if operation.access == Access::Anyone && !operation.counts {
        return Ok(None);
    }
    if operation.access == Access::Anyone {
        let (standings, passes) = api.limiter().count_address(asked.origin.address, now);
        progress.standings = standings;
        return if passes { Ok(None) } else { Err(limits::refusal(&progress.standings)) };
    }
    let (bearer, tenant) = shown(headers)?;
    let principal = api.door.enter(bearer, tenant, &asked.origin).await?;
    progress.tenant = Some(principal.scope.tenant());
    let (standings, passes) = api.limiter().count(&principal, now);
    progress.standings = standings;
    if passes { Ok(Some(principal)) } else { Err(limits::refusal(&progress.standings)) }
}

/// What was shown: one `Authorization: Bearer`, and the tenant that was named.
fn shown(headers: &HeaderMap) -> Result<(&str, Option<TenantId>), ApiError> {
    let nobody = || ApiError::new(Code::Unauthenticated);
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let only = all.next().filter(|_| all.next().is_none()).ok_or_else(nobody)?;
    let text = only.to_str().ok().filter(|it| it.len() <= CREDENTIAL_BYTES).ok_or_else(nobody)?;
    let (scheme, bearer) = text.split_once(' ').ok_or_else(nobody)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(nobody());
    }
    let named = headers.get(TENANT_HEADER).map(|it| it.to_str().ok().and_then(|it| it.parse().ok()));
    let tenant = named.map(|it| it.ok_or_else(|| ApiError::new(Code::IdFormat))).transpose()?;
    Ok((bearer.trim(), tenant))
}

/// Whether the declaration lets this principal pass.
fn allowed(operation: &Operation, principal: &Principal) -> Result<(), ApiError> {
    if let Access::Needs(permission) = operation.access {
        let holds =
            if permission.is_platform() { principal.platform.contains(&permission) } else { principal.scope.may(permission) };
        if !holds {
            return Err(ApiError::new(Code::PermissionDenied).member("permission", permission.text()));
        }
    }
    if operation.needs_step_up && !principal.is_stepped_up {
        return Err(ApiError::new(Code::StepUpRequired));
    }
    Ok(())
}

/// A refusal of somebody known is an entry in the chain of their tenant. It stays a refusal when the
/// chain cannot be written, and the log says so.
async fn chain(api: &Api, operation: &Operation, asked: &Asked, principal: &Principal, refusal: &ApiError) {
    let event = Event::new(api.app.clock.wall(), principal.scope.actor(), "api.refused")
        .object(asked.request)
        .outcome(Ended::Refused)
        .code(refusal.code())
        .field("operation", operation.id)
        .field("permission", operation.permission_text());
    let written = async {
        let mut tx = api.app.store.begin(&principal.scope).await?;
        tx.append(event, None).await?;
        tx.commit().await
    };
    if let Err(error) = written.await {
        tracing::error!(request_id = %asked.request, code = error.code().slug(), %error, "a refusal could not be chained");
    }
}

/// Refusals are the caller's business and logged low; faults are ours.
fn note(operation: &Operation, asked: &Asked, error: &ApiError) {
    let (operation, code, why) = (operation.id, error.code().slug(), error.log());
    if error.status().is_server_error() {
        tracing::error!(request_id = %asked.request, trace_id = %asked.trace, operation, code, why, "failed");
    } else {
        tracing::info!(request_id = %asked.request, trace_id = %asked.trace, operation, code, why, "refused");
    }
}

async fn path_of(request: &mut Request) -> Vec<String> {
    let params = request.extract_parts::<RawPathParams>().await;
    params.map(|it| it.iter().map(|(_, value)| value.to_owned()).collect()).unwrap_or_default()
}

/// Names after the question mark that nobody reads, or that stand there twice, are refused: a filter
/// that is passed over answers another question.
fn known_names(call: &Call) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    let pairs = call.query();
    let known = |name: &str| call.description.query_names().any(|it| it == name);
    let odd = pairs.iter().filter(|(name, _)| !seen.insert(name.clone()) || !known(name));
    let findings: Vec<Finding> = odd.map(|(name, _)| Finding { pointer: format!("?{name}"), code: Code::FieldUnknown }).collect();
    if findings.is_empty() { Ok(()) } else { Err(ApiError::new(Code::QueryInvalid).findings(findings)) }
}
