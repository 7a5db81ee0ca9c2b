//! Lost factors, failures forgotten, sessions ended, and what a tenant asks of everybody: over the whole edge.

use crate::support::{Stage, watched};
use axum::http::Method;
use base64::Engine as _;
use fedatario_api::testing::{TestAnswer, TestApi, program};
use fedatario_app::identity::Identity;
use fedatario_app::identity::model::{MemberState, Membership, RoleGrant, UserState};
use fedatario_app::identity::people::Steward;
use fedatario_app::identity::recovering::{NO_SIGNING_FOR, Recovered, Recoverer};
use fedatario_app::identity::recovery::{DELAY, IDENTITY_RECOVER};
use fedatario_app::jobs::Handler;
use fedatario_app::mail::MAIL_SEND;
use fedatario_app::model::ClaimedJob;
use fedatario_app::ports::{ClaimFilter, System};
use fedatario_base::id::{HolderId, RecoveryId, RoleId, TenantId, UserId};
use fedatario_base::{Actor, Clock, Permission, PlatformScope, Scope, Secret, SystemScope};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use totp_rs::Totp;

const PASSWORD: &str = "el tren sale tarde hoy";

/// The API behind its own door.
struct Town {
    stage: Stage,
    api: TestApi,
    identity: Arc<Identity>,
}

/// Somebody with a second factor, signed in by it.
struct Citizen {
    id: UserId,
    email: &'static str,
    totp: Totp,
    token: String,
    codes: Vec<String>,
}

