//! The pass over seals: each kept package once, in order, its documents judged on all cores.
//!
//! One thread inflates and hands over bounded batches; a few batches are judged at once and written
//! in their order, each in one transaction. A package that was judged to its end under the same
//! knowledge is not opened, a document that was is not judged; so a run that was killed goes on.

use super::Revision;
use super::certificates::Known;
use super::model::{Brief, ReadablePackage, SealCheck};
use super::verdict::{Bench, Judged};
use crate::descarga::reading::unstamped_key;
use crate::error::{AppError, AppResult};
use crate::model::{Environment, Role, Taxpayer};
use crate::ports::{CallError, ReadSeek};
use crate::revision::model::KnownCertificate;
use fedatario_base::Scope;
use fedatario_base::id::PackageId;
use fedatario_fiscal::mx::cadena::{self, CadenaError, Seals};
use fedatario_fiscal::mx::cfdi::read_cfdi;
use fedatario_fiscal::mx::expresion::seal_tail;
use fedatario_fiscal::mx::package::{ArchiveError, Entry, Package};
use fedatario_fiscal::mx::uuid::FiscalUuid;
use futures_util::{StreamExt, TryStreamExt};
use jiff::civil::DateTime;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Documents in one batch: a judgement takes a tenth of a millisecond, a commit some.
const BATCH_DOCUMENTS: usize = 256;
/// Bytes in one batch, so that giants do not fill the memory.
const BATCH_BYTES: usize = 4 << 20;
/// Batches between the thread that inflates and those that judge.
const BATCHES_WAITING: usize = 2;
/// Packages looked up at once.
const PAGE: u32 = 200;
/// What the rules of judging are called: documents are judged anew when it changes.
const RULES: &str = "1";
/// Characters of a certificate's number that are kept.
const NUMBER_CHARS: usize = 40;

/// Which documents, and how.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// Emission, both ends included; none is no bound.
    pub from: Option<DateTime>,
    /// The end.
    pub to: Option<DateTime>,
    /// The same as text that sorts.
    pub dates: (String, String),
    /// Only these, lower case; all when empty.
    pub only: BTreeSet<String>,
    /// Judge also what was judged.
    pub again: bool,
    /// Ask SAT for certificates that are not at hand.
    pub fetch: bool,
}

impl Scan {
    fn wants(&self, brief: &Brief) -> bool {
        let (from, to) = (self.dates.0.as_str(), self.dates.1.as_str());
        (self.only.is_empty() || self.only.contains(&brief.uuid)) && (from..=to).contains(&brief.date.as_str())
    }

    /// A variant's window begins earlier and a package given by hand has none: both may hold anything.
    fn may_hold(&self, package: &ReadablePackage) -> bool {
        let Some((from, to)) = package.window else { return true };
        self.from.is_none_or(|it| to >= it) && self.to.is_none_or(|it| from <= it)
    }
}

/// What the pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Scanned {
    /// Packages that were opened.
    pub packages: u64,
    /// Packages that were judged to their end before.
    pub packages_known: u64,
    /// Packages that could not be read to their end.
    pub packages_unreadable: u64,
    /// Documents judged now.
    pub judged: u64,
    /// Documents judged before.
    pub known: u64,
    /// Certificates fetched from SAT.
    pub certificates: u64,
}

/// Entries on their way to be judged.
type Raw = Vec<(String, Vec<u8>)>;

/// A document that was read.
struct Parsed {
    entry: String,
    uuid: String,
    read: Result<Seals, CadenaError>,
}

/// What became of a batch.
#[derive(Default)]
struct Done {
    rows: Vec<SealCheck>,
    known: u64,
    wanting: u64,
    passed_over: bool,
}

/// What is known now, as the rows keep it.
struct Knowledge {
    base: String,
    /// How many certificates are known by number.
    certificates: u64,
}

impl Knowledge {
    /// What a document is marked with: more certificates change only what wants some.
    fn of(&self, wanting: bool) -> String {
        if wanting { format!("{}.w{}", self.base, self.certificates) } else { self.base.clone() }
    }

