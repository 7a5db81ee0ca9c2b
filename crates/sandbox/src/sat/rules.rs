//! What makes a request for documents acceptable in itself: shape, values, combinations, dates.
//!
//! Everything here is a 301 with its reason, but for what the real framework cannot even read (a
//! date or an enumerated value of another form), which is a fault. Whose documents they are, and
//! whether they were asked for before, is decided elsewhere.

use super::answer::{Operation, Status};
use super::corpus::{Estado, Family};
use super::package::Tipo;
use fedatario_fiscal::mx::asking::{CFDI_COMPLEMENTS, RETENCIONES_COMPLEMENTS};
use jiff::ToSpan;
use jiff::civil::DateTime;
use uuid::Uuid;

/// Receivers that one request for issued documents may name.
const MAX_RECEIVERS: usize = 5;
/// Years back that a request may reach, counted from midnight today.
const HISTORY_YEARS: i64 = 6;

/// `[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{2}[A0-9]`.
pub(super) fn is_rfc(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    if !(12..=13).contains(&chars.len()) {
        return false;
    }
    let (letters, rest) = chars.split_at(chars.len() - 9);
    letters.iter().all(|it| it.is_ascii_uppercase() || matches!(it, 'Ñ' | '&'))
        && rest[..6].iter().all(char::is_ascii_digit)
        && rest[6..8].iter().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit())
        && (rest[8] == 'A' || rest[8].is_ascii_digit())
}

/// The attributes and children of `des:solicitud`, as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub attributes: Vec<(String, String)>,
    pub receptores: Vec<String>,
}

impl Sent {
    /// An attribute with something in it; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|it| !it.is_empty())
    }
}

/// What a request asks for, once it is known to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Criteria {
    /// `SolicitaDescargaEmitidos`, `…Recibidos` or `…Folio`.
    pub operation: Operation,
    /// Documents or lines about them.
    pub tipo: Tipo,
    /// First second of emission, in Mexico City civil time.
    pub fecha_inicial: Option<DateTime>,
    /// Last second of emission, in Mexico City civil time.
    pub fecha_final: Option<DateTime>,
    /// The issuer asked for.
    pub rfc_emisor: Option<String>,
    /// The receivers asked for, sorted: their order makes no new request.
    pub rfc_receptores: Vec<String>,
    /// The state asked for.
    pub estado: Estado,
    /// The kind asked for.
    pub tipo_comprobante: Option<String>,
    /// The complement asked for.
    pub complemento: Option<String>,
    /// The third party asked for.
    pub rfc_a_cuenta_terceros: Option<String>,
    /// The one document asked for.
    pub folio: Option<Uuid>,
}

impl Criteria {
    /// What counts when SAT says that two requests are identical: filters do not.
    pub fn is_identical(&self, other: &Self) -> bool {
        let key = |it: &Self| {
            (it.operation, it.tipo, it.fecha_inicial, it.fecha_final, it.rfc_emisor.clone(), it.rfc_receptores.clone(), it.folio)
        };
        key(self) == key(other)
    }
}

/// Why the body of a request is refused before or after it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The framework cannot read it.
    Unreadable,
    /// It reads, and is not acceptable.
    Refused(Status),
}

fn refused(reason: &str) -> Flaw {
    Flaw::Refused(Status::malformed(reason))
}

/// The parts that the framework itself reads: dates and the enumerated kind of request.
pub(super) fn readable(sent: &Sent) -> Result<(), Flaw> {
    for name in ["FechaInicial", "FechaFinal"] {
        if sent.get(name).is_some_and(|text| date(text).is_none()) {
            return Err(Flaw::Unreadable);
        }
    }
    match sent.get("TipoSolicitud") {
        None | Some("CFDI" | "Metadata" | "PDF" | "PDFCOCEMA" | "TXTUUIDMASIVA") => Ok(()),
        Some(_) => Err(Flaw::Unreadable),
    }
}

fn date(text: &str) -> Option<DateTime> {
    let shaped = text.len() == 19 && text.as_bytes()[10] == b'T';
    text.parse().ok().filter(|_| shaped)
}

