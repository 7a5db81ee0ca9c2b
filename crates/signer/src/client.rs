//! The vault's way to the signer: connections that are kept, waits that end.
//!
//! A connection serves one question at a time and is kept for the next one, unless it carried a password.
//! One that was kept may have died since; whatever was asked over it is then asked once more over a new
//! one, which is safe: a signature of the same document is the same signature, each use of a key has its
//! own entry, and of two sealed credentials only one is stored.

use crate::call::{Asking, WireCall};
use crate::frame::Frame;
use crate::identity::{Identity, IdentityError, SIGNER_NAME};
use crate::wire::{self, Answer, Ask, Part, Question, WireScope};
use async_trait::async_trait;
use fedatario_base::id::CredentialId;
use fedatario_base::{Scope, Secret};
use fedatario_vault::{Handed, Progress, RemoteSigner, Restorable, RotationPlan, Sealed, SealedCredential, VaultError};
use fedatario_xmlsig::Profile;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

/// How long what may take long is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until a connection stands, handshake and all.
    pub connect: Duration,
    /// Until a question is answered. Opening a `.p12` takes seconds and has a queue.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(60) }
    }
}

/// Most connections that wait for a next question.
const IDLE_AT_MOST: usize = 32;
/// How long one waits: less than the signer lets it.
const IDLE_FOR: Duration = Duration::from_secs(60);

type Stream = TlsStream<TcpStream>;

/// The signer as the other roles ask it. Nothing is connected until something is asked.
pub struct Client {
    address: String,
    connector: TlsConnector,
    timeouts: Timeouts,
    idle: Mutex<Vec<(Stream, Instant)>>,
    asking: Option<Asking>,
}

/// Why a question has no answer.
enum Lost {
    /// Over a connection that was kept: it may have been dead before.
    Stale(std::io::Error),
    Failed(String),
}

impl Client {
    /// Over `host:port`, as `identity`.
    pub fn new(address: impl Into<String>, identity: &Identity, timeouts: Timeouts) -> Result<Self, IdentityError> {
        let connector = TlsConnector::from(Arc::new(identity.client()?));
        Ok(Self { address: address.into(), connector, timeouts, idle: Mutex::default(), asking: None })
    }

    /// The same, telling the signer by which call it is asked.
    pub fn telling(self, asking: Asking) -> Self {
        Self { asking: Some(asking), ..self }
    }

    async fn ask(&self, scope: Option<&Scope>, ask: Ask, parts: Vec<Part>) -> Result<(Answer, Vec<Part>), VaultError> {
        let is_delicate = ask.is_delicate();
        let call = self.asking.as_ref().and_then(|it| it()).map(|it| WireCall::of(&it));
        let question = Question { scope: scope.map(WireScope::of), call, ask };
        let frame = wire::frame(&question, parts).ok_or(VaultError::Crypto("a question that cannot be written"))?;
        let answer = self.exchange(&frame, is_delicate).await?;
        let head: Answer = serde_json::from_slice(&answer.head).map_err(|_| strange())?;
        match head {
            Answer::Refused { code, text } => Err(wire::refused(&code, text)),
            head => Ok((head, answer.parts)),
        }
    }

    async fn exchange(&self, frame: &Frame, is_delicate: bool) -> Result<Frame, VaultError> {
        if !is_delicate && let Some(kept) = self.kept() {
            match self.over(kept, frame, true, true).await {
                Ok(answer) => return Ok(answer),
                Err(Lost::Stale(error)) => tracing::debug!(%error, "a connection to the signer had died"),
                Err(Lost::Failed(text)) => return Err(self.unavailable(text)),
            }
        }
        let fresh = self.connect().await?;
        match self.over(fresh, frame, false, !is_delicate).await {
            Ok(answer) => Ok(answer),
            Err(Lost::Stale(error)) => Err(self.unavailable(error.to_string())),
            Err(Lost::Failed(text)) => Err(self.unavailable(text)),
        }
    }

    async fn over(&self, mut stream: Stream, frame: &Frame, was_kept: bool, keeps: bool) -> Result<Frame, Lost> {
        let lost = |error: std::io::Error| if was_kept { Lost::Stale(error) } else { Lost::Failed(error.to_string()) };
        let whole = async {
            frame.send(&mut stream).await.map_err(lost)?;
            let first = crate::frame::first_byte(&mut stream).await.map_err(lost)?;
            let first = first.ok_or_else(|| lost(std::io::ErrorKind::UnexpectedEof.into()))?;
            Frame::behind(first, &mut stream).await.map_err(|error| Lost::Failed(error.to_string()))
        };
        let answer = timeout(self.timeouts.answer, whole).await.map_err(|_| Lost::Failed("no answer in time".into()))??;
        if keeps {
            self.keep(stream);
        }
        Ok(answer)
    }

