//! Certificates over HTTP: let in, replaced, put back, handed over, destroyed; and refused for their reason.

use crate::entries::Scene;
use fedatario_api::testing::{TestAnswer, person, program};
use fedatario_app::certificates::{self, Asked, Certificates, Files, Handed, Place};
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::EventRow;
use fedatario_app::jobs::Handler;
use fedatario_app::model::{CredentialState, Environment, Taxpayer, TaxpayerKind};
use fedatario_app::ports::{ClaimFilter, System as _};
use fedatario_base::id::{CredentialId, HolderId, TaxpayerId};
use fedatario_base::{Actor, Clock as _, Permission, Scope, Secret, SystemScope};
use fedatario_credentials::Kind;
use fedatario_credentials::mint::{Authority, Country, Minted, Person, Sealer, Subject, archive_of};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock, Mutex};

/// What opens every key here.
const PASSWORD: &str = "contraseña de prueba ñ";
/// A day of the clock.
const DAY: SignedDuration = SignedDuration::from_hours(24);

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::generate("AC DE PRUEBA", noon()).expect("an authority"));
/// Keys are costly to make: every certificate here is of one of two.
static KEYS: LazyLock<[Sealer; 2]> = LazyLock::new(|| [Sealer::generate().expect("a key"), Sealer::generate().expect("a key")]);

/// A seal that a tenant has already.
pub static SEAL: LazyLock<Vec<u8>> = LazyLock::new(|| Wanted { kind: Kind::Csd, ..Wanted::fiel(99) }.minted().0);

fn noon() -> Timestamp {
    crate::support::NOON.parse().expect("an instant")
}

/// A certificate as it is asked of the authority.
struct Wanted {
    rfc: &'static str,
    kind: Kind,
    number: u64,
    from: Timestamp,
    days: i64,
    key: usize,
}

impl Wanted {
    fn fiel(number: u64) -> Self {
        Self { rfc: crate::belongings::RFC, kind: Kind::Fiel, number, from: noon() - DAY, days: 400, key: 0 }
    }

    fn minted(&self) -> (Vec<u8>, Vec<u8>) {
        let subject =
            Subject { rfc: self.rfc.into(), representative_rfc: None, name: "EMPRESA DE PRUEBA".into(), curp: None, branch: None };
        let number = format!("3000100000050000{:04}", self.number);
        let key = &KEYS[self.key];
        let cer =
            AUTHORITY.certify(&subject, self.kind, &number, self.from, self.from + DAY * i32::try_from(self.days).unwrap(), key);
        let minted = Minted { cer_der: cer.expect("a certificate"), pkcs8_der: key.pkcs8_der().expect("its key") };
        (minted.cer_der.clone(), minted.key_file(&Secret::new(PASSWORD)).expect("a key file"))
    }
}

/// A form of several parts.
struct Parts(Vec<u8>);

impl Parts {
    const BOUNDARY: &'static str = "5f3a9c";

    fn new() -> Self {
        Self(Vec::new())
    }

    fn of(wanted: &Wanted) -> Self {
        let (cer, key) = wanted.minted();
        Self::new().file("cer", &cer).file("key", &key).text("password", PASSWORD)
    }

    fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"f\"\r\ncontent-type: application/octet-stream\r\n\r\n",
            Self::BOUNDARY
        );
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    fn text(mut self, name: &str, text: &str) -> Self {
        let part = format!("--{}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n", Self::BOUNDARY);
        self.0.extend_from_slice(part.as_bytes());
        self
    }

    /// A password that may be no text.
    fn secret(mut self, bytes: &[u8]) -> Self {
        let head = format!("--{}\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\n", Self::BOUNDARY);
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    fn bytes(mut self) -> Vec<u8> {
        self.0.extend_from_slice(format!("--{}--\r\n", Self::BOUNDARY).as_bytes());
        self.0
    }
}

impl Scene {
    async fn sends(&self, path: &str, parts: Parts) -> TestAnswer {
        let media = format!("multipart/form-data; boundary={}", Parts::BOUNDARY);
        self.api.post(path).bearer("one").body(&media, parts.bytes()).send().await
    }

    async fn uploads(&self, wanted: &Wanted) -> String {
        let done = self.sends("/api/certificates/upload", Parts::of(wanted)).await.is(200);
        done["certificateId"].as_str().expect("an id").to_owned()
    }

    async fn sees(&self, path: &str) -> Value {
        self.api.get(path).bearer("one").send().await.is(200)
    }

    async fn state(&self, id: &str) -> String {
        self.sees(&format!("/api/certificates/{id}")).await["state"].as_str().expect("a state").to_owned()
    }

    async fn posts(&self, path: &str) -> TestAnswer {
        self.api.post(path).bearer("one").send().await
    }

    /// Does the jobs of certificates that are due.
    async fn works(&self) -> usize {
        let handler = Certificates::new(self.stage.app.clone());
        let hands = SystemScope::for_this_process();
        let filter = ClaimFilter { kinds: handler.kinds().to_vec(), ..ClaimFilter::default() };
        let now = self.stage.clock.wall();
        let lease = std::time::Duration::from_secs(60);
        let jobs = self.stage.db.claim(&hands, HolderId::fresh(now), &filter, 100, now, now, lease).await.expect("jobs");
        for job in &jobs {
            handler.handle(job, Scope::system(job.tenant)).await.expect("done");
        }
        jobs.len()
    }
}

