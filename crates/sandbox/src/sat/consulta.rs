//! The status query: `S - `, `N - 601`, `N - 602`, over the same documents and the same list 69-B.

use super::corpus::{Corpus, Facts};
use super::message::Message;
use super::sandbox::{Sandbox, mexico};
use quick_xml::escape::{escape, unescape};
use uuid::Uuid;

/// Digits before the point of an amount so small that its document takes no consent: below a thousand.
const SMALL_DIGITS: usize = 3;
/// Longest printed expression that is read, in bytes.
const MAX_EXPRESSION_BYTES: usize = 1_024;

struct Found {
    code: &'static str,
    cancelable: &'static str,
    state: &'static str,
    cancellation: &'static str,
    efos: &'static str,
}

const INVALID: Found = Found {
    code: "N - 601: La expresión impresa proporcionada no es válida.",
    cancelable: "",
    state: "",
    cancellation: "",
    efos: "",
};
const UNKNOWN: Found =
    Found { code: "N - 602: Comprobante no encontrado.", cancelable: "", state: "No Encontrado", cancellation: "", efos: "" };
const FOUND: &str = "S - Comprobante obtenido satisfactoriamente.";

/// The answer to a query, as of the service's time.
pub(super) fn answer(sandbox: &Sandbox, message: &Message) -> String {
    let found = message.expression().as_deref().and_then(expression).map_or(INVALID, |it| look_up(sandbox, &it));
    let field = |name: &str, text: &str| match text {
        "" => format!("<a:{name}/>"),
        text => format!("<a:{name}>{}</a:{name}>", escape(text)),
    };
    let fields = [
        field("CodigoEstatus", found.code),
        field("EsCancelable", found.cancelable),
        field("Estado", found.state),
        field("EstatusCancelacion", found.cancellation),
        field("ValidacionEFOS", found.efos),
    ];
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><ConsultaResponse xmlns=\"http://tempuri.org/\">\
         <ConsultaResult xmlns:a=\"http://schemas.datacontract.org/2004/07/Sat.Cfdi.Negocio.ConsultaCfdi.Servicio\" \
         xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">{}</ConsultaResult></ConsultaResponse></s:Body></s:Envelope>",
        fields.concat()
    )
}

struct Expression {
    id: Uuid,
    emisor: String,
    receptor: String,
    total: String,
    seal: Option<String>,
}

/// Reads `…?id=…&re=…&rr=…&tt=…&fe=…` in any order. An RFC may hold an encoded or a raw `&`, so a
/// piece without `=` belongs to the one before it.
fn expression(text: &str) -> Option<Expression> {
    let (_, query) = text.get(..text.len().min(MAX_EXPRESSION_BYTES))?.trim().split_once('?')?;
    let mut parts: Vec<(String, String)> = Vec::new();
    for piece in query.replace("&amp;", "&\u{1}").split('&') {
        match piece.split_once('=').filter(|(key, _)| key.len() == 2) {
            Some((key, value)) => parts.push((key.to_owned(), value.to_owned())),
            None => parts.last_mut()?.1.push_str(&format!("&{}", piece.trim_start_matches('\u{1}'))),
        }
    }
    let get = |key: &str| {
        let value = parts.iter().find(|(it, _)| it == key).map(|(_, value)| value.replace('\u{1}', ""))?;
        Some(unescape(&value).map(|it| it.into_owned()).unwrap_or(value))
    };
    Some(Expression {
        id: Uuid::parse_str(&get("id")?).ok()?,
        emisor: get("re")?,
        receptor: get("rr").or_else(|| get("nr"))?,
        total: get("tt")?,
        seal: get("fe").filter(|it| !it.is_empty()),
    })
}

fn look_up(sandbox: &Sandbox, it: &Expression) -> Found {
    let corpus = &sandbox.config.corpus;
    let Some(place) = corpus.find(it.id) else { return UNKNOWN };
    let facts = corpus.facts(place);
    if !agrees(corpus, place, &facts, it) {
        return UNKNOWN;
    }
    let (cancelable, state, cancellation) = standing(&facts, facts.is_cancelled(mexico(sandbox.now())));
    Found { code: FOUND, cancelable, state, cancellation, efos: sandbox.efos().answer(&facts) }
}

/// Whether a document may be cancelled, its state, and how far a cancellation is. What the corpus does not
/// say is a function of the folio.
fn standing(facts: &Facts, cancelled: bool) -> (&'static str, &'static str, &'static str) {
    let alone = needs_nobody(facts);
    match (cancelled, facts.uuid.as_bytes()[15] % 16) {
        (true, _) if alone => ("No cancelable", "Cancelado", "Cancelado sin aceptación"),
        (true, 12..) => ("No cancelable", "Cancelado", "Plazo vencido"),
        (true, _) => ("No cancelable", "Cancelado", "Cancelado con aceptación"),
        (false, 14..) => ("No cancelable", "Vigente", ""),
        (false, _) if alone => ("Cancelable sin aceptación", "Vigente", ""),
        (false, 2) => ("Cancelable con aceptación", "Vigente", "En proceso"),
        (false, 3) => ("Cancelable con aceptación", "Vigente", "Solicitud rechazada"),
        (false, _) => ("Cancelable con aceptación", "Vigente", ""),
    }
}

/// Small amounts, the general public, credit notes, payroll and transfers take no consent of the receiver.
fn needs_nobody(facts: &Facts) -> bool {
    let whole = facts.total.split('.').next().unwrap_or_default().trim_start_matches('0');
    let small = whole.len() <= SMALL_DIGITS;
    small || facts.receptor.rfc == "XAXX010101000" || ["E", "N", "T"].contains(&facts.kind.as_str())
}

fn agrees(corpus: &Corpus, place: u32, facts: &Facts, it: &Expression) -> bool {
    facts.emisor.rfc == it.emisor
        && facts.receptor.rfc == it.receptor.trim_start_matches('0')
        && plain(&facts.total) == plain(&it.total)
        && it.seal.as_ref().is_none_or(|seal| corpus.seal_tail(place).is_ok_and(|tail| tail == *seal))
}

/// An amount without the zeros that say nothing.
fn plain(amount: &str) -> String {
    let amount = amount.trim_start_matches('0');
    let amount = if amount.contains('.') { amount.trim_end_matches('0').trim_end_matches('.') } else { amount };
    amount.to_owned()
}
