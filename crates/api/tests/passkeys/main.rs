//! Passkeys over the whole edge, with a software device of somebody else's (PyPI's soft-webauthn).

mod house;
#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../api/support.rs"]
mod support;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fedatario_app::identity::passkeys::QUESTIONS_MOST;
use fedatario_app::mail::MAIL_SEND;
use fedatario_base::Scope;
use fedatario_base::id::UserId;
use fedatario_identity::passkey::{ANSWER_BYTES_MOST, Made, Passkey, PasskeyError, Proven, Site};
use house::{ANA, BETO, HERE, House, PASSWORD, text};
use serde_json::{Value, json};

const NEW_PASSWORD: &str = "mañana pasa otro a las seis";

#[tokio::test]
async fn a_passkey_counts_from_its_enrolment_to_its_removal() {
    let house = House::new().await;
    let (token, _, codes) = house.enrol(ANA, "blue").await;
    assert_eq!(codes.len(), 10, "the first factor brings recovery codes");
    let me = house.api.get("/api/auth/me").bearer(&token).send().await.is(200);
    assert_eq!((&me["mfa_enrolled"], &me["mfa_enrolment_required"]), (&json!(true), &json!(false)));
    assert!(me["permissions"].as_array().is_some_and(|it| it.contains(&json!("TENANT_USER_MANAGE"))), "{me}");

    let half = house.login(ANA).await;
    assert_eq!((&half["mfa_required"], &half["kinds"]), (&json!(true), &json!(["passkey", "recovery_code"])));
    let entered = house.enter(ANA, "blue").await;
    assert_eq!(entered["mfa_enrolment_required"], false);
    let token = text(&entered, "access_token");
    let sessions = house.api.get("/api/auth/sessions").bearer(&token).send().await.is(200);
    let this = sessions["data"].as_array().and_then(|all| all.iter().find(|it| it["is_this"] == true)).expect("this one");
    assert_eq!(this["methods"], json!(["pwd", "hwk"]));

    house.pass(301);
    assert_eq!(house.post("/api/auth/recovery-codes", Some(&token), json!({})).await.code(), "step_up_required");
    let asked = house.post("/api/auth/step-up/passkey", Some(&token), json!({})).await.is(200);
    let credential = house.device("prove", "blue", &asked, json!({}));
    house.post("/api/auth/step-up/passkey/verify", Some(&token), json!({ "credential": credential })).await.is(200);
    house.post("/api/auth/recovery-codes", Some(&token), json!({})).await.is(200);

    // An administrator keeps the last one; a second passkey frees the first.
    let factors = house.api.get("/api/auth/factors").bearer(&token).send().await.is(200);
    let first = format!("/api/auth/factors/{}", text(&factors["data"][0], "factor_id"));
    assert_eq!((&factors["data"][0]["kind"], &factors["data"][0]["state"]), (&json!("passkey"), &json!("active")));
    assert_eq!(house.api.call(Method::DELETE, &first).bearer(&token).send().await.code(), "factor_state");
    let asked = house.post("/api/auth/factors/passkey", Some(&token), json!({ "label": "Llave roja" })).await.is(201);
    assert_eq!(asked["options"]["excludeCredentials"].as_array().map(Vec::len), Some(1));
    let path = format!("/api/auth/factors/{}/passkey/confirm", text(&asked, "factor_id"));
    let credential = house.device("new", "red", &asked, json!({}));
    let done = house.post(&path, Some(&token), json!({ "credential": credential })).await.is(200);
    assert_eq!(done["recovery_codes"], json!([]));
    assert_eq!(house.api.call(Method::DELETE, &first).bearer(&token).send().await.status, 204);
    let (half, asked) = house.half(ANA).await;
    let gone = house.device("prove", "blue", &asked, json!({ "rp": "fedatario.empresa.mx" }));
    assert_eq!(house.verify(&half, &gone).await.code(), "mfa_refused", "a factor that was removed proves nothing");
    house.enter(ANA, "red").await;
    let actions = house.stage.chained(house.stage.ours).await;
    for action in ["auth.factor.added", "auth.factor.removed", "auth.factor.refused", "auth.session.stepped_up"] {
        assert!(actions.iter().any(|it| it == action), "{action} in {actions:?}");
    }
    fedatario_testkit::covers!("api: a passkey is enrolled, lets in, steps up and is removed");
}

