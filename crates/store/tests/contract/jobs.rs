//! Jobs: uniqueness, leases, fencing, turns.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::{falls, job};
use fedatario_app::jobs::rules::{LAPSES_AT_MOST, SUSPECT_AFTER};
use fedatario_app::model::{ClaimedJob, JobFilter, JobState, NewJob};
use fedatario_app::ports::{ClaimFilter, LeaseProof, Store, StoreError, System};
use fedatario_base::id::{HolderId, JobId};
use fedatario_base::{Actor, Scope};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;
use std::time::Duration;

on_both!(
    a_key_is_open_once,
    a_killed_workers_job_comes_back_and_a_late_worker_is_refused,
    jobs_wait_fail_and_are_buried,
    a_job_that_takes_its_workers_down_is_buried,
    what_shared_a_worker_with_it_is_not,
    a_flood_does_not_keep_others_waiting,
    claims_take_only_what_fits,
    holders_never_share_a_job,
    an_enqueue_falls_with_its_transaction,
    jobs_are_their_tenants_alone,
    jobs_are_found_by_what_is_in_their_way,
);

const LEASE: Duration = Duration::from_secs(60);

fn any() -> ClaimFilter {
    ClaimFilter { run: None, tenant: None, kinds: vec!["sat.ask", "sat.verify"] }
}

async fn enqueue(bench: &Bench, scope: &Scope, jobs: &[NewJob]) -> Vec<(JobId, bool)> {
    let mut tx = bench.db.begin(scope).await.unwrap();
    let mut ids = Vec::new();
    for job in jobs {
        ids.push(tx.enqueue(job, noon()).await.unwrap());
    }
    tx.commit().await.unwrap();
    ids
}

async fn claim_at(bench: &Bench, limit: u32, now: Timestamp) -> Vec<ClaimedJob> {
    bench.db.claim(&bench.hands, HolderId::fresh(noon()), &any(), limit, now, now, LEASE).await.unwrap()
}

async fn claim(bench: &Bench, limit: u32) -> Vec<ClaimedJob> {
    claim_at(bench, limit, noon()).await
}

fn proof(job: &ClaimedJob) -> LeaseProof {
    LeaseProof { job: job.id, token: job.token }
}

async fn finish(bench: &Bench, lease: LeaseProof) -> Result<(), StoreError> {
    let mut tx = bench.our_tx().await;
    tx.finish_job(lease).await?;
    tx.commit().await
}

async fn a_key_is_open_once(bench: &Bench) {
    let (first, new) = enqueue(bench, &bench.ours, &[job("a")]).await[0];
    assert!(new);
    let of_run = NewJob { run: Some("run_2".into()), ..job("a") };
    assert_eq!(enqueue(bench, &bench.ours, &[of_run, job("a")]).await, [(first, false), (first, false)]);
    assert_ne!(enqueue(bench, &bench.ours, &[NewJob { kind: "sat.verify", ..job("a") }]).await[0].0, first);

    let held = claim(bench, 10).await;
    let held = held.iter().find(|it| it.id == first).unwrap();
    assert_eq!((held.run.as_deref(), held.originator.as_str(), held.token, held.failures), (Some("run_2"), "os:1000", 1, 0));
    assert_eq!(held.payload, serde_json::json!({"k": "a"}));
    assert_eq!(enqueue(bench, &bench.ours, &[job("a")]).await, [(first, false)], "a running one is open too");
    finish(bench, proof(held)).await.unwrap();
    assert!(enqueue(bench, &bench.ours, &[job("a")]).await[0].1, "a finished one is not");

    let mut tx = bench.our_tx().await;
    let done = tx.jobs(Some(JobState::Done), None, 10).await.unwrap();
    assert_eq!(done.iter().map(|it| (it.id, it.claims)).collect::<Vec<_>>(), [(first, 1)], "history is kept");
    fedatario_testkit::covers!("jobs: unique by key while open, kept when done");
}

