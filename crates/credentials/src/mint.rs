//! Test authorities: certificates and keys shaped as SAT issues them, and as those of the Dominican
//! Republic and of Panama are ([`people`]).
//!
//! For the sandbox and for tests. An [`Authority`] is a self-signed root with the attributes of an issuer
//! of its country; what SAT's issues has SAT's subjects (RFC under 2.5.4.45, `RFC / RFC` for companies,
//! T61String with Latin-1 where a text has `&`, `Ñ` or accents), serials of 20 ASCII digits,
//! extensions by kind, and key files encrypted as SAT's are; every pair can be written as a PKCS#12
//! archive too ([`archive`]). Nothing minted here is trusted by
//! anybody but those who add its root.

mod archive;
pub mod people;

pub use archive::{ARCHIVE_ROUNDS, archive_of};
pub use people::{Country, Person};

use crate::{Certificate, CredentialError, Kind, PrivateKey, pem};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use fedatario_base::Secret;
use jiff::Timestamp;
use pkcs5::pbes2;
use std::time::Duration;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{BitString, ContextSpecific, Int, ObjectIdentifier, OctetString, SetOfVec};
use x509_cert::der::{Any, DateTime, Decode as _, Encode, Tag, TagMode, TagNumber};
use x509_cert::time::Time;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 in a key file: SAT's own number.
const KEY_FILE_ROUNDS: u32 = 2048;
/// The serial of an authority's own certificate.
const AUTHORITY_NUMBER: &str = "30001000000599990000";
/// The number of an authority under another.
const SUBORDINATE_NUMBER: &str = "30001000000500000002";
/// How long an authority is valid.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// Whom to name in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The RFC of the person or company.
    pub rfc: String,
    /// The RFC of a company's representative.
    pub representative_rfc: Option<String>,
    /// The name.
    pub name: String,
    /// The CURP of the person or of the representative.
    pub curp: Option<String>,
    /// The branch; only a seal names it, `Sucursal 1` if there is none here.
    pub branch: Option<String>,
}

/// A certificate and key fresh from an authority.
pub struct Minted {
    /// The certificate, as in a `.cer` file.
    pub cer_der: Vec<u8>,
    /// The key as plain PKCS#8.
    pub pkcs8_der: Secret,
}

/// A test key made ready once, that makes seals over SHA-256. A taxpayer's key stays in the vault, which
/// signs no bytes that it does not understand; this is for keys that protect nothing.
pub struct Sealer(KeyPair);

/// A root that issues test certificates.
pub struct Authority {
    certificate: Certificate,
    key: PrivateKey,
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Minted(…)")
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Sealer {
    /// A fresh key.
    pub fn generate() -> Result<Self, CredentialError> {
        generate_key().map(Self)
    }

    /// A key in plain PKCS#8, as [`Sealer::pkcs8_der`] gives it.
    pub fn load(pkcs8_der: &[u8]) -> Result<Self, CredentialError> {
        KeyPair::from_pkcs8(pkcs8_der).map(Self).map_err(|_| CredentialError::Crypto("the key cannot seal"))
    }

    /// The key in plain PKCS#8, to be loaded again.
    pub fn pkcs8_der(&self) -> Result<Secret, CredentialError> {
        Ok(Secret::new(pkcs8(&self.0)?.as_slice()))
    }

    /// The seal of a message.
    pub fn seal(&self, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        let mut sello = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), message, &mut sello)
            .map_err(|_| CredentialError::Crypto("the message could not be sealed"))?;
        Ok(sello)
    }
}

impl Minted {
    /// The `.key` file: PKCS#8 under PBES2, PBKDF2 with HMAC-SHA1, 2,048 rounds, three-key DES.
    pub fn key_file(&self, password: &Secret) -> Result<Vec<u8>, CredentialError> {
        let mut random = [0u8; 16];
        rand::fill(&mut random).map_err(|_| CredentialError::Crypto("no entropy"))?;
        let (salt, iv) = random.split_at(8);
        let parameters = pbes2::Parameters {
            kdf: pbes2::Kdf::Pbkdf2(pbes2::Pbkdf2Params {
                salt: salt.try_into().map_err(|_| CredentialError::Crypto("salt"))?,
                iteration_count: KEY_FILE_ROUNDS,
                key_length: None,
                prf: pbes2::Pbkdf2Prf::HmacWithSha1,
            }),
            encryption: pbes2::EncryptionScheme::DesEde3Cbc { iv: iv.try_into().expect("eight of sixteen bytes") },
        };
        let data = parameters.encrypt(password.expose(), self.pkcs8_der.expose());
        let data = data.map_err(|_| CredentialError::Crypto("the key could not be encrypted"))?;
        let algorithm = sequence(&[oid("1.2.840.113549.1.5.13")?, any(&parameters)?])?;
        sequence(&[algorithm, any(&OctetString::new(data).map_err(asn1)?)?])?.to_der().map_err(asn1)
    }
}

