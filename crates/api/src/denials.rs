//! Whoever is turned away without being known: counted by address and minute, and told in the chain of
//! the installation.
//!
//! The first of a minute leaves an entry, which says how many the minute before had from there; the
//! others are only counted, so that a flood writes one row a minute and address. The entry names the
//! address by a digest, as the counts of logins do, and seals it beside. Counts are this process's own.

use crate::api::Api;
use crate::call::Asked;
use crate::problem::ApiError;
use fedatario_app::identity::ports::Chain;
use fedatario_audit::{Event, Outcome};
use fedatario_base::{Actor, Code, PlatformScope};
use fedatario_identity::throttle;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Addresses that are counted at a time; those beyond are counted together.
const ADDRESSES: usize = 4_096;
/// Entries of one minute, whatever the number of addresses: more of them say nothing new.
const ENTRIES_A_MINUTE: u32 = 60;

#[derive(Default)]
struct Counted {
    minute: i64,
    entries: u32,
    of: HashMap<IpAddr, (i64, u64)>,
}

/// Counts of this process.
#[derive(Default)]
pub struct Denials(Mutex<Counted>);

impl Denials {
    /// Counts one; answers what the address had in its minute before, if this one is to be told.
    fn count(&self, address: IpAddr, minute: i64) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.minute != minute {
            (counted.minute, counted.entries) = (minute, 0);
            counted.of.retain(|_, (of, _)| minute - *of <= 1);
        }
        if counted.of.len() >= ADDRESSES && !counted.of.contains_key(&address) {
            return None;
        }
        let (of, count) = counted.of.entry(address).or_insert((i64::MIN, 0));
        let before = *count;
        if *of == minute {
            *count += 1;
            return None;
        }
        (*of, *count) = (minute, 1);
        counted.entries += 1;
        (counted.entries <= ENTRIES_A_MINUTE).then_some(before)
    }
}

/// Counts a refusal of somebody unknown. It stays a refusal when the chain cannot be written, and the log
/// says so.
pub async fn note(api: &Api, operation: &'static str, asked: &Asked, refusal: &ApiError) {
    if refusal.code() != Code::Unauthenticated {
        return;
    }
    let now = api.app.clock.wall();
    let Some(before) = api.denials().count(asked.origin.address, now.as_second().div_euclid(60)) else { return };
    let from = throttle::name("anonymous", &throttle::address(asked.origin.address));
    let event = Event::new(now, &Actor::System, "api.unknown.refused").object(&from).outcome(Outcome::Refused);
    let event = event.code(refusal.code()).field("operation", operation).field("counted_before", before);
    let written = async {
        let mut tx = api.app.people.begin(&PlatformScope::for_authentication()).await?;
        tx.append(Chain::Platform, event, None).await?;
        tx.commit().await
    };
    if let Err(error) = written.await {
        tracing::error!(request_id = %asked.request, code = error.code().slug(), %error, "a refusal could not be chained");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_first_of_a_minute_tells_of_the_one_before() {
        let denials = Denials::default();
        let (one, other) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from([10, 0, 0, 1]));
        assert_eq!(denials.count(one, 5), Some(0));
        assert_eq!([denials.count(one, 5), denials.count(one, 5), denials.count(other, 5)], [None, None, Some(0)]);
        assert_eq!((denials.count(one, 6), denials.count(other, 6)), (Some(3), Some(1)));
        assert_eq!(denials.count(one, 60), Some(0), "what is long over is forgotten");
        let told = (0..=u8::MAX).filter_map(|it| denials.count(IpAddr::from([192, 0, 2, it]), 60)).count();
        assert_eq!(told as u32 + 1, ENTRIES_A_MINUTE, "a flood from everywhere is bounded");
        fedatario_testkit::covers!("api: whoever shows no credential is counted by address and minute in the platform's chain");
    }
}
