//! What rests in the vault, who may reach it, and what becomes of it when keys rotate.

mod common;

use common::{NOW, ROOT_1, ROOT_1_2, ROOT_2, Stalling, admitted, mint, pair, roots, scope};
use fedatario_base::id::CredentialId;
use fedatario_base::{Code, Permission, SystemScope};
use fedatario_credentials::Kind;
use fedatario_testkit::covers;
use fedatario_vault::memory::Memory;
use fedatario_vault::{CredentialKind, KeyClass, KeyUse, NotePurpose, Progress, Vault, verify_note};
use std::sync::Arc;

#[tokio::test]
async fn bytes_open_for_their_tenant_and_label_only() {
    let (vault, _) = Memory::vault(roots(ROOT_1));
    let (mine, yours) = (scope(0), scope(1));
    vault.seal_bytes(&yours, "tokens/cfdi", b"yours").await.unwrap();
    let blob = vault.seal_bytes(&mine, "tokens/cfdi", b"mine").await.unwrap();
    assert_eq!(vault.open_bytes(&mine, "tokens/cfdi", &blob).await.unwrap().as_slice(), b"mine");
    assert_eq!(vault.open_bytes(&yours, "tokens/cfdi", &blob).await.unwrap_err().code(), Code::SealBroken);
    assert_eq!(vault.open_bytes(&mine, "tokens/retenciones", &blob).await.unwrap_err().code(), Code::SealBroken);
    for place in 0..blob.len() {
        let mut flipped = blob.clone();
        flipped[place] ^= 1;
        assert_eq!(vault.open_bytes(&mine, "tokens/cfdi", &flipped).await.unwrap_err().code(), Code::SealBroken, "byte {place}");
    }
    assert_eq!(vault.open_bytes(&mine, "tokens/cfdi", b"").await.unwrap_err().code(), Code::SealBroken);
    assert_eq!(vault.open_bytes(&scope(2), "tokens/cfdi", &blob).await.unwrap_err().code(), Code::SealBroken);
    covers!("vault: sealed bytes open for their tenant and label only, and every failure is one error");
}

