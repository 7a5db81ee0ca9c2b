//! A stream that does not wait for ever until somebody reads.
//!
//! Whatever could not be written for a while makes the attempt fail, which ends the connection and drops
//! what feeds it. Reading is not touched: it has bounds of its own.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes give up.
pub(crate) struct Patient<T> {
    inner: T,
    within: Duration,
    /// When the step under way has taken too long.
    until: Pin<Box<Sleep>>,
    /// Whether something waits to be sent.
    waits: bool,
}

impl<T> Patient<T> {
    /// Over a stream; each step of writing may take so long.
    pub(crate) fn new(inner: T, within: Duration) -> Self {
        Self { inner, within, until: Box::pin(sleep(within)), waits: false }
    }

    /// What became of a step: one that waits too long fails.
    fn judged<A>(&mut self, step: Poll<Result<A>>, context: &mut Context<'_>) -> Poll<Result<A>> {
        if step.is_ready() {
            self.waits = false;
            return step;
        }
        if !self.waits {
            self.waits = true;
            self.until.as_mut().reset(Instant::now() + self.within);
        }
        ready!(self.until.as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "whoever asked does not read the answer")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let step = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judged(step, context)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let step = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.judged(step, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let step = Pin::new(&mut self.inner).poll_flush(context);
        self.judged(step, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let step = Pin::new(&mut self.inner).poll_shutdown(context);
        self.judged(step, context)
    }
}
