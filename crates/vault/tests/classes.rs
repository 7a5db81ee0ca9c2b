//! Two classes of root key: what leads to a taxpayer's key opens with the signer's alone; what an older
//! version wrapped under the house's is moved; a rehearsal says exactly what the rotation then does.

mod common;

use common::*;
use fedatario_base::{Code, SystemScope};
use fedatario_credentials::Kind;
use fedatario_testkit::covers;
use fedatario_vault::memory::Memory;
use fedatario_vault::{CredentialState, KeyClass, KeyUse, Planned, Progress, RotationPlan, TenantKeys, Vault};
use fedatario_xmlsig::Profile;
use std::sync::Arc;

/// A key of the other class, which has a version 1 of its own.
const SIGNER_1: &str = "1 c2lnbmVyIHNpZ25lciBzaWduZXIgc2lnbmVyIHNpZ24=";
const SIGNER_1_2: &str = "1 c2lnbmVyIHNpZ25lciBzaWduZXIgc2lnbmVyIHNpZ24=\n2 U0lHTkVSIFNJR05FUiBTSUdORVIgU0lHTkVSIFNJR04=";

fn split(memory: &Arc<Memory>) -> Vault {
    Vault::new(roots(ROOT_1), memory.clone(), memory.clone()).with_signer_keys(roots(SIGNER_1))
}

async fn signs(vault: &Vault, scope: &fedatario_base::Scope, id: fedatario_base::id::CredentialId) -> Result<(), Code> {
    vault.seal(scope, id, Profile::Plain, b"<a/>", *NOW).await.map(drop).map_err(|error| error.code())
}

#[tokio::test]
async fn each_class_opens_its_own_and_nothing_else() {
    let memory = Arc::new(Memory::default());
    let (vault, scope) = (split(&memory), scope(0));
    let sealed = admitted(&vault, &memory, &scope, &mint(Kind::Fiel)).await;
    assert_eq!((sealed.key_use, sealed.key_version), (KeyUse::Credential, 1));
    let blob = vault.seal_bytes(&scope, "x", b"x").await.unwrap();
    assert_eq!(signs(&vault, &scope, sealed.id).await, Ok(()));

    let signer = Vault::of_signer(None, roots(SIGNER_1), memory.clone(), memory.clone());
    assert_eq!(signs(&signer, &scope, sealed.id).await, Ok(()), "the signer needs nothing of the house");
    assert_eq!(signer.open_bytes(&scope, "x", &blob).await.unwrap_err().code(), Code::RootKeyMissing);
    assert_eq!(signer.public_key(&scope).await.unwrap_err().code(), Code::RootKeyMissing);
    let house = Vault::new(roots(ROOT_1), memory.clone(), memory.clone());
    assert_eq!(house.open_bytes(&scope, "x", &blob).await.unwrap().as_slice(), b"x");
    assert_eq!(signs(&house, &scope, sealed.id).await, Err(Code::SealBroken), "the house's key of the same version opens none");
    // Not by claiming to be of the other class either.
    memory.alter(&scope, sealed.id, |it| it.key_use = KeyUse::Data);
    assert_eq!(signs(&vault, &scope, sealed.id).await, Err(Code::SealBroken));
    covers!("vault: what leads to a taxpayer's key opens under the class signer alone, and the house's opens nothing of it");
}

#[tokio::test]
async fn what_the_house_wrapped_is_moved_to_the_signer() {
    let memory = Arc::new(Memory::default());
    let (vault, scope) = (split(&memory), scope(0));
    let minted = mint(Kind::Fiel);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(admitted(&vault, &memory, &scope, &minted).await.id);
    }
    // As an older version left them: under the tenant's data key, which the house's root key wraps.
    vault.seal_bytes(&scope, "x", b"x").await.unwrap();
    for id in &ids {
        memory.wrap_as_before(&vault, &scope, *id).await;
        assert_eq!(signs(&vault, &scope, *id).await, Ok(()), "it opens where it is");
    }
    let signer = Vault::of_signer(None, roots(SIGNER_1), memory.clone(), memory.clone());
    assert_eq!(signs(&signer, &scope, ids[0]).await, Err(Code::RootKeyMissing), "the house's key is needed to move it");
    assert_eq!(vault.credentials_behind(&scope).await.unwrap(), 3);
    let plan = vault.plan_tenant_key(&scope).await.unwrap();
    let rows = vec![Planned { tenant: scope.tenant(), key_use: KeyUse::Data, version: 1, moves: 3, broken: 0 }];
    assert_eq!(plan, RotationPlan { makes: None, to: 1, rows });
    assert_eq!(vault.rewrap_data_keys(&scope).await.unwrap(), Progress { moved: 3, broken: 0, behind: 0 });
    assert_eq!(signs(&signer, &scope, ids[2]).await, Ok(()));
    covers!("vault: credentials that a key of the house wraps keep opening, and are moved under the signer's");
}

