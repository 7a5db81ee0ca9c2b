//! Who may talk to whom: a private authority, the signer's certificate and that of the other roles.
//!
//! [`make`] writes all of it into a new folder: `ca.pem` and `ca.key`, `signer/` for the signer's machine
//! and `client/` for those of the other roles, each with `ca.pem`, `cert.pem` and `key.pem`. Keys are
//! readable by their owner alone, and one that others may read is refused. Certificates say what they
//! are for: a client's does not serve, and the signer's asks nothing.

use fedatario_base::Code;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

/// The name in the signer's certificate: clients expect it, wherever the signer runs.
pub const SIGNER_NAME: &str = "signer.fedatario.internal";
/// What both sides must speak: another version of the wire is another word.
const PROTOCOL: &[u8] = b"fedatario-signer/1";
/// How long the authority and its certificates last, in years; a new folder replaces them.
const YEARS: i16 = 10;
/// Most bytes of a file of an identity.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Why an identity could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read or written, or is not what it should be.
    #[error("{0}")]
    File(String),
    /// No certificate could be made.
    #[error("no certificate could be made")]
    Certificate(#[from] rcgen::Error),
    /// Certificates or keys do not fit together.
    #[error("the identity could not be used: {0}")]
    Unusable(String),
}

impl IdentityError {
    /// Its place in the table of error codes.
    pub fn code(&self) -> Code {
        match self {
            Self::File(_) | Self::Certificate(_) | Self::Unusable(_) => Code::ConfigInvalid,
        }
    }
}

/// A certificate with its key, and the authority that the other side must belong to.
pub struct Identity {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Identity {
    /// Reads `ca.pem`, `cert.pem` and `key.pem` of a folder.
    pub fn open(dir: &Path) -> Result<Self, IdentityError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&dir.join("ca.pem"))? {
            roots.add(certificate).map_err(|error| IdentityError::Unusable(error.to_string()))?;
        }
        let path = dir.join("key.pem");
        let key = PrivateKeyDer::from_pem_slice(&read(&path, true)?).map_err(|error| unreadable(&path, error))?;
        Ok(Self { roots: Arc::new(roots), chain: certificates(&dir.join("cert.pem"))?, key })
    }

    /// What a client shows and expects.
    pub(crate) fn client(&self) -> Result<ClientConfig, IdentityError> {
        let unusable = |error: tokio_rustls::rustls::Error| IdentityError::Unusable(error.to_string());
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(config)
    }

    /// What the signer shows and expects.
    pub(crate) fn server(&self) -> Result<ServerConfig, IdentityError> {
        let unusable = |error: tokio_rustls::rustls::Error| IdentityError::Unusable(error.to_string());
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider()).build();
        let clients = clients.map_err(|error| IdentityError::Unusable(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(clients)
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Makes an authority with the identities of a signer and of its clients, in a folder that is not there
/// yet or empty. What is there is never written over: whoever trusts it would be left outside.
pub fn make(dir: &Path, now: Timestamp) -> Result<(), IdentityError> {
    let failed = |error: std::io::Error| IdentityError::File(format!("{}: {error}", dir.display()));
    if dir.exists() && std::fs::read_dir(dir).map_err(failed)?.next().is_some() {
        return Err(IdentityError::File(format!("{}: there is something in it already", dir.display())));
    }
    let mut authority = params("Fedatario signer authority", now)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let pem = authority.self_signed(&key)?.pem();
    private_dir(dir)?;
    write(&dir.join("ca.pem"), &pem)?;
    write(&dir.join("ca.key"), &Zeroizing::new(key.serialize_pem()))?;
    let issuer = Issuer::new(authority, key);
    leaf(&dir.join("signer"), &issuer, &pem, ExtendedKeyUsagePurpose::ServerAuth, now)?;
    leaf(&dir.join("client"), &issuer, &pem, ExtendedKeyUsagePurpose::ClientAuth, now)
}

fn leaf(
    dir: &Path,
    issuer: &Issuer<'_, KeyPair>,
    authority: &str,
    purpose: ExtendedKeyUsagePurpose,
    now: Timestamp,
) -> Result<(), IdentityError> {
    let is_signer = purpose == ExtendedKeyUsagePurpose::ServerAuth;
    let mut params = params(if is_signer { "Fedatario signer" } else { "Fedatario client of the signer" }, now)?;
    if is_signer {
        params.subject_alt_names = CertificateParams::new(vec![SIGNER_NAME.to_owned()])?.subject_alt_names;
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    private_dir(dir)?;
    write(&dir.join("ca.pem"), authority)?;
    write(&dir.join("cert.pem"), &certificate.pem())?;
    write(&dir.join("key.pem"), &Zeroizing::new(key.serialize_pem()))
}

fn params(name: &str, now: Timestamp) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |years| rcgen::date_time_ymd(i32::from(today.year() + years), today.month() as u8, (today.day() as u8).min(28));
    (params.not_before, params.not_after) = (day(0), day(YEARS));
    Ok(params)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let pem = read(path, false)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| unreadable(path, error))?;
    if all.is_empty() { Err(unreadable(path, "it holds no certificate")) } else { Ok(all) }
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> IdentityError {
    IdentityError::File(format!("{}: {error}", path.display()))
}

fn read(path: &Path, is_private: bool) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let found = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if found.len() > MAX_FILE_BYTES {
        return Err(unreadable(path, "larger than it may be"));
    }
    if is_private && found.permissions().mode() & 0o077 != 0 {
        return Err(unreadable(path, "others may read it; chmod 600"));
    }
    Ok(Zeroizing::new(std::fs::read(path).map_err(|error| unreadable(path, error))?))
}

fn private_dir(dir: &Path) -> Result<(), IdentityError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| unreadable(dir, error))
}

fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    let written = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| unreadable(path, error))
}