/// Reads and checks the content of a request, as of `now` (Mexico City civil time).
pub(super) fn criteria(operation: Operation, family: Family, sent: &Sent, now: DateTime) -> Result<Criteria, Flaw> {
    let criteria = if operation == Operation::SolicitaDescargaFolio { folio(sent)? } else { listing(operation, sent)? };
    check_names(&criteria, family)?;
    check_receivers(&criteria)?;
    if operation != Operation::SolicitaDescargaFolio {
        check_dates(&criteria, now)?;
    }
    Ok(criteria)
}

fn folio(sent: &Sent) -> Result<Criteria, Flaw> {
    let text = sent.get("Folio").filter(|it| it.len() == 36);
    let folio = text.and_then(|it| Uuid::parse_str(it).ok()).ok_or_else(|| refused("El folio no es válido."))?;
    Ok(Criteria {
        operation: Operation::SolicitaDescargaFolio,
        tipo: Tipo::Cfdi,
        fecha_inicial: None,
        fecha_final: None,
        rfc_emisor: None,
        rfc_receptores: Vec::new(),
        estado: Estado::Vigente,
        tipo_comprobante: None,
        complemento: None,
        rfc_a_cuenta_terceros: None,
        folio: Some(folio),
    })
}

fn listing(operation: Operation, sent: &Sent) -> Result<Criteria, Flaw> {
    let issued = operation == Operation::SolicitaDescargaEmitidos;
    let tipo = tipo(sent)?;
    let estado = estado(sent)?;
    if !issued && tipo == Tipo::Cfdi && estado != Estado::Vigente {
        return Err(refused("No se permite la descarga de xml que se encuentren cancelados."));
    }
    let own = |name: &str| sent.get(name).map(str::to_owned);
    let mut rfc_receptores = if issued { sent.receptores.clone() } else { own("RfcReceptor").into_iter().collect() };
    rfc_receptores.sort();
    match (issued, own("RfcEmisor"), rfc_receptores.is_empty()) {
        (true, None, _) => return Err(refused("El RfcEmisor es obligatorio.")),
        (false, _, true) => return Err(refused("El RfcReceptor es obligatorio.")),
        _ => {}
    }
    Ok(Criteria {
        operation,
        tipo,
        fecha_inicial: sent.get("FechaInicial").and_then(date),
        fecha_final: sent.get("FechaFinal").and_then(date),
        rfc_emisor: own("RfcEmisor"),
        rfc_receptores,
        estado,
        tipo_comprobante: own("TipoComprobante"),
        complemento: own("Complemento"),
        rfc_a_cuenta_terceros: own("RfcACuentaTerceros"),
        folio: None,
    })
}

fn tipo(sent: &Sent) -> Result<Tipo, Flaw> {
    match sent.get("TipoSolicitud") {
        Some("CFDI") => Ok(Tipo::Cfdi),
        Some("Metadata") => Ok(Tipo::Metadata),
        _ => Err(refused("El TipoSolicitud no es válido.")),
    }
}

fn estado(sent: &Sent) -> Result<Estado, Flaw> {
    match sent.get("EstadoComprobante") {
        None | Some("Vigente") => Ok(Estado::Vigente),
        Some("Todos") => Ok(Estado::Todos),
        Some("Cancelado") => Ok(Estado::Cancelado),
        Some(_) => Err(refused("El EstadoComprobante no es válido.")),
    }
}

fn check_names(it: &Criteria, family: Family) -> Result<(), Flaw> {
    let all = [&it.rfc_emisor, &it.rfc_a_cuenta_terceros];
    if all.into_iter().flatten().chain(&it.rfc_receptores).any(|rfc| !is_rfc(rfc)) {
        return Err(refused("El RFC no es válido."));
    }
    if it.tipo_comprobante.as_deref().is_some_and(|kind| !matches!(kind, "I" | "E" | "T" | "N" | "P")) {
        return Err(refused("El TipoComprobante no es válido."));
    }
    let known: &[&str] = match family {
        Family::Cfdi => CFDI_COMPLEMENTS,
        Family::Retenciones => RETENCIONES_COMPLEMENTS,
    };
    if it.complemento.as_deref().is_some_and(|name| !known.contains(&name)) {
        return Err(refused("El Complemento no es válido."));
    }
    Ok(())
}

