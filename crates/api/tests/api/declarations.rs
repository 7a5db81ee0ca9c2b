//! What operations declare is what they do, all of them.

use crate::belongings;
use crate::support::{OPERATIONS as MATRIX, Stage};
use axum::http::Method;
use fedatario_api::describe::Place;
use fedatario_api::operation::Access;
use fedatario_api::routes;
use fedatario_api::routing::Entry;
use fedatario_api::testing::{MapDoor, person};
use fedatario_base::Permission;

fn row(entry: &Entry) -> String {
    format!("{} {}", entry.operation.method, entry.operation.path)
}

/// Says why a cell of the matrix cannot be.
fn apart(entry: &Entry, why: &str, column: &str) {
    fedatario_testkit::covers!(format!("{MATRIX} n/a"), format!("{}: {why}", row(entry)), column);
}

/// Texts that have the form of each part of a path, and name nothing.
fn filled(entry: &Entry) -> String {
    filled_with(entry, &[])
}

/// The same with these ids, where they are of the kind that a part asks for.
fn filled_with(entry: &Entry, ids: &[String]) -> String {
    let mut path = entry.operation.path.to_owned();
    for (name, kind) in parts_of(entry) {
        let prefixed = |prefix: &str| ids.iter().find(|it| it.starts_with(prefix)).cloned();
        let text = match &kind {
            Part::Id(prefix) => prefixed(prefix).unwrap_or_else(|| format!("{prefix}01h455vb4pex5vsknk084sn02q")),
            Part::Number => "2025".to_owned(),
            Part::Text => belongings::RFC.to_owned(),
        };
        path = path.replace(&format!("{{{name}}}"), &text);
    }
    let asked = entry.description.parameters.iter().filter(|it| it.place == Place::Query && (it.required || it.name == "year"));
    let pairs: Vec<String> = asked.map(|it| format!("{}={}", it.name, sample(&it.name))).collect();
    if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
}

/// Something that a parameter that must be there understands.
fn sample(name: &str) -> &'static str {
    match name {
        "format" => "csv",
        "year" => "2025",
        "period" => "2025-03",
        "rfc" => belongings::RFC,
        _ => "1",
    }
}

enum Part {
    Id(String),
    Number,
    Text,
}

/// What each part of a path is, by its schema.
fn parts_of(entry: &Entry) -> Vec<(&'static str, Part)> {
    let schemas = entry.description.parameters.iter().filter(|it| it.name.is_empty());
    let kind = |schema: &serde_json::Value| {
        let prefix = schema["pattern"].as_str().and_then(|it| Some(format!("{}_", it.strip_prefix('^')?.split('_').next()?)));
        prefix.map_or(if schema["type"] == "integer" { Part::Number } else { Part::Text }, Part::Id)
    };
    entry.operation.path_names().zip(schemas).map(|(name, part)| (name, kind(&part.schema))).collect()
}

#[test]
fn nothing_is_declared_wrongly() {
    assert_eq!(routes::all().faults(), Vec::<String>::new());
    let silent = routes::all().entries().iter().filter(|it| it.operation.audits.is_none()).cloned().collect::<Vec<_>>();
    silent.iter().for_each(|it| apart(it, "it changes nothing", "audit entry"));
    fedatario_testkit::covers!("api: every declaration is whole, and bodies take no unknown field");
}

/// Operations that leave an entry and change nothing that has values, and why: where a value changes, the
/// operation declares it, and each test that calls it sees before and after in its entry.
const ACTS: &[(&str, &str)] = &[
    ("audit.checkpoint", "it makes evidence"),
    ("audit.export", "it takes out a copy"),
    ("auth.bootstrap", "there was nothing before"),
    ("auth.email.ask_change", "nothing is changed yet"),
    ("auth.factors.confirm", "a second factor is a secret"),
    ("auth.factors.passkey.confirm", "a second factor is a secret"),
    ("auth.login", "a session is no setting"),
    ("auth.logout", "a session is no setting"),
    ("auth.mfa.passkey.verify", "a session is no setting"),
    ("auth.mfa.verify", "a session is no setting"),
    ("auth.password.change", "a password is a secret"),
    ("auth.password.reset", "a password is a secret"),
    ("auth.password.reset.passkey.confirm", "a password is a secret"),
    ("auth.recovery.call_off", "the entry names the recovery and its end"),
    ("auth.recovery_codes.make", "recovery codes are secrets"),
    ("auth.sessions.close", "a session is no setting"),
    ("auth.sessions.close_others", "a session is no setting"),
    ("auth.step_up", "a session is no setting"),
    ("auth.step_up.passkey.verify", "a session is no setting"),
    ("auth.switch", "a session is no setting"),
    ("certificates.load", "the entry counts what is new of a published list"),
    ("checks.ask", "it asks for work"),
    ("documents.export", "it takes out a copy"),
    ("efos.load", "the entry has the digest of a published list"),
    ("installation.log_user_out", "a session is no setting"),
    ("installation.unlock_user", "counted failures are forgotten"),
    ("members.logout", "a session is no setting"),
    ("members.unlock", "counted failures are forgotten"),
    ("packages.content", "it takes out a copy"),
    ("packages.import", "the entry has the digest of what came in"),
    ("recovery.call_off", "the entry names the recovery and its end"),
    ("recovery.start", "the entry names the recovery and its day"),
    ("reports.make", "it makes evidence"),
    ("sat.requests.ask", "it asks for work"),
    ("sat.years.ask", "it asks for work"),
    ("sign.xml", "the entries have the digests"),
    ("tenant.export", "it takes out a copy"),
    ("tenant.test_mail", "it sends a mail"),
    ("vault.backups.approve", "the entry names the backup and who approved it"),
    ("vault.backups.ask", "the entry names the backup and its reason's digest"),
    ("vault.backups.call_off", "the entry names the backup and its end"),
    ("vault.backups.take", "it takes out a copy"),
    ("vault.restore", "each credential that comes back has an entry of its own"),
    ("vault.rotate", "the entry counts what was moved"),
    ("webhooks.replay", "it sends again"),
    ("webhooks.replay_one", "it sends again"),
    ("webhooks.test", "it sends an event"),
];

