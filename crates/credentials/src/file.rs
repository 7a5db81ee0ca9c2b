//! What a file of credentials is, by its bytes: names of files are no evidence.

use crate::pem;
use x509_cert::der::{Decode as _, Header, Reader as _, SliceReader, Tag};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A certificate, in DER, PEM or base64.
    Certificate,
    /// A private key that anybody can read.
    PlainKey,
    /// A private key under a password.
    EncryptedKey,
    /// Certificate and key together: `.p12`, `.pfx`.
    Pkcs12,
}

impl FileKind {
    /// Looks at the outermost structure and at nothing else; `None` of what is none of them.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.first() == Some(&0x30) {
            return of_der(bytes);
        }
        if pem::is_pem(bytes) {
            return of_pem(bytes);
        }
        of_der(&pem::base64(bytes)?)
    }

    /// Whether a password is needed to read it.
    pub fn needs_password(self) -> bool {
        matches!(self, Self::EncryptedKey | Self::Pkcs12)
    }
}

fn of_pem(bytes: &[u8]) -> Option<FileKind> {
    let block = pem::block(bytes, |it| it.ends_with("CERTIFICATE") || it.ends_with("PRIVATE KEY"))?;
    match block.label.as_str() {
        it if it.ends_with("CERTIFICATE") => Some(FileKind::Certificate),
        _ if block.dek_info.is_some() => Some(FileKind::EncryptedKey),
        "ENCRYPTED PRIVATE KEY" => Some(FileKind::EncryptedKey),
        _ => Some(FileKind::PlainKey),
    }
}

/// All of them are a SEQUENCE. A certificate begins with one that holds a version or a serial
/// number, an encrypted key with one that holds an identifier, a PKCS#12 with the number 3, a plain
/// key with another number.
fn of_der(der: &[u8]) -> Option<FileKind> {
    let mut reader = SliceReader::new(der).ok()?;
    Header::decode(&mut reader).ok()?;
    match Tag::peek(&reader).ok()? {
        Tag::Integer => {
            let is_three = reader.tlv_bytes().ok()? == [0x02, 0x01, 0x03];
            Some(if is_three { FileKind::Pkcs12 } else { FileKind::PlainKey })
        }
        Tag::Sequence => {
            Header::decode(&mut reader).ok()?;
            let is_identifier = Tag::peek(&reader).ok()? == Tag::ObjectIdentifier;
            Some(if is_identifier { FileKind::EncryptedKey } else { FileKind::Certificate })
        }
        _ => None,
    }
}
