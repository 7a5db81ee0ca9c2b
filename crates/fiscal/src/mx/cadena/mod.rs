//! The *cadena original*: the text that a seal is made over, and everything needed to judge one.
//!
//! SAT defines the text as style sheets; here it is an order of values ([`order`]) that a small
//! interpreter ([`write`]) follows over the tree that the JSON is made from too. Promises: CFDI 3.2, 3.3
//! and 4.0, Retenciones 1.0 and 2.0 and both stamps; complements included; a complement that the order
//! does not know is named in [`Seals::unknown`], because its values may be missing from the text and
//! nothing can then be said about the seal. Nothing is verified here: that takes a certificate, and is
//! left to whoever has it. A string that comes out equal says what was sealed, not that it is true.

mod order;
mod order_table;
mod write;

use super::cfdi::STAMP_NAMESPACE;
use super::encoding;
use super::tree::{self, NodeId, Tree, XmlError};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fedatario_base::Code;
use order::Format;

/// Namespaces of unknown complements that are named; a document has a handful of complements.
pub const MAX_UNKNOWN: usize = 64;
/// Characters of a foreign root or version that an error repeats.
const MAX_SHOWN: usize = 64;

/// Padding is often lost on the way; what stays unambiguous without it is read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The digest under an RSA seal (PKCS#1 v1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealHash {
    /// Until 2017: CFDI 3.2, Retenciones 1.0, stamp 1.0.
    Sha1,
    /// Since: CFDI 3.3 and 4.0, Retenciones 2.0, stamp 1.1.
    Sha256,
}

/// What a document says about its seals, and the texts they are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seals {
    /// `3.2`, `3.3` or `4.0` of a CFDI, `1.0` or `2.0` of a retención.
    pub version: &'static str,
    /// The cadena original; its UTF-8 is what the issuer sealed.
    pub document: String,
    /// The issuer's seal; empty if it is missing or no base64, and so verified by no key.
    pub sello: Vec<u8>,
    /// The number of the issuer's certificate, as written.
    pub no_certificado: String,
    /// The issuer's certificate in DER, if the document carries one that is base64.
    pub certificate: Option<Vec<u8>>,
    /// The digest that the version prescribes. Retenciones 1.0 were still sealed over SHA-1 in 2021, long after
    /// CFDI had left it; others may not have been: see [`Seals::hashes`].
    pub hash: SealHash,
    /// The issuer's RFC, as written, blanks around it removed.
    pub emisor: String,
    /// When it was issued, as written.
    pub fecha: String,
    /// The stamp; the first, if there are several.
    pub stamp: Option<Stamp>,
    /// How many stamps there are. More than one is nothing that a certifier delivers.
    pub stamps: usize,
    /// Namespaces of complements that the order does not know, each once: with any here, a seal that
    /// does not verify proves nothing, and one that does says nothing about them.
    pub unknown: Vec<String>,
    /// Some value holds the bar that separates values. The schemas forbid it: with it, one text can be
    /// read as two documents.
    pub bars: bool,
}

impl Seals {
    /// The digests that may lie under the document's seal, the prescribed one first.
    pub fn hashes(&self) -> &'static [SealHash] {
        match (self.hash, self.version) {
            (SealHash::Sha1, "1.0") => &[SealHash::Sha1, SealHash::Sha256],
            (SealHash::Sha1, _) => &[SealHash::Sha1],
            (SealHash::Sha256, _) => &[SealHash::Sha256],
        }
    }
}

/// What the certifier (PAC) added in SAT's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The text under SAT's seal.
    pub cadena: String,
    /// The fiscal folio, as written.
    pub uuid: String,
    /// The issuer's seal as the stamp repeats it, as written.
    pub sello_cfd: String,
    /// SAT's seal; empty if it is missing or no base64.
    pub sello_sat: Vec<u8>,
    /// The number of SAT's certificate, as written.
    pub no_certificado_sat: String,
    /// The certifier's RFC; empty in stamps of version 1.0, which do not name it.
    pub rfc_pac: String,
    /// When it was stamped, as written.
    pub fecha_timbrado: String,
    /// `SelloCFD` is the document's `Sello`: the stamp was made for this document.
    pub matches: bool,
    /// The digest that its version prescribes.
    pub hash: SealHash,
}

/// Why a document has no cadena original here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CadenaError {
    /// Not XML, or more of it than anybody would send.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Good XML, but something else.
    #[error("the document is not a CFDI: its root is `{root}`")]
    NotCfdi {
        /// The root's name without prefix, shortened.
        root: String,
    },
    /// A CFDI or a retención in a version for which no order is known.
    #[error("no order of values is known for version `{version}` of this document")]
    UnknownVersion {
        /// The version as written, shortened.
        version: String,
    },
    /// Its elements are nested so that their values would be visited again and again.
    #[error("the document takes more steps than its elements allow")]
    TooManySteps,
}

impl CadenaError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            CadenaError::Xml(error) => error.code(),
            CadenaError::NotCfdi { .. } | CadenaError::UnknownVersion { .. } => Code::CfdiFormat,
            CadenaError::TooManySteps => Code::XmlTooLarge,
        }
    }
}

/// Reads the text of a document; what stands before its first `<`, such as a byte-order mark, is passed over.
pub fn read(xml: &str) -> Result<Seals, CadenaError> {
    let from = xml.find('<').unwrap_or_default();
    read_tree(&Tree::read(&xml[from..])?)
}

/// Reads the bytes of a document, in any encoding that documents are found in.
pub fn read_bytes(bytes: &[u8]) -> Result<Seals, CadenaError> {
    if bytes.len() > tree::MAX_DOCUMENT_BYTES {
        return Err(XmlError::TooLarge("MAX_DOCUMENT_BYTES").into());
    }
    read(&encoding::decode_xml(bytes).map_err(XmlError::Encoding)?.text)
}