async fn a_killed_workers_job_comes_back_and_a_late_worker_is_refused(bench: &Bench) {
    enqueue(bench, &bench.ours, &[job("a")]).await;
    let first = claim(bench, 1).await.remove(0);
    assert_eq!(claim_at(bench, 1, noon() + 59.seconds()).await, [], "leased");
    assert_eq!(bench.db.heartbeat(&bench.hands, &[proof(&first)], noon() + 30.seconds(), LEASE).await.unwrap(), []);
    assert_eq!(claim_at(bench, 1, noon() + 89.seconds()).await, [], "extended");

    let second = claim_at(bench, 1, noon() + 90.seconds()).await.remove(0);
    assert_eq!((second.id, second.token), (first.id, first.token + 1));
    assert_eq!(bench.db.heartbeat(&bench.hands, &[proof(&first), proof(&second)], noon(), LEASE).await.unwrap(), [first.id]);

    let mut tx = bench.our_tx().await;
    tx.enqueue(&job("follow-up"), noon()).await.unwrap();
    assert!(matches!(tx.finish_job(proof(&first)).await, Err(StoreError::LeaseLost)));
    assert!(falls(tx).await, "whatever a late worker wrote beside falls with it");
    let late = proof(&first);
    for attempt in 0..3 {
        let mut tx = bench.our_tx().await;
        let refused = match attempt {
            0 => tx.postpone_job(late, noon(), None).await,
            1 => tx.fail_job(late, noon(), "late").await,
            _ => tx.bury_job(late, "late").await,
        };
        assert!(matches!(refused, Err(StoreError::LeaseLost)), "{attempt}");
        assert!(falls(tx).await);
    }
    finish(bench, proof(&second)).await.unwrap();
    assert!(matches!(finish(bench, proof(&second)).await, Err(StoreError::LeaseLost)), "once");
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.jobs(None, None, 10).await.unwrap().len(), 1);
    fedatario_testkit::covers!("jobs: a killed worker's job comes back, a late worker cannot commit");
}

async fn jobs_wait_fail_and_are_buried(bench: &Bench) {
    let id = enqueue(bench, &bench.ours, &[job("a")]).await[0].0;
    let held = claim(bench, 1).await.remove(0);
    let later = noon() + 1.hour();
    let mut tx = bench.our_tx().await;
    tx.postpone_job(proof(&held), later, Some("breaker_open")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(bench, 1).await, []);
    assert_eq!(bench.db.next_due(&bench.hands, &any()).await.unwrap(), Some(later));

    for failures in 1..=3u32 {
        let held = claim_at(bench, 1, later).await.remove(0);
        assert_eq!(held.failures, failures - 1);
        let mut tx = bench.our_tx().await;
        tx.fail_job(proof(&held), later, "soap_malformed: again").await.unwrap();
        tx.commit().await.unwrap();
    }
    let held = claim_at(bench, 1, later).await.remove(0);
    let mut tx = bench.our_tx().await;
    tx.bury_job(proof(&held), "soap_malformed: for good").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim_at(bench, 1, later + 24.hours()).await, [], "poison is parked");
    assert_eq!(bench.db.next_due(&bench.hands, &any()).await.unwrap(), None);

    let mut tx = bench.our_tx().await;
    let dead = tx.jobs(Some(JobState::Dead), None, 10).await.unwrap().remove(0);
    assert_eq!((dead.id, dead.claims, dead.failures, dead.error.as_deref()), (id, 5, 4, Some("soap_malformed: for good")));
    tx.retry_job(id, later).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim_at(bench, 1, later).await[0].failures, 0, "a person's retry starts anew");
    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.retry_job(id, later).await, Err(StoreError::Conflict(_))), "it is held");
    assert!(matches!(tx.cancel_job(id).await, Err(StoreError::Conflict(_))), "it is held");
    fedatario_testkit::covers!("jobs: retried, dead-lettered, and brought back by a person");
}

