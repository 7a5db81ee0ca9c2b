//! Organisations, members, roles, invitations, keys of programs; all of a tenant taken away or destroyed.

use crate::bench::{Bench, at, noon, on_both};
use crate::samples::{job, our_taxpayer};
use fedatario_app::identity::model::{MemberState, RoleGrant, User, UserState};
use fedatario_app::identity::ports::Chain;
use fedatario_app::identity::tenancy::*;
use fedatario_app::identity::tenancy_ports::{Estate, PeopleStore, PeopleTx};
use fedatario_app::mail::MAIL_SEND;
use fedatario_app::model::NewJob;
use fedatario_app::ports::{ClaimFilter, StoreError, System};
use fedatario_audit::Event;
use fedatario_base::id::*;
use fedatario_base::{Actor, Permission, PlatformScope};

on_both!(
    rows_of_people_are_their_tenants_alone,
    keys_keep_two_secrets_for_a_while,
    a_closed_organisation_has_no_turn,
    a_closed_organisation_posts_its_mail,
    whoever_rules_is_found,
    an_organisation_is_destroyed_whole_and_alone,
);

async fn begin(bench: &Bench) -> Box<dyn PeopleTx> {
    bench.db.begin_people(&PlatformScope::of(Actor::System)).await.expect("a transaction")
}

fn user(email: &str) -> User {
    User {
        id: UserId::fresh(noon()),
        email: email.to_owned(),
        name: "Ana".to_owned(),
        language: "es".to_owned(),
        password: None,
        state: UserState::Active,
        epoch: 0,
        last_tenant: None,
        created: noon(),
        password_set: None,
        signing_from: None,
        revision: 0,
    }
}

fn role(name: &str) -> Role {
    Role {
        id: RoleId::fresh(noon()),
        name: name.to_owned(),
        description: String::new(),
        permissions: vec![Permission::DocumentRead, Permission::JobRead],
        created: noon(),
        created_by: "os:1".to_owned(),
        revision: 0,
    }
}

fn key(bench: &Bench) -> ApiKey {
    ApiKey {
        id: ApiKeyId::fresh(noon()),
        tenant: bench.ours.tenant(),
        name: "ERP".to_owned(),
        is_test: true,
        scopes: vec![Permission::DocumentRead],
        networks: vec!["10.0.0.0/8".to_owned()],
        calls_a_minute: Some(7),
        created: noon(),
        created_by: "os:1".to_owned(),
        stepped_up: Some(noon()),
        expires: at("2027-09-01T12:00:00Z"),
        revoked: None,
        used: None,
        revision: 0,
    }
}

