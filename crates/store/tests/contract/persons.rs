//! People: users, factors, lines of tokens, tokens for one act, keys, counts, memberships.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::job;
use fedatario_app::identity::model::*;
use fedatario_app::identity::originator::stands;
use fedatario_app::identity::ports::{Chain, IdentityStore, IdentityTx};
use fedatario_app::ports::{Store, StoreError};
use fedatario_audit::Event;
use fedatario_base::id::{FactorId, RecoveryId, RoleId, SessionId, TenantId, UserId};
use fedatario_base::{Actor, Permission, PlatformScope};
use jiff::{SignedDuration, Timestamp};

on_both!(
    a_person_is_found_by_id_and_by_address,
    history_and_machines_are_of_one_person,
    a_factor_and_its_steps_are_of_one_person,
    a_passkey_is_of_one_person_and_its_counter_rises,
    a_recovery_code_is_used_once,
    a_refresh_token_follows_the_one_alive,
    a_line_ends_for_its_person_alone,
    a_standing_tells_what_is_in_force,
    a_token_for_one_act_is_used_once,
    signing_keys_come_and_go,
    failures_are_counted_in_their_window,
    entries_and_jobs_commit_with_the_change,
    a_job_stands_and_falls_with_its_originator,
    a_recovery_is_open_once_and_ends_once,
    lines_are_shut_in_one_tenant,
    who_holds_a_permission_is_found,
    history_is_bounded_by_age_and_number,
    lapsed_tokens_are_looked_at_once,
);

fn later(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

pub fn person(email: &str) -> User {
    User {
        id: UserId::fresh(noon()),
        email: email.into(),
        name: "Ana Ñúñez".into(),
        language: "es".into(),
        password: Some(Hidden("$argon2id$…".into())),
        state: UserState::Active,
        epoch: 0,
        last_tenant: None,
        created: noon(),
        password_set: Some(noon()),
        signing_from: None,
        revision: 0,
    }
}

fn line(user: UserId, tenant: Option<TenantId>) -> Session {
    Session {
        id: SessionId::fresh(noon()),
        user,
        tenant,
        created: noon(),
        expires: later(8 * 3_600),
        used: noon(),
        authenticated: noon(),
        methods: "pwd otp".into(),
        address: "192.0.2.7".into(),
        user_agent: "curl/8".into(),
        generation: 1,
        digest: [1; 32],
        child: None,
        ended: None,
    }
}

fn factor(user: UserId) -> Factor {
    Factor {
        id: FactorId::fresh(noon()),
        user,
        kind: FactorKind::Totp,
        label: "Teléfono".into(),
        state: FactorState::Pending,
        secret: Hidden(vec![1, 2, 3]),
        last_step: 0,
        created: noon(),
        confirmed: None,
        used: None,
    }
}

async fn writing(bench: &Bench) -> Box<dyn IdentityTx> {
    IdentityStore::begin(&bench.db, &PlatformScope::for_authentication()).await.unwrap()
}

async fn reading(bench: &Bench) -> Box<dyn IdentityTx> {
    IdentityStore::read(&bench.db, &PlatformScope::for_authentication()).await.unwrap()
}

/// Two people, stored.
async fn two(bench: &Bench) -> (User, User) {
    let (ana, beto) = (person("ana@example.mx"), person("beto@example.mx"));
    let mut tx = writing(bench).await;
    tx.add_user(&ana).await.unwrap();
    tx.add_user(&beto).await.unwrap();
    tx.commit().await.unwrap();
    (ana, beto)
}

async fn a_person_is_found_by_id_and_by_address(bench: &Bench) {
    assert!(!reading(bench).await.any_user().await.unwrap());
    let (ana, beto) = two(bench).await;
    let mut tx = reading(bench).await;
    assert!(tx.any_user().await.unwrap());
    assert_eq!(tx.user(ana.id).await.unwrap(), Some(ana.clone()));
    assert_eq!(tx.user_by_email("beto@example.mx").await.unwrap(), Some(beto.clone()));
    assert_eq!(tx.user_by_email("Beto@example.mx").await.unwrap(), None);
    assert!(tx.add_user(&person("eva@example.mx")).await.is_err(), "a reader writes nothing");
    drop(tx);
    let mut tx = writing(bench).await;
    assert!(matches!(tx.add_user(&person("ana@example.mx")).await, Err(StoreError::Conflict(_))));
    assert!(tx.commit().await.is_err());
    let changed = User {
        email: "ana.n@example.mx".into(),
        state: UserState::Disabled,
        epoch: 4,
        signing_from: Some(later(9)),
        ..ana.clone()
    };
    let mut tx = writing(bench).await;
    tx.update_user(&changed).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reading(bench).await.user(ana.id).await.unwrap(), Some(User { revision: 1, ..changed.clone() }));
    let mut tx = writing(bench).await;
    assert!(matches!(tx.update_user(&changed).await, Err(StoreError::Conflict(_))), "the revision moved on");
    methods!(bench; "IdentityStore::begin", "IdentityStore::read", "IdentityTx::commit", "Users::add_user", "Users::user",
        "Users::user_by_email", "Users::update_user", "Users::any_user");
}

