//! The chain over HTTP: found, verified, proven, taken outside; and what its entries say.

use crate::support::Stage;
use fedatario_api::testing::{TestAnswer, person};
use fedatario_app::audit_trail::ports::AuditQuestion;
use fedatario_app::identity::service::NO_TENANT;
use fedatario_audit::custody::verify_custody;
use fedatario_audit::proof::verify_proof;
use fedatario_audit::{Event, PublicKey, verify_export};
use fedatario_base::id::{CredentialId, TaxpayerId};
use fedatario_base::{Actor, Clock, Permission, Scope};
use serde_json::{Value, json};

/// Where the tests call from.
const ADDRESS: &str = "127.0.0.1";

struct Scene {
    stage: Stage,
}

impl Scene {
    async fn new() -> Self {
        let stage = Stage::new().await;
        stage.api.knows("all", person(stage.ours, Permission::ALL));
        stage.api.knows("looks", person(stage.ours, &[Permission::AuditRead]));
        Self { stage }
    }

    async fn get(&self, path: &str) -> Value {
        self.stage.api.get(path).bearer("all").send().await.is(200)
    }

    async fn post(&self, path: &str, body: &Value) -> TestAnswer {
        self.stage.api.post(path).bearer("all").json(body).send().await
    }

    async fn register(&self, rnc: &str) -> TestAnswer {
        let form = json!({ "kind": "rnc", "tax_id": rnc, "name": "Ñandú SRL", "environment": "sandbox" });
        self.post("/api/taxpayers", &form).await
    }

