//! The completeness report: what SAT says exists, minus what is here, itemised.
//!
//! Fed one row a document, in any order; only what is missing, not delivered or extra is kept. The
//! report is canonical JSON ([`Report::canonical`]): the same facts give the same bytes, so that a
//! signature over them can be checked anywhere. Signing them, and gathering the rows, is left to
//! others. It names folios and tax ids and no person.

use super::metadata::Estatus;
use super::rfc::Rfc;
use super::time;
use super::uuid::FiscalUuid;
use super::window::{Content, Direction, Window};
use fedatario_base::Code;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value, json};

/// What a report's `format` says.
pub const FORMAT: &str = "fedatario.completeness.v1";
/// What a report of the other service says of its family.
const RETENCIONES: &str = "retenciones";
/// Items that a list names; beyond it only the totals count. Ten times what SAT puts into a request.
pub const MAX_ITEMS: usize = 2_000_000;
/// Bytes of a report that is read back.
pub const MAX_REPORT_BYTES: usize = 1024 * 1024 * 1024;

/// One document, as both sides know it. Each folio comes once; what the taxpayer issued to itself is issued.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The folio.
    pub uuid: FiscalUuid,
    /// Whose side it is on.
    pub direction: Direction,
    /// What the metadata say of its state; `None` when no metadata name it.
    pub estatus: Option<Estatus>,
    /// Whether its XML is here.
    pub has_cfdi: bool,
    /// When it was issued.
    pub issued_at: Option<DateTime>,
    /// Tax id of the issuer.
    pub issuer: String,
    /// Tax id of the receiver.
    pub receiver: String,
    /// The amount, as written.
    pub amount: String,
    /// `I E T N P`.
    pub effect: String,
}

/// Where a row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Metadata and XML, both.
    Both,
    /// Metadata, no XML, and SAT would deliver it.
    Missing,
    /// Metadata of a cancelled document, no XML: SAT does not deliver it.
    NotDelivered,
    /// XML that no metadata name.
    Extra,
}

impl Row {
    /// Where it belongs.
    pub fn finding(&self) -> Finding {
        match (&self.estatus, self.has_cfdi) {
            (None, _) => Finding::Extra,
            (Some(_), true) => Finding::Both,
            (Some(Estatus::Cancelado), false) => Finding::NotDelivered,
            (Some(Estatus::Vigente | Estatus::Unknown(_)), false) => Finding::Missing,
        }
    }
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The folio.
    pub uuid: FiscalUuid,
    /// Whose side it is on.
    pub direction: Direction,
    /// When it was issued, `yyyy-MM-ddTHH:mm:ss`; empty when unknown.
    pub issued_at: String,
    /// Tax id of the issuer.
    pub issuer: String,
    /// Tax id of the receiver.
    pub receiver: String,
    /// The amount, as written.
    pub amount: String,
    /// `I E T N P`.
    pub effect: String,
    /// Why it is in the list: `not_found`, `cancelled_received`, `cancelled_issued`, `not_in_metadata`.
    pub reason: String,
}

/// A window of the year and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowLine {
    /// Whose side.
    pub direction: Direction,
    /// What was asked for.
    pub content: Content,
    /// From when to when.
    pub window: Window,
    /// The name of its state.
    pub state: String,
    /// Whether that state says that all of it is here.
    pub settled: bool,
}

/// Counts of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Documents that the metadata name.
    pub metadata: u64,
    /// Documents whose XML is here.
    pub cfdi: u64,
    /// In force, by the metadata.
    pub vigente: u64,
    /// Cancelled, by the metadata.
    pub cancelled: u64,
    /// Metadata without XML.
    pub missing: u64,
    /// Cancelled and without XML.
    pub not_delivered: u64,
    /// XML without metadata.
    pub extra: u64,
}

impl Totals {
    fn add(&mut self, row: &Row) {
        self.metadata += u64::from(row.estatus.is_some());
        self.cfdi += u64::from(row.has_cfdi);
        match &row.estatus {
            Some(Estatus::Vigente) => self.vigente += 1,
            Some(Estatus::Cancelado) => self.cancelled += 1,
            Some(Estatus::Unknown(_)) | None => {}
        }
        match row.finding() {
            Finding::Both => {}
            Finding::Missing => self.missing += 1,
            Finding::NotDelivered => self.not_delivered += 1,
            Finding::Extra => self.extra += 1,
        }
    }

    fn sum(self, other: Self) -> Self {
        Self {
            metadata: self.metadata + other.metadata,
            cfdi: self.cfdi + other.cfdi,
            vigente: self.vigente + other.vigente,
            cancelled: self.cancelled + other.cancelled,
            missing: self.missing + other.missing,
            not_delivered: self.not_delivered + other.not_delivered,
            extra: self.extra + other.extra,
        }
    }
}