async fn history_and_machines_are_of_one_person(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let record = |second: i64, event| LoginRecord {
        at: later(second),
        event,
        address: "192.0.2.7".into(),
        user_agent: "Mozilla/5.0 Ñ".into(),
        session: Some(SessionId::fresh(noon())),
    };
    let both = [record(1, LoginEvent::PasswordRefused), record(2, LoginEvent::Login)];
    let mut tx = writing(bench).await;
    for it in &both {
        tx.record_login(ana.id, it).await.unwrap();
    }
    for second in 0..4 {
        tx.remember_device(ana.id, &[second as u8; 32], later(second), 3).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = writing(bench).await;
    assert_eq!(tx.login_history(ana.id, 10).await.unwrap(), [both[1].clone(), both[0].clone()]);
    assert_eq!(tx.login_history(ana.id, 1).await.unwrap(), [both[1].clone()]);
    assert_eq!(tx.login_history(beto.id, 10).await.unwrap(), []);
    let known = [(0, false), (1, true), (3, true)];
    for (device, expected) in known {
        assert_eq!(
            tx.is_known_device(ana.id, &[device; 32]).await.unwrap(),
            expected,
            "{device}: the oldest beyond three is forgotten"
        );
        assert!(!tx.is_known_device(beto.id, &[device; 32]).await.unwrap());
    }
    tx.forget_devices(beto.id).await.unwrap();
    assert!(tx.is_known_device(ana.id, &[3; 32]).await.unwrap());
    tx.forget_devices(ana.id).await.unwrap();
    assert!(!tx.is_known_device(ana.id, &[3; 32]).await.unwrap());
    methods!(bench; "Users::record_login", "Users::login_history", "Users::is_known_device", "Users::remember_device", "Users::forget_devices");
}

async fn a_factor_and_its_steps_are_of_one_person(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let its = factor(ana.id);
    let mut tx = writing(bench).await;
    tx.add_factor(&its).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = writing(bench).await;
    assert_eq!(tx.factors(ana.id).await.unwrap(), std::slice::from_ref(&its));
    assert_eq!(tx.factors(beto.id).await.unwrap(), []);
    assert!(!tx.take_step(beto.id, its.id, 7, later(1)).await.unwrap(), "somebody else's");
    // (step, whether it is taken): none twice, none before the last.
    for (step, taken) in [(7, true), (7, false), (6, false), (8, true), (8, false)] {
        assert_eq!(tx.take_step(ana.id, its.id, step, later(step)).await.unwrap(), taken, "{step}");
    }
    tx.confirm_factor(ana.id, its.id, later(9)).await.unwrap();
    let now = Factor { state: FactorState::Active, last_step: 8, confirmed: Some(later(9)), used: Some(later(8)), ..its.clone() };
    assert_eq!(tx.factors(ana.id).await.unwrap(), [now]);
    tx.commit().await.unwrap();
    for attempt in 0..3 {
        let mut tx = writing(bench).await;
        let refused = match attempt {
            0 => tx.confirm_factor(ana.id, its.id, later(9)).await,
            1 => tx.confirm_factor(beto.id, its.id, later(9)).await,
            _ => tx.remove_factor(beto.id, its.id).await,
        };
        assert!(matches!(refused, Err(StoreError::NotFound)), "{attempt}");
    }
    let mut tx = writing(bench).await;
    tx.remove_factor(ana.id, its.id).await.unwrap();
    assert_eq!(tx.factors(ana.id).await.unwrap(), []);
    methods!(bench; "Factors::add_factor", "Factors::factors", "Factors::confirm_factor", "Factors::take_step", "Factors::remove_factor");
}

async fn a_passkey_is_of_one_person_and_its_counter_rises(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let its = Factor { kind: FactorKind::Passkey, secret: Hidden(Vec::new()), ..factor(ana.id) };
    let other = Factor { id: FactorId::fresh(later(1)), user: beto.id, ..its.clone() };
    let key = |user: UserId| NewPasskey { user, secret: Hidden(vec![4, 5]), credential: [9; 32], counter: 0 };
    let mut tx = writing(bench).await;
    tx.add_factor(&its).await.unwrap();
    tx.add_factor(&other).await.unwrap();
    assert!(!tx.use_passkey(ana.id, its.id, 1, later(1)).await.unwrap(), "not proven yet");
    assert!(!tx.is_passkey_known(&[9; 32]).await.unwrap());
    tx.confirm_passkey(its.id, &key(ana.id), later(1)).await.unwrap();
    assert!(tx.is_passkey_known(&[9; 32]).await.unwrap());
    // (counter, whether it is taken): 0 as long as the device does not count, then none that does not rise.
    for (counter, taken) in [(0, true), (0, true), (7, true), (7, false), (6, false), (0, false), (8, true)] {
        assert_eq!(tx.use_passkey(ana.id, its.id, counter, later(2)).await.unwrap(), taken, "{counter}");
    }
    assert!(!tx.use_passkey(beto.id, its.id, 9, later(2)).await.unwrap(), "somebody else's");
    tx.commit().await.unwrap();

    let mut tx = writing(bench).await;
    let twice = tx.confirm_passkey(other.id, &key(beto.id), later(3)).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "a key is of one person: {twice:?}");
    drop(tx);
    let mut tx = writing(bench).await;
    assert!(matches!(tx.suspend_factor(beto.id, its.id).await, Err(StoreError::NotFound)));
    drop(tx);
    let mut tx = writing(bench).await;
    tx.suspend_factor(ana.id, its.id).await.unwrap();
    assert!(!tx.use_passkey(ana.id, its.id, 99, later(4)).await.unwrap(), "it proves nothing any more");
    let now = Factor {
        state: FactorState::Suspended,
        secret: Hidden(vec![4, 5]),
        last_step: 8,
        confirmed: Some(later(1)),
        used: Some(later(2)),
        ..its
    };
    assert_eq!(tx.factors(ana.id).await.unwrap(), [now]);
    tx.commit().await.unwrap();
    methods!(bench; "Factors::confirm_passkey", "Factors::is_passkey_known", "Factors::use_passkey", "Factors::suspend_factor");
}

