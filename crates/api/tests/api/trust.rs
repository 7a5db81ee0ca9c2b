//! Certificates looked at before anybody relies on them: chains to configured authorities, and what those say,
//! as openssl says it.

use crate::support::{Stage, watched};
use async_trait::async_trait;
use fedatario_api::routes;
use fedatario_api::testing::{TestAnswer, TestApi, person};
use fedatario_app::identity::people::People;
use fedatario_app::jobs::Handler;
use fedatario_app::model::*;
use fedatario_app::ports::{ClaimFilter, System};
use fedatario_app::trust::ports::{Ask, FetchFault, Fetcher};
use fedatario_app::trust::{Checks, Places, TRUST_CHECK, Trust};
use fedatario_base::id::{CredentialId, HolderId, TaxpayerId};
use fedatario_base::{Clock, Permission, Scope, Secret, SystemScope};
use fedatario_credentials::Certificate;
use fedatario_credentials::mint::{Authority, Country, Minted, Person};
use fedatario_testkit::covers;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PASSWORD: &str = "Clave-Secreta-7";
const BOUNDARY: &str = "----fedatario-trust";
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn dominican() -> Person {
    Person::Dominican { document: "00199999996".into(), given_name: "PEDRO".into(), surname: "PÉREZ".into() }
}

/// A stage whose services trust these authorities.
pub async fn trusting(all: Vec<(Certificate, Places)>) -> Stage {
    let mut stage = Stage::new().await;
    stage.app.trust = Arc::new(Trust::new(all).expect("authorities"));
    stage.people = People { app: stage.app.clone(), ..stage.people.clone() };
    stage.api = watched(TestApi::new(stage.people.clone(), Arc::new(stage.db.clone()), &routes::all()));
    stage.api.knows("ana", person(stage.ours, &[Permission::CredentialRead]));
    stage
}

pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let file = if *name == "password" { "" } else { "; filename=\"x\"" };
        body.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").into_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

pub async fn validate(stage: &Stage, parts: &[(&str, &[u8])]) -> TestAnswer {
    let call = stage.api.post("/api/sign/certificate/validate").bearer("ana");
    call.body(&format!("multipart/form-data; boundary={BOUNDARY}"), form(parts)).send().await
}

fn codes(told: &Value) -> Vec<&str> {
    told["reasons"].as_array().expect("reasons").iter().filter_map(|it| it["code"].as_str()).collect()
}

