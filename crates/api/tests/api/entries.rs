//! Acts that other tests do not reach: each is done once, and its entry is looked for in the chains.

use crate::belongings;
use crate::support::{Stage, watched};
use fedatario_api::lines::Lines;
use fedatario_api::testing::{MapDoor, TestApi, parts, person};
use fedatario_app::identity::service::NO_TENANT;
use fedatario_base::id::UserId;
use fedatario_base::{Actor, Permission, Scope};
use serde_json::{Value, json};
use std::sync::Arc;

/// Everything there is, and two people who may do everything.
pub struct Scene {
    /// What lies under it.
    pub stage: Stage,
    /// The API that lets them in.
    pub api: TestApi,
    /// Who is let in.
    pub door: Arc<MapDoor>,
    /// Everything of ours.
    pub ids: Vec<String>,
}

impl Scene {
    /// A fresh one.
    pub async fn new() -> Self {
        let stage = Stage::new().await;
        let door = Arc::new(MapDoor::default());
        door.knows("one", person(stage.ours, Permission::ALL));
        let mut two = person(stage.ours, Permission::ALL);
        let other = Actor::User(UserId(uuid::Uuid::from_u128(2)));
        two.scope = Scope::signed_in(stage.ours, other, Permission::of_tenants()); // The platform's permissions stay.
        door.knows("two", two);
        let mut parts = parts(stage.people.clone(), Arc::new(stage.db.clone()), door.clone());
        parts.lines = Lines { temporary: std::env::temp_dir(), ..Lines::closed() };
        let api = watched(TestApi::over(parts, &fedatario_api::routes::all()));
        let ids = belongings::of(&stage, stage.ours).await;
        Self { stage, api, door, ids }
    }

    /// A path with the id of our thing where its kind stands in braces.
    fn path(&self, template: &str) -> String {
        let parts = template.split('/').map(|part| match part.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(kind) => self.ids.iter().find(|it| it.starts_with(&format!("{kind}_"))).expect("a thing of ours").clone(),
            None => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Entries of an action, in our chain and the platform's.
    pub async fn entries(&self, action: &str) -> usize {
        let mut all = self.stage.chained(self.stage.ours).await;
        all.extend(self.stage.chained(NO_TENANT).await);
        all.iter().filter(|it| *it == action).count()
    }

    /// Does an act, and sees its entry.
    async fn does(&self, who: &str, method: &str, template: &str, body: Value, action: &str) {
        let before = self.entries(action).await;
        let call = self.api.call(method.parse().expect("a method"), &self.path(template)).bearer(who);
        let call = call.header("idempotency-key", template).header("if-match", "*");
        let answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!(answer.status.is_success(), "{method} {template}: {} {said}", answer.status);
        assert!(self.entries(action).await > before, "{method} {template}: no {action}: {:?}", self.stage.chained(NO_TENANT).await);
        self.stage.clock.advance(jiff::SignedDuration::from_secs(61));
    }
}

#[tokio::test]
async fn whoever_keeps_the_installation_leaves_entries() {
    let scene = Scene::new().await;
    let company = "/api/admin/companies/{ten}";
    let why = || json!({ "reason": "oficio 123" });
    for (method, path, body, action) in [
        ("PATCH", company.to_owned(), json!({ "name": "despacho-tres" }), "tenant.renamed"),
        ("POST", format!("{company}/hold"), why(), "tenant.held"),
        ("POST", format!("{company}/release"), Value::Null, "tenant.released"),
        ("POST", format!("{company}/suspend"), why(), "tenant.suspended"),
        ("POST", format!("{company}/resume"), Value::Null, "tenant.resumed"),
        ("POST", format!("{company}/deletion"), why(), "tenant.deletion_asked"),
        ("DELETE", format!("{company}/deletion"), Value::Null, "tenant.deletion_cancelled"),
        ("POST", "/api/admin/users/{usr}/disable".into(), Value::Null, "user.disabled"),
        ("POST", "/api/admin/users/{usr}/enable".into(), Value::Null, "user.enabled"),
        ("POST", "/api/admin/users/{usr}/unlock".into(), Value::Null, "user.unlocked"),
        ("POST", "/api/admin/users/{usr}/logout".into(), Value::Null, "user.logged_out"),
    ] {
        scene.does("one", method, &path, body, action).await;
    }
    scene.does("one", "POST", "/api/tenant/deletion", why(), "tenant.deletion_asked").await;
    scene.does("two", "POST", &format!("{company}/deletion/confirm"), Value::Null, "tenant.deletion_confirmed").await;
    fedatario_testkit::covers!("api: what whoever keeps the installation does is told in a chain");
}

#[tokio::test]
async fn what_is_done_to_work_and_times_leaves_entries() {
    let scene = Scene::new().await;
    let nightly = || json!({ "cron": "0 23 * * * America/Mexico_City" });
    for (method, path, body, action) in [
        ("POST", "/api/sat/taxpayers/{txp}/polls", json!({ "what": "verify" }), "job.retried"),
        ("POST", "/api/jobs/{job}/retry", Value::Null, "job.retried"),
        ("POST", "/api/jobs/retry", json!({ "state": "ready" }), "job.retried"),
        ("POST", "/api/jobs/{job}/cancel", Value::Null, "job.cancelled"),
        ("POST", "/api/jobs/cancel", json!({ "state": "ready" }), "job.cancelled"),
        ("PUT", "/api/sat/taxpayers/{txp}/schedule", nightly(), "schedule.set"),
        ("DELETE", "/api/sat/taxpayers/{txp}/schedule", Value::Null, "schedule.set"),
        ("POST", "/api/certificates/notices/{ntc}/acknowledge", Value::Null, "certificate.notice.acknowledged"),
        ("POST", "/api/tenant/users/{usr}/disable", Value::Null, "member.disabled"),
        ("POST", "/api/tenant/users/{usr}/enable", Value::Null, "member.enabled"),
        ("POST", "/api/tenant/deletion", json!({ "reason": "cierre" }), "tenant.deletion_asked"),
        ("DELETE", "/api/tenant/deletion", Value::Null, "tenant.deletion_cancelled"),
    ] {
        scene.does("one", method, path, body, action).await;
    }
    fedatario_testkit::covers!("api: what is done to jobs, times and members is told in a chain");
}

#[tokio::test]
async fn the_first_owner_leaves_an_entry() {
    let stage = Stage::empty().await;
    let token = stage.api.api.identity.owner_token(Actor::Os(0)).await.expect("a link");
    let form = json!({
        "token": token.expose_str(), "email": "ana@example.mx", "name": "Ana", "password": "el tren sale tarde hoy",
    });
    let entered = stage.api.post("/api/auth/bootstrap").json(&form).send().await.is(200);
    assert_eq!(entered["mfa_enrolment_required"], true);
    assert!(stage.chained(NO_TENANT).await.contains(&"auth.bootstrap.done".to_owned()));
    assert_eq!(stage.api.post("/api/auth/bootstrap").json(&form).send().await.code(), "one_time_refused");
    fedatario_testkit::covers!("api: the first owner is told in the platform's chain, and made once");
}
