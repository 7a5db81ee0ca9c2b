//! Certificates by the thousand: from an upload to the first signature, a page of a list, a look for those
//! whose end is near. Each over one folder with SQLite, every commit synced.

use anyhow::Context;
use fedatario_api::routes::certificate_views::ListedView;
use fedatario_app::certificates::{self, Asked, Files, Handed, Place};
use fedatario_app::expiry;
use fedatario_app::model::*;
use fedatario_app::signing::{self, Wish};
use fedatario_base::Secret;
use fedatario_base::id::{CredentialId, TaxpayerId};
use fedatario_benches::house::House;
use fedatario_benches::{Bench, Goal, Row, Table};
use fedatario_credentials::Kind;
use fedatario_credentials::mint::{Authority, Minted, Sealer, Subject};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Certificates that there are; a hundredth with `--small`.
const CERTIFICATES: usize = 10_000;
/// How often each thing is measured.
const ROUNDS: usize = 50;
/// Derivations that the archive asks for.
const ITERATIONS: &str = "10000";
/// Days that the certificates are valid yet: within the first notice of their end.
const DAYS: i32 = 80;
/// Rows of a page.
const PAGE: u32 = 50;
const RFC: &str = "EKU9003173C9";
const PASSWORD: &str = "12345678a";

fn main() -> anyhow::Result<()> {
    Bench::start(|name, _| anyhow::bail!("no part {name}"), |bench| tokio::runtime::Runtime::new()?.block_on(run(bench)))
}

async fn run(bench: &Bench) -> anyhow::Result<()> {
    let house = House::open_with(&bench.scratch.join("house"), None, None).await?;
    let now = house.app.clock.wall();
    let authority = Authority::generate("AC DE PRUEBA", now)?;
    let mut table = Table::default();
    let usable = upload(&house, &authority, &bench.scratch).await?;
    let what = format!("from an upload to a signature with it, PKCS#12 of {ITERATIONS} iterations, median ms");
    table.push(Row::figure(what, ms(median(usable)), Goal::AtMost(300.0)));
    let many = if bench.small { CERTIFICATES / 100 } else { CERTIFICATES };
    fill(&house, &authority, many, now).await?;
    let pages = pages(&house).await?;
    table.push(Row::figure(
        format!("a page of {PAGE} among {many} certificates, slowest of {ROUNDS}, ms"),
        ms(pages),
        Goal::AtMost(20.0),
    ));
    let began = Instant::now();
    let swept = expiry::sweep(&house.app, &house.scope).await?;
    let took = began.elapsed();
    anyhow::ensure!(swept.noticed == many as u64 + 1, "{swept:?}");
    table.push(Row::figure(format!("a look at {many} certificates, all near their end, ms"), ms(took), Goal::AtMost(2_000.0)));
    let began = Instant::now();
    let again = expiry::sweep(&house.app, &house.scope).await?;
    anyhow::ensure!(again.noticed == 0, "{again:?}");
    table.push(Row::figure("… the day after, when all were told, ms", ms(began.elapsed()), Goal::AtMost(2_000.0)));
    print!("{table}");
    Ok(())
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

/// Time from handing the archive in to the first document signed with it, again and again, each with another
/// certificate.
async fn upload(house: &House, authority: &Authority, dir: &Path) -> anyhow::Result<Vec<Duration>> {
    let key = Sealer::generate()?;
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let minted = minted(authority, &key, RFC, round, house.app.clock.wall())?;
        let archive = archive(&minted, dir)?;
        let asked = Asked {
            handed: Handed::new(Files::Pkcs12(Secret::new(archive)), Secret::new(PASSWORD)),
            name: None,
            place: Place::Registered,
            tax_id: None,
            activate: None,
            delegated: false,
        };
        let began = Instant::now();
        let done = certificates::upload(&house.app, &house.scope, asked).await?;
        let taxpayer = done.row.owner.taxpayer();
        let wish = Wish { taxpayer, kind: signing::Kind::Plain, is_stepped_up: true };
        signing::sign(&house.app, &house.scope, wish, b"<contrato/>").await?;
        all.push(began.elapsed());
    }
    Ok(all)
}

fn minted(authority: &Authority, key: &Sealer, rfc: &str, number: usize, now: Timestamp) -> anyhow::Result<Minted> {
    let name = "EMPRESA DE PRUEBA SA DE CV".to_owned();
    let subject = Subject { rfc: rfc.to_owned(), representative_rfc: None, name, curp: None, branch: None };
    let number = format!("300010000005{number:08}");
    let until = now + SignedDuration::from_hours(24) * DAYS;
    let cer_der = authority.certify(&subject, Kind::Fiel, &number, now - SignedDuration::from_hours(1), until, key)?;
    Ok(Minted { cer_der, pkcs8_der: key.pkcs8_der()? })
}

