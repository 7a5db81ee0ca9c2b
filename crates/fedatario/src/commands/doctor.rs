//! `doctor`: is everything in order, before a deadline or at three in the morning?
//!
//! Changes nothing but one small object that it writes and reads back. Without `--sat` it stays on
//! this machine; with it, each address of SAT is looked at once, without credentials. Every check is
//! told with what to do about it; a bad one ends the command with exit 1, a warning does not.

use crate::cli::{Doctor, Globals};
use crate::failure::Failure;
use crate::house::{House, Opening, Premises};
use crate::present::Screen;
use fedatario_app::model::{CredentialKind, CredentialState, Environment, Family, JobState, Owner, Taxpayer};
use fedatario_app::ports::System;
use fedatario_base::code::Exit;
use fedatario_base::id::{JobId, TaxpayerId};
use fedatario_sat::Probe;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Free bytes below which a night of downloads may not end.
const FREE_BYTES_WARNING: u64 = 5 << 30;
/// Free bytes below which nothing should begin.
const FREE_BYTES_BAD: u64 = 512 << 20;
/// How far our clock may be from SAT's: a login lives five minutes.
const SKEW_S_WARNING: i64 = 60;
/// From here on logins are refused.
const SKEW_S_BAD: i64 = 240;
/// An e.firma that lapses within this time is told of.
const EXPIRY_WARNING: SignedDuration = SignedDuration::from_hours(45 * 24);
/// A due job that nobody takes for this long has no worker.
const IDLE_WARNING: SignedDuration = SignedDuration::from_mins(10);
/// Taxpayers, and dead jobs, looked at at once.
const PAGE: u32 = 500;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Good,
    Warning,
    Bad,
}

impl Outcome {
    fn text(self) -> &'static str {
        match self {
            Outcome::Good => "good",
            Outcome::Warning => "warning",
            Outcome::Bad => "bad",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Outcome::Good => "✓",
            Outcome::Warning => "!",
            Outcome::Bad => "✗",
        }
    }
}

/// One thing looked at. Its sentence is `cli-doctor-<name>`, what to do about it that one's `.fix`.
struct Check {
    name: &'static str,
    outcome: Outcome,
    detail: String,
}

impl Check {
    fn new(name: &'static str, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { name, outcome, detail: detail.into() }
    }

    /// Good, or told in this way.
    fn unless(name: &'static str, is_good: bool, otherwise: Outcome, detail: impl Into<String>) -> Self {
        Self::new(name, if is_good { Outcome::Good } else { otherwise }, detail)
    }
}

/// Looks at everything, and tells.
pub async fn run(globals: &Globals, doctor: Doctor, screen: &Screen) -> Result<Exit, Failure> {
    let premises = Premises::open(globals, Opening::existing()).await?;
    let mut checks = vec![folder(&premises.dir)?];
    checks.extend(space(&premises.dir));
    checks.push(objects(&premises).await);
    checks.push(worker(&premises).await?);
    if doctor.sat {
        checks.extend(sat(&premises).await);
    }
    if premises.db.tenants(&premises.hands).await?.is_empty() {
        checks.push(Check::new("taxpayers", Outcome::Warning, "0"));
    } else {
        checks.extend(taxpayers(&premises.of(globals.tenant()).await?).await?);
    }
    Ok(tell(screen, &checks))
}

fn tell(screen: &Screen, checks: &[Check]) -> Exit {
    for (at, check) in checks.iter().enumerate() {
        let sentence = screen.text(&format!("cli-doctor-{}", check.name), &[]);
        screen.print(&format!("{} {sentence}: {}", check.outcome.mark(), check.detail));
        let is_last_of_its_name = checks.get(at + 1).is_none_or(|next| next.name != check.name);
        if check.outcome != Outcome::Good && is_last_of_its_name {
            screen.print(&format!("    {}", screen.text(&format!("cli-doctor-{}.fix", check.name), &[])));
        }
    }
    let all: Vec<Value> =
        checks.iter().map(|it| json!({ "name": it.name, "outcome": it.outcome.text(), "detail": it.detail })).collect();
    let healthy = checks.iter().all(|it| it.outcome != Outcome::Bad);
    screen.say(if healthy { "cli-doctor-healthy" } else { "cli-doctor-ill" }, &[]);
    screen.result(&json!({ "healthy": healthy, "checks": all }));
    if healthy { Exit::Good } else { Exit::Finding }
}

