//! People come in, go on and leave, over the whole edge.

use crate::support::{Stage, watched};
use base64::Engine as _;
use fedatario_api::testing::{TestAnswer, TestApi, TestCall};
use fedatario_app::identity::Identity;
use fedatario_app::identity::letters::Outside;
#[cfg(not(feature = "passkeys"))]
use fedatario_app::identity::model::FactorKind;
use fedatario_app::identity::model::{MemberState, Membership, RoleGrant};
use fedatario_app::identity::signing::CACHE_PERIOD;
use fedatario_app::mail::MAIL_SEND;
use fedatario_base::id::{RoleId, TenantId};
use fedatario_base::{Actor, Clock, PlatformScope, Scope, Secret};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;
use totp_rs::Totp;

const EMAIL: &str = "ana@example.mx";
const PASSWORD: &str = "el tren sale tarde hoy";
const NEW: &str = "mañana pasa otro a las seis";

/// The API behind its own door, and somebody in it.
pub struct House {
    pub stage: Stage,
    pub api: TestApi,
    pub identity: Arc<Identity>,
}

impl House {
    pub async fn new() -> Self {
        Self::on(Stage::new().await).await
    }

    /// The same, with a way out for mail.
    pub async fn with_mail() -> Self {
        let mut stage = Stage::new().await;
        stage.people.outside = Outside { public_url: "https://fiscal.example.mx/".to_owned(), has_mail: true };
        Self::on(stage).await
    }

    async fn on(stage: Stage) -> Self {
        let door = stage.api.door.clone().expect("a door");
        let mut parts = fedatario_api::testing::parts(stage.people.clone(), Arc::new(stage.db.clone()), door);
        parts.door = parts.identity.clone();
        let identity = parts.identity.clone();
        let house = Self { api: watched(TestApi::over(parts, &fedatario_api::routes::all())), identity, stage };
        house.member(EMAIL, house.stage.ours, "tenant_admin").await;
        house
    }

    /// Somebody with a role in a tenant.
    pub async fn member(&self, email: &str, tenant: TenantId, role: &str) {
        let now = self.stage.clock.wall();
        let user = self.identity.newcomer(email, "Ana", &Secret::new(PASSWORD), "es").await.expect("somebody");
        let mut tx = self.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.expect("a transaction");
        tx.add_user(&user).await.expect("a person");
        let membership = Membership { tenant, tenant_name: String::new(), user: user.id, state: MemberState::Active, created: now };
        tx.add_membership(&membership).await.expect("a membership");
        let (role, granted_by) = (role.to_owned(), "system".to_owned());
        let grant =
            RoleGrant { id: RoleId::fresh(now), user: user.id, role, from: now, until: None, in_place_of: None, granted_by };
        tx.grant_role(tenant, &grant).await.expect("a role");
        tx.commit().await.expect("it is kept");
    }

    pub async fn post(&self, path: &str, bearer: Option<&str>, body: Value) -> TestAnswer {
        let call: TestCall = self.api.post(path).json(&body);
        match bearer {
            Some(bearer) => call.bearer(bearer).send().await,
            None => call.send().await,
        }
    }

    pub async fn get(&self, path: &str, bearer: &str) -> TestAnswer {
        self.api.get(path).bearer(bearer).send().await
    }

    async fn login(&self, password: &str) -> TestAnswer {
        self.post("/api/auth/login", None, json!({ "email": EMAIL, "password": password })).await
    }

    /// In by password alone; the access token.
    pub async fn in_by_password(&self) -> String {
        text(&self.login(PASSWORD).await.is(200), "access_token")
    }

