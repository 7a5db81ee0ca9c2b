//! A corpus out of a folder of CFDI: reads what the authority would have on record.
//!
//! It reads only the attributes that a listing shows, with its own small pass over each file: the
//! product's reader is on the other side of the wire and must not vouch for itself. Files without
//! a stamp are no fiscal documents; they are skipped and listed, never an error.

use super::corpus::{Facts, Family, Party};
use base64::Engine as _;
use jiff::civil::DateTime;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::NsReader;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use uuid::Uuid;

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;
/// Largest file that is read as a document, in bytes; the largest seen in the field are some MiB.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;
/// Most files taken from one folder, so that a wrong path does not swallow a disk.
const MAX_FILES: usize = 1_000_000;
/// Characters of the seal that the status service may be shown.
const SEAL_TAIL: usize = 8;

/// A file that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Its name in the folder.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Why a folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It or something in it could not be read.
    #[error("could not read {path}")]
    Read {
        /// What was being read.
        path: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The index is no list of `file`, `estatus`, `fecha_cancelacion`.
    #[error("index.json is not a list of documents: {0}")]
    Index(String),
    /// The folder holds more files than a corpus may have.
    #[error("the folder holds more than {MAX_FILES} files")]
    TooMany,
}

impl FolderError {
    /// Its place in the table of error codes.
    pub fn code(&self) -> fedatario_base::Code {
        match self {
            Self::Read { .. } | Self::Index(_) | Self::TooMany => fedatario_base::Code::Usage,
        }
    }
}

#[derive(serde::Deserialize)]
struct Listed {
    file: String,
    #[serde(default)]
    estatus: Option<String>,
    #[serde(default)]
    fecha_cancelacion: Option<String>,
}

pub(super) struct Document {
    pub path: PathBuf,
    pub facts: Facts,
    /// The last characters of its seal.
    pub seal_tail: String,
    /// The number of the certificate that sealed it.
    pub number: String,
}

/// What a document says of its seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    pub seal_tail: String,
    pub number: String,
    /// As written: base64.
    pub certificate: String,
}

#[derive(Default)]
pub(super) struct Folder {
    pub documents: Vec<Document>,
    pub skipped: Vec<Skipped>,
    seen: HashSet<Uuid>,
}

impl Folder {
    pub fn read(dir: &Path, index: Option<&Path>) -> Result<Self, FolderError> {
        let index = index.map_or_else(|| dir.join("index.json"), Path::to_owned);
        let cancellations = cancellations(&index)?;
        let mut folder = Self::default();
        for path in files(dir)? {
            folder.take(path, &cancellations);
        }
        Ok(folder)
    }

    fn take(&mut self, path: PathBuf, cancellations: &HashMap<String, DateTime>) {
        let file = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        match read_facts(&path) {
            // The authority has each document once; a copy in the folder is the folder's doing.
            Ok((facts, _)) if !self.seen.insert(facts.uuid) => {
                self.skipped.push(Skipped { file, reason: format!("a copy of {}", facts.uuid) });
            }
            Ok((mut facts, Marks { seal_tail, number, .. })) => {
                facts.cancelled = cancellations.get(&file).copied();
                self.documents.push(Document { path, facts, seal_tail, number });
            }
            Err(reason) => self.skipped.push(Skipped { file, reason }),
        }
    }

    /// The certificate of a number, out of the first document that it sealed.
    pub fn certificate(&self, number: &str) -> std::io::Result<Option<Vec<u8>>> {
        let Some(document) = self.documents.iter().find(|it| it.number == number) else { return Ok(None) };
        let (_, marks) = read_facts(&document.path).map_err(std::io::Error::other)?;
        Ok(BASE64.decode(marks.certificate).ok())
    }
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let fail = |source| FolderError::Read { path: dir.display().to_string(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|it| it.eq_ignore_ascii_case("xml")) && path.is_file() {
            found.push(path);
        }
        if found.len() > MAX_FILES {
            return Err(FolderError::TooMany);
        }
    }
    found.sort(); // Directory order is not an order; packages must come out the same each time.
    Ok(found)
}

fn cancellations(index: &Path) -> Result<HashMap<String, DateTime>, FolderError> {
    if !index.exists() {
        return Ok(HashMap::new());
    }
    let bytes = std::fs::read(index).map_err(|source| FolderError::Read { path: index.display().to_string(), source })?;
    let listed: Vec<Listed> = serde_json::from_slice(&bytes).map_err(|error| FolderError::Index(error.to_string()))?;
    listed.into_iter().filter(is_cancelled).map(|it| Ok((it.file.clone(), cancelled_at(&it)?))).collect()
}

