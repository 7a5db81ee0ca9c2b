//! Documents that answer a question, handed to a writer of rows.
//!
//! They are read here and written on a blocking thread, a few batches apart, so that neither waits for
//! the other for long and nothing piles up between them.

use super::walk::{Read, Walk};
use crate::error::{AppError, AppResult};
use std::io;
use tokio::sync::mpsc;

/// Batches between the reader and the writer.
const BATCHES_IN_FLIGHT: usize = 3;

/// Takes documents as rows; blocking.
pub trait RowSink: Send + 'static {
    /// Writes one document.
    fn take(&mut self, read: &Read) -> io::Result<()>;
    /// Writes what is left and flushes. Nothing is whole before.
    fn finish(self) -> io::Result<()>;
}

/// Hands every document of a walk to a sink; how many there were. `tick` hears of each batch.
pub async fn rows(walk: &mut Walk, mut sink: impl RowSink, tick: &(dyn Fn(u64) + Sync)) -> AppResult<u64> {
    let failed = |error: io::Error| AppError::Output(error.to_string());
    let lost = |error: tokio::task::JoinError| AppError::Internal(error.to_string());
    let (send, mut receive) = mpsc::channel::<Vec<Read>>(BATCHES_IN_FLIGHT);
    let writing = tokio::task::spawn_blocking(move || {
        let mut count = 0;
        while let Some(batch) = receive.blocking_recv() {
            batch.iter().try_for_each(|it| sink.take(it))?;
            count += batch.len() as u64;
        }
        Ok((sink, count))
    });
    let read = hand_over(walk, &send, tick).await;
    drop(send);
    let (sink, count) = writing.await.map_err(lost)?.map_err(failed)?;
    read?; // A reader that failed leaves nothing that looks whole.
    tokio::task::spawn_blocking(move || sink.finish()).await.map_err(lost)?.map_err(failed)?;
    Ok(count)
}

async fn hand_over(walk: &mut Walk, send: &mpsc::Sender<Vec<Read>>, tick: &(dyn Fn(u64) + Sync)) -> AppResult<()> {
    while let Some(batch) = walk.next().await? {
        tick(batch.len() as u64);
        if send.send(batch).await.is_err() {
            break; // The writer failed, and says why.
        }
    }
    Ok(())
}