    /// Enrols codes by time; the authenticator, a token that knows it, the recovery codes.
    pub async fn enrol(&self) -> (Totp, String, Vec<String>) {
        let token = self.in_by_password().await;
        let begun = self.post("/api/auth/factors/totp", Some(&token), json!({ "label": "Teléfono" })).await.is(201);
        assert!(begun["qr_svg"].as_str().is_some_and(|it| it.starts_with("<svg")));
        let totp = Totp::from_url(text(&begun, "uri")).expect("an address of an authenticator");
        let path = format!("/api/auth/factors/{}/confirm", text(&begun, "factor_id"));
        let done = self.post(&path, Some(&token), json!({ "code": self.code(&totp) })).await.is(200);
        let codes = done["recovery_codes"].as_array().expect("codes").iter().map(|it| it.as_str().unwrap_or_default().to_owned());
        (totp, text(&done, "access_token"), codes.collect())
    }

    fn code(&self, totp: &Totp) -> String {
        totp.generate(self.stage.clock.wall().as_second().unsigned_abs()).to_string()
    }

    pub fn pass(&self, seconds: i64) {
        self.stage.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// In by both factors.
    async fn in_by_both(&self, totp: &Totp) -> Value {
        let half = self.login(PASSWORD).await.is(200);
        assert_eq!(half["mfa_required"], true);
        let proof = json!({ "mfa_token": half["mfa_token"], "code": self.code(totp) });
        self.post("/api/auth/mfa/verify", None, proof).await.is(200)
    }

    /// The newest mail of a kind that waits: to whom it goes, the token of its link, and the job.
    pub async fn mail(&self, kind: &str) -> (String, String, Value) {
        let rows = self.stage.mails(self.stage.ours, MAIL_SEND).await;
        let (key, payload) = rows.into_iter().rfind(|it| it.1["kind"] == kind).expect("a mail");
        let mail = self.stage.opened(self.stage.ours, &key, &payload).await;
        let link = text(&mail["fields"], "link");
        (text(&mail, "to"), link.split_once('=').expect("a token").1.to_owned(), payload)
    }
}

pub fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}")).to_owned()
}

#[tokio::test]
async fn a_person_enrols_and_only_then_administers() {
    let house = House::new().await;
    let entered = house.login(PASSWORD).await.is(200);
    assert_eq!((&entered["mfa_required"], &entered["mfa_enrolment_required"]), (&json!(false), &json!(true)));
    assert_eq!(entered["tenants"][0]["tenant_id"], house.stage.ours.to_string());
    let weak = text(&entered, "access_token");
    let me = house.get("/api/auth/me", &weak).await.is(200);
    let may = |me: &Value, permission: &str| me["permissions"].as_array().is_some_and(|it| it.contains(&json!(permission)));
    assert!(may(&me, "TENANT_DOCUMENT_READ") && !may(&me, "TENANT_USER_MANAGE"), "{me}");

    let (totp, strong, codes) = house.enrol().await;
    assert_eq!(codes.len(), 10);
    let me = house.get("/api/auth/me", &strong).await.is(200);
    assert!(may(&me, "TENANT_USER_MANAGE") && me["is_stepped_up"] == true, "{me}");
    assert_eq!(house.get("/api/auth/me", &weak).await.code(), "unauthenticated", "lines from before the factor end");

    // The code that confirmed does not log in; the next one does, and no earlier one after it.
    let half = house.login(PASSWORD).await.is(200);
    let spent = json!({ "mfa_token": half["mfa_token"], "code": house.code(&totp) });
    assert_eq!(house.post("/api/auth/mfa/verify", None, spent).await.code(), "mfa_refused");
    house.pass(30);
    let entered = house.in_by_both(&totp).await;
    assert_eq!(entered["mfa_enrolment_required"], false);
    house.pass(60);
    let half = house.login(PASSWORD).await.is(200);
    let recovery = json!({ "mfa_token": half["mfa_token"], "recovery_code": codes[0].to_uppercase() });
    house.post("/api/auth/mfa/verify", None, recovery.clone()).await.is(200);
    assert_eq!(house.post("/api/auth/mfa/verify", None, recovery).await.code(), "mfa_refused", "the token had its turn");
    let left = house.get("/api/auth/factors", &text(&entered, "access_token")).await.is(200);
    assert_eq!(left["recovery_codes_left"], 9);
    let actions = house.stage.chained(house.stage.ours).await;
    for action in ["auth.session.started", "auth.factor.added", "auth.factor.refused"] {
        assert!(actions.iter().any(|it| it == action), "{action} in {actions:?}");
    }
    fedatario_testkit::covers!("api: a person enrols codes by time with a QR code, and administers only then");
}

