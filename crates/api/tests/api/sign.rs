//! Documents that are signed on request, held against judges that nobody here wrote.

use crate::support::Stage;
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fedatario_api::testing::{TestAnswer, person, program};
use fedatario_app::audit_trail::changes::Telling;
use fedatario_app::certificates::{Entry, put};
use fedatario_app::model::*;
use fedatario_app::signing::Grant;
use fedatario_base::id::{CredentialId, GrantId, TaxpayerId};
use fedatario_base::{Actor, Clock, Permission, Scope, Secret};
use fedatario_credentials::mint::{Authority, Minted, Subject};
use fedatario_credentials::{Kind, Pair};
use fedatario_testkit::{covers, fixtures};
use fedatario_vault::CredentialKind as VaultKind;
use fedatario_vault::grant::Amount;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::process::Command;

/// The RNC of the taxpayer who signs for DGII.
const RNC: &str = "131880738";
const ECF: &str = "<ECF>\n  <Encabezado>\n    <Emisor><RNCEmisor>131880738</RNCEmisor></Emisor>\n    \
    <Totales><MontoTotal>118.00</MontoTotal></Totales>\n  </Encabezado>\n</ECF>";
const NOTICE: &str = "<aviso xmlns=\"urn:x\"><monto>1.00</monto></aviso>";

/// Two taxpayers with a certificate each, and whoever may sign with them.
struct Desk {
    stage: Stage,
    mx: TaxpayerId,
    fiel: CredentialId,
    rd: TaxpayerId,
    ecf: CredentialId,
    calls: std::cell::Cell<u32>,
}

fn mint(authority: &Authority, rfc: &str) -> Minted {
    let subject = Subject { rfc: rfc.into(), representative_rfc: None, name: "PRUEBA".into(), curp: None, branch: None };
    let (from, to) = ("2025-01-01T00:00:00Z".parse().unwrap(), "2029-01-01T00:00:00Z".parse().unwrap());
    authority.issue(&subject, Kind::Fiel, "30001000000500003415", from, to).expect("a certificate")
}

async fn seated(
    stage: &Stage,
    kind: TaxpayerKind,
    tax_id: &str,
    environment: Environment,
    of: VaultKind,
) -> (TaxpayerId, CredentialId) {
    let scope = Scope::system(stage.ours);
    let now = Telling::begin(&stage.app, &scope).await.expect("a key");
    let authority = Authority::generate("AC", now.wall).expect("an authority");
    let minted = mint(&authority, "EKU9003173C9");
    let pair = Pair::from_files(&minted.cer_der, minted.pkcs8_der.expose(), &Secret::new("")).expect("a pair");
    let id = CredentialId::fresh(now.wall);
    let sealed = stage.app.vault.admit(&scope, pair, of, id, now.wall).await.expect("admitted");
    let object = format!("certificados/{id}");
    stage.app.blobs.put(&object, &sealed.object).await.expect("an object");
    let taxpayer = Taxpayer {
        id: TaxpayerId::fresh(now.wall),
        kind,
        tax_id: tax_id.into(),
        name: "PRUEBA".into(),
        environment,
        created: now.wall,
    };
    let mut tx = stage.app.store.begin(&scope).await.expect("a transaction");
    tx.add_taxpayer(&taxpayer).await.expect("a taxpayer");
    let entry = Entry { owner: Owner::Taxpayer(taxpayer.id), name: None, activate: None, object };
    put(&stage.app, tx.as_mut(), &now, sealed, entry, Some(&taxpayer)).await.expect("in use");
    tx.commit().await.expect("committed");
    (taxpayer.id, id)
}

impl Desk {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let (mx, fiel) = seated(&stage, TaxpayerKind::Rfc, "COSC8001137NA", Environment::Sandbox, VaultKind::Fiel).await;
        let (rd, ecf) = seated(&stage, TaxpayerKind::Rnc, RNC, Environment::Production, VaultKind::Ecf).await;
        stage.api.knows("ana", person(stage.ours, &Permission::of_tenants()));
        Self { stage, mx, fiel, rd, ecf, calls: std::cell::Cell::new(0) }
    }

    /// A call with a key of its own.
    async fn sign(&self, who: &str, query: &str, media: &str, accept: &str, body: impl Into<axum::body::Body>) -> TestAnswer {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get().is_multiple_of(100) {
            self.stage.clock.advance(SignedDuration::from_secs(61)); // Another minute, other windows.
        }
        let call = self.stage.api.post(&format!("/api/sign/xml?{query}")).bearer(who);
        call.header("idempotency-key", &format!("key-{}", self.calls.get())).header("accept", accept).body(media, body).send().await
    }

    async fn xml(&self, who: &str, taxpayer: TaxpayerId, profile: &str, document: &str) -> TestAnswer {
        let query = format!("taxpayer={taxpayer}&profile={profile}");
        self.sign(who, &query, "application/xml", "*/*", document.to_owned()).await
    }

    async fn usage(&self, credential: CredentialId) -> Vec<Value> {
        let told = self.stage.api.get(&format!("/api/certificates/{credential}/signatures?limit=500")).bearer("ana").send().await;
        told.is(200)["data"].as_array().unwrap().clone()
    }

    async fn entries(&self) -> Vec<Value> {
        let mut tx = self.stage.app.store.read(&Scope::system(self.stage.ours)).await.expect("a transaction");
        let rows = tx.audit_rows(1, 100_000).await.expect("its rows");
        rows.iter().map(|it| serde_json::from_slice(&it.entry).expect("JSON")).collect()
    }

    async fn verify(&self, query: &str, document: impl Into<axum::body::Body>) -> TestAnswer {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get().is_multiple_of(100) {
            self.stage.clock.advance(SignedDuration::from_secs(61));
        }
        self.stage.api.post(&format!("/api/sign/verify?{query}")).bearer("ana").body("application/xml", document).send().await
    }
}

