//! Roles, members, keys of programs, organisations: over the API, with a real database.

use crate::support::Stage;
use fedatario_api::testing::{person, program};
use fedatario_app::identity::door::{Door, Means, Origin};
use fedatario_app::identity::invitations::Taker;
use fedatario_app::identity::members::Granting;
use fedatario_app::identity::model::{Hidden, MemberState, User, UserState};
use fedatario_app::identity::people::Steward;
use fedatario_app::identity::roles;
use fedatario_app::identity::{Identity, IdentitySettings};
use fedatario_base::id::{TenantId, UserId};
use fedatario_base::{Actor, Clock, Permission, PlatformScope, Scope};
use serde_json::{Value, json};
use std::sync::Arc;

/// Somebody who is not kept yet.
fn newcomer(stage: &Stage) -> User {
    let now = stage.clock.wall();
    User {
        id: UserId::fresh(now),
        email: String::new(),
        name: "Ana".to_owned(),
        language: "es".to_owned(),
        password: Some(Hidden("$argon2id$".to_owned())),
        state: UserState::Active,
        epoch: 0,
        last_tenant: None,
        created: now,
        password_set: None,
        signing_from: None,
        revision: 0,
    }
}

/// A person of a tenant, with a role for good.
pub async fn member(stage: &Stage, tenant: TenantId, email: &str, role: &str) -> UserId {
    let now = stage.clock.wall();
    let user = User { email: email.to_owned(), name: email.to_owned(), ..newcomer(stage) };
    let id = user.id;
    let mut tx = stage.people.identity.begin_people(&PlatformScope::of(Actor::System)).await.expect("a transaction");
    tx.add_person(&user).await.expect("a person");
    tx.add_member(tenant, id, now).await.expect("a membership");
    tx.commit().await.expect("a commit");
    stage
        .people
        .grant(&Scope::system(tenant), id, Granting { role: role.to_owned(), ..Granting::default() })
        .await
        .expect("a role");
    id
}

fn all_of_tenants() -> Vec<Permission> {
    Permission::of_tenants()
}