#[tokio::test]
async fn a_rehearsal_says_what_the_rotation_does() {
    let system = SystemScope::for_this_process();
    let memory = Arc::new(Memory::default());
    let (vault, mine) = (split(&memory), scope(0));
    let minted = mint(Kind::Fiel);
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(admitted(&vault, &memory, &mine, &minted).await.id);
    }
    memory.alter(&mine, ids[7], |it| it.state = CredentialState::Destroyed);
    for id in [ids[3], ids[11]] {
        memory.alter(&mine, id, |it| it.data_key[30] ^= 1);
    }
    let plan = vault.plan_tenant_key(&mine).await.unwrap();
    let rows = vec![Planned { tenant: mine.tenant(), key_use: KeyUse::Credential, version: 1, moves: 17, broken: 2 }];
    assert_eq!(plan, RotationPlan { makes: Some(2), to: 2, rows });
    assert_eq!(vault.plan_tenant_key(&mine).await.unwrap(), plan, "nothing was written");
    assert_eq!(memory.current(&mine, KeyUse::Credential).await.unwrap().unwrap().version, 1);

    // Killed after five, and rehearsed again: what is left, and no further version.
    assert_eq!(Some(vault.rotate_tenant_key(&mine).await.unwrap()), plan.makes);
    let stalling = Stalling::after(memory.clone(), 5);
    let doomed = Vault::new(roots(ROOT_1), stalling.clone(), stalling.clone()).with_signer_keys(roots(SIGNER_1));
    tokio::select! {
        biased;
        outcome = doomed.rewrap_data_keys(&mine) => panic!("it was to be killed: {outcome:?}"),
        () = stalling.stalled.notified() => {}
    }
    let rest = vault.plan_tenant_key(&mine).await.unwrap();
    assert_eq!((rest.makes, rest.to, rest.moves(), rest.broken()), (None, 2, 12, 2));
    assert_eq!(vault.rewrap_data_keys(&mine).await.unwrap(), Progress { moved: 12, broken: 2, behind: 2 });

    // The same for a root key, over the tenants.
    let others: Vec<_> = (1..8).map(scope).collect();
    for other in &others {
        admitted(&vault, &memory, other, &minted).await;
    }
    memory.alter_key(&others[3], KeyUse::Credential, 1, |it| it.wrapped[30] ^= 1);
    let rotating = Vault::new(roots(ROOT_1), memory.clone(), memory.clone()).with_signer_keys(roots(SIGNER_1_2));
    let before = vault.plan_root(&system, KeyClass::Signer).await.unwrap();
    let plan = rotating.plan_root(&system, KeyClass::Signer).await.unwrap();
    assert_eq!((before.makes, before.to, plan.makes, plan.to), (Some(2), 2, None, 2), "before and after the version was made");
    assert_eq!((before.rows, plan.moves(), plan.broken()), (plan.rows.clone(), 8, 1));
    let done = rotating.rewrap_tenant_keys(&system, KeyClass::Signer).await.unwrap();
    assert_eq!(done, Progress { moved: plan.moves(), broken: plan.broken(), behind: plan.broken() });
    assert_eq!(rotating.plan_root(&system, KeyClass::House).await.unwrap().makes, Some(2), "the other class is not touched");
    covers!(
        "vault: a rehearsal of a rotation writes nothing and counts by class, tenant and version what the rotation then moves, with broken rows and after a crash"
    );
}

