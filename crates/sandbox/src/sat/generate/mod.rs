//! A corpus of any size out of a seed: nothing is kept but the numbers that make it.
//!
//! Every fact of a document, and every byte of its XML, is recomputed when asked for, so that two
//! hundred thousand documents cost what ten do. The XML is what the official schemas accept; the
//! first documents stand on the edges of months and halves, where windows go wrong. Seals are filler,
//! right in shape and verified by nobody, or real ones by minted certificates, and then some documents
//! can be forged.

mod dice;
mod document;
mod people;
pub(super) mod seals;

use super::corpus::{Facts, Family, Party};
use dice::Dice;
use fedatario_credentials::CredentialError;
use fedatario_credentials::mint::Authority;
use jiff::civil::{Date, DateTime, date};
use jiff::{SignedDuration, ToSpan};
use people::Person;
use seals::{Csd, Shop};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

pub use seals::Forgery;

/// RFC of the invented certifier that stamps generated documents.
const PAC: &str = "SPR190613I52";
/// Seconds between emission and stamping.
const STAMPING_SECONDS: i64 = 31;
/// Most documents one generator makes: what a taxpayer with a full year of full months has.
const MAX_DOCUMENTS: u32 = 20_000_000;

/// Most documents that are forged: they are listed one by one.
const MAX_FORGED: u32 = 100_000;

/// Odd, so that multiplying by it can be undone: neighbours get UUIDs far apart, as an index meets
/// them in life.
const SCATTER: u32 = 0x9E37_79B1;

/// The number that undoes a multiplication by an odd one (Newton's method, each step doubles the bits).
const fn inverse(odd: u32) -> u32 {
    let mut found = odd;
    let mut step = 0;
    while step < 4 {
        found = found.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(found)));
        step += 1;
    }
    found
}

/// What the seals of generated documents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seals {
    /// Base64 of the right length, verified by nobody.
    Filler,
    /// Made with a minted seal certificate over the original string.
    Real,
}

/// Why a corpus cannot be generated.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GenerateError {
    /// Filler seals cannot be forged, and no more documents than there are.
    #[error("only documents with real seals can be forged, and at most {MAX_FORGED} or all of them")]
    Forged,
    /// The RFC has no shape of an RFC.
    #[error("`{0}` is no RFC")]
    Rfc(String),
    /// A year outside of CFDI 4.0.
    #[error("year {0} is outside 2022 to 2100, the years that CFDI 4.0 can bear here")]
    Year(i16),
    /// More than a generator makes.
    #[error("at most {MAX_DOCUMENTS} documents can be generated")]
    TooMany,
}

impl GenerateError {
    /// Its place in the table of error codes.
    pub fn code(&self) -> fedatario_base::Code {
        match self {
            Self::Rfc(_) => fedatario_base::Code::RfcFormat,
            Self::Forged | Self::Year(_) | Self::TooMany => fedatario_base::Code::Usage,
        }
    }
}

/// The kinds of comprobante, as the generator deals them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ingreso,
    Egreso,
    Pago,
    Nomina,
    Traslado,
}

impl Kind {
    fn letter(self) -> &'static str {
        match self {
            Kind::Ingreso => "I",
            Kind::Egreso => "E",
            Kind::Pago => "P",
            Kind::Nomina => "N",
            Kind::Traslado => "T",
        }
    }
}

/// What decides about a document before a single string is made.
#[derive(Debug, Clone)]
struct Sketch {
    emitted: DateTime,
    kind: Kind,
    issued: bool,
    person: u64,
    cancelled_after: Option<SignedDuration>,
    on_account: bool,
    to_public: bool,
}

/// A corpus that is a function of its numbers.
pub(super) struct Generator {
    n: u32,
    seed: u64,
    year: i16,
    owner: Person,
    people: Vec<Person>,
    employees: Vec<Person>,
    seals: Seals,
    shop: OnceLock<Shop>,
    forged: BTreeMap<u32, Forgery>,
    cancelled_percent: u8,
}

/// How many of a hundred generated documents are cancelled in the end, if nothing else is said.
const CANCELLED_PERCENT: u8 = 5;

impl Generator {
    pub fn new(n: u32, seed: u64, rfc: &str, year: i16, seals: Seals) -> Result<Self, GenerateError> {
        if !super::rules::is_rfc(rfc) {
            return Err(GenerateError::Rfc(rfc.to_owned()));
        }
        if !(2022..=2100).contains(&year) {
            return Err(GenerateError::Year(year));
        }
        if n > MAX_DOCUMENTS {
            return Err(GenerateError::TooMany);
        }
        let all = 0..people::COUNTERPARTIES;
        Ok(Self {
            n,
            seed,
            year,
            owner: Person::owner(rfc),
            people: all.clone().map(|it| Person::of(seed, it)).collect(),
            employees: all.map(|it| Person::employee(seed, it)).collect(),
            seals,
            shop: OnceLock::new(),
            forged: BTreeMap::new(),
            cancelled_percent: CANCELLED_PERCENT,
        })
    }