impl Town {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let door = stage.api.door.clone().expect("a door");
        let mut parts = fedatario_api::testing::parts(stage.people.clone(), Arc::new(stage.db.clone()), door);
        parts.door = parts.identity.clone();
        let identity = parts.identity.clone();
        Self { api: watched(TestApi::over(parts, &fedatario_api::routes::all())), identity, stage }
    }

    /// Somebody new with a role in a tenant.
    async fn newcomer(&self, email: &str, tenant: TenantId, role: &str) -> UserId {
        let user = self.identity.newcomer(email, email, &Secret::new(PASSWORD), "es").await.expect("somebody");
        let mut tx = self.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.expect("a transaction");
        tx.add_user(&user).await.expect("a person");
        tx.commit().await.expect("it is kept");
        self.join(user.id, tenant, role).await;
        user.id
    }

    /// Somebody who is here already, with a role in one more tenant.
    async fn join(&self, user: UserId, tenant: TenantId, role: &str) {
        let now = self.stage.clock.wall();
        let mut tx = self.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.expect("a transaction");
        let membership = Membership { tenant, tenant_name: String::new(), user, state: MemberState::Active, created: now };
        tx.add_membership(&membership).await.expect("a membership");
        let (role, granted_by) = (role.to_owned(), "system".to_owned());
        let grant = RoleGrant { id: RoleId::fresh(now), user, role, from: now, until: None, in_place_of: None, granted_by };
        tx.grant_role(tenant, &grant).await.expect("a role");
        tx.commit().await.expect("it is kept");
    }

    async fn citizen(&self, email: &'static str, tenant: TenantId, role: &str) -> Citizen {
        let id = self.newcomer(email, tenant, role).await;
        self.enrolled(id, email).await
    }

    /// In by password alone, then with a second factor of codes by time.
    async fn enrolled(&self, id: UserId, email: &'static str) -> Citizen {
        let token = text(&self.login(email).await.is(200), "access_token");
        let begun = self.post("/api/auth/factors/totp", &token, json!({ "label": "Teléfono" })).await.is(201);
        let totp = Totp::from_url(text(&begun, "uri")).expect("an address of an authenticator");
        let path = format!("/api/auth/factors/{}/confirm", text(&begun, "factor_id"));
        let done = self.post(&path, &token, json!({ "code": self.code(&totp) })).await.is(200);
        let codes = done["recovery_codes"].as_array().expect("codes").iter().map(|it| it.as_str().unwrap_or_default().to_owned());
        Citizen { id, email, token: text(&done, "access_token"), codes: codes.collect(), totp }
    }

    async fn login(&self, email: &str) -> TestAnswer {
        self.api.post("/api/auth/login").json(&json!({ "email": email, "password": PASSWORD })).send().await
    }

    /// In by a password and a proof, which is one more field of the second half.
    async fn in_by(&self, email: &str, name: &str, proof: &str) -> TestAnswer {
        let half = self.login(email).await.is(200);
        assert_eq!(half["mfa_required"], true, "{email}");
        self.api.post("/api/auth/mfa/verify").json(&json!({ "mfa_token": half["mfa_token"], name: proof })).send().await
    }

    async fn in_by_both(&self, who: &Citizen) -> String {
        text(&self.in_by(who.email, "code", &self.code(&who.totp)).await.is(200), "access_token")
    }

    async fn post(&self, path: &str, bearer: &str, body: Value) -> TestAnswer {
        self.api.post(path).bearer(bearer).json(&body).send().await
    }

    async fn get(&self, path: &str, bearer: &str) -> TestAnswer {
        self.api.get(path).bearer(bearer).send().await
    }

    async fn delete(&self, path: &str, bearer: &str) -> TestAnswer {
        self.api.call(Method::DELETE, path).bearer(bearer).send().await
    }

    async fn start(&self, by: &Citizen, whose: UserId) -> TestAnswer {
        self.post(&recovery_of(whose), &by.token, json!({})).await
    }

    fn code(&self, totp: &Totp) -> String {
        totp.generate(self.stage.clock.wall().as_second().unsigned_abs()).to_string()
    }

    fn pass(&self, time: SignedDuration) {
        self.stage.clock.advance(time);
    }

    fn pass_s(&self, seconds: i64) {
        self.pass(SignedDuration::from_secs(seconds));
    }

    /// The recoveries that are due, leased for a minute.
    async fn due(&self) -> Vec<ClaimedJob> {
        let filter = ClaimFilter { kinds: vec![IDENTITY_RECOVER], ..ClaimFilter::default() };
        let (hands, holder, now) =
            (SystemScope::for_this_process(), HolderId::fresh(self.stage.clock.wall()), self.stage.clock.wall());
        self.stage.db.claim(&hands, holder, &filter, 100, now, now, Duration::from_secs(60)).await.expect("jobs")
    }

    async fn handle(&self, job: &ClaimedJob) {
        let worker = Recoverer::new(self.stage.app.clone(), self.identity.clone());
        let scope = Scope::job(job.tenant, job.id, job.originator.clone());
        worker.handle(job, scope).await.unwrap_or_else(|_| panic!("{job:?}"));
    }

    /// A worker passes by; how many recoveries it looked at.
    async fn work(&self) -> usize {
        let due = self.due().await;
        for job in &due {
            self.handle(job).await;
        }
        due.len()
    }

    /// The mails of a kind that wait in a tenant: to whom, and with which fields.
    async fn mails(&self, tenant: TenantId, kind: &str) -> Vec<(String, Value)> {
        let mut mails = Vec::new();
        for (key, payload) in self.stage.mails(tenant, MAIL_SEND).await {
            if payload["kind"] != kind {
                continue;
            }
            let sealed = base64::engine::general_purpose::STANDARD.decode(text(&payload, "sealed")).expect("base64");
            let scope = Scope::system(tenant);
            let plain = self.stage.app.vault.open_bytes(&scope, &format!("mail:{key}"), &sealed).await.expect("its own seal");
            let mail: Value = serde_json::from_slice(&plain).expect("JSON");
            mails.push((text(&mail, "to"), mail["fields"].clone()));
        }
        mails.sort_by(|left, right| left.0.cmp(&right.0));
        mails
    }

    async fn told(&self, tenant: TenantId, kind: &str) -> Vec<String> {
        self.mails(tenant, kind).await.into_iter().map(|it| it.0).collect()
    }

    async fn is_asked_for_a_factor(&self, email: &str) -> bool {
        self.login(email).await.is(200)["mfa_required"] == true
    }

    async fn chained(&self, tenant: TenantId, action: &str) -> usize {
        self.stage.chained(tenant).await.iter().filter(|it| *it == action).count()
    }
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}")).to_owned()
}

fn recovery_of(user: UserId) -> String {
    format!("/api/tenant/users/{user}/recovery")
}

fn may(me: &Value, permission: &str) -> bool {
    me["permissions"].as_array().is_some_and(|it| it.contains(&json!(permission)))
}

