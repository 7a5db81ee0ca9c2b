//! Mail: what is to be said, to whom, in which language; sent by a job.
//!
//! A service words a [`Mail`] by its kind and the fields of that kind, makes a job of it before it
//! opens its transaction ([`job`]), and enqueues the job in the transaction of the change that the
//! mail tells of. What a job keeps is sealed under the tenant's key, since a mail may hold a link that
//! lets somebody in. How it reads is the mailer's.

mod post;

pub use post::{MAIL_SEND, Mails};

use crate::App;
use crate::error::{AppError, AppResult};
use crate::model::{NewJob, texts};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_base::id::MailId;
use fedatario_base::text::Language;
use fedatario_base::{Clock, Code, Scope};
use fedatario_vault::Vault;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Characters of a field: a name, a place, a reason.
pub const FIELD_CHARS_AT_MOST: usize = 300;
/// Bytes of a link.
pub const LINK_BYTES_AT_MOST: usize = 2_048;
/// Bytes of an address: what RFC 5321 lets a path have.
pub const ADDRESS_BYTES_AT_MOST: usize = 254;
/// Lines of a list: what somebody reads in a mail.
pub const LINES_AT_MOST: usize = 20;
/// The field that holds a list, a line each; each becomes a paragraph.
pub const LIST: &str = "list";
/// The field that holds where the reader is to go.
pub const LINK: &str = "link";

texts! {
    /// What a mail is about. Each has a template of its own in every language.
    MailKind {
        /// Somebody is invited into an organisation.
        Invitation = "invitation",
        /// Somebody forgot a password.
        PasswordReset = "password_reset",
        /// A password was changed.
        PasswordChanged = "password_changed",
        /// A new address is to be confirmed; sent to it.
        EmailChange = "email_change",
        /// An address was changed; sent to the former one.
        EmailChanged = "email_changed",
        /// A login from a device that was not seen before.
        NewDevice = "new_device",
        /// A password was right and the second factor was not shown.
        PartialLogin = "partial_login",
        /// A refresh token was shown twice: the session was ended.
        SessionReplayed = "session_replayed",
        /// A second factor was added or removed, recovery codes were made.
        FactorChanged = "factor_changed",
        /// Somebody's lost factors are to be taken off after a delay.
        RecoveryStarted = "recovery_started",
        /// They were.
        RecoveryFinished = "recovery_finished",
        /// Somebody's role was changed.
        RoleChanged = "role_changed",
        /// An account was disabled.
        AccountDisabled = "account_disabled",
        /// An API key was made.
        ApiKeyCreated = "api_key_created",
        /// A webhook was switched off.
        WebhookDisabled = "webhook_disabled",
        /// A certificate ends soon.
        CertificateExpiring = "certificate_expiring",
        /// Several certificates end soon.
        CertificatesExpiring = "certificates_expiring",
        /// An organisation was suspended.
        TenantSuspended = "tenant_suspended",
        /// An organisation's data will be deleted.
        TenantDeletion = "tenant_deletion",
        /// Key material is about to leave the house, or was kept in.
        KeyExport = "key_export",
        /// Whether mail works.
        Test = "test",
    }
}

impl MailKind {
    /// The fields that its template needs, no more and no fewer.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            MailKind::Invitation => &["organisation", "by", "role", LINK, "until"],
            MailKind::PasswordReset | MailKind::EmailChange => &[LINK, "until"],
            MailKind::PasswordChanged => &["at", "device", "address"],
            MailKind::EmailChanged => &["at", "device", "address"],
            MailKind::NewDevice | MailKind::PartialLogin | MailKind::SessionReplayed => &["at", "device", "address"],
            MailKind::FactorChanged => &["at", "what", "device", "address"],
            MailKind::RecoveryStarted => &["who", "by", "organisation", "until"],
            MailKind::RecoveryFinished => &["who", "organisation", "at"],
            MailKind::RoleChanged => &["organisation", "role", "by", "at"],
            MailKind::AccountDisabled => &["organisation", "by", "at"],
            MailKind::ApiKeyCreated => &["organisation", "name", "by", "at"],
            MailKind::WebhookDisabled => &["url", "reason", "at"],
            MailKind::CertificateExpiring => &["rfc", "name", "number", "until", "when", "note"],
            MailKind::CertificatesExpiring => &["count", "when", LIST, "more", "note"],
            MailKind::TenantSuspended => &["organisation", "by", "at"],
            MailKind::TenantDeletion => &["organisation", "by", "until"],
            MailKind::KeyExport => &["organisation", "what", "by", "reason", "until"],
            MailKind::Test => &["at"],
        }
    }
}

