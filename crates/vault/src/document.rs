//! What a document is, before anything is signed: read once, refused or taken.
//!
//! There is no oracle here. A document that any authority could take for a login, a request or a
//! message of our own clients is refused wherever such an element stands in it and whatever its
//! prefix; `dgii` signs a closed list of roots, and the RNC that each of them speaks for is handed on
//! to be held against the credential; the plain profile makes no e-CF. Amounts are read for grants with
//! a cap: only where exactly one element says them.

use crate::VaultError;
use crate::grant::Amount;
use fedatario_xmlsig::{Document, Limits, Node, Profile, is_signed};

/// Namespaces of messages that only our own clients may have signed.
const AUTHORITY_NAMESPACES: [&str; 6] = [
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://DescargaMasivaTerceros.sat.gob.mx",
    "http://DescargaMasivaTerceros.gob.mx",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
];
/// Elements whose signature is a session or a request somewhere, in whatever namespace and case: DGII's seed,
/// SAT's login and requests.
const AUTHORITY_ELEMENTS: [&str; 8] = [
    "SemillaModel",
    "Autentica",
    "SolicitaDescarga",
    "SolicitaDescargaEmitidos",
    "SolicitaDescargaRecibidos",
    "SolicitaDescargaFolio",
    "VerificaSolicitudDescarga",
    "PeticionDescargaMasivaTercerosEntrada",
];

/// Roots that DGII takes signed, the way to the RNC that each speaks for, and the way to its total.
/// A receiver acknowledges and approves, so those two are its own.
const DGII_ROOTS: [DgiiRoot; 5] = [
    DgiiRoot { name: "ECF", rnc: &["Encabezado", "Emisor", "RNCEmisor"], total: &["Encabezado", "Totales", "MontoTotal"] },
    DgiiRoot { name: "RFCE", rnc: &["Encabezado", "Emisor", "RNCEmisor"], total: &["Encabezado", "Totales", "MontoTotal"] },
    DgiiRoot { name: "ARECF", rnc: &["DetalleAcusedeRecibo", "RNCComprador"], total: &[] },
    DgiiRoot {
        name: "ACECF",
        rnc: &["DetalleAprobacionComercial", "RNCComprador"],
        total: &["DetalleAprobacionComercial", "MontoTotal"],
    },
    DgiiRoot { name: "ANECF", rnc: &["Encabezado", "RncEmisor"], total: &[] },
];
/// The totals of DGII's documents are in pesos.
const DGII_CURRENCY: &str = "DOP";

/// Namespaces of CFDI, whose root says its total and currency.
const CFDI_NAMESPACES: [&str; 2] = ["http://www.sat.gob.mx/cfd/4", "http://www.sat.gob.mx/cfd/3"];

/// The longest name of a root that is kept, in characters: names of authorities are far shorter.
const ROOT_CHARS: usize = 64;

struct DgiiRoot {
    name: &'static str,
    rnc: &'static [&'static str],
    total: &'static [&'static str],
}

/// A document that may be signed under a profile, as far as it says so itself.
pub(crate) struct Read {
    pub(crate) document: Document,
    /// The local name of its root.
    pub(crate) root: String,
    /// The RNC that it speaks for; only of DGII's documents, always of those.
    pub(crate) rnc: Option<String>,
    pub(crate) amount: Option<Amount>,
}

/// Whether a profile is one of our clients' own, for messages to SAT.
pub(crate) fn is_clients(profile: Profile) -> bool {
    matches!(profile, Profile::SatToken | Profile::SatRequest(_))
}

/// The text of a profile, as in the chain.
pub(crate) fn profile_text(profile: Profile) -> &'static str {
    match profile {
        Profile::Plain => "plain",
        Profile::Dgii => "dgii",
        Profile::SatToken => "sat_token",
        Profile::SatRequest(_) => "sat_request",
    }
}

/// What a signature is for, where nobody says more: in the chain and in the log of usage.
pub(crate) fn purpose_text(profile: Profile) -> &'static str {
    match profile {
        Profile::Plain | Profile::Dgii => "document",
        Profile::SatToken => "session",
        Profile::SatRequest(_) => "request",
    }
}

