//! HTTPS for clients that insist on it, under an authority made for this run.
//!
//! The authority's certificate is to be given to the client as one it trusts; its key is forgotten
//! when the server's certificate is signed, so that nobody can use it for anything else.

use super::http::{self, Stream};
use super::sandbox::Sandbox;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why HTTPS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A name is none, or no certificate could be made.
    #[error("no certificate could be made for the sandbox")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be used.
    #[error("the sandbox's certificate could not be used")]
    Server(#[from] tokio_rustls::rustls::Error),
}

impl TlsError {
    /// Its place in the table of error codes.
    pub fn code(&self) -> fedatario_base::Code {
        match self {
            Self::Certificate(_) | Self::Server(_) => fedatario_base::Code::ConfigInvalid,
        }
    }
}

/// What is needed to serve HTTPS.
pub struct Tls {
    acceptor: TlsAcceptor,
    authority_pem: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Tls {
    /// A fresh authority and a certificate of it for these names and addresses.
    pub fn generate(names: &[&str]) -> Result<Self, TlsError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "Fedatario sandbox TLS");
        let key = KeyPair::generate()?;
        let authority_pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(server)), authority_pem })
    }

    /// The certificate that a client must trust, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// Takes a connection in; none if the client did not agree on a secret.
    pub(super) async fn accept(self: Arc<Self>, stream: TcpStream) -> Option<Box<dyn Stream>> {
        let stream = self.acceptor.accept(stream).await.ok()?;
        Some(Box::new(stream))
    }
}

/// As [`serve`](super::serve), over TLS.
pub async fn serve_tls(listener: TcpListener, sandbox: Arc<Sandbox>, tls: Tls) -> std::io::Result<()> {
    http::serve_with(listener, sandbox, Some(Arc::new(tls))).await
}
