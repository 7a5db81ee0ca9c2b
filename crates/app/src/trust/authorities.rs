//! The authorities that somebody configured, and where each can be asked.
//!
//! Each is trusted by itself, and vouches for its own country: one of Panama says nothing about a Dominican
//! certificate. One whose subject names none of the three countries vouches for all of them.

use fedatario_credentials::{Certificate, CredentialError, Kind, Purpose, chain};
use jiff::Timestamp;
use std::collections::HashMap;

/// Authorities that can be configured: what a path is looked for among.
pub const AUTHORITIES_AT_MOST: usize = chain::MAX_AUTHORITIES;
/// Addresses of each kind that one authority may have.
pub const PLACES_AT_MOST: usize = 4;
/// Countries whose authorities vouch for nobody else's.
const COUNTRIES: [&str; 3] = ["MX", "DO", "PA"];

/// Where an authority can be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Addresses of its responders.
    pub ocsp: Vec<String>,
    /// Addresses of its lists.
    pub crl: Vec<String>,
}

impl Places {
    fn is_empty(&self) -> bool {
        self.ocsp.is_empty() && self.crl.is_empty()
    }
}

/// Why a set of authorities is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// More than there can be.
    #[error("more than {AUTHORITIES_AT_MOST} authorities")]
    TooMany,
    /// Whoever puts a taxpayer's certificate there means something else.
    #[error("not the certificate of an authority: {0}")]
    NotAnAuthority(&'static str),
    /// More addresses than are asked.
    #[error("more than {PLACES_AT_MOST} addresses of one kind for an authority")]
    TooManyPlaces,
}

impl TrustError {
    /// Its place in the table of codes.
    pub fn code(&self) -> fedatario_base::Code {
        match self {
            Self::TooMany | Self::NotAnAuthority(_) | Self::TooManyPlaces => fedatario_base::Code::ConfigInvalid,
        }
    }
}

/// The way from a certificate to an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// It ends at one that is trusted: the certificate first, the authority last.
    Trusted(Vec<Certificate>),
    /// It ends nowhere, and why.
    Untrusted(CredentialError),
    /// No authority of its country is configured: nobody can tell.
    Unknown,
}

impl Chain {
    /// For programs.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Trusted(_) => "trusted",
            Self::Untrusted(_) => "untrusted",
            Self::Unknown => "unknown",
        }
    }

    /// Who issued the certificate, once that is proven.
    pub fn issuer(&self) -> Option<&Certificate> {
        match self {
            Self::Trusted(path) => path.get(1),
            Self::Untrusted(_) | Self::Unknown => None,
        }
    }

    /// The authority at its end.
    pub fn authority(&self) -> Option<&Certificate> {
        match self {
            Self::Trusted(path) => path.last(),
            Self::Untrusted(_) | Self::Unknown => None,
        }
    }
}

/// The authorities.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    all: Vec<Certificate>,
    places: HashMap<[u8; 32], Places>,
}

impl Trust {
    /// These, and where each can be asked.
    pub fn new(all: Vec<(Certificate, Places)>) -> Result<Self, TrustError> {
        if all.len() > AUTHORITIES_AT_MOST {
            return Err(TrustError::TooMany);
        }
        let mut trust = Self::default();
        for (certificate, places) in all {
            if certificate.kind() != Kind::Authority || !certificate.is_ca() {
                return Err(TrustError::NotAnAuthority("it may not sign certificates"));
            }
            if places.ocsp.len() > PLACES_AT_MOST || places.crl.len() > PLACES_AT_MOST {
                return Err(TrustError::TooManyPlaces);
            }
            if !places.is_empty() {
                trust.places.insert(certificate.fingerprint_sha256(), places);
            }
            if !trust.all.contains(&certificate) {
                trust.all.push(certificate);
            }
        }
        Ok(trust)
    }

    /// All of them.
    pub fn authorities(&self) -> &[Certificate] {
        &self.all
    }

    /// Where one can be asked, if it can.
    pub fn places_of(&self, authority: &Certificate) -> Option<&Places> {
        self.places.get(&authority.fingerprint_sha256())
    }

    /// The way up from a certificate. Its own time is another question: one that has run out is looked at as
    /// of its last day, so that whose it is can still be told.
    pub fn chain(&self, certificate: &Certificate, now: Timestamp) -> Chain {
        self.chain_by(certificate, &[], now)
    }

    /// The same by way of certificates that came along with it, who are believed as far as the path proves them.
    pub fn chain_by(&self, certificate: &Certificate, along: &[Certificate], now: Timestamp) -> Chain {
        let may: Vec<Certificate> = self.all.iter().filter(|it| vouches_for(it, certificate)).cloned().collect();
        if may.is_empty() {
            return Chain::Unknown;
        }
        let at = now.min(certificate.not_after()).max(certificate.not_before());
        match chain::path(certificate, &may, along, at) {
            Ok(path) => Chain::Trusted(path.into_iter().cloned().collect()),
            Err(error) => Chain::Untrusted(error),
        }
    }
}

/// Whether an authority's country and a certificate's agree.
fn vouches_for(authority: &Certificate, certificate: &Certificate) -> bool {
    let own = authority.country().map(str::to_ascii_uppercase);
    let Some(own) = own.filter(|it| COUNTRIES.contains(&it.as_str())) else { return true };
    let theirs = match certificate.purpose() {
        Purpose::Fiel | Purpose::Csd => Some("MX"),
        Purpose::Ecf => Some("DO"),
        Purpose::Pa => Some("PA"),
        Purpose::Authority | Purpose::Other => None,
    };
    theirs.is_none_or(|it| it == own)
}
