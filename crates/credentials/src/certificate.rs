//! X.509 certificates: who they name, until when, and what they are for.
//!
//! Parsing accepts DER, PEM and bare base64 and reads everything once; afterwards nothing can
//! fail. A certificate whose subject carries no RFC still parses (authorities have none):
//! [`Certificate::require_rfc`] and [`Certificate::require_fiel`] are where that is refused.

use crate::holder::Holder;
use crate::issuer::{self, Attribute, IssuerStyle};
use crate::{CredentialError, pem};
use aws_lc_rs::{digest, signature};
use jiff::Timestamp;
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::time::Time;

/// Most bytes of a certificate in any of its forms. SAT's are about 2 KiB; base64 adds a third.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;

/// Most bytes of a file of authorities: the bundles of whole countries have a tenth of it.
pub const MAX_BUNDLE_BYTES: usize = 1024 * 1024;

const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
const COMMON_NAME: &str = "2.5.4.3";
const SERIAL_NUMBER: &str = "2.5.4.5";
const COUNTRY: &str = "2.5.4.6";
const BRANCH: &str = "2.5.4.11";
const NAME: &str = "2.5.4.41";
const UNIQUE_IDENTIFIER: &str = "2.5.4.45";
/// Extensions that may be critical: what they say is heeded here, or is no matter of a chain (key
/// identifiers, names of the holder, policies, uses of a holder's key, places of revocation lists).
const UNDERSTOOD: [&str; 9] =
    ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.31", "2.5.29.32", "2.5.29.35", "2.5.29.37", "1.3.6.1.5.5.7.1.1"];

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An e.firma: no branch in its subject.
    Fiel,
    /// A *certificado de sello digital*: its subject names a branch.
    Csd,
    /// An authority, or a service of one.
    Authority,
    /// Anything else: its subject has no RFC.
    Other,
}

/// A certificate, read and understood.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    signed: Signed,
    subject: Subject,
    subject_text: String,
    subject_der: Vec<u8>,
    issuer: Vec<Attribute>,
    issuer_der: Vec<u8>,
    serial: Vec<u8>,
    number: String,
    not_before: Timestamp,
    not_after: Timestamp,
    kind: Kind,
    holder: Holder,
    issuing: Issuing,
    rsa_public_key: Vec<u8>,
}

/// What its extensions say of its place in a chain.
#[derive(Debug, Clone, Copy)]
struct Issuing {
    is_ca: bool,
    path_length: Option<u8>,
    unknown_critical: bool,
    may_sign_lists: bool,
    may_answer: bool,
}

/// What an issuer signed, and how: a certificate, a list of revoked ones, an answer about one.
#[derive(Clone)]
pub(crate) struct Signed {
    octets: Vec<u8>,
    algorithm: String,
    signature: Vec<u8>,
}

/// What the subject says.
#[derive(Clone)]
struct Subject {
    rfc: String,
    representative_rfc: Option<String>,
    curp: Option<String>,
    name: String,
    branch: Option<String>,
    country: Option<String>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("number", &self.number)
            .field("rfc", &self.subject.rfc)
            .field("kind", &self.kind)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// Reads DER, PEM or bare base64.
    pub fn parse(bytes: &[u8]) -> Result<Self, CredentialError> {
        if bytes.len() > MAX_CERTIFICATE_BYTES {
            return Err(CredentialError::CertificateFormat("larger than a certificate may be"));
        }
        if bytes.first() == Some(&0x30) {
            return Self::from_der(bytes);
        }
        if pem::is_pem(bytes) {
            let block = pem::block(bytes, |label| label.ends_with("CERTIFICATE"));
            let block = block.ok_or(CredentialError::CertificateFormat("no intact CERTIFICATE block in the PEM text"))?;
            return Self::from_der(&block.contents);
        }
        let decoded = pem::base64(bytes).ok_or(CredentialError::CertificateFormat("neither DER, PEM nor base64"))?;
        Self::from_der(&decoded)
    }