#[tokio::test]
async fn a_certificate_goes_in_is_replaced_put_back_and_destroyed() {
    let scene = Scene::new().await;
    let done = scene.sends("/api/certificates/upload", Parts::of(&Wanted::fiel(1)).text("name", "La del despacho")).await.is(200);
    assert_eq!((&done["success"], &done["changed"], &done["kind"]), (&json!(true), &json!(true), &json!("fiel")));
    let shown = &done["certificate"];
    assert_eq!((&shown["rfc"], &shown["taxIdKind"]), (&json!(crate::belongings::RFC), &json!("rfc")));
    assert_eq!((&shown["validTo"], &shown["daysUntilExpiration"]), (&json!("2027-10-05T12:00:00Z"), &json!(399)));
    assert_eq!(shown["fingerprint"].as_str().map(str::len), Some(40), "{shown}");
    let first = done["certificateId"].as_str().expect("an id").to_owned();
    let again = scene.sends("/api/tenant/certificates/upload", Parts::of(&Wanted::fiel(1))).await.is(200);
    assert_eq!((&again["certificateId"], &again["changed"]), (&json!(first), &json!(false)));

    let by_tenant = scene.sends("/api/tenant/certificates/upload", Parts::of(&Wanted::fiel(3))).await.is(200);
    assert_eq!((&by_tenant["changed"], scene.state(&first).await.as_str()), (&json!(true), "replaced"));
    scene.posts(&format!("/api/certificates/{first}/activate")).await.is(200);

    let second = scene.uploads(&Wanted::fiel(2)).await;
    let active = scene.sees("/api/certificates/upload").await;
    let all = active["certificates"].as_array().expect("a list");
    let listed: Vec<&Value> = all.iter().filter(|it| it["kind"] == "fiel").collect();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["isActive"], &listed[0]["isDefault"]), (&json!(second), &json!(true), &json!(true)));
    assert_eq!((&listed[0]["isExpired"], &listed[0]["expiringWarning"]), (&json!(false), &json!(false)));
    assert_eq!(scene.state(&first).await, "replaced");

    let restored = scene.posts(&format!("/api/certificates/{first}/activate")).await.is(200);
    assert_eq!((&restored["name"], &restored["state"]), (&json!("La del despacho"), &json!("active")));
    assert_eq!(scene.state(&second).await, "replaced");
    assert_eq!(scene.entries("credential.restored").await, 2);

    let gone = scene.api.call("DELETE".parse().unwrap(), &format!("/api/certificates/{second}")).bearer("one").send().await;
    assert_eq!(gone.status, 204);
    assert_eq!(scene.state(&second).await, "destroyed");
    assert_eq!(scene.posts(&format!("/api/certificates/{second}/activate")).await.code(), "certificate_state");
    let history = scene.sees(&format!("/api/certificates/{first}/history")).await;
    assert_eq!(history["certificates"].as_array().map(Vec::len), Some(3));
    assert_eq!(scene.sees("/api/certificates?state=destroyed&kind=fiel").await["data"].as_array().map(Vec::len), Some(1));
    fedatario_testkit::covers!("api: a certificate goes in, is replaced, put back and destroyed, and each is told");
}

#[tokio::test]
async fn a_certificate_waits_for_its_instant_and_a_rested_key_is_destroyed() {
    let scene = Scene::new().await;
    let first = scene.uploads(&Wanted::fiel(1)).await;
    let later = Wanted { from: noon() + DAY, ..Wanted::fiel(2) };
    let early = scene.sends("/api/certificates/upload", Parts::of(&later)).await;
    assert_eq!(early.code(), "certificate_not_yet_valid");
    let before = Parts::of(&later).text("activateAt", "2026-09-02T11:59:59Z");
    assert_eq!(scene.sends("/api/certificates/upload", before).await.code(), "certificate_not_yet_valid");
    let waits = scene.sends("/api/certificates/upload", Parts::of(&later).text("activateAt", "2026-09-03T00:00:00Z")).await.is(200);
    let second = waits["certificateId"].as_str().expect("an id").to_owned();
    assert_eq!((&waits["state"], scene.state(&first).await.as_str()), (&json!("next"), "active"));
    assert_eq!(scene.works().await, 0, "its time has not come");

    scene.stage.clock.advance(DAY * 2);
    assert_eq!(scene.works().await, 1);
    assert_eq!((scene.state(&second).await.as_str(), scene.state(&first).await.as_str()), ("active", "replaced"));
    assert_eq!(scene.entries("credential.activated").await, 1);
    scene.stage.clock.advance(DAY * 31);
    assert_eq!(scene.works().await, 1);
    assert_eq!(scene.state(&first).await, "destroyed");
    assert_eq!(scene.entries("credential.expunged").await, 1);
    assert_eq!(scene.posts(&format!("/api/certificates/{first}/activate")).await.code(), "certificate_state");

    let third = Wanted::fiel(3);
    let waits = scene.sends("/api/certificates/upload", Parts::of(&third).text("activateAt", "2026-12-01T00:00:00Z")).await.is(200);
    let third = waits["certificateId"].as_str().expect("an id").to_owned();
    scene.posts(&format!("/api/certificates/{third}/activate")).await.is(200);
    assert_eq!((scene.state(&third).await.as_str(), scene.state(&second).await.as_str()), ("active", "replaced"));
    scene.stage.clock.advance(DAY * 200);
    scene.works().await;
    assert_eq!(scene.state(&third).await, "active", "the job of a hand-over that was brought forward does nothing");
    fedatario_testkit::covers!("api: a certificate waits for its instant, and the key that it replaces rests and is destroyed");
}

#[tokio::test]
async fn what_is_refused_is_refused_for_its_reason() {
    let scene = Scene::new().await;
    let (cer, key) = Wanted::fiel(1).minted();
    let (_, other_key) = Wanted { key: 1, ..Wanted::fiel(1) }.minted();
    let both = |cer: &[u8], key: &[u8], password: &str| Parts::new().file("cer", cer).file("key", key).text("password", password);
    let stranger = Wanted { rfc: "XIQB891116QE4", ..Wanted::fiel(4) };
    let old = Wanted { from: noon() - DAY * 500, ..Wanted::fiel(5) };
    let nobody = "txp_00000000000000000000000001";
    let cases = [
        ("another password", both(&cer, &key, "otra"), 400, "certificate_password"),
        ("no certificate", both(b"hola", &key, PASSWORD), 400, "certificate_format"),
        ("no key", both(&cer, b"hola", PASSWORD), 400, "certificate_format"),
        ("a megabyte", Parts::new().file("file", &vec![0x30; 300 << 10]).text("password", PASSWORD), 400, "certificate_format"),
        ("another key", both(&cer, &other_key, PASSWORD), 422, "key_mismatch"),
        ("expired", Parts::of(&old), 422, "certificate_expired"),
        ("another taxpayer's", Parts::of(&stranger), 422, "certificate_taxpayer_mismatch"),
        ("a taxpayer of nobody's", both(&cer, &key, PASSWORD).text("taxpayer", nobody), 404, "not_found"),
        ("no such field", both(&cer, &key, PASSWORD).text("profile", "x"), 422, "field_invalid"),
        ("no password", Parts::new().file("cer", &cer).file("key", &key), 422, "field_invalid"),
        ("half a pair", Parts::new().file("cer", &cer).text("password", PASSWORD), 422, "field_invalid"),
        ("too much", Parts::new().file("file", &vec![0; 600 << 10]).text("password", PASSWORD), 413, "body_too_large"),
        ("a name of two lines", both(&cer, &key, PASSWORD).text("name", "a\nb"), 422, "certificate_name"),
        ("no instant", both(&cer, &key, PASSWORD).text("activateAt", "mañana"), 422, "field_invalid"),
    ];
    for (what, parts, status, code) in cases {
        let answer = scene.sends("/api/certificates/upload", parts).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{what}");
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!(!said.contains(PASSWORD), "{what}: {said}");
    }
    assert_eq!(scene.sees("/api/certificates?kind=fiel").await["data"], json!([]), "nothing was stored");
    assert_eq!(scene.entries("credential.admitted").await, 0);
    fedatario_testkit::covers!("api: a certificate that may not go in is refused for its exact reason, and nothing is stored");
}

