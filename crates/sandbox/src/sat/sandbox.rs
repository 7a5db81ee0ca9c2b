//! One simulated authority: its books, its corpus, its clock, its faults.

use super::answer::Operation;
use super::config::{SandboxError, SatConfig};
use super::corpus::{Family, Filter};
use super::efos::Efos;
use super::fault::{Armed, Fault, Target, TooManyFaults};
use super::generate::seals;
use super::journal::{Durability, Journal, JournalError};
use super::ledger::{Counts, Event, Ledger, Solicitud, Stage};
use super::package::{Making, Tipo};
use super::rules::Criteria;
use super::signature::Profile;
use super::trust::{self, Trust};
use base64::Engine as _;
use fedatario_base::Secret;
use fedatario_credentials::mint::{Authority, Subject};
use fedatario_credentials::{Certificate, Kind};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use uuid::Uuid;

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;
/// Calls that the log keeps.
const LOG_CALLS: usize = 1_000;
/// Selections kept at hand; one of 200,000 documents is 0.8 MB.
const CACHED_SELECTIONS: usize = 64;
/// Bytes of the key that signs tokens.
const TOKEN_KEY_BYTES: usize = 32;
/// How long a minted e.firma is valid, in days: four years, as SAT issues them.
const FIEL_DAYS: i64 = 4 * 365;
/// Password of every key file minted here: the one of SAT's own test set. It protects nothing.
const PASSWORD: &str = "12345678a";

/// A call, as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Call {
    /// When it was answered, by the wall.
    pub at: Timestamp,
    /// On which service.
    pub family: Family,
    /// What was called, if it was anything known.
    pub operation: Option<Operation>,
    /// Whose certificate signed.
    pub rfc: Option<String>,
    /// What was answered: a code, or `fault`.
    pub code: String,
    /// Which forms of signature matched.
    pub profile: Option<Profile>,
    /// The fault that the call met.
    pub fault: Option<String>,
}

/// A package of an accepted request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AskedPackage {
    /// Its id.
    pub id: String,
    /// How often it was handed out.
    pub downloads: u32,
}

/// An accepted request, as the control address shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Asked {
    /// The request.
    #[serde(flatten)]
    pub solicitud: Solicitud,
    /// Packages handed out so far.
    pub packages: Vec<AskedPackage>,
}

/// An e.firma of the sandbox's own authority.
#[derive(Debug)]
pub struct MintedFiel {
    /// The certificate file.
    pub cer: Vec<u8>,
    /// The key file.
    pub key: Vec<u8>,
    /// Its password.
    pub password: Secret,
}

pub(super) struct Books {
    journal: Journal,
    pub ledger: Ledger,
    pub armed: Armed,
    log: VecDeque<Call>,
}

/// How many status queries there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct StatusQueries {
    /// Within the pace.
    pub answered: u64,
    /// Answered 429.
    pub throttled: u64,
}

/// The pace of status queries.
#[derive(Debug, Default)]
struct Paced {
    second: i64,
    taken: u32,
    counts: StatusQueries,
}

/// What a finished request came to.
#[derive(Debug)]
pub(super) struct Selection {
    /// Documents that match.
    pub matched: usize,
    /// Those that are delivered, in order.
    pub delivered: Vec<u32>,
}

