//! `demo`: the whole way in one command, against a sandbox in the same process.
//!
//! Everything lies in one folder that the demo made; run again it changes nothing. The sandbox
//! keeps its own books in its own file, as another party would.

use super::{sandbox, sat, serve, year};
use crate::cli::{Demo, Globals};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use crate::signals::Stop;
use crate::wiring::SAT_URL_SETTING;
use crate::{claim, config, files};
use fedatario_app::certificates::{Files, Handed};
use fedatario_app::descarga::{plan, register, report};
use fedatario_app::model::{Direction, Family, Taxpayer};
use fedatario_app::ports::System;
use fedatario_base::Secret;
use fedatario_base::clock::SystemClock;
use fedatario_base::code::Exit;
use fedatario_base::{Clock, Code};
use fedatario_sandbox::sat::{Corpus, Sandbox, SatConfig, StatePath};
use include_dir::{Dir, include_dir};
use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Whose documents the authored set holds.
pub const DEMO_RFC: &str = "EKU9003173C9";
/// Its name on a minted certificate.
pub const DEMO_NAME: &str = "ESCUELA KEMPER URGATE SA DE CV";
/// The year that a generated set is of when nobody says.
pub const DEMO_YEAR: i16 = 2025;

/// The folder of the sandbox in it.
const SANDBOX: &str = "sandbox";

static EXAMPLES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../examples/cfdi");

/// The sandbox beside the house, and what it is filled with.
struct Stage {
    sandbox: Arc<Sandbox>,
    url: String,
    rfc: String,
    year: i16,
    offset: SignedDuration,
}

/// Runs the demo.
pub async fn run(globals: &Globals, demo: Demo, screen: &Screen) -> Result<Exit, Failure> {
    let began = Instant::now();
    let stop = Stop::listen(screen)?;
    let dir = config::data(globals, "fedatario-demo")?;
    claim::folder(&dir)?;
    let stage = stage(&dir, &demo).await?;
    screen.say(
        "cli-demo-begin",
        &[
            ("rfc", stage.rfc.clone()),
            ("year", stage.year.to_string()),
            ("url", stage.url.clone()),
            ("dir", dir.display().to_string()),
        ],
    );
    let house = House::open_at(&dir, globals.tenant(), Opening::demo(&stage.url, stage.offset)).await?;
    house.db.set_setting(&house.hands, SAT_URL_SETTING, &stage.url).await?;
    let taxpayer = admit(&house, &stage, screen).await?;
    house.sat.sweep(&house.scope).await.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let exit = whole_year(&house, &stage, &taxpayer, screen, began, &stop).await?;
    if !demo.once && !stop.is_asked() {
        screen.say("cli-demo-serving", &[("url", stage.url.clone()), ("dir", dir.display().to_string())]);
        serve::until_told(&house, &stop).await;
    }
    Ok(exit)
}

async fn stage(dir: &Path, demo: &Demo) -> Result<Stage, Failure> {
    files::private_dir(&dir.join(SANDBOX))?;
    let corpus = corpus(dir, demo)?;
    for skipped in corpus.skipped() {
        eprintln!("{}: {}", skipped.file, skipped.reason);
    }
    let majority = corpus.majority().unwrap_or((DEMO_RFC.to_owned(), DEMO_YEAR));
    let (rfc, year) = (demo.rfc.clone().unwrap_or(majority.0), demo.year.unwrap_or(majority.1));
    let offset = offset_to(year)?;
    let config = SatConfig {
        state: StatePath::File(dir.join(SANDBOX).join("sat.journal")),
        corpus,
        clock_offset: offset,
        ..SatConfig::default()
    };
    let sandbox = Sandbox::new(config).map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| Failure::internal(error.to_string()))?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?);
    let note = dir.join(SANDBOX).join("url");
    std::fs::write(&note, format!("{url}\n")).map_err(|error| Failure::file(&note, &error))?;
    tokio::spawn(fedatario_sandbox::sat::serve(listener, sandbox.clone()));
    Ok(Stage { sandbox, url, rfc, year, offset })
}

