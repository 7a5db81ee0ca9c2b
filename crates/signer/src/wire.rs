//! What goes over: questions with the scope of whoever asks, and answers or refusals with their code.
//!
//! Heads are JSON and closed: a field that this side does not know is an error. Nothing secret is in a
//! head; files, passwords, documents and sealed objects are parts.

use crate::call::WireCall;
use crate::frame::Frame;
use fedatario_base::id::{ApiKeyId, CredentialId, JobId, TenantId, UserId};
use fedatario_base::scope::Actor;
use fedatario_base::{Code, Permission, Scope, Secret};
use fedatario_credentials::Certificate;
use fedatario_credentials::pkcs12::MAX_BAGS;
use fedatario_vault::grant::Amount;
use fedatario_vault::{
    CredentialKind, CredentialState, Files, Handed, KeyUse, Planned, Progress, Restorable, RotationPlan, Sealed, SealedCredential,
    VaultError,
};
use fedatario_xmlsig::{Form, Profile};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A part of a frame.
pub(crate) type Part = Zeroizing<Vec<u8>>;

/// Who asks, and what.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    pub(crate) scope: Option<WireScope>,
    /// By which call; none where it is by none, and from whoever does not know of calls yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<WireCall>,
    pub(crate) ask: Ask,
}

/// What is asked. Parts go beside it.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    Alive,
    /// Parts: password, then one file or two.
    TakeIn {
        id: String,
    },
    /// Part: the document.
    Seal {
        credential: String,
        profile: String,
    },
    Rotate,
    Rewrap,
    Plan,
    /// Part: passphrase.
    BackUp {
        one: Option<String>,
    },
    /// Parts: passphrase, file.
    OpenBackup,
}

impl Ask {
    /// Whether what carried it is not to be used again: it saw a password.
    pub(crate) fn is_delicate(&self) -> bool {
        matches!(self, Self::TakeIn { .. } | Self::BackUp { .. } | Self::OpenBackup)
    }
}

/// What is answered. Parts go beside it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    Done,
    /// Parts: those of each.
    Sealed {
        all: Vec<WireSealed>,
    },
    /// Part: the backup.
    Bytes,
    /// Parts: the document, its digest, that of what was handed in.
    Signed {
        credential: String,
        counter: u64,
        intended: u64,
        ended: u64,
        root: String,
        /// The total that was read, and its currency.
        amount: Option<(String, String)>,
    },
    Version {
        version: u32,
    },
    Progress {
        moved: u64,
        broken: u64,
        behind: u64,
    },
    Plan {
        makes: Option<u32>,
        to: u32,
        rows: Vec<WirePlanned>,
    },
    Refused {
        code: String,
        text: String,
    },
}

/// A sealed credential, its parts (data key, object, certificate, those that came along) apart.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireSealed {
    id: String,
    kind: String,
    key_use: String,
    key_version: u32,
    /// How many other certificates came in its file.
    along: usize,
    /// Of a backup: its id, owner and state there.
    was: Option<(String, String, String)>,
}

/// One line of a rehearsal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WirePlanned {
    tenant: String,
    key_use: String,
    version: u32,
    moves: u64,
    broken: u64,
}

/// A scope as it goes over: the other side vouches for it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireScope {
    tenant: String,
    actor: WireActor,
    permissions: Vec<String>,
    sandbox_only: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WireActor {
    User(String),
    ApiKey(String),
    Os(u32),
    Job { job: String, originator: String },
    System,
}

impl WireScope {
    pub(crate) fn of(scope: &Scope) -> Self {
        let actor = match scope.actor() {
            Actor::User(id) => WireActor::User(id.to_string()),
            Actor::ApiKey(id) => WireActor::ApiKey(id.to_string()),
            Actor::Os(uid) => WireActor::Os(*uid),
            Actor::Job { job, originator } => WireActor::Job { job: job.to_string(), originator: originator.clone() },
            Actor::System => WireActor::System,
        };
        let permissions = scope.permissions().iter().map(|it| it.text().to_owned()).collect();
        Self { tenant: scope.tenant().to_string(), actor, permissions, sandbox_only: scope.is_sandbox_only() }
    }

