//! Metadata as SAT delivers it and as the field has seen it.

use fedatario_base::Code;
use fedatario_fiscal::mx::metadata::*;
use fedatario_fiscal::mx::time;
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;

const HEADER: &str = "Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~RfcPac~FechaEmision~FechaCertificacionSat~Monto~EfectoComprobante~Estatus~FechaCancelacion";
const TAIL: &str = "SPR190613I52~2026-09-01 09:15:02~2026-09-01 09:15:33~1160.00~I~1~";

fn rows(bytes: &[u8]) -> Result<Vec<Result<MetadataRow, RowProblem>>, Code> {
    MetadataReader::new(bytes).map(Iterator::collect).map_err(|it| it.code())
}

fn line(issuer_name: &str, receiver_name: &str) -> String {
    format!("26DA5355-E4BD-57D7-8E8E-B567754A287F~EKU9003173C9~{issuer_name}~H&E951128469~{receiver_name}~{TAIL}")
}

/// A row under SAT's names, as the published expectation has it.
fn shown(row: &MetadataRow) -> Value {
    let date = |it: Option<_>| it.map(|it| time::format(it).replace('T', " ")).unwrap_or_default();
    let estatus = match &row.estatus {
        Estatus::Vigente => "1",
        Estatus::Cancelado => "0",
        Estatus::Unknown(text) => text,
    };
    let mut shown = json!({
        "Uuid": row.uuid.upper(), "RfcEmisor": row.issuer_rfc, "NombreEmisor": row.issuer_name, "RfcReceptor": row.receiver_rfc,
        "NombreReceptor": row.receiver_name, "RfcPac": row.pac_rfc, "FechaEmision": date(Some(row.issued_at)),
        "FechaCertificacionSat": date(row.certified_at), "Monto": row.amount.to_string(), "EfectoComprobante": row.effect,
        "Estatus": estatus, "FechaCancelacion": date(row.cancelled_at),
    });
    for (name, value) in &row.extra {
        shown[name] = json!(value);
    }
    shown
}

fn upper_uuid(expected: &Value) -> Value {
    let mut expected = expected.clone();
    expected["Uuid"] = json!(expected["Uuid"].as_str().unwrap().to_uppercase());
    expected
}

#[test]
fn the_published_quirks_read_as_expected() {
    let root = fixtures_or_skip!();
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&fixtures::read(&root, "mx/metadata/quirks/expected.json")).unwrap();
    for (file, it) in &expected {
        let bytes = fixtures::read(&root, &format!("mx/metadata/quirks/{file}"));
        let outcome = match &it["rows"] {
            Value::Null => {
                assert_eq!(rows(&bytes).map(|_| ()), Err(Code::MetadataFormat), "{file}");
                "refused"
            }
            Value::Array(wanted) if file.ends_with("_tercero.txt") => {
                let found: Vec<Value> = ThirdPartyReader::new(bytes.as_slice())
                    .unwrap()
                    .map(|it| it.unwrap())
                    .map(|it| json!({"Uuid": it.uuid.upper(), "RfcACuentaTerceros": it.rfc, "NombreACuentaTerceros": it.name}))
                    .collect();
                assert_eq!(found, *wanted, "{file}");
                "imported"
            }
            wanted => {
                let wanted: Vec<Value> = wanted.as_array().unwrap().iter().map(upper_uuid).collect();
                let found: Vec<MetadataRow> = rows(&bytes).unwrap().into_iter().map(|it| it.unwrap()).collect();
                assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), wanted, "{file}");
                let mended = found.iter().filter(|it| it.mended).count();
                assert_eq!(mended, usize::from(["tilde-in-name.txt", "latin1.txt"].contains(&file.as_str())), "{file}");
                if mended > 0 { "imported with a warning" } else { "imported" }
            }
        };
        covers!("fixture x outcome", format!("metadata/{file}"), outcome);
    }
    assert_eq!(expected.len(), 16);
}

