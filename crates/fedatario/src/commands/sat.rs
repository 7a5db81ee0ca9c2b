//! `sat …`: the Mexican line from the shell.

use super::{books, check, request, revision, schedule, year};
use crate::cli::{Globals, Sat};
use crate::config;
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use crate::signals::Stop;
use fedatario_app::certificates::Handed;
use fedatario_app::descarga::nightly::Wish;
use fedatario_app::descarga::plan::{self, YearOf};
use fedatario_app::descarga::{handlers, import, register, report, status, transition};
use fedatario_app::model::{Direction, Family, PackageState, Solicitud, SolicitudState, Tally, Taxpayer};
use fedatario_app::ports::{ClaimFilter, SatAccount};
use fedatario_base::Code;
use fedatario_base::Secret;
use fedatario_base::code::Exit;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The largest file of a certificate, a key or a report that is read whole, in bytes.
const FILE_BYTES_AT_MOST: u64 = 256 << 20;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Sat, screen: &Screen) -> Result<Exit, Failure> {
    if let Sat::Report { check: Some(file), key, .. } = command {
        return check::run(globals, screen, &file, key.as_deref()).await;
    }
    let command = match command {
        Sat::Check(arguments) => return revision::check(globals, arguments, screen).await,
        Sat::Efos { command } => return revision::efos(globals, command, screen).await,
        Sat::Certificates { command } => return revision::certificates(globals, command, screen).await,
        other => other,
    };
    let brings_in = matches!(command, Sat::Register { .. } | Sat::Import { .. } | Sat::Year { .. });
    let house = House::open(globals, if brings_in { Opening::making() } else { Opening::existing() }).await?;
    match command {
        Sat::Register { cer, key, p12, password_file, daily } => {
            admit(&house, screen, Files { cer, key, p12, password_file }, daily).await
        }
        Sat::Auth { rfc } => auth(&house, screen, &rfc).await,
        Sat::Year { rfc, year, issued, received, both: _, detach, retry, family } => {
            let directions = directions(issued, received);
            years(&house, screen, &rfc, year, &Asking { directions, detach, retry, families: families(&family) }).await
        }
        Sat::Request(wish) => request::run(&house, screen, &wish).await,
        Sat::Plan(wish) => request::foresee(&house, screen, &wish).await,
        Sat::Verify { rfc } => pass(&house, screen, &rfc, handlers::VERIFY).await,
        Sat::Download { rfc } => pass(&house, screen, &rfc, handlers::FETCH).await,
        Sat::Import { rfc, packages } => by_hand(&house, screen, &rfc, &packages).await,
        Sat::Status { rfc, year } => show(&house, screen, rfc.as_deref(), year).await,
        Sat::Query(query) => books::query(&house, screen, &query).await,
        Sat::Export(export) => books::export(&house, screen, &export).await,
        Sat::Summary(summary) => books::summary(&house, screen, &summary).await,
        Sat::Report { rfc: Some(rfc), year: Some(year), family, format: Some(format), output, .. } => {
            books::report(&house, screen, &rfc, (families(&family)[0], year), &format, output.as_deref()).await
        }
        Sat::Report { rfc: Some(rfc), year: Some(year), family, .. } => {
            make_report(&house, screen, &rfc, year, families(&family)[0]).await
        }
        Sat::Check(_) | Sat::Efos { .. } | Sat::Certificates { .. } => Err(Failure::internal("a command that was taken before")),
        Sat::Report { .. } => Err(Failure::new(Code::Usage, "sat report --rfc RFC --year YEAR, or --check FILE")),
    }
}

fn directions(issued: bool, received: bool) -> Vec<Direction> {
    match (issued, received) {
        (true, _) => vec![Direction::Issued],
        (_, true) => vec![Direction::Received],
        _ => vec![Direction::Issued, Direction::Received],
    }
}

/// The services that a word of the command line names.
pub fn families(word: &str) -> Vec<Family> {
    Family::from_text(word).map_or_else(|| Family::ALL.to_vec(), |it| vec![it])
}