/// The report of one taxpayer and year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose documents.
    pub rfc: Rfc,
    /// Of which year.
    pub year: i16,
    /// Whether it is about Retenciones; each of SAT's two services has a report of its own.
    pub is_retenciones: bool,
    /// When the rows were read.
    pub made_at: Timestamp,
    /// What was issued.
    pub issued: Totals,
    /// What was received.
    pub received: Totals,
    /// How far each window came, in order.
    pub windows: Vec<WindowLine>,
    /// Metadata without XML, by folio.
    pub missing: Vec<Item>,
    /// Cancelled and without XML, by folio.
    pub not_delivered: Vec<Item>,
    /// XML without metadata, by folio.
    pub extra: Vec<Item>,
}

/// Gathers rows into a report.
#[derive(Debug)]
pub struct Builder(Report);

impl Builder {
    /// A report without rows.
    pub fn new(rfc: Rfc, year: i16, made_at: Timestamp) -> Self {
        let totals = Totals::default();
        let (windows, missing, not_delivered, extra) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self(Report {
            rfc,
            year,
            is_retenciones: false,
            made_at,
            issued: totals,
            received: totals,
            windows,
            missing,
            not_delivered,
            extra,
        })
    }

    /// The same for Retenciones.
    pub fn of_retenciones(mut self) -> Self {
        self.0.is_retenciones = true;
        self
    }

    /// Adds a window.
    pub fn window(&mut self, line: WindowLine) {
        self.0.windows.push(line);
    }

    /// Adds a document.
    pub fn row(&mut self, row: &Row) {
        match row.direction {
            Direction::Issued => self.0.issued.add(row),
            Direction::Received => self.0.received.add(row),
        }
        let (list, reason) = match (row.finding(), row.direction) {
            (Finding::Both, _) => return,
            (Finding::Missing, _) => (&mut self.0.missing, "not_found"),
            (Finding::NotDelivered, Direction::Received) => (&mut self.0.not_delivered, "cancelled_received"),
            (Finding::NotDelivered, Direction::Issued) => (&mut self.0.not_delivered, "cancelled_issued"),
            (Finding::Extra, _) => (&mut self.0.extra, "not_in_metadata"),
        };
        if list.len() < MAX_ITEMS {
            list.push(item(row, reason));
        }
    }

    /// The report, its lists in order.
    pub fn finish(mut self) -> Report {
        self.0.windows.sort();
        [&mut self.0.missing, &mut self.0.not_delivered, &mut self.0.extra].into_iter().for_each(|it| it.sort());
        self.0
    }
}

fn item(row: &Row, reason: &str) -> Item {
    Item {
        uuid: row.uuid,
        direction: row.direction,
        issued_at: row.issued_at.map(time::format).unwrap_or_default(),
        issuer: row.issuer.clone(),
        receiver: row.receiver.clone(),
        amount: row.amount.clone(),
        effect: row.effect.clone(),
        reason: reason.to_owned(),
    }
}

/// Why bytes are not a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Not JSON, or not the JSON of a report.
    #[error("the file is not a completeness report: {0}")]
    Shape(&'static str),
    /// The same facts would be written otherwise: something was changed after it was made.
    #[error("the report is not in its canonical form")]
    NotCanonical,
}

impl ReportError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            ReportError::Shape(_) | ReportError::NotCanonical => Code::ReportSignature,
        }
    }
}

impl Report {
    /// Both directions together.
    pub fn totals(&self) -> Totals {
        self.issued.sum(self.received)
    }

    /// Whether nothing is missing and every window is settled.
    pub fn is_complete(&self) -> bool {
        self.totals().missing == 0 && self.windows.iter().all(|it| it.settled)
    }

    /// The bytes to sign: keys sorted, no blanks, whole numbers and strings only.
    pub fn canonical(&self) -> Vec<u8> {
        let mut value = json!({
            "format": FORMAT,
            "rfc": self.rfc.as_str(),
            "year": self.year,
            "made_at": self.made_at.to_string(),
            "complete": self.is_complete(),
            "totals": {"all": totals(self.totals()), "issued": totals(self.issued), "received": totals(self.received)},
            "windows": self.windows.iter().map(window).collect::<Vec<_>>(),
            "missing": self.missing.iter().map(item_value).collect::<Vec<_>>(),
            "not_delivered": self.not_delivered.iter().map(item_value).collect::<Vec<_>>(),
            "extra": self.extra.iter().map(item_value).collect::<Vec<_>>(),
        });
        // Only where it is not CFDI: a report that was signed before there were two says what it said.
        if self.is_retenciones {
            value["family"] = RETENCIONES.into();
        }
        let mut out = Vec::new();
        write_canonical(&mut out, &value);
        out
    }

