//! Invitations taken over the API: by somebody new, by somebody who has an account, by many at once.

use crate::auth::{House, text};
use fedatario_app::identity::model::UserState;
use fedatario_base::{Actor, Permission, PlatformScope, Scope};
use serde_json::{Value, json};

const EVA: &str = "eva@example.mx";
const PASSWORD: &str = "la lluvia cae despacio";

const LOOK: &str = "/api/auth/invitations/look";
const ACCEPT: &str = "/api/auth/invitations/accept";
const JOIN: &str = "/api/auth/invitations/join";

/// Invites as the tenant's owner; the answer.
async fn invite(house: &House, email: &str) -> Value {
    let owner = fedatario_api::testing::person(house.stage.ours, &Permission::of_tenants());
    house.stage.api.knows("owner", owner);
    let api = fedatario_api::testing::parts(
        house.stage.people.clone(),
        std::sync::Arc::new(house.stage.db.clone()),
        house.stage.api.door.clone().expect("a door"),
    );
    let api = fedatario_api::testing::TestApi::over(api, &fedatario_api::routes::all());
    let body = json!({ "email": email, "roles": ["viewer"], "language": "en" });
    api.post("/api/tenant/invitations").bearer("owner").json(&body).send().await.is(201)
}

#[tokio::test]
async fn somebody_new_takes_an_invitation_and_is_in() {
    let house = House::new().await;
    let invited = invite(&house, " Eva@Example.MX ").await;
    let token = text(&invited, "token");
    assert_eq!(text(&invited, "link"), format!("http://127.0.0.1:8080/#invitation={token}"));
    assert!(house.stage.letters(house.stage.ours).await.is_empty(), "without a way out the link is handed on by hand");

    house.pass(1);
    let seen = house.post(LOOK, None, json!({ "token": token })).await.is(200);
    assert_eq!((&seen["email"], &seen["roles"], &seen["has_account"]), (&json!(EVA), &json!(["viewer"]), &json!(false)));
    assert_eq!((&seen["language"], &seen["organisation"]["name"]), (&json!("en"), &json!("ours")));

    // What is refused uses nothing up.
    let refused = [
        (json!({ "token": token, "name": "Eva" }), "field_missing"),
        (json!({ "token": token, "password": "corta" }), "password_short"),
        (json!({ "token": token, "password": "eva@example.mx" }), "password_weak"),
        (json!({ "token": token, "password": PASSWORD, "roles": ["tenant_admin"] }), "field_unknown"),
    ];
    for (body, code) in refused {
        let answer = house.post(ACCEPT, None, body.clone()).await.json();
        let codes = [&answer["code"], &answer["errors"][0]["code"]];
        assert!(codes.contains(&&json!(code)), "{body}: {answer}");
    }
    let entered = house.post(ACCEPT, None, json!({ "token": token, "name": "Eva", "password": PASSWORD })).await.is(200);
    assert_eq!((&entered["mfa_required"], &entered["tenant_id"]), (&json!(false), &json!(house.stage.ours.to_string())));
    assert_eq!(entered["tenants"].as_array().map(Vec::len), Some(1));
    let me = house.get("/api/auth/me", &text(&entered, "access_token")).await.is(200);
    assert_eq!((&me["email"], &me["name"], &me["language"]), (&json!(EVA), &json!("Eva"), &json!("en")));
    assert!(me["permissions"].as_array().is_some_and(|it| it.contains(&json!("TENANT_DOCUMENT_READ"))), "{me}");
    house.post("/api/auth/login", None, json!({ "email": EVA, "password": PASSWORD })).await.is(200);
    assert_eq!(house.post(ACCEPT, None, json!({ "token": token, "password": PASSWORD })).await.code(), "invitation_invalid");

    let chained = house.stage.chained(house.stage.ours).await;
    for action in ["member.invited", "member.joined", "auth.session.started"] {
        assert!(chained.iter().any(|it| it == action), "{action} in {chained:?}");
    }
    let told = house.stage.told(house.stage.ours).await;
    let kinds: Vec<&str> = told.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(kinds, ["member.invited", "member.joined"]);
    assert_eq!(told[1].1["user"], me["user_id"], "{me}");
    fedatario_testkit::covers!("invitations: somebody new looks, chooses a password, and is in with the roles that waited");
}