    /// All certificates of a file: one in any form, or as many PEM blocks as [`MAX_BUNDLE_BYTES`] hold.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, CredentialError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(CredentialError::CertificateFormat("larger than a file of certificates may be"));
        }
        if bytes.first() == Some(&0x30) || !pem::is_pem(bytes) {
            return Self::parse(bytes).map(|it| vec![it]);
        }
        let blocks = pem::blocks(bytes, |label| label.ends_with("CERTIFICATE"));
        let blocks = blocks.ok_or(CredentialError::CertificateFormat("a CERTIFICATE block of the PEM text is damaged"))?;
        if blocks.is_empty() {
            return Err(CredentialError::CertificateFormat("no intact CERTIFICATE block in the PEM text"));
        }
        blocks.iter().map(|it| Self::from_der(&it.contents)).collect()
    }

    fn from_der(der: &[u8]) -> Result<Self, CredentialError> {
        let asn1 = |_| CredentialError::CertificateFormat("its ASN.1 is broken");
        let parsed = x509_cert::Certificate::from_der(der).map_err(asn1)?;
        let tbs = parsed.tbs_certificate();
        let issuer = issuer::attributes(tbs.issuer());
        let subject_attributes = issuer::attributes(tbs.subject());
        let subject = Subject::read(&subject_attributes);
        let kind = kind_of(&parsed, &subject);
        let serial = tbs.serial_number().as_bytes().to_vec();
        Ok(Self {
            signed: Signed::read(der, &parsed)?,
            kind,
            holder: Holder::read(&parsed, &subject_attributes, kind, &subject.rfc),
            issuing: Issuing::read(&parsed),
            subject_text: issuer::write(&subject_attributes, IssuerStyle::Rfc4514),
            subject,
            subject_der: tbs.subject().to_der().map_err(asn1)?,
            issuer,
            issuer_der: tbs.issuer().to_der().map_err(asn1)?,
            number: number_of(&serial),
            serial,
            not_before: instant(tbs.validity().not_before)?,
            not_after: instant(tbs.validity().not_after)?,
            rsa_public_key: rsa_public_key(&parsed)?,
            der: der.to_vec(),
        })
    }

    /// The DER bytes, as issued.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The RFC of whoever it was issued to; empty if its subject has none.
    pub fn rfc(&self) -> &str {
        &self.subject.rfc
    }

    /// The RFC, or the error that says that there is none.
    pub fn require_rfc(&self) -> Result<&str, CredentialError> {
        if self.subject.rfc.is_empty() { Err(CredentialError::SubjectWithoutRfc) } else { Ok(&self.subject.rfc) }
    }

    /// The RFC of the person who represents a company.
    pub fn representative_rfc(&self) -> Option<&str> {
        self.subject.representative_rfc.as_deref()
    }

    /// The CURP: of the person, or of the company's representative.
    pub fn curp(&self) -> Option<&str> {
        self.subject.curp.as_deref()
    }

    /// The name as issued. It may carry the corporate suffix that a CFDI leaves out.
    pub fn name(&self) -> &str {
        &self.subject.name
    }

    /// The branch that a seal names.
    pub fn branch(&self) -> Option<&str> {
        self.subject.branch.as_deref()
    }

    /// SAT's certificate number, 20 digits; the serial in hex if another authority issued it.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The serial as a decimal number, as `X509SerialNumber` wants it.
    pub fn serial_decimal(&self) -> String {
        decimal(&self.serial)
    }

    /// The first instant of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last instant of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its issuer, written in a style.
    pub fn issuer(&self, style: IssuerStyle) -> String {
        issuer::write(&self.issuer, style)
    }

    /// Its subject, as RFC 4514 writes it.
    pub fn subject(&self) -> &str {
        &self.subject_text
    }

    /// Whether it is an authority's that may sign certificates.
    pub fn is_ca(&self) -> bool {
        self.issuing.is_ca
    }

    /// How many authorities may stand between this one and a holder, if it says so.
    pub fn path_length(&self) -> Option<u8> {
        self.issuing.path_length
    }

    /// Whether an extension is critical that nothing here knows.
    pub fn has_unknown_critical_extension(&self) -> bool {
        self.issuing.unknown_critical
    }

    /// Whether it names `other`'s subject as its issuer.
    pub(crate) fn names_as_issuer(&self, other: &Certificate) -> bool {
        self.issuer_der == other.subject_der
    }

    /// Whether `other`'s key signed it.
    pub(crate) fn is_signed_by(&self, other: &Certificate) -> bool {
        self.signed.verifies(&other.rsa_public_key)
    }

    pub(crate) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// How long its key's modulus is, bits.
    pub fn key_bits(&self) -> u32 {
        crate::key::modulus_bits(&self.rsa_public_key)
    }

    /// Its public key, as the DER of a PKCS#1 `RSAPublicKey`.
    pub fn rsa_public_key(&self) -> &[u8] {
        &self.rsa_public_key
    }

    /// Whether `authority` issued it: an authority by kind, of that name, whose key verifies the
    /// signature. Dates and revocation are other questions.
    pub fn is_issued_by(&self, authority: &Certificate) -> bool {
        authority.kind == Kind::Authority
            && self.issuer_der == authority.subject_der
            && self.signed.verifies(&authority.rsa_public_key)
    }

    /// Its identity.
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        digest::digest(&digest::SHA256, &self.der).as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// For display beside other tools: SHA-1 in upper-case hex without colons.
    pub fn fingerprint_sha1(&self) -> String {
        let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        sum.as_ref().iter().map(|it| format!("{it:02X}")).collect()
    }

    /// Refuses outside its validity; both ends belong to it.
    pub fn check_valid_at(&self, now: Timestamp) -> Result<(), CredentialError> {
        if now < self.not_before {
            return Err(CredentialError::NotYetValid(self.not_before));
        }
        if now > self.not_after {
            return Err(CredentialError::Expired(self.not_after));
        }
        Ok(())
    }

    /// Refuses anything but an e.firma that names its RFC.
    pub fn require_fiel(&self) -> Result<(), CredentialError> {
        match self.kind {
            Kind::Fiel => self.require_rfc().map(|_| ()),
            Kind::Other => Err(CredentialError::SubjectWithoutRfc),
            other => Err(CredentialError::FielRequired(other)),
        }
    }

    pub(crate) fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    pub(crate) fn issuer_der(&self) -> &[u8] {
        &self.issuer_der
    }

    /// Its serial, as in the certificate.
    pub(crate) fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Whether its key made this signature.
    pub(crate) fn made(&self, signed: &Signed) -> bool {
        signed.verifies(&self.rsa_public_key)
    }

    /// Whether it may sign lists of revoked certificates.
    pub(crate) fn may_sign_lists(&self) -> bool {
        self.issuing.may_sign_lists
    }

    /// Whether it may answer about certificates in its issuer's stead (`id-kp-OCSPSigning`).
    pub(crate) fn may_answer(&self) -> bool {
        self.issuing.may_answer
    }

    /// The country (`C`) in its subject, as it is written there.
    pub fn country(&self) -> Option<&str> {
        self.subject.country.as_deref()
    }
}