#[tokio::test]
async fn whole_pages_of_broken_rows_hold_up_nobody() {
    let memory = Arc::new(Memory::default());
    let (vault, scope) = (split(&memory), scope(0));
    let minted = mint(Kind::Fiel);
    let mut ids = Vec::new();
    for _ in 0..620 {
        ids.push(admitted(&vault, &memory, &scope, &minted).await.id);
    }
    ids.sort();
    for id in &ids[..600] {
        memory.alter(&scope, *id, |it| it.data_key[30] ^= 1);
    }
    vault.rotate_tenant_key(&scope).await.unwrap();
    assert_eq!(vault.rewrap_data_keys(&scope).await.unwrap(), Progress { moved: 20, broken: 600, behind: 600 });
    covers!("vault: whole pages of broken rows do not hold up the sound ones behind them");
}

/// Kill points: at each of the first re-wraps, and behind the last.
const POINTS: i64 = 50;
/// Credentials, and tenants, whose keys are moved: fewer than points, so that every one is died at.
const MOVED: usize = 49;

#[tokio::test]
async fn killed_at_any_point_a_rotation_loses_nothing_and_goes_on() {
    let minted = mint(Kind::Fiel);
    for point in 0..POINTS {
        let memory = Arc::new(Memory::default());
        let (vault, mine) = (split(&memory), scope(0));
        let mut ids = Vec::new();
        for _ in 0..MOVED {
            ids.push(admitted(&vault, &memory, &mine, &minted).await.id);
        }
        let plan = vault.plan_tenant_key(&mine).await.unwrap();
        assert_eq!(Some(vault.rotate_tenant_key(&mine).await.unwrap()), plan.makes);
        let stalling = Stalling::after(memory.clone(), point);
        let doomed = Vault::new(roots(ROOT_1), stalling.clone(), stalling.clone()).with_signer_keys(roots(SIGNER_1));
        tokio::select! {
            biased;
            outcome = doomed.rewrap_data_keys(&mine) => assert_eq!(point, MOVED as i64, "it was to be killed: {outcome:?}"),
            () = stalling.stalled.notified() => {}
        }
        let moved = u64::try_from(point).unwrap();
        for id in [ids[0], ids[MOVED / 2], ids[MOVED - 1]] {
            assert_eq!(signs(&vault, &mine, id).await, Ok(()), "everything opens, moved or not, at {point}");
        }
        let rest = vault.plan_tenant_key(&mine).await.unwrap();
        assert_eq!(rest.moves(), if moved == plan.moves() { plan.moves() } else { plan.moves() - moved }, "at {point}");
        assert_eq!(rest.makes, (moved == plan.moves()).then_some(3), "no further version while anything is behind");
        let done = vault.rewrap_data_keys(&mine).await.unwrap();
        assert_eq!(done, Progress { moved: plan.moves() - moved, broken: 0, behind: 0 }, "at {point}");
        assert_eq!(signs(&vault, &mine, ids[MOVED / 2]).await, Ok(()));
    }
    covers!("vault: killed at each of fifty points a rotation loses nothing, opens everything, and goes on where it stopped");
}

#[tokio::test]
async fn killed_at_any_point_a_new_root_key_loses_nothing_and_goes_on() {
    let system = SystemScope::for_this_process();
    let minted = mint(Kind::Fiel);
    let (memory, tenants) = (Arc::new(Memory::default()), (0..MOVED as i64).map(scope).collect::<Vec<_>>());
    let vault = split(&memory);
    let mut ids = Vec::new();
    for tenant in &tenants {
        ids.push(admitted(&vault, &memory, tenant, &minted).await.id);
    }
    let rotating = || roots(SIGNER_1_2);
    for left in (1..=MOVED as u64).rev() {
        let stalling = Stalling::after(memory.clone(), 1);
        let doomed = Vault::new(roots(ROOT_1), stalling.clone(), stalling.clone()).with_signer_keys(rotating());
        tokio::select! {
            biased;
            outcome = doomed.rewrap_tenant_keys(&system, KeyClass::Signer) => assert_eq!(left, 1, "it was to be killed: {outcome:?}"),
            () = stalling.stalled.notified() => {}
        }
        let now = Vault::new(roots(ROOT_1), memory.clone(), memory.clone()).with_signer_keys(rotating());
        assert_eq!(now.roots_behind(&system, KeyClass::Signer).await.unwrap(), left - 1, "one a life");
        let place = usize::try_from(left).unwrap() - 1;
        assert_eq!(signs(&now, &tenants[place], ids[place]).await, Ok(()));
    }
    covers!("vault: killed after every single key a new root key loses nothing, and each life goes on where the last one stopped");
}
