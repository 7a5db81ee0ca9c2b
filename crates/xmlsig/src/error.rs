//! What can go wrong, and the code of each.

use fedatario_base::Code;

/// Why a document cannot be read, signed or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlSigError {
    /// A bound on size, attributes, nodes or canonical output.
    #[error("the XML exceeds a bound: {0}")]
    TooLarge(&'static str),
    /// Elements nested deeper than allowed.
    #[error("the XML is nested too deeply")]
    TooDeep,
    /// A document type declaration, which nothing here ever needs.
    #[error("the XML carries a DOCTYPE")]
    Doctype,
    /// Not well-formed, or not in UTF-8, or against the rules of namespaces.
    #[error("the XML is malformed at byte {at}: {what}")]
    Malformed {
        /// Offset in the bytes given.
        at: usize,
        /// Which rule is broken.
        what: &'static str,
    },
    /// Not a document that the profile signs.
    #[error("the profile does not sign this document: {0}")]
    Purpose(&'static str),
    /// No signature where the profile has it.
    #[error("there is no signature where the profile has it")]
    Missing,
    /// More than one of what there must be one of, or parts that do not belong.
    #[error("the signature is ambiguous: {0}")]
    Ambiguous(&'static str),
    /// An algorithm or transform outside the profile's closed list.
    #[error("the signature uses what the profile does not allow: {0}")]
    Algorithm(&'static str),
    /// A reference to anything but what the profile signs.
    #[error("the signature refers elsewhere: {0}")]
    Reference(&'static str),
    /// The key is not one that we trust.
    #[error("the signer is not trusted: {0}")]
    Untrusted(Refusal),
    /// The signature does not fit the signer's key.
    #[error("the signature value does not verify")]
    Invalid,
    /// What was signed is not what is here.
    #[error("the digest does not match the document")]
    Digest,
}

/// Why a certificate is not trusted, in the words and with the code of whoever decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code the failure carries.
    pub code: Code,
    /// For logs.
    pub reason: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// One that has no better code than *untrusted*.
    pub fn untrusted(reason: impl Into<String>) -> Self {
        Self::new(Code::SignatureUntrusted, reason)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.reason)
    }
}

impl XmlSigError {
    /// The code of the table.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge(_) => Code::XmlTooLarge,
            Self::TooDeep => Code::XmlTooDeep,
            Self::Doctype => Code::XmlDoctype,
            Self::Malformed { .. } => Code::XmlMalformed,
            Self::Purpose(_) => Code::PurposeRefused,
            Self::Missing => Code::SignatureMissing,
            Self::Ambiguous(_) => Code::SignatureAmbiguous,
            Self::Algorithm(_) => Code::SignatureAlgorithm,
            Self::Reference(_) => Code::SignatureReference,
            Self::Untrusted(refusal) => refusal.code,
            Self::Invalid => Code::SignatureInvalid,
            Self::Digest => Code::SignatureDigest,
        }
    }
}