/// A simulated SAT.
pub struct Sandbox {
    pub(super) config: SatConfig,
    pub(super) trust: Trust,
    pub(super) token_key: Vec<u8>,
    authority: Authority,
    offset_seconds: AtomicI64,
    books: Mutex<Books>,
    selections: Mutex<HashMap<Uuid, Arc<Selection>>>,
    efos: OnceLock<Efos>,
    paced: Mutex<Paced>,
    released: tokio::sync::watch::Sender<u64>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("corpus", &self.config.corpus).field("mode", &self.config.mode).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Opens its books, makes its authority on the first start, and is ready to be served.
    pub fn new(config: SatConfig) -> Result<Arc<Self>, SandboxError> {
        let real = config.trust.iter().find(|it| trust::is_production(it));
        if let Some(real) = real.filter(|_| !config.production_authorities) {
            return Err(SandboxError::ProductionAuthority(real.name().to_owned()));
        }
        let (mut journal, events) = Journal::open(&config.state)?;
        let mut ledger = Ledger::default();
        events.into_iter().for_each(|it| ledger.apply(it));
        if ledger.keys.is_none() {
            let event = first_event(config.clock.wall())?;
            journal.append(&event, Durability::Now)?;
            ledger.apply(event);
        }
        let keys = ledger.keys.clone().expect("made above");
        let authority = Authority::load(keys.authority.as_bytes(), keys.authority_key.as_bytes())?;
        if config.corpus.wants_keys() {
            if ledger.seal_keys.is_empty() {
                let keys = seals::fresh_keys()?.iter().map(|it| BASE64.encode(it)).collect();
                let event = Event::SealKeys { keys };
                journal.append(&event, Durability::Now)?;
                ledger.apply(event);
            }
            let pool: Vec<Vec<u8>> = ledger.seal_keys.iter().filter_map(|it| BASE64.decode(it).ok()).collect();
            config.corpus.attach(Authority::load(keys.authority.as_bytes(), keys.authority_key.as_bytes())?, &pool)?;
        }
        let authorities = config.trust.iter().cloned().chain([authority.certificate().clone()]).collect();
        Ok(Arc::new(Self {
            trust: Trust::new(authorities, config.revoked.clone(), config.production_authorities),
            token_key: data_encoding::HEXLOWER.decode(keys.token_key.as_bytes()).unwrap_or_default(),
            authority,
            offset_seconds: AtomicI64::new(config.clock_offset.as_secs()),
            books: Mutex::new(Books { journal, ledger, armed: Armed::default(), log: VecDeque::new() }),
            selections: Mutex::default(),
            efos: OnceLock::new(),
            paced: Mutex::default(),
            released: tokio::sync::watch::Sender::new(0),
            config,
        }))
    }

    /// What the witness says.
    pub fn counts(&self) -> Counts {
        self.books().ledger.counts()
    }

    /// Every accepted request with its criteria, in order.
    pub fn requests(&self) -> Vec<Asked> {
        let books = self.books();
        books.ledger.requests().iter().map(|it| asked(&books.ledger, it)).collect()
    }

    /// The last calls.
    pub fn log(&self) -> Vec<Call> {
        self.books().log.iter().cloned().collect()
    }

    /// Lets time pass for states of requests, the 72 hours, the six years and future dates.
    pub fn advance(&self, by: SignedDuration) -> Result<(), SandboxError> {
        self.record(Event::Advanced { seconds: by.as_secs() }, Durability::Now).map_err(Into::into)
    }

    /// Sets how far the service's time runs ahead of the wall, before any advance.
    pub fn set_clock_offset(&self, offset: SignedDuration) {
        self.offset_seconds.store(offset.as_secs(), Ordering::Relaxed);
    }

    /// Lets the next calls go wrong.
    pub fn fault(&self, target: Target, fault: Fault, times: u32) -> Result<(), TooManyFaults> {
        self.books().armed.arm(target, fault, times)
    }

    /// Forgets every fault not yet met.
    pub fn clear_faults(&self) {
        self.books().armed.clear();
    }

    /// How many calls are still to go wrong.
    pub fn faults_waiting(&self) -> u64 {
        self.books().armed.waiting()
    }

    /// Lets go of every call that hangs or is held.
    pub fn release(&self) {
        self.released.send_modify(|it| *it += 1);
    }

    pub(super) fn released(&self) -> tokio::sync::watch::Receiver<u64> {
        self.released.subscribe()
    }

