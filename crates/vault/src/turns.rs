//! Costly work in turns: so much of it at once, so many who wait, and the rest is told to come back.
//!
//! Opening a key takes a core for as long as its file says. Whoever asks for it may ask a thousand times:
//! the others must find their cores, and nobody may queue without an end. A turn is held by the work itself,
//! on the thread that does it, so that a caller who goes away frees nothing that is still busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// When whoever finds the queue full may come again: about as long as the queue takes.
pub const COME_BACK: Duration = Duration::from_secs(4);

/// Turns at one kind of work. Clones share them.
#[derive(Debug, Clone)]
pub struct Turns {
    permits: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    room: usize,
}

/// One turn: hold it for as long as the work goes on.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl Turns {
    /// So many at once, and so many more who wait.
    pub fn new(running: usize, waiting: usize) -> Self {
        let permits = Arc::new(Semaphore::new(running));
        Self { permits, inside: Arc::new(AtomicUsize::new(0)), room: running + waiting }
    }

    /// The next turn, once it comes; `None` at once if too many wait already.
    pub async fn take(&self) -> Option<Turn> {
        let place = Place::take(&self.inside, self.room)?;
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        Some(Turn { _permit: permit, _place: place })
    }

    /// How many are at work or wait.
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::Acquire)
    }

    /// How many may be, at most.
    pub fn room(&self) -> usize {
        self.room
    }
}

/// A place inside, at work or waiting; whoever stops waiting leaves it to the next.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(inside: &Arc<AtomicUsize>, room: usize) -> Option<Self> {
        let taken = inside.fetch_update(Ordering::AcqRel, Ordering::Acquire, |it| (it < room).then_some(it + 1));
        taken.is_ok().then(|| Self(inside.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn some_work_some_wait_and_the_next_is_turned_away() {
        let (turns, mut nobody) = (Turns::new(1, 2), Context::from_waker(Waker::noop()));
        let Poll::Ready(Some(first)) = pin!(turns.take()).poll(&mut nobody) else { panic!("there was room") };
        let mut second = Box::pin(turns.take());
        let mut third = Box::pin(turns.take());
        assert!(second.as_mut().poll(&mut nobody).is_pending() && third.as_mut().poll(&mut nobody).is_pending());
        assert!(matches!(pin!(turns.take()).poll(&mut nobody), Poll::Ready(None)), "nobody queues behind two");
        drop(second); // Whoever goes away while waiting leaves the place to the next.
        assert_eq!((turns.inside(), turns.room()), (2, 3));
        let mut fourth = Box::pin(turns.take());
        assert!(fourth.as_mut().poll(&mut nobody).is_pending());
        drop(first);
        assert!(matches!(third.as_mut().poll(&mut nobody), Poll::Ready(Some(_))), "in the order that they came");
        drop((third, fourth));
        assert_eq!(turns.inside(), 0);
        fedatario_testkit::covers!("vault: some open keys, some wait their turn, and the next is turned away");
    }
}
