//! Whether an access token is still worth what it says.
//!
//! Storage is asked at most once a second for each line of tokens and tenant. Between [`FRESH`] and
//! [`USABLE`] one caller asks again while the others use what is known; what is older than that is
//! used by nobody, so that a revocation is in force everywhere within two seconds, and storage that
//! is away closes the door.

use super::model::{SecondFactor, Standing, UserState};
use super::service::Identity;
use crate::error::{AppError, AppResult};
use fedatario_base::id::{SessionId, TenantId, UserId};
use fedatario_base::{Code, Permission};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// How long an answer is used without a thought.
pub const FRESH: SignedDuration = SignedDuration::from_secs(1);
/// How long it is used at all.
pub const USABLE: SignedDuration = SignedDuration::from_millis(1_800);
/// Answers kept at once; each is about a kilobyte.
pub const KEPT_MOST: usize = 20_000;
/// How long a proof of a factor counts as fresh, for acts that ask for it.
pub const STEPPED_UP_FOR: SignedDuration = SignedDuration::from_mins(5);

type Key = (SessionId, Option<TenantId>);

#[derive(Default)]
pub(super) struct Standings(Mutex<HashMap<Key, Known>>);

struct Known {
    standing: Arc<Standing>,
    read: Timestamp,
    is_being_read: bool,
}

impl Standings {
    /// What is known and may be used; none if the caller is to ask.
    fn known(&self, key: &Key, now: Timestamp) -> Option<Arc<Standing>> {
        let mut all = self.0.lock().ok()?;
        let known = all.get_mut(key)?;
        let age = now.duration_since(known.read);
        if age < SignedDuration::ZERO || age >= USABLE {
            return None;
        }
        if age >= FRESH && !known.is_being_read {
            known.is_being_read = true;
            return None;
        }
        Some(known.standing.clone())
    }

    fn keep(&self, key: Key, standing: Arc<Standing>, read: Timestamp) {
        let Ok(mut all) = self.0.lock() else { return };
        if all.len() >= KEPT_MOST {
            all.retain(|_, it| read.duration_since(it.read) < USABLE);
        }
        if all.len() < KEPT_MOST {
            all.insert(key, Known { standing, read, is_being_read: false });
        }
    }

    /// Forgets a line of tokens, so that this process asks anew at once.
    pub(super) fn forget(&self, session: SessionId) {
        if let Ok(mut all) = self.0.lock() {
            all.retain(|key, _| key.0 != session);
        }
    }

    /// Forgets everything: somebody's every token changed.
    pub(super) fn forget_all(&self) {
        if let Ok(mut all) = self.0.lock() {
            all.clear();
        }
    }
}

impl Identity {
    /// What decides on a token of a line, for a tenant.
    pub(super) async fn standing(&self, session: SessionId, user: UserId, tenant: Option<TenantId>) -> AppResult<Arc<Standing>> {
        let (key, now) = ((session, tenant), self.now());
        if let Some(known) = self.standings.known(&key, now) {
            return Ok(known);
        }
        let read = self.reading().await?.standing(session, user, tenant, now).await?;
        let standing = Arc::new(read.ok_or(AppError::Refused(Code::Unauthenticated))?);
        // The instant before the question: what changed while it was asked may be missing in the answer.
        self.standings.keep(key, standing.clone(), now);
        Ok(standing)
    }

    /// This process forgets what it knows of tokens, after somebody was disabled or their roles changed.
    pub fn forget_standings(&self) {
        self.standings.forget_all();
    }
}

impl Standing {
    /// Whether a token of this epoch is good at an instant.
    pub fn is_good(&self, epoch: i64, now: Timestamp) -> bool {
        self.user == UserState::Active && self.epoch == epoch && !self.ended && now < self.expires
    }

    /// Whether its person came in with a second factor.
    pub fn has_second_factor(&self) -> bool {
        self.methods.split(' ').any(|it| matches!(it, "otp" | "hwk" | "rcv"))
    }

    /// Whether a factor was proven within the last minutes.
    pub fn is_stepped_up(&self, now: Timestamp) -> bool {
        self.has_second_factor() && now.duration_since(self.authenticated) <= STEPPED_UP_FOR
    }

    /// What its person may do in the tenant now.
    pub fn permissions_now(&self, now: Timestamp) -> Vec<Permission> {
        let signs = self.signing_from.is_none_or(|it| it <= now);
        let rests = [Permission::CredentialSign, Permission::InvoiceEmit, Permission::CredentialExport];
        let may_sign = |it: Permission| signs || !rests.contains(&it);
        self.permissions.iter().copied().filter(|it| self.counts_here(*it) && may_sign(*it)).collect()
    }

    /// What its person may do on the installation.
    pub fn platform_now(&self) -> Vec<Permission> {
        self.platform.iter().copied().filter(|it| self.counts(*it)).collect()
    }

