//! The record: attempts, leases, uncertainty, recall, the chain; and limits as a caller meets them.

mod support;

use fedatario_base::Clock;
use fedatario_base::id::JobId;
use fedatario_testkit::covers;
use fedatario_upstream::breaker::{OPENS_AFTER, PROBE_LIFE, PROBE_LOOK};
use fedatario_upstream::fault::NOTICE_MAX_CHARS;
use fedatario_upstream::ports::{ANSWER_MAX_BYTES, Ledger, Outcome};
use fedatario_upstream::{CallError, Effects, Fault, Notice, Rate, Rates, Recalled, Reply, Why};
use futures_util::future::join;
use std::time::Duration;
use support::*;

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_for_life_and_those_without_effect_are_free() {
    let bench = bench();
    let mut fetch = operation(Effects::Never);
    fetch.attempts_at_most = Some(2);
    let call = about(&fetch, "pkg_1");
    for free in ["Unreachable", "Throttled", "SessionRefused", "Unreachable"] {
        bench.sim.sends.then(Meets::Fault(fault(free)));
    }
    bench.call(&call).await.unwrap();
    bench.sim.sends.then(Meets::Fault(fault("Unanswered")));
    assert!(matches!(bench.call(&call).await, Err(CallError::Uncertain { .. })));
    let sent = bench.sim.sends.asked();
    let third = bench.call_on(&bench.another(), &call).await;
    assert!(matches!(third, Err(CallError::AttemptsExhausted { made: 2 })), "{third:?}");
    assert_eq!(bench.sim.sends.asked(), sent);
    assert_eq!(bench.memory.count(&bench.account.scope, "test.do", Some("pkg_1")).await.unwrap(), 2);
    assert!(bench.call(&about(&fetch, "pkg_2")).await.is_ok(), "another subject has its own");
    covers!("upstream: attempts are bounded for each subject; those without effect do not count");
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_sends_nothing() {
    let bench = bench();
    let never = operation(Effects::Never);
    let job = JobId::fresh(bench.clock.wall());
    let mut call = about(&never, "sol_1");
    call.lease = Some(bench.memory.grant(job, 1));
    bench.memory.grant(job, 2);
    assert!(matches!(bench.call(&call).await, Err(CallError::LeaseLost)));
    assert!(bench.memory.exchanges(&bench.account.scope).is_empty());

    call.lease = Some(bench.memory.grant(job, 3));
    let memory = bench.memory.clone();
    *bench.sim.while_opening.lock().unwrap() = Some(Box::new(move || {
        memory.grant(job, 4);
    }));
    assert!(matches!(bench.call(&call).await, Err(CallError::LeaseLost)), "lost during the login");
    assert_eq!(bench.sim.sends.asked(), 0);
    assert_eq!(bench.outcomes("test.do"), [Some(Outcome::NotSent)]);
    covers!("upstream: a lost lease sends nothing, even if it is lost during the login");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_found_again_and_an_uncertainty_too() {
    let bench = bench();
    let never = operation(Effects::Never);
    let scope = &bench.account.scope;
    let recall = |subject: &'static str| bench.upstream.recall::<u32>(scope, &never, subject, None);

    assert_eq!(recall("sol_0").await.unwrap(), Recalled::Nothing);
    let done = bench.call(&about(&never, "sol_1")).await.unwrap();
    assert_eq!(recall("sol_1").await.unwrap(), Recalled::Answered { exchange: done.exchange, value: done.value });

    bench.sim.sends.then(Meets::Fault(fault("Rejected")));
    bench.call(&about(&never, "sol_2")).await.unwrap_err();
    assert_eq!(recall("sol_2").await.unwrap(), Recalled::Rejected(notice()));

    bench.sim.sends.then(Meets::Fault(fault("Unanswered")));
    bench.call(&about(&never, "sol_3")).await.unwrap_err();
    bench.sim.sends.then(Meets::Fault(fault("Throttled")));
    let mut hurried = about(&never, "sol_3");
    hurried.deadline = Duration::ZERO;
    bench.call(&hurried).await.unwrap_err();
    let recalled = recall("sol_3").await.unwrap();
    assert!(matches!(recalled, Recalled::Uncertain { .. }), "a later attempt without effect hides nothing: {recalled:?}");

    let stranger = account(&bench.clock);
    let elsewhere = bench.upstream.recall::<u32>(&stranger.scope, &never, "sol_1", None).await.unwrap();
    assert_eq!(elsewhere, Recalled::Nothing, "another tenant's");
    covers!("upstream: recall finds the answer or the uncertainty of an earlier life");
}

#[tokio::test(start_paused = true)]
async fn two_callers_of_one_exclusive_operation_send_once() {
    let bench = bench();
    let never = operation(Effects::Never);
    let call = about(&never, "sol_1");
    let other = bench.another();
    let (one, two) = join(bench.call(&call), bench.call_on(&other, &call)).await;
    assert_eq!(bench.sim.sends.asked(), 1, "{one:?} {two:?}");
    assert_eq!([&one, &two].iter().filter(|it| it.is_ok()).count(), 1);

    bench.sim.sends.then(Meets::Slow(Duration::from_secs(10)));
    let call = about(&never, "sol_2");
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.call_on(&other, &call).await
    };
    let (one, two) = join(bench.call(&call), late).await;
    assert!(one.is_ok());
    assert!(matches!(two, Err(CallError::Uncertain { .. })), "{two:?}");
    assert_eq!(bench.sim.sends.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_recorded_although_its_row_was_found_open() {
    let bench = bench();
    let never = operation(Effects::Never);
    bench.sim.sends.then(Meets::Slow(Duration::from_secs(10)));
    let call = about(&never, "sol_1");
    let successor = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.upstream.recall::<u32>(&bench.account.scope, &never, "sol_1", None).await
    };
    let (late, found) = join(bench.call(&call), successor).await;
    let done = late.unwrap();
    assert_eq!(found.unwrap(), Recalled::Uncertain { exchange: done.exchange, notice: None });
    let now = bench.upstream.recall::<u32>(&bench.account.scope, &never, "sol_1", None).await.unwrap();
    assert_eq!(now, Recalled::Answered { exchange: done.exchange, value: done.value });
    let told: Vec<Outcome> = bench.memory.chain().iter().filter(|it| it.exchange == done.exchange).map(|it| it.outcome).collect();
    assert_eq!(told, [Outcome::FoundOpen, Outcome::Answered]);
}

#[tokio::test(start_paused = true)]
async fn closing_is_tried_again_and_a_row_that_stays_open_is_an_uncertainty() {
    let bench = bench();
    let never = operation(Effects::Never);
    bench.call(&about(&never, "sol_0")).await.unwrap();
    bench.memory.fail_closings(2);
    assert!(bench.call(&about(&never, "sol_1")).await.is_ok());
    bench.memory.fail_closings(3);
    assert!(matches!(bench.call(&about(&never, "sol_2")).await, Err(CallError::Port(_))));
    let row = bench.memory.exchanges(&bench.account.scope).pop().unwrap();
    assert!(row.departed.is_some() && row.closed.is_none());
    let again = bench.call(&about(&never, "sol_2")).await;
    assert!(matches!(again, Err(CallError::Uncertain { exchange, .. }) if exchange == row.id), "{again:?}");
    assert_eq!(bench.sim.sends.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_large_for_its_row_is_returned_and_said_not_to_be_kept() {
    let bench = bench();
    let never = operation(Effects::Never);
    for (length, kept) in [(ANSWER_MAX_BYTES - 2, true), (ANSWER_MAX_BYTES - 1, false)] {
        let subject = format!("sol_{length}");
        let send = |_, _| async move { Ok(Reply::new("x".repeat(length), [0; 32], 0)) };
        let done = bench.upstream.call(&bench.account, &about(&never, &subject), send).await.unwrap();
        assert_eq!((done.value.len(), done.kept), (length, kept));
        let recalled = bench.upstream.recall::<String>(&bench.account.scope, &never, &subject, None).await.unwrap();
        assert_eq!(matches!(recalled, Recalled::Answered { .. }), kept);
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_answers_are_chained_as_a_count() {
    let bench = bench();
    let freely = operation(Effects::Freely);
    for round in 0..4 {
        let send = |_, _| async move { Ok(Reply::new(round, [0; 32], 0).quiet_if(round < 3)) };
        bench.upstream.call(&bench.account, &about(&freely, "sol_1"), send).await.unwrap();
    }
    let chain = bench.memory.chain();
    assert_eq!(chain.iter().map(|it| it.quiet_before).collect::<Vec<_>>(), [0, 3], "the login, then the change");
    covers!("upstream: a poll that changes nothing is chained as a count with the next change");
}

#[tokio::test(start_paused = true)]
async fn the_sweep_closes_what_the_dead_left_and_nothing_else() {
    let bench = bench();
    let freely = operation(Effects::Freely);
    let job = JobId::fresh(bench.clock.wall());
    let lease = bench.memory.grant(job, 1);
    for (subject, lease) in [("sol_leased", Some(lease)), ("sol_free", None)] {
        bench.sim.sends.then(Meets::Silence);
        let mut call = about(&freely, subject);
        call.lease = lease;
        assert!(tokio::time::timeout(Duration::from_secs(1), bench.call(&call)).await.is_err());
    }
    let swept = async || {
        let rows = bench.upstream.sweep(&bench.account.scope).await.unwrap();
        rows.into_iter().map(|it| (it.subject.unwrap_or_default(), it.outcome)).collect::<Vec<_>>()
    };
    assert_eq!(swept().await, [], "young rows may be alive");
    bench.advance(3_601);
    assert_eq!(swept().await, [("sol_free".to_owned(), Some(Outcome::FoundOpen))]);
    bench.memory.grant(job, 2);
    assert_eq!(swept().await, [("sol_leased".to_owned(), Some(Outcome::FoundOpen))]);
    assert_eq!(swept().await, []);
    assert_eq!(bench.memory.chain().iter().filter(|it| it.outcome == Outcome::FoundOpen).count(), 2);
    covers!("upstream: exchanges found open at start are closed with an audit entry");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_taken_of_the_credential_and_of_the_authority() {
    let second = Rate { per_minute: 60, burst: 2 };
    // (rates, what a second credential meets after the first emptied its bucket)
    let rows = [
        (Rates { credential: second, authority: PLENTY.authority }, true),
        (Rates { credential: PLENTY.credential, authority: second }, false),
    ];
    for (rates, second_passes) in rows {
        let bench = bench_at(rates);
        let freely = operation(Effects::Freely);
        let mut call = about(&freely, "sol_1");
        call.deadline = Duration::ZERO;
        bench.call(&call).await.unwrap();
        bench.call(&call).await.unwrap();
        let third = bench.call_on(&bench.another(), &call).await;
        let wait = Duration::from_secs(1);
        assert!(matches!(&third, Err(CallError::Later { after, why: Why::Bucket }) if *after == wait), "{third:?}");
        let stranger = bench.call_as(&bench.upstream, &account(&bench.clock), &call).await;
        assert_eq!(stranger.is_ok(), second_passes, "{stranger:?}");

        let start = bench.clock.wall();
        call.deadline = Duration::from_secs(5);
        bench.call(&call).await.unwrap();
        assert_eq!(bench.since(start), wait, "with time, it waits exactly as long");
        assert_eq!(bench.outcomes("test.do")[2], Some(Outcome::NotSent));
    }
    covers!("upstream: buckets of credential and authority, shared by processes");
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_for_all_processes_probes_once_and_closes() {
    let bench = bench();
    let other = bench.another();
    let never = operation(Effects::Never);
    for outage in 0..OPENS_AFTER {
        bench.sim.sends.then(Meets::Fault(fault("Unanswered")));
        bench.call(&about(&never, &format!("sol_{outage}"))).await.unwrap_err();
    }
    let sent = bench.sim.sends.asked();
    let refused = bench.call_on(&other, &about(&never, "sol_a")).await;
    let rest = Duration::from_secs(30);
    assert!(matches!(&refused, Err(CallError::Later { after, why: Why::Breaker }) if *after == rest), "{refused:?}");
    assert_eq!(bench.sim.sends.asked(), sent);

    bench.advance(30);
    bench.sim.sends.then(Meets::Slow(Duration::from_secs(5)));
    let (call_a, call_b) = (about(&never, "sol_a"), about(&never, "sol_b"));
    let (probe, crowd) = join(bench.call(&call_a), bench.call_on(&other, &call_b)).await;
    assert!(probe.is_ok(), "{probe:?}");
    assert!(matches!(&crowd, Err(CallError::Later { after, why: Why::Breaker }) if *after == PROBE_LOOK), "{crowd:?}");
    assert!(bench.call_on(&other, &call_b).await.is_ok(), "closed again");
    covers!("upstream: the breaker opens within ten failures, for all processes, and one probe closes it");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_process_died_is_soon_replaced() {
    let bench = bench();
    let never = operation(Effects::Never);
    for outage in 0..OPENS_AFTER {
        bench.sim.sends.then(Meets::Fault(fault("Unanswered")));
        bench.call(&about(&never, &format!("sol_{outage}"))).await.unwrap_err();
    }
    bench.advance(30);
    bench.sim.sends.then(Meets::Silence);
    let call = about(&never, "sol_a");
    assert!(tokio::time::timeout(Duration::from_secs(1), bench.call(&call)).await.is_err(), "it dies with its probe");

    let (other, start) = (bench.another(), bench.clock.wall());
    let next = about(&never, "sol_b");
    loop {
        match bench.call_on(&other, &next).await {
            Ok(_) => break,
            Err(CallError::Later { after, why: Why::Breaker }) if after <= PROBE_LOOK => tokio::time::sleep(after).await,
            other => panic!("{other:?}"),
        }
    }
    assert!(bench.since(start) <= PROBE_LIFE, "{:?}", bench.since(start));
    covers!("upstream: a probe whose process died keeps the others out for a minute and a half at most");
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_says_no_never_opens_the_breaker() {
    let bench = bench();
    let never = operation(Effects::Never);
    for round in 0..20 {
        bench.sim.sends.then(Meets::Fault(fault("Rejected")));
        let result = bench.call(&about(&never, &format!("sol_{round}"))).await;
        assert!(matches!(result, Err(CallError::Fault(Fault::Rejected(_)))), "{result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_not_sent_gives_its_permit_back() {
    let rates = Rates { credential: Rate { per_minute: 1, burst: OPENS_AFTER }, authority: PLENTY.authority };
    let bench = bench_at(rates);
    let never = operation(Effects::Never);
    for outage in 0..OPENS_AFTER {
        bench.sim.sends.then(Meets::Fault(fault("Unanswered")));
        bench.call(&about(&never, &format!("sol_{outage}"))).await.unwrap_err();
    }
    bench.advance(30);
    let mut call = about(&never, "sol_a");
    call.deadline = Duration::ZERO;
    let result = bench.call(&call).await;
    assert!(matches!(result, Err(CallError::Later { why: Why::Bucket, .. })), "{result:?}");
    let stranger = account(&bench.clock);
    assert!(bench.call_as(&bench.upstream, &stranger, &call).await.is_ok(), "the next is the probe");
}

#[tokio::test(start_paused = true)]
async fn an_authoritys_words_are_kept_and_bounded() {
    let bench = bench();
    let never = operation(Effects::Never);
    bench.sim.sends.then(Meets::Fault(Fault::Rejected(Notice { code: "404".into(), text: "ñ".repeat(100_000) })));
    let result = bench.call(&about(&never, "sol_1")).await;
    let Err(CallError::Fault(Fault::Rejected(kept))) = result else { panic!("{result:?}") };
    assert_eq!(kept, Notice::new("404", "ñ".repeat(NOTICE_MAX_CHARS)));
    let row = bench.memory.last(&bench.account.scope, "test.do", Some("sol_1")).await.unwrap().unwrap();
    assert_eq!(row.notice, Some(kept));
}