    /// Reads a report back; refused unless the bytes are what [`Report::canonical`] would write.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        if bytes.len() > MAX_REPORT_BYTES {
            return Err(ReportError::Shape("it is too long"));
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|_| ReportError::Shape("it is not JSON"))?;
        let report = Self::from_value(&value).ok_or(ReportError::Shape("a field is missing or has another type"))?;
        if !report.adds_up() {
            return Err(ReportError::Shape("the totals are not those of the lists"));
        }
        if report.canonical() == bytes { Ok(report) } else { Err(ReportError::NotCanonical) }
    }

    /// Whether the totals count what the lists name.
    fn adds_up(&self) -> bool {
        let totals = self.totals();
        let lists = [(totals.missing, &self.missing), (totals.not_delivered, &self.not_delivered), (totals.extra, &self.extra)];
        lists.into_iter().all(|(total, list)| list.len() as u64 == total.min(MAX_ITEMS as u64))
    }

    fn from_value(value: &Value) -> Option<Self> {
        if value.get("format")? != FORMAT {
            return None;
        }
        let items = |name: &str| value.get(name)?.as_array()?.iter().map(read_item).collect::<Option<Vec<_>>>();
        let totals = value.get("totals")?;
        Some(Self {
            rfc: text(value, "rfc")?.parse().ok()?,
            year: value.get("year")?.as_i64()?.try_into().ok()?,
            is_retenciones: value.get("family").is_some_and(|it| it == RETENCIONES),
            made_at: text(value, "made_at")?.parse().ok()?,
            issued: read_totals(totals.get("issued")?)?,
            received: read_totals(totals.get("received")?)?,
            windows: value.get("windows")?.as_array()?.iter().map(read_window).collect::<Option<Vec<_>>>()?,
            missing: items("missing")?,
            not_delivered: items("not_delivered")?,
            extra: items("extra")?,
        })
    }
}

fn totals(it: Totals) -> Value {
    json!({
        "metadata": it.metadata, "cfdi": it.cfdi, "vigente": it.vigente, "cancelled": it.cancelled,
        "missing": it.missing, "not_delivered": it.not_delivered, "extra": it.extra,
    })
}

fn read_totals(value: &Value) -> Option<Totals> {
    let number = |name: &str| value.get(name)?.as_u64().filter(|it| *it <= u64::from(u32::MAX));
    Some(Totals {
        metadata: number("metadata")?,
        cfdi: number("cfdi")?,
        vigente: number("vigente")?,
        cancelled: number("cancelled")?,
        missing: number("missing")?,
        not_delivered: number("not_delivered")?,
        extra: number("extra")?,
    })
}

fn window(it: &WindowLine) -> Value {
    json!({
        "direction": it.direction.text(), "content": it.content.text(), "from": time::format(it.window.from),
        "to": time::format(it.window.to), "state": it.state, "settled": it.settled,
    })
}

fn read_window(value: &Value) -> Option<WindowLine> {
    Some(WindowLine {
        direction: Direction::parse(text(value, "direction")?)?,
        content: Content::parse(text(value, "content")?)?,
        window: Window { from: time::parse(text(value, "from")?)?, to: time::parse(text(value, "to")?)? },
        state: text(value, "state")?.to_owned(),
        settled: value.get("settled")?.as_bool()?,
    })
}

fn item_value(it: &Item) -> Value {
    json!({
        "uuid": it.uuid.to_string(), "direction": it.direction.text(), "issued_at": it.issued_at, "issuer": it.issuer,
        "receiver": it.receiver, "amount": it.amount, "effect": it.effect, "reason": it.reason,
    })
}