/// Reads a document and refuses what the profile does not sign.
pub(crate) fn read(profile: Profile, bytes: &[u8]) -> Result<Read, VaultError> {
    let document = Document::parse(bytes, Limits::VERIFY)?;
    let root: String = document.root().local().chars().take(ROOT_CHARS).collect();
    if is_clients(profile) {
        return Ok(Read { document, root, rnc: None, amount: None });
    }
    if document.root().descendants().any(is_authoritys) {
        return Err(VaultError::Oracle);
    }
    if is_signed(&document) {
        return Err(VaultError::DocumentSigned);
    }
    let known = DGII_ROOTS.iter().find(|it| document.root().local() == it.name);
    let (rnc, amount) = match (profile, known) {
        // In whatever namespace: a reader that looks at names alone would take it for one.
        (Profile::Dgii, Some(known)) if document.root().namespace().is_empty() => {
            let rnc = text_at(document.root(), known.rnc).ok_or(VaultError::ProfileRefused("it names no RNC"))?;
            let total = text_at(document.root(), known.total).filter(|_| !known.total.is_empty());
            (Some(rnc), total.and_then(|it| Amount::read(&it, DGII_CURRENCY)))
        }
        (Profile::Dgii, _) => return Err(VaultError::ProfileRefused("dgii signs ECF, RFCE, ARECF, ACECF and ANECF")),
        (_, Some(_)) => return Err(VaultError::ProfileRefused("a document of DGII's is signed under dgii")),
        (_, None) => (None, cfdi_total(document.root())),
    };
    Ok(Read { root, rnc, amount, document })
}

fn is_authoritys(node: Node<'_>) -> bool {
    let named = |local: &str| AUTHORITY_ELEMENTS.iter().any(|it| it.eq_ignore_ascii_case(local));
    node.is_element() && (AUTHORITY_NAMESPACES.contains(&node.namespace()) || named(node.local()))
}

/// The text at the end of a way of elements without a namespace, each the only one of its name.
fn text_at(root: Node<'_>, way: &[&str]) -> Option<String> {
    let end = way.iter().try_fold(root, |at, name| at.only_child("", name))?;
    let is_plain = end.elements().next().is_none();
    is_plain.then(|| end.text().trim().to_owned()).filter(|it| !it.is_empty())
}

