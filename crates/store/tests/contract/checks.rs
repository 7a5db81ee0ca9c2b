//! What is kept of documents beyond their contents, and what the installation knows of the world.

use crate::bench::{Bench, at, methods, noon, on_both};
use crate::samples::{RFC, document, falls, line, our_package, our_taxpayer, solicitud, stamp, taxpayer};
use fedatario_app::model::{Content, DocumentRow, DocumentStatus, Environment, PackageState, Role};
use fedatario_app::ports::{Store, StoreError};
use fedatario_app::revision::model::*;
use fedatario_app::revision::ports::{Registry, StatusAnswer};
use fedatario_base::id::{ListId, RevisionId};
use serde_json::json;

on_both!(
    verdicts_are_kept_by_folio_and_the_last_word_counts,
    status_is_kept_and_shows_who_may_be_asked,
    suspects_are_told_whatever_made_them_so,
    packages_are_marked_and_listed_with_their_windows,
    runs_keep_their_findings,
    certificates_are_known_by_number_to_everybody,
    a_list_takes_the_place_of_another_whole_or_not_at_all,
    counterparties_are_found_on_the_list,
);

const ALWAYS: (&str, &str) = ("", "9999-12-31T23:59:59");

fn seal(number: u32, verdict: Verdict, reason: Option<Reason>) -> SealCheck {
    SealCheck {
        uuid: stamp(number),
        verdict,
        reason,
        trust: Trust::Chained,
        certificate: "30001000000500003456".into(),
        stamp_certificate: "30001000000500003457".into(),
        seal_tail: "AbCd12==".into(),
        stamped_at: "2025-03-04T05:06:09".into(),
        knowledge: "1.none".into(),
        checked: noon(),
    }
}

fn status(number: u32, estado: &str) -> StatusCheck {
    let answer = StatusAnswer {
        codigo_estatus: "S - Comprobante obtenido satisfactoriamente.".into(),
        estado: estado.into(),
        es_cancelable: "No cancelable".into(),
        estatus_cancelacion: "Plazo vencido".into(),
        validacion_efos: "200".into(),
    };
    StatusCheck { uuid: stamp(number), answer, asked: noon() }
}

