//! Key material out of the house under two persons' eyes, and back in with an outcome for each credential.

use crate::belongings::RFC;
use crate::people::member;
use crate::sign::xmlsec1_accepts;
use crate::support::Stage;
use fedatario_api::testing::{TestAnswer, person, program};
use fedatario_app::backups;
use fedatario_app::hooks::HOOK_DELIVER;
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::{HookState, Webhook};
use fedatario_app::identity::door::{Means, Principal};
use fedatario_app::identity::model::MemberState;
use fedatario_app::identity::roles;
use fedatario_app::model::{Environment, Taxpayer, TaxpayerKind};
use fedatario_base::id::{SessionId, TaxpayerId, TenantId, UserId, WebhookId};
use fedatario_base::{Actor, Clock as _, Permission, Scope, Secret};
use fedatario_credentials::Kind;
use fedatario_credentials::mint::{Authority, Minted, Sealer, Subject};
use fedatario_testkit::covers;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::LazyLock;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const PASSPHRASE: &str = "zafiros que nadie mira al pasar";
const PASSWORD: &str = "contraseña de prueba ñ";
const REASON: &str = "Respaldo anual para la caja fuerte";
const BOUNDARY: &str = "1f0c7e";

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::generate("AC DE PRUEBA", noon()).expect("an authority"));
static KEY: LazyLock<Sealer> = LazyLock::new(|| Sealer::generate().expect("a key"));

fn noon() -> Timestamp {
    crate::support::NOON.parse().expect("an instant")
}

/// Somebody with a session of their own who just proved a factor.
fn somebody(tenant: TenantId, user: UserId, permissions: &[Permission]) -> Principal {
    let scope = Scope::signed_in(tenant, Actor::User(user), permissions.to_vec());
    let means = Means::Session { session: SessionId::fresh(noon()), user };
    Principal { scope, means, ..person(tenant, &[]) }
}

/// An organisation with its taxpayer, and the door that knows its people.
struct House {
    stage: Stage,
}

impl House {
    async fn new() -> Self {
        let stage = Stage::new().await;
        stage.api.knows("them", person(stage.theirs, Permission::ALL));
        Self { stage }
    }

    /// Somebody who rules the organisation, a member since now.
    async fn ruler(&self, name: &str) -> UserId {
        let user = member(&self.stage, self.stage.ours, &format!("{name}@example.mx"), roles::OWNER).await;
        self.stage.api.knows(name, somebody(self.stage.ours, user, &Permission::of_tenants()));
        user
    }

    async fn taxpayer(&self, tenant: TenantId) -> TaxpayerId {
        let id = TaxpayerId::fresh(self.stage.clock.wall());
        let taxpayer = Taxpayer {
            id,
            kind: TaxpayerKind::Rfc,
            tax_id: RFC.into(),
            name: "ESCUELA KEMPER URGATE".into(),
            environment: Environment::Sandbox,
            created: self.stage.clock.wall(),
        };
        let mut tx = self.stage.app.store.begin(&Scope::system(tenant)).await.expect("a transaction");
        tx.add_taxpayer(&taxpayer).await.expect("a taxpayer");
        tx.commit().await.expect("committed");
        id
    }

    /// Somebody outside listens.
    async fn listens(&self) {
        let webhook = Webhook {
            id: WebhookId::fresh(noon()),
            url: "https://erp.example.com/".into(),
            description: String::new(),
            events: vec![EventKind::VaultBackup],
            state: HookState::Enabled,
            reason: None,
            notify: None,
            secrets: vec![],
            failing_since: None,
            created: noon(),
            revision: 0,
        };
        let mut tx = self.stage.app.store.begin(&Scope::system(self.stage.ours)).await.expect("a transaction");
        tx.add_webhook(&webhook).await.expect("an address");
        tx.commit().await.expect("committed");
    }

    async fn posts(&self, who: &str, path: &str, body: Value) -> TestAnswer {
        self.stage.api.post(path).bearer(who).json(&body).send().await
    }

    async fn asks(&self, who: &str) -> TestAnswer {
        self.posts(who, "/api/vault/backups", json!({ "reason": REASON })).await
    }

