//! One thing of each kind that a tenant can have, so that whoever asks for it by id is told the truth.

use crate::support::Stage;
use fedatario_app::descarga::plan::fresh;
use fedatario_app::descarga::transition::Moment;
use fedatario_app::expiry::model::Notice;
use fedatario_app::hooks::events::EventKind;
use fedatario_app::hooks::model::{Delivery, EventRow, HookState, SealedSecret, SecretKind, Webhook};
use fedatario_app::identity::invitations::Inviting;
use fedatario_app::identity::model::{MemberState, Membership, RoleGrant, User, UserState};
use fedatario_app::identity::program_keys::KeyAsked;
use fedatario_app::model::*;
use fedatario_app::ports::Tx;
use fedatario_app::releases::model::{Backup, BackupState};
use fedatario_app::revision::model::RunRow;
use fedatario_app::signing::Grant;
use fedatario_base::id::*;
use fedatario_base::{Actor, Clock, Permission, PlatformScope, Scope};
use jiff::Timestamp;
use serde_json::json;

/// Whose taxpayer it is.
pub const RFC: &str = "EKU9003173C9";
/// What its work runs under.
const RUN: &str = "run_kept";

/// Puts one of each into a tenant; their ids.
pub async fn of(stage: &Stage, tenant: TenantId) -> Vec<String> {
    let mut ids = vec![tenant.to_string()];
    ids.extend(rows(stage, tenant).await);
    ids.extend(people(stage, tenant).await);
    let scope = Scope::signed_in(tenant, Actor::System, Permission::of_tenants());
    let asked = Inviting { email: format!("nadie.{tenant}@example.mx"), language: "es".into(), roles: vec!["viewer".into()] };
    ids.push(stage.people.invite(&scope, asked).await.expect("an invitation").invitation.id.to_string());
    let asked = KeyAsked {
        name: "ERP".into(),
        is_test: true,
        scopes: vec![Permission::TaxpayerRead.text().into()],
        networks: vec![],
        days: None,
        calls_a_minute: None,
    };
    let made = stage.people.make_key(&scope, asked, true).await.expect("a key");
    ids.push(made.key.id.to_string());
    ids
}

async fn rows(stage: &Stage, tenant: TenantId) -> Vec<String> {
    let scope = Scope::system(tenant);
    let now = stage.clock.wall();
    let taxpayer = Taxpayer {
        id: TaxpayerId::fresh(now),
        kind: TaxpayerKind::Rfc,
        tax_id: RFC.into(),
        name: "ESCUELA KEMPER URGATE".into(),
        environment: Environment::Sandbox,
        created: now,
    };
    let mut tx = stage.app.store.begin(&scope).await.expect("a transaction");
    tx.add_taxpayer(&taxpayer).await.expect("a taxpayer");
    let seal = seal(taxpayer.id, now);
    tx.put_credential(&seal, now).await.expect("a certificate");
    let mut ids = vec![taxpayer.id.to_string(), seal.id.to_string(), notice(tx.as_mut(), now, &seal).await];
    ids.push(grant(tx.as_mut(), now, &seal).await);
    let of_sat = of_sat(tx.as_mut(), &Moment::now(&stage.app, &scope), taxpayer.id).await;
    ids.extend(hooks(tx.as_mut(), now).await);
    ids.push(backup(tx.as_mut(), now).await);
    for kind in ["sat.verify", "sat.ask"] {
        let (key, payload) = (of_sat[0].clone(), json!({ "id": of_sat[0] }));
        let job = NewJob { kind, key, payload, due: now, run: Some(RUN.into()) };
        ids.push(tx.enqueue(&job, now).await.expect("a job").0.to_string());
    }
    tx.commit().await.expect("committed");
    ids.extend(of_sat);
    ids
}

/// A seal of SAT, whose key nobody has.
fn seal(owner: TaxpayerId, now: Timestamp) -> CredentialRow {
    let until = "2027-09-01T12:00:00Z".parse().expect("an instant");
    let row = crate::trust::row_of(owner, &crate::certificates::SEAL, until, now);
    CredentialRow { kind: CredentialKind::Csd, number: "30001000000500009999".into(), name: "Sello".into(), ..row }
}

/// What a program may have signed with it.
async fn grant(tx: &mut dyn Tx, now: Timestamp, of: &CredentialRow) -> String {
    let grant = Grant {
        id: GrantId::fresh(now),
        principal: ApiKeyId::fresh(now).to_string(),
        credential: of.id,
        profile: "plain".into(),
        not_after: of.not_after,
        cap: None,
        created_by: "system".into(),
        created: now,
        revoked: None,
    };
    tx.add_signature_grant(&grant).await.expect("a grant");
    grant.id.to_string()
}

