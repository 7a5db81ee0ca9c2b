//! What an operator may set of identity.

use fedatario_base::Secret;
use fedatario_identity::jwt::Audience;
use fedatario_identity::password::Cost;
use std::sync::Arc;

/// A list of leaked passwords, as an operator brings it.
pub trait Leaked: Send + Sync {
    /// Whether a password is on it.
    fn holds(&self, password: &Secret) -> bool;
}

/// How identity is set up.
#[derive(Clone)]
pub struct IdentitySettings {
    /// Who signs access tokens, and for whom.
    pub audience: Audience,
    /// Where people reach this installation: links in mails begin with it.
    pub public_url: String,
    /// What authenticators and mails call this installation.
    pub product: String,
    /// What a hash of a password costs.
    pub cost: Cost,
    /// Cores of the machine: they decide how many hashes run at once.
    pub cores: usize,
    /// Steps of tolerance of codes by time: 0 or 1.
    pub totp_tolerance: u16,
    /// Leaked passwords, if there is such a list.
    pub leaked: Option<Arc<dyn Leaked>>,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            audience: Audience { issuer: "fedatario".into(), audience: "fedatario-api".into() },
            public_url: "http://127.0.0.1:8080".into(),
            product: "Fedatario".into(),
            cost: Cost::default(),
            cores: std::thread::available_parallelism().map_or(1, |it| it.get()),
            totp_tolerance: 1,
            leaked: None,
        }
    }
}

impl std::fmt::Debug for IdentitySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("IdentitySettings");
        shown.field("audience", &self.audience).field("cost", &self.cost).field("leaked", &self.leaked.is_some());
        shown.finish_non_exhaustive()
    }
}