async fn a_job_that_takes_its_workers_down_is_buried(bench: &Bench) {
    let id = enqueue(bench, &bench.ours, &[job("a")]).await[0].0;
    let mut now = noon();
    let mut next = || {
        now += 61.seconds();
        now
    };
    // One that polls is given back now and then, and is never buried, however often its workers die.
    for _ in 0..3 {
        for _ in 1..LAPSES_AT_MOST {
            assert_eq!(claim_at(bench, 1, next()).await.len(), 1);
        }
        let held = claim_at(bench, 1, next()).await.remove(0);
        let mut tx = bench.our_tx().await;
        tx.postpone_job(proof(&held), noon(), Some("still in process")).await.unwrap();
        tx.commit().await.unwrap();
    }
    for lapse in 0..LAPSES_AT_MOST {
        let at = next();
        let holder = HolderId::fresh(at);
        let held = bench.db.claim(&bench.hands, holder, &any(), 1, at, at, LEASE).await.unwrap();
        assert_eq!((held.len(), held[0].failures), (1, 0), "{lapse}");
        if lapse % 2 == 0 {
            assert_eq!(bench.db.release(&bench.hands, &[holder]).await.unwrap(), 1, "a holder that is known to be dead");
        }
    }
    // Whoever claims it next is told, and buries it with what it was for.
    let told = claim_at(bench, 1, next()).await.remove(0);
    assert_eq!((told.id, told.lapses), (id, LAPSES_AT_MOST));
    let mut tx = bench.our_tx().await;
    tx.bury_job(proof(&told), "job_dead: gone").await.unwrap();
    let dead = tx.job(id).await.unwrap().unwrap();
    assert_eq!((dead.state, dead.error.as_deref()), (JobState::Dead, Some("job_dead: gone")));
    tx.retry_job(id, noon()).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..2 {
        assert!(claim_at(bench, 1, next()).await[0].lapses < 2, "a person's retry starts anew");
    }
    fedatario_testkit::covers!("jobs: one that takes its workers down is buried, one that merely polls is not");
}

/// A process that dies whenever `poison` is among what it holds; else it ends all of it. What it ended.
async fn a_life(bench: &Bench, poison: JobId, at: Timestamp) -> Vec<JobId> {
    let holder = HolderId::fresh(at);
    let mut ended = Vec::new();
    loop {
        let held = bench.db.claim(&bench.hands, holder, &any(), 4, at, at, LEASE).await.unwrap();
        let alone = held.iter().any(|it| it.id == poison) || held.is_empty();
        if let Some(told) = held.iter().find(|it| it.lapses >= LAPSES_AT_MOST) {
            let mut tx = bench.our_tx().await;
            tx.bury_job(proof(told), "job_dead").await.unwrap(); // As a worker does, before it begins it.
            tx.commit().await.unwrap();
            return ended;
        }
        if alone {
            bench.db.release(&bench.hands, &[holder]).await.unwrap();
            return ended;
        }
        for job in held {
            finish(bench, proof(&job)).await.unwrap();
            ended.push(job.id);
        }
    }
}

async fn what_shared_a_worker_with_it_is_not(bench: &Bench) {
    let added = enqueue(bench, &bench.ours, &["a", "b", "c", "d", "e", "f"].map(job)).await;
    let (poison, later) = (added[1].0, noon().saturating_add(1.second()).unwrap());
    let mut ended: Vec<JobId> = Vec::new();
    for _ in 0..LAPSES_AT_MOST + 2 {
        ended.extend(a_life(bench, poison, later).await);
    }
    let innocent: BTreeSet<JobId> = added.iter().map(|it| it.0).filter(|it| *it != poison).collect();
    assert_eq!(ended.into_iter().collect::<BTreeSet<_>>(), innocent, "all of them ended");
    let mut tx = bench.our_tx().await;
    let dead: Vec<JobId> = tx.jobs(Some(JobState::Dead), None, 10).await.unwrap().iter().map(|it| it.id).collect();
    assert_eq!(dead, [poison]);
    drop(tx);

    // A process that dies before it begins anything blames nobody for long: those due together take turns.
    let due_with_it = enqueue(bench, &bench.ours, &["g", "h", "i", "j"].map(job)).await;
    for _ in 0..LAPSES_AT_MOST {
        let holder = HolderId::fresh(noon());
        let held = bench.db.claim(&bench.hands, holder, &any(), 4, later, later, LEASE).await.unwrap();
        assert!(!held.is_empty());
        bench.db.release(&bench.hands, &[holder]).await.unwrap();
    }
    let mut tx = bench.our_tx().await;
    let ready = tx.jobs(Some(JobState::Ready), None, 10).await.unwrap();
    assert_eq!(ready.len(), due_with_it.len(), "none was buried");
    drop(tx);
    let mut tx = bench.our_tx().await;
    for job in &ready {
        assert_eq!(tx.job(job.id).await.unwrap().as_ref(), Some(job));
    }
    drop(tx);

    // Nothing is taken beside one that must be held alone, nor is it taken beside others.
    let holder = HolderId::fresh(noon());
    let all = any();
    let claim = |limit| bench.db.claim(&bench.hands, holder, &all, limit, later, later, LEASE);
    let first = claim(4).await.unwrap();
    assert_eq!((first.len(), claim(4).await.unwrap().len()), (1, 0));
    finish(bench, proof(&first[0])).await.unwrap();
    assert_eq!(claim(4).await.unwrap().len(), 1);
    const { assert!(SUSPECT_AFTER < LAPSES_AT_MOST) };
    fedatario_testkit::covers!(
        "jobs: what merely shared a process with the job that takes it down is held alone, ends, and is not buried"
    );
}