fn is_cancelled(it: &Listed) -> bool {
    it.estatus.as_deref().is_some_and(|estatus| matches!(estatus, "Cancelado" | "0"))
}

fn cancelled_at(it: &Listed) -> Result<DateTime, FolderError> {
    let text = it.fecha_cancelacion.as_deref().unwrap_or_default();
    civil(text).ok_or_else(|| FolderError::Index(format!("{} is cancelled without a fecha_cancelacion", it.file)))
}

/// `yyyy-MM-dd` and a time, apart by `T` or a blank; an offset after it is dropped.
pub(super) fn civil(text: &str) -> Option<DateTime> {
    let text = text.trim().replacen(' ', "T", 1);
    text.get(..19).unwrap_or(&text).parse().ok()
}

fn read_facts(path: &Path) -> Result<(Facts, Marks), String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_DOCUMENT_BYTES {
        return Err(format!("larger than {MAX_DOCUMENT_BYTES} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let start = bytes.iter().position(|it| *it == b'<').ok_or("no XML")?;
    facts(&String::from_utf8_lossy(&bytes[start..]))
}

/// The facts of one document and the marks of its seal, or why it is none.
pub(super) fn facts(xml: &str) -> Result<(Facts, Marks), String> {
    let mut reader = NsReader::from_str(xml);
    let mut seen = Seen::default();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                seen.element(&namespace(&reader, &start), &start)?;
                seen.depth += 1;
            }
            Event::Empty(start) => seen.element(&namespace(&reader, &start), &start)?,
            Event::End(_) => seen.leave(),
            Event::DocType(_) => return Err("a DOCTYPE is refused".into()),
            Event::Eof => return seen.finish(),
            _ => {}
        }
    }
}

fn namespace(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> String {
    match reader.resolver().resolve_element(start.name()).0 {
        quick_xml::name::ResolveResult::Bound(it) => it.as_ref().to_owned(),
        _ => String::new(),
    }
}

/// Attributes by lower-cased local name: the versions differ in case and in nothing else here.
fn attributes(start: &BytesStart<'_>) -> Result<HashMap<String, String>, String> {
    let mut found = HashMap::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = attribute.key.local_name().as_ref().to_lowercase();
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        found.insert(name, value.trim().to_owned());
    }
    Ok(found)
}

const NS_CFDI: [&str; 2] = ["http://www.sat.gob.mx/cfd/3", "http://www.sat.gob.mx/cfd/4"];
const NS_RETENCIONES: &str = "http://www.sat.gob.mx/esquemas/retencionpago/";
const NS_STAMP: &str = "http://www.sat.gob.mx/TimbreFiscalDigital";

#[derive(Default)]
struct Seen {
    depth: u32,
    complement_at: Option<u32>,
    family: Option<Family>,
    root: HashMap<String, String>,
    emisor: HashMap<String, String>,
    receptor: HashMap<String, String>,
    totals: HashMap<String, String>,
    stamp: HashMap<String, String>,
    third: Option<Party>,
    complements: Vec<String>,
}

impl Seen {
    fn element(&mut self, ns: &str, start: &BytesStart<'_>) -> Result<(), String> {
        let local = start.local_name().as_ref().to_owned();
        if self.depth == 0 {
            return self.root(ns, start);
        }
        if ns == NS_STAMP && local == "TimbreFiscalDigital" {
            self.stamp = attributes(start)?;
        } else if self.complement_at == Some(self.depth) {
            self.complements.extend(complement_name(ns, start).map(str::to_owned));
        }
        if NS_CFDI.contains(&ns) || ns.starts_with(NS_RETENCIONES) {
            self.own(&local, start)?;
        }
        Ok(())
    }

    fn root(&mut self, ns: &str, start: &BytesStart<'_>) -> Result<(), String> {
        self.family = match start.local_name().as_ref() {
            "Comprobante" if NS_CFDI.contains(&ns) => Some(Family::Cfdi),
            "Retenciones" if ns.starts_with(NS_RETENCIONES) => Some(Family::Retenciones),
            _ => return Err("neither a Comprobante nor a Retenciones".into()),
        };
        self.root = attributes(start)?;
        Ok(())
    }