    pub(crate) fn scope(&self) -> Option<Scope> {
        let tenant: TenantId = self.tenant.parse().ok()?;
        let actor = match &self.actor {
            WireActor::User(id) => Actor::User(id.parse::<UserId>().ok()?),
            WireActor::ApiKey(id) => Actor::ApiKey(id.parse::<ApiKeyId>().ok()?),
            WireActor::Os(uid) => Actor::Os(*uid),
            WireActor::Job { job, originator } => Actor::Job { job: job.parse::<JobId>().ok()?, originator: originator.clone() },
            WireActor::System => Actor::System,
        };
        let permissions: Option<Vec<_>> = self.permissions.iter().map(|it| Permission::from_text(it)).collect();
        let scope = Scope::signed_in(tenant, actor, permissions?);
        Some(if self.sandbox_only { scope.in_sandbox_only() } else { scope })
    }
}

pub(crate) fn profile_text(profile: Profile) -> &'static str {
    match profile {
        Profile::Plain => "plain",
        Profile::Dgii => "dgii",
        Profile::SatToken => "sat_token",
        Profile::SatRequest(Form::Phpcfdi) => "sat_request",
        Profile::SatRequest(Form::Official) => "sat_request_official",
    }
}

pub(crate) fn profile(text: &str) -> Option<Profile> {
    let all =
        [Profile::Plain, Profile::Dgii, Profile::SatToken, Profile::SatRequest(Form::Phpcfdi), Profile::SatRequest(Form::Official)];
    all.into_iter().find(|it| profile_text(*it) == text)
}

/// A frame of a head and its parts.
pub(crate) fn frame(head: &impl Serialize, parts: Vec<Part>) -> Option<Frame> {
    Some(Frame { head: Zeroizing::new(serde_json::to_vec(head).ok()?), parts })
}

/// What was handed in, as parts: the password first.
pub(crate) fn handed_parts(handed: &Handed) -> Vec<Part> {
    let part = |it: &Secret| Zeroizing::new(it.expose().to_vec());
    let mut parts = vec![part(handed.password())];
    match handed.files() {
        Files::Pkcs12(file) => parts.push(part(file)),
        Files::Two { cer, key } => parts.extend([part(cer), part(key)]),
    }
    parts
}

/// What was handed in, of its parts.
pub(crate) fn handed(parts: Vec<Part>) -> Option<Handed> {
    let mut parts = parts.into_iter().map(secret);
    let (password, first, second) = (parts.next()?, parts.next()?, parts.next());
    let files = match second {
        None => Files::Pkcs12(first),
        Some(key) => Files::Two { cer: first, key },
    };
    parts.next().is_none().then(|| Handed::new(files, password))
}

/// The bytes move; nothing is copied.
pub(crate) fn secret(mut part: Part) -> Secret {
    Secret::new(std::mem::take(&mut *part))
}

/// Sealed credentials as a head and parts.
pub(crate) fn sealed_answer(all: Vec<Restorable>, is_backup: bool) -> (Answer, Vec<Part>) {
    let (mut heads, mut parts) = (Vec::new(), Vec::new());
    for it in all {
        let SealedCredential { id, kind, data_key, key_use, key_version, object, certificate, along, .. } = it.sealed;
        heads.push(WireSealed {
            id: id.to_string(),
            kind: kind.text().to_owned(),
            key_use: key_use.text().to_owned(),
            key_version,
            along: along.len(),
            was: is_backup.then(|| (it.was, it.owner, it.state.text().to_owned())),
        });
        parts.extend([data_key, object, certificate.der().to_vec()].map(Zeroizing::new));
        parts.extend(along.iter().map(|it| Zeroizing::new(it.der().to_vec())));
    }
    (Answer::Sealed { all: heads }, parts)
}