#[tokio::test]
async fn roles_are_defined_within_ones_own_permissions_and_removed_when_nobody_holds_them() {
    let stage = Stage::new().await;
    stage.api.knows("owner", person(stage.ours, &all_of_tenants()));
    stage.api.knows("clerk", person(stage.ours, &[Permission::UserRead, Permission::RoleManage, Permission::DocumentRead]));
    stage.api.knows("other", person(stage.theirs, &all_of_tenants()));
    let built_in = stage.api.get("/api/auth/rbac/roles").bearer("owner").send().await.is(200);
    let names: Vec<&str> = built_in["data"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, roles::OF_TENANTS);

    let role = json!({ "name": "consulta", "description": "lee", "permissions": ["TENANT_DOCUMENT_READ"] });
    let made = stage.api.post("/api/auth/rbac/roles").bearer("clerk").json(&role).send().await;
    assert_eq!(made.is(201)["permissions"], json!(["TENANT_DOCUMENT_READ"]));
    assert_eq!(stage.api.post("/api/auth/rbac/roles").bearer("clerk").json(&role).send().await.is(409)["code"], "role_exists");
    let refused = [
        (json!({ "name": "jefe", "permissions": ["TENANT_INVOICE_EMIT"] }), 403, "permission_exceeds"),
        (json!({ "name": "jefe", "permissions": ["PLATFORM_TENANT_READ"] }), 422, "permission_unknown"),
        (json!({ "name": "jefe", "permissions": [] }), 422, "permission_unknown"),
        (json!({ "name": "viewer", "permissions": ["TENANT_DOCUMENT_READ"] }), 422, "role_format"),
        (json!({ "name": "J", "permissions": ["TENANT_DOCUMENT_READ"] }), 422, "role_format"),
    ];
    for (body, status, code) in refused {
        let answer = stage.api.post("/api/auth/rbac/roles").bearer("clerk").json(&body).send().await;
        assert_eq!(answer.is(status)["code"], code, "{body}");
    }
    // Another tenant has no such role.
    stage.api.get("/api/auth/rbac/roles/consulta").bearer("other").send().await.is(404);

    let seen = stage.api.get("/api/auth/rbac/roles/consulta").bearer("owner").send().await;
    let change = json!({ "permissions": ["TENANT_DOCUMENT_READ", "TENANT_TAXPAYER_READ"] });
    let put = |tag: &str| {
        let call = stage.api.call(axum::http::Method::PUT, "/api/auth/rbac/roles/consulta").bearer("owner");
        call.header("if-match", tag).json(&change).send()
    };
    let changed = put(seen.header("etag")).await;
    assert_eq!(changed.is(200)["permissions"], json!(["TENANT_TAXPAYER_READ", "TENANT_DOCUMENT_READ"]));
    let late = put(seen.header("etag")).await;
    assert_eq!(late.is(412)["code"], "precondition_failed");
    assert_eq!(late.header("etag"), changed.header("etag"), "whoever was slower is told what there is now");

    let ana = member(&stage, stage.ours, "ana@example.com", "consulta").await;
    let delete = || stage.api.call(axum::http::Method::DELETE, "/api/auth/rbac/roles/consulta").bearer("owner").send();
    assert_eq!(delete().await.is(409)["code"], "role_in_use");
    let grants = stage.api.get(&format!("/api/tenant/users/{ana}")).bearer("owner").send().await.is(200)["roles"].clone();
    let grant = grants[0]["id"].as_str().unwrap();
    let back =
        stage.api.call(axum::http::Method::DELETE, &format!("/api/tenant/users/{ana}/roles/{grant}")).bearer("owner").send().await;
    assert_eq!(back.is(409)["code"], "owner_last", "nobody rules here yet");
    member(&stage, stage.ours, "eva@example.com", roles::OWNER).await;
    stage
        .api
        .call(axum::http::Method::DELETE, &format!("/api/tenant/users/{ana}/roles/{grant}"))
        .bearer("owner")
        .send()
        .await
        .is(204);
    delete().await.is(204);
    let chained = stage.chained(stage.ours).await;
    for action in ["role.added", "role.changed", "role.removed", "member.role_granted", "member.role_revoked"] {
        assert!(chained.iter().any(|it| it == action), "{action} in {chained:?}");
    }
    fedatario_testkit::covers!("roles: a tenant defines its own within what its people hold; one that is held stays");
}

#[tokio::test]
async fn roles_are_given_for_a_while_and_in_somebodys_place() {
    let stage = Stage::new().await;
    stage.api.knows("owner", person(stage.ours, &all_of_tenants()));
    let eva = member(&stage, stage.ours, "eva@example.com", roles::OWNER).await;
    let ana = member(&stage, stage.ours, "ana@example.com", "viewer").await;
    let stranger = member(&stage, stage.theirs, "zoe@example.com", "viewer").await;
    let give = |user: UserId, body: Value| {
        let path = format!("/api/tenant/users/{user}/roles");
        let call = stage.api.post(&path).bearer("owner").json(&body);
        async move { call.send().await }
    };
    let until = "2026-10-01T00:00:00Z";
    let stood_in = give(ana, json!({ "role": "tenant_admin", "until": until, "in_place_of": eva.to_string() })).await;
    assert_eq!(stood_in.is(201)["in_place_of"], eva.to_string());
    let refused = [
        (json!({ "role": "nobody" }), 422, "role_unknown"),
        (json!({ "role": "platform_admin" }), 422, "role_unknown"),
        (json!({ "role": "viewer", "until": "2026-01-01T00:00:00Z" }), 422, "grant_format"),
        (json!({ "role": "tenant_admin", "in_place_of": eva.to_string() }), 422, "grant_format"),
        (json!({ "role": "signer", "until": until, "in_place_of": eva.to_string() }), 422, "grant_format"),
        (json!({ "role": "viewer", "until": until, "in_place_of": ana.to_string() }), 422, "grant_format"),
        (json!({ "role": "tenant_admin", "until": "2028-01-01T00:00:00Z", "in_place_of": eva.to_string() }), 422, "grant_format"),
        (json!({ "role": "viewer", "in_place_of": stranger.to_string(), "until": until }), 404, "not_found"),
    ];
    for (body, status, code) in refused {
        assert_eq!(give(ana, body.clone()).await.is(status)["code"], code, "{body}");
    }
    give(stranger, json!({ "role": "viewer" })).await.is(404);
    // Whoever stands in for a while does not count as somebody who rules.
    let disable = |user: UserId| {
        let call = stage.api.post(&format!("/api/tenant/users/{user}/disable")).bearer("owner");
        async move { call.send().await }
    };
    assert_eq!(disable(eva).await.is(409)["code"], "owner_last");
    assert_eq!(disable(ana).await.is(200)["state"], "disabled");
    let enabled = stage.people.set_member(&Scope::system(stage.ours), ana, MemberState::Active).await.unwrap();
    assert_eq!(enabled.state, MemberState::Active);
    let page = stage.api.get("/api/tenant/users?limit=1").bearer("owner").send().await.is(200);
    assert_eq!((page["data"].as_array().unwrap().len(), page["next"].is_string()), (1, true));
    fedatario_testkit::covers!(
        "roles: somebody stands in for another until a day, in a role that the other holds; the last owner stays"
    );
}