async fn a_flood_does_not_keep_others_waiting(bench: &Bench) {
    let flood: Vec<NewJob> = (0..10_000).map(|it| job(&format!("flood {it}"))).collect();
    enqueue(bench, &bench.ours, &flood).await;
    enqueue(bench, &bench.theirs, &[job("one"), job("two")]).await;
    let first = claim(bench, 10).await;
    let theirs = |jobs: &[ClaimedJob]| jobs.iter().filter(|it| it.tenant == bench.theirs.tenant()).count();
    assert_eq!((first.len(), theirs(&first)), (10, 2), "in the first claim");

    enqueue(bench, &bench.theirs, &[job("three")]).await;
    let second = claim(bench, 1).await;
    assert_eq!(theirs(&second), 1, "what is running counts as turns taken");
    fedatario_testkit::covers!("jobs: fair across tenants");
}

async fn claims_take_only_what_fits(bench: &Bench) {
    let of_run = NewJob { run: Some("run_7".into()), ..job("a") };
    let later = NewJob { due: noon() + 1.hour(), ..job("later") };
    enqueue(bench, &bench.ours, &[of_run, job("b"), later, NewJob { kind: "other.kind", ..job("c") }]).await;
    enqueue(bench, &bench.theirs, &[job("d")]).await;
    let holder = HolderId::fresh(noon());
    let by = async |filter: &ClaimFilter| {
        let claimed = bench.db.claim(&bench.hands, holder, filter, 10, noon(), noon(), LEASE).await.unwrap();
        claimed.into_iter().map(|it| it.key).collect::<Vec<_>>()
    };
    assert_eq!(by(&ClaimFilter::default()).await, [""; 0], "no kind, no job");
    let run = ClaimFilter { run: Some("run_7".into()), ..any() };
    let their_own = ClaimFilter { tenant: Some(bench.theirs.tenant()), ..any() };
    assert_eq!(bench.db.next_due(&bench.hands, &run).await.unwrap(), Some(noon()));
    assert_eq!(by(&run).await, ["a"]);
    assert_eq!(bench.db.next_due(&bench.hands, &run).await.unwrap(), Some(Timestamp::MAX), "the run is not over: one is held");
    assert_eq!(by(&their_own).await, ["d"]);
    assert_eq!(by(&any()).await, ["b"]);
    assert_eq!(bench.db.next_due(&bench.hands, &any()).await.unwrap(), Some(noon() + 1.hour()));
    assert_eq!(bench.db.next_due(&bench.hands, &their_own).await.unwrap(), Some(Timestamp::MAX));
    let nothing = ClaimFilter { run: Some("run_8".into()), ..any() };
    assert_eq!(bench.db.next_due(&bench.hands, &nothing).await.unwrap(), None, "another run's jobs are not this one's");

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.open_jobs("run_7").await.unwrap(), 1);
    drop(tx);
    assert_eq!(bench.db.holders(&bench.hands).await.unwrap(), [holder]);
    assert_eq!(bench.db.release(&bench.hands, &[]).await.unwrap(), 0);
    assert_eq!(bench.db.release(&bench.hands, &[HolderId::fresh(noon())]).await.unwrap(), 0);
    assert_eq!(bench.db.release(&bench.hands, &[holder]).await.unwrap(), 3);
    assert_eq!(bench.db.holders(&bench.hands).await.unwrap(), []);
    let again = bench.db.claim(&bench.hands, holder, &run, 10, noon(), noon(), LEASE).await.unwrap().remove(0);
    assert_eq!((again.key.as_str(), again.token), ("a", 2), "at once, without waiting for the lease's end");
    finish(bench, proof(&again)).await.unwrap();
    assert_eq!(bench.db.next_due(&bench.hands, &run).await.unwrap(), None, "the run is over");
    methods!(bench; "System::claim", "System::heartbeat", "System::release", "System::holders", "System::next_due");
}