#[tokio::test]
async fn an_answer_counts_once_and_for_its_own_question() {
    let house = House::new().await;
    let (token, ..) = house.enrol(ANA, "blue").await;
    let (half, asked) = house.half(ANA).await;
    let credential = house.device("prove", "blue", &asked, json!({}));
    house.verify(&half, &credential).await.is(200);
    assert_eq!(house.verify(&half, &credential).await.code(), "mfa_refused", "the token had its turn");
    let (again, asked) = house.half(ANA).await;
    assert_eq!(house.verify(&again, &credential).await.code(), "mfa_refused", "the question had its turn");
    // A good answer beside another login is none; for its own it still is.
    let good = house.device("prove", "blue", &asked, json!({}));
    let (other, _) = house.half(ANA).await;
    assert_eq!(house.verify(&other, &good).await.code(), "mfa_refused", "the question was another login's");
    house.verify(&again, &good).await.is(200);

    // (what is asked, where it is answered): of another purpose.
    let asked = house.post("/api/auth/step-up/passkey", Some(&token), json!({})).await.is(200);
    let credential = house.device("prove", "blue", &asked, json!({}));
    let (half, asked) = house.half(ANA).await;
    assert_eq!(house.verify(&half, &credential).await.code(), "mfa_refused");
    let credential = house.device("prove", "blue", &asked, json!({}));
    let step_up = house.post("/api/auth/step-up/passkey/verify", Some(&token), json!({ "credential": credential })).await;
    assert_eq!(step_up.code(), "mfa_refused");
    house.enter(ANA, "blue").await;

    // A wrong answer uses its question up; and none waits for ever.
    let (half, asked) = house.half(ANA).await;
    let wrong = house.device("prove", "blue", &asked, json!({ "origin": "https://otra.mx" }));
    assert_eq!(house.verify(&half, &wrong).await.code(), "mfa_refused");
    let late = house.device("prove", "blue", &asked, json!({}));
    assert_eq!(house.verify(&half, &late).await.code(), "mfa_refused", "it was answered once");
    let asked = house.post("/api/auth/step-up/passkey", Some(&token), json!({})).await.is(200);
    let credential = house.device("prove", "blue", &asked, json!({}));
    house.pass(300);
    let late = house.post("/api/auth/step-up/passkey/verify", Some(&token), json!({ "credential": credential })).await;
    assert_eq!(late.code(), "mfa_refused", "five minutes are over");
    fedatario_testkit::covers!("api: an answer of a device counts once, within five minutes, for the act that it was asked for");
}

#[tokio::test]
async fn of_many_at_once_one_answer_counts() {
    let house = House::new().await;
    house.enrol(ANA, "blue").await;
    let (half, asked) = house.half(ANA).await;
    let credential = house.device("prove", "blue", &asked, json!({}));
    let all = futures_util::future::join_all((0..16).map(|_| house.verify(&half, &credential))).await;
    let statuses: Vec<u16> = all.iter().map(|it| it.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|it| **it == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|it| [200, 401, 429].contains(it)), "{statuses:?}");
    fedatario_testkit::covers!("api: of sixteen equal answers of a device at once, one lets in");
}

#[tokio::test]
async fn another_place_is_refused() {
    let house = House::new().await;
    let elsewhere = [
        json!({ "origin": "https://otra.mx" }),
        json!({ "origin": "http://fedatario.empresa.mx" }),
        json!({ "origin": "https://fedatario.empresa.mx:8443" }),
        json!({ "origin": "https://abajo.fedatario.empresa.mx" }),
        json!({ "rp": "otra.mx" }),
    ];
    let (token, path, mut asked) = house.begun(ANA).await;
    let mut path = path;
    for place in &elsewhere {
        let credential = house.device("new", "elsewhere", &asked, place.clone());
        let refused = house.post(&format!("{path}/passkey/confirm"), Some(&token), json!({ "credential": credential })).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "mfa_refused"), "{place}");
        asked = house.post("/api/auth/factors/passkey", Some(&token), json!({})).await.is(201);
        path = format!("/api/auth/factors/{}", text(&asked, "factor_id"));
    }
    assert_eq!(house.login(ANA).await["mfa_required"], false, "none of them counts");
    house.enrol(ANA, "blue").await;
    house.enter(ANA, "blue").await; // Whoever proves it begins anew.
    for place in &elsewhere {
        let (half, asked) = house.half(ANA).await;
        let credential = house.device("prove", "blue", &asked, place.clone());
        let refused = house.verify(&half, &credential).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "mfa_refused"), "{place}");
        house.enter(ANA, "blue").await;
    }
    for address in ["http://127.0.0.1:8080", "http://fedatario.empresa.mx", "https://192.0.2.7"] {
        let house = House::at(address).await;
        let token = text(&house.login(ANA).await, "access_token");
        let none = house.post("/api/auth/factors/passkey", Some(&token), json!({})).await;
        assert_eq!((none.status.as_u16(), none.code().as_str()), (409, "passkey_origin"), "{address}");
    }
    fedatario_testkit::covers!("api: a device that was asked elsewhere proves nothing here");
}