#[tokio::test]
async fn of_two_uploads_at_once_one_is_in_use() {
    let scene = Scene::new().await;
    let (one, two) = (Wanted::fiel(1), Wanted::fiel(2));
    let path = "/api/certificates/upload";
    let (one, two) = tokio::join!(scene.sends(path, Parts::of(&one)), scene.sends(path, Parts::of(&two)));
    let done = [&one, &two].iter().filter(|it| it.status == 200).count();
    assert!(done >= 1, "{} {}", one.status, two.status);
    assert!([&one, &two].iter().all(|it| it.status == 200 || it.code() == "store_conflict"));
    let active = scene.sees(path).await;
    let in_use = active["certificates"].as_array().expect("a list").iter().filter(|it| it["kind"] == "fiel").count();
    assert_eq!(in_use, 1);
    assert_eq!(scene.sees("/api/certificates?kind=fiel").await["data"].as_array().map(Vec::len), Some(done));
    fedatario_testkit::covers!("api: of two certificates uploaded at once exactly one is in use");
}

#[tokio::test]
async fn hundreds_are_rehearsed_and_then_let_in() {
    use base64::Engine as _;
    let scene = Scene::new().await;
    let code = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let line = |wanted: &Wanted, password: &str, register: bool| {
        let (cer, key) = wanted.minted();
        json!({ "cer": code(&cer), "key": code(&key), "password": password, "register": register }).to_string()
    };
    let stranger = Wanted { rfc: "XIQB891116QE4", ..Wanted::fiel(7) };
    let lines = [
        line(&Wanted::fiel(6), PASSWORD, false),
        line(&stranger, PASSWORD, true),
        line(&Wanted::fiel(8), "otra", false),
        "{\"password\":1}".to_owned(),
    ];
    let sends = |dry: bool| {
        let target = format!("/api/certificates/import?dryRun={dry}");
        scene.api.post(&target).bearer("one").body("application/x-ndjson", lines.join("\n")).send()
    };
    let rehearsed = sends(true).await.is(200);
    let figures = |it: &Value| json!([it["total"], it["imported"], it["unchanged"], it["refused"], it["success"]]);
    assert_eq!(figures(&rehearsed), json!([4, 2, 0, 2, false]));
    let codes: Vec<&Value> = rehearsed["rows"].as_array().expect("rows").iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, [&Value::Null, &Value::Null, &json!("certificate_password"), &json!("json_malformed")]);
    assert_eq!(scene.sees("/api/certificates?kind=fiel").await["data"], json!([]), "a rehearsal stores nothing");

    let done = sends(false).await.is(200);
    assert_eq!(figures(&done), figures(&rehearsed), "the rehearsal said what happens");
    assert_eq!(scene.sees("/api/certificates?state=active&kind=fiel").await["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(figures(&sends(false).await.is(200)), json!([4, 0, 2, 2, false]), "the second time nothing changes");
    fedatario_testkit::covers!("api: certificates are let in by the hundred, each by itself, as a rehearsal said");
}

#[tokio::test]
async fn a_persons_own_certificate_is_theirs_alone() {
    let scene = Scene::new().await;
    let own = Wanted { rfc: "XIQB891116QE4", ..Wanted::fiel(9) };
    let done = scene.sends("/api/certificates/simple-upload", Parts::of(&own)).await.is(200);
    let id = done["certificateId"].as_str().expect("an id").to_owned();
    assert_eq!(done["taxpayer"], Value::Null);
    let config = scene.sees("/api/certificates/signature-config").await;
    assert_eq!((&config["signatureMode"], &config["digitalCertificateId"]), (&json!("PERSONAL"), &json!(id)));
    let mut other = person(scene.stage.ours, Permission::ALL);
    let somebody = Actor::User(fedatario_base::id::UserId(uuid::Uuid::from_u128(77)));
    other.scope = Scope::signed_in(scene.stage.ours, somebody, Permission::of_tenants());
    scene.door.knows("other", other);
    assert_eq!(scene.api.get(&format!("/api/certificates/{id}")).bearer("other").send().await.status, 404);
    let seen = scene.api.get("/api/certificates?kind=fiel").bearer("other").send().await.is(200);
    assert_eq!(seen["data"], json!([]));
    assert_eq!(scene.sees("/api/certificates?personal=true").await["data"].as_array().map(Vec::len), Some(1));
    let taken = json!({ "signatureMode": "PERSONAL", "digitalCertificateId": id, "autoSign": true, "notifyOnExpiration": true });
    let put = scene.api.call("PUT".parse().unwrap(), "/api/certificates/signature-config");
    assert_eq!(put.bearer("other").json(&taken).send().await.status, 404, "nobody signs with another's");
    let end = scene.api.call("DELETE".parse().unwrap(), &format!("/api/certificates/{id}"));
    assert_eq!(end.bearer("other").send().await.status, 404, "nobody destroys another's");
    let put = scene.api.post(&format!("/api/certificates/{id}/activate"));
    assert_eq!(put.bearer("other").send().await.status, 404, "nor puts it into use");
    assert_eq!(scene.state(&id).await, "active");
    let changed = json!({ "signatureMode": "ORGANIZATION", "autoSign": false, "notifyOnExpiration": false });
    let put = scene.api.call("PUT".parse().unwrap(), "/api/certificates/signature-config");
    assert_eq!(put.bearer("one").json(&changed).send().await.is(200)["autoSign"], json!(false));
    scene.door.knows("program", program(scene.stage.ours, Permission::ALL, None));
    let config = scene.api.get("/api/certificates/signature-config").bearer("program").send().await;
    assert_eq!(config.code(), "session_required", "a program has no certificate of its own");
    fedatario_testkit::covers!("api: a person's own certificate is seen and signed with by that person alone");
}

#[tokio::test]
async fn somebody_elses_own_certificate_is_not_found_by_any_service() {
    let scene = Scene::new().await;
    let archive = own(&scene).await.archive(&[], "firma", &Secret::new(PASSWORD)).expect("an archive");
    let parts = Parts::new().file("file", &archive).text("password", PASSWORD);
    let done = scene.sends("/api/certificates/simple-upload", parts).await.is(200);
    let id = done["certificateId"].as_str().expect("an id").to_owned();
    let mut other = person(scene.stage.ours, Permission::ALL);
    let somebody = Actor::User(fedatario_base::id::UserId(uuid::Uuid::from_u128(77)));
    other.scope = Scope::signed_in(scene.stage.ours, somebody, Permission::of_tenants());
    scene.door.knows("other", other);
    scene.door.knows("program", program(scene.stage.ours, Permission::ALL, None));
    let at = format!("/api/certificates/{id}");
    let rnc = json!({ "rnc": "131880738" });
    let person = scene.ids.iter().find(|it| it.starts_with("usr_")).expect("a member");
    let grant = json!({ "principal": person, "certificate": id, "profile": "plain", "not_after": "2026-12-01T00:00:00Z" });
    let cases = [
        ("GET", at.clone(), None),
        ("GET", format!("{at}/history"), None),
        ("GET", format!("{at}/delegations"), None),
        ("POST", format!("{at}/activate"), None),
        ("POST", format!("{at}/delegations"), Some(&rnc)),
        ("DELETE", format!("{at}/delegations/131880738"), None),
        ("DELETE", at.clone(), None),
    ];
    for (method, path, body) in &cases {
        // A program has to prove its factor for a change before anything is looked up.
        for bearer in ["other", "program"].into_iter().filter(|it| *it == "other" || *method == "GET") {
            let call = scene.api.call(method.parse().expect("a method"), path).bearer(bearer);
            let answer = if let Some(body) = body { call.json(body).send().await } else { call.send().await };
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{bearer}: {method} {path}");
        }
    }
    let given = scene.api.post("/api/sign/grants").bearer("other").json(&grant).send().await;
    assert_eq!((given.status.as_u16(), given.code().as_str()), (404, "not_found"), "nobody gives away another's");
    assert_eq!(scene.state(&id).await, "active");
    assert_eq!(scene.entries("credential.destroyed").await + scene.entries("credential.delegated").await, 0);

    scene.api.post(&format!("{at}/delegations")).bearer("one").json(&rnc).send().await.is(200);
    let gone = scene.api.call("DELETE".parse().unwrap(), &at).bearer("one").send().await;
    assert_eq!(gone.status, 204, "whose it is may");
    fedatario_testkit::covers!("api: a person's own certificate is destroyed, delegated and given away by that person alone");
}

/// A person's certificate of our Dominican authority.
async fn own(scene: &Scene) -> Minted {
    let now = scene.stage.clock.wall();
    let authority = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", now).expect("an authority");
    let person = Person::Dominican { document: "00199999996".into(), given_name: "MARIA".into(), surname: "PEREZ".into() };
    authority.issue_to(&person, now, now + DAY * 400).expect("a certificate")
}

#[tokio::test]
async fn what_was_refused_while_it_was_in_use_is_not_put_back() {
    let scene = Scene::new().await;
    let marks = async |id: &str, reason: &str| {
        let id = id.parse().expect("an id");
        let mut tx = scene.stage.app.store.begin(&Scope::system(scene.stage.ours)).await.expect("a transaction");
        let state = tx.credential(id).await.expect("read").expect("it is there").state;
        let state = if state == CredentialState::Active { CredentialState::Blocked } else { state };
        tx.set_credential_state(id, state, Some(reason)).await.expect("marked");
        tx.commit().await.expect("committed");
    };
    let first = scene.uploads(&Wanted::fiel(1)).await;
    marks(&first, "304").await;
    let second = scene.uploads(&Wanted::fiel(2)).await;
    assert_eq!((scene.state(&first).await.as_str(), scene.state(&second).await.as_str()), ("replaced", "active"));
    let back = format!("/api/certificates/{first}/activate");
    assert_eq!(scene.posts(&back).await.code(), "certificate_state", "SAT refused it");
    let seen = scene.sees(&format!("/api/certificates/{first}")).await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("replaced"), &json!("304")), "and it is told why");

    // One that rests, and is marked then.
    let third = scene.uploads(&Wanted::fiel(3)).await;
    marks(&second, "certificate_revoked").await;
    assert_eq!(scene.posts(&format!("/api/certificates/{second}/activate")).await.code(), "certificate_state");
    assert_eq!(scene.state(&third).await, "active");

    // The job of one that waits: revoked meanwhile, and one whose time is over when its instant comes late.
    let waits = Parts::of(&Wanted::fiel(4)).text("activateAt", "2026-09-03T00:00:00Z");
    let waits = scene.sends("/api/certificates/upload", waits).await.is(200)["certificateId"].as_str().expect("an id").to_owned();
    marks(&waits, "certificate_revoked").await;
    assert_eq!(scene.posts(&format!("/api/certificates/{waits}/activate")).await.code(), "certificate_state");
    scene.stage.clock.advance(DAY * 3);
    assert_eq!(scene.works().await, 1, "the job ends, and does not fail");
    assert_eq!((scene.state(&waits).await.as_str(), scene.state(&third).await.as_str()), ("next", "active"));
    assert_eq!(scene.entries("credential.activation.refused").await, 1);

    let short = Wanted { from: noon(), days: 10, ..Wanted::fiel(5) };
    let late = Parts::of(&short).text("activateAt", "2026-09-08T00:00:00Z");
    let late = scene.sends("/api/certificates/upload", late).await.is(200)["certificateId"].as_str().expect("an id").to_owned();
    scene.stage.clock.advance(DAY * 20); // Nobody worked for two weeks.
    assert!(scene.works().await >= 1);
    let seen = scene.sees(&format!("/api/certificates/{late}")).await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("next"), &json!("certificate_expired")));
    assert_eq!(scene.state(&third).await, "active", "the one in use stays in use");
    let mut tx = scene.stage.app.store.read(&Scope::system(scene.stage.ours)).await.expect("a transaction");
    let told = tx.events(Some(EventKind::CredentialBlocked), None, 10).await.expect("events");
    let why = |it: &EventRow| serde_json::from_str::<Value>(&it.body).expect("JSON")["data"]["cod_estatus"].clone();
    assert_eq!(told.iter().map(why).collect::<Vec<_>>(), [json!("certificate_expired"), json!("certificate_revoked")]);
    fedatario_testkit::covers!("api: a certificate that was refused, revoked or has ended is put into use by nobody and by no job");
}

