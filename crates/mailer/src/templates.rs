//! The templates: the first line is the subject, the paragraphs after it the body.
//!
//! A paragraph that is the link alone becomes a button in the page. The page is made from the same
//! paragraphs, so that both halves of a mail say the same.

use fedatario_app::mail::MailKind;
use fedatario_base::text::Language;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

macro_rules! templates {
    ($($kind:ident = $file:literal),* $(,)?) => {
        /// The template of a kind in a language.
        pub fn source(kind: MailKind, language: Language) -> &'static str {
            match (kind, language) {
                $((MailKind::$kind, Language::Es) => include_str!(concat!("../templates/es/", $file, ".txt")),
                  (MailKind::$kind, Language::En) => include_str!(concat!("../templates/en/", $file, ".txt")),)*
            }
        }
    };
}

templates! {
    Invitation = "invitation",
    PasswordReset = "password_reset",
    PasswordChanged = "password_changed",
    EmailChange = "email_change",
    EmailChanged = "email_changed",
    NewDevice = "new_device",
    PartialLogin = "partial_login",
    SessionReplayed = "session_replayed",
    FactorChanged = "factor_changed",
    RecoveryStarted = "recovery_started",
    RecoveryFinished = "recovery_finished",
    RoleChanged = "role_changed",
    AccountDisabled = "account_disabled",
    ApiKeyCreated = "api_key_created",
    WebhookDisabled = "webhook_disabled",
    CertificateExpiring = "certificate_expiring",
    CertificatesExpiring = "certificates_expiring",
    TenantSuspended = "tenant_suspended",
    TenantDeletion = "tenant_deletion",
    KeyExport = "key_export",
    Test = "test",
}

/// The page around the paragraphs.
pub const PAGE: &str = include_str!("../templates/page.html");

/// What every mail ends with.
pub fn foot(language: Language) -> &'static str {
    match language {
        Language::Es => "Este mensaje lo envió Fedatario por su cuenta; nadie lee las respuestas.",
        Language::En => "Fedatario sent this message by itself; nobody reads replies.",
    }
}

/// An environment in which a name that is missing is an error, and only pages are escaped.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
    environment
}