async fn holders_never_share_a_job(bench: &Bench) {
    const JOBS: usize = 500;
    let jobs: Vec<NewJob> = (0..JOBS).map(|it| job(&format!("{it}"))).collect();
    enqueue(bench, &bench.ours, &jobs[..JOBS / 2]).await;
    enqueue(bench, &bench.theirs, &jobs[JOBS / 2..]).await;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, hands, ours, theirs) = (bench.db.clone(), bench.hands.clone(), bench.ours.clone(), bench.theirs.clone());
        workers.spawn(async move {
            let holder = HolderId::fresh(noon());
            let mut done = Vec::new();
            loop {
                let claimed = db.claim(&hands, holder, &any(), 7, noon(), noon(), LEASE).await.unwrap();
                if claimed.is_empty() {
                    return done;
                }
                for job in claimed {
                    let scope = if job.tenant == ours.tenant() { &ours } else { &theirs };
                    let mut tx = db.begin(scope).await.unwrap();
                    tx.finish_job(proof(&job)).await.unwrap();
                    tx.commit().await.unwrap();
                    done.push((job.id, job.token));
                }
            }
        });
    }
    let done = workers.join_all().await.concat();
    assert_eq!(done.len(), JOBS);
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), JOBS);
    assert!(done.iter().all(|(_, token)| *token == 1));
    fedatario_testkit::covers!("jobs: holders that claim at once never share a job");
}

async fn an_enqueue_falls_with_its_transaction(bench: &Bench) {
    let mut tx = bench.our_tx().await;
    tx.enqueue(&job("a"), noon()).await.unwrap();
    drop(tx);
    assert_eq!(claim(bench, 1).await, []);
    fedatario_testkit::covers!("jobs: enqueued in the caller's transaction");
}

