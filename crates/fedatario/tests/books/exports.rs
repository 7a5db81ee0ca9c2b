//! `sat query` and `sat export`, read back by csv, openpyxl, pyarrow and zipfile.

use crate::authored::{self, RFC, uuid};
use crate::support::Shell;
use crate::{import, judge, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder with the authored documents in it.
fn stage(dir: &Path) -> Shell {
    let shell = Shell::new(dir.join("data"));
    let (package, _) = authored::packed(dir);
    import(&shell, &[&package]);
    shell
}

fn query(shell: &Shell, more: &[&str]) -> Value {
    shell.run(&[&["sat", "query", "--rfc", RFC, "--json"], more].concat()).good()
}

/// Numbers of the documents that a query finds, in its order.
fn numbers(answer: &Value) -> Vec<u32> {
    let all = answer["documents"].as_array().unwrap().iter();
    all.map(|it| u32::from_str_radix(&it["uuid"].as_str().unwrap()[..8], 16).unwrap()).collect()
}

fn export(shell: &Shell, dir: &Path, format: &str, more: &[&str]) -> (PathBuf, Value) {
    let path = dir.join(format!("out.{format}"));
    let done =
        shell.run(&[&["sat", "export", "--rfc", RFC, "--format", format, "-o", text(&path), "--json"], more].concat()).good();
    (path, done)
}

#[test]
fn queries_find_by_columns_and_by_words() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let cases: [(&[&str], &[u32]); 12] = [
        (&["--period", "2025-02"], &[1, 12]),
        (&["--from", "2025-03-05", "--to", "2025-03-06"], &[5, 6]),
        (&["--role", "received"], &[6, 9]),
        (&["--type", "E,N"], &[12, 8]),
        (&["--type", "p"], &[4, 3, 2]),
        (&["--counterparty", "xiqb891116qe4"], &[12]),
        (&["--min", "1000", "--max", "1044.00"], &[1]),
        (&["--currency", "usd"], &[1, 8]),
        (&["--status", "cancelado"], &[11]),
        (&["--complement", "pagos10"], &[4, 3, 2]),
        (&["--text", "servicio ESPECIÁL", "--type", "E"], &[8]),
        (&["--text", "viejo"], &[10]),
    ];
    for (arguments, expected) in cases {
        assert_eq!(numbers(&query(&shell, arguments)), expected, "{arguments:?}");
    }
    assert_eq!(numbers(&query(&shell, &["--uuid", &uuid(5).to_uppercase()])), [5]);
    assert_eq!(numbers(&query(&shell, &["--text", "-x-9"])), [9], "series and folio");
    let one = &query(&shell, &["--uuid", &uuid(10)])["documents"][0];
    assert_eq!(
        (&one["subtotal"], &one["iva_trasladado"], &one["isr_retenido"]),
        (&json!("100.00"), &json!("14.40"), &json!("9.00"))
    );
    fedatario_testkit::covers!(
        "query: by period, role, type, counterparty, amount, currency, status, complement, UUID and words without case and accents"
    );
}

#[test]
fn pages_of_a_query_follow_their_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let whole = numbers(&query(&shell, &[]));
    assert_eq!(whole.len(), 12);
    for filter in [&[][..], &["--text", "nombre"][..]] {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut arguments = vec!["--limit", "5"];
            arguments.extend_from_slice(filter);
            cursor.iter().for_each(|it| arguments.extend(["--after", it]));
            let page = query(&shell, &arguments);
            all.extend(numbers(&page));
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        let expected: Vec<u32> = whole.iter().copied().filter(|it| filter.is_empty() || *it != 10).collect();
        assert_eq!(all, expected, "{filter:?}");
    }
    let shown = shell.run(&["sat", "query", "--rfc", RFC, "--limit", "1"]).stdout;
    assert!(shown.starts_with("Fecha") && shown.contains("Retenciones") && shown.contains("--after "), "{shown}");
    fedatario_testkit::covers!("query: pages follow their cursor, nothing twice and nothing left out; Spanish heads on a terminal");
}

