//! Whether the vault opens, and under which versions of keys things lie.

use crate::{KeyClass, KeyUse, Vault, VaultError};
use fedatario_base::Scope;

/// A tenant's newest key of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStanding {
    /// What it is for.
    pub key_use: KeyUse,
    /// Its version.
    pub version: u32,
    /// The version of the root key that wraps it.
    pub root_version: u32,
    /// Whether that root key is here and opens it.
    pub opens: bool,
}

/// Where the keys of a tenant stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The version of the house's root key that wraps what is new.
    pub root_version: u32,
    /// The same of the class signer; nothing where the signer runs alone and keeps it to itself.
    pub signer_root_version: Option<u32>,
    /// The newest key of each use that the tenant has.
    pub keys: Vec<KeyStanding>,
}

impl Standing {
    /// Whether something lies under a key that is not here.
    pub fn is_sealed(&self) -> bool {
        self.keys.iter().any(|it| !it.opens)
    }

    /// How many of the keys an older root key wraps, as far as is known here.
    pub fn under_older(&self) -> u64 {
        let is_older = |it: &&KeyStanding| match it.key_use.class() {
            KeyClass::House => it.root_version != self.root_version,
            KeyClass::Signer => self.signer_root_version.is_some_and(|current| current != it.root_version),
        };
        self.keys.iter().filter(is_older).count() as u64
    }
}

impl Vault {
    /// Where the keys of a tenant stand. Makes none.
    pub async fn standing(&self, scope: &Scope) -> Result<Standing, VaultError> {
        let mut keys = Vec::new();
        for key_use in KeyUse::ALL {
            let Some(row) = self.tenant_keys.current(scope, *key_use).await? else { continue };
            let opens = match self.remote().filter(|_| key_use.class() == KeyClass::Signer) {
                Some(signer) => signer.alive().await.is_ok(), // Whether it opens there is seen where it is used.
                None => self.unwrap(scope.tenant(), &row).is_ok(),
            };
            keys.push(KeyStanding { key_use: *key_use, version: row.version, root_version: row.root_version, opens });
        }
        let current = |class| self.roots(class).map(|it| it.current_version());
        Ok(Standing { root_version: current(KeyClass::House)?, signer_root_version: current(KeyClass::Signer).ok(), keys })
    }
}
