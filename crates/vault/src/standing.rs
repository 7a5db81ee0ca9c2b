//! Whether the vault opens, and under which versions of keys things lie.

use crate::{KeyUse, Vault, VaultError};
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
    /// The version of the root key that wraps what is new.
    pub root_version: u32,
    /// The newest key of each use that the tenant has.
    pub keys: Vec<KeyStanding>,
}

impl Standing {
    /// Whether something lies under a key that is not here.
    pub fn is_sealed(&self) -> bool {
        self.keys.iter().any(|it| !it.opens)
    }
}

impl Vault {
    /// Where the keys of a tenant stand. Makes none.
    pub async fn standing(&self, scope: &Scope) -> Result<Standing, VaultError> {
        let mut keys = Vec::new();
        for key_use in KeyUse::ALL {
            let Some(row) = self.tenant_keys.current(scope, *key_use).await? else { continue };
            let opens = self.unwrap(scope.tenant(), &row).is_ok();
            keys.push(KeyStanding { key_use: *key_use, version: row.version, root_version: row.root_version, opens });
        }
        Ok(Standing { root_version: self.roots.current_version(), keys })
    }
}
