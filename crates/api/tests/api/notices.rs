//! What people are told of what was done to them: by mail, in their language, and the world outside by
//! events; all of it with the change, and none of it without.

use crate::auth::{House, text};
use crate::people::member;
use crate::support::Stage;
use fedatario_app::identity::members::Granting;
use fedatario_app::identity::model::{MemberState, UserState};
use fedatario_app::identity::people::Steward;
use fedatario_app::identity::program_keys::KeyAsked;
use fedatario_app::identity::roles;
use fedatario_base::id::UserId;
use fedatario_base::{Actor, Permission, PlatformScope, Scope};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What comes after it is told after it: ids are in order of time.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Lets somebody read English.
async fn reads_english(stage: &Stage, user: UserId) {
    let mut tx = stage.app.people.begin(&PlatformScope::of(Actor::System)).await.expect("a transaction");
    let mut who = tx.user(user).await.expect("storage").expect("somebody");
    who.language = "en".to_owned();
    tx.update_user(&who).await.expect("kept");
    tx.commit().await.expect("committed");
}

/// To whom the mails of a kind go, with their language and what they say.
fn of_kind(letters: &[Value], kind: &str) -> Vec<(String, String, Value)> {
    let these = letters.iter().filter(|it| it["kind"] == kind);
    these.map(|it| (text(it, "to"), text(it, "language"), it["fields"].clone())).collect()
}

#[tokio::test]
async fn people_are_told_what_was_done_to_them_and_so_is_whoever_listens() {
    let stage = Stage::new().await;
    let owner = member(&stage, stage.ours, "olga@example.com", roles::OWNER).await;
    let second = member(&stage, stage.ours, "omar@example.com", roles::OWNER).await;
    let ana = member(&stage, stage.ours, "ana@example.com", "viewer").await;
    member(&stage, stage.theirs, "zoe@example.com", roles::OWNER).await;
    reads_english(&stage, ana).await;
    reads_english(&stage, second).await;
    let before = (stage.letters(stage.ours).await.len(), stage.told(stage.ours).await.len());
    let by = Scope::signed_in(stage.ours, Actor::User(owner), Permission::of_tenants());
    let people = &stage.people;

    let asked = Granting { role: "signer".to_owned(), ..Granting::default() };
    let grant = people.grant(&by, ana, asked).await.expect("given");
    stage.clock.advance(A_MOMENT);
    people.take_back(&by, ana, grant.id).await.expect("taken back");
    stage.clock.advance(A_MOMENT);
    people.set_member(&by, ana, MemberState::Disabled).await.expect("kept out");
    stage.clock.advance(A_MOMENT);
    people.set_member(&by, ana, MemberState::Active).await.expect("let in");
    stage.clock.advance(A_MOMENT);
    let scopes = vec!["TENANT_TAXPAYER_READ".to_owned()];
    let key = people.make_key(&by, KeyAsked { name: "ERP".to_owned(), scopes, ..KeyAsked::default() }, true).await.expect("made");
    stage.clock.advance(A_MOMENT);
    people.revoke_key(&by, key.key.id).await.expect("revoked");
    stage.clock.advance(A_MOMENT);
    people.set_user(&Steward::shell(7), ana, UserState::Disabled).await.expect("kept out of everywhere");

    let letters = stage.letters(stage.ours).await.split_off(before.0);
    let changed = of_kind(&letters, "role_changed");
    assert_eq!(changed.iter().map(|it| it.2["role"].as_str().unwrap()).collect::<Vec<_>>(), ["signer, viewer", "viewer"]);
    assert!(changed.iter().all(|it| it.0 == "ana@example.com" && it.1 == "en"), "{changed:?}");
    assert_eq!((&changed[0].2["by"], &changed[0].2["organisation"]), (&json!("olga@example.com"), &json!("ours")));
    let disabled = of_kind(&letters, "account_disabled");
    assert_eq!(
        disabled.iter().map(|it| it.2["by"].as_str().unwrap()).collect::<Vec<_>>(),
        ["olga@example.com", "the server's console"]
    );
    let keys = of_kind(&letters, "api_key_created");
    let mut told: Vec<(&str, &str)> = keys.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    told.sort_unstable(); // Both were written at one instant.
    assert_eq!(told, [("olga@example.com", "es"), ("omar@example.com", "en")], "whoever rules the organisation, and nobody else");
    assert_eq!(keys[0].2["name"], "ERP");
    assert_eq!(letters.len(), 6, "{letters:?}");

    let events = stage.told(stage.ours).await.split_off(before.1);
    let kinds: Vec<&str> = events.iter().map(|it| it.0.as_str()).collect();
    let expected =
        ["member.role_changed", "member.role_changed", "member.disabled", "api_key.created", "api_key.revoked", "member.disabled"];
    assert_eq!(kinds, expected);
    assert_eq!((&events[0].1["change"], &events[1].1["change"]), (&json!("given"), &json!("taken_back")));
    assert_eq!((&events[3].1["key"], &events[3].1["name"]), (&json!(key.key.id.to_string()), &json!("ERP")));
    assert_eq!((&events[5].1["user"], &events[5].1["by"]), (&json!(ana.to_string()), &json!("os:7")));
    fedatario_testkit::covers!("notices: roles, accounts and keys are told by mail in their reader's language, and to webhooks");
}

