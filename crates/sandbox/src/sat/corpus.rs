//! The documents that the simulated authority knows: what it lists, filters and hands out.
//!
//! A corpus is a folder of real files or a generator; both answer the same three questions: which
//! documents match, what are the facts of one, what are its bytes. It never changes while it
//! serves; whether a document counts as cancelled depends only on the instant asked about.

use super::folder::Folder;
use super::generate::Generator;
use fedatario_credentials::CredentialError;
use fedatario_credentials::mint::Authority;
use jiff::civil::DateTime;
use std::path::Path;
use uuid::Uuid;

pub use super::folder::{FolderError, Skipped};
pub use super::generate::{Forgery, GenerateError, Seals};

/// Which of the two services: each has its own addresses, tokens and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Invoices, payroll, payments.
    Cfdi,
    /// Withholdings and information on payments.
    Retenciones,
}

/// One side of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its RFC, or the foreign id of a receiver abroad.
    pub rfc: String,
    /// Its name as the document writes it.
    pub name: String,
}

/// What the authority has on record about one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Which service it belongs to.
    pub family: Family,
    /// The UUID of its stamp.
    pub uuid: Uuid,
    /// `I`, `E`, `T`, `N`, `P`, or the key of a withholding.
    pub kind: String,
    /// Who issued it.
    pub emisor: Party,
    /// Who received it.
    pub receptor: Party,
    /// RFC of who stamped it.
    pub pac: String,
    /// Emission, in Mexico City civil time.
    pub emitted: DateTime,
    /// Stamping, in Mexico City civil time.
    pub stamped: DateTime,
    /// Its total, as the document writes it.
    pub total: String,
    /// When it was cancelled, if ever.
    pub cancelled: Option<DateTime>,
    /// On whose account it was issued.
    pub third: Option<Party>,
    /// Its complements, by the names that SAT's filter uses.
    pub complements: Vec<String>,
}

impl Facts {
    /// Whether it counts as cancelled at an instant.
    pub fn is_cancelled(&self, at: DateTime) -> bool {
        self.cancelled.is_some_and(|when| when <= at)
    }
}

/// Which states a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Estado {
    /// Both.
    Todos,
    /// Only current ones; also what an absent filter means.
    Vigente,
    /// Only cancelled ones.
    Cancelado,
}

/// What a request selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The service asked.
    pub family: Family,
    /// Emission from, included.
    pub from: DateTime,
    /// Emission to, included.
    pub to: DateTime,
    /// The issuer, when named.
    pub emisor: Option<String>,
    /// One of these receivers; empty means any.
    pub receptores: Vec<String>,
    /// State wanted.
    pub estado: Estado,
    /// Kind wanted.
    pub kind: Option<String>,
    /// Complement wanted.
    pub complement: Option<String>,
    /// Third party wanted.
    pub third: Option<String>,
    /// The instant at which cancellations are judged.
    pub as_of: DateTime,
}

impl Filter {
    fn admits(&self, it: &Facts) -> bool {
        self.admits_parties(it) && self.admits_state(it) && self.admits_content(it)
    }

    fn admits_parties(&self, it: &Facts) -> bool {
        self.family == it.family
            && self.from <= it.emitted
            && it.emitted <= self.to
            && self.emisor.as_ref().is_none_or(|rfc| *rfc == it.emisor.rfc)
            && (self.receptores.is_empty() || self.receptores.contains(&it.receptor.rfc))
    }

    fn admits_state(&self, it: &Facts) -> bool {
        match self.estado {
            Estado::Todos => true,
            Estado::Vigente => !it.is_cancelled(self.as_of),
            Estado::Cancelado => it.is_cancelled(self.as_of),
        }
    }

    fn admits_content(&self, it: &Facts) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == it.kind)
            && self.complement.as_ref().is_none_or(|name| it.complements.contains(name))
            && self.third.as_ref().is_none_or(|rfc| it.third.as_ref().is_some_and(|third| third.rfc == *rfc))
    }
}

enum Source {
    Folder(Folder),
    Generated(Box<Generator>),
}

/// A fixed set of documents, each known by its place in it.
pub struct Corpus(Source);

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Corpus({} documents)", self.len())
    }
}

impl Corpus {
    /// Nothing at all: an authority that answers 5004 to everybody.
    pub fn empty() -> Self {
        Self(Source::Folder(Folder::default()))
    }

    /// Every stamped document under a folder, with the cancellations of its `index.json`.
    pub fn from_dir(dir: &Path) -> Result<Self, FolderError> {
        Folder::read(dir, None).map(|it| Self(Source::Folder(it)))
    }

    /// As [`Corpus::from_dir`], with an index that lies elsewhere.
    pub fn from_dir_with_index(dir: &Path, index: &Path) -> Result<Self, FolderError> {
        Folder::read(dir, Some(index)).map(|it| Self(Source::Folder(it)))
    }

    /// `n` documents of one taxpayer and year, a function of the seed; none is held in memory.
    pub fn generate(n: u32, seed: u64, rfc: &str, year: i16, seals: Seals) -> Result<Self, GenerateError> {
        Generator::new(n, seed, rfc, year, seals).map(|it| Self(Source::Generated(Box::new(it))))
    }

    /// As [`Corpus::generate`] with real seals, of which so many documents are forged.
    pub fn forged(n: u32, seed: u64, rfc: &str, year: i16, forged: u32) -> Result<Self, GenerateError> {
        let generator = Generator::new(n, seed, rfc, year, Seals::Real)?.forge(forged)?;
        Ok(Self(Source::Generated(Box::new(generator))))
    }