/// What others may do with a path, as the file system says.
fn mode(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|it| it.permissions().mode() & 0o777)
}

fn folder(dir: &Path) -> Result<Check, Failure> {
    let mode = mode(dir).unwrap_or_default();
    let detail = format!("{} ({mode:o})", dir.display());
    Ok(Check::unless("folder", mode.trailing_zeros() >= 6, Outcome::Warning, detail))
}

fn space(dir: &Path) -> Option<Check> {
    let seen = rustix::fs::statvfs(dir).ok()?;
    let free = seen.f_bavail.saturating_mul(seen.f_frsize);
    let outcome = match free {
        0..FREE_BYTES_BAD => Outcome::Bad,
        FREE_BYTES_BAD..FREE_BYTES_WARNING => Outcome::Warning,
        _ => Outcome::Good,
    };
    Some(Check::new("space", outcome, format!("{} MiB", free >> 20)))
}

/// A small object is written and read back: the credentials of a bucket, the permissions of a folder.
async fn objects(premises: &Premises) -> Check {
    const PATH: &str = "doctor/probe";
    let blobs = &premises.app.blobs;
    let tried = async {
        blobs.put(PATH, b"probe").await?;
        blobs.get(PATH, 64).await
    };
    match tried.await {
        Ok(found) if found == b"probe" => Check::new("objects", Outcome::Good, "ok"),
        Ok(found) => Check::new("objects", Outcome::Bad, format!("{} bytes", found.len())),
        Err(error) => Check::new("objects", Outcome::Bad, format!("{}: {error}", error.code().slug())),
    }
}

/// Due work that nobody takes: no `serve` is running.
async fn worker(premises: &Premises) -> Result<Check, Failure> {
    let due = premises.db.next_due(&premises.hands, &Default::default()).await?;
    let late = due.map(|it| premises.app.clock.service().duration_since(it)).filter(|it| *it > IDLE_WARNING);
    let detail = late.map_or("ok".to_owned(), |it| format!("{} min", it.as_mins()));
    Ok(Check::unless("worker", late.is_none(), Outcome::Warning, detail))
}

async fn sat(premises: &Premises) -> Vec<Check> {
    let environment = premises.app.settings.environment;
    let mut checks = vec![Check::new("world", Outcome::Good, environment.text())];
    let mut probes = Vec::new();
    for family in Family::ALL {
        probes.extend(premises.sat.probe(environment, *family).await);
    }
    checks.extend(probes.iter().map(address));
    checks.extend(probes.iter().find_map(skew)); // It is the same clock at every address.
    checks
}

fn address(probe: &Probe) -> Check {
    match &probe.seen {
        Ok(alive) => Check::new("address", Outcome::Good, format!("{} → HTTP {}", probe.url, alive.status)),
        Err(why) => Check::new("address", Outcome::Bad, format!("{} → {why}", probe.url)),
    }
}

/// Only a clock that is off is told of.
fn skew(probe: &Probe) -> Option<Check> {
    let ahead = probe.seen.as_ref().ok()?.ahead_s?;
    let outcome = if ahead.abs() >= SKEW_S_BAD { Outcome::Bad } else { Outcome::Warning };
    (ahead.abs() >= SKEW_S_WARNING).then(|| Check::new("clock", outcome, format!("{ahead:+} s")))
}

