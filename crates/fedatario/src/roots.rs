//! Root keys and the vault over them: where the keys of each class come from, who makes them, and their
//! rotation.
//!
//! There are two classes. What leads to a taxpayer's private key stands under the class *signer*
//! (`signer.key`, `FEDATARIO_SIGNER_KEY`), everything else under the class *house* (`root.key`,
//! `FEDATARIO_ROOT_KEY`). A process that asks a signer which runs alone holds the house's alone.

use crate::failure::Failure;
use crate::house::House;
use crate::{config, files, locks, signer};
use fedatario_app::audit_trail;
use fedatario_app::custody::KeyStatus;
use fedatario_app::descarga::transition::Moment;
use fedatario_base::{Code, Secret, SystemScope};
use fedatario_store::{Db, VaultStore};
use fedatario_vault::{KeyClass, PassphraseParams, RootKeys, RotationPlan, TenantKeys, Vault};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of root keys that are files.
#[derive(Debug, Clone, Default)]
pub struct RootFiles {
    house: Option<PathBuf>,
    signer: Option<PathBuf>,
}

impl RootFiles {
    /// The file of a class.
    pub fn of(&self, class: KeyClass) -> Option<&Path> {
        match class {
            KeyClass::House => self.house.as_deref(),
            KeyClass::Signer => self.signer.as_deref(),
        }
    }
}

/// The vault of a process that answers calls or works: its own hands sign, unless `FEDATARIO_SIGNER_URL`
/// names a signer.
pub async fn vault(
    dir: &Path,
    db: &Db,
    hands: &SystemScope,
    custody: Arc<VaultStore>,
    makes: bool,
) -> Result<(Vault, RootFiles), Failure> {
    let remote = signer::remote()?;
    // Where taxpayers' keys rest, a root key was here and is gone: a new one would be a second installation.
    let is_fresh = nothing_is_sealed(db, hands, KeyClass::House).await? && nothing_is_sealed(db, hands, KeyClass::Signer).await?;
    let makes_house = makes && is_fresh;
    let (roots, house) = root_keys(dir, KeyClass::House, makes_house)?;
    let is_file = house.is_some();
    let vault = Vault::new(roots, Arc::new(db.clone()), custody);
    if let Some(signer) = remote {
        return Ok((vault.with_signer(signer), RootFiles { house, signer: None }));
    }
    if !is_file && !is_given(KeyClass::Signer)? {
        // Keys that were given from outside serve both classes: a file beside them might be gone tomorrow.
        return Ok((vault, RootFiles { house, signer: None }));
    }
    let makes_signer = nothing_is_sealed(db, hands, KeyClass::Signer).await?;
    let (keys, signer) = root_keys(dir, KeyClass::Signer, makes_signer)?;
    Ok((vault.with_signer_keys(keys), RootFiles { house, signer }))
}

/// The vault of a signer: the keys of the house only where they are, to move what they still wrap.
pub async fn signers_vault(
    dir: &Path,
    db: &Db,
    hands: &SystemScope,
    custody: Arc<VaultStore>,
    makes: bool,
) -> Result<(Vault, RootFiles), Failure> {
    let makes = makes && nothing_is_sealed(db, hands, KeyClass::Signer).await?;
    let (keys, signer) = root_keys(dir, KeyClass::Signer, makes)?;
    let has_house = is_given(KeyClass::House)? || dir.join("root.key").exists();
    let (house, file) = match has_house {
        true => root_keys(dir, KeyClass::House, false).map(|(keys, file)| (Some(keys), file))?,
        false => (None, None),
    };
    Ok((Vault::of_signer(house, keys, Arc::new(db.clone()), custody), RootFiles { house: file, signer }))
}

/// The names of a class: of the key and the passphrase in the environment, and of its files.
fn names(class: KeyClass) -> (&'static str, &'static str, &'static str) {
    match class {
        KeyClass::House => ("FEDATARIO_ROOT_KEY", "FEDATARIO_ROOT_PASSPHRASE", "root"),
        KeyClass::Signer => ("FEDATARIO_SIGNER_KEY", "FEDATARIO_SIGNER_PASSPHRASE", "signer"),
    }
}

/// Whether the environment gives the root keys of a class.
pub fn is_given(class: KeyClass) -> Result<bool, Failure> {
    let (key, passphrase, _) = names(class);
    Ok(config::secret(key)?.is_some() || config::secret(passphrase)?.is_some())
}

