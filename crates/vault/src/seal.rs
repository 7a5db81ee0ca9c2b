//! Signing a document with a credential, for a purpose.
//!
//! The order is: permission, state, kind against profile, validity, the document itself, then the intent,
//! which is durable before a key is opened, the key, and the outcome, which is durable before anybody
//! sees the document. There is no way to have bytes signed: `xmlsig` writes the octets from a document
//! that fits the profile, and [`crate::document`] refuses whatever would pass for a message of our own
//! to an authority. Every use of a taxpayer's key goes this way, SAT's tokens and requests too.

use crate::credential::require;
use crate::document::{self, Read};
use crate::grant::Amount;
use crate::log::{Ending, Intent, Intention, Leave, Refusal, Unsigned};
use crate::opened::Opened;
use crate::{CredentialKind, CredentialRow, CredentialState, Vault, VaultError, cores, sha1};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use fedatario_base::id::{ApiKeyId, CredentialId, UserId};
use fedatario_base::{Actor, Code, Permission, Scope};
use fedatario_credentials::{Certificate, IssuerStyle, Pair};
use fedatario_xmlsig::{Form, Hash, Prepared, Profile, Signatory, XmlSigError, prepare, prepare_parsed};
use jiff::Timestamp;
use std::sync::Arc;

/// A document that was signed, and where the chain says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The signed document.
    pub document: Vec<u8>,
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// SHA-256 of the bytes handed in.
    pub handed_in: [u8; 32],
    /// The credential that signed.
    pub credential: CredentialId,
    /// Its number among the signatures of the credential.
    pub counter: u64,
    /// The number of the intent's entry in the tenant's chain.
    pub intended: u64,
    /// The number of the outcome's entry.
    pub ended: u64,
    /// The local name of the document's root.
    pub root: String,
    /// The total that was read.
    pub amount: Option<Amount>,
}