    /// Lets so many documents be forgeries, spread over all, of each kind in turn.
    pub fn forge(mut self, count: u32) -> Result<Self, GenerateError> {
        if count > 0 && (self.seals == Seals::Filler || count > MAX_FORGED.min(self.n)) {
            return Err(GenerateError::Forged);
        }
        let edge = |part: u32| (u64::from(part) * u64::from(self.n) / u64::from(count.max(1))) as u32;
        let place = |part: u32| {
            let wide = u64::from(edge(part + 1) - edge(part));
            edge(part) + Dice::of(self.seed, part.into(), 11).below(wide) as u32
        };
        self.forged = (0..count).map(|it| (place(it), Forgery::ALL[it as usize % Forgery::ALL.len()])).collect();
        Ok(self)
    }

    /// Lets so many of a hundred documents be cancelled some time after their emission; transfers never are.
    pub fn cancelling(mut self, percent: u8) -> Self {
        self.cancelled_percent = percent;
        self
    }

    /// The forged documents: place, and how.
    pub fn forged(&self) -> impl Iterator<Item = (Uuid, Forgery)> {
        self.forged.iter().map(|(place, how)| (self.uuid(*place), *how))
    }

    /// Whether it takes keys to make its documents.
    pub fn wants_keys(&self) -> bool {
        self.seals == Seals::Real
    }

    /// Seals under that authority from now on.
    pub fn attach(&self, authority: Authority, keys: &[Vec<u8>]) -> Result<(), CredentialError> {
        let shop = Shop::new(authority, keys, self.year)?;
        self.shop.set(shop).map_err(|_| CredentialError::Crypto("the documents are sealed under another authority already"))
    }

    /// What seals the documents, if their seals are real.
    fn shop(&self) -> Result<Option<&Shop>, CredentialError> {
        if self.seals == Seals::Filler {
            return Ok(None);
        }
        match self.shop.get() {
            Some(shop) => Ok(Some(shop)),
            None => {
                let made = Shop::fresh(self.year)?;
                Ok(Some(self.shop.get_or_init(|| made)))
            }
        }
    }

    /// The certificate of a number, if it seals or stamps any of the documents.
    pub fn certificate(&self, number: &str) -> Result<Option<Vec<u8>>, CredentialError> {
        let (Some(shop), Some(place)) = (self.shop()?, Shop::place(number)) else { return Ok(None) };
        if Shop::is_certifier(place) {
            return shop.certifier().map(|it| Some(it.der.clone()));
        }
        let issuers = std::iter::once(&self.owner).chain(&self.people);
        let issuer = issuers.into_iter().find(|it| it.place == place);
        Ok(issuer.map(|it| shop.issuer(it)).transpose()?.map(|it: Arc<Csd>| it.der.clone()))
    }

    /// Everybody who may issue a document to the owner.
    pub fn issuers(&self) -> impl Iterator<Item = Party> {
        self.people.iter().map(|it| Party { rfc: it.rfc.clone(), name: it.name.clone() })
    }

    pub fn len(&self) -> u32 {
        self.n
    }

    pub fn emitted(&self, place: u32) -> DateTime {
        emitted(self.seed, self.year, place)
    }

    /// The UUID holds its own place, scattered as real ones are, so that a search is one step.
    pub fn find(&self, uuid: Uuid) -> Option<u32> {
        let bytes = uuid.as_bytes();
        let head = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let place = head.wrapping_mul(inverse(SCATTER)) ^ self.mask();
        (place < self.n && self.uuid(place) == uuid).then_some(place)
    }

    pub fn facts(&self, place: u32) -> Facts {
        let sketch = self.sketch(place);
        let (emisor, receptor) = self.parties(&sketch);
        let party = |it: &Person| Party { rfc: it.rfc.clone(), name: it.name.clone() };
        Facts {
            family: Family::Cfdi,
            uuid: self.uuid(place),
            kind: sketch.kind.letter().to_owned(),
            emisor: party(&emisor),
            receptor: party(&receptor),
            pac: PAC.to_owned(),
            emitted: sketch.emitted,
            stamped: sketch.emitted.saturating_add(STAMPING_SECONDS.seconds()),
            total: document::total(self, place, &sketch),
            cancelled: sketch.cancelled_after.map(|after| sketch.emitted.saturating_add(after)),
            third: sketch.on_account.then(|| party(&self.third(place))),
            complements: document::complements(sketch.kind),
        }
    }

