//! The sockets: connections within bounds, and an end without a lost answer.
//!
//! HTTP/1.1 in the clear: whoever faces the Internet terminates TLS (and HTTP/2) in front. Told to
//! stop, nothing new is accepted, what is under way is answered, and after [`DRAIN`] the rest is cut.

use crate::edge::Peer;
use crate::patient::Patient;
use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

/// How long the head of a request may take to arrive, and a kept connection be silent.
pub const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// Headers of a request at most.
pub const HEADERS_AT_MOST: usize = 64;
/// Bytes of the head of a request at most: a token of 4 KiB, a target of 8 KiB and room for the rest.
pub const HEAD_BYTES: usize = 32 * 1024;
/// Connections at once at most; the next ones wait in the kernel's queue.
pub const CONNECTIONS_AT_MOST: usize = 2_048;
/// How long what is under way may take after the word to stop (a supervisor kills after 30 s).
pub const DRAIN: Duration = Duration::from_secs(20);
/// How long whoever asked may read nothing of an answer while some of it waits to be sent: a connection
/// and what feeds it (a file, a query) are not held for somebody who went away without a word.
pub const READ_WITHIN: Duration = Duration::from_secs(60);
/// After an accept failed (no descriptors), how long to leave it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopped` turns true and what was under way has ended.
pub async fn serve(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) {
    serve_patiently(listener, router, stopped, READ_WITHIN).await;
}

/// The same with another patience for whoever does not read.
pub async fn serve_patiently(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>, read_within: Duration) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_AT_MOST));
    let (alive, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    let mut stopping = stopped.clone();
    let mut until = pin!(async move {
        let _ = stopping.wait_for(|it| *it).await; // Nobody left to tell us is a word to stop, too.
    });
    loop {
        let next = tokio::select! {
            biased;
            () = &mut until => break,
            next = accept(&listener, &room) => next,
        };
        let Some((stream, peer, permit)) = next else { continue };
        let (router, stopped, alive) = (router.clone(), stopped.clone(), alive.clone());
        tokio::spawn(async move {
            connection(Patient::new(stream, read_within), peer, router, stopped).await;
            drop((permit, alive));
        });
    }
    drop((listener, alive));
    let _ = tokio::time::timeout(DRAIN, ended.recv()).await; // `None` when the last connection ended.
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _ = stream.set_nodelay(true); // A socket without it is slower, and nothing else.
            Some((stream, peer, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(stream: Patient<TcpStream>, peer: SocketAddr, router: Router, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_headers(HEADERS_AT_MOST).max_buf_size(HEAD_BYTES);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut told = pin!(async move { stopped.wait_for(|it| *it).await.is_ok() });
    let mut drains = false;
    loop {
        tokio::select! {
            done = serving.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(%peer, %error, "a connection ended badly");
                }
                return;
            }
            _ = told.as_mut(), if !drains => {
                drains = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A router for the figures alone, on a port of its own: no credential, never the public address.
pub fn figures(render: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
    let metrics = move || {
        let text = render();
        async move { ([("content-type", "text/plain; version=0.0.4")], text) }
    };
    Router::new().route("/metrics", axum::routing::get(metrics))
}