    /// Entries of a test's own.
    async fn append(&self, count: u64) {
        let mut tx = self.stage.app.store.begin(&Scope::system(self.stage.ours)).await.unwrap();
        for number in 0..count {
            let event = Event::new(self.stage.clock.wall(), &Actor::System, "test.happened").field("number", number);
            tx.append(event, None).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    async fn key(&self) -> PublicKey {
        self.get("/api/audit/key").await["key"].as_str().unwrap().parse().unwrap()
    }
}

fn numbers(page: &Value) -> Vec<u64> {
    page["data"].as_array().unwrap().iter().map(|it| it["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_entry_says_by_which_request_it_came_and_seals_from_where() {
    let scene = Scene::new().await;
    let made = scene.register("131880738").await;
    assert!(made.status.is_success(), "{}", made.json());
    let request = made.header("x-request-id").to_owned();
    let found = scene.get(&format!("/api/audit/logs?request={request}")).await;
    let entry = &found["data"][0];
    assert_eq!(
        (entry["entry"]["action"].as_str(), entry["entry"]["request"].as_str()),
        (Some("taxpayer.added"), Some(request.as_str()))
    );
    assert_eq!(entry["address"], ADDRESS, "opened for whoever may read the audit: {entry}");
    for name in ["at", "actor", "action", "object", "result", "tenant"] {
        assert!(entry["entry"][name].is_string(), "{name}: {entry}");
    }
    let mut tx = scene.stage.app.store.read(&Scope::system(scene.stage.ours)).await.unwrap();
    let rows = tx.audit_found(&AuditQuestion::default(), None, 100).await.unwrap();
    for row in &rows {
        let all = [row.row.entry.as_slice(), row.origin.as_deref().unwrap_or_default(), row.detail.as_deref().unwrap_or_default()]
            .concat();
        assert!(!String::from_utf8_lossy(&all).contains(ADDRESS), "the address is nowhere in clear");
    }
    drop(tx);
    let one = scene.get(&format!("/api/audit/logs/{}", entry["n"])).await;
    assert_eq!(&one, entry);
    assert_eq!(scene.stage.api.get("/api/audit/logs/99999").bearer("all").send().await.status, 404);
    // What was refused to somebody known, too.
    let refused = scene.stage.api.post("/api/audit/exports").bearer("looks").send().await;
    assert_eq!(refused.status, 403);
    let told = scene.get("/api/audit/logs?result=refused&order=newest").await;
    assert_eq!(
        (told["data"][0]["entry"]["action"].as_str(), told["data"][0]["address"].as_str()),
        (Some("api.refused"), Some(ADDRESS))
    );
    assert_eq!(told["data"][0]["entry"]["request"], refused.header("x-request-id"));
    assert_eq!(scene.post("/api/audit/verify", &Value::Null).await.is(200)["intact"], true);
    fedatario_testkit::covers!("audit: every entry of a call names its request and seals its address, acts and refusals alike");
}

#[tokio::test]
async fn entries_are_found_by_what_they_say() {
    let scene = Scene::new().await;
    scene.register("131880738").await;
    scene.append(12).await;
    scene.stage.clock.advance(jiff::SignedDuration::from_mins(5));
    let later = scene.stage.clock.wall();
    scene.append(3).await;
    let all = numbers(&scene.get("/api/audit/logs").await);
    assert_eq!(all, (1..=16).collect::<Vec<_>>());
    for (query, expected) in [
        ("action=taxpayer.added", vec![1]),
        ("action=taxpayer.", vec![1]),
        ("action=test.&actor=system&limit=3", vec![2, 3, 4]),
        ("action=test.happened&order=newest&limit=2", vec![16, 15]),
        ("action=test", vec![]),
        ("actor=nobody", vec![]),
        ("result=refused", vec![]),
        (&format!("from={later}"), vec![14, 15, 16]),
        (&format!("until={later}&order=newest&limit=1"), vec![13]),
    ] {
        assert_eq!(numbers(&scene.get(&format!("/api/audit/logs?{query}")).await), expected, "{query}");
    }
    let object = scene.get("/api/audit/logs/1").await["entry"]["object"].as_str().unwrap().to_owned();
    assert_eq!(numbers(&scene.get(&format!("/api/audit/logs?object={object}")).await), [1]);
    // From the newest backwards, page by page.
    let (mut seen, mut path) = (Vec::new(), "/api/audit/logs?order=newest&action=test.&limit=4".to_owned());
    loop {
        let page = scene.get(&path).await;
        seen.extend(numbers(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/audit/logs?order=newest&action=test.&limit=4&cursor={next}");
    }
    assert_eq!(seen, (2..=16).rev().collect::<Vec<_>>());
    for bad in ["result=good", "order=up", "from=yesterday", "actor=", "colour=red"] {
        let answer = scene.stage.api.get(&format!("/api/audit/logs?{bad}")).bearer("all").send().await;
        assert_eq!(answer.status.as_u16() / 100, 4, "{bad}");
    }
    fedatario_testkit::covers!(
        "audit: entries are found by actor, action, object, result, time and request, from either end, page by page"
    );
}

#[tokio::test]
async fn a_part_is_verified_and_so_is_what_came_after_a_checkpoint() {
    let scene = Scene::new().await;
    scene.append(20).await;
    let kept = scene.post("/api/audit/checkpoints", &Value::Null).await.is(200);
    assert_eq!((kept["size"].as_u64(), kept["anchored"].as_bool()), (Some(20), Some(true)));
    scene.append(5).await; // Entry 21 tells of the checkpoint.
    let listed = scene.get("/api/audit/checkpoints").await;
    assert_eq!(listed["data"][0], kept);
    let verify = async |body: Value| scene.post("/api/audit/verify", &body).await.is(200);
    let whole = verify(json!({})).await;
    assert_eq!(
        (whole["entries"].as_u64(), whole["anchored"].as_u64(), whole["unanchored"].as_u64()),
        (Some(26), Some(20), Some(6))
    );
    let part = verify(json!({ "from": 5, "to": 9 })).await;
    assert_eq!((part["intact"].as_bool(), part["entries"].as_u64(), part["head"]["n"].as_u64()), (Some(true), Some(5), Some(9)));
    let since = verify(json!({ "checkpoint": kept["note"] })).await;
    assert_eq!((since["intact"].as_bool(), since["entries"].as_u64()), (Some(true), Some(6)));
    for (body, status) in [
        (json!({ "from": 9, "to": 5 }), 422),
        (json!({ "from": 0 }), 422),
        (json!({ "from": 99 }), 404),
        (json!({ "checkpoint": "nonsense" }), 422),
        (json!({ "whole": true }), 422),
    ] {
        let answer = scene.post("/api/audit/verify", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.json());
    }
    fedatario_testkit::covers!("audit: a part of the chain is verified over HTTP, by numbers or after a checkpoint");
}

#[tokio::test]
async fn an_entry_is_proven_without_the_others_and_an_old_checkpoint_against_a_new_one() {
    let scene = Scene::new().await;
    scene.append(150).await;
    let key = scene.key().await;
    for n in [1, 64, 65, 128, 150] {
        let proof = scene.stage.api.get(&format!("/api/audit/proofs/{n}")).bearer("all").send().await;
        let verdict = verify_proof(&proof.bytes, Some(&key)).unwrap();
        assert!(verdict.holds() && verdict.n == n && verdict.size == 150, "{verdict:?}");
    }
    let old = scene.post("/api/audit/checkpoints", &Value::Null).await.is(200);
    scene.append(30).await;
    let told = scene.post("/api/audit/consistency", &json!({ "checkpoint": old["note"] })).await.is(200);
    assert_eq!((told["consistent"].as_bool(), told["old"].as_u64(), told["new"].as_u64()), (Some(true), Some(150), Some(181)));
    assert!(verify_proof(told["proof"].to_string().as_bytes(), Some(&key)).unwrap().holds());
    // Under the checkpoint that was handed out, while there is one.
    let proof = scene.get("/api/audit/proofs/3").await;
    assert_eq!(proof["checkpoint"], old["note"]);
    assert_eq!(scene.stage.api.get("/api/audit/proofs/182").bearer("all").send().await.status, 404);
    let theirs = scene.post("/api/audit/consistency", &json!({ "checkpoint": "x" })).await;
    assert_eq!(theirs.code(), "audit_format");
    fedatario_testkit::covers!("audit: proofs of entries and between checkpoints over HTTP hold under the tenant's key");
}

#[tokio::test]
async fn a_part_is_taken_outside_and_a_sheet_runs_nothing() {
    let scene = Scene::new().await;
    scene.append(90).await;
    let key = scene.key().await;
    let taken = scene.post("/api/audit/exports", &json!({ "from": 70, "to": 80 })).await;
    assert_eq!(taken.status, 200);
    assert!(taken.header("link").contains("/api/audit/instructions"));
    let verdict = verify_export(taken.bytes.as_ref(), Some(&key)).unwrap();
    assert!(verdict.is_intact() && verdict.entries == 11 && verdict.head.n == 80, "{verdict:?}");
    let whole = scene.post("/api/audit/exports", &Value::Null).await;
    assert!(verify_export(whole.bytes.as_ref(), Some(&key)).unwrap().is_intact());

    let mut tx = scene.stage.app.store.begin(&Scope::system(scene.stage.ours)).await.unwrap();
    let event = Event::new(scene.stage.clock.wall(), &Actor::System, "test.formula").object("=cmd|' /C calc'!A0");
    tx.append(event, None).await.unwrap();
    tx.commit().await.unwrap();
    let sheet = scene.post("/api/audit/exports", &json!({ "format": "csv" })).await;
    let text = String::from_utf8(sheet.bytes.to_vec()).unwrap();
    assert!(text.starts_with("n,at,actor,") && text.contains("'=cmd|") && !text.contains(",=cmd"), "{text}");
    assert_eq!(text.lines().count(), 1 + 93, "a heading, ninety entries, two exports, one formula");
    let script = scene.stage.api.get("/api/audit/verifier").bearer("all").send().await;
    assert!(String::from_utf8_lossy(&script.bytes).contains("def verify_export"));
    let how = scene.stage.api.get("/api/audit/instructions").bearer("all").send().await;
    assert!(String::from_utf8_lossy(&how.bytes).contains("verify_audit.py"));
    fedatario_testkit::covers!("audit: a part is exported with its own checkpoint; as CSV nothing in it runs");
}

#[tokio::test]
async fn whoever_is_unknown_is_counted_by_address_and_minute() {
    let scene = Scene::new().await;
    for _ in 0..5 {
        assert_eq!(scene.stage.api.get("/api/audit/logs").send().await.status, 401);
    }
    scene.stage.clock.advance(jiff::SignedDuration::from_secs(60));
    assert_eq!(scene.stage.api.get("/api/audit/logs").bearer("nobody").send().await.status, 401);
    let mut tx = scene.stage.app.store.read(&Scope::system(NO_TENANT)).await.unwrap();
    let rows = tx.audit_rows(1, 100).await.unwrap();
    let told: Vec<Value> = rows.iter().map(|it| serde_json::from_slice(&it.entry).unwrap()).collect();
    let told: Vec<&Value> = told.iter().filter(|it| it["action"] == "api.unknown.refused").collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0]["fields"]["counted_before"].as_u64(), told[1]["fields"]["counted_before"].as_u64()), (Some(0), Some(5)));
    assert!(told.iter().all(|it| it["address"].is_string() && !it.to_string().contains(ADDRESS)));
    fedatario_testkit::covers!("audit: denials of whoever is unknown are counted per address and minute in the platform's chain");
}

/// Changes one value of a row of the chain as whoever can write to the database would: a number by a thousand, a text
/// in its first letter, bytes by a bit at a place, anything to nothing; and puts back what was there.
const TAMPER: &str = r#"
import sqlite3, sys
file, column, n, place, kept = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
c = sqlite3.connect(file, timeout=30)
rowid, old = c.execute(f"select rowid, {column} from audit_entries where n = ? order by rowid limit 1", (n,)).fetchone()
if place < 0: new = None
elif isinstance(old, int): new = old + 1000
elif isinstance(old, str): new = ("x" if old[0] != "x" else "y") + old[1:]
else: new = bytes(b ^ (1 if i == place % len(old) else 0) for i, b in enumerate(old))
open(kept, "w").write(repr((rowid, old)))
c.execute(f"update audit_entries set {column} = ? where rowid = ?", (new, rowid))
c.commit()
"#;
const RESTORE: &str = r#"
import ast, sqlite3, sys
rowid, old = ast.literal_eval(open(sys.argv[3]).read())
c = sqlite3.connect(sys.argv[1], timeout=30)
c.execute(f"update audit_entries set {sys.argv[2]} = ? where rowid = ?", (old, rowid))
c.commit()
"#;
const COLUMNS: &str = r#"
import sqlite3, sys
print(*[it[1] for it in sqlite3.connect(sys.argv[1]).execute("pragma table_info(audit_entries)")])
"#;

fn python(script: &str, arguments: &[&str]) -> String {
    let done = std::process::Command::new("python3").arg("-c").arg(script).args(arguments).output().expect("python3 is installed");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_stands_beside_an_entry_is_held_against_it() {
    let scene = Scene::new().await;
    assert!(scene.register("131880738").await.status.is_success());
    scene.append(3).await;
    let file = scene.stage.file();
    let file = file.to_str().expect("UTF-8");
    let kept = tempfile::NamedTempFile::new().expect("a file");
    let kept = kept.path().to_str().expect("UTF-8");
    let columns = python(COLUMNS, &[file]);
    // Where it is whose row it is, or which, entries are missing there: told where the hole is.
    let blobs: Vec<i64> = vec![0, 1, 2, 5, 6, 17, 20, 40, 77];
    let sealed: Vec<i64> = vec![16, 17, 18, 21, 22, 33, 36, 56, 90];
    for column in columns.split_whitespace() {
        let places = match column {
            "detail" => [&[-1], &blobs[..]].concat(),
            // The first sixteen say under whose key it is sealed; where that is nobody's, nothing can be opened.
            "origin" => [&[-1], &sealed[..]].concat(),
            "prev" | "hash" | "entry" => blobs.clone(),
            "object" | "request" => vec![-1, 0],
            _ => vec![0],
        };
        for place in places {
            python(TAMPER, &[file, column, "1", &place.to_string(), kept]);
            let told = scene.post("/api/audit/verify", &json!({})).await.is(200);
            assert_eq!(told["intact"], false, "{column} at {place}");
            let damage = &told["damage"][0];
            match column {
                "tenant_id" => assert_eq!(damage["kind"], "gap", "{told}"),
                "n" => assert!(damage["kind"].is_string(), "{told}"), // It is read in another place.
                _ => assert_eq!((damage["kind"].as_str(), damage["n"].as_u64()), (Some("altered"), Some(1)), "{column}: {told}"),
            }
            python(RESTORE, &[file, column, kept]);
            scene.stage.clock.advance(jiff::SignedDuration::from_secs(5));
        }
    }
    let part = scene.post("/api/audit/verify", &json!({ "from": 1, "to": 2 })).await.is(200);
    assert_eq!((part["intact"].as_bool(), part["entries"].as_u64()), (Some(true), Some(2)), "{part}");
    fedatario_testkit::covers!(
        "audit: each column of the table that stands beside an entry is held against it, and what is sealed there too"
    );
}

/// A certificate of ours, as a row: its key is never used here.
async fn certificate(scene: &Scene) -> CredentialId {
    let now = scene.stage.clock.wall();
    let taxpayer: TaxpayerId = scene.register("131880738").await.json()["id"].as_str().unwrap().parse().unwrap();
    let row = crate::trust::row_of(taxpayer, &[0x30, 0x82, 0, 1], now + jiff::SignedDuration::from_hours(24 * 365), now);
    let id = row.id;
    let mut tx = scene.stage.app.store.begin(&Scope::system(scene.stage.ours)).await.unwrap();
    tx.put_credential(&row, now).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Signatures as the log of them tells: each intended and ended, but those of `open` only intended.
async fn signed(scene: &Scene, id: CredentialId, counters: std::ops::RangeInclusive<u64>, open: &[u64]) {
    let mut tx = scene.stage.app.store.begin(&Scope::system(scene.stage.ours)).await.unwrap();
    for counter in counters {
        let of = |action: &str| Event::new(scene.stage.clock.wall(), &Actor::System, action).object(id).field("counter", counter);
        let intended = of("signature.intended").field("profile", "dgii").field("purpose", "document").field("root", "ECF");
        let n = tx.append(intended.digest("document", &[counter as u8; 32]), None).await.unwrap();
        if !open.contains(&counter) {
            tx.append(of("signature.ended").field("intent", n).digest("signed", &[0xee; 32]), None).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn every_signature_of_a_certificate_is_reported() {
    let scene = Scene::new().await;
    let id = certificate(&scene).await;
    let key = scene.key().await;
    let path = format!("/api/certificates/{id}/custody");
    signed(&scene, id, 1..=3, &[]).await;
    let report = scene.stage.api.get(&path).bearer("looks").send().await;
    let (verdict, told) = verify_custody(&report.bytes, Some(&key)).unwrap();
    assert!(verdict.holds() && verdict.gapless && verdict.uses == 3, "{verdict:?}");
    assert_eq!(told.report.signatures[2].document, "03".repeat(32));

    // One that nothing tells the end of, and then a hole.
    signed(&scene, id, 4..=4, &[4]).await;
    signed(&scene, id, 7..=7, &[]).await;
    let report = scene.get(&path).await;
    let kinds: Vec<(&str, u64)> = report["report"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["kind"].as_str().unwrap(), it["counter"].as_u64().unwrap()))
        .collect();
    assert_eq!((kinds, report["report"]["gapless"].as_bool()), (vec![("open", 4), ("gap", 5)], Some(false)));

    let page = scene.stage.api.get(&format!("{path}?format=html")).bearer("all").send().await;
    let text = String::from_utf8_lossy(&page.bytes).into_owned();
    assert!(
        text.starts_with("<!DOCTYPE html>") && text.contains("Reporte de custodia") && text.contains(&"03".repeat(32)),
        "{text}"
    );
    assert!(!text.contains("<script"));
    assert_eq!(
        scene
            .stage
            .api
            .get(&format!("/api/certificates/{}/custody", CredentialId::fresh(scene.stage.clock.wall())))
            .bearer("all")
            .send()
            .await
            .status,
        404
    );
    fedatario_testkit::covers!(
        "audit: the custody report of a certificate over HTTP, signed, and as a page, gaps and open ends told"
    );
}