async fn rows_of_people_are_their_tenants_alone(bench: &Bench) {
    let (ours, theirs) = (bench.ours.tenant(), bench.theirs.tenant());
    let ana = user("ana@example.com");
    let mut tx = begin(bench).await;
    tx.add_person(&ana).await.unwrap();
    tx.add_member(ours, ana.id, noon()).await.unwrap();
    let grant = RoleGrant {
        id: RoleId::fresh(noon()),
        user: ana.id,
        role: "viewer".to_owned(),
        from: noon(),
        until: None,
        in_place_of: None,
        granted_by: "os:1".to_owned(),
    };
    tx.give_role(ours, &grant).await.unwrap();
    let consulta = role("consulta");
    tx.add_role(ours, &consulta).await.unwrap();
    let invitation = Invitation {
        id: InvitationId::fresh(noon()),
        tenant: ours,
        email: "eva@example.com".to_owned(),
        language: "es".to_owned(),
        roles: vec!["viewer".to_owned(), "consulta".to_owned()],
        digest: [9; 32],
        invited_by: "os:1".to_owned(),
        created: noon(),
        expires: at("2026-09-08T12:00:00Z"),
        state: InvitationState::Open,
    };
    tx.add_invitation(&invitation).await.unwrap();
    tx.append(Chain::Tenant(ours), Event::new(noon(), &Actor::System, "test.happened"), None).await.unwrap();
    tx.append(Chain::Platform, Event::new(noon(), &Actor::System, "test.happened"), None).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = begin(bench).await;
    let found = tx.member(ours, ana.id).await.unwrap().unwrap();
    assert_eq!((found.email.as_str(), found.grants.as_slice()), ("ana@example.com", std::slice::from_ref(&grant)));
    assert_eq!(tx.members(ours, None, 10).await.unwrap(), [found]);
    assert_eq!(tx.count_holders(ours, "viewer", noon()).await.unwrap(), 1);
    assert_eq!(tx.role(ours, "consulta").await.unwrap(), Some(consulta.clone()));
    assert_eq!(tx.invitation(&[9; 32]).await.unwrap(), Some(invitation.clone()));
    // The others have nothing of it.
    assert_eq!(tx.member(theirs, ana.id).await.unwrap(), None);
    assert_eq!(tx.members(theirs, None, 10).await.unwrap(), []);
    assert_eq!(tx.role(theirs, "consulta").await.unwrap(), None);
    assert_eq!(tx.invitations(theirs, 10).await.unwrap(), []);
    assert!(!tx.end_invitation(theirs, invitation.id, InvitationState::Revoked, None, noon()).await.unwrap());
    assert_eq!(tx.count_grants(theirs, "viewer", noon()).await.unwrap(), 0);
    assert!(matches!(tx.remove_grant(theirs, ana.id, grant.id).await, Err(StoreError::NotFound)));
    drop(tx);
    let mut tx = begin(bench).await;
    assert!(matches!(tx.remove_role(theirs, consulta.id).await, Err(StoreError::NotFound)));
    drop(tx);
    let mut tx = begin(bench).await;
    assert!(matches!(tx.add_role(ours, &role("consulta")).await, Err(StoreError::Conflict(_))));
    drop(tx);
    // A newer invitation to the same address takes the place of the open one.
    let mut tx = begin(bench).await;
    let newer = Invitation { id: InvitationId::fresh(noon()), digest: [8; 32], ..invitation };
    tx.add_invitation(&newer).await.unwrap();
    assert_eq!(tx.invitation(&[9; 32]).await.unwrap().unwrap().state, InvitationState::Replaced);
    assert!(tx.end_invitation(ours, newer.id, InvitationState::Accepted, Some(ana.id), noon()).await.unwrap());
    assert!(!tx.end_invitation(ours, newer.id, InvitationState::Accepted, Some(ana.id), noon()).await.unwrap(), "once");
    tx.commit().await.unwrap();
    fedatario_testkit::covers!("people: members, roles and invitations are their tenant's alone");
}

async fn keys_keep_two_secrets_for_a_while(bench: &Bench) {
    let key = key(bench);
    let secret = |byte: u8| ApiKeySecret { digest: [byte; 32], created: noon(), until: None };
    let mut tx = begin(bench).await;
    tx.add_api_key(&key, &secret(1)).await.unwrap();
    let later = at("2026-09-01T13:00:00Z");
    tx.add_api_key_secret(key.tenant, key.id, &secret(2), later, noon()).await.unwrap();
    tx.note_api_key_use(key.tenant, key.id, noon(), "10.0.0.7").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = begin(bench).await;
    let (found, secrets) = tx.api_key(key.id, noon()).await.unwrap().unwrap();
    assert_eq!(found, ApiKey { used: Some((noon(), "10.0.0.7".to_owned())), ..key.clone() });
    assert_eq!(secrets.len(), 2);
    let (_, secrets) = tx.api_key(key.id, later).await.unwrap().unwrap();
    assert_eq!(secrets, [secret(2)], "the first ended");
    assert_eq!(tx.api_keys(bench.theirs.tenant(), None, 10).await.unwrap(), []);
    assert_eq!(tx.count_api_keys(key.tenant, noon()).await.unwrap(), 1);
    let revoked = ApiKey { revoked: Some((noon(), "os:1".to_owned())), ..key.clone() };
    tx.update_api_key(&revoked).await.unwrap();
    assert!(matches!(tx.update_api_key(&revoked).await, Err(StoreError::Conflict(_))), "its revision moved on");
    fedatario_testkit::covers!("people: a key keeps two secrets for a while, and only digests of them");
}