    fn settles(&self, mark: &str, fetch: bool) -> bool {
        mark == self.base || (!fetch && mark == self.of(true))
    }
}

impl Revision {
    /// Judges the seals and stamps of a taxpayer's documents.
    pub(super) async fn scan(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        scan: &Scan,
        tick: &(dyn Fn(u64) + Sync),
    ) -> AppResult<Scanned> {
        let mut scanned = Scanned::default();
        let mut after = None;
        loop {
            let mut tx = self.app.store.read(scope).await?;
            let page = tx.readable_packages(taxpayer.id, after, PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else { return Ok(scanned) };
            after = Some(last.id);
            let homes = self.homes(scope, taxpayer, scan).await?;
            for package in page.iter().filter(|it| scan.may_hold(it) && homes.as_ref().is_none_or(|homes| homes.contains(&it.id))) {
                self.package(scope, taxpayer, scan, package, &mut scanned, tick).await?;
            }
        }
    }

    /// The packages of the documents that were named, if any were.
    async fn homes(&self, scope: &Scope, taxpayer: &Taxpayer, scan: &Scan) -> AppResult<Option<BTreeSet<PackageId>>> {
        if scan.only.is_empty() {
            return Ok(None);
        }
        let uuids: Vec<&str> = scan.only.iter().map(String::as_str).collect();
        let briefs = self.app.store.read(scope).await?.briefs(taxpayer.id, &uuids).await?;
        Ok(Some(briefs.into_iter().map(|it| it.package).collect()))
    }

    async fn knowledge(&self) -> AppResult<Knowledge> {
        let base = format!("{RULES}.{}", self.authorities.mark());
        Ok(Knowledge { base, certificates: self.registry.count_certificates(&self.hands).await? })
    }

    async fn package(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        scan: &Scan,
        package: &ReadablePackage,
        scanned: &mut Scanned,
        tick: &(dyn Fn(u64) + Sync),
    ) -> AppResult<()> {
        let knowledge = self.knowledge().await?;
        let settled = package
            .mark
            .as_ref()
            .is_some_and(|(mark, wanting)| *mark == knowledge.of(*wanting > 0) && knowledge.settles(mark, scan.fetch));
        if settled && !scan.again {
            scanned.packages_known += 1;
            return Ok(());
        }
        scanned.packages += 1;
        let archive = self.app.blobs.open(&package.path).await?;
        let (send, mut receive) = mpsc::channel::<Raw>(BATCHES_WAITING);
        let reader = tokio::task::spawn_blocking(move || inflate(archive, &send));
        let batches = futures_util::stream::poll_fn(move |context| receive.poll_recv(context));
        let judged = batches
            .map(|raw| self.batch(scope, taxpayer, scan, package.id, &knowledge, raw))
            .buffered(self.settings.threads.max(1));
        let mut judged = std::pin::pin!(judged);
        let (mut wanting, mut whole) = (0, scan.only.is_empty());
        while let Some((done, fetched)) = judged.try_next().await? {
            scanned.certificates += fetched;
            scanned.judged += done.rows.len() as u64;
            scanned.known += done.known;
            wanting += done.wanting;
            whole &= !done.passed_over;
            self.keep(scope, taxpayer, &done.rows).await?;
            tick(done.rows.len() as u64 + done.known);
        }
        match reader.await.map_err(|error| AppError::Internal(error.to_string()))? {
            Ok(()) if whole => self.mark(scope, package.id, wanting).await,
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(package = %package.id, %error, "a package could not be read to its end");
                scanned.packages_unreadable += 1;
                Ok(())
            }
        }
    }

