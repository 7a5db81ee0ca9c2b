//! Public doors: breaker, bucket and patience, without a session and without a row for each call.

use fedatario_testkit::FakeClock;
use fedatario_upstream::memory::{FixedJitter, Memory, TellingPause};
use fedatario_upstream::{CallError, Desk, Fault, Notice, Rate, Why};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(120);
const FAST: Rate = Rate { per_minute: 60_000, burst: 1_000 };

struct Rig {
    desk: Desk,
    clock: Arc<FakeClock>,
    waits: Arc<Mutex<Vec<Duration>>>,
    answers: Mutex<VecDeque<Result<u32, Fault>>>,
    asked: Mutex<u32>,
}

impl Rig {
    fn new(rate: Rate) -> Self {
        let (memory, clock) = (Memory::new(), Arc::new(FakeClock::at("2026-09-01T12:00:00Z")));
        let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let telling = {
            let (clock, waits) = (clock.clone(), waits.clone());
            move |wait: Duration| {
                clock.advance(wait.try_into().unwrap());
                waits.lock().unwrap().push(wait);
            }
        };
        let ports = memory.ports(Arc::new(TellingPause(telling)), clock.clone(), Arc::new(FixedJitter(1.0)));
        Self { clock, desk: Desk::new("test.desk", rate, ports), waits, answers: Mutex::default(), asked: Mutex::new(0) }
    }

    async fn ask(&self, answers: impl IntoIterator<Item = Result<u32, Fault>>) -> Result<u32, CallError> {
        self.answers.lock().unwrap().extend(answers);
        self.desk
            .ask(TIMEOUT, PATIENCE, || async {
                *self.asked.lock().unwrap() += 1;
                self.answers.lock().unwrap().pop_front().unwrap_or_else(silence)
            })
            .await
    }

    fn waited(&self) -> Vec<u64> {
        std::mem::take(&mut *self.waits.lock().unwrap()).iter().map(|it| it.as_millis() as u64).collect()
    }

    fn asked(&self) -> u32 {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn silence() -> Result<u32, Fault> {
    Err(Fault::Unanswered("silence".into()))
}

fn busy(seconds: u64) -> Result<u32, Fault> {
    Err(Fault::Throttled { after: Duration::from_secs(seconds), notice: None })
}

#[tokio::test]
async fn what_passes_is_waited_out_and_what_does_not_is_told() {
    let rig = Rig::new(FAST);
    let gone = || Err(Fault::Unreachable("no route".into()));
    assert_eq!(rig.ask([silence(), gone(), busy(7), Ok(1)]).await.unwrap(), 1);
    assert_eq!((rig.waited(), rig.asked()), (vec![500, 1_000, 7_000], 4));
    // A no is final, and says that somebody is there.
    let no = rig.ask([Err(Fault::Rejected(Notice::new("601", "no")))]).await.unwrap_err();
    assert!(matches!(no, CallError::Fault(Fault::Rejected(_))), "{no}");
    assert_eq!((rig.waited(), rig.asked()), (vec![], 1));
    // Longer than anybody is ready to wait.
    let later = rig.ask([busy(600)]).await.unwrap_err();
    assert!(matches!(later, CallError::Later { after, why: Why::Fault(_) } if after == Duration::from_secs(600)), "{later}");
    assert_eq!((rig.waited(), rig.asked()), (vec![], 1));
    // As often as one call sends.
    assert!(matches!(rig.ask([]).await, Err(CallError::Later { .. })));
    assert_eq!(rig.asked(), 5);
    fedatario_testkit::covers!("upstream: a public door is asked again within bounds, and a no is final");
}

#[tokio::test]
async fn an_ailing_door_is_shut_and_one_probe_opens_it() {
    let rig = Rig::new(FAST);
    assert!(rig.ask([]).await.is_err());
    assert!(rig.ask([]).await.is_err());
    // Eight in a row shut it, for half a minute and then for a whole one: a probe each.
    let waits = rig.waited();
    let shut: Vec<u64> = waits.iter().copied().filter(|it| *it > 8_000).collect();
    assert_eq!((rig.asked(), shut.len()), (10, 2), "{waits:?}");
    assert!(shut[0] <= 30_000 && shut[1] > 30_000, "{shut:?}");
    let shut_again = rig.ask([Ok(2)]).await;
    assert!(shut_again.is_ok() || matches!(shut_again, Err(CallError::Later { why: Why::Breaker, .. })), "{shut_again:?}");
    rig.waited();
    while rig.ask([Ok(2)]).await.is_err() {
        rig.clock.advance(jiff::SignedDuration::from_mins(5));
    }
    rig.answers.lock().unwrap().clear();
    rig.waited();
    assert_eq!(rig.ask([Ok(3)]).await.unwrap(), 3);
    assert_eq!(rig.waited(), Vec::<u64>::new(), "open to everybody again");
    fedatario_testkit::covers!("upstream: the breaker of a public door shuts it, and a probe opens it again");
}

#[tokio::test]
async fn a_bucket_is_one_for_all_who_ask() {
    let rig = Rig::new(Rate { per_minute: 60, burst: 2 });
    let answers = (0..6).map(Ok);
    for answer in answers {
        rig.ask([answer]).await.unwrap();
    }
    assert_eq!(rig.waited(), vec![1_000; 4]);
    let same = rig.desk.clone();
    same.ask(TIMEOUT, PATIENCE, || async { Ok(()) }).await.unwrap();
    assert_eq!(rig.waited(), vec![1_000]);
    let hasty = rig.desk.ask(TIMEOUT, Duration::from_millis(10), || async { Ok(()) }).await.unwrap_err();
    assert!(matches!(hasty, CallError::Later { why: Why::Bucket, .. }), "{hasty}");
    fedatario_testkit::covers!("upstream: a public door has one bucket, whoever asks");
}