/// Where an e.firma lies.
struct Files {
    cer: Option<PathBuf>,
    key: Option<PathBuf>,
    p12: Option<PathBuf>,
    password_file: PathBuf,
}

async fn admit(house: &House, screen: &Screen, files: Files, daily: bool) -> Result<Exit, Failure> {
    let password = config::password(&files.password_file)?;
    let secret = |path: PathBuf| read(&path).map(Secret::new);
    let files = match (files.cer, files.key, files.p12) {
        (Some(cer), Some(key), None) => fedatario_vault::Files::Two { cer: secret(cer)?, key: secret(key)? },
        (None, None, Some(p12)) => fedatario_vault::Files::Pkcs12(secret(p12)?),
        _ => return Err(Failure::new(Code::Usage, "--cer FILE --key FILE, or --p12 FILE")),
    };
    let done = register::register(&house.app, &house.scope, Handed::new(files, password)).await?;
    let key = if done.changed { "cli-registered" } else { "cli-registered-already" };
    screen.say(
        key,
        &[
            ("rfc", done.rfc.clone()),
            ("name", done.name.clone()),
            ("number", done.number.clone()),
            ("until", done.not_after.clone()),
        ],
    );
    let mut result = json!(done);
    if daily {
        let set = schedule::put(house, &done.rfc, &Wish::daily()).await?;
        schedule::show(screen, &set, house.app.clock.service())?;
        result["schedule"] = schedule::view(&set, house.app.clock.service())?;
    }
    screen.result(&result);
    Ok(Exit::Good)
}

/// A file of a person, read whole within a bound.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
    if size > FILE_BYTES_AT_MOST {
        return Err(Failure::new(Code::Usage, format!("{}: {size} bytes are too many", path.display())));
    }
    std::fs::read(path).map_err(|error| Failure::file(path, &error))
}

async fn auth(house: &House, screen: &Screen, rfc: &str) -> Result<Exit, Failure> {
    let taxpayer = register::find_for_calls(&house.app, &house.scope, rfc).await?;
    let account = account(house, &taxpayer).await?;
    let expires = house.app.sat.login(&account).await.map_err(fedatario_app::AppError::from)?;
    screen.say("cli-authenticated", &[("rfc", rfc.to_owned()), ("until", expires.to_string())]);
    screen.result(&json!({ "rfc": rfc, "expires": expires.to_string(), "environment": taxpayer.environment }));
    Ok(Exit::Good)
}

async fn account(house: &House, taxpayer: &Taxpayer) -> Result<SatAccount, Failure> {
    let mut tx = house.app.store.read(&house.scope).await?;
    Ok(transition::account_of(tx.as_mut(), &house.scope, taxpayer, Family::Cfdi).await?)
}

/// How a year is asked for.
#[derive(Debug, Clone)]
struct Asking {
    directions: Vec<Direction>,
    families: Vec<Family>,
    detach: bool,
    retry: bool,
}

/// A year at each of the services that were asked for; one answer for one, a list for both.
async fn years(house: &House, screen: &Screen, rfc: &str, year: i16, asking: &Asking) -> Result<Exit, Failure> {
    let taxpayer = register::find_for_calls(&house.app, &house.scope, rfc).await?;
    account(house, &taxpayer).await?; // Without an e.firma that may be used nothing is planned.
    house.sat.sweep(&house.scope).await.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let (mut exit, mut results) = (Exit::Good, Vec::new());
    for family in &asking.families {
        let of = YearOf { taxpayer: taxpayer.id, family: *family, year };
        let (one, result) = whole_year(house, screen, &taxpayer, of, asking).await?;
        exit = if exit == Exit::Good { one } else { exit };
        results.push(result);
    }
    match results.as_slice() {
        [one] => screen.result(one),
        all => screen.result(&json!({ "rfc": rfc, "year": year, "families": all })),
    }
    Ok(exit)
}

