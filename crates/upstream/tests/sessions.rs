//! Sessions: one login for a crowd, across tasks and processes; renewal, refusal, cooling, death of a holder.

mod support;

use fedatario_base::Clock;
use fedatario_testkit::covers;
use fedatario_upstream::call::SENDS_AT_MOST;
use fedatario_upstream::ports::Outcome;
use fedatario_upstream::{Call, CallError, Effects, Why};
use futures_util::future::{join, join_all, join3};
use std::sync::Arc;
use std::time::Duration;
use support::*;

#[tokio::test(start_paused = true)]
async fn a_crowd_opens_one_session() {
    let bench = bench();
    bench.sim.logins.then(Meets::Slow(Duration::from_secs(5)));
    let freely = operation(Effects::Freely);
    let calls: Vec<Call<'_>> = (0..50).map(|it| about(&freely, &format!("sol_{it}"))).collect();
    let results = join_all(calls.iter().map(|it| bench.call(it))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((bench.sim.logins.asked(), bench.sim.sends.asked()), (1, 50));
    covers!("upstream: a crowd of 50 callers logs in once");
}

#[tokio::test(start_paused = true)]
async fn two_processes_open_one_session() {
    let bench = bench();
    bench.sim.logins.then(Meets::Slow(Duration::from_secs(5)));
    let other = bench.another();
    let freely = operation(Effects::Freely);
    let calls: Vec<Call<'_>> = (0..20).map(|it| about(&freely, &format!("sol_{it}"))).collect();
    let results = join_all(calls.iter().enumerate().map(|(at, call)| {
        let upstream = if at % 2 == 0 { &bench.upstream } else { &other };
        bench.call_on(upstream, call)
    }))
    .await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((bench.sim.logins.asked(), bench.sim.sends.asked()), (1, 20));
    covers!("upstream: two processes log in once");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_reused_until_thirty_seconds_before_it_lapses_and_then_renewed() {
    let bench = bench();
    let freely = operation(Effects::Freely);
    let call = about(&freely, "sol_1");
    // (seconds later, logins so far)
    for (seconds, logins) in [(0, 1), (569, 1), (1, 2), (569, 2), (1, 3)] {
        bench.advance(seconds);
        let fresh_process = bench.another();
        bench.call_on(&fresh_process, &call).await.unwrap();
        assert_eq!(bench.sim.logins.asked(), logins, "after {seconds} s more");
    }
    assert_eq!(*bench.sim.priors.lock().unwrap(), [None, Some(1), Some(2)], "the lapsing one is offered for renewal");
    covers!("upstream: a session is reused until 30 s before it lapses, by restarts too");
}

#[tokio::test(start_paused = true)]
async fn a_session_belongs_to_its_credential_and_tenant() {
    let bench = bench();
    let freely = operation(Effects::Freely);
    let call = about(&freely, "sol_1");
    let mut same_id_elsewhere = account(&bench.clock);
    same_id_elsewhere.id = bench.account.id;
    for (account, logins) in [(&bench.account, 1), (&account(&bench.clock), 2), (&same_id_elsewhere, 3), (&bench.account, 3)] {
        bench.call_as(&bench.upstream, account, &call).await.unwrap();
        assert_eq!(bench.sim.logins.asked(), logins);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_session_is_replaced_once_for_everybody() {
    let bench = bench();
    let freely = operation(Effects::Freely);
    let calls: Vec<Call<'_>> = (0..10).map(|it| about(&freely, &format!("sol_{it}"))).collect();
    bench.call(&calls[0]).await.unwrap();
    for _ in 0..10 {
        bench.sim.sends.then(Meets::Fault(fault("SessionRefused")));
    }
    let other = bench.another();
    let results = join_all(calls.iter().enumerate().map(|(at, call)| {
        let upstream = if at % 2 == 0 { &bench.upstream } else { &other };
        bench.call_on(upstream, call)
    }))
    .await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(bench.sim.logins.asked(), 2);
    let used = bench.sim.used.lock().unwrap();
    assert_eq!(used[..11], [1; 11], "all ten met the refusal with the first session");
    assert_eq!(used[11..], [2; 10], "and none went back with it");
    covers!("upstream: a refused session is replaced once and never used again");
}

#[tokio::test(start_paused = true)]
async fn a_prior_that_is_refused_at_login_is_left_out() {
    let bench = bench();
    let freely = operation(Effects::Freely);
    bench.call(&about(&freely, "sol_1")).await.unwrap();
    bench.advance(3_600);
    bench.sim.logins.then(Meets::Fault(fault("SessionRefused")));
    bench.call(&about(&freely, "sol_1")).await.unwrap();
    assert_eq!(*bench.sim.priors.lock().unwrap(), [None, Some(1), None]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_cools_the_credential_down_for_longer_each_time() {
    let bench = bench();
    bench.sim.logins.always(Some(Meets::Fault(fault("Rejected"))));
    let freely = operation(Effects::Freely);
    let call = about(&freely, "sol_1");
    for (round, minutes) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        let result = bench.call(&call).await;
        assert!(matches!(&result, Err(CallError::LoginRefused(it)) if *it == notice()), "{result:?}");
        assert_eq!(bench.sim.logins.asked() as usize, round + 1);
        let result = bench.call_on(&bench.another(), &call).await;
        let expected = Duration::from_secs(minutes * 60);
        assert!(matches!(&result, Err(CallError::Later { after, why: Why::Cooling }) if *after == expected), "{round}: {result:?}");
        assert_eq!(bench.sim.logins.asked() as usize, round + 1, "nobody knocks while it cools");
        bench.advance(minutes as i64 * 60);
    }
    bench.sim.logins.always(None);
    bench.call(&call).await.unwrap();
    bench.advance(3_600);
    bench.sim.logins.then(Meets::Fault(fault("Rejected")));
    bench.call(&call).await.unwrap_err();
    let result = bench.call(&call).await;
    let minute = Duration::from_secs(60);
    assert!(matches!(&result, Err(CallError::Later { after, .. }) if *after == minute), "a good login forgets: {result:?}");
    covers!("upstream: a refused login cools its credential down, one minute to one hour");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_behind_a_dead_login_stops_at_the_breaker() {
    let bench = bench();
    bench.sim.logins.always(Some(Meets::Fault(fault("Unreachable"))));
    let freely = operation(Effects::Freely);
    let calls: Vec<Call<'_>> = (0..50).map(|it| about(&freely, &format!("sol_{it}"))).collect();
    let results = join_all(calls.iter().map(|it| bench.call(it))).await;
    assert!(results.iter().all(|it| matches!(it, Err(CallError::Later { .. }))));
    assert!(bench.sim.logins.asked() <= 10, "{} logins", bench.sim.logins.asked());
    assert!(bench.outcomes("test.do").iter().all(|it| *it == Some(Outcome::NotSent)));
    covers!("upstream: a crowd behind a dead login knocks at most ten times");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_dies_in_its_login_blocks_others_only_until_its_right_lapses() {
    let bench = bench();
    let freely = operation(Effects::Freely);
    let call = about(&freely, "sol_1");
    bench.sim.logins.then(Meets::Silence);
    let dying = tokio::time::timeout(Duration::from_secs(3), bench.call(&call)).await;
    assert!(dying.is_err());
    let start = bench.clock.wall();

    let mut impatient = call.clone();
    impatient.deadline = Duration::from_secs(1);
    let result = bench.call(&impatient).await;
    assert!(matches!(result, Err(CallError::Later { why: Why::Login, .. })), "{result:?}");

    // In the same process and in another: neither waits longer than the right lives (2 × 30 s + 15 s).
    let other = bench.another();
    let (here, there) = join(bench.call(&call), bench.call_on(&other, &call)).await;
    assert!(here.is_ok() && there.is_ok(), "{here:?} {there:?}");
    assert_eq!(bench.sim.logins.asked(), 2);
    assert!(bench.since(start) <= Duration::from_secs(76), "{:?}", bench.since(start));
    covers!("upstream: a holder that dies in its login blocks nobody beyond its right");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_never_waits_beyond_its_deadline() {
    let bench = bench();
    bench.sim.logins.then(Meets::Slow(Duration::from_secs(25)));
    let freely = operation(Effects::Freely);
    let patient = about(&freely, "sol_1");
    let mut hurried = about(&freely, "sol_2");
    hurried.deadline = Duration::from_secs(2);
    let other = bench.another();
    let (first, same, across) = join3(bench.call(&patient), bench.call(&hurried), bench.call_on(&other, &hurried)).await;
    assert!(first.is_ok());
    for result in [same, across] {
        assert!(matches!(result, Err(CallError::Later { why: Why::Login, .. })), "{result:?}");
    }
    assert_eq!(bench.sim.sends.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kept_session_that_cannot_be_read_is_replaced() {
    use fedatario_base::id::HolderId;
    use fedatario_upstream::ports::{Opening, Sessions, Slot};
    let bench = bench();
    let slot = Slot { authority: "test.line", credential: bench.account.id };
    let (scope, now) = (&bench.account.scope, bench.clock.wall());
    let expires = now + SESSION_LIFE;
    let label = format!("session/{slot}/{}", expires.as_millisecond());
    let garbage = format!("{} {label}\nnot a session", scope.tenant());
    // Sealed by somebody else; and sealed well, but not a session.
    for sealed in [b"noise".to_vec(), garbage.into_bytes()] {
        let holder = HolderId::fresh(now);
        let opening = Opening { holder, until: now + SESSION_LIFE, good_after: expires, refused: None, now };
        bench.memory.claim(scope, slot, opening).await.unwrap();
        bench.memory.store(scope, slot, holder, sealed, expires).await.unwrap().unwrap();
        let before = bench.sim.logins.asked();
        bench.call(&about(&operation(Effects::Freely), "sol_1")).await.unwrap();
        assert_eq!(bench.sim.logins.asked(), before + 1);
    }
    let kept = bench.memory.load(scope, slot).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&kept.sealed).starts_with(&format!("{} session/test.line/", scope.tenant())));
    covers!("upstream: a session is kept sealed, bound to its slot and expiry");
}

#[tokio::test(start_paused = true)]
async fn logins_stop_with_the_sends_of_a_call() {
    let bench = bench();
    bench.sim.logins.always(Some(Meets::Silence));
    let upstream = Arc::clone(&bench.upstream);
    let result = bench.call_on(&upstream, &about(&operation(Effects::Never), "sol_1")).await;
    assert!(matches!(result, Err(CallError::Later { .. })), "{result:?}");
    assert_eq!(bench.sim.logins.asked(), SENDS_AT_MOST);
}
