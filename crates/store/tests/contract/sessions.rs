//! Sessions, token buckets and breakers.

use crate::bench::{Bench, methods, noon, on_both};
use fedatario_base::id::{CredentialId, HolderId};
use fedatario_upstream::breaker::{OPEN_FIRST, OPENS_AFTER, Observed, Permit};
use fedatario_upstream::limits::{Rate, Take};
use fedatario_upstream::ports::{Breakers, Claim, Limits, Opening, Sessions, Slot, StoredSession};
use jiff::{Timestamp, ToSpan};
use std::time::Duration;

on_both!(
    one_of_a_crowd_opens_the_session,
    a_refused_login_cools_down,
    a_refused_session_is_replaced,
    sessions_are_their_tenants_alone,
    buckets_and_breakers_are_shared_by_processes,
);

fn slot() -> Slot {
    Slot { authority: "sat.cfdi", credential: CredentialId::fresh(noon()) }
}

fn opening(now: Timestamp) -> Opening {
    Opening { holder: HolderId::fresh(noon()), until: now + 2.minutes(), good_after: now + 30.seconds(), refused: None, now }
}

fn expires() -> Timestamp {
    noon() + 5.minutes()
}

async fn one_of_a_crowd_opens_the_session(bench: &Bench) {
    let slot = slot();
    assert_eq!(bench.db.load(&bench.ours, slot).await.unwrap(), None);
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, scope) = (bench.db.clone(), bench.ours.clone());
        crowd.spawn(async move {
            let opening = opening(noon());
            (opening.holder, db.claim(&scope, slot, opening).await.unwrap())
        });
    }
    let claims = crowd.join_all().await;
    let mine: Vec<_> = claims.iter().filter(|(_, it)| matches!(it, Claim::Yours { .. })).collect();
    assert_eq!(mine.len(), 1);
    assert!(claims.iter().all(|(_, it)| *it == Claim::Taken(noon() + 2.minutes()) || *it == mine[0].1));
    let holder = mine[0].0;

    let stranger = bench.db.store(&bench.ours, slot, HolderId::fresh(noon()), vec![0], expires()).await.unwrap();
    assert_eq!(stranger, None, "not the holder");
    assert_eq!(bench.db.store(&bench.ours, slot, holder, vec![1], expires()).await.unwrap(), Some(1));
    let session = StoredSession { generation: 1, sealed: vec![1], expires: expires() };
    assert_eq!(bench.db.load(&bench.ours, slot).await.unwrap(), Some(session.clone()));
    assert_eq!(bench.db.claim(&bench.ours, slot, opening(noon())).await.unwrap(), Claim::Ready(session.clone()));

    let due = noon() + 4.minutes() + 45.seconds();
    let renewal = opening(due);
    let claim = bench.db.claim(&bench.ours, slot, renewal).await.unwrap();
    assert_eq!(claim, Claim::Yours { prior: Some(session), refusals: 0 }, "about to lapse");
    bench.db.release(&bench.ours, slot, HolderId::fresh(noon())).await.unwrap();
    assert!(matches!(bench.db.claim(&bench.ours, slot, opening(due)).await.unwrap(), Claim::Taken(_)));
    bench.db.release(&bench.ours, slot, renewal.holder).await.unwrap();
    assert!(matches!(bench.db.claim(&bench.ours, slot, opening(due)).await.unwrap(), Claim::Yours { .. }));
    let after = due + 2.minutes();
    assert!(
        matches!(bench.db.claim(&bench.ours, slot, opening(after)).await.unwrap(), Claim::Yours { .. }),
        "a dead holder's right lapses"
    );
    fedatario_testkit::covers!("upstream: one login for a crowd, across processes");
}

async fn a_refused_login_cools_down(bench: &Bench) {
    let slot = slot();
    let mut now = noon();
    for refusals in 0..3 {
        let asked = opening(now);
        assert_eq!(bench.db.claim(&bench.ours, slot, asked).await.unwrap(), Claim::Yours { prior: None, refusals });
        let until = now + 1.hour();
        bench.db.cool(&bench.ours, slot, asked.holder, until).await.unwrap();
        assert_eq!(bench.db.claim(&bench.ours, slot, opening(now)).await.unwrap(), Claim::Cooling(until));
        now = until;
    }
    let asked = opening(now);
    bench.db.claim(&bench.ours, slot, asked).await.unwrap();
    bench.db.store(&bench.ours, slot, asked.holder, vec![1], now + 5.minutes()).await.unwrap();
    bench.db.forget(&bench.ours, slot, 1).await.unwrap();
    let claim = bench.db.claim(&bench.ours, slot, opening(now)).await.unwrap();
    assert_eq!(claim, Claim::Yours { prior: None, refusals: 0 }, "a good login forgets them");
}