#[tokio::test]
async fn lost_factors_are_taken_away_after_three_days() {
    let town = Town::new().await;
    let ours = town.stage.ours;
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    town.citizen("beto@example.mx", ours, "tenant_admin").await;
    let eva = town.citizen("eva@example.mx", ours, "signer").await;
    town.citizen("leo@example.mx", ours, "viewer").await;

    let begun = town.start(&ana, eva.id).await.is(200);
    assert_eq!((&begun["started_by"], &begun["due_at"]), (&json!(ana.id.to_string()), &json!("2026-09-04T12:00:00Z")));
    assert_eq!(town.start(&ana, eva.id).await.is(200), begun, "one that is on its way is answered");
    assert_eq!(town.get(&recovery_of(eva.id), &ana.token).await.is(200), begun);
    assert_eq!(town.get("/api/auth/factors", &eva.token).await.is(200)["recovery"]["id"], begun["id"]);
    let everybody = ["ana@example.mx", "beto@example.mx", "eva@example.mx"];
    assert_eq!(town.told(ours, "recovery_started").await, everybody, "who administers, and the person; once");

    town.pass(DELAY - SignedDuration::from_secs(60));
    assert_eq!(town.work().await, 0, "its time has not come");
    assert!(town.is_asked_for_a_factor("eva@example.mx").await);
    town.pass_s(60);
    assert_eq!(town.work().await, 1);
    assert_eq!(town.told(ours, "recovery_finished").await, everybody);
    assert_eq!(town.work().await, 0, "the job is done");

    let entered = town.login("eva@example.mx").await.is(200);
    assert_eq!((&entered["mfa_required"], &entered["mfa_enrolment_required"]), (&json!(false), &json!(true)));
    let history = town.get("/api/auth/history", &text(&entered, "access_token")).await.is(200);
    let events: Vec<&str> = history["data"].as_array().unwrap().iter().filter_map(|it| it["event"].as_str()).collect();
    assert!(events.contains(&"factors_recovered") && events.contains(&"recovery_started"), "{events:?}");
    let eva = town.enrolled(eva.id, "eva@example.mx").await;
    let me = town.get("/api/auth/me", &eva.token).await.is(200);
    assert!(may(&me, "TENANT_CREDENTIAL_UPLOAD") && !may(&me, "TENANT_CREDENTIAL_SIGN"), "no signing for a day: {me}");
    town.pass(NO_SIGNING_FOR);
    let me = town.get("/api/auth/me", &town.in_by_both(&eva).await).await.is(200);
    assert!(may(&me, "TENANT_CREDENTIAL_SIGN") && may(&me, "TENANT_INVOICE_EMIT"), "{me}");
    for action in ["member.recovery_started", "member.recovery_finished"] {
        assert_eq!(town.chained(ours, action).await, 1, "{action}");
    }
    fedatario_testkit::covers!(
        "identity: lost factors are taken away after three days, everybody is told twice, nothing is signed for a day"
    );
}

