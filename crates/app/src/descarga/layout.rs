//! Where the objects of a taxpayer lie: the layout accountants already know.
//!
//! Segments are percent-encoded NFC, because RFCs hold `&` and `Ñ`.

use crate::model::{Content, Family};
use fedatario_base::id::{CredentialId, SolicitudId, TenantId, UserId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// One path segment.
pub fn segment(text: &str) -> String {
    let nfc: String = text.nfc().collect();
    utf8_percent_encode(&nfc, KEPT).to_string()
}

/// The folder of everything that a tenant has.
pub fn tenant(tenant: TenantId) -> String {
    format!("tenants/{tenant}/")
}

/// The folder of a taxpayer.
pub fn taxpayer(tenant: TenantId, rfc: &str) -> String {
    format!("tenants/{tenant}/clientes/{}", segment(rfc))
}

/// The sealed key of a credential.
pub fn credential(tenant: TenantId, rfc: &str, id: CredentialId) -> String {
    format!("{}/certificados/{id}.sealed", taxpayer(tenant, rfc))
}

/// The certificate beside it, public.
pub fn certificate(tenant: TenantId, rfc: &str, number: &str) -> String {
    format!("{}/certificados/{number}.cer", taxpayer(tenant, rfc))
}

/// The folder of what a person of the tenant brought along.
pub fn person(tenant: TenantId, user: UserId) -> String {
    format!("tenants/{tenant}/personas/{user}/certificados")
}

/// The sealed session of a family.
pub fn token(tenant: TenantId, rfc: &str, family: Family) -> String {
    format!("{}/tokens/{family}.sealed", taxpayer(tenant, rfc))
}

/// The record of a request.
pub fn solicitud(tenant: TenantId, rfc: &str, year: i16, id: SolicitudId) -> String {
    format!("{}/{year}/solicitudes/{id}.json", taxpayer(tenant, rfc))
}

/// The folder of packages of a year.
pub fn packages(tenant: TenantId, rfc: &str, year: i16, content: Content) -> String {
    format!("{}/{year}/paquetes/{content}", taxpayer(tenant, rfc))
}

/// The name of a package in its folder.
pub fn package_name(id_paquete: &str, sha256: &str) -> String {
    format!("{}-{sha256}.zip", segment(id_paquete))
}

/// The completeness report of a year.
pub fn report(tenant: TenantId, rfc: &str, year: i16, family: Family) -> String {
    match family {
        Family::Cfdi => format!("{}/{year}/reporte-{year}.json", taxpayer(tenant, rfc)),
        Family::Retenciones => format!("{}/{year}/reporte-{family}-{year}.json", taxpayer(tenant, rfc)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_keep_rfcs_apart_and_never_climb() {
        assert_eq!(segment("H&E951128469"), "H%26E951128469");
        assert_eq!(segment("IAN\u{303}L750210963"), "IA%C3%91L750210963");
        assert_eq!(segment("IAÑL750210963"), "IA%C3%91L750210963");
        assert_eq!(segment("../../etc"), "..%2F..%2Fetc");
        assert_eq!(package_name("ABC_01", "00ff"), "ABC_01-00ff.zip");
    }
}
