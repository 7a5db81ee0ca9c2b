//! Real seals for generated documents: keys, certificates of issuers and of the certifier, and forgeries.
//!
//! Every issuer has a seal certificate of its own; the keys under them come from a small pool, because
//! making one takes longer than all else that a document costs. Certificates are a function of authority,
//! key and taxpayer, so that only the keys have to be kept to get the same documents again after a
//! restart. One key of the pool is nobody's: it makes the seals of forgers.

use super::people::Person;
use base64::Engine as _;
use fedatario_credentials::mint::{Authority, Sealer, Subject};
use fedatario_credentials::{CredentialError, Kind};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;
/// Keys that issuers share; the certifier and the forger have one more each.
const ISSUERS_KEYS: usize = 8;
/// All keys of a pool.
const POOL: usize = ISSUERS_KEYS + 2;
const CERTIFIERS_KEY: usize = ISSUERS_KEYS;
const FORGERS_KEY: usize = ISSUERS_KEYS + 1;
/// How numbers of seal certificates made here begin; e.firmas minted by the sandbox have another series.
const SERIES: &str = "300010000007";
/// The certifier's place in that series.
const CERTIFIERS_PLACE: u32 = 99_999_999;
/// The name of the certifier, who is as invented as its RFC.
const CERTIFIER: &str = "PROVEEDOR DE CERTIFICACION SIMULADO";

/// How a document was forged, after it had been sealed and stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// An amount was changed; stamp and seal stayed as they were.
    Amount,
    /// The issuer's seal is by a key that is not its certificate's; the stamp is over that seal.
    Seal,
    /// The seals in the stamp are those of another document; the folio stayed.
    Stamp,
}

impl Forgery {
    /// In the order in which they are dealt.
    pub(super) const ALL: [Self; 3] = [Self::Amount, Self::Seal, Self::Stamp];
}

/// A seal certificate, with the key that is under it.
#[derive(Debug)]
pub(in crate::sat) struct Csd {
    pub number: String,
    pub der: Vec<u8>,
    /// As it stands in a document.
    pub base64: String,
    key: usize,
}

/// What seals the documents of one corpus.
pub(in crate::sat) struct Shop {
    authority: Authority,
    keys: Vec<Sealer>,
    from: Timestamp,
    to: Timestamp,
    issued: Mutex<HashMap<u32, Arc<Csd>>>,
}

/// A pool of fresh keys in plain PKCS#8, made on all cores.
pub(in crate::sat) fn fresh_keys() -> Result<Vec<Vec<u8>>, CredentialError> {
    let made: Vec<_> = std::thread::scope(|scope| {
        let one = || Sealer::generate().and_then(|it| Ok(it.pkcs8_der()?.expose().to_vec()));
        let started: Vec<_> = (0..POOL).map(|_| scope.spawn(one)).collect();
        started.into_iter().map(|it| it.join().unwrap_or(Err(CredentialError::Crypto("no key could be generated")))).collect()
    });
    made.into_iter().collect()
}

fn january(year: i16) -> Result<Timestamp, CredentialError> {
    let first = jiff::civil::date(year, 1, 1).to_zoned(jiff::tz::TimeZone::UTC);
    first.map(|it| it.timestamp()).map_err(|_| CredentialError::Crypto("a year without a January"))
}

impl Shop {
    /// A shop under an authority; `keys` are a pool as [`fresh_keys`] makes it.
    pub fn new(authority: Authority, keys: &[Vec<u8>], year: i16) -> Result<Self, CredentialError> {
        if keys.len() != POOL {
            return Err(CredentialError::Crypto("a pool of another size"));
        }
        Ok(Self {
            authority,
            keys: keys.iter().map(|it| Sealer::load(it)).collect::<Result<_, _>>()?,
            from: january(year - 1)?,
            to: january(year + 3)?,
            issued: Mutex::default(),
        })
    }

    /// A shop of its own, for a corpus that no sandbox serves.
    pub fn fresh(year: i16) -> Result<Self, CredentialError> {
        Self::new(Authority::generate("AC SIMULADOR FEDATARIO", january(year - 1)?)?, &fresh_keys()?, year)
    }

    /// The seal certificate of an issuer.
    pub(super) fn issuer(&self, it: &Person) -> Result<Arc<Csd>, CredentialError> {
        self.csd(it.place, &it.rfc, &it.name, it.place as usize % ISSUERS_KEYS)
    }

    /// The certificate that stamps.
    pub fn certifier(&self) -> Result<Arc<Csd>, CredentialError> {
        self.csd(CERTIFIERS_PLACE, super::PAC, CERTIFIER, CERTIFIERS_KEY)
    }

    /// Whether a certificate number is of the series of this shop; its place there.
    pub fn place(number: &str) -> Option<u32> {
        number.strip_prefix(SERIES).filter(|it| it.len() == 8)?.parse().ok()
    }

    /// Whether that place is the certifier's.
    pub fn is_certifier(place: u32) -> bool {
        place == CERTIFIERS_PLACE
    }

    /// A seal over a text by the certificate's key, as a document holds it.
    pub fn seal(&self, by: &Csd, text: &str) -> Result<String, CredentialError> {
        Ok(BASE64.encode(self.keys[by.key].seal(text.as_bytes())?))
    }

    /// A seal over a text by nobody's key.
    pub fn forge(&self, text: &str) -> Result<String, CredentialError> {
        Ok(BASE64.encode(self.keys[FORGERS_KEY].seal(text.as_bytes())?))
    }

    fn csd(&self, place: u32, rfc: &str, name: &str, key: usize) -> Result<Arc<Csd>, CredentialError> {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = issued.get(&place) {
            return Ok(known.clone());
        }
        let company = rfc.chars().count() == 12;
        let subject = Subject {
            rfc: rfc.to_owned(),
            representative_rfc: company.then(|| "VADA800927DJ3".to_owned()),
            name: name.to_owned(),
            curp: None,
            branch: None,
        };
        let number = format!("{SERIES}{place:08}");
        let der = self.authority.certify(&subject, Kind::Csd, &number, self.from, self.to, &self.keys[key])?;
        let csd = Arc::new(Csd { number, base64: BASE64.encode(&der), der, key });
        issued.insert(place, csd.clone());
        Ok(csd)
    }
}