    async fn does(&self, who: &str, id: &str, what: &str) -> TestAnswer {
        self.posts(who, &format!("/api/vault/backups/{id}/{what}"), json!({})).await
    }

    async fn takes(&self, who: &str, id: &str, passphrase: &str) -> TestAnswer {
        self.posts(who, &format!("/api/vault/backups/{id}/download"), json!({ "passphrase": passphrase })).await
    }

    async fn state(&self, id: &str) -> String {
        let told = self.stage.api.get(&format!("/api/vault/backups/{id}")).bearer("olga").send().await.is(200);
        told["state"].as_str().expect("a state").to_owned()
    }

    async fn allows(&self, is_allowed: bool) {
        let call = self.stage.api.call("PUT".parse().expect("a method"), "/api/vault/policy").bearer("olga");
        assert_eq!(call.json(&json!({ "backups": is_allowed })).send().await.is(200)["backups"], is_allowed);
    }

    /// What the chain says of backups.
    async fn chained(&self) -> Vec<String> {
        let all = self.stage.chained(self.stage.ours).await;
        all.into_iter().filter(|it| it.starts_with("vault.")).map(|it| it.trim_start_matches("vault.").to_owned()).collect()
    }

    /// Of the mails about backups that wait: to whom, and what.
    async fn mails(&self) -> Vec<(String, String)> {
        let letters = self.stage.letters(self.stage.ours).await;
        let these = letters.iter().filter(|it| it["kind"] == "key_export");
        these.map(|it| (it["to"].as_str().unwrap().to_owned(), it["fields"]["what"].as_str().unwrap().to_owned())).collect()
    }

    fn later(&self, by: SignedDuration) {
        self.stage.clock.advance(by);
    }
}

#[tokio::test]
async fn a_backup_takes_two_persons_and_leaves_once() {
    let house = House::new().await;
    let (olga, _) = (house.ruler("olga").await, house.ruler("omar").await);
    house.listens().await;
    house.taxpayer(house.stage.ours).await;
    house.uploads("olga", &Wanted::new(1)).await;

    let policy = || house.stage.api.get("/api/vault/policy").bearer("omar").send();
    assert_eq!(policy().await.is(200)["backups"], false, "nothing leaves until somebody says so");
    assert_eq!(house.asks("olga").await.code(), "backups_off");
    house.allows(true).await;
    assert_eq!(house.posts("olga", "/api/vault/backups", json!({ "reason": " " })).await.code(), "reason_required");
    house.stage.api.knows("key", program(house.stage.ours, &Permission::of_tenants(), None));
    let mut stale = somebody(house.stage.ours, olga, &Permission::of_tenants());
    stale.is_stepped_up = false;
    house.stage.api.knows("stale", stale);
    assert_eq!(house.asks("stale").await.code(), "step_up_required");
    let mut key = program(house.stage.ours, &Permission::of_tenants(), None);
    key.is_stepped_up = true;
    house.stage.api.knows("key", key);
    assert_eq!(house.asks("key").await.code(), "session_required");

    let asked = house.asks("olga").await.is(201);
    let id = asked["id"].as_str().expect("an id").to_owned();
    assert_eq!((asked["state"].as_str(), asked["due_at"].as_str()), (Some("asked"), None));
    assert_eq!(house.asks("omar").await.code(), "backup_state", "one at a time");
    assert_eq!(house.takes("olga", &id, PASSPHRASE).await.code(), "backup_state", "nobody approved it");
    assert_eq!(house.does("olga", &id, "approval").await.code(), "second_person");
    assert_eq!(house.does("key", &id, "approval").await.code(), "session_required");
    assert_eq!(house.does("omar", &id, "approval").await.code(), "second_person", "a member since a moment ago");
    house.later(DAY);
    house.ruler("nina").await;
    assert_eq!(house.does("nina", &id, "approval").await.code(), "second_person", "let in meanwhile");
    let told = house.does("omar", &id, "approval").await.is(200);
    assert_eq!((told["state"].as_str(), told["expires_at"].as_str()), (Some("approved"), Some("2026-09-03T12:00:00Z")));
    assert_eq!(house.does("omar", &id, "approval").await.code(), "backup_state", "once");

    assert_eq!(house.takes("omar", &id, PASSPHRASE).await.code(), "backup_asker");
    assert_eq!(house.takes("stale", &id, PASSPHRASE).await.code(), "step_up_required");
    assert_eq!(house.takes("olga", &id, "corta").await.code(), "password_short");
    assert_eq!(house.takes("olga", &id, "olga@example.mx1").await.code(), "password_weak");
    house.allows(false).await;
    assert_eq!(house.takes("olga", &id, PASSPHRASE).await.code(), "backups_off");
    house.allows(true).await;
    let (first, second) = tokio::join!(house.takes("olga", &id, PASSPHRASE), house.takes("olga", &id, PASSPHRASE));
    let file = if first.status == 200 { &first } else { &second };
    assert_eq!([&first, &second].iter().filter(|it| it.status == 200).count(), 1, "one of two at once");
    assert!(file.bytes.starts_with(b"fedatario-vault-backup 1 "), "it is a backup");
    assert_eq!(house.takes("olga", &id, PASSPHRASE).await.code(), "backup_state");
    let read = house.stage.api.get(&format!("/api/vault/backups/{id}")).bearer("omar").send().await.is(200);
    let digest = fedatario_app::audit_trail::hex(&fedatario_app::audit_trail::sha256(&file.bytes));
    assert_eq!((read["state"].as_str(), read["sha256"].as_str()), (Some("taken"), Some(digest.as_str())));
    let page = house.stage.api.get("/api/vault/backups").bearer("omar").send().await.is(200);
    assert_eq!(page["data"], json!([read]));

    let expected = ["policy.changed", "backup.asked", "backup.approved", "policy.changed", "policy.changed", "backup.taken"];
    assert_eq!(house.chained().await, expected);
    let mails = house.mails().await;
    for step in ["permitida de ahora en adelante", "pedida", "aprobada", "prohibida de ahora en adelante", "descargada"] {
        for who in ["olga@example.mx", "omar@example.mx"] {
            assert!(mails.contains(&(who.to_owned(), step.to_owned())), "{who} {step}: {mails:?}");
        }
    }
    assert_eq!(house.stage.mails(house.stage.ours, HOOK_DELIVER).await.len(), 3, "asked, approved, downloaded");
    assert!(!String::from_utf8_lossy(&file.bytes).contains(PASSPHRASE));
    covers!("vault: key material leaves under two persons with fresh factors, once, and everybody who could object is told");
}