fn read_item(value: &Value) -> Option<Item> {
    let owned = |name: &str| text(value, name).map(str::to_owned);
    Some(Item {
        uuid: text(value, "uuid")?.parse().ok()?,
        direction: Direction::parse(text(value, "direction")?)?,
        issued_at: owned("issued_at")?,
        issuer: owned("issuer")?,
        receiver: owned("receiver")?,
        amount: owned("amount")?,
        effect: owned("effect")?,
        reason: owned("reason")?,
    })
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

/// RFC 8785 for what a report holds: sorted keys (all ASCII), whole numbers, JSON's own escapes.
fn write_canonical(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(map) => write_object(out, map),
        Value::Array(values) => {
            out.push(b'[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_canonical(out, value);
            }
            out.push(b']');
        }
        scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

fn write_object(out: &mut Vec<u8>, map: &Map<String, Value>) {
    // Sorted here: the order of `Map` depends on a feature that any other crate may switch on.
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    out.push(b'{');
    for (place, key) in keys.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(Value::String(key.clone()).to_string().as_bytes());
        out.push(b':');
        write_canonical(out, &map[key]);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(last: u8, direction: Direction, estatus: Option<Estatus>, has_cfdi: bool) -> Row {
        let mut bytes = [0xA0; 16];
        bytes[15] = last;
        Row {
            uuid: FiscalUuid::from_bytes(bytes),
            direction,
            estatus,
            has_cfdi,
            issued_at: time::parse("2025-03-01T10:00:00"),
            issuer: "H&E951128469".to_owned(),
            receiver: "OÑO120726RX3".to_owned(),
            amount: "1160.00".to_owned(),
            effect: "I".to_owned(),
        }
    }

    fn report(rows: &[Row], settled: bool) -> Report {
        let mut builder = Builder::new("EKU9003173C9".parse().unwrap(), 2025, "2026-01-15T06:00:00Z".parse().unwrap());
        let window = crate::mx::window::slots(2025)[0].1;
        builder.window(WindowLine {
            direction: Direction::Issued,
            content: Content::Metadata,
            window,
            state: "Reconciled".to_owned(),
            settled,
        });
        rows.iter().for_each(|it| builder.row(it));
        builder.finish()
    }

    #[test]
    fn rows_fall_where_they_belong() {
        use Direction::*;
        use Estatus::*;
        let cases = [
            (row(1, Issued, Some(Vigente), true), Finding::Both),
            (row(2, Issued, Some(Cancelado), true), Finding::Both),
            (row(3, Issued, Some(Cancelado), false), Finding::NotDelivered),
            (row(4, Received, Some(Cancelado), false), Finding::NotDelivered),
            (row(5, Received, Some(Vigente), false), Finding::Missing),
            (row(6, Received, Some(Unknown("2".to_owned())), false), Finding::Missing),
            (row(7, Received, None, true), Finding::Extra),
        ];
        for (row, expected) in &cases {
            assert_eq!(row.finding(), *expected, "{row:?}");
        }
        let report = report(&cases.map(|it| it.0), true);
        let all = report.totals();
        assert_eq!((all.metadata, all.cfdi, all.vigente, all.cancelled), (6, 3, 2, 3));
        assert_eq!((all.missing, all.not_delivered, all.extra), (2, 2, 1));
        let reasons: Vec<&str> = report.not_delivered.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(reasons, ["cancelled_issued", "cancelled_received"]);
        assert!(!report.is_complete());
        fedatario_testkit::covers!("completeness: metadata minus XML, itemised; what SAT does not deliver apart");
    }

    #[test]
    fn complete_needs_nothing_missing_and_every_window_settled() {
        let rows =
            [row(1, Direction::Issued, Some(Estatus::Vigente), true), row(2, Direction::Received, Some(Estatus::Cancelado), false)];
        assert!(report(&rows, true).is_complete());
        assert!(!report(&rows, false).is_complete());
    }

    #[test]
    fn the_bytes_are_canonical_and_read_back() {
        let mut rows = vec![
            row(9, Direction::Issued, Some(Estatus::Vigente), false),
            row(2, Direction::Received, Some(Estatus::Vigente), false),
            row(5, Direction::Received, None, true),
        ];
        let first = report(&rows, true);
        rows.reverse();
        let bytes = first.canonical();
        assert_eq!(bytes, report(&rows, true).canonical(), "the order of rows is of no consequence");
        assert_eq!(Report::parse(&bytes), Ok(first));
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(r#"{"complete":false,"extra":[{"amount":"1160.00","direction":"received","#), "{text}");
        let broken = [
            (text.replace("\"extra\":1", "\"extra\":2"), ReportError::Shape("the totals are not those of the lists")),
            (text.replace("\"complete\":false", "\"complete\":true"), ReportError::NotCanonical),
            (text.replace(",\"year\"", ", \"year\""), ReportError::NotCanonical),
            (text.replace("completeness.v1", "completeness.v2"), ReportError::Shape("a field is missing or has another type")),
            (text.replace("2026-01-15", "2026-99-15"), ReportError::Shape("a field is missing or has another type")),
            ("[".repeat(100_000), ReportError::Shape("it is not JSON")),
            (String::new(), ReportError::Shape("it is not JSON")),
        ];
        for (text, expected) in broken {
            assert_eq!(Report::parse(text.as_bytes()), Err(expected), "{:.200}", text);
        }
        fedatario_testkit::covers!("completeness: canonical bytes, the same for the same facts, read back only in that form");
    }
}
