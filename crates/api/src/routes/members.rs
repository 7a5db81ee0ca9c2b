//! `/api/tenant/users` and `/api/tenant/invitations`: who belongs to the tenant, with which roles.

use crate::answer::{Created, Json, Nothing, Paged};
use crate::api::Api;
use crate::extract::{At, Body, Page};
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use fedatario_app::identity::invitations::{Handed, Invited, Inviting};
use fedatario_app::identity::members::Granting;
use fedatario_app::identity::model::{MemberState, RoleGrant, UserState};
use fedatario_app::identity::tenancy::{Invitation, Member};
use fedatario_base::id::{InvitationId, RoleId, UserId};
use fedatario_base::{Code, Permission, Scope, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const GIVING: &[Code] = &[Code::RoleUnknown, Code::GrantFormat, Code::PermissionExceeds];

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("members")
        .add(
            Operation::get("/api/tenant/users", "members.list", "Members of the tenant with their roles")
                .needs(Permission::UserRead),
            list,
        )
        .add(Operation::get("/api/tenant/users/{user}", "members.read", "One member").needs(Permission::UserRead), read)
        .add(
            Operation::post("/api/tenant/users/{user}/roles", "members.grant", "Gives a role, for good or until a day")
                .needs(Permission::RoleManage)
                .step_up()
                .notes("With `in_place_of` the member stands in for another, in a role that the other holds, until a day.")
                .audits("member.role_granted").changes()
                .refuses(GIVING)
                .example(r#"{"role":"viewer","until":"2030-12-31T23:59:59Z"}"#),
            grant,
        )
        .add(
            Operation::delete("/api/tenant/users/{user}/roles/{grant}", "members.take_back", "Takes a role back")
                .needs(Permission::RoleManage)
                .step_up()
                .audits("member.role_revoked").changes()
                .refuses(&[Code::OwnerLast, Code::PermissionExceeds]),
            take_back,
        )
        .add(
            Operation::post("/api/tenant/users/{user}/disable", "members.disable", "Keeps a member out of this tenant")
                .needs(Permission::UserManage)
                .idempotency_ignored()
                .audits("member.disabled").changes()
                .refuses(&[Code::OwnerLast, Code::PermissionExceeds]),
            disable,
        )
        .add(
            Operation::post("/api/tenant/users/{user}/enable", "members.enable", "Lets a member in again")
                .needs(Permission::UserManage)
                .idempotency_ignored()
                .audits("member.enabled").changes()
                .refuses(&[Code::PermissionExceeds]),
            enable,
        )
        .add(
            Operation::get("/api/tenant/invitations", "invitations.list", "Invitations, the newest first")
                .needs(Permission::UserRead),
            invitations,
        )
        .add(
            Operation::post("/api/tenant/invitations", "invitations.send", "Invites somebody with roles")
                .needs(Permission::UserInvite)
                .notes(
                    "An open invitation to the same address is replaced. Where mail leaves the installation the link goes out by it and \
                     by nothing else; where none does, `token` and `link` are shown this once, for whoever invites to hand on.",
                )
                .answers_secret()
                .audits("member.invited").changes()
                .refuses(&[Code::FieldInvalid, Code::RoleUnknown, Code::PermissionExceeds, Code::MemberExists])
                .example(r#"{"email":"ana@example.com","roles":["viewer"],"language":"es"}"#),
            invite,
        )
        .add(
            Operation::delete("/api/tenant/invitations/{invitation}", "invitations.revoke", "Takes an open invitation back")
                .needs(Permission::UserInvite)
                .audits("member.invitation_revoked").changes(),
            revoke,
        )
}

/// A role that a member holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grant)]
pub struct GrantView {
    /// Which grant.
    id: String,
    /// The role's name.
    role: String,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    from: jiff::Timestamp,
    /// Until when; null for good.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<jiff::Timestamp>,
    /// In whose place.
    in_place_of: Option<String>,
    /// The actor who gave it.
    granted_by: String,
}

impl From<RoleGrant> for GrantView {
    fn from(it: RoleGrant) -> Self {
        Self {
            id: it.id.to_string(),
            role: it.role,
            from: it.from,
            until: it.until,
            in_place_of: it.in_place_of.map(|it| it.to_string()),
            granted_by: it.granted_by,
        }
    }
}

/// A member of the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberView {
    /// Who.
    id: String,
    /// Their address of mail.
    email: String,
    /// What others call them.
    name: String,
    /// `active`; `disabled` here; `locked` on the whole installation.
    state: &'static str,
    /// Whether they have a second factor.
    has_second_factor: bool,
    /// Since when they are a member.
    #[schema(value_type = String, format = DateTime)]
    since: jiff::Timestamp,
    /// Their roles, lapsed ones too.
    roles: Vec<GrantView>,
}

impl From<Member> for MemberView {
    fn from(it: Member) -> Self {
        let state = match (it.user_state, it.state) {
            (UserState::Disabled, _) => "locked",
            (UserState::Active, MemberState::Disabled) => "disabled",
            (UserState::Active, MemberState::Active) => "active",
        };
        Self {
            id: it.user.to_string(),
            email: it.email,
            name: it.name,
            state,
            has_second_factor: it.has_factor,
            since: it.since,
            roles: it.grants.into_iter().map(GrantView::from).collect(),
        }
    }
}

/// A role to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// The role's name.
    #[schema(max_length = 48)]
    role: String,
    /// From when; now if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<jiff::Timestamp>,
    /// Until when; for good if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<jiff::Timestamp>,
    /// In whose place.
    #[serde(default)]
    in_place_of: Option<String>,
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Their address of mail.
    #[schema(max_length = 254)]
    email: String,
    /// Names of roles.
    #[schema(max_items = 8)]
    roles: Vec<String>,
    /// `es` or `en`.
    #[serde(default = "spanish")]
    #[schema(max_length = 2, example = "es")]
    language: String,
}