#[tokio::test]
async fn what_did_not_happen_is_told_to_nobody() {
    let stage = Stage::new().await;
    let owner = member(&stage, stage.ours, "olga@example.com", roles::OWNER).await;
    let before = (stage.letters(stage.ours).await.len(), stage.told(stage.ours).await.len());
    let by = Scope::signed_in(stage.ours, Actor::User(owner), Permission::of_tenants());
    let refused = stage.people.set_member(&by, owner, MemberState::Disabled).await.unwrap_err();
    assert_eq!(refused.code().slug(), "owner_last");
    let scopes = vec!["TENANT_TAXPAYER_READ".to_owned()];
    let asked = KeyAsked { name: String::new(), scopes, ..KeyAsked::default() };
    assert_eq!(stage.people.make_key(&by, asked, true).await.unwrap_err().code().slug(), "api_key_format");
    let asked = Granting { role: "nobody".to_owned(), ..Granting::default() };
    assert_eq!(stage.people.grant(&by, owner, asked).await.unwrap_err().code().slug(), "role_unknown");
    assert_eq!((stage.letters(stage.ours).await.len(), stage.told(stage.ours).await.len()), before);
    fedatario_testkit::covers!("notices: an act that is refused is told to nobody");
}

#[tokio::test]
async fn whoever_rules_an_organisation_is_told_that_its_doors_close() {
    let stage = Stage::new().await;
    member(&stage, stage.ours, "olga@example.com", roles::OWNER).await;
    member(&stage, stage.ours, "ana@example.com", "viewer").await;
    let before = stage.letters(stage.ours).await.len();
    let steward = Steward::shell(1);
    stage.people.suspend(&steward, stage.ours, "impago").await.expect("suspended");
    let letters = stage.letters(stage.ours).await.split_off(before);
    let told = of_kind(&letters, "tenant_suspended");
    assert_eq!((told.len(), letters.len()), (1, 1), "mails leave a house whose doors are closed: {letters:?}");
    assert_eq!((told[0].0.as_str(), &told[0].2["by"]), ("olga@example.com", &json!("la consola del servidor")));
    assert!(stage.told(stage.ours).await.is_empty(), "nothing else does");
    stage.people.resume(&steward, stage.ours).await.expect("resumed");
    stage.people.ask_deletion_of(&steward, stage.ours, "cierre").await.expect("asked for");
    stage.clock.advance(A_MOMENT);
    stage.people.confirm_deletion_of(&Steward::shell(2), stage.ours).await.expect("confirmed");
    let letters = stage.letters(stage.ours).await.split_off(before);
    let told = of_kind(&letters, "tenant_deletion");
    assert_eq!(told.len(), 2, "when it is asked for, and when it is decided: {letters:?}");
    assert!(told.iter().all(|it| it.2["until"].as_str().is_some_and(|day| day.starts_with("2026-10-01T"))), "{told:?}");
    fedatario_testkit::covers!(
        "notices: whoever rules an organisation is told of its suspension and deletion, while nothing else of it runs"
    );
}

#[tokio::test]
async fn a_session_that_was_replayed_is_told_outside() {
    let house = House::new().await;
    let entered =
        house.post("/api/auth/login", None, json!({ "email": "ana@example.mx", "password": "el tren sale tarde hoy" })).await;
    let entered = entered.is(200);
    let form = json!({ "refresh_token": entered["refresh_token"] });
    house.post("/api/auth/refresh", None, form.clone()).await.is(200);
    house.pass(60);
    house.post("/api/auth/refresh", None, form).await.is(401);
    let told = house.stage.told(house.stage.ours).await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].0.as_str(), &told[0].1["session"]), ("session.replayed", &entered["session_id"]));
    fedatario_testkit::covers!("notices: a replayed session is told to webhooks");
}

#[tokio::test]
async fn an_operator_sees_whether_mail_arrives() {
    let stage = Stage::new().await;
    let owner = fedatario_api::testing::person(stage.ours, &Permission::of_tenants());
    stage.api.knows("owner", owner);
    let ask = |to: &str| {
        let call = stage.api.post("/api/tenant/mail/test").bearer("owner").json(&json!({ "to": to }));
        async move { call.send().await }
    };
    let answer = ask(" Ana@Example.com ").await;
    let job = text(&answer.is(202), "job");
    assert_eq!((answer.header("location"), &answer.json()["is_configured"]), (format!("/api/jobs/{job}").as_str(), &json!(false)));
    let letters = stage.letters(stage.ours).await;
    assert_eq!(
        (letters.len(), text(&letters[0], "kind"), text(&letters[0], "to")),
        (1, "test".to_owned(), "ana@example.com".to_owned())
    );
    stage.api.get(&format!("/api/jobs/{job}")).bearer("owner").send().await.is(200);
    assert_eq!(ask("nadie").await.is(422)["code"], "field_invalid");
    let mut waits = 0;
    for _ in 0..5 {
        waits += usize::from(ask("ana@example.com").await.code() == "too_many_attempts");
    }
    assert!(waits >= 1, "a stranger's inbox is not filled");
    assert!(stage.chained(stage.ours).await.contains(&"mail.tested".to_owned()));
    fedatario_testkit::covers!("mail: whoever keeps an organisation tries it out, not often, and the chain says so");
}