    async fn keep(&self, scope: &Scope, taxpayer: &Taxpayer, rows: &[SealCheck]) -> AppResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.app.store.begin(scope).await?;
        tx.put_seal_checks(taxpayer.id, rows).await?;
        Ok(tx.commit().await?)
    }

    async fn mark(&self, scope: &Scope, package: PackageId, wanting: u64) -> AppResult<()> {
        let knowledge = self.knowledge().await?;
        let mut tx = self.app.store.begin(scope).await?;
        tx.mark_package(package, &knowledge.of(wanting > 0), wanting).await?;
        Ok(tx.commit().await?)
    }

    /// Reads, looks up, judges; answers also how many certificates were fetched.
    async fn batch(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        scan: &Scan,
        package: PackageId,
        knowledge: &Knowledge,
        raw: Raw,
    ) -> AppResult<(Done, u64)> {
        let parsed = blocking(move || raw.into_iter().filter_map(parse).collect::<Vec<_>>()).await?;
        let uuids: Vec<&str> = parsed.iter().map(|it| it.uuid.as_str()).collect();
        let briefs = self.app.store.read(scope).await?.briefs(taxpayer.id, &uuids).await?;
        let briefs: HashMap<&str, &Brief> = briefs.iter().map(|it| (it.uuid.as_str(), it)).collect();
        let mut done = Done::default();
        let mut wanted = Vec::with_capacity(parsed.len());
        for it in &parsed {
            match briefs.get(it.uuid.as_str()) {
                // Another's document, or a second copy of one: the copy that was imported counts.
                None => {}
                Some(brief) if brief.role == Role::Foreign || brief.package != package || brief.entry != it.entry => {}
                Some(brief) if !scan.wants(brief) => done.passed_over = true,
                Some(brief)
                    if !scan.again && brief.knowledge.as_deref().is_some_and(|mark| knowledge.settles(mark, scan.fetch)) =>
                {
                    done.known += 1;
                    done.wanting += u64::from(brief.knowledge.as_deref() != Some(&knowledge.base));
                }
                Some(_) => wanted.push(it.entry.clone()),
            }
        }
        let wanted: BTreeSet<String> = wanted.into_iter().collect();
        let parsed: Vec<Parsed> = parsed.into_iter().filter(|it| wanted.contains(&it.entry)).collect();
        let fetched = self.gather(&numbers(&parsed), taxpayer.environment, scan.fetch).await?;
        let (service, marks, wall) = (self.clone(), (knowledge.of(false), knowledge.of(true)), self.app.clock.wall());
        let judged = blocking(move || {
            let bench = Bench { certificates: &service.certificates, authorities: &service.authorities };
            parsed.into_iter().map(|it| row(bench.judge(&it.read), it, &marks, wall)).collect::<Vec<_>>()
        });
        done.rows = judged.await?;
        done.wanting += done.rows.iter().filter(|it| it.reason.is_some_and(|it| it.wants_certificates())).count() as u64;
        Ok((done, fetched))
    }

    /// Makes certificates known by number ready: from the registry, and from SAT if that is wanted.
    pub(super) async fn gather(&self, numbers: &BTreeSet<String>, environment: Environment, fetch: bool) -> AppResult<u64> {
        let missing: Vec<&str> = numbers.iter().map(String::as_str).filter(|it| self.certificates.numbered(it).is_none()).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        let mut found: BTreeMap<String, Option<Arc<Known>>> = missing.iter().map(|it| ((*it).to_owned(), None)).collect();
        for known in self.registry.certificates(&self.hands, &missing).await? {
            found.insert(known.number, Known::read(&known.certificate).ok().map(Arc::new));
        }
        let mut fetched = 0;
        for (number, known) in found.iter_mut().filter(|(_, known)| fetch && known.is_none()) {
            if let Some(der) = self.ask_certificate(environment, number).await? {
                *known = Known::read(&der).ok().map(Arc::new);
                let row = KnownCertificate {
                    number: number.clone(),
                    certificate: der,
                    source: "sat".to_owned(),
                    added: self.app.clock.wall(),
                };
                fetched += self.registry.put_certificates(&self.hands, &[row]).await?;
            }
        }
        for (number, known) in found {
            self.certificates.put(&number, known);
        }
        Ok(fetched)
    }

    /// A certificate that SAT does not give now is one that is not at hand: the rest goes on.
    async fn ask_certificate(&self, environment: Environment, number: &str) -> AppResult<Option<Vec<u8>>> {
        match self.counter.certificate(environment, number).await {
            Ok(found) => Ok(found),
            Err(error @ (CallError::Fault(_) | CallError::Later { .. })) => {
                tracing::warn!(number, %error, "a certificate was not to be had");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a closure gives that computes for a while.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| AppError::Internal(error.to_string()))
}

/// Reads an archive from its beginning to its end, or until nobody wants more.
fn inflate(archive: Box<dyn ReadSeek>, send: &mpsc::Sender<Raw>) -> Result<(), ArchiveError> {
    let mut package = Package::open(archive)?;
    let mut entries = package.entries()?;
    let (mut batch, mut bytes) = (Raw::new(), 0);
    while let Some(entry) = entries.next_entry()? {
        let Entry::Xml(mut reader) = entry else { continue };
        let name = reader.name().to_owned();
        // What cannot be read was set aside at import, and is no document of the tables.
        let Ok(document) = reader.read_all() else { continue };
        bytes += document.len();
        batch.push((name, document));
        if (batch.len() >= BATCH_DOCUMENTS || bytes >= BATCH_BYTES) && send.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        } else if batch.is_empty() {
            bytes = 0;
        }
    }
    let _ = send.blocking_send(batch);
    Ok(())
}

