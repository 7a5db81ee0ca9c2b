//! Signing a document with a credential, for a purpose.
//!
//! The order is: permission, state, kind against profile, validity, the document itself, and only
//! then the key, which is opened for the one signature and wiped. There is no way to have bytes
//! signed: `xmlsig` writes the octets from a document that fits the profile, and the plain profile
//! refuses whatever would pass for a message of our own to an authority.

use crate::credential::require;
use crate::{CredentialKind, CredentialRow, Vault, VaultError, sha1};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use fedatario_base::id::CredentialId;
use fedatario_base::{Permission, Scope};
use fedatario_credentials::{Certificate, IssuerStyle, Pair};
use fedatario_xmlsig::{Document, Form, Hash, Limits, Prepared, Profile, Signatory, XmlSigError, prepare};
use jiff::Timestamp;

/// Namespaces of messages that only our own clients may have signed.
const AUTHORITY_NAMESPACES: [&str; 4] = [
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://DescargaMasivaTerceros.sat.gob.mx",
    "http://DescargaMasivaTerceros.gob.mx",
];
/// DGII's login: a signed seed is a session.
const SEED: &str = "SemillaModel";

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
        require(scope, Permission::CredentialSign)?;
        let row = self.usable(scope, credential).await?;
        require_purpose(row.kind, profile)?;
        let certificate = Certificate::parse(&row.certificate).map_err(|_| VaultError::SealBroken)?;
        certificate.check_valid_at(now)?;
        refuse_oracle(&row, profile, document)?;
        let prepared = prepare(profile, document, &signatory(&certificate, profile))?;
        let key = self.private_key(scope, &row, &certificate).await?;
        let signature = sign(&row, &key, profile, &prepared)?;
        Ok(prepared.finish(&signature))
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

fn refuse_oracle(row: &CredentialRow, profile: Profile, document: &[u8]) -> Result<(), VaultError> {
    if profile != Profile::Plain {
        return Ok(());
    }
    let document = Document::parse(document, Limits::VERIFY)?;
    let is_reserved = document
        .root()
        .descendants()
        .any(|it| it.is_element() && (AUTHORITY_NAMESPACES.contains(&it.namespace()) || it.local() == SEED));
    if is_reserved { Err(VaultError::PurposeRefused(row.kind)) } else { Ok(()) }
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
fn sign(row: &CredentialRow, pkcs8: &[u8], profile: Profile, prepared: &Prepared) -> Result<Vec<u8>, VaultError> {
    match (profile, prepared.hash()) {
        (Profile::SatToken | Profile::SatRequest(_), Hash::Sha1) => sha1::sign(pkcs8, prepared.octets()),
        (_, Hash::Sha1) => Err(VaultError::PurposeRefused(row.kind)),
        (_, Hash::Sha256) => sign_sha256(pkcs8, prepared.octets()),
    }
}

fn sign_sha256(pkcs8: &[u8], octets: &[u8]) -> Result<Vec<u8>, VaultError> {
    let key = KeyPair::from_pkcs8(pkcs8).map_err(|_| VaultError::Crypto("the key is not one the library reads"))?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut signature)
        .map_err(|_| VaultError::Crypto("the key does not sign"))?;
    Ok(signature)
}