#[tokio::test]
async fn whoever_is_alone_waits_a_day_and_anybody_may_call_it_off() {
    let house = House::new().await;
    house.ruler("olga").await;
    house.taxpayer(house.stage.ours).await;
    house.uploads("olga", &Wanted::new(1)).await;
    house.allows(true).await;
    let asked = house.asks("olga").await.is(201);
    let id = asked["id"].as_str().expect("an id").to_owned();
    assert_eq!((asked["state"].as_str(), asked["due_at"].as_str()), (Some("waiting"), Some("2026-09-02T12:00:00Z")));
    house.later(DAY - HOUR);
    let early = house.takes("olga", &id, PASSPHRASE).await;
    assert_eq!((early.code().as_str(), early.header("retry-after")), ("backup_state", "3600"));
    house.later(HOUR);
    assert_eq!(house.takes("olga", &id, PASSPHRASE).await.status, 200);

    // Nobody takes it in time; and what lapsed is in nobody's way.
    let lapsed = house.asks("olga").await.is(201)["id"].as_str().expect("an id").to_owned();
    house.later(DAY * 2);
    assert_eq!(house.state(&lapsed).await, "lapsed");
    assert_eq!(house.takes("olga", &lapsed, PASSPHRASE).await.code(), "backup_state");

    // Another one calls it off, in every state in which it is open.
    let third = house.asks("olga").await.is(201)["id"].as_str().expect("an id").to_owned();
    house.ruler("omar").await;
    assert_eq!(house.does("them", &third, "objection").await.status, 404);
    let told = house.does("omar", &third, "objection").await.is(200);
    assert_eq!(told["state"], "called_off");
    house.later(DAY);
    for answer in [house.takes("olga", &third, PASSPHRASE).await, house.does("omar", &third, "objection").await] {
        assert_eq!(answer.code(), "backup_state");
    }
    let fourth = house.asks("olga").await.is(201);
    assert_eq!(fourth["state"], "asked", "there are two now");
    house.does("omar", fourth["id"].as_str().expect("an id"), "approval").await.is(200);
    assert_eq!(house.does("omar", fourth["id"].as_str().unwrap(), "objection").await.is(200)["state"], "called_off");
    assert_eq!(house.takes("olga", fourth["id"].as_str().unwrap(), PASSPHRASE).await.code(), "backup_state");

    let viewer = member(&house.stage, house.stage.ours, "vera@example.mx", "viewer").await;
    house.stage.api.knows("vera", somebody(house.stage.ours, viewer, &roles::built_in("viewer").expect("a role")));
    for answer in
        [house.asks("vera").await, house.does("vera", &third, "approval").await, house.does("vera", &third, "objection").await]
    {
        assert_eq!(answer.code(), "permission_denied");
    }
    let mails = house.mails().await;
    assert!(!mails.iter().any(|(to, _)| to.starts_with("vera")), "{mails:?}");
    assert!(mails.contains(&("omar@example.mx".into(), "cancelada".into())), "{mails:?}");
    covers!("vault: whoever is alone waits a day for a backup; what is open is called off or lapses, and is over then");
}

