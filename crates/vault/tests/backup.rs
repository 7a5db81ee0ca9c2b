//! Credentials carried out under a passphrase: all of it comes back, or one error.

mod common;

use common::*;
use fedatario_base::{Code, Permission, Secret};
use fedatario_credentials::Kind;
use fedatario_testkit::covers;
use fedatario_vault::memory::Memory;
use fedatario_vault::{CredentialState, Vault};
use fedatario_xmlsig::Profile;
use std::sync::Arc;

fn phrase(text: &str) -> Secret {
    Secret::new(text)
}

#[tokio::test]
async fn credentials_come_back_in_another_house_and_sign_there() {
    let (vault, memory) = Memory::vault(roots(ROOT_1));
    let (mine, theirs) = (scope(0), scope(1));
    let minted = [mint(Kind::Fiel), mint(Kind::Fiel), mint(Kind::Fiel)];
    let mut ids = Vec::new();
    for it in &minted {
        ids.push(admitted(&vault, &memory, &mine, it).await.id);
    }
    memory.alter(&mine, ids[1], |it| it.state = CredentialState::Replaced);
    memory.alter(&mine, ids[2], |it| it.state = CredentialState::Destroyed);
    let passphrase = phrase("la frase de la caja fuerte");
    let file = vault.back_up(&mine, &passphrase, None, *NOW).await.unwrap();
    for minted in &minted {
        let key = minted.pkcs8_der.expose();
        assert!(!file.windows(12).any(|it| key.windows(12).any(|secret| it == secret)), "no key in clear");
    }

    let elsewhere = Arc::new(Memory::default());
    let other = Vault::new(roots(ROOT_2), elsewhere.clone(), elsewhere.clone());
    let back = other.open_backup(&theirs, &passphrase, &file, *NOW).await.unwrap();
    let seen: Vec<_> = back.iter().map(|it| (it.was.clone(), it.state)).collect();
    let mut expected = vec![(ids[0].to_string(), CredentialState::Active), (ids[1].to_string(), CredentialState::Replaced)];
    expected.sort();
    assert_eq!(seen, expected, "what was destroyed is nowhere");
    for it in &back {
        assert!(!ids.contains(&it.sealed.id), "a fresh id");
        elsewhere.put(&theirs, &it.sealed, CredentialState::Active);
        other.seal(&theirs, it.sealed.id, Profile::Plain, b"<a/>", *NOW).await.unwrap();
    }
    let one = vault.back_up(&mine, &passphrase, Some(ids[0]), *NOW).await.unwrap();
    assert_eq!(vault.open_backup(&mine, &passphrase, &one, *NOW).await.unwrap().len(), 1);

    let refused = vault.back_up(&mine, &passphrase, Some(ids[2]), *NOW).await.unwrap_err();
    assert_eq!(refused.code(), Code::CredentialMissing, "no key, no backup");
    let foreign = vault.back_up(&theirs, &passphrase, Some(ids[0]), *NOW).await.unwrap_err();
    assert_eq!(foreign.code(), Code::CredentialMissing);
    let reader = mine.clone().only(&[Permission::CredentialRead, Permission::CredentialSign]);
    assert_eq!(vault.back_up(&reader, &passphrase, None, *NOW).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(vault.open_backup(&reader, &passphrase, &file, *NOW).await.unwrap_err().code(), Code::PermissionDenied);
    let short = vault.back_up(&mine, &phrase("corta"), None, *NOW).await.unwrap_err();
    assert_eq!(short.code(), Code::PasswordShort);
    let wrong = vault.open_backup(&mine, &phrase("la frase de la caja fuertE"), &file, *NOW).await.unwrap_err();
    assert_eq!(wrong.code(), Code::BackupBroken);
    covers!("vault: a backup of credentials opens elsewhere under its passphrase, and what comes back signs");
}
