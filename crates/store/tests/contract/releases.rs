//! Backups of key material that were asked for: one at a time, each step once, their tenant's alone.

use crate::bench::{Bench, methods, noon, on_both};
use fedatario_app::ports::StoreError;
use fedatario_app::releases::model::{Backup, BackupState};
use fedatario_base::id::{BackupId, CredentialId, UserId};
use jiff::{SignedDuration, Timestamp};

on_both!(a_backup_is_open_once_and_moves_once, whether_key_material_may_leave_is_each_tenants_own);

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn backup(at: Timestamp) -> Backup {
    Backup {
        id: BackupId::fresh(at),
        state: BackupState::Asked,
        credential: Some(CredentialId::fresh(at)),
        reason: "por si acaso ñ".into(),
        asked_by: "user:ana".into(),
        asked: at,
        due: Some(at + HOUR),
        expires: at + HOUR * 2,
        approved_by: None,
        approved: None,
        ended_by: None,
        ended: None,
        digest: None,
    }
}

async fn a_backup_is_open_once_and_moves_once(bench: &Bench) {
    let first = backup(noon());
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.backup(first.id).await.unwrap(), None);
    tx.add_backup(&first).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bench.our_tx().await;
    let refused = tx.add_backup(&backup(noon() + HOUR)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    drop(tx);

    let mut tx = bench.their_tx().await;
    assert_eq!(tx.backup(first.id).await.unwrap(), None);
    assert_eq!(tx.backups(None, 10).await.unwrap(), []);
    assert!(!tx.move_backup(&first, BackupState::Asked).await.unwrap());
    assert_eq!(tx.lapse_backups(noon() + HOUR * 9).await.unwrap(), 0);
    tx.add_backup(&backup(noon())).await.unwrap();
    tx.commit().await.unwrap();

    let approved = Backup {
        state: BackupState::Approved,
        expires: noon() + HOUR * 3,
        approved_by: Some("user:eva".into()),
        approved: Some(noon()),
        ..first.clone()
    };
    let taken = Backup {
        state: BackupState::Taken,
        ended_by: Some("user:ana".into()),
        ended: Some(noon()),
        digest: Some([7; 32]),
        ..approved.clone()
    };
    let mut tx = bench.our_tx().await;
    assert_eq!(tx.backup(first.id).await.unwrap(), Some(first.clone()));
    assert!(tx.move_backup(&approved, BackupState::Asked).await.unwrap());
    assert!(!tx.move_backup(&approved, BackupState::Asked).await.unwrap(), "once");
    assert_eq!(tx.backup(first.id).await.unwrap(), Some(approved.clone()));
    assert!(tx.move_backup(&taken, BackupState::Approved).await.unwrap());
    assert_eq!(tx.backup(first.id).await.unwrap(), Some(taken));
    let second = backup(noon() + HOUR);
    tx.add_backup(&second).await.unwrap();
    assert_eq!(tx.lapse_backups(second.expires - HOUR).await.unwrap(), 0, "its time has not come");
    assert_eq!(tx.lapse_backups(second.expires).await.unwrap(), 1);
    assert_eq!(tx.backup(second.id).await.unwrap().unwrap().state, BackupState::Lapsed);
    let all: Vec<BackupId> = tx.backups(None, 10).await.unwrap().iter().map(|it| it.id).collect();
    assert_eq!(all, [second.id, first.id]);
    assert_eq!(tx.backups(Some(second.id), 10).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    methods!(
        bench; "Releases::lapse_backups", "Releases::add_backup", "Releases::backup", "Releases::backups", "Releases::move_backup"
    );
}

async fn whether_key_material_may_leave_is_each_tenants_own(bench: &Bench) {
    let mut tx = bench.our_tx().await;
    assert!(!tx.backups_allowed().await.unwrap(), "not until somebody says so");
    tx.allow_backups(true, "user:ana", noon()).await.unwrap();
    assert!(tx.backups_allowed().await.unwrap());
    assert_eq!(tx.members_beside(UserId::fresh(noon())).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let mut tx = bench.their_tx().await;
    assert!(!tx.backups_allowed().await.unwrap());
    drop(tx);
    let mut tx = bench.our_tx().await;
    tx.allow_backups(false, "user:eva", noon()).await.unwrap();
    assert!(!tx.backups_allowed().await.unwrap());
    methods!(bench; "Releases::backups_allowed", "Releases::allow_backups", "Releases::members_beside");
}
