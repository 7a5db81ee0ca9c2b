//! The same on PostgreSQL: presence is an advisory lock there, which the server gives back when the
//! process is gone.

use crate::points::POINTS;
use crate::support::database;
use crate::{all, moments};

/// One of each kind of step: what differs between the databases is how it commits.
const SAMPLE: &[&str] = &[
    "plan.after-commit",
    "claim.after",
    "login.after-answer",
    "ask.after-commit-asked",
    "ask.before-send",
    "ask.after-answer",
    "ask.before-commit-accepted",
    "verify.after-commit-ready",
    "fetch.slot-kept",
    "fetch.after-record",
    "import.batch-committed",
    "report.after-put",
];

#[test]
fn a_sample_of_the_points_is_survived_on_postgresql() {
    let cases = POINTS.iter().enumerate().filter(|(_, it)| SAMPLE.contains(&it.name));
    let cases: Vec<_> = cases.map(|(place, it)| (it, moments(0, place, 1))).collect();
    assert_eq!(cases.len(), SAMPLE.len());
    let fates = all(cases, || Some(database("points")));
    assert!(fates.values().all(|it| it.kills > 0), "{fates:#?}");
    fedatario_testkit::covers!("crash: the same on PostgreSQL, where whoever died is told by its advisory lock");
}