/// What xmlsec1 says, with the certificate that the document names.
pub fn xmlsec1_accepts(signed: &[u8]) -> bool {
    let text = std::str::from_utf8(signed).expect("UTF-8");
    let (_, rest) = text.split_once("<X509Certificate>").expect("a certificate");
    let der = STANDARD.decode(rest.split_once('<').expect("its end").0).expect("base64");
    let folder = tempfile::tempdir().expect("a folder");
    let (xml, cer) = (folder.path().join("signed.xml"), folder.path().join("cer.der"));
    std::fs::write(&xml, signed).expect("written");
    std::fs::write(&cer, der).expect("written");
    let output = Command::new("xmlsec1").args(["--verify", "--pubkey-cert-der"]).arg(&cer).arg(&xml).output();
    output.expect("xmlsec1 is installed").status.success()
}

/// The SHA-256 that openssl makes of bytes, in base64.
fn openssl_digest(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    let output = Command::new("openssl").args(["dgst", "-sha256", "-binary"]).arg(file.path()).output();
    STANDARD.encode(output.expect("openssl is installed").stdout)
}

#[tokio::test]
async fn a_document_is_signed_that_others_verify_and_the_log_says_so() {
    let desk = Desk::new().await;
    let cases = [(desk.mx, "plain", NOTICE, desk.fiel), (desk.rd, "dgii", ECF, desk.ecf), (desk.rd, "plain", "<a>ñ</a>", desk.ecf)];
    for (taxpayer, profile, document, credential) in cases {
        let answer = desk.xml("ana", taxpayer, profile, document).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
        assert_eq!(answer.header("content-type"), "application/xml");
        assert_eq!(answer.header("repr-digest"), format!("sha-256=:{}:", openssl_digest(&answer.bytes)));
        assert!(xmlsec1_accepts(&answer.bytes), "{profile}");
        let last = &desk.usage(credential).await[0];
        assert_eq!((last["profile"].as_str(), last["outcome"].as_str()), (Some(profile), Some("done")), "{last}");
        let bytes = STANDARD.decode(openssl_digest(document.as_bytes())).unwrap();
        assert_eq!(last["document_sha256"], fedatario_app::audit_trail::hex(&bytes));
    }
    let query = format!("taxpayer={}&profile=dgii", desk.rd);
    let told = desk.sign("ana", &query, "application/xml", "application/json", ECF).await.is(200);
    let signed = STANDARD.decode(told["document"].as_str().unwrap()).unwrap();
    assert!(xmlsec1_accepts(&signed));
    assert_eq!((told["counter"].as_u64(), told["root"].as_str()), (Some(3), Some("ECF")), "{told}");
    let entries = desk.entries().await;
    let [intended, ended] = [0, 1].map(|it| &entries[told["entries"][it].as_u64().unwrap() as usize - 1]);
    assert_eq!(intended["action"], "signature.intended");
    assert_eq!(intended["fields"], json!({ "counter": 3, "profile": "dgii", "purpose": "document", "root": "ECF" }));
    assert_eq!(intended["object"], desk.ecf.to_string());
    assert_eq!(ended["action"], "signature.ended");
    assert_eq!(ended["fields"], json!({ "counter": 3, "intent": told["entries"][0] }));
    assert_eq!(ended["digests"]["signed"], told["sha256"]);
    let usage = desk.usage(desk.ecf).await;
    assert_eq!(usage.iter().map(|it| it["counter"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!((usage[0]["amount"].as_str(), usage[0]["currency"].as_str()), (Some("118.00"), Some("DOP")));
    assert_eq!(desk.stage.api.post("/api/audit/verify").bearer("ana").send().await.is(200)["intact"], true);
    covers!("signing: xmlsec1 verifies a document of each profile, and openssl agrees with its digest");
    covers!("signing: each signature has its intent and outcome in the chain, and its line in the usage of its certificate");
}

#[tokio::test]
async fn the_same_call_again_signs_nothing_again() {
    let desk = Desk::new().await;
    let call = || desk.stage.api.post(&format!("/api/sign/xml?taxpayer={}", desk.mx)).bearer("ana");
    assert_eq!(call().body("application/xml", NOTICE).send().await.code(), "idempotency_key");
    let first = call().header("idempotency-key", "one").body("application/xml", NOTICE).send().await;
    let again = call().header("idempotency-key", "one").body("application/xml", NOTICE).send().await;
    assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
    assert_eq!(again.header("repr-digest"), first.header("repr-digest"));
    let other = call().header("idempotency-key", "one").body("application/xml", "<otro/>").send().await;
    assert_eq!(other.code(), "idempotency_reused");
    assert_eq!(desk.usage(desk.fiel).await.len(), 1);
    covers!("signing: a call that is repeated under its key is answered and signs nothing again");
}

#[tokio::test]
async fn whatever_may_not_be_signed_is_refused_with_its_code_and_chained() {
    let desk = Desk::new().await;
    let foreign = ECF.replace(RNC, "101000001");
    let login = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"/>";
    let ask = "<d:SolicitaDescargaEmitidos xmlns:d=\"http://DescargaMasivaTerceros.sat.gob.mx\"/>";
    let signed = "<a><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/></a>";
    let rows = [
        (desk.mx, "plain", "<SemillaModel><valor>1</valor></SemillaModel>", "purpose_refused"),
        (desk.rd, "dgii", "<SemillaModel><valor>1</valor></SemillaModel>", "purpose_refused"),
        (desk.mx, "plain", login, "purpose_refused"),
        (desk.mx, "plain", ask, "purpose_refused"),
        (desk.rd, "dgii", &foreign, "document_foreign"),
        (desk.rd, "dgii", NOTICE, "profile_refused"),
        (desk.rd, "plain", ECF, "profile_refused"),
        (desk.mx, "plain", signed, "document_signed"),
        (desk.mx, "plain", "<a>", "xml_malformed"),
        (desk.mx, "plain", "<!DOCTYPE a><a/>", "xml_doctype"),
        // No certificate of that kind.
        (desk.mx, "dgii", ECF, "credential_missing"),
    ];
    for (place, (taxpayer, profile, document, code)) in rows.into_iter().enumerate() {
        let answer = desk.xml("ana", taxpayer, profile, document).await;
        assert_eq!(answer.code(), code, "row {place}: {}", String::from_utf8_lossy(&answer.bytes));
        let last = desk.entries().await.pop().unwrap();
        assert_eq!(
            (last["action"].as_str(), last["code"].as_str()),
            (Some("signature.refused"), Some(code)),
            "row {place}: {last}"
        );
    }
    // A query that is none, another's taxpayer, another type, a document that is too large.
    let none = desk.sign("ana", "taxpayer=x&profile=sha1", "application/xml", "*/*", NOTICE).await;
    assert_eq!(none.status, 422, "{}", String::from_utf8_lossy(&none.bytes));
    let nobody = desk.xml("ana", TaxpayerId::fresh(desk.stage.clock.wall()), "plain", NOTICE).await;
    assert_eq!(nobody.status, 404);
    assert_eq!(desk.sign("ana", "", "text/plain", "*/*", NOTICE).await.code(), "media_type");
    let large = format!("<a>{}</a>", " ".repeat(5 << 20));
    assert_eq!(desk.xml("ana", desk.mx, "plain", &large).await.code(), "body_too_large");
    // Nobody is named, and there are two.
    assert_eq!(desk.sign("ana", "", "application/xml", "*/*", NOTICE).await.code(), "taxpayer_required");
    assert!(desk.usage(desk.fiel).await.is_empty() && desk.usage(desk.ecf).await.is_empty());
    // Delegated, it is signed.
    let path = format!("/api/certificates/{}/delegations", desk.ecf);
    let told = desk.stage.api.post(&path).bearer("ana").json(&json!({ "rnc": "101000001" })).send().await;
    assert!(told.status.is_success(), "{}", String::from_utf8_lossy(&told.bytes));
    assert_eq!(desk.xml("ana", desk.rd, "dgii", &foreign).await.status, 200);
    covers!("signing: sessions, requests, documents of another RNC, of the wrong profile and signed ones are refused and chained");
    covers!("signing: dgii signs for an RNC that is delegated to the certificate");
}

#[tokio::test]
async fn a_program_signs_within_its_grant() {
    let desk = Desk::new().await;
    let ours = desk.stage.ours;
    let mut erp = program(ours, &[Permission::CredentialSign], None);
    let key = erp.scope.actor().to_string();
    desk.stage.api.knows("erp", erp.clone());
    assert_eq!(desk.xml("erp", desk.rd, "dgii", ECF).await.code(), "signature_grant_missing");
    let now = desk.stage.clock.wall();
    let grant = |profile: &str, until: Timestamp, cap: Option<&str>, revoked: Option<Timestamp>| Grant {
        id: GrantId::fresh(now),
        principal: key.clone(),
        credential: desk.ecf,
        profile: profile.into(),
        not_after: until,
        cap: cap.and_then(|it| Amount::read(it, "DOP")),
        created_by: "usr_x".into(),
        created: now,
        revoked,
    };
    let later = now + SignedDuration::from_hours(24);
    let rows = [
        (grant("plain", later, None, None), "signature_grant_profile"),
        (grant("dgii", later, None, Some(now)), "signature_grant_revoked"),
        (grant("dgii", now, None, None), "signature_grant_expired"),
        (grant("dgii", later, Some("100"), None), "signature_grant_amount"),
        (grant("dgii", later, Some("118"), None), ""),
    ];
    for (grant, code) in rows {
        let mut tx = desk.stage.app.store.begin(&Scope::system(ours)).await.unwrap();
        tx.add_signature_grant(&grant).await.unwrap();
        tx.commit().await.unwrap();
        let answer = desk.xml("erp", desk.rd, "dgii", ECF).await;
        assert_eq!(answer.code(), code, "{grant:?}");
    }
    let unread = ECF.replace("118.00", "ciento");
    assert_eq!(desk.xml("erp", desk.rd, "dgii", &unread).await.code(), "signature_grant_unread");
    let last = &desk.usage(desk.ecf).await[0];
    assert!(last["grant"].as_str().unwrap().starts_with("grt_") && last["actor"] == key.as_str(), "{last}");
    // A key of the sandbox finds no taxpayer of production.
    erp.scope = erp.scope.in_sandbox_only();
    desk.stage.api.knows("test", erp);
    assert_eq!(desk.xml("test", desk.rd, "dgii", ECF).await.status, 404);
    assert_eq!(desk.xml("test", desk.mx, "plain", NOTICE).await.code(), "signature_grant_missing");
    covers!("signing: a program signs within its grant alone, and each reason against it has its code");
    covers!("signing: a key of the sandbox signs for no taxpayer of production");
}

#[tokio::test]
async fn grants_are_given_by_people_listed_and_taken_back() {
    let desk = Desk::new().await;
    let ids = crate::belongings::of(&desk.stage, desk.stage.ours).await;
    let key = ids.iter().find(|it| it.starts_with("key_")).expect("a key").clone();
    let form = json!({
        "principal": key, "certificate": desk.fiel.to_string(), "profile": "plain", "not_after": "2027-01-01T00:00:00Z",
        "max_amount": "50000.00", "currency": "MXN",
    });
    let given = desk.stage.api.post("/api/sign/grants").bearer("ana").json(&form).send().await.is(201);
    let listed = async || {
        let list = desk.stage.api.get("/api/sign/grants").bearer("ana").send().await.is(200);
        list["data"].as_array().expect("a list").iter().find(|it| it["id"] == given["id"]).expect("it is listed").clone()
    };
    assert_eq!((listed().await, given["max_amount"].as_str()), (given.clone(), Some("50000.00")));
    let with = |name: &str, value: Value| {
        let mut form = form.clone();
        form[name] = value;
        form
    };
    for (form, code) in [
        (with("principal", "key_01h455vb4pex5vsknk084sn02q".into()), "signature_grant_format"),
        (with("principal", "cualquiera".into()), "signature_grant_format"),
        (with("not_after", "2026-01-01T00:00:00Z".into()), "signature_grant_format"),
        (with("not_after", "2036-01-01T00:00:00Z".into()), "signature_grant_format"),
        (with("max_amount", "-1".into()), "signature_grant_format"),
        (with("currency", "pesos".into()), "signature_grant_format"),
        (with("profile", "sat_token".into()), "field_invalid"),
        (with("certificate", "crd_01h455vb4pex5vsknk084sn02q".into()), "not_found"),
    ] {
        let answer = desk.stage.api.post("/api/sign/grants").bearer("ana").json(&form).send().await;
        let code_of = |it: &TestAnswer| it.json()["errors"][0]["code"].as_str().map_or_else(|| it.code(), str::to_owned);
        assert_eq!(code_of(&answer), code, "{form}: {}", String::from_utf8_lossy(&answer.bytes));
    }
    // A program gives nobody anything, itself least of all.
    let mut erp = program(desk.stage.ours, &Permission::of_tenants(), None);
    erp.is_stepped_up = true;
    desk.stage.api.knows("erp", erp);
    assert_eq!(desk.stage.api.post("/api/sign/grants").bearer("erp").json(&form).send().await.code(), "session_required");
    let path = format!("/api/sign/grants/{}", given["id"].as_str().unwrap());
    assert_eq!(desk.stage.api.call(Method::DELETE, &path).bearer("ana").send().await.status, 204);
    assert!(listed().await["revoked_at"].is_string());
    let chained = desk.stage.chained(desk.stage.ours).await;
    assert!(["signature.grant.given", "signature.grant.revoked"].iter().all(|it| chained.iter().any(|is| is == it)));
    covers!("signing: grants are given by people who may sign, listed and taken back, and each is chained");
}

#[tokio::test]
async fn whoever_wants_to_be_asked_is_asked_each_time() {
    let desk = Desk::new().await;
    let mut ana = person(desk.stage.ours, &Permission::of_tenants());
    let Actor::User(user) = *ana.scope.actor() else { panic!("a person") };
    let mut tx = desk.stage.app.store.begin(&Scope::system(desk.stage.ours)).await.unwrap();
    tx.put_signature_config(user, &SignatureConfig { auto_sign: false, ..SignatureConfig::default() }).await.unwrap();
    tx.commit().await.unwrap();
    desk.stage.api.knows("fresh", ana.clone());
    ana.is_stepped_up = false;
    desk.stage.api.knows("stale", ana);
    assert_eq!(desk.xml("stale", desk.mx, "plain", NOTICE).await.code(), "step_up_required");
    assert_eq!(desk.entries().await.pop().unwrap()["action"], "signature.refused");
    assert_eq!(desk.xml("fresh", desk.mx, "plain", NOTICE).await.status, 200);
    covers!("signing: whoever turned automatic signing off proves a factor for each signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_its_order_and_goes_on_after_a_bad_line() {
    let desk = Desk::new().await;
    let line = |id: usize, document: &str| json!({ "id": id.to_string(), "document": STANDARD.encode(document) }).to_string();
    let mut lines: Vec<String> = (0..60).map(|it| line(it, &format!("<a>{it}</a>"))).collect();
    lines[7] = line(7, "<SemillaModel/>");
    lines[9] = "no es JSON".into();
    lines[11] = json!({ "id": "11", "document": "no es base64" }).to_string();
    lines[13] =
        json!({ "id": "13", "document": STANDARD.encode(ECF), "taxpayer": desk.rd.to_string(), "profile": "dgii" }).to_string();
    lines[15] = json!({ "id": "15", "document": "", "otro": 1 }).to_string();
    let query = format!("taxpayer={}", desk.mx);
    let body = format!("\n{}\n\n", lines.join("\n"));
    let answer = desk.sign("ana", &query, "application/x-ndjson", "*/*", body).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    let told: Vec<Value> = String::from_utf8_lossy(&answer.bytes).lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(told.len(), 60);
    let bad = [(7, "purpose_refused"), (9, "json_malformed"), (11, "field_invalid"), (15, "json_malformed")];
    for (place, it) in told.iter().enumerate() {
        assert_eq!(it["line"], place + 1);
        match bad.iter().find(|it| it.0 == place) {
            Some((_, code)) => assert_eq!(it["code"], *code, "{it}"),
            None => {
                assert_eq!(it["id"], place.to_string());
                assert!(xmlsec1_accepts(&STANDARD.decode(it["document"].as_str().unwrap()).unwrap()), "{it}");
            }
        }
    }
    let counters: Vec<u64> = desk.usage(desk.fiel).await.iter().map(|it| it["counter"].as_u64().unwrap()).collect();
    assert_eq!(counters, (1..=55).rev().collect::<Vec<u64>>());
    assert_eq!(desk.stage.api.post("/api/audit/verify").bearer("ana").send().await.is(200)["intact"], true);
    let many = "{}\n".repeat(5_001);
    assert_eq!(desk.sign("ana", &query, "application/x-ndjson", "*/*", many).await.code(), "body_too_large");
    covers!("signing: a batch keeps its order, tells each bad line's code and goes on");
    covers!("signing: the counter of a certificate has no gaps among signatures at once");
}

#[tokio::test]
async fn a_report_says_what_was_signed_by_whom_and_what_was_not() {
    let desk = Desk::new().await;
    let signed = desk.xml("ana", desk.mx, "plain", NOTICE).await.bytes;
    let told = desk.verify("", signed.clone()).await.is(200);
    assert_eq!((told["valid"].as_bool(), told["profile"].as_str()), (Some(true), Some("plain")), "{told}");
    assert_eq!((told["chain"]["state"].as_str(), told["revocation"].as_str()), (Some("unknown"), Some("unknown")));
    assert_eq!((told["dates"]["state"].as_str(), &told["not_covered"]), (Some("good"), &Value::Null));
    assert_eq!((told["signed"]["root"].as_str(), told["signed"]["namespace"].as_str()), (Some("aviso"), Some("urn:x")));
    assert_eq!(told["signer"]["tax_id"], "EKU9003173C9");
    let altered = String::from_utf8_lossy(&signed).replace("1.00", "9.00");
    let told = desk.verify("profile=plain", altered).await.is(200);
    assert_eq!(
        (told["valid"].as_bool(), told["code"].as_str(), &told["signed"]),
        (Some(false), Some("signature_digest"), &Value::Null)
    );
    let told = desk.verify("", NOTICE).await.is(200);
    assert_eq!((told["valid"].as_bool(), told["code"].as_str()), (Some(false), Some("signature_missing")));
    assert_eq!(desk.verify("", "<a>").await.code(), "xml_malformed");
    assert_eq!(desk.verify("profile=otro", NOTICE).await.status, 422);
    // After the certificate's time the signature still holds, and its dates do not.
    desk.stage.clock.advance(SignedDuration::from_hours(24 * 366 * 4));
    let told = desk.verify("", signed).await.is(200);
    assert_eq!((told["valid"].as_bool(), told["dates"]["code"].as_str()), (Some(true), Some("certificate_expired")));
    assert_eq!(desk.xml("ana", desk.mx, "plain", NOTICE).await.code(), "certificate_expired");
    covers!("signing: a report tells the signature, its signer, chain, dates and revocation apart, and nothing unknown is good");
}

fn line(id: &str, document: &str) -> String {
    json!({ "id": id, "document": STANDARD.encode(document) }).to_string()
}

fn lines_of(answer: &TestAnswer) -> Vec<Value> {
    String::from_utf8_lossy(&answer.bytes).lines().map(|it| serde_json::from_str(it).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_repeated_signs_nothing_again() {
    let desk = Desk::new().await;
    let body = [line("a", "<a>1</a>"), line("b", "<a>2</a>"), line("a", "<a>1</a>"), line("a", "<otro/>")].join("\n");
    let send = async |body: String| {
        let call = desk.stage.api.post(&format!("/api/sign/xml?taxpayer={}", desk.mx)).bearer("ana");
        call.header("idempotency-key", "tanda-1").header("accept-language", "en").body("application/x-ndjson", body).send().await
    };
    let first = send(body.clone()).await;
    let told = lines_of(&first);
    let codes: Vec<&str> = told.iter().map(|it| it["code"].as_str().unwrap_or("done")).collect();
    assert_eq!(codes, ["done", "done", "already_created", "already_created"], "one name is signed once");
    assert_eq!((told[2]["id"].as_str(), told[2]["line"].as_u64()), (Some("a"), Some(3)));
    let again = send(body.clone()).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "already_created"), "{}", again.json());
    assert_eq!(send(line("c", "<a>3</a>")).await.code(), "idempotency_reused");
    assert_eq!(desk.usage(desk.fiel).await.len(), 2, "nothing was signed again");
    // Each entry names the call, though the lines were signed after it had answered.
    let request = first.header("x-request-id").to_owned();
    let of_call = desk.entries().await.iter().filter(|it| it["request"] == request.as_str() && it["address"].is_string()).count();
    assert_eq!(of_call, 4, "two intents and two outcomes");
    covers!("signing: a batch that is repeated under its key, or a name in it, signs nothing again");
    covers!("signing: the entries of a batch name their call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_a_batch_speaks_the_readers_language() {
    let desk = Desk::new().await;
    let mut titles = Vec::new();
    for (place, language) in ["es", "en", "en-GB,en;q=0.9,es;q=0.1", "fr"].into_iter().enumerate() {
        let call = desk.stage.api.post(&format!("/api/sign/xml?taxpayer={}", desk.mx)).bearer("ana");
        let call = call.header("idempotency-key", &format!("tanda-{place}")).header("accept-language", language);
        let answer = call.body("application/x-ndjson", line("a", "<SemillaModel/>")).send().await;
        let refused = lines_of(&answer).remove(0);
        assert_eq!(refused["code"], "purpose_refused");
        titles.push(refused["title"].as_str().expect("a title").to_owned());
    }
    assert_eq!((titles[0] == titles[3], titles[1] == titles[2], titles[0] == titles[1]), (true, true, false), "{titles:?}");
    covers!("signing: refusals in a batch speak the language that was asked for, Spanish by default");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_document_is_refused_alike_in_every_form() {
    let desk = Desk::new().await;
    let foreign = ECF.replace(RNC, "101000001");
    let unnamed = ECF.replace("RNCEmisor", "Rnc");
    let envelope = |ns: &str| format!("<s:Envelope xmlns:s=\"{ns}\"><s:Body/></s:Envelope>");
    let rows = [
        ("plain", "<SemillaModel><valor>1</valor></SemillaModel>".to_owned(), "purpose_refused"),
        ("plain", "<x><y:semillamodel xmlns:y=\"urn:y\"/></x>".to_owned(), "purpose_refused"),
        ("dgii", "<SemillaModel><valor>1</valor></SemillaModel>".to_owned(), "purpose_refused"),
        ("plain", envelope("http://schemas.xmlsoap.org/soap/envelope/"), "purpose_refused"),
        ("plain", envelope("http://www.w3.org/2003/05/soap-envelope"), "purpose_refused"),
        ("plain", format!("<x>{}</x>", envelope("http://schemas.xmlsoap.org/soap/envelope/")), "purpose_refused"),
        (
            "plain",
            "<d:SolicitaDescargaEmitidos xmlns:d=\"http://DescargaMasivaTerceros.sat.gob.mx\"/>".to_owned(),
            "purpose_refused",
        ),
        ("plain", "<SolicitaDescarga/>".to_owned(), "purpose_refused"),
        ("plain", "<VerificaSolicitudDescarga/>".to_owned(), "purpose_refused"),
        ("dgii", foreign, "document_foreign"),
        ("dgii", unnamed, "profile_refused"),
        ("dgii", NOTICE.to_owned(), "profile_refused"),
        ("plain", ECF.to_owned(), "profile_refused"),
        ("plain", "<!DOCTYPE a><a/>".to_owned(), "xml_doctype"),
    ];
    for (profile, document, code) in rows {
        let query = format!("taxpayer={}&profile={profile}", desk.rd);
        let xml = desk.sign("ana", &query, "application/xml", "*/*", document.clone()).await;
        let json = desk.sign("ana", &query, "application/xml", "application/json", document.clone()).await;
        let batch = desk.sign("ana", &query, "application/x-ndjson", "*/*", line("a", &document)).await;
        let told = [xml.code(), json.code(), lines_of(&batch)[0]["code"].as_str().unwrap_or_default().to_owned()];
        assert!(told.iter().all(|it| it == code), "{profile} {document}: {told:?}");
        assert_eq!((xml.status, xml.header("content-type")), (json.status, "application/problem+json"), "{document}");
        let chained: Vec<Value> = desk.entries().await.into_iter().rev().take(3).collect();
        assert!(chained.iter().all(|it| it["action"] == "signature.refused" && it["code"] == code), "{document}: {chained:?}");
    }
    assert!(desk.usage(desk.ecf).await.is_empty());
    covers!("signing: sessions, requests and documents of others are refused for one reason as XML, JSON and NDJSON");
}

#[tokio::test]
async fn a_person_who_was_given_a_grant_signs_within_it() {
    let desk = Desk::new().await;
    let ids = crate::belongings::of(&desk.stage, desk.stage.ours).await;
    let user = ids.iter().find(|it| it.starts_with("usr_")).expect("a member").clone();
    let mut eva = person(desk.stage.ours, &Permission::of_tenants());
    let id = user.parse().expect("an id");
    eva.scope = Scope::signed_in(desk.stage.ours, Actor::User(id), Permission::of_tenants());
    desk.stage.api.knows("eva", eva);
    assert_eq!(desk.xml("eva", desk.rd, "dgii", ECF).await.status, 200, "by her role");
    let give = async |who: &str, principal: &str, amount: Value| {
        let form = json!({
            "principal": principal, "certificate": desk.ecf.to_string(), "profile": "dgii", "not_after": "2027-01-01T00:00:00Z",
            "max_amount": amount, "currency": if amount.is_null() { Value::Null } else { "DOP".into() },
        });
        desk.stage.api.post("/api/sign/grants").bearer(who).json(&form).send().await
    };
    let first = give("ana", &user, "118.00".into()).await.is(201);
    assert_eq!(desk.xml("eva", desk.rd, "dgii", ECF).await.status, 200);
    let used = desk.usage(desk.ecf).await.remove(0);
    assert_eq!((used["grant"].as_str(), used["actor"].as_str()), (first["id"].as_str(), Some(user.as_str())), "{used}");
    for (document, profile, code) in [
        (ECF.replace("118.00", "118.01"), "dgii", "signature_grant_amount"),
        (ECF.replace("118.00", "ciento"), "dgii", "signature_grant_unread"),
        ("<a/>".to_owned(), "plain", "signature_grant_profile"),
    ] {
        assert_eq!(desk.xml("eva", desk.rd, profile, &document).await.code(), code, "{document}");
    }
    // Nobody who is bound widens it, for themselves or by way of a program of theirs.
    let key = ids.iter().find(|it| it.starts_with("key_")).expect("a key");
    for principal in [&user, key] {
        assert_eq!(give("eva", principal, Value::Null).await.code(), "permission_denied");
    }
    // For another certificate she signs by her role, as before; and others sign as they did.
    assert_eq!(desk.xml("eva", desk.mx, "plain", NOTICE).await.status, 200);
    assert_eq!(desk.xml("ana", desk.rd, "dgii", &ECF.replace("118.00", "999.00")).await.status, 200);
    // Taken back, it sets nobody free; a wider one does what it says.
    let path = format!("/api/sign/grants/{}", first["id"].as_str().expect("an id"));
    assert_eq!(desk.stage.api.call(Method::DELETE, &path).bearer("ana").send().await.status, 204);
    assert_eq!(desk.xml("eva", desk.rd, "dgii", ECF).await.code(), "signature_grant_revoked");
    desk.stage.clock.advance(SignedDuration::from_secs(1));
    give("ana", &user, Value::Null).await.is(201);
    assert_eq!(desk.xml("eva", desk.rd, "dgii", &ECF.replace("118.00", "5000.00")).await.status, 200);
    assert_eq!(desk.stage.api.post("/api/audit/verify").bearer("ana").send().await.is(200)["intact"], true);
    covers!("signing: a person who was given a grant signs within it alone, and widens it for nobody");
}

/// One step of a small seeded generator of numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    /// Bytes that were changed in one place or three.
    fn mutated(&mut self, document: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = document.to_vec();
        for _ in 0..=self.roll(2) {
            let at = self.roll(bytes.len().max(1)).min(bytes.len());
            let end = (at + self.roll(40)).min(bytes.len());
            match self.roll(12) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let again = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, again));
                }
                3 if at < bytes.len() => bytes[at] ^= 1 << self.roll(8),
                4 => drop(bytes.splice(at..at, b"<!--x--><SemillaModel/>".iter().copied())),
                5 => {
                    let other = &others[self.roll(others.len())];
                    let from = self.roll(other.len());
                    let to = (from + self.roll(200)).min(other.len());
                    drop(bytes.splice(at..end, other[from..to].iter().copied()));
                }
                6..11 => {
                    let letters: Vec<usize> = (0..bytes.len()).filter(|it| bytes[*it].is_ascii_digit()).collect();
                    if !letters.is_empty() {
                        let at = letters[self.roll(letters.len())];
                        bytes[at] = b'0' + self.roll(10) as u8;
                    }
                }
                _ => drop(bytes.splice(at..at, [b'<', b'&', b'>', 0, 0xff, b'"'][self.roll(6)..].iter().copied())),
            }
        }
        bytes
    }
}

/// Documents of every kind: made here, signed here, and the published ones where they are.
async fn documents(desk: &Desk) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        [NOTICE, ECF, "<SemillaModel><valor>x</valor></SemillaModel>"].map(|it| it.as_bytes().to_vec()).into();
    for (taxpayer, profile, document) in [(desk.mx, "plain", NOTICE), (desk.rd, "dgii", ECF)] {
        all.push(desk.xml("ana", taxpayer, profile, document).await.bytes.to_vec());
    }
    if let Some(root) = fixtures::maybe() {
        let mut folders = vec![root];
        while let Some(folder) = folders.pop() {
            let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
            found.sort();
            for path in found {
                let is_small = path.metadata().is_ok_and(|it| it.len() < 20_000);
                if path.is_dir() {
                    folders.push(path);
                } else if is_small && path.extension().is_some_and(|it| it == "xml") && all.len() < 60 {
                    all.push(std::fs::read(path).unwrap());
                }
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_mutants_are_refused_for_their_reason_or_signed_as_they_should_be() {
    let mut desk = Desk::new().await;
    desk.stage.api.chained = None; // Each entry is looked at elsewhere.
    let (all, mut dice) = (documents(&desk).await, Dice(7));
    let reasons = [
        "purpose_refused",
        "profile_refused",
        "document_foreign",
        "document_signed",
        "xml_malformed",
        "xml_doctype",
        "xml_too_large",
        "xml_too_deep",
    ];
    let mut signed = 0;
    for place in 0..2_000 {
        let source = if dice.roll(2) == 0 { &all[place % 5] } else { &all[place % all.len()] };
        let mutant = dice.mutated(source, &all);
        let (taxpayer, profile) = if dice.roll(2) == 0 { (desk.mx, "plain") } else { (desk.rd, "dgii") };
        let query = format!("taxpayer={taxpayer}&profile={profile}");
        let answer = desk.sign("ana", &query, "application/xml", "*/*", mutant.clone()).await;
        let shown = String::from_utf8_lossy(&mutant);
        if answer.status == 200 {
            signed += 1;
            assert!(!shown.contains("<SemillaModel"), "{shown}");
            let told = desk.verify("", answer.bytes.clone()).await.is(200);
            assert_eq!(told["valid"], true, "{told} {shown}");
        } else {
            assert!(reasons.contains(&answer.code().as_str()), "mutant {place}: {} {shown}", answer.code());
        }
        let told = desk.verify("", mutant.clone()).await;
        let known = told.json()["valid"].is_boolean() || told.code().starts_with("xml_");
        assert!(known && told.status != 500, "mutant {place}: {shown}");
    }
    assert!(signed > 20, "some are documents still: {signed}");
    let total = desk.usage(desk.fiel).await.len() + desk.usage(desk.ecf).await.len();
    assert!(total >= signed.min(500), "{total} of {signed}");
    covers!("signing: 2,000 mutants are signed or verified, or refused for an exact reason");
}
