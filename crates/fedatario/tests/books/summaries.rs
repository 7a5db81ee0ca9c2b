//! `sat summary` against a computation from the XML that shares nothing with ours.

use crate::authored::{self, RFC};
use crate::support::{Shell, examples};
use crate::{import, judge, package_of, text};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Each trace is a process of its own, so only some figures are traced.
const TRACED_ONE_IN: usize = 4;

/// A summary, with a finding or without.
fn summary(shell: &Shell, period: &str, exit: i32) -> Value {
    let ended = shell.run(&["sat", "summary", "--rfc", RFC, "--period", period, "--json"]);
    assert_eq!(ended.exit, exit, "{ended:?}");
    ended.json()
}

/// Figures without those that came to nothing: a line that nobody touched is not there.
fn touched(figures: &Value) -> Map<String, Value> {
    let all = figures.as_object().expect("figures").clone();
    all.into_iter().filter(|(_, amount)| !matches!(amount.as_str(), Some("0.00" | "-0.00"))).collect()
}

/// Compares every figure, month by month, and what one in [`TRACED_ONE_IN`] of them is made of.
fn compare(shell: &Shell, dir: &Path, statuses: &Map<String, Value>, span: (&str, &str), folder: &Path, exit: i32) -> Value {
    let path = dir.join("statuses.json");
    std::fs::write(&path, Value::Object(statuses.clone()).to_string()).unwrap();
    let expected = judge("judge.py", &[RFC, span.0, span.1, text(&path), text(folder)]);
    let made = summary(shell, &format!("{}..{}", span.0, span.1), exit);
    assert_eq!(touched(&made["figures"]), touched(&expected["figures"]), "{span:?}");
    let months = made["months"].as_array().unwrap();
    let by_month: Map<String, Value> = months
        .iter()
        .map(|it| (it["month"].as_str().unwrap().to_owned(), Value::Object(touched(&it["figures"]))))
        .filter(|(_, it)| !it.as_object().unwrap().is_empty())
        .collect();
    let of_judge = expected["months"].as_object().unwrap().iter();
    let of_judge: Map<String, Value> = of_judge
        .map(|(month, it)| (month.clone(), Value::Object(touched(it))))
        .filter(|(_, it)| !it.as_object().unwrap().is_empty())
        .collect();
    assert_eq!(by_month, of_judge, "{span:?}");
    for (figure, amount) in touched(&expected["figures"]).into_iter().step_by(TRACED_ONE_IN) {
        let told = shell
            .run(&["sat", "summary", "--rfc", RFC, "--period", &format!("{}..{}", span.0, span.1), "--explain", &figure, "--json"])
            .good();
        assert_eq!(told["total"], amount, "{figure}");
        let mut uuids: Vec<&str> = told["documents"].as_array().unwrap().iter().map(|it| it["uuid"].as_str().unwrap()).collect();
        uuids.sort_unstable();
        uuids.dedup();
        assert_eq!(json!(uuids), expected["uuids"][&figure], "{figure}");
    }
    made
}

#[test]
fn old_versions_other_currencies_and_gaps_are_counted_as_the_rules_say() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::new(dir.path().join("data"));
    let (package, statuses) = authored::packed(dir.path());
    let imported = import(&shell, &[&package]);
    assert_eq!((&imported["cfdi"], &imported["quarantined"]), (&json!(12), &json!(0)), "{imported}");
    let folder = dir.path().join("xml");
    let made = compare(&shell, dir.path(), &statuses, ("2025-03-01", "2025-03-31"), &folder, 1);
    // What nobody can count is said, and where.
    let reasons: Vec<&String> = made["uncounted"].as_object().unwrap().keys().collect();
    assert_eq!(reasons, ["no_exchange_rate", "related_missing"]);
    assert_eq!(made["uncounted"]["no_exchange_rate"]["documents"][0]["uuid"], json!(authored::uuid(7)));
    assert_eq!((&made["cancelled"], &made["status_unknown"]), (&json!(1), &json!(0)));
    // By hand: a half and the rest of a document of 900 + 16 %, paid in pesos and dollars.
    let share = 500.0 / 1044.0 * 20.0 + 544.0 / 1044.0 * 19.5;
    let paid: f64 = made["figures"]["emitidos.flujo.pagos"].as_str().unwrap().parse().unwrap();
    assert!((paid - 900.0 * share).abs() < 0.01, "{paid}");
    compare(&shell, dir.path(), &statuses, ("2025-02-01", "2025-04-30"), &folder, 1);
    fedatario_testkit::covers!(
        "summary: versions 3.2, 3.3 and 4.0, other currencies, payments of either version and what cannot be counted"
    );
}

#[test]
fn a_year_of_authored_documents_comes_to_what_another_computes() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::new(dir.path().join("data"));
    let package = dir.path().join("examples.zip");
    package_of(&examples(), &package);
    import(&shell, &[&package]);
    // Without metadata nobody knows what was cancelled, so all of them count, and that is said.
    let made = compare(&shell, dir.path(), &Map::new(), ("2025-01-01", "2025-12-31"), &examples(), 0);
    assert_eq!(made["status_unknown"], json!(16));
    let issued: Vec<&Value> = made["counterparties"].as_array().unwrap().iter().filter(|it| it["side"] == "emitidos").collect();
    let of_all: f64 =
        issued.iter().filter_map(|it| it["figures"]["emitidos.facturado.neto"].as_str()).map(|it| it.parse::<f64>().unwrap()).sum();
    let whole: f64 = made["figures"]["emitidos.facturado.neto"].as_str().unwrap().parse().unwrap();
    assert!((of_all - whole).abs() < 0.05, "counterparties add up: {of_all} {whole}");
    fedatario_testkit::covers!(
        "summary: every figure, by month and by counterparty, equals an independent computation from the XML, and is traced to its documents"
    );
}