    async fn connect(&self) -> Result<Stream, VaultError> {
        let whole = async {
            let stream = TcpStream::connect(&self.address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from(SIGNER_NAME).map_err(std::io::Error::other)?;
            self.connector.connect(name, stream).await
        };
        let stood = timeout(self.timeouts.connect, whole).await.map_err(|_| self.unavailable("no connection in time".into()))?;
        stood.map_err(|error| self.unavailable(error.to_string()))
    }

    fn kept(&self) -> Option<Stream> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_FOR);
        idle.pop().map(|(stream, _)| stream)
    }

    fn keep(&self, stream: Stream) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_AT_MOST {
            idle.push((stream, Instant::now()));
        }
    }

    fn unavailable(&self, text: String) -> VaultError {
        tracing::warn!(address = self.address, text, "the signer cannot be reached");
        VaultError::SignerUnavailable(text)
    }

    async fn restorables(&self, scope: &Scope, ask: Ask, parts: Vec<Part>) -> Result<Vec<Restorable>, VaultError> {
        match self.ask(Some(scope), ask, parts).await? {
            (Answer::Sealed { all }, parts) => wire::sealed(all, parts).ok_or_else(strange),
            _ => Err(strange()),
        }
    }

    async fn bytes(&self, scope: &Scope, ask: Ask, parts: Vec<Part>) -> Result<Vec<u8>, VaultError> {
        match self.ask(Some(scope), ask, parts).await? {
            (Answer::Bytes, mut parts) if parts.len() == 1 => Ok(std::mem::take(&mut parts[0])),
            _ => Err(strange()),
        }
    }
}

fn strange() -> VaultError {
    VaultError::SignerUnavailable("it answered something else; both sides must be of one version".into())
}

fn part(bytes: &[u8]) -> Part {
    Zeroizing::new(bytes.to_vec())
}

#[async_trait]
impl RemoteSigner for Client {
    async fn take_in(&self, scope: &Scope, handed: Handed, id: CredentialId) -> Result<SealedCredential, VaultError> {
        let parts = wire::handed_parts(&handed);
        drop(handed);
        let mut all = self.restorables(scope, Ask::TakeIn { id: id.to_string() }, parts).await?;
        all.pop().map(|it| it.sealed).filter(|it| it.id == id).ok_or_else(strange)
    }

    async fn seal(&self, scope: &Scope, credential: CredentialId, profile: Profile, document: &[u8]) -> Result<Sealed, VaultError> {
        let ask = Ask::Seal { credential: credential.to_string(), profile: wire::profile_text(profile).to_owned() };
        let (head, parts) = self.ask(Some(scope), ask, vec![part(document)]).await?;
        wire::signed(head, parts).ok_or_else(strange)
    }

    async fn rotate(&self, scope: &Scope) -> Result<u32, VaultError> {
        match self.ask(Some(scope), Ask::Rotate, Vec::new()).await? {
            (Answer::Version { version }, _) => Ok(version),
            _ => Err(strange()),
        }
    }

    async fn rewrap(&self, scope: &Scope) -> Result<Progress, VaultError> {
        match self.ask(Some(scope), Ask::Rewrap, Vec::new()).await? {
            (Answer::Progress { moved, broken, behind }, _) => Ok(Progress { moved, broken, behind }),
            _ => Err(strange()),
        }
    }

    async fn plan(&self, scope: &Scope) -> Result<RotationPlan, VaultError> {
        match self.ask(Some(scope), Ask::Plan, Vec::new()).await? {
            (Answer::Plan { makes, to, rows }, _) => wire::plan(makes, to, rows).ok_or_else(strange),
            _ => Err(strange()),
        }
    }

    async fn back_up(&self, scope: &Scope, passphrase: &Secret, one: Option<CredentialId>) -> Result<Vec<u8>, VaultError> {
        let ask = Ask::BackUp { one: one.map(|it| it.to_string()) };
        self.bytes(scope, ask, vec![part(passphrase.expose())]).await
    }

    async fn open_backup(&self, scope: &Scope, passphrase: &Secret, file: &[u8]) -> Result<Vec<Restorable>, VaultError> {
        self.restorables(scope, Ask::OpenBackup, vec![part(passphrase.expose()), part(file)]).await
    }

    async fn alive(&self) -> Result<(), VaultError> {
        match self.ask(None, Ask::Alive, Vec::new()).await? {
            (Answer::Done, _) => Ok(()),
            _ => Err(strange()),
        }
    }
}