async fn verdicts_are_kept_by_folio_and_the_last_word_counts(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let rows: Vec<DocumentRow> = (0..700).map(|it| document(&package, it)).collect();
    let mut tx = bench.our_tx().await;
    tx.add_documents(&rows).await.unwrap();
    let checks: Vec<SealCheck> = (0..600).map(|it| seal(it, Verdict::Good, None)).collect();
    tx.put_seal_checks(owner.id, &checks).await.unwrap();
    let again = [seal(5, Verdict::Good, None), seal(5, Verdict::Altered, Some(Reason::SealMismatch))];
    tx.put_seal_checks(owner.id, &again).await.unwrap();
    tx.put_seal_checks(owner.id, &[]).await.unwrap();

    let uuids: Vec<String> = (595..605).chain([5, 9_000]).map(stamp).collect();
    let mut briefs = tx.briefs(owner.id, &uuids.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    briefs.sort_by(|a, b| a.uuid.cmp(&b.uuid));
    assert_eq!(briefs.len(), 11, "the unknown one is left out");
    let known = |number: u32| briefs.iter().find(|it| it.uuid == stamp(number)).and_then(|it| it.knowledge.clone());
    assert_eq!((known(5), known(599), known(600)), (Some("1.none".into()), Some("1.none".into()), None));
    let expected = Brief {
        uuid: stamp(604),
        package: package.id,
        entry: "604.xml".into(),
        role: Role::Issued,
        date: "2025-03-04T05:06:07".into(),
        knowledge: None,
    };
    assert_eq!(briefs.last(), Some(&expected));

    let mut counts = tx.seal_counts(owner.id, ALWAYS).await.unwrap();
    counts.sort_by_key(|it| it.count);
    let seen: Vec<_> = counts.iter().map(|it| (it.verdict, it.reason, it.trust, it.count)).collect();
    let expected = [
        (Some(Verdict::Altered), Some(Reason::SealMismatch), Some(Trust::Chained), 1),
        (None, None, None, 100),
        (Some(Verdict::Good), None, Some(Trust::Chained), 599),
    ];
    assert_eq!(seen, expected);
    assert_eq!(tx.seal_counts(owner.id, ("2025-04-01T00:00:00", "2025-04-30T23:59:59")).await.unwrap(), []);
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert!(tx.briefs(owner.id, &[&stamp(5)]).await.unwrap().is_empty());
    assert!(tx.seal_counts(owner.id, ALWAYS).await.unwrap().is_empty());
    tx.put_seal_checks(owner.id, &[seal(5, Verdict::Good, None)]).await.unwrap();
    tx.commit().await.unwrap();
    let suspects = bench.our_tx().await.suspects(owner.id, ALWAYS, "", 10).await.unwrap();
    assert_eq!(suspects.len(), 1, "theirs is not ours");
    methods!(bench; "Checks::put_seal_checks", "Checks::briefs", "Checks::seal_counts");
}

async fn status_is_kept_and_shows_who_may_be_asked(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let mut foreign = document(&package, 4);
    foreign.role = Role::Foreign;
    let rows = [document(&package, 1), document(&package, 2), document(&package, 3), foreign];
    let mut tx = bench.our_tx().await;
    tx.add_documents(&rows).await.unwrap();
    tx.put_metadata(&[line(&package, 2, DocumentStatus::Vigente)]).await.unwrap();
    tx.put_status_checks(owner.id, &[status(3, "Vigente"), status(3, "Cancelado")]).await.unwrap();
    tx.put_seal_checks(owner.id, &[seal(1, Verdict::Good, None)]).await.unwrap();
    let page = tx.askable(owner.id, ALWAYS, "", 10).await.unwrap();
    let seen: Vec<_> = page.iter().map(|it| (it.uuid.clone(), it.seal_tail.clone(), it.metadata, it.asked.clone())).collect();
    let expected = [
        (stamp(1), Some("AbCd12==".to_owned()), None, None),
        (stamp(2), None, Some(package.id), None),
        (stamp(3), None, None, Some((noon(), "Cancelado".to_owned()))),
    ];
    assert_eq!(seen, expected);
    let first = &page[0];
    assert_eq!(
        (first.version.as_str(), first.kind.as_str(), first.issuer.as_str(), first.total.as_str()),
        ("4.0", "I", RFC, "116.00")
    );
    assert_eq!(tx.askable(owner.id, ALWAYS, &stamp(1), 1).await.unwrap(), page[1..2]);
    assert!(tx.askable(owner.id, ("2025-04-01T00:00:00", ALWAYS.1), "", 10).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert!(tx.askable(owner.id, ALWAYS, "", 10).await.unwrap().is_empty());
    tx.put_status_checks(owner.id, &[status(1, "Cancelado")]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bench.our_tx().await.askable(owner.id, ALWAYS, "", 1).await.unwrap()[0].asked, None);
    methods!(bench; "Checks::put_status_checks", "Checks::askable");
}

async fn suspects_are_told_whatever_made_them_so(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let mut foreign = document(&package, 9);
    foreign.role = Role::Foreign;
    let rows: Vec<DocumentRow> = (0..6).map(|it| document(&package, it)).chain([foreign]).collect();
    let mut tx = bench.our_tx().await;
    tx.add_documents(&rows).await.unwrap();
    tx.put_metadata(&[line(&package, 1, DocumentStatus::Cancelado), line(&package, 2, DocumentStatus::Vigente)]).await.unwrap();
    let forged = seal(3, Verdict::Forged, Some(Reason::StampMismatch));
    tx.put_seal_checks(owner.id, &[seal(0, Verdict::Good, None), forged, seal(9, Verdict::Forged, None)]).await.unwrap();
    tx.put_status_checks(owner.id, &[status(2, "Vigente"), status(4, "Cancelado"), status(3, "")]).await.unwrap();
    let all = tx.suspects(owner.id, ALWAYS, "", 10).await.unwrap();
    let uuids: Vec<_> = all.iter().map(|it| it.uuid.clone()).collect();
    assert_eq!(uuids, [stamp(1), stamp(3), stamp(4)], "good ones and others' are left out");
    let expected = Suspect {
        uuid: stamp(3),
        role: Role::Issued,
        issuer: RFC.into(),
        receiver: "XAXX010101000".into(),
        date: "2025-03-04T05:06:07".into(),
        total: "116.00".into(),
        currency: "MXN".into(),
        stamped_at: "2025-03-04T05:06:09".into(),
        status: DocumentStatus::Unknown,
        seal: Some((Verdict::Forged, Some(Reason::StampMismatch), Trust::Chained)),
        asked: Some((status(3, "").answer, noon())),
    };
    assert_eq!(all[1], expected);
    assert_eq!(
        (all[0].status, all[0].stamped_at.as_str(), &all[0].seal),
        (DocumentStatus::Cancelado, "2025-03-04T05:06:08", &None)
    );
    assert_eq!(all[2].stamped_at, "");
    assert_eq!(tx.suspects(owner.id, ALWAYS, &stamp(1), 1).await.unwrap(), all[1..2]);
    assert!(tx.suspects(owner.id, ("", "2025-03-04T05:06:06"), "", 10).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    assert!(bench.their_tx().await.suspects(owner.id, ALWAYS, "", 10).await.unwrap().is_empty());
    methods!(bench; "Checks::suspects");
    fedatario_testkit::covers!("store: a document is suspect by its seal, by SAT or by the metadata, and told once");
}

async fn packages_are_marked_and_listed_with_their_windows(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let request = solicitud(owner.id, 3);
    let mut tx = bench.our_tx().await;
    assert!(tx.add_solicitud(&request).await.unwrap());
    let mut packages = Vec::new();
    for (name, content, state, of) in [
        ("A", Content::Cfdi, PackageState::Imported, Some(request.id)),
        ("B", Content::Cfdi, PackageState::Stored, None),
        ("C", Content::Metadata, PackageState::Imported, None),
        ("D", Content::Cfdi, PackageState::Imported, None),
    ] {
        let mut row = crate::samples::package(owner.id, of, name);
        (row.content, row.state, row.path) = (content, state, Some(format!("paquetes/{name}.zip")));
        assert!(tx.add_package(&row).await.unwrap());
        packages.push(row);
    }
    let (first, last) = (packages[0].id, packages[3].id);
    let mut listed = tx.readable_packages(owner.id, None, 10).await.unwrap();
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    let unmarked = |id, path: &str, window| ReadablePackage { id, path: path.into(), window, mark: None };
    let expected = [unmarked(first, "paquetes/A.zip", Some((request.from, request.to))), unmarked(last, "paquetes/D.zip", None)];
    assert_eq!(listed, expected);
    tx.mark_package(last, "1.none", 0).await.unwrap();
    tx.mark_package(last, "1.none.w3", 7).await.unwrap();
    let after = first.min(last);
    let rest = tx.readable_packages(owner.id, Some(after), 10).await.unwrap();
    assert_eq!(rest.len(), 1);
    let marks: Vec<_> = tx.readable_packages(owner.id, None, 10).await.unwrap().into_iter().filter_map(|it| it.mark).collect();
    assert_eq!(marks, [("1.none.w3".to_owned(), 7)]);
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert!(tx.readable_packages(owner.id, None, 10).await.unwrap().is_empty());
    assert!(matches!(tx.mark_package(first, "1.none", 0).await, Err(StoreError::NotFound)));
    assert!(falls(tx).await);
    methods!(bench; "Checks::readable_packages", "Checks::mark_package");
}

async fn runs_keep_their_findings(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let run = |text: &str| RunRow {
        id: RevisionId::fresh(at(text)),
        taxpayer: owner.id,
        begun: at(text),
        ended: None,
        asked: json!({"again": false}),
        counts: json!({}),
    };
    let (early, mut late) = (run("2026-09-01T12:00:00Z"), run("2026-09-02T12:00:00Z"));
    let finding = |seq: u64| FindingRow {
        seq,
        subject: stamp(seq as u32),
        verdict: "forged".into(),
        reason: "stamp_mismatch".into(),
        told: json!({"uuid": stamp(seq as u32)}),
    };
    let rows: Vec<FindingRow> = (1..=100).map(finding).collect();
    let mut tx = bench.our_tx().await;
    tx.put_run(&early).await.unwrap();
    tx.put_run(&late).await.unwrap();
    tx.add_findings(late.id, &rows).await.unwrap();
    (late.ended, late.counts) = (Some(noon()), json!({"findings": {"forged": 100}}));
    tx.put_run(&late).await.unwrap();
    assert_eq!(tx.runs(owner.id, 10).await.unwrap(), [late.clone(), early.clone()]);
    assert_eq!(tx.runs(owner.id, 1).await.unwrap(), [late.clone()]);
    assert_eq!(tx.run(late.id).await.unwrap(), Some(late.clone()));
    tx.add_findings(late.id, &rows[..1]).await.unwrap(); // A run that is begun again tells the same once.
    assert_eq!(tx.findings(late.id, 98, 10).await.unwrap(), rows[98..]);
    assert!(tx.findings(early.id, 0, 10).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    let mut real = taxpayer("AAA010101AAA");
    real.environment = Environment::Production;
    let of_real = RunRow { taxpayer: real.id, ..run("2026-09-03T12:00:00Z") };
    let mut tx = bench.our_tx().await;
    tx.add_taxpayer(&real).await.unwrap();
    tx.put_run(&of_real).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bench.db.read(&bench.ours.clone().in_sandbox_only()).await.unwrap();
    assert_eq!(tx.run(late.id).await.unwrap(), Some(late.clone()));
    assert_eq!(tx.run(of_real.id).await.unwrap(), None, "whoever reaches the sandbox only");
    drop(tx);
    let mut tx = bench.their_tx().await;
    assert!(tx.runs(owner.id, 10).await.unwrap().is_empty());
    assert_eq!(tx.run(late.id).await.unwrap(), None);
    assert!(tx.findings(late.id, 0, 10).await.unwrap().is_empty());
    assert!(matches!(tx.add_findings(late.id, &rows[..1]).await, Err(StoreError::NotFound)));
    assert!(falls(tx).await);
    assert!(matches!(bench.their_tx().await.put_run(&early).await, Err(StoreError::NotFound)));
    methods!(bench; "Checks::put_run", "Checks::run", "Checks::runs", "Checks::add_findings", "Checks::findings");
}

async fn certificates_are_known_by_number_to_everybody(bench: &Bench) {
    let known = |number: u32, byte: u8| KnownCertificate {
        number: format!("{number:020}"),
        certificate: vec![0x30, byte],
        source: "file".into(),
        added: noon(),
    };
    let rows: Vec<_> = (0..300).map(|it| known(it, 1)).collect();
    assert_eq!(bench.db.put_certificates(&bench.hands, &rows).await.unwrap(), 300);
    assert_eq!(bench.db.put_certificates(&bench.hands, &[known(299, 2), known(300, 2)]).await.unwrap(), 1);
    assert_eq!(bench.db.count_certificates(&bench.hands).await.unwrap(), 301);
    let numbers: Vec<String> = (0..400).map(|it| format!("{it:020}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut found = bench.db.certificates(&bench.hands, &numbers).await.unwrap();
    found.sort_by(|a, b| a.number.cmp(&b.number));
    assert_eq!(found, [rows, vec![known(300, 2)]].concat(), "the first of a number stays");
    assert!(bench.db.certificates(&bench.hands, &[]).await.unwrap().is_empty());
    methods!(bench; "Registry::certificates", "Registry::put_certificates", "Registry::count_certificates");
}

fn entries(names: &[(&str, &str)]) -> Vec<EfosRow> {
    let row = |(index, (rfc, situation)): (usize, &(&str, &str))| EfosRow {
        rfc: (*rfc).into(),
        seq: index as u64 + 1,
        name: format!("Ñandú {rfc}"),
        situation: (*situation).into(),
    };
    names.iter().enumerate().map(row).collect()
}

fn list(rows: u64, loaded: &str) -> EfosList {
    let loaded = at(loaded);
    let (id, digest) = (ListId::fresh(loaded), [rows as u8; 32]);
    EfosList { id, source: "69b.csv".into(), digest, dated: "2026-08-31".into(), rows, loaded }
}

async fn a_list_takes_the_place_of_another_whole_or_not_at_all(bench: &Bench) {
    let (db, hands) = (&bench.db, &bench.hands);
    assert_eq!(db.current_list(hands).await.unwrap(), None);
    let first = list(3, "2026-09-01T12:00:00Z");
    let rows = entries(&[("BBB010101BB1", "Definitivo"), ("AAA010101AA1", "Presunto"), ("AAA010101AA1", "Desvirtuado")]);
    db.add_listed(hands, first.id, &rows[..2]).await.unwrap();
    assert!(db.listed(hands, None, None, 10).await.unwrap().is_empty(), "not yet");
    assert!(matches!(db.publish_list(hands, &first).await, Err(StoreError::Conflict(_))));
    db.add_listed(hands, first.id, &rows[2..]).await.unwrap();
    db.publish_list(hands, &first).await.unwrap();
    assert_eq!(db.current_list(hands).await.unwrap(), Some(first.clone()));
    let all = [rows[1].clone(), rows[2].clone(), rows[0].clone()];
    assert_eq!(db.listed(hands, None, None, 10).await.unwrap(), all);
    assert_eq!(db.listed(hands, None, Some(("AAA010101AA1", 2)), 1).await.unwrap(), all[1..2]);
    assert_eq!(db.listed(hands, Some("BBB010101BB1"), None, 10).await.unwrap(), all[2..]);

    let second = list(1, "2026-09-15T12:00:00Z");
    db.add_listed(hands, second.id, &entries(&[("CCC010101CC1", "Definitivo")])).await.unwrap();
    assert_eq!(db.current_list(hands).await.unwrap(), Some(first), "being loaded changes nothing");
    db.publish_list(hands, &second).await.unwrap();
    assert_eq!(db.current_list(hands).await.unwrap(), Some(second));
    assert_eq!(db.listed(hands, None, None, 10).await.unwrap(), entries(&[("CCC010101CC1", "Definitivo")]));
    methods!(bench; "Registry::add_listed", "Registry::publish_list", "Registry::current_list", "Registry::listed");
    fedatario_testkit::covers!("store: a list takes the place of another whole or not at all");
}

async fn counterparties_are_found_on_the_list(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let package = our_package(bench, owner.id, "P_01").await;
    let with = |number: u32, role: Role, other: &str, currency: &str| {
        let mut row = document(&package, number);
        (row.role, row.currency) = (role, currency.into());
        match role {
            Role::Issued => row.receiver = other.into(),
            _ => (row.issuer, row.receiver) = (other.into(), RFC.into()),
        }
        row
    };
    let rows = [
        with(1, Role::Received, "EFO010101AA1", "MXN"),
        with(2, Role::Received, "EFO010101AA1", "MXN"),
        with(3, Role::Received, "EFO010101AA1", "USD"),
        with(4, Role::Issued, "EFO010101AA1", "MXN"),
        with(5, Role::Foreign, "EFO010101AA1", "MXN"),
        with(6, Role::Issued, "CLE010101AA1", "MXN"),
        with(7, Role::Received, "OTH010101AA1", "MXN"),
    ];
    let listed = list(2, "2026-09-01T12:00:00Z");
    let named = entries(&[("EFO010101AA1", "Definitivo"), ("OTH010101AA1", "Desvirtuado")]);
    bench.db.add_listed(&bench.hands, listed.id, &named).await.unwrap();
    let mut tx = bench.our_tx().await;
    tx.add_documents(&rows).await.unwrap();
    tx.commit().await.unwrap();
    assert!(bench.our_tx().await.listed_counterparties(owner.id, ALWAYS).await.unwrap().is_empty(), "no list counts yet");
    bench.db.publish_list(&bench.hands, &listed).await.unwrap();
    let mut tx = bench.our_tx().await;
    let found = tx.listed_counterparties(owner.id, ALWAYS).await.unwrap();
    let seen: Vec<_> =
        found.iter().map(|it| (it.rfc.as_str(), it.situation.as_str(), it.role, it.currency.as_str(), it.documents)).collect();
    let expected = [
        ("EFO010101AA1", "Definitivo", Role::Issued, "MXN", 1),
        ("EFO010101AA1", "Definitivo", Role::Received, "MXN", 2),
        ("EFO010101AA1", "Definitivo", Role::Received, "USD", 1),
        ("OTH010101AA1", "Desvirtuado", Role::Received, "MXN", 1),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        (found[1].total_e6, found[1].first.as_str(), found[1].name.as_str()),
        (232_000_000, "2025-03-04T05:06:07", "Ñandú EFO010101AA1")
    );
    assert!(tx.listed_counterparties(owner.id, ("2026-01-01T00:00:00", ALWAYS.1)).await.unwrap().is_empty());
    drop(tx);
    assert!(bench.their_tx().await.listed_counterparties(owner.id, ALWAYS).await.unwrap().is_empty());
    methods!(bench; "Checks::listed_counterparties");
}