#[tokio::test]
async fn a_renewed_delegation_ends_when_the_former_one_would() {
    let scene = Scene::new().await;
    let authority = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", noon()).expect("an authority");
    let person = Person::Dominican { document: "00199999996".into(), given_name: "MARIA".into(), surname: "PEREZ".into() };
    let archive = || {
        let minted = authority.issue_to(&person, noon(), noon() + DAY * 400).expect("a certificate");
        minted.archive(&[], "firma", &Secret::new(PASSWORD)).expect("an archive")
    };
    let form = json!({ "kind": "rnc", "tax_id": "131880738", "name": "EMPRESA SRL", "environment": "sandbox" });
    let company = scene.api.post("/api/taxpayers").bearer("one").json(&form).send().await.is(201);
    let parts =
        || Parts::new().file("file", &archive()).text("password", PASSWORD).text("taxpayer", company["id"].as_str().unwrap());
    let path = "/api/certificates/upload";
    let delegations = async |done: &Value| {
        let id = done["certificateId"].as_str().expect("an id").to_owned();
        (format!("/api/certificates/{id}/delegations"), scene.sees(&format!("/api/certificates/{id}/delegations")).await)
    };
    let first = scene.sends(path, parts().text("delegated", "true")).await.is(200);
    let (at, told) = delegations(&first).await;
    assert_eq!(told["delegations"][0]["to"], Value::Null);
    scene.stage.clock.advance(DAY);
    let until = json!({ "rnc": "131880738", "to": "2026-10-01T00:00:00Z" });
    scene.api.post(&at).bearer("one").json(&until).send().await.is(200);

    let second = scene.sends(path, parts()).await.is(200);
    let (_, told) = delegations(&second).await;
    let all = told["delegations"].as_array().expect("a list");
    assert_eq!((all.len(), &all[0]["to"]), (1, &json!("2026-10-01T00:00:00Z")), "it goes on as it stood");
    let third = scene.sends(path, parts().text("delegated", "true")).await.is(200);
    let (at, told) = delegations(&third).await;
    assert_eq!(told["delegations"][0]["to"], Value::Null, "unless somebody says that there is another");
    let ended = scene.api.call("DELETE".parse().unwrap(), &format!("{at}/131880738")).bearer("one").send().await;
    assert_eq!(ended.status, 204);
    assert_eq!(scene.sends(path, parts()).await.code(), "certificate_delegation", "what ended is not carried on");
    fedatario_testkit::covers!("api: a certificate that renews a delegated one is delegated as long as that was, and no longer");
}

