//! PKCS#12 (`.pfx`, `.p12`), legacy and modern.
//!
//! Size, bags and the declared work of everything visible are checked before the first derivation;
//! what only appears after decrypting is charged to the same budget when it appears. The password
//! is tried as given and then, if that differs, in Unicode's composed form (NFC); every attempt
//! counts in the budget.

use crate::pbe::{self, PbeError, Scheme};
use crate::{Certificate, CredentialError, Pair, PrivateKey};
use ::pkcs12::cms::content_info::ContentInfo;
use ::pkcs12::cms::encrypted_data::EncryptedData;
use ::pkcs12::kdf::{Pkcs12KeyType, derive_key};
use ::pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use ::pkcs12::pfx::Pfx;
use ::pkcs12::safe_bag::{SafeBag, SafeContents};
use ::pkcs12::{AuthenticatedSafe, CertBag, MacData};
use aws_lc_rs::hmac;
use fedatario_base::Secret;
use unicode_normalization::UnicodeNormalization as _;
use x509_cert::der::asn1::{AnyRef, ContextSpecific, OctetString};
use x509_cert::der::{Any, Decode as _, Encode as _};
use zeroize::{Zeroize as _, Zeroizing};

/// Most bytes of a PKCS#12 file: a key and a long chain take a tenth of it.
pub const MAX_PKCS12_BYTES: usize = 256 * 1024;
/// Most bags in one file: a key, its certificate and a chain.
pub const MAX_BAGS: usize = 8;

const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
const KEY_BAG: &str = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG: &str = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE: &str = "1.2.840.113549.1.9.22.1";
const BROKEN: CredentialError = CredentialError::Pkcs12Format("its ASN.1 is broken");

/// Opens a file and finds the key with its certificate.
pub(crate) fn open(bytes: &[u8], password: &Secret) -> Result<Pair, CredentialError> {
    if bytes.len() > MAX_PKCS12_BYTES {
        return Err(CredentialError::Pkcs12Bounds("larger than 256 KiB"));
    }
    let attempts = attempts(password);
    let mut budget = Budget { attempts: attempts.len() as u64, work: 0, bags: 0 };
    let file = File::read(bytes, &mut budget)?;
    let mut outcome = Err(CredentialError::Password);
    for attempt in &attempts {
        outcome = file.open(attempt.expose(), &mut budget);
        if !matches!(outcome, Err(CredentialError::Password)) {
            break;
        }
    }
    outcome?.into_pair()
}

/// As given, then composed. What is not text has no second form.
fn attempts(password: &Secret) -> Vec<Secret> {
    let mut attempts = vec![password.duplicate()];
    if let Some(text) = password.expose_str() {
        let composed = Zeroizing::new(text.nfc().collect::<String>());
        if composed.as_bytes() != password.expose() {
            attempts.push(Secret::new(composed.as_bytes()));
        }
    }
    attempts
}

/// What one file may cost.
struct Budget {
    attempts: u64,
    work: u64,
    bags: usize,
}

impl Budget {
    fn charge(&mut self, cost: u64) -> Result<(), CredentialError> {
        self.work = self.work.saturating_add(cost.saturating_mul(self.attempts));
        if self.work > pbe::MAX_ITERATIONS { Err(CredentialError::Pkcs12Bounds("too many iterations")) } else { Ok(()) }
    }

    fn count(&mut self, bags: usize) -> Result<(), CredentialError> {
        self.bags += bags;
        if self.bags > MAX_BAGS { Err(CredentialError::Pkcs12Bounds("more than 8 bags")) } else { Ok(()) }
    }
}

/// A file whose visible work has been charged.
struct File {
    mac: Option<MacData>,
    signed: Vec<u8>,
    safes: Vec<Safe>,
}

enum Safe {
    Plain(Vec<Bag>),
    Encrypted(Scheme, Vec<u8>),
}

enum Bag {
    Key(Zeroizing<Vec<u8>>),
    Shrouded(Scheme, Vec<u8>),
    Certificate(Vec<u8>),
    /// Revocation lists, secrets: not our business, but counted.
    Ignored,
}

impl File {
    fn read(bytes: &[u8], budget: &mut Budget) -> Result<Self, CredentialError> {
        let pfx = Pfx::from_der(bytes).map_err(|_| BROKEN)?;
        if pfx.auth_safe.content_type.to_string() != DATA {
            return Err(CredentialError::Pkcs12Format("sealed for a public key, not by a password"));
        }
        if let Some(mac) = &pfx.mac_data {
            budget.charge(u64::from(pbe::bounded_iterations(i64::from(mac.iterations)).map_err(of_file)?))?;
        }
        let signed = octets(&pfx.auth_safe.content)?;
        let safes = AuthenticatedSafe::from_der(&signed).map_err(|_| BROKEN)?;
        if safes.len() > MAX_BAGS {
            return Err(CredentialError::Pkcs12Bounds("more than 8 bags"));
        }
        let safes = safes.iter().map(|it| Safe::read(it, budget)).collect::<Result<_, _>>()?;
        Ok(Self { mac: pfx.mac_data, signed, safes })
    }

