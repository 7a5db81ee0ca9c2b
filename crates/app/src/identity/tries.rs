//! Failures, counted under the names that an attempt has: whom it aims at, where it comes from.
//!
//! Names are read and counted in their order, so that two attempts never wait for each other.

use super::door::Origin;
use super::model::User;
use super::ports::IdentityTx;
use crate::error::{AppError, AppResult};
use fedatario_base::Code;
use fedatario_base::id::UserId;
use fedatario_identity::throttle::{self, Rule};
use jiff::Timestamp;
use std::time::Duration;

/// The names under which one attempt is counted, each with its rule.
#[derive(Debug, Clone)]
pub(super) struct Tries {
    names: Vec<(String, Rule)>,
    /// The one that is forgotten when the attempt succeeds: whom it aimed at, not where it came from.
    own: String,
}

/// Every name that stands for somebody alone, with these machines of theirs; none of where they came from.
pub(super) fn names_of(user: &User, devices: &[[u8; 32]]) -> Vec<String> {
    let mut names = vec![throttle::name("account", user.email.as_bytes()), throttle::name("factor", &user.id.bytes())];
    for device in devices {
        names.extend([throttle::name("device", device), throttle::name("factor-device", device)]);
    }
    names.sort();
    names
}

impl Tries {
    fn new(own: (String, Rule), origin: &Origin) -> Self {
        let address = (throttle::name("address", &throttle::address(origin.address)), throttle::ADDRESS);
        let network = (throttle::name("network", &throttle::network(origin.address)), throttle::NETWORK);
        let name = own.0.clone();
        let mut names = vec![own, address, network];
        names.sort_by(|left, right| left.0.cmp(&right.0));
        Self { names, own: name }
    }

    /// A password of an address of mail, whether anybody has it or not; from a machine that its person
    /// came in from before, if there is one.
    pub(super) fn password(email: &str, device: Option<&[u8; 32]>, origin: &Origin) -> Self {
        let own = match device {
            Some(device) => (throttle::name("device", device), throttle::DEVICE),
            None => (throttle::name("account", email.as_bytes()), throttle::ACCOUNT),
        };
        Self::new(own, origin)
    }

    /// A second factor of somebody; from a machine that they came in from before, if there is one.
    pub(super) fn factor(user: UserId, device: Option<&[u8; 32]>, origin: &Origin) -> Self {
        let own = match device {
            Some(device) => throttle::name("factor-device", device),
            None => throttle::name("factor", &user.bytes()),
        };
        Self::new((own, throttle::FACTOR), origin)
    }

    /// A mail to an address.
    pub(super) fn mail(email: &str, origin: &Origin) -> Self {
        Self::new((throttle::name("mail", email.as_bytes()), throttle::MAIL), origin)
    }

    /// Something that names nobody, as a token out of a link: counted against where it comes from.
    pub(super) fn place(origin: &Origin) -> Self {
        let address = (throttle::name("address", &throttle::address(origin.address)), throttle::ADDRESS);
        let network = (throttle::name("network", &throttle::network(origin.address)), throttle::NETWORK);
        let own = address.0.clone();
        let mut names = vec![address, network];
        names.sort_by(|left, right| left.0.cmp(&right.0));
        Self { names, own }
    }

    /// Refuses, with the time to wait, if one of the rules says so.
    pub(super) async fn check(&self, tx: &mut dyn IdentityTx, now: Timestamp) -> AppResult<()> {
        let names: Vec<String> = self.names.iter().map(|it| it.0.clone()).collect();
        let counts = tx.counts(&names).await?;
        let waits =
            self.names.iter().zip(counts).filter_map(|((_, rule), it)| throttle::wait(*rule, it.failures, it.first, it.last, now));
        match waits.max() {
            None => Ok(()),
            // Up to whole seconds, as `Retry-After` tells them.
            Some(wait) => {
                let after = Duration::from_secs(u64::try_from(wait.as_secs()).unwrap_or_default() + 1);
                Err(AppError::Later { code: Code::TooManyAttempts, after })
            }
        }
    }

    /// Counts a failure under every name.
    pub(super) async fn count(&self, tx: &mut dyn IdentityTx, now: Timestamp) -> AppResult<()> {
        for (name, rule) in &self.names {
            tx.count_failure(name, now, rule.window_s.saturating_mul(1_000)).await?;
        }
        Ok(())
    }

    /// The attempt succeeded: what was aimed at begins anew, where it came from does not.
    pub(super) async fn forget(&self, tx: &mut dyn IdentityTx) -> AppResult<()> {
        Ok(tx.forget_failures(&self.own).await?)
    }
}
