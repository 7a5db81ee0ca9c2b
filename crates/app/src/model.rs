//! What the services keep: taxpayers, credentials, requests, packages, documents, jobs.
//!
//! Plain values without behaviour beyond their texts. Each closed set has one permanent text, the
//! same in SQL, JSON and logs; an unknown text read back is an error, never a default.

use fedatario_base::id::{CredentialId, TaxpayerId};
pub use fedatario_vault::{KeyUse, Owner};
use jiff::Timestamp;

macro_rules! texts {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every value there is.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// Its permanent text.
            pub fn text(self) -> &'static str { match self { $($name::$variant => $text),* } }

            /// The value of a text, if there is one.
            pub fn from_text(text: &str) -> Option<Self> { match text { $($text => Some($name::$variant),)* _ => None } }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.text()) }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_str(self.text()) }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                Self::from_text(&text).ok_or_else(|| serde::de::Error::custom(format!("unknown {}: {text}", stringify!($name))))
            }
        }
    };
}

mod certificates;
mod documents;
mod found;
mod jobs;
mod requests;

pub use certificates::*;
pub use documents::*;
pub use found::*;
pub use jobs::*;
pub use requests::*;

pub(crate) use texts;

texts! {
    /// Which kind of tax id names a taxpayer.
    TaxpayerKind {
        /// Mexico.
        Rfc = "rfc",
        /// Dominican Republic.
        Rnc = "rnc",
        /// Panama.
        Ruc = "ruc",
    }
}

texts! {
    /// Where a taxpayer's calls go; fixed at registration.
    Environment {
        /// A simulator.
        Sandbox = "sandbox",
        /// The authority itself.
        Production = "production",
    }
}

texts! {
    /// What a credential is for.
    CredentialKind {
        /// SAT's e.firma.
        Fiel = "fiel",
        /// SAT's seal certificate.
        Csd = "csd",
        /// For Dominican e-CF.
        Ecf = "ecf",
        /// A Panamanian one.
        Pa = "pa",
    }
}

texts! {
    /// Whether a credential may be used.
    CredentialState {
        /// The one in use.
        Active = "active",
        /// It waits for its instant.
        Next = "next",
        /// Another took its place; its key rests for a while yet.
        Replaced = "replaced",
        /// Its key is gone; the certificate stays.
        Destroyed = "destroyed",
        /// The authority refused it (304, 305), or an operator did.
        Blocked = "blocked",
    }
}

/// A fiscal identity of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxpayer {
    /// Its id.
    pub id: TaxpayerId,
    /// Kind of tax id.
    pub kind: TaxpayerKind,
    /// The tax id, normalised.
    pub tax_id: String,
    /// Name as the certificate or the first document has it.
    pub name: String,
    /// Where its calls go.
    pub environment: Environment,
    /// When it was registered (wall).
    pub created: Timestamp,
}

/// A credential as stored: everything but the key in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub owner: Owner,
    /// What it is for.
    pub kind: CredentialKind,
    /// The certificate number: SAT's twenty digits, else the serial number.
    pub number: String,
    /// What its people call it.
    pub name: String,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Validity, from.
    pub not_before: Timestamp,
    /// Validity, to.
    pub not_after: Timestamp,
    /// Whether it may be used.
    pub state: CredentialState,
    /// Why it is blocked, in SAT's code.
    pub reason: Option<String>,
    /// The data key, wrapped by the tenant key; empty once it is destroyed.
    pub wrapped_key: Vec<u8>,
    /// Of which class that tenant key is.
    pub key_use: KeyUse,
    /// Version of the tenant key that wraps it.
    pub key_version: i64,
    /// SHA-256 of the object.
    pub digest: [u8; 32],
    /// Path of the object: the ciphertext of the private key.
    pub object: String,
    /// The instant at which it takes the place of the one in use, while it waits (wall).
    pub activate: Option<Timestamp>,
    /// When another took its place (wall).
    pub replaced: Option<Timestamp>,
    /// Until when its key rests after that (wall).
    pub keep_until: Option<Timestamp>,
    /// The actor that put it in.
    pub uploaded_by: String,
    /// When it was admitted (wall).
    pub created: Timestamp,
}
