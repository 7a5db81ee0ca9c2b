//! The bodies of the fuzz targets: plain functions that read a stranger's bytes and hold what came
//! of them against the promises of the readers. Each panics when a promise is broken, and only then.

use crate::mx::cfdi::{read_cfdi, xml_to_json};
use crate::mx::completeness::Report;
use crate::mx::encoding::{self, decode_line, decode_xml};
use crate::mx::metadata::{MAX_COLUMNS, MetadataReader, ThirdPartyReader};
use crate::mx::package::{Entry, MAX_ENTRIES, MAX_RATIO, MAX_XML_BYTES, Package, RATIO_FREE_BYTES};
use crate::mx::rfc::Rfc;
use crate::mx::time;
use crate::mx::tree::{MAX_DEPTH, Tree};
use crate::mx::uuid::FiscalUuid;
use fedatario_base::Code;
use std::io::Cursor;

/// A document becomes JSON of one root, the same each time; or is refused with a code of XML.
pub fn cfdi(bytes: &[u8]) {
    match read_cfdi(bytes) {
        Ok(it) => {
            assert_eq!(xml_to_json(bytes).as_ref(), Ok(&it.json), "two ways to the JSON differ");
            assert!(it.json.starts_with('{') && it.json.ends_with('}'));
            assert_eq!(it.uuid, read_cfdi(bytes).ok().and_then(|it| it.uuid));
        }
        Err(error) => {
            let known = [Code::XmlMalformed, Code::XmlDoctype, Code::XmlTooDeep, Code::XmlTooLarge, Code::CfdiFormat];
            assert!(known.contains(&error.code()), "{error}");
        }
    }
}

/// The tree is one: every element but the root is the child of exactly one, no deeper than the bound;
/// and its JSON has each of its attributes.
pub fn tree(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(tree) = Tree::read(text) else { return };
    let (mut seen, mut open) = (0, vec![(tree.root(), 1)]);
    while let Some((node, depth)) = open.pop() {
        assert!(depth <= MAX_DEPTH);
        seen += 1;
        open.extend(tree.children(node).map(|it| (it, depth + 1)));
    }
    assert_eq!(seen, tree.len());
    let json = crate::mx::json::to_json(&tree);
    assert!(json.matches("\"@").count() >= tree.all_attributes().len());
}

/// Rows and problems are no more than lines; a row has what a row must have.
pub fn metadata(bytes: &[u8]) {
    let lines = bytes.iter().filter(|it| **it == b'\n').count() + 1;
    if let Ok(reader) = MetadataReader::new(bytes) {
        let mut rows = 0;
        for row in reader {
            rows += 1;
            match row {
                Ok(it) => {
                    assert!(it.line >= 2 && it.extra.len() <= MAX_COLUMNS);
                    assert_eq!(it.uuid.to_string().parse(), Ok(it.uuid));
                }
                Err(problem) => assert!(!problem.to_string().is_empty()),
            }
        }
        assert!(rows <= lines);
    }
    if let Ok(reader) = ThirdPartyReader::new(bytes) {
        assert!(reader.count() <= lines);
    }
}

/// What comes out of an archive stays within what may come out, and every refusal has its code.
pub fn package(bytes: &[u8]) {
    let Ok(mut package) = Package::open(Cursor::new(bytes)) else { return };
    assert!(package.len() <= MAX_ENTRIES);
    let Ok(mut entries) = package.entries() else { return };
    let refusals = [Code::ArchiveFormat, Code::ArchiveRatio, Code::ArchiveTooLarge];
    loop {
        match entries.next_entry() {
            Ok(None) => return,
            Err(error) => return assert!(refusals.contains(&error.code()), "{error}"),
            Ok(Some(Entry::Xml(mut it) | Entry::Metadata(mut it) | Entry::ThirdParty(mut it))) => match it.read_all() {
                Ok(out) => {
                    let most = (bytes.len() as u64 * MAX_RATIO).clamp(RATIO_FREE_BYTES, MAX_XML_BYTES);
                    assert!(out.len() as u64 <= most, "{} bytes came out of {}", out.len(), bytes.len());
                    cfdi(&out);
                }
                Err(error) => assert!(refusals.contains(&error.code()), "{error}"),
            },
            Ok(Some(Entry::Ignored { .. } | Entry::Refused { .. })) => {}
        }
    }
}

/// What reads as an RFC reads again as the same.
pub fn rfc(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(it) = text.parse::<Rfc>() {
        assert_eq!(it.as_str(), text);
        let _ = it.check_digit_holds();
    }
    if let Ok(it) = Rfc::parse_lenient(&text) {
        assert_eq!(it.as_str().parse::<Rfc>().as_ref(), Ok(&it));
        assert!(matches!(it.as_str().chars().count(), 12 | 13));
    }
}

/// What reads as a folio is written in one way, and both cases read back.
pub fn uuid(bytes: &[u8]) {
    let Ok(it) = String::from_utf8_lossy(bytes).parse::<FiscalUuid>() else { return };
    assert_eq!(it.to_string().parse(), Ok(it));
    assert_eq!(it.upper().parse(), Ok(it));
    assert_eq!(FiscalUuid::from_bytes(it.bytes()), it);
}

/// What reads as a time is written in one way, which reads back.
pub fn civil_time(bytes: &[u8]) {
    let Some(it) = time::parse(&String::from_utf8_lossy(bytes)) else { return };
    if it.year() >= 0 {
        assert_eq!(time::parse(&time::format(it)), Some(it));
    }
    assert_eq!(time::period(it).rem_euclid(100), i32::from(it.month()));
}

/// Text begins where its markup does, and a line is never lost.
pub fn text(bytes: &[u8]) {
    if let Ok(decoded) = decode_xml(bytes) {
        assert!(decoded.text.starts_with('<'));
        let marked = [encoding::BOM, decoded.text.as_bytes()].concat();
        let again = decode_xml(&marked).expect("text that was read, with a mark");
        assert!(again.text == decoded.text && again.marks == 1 && !again.junk);
    }
    let (line, recoded) = decode_line(bytes);
    assert!(recoded || line.as_bytes() == bytes);
    assert!(!recoded || line.chars().count() == bytes.len());
}

/// A report that is read is written in the same bytes.
pub fn report(bytes: &[u8]) {
    if let Ok(report) = Report::parse(bytes) {
        assert_eq!(report.canonical(), bytes);
    }
}