#[test]
fn csv_is_read_as_it_was_meant_and_runs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let (plain, done) = export(&shell, dir.path(), "csv", &[]);
    assert_eq!(done["documents"], json!(12));
    let rows = judge("judge_tables.py", &["csv", text(&plain)]);
    let first = rows.as_array().unwrap().iter().find(|it| it["uuid"] == json!(uuid(5))).unwrap().clone();
    assert_eq!((&first["serie"], &first["emisor_nombre"]), (&json!("'-X"), &json!("'@EMPRESA")));
    assert_eq!(first["conceptos"], json!("'=Servicio, \"especial\"\nde prueba"));
    assert_eq!(
        (&first["subtotal"], &first["fecha"], &first["tipo_cambio"]),
        (&json!("250.005"), &json!("2025-03-05T10:00:00"), &json!(""))
    );
    for row in rows.as_array().unwrap() {
        for (name, cell) in row.as_object().unwrap() {
            assert!(!cell.as_str().unwrap().starts_with(['=', '+', '@', '\t', '\r']), "{name}: {cell} would run");
        }
    }
    let (marked, _) = export(&shell, dir.path(), "csv", &["--bom", "--separator", ";"]);
    assert!(std::fs::read(&marked).unwrap().starts_with("\u{feff}fecha;uuid;".as_bytes()));
    assert_eq!(judge("judge_tables.py", &["csv", text(&marked), ";"]), rows);
    fedatario_testkit::covers!("export: CSV by RFC 4180, read back by csv; no cell that a document wrote can run");
}

#[test]
fn ndjson_is_the_document_or_its_columns() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let lines = |more: &[&str]| -> Vec<Value> {
        let (path, _) = export(&shell, dir.path(), "ndjson", more);
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    };
    let whole = lines(&["--type", "I"]);
    assert_eq!(whole.len(), 7);
    assert!(
        whole
            .iter()
            .all(|it| it["cfdi:Comprobante"]["cfdi:Emisor"]["@Rfc"].is_string() || it["cfdi:Comprobante"]["@version"] == "3.2")
    );
    let flat = lines(&["--type", "I", "--flat"]);
    assert_eq!(flat, query(&shell, &["--type", "I"])["documents"].as_array().unwrap().clone());
    // A pipe gets the same, and nothing else.
    let piped = shell.run(&["sat", "export", "--rfc", RFC, "--type", "I", "--format", "ndjson", "-o", "-", "--json"]);
    assert_eq!((piped.exit, piped.stdout.lines().count()), (0, 7));
    fedatario_testkit::covers!("export: NDJSON of whole documents or of columns, to a file or a pipe");
}

/// Rows of a judge by UUID.
fn by_uuid(rows: &Value, uuid: impl Fn(&Value) -> &Value) -> BTreeMap<String, Value> {
    rows.as_array().unwrap().iter().map(|it| (uuid(it).as_str().unwrap().to_owned(), it.clone())).collect()
}

#[test]
fn spreadsheets_hold_numbers_dates_and_text() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let (path, _) = export(&shell, dir.path(), "xlsx", &[]);
    let rows = by_uuid(&judge("judge_tables.py", &["xlsx", text(&path)]), |it| &it["uuid"][1]);
    assert_eq!(rows.len(), 12);
    let row = &rows[&uuid(5)];
    assert_eq!(row["subtotal"], json!(["n", "250.005"]));
    assert_eq!(row["fecha"], json!(["d", "2025-03-05 10:00:00"]));
    assert_eq!(
        (&row["folio"], &row["serie"], &row["emisor_nombre"]),
        (&json!(["s", "5"]), &json!(["s", "-X"]), &json!(["s", "@EMPRESA"]))
    );
    assert_eq!(row["descuento"], Value::Null);
    let kinds = rows.values().flat_map(|it| it.as_object().unwrap().values().filter_map(|it| it[0].as_str()));
    assert!(kinds.into_iter().all(|it| ["n", "d", "s"].contains(&it)), "no formula anywhere");
    fedatario_testkit::covers!("export: XLSX read back by openpyxl: amounts numbers, instants dates, text text");
}