#[tokio::test]
async fn a_delegation_that_ends_while_its_renewal_is_looked_at_is_not_carried_on() {
    let scene = Scene::new().await;
    let authority = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", noon()).expect("an authority");
    let person = Person::Dominican { document: "00199999996".into(), given_name: "MARIA".into(), surname: "PEREZ".into() };
    let form = json!({ "kind": "rnc", "tax_id": "131880738", "name": "EMPRESA SRL", "environment": "sandbox" });
    let company = scene.api.post("/api/taxpayers").bearer("one").json(&form).send().await.is(201);
    let taxpayer = company["id"].as_str().expect("an id").parse().expect("an id");
    let asked = |delegated: bool| {
        let minted = authority.issue_to(&person, noon(), noon() + DAY * 400).expect("a certificate");
        let archive = minted.archive(&[], "firma", &Secret::new(PASSWORD)).expect("an archive");
        let handed = Handed::new(Files::Pkcs12(Secret::new(archive)), Secret::new(PASSWORD));
        Asked { handed, name: None, place: Place::of(Some(taxpayer), false), tax_id: None, activate: None, delegated }
    };
    let (app, scope) = (&scene.stage.app, Scope::system(scene.stage.ours));
    let first = certificates::upload(app, &scope, asked(true)).await.expect("let in").row;
    let looked_at = certificates::prepare(app, &scope, asked(false)).await.expect("it renews");
    certificates::undelegate(app, &scope, first.id, "131880738").await.expect("ended");
    let refused = looked_at.store(app, &scope).await.expect_err("the delegation is over");
    assert_eq!(refused.code().slug(), "certificate_delegation");
    assert_eq!(scene.state(&first.id.to_string()).await, "active", "nothing was replaced");
    fedatario_testkit::covers!("api: a certificate is delegated by what holds when it is stored, not when it was looked at");
}

#[tokio::test]
async fn a_list_that_is_cut_says_so() {
    let scene = Scene::new().await;
    let already = scene.sees("/api/certificates/upload").await;
    assert_eq!(already["more"], json!(false));
    let (stage, now) = (&scene.stage, scene.stage.clock.wall());
    let mut tx = stage.app.store.begin(&Scope::system(stage.ours)).await.expect("a transaction");
    for _ in 0..=500 {
        let id = TaxpayerId::fresh(now);
        let tax_id = id.to_string();
        let environment = Environment::Sandbox;
        let taxpayer = Taxpayer { id, kind: TaxpayerKind::Ruc, tax_id, name: "UNO".into(), environment, created: now };
        tx.add_taxpayer(&taxpayer).await.expect("a taxpayer");
        tx.put_credential(&crate::trust::row_of(id, &SEAL, now + DAY * 90, now), now).await.expect("a certificate");
    }
    tx.commit().await.expect("committed");
    let seen = scene.sees("/api/certificates/upload").await;
    assert_eq!((seen["certificates"].as_array().map(Vec::len), &seen["more"]), (Some(500), &json!(true)));
    fedatario_testkit::covers!("api: certificates in use that are not all told are said not to be all");
}

#[tokio::test]
async fn whoever_finds_the_queue_of_keys_full_is_told_when_to_come_back() {
    let scene = Scene::new().await;
    let turns = scene.stage.app.vault.opening().clone();
    let mut crowd = tokio::task::JoinSet::new();
    let (hold, held) = tokio::sync::watch::channel(false);
    for _ in 0..turns.room() {
        let (turns, mut held) = (turns.clone(), held.clone());
        crowd.spawn(async move {
            let turn = turns.take().await.expect("there is room");
            held.wait_for(|it| *it).await.expect("let go");
            drop(turn);
        });
    }
    while turns.inside() < turns.room() {
        tokio::task::yield_now().await;
    }
    let own = || Parts::of(&Wanted { rfc: "XIQB891116QE4", ..Wanted::fiel(9) });
    for (path, parts) in [
        ("/api/certificates/upload", Parts::of(&Wanted::fiel(1))),
        ("/api/certificates/simple-upload", own()),
        ("/api/sign/certificate/validate", Parts::new().file("file", &Wanted::fiel(1).minted().0)),
    ] {
        let answer = scene.sends(path, parts).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "busy"), "{path}");
        assert_eq!(answer.header("retry-after"), "4", "{path}");
    }
    assert_eq!(scene.sees("/api/certificates?kind=fiel").await["data"], json!([]), "nothing was stored");
    hold.send(true).expect("somebody listens");
    while crowd.join_next().await.is_some() {}
    scene.uploads(&Wanted::fiel(1)).await;
    fedatario_testkit::covers!("api: a certificate that finds too many keys being opened is told when to come back");
}

/// What the log was told, on this thread.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<String>>);

impl tracing::field::Visit for Ear {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.lock().expect("no holder panics").push_str(&format!("{field}={value:?} "));
    }
}

