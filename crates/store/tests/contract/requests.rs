//! Requests of every kind: their identity, and what metadata tells before one is asked.

use crate::bench::{Bench, methods, on_both};
use crate::samples::{RFC, document, line, our_package, our_taxpayer, solicitud, stamp};
use fedatario_app::model::*;
use fedatario_app::ports::Tx;
use fedatario_base::id::{SolicitudId, TaxpayerId};

use DocumentStatus::{Cancelado, Vigente};

on_both!(
    counterparties_make_another_request_and_filters_do_not,
    metadata_is_counted_by_what_requests_are_narrowed_by,
    third_parties_are_noted_on_lines_that_are_here,
    late_cancellations_are_told_apart,
    the_two_services_are_never_mixed,
);

async fn counterparties_make_another_request_and_filters_do_not(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let plain = Solicitud { purpose: Purpose::Request, ..solicitud(owner.id, 1) };
    let with = |filters: Filters| Solicitud { id: SolicitudId::fresh(crate::bench::noon()), filters, ..plain.clone() };
    let to = |rfcs: &[&str]| Filters { counterparties: rfcs.iter().map(|it| (*it).to_owned()).collect(), ..Filters::default() };
    let narrowed = Filters {
        kind: Some("I".into()),
        complement: Some("pagos20".into()),
        third_party: Some("XAXX010101000".into()),
        ..to(&["AAA010101AAA", "H&E951128469"])
    };
    let folio = Filters { folio: Some(stamp(1)), ..Filters::default() };
    let mut tx = bench.our_tx().await;
    let cases = [
        (Filters::default(), true),
        (Filters { kind: Some("I".into()), ..Filters::default() }, false),
        (Filters { third_party: Some("XAXX010101000".into()), ..Filters::default() }, false),
        (to(&["AAA010101AAA"]), true),
        (narrowed.clone(), true),
        (to(&["AAA010101AAA", "H&E951128469"]), false),
        (folio.clone(), true),
        (folio.clone(), false),
    ];
    for (filters, is_new) in cases {
        let row = with(filters.clone());
        assert_eq!(tx.add_solicitud(&row).await.unwrap(), is_new, "{filters:?}");
        assert_eq!(tx.solicitud(row.id).await.unwrap(), is_new.then_some(row), "{filters:?}");
    }
    let mut row = with(narrowed);
    row.from = "2024-12-31T23:59:58".parse().unwrap();
    assert!(tx.add_solicitud(&row).await.unwrap());
    (row.purpose, row.problem) = (Purpose::Year, Some("job_dead: gone".into()));
    tx.update_solicitud(&row).await.unwrap();
    row.revision += 1;
    assert_eq!(tx.solicitud(row.id).await.unwrap(), Some(row));
    tx.commit().await.unwrap();
    fedatario_testkit::covers!(
        "requests: the RFCs of the other side and a folio are part of a request's identity, filters are not"
    );
}

fn count_of(filters: Filters, status: Option<DocumentStatus>) -> CountOf {
    CountOf {
        family: Family::Cfdi,
        direction: Direction::Issued,
        status,
        from: "2025-03-01T00:00:00".parse().unwrap(),
        to: "2025-03-31T23:59:59".parse().unwrap(),
        filters,
    }
}

async fn metadata_is_counted_by_what_requests_are_narrowed_by(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let at = |number: u32, moment: &str, kind: &str, receiver: &str| MetadataRow {
        issued_at: moment.into(),
        effect: kind.into(),
        receiver: receiver.into(),
        ..line(&package, number, if number == 5 { Cancelado } else { Vigente })
    };
    let rows = [
        at(1, "2025-03-01T00:00:00", "I", "AAA010101AAA"),
        at(2, "2025-03-01T09:00:00", "I", "BBB010101BBB"),
        at(3, "2025-03-01T09:59:59", "E", "AAA010101AAA"),
        at(4, "2025-03-31T23:59:59", "I", "AAA010101AAA"),
        at(5, "2025-03-02T00:00:00", "P", "AAA010101AAA"),
        at(6, "2025-04-01T00:00:00", "I", "AAA010101AAA"),
        MetadataRow { issuer: "AAA010101AAA".into(), ..at(7, "2025-03-05T00:00:00", "I", RFC) },
    ];
    let mut tx = bench.our_tx().await;
    tx.put_metadata(&rows).await.unwrap();
    let all = count_of(Filters::default(), None);
    let count = async |tx: &mut Box<dyn Tx>, of: &CountOf, grain| tx.count_metadata(owner.id, of, grain).await.unwrap();
    let pair = |prefix: &str, n| (prefix.to_owned(), n);
    assert_eq!(count(&mut tx, &all, Grain::Day).await, [pair("2025-03-01", 3), pair("2025-03-02", 1), pair("2025-03-31", 1)]);
    assert_eq!(count(&mut tx, &all, Grain::Hour).await[..2], [pair("2025-03-01T00", 1), pair("2025-03-01T09", 2)]);
    assert_eq!(count(&mut tx, &all, Grain::Second).await.len(), 5);
    let of = |filters| count_of(filters, None);
    let sums = [
        (count_of(Filters::default(), Some(Vigente)), 4),
        (count_of(Filters::default(), Some(Cancelado)), 1),
        (of(Filters { kind: Some("I".into()), ..Filters::default() }), 3),
        (of(Filters { counterparties: vec!["BBB010101BBB".into()], ..Filters::default() }), 1),
        (of(Filters { counterparties: vec!["AAA010101AAA".into(), "BBB010101BBB".into()], ..Filters::default() }), 5),
        (CountOf { direction: Direction::Received, ..all.clone() }, 1),
        (CountOf { family: Family::Retenciones, ..all.clone() }, 0),
    ];
    for (of, expected) in sums {
        let sum: u64 = count(&mut tx, &of, Grain::Day).await.iter().map(|(_, n)| n).sum();
        assert_eq!(sum, expected, "{of:?}");
    }
    let shares = tx.share_metadata(owner.id, &all).await.unwrap();
    let shown: Vec<String> = shares.iter().map(|it| format!("{} {} {}", it.kind, it.counterparty, it.count)).collect();
    assert_eq!(shown, ["E AAA010101AAA 1", "I AAA010101AAA 2", "I BBB010101BBB 1", "P AAA010101AAA 1"]);
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.count_metadata(owner.id, &all, Grain::Day).await.unwrap(), []);
    assert_eq!(tx.share_metadata(owner.id, &all).await.unwrap(), []);
    assert_eq!(tx.metadata_status(owner.id, &stamp(1)).await.unwrap(), None);
    drop(tx);
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.metadata_status(owner.id, &stamp(5)).await.unwrap(), Some(Cancelado));
    methods!(bench; "Documents::count_metadata", "Documents::share_metadata", "Documents::metadata_status");
}