#[tokio::test]
async fn a_certificate_is_judged_and_nothing_of_it_is_kept() {
    let now: Timestamp = crate::support::NOON.parse().expect("an instant");
    let ca = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", now).expect("an authority");
    let other = Authority::generate_in(Country::DominicanRepublic, "OTRA", now).expect("an authority");
    let panama = Authority::generate_in(Country::Panama, "CA PANAMA", now).expect("an authority");
    let stage =
        trusting(vec![(ca.certificate().clone(), Places::default()), (panama.certificate().clone(), Places::default())]).await;
    let issue = |by: &Authority, from: i32, to: i32| by.issue_to(&dominican(), now + DAY * from, now + DAY * to).expect("minted");
    let password = Secret::new(PASSWORD);
    let p12 = |it: &Minted| it.archive(&[], "x", &password).expect("an archive");
    let pw = PASSWORD.as_bytes();

    let good = issue(&ca, -1, 100);
    let told = validate(&stage, &[("file", &p12(&good)), ("password", pw)]).await.is(200);
    assert_eq!(told["success"], true, "{told}");
    assert_eq!((told["key_matches"].as_bool(), told["chain"]["state"].as_str()), (Some(true), Some("trusted")));
    assert_eq!(told["chain"]["path"].as_array().map(Vec::len), Some(2));
    assert_eq!((told["revocation"]["state"].as_str(), told["revocation"]["why"].as_str()), (Some("unknown"), Some("no_address")));
    let certificate = &told["certificate"];
    assert_eq!((certificate["purpose"].as_str(), certificate["tax_id"].as_str()), (Some("ecf"), Some("00199999996")));
    assert_eq!((certificate["days_until_expiration"].as_i64(), certificate["key_bits"].as_i64()), (Some(100), Some(2048)));

    let alone = validate(&stage, &[("file", &good.cer_der)]).await.is(200);
    assert_eq!((alone["success"].as_bool(), alone["has_private_key"].as_bool()), (Some(true), Some(false)));
    let key = good.key_file(&password).expect("a key");
    let both = validate(&stage, &[("file", &good.cer_der), ("key", &key), ("password", pw)]).await.is(200);
    assert_eq!((both["success"].as_bool(), both["key_matches"].as_bool()), (Some(true), Some(true)));

    let rows = [
        ("its time is over", issue(&ca, -100, -1).cer_der, vec!["certificate_expired"]),
        ("its time has not come", issue(&ca, 10, 20).cer_der, vec!["certificate_not_yet_valid"]),
        ("nobody's authority", issue(&other, -1, 100).cer_der, vec!["certificate_chain"]),
        ("over, and nobody's", issue(&other, -9, -1).cer_der, vec!["certificate_expired", "certificate_chain"]),
        ("Panama's authority of a Dominican", issue(&panama, -1, 100).cer_der, vec!["certificate_chain"]),
        ("an authority's own", ca.certificate().der().to_vec(), vec!["certificate_purpose"]),
    ];
    for (name, bytes, expected) in &rows {
        let told = validate(&stage, &[("file", bytes)]).await.is(200);
        assert_eq!((told["success"].as_bool(), codes(&told)), (Some(false), expected.clone()), "{name}: {told}");
        assert!(told["reasons"][0]["title"].as_str().is_some_and(|it| !it.is_empty()));
    }
    let told = validate(&stage, &[("file", &issue(&ca, -1, 100).cer_der), ("key", &key), ("password", pw)]).await.is(200);
    assert_eq!((told["key_matches"].as_bool(), codes(&told)), (Some(false), vec!["key_mismatch"]), "another's key: {told}");
    let archive = p12(&good);
    for (name, parts, status, code) in [
        (
            "a wrong password",
            vec![("file", archive.as_slice()), ("password", b"otra-Clave-9".as_slice())],
            400,
            "certificate_password",
        ),
        ("no password", vec![("file", archive.as_slice())], 422, "field_missing"),
        ("garbage", vec![("file", b"<html>".as_slice()), ("password", b"otra-Clave-9".as_slice())], 400, "certificate_format"),
        ("a key alone", vec![("file", key.as_slice()), ("password", b"otra-Clave-9".as_slice())], 400, "certificate_format"),
        ("a password alone", vec![("password", b"otra-Clave-9".as_slice())], 422, "field_missing"),
    ] {
        let answer = validate(&stage, &parts).await;
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert_eq!(answer.status.as_u16(), status, "{name}: {text}");
        assert!(text.contains(code) || code == "field_missing" && text.contains("field"), "{name}: {text}");
        assert!(!text.contains("otra-Clave-9"), "{name} tells the password");
    }
    let mut tx = stage.app.store.read(&Scope::system(stage.ours)).await.expect("a transaction");
    assert!(tx.credentials(&CredentialFilter::default(), None, 10).await.expect("rows").is_empty(), "nothing is kept");
    covers!("sign: a certificate is judged with every reason at once, and neither it nor its password is kept or told");
}