impl tracing::Subscriber for Ear {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// Files that openssl made of an authority's and a curve's key: what no taxpayer signs with.
fn of_openssl(authority: &Authority) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("writable");
    write("ca.pem", authority.certificate_pem().as_bytes());
    write("ca.key", authority.key_pem().expose());
    write("password", PASSWORD.as_bytes());
    let run = |arguments: &[&str]| {
        let done = std::process::Command::new("openssl").current_dir(folder.path()).args(arguments).output();
        let done = done.expect("openssl is installed");
        assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.key"]);
    let subject = "/C=DO/serialNumber=IDCDO-00199999996/CN=EC";
    run(&["req", "-new", "-x509", "-key", "ec.key", "-subj", subject, "-out", "ec.pem"]);
    ["ca", "ec"].map(|it| {
        let (key, cer, out) = (format!("{it}.key"), format!("{it}.pem"), format!("{it}.p12"));
        run(&["pkcs12", "-export", "-inkey", &key, "-in", &cer, "-passout", "file:password", "-out", &out]);
        std::fs::read(folder.path().join(out)).expect("openssl wrote it")
    })
}

#[tokio::test]
async fn archives_that_are_none_are_refused_with_their_code_and_reason() {
    let ear = Ear::default();
    let _listening = tracing::subscriber::set_default(ear.clone());
    let scene = Scene::new().await;
    let form = json!({ "kind": "rnc", "tax_id": "131880738", "name": "EMPRESA SRL", "environment": "sandbox" });
    let company = scene.api.post("/api/taxpayers").bearer("one").json(&form).send().await.is(201);
    let authority = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", noon()).expect("an authority");
    let person = Person::Dominican { document: "00199999996".into(), given_name: "MARÍA".into(), surname: "PÉREZ".into() };
    let issue = |from: i32, to: i32| authority.issue_to(&person, noon() + DAY * from, noon() + DAY * to).expect("a certificate");
    let (minted, other) = (issue(-1, 400), issue(-1, 400));
    let made = |pairs: &[&Minted], chain: &[&fedatario_credentials::Certificate], password: &[u8], rounds: u32| {
        archive_of(pairs, chain, "x", &Secret::new(password), rounds).expect("an archive")
    };
    let pw = PASSWORD.as_bytes();
    let good = made(&[&minted], &[], pw, 8);
    let crowd: Vec<_> = (0..8).map(|_| authority.certificate()).collect();
    let mut costly = made(&[&minted], &[], pw, 0x01_0001);
    for at in 0..costly.len() - 5 {
        if costly[at..at + 5] == [2, 3, 1, 0, 1] {
            costly[at + 2..at + 5].copy_from_slice(&[0x7f, 0xff, 0xff]);
        }
    }
    let [of_authority, of_curve] = of_openssl(&authority);
    let noise: Vec<u8> = (0..200_000u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cut = good[..good.len() * 9 / 10].to_vec();
    /// What it is, its bytes, the password, and what is answered: status, code, reason.
    type Row<'a> = (&'a str, Vec<u8>, &'a [u8], u16, &'a str, Option<&'a str>);
    let rows: Vec<Row<'_>> = vec![
        ("a megabyte of garbage", vec![0x30; 1 << 20], pw, 413, "body_too_large", None),
        ("as much as a form holds", vec![0x30; 300 << 10], pw, 400, "certificate_format", Some("pkcs12_bounds")),
        ("as much as is looked at", noise, pw, 400, "certificate_format", Some("pkcs12_format")),
        ("nothing", Vec::new(), pw, 400, "certificate_format", Some("pkcs12_format")),
        ("a page of a portal", b"<html>sesion vencida</html>".to_vec(), pw, 400, "certificate_format", Some("pkcs12_format")),
        ("a certificate alone", minted.cer_der.clone(), pw, 400, "certificate_format", Some("pkcs12_format")),
        ("cut short", cut, pw, 400, "certificate_format", Some("pkcs12_format")),
        ("eight million iterations", costly, pw, 400, "certificate_format", Some("pkcs12_bounds")),
        ("nine bags", made(&[&minted], &crowd, pw, 8), pw, 400, "certificate_format", Some("pkcs12_bounds")),
        ("two keys", made(&[&minted, &other], &[], pw, 8), pw, 400, "certificate_format", Some("pkcs12_format")),
        ("no key", made(&[], &[authority.certificate()], pw, 8), pw, 400, "certificate_format", Some("pkcs12_format")),
        ("an authority's", of_authority, pw, 400, "certificate_format", Some("certificate_format")),
        ("a key on a curve", of_curve, pw, 400, "certificate_format", Some("key_format")),
        ("expired", made(&[&issue(-400, -1)], &[], pw, 8), pw, 422, "certificate_expired", None),
        ("not yet valid", made(&[&issue(1, 400)], &[], pw, 8), pw, 422, "certificate_not_yet_valid", None),
        ("no password", good.clone(), b"", 400, "certificate_password", None),
        ("a password with a NUL", good.clone(), b"contrase\0a de prueba", 400, "certificate_password", None),
        ("a password that is no text", good.clone(), &[0xff, 0xfe, b'x'], 400, "certificate_password", None),
        ("ten kilobytes of password", good.clone(), &[b'x'; 10_000], 422, "field_invalid", None),
    ];
    for (what, archive, password, status, code, reason) in &rows {
        let parts = Parts::new().file("file", archive).secret(password).text("delegated", "true");
        let answer = scene.sends("/api/certificates/upload", parts.text("taxpayer", company["id"].as_str().expect("an id"))).await;
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (*status, *code), "{what}: {said}");
        assert_eq!(reason.map(Value::from), answer.json().get("reason").cloned(), "{what}: {said}");
        assert!(!said.contains(PASSWORD), "{what}");
    }
    assert_eq!(scene.sees("/api/certificates?kind=ecf").await["data"], json!([]), "nothing was stored");

    let long = "ñ€漢".repeat(100);
    for password in ["contrasen\u{303}a", "clave 🔐 segura", "пароль", " con espacios ", "a\tb", "\u{10ffff}", &long] {
        let parts = Parts::new().file("file", &made(&[&issue(-1, 300)], &[], password.as_bytes(), 8)).text("password", password);
        let parts = parts.text("delegated", "true").text("taxpayer", company["id"].as_str().expect("an id"));
        let done = scene.sends("/api/certificates/upload", parts).await.is(200);
        assert!(done["certificate"]["subject"].as_str().is_some_and(|it| it.contains("MARÍA")), "T61 strings: {done}");
    }
    let heard = ear.0.lock().expect("no holder panics").clone();
    assert!(heard.contains("certificate_format"), "the log was listened to");
    assert!(!heard.contains(PASSWORD) && !heard.contains("clave 🔐") && !heard.contains(&long), "no password in the log");
    fedatario_testkit::covers!(
        "api: a certificate that is none is refused with its code and reason, whatever its password, which no log holds"
    );
}

/// The files that lie under an object's folder with this ending.
async fn sealed(scene: &Scene) -> Vec<String> {
    let all = scene.stage.app.blobs.list(&format!("tenants/{}/", scene.stage.ours)).await.expect("a list");
    all.into_iter().filter(|it| it.ends_with(".sealed")).collect()
}