fn check_receivers(it: &Criteria) -> Result<(), Flaw> {
    if it.rfc_receptores.len() > MAX_RECEIVERS {
        return Err(refused("Se permiten como máximo cinco RfcReceptor."));
    }
    Ok(())
}

fn check_dates(it: &Criteria, now: DateTime) -> Result<(), Flaw> {
    let (Some(first), Some(last)) = (it.fecha_inicial, it.fecha_final) else {
        return Err(refused("La FechaInicial y la FechaFinal son obligatorias."));
    };
    if first >= last {
        return Err(refused("La fecha inicial es mayor o igual a la fecha final."));
    }
    let oldest = now.date().saturating_sub(HISTORY_YEARS.years()).at(0, 0, 0, 0);
    if first < oldest {
        return Err(refused("La fecha inicial es anterior a los seis años que se pueden consultar."));
    }
    if last > now {
        return Err(refused("La fecha final es mayor a la fecha actual."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(attributes: &[(&str, &str)]) -> Sent {
        let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Sent { attributes, receptores: Vec::new() }
    }

    const BASE: [(&str, &str); 4] = [
        ("FechaInicial", "2026-01-01T00:00:00"),
        ("FechaFinal", "2026-01-31T23:59:59"),
        ("RfcEmisor", "EKU9003173C9"),
        ("TipoSolicitud", "CFDI"),
    ];

    fn emitidos(change: &[(&str, &str)]) -> Result<Criteria, Flaw> {
        let mut attributes: Vec<(&str, &str)> = change.to_vec();
        attributes.extend(BASE.iter().filter(|(key, _)| change.iter().all(|(it, _)| it != key)));
        let sent = sent(&attributes);
        readable(&sent)?;
        criteria(Operation::SolicitaDescargaEmitidos, Family::Cfdi, &sent, "2026-11-21T12:00:00".parse().unwrap())
    }

    #[test]
    fn each_rule_of_a_request_is_a_301_of_its_own_or_a_fault() {
        let cases: [(&[(&str, &str)], &str); 15] = [
            (&[], ""),
            (&[("FechaFinal", "2026-01-01T00:00:00")], "La fecha inicial es mayor o igual a la fecha final."),
            (&[("FechaInicial", "2020-11-20T23:59:59")], "seis años"),
            (&[("FechaInicial", "2020-11-21T00:00:00")], ""),
            (&[("FechaFinal", "2026-11-21T12:00:01")], "mayor a la fecha actual"),
            (&[("FechaFinal", "2026-11-21T12:00:00")], ""),
            (&[("RfcEmisor", "")], "RfcEmisor es obligatorio"),
            (&[("RfcEmisor", "eku9003173c9")], "El RFC no es válido"),
            (&[("TipoSolicitud", "PDF")], "TipoSolicitud"),
            (&[("EstadoComprobante", "todos")], "EstadoComprobante"),
            (&[("TipoComprobante", "null")], "TipoComprobante"),
            (&[("Complemento", "cartaporte31")], "Complemento"),
            (&[("TipoSolicitud", "cfdi")], "fault"),
            (&[("FechaInicial", "2026-01-01")], "fault"),
            (&[("FechaInicial", "")], "obligatorias"),
        ];
        for (change, expected) in cases {
            let outcome = match emitidos(change) {
                Ok(_) => String::new(),
                Err(Flaw::Unreadable) => "fault".into(),
                Err(Flaw::Refused(status)) => status.message,
            };
            let good = if expected.is_empty() { outcome.is_empty() } else { outcome.contains(expected) };
            assert!(good, "{change:?}: {outcome}");
        }
        fedatario_testkit::covers!("sandbox: content rules of Solicita");
    }

    #[test]
    fn an_rfc_is_upper_case_and_may_hold_an_ampersand_or_an_enye() {
        for good in ["EKU9003173C9", "H&E951128469", "IAÑL750210963", "OÑO120726RX3", "XAXX010101000"] {
            assert!(is_rfc(good), "{good}");
        }
        for bad in ["", "eku9003173c9", "EKU90031", "EKU9003173C9X1", "1KU9003173C9", "EKU9003173CX"] {
            assert!(!is_rfc(bad), "{bad}");
        }
        fedatario_testkit::covers!("sandbox: RFC shape");
    }
}
