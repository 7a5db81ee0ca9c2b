//! The ways out: a server, a folder, none.

use crate::letter::{self, Letter};
use async_trait::async_trait;
use fedatario_app::mail::{Mail, PostError, Postman};
use fedatario_base::id::MailId;
use fedatario_base::text::Language;
use fedatario_base::{Code, Secret};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one exchange with the server may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Characters of what a server says that are kept.
const WORDS_AT_MOST: usize = 200;
/// Answers that speak of our own login and not of the message: somebody has to mend the configuration.
const ABOUT_US: [u16; 4] = [454, 530, 534, 535];

/// By which way mail leaves.
#[derive(Debug, Default)]
pub struct Settings {
    /// `smtps://user:password@host:465`, or `smtp://…?tls=required`.
    pub smtp: Option<Secret>,
    /// A folder that messages are written into, one file each.
    pub folder: Option<PathBuf>,
    /// Who writes: `Fedatario <avisos@example.com>`.
    pub from: Option<String>,
}

/// What is wrong with the settings. Neither the address nor its password is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MailerError(String);

impl MailerError {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        Code::ConfigInvalid
    }
}

enum Way {
    Server(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
    None,
}

/// Writes mails out and hands them on.
pub struct Mailer {
    way: Way,
    from: Mailbox,
}

impl Mailer {
    /// A mailer by the settings; with none there is no way out, and mail waits.
    pub fn new(settings: Settings) -> Result<Self, MailerError> {
        let way = match (settings.smtp, settings.folder) {
            (Some(_), Some(_)) => return Err(MailerError("a mail server and a mail folder are both set".to_owned())),
            (Some(url), None) => Way::Server(Box::new(server(&url)?)),
            (None, Some(folder)) => Way::Folder(folder),
            (None, None) => Way::None,
        };
        let from = match (settings.from, &way) {
            (Some(text), _) => text.parse().map_err(|_| MailerError("the sender is no address".to_owned()))?,
            (None, Way::Server(_)) => return Err(MailerError("a mail server is set and no sender".to_owned())),
            (None, _) => Mailbox::new(Some("Fedatario".to_owned()), here()?),
        };
        Ok(Self { way, from })
    }

    fn message(&self, id: MailId, mail: &Mail) -> Result<Message, PostError> {
        let to: Address = mail.to.parse().map_err(|_| PostError::Address)?;
        let Letter { subject, text, page } = letter::write(mail)?;
        let language = if mail.language == Language::En { "en" } else { "es" };
        let message = Message::builder()
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .date(mail.at.into())
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .header(AutoSubmitted)
            .header(ContentLanguage(language))
            .multipart(MultiPart::alternative_plain_html(text, page));
        message.map_err(|error| PostError::Template(error.to_string()))
    }
}

/// Where a folder's messages say that they come from.
fn here() -> Result<Address, MailerError> {
    Address::new("fedatario", "localhost").map_err(|error| MailerError(error.to_string()))
}

fn server(url: &Secret) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailerError> {
    let url = url.expose_str().ok_or_else(|| MailerError("the mail server's address is not a text".to_owned()))?;
    // What the library says may quote the address, password and all.
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
    let bad = || MailerError("the mail server's address is not smtps://user:password@host:port".to_owned());
    Ok(builder.map_err(|_| bad())?.timeout(Some(TIMEOUT)).build())
}

#[async_trait]
impl Postman for Mailer {
    fn is_configured(&self) -> bool {
        !matches!(self.way, Way::None)
    }

    async fn send(&self, id: MailId, mail: &Mail) -> Result<(), PostError> {
        match &self.way {
            Way::None => Err(PostError::Unconfigured),
            Way::Folder(folder) => {
                let bytes = self.message(id, mail)?.formatted();
                put(folder, id, &bytes).await.map_err(|error| PostError::Unavailable(format!("the folder: {error}")))
            }
            Way::Server(server) => {
                let sent = server.send(self.message(id, mail)?).await;
                sent.map(|_| ()).map_err(|error| refused(&error, mail))
            }
        }
    }
}

/// Whether the server means this message or cannot take any now.
fn refused(error: &lettre::transport::smtp::Error, mail: &Mail) -> PostError {
    let status = error.status().map(|it| it.to_string().parse::<u16>().unwrap_or_default());
    let words: String = error.to_string().replace(&mail.to, "…");
    let words: String = words.chars().map(|it| if it.is_control() { ' ' } else { it }).take(WORDS_AT_MOST).collect();
    if error.is_permanent() && !status.is_some_and(|it| ABOUT_US.contains(&it)) {
        PostError::Refused(words)
    } else {
        PostError::Unavailable(words)
    }
}

/// Writes a message beside its place and gives it its name when it is whole; only the owner reads it.
async fn put(folder: &Path, id: MailId, bytes: &[u8]) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt;
    tokio::fs::create_dir_all(folder).await?;
    let (part, whole) = (folder.join(format!(".{id}.part")), folder.join(format!("{id}.eml")));
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(&part).await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    tokio::fs::rename(&part, &whole).await
}

/// RFC 3834: nobody's absence note answers this.
#[derive(Debug, Clone)]
struct AutoSubmitted;

/// RFC 3282.
#[derive(Debug, Clone)]
struct ContentLanguage(&'static str);

type Parsed<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Parsed<Self> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Header for ContentLanguage {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }

    fn parse(text: &str) -> Parsed<Self> {
        Ok(Self(if text.trim() == "en" { "en" } else { "es" }))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(smtp: Option<&str>, folder: Option<&str>, from: Option<&str>) -> Result<Mailer, MailerError> {
        let (smtp, folder) = (smtp.map(Secret::new), folder.map(PathBuf::from));
        Mailer::new(Settings { smtp, folder, from: from.map(str::to_owned) })
    }

    // The library's pool wants a runtime around it, even to be dropped.
    #[tokio::test]
    async fn settings_that_cannot_work_are_refused_without_saying_the_password() {
        let cases = [
            (Some("smtp://u:geheim@h:25"), Some("/tmp/x"), Some("a@example.com")),
            (Some("smtp://u:geheim@h:25"), None, None),
            (Some("http://u:geheim@h"), None, Some("a@example.com")),
            (Some("geheim"), None, Some("a@example.com")),
            (None, Some("/tmp/x"), Some("no address")),
            (None, Some("/tmp/x"), Some("a@example.com\r\nBcc: b@example.com")),
        ];
        for (smtp, folder, from) in cases {
            let error = of(smtp, folder, from).err().unwrap_or_else(|| panic!("{smtp:?} {folder:?} {from:?}"));
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
        assert!(!of(None, None, None).unwrap().is_configured());
        assert!(of(None, Some("/tmp/x"), None).unwrap().is_configured());
        fedatario_testkit::covers!("mail: settings that cannot work are refused, and the password is not said");
    }
}
