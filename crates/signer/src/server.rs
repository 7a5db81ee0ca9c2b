//! The signer's side: who shows a certificate of the authority is asked what they want, and the vault
//! answers.
//!
//! Everything is bounded: handshakes, waits, connections, frames. A connection that carried a password is
//! closed behind its answer. What began before the end was told is answered first.

use crate::call::{Call, Within};
use crate::frame::{Frame, first_byte};
use crate::identity::{Identity, IdentityError};
use crate::wire::{self, Answer, Ask, Part, Question};
use fedatario_base::{Clock, Code, Scope};
use fedatario_vault::{Restorable, Vault, VaultError};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

/// Most connections at once; whoever comes later waits at the door.
const CONNECTIONS_AT_MOST: usize = 256;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next question.
const IDLE: Duration = Duration::from_secs(120);
/// How long a question may take to arrive once it has begun, and an answer to be taken.
const FRAME: Duration = Duration::from_secs(30);
/// How long what is under way may take when the end was told.
const ENDING: Duration = Duration::from_secs(20);
/// How long after a failed accept the next is tried: descriptors run out, and come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the signer works with.
pub struct Served {
    /// The vault, which opens taxpayers' keys here.
    pub vault: Arc<Vault>,
    /// Its own clock: nobody outside says what time it is.
    pub clock: Arc<dyn Clock>,
    /// How entries come to name the call that asks.
    pub within: Arc<dyn Within>,
}

/// Serves until it is told to stop.
pub async fn serve(
    listener: TcpListener,
    identity: &Identity,
    served: Served,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), IdentityError> {
    let acceptor = TlsAcceptor::from(Arc::new(identity.server()?));
    let (served, permits) = (Arc::new(served), Arc::new(Semaphore::new(CONNECTIONS_AT_MOST)));
    let mut connections = JoinSet::new();
    while !*stopped.borrow() {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = permits.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (acceptor, served, stopped) = (acceptor.clone(), served.clone(), stopped.clone());
        connections.spawn(async move {
            connection(&acceptor, stream, &served, stopped).await;
            drop(permit);
        });
    }
    let ended = timeout(ENDING, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("questions under way were cut off");
    }
    Ok(())
}

async fn connection(acceptor: &TlsAcceptor, stream: TcpStream, served: &Served, stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, served, stopped).await,
        Ok(Err(error)) => tracing::warn!(%error, "somebody was refused at the signer's door"),
        Err(_) => tracing::warn!("a handshake took too long"),
    }
}

async fn talk(mut stream: TlsStream<TcpStream>, served: &Served, mut stopped: watch::Receiver<bool>) {
    loop {
        let first = tokio::select! {
            first = timeout(IDLE, first_byte(&mut stream)) => first,
            _ = stopped.wait_for(|it| *it) => break,
        };
        let Ok(Ok(Some(first))) = first else { break };
        let Ok(Ok(frame)) = timeout(FRAME, Frame::behind(first, &mut stream)).await else { break };
        let (answer, keeps) = answer(served, frame).await;
        let sent = match answer {
            Some(answer) => timeout(FRAME, answer.send(&mut stream)).await,
            None => break,
        };
        if !matches!(sent, Ok(Ok(()))) || !keeps {
            break;
        }
    }
    let _ = timeout(FRAME, stream.shutdown()).await;
}

/// The answer, and whether the connection is to be used again.
async fn answer(served: &Served, frame: Frame) -> (Option<Frame>, bool) {
    let Ok(question) = serde_json::from_slice::<Question>(&frame.head) else {
        return (wire::frame(&wire::refusal(&broken()), Vec::new()), false);
    };
    let keeps = !question.ask.is_delicate();
    let scope = question.scope.as_ref().map(|it| it.scope());
    let call = question.call.as_ref().map(|it| it.call());
    let answered = match (question.ask, scope, call) {
        (Ask::Alive, ..) => Ok((Answer::Done, Vec::new())),
        (ask, Some(Some(scope)), None) => act(served, &scope, ask, frame.parts).await,
        (ask, Some(Some(scope)), Some(Some(call))) => act_within(served, call, &scope, ask, frame.parts).await,
        _ => Err(broken()),
    };
    let (head, parts) = answered.unwrap_or_else(|error| (wire::refusal(&error), Vec::new()));
    (wire::frame(&head, parts), keeps)
}

async fn act_within(
    served: &Served,
    call: Call,
    scope: &Scope,
    ask: Ask,
    parts: Vec<Part>,
) -> Result<(Answer, Vec<Part>), VaultError> {
    let mut answered = None;
    let work = Box::pin(async { answered = Some(act(served, scope, ask, parts).await) });
    served.within.within(call, work).await;
    answered.unwrap_or_else(|| Err(broken()))
}

async fn act(served: &Served, scope: &Scope, ask: Ask, parts: Vec<Part>) -> Result<(Answer, Vec<Part>), VaultError> {
    let (vault, now) = (&served.vault, served.clock.wall());
    match ask {
        Ask::Alive => Ok((Answer::Done, Vec::new())),
        Ask::TakeIn { id } => {
            let id = id.parse().map_err(|_| broken())?;
            let sealed = vault.take_in(scope, wire::handed(parts).ok_or_else(broken)?, id, now).await?;
            let (was, owner, state) = (String::new(), String::new(), fedatario_vault::CredentialState::Next);
            Ok(wire::sealed_answer(vec![Restorable { sealed, was, owner, state }], false))
        }
        Ask::Seal { credential, profile } => {
            let (credential, profile) = (credential.parse().map_err(|_| broken())?, wire::profile(&profile).ok_or_else(broken)?);
            let [document] = exactly(parts)?;
            Ok(wire::signed_answer(vault.seal_logged(scope, credential, profile, &document, now).await?))
        }
        Ask::Rotate => Ok((Answer::Version { version: vault.rotate_credential_key(scope).await? }, Vec::new())),
        Ask::Rewrap => Ok((wire::progress_answer(vault.rewrap_data_keys(scope).await?), Vec::new())),
        Ask::Plan => Ok((wire::plan_answer(vault.plan_tenant_key(scope).await?), Vec::new())),
        Ask::BackUp { one } => {
            let one = one.map(|it| it.parse().map_err(|_| broken())).transpose()?;
            let [passphrase] = exactly(parts)?;
            bytes(vault.back_up(scope, &wire::secret(passphrase), one, now).await?)
        }
        Ask::OpenBackup => {
            let [passphrase, file] = exactly(parts)?;
            let all = vault.open_backup(scope, &wire::secret(passphrase), &file, now).await?;
            Ok(wire::sealed_answer(all, true))
        }
    }
}

fn bytes(bytes: Vec<u8>) -> Result<(Answer, Vec<Part>), VaultError> {
    Ok((Answer::Bytes, vec![Zeroizing::new(bytes)]))
}

fn exactly<const N: usize>(parts: Vec<Part>) -> Result<[Part; N], VaultError> {
    parts.try_into().map_err(|_| broken())
}

fn broken() -> VaultError {
    VaultError::Remote { code: Code::SignerUnavailable, text: "a question that is none of ours".into() }
}
