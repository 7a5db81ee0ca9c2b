//! Requests at SAT and their packages.

use crate::bench::{Bench, methods, noon, on_both};
use crate::samples::{falls, our_taxpayer, package, solicitud};
use fedatario_app::model::{AuthorityCodes, Content, PackageState, Relation, SolicitudState, Tally};
use fedatario_app::ports::StoreError;

on_both!(
    an_identity_is_used_once,
    writers_of_a_solicitud_do_not_overwrite_each_other,
    solicitudes_are_their_tenants_alone,
    packages_are_kept_once,
    packages_are_their_tenants_alone
);

async fn an_identity_is_used_once(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let first = solicitud(owner.id, 1);
    let mut tx = bench.our_tx().await;
    assert!(tx.add_solicitud(&first).await.unwrap());

    let mut again = solicitud(owner.id, 1);
    again.year = 2024;
    assert!(!tx.add_solicitud(&again).await.unwrap(), "the year is no part of the identity");
    assert_eq!(tx.solicitud(again.id).await.unwrap(), None);

    let mut variant = solicitud(owner.id, 1);
    variant.from = "2024-12-31T23:59:59".parse().unwrap();
    (variant.k, variant.replaces, variant.relation) = (1, Some(first.id), Some(Relation::Variant));
    let mut metadata = solicitud(owner.id, 1);
    (metadata.content, metadata.year) = (Content::Metadata, 2024);
    assert!(tx.add_solicitud(&variant).await.unwrap());
    assert!(tx.add_solicitud(&metadata).await.unwrap());
    let mut all = vec![first.clone(), variant.clone(), metadata.clone()];
    all.sort_by_key(|it| it.id);
    assert_eq!(tx.solicitudes(owner.id, None).await.unwrap(), all);
    assert_eq!(tx.solicitudes(owner.id, Some(2024)).await.unwrap(), [metadata]);
    tx.commit().await.unwrap();
    fedatario_testkit::covers!("store: the identity of a request is used once, and a widened window is another");
}

async fn writers_of_a_solicitud_do_not_overwrite_each_other(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let mut row = solicitud(owner.id, 1);
    let mut tx = bench.our_tx().await;
    assert!(tx.add_solicitud(&row).await.unwrap());
    row.state = SolicitudState::Accepted;
    row.authority_id = Some("be2a3e76-684f-416a-afdf-0f9378c346be".into());
    row.codes = AuthorityCodes {
        cod_estatus: Some("5000".into()),
        estado: Some(1),
        codigo_estado: None,
        mensaje: Some("Aceptada".into()),
        odd_in_a_row: 2,
    };
    (row.accepted_at, row.next_check, row.checks, row.announced) = (Some(noon()), Some(noon()), 3, Some(19));
    tx.update_solicitud(&row).await.unwrap();
    let stale = row.clone();
    row.revision = 1;
    assert_eq!(tx.solicitud(row.id).await.unwrap(), Some(row.clone()));
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.update_solicitud(&stale).await, Err(StoreError::Conflict(_))));
    assert!(falls(tx).await);
    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.update_solicitud(&solicitud(owner.id, 2)).await, Err(StoreError::NotFound)));
    assert_eq!(tx.solicitud(row.id).await.unwrap(), Some(row));
}

async fn solicitudes_are_their_tenants_alone(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let row = solicitud(owner.id, 1);
    let mut tx = bench.our_tx().await;
    assert!(tx.add_solicitud(&row).await.unwrap());
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.solicitud(row.id).await.unwrap(), None);
    assert_eq!(tx.solicitudes(owner.id, None).await.unwrap(), []);
    assert_eq!(tx.solicitudes(owner.id, Some(2025)).await.unwrap(), []);
    assert!(matches!(tx.update_solicitud(&row).await, Err(StoreError::NotFound)));
    let foreign = tx.add_solicitud(&solicitud(owner.id, 2)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    assert!(falls(tx).await);

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.solicitudes(owner.id, None).await.unwrap(), [row]);
    methods!(bench; "Solicitudes::add_solicitud", "Solicitudes::solicitud", "Solicitudes::solicitudes", "Solicitudes::update_solicitud");
}

async fn packages_are_kept_once(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let asked = solicitud(owner.id, 1);
    let mut rows = [package(owner.id, Some(asked.id), "P_02"), package(owner.id, Some(asked.id), "P_01")];
    let mut tx = bench.our_tx().await;
    assert!(tx.add_solicitud(&asked).await.unwrap());
    for row in &rows {
        assert!(tx.add_package(row).await.unwrap());
    }
    assert!(!tx.add_package(&package(owner.id, None, "P_01")).await.unwrap());
    assert_eq!(tx.packages_of(asked.id).await.unwrap(), [rows[1].clone(), rows[0].clone()]);

    let row = &mut rows[0];
    (row.state, row.path, row.sha256, row.size) = (PackageState::Imported, Some("a/b.zip".into()), Some([9; 32]), Some(70_000));
    row.tally = Tally { files: 3, cfdi: 2, quarantined: 1, ..Tally::default() };
    row.problem = Some("archive_format".into());
    tx.update_package(row).await.unwrap();
    let stale = row.clone();
    row.revision = 1;
    assert_eq!(tx.package(row.id).await.unwrap().as_ref(), Some(&*row));
    assert_eq!(tx.package_by_id_paquete(owner.id, "P_02").await.unwrap().as_ref(), Some(&*row));
    tx.commit().await.unwrap();

    let mut tx = bench.our_tx().await;
    assert!(matches!(tx.update_package(&stale).await, Err(StoreError::Conflict(_))));
    assert!(falls(tx).await);
}

async fn packages_are_their_tenants_alone(bench: &Bench) {
    let owner = our_taxpayer(bench).await;
    let asked = solicitud(owner.id, 1);
    let row = package(owner.id, Some(asked.id), "P_01");
    let mut tx = bench.our_tx().await;
    assert!(tx.add_solicitud(&asked).await.unwrap());
    assert!(tx.add_package(&row).await.unwrap());
    tx.commit().await.unwrap();

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.package(row.id).await.unwrap(), None);
    assert_eq!(tx.package_by_id_paquete(owner.id, "P_01").await.unwrap(), None);
    assert_eq!(tx.packages_of(asked.id).await.unwrap(), []);
    assert!(matches!(tx.update_package(&row).await, Err(StoreError::NotFound)));
    let foreign = tx.add_package(&package(owner.id, None, "P_09")).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    assert!(falls(tx).await);

    let mut tx = bench.our_tx().await;
    assert_eq!(tx.package(row.id).await.unwrap(), Some(row));
    methods!(bench; "Packages::add_package", "Packages::package", "Packages::package_by_id_paquete", "Packages::packages_of",
        "Packages::update_package");
}