async fn a_recovery_code_is_used_once(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let mut tx = writing(bench).await;
    tx.put_recovery_codes(ana.id, &[[1; 32], [2; 32]], noon()).await.unwrap();
    assert!(!tx.use_recovery_code(beto.id, &[1; 32], later(1)).await.unwrap());
    assert!(!tx.use_recovery_code(ana.id, &[3; 32], later(1)).await.unwrap());
    assert!(tx.use_recovery_code(ana.id, &[1; 32], later(1)).await.unwrap());
    assert!(!tx.use_recovery_code(ana.id, &[1; 32], later(2)).await.unwrap());
    assert_eq!((tx.recovery_codes_left(ana.id).await.unwrap(), tx.recovery_codes_left(beto.id).await.unwrap()), (1, 0));
    tx.put_recovery_codes(ana.id, &[[4; 32]], later(3)).await.unwrap();
    assert!(!tx.use_recovery_code(ana.id, &[2; 32], later(4)).await.unwrap(), "a new set makes the last one void");
    assert_eq!(tx.recovery_codes_left(ana.id).await.unwrap(), 1);
    methods!(bench; "Factors::put_recovery_codes", "Factors::use_recovery_code", "Factors::recovery_codes_left");
}

async fn a_refresh_token_follows_the_one_alive(bench: &Bench) {
    let (ana, _) = two(bench).await;
    let first = line(ana.id, Some(bench.ours.tenant()));
    let mut tx = writing(bench).await;
    tx.add_session(&first).await.unwrap();
    assert_eq!(tx.session(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(tx.session(SessionId::fresh(noon())).await.unwrap(), None);
    let child = SealedChild { blob: Hidden(vec![9]), until: later(15), address: "192.0.2.8".into(), user_agent: "curl/9".into() };
    let rotation = Rotation { session: first.id, from: 1, spent: [1; 32], digest: [2; 32], child: child.clone(), at: later(5) };
    for odd in [
        Rotation { from: 2, ..rotation.clone() },
        Rotation { spent: [7; 32], ..rotation.clone() },
        Rotation { at: first.expires, ..rotation.clone() },
        Rotation { session: SessionId::fresh(noon()), ..rotation.clone() },
    ] {
        assert!(!tx.rotate(&odd).await.unwrap(), "{odd:?}");
    }
    assert!(tx.rotate(&rotation).await.unwrap());
    assert!(!tx.rotate(&rotation).await.unwrap(), "its turn is over");
    assert_eq!(tx.spent_token(first.id, 1).await.unwrap(), Some([1; 32]));
    assert_eq!(tx.spent_token(first.id, 2).await.unwrap(), None);
    let (address, user_agent) = (child.address.clone(), child.user_agent.clone());
    let second =
        Session { generation: 2, digest: [2; 32], child: Some(child), used: later(5), address, user_agent, ..first.clone() };
    assert_eq!(tx.session(first.id).await.unwrap(), Some(second.clone()));
    tx.restate_session(first.id, None, later(6), "pwd").await.unwrap();
    let restated = Session { tenant: None, authenticated: later(6), methods: "pwd".into(), ..second };
    assert_eq!(tx.session(first.id).await.unwrap(), Some(restated));
    tx.end_session(ana.id, first.id, SessionEnd::Logout, later(7)).await.unwrap();
    assert!(!tx.rotate(&Rotation { from: 2, spent: [2; 32], digest: [3; 32], ..rotation }).await.unwrap(), "the line ended");
    methods!(bench; "Sessions::add_session", "Sessions::session", "Sessions::rotate", "Sessions::spent_token", "Sessions::restate_session");
}

async fn a_line_ends_for_its_person_alone(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let lines: Vec<Session> = (0..3).map(|_| line(ana.id, None)).collect();
    let other = line(beto.id, None);
    let mut tx = writing(bench).await;
    for it in lines.iter().chain([&other]) {
        tx.add_session(it).await.unwrap();
    }
    let mut ids: Vec<SessionId> = lines.iter().map(|it| it.id).collect();
    ids.sort();
    let alive = tx.live_sessions(ana.id, noon()).await.unwrap();
    assert_eq!(alive.iter().map(|it| it.id).collect::<Vec<_>>(), ids);
    assert_eq!(tx.live_sessions(ana.id, lines[0].expires).await.unwrap(), []);
    tx.end_session(ana.id, ids[0], SessionEnd::Logout, later(1)).await.unwrap();
    tx.end_session(ana.id, ids[0], SessionEnd::Forced, later(2)).await.unwrap();
    assert_eq!(tx.session(ids[0]).await.unwrap().unwrap().ended, Some((later(1), SessionEnd::Logout)), "the first reason stays");
    assert_eq!(tx.end_sessions(ana.id, Some(ids[1]), SessionEnd::Changed, later(3)).await.unwrap(), 1);
    assert_eq!(tx.live_sessions(ana.id, noon()).await.unwrap().len(), 1);
    assert_eq!(tx.live_sessions(beto.id, noon()).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    let mut tx = writing(bench).await;
    assert!(matches!(tx.end_session(beto.id, ids[1], SessionEnd::Closed, later(4)).await, Err(StoreError::NotFound)));
    drop(tx);
    let mut tx = writing(bench).await;
    assert_eq!(tx.prune_sessions(lines[0].expires, 10).await.unwrap(), 0);
    assert_eq!(tx.prune_sessions(lines[0].expires + SignedDuration::from_secs(1), 3).await.unwrap(), 3);
    methods!(bench; "Sessions::live_sessions", "Sessions::end_session", "Sessions::end_sessions", "Sessions::prune_sessions");
}

async fn a_standing_tells_what_is_in_force(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let (ours, theirs) = (bench.ours.tenant(), bench.theirs.tenant());
    let its = line(ana.id, Some(ours));
    let mut tx = writing(bench).await;
    tx.add_session(&its).await.unwrap();
    let standing = tx.standing(its.id, ana.id, Some(ours), later(5)).await.unwrap().unwrap();
    assert!(!standing.is_member && standing.permissions.is_empty() && standing.platform.is_empty());
    let member = |user| Membership { tenant: ours, tenant_name: "ours".into(), user, state: MemberState::Active, created: noon() };
    tx.add_membership(&member(ana.id)).await.unwrap();
    let grant = |role: &str, from, until| RoleGrant {
        id: RoleId::fresh(noon()),
        user: ana.id,
        role: role.into(),
        from,
        until,
        in_place_of: Some(beto.id),
        granted_by: "os:0".into(),
    };
    let mut grants =
        vec![grant("viewer", noon(), None), grant("auditor", later(10), Some(later(20))), grant("platform_admin", noon(), None)];
    for it in &grants {
        tx.grant_role(ours, it).await.unwrap();
    }
    grants.sort_by_key(|it| it.id);
    assert_eq!(tx.grants(ours, ana.id).await.unwrap(), grants);
    assert_eq!(tx.grants(theirs, ana.id).await.unwrap(), []);
    // (second, whether the auditor's role is in force)
    for (second, audits) in [(5, false), (10, true), (19, true), (20, false)] {
        let standing = tx.standing(its.id, ana.id, Some(ours), later(second)).await.unwrap().unwrap();
        assert!(standing.is_member && standing.permissions.contains(&Permission::DocumentRead), "{second}");
        assert_eq!(standing.permissions.contains(&Permission::AuditRead), audits, "{second}");
        assert!(!standing.permissions.iter().any(|it| it.is_platform()), "a role of a tenant reaches no further");
    }
    let elsewhere = tx.standing(its.id, ana.id, Some(theirs), later(5)).await.unwrap().unwrap();
    assert!(!elsewhere.is_member && elsewhere.permissions.is_empty());
    assert_eq!(tx.standing(its.id, beto.id, Some(ours), later(5)).await.unwrap(), None, "a line is its person's");
    tx.grant_platform_role(ana.id, "platform_support", "os:0", noon()).await.unwrap();
    tx.grant_platform_role(ana.id, "platform_support", "os:0", noon()).await.unwrap();
    assert_eq!(tx.platform_roles(ana.id).await.unwrap(), ["platform_support"]);
    assert_eq!(tx.platform_roles(beto.id).await.unwrap(), Vec::<String>::new());
    let standing = tx.standing(its.id, ana.id, Some(ours), later(5)).await.unwrap().unwrap();
    assert!(standing.platform.contains(&Permission::PlatformTenantRead) && standing.is_good(0, later(5)));
    assert_eq!(tx.memberships(ana.id).await.unwrap(), [member(ana.id)]);
    assert_eq!(tx.memberships(beto.id).await.unwrap(), []);
    assert_eq!(tx.first_tenants(1).await.unwrap().len(), 1);
    let fresh = TenantId::fresh(later(60));
    tx.make_tenant(fresh, "new", noon()).await.unwrap();
    assert!(tx.first_tenants(9).await.unwrap().contains(&(fresh, "new".into())));
    tx.end_session(ana.id, its.id, SessionEnd::Forced, later(6)).await.unwrap();
    assert!(tx.standing(its.id, ana.id, Some(ours), later(7)).await.unwrap().unwrap().ended);
    methods!(bench; "Sessions::standing", "Members::add_membership", "Members::memberships", "Members::grant_role", "Members::grants",
        "Members::grant_platform_role", "Members::platform_roles", "Members::first_tenants", "Members::make_tenant");
}

async fn a_token_for_one_act_is_used_once(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let token = |digest: u8, user: Option<UserId>, purpose| OneTime {
        digest: [digest; 32],
        purpose,
        user,
        tenant: Some(bench.ours.tenant()),
        detail: serde_json::json!({ "email": "ñ@example.mx" }),
        created: noon(),
        expires: later(60),
        attempts: 0,
        used: None,
    };
    let mut tx = writing(bench).await;
    let reset = token(1, Some(ana.id), Purpose::Reset);
    let more = [token(2, Some(ana.id), Purpose::Mfa), token(3, Some(beto.id), Purpose::Reset), token(4, None, Purpose::Bootstrap)];
    for it in [&reset].into_iter().chain(&more) {
        tx.add_one_time(it).await.unwrap();
    }
    assert_eq!(tx.one_time(Purpose::Reset, &[1; 32]).await.unwrap(), Some(reset));
    assert_eq!(tx.one_time(Purpose::Mfa, &[1; 32]).await.unwrap(), None, "for its purpose only");
    assert_eq!((tx.count_attempt(&[1; 32]).await.unwrap(), tx.count_attempt(&[1; 32]).await.unwrap()), (1, 2));
    assert!(!tx.use_one_time(&[1; 32], later(60)).await.unwrap(), "too late");
    assert!(tx.use_one_time(&[1; 32], later(59)).await.unwrap());
    assert!(!tx.use_one_time(&[1; 32], later(59)).await.unwrap());
    tx.void_one_times(Purpose::Reset, Some(ana.id), later(1)).await.unwrap();
    assert!(tx.one_time(Purpose::Reset, &[3; 32]).await.unwrap().unwrap().used.is_none(), "somebody else's");
    tx.void_one_times(Purpose::Bootstrap, None, later(1)).await.unwrap();
    assert!(!tx.use_one_time(&[4; 32], later(2)).await.unwrap());
    assert!(tx.use_one_time(&[2; 32], later(2)).await.unwrap());
    assert_eq!(tx.prune_one_times(later(60), 10).await.unwrap(), 0);
    assert_eq!(tx.prune_one_times(later(61), 3).await.unwrap(), 3);
    methods!(bench; "OneTimes::add_one_time", "OneTimes::one_time", "OneTimes::use_one_time", "OneTimes::count_attempt",
        "OneTimes::void_one_times", "OneTimes::prune_one_times");
}

async fn signing_keys_come_and_go(bench: &Bench) {
    let key = |kid: &str, from: i64| SigningKeyRow {
        kid: kid.into(),
        public: [from as u8; 32],
        sealed: Hidden(vec![7]),
        created: noon(),
        signs_from: later(from),
        signs_until: later(from + 10),
        verifies_until: later(from + 20),
    };
    let mut tx = writing(bench).await;
    tx.hold_signing_keys().await.unwrap();
    tx.add_signing_key(&key("b", 10)).await.unwrap();
    tx.add_signing_key(&key("a", 0)).await.unwrap();
    assert_eq!(tx.signing_keys(later(5)).await.unwrap(), [key("a", 0), key("b", 10)]);
    assert_eq!(tx.signing_keys(later(20)).await.unwrap(), [key("b", 10)]);
    tx.end_signing_key("b", later(12), later(13)).await.unwrap();
    assert_eq!(tx.signing_keys(later(13)).await.unwrap(), [key("a", 0)]);
    assert_eq!(tx.prune_signing_keys(later(14)).await.unwrap(), 1);
    assert!(matches!(tx.end_signing_key("b", later(1), later(1)).await, Err(StoreError::NotFound)));
    methods!(bench; "SigningKeys::signing_keys", "SigningKeys::hold_signing_keys", "SigningKeys::add_signing_key",
        "SigningKeys::end_signing_key", "SigningKeys::prune_signing_keys");
}

async fn failures_are_counted_in_their_window(bench: &Bench) {
    let mut tx = writing(bench).await;
    let count = |failures, first, last| Count { failures, first: later(first), last: later(last) };
    assert_eq!(tx.count_failure("a", later(0), 60_000).await.unwrap(), count(1, 0, 0));
    assert_eq!(tx.count_failure("a", later(59), 60_000).await.unwrap(), count(2, 0, 59));
    assert_eq!(tx.count_failure("b", later(1), 60_000).await.unwrap(), count(1, 1, 1));
    assert_eq!(tx.count_failure("a", later(60), 60_000).await.unwrap(), count(1, 60, 60), "a new run");
    let names = ["b".to_owned(), "nobody".to_owned(), "a".to_owned()];
    assert_eq!(tx.counts(&names).await.unwrap(), [count(1, 1, 1), Count::default(), count(1, 60, 60)]);
    tx.forget_failures("a").await.unwrap();
    assert_eq!(tx.counts(&names[2..]).await.unwrap(), [Count::default()]);
    assert_eq!((tx.prune_throttles(later(1), 9).await.unwrap(), tx.prune_throttles(later(2), 9).await.unwrap()), (0, 1));
    tx.commit().await.unwrap();
    // Many at once lose none.
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let db = bench.db.clone();
        all.spawn(async move {
            let mut tx = IdentityStore::begin(&db, &PlatformScope::for_authentication()).await.unwrap();
            tx.count_failure("crowd", later(5), 60_000).await.unwrap();
            tx.commit().await.unwrap();
        });
    }
    all.join_all().await;
    assert_eq!(reading(bench).await.counts(&["crowd".into()]).await.unwrap()[0].failures, 16);
    methods!(bench; "Throttles::counts", "Throttles::count_failure", "Throttles::forget_failures", "Throttles::prune_throttles");
}

async fn entries_and_jobs_commit_with_the_change(bench: &Bench) {
    let (ours, event) = (bench.ours.tenant(), |what: &str| Event::new(noon(), &Actor::System, what));
    let mut tx = writing(bench).await;
    tx.add_user(&person("eva@example.mx")).await.unwrap();
    tx.enqueue(ours, &job("dropped"), noon()).await.unwrap();
    tx.append(Chain::Tenant(ours), event("auth.dropped"), None).await.unwrap();
    drop(tx);
    assert!(!reading(bench).await.any_user().await.unwrap());
    let mut tx = writing(bench).await;
    let (id, new) = tx.enqueue(ours, &job("kept"), noon()).await.unwrap();
    assert!(new && tx.enqueue(ours, &job("kept"), noon()).await.unwrap() == (id, false));
    assert_eq!(tx.append(Chain::Tenant(ours), event("auth.kept"), Some(vec![1])).await.unwrap(), 1);
    assert_eq!(tx.append(Chain::Platform, event("auth.kept"), None).await.unwrap(), 1);
    assert_eq!(tx.append(Chain::Platform, event("auth.kept"), None).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let mut tx = Store::read(&bench.db, &bench.ours).await.unwrap();
    assert_eq!(tx.audit_rows(1, 9).await.unwrap().len(), 1);
    assert_eq!(tx.job(id).await.unwrap().map(|it| it.key), Some("kept".into()));
    drop(tx);
    let mut tx = Store::read(&bench.db, &bench.theirs).await.unwrap();
    assert_eq!((tx.audit_rows(1, 9).await.unwrap(), tx.job(id).await.unwrap()), (vec![], None));
    methods!(bench; "IdentityTx::append", "IdentityTx::enqueue");
}

async fn a_job_stands_and_falls_with_its_originator(bench: &Bench) {
    let (ana, _) = two(bench).await;
    let (ours, theirs) = (bench.ours.tenant(), bench.theirs.tenant());
    let mut tx = writing(bench).await;
    tx.add_membership(&Membership {
        tenant: ours,
        tenant_name: String::new(),
        user: ana.id,
        state: MemberState::Active,
        created: noon(),
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let ask = async |tenant, kind, who: &str| stands(&bench.db, tenant, kind, who).await.unwrap();
    let who = ana.id.to_string();
    assert!(ask(ours, "sat.ask", &who).await && !ask(theirs, "sat.ask", &who).await);
    assert!(!ask(ours, "sat.ask", &UserId::fresh(noon()).to_string()).await);
    let mut tx = writing(bench).await;
    tx.update_user(&User { state: UserState::Disabled, ..ana }).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!ask(ours, "sat.ask", &who).await && ask(ours, "mail.send", &who).await);
    assert!(ask(ours, "sat.ask", "os:1000").await && ask(ours, "sat.ask", "system").await);
    fedatario_testkit::covers!("identity: a job stands and falls with whoever began it");
}

fn recovery(tenant: TenantId, user: UserId, by: UserId) -> Recovery {
    Recovery {
        id: RecoveryId::fresh(noon()),
        tenant,
        user,
        state: RecoveryState::Open,
        started_by: by.to_string(),
        started: noon(),
        due: later(72 * 3_600),
        ended: None,
    }
}

async fn a_recovery_is_open_once_and_ends_once(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let (ours, theirs) = (bench.ours.tenant(), bench.theirs.tenant());
    let its = recovery(ours, ana.id, beto.id);
    let mut tx = writing(bench).await;
    tx.add_recovery(&its).await.unwrap();
    assert_eq!(tx.recovery(its.id).await.unwrap(), Some(its.clone()));
    assert_eq!(tx.open_recovery(ana.id).await.unwrap(), Some(its.clone()));
    assert_eq!(tx.open_recovery(beto.id).await.unwrap(), None);
    assert_eq!(tx.recovery(RecoveryId::fresh(noon())).await.unwrap(), None);
    tx.commit().await.unwrap();
    let mut tx = writing(bench).await;
    let second = tx.add_recovery(&recovery(theirs, ana.id, beto.id)).await;
    assert!(matches!(second, Err(StoreError::Conflict(_))), "one at a time, whichever tenant began it: {second:?}");
    drop(tx);
    // Of many at once one ends it.
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, id) = (bench.db.clone(), its.id);
        all.spawn(async move {
            let mut tx = IdentityStore::begin(&db, &PlatformScope::for_authentication()).await.unwrap();
            let ended = tx.end_recovery(id, RecoveryState::Done, "system", later(9)).await.unwrap();
            tx.commit().await.unwrap();
            ended
        });
    }
    assert_eq!(all.join_all().await.into_iter().filter(|it| *it).count(), 1);
    let mut tx = writing(bench).await;
    assert!(!tx.end_recovery(its.id, RecoveryState::CalledOff, "os:0", later(10)).await.unwrap());
    let ended = Recovery { state: RecoveryState::Done, ended: Some((later(9), "system".into())), ..its.clone() };
    assert_eq!(tx.recovery(its.id).await.unwrap(), Some(ended));
    assert_eq!(tx.open_recovery(ana.id).await.unwrap(), None);
    tx.add_recovery(&recovery(theirs, ana.id, beto.id)).await.unwrap();
    methods!(bench; "Recoveries::add_recovery", "Recoveries::recovery", "Recoveries::open_recovery", "Recoveries::end_recovery");
}

async fn lines_are_shut_in_one_tenant(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let (ours, theirs) = (bench.ours.tenant(), bench.theirs.tenant());
    let [here, there] = [line(ana.id, Some(ours)), line(ana.id, Some(theirs))];
    let after = Session { created: later(6), ..line(ana.id, Some(ours)) };
    let mut tx = writing(bench).await;
    for tenant in [ours, theirs] {
        let (tenant_name, state) = (String::new(), MemberState::Active);
        tx.add_membership(&Membership { tenant, tenant_name, user: ana.id, state, created: noon() }).await.unwrap();
    }
    for it in [&here, &there] {
        tx.add_session(it).await.unwrap();
    }
    assert_eq!(tx.shut_lines(ours, ana.id, later(5)).await.unwrap(), 1);
    tx.add_session(&after).await.unwrap();
    // (line, tenant, whether it is good there): what is in the other tenant goes on there, and there alone.
    for (it, tenant, good) in [(&here, ours, false), (&there, ours, false), (&there, theirs, true), (&after, ours, true)] {
        let standing = tx.standing(it.id, ana.id, Some(tenant), later(7)).await.unwrap().unwrap();
        assert_eq!(standing.is_member && !standing.ended, good, "{it:?} {tenant}");
    }
    assert_eq!(tx.session(here.id).await.unwrap().unwrap().ended, Some((later(5), SessionEnd::Forced)));
    tx.remember_device(ana.id, &[3; 32], noon(), 5).await.unwrap();
    tx.remember_device(ana.id, &[2; 32], noon(), 5).await.unwrap();
    assert_eq!(tx.known_devices(ana.id).await.unwrap(), [[2; 32], [3; 32]]);
    assert_eq!(tx.known_devices(beto.id).await.unwrap(), Vec::<[u8; 32]>::new());
    tx.commit().await.unwrap();
    let mut tx = writing(bench).await;
    assert!(matches!(tx.shut_lines(ours, beto.id, later(8)).await, Err(StoreError::NotFound)), "no member");
    methods!(bench; "Members::shut_lines", "Users::known_devices");
}

async fn who_holds_a_permission_is_found(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let ours = bench.ours.tenant();
    let mut tx = writing(bench).await;
    // (who, role, until): roles that ended count no more.
    for (user, role, until) in
        [(ana.id, "tenant_admin", None), (ana.id, "viewer", None), (beto.id, "tenant_admin", Some(later(10)))]
    {
        if role != "viewer" {
            let (tenant_name, state) = (String::new(), MemberState::Active);
            tx.add_membership(&Membership { tenant: ours, tenant_name, user, state, created: noon() }).await.unwrap();
        }
        let (id, role, granted_by) = (RoleId::fresh(noon()), role.to_owned(), "os:0".to_owned());
        tx.grant_role(ours, &RoleGrant { id, user, role, from: noon(), until, in_place_of: None, granted_by }).await.unwrap();
    }
    let mut both = vec![ana.clone(), beto.clone()];
    both.sort_by_key(|it| it.id);
    assert_eq!(tx.holders_of(ours, Permission::UserManage, later(9), 9).await.unwrap(), both);
    assert_eq!(tx.holders_of(ours, Permission::UserManage, later(9), 1).await.unwrap(), both[..1]);
    assert_eq!(tx.holders_of(ours, Permission::UserManage, later(10), 9).await.unwrap(), std::slice::from_ref(&ana));
    assert_eq!(tx.holders_of(bench.theirs.tenant(), Permission::UserManage, later(9), 9).await.unwrap(), []);
    assert!(tx.allowed_in(ours, beto.id, later(9)).await.unwrap().unwrap().contains(&Permission::UserManage));
    assert_eq!(tx.allowed_in(ours, beto.id, later(10)).await.unwrap(), Some(vec![]));
    assert_eq!(tx.allowed_in(bench.theirs.tenant(), ana.id, later(9)).await.unwrap(), None);
    tx.update_user(&User { state: UserState::Disabled, ..ana.clone() }).await.unwrap();
    assert_eq!(tx.holders_of(ours, Permission::UserManage, later(10), 9).await.unwrap(), []);
    methods!(bench; "Members::holders_of", "Members::allowed_in");
}

async fn history_is_bounded_by_age_and_number(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let record = |second: i64| LoginRecord {
        at: later(second),
        event: LoginEvent::PasswordRefused,
        address: "192.0.2.7".into(),
        user_agent: "curl/8".into(),
        session: None,
    };
    let mut tx = writing(bench).await;
    for second in 0..6 {
        tx.record_login(ana.id, &record(second)).await.unwrap();
    }
    tx.record_login(beto.id, &record(0)).await.unwrap();
    assert_eq!(tx.prune_history(later(0), later(60), 3, 9).await.unwrap(), 0, "nothing is old, nobody was busy");
    assert_eq!(tx.prune_history(later(1), later(60), 3, 1).await.unwrap(), 1, "one at a time");
    assert_eq!(tx.prune_history(later(1), later(60), 3, 9).await.unwrap(), 1);
    assert_eq!(tx.prune_history(later(1), later(3), 3, 9).await.unwrap(), 2, "the newest three stay");
    let left: Vec<Timestamp> = tx.login_history(ana.id, 9).await.unwrap().iter().map(|it| it.at).collect();
    assert_eq!(left, [later(5), later(4), later(3)]);
    methods!(bench; "Users::prune_history");
}

async fn lapsed_tokens_are_looked_at_once(bench: &Bench) {
    let (ana, beto) = two(bench).await;
    let token = |digest: u8, user: UserId, purpose, expires: i64| OneTime {
        digest: [digest; 32],
        purpose,
        user: Some(user),
        tenant: None,
        detail: serde_json::Value::Null,
        created: noon(),
        expires: later(expires),
        attempts: 0,
        used: None,
    };
    let mut tx = writing(bench).await;
    let all = [
        token(1, ana.id, Purpose::Mfa, 30),
        token(2, ana.id, Purpose::Mfa, 20),
        token(3, beto.id, Purpose::Mfa, 20),
        token(4, ana.id, Purpose::Mfa, 31),
        token(5, ana.id, Purpose::Reset, 20),
    ];
    for it in &all {
        tx.add_one_time(it).await.unwrap();
    }
    let lapsed = tx.lapsed_one_times(Purpose::Mfa, later(0), later(30), 9).await.unwrap();
    assert_eq!(lapsed, [all[1].clone(), all[2].clone(), all[0].clone()]);
    assert_eq!(tx.lapsed_one_times(Purpose::Mfa, later(21), later(30), 9).await.unwrap(), [all[0].clone()]);
    assert_eq!(tx.lapsed_one_times(Purpose::Mfa, later(0), later(30), 1).await.unwrap(), [all[1].clone()]);
    assert_eq!((tx.settle_one_times(Purpose::Mfa, ana.id, later(30)).await.unwrap()), 2);
    assert_eq!((tx.settle_one_times(Purpose::Mfa, ana.id, later(30)).await.unwrap()), 0, "they were looked at");
    assert_eq!(tx.lapsed_one_times(Purpose::Mfa, later(0), later(31), 9).await.unwrap(), [all[2].clone(), all[3].clone()]);
    assert!(tx.use_one_time(&[4; 32], later(30)).await.unwrap(), "what is good stays good");
    methods!(bench; "OneTimes::lapsed_one_times", "OneTimes::settle_one_times");
}