async fn whole_year(
    house: &House,
    screen: &Screen,
    taxpayer: &Taxpayer,
    of: YearOf,
    asking: &Asking,
) -> Result<(Exit, Value), Failure> {
    let plan = plan::year(&house.app, &house.scope, of, &asking.directions, asking.retry).await?;
    tell_plan(screen, &plan);
    if let (true, Some((window, slug))) = (plan.planned.is_empty() && plan.held.is_empty(), plan.refused.first()) {
        // Nothing of the year may be asked: the rule that says so is the answer.
        return Err(Failure::new(Code::from_slug(slug).unwrap_or(Code::Usage), window.clone()));
    }
    let (rfc, year, family) = (&taxpayer.tax_id, of.year, of.family);
    if asking.detach {
        let result =
            json!({ "rfc": rfc, "year": year, "family": family, "planned": plan.planned, "held": plan.held, "detached": true });
        return Ok((Exit::Good, result));
    }
    let status = year::to_its_end(house, screen, taxpayer, of).await?;
    if Stop::listen(screen)?.is_asked() {
        screen.say("cli-interrupted", &[]);
    }
    let made = report::make(&house.app, &house.scope, taxpayer, of.family, of.year).await?;
    tell_year(screen, &status, &made);
    let mut summary = summary(&status, &made);
    summary["rfc"] = json!(rfc);
    summary["year"] = json!(year);
    summary["family"] = json!(family);
    summary["planned"] = json!(plan.planned.len());
    summary["held"] = json!(plan.held);
    summary["refused"] = json!(plan.refused);
    Ok((year::exit_of(&status, &made), summary))
}

fn tell_plan(screen: &Screen, plan: &plan::Plan) {
    screen.say("cli-planned", &[("planned", plan.planned.len().to_string()), ("held", plan.held.len().to_string())]);
    plan.held.iter().for_each(|it| tell_held(screen, it));
    for (window, code) in &plan.refused {
        screen.print(&format!("  {window}: {}", screen.text(code, &[])));
    }
}

/// Says which request holds a window.
pub fn tell_held(screen: &Screen, held: &plan::Held) {
    let (direction, content) = (screen.word("direction", held.direction.text()), screen.word("content", held.content.text()));
    let arguments = [
        ("window", format!("{direction} {content} {}/{}", held.from, held.to)),
        ("id", held.held_by.clone()),
        ("state", screen.state(held.state)),
        ("left", held.variants_left.to_string()),
    ];
    screen.say("cli-held", &arguments);
}

/// Says how a year stands.
pub fn tell_year(screen: &Screen, status: &status::YearStatus, made: &report::Made) {
    screen.say("cli-states", &[("states", year::states(screen, status))]);
    let arguments = [
        ("cfdi", status.counts.cfdi.to_string()),
        ("metadata", status.counts.metadata.to_string()),
        ("missing", made.totals.missing.to_string()),
        ("apart", made.totals.not_delivered.to_string()),
        ("path", made.path.clone()),
    ];
    screen.say("cli-report", &arguments);
    if !made.complete {
        screen.say("cli-incomplete", &[("windows", made.unsettled.to_string())]);
    }
}

/// The numbers of a year for programs.
pub fn summary(status: &status::YearStatus, made: &report::Made) -> Value {
    let packages: Vec<_> = status.solicitudes.iter().flat_map(|(_, packages)| packages).collect();
    json!({
        "requests": status.solicitudes.iter().filter(|(s, _)| s.authority_id.is_some()).count(),
        "packages": packages.iter().filter(|it| it.sha256.is_some()).count(),
        "lost_packages": packages.iter().filter(|it| it.state == PackageState::Lost).count(),
        "uncertain": status.solicitudes.iter().filter(|(s, _)| s.state == SolicitudState::Uncertain).count(),
        "cfdi": status.counts.cfdi,
        "metadata": status.counts.metadata,
        "quarantined": status.counts.quarantined,
        "missing": made.totals.missing,
        "complete": made.complete,
        "unsettled": made.unsettled,
        "rejected": status.solicitudes.iter().filter(|(s, _)| s.state == SolicitudState::Rejected).count(),
        "not_delivered": made.totals.not_delivered,
        "open": status.open(),
        "blocked": status.blocked(),
        "report": made.path,
    })
}

