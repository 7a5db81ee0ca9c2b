//! The first owner: by a link that the host's shell prints, good once and for half an hour.

use super::door::Origin;
use super::model::{Hidden, MemberState, Membership, OneTime, Purpose, RoleGrant, User, UserState};
use super::ports::{Chain, IdentityTx};
use super::service::{Identity, act};
use super::tokens::{Beginning, Entered};
use crate::error::{AppError, AppResult};
use crate::tenancy::LOCAL_TENANT;
use fedatario_audit::Event;
use fedatario_base::id::{RoleId, TenantId, UserId};
use fedatario_base::{Actor, Code, PlatformScope, Secret};
use fedatario_identity::{email, opaque};
use jiff::{SignedDuration, Timestamp};

/// The kind of token that makes an owner.
const OWNER: &str = "owner";
/// How long it is good.
pub const OWNER_TOKEN_FOR: SignedDuration = SignedDuration::from_mins(30);
/// Longest name of a person, in characters.
pub const NAME_MOST: usize = 120;

/// Whoever owns the link, as they introduce themselves.
#[derive(Debug)]
pub struct OwnerForm {
    /// The token of the link.
    pub token: String,
    /// Address of mail.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// Password.
    pub password: Secret,
    /// `es` or `en`.
    pub language: String,
}

impl Identity {
    /// A token that makes an owner; those from before are void. For whoever holds the host.
    pub async fn owner_token(&self, actor: Actor) -> AppResult<Secret> {
        let (token, digest) = opaque::fresh(OWNER)?;
        let now = self.now();
        let mut tx = self.store.begin(&PlatformScope::of(actor.clone())).await?;
        tx.void_one_times(Purpose::Bootstrap, None, now).await?;
        let (expires, detail) = (now + OWNER_TOKEN_FOR, serde_json::Value::Null);
        let purpose = Purpose::Bootstrap;
        tx.add_one_time(&OneTime {
            digest,
            purpose,
            user: None,
            tenant: None,
            detail,
            created: now,
            expires,
            attempts: 0,
            used: None,
        })
        .await?;
        tx.append(Chain::Platform, Event::new(now, &actor, "auth.owner_link.made"), None).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Makes the owner of the only tenant (of `local`, made now, if there is none) and administrator of
    /// the installation, and lets them in. Their first act is a second factor.
    pub async fn bootstrap(&self, form: OwnerForm, origin: &Origin) -> AppResult<Entered> {
        let refused = || AppError::Refused(Code::OneTimeRefused);
        let digest = opaque::read(OWNER, &form.token).ok_or_else(refused)?;
        let now = self.now();
        let is_open = |it: &OneTime| it.used.is_none() && now < it.expires;
        self.reading().await?.one_time(Purpose::Bootstrap, &digest).await?.filter(is_open).ok_or_else(refused)?;
        let user = self.newcomer(&form.email, &form.name, &form.password, &form.language).await?;
        let mut tx = self.writing_as(user.id).await?;
        if !tx.use_one_time(&digest, now).await? {
            return Err(refused());
        }
        let tenant = only_tenant(tx.as_mut(), now).await?;
        tx.add_user(&user).await?;
        let membership = Membership { tenant, tenant_name: String::new(), user: user.id, state: MemberState::Active, created: now };
        tx.add_membership(&membership).await?;
        tx.grant_role(tenant, &owner_role(user.id, now)).await?;
        tx.grant_platform_role(user.id, "platform_admin", "system", now).await?;
        let beginning = Beginning { user: user.clone(), tenant: Some(tenant), methods: "pwd", device: None, origin, notice: None };
        let begun = self.begin_line(tx.as_mut(), beginning, now).await?;
        tx.append(Chain::Platform, act(now, user.id, "auth.bootstrap.done").field("tenant", tenant.to_string()), None).await?;
        tx.commit().await?;
        self.entered(begun).await
    }

    /// Somebody new, with a password that was checked and hashed; not stored yet.
    pub async fn newcomer(&self, address: &str, name: &str, password: &Secret, language: &str) -> AppResult<User> {
        let address = email::normal(address)?;
        let name: String = name.trim().chars().filter(|it| !it.is_control()).take(NAME_MOST).collect();
        self.check_password(password, &[&address, &name])?;
        let hash = self.hasher.hash(password).await?;
        let now = self.now();
        Ok(User {
            id: UserId::fresh(now),
            email: address,
            name,
            language: if language == "en" { "en" } else { "es" }.to_owned(),
            password: Some(Hidden(hash)),
            state: UserState::Active,
            epoch: 0,
            last_tenant: None,
            created: now,
            password_set: Some(now),
            signing_from: None,
            revision: 0,
        })
    }
}

async fn only_tenant(tx: &mut dyn IdentityTx, now: Timestamp) -> AppResult<TenantId> {
    match tx.first_tenants(2).await?.as_slice() {
        [] => {
            let id = TenantId::fresh(now);
            tx.make_tenant(id, LOCAL_TENANT, now).await?;
            Ok(id)
        }
        [(only, _)] => Ok(*only),
        _ => Err(AppError::Refused(Code::TenantRequired)),
    }
}

fn owner_role(user: UserId, now: Timestamp) -> RoleGrant {
    let (role, granted_by) = ("tenant_admin".to_owned(), "system".to_owned());
    RoleGrant { id: RoleId::fresh(now), user, role, from: now, until: None, in_place_of: None, granted_by }
}
