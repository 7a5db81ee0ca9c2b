//! Documents that are signed on request: with which credential, by whose leave.
//!
//! The vault decides what may be signed at all and writes the log; here it is chosen which credential is
//! meant, and a person who wants to be asked each time is asked. A program signs by a grant ([`grants`]),
//! a person by their role. What was refused here is chained as the vault's refusals are.

pub mod grants;
pub mod ports;
pub mod verify;

use crate::App;
use crate::audit_trail::{entry, sha256};
use crate::certificates;
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::lookups::Seat;
use crate::model::{CredentialKind, CredentialRow, Owner, SignatureMode, TaxpayerKind};
use crate::ports::Tx;
use fedatario_audit::Outcome;
use fedatario_base::id::{CredentialId, TaxpayerId, UserId};
use fedatario_base::{Actor, Code, Permission, Scope};
pub use fedatario_vault::Sealed;
pub use fedatario_vault::grant::Grant;
use fedatario_xmlsig::Profile;
use ports::SignatureRow;

/// The largest document that is signed on request, in bytes: authorities take far smaller ones.
pub const DOCUMENT_BYTES: usize = 4 << 20;

/// How a document is signed on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Any document that no authority takes for a message: enveloped, RSA-SHA256.
    #[default]
    Plain,
    /// A document for DGII.
    Dgii,
}

impl Kind {
    /// Its permanent text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Dgii => "dgii",
        }
    }

    /// The kind of a text.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Plain, Self::Dgii].into_iter().find(|it| it.text() == text)
    }

    fn profile(self) -> Profile {
        match self {
            Self::Plain => Profile::Plain,
            Self::Dgii => Profile::Dgii,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// With whose credential; nobody named: the person's own, or the only taxpayer's.
    pub taxpayer: Option<TaxpayerId>,
    /// How.
    pub kind: Kind,
    /// Whether whoever asks has proven a factor within the last minutes.
    pub is_stepped_up: bool,
}

/// Signs a document.
pub async fn sign(app: &App, scope: &Scope, wish: Wish, document: &[u8]) -> AppResult<Sealed> {
    if !scope.may(Permission::CredentialSign) {
        return Err(AppError::Denied(Permission::CredentialSign));
    }
    let credential = match seat(app, scope, wish).await {
        Ok(credential) => credential,
        Err(error) => return Err(refused(app, scope, wish, document, error).await),
    };
    Ok(app.vault.seal_logged(scope, credential, wish.kind.profile(), document, app.clock.wall()).await?)
}

/// A person of the scope; nobody for programs and the shell.
fn person(scope: &Scope) -> Option<UserId> {
    match scope.actor() {
        Actor::User(user) => Some(*user),
        _ => None,
    }
}

/// The credential that is meant. A program's calls at the same moment share the look; a person is asked for
/// what is theirs each time.
async fn seat(app: &App, scope: &Scope, wish: Wish) -> AppResult<CredentialId> {
    if person(scope).is_none() {
        let (tenant, is_sandbox_only) = (scope.tenant(), scope.is_sandbox_only());
        let seat = Seat { tenant, is_sandbox_only, taxpayer: wish.taxpayer, kind: wish.kind };
        if let Some(found) = app.lookups.seats.read(seat, async { chosen(app, scope, wish).await.ok() }).await {
            return Ok(found);
        }
    }
    chosen(app, scope, wish).await
}

/// The same, looked up.
async fn chosen(app: &App, scope: &Scope, wish: Wish) -> AppResult<CredentialId> {
    let mut tx = app.store.read(scope).await?;
    let mut personal = None;
    if let Some(user) = person(scope) {
        let config = tx.signature_config(user).await?;
        if !config.auto_sign && !wish.is_stepped_up {
            return Err(AppError::Refused(Code::StepUpRequired));
        }
        personal = Some(user).filter(|_| wish.taxpayer.is_none() && config.mode == SignatureMode::Personal);
    }
    if let Some(user) = personal {
        let found = of_person(tx.as_mut(), user, wish.kind).await?;
        return found.map(|it| it.id).ok_or_else(|| AppError::CredentialMissing(user.to_string()));
    }
    let taxpayer = match wish.taxpayer {
        Some(id) => tx.taxpayer(id).await?.ok_or_else(|| AppError::NotFound(id.to_string()))?,
        None => {
            let mut two = tx.taxpayers(None, 2).await?;
            let only = two.pop().filter(|_| two.is_empty());
            only.ok_or(AppError::Refused(Code::TaxpayerRequired))?
        }
    };
    let kind = kind_for(taxpayer.kind, wish.kind);
    let found = tx.current_credential(Owner::Taxpayer(taxpayer.id), kind).await?;
    found.map(|it| it.id).ok_or(AppError::CredentialMissing(taxpayer.tax_id))
}

/// Which of a taxpayer's credentials signs documents. A *sello digital* signs CFDI by their cadena,
/// and no XML.
fn kind_for(taxpayer: TaxpayerKind, kind: Kind) -> CredentialKind {
    match (kind, taxpayer) {
        (Kind::Dgii, _) | (Kind::Plain, TaxpayerKind::Rnc) => CredentialKind::Ecf,
        (Kind::Plain, TaxpayerKind::Rfc) => CredentialKind::Fiel,
        (Kind::Plain, TaxpayerKind::Ruc) => CredentialKind::Pa,
    }
}

/// A person's own: the one that they chose, else the one in use that fits.
async fn of_person(tx: &mut dyn Tx, user: UserId, kind: Kind) -> AppResult<Option<CredentialRow>> {
    if let Some(id) = tx.signature_config(user).await?.credential {
        return Ok(tx.credential(id).await?.filter(|it| it.owner == Owner::User(user)));
    }
    let kinds: &[CredentialKind] = match kind {
        Kind::Dgii => &[CredentialKind::Ecf],
        Kind::Plain => &[CredentialKind::Fiel, CredentialKind::Ecf, CredentialKind::Pa],
    };
    for kind in kinds {
        if let Some(found) = tx.current_credential(Owner::User(user), *kind).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Chains a refusal that came before a credential was known, or before anybody was asked to prove
/// themselves. What storage could not do is no refusal.
async fn refused(app: &App, scope: &Scope, wish: Wish, document: &[u8], error: AppError) -> AppError {
    if matches!(error, AppError::Store(_)) {
        return error;
    }
    let object = wish.taxpayer.map_or_else(|| scope.tenant().to_string(), |it| it.to_string());
    let event = entry(&Moment::now(app, scope), "signature", &object, "refused")
        .outcome(Outcome::Refused)
        .code(error.code())
        .field("profile", wish.kind.text())
        .digest("document", &sha256(document));
    let written = async {
        let mut tx = app.store.begin(scope).await?;
        tx.append(event, None).await?;
        tx.commit().await
    };
    match written.await {
        Ok(()) => error,
        Err(failed) => failed.into(),
    }
}

/// Uses of a credential before a counter, newest first: who, when, what for, what of.
pub async fn usage(
    app: &App,
    scope: &Scope,
    credential: CredentialId,
    before: Option<u64>,
    limit: u32,
) -> AppResult<Vec<SignatureRow>> {
    certificates::one(app, scope, credential).await?;
    Ok(app.store.read(scope).await?.signatures(credential, before, limit).await?)
}
