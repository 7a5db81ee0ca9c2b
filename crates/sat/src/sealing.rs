//! Where documents get their signatures: the vault, asked with a profile and never with bytes.

use crate::envelope::{Message, login_envelope};
use async_trait::async_trait;
use fedatario_app::ports::SatAccount;
use fedatario_upstream::PortError;
use fedatario_vault::Vault;
use fedatario_xmlsig::Profile;
use jiff::Timestamp;

pub use fedatario_xmlsig::Form;

/// Signs a document under one of SAT's profiles. The vault does; tests of transport use less.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The document with its signature, made with the account's credential.
    async fn seal(&self, account: &SatAccount, profile: Profile, document: &[u8], now: Timestamp) -> Result<Vec<u8>, PortError>;
}

#[async_trait]
impl Signer for Vault {
    async fn seal(&self, account: &SatAccount, profile: Profile, document: &[u8], now: Timestamp) -> Result<Vec<u8>, PortError> {
        let sealed = Vault::seal(self, &account.scope, account.credential, profile, document, now).await;
        sealed.map_err(|error| PortError::caused(error.code(), "the vault could not sign for SAT", error))
    }
}

/// The whole envelope of a login, its stamp starting `now`.
pub(crate) async fn login(signer: &dyn Signer, account: &SatAccount, now: Timestamp) -> Result<Vec<u8>, PortError> {
    let document = login_envelope(now, uuid::Uuid::new_v4());
    signer.seal(account, Profile::SatToken, document.as_bytes(), now).await
}

/// The whole envelope of a request.
pub(crate) async fn request(
    signer: &dyn Signer,
    account: &SatAccount,
    message: &Message,
    form: Form,
    now: Timestamp,
) -> Result<Vec<u8>, PortError> {
    let element = message.operation_element();
    let signed = signer.seal(account, Profile::SatRequest(form), element.as_bytes(), now).await?;
    let foreign = || PortError::new(fedatario_base::Code::Internal, "the signer answered another document");
    message.envelope(&signed).ok_or_else(foreign)
}