#[tokio::test]
async fn an_act_that_asks_for_it_needs_a_fresh_factor() {
    let house = House::new().await;
    let (totp, token, _) = house.enrol().await;
    house.post("/api/auth/recovery-codes", Some(&token), json!({})).await.is(200);
    house.pass(301);
    assert_eq!(house.post("/api/auth/recovery-codes", Some(&token), json!({})).await.code(), "step_up_required");
    let wrong = house.post("/api/auth/step-up", Some(&token), json!({ "code": "000000" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (401, "mfa_refused"));
    let again = house.post("/api/auth/step-up", Some(&token), json!({ "code": house.code(&totp) })).await.is(200);
    house.post("/api/auth/recovery-codes", Some(&text(&again, "access_token")), json!({})).await.is(200);
    house.post("/api/auth/recovery-codes", Some(&token), json!({})).await.is(200);
    let factor = house.get("/api/auth/factors", &token).await.is(200);
    let path = format!("/api/auth/factors/{}", text(&factor["data"][0], "factor_id"));
    let last = house.api.call(axum::http::Method::DELETE, &path).bearer(&token).send().await;
    assert_eq!(last.code(), "factor_state", "an administrator keeps the last one");
    let begun = house.post("/api/auth/factors/totp", Some(&token), json!({ "label": "Otro" })).await.is(201);
    let other = Totp::from_url(text(&begun, "uri")).expect("an address of an authenticator");
    let confirm = format!("/api/auth/factors/{}/confirm", text(&begun, "factor_id"));
    let token = text(&house.post(&confirm, Some(&token), json!({ "code": house.code(&other) })).await.is(200), "access_token");
    house.api.call(axum::http::Method::DELETE, &path).bearer(&token).send().await.is(204);
    let left = house.get("/api/auth/factors", &token).await.is(200);
    assert_eq!(left["data"].as_array().map(Vec::len), Some(1));
    fedatario_testkit::covers!("api: acts that ask for it need a factor of the last five minutes");
}

#[tokio::test]
async fn who_is_not_here_is_told_the_same() {
    let house = House::new().await;
    house.member("disabled@example.mx", house.stage.ours, "viewer").await;
    let mut tx = house.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.unwrap();
    let mut user = tx.user_by_email("disabled@example.mx").await.unwrap().unwrap();
    user.state = fedatario_app::identity::model::UserState::Disabled;
    tx.update_user(&user).await.unwrap();
    tx.commit().await.unwrap();
    let attempts = [
        (EMAIL, "otra cosa y larga"),
        ("nadie@example.mx", "otra cosa y larga"),
        ("disabled@example.mx", PASSWORD),
        ("no es un correo", PASSWORD),
        (EMAIL, ""),
    ];
    let mut told = Vec::new();
    for (email, password) in attempts {
        let answer = house.post("/api/auth/login", None, json!({ "email": email, "password": password })).await;
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        let mut names: Vec<String> = answer.headers.keys().map(|it| it.to_string()).collect();
        names.sort();
        told.push((answer.status, body, answer.bytes.len(), names));
    }
    assert!(told.iter().all(|it| *it == told[0]), "{told:?}");
    assert_eq!(told[0].1["code"], "login_refused");
    let resets = [EMAIL, "nadie@example.mx", "no es un correo", "disabled@example.mx"];
    for email in resets {
        let answer = house.post("/api/auth/password/reset", None, json!({ "email": email })).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (204, 0), "{email}");
    }
    assert_eq!(house.stage.mails(house.stage.ours, MAIL_SEND).await.len(), 1, "one of them is somebody");
    fedatario_testkit::covers!(
        "api: whoever is not here, is disabled or has another password is told the same, by login and by reset"
    );
}

#[tokio::test]
async fn a_flood_of_passwords_waits_and_the_owner_of_the_machine_does_not() {
    let house = House::new().await;
    let device = text(&house.login(PASSWORD).await.is(200), "device_token");
    for _ in 0..6 {
        assert_eq!(house.login("otra cosa y larga").await.code(), "login_refused");
    }
    let waits = house.login(PASSWORD).await;
    assert_eq!((waits.status.as_u16(), waits.code().as_str()), (429, "too_many_attempts"));
    assert!(waits.header("retry-after").parse::<u64>().is_ok_and(|it| it >= 1));
    let known = json!({ "email": EMAIL, "password": PASSWORD, "device_token": device });
    house.post("/api/auth/login", None, known).await.is(200);
    house.pass(5);
    house.login(PASSWORD).await.is(200);
    fedatario_testkit::covers!("api: wrong passwords make strangers wait, never the machine that its owner came in from");
}

#[tokio::test]
async fn a_line_goes_on_by_refreshing_and_ends_by_leaving() {
    let house = House::new().await;
    let entered = house.login(PASSWORD).await.is(200);
    let refresh = json!({ "refresh_token": entered["refresh_token"] });
    let next = house.post("/api/auth/refresh", None, refresh.clone()).await.is(200);
    assert_eq!(house.post("/api/auth/refresh", None, refresh.clone()).await.is(200)["refresh_token"], next["refresh_token"]);
    let token = text(&next, "access_token");
    house.get("/api/auth/me", &token).await.is(200);
    house.pass(15 * 60);
    assert_eq!(house.get("/api/auth/me", &token).await.code(), "unauthenticated", "a quarter of an hour");
    let last = house.post("/api/auth/refresh", None, json!({ "refresh_token": next["refresh_token"] })).await.is(200);
    let token = text(&last, "access_token");
    house.post("/api/auth/logout", Some(&token), json!({})).await.is(204);
    assert_eq!(house.get("/api/auth/me", &token).await.code(), "unauthenticated");
    let dead = house.post("/api/auth/refresh", None, json!({ "refresh_token": last["refresh_token"] })).await;
    assert_eq!((dead.status.as_u16(), dead.code().as_str()), (401, "refresh_refused"));
    for odd in ["", "fed_rt_", "x", &"A".repeat(4_000)] {
        assert_eq!(house.post("/api/auth/refresh", None, json!({ "refresh_token": odd })).await.code(), "refresh_refused");
    }
    let eight_hours = house.login(PASSWORD).await.is(200);
    house.pass(8 * 3_600);
    let late = house.post("/api/auth/refresh", None, json!({ "refresh_token": eight_hours["refresh_token"] })).await;
    assert_eq!(late.code(), "refresh_refused", "eight hours, however it is refreshed");
    fedatario_testkit::covers!("api: a session goes on by refreshing, for eight hours at most, and ends by leaving at once");
}

#[tokio::test]
async fn sessions_are_seen_and_ended_by_their_person() {
    let house = House::new().await;
    let [first, second, third] = [house.in_by_password().await, house.in_by_password().await, house.in_by_password().await];
    let all = house.get("/api/auth/sessions", &first).await.is(200);
    assert_eq!(all["data"].as_array().map(Vec::len), Some(3));
    let other = all["data"].as_array().unwrap().iter().find(|it| it["is_this"] == false).unwrap();
    assert_eq!(other["address"], "127.0.0.1");
    let mine = house.get("/api/auth/me", &second).await.is(200);
    let path = format!("/api/auth/sessions/{}", text(&mine, "session_id"));
    house.member("beto@example.mx", house.stage.ours, "viewer").await;
    let beto = house.post("/api/auth/login", None, json!({ "email": "beto@example.mx", "password": PASSWORD })).await.is(200);
    let foreign = house.api.call(axum::http::Method::DELETE, &path).bearer(&text(&beto, "access_token")).send().await;
    assert_eq!(foreign.code(), "not_found", "somebody else's");
    assert_eq!(house.api.call(axum::http::Method::DELETE, &path).bearer(&first).send().await.status.as_u16(), 204);
    assert_eq!(house.get("/api/auth/me", &second).await.code(), "unauthenticated");
    assert_eq!(house.post("/api/auth/sessions/close-others", Some(&first), json!({})).await.is(200)["closed"], 1);
    assert_eq!(house.get("/api/auth/me", &third).await.code(), "unauthenticated");
    house.get("/api/auth/me", &first).await.is(200);
    let history = house.get("/api/auth/history", &first).await.is(200);
    assert_eq!(history["data"].as_array().map(Vec::len), Some(3));
    fedatario_testkit::covers!("api: people see their sessions and their history, and end the others at once");
}

#[tokio::test]
async fn a_reset_by_mail_never_passes_by_the_second_factor() {
    let house = House::new().await;
    let (totp, token, codes) = house.enrol().await;
    house.pass(60);
    house.post("/api/auth/password/reset", None, json!({ "email": EMAIL })).await.is(204);
    let (to, reset, job) = house.mail("password_reset").await;
    assert_eq!(to, EMAIL);
    assert!(!job.to_string().contains(&reset), "jobs are read by whoever operates");
    let confirm = |extra: Value| {
        let mut body = json!({ "token": reset, "password": NEW });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let path = "/api/auth/password/reset/confirm";
    assert_eq!(house.post(path, None, confirm(json!({}))).await.code(), "mfa_required");
    assert_eq!(house.post(path, None, confirm(json!({ "code": "000000" }))).await.code(), "mfa_refused");
    assert_eq!(house.post(path, None, json!({ "token": reset, "password": "password2026" })).await.code(), "password_weak");
    house.post(path, None, confirm(json!({ "code": house.code(&totp) }))).await.is(204);
    assert_eq!(house.get("/api/auth/me", &token).await.code(), "unauthenticated", "all sessions end");
    assert_eq!(house.login(PASSWORD).await.code(), "login_refused");
    assert_eq!(house.login(NEW).await.is(200)["mfa_required"], true);
    let again = confirm(json!({ "recovery_code": codes[0] }));
    assert_eq!(house.post(path, None, again).await.code(), "one_time_refused", "once");
    house.post("/api/auth/password/reset", None, json!({ "email": EMAIL })).await.is(204);
    let (_, late, _) = house.mail("password_reset").await;
    house.pass(30 * 60);
    let late = json!({ "token": late, "password": NEW, "recovery_code": codes[1] });
    assert_eq!(house.post(path, None, late).await.code(), "one_time_refused", "half an hour");
    fedatario_testkit::covers!("api: a reset by mail asks for the second factor, once, for half an hour, and ends every session");
}

#[tokio::test]
async fn a_password_and_an_address_are_changed_by_who_has_them() {
    let house = House::new().await;
    let (token, other) = (house.in_by_password().await, house.in_by_password().await);
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let refusals = [
        (change("otra cosa y larga", NEW), "login_refused"),
        (change(PASSWORD, "corta"), "password_short"),
        (change(PASSWORD, "ana@example.mx"), "password_weak"),
        (change(PASSWORD, &"x y".repeat(50)), "password_long"),
    ];
    for (body, code) in refusals {
        assert_eq!(house.post("/api/auth/password", Some(&token), body).await.code(), code);
    }
    house.post("/api/auth/password", Some(&token), change(PASSWORD, NEW)).await.is(204);
    house.get("/api/auth/me", &token).await.is(200);
    assert_eq!(house.get("/api/auth/me", &other).await.code(), "unauthenticated");
    house.login(NEW).await.is(200);

    house.post("/api/auth/email", Some(&token), json!({ "email": "Ana.Nueva@Example.mx" })).await.is(204);
    let (to, proof, _) = house.mail("email_change").await;
    assert_eq!(to, "ana.nueva@example.mx");
    house.post("/api/auth/email/confirm", None, json!({ "token": proof })).await.is(204);
    assert_eq!(house.login(NEW).await.code(), "login_refused");
    house.post("/api/auth/login", None, json!({ "email": "ana.nueva@example.mx", "password": NEW })).await.is(200);
    assert_eq!(house.post("/api/auth/email/confirm", None, json!({ "token": proof })).await.code(), "one_time_refused");
    fedatario_testkit::covers!("api: a password is changed by who knows it, an address by who reads its mail");
}

#[tokio::test]
async fn a_token_is_for_its_tenant_until_it_is_switched() {
    let house = House::new().await;
    let token = house.in_by_password().await;
    let foreign = house.api.get("/api/auth/me").bearer(&token).header("x-tenant-id", &house.stage.theirs.to_string()).send().await;
    assert_eq!((foreign.status.as_u16(), foreign.code().as_str()), (403, "tenant_mismatch"));
    assert!(house.stage.chained(house.stage.ours).await.contains(&"auth.tenant.refused".to_owned()));
    let theirs = json!({ "tenant_id": house.stage.theirs.to_string() });
    assert_eq!(house.post("/api/auth/switch", Some(&token), theirs.clone()).await.code(), "not_found");
    let named = json!({ "email": EMAIL, "password": PASSWORD, "tenant_id": house.stage.theirs.to_string() });
    assert_eq!(house.post("/api/auth/login", None, named).await.code(), "tenant_mismatch");
    // A member of both.
    let now = house.stage.clock.wall();
    let mut tx = house.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.unwrap();
    let user = tx.user_by_email(EMAIL).await.unwrap().unwrap().id;
    let tenant = house.stage.theirs;
    tx.add_membership(&Membership { tenant, tenant_name: String::new(), user, state: MemberState::Active, created: now })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let switched = house.post("/api/auth/switch", Some(&token), theirs.clone()).await.is(200);
    assert_eq!(switched["tenant_id"], theirs["tenant_id"]);
    let me = house.get("/api/auth/me", &text(&switched, "access_token")).await.is(200);
    assert_eq!((&me["tenant_id"], me["permissions"].as_array().map(Vec::len)), (&theirs["tenant_id"], Some(0)), "no role there");
    assert_eq!(house.login(PASSWORD).await.is(200)["tenant_id"], theirs["tenant_id"], "the last one used");
    fedatario_testkit::covers!("api: a token is for one tenant, and another one is refused and chained");
}

#[tokio::test]
async fn a_revocation_elsewhere_is_in_force_within_two_seconds() {
    let house = House::new().await;
    let token = house.in_by_password().await;
    house.get("/api/auth/me", &token).await.is(200);
    // Another process, which this one hears nothing from.
    let mut tx = house.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.unwrap();
    let mut user = tx.user_by_email(EMAIL).await.unwrap().unwrap();
    user.epoch += 1;
    tx.update_user(&user).await.unwrap();
    tx.commit().await.unwrap();
    house.get("/api/auth/me", &token).await.is(200);
    house.pass(2);
    assert_eq!(house.get("/api/auth/me", &token).await.code(), "unauthenticated");
    fedatario_testkit::covers!("api: what another process revokes is refused here within two seconds");
}

#[tokio::test]
async fn keys_turn_over_without_one_false_refusal() {
    let house = House::new().await;
    let old = house.in_by_password().await;
    let published = || async { house.api.get("/.well-known/jwks.json").send().await };
    let kid = |token: &str| {
        let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
        text(&serde_json::from_slice(&head).unwrap(), "kid")
    };
    let kids = |answer: &TestAnswer| -> Vec<String> {
        answer.json()["keys"].as_array().unwrap().iter().map(|it| text(it, "kid")).collect()
    };
    let before = published().await;
    assert_eq!(kids(&before), [kid(&old)]);
    assert!(before.header("cache-control").starts_with("public, max-age="), "{}", before.header("cache-control"));
    house.identity.turn_keys_over(Actor::Os(0)).await.unwrap();
    assert_eq!(kids(&published().await).len(), 2, "announced");
    let still = house.in_by_password().await;
    assert_eq!(kid(&still), kid(&old), "not before a cache period has passed");
    house.pass(CACHE_PERIOD.as_secs());
    let new = house.in_by_password().await;
    assert_ne!(kid(&new), kid(&old));
    house.get("/api/auth/me", &new).await.is(200);
    house.get("/api/auth/me", &still).await.is(200);
    house.pass(16 * 60);
    assert_eq!(kids(&published().await), [kid(&new)], "forgotten with its last token");
    fedatario_testkit::covers!("api: signing keys turn over without one false refusal, announced a cache period ahead");
}

#[tokio::test]
async fn forms_are_closed_and_secrets_stay_out_of_answers() {
    let house = House::new().await;
    let odd = [
        ("/api/auth/login", json!({ "email": EMAIL, "password": PASSWORD, "admin": true }), "field_unknown"),
        ("/api/auth/login", json!({ "email": EMAIL }), "field_missing"),
        ("/api/auth/mfa/verify", json!({ "mfa_token": "x", "code": "1", "recovery_code": "2" }), "field_invalid"),
        ("/api/auth/mfa/verify", json!({ "mfa_token": "fed_mfa_x", "code": "123456" }), "mfa_refused"),
        ("/api/auth/bootstrap", json!({ "token": "x", "email": EMAIL, "password": PASSWORD }), "one_time_refused"),
        ("/api/auth/password/reset/confirm", json!({ "token": "x", "password": NEW }), "one_time_refused"),
    ];
    for (path, body, code) in odd {
        let answer = house.post(path, None, body).await;
        assert_eq!(answer.code(), code, "{path}");
        let shown = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!(!shown.contains(PASSWORD) && !shown.contains(NEW) && !shown.contains("argon2"), "{shown}");
    }
    let scope = Scope::system(house.stage.ours);
    let mut tx = house.stage.app.store.read(&scope).await.unwrap();
    let chained: String =
        tx.audit_rows(1, 100).await.unwrap().iter().map(|it| String::from_utf8_lossy(&it.entry).into_owned()).collect();
    assert!(!chained.contains(EMAIL) && !chained.contains("127.0.0.1"), "no personal text in a chain");
    fedatario_testkit::covers!("api: forms of identity are closed, and neither answers nor chains tell a secret");
}

#[cfg(not(feature = "passkeys"))]
#[tokio::test]
async fn without_the_feature_there_are_no_passkeys() {
    let house = House::new().await;
    let document = house.api.get("/api/openapi.json").send().await.is(200);
    assert!(document["paths"].as_object().is_some_and(|all| !all.keys().any(|it| it.contains("passkey"))));
    let (totp, token, _) = house.enrol().await;
    for path in ["/api/auth/factors/passkey", "/api/auth/mfa/passkey", "/api/auth/step-up/passkey"] {
        assert_eq!(house.post(path, Some(&token), json!({})).await.status.as_u16() / 100, 4, "{path}");
    }
    assert_eq!(house.post("/api/auth/mfa/passkey", None, json!({})).await.status, 404);
    // One that another build enrolled is still asked for, and this one lets in by what it can verify.
    let mut tx = house.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.unwrap();
    let user = tx.user_by_email(EMAIL).await.unwrap().unwrap();
    let mut key = tx.factors(user.id).await.unwrap().remove(0);
    (key.id, key.kind) = (fedatario_base::id::FactorId::fresh(house.stage.clock.wall()), FactorKind::Passkey);
    tx.add_factor(&key).await.unwrap();
    tx.commit().await.unwrap();
    house.pass(30);
    let half = house.login(PASSWORD).await.is(200);
    assert_eq!(half["kinds"], json!(["totp", "recovery_code"]));
    house.in_by_both(&totp).await;
    fedatario_testkit::covers!(
        "api: without passkeys in the build there are no routes of them, and whoever has one is asked for a factor"
    );
}