#[test]
fn parquet_holds_exact_amounts() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let (path, _) = export(&shell, dir.path(), "parquet", &[]);
    let rows = by_uuid(&judge("judge_tables.py", &["parquet", text(&path)]), |it| &it["uuid"][1]);
    assert_eq!(rows.len(), 12);
    assert_eq!(rows[&uuid(5)]["subtotal"], json!(["decimal128(24, 6)", "250.005000"]));
    assert_eq!(rows[&uuid(5)]["fecha"], json!(["timestamp[ms]", "2025-03-05 10:00:00"]));
    assert_eq!(rows[&uuid(1)]["tipo_cambio"], json!(["decimal128(24, 6)", "20.123400"]));
    assert_eq!((&rows[&uuid(5)]["descuento"], &rows[&uuid(5)]["emisor_nombre"]), (&Value::Null, &json!(["string", "@EMPRESA"])));
    fedatario_testkit::covers!("export: Parquet read back by pyarrow: decimals exact, instants timestamps");
}

#[test]
fn the_archive_holds_the_originals_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let (path, done) = export(&shell, dir.path(), "zip", &["--year", "2025"]);
    assert_eq!((&done["documents"], &done["metadata"], &done["lost"]), (&json!(12), &json!(12), &json!(0)));
    let entries = judge("judge_tables.py", &["zip", text(&path)]);
    let entries: BTreeMap<&str, &str> =
        entries.as_array().unwrap().iter().map(|it| (it[0].as_str().unwrap(), it[1].as_str().unwrap())).collect();
    assert_eq!(entries.len(), 13);
    let hex = |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect::<String>();
    for (name, number, xml) in authored::documents() {
        let (month, side) = match name {
            "ppd-usd" | "nomina-pagada-despues" => ("02", "emitidos"),
            "pagos10-pesos" => ("05", "emitidos"),
            "pagos10-dolares" => ("04", "emitidos"),
            "exento-33" | "otra-tasa-y-locales" => ("03", "recibidos"),
            _ => ("03", "emitidos"),
        };
        let entry = format!("{RFC}/2025/{month}/{side}/{}.xml", uuid(number));
        assert_eq!(entries.get(entry.as_str()).copied(), Some(hex(xml.as_bytes()).as_str()), "{entry}");
    }
    assert!(entries.contains_key(format!("{RFC}/metadata.csv").as_str()));
    fedatario_testkit::covers!("export: ZIP of the original XML byte for byte, by year, month and side, read back by zipfile");
}

#[test]
fn an_export_that_fails_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let shell = stage(dir.path());
    let missing = dir.path().join("no/such/folder/out.csv");
    let ended = shell.run(&["sat", "export", "--rfc", RFC, "--format", "csv", "-o", text(&missing), "--json"]);
    assert_eq!((ended.exit, &ended.json()["error"]["code"]), (2, &json!("output_failed")), "{ended:?}");

    // A package that is gone: its documents are named, the rest comes out.
    let objects = dir.path().join("data/objects");
    let mut folders = vec![objects];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "zip") {
                std::fs::write(&path, b"PK").unwrap();
            }
        }
    }
    let path = dir.path().join("lost.zip");
    let ended = shell.run(&["sat", "export", "--rfc", RFC, "--format", "zip", "-o", text(&path), "--json"]);
    assert_eq!((ended.exit, &ended.json()["lost"], &ended.json()["documents"]), (1, &json!(12), &json!(0)), "{ended:?}");
    fedatario_testkit::covers!(
        "export: what cannot be written is told and leaves nothing; originals that are lost are counted and named"
    );
}
