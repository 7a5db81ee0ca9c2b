//! Certificates of persons as accredited providers of the Dominican Republic issue them, and of *factura
//! electrónica* as Panama's *Firma Electrónica* does.
//!
//! The shapes are those of certificates that their holders published in signed documents: a Dominican
//! one names its person and the document (`serialNumber=IDCDO-…`); a Panamanian one names company, RUC,
//! check digits and person in its common name, and each of them apart in the alternative names.

use super::{Authority, Body, Minted, Sealer, any, asn1, explicit, extension, identifier, name, oid, sequence, text_value};
use crate::CredentialError;
use aws_lc_rs::rand;
use aws_lc_rs::signature::KeyPair as _;
use jiff::Timestamp;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::SetOfVec;
use x509_cert::der::{Any, Decode as _, Encode as _, Tag};

/// Bytes of a serial number: 127 bits of chance, positive.
const SERIAL_BYTES: usize = 16;
/// What a provider calls a Dominican person's certificate for tax procedures.
const TAX_PROCEDURES: &str = "QUALIFIED CERTIFICATE FOR NATURAL PERSON - TAX PROCEDURES";
/// The policy that such a certificate of the published samples names.
const DOMINICAN_POLICY: &str = "1.3.6.1.4.1.27395.6.2.21.0";
/// The policy of Panama's *factura electrónica*.
const PANAMANIAN_POLICY: &str = "2.16.591.1.2.2.6.2";
/// Where Panama's own attributes lie.
const PANAMA: &str = "2.16.591.1.1";
/// An address that reaches nobody.
const EMAIL: &str = "nadie@example.test";

/// Whose tax authority a test authority serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Country {
    /// SAT.
    Mexico,
    /// DGII.
    DominicanRepublic,
    /// DGI.
    Panama,
}

/// Whom to name in a certificate of these countries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Person {
    /// A Dominican person's certificate for tax procedures.
    Dominican {
        /// The cédula (eleven digits), an RNC (nine), or a passport.
        document: String,
        /// The given names.
        given_name: String,
        /// The surnames.
        surname: String,
    },
    /// Panama's *factura electrónica*: a company, and whoever signs for it.
    Panamanian {
        /// The RUC without its check digits.
        ruc: String,
        /// The check digits.
        dv: String,
        /// The company.
        legal_name: String,
        /// Who signs: given name.
        given_name: String,
        /// Who signs: surname.
        surname: String,
        /// Their cédula.
        cedula: String,
    },
}

impl Person {
    /// Under whose authorities.
    pub fn country(&self) -> Country {
        match self {
            Self::Dominican { .. } => Country::DominicanRepublic,
            Self::Panamanian { .. } => Country::Panama,
        }
    }

    fn subject(&self) -> Result<Any, CredentialError> {
        match self {
            Self::Dominican { document, given_name, surname } => name(&[
                ("2.5.4.46", TAX_PROCEDURES),
                ("2.5.4.3", &format!("{given_name} {surname}")),
                ("2.5.4.5", &document_of(document)),
                ("2.5.4.42", given_name),
                ("2.5.4.4", surname),
                ("2.5.4.6", "DO"),
            ]),
            Self::Panamanian { ruc, dv, legal_name, given_name, surname, .. } => name(&[
                ("2.5.4.6", "PA"),
                ("2.5.4.10", "FIRMA ELECTRONICA"),
                ("2.5.4.11", "FACTURA ELECTRONICA"),
                ("2.5.4.3", &format!("[F] {legal_name} - {ruc} - {dv} - {surname} {given_name}")),
            ]),
        }
    }

