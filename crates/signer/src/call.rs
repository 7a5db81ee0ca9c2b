//! By which call something is asked, and from where: told to the signer so that its entries say it too.
//!
//! The address goes over as it is stored, sealed under a key that the signer does not hold, with the salted
//! digest that the entry is hashed with. The other side vouches for it as it does for the scope: whoever shows
//! no certificate of the authority is not heard at all. It decides nothing; what is too large to be one is an error,
//! never cut.

use data_encoding::{BASE64, HEXLOWER};
use fedatario_base::id::{By, TenantId};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Most bytes of a sealed address: an address of IPv6 in JSON, its salt, and what sealing adds.
pub const ORIGIN_BYTES_AT_MOST: usize = 1_024;

/// A call, as entries name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The request, job or command.
    pub request: By,
    /// Where it came from.
    pub origin: Option<Origin>,
}

/// An address, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whose key sealed it.
    pub tenant: TenantId,
    /// What was sealed.
    pub bytes: Vec<u8>,
    /// The salted digest that the entry holds.
    pub digest: [u8; 32],
}

/// Which call is under way where something is asked; none for jobs and the shell.
pub type Asking = Arc<dyn Fn() -> Option<Call> + Send + Sync>;

/// Something to be done.
pub type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Does something as part of a call.
pub trait Within: Send + Sync {
    /// Runs `work` so that what it writes names `call`.
    fn within<'a>(&self, call: Call, work: Work<'a>) -> Work<'a>;
}

/// As it goes over.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireCall {
    request: String,
    /// Tenant, sealed address in base64, digest in hex.
    origin: Option<(String, String, String)>,
}

impl WireCall {
    pub(crate) fn of(call: &Call) -> Self {
        let origin = call.origin.as_ref();
        let origin = origin.map(|it| (it.tenant.to_string(), BASE64.encode(&it.bytes), HEXLOWER.encode(&it.digest)));
        Self { request: call.request.to_string(), origin }
    }

    /// None for what is no call of ours.
    pub(crate) fn call(&self) -> Option<Call> {
        let origin = match &self.origin {
            Some((tenant, bytes, digest)) => {
                // Three bytes for each four letters: nothing is decoded that could not be one.
                let bytes = Some(bytes).filter(|it| it.len() <= ORIGIN_BYTES_AT_MOST / 3 * 4)?;
                Some(Origin {
                    tenant: tenant.parse().ok()?,
                    bytes: BASE64.decode(bytes.as_bytes()).ok()?,
                    digest: HEXLOWER.decode(digest.as_bytes()).ok()?.try_into().ok()?,
                })
            }
            None => None,
        };
        Some(Call { request: self.request.parse().ok()?, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_base::id::RequestId;
    use jiff::Timestamp;

    fn call(bytes: usize) -> Call {
        let tenant = TenantId::fresh(Timestamp::UNIX_EPOCH);
        Call {
            request: By::Request(RequestId::fresh(Timestamp::UNIX_EPOCH)),
            origin: Some(Origin { tenant, bytes: vec![7; bytes], digest: [9; 32] }),
        }
    }

    #[test]
    fn a_call_goes_over_as_it_is_and_what_is_none_is_refused() {
        for it in [call(0), call(ORIGIN_BYTES_AT_MOST / 2), Call { origin: None, ..call(0) }] {
            assert_eq!(WireCall::of(&it).call(), Some(it));
        }
        assert_eq!(WireCall::of(&call(ORIGIN_BYTES_AT_MOST + 3)).call(), None, "too large");
        let good = WireCall::of(&call(8));
        let (tenant, bytes, digest) = good.origin.clone().unwrap();
        for origin in [
            ("ten_x".to_owned(), bytes.clone(), digest.clone()),
            (tenant.clone(), "*".to_owned(), digest.clone()),
            (tenant.clone(), bytes.clone(), digest[2..].to_owned()),
            (tenant, bytes, digest.to_uppercase().replace('0', "g")),
        ] {
            assert_eq!(WireCall { request: good.request.clone(), origin: Some(origin) }.call(), None);
        }
        assert_eq!(WireCall { request: "usr_01h455vb4pex5vsknk084sn02q".into(), origin: None }.call(), None);
        fedatario_testkit::covers!("signer: the call that asks goes over bounded and whole, or is refused");
    }
}
