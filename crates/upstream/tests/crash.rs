//! A caller that is dropped at any of its await points: rows say how far it came.

mod support;

use fedatario_base::Clock;
use fedatario_base::id::JobId;
use fedatario_testkit::covers;
use fedatario_upstream::{CallError, Effects, Recalled};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use support::*;

/// Polls `future` at most `polls` times; `None` if it was not done by then (and is dropped).
async fn polled<O>(future: impl Future<Output = O>, polls: u32) -> Option<O> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// What a run of the sweep over await points has seen, so that it is known to have seen it all.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    nothing: u32,
    answered: u32,
    uncertain: u32,
}

#[tokio::test(start_paused = true)]
async fn dropped_at_each_await_point_the_ledger_tells_the_truth() {
    let mut seen = Seen::default();
    let mut polls = 0;
    loop {
        let bench = bench();
        let mut ask = operation(Effects::Never);
        ask.attempts_at_most = Some(1);
        let job = JobId::fresh(bench.clock.wall());
        let mut call = about(&ask, "sol_1");
        call.lease = Some(bench.memory.grant(job, 1));
        let completed = polled(bench.call(&call), polls).await.is_some();
        let sent = bench.sim.sends.asked();

        // Before anybody cleans up: whatever may have left has a departed row.
        let rows = bench.memory.exchanges(&bench.account.scope);
        let departed = rows.iter().filter(|it| it.operation == "test.do" && it.departed.is_some()).count();
        assert!(sent as usize <= departed, "poll {polls}: {sent} sent, {rows:?}");

        // The next life: another process, another lease.
        let heir = bench.another();
        call.lease = Some(bench.memory.grant(job, 2));
        let recalled = heir.recall::<u32>(&bench.account.scope, &ask, "sol_1", call.lease).await.unwrap();
        match recalled {
            Recalled::Nothing => {
                seen.nothing += 1;
                assert_eq!(sent, 0, "poll {polls}");
                let start = bench.clock.wall();
                bench.call_on(&heir, &call).await.unwrap();
                assert!(bench.since(start) < Duration::from_secs(76), "poll {polls}: blocked for {:?}", bench.since(start));
            }
            Recalled::Answered { value, .. } => {
                seen.answered += 1;
                assert_eq!((sent, value), (1, 1), "poll {polls}");
            }
            Recalled::Uncertain { .. } => {
                seen.uncertain += 1;
                let again = bench.call_on(&heir, &call).await;
                assert!(matches!(again, Err(CallError::AttemptsExhausted { made: 1 })), "poll {polls}: {again:?}");
            }
            Recalled::Rejected(_) => panic!("nobody rejected anything"),
        }
        assert!(bench.sim.sends.asked() <= 1, "poll {polls}: sent twice");
        if completed {
            break;
        }
        polls += 1;
    }
    assert!(seen.nothing > 5 && seen.uncertain > 1 && seen.answered > 1, "{seen:?} in {polls} polls");
    covers!("upstream: a caller dropped at any await point leaves a ledger that tells the truth");
}

#[tokio::test(start_paused = true)]
async fn dropped_at_each_await_point_nobody_repeats_without_asking() {
    let never = operation(Effects::Never);
    let mut polls = 0;
    loop {
        let bench = bench();
        let call = about(&never, "sol_1");
        let completed = polled(bench.call(&call), polls).await.is_some();
        let sent = bench.sim.sends.asked();
        let closed = bench.outcomes("test.do").last().is_some_and(Option::is_some);
        // A careless heir, who calls without recalling first.
        let result = bench.call_on(&bench.another(), &call).await;
        if sent == 1 && !closed {
            assert!(matches!(result, Err(CallError::Uncertain { .. })), "poll {polls}: {result:?}");
            assert_eq!(bench.sim.sends.asked(), 1);
        }
        if completed {
            break;
        }
        polls += 1;
    }
    assert!(polls > 20, "{polls}");
}

#[test]
fn a_call_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let bench = bench();
    let never = operation(Effects::Never);
    let call = about(&never, "sol_1");
    is_send(&bench.call(&call));
    covers!("upstream: calls run on any thread");
}
