//! `sat check`, `sat efos …`, `sat certificates …`: which documents are what they say.
//!
//! A taxpayer's documents are looked at in their folder, each finding a line of NDJSON; files given
//! by hand need no account and no folder, though a folder that is there lends its certificates.
//! Anything found, and anything that could not be looked at, is exit 1.

use super::pipe;
use crate::cli::{Certificates as CertificatesCommand, Check, Efos, Globals};
use crate::failure::Failure;
use crate::files::Draft;
use crate::house::{House, Opening, Premises};
use crate::present::Screen;
use crate::wiring;
use fedatario_app::descarga::register;
use fedatario_app::revision::certificates::Certificates;
use fedatario_app::revision::model::Verdict;
use fedatario_app::revision::ports::Registry;
use fedatario_app::revision::verdict::{Bench, Judged};
use fedatario_app::revision::{Asked, Parts, Revision, lists};
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_credentials::Certificate;
use fedatario_fiscal::mx::cadena;
use fedatario_fiscal::mx::tree::MAX_DOCUMENT_BYTES;
use fedatario_fiscal::mx::uuid::FiscalUuid;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Rows of the list shown at once.
const PAGE: u32 = 1_000;

/// `sat check`.
pub async fn check(globals: &Globals, arguments: Check, screen: &Screen) -> Result<Exit, Failure> {
    match (&arguments.rfc, arguments.files.is_empty()) {
        (Some(rfc), true) => of_taxpayer(globals, &arguments, rfc, screen).await,
        (None, false) => by_hand(globals, &arguments, screen).await,
        _ => Err(Failure::new(Code::Usage, "sat check --rfc RFC, or sat check FILE…")),
    }
}

/// Where findings go: a file, or standard output for programs, or lines for people.
struct Findings<'a> {
    screen: &'a Screen,
    file: Option<(Draft, PathBuf)>,
    broken: Option<std::io::Error>,
}

impl<'a> Findings<'a> {
    fn new(screen: &'a Screen, output: Option<&PathBuf>) -> Result<Self, Failure> {
        let open = |path: &PathBuf| Draft::common(path).map(|it| (it, path.clone())).map_err(|error| Failure::file(path, &error));
        Ok(Self { screen, file: output.map(open).transpose()?, broken: None })
    }

    fn tell(&mut self, finding: &Value) {
        match &mut self.file {
            Some((file, _)) if self.broken.is_none() => self.broken = writeln!(file, "{finding}").err(),
            Some(_) => {}
            None => {
                self.screen.result(finding);
                self.screen.print(&said(self.screen, finding));
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        let Some((file, path)) = self.file else { return Ok(()) };
        let done = self.broken.map_or_else(|| file.publish(), Err);
        done.map_err(|error| Failure::file(&path, &error))
    }
}

/// A finding as people read it.
fn said(screen: &Screen, it: &Value) -> String {
    let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
    if it["finding"] == "listed" {
        let arguments = [
            ("rfc", text("rfc")),
            ("name", text("name")),
            ("situation", text("situation")),
            ("role", text("role")),
            ("documents", it["documents"].to_string()),
        ];
        return screen.text("cli-check-listed", &arguments);
    }
    let verdict = screen.text(&format!("cli-verdict-{}", text("verdict")), &[]);
    let reason = match text("reason") {
        none if none.is_empty() => String::new(),
        reason => screen.text(&format!("cli-reason-{}", reason.replace('_', "-")), &[]),
    };
    let subject = [text("uuid"), text("file")].join(" ");
    format!("{}  {verdict}  {}  {}  {reason}", subject.trim(), text("issuer"), text("total")).replace("    ", "  ")
}

async fn of_taxpayer(globals: &Globals, arguments: &Check, rfc: &str, screen: &Screen) -> Result<Exit, Failure> {
    let asked = asked(arguments)?;
    let house = House::open(globals, Opening::existing()).await?;
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    let revision = house.revision(arguments.stale_days)?;
    let certificates = authorities_and_others(&arguments.certificates)?;
    revision.load_certificates(&house.scope, &certificates).await?;
    let counts = house.app.store.read(&house.scope).await?.document_counts(taxpayer.id).await?;
    let bar = screen.progress(counts.cfdi);
    let findings = Mutex::new(Findings::new(screen, arguments.output.as_ref())?);
    let mut listener = |finding: &Value| {
        if let Ok(mut findings) = findings.lock() {
            bar.suspend(|| findings.tell(finding));
        }
    };
    let outcome = revision.revise(&house.scope, &taxpayer, &asked, &mut listener, &|count| bar.inc(count)).await?;
    bar.finish_and_clear();
    findings.into_inner().map_err(|_| Failure::internal("findings were lost"))?.finish()?;
    tell(screen, &outcome.summary);
    screen.result(&outcome.summary);
    Ok(match (outcome.anything, outcome.later) {
        (true, _) => Exit::Finding,
        (false, true) => Exit::Later,
        (false, false) => Exit::Good,
    })
}

fn asked(it: &Check) -> Result<Asked, Failure> {
    let none = !it.seals && !it.status && !it.efos;
    let (from, to) = match it.year {
        Some(year) => (Some(day(year, 1, 1)?), Some(day(year, 12, 31)?)),
        None => (it.from, it.to),
    };
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Failure::new(Code::WindowOrder, "--from lies after --to"));
    }
    for uuid in &it.uuids {
        uuid.trim().parse::<FiscalUuid>().map_err(|error| Failure::new(Code::Usage, format!("{uuid}: {error}")))?;
    }
    Ok(Asked {
        from,
        to,
        uuids: it.uuids.clone(),
        parts: Parts { seals: none || it.seals, status: none || it.status, efos: none || it.efos },
        status_of_all: it.status || !it.uuids.is_empty(),
        fetch_certificates: it.fetch_certificates,
        again: it.again,
    })
}