/// The sealed credentials of a head and its parts.
pub(crate) fn sealed(all: Vec<WireSealed>, parts: Vec<Part>) -> Option<Vec<Restorable>> {
    let mut parts = parts.into_iter();
    let mut done = Vec::with_capacity(all.len());
    for it in all {
        let (data_key, object, certificate) = (parts.next()?.to_vec(), parts.next()?.to_vec(), parts.next()?);
        let along = parts.by_ref().take(it.along.min(MAX_BAGS)).map(|it| Certificate::parse(&it).ok());
        let along = along.collect::<Option<Vec<_>>>()?;
        let (was, owner, state) = it.was.unwrap_or_default();
        let sealed = SealedCredential {
            id: it.id.parse::<CredentialId>().ok()?,
            kind: CredentialKind::from_text(&it.kind)?,
            data_key,
            key_use: KeyUse::from_text(&it.key_use)?,
            key_version: it.key_version,
            digest: SealedCredential::digest_of(&object),
            object,
            certificate: Certificate::parse(&certificate).ok()?,
            along,
        };
        done.push(Restorable { sealed, was, owner, state: CredentialState::from_text(&state).unwrap_or(CredentialState::Next) });
    }
    parts.next().is_none().then_some(done)
}

/// A signed document as a head and parts.
pub(crate) fn signed_answer(it: Sealed) -> (Answer, Vec<Part>) {
    let amount = it.amount.map(|it| (it.value.to_string(), it.currency));
    let credential = it.credential.to_string();
    let head = Answer::Signed { credential, counter: it.counter, intended: it.intended, ended: it.ended, root: it.root, amount };
    (head, [it.document, it.digest.to_vec(), it.handed_in.to_vec()].map(Zeroizing::new).into())
}

/// The signed document of a head and its parts.
pub(crate) fn signed(head: Answer, parts: Vec<Part>) -> Option<Sealed> {
    let Answer::Signed { credential, counter, intended, ended, root, amount } = head else { return None };
    let [mut document, digest, handed_in]: [Part; 3] = parts.try_into().ok()?;
    let amount = match amount {
        Some((value, currency)) => Some(Amount::read(&value, &currency)?),
        None => None,
    };
    Some(Sealed {
        document: std::mem::take(&mut *document),
        digest: digest.as_slice().try_into().ok()?,
        handed_in: handed_in.as_slice().try_into().ok()?,
        credential: credential.parse().ok()?,
        counter,
        intended,
        ended,
        root,
        amount,
    })
}

pub(crate) fn plan_answer(plan: RotationPlan) -> Answer {
    let wire = |it: Planned| WirePlanned {
        tenant: it.tenant.to_string(),
        key_use: it.key_use.text().to_owned(),
        version: it.version,
        moves: it.moves,
        broken: it.broken,
    };
    Answer::Plan { makes: plan.makes, to: plan.to, rows: plan.rows.into_iter().map(wire).collect() }
}

pub(crate) fn plan(makes: Option<u32>, to: u32, rows: Vec<WirePlanned>) -> Option<RotationPlan> {
    let planned = |it: WirePlanned| {
        let (tenant, key_use) = (it.tenant.parse().ok()?, KeyUse::from_text(&it.key_use)?);
        Some(Planned { tenant, key_use, version: it.version, moves: it.moves, broken: it.broken })
    };
    Some(RotationPlan { makes, to, rows: rows.into_iter().map(planned).collect::<Option<_>>()? })
}

pub(crate) fn progress_answer(progress: Progress) -> Answer {
    Answer::Progress { moved: progress.moved, broken: progress.broken, behind: progress.behind }
}

pub(crate) fn refusal(error: &VaultError) -> Answer {
    Answer::Refused { code: error.code().slug().to_owned(), text: error.to_string() }
}

/// What a refusal says, in the terms of this side.
pub(crate) fn refused(code: &str, text: String) -> VaultError {
    VaultError::Remote { code: Code::from_slug(code).unwrap_or(Code::Internal), text }
}
