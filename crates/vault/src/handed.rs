//! A certificate with its key as somebody hands it in: bytes and a password, looked at by nobody before
//! the vault.
//!
//! They travel as they came, so that a vault in another process is the first to open them. Whatever is
//! held here is wiped when it is dropped, and none of it is ever shown.

use fedatario_base::Secret;
use fedatario_credentials::{CredentialError, Pair};

/// The files of a certificate and its key.
pub enum Files {
    /// Both in one: `.p12`, `.pfx`.
    Pkcs12(Secret),
    /// One each, as SAT hands them out.
    Two {
        /// The certificate.
        cer: Secret,
        /// The private key, encrypted.
        key: Secret,
    },
}

/// Files with the password that opens them.
pub struct Handed {
    files: Files,
    password: Secret,
}

impl Handed {
    /// As it was handed in.
    pub fn new(files: Files, password: Secret) -> Self {
        Self { files, password }
    }

    /// The files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The password.
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// Opens it: the key belongs to the certificate, or it is an error. Takes a core for a while, so
    /// that it has no business on a thread that others wait for.
    pub fn open(&self) -> Result<Pair, CredentialError> {
        match &self.files {
            Files::Pkcs12(bytes) => Pair::from_pkcs12(bytes.expose(), &self.password),
            Files::Two { cer, key } => Pair::from_files(cer.expose(), key.expose(), &self.password),
        }
    }
}

impl std::fmt::Debug for Handed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.files {
            Files::Pkcs12(_) => "pkcs12",
            Files::Two { .. } => "cer and key",
        };
        f.debug_tuple("Handed").field(&what).finish()
    }
}