#[test]
fn whatever_changes_a_value_says_what_was_before_and_after() {
    let catalog = routes::all();
    for entry in catalog.entries() {
        let operation = &entry.operation;
        let act = ACTS.iter().find(|it| it.0 == operation.id);
        match (operation.audits, operation.changes, act) {
            (None, false, None) => apart(entry, "it changes nothing", "before and after"),
            (Some(_), false, Some((_, why))) => apart(entry, why, "before and after"),
            (Some(_), true, None) => {} // Claimed by whichever test calls it and looks at its entry.
            (audits, changes, act) => panic!("{}: audits {audits:?}, changes {changes}, act {act:?}", operation.id),
        }
    }
    let known = |id: &str| catalog.entries().iter().any(|it| it.operation.id == id);
    let strangers: Vec<&str> = ACTS.iter().map(|it| it.0).filter(|it| !known(it) && !it.contains("passkey")).collect();
    assert_eq!(strangers, Vec::<&str>::new(), "operations of an earlier day");
    fedatario_testkit::covers!(
        "audit: every operation that leaves an entry says whether it changes values, and each that does seals before and after"
    );
}

#[tokio::test]
async fn nobody_comes_in_without_a_credential() {
    let stage = Stage::new().await;
    for entry in routes::all().entries() {
        if entry.operation.access == Access::Anyone {
            apart(entry, "it is open to anyone", "no credential");
            continue;
        }
        let method: Method = entry.operation.method.clone();
        let answer = stage.api.call(method, &filled(entry)).send().await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "unauthenticated"), "{entry:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{entry:?}");
        fedatario_testkit::covers!(MATRIX, row(entry), "no credential");
    }
    assert!(stage.chained(stage.ours).await.is_empty(), "nobody was known, so nothing is chained");
    fedatario_testkit::covers!("api: every operation refuses whoever shows no credential");
}

#[tokio::test]
async fn whoever_lacks_the_permission_is_refused_and_the_chain_says_so() {
    let stage = Stage::new().await;
    for entry in routes::all().entries() {
        let Some(permission) = entry.operation.permission() else {
            for column in ["permission missing", "refusal chained"] {
                apart(entry, "it asks for no permission", column);
            }
            continue;
        };
        let others: Vec<Permission> = Permission::ALL.iter().copied().filter(|it| *it != permission).collect();
        stage.api.knows("others", person(stage.ours, &others));
        let before = stage.chained(stage.ours).await.len();
        let answer = stage.api.call(entry.operation.method.clone(), &filled(entry)).bearer("others").send().await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "permission_denied"), "{entry:?}");
        assert_eq!(answer.json()["permission"], permission.text(), "{entry:?}");
        assert_eq!(stage.chained(stage.ours).await[before..], ["api.refused"], "{entry:?}");
        fedatario_testkit::covers!(MATRIX, row(entry), "permission missing");
        fedatario_testkit::covers!(MATRIX, row(entry), "refusal chained");
        stage.clock.advance(jiff::SignedDuration::from_secs(61));
    }
    assert!(stage.chained(stage.theirs).await.is_empty());
    fedatario_testkit::covers!("api: every operation refuses whoever lacks its permission, and chains it");
}

#[tokio::test]
async fn the_document_says_what_is_declared() {
    let stage = Stage::new().await;
    let document = stage.api.get("/api/openapi.json").send().await.is(200);
    assert_eq!(document["openapi"], "3.1.0");
    let mut seen = 0;
    for entry in routes::all().entries() {
        let operation = &entry.operation;
        let told = &document["paths"][operation.path][operation.method.as_str().to_ascii_lowercase()];
        assert_eq!(told["operationId"], operation.id, "{entry:?}");
        assert_eq!(told["x-permission"], operation.permission_text(), "{entry:?}");
        assert_eq!(told["x-idempotency"], operation.idempotency.text(), "{entry:?}");
        assert_eq!(told["security"].as_array().map(Vec::is_empty), Some(operation.access == Access::Anyone), "{entry:?}");
        seen += 1;
    }
    let all: usize = document["paths"].as_object().expect("paths").values().map(|it| it.as_object().map_or(0, |it| it.len())).sum();
    assert_eq!(all, seen);
    references_resolve(&document, &document);
    fedatario_testkit::covers!("api: the OpenAPI document is written from the declarations");
}

