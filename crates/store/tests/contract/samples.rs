//! Values to store.

use crate::bench::{Bench, noon};
use fedatario_app::model::*;
use fedatario_app::ports::Tx;
use fedatario_base::id::{CredentialId, PackageId, SolicitudId, TaxpayerId};
use jiff::civil::date;

pub const RFC: &str = "EKU9003173C9";

pub fn taxpayer(tax_id: &str) -> Taxpayer {
    Taxpayer {
        id: TaxpayerId::fresh(noon()),
        kind: TaxpayerKind::Rfc,
        tax_id: tax_id.into(),
        name: "Escuela Kemper Urgate Ñandú & Cía".into(),
        environment: Environment::Sandbox,
        created: noon(),
    }
}

pub fn credential(taxpayer: TaxpayerId) -> CredentialRow {
    let id = CredentialId::fresh(noon());
    CredentialRow {
        id,
        owner: Owner::Taxpayer(taxpayer),
        kind: CredentialKind::Fiel,
        number: "30001000000500003456".into(),
        name: "e.firma de prueba".into(),
        certificate: vec![0x30, 0x82, 0, 1],
        not_before: noon(),
        not_after: "2030-09-01T12:00:00Z".parse().unwrap(),
        state: CredentialState::Active,
        reason: None,
        wrapped_key: id.bytes().to_vec(),
        key_use: KeyUse::Data,
        key_version: 1,
        digest: [7; 32],
        object: format!("objects/{id}"),
        activate: None,
        replaced: None,
        keep_until: None,
        uploaded_by: "os:1000".into(),
        created: noon(),
    }
}

pub fn solicitud(taxpayer: TaxpayerId, month: i8) -> Solicitud {
    let from = date(2025, month, 1).at(0, 0, 0, 0);
    Solicitud {
        id: SolicitudId::fresh(noon()),
        taxpayer,
        family: Family::Cfdi,
        direction: Direction::Issued,
        content: Content::Cfdi,
        estado: Estado::Todos,
        filters: Filters::default(),
        purpose: Purpose::Year,
        base_from: from,
        from,
        to: date(2025, month, 28).at(23, 59, 59, 0),
        k: 0,
        year: 2025,
        state: SolicitudState::Planned,
        authority_id: None,
        codes: AuthorityCodes::default(),
        announced: None,
        problem: None,
        replaces: None,
        relation: None,
        run: "run_1".into(),
        accepted_at: None,
        ended_at: None,
        checks: 0,
        next_check: None,
        revision: 0,
        created: noon(),
    }
}

pub fn package(taxpayer: TaxpayerId, solicitud: Option<SolicitudId>, id_paquete: &str) -> PackageRow {
    PackageRow {
        id: PackageId::fresh(noon()),
        solicitud,
        taxpayer,
        id_paquete: id_paquete.into(),
        content: Content::Cfdi,
        state: PackageState::Known,
        path: None,
        sha256: None,
        size: None,
        tally: Tally::default(),
        problem: None,
        revision: 0,
    }
}

/// A UUID in the form of a stamp's, from a number.
pub fn stamp(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

pub fn document(package: &PackageRow, number: u32) -> DocumentRow {
    DocumentRow {
        taxpayer: package.taxpayer,
        uuid: stamp(number),
        role: Role::Issued,
        version: "4.0".into(),
        kind: "I".into(),
        issuer: RFC.into(),
        issuer_name: "ESCUELA".into(),
        receiver: "XAXX010101000".into(),
        receiver_name: "PÚBLICO".into(),
        date: "2025-03-04T05:06:07".into(),
        period: 202_503,
        currency: "MXN".into(),
        total: "116.00".into(),
        total_e6: 116_000_000,
        complements: "pago20".into(),
        warnings: String::new(),
        package: package.id,
        entry: format!("{number}.xml"),
        json: r#"{"cfdi:Comprobante":{"@Total":"116.00"}}"#.into(),
    }
}

pub fn line(package: &PackageRow, number: u32, status: DocumentStatus) -> MetadataRow {
    MetadataRow {
        taxpayer: package.taxpayer,
        uuid: stamp(number),
        issuer: RFC.into(),
        issuer_name: "ESCUELA".into(),
        receiver: "XAXX010101000".into(),
        receiver_name: "PÚBLICO".into(),
        pac: "SPR190613I52".into(),
        issued_at: "2025-03-04T05:06:07".into(),
        stamped_at: "2025-03-04T05:06:08".into(),
        period: 202_503,
        amount: "116.00".into(),
        effect: "I".into(),
        status,
        cancelled_at: (status == DocumentStatus::Cancelado).then(|| "2025-04-01T00:00:00".into()),
        extra: r#"{"Nueva": "x"}"#.into(),
        family: Family::Cfdi,
        package: package.id,
    }
}

pub fn job(key: &str) -> NewJob {
    NewJob { kind: "sat.ask", key: key.into(), payload: serde_json::json!({"k": key}), due: noon(), run: None }
}

/// Stores a taxpayer of ours.
pub async fn our_taxpayer(bench: &Bench) -> Taxpayer {
    let taxpayer = taxpayer(RFC);
    let mut tx = bench.our_tx().await;
    tx.add_taxpayer(&taxpayer).await.unwrap();
    tx.commit().await.unwrap();
    taxpayer
}

/// Stores a package of a taxpayer of ours.
pub async fn our_package(bench: &Bench, taxpayer: TaxpayerId, id_paquete: &str) -> PackageRow {
    let package = package(taxpayer, None, id_paquete);
    let mut tx = bench.our_tx().await;
    assert!(tx.add_package(&package).await.unwrap());
    tx.commit().await.unwrap();
    package
}

/// Whether the rest of a transaction of which a part was refused is refused too.
pub async fn falls(tx: Box<dyn Tx>) -> bool {
    tx.commit().await.is_err()
}