    pub fn xml(&self, place: u32) -> std::io::Result<Vec<u8>> {
        document::xml(self, place).map(String::into_bytes).map_err(std::io::Error::other)
    }

    /// The last characters of its seal.
    pub fn seal_tail(&self, place: u32) -> std::io::Result<String> {
        let seal = document::seal(self, place).map_err(std::io::Error::other)?;
        Ok(seal[seal.len() - 8..].to_owned())
    }

    fn mask(&self) -> u32 {
        Dice::of(self.seed, 0, 0x3A5C).next() as u32
    }

    fn uuid(&self, place: u32) -> Uuid {
        let mut bytes: [u8; 16] = Dice::of(self.seed, place.into(), 1).bytes(16).try_into().expect("sixteen bytes");
        bytes[..4].copy_from_slice(&(place ^ self.mask()).wrapping_mul(SCATTER).to_be_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn sketch(&self, place: u32) -> Sketch {
        let mut dice = Dice::of(self.seed, place.into(), 2);
        let issued = dice.chance(55);
        let kind = self.kind(issued, &mut dice);
        let person = dice.below(people::COUNTERPARTIES);
        let cancelled = dice.chance(self.cancelled_percent.into()) && kind != Kind::Traslado;
        let cancelled_after = cancelled.then(|| SignedDuration::from_secs(dice.between(3_600, 60 * 86_400)));
        let on_account = issued && kind == Kind::Ingreso && dice.chance(2);
        let to_public = issued && kind == Kind::Ingreso && !on_account && dice.chance(5);
        Sketch { emitted: self.emitted(place), kind, issued, person, cancelled_after, on_account, to_public }
    }

    fn kind(&self, issued: bool, dice: &mut Dice) -> Kind {
        match dice.below(100) {
            0..62 => Kind::Ingreso,
            62..78 => Kind::Pago,
            78..86 => Kind::Egreso,
            // Payroll goes to natural persons: a company receives none.
            86..96 if issued || self.owner.natural => Kind::Nomina,
            96.. if issued => Kind::Traslado,
            _ => Kind::Ingreso,
        }
    }

    fn parties(&self, sketch: &Sketch) -> (Person, Person) {
        let other = match sketch.kind {
            Kind::Nomina if sketch.issued => self.employees[sketch.person as usize].clone(),
            Kind::Nomina => {
                self.people.iter().cycle().skip(sketch.person as usize).find(|it| !it.natural).expect("a company").clone()
            }
            Kind::Traslado => self.owner.clone(),
            _ if sketch.to_public => self.public(),
            _ => self.people[sketch.person as usize].clone(),
        };
        if sketch.issued { (self.owner.clone(), other) } else { (other, self.owner.clone()) }
    }

    /// The general public, whose address is that of the issuer.
    fn public(&self) -> Person {
        Person {
            place: u32::MAX,
            rfc: "XAXX010101000".into(),
            name: "PUBLICO EN GENERAL".into(),
            postcode: self.owner.postcode,
            natural: true,
        }
    }

    fn third(&self, place: u32) -> Person {
        self.employees[Dice::of(self.seed, place.into(), 3).below(people::COUNTERPARTIES) as usize].clone()
    }
}

/// Emission: office hours of any day, and the first documents exactly on the edges of windows.
fn emitted(seed: u64, year: i16, place: u32) -> DateTime {
    let january = date(year, 1, 1);
    let edges = [(1, 1), (7, 1), (2, 1), (3, 1)];
    match place {
        0..4 => {
            let (month, day) = edges[place as usize];
            date(year, month, day).at(0, 0, 0, 0)
        }
        4..8 => last_second_before(year, [(1, 1), (7, 1), (2, 1), (3, 1)][place as usize - 4]),
        _ => {
            let mut dice = Dice::of(seed, place.into(), 0);
            let day = january.saturating_add((dice.below(january.days_in_year() as u64) as i64).days());
            day.at(8, 0, 0, 0).saturating_add(dice.between(0, 12 * 3_600).seconds())
        }
    }
}

fn last_second_before(year: i16, (month, day): (i8, i8)) -> DateTime {
    let next: Date = if month == 1 { date(year + 1, 1, 1) } else { date(year, month, day) };
    next.at(0, 0, 0, 0).saturating_sub(1.second())
}

#[cfg(test)]
mod tests;