async fn a_refused_session_is_replaced(bench: &Bench) {
    let slot = slot();
    let asked = opening(noon());
    bench.db.claim(&bench.ours, slot, asked).await.unwrap();
    assert_eq!(bench.db.store(&bench.ours, slot, asked.holder, vec![1], expires()).await.unwrap(), Some(1));
    let refused = Opening { refused: Some(1), ..opening(noon()) };
    assert_eq!(bench.db.claim(&bench.ours, slot, refused).await.unwrap(), Claim::Yours { prior: None, refusals: 0 });
    assert_eq!(bench.db.store(&bench.ours, slot, refused.holder, vec![2], expires()).await.unwrap(), Some(2));
    let late = Opening { refused: Some(1), ..opening(noon()) };
    assert!(
        matches!(bench.db.claim(&bench.ours, slot, late).await.unwrap(), Claim::Ready(it) if it.generation == 2),
        "replaced already"
    );
    bench.db.forget(&bench.ours, slot, 1).await.unwrap();
    assert!(bench.db.load(&bench.ours, slot).await.unwrap().is_some(), "another generation stays");
    bench.db.forget(&bench.ours, slot, 2).await.unwrap();
    assert_eq!(bench.db.load(&bench.ours, slot).await.unwrap(), None);
    let asked = opening(noon());
    bench.db.claim(&bench.ours, slot, asked).await.unwrap();
    let third = bench.db.store(&bench.ours, slot, asked.holder, vec![3], expires()).await.unwrap();
    assert_eq!(third, Some(3), "generations are never used again");
}

async fn sessions_are_their_tenants_alone(bench: &Bench) {
    let (db, slot) = (&bench.db, slot());
    let asked = opening(noon());
    db.claim(&bench.ours, slot, asked).await.unwrap();
    assert_eq!(db.store(&bench.theirs, slot, asked.holder, vec![9], expires()).await.unwrap(), None);
    db.release(&bench.theirs, slot, asked.holder).await.unwrap();
    db.cool(&bench.theirs, slot, asked.holder, noon() + 1.hour()).await.unwrap();
    assert!(matches!(db.claim(&bench.ours, slot, opening(noon())).await.unwrap(), Claim::Taken(_)), "ours is as it was");
    assert_eq!(db.store(&bench.ours, slot, asked.holder, vec![1], expires()).await.unwrap(), Some(1));

    assert_eq!(db.load(&bench.theirs, slot).await.unwrap(), None);
    db.forget(&bench.theirs, slot, 1).await.unwrap();
    assert!(db.load(&bench.ours, slot).await.unwrap().is_some());
    let later = opening(noon() + 2.hours());
    let claim = db.claim(&bench.theirs, slot, later).await.unwrap();
    assert_eq!(claim, Claim::Yours { prior: None, refusals: 1 }, "what they did was to a slot of theirs");
    let ours = db.claim(&bench.ours, slot, opening(noon() + 2.hours())).await.unwrap();
    assert!(matches!(ours, Claim::Yours { prior: Some(_), refusals: 0 }), "their right is no right to ours: {ours:?}");
    methods!(bench; "Sessions::load", "Sessions::claim", "Sessions::store", "Sessions::release", "Sessions::forget", "Sessions::cool");
}

async fn buckets_and_breakers_are_shared_by_processes(bench: &Bench) {
    let other = bench.reopened().await;
    let rate = Rate { per_minute: 60, burst: 2 };
    assert_eq!(bench.db.take("sat.cfdi", rate, noon()).await.unwrap(), Take::Taken);
    assert_eq!(other.take("sat.cfdi", rate, noon()).await.unwrap(), Take::Taken);
    assert_eq!(bench.db.take("sat.cfdi", rate, noon()).await.unwrap(), Take::Wait(Duration::from_secs(1)));
    assert_eq!(bench.db.take("sat.retenciones", rate, noon()).await.unwrap(), Take::Taken, "each key its own");
    assert_eq!(other.take("sat.cfdi", rate, noon() + 1.second()).await.unwrap(), Take::Taken);

    for _ in 0..OPENS_AFTER {
        assert_eq!(bench.db.permit("sat.cfdi", noon()).await.unwrap(), Permit::Pass);
        other.record("sat.cfdi", Observed::Outage, noon()).await.unwrap();
    }
    assert_eq!(bench.db.permit("sat.cfdi", noon()).await.unwrap(), Permit::Wait(OPEN_FIRST));
    assert_eq!(bench.db.permit("sat.retenciones", noon()).await.unwrap(), Permit::Pass);
    let probe = noon().checked_add(OPEN_FIRST).unwrap();
    let (mine, theirs) = tokio::join!(bench.db.permit("sat.cfdi", probe), other.permit("sat.cfdi", probe));
    let probes = [mine.unwrap(), theirs.unwrap()].into_iter().filter(|it| *it == Permit::Probe).count();
    assert_eq!(probes, 1, "one probe");
    other.record("sat.cfdi", Observed::Alive, probe).await.unwrap();
    assert_eq!(bench.db.permit("sat.cfdi", probe).await.unwrap(), Permit::Pass);
    other.shut().await;
    methods!(bench; "Limits::take", "Breakers::permit", "Breakers::record");
}