#[tokio::test]
async fn another_persons_passkey_is_refused() {
    let house = House::new().await;
    house.enrol(ANA, "blue").await;
    house.enrol(BETO, "green").await;
    let (half, asked) = house.half(ANA).await;
    let credential = house.device("prove", "green", &asked, json!({}));
    assert_eq!(house.verify(&half, &credential).await.code(), "mfa_refused", "another's device");
    let (half, asked) = house.half(BETO).await;
    let credential = house.device("prove", "green", &asked, json!({}));
    let (hers, _) = house.half(ANA).await;
    assert_eq!(house.verify(&hers, &credential).await.code(), "mfa_refused", "another's question");
    let token = text(&house.verify(&half, &credential).await.is(200), "access_token");

    // The name of somebody else's key, made once more: it is taken.
    let asked = house.post("/api/auth/factors/passkey", Some(&token), json!({})).await.is(201);
    let begun = format!("/api/auth/factors/{}/passkey/confirm", text(&asked, "factor_id"));
    let twin = house.device("new", "twin", &asked, json!({ "like": "blue", "set": { "is_fixed": true } }));
    let hers = text(&house.enter(ANA, "blue").await, "access_token");
    let strange = house.post(&begun, Some(&hers), json!({ "credential": twin })).await;
    assert_eq!(strange.code(), "not_found", "a factor of somebody else's");
    let taken = house.post(&begun, Some(&token), json!({ "credential": twin })).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "factor_state"));
    house.enter(ANA, "blue").await;
    house.enter(BETO, "green").await;
    fedatario_testkit::covers!("api: a passkey is of one person, and proves nothing for another");
}

#[tokio::test]
async fn a_counter_that_goes_back_suspends_the_passkey() {
    let house = House::new().await;
    let (.., codes) = house.enrol(ANA, "blue").await;
    for _ in 0..3 {
        house.enter(ANA, "blue").await;
    }
    let (half, asked) = house.half(ANA).await;
    let copy = house.device("prove", "copy", &asked, json!({ "like": "blue", "set": { "sign_count": 1 } }));
    let refused = house.verify(&half, &copy).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "mfa_refused"));
    // Nobody passes with it, and nobody passes by it.
    let half = house.login(ANA).await;
    assert_eq!((&half["mfa_required"], &half["kinds"]), (&json!(true), &json!(["recovery_code"])));
    let none = house.post("/api/auth/mfa/passkey", None, json!({ "mfa_token": half["mfa_token"] })).await;
    assert_eq!(none.code(), "factor_state");
    let recovery = json!({ "mfa_token": half["mfa_token"], "recovery_code": codes[0] });
    let entered = house.post("/api/auth/mfa/verify", None, recovery).await.is(200);
    let token = text(&entered, "access_token");
    let factors = house.api.get("/api/auth/factors").bearer(&token).send().await.is(200);
    assert_eq!(factors["data"][0]["state"], "suspended");
    let history = house.api.get("/api/auth/history").bearer(&token).send().await.is(200);
    assert!(history["data"].as_array().is_some_and(|all| all.iter().any(|it| it["event"] == "factor_suspended")), "{history}");
    let actions = house.stage.chained(house.stage.ours).await;
    assert!(actions.iter().any(|it| it == "auth.factor.suspended"), "{actions:?}");
    let told = house.stage.mails(house.stage.ours, MAIL_SEND).await;
    assert_eq!(told.iter().filter(|it| it.1["kind"] == "factor_changed").count(), 2, "enrolled, suspended");

    // A device that does not count stays at nought.
    house.enrol(BETO, "nought").await;
    for _ in 0..3 {
        let (half, asked) = house.half(BETO).await;
        let credential = house.device("prove", "nought", &asked, json!({ "set": { "sign_count": -1 } }));
        house.verify(&half, &credential).await.is(200);
    }
    fedatario_testkit::covers!("api: a device whose counter goes back is refused, suspended, audited and told of");
}