impl Vault {
    /// Signs `document` under `profile` with a credential of the scope's tenant.
    pub async fn seal(
        &self,
        scope: &Scope,
        credential: CredentialId,
        profile: Profile,
        document: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, VaultError> {
        self.seal_logged(scope, credential, profile, document, now).await.map(|it| it.document)
    }

    /// The same, with what the log says of it.
    pub async fn seal_logged(
        &self,
        scope: &Scope,
        credential: CredentialId,
        profile: Profile,
        document: &[u8],
        now: Timestamp,
    ) -> Result<Sealed, VaultError> {
        if let Some(signer) = self.remote() {
            return signer.seal(scope, credential, profile, document).await;
        }
        let handed_in = sha256(document);
        let ready = match self.ready(scope, credential, profile, document, now).await {
            Ok(ready) => ready,
            Err(error) => return Err(self.told(scope, credential, profile, handed_in, error).await),
        };
        let intention = Intention {
            credential,
            profile: document::profile_text(profile),
            purpose: document::purpose_text(profile),
            root: ready.root.clone(),
            document: handed_in,
            amount: ready.amount.clone(),
            rnc: ready.rnc.clone(),
            leave: if document::is_clients(profile) { Leave::Free } else { leave_of(scope.actor()) },
        };
        let intent = match self.credentials.intend(scope, intention).await {
            Ok(intent) => intent,
            Err(Unsigned::Refused(code)) => {
                self.opened.forget(scope.tenant(), credential);
                return Err(refusal(credential, code));
            }
            Err(Unsigned::Port(error)) => return Err(error.into()),
        };
        self.sign_intended(scope, profile, ready, &intent, handed_in).await
    }

    /// Everything that can be said before the intent.
    async fn ready(
        &self,
        scope: &Scope,
        credential: CredentialId,
        profile: Profile,
        document: &[u8],
        now: Timestamp,
    ) -> Result<Ready, VaultError> {
        require(scope, Permission::CredentialSign)?;
        let opened = self.opened.get(scope.tenant(), credential).filter(|_| !document::is_clients(profile));
        let (row, certificate) = match &opened {
            Some(opened) => (opened.row.clone(), opened.certificate.clone()),
            None => {
                let row = self.usable(scope, credential).await?;
                let certificate = Certificate::parse(&row.certificate).map_err(|_| VaultError::SealBroken)?;
                (row, certificate)
            }
        };
        require_purpose(row.kind, profile)?;
        certificate.check_valid_at(now)?;
        let Read { document, root, rnc, amount } = document::read(profile, document)?;
        let prepared = prepare_parsed(profile, &document, &signatory(&certificate, profile))?;
        Ok(Ready { opened, row, certificate, prepared, root, rnc, amount })
    }

    /// The key is opened, used, and what became of it is written. Whoever is dropped in between leaves
    /// an outcome too.
    async fn sign_intended(
        &self,
        scope: &Scope,
        profile: Profile,
        ready: Ready,
        intent: &Intent,
        handed_in: [u8; 32],
    ) -> Result<Sealed, VaultError> {
        let mut open = Open { vault: self, scope, intent, ending: Some(Ending::Failed(Code::CryptoFailed)) };
        let (root, amount) = (ready.root.clone(), ready.amount.clone());
        match self.signed(scope, profile, ready, intent).await {
            Ok(document) => {
                let digest = sha256(&document);
                open.ending = Some(Ending::Signed(digest));
                let ended = open.end().await?;
                let (credential, counter, intended) = (intent.credential, intent.counter, intent.entry);
                Ok(Sealed { document, digest, handed_in, credential, counter, intended, ended, root, amount })
            }
            Err(error) => {
                open.ending = Some(Ending::Failed(error.code()));
                open.end().await?;
                Err(error)
            }
        }
    }

    async fn signed(&self, scope: &Scope, profile: Profile, ready: Ready, intent: &Intent) -> Result<Vec<u8>, VaultError> {
        let Ready { opened, row, certificate, prepared, .. } = ready;
        // What the log saw is what signs: the certificate in the document is that of the key.
        if intent.row.certificate != row.certificate || intent.row.kind != row.kind {
            return Err(VaultError::SealBroken);
        }
        if document::is_clients(profile) {
            let key = self.private_key(scope, &intent.row, &certificate).await?;
            let kind = intent.row.kind;
            return cores::run(move || sign(kind, &key, profile, &prepared).map(|it| prepared.finish(&it))).await;
        }
        let opened = match opened.filter(|it| it.row == intent.row) {
            Some(opened) => opened,
            None => self.open(scope, intent.row.clone(), certificate).await?,
        };
        if prepared.hash() != Hash::Sha256 {
            return Err(VaultError::PurposeRefused(row.kind));
        }
        cores::run(move || sign_with(&opened.key, prepared.octets()).map(|it| prepared.finish(&it))).await
    }

    async fn open(&self, scope: &Scope, row: CredentialRow, certificate: Certificate) -> Result<Arc<Opened>, VaultError> {
        let key = self.private_key(scope, &row, &certificate).await?;
        let key = key_pair(&key)?;
        let opened = Arc::new(Opened { row, certificate, key });
        self.opened.keep(scope.tenant(), opened.clone());
        Ok(opened)
    }

    /// Closes every key that is open for a burst of documents.
    pub fn close_keys(&self) {
        self.opened.forget_all();
    }

    /// A refusal is chained before it is told; a failure of ours is no refusal.
    async fn told(
        &self,
        scope: &Scope,
        credential: CredentialId,
        profile: Profile,
        document: [u8; 32],
        error: VaultError,
    ) -> VaultError {
        let is_ours = matches!(error, VaultError::Port(_) | VaultError::Crypto(_) | VaultError::SealBroken);
        if is_ours {
            return error;
        }
        let refusal = Refusal { credential, profile: document::profile_text(profile), document, code: error.code() };
        match self.credentials.refused(scope, refusal).await {
            Ok(()) => error,
            Err(failed) => failed.into(),
        }
    }
}

/// What is ready to be signed.
struct Ready {
    opened: Option<Arc<Opened>>,
    row: CredentialRow,
    certificate: Certificate,
    prepared: Prepared,
    root: String,
    rnc: Option<String>,
    amount: Option<Amount>,
}

/// An intent without an outcome. Dropped, it ends as what is known by then.
struct Open<'a> {
    vault: &'a Vault,
    scope: &'a Scope,
    intent: &'a Intent,
    ending: Option<Ending>,
}

