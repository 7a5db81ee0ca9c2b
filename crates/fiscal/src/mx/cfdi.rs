//! A CFDI read once: its JSON, the columns it is indexed by, and what was odd about it.
//!
//! Reads CFDI 3.2, 3.3 and 4.0 and Retenciones 1.0 and 2.0. Promises: the original bytes are only
//! looked at; a document that people can use is read, with a [`Warning`] for whatever SAT would not
//! have written; well-formed XML that is no CFDI is [`CfdiError::NotCfdi`], and everything else is
//! refused with its reason. Seals are not verified here, and whether an unstamped document counts is
//! left to the caller.

use super::encoding::{self, Decoded};
use super::json;
use super::rfc::Rfc;
use super::time;
use super::tree::{self, NodeId, Tree, XmlError};
use super::uuid::FiscalUuid;
use fedatario_base::Code;
use jiff::civil::DateTime;
use rust_decimal::Decimal;

/// The namespace of the stamp.
pub const STAMP_NAMESPACE: &str = "http://www.sat.gob.mx/TimbreFiscalDigital";
/// Complements named in the index; a document has a handful.
pub const MAX_COMPLEMENTS: usize = 64;

/// Which family of documents it is, and so which service of SAT holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// An invoice, credit note, payment, payroll or transfer.
    Cfdi,
    /// A certificate of withheld tax.
    Retenciones,
}

/// What a document is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `I`: income.
    Ingreso,
    /// `E`: a credit note.
    Egreso,
    /// `T`: goods on the way.
    Traslado,
    /// `N`: payroll.
    Nomina,
    /// `P`: a payment received.
    Pago,
    /// A retención, with its `CveRetenc`.
    Retencion(String),
    /// Anything else, as it was written; empty when nothing was.
    Unknown(String),
}

impl Kind {
    /// The letter, or for a retención its key: what SAT's metadata has in `EfectoComprobante`.
    pub fn text(&self) -> &str {
        match self {
            Kind::Ingreso => "I",
            Kind::Egreso => "E",
            Kind::Traslado => "T",
            Kind::Nomina => "N",
            Kind::Pago => "P",
            Kind::Retencion(text) | Kind::Unknown(text) => text,
        }
    }

    /// The letter of today, or the word that version 3.2 used.
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "I" | "ingreso" => Kind::Ingreso,
            "E" | "egreso" => Kind::Egreso,
            "T" | "traslado" => Kind::Traslado,
            "N" => Kind::Nomina,
            "P" => Kind::Pago,
            other => Kind::Unknown(other.to_owned()),
        }
    }
}

/// An issuer or receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// The tax id as written, blanks removed: an RFC, or what a foreigner has instead. May be empty.
    pub id: String,
    /// The same, when it is an RFC.
    pub rfc: Option<Rfc>,
    /// The name, as written.
    pub name: Option<String>,
}

/// A complement: its namespace says which and which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complement {
    /// The namespace.
    pub namespace: String,
    /// The element's name without prefix.
    pub name: String,
}

/// Something SAT would not have written, or that a person should know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Warning {
    /// No stamp, or one without a readable folio: not a fiscal document.
    Unstamped,
    /// More than one stamp; the first counts.
    SeveralStamps,
    /// Stamped before it was issued.
    StampedBeforeIssue,
    /// `xmlns:schemaLocation` where `xsi:schemaLocation` was meant, an error of many emitters.
    SchemaLocationAsNamespace,
    /// A prefix that nobody declares.
    UndeclaredPrefix,
    /// An RFC with blanks around it.
    BlankInRfc,
    /// A tax id without the shape of an RFC.
    RfcShape,
    /// Issuer or receiver is missing.
    PartyMissing,
    /// The date of issue is missing or unreadable.
    DateUnreadable,
    /// The total is missing or no number.
    TotalUnreadable,
    /// A version, or a type of document, that is not known here.
    UnknownVersion,
    /// Something stands before the document.
    JunkBefore,
    /// Something follows the document.
    JunkAfter,
    /// More than one byte-order mark.
    RepeatedMark,
}

impl Warning {
    /// A permanent name, for storage and programs.
    pub fn slug(self) -> &'static str {
        match self {
            Warning::Unstamped => "unstamped",
            Warning::SeveralStamps => "several_stamps",
            Warning::StampedBeforeIssue => "stamped_before_issue",
            Warning::SchemaLocationAsNamespace => "schema_location_as_namespace",
            Warning::UndeclaredPrefix => "undeclared_prefix",
            Warning::BlankInRfc => "blank_in_rfc",
            Warning::RfcShape => "rfc_shape",
            Warning::PartyMissing => "party_missing",
            Warning::DateUnreadable => "date_unreadable",
            Warning::TotalUnreadable => "total_unreadable",
            Warning::UnknownVersion => "unknown_version",
            Warning::JunkBefore => "junk_before",
            Warning::JunkAfter => "junk_after",
            Warning::RepeatedMark => "repeated_mark",
        }
    }
}