fn day(year: i16, month: i8, day: i8) -> Result<Date, Failure> {
    Date::new(year, month, day).map_err(|error| Failure::new(Code::Usage, error.to_string()))
}

/// The summary as people read it.
fn tell(screen: &Screen, summary: &Value) {
    let count = |path: &str| summary.pointer(path).and_then(Value::as_u64).unwrap_or_default().to_string();
    if summary.get("seals").is_some() {
        let arguments = [
            ("documents", count("/documents")),
            ("good", count("/seals/verdicts/good")),
            ("judged", count("/seals/judged")),
            ("known", count("/seals/known")),
            ("unchecked", count("/seals/unchecked")),
        ];
        screen.say("cli-check-seals", &arguments);
        if summary["trust"] == "not_checked" {
            screen.say("cli-check-no-trust", &[]);
        }
    }
    if let Some(status) = summary.get("status") {
        let arguments =
            [("asked", count("/status/asked")), ("known", count("/status/known")), ("unanswered", count("/status/unanswered"))];
        screen.say("cli-check-status", &arguments);
        if let Some(cut) = status["cut"].as_str() {
            screen.say("cli-check-cut", &[("why", screen.text(cut, &[]))]);
        }
    }
    if summary.get("list").is_some_and(Value::is_null) {
        screen.say("cli-check-no-list", &[]);
    }
    let arguments = [
        ("forged", count("/findings/forged")),
        ("altered", count("/findings/altered")),
        ("cancelled", count("/findings/cancelled")),
        ("unverifiable", count("/findings/unverifiable")),
        ("listed", count("/findings/listed")),
    ];
    screen.say("cli-check-findings", &arguments);
}

/// What lends certificates to documents judged by hand: a folder, or nothing but what was given.
struct Lent {
    folder: Option<(Premises, Revision)>,
    certificates: Certificates,
}

async fn by_hand(globals: &Globals, arguments: &Check, screen: &Screen) -> Result<Exit, Failure> {
    let given = authorities_and_others(&arguments.certificates)?;
    let lent = lent(globals, arguments, &given).await?;
    let mut findings = Findings::new(screen, arguments.output.as_ref())?;
    let mut counts: BTreeMap<Verdict, u64> = BTreeMap::new();
    for file in &arguments.files {
        let bytes = pipe::read(file, MAX_DOCUMENT_BYTES)?;
        let judged = lent.judge(&bytes, arguments.fetch_certificates).await?;
        *counts.entry(judged.verdict).or_default() += 1;
        findings.tell(&of_file(file, &bytes, &judged));
    }
    findings.finish()?;
    let good = counts.get(&Verdict::Good).copied().unwrap_or_default();
    let files = arguments.files.len() as u64;
    let verdicts: BTreeMap<&str, u64> = counts.iter().map(|(verdict, count)| (verdict.text(), *count)).collect();
    let trust = if lent.has_authorities()? { "checked" } else { "not_checked" };
    screen.say("cli-check-files", &[("files", files.to_string()), ("good", good.to_string())]);
    if trust == "not_checked" {
        screen.say("cli-check-no-trust", &[]);
    }
    screen.result(&json!({ "files": files, "verdicts": verdicts, "trust": trust }));
    Ok(if good == files { Exit::Good } else { Exit::Finding })
}

async fn lent(globals: &Globals, arguments: &Check, given: &[Certificate]) -> Result<Lent, Failure> {
    let certificates = Certificates::default();
    lists::remember(&certificates, given);
    if arguments.fetch_certificates || Premises::exist(globals)? {
        let opening = if arguments.fetch_certificates { Opening::making() } else { Opening::existing() };
        let premises = Premises::open(globals, opening).await?;
        let revision = premises.revision(None)?;
        lists::remember(&revision.certificates, given);
        return Ok(Lent { folder: Some((premises, revision)), certificates });
    }
    Ok(Lent { folder: None, certificates })
}

