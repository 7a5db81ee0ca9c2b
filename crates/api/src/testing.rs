//! What tests of routes stand on: a door that knows its visitors by heart, and a caller that needs no
//! network.
//!
//! [`MapDoor`] lets in whoever shows a text that it was given. [`TestApi`] sends requests through the
//! whole edge, in this process, and reads what comes back. The services under them are whatever the
//! test wires: see `crates/api/tests/api/support.rs` for one over a real database in a folder.

use crate::api::{Api, Parts};
use crate::cursor::CursorKey;
use crate::edge::Peer;
use crate::lines::Lines;
use crate::operation::Operation;
use crate::routing::Catalog;
use crate::settings::Settings;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use fedatario_app::audit_trail::ports::{AuditFound, AuditQuestion};
use fedatario_app::called::Opener;
use fedatario_app::error::{AppError, AppResult};
use fedatario_app::identity::door::{Door, Means, Origin, Principal};
use fedatario_app::identity::people::People;
use fedatario_app::identity::service::NO_TENANT;
use fedatario_app::identity::{Identity, IdentitySettings};
use fedatario_app::replay::Replays;
use fedatario_base::id::{ApiKeyId, SessionId, TenantId, UserId};
use fedatario_base::{Actor, Code, Permission, PlatformScope, Scope, Secret};
use fedatario_identity::password::Cost;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// A door that lets in whoever shows a text that it knows.
#[derive(Default)]
pub struct MapDoor(Mutex<HashMap<String, Principal>>);

impl MapDoor {
    /// From now on, `bearer` is this principal.
    pub fn knows(&self, bearer: &str, principal: Principal) {
        self.0.lock().expect("no holder panics").insert(bearer.to_owned(), principal);
    }

    /// From now on, nobody comes in with this; open streams of theirs end.
    pub fn forgets(&self, bearer: &str) {
        self.0.lock().expect("no holder panics").remove(bearer);
    }
}

#[async_trait]
impl Door for MapDoor {
    async fn enter(&self, bearer: &str, tenant: Option<TenantId>, _: &Origin) -> AppResult<Principal> {
        let refused = |code, text: &str| AppError::Input { code, text: text.to_owned() };
        let known = self.0.lock().expect("no holder panics").get(bearer).cloned();
        let principal = known.ok_or_else(|| refused(Code::Unauthenticated, "not known here"))?;
        let same = tenant.is_none_or(|it| it == principal.scope.tenant());
        if same { Ok(principal) } else { Err(refused(Code::TenantMismatch, "another tenant was named")) }
    }

    async fn still_in(&self, principal: &Principal) -> bool {
        let known = self.0.lock().expect("no holder panics");
        known.values().any(|it| it.scope.actor() == principal.scope.actor())
    }
}

/// A signed-in person with these permissions in a tenant, freshly stepped up.
pub fn person(tenant: TenantId, permissions: &[Permission]) -> Principal {
    let (user, session) = (UserId::fresh(Timestamp::UNIX_EPOCH), SessionId::fresh(Timestamp::UNIX_EPOCH));
    let (platform, own): (Vec<Permission>, Vec<Permission>) = permissions.iter().partition(|it| it.is_platform());
    Principal {
        scope: Scope::signed_in(tenant, Actor::User(user), own),
        means: Means::Session { session, user },
        platform,
        authenticated: Timestamp::UNIX_EPOCH,
        is_stepped_up: true,
        calls_a_minute: None,
    }
}

/// A program with these permissions in a tenant, and a limit of its own if there is one.
pub fn program(tenant: TenantId, permissions: &[Permission], calls_a_minute: Option<u32>) -> Principal {
    let key = ApiKeyId::fresh(Timestamp::UNIX_EPOCH);
    Principal {
        scope: Scope::signed_in(tenant, Actor::ApiKey(key), permissions.to_vec()),
        means: Means::Key { key, is_test: true },
        platform: Vec::new(),
        authenticated: Timestamp::UNIX_EPOCH,
        is_stepped_up: false,
        calls_a_minute,
    }
}

/// The API without a network.
#[derive(Clone)]
pub struct TestApi {
    /// The services, for a look behind.
    pub api: Api,
    /// Who is let in; `None` if the test brought a door of its own.
    pub door: Option<Arc<MapDoor>>,
    /// Told of each operation that was seen to append the entry that it declares, with its values if it declares
    /// that it changes some.
    pub chained: Option<fn(&Operation)>,
    catalog: Catalog,
    router: Router,
}

impl TestApi {
    /// These operations over these services, with a [`MapDoor`].
    pub fn new(people: People, replays: Arc<dyn Replays>, catalog: &Catalog) -> Self {
        let door = Arc::new(MapDoor::default());
        let mut made = Self::over(parts(people, replays, door.clone()), catalog);
        made.door = Some(door);
        made
    }

    /// These operations over these parts, whatever their door.
    pub fn over(parts: Parts, catalog: &Catalog) -> Self {
        let api = Api::new(parts);
        Self { router: catalog.router(api.clone()), api, door: None, chained: None, catalog: catalog.clone() }
    }

    /// From now on, `bearer` is this principal.
    pub fn knows(&self, bearer: &str, principal: Principal) {
        self.door.as_ref().expect("a door made of a map").knows(bearer, principal);
    }