#[tokio::test]
async fn a_backup_whose_entry_cannot_be_written_does_not_leave() {
    let house = House::new().await;
    house.ruler("olga").await;
    house.taxpayer(house.stage.ours).await;
    house.uploads("olga", &Wanted::new(1)).await;
    house.allows(true).await;
    let id = house.asks("olga").await.is(201)["id"].as_str().expect("an id").to_owned();
    house.later(DAY);
    let before = house.chained().await;
    house.stage.tamper("create trigger full before insert on audit_entries begin select raise(abort, 'full'); end");
    let answer = house.takes("olga", &id, PASSPHRASE).await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("fedatario-vault-backup"), "nothing left");
    let answer = house.does("olga", &id, "objection").await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    house.stage.tamper("drop trigger full");
    assert_eq!((house.state(&id).await.as_str(), house.chained().await), ("waiting", before), "neither the act nor its entry");
    assert_eq!(house.takes("olga", &id, PASSPHRASE).await.status, 200);
    covers!("vault: a backup whose entry cannot be written does not leave the house");
}

#[tokio::test]
async fn where_there_are_two_and_nobody_else_may_approve_nothing_is_asked() {
    let house = House::new().await;
    let olga = house.ruler("olga").await;
    let vera = member(&house.stage, house.stage.ours, "vera@example.mx", "viewer").await;
    house.allows(true).await;
    assert_eq!(house.asks("olga").await.code(), "second_person");
    assert_eq!(house.chained().await, ["policy.changed"]);
    // To keep everybody else out makes nobody alone, not for a week.
    let omar = house.ruler("omar").await;
    for (who, state) in [(vera, MemberState::Disabled), (omar, MemberState::Disabled)] {
        let by = Scope::signed_in(house.stage.ours, Actor::User(olga), Permission::of_tenants());
        house.stage.people.set_member(&by, who, state).await.expect("kept out");
    }
    house.later(DAY * 6);
    assert_eq!(house.asks("olga").await.code(), "second_person");
    house.later(DAY * 2);
    assert_eq!(house.asks("olga").await.is(201)["state"], "waiting");
    covers!("vault: a backup that nobody else could approve is not asked for, and nobody who is not alone waits it out");
}

/// A certificate as it is minted: the later its number, the later it begins.
struct Wanted {
    number: u64,
}

impl Wanted {
    fn new(number: u64) -> Self {
        Self { number }
    }