/// The document under the key that the import gave it; none for what is no document.
fn parse((entry, bytes): (String, Vec<u8>)) -> Option<Parsed> {
    let read = cadena::read_bytes(&bytes);
    let stamped = read.as_ref().ok().and_then(|it| it.stamp.as_ref()).and_then(|it| it.uuid.trim().parse::<FiscalUuid>().ok());
    let uuid = match stamped {
        Some(uuid) => uuid.to_string(),
        None => read_cfdi(&bytes).ok()?.uuid.map_or_else(|| unstamped_key(&bytes), |it| it.to_string()),
    };
    Some(Parsed { entry, uuid, read })
}

/// Certificates that have to be known by number: those of stamps, and those that documents lack.
fn numbers(parsed: &[Parsed]) -> BTreeSet<String> {
    let seals = parsed.iter().filter_map(|it| it.read.as_ref().ok());
    seals.flat_map(numbers_of).collect()
}

/// The same of one document.
pub(super) fn numbers_of(seals: &Seals) -> impl Iterator<Item = String> {
    let stamp = seals.stamp.as_ref().map(|it| it.no_certificado_sat.clone());
    let own = seals.certificate.is_none().then(|| seals.no_certificado.clone());
    stamp.into_iter().chain(own).filter(|it| !it.is_empty() && it.len() <= NUMBER_CHARS)
}

fn row(judged: Judged, parsed: Parsed, (settled, wanting): &(String, String), wall: jiff::Timestamp) -> SealCheck {
    let wants = judged.reason.is_some_and(|it| it.wants_certificates());
    let seals = parsed.read.ok();
    let stamp = seals.as_ref().and_then(|it| it.stamp.as_ref());
    let short = |it: &str| it.chars().take(NUMBER_CHARS).collect::<String>();
    SealCheck {
        uuid: parsed.uuid,
        verdict: judged.verdict,
        reason: judged.reason,
        trust: judged.trust,
        certificate: seals.as_ref().map(|it| short(&it.no_certificado)).unwrap_or_default(),
        stamp_certificate: stamp.map(|it| short(&it.no_certificado_sat)).unwrap_or_default(),
        seal_tail: stamp.and_then(|it| seal_tail(&it.sello_cfd)).unwrap_or_default(),
        stamped_at: stamp.map(|it| short(&it.fecha_timbrado)).unwrap_or_default(),
        knowledge: if wants { wanting.clone() } else { settled.clone() },
        checked: wall,
    }
}
