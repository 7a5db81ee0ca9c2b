//! A tenant's key turned over with ten thousand credentials under it: rehearsed, then done. Over one folder with
//! SQLite, every commit synced; each key is opened and wrapped anew, and is its own transaction.

use fedatario_app::custody;
use fedatario_app::model::*;
use fedatario_base::Secret;
use fedatario_base::id::{CredentialId, TaxpayerId};
use fedatario_benches::house::House;
use fedatario_benches::{Bench, Goal, Row, Table};
use fedatario_credentials::mint::{Authority, Sealer, Subject};
use fedatario_credentials::{Kind, Pair};
use fedatario_vault::{CredentialKind as VaultKind, SealedCredential};
use jiff::{SignedDuration, Timestamp};
use std::time::Instant;

/// Credentials whose data keys are moved; a hundredth with `--small`.
const CREDENTIALS: usize = 10_000;
/// Seconds that the rotation may take.
const WITHIN: f64 = 60.0;
/// Credentials of one transaction of the preparation.
const AT_ONCE: usize = 1_000;

fn main() -> anyhow::Result<()> {
    Bench::start(|name, _| anyhow::bail!("no part {name}"), |bench| tokio::runtime::Runtime::new()?.block_on(run(bench)))
}

async fn run(bench: &Bench) -> anyhow::Result<()> {
    let house = House::open_with(&bench.scratch.join("house"), None, None).await?;
    let many = if bench.small { CREDENTIALS / 100 } else { CREDENTIALS };
    fill(&house, many).await?;
    let mut table = Table::default();

    let began = Instant::now();
    let plan = custody::plan(&house.app, &house.scope).await?;
    let rehearsal = began.elapsed();
    anyhow::ensure!((plan.moves(), plan.broken()) == (many as u64, 0), "{plan:?}");

    let began = Instant::now();
    let done = custody::rotate_tenant(&house.app, &house.scope).await?;
    let took = began.elapsed();
    anyhow::ensure!((done.made, done.moved, done.behind) == (plan.makes, plan.moves(), 0), "{done:?} is not what {plan:?} said");

    let seconds = |it: std::time::Duration| it.as_secs_f64();
    table.push(Row::figure(format!("rehearsal over {many} data keys, s"), seconds(rehearsal), Goal::AtMost(WITHIN)));
    table.push(Row::figure(format!("{many} data keys under a new key of their tenant, s"), seconds(took), Goal::AtMost(WITHIN)));
    print!("{table}");
    Ok(())
}

/// One credential each for many taxpayers, sealed as an upload seals it.
async fn fill(house: &House, many: usize) -> anyhow::Result<()> {
    let (now, key) = (house.app.clock.wall(), Sealer::generate()?);
    let authority = Authority::generate("AC DE PRUEBA", now)?;
    let pkcs8 = key.pkcs8_der()?;
    let subject = Subject { rfc: "EKU9003173C9".into(), representative_rfc: None, name: "PRUEBA".into(), curp: None, branch: None };
    let (from, until) = (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(2_400));
    let cer = authority.certify(&subject, Kind::Fiel, "30001000000500000001", from, until, &key)?;
    let mut places = (0..many).peekable();
    while places.peek().is_some() {
        let mut rows = Vec::new();
        for place in places.by_ref().take(AT_ONCE) {
            let pair = Pair::from_files(&cer, pkcs8.expose(), &Secret::new(""))?;
            let id = CredentialId::fresh(now);
            let sealed = house.app.vault.admit(&house.scope, pair, VaultKind::Fiel, id, now).await?;
            rows.push((taxpayer(place, now), sealed));
        }
        let mut tx = house.app.store.begin(&house.scope).await?;
        for (taxpayer, sealed) in rows {
            tx.add_taxpayer(&taxpayer).await?;
            tx.put_credential(&row(taxpayer.id, sealed, now), now).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

fn taxpayer(place: usize, now: Timestamp) -> Taxpayer {
    Taxpayer {
        id: TaxpayerId::fresh(now),
        kind: TaxpayerKind::Rfc,
        tax_id: format!("FIR{place:06}AA{}", place % 10),
        name: "CLIENTE".into(),
        environment: Environment::Sandbox,
        created: now,
    }
}

fn row(owner: TaxpayerId, sealed: SealedCredential, now: Timestamp) -> CredentialRow {
    let certificate = &sealed.certificate;
    CredentialRow {
        id: sealed.id,
        owner: Owner::Taxpayer(owner),
        kind: CredentialKind::Fiel,
        number: certificate.number().into(),
        name: "CLIENTE".into(),
        certificate: certificate.der().to_vec(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        state: CredentialState::Active,
        reason: None,
        wrapped_key: sealed.data_key,
        key_use: sealed.key_use,
        key_version: i64::from(sealed.key_version),
        digest: sealed.digest,
        object: format!("objects/{}", sealed.id),
        activate: None,
        replaced: None,
        keep_until: None,
        uploaded_by: "system".into(),
        created: now,
    }
}
