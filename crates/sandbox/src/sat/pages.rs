//! What is fetched rather than called: certificates by number, list 69-B, the status of a retención.
//!
//! At SAT each lives on a host of its own; here all share one, at SAT's own paths. Faults can be armed
//! for them as for the service's operations.

use super::answer::Operation;
use super::corpus::{Facts, Family};
use super::sandbox::{Sandbox, mexico};
use quick_xml::escape::escape;
use uuid::Uuid;

/// Longest query that is read, in bytes.
const MAX_QUERY_BYTES: usize = 1_024;
/// Digits of a certificate's number.
const NUMBER_DIGITS: usize = 20;

/// Something to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// The certificate of a number.
    Certificate(String),
    /// The list.
    Efos,
    /// The status of a retención, by the query of the address.
    Retencion(String),
}

/// What is found there.
#[derive(Debug)]
pub(super) struct Found {
    pub status: u16,
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

/// The page at a path in lower case.
pub(super) fn route(path: &str, query: &str) -> Option<Page> {
    match path {
        "/_sandbox/69b.csv"
        | "/cifras_sat/documents/listado_completo_69-b.csv"
        | "/agsc-publicaciones/datos_abiertos/documents_agaff/listado_completo_69-b.csv" => Some(Page::Efos),
        "/home/consultaretencion" | "/retenciones/home/consultaretencion" => {
            Some(Page::Retencion(query.get(..query.len().min(MAX_QUERY_BYTES))?.to_owned()))
        }
        _ => certificate(path).map(|it| Page::Certificate(it.to_owned())),
    }
}

/// `/rccf/300010/000005/00/00/34/30001000000500003416.cer`: the folders repeat the number's digits.
fn certificate(path: &str) -> Option<&str> {
    let (folders, number) = path.strip_prefix("/rccf/")?.strip_suffix(".cer")?.rsplit_once('/')?;
    let good = number.len() == NUMBER_DIGITS && number.bytes().all(|it| it.is_ascii_digit());
    let parts = |it: &str| [&it[..6], &it[6..12], &it[12..14], &it[14..16], &it[16..18]].join("/");
    (good && parts(number) == folders).then_some(number)
}

impl Page {
    /// What faults know it by.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Certificate(_) => Operation::Certificado,
            Self::Efos => Operation::Lista69B,
            Self::Retencion(_) => Operation::ConsultaRetencion,
        }
    }
}

impl Sandbox {
    /// Fetches a page.
    pub(super) fn page(&self, page: &Page) -> std::io::Result<Found> {
        Ok(match page {
            Page::Certificate(number) => match self.certificate(number)? {
                Some(bytes) => Found { status: 200, kind: "application/pkix-cert", bytes },
                None => Found {
                    status: 404,
                    kind: "text/html; charset=utf-8",
                    bytes: b"<h2>404 - File or directory not found.</h2>".to_vec(),
                },
            },
            Page::Efos => Found { status: 200, kind: "text/csv", bytes: self.efos().csv() },
            Page::Retencion(query) => {
                Found { status: 200, kind: "text/html; charset=utf-8", bytes: self.retencion(query).into_bytes() }
            }
        })
    }

    /// The certificate of a number: of this authority, of those it was told of, or of the documents.
    pub fn certificate(&self, number: &str) -> std::io::Result<Option<Vec<u8>>> {
        let own = std::iter::once(self.authority_certificate()).chain(&self.config.certificates).chain(&self.config.trust);
        match own.into_iter().find(|it| it.number() == number) {
            Some(it) => Ok(Some(it.der().to_vec())),
            None => self.config.corpus.certificate(number),
        }
    }

    fn retencion(&self, query: &str) -> String {
        let get = |name: &str| {
            let pairs = query.split('&').filter_map(|it| it.split_once('='));
            pairs
                .into_iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| percent_decoded(value))
                .unwrap_or_default()
        };
        let corpus = &self.config.corpus;
        let found = Uuid::parse_str(&get("folio")).ok().and_then(|it| corpus.find(it)).map(|it| corpus.facts(it));
        let agrees = |it: &Facts| {
            it.family == Family::Retenciones && it.emisor.rfc == get("rfcemisor") && it.receptor.rfc == get("rfcreceptor")
        };
        match found.filter(agrees) {
            Some(facts) => self.retencion_found(&facts),
            None => NOT_FOUND.to_owned(),
        }
    }

    fn retencion_found(&self, it: &Facts) -> String {
        let state = if it.is_cancelled(mexico(self.now())) { "Cancelado" } else { "Vigente" };
        let (folio, emitted, stamped) = (it.uuid.to_string().to_uppercase(), it.emitted.to_string(), it.stamped.to_string());
        let total = format!("${}", it.total);
        let rows: [&[(&str, &str)]; 3] = [
            &[
                ("RFC del Emisor", &it.emisor.rfc),
                ("Nombre o Raz&oacute;n Social del Emisor", &it.emisor.name),
                ("RFC del Receptor", &it.receptor.rfc),
                ("Nombre o Raz&oacute;n Social del Receptor", &it.receptor.name),
            ],
            &[
                ("Folio Fiscal", &folio),
                ("Fecha de Expedici&oacute;n", &emitted),
                ("Fecha Certificaci&oacute;n SAT", &stamped),
                ("PAC que Certific&oacute;", &it.pac),
            ],
            &[("Total del CFDI Retenci&oacute;n", &total), ("Estado CFDI Retenci&oacute;n", state)],
        ];
        let cell = |tag: &str, text: &str| format!("<{tag}>\n{text}\n</{tag}>");
        let row = |cells: &[(&str, &str)]| {
            let heads: String = cells.iter().map(|(head, _)| cell("th", head)).collect();
            let values: String = cells.iter().map(|(_, value)| cell("td", &format!("<span>{}</span>", escape(*value)))).collect();
            format!("<tr>{heads}</tr><tr>{values}</tr>")
        };
        let table: String = rows.into_iter().map(row).collect();
        format!(
            "<table id=\"tbl_resultado\">{table}</table><input hidden=\"hidden\" id=\"efosEstatus\" value=\"{}\" />",
            self.efos().answer(it)
        )
    }
}

const NOT_FOUND: &str =
    "<div class=\"noresultados\"><h3>Este comprobante no se encuentra registrado en los controles del SAT simulado.</h3></div>";

/// `%26` and `+` as what they stand for; what is no escape stays.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| u8::from_str_radix(it, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