    fn minted(&self) -> (Vec<u8>, Vec<u8>) {
        let subject =
            Subject { rfc: RFC.into(), representative_rfc: None, name: "EMPRESA DE PRUEBA".into(), curp: None, branch: None };
        let number = format!("3000100000050000{:04}", self.number);
        let from = noon() - DAY * 10 + HOUR * i32::try_from(self.number).unwrap();
        let cer = AUTHORITY.certify(&subject, Kind::Fiel, &number, from, from + DAY * 400, &KEY).expect("a certificate");
        let minted = Minted { cer_der: cer, pkcs8_der: KEY.pkcs8_der().expect("its key") };
        (minted.cer_der.clone(), minted.key_file(&Secret::new(PASSWORD)).expect("a key file"))
    }
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let file = if ["file", "cer", "key"].contains(name) { "; filename=\"x\"" } else { "" };
        body.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").into_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

impl House {
    async fn sends(&self, who: &str, path: &str, parts: &[(&str, &[u8])]) -> TestAnswer {
        let media = format!("multipart/form-data; boundary={BOUNDARY}");
        self.stage.api.post(path).bearer(who).body(&media, form(parts)).send().await
    }

    async fn uploads(&self, who: &str, wanted: &Wanted) -> String {
        let (cer, key) = wanted.minted();
        let parts: [(&str, &[u8]); 3] = [("cer", &cer), ("key", &key), ("password", PASSWORD.as_bytes())];
        let done = self.sends(who, "/api/certificates/upload", &parts).await.is(200);
        done["certificateId"].as_str().expect("an id").to_owned()
    }

    /// A backup as whoever holds the host takes it.
    async fn backed_up(&self) -> Vec<u8> {
        let scope = Scope::shell(self.stage.ours, 1000);
        backups::make(&self.stage.app, &scope, &Secret::new(PASSPHRASE), None).await.expect("a backup")
    }

    async fn restores(&self, who: &str, file: &[u8], with: &[(&str, &[u8])]) -> TestAnswer {
        let mut parts: Vec<(&str, &[u8])> = vec![("file", file), ("passphrase", PASSPHRASE.as_bytes())];
        parts.extend(with);
        self.sends(who, "/api/vault/restorations", &parts).await
    }

    /// The outcomes of a rehearsal and of the run, which are the same; the ids that are in use then.
    async fn outcomes(&self, who: &str, file: &[u8], with: &[(&str, &[u8])]) -> (Vec<String>, Vec<Value>) {
        let all = |told: &Value, name: &str| -> Vec<Value> {
            told["credentials"].as_array().expect("a list").iter().map(|it| it[name].clone()).collect()
        };
        let dry = self.restores(who, file, &[with, &[("dry_run", b"true")]].concat()).await.is(200);
        let again = self.restores(who, file, &[with, &[("dry_run", b"true")]].concat()).await.is(200);
        assert_eq!(dry, again, "a rehearsal changes nothing");
        let done = self.restores(who, file, with).await.is(200);
        assert_eq!(all(&dry, "outcome"), all(&done, "outcome"), "it does what the rehearsal said");
        let outcomes = all(&done, "outcome").iter().map(|it| it.as_str().unwrap().to_owned()).collect();
        (outcomes, all(&done, "certificate_id"))
    }