    /// A request that is not sent yet.
    pub fn call(&self, method: Method, target: &str) -> TestCall {
        let builder = Request::builder().method(method.clone()).uri(target);
        let peer = Peer(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)));
        let asked = target.split('?').next().unwrap_or_default();
        let watch = self.chained.and_then(|told| {
            let operation = operation_at(&self.catalog, &method, asked)?;
            Some(Watch { api: self.api.clone(), action: operation.audits?, operation, told })
        });
        TestCall { router: self.router.clone(), builder: builder.extension(peer), body: Body::empty(), watch }
    }

    /// A GET.
    pub fn get(&self, target: &str) -> TestCall {
        self.call(Method::GET, target)
    }

    /// A POST.
    pub fn post(&self, target: &str) -> TestCall {
        self.call(Method::POST, target)
    }
}

/// What [`TestApi`] wires when nothing else is said.
pub fn parts(people: People, replays: Arc<dyn Replays>, door: Arc<dyn Door>) -> Parts {
    // A hash that costs nothing: tests of routes make many, and guard nobody.
    let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let identity = Arc::new(Identity::new(&people.app, IdentitySettings { cost, cores: 8, ..IdentitySettings::default() }));
    Parts {
        app: people.app.clone(),
        people,
        door,
        identity,
        replays,
        cursors: CursorKey::new(&Secret::new([7; 32])),
        settings: Settings::default(),
        lines: Lines::closed(),
    }
}

/// The operation that answers there: of two, the one with more of its path spelt out.
fn operation_at(catalog: &Catalog, method: &Method, path: &str) -> Option<Arc<Operation>> {
    let fits = |it: &&Arc<Operation>| {
        let (mut ours, mut theirs) = (it.path.split('/'), path.split('/'));
        it.method == *method
            && loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => break true,
                    (Some(ours), Some(theirs)) if ours == theirs || ours.starts_with('{') => {}
                    _ => break false,
                }
            }
    };
    let all = catalog.entries().iter().map(|it| &it.operation).filter(fits);
    all.min_by_key(|it| it.path_names().count()).cloned()
}

/// Looks at the chains around a call that declares an entry.
struct Watch {
    api: Api,
    operation: Arc<Operation>,
    action: &'static str,
    told: fn(&Operation),
}

/// Entries of an action, and those that say what was before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Counted {
    all: usize,
    with_values: usize,
}

impl Watch {
    /// Entries of the declared action, over all chains.
    async fn entries(&self) -> Counted {
        let mut people = self.api.people.identity.read_people(&PlatformScope::of(Actor::System)).await.expect("the people");
        let all = people.tenants(None, ROWS).await.expect("the tenants");
        drop(people); // Nobody waits for a second connection while they hold one.
        let mut counted = Counted::default();
        for tenant in all.into_iter().map(|it| it.id).chain([NO_TENANT]) {
            let mut tx = self.api.app.store.read(&Scope::system(tenant)).await.expect("a transaction");
            let question = AuditQuestion { action: Some(self.action.to_owned()), ..AuditQuestion::default() };
            let found = tx.audit_found(&question, None, ROWS).await.expect("its rows");
            drop(tx);
            counted.all += found.len();
            for it in found.iter().filter(|_| self.operation.changes) {
                counted.with_values += usize::from(self.says_values(it).await);
            }
        }
        counted
    }

    /// Whether what is sealed beside an entry opens, is what the entry binds, and tells values before and after. They
    /// may be equal: a job that was due is due now.
    async fn says_values(&self, it: &AuditFound) -> bool {
        let Some(sealed) = &it.detail else { return false };
        let entry: Value = serde_json::from_slice(&it.row.entry).expect("JSON");
        let body = Opener::default().detail(&self.api.app, it.row.tenant, sealed, entry["detail"].as_str()).await;
        body.is_some_and(|it| it.len() == 2 && [&it["before"], &it["after"]].iter().any(|it| it.is_object()))
    }

    /// Tells of an entry that was appended since; one without its values fails the test, whichever it is.
    async fn tell(self, before: Counted) {
        let now = self.entries().await;
        if now.all == before.all {
            return;
        }
        let has_values = !self.operation.changes || now.with_values > before.with_values;
        assert!(has_values, "{}: no entry {} says what was before and after", self.operation.id, self.action);
        (self.told)(&self.operation);
    }
}

/// Rows that a test leaves at most, of one table.
const ROWS: u32 = 10_000;

/// A request on its way.
pub struct TestCall {
    router: Router,
    builder: axum::http::request::Builder,
    body: Body,
    watch: Option<Watch>,
}

impl TestCall {
    /// Shows this at the door.
    pub fn bearer(self, text: &str) -> Self {
        self.header("authorization", &format!("Bearer {text}"))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// A JSON body.
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Any body.
    pub fn body(mut self, media: &str, bytes: impl Into<Body>) -> Self {
        self.body = bytes.into();
        self.header("content-type", media)
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> TestAnswer {
        let response = self.open().await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body of an answer").to_bytes();
        TestAnswer { status: parts.status, headers: parts.headers, bytes }
    }

    /// Sends it; the body is left to be read, as a stream is.
    pub async fn open(self) -> axum::response::Response {
        let request = self.builder.body(self.body).expect("a request");
        let before = match &self.watch {
            Some(watch) => watch.entries().await,
            None => Counted::default(),
        };
        let response = self.router.oneshot(request).await.unwrap_or_else(|never| match never {});
        if let Some(watch) = self.watch.filter(|_| response.status().is_success()) {
            watch.tell(before).await;
        }
        response
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct TestAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub bytes: Bytes,
}

impl TestAnswer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The code of a refusal, or the empty text.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header as text, or the empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON, of an answer with this status.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }
}