impl Lent {
    async fn judge(&self, bytes: &[u8], fetch: bool) -> Result<Judged, Failure> {
        if let Some((premises, revision)) = &self.folder {
            return Ok(revision.judge_alone(premises.app.settings.environment, bytes, fetch).await?);
        }
        let authorities = wiring::authorities()?;
        Ok(Bench { certificates: &self.certificates, authorities: &authorities }.judge(&cadena::read_bytes(bytes)))
    }

    fn has_authorities(&self) -> Result<bool, Failure> {
        match &self.folder {
            Some((_, revision)) => Ok(!revision.authorities.is_empty()),
            None => Ok(!wiring::authorities()?.is_empty()),
        }
    }
}

fn of_file(file: &Path, bytes: &[u8], judged: &Judged) -> Value {
    let mut told = json!({
        "finding": "file", "file": file.display().to_string(), "verdict": judged.verdict, "reason": judged.reason, "also": judged.also,
        "trust": judged.trust,
    });
    if let Ok(seals) = cadena::read_bytes(bytes) {
        told["issuer"] = json!(seals.emisor);
        told["certificate"] = json!(seals.no_certificado);
        told["unknown_complements"] = json!(seals.unknown);
        if let Some(stamp) = seals.stamp {
            told["uuid"] = json!(stamp.uuid.to_lowercase());
            told["stamp_certificate"] = json!(stamp.no_certificado_sat);
        }
    }
    told
}

/// Certificates of files and folders.
fn authorities_and_others(paths: &[PathBuf]) -> Result<Vec<Certificate>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(wiring::certificates_in(path)?);
    }
    Ok(all)
}

/// `sat certificates …`.
pub async fn certificates(globals: &Globals, command: CertificatesCommand, screen: &Screen) -> Result<Exit, Failure> {
    let CertificatesCommand::Load { files } = command;
    let given = authorities_and_others(&files)?;
    let house = House::open(globals, Opening::making()).await?;
    let revision = house.revision(None)?;
    let new = revision.load_certificates(&house.scope, &given).await?;
    let all = revision.registry.count_certificates(&revision.hands).await?;
    let arguments = [("given", given.len().to_string()), ("new", new.to_string()), ("all", all.to_string())];
    screen.say("cli-certificates-loaded", &arguments);
    screen.result(&json!({ "given": given.len(), "new": new, "all": all }));
    Ok(Exit::Good)
}

/// `sat efos …`.
pub async fn efos(globals: &Globals, command: Efos, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Efos::Load { source } => load(globals, source.as_deref(), screen).await,
        Efos::List { rfc } => list(globals, rfc.as_deref(), screen).await,
    }
}

async fn load(globals: &Globals, source: Option<&str>, screen: &Screen) -> Result<Exit, Failure> {
    let file =
        source.filter(|it| !it.contains("://")).map(|it| File::open(it).map_err(|error| Failure::file(Path::new(it), &error)));
    let file = file.transpose()?;
    let house = House::open(globals, Opening::making()).await?;
    let revision = house.revision(None)?;
    let loaded = match file {
        Some(file) => revision.load_list(&house.scope, source.unwrap_or_default(), file).await?,
        None => revision.load_list_from(&house.scope, house.app.settings.environment, source).await?,
    };
    let list = &loaded.list;
    let arguments = [("rows", list.rows.to_string()), ("dated", day_of(&list.dated)), ("source", list.source.clone())];
    screen.say(if loaded.same { "cli-efos-same" } else { "cli-efos-loaded" }, &arguments);
    screen.result(&json!({
        "rows": list.rows, "dated": list.dated, "source": list.source, "passed_over": loaded.passed_over, "same": loaded.same,
        "loaded": list.loaded.to_string(),
    }));
    Ok(Exit::Good)
}

/// The day as of which a list speaks, when it says so.
fn day_of(dated: &str) -> String {
    if dated.is_empty() { "-".to_owned() } else { dated.to_owned() }
}

async fn list(globals: &Globals, rfc: Option<&str>, screen: &Screen) -> Result<Exit, Failure> {
    let premises = Premises::open(globals, Opening::existing()).await?;
    let Some(current) = premises.db.current_list(&premises.hands).await? else {
        return Err(Failure::new(Code::NotFound, "no list was loaded").saying("cli-efos-none"));
    };
    let (mut shown, mut after): (u64, Option<(String, u64)>) = (0, None);
    loop {
        let place = after.as_ref().map(|(rfc, seq)| (rfc.as_str(), *seq));
        let page = premises.db.listed(&premises.hands, rfc, place, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.rfc.clone(), last.seq));
        for it in &page {
            shown += 1;
            screen.print(&format!("{:13}  {:20}  {}", it.rfc, it.situation, it.name));
            screen.result(&json!({ "rfc": it.rfc, "situation": it.situation, "name": it.name }));
        }
    }
    let arguments = [("rows", shown.to_string()), ("dated", day_of(&current.dated)), ("source", current.source.clone())];
    screen.say("cli-efos-listed", &arguments);
    screen.result(&json!({ "shown": shown, "rows": current.rows, "dated": current.dated, "source": current.source }));
    Ok(Exit::Good)
}
