//! Why something is not what it should be.

use fedatario_base::Code;

/// A refusal of a format or a rule. No variant holds what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not an address of mail.
    #[error("not an address of mail")]
    Email,
    /// A password of fewer code points than the policy asks for.
    #[error("the password is shorter than {} characters", crate::password::LEAST)]
    PasswordShort,
    /// A password of more code points than anything here takes.
    #[error("the password is longer than {} characters", crate::password::MOST)]
    PasswordLong,
    /// A password that is guessed first.
    #[error("the password is one of those that are guessed first")]
    PasswordWeak,
    /// A token that is none of ours, or whose signature, time or claims are wrong.
    #[error("not a good token")]
    Token,
    /// A key of a program that is none of ours.
    #[error("not a key")]
    ApiKey,
    /// A stored hash or secret that this program cannot use.
    #[error("a stored secret cannot be used: {0}")]
    Stored(&'static str),
    /// A cryptographic operation failed.
    #[error("cryptography failed: {0}")]
    Crypto(&'static str),
}

impl IdentityError {
    /// Its place in the table of codes.
    pub fn code(self) -> Code {
        match self {
            IdentityError::Email => Code::EmailFormat,
            IdentityError::PasswordShort => Code::PasswordShort,
            IdentityError::PasswordLong => Code::PasswordLong,
            IdentityError::PasswordWeak => Code::PasswordWeak,
            IdentityError::Token | IdentityError::ApiKey => Code::Unauthenticated,
            IdentityError::Stored(_) | IdentityError::Crypto(_) => Code::CryptoFailed,
        }
    }
}