/// Every `$ref` of the document leads somewhere in it.
fn references_resolve(document: &serde_json::Value, value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            if let Some(target) = map.get("$ref").and_then(|it| it.as_str()) {
                assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
            map.values().for_each(|it| references_resolve(document, it));
        }
        serde_json::Value::Array(all) => all.iter().for_each(|it| references_resolve(document, it)),
        _ => {}
    }
}

#[tokio::test]
async fn a_door_of_another_kind_is_asked_the_same_way() {
    let stage = Stage::new().await;
    let door = std::sync::Arc::new(MapDoor::default());
    door.knows("us", person(stage.ours, &[]));
    let parts = fedatario_api::testing::parts(stage.people.clone(), std::sync::Arc::new(stage.db.clone()), door);
    let api = fedatario_api::testing::TestApi::over(parts, &routes::all());
    assert_eq!(api.get("/api/principal").bearer("us").send().await.is(200)["tenant_id"], stage.ours.to_string());
    let named = |tenant: String| api.get("/api/principal").bearer("us").header("x-tenant-id", &tenant).send();
    named(stage.ours.to_string()).await.is(200);
    assert_eq!(named(stage.theirs.to_string()).await.is(403)["code"], "tenant_mismatch");
    assert_eq!(named("ten_x".to_owned()).await.is(400)["code"], "id_format");
    fedatario_testkit::covers!("api: a tenant that is named must be that of the credential");
}

/// What the reference page shows is what a program may send: it is never refused for its form.
#[tokio::test]
async fn every_example_is_understood() {
    let stage = Stage::new().await;
    stage.api.knows("all", person(stage.ours, Permission::ALL));
    for entry in routes::all().entries() {
        let takes_json = entry.description.body.as_ref().is_some_and(|it| it.media == "application/json");
        let Some(example) = entry.operation.example.filter(|_| takes_json) else {
            apart(entry, "it takes no JSON", "example");
            continue;
        };
        let call = stage.api.call(entry.operation.method.clone(), &filled(entry)).bearer("all");
        let call = call.header("idempotency-key", entry.operation.id).header("if-match", "\"1\"");
        let answer = call.body("application/json", example).send().await;
        let code = answer.code();
        let about_form = ["json_malformed", "field_invalid", "field_unknown", "field_missing", "media_type", "body_too_large"]
            .contains(&code.as_str());
        assert!(!about_form && answer.status.as_u16() != 500, "{entry:?}: {}", String::from_utf8_lossy(&answer.bytes));
        fedatario_testkit::covers!(MATRIX, row(entry), "example");
        stage.clock.advance(jiff::SignedDuration::from_secs(61));
    }
    fedatario_testkit::covers!("api: every example is understood");
}

/// Somebody else's id is nobody's: the same 404 as for an id that never was, and nothing of theirs moves.
#[tokio::test]
async fn ids_of_others_are_nobodys() {
    let stage = Stage::new().await;
    stage.api.knows("ours", person(stage.ours, Permission::ALL));
    let ids = belongings::of(&stage, stage.theirs).await;
    let before = stage.chained(stage.theirs).await;
    for entry in routes::all().entries() {
        let parts = parts_of(entry);
        let is_platform = entry.operation.permission().is_some_and(Permission::is_platform);
        let is_own = entry.operation.path.starts_with("/api/auth/"); // What stands there is a person's, not a tenant's.
        if entry.operation.access == Access::Anyone || is_platform || is_own || parts.is_empty() {
            apart(entry, "no id of a tenant stands in its path", "other tenant");
            continue;
        }
        let mut answers = Vec::new();
        for path in [filled_with(entry, &ids), filled(entry)] {
            let call = stage.api.call(entry.operation.method.clone(), &path).bearer("ours").header("if-match", "*");
            let call = call.header("idempotency-key", &path.replace('/', "-"));
            let answer = call.body("application/json", entry.operation.example.unwrap_or("{}")).send().await;
            answers.push((answer.status.as_u16(), answer.code()));
            stage.clock.advance(jiff::SignedDuration::from_secs(61));
        }
        assert_eq!(answers[0].0, 404, "{entry:?}: {answers:?}");
        assert_eq!(answers[0], answers[1], "{entry:?}");
        let known = |it: &(&str, Part)| !matches!(&it.1, Part::Id(prefix) if !ids.iter().any(|id| id.starts_with(prefix.as_str())));
        if parts.iter().all(known) {
            fedatario_testkit::covers!(MATRIX, row(entry), "other tenant");
        }
    }
    assert_eq!(stage.chained(stage.theirs).await, before);
    fedatario_testkit::covers!("api: ids of another tenant are nobody's");
}