    /// The certificate of its own test authority, as a `.cer` file.
    pub fn authority_cer(&self) -> Vec<u8> {
        self.authority.certificate().der().to_vec()
    }

    pub(super) fn authority_certificate(&self) -> &Certificate {
        self.authority.certificate()
    }

    /// List 69-B, as it goes with the corpus.
    pub(super) fn efos(&self) -> &Efos {
        self.efos.get_or_init(|| Efos::of(&self.config.corpus))
    }

    /// Status queries so far.
    pub fn status_queries(&self) -> StatusQueries {
        self.paced().counts
    }

    fn paced(&self) -> MutexGuard<'_, Paced> {
        self.paced.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether another status query is answered within the pace.
    pub(super) fn admits_status(&self) -> bool {
        let (second, mut paced) = (self.config.clock.wall().as_second(), self.paced());
        if paced.second != second {
            (paced.second, paced.taken) = (second, 0);
        }
        let admitted = self.config.limits.status_per_second.is_none_or(|it| paced.taken < it);
        paced.taken += u32::from(admitted);
        paced.counts.answered += u64::from(admitted);
        paced.counts.throttled += u64::from(!admitted);
        admitted
    }

    /// Issues an e.firma that this sandbox accepts. A second one for the same RFC is another one.
    pub fn mint_fiel(&self, rfc: &str, name: &str) -> Result<MintedFiel, SandboxError> {
        let wall = self.config.clock.wall();
        let day = SignedDuration::from_hours(24);
        self.mint(Kind::Fiel, rfc, name, wall - day, wall + day * FIEL_DAYS as i32)
    }

    /// Issues a certificate of any kind and validity.
    pub fn mint(&self, kind: Kind, rfc: &str, name: &str, from: Timestamp, to: Timestamp) -> Result<MintedFiel, SandboxError> {
        let number = self.next_number()?;
        let company = rfc.chars().count() == 12;
        let subject = Subject {
            rfc: rfc.to_owned(),
            representative_rfc: company.then(|| "VADA800927DJ3".to_owned()),
            name: name.to_owned(),
            curp: Some("VADA800927HSRSRL05".to_owned()),
            branch: None,
        };
        let minted = self.authority.issue(&subject, kind, &number, from, to)?;
        let password = Secret::new(PASSWORD);
        Ok(MintedFiel { key: minted.key_file(&password)?, cer: minted.cer_der, password })
    }

    fn next_number(&self) -> Result<String, SandboxError> {
        let mut books = self.books();
        let number = books.ledger.minted + 1;
        append(&mut books, Event::Minted { number }, Durability::Now)?;
        Ok(format!("300010000006{number:08}"))
    }