/// One message to one address.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// What it is about.
    pub kind: MailKind,
    /// To whom: an address alone, no name.
    pub to: String,
    /// In which language.
    pub language: Language,
    /// What its template needs.
    pub fields: BTreeMap<String, String>,
    /// When it was worded (wall): it is not sent for ever.
    pub at: Timestamp,
}

/// Neither the address nor a link is for logs.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({})", self.kind)
    }
}

impl Mail {
    /// A mail with the fields of its kind, cut to their bounds; what would break a line is a blank.
    pub fn new(kind: MailKind, to: &str, language: Language, at: Timestamp, fields: &[(&str, String)]) -> AppResult<Self> {
        let to = to.trim();
        if to.is_empty() || to.len() > ADDRESS_BYTES_AT_MOST || to.chars().any(|it| it.is_control() || it.is_whitespace()) {
            return Err(AppError::Input { code: Code::MailAddress, text: "not an address".to_owned() });
        }
        let mut kept = BTreeMap::new();
        for (name, value) in fields {
            kept.insert((*name).to_owned(), field(name, value)?);
        }
        let wanted = kind.fields();
        if kept.len() != wanted.len() || !wanted.iter().all(|it| kept.contains_key(*it)) {
            return Err(AppError::Internal(format!("a mail of {kind} needs {wanted:?}")));
        }
        Ok(Self { kind, to: to.to_owned(), language, fields: kept, at })
    }

    fn to_json(&self) -> serde_json::Value {
        let language = if self.language == Language::En { "en" } else { "es" };
        serde_json::json!({
            "kind": self.kind, "to": self.to, "language": language, "fields": self.fields, "at": self.at.to_string(),
        })
    }

    fn from_json(value: &serde_json::Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str();
        let fields = value.get("fields")?.as_object()?.iter();
        Some(Self {
            kind: MailKind::from_text(text("kind")?)?,
            to: text("to")?.to_owned(),
            language: Language::from_tag(text("language")?),
            fields: fields.filter_map(|(name, it)| Some((name.clone(), it.as_str()?.to_owned()))).collect(),
            at: text("at")?.parse().ok()?,
        })
    }
}

fn field(name: &str, value: &str) -> AppResult<String> {
    if name == LIST {
        let lines = value.lines().map(line).filter(|it| !it.is_empty());
        return Ok(lines.take(LINES_AT_MOST).collect::<Vec<_>>().join("\n\n"));
    }
    if name != LINK {
        return Ok(line(value));
    }
    let good = value.len() <= LINK_BYTES_AT_MOST
        && (value.starts_with("https://") || value.starts_with("http://"))
        && value.bytes().all(|it| it.is_ascii_graphic());
    if good { Ok(value.to_owned()) } else { Err(AppError::Internal("a mail's link is no address".to_owned())) }
}

/// A text on one line, cut to its bound.
fn line(value: &str) -> String {
    let line: String = value.chars().map(|it| if breaks(it) { ' ' } else { it }).take(FIELD_CHARS_AT_MOST).collect();
    line.trim().to_owned()
}

/// What ends a line for somebody: control characters, and Unicode's own separators.
fn breaks(it: char) -> bool {
    it.is_control() || matches!(it, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Why a mail did not go out.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Nobody said by which way mail leaves.
    #[error("no way out for mail is configured")]
    Unconfigured,
    /// The address is none.
    #[error("the address cannot be written to")]
    Address,
    /// The server refuses this message for good.
    #[error("the mail server refuses: {0}")]
    Refused(String),
    /// The server cannot be reached, or not now.
    #[error("the mail server cannot be reached: {0}")]
    Unavailable(String),
    /// The template does not fit.
    #[error("the mail could not be written: {0}")]
    Template(String),
}

impl PostError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            PostError::Unconfigured => Code::MailUnconfigured,
            PostError::Address => Code::MailAddress,
            PostError::Refused(_) => Code::MailRefused,
            PostError::Unavailable(_) => Code::MailUnavailable,
            PostError::Template(_) => Code::Internal,
        }
    }

    /// Whether trying again is of no use.
    pub fn is_final(&self) -> bool {
        matches!(self, PostError::Address | PostError::Refused(_) | PostError::Template(_))
    }
}