async fn taxpayers(house: &House) -> Result<Vec<Check>, Failure> {
    let mut checks = Vec::new();
    let mut after: Option<TaxpayerId> = None;
    let mut tx = house.app.store.read(&house.scope).await?;
    loop {
        let page = tx.taxpayers(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for taxpayer in &page {
            let used = tx.current_credential(Owner::Taxpayer(taxpayer.id), CredentialKind::Fiel).await?;
            let seen = used.map(|it| (it.state, it.not_after, it.reason));
            checks.extend(efirma(taxpayer, seen, house.app.settings.environment, house.app.clock.wall()));
        }
    }
    let dead = tx.jobs(Some(JobState::Dead), None::<JobId>, PAGE).await?.len();
    checks.push(Check::unless("dead-jobs", dead == 0, Outcome::Bad, dead.to_string()));
    Ok(checks)
}

/// Whether a taxpayer's e.firma can be used, and for how long. One of the other world is left alone.
fn efirma(
    taxpayer: &Taxpayer,
    used: Option<(CredentialState, Timestamp, Option<String>)>,
    environment: Environment,
    now: Timestamp,
) -> Option<Check> {
    if taxpayer.environment != environment {
        return Some(Check::new("other-world", Outcome::Warning, format!("{} ({})", taxpayer.tax_id, taxpayer.environment.text())));
    }
    let (state, until, reason) = used?;
    let why = reason.map(|it| format!(" ({it})")).unwrap_or_default();
    let detail = format!("{}{why} → {}", taxpayer.tax_id, until.strftime("%F"));
    Some(match state {
        CredentialState::Blocked => Check::new("efirma-blocked", Outcome::Bad, detail),
        _ if until <= now => Check::new("efirma-lapsed", Outcome::Bad, detail),
        _ => Check::unless("efirma", until.duration_since(now) > EXPIRY_WARNING, Outcome::Warning, detail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_app::model::TaxpayerKind;

    #[test]
    fn an_efirma_is_told_of_before_it_lapses() {
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let taxpayer = Taxpayer {
            id: TaxpayerId::fresh(now),
            kind: TaxpayerKind::Rfc,
            tax_id: "EKU9003173C9".into(),
            name: "ESCUELA KEMPER URGATE".into(),
            environment: Environment::Production,
            created: now,
        };
        let days = |n: i64| now + SignedDuration::from_hours(24 * n);
        let cases = [
            (CredentialState::Active, days(400), "efirma", Outcome::Good),
            (CredentialState::Active, days(30), "efirma", Outcome::Warning),
            (CredentialState::Active, days(-1), "efirma-lapsed", Outcome::Bad),
            (CredentialState::Blocked, days(400), "efirma-blocked", Outcome::Bad),
        ];
        for (state, until, name, outcome) in cases {
            let check = efirma(&taxpayer, Some((state, until, None)), Environment::Production, now).unwrap();
            assert_eq!((check.name, check.outcome), (name, outcome), "{state:?} until {until}");
        }
        let other = efirma(&taxpayer, None, Environment::Sandbox, now).unwrap();
        assert_eq!((other.name, other.outcome), ("other-world", Outcome::Warning));
        assert!(efirma(&taxpayer, None, Environment::Production, now).is_none(), "an imported taxpayer needs no e.firma");
        fedatario_testkit::covers!("doctor: tells of an e.firma that is blocked, lapsed or about to lapse");
    }

    #[test]
    fn a_clock_that_is_off_is_told_of() {
        let at = |ahead| Probe {
            family: Family::Cfdi,
            door: fedatario_sat::Door::Autentica,
            url: "https://sat.example/".into(),
            seen: Ok(fedatario_sat::Alive { status: 405, ahead_s: Some(ahead) }),
        };
        let told = |ahead| skew(&at(ahead)).map(|it| it.outcome);
        assert_eq!([told(0), told(-59), told(60), told(-300)], [None, None, Some(Outcome::Warning), Some(Outcome::Bad)]);
    }
}