/// Does once what is due of one kind for a taxpayer: all that wait are made due.
async fn pass(house: &House, screen: &Screen, rfc: &str, kind: &'static str) -> Result<Exit, Failure> {
    let taxpayer = register::find_for_calls(&house.app, &house.scope, rfc).await?;
    let done = one_pass(house, &taxpayer, kind).await?;
    let status = status::year(&house.app, &house.scope, &taxpayer, None).await?;
    screen.say("cli-pass", &[("done", done.to_string()), ("states", year::states(screen, &status))]);
    let rows: Vec<Value> = status.solicitudes.iter().map(|(s, packages)| status::record(s, packages)).collect();
    screen.result(&json!({ "rfc": rfc, "done": done, "open": status.open(), "solicitudes": rows }));
    Ok(if status.open() == 0 { Exit::Good } else { Exit::Later })
}

async fn one_pass(house: &House, taxpayer: &Taxpayer, kind: &'static str) -> Result<u64, Failure> {
    let status = status::year(&house.app, &house.scope, taxpayer, None).await?;
    let runs: std::collections::BTreeSet<String> = status.solicitudes.iter().map(|(s, _)| s.run.clone()).collect();
    let mut done = 0;
    for run in runs {
        let filter = ClaimFilter { run: Some(run), tenant: Some(house.scope.tenant()), kinds: vec![kind] };
        done += house.worker().pass(filter).await?;
    }
    Ok(done)
}

