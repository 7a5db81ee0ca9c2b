//! Where root keys come from, and what is refused.

mod common;

use common::{ROOT_1, ROOT_1_2, roots, scope};
use fedatario_base::{Code, Secret};
use fedatario_testkit::covers;
use fedatario_vault::memory::Memory;
use fedatario_vault::{KeyClass, PassphraseParams, RootKeys};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    (folder, path)
}

/// A blob that only the right root key opens, with the ports that hold its tenant key.
async fn opens_under(first: RootKeys, second: RootKeys) -> Option<Code> {
    let (vault, memory) = Memory::vault(first);
    let scope = scope(0);
    let blob = vault.seal_bytes(&scope, "x", b"x").await.unwrap();
    let again = fedatario_vault::Vault::new(second, memory.clone(), memory);
    again.open_bytes(&scope, "x", &blob).await.err().map(|it| it.code())
}

#[tokio::test]
async fn a_file_is_made_once_and_for_its_owner_only() {
    let (folder, path) = file();
    assert_eq!(RootKeys::open_file(&path).unwrap_err().code(), Code::RootKeyMissing);
    let made = RootKeys::open_or_create_file(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(opens_under(made, RootKeys::open_or_create_file(&path).unwrap()).await, None);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(RootKeys::open_file(&path).unwrap_err().code(), Code::RootKeyWrong);
    covers!("vault: root.key is made on first use with mode 0600, and refused when others can read it");
}

#[tokio::test]
async fn a_crowd_that_starts_at_once_ends_with_one_key() {
    let (_folder, path) = file();
    let crowd: Vec<_> = (0..16)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || RootKeys::open_or_create_file(&path).unwrap())
        })
        .collect();
    for made in crowd {
        let made = made.join().unwrap();
        assert_eq!(opens_under(made, RootKeys::open_file(&path).unwrap()).await, None);
    }
    covers!("vault: sixteen processes that make root.key at once share one key");
}

#[tokio::test]
async fn versions_are_added_and_retired() {
    let (_folder, path) = file();
    let first = RootKeys::open_or_create_file(&path).unwrap();
    let both = RootKeys::add_version_to_file(&path).unwrap();
    assert_eq!((first.current_version(), both.current_version()), (1, 2));
    assert_eq!(opens_under(first, RootKeys::open_file(&path).unwrap()).await, None);
    assert_eq!(RootKeys::retire_in_file(&path, 2).unwrap_err().code(), Code::RootKeyWrong);
    assert_eq!(RootKeys::retire_in_file(&path, 9).unwrap_err().code(), Code::RootKeyMissing);
    let only_second = RootKeys::retire_in_file(&path, 1).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(format!("{only_second:?}"), "RootKeys(versions [2])");
    covers!("vault: root key versions are added to and retired from the file");
}

#[tokio::test]
async fn an_environment_variable_holds_one_key_or_several() {
    let bare = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    assert_eq!(opens_under(roots(bare), roots(ROOT_1)).await, None);
    assert_eq!(opens_under(roots(ROOT_1), roots(ROOT_1_2)).await, None);
    assert_eq!(opens_under(roots(ROOT_1_2), roots(ROOT_1)).await, Some(Code::RootKeyMissing));
    // The same version number over another key: whatever is sealed does not open.
    assert_eq!(opens_under(roots(ROOT_1), roots("1 ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=")).await, Some(Code::SealBroken));
    let cases = [
        ("", Code::RootKeyMissing),
        ("# only a remark", Code::RootKeyMissing),
        ("1", Code::RootKeyWrong),
        ("0 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", Code::RootKeyWrong),
        ("x MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", Code::RootKeyWrong),
        ("1 c2hvcnQ=", Code::RootKeyWrong),
        ("1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMQ==", Code::RootKeyWrong),
    ];
    for (text, code) in cases {
        assert_eq!(RootKeys::from_text(&Secret::new(text)).unwrap_err().code(), code, "{text}");
    }
    let twice = format!("{ROOT_1}\n{ROOT_1}");
    assert_eq!(RootKeys::from_text(&Secret::new(twice)).unwrap_err().code(), Code::RootKeyWrong);
    assert_eq!(roots(ROOT_1).and(roots(ROOT_1)).unwrap_err().code(), Code::RootKeyWrong);
    covers!("vault: root keys from an environment variable, several versions at once");
}

#[tokio::test]
async fn a_passphrase_unlocks_with_its_stored_parameters() {
    let right = Secret::new("correcto caballo batería");
    let (params, made) = PassphraseParams::fresh(3, &right).unwrap();
    let text = params.to_string();
    assert!(text.starts_with("3 argon2id m=65536 t=4 p=2 salt="), "{text}");
    let again: PassphraseParams = text.parse().unwrap();
    assert_eq!(again, params);
    assert_eq!(opens_under(made, again.unlock(&right).unwrap()).await, None);
    assert_eq!(again.unlock(&Secret::new("correcto caballo bateria")).unwrap_err().code(), Code::RootKeyWrong);
    assert_eq!(PassphraseParams::fresh(1, &Secret::new("short")).unwrap_err().code(), Code::RootKeyWrong);
    let greedy = text.replace("m=65536", "m=4294967295");
    for broken in ["", "3", "3 scrypt", &text.replace("salt=", "salz="), &greedy, &text.replace("t=4", "t=33")] {
        assert_eq!(broken.parse::<PassphraseParams>().unwrap_err().code(), Code::RootKeyWrong, "{broken}");
    }
    covers!("vault: a root key from a passphrase by Argon2id, wrong passphrase told, stored parameters bounded");
}

#[tokio::test]
async fn keys_of_a_file_follow_it() {
    let (_folder, path) = file();
    let (old, memory) = Memory::vault(RootKeys::open_or_create_file(&path).unwrap());
    let (mine, other) = (scope(0), scope(1));
    let blob = old.seal_bytes(&mine, "x", b"x").await.unwrap();

    // Another process rotates and retires; this one holds version 1 only.
    let system = fedatario_base::SystemScope::for_this_process();
    let second = fedatario_vault::Vault::new(RootKeys::add_version_to_file(&path).unwrap(), memory.clone(), memory.clone());
    assert_eq!(second.rewrap_tenant_keys(&system, KeyClass::House).await.unwrap().behind, 0);
    RootKeys::retire_in_file(&path, 1).unwrap();
    assert_eq!(*old.open_bytes(&mine, "x", &blob).await.unwrap(), b"x");

    // What is new is wrapped by the newest of the file, never by one that is only remembered.
    RootKeys::add_version_to_file(&path).unwrap();
    let theirs = old.seal_bytes(&other, "y", b"y").await.unwrap();
    let third = fedatario_vault::Vault::new(RootKeys::open_file(&path).unwrap(), memory.clone(), memory.clone());
    assert_eq!(third.roots_behind(&system, KeyClass::House).await.unwrap(), 1, "mine, and not the other's");
    assert_eq!(*third.open_bytes(&other, "y", &theirs).await.unwrap(), b"y");

    // Without the file nothing new is wrapped, and what is held still opens.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(old.seal_bytes(&scope(2), "z", b"z").await.unwrap_err().code(), Code::RootKeyMissing);
    assert_eq!(*old.open_bytes(&mine, "x", &blob).await.unwrap(), b"x");
    covers!("vault: a running process follows its root key file through rotation and retirement");
}