/// Writes a mail out and hands it on.
#[async_trait]
pub trait Postman: Send + Sync {
    /// Whether there is a way out at all; without one, whoever would be mailed is told otherwise.
    fn is_configured(&self) -> bool;
    /// Hands a mail on under a name of its own: handed on twice it is the same message.
    async fn send(&self, id: MailId, mail: &Mail) -> Result<(), PostError>;
}

/// The job that sends a mail, to be enqueued in the transaction of what it tells of. Sealing may make
/// a key, so this comes before that transaction is opened.
pub async fn job(app: &App, scope: &Scope, mail: &Mail) -> AppResult<NewJob> {
    job_over(&app.vault, app.clock.as_ref(), scope, mail).await
}

/// The same, over what it needs of the services.
pub async fn job_over(vault: &Vault, clock: &dyn Clock, scope: &Scope, mail: &Mail) -> AppResult<NewJob> {
    let id = MailId::fresh(clock.wall());
    let plain = mail.to_json().to_string();
    let sealed = vault.seal_bytes(scope, &label(id), plain.as_bytes()).await?;
    Ok(NewJob {
        kind: MAIL_SEND,
        key: id.to_string(),
        payload: serde_json::json!({ "id": id.to_string(), "kind": mail.kind, "sealed": STANDARD.encode(sealed) }),
        due: clock.service(),
        run: None,
    })
}

/// What a mail is sealed under.
fn label(id: MailId) -> String {
    format!("mail:{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    #[test]
    fn a_field_never_breaks_a_line_and_is_cut() {
        let long = "x".repeat(FIELD_CHARS_AT_MOST + 50);
        let cases = [
            ("a\r\nBcc: b@example.com", "a  Bcc: b@example.com"),
            ("a\u{2028}b\u{85}c\0d", "a b c d"),
            ("  Ñandú, S.A. ", "Ñandú, S.A."),
            ("abc\u{202e}gpj.exe", "abc gpj.exe"),
        ];
        for (given, expected) in cases {
            let fields = [("url", given.to_owned()), ("reason", long.clone()), ("at", "hoy".to_owned())];
            let mail = Mail::new(MailKind::WebhookDisabled, "a@example.com", Language::Es, at(), &fields).unwrap();
            assert_eq!(mail.fields["url"], expected);
            assert_eq!(mail.fields["reason"].chars().count(), FIELD_CHARS_AT_MOST);
        }
        fedatario_testkit::covers!("mail: what a stranger wrote is one line of bounded length");
    }

    #[test]
    fn addresses_links_and_fields_are_looked_at() {
        let link = |it: &str| [(LINK, it.to_owned()), ("until", "hoy".to_owned())];
        let reset = |to: &str, it: &str| Mail::new(MailKind::PasswordReset, to, Language::En, at(), &link(it));
        assert!(reset("ana@example.com", "https://f.example/x#t=1").is_ok());
        for to in ["", "ana@example.com\r\nBcc: x@example.com", "ana @example.com", &"a".repeat(300)] {
            assert_eq!(reset(to, "https://f.example").unwrap_err().code(), Code::MailAddress, "{to:?}");
        }
        for it in ["javascript:alert(1)", "https://f.example/\"><b>", "https://f.example/a b", "https://f.example/\r\nX: y"] {
            let told = reset("ana@example.com", it).map(|mail| mail.fields[LINK].clone());
            assert!(told.is_err() || !told.unwrap().contains(char::is_whitespace), "{it:?}");
        }
        let missing = Mail::new(MailKind::PasswordReset, "a@example.com", Language::Es, at(), &[("until", "hoy".to_owned())]);
        assert_eq!(missing.unwrap_err().code(), Code::Internal);
        let shown = format!("{:?}", reset("ana@example.com", "https://f.example/x#t=secreto").unwrap());
        assert!(!shown.contains("secreto") && !shown.contains("ana@"), "{shown}");
        fedatario_testkit::covers!("mail: an address is an address, a link is a link, and neither is shown in logs");
    }

    #[test]
    fn a_mail_is_read_back_as_it_was() {
        for kind in MailKind::ALL {
            let value =
                |name: &&'static str| (*name, if *name == LINK { "https://f.example".to_owned() } else { format!("<{name}>") });
            let fields: Vec<(&str, String)> = kind.fields().iter().map(value).collect();
            let mail = Mail::new(*kind, "ana@example.com", Language::En, at(), &fields).unwrap();
            assert_eq!(Mail::from_json(&mail.to_json()), Some(mail), "{kind}");
        }
    }
}
