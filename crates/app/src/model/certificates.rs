//! Credentials as they are asked for, who signs with what, and for whom by delegation.

use super::{CredentialKind, CredentialState};
use fedatario_base::id::{CredentialId, TaxpayerId, UserId};
use jiff::Timestamp;

/// Which credentials are meant; what is not said lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFilter {
    /// In one of these states; none named: in any.
    pub states: Vec<CredentialState>,
    /// Of this kind.
    pub kind: Option<CredentialKind>,
    /// Of this taxpayer.
    pub taxpayer: Option<TaxpayerId>,
    /// Not valid any more from this instant on.
    pub expires_before: Option<Timestamp>,
    /// The person whose own are among them; those of others never are.
    pub personal_of: Option<UserId>,
    /// Only that person's own, and no taxpayer's.
    pub personal_only: bool,
}

/// An RNC for which a credential signs, because its taxpayer delegated the holder at DGII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The credential.
    pub credential: CredentialId,
    /// The RNC.
    pub rnc: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, if it ended or will.
    pub to: Option<Timestamp>,
    /// The actor that wrote it down.
    pub granted_by: String,
}

texts! {
    /// With whose certificate a person signs.
    SignatureMode {
        /// With the taxpayer's active one.
        Organization = "ORGANIZATION",
        /// With their own.
        Personal = "PERSONAL",
    }
}

/// How a person signs in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureConfig {
    /// With whose certificate.
    pub mode: SignatureMode,
    /// Their own certificate, once they have one.
    pub credential: Option<CredentialId>,
    /// Whether without a proof of presence for each signature.
    pub auto_sign: bool,
    /// Whether they are told before their own expires.
    pub notify: bool,
    /// Grows with each change; 0 if nothing was ever set.
    pub revision: i64,
}

impl Default for SignatureConfig {
    fn default() -> Self {
        Self { mode: SignatureMode::Organization, credential: None, auto_sign: true, notify: true, revision: 0 }
    }
}
