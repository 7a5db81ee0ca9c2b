//! Certificates that end: noticed once at each threshold, told to whoever can do something, escalated when nobody
//! cares.

use crate::belongings;
use crate::support::Stage;
use crate::trust::{row_of, taxpayer, work};
use fedatario_api::testing::person;
use fedatario_app::expiry::{self, SWEEP, TELL, Watch};
use fedatario_app::model::{CredentialRow, Owner, SignatureConfig};
use fedatario_base::id::{CredentialId, UserId};
use fedatario_base::{Actor, Clock, Permission, Scope, SystemScope};
use fedatario_testkit::covers;
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeSet;

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn put(stage: &Stage, rows: &[CredentialRow]) {
    let mut tx = stage.app.store.begin(&Scope::system(stage.ours)).await.expect("a transaction");
    for row in rows {
        tx.put_credential(row, stage.clock.wall()).await.expect("a credential");
    }
    tx.commit().await.expect("committed");
}

/// A day: everybody is looked through, and people are told.
async fn a_day(stage: &Stage) {
    let hands = SystemScope::for_this_process();
    expiry::summon(&stage.app, &hands, true).await.expect("summoned");
    let watch = Watch::new(stage.app.clone());
    assert_eq!(work(stage, &watch, SWEEP).await, 1);
    work(stage, &watch, TELL).await;
}

async fn notices(stage: &Stage, who: &str, query: &str) -> Vec<Value> {
    let page = stage.api.get(&format!("/api/certificates/notices{query}")).bearer(who).send().await.is(200);
    page["data"].as_array().expect("rows").clone()
}