#[test]
fn published_and_simulated_files_read_without_a_problem() {
    let root = fixtures_or_skip!();
    let mut counts = BTreeMap::new();
    for folder in ["mx/metadata/upstream", "mx/metadata/sim"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let first = bytes.split(|it| *it == b'\n').next().unwrap();
            let count = match looks_like_header(first) {
                Some(HeaderKind::Metadata) => {
                    rows(&bytes).unwrap().into_iter().map(|it| it.unwrap()).filter(|it| !it.mended).count()
                }
                Some(HeaderKind::ThirdParty) => {
                    ThirdPartyReader::new(bytes.as_slice()).unwrap().filter(|it| it.as_ref().unwrap().line > 1).count()
                }
                None => continue,
            };
            counts.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), count);
        }
    }
    let some = [
        "metadata.txt",
        "metadata-extractor.txt",
        "metadata-empty-uuid.txt",
        "3E12C48E-A50B-5E1D-89F4-A19ED90F745F_01.txt",
        "0AD9A87C-B0D6-5062-A401-5AFB1D42C635_01.txt",
    ];
    assert_eq!(some.map(|it| counts[it]), [2, 3, 0, 0, 5]);
    assert_eq!(counts.len(), 11);
    covers!("metadata: both published headers, an empty file and retenciones are read");
}

#[test]
fn headers_are_known_by_their_names() {
    let cases = [
        (HEADER.to_owned(), true),
        (HEADER.replace("RfcPac", "PacCertifico").replace("Monto", "MontoTotal"), true),
        (HEADER.to_lowercase(), true),
        (HEADER.replace("~FechaCancelacion", ""), true),
        (HEADER.replace("Uuid~", ""), false),
        (HEADER.replace("Estatus", "Estado"), false),
        (format!("{HEADER}~Estatus"), false),
        (format!("{HEADER}{}", "~x".repeat(MAX_COLUMNS)), false),
        ("Error interno".to_owned(), false),
        (String::new(), false),
        ("Uuid~RfcACuentaTerceros~NombreACuentaTerceros".to_owned(), false),
        ("x".repeat(10 * MAX_LINE_BYTES), false),
    ];
    for (header, good) in cases {
        let found = rows(format!("{header}\r\n").as_bytes()).map(|it| it.len());
        assert_eq!(found, if good { Ok(0) } else { Err(Code::MetadataFormat) }, "{:.200}", header);
    }
    covers!("metadata: columns are found by name, with the names of 2026");
}

#[test]
fn a_row_that_cannot_be_read_is_named_and_the_rest_goes_on() {
    let good = line("A", "B");
    let long = line("A", &"ñ".repeat(MAX_LINE_BYTES));
    let cases = [
        (good.clone(), None),
        (good.replace("26DA5355", "26DA535"), Some(Code::MetadataFormat)),
        (good.replace("2026-09-01 09:15:02", "ayer"), Some(Code::MetadataFormat)),
        (good.replace("2026-09-01 09:15:33", "2026-13-01 00:00:00"), Some(Code::MetadataFormat)),
        (good.replace("1160.00", "1,160.00"), Some(Code::MetadataFormat)),
        (good.replace("1160.00", "1e400"), Some(Code::MetadataFormat)),
        (good.replace("~1160.00", ""), Some(Code::MetadataFormat)),
        (good.replace("~1160.00~I", ""), Some(Code::MetadataFormat)),
        // A separator in a name, and no RFC that says which name.
        (good.replace("H&E951128469", "9999999999").replace("~A~", "~A~C~"), Some(Code::MetadataFormat)),
        (long.clone(), Some(Code::LineTooLong)),
        (good.replace("~I~1~", "~~7~"), None),
    ];
    let text = cases.iter().fold(format!("{HEADER}\r\n"), |text, (row, _)| text + row + "\r\n");
    let found = rows(text.as_bytes()).unwrap();
    assert_eq!(found.len(), cases.len());
    for (place, (row, (text, expected))) in found.iter().zip(&cases).enumerate() {
        assert_eq!(row.as_ref().err().map(RowProblem::code), *expected, "{:.120}", text);
        assert_eq!(row.as_ref().map_or(place as u64 + 2, |it| it.line), place as u64 + 2);
        assert!(row.as_ref().err().is_none_or(|it| !it.ends_file()));
    }
    assert_eq!(found.last().unwrap().as_ref().unwrap().estatus, Estatus::Unknown("7".to_owned()));
    covers!("metadata: a bad row or a line above 64 KiB is a problem with its line, and the rest goes on");
}