/// A backup of key material that somebody asked for.
async fn backup(tx: &mut dyn Tx, now: Timestamp) -> String {
    let backup = Backup {
        id: BackupId::fresh(now),
        state: BackupState::Asked,
        credential: None,
        reason: "por si acaso".into(),
        asked_by: "system".into(),
        asked: now,
        due: None,
        expires: "2027-09-01T12:00:00Z".parse().expect("an instant"),
        approved_by: None,
        approved: None,
        ended_by: None,
        ended: None,
        digest: None,
    };
    tx.add_backup(&backup).await.expect("a backup");
    backup.id.to_string()
}

/// The notice of its end.
async fn notice(tx: &mut dyn Tx, now: Timestamp, of: &CredentialRow) -> String {
    let id = NoticeId::fresh(now);
    let notice = Notice { id, credential: of.id, days: 30, not_after: of.not_after, escalated: false, at: now };
    tx.add_notices(&[notice]).await.expect("a notice");
    id.to_string()
}

async fn of_sat(tx: &mut dyn Tx, now: &Moment, taxpayer: TaxpayerId) -> Vec<String> {
    let at = |month| jiff::civil::date(2025, month, 1).at(0, 0, 0, 0);
    let wanted = Wanted {
        family: Family::Cfdi,
        direction: Direction::Issued,
        content: Content::Cfdi,
        estado: Estado::Todos,
        from: at(1),
        to: at(2),
        filters: Filters::default(),
    };
    let request = fresh(now, taxpayer, &wanted, Purpose::Request, RUN.to_owned());
    tx.add_solicitud(&request).await.expect("a request");
    let package = PackageRow {
        id: PackageId::fresh(now.wall),
        solicitud: Some(request.id),
        taxpayer,
        id_paquete: "8F1C_01".into(),
        content: Content::Cfdi,
        state: PackageState::Known,
        path: None,
        sha256: None,
        size: None,
        tally: Tally::default(),
        problem: None,
        revision: 0,
    };
    tx.add_package(&package).await.expect("a package");
    let id = RevisionId::fresh(now.wall);
    let run = RunRow { id, taxpayer, begun: now.wall, ended: Some(now.wall), asked: json!({}), counts: json!({}) };
    tx.put_run(&run).await.expect("a check");
    vec![request.id.to_string(), package.id.to_string(), id.to_string()]
}

async fn hooks(tx: &mut dyn Tx, now: Timestamp) -> Vec<String> {
    let secret =
        SealedSecret { n: 1, kind: SecretKind::Hmac, sealed: "c2VhbGVk".into(), public: None, created: now, expires: None };
    let webhook = Webhook {
        id: WebhookId::fresh(now),
        url: "https://erp.example.com/".into(),
        description: String::new(),
        events: vec![],
        state: HookState::Enabled,
        reason: None,
        notify: None,
        secrets: vec![secret],
        failing_since: None,
        created: now,
        revision: 0,
    };
    tx.add_webhook(&webhook).await.expect("an address");
    let event = EventRow { id: EventId::fresh(now), kind: EventKind::JobDead, at: now, body: "{}".into() };
    tx.add_event(&event).await.expect("an event");
    let delivery = Delivery::fresh(DeliveryId::fresh(now), &event, webhook.id, now);
    tx.add_delivery(&delivery).await.expect("a delivery");
    vec![webhook.id.to_string(), event.id.to_string(), delivery.id.to_string()]
}

/// A member who may look, and one who rules: an organisation is never without.
async fn people(stage: &Stage, tenant: TenantId) -> Vec<String> {
    let mut ids = member(stage, tenant, "ana", "viewer").await;
    ids.extend(member(stage, tenant, "olga", "tenant_admin").await);
    ids
}

/// Somebody who belongs to a tenant and holds a role: their id, and the grant's.
pub async fn member(stage: &Stage, tenant: TenantId, name: &str, role: &str) -> Vec<String> {
    let now = stage.clock.wall();
    let user = User {
        id: UserId::fresh(now),
        email: format!("{name}.{tenant}@example.mx"),
        name: name.into(),
        language: "es".into(),
        password: None,
        state: UserState::Active,
        epoch: 0,
        last_tenant: Some(tenant),
        created: now,
        password_set: None,
        signing_from: None,
        revision: 0,
    };
    let mut tx = stage.app.people.begin(&PlatformScope::of(Actor::System)).await.expect("a transaction");
    tx.add_user(&user).await.expect("a person");
    let member = Membership { tenant, tenant_name: String::new(), user: user.id, state: MemberState::Active, created: now };
    tx.add_membership(&member).await.expect("a membership");
    let (role, granted_by) = (role.to_owned(), "system".to_owned());
    let grant = RoleGrant { id: RoleId::fresh(now), user: user.id, role, from: now, until: None, in_place_of: None, granted_by };
    tx.grant_role(tenant, &grant).await.expect("a role");
    tx.commit().await.expect("committed");
    vec![user.id.to_string(), grant.id.to_string()]
}