#[tokio::test]
async fn wrapped_keys_cannot_be_moved_between_tenants_uses_or_versions() {
    let (vault, memory) = Memory::vault(roots(ROOT_1_2));
    let (mine, yours) = (scope(0), scope(1));
    let old = vault.seal_bytes(&mine, "x", b"x").await.unwrap();
    vault.rotate_tenant_key(&mine).await.unwrap();
    let new = vault.seal_bytes(&mine, "x", b"x").await.unwrap();
    vault.seal_bytes(&yours, "x", b"x").await.unwrap();
    vault.public_key(&mine).await.unwrap();
    assert_eq!((Vault::version_of_bytes(&old), Vault::version_of_bytes(&new)), (Some(1), Some(2)));

    let row = |scope, key_use, version| {
        let mut found = None;
        memory.alter_key(scope, key_use, version, |it| found = Some(it.clone()));
        found.expect("the key is there")
    };
    let original = row(&mine, KeyUse::Data, 1);
    let strangers =
        [row(&yours, KeyUse::Data, 1).wrapped, row(&mine, KeyUse::Data, 2).wrapped, row(&mine, KeyUse::Note, 1).wrapped];
    for wrapped in strangers {
        memory.alter_key(&mine, KeyUse::Data, 1, |it| it.wrapped = wrapped);
        assert_eq!(vault.open_bytes(&mine, "x", &old).await.unwrap_err().code(), Code::SealBroken);
    }
    memory.alter_key(&mine, KeyUse::Data, 1, |it| *it = fedatario_vault::TenantKeyRow { root_version: 1, ..original.clone() });
    assert_eq!(vault.open_bytes(&mine, "x", &old).await.unwrap_err().code(), Code::SealBroken);
    memory.alter_key(&mine, KeyUse::Data, 1, |it| *it = original);
    assert_eq!(vault.open_bytes(&mine, "x", &old).await.unwrap().as_slice(), b"x");
    covers!("vault: wrapped tenant keys cannot be moved between tenants, uses, versions or root versions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_of_first_uses_ends_with_one_tenant_key() {
    let (vault, _) = Memory::vault(roots(ROOT_1));
    let scope = scope(0);
    let crowd: Vec<_> = (0..32)
        .map(|_| {
            let (vault, scope) = (vault.clone(), scope.clone());
            tokio::spawn(async move { vault.seal_bytes(&scope, "x", b"x").await.unwrap() })
        })
        .collect();
    for task in crowd {
        let blob = task.await.unwrap();
        assert_eq!(vault.open_bytes(&scope, "x", &blob).await.unwrap().as_slice(), b"x");
    }
    covers!("vault: a crowd that meets a new tenant makes one key");
}

#[tokio::test]
async fn what_is_not_acceptable_is_not_admitted() {
    let (vault, _) = Memory::vault(roots(ROOT_1));
    let scope = scope(0);
    let (fiel, csd) = (mint(Kind::Fiel), mint(Kind::Csd));
    let id = CredentialId::fresh(*NOW);
    let reader = scope.clone().only(&[Permission::CredentialSign]);
    let (early, late) = ("2024-12-31T00:00:00Z".parse().unwrap(), "2029-01-02T00:00:00Z".parse().unwrap());
    let cases = [
        (&scope, &fiel, CredentialKind::Fiel, *NOW, None),
        (&scope, &csd, CredentialKind::Csd, *NOW, None),
        (&scope, &csd, CredentialKind::Fiel, *NOW, Some(Code::FielRequired)),
        (&scope, &fiel, CredentialKind::Csd, *NOW, Some(Code::PurposeRefused)),
        (&scope, &fiel, CredentialKind::Fiel, early, Some(Code::CertificateNotYetValid)),
        (&scope, &fiel, CredentialKind::Fiel, late, Some(Code::CertificateExpired)),
        (&reader, &fiel, CredentialKind::Fiel, *NOW, Some(Code::PermissionDenied)),
    ];
    for (scope, minted, kind, now, code) in cases {
        let outcome = vault.admit(scope, pair(minted), kind, id, now).await;
        assert_eq!(outcome.err().map(|it| it.code()), code);
    }
    covers!("vault: a credential of the wrong kind, outside its validity or without permission is not admitted");
}

#[tokio::test]
async fn no_key_is_seen_in_what_is_stored_or_printed() {
    let (vault, memory) = Memory::vault(roots(ROOT_1));
    let scope = scope(0);
    let minted = mint(Kind::Fiel);
    let sealed = admitted(&vault, &memory, &scope, &minted).await;
    let key = minted.pkcs8_der.expose();
    for stored in [&sealed.object, &sealed.data_key] {
        assert!(!stored.windows(16).any(|it| key.windows(16).any(|secret| it == secret)));
    }
    let shown = format!("{vault:?} {:?} {:?}", roots(ROOT_1_2), vault.rotate_tenant_key(&scope).await);
    assert_eq!(
        shown,
        "Vault { house: Some(RootKeys(versions [1])), signer: RootKeys(versions [1]), .. } RootKeys(versions [1, 2]) Ok(2)"
    );
    covers!("vault: no key in rows, objects or Debug");
}

/// Calls until nothing is behind, and counts what was moved.
async fn move_all_roots(vault: &Vault, system: &SystemScope) -> u64 {
    let mut moved = 0;
    loop {
        let progress = vault.rewrap_tenant_keys(system, KeyClass::House).await.unwrap();
        moved += progress.moved;
        if progress.behind == 0 {
            return moved;
        }
    }
}

#[tokio::test]
async fn the_root_rotates_although_it_is_killed_between_any_two_rows() {
    let system = SystemScope::for_this_process();
    let (vault, memory) = Memory::vault(roots(ROOT_1));
    let scopes: Vec<_> = (0..60).map(scope).collect();
    let mut blobs = Vec::new();
    for scope in &scopes {
        blobs.push(vault.seal_bytes(scope, "x", b"x").await.unwrap());
    }
    vault.public_key(&scopes[0]).await.unwrap();
    let rotating = Vault::new(roots(ROOT_1_2), memory.clone(), memory.clone());
    assert_eq!(rotating.roots_behind(&system, KeyClass::House).await.unwrap(), 61);
    for killed in 0..50u64 {
        let stalling = Stalling::after(memory.clone(), 1);
        let doomed = Vault::new(roots(ROOT_1_2), stalling.clone(), stalling.clone());
        tokio::select! {
            biased;
            outcome = doomed.rewrap_tenant_keys(&system, KeyClass::House) => panic!("it was to be killed: {outcome:?}"),
            () = stalling.stalled.notified() => {}
        }
        assert_eq!(rotating.roots_behind(&system, KeyClass::House).await.unwrap(), 60 - killed);
        // In the middle of it everything opens, whichever root wraps it.
        for place in [0, killed as usize, 59] {
            assert_eq!(rotating.open_bytes(&scopes[place], "x", &blobs[place]).await.unwrap().as_slice(), b"x");
        }
    }
    assert_eq!(move_all_roots(&rotating, &system).await, 11);
    assert_eq!(rotating.rewrap_tenant_keys(&system, KeyClass::House).await.unwrap(), Progress { moved: 0, broken: 0, behind: 0 });
    let retired = Vault::new(roots(ROOT_2), memory.clone(), memory);
    for (scope, blob) in scopes.iter().zip(&blobs) {
        assert_eq!(retired.open_bytes(scope, "x", blob).await.unwrap().as_slice(), b"x");
    }
    assert_eq!(vault.open_bytes(&scopes[0], "x", &blobs[0]).await.unwrap_err().code(), Code::RootKeyMissing);
    covers!("vault: the root key rotates, killed between any two rows, with 0 failed reads; the old one is retired at 0 behind");
}

#[tokio::test]
async fn a_tenant_key_rotates_although_it_is_killed_between_any_two_rows() {
    let (vault, memory) = Memory::vault(roots(ROOT_1));
    let (mine, yours) = (scope(0), scope(1));
    let minted = mint(Kind::Fiel);
    for _ in 0..60 {
        admitted(&vault, &memory, &mine, &minted).await;
    }
    admitted(&vault, &memory, &yours, &minted).await;
    let without = mine.clone().only(&[Permission::CredentialSign]);
    assert_eq!(vault.rotate_tenant_key(&without).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(vault.rewrap_data_keys(&without).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(vault.credentials_behind(&mine).await.unwrap(), 0);
    assert_eq!(vault.rotate_tenant_key(&mine).await.unwrap(), 2);
    assert_eq!(vault.credentials_behind(&mine).await.unwrap(), 60);
    assert_eq!(vault.credentials_behind(&yours).await.unwrap(), 0);
    for killed in 0..50 {
        let stalling = Stalling::after(memory.clone(), 1);
        let doomed = Vault::new(roots(ROOT_1), stalling.clone(), stalling.clone());
        tokio::select! {
            biased;
            outcome = doomed.rewrap_data_keys(&mine) => panic!("it was to be killed: {outcome:?}"),
            () = stalling.stalled.notified() => {}
        }
        assert_eq!(vault.credentials_behind(&mine).await.unwrap(), 59 - killed);
    }
    assert_eq!(vault.rewrap_data_keys(&mine).await.unwrap(), Progress { moved: 10, broken: 0, behind: 0 });
    covers!("vault: a tenant key rotates by rows only, killed between any two of them, and other tenants stay as they are");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_rotate_at_once_do_the_work_once() {
    let system = SystemScope::for_this_process();
    let (vault, memory) = Memory::vault(roots(ROOT_1));
    for place in 0..100 {
        vault.seal_bytes(&scope(place), "x", b"x").await.unwrap();
    }
    let rotating = Arc::new(Vault::new(roots(ROOT_1_2), memory.clone(), memory));
    let run = || {
        let (rotating, system) = (rotating.clone(), system.clone());
        tokio::spawn(async move { rotating.rewrap_tenant_keys(&system, KeyClass::House).await.unwrap() })
    };
    let (a, b) = (run(), run());
    assert_eq!(a.await.unwrap().moved + b.await.unwrap().moved, 100);
    assert_eq!(rotating.roots_behind(&system, KeyClass::House).await.unwrap(), 0);
    covers!("vault: two that rotate at once move each row once");
}

#[tokio::test]
async fn notes_are_signed_for_a_purpose_and_verify_for_no_other() {
    let (vault, _) = Memory::vault(roots(ROOT_1));
    let (mine, yours) = (scope(0), scope(1));
    let (key, other) = (vault.public_key(&mine).await.unwrap(), vault.public_key(&yours).await.unwrap());
    assert_eq!(vault.public_key(&mine).await.unwrap(), key);
    assert_ne!(key, other);
    let note = b"fedatario/audit/ten_x\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    for purpose in [NotePurpose::Checkpoint, NotePurpose::Report] {
        let signature = vault.sign_note(&mine, purpose, note).await.unwrap();
        assert!(verify_note(&key, purpose, note, &signature));
        assert!(!verify_note(&other, purpose, note, &signature));
        assert!(!verify_note(&key, purpose, &note[1..], &signature));
        assert!(!verify_note(&key, purpose, note, &signature[1..]));
        let confused = if purpose == NotePurpose::Report { NotePurpose::Checkpoint } else { NotePurpose::Report };
        assert!(!verify_note(&key, confused, note, &signature));
    }
    for no_note in [b"".as_slice(), b"\n", b"no newline at its end", b"fedatario.report.v1\0x\n", b"\xff\xfe\n"] {
        let refused = vault.sign_note(&mine, NotePurpose::Checkpoint, no_note).await;
        assert_eq!(refused.unwrap_err().code(), Code::PurposeRefused);
    }
    let reader = mine.clone().only(&[Permission::TaxpayerRead]);
    for purpose in [NotePurpose::Checkpoint, NotePurpose::Report] {
        assert_eq!(vault.sign_note(&reader, purpose, note).await.unwrap_err().code(), Code::PermissionDenied);
    }
    covers!("vault: each tenant's Ed25519 key signs checkpoints and reports, kept apart by domain");
}

#[tokio::test]
async fn a_broken_row_stays_behind_and_holds_up_nobody() {
    let system = SystemScope::for_this_process();
    let (vault, memory) = Memory::vault(roots(ROOT_1));
    for place in 0..5 {
        vault.seal_bytes(&scope(place), "x", b"x").await.unwrap();
    }
    let mine = scope(0);
    let minted = mint(Kind::Fiel);
    let broken = admitted(&vault, &memory, &mine, &minted).await;
    admitted(&vault, &memory, &mine, &minted).await;
    vault.rotate_tenant_key(&mine).await.unwrap();
    memory.alter(&mine, broken.id, |it| it.data_key[30] ^= 1);
    assert_eq!(vault.rewrap_data_keys(&mine).await.unwrap(), Progress { moved: 1, broken: 1, behind: 1 });

    memory.alter_key(&mine, KeyUse::Data, 1, |it| it.wrapped[30] ^= 1);
    let rotating = Vault::new(roots(ROOT_1_2), memory.clone(), memory);
    // Five of other tenants and the second of ours; those that wrap credentials are of the other class.
    assert_eq!(rotating.rewrap_tenant_keys(&system, KeyClass::House).await.unwrap(), Progress { moved: 6, broken: 1, behind: 1 });
    assert_eq!(rotating.rewrap_tenant_keys(&system, KeyClass::Signer).await.unwrap(), Progress { moved: 2, broken: 0, behind: 0 });
    covers!("vault: a row whose seal is broken stays behind and does not hold up a rotation");
}