impl Authority {
    /// A fresh root like SAT's, valid from a day before `now`.
    pub fn generate(common_name: &str, now: Timestamp) -> Result<Self, CredentialError> {
        Self::generate_in(Country::Mexico, common_name, now)
    }

    /// A fresh root like those of a country, valid from a day before `now`.
    pub fn generate_in(country: Country, common_name: &str, now: Timestamp) -> Result<Self, CredentialError> {
        Self::made(country, common_name, now, None)
    }

    /// An authority that this one lets issue certificates, as those of a country, valid from a day before `now`.
    pub fn subordinate(&self, country: Country, common_name: &str, now: Timestamp) -> Result<Self, CredentialError> {
        Self::made(country, common_name, now, Some(self))
    }

    fn made(country: Country, common_name: &str, now: Timestamp, above: Option<&Self>) -> Result<Self, CredentialError> {
        let pair = generate_key()?;
        let name = match country {
            Country::Mexico => authority_name(common_name)?,
            Country::DominicanRepublic => people::dominican_authority(common_name)?,
            Country::Panama => people::panamanian_authority(common_name)?,
        };
        let day = Duration::from_secs(24 * 3600);
        let issuer = match above {
            Some(above) => Any::from_der(above.certificate.subject_der()).map_err(asn1)?,
            None => name.clone(),
        };
        let body = Body {
            serial: if above.is_some() { SUBORDINATE_NUMBER } else { AUTHORITY_NUMBER }.as_bytes(),
            issuer,
            subject: name,
            not_before: now.saturating_sub(day).unwrap_or(Timestamp::UNIX_EPOCH),
            not_after: now.saturating_add(AUTHORITY_LIFETIME).unwrap_or(Timestamp::MAX),
            public_key: pair.public_key().as_ref(),
            extensions: authority_extensions()?,
        };
        let signed = match above {
            Some(above) => body.signed_by(&above.signer()?)?,
            None => body.signed_by(&pair)?,
        };
        let certificate = Certificate::parse(&signed)?;
        Ok(Self { certificate, key: PrivateKey::from_pkcs8(&pkcs8(&pair)?)? })
    }

    /// From a certificate and a plain key, in any of their forms.
    pub fn load(certificate: &[u8], key: &[u8]) -> Result<Self, CredentialError> {
        let certificate = Certificate::parse(certificate)?;
        let key = PrivateKey::open(key, &Secret::new(""))?;
        if key.belongs_to(&certificate) { Ok(Self { certificate, key }) } else { Err(CredentialError::KeyMismatch) }
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its own certificate as PEM, for whoever is to trust it.
    pub fn certificate_pem(&self) -> String {
        pem::encode("CERTIFICATE", self.certificate.der()).to_string()
    }

    /// Its key as plain PKCS#8 in PEM, to be loaded again.
    pub fn key_pem(&self) -> Secret {
        Secret::new(pem::encode("PRIVATE KEY", self.key.pkcs8_der()).as_bytes())
    }

    /// Issues an e.firma or a seal with a fresh key.
    pub fn issue(
        &self,
        subject: &Subject,
        kind: Kind,
        number: &str,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Result<Minted, CredentialError> {
        let key = Sealer::generate()?;
        let cer_der = self.certify(subject, kind, number, not_before, not_after, &key)?;
        Ok(Minted { cer_der, pkcs8_der: key.pkcs8_der()? })
    }

    /// A certificate for a key that there is already. The same words give the same bytes.
    pub fn certify(
        &self,
        subject: &Subject,
        kind: Kind,
        number: &str,
        not_before: Timestamp,
        not_after: Timestamp,
        key: &Sealer,
    ) -> Result<Vec<u8>, CredentialError> {
        let body = Body {
            serial: number.as_bytes(),
            issuer: Any::from_der(self.certificate.subject_der()).map_err(asn1)?,
            subject: subject_name(subject, kind)?,
            not_before,
            not_after,
            public_key: key.0.public_key().as_ref(),
            extensions: extensions(kind)?,
        };
        body.signed_by(&self.signer()?)
    }

    fn signer(&self) -> Result<KeyPair, CredentialError> {
        KeyPair::from_pkcs8(self.key.pkcs8_der()).map_err(|_| CredentialError::Crypto("the authority's key"))
    }
}

fn generate_key() -> Result<KeyPair, CredentialError> {
    KeyPair::generate(KeySize::Rsa2048).map_err(|_| CredentialError::Crypto("no key could be generated"))
}

fn pkcs8(pair: &KeyPair) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair);
    der.map(|it| Zeroizing::new(it.as_ref().to_vec())).map_err(|_| CredentialError::Crypto("the key has no PKCS#8 form"))
}

