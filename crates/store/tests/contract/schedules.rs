//! Schedules and their tick.

use crate::bench::{Bench, at, methods, noon, on_both};
use fedatario_app::model::ScheduleRow;
use fedatario_app::ports::{ClaimFilter, System};
use fedatario_base::id::{HolderId, ScheduleId};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::time::Duration;

on_both!(a_schedule_fires_once_for_each_of_its_times, schedules_are_their_tenants_alone);

/// 23:00 in the zone that the expression names, the next time after an instant.
fn eleven_at_night(expression: &str, after: Timestamp) -> Option<Timestamp> {
    let zone = TimeZone::get(expression.split(' ').next_back()?).ok()?;
    let now = after.to_zoned(zone);
    let tonight = now.with().hour(23).minute(0).second(0).subsec_nanosecond(0).build().ok()?;
    let next = if tonight > now { tonight } else { tonight.checked_add(1.day()).ok()? };
    Some(next.timestamp())
}

fn schedule(name: &str, zone: &str) -> ScheduleRow {
    let expression = format!("0 23 * * * {zone}");
    ScheduleRow {
        id: ScheduleId::fresh(noon()),
        name: name.into(),
        spread_s: 0,
        next: eleven_at_night(&expression, noon()).unwrap(),
        expression,
        kind: "sat.year".into(),
        payload: serde_json::json!({"rfc": name}),
        enabled: true,
    }
}

async fn put(bench: &Bench, row: &ScheduleRow) {
    let mut tx = bench.our_tx().await;
    tx.put_schedule(row).await.unwrap();
    tx.commit().await.unwrap();
}

async fn tick(bench: &Bench, now: &str) -> u64 {
    bench.db.tick(&bench.hands, at(now), &eleven_at_night).await.unwrap()
}

async fn a_schedule_fires_once_for_each_of_its_times(bench: &Bench) {
    // 23:00 is 05:00 UTC of the next day in Mexico City, and 03:00 in Santo Domingo.
    put(bench, &schedule("mx", "America/Mexico_City")).await;
    put(bench, &schedule("do", "America/Santo_Domingo")).await;
    put(bench, &ScheduleRow { enabled: false, ..schedule("off", "America/Santo_Domingo") }).await;
    assert_eq!(tick(bench, "2026-09-02T02:59:59Z").await, 0);
    assert_eq!(tick(bench, "2026-09-02T03:00:00Z").await, 1, "Santo Domingo");
    assert_eq!(tick(bench, "2026-09-02T03:00:00Z").await, 0);

    let other = bench.reopened().await;
    let (mine, theirs) = tokio::join!(
        bench.db.tick(&bench.hands, at("2026-09-02T05:00:00Z"), &eleven_at_night),
        other.tick(&bench.hands, at("2026-09-02T05:00:00Z"), &eleven_at_night),
    );
    assert_eq!(mine.unwrap() + theirs.unwrap(), 1, "two tickers, one job");
    other.shut().await;

    let mut tx = bench.our_tx().await;
    let next: Vec<_> = tx.schedules().await.unwrap().into_iter().map(|it| (it.name, it.next.to_string(), it.enabled)).collect();
    let expected =
        [("do", "2026-09-03T03:00:00Z", true), ("mx", "2026-09-03T05:00:00Z", true), ("off", "2026-09-02T03:00:00Z", false)];
    assert_eq!(next, expected.map(|(name, next, enabled)| (name.into(), next.into(), enabled)));
    drop(tx);

    assert_eq!(tick(bench, "2026-09-09T00:00:00Z").await, 0, "its job is still open: none is stacked on it");
    let filter = ClaimFilter { kinds: vec!["sat.year"], ..ClaimFilter::default() };
    let now = at("2026-09-09T00:00:00Z");
    let jobs = bench.db.claim(&bench.hands, HolderId::fresh(noon()), &filter, 10, now, now, Duration::from_secs(60)).await.unwrap();
    assert_eq!(jobs.len(), 2);
    assert!(jobs.iter().all(|it| it.originator == "os:1000" && it.payload["rfc"].is_string()));

    put(
        bench,
        &ScheduleRow { expression: "0 23 * * * Nowhere/At_All".into(), next: noon(), ..schedule("odd", "America/Mexico_City") },
    )
    .await;
    assert_eq!(tick(bench, "2026-09-09T00:00:01Z").await, 1, "its due time counts");
    let mut tx = bench.our_tx().await;
    let odd = tx.schedules().await.unwrap().into_iter().find(|it| it.name == "odd").unwrap();
    assert!(!odd.enabled, "without a next time it is off");
    fedatario_testkit::covers!("jobs: cron with time zones fires once, with two tickers too");
    methods!(bench; "System::tick");
}

async fn schedules_are_their_tenants_alone(bench: &Bench) {
    let row = schedule("nightly", "America/Mexico_City");
    put(bench, &row).await;
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.schedules().await.unwrap(), []);
    let theirs = ScheduleRow { id: ScheduleId::fresh(noon()), expression: "0 1 * * * UTC".into(), ..row.clone() };
    tx.put_schedule(&theirs).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.schedules().await.unwrap(), std::slice::from_ref(&row), "their schedule of that name is another");
    tx.put_schedule(&ScheduleRow { id: ScheduleId::fresh(noon()), kind: "sat.report".into(), ..row.clone() }).await.unwrap();
    assert_eq!(tx.schedules().await.unwrap(), [ScheduleRow { kind: "sat.report".into(), ..row }], "replaced by name");
    methods!(bench; "Schedules::put_schedule", "Schedules::schedules");
}