#[tokio::test]
async fn a_recovery_is_called_off() {
    type Way = fn(&'static Town, &'static Citizen, &'static Citizen) -> std::pin::Pin<Box<dyn Future<Output = u16>>>;
    let ways: [(&str, Way); 6] = [
        ("an administrator", |town, _, beto| {
            Box::pin(async move { town.delete(&recovery_of(UserId(eva_id(town).await)), &beto.token).await.status.as_u16() })
        }),
        ("the person", |town, eva, _| Box::pin(async move { town.delete("/api/auth/recovery", &eva.token).await.status.as_u16() })),
        ("a code", |town, eva, _| {
            Box::pin(async move { town.in_by(eva.email, "code", &town.code(&eva.totp)).await.status.as_u16() })
        }),
        ("a recovery code", |town, eva, _| {
            Box::pin(async move { town.in_by(eva.email, "recovery_code", &eva.codes[0]).await.status.as_u16() })
        }),
        ("a step-up", |town, eva, _| {
            let proof = json!({ "code": town.code(&eva.totp) });
            Box::pin(async move { town.post("/api/auth/step-up", &eva.token, proof).await.status.as_u16() })
        }),
        ("a wrong code", |town, eva, _| Box::pin(async move { town.in_by(eva.email, "code", "000000").await.status.as_u16() })),
    ];
    for (name, way) in ways {
        // They live as long as the test: what is awaited borrows them.
        let town: &'static Town = Box::leak(Box::new(Town::new().await));
        let ours = town.stage.ours;
        let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
        let beto: &'static Citizen = Box::leak(Box::new(town.citizen("beto@example.mx", ours, "tenant_admin").await));
        let eva: &'static Citizen = Box::leak(Box::new(town.citizen("eva@example.mx", ours, "signer").await));
        town.start(&ana, eva.id).await.is(200);
        town.pass_s(30);
        let status = way(town, eva, beto).await;
        let is_off = name != "a wrong code";
        assert_eq!(status < 300, is_off, "{name}: {status}");
        assert_eq!(town.chained(ours, "member.recovery_called_off").await, usize::from(is_off), "{name}");
        assert_eq!(town.get(&recovery_of(eva.id), &ana.token).await.status == 404, is_off, "{name}");
        town.pass(DELAY);
        town.work().await;
        assert_eq!(town.is_asked_for_a_factor(eva.email).await, is_off, "{name}");
        assert_eq!(town.chained(ours, "member.recovery_finished").await, usize::from(!is_off), "{name}");
    }
    fedatario_testkit::covers!(
        "identity: a recovery is called off by any administrator, by the person, and by a factor that is proven"
    );
}

async fn eva_id(town: &Town) -> uuid::Uuid {
    let mut tx = town.stage.app.people.read(&PlatformScope::of(Actor::System)).await.expect("a transaction");
    tx.user_by_email("eva@example.mx").await.expect("people").expect("somebody").id.0
}

#[tokio::test]
async fn a_recovery_is_done_once() {
    let town = Town::new().await;
    let ours = town.stage.ours;
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    let eva = town.citizen("eva@example.mx", ours, "signer").await;
    let begun = town.start(&ana, eva.id).await.is(200);
    let id: RecoveryId = text(&begun, "id").parse().expect("an id");
    assert!(matches!(town.identity.finish_recovery(id).await, Ok(Recovered::NotYet(_))), "its time has not come");
    town.pass(DELAY);
    // Two workers at once, one of which dies before it ends the job.
    let jobs = town.due().await;
    let (first, second) = tokio::join!(town.identity.finish_recovery(id), town.identity.finish_recovery(id));
    let outcomes = [first.expect("an outcome"), second.expect("an outcome")];
    assert_eq!(outcomes.iter().filter(|it| **it == Recovered::Done).count(), 1, "{outcomes:?}");
    // The person has a new factor by the time that the lease ends and another takes the job up.
    let eva = town.enrolled(eva.id, "eva@example.mx").await;
    town.pass_s(61);
    assert_eq!((jobs.len(), town.work().await), (1, 1));
    town.in_by_both(&eva).await;
    assert_eq!(town.work().await, 0);
    assert_eq!(town.chained(ours, "member.recovery_finished").await, 1);
    fedatario_testkit::covers!("identity: of two workers, and after a crash between act and end, a recovery is done once");
}

#[tokio::test]
async fn who_may_not_begin_a_recovery() {
    let town = Town::new().await;
    let (ours, theirs) = (town.stage.ours, town.stage.theirs);
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    let eva = town.citizen("eva@example.mx", ours, "signer").await;
    let plain = town.newcomer("leo@example.mx", ours, "viewer").await;
    let zoe = town.citizen("zoe@example.mx", theirs, "tenant_admin").await;
    let keeper = town.citizen("keeper@example.mx", ours, "viewer").await;
    let mut tx = town.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.unwrap();
    tx.grant_platform_role(keeper.id, "platform_admin", "system", town.stage.clock.wall()).await.unwrap();
    tx.commit().await.unwrap();
    let role = json!({ "name": "mesa", "permissions": ["TENANT_USER_MANAGE", "TENANT_USER_READ"] });
    town.post("/api/auth/rbac/roles", &ana.token, role).await.is(201);
    let clerk = town.citizen("clerk@example.mx", ours, "mesa").await;
    let table = [
        (&ana, ana.id, 409, "second_person"),
        (&clerk, eva.id, 403, "permission_exceeds"),
        (&clerk, ana.id, 403, "permission_exceeds"),
        (&ana, keeper.id, 403, "permission_exceeds"),
        (&ana, plain, 409, "factor_state"),
        (&ana, zoe.id, 404, "not_found"),
        (&zoe, eva.id, 404, "not_found"),
        (&eva, ana.id, 403, "permission_denied"),
    ];
    for (by, whose, status, code) in table {
        let answer = town.start(by, whose).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{} {whose}", by.email);
    }
    let key = program(ours, &Permission::of_tenants(), None);
    let by_key = town.identity.start_recovery(&key, eva.id).await.expect_err("no program begins one");
    assert_eq!(by_key.code().slug(), "session_required");
    for (path, token) in [(recovery_of(eva.id), &zoe.token), (recovery_of(zoe.id), &ana.token), (recovery_of(eva.id), &ana.token)] {
        assert_eq!(town.delete(&path, token).await.code(), "not_found");
        assert_eq!(town.get(&path, token).await.code(), "not_found");
    }
    assert_eq!(town.delete("/api/auth/recovery", &eva.token).await.code(), "not_found");
    town.pass_s(301);
    assert_eq!(town.start(&ana, eva.id).await.code(), "step_up_required");
    assert_eq!(town.chained(ours, "member.recovery_started").await, 0);
    town.pass(DELAY);
    assert_eq!(town.work().await, 0);
    fedatario_testkit::covers!(
        "identity: nobody begins a recovery of their own factors, of somebody above them, or of another tenant's member"
    );
}

#[tokio::test]
async fn whoever_began_it_must_still_be_able_to() {
    let town = Town::new().await;
    let ours = town.stage.ours;
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    let beto = town.citizen("beto@example.mx", ours, "tenant_admin").await;
    let eva = town.citizen("eva@example.mx", ours, "signer").await;
    town.start(&ana, eva.id).await.is(200);
    let by = Steward::shell(0);
    town.stage.people.set_user(&by, ana.id, UserState::Disabled).await.expect("she is kept out");
    town.pass(DELAY);
    assert_eq!(town.work().await, 1);
    assert!(town.is_asked_for_a_factor(eva.email).await, "what she began went with her");
    assert_eq!(town.chained(ours, "member.recovery_called_off").await, 1);
    // Whoever may do more by the time than whoever began it is out of reach too.
    let token = town.in_by_both(&beto).await;
    let role = json!({ "name": "mesa", "permissions": ["TENANT_USER_MANAGE", "TENANT_USER_READ"] });
    town.post("/api/auth/rbac/roles", &token, role).await.is(201);
    let clerk = town.citizen("clerk@example.mx", ours, "mesa").await;
    let leo = town.citizen("leo@example.mx", ours, "mesa").await;
    town.start(&clerk, leo.id).await.is(200);
    town.post(&format!("/api/tenant/users/{}/roles", leo.id), &token, json!({ "role": "signer" })).await.is(201);
    town.pass(DELAY);
    assert_eq!(town.work().await, 1);
    assert!(town.is_asked_for_a_factor(leo.email).await);
    fedatario_testkit::covers!("identity: a recovery falls with whoever began it, and with what its person may do by then");
}

#[tokio::test]
async fn every_organisation_of_the_person_is_told() {
    let town = Town::new().await;
    let (ours, theirs) = (town.stage.ours, town.stage.theirs);
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    let zoe = town.citizen("zoe@example.mx", theirs, "tenant_admin").await;
    let eva = town.citizen("eva@example.mx", ours, "signer").await;
    town.join(eva.id, theirs, "viewer").await;
    town.start(&ana, eva.id).await.is(200);
    assert_eq!(town.told(ours, "recovery_started").await, ["ana@example.mx", "eva@example.mx"]);
    let elsewhere = town.mails(theirs, "recovery_started").await;
    assert_eq!(elsewhere.len(), 1);
    assert_eq!((elsewhere[0].0.as_str(), &elsewhere[0].1["organisation"]), ("zoe@example.mx", &json!("theirs")));
    assert_eq!(elsewhere[0].1["by"], "Otra organización de esa persona", "not which");
    assert_eq!(town.get(&recovery_of(eva.id), &zoe.token).await.is(200)["started_by"], Value::Null);
    assert_eq!(town.delete(&recovery_of(eva.id), &zoe.token).await.status, 204);
    for tenant in [ours, theirs] {
        assert_eq!(town.chained(tenant, "member.recovery_called_off").await, 1);
    }
    fedatario_testkit::covers!(
        "identity: administrators of every organisation of a person are told of a recovery and may call it off"
    );
}

#[tokio::test]
async fn the_last_owner_is_recovered_on_the_host() {
    let town = Town::new().await;
    let ours = town.stage.ours;
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    let beto = town.citizen("beto@example.mx", ours, "tenant_admin").await;
    let by = Steward::shell(0);
    let refused = town.identity.recover_at_once(&by, ana.id, false).await.expect_err("somebody else could");
    assert_eq!(refused.code().slug(), "recovery_elsewhere");
    let system = town.identity.recover_at_once(&Steward::clockwork(), ana.id, true).await.expect_err("not the host");
    assert_eq!(system.code().slug(), "permission_denied");
    town.stage.people.set_user(&by, beto.id, UserState::Disabled).await.expect("he is kept out");
    assert_eq!(town.get("/api/auth/me", &ana.token).await.status, 200);
    town.identity.recover_at_once(&by, ana.id, false).await.expect("nobody else could");
    assert_eq!(town.get("/api/auth/me", &ana.token).await.code(), "unauthenticated", "her sessions ended");
    let ana = town.enrolled(ana.id, "ana@example.mx").await;
    let me = town.get("/api/auth/me", &ana.token).await.is(200);
    assert!(may(&me, "TENANT_USER_MANAGE") && !may(&me, "TENANT_CREDENTIAL_SIGN"), "{me}");
    town.stage.people.set_user(&by, beto.id, UserState::Active).await.expect("he is back");
    town.identity.recover_at_once(&by, ana.id, true).await.expect("forced");
    let none = town.identity.recover_at_once(&by, ana.id, true).await.expect_err("there is none any more");
    assert_eq!(none.code().slug(), "factor_state");
    let platform = TenantId(uuid::Uuid::nil());
    for chain in [ours, platform] {
        assert_eq!(town.chained(chain, "member.factors_recovered").await, 2, "{chain}");
    }
    assert_eq!(town.told(ours, "recovery_finished").await.len(), 3, "one told alone, then two");
    fedatario_testkit::covers!(
        "identity: the last owner is recovered on the host at once, told in both chains, and not while another could begin it"
    );
}

#[tokio::test]
async fn a_tenant_asks_a_second_factor_of_everybody() {
    let town = Town::new().await;
    let (ours, theirs) = (town.stage.ours, town.stage.theirs);
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    let leo = town.newcomer("leo@example.mx", ours, "viewer").await;
    let weak = text(&town.login("leo@example.mx").await.is(200), "access_token");
    town.join(leo, theirs, "viewer").await; // The tenant used last stays ours.
    assert!(may(&town.get("/api/auth/me", &weak).await.is(200), "TENANT_DOCUMENT_READ"));
    let policy = |token: String, body: Value| {
        let call = town.api.call(Method::PUT, "/api/tenant/policy").bearer(&token).json(&body);
        async move { call.send().await }
    };
    assert_eq!(town.get("/api/tenant/policy", &weak).await.is(200), json!({ "second_factor": "roles" }));
    assert_eq!(policy(weak.clone(), json!({ "second_factor": "everybody" })).await.code(), "permission_denied");
    assert_eq!(policy(ana.token.clone(), json!({ "second_factor": "nobody" })).await.status, 422);
    policy(ana.token.clone(), json!({ "second_factor": "everybody" })).await.is(200);
    policy(ana.token.clone(), json!({ "second_factor": "everybody" })).await.is(200);
    assert_eq!(town.chained(ours, "tenant.second_factor_changed").await, 1, "what changes nothing is not told");

    let me = town.get("/api/auth/me", &weak).await.is(200);
    assert_eq!((&me["permissions"], &me["mfa_enrolment_required"]), (&json!([]), &json!(true)));
    assert_eq!(town.get("/api/tenant/users", &weak).await.code(), "permission_denied");
    let entered = town.login("leo@example.mx").await.is(200);
    assert_eq!(entered["mfa_enrolment_required"], true);
    let elsewhere = town.post("/api/auth/switch", &weak, json!({ "tenant_id": theirs.to_string() })).await.is(200);
    let there = town.get("/api/auth/me", &text(&elsewhere, "access_token")).await.is(200);
    assert!(
        may(&there, "TENANT_DOCUMENT_READ") && there["mfa_enrolment_required"] == false,
        "another tenant asks nothing: {there}"
    );
    town.pass_s(1); // `last_tenant` is theirs now.
    let back = town.post("/api/auth/switch", &weak, json!({ "tenant_id": ours.to_string() })).await.is(200);
    let leo = town.enrolled(leo, "leo@example.mx").await;
    assert!(may(&town.get("/api/auth/me", &leo.token).await.is(200), "TENANT_DOCUMENT_READ"), "{back}");
    let mine = town.get("/api/auth/factors", &leo.token).await.is(200);
    let path = format!("/api/auth/factors/{}", text(&mine["data"][0], "factor_id"));
    assert_eq!(town.delete(&path, &leo.token).await.code(), "factor_state", "the last one stays");

    let eva = town.newcomer("eva@example.mx", ours, "viewer").await;
    let weak = text(&town.login("eva@example.mx").await.is(200), "access_token");
    assert_eq!(town.get("/api/auth/me", &weak).await.is(200)["user_id"], eva.to_string());
    let scope = Scope::signed_in(ours, Actor::System, Permission::of_tenants());
    // Another process changes it: here it is in force within two seconds.
    town.stage.people.set_second_factor_policy(&scope, fedatario_app::identity::model::SecondFactor::Roles).await.expect("changed");
    town.pass_s(2);
    assert!(may(&town.get("/api/auth/me", &weak).await.is(200), "TENANT_DOCUMENT_READ"));
    fedatario_testkit::covers!("identity: a tenant asks a second factor of everybody, in force everywhere within two seconds");
}

#[tokio::test]
async fn failures_are_forgotten_and_sessions_ended() {
    let town = Town::new().await;
    let (ours, theirs) = (town.stage.ours, town.stage.theirs);
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    let eva = town.citizen("eva@example.mx", ours, "signer").await;
    town.join(eva.id, theirs, "viewer").await;
    let zoe = town.citizen("zoe@example.mx", theirs, "tenant_admin").await;
    let role = json!({ "name": "mesa", "permissions": ["TENANT_USER_MANAGE"] });
    town.post("/api/auth/rbac/roles", &ana.token, role).await.is(201);
    let clerk = town.citizen("clerk@example.mx", ours, "mesa").await;
    let at = |who: UserId, act: &str| format!("/api/tenant/users/{who}/{act}");
    for act in ["unlock", "logout"] {
        let refusals = [(&zoe, ana.id, "not_found"), (&clerk, ana.id, "permission_exceeds"), (&eva, ana.id, "permission_denied")];
        for (by, whose, code) in refusals {
            assert_eq!(town.post(&at(whose, act), &by.token, json!({})).await.code(), code, "{act} {}", by.email);
        }
    }

    // Wrong second factors make her wait, from anywhere; wrong passwords too.
    town.pass_s(30);
    let tried = ["code"; 12];
    let mut waits = false;
    for name in tried {
        let half = town.login("eva@example.mx").await;
        if half.code() == "too_many_attempts" {
            break;
        }
        let proof = json!({ "mfa_token": half.json()["mfa_token"], name: "000000" });
        waits = town.api.post("/api/auth/mfa/verify").json(&proof).send().await.code() == "too_many_attempts";
        if waits {
            break;
        }
    }
    assert!(waits, "twelve wrong codes at one instant");
    assert_eq!(town.post(&at(eva.id, "unlock"), &ana.token, json!({})).await.status, 204);
    let names: Vec<String> = vec![fedatario_identity::throttle::name("factor", &eva.id.bytes())];
    let mut tx = town.stage.app.people.read(&PlatformScope::of(Actor::System)).await.unwrap();
    assert_eq!(tx.counts(&names).await.unwrap()[0].failures, 0, "nothing is counted against her");
    drop(tx);
    // What is counted against the network stays, and passes.
    town.pass_s(24 * 3_600);
    let (here, there) = (town.in_by_both(&eva).await, town.in_by_both_later(&eva).await);
    let there = town.post("/api/auth/switch", &there, json!({ "tenant_id": theirs.to_string() })).await.is(200);
    let there = text(&there, "access_token");
    town.pass_s(30);
    let admin = town.in_by_both(&ana).await;
    assert_eq!(town.post(&at(eva.id, "logout"), &admin, json!({})).await.is(200), json!({ "ended": 1 }));
    assert_eq!(town.get("/api/auth/me", &here).await.code(), "unauthenticated");
    assert_eq!(town.get("/api/auth/me", &there).await.status, 200, "what she does elsewhere is not theirs to end");
    let back = town.post("/api/auth/switch", &there, json!({ "tenant_id": ours.to_string() })).await;
    assert_eq!(back.code(), "not_found", "and does not come back here");
    town.pass_s(30);
    let fresh = town.in_by_both(&eva).await;
    assert_eq!(town.get("/api/auth/me", &fresh).await.status, 200, "a new login is good");

    let by = Steward::shell(0);
    town.identity.unlock_user(&by, eva.id).await.expect("unlocked");
    assert!(town.identity.log_user_out(&by, eva.id).await.expect("logged out") >= 1);
    assert_eq!(town.get("/api/auth/me", &fresh).await.code(), "unauthenticated");
    for action in ["member.unlocked", "member.logged_out"] {
        assert_eq!(town.chained(ours, action).await, 1, "{action}");
    }
    for action in ["user.unlocked", "user.logged_out"] {
        assert_eq!(town.chained(TenantId(uuid::Uuid::nil()), action).await, 1, "{action}");
    }
    fedatario_testkit::covers!(
        "identity: failures are forgotten and sessions ended by an administrator in their tenant, and by the installation"
    );
}

impl Town {
    /// In by the next code: the last one had its turn.
    async fn in_by_both_later(&self, who: &Citizen) -> String {
        self.pass_s(30);
        self.in_by_both(who).await
    }
}

#[tokio::test]
async fn a_login_that_stopped_half_way_is_told_once_a_day() {
    let town = Town::new().await;
    let ours = town.stage.ours;
    let ana = town.citizen("ana@example.mx", ours, "tenant_admin").await;
    town.pass_s(30);
    town.login(ana.email).await.is(200);
    town.in_by_both(&ana).await;
    town.pass_s(301);
    assert_eq!(town.identity.tell_of_partial_logins().await.expect("looked at"), 0, "who came in after all is told nothing");
    // A wrong code and a factor that was never shown: one mail.
    town.login(ana.email).await.is(200);
    assert_eq!(town.in_by(ana.email, "code", "000000").await.code(), "mfa_refused");
    assert_eq!(town.identity.tell_of_partial_logins().await.expect("looked at"), 0, "there is time yet");
    town.pass_s(301);
    let (one, two) = tokio::join!(town.identity.tell_of_partial_logins(), town.identity.tell_of_partial_logins());
    assert_eq!(one.expect("looked at") + two.expect("looked at"), 1, "two processes, one mail");
    let mails = town.mails(ours, "partial_login").await;
    assert_eq!((mails.len(), mails[0].0.as_str(), &mails[0].1["address"]), (1, "ana@example.mx", &json!("127.0.0.1")));
    for (later, told) in [(3_600, 0), (24 * 3_600, 1)] {
        town.pass_s(later);
        town.login(ana.email).await.is(200);
        town.pass_s(301);
        assert_eq!(town.identity.tell_of_partial_logins().await.expect("looked at"), told, "{later}");
    }
    assert_eq!(town.chained(ours, "auth.login.partial").await, 2);
    fedatario_testkit::covers!("identity: a login that stopped after the password is told by mail, once a day at most");
}

#[tokio::test]
async fn notices_name_what_changed_of_the_factors() {
    let town = Town::new().await;
    let ours = town.stage.ours;
    let leo = town.citizen("leo@example.mx", ours, "viewer").await;
    town.post("/api/auth/recovery-codes", &leo.token, json!({})).await.is(200);
    let mine = town.get("/api/auth/factors", &leo.token).await.is(200);
    let path = format!("/api/auth/factors/{}", text(&mine["data"][0], "factor_id"));
    assert_eq!(town.delete(&path, &leo.token).await.status, 204);
    let mut told: Vec<String> = town.mails(ours, "factor_changed").await.iter().map(|it| text(&it.1, "what")).collect();
    told.sort();
    let expected =
        ["hay nuevos códigos de recuperación", "se agregó Teléfono (códigos por tiempo)", "se quitó Teléfono (códigos por tiempo)"];
    assert_eq!(told, expected);
    fedatario_testkit::covers!("identity: a notice names what changed of the factors");
}