#[tokio::test]
async fn with_mail_the_link_goes_out_by_it_and_by_nothing_else() {
    let house = House::with_mail().await;
    let invited = invite(&house, EVA).await;
    assert!(invited.get("token").is_none() && invited.get("link").is_none(), "{invited}");
    let letters = house.stage.letters(house.stage.ours).await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((&letter["kind"], &letter["to"], &letter["language"]), (&json!("invitation"), &json!(EVA), &json!("en")));
    let fields = &letter["fields"];
    assert_eq!((&fields["organisation"], &fields["role"]), (&json!("ours"), &json!("viewer")));
    let link = text(fields, "link");
    let token = link.strip_prefix("https://fiscal.example.mx/#invitation=").expect("the public address and a fragment");
    let jobs = house.stage.mails(house.stage.ours, fedatario_app::mail::MAIL_SEND).await;
    assert!(jobs.iter().all(|(key, it)| !key.contains(token) && !it.to_string().contains(token)), "a job keeps it sealed");
    house.post(ACCEPT, None, json!({ "token": token, "password": PASSWORD })).await.is(200);
    fedatario_testkit::covers!("invitations: with mail configured the link goes out by mail alone, sealed until it does");
}

#[tokio::test]
async fn whoever_has_an_account_shows_it() {
    let house = House::new().await;
    house.member(EVA, house.stage.theirs, "viewer").await;
    house.member("zoe@example.mx", house.stage.theirs, "viewer").await;
    let token = text(&invite(&house, EVA).await, "token");
    assert_eq!(house.post(LOOK, None, json!({ "token": token })).await.is(200)["has_account"], true);
    for body in [json!({ "token": token }), json!({ "token": token, "password": PASSWORD })] {
        assert_eq!(house.post(ACCEPT, None, body).await.is(409)["code"], "invitation_sign_in");
    }
    let login = |email: &'static str| {
        let house = &house;
        async move {
            let body = json!({ "email": email, "password": "el tren sale tarde hoy" });
            text(&house.post("/api/auth/login", None, body).await.is(200), "access_token")
        }
    };
    let (zoe, eva) = (login("zoe@example.mx").await, login(EVA).await);
    assert_eq!(house.post(JOIN, Some(&zoe), json!({ "token": token })).await.is(403)["code"], "invitation_foreign");
    let joined = house.post(JOIN, Some(&eva), json!({ "token": token })).await.is(200);
    assert_eq!(joined["tenant_id"], house.stage.ours.to_string());
    assert_eq!(house.post(JOIN, Some(&eva), json!({ "token": token })).await.is(422)["code"], "invitation_invalid");
    let switched = house.post("/api/auth/switch", Some(&eva), json!({ "tenant_id": joined["tenant_id"] })).await.is(200);
    assert_eq!(switched["tenant_id"], joined["tenant_id"]);
    // A program joins nothing.
    let program = fedatario_api::testing::program(house.stage.theirs, &[], None);
    house.stage.api.knows("program", program);
    let answer = house.stage.api.post(JOIN).bearer("program").json(&json!({ "token": token })).send().await;
    assert_eq!(answer.is(403)["code"], "session_required");
    fedatario_testkit::covers!(
        "invitations: whoever has an account joins signed in with the address that was invited, and in no other way"
    );
}