async fn by_hand(house: &House, screen: &Screen, rfc: &str, packages: &[PathBuf]) -> Result<Exit, Failure> {
    let mut tally = Tally::default();
    let mut refused: Vec<Value> = Vec::new();
    let bar = screen.progress(packages.len() as u64);
    for package in packages {
        match import::by_hand(&house.app, &house.scope, rfc, package).await {
            Ok(more) => tally += more,
            Err(error) if matches!(error.code().exit(), Exit::Usage) && packages.len() > 1 => {
                refused.push(
                    json!({ "package": package.display().to_string(), "code": error.code().slug(), "detail": error.to_string() }),
                );
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let fields = [("files", tally.files), ("cfdi", tally.cfdi), ("metadata", tally.metadata), ("duplicates", tally.duplicates)];
    let more = [("quarantined", tally.quarantined), ("foreign", tally.foreign), ("ignored", tally.ignored)];
    let arguments: Vec<(&str, String)> = fields.iter().chain(&more).map(|(name, n)| (*name, n.to_string())).collect();
    screen.say("cli-imported", &arguments);
    for it in &refused {
        screen.print(&format!("{}: {} {}", it["package"], it["code"], it["detail"]));
    }
    let mut result = json!(tally);
    result["refused"] = json!(refused);
    screen.result(&result);
    let clean = refused.is_empty() && tally.quarantined == 0;
    Ok(if clean { Exit::Good } else { Exit::Finding })
}

async fn show(house: &House, screen: &Screen, rfc: Option<&str>, of: Option<i16>) -> Result<Exit, Failure> {
    let taxpayers = match rfc {
        Some(rfc) => vec![register::find(&house.app, &house.scope, rfc).await?],
        None => house.app.store.read(&house.scope).await?.taxpayers(None, 1_000).await?,
    };
    let mut all = Vec::new();
    for taxpayer in &taxpayers {
        all.push(one_status(house, screen, taxpayer, of).await?);
    }
    screen.result(&json!({ "taxpayers": all }));
    Ok(Exit::Good)
}

async fn one_status(house: &House, screen: &Screen, taxpayer: &Taxpayer, of: Option<i16>) -> Result<Value, Failure> {
    let status = status::year(&house.app, &house.scope, taxpayer, of).await?;
    screen.print(&format!("{} {} [{}]", taxpayer.tax_id, taxpayer.name, taxpayer.environment));
    for (s, packages) in &status.solicitudes {
        tell_request(screen, s, packages.len());
    }
    for job in &status.dead_jobs {
        let arguments = [("id", job.id.to_string()), ("kind", job.kind.clone()), ("why", job.error.clone().unwrap_or_default())];
        screen.say("cli-dead-job", &arguments);
    }
    if status.counts.cancelled_late > 0 {
        screen.say("cli-cancelled-late", &[("count", status.counts.cancelled_late.to_string())]);
    }
    for it in &status.cancelled_late {
        let when = it.cancelled_at.as_deref().unwrap_or("-");
        screen.print(&format!("  {} {when} {} → {} {} ({:.0})", it.uuid, it.issuer, it.receiver, it.amount, it.noticed_at));
    }
    let counts = [
        ("cfdi", status.counts.cfdi),
        ("metadata", status.counts.metadata),
        ("foreign", status.counts.foreign),
        ("quarantined", status.counts.quarantined),
        ("retenciones", status.counts.retenciones),
        ("third", status.counts.third_party),
    ];
    let arguments: Vec<(&str, String)> = counts.iter().map(|(name, n)| (*name, n.to_string())).collect();
    screen.say("cli-counts", &arguments);
    let rows: Vec<Value> = status.solicitudes.iter().map(|(s, packages)| status::record(s, packages)).collect();
    Ok(json!({
        "rfc": taxpayer.tax_id, "name": taxpayer.name, "environment": taxpayer.environment,
        "cfdi": status.counts.cfdi, "metadata": status.counts.metadata, "foreign": status.counts.foreign,
        "quarantined": status.counts.quarantined, "open": status.open(), "blocked": status.blocked(),
        "open_jobs": status.open_jobs, "solicitudes": rows,
        "retenciones": { "cfdi": status.counts.retenciones, "metadata": status.counts.retenciones_metadata },
        "third_party": status.counts.third_party,
        "cancelled_late": { "count": status.counts.cancelled_late, "last": status.cancelled_late },
        "dead_jobs": status.dead_jobs.iter().map(super::jobs::view).collect::<Vec<_>>(),
    }))
}

/// Says how one request stands.
pub fn tell_request(screen: &Screen, s: &Solicitud, packages: usize) {
    screen.print(&row(screen, s, packages));
    if let Some(problem) = &s.problem {
        screen.print(&format!("      {problem}"));
    }
    if let Some(words) = explanation(screen, s) {
        screen.print(&format!("      {words}"));
    }
}

fn row(screen: &Screen, s: &Solicitud, packages: usize) -> String {
    let id = s.authority_id.as_deref().unwrap_or("-");
    let next = s.next_check.map(|it| format!(" → {it:.0}")).unwrap_or_default();
    let variant = if s.k > 0 { format!(" k={}", s.k) } else { String::new() };
    let state = screen.state(s.state);
    let family = if s.family == Family::Cfdi { String::new() } else { format!("{} ", s.family) };
    if let Some(folio) = &s.filters.folio {
        return format!("  {family}folio {folio} {state:12} {packages} {id}{next}");
    }
    let (direction, content) = (screen.word("direction", s.direction.text()), screen.word("content", s.content.text()));
    let filters = transition::filters_text(&s.filters);
    let filters = if filters.is_empty() { filters } else { format!(" [{filters}]") };
    format!("  {family}{direction:9} {content:9} {}/{}{variant}{filters} {state:12} {packages} {id}{next}", s.from, s.to)
}

/// SAT's code and words, our explanation, and who must act: for what did not go as it should.
fn explanation(screen: &Screen, s: &Solicitud) -> Option<String> {
    use SolicitudState::*;
    if !matches!(s.state, Rejected | Blocked | Uncertain | Expired | Failed | TooLarge | Stuck) {
        return None;
    }
    Some(status::explain(s, screen.language()))
}

async fn make_report(house: &House, screen: &Screen, rfc: &str, year: i16, family: Family) -> Result<Exit, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    let made = report::make(&house.app, &house.scope, &taxpayer, family, year).await?;
    let of = YearOf { taxpayer: taxpayer.id, family, year };
    let status = status::year(&house.app, &house.scope, &taxpayer, Some(year)).await?.only(|it| of.holds(it));
    tell_year(screen, &status, &made);
    let mut result = summary(&status, &made);
    result["sha256"] = json!(made.sha256);
    screen.result(&result);
    Ok(if made.complete { Exit::Good } else { Exit::Finding })
}
