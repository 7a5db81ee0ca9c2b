//! Every fault by every kind of operation, and by the login itself: once, and for good.

mod support;

use fedatario_base::{Clock, Code};
use fedatario_testkit::covers;
use fedatario_upstream::call::SENDS_AT_MOST;
use fedatario_upstream::ports::{Ledger, Outcome};
use fedatario_upstream::{CallError, Effects, Fault, Why};
use std::time::Duration;
use support::*;

const KINDS: [(&str, Effects); 3] = [("Freely", Effects::Freely), ("WithKey", Effects::WithKey), ("Never", Effects::Never)];

/// How a call ends, in the words of the tables below.
fn ending(result: &Result<fedatario_upstream::Done<u32>, CallError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(CallError::Fault(Fault::Rejected(it))) if *it == notice() => "rejected",
        Err(CallError::LoginRefused(it)) if *it == notice() => "login refused",
        Err(CallError::Later { why: Why::Fault(_), .. }) => "later",
        Err(CallError::Later { why: Why::Cooling, .. }) => "cooling",
        Err(CallError::Uncertain { .. }) => "uncertain",
        Err(other) => panic!("{other:?}"),
    }
}

/// (fault, kind) → how it ends after one fault, sends; how it ends if it stays, sends.
fn expected(fault: &str, effects: Effects) -> (&'static str, u32, &'static str, u32) {
    let most = SENDS_AT_MOST;
    match (fault, effects) {
        ("SessionRefused", _) => ("done", 2, "rejected", 2),
        ("Throttled" | "Unreachable", _) => ("done", 2, "later", most),
        ("Unanswered", Effects::Freely | Effects::WithKey) => ("done", 2, "later", most),
        ("Unanswered", Effects::Never) => ("uncertain", 1, "uncertain", 1),
        ("Rejected", _) => ("rejected", 1, "rejected", 1),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_by_each_kind_of_operation() {
    for name in FAULTS {
        for (kind, effects) in KINDS {
            let operation = operation(effects);
            let (once, sends_once, forever, sends_forever) = expected(name, effects);
            let outcome = Outcome::from_text(&snake(name)).unwrap();

            let one = bench();
            one.sim.sends.then(Meets::Fault(fault(name)));
            let result = one.call(&about(&operation, "sol_1")).await;
            assert_eq!((ending(&result), one.sim.sends.asked()), (once, sends_once), "{name} once, {kind}");
            assert_eq!(one.outcomes("test.do")[0], Some(outcome), "{name} once, {kind}");
            assert_eq!(one.outcomes("test.do").len() as u32, sends_once, "a row for each send: {name}, {kind}");

            let stuck = bench();
            stuck.sim.sends.always(Some(Meets::Fault(fault(name))));
            let result = stuck.call(&about(&operation, "sol_1")).await;
            assert_eq!((ending(&result), stuck.sim.sends.asked()), (forever, sends_forever), "{name} for good, {kind}");
            assert!(stuck.outcomes("test.do").iter().all(|it| *it == Some(outcome)), "{name} for good, {kind}");
            assert_eq!(stuck.sim.logins.asked(), if name == "SessionRefused" { 2 } else { 1 }, "{name}, {kind}");
            covers!("fault x operation", name, kind);
        }
    }
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[tokio::test(start_paused = true)]
async fn each_fault_by_the_login() {
    // (fault, after one: ending, logins, sends; if it stays: ending, logins)
    let most = SENDS_AT_MOST;
    let rows = [
        ("SessionRefused", "login refused", 1, 0, "login refused", 1),
        ("Throttled", "done", 2, 1, "later", most),
        ("Unreachable", "done", 2, 1, "later", most),
        ("Unanswered", "done", 2, 1, "later", most),
        ("Rejected", "login refused", 1, 0, "login refused", 1),
    ];
    // The operation is the most delicate kind: a login before it may be repeated all the same.
    let operation = operation(Effects::Never);
    for (name, once, logins_once, sends_once, forever, logins_forever) in rows {
        let one = bench();
        one.sim.logins.then(Meets::Fault(fault(name)));
        let result = one.call(&about(&operation, "sol_1")).await;
        let counted = (ending(&result), one.sim.logins.asked(), one.sim.sends.asked());
        assert_eq!(counted, (once, logins_once, sends_once), "{name} once");
        assert_eq!(one.outcomes("test.do")[0], Some(Outcome::NotSent), "{name} once");
        assert_eq!(one.outcomes("login")[0], Outcome::from_text(&snake(name)), "{name} once");

        let stuck = bench();
        stuck.sim.logins.always(Some(Meets::Fault(fault(name))));
        let result = stuck.call(&about(&operation, "sol_1")).await;
        let counted = (ending(&result), stuck.sim.logins.asked(), stuck.sim.sends.asked());
        assert_eq!(counted, (forever, logins_forever, 0), "{name} for good");
        covers!("fault x operation", name, "login");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_becomes_unanswered_at_the_timeout_and_slowness_does_not() {
    let never = operation(Effects::Never);
    let bench = bench();
    bench.sim.sends.then(Meets::Silence);
    let start = bench.clock.wall();
    let result = bench.call(&about(&never, "sol_1")).await;
    let Err(CallError::Uncertain { exchange, notice }) = &result else { panic!("{result:?}") };
    assert_eq!(bench.since(start), Duration::from_secs(20));
    assert_eq!(notice.as_ref().unwrap().text, "no answer within 20s");
    assert_eq!(bench.memory.last(&bench.account.scope, "test.do", Some("sol_1")).await.unwrap().unwrap().id, *exchange);

    bench.sim.sends.then(Meets::Slow(Duration::from_secs(19)));
    assert!(bench.call(&about(&never, "sol_2")).await.is_ok());

    bench.sim.logins.then(Meets::Silence);
    bench.advance(600);
    assert!(bench.call(&about(&never, "sol_3")).await.is_ok(), "a silent login is tried again");
    assert_eq!(bench.outcomes("login"), [Some(Outcome::Answered), Some(Outcome::Unanswered), Some(Outcome::Answered)]);
    covers!("upstream: a request without an answer in time is unanswered");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_waits_if_its_deadline_allows_else_hands_the_delay_back() {
    let freely = operation(Effects::Freely);
    // (their delay in seconds, our deadline, what is handed back, sends)
    let rows = [(60, 60, None, 2), (61, 60, Some(61), 1), (10_000_000, 60, Some(6 * 60 * 60), 1)];
    for (delay, deadline, handed_back, sends) in rows {
        let bench = bench();
        bench.sim.sends.then(Meets::Fault(Fault::Throttled { after: Duration::from_secs(delay), notice: None }));
        let start = bench.clock.wall();
        let mut call = about(&freely, "sol_1");
        call.deadline = Duration::from_secs(deadline);
        match (bench.call(&call).await, handed_back) {
            (Ok(_), None) => assert_eq!(bench.since(start), Duration::from_secs(delay)),
            (Err(CallError::Later { after, why: Why::Fault(Fault::Throttled { .. }) }), Some(seconds)) => {
                assert_eq!(after, Duration::from_secs(seconds));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.sim.sends.asked(), sends);
    }
    covers!("upstream: a throttled call waits within its deadline, else hands the delay back");
}

#[tokio::test(start_paused = true)]
async fn backoff_of_a_call_is_exponential_and_within_its_deadline() {
    let bench = bench();
    bench.sim.sends.always(Some(Meets::Fault(fault("Unreachable"))));
    let start = bench.clock.wall();
    let freely = operation(Effects::Freely);
    let result = bench.call(&about(&freely, "sol_1")).await;
    // Jitter is zero in the bench: half of 0.5, 1, 2 and 4 seconds are waited, half of 8 is handed back.
    assert_eq!(bench.since(start), Duration::from_millis(250 + 500 + 1_000 + 2_000));
    assert!(matches!(result, Err(CallError::Later { after, .. }) if after == Duration::from_secs(4)), "{result:?}");

    let mut hurried = about(&freely, "sol_2");
    hurried.deadline = Duration::from_millis(300);
    let before = bench.sim.sends.asked();
    let result = bench.call(&hurried).await;
    assert!(matches!(result, Err(CallError::Later { after, .. }) if after == Duration::from_millis(500)), "{result:?}");
    assert_eq!(bench.sim.sends.asked() - before, 2);
    covers!("upstream: a call's backoff is bounded by its deadline and a number of sends");
}

#[tokio::test(start_paused = true)]
async fn every_ending_has_its_code() {
    let operation = operation(Effects::Never);
    let rows = [
        ("SessionRefused", Code::AuthorityRejected),
        ("Throttled", Code::AuthorityThrottled),
        ("Unreachable", Code::AuthorityUnreachable),
        ("Unanswered", Code::AuthorityUnanswered),
        ("Rejected", Code::AuthorityRejected),
    ];
    for (name, code) in rows {
        let bench = bench();
        bench.sim.sends.always(Some(Meets::Fault(fault(name))));
        assert_eq!(bench.call(&about(&operation, "sol_1")).await.unwrap_err().code(), code, "{name}");
    }
}
