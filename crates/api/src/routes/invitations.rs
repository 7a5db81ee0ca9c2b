//! `/api/auth/invitations`: what whoever was invited does with the token of the link.
//!
//! The token stands in bodies only, never in an address. Whoever holds it learns whether its address has
//! an account; nobody else can ask. A token that is unknown, used, taken back or lapsed is answered alike.

use super::auth::{EnteredView, TenantView};
use crate::answer::Json;
use crate::api::Api;
use crate::call::Asked;
use crate::extract::{Body, Caller};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::welcome::{Newcomer, Waiting, Welcome};
use fedatario_base::{Code, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("identity")
        .add(
            Operation::post("/api/auth/invitations/look", "invitations.look", "What an invitation is good for")
                .anyone()
                .notes("Nothing is used up. `has_account` says which way leads on: sign in and join, or accept with a password.")
                .refuses(&[Code::InvitationInvalid, Code::TooManyAttempts])
                .example(r#"{"token":"fed_invitation_…"}"#),
            look,
        )
        .add(
            Operation::post(
                "/api/auth/invitations/accept",
                "invitations.accept",
                "Takes an invitation as somebody new, and comes in",
            )
            .anyone()
            .notes(
                "Makes the account, the membership and the roles at once, and answers as a login does. An address that has an \
                     account is told to sign in: an invitation is no way around its password or second factor.",
            )
            .answers_secret()
            .audits("member.joined")
            .changes()
            .refuses(&[
                Code::InvitationInvalid,
                Code::InvitationSignIn,
                Code::TooManyAttempts,
                Code::RoleUnknown,
                Code::MemberExists,
                Code::PasswordShort,
                Code::PasswordLong,
                Code::PasswordWeak,
                Code::Busy,
            ])
            .example(r#"{"token":"fed_invitation_…","name":"Eva","password":"la lluvia cae despacio"}"#),
            accept,
        )
        .add(
            Operation::post("/api/auth/invitations/join", "invitations.join", "Takes an invitation as whoever is signed in")
                .signed_in()
                .idempotency_ignored()
                .notes("The address of the invitation must be one's own. Go there with `POST /api/auth/switch`.")
                .audits("member.joined")
                .changes()
                .refuses(&[
                    Code::SessionRequired,
                    Code::InvitationInvalid,
                    Code::InvitationForeign,
                    Code::TooManyAttempts,
                    Code::RoleUnknown,
                    Code::MemberExists,
                ])
                .example(r#"{"token":"fed_invitation_…"}"#),
            join,
        )
}

/// The token of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationToken {
    /// What stands behind `#invitation=` in the link.
    #[schema(max_length = 64)]
    token: String,
}

/// Somebody new, as they introduce themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Introduction {
    /// What stands behind `#invitation=` in the link.
    #[schema(max_length = 64)]
    token: String,
    /// What others call them; the first half of the address if absent.
    #[serde(default)]
    #[schema(max_length = 120)]
    name: String,
    /// Password, 12 to 128 characters.
    #[serde(default)]
    password: Option<String>,
    /// `es` or `en`; the language of the invitation if absent.
    #[serde(default)]
    #[schema(max_length = 2, example = "es")]
    language: Option<String>,
}

/// An invitation that is open, for whoever holds its token.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingView {
    /// The organisation that invites.
    organisation: TenantView,
    /// Whom: a normalised address of mail.
    email: String,
    /// The roles that come with it.
    roles: Vec<String>,
    /// `es` or `en`.
    language: String,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    expires_at: jiff::Timestamp,
    /// Whether that address has an account here, which then has to be shown.
    has_account: bool,
}

impl From<Waiting> for WaitingView {
    fn from(it: Waiting) -> Self {
        let Waiting { invitation, tenant, has_account } = it;
        Self {
            organisation: TenantView::named(tenant.id, tenant.name),
            email: invitation.email,
            roles: invitation.roles,
            language: invitation.language,
            expires_at: invitation.expires,
            has_account,
        }
    }
}

fn welcome(api: &Api) -> Welcome<'_> {
    Welcome { people: &api.people, identity: &api.identity }
}

/// `POST /api/auth/invitations/look`
async fn look(api: Api, asked: Asked, Body(form): Body<InvitationToken>) -> Result<Json<WaitingView>, ApiError> {
    Ok(Json(welcome(&api).look(&form.token, &asked.origin).await?.into()))
}

/// `POST /api/auth/invitations/accept`
async fn accept(api: Api, asked: Asked, Body(form): Body<Introduction>) -> Result<Json<EnteredView>, ApiError> {
    let who = Newcomer { name: form.name, password: form.password.map(Secret::new), language: form.language };
    let has_password = who.password.is_some();
    match welcome(&api).accept(&form.token, who, &asked.origin).await {
        Err(error) if error.code() == Code::FieldMissing && !has_password => Err(ApiError::field("/password", Code::FieldMissing)),
        entered => Ok(Json(EnteredView::of(&entered?)?)),
    }
}

/// `POST /api/auth/invitations/join`
async fn join(
    api: Api,
    asked: Asked,
    Caller(caller): Caller,
    Body(form): Body<InvitationToken>,
) -> Result<Json<TenantView>, ApiError> {
    let tenant = welcome(&api).join(&form.token, &caller, &asked.origin).await?;
    Ok(Json(TenantView::named(tenant.id, tenant.name)))
}