#[test]
fn a_separator_in_either_name_is_mended_by_the_rfc_between_them() {
    for (issuer, receiver) in [("A~B", "C"), ("A", "B~C"), ("~", "~~"), ("A~B~C", "D~E"), ("", "~")] {
        let text = format!("{HEADER}\n{}\n", line(issuer, receiver));
        let found = rows(text.as_bytes()).unwrap().remove(0).unwrap();
        assert_eq!((found.issuer_name.as_str(), found.receiver_name.as_str(), found.mended), (issuer, receiver, true));
        assert_eq!((found.receiver_rfc.as_str(), found.amount.to_string().as_str()), ("H&E951128469", "1160.00"));
    }
    let third = "Uuid~RfcACuentaTerceros~NombreACuentaTerceros\r\n26DA5355-E4BD-57D7-8E8E-B567754A287F~CACX7605101P8~A~B\r\n~X~Y\r\nno~X~Y\r\n";
    let found: Vec<_> =
        ThirdPartyReader::new(third.as_bytes()).unwrap().map(|it| it.map(|it| it.name).map_err(|it| it.code())).collect();
    assert_eq!(found, [Ok("A~B".to_owned()), Err(Code::MetadataFormat)]);
    covers!("metadata: a separator inside a name is mended and flagged");
}

/// A reader that fails half-way, as a cut disk would.
struct Cut<'a>(&'a [u8]);

impl Read for Cut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::ErrorKind::TimedOut.into()),
            read => Ok(read),
        }
    }
}

#[test]
fn a_reader_that_fails_ends_the_file_once() {
    let text = format!("{HEADER}\r\n{}\r\n", line("A", "B"));
    let found: Vec<_> = MetadataReader::new(Cut(text.as_bytes())).unwrap().collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].is_ok() && found[1].as_ref().is_err_and(RowProblem::ends_file));
}

proptest! {
    /// Whatever a name holds but the separator, the row survives, in every way a file may end its lines.
    #[test]
    fn names_of_any_kind_survive(
        names in prop::collection::vec(("[a-zA-Z0-9ÑÁ\"'<>&;, .\n]{0,24}", "[a-zA-Z0-9ÑÁ\"'<>&;, .\n]{0,24}"), 0..6),
        crlf: bool, mark: bool, last_end: bool, blank: bool,
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        // Only a file of CR LF can hold a bare LF inside a name.
        let clean = |name: &String| if crlf { name.clone() } else { name.replace('\n', " ") };
        let lines: Vec<String> = names.iter().map(|(issuer, receiver)| line(&clean(issuer), &clean(receiver))).collect();
        let between = if blank { format!("{end}  {end}{end}") } else { end.to_owned() };
        let mut text = format!("{}{HEADER}{end}{}", if mark { "\u{feff}" } else { "" }, lines.join(&between));
        if last_end {
            text += end;
        }
        let found: Vec<(String, String)> = rows(text.as_bytes()).unwrap().into_iter().map(|it| it.unwrap()).map(|it| (it.issuer_name, it.receiver_name)).collect();
        let wanted: Vec<(String, String)> = names.iter().map(|(issuer, receiver)| {
            let joined = |it: &String| clean(it).replace('\n', "").trim().to_owned();
            (joined(issuer), joined(receiver))
        }).collect();
        prop_assert_eq!(found, wanted);
    }
}

#[test]
fn the_property_of_names_is_claimed() {
    names_of_any_kind_survive();
    covers!("metadata: line feeds, quotes and marks in any file survive (property)");
}