    fn open(&self, password: &[u8], budget: &mut Budget) -> Result<Contents, CredentialError> {
        if let Some(mac) = &self.mac {
            verify(mac, password, &self.signed)?;
        }
        let mut contents = Contents::default();
        for safe in &self.safes {
            match safe {
                Safe::Plain(bags) => contents.take(bags, password)?,
                Safe::Encrypted(scheme, data) => {
                    let opened = scheme.open(password, data).map_err(of_file)?;
                    contents.take(&bags_after_decryption(&opened, budget)?, password)?;
                }
            }
        }
        Ok(contents)
    }
}

impl Safe {
    fn read(info: &ContentInfo, budget: &mut Budget) -> Result<Self, CredentialError> {
        match info.content_type.to_string().as_str() {
            DATA => Ok(Self::Plain(bags(&octets(&info.content)?, budget)?)),
            ENCRYPTED_DATA => {
                let data = info.content.decode_as::<EncryptedData>().map_err(|_| BROKEN)?.enc_content_info;
                let scheme = Scheme::read(&data.content_enc_alg).map_err(of_file)?;
                budget.charge(scheme.cost())?;
                Ok(Self::Encrypted(scheme, data.encrypted_content.ok_or(BROKEN)?.into_bytes().into()))
            }
            _ => Err(CredentialError::Pkcs12Format("a part of it is sealed for a public key")),
        }
    }
}

/// A wrong password that happens to unpad yields noise, and noise is no ASN.1; a bound or an
/// unknown scheme inside good ASN.1 is told as what it is.
fn bags_after_decryption(opened: &[u8], budget: &mut Budget) -> Result<Vec<Bag>, CredentialError> {
    SafeContents::from_der(opened).map_err(|_| CredentialError::Password)?;
    bags(opened, budget)
}

fn bags(der: &[u8], budget: &mut Budget) -> Result<Vec<Bag>, CredentialError> {
    let mut contents = SafeContents::from_der(der).map_err(|_| BROKEN)?;
    budget.count(contents.len())?;
    let bags = contents.iter().map(|it| Bag::read(it, budget)).collect();
    contents.iter_mut().for_each(|it| it.bag_value.zeroize()); // A bag may hold a key in the clear.
    bags
}

impl Bag {
    fn read(bag: &SafeBag, budget: &mut Budget) -> Result<Self, CredentialError> {
        match bag.bag_id.to_string().as_str() {
            KEY_BAG => {
                let value = ContextSpecific::<AnyRef<'_>>::from_der(&bag.bag_value).map_err(|_| BROKEN)?.value;
                Ok(Self::Key(Zeroizing::new(value.to_der().map_err(|_| BROKEN)?)))
            }
            SHROUDED_KEY_BAG => {
                let value = ContextSpecific::<EncryptedPrivateKeyInfo>::from_der(&bag.bag_value).map_err(|_| BROKEN)?.value;
                let scheme = Scheme::read(&value.encryption_algorithm).map_err(of_file)?;
                budget.charge(scheme.cost())?;
                Ok(Self::Shrouded(scheme, value.encrypted_data.as_bytes().to_vec()))
            }
            CERTIFICATE_BAG => {
                let value = ContextSpecific::<CertBag>::from_der(&bag.bag_value).map_err(|_| BROKEN)?.value;
                let is_x509 = value.cert_id.to_string() == X509_CERTIFICATE;
                Ok(if is_x509 { Self::Certificate(value.cert_value.as_bytes().to_vec()) } else { Self::Ignored })
            }
            _ => Ok(Self::Ignored),
        }
    }
}

/// What a file held.
#[derive(Default)]
struct Contents {
    keys: Vec<PrivateKey>,
    certificates: Vec<Certificate>,
    broken_certificate: Option<CredentialError>,
}

impl Contents {
    fn take(&mut self, bags: &[Bag], password: &[u8]) -> Result<(), CredentialError> {
        for bag in bags {
            match bag {
                Bag::Key(pkcs8) => self.keys.push(PrivateKey::from_pkcs8(pkcs8)?),
                Bag::Shrouded(scheme, data) => {
                    let opened = scheme.open(password, data).map_err(of_file)?;
                    self.keys.push(PrivateKey::from_pkcs8(&opened).map_err(crate::key::of_decrypted)?);
                }
                Bag::Certificate(der) => match Certificate::parse(der) {
                    Ok(certificate) => self.certificates.push(certificate),
                    // A chain may hold an authority we cannot use; it matters only if nothing else fits.
                    Err(error) => self.broken_certificate = Some(error),
                },
                Bag::Ignored => {}
            }
        }
        Ok(())
    }