/// The folder of the argument, a generated set, or the authored one, written out to be looked at.
fn corpus(dir: &Path, demo: &Demo) -> Result<Corpus, Failure> {
    if let Some(count) = demo.generate {
        let rfc = demo.rfc.as_deref().unwrap_or(DEMO_RFC);
        return sandbox::generate(count, demo.seed, rfc, demo.year.unwrap_or(DEMO_YEAR), sandbox::seals(&demo.seals));
    }
    let folder = match &demo.cfdi {
        Some(folder) => folder.clone(),
        None => {
            let folder = dir.join(SANDBOX).join("cfdi");
            std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
            EXAMPLES.extract(&folder).map_err(|error| Failure::file(&folder, &error))?;
            folder
        }
    };
    Corpus::from_dir(&folder).map_err(|error| Failure::new(error.code(), error.to_string()))
}

/// How far ahead noon of 15 January after the year is; never back.
fn offset_to(year: i16) -> Result<SignedDuration, Failure> {
    let target = date(year.saturating_add(1), 1, 15).at(12, 0, 0, 0).in_tz("America/Mexico_City");
    let target = target.map_err(|error| Failure::new(Code::Usage, format!("{year}: {error}")))?;
    let ahead = target.timestamp().duration_since(SystemClock::default().wall());
    Ok(ahead.max(SignedDuration::ZERO))
}

/// Registers the taxpayer with an e.firma of the sandbox's own authority, once.
async fn admit(house: &House, stage: &Stage, screen: &Screen) -> Result<Taxpayer, Failure> {
    if let Ok(found) = register::find_for_calls(&house.app, &house.scope, &stage.rfc).await {
        return Ok(found);
    }
    let minted = stage.sandbox.mint_fiel(&stage.rfc, DEMO_NAME).map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let files = Files::Two { cer: Secret::new(minted.cer), key: Secret::new(minted.key) };
    let done = register::register(&house.app, &house.scope, Handed::new(files, minted.password)).await?;
    screen.say(
        "cli-registered",
        &[
            ("rfc", done.rfc.clone()),
            ("name", done.name.clone()),
            ("number", done.number.clone()),
            ("until", done.not_after.clone()),
        ],
    );
    Ok(register::find_for_calls(&house.app, &house.scope, &stage.rfc).await?)
}

async fn whole_year(
    house: &House,
    stage: &Stage,
    taxpayer: &Taxpayer,
    screen: &Screen,
    began: Instant,
    stop: &Stop,
) -> Result<Exit, Failure> {
    let of = plan::YearOf { taxpayer: taxpayer.id, family: Family::Cfdi, year: stage.year };
    let plan = plan::year(&house.app, &house.scope, of, Direction::ALL, false).await?;
    screen.say("cli-planned", &[("planned", plan.planned.len().to_string()), ("held", plan.held.len().to_string())]);
    let status = year::to_its_end(house, screen, taxpayer, of).await?;
    if stop.is_asked() {
        screen.say("cli-interrupted", &[]);
        screen.result(&json!({ "rfc": stage.rfc, "year": stage.year, "open": status.open(), "interrupted": true }));
        return Ok(Exit::Later);
    }
    let made = report::make(&house.app, &house.scope, taxpayer, of.family, of.year).await?;
    sat::tell_year(screen, &status, &made);
    screen.say("cli-demo-lies", &[("objects", house.objects.place(""))]);
    let mut summary = sat::summary(&status, &made);
    let counts = stage.sandbox.counts();
    summary["rfc"] = json!(stage.rfc);
    summary["year"] = json!(stage.year);
    summary["elapsed_ms"] = json!(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    summary["report"] = json!(house.objects.place(&made.path));
    summary["authority"] = json!({
        "requests": counts.requests,
        "downloads": counts.downloads,
        "most_downloads_of_one_package": counts.most_downloads_of_one_package,
        "refused": counts.refused,
    });
    screen.result(&summary);
    Ok(year::exit_of(&status, &made))
}