    async fn signs(&self, who: &str, taxpayer: TaxpayerId) {
        let call = self.stage.api.post(&format!("/api/sign/xml?taxpayer={taxpayer}")).bearer(who);
        let answer = call.header("idempotency-key", &taxpayer.to_string()).body("application/xml", "<aviso>1</aviso>").send().await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
        assert!(xmlsec1_accepts(&answer.bytes), "xmlsec1 accepts it");
    }
}

#[tokio::test]
async fn each_credential_of_a_backup_has_its_outcome() {
    let house = House::new().await;
    house.ruler("olga").await;
    let taxpayer = house.taxpayer(house.stage.ours).await;
    let first = house.uploads("olga", &Wanted::new(1)).await;
    let old = house.backed_up().await;
    assert_eq!(house.outcomes("olga", &old, &[]).await, (vec!["same".into()], vec![json!(first)]), "onto itself");

    let gone = house.stage.api.call("DELETE".parse().unwrap(), &format!("/api/certificates/{first}")).bearer("olga").send().await;
    assert_eq!(gone.status, 204);
    let (outcomes, ids) = house.outcomes("olga", &old, &[]).await;
    assert_eq!(outcomes, ["new"], "its key was destroyed, and is here again");
    assert_ne!(ids[0], json!(first), "under another id");
    house.signs("olga", taxpayer).await;
    assert_eq!(house.outcomes("olga", &old, &[]).await, (vec!["same".into()], ids.clone()), "again changes nothing");

    let second = house.uploads("olga", &Wanted::new(2)).await;
    for with in [&[][..], &[("replace", &b"true"[..])]] {
        assert_eq!(house.outcomes("olga", &old, with).await.0, ["newer"], "a newer one is in use and stays");
    }
    let newer = house.backed_up().await;
    let activate = format!("/api/certificates/{}/activate", ids[0].as_str().unwrap());
    house.posts("olga", &activate, json!({})).await.is(200);
    let (outcomes, _) = house.outcomes("olga", &newer, &[]).await;
    assert!(outcomes.contains(&"conflict".to_owned()) && outcomes.contains(&"same".to_owned()), "an older one stays: {outcomes:?}");
    let (outcomes, _) = house.outcomes_of_run(&newer).await;
    assert!(outcomes.contains(&"replaced".to_owned()), "and gives way when that is asked for: {outcomes:?}");
    assert!(!second.is_empty());

    house.taxpayer(house.stage.theirs).await;
    let before = house.stage.chained(house.stage.theirs).await.len();
    let told = house.restores("them", &old, &[]).await.is(200);
    assert_eq!(told["credentials"][0]["outcome"], "another_tenant", "its own tenant is here");
    assert_eq!(house.stage.chained(house.stage.theirs).await.len(), before + 1, "that somebody tried is told, and that is all");
    house.later(DAY * 500);
    let (outcomes, _) = house.outcomes("olga", &old, &[]).await;
    assert!(outcomes == ["expired"] || outcomes == ["newer"], "{outcomes:?}");
    covers!("vault: every credential of a backup has its outcome, the rehearsal's, on the same house and with a newer one in use");
}

impl House {
    async fn outcomes_of_run(&self, file: &[u8]) -> (Vec<String>, Value) {
        let done = self.restores("olga", file, &[("replace", b"true")]).await.is(200);
        let all = done["credentials"].as_array().expect("a list");
        (all.iter().map(|it| it["outcome"].as_str().unwrap().to_owned()).collect(), done.clone())
    }
}

#[tokio::test]
async fn a_backup_opens_on_an_empty_house_and_what_comes_back_signs() {
    let (house, other) = (House::new().await, House::new().await);
    house.ruler("olga").await;
    other.ruler("olga").await;
    house.taxpayer(house.stage.ours).await;
    house.uploads("olga", &Wanted::new(1)).await;
    let file = house.backed_up().await;
    assert_eq!(other.outcomes("olga", &file, &[]).await, (vec!["no_owner".into()], vec![Value::Null]), "whose it is, is not here");
    let taxpayer = other.taxpayer(other.stage.ours).await;
    let (outcomes, ids) = other.outcomes("olga", &file, &[]).await;
    assert_eq!((outcomes, ids[0].is_string()), (vec!["new".to_owned()], true));
    other.signs("olga", taxpayer).await;
    assert_eq!(other.outcomes("olga", &file, &[]).await.0, ["same"]);

    let cut = &file[..file.len() - 40];
    let mut flipped = file.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let chained = other.stage.chained(other.stage.ours).await.len();
    for (what, file, passphrase) in [
        ("cut", cut, PASSPHRASE),
        ("flipped", &flipped[..], PASSPHRASE),
        ("another passphrase", &file[..], "zafiros que nadie mira al pasaR"),
        ("nothing", b"", PASSPHRASE),
        ("something else", b"fedatario-vault-backup 1 x y z\n", PASSPHRASE),
    ] {
        for dry in ["true", "false"] {
            let parts = [("file", file), ("passphrase", passphrase.as_bytes()), ("dry_run", dry.as_bytes())];
            let answer = other.sends("olga", "/api/vault/restorations", &parts).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "backup_broken"), "{what}");
            assert!(!String::from_utf8_lossy(&answer.bytes).contains("zafiros"), "{what}");
        }
    }
    let odd = other.restores("olga", &file, &[("dry_run", b"acaso")]).await;
    assert_eq!(odd.code(), "field_invalid");
    assert_eq!(other.stage.chained(other.stage.ours).await.len(), chained, "nothing was done");
    covers!(
        "vault: a backup is restored onto an empty house, and what comes back signs as xmlsec1 verifies; a damaged one is refused whole"
    );
}