#[tokio::test]
async fn the_way_up_goes_by_what_came_in_the_same_file() {
    let now: Timestamp = crate::support::NOON.parse().expect("an instant");
    let root = Authority::generate_in(Country::DominicanRepublic, "RAIZ DE PRUEBA", now).expect("an authority");
    let middle = root.subordinate(Country::DominicanRepublic, "INTERMEDIA", now).expect("an authority");
    let nobody = root.issue_to(&dominican(), now - DAY, now + DAY * 100).expect("minted");
    let barred = Authority::load(&nobody.cer_der, nobody.pkcs8_der.expose()).expect("a certificate that issues without leave");
    let leaf = |by: &Authority| by.issue_to(&dominican(), now - DAY, now + DAY * 100).expect("minted");
    let password = Secret::new(PASSWORD);
    let packed = |it: &Minted, along: &[&Certificate]| it.archive(along, "x", &password).expect("an archive");
    let good = leaf(&middle);
    let stage = trusting(vec![(root.certificate().clone(), Places::default())]).await;
    let rows = [
        ("root, intermediate, leaf", packed(&good, &[middle.certificate(), root.certificate()]), Some(3), vec![]),
        ("without the root, which is configured", packed(&good, &[middle.certificate()]), Some(3), vec![]),
        ("in another order", packed(&good, &[root.certificate(), middle.certificate()]), Some(3), vec![]),
        ("without the intermediate", packed(&good, &[root.certificate()]), Some(0), vec!["certificate_chain"]),
        ("by somebody who may not issue", packed(&leaf(&barred), &[barred.certificate()]), Some(0), vec!["certificate_chain"]),
        ("straight from the root", packed(&leaf(&root), &[middle.certificate()]), Some(2), vec![]),
    ];
    for (name, file, steps, expected) in rows {
        let told = validate(&stage, &[("file", &file), ("password", PASSWORD.as_bytes())]).await.is(200);
        assert_eq!(codes(&told), expected, "{name}: {told}");
        assert_eq!(told["chain"]["path"].as_array().map(Vec::len), steps, "{name}: {told}");
        assert_eq!(told["revocation"]["state"], "unknown", "{name}: nobody configured where the intermediate is asked");
    }
    // An archive brings no authority of its own: whoever is not configured is trusted by nobody.
    let other = Authority::generate_in(Country::DominicanRepublic, "OTRA", now).expect("an authority");
    let elsewhere = trusting(vec![(other.certificate().clone(), Places::default())]).await;
    let file = packed(&good, &[middle.certificate(), root.certificate()]);
    let told = validate(&elsewhere, &[("file", &file), ("password", PASSWORD.as_bytes())]).await.is(200);
    assert_eq!(codes(&told), ["certificate_chain"], "{told}");
    covers!("sign: the way up to a configured authority goes by certificates of the same archive, which prove nothing alone");
}

#[tokio::test]
async fn without_authorities_the_chain_is_unknown_and_never_good() {
    let stage = trusting(Vec::new()).await;
    let now: Timestamp = crate::support::NOON.parse().expect("an instant");
    let ca = Authority::generate_in(Country::Panama, "CA PANAMA", now).expect("an authority");
    let minted = ca.issue_to(&dominican(), now - DAY, now + DAY).expect("minted");
    let told = validate(&stage, &[("file", &minted.cer_der)]).await.is(200);
    assert_eq!((told["chain"]["state"].as_str(), told["revocation"]["state"].as_str()), (Some("unknown"), Some("unknown")));
    covers!("sign: without configured authorities the chain is unknown, never good");
}

/// An authority on the desk: what openssl answers, or nothing when the line is down.
struct Desk {
    folder: tempfile::TempDir,
    is_down: Mutex<bool>,
    asked: Mutex<Vec<String>>,
}