async fn a_closed_organisation_has_no_turn(bench: &Bench) {
    let mut tx = bench.our_tx().await;
    tx.enqueue(&job("a"), noon()).await.unwrap();
    tx.commit().await.unwrap();
    let put = async |state: TenantState| {
        let mut tx = begin(bench).await;
        let mut tenant = tx.tenant(bench.ours.tenant()).await.unwrap().unwrap();
        tenant.state = state;
        tx.update_tenant(&tenant).await.unwrap();
        tx.commit().await.unwrap();
    };
    let filter = ClaimFilter { kinds: vec!["sat.ask", "test"], ..ClaimFilter::default() };
    let claim = async || {
        let holder = HolderId::fresh(noon());
        let lease = std::time::Duration::from_secs(60);
        bench.db.claim(&bench.hands, holder, &filter, 10, noon(), noon(), lease).await.unwrap().len()
    };
    put(TenantState::Suspended).await;
    assert_eq!(claim().await, 0);
    assert_eq!(bench.db.next_due(&bench.hands, &filter).await.unwrap(), None);
    put(TenantState::Active).await;
    assert_eq!(claim().await, 1);
    fedatario_testkit::covers!("tenants: the jobs of a suspended one wait");
}

async fn a_closed_organisation_posts_its_mail(bench: &Bench) {
    let ours = bench.ours.tenant();
    let filter = ClaimFilter { kinds: vec!["sat.ask", "test", MAIL_SEND], ..ClaimFilter::default() };
    let lease = std::time::Duration::from_secs(60);
    let claim = async || {
        let rows = bench.db.claim(&bench.hands, HolderId::fresh(noon()), &filter, 10, noon(), noon(), lease).await.unwrap();
        rows.into_iter().map(|it| (it.tenant, it.kind)).collect::<Vec<_>>()
    };
    for state in [TenantState::Suspended, TenantState::Leaving] {
        let mail = NewJob { kind: MAIL_SEND, ..job(&format!("mail {state}")) };
        let mut tx = begin(bench).await;
        let mut tenant = tx.tenant(ours).await.unwrap().unwrap();
        tenant.state = state;
        tx.update_tenant(&tenant).await.unwrap();
        tx.enqueue(ours, &job(state.text()), noon()).await.unwrap();
        let (first, is_new) = tx.enqueue(ours, &mail, noon()).await.unwrap();
        assert!(is_new);
        assert_eq!(tx.enqueue(ours, &mail, noon()).await.unwrap(), (first, false), "one of a key is open at a time");
        tx.append(Chain::Tenant(ours), Event::new(noon(), &Actor::System, "test"), None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(bench.db.next_due(&bench.hands, &filter).await.unwrap(), Some(noon()));
        assert_eq!(claim().await, [(ours, MAIL_SEND.to_owned())], "{state}");
        assert_eq!(claim().await, []);
        // What was not committed is not sent.
        let mut tx = begin(bench).await;
        tx.enqueue(ours, &NewJob { key: "undone".to_owned(), ..mail.clone() }, noon()).await.unwrap();
        drop(tx);
        assert_eq!(claim().await, []);
    }
    fedatario_testkit::covers!("tenants: a mail leaves a closed organisation, and is enqueued with what it tells of or not at all");
}

async fn whoever_rules_is_found(bench: &Bench) {
    let (ours, theirs) = (bench.ours.tenant(), bench.theirs.tenant());
    let people = ["a@x.mx", "b@x.mx", "c@x.mx", "d@x.mx", "e@x.mx"].map(user);
    let [rules, rules_elsewhere, lapsed, closed, disabled] = &people;
    let grant = |user: UserId, until: Option<&str>| RoleGrant {
        id: RoleId::fresh(noon()),
        user,
        role: "tenant_admin".to_owned(),
        from: at("2026-01-01T00:00:00Z"),
        until: until.map(at),
        in_place_of: None,
        granted_by: "system".to_owned(),
    };
    let mut tx = begin(bench).await;
    for it in &people {
        tx.add_person(it).await.unwrap();
    }
    for (tenant, it, until) in [
        (ours, rules, None),
        (theirs, rules_elsewhere, None),
        (ours, lapsed, Some("2026-02-01T00:00:00Z")),
        (ours, closed, None),
        (ours, disabled, None),
    ] {
        tx.add_member(tenant, it.id, noon()).await.unwrap();
        tx.give_role(tenant, &grant(it.id, until)).await.unwrap();
    }
    tx.set_member_state(ours, closed.id, MemberState::Disabled).await.unwrap();
    tx.set_person_state(disabled.id, UserState::Disabled).await.unwrap();
    let found = tx.holders(ours, "tenant_admin", noon(), 10).await.unwrap();
    assert_eq!(found.iter().map(|it| (it.id, it.language.as_str())).collect::<Vec<_>>(), [(rules.id, "es")]);
    assert_eq!(tx.holders(theirs, "tenant_admin", noon(), 10).await.unwrap().len(), 1);
    assert_eq!(tx.holders(ours, "viewer", noon(), 10).await.unwrap(), []);
    assert_eq!(tx.holders(ours, "tenant_admin", noon(), 0).await.unwrap(), []);
    fedatario_testkit::covers!("people: members that count, who hold a role now, are found");
}

async fn an_organisation_is_destroyed_whole_and_alone(bench: &Bench) {
    our_taxpayer(bench).await;
    let mut tx = bench.our_tx().await;
    tx.enqueue(&job("a"), noon()).await.unwrap();
    for _ in 0..3 {
        tx.append(Event::new(noon(), bench.ours.actor(), "test.happened"), None).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = begin(bench).await;
    tx.add_api_key(&key(bench), &ApiKeySecret { digest: [1; 32], created: noon(), until: None }).await.unwrap();
    tx.add_role(bench.ours.tenant(), &role("consulta")).await.unwrap();
    tx.add_role(bench.theirs.tenant(), &role("consulta")).await.unwrap();
    tx.commit().await.unwrap();

    let (to, mut rows) = tokio::sync::mpsc::channel(1_000);
    bench.db.export(&bench.ours, to).await.unwrap();
    let mut exported = Vec::new();
    while let Some((table, row)) = rows.recv().await {
        assert!(serde_json::from_str::<serde_json::Value>(&row).unwrap().get("tenant_id").is_none());
        exported.push(table);
    }
    exported.dedup();
    assert_eq!(exported, ["api_keys", "audit_entries", "audit_heads", "jobs", "roles", "taxpayers"]);

    let event = || Event::new(noon(), &Actor::System, "tenant.destroyed");
    let early = bench.db.destroy(&bench.ours, noon(), event()).await;
    assert!(matches!(early, Err(StoreError::Conflict(_))), "{early:?}");
    let mut tx = begin(bench).await;
    let mut tenant = tx.tenant(bench.ours.tenant()).await.unwrap().unwrap();
    tenant.state = TenantState::Leaving;
    tenant.leaving = Some(Departure { by: "os:1".to_owned(), confirmed_by: Some("os:2".to_owned()), at: noon() });
    tx.update_tenant(&tenant).await.unwrap();
    assert_eq!(tx.tenants_due(noon(), 10).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    bench.db.destroy(&bench.ours, noon(), event()).await.unwrap();

    let (to, mut rows) = tokio::sync::mpsc::channel(1_000);
    bench.db.export(&bench.ours, to).await.unwrap();
    let mut left = Vec::new();
    while let Some((table, _)) = rows.recv().await {
        left.push(table);
    }
    left.dedup();
    assert_eq!(left, ["audit_heads", "audit_leaves"], "digests of the chain, and nothing else");
    let mut tx = begin(bench).await;
    assert_eq!(tx.tenant(bench.ours.tenant()).await.unwrap().unwrap().state, TenantState::Gone);
    assert_eq!(tx.roles(bench.theirs.tenant()).await.unwrap().len(), 1);
    fedatario_testkit::covers!("people: an organisation is destroyed whole, in one transaction, and nothing of another");
}