#[tokio::test]
async fn a_token_that_is_none_is_answered_alike_whatever_is_wrong_with_it() {
    let house = House::new().await;
    let [used, lapsed, revoked, closed] = ["used@example.mx", "late@example.mx", "gone@example.mx", "shut@example.mx"];
    let mut tokens =
        vec![String::new(), "fed_invitation_x".to_owned(), format!("fed_invitation_{}", "A".repeat(43)), "x".repeat(50_000)];
    let late = text(&invite(&house, lapsed).await, "token");
    house.pass(8 * 24 * 3_600);
    let taken = text(&invite(&house, used).await, "token");
    house.post(ACCEPT, None, json!({ "token": taken, "password": PASSWORD })).await.is(200);
    let back = invite(&house, revoked).await;
    let scope = Scope::system(house.stage.ours);
    let id = text(&back, "id").parse().expect("an id");
    house.stage.people.revoke_invitation(&scope, id).await.expect("taken back");
    let shut = text(&invite(&house, closed).await, "token");
    tokens.extend([late, taken, text(&back, "token")]);
    let steward = fedatario_app::identity::people::Steward::shell(1);
    let mut answers = Vec::new();
    for path in [LOOK, ACCEPT] {
        for token in &tokens {
            let answer =
                house.post(path, None, json!({ "token": token, "password": PASSWORD.chars().rev().collect::<String>() })).await;
            let answer = if path == LOOK { house.post(path, None, json!({ "token": token })).await } else { answer };
            let mut body = answer.json();
            body.as_object_mut().expect("a problem").remove("request_id");
            answers.push((answer.status.as_u16(), body));
            house.pass(3_600); // Whoever tries often waits: not what is looked at here.
        }
    }
    house.stage.people.suspend(&steward, house.stage.ours, "impago").await.expect("suspended");
    let shut = house.post(LOOK, None, json!({ "token": shut })).await;
    assert_eq!(shut.is(422)["code"], "invitation_invalid", "an organisation that is closed asks nobody in");
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
    assert_eq!((answers[0].0, &answers[0].1["code"]), (422, &json!("invitation_invalid")));
    fedatario_testkit::covers!("invitations: unknown, used, taken back, lapsed and malformed tokens are answered alike");
}

#[tokio::test]
async fn whoever_guesses_waits() {
    let house = House::new().await;
    let token = text(&invite(&house, EVA).await, "token");
    let mut answers = Vec::new();
    for n in 0..40 {
        let guess = json!({ "token": format!("fed_invitation_{n:0>43}") });
        answers.push(house.post(LOOK, None, guess).await.code());
    }
    assert_eq!(answers.iter().filter(|it| *it == "invitation_invalid").count(), 31, "{answers:?}");
    assert!(answers[31..].iter().all(|it| it == "too_many_attempts"), "{answers:?}");
    let waits = house.post(LOOK, None, json!({ "token": token })).await;
    assert_eq!(waits.is(429)["code"], "too_many_attempts");
    house.pass(900);
    house.post(LOOK, None, json!({ "token": token })).await.is(200);
    fedatario_testkit::covers!("invitations: whoever shows many tokens that are none waits, wherever they aim");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_token_taken_by_many_at_once_makes_one_member() {
    let house = House::new().await;
    let token = text(&invite(&house, EVA).await, "token");
    let takers: Vec<_> = (0..32)
        .map(|n| {
            let body = json!({ "token": token, "name": format!("Eva {n}"), "password": PASSWORD });
            let call = house.api.post(ACCEPT).json(&body);
            tokio::spawn(call.send())
        })
        .collect();
    let mut entered = 0;
    for taker in takers {
        let answer = taker.await.expect("it was answered");
        match (answer.status.as_u16(), answer.code().as_str()) {
            (200, _) => entered += 1,
            (422, "invitation_invalid") | (409, "invitation_sign_in" | "store_conflict") | (503, "busy") | (429, _) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(entered, 1);
    let mut tx = house.stage.app.people.read(&PlatformScope::of(Actor::System)).await.expect("a transaction");
    let user = tx.user_by_email(EVA).await.expect("storage").expect("somebody");
    assert_eq!(user.state, UserState::Active);
    assert_eq!(tx.memberships(user.id).await.expect("storage").len(), 1);
    assert_eq!(tx.grants(house.stage.ours, user.id).await.expect("storage").len(), 1);
    drop(tx);
    let joined = house.stage.chained(house.stage.ours).await.iter().filter(|it| *it == "member.joined").count();
    assert_eq!(joined, 1);
    fedatario_testkit::covers!("invitations: one token taken by many at once makes one member");
}
