//! What SAT would refuse of one request before it is asked: 301 by its reasons.
//!
//! A [`Query`] is a request as a person words it. [`check`] gives every rule that it breaks, not the
//! first alone. Whether the same was asked before, and whether it is too much, needs memory and
//! counts, and is left to the services.

use super::rfc::Rfc;
use super::uuid::FiscalUuid;
use super::window::{self, Content, Direction, Estado, Window, WindowError};
use fedatario_base::Code;
use jiff::civil::DateTime;

/// Receivers that one request for issued documents may name.
pub const RECEIVERS_AT_MOST: usize = 5;
/// Issuers that one request for received documents may name.
pub const ISSUERS_AT_MOST: usize = 1;
/// CFDI that SAT puts into one request; above it the request ends with 5003.
pub const CFDI_AT_MOST: u64 = 200_000;
/// Lines of metadata that SAT puts into one request.
pub const METADATA_AT_MOST: u64 = 1_000_000;
/// How often SAT accepts the very same request for CFDI, ever: what users report, not documented.
pub const IDENTICAL_FOR_LIFE: u32 = 2;

/// The kinds of comprobante that a request may be narrowed to.
pub const KINDS: [&str; 5] = ["I", "E", "T", "N", "P"];

/// The values of `Complemento` for CFDI, of all documented versions of the service.
pub const CFDI_COMPLEMENTS: &[&str] = &[
    "acreditamientoieps10",
    "aerolineas",
    "cartaporte10",
    "cartaporte20",
    "certificadodedestruccion",
    "cfdiregistrofiscal",
    "comercioexterior10",
    "comercioexterior11",
    "comprobante",
    "consumodecombustibles",
    "consumodecombustibles11",
    "detallista",
    "divisas",
    "donat11",
    "ecc11",
    "ecc12",
    "gastoshidrocarburos10",
    "iedu",
    "implocal",
    "ine11",
    "ingresoshidrocarburos",
    "leyendasfisc",
    "nomina11",
    "nomina12",
    "notariospublicos",
    "obrasarteantiguedades",
    "pagoenespecie",
    "pagos10",
    "pagos20",
    "pfic",
    "renovacionysustitucionvehiculos",
    "servicioparcialconstruccion",
    "spei",
    "terceros11",
    "turistapasajeroextranjero",
    "valesdedespensa",
    "vehiculousado",
    "ventavehiculos11",
];

/// The values of `Complemento` for Retenciones.
pub const RETENCIONES_COMPLEMENTS: &[&str] = &[
    "arrendamientoenfideicomiso",
    "dividendos",
    "enajenaciondeacciones",
    "fideicomisonoempresarial",
    "intereses",
    "intereseshipotecarios",
    "operacionesconderivados",
    "pagosaextranjeros",
    "planesderetiro",
    "planesderetiro11",
    "premios",
    "retencionpago1",
    "sectorfinanciero",
    "serviciosplataformastecnologicas10",
];

/// A request as it is meant, before it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// Whether it goes to the service of Retenciones.
    pub is_retenciones: bool,
    /// From whose side.
    pub direction: Direction,
    /// What it brings.
    pub content: Content,
    /// In which state.
    pub estado: Estado,
    /// From when to when.
    pub window: Window,
    /// The receivers of what was issued, or the issuer of what was received.
    pub counterparties: &'a [String],
    /// `TipoComprobante`.
    pub kind: Option<&'a str>,
    /// `Complemento`.
    pub complement: Option<&'a str>,
    /// `RfcACuentaTerceros`.
    pub third_party: Option<&'a str>,
}

/// A rule of the service that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// One of dates and states.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Text that is no RFC.
    #[error("{0:?} is no RFC")]
    Rfc(String),
    /// More counterparties than a request may name.
    #[error("{found} counterparties are named, and a request takes {at_most} at most")]
    Counterparties {
        /// How many are named.
        found: usize,
        /// How many may be.
        at_most: usize,
    },
    /// A kind of comprobante that is none.
    #[error("{0:?} is no TipoComprobante (I, E, T, N, P)")]
    Kind(String),
    /// A complement that the service has no filter for.
    #[error("{0:?} is no Complemento that the service can filter by")]
    Complement(String),
    /// A folio that is no UUID.
    #[error("{0:?} is no folio: a UUID, 8-4-4-4-12")]
    Folio(String),
}

impl Broken {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            Broken::Window(error) => error.code(),
            Broken::Rfc(_) => Code::RfcFormat,
            Broken::Counterparties { .. } => Code::RequestCounterparties,
            Broken::Kind(_) | Broken::Complement(_) | Broken::Folio(_) => Code::RequestFilter,
        }
    }
}

/// Every rule that the query breaks, seen from `now`, Mexican civil time.
pub fn check(query: &Query<'_>, now: DateTime) -> Vec<Broken> {
    let mut broken: Vec<Broken> = Vec::new();
    broken.extend(window::check(query.window, now).err().map(Broken::from));
    broken.extend(window::check_estado(query.direction, query.content, query.estado).err().map(Broken::from));
    let at_most = counterparties_at_most(query.direction);
    if query.counterparties.len() > at_most {
        broken.push(Broken::Counterparties { found: query.counterparties.len(), at_most });
    }
    let rfcs = query.counterparties.iter().map(String::as_str).chain(query.third_party);
    broken.extend(rfcs.filter(|it| it.parse::<Rfc>().is_err()).map(|it| Broken::Rfc(it.to_owned())));
    broken.extend(query.kind.filter(|it| !KINDS.contains(it)).map(|it| Broken::Kind(it.to_owned())));
    let known = if query.is_retenciones { RETENCIONES_COMPLEMENTS } else { CFDI_COMPLEMENTS };
    broken.extend(query.complement.filter(|it| !known.contains(it)).map(|it| Broken::Complement(it.to_owned())));
    broken
}

/// How many counterparties one request may name.
pub fn counterparties_at_most(direction: Direction) -> usize {
    match direction {
        Direction::Issued => RECEIVERS_AT_MOST,
        Direction::Received => ISSUERS_AT_MOST,
    }
}

/// A folio as SAT takes it, in lower case: 8-4-4-4-12.
pub fn folio(text: &str) -> Result<FiscalUuid, Broken> {
    text.trim().parse().map_err(|_| Broken::Folio(text.to_owned()))
}