/// A document, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Cfdi {
    /// Which family it belongs to.
    pub family: Family,
    /// The folio of its stamp; `None` together with [`Warning::Unstamped`].
    pub uuid: Option<FiscalUuid>,
    /// `3.2`, `3.3`, `4.0`; `1.0`, `2.0` of Retenciones; as written.
    pub version: String,
    /// What it is for.
    pub kind: Kind,
    /// Who issued it.
    pub issuer: Party,
    /// Who received it.
    pub receiver: Party,
    /// When it was issued, Mexican civil time.
    pub date: Option<DateTime>,
    /// When it was stamped.
    pub stamped_at: Option<DateTime>,
    /// The month of issue, AAAAMM.
    pub period: Option<i32>,
    /// The currency, as written; retenciones name none.
    pub currency: Option<String>,
    /// The total.
    pub total: Option<Decimal>,
    /// The total as written, zeros kept; empty when there is none.
    pub total_text: String,
    /// The issuer's series.
    pub series: Option<String>,
    /// The issuer's number.
    pub folio: Option<String>,
    /// The RFC of the PAC that stamped it.
    pub pac: Option<String>,
    /// The first `RfcACuentaTerceros` of its concepts, with the name: SAT lists it in a file of its own.
    pub third_party: Option<(String, String)>,
    /// Its complements, the stamp left out, each once.
    pub complements: Vec<Complement>,
    /// The document as JSON text.
    pub json: String,
    /// What was odd, sorted, each once.
    pub warnings: Vec<Warning>,
}

impl Cfdi {
    /// Whether it is a certificate of withheld tax.
    pub fn is_retenciones(&self) -> bool {
        self.family == Family::Retenciones
    }

    /// Whether the taxpayer is its issuer or its receiver.
    pub fn concerns(&self, rfc: &Rfc) -> bool {
        [&self.issuer, &self.receiver].into_iter().any(|it| it.rfc.as_ref() == Some(rfc))
    }
}

/// Why bytes are not a CFDI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CfdiError {
    /// Not XML, or more of it than anybody would send.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Good XML, but something else.
    #[error("the document is not a CFDI: its root is `{root}`")]
    NotCfdi {
        /// The root's name without prefix, shortened.
        root: String,
    },
}

impl CfdiError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            CfdiError::Xml(error) => error.code(),
            CfdiError::NotCfdi { .. } => Code::CfdiFormat,
        }
    }
}

/// What the versions call the date of issue.
const DATES: [&str; 3] = ["Fecha", "fecha", "FechaExp"];
/// Characters of a foreign root's name that an error repeats.
const MAX_ROOT_SHOWN: usize = 64;

/// Reads a document: JSON, columns and warnings in one pass over its XML.
pub fn read_cfdi(bytes: &[u8]) -> Result<Cfdi, CfdiError> {
    if bytes.len() > tree::MAX_DOCUMENT_BYTES {
        return Err(XmlError::TooLarge("MAX_DOCUMENT_BYTES").into());
    }
    let decoded = encoding::decode_xml(bytes).map_err(XmlError::Encoding)?;
    let tree = Tree::read(&decoded.text)?;
    let Some(family) = family_of(&tree) else {
        return Err(CfdiError::NotCfdi { root: tree.local(tree.root()).chars().take(MAX_ROOT_SHOWN).collect() });
    };
    let mut cfdi = Columns { tree: &tree, warnings: warnings_of_text(&decoded, &tree) }.read(family);
    cfdi.json = json::to_json(&tree);
    Ok(cfdi)
}

/// What the first tag says of a document without reading on: its date, `Some(None)` if that is
/// missing or unreadable, `None` if this is no CFDI. Promises nothing about the rest.
pub fn glimpse(bytes: &[u8]) -> Option<Option<DateTime>> {
    let decoded = encoding::decode_xml(bytes).ok()?;
    let tag = tree::first_tag(&decoded.text)?;
    match tree::local_name(tag.name().0) {
        "Comprobante" | "Retenciones" => {}
        _ => return None,
    }
    let date = tag.attributes().flatten().find(|it| DATES.contains(&it.key.0));
    Some(date.and_then(|it| time::parse(&it.value)))
}