#[tokio::test]
async fn an_invitation_is_good_once_and_for_its_address() {
    let stage = Stage::new().await;
    stage.api.knows("owner", person(stage.ours, &all_of_tenants()));
    stage.api.knows("host", person(stage.ours, &[Permission::UserInvite, Permission::UserRead, Permission::DocumentRead]));
    let invite = |who: &str, body: Value| {
        let call = stage.api.post("/api/tenant/invitations").bearer(who).json(&body);
        async move { call.send().await }
    };
    let body = json!({ "email": " Ana@Example.com ", "roles": ["viewer"] });
    assert_eq!(invite("host", body.clone()).await.is(403)["code"], "permission_exceeds", "a viewer reads more than the host");
    let first = invite("owner", body.clone()).await.is(201);
    stage.clock.advance(jiff::SignedDuration::from_secs(1));
    let second = invite("owner", body).await.is(201);
    assert_eq!(second["email"], "ana@example.com");
    let [first, second] = [first, second].map(|it| it["token"].as_str().unwrap().to_owned());
    for text in ["", "ana", "ana@", "@x.com", "a b@x.com", "a@b@c.com", "ana@localhost"] {
        assert_eq!(invite("owner", json!({ "email": text, "roles": ["viewer"] })).await.is(422)["code"], "field_invalid", "{text}");
    }
    let listed = stage.api.get("/api/tenant/invitations").bearer("owner").send().await.is(200);
    let states: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "replaced"]);
    assert!(listed["data"][0].get("token").is_none(), "a token is shown once");

    let newcomer = || Taker::New(Box::new(newcomer(&stage)));
    assert_eq!(stage.people.take_invitation(&first, newcomer()).await.unwrap_err().code().slug(), "invitation_invalid");
    assert_eq!(stage.people.look_at_invitation(&second).await.unwrap().0.email, "ana@example.com");
    let (tenant, ana) = stage.people.take_invitation(&second, newcomer()).await.unwrap();
    assert_eq!(tenant.id, stage.ours);
    assert_eq!(stage.people.take_invitation(&second, newcomer()).await.unwrap_err().code().slug(), "invitation_invalid");
    let shown = stage.api.get(&format!("/api/tenant/users/{ana}")).bearer("owner").send().await.is(200);
    assert_eq!(shown["roles"][0]["role"], "viewer");

    // Whoever has an account shows it, and only the one that was invited.
    stage.api.knows("others", person(stage.theirs, &all_of_tenants()));
    let again = invite("others", json!({ "email": "ana@example.com", "roles": ["viewer"] })).await.is(201);
    let token = again["token"].as_str().unwrap();
    assert_eq!(stage.people.take_invitation(token, newcomer()).await.unwrap_err().code().slug(), "invitation_sign_in");
    let zoe = member(&stage, stage.theirs, "zoe@example.com", "viewer").await;
    assert_eq!(stage.people.take_invitation(token, Taker::Known(zoe)).await.unwrap_err().code().slug(), "invitation_foreign");
    stage.people.take_invitation(token, Taker::Known(ana)).await.unwrap();

    // Lapsed and taken back.
    let late = invite("owner", json!({ "email": "late@example.com", "roles": ["viewer"] })).await.is(201);
    stage.clock.advance(jiff::SignedDuration::from_hours(8 * 24));
    let late = stage.people.take_invitation(late["token"].as_str().unwrap(), newcomer()).await.unwrap_err();
    assert_eq!(late.code().slug(), "invitation_invalid");
    let gone = invite("owner", json!({ "email": "gone@example.com", "roles": ["viewer"] })).await.is(201);
    let path = format!("/api/tenant/invitations/{}", gone["id"].as_str().unwrap());
    let revoke = |who: &'static str| stage.api.call(axum::http::Method::DELETE, &path).bearer(who).send();
    revoke("others").await.is(404);
    revoke("owner").await.is(204);
    revoke("owner").await.is(404);
    assert!(stage.people.take_invitation(gone["token"].as_str().unwrap(), newcomer()).await.is_err());
    fedatario_testkit::covers!(
        "invitations: good once, for a week, for one address, with roles that the host holds; no way around an account"
    );
}

