//! Whose a certificate is, in the terms of three tax authorities, and what it is good for.
//!
//! Mexico writes the RFC into the subject, the Dominican Republic the cédula or RNC of the signer
//! (`serialNumber=IDCDO-…`), Panama the RUC into the alternative names, or into the common name. What
//! none of them issued is `other`: it still signs, and nobody's tax id is made up for it.

use crate::issuer::{self, Attribute};
use crate::{Certificate, Kind};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const COUNTRY: &str = "2.5.4.6";
const COMMON_NAME: &str = "2.5.4.3";
const SERIAL_NUMBER: &str = "2.5.4.5";
const ORGANIZATION: &str = "2.5.4.10";
/// Panama's own attributes in the alternative names: the RUC and its check digits.
const RUC: &str = "2.16.591.1.1.2.2";
const RUC_DIGITS: &str = "2.16.591.1.1.6.1";
/// The organisation of Panama's certificates.
const PANAMA: &str = "FIRMA ELECTRONICA";

/// What a certificate is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Mexico: an e.firma.
    Fiel,
    /// Mexico: a *certificado de sello digital*.
    Csd,
    /// Dominican Republic: a person's certificate for tax procedures, which signs e-CF.
    Ecf,
    /// Panama: *factura electrónica*.
    Pa,
    /// An authority, or a service of one.
    Authority,
    /// Anything else.
    Other,
}

impl Purpose {
    /// For programs.
    pub fn text(self) -> &'static str {
        match self {
            Self::Fiel => "fiel",
            Self::Csd => "csd",
            Self::Ecf => "ecf",
            Self::Pa => "pa",
            Self::Authority => "authority",
            Self::Other => "other",
        }
    }
}

/// What kind of number a tax id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaxIdKind {
    /// Mexico.
    Rfc,
    /// Dominican Republic, of a company: nine digits.
    Rnc,
    /// Dominican Republic, of a person: eleven digits.
    Cedula,
    /// Panama.
    Ruc,
    /// A document of another kind, as a passport.
    Other,
}

impl TaxIdKind {
    /// For programs.
    pub fn text(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::Rnc => "rnc",
            Self::Cedula => "cedula",
            Self::Ruc => "ruc",
            Self::Other => "other",
        }
    }
}

/// A tax id as a certificate has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxId {
    /// What kind of number it is.
    pub kind: TaxIdKind,
    /// The number itself; a RUC without its check digits.
    pub number: String,
    /// The check digits (DV) that Panama keeps beside the RUC.
    pub check_digits: Option<String>,
}

impl TaxId {
    fn plain(kind: TaxIdKind, number: &str) -> Self {
        Self { kind, number: number.to_owned(), check_digits: None }
    }
}

/// What the subject and the alternative names say of the holder.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub purpose: Purpose,
    pub tax_id: Option<TaxId>,
}

impl Holder {
    pub(crate) fn read(parsed: &x509_cert::Certificate, subject: &[Attribute], kind: Kind, rfc: &str) -> Self {
        let ours = match kind {
            Kind::Fiel => Some(Purpose::Fiel),
            Kind::Csd => Some(Purpose::Csd),
            Kind::Authority => Some(Purpose::Authority),
            Kind::Other => None,
        };
        if let Some(purpose) = ours {
            let tax_id = is_rfc_shaped(rfc).then(|| TaxId::plain(TaxIdKind::Rfc, rfc));
            return Self { purpose, tax_id };
        }
        let dominican = || dominican(subject).map(|it| (Purpose::Ecf, it));
        let found = panamanian(parsed, subject).map(|it| (Purpose::Pa, it)).or_else(dominican);
        match found {
            Some((purpose, tax_id)) => Self { purpose, tax_id: Some(tax_id) },
            None => Self { purpose: Purpose::Other, tax_id: None },
        }
    }
}

impl Certificate {
    /// What it is good for.
    pub fn purpose(&self) -> Purpose {
        self.holder().purpose
    }

    /// The tax id in it, if it is of a kind that we know.
    pub fn tax_id(&self) -> Option<&TaxId> {
        self.holder().tax_id.as_ref()
    }
}

/// Authorities carry all sorts of things where a taxpayer's RFC stands.
fn is_rfc_shaped(text: &str) -> bool {
    matches!(text.chars().count(), 12 | 13) && text.chars().all(|it| it.is_alphanumeric() || it == '&')
}

fn find<'a>(attributes: &'a [Attribute], oid: &str) -> Option<&'a str> {
    attributes.iter().find(|it| it.oid == oid).map(|it| it.text.trim())
}

/// `IDCDO-00199999996`: kind of document, country, number (ETSI EN 319 412-1). Some issuers write
/// the number alone, or `RNC 130222509`, under the country DO.
fn dominican(subject: &[Attribute]) -> Option<TaxId> {
    let serial = find(subject, SERIAL_NUMBER)?;
    let is_ours = find(subject, COUNTRY) == Some("DO") || serial.get(3..6) == Some("DO-");
    let number = serial.rsplit(['-', ' ']).next().filter(|it| is_ours && !it.is_empty())?;
    let digits = number.bytes().all(|it| it.is_ascii_digit());
    let kind = match number.len() {
        9 if digits => TaxIdKind::Rnc,
        11 if digits => TaxIdKind::Cedula,
        _ => TaxIdKind::Other,
    };
    Some(TaxId::plain(kind, number))
}

/// The alternative names first; else `[F] NAME - RUC - DV - PERSON` of the common name.
fn panamanian(parsed: &x509_cert::Certificate, subject: &[Attribute]) -> Option<TaxId> {
    let names = alternative_names(parsed);
    let ruc = |number: &str, digits: Option<&str>| TaxId {
        kind: TaxIdKind::Ruc,
        number: number.to_owned(),
        check_digits: digits.map(str::to_owned),
    };
    if let Some(number) = find(&names, RUC).filter(|it| !it.is_empty()) {
        return Some(ruc(number, find(&names, RUC_DIGITS)));
    }
    let is_ours = find(subject, COUNTRY) == Some("PA") && find(subject, ORGANIZATION) == Some(PANAMA);
    let parts: Vec<&str> = find(subject, COMMON_NAME)?.split(" - ").map(str::trim).collect();
    match parts.as_slice() {
        [_, number, digits, ..] if is_ours && number.bytes().any(|it| it.is_ascii_digit()) => Some(ruc(number, Some(*digits))),
        _ => None,
    }
}

fn alternative_names(parsed: &x509_cert::Certificate) -> Vec<Attribute> {
    let Ok(Some((_, names))) = parsed.tbs_certificate().get_extension::<SubjectAltName>() else { return Vec::new() };
    let directory = names.0.iter().filter_map(|it| match it {
        GeneralName::DirectoryName(name) => Some(issuer::attributes(name)),
        _ => None,
    });
    directory.flatten().collect()
}