fn cfdi_total(root: Node<'_>) -> Option<Amount> {
    let is_cfdi = root.local() == "Comprobante" && CFDI_NAMESPACES.contains(&root.namespace());
    let root = Some(root).filter(|_| is_cfdi)?;
    Amount::read(root.attribute("Total")?, root.attribute("Moneda")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_base::Code;
    use fedatario_testkit::covers;

    fn outcome(profile: Profile, text: &[u8]) -> Result<(String, Option<String>, Option<String>), Code> {
        let read = read(profile, text).map_err(|it| it.code())?;
        Ok((read.root, read.rnc, read.amount.map(|it| format!("{} {}", it.value, it.currency))))
    }

    fn utf16(text: &str) -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn nothing_that_is_a_session_or_a_request_somewhere_is_signed() {
        let seed = "<SemillaModel><valor>x</valor><fecha>2026-01-01</fecha></SemillaModel>";
        let oracle = [
            seed.to_owned(),
            "<a:SemillaModel xmlns:a=\"urn:other\"/>".to_owned(),
            "<semillamodel/>".to_owned(),
            format!("<sobre>{seed}</sobre>"),
            format!("<?xml version=\"1.0\"?><!-- c --><?p i?><a><b><!-- x -->{seed}</b></a>"),
            "<SemillaModel xmlns=\"\"><valor>&#120;</valor></SemillaModel>".to_owned(),
            "<x:Envelope xmlns:x=\"http://schemas.xmlsoap.org/soap/envelope/\"/>".to_owned(),
            "<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"/>".to_owned(),
            "<Envelope xmlns=\"http://www.w3.org/2003/05/soap-env&#101;lope\"/>".to_owned(),
            "<a><SolicitaDescargaRecibidos/></a>".to_owned(),
            "<d:SolicitaDescarga xmlns:d=\"http://DescargaMasivaTerceros.sat.gob.mx\"/>".to_owned(),
            "<d:cualquiera xmlns:d=\"http://DescargaMasivaTerceros.gob.mx\"/>".to_owned(),
            "<VerificaSolicitudDescarga/>".to_owned(),
            "<PeticionDescargaMasivaTercerosEntrada/>".to_owned(),
            "<Autentica/>".to_owned(),
            "<a xmlns:u=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\"><u:Timestamp/></a>"
                .to_owned(),
        ];
        for text in &oracle {
            for profile in [Profile::Plain, Profile::Dgii] {
                assert_eq!(outcome(profile, text.as_bytes()), Err(Code::PurposeRefused), "{text}");
            }
        }
        // Another encoding is another document: none but UTF-8 is read.
        assert_eq!(outcome(Profile::Plain, &utf16(seed)), Err(Code::XmlMalformed));
        let entity = "<!DOCTYPE a [<!ENTITY s \"SemillaModel\">]><a>&s;</a>";
        assert_eq!(outcome(Profile::Plain, entity.as_bytes()), Err(Code::XmlDoctype));
        covers!("signing: sessions and requests of authorities are refused in any namespace, prefix, place and encoding");
    }

    #[test]
    fn dgii_signs_its_five_documents_and_plain_none_of_them() {
        let ecf = |inner: &str| format!("<ECF><Encabezado>{inner}</Encabezado></ECF>");
        let emitter = "<Emisor><RNCEmisor>131880738</RNCEmisor></Emisor>";
        let total = "<Totales><MontoTotal>118.00</MontoTotal></Totales>";
        let good =
            |root: &str, amount: Option<&str>| Ok((root.to_owned(), Some("131880738".to_owned()), amount.map(str::to_owned)));
        let cases = [
            (ecf(&format!("{emitter}{total}")), good("ECF", Some("118.00 DOP"))),
            (ecf(&format!("{emitter}{total}")).replace("ECF>", "RFCE>"), good("RFCE", Some("118.00 DOP"))),
            (ecf(emitter), good("ECF", None)),
            (ecf(&format!("{emitter}{total}{total}")), good("ECF", None)),
            ("<ARECF><DetalleAcusedeRecibo><RNCEmisor>1</RNCEmisor><RNCComprador>131880738</RNCComprador></DetalleAcusedeRecibo></ARECF>".into(), good("ARECF", None)),
            ("<ACECF><DetalleAprobacionComercial><RNCComprador> 131880738 </RNCComprador><MontoTotal>9</MontoTotal></DetalleAprobacionComercial></ACECF>".into(), good("ACECF", Some("9 DOP"))),
            ("<ANECF><Encabezado><RncEmisor>131880738</RncEmisor></Encabezado></ANECF>".into(), good("ANECF", None)),
            (ecf(&format!("{emitter}{emitter}")), Err(Code::ProfileRefused)),
            (ecf(total), Err(Code::ProfileRefused)),
            (ecf("<Emisor><RNCEmisor><b>131880738</b></RNCEmisor></Emisor>"), Err(Code::ProfileRefused)),
            (ecf(emitter).replacen("<ECF>", "<ECF xmlns=\"urn:x\">", 1), Err(Code::ProfileRefused)),
            ("<otro/>".into(), Err(Code::ProfileRefused)),
            ("<ECF><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/></ECF>".into(), Err(Code::DocumentSigned)),
        ];
        for (text, expected) in cases {
            assert_eq!(outcome(Profile::Dgii, text.as_bytes()), expected, "{text}");
        }
        for root in ["ECF", "RFCE", "ARECF", "ACECF", "ANECF"] {
            for text in [format!("<{root}/>"), format!("<x:{root} xmlns:x=\"urn:x\"/>")] {
                assert_eq!(outcome(Profile::Plain, text.as_bytes()), Err(Code::ProfileRefused), "{text}");
            }
        }
        let signed = b"<a><b><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/></b></a>";
        assert_eq!(outcome(Profile::Plain, signed), Err(Code::DocumentSigned));
        covers!("signing: dgii signs ECF, RFCE, ARECF, ACECF and ANECF that name one RNC; plain signs none of them");
    }

    #[test]
    fn the_total_of_a_cfdi_is_read_from_its_root_alone() {
        let of = |text: &str| outcome(Profile::Plain, text.as_bytes()).unwrap().2;
        let cfdi = "<c:Comprobante xmlns:c=\"http://www.sat.gob.mx/cfd/4\" Total=\"10.50\" Moneda=\"MXN\"/>";
        assert_eq!(of(cfdi).as_deref(), Some("10.50 MXN"));
        assert_eq!(of(&cfdi.replace("cfd/4", "cfd/9")), None);
        assert_eq!(of(&cfdi.replace("Moneda", "c:Moneda")), None);
        assert_eq!(of(&cfdi.replace("10.50", "-10.50")), None);
        assert_eq!(of(&format!("<a>{cfdi}</a>")), None);
        covers!("signing: a total is read where the authority has it and nowhere else");
    }
}