impl Desk {
    fn run(&self, arguments: &[&str]) {
        let done = Command::new("openssl").current_dir(self.folder.path()).args(arguments).output().expect("openssl is installed");
        assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn index(&self, all: &[(&Certificate, bool)]) {
        let line = |(it, is_revoked): &(&Certificate, bool)| {
            let (state, at) = if *is_revoked { ("R", "250601120000Z,superseded") } else { ("V", "") };
            let number = it.number().to_uppercase();
            format!("{state}\t400101000000Z\t{at}\t{number}\tunknown\t/CN={number}\n")
        };
        std::fs::write(self.at("index.txt"), all.iter().map(line).collect::<String>()).expect("writable");
    }
}

#[async_trait]
impl Fetcher for Desk {
    async fn fetch(&self, ask: Ask<'_>) -> Result<Vec<u8>, FetchFault> {
        self.asked.lock().expect("no holder panics").push(ask.url.to_owned());
        if *self.is_down.lock().expect("no holder panics") {
            return Err(FetchFault::Unanswered("nobody there".into()));
        }
        let Some(question) = ask.question else { return Err(FetchFault::Status(404)) };
        std::fs::write(self.at("question.der"), question).expect("writable");
        let basic = ["ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key"];
        self.run(&[&basic[..], &["-reqin", "question.der", "-respout", "answer.der", "-ndays", "2"]].concat());
        Ok(std::fs::read(self.at("answer.der")).expect("openssl wrote it"))
    }
}

/// Does the jobs of a kind that are due; how many.
pub async fn work(stage: &Stage, handler: &dyn Handler, kind: &'static str) -> usize {
    let hands = SystemScope::for_this_process();
    let filter = ClaimFilter { tenant: Some(stage.ours), kinds: vec![kind], ..ClaimFilter::default() };
    let mut done = 0;
    loop {
        let (wall, holder) = (stage.clock.wall(), HolderId::fresh(stage.clock.wall()));
        let jobs = stage.db.claim(&hands, holder, &filter, 1, stage.clock.service(), wall, Duration::from_secs(60)).await;
        let Some(job) = jobs.expect("claimed").into_iter().next() else { return done };
        handler.handle(&job, Scope::system(stage.ours)).await.expect("the job ends");
        done += 1;
    }
}

/// A credential of a taxpayer with this certificate.
pub fn row_of(taxpayer: TaxpayerId, certificate: &[u8], not_after: Timestamp, now: Timestamp) -> CredentialRow {
    let id = CredentialId::fresh(now);
    CredentialRow {
        id,
        owner: Owner::Taxpayer(taxpayer),
        kind: CredentialKind::Ecf,
        number: "5de2a7b6".into(),
        name: "de Pedro".into(),
        certificate: certificate.to_vec(),
        not_before: now,
        not_after,
        state: CredentialState::Active,
        reason: None,
        wrapped_key: vec![1; 60],
        key_use: KeyUse::Data,
        key_version: 1,
        digest: [7; 32],
        object: format!("objects/{id}"),
        activate: None,
        replaced: None,
        keep_until: None,
        uploaded_by: "system".into(),
        created: now,
    }
}

/// A taxpayer of ours.
pub async fn taxpayer(stage: &Stage, tax_id: &str) -> Taxpayer {
    let now = stage.clock.wall();
    let row = Taxpayer {
        id: TaxpayerId::fresh(now),
        kind: TaxpayerKind::Rnc,
        tax_id: tax_id.into(),
        name: "EMPRESA DE EJEMPLO SRL".into(),
        environment: Environment::Sandbox,
        created: now,
    };
    let mut tx = stage.app.store.begin(&Scope::system(stage.ours)).await.expect("a transaction");
    tx.add_taxpayer(&row).await.expect("a taxpayer");
    tx.commit().await.expect("committed");
    row
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("writable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_asked_and_what_it_takes_back_is_blocked() {
    let real = Timestamp::now(); // openssl stamps its answers with the time of day.
    let ca = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", real).expect("an authority");
    let places = Places { ocsp: vec!["http://ocsp.example/".into()], crl: vec!["http://crl.example/a.crl".into()] };
    let stage = trusting(vec![(ca.certificate().clone(), places)]).await;
    stage.clock.advance(real.duration_since(stage.clock.wall()));
    let minted = ca.issue_to(&dominican(), real - DAY, real + DAY * 300).expect("minted");
    let certificate = Certificate::parse(&minted.cer_der).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "ca.pem", ca.certificate_pem().as_bytes());
    write(folder.path(), "ca.key", ca.key_pem().expose());
    let desk = Arc::new(Desk { folder, is_down: Mutex::new(true), asked: Mutex::default() });
    let second = ca.issue_to(&dominican(), real - DAY, real + DAY * 300).expect("minted");
    let other = Certificate::parse(&second.cer_der).expect("a certificate");
    desk.index(&[(&certificate, false), (&other, false)]);
    let checks = Checks::new(stage.app.clone(), desk.clone());
    let taxpayer = taxpayer(&stage, "131880738").await;
    let credential = row_of(taxpayer.id, &minted.cer_der, certificate.not_after(), stage.clock.wall());
    let scope = Scope::system(stage.ours);
    let mut tx = stage.app.store.begin(&scope).await.expect("a transaction");
    tx.put_credential(&credential, stage.clock.wall()).await.expect("a credential");
    tx.commit().await.expect("committed");
    let look = || async { validate(&stage, &[("file", &minted.cer_der)]).await.is(200)["revocation"].clone() };
    let state = |it: &Value| it["state"].as_str().unwrap_or_default().to_owned();

    // Nobody was asked yet; then the line is down: unknown both times, and never good.
    let told = look().await;
    assert_eq!((state(&told).as_str(), told["why"].as_str()), ("unknown", Some("not_asked_yet")));
    assert!(desk.asked.lock().expect("no holder panics").is_empty(), "the call itself asks nobody");
    assert_eq!(work(&stage, &checks, TRUST_CHECK).await, 1);
    assert_eq!(desk.asked.lock().expect("no holder panics").len(), 2, "each configured address once");
    let told = look().await;
    assert_eq!(state(&told), "unknown");
    assert!(told["why"].as_str().is_some_and(|it| it.contains("nobody there")), "{told}");

    // It answers: good, with its date, until that has run out.
    *desk.is_down.lock().expect("no holder panics") = false;
    stage.clock.advance(SignedDuration::from_hours(2));
    look().await;
    assert_eq!(work(&stage, &checks, TRUST_CHECK).await, 1);
    let told = look().await;
    assert_eq!(state(&told), "good", "{told}");
    assert!(told["source"].as_str().is_some_and(|it| it == "ocsp http://ocsp.example/"));
    assert!(told["checked_at"].is_string() && told["valid_until"].is_string());
    assert_eq!(work(&stage, &checks, TRUST_CHECK).await, 0, "what counts is not asked for again");
    let look_at_other = || async { validate(&stage, &[("file", &second.cer_der)]).await.is(200)["revocation"].clone() };
    look_at_other().await;
    assert_eq!(work(&stage, &checks, TRUST_CHECK).await, 1);
    assert_eq!(state(&look_at_other().await), "good");

    // It takes the certificate back: the credential is blocked before anybody can use it.
    desk.index(&[(&certificate, true), (&other, false)]);
    stage.clock.advance(SignedDuration::from_hours(25));
    look().await;
    assert_eq!(work(&stage, &checks, TRUST_CHECK).await, 1);
    let told = validate(&stage, &[("file", &minted.cer_der)]).await.is(200);
    assert_eq!(told["revocation"]["state"], "revoked", "{told}");
    assert_eq!((told["revocation"]["reason"].as_str(), codes(&told)), (Some("superseded"), vec!["certificate_revoked"]));
    let mut tx = stage.app.store.read(&scope).await.expect("a transaction");
    let kept = tx.credential(credential.id).await.expect("read").expect("it is there");
    assert_eq!((kept.state, kept.reason.as_deref()), (CredentialState::Blocked, Some("certificate_revoked")));
    drop(tx);
    let chained = stage.chained(stage.ours).await;
    assert!(chained.contains(&"certificate.revocation.revoked".to_owned()), "{chained:?}");
    assert!(chained.contains(&"credential.blocked".to_owned()), "{chained:?}");
    *desk.is_down.lock().expect("no holder panics") = true;
    stage.clock.advance(DAY * 30);
    assert_eq!(state(&look().await), "revoked", "silence lifts nothing");
    assert_eq!(state(&look_at_other().await), "unknown", "a good word that has run out is none");
    covers!(
        "revocation: an authority is asked by a job at configured addresses, silence is unknown, and what it takes back is blocked"
    );
}