    fn into_pair(self) -> Result<Pair, CredentialError> {
        if self.keys.is_empty() {
            return Err(CredentialError::Pkcs12Format("it holds no private key"));
        }
        if self.certificates.is_empty() {
            return Err(self.broken_certificate.unwrap_or(CredentialError::Pkcs12Format("it holds no certificate")));
        }
        let fits = |key: &PrivateKey| self.certificates.iter().find(|it| key.belongs_to(it)).cloned();
        let mut pairs = self.keys.into_iter().filter_map(|key| fits(&key).map(|it| (it, key)));
        let (certificate, key) = pairs.next().ok_or(CredentialError::KeyMismatch)?;
        // Which of two would sign is nothing to be guessed at; the same key twice is one.
        if pairs.any(|(other, _)| other.rsa_public_key() != certificate.rsa_public_key()) {
            return Err(CredentialError::Pkcs12Format("it holds more than one private key with a certificate"));
        }
        let along = self.certificates.into_iter().filter(|it| *it != certificate).collect();
        Ok(Pair::new(certificate, key)?.beside(along))
    }
}

fn octets(content: &Any) -> Result<Vec<u8>, CredentialError> {
    Ok(content.decode_as::<OctetString>().map_err(|_| BROKEN)?.into_bytes().into())
}

/// How a scheme's trouble is told of a PKCS#12 file.
fn of_file(error: PbeError) -> CredentialError {
    match error {
        PbeError::Format(what) => CredentialError::Pkcs12Format(what),
        PbeError::Bounds(what) => CredentialError::Pkcs12Bounds(what),
        PbeError::Password => CredentialError::Password,
    }
}

fn verify(mac: &MacData, password: &[u8], data: &[u8]) -> Result<(), CredentialError> {
    let text = pbe::as_bmp(password);
    macro_rules! key {
        ($digest:ty, $algorithm:expr) => {{
            let len = $algorithm.digest_algorithm().output_len();
            let key = derive_key::<$digest>(&text, mac.mac_salt.as_bytes(), Pkcs12KeyType::Mac, mac.iterations, len);
            hmac::Key::new($algorithm, &Zeroizing::new(key))
        }};
    }
    let key = match mac.mac.algorithm.oid.to_string().as_str() {
        "1.3.14.3.2.26" => key!(sha1::Sha1, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        "2.16.840.1.101.3.4.2.4" => key!(sha2::Sha224, hmac::HMAC_SHA224),
        "2.16.840.1.101.3.4.2.1" => key!(sha2::Sha256, hmac::HMAC_SHA256),
        "2.16.840.1.101.3.4.2.2" => key!(sha2::Sha384, hmac::HMAC_SHA384),
        "2.16.840.1.101.3.4.2.3" => key!(sha2::Sha512, hmac::HMAC_SHA512),
        _ => return Err(CredentialError::Pkcs12Format("a checksum we do not know")),
    };
    hmac::verify(&key, data, mac.mac.digest.as_bytes()).map_err(|_| CredentialError::Password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::mint::{Authority, Subject};

    #[test]
    fn a_file_whose_key_fits_no_certificate_is_a_mismatch() {
        let now = "2026-09-01T12:00:00Z".parse().unwrap();
        let authority = Authority::generate("AC", now).unwrap();
        let subject = Subject { rfc: "AAA010101AAA".into(), representative_rfc: None, name: "A".into(), curp: None, branch: None };
        let minted = authority.issue(&subject, Kind::Fiel, "30001000000500000001", now, now).unwrap();
        let key = PrivateKey::from_pkcs8(minted.pkcs8_der.expose()).unwrap();
        let mismatched =
            Contents { keys: vec![key], certificates: vec![authority.certificate().clone()], broken_certificate: None };
        assert_eq!(mismatched.into_pair().err(), Some(CredentialError::KeyMismatch));
        let keyless = Contents { keys: vec![], certificates: vec![authority.certificate().clone()], broken_certificate: None };
        assert_eq!(keyless.into_pair().err(), Some(CredentialError::Pkcs12Format("it holds no private key")));
        fedatario_testkit::covers!("credentials: a PKCS#12 file whose key fits no certificate is a mismatch");
    }

    #[test]
    fn work_and_bags_are_refused_once_the_budget_is_spent() {
        let mut budget = Budget { attempts: 2, work: 0, bags: 0 };
        assert!(budget.charge(1_000_000).is_ok());
        assert_eq!(budget.charge(1), Err(CredentialError::Pkcs12Bounds("too many iterations")));
        assert!(budget.count(8).is_ok());
        assert_eq!(budget.count(1), Err(CredentialError::Pkcs12Bounds("more than 8 bags")));
        fedatario_testkit::covers!("credentials: the budget of a PKCS#12 file counts work over all attempts, and bags");
    }
}