/// As OpenSSL packs it, with the derivations that are asked for.
fn archive(minted: &Minted, dir: &Path) -> anyhow::Result<Vec<u8>> {
    let [cer, key, out] = ["a.cer", "a.key", "a.p12"].map(|it| dir.join(it));
    std::fs::write(&cer, &minted.cer_der)?;
    std::fs::write(&key, minted.pkcs8_der.expose())?;
    let pem = |what: &[&str], from: &Path| -> anyhow::Result<()> {
        let done = Command::new("openssl").args(what).arg("-in").arg(from).arg("-out").arg(from.with_extension("pem")).status()?;
        anyhow::ensure!(done.success(), "openssl {what:?}");
        Ok(())
    };
    pem(&["x509", "-inform", "DER"], &cer)?;
    let cer_pem = std::fs::read(cer.with_extension("pem"))?;
    std::fs::write(dir.join("cer.pem"), cer_pem)?;
    pem(&["pkey", "-inform", "DER"], &key)?;
    let done = Command::new("openssl")
        .args(["pkcs12", "-export", "-iter", ITERATIONS, "-passout", &format!("pass:{PASSWORD}"), "-in"])
        .arg(dir.join("cer.pem"))
        .arg("-inkey")
        .arg(key.with_extension("pem"))
        .arg("-out")
        .arg(&out)
        .status()
        .context("openssl")?;
    anyhow::ensure!(done.success(), "openssl pkcs12");
    Ok(std::fs::read(out)?)
}

/// One certificate each for many taxpayers, as rows: keys that nobody uses here.
async fn fill(house: &House, authority: &Authority, many: usize, now: Timestamp) -> anyhow::Result<()> {
    let key = Sealer::generate()?;
    let mut places = (0..many).peekable();
    while places.peek().is_some() {
        let mut tx = house.app.store.begin(&house.scope).await?;
        for place in places.by_ref().take(1_000) {
            let rfc = format!("FIR{:06}AA{}", place % 1_000_000, place % 10);
            let taxpayer = Taxpayer {
                id: TaxpayerId::fresh(now),
                kind: TaxpayerKind::Rfc,
                tax_id: rfc.clone(),
                name: "CLIENTE".into(),
                environment: Environment::Sandbox,
                created: now,
            };
            tx.add_taxpayer(&taxpayer).await?;
            let minted = minted(authority, &key, &rfc, 1_000_000 + place, now)?;
            tx.put_credential(&row(taxpayer.id, minted.cer_der, now), now).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

fn row(owner: TaxpayerId, certificate: Vec<u8>, now: Timestamp) -> CredentialRow {
    let id = CredentialId::fresh(now);
    CredentialRow {
        id,
        owner: Owner::Taxpayer(owner),
        kind: CredentialKind::Fiel,
        number: "30001000000500000000".into(),
        name: "CLIENTE".into(),
        certificate,
        not_before: now - SignedDuration::from_hours(1),
        not_after: now + SignedDuration::from_hours(24) * DAYS,
        state: CredentialState::Active,
        reason: None,
        wrapped_key: vec![0; 60],
        key_use: KeyUse::Data,
        key_version: 1,
        digest: [0; 32],
        object: format!("objects/{id}"),
        activate: None,
        replaced: None,
        keep_until: None,
        uploaded_by: "system".into(),
        created: now,
    }
}

/// Walks pages of the list as the API shows them; the slowest.
async fn pages(house: &House) -> anyhow::Result<Duration> {
    let (filter, mut before, mut slowest) = (CredentialFilter::default(), None, Duration::ZERO);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let rows = certificates::page(&house.app, &house.scope, &filter, before, PAGE + 1).await?;
        let now = house.app.clock.wall();
        let views: Vec<ListedView> = rows
            .iter()
            .map(|it| ListedView::new(it, now))
            .collect::<Result<_, _>>()
            .map_err(|it| anyhow::anyhow!("{}", it.log()))?;
        let text = serde_json::to_string(&views)?;
        anyhow::ensure!(!text.is_empty());
        slowest = slowest.max(began.elapsed());
        before = rows.last().map(|it| it.id);
    }
    Ok(slowest)
}
