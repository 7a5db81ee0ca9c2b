//! Calls that named themselves.

use crate::bench::{Bench, at, methods, noon, on_both};
use fedatario_app::replay::{Answered, Claim, Named, Replays};
use jiff::SignedDuration;

on_both!(
    of_many_that_claim_one_goes_on,
    an_answer_is_kept_for_whoever_asked_and_nobody_else,
    what_was_cut_off_is_not_done_again,
    old_answers_are_forgotten,
);

const SENT: [u8; 32] = [1; 32];

fn named(key: &str) -> Named {
    Named { principal: "usr_1".into(), method: "POST".into(), path: "/api/taxpayers".into(), key: key.into() }
}

fn answered() -> Answered {
    Answered { status: 201, headers: vec![("location".into(), "/api/taxpayers/txp_1".into())], body: Some(b"{}".to_vec()) }
}

async fn of_many_that_claim_one_goes_on(bench: &Bench) {
    let named = named("a");
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (db, ours, named) = (bench.db.clone(), bench.ours.clone(), named.clone());
        all.spawn(async move { db.claim(&ours, &named, &SENT, noon()).await.expect("a claim") });
    }
    let claims = all.join_all().await;
    assert_eq!(claims.iter().filter(|it| **it == Claim::Ours).count(), 1);
    assert_eq!(claims.iter().filter(|it| **it == Claim::UnderWay).count(), 15);
    bench.db.give_back(&bench.ours, &named).await.expect("given back");
    assert_eq!(
        bench.db.claim(&bench.ours, &named, &[2; 32], noon()).await.expect("a claim"),
        Claim::Ours,
        "nothing was done before"
    );
    methods!(bench; "Replays::claim", "Replays::give_back");
}

async fn an_answer_is_kept_for_whoever_asked_and_nobody_else(bench: &Bench) {
    let first = named("b");
    assert_eq!(bench.db.claim(&bench.ours, &first, &SENT, noon()).await.expect("a claim"), Claim::Ours);
    bench.db.keep(&bench.ours, &first, &answered()).await.expect("kept");
    bench.db.give_back(&bench.ours, &first).await.expect("what was answered stays");
    assert_eq!(bench.db.claim(&bench.ours, &first, &SENT, noon()).await.expect("a claim"), Claim::Answered(answered()));
    assert_eq!(bench.db.claim(&bench.ours, &first, &[2; 32], noon()).await.expect("a claim"), Claim::Reused);
    assert_eq!(bench.db.claim(&bench.theirs, &first, &SENT, noon()).await.expect("a claim"), Claim::Ours, "another tenant");
    let others = [
        Named { principal: "usr_2".into(), ..first.clone() },
        Named { method: "PUT".into(), ..first.clone() },
        Named { path: "/api/jobs".into(), ..first.clone() },
        Named { key: "c".into(), ..first.clone() },
    ];
    for other in others {
        assert_eq!(bench.db.claim(&bench.ours, &other, &SENT, noon()).await.expect("a claim"), Claim::Ours, "{other:?}");
    }
    methods!(bench; "Replays::keep");
}

async fn what_was_cut_off_is_not_done_again(bench: &Bench) {
    let named = named("d");
    bench.db.claim(&bench.ours, &named, &SENT, noon()).await.expect("a claim");
    let soon = noon() + SignedDuration::from_mins(4);
    let late = noon() + SignedDuration::from_mins(6);
    assert_eq!(bench.db.claim(&bench.ours, &named, &SENT, soon).await.expect("a claim"), Claim::UnderWay);
    assert_eq!(bench.db.claim(&bench.ours, &named, &SENT, late).await.expect("a claim"), Claim::Interrupted);
}

async fn old_answers_are_forgotten(bench: &Bench) {
    let (old, young) = (named("e"), named("f"));
    bench.db.claim(&bench.ours, &old, &SENT, at("2026-09-01T00:00:00Z")).await.expect("a claim");
    bench.db.claim(&bench.ours, &young, &SENT, at("2026-09-03T00:00:00Z")).await.expect("a claim");
    let gone = bench.db.forget(&bench.hands, at("2026-09-05T12:00:00Z")).await.expect("forgotten");
    assert_eq!(gone, 1);
    let now = at("2026-09-05T12:00:00Z");
    assert_eq!(bench.db.claim(&bench.ours, &old, &SENT, now).await.expect("a claim"), Claim::Ours);
    assert_eq!(bench.db.claim(&bench.ours, &young, &SENT, now).await.expect("a claim"), Claim::Interrupted);
    methods!(bench; "Replays::forget");
}