#[tokio::test]
async fn wrong_answers_count_as_wrong_codes_do() {
    let house = House::new().await;
    let (.., codes) = house.enrol(ANA, "blue").await;
    for _ in 0..6 {
        let (half, asked) = house.half(ANA).await;
        let wrong = house.device("prove", "blue", &asked, json!({ "origin": "https://otra.mx" }));
        assert_eq!(house.verify(&half, &wrong).await.code(), "mfa_refused");
    }
    let half = text(&house.login(ANA).await, "mfa_token");
    let waits = house.post("/api/auth/mfa/passkey", None, json!({ "mfa_token": half })).await;
    assert_eq!((waits.status.as_u16(), waits.code().as_str()), (429, "too_many_attempts"));
    let recovery = json!({ "mfa_token": half, "recovery_code": codes[0] });
    assert_eq!(house.post("/api/auth/mfa/verify", None, recovery).await.code(), "too_many_attempts", "one budget for all kinds");
    house.pass(16);
    house.enter(ANA, "blue").await;
    // Questions are bounded too.
    let half = text(&house.login(ANA).await, "mfa_token");
    let mut told = Vec::new();
    for _ in 0..=QUESTIONS_MOST {
        told.push(house.post("/api/auth/mfa/passkey", None, json!({ "mfa_token": half })).await.code());
    }
    assert_eq!(told.first().map(String::as_str), Some(""));
    assert_eq!(told.last().map(String::as_str), Some("too_many_attempts"));
    house.pass(301);
    house.enter(ANA, "blue").await;
    fedatario_testkit::covers!("api: wrong answers of devices and wrong codes share one budget, and questions have a bound");
}

#[tokio::test]
async fn a_reset_asks_for_the_passkey() {
    let house = House::new().await;
    house.enrol(ANA, "blue").await;
    house.post("/api/auth/password/reset", None, json!({ "email": ANA })).await.is(204);
    let mails = house.stage.mails(house.stage.ours, MAIL_SEND).await;
    let (key, payload) = mails.into_iter().rfind(|it| it.1["kind"] == "password_reset").expect("a mail");
    let sealed = STANDARD.decode(text(&payload, "sealed")).expect("base64");
    let plain = house.stage.app.vault.open_bytes(&Scope::system(house.stage.ours), &format!("mail:{key}"), &sealed).await;
    let mail: Value = serde_json::from_slice(&plain.expect("its own seal")).expect("JSON");
    let token = text(&mail["fields"], "link").split_once('=').expect("a token").1.to_owned();

    let bare = json!({ "token": token, "password": NEW_PASSWORD });
    assert_eq!(house.post("/api/auth/password/reset/confirm", None, bare.clone()).await.code(), "mfa_required");
    let path = "/api/auth/password/reset/passkey";
    assert_eq!(house.post(path, None, json!({ "token": "fed_reset_nada" })).await.code(), "one_time_refused");
    let (half, asked) = house.half(ANA).await;
    let mut form = bare;
    form["credential"] = house.device("prove", "blue", &asked, json!({}));
    assert_eq!(house.post(&format!("{path}/confirm"), None, form.clone()).await.code(), "mfa_refused", "a question of a login");
    house.verify(&half, &form["credential"]).await.is(200);
    let asked = house.post(path, None, json!({ "token": token })).await.is(200);
    form["credential"] = house.device("prove", "blue", &asked, json!({}));
    assert_eq!(house.post(&format!("{path}/confirm"), None, form).await.status, 204);
    let old = house.post("/api/auth/login", None, json!({ "email": ANA, "password": PASSWORD })).await;
    assert_eq!(old.code(), "login_refused");
    let new = house.post("/api/auth/login", None, json!({ "email": ANA, "password": NEW_PASSWORD })).await.is(200);
    assert_eq!(new["kinds"][0], "passkey");
    fedatario_testkit::covers!("api: a reset by mail asks for the passkey of whoever has one");
}