/// The JSON of any document, CFDI or not, by the same rule.
pub fn xml_to_json(bytes: &[u8]) -> Result<String, XmlError> {
    let decoded = encoding::decode_xml(bytes)?;
    Ok(json::to_json(&Tree::read(&decoded.text)?))
}

fn family_of(tree: &Tree<'_>) -> Option<Family> {
    let root = tree.root();
    let own = tree.namespace(root).is_empty();
    match tree.local(root) {
        "Comprobante" if own || tree.namespace(root).starts_with("http://www.sat.gob.mx/cfd/") => Some(Family::Cfdi),
        "Retenciones" if own || tree.namespace(root).starts_with("http://www.sat.gob.mx/esquemas/retencionpago/") => {
            Some(Family::Retenciones)
        }
        _ => None,
    }
}

fn warnings_of_text(decoded: &Decoded<'_>, tree: &Tree<'_>) -> Vec<Warning> {
    let quirk = |it: &tree::Attribute<'_>| it.name == "xmlns:schemaLocation" && it.value.contains(' ');
    let found = [
        (decoded.marks > 1, Warning::RepeatedMark),
        (decoded.junk, Warning::JunkBefore),
        (tree.trailing_junk, Warning::JunkAfter),
        (tree.undeclared_prefix, Warning::UndeclaredPrefix),
        (tree.all_attributes().iter().any(quirk), Warning::SchemaLocationAsNamespace),
    ];
    found.into_iter().filter_map(|(is, warning)| is.then_some(warning)).collect()
}

/// The columns of a document, gathered from its tree.
struct Columns<'t, 'a> {
    tree: &'t Tree<'a>,
    warnings: Vec<Warning>,
}