async fn jobs_are_their_tenants_alone(bench: &Bench) {
    let id = enqueue(bench, &bench.ours, &[NewJob { run: Some("run_1".into()), ..job("a") }]).await[0].0;
    // Not due yet, so that only the tenant stands between it and a stranger's wish.
    let waiting = enqueue(bench, &bench.ours, &[NewJob { due: noon() + 1.hour(), ..job("b") }]).await[0].0;
    let held = claim(bench, 10).await.into_iter().find(|it| it.id == id).unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.jobs(None, None, 10).await.unwrap(), []);
    assert_eq!(tx.open_jobs("run_1").await.unwrap(), 0);
    assert!(matches!(tx.retry_job(waiting, noon()).await, Err(StoreError::NotFound)));
    assert!(matches!(tx.cancel_job(waiting).await, Err(StoreError::NotFound)));
    let of_theirs = NewJob { run: Some("their_run".into()), ..job("a") };
    let (their_id, new) = tx.enqueue(&of_theirs, noon()).await.unwrap();
    assert!(new, "their key is theirs");
    assert_eq!(tx.enqueue(&of_theirs, noon()).await.unwrap(), (their_id, false), "and what they join is their own");
    tx.commit().await.unwrap();
    let mut tx = bench.our_tx().await;
    let untouched = tx.jobs(Some(JobState::Ready), None, 10).await.unwrap();
    assert_eq!(untouched.iter().map(|it| (it.id, it.due)).collect::<Vec<_>>(), [(waiting, noon() + 1.hour())]);
    drop(tx);
    for attempt in 0..4 {
        let mut tx = bench.their_tx().await;
        let lease = proof(&held);
        let refused = match attempt {
            0 => tx.finish_job(lease).await,
            1 => tx.postpone_job(lease, noon(), None).await,
            2 => tx.fail_job(lease, noon(), "no").await,
            _ => tx.bury_job(lease, "no").await,
        };
        assert!(matches!(refused, Err(StoreError::LeaseLost)), "{attempt}");
        assert!(falls(tx).await);
    }

    bench.db.release(&bench.hands, &bench.db.holders(&bench.hands).await.unwrap()).await.unwrap();
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.jobs(None, Some(id.max(waiting)), 10).await.unwrap(), []);
    let runs: Vec<_> = tx.jobs(None, None, 10).await.unwrap().into_iter().map(|it| (it.id, it.run)).collect();
    assert!(runs.contains(&(id, Some("run_1".into()))) && runs.contains(&(waiting, None)), "{runs:?}");
    assert_eq!(tx.jobs(Some(JobState::Ready), None, 10).await.unwrap().len(), 2);
    tx.cancel_job(waiting).await.unwrap();
    assert_eq!(tx.jobs(Some(JobState::Cancelled), None, 10).await.unwrap()[0].id, waiting);
    assert!(matches!(tx.retry_job(waiting, noon()).await, Err(StoreError::Conflict(_))));
    assert_eq!(tx.open_jobs("run_1").await.unwrap(), 1);
    drop(tx);

    let on_behalf = Scope::job(bench.ours.tenant(), id, "os:7".into());
    assert!(matches!(on_behalf.actor(), Actor::Job { .. }));
    enqueue(bench, &on_behalf, &[job("child")]).await;
    let child = claim(bench, 10).await.into_iter().find(|it| it.key == "child").unwrap();
    assert_eq!(child.tenant, bench.ours.tenant());
    assert_eq!(child.originator, "os:7", "a job's jobs have its originator");
    methods!(bench; "Jobs::enqueue", "Jobs::finish_job", "Jobs::postpone_job", "Jobs::fail_job", "Jobs::bury_job", "Jobs::jobs",
        "Jobs::job", "Jobs::retry_job", "Jobs::cancel_job", "Jobs::open_jobs");
}

async fn jobs_are_found_by_what_is_in_their_way(bench: &Bench) {
    let ours = bench.ours.clone();
    let ids: Vec<JobId> = enqueue(bench, &ours, &[job("a"), job("b"), job("c")]).await.into_iter().map(|it| it.0).collect();
    let held = bench.db.claim(&bench.hands, HolderId::fresh(noon()), &any(), 3, noon(), noon(), LEASE).await.unwrap();
    let words = ["authority_unreachable: refused", "authority_unreachable", "authority_unreachable_x: other"];
    let mut tx = bench.our_tx().await;
    for (job, words) in held.iter().zip(words) {
        tx.fail_job(LeaseProof { job: job.id, token: job.token }, noon(), words).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = bench.our_tx().await;
    let by = |cause: &str| JobFilter { cause: Some(cause.into()), ..JobFilter::default() };
    let cases = [
        (JobFilter::default(), 3),
        (by("authority_unreachable"), 2),
        (by("authority_unreachable_x"), 1),
        (by("authority"), 0),
        (JobFilter { state: Some(JobState::Dead), ..JobFilter::default() }, 0),
        (JobFilter { kind: Some(held[0].kind.clone()), ..JobFilter::default() }, 3),
        (JobFilter { run: Some("nobody's".into()), ..JobFilter::default() }, 0),
    ];
    for (filter, expected) in cases {
        assert_eq!(tx.jobs_where(&filter, None, 10).await.unwrap().len(), expected, "{filter:?}");
    }
    let newest = tx.jobs_where(&JobFilter::default(), None, 1).await.unwrap();
    let older = tx.jobs_where(&JobFilter::default(), Some(newest[0].id), 10).await.unwrap();
    assert!(older.len() == 2 && older.iter().all(|it| it.id < newest[0].id && ids.contains(&it.id)), "newest first");
    drop(tx);
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.jobs_where(&JobFilter::default(), None, 10).await.unwrap(), []);
    methods!(bench; "Jobs::jobs_where");
}