#[tokio::test]
async fn a_sealed_key_that_no_row_names_is_collected_after_a_day() {
    let scene = Scene::new().await;
    let kept = scene.uploads(&Wanted::fiel(1)).await;
    let (app, scope, now) = (&scene.stage.app, Scope::system(scene.stage.ours), scene.stage.clock.wall());
    // The object is written, and the process dies before the row: the same calls, and not the last.
    let (cer, key) = Wanted { rfc: "XIQB891116QE4", ..Wanted::fiel(2) }.minted();
    let handed = Handed::new(Files::Two { cer: Secret::new(cer), key: Secret::new(key) }, Secret::new(PASSWORD));
    let made = app.vault.take_in(&scope, handed, CredentialId::fresh(now), now).await.expect("sealed");
    let orphan = fedatario_app::descarga::layout::credential(scene.stage.ours, "XIQB891116QE4", made.id);
    certificates::keep(app, &scope, &made, &orphan, "XIQB891116QE4").await.expect("the object");
    let mut tx = app.store.begin(&scope).await.expect("a transaction");
    tx.enqueue(&certificates::collect_job(now), now).await.expect("enqueued");
    tx.commit().await.expect("committed");

    assert_eq!(scene.works().await, 1);
    assert_eq!(sealed(&scene).await.len(), 2, "its row may still come");
    scene.stage.clock.advance(DAY * 8);
    assert_eq!(scene.works().await, 1, "it comes back every week");
    let left = sealed(&scene).await;
    assert_eq!(left.len(), 1);
    assert!(left[0].contains(&kept), "{left:?}");
    assert_eq!(scene.entries("credential.objects.collected").await, 1);
    scene.stage.clock.advance(DAY * 8);
    assert_eq!(scene.works().await, 1);
    assert_eq!((sealed(&scene).await, scene.entries("credential.objects.collected").await), (left, 1), "nothing more is told");
    fedatario_testkit::covers!("certificates: a sealed key that no row names is collected after a day, and no other");
}

/// A ZIP of these files; a name that ends in `@` is a link.
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in files {
        if let Some(name) = name.strip_suffix('@') {
            writer.add_symlink(name, "/etc/passwd", options).expect("a link");
            continue;
        }
        writer.start_file(*name, options).expect("an entry");
        writer.write_all(bytes).expect("its bytes");
    }
    writer.finish().expect("an archive").into_inner()
}

impl Scene {
    async fn imports(&self, archive: &[u8], dry: bool) -> TestAnswer {
        let target = format!("/api/certificates/import?dryRun={dry}");
        self.api.post(&target).bearer("one").body("application/zip", archive.to_vec()).send().await
    }
}

#[tokio::test]
async fn a_zip_of_certificates_is_rehearsed_and_let_in() {
    let scene = Scene::new().await;
    let (cer, key) = Wanted::fiel(1).minted();
    let (other_cer, other_key) = Wanted { rfc: "XIQB891116QE4", ..Wanted::fiel(2) }.minted();
    let ours = crate::belongings::RFC;
    let manifest = format!(
        "\u{feff}tax_id;cer;key;password;name;register\r\n\
         {ours};Uno.CER;uno.key;{PASSWORD};\"La; del despacho\";\r\n\
         XIQB891116QE4;sub/dos.cer;sub/dos.key;{PASSWORD};;sí\r\n\
         {ours};uno.cer;uno.key;otra-Clave-9;;\r\n\
         {ours};tres.cer;uno.key;otra-Clave-9;;\r\n\
         {ours};sub/dos.cer;sub/dos.key;{PASSWORD};;\r\n\
         XAXX010101001;uno.cer;uno.key;{PASSWORD};;\r\n\
         {ours};uno.cer;;{PASSWORD};;\r\n"
    );
    let files: [(&str, &[u8]); 8] = [
        ("clientes/manifest.csv", manifest.as_bytes()),
        ("clientes/uno.cer", &cer),
        ("clientes/uno.key", &key),
        ("clientes/sub/dos.cer", &other_cer),
        ("clientes/sub/dos.key", &other_key),
        ("clientes/.DS_Store", b"x"),
        ("__MACOSX/clientes/._uno.cer", b"x"),
        ("clientes/leame.txt", b"hola"),
    ];
    let archive = zipped(&files);
    let figures = |it: &Value| json!([it["total"], it["imported"], it["unchanged"], it["refused"], it["success"]]);
    let rehearsed = scene.imports(&archive, true).await;
    assert!(!String::from_utf8_lossy(&rehearsed.bytes).contains("otra-Clave-9"), "no password is told");
    let rehearsed = rehearsed.is(200);
    assert_eq!(figures(&rehearsed), json!([7, 2, 0, 5, false]), "{rehearsed}");
    let codes: Vec<Option<&str>> = rehearsed["rows"].as_array().expect("rows").iter().map(|it| it["code"].as_str()).collect();
    let expected = [
        None,
        None,
        Some("certificate_password"),
        Some("certificate_file_missing"),
        Some("certificate_taxpayer_mismatch"),
        Some("taxpayer_unknown"),
        Some("field_missing"),
    ];
    assert_eq!(codes, expected);
    assert_eq!(scene.sees("/api/certificates?kind=fiel").await["data"], json!([]), "a rehearsal stores nothing");
    let done = scene.imports(&archive, false).await.is(200);
    assert_eq!(figures(&done), figures(&rehearsed), "the rehearsal said what happens");
    let listed = scene.sees("/api/certificates?state=active&kind=fiel").await;
    let mut names: Vec<&str> = listed["data"].as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
    names.sort_unstable(); // Both came in at one instant of the test's clock.
    assert_eq!(names, ["EMPRESA DE PRUEBA", "La; del despacho"]);
    assert_eq!(
        figures(&scene.imports(&archive, false).await.is(200)),
        json!([7, 0, 2, 5, false]),
        "the second time nothing changes"
    );

    let rows = json!([
        { "tax_id": "xiqb891116qe4", "cer": "a.cer", "key": "a.key", "password": PASSWORD, "register": true },
        { "cer": "a.cer", "key": "a.key", "password": PASSWORD, "color": "azul" },
    ]);
    let in_json = zipped(&[("manifest.json", rows.to_string().as_bytes()), ("a.cer", &other_cer), ("a.key", &other_key)]);
    let told = scene.imports(&in_json, true).await.is(200);
    assert_eq!((figures(&told), &told["rows"][1]["code"]), (json!([2, 0, 1, 1, false]), &json!("json_malformed")));
    fedatario_testkit::covers!("api: certificates are let in out of an archive with a list, each by itself, as a rehearsal said");
}