fn from(address: &str) -> Origin {
    Origin { address: address.parse().expect("an address"), user_agent: "test".to_owned() }
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_from_where_they_say_until_it_is_revoked() {
    let stage = Stage::new().await;
    let door = Identity::new(&stage.app, IdentitySettings::default()).with_programs(Arc::new(stage.people.clone()));
    stage.api.knows("owner", person(stage.ours, &all_of_tenants()));
    stage.api.knows("others", person(stage.theirs, &all_of_tenants()));
    let make = |body: Value| {
        let call = stage.api.post("/api/tenant/api-keys").bearer("owner").json(&body);
        async move { call.send().await }
    };
    let form = json!({ "name": "ERP", "environment": "live", "scopes": ["TENANT_TAXPAYER_READ"], "networks": ["203.0.113.0/24"], "calls_a_minute": 30 });
    let made = make(form).await.is(201);
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap().to_owned());
    assert!(secret.starts_with("fed_live_"));
    let here = from("203.0.113.7");
    let entered = door.enter(&secret, None, &here).await.unwrap();
    assert_eq!(entered.scope.permissions(), [Permission::TaxpayerRead]);
    assert_eq!((entered.scope.tenant(), entered.calls_a_minute), (stage.ours, Some(30)));
    assert!(
        matches!(entered.means, Means::Key { is_test: false, .. }) && entered.is_stepped_up && !entered.scope.is_sandbox_only()
    );
    assert!(door.still_in(&entered).await);

    let refusal = |shown: String, origin: Origin| {
        let door = &door;
        async move { door.enter(&shown, None, &origin).await.unwrap_err().code().slug() }
    };
    assert_eq!(refusal(secret.clone(), from("198.51.100.1")).await, "unauthenticated");
    let mut forged = secret.clone();
    forged.replace_range(40..41, if &secret[40..41] == "2" { "3" } else { "2" });
    assert_eq!(refusal(forged, here.clone()).await, "unauthenticated");
    assert_eq!(door.enter(&secret, Some(stage.theirs), &here).await.unwrap_err().code().slug(), "tenant_mismatch");

    // Two secrets side by side, then one.
    let path = format!("/api/tenant/api-keys/{id}");
    let rotate = |who: &'static str, hours: i64| {
        stage.api.post(&format!("{path}/rotate")).bearer(who).json(&json!({ "overlap_hours": hours })).send()
    };
    rotate("others", 1).await.is(404);
    let second = rotate("owner", 1).await.is(200)["secret"].as_str().unwrap().to_owned();
    assert_eq!(rotate("owner", 1).await.is(409)["code"], "api_key_rotating");
    for shown in [&secret, &second] {
        door.enter(shown, None, &here).await.unwrap();
    }
    stage.clock.advance(jiff::SignedDuration::from_secs(3_601));
    assert_eq!(refusal(secret, here.clone()).await, "unauthenticated");
    door.enter(&second, None, &here).await.unwrap();
    let shown = stage.api.get(&path).bearer("owner").send().await.is(200);
    assert_eq!((shown["used_from"].as_str(), shown.get("secret")), (Some("203.0.113.7"), None));
    stage.api.get(&path).bearer("others").send().await.is(404);

    // Suspended with its tenant, revoked for good.
    let steward = Steward::shell(1);
    stage.people.suspend(&steward, stage.ours, "falta de pago").await.unwrap();
    assert_eq!(refusal(second.clone(), here.clone()).await, "unauthenticated");
    assert!(!door.still_in(&entered).await);
    stage.people.resume(&steward, stage.ours).await.unwrap();
    door.enter(&second, None, &here).await.unwrap();
    stage.api.call(axum::http::Method::DELETE, &path).bearer("others").send().await.is(404);
    stage.api.call(axum::http::Method::DELETE, &path).bearer("owner").send().await.is(200);
    assert_eq!(refusal(second, here).await, "unauthenticated");
    assert_eq!(rotate("owner", 0).await.is(409)["code"], "api_key_over");

    let refused = [
        (json!({ "name": "", "environment": "live", "scopes": ["TENANT_TAXPAYER_READ"] }), 422, "api_key_format"),
        (json!({ "name": "x", "environment": "live", "scopes": [] }), 422, "permission_unknown"),
        (json!({ "name": "x", "environment": "live", "scopes": ["PLATFORM_TENANT_READ"] }), 422, "permission_unknown"),
        (json!({ "name": "x", "environment": "live", "scopes": ["TENANT_TAXPAYER_READ"], "days": 731 }), 422, "api_key_format"),
        (
            json!({ "name": "x", "environment": "live", "scopes": ["TENANT_TAXPAYER_READ"], "networks": ["x"] }),
            422,
            "api_key_format",
        ),
    ];
    for (body, status, code) in refused {
        assert_eq!(make(body.clone()).await.is(status)["code"], code, "{body}");
    }
    let chained = stage.chained(stage.ours).await;
    for action in ["api_key.made", "api_key.rotated", "api_key.revoked", "api_key.shown_elsewhere", "tenant.suspended"] {
        assert!(chained.iter().any(|it| it == action), "{action} in {chained:?}");
    }
    fedatario_testkit::covers!(
        "keys: scopes, networks, two secrets for a while, suspension and revocation; every refusal is the same"
    );
}