impl Open<'_> {
    async fn end(mut self) -> Result<u64, VaultError> {
        let Some(ending) = self.ending else { return Err(VaultError::Crypto("an intent ended twice")) };
        let entry = self.vault.credentials.ended(self.scope, self.intent, ending).await?;
        self.ending = None;
        Ok(entry)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            self.vault.credentials.abandon(self.scope, self.intent, ending);
        }
    }
}

/// Who stands behind it, of whomever a job is: a key of the API, a person, or the house.
fn leave_of(actor: &Actor) -> Leave {
    let behind = actor.originator();
    match () {
        () if behind.parse::<ApiKeyId>().is_ok() => Leave::Granted,
        () if behind.parse::<UserId>().is_ok() => Leave::Bound,
        () => Leave::Free,
    }
}

fn refusal(credential: CredentialId, code: Code) -> VaultError {
    match code {
        Code::CredentialMissing => VaultError::CredentialMissing(credential),
        Code::CredentialBlocked => VaultError::CredentialBlocked(credential),
        code => VaultError::Refused(code),
    }
}

/// The state in which a credential is used, or the reason why it is not.
pub fn require_state(state: CredentialState) -> Result<(), Code> {
    match state {
        CredentialState::Active => Ok(()),
        CredentialState::Blocked => Err(Code::CredentialBlocked),
        CredentialState::Next | CredentialState::Replaced | CredentialState::Destroyed => Err(Code::CredentialMissing),
    }
}

/// Signs `document` with a pair that its owner holds in the hand, for tools that work without a
/// vault: there is no custody, so there is nothing to ask but whether the certificate is within its
/// validity. SAT's messages are signed by our own clients only, and never here.
pub fn seal_with(pair: &Pair, profile: Profile, document: &[u8], now: Timestamp) -> Result<Vec<u8>, VaultError> {
    pair.certificate().check_valid_at(now)?;
    let prepared = prepare(profile, document, &signatory(pair.certificate(), profile))?;
    if prepared.hash() != Hash::Sha256 {
        return Err(XmlSigError::Purpose("SAT's messages are signed in the vault").into());
    }
    let signature = sign_sha256(pair.key().pkcs8_der(), prepared.octets())?;
    Ok(prepared.finish(&signature))
}

/// Which kinds sign what. SAT takes nothing but an e.firma: a login with a seal even succeeds
/// there, and fails at the next step with a code that blocks the taxpayer.
fn require_purpose(kind: CredentialKind, profile: Profile) -> Result<(), VaultError> {
    let is_allowed = match profile {
        Profile::SatToken | Profile::SatRequest(_) => kind == CredentialKind::Fiel,
        Profile::Dgii => kind == CredentialKind::Ecf,
        Profile::Plain => true,
    };
    if is_allowed { Ok(()) } else { Err(VaultError::PurposeRefused(kind)) }
}

fn signatory(certificate: &Certificate, profile: Profile) -> Signatory {
    let style = match profile {
        Profile::SatRequest(Form::Official) => IssuerStyle::DotNet,
        _ => IssuerStyle::Phpcfdi,
    };
    Signatory {
        certificate_der: certificate.der().to_vec(),
        issuer_name: certificate.issuer(style),
        serial_decimal: certificate.serial_decimal(),
    }
}

/// SHA-1 for SAT and for nobody else, whatever was prepared.
fn sign(kind: CredentialKind, pkcs8: &[u8], profile: Profile, prepared: &Prepared) -> Result<Vec<u8>, VaultError> {
    match (profile, prepared.hash()) {
        (Profile::SatToken | Profile::SatRequest(_), Hash::Sha1) => sha1::sign(pkcs8, prepared.octets()),
        (_, Hash::Sha1) => Err(VaultError::PurposeRefused(kind)),
        (_, Hash::Sha256) => sign_sha256(pkcs8, prepared.octets()),
    }
}

fn sign_sha256(pkcs8: &[u8], octets: &[u8]) -> Result<Vec<u8>, VaultError> {
    sign_with(&key_pair(pkcs8)?, octets)
}

fn key_pair(pkcs8: &[u8]) -> Result<KeyPair, VaultError> {
    KeyPair::from_pkcs8(pkcs8).map_err(|_| VaultError::Crypto("the key is not one the library reads"))
}

fn sign_with(key: &KeyPair, octets: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut signature)
        .map_err(|_| VaultError::Crypto("the key does not sign"))?;
    Ok(signature)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