/// The parts of a certificate that vary.
struct Body<'a> {
    serial: &'a [u8],
    issuer: Any,
    subject: Any,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: &'a [u8],
    extensions: Any,
}

impl Body<'_> {
    fn signed_by(&self, issuer: &KeyPair) -> Result<Vec<u8>, CredentialError> {
        let octets = self.octets()?.to_der().map_err(asn1)?;
        let mut signature = vec![0; issuer.public_modulus_len()];
        issuer
            .sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), &octets, &mut signature)
            .map_err(|_| CredentialError::Crypto("the certificate could not be signed"))?;
        let certificate = [Any::from_der(&octets).map_err(asn1)?, rsa_with_sha256()?, bits(&signature)?];
        sequence(&certificate)?.to_der().map_err(asn1)
    }

    fn octets(&self) -> Result<Any, CredentialError> {
        let rsa = sequence(&[oid("1.2.840.113549.1.1.1")?, Any::null()])?;
        sequence(&[
            explicit(0, Any::new(Tag::Integer, [2u8]).map_err(asn1)?)?,
            any(&Int::new(self.serial).map_err(asn1)?)?,
            rsa_with_sha256()?,
            self.issuer.clone(),
            sequence(&[time(self.not_before)?, time(self.not_after)?])?,
            self.subject.clone(),
            sequence(&[rsa, bits(self.public_key)?])?,
            explicit(3, self.extensions.clone())?,
        ])
    }
}

fn authority_name(common_name: &str) -> Result<Any, CredentialError> {
    name(&[
        ("2.5.4.3", common_name),
        ("2.5.4.10", "SERVICIO DE ADMINISTRACION TRIBUTARIA (SIMULADO)"),
        ("2.5.4.11", "SIMULADOR-IES Authority"),
        ("1.2.840.113549.1.9.1", "nadie@example.test"),
        ("2.5.4.9", "Calle Inventada 77, Col. Prueba"),
        ("2.5.4.17", "06370"),
        ("2.5.4.6", "MX"),
        ("2.5.4.8", "CIUDAD DE MEXICO"),
        ("2.5.4.7", "COYOACAN"),
        ("2.5.4.45", "SAT970701NN3"),
        ("1.2.840.113549.1.9.2", "responsable: SIMULADOR"),
    ])
}

/// The order of attributes is SAT's.
fn subject_name(subject: &Subject, kind: Kind) -> Result<Any, CredentialError> {
    let (rfc, curp) = match &subject.representative_rfc {
        Some(representative) => (format!("{} / {representative}", subject.rfc), subject.curp.as_ref().map(|it| format!(" / {it}"))),
        None => (subject.rfc.clone(), subject.curp.clone()),
    };
    let mut attributes = vec![("2.5.4.3", subject.name.as_str()), ("2.5.4.41", &subject.name), ("2.5.4.10", &subject.name)];
    if kind == Kind::Fiel {
        attributes.extend([("2.5.4.6", "MX"), ("1.2.840.113549.1.9.1", "nadie@example.test")]);
    }
    attributes.push(("2.5.4.45", &rfc));
    if let Some(curp) = &curp {
        attributes.push(("2.5.4.5", curp));
    }
    if kind == Kind::Csd {
        attributes.push(("2.5.4.11", subject.branch.as_deref().unwrap_or("Sucursal 1")));
    }
    name(&attributes)
}

