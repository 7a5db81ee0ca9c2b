//! The worker: storage that fails, handlers that panic, leases that must live and those that must not.

mod nothing;
mod world;

use fedatario_app::jobs::rules::{FAILURES_AT_MOST, HEARTBEAT, LAPSES_AT_MOST, LEASE};
use fedatario_app::jobs::worker::RUN_PATIENCE;
use fedatario_app::model::JobState;
use fedatario_app::ports::{ClaimFilter, StoreError};
use fedatario_testkit::covers;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use world::{Doing, World};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn of_run() -> ClaimFilter {
    ClaimFilter { run: Some("run".into()), tenant: None, kinds: vec!["test.do"] }
}

/// A key that begins with a number takes so many seconds.
fn by_key(key: &str) -> (Duration, Doing) {
    let takes = key.split(' ').next().and_then(|it| it.parse().ok()).map_or(Duration::ZERO, seconds);
    (takes, if key.ends_with("panic") { Doing::Panic } else { Doing::Finish })
}

#[tokio::test(start_paused = true)]
async fn storage_that_is_away_for_a_while_cuts_nothing() {
    let world = World::new(by_key);
    world.job("90 long", 0);
    world.job("later", 60);
    let (stop, stopped) = watch::channel(false);
    let worker = world.worker();
    let story = async {
        sleep(seconds(5)).await;
        world.state().is_away = true;
        sleep(seconds(30)).await;
        world.state().is_away = false;
        sleep(seconds(80)).await;
        stop.send(true).unwrap();
    };
    let (worked, ()) = tokio::join!(worker.work(ClaimFilter::default(), stopped), story);
    worked.unwrap();
    for key in ["90 long", "later"] {
        assert_eq!((world.handled(key), world.find(key).state, world.find(key).claimed.token), (1, JobState::Done, 1), "{key}");
    }
    covers!("jobs: storage that is away for a while cuts no call in flight, and the worker goes on");
}

#[tokio::test(start_paused = true)]
async fn a_run_gives_up_in_the_end_and_lets_what_has_begun_end() {
    let world = World::new(by_key);
    world.job("600 long", 0);
    let (_stop, stopped) = watch::channel(false);
    let worker = world.worker();
    let story = async {
        sleep(seconds(5)).await;
        world.state().is_away = true;
    };
    let (worked, ()) = tokio::join!(worker.work(of_run(), stopped), story);
    assert!(matches!(worked, Err(StoreError::Unavailable(_))), "{worked:?}");
    assert!(RUN_PATIENCE < seconds(590), "or the next line would prove nothing");
    assert_eq!(world.handled("600 long"), 1, "it was let end");
    covers!("jobs: a run gives up after minutes of failing storage, and what has begun is let end");
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_give_up_and_stops_when_told() {
    let world = World::new(by_key);
    world.state().is_away = true;
    let (stop, stopped) = watch::channel(false);
    let worker = world.worker();
    let story = async {
        sleep(RUN_PATIENCE * 10).await;
        stop.send(true).unwrap();
    };
    let (worked, ()) = tokio::join!(worker.work(ClaimFilter::default(), stopped), story);
    worked.unwrap();
    assert!(world.since() < RUN_PATIENCE * 10 + seconds(1), "a pause does not keep it from stopping");
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_job_alone_and_its_lease_is_let_go() {
    let world = World::new(by_key);
    world.job("1 panic", 0);
    world.job("900 long", 0);
    world.job("2 short", 0);
    let (stop, stopped) = watch::channel(false);
    let worker = world.worker();
    let story = async {
        sleep(seconds(800)).await;
        stop.send(true).unwrap();
    };
    let (worked, ()) = tokio::join!(worker.work(ClaimFilter::default(), stopped), story);
    worked.unwrap();
    let bad = world.find("1 panic");
    assert_eq!((bad.state, bad.claimed.failures), (JobState::Dead, FAILURES_AT_MOST));
    assert_eq!(bad.error.as_deref(), Some("internal: the handler of test.do panicked"));
    for key in ["900 long", "2 short"] {
        assert_eq!((world.handled(key), world.find(key).state), (1, JobState::Done), "{key}");
    }
    let state = world.state();
    let told = ("1 panic".to_owned(), "internal: the handler of test.do panicked".to_owned());
    assert_eq!(state.buried, [told], "whoever did it is told once, in the transaction that buries it");
    assert!(state.beats.len() as u64 >= 800 / HEARTBEAT.as_secs(), "{}", state.beats.len());
    assert!(state.beats.iter().filter(|it| it.0 > seconds(400)).all(|it| it.1 == ["900 long"]), "only what runs is kept alive");
    covers!("jobs: a handler that panics fails its job alone, and nothing keeps its lease alive");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_took_its_workers_down_is_buried_before_it_begins() {
    let world = World::new(by_key);
    world.job("poison", 0);
    world.job("other", 0);
    world.state().jobs.values_mut().filter(|it| it.claimed.key == "poison").for_each(|it| it.claimed.lapses = LAPSES_AT_MOST);
    let (stop, stopped) = watch::channel(false);
    let worker = world.worker();
    let story = async {
        sleep(seconds(5)).await;
        stop.send(true).unwrap();
    };
    let (worked, ()) = tokio::join!(worker.work(ClaimFilter::default(), stopped), story);
    worked.unwrap();
    assert_eq!((world.handled("poison"), world.find("poison").state), (0, JobState::Dead));
    assert_eq!((world.handled("other"), world.find("other").state), (1, JobState::Done));
    assert_eq!(world.state().buried.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["poison"]);
    covers!("jobs: one that took its workers down is buried by the next, before it begins");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_seen_dead_claims_nothing_until_it_is_not() {
    let world = World::new(by_key);
    world.job("30 early", 0);
    world.job("later", 60);
    let (stop, stopped) = watch::channel(false);
    let worker = world.worker();
    let story = async {
        sleep(seconds(5)).await;
        world.state().is_unheld = true;
        sleep(seconds(195)).await;
        assert_eq!((world.handled("30 early"), world.find("later").state), (1, JobState::Ready), "what had begun was let end");
        world.state().is_unheld = false;
        sleep(seconds(30)).await;
        assert_eq!(world.find("later").state, JobState::Done);
        stop.send(true).unwrap();
    };
    let (worked, ()) = tokio::join!(worker.work(ClaimFilter::default(), stopped), story);
    worked.unwrap();
    covers!("jobs: a process whose own lock was lost claims nothing until it holds it again");
}

#[tokio::test(start_paused = true)]
async fn a_pass_claims_what_it_works_on_keeps_it_alive_and_does_each_once() {
    let world = World::new(|_| (seconds(100), Doing::Later(seconds(1))));
    for number in 0..10 {
        world.job(&format!("{number}"), number * 1_000);
    }
    let done = world.worker().pass(of_run()).await.unwrap();
    assert_eq!(done, 10);
    let state = world.state();
    assert!(state.limits.iter().all(|it| (1..=4).contains(it)), "{:?}", state.limits);
    assert!(seconds(100) > LEASE, "or the next lines would prove nothing");
    for job in state.jobs.values() {
        let handled = state.handled.iter().filter(|it| it.1 == job.claimed.key).count();
        assert_eq!((handled, job.state, job.error.as_deref()), (1, JobState::Ready, Some("told to")), "{}", job.claimed.key);
    }
    assert!(state.beats.iter().all(|it| !it.1.is_empty()), "{:?}", state.beats);
    covers!("jobs: a pass claims what it works on, keeps it alive, and does each job once");
}
