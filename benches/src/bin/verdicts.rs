//! Documents judged in a second on one core: cadena original, seal, stamp, certificates.
//!
//! Beside the whole stand its two halves, each alone: reading the texts that the seals are over, and
//! the two RSA verifications that no document can do without.

use anyhow::{Context, ensure};
use fedatario_app::revision::certificates::{Authorities, Certificates, Known};
use fedatario_app::revision::lists;
use fedatario_app::revision::model::Verdict;
use fedatario_app::revision::verdict::Bench as Court;
use fedatario_benches::{Bench, Goal, Row, Table, part};
use fedatario_credentials::Certificate;
use fedatario_credentials::sello::SealDigest;
use fedatario_fiscal::mx::cadena::{self, Seals};
use fedatario_sandbox::sat::{Corpus, Seals as Sealing};
use std::sync::Arc;
use std::time::Instant;

/// Documents of the corpus.
const DOCUMENTS: usize = 2_000;
/// How often each is judged: the certificates of a year are met again and again.
const ROUNDS: usize = 10;
const RFC: &str = "EKU9003173C9";
const YEAR: i16 = 2025;

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

fn bench(bench: &Bench) -> anyhow::Result<()> {
    let mut table = Table::default();
    let count = bench.size(DOCUMENTS).to_string();
    for (name, what) in [
        ("judge", "documents judged/s, one core"),
        ("read", "of that: texts of seal and stamp read/s"),
        ("verify", "of that: two RSA-2048 verifications/s"),
    ] {
        table.push(Row::rate(what, &bench.ours(name, &[&count])?, Goal::None));
    }
    print!("{table}");
    Ok(())
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let count = arguments.first().and_then(|it| it.parse().ok()).context("part NAME COUNT")?;
    let corpus = Corpus::generate(count, 7, RFC, YEAR, Sealing::Real)?;
    let documents: Vec<Vec<u8>> = (0..count).map(|it| corpus.xml(it)).collect::<Result<_, _>>()?;
    let units = documents.len() * ROUNDS;
    match name {
        "judge" => judge(&corpus, &documents, units),
        "read" => {
            let since = Instant::now();
            for document in documents.iter().cycle().take(units) {
                ensure!(cadena::read_bytes(document)?.stamp.is_some(), "a document without a stamp");
            }
            part::done(units, since);
            Ok(())
        }
        _ => verify(&corpus, &documents, units),
    }
}

/// The certificate of every stamp.
fn stamps(corpus: &Corpus, all: &[Seals]) -> anyhow::Result<Vec<Certificate>> {
    let mut found: Vec<Certificate> = Vec::new();
    for number in all.iter().filter_map(|it| it.stamp.as_ref()).map(|it| &it.no_certificado_sat) {
        if !found.iter().any(|it| it.number() == number) {
            found.push(Certificate::parse(&corpus.certificate(number)?.context("a certificate of the corpus")?)?);
        }
    }
    Ok(found)
}

fn judge(corpus: &Corpus, documents: &[Vec<u8>], units: usize) -> anyhow::Result<()> {
    let read: Vec<Seals> = documents.iter().map(|it| cadena::read_bytes(it)).collect::<Result<_, _>>()?;
    let certificates = Certificates::default();
    lists::remember(&certificates, &stamps(corpus, &read)?);
    let court = Court { certificates: &certificates, authorities: &Authorities::default() };
    let since = Instant::now();
    for document in documents.iter().cycle().take(units) {
        let judged = court.judge(&cadena::read_bytes(document));
        ensure!(judged.verdict == Verdict::Good, "{judged:?}");
    }
    part::done(units, since);
    Ok(())
}

fn verify(corpus: &Corpus, documents: &[Vec<u8>], units: usize) -> anyhow::Result<()> {
    let read: Vec<Seals> = documents.iter().map(|it| cadena::read_bytes(it)).collect::<Result<_, _>>()?;
    let stamps: Vec<Arc<Known>> =
        stamps(corpus, &read)?.iter().map(|it| Ok(Arc::new(Known::read(it.der())?))).collect::<anyhow::Result<_>>()?;
    let own: Vec<Known> =
        read.iter().map(|it| Ok(Known::read(it.certificate.as_deref().unwrap_or_default())?)).collect::<anyhow::Result<_>>()?;
    let pairs: Vec<_> = read.iter().zip(&own).collect();
    let since = Instant::now();
    for (seals, own) in pairs.iter().cycle().take(units) {
        let stamp = seals.stamp.as_ref().context("a stamp")?;
        let sat = stamps.iter().find(|it| it.certificate.number() == stamp.no_certificado_sat).context("its certificate")?;
        ensure!(own.verifies(SealDigest::Sha256, seals.document.as_bytes(), &seals.sello), "the seal");
        ensure!(sat.verifies(SealDigest::Sha256, stamp.cadena.as_bytes(), &stamp.sello_sat), "the stamp");
    }
    part::done(units, since);
    Ok(())
}
