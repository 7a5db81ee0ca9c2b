//! Documents found again: every filter, every page, one tenant.

use crate::bench::{Bench, methods, on_both};
use crate::samples::{RFC, document, line, our_package, our_taxpayer, stamp};
use fedatario_app::model::{Direction, DocumentFilter, DocumentKey, DocumentKind, DocumentRow, DocumentStatus, Role};
use fedatario_base::id::TaxpayerId;

use DocumentStatus::{Cancelado, Unknown, Vigente};

on_both!(each_filter_lets_through_what_it_says, pages_follow_one_another_whatever_their_size, what_is_found_is_its_tenants_alone);

const OTHER: &str = "OÑO120726RX3";

/// Six documents of ours that differ in one thing each, and one that is none of our business.
fn corpus(package: &fedatario_app::model::PackageRow) -> Vec<DocumentRow> {
    let dated = |number, date: &str, period| DocumentRow { date: date.into(), period, ..document(package, number) };
    vec![
        dated(1, "2025-01-31T23:59:59", 202_501),
        DocumentRow { kind: "E".into(), currency: "USD".into(), ..dated(2, "2025-02-01T00:00:00", 202_502) },
        DocumentRow {
            role: Role::Received,
            issuer: OTHER.into(),
            receiver: RFC.into(),
            total_e6: -5,
            ..dated(3, "2025-02-28T23:59:59", 202_502)
        },
        DocumentRow { role: Role::Both, receiver: RFC.into(), kind: "T".into(), ..dated(4, "2025-03-01T00:00:00", 202_503) },
        DocumentRow { kind: "R14".into(), complements: "Dividendos,CartaPorte".into(), ..dated(5, "2025-03-01T00:00:00", 202_503) },
        DocumentRow { total_e6: i64::MAX, complements: String::new(), ..dated(6, "", 0) },
        DocumentRow { role: Role::Foreign, ..dated(7, "2025-02-10T00:00:00", 202_502) },
    ]
}

async fn stored(bench: &Bench) -> TaxpayerId {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let mut tx = bench.our_tx().await;
    tx.add_documents(&corpus(&package)).await.unwrap();
    tx.put_metadata(&[line(&package, 1, Vigente), line(&package, 2, Cancelado), line(&package, 9, Cancelado)]).await.unwrap();
    tx.commit().await.unwrap();
    owner.id
}

async fn found(bench: &Bench, owner: TaxpayerId, filter: &DocumentFilter) -> Vec<u32> {
    let mut tx = bench.our_tx().await;
    let keys = tx.document_keys(owner, filter, None, 100).await.unwrap();
    keys.iter().map(|it| u32::from_str_radix(&it.uuid[..8], 16).unwrap()).collect()
}

