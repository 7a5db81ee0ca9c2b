//! Documents, metadata, quarantine and their comparison.

use crate::bench::{Bench, methods, on_both};
use crate::samples::{RFC, document, falls, line, our_package, our_taxpayer, stamp};
use fedatario_app::model::{Direction, DocumentRow, DocumentStatus, Family, MetadataRow, QuarantineRow, Role, Written};
use fedatario_app::ports::{DocumentCounts, StoreError};

use DocumentStatus::{Cancelado, Vigente};

on_both!(
    documents_are_kept_once_and_counted_by_who_brought_them,
    cancelled_wins_whatever_the_order,
    completeness_shows_both_sides_page_by_page,
    a_body_that_is_no_json_is_refused,
    documents_are_their_tenants_alone,
);

const PERIODS: (i32, i32) = (202_501, 202_512);

fn written(new: u64, again: u64, duplicates: u64) -> Written {
    Written { new, again, duplicates, cancelled: 0 }
}

async fn documents_are_kept_once_and_counted_by_who_brought_them(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let first = our_package(bench, owner.id, "P_01").await;
    let second = our_package(bench, owner.id, "P_02").await;
    // More than one statement holds, and of every size of statement.
    let rows: Vec<DocumentRow> = (0..1_000).map(|it| document(&first, it)).collect();

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.add_documents(&rows[..700]).await.unwrap(), written(700, 0, 0));
    tx.commit().await.unwrap();
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.add_documents(&rows).await.unwrap(), written(300, 700, 0), "done again after a crash");
    let others: Vec<DocumentRow> = (990..1_010).map(|it| document(&second, it)).collect();
    assert_eq!(tx.add_documents(&others).await.unwrap(), written(10, 0, 10));
    let mut twice = [document(&second, 2_000), document(&second, 2_000)];
    twice[1].entry = "copy.xml".into();
    assert_eq!(tx.add_documents(&twice).await.unwrap(), written(1, 0, 1), "twice in one package");
    let same_name = [document(&second, 2_001), document(&second, 2_001)];
    assert_eq!(tx.add_documents(&same_name).await.unwrap(), written(1, 0, 1), "twice in one package under one name");
    assert_eq!(tx.add_documents(&[]).await.unwrap(), Written::default());

    let mut foreign = document(&second, 3_000);
    foreign.role = Role::Foreign;
    tx.add_documents(std::slice::from_ref(&foreign)).await.unwrap();
    let kept = tx.document(owner.id, &stamp(995)).await.unwrap().unwrap();
    assert_eq!((kept.package, kept.entry.as_str()), (first.id, "995.xml"));
    let body: serde_json::Value = serde_json::from_str(&kept.json).unwrap();
    assert_eq!(body["cfdi:Comprobante"]["@Total"], "116.00");
    assert_eq!(DocumentRow { json: rows[995].json.clone(), ..kept }, rows[995]);
    let counts = tx.document_counts(owner.id).await.unwrap();
    assert_eq!(counts, DocumentCounts { cfdi: 1_012, foreign: 1, ..DocumentCounts::default() });
    tx.commit().await.unwrap();
    fedatario_testkit::covers!("store: a document is kept once by UUID; again and duplicate are told apart");
}

/// The status that a document's row shows, beside its line.
async fn status(bench: &Bench, number: u32) -> DocumentStatus {
    let mut tx = bench.our_tx().await;
    let owner = tx.taxpayers(None, 1).await.unwrap()[0].id;
    let rows = tx.completeness(owner, Family::Cfdi, Direction::Issued, PERIODS, None, 100).await.unwrap();
    rows.iter().find(|it| it.uuid == stamp(number)).unwrap().status
}

async fn cancelled_wins_whatever_the_order(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let old = our_package(bench, owner.id, "M_01").await;
    let new = our_package(bench, owner.id, "M_02").await;
    let put = async |rows: &[MetadataRow]| {
        let mut tx = bench.our_tx().await;
        let done = tx.put_metadata(rows).await.unwrap();
        tx.commit().await.unwrap();
        done
    };
    assert_eq!(put(&[line(&old, 1, Vigente), line(&old, 2, Vigente), line(&old, 3, Cancelado)]).await, written(3, 0, 0));
    assert_eq!(put(&[line(&old, 1, Vigente)]).await, written(0, 1, 0));
    let newer = [line(&new, 1, Cancelado), line(&new, 2, Vigente), line(&new, 3, Vigente)];
    let one_late = Written { cancelled: 1, ..written(1, 0, 2) };
    assert_eq!(put(&newer).await, one_late, "one changed, two say nothing new");
    assert_eq!(put(&newer).await, written(0, 1, 2), "what it changed is its own, done again");
    assert_eq!(put(&[line(&old, 1, Vigente)]).await, written(0, 0, 1), "cancelled never goes back");
    let both_ways = [line(&new, 4, Vigente), line(&new, 4, Cancelado), line(&new, 5, Cancelado), line(&new, 5, Vigente)];
    assert_eq!(put(&both_ways).await, written(2, 0, 2));
    let expected = [(1, Cancelado), (2, Vigente), (3, Cancelado), (4, Cancelado), (5, Cancelado)];
    for (number, expected) in expected {
        assert_eq!(status(bench, number).await, expected, "{number}");
    }

    // Documents follow, whichever came first.
    let package = our_package(bench, owner.id, "P_01").await;
    let mut tx = bench.our_tx().await;
    tx.add_documents(&[document(&package, 1), document(&package, 6)]).await.unwrap();
    tx.put_metadata(&[line(&old, 6, Vigente)]).await.unwrap();
    tx.put_metadata(&[line(&new, 6, Cancelado)]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count_documents(bench, "cancelado").await, 2, "documents.status followed its line");
    assert_eq!(count_documents(bench, "vigente").await, 0);
    fedatario_testkit::covers!("store: metadata updates status, and cancelled wins");
}

