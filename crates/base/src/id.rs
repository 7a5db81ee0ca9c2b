//! Typed, prefixed, time-sortable identifiers.
//!
//! An id is a UUIDv7: 16 bytes in SQL and in the audit chain, and in paths, JSON and logs its
//! prefix, `_`, and 26 lower-case base32 digits (the TypeID form). Ids order by creation time.
//! They are names, never secrets.

use jiff::Timestamp;
use uuid::Uuid;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text names another kind of thing.
    #[error("expected an id that starts with `{expected}_`")]
    Prefix {
        /// The prefix that this kind of id carries.
        expected: &'static str,
    },
    /// What follows the prefix is not 26 base32 digits of 128 bits.
    #[error("an id has 26 base32 digits after its prefix")]
    Digits,
}

/// Writes the 26 digits of 128 bits, most significant first.
pub fn encode(bits: u128) -> String {
    (0..TEXT_LEN).rev().map(|place| DIGITS[(bits >> (place * 5)) as usize & 31] as char).collect()
}

/// Reads 26 digits; `None` for a wrong length, a foreign digit or more than 128 bits.
pub fn decode(text: &str) -> Option<u128> {
    if text.len() != TEXT_LEN || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0u128, |bits, byte| {
        let digit = DIGITS.iter().position(|it| *it == byte)?;
        Some((bits << 5) | digit as u128)
    })
}

/// A fresh UUIDv7 for the instant, random beyond the millisecond.
pub fn fresh(at: Timestamp) -> Uuid {
    let millis = at.as_millisecond().max(0) as u64;
    uuid::Builder::from_unix_timestamp_millis(millis, Uuid::new_v4().as_bytes()[6..].try_into().expect("ten bytes")).into_uuid()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(pub Uuid);

            impl $name {
                /// What its text starts with.
                pub const PREFIX: &'static str = $prefix;

                /// A fresh id, ordered by `at`.
                pub fn fresh(at: Timestamp) -> Self {
                    Self(fresh(at))
                }

                /// The 16 bytes as stored.
                pub fn bytes(&self) -> [u8; 16] {
                    self.0.into_bytes()
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    write!(f, "{}_{}", Self::PREFIX, encode(self.0.as_u128()))
                }
            }

            impl std::str::FromStr for $name {
                type Err = IdError;

                fn from_str(text: &str) -> Result<Self, IdError> {
                    let digits = text
                        .strip_prefix($prefix)
                        .and_then(|rest| rest.strip_prefix('_'))
                        .ok_or(IdError::Prefix { expected: $prefix })?;
                    decode(digits).map(|bits| Self(Uuid::from_u128(bits))).ok_or(IdError::Digits)
                }
            }
        )*

        /// Every prefix in use, for the test that keeps them unique.
        pub const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

ids! {
    /// An organisation that uses the installation.
    TenantId = "ten";
    /// A fiscal identity of a tenant.
    TaxpayerId = "txp";
    /// A certificate with its key.
    CredentialId = "crd";
    /// A mass-download request at SAT.
    SolicitudId = "sol";
    /// A package of a request.
    PackageId = "pkg";
    /// A unit of deferred work.
    JobId = "job";
    /// A schedule that makes jobs.
    ScheduleId = "sch";
    /// One call to an authority.
    ExchangeId = "exc";
    /// A thing that could not be read and was set aside.
    QuarantineId = "qua";
    /// One run over documents that says which are good.
    RevisionId = "rev";
    /// A list of taxpayers, as it was published on a day.
    ListId = "lst";
    /// One process that holds leases.
    HolderId = "hld";
    /// A person.
    UserId = "usr";
    /// A line of tokens that began with one login.
    SessionId = "ses";
    /// A key that a program shows.
    ApiKeyId = "key";
    /// A second factor of a person.
    FactorId = "fac";
    /// An invitation into a tenant.
    InvitationId = "inv";
    /// A role that a tenant defined.
    RoleId = "rol";
    /// An address outside that is told of events.
    WebhookId = "whk";
    /// One event.
    EventId = "evt";
    /// One event on its way to one address.
    DeliveryId = "dlv";
    /// A message that is to be mailed.
    MailId = "eml";
    /// One request over HTTP, as its answer names it.
    RequestId = "req";
    /// One command of the shell, as entries name it.
    CommandId = "cmd";
    /// A recovery of lost second factors.
    RecoveryId = "rcv";
    /// What somebody may have signed with a credential.
    GrantId = "grt";
    /// A notice of the end of a certificate.
    NoticeId = "ntc";
    /// A backup of key material that was asked for.
    BackupId = "vbk";
}

/// By what something is done, as entries name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A request over HTTP.
    Request(RequestId),
    /// A job; who began it stands in the entry as `on_behalf_of`.
    Job(JobId),
    /// A command of the shell.
    Command(CommandId),
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(id) => id.fmt(f),
            Self::Job(id) => id.fmt(f),
            Self::Command(id) => id.fmt(f),
        }
    }
}

impl std::str::FromStr for By {
    type Err = <RequestId as std::str::FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split('_').next() {
            Some("job") => text.parse().map(Self::Job),
            Some("cmd") => text.parse().map(Self::Command),
            _ => text.parse().map(Self::Request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_sorts_by_time() {
        let early = TaxpayerId::fresh(Timestamp::from_second(1_700_000_000).unwrap());
        let late = TaxpayerId::fresh(Timestamp::from_second(1_700_000_001).unwrap());
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(early.0.get_version_num(), 7);
    }

    #[test]
    fn the_published_typeid_vector_agrees() {
        let bits = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap().as_u128();
        assert_eq!(encode(bits), "01h455vb4pex5vsknk084sn02q");
        assert_eq!(decode("01h455vb4pex5vsknk084sn02q"), Some(bits));
    }

    #[test]
    fn foreign_texts_are_refused() {
        let cases =
            ["", "txp_", "job_01h455vb4pex5vsknk084sn02q", "txp_81h455vb4pex5vsknk084sn02q", "txp_01h455vb4pex5vsknk084sn0iq"];
        for text in cases {
            assert!(text.parse::<TaxpayerId>().is_err(), "{text}");
        }
    }

    #[test]
    fn prefixes_are_unique() {
        let mut seen = PREFIXES.to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), PREFIXES.len());
    }
}
