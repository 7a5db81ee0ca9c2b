//! The text of a metadata package: `~` between columns, CRLF between lines, nothing quoted.

use super::corpus::Facts;
use jiff::civil::DateTime;
use std::io::Write;

/// How the column of the certifier is called: deliveries since 2026 name it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetadataHeader {
    /// `RfcPac`.
    #[default]
    RfcPac,
    /// `PacCertifico`.
    PacCertifico,
}

/// Writes the heading line.
pub(super) fn heading(out: &mut impl Write, variant: MetadataHeader) -> std::io::Result<()> {
    let certifier = match variant {
        MetadataHeader::RfcPac => "RfcPac",
        MetadataHeader::PacCertifico => "PacCertifico",
    };
    write!(
        out,
        "Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~{certifier}~FechaEmision~FechaCertificacionSat~Monto~\
         EfectoComprobante~Estatus~FechaCancelacion\r\n"
    )
}

/// Writes the line of one document as it stood at an instant.
pub(super) fn row(out: &mut impl Write, it: &Facts, as_of: DateTime) -> std::io::Result<()> {
    let cancelled = it.cancelled.filter(|_| it.is_cancelled(as_of));
    let amount = if matches!(it.kind.as_str(), "P" | "T") { "0" } else { &it.total };
    write!(
        out,
        "{}~{}~{}~{}~{}~{}~{}~{}~{amount}~{}~{}~{}\r\n",
        it.uuid.to_string().to_uppercase(),
        it.emisor.rfc,
        name(&it.emisor.name),
        it.receptor.rfc,
        name(&it.receptor.name),
        it.pac,
        stamp(it.emitted),
        stamp(it.stamped),
        it.kind,
        if cancelled.is_some() { "0" } else { "1" },
        cancelled.map(stamp).unwrap_or_default(),
    )
}

/// Writes the heading line of the side file of third parties.
pub(super) fn third_heading(out: &mut impl Write) -> std::io::Result<()> {
    write!(out, "Uuid~RfcACuentaTerceros~NombreACuentaTerceros\r\n")
}

/// Writes the third party of one document, if it has one.
pub(super) fn third_row(out: &mut impl Write, it: &Facts) -> std::io::Result<()> {
    let Some(third) = &it.third else { return Ok(()) };
    write!(out, "{}~{}~{}\r\n", it.uuid.to_string().to_uppercase(), third.rfc, name(&third.name))
}

/// A name as deliveries show it: a line break inside it has lost its CR, so that CRLF ends lines only.
fn name(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn stamp(at: DateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