impl<'t> Columns<'t, '_> {
    fn read(mut self, family: Family) -> Cfdi {
        let root = self.tree.root();
        let retenciones = family == Family::Retenciones;
        let version = self.any(root, &["Version", "version"]).unwrap_or_default().to_owned();
        let kind = self.kind(root, retenciones);
        self.note(!is_known(family, &version) || matches!(kind, Kind::Unknown(_)), Warning::UnknownVersion);
        let issuer = self.party(self.child(root, "Emisor"));
        let receiver = self.party(self.receiver(root, retenciones));
        let date = self.any(root, &DATES).and_then(time::parse);
        self.note(date.is_none(), Warning::DateUnreadable);
        let total_text = self.total(root, retenciones).unwrap_or_default().trim().to_owned();
        let total = Decimal::from_str_exact(&total_text).ok();
        self.note(total.is_none(), Warning::TotalUnreadable);
        let stamp = self.stamp(root, date);
        let complements = self.complements(root);
        let text = |names: &[&str]| self.any(root, names).map(str::to_owned);
        let (currency, series, folio) = (text(&["Moneda"]), text(&["Serie", "serie"]), text(&["Folio", "folio", "FolioInt"]));
        let third_party = self.third_party(root);
        self.warnings.sort_unstable();
        self.warnings.dedup();
        Cfdi {
            family,
            uuid: stamp.uuid,
            version,
            kind,
            issuer,
            receiver,
            date,
            stamped_at: stamp.at,
            period: date.map(time::period),
            currency,
            total,
            total_text,
            series,
            folio,
            pac: stamp.pac,
            third_party,
            complements,
            json: String::new(),
            warnings: self.warnings,
        }
    }

    fn note(&mut self, is: bool, warning: Warning) {
        if is {
            self.warnings.push(warning);
        }
    }

    fn any(&self, id: NodeId, names: &[&str]) -> Option<&'t str> {
        let attributes = self.tree.attributes(id);
        attributes.iter().find(|it| names.contains(&it.name)).map(|it| it.value.as_ref())
    }

    /// The first child of a name in the root's own namespace.
    fn child(&self, id: NodeId, name: &str) -> Option<NodeId> {
        self.children(id, name).next()
    }

    fn children(&self, id: NodeId, name: &str) -> impl Iterator<Item = NodeId> + use<'t, '_> {
        let (tree, own, name) = (self.tree, self.tree.namespace(self.tree.root()), name.to_owned());
        tree.children(id).filter(move |it| tree.local(*it) == name && tree.namespace(*it) == own)
    }

    fn kind(&self, root: NodeId, retenciones: bool) -> Kind {
        if retenciones {
            return Kind::Retencion(self.any(root, &["CveRetenc"]).unwrap_or_default().trim().to_owned());
        }
        Kind::parse(self.any(root, &["TipoDeComprobante", "tipoDeComprobante"]).unwrap_or_default())
    }

    /// A retención nests the receiver by where it lives.
    fn receiver(&self, root: NodeId, retenciones: bool) -> Option<NodeId> {
        let receiver = self.child(root, "Receptor")?;
        if !retenciones {
            return Some(receiver);
        }
        self.child(receiver, "Nacional").or_else(|| self.child(receiver, "Extranjero"))
    }

    fn party(&mut self, node: Option<NodeId>) -> Party {
        let Some(node) = node else {
            self.note(true, Warning::PartyMissing);
            return Party::default();
        };
        const IDS: [&str; 8] = ["Rfc", "rfc", "RfcE", "RFCEmisor", "RfcR", "RFCRecep", "NumRegIdTribR", "NumRegIdTrib"];
        let written = self.any(node, &IDS).unwrap_or_default();
        let foreign = self.tree.local(node) == "Extranjero";
        let id = written.trim();
        let rfc = Rfc::parse_lenient(id).ok().filter(|_| !foreign);
        self.note(id.len() != written.len(), Warning::BlankInRfc);
        self.note(rfc.is_none() && !foreign, Warning::RfcShape);
        let name = self.any(node, &["Nombre", "nombre", "NomDenRazSocE", "NomDenRazSocR"]).map(str::to_owned);
        Party { id: rfc.as_ref().map_or_else(|| id.to_owned(), Rfc::to_string), rfc, name }
    }

    fn total(&self, root: NodeId, retenciones: bool) -> Option<&'t str> {
        if !retenciones {
            return self.any(root, &["Total", "total"]);
        }
        self.any(self.child(root, "Totales")?, &["MontoTotOperacion", "montoTotOperacion"])
    }

    /// The complements' nodes: version 3.3 spreads them over several parents.
    fn in_complements(&self, root: NodeId) -> Vec<NodeId> {
        let nodes = self.children(root, "Complemento");
        nodes.flat_map(|it| self.tree.children(it).collect::<Vec<_>>()).collect()
    }

    fn stamp(&mut self, root: NodeId, issued: Option<DateTime>) -> Stamp {
        let is_stamp = |it: &NodeId| {
            self.tree.local(*it) == "TimbreFiscalDigital" && ["", STAMP_NAMESPACE].contains(&self.tree.namespace(*it))
        };
        let stamps: Vec<NodeId> = self.in_complements(root).into_iter().filter(is_stamp).collect();
        self.note(stamps.len() > 1, Warning::SeveralStamps);
        let stamp = stamps.first().map_or_else(Stamp::default, |it| Stamp {
            uuid: self.any(*it, &["UUID"]).and_then(|it| it.trim().parse().ok()),
            at: self.any(*it, &["FechaTimbrado"]).and_then(time::parse),
            pac: self.any(*it, &["RfcProvCertif"]).map(|it| it.trim().to_owned()),
        });
        self.note(stamp.uuid.is_none(), Warning::Unstamped);
        self.note(stamp.at.zip(issued).is_some_and(|(at, issued)| at < issued), Warning::StampedBeforeIssue);
        stamp
    }

    fn complements(&self, root: NodeId) -> Vec<Complement> {
        let of_concepts = self.concepts(root).flat_map(|it| self.children(it, "ComplementoConcepto"));
        let of_concepts = of_concepts.flat_map(|it| self.tree.children(it).collect::<Vec<_>>());
        let mut found: Vec<Complement> = Vec::new();
        for node in self.in_complements(root).into_iter().chain(of_concepts) {
            let (namespace, name) = (self.tree.namespace(node), self.tree.local(node));
            let known = found.iter().any(|it| it.name == name && it.namespace == namespace);
            if !known && name != "TimbreFiscalDigital" && found.len() < MAX_COMPLEMENTS {
                found.push(Complement { namespace: namespace.to_owned(), name: name.to_owned() });
            }
        }
        found
    }

    fn concepts(&self, root: NodeId) -> impl Iterator<Item = NodeId> {
        self.children(root, "Conceptos").flat_map(|it| self.children(it, "Concepto"))
    }

    fn third_party(&self, root: NodeId) -> Option<(String, String)> {
        let node = self.concepts(root).find_map(|it| self.child(it, "ACuentaTerceros"))?;
        let text = |name| self.any(node, &[name]).unwrap_or_default().trim().to_owned();
        Some((text("RfcACuentaTerceros"), text("NombreACuentaTerceros")))
    }
}

/// What the stamp says.
#[derive(Default)]
struct Stamp {
    uuid: Option<FiscalUuid>,
    at: Option<DateTime>,
    pac: Option<String>,
}

fn is_known(family: Family, version: &str) -> bool {
    match family {
        Family::Cfdi => ["3.2", "3.3", "4.0"].contains(&version),
        Family::Retenciones => ["1.0", "2.0"].contains(&version),
    }
}