async fn each_filter_lets_through_what_it_says(bench: &Bench) {
    let owner = stored(bench).await;
    let filter = DocumentFilter::default;
    let text = |it: &str| Some(it.to_owned());
    let cases: Vec<(&str, DocumentFilter, &[u32])> = vec![
        ("all but foreign, in order, those without a date first", filter(), &[6, 1, 2, 3, 4, 5]),
        ("issued", DocumentFilter { direction: Some(Direction::Issued), ..filter() }, &[6, 1, 2, 4, 5]),
        ("received", DocumentFilter { direction: Some(Direction::Received), ..filter() }, &[3, 4]),
        ("kinds", DocumentFilter { kinds: vec![DocumentKind::Egreso, DocumentKind::Retencion], ..filter() }, &[2, 5]),
        ("months", DocumentFilter { periods: (202_502, 202_502), ..filter() }, &[2, 3]),
        ("days", DocumentFilter { dates: Some(("2025-01-31T00:00:00".into(), "2025-02-28T00:00:00".into())), ..filter() }, &[1, 2]),
        ("the issuer of what was received", DocumentFilter { counterparty: text(OTHER), ..filter() }, &[3]),
        ("the receiver of what was issued", DocumentFilter { counterparty: text("XAXX010101000"), ..filter() }, &[6, 1, 2, 5]),
        ("oneself", DocumentFilter { counterparty: text(RFC), ..filter() }, &[4]),
        ("negative totals", DocumentFilter { totals: (-10, -1), ..filter() }, &[3]),
        ("totals from", DocumentFilter { totals: (116_000_001, i64::MAX), ..filter() }, &[6]),
        ("currency", DocumentFilter { currency: text("USD"), ..filter() }, &[2]),
        ("current", DocumentFilter { statuses: vec![Vigente], ..filter() }, &[1]),
        ("cancelled or unknown", DocumentFilter { statuses: vec![Cancelado, Unknown], ..filter() }, &[6, 2, 3, 4, 5]),
        ("a complement in any case", DocumentFilter { complement: text("CARTAporte"), ..filter() }, &[5]),
        ("part of a complement's name", DocumentFilter { complement: text("Carta"), ..filter() }, &[]),
        ("a wildcard is none", DocumentFilter { complement: text("%"), ..filter() }, &[]),
        ("a UUID", DocumentFilter { uuid: Some(stamp(3)), ..filter() }, &[3]),
        ("a foreign UUID", DocumentFilter { uuid: Some(stamp(7)), ..filter() }, &[]),
        (
            "several at once",
            DocumentFilter { direction: Some(Direction::Issued), periods: (202_502, 202_503), currency: text("MXN"), ..filter() },
            &[4, 5],
        ),
        ("a quote is a letter", DocumentFilter { currency: text("' or 1=1 --"), ..filter() }, &[]),
    ];
    for (name, filter, expected) in cases {
        assert_eq!(found(bench, owner, &filter).await, expected, "{name}");
    }

    let mut tx = bench.our_tx().await;
    let (one, two, nine) = (stamp(1), stamp(2), stamp(9));
    let named = tx.documents_named(owner, &[&two, &one, &nine]).await.unwrap();
    let said: Vec<_> = named.iter().map(|it| (it.row.uuid.clone(), it.status, it.cancelled_at.clone())).collect();
    assert_eq!(said, [(one, Vigente, None), (two, Cancelado, Some("2025-04-01T00:00:00".to_owned()))]);
    let body: serde_json::Value = serde_json::from_str(&named[0].row.json).unwrap();
    assert_eq!(body, serde_json::json!({ "cfdi:Comprobante": { "@Total": "116.00" } }));
    let lines = tx.metadata_lines(owner, (202_503, 202_503), Some(&stamp(1)), 10).await.unwrap();
    assert_eq!(lines.iter().map(|it| it.uuid.clone()).collect::<Vec<_>>(), [stamp(2), stamp(9)]);
    assert_eq!(tx.metadata_lines(owner, (202_504, 202_504), None, 10).await.unwrap(), []);
    assert_eq!(tx.metadata_lines(owner, (202_503, 202_503), None, 1).await.unwrap().len(), 1);
    fedatario_testkit::covers!("store: each filter of documents lets through what it says, on both databases");
}

async fn pages_follow_one_another_whatever_their_size(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    // Many at one second, months in no order, and some without a date.
    let dates = ["2025-03-04T05:06:07", "2025-01-01T00:00:00", "", "2024-12-31T23:59:59", "2025-03-04T05:06:08"];
    let row = |number: u32| {
        let date = dates[number as usize % dates.len()];
        let period = if date.is_empty() { 0 } else { date[..7].replace('-', "").parse().unwrap() };
        DocumentRow { date: date.into(), period, ..document(&package, number) }
    };
    let rows: Vec<DocumentRow> = (0..200).map(row).collect();
    let mut tx = bench.our_tx().await;
    tx.add_documents(&rows).await.unwrap();
    let mut expected: Vec<DocumentKey> =
        rows.iter().map(|it| DocumentKey { date: it.date.clone(), uuid: it.uuid.clone() }).collect();
    expected.sort_by(|a, b| (&a.date, &a.uuid).cmp(&(&b.date, &b.uuid)));
    for size in [1, 7, 199, 200, 1_000] {
        let mut all: Vec<DocumentKey> = Vec::new();
        loop {
            let page = tx.document_keys(owner.id, &DocumentFilter::default(), all.last(), size).await.unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= size as usize);
            all.extend(page);
        }
        assert_eq!(all, expected, "pages of {size}");
    }
    fedatario_testkit::covers!("store: pages of documents follow one another, nothing twice and nothing left out");
}

async fn what_is_found_is_its_tenants_alone(bench: &Bench) {
    let owner = stored(bench).await;
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.document_keys(owner, &DocumentFilter::default(), None, 10).await.unwrap(), []);
    assert_eq!(tx.documents_named(owner, &[&stamp(1)]).await.unwrap(), []);
    assert_eq!(tx.metadata_lines(owner, (0, i32::MAX), None, 10).await.unwrap(), []);
    methods!(bench; "Documents::document_keys", "Documents::documents_named", "Documents::metadata_lines");
}