impl Subject {
    fn read(attributes: &[Attribute]) -> Self {
        let find = |oid: &str| attributes.iter().find(|it| it.oid == oid).map(|it| it.text.as_str());
        let (rfc, representative) = split(find(UNIQUE_IDENTIFIER).unwrap_or_default());
        let (own, representatives) = split(find(SERIAL_NUMBER).unwrap_or_default());
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            rfc: rfc.to_owned(),
            representative_rfc: some(representative),
            curp: some(own).or_else(|| some(representatives)),
            name: find(NAME).or_else(|| find(COMMON_NAME)).unwrap_or_default().to_owned(),
            branch: find(BRANCH).and_then(some),
            country: find(COUNTRY).and_then(some),
        }
    }
}

impl Issuing {
    /// A key usage that is not there forbids nothing.
    fn read(parsed: &x509_cert::Certificate) -> Self {
        let tbs = parsed.tbs_certificate();
        let constraints = tbs.get_extension::<BasicConstraints>();
        let usage = tbs.get_extension::<KeyUsage>();
        let (ca, path_length) = match &constraints {
            Ok(Some((_, it))) => (it.ca, it.path_len_constraint),
            _ => (false, None),
        };
        let may = |what: fn(&KeyUsage) -> bool| matches!(&usage, Ok(None)) || matches!(&usage, Ok(Some((_, it))) if what(it));
        let may_sign = may(KeyUsage::key_cert_sign);
        let all = tbs.extensions().map(|it| it.as_slice()).unwrap_or_default();
        let unknown = all.iter().any(|it| it.critical && !UNDERSTOOD.contains(&it.extn_id.to_string().as_str()));
        Self {
            is_ca: ca && may_sign,
            path_length,
            unknown_critical: unknown,
            may_sign_lists: ca && may(KeyUsage::crl_sign),
            may_answer: answers_ocsp(tbs) && may(KeyUsage::digital_signature),
        }
    }
}