    /// The same, with so many of a hundred generated documents cancelled some time after their emission.
    #[must_use]
    pub fn cancelling(self, percent: u8) -> Self {
        match self.0 {
            Source::Generated(it) => Self(Source::Generated(Box::new(it.cancelling(percent)))),
            folder => Self(folder),
        }
    }

    /// The documents that were forged, and how.
    pub fn forgeries(&self) -> Vec<(Uuid, Forgery)> {
        match &self.0 {
            Source::Folder(_) => Vec::new(),
            Source::Generated(it) => it.forged().collect(),
        }
    }

    /// The certificate of a number in DER, if it seals (or, for generated ones, stamps) a document here.
    pub fn certificate(&self, number: &str) -> std::io::Result<Option<Vec<u8>>> {
        match &self.0 {
            Source::Folder(it) => it.certificate(number),
            Source::Generated(it) => it.certificate(number).map_err(std::io::Error::other),
        }
    }

    /// Everybody but the main taxpayer who issued a document here, by RFC.
    pub fn counterparties(&self) -> Vec<Party> {
        let mut found: std::collections::BTreeMap<String, Party> = match &self.0 {
            Source::Folder(it) => it.documents.iter().map(|it| (it.facts.emisor.rfc.clone(), it.facts.emisor.clone())).collect(),
            Source::Generated(it) => it.issuers().map(|it| (it.rfc.clone(), it)).collect(),
        };
        if let (Source::Folder(_), Some((main, _))) = (&self.0, self.majority()) {
            found.remove(&main);
        }
        found.into_values().collect()
    }

    /// Whether its documents are sealed with keys that have to be made.
    pub(super) fn wants_keys(&self) -> bool {
        matches!(&self.0, Source::Generated(it) if it.wants_keys())
    }

    /// Seals its documents under that authority, with those keys.
    pub(super) fn attach(&self, authority: Authority, keys: &[Vec<u8>]) -> Result<(), CredentialError> {
        match &self.0 {
            Source::Folder(_) => Ok(()),
            Source::Generated(it) => it.attach(authority, keys),
        }
    }

    /// How many documents there are.
    pub fn len(&self) -> u32 {
        match &self.0 {
            Source::Folder(it) => it.documents.len() as u32,
            Source::Generated(it) => it.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The files of the folder that are no stamped documents, each with its reason.
    pub fn skipped(&self) -> &[Skipped] {
        match &self.0 {
            Source::Folder(it) => &it.skipped,
            Source::Generated(_) => &[],
        }
    }

    /// The facts of the document at a place.
    pub fn facts(&self, place: u32) -> Facts {
        match &self.0 {
            Source::Folder(it) => it.documents[place as usize].facts.clone(),
            Source::Generated(it) => it.facts(place),
        }
    }

    /// The original bytes of the document at a place.
    pub fn xml(&self, place: u32) -> std::io::Result<Vec<u8>> {
        match &self.0 {
            Source::Folder(it) => std::fs::read(&it.documents[place as usize].path),
            Source::Generated(it) => it.xml(place),
        }
    }

    /// The last characters of a document's seal, which the status service may be shown.
    pub(super) fn seal_tail(&self, place: u32) -> std::io::Result<String> {
        match &self.0 {
            Source::Folder(it) => Ok(it.documents[place as usize].seal_tail.clone()),
            Source::Generated(it) => it.seal_tail(place),
        }
    }

    /// The places that match, by emission.
    pub fn select(&self, filter: &Filter) -> Vec<u32> {
        let mut found: Vec<(DateTime, u32)> = (0..self.len())
            .filter(|place| self.emitted(*place).is_none_or(|at| filter.from <= at && at <= filter.to))
            .map(|place| (place, self.facts(place)))
            .filter(|(_, facts)| filter.admits(facts))
            .map(|(place, facts)| (facts.emitted, place))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, place)| place).collect()
    }

    /// The document of a UUID.
    pub fn find(&self, uuid: Uuid) -> Option<u32> {
        match &self.0 {
            Source::Folder(it) => it.documents.iter().position(|it| it.facts.uuid == uuid).map(|it| it as u32),
            Source::Generated(it) => it.find(uuid),
        }
    }

    /// The RFC found in most documents and the year that most of them bear.
    pub fn majority(&self) -> Option<(String, i16)> {
        let mut rfcs = std::collections::BTreeMap::<String, u32>::new();
        let mut years = std::collections::BTreeMap::<i16, u32>::new();
        for facts in (0..self.len()).map(|place| self.facts(place)).filter(|it| it.family == Family::Cfdi) {
            *years.entry(facts.emitted.year()).or_default() += 1;
            let own = facts.emisor.rfc == facts.receptor.rfc;
            *rfcs.entry(facts.emisor.rfc).or_default() += 1;
            if !own {
                *rfcs.entry(facts.receptor.rfc).or_default() += 1;
            }
        }
        let rfc = rfcs.into_iter().max_by_key(|(_, n)| *n)?.0;
        Some((rfc, years.into_iter().max_by_key(|(_, n)| *n)?.0))
    }

    fn emitted(&self, place: u32) -> Option<DateTime> {
        match &self.0 {
            Source::Folder(_) => None,
            Source::Generated(it) => Some(it.emitted(place)),
        }
    }
}