    /// The service's time.
    pub(super) fn now(&self) -> Timestamp {
        let moved = self.books().ledger.advanced_seconds.saturating_add(self.offset_seconds.load(Ordering::Relaxed));
        self.config.clock.wall().saturating_add(SignedDuration::from_secs(moved)).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        // A panic while holding it would have left the books as they were before the event.
        self.books.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn record(&self, event: Event, durability: Durability) -> Result<(), JournalError> {
        append(&mut self.books(), event, durability)
    }

    pub(super) fn note(&self, call: Call) {
        let mut books = self.books();
        if books.log.len() == LOG_CALLS {
            books.log.pop_front();
        }
        books.log.push_back(call);
    }

    /// The documents of a request; the same each time.
    pub(super) fn selection(&self, it: &Solicitud) -> Arc<Selection> {
        let cached = || self.selections.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = cached().get(&it.id) {
            return known.clone();
        }
        let selection = Arc::new(self.select(it));
        let mut cache = cached();
        if cache.len() >= CACHED_SELECTIONS {
            cache.clear();
        }
        cache.insert(it.id, selection.clone());
        selection
    }

    fn select(&self, it: &Solicitud) -> Selection {
        let as_of = mexico(it.accepted);
        let corpus = &self.config.corpus;
        let mut delivered = match it.criteria.folio {
            Some(folio) => corpus.find(folio).into_iter().collect(),
            None => corpus.select(&filter(it.family, &it.criteria, as_of)),
        };
        let matched = delivered.len();
        if it.criteria.tipo == Tipo::Cfdi && !self.config.cancelled_issued {
            delivered.retain(|place| !corpus.facts(*place).is_cancelled(as_of));
        }
        Selection { matched, delivered }
    }

    /// How many documents go into one package of a request.
    pub(super) fn per_package(&self, tipo: Tipo) -> usize {
        match tipo {
            Tipo::Cfdi => self.config.limits.documents_per_package.max(1),
            Tipo::Metadata => self.config.limits.rows_per_package.max(1),
        }
    }

    /// The archive of the `n`th package (from 0) of a finished request.
    pub(super) fn package(&self, it: &Solicitud, id: &str, places: &[u32]) -> std::io::Result<Vec<u8>> {
        let making = Making {
            corpus: &self.config.corpus,
            tipo: it.criteria.tipo,
            id,
            places,
            made: mexico(it.accepted),
            header: self.config.metadata_header,
        };
        making.zip()
    }

    /// A fresh request under these criteria.
    pub(super) fn solicitud(&self, family: Family, rfc: &str, criteria: Criteria, now: Timestamp) -> Solicitud {
        let starts = now.saturating_add(self.config.waits.accepted).unwrap_or(now);
        let ends = starts.saturating_add(self.config.waits.running).unwrap_or(starts);
        Solicitud { id: Uuid::new_v4(), family, rfc: rfc.to_owned(), criteria, accepted: now, starts, ends, script: None }
    }
}

pub(super) fn append(books: &mut Books, event: Event, durability: Durability) -> Result<(), JournalError> {
    books.journal.append(&event, durability)?;
    books.ledger.apply(event);
    Ok(())
}

fn first_event(wall: Timestamp) -> Result<Event, SandboxError> {
    let authority = Authority::generate("AC SIMULADOR FEDATARIO", wall)?;
    let mut key = [0; TOKEN_KEY_BYTES];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| std::io::Error::other("no randomness")).map_err(JournalError::from)?;
    Ok(Event::Opened {
        authority: authority.certificate_pem(),
        authority_key: authority.key_pem().expose_str().unwrap_or_default().to_owned(),
        token_key: data_encoding::HEXLOWER.encode(&key),
    })
}

fn asked(ledger: &Ledger, it: &Solicitud) -> Asked {
    let packages = ledger.packages_of(it.id).into_iter().map(|(id, downloads)| AskedPackage { id, downloads });
    Asked { solicitud: it.clone(), packages: packages.collect() }
}

/// `UUID_nn`, upper case, from 1.
pub(super) fn package_id(request: Uuid, n: usize) -> String {
    format!("{}_{n:02}", request.to_string().to_uppercase())
}

/// Mexico City civil time.
pub(super) fn mexico(at: Timestamp) -> DateTime {
    let zone = TimeZone::get("America/Mexico_City").unwrap_or(TimeZone::fixed(jiff::tz::offset(-6)));
    zone.to_datetime(at)
}

fn filter(family: Family, it: &Criteria, as_of: DateTime) -> Filter {
    Filter {
        family,
        from: it.fecha_inicial.unwrap_or(DateTime::MIN),
        to: it.fecha_final.unwrap_or(DateTime::MAX),
        emisor: it.rfc_emisor.clone(),
        receptores: it.rfc_receptores.clone(),
        estado: it.estado,
        kind: it.tipo_comprobante.clone(),
        complement: it.complemento.clone(),
        third: it.rfc_a_cuenta_terceros.clone(),
        as_of,
    }
}

/// Whether packages of a request can be asked for.
pub(super) fn is_done(it: &Solicitud, now: Timestamp) -> bool {
    matches!(it.stage(now), Stage::Done | Stage::Expired)
}
