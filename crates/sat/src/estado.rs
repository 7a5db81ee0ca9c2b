//! Consulta de estado: the envelope, and what its answers say.
//!
//! SAT's words are kept as they are: they are read by the services, and none is mapped to another
//! here. The page that answers for retenciones is HTML; of it three things are read, and a page
//! that lacks them is no answer.

use crate::envelope::SOAP;
use crate::reply::{Reply, SoapFault};
use crate::xml::{self, Element, NoAnswer};
use fedatario_app::revision::ports::StatusAnswer;

/// What the operation is called by.
pub(crate) const ACTION: &str = "http://tempuri.org/IConsultaCFDIService/Consulta";
/// The namespace of the operation.
const TEMPURI: &str = "http://tempuri.org/";
/// The namespace of what it answers.
const ANSWER: &str = "http://schemas.datacontract.org/2004/07/Sat.Cfdi.Negocio.ConsultaCfdi.Servicio";
/// Characters of one field that are kept. The longest known has 63.
const MAX_FIELD_CHARS: usize = 200;
/// Bytes of the page about a retención. Real ones have four thousand.
const MAX_PAGE_BYTES: usize = 512 << 10;
/// Cells of the page that are looked at.
const MAX_CELLS: usize = 1_000;

/// The envelope that asks about an expression.
pub fn envelope(expression: &str) -> String {
    let escaped = expression.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><c:Consulta xmlns:c=\"{TEMPURI}\"><c:expresionImpresa>{escaped}</c:expresionImpresa>\
         </c:Consulta></s:Body></s:Envelope>"
    )
}

/// Reads the answer of the service.
pub fn read(bytes: &[u8]) -> Result<Reply<StatusAnswer>, NoAnswer> {
    let root = xml::read(bytes)?;
    let body = root.child(SOAP, "Body").filter(|_| root.is(SOAP, "Envelope")).ok_or(NoAnswer::Missing("a SOAP body"))?;
    if let Some(fault) = body.child(SOAP, "Fault") {
        let text = |name| fault.child("", name).map(|it| kept(it.text())).unwrap_or_default();
        let code = text("faultcode");
        let code = code.rsplit(':').next().unwrap_or_default().to_owned();
        return Ok(Reply::Fault(SoapFault { code, text: text("faultstring") }));
    }
    let result = body.child(TEMPURI, "ConsultaResponse").and_then(|it| it.child(TEMPURI, "ConsultaResult"));
    let result = result.ok_or(NoAnswer::Missing("ConsultaResult"))?;
    let field = |name| result.child(ANSWER, name).map(Element::text).map(kept).unwrap_or_default();
    let codigo_estatus = field("CodigoEstatus");
    if codigo_estatus.is_empty() {
        return Err(NoAnswer::Missing("CodigoEstatus"));
    }
    Ok(Reply::Result(StatusAnswer {
        codigo_estatus,
        estado: field("Estado"),
        es_cancelable: field("EsCancelable"),
        estatus_cancelacion: field("EstatusCancelacion"),
        validacion_efos: field("ValidacionEFOS"),
    }))
}

/// Reads the page about a retención into the same fields: it has a table of names over values, or
/// says that there is no such document.
pub fn read_page(bytes: &[u8]) -> Result<StatusAnswer, NoAnswer> {
    if bytes.len() > MAX_PAGE_BYTES {
        return Err(NoAnswer::TooLarge(MAX_PAGE_BYTES as u64));
    }
    let page = String::from_utf8_lossy(bytes);
    if page.contains("class=\"noresultados\"") || page.contains("no se encuentra registrado") {
        return Ok(StatusAnswer {
            codigo_estatus: "N - 602: Comprobante no encontrado.".to_owned(),
            estado: "No Encontrado".to_owned(),
            ..StatusAnswer::default()
        });
    }
    let estado = value_under(&page, "Estado").ok_or(NoAnswer::Missing("the state of a retención"))?;
    Ok(StatusAnswer {
        codigo_estatus: "S - Comprobante obtenido satisfactoriamente.".to_owned(),
        estado,
        validacion_efos: hidden(&page, "efosEstatus").unwrap_or_default(),
        ..StatusAnswer::default()
    })
}

/// The value below the heading that begins with a word: same column, next row.
fn value_under(page: &str, heading: &str) -> Option<String> {
    let rows: Vec<Vec<String>> = page.split("<tr").skip(1).take(MAX_CELLS).map(cells).collect();
    rows.windows(2).find_map(|pair| {
        let column = pair[0].iter().position(|it| it.starts_with(heading))?;
        pair[1].get(column).filter(|it| !it.is_empty()).cloned()
    })
}

