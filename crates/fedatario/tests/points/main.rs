//! The program killed for real at every named point of the life of a year, and run again.
//!
//! The program under test has its ports decorated (feature `crash-points`) and nothing else; it
//! dies by an abort at the n-th time that it reaches a point. The sandbox lives in this process, so
//! that it outlives every death, and its counts are the witness. The same command is run until it is
//! done, and then once more.
//!
//! `FEDATARIO_CRASH_SEEDS` asks for more seeds, `FEDATARIO_CRASH_TABLE` writes what came of them into
//! `docs/crash-table.md`: `scripts/soak` sets both.

#[path = "../support/mod.rs"]
mod support;

mod census;
mod points;
mod postgres;
mod stage;
mod table;

use points::{Course, POINTS, Point};
use stage::{Case, Fate, Stage};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Folders of each point when nobody asks for more.
const SEEDS: u64 = 1;
/// Lives of a folder that end at the same point before the command is left alone; one more when more
/// seeds are asked for.
const DEATHS: u64 = 2;
/// Cases that run beside each other: most of their time is waiting for the disk and for SAT.
const BESIDE: usize = 4;

/// Whoever dies in a login keeps the next life waiting until its right to log in lapses: once is enough.
fn deaths(point: &str) -> u64 {
    if point.starts_with("login.") && point != "login.after-keep" { 1 } else { DEATHS + u64::from(seeds() > SEEDS) }
}

fn seeds() -> u64 {
    std::env::var("FEDATARIO_CRASH_SEEDS").map_or(SEEDS, |it| it.parse().expect("a number of seeds"))
}

/// The n-th time of each death of a case, out of those that the census counted; the first folder's
/// first death is at the first time, which every life comes to.
fn moments(seed: u64, place: usize, times: u64) -> Vec<u64> {
    let deaths = deaths(POINTS[place].name);
    let mut state = (seed ^ (place as u64) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let first = if seed == 0 { 1 } else { 1 + next() % times };
    std::iter::once(first).chain((1..deaths).map(|_| 1 + next() % times.div_ceil(2))).collect()
}

/// Runs cases beside each other, each on a stage of its own.
fn all(cases: Vec<(&Point, Vec<u64>)>, database: impl Fn() -> Option<String> + Sync) -> BTreeMap<&str, Fate> {
    let (waiting, fates) = (Mutex::new(cases), Mutex::new(BTreeMap::<&str, Fate>::new()));
    std::thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(|| {
                loop {
                    let Some((point, moments)) = waiting.lock().expect("no case panics with it").pop() else { return };
                    let fate = Case { point, moments, database: database() }.run();
                    fates.lock().expect("no case panics with it").entry(point.name).or_default().add(&fate);
                }
            });
        }
    });
    fates.into_inner().expect("every case has ended")
}

#[test]
fn every_point_is_survived() {
    let census = census::all();
    let cases = POINTS.iter().enumerate().flat_map(|(place, point)| {
        let times = census.get(point.name).copied().unwrap_or(1);
        (0..seeds()).map(move |seed| (point, moments(seed, place, times)))
    });
    let fates = all(cases.collect(), || None);
    let unreached: Vec<&str> = POINTS.iter().map(|it| it.name).filter(|it| fates[it].kills == 0).collect();
    assert!(unreached.is_empty(), "no life ended at {unreached:?}");
    if std::env::var_os("FEDATARIO_CRASH_TABLE").is_some() {
        table::write(&fates, seeds());
    }
    fedatario_testkit::covers!(
        "crash: killed at every named point, before and after each call, write and commit: 0 lost, 0 doubled"
    );
    fedatario_testkit::covers!(
        "crash: requests and downloads stay within their bounds, the chain verifies, and again changes nothing"
    );
}

#[test]
fn the_list_of_points_is_whole() {
    let census = census::all();
    let listed: Vec<&str> = POINTS.iter().map(|it| it.name).collect();
    let unlisted: Vec<&String> = census.keys().filter(|it| !listed.contains(&it.as_str()) && !census::is_apart(it)).collect();
    assert!(unlisted.is_empty(), "reached, and not in the list: {unlisted:?}");
    let unreached: Vec<&&str> = listed.iter().filter(|it| !census.contains_key(**it)).collect();
    assert!(unreached.is_empty(), "in the list, and never reached: {unreached:?}");
    for course in [Course::Register, Course::Year, Course::Troubled, Course::ByHand] {
        assert!(POINTS.iter().any(|it| it.course == course), "{course:?}");
    }
    assert_eq!(Stage::courses_without_death(), 4);
    fedatario_testkit::covers!(
        "crash: the harness lists its points itself; one that is never reached, or reached and not listed, fails"
    );
}