#[tokio::test]
async fn an_archive_that_is_hostile_is_refused_whole() {
    let scene = Scene::new().await;
    let manifest = ("manifest.csv", b"file,password\na.p12,x\n".as_slice());
    let encrypted = {
        let mut bytes = zipped(&[manifest, ("a.p12", b"x")]);
        for (magic, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
            let at: Vec<usize> = bytes.windows(4).enumerate().filter(|it| it.1 == magic).map(|it| it.0).collect();
            at.iter().for_each(|it| bytes[it + flags] |= 1);
        }
        bytes
    };
    let (zeros, blank) = (vec![0u8; 4 << 20], vec![0u8; 200 << 10]);
    let noise: Vec<u8> = (0..200_000u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let names: Vec<String> = (0..2_200).map(|it| format!("{it}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|it| (it.as_str(), b"".as_slice())).collect();
    let rows = format!("file,password\n{}", "a.p12,x\n".repeat(501));
    let whole = zipped(&[manifest, ("a.p12", &noise)]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no archive", b"hola".to_vec(), "format"),
        ("nothing", b"PK\x05\x06".to_vec(), "format"),
        ("cut off", whole[..whole.len() - 200].to_vec(), "format"),
        ("a bomb", zipped(&[manifest, ("a.p12", &zeros)]), "too_large"),
        ("a bomb for a list", zipped(&[("manifest.csv", &zeros)]), "too_large"),
        ("a small bomb", zipped(&[manifest, ("a.p12", &blank)]), "ratio"),
        ("many", zipped(&many), "entries"),
        ("a path out of it", zipped(&[manifest, ("../a.p12", b"x")]), "name"),
        ("a path from the root", zipped(&[manifest, ("/etc/a.p12", b"x")]), "name"),
        ("a path of Windows", zipped(&[manifest, ("..\\a.p12", b"x")]), "name"),
        ("two of one name", zipped(&[manifest, ("a.p12", b"x"), ("A.P12", b"y")]), "duplicate"),
        ("a link", zipped(&[manifest, ("a.p12@", b"")]), "link"),
        ("under a password", encrypted, "encrypted"),
        ("no list", zipped(&[("a.p12", b"x")]), "manifest_missing"),
        ("two lists", zipped(&[manifest, ("manifest.json", b"[]")]), "manifest_missing"),
        ("a list that is none", zipped(&[("manifest.json", b"{}")]), "manifest"),
        ("a list of unknown columns", zipped(&[("manifest.csv", b"file,clave\n")]), "manifest"),
        ("a list in another alphabet", zipped(&[("manifest.csv", b"file,password\na,\xf1\n")]), "manifest"),
        ("too long a list", zipped(&[("manifest.csv", rows.as_bytes())]), "rows"),
    ];
    for (what, archive, reason) in &cases {
        let answer = scene.imports(archive, false).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "certificate_bundle"), "{what}");
        assert_eq!(answer.json()["reason"].as_str(), Some(*reason), "{what}");
    }
    assert_eq!(scene.entries("credential.admitted").await, 0);
    fedatario_testkit::covers!("api: an archive of certificates that is hostile is refused whole, for its exact reason");
}

#[tokio::test]
async fn forms_that_are_none_are_refused_before_anything_is_opened() {
    let scene = Scene::new().await;
    let boundary = Parts::BOUNDARY;
    let media = format!("multipart/form-data; boundary={boundary}");
    let whole = Parts::of(&Wanted::fiel(1)).bytes();
    let many = |n: usize| (0..n).fold(Parts::new(), |parts, _| parts.text("name", "x")).bytes();
    let header = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"file\"\r\nx: {}\r\n\r\n", "a".repeat(200 << 10));
    let nested = Parts::new().file("file", &Parts::of(&Wanted::fiel(1)).bytes()).text("password", PASSWORD).bytes();
    let cases: [(&str, &str, Vec<u8>, u16, &str); 8] = [
        ("cut off", &media, whole[..whole.len() / 2].to_vec(), 400, "body_broken"),
        ("no end", &media, whole[..whole.len() - 8].to_vec(), 400, "body_broken"),
        ("the same field thousands of times", &media, many(4_000), 422, "field_invalid"),
        ("a header as large as a file", &media, header.into_bytes(), 400, "body_broken"),
        ("a form in a form, under the same boundary", &media, nested, 422, "field_invalid"),
        ("nothing", &media, Vec::new(), 400, "body_broken"),
        ("no boundary", "multipart/form-data", whole.clone(), 415, "media_type"),
        ("no form", "application/json", b"{}".to_vec(), 415, "media_type"),
    ];
    for (what, media, body, status, code) in cases {
        let answer = scene.api.post("/api/certificates/upload").bearer("one").body(media, body).send().await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{what}");
    }
    assert_eq!(scene.sees("/api/certificates?kind=fiel").await["data"], json!([]), "nothing was stored");
    fedatario_testkit::covers!("api: a certificate in a form that is none is refused before anything is opened");
}

#[tokio::test]
async fn a_person_signs_for_a_company_while_it_is_written_down() {
    let scene = Scene::new().await;
    let authority = Authority::generate_in(Country::DominicanRepublic, "AUTORIDAD DE PRUEBA", noon()).expect("an authority");
    let person = Person::Dominican { document: "00199999996".into(), given_name: "MARIA".into(), surname: "PEREZ".into() };
    let minted = authority.issue_to(&person, noon(), noon() + DAY * 400).expect("a certificate");
    let form = json!({ "kind": "rnc", "tax_id": "131880738", "name": "EMPRESA SRL", "environment": "sandbox" });
    let company = scene.api.post("/api/taxpayers").bearer("one").json(&form).send().await.is(201);
    let archive = minted.archive(&[], "firma", &Secret::new(PASSWORD)).expect("an archive");
    let parts = || {
        let parts = Parts::new().file("file", &archive).text("password", PASSWORD);
        parts.text("taxpayer", company["id"].as_str().expect("an id"))
    };
    assert_eq!(scene.sends("/api/certificates/upload", parts()).await.code(), "certificate_delegation");
    let done = scene.sends("/api/certificates/upload", parts().text("delegated", "true")).await.is(200);
    assert_eq!((&done["kind"], &done["certificate"]["taxIdKind"]), (&json!("ecf"), &json!("cedula")));
    let path = format!("/api/certificates/{}/delegations", done["certificateId"].as_str().expect("an id"));
    let listed = scene.sees(&path).await;
    assert_eq!((&listed["delegations"][0]["rnc"], &listed["delegations"][0]["to"]), (&json!("131880738"), &Value::Null));
    let ended = scene.api.call("DELETE".parse().unwrap(), &format!("{path}/131880738")).bearer("one").send().await;
    assert_eq!(ended.status, 204);
    assert!(scene.sees(&path).await["delegations"][0]["to"].is_string());
    scene.stage.clock.advance(DAY);
    scene.api.post(&path).bearer("one").json(&json!({ "rnc": "1-31-88073-8" })).send().await.is(200);
    let wrong = scene.api.post(&path).bearer("one").json(&json!({ "rnc": "12" })).send().await;
    assert_eq!(wrong.code(), "tax_id_format");
    assert_eq!(scene.entries("credential.delegated").await, 1);
    assert_eq!(scene.entries("credential.undelegated").await, 1);
    fedatario_testkit::covers!("api: a certificate of a person signs for a company while its delegation runs");
}