#[tokio::test]
async fn what_is_no_answer_is_told_so() {
    let house = House::new().await;
    let (token, path, asked) = house.begun(ANA).await;
    let confirm = format!("{path}/passkey/confirm");
    let good = house.device("new", "blue", &asked, json!({}));
    let with = |name: &str, value: Value| {
        let mut answer = good.clone();
        answer["response"][name] = value;
        answer
    };
    // (answer, status, code)
    let table = [
        (json!(null), 422, "field_invalid"),
        (json!("x"), 422, "field_invalid"),
        (json!({}), 422, "field_invalid"),
        (with("clientDataJSON", json!("%%")), 422, "field_invalid"),
        (with("clientDataJSON", json!("e30")), 422, "field_invalid"),
        (with("attestationObject", json!("A".repeat(ANSWER_BYTES_MOST))), 422, "field_invalid"),
        (with("attestationObject", json!("A".repeat(4 * ANSWER_BYTES_MOST))), 413, "body_too_large"),
    ];
    for (answer, status, code) in table {
        let told = house.post(&confirm, Some(&token), json!({ "credential": answer })).await;
        let shown: String = answer.to_string().chars().take(200).collect();
        assert_eq!((told.status.as_u16(), told.code().as_str()), (status, code), "{shown}");
    }
    // Nested as deep as its bound lets it, and cut short.
    let deep = URL_SAFE_NO_PAD.encode(vec![0x81; 8 * 1024]);
    let refused = house.post(&confirm, Some(&token), json!({ "credential": with("attestationObject", json!(deep)) })).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "mfa_refused"));
    let late = house.post(&confirm, Some(&token), json!({ "credential": good })).await;
    assert_eq!(late.code(), "mfa_refused", "the question had its turn");

    let document = house.api.get("/api/openapi.json").send().await.is(200);
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.keys().filter(|it| it.contains("passkey")).count(), 8);
    fedatario_testkit::covers!("api: what is no answer of a device is told so, however long or deep it is");
}

#[tokio::test]
async fn no_bit_of_an_answer_may_change() {
    let house = House::new().await;
    let site = Site::at(HERE, "Fedatario").expect("an address for keys");
    let question = site.ask_new(UserId::fresh(jiff::Timestamp::UNIX_EPOCH), ANA, "Ana", &[]).expect("a question");
    let made = house.device("new", "blue", &json!({ "options": question.options }), json!({}));
    let key = site.read_new(&Made::read(made.clone()).expect("an answer"), &question.state).expect("a key");
    let kept = Passkey::read(&key.bytes().expect("bytes")).expect("the same key");
    assert_eq!((kept.digest(), kept.counter()), (key.digest(), 0));
    // An attestation of format `none` is not signed: it is read, whatever it says, and never more than that.
    let mut refused = 0;
    each_flip(&made, "attestationObject", |answer| {
        refused += u32::from(site.read_new(&Made::read(answer).unwrap(), &question.state).is_err())
    });
    assert!(refused > 500, "{refused}");
    let question = site.ask_proof(&[kept]).expect("a question");
    let proven = house.device("prove", "blue", &json!({ "options": question.options }), json!({}));
    let good = Proven::read(proven.clone()).expect("an answer");
    assert_eq!(good.question(), Ok(question.digest));
    assert_eq!(site.read_proof(&good, &question.state, &key, 0), Ok(1));
    assert_eq!(site.read_proof(&good, &question.state, &key, 1), Err(PasskeyError::CounterBack));
    assert_eq!(site.read_proof(&good, &question.state, &key, 7), Err(PasskeyError::CounterBack));
    let mut tried = 0;
    for part in ["authenticatorData", "clientDataJSON", "signature"] {
        each_flip(&proven, part, |answer| {
            tried += 1;
            let answer = Proven::read(answer).unwrap();
            assert_eq!(site.read_proof(&answer, &question.state, &key, 0), Err(PasskeyError::Refused), "{part}");
        });
    }
    assert!(tried > 1_500, "{tried}");
    fedatario_testkit::covers!("api: no bit of what a device signed may change, and nothing that it sends ends the program");
}

/// The answer with each bit of one part turned over, one at a time.
fn each_flip(answer: &Value, part: &str, mut told: impl FnMut(Value)) {
    let bytes = URL_SAFE_NO_PAD.decode(text(&answer["response"], part)).expect("base64url");
    for bit in 0..bytes.len() * 8 {
        let (mut changed, mut bytes) = (answer.clone(), bytes.clone());
        bytes[bit / 8] ^= 1 << (bit % 8);
        changed["response"][part] = json!(URL_SAFE_NO_PAD.encode(bytes));
        told(changed);
    }
}