/// Addresses of the mails that wait, with whether they say that they were escalated.
async fn told(stage: &Stage) -> BTreeSet<(String, bool)> {
    let letters = stage.letters(stage.ours).await;
    let of = |it: &Value| {
        assert_eq!(it["kind"], "certificate_expiring", "{it}");
        let name = it["to"].as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
        (name, it["fields"]["note"].as_str().is_some_and(|it| !it.is_empty()))
    };
    letters.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_noticed_once_at_each_threshold_and_escalated_when_nobody_cares() {
    let stage = Stage::new().await;
    for (name, role) in [("sara", "signer"), ("olga", "tenant_admin"), ("vera", "viewer")] {
        belongings::member(&stage, stage.ours, name, role).await;
    }
    stage.api.knows("sara", person(stage.ours, &[Permission::CredentialRead, Permission::CredentialUpload]));
    stage.api.knows("them", person(stage.theirs, Permission::ALL));
    let taxpayer = taxpayer(&stage, "131880738").await;
    let end = stage.clock.wall() + DAY * 91;
    let row = row_of(taxpayer.id, b"one", end, stage.clock.wall());
    put(&stage, std::slice::from_ref(&row)).await;
    let distant = row_of(taxpayer_of(&stage).await, b"two", end + DAY * 900, stage.clock.wall());
    put(&stage, &[distant]).await;

    a_day(&stage).await;
    assert!(notices(&stage, "sara", "").await.is_empty(), "its end is far");
    let mut seen = Vec::new();
    for day in 1..=95 {
        stage.clock.advance(DAY);
        a_day(&stage).await;
        if day % 10 == 0 {
            a_day(&stage).await; // Twice a day is once.
        }
        let now = notices(&stage, "sara", "").await;
        if now.len() > seen.len() {
            seen.push((91 - day, now[0]["daysBefore"].as_i64().expect("a number"), now[0]["escalated"].as_bool()));
        }
    }
    let expected = [(90, 90, false), (60, 60, true), (30, 30, true), (15, 15, true), (7, 7, true), (1, 1, true), (-1, 0, true)];
    assert_eq!(seen, expected.map(|(left, days, escalated)| (left, days, Some(escalated))));
    let all = told(&stage).await;
    let sara = all.contains(&("sara".into(), false)) && all.contains(&("sara".into(), true));
    assert!(sara && all.contains(&("olga".into(), true)), "{all:?}");
    assert!(!all.iter().any(|it| it.0 == "vera"), "whoever can do nothing is told nothing: {all:?}");
    assert_eq!(stage.chained(stage.ours).await.iter().filter(|it| *it == "certificate.expiry.noticed").count(), 7);

    // Somebody takes care: the notices of that certificate are over, for them and nobody else.
    let newest = notices(&stage, "sara", "?open=true").await[0].clone();
    assert_eq!((newest["taxId"].as_str(), newest["kind"].as_str()), (Some("131880738"), Some("ecf")));
    let path = format!("/api/certificates/notices/{}/acknowledge", newest["id"].as_str().expect("an id"));
    assert_eq!(stage.api.post(&path).bearer("them").send().await.status, 404);
    let done = stage.api.post(&path).bearer("sara").send().await.is(200);
    assert!(done["acknowledgedAt"].is_string() && done["acknowledgedBy"].is_string(), "{done}");
    assert_eq!(stage.api.post(&path).bearer("sara").send().await.is(200)["acknowledgedAt"], done["acknowledgedAt"]);
    assert!(notices(&stage, "sara", "?open=true").await.is_empty());
    assert!(notices(&stage, "them", "").await.is_empty());
    covers!("expiry: seven notices of one certificate, once each, escalated until somebody acknowledges, told to whoever can act");
}

/// Another taxpayer.
async fn taxpayer_of(stage: &Stage) -> fedatario_base::id::TaxpayerId {
    taxpayer(stage, "101000001").await.id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_notice_keeps_the_next_one_quiet() {
    let stage = Stage::new().await;
    belongings::member(&stage, stage.ours, "sara", "signer").await;
    stage.api.knows("sara", person(stage.ours, &[Permission::CredentialRead]));
    let taxpayer = taxpayer(&stage, "131880738").await;
    put(&stage, &[row_of(taxpayer.id, b"one", stage.clock.wall() + DAY * 20, stage.clock.wall())]).await;
    a_day(&stage).await;
    let first = notices(&stage, "sara", "").await;
    assert_eq!((first.len(), first[0]["daysBefore"].as_i64()), (1, Some(30)), "whoever comes late is told the nearest alone");
    let path = format!("/api/certificates/notices/{}/acknowledge", first[0]["id"].as_str().expect("an id"));
    stage.api.post(&path).bearer("sara").send().await.is(200);
    stage.clock.advance(DAY * 6);
    a_day(&stage).await;
    let second = notices(&stage, "sara", "?open=true").await;
    assert_eq!((second[0]["daysBefore"].as_i64(), second[0]["escalated"].as_bool()), (Some(15), Some(false)));
    covers!("expiry: who acknowledges a notice keeps the next from being escalated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_own_certificate_is_told_to_that_person_alone() {
    let stage = Stage::new().await;
    let ids = belongings::member(&stage, stage.ours, "sara", "signer").await;
    let quiet = belongings::member(&stage, stage.ours, "quique", "signer").await;
    belongings::member(&stage, stage.ours, "olga", "tenant_admin").await;
    let users: Vec<UserId> = [&ids, &quiet].iter().map(|it| it[0].parse().expect("a user")).collect();
    for (bearer, user) in [("sara", Some(users[0])), ("olga", None)] {
        let mut who = person(stage.ours, &[Permission::CredentialRead]);
        if let Some(user) = user {
            who.scope = Scope::signed_in(stage.ours, Actor::User(user), vec![Permission::CredentialRead]);
        }
        stage.api.knows(bearer, who);
    }
    let base = row_of(taxpayer(&stage, "131880738").await.id, b"own", stage.clock.wall() + DAY * 5, stage.clock.wall());
    let own =
        |user: UserId| CredentialRow { id: CredentialId::fresh(stage.clock.wall()), owner: Owner::User(user), ..base.clone() };
    put(&stage, &[own(users[0]), own(users[1])]).await;
    let mut tx = stage.app.store.begin(&Scope::system(stage.ours)).await.expect("a transaction");
    tx.put_signature_config(users[1], &SignatureConfig { notify: false, ..SignatureConfig::default() }).await.expect("kept");
    tx.commit().await.expect("committed");
    a_day(&stage).await;
    assert_eq!(told(&stage).await, BTreeSet::from([("sara".to_owned(), false)]), "and not whoever wants no notice");
    let hers = notices(&stage, "sara", "").await;
    assert_eq!((hers.len(), hers[0]["taxpayer"].is_null()), (1, true));
    assert!(notices(&stage, "olga", "").await.is_empty(), "nobody else's business");
    covers!("expiry: a personal certificate is told to its person alone, if they want it");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_of_many_gets_one_mail_a_pass() {
    let stage = Stage::new().await;
    for (name, role) in [("sara", "signer"), ("olga", "tenant_admin")] {
        belongings::member(&stage, stage.ours, name, role).await;
    }
    let now = stage.clock.wall();
    let mut rows = Vec::new();
    for number in 0..200u32 {
        let taxpayer = taxpayer(&stage, &format!("1010{number:05}")).await.id;
        // The last ones end first.
        rows.push(row_of(taxpayer, &number.to_be_bytes(), now + DAY * 29 - SignedDuration::from_mins(number.into()), now));
    }
    put(&stage, &rows).await;
    a_day(&stage).await;
    let letters = stage.letters(stage.ours).await;
    let to: Vec<&str> = letters.iter().map(|it| it["to"].as_str().expect("an address")).collect();
    assert_eq!((letters.len(), to.iter().collect::<BTreeSet<_>>().len()), (2, 2), "one for each, not two hundred: {to:?}");
    for it in &letters {
        let fields = &it["fields"];
        assert_eq!((it["kind"].as_str(), fields["count"].as_str()), (Some("certificates_expiring"), Some("200")), "{it}");
        let lines: Vec<&str> = fields["list"].as_str().expect("a list").split("\n\n").collect();
        assert_eq!(lines.len(), 20, "{lines:?}");
        assert!(lines[0].starts_with("101000199,") && lines[19].starts_with("101000180,"), "the most urgent first: {lines:?}");
        assert!(fields["more"].as_str().is_some_and(|it| it.contains("180")), "{it}");
        assert_eq!(fields["note"], "");
    }
    // Each is a notice of its own, as before; and told is told.
    a_day(&stage).await;
    assert_eq!(stage.letters(stage.ours).await.len(), 2);
    covers!(
        "expiry: whoever reads of many certificates gets one mail a pass, the most urgent first, and what is beyond it counted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_certificates_are_looked_through() {
    let stage = Stage::new().await;
    let now = stage.clock.wall();
    let mut tx = stage.app.store.begin(&Scope::system(stage.ours)).await.expect("a transaction");
    for number in 0..10_000u32 {
        let user = UserId(uuid::Uuid::from_u128(u128::from(number) + 1));
        let row = row_of(fedatario_base::id::TaxpayerId::fresh(now), b"x", now + DAY * (number % 200) as i32, now);
        tx.put_credential(&CredentialRow { owner: Owner::User(user), ..row }, now).await.expect("a credential");
    }
    tx.commit().await.expect("committed");
    let scope = Scope::system(stage.ours);
    let begun = std::time::Instant::now();
    let swept = expiry::sweep(&stage.app, &scope).await.expect("a look");
    eprintln!("10,000 certificates, {} notices: {:?}", swept.noticed, begun.elapsed());
    assert_eq!(swept.noticed, 91 * 50, "those of the next ninety days");
    let again = expiry::sweep(&stage.app, &scope).await.expect("a look");
    assert_eq!((again.noticed, again.ending), (0, swept.ending), "once each");
    covers!("expiry: ten thousand certificates are looked through in one pass, and a second finds nothing new");
}