impl Signed {
    fn read(der: &[u8], parsed: &x509_cert::Certificate) -> Result<Self, CredentialError> {
        let signature = parsed.signature().as_bytes().unwrap_or_default();
        let read = Self::of(der, parsed.signature_algorithm().oid.to_string(), signature);
        read.ok_or(CredentialError::CertificateFormat("its ASN.1 is broken"))
    }

    /// The first part of a SEQUENCE, byte for byte, which is what the signature in it is over.
    pub(crate) fn of(der: &[u8], algorithm: String, signature: &[u8]) -> Option<Self> {
        let octets = SliceReader::new(der).and_then(|mut reader| {
            reader.sequence(|inner: &mut SliceReader<'_>| {
                let octets = inner.tlv_bytes()?.to_vec();
                inner.drain(inner.remaining_len())?;
                Ok::<_, x509_cert::der::Error>(octets)
            })
        });
        Some(Self { octets: octets.ok()?, algorithm, signature: signature.to_vec() })
    }

    /// SHA-1 only because SAT's authorities of the last decade signed with it.
    fn verifies(&self, rsa_public_key: &[u8]) -> bool {
        let algorithm = match self.algorithm.as_str() {
            "1.2.840.113549.1.1.5" => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "1.2.840.113549.1.1.11" => &signature::RSA_PKCS1_2048_8192_SHA256,
            "1.2.840.113549.1.1.12" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "1.2.840.113549.1.1.13" => &signature::RSA_PKCS1_2048_8192_SHA512,
            _ => return false,
        };
        signature::UnparsedPublicKey::new(algorithm, rsa_public_key).verify(&self.octets, &self.signature).is_ok()
    }
}

/// `RFC / RFC of the representative`, either part trimmed and possibly empty.
fn split(text: &str) -> (&str, &str) {
    let (own, other) = text.split_once('/').unwrap_or((text, ""));
    (own.trim(), other.trim())
}

/// The branch decides between seal and e.firma: SAT's own extensions differ too, but re-issued
/// test sets have got those wrong and never the branch.
fn kind_of(parsed: &x509_cert::Certificate, subject: &Subject) -> Kind {
    let tbs = parsed.tbs_certificate();
    let is_authority = matches!(tbs.get_extension::<BasicConstraints>(), Ok(Some((_, it))) if it.ca);
    match (is_authority || answers_ocsp(tbs), subject.rfc.is_empty(), &subject.branch) {
        (true, ..) => Kind::Authority,
        (_, true, _) => Kind::Other,
        (_, _, Some(_)) => Kind::Csd,
        (_, _, None) => Kind::Fiel,
    }
}

fn answers_ocsp(tbs: &x509_cert::TbsCertificate) -> bool {
    matches!(tbs.get_extension::<ExtendedKeyUsage>(),
        Ok(Some((_, it))) if it.0.iter().any(|oid| oid.to_string() == OCSP_SIGNING))
}

fn number_of(serial: &[u8]) -> String {
    match std::str::from_utf8(serial) {
        Ok(text) if text.len() == 20 && text.bytes().all(|it| it.is_ascii_digit()) => text.to_owned(),
        _ => serial.iter().map(|it| format!("{it:02x}")).collect(),
    }
}

/// Big-endian bytes in base ten, by repeated division.
fn decimal(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::new();
    while number.iter().any(|it| *it != 0) {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            *byte = (value / 10) as u8;
            rest = value % 10;
        }
        digits.push(b'0' + rest as u8);
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    digits.iter().rev().map(|it| *it as char).collect()
}

fn instant(time: Time) -> Result<Timestamp, CredentialError> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    let instant = seconds.and_then(|it| Timestamp::from_second(it).ok());
    instant.ok_or(CredentialError::CertificateFormat("its validity is out of range"))
}

fn rsa_public_key(parsed: &x509_cert::Certificate) -> Result<Vec<u8>, CredentialError> {
    let info = parsed.tbs_certificate().subject_public_key_info();
    if info.algorithm.oid.to_string() != RSA_ENCRYPTION {
        return Err(CredentialError::CertificateFormat("its key is not RSA"));
    }
    let bytes = info.subject_public_key.as_bytes().ok_or(CredentialError::CertificateFormat("its key is broken"))?;
    Ok(bytes.to_vec())
}