    fn own(&mut self, local: &str, start: &BytesStart<'_>) -> Result<(), String> {
        match (self.depth, local) {
            (1, "Emisor") => self.emisor = attributes(start)?,
            (1, "Receptor") => self.receptor = attributes(start)?,
            (2, "Nacional" | "Extranjero") => self.receptor.extend(attributes(start)?),
            (1, "Totales") => self.totals = attributes(start)?,
            (_, "Complemento" | "ComplementoConcepto") => self.complement_at = Some(self.depth + 1),
            (_, "ACuentaTerceros") => {
                let it = attributes(start)?;
                self.third = Some(Party { rfc: get(&it, &["rfcacuentaterceros"]), name: get(&it, &["nombreacuentaterceros"]) });
            }
            _ => {}
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.complement_at.is_some_and(|at| self.depth < at) {
            self.complement_at = None;
        }
    }

    fn finish(self) -> Result<(Facts, Marks), String> {
        let family = self.family.ok_or("no root element")?;
        let uuid = Uuid::parse_str(&get(&self.stamp, &["uuid"])).map_err(|_| "no stamp (TimbreFiscalDigital)".to_owned())?;
        let emitted = civil(&get(&self.root, &["fecha", "fechaexp"])).ok_or("no emission date")?;
        let stamped = civil(&get(&self.stamp, &["fechatimbrado"])).ok_or("no date of stamping")?;
        let seal = get(&self.root, &["sello"]);
        let total = match family {
            Family::Cfdi => get(&self.root, &["total"]),
            Family::Retenciones => get(&self.totals, &["montototoperacion"]),
        };
        let marks = Marks {
            seal_tail: seal.get(seal.len().saturating_sub(SEAL_TAIL)..).unwrap_or_default().to_owned(),
            number: get(&self.root, &["nocertificado", "numcert"]),
            certificate: get(&self.root, &["certificado", "cert"]),
        };
        let facts = Facts {
            family,
            uuid,
            kind: kind(&get(&self.root, &["tipodecomprobante", "cveretenc"])),
            emisor: Party {
                rfc: get(&self.emisor, &["rfc", "rfce", "rfcemisor"]),
                name: get(&self.emisor, &["nombre", "nomdenrazsoce"]),
            },
            receptor: Party {
                rfc: get(&self.receptor, &["rfc", "rfcr", "rfcrecep", "numregidtribr", "numregidtrib"]),
                name: get(&self.receptor, &["nombre", "nomdenrazsocr"]),
            },
            pac: get(&self.stamp, &["rfcprovcertif"]),
            emitted,
            stamped,
            total,
            cancelled: None,
            third: self.third,
            complements: self.complements,
        };
        Ok((facts, marks))
    }
}

/// CFDI 3.2 writes the kind out.
fn kind(text: &str) -> String {
    match text {
        "ingreso" => "I",
        "egreso" => "E",
        "traslado" => "T",
        other => other,
    }
    .to_owned()
}

fn get(attributes: &HashMap<String, String>, names: &[&str]) -> String {
    names.iter().find_map(|it| attributes.get(*it)).cloned().unwrap_or_default()
}

/// The name that SAT's `Complemento` filter has for a namespace; some newer ones have none.
fn complement_name(ns: &str, start: &BytesStart<'_>) -> Option<&'static str> {
    let local = start.local_name();
    let version = attributes(start).ok().map(|it| get(&it, &["version"])).unwrap_or_default();
    Some(match (ns.rsplit('/').next()?, local.as_ref(), version.as_str()) {
        ("Pagos", ..) => "pagos10",
        ("Pagos20", ..) => "pagos20",
        ("nomina12", ..) => "nomina12",
        ("nomina", ..) => "nomina11",
        ("implocal", ..) => "implocal",
        ("leyendasFiscales", ..) => "leyendasfisc",
        ("donat", ..) => "donat11",
        ("iedu", ..) => "iedu",
        ("ine", ..) => "ine11",
        ("detallista", ..) => "detallista",
        ("divisas", ..) => "divisas",
        ("aerolineas", ..) => "aerolineas",
        ("notariospublicos", ..) => "notariospublicos",
        ("valesdedespensa", ..) => "valesdedespensa",
        ("vehiculousado", ..) => "vehiculousado",
        ("ConsumoDeCombustibles11", ..) => "consumodecombustibles11",
        ("EstadoDeCuentaCombustible12", ..) => "ecc12",
        ("ComercioExterior11", ..) => "comercioexterior11",
        ("CartaPorte20", ..) => "cartaporte20",
        ("terceros", ..) => "terceros11",
        ("registrofiscal", ..) => "cfdiregistrofiscal",
        ("dividendos", ..) => "dividendos",
        ("intereses", ..) => "intereses",
        ("pagosaextranjeros", ..) => "pagosaextranjeros",
        ("sectorfinanciero", ..) => "sectorfinanciero",
        ("premios", ..) => "premios",
        ("PlataformasTecnologicas10", ..) => "serviciosplataformastecnologicas10",
        _ => return None,
    })
}