/// Reads a document that was parsed already.
pub fn read_tree(tree: &Tree<'_>) -> Result<Seals, CadenaError> {
    let format = format_of(tree)?;
    let root = tree.root();
    let text = write::document(tree, format)?;
    let sello = first(tree, root, &["Sello", "sello"]).unwrap_or_default();
    let stamps = stamps(tree);
    let stamp = stamps.first().map(|it| stamp(tree, *it, sello)).transpose()?.flatten();
    Ok(Seals {
        version: format.version(),
        document: text.cadena,
        sello: decoded(sello).unwrap_or_default(),
        no_certificado: owned(tree, root, &["NoCertificado", "noCertificado", "NumCert"]),
        certificate: first(tree, root, &["Certificado", "certificado", "Cert"]).and_then(decoded),
        hash: format.hash(),
        emisor: emisor(tree),
        fecha: owned(tree, root, &["Fecha", "fecha", "FechaExp"]),
        stamp,
        stamps: stamps.len(),
        unknown: text.unknown,
        bars: text.bars,
    })
}

/// Which order a document follows: its root's name and namespace, and the version it says it is.
fn format_of(tree: &Tree<'_>) -> Result<Format, CadenaError> {
    let (root, shown) = (tree.root(), |it: &str| it.chars().take(MAX_SHOWN).collect());
    let upper = tree.attribute(root, "Version").unwrap_or_default();
    let lower = tree.attribute(root, "version").unwrap_or_default();
    let found = match (tree.namespace(root), tree.local(root)) {
        ("http://www.sat.gob.mx/cfd/4", "Comprobante") => (upper == "4.0").then_some(Format::Cfdi40),
        ("http://www.sat.gob.mx/cfd/3", "Comprobante") if upper == "3.3" => Some(Format::Cfdi33),
        ("http://www.sat.gob.mx/cfd/3", "Comprobante") => (lower == "3.2").then_some(Format::Cfdi32),
        ("http://www.sat.gob.mx/esquemas/retencionpago/2", "Retenciones") => (upper == "2.0").then_some(Format::Retenciones20),
        ("http://www.sat.gob.mx/esquemas/retencionpago/1", "Retenciones") => (upper == "1.0").then_some(Format::Retenciones10),
        (_, root) => return Err(CadenaError::NotCfdi { root: shown(root) }),
    };
    found.ok_or_else(|| CadenaError::UnknownVersion { version: shown(if upper.is_empty() { lower } else { upper }) })
}

fn first<'t>(tree: &'t Tree<'_>, id: NodeId, names: &[&str]) -> Option<&'t str> {
    names.iter().find_map(|it| tree.attribute(id, it))
}

fn owned(tree: &Tree<'_>, id: NodeId, names: &[&str]) -> String {
    first(tree, id, names).unwrap_or_default().trim().to_owned()
}

/// Base64, with the line breaks that some emitters leave in it.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().any(|it| it.is_ascii_whitespace()) {
        return BASE64.decode(text).ok();
    }
    let bare: Vec<u8> = text.bytes().filter(|it| !it.is_ascii_whitespace()).collect();
    BASE64.decode(bare).ok()
}

/// The children of a name in the root's own namespace.
fn children<'t>(tree: &'t Tree<'_>, name: &'t str) -> impl Iterator<Item = NodeId> + 't {
    let own = tree.namespace(tree.root());
    tree.children(tree.root()).filter(move |it| tree.local(*it) == name && tree.namespace(*it) == own)
}

fn emisor(tree: &Tree<'_>) -> String {
    let node = children(tree, "Emisor").next();
    node.map(|it| owned(tree, it, &["Rfc", "rfc", "RfcE", "RFCEmisor"])).unwrap_or_default()
}

fn stamps(tree: &Tree<'_>) -> Vec<NodeId> {
    children(tree, "Complemento").flat_map(|it| tree.children(it)).filter(|it| is_stamp(tree, *it)).collect()
}

fn is_stamp(tree: &Tree<'_>, id: NodeId) -> bool {
    tree.local(id) == "TimbreFiscalDigital" && tree.namespace(id) == STAMP_NAMESPACE
}

/// `None` for a stamp of a version that nobody knows.
fn stamp(tree: &Tree<'_>, id: NodeId, sello: &str) -> Result<Option<Stamp>, CadenaError> {
    let format = match (tree.attribute(id, "Version"), tree.attribute(id, "version")) {
        (Some("1.1"), _) => Format::Tfd11,
        (None, Some("1.0")) => Format::Tfd10,
        _ => return Ok(None),
    };
    let sello_cfd = owned(tree, id, &["SelloCFD", "selloCFD"]);
    let bare = |text: &str| text.bytes().filter(|it| !it.is_ascii_whitespace()).collect::<Vec<u8>>();
    Ok(Some(Stamp {
        cadena: write::stamp(tree, id, format)?.cadena,
        uuid: owned(tree, id, &["UUID"]),
        matches: !sello_cfd.is_empty() && bare(&sello_cfd) == bare(sello),
        sello_cfd,
        sello_sat: first(tree, id, &["SelloSAT", "selloSAT"]).and_then(decoded).unwrap_or_default(),
        no_certificado_sat: owned(tree, id, &["NoCertificadoSAT", "noCertificadoSAT"]),
        rfc_pac: owned(tree, id, &["RfcProvCertif"]),
        fecha_timbrado: owned(tree, id, &["FechaTimbrado"]),
        hash: format.hash(),
    }))
}
