//! Bytes on their way: a body laid down in a file, a file or a blocking writer as a body.
//!
//! A pipe holds a few pieces and no more: whoever writes waits for whoever reads. When the writer fails
//! the answer is broken off, so that half a file never looks like a whole one.

use crate::problem::ApiError;
use axum::body::Body;
use bytes::Bytes;
use fedatario_app::AppError;
use fedatario_base::Code;
use fedatario_base::id::RequestId;
use futures_util::StreamExt;
use http_body_util::LengthLimitError;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// Pieces between the writer and the wire.
const PIECES_IN_FLIGHT: usize = 4;
/// Bytes of a piece that is read from a file.
const PIECE_BYTES: usize = 64 << 10;

/// A file of ours that is gone when this is dropped.
pub struct Laid(PathBuf);

impl Laid {
    /// A place for the file of a request; nothing lies there yet.
    pub fn place(folder: &Path, request: RequestId) -> Self {
        Self(folder.join(format!("spool-{request}")))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens it for writing; only its owner may read it.
    pub async fn create(&self) -> Result<tokio::fs::File, ApiError> {
        let mut options = tokio::fs::OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        options.mode(0o600);
        options.open(&self.0).await.map_err(full)
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // Nothing there is as good.
    }
}

fn full(error: io::Error) -> ApiError {
    ApiError::new(Code::BlobUnavailable).because(error)
}

/// Lays a body down as it arrives, within the bound that it came with.
pub async fn lay_down(body: Body, folder: &Path, request: RequestId) -> Result<Laid, ApiError> {
    let laid = Laid::place(folder, request);
    let mut file = laid.create().await?;
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        file.write_all(&piece).await.map_err(full)?;
    }
    file.flush().await.map_err(full)?;
    Ok(laid)
}

/// A body that is too long is told so, whatever stands around the error that says it.
fn broken(error: &axum::Error) -> ApiError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(it) = cause {
        if it.is::<LengthLimitError>() {
            return ApiError::new(Code::BodyTooLarge);
        }
        cause = it.source();
    }
    ApiError::new(Code::BodyBroken).because(error)
}

/// The writing end of a pipe; blocking.
pub struct Pipe(mpsc::Sender<io::Result<Bytes>>);

/// A pipe: what is written comes out as a body.
pub fn pipe() -> (Pipe, Failing, Body) {
    let (send, receive) = mpsc::channel(PIECES_IN_FLIGHT);
    let stream = futures_util::stream::unfold(receive, |mut receive| async move { Some((receive.recv().await?, receive)) });
    (Pipe(send.clone()), Failing(send), Body::from_stream(stream))
}

/// The end that breaks an answer off.
pub struct Failing(mpsc::Sender<io::Result<Bytes>>);

impl Failing {
    /// Says what went wrong in the log, and breaks the answer off.
    pub async fn fail(self, error: AppError) {
        tracing::error!(code = error.code().slug(), %error, "an answer was broken off");
        let _ = self.0.send(Err(io::Error::other("broken off"))).await; // Nobody reads any more: as good.
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever read went away");
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a blocking reader gives, as a body; `keep` is held until it is over.
pub fn reading(mut reader: impl Read + Send + 'static, keep: impl Send + 'static) -> Body {
    let (mut pipe, failing, body) = pipe();
    tokio::task::spawn_blocking(move || {
        let _keep = keep;
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) if pipe.write_all(&buffer[..read]).is_err() => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let _ = failing.0.blocking_send(Err(error)); // The log of the store has said why.
                    return;
                }
            }
        }
    });
    body
}