/// The root keys of a class, and the file that they lie in if they do: `FEDATARIO_ROOT_KEY`,
/// `FEDATARIO_ROOT_PASSPHRASE`, else `root.key` in the folder; `SIGNER` and `signer.key` for the other
/// class. What is not there is made by whoever comes first and `makes`; a key made beside data of
/// another would open nothing.
pub fn root_keys(dir: &Path, class: KeyClass, makes: bool) -> Result<(RootKeys, Option<PathBuf>), Failure> {
    let (key, passphrase, file) = names(class);
    if let Some(text) = config::secret(key)? {
        return Ok((RootKeys::from_text(&text)?, None));
    }
    if let Some(passphrase) = config::secret(passphrase)? {
        return Ok((passphrase_keys(dir, file, &passphrase, makes)?, None));
    }
    let path = dir.join(format!("{file}.key"));
    let roots = if makes {
        locks::alone(&dir.join("run"), file, || Ok(RootKeys::open_or_create_file(&path)?))?
    } else {
        RootKeys::open_file(&path)?
    };
    Ok((roots, Some(path)))
}

/// Whether no key of any tenant is wrapped yet by a class: only then may its root key be made. Where one
/// is missing beside sealed data, a new one would open nothing and take the place of the one to be put back.
pub async fn nothing_is_sealed(db: &Db, hands: &SystemScope, class: KeyClass) -> Result<bool, Failure> {
    /// No root key has this version, so that every key counts.
    const NO_VERSION: u32 = 0;
    let keys = TenantKeys::behind(db, hands, class, NO_VERSION).await;
    Ok(keys.map_err(|error| Failure::new(error.code(), error.to_string()))? == 0)
}

/// The parameters of a passphrase lie beside the database; they are made once and are no secret.
fn passphrase_keys(dir: &Path, file: &str, passphrase: &Secret, makes: bool) -> Result<RootKeys, Failure> {
    locks::alone(&dir.join("run"), file, || {
        let path = dir.join(format!("{file}.argon2"));
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok(text.trim().parse::<PassphraseParams>()?.unlock(passphrase)?),
            Err(error) if makes && error.kind() == ErrorKind::NotFound => {}
            // What cannot be read is not replaced: another salt is another key.
            Err(error) => return Err(Failure::new(Code::RootKeyMissing, format!("{}: {error}", path.display()))),
        }
        let (params, roots) = PassphraseParams::fresh(1, passphrase)?;
        files::write_private(&path, format!("{params}\n").as_bytes())?;
        Ok(roots)
    })
}

/// The file that a root key of a class can be rotated in.
fn rotatable(house: &House, class: KeyClass) -> Result<&Path, Failure> {
    let elsewhere = || {
        let text = format!("the root key of the class {} comes from elsewhere", class.text());
        Failure::new(Code::ConfigInvalid, text).saying("cli-root-elsewhere")
    };
    house.root_files.of(class).ok_or_else(elsewhere)
}

/// What rotating the root key of a class would do now. Nothing is written.
pub async fn plan_root(house: &House, class: KeyClass) -> Result<RotationPlan, Failure> {
    rotatable(house, class)?;
    Ok(house.app.vault.plan_root(&house.hands, class).await?)
}

/// Makes a new version of a root key in its file and wraps every tenant's keys under it. Ended
/// half-way it is taken up again by the next call: with anything behind, no further version is made.
pub async fn rotate_root(house: &House, class: KeyClass) -> Result<KeyStatus, Failure> {
    let made = next_root(house, class, rotatable(house, class)?).await?;
    let mut moved = 0;
    loop {
        let progress = house.app.vault.rewrap_tenant_keys(&house.hands, class).await?;
        moved += progress.moved;
        if progress.behind == 0 || progress.moved == 0 {
            let status = KeyStatus { behind: progress.behind, made, moved };
            tell_rotation(house, class, &status).await?;
            return Ok(status);
        }
    }
}

/// Looking and adding are one step for everybody else: of two rotations neither loses its key.
async fn next_root(house: &House, class: KeyClass, path: &Path) -> Result<Option<u32>, Failure> {
    let _alone = locks::take(&house.dir.join("run"), names(class).2)?;
    if house.app.vault.roots_behind(&house.hands, class).await? > 0 {
        return Ok(None);
    }
    Ok(Some(RootKeys::add_version_to_file(path)?.current_version()))
}

async fn tell_rotation(house: &House, class: KeyClass, status: &KeyStatus) -> Result<(), Failure> {
    let now = Moment::now(&house.app, &house.scope);
    let event = audit_trail::entry(&now, "vault.root_key", &house.scope.tenant().to_string(), "rotated");
    let event = event.field("class", class.text()).field("moved", status.moved).field("behind", status.behind);
    let mut tx = house.app.store.begin(&house.scope).await?;
    tx.append(event, None).await?;
    Ok(tx.commit().await?)
}