fn spanish() -> String {
    "es".to_owned()
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub struct InvitationView {
    /// Which.
    id: String,
    /// Whom.
    email: String,
    /// The roles that come with it.
    roles: Vec<String>,
    /// `open`, `accepted`, `revoked` or `replaced`.
    state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    expires_at: jiff::Timestamp,
    /// The token of its link; this once, for whoever made it, and only where no mail takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The link that holds it; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl From<Invitation> for InvitationView {
    fn from(it: Invitation) -> Self {
        Self {
            id: it.id.to_string(),
            email: it.email,
            roles: it.roles,
            state: it.state.text(),
            created_at: it.created,
            expires_at: it.expires,
            token: None,
            link: None,
        }
    }
}

impl From<Invited> for InvitationView {
    fn from(it: Invited) -> Self {
        let text = |of: fn(&Handed) -> &Secret| it.handed.as_ref().and_then(|all| of(all).expose_str()).map(str::to_owned);
        let (token, link) = (text(|it| &it.token), text(|it| &it.link));
        Self { token, link, ..it.invitation.into() }
    }
}

/// Invitations, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationList {
    /// Those of the last months.
    data: Vec<InvitationView>,
}

/// `GET /api/tenant/users`
async fn list(api: Api, scope: Scope, page: Page) -> Result<Paged<MemberView>, ApiError> {
    let rows = api.people.members(&scope, page.after()?, page.limit + 1).await?;
    Ok(Paged::new(&page, rows.into_iter().map(MemberView::from).collect(), |it| it.id.clone()))
}

/// `GET /api/tenant/users/{user}`
async fn read(api: Api, scope: Scope, At(user): At<UserId>) -> Result<Json<MemberView>, ApiError> {
    Ok(Json(api.people.member(&scope, user).await?.into()))
}

/// `POST /api/tenant/users/{user}/roles`
async fn grant(api: Api, scope: Scope, At(user): At<UserId>, Body(form): Body<NewGrant>) -> Result<Created<GrantView>, ApiError> {
    let other = form.in_place_of.as_deref().map(str::parse).transpose();
    let in_place_of = other.map_err(|_| ApiError::field("/in_place_of", Code::IdFormat))?;
    let asked = Granting { role: form.role, from: form.from, until: form.until, in_place_of };
    let given = api.people.grant(&scope, user, asked).await?;
    Ok(Created { location: format!("/api/tenant/users/{user}"), body: given.into() })
}

/// `DELETE /api/tenant/users/{user}/roles/{grant}`
async fn take_back(api: Api, scope: Scope, At(user): At<UserId>, At(grant): At<RoleId>) -> Result<Nothing, ApiError> {
    api.people.take_back(&scope, user, grant).await?;
    Ok(Nothing)
}

/// `POST /api/tenant/users/{user}/disable`
async fn disable(api: Api, scope: Scope, At(user): At<UserId>) -> Result<Json<MemberView>, ApiError> {
    Ok(Json(api.people.set_member(&scope, user, MemberState::Disabled).await?.into()))
}

/// `POST /api/tenant/users/{user}/enable`
async fn enable(api: Api, scope: Scope, At(user): At<UserId>) -> Result<Json<MemberView>, ApiError> {
    Ok(Json(api.people.set_member(&scope, user, MemberState::Active).await?.into()))
}

/// `GET /api/tenant/invitations`
async fn invitations(api: Api, scope: Scope) -> Result<Json<InvitationList>, ApiError> {
    let all = api.people.invitations(&scope).await?;
    Ok(Json(InvitationList { data: all.into_iter().map(InvitationView::from).collect() }))
}

/// `POST /api/tenant/invitations`
async fn invite(api: Api, scope: Scope, Body(form): Body<NewInvitation>) -> Result<Created<InvitationView>, ApiError> {
    let asked = Inviting { email: form.email, language: form.language, roles: form.roles };
    let invited = api.people.invite(&scope, asked).await?;
    Ok(Created { location: "/api/tenant/invitations".to_owned(), body: invited.into() })
}

/// `DELETE /api/tenant/invitations/{invitation}`
async fn revoke(api: Api, scope: Scope, At(id): At<InvitationId>) -> Result<Nothing, ApiError> {
    api.people.revoke_invitation(&scope, id).await?;
    Ok(Nothing)
}