/// The texts of a row's cells.
fn cells(row: &str) -> Vec<String> {
    let row = row.split("</tr").next().unwrap_or_default();
    let parts = row.replace("<td", "<th");
    parts.split("<th").skip(1).take(MAX_CELLS).map(|it| plain(it.split_once('>').map_or("", |(_, rest)| rest))).collect()
}

/// A text without its tags, its blanks made one.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut within = false;
    for it in html.chars() {
        match it {
            '<' => within = true,
            '>' if within => within = false,
            other if !within => text.push(other),
            _ => {}
        }
    }
    kept(&text)
}

/// The value of a hidden field.
fn hidden(page: &str, id: &str) -> Option<String> {
    let at = page.find(&format!("id=\"{id}\""))?;
    let start = page[..at].rfind('<')?;
    let tag = &page[start..start + page[start..].find('>')?];
    let value = tag.split_once("value=\"")?.1;
    Some(kept(value.split('"').next().unwrap_or_default()))
}

fn kept(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MAX_FIELD_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: [&str; 5]) -> StatusAnswer {
        let [codigo_estatus, estado, es_cancelable, estatus_cancelacion, validacion_efos] = fields.map(str::to_owned);
        StatusAnswer { codigo_estatus, estado, es_cancelable, estatus_cancelacion, validacion_efos }
    }

    #[test]
    fn an_expression_is_escaped_once_more_on_the_wire() {
        let envelope = envelope("?re=H&amp;E951128469&rr=Ñ<");
        assert!(envelope.contains(">?re=H&amp;amp;E951128469&amp;rr=Ñ&lt;<"), "{envelope}");
        let read = crate::xml::read(envelope.as_bytes()).unwrap();
        let consulta = read.child(SOAP, "Body").and_then(|it| it.child(TEMPURI, "Consulta")).unwrap();
        assert_eq!(consulta.child(TEMPURI, "expresionImpresa").unwrap().text(), "?re=H&amp;E951128469&rr=Ñ<");
    }

    #[test]
    fn answers_are_kept_in_their_own_words() {
        let wrap = |inner: &str| {
            format!(
                "<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><ConsultaResponse xmlns=\"{TEMPURI}\"><ConsultaResult xmlns:a=\"{ANSWER}\">\
                 {inner}</ConsultaResult></ConsultaResponse></s:Body></s:Envelope>"
            )
        };
        let whole = wrap(
            "<a:CodigoEstatus>S - Comprobante obtenido satisfactoriamente.</a:CodigoEstatus><a:EsCancelable>No cancelable</a:EsCancelable>\
             <a:Estado>Otra cosa</a:Estado><a:EstatusCancelacion/><a:ValidacionEFOS>100</a:ValidacionEFOS>",
        );
        let Reply::Result(found) = read(whole.as_bytes()).unwrap() else { panic!("a result") };
        assert_eq!(found, answer(["S - Comprobante obtenido satisfactoriamente.", "Otra cosa", "No cancelable", "", "100"]));
        for broken in [String::new(), wrap(""), "<html/>".to_owned(), wrap("<a:Estado>Vigente</a:Estado>")] {
            assert!(read(broken.as_bytes()).is_err(), "{broken}");
        }
        let fault = format!(
            "<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><s:Fault><faultcode>a:InternalServiceFault</faultcode><faultstring>x</faultstring>\
             </s:Fault></s:Body></s:Envelope>"
        );
        assert!(matches!(read(fault.as_bytes()), Ok(Reply::Fault(it)) if it.code == "InternalServiceFault"));
    }

    #[test]
    fn the_page_of_a_retencion_says_three_things() {
        let page = "<table id=\"t\"><tr><th>Total del CFDI</th>\n<th class='x'> Estado\n CFDI Retenci&oacute;n</th></tr>\n\
                    <tr><td><span>$431.03</span></td><td><span> Cancelado </span></td></tr></table>\
                    <input hidden=\"hidden\" id=\"efosEstatus\" value=\"200\" />";
        let found = read_page(page.as_bytes()).unwrap();
        assert_eq!(found, answer(["S - Comprobante obtenido satisfactoriamente.", "Cancelado", "", "", "200"]));
        let none = read_page(b"<div class=\"noresultados\"><h3>Este comprobante no se encuentra registrado</h3></div>").unwrap();
        assert_eq!((none.codigo_estatus.as_str(), none.estado.as_str()), ("N - 602: Comprobante no encontrado.", "No Encontrado"));
        for other in ["", "<html><body>Servicio no disponible</body></html>", "<tr><th>Estado</th></tr><tr><td></td></tr>"] {
            assert!(read_page(other.as_bytes()).is_err(), "{other}");
        }
        assert!(matches!(read_page(&vec![b' '; MAX_PAGE_BYTES + 1]), Err(NoAnswer::TooLarge(_))));
        fedatario_testkit::covers!("status: answers in SAT's own words, for CFDI and retenciones; anything else is no answer");
    }
}