fn third(number: u32) -> ThirdParty {
    ThirdParty { uuid: stamp(number), rfc: "IAÑL750210963".into(), name: "Luis Ñandú".into() }
}

async fn noted(tx: &mut Box<dyn Tx>, owner: TaxpayerId) -> u64 {
    tx.document_counts(owner).await.unwrap().third_party
}

async fn third_parties_are_noted_on_lines_that_are_here(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let mut tx = bench.our_tx().await;
    tx.put_metadata(&[line(&package, 1, Vigente), line(&package, 2, Vigente)]).await.unwrap();
    assert_eq!(tx.put_third_parties(owner.id, &[third(2), third(3)]).await.unwrap(), 1, "a line that is not here is none");
    assert_eq!(tx.put_third_parties(owner.id, &[third(2)]).await.unwrap(), 1, "done again");
    assert_eq!(noted(&mut tx, owner.id).await, 1);
    let by_third = Filters { third_party: Some("IAÑL750210963".into()), ..Filters::default() };
    let days = tx.count_metadata(owner.id, &count_of(by_third, None), Grain::Day).await.unwrap();
    assert_eq!(days, [("2025-03-04".to_owned(), 1)]);
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert_eq!(tx.put_third_parties(owner.id, &[third(1)]).await.unwrap(), 0);
    drop(tx);
    let mut tx = bench.our_tx().await;
    assert_eq!(noted(&mut tx, owner.id).await, 1);
    methods!(bench; "Documents::put_third_parties");
    fedatario_testkit::covers!("requests: third parties of metadata are kept on their lines, whatever the case of the UUID");
}

async fn late_cancellations_are_told_apart(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let (first, second) = (our_package(bench, owner.id, "P_01").await, our_package(bench, owner.id, "P_02").await);
    let mut tx = bench.our_tx().await;
    let before = [line(&first, 1, Vigente), line(&first, 2, Vigente), line(&first, 3, Cancelado)];
    assert_eq!(tx.put_metadata(&before).await.unwrap().cancelled, 0);
    tx.add_documents(&[document(&first, 1)]).await.unwrap();
    let after = [line(&second, 1, Cancelado), line(&second, 2, Vigente), line(&second, 3, Cancelado), line(&second, 4, Cancelado)];
    let written = tx.put_metadata(&after).await.unwrap();
    assert_eq!((written.cancelled, written.new, written.duplicates), (1, 2, 2), "one changed, one is new");
    assert_eq!(tx.put_metadata(&after).await.unwrap().cancelled, 0, "done again it changes nothing");
    let late = tx.late_cancellations(owner.id, 10).await.unwrap();
    assert_eq!(late.iter().map(|it| (it.uuid.clone(), it.has_document)).collect::<Vec<_>>(), [(stamp(1), true)]);
    assert_eq!(late[0].cancelled_at.as_deref(), Some("2025-04-01T00:00:00"));
    assert_eq!(late[0].noticed_at, crate::bench::noon(), "when the package that says so came to be known");
    assert_eq!(tx.document_counts(owner.id).await.unwrap().cancelled_late, 1);
    tx.commit().await.unwrap();
    assert_eq!(bench.their_tx().await.late_cancellations(owner.id, 10).await.unwrap(), []);
    methods!(bench; "Documents::late_cancellations");
    fedatario_testkit::covers!(
        "requests: a document that was in force and is cancelled later is told from one that came cancelled"
    );
}

async fn the_two_services_are_never_mixed(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let mut tx = bench.our_tx().await;
    let retencion = MetadataRow { family: Family::Retenciones, effect: "14".into(), ..line(&package, 2, Vigente) };
    tx.put_metadata(&[line(&package, 1, Vigente), retencion]).await.unwrap();
    let xml = DocumentRow { kind: "R14".into(), ..document(&package, 3) };
    tx.add_documents(&[document(&package, 1), xml]).await.unwrap();
    let mut seen = Vec::new();
    for family in Family::ALL {
        let rows = tx.completeness(owner.id, *family, Direction::Issued, (202_501, 202_512), None, 10).await.unwrap();
        seen.push(rows.iter().map(|it| (it.uuid.clone(), it.has_metadata, it.has_document)).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], [(stamp(1), true, true)]);
    assert_eq!(seen[1], [(stamp(2), true, false), (stamp(3), false, true)]);
    let counts = tx.document_counts(owner.id).await.unwrap();
    assert_eq!((counts.cfdi, counts.retenciones, counts.metadata, counts.retenciones_metadata), (2, 1, 2, 1));
    fedatario_testkit::covers!("retenciones: completeness never mixes the two services");
}