fn name(attributes: &[(&str, &str)]) -> Result<Any, CredentialError> {
    let rdn = |(oid, text): &(&str, &str)| {
        let value = AttributeTypeAndValue { oid: identifier(oid)?, value: text_value(oid, text)? };
        any(&SetOfVec::try_from([value]).map_err(asn1)?)
    };
    sequence(&attributes.iter().map(rdn).collect::<Result<Vec<_>, _>>()?)
}

/// Latin-1 under the tag of T61String where PrintableString cannot hold it: wrong by the standard,
/// and what SAT does.
fn text_value(oid: &str, text: &str) -> Result<Any, CredentialError> {
    const EMAIL: &str = "1.2.840.113549.1.9.1";
    let printable = |it: char| it.is_ascii_alphanumeric() || " '()+,-./:=?".contains(it);
    let latin1: Option<Vec<u8>> = text.chars().map(|it| u8::try_from(u32::from(it)).ok()).collect();
    let (tag, bytes) = match latin1 {
        Some(bytes) if oid == EMAIL => (Tag::Ia5String, bytes),
        Some(bytes) if text.chars().all(printable) => (Tag::PrintableString, bytes),
        Some(bytes) => (Tag::TeletexString, bytes),
        None => (Tag::Utf8String, text.as_bytes().to_vec()),
    };
    Any::new(tag, bytes).map_err(asn1)
}

fn authority_extensions() -> Result<Any, CredentialError> {
    sequence(&[
        extension("2.5.29.19", true, &[0x30, 0x03, 0x01, 0x01, 0xff])?,
        extension("2.5.29.15", true, &[0x03, 0x02, 0x01, 0x86])?, // digitalSignature, keyCertSign, cRLSign
    ])
}

/// A seal has two extensions, an e.firma four.
fn extensions(kind: Kind) -> Result<Any, CredentialError> {
    let leaf = extension("2.5.29.19", true, &[0x30, 0x00])?;
    if kind != Kind::Fiel {
        return sequence(&[leaf, extension("2.5.29.15", false, &[0x03, 0x02, 0x06, 0xc0])?]);
    }
    let uses = sequence(&[oid("1.3.6.1.5.5.7.3.4")?, oid("1.3.6.1.5.5.7.3.2")?])?.to_der().map_err(asn1)?;
    sequence(&[
        leaf,
        extension("2.5.29.15", false, &[0x03, 0x02, 0x03, 0xd8])?, // and dataEncipherment, keyAgreement
        extension("2.16.840.1.113730.1.1", false, &[0x03, 0x02, 0x05, 0xa0])?,
        extension("2.5.29.37", false, &uses)?,
    ])
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Result<Any, CredentialError> {
    let value = any(&OctetString::new(value).map_err(asn1)?)?;
    if critical { sequence(&[oid(id)?, any(&true)?, value]) } else { sequence(&[oid(id)?, value]) }
}

fn rsa_with_sha256() -> Result<Any, CredentialError> {
    sequence(&[oid("1.2.840.113549.1.1.11")?, Any::null()])
}

fn time(at: Timestamp) -> Result<Any, CredentialError> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| CredentialError::Crypto("a validity before 1970"))?;
    let instant = DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(asn1)?;
    Any::from_der(&Time::from(instant).to_der().map_err(asn1)?).map_err(asn1)
}

fn bits(bytes: &[u8]) -> Result<Any, CredentialError> {
    any(&BitString::from_bytes(bytes).map_err(asn1)?)
}

fn identifier(text: &str) -> Result<ObjectIdentifier, CredentialError> {
    ObjectIdentifier::new(text).map_err(|_| CredentialError::Crypto("an object identifier"))
}

fn oid(text: &str) -> Result<Any, CredentialError> {
    any(&identifier(text)?)
}

fn explicit(number: u32, value: Any) -> Result<Any, CredentialError> {
    let tagged = ContextSpecific { tag_number: TagNumber(number), tag_mode: TagMode::Explicit, value };
    Any::from_der(&tagged.to_der().map_err(asn1)?).map_err(asn1)
}

fn sequence(parts: &[Any]) -> Result<Any, CredentialError> {
    any(&parts.to_vec())
}

fn any<T: Encode>(value: &T) -> Result<Any, CredentialError> {
    Any::from_der(&value.to_der().map_err(asn1)?).map_err(asn1)
}

fn asn1(_: x509_cert::der::Error) -> CredentialError {
    CredentialError::Crypto("the certificate could not be encoded")
}