async fn count_documents(bench: &Bench, status: &str) -> i64 {
    let sql = format!("select count(*) from documents where status = '{status}'");
    let sql = sqlx::AssertSqlSafe(sql);
    if bench.name == "sqlite" {
        let pool = sqlx::SqlitePool::connect(&bench.address).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    } else {
        let pool = sqlx::PgPool::connect(&bench.admin().unwrap()).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    }
}

async fn completeness_shows_both_sides_page_by_page(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let mut tx = bench.our_tx().await;
    let mut received = line(&package, 7, Vigente);
    (received.issuer, received.receiver) = ("AAA010101AAA".into(), RFC.into());
    let mut late = line(&package, 8, Vigente);
    late.period = 202_601;
    tx.put_metadata(&[line(&package, 1, Vigente), line(&package, 2, Vigente), line(&package, 3, Cancelado), received, late])
        .await
        .unwrap();
    let mut own = document(&package, 9);
    own.role = Role::Both;
    let mut foreign = document(&package, 3);
    foreign.role = Role::Foreign;
    tx.add_documents(&[document(&package, 1), document(&package, 5), own, foreign]).await.unwrap();

    let all = tx.completeness(owner.id, Family::Cfdi, Direction::Issued, PERIODS, None, 100).await.unwrap();
    let shown: Vec<_> = all.iter().map(|it| (it.uuid.clone(), it.has_metadata, it.has_document, it.status)).collect();
    let expected = [
        (stamp(1), true, true, Vigente),
        (stamp(2), true, false, Vigente),
        (stamp(3), true, false, Cancelado),
        (stamp(5), false, true, DocumentStatus::Unknown),
        (stamp(9), false, true, DocumentStatus::Unknown),
    ];
    assert_eq!(shown, expected);
    assert_eq!((all[1].amount.as_str(), all[1].effect.as_str(), all[3].amount.as_str()), ("116.00", "I", "116.00"));

    let mut paged: Vec<String> = Vec::new();
    loop {
        let after = paged.last().map(String::as_str);
        let page = tx.completeness(owner.id, Family::Cfdi, Direction::Issued, PERIODS, after, 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        paged.extend(page.into_iter().map(|it| it.uuid));
    }
    assert_eq!(paged, all.iter().map(|it| it.uuid.clone()).collect::<Vec<_>>());
    let received = tx.completeness(owner.id, Family::Cfdi, Direction::Received, PERIODS, None, 100).await.unwrap();
    assert_eq!(received.iter().map(|it| it.uuid.clone()).collect::<Vec<_>>(), [stamp(7), stamp(9)]);
}

async fn a_body_that_is_no_json_is_refused(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let mut odd = document(&package, 1);
    odd.json = "{\"a\":".into();
    let mut extra = line(&package, 1, Vigente);
    extra.extra = "nothing".into();
    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.add_documents(&[odd]).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(tx.put_metadata(&[extra]).await, Err(StoreError::Corrupt(_))));
    assert_eq!(tx.document_counts(owner.id).await.unwrap(), DocumentCounts::default());
}

async fn documents_are_their_tenants_alone(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let aside = QuarantineRow {
        taxpayer: owner.id,
        package: package.id,
        entry: "odd.xml".into(),
        code: "xml_malformed".into(),
        detail: "line 3".into(),
    };
    let mut tx = bench.our_tx().await;
    let mut foreign = document(&package, 9);
    foreign.role = Role::Foreign;
    tx.add_documents(&[document(&package, 1), foreign]).await.unwrap();
    tx.put_metadata(&[line(&package, 1, Vigente)]).await.unwrap();
    tx.quarantine(&aside).await.unwrap();
    tx.quarantine(&QuarantineRow { detail: "again".into(), ..aside.clone() }).await.unwrap();
    assert_eq!(tx.quarantined(owner.id, 10).await.unwrap(), std::slice::from_ref(&aside), "once for each entry");
    assert_eq!(tx.quarantined(owner.id, 0).await.unwrap(), []);
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.document(owner.id, &stamp(1)).await.unwrap(), None);
    assert_eq!(tx.document_counts(owner.id).await.unwrap(), DocumentCounts::default());
    assert_eq!(tx.completeness(owner.id, Family::Cfdi, Direction::Issued, PERIODS, None, 10).await.unwrap(), []);
    assert_eq!(tx.quarantined(owner.id, 10).await.unwrap(), []);
    assert!(matches!(tx.add_documents(&[document(&package, 2)]).await, Err(StoreError::NotFound)));
    assert!(matches!(tx.put_metadata(&[line(&package, 1, Cancelado)]).await, Err(StoreError::NotFound)));
    let foreign = tx.quarantine(&QuarantineRow { entry: "other.xml".into(), ..aside }).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    assert!(falls(tx).await);

    let mut tx = bench.our_tx().await;
    let counts = tx.document_counts(owner.id).await.unwrap();
    assert_eq!(counts, DocumentCounts { cfdi: 1, metadata: 1, foreign: 1, quarantined: 1, ..DocumentCounts::default() });
    assert_eq!(tx.completeness(owner.id, Family::Cfdi, Direction::Issued, PERIODS, None, 10).await.unwrap()[0].status, Vigente);
    methods!(bench; "Documents::add_documents", "Documents::put_metadata", "Documents::quarantine", "Documents::quarantined",
        "Documents::document", "Documents::document_counts", "Documents::completeness");
}