#[tokio::test]
async fn a_test_key_sees_the_sandbox_and_nothing_else() {
    let stage = Stage::new().await;
    let mut live = program(stage.ours, &all_of_tenants(), None);
    live.is_stepped_up = true;
    stage.api.knows("live", live.clone());
    let mut test = live;
    test.scope = test.scope.in_sandbox_only();
    stage.api.knows("test", test);
    let register = |who: &'static str, tax_id: &str, world: &str| {
        let body = json!({ "kind": "rnc", "tax_id": tax_id, "name": "EJEMPLO", "environment": world });
        let call = stage.api.post("/api/taxpayers").bearer(who).json(&body);
        async move { call.send().await }
    };
    let real = register("live", "131880738", "production").await.is(201);
    let play = register("test", "131880681", "sandbox").await.is(201);
    register("test", "130862346", "production").await.is(404);
    let [real, play] = [real, play].map(|it| format!("/api/taxpayers/{}", it["id"].as_str().unwrap()));
    stage.api.get(&real).bearer("live").send().await.is(200);
    stage.api.get(&real).bearer("test").send().await.is(404);
    stage.api.get(&play).bearer("test").send().await.is(200);
    let count = |who: &'static str| {
        let call = stage.api.get("/api/taxpayers").bearer(who);
        async move { call.send().await.is(200)["data"].as_array().unwrap().len() }
    };
    assert_eq!((count("live").await, count("test").await), (2, 1));
    let key = |who: &'static str, world: &str| {
        let body = json!({ "name": "x", "environment": world, "scopes": ["TENANT_TAXPAYER_READ"] });
        let call = stage.api.post("/api/tenant/api-keys").bearer(who).json(&body);
        async move { call.send().await }
    };
    assert_eq!(key("test", "live").await.is(403)["code"], "permission_exceeds", "a test key hands out no live one");
    assert!(key("test", "test").await.is(201)["secret"].as_str().unwrap().starts_with("fed_test_"));
    for of_all in ["TENANT_JOB_MANAGE", "TENANT_JOB_READ", "TENANT_AUDIT_READ", "TENANT_WEBHOOK_MANAGE", "TENANT_API_KEY_MANAGE"] {
        let body = json!({ "name": "x", "environment": "test", "scopes": [of_all] });
        let refused = stage.api.post("/api/tenant/api-keys").bearer("live").json(&body).send().await;
        assert_eq!(refused.is(403)["code"], "permission_exceeds", "{of_all} is of all taxpayers at once");
    }
    let answer = register("live", "131880738", "sandbox").await;
    assert_eq!(answer.is(409)["code"], "taxpayer_exists");
    assert_eq!(register("live", "13188", "sandbox").await.is(422)["code"], "tax_id_format");
    fedatario_testkit::covers!("keys: a test key finds, adds and hands out nothing beyond the sandbox");
}