#[test]
fn the_published_documents_come_to_what_another_computes() {
    let fixtures = fedatario_testkit::fixtures_or_skip!();
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::new(dir.path().join("data"));
    let sim = fixtures.join("mx/cfdi/sim");
    let package = dir.path().join("sim.zip");
    package_of(&sim, &package);
    let metadata = std::fs::read_dir(fixtures.join("mx/packages/sim")).unwrap().map(|it| it.unwrap().path());
    let metadata: Vec<_> = metadata.filter(|it| it.extension().is_some_and(|it| it == "zip")).collect();
    let mut packages = vec![package.as_path()];
    packages.extend(metadata.iter().map(|it| it.as_path()));
    import(&shell, &packages);
    let index: Value = serde_json::from_slice(&std::fs::read(sim.join("index.json")).unwrap()).unwrap();
    let status = |it: &Value| (it["uuid"].as_str().unwrap().to_lowercase(), it["estatus"].clone());
    let statuses: Map<String, Value> = index.as_array().unwrap().iter().map(status).collect();
    for (span, exit) in [(("2026-09-01", "2026-09-30"), 0), (("2021-01-01", "2022-12-31"), 1)] {
        compare(&shell, dir.path(), &statuses, span, &sim, exit);
    }
    fedatario_testkit::covers!("summary: the published documents come to what an independent computation from the XML says");
}

#[test]
fn summary_and_report_are_written_for_programs_and_for_paper() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::new(dir.path().join("data"));
    let (package, _) = authored::packed(dir.path());
    import(&shell, &[&package]);
    let write = |command: &str, format: &str| {
        let path = dir.path().join(format!("{command}.{format}"));
        let ended = shell.run(&["sat", command, "--rfc", RFC, "--year", "2025", "--format", format, "-o", text(&path), "--json"]);
        assert_eq!((ended.exit, &ended.json()["format"]), (1, &json!(format)), "{ended:?}");
        path
    };
    let figures = judge("judge_tables.py", &["csv", text(&write("summary", "csv"))]);
    let of_period: Vec<&Value> = figures.as_array().unwrap().iter().filter(|it| it["ambito"] == "periodo").collect();
    let whole: Value = serde_json::from_slice(&std::fs::read(write("summary", "json")).unwrap()).unwrap();
    assert_eq!(of_period.len(), whole["figures"].as_object().unwrap().len());
    for row in of_period {
        let shown: f64 = row["importe"].as_str().unwrap().parse().unwrap();
        let expected: f64 = whole["figures"][row["cifra"].as_str().unwrap()].as_str().unwrap().parse().unwrap();
        assert_eq!(shown, expected, "{row}");
    }

    let signed = write("report", "json");
    let checked = shell.run(&["sat", "report", "--check", text(&signed), "--json"]).good();
    assert_eq!((&checked["signature"], &checked["agrees"]), (&json!(true), &json!(true)));
    let report: Value = serde_json::from_slice(&std::fs::read(&signed).unwrap()).unwrap();
    let listed = judge("judge_tables.py", &["csv", text(&write("report", "csv"))]);
    let lists = ["missing", "not_delivered", "extra"].map(|it| report["report"][it].as_array().unwrap().len());
    assert_eq!(listed.as_array().unwrap().len(), lists.iter().sum::<usize>());

    for command in ["summary", "report"] {
        let page = std::fs::read_to_string(write(command, "html")).unwrap();
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"es\">"), "{command}");
        for never in ["<script", "src=", "href=", "http://", "https://"] {
            assert!(!page.contains(never), "{command}: {never} would need something else");
        }
        let tables = page.matches("<table>").count();
        assert!(tables > 0 && page.matches("<caption>").count() == tables && page.contains("scope=\"col\""), "{command}");
    }
    fedatario_testkit::covers!(
        "page: report and summary as JSON, CSV and a page that needs nothing else, in Spanish, its tables with captions and heads"
    );
}

#[test]
fn what_is_no_period_or_figure_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::new(dir.path().join("data"));
    let (package, _) = authored::packed(dir.path());
    import(&shell, &[&package]);
    let cases: [(&[&str], &str); 6] = [
        (&["sat", "summary", "--rfc", RFC], "usage"),
        (&["sat", "summary", "--rfc", RFC, "--period", "marzo"], "period_format"),
        (&["sat", "summary", "--rfc", RFC, "--from", "2025-03-02", "--to", "2025-03-01"], "period_format"),
        (&["sat", "summary", "--rfc", RFC, "--year", "2025", "--explain", "emitidos"], "filter_format"),
        (&["sat", "query", "--rfc", RFC, "--type", "Z"], "filter_format"),
        (&["sat", "query", "--rfc", "AAA010101AAA"], "taxpayer_unknown"),
    ];
    for (arguments, code) in cases {
        let ended = shell.run(&[arguments, &["--json"]].concat());
        assert_eq!((ended.exit, &ended.json()["error"]["code"]), (2, &json!(code)), "{ended:?}");
    }
    fedatario_testkit::covers!("query: what is no period, filter, figure or taxpayer is told with its code");
}