    fn extensions(&self) -> Result<Any, CredentialError> {
        let leaf = extension("2.5.29.19", true, &[0x30, 0x00])?;
        let parts = match self {
            Self::Dominican { .. } => [
                leaf,
                extension("2.5.29.15", true, &[0x03, 0x02, 0x05, 0xe0])?, // digitalSignature, nonRepudiation, keyEncipherment
                extension("2.5.29.37", false, &der(&sequence(&[oid("1.3.6.1.5.5.7.3.2")?, oid("1.3.6.1.5.5.7.3.4")?])?)?)?,
                extension("2.5.29.32", false, &policies(&[DOMINICAN_POLICY, "0.4.0.194112.1.0"])?)?,
                extension("2.5.29.17", false, &alternatives(None)?)?,
            ],
            Self::Panamanian { ruc, dv, legal_name, given_name, surname, cedula } => [
                leaf,
                extension("2.5.29.15", true, &[0x03, 0x02, 0x06, 0x40])?, // nonRepudiation alone
                extension("2.5.29.37", false, &der(&sequence(&[oid("1.3.6.1.5.5.7.3.4")?])?)?)?,
                extension("2.5.29.32", false, &policies(&[PANAMANIAN_POLICY])?)?,
                extension(
                    "2.5.29.17",
                    false,
                    &alternatives(Some(&[
                        ("1.1", given_name),
                        ("1.3", surname),
                        ("1.5", cedula),
                        ("2.1", legal_name),
                        ("2.2", ruc),
                        ("6.1", dv),
                        ("6.2", "2"),
                    ]))?,
                )?,
            ],
        };
        sequence(&parts)
    }
}

/// `IDCDO-` before a cédula, as ETSI EN 319 412-1 has it; `RNC ` before a company's number.
fn document_of(number: &str) -> String {
    match number.len() {
        9 if number.bytes().all(|it| it.is_ascii_digit()) => format!("RNC {number}"),
        11 if number.bytes().all(|it| it.is_ascii_digit()) => format!("IDCDO-{number}"),
        _ => format!("PASDO-{number}"),
    }
}

impl Authority {
    /// Issues a person's certificate with a fresh key.
    pub fn issue_to(&self, person: &Person, not_before: Timestamp, not_after: Timestamp) -> Result<Minted, CredentialError> {
        let key = Sealer::generate()?;
        let mut serial = [0u8; SERIAL_BYTES];
        rand::fill(&mut serial).map_err(|_| CredentialError::Crypto("no entropy"))?;
        serial[0] = serial[0] & 0x3f | 0x40; // Positive, and of one length.
        let body = Body {
            serial: &serial,
            issuer: Any::from_der(self.certificate.subject_der()).map_err(asn1)?,
            subject: person.subject()?,
            not_before,
            not_after,
            public_key: key.0.public_key().as_ref(),
            extensions: person.extensions()?,
        };
        Ok(Minted { cer_der: body.signed_by(&self.signer()?)?, pkcs8_der: key.pkcs8_der()? })
    }
}

/// The name of an accredited provider's authority.
pub(super) fn dominican_authority(common_name: &str) -> Result<Any, CredentialError> {
    name(&[
        ("2.5.4.6", "DO"),
        ("2.5.4.10", "PROVEEDOR SIMULADO SRL"),
        ("2.5.4.11", "CERTIFICADOS DE PRUEBA"),
        ("2.5.4.5", "RNC 000000000"),
        ("2.5.4.3", common_name),
    ])
}

/// The name of an authority of the *Dirección Nacional de Firma Electrónica*.
pub(super) fn panamanian_authority(common_name: &str) -> Result<Any, CredentialError> {
    name(&[("2.5.4.6", "PA"), ("2.5.4.10", "FIRMA ELECTRONICA"), ("2.5.4.3", common_name)])
}

fn policies(all: &[&str]) -> Result<Vec<u8>, CredentialError> {
    let each = all.iter().map(|it| sequence(&[oid(it)?])).collect::<Result<Vec<_>, _>>()?;
    der(&sequence(&each)?)
}

/// The address, and a directory name with Panama's own attributes.
fn alternatives(own: Option<&[(&str, &str)]>) -> Result<Vec<u8>, CredentialError> {
    let address = Any::new(Tag::ContextSpecific { constructed: false, number: x509_cert::der::TagNumber(1) }, EMAIL.as_bytes());
    let mut names = vec![address.map_err(asn1)?];
    if let Some(own) = own {
        let rdn = |(id, text): &(&str, &str)| {
            let value = AttributeTypeAndValue { oid: identifier(&format!("{PANAMA}.{id}"))?, value: text_value(id, text)? };
            any(&SetOfVec::try_from([value]).map_err(asn1)?)
        };
        names.push(explicit(4, sequence(&own.iter().map(rdn).collect::<Result<Vec<_>, _>>()?)?)?);
    }
    der(&sequence(&names)?)
}

fn der(value: &Any) -> Result<Vec<u8>, CredentialError> {
    value.to_der().map_err(asn1)
}