#[tokio::test]
async fn organisations_are_kept_by_stewards_and_by_nobody_else() {
    let stage = Stage::new().await;
    let platform = roles::built_in("platform_admin").unwrap();
    stage.api.knows("admin", person(stage.theirs, &platform));
    stage.api.knows("support", person(stage.theirs, &roles::built_in("platform_support").unwrap()));
    stage.api.knows("owner", person(stage.ours, &all_of_tenants()));
    let post = |who: &'static str, path: String, body: Value| {
        let call = stage.api.post(&path).bearer(who).json(&body);
        async move { call.send().await }
    };
    let company = format!("/api/admin/companies/{}", stage.ours);
    for (who, status) in [("owner", 403), ("support", 403)] {
        post(who, format!("{company}/suspend"), json!({ "reason": "x" })).await.is(status);
    }
    assert_eq!(stage.api.get("/api/admin/companies").bearer("support").send().await.is(200)["data"].as_array().unwrap().len(), 2);
    let made = post("admin", "/api/admin/companies".to_owned(), json!({ "name": "tercera" })).await.is(201);
    assert_eq!(made["state"], "active");
    assert_eq!(
        post("admin", "/api/admin/companies".to_owned(), json!({ "name": "tercera" })).await.is(409)["code"],
        "tenant_exists"
    );
    assert_eq!(post("admin", format!("{company}/suspend"), json!({ "reason": " " })).await.is(422)["code"], "reason_required");
    assert_eq!(post("admin", format!("{company}/suspend"), json!({ "reason": "impago" })).await.is(200)["state"], "suspended");
    assert_eq!(post("admin", format!("{company}/suspend"), json!({ "reason": "impago" })).await.is(409)["code"], "tenant_state");
    assert_eq!(post("admin", format!("{company}/resume"), json!({})).await.is(200)["state"], "active");
    let metrics = stage.api.get("/api/admin/metrics").bearer("support").send().await.is(200);
    assert_eq!(metrics["tenants"], 3);
    // What the platform does is told in both chains.
    let actions = ["tenant.suspended", "tenant.resumed"];
    for chain in [stage.ours, TenantId(uuid::Uuid::nil())] {
        let chained = stage.chained(chain).await;
        assert!(actions.iter().all(|it| chained.iter().any(|its| its == it)), "{chained:?}");
    }
    fedatario_testkit::covers!("tenants: added, suspended and resumed by whoever keeps the installation, told in both chains");
}