    /// Whether permissions are held that count only with a second factor, and there was none.
    pub fn lacks_second_factor(&self) -> bool {
        self.permissions.iter().any(|it| !self.counts_here(*it)) || self.platform.iter().any(|it| !self.counts(*it))
    }

    /// Whether what is held asks for a second factor, shown or not.
    pub fn needs_second_factor(&self) -> bool {
        let mut held = self.permissions.iter().chain(&self.platform);
        self.asked == SecondFactor::Everybody || held.any(|it| it.needs_second_factor())
    }

    /// In a tenant that asks everybody for a second factor, nothing is allowed without one.
    fn counts_here(&self, permission: Permission) -> bool {
        self.counts(permission) && (self.asked == SecondFactor::Roles || self.has_second_factor())
    }

    /// Who signs, sees keys or administers does so with a second factor or not at all.
    fn counts(&self, permission: Permission) -> bool {
        !permission.needs_second_factor() || self.has_second_factor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        Standing {
            user: UserState::Active,
            epoch: 2,
            ended: false,
            expires: at(1_000),
            authenticated: at(0),
            methods: "pwd otp".into(),
            is_member: true,
            permissions: vec![Permission::DocumentRead, Permission::CredentialSign, Permission::UserManage],
            asked: SecondFactor::Roles,
            platform: vec![Permission::PlatformTenantRead],
            signing_from: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_token_is_good_only_while_everything_behind_it_is() {
        let good = standing();
        assert!(good.is_good(2, at(999)));
        assert!(!good.is_good(1, at(0)) && !good.is_good(3, at(0)) && !good.is_good(2, at(1_000)));
        assert!(!Standing { ended: true, ..standing() }.is_good(2, at(0)));
        assert!(!Standing { user: UserState::Disabled, ..standing() }.is_good(2, at(0)));
        fedatario_testkit::covers!("identity: a token is good only while its person, its line and its epoch are");
    }

    #[test]
    fn who_came_in_without_a_second_factor_neither_signs_nor_administers() {
        let weak = Standing { methods: "pwd".into(), ..standing() };
        assert_eq!(weak.permissions_now(at(0)), [Permission::DocumentRead]);
        assert!(weak.platform_now().is_empty() && weak.lacks_second_factor() && !weak.is_stepped_up(at(0)));
        let reader =
            Standing { methods: "pwd".into(), permissions: vec![Permission::DocumentRead], platform: vec![], ..standing() };
        assert!(!reader.lacks_second_factor() && !reader.needs_second_factor());
        let asked = Standing { asked: SecondFactor::Everybody, ..reader };
        assert!(asked.permissions_now(at(0)).is_empty() && asked.lacks_second_factor() && asked.needs_second_factor());
        let shown = Standing { methods: "pwd otp".into(), ..asked };
        assert!(shown.permissions_now(at(0)) == [Permission::DocumentRead] && !shown.lacks_second_factor());
        let strong = standing();
        assert_eq!(strong.permissions_now(at(0)).len(), 3);
        assert!(!strong.lacks_second_factor() && strong.is_stepped_up(at(300)) && !strong.is_stepped_up(at(301)));
        let recovered = Standing { signing_from: Some(at(50)), ..standing() };
        assert_eq!(recovered.permissions_now(at(49)), [Permission::DocumentRead, Permission::UserManage]);
        assert_eq!(recovered.permissions_now(at(50)).len(), 3);
        let keys = Standing { permissions: vec![Permission::CredentialExport], ..recovered };
        assert_eq!((keys.permissions_now(at(49)).len(), keys.permissions_now(at(50)).len()), (0, 1), "nor lets keys out");
        fedatario_testkit::covers!(
            "identity: without a second factor nobody signs or administers, and nobody signs just after a recovery"
        );
    }

    #[test]
    fn an_answer_is_asked_for_once_a_second_and_never_used_after_two() {
        let standings = Standings::default();
        let key = (SessionId::fresh(at(0)), None);
        let now = |ms: i64| at(0) + SignedDuration::from_millis(ms);
        assert!(standings.known(&key, now(0)).is_none());
        standings.keep(key, Arc::new(standing()), now(0));
        assert!(standings.known(&key, now(999)).is_some());
        assert!(standings.known(&key, now(1_000)).is_none(), "one caller asks");
        assert!(standings.known(&key, now(1_100)).is_some(), "the others go on");
        assert!(standings.known(&key, now(1_800)).is_none(), "nobody goes on with what is too old");
        assert!(standings.known(&key, now(-1)).is_none(), "nor with what comes from later");
        standings.keep(key, Arc::new(standing()), now(2_000));
        standings.forget(key.0);
        assert!(standings.known(&key, now(2_001)).is_none());
        fedatario_testkit::covers!("identity: what is known of a token is asked again each second and never used after two");
    }
}
