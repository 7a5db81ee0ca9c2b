//! `/api/webhooks/…`: addresses that are told of events, what was sent to them, and what they said.

use crate::answer::{Created, Document, Json, Nothing, Paged, Tagged};
use crate::api::Api;
use crate::extract::{At, Body, IfMatch, Page, Query};
use crate::operation::Operation;
use crate::problem::{ApiError, Findings};
use crate::routing::Routes;
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::{Attempt, Delivery, DeliveryFilter, DeliveryState, EventRow, HookState, SecretKind, Webhook};
use fedatario_app::hooks::{Changes, Draft, HookService, NewWebhook};
use fedatario_base::id::{DeliveryId, EventId, WebhookId};
use fedatario_base::{Code, Permission, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// The operations of this module.
pub fn routes() -> Routes {
    const MAY: Permission = Permission::WebhookManage;
    const ADDRESS: &[Code] =
        &[Code::StoreConflict, Code::WebhookUrl, Code::WebhookForbidden, Code::WebhookLimit, Code::MailAddress];
    Routes::of("webhooks")
        .add(
            Operation::post("/api/webhooks", "webhooks.create", "Adds an address that is told of events")
                .needs(MAY)
                .answers_secret()
                .audits("webhook.created").changes()
                .refuses(ADDRESS)
                .notes(
                    "The answer shows each secret once: `whsec_…` for HMAC (`v1`), the public `whpk_…` for Ed25519 (`v1a`). \
                     Signatures follow Standard Webhooks 1.0.",
                )
                .example(r#"{"url":"https://erp.example.com/fedatario","events":["sat.year.complete"]}"#),
            create,
        )
        .add(Operation::get("/api/webhooks", "webhooks.list", "All addresses").needs(MAY), list)
        .add(
            Operation::get("/api/webhooks/events", "webhooks.events", "The table of events, each with its JSON Schema")
                .signed_in(),
            table,
        )
        .add(Operation::get("/api/webhooks/{webhook}", "webhooks.read", "One address").needs(MAY), read)
        .add(
            Operation::patch("/api/webhooks/{webhook}", "webhooks.change", "Changes an address, or switches it on or off")
                .needs(MAY)
                .audits("webhook.changed").changes()
                .refuses(ADDRESS)
                .example(r#"{"state":"disabled"}"#),
            change,
        )
        .add(
            Operation::delete("/api/webhooks/{webhook}", "webhooks.delete", "Takes an address away with its log")
                .needs(MAY)
                .audits("webhook.deleted").changes(),
            delete,
        )
        .add(
            Operation::post("/api/webhooks/{webhook}/secrets", "webhooks.rotate", "Makes a new secret beside the one in use")
                .needs(MAY)
                .step_up()
                .answers_secret()
                .audits("webhook.rotated").changes().refuses(&[Code::StoreConflict, Code::WebhookUrl])
                .notes("Both sign until the overlap ends (24 hours unless said, seven days at most).")
                .example(r#"{"kind":"v1"}"#),
            rotate,
        )
        .add(
            Operation::post("/api/webhooks/{webhook}/tests", "webhooks.test", "Sends a test event").needs(MAY).audits("webhook.tested").refuses(&[Code::StoreConflict]),
            test,
        )
        .add(
            Operation::post("/api/webhooks/{webhook}/replays", "webhooks.replay", "Sends again what failed, or a range of time")
                .needs(MAY)
                .audits("webhook.replayed")
                .notes("All that failed unless `state`, `from` or `to` say otherwise; a thousand at once, `more` says whether there are more.")
                .example(r#"{"state":"failed"}"#),
            replay_all,
        )
        .add(Operation::get("/api/webhooks/deliveries", "webhooks.deliveries", "What was sent, newest first").needs(MAY), deliveries)
        .add(Operation::get("/api/webhooks/deliveries/{delivery}", "webhooks.delivery", "One delivery with what was sent").needs(MAY), delivery)
        .add(
            Operation::post("/api/webhooks/deliveries/{delivery}/replays", "webhooks.replay_one", "Sends one delivery again")
                .needs(MAY)
                .audits("webhook.replayed"),
            replay,
        )
        .add(Operation::get("/api/events", "events.list", "Events that were told to anybody, newest first").needs(MAY), events)
        .add(Operation::get("/api/events/{event}", "events.read", "One event as it was sent").needs(MAY), event)
}

fn service(api: &Api) -> HookService {
    HookService { app: api.app.clone(), courier: api.lines.courier.clone() }
}

/// An address to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct NewAddress {
    /// Where: https, port 443 or 8443, a public place.
    #[schema(max_length = 2048)]
    url: String,
    /// What it is called.
    #[serde(default)]
    #[schema(max_length = 200)]
    description: String,
    /// Which events; all unless said.
    #[serde(default)]
    #[schema(max_items = 64)]
    events: Vec<String>,
    /// Whom to mail when it is switched off.
    #[schema(max_length = 254)]
    notify: Option<String>,
    /// `v1` (HMAC-SHA256) and `v1a` (Ed25519); HMAC unless said.
    #[serde(default)]
    #[schema(max_items = 2)]
    signatures: Vec<String>,
}

/// A secret, shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookSecretShown)]
pub struct ShownSecret {
    /// `v1` or `v1a`.
    kind: String,
    /// `whsec_…`, or the public `whpk_…`.
    secret: String,
}

/// A secret in use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub struct SecretView {
    /// `v1` or `v1a`.
    kind: String,
    /// What a receiver verifies with, where that is public.
    public: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when it signs beside its successor.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// An address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// Its id.
    id: String,
    /// Where.
    url: String,
    /// What it is called.
    description: String,
    /// Which events; none is all.
    events: Vec<&'static str>,
    /// `enabled` or `disabled`.
    state: String,
    /// Why it is disabled: `by_hand`, `webhook_gone` (410), `webhook_failing`.
    reason: Option<String>,
    /// Whom to mail when it is switched off.
    notify: Option<String>,
    /// What it is signed with now.
    secrets: Vec<SecretView>,
    /// Since when nothing arrived.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

fn view(it: &Webhook, now: Timestamp) -> WebhookView {
    let secret = |it: &fedatario_app::hooks::model::SealedSecret| SecretView {
        kind: it.kind.text().to_owned(),
        public: it.public.clone(),
        created_at: it.created,
        expires_at: it.expires,
    };
    WebhookView {
        id: it.id.to_string(),
        url: it.url.clone(),
        description: it.description.clone(),
        events: it.events.iter().map(|it| it.text()).collect(),
        state: it.state.text().to_owned(),
        reason: it.reason.clone(),
        notify: it.notify.clone(),
        secrets: it.live(now).map(secret).collect(),
        failing_since: it.failing_since,
        created_at: it.created,
    }
}

/// An address with its secrets, shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookMade)]
pub struct MadeView {
    /// The address.
    webhook: WebhookView,
    /// What it is signed with: keep it, it is never shown again.
    secrets: Vec<ShownSecret>,
}

fn made(api: &Api, it: NewWebhook) -> Result<MadeView, ApiError> {
    let mut secrets = Vec::new();
    for revealed in it.secrets {
        let text = revealed.shown.expose_str().ok_or_else(|| ApiError::new(Code::Internal).because("a secret that is no text"))?;
        secrets.push(ShownSecret { kind: revealed.kind.text().to_owned(), secret: text.to_owned() });
    }
    Ok(MadeView { webhook: view(&it.webhook, api.app.clock.wall()), secrets })
}

fn kinds(findings: &mut Findings, words: &[String]) -> Vec<EventKind> {
    let all = words.iter().enumerate();
    let read =
        all.filter_map(|(at, it)| findings.kept(&format!("/events/{at}"), EventKind::from_text(it).ok_or(()), Code::FieldInvalid));
    let mut read: Vec<EventKind> = read.collect();
    read.sort();
    read.dedup();
    read
}

/// `POST /api/webhooks`
async fn create(api: Api, scope: Scope, Body(form): Body<NewAddress>) -> Result<Created<MadeView>, ApiError> {
    let mut findings = Findings::default();
    let events = kinds(&mut findings, &form.events);
    let each = form.signatures.iter().enumerate();
    let each = each.filter_map(|(at, it)| {
        findings.kept(&format!("/signatures/{at}"), SecretKind::from_text(it).ok_or(()), Code::FieldInvalid)
    });
    let mut signatures: Vec<SecretKind> = each.collect();
    signatures.sort();
    signatures.dedup();
    findings.done()?;
    let draft = Draft { url: form.url, description: form.description, events, notify: form.notify, signatures };
    let body = made(&api, service(&api).create(&scope, draft).await?)?;
    Ok(Created { location: format!("/api/webhooks/{}", body.webhook.id), body })
}

/// All addresses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhooks)]
pub struct WebhooksView {
    /// In order of id; there are never more than twenty.
    webhooks: Vec<WebhookView>,
}

/// `GET /api/webhooks`
async fn list(api: Api, scope: Scope) -> Result<Json<WebhooksView>, ApiError> {
    let now = api.app.clock.wall();
    let all = service(&api).list(&scope).await?;
    Ok(Json(WebhooksView { webhooks: all.iter().map(|it| view(it, now)).collect() }))
}

/// `GET /api/webhooks/events`
async fn table(_: Scope) -> Result<Document, ApiError> {
    let row = |it: &EventKind| json!({ "type": it.text(), "about": it.about(), "schema": it.schema() });
    Ok(Document(json!({ "events": EventKind::ALL.iter().map(row).collect::<Vec<Value>>() })))
}

/// `GET /api/webhooks/{webhook}`
async fn read(api: Api, scope: Scope, At(id): At<WebhookId>) -> Result<Tagged<WebhookView>, ApiError> {
    let webhook = service(&api).get(&scope, id).await?;
    Ok(Tagged::new(webhook.revision, view(&webhook, api.app.clock.wall())))
}

/// What is changed; what is not there stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChanges)]
pub struct ChangedAddress {
    /// Where.
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// What it is called.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// Which events; an empty list is all.
    #[schema(max_items = 64)]
    events: Option<Vec<String>>,
    /// `enabled` or `disabled`.
    state: Option<String>,
    /// Whom to mail; an empty text is nobody.
    #[schema(max_length = 254)]
    notify: Option<String>,
}

/// `PATCH /api/webhooks/{webhook}`
async fn change(
    api: Api,
    scope: Scope,
    At(id): At<WebhookId>,
    seen: IfMatch,
    Body(form): Body<ChangedAddress>,
) -> Result<Tagged<WebhookView>, ApiError> {
    let mut findings = Findings::default();
    let events = form.events.map(|it| kinds(&mut findings, &it));
    let state = form.state.and_then(|it| findings.kept("/state", HookState::from_text(&it).ok_or(()), Code::FieldInvalid));
    findings.done()?;
    let service = service(&api);
    let before = service.get(&scope, id).await?;
    seen.allows(before.revision)?;
    let changes = Changes { url: form.url, description: form.description, events, state, notify: form.notify };
    let webhook = service.change(&scope, id, changes, Some(before.revision)).await?;
    Ok(Tagged::new(webhook.revision, view(&webhook, api.app.clock.wall())))
}

/// `DELETE /api/webhooks/{webhook}`
async fn delete(api: Api, scope: Scope, At(id): At<WebhookId>) -> Result<Nothing, ApiError> {
    service(&api).delete(&scope, id).await?;
    Ok(Nothing)
}

/// A new secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRotation)]
pub struct Rotation {
    /// `v1` or `v1a`.
    kind: String,
    /// How long the former signs beside it, in seconds.
    #[schema(maximum = 604800)]
    overlap_s: Option<u32>,
}

/// `POST /api/webhooks/{webhook}/secrets`
async fn rotate(api: Api, scope: Scope, At(id): At<WebhookId>, Body(form): Body<Rotation>) -> Result<Created<MadeView>, ApiError> {
    let kind = SecretKind::from_text(&form.kind).ok_or_else(|| ApiError::field("/kind", Code::FieldInvalid))?;
    let body = made(&api, service(&api).rotate(&scope, id, kind, form.overlap_s).await?)?;
    Ok(Created { location: format!("/api/webhooks/{id}"), body })
}

/// A test event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookTested)]
pub struct Tested {
    /// The event: its deliveries tell what became of it.
    event: String,
}

/// `POST /api/webhooks/{webhook}/tests`
async fn test(api: Api, scope: Scope, At(id): At<WebhookId>) -> Result<Created<Tested>, ApiError> {
    let event = service(&api).test(&scope, id).await?;
    Ok(Created { location: format!("/api/events/{event}"), body: Tested { event: event.to_string() } })
}

/// What is sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookReplay)]
pub struct Replay {
    /// `failed`, `skipped`, `delivered` or `waiting`; what failed unless a range is said.
    state: Option<String>,
    /// Made from this instant on.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Made before this one.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// What was sent again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplayed)]
pub struct Replayed {
    /// How many.
    replayed: u64,
    /// Whether there are more.
    more: bool,
}

fn state_of(pointer: &str, word: Option<&String>) -> Result<Option<DeliveryState>, ApiError> {
    let read = |it: &String| DeliveryState::from_text(it).ok_or_else(|| ApiError::field(pointer, Code::FieldInvalid));
    word.map(read).transpose()
}

/// `POST /api/webhooks/{webhook}/replays`
async fn replay_all(api: Api, scope: Scope, At(id): At<WebhookId>, Body(form): Body<Replay>) -> Result<Json<Replayed>, ApiError> {
    let mut state = state_of("/state", form.state.as_ref())?;
    if state.is_none() && form.from.is_none() && form.to.is_none() {
        state = Some(DeliveryState::Failed);
    }
    let filter = DeliveryFilter { state, from: form.from, to: form.to, ..DeliveryFilter::default() };
    let (replayed, more) = service(&api).replay_all(&scope, id, filter).await?;
    Ok(Json(Replayed { replayed, more }))
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfDeliveries {
    /// To this address.
    webhook: Option<String>,
    /// Of this event.
    event: Option<String>,
    /// `waiting`, `delivered`, `failed`, `skipped`.
    state: Option<String>,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub struct AttemptView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What they answered.
    status: Option<u16>,
    /// Why there was no answer.
    code: Option<String>,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// The beginning of what they said.
    said: Option<String>,
}

/// An event on its way to one address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    /// Its id.
    id: String,
    /// Which event.
    event: String,
    /// What happened.
    r#type: &'static str,
    /// Where to.
    webhook: String,
    /// `waiting`, `delivered`, `failed` or `skipped`.
    state: String,
    /// The last attempts, oldest first.
    attempts: Vec<AttemptView>,
    /// When it is tried next.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it came to an end.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(it: Delivery) -> Self {
        let attempt = |it: Attempt| AttemptView { at: it.at, status: it.status, code: it.code, took_ms: it.took_ms, said: it.said };
        Self {
            id: it.id.to_string(),
            event: it.event.to_string(),
            r#type: it.kind.text(),
            webhook: it.webhook.to_string(),
            state: it.state.text().to_owned(),
            attempts: it.attempts.into_iter().map(attempt).collect(),
            next_at: it.next,
            created_at: it.created,
            ended_at: it.ended,
        }
    }
}

/// `GET /api/webhooks/deliveries`
async fn deliveries(api: Api, scope: Scope, Query(of): Query<OfDeliveries>, page: Page) -> Result<Paged<DeliveryView>, ApiError> {
    let bad = |name: &str| ApiError::field(format!("?{name}"), Code::IdFormat);
    let filter = DeliveryFilter {
        webhook: of.webhook.map(|it| it.parse().map_err(|_| bad("webhook"))).transpose()?,
        event: of.event.map(|it| it.parse().map_err(|_| bad("event"))).transpose()?,
        state: state_of("?state", of.state.as_ref())?,
        ..DeliveryFilter::default()
    };
    let mut tx = api.app.store.read(&scope).await?;
    let rows = tx.deliveries(&filter, page.after::<DeliveryId>()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(DeliveryView::from).collect(), |it| it.id.clone()))
}

/// An event as it was sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Its id: `webhook-id` of every attempt.
    id: String,
    /// What happened.
    r#type: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What was sent.
    #[schema(value_type = Object)]
    body: Value,
}

impl From<EventRow> for EventView {
    fn from(it: EventRow) -> Self {
        let body = serde_json::from_str(&it.body).unwrap_or_default();
        Self { id: it.id.to_string(), r#type: it.kind.text(), at: it.at, body }
    }
}

/// A delivery with its event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryWhole)]
pub struct WholeDelivery {
    /// The delivery.
    delivery: DeliveryView,
    /// What was sent; none once it was forgotten.
    event: Option<EventView>,
}

/// `GET /api/webhooks/deliveries/{delivery}`
async fn delivery(api: Api, scope: Scope, At(id): At<DeliveryId>) -> Result<Json<WholeDelivery>, ApiError> {
    let mut tx = api.app.store.read(&scope).await?;
    let delivery = tx.delivery(id).await?.ok_or_else(ApiError::not_found)?;
    let event = tx.event(delivery.event).await?;
    Ok(Json(WholeDelivery { delivery: delivery.into(), event: event.map(EventView::from) }))
}

/// `POST /api/webhooks/deliveries/{delivery}/replays`
async fn replay(api: Api, scope: Scope, At(id): At<DeliveryId>) -> Result<Json<DeliveryView>, ApiError> {
    Ok(Json(service(&api).replay(&scope, id).await?.into()))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfEvents {
    /// Of this kind.
    r#type: Option<String>,
}

/// `GET /api/events`
async fn events(api: Api, scope: Scope, Query(of): Query<OfEvents>, page: Page) -> Result<Paged<EventView>, ApiError> {
    let kind = of.r#type.as_ref().map(|it| EventKind::from_text(it).ok_or_else(|| ApiError::field("?type", Code::FieldInvalid)));
    let mut tx = api.app.store.read(&scope).await?;
    let rows = tx.events(kind.transpose()?, page.after::<EventId>()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(EventView::from).collect(), |it| it.id.clone()))
}

/// `GET /api/events/{event}`
async fn event(api: Api, scope: Scope, At(id): At<EventId>) -> Result<Json<EventView>, ApiError> {
    let found = api.app.store.read(&scope).await?.event(id).await?;
    Ok(Json(found.ok_or_else(ApiError::not_found)?.into()))
}