#[tokio::test]
async fn all_data_leaves_as_rows_and_is_destroyed_by_two_persons_after_thirty_days() {
    let stage = Stage::new().await;
    stage.api.knows("one", person(stage.ours, &all_of_tenants()));
    stage.api.knows("two", person(stage.ours, &all_of_tenants()));
    let other = {
        let mut it = person(stage.ours, &all_of_tenants());
        it.scope = Scope::signed_in(stage.ours, Actor::User(UserId(uuid::Uuid::from_u128(2))), all_of_tenants());
        it
    };
    stage.api.knows("two", other);
    let body = json!({ "kind": "rnc", "tax_id": "131880738", "name": "CANARIO-NUESTRO", "environment": "sandbox" });
    stage.api.post("/api/taxpayers").bearer("one").json(&body).send().await.is(201);
    stage.api.knows("them", person(stage.theirs, &all_of_tenants()));
    let theirs = json!({ "kind": "rnc", "tax_id": "131880738", "name": "CANARIO-AJENO", "environment": "sandbox" });
    stage.api.post("/api/taxpayers").bearer("them").json(&theirs).send().await.is(201);
    member(&stage, stage.ours, "ana@example.com", "viewer").await;
    stage.app.blobs.put(&format!("tenants/{}/clientes/X/a", stage.ours), b"x").await.unwrap();
    stage.app.blobs.put(&format!("tenants/{}/clientes/X/a", stage.theirs), b"x").await.unwrap();

    let exported = stage.api.get("/api/tenant/export").bearer("one").send().await;
    let text = String::from_utf8(exported.bytes.to_vec()).unwrap();
    let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).expect("a line is JSON")).collect();
    assert_eq!(lines[0]["format"], "fedatario.tenant.v1");
    assert_eq!(lines.last().unwrap()["rows"], lines.len() - 2);
    assert!(text.contains("CANARIO-NUESTRO") && !text.contains("CANARIO-AJENO"));
    assert!(!text.contains("\"wrapped") && !text.contains("tenant_keys"), "keys stay at home");

    let post = |who: &'static str, path: &'static str, body: Value| {
        let call = stage.api.post(path).bearer(who).json(&body);
        async move { call.send().await }
    };
    let why = json!({ "reason": "cierre" });
    assert_eq!(post("one", "/api/tenant/deletion", why.clone()).await.is(200)["deletion"]["confirmed_by"], Value::Null);
    assert_eq!(post("one", "/api/tenant/deletion/confirm", json!({})).await.is(409)["code"], "second_person");
    assert_eq!(post("two", "/api/tenant/deletion/confirm", json!({})).await.is(200)["state"], "leaving");
    assert_eq!(stage.people.sweep_leaving().await.unwrap(), 0, "not before its day");
    stage.clock.advance(jiff::SignedDuration::from_hours(31 * 24));
    let steward = Steward::shell(1);
    stage.people.hold(&steward, stage.ours, "oficio 1").await.unwrap();
    assert_eq!(stage.people.sweep_leaving().await.unwrap(), 0, "not under a legal hold");
    stage.people.release(&steward, stage.ours).await.unwrap();
    assert_eq!(stage.people.sweep_leaving().await.unwrap(), 1);
    assert_eq!(stage.people.sweep_leaving().await.unwrap(), 0);

    let gone = stage.people.organisation(&steward, &stage.ours.to_string()).await.unwrap();
    assert_eq!((gone.state.text(), gone.name), ("gone", stage.ours.to_string()));
    let mut tx = stage.app.store.read(&Scope::system(stage.ours)).await.unwrap();
    assert_eq!(tx.taxpayers(None, 10).await.unwrap(), []);
    drop(tx);
    assert!(stage.app.blobs.list(&format!("tenants/{}/", stage.ours)).await.unwrap().is_empty());
    assert_eq!(stage.app.blobs.list(&format!("tenants/{}/", stage.theirs)).await.unwrap().len(), 1);
    let mut tx = stage.app.store.read(&Scope::system(stage.theirs)).await.unwrap();
    assert_eq!(tx.taxpayers(None, 10).await.unwrap().len(), 1, "others keep what is theirs");
    drop(tx);
    assert!(stage.chained(TenantId(uuid::Uuid::nil())).await.iter().any(|it| it == "tenant.destroyed"));
    fedatario_testkit::covers!(
        "tenants: all data leaves as rows; destroyed by two persons after thirty days, never under a legal hold, and told by the platform's chain"
    );
}
